/* How long closed cases are kept: at least and at most over all documents, a hold, a policy that changes
 * while a case waits, and the erasure that is asked for once. */
#include "unit/casework/case_world.h"

#include "casework/clock_tick.h"
#include "casework/policy.h"
#include "casework/retention.h"
#include "store/record_case.h"

#define DAY INT64_C(86400000)

static const struct tsn_actor lead = {
    .person = "lead1", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};

static const char two[] =
    "policy: keep\nkind: retention\nversion: 1\nowner: a\ntitle: t\nsource: s\nrules:\n"
    "  - { id: short, when: { kind: incident }, at_most: 10d, why: not longer than needed }\n"
    "  - { id: long, when: { kind: weakness }, at_most: 100d, why: flaws are looked up }\n";
static const char least[] =
    "policy: law\nkind: retention\nversion: 1\nowner: a\ntitle: t\nsource: s\nrules:\n"
    "  - { id: reports, when: { market: cn }, from: received, at_least: 6mo, why: the law }\n";

static int open_rules(void **state)
{
    assert_int_equal(world_open(state), 0);
    struct case_world *w = *state;
    const struct tsn_policy_file files[] = {{"two", two}, {"least", least}};
    w->config.policies = tsn_policies_new();
    assert_int_equal(
        tsn_policies_start(w->config.policies, w->st, w->arena, files, 2, NOW, &w->diag), 0);
    return 0;
}

static int close_rules(void **state)
{
    struct tsn_policies *p = (*(struct case_world **)state)->config.policies;
    int rc = world_close(state);
    tsn_policies_destroy(p);
    return rc;
}

static void act(struct case_world *w, const char *id, const char *op, const char *args,
                int64_t now)
{
    json_t *a = world_json(args), *r = NULL;
    struct tsn_case_act in = {.case_id = id, .op = op, .args = a, .by = &lead, .now_ms = now};
    tsn_diag_init(&w->diag);
    if (tsn_case_act(w->st, w->arena, &w->config, &in, &r, NULL, &w->diag))
        fail_msg("%s %s: %s %s", op, args, w->diag.code, w->diag.what);
    json_decref(r);
    json_decref(a);
}

static void tick(struct case_world *w, int64_t now)
{
    struct tsn_clock_tick_config config = {.casework = &w->config};
    json_t *runs = json_array();
    size_t n = 1;
    for (int i = 0; i < 20 && n > 0; i++)
        assert_int_equal(tsn_clock_tick_now(w->st, w->arena, &config, now, &n, runs, &w->diag),
                         0);
    assert_int_equal(n, 0);
    json_decref(runs);
}

static void is(struct case_world *w, const char *id, const char *state)
{
    struct tsn_rec_track r;
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_track,
                                tsn_arena_printf(w->arena, "%s:retention:", id), &r);
    assert_string_equal(err ? "none" : r.state, state);
}

/* How often an erasure of this case was asked for, by the whole log. */
static int asked(struct case_world *w, const char *id)
{
    int64_t head = 0;
    int n = 0;
    struct tsn_logged e;
    while (tsn_store_entry(w->st, w->arena, head++, &e) == 0)
        n += !strcmp(e.entry.kind, "audit.erase.asked") && !strcmp(e.entry.to, id);
    return n;
}

static struct tsn_rec_case closed(struct case_world *w, const char *kind)
{
    struct tsn_rec_case c = world_case(w, kind);
    act(w, c.id, "instant.set", "{\"name\":\"received\",\"at\":\"2026-11-24T08:00:00Z\"}", NOW);
    is(w, c.id, "none");
    assert_int_equal(world_act(w, c.id, "case.close", "{\"resolution\":\"fixed\"}", NOW, NULL),
                     0);
    return c;
}

static void test_time(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case i = closed(w, "incident"), f = closed(w, "weakness"),
                        u = closed(w, "upstream");
    is(w, i.id, "kept");
    is(w, u.id, "none"); /* no rule speaks of it */
    tick(w, NOW + 10 * DAY - 1);
    is(w, i.id, "kept");
    tick(w, NOW + 10 * DAY);
    is(w, i.id, "due");
    is(w, f.id, "kept");
    assert_int_equal(asked(w, i.id), 1);
    tick(w, NOW + 60 * DAY); /* asked once; the others are looked at again and again */
    assert_int_equal(asked(w, i.id), 1);
    tick(w, NOW + 100 * DAY);
    is(w, f.id, "due");
    assert_int_equal(asked(w, u.id), 0);
}

static void test_hold(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = closed(w, "incident");
    act(w, c.id, "case.hold", "{\"reason\":\"lawsuit\"}", NOW + DAY);
    tick(w, NOW + 11 * DAY);
    is(w, c.id, "held");
    tick(w, NOW + 200 * DAY);
    is(w, c.id, "held");
    assert_int_equal(asked(w, c.id), 0);
    act(w, c.id, "case.hold", "{\"reason\":\"settled\",\"off\":true}", NOW + 201 * DAY);
    is(w, c.id, "due");
    assert_int_equal(asked(w, c.id), 1);
    act(w, c.id, "case.hold", "{\"reason\":\"appeal\"}", NOW + 202 * DAY);
    is(w, c.id, "held");
}

static void test_least(void **state)
{
    struct case_world *w = *state;
    static const char *const markets[] = {"cn", NULL};
    w->config.markets = markets;
    struct tsn_rec_case c = closed(w, "incident");
    tick(w, NOW + 11 * DAY);
    is(w, c.id, "kept"); /* ten days would be over, six months are not */
    c = world_get(w, c.id);
    tsn_diag_init(&w->diag);
    assert_int_equal(
        tsn_retention_allows(w->st, w->arena, &w->config, &c, NOW + 11 * DAY, &w->diag),
        TSN_ECONFLICT);
    assert_string_equal(w->diag.code, "W045");
    tick(w, NOW + 182 * DAY);
    is(w, c.id, "due");
    assert_int_equal(
        tsn_retention_allows(w->st, w->arena, &w->config, &c, NOW + 182 * DAY, &w->diag), 0);
}

/* A new version of the policy counts for what waits already. */
static void test_policy_changes(void **state)
{
    struct case_world *w = *state;
    static const char next[] =
        "policy: keep\nkind: retention\nversion: 2\nowner: a\ntitle: t\nsource: s\nrules:\n"
        "  - { id: all, at_most: 40d, why: shorter }\n";
    struct tsn_rec_case f = closed(w, "weakness"), u = closed(w, "upstream");
    struct tsn_rec_policy r;
    assert_int_equal(
        tsn_policy_propose(w->st, w->arena, "f", next, "u:lead1", "local", NOW, &r, &w->diag),
        0);
    assert_int_equal(tsn_policy_decide(w->config.policies, w->st, w->arena, "keep@2", true,
                                       "yes", "u:lead2", "local", NOW, &r, &w->diag),
                     0);
    tick(w, NOW + 30 * DAY);
    is(w, u.id, "kept");
    tick(w, NOW + 40 * DAY);
    is(w, u.id, "due");
    is(w, f.id, "due");
}

static void test_bad_documents(void **state)
{
    struct case_world *w = *state;
    static const struct {
        const char *rule, *code;
    } wrong[] = {{"{ id: a, why: b }", "C013"},
                 {"{ id: a, why: b, at_most: soon }", "C021"},
                 {"{ id: a, at_most: 3d }", "C013"},
                 {"{ id: a, why: b, at_most: 3d, forever: true }", "C012"},
                 {"a", "C014"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tsn_policy *p;
        const char *text = tsn_arena_printf(
            w->arena,
            "policy: x\nkind: retention\nversion: 1\nowner: a\ntitle: t\nsource: s\nrules:\n"
            "  - %s\n",
            wrong[i].rule);
        tsn_diag_init(&w->diag);
        assert_int_not_equal(tsn_policy_parse(w->arena, "f", text, strlen(text), &p, &w->diag),
                             0);
        assert_string_equal(w->diag.code, wrong[i].code);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_rules, close_rules)
    const struct CMUnitTest tests[] = {T(test_time), T(test_hold), T(test_least),
                                       T(test_policy_changes), T(test_bad_documents)};
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
