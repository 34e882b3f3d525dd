/* test_feed_poll.c - polls against a provider on loopback, on the real store, writer and reader:
 * what is fetched, what starts a case and a run, what is quarantined, what a restart repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "loop/httpd.h"
#include "store/record_case.h"
#include "store/record_feed.h"
#include "store/record_run.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct file {
    char *path, *body, *etag;
    size_t len;
    int status; /* 0 = 200 */
};

struct world {
    char dir[64], listen[64];
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_store *look;
    struct tsn_httpc *httpc;
    struct tsn_httpd *httpd;
    struct tsn_intake *intake;
    struct tsn_feeds *feeds;
    struct tsn_arena *arena;
    struct tsn_casework_config casework;
    struct tsn_rule rule;
    struct tsn_playbook playbook;
    struct file files[600];
    size_t nfiles;
    size_t asked, asked_documents;
    const char *url; /* of the feed */
    int64_t parallel;
    json_t *info; /* of the last poll */
    tsn_err err;
    char code[8];
};

/* --- the provider -------------------------------------------------------------------------- */

static struct file *file_of(struct world *w, const char *path)
{
    for (size_t i = 0; i < w->nfiles; i++) {
        if (strcmp(w->files[i].path, path) == 0) {
            return &w->files[i];
        }
    }
    return NULL;
}

static void put(struct world *w, const char *path, const char *body, size_t len, int status)
{
    static unsigned long serial;
    struct file *f = file_of(w, path);
    if (!f) {
        f = &w->files[w->nfiles++];
    }
    f->path = tsn_arena_strdup(w->arena, path);
    f->body = tsn_arena_strndup(w->arena, body, len);
    f->len = len;
    f->status = status;
    f->etag = tsn_arena_printf(w->arena, "\"%lu\"", ++serial);
}

static void put_text(struct world *w, const char *path, const char *body)
{
    put(w, path, body, strlen(body), 0);
}

static void answer(struct tsn_http_in *in, void *user)
{
    struct world *w = user;
    struct file *f = file_of(w, in->path);
    w->asked++;
    w->asked_documents += strstr(in->path, ".json") != NULL;
    if (!f) {
        tsn_http_answer(in, 404, "text/plain", "no\n", 3, NULL, 0);
        return;
    }
    const struct tsn_header etag = {"ETag", f->etag};
    const char *have = tsn_http_header(in, "If-None-Match");
    if (f->status) {
        tsn_http_answer(in, f->status, "text/plain", "", 0, NULL, 0);
    } else if (have && strcmp(have, f->etag) == 0) {
        tsn_http_answer(in, 304, "text/plain", "", 0, &etag, 1);
    } else {
        tsn_http_answer(in, 200, "application/json", f->body, f->len, &etag, 1);
    }
}

static size_t no_body(const char *method, const char *path, void *user)
{
    (void)method;
    (void)path;
    (void)user;
    return 0;
}

/* --- documents ------------------------------------------------------------------------------ */

static const char *document(struct world *w, const char *id, const char *version,
                            const char *vendor, const char *product, const char *status,
                            const char *vector)
{
    return tsn_arena_printf(
        w->arena,
        "{\"document\":{\"category\":\"csaf_security_advisory\",\"csaf_version\":\"2.0\","
        "\"publisher\":{\"category\":\"vendor\",\"name\":\"%s\",\"namespace\":\"https://"
        "v.example\"}"
        ",\"title\":\"A hole in %s\",\"tracking\":{\"id\":\"%s\",\"version\":\"%s\",\"status\":"
        "\"final\",\"initial_release_date\":\"2026-01-01T00:00:00Z\",\"current_release_date\":"
        "\"2026-01-01T00:00:00Z\",\"revision_history\":[{\"number\":\"%s\",\"date\":"
        "\"2026-01-01T00:00:00Z\",\"summary\":\"s\"}]}},\"product_tree\":{\"branches\":[{"
        "\"category\":\"vendor\",\"name\":\"%s\",\"branches\":[{\"category\":\"product_name\","
        "\"name\":\"%s\",\"product\":{\"name\":\"x\",\"product_id\":\"P\"}}]}]},"
        "\"vulnerabilities\":[{\"cve\":\"CVE-2026-10001\",\"notes\":[{\"category\":\"summary\","
        "\"text\":\"t\"}],\"product_status\":{\"%s\":[\"P\"]},\"scores\":[{\"products\":[\"P\"]"
        ","
        "\"cvss_v3\":{\"version\":\"3.1\",\"vectorString\":\"%s\",\"baseScore\":9.8,"
        "\"baseSeverity\":\"CRITICAL\"}}]}]}",
        vendor, product, id, version, version, vendor, product, status, vector);
}

#define VECTOR "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"

static void put_document(struct world *w, const char *path, const char *body)
{
    uint8_t hash[64];
    unsigned n = 0;
    char hex[129];
    put_text(w, path, body);
    assert_true(EVP_Digest(body, strlen(body), hash, &n, EVP_sha512(), NULL));
    tsn_hex(hex, hash, n);
    put_text(w, tsn_arena_printf(w->arena, "%s.sha512", path),
             tsn_arena_printf(w->arena, "%s  x.json\n", hex));
}

/* --- the node ------------------------------------------------------------------------------- */

static const struct tsn_playbook *find_playbook(const char *name, void *user)
{
    struct world *w = user;
    return strcmp(name, w->playbook.name) == 0 ? &w->playbook : NULL;
}

static void on_dead(tsn_err err, void *user)
{
    (void)user;
    fail_msg("writer died: %s", tsn_err_name(err));
}

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static void start_node(struct world *w)
{
    struct tsn_store *st = NULL;
    struct tsn_diag d;
    tsn_diag_init(&d);
    struct tsn_store_config config = {
        .path = tsn_arena_printf(w->arena, "%s/tocsin.db", w->dir),
        .key_file = tsn_arena_printf(w->arena, "%s/tocsin.key", w->dir),
        .create = true,
    };
    assert_int_equal(tsn_store_open(&st, &config, &d), 0);
    assert_int_equal(tsn_writer_open(&w->writer, w->loop, st, on_dead, w), 0);
    config.create = false;
    config.read_only = true;
    struct tsn_store *ro = NULL;
    assert_int_equal(tsn_store_open(&ro, &config, &d), 0);
    assert_int_equal(tsn_reader_open(&w->reader, w->loop, ro), 0);
    assert_int_equal(tsn_store_open(&w->look, &config, &d), 0);
    assert_int_equal(tsn_httpc_open(&w->httpc, w->loop), 0);
    const struct tsn_intake_config in = {.writer = w->writer,
                                         .casework = &w->casework,
                                         .rules = &w->rule,
                                         .nrules = 1,
                                         .playbook = find_playbook,
                                         .playbook_user = w};
    assert_int_equal(tsn_intake_open(&w->intake, &in), 0);
    const char *reach[] = {w->listen, NULL};
    const char *const *kept = tsn_arena_memdup(w->arena, reach, sizeof reach);
    const struct tsn_feed_config feed = {.name = "vendors",
                                         .kind = "csaf",
                                         .url = w->url,
                                         .every_ms = 3600000,
                                         .reach = kept,
                                         .parallel = w->parallel};
    struct tsn_feed_config *feeds = tsn_arena_memdup(w->arena, &feed, sizeof feed);
    const struct tsn_feeds_config fc = {.loop = w->loop,
                                        .httpc = w->httpc,
                                        .writer = w->writer,
                                        .reader = w->reader,
                                        .intake = w->intake,
                                        .dir = w->dir,
                                        .products = w->casework.products,
                                        .feeds = feeds,
                                        .nfeeds = 1};
    assert_int_equal(tsn_feeds_open(&w->feeds, &fc, &d), 0);
}

static void stop_node(struct world *w)
{
    tsn_feeds_close(w->feeds);
    tsn_httpc_close(w->httpc);
    tsn_writer_close(w->writer);
    tsn_reader_close(w->reader);
    tsn_intake_close(w->intake);
    tsn_store_close(w->look);
}

static int setup(void **state)
{
    struct world *w = tsn_alloc(sizeof *w);
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_log_open(-1);
    snprintf(w->dir, sizeof w->dir, "/tmp/tsn-feed-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->arena = tsn_arena_new();
    assert_int_equal(tsn_loop_open(&w->loop), 0);
    const struct tsn_httpd_config hc = {
        .listen = "127.0.0.1:0", .body_limit = no_body, .handle = answer, .user = w};
    assert_int_equal(tsn_httpd_open(&w->httpd, w->loop, &hc, &d), 0);
    snprintf(w->listen, sizeof w->listen, "127.0.0.1:%d", tsn_httpd_port(w->httpd));
    w->url = tsn_arena_printf(w->arena, "http://%s/", w->listen);
    w->casework.case_prefix = "PSIRT";
    w->casework.products = parse(
        "[{\"id\":\"edge-gw\",\"name\":\"Edge Gateway\",\"vendor\":\"Acme\",\"owner\":\"o1\","
        "\"components\":[{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\"}]},"
        "{\"id\":\"relay\",\"name\":\"Relay\",\"vendor\":\"Acme\",\"owner\":\"o2\","
        "\"components\":[{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\"},"
        "{\"vendor\":\"Other\",\"product\":\"bar\"}]}]");
    w->playbook = (struct tsn_playbook){
        .name = "upstream-advisory", .hash = HASH, .title = "Upstream", .version = 1};
    w->rule = (struct tsn_rule){.on = "advisory.matched", .run = "upstream-advisory"};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    tsn_httpd_close(w->httpd);
    tsn_loop_close(w->loop);
    json_decref(w->info);
    json_decref((json_t *)(uintptr_t)w->casework.products);
    tsn_arena_destroy(w->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static void polled(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                   void *user)
{
    struct world *w = user;
    (void)seq;
    w->err = err;
    json_decref(w->info);
    w->info = info ? json_deep_copy(info) : NULL;
    snprintf(w->code, sizeof w->code, "%s", diag ? diag->code : "");
    if (err != TSN_ECANCELLED) {
        tsn_loop_stop(w->loop);
    }
}

static void poll(struct world *w)
{
    w->asked = w->asked_documents = 0;
    tsn_feed_poll(w->feeds, "vendors", false, polled, w);
    tsn_loop_run(w->loop);
}

static int64_t n(const struct world *w, const char *key)
{
    return tsn_json_int(w->info, key, -1);
}

static int64_t count(struct world *w, const struct tsn_table *t)
{
    int64_t out = -1;
    assert_int_equal(tsn_store_count(w->look, t, NULL, 0, &out), 0);
    return out;
}

static struct tsn_rec_document stored(struct world *w, const char *path)
{
    struct tsn_rec_document d;
    assert_int_equal(tsn_store_find(w->look, w->arena, &tsn_table_document, "path", path, &d),
                     0);
    return d;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void whole_story(void **state)
{
    struct world *w = *state;
    put_document(
        w, "/2026/hit.json",
        document(w, "EX-1", "1", "Example Libraries Inc.", "libfoo", "known_affected", VECTOR));
    put_document(w, "/2026/none.json",
                 document(w, "EX-2", "1", "Nobody", "nothing", "known_affected", VECTOR));
    put_document(w, "/2026/safe.json",
                 document(w, "EX-3", "1", "Other", "bar", "known_not_affected", VECTOR));
    put_document(w, "/2026/guess.json",
                 document(w, "EX-4", "1", "Somebody", "libfoo", "known_affected", VECTOR));
    put_document(w, "/2026/wrong.json",
                 document(w, "EX-5", "1", "Other", "bar", "known_affected", VECTOR));
    put_text(w, "/2026/wrong.json.sha512", HASH HASH);
    put_text(w, "/2026/cut.json", "{\"document\":");
    put_document(w, "/2026/other.json", "{\"document\":{\"csaf_version\":\"2.0\"}}");
    put_text(w, "/changes.csv",
             "\"2026/none.json\",\"2026-01-02T00:00:00Z\"\n"
             "2026/hit.json,2026-01-01T00:00:00Z\n"
             "2026/safe.json,2026-01-01T00:00:00Z\n2026/guess.json,2026-01-01T00:00:00Z\n"
             "2026/wrong.json,2026-01-01T00:00:00Z\n2026/cut.json,2026-01-01T00:00:00Z\n"
             "2026/other.json,2026-01-01T00:00:00Z\n2026/gone.json,2026-01-01T00:00:00Z\n"
             "../secret.json,2026-01-01T00:00:00Z\n");
    start_node(w);
    poll(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(n(w, "listed"), 9);
    assert_int_equal(n(w, "fetched"), 7);
    assert_int_equal(n(w, "new"), 4);
    assert_int_equal(n(w, "quarantined"), 4);
    assert_int_equal(n(w, "refused"), 1);
    assert_int_equal(n(w, "failed"), 0);
    assert_int_equal(n(w, "matches"), 4); /* two products for EX-1, two guesses for EX-4 */
    assert_int_equal(n(w, "runs"), 1);    /* one event, one case, whatever the products */
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(count(w, &tsn_table_run), 1);
    assert_int_equal(count(w, &tsn_table_match), 4);
    assert_string_equal(stored(w, "2026/hit.json").state, "current");
    assert_null(stored(w, "2026/hit.json").reason);
    assert_memory_equal(stored(w, "2026/wrong.json").reason, "F005", 4);
    assert_memory_equal(stored(w, "2026/cut.json").reason, "F006", 4);
    assert_memory_equal(stored(w, "2026/other.json").reason, "F007", 4);
    assert_memory_equal(stored(w, "2026/gone.json").reason, "F004", 4);

    struct tsn_rec_run run;
    struct tsn_rec_match match;
    void *rows = NULL;
    size_t nrows = 0;
    const struct tsn_list all = {0};
    assert_int_equal(tsn_store_list(w->look, w->arena, &tsn_table_run, &all, &rows, &nrows), 0);
    run = *(struct tsn_rec_run *)rows;
    json_t *input = parse(run.input);
    const json_t *event = json_object_get(input, "event");
    assert_int_equal(json_array_size(json_object_get(event, "products")), 2);
    const json_t *adv = json_object_get(event, "advisory");
    assert_string_equal(tsn_json_str(adv, "id", ""), "EX-1");
    assert_string_equal(tsn_json_str(adv, "severity", ""), "critical");
    assert_string_equal(json_string_value(json_array_get(json_object_get(adv, "cves"), 0)),
                        "CVE-2026-10001");
    json_decref(input);
    assert_int_equal(
        tsn_store_find(w->look, w->arena, &tsn_table_match, "key", "EX-1\nrelay", &match), 0);
    assert_string_equal(match.certainty, "likely");
    assert_string_equal(match.case_id, run.case_id);
    assert_string_equal(match.run, run.id);
    assert_int_equal(
        tsn_store_find(w->look, w->arena, &tsn_table_match, "key", "EX-4\nrelay", &match), 0);
    assert_string_equal(match.certainty, "guess");
    assert_null(match.case_id);

    /* Nothing changed: one request, 304. */
    poll(w);
    assert_int_equal(w->asked, 1);
    assert_true(json_is_true(json_object_get(w->info, "not_modified")));

    /* After a restart the same. */
    stop_node(w);
    start_node(w);
    poll(w);
    assert_int_equal(w->asked, 1);
    assert_int_equal(n(w, "runs"), 0);

    /* The list is new but says the same: no document is fetched again, none starts anything. */
    put(w, "/changes.csv", file_of(w, "/changes.csv")->body, file_of(w, "/changes.csv")->len,
        0);
    poll(w);
    assert_int_equal(w->asked_documents, 0);
    assert_int_equal(n(w, "unchanged"), 8);
    stop_node(w);
}

static void one_document(struct world *w, const char *version, const char *vector,
                         const char *listed)
{
    put_document(
        w, "/a.json",
        document(w, "EX-1", version, "Example Libraries", "libfoo", "known_affected", vector));
    put_text(w, "/changes.csv", tsn_arena_printf(w->arena, "a.json,%s\n", listed));
}

static void revisions(void **state)
{
    struct world *w = *state;
    one_document(w, "1", VECTOR, "2026-01-01T00:00:00Z");
    start_node(w);
    poll(w);
    assert_int_equal(n(w, "runs"), 1);

    /* Listed anew with the same bytes. */
    one_document(w, "1", VECTOR, "2026-01-02T00:00:00Z");
    poll(w);
    assert_int_equal(n(w, "unchanged"), 1);
    assert_int_equal(n(w, "runs"), 0);

    /* Another version of the same substance. */
    one_document(w, "2", VECTOR, "2026-01-03T00:00:00Z");
    poll(w);
    assert_int_equal(n(w, "cosmetic"), 1);
    assert_int_equal(n(w, "runs"), 0);

    /* Another substance under the same version: an event for the run in the case that is open. */
    one_document(w, "2", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
                 "2026-01-04T00:00:00Z");
    poll(w);
    assert_int_equal(n(w, "changed"), 1);
    assert_int_equal(n(w, "runs"), 0);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(count(w, &tsn_table_run), 1);
    assert_int_equal(count(w, &tsn_table_signal), 1);

    /* A broken revision: the good one stays in force. */
    put_text(w, "/a.json", "{\"document\"");
    put_text(w, "/changes.csv", "a.json,2026-01-05T00:00:00Z\n");
    poll(w);
    assert_int_equal(n(w, "quarantined"), 1);
    struct tsn_rec_document d = stored(w, "a.json");
    assert_string_equal(d.state, "current");
    assert_memory_equal(d.reason, "F005", 4);
    struct tsn_rec_raw raw;
    assert_int_equal(tsn_store_get(w->look, w->arena, &tsn_table_raw, d.sha256, &raw), 0);
    assert_true(raw.body.len > 100 && raw.size == (int64_t)raw.body.len);

    /* And back again: the old bytes, nothing new. */
    one_document(w, "2", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
                 "2026-01-06T00:00:00Z");
    poll(w);
    assert_int_equal(n(w, "unchanged"), 1);
    assert_null(stored(w, "a.json").reason);
    assert_int_equal(count(w, &tsn_table_run), 1);
    stop_node(w);
}

/* A revision without our product: the case is told, the match closed with the reason. */
static void dropped(void **state)
{
    struct world *w = *state;
    struct tsn_rec_match m;
    void *list = NULL;
    size_t many = 0;
    const struct tsn_list all = {0};
    one_document(w, "1", VECTOR, "2026-01-01T00:00:00Z");
    start_node(w);
    poll(w);
    assert_int_equal(n(w, "runs"), 1);
    put_document(
        w, "/a.json",
        document(w, "EX-1", "2", "Example Libraries", "libother", "known_affected", VECTOR));
    put_text(w, "/changes.csv", "a.json,2026-01-02T00:00:00Z\n");
    poll(w);
    assert_int_equal(n(w, "changed"), 1);
    assert_int_equal(n(w, "runs"), 0);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(tsn_store_list(w->look, w->arena, &tsn_table_signal, &all, &list, &many),
                     0);
    assert_int_equal(many, 1);
    json_t *body = NULL;
    const char *text = ((struct tsn_rec_signal *)list)->body;
    assert_string_equal(((struct tsn_rec_signal *)list)->event, "advisory.changed");
    assert_int_equal(tsn_json_parse(text, strlen(text), &body, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(body, "dropped")), 2);
    assert_int_equal(json_array_size(json_object_get(body, "products")), 0);
    assert_string_equal(json_string_value(json_array_get(
                            json_object_get(json_object_get(body, "changes"), "kinds"), 0)),
                        "st");
    json_decref(body);
    assert_int_equal(tsn_store_list(w->look, w->arena, &tsn_table_match, &all, &list, &many),
                     0);
    assert_int_equal(many, 2); /* two products of ours have the component */
    for (size_t i = 0; i < many; i++) {
        m = ((struct tsn_rec_match *)list)[i];
        assert_string_equal(m.state, "closed");
        assert_string_equal(m.reason, "the advisory does not name the product any more");
    }
    /* And named again: the same match opens again. */
    one_document(w, "3", VECTOR, "2026-01-03T00:00:00Z");
    poll(w);
    assert_int_equal(tsn_store_list(w->look, w->arena, &tsn_table_match, &all, &list, &many),
                     0);
    assert_int_equal(many, 2);
    assert_string_equal(((struct tsn_rec_match *)list)->state, "open");
    assert_int_equal(count(w, &tsn_table_signal), 2);
    assert_int_equal(count(w, &tsn_table_run), 1);
    stop_node(w);
}

static void same_advisory_elsewhere(void **state)
{
    struct world *w = *state;
    one_document(w, "1", VECTOR, "2026-01-01T00:00:00Z");
    start_node(w);
    poll(w);
    /* The same document at another place, without a hash file. */
    put(w, "/b.json", file_of(w, "/a.json")->body, file_of(w, "/a.json")->len, 0);
    put_text(w, "/changes.csv", "a.json,2026-01-01T00:00:00Z\nb.json,2026-01-01T00:00:00Z\n");
    poll(w);
    assert_int_equal(n(w, "new"), 1);
    assert_int_equal(n(w, "runs"), 0);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_memory_equal(stored(w, "b.json").reason, "F009", 4);
    assert_string_equal(stored(w, "b.json").state, "current");
    stop_node(w);
}

static void failures(void **state)
{
    struct world *w = *state;
    start_node(w);
    poll(w); /* no list at all */
    assert_int_equal(w->err, TSN_EREMOTE);
    assert_string_equal(w->code, "F001");
    put_text(w, "/changes.csv", "<html>nothing here</html>");
    poll(w);
    assert_string_equal(w->code, "F002");
    put_text(w, "/changes.csv", "");
    poll(w);
    assert_string_equal(w->code, "F002");
    json_t *feeds = tsn_feeds_json(w->feeds);
    assert_memory_equal(tsn_json_str(json_array_get(feeds, 0), "error", ""), "F002", 4);
    json_decref(feeds);

    /* A server error is tried again by the next poll, though the list is the same. */
    one_document(w, "1", VECTOR, "2026-01-01T00:00:00Z");
    put(w, "/a.json", "", 0, 503);
    poll(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(n(w, "failed"), 1);
    assert_int_equal(count(w, &tsn_table_document), 0);
    put_document(
        w, "/a.json",
        document(w, "EX-1", "1", "Example Libraries", "libfoo", "known_affected", VECTOR));
    poll(w);
    assert_int_equal(n(w, "new"), 1);
    assert_int_equal(n(w, "runs"), 1);

    /* Too large: set aside with a reason. */
    char *big = tsn_alloc((17u << 20) + 1);
    memset(big, ' ', 17u << 20);
    put(w, "/big.json", big, 17u << 20, 0);
    free(big);
    put_text(w, "/changes.csv", "big.json,2026-01-01T00:00:00Z\n");
    poll(w);
    assert_int_equal(n(w, "quarantined"), 1);
    assert_memory_equal(stored(w, "big.json").reason, "F008", 4);

    tsn_feed_poll(w->feeds, "nobody", false, polled, w);
    assert_int_equal(w->err, TSN_ENOTFOUND);
    assert_string_equal(w->code, "F011");
    stop_node(w);
}

/* Many documents, paths that start at the root of a repository, a few at a time. */
static void many(struct world *w, const char *prefix)
{
    struct tsn_buf list;
    tsn_buf_init(&list, 1u << 20);
    for (int i = 0; i < 120; i++) {
        char *path = tsn_arena_printf(w->arena, "%s2026/d%d.json", prefix, i);
        char *id = tsn_arena_printf(w->arena, "EX-%d", i);
        char *doc = tsn_arena_strdup(w->arena, document(w, id, "1", "Example Libraries",
                                                        i % 40 ? "libbar" : "libfoo",
                                                        "known_affected", VECTOR));
        char *cve = strstr(doc, "CVE-2026-10001"); /* each about a vulnerability of its own */
        cve[11] = (char)('0' + i / 100);
        cve[12] = (char)('0' + i / 10 % 10);
        cve[13] = (char)('0' + i % 10);
        put_document(w, path, doc);
        tsn_buf_printf(&list, "csaf_files/OT/white/2026/d%d.json,2026-01-01T00:00:00Z\n", i);
    }
    put_text(w, tsn_arena_printf(w->arena, "%schanges.csv", prefix), list.data);
    tsn_buf_free(&list);
    w->parallel = 8;
    start_node(w);
    poll(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(n(w, "new"), 120);
    assert_int_equal(n(w, "runs"), 3);
    assert_int_equal(n(w, "quarantined"), 0);
    stop_node(w);
}

static void repository_root(void **state)
{
    struct world *w = *state;
    w->url = tsn_arena_printf(w->arena, "http://%s/csaf_files/OT/white/", w->listen);
    many(w, "/csaf_files/OT/white/");
}

static void folder_root(void **state)
{
    many(*state, "/");
}

static void stop_it(void *user)
{
    tsn_loop_stop(((struct world *)user)->loop);
}

/* Closing in the middle of a poll: who waits is told, nothing is freed twice, nothing is lost. */
static void closing(void **state)
{
    struct world *w = *state;
    for (int turn = 1; turn < 30; turn += 3) {
        one_document(w, "1", VECTOR, "2026-01-01T00:00:00Z");
        start_node(w);
        w->err = 0;
        tsn_feed_poll(w->feeds, "vendors", false, polled, w);
        struct tsn_timer *t = tsn_timer_new(w->loop, stop_it, w);
        tsn_timer_arm(t, turn);
        tsn_loop_run(w->loop);
        tsn_timer_destroy(t);
        stop_node(w);
    }
    start_node(w);
    poll(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(count(w, &tsn_table_document), 1);
    assert_int_equal(count(w, &tsn_table_run), 1);
    assert_int_equal(count(w, &tsn_table_case), 1);
    stop_node(w);
}

int main(void)
{
    tsn_crypto_init();
    tsn_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_story, setup, teardown),
        cmocka_unit_test_setup_teardown(revisions, setup, teardown),
        cmocka_unit_test_setup_teardown(dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(same_advisory_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(repository_root, setup, teardown),
        cmocka_unit_test_setup_teardown(folder_root, setup, teardown),
        cmocka_unit_test_setup_teardown(closing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
