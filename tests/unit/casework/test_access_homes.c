/* test_access_homes.c - what came in with an embargoed case stays inside wherever the report goes: a
 * fuzz over cases that share, move, merge and split reports, against a model that reads only the log;
 * the end of an embargo on its date; the published default. */
#include "unit/casework/case_world.h"

#include "casework/access.h"
#include "casework/clock_tick.h"
#include "core/id.h"
#include "store/record_case.h"

#define DAY INT64_C(86400000)

static const struct tsn_actor lead = {
    .person = "lead1", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};
static const struct tsn_actor lead2 = {
    .person = "lead2", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};

/* As its own transaction would: an operation that fails leaves nothing. */
static tsn_err act(struct case_world *w, const char *id, const struct tsn_actor *by,
                   const char *op, const char *args, int64_t now, json_t **result)
{
    json_t *a = world_json(args), *r = NULL;
    struct tsn_case_act in = {.case_id = id, .op = op, .args = a, .by = by, .now_ms = now};
    tsn_diag_init(&w->diag);
    assert_int_equal(tsn_store_savepoint(w->st), 0);
    tsn_err err = tsn_case_act(w->st, w->arena, &w->config, &in, &r, NULL, &w->diag);
    if (err)
        tsn_store_undo(w->st);
    else
        assert_int_equal(tsn_store_release(w->st), 0);
    if (result)
        *result = r;
    else
        json_decref(r);
    json_decref(a);
    return err;
}

static void ok(struct case_world *w, const char *id, const char *op, const char *args,
               int64_t now)
{
    if (act(w, id, &lead, op, args, now, NULL))
        fail_msg("%s %s: %s %s", op, args, w->diag.code, w->diag.what);
}

static const char *embargo_of(struct case_world *w, const char *id)
{
    struct tsn_rec_case c = world_get(w, id);
    return c.embargo ? c.embargo : "none";
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

static void test_date(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness"), p = world_case(w, "weakness");
    ok(w, c.id, "embargo.propose", "{\"end\":\"2026-12-01T12:00:00Z\"}", NOW);
    ok(w, c.id, "embargo.accept", "{\"by\":\"finder@lab.example\"}", NOW);
    ok(w, c.id, "embargo.propose", "{\"end\":\"2027-03-01T12:00:00Z\"}", NOW);
    ok(w, p.id, "embargo.propose", "{\"end\":\"2026-12-01T12:00:00Z\"}", NOW);
    int64_t end = INT64_C(1796126400000);
    tick(w, end - 1);
    assert_string_equal(embargo_of(w, c.id), "revise");
    assert_string_equal(embargo_of(w, p.id), "proposed");
    /* At its moment it has ended, whatever revision is open; a proposal lapses. */
    tick(w, end);
    assert_string_equal(embargo_of(w, c.id), "exited");
    assert_string_equal(embargo_of(w, p.id), "none");
    struct tsn_logged *e;
    size_t n = world_chain(w, c.id, &e), told = 0;
    for (size_t i = 0; i < n; i++)
        told += !strcmp(e[i].entry.kind, "track.embargo") && e[i].entry.reason &&
                !strcmp(e[i].entry.reason, "date");
    assert_int_equal(told, 1);
    tick(w, end + DAY); /* once */
    assert_int_equal(world_chain(w, c.id, &e), n);
    /* To end it by hand again changes nothing; a proposal that has passed cannot be accepted. */
    ok(w, c.id, "embargo.exit", "{\"reason\":\"late\"}", end + DAY);
    assert_int_equal(world_chain(w, c.id, &e), n);
    struct tsn_rec_case q = world_case(w, "weakness");
    ok(w, q.id, "embargo.propose", "{\"end\":\"2026-12-01T12:00:00Z\"}", NOW);
    assert_int_not_equal(
        act(w, q.id, &lead, "embargo.accept", "{\"by\":\"x@y.example\"}", end + 1, NULL), 0);
    assert_string_equal(w->diag.code, "W034");
}

static void test_default(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness"), two = world_case(w, "weakness");
    assert_int_not_equal(
        act(w, c.id, &lead, "embargo.default", "{\"party\":\"f@lab.example\"}", NOW, NULL), 0);
    assert_string_equal(w->diag.code, "W037");
    w->config.default_embargo_ms = 90 * DAY;
    ok(w, c.id, "embargo.default", "{\"party\":\"f@lab.example\"}", NOW);
    assert_string_equal(embargo_of(w, c.id), "active");
    /* The finder proposes longer: the default is in force, the longer one is to decide. */
    ok(w, two.id, "embargo.propose",
       "{\"end\":\"2027-09-01T00:00:00Z\",\"by\":\"f@lab.example\"}", NOW);
    assert_string_equal(embargo_of(w, two.id), "revise");
    tick(w, NOW + 90 * DAY);
    assert_string_equal(embargo_of(w, two.id), "exited");
    assert_string_equal(embargo_of(w, c.id), "exited");
}

/* --- the fuzz ---------------------------------------------------------------------------------------- */

static uint64_t seed = 11;
static unsigned any(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % n);
}

#define PARTIES 4
#define CASES   12
static const char *const parties[PARTIES] = {"a@a.example", "b@b.example", "finder@lab.example",
                                             "press@news.example"};
static const char *const hosts[PARTIES] = {"a.example", "b.example", "lab.example",
                                           "news.example"};

struct pool {
    const char *cases[CASES],
        *reports[CASES]; /* reports[i] came in with cases[i]; NULL: none */
    size_t n;
};

static void receive(struct case_world *w, struct pool *p, const char *case_id, int64_t now)
{
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    struct tsn_rec_report r = {.id = tsn_arena_strdup(w->arena, id),
                               .name = tsn_arena_printf(w->arena, "TR-%zu-%s", p->n, id + 20),
                               .case_id = case_id,
                               .kind = "weakness",
                               .source = "api",
                               .body = "{\"title\":\"SECRET\",\"text\":\"SECRET\"}",
                               .received_at = now};
    assert_int_equal(tsn_store_insert(w->st, &tsn_table_report, &r), 0);
    assert_int_equal(
        tsn_case_report_came(w->st, w->arena, &w->config, &r, &lead, now, &w->diag), 0);
    p->cases[p->n] = case_id;
    p->reports[p->n++] = r.id;
}

/* By the log of a case: is it under embargo, who accepted its terms, what is attached to it. */
struct told {
    bool on, in[PARTIES];
    bool has[CASES];
};

static struct told by_log(struct case_world *w, const struct pool *p, const char *id)
{
    struct tsn_logged *e;
    struct told t = {0};
    size_t n = world_chain(w, id, &e);
    for (size_t k = 0; k < p->n; k++)
        t.has[k] = p->reports[k] && !strcmp(p->cases[k], id); /* came in with it */
    for (size_t i = 0; i < n; i++) {
        const char *kind = e[i].entry.kind, *to = e[i].entry.to;
        const char *subject = world_field(w, &e[i], "subject");
        if (!strcmp(kind, "track.embargo"))
            t.on = !strcmp(to, "proposed") || !strcmp(to, "active") || !strcmp(to, "revise");
        for (int k = 0; k < PARTIES && subject && !strcmp(kind, "track.participant"); k++)
            if (!strcmp(subject, parties[k]) || !strcmp(subject, hosts[k]))
                t.in[k] = !strcmp(subject, parties[k]) ? !strcmp(to, "accepted") : t.in[k];
        for (size_t k = 0; k < p->n && subject && !strcmp(kind, "track.link"); k++) {
            struct tsn_rec_report r;
            if (p->reports[k] &&
                tsn_store_get(w->st, w->arena, &tsn_table_report, p->reports[k], &r) == 0 &&
                !strcmp(subject, r.name))
                t.has[k] = !strcmp(to, "attached");
        }
    }
    return t;
}

/* May content that is in this case go to that party, by all the embargoes it comes from? */
static bool may(struct case_world *w, const struct pool *p, size_t at, int party)
{
    struct told own = by_log(w, p, p->cases[at]);
    if (own.on && !own.in[party])
        return false;
    for (size_t k = 0; k < p->n; k++) {
        if (!own.has[k] || !strcmp(p->cases[k], p->cases[at]))
            continue;
        struct told home = by_log(w, p, p->cases[k]);
        if (home.on && !home.in[party])
            return false;
    }
    return true;
}

static bool goes(struct case_world *w, const char *id, const struct tsn_action *a,
                 const char *args, int64_t now)
{
    json_t *v = world_json(args);
    tsn_diag_init(&w->diag);
    tsn_err err = tsn_access_gate(&w->config, w->st, w->arena, a, id, v, now, &w->diag);
    json_decref(v);
    assert_true(err == 0 || err == TSN_EDENIED);
    return err == 0;
}

/* Every way out: mail with each field, a plugin that names recipients, a request, a page. */
static void try_to_send(struct case_world *w, const struct pool *p, size_t at, int64_t now,
                        size_t sums[2])
{
    static const struct tsn_action
        mail = {.name = "mail.send", .effect = TSN_EFFECT_EXTERNAL, .irreversible = true},
        chat = {.name = "chat.post", .effect = TSN_EFFECT_EXTERNAL, .recipients = "channel"},
        http = {.name = "http.request", .effect = TSN_EFFECT_EXTERNAL},
        page = {.name = "site.publish", .effect = TSN_EFFECT_STORE, .irreversible = true};
    static const char *const fields[] = {"to", "cc", "bcc"};
    const char *id = p->cases[at];
    bool strict = world_get(w, id).access != NULL; /* what was split off is for members */
    for (int i = 0; i < PARTIES; i++) {
        bool yes = may(w, p, at, i);
        const char *args = tsn_arena_printf(w->arena, "{\"%s\":[\"%s\"],\"text\":\"SECRET\"}",
                                            fields[any(3)], parties[i]);
        bool sent = goes(w, id, &mail, args, now);
        if (sent && !yes)
            fail_msg("mail of case %zu to %s left", at, parties[i]);
        if (!sent && yes && !strict)
            fail_msg("mail of case %zu to %s was kept: %s", at, parties[i], w->diag.what);
        args =
            tsn_arena_printf(w->arena, "{\"channel\":\"%s\",\"text\":\"SECRET\"}", parties[i]);
        assert_int_equal(goes(w, id, &chat, args, now), sent);
        sums[yes]++;
    }
    bool covered = false;
    struct told own = by_log(w, p, id);
    covered = own.on;
    for (size_t k = 0; k < p->n; k++)
        covered = covered || (own.has[k] && by_log(w, p, p->cases[k]).on);
    assert_int_equal(goes(w, id, &page, "{}", now), !covered && !strict);
    assert_int_equal(goes(w, id, &chat, "{}", now), !covered && !strict); /* nobody named */
    if (covered)
        assert_false(goes(w, id, &http, "{\"url\":\"https://news.example/x\"}", now));
}

static void one_step(struct case_world *w, struct pool *p, int64_t now)
{
    static const char *const facts[] = {"vendor_aware", "fix_ready", "public_aware",
                                        "attacks_observed"};
    const char *id = p->cases[any((unsigned)p->n)], *other = p->cases[any((unsigned)p->n)];
    const char *party = parties[any(PARTIES)], *report = p->reports[any((unsigned)p->n)];
    const char *op = NULL, *args = "{}";
    json_t *result = NULL;
    struct tsn_rec_case c;
    switch (any(15)) {
    case 0:
    case 1:
        op = "embargo.propose";
        args = tsn_arena_printf(w->arena, "{\"end\":\"2027-0%u-01T00:00:00Z\",\"by\":\"%s\"}",
                                1 + any(9), any(2) ? party : "us");
        break;
    case 2:
    case 3:
        op = "embargo.accept";
        args = tsn_arena_printf(w->arena, "{\"by\":\"%s\"}", any(2) ? party : "us");
        break;
    case 4:
        op = "embargo.invite";
        args = tsn_arena_printf(w->arena, "{\"party\":\"%s\"}", party);
        break;
    case 5:
    case 6:
        op = "embargo.terms";
        args = tsn_arena_printf(w->arena, "{\"party\":\"%s\",\"answer\":\"%s\"}", party,
                                any(4) ? "accepted" : "declined");
        break;
    case 7:
        op = "embargo.leave";
        args = tsn_arena_printf(w->arena, "{\"party\":\"%s\"}", party);
        break;
    case 8:
        op = any(4) ? NULL : "fact.seen";
        args = tsn_arena_printf(w->arena, "{\"fact\":\"%s\"}", facts[any(4)]);
        break;
    case 9:
        op = any(3) ? NULL : "embargo.release_early";
        args = "{\"reason\":\"early\"}";
        break;
    case 10:
        op = "report.attach";
        args = tsn_arena_printf(w->arena, "{\"report\":\"%s\"}", report ? report : "x");
        break;
    case 11:
        op = any(2) ? "report.detach" : "embargo.reject";
        if (op[0] == 'r')
            args = tsn_arena_printf(w->arena, "{\"report\":\"%s\"}", report ? report : "x");
        break;
    case 12:
        c = world_get(w, other);
        op = "report.move";
        args = tsn_arena_printf(w->arena, "{\"report\":\"%s\",\"to\":\"%s\"}",
                                report ? report : "x", c.name);
        break;
    case 13:
        c = world_get(w, other);
        op = any(3) ? NULL : "case.merge";
        args = tsn_arena_printf(w->arena, "{\"into\":\"%s\",\"reason\":\"same\"}", c.name);
        break;
    default:
        op = p->n < CASES && any(2) ? "case.split" : NULL;
        args = tsn_arena_printf(w->arena, "{\"reports\":[\"%s\"],\"title\":\"two\"}",
                                report ? report : "x");
        break;
    }
    if (op && act(w, id, any(2) ? &lead : &lead2, op, args, now, &result) == 0 &&
        !strcmp(op, "case.split"))
        p->cases[p->n++] = tsn_arena_strdup(w->arena, tsn_json_str(result, "case_id", ""));
    /* That it was closed from its first moment on stands in its log. */
    if (p->n > 0 && world_get(w, p->cases[p->n - 1]).access &&
        world_count(w, p->cases[p->n - 1], "case.access") == 0)
        fail_msg("case %zu is closed, and no entry says so", p->n - 1);
    json_decref(result);
}

static void test_fuzz(void **state)
{
    struct case_world *w = *state;
    size_t sums[2] = {0};
    for (int round = 0; round < 25; round++) {
        struct pool p = {0};
        int64_t now = NOW;
        for (int i = 0; i < 4; i++)
            receive(w, &p, world_case(w, "weakness").id, now);
        for (int step = 0; step < 60; step++) {
            now += any(3) * DAY;
            if (any(4) == 0)
                tick(w, now);
            one_step(w, &p, now);
            try_to_send(w, &p, any((unsigned)p.n), now, sums);
        }
    }
    printf("%zu sent, %zu kept inside\n", sums[1], sums[0]);
    assert_true(sums[0] > 1000 && sums[1] > 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
    const struct CMUnitTest tests[] = {T(test_date), T(test_default), T(test_fuzz)};
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
