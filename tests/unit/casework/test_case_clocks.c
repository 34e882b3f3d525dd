/* Clocks on the real store: the shipped packs, a table of facts and expected instants, corrections,
 * warnings, misses, and that neither order nor restarts change a due time. */
#include "unit/casework/case_world.h"

#include <dirent.h>
#include "casework/clock_tick.h"
#include "casework/policy.h"
#include "core/buf.h"
#include "store/record_case.h"

static const char *const markets[] = {"eu", "cn", NULL};
static const struct tsn_actor lead = {
    .person = "lead1", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};

static int open_packs(void **state)
{
    struct tsn_policy_file files[32];
    size_t n = 0;
    assert_int_equal(world_open(state), 0);
    struct case_world *w = *state;
    DIR *d = opendir(TOCSIN_SOURCE_DIR "/playbooks/policies");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct tsn_buf b;
        if (!strstr(e->d_name, ".yaml"))
            continue;
        const char *path =
            tsn_arena_printf(w->arena, TOCSIN_SOURCE_DIR "/playbooks/policies/%s", e->d_name);
        tsn_buf_init(&b, 1 << 20);
        assert_int_equal(tsn_buf_read_file(&b, path), 0);
        files[n++] = (struct tsn_policy_file){path, tsn_arena_strndup(w->arena, b.data, b.len)};
        tsn_buf_free(&b);
    }
    closedir(d);
    assert_true(n >= 7);
    w->config.policies = tsn_policies_new();
    w->config.markets = markets;
    if (tsn_policies_start(w->config.policies, w->st, w->arena, files, n, NOW, &w->diag))
        fail_msg("%s:%d:%d %s", w->diag.file, w->diag.line, w->diag.col, w->diag.what);
    return 0;
}

static int close_packs(void **state)
{
    struct case_world *w = *state;
    struct tsn_policies *p = w->config.policies;
    int rc = world_close(state);
    tsn_policies_destroy(p);
    return rc;
}

static int64_t ms(const char *text)
{
    int64_t out;
    assert_int_equal(tsn_time_parse(text, &out), 0);
    return out;
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

static void instant(struct case_world *w, const char *id, const char *name, const char *at,
                    int64_t now)
{
    act(w, id, "instant.set",
        tsn_arena_printf(w->arena, "{\"name\":\"%s\",\"at\":\"%s\"}", name, at), now);
}

static json_t *clock_row(struct case_world *w, const char *id, const char *name,
                         const char **state)
{
    struct tsn_rec_track r;
    json_t *data = NULL;
    *state = "none";
    if (tsn_store_get(w->st, w->arena, &tsn_table_track,
                      tsn_arena_printf(w->arena, "%s:obligation:%s", id, name), &r))
        return json_object();
    *state = r.state;
    if (r.data)
        data = world_json(r.data);
    return data ? data : json_object();
}

static void expect(struct case_world *w, const char *id, const char *name, const char *state,
                   const char *due)
{
    const char *is;
    json_t *data = clock_row(w, id, name, &is);
    const char *have = tsn_json_str(data, "due", "none");
    if (strcmp(is, state) != 0 || (due && ms(due) != ms(have)))
        fail_msg("%s: %s due %s, not %s due %s", name, is, have, state, due ? due : "");
    json_decref(data);
}

static size_t tick(struct case_world *w, int64_t now, json_t *events)
{
    const struct tsn_clock_tick_config config = {.casework = &w->config};
    json_t *runs = json_array();
    size_t all = 0, n = 1;
    (void)events;
    for (int i = 0; i < 50 && n > 0; i++) {
        if (tsn_clock_tick_now(w->st, w->arena, &config, now, &n, runs, &w->diag))
            fail_msg("%s %s", w->diag.code, w->diag.what);
        all += n;
    }
    assert_int_equal(n, 0); /* it comes to rest */
    json_decref(runs);
    return all;
}

static size_t entries(struct case_world *w, const char *id, const char *kind)
{
    struct tsn_logged *e;
    size_t n = world_chain(w, id, &e), hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += !strcmp(e[i].entry.kind, kind);
    return hits;
}

/* Every clock of table 1.6 with the source it cites, and what its facts give. */
static void test_packs_table(void **state)
{
    struct case_world *w = *state;
    static const struct {
        const char *clock, *set, *fact, *at, *due;
    } rows[] = {
        /* Friday 15:30 in Berlin; one working day would be Monday, 48 hours come first. */
        {"acknowledge", NULL, "received", "2026-11-20T14:30:00Z", "2026-11-22T14:30:00Z"},
        {"acknowledge", NULL, "received", "2026-11-19T14:30:00Z", "2026-11-20T14:30:00Z"},
        {"first-assessment", NULL, "received", "2026-03-25T09:00:00Z", "2026-04-01T08:00:00Z"},
        {"invalid-close", NULL, "report.invalid", "2026-01-31T10:00:00Z",
         "2026-03-02T10:00:00Z"},
        {"fix-critical", "{\"severity\":\"critical\"}", "report.valid", "2026-11-01T10:00:00Z",
         "2026-11-16T10:00:00Z"},
        {"fix-high", "{\"severity\":\"high\"}", "report.valid", "2026-10-10T10:00:00Z",
         "2026-11-09T11:00:00Z"},
        {"fix-medium", "{\"severity\":\"medium\"}", "report.valid", "2026-09-27T10:00:00Z",
         "2027-01-03T11:00:00Z"}, /* 26 December lies in the shutdown */
        {"kev-listed", NULL, "kev_listed", "2026-11-23T15:00:00Z", "2026-11-23T23:00:00Z"},
        {"cra-early-warning", NULL, "exploitation_aware", "2026-03-28T20:00:00Z",
         "2026-03-29T20:00:00Z"},
        {"cra-notification", NULL, "exploitation_aware", "2026-10-24T20:00:00Z",
         "2026-10-27T20:00:00Z"},
        {"cra-final-report", "{\"exploited\":true}", "mitigation_available",
         "2026-10-20T10:00:00Z", "2026-11-03T11:00:00Z"},
        {"cra-incident-final", NULL, "cra_incident_notification_sent", "2026-01-31T09:00:00Z",
         "2026-02-28T09:00:00Z"},
        {"cra-inform-users", NULL, "severe_incident_aware", "2026-11-01T00:00:00Z",
         "2026-11-04T00:00:00Z"},
        {"nis2-final", "{\"duties\":[\"nis2\"]}", "nis2_notification_sent",
         "2026-02-28T23:30:00Z", "2026-03-31T22:30:00Z"},
        {"dora-initial", "{\"duties\":[\"dora\"]}", "dora_classified", "2026-11-01T01:00:00Z",
         "2026-11-01T05:00:00Z"},
        {"sec-8k", "{\"duties\":[\"sec\"]}", "sec_material", "2026-11-20T22:00:00Z",
         "2026-11-27T22:00:00Z"}, /* Thanksgiving is free */
        {"miit-report", NULL, "vulnerability_known", "2026-11-21T17:00:00Z",
         "2026-11-23T17:00:00Z"},
        {"china-log-retention", NULL, "received", "2026-08-31T03:00:00Z",
         "2027-02-28T03:00:00Z"},
        {"cve-unused", NULL, "cve.reserved", "2026-02-01T00:00:00Z", "2027-01-01T00:00:00Z"},
        {"distros-embargo", NULL, "distros_notified", "2026-11-01T12:00:00Z",
         "2026-11-15T12:00:00Z"},
        {"contract-silver-response", "{\"contract\":\"silver\"}", "received",
         "2026-10-02T12:00:00Z", "2026-10-05T12:00:00Z"},
        {"bod-26-04-tier1", "{\"bod_26_04\":\"tier1\"}", "customers_exposed",
         "2026-10-30T12:00:00Z", "2026-11-02T13:00:00Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tsn_rec_case c = world_case(w, "weakness");
        if (rows[i].set)
            assert_int_equal(world_act(w, c.id, "case.set", rows[i].set, NOW, NULL), 0);
        instant(w, c.id, rows[i].fact, rows[i].at, NOW + INT64_C(400) * 86400000);
        expect(w, c.id, rows[i].clock, "running", rows[i].due);
        const char *is;
        json_t *data = clock_row(w, c.id, rows[i].clock, &is);
        assert_true(strlen(tsn_json_str(data, "source", "")) > 5);
        json_decref(data);
    }
    /* A condition that does not fit starts nothing. */
    struct tsn_rec_case c = world_case(w, "weakness");
    instant(w, c.id, "significant_incident_aware", "2026-11-01T00:00:00Z", NOW);
    expect(w, c.id, "nis2-early-warning", "none", NULL);
    const struct tsn_policy_set *set = tsn_policies_now(w->config.policies);
    size_t clocks = 0;
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nclocks; k++, clocks++)
            assert_true(strlen(set->docs[i]->clocks[k].source) > 5);
    assert_true(clocks >= 38);
}

static void test_correction(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    instant(w, c.id, "exploitation_aware", "2026-11-24T06:00:00Z", NOW);
    expect(w, c.id, "cra-early-warning", "running", "2026-11-25T06:00:00Z");
    instant(w, c.id, "exploitation_aware", "2026-11-23T20:00:00Z", NOW + 1000);
    expect(w, c.id, "cra-early-warning", "running", "2026-11-24T20:00:00Z");
    assert_int_equal(entries(w, c.id, "clock.recomputed") > 0, 1);
    const char *is;
    json_t *data = clock_row(w, c.id, "cra-early-warning", &is);
    json_t *was = json_array_get(json_object_get(data, "history"), 0);
    assert_int_equal(ms(tsn_json_str(was, "due", "")), ms("2026-11-25T06:00:00Z"));
    json_decref(data);
    /* Met in time; met too late is a miss that knows when. */
    instant(w, c.id, "cra_early_warning_sent", "2026-11-24T07:00:00Z", NOW + 2000);
    expect(w, c.id, "cra-early-warning", "met", NULL);
    instant(w, c.id, "cra_notification_sent", "2026-11-27T00:00:00Z",
            ms("2026-11-27T01:00:00Z"));
    expect(w, c.id, "cra-notification", "missed", NULL);
    tick(w, ms("2026-11-27T01:00:01Z"), NULL);
    assert_true(entries(w, c.id, "clock.missed") >= 1);
    /* Told as missed, then known to have been met in time. */
    instant(w, c.id, "severe_incident_aware", "2026-11-24T05:00:00Z", NOW);
    tick(w, ms("2026-11-25T06:00:00Z"), NULL);
    expect(w, c.id, "cra-incident-early-warning", "missed", NULL);
    instant(w, c.id, "cra_incident_early_warning_sent", "2026-11-24T20:00:00Z",
            ms("2026-11-25T07:00:00Z"));
    expect(w, c.id, "cra-incident-early-warning", "met", NULL);
    /* A miss whose start is corrected runs again, if there is time left. */
    instant(w, c.id, "kev_listed", "2026-11-24T05:00:00Z", NOW);
    tick(w, ms("2026-11-25T00:00:00Z"), NULL);
    expect(w, c.id, "kev-listed", "missed", NULL);
    instant(w, c.id, "kev_listed", "2026-11-24T23:30:00Z", ms("2026-11-25T00:00:00Z"));
    expect(w, c.id, "kev-listed", "running", "2026-11-25T23:00:00Z");
}

static void test_warnings_and_miss(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    instant(w, c.id, "exploitation_aware", "2026-11-24T08:00:00Z", NOW);
    tick(w, NOW + 1000, NULL);
    size_t before = entries(w, c.id, "clock.warned");
    tick(w, ms("2026-11-24T19:59:59Z"), NULL);
    assert_int_equal(entries(w, c.id, "clock.warned"), before);
    tick(w, ms("2026-11-24T20:00:00Z"), NULL); /* half of 24 hours */
    assert_int_equal(entries(w, c.id, "clock.warned"), before + 1);
    tick(w, ms("2026-11-24T20:00:01Z"), NULL);
    assert_int_equal(entries(w, c.id, "clock.warned"), before + 1); /* once */
    expect(w, c.id, "cra-early-warning", "running", "2026-11-25T08:00:00Z");
    /* The wall clock steps back: nothing is told twice, nothing moves. */
    tick(w, NOW, NULL);
    expect(w, c.id, "cra-early-warning", "running", "2026-11-25T08:00:00Z");
    tick(w, ms("2026-11-25T08:00:00Z"), NULL);
    expect(w, c.id, "cra-early-warning", "missed", "2026-11-25T08:00:00Z");
    assert_int_equal(entries(w, c.id, "clock.missed"), 1);
    tick(w, ms("2026-11-25T09:00:00Z"), NULL);
    assert_int_equal(entries(w, c.id, "clock.missed"), 1);
    /* The case goes on: a miss stops nothing. */
    assert_int_equal(world_act(w, c.id, "case.set", "{\"severity\":\"high\"}", NOW, NULL), 0);
    assert_string_equal(world_get(w, c.id).state, "open");
}

static void test_waive_and_repeat(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    instant(w, c.id, "exploitation_aware", "2026-11-24T08:00:00Z", NOW);
    act(w, c.id, "clock.waive",
        "{\"clock\":\"cra-early-warning\",\"reason\":\"researcher test\"}", NOW);
    expect(w, c.id, "cra-early-warning", "waived", NULL);
    instant(w, c.id, "exploitation_aware", "2026-11-24T07:00:00Z", NOW);
    expect(w, c.id, "cra-early-warning", "waived", NULL);
    /* A promise that begins again with every message. */
    instant(w, c.id, "reporter_informed", "2026-11-01T09:00:00Z", NOW);
    expect(w, c.id, "status-update", "running", "2026-11-15T09:00:00Z");
    tick(w, NOW, NULL);
    expect(w, c.id, "status-update", "missed", NULL);
    instant(w, c.id, "reporter_informed", "2026-11-24T07:30:00Z", NOW);
    expect(w, c.id, "status-update", "running", "2026-12-08T07:30:00Z");
    /* The playbook's words: a pack's clock by its name, and one of its own. */
    json_t *r = NULL;
    assert_int_equal(
        world_act(w, c.id, "clock.start", "{\"name\":\"kev-listed\",\"due\":\"9d\"}", NOW, &r),
        0);
    assert_string_equal(tsn_json_str(r, "due_at", ""), "2026-11-24T23:00:00.000Z");
    json_decref(r);
    assert_int_equal(
        world_act(w, c.id, "clock.start", "{\"name\":\"mine\",\"due\":\"1h\"}", NOW, NULL), 0);
    expect(w, c.id, "mine", "running", "2026-11-24T09:00:00Z");
    tick(w, NOW + 3600000, NULL);
    expect(w, c.id, "mine", "missed", NULL);
    assert_int_equal(
        world_act(w, c.id, "clock.start", "{\"name\":\"soon\",\"due\":\"1h\"}", NOW, NULL), 0);
    assert_int_equal(world_act(w, c.id, "clock.met", "{\"name\":\"soon\"}", NOW + 60000, NULL),
                     0);
    expect(w, c.id, "soon", "met", NULL);
    tick(w, NOW + 7200000, NULL);
    expect(w, c.id, "soon", "met", NULL);
}

/* A row that cannot be worked does not hold up the others. */
static void test_bad_row(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    instant(w, c.id, "kev_listed", "2026-11-24T05:00:00Z", NOW);
    struct tsn_rec_track lost = {.id = "01KAR000000000000000000000:obligation:x",
                                 .case_id = "01KAR000000000000000000000",
                                 .track = "obligation",
                                 .subject = "x",
                                 .state = "running",
                                 .next_at = 1};
    assert_int_equal(tsn_store_put(w->st, &tsn_table_track, &lost), 0);
    struct tsn_clock_tick_config config = {.casework = &w->config};
    json_t *runs = json_array();
    size_t n = 0;
    tsn_diag_init(&w->diag);
    assert_int_equal(tsn_clock_tick_now(w->st, w->arena, &config, ms("2026-11-26T00:00:00Z"),
                                        &n, runs, &w->diag),
                     TSN_ENOTFOUND);
    assert_string_equal(w->diag.file, lost.id);
    const char *const skip[] = {lost.id};
    config.skip = skip;
    config.nskip = 1;
    assert_int_equal(tsn_clock_tick_now(w->st, w->arena, &config, ms("2026-11-26T00:00:00Z"),
                                        &n, runs, &w->diag),
                     0);
    assert_true(n > 0);
    expect(w, c.id, "kev-listed", "missed", NULL);
    json_decref(runs);
}

/* Whatever the order in which facts become known, the clocks end the same. */
static void test_order(void **state)
{
    struct case_world *w = *state;
    static const char *const facts[][2] = {{"exploitation_aware", "2026-11-20T08:00:00Z"},
                                           {"received", "2026-11-19T08:00:00Z"},
                                           {"mitigation_available", "2026-11-22T08:00:00Z"},
                                           {"acknowledged", "2026-11-19T09:00:00Z"}};
    static const char *const clocks[] = {"cra-early-warning", "cra-notification",
                                         "cra-final-report", "acknowledge", "first-assessment"};
    static const int orders[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}, {3, 0, 1, 2}};
    char first[5][80];
    for (size_t o = 0; o < 5; o++) {
        struct tsn_rec_case c = world_case(w, "weakness");
        assert_int_equal(world_act(w, c.id, "case.set", "{\"exploited\":true}", NOW, NULL), 0);
        for (int i = 0; i < 4; i++)
            instant(w, c.id, facts[orders[o][i]][0], facts[orders[o][i]][1], NOW);
        tick(w, NOW, NULL);
        for (size_t k = 0; k < 5; k++) {
            const char *is;
            char text[80];
            json_t *data = clock_row(w, c.id, clocks[k], &is);
            snprintf(text, sizeof text, "%s %s %s", is, tsn_json_str(data, "start", ""),
                     tsn_json_str(data, "due", ""));
            json_decref(data);
            if (o == 0)
                memcpy(first[k], text, sizeof text);
            else
                assert_string_equal(text, first[k]);
        }
    }
}

static void test_policies(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_policy r;
    static const char text[] =
        "policy: distros-two\nkind: clocks\nversion: 1\nowner: a\ntitle: t\nsource: somewhere\n"
        "clocks:\n  - { id: x-clock, title: t, start: { earliest: [ y ] }, due: 2d, stop: [ z "
        "] }\n";
    assert_int_equal(
        tsn_policy_propose(w->st, w->arena, "f", text, "u:lead1", "local", NOW, &r, &w->diag),
        0);
    assert_null(tsn_policies_clock(tsn_policies_now(w->config.policies), "x-clock"));
    assert_int_equal(tsn_policy_decide(w->config.policies, w->st, w->arena, "distros-two@1",
                                       true, "good", "u:lead1", "local", NOW, &r, &w->diag),
                     TSN_EDENIED);
    assert_string_equal(w->diag.code, "W023");
    const struct tsn_policy_set *old = tsn_policies_now(w->config.policies);
    assert_int_equal(tsn_policy_decide(w->config.policies, w->st, w->arena, "distros-two@1",
                                       true, "good", "u:lead2", "local", NOW, &r, &w->diag),
                     0);
    assert_non_null(tsn_policies_clock(tsn_policies_now(w->config.policies), "x-clock"));
    assert_true(old->n > 0); /* the old set is still there for whoever took it */
    assert_int_equal(
        tsn_policy_propose(w->st, w->arena, "f", text, "u:lead1", "local", NOW, &r, &w->diag),
        TSN_ECONFLICT);
    assert_string_equal(w->diag.code, "W021");
    static const struct {
        const char *from, *to, *code;
    } wrong[] = {{"due: 2d", "due: 2x", "C021"},
                 {"earliest", "soonest", "C012"},
                 {"start: { earliest: [ y ] }, ", "", "W020"},
                 {"stop: [ z ]", "stop: [ z ], warn: [ 120% ]", "W020"},
                 {"kind: clocks", "kind: clowns", "C030"},
                 {"owner: a\n", "", "C013"},
                 {"due: 2d", "due: 2d, calendar: moon", "C031"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tsn_policy *p;
        const char *at = strstr(text, wrong[i].from);
        assert_non_null(at);
        const char *bad = tsn_arena_printf(w->arena, "%.*s%s%s", (int)(at - text), text,
                                           wrong[i].to, at + strlen(wrong[i].from));
        tsn_diag_init(&w->diag);
        assert_int_not_equal(tsn_policy_parse(w->arena, "f", bad, strlen(bad), &p, &w->diag),
                             0);
        assert_string_equal(w->diag.code, wrong[i].code);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_packs, close_packs)
    const struct CMUnitTest tests[] = {
        T(test_packs_table),      T(test_correction), T(test_warnings_and_miss),
        T(test_waive_and_repeat), T(test_order),      T(test_bad_row),
        T(test_policies)};
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
