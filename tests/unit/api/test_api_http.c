/* test_api_http.c - callers, bodies, answers over real sockets: real store and httpd, with the
 * engine, intake and feeds played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "api/api_impl.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/log.h"
#include "intake/hook.h"
#include "loop/mailbox.h"
#include "feed/feed_desk.h"
#include "mail/mail.h"

/* --- the layers below, played ----------------------------------------------------------- */

static bool fake_ready = true;
static tsn_err fake_decide_err;
static int decisions;
static char last_person[64], last_verb[16], last_digest[100], last_key[100];

bool tsn_engine_ready(const struct tsn_engine *e)
{
    (void)e;
    return fake_ready;
}

size_t tsn_engine_broken(const struct tsn_engine *e, const struct tsn_diag **out)
{
    (void)e;
    *out = NULL;
    return 0;
}

void tsn_mail_accept(struct tsn_mail *m, const char *source, const void *p, size_t n,
                     uint64_t whole, tsn_engine_done *done, void *user)
{
    (void)m;
    (void)source;
    (void)p;
    (void)n;
    (void)whole;
    done(0, -1, NULL, NULL, user);
}

void tsn_mail_decide(struct tsn_mail *m, const struct tsn_actor *who, const char *mail_id,
                     const char *case_ref, const char *terms, const char *reason,
                     tsn_engine_done *done, void *user)
{
    (void)m;
    (void)who;
    (void)mail_id;
    (void)case_ref;
    (void)terms;
    (void)reason;
    done(0, -1, NULL, NULL, user);
}

tsn_err tsn_mail_list(struct tsn_store *st, struct tsn_arena *arena, const char *state,
                      size_t limit, json_t **out)
{
    (void)st;
    (void)arena;
    (void)state;
    (void)limit;
    *out = json_array();
    return 0;
}

size_t tsn_engine_playbooks(const struct tsn_engine *e, const struct tsn_playbook **out)
{
    (void)e;
    *out = NULL;
    return 0;
}

void tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out)
{
    (void)e;
    *out = (struct tsn_engine_stats){.workers = 2};
}

bool tsn_engine_may_decide(const char *role, const json_t *spec, const json_t *votes,
                           const struct tsn_actor *who)
{
    (void)role, (void)spec, (void)votes;
    return who->person != NULL;
}

void tsn_engine_decide(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_decision *d, tsn_engine_done *done, void *user)
{
    (void)e;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    decisions++;
    (void)snprintf(last_person, sizeof(last_person), "%s", who->person ? who->person : "");
    (void)snprintf(last_verb, sizeof(last_verb), "%s", d->verb);
    (void)snprintf(last_digest, sizeof(last_digest), "%s", d->digest ? d->digest : "");
    if (fake_decide_err)
        (void)tsn_diag_set(&diag, fake_decide_err, "A007", "you did the triage");
    done(fake_decide_err, fake_decide_err ? -1 : 41, NULL, &diag, user);
}

tsn_err tsn_run_create(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_run_new *in, int64_t now_ms, struct tsn_rec_run *out)
{
    (void)st, (void)arena, (void)in, (void)now_ms, (void)out;
    return TSN_EBUG; /* nothing here makes runs */
}

void tsn_engine_wake(struct tsn_engine *e, const char *run_id)
{
    (void)e, (void)run_id;
}

int64_t tsn_engine_epoch(const struct tsn_engine *e)
{
    (void)e;
    return 1;
}

tsn_err tsn_signal_put(struct tsn_store *st, struct tsn_arena *a, int64_t epoch,
                       const struct tsn_signal_new *fresh, int64_t now_ms,
                       struct tsn_signal_out *out, struct tsn_diag *diag)
{
    (void)st, (void)a, (void)epoch, (void)fresh, (void)now_ms, (void)out, (void)diag;
    return TSN_EBUG; /* test_jobs.py tells cases what happened */
}

void tsn_engine_act(struct tsn_engine *e, const struct tsn_actor *who,
                    const struct tsn_run_act *act, tsn_engine_done *done, void *user)
{
    (void)e, (void)who, (void)act;
    done(0, 42, NULL, NULL, user);
}

void tsn_engine_move(struct tsn_engine *e, const struct tsn_actor *who,
                     const struct tsn_version_ask *ask, tsn_engine_done *done, void *user)
{
    (void)e, (void)who, (void)ask;
    done(0, 43, NULL, NULL, user);
}

void tsn_engine_deploy(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_version_ask *ask, tsn_engine_done *done, void *user)
{
    (void)e, (void)who, (void)ask;
    done(0, 44, NULL, NULL, user);
}

tsn_err tsn_engine_steps(const struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                         const char *run_id, json_t **out)
{
    (void)e, (void)st, (void)a, (void)run_id;
    *out = json_array();
    return 0;
}

tsn_err tsn_run_record(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                       json_t **out)
{
    (void)st, (void)a, (void)run_id;
    *out = json_object();
    return 0;
}

tsn_err tsn_hook_check(struct tsn_arena *arena, const struct tsn_hook *hook,
                       const struct tsn_hook_message *m, struct tsn_hook_seen *out,
                       struct tsn_diag *diag)
{
    (void)arena;
    (void)hook;
    (void)m;
    (void)out;
    return tsn_diag_set(diag, TSN_EUNAUTH, "H081", "no key fits");
}

tsn_err tsn_hook_load(struct tsn_hook *hook, struct tsn_hook_key room[2], struct tsn_diag *diag)
{
    (void)hook;
    (void)room;
    (void)diag;
    return 0;
}

tsn_err tsn_hook_sign(struct tsn_arena *arena, const struct tsn_hook *hook, const char *id,
                      const char *body, size_t len, int64_t now_ms,
                      struct tsn_hook_header out[4], size_t *n, struct tsn_diag *diag)
{
    (void)arena;
    (void)hook;
    (void)id;
    (void)body;
    (void)len;
    (void)now_ms;
    (void)out;
    *n = 0;
    return tsn_diag_set(diag, TSN_EUNSUPPORTED, "H086", "no key");
}

void tsn_hook_take(struct tsn_intake *in, const struct tsn_hook *hook,
                   const struct tsn_hook_seen *seen, const char *body, size_t len,
                   tsn_engine_done *done, void *user)
{
    (void)in;
    (void)hook;
    (void)seen;
    (void)body;
    (void)len;
    done(TSN_EBUG, -1, NULL, NULL, user);
}

tsn_err tsn_intake_case_event(const struct tsn_intake *in, struct tsn_store *st,
                              struct tsn_arena *arena, const char *case_id, const char *kind,
                              const char *source, const char *dedupe, const json_t *body,
                              int64_t now_ms, json_t *runs, struct tsn_diag *diag)
{
    (void)in;
    (void)st;
    (void)arena;
    (void)case_id;
    (void)kind;
    (void)source;
    (void)dedupe;
    (void)body;
    (void)now_ms;
    (void)runs;
    (void)diag;
    return 0;
}

void tsn_intake_refresh(struct tsn_intake *in)
{
    (void)in;
}

void tsn_intake_report(struct tsn_intake *in, const struct tsn_actor *who, const char *source,
                       const char *key, const json_t *report, tsn_engine_done *done, void *user)
{
    (void)in, (void)who, (void)source, (void)report;
    (void)snprintf(last_key, sizeof(last_key), "%s", key);
    json_t *info = json_pack("{s:s, s:s, s:b}", "receipt", "TR-1", "case", "PSIRT-2026-0001",
                             "duplicate", strcmp(key, "again") == 0);
    done(0, 7, info, NULL, user);
    json_decref(info);
}

void tsn_intake_start(struct tsn_intake *in, const struct tsn_actor *who, const char *playbook,
                      const char *case_ref, const json_t *inputs, tsn_engine_done *done,
                      void *user)
{
    (void)in, (void)who, (void)playbook, (void)case_ref, (void)inputs;
    done(0, -1, NULL, NULL, user);
}

json_t *tsn_feeds_products(const struct tsn_feeds *f)
{
    (void)f;
    return json_array();
}

json_t *tsn_feeds_json(const struct tsn_feeds *f)
{
    (void)f;
    return json_array();
}

void tsn_feed_desk(struct tsn_feeds *f, const struct tsn_actor *who, const char *what,
                   const char *name, const json_t *body, tsn_engine_done *done, void *user)
{
    (void)f, (void)who, (void)what, (void)name, (void)body;
    done(0, -1, NULL, NULL, user);
}

void tsn_feed_decide(struct tsn_feeds *f, const struct tsn_actor *who, const char *id,
                     const char *verdict, const char *reason, tsn_engine_done *done, void *user)
{
    (void)f, (void)who, (void)id, (void)verdict, (void)reason;
    done(0, -1, NULL, NULL, user);
}

void tsn_match_decide(struct tsn_feeds *f, const struct tsn_actor *who, const char *match,
                      const char *verdict, const char *reason, bool always,
                      tsn_engine_done *done, void *user)
{
    (void)f, (void)who, (void)match, (void)verdict, (void)reason, (void)always;
    done(0, -1, NULL, NULL, user);
}

void tsn_feeds_would(struct tsn_feeds *f, json_t *items, void (*done)(void *user), void *user)
{
    (void)f, (void)items;
    done(user);
}

void tsn_feeds_reload(struct tsn_feeds *f, tsn_engine_done *done, void *user)
{
    (void)f;
    done(0, -1, NULL, NULL, user);
}

void tsn_feed_accept(struct tsn_feeds *f, const struct tsn_actor *who, const char *name,
                     const char *path, const char *reason, tsn_engine_done *done, void *user)
{
    (void)f, (void)who, (void)name, (void)path, (void)reason;
    done(0, -1, NULL, NULL, user);
}

void tsn_feed_poll(struct tsn_feeds *f, const char *name, bool whole, tsn_engine_done *done,
                   void *user)
{
    (void)f, (void)name, (void)whole;
    done(0, -1, NULL, NULL, user);
}

struct got {
    int status;
    char text[16384], headers[4096];
    json_t *json;
};
static _Thread_local struct got last; /* the last answer of the script's thread */

/* --- a node of it ------------------------------------------------------------------------ */

static const char *const roles_responder[] = {"responder", NULL};
static const char *const roles_auditor[] = {"auditor", NULL};
static const char *const roles_intake[] = {"intake", NULL};
static const char *const roles_operator[] = {"operator", NULL};
static const struct tsn_person people[] = {{"resp1", roles_responder, -1, NULL, NULL},
                                           {"audit1", roles_auditor, -1, NULL, NULL},
                                           {"intake", roles_intake, -1, NULL, NULL},
                                           {"op1", roles_operator, -1, NULL, NULL}};

struct world {
    char dir[64], sock[96];
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_api *api;
    struct tsn_mailbox *box;
    struct tsn_msg bye;
    int port;
    void (*script)(struct world *w);
    const char *failed; /* first failed check of the script's thread */
    int failed_line;
};

/* The script runs on its own thread, where cmocka must not be called. */
#define CHECK(w, cond)                                                                         \
    do {                                                                                       \
        if (!(cond) && !(w)->failed) {                                                         \
            (w)->failed = #cond;                                                               \
            (w)->failed_line = __LINE__;                                                       \
        }                                                                                      \
    } while (0)

static void on_dead(tsn_err err, void *user)
{
    (void)err, (void)user;
}

static void on_bye(struct tsn_msg *first, void *user)
{
    (void)first;
    struct world *w = user;
    tsn_api_close(w->api);
    tsn_writer_close(w->writer);
    tsn_reader_close(w->reader);
    tsn_mailbox_close(w->box);
    tsn_loop_stop(w->loop);
}

static void *run_script(void *user)
{
    struct world *w = user;
    w->script(w);
    json_decref(last.json);
    (void)tsn_mailbox_send(w->box, &w->bye);
    return NULL;
}

static void play(void (*script)(struct world *w))
{
    struct world w = {.script = script};
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    fake_ready = true;
    fake_decide_err = 0;
    decisions = 0;
    (void)snprintf(w.dir, sizeof(w.dir), "/tmp/tsn-api-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    (void)snprintf(w.sock, sizeof(w.sock), "%s/s", w.dir);
    char db[96], key[96];
    (void)snprintf(db, sizeof(db), "%s/t.db", w.dir);
    (void)snprintf(key, sizeof(key), "%s/t.key", w.dir);
    struct tsn_store_config sc = {.path = db, .key_file = key, .create = true};
    struct tsn_store *st;
    assert_int_equal(tsn_loop_open(&w.loop), 0);
    assert_int_equal(tsn_store_open(&st, &sc, &diag), 0);
    /* A decision is about a task that is there and seen. */
    const struct tsn_rec_task task = {.id = "01K00000000000000000000001",
                                      .name = "ap-1",
                                      .run = "01K00000000000000000000002",
                                      .path = "0.1",
                                      .case_id = "01K00000000000000000000003",
                                      .kind = "approve",
                                      .state = "open",
                                      .role = "responder"};
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_task, &task), 0);
    assert_int_equal(tsn_store_commit(st), 0);
    assert_int_equal(tsn_writer_open(&w.writer, w.loop, st, on_dead, NULL), 0);
    sc.create = false;
    sc.read_only = true;
    assert_int_equal(tsn_store_open(&st, &sc, &diag), 0);
    assert_int_equal(tsn_reader_open(&w.reader, w.loop, st), 0);
    assert_int_equal(tsn_mailbox_open(&w.box, w.loop, on_bye, &w), 0);
    const struct tsn_casework_config cc = {.case_prefix = "PSIRT"};
    const struct tsn_api_config ac = {.loop = w.loop,
                                      .writer = w.writer,
                                      .reader = w.reader,
                                      .casework = &cc,
                                      .people = people,
                                      .npeople = sizeof(people) / sizeof(people[0]),
                                      .listen = "127.0.0.1:0",
                                      .unix_path = w.sock,
                                      .version = "test"};
    assert_int_equal(tsn_api_open(&w.api, &ac, &diag), 0);
    w.port = tsn_api_port(w.api);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_script, &w), 0);
    tsn_loop_run(w.loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tsn_loop_close(w.loop);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
    assert_int_equal(system(command), 0);
    if (w.failed)
        fail_msg("line %d: %s", w.failed_line, w.failed);
}

/* --- the client's side ------------------------------------------------------------------- */

static size_t keep(char *data, size_t size, size_t n, char *out, size_t cap)
{
    size_t have = strlen(out), len = size * n;
    if (have + len < cap) {
        memcpy(out + have, data, len);
        out[have + len] = '\0';
    }
    return len;
}

static size_t keep_body(char *data, size_t size, size_t n, void *user)
{
    struct got *got = user;
    return keep(data, size, n, got->text, sizeof(got->text));
}

static size_t keep_header(char *data, size_t size, size_t n, void *user)
{
    struct got *got = user;
    return keep(data, size, n, got->headers, sizeof(got->headers));
}

/* extra: NULL-terminated header lines. tcp false: the Unix socket. */
static const struct got *ask(struct world *w, bool tcp, const char *method, const char *path,
                             const char *body, const char *const *extra)
{
    json_decref(last.json);
    memset(&last, 0, sizeof(last));
    CURL *c = curl_easy_init();
    char url[512];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", w->port, path);
    struct curl_slist *headers = NULL;
    const char *type = "Content-Type: application/json";
    for (; extra && *extra; extra++) {
        headers = curl_slist_append(headers, *extra);
        if (strncmp(*extra, "Content-Type:", 13) == 0)
            type = NULL;
    }
    if (type)
        headers = curl_slist_append(headers, type);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 20000L);
    if (!tcp)
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, w->sock);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (body)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &last);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, keep_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &last);
    long status = 0;
    if (curl_easy_perform(c) == CURLE_OK)
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    last.status = (int)status;
    struct tsn_diag ignored;
    if (last.text[0] == '{')
        (void)tsn_json_parse(last.text, strlen(last.text), &last.json, &ignored);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return &last;
}

static const char *code(const struct got *got)
{
    return tsn_json_str(got->json, "code", "");
}

#define AS(person) ((const char *const[]){"Tocsin-As: " person, NULL})
#define DIGEST     "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static void make_token(struct world *w, const char *person, const char *scopes,
                       char header[128], char id[32])
{
    char body[256];
    (void)snprintf(body, sizeof(body), "{\"person\":\"%s\",\"scopes\":\"%s\"}", person, scopes);
    const struct got *g = ask(w, false, "POST", "/api/v1/tokens", body, NULL);
    CHECK(w, g->status == 201);
    (void)snprintf(header, 128, "Authorization: Bearer %s", tsn_json_str(g->json, "token", ""));
    (void)snprintf(id, 32, "%s", tsn_json_str(g->json, "id", ""));
}

/* --- tests ------------------------------------------------------------------------------- */

static void script_health(struct world *w)
{
    CHECK(w, ask(w, true, "GET", "/healthz", NULL, NULL)->status == 200);
    const struct got *g = ask(w, true, "GET", "/readyz", NULL, NULL);
    CHECK(w, g->status == 200 && tsn_json_bool(g->json, "ready", false));
    g = ask(w, true, "GET", "/version", NULL, NULL);
    CHECK(w, strcmp(tsn_json_str(g->json, "version", ""), "test") == 0);
    g = ask(w, true, "GET", "/metrics", NULL, NULL);
    CHECK(w, g->status == 200 && strstr(g->text, "tocsin_build_info{version=\"test\"} 1"));
    CHECK(w, strstr(g->text, "tocsin_runs{state=\"waiting\"} 0"));
    fake_ready = false;
    g = ask(w, true, "GET", "/readyz", NULL, NULL);
    CHECK(w, g->status == 503 && json_array_size(json_object_get(g->json, "reasons")) == 1);
    CHECK(w, strstr(g->headers, "Retry-After:"));
    /* Reading goes on, changing waits. */
    CHECK(w, ask(w, false, "GET", "/api/v1/cases", NULL, NULL)->status == 200);
    g = ask(w, false, "POST", "/api/v1/reports", "{}", AS("intake"));
    CHECK(w, g->status == 503 && strcmp(code(g), "S021") == 0);
    fake_ready = true;
}

static void script_paths(struct world *w)
{
    const struct got *g = ask(w, false, "GET", "/api/v1/nothing", NULL, NULL);
    CHECK(w, g->status == 404 && strcmp(code(g), "H030") == 0);
    CHECK(w, strstr(g->headers, "application/problem+json"));
    g = ask(w, false, "DELETE", "/api/v1/cases", NULL, NULL);
    CHECK(w, g->status == 405 && strstr(g->headers, "Allow: GET"));
    g = ask(w, false, "GET", "/api/v1/cases/none", NULL, NULL);
    CHECK(w, g->status == 404);
    g = ask(w, false, "GET", "/api/v1/show/none", NULL, NULL);
    CHECK(w, g->status == 404 && strcmp(code(g), "H031") == 0);
    g = ask(w, false, "GET", "/api/v1/runs?limit=0", NULL, NULL);
    CHECK(w, g->status == 422 && strcmp(code(g), "H033") == 0);
    g = ask(w, false, "GET", "/api/v1/show/%230", NULL, NULL);
    CHECK(w, g->status == 404); /* no entry yet */
    g = ask(w, false, "GET", "/api/v1/audit/entries", NULL, NULL);
    CHECK(w, g->status == 200 && json_array_size(json_object_get(g->json, "items")) == 1);
    g = ask(w, false, "GET", "/api/v1/show/%230", NULL, NULL);
    CHECK(w, g->status == 200);
}

/* No token, wrong tokens, revoked, expired: the same plain 401 each time. */
static void script_callers(struct world *w)
{
    const struct got *g = ask(w, true, "GET", "/api/v1/cases", NULL, NULL);
    CHECK(w, g->status == 401 && strcmp(code(g), "A001") == 0);
    CHECK(w, strstr(g->headers, "WWW-Authenticate: Bearer"));
    char first[16384];
    (void)snprintf(first, sizeof(first), "%s", g->text);
    static const char *const wrong[] = {
        "Authorization: Bearer tocsin_00", "Authorization: Bearer", "Authorization: Basic eDp5",
        "Authorization: Bearer tocsin_"
        "0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < 4; i++) {
        const char *const h[] = {wrong[i], NULL};
        g = ask(w, true, "GET", "/api/v1/cases", NULL, h);
        CHECK(w, g->status == 401 && strcmp(g->text, first) == 0);
    }
    char token[128], id[32], path[96];
    make_token(w, "resp1", "read", token, id);
    const char *const h[] = {token, NULL};
    CHECK(w, ask(w, true, "GET", "/api/v1/cases", NULL, h)->status == 200);
    g = ask(w, true, "GET", "/api/v1/me", NULL, h);
    CHECK(w, strcmp(tsn_json_str(g->json, "person", ""), "resp1") == 0);
    CHECK(w, strcmp(tsn_json_str(g->json, "auth", ""), "token") == 0);
    /* Also over the Unix socket a token says who it is. */
    g = ask(w, false, "GET", "/api/v1/me", NULL, h);
    CHECK(w, strcmp(tsn_json_str(g->json, "auth", ""), "token") == 0);
    /* Scopes limit what the roles would allow. */
    g = ask(w, true, "POST", "/api/v1/tasks/as-1/answer", "{\"answer\":{}}", h);
    CHECK(w, g->status == 403 && strcmp(code(g), "A002") == 0);
    CHECK(w, decisions == 0);
    (void)snprintf(path, sizeof(path), "/api/v1/tokens/%s", id);
    CHECK(w, ask(w, false, "DELETE", path, NULL, NULL)->status == 200);
    g = ask(w, true, "GET", "/api/v1/cases", NULL, h);
    CHECK(w, g->status == 401 && strcmp(g->text, first) == 0);
    g = ask(w, false, "DELETE", path, NULL, NULL);
    CHECK(w, g->status == 409 && strcmp(code(g), "H042") == 0);
    /* Tocsin-As is nothing over TCP, with or without a token. */
    g = ask(w, true, "GET", "/api/v1/cases", NULL, AS("resp1"));
    CHECK(w, g->status == 403 && strcmp(code(g), "A004") == 0);
}

/* Roles: what each person may do, over the socket as the owner says who it is. */
static void script_roles(struct world *w)
{
    static const char submit[] = "{\"kind\":\"incident\"}", note[] = "{\"text\":\"x\"}";
    static const char token[] = "{\"person\":\"resp1\",\"scopes\":\"read\"}";
    static const struct {
        const char *as;
        int read, submit, note, token;
    } rows[] = {
        /* 404: allowed, the case does not exist */
        {"Tocsin-As: resp1", 200, 202, 404, 403},  {"Tocsin-As: audit1", 200, 202, 403, 403},
        {"Tocsin-As: intake", 403, 202, 403, 403}, {"Tocsin-As: op1", 200, 202, 404, 201},
        {"Tocsin-As: nobody", 403, 403, 403, 403}, {NULL, 200, 202, 404, 201},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const h[] = {rows[i].as, NULL};
        CHECK(w, ask(w, false, "GET", "/api/v1/cases", NULL, h)->status == rows[i].read);
        CHECK(w, ask(w, false, "POST", "/api/v1/reports", submit, h)->status == rows[i].submit);
        CHECK(w, ask(w, false, "POST", "/api/v1/cases/none/notes", note, h)->status ==
                     rows[i].note);
        CHECK(w, ask(w, false, "POST", "/api/v1/tokens", token, h)->status == rows[i].token);
    }
}

static void script_decisions(struct world *w)
{
    static const char path[] = "/api/v1/approvals/ap-1/decision";
    static const char good[] =
        "{\"decision\":\"approve\",\"reason\":\"looks right\",\"plan_digest\":\"" DIGEST "\"}";
    const struct got *none =
        ask(w, false, "POST", "/api/v1/approvals/ap-2/decision", "{}", AS("resp1"));
    CHECK(w, none->status == 404 && strcmp(code(none), "H031") == 0);
    /* The owner is nobody; only people decide. */
    const struct got *g = ask(w, false, "POST", path, good, NULL);
    CHECK(w, g->status == 403 && strcmp(code(g), "A005") == 0);
    static const char *const bad[] = {
        "{\"decision\":\"maybe\",\"reason\":\"xxx\",\"plan_digest\":\"" DIGEST "\"}",
        "{\"decision\":\"approve\",\"reason\":\"looks right\",\"plan_digest\":\"sha256:12\"}",
        "{\"decision\":\"approve\",\"reason\":\"looks right\",\"plan\":\"" DIGEST "\"}", "{}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(w, ask(w, false, "POST", path, bad[i], AS("resp1"))->status == 422);
    CHECK(w, ask(w, false, "POST", path, "[1]", AS("resp1"))->status == 422);
    g = ask(w, false, "POST", path, "{\"decision\":", AS("resp1"));
    CHECK(w, g->status == 400 && strcmp(code(g), "H010") == 0);
    g = ask(w, false, "POST", path, "{\"decision\":\"approve\",\"decision\":\"reject\"}",
            AS("resp1"));
    CHECK(w, g->status == 400); /* a key twice is no JSON of ours */
    CHECK(w, decisions == 0);
    g = ask(w, false, "POST", path, good, AS("resp1"));
    CHECK(w, g->status == 200 && tsn_json_int(g->json, "entry", 0) == 41 && decisions == 1);
    CHECK(w, strcmp(last_person, "resp1") == 0 && strcmp(last_verb, "approve") == 0);
    CHECK(w, strcmp(last_digest, DIGEST) == 0);
    fake_decide_err = TSN_EDENIED;
    g = ask(w, false, "POST", path, good, AS("resp1"));
    CHECK(w, g->status == 403 && strcmp(code(g), "A007") == 0);
}

static void script_reports(struct world *w)
{
    char token[128], id[32];
    make_token(w, "intake", "report:submit", token, id);
    const char *const bare[] = {token, NULL},
                      *const keyed[] = {token, "Idempotency-Key: k1", NULL},
                      *const again[] = {token, "Idempotency-Key: again", NULL},
                      *const text[] = {token, "Idempotency-Key: k2", "Content-Type: text/plain",
                                       NULL};
    static const char body[] = "{\"kind\":\"incident\"}", path[] = "/api/v1/reports";
    const struct got *g = ask(w, true, "POST", path, body, bare);
    CHECK(w, g->status == 400 && strcmp(code(g), "H021") == 0);
    g = ask(w, true, "POST", path, body, keyed);
    CHECK(w, g->status == 202 && strcmp(last_key, "k1") == 0);
    CHECK(w, strstr(g->headers, "Location: /api/v1/show/TR-1"));
    CHECK(w, !strstr(g->headers, "Idempotent-Replayed"));
    g = ask(w, true, "POST", path, body, again);
    CHECK(w, g->status == 202 && strstr(g->headers, "Idempotent-Replayed: true"));
    CHECK(w, ask(w, true, "POST", path, body, text)->status == 415);
    g = ask(w, false, "POST", path, body, NULL); /* local: a key is made */
    CHECK(w, g->status == 202 && strlen(last_key) == 26);
    CHECK(w, ask(w, false, "POST", path, "", NULL)->status == 422);
}

static void script_not_ready(struct world *w)
{
    tsn_api_not_ready(w->api, "the disk is full");
    const struct got *g = ask(w, true, "GET", "/readyz", NULL, NULL);
    CHECK(w, g->status == 503 && strstr(g->text, "the disk is full"));
    g = ask(w, false, "POST", "/api/v1/reports", "{}", NULL);
    CHECK(w, g->status == 503 && strcmp(code(g), "S021") == 0);
    g = ask(w, false, "GET", "/api/v1/audit/entries", NULL, NULL);
    CHECK(w, g->status == 503); /* its entry could not be written */
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        play(script_##name);                                                                   \
    }
TEST(health)
TEST(paths)
TEST(callers)
TEST(roles)
TEST(decisions)
TEST(reports)
TEST(not_ready)

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    tsn_json_init();
    tsn_log_open(-1);
    return curl_global_init(CURL_GLOBAL_DEFAULT) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health),    cmocka_unit_test(test_paths),
        cmocka_unit_test(test_callers),   cmocka_unit_test(test_roles),
        cmocka_unit_test(test_decisions), cmocka_unit_test(test_reports),
        cmocka_unit_test(test_not_ready),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
