/* Intake on the real store and writer: one operation, then the answer; the same key, other keys,
 * rules with and without playbook, full disk, full queue, closing under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "intake/intake.h"
#include "loop/loop.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define REPORT                                                                                 \
    "{\"kind\":\"incident\",\"title\":\"Tokens replayed\",\"text\":\"x\",\"product\":\"edge "  \
    "gateway\"}"

struct answer {
    tsn_err err;
    int64_t seq;
    json_t *info;
    char code[8], file[64];
    int calls;
};

struct world {
    char dir[64];
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_store *look; /* a second, read-only view */
    struct tsn_intake *in;
    struct tsn_arena *arena;
    struct tsn_casework_config casework;
    struct tsn_rule rules[4];
    struct tsn_playbook playbook;
    struct answer answers[64];
    int waiting;
    bool dead;
};

static const char *const when_incident[] = {"kind", "incident", NULL};
static const char *const when_nested[] = {"advisory.severity", "high", "products_n", "2", NULL};

static const struct tsn_playbook *find_playbook(const char *name, void *user)
{
    struct world *w = user;
    return strcmp(name, w->playbook.name) ? NULL : &w->playbook;
}

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static void on_dead(tsn_err err, void *user)
{
    struct world *w = user;
    (void)err;
    w->dead = true;
    tsn_loop_stop(w->loop);
}

static int setup(void **state)
{
    struct world *w = tsn_alloc(sizeof *w);
    struct tsn_store *st = NULL;
    struct tsn_diag d;
    snprintf(w->dir, sizeof w->dir, "/tmp/tsn-intake-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->arena = tsn_arena_new();
    struct tsn_store_config config = {
        .path = tsn_arena_printf(w->arena, "%s/tocsin.db", w->dir),
        .key_file = tsn_arena_printf(w->arena, "%s/tocsin.key", w->dir),
        .create = true};
    tsn_diag_init(&d);
    assert_int_equal(tsn_store_open(&st, &config, &d), 0);
    assert_int_equal(tsn_loop_open(&w->loop), 0);
    assert_int_equal(tsn_writer_open(&w->writer, w->loop, st, on_dead, w), 0);
    config.create = false;
    config.read_only = true;
    assert_int_equal(tsn_store_open(&w->look, &config, &d), 0);
    w->casework.case_prefix = "PSIRT";
    w->casework.products = parse("[{\"id\":\"edge-gw\",\"name\":\"Edge Gateway\"}]");
    w->playbook = (struct tsn_playbook){
        .name = "customer-incident", .hash = HASH, .title = "Customer incident", .version = 3};
    w->rules[0] = (struct tsn_rule){"report.accepted", when_incident, "customer-incident"};
    w->rules[1] = (struct tsn_rule){"report.accepted", when_incident, "nowhere"};
    w->rules[2] = (struct tsn_rule){"advisory.matched", when_nested, "customer-incident"};
    struct tsn_intake_config in = {.writer = w->writer,
                                   .casework = &w->casework,
                                   .rules = w->rules,
                                   .nrules = 3,
                                   .playbook = find_playbook,
                                   .playbook_user = w};
    assert_int_equal(tsn_intake_open(&w->in, &in), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    if (w->writer)
        tsn_writer_close(w->writer);
    tsn_intake_close(w->in);
    if (w->look)
        tsn_store_close(w->look);
    tsn_loop_close(w->loop);
    for (size_t i = 0; i < 64; i++)
        json_decref(w->answers[i].info);
    json_decref((json_t *)(uintptr_t)w->casework.products);
    tsn_arena_destroy(w->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static struct world *current;

static void on_done(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                    void *user)
{
    struct answer *a = user;
    a->err = err;
    a->seq = seq;
    a->calls++;
    a->info = info ? json_deep_copy(info) : NULL;
    if (diag) {
        snprintf(a->code, sizeof a->code, "%s", diag->code);
        snprintf(a->file, sizeof a->file, "%.63s", diag->file);
    }
    if (--current->waiting == 0)
        tsn_loop_stop(current->loop);
}

static struct answer *ask(struct world *w, int slot, const char *person, const char *source,
                          const char *key, const char *report)
{
    const char *const roles[] = {NULL};
    struct tsn_actor who = {.person = person, .roles = roles, .auth = "token"};
    json_t *v = parse(report);
    current = w;
    w->waiting++;
    tsn_intake_report(w->in, &who, source, key, v, on_done, &w->answers[slot]);
    json_decref(v);
    return &w->answers[slot];
}

static struct answer *submit(struct world *w, int slot, const char *person, const char *key,
                             const char *report)
{
    struct answer *a = ask(w, slot, person, "api", key, report);
    if (w->waiting)
        tsn_loop_run(w->loop);
    assert_int_equal(a->calls, 1);
    return a;
}

static int64_t count(struct world *w, const struct tsn_table *t)
{
    int64_t n = 0;
    assert_int_equal(tsn_store_count(w->look, t, NULL, 0, &n), 0);
    return n;
}

static size_t walk(struct world *w, const char *chain, struct tsn_logged **out)
{
    size_t n = 0;
    tsn_err err = tsn_store_walk(w->look, w->arena, chain, 0, out, &n);
    assert_true(err == 0 || err == TSN_ENOTFOUND);
    return n;
}

static size_t kinds(struct world *w, const char *chain, const char *kind)
{
    struct tsn_logged *e = NULL;
    size_t n = walk(w, chain, &e), hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += !strcmp(e[i].entry.kind, kind);
    return hits;
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_accepted(void **state)
{
    struct world *w = *state;
    struct tsn_rec_case c;
    struct tsn_rec_report r;
    struct tsn_rec_run run;
    struct tsn_logged *e;
    struct answer *a = submit(w, 0, "intake", "k1", REPORT);
    assert_int_equal(a->err, 0);
    assert_false(tsn_json_bool(a->info, "duplicate", true));
    const char *receipt = tsn_json_str(a->info, "receipt", "");
    assert_int_equal(strlen(receipt), 22);
    assert_int_equal(strncmp(receipt, "TR-", 3), 0);
    assert_int_equal(strncmp(tsn_json_str(a->info, "case", ""), "PSIRT-", 6), 0);
    assert_int_equal(json_array_size(json_object_get(a->info, "runs")), 1);
    const char *id = tsn_json_str(a->info, "case_id", "");

    assert_int_equal(tsn_store_get(w->look, w->arena, &tsn_table_case, id, &c), 0);
    assert_string_equal(c.title, "Tokens replayed");
    assert_string_equal(c.product, "edge-gw"); /* by name */
    assert_int_equal(tsn_store_find(w->look, w->arena, &tsn_table_report, "name", receipt, &r),
                     0);
    assert_string_equal(r.case_id, id);
    assert_string_equal(r.id, tsn_json_str(a->info, "report", ""));
    assert_int_equal(tsn_store_find(w->look, w->arena, &tsn_table_run, "case_id", id, &run), 0);
    assert_string_equal(run.playbook, HASH);
    assert_string_equal(run.title, "customer-incident@3");
    json_t *input = parse(run.input);
    json_t *event = json_object_get(input, "event"), *frozen = json_object_get(input, "case");
    assert_string_equal(tsn_json_str(event, "title", ""), "Tokens replayed");
    assert_string_equal(tsn_json_str(event, "receipt", ""), receipt);
    assert_string_equal(tsn_json_str(frozen, "name", ""), c.name);
    assert_string_equal(tsn_json_str(frozen, "product", ""), "edge-gw");
    assert_string_equal(tsn_json_str(frozen, "receipt", ""), receipt);
    assert_string_equal(tsn_json_str(json_object_get(frozen, "report"), "text", ""), "x");
    json_decref(input);

    assert_int_equal(kinds(w, "sys", "trigger.received"), 1);
    const char *chain = tsn_arena_printf(w->arena, "case:%s", id);
    size_t n = walk(w, chain, &e);
    assert_int_equal(n, 7);
    assert_string_equal(e[0].entry.kind, "case.created");
    assert_string_equal(e[1].entry.kind, "report.received");
    assert_string_equal(e[1].entry.actor, "u:intake");
    assert_int_equal(e[1].entry.ref, a->seq);
    assert_string_equal(e[2].entry.kind, "track.report");
    assert_string_equal(e[3].entry.kind, "track.incident");
    assert_string_equal(e[4].entry.kind, "track.facts");
    assert_string_equal(e[4].entry.to, "Vfdpxa");
    assert_string_equal(e[5].entry.kind, "run.opened");
    assert_int_equal(e[5].entry.ref, a->seq);
    /* The second rule names a playbook that is not there: said on the case, nothing lost. */
    assert_string_equal(e[6].entry.kind, "case.note");
    assert_string_equal(e[6].entry.reason, "no-playbook");
    assert_int_equal(count(w, &tsn_table_run), 1);
    assert_int_equal(kinds(w, tsn_arena_printf(w->arena, "run:%s", run.id), "run.started"), 1);
}

static void test_same_key(void **state)
{
    struct world *w = *state;
    struct answer *a = submit(w, 0, "intake", "k1", REPORT);
    struct answer *b = submit(w, 1, "intake", "k1", REPORT);
    assert_int_equal(b->err, 0);
    assert_true(tsn_json_bool(b->info, "duplicate", false));
    assert_int_equal(a->seq, b->seq);
    assert_string_equal(tsn_json_str(a->info, "receipt", "a"),
                        tsn_json_str(b->info, "receipt", "b"));
    assert_true(json_equal(json_object_get(a->info, "runs"), json_object_get(b->info, "runs")));
    assert_int_equal(kinds(w, "sys", "trigger.duplicate"), 1);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(count(w, &tsn_table_run), 1);
    /* Member order, empty lists and nulls do not make another body. */
    b = submit(w, 2, "intake", "k1",
               "{\"text\":\"x\",\"title\":\"Tokens replayed\",\"cves\":[],\"product\":\"edge "
               "gateway\","
               "\"severity\":null,\"kind\":\"incident\"}");
    assert_int_equal(b->err, 0);
    assert_true(tsn_json_bool(b->info, "duplicate", false));

    /* Another body: refused, and nothing is stored of it. */
    b = submit(w, 3, "intake", "k1",
               "{\"kind\":\"incident\",\"title\":\"Other\",\"text\":\"x\"}");
    assert_int_equal(b->err, TSN_ECONFLICT);
    assert_string_equal(b->code, "H022");
    assert_null(b->info);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(kinds(w, "sys", "trigger.received"), 1);

    /* The key is the sender's own; it works whatever the way it came. */
    b = submit(w, 4, "other", "k1", REPORT);
    assert_false(tsn_json_bool(b->info, "duplicate", true));
    b = ask(w, 5, "intake", "cli", "k1", REPORT);
    tsn_loop_run(w->loop);
    assert_true(tsn_json_bool(b->info, "duplicate", false));
    /* No key: always new. */
    submit(w, 6, "intake", NULL, REPORT);
    b = submit(w, 7, "intake", NULL, REPORT);
    assert_false(tsn_json_bool(b->info, "duplicate", true));
    assert_int_equal(count(w, &tsn_table_case), 4);
    /* Nobody logged in: the source counts. */
    submit(w, 8, NULL, "k1", REPORT);
    b = submit(w, 9, NULL, "k1", REPORT);
    assert_true(tsn_json_bool(b->info, "duplicate", false));
}

/* The same key many times before the first commit: still one. */
static void test_same_key_in_one_batch(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 40; i++)
        ask(w, i, "intake", "api", "burst", REPORT);
    tsn_loop_run(w->loop);
    int fresh = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(w->answers[i].calls, 1);
        assert_int_equal(w->answers[i].err, 0);
        fresh += !tsn_json_bool(w->answers[i].info, "duplicate", true);
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(count(w, &tsn_table_case), 1);
    assert_int_equal(count(w, &tsn_table_run), 1);
}

static void test_refused(void **state)
{
    struct world *w = *state;
    struct answer *a = submit(w, 0, "intake", "k", "{\"kind\":\"incident\",\"text\":\"x\"}");
    assert_string_equal(a->code, "H013");
    assert_string_equal(a->file, "/title");
    a = submit(w, 1, "intake", "two words", REPORT);
    assert_string_equal(a->code, "H026");
    a = submit(w, 2, "intake", "", REPORT);
    assert_string_equal(a->code, "H026");
    assert_int_equal(count(w, &tsn_table_event), 0);
}

static void test_no_rule(void **state)
{
    struct world *w = *state;
    struct answer *a =
        submit(w, 0, "intake", NULL, "{\"kind\":\"weakness\",\"title\":\"t\",\"text\":\"x\"}");
    assert_int_equal(a->err, 0);
    assert_int_equal(json_array_size(json_object_get(a->info, "runs")), 0);
    const char *chain =
        tsn_arena_printf(w->arena, "case:%s", tsn_json_str(a->info, "case_id", ""));
    struct tsn_logged *e;
    size_t n = walk(w, chain, &e);
    assert_string_equal(e[n - 1].entry.reason, "no-rule");
    /* A playbook that is deployed later is found by the next report. */
    w->rules[1].run = "customer-incident";
    a = submit(w, 1, "intake", NULL, REPORT);
    assert_int_equal(json_array_size(json_object_get(a->info, "runs")), 2);
}

/* --- events of feeds ----------------------------------------------------------------------- */

struct feed_op {
    struct tsn_op op;
    struct world *w;
    struct tsn_event_new ev;
    struct tsn_event_out out;
};

static tsn_err feed_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct feed_op *f = (struct feed_op *)op;
    return tsn_event_accept(st, op->arena, f->w->in, &f->ev, INT64_C(1795507200000), &f->out,
                            &op->diag);
}

static void feed_done(struct tsn_op *op)
{
    struct feed_op *f = (struct feed_op *)op;
    tsn_loop_stop(f->w->loop);
}

static struct feed_op *feed(struct world *w, const char *dedupe, json_t *body,
                            const struct tsn_case_new *open, const char *case_id)
{
    struct feed_op *f = tsn_op_new(sizeof *f, feed_apply, feed_done, NULL);
    f->w = w;
    f->ev = (struct tsn_event_new){.source = "csaf",
                                   .dedupe = dedupe,
                                   .kind = "advisory.matched",
                                   .body = body,
                                   .open = open,
                                   .case_id = case_id};
    assert_int_equal(tsn_writer_submit(w->writer, &f->op, TSN_LANE_BULK), 0);
    tsn_loop_run(w->loop);
    return f;
}

static void test_events(void **state)
{
    struct world *w = *state;
    json_t *body = parse("{\"advisory\":{\"severity\":\"high\"},\"products_n\":2,"
                         "\"products\":[{\"id\":\"edge-gw\",\"name\":\"Edge\"}]}");
    json_t *low = parse("{\"advisory\":{\"severity\":\"low\"},\"products_n\":2}");
    struct tsn_case_new open = {.kind = "upstream", .title = "CVE"};
    struct feed_op *f = feed(w, "A\nB", body, &open, NULL);
    assert_int_equal(f->op.err, 0);
    assert_false(f->out.duplicate);
    assert_int_equal(f->out.nruns, 1);
    json_t *facts = parse(f->out.rcase.facts);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(facts, "products"), 0)), "edge-gw");
    json_decref(facts);
    const char *id = tsn_arena_strdup(w->arena, f->out.rcase.id);
    int64_t seq = f->out.seq;
    tsn_op_destroy(&f->op);

    /* The same event again: nothing is written, not even an entry. */
    struct tsn_logged *e;
    size_t before = walk(w, "sys", &e);
    f = feed(w, "A\nB", low, &open, NULL);
    assert_int_equal(f->op.err, 0);
    assert_true(f->out.duplicate);
    assert_int_equal(f->out.nruns, 0);
    assert_int_equal(f->out.seq, seq);
    assert_string_equal(f->out.rcase.id, id);
    tsn_op_destroy(&f->op);
    assert_int_equal(walk(w, "sys", &e), before);

    /* A further revision goes to the open case; low does not fit the rule. */
    f = feed(w, "A\nC", body, NULL, id);
    assert_int_equal(f->op.err, 0);
    assert_string_equal(f->out.rcase.id, id);
    assert_int_equal(f->out.nruns, 1);
    tsn_op_destroy(&f->op);
    f = feed(w, "A\nD", low, &open, NULL);
    assert_int_equal(f->op.err, 0);
    assert_int_equal(f->out.nruns, 0);
    tsn_op_destroy(&f->op);
    assert_int_equal(count(w, &tsn_table_case), 2);

    /* A case that is not there, and none to open: the whole event is undone. */
    f = feed(w, "A\nE", body, NULL, "01KAR00000000000000000NONE");
    assert_int_equal(f->op.err, TSN_ENOTFOUND);
    tsn_op_destroy(&f->op);
    f = feed(w, "A\nE", body, &open, "01KAR00000000000000000NONE");
    assert_int_equal(f->op.err, 0); /* was not taken as seen */
    assert_false(f->out.duplicate);
    tsn_op_destroy(&f->op);
    json_decref(body);
    json_decref(low);
}

/* --- ends ---------------------------------------------------------------------------------- */

static void test_close_under_way(void **state)
{
    struct world *w = *state;
    struct answer *a = ask(w, 0, "intake", "api", "k", REPORT);
    tsn_intake_close(w->in);
    tsn_loop_run(w->loop);
    assert_int_equal(a->calls, 1);
    assert_int_equal(a->err, 0); /* it is on disk */
    assert_int_equal(count(w, &tsn_table_case), 1);
    w->in = NULL;
}

static void test_too_many_rules(void **state)
{
    struct world *w = *state;
    struct tsn_rule many[TSN_RULES_MAX + 1];
    struct tsn_intake *in = NULL;
    for (size_t i = 0; i <= TSN_RULES_MAX; i++)
        many[i] = (struct tsn_rule){"report.accepted", NULL, "customer-incident"};
    struct tsn_intake_config config = {.writer = w->writer,
                                       .casework = &w->casework,
                                       .rules = many,
                                       .nrules = TSN_RULES_MAX + 1,
                                       .playbook = find_playbook,
                                       .playbook_user = w};
    assert_int_equal(tsn_intake_open(&in, &config), TSN_ETOOBIG);
    assert_null(in);
    config.nrules = TSN_RULES_MAX;
    assert_int_equal(tsn_intake_open(&in, &config), 0);
    struct tsn_intake *first = w->in;
    w->in = in;
    struct answer *a = submit(w, 0, "intake", NULL, REPORT);
    assert_int_equal(json_array_size(json_object_get(a->info, "runs")), TSN_RULES_MAX);
    tsn_intake_close(in);
    w->in = first;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_accepted),        T(test_same_key),       T(test_same_key_in_one_batch),
        T(test_refused),         T(test_no_rule),        T(test_events),
        T(test_close_under_way), T(test_too_many_rules),
    };
    tsn_crypto_init();
    tsn_json_init();
    tsn_log_open(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
