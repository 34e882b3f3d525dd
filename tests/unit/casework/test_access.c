/* Who may see and who may get: the judgement as a table, embargo rules, and a fuzz over the order
 * of facts against a model that knows only who accepted the terms. */
#include "unit/casework/case_world.h"

#include "casework/access.h"
#include "store/record_case.h"

static const struct tsn_actor lead = {
    .person = "lead1", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};
static const struct tsn_actor lead2 = {
    .person = "lead2", .roles = (const char *const[]){"psirt-lead", NULL}, .auth = "local"};

static tsn_err act(struct case_world *w, const char *id, const struct tsn_actor *by,
                   const char *op, const char *args, int64_t now)
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
    json_decref(r);
    json_decref(a);
    return err;
}

static void ok(struct case_world *w, const char *id, const char *op, const char *args)
{
    if (act(w, id, &lead, op, args, NOW))
        fail_msg("%s %s: %s %s", op, args, w->diag.code, w->diag.what);
}

static void no(struct case_world *w, const char *id, const char *op, const char *args,
               const char *code)
{
    assert_int_not_equal(act(w, id, &lead, op, args, NOW), 0);
    assert_string_equal(w->diag.code, code);
}

static void embargo_is(struct case_world *w, const char *id, const char *state)
{
    struct tsn_rec_case c = world_get(w, id);
    assert_string_equal(c.embargo ? c.embargo : "none", state);
}

static int64_t ends(struct case_world *w, const char *id)
{
    struct tsn_rec_case c = world_get(w, id);
    json_t *facts = world_json(c.facts);
    int64_t ms = 0;
    const json_t *at = json_object_get(json_object_get(facts, "instants"), "embargo_end");
    assert_int_equal(tsn_time_parse(tsn_json_str(at, "at", ""), &ms), 0);
    json_decref(facts);
    return ms;
}

static tsn_err gate(struct case_world *w, const char *id, const char *action, const char *args)
{
    struct tsn_action a = {.name = action,
                           .effect = TSN_EFFECT_EXTERNAL,
                           .irreversible = strcmp(action, "http.request") != 0};
    json_t *v = world_json(args);
    tsn_diag_init(&w->diag);
    tsn_err err = tsn_access_gate(&w->config, w->st, w->arena, &a, id, v, NOW, &w->diag);
    json_decref(v);
    return err;
}

static void test_judge(void **state)
{
    static const char *const
        m[] = {"ann", NULL},
        *const p[] = {"cert@cert.example", NULL}, *const i[] = {"x@elsewhere.example", NULL},
        *const r[] = {"finder@lab.example", NULL}, *const c[] = {"sec@customer.example", NULL},
        *const house[] = {"acme.example", NULL}, *const leads[] = {"psirt-lead", NULL},
        *const responder[] = {"responder", NULL}, *const chief[] = {"psirt-lead", NULL},
        *const auditor[] = {"auditor", NULL};
    static const char *const tlps[] = {NULL, "clear", "green", "amber", "amber+strict", "red"};
    static const char *const names[] = {"cert@cert.example",    "finder@lab.example",
                                        "sec@customer.example", "bob@acme.example",
                                        "x@elsewhere.example",  "x@notacme.example"};
    /* Rows: TLP; columns: participant, reporter, customer, house, stranger, look-alike. */
    static const char allowed[6][7] = {"111111", "111111", "111111",
                                       "111100", "110100", "110000"};
    (void)state;
    for (size_t t = 0; t < 6; t++)
        for (size_t n = 0; n < 6; n++)
            for (int e = 0; e < 2; e++) {
                struct tsn_access_case k = {
                    tlps[t], e ? "active" : "none", false, m, p, i, r, c, NULL, NULL};
                struct tsn_access_ask ask = {
                    .kind = TSN_ASKER_ADDRESS, .name = names[n], .house = house};
                bool yes = tsn_access_judge(&ask, &k) == NULL;
                assert_int_equal(yes, e ? n == 0 : allowed[t][n] == '1');
                ask.neutral = true;
                yes = tsn_access_judge(&ask, &k) == NULL;
                /* The reporter, who was asked for the terms and our own get what says nothing. */
                assert_true(!e || yes == (n < 2 || n == 3 || n == 4));
            }
    for (size_t t = 0; t < 6; t++) {
        struct tsn_access_case k = {tlps[t], "none", false, m, p, i, r, c, NULL, NULL};
        struct tsn_access_ask ask = {
            .kind = TSN_ASKER_PERSON, .person = "bob", .roles = responder, .lead_roles = leads};
        assert_int_equal(tsn_access_judge(&ask, &k) == NULL, t != 5);
        ask.person = "ann";
        assert_null(tsn_access_judge(&ask, &k));
        k.embargo = "proposed";
        assert_null(tsn_access_judge(&ask, &k));
        ask.person = "bob";
        assert_non_null(tsn_access_judge(&ask, &k));
        ask.roles = auditor;
        assert_null(tsn_access_judge(&ask, &k));
        ask.roles = chief;
        assert_null(tsn_access_judge(&ask, &k));
        ask = (struct tsn_access_ask){.kind = TSN_ASKER_PUBLIC};
        assert_non_null(tsn_access_judge(&ask, &k));
        k.embargo = "exited";
        assert_int_equal(tsn_access_judge(&ask, &k) == NULL, t < 2);
    }
}

/* Somebody of the house may have an address elsewhere: that one, and no other there. */
static void test_an_address_of_the_house(void **state)
{
    static const char *const house[] = {"acme.example", "rita@mail.example", NULL};
    static const char *const names[] = {"Rita@mail.example", "bob@acme.example",
                                        "rita@sub.mail.example", "xrita@mail.example",
                                        "mail.example"};
    struct tsn_access_case k = {.tlp = "amber", .embargo = "none"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct tsn_access_ask ask = {
            .kind = TSN_ASKER_ADDRESS, .name = names[i], .house = house};
        assert_int_equal(tsn_access_judge(&ask, &k) == NULL, i < 2);
    }
}

/* What roles see, by the kind of case; and what they may do. */
static void test_roles(void **state)
{
    static const char *const fix[] = {"track", "evidence", NULL}, *const none[] = {NULL};
    static const struct tsn_role_rule rules[] = {
        {"fixer", TSN_SEES_ASSIGNED, fix},
        {"champion", TSN_SEES_PRODUCT, NULL},
        {"support", TSN_SEES_OPEN, none},
        {"management", TSN_SEES_ALL, none},
    };
    static const char *const leads[] = {"psirt-lead", NULL}, *const m[] = {"ann", NULL},
                             *const plan[] = {"legal", NULL};
    static const struct {
        const char *person, *roles[3];
        char sees[5]; /* open; open of its product; closed; closed with a plan for legal */
    } rows[] = {
        {"bob", {"fixer"}, "0000"},
        {"ann", {"fixer"}, "1111"},
        {"bob", {"champion"}, "0100"},
        {"bob", {"support"}, "1100"},
        {"bob", {"management"}, "1111"},
        {"bob", {"other"}, "1100"},
        {"bob", {"fixer", "support"}, "1100"},
        {"bob", {"legal"}, "1101"},
        {"bob", {"psirt-lead"}, "1111"},
        {"bob", {"auditor"}, "1111"},
        {"bob", {NULL}, "1100"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = 0; k < 4; k++) {
            const struct tsn_access_case c = {.embargo = k >= 2 ? "active" : "none",
                                              .members = m,
                                              .owner_role = k == 1 ? "champion" : "another",
                                              .plan_roles = k == 3 ? plan : NULL};
            const struct tsn_access_ask ask = {.kind = TSN_ASKER_PERSON,
                                               .person = rows[i].person,
                                               .roles = rows[i].roles,
                                               .lead_roles = leads,
                                               .rules = rules,
                                               .nrules = 4};
            if ((tsn_access_judge(&ask, &c) == NULL) != (rows[i].sees[k] == '1'))
                fail_msg("%s %s, case %d", rows[i].person, rows[i].roles[0], k);
        }
    static const struct {
        const char *roles[3], *op;
        bool yes;
    } may[] = {{{"fixer"}, "track.move", true},     {{"fixer"}, "embargo.exit", false},
               {{"fixer"}, "tracker.move", false},  {{"champion"}, "embargo.exit", true},
               {{"support"}, "track.move", false},  {{"support", "fixer"}, "track.move", true},
               {{"other", "support"}, "a.b", true}, {{NULL}, "a.b", true}};
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        const struct tsn_access_ask ask = {
            .kind = TSN_ASKER_PERSON, .roles = may[i].roles, .rules = rules, .nrules = 4};
        assert_int_equal(tsn_access_may(&ask, may[i].op) == NULL, may[i].yes);
    }
}

static void test_embargo_rules(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    /* A date that could mean two moments, lies behind, or has no zone: no. */
    no(w, c.id, "embargo.propose", "{\"end\":\"2027-01-31T12:00\"}", "C045");
    no(w, c.id, "embargo.propose", "{\"end\":\"2026-11-01T12:00:00Z\"}", "W034");
    no(w, c.id, "embargo.propose", "{\"end\":\"2027-10-31T02:30 Europe/Berlin\"}", "C045");
    ok(w, c.id, "embargo.propose", "{\"end\":\"2027-02-01T12:00 Europe/Berlin\"}");
    embargo_is(w, c.id, "proposed");
    no(w, c.id, "embargo.accept", "{}", "W035"); /* our own proposal */
    ok(w, c.id, "embargo.accept", "{\"by\":\"finder@lab.example\"}");
    embargo_is(w, c.id, "active");
    assert_int_equal(ends(w, c.id), INT64_C(1801479600000)); /* 11:00 UTC */
    /* A revision does not interrupt cover, whatever becomes of it. */
    ok(w, c.id, "embargo.propose",
       "{\"end\":\"2027-03-01T12:00:00Z\",\"by\":\"finder@lab.example\"}");
    embargo_is(w, c.id, "revise");
    no(w, c.id, "embargo.accept", "{\"by\":\"finder@lab.example\"}", "W035");
    ok(w, c.id, "embargo.reject", "{}");
    embargo_is(w, c.id, "active");
    assert_int_equal(ends(w, c.id), INT64_C(1801479600000));
    /* Before its date: no; early: two people. */
    no(w, c.id, "embargo.exit", "{\"reason\":\"we want to\"}", "W036");
    ok(w, c.id, "embargo.release_early", "{\"reason\":\"press has it soon\"}");
    ok(w, c.id, "embargo.release_early", "{\"reason\":\"still\"}"); /* the same person again */
    embargo_is(w, c.id, "active");
    assert_int_equal(
        act(w, c.id, &lead2, "embargo.release_early", "{\"reason\":\"agreed\"}", NOW), 0);
    embargo_is(w, c.id, "exited");

    /* Two proposals: the shorter is in force at once, the longer is a revision to decide. */
    struct tsn_rec_case two = world_case(w, "weakness");
    ok(w, two.id, "embargo.propose",
       "{\"end\":\"2027-02-01T00:00:00Z\",\"by\":\"finder@lab.example\"}");
    ok(w, two.id, "embargo.propose", "{\"end\":\"2027-01-01T00:00:00Z\"}");
    embargo_is(w, two.id, "revise");
    assert_int_equal(ends(w, two.id), INT64_C(1798761600000));
    ok(w, two.id, "embargo.accept", "{}"); /* the finder's longer one */
    assert_int_equal(ends(w, two.id), INT64_C(1801440000000));
    /* Public: over at once, in the same transaction; and no new one. */
    ok(w, two.id, "fact.seen", "{\"fact\":\"public_aware\"}");
    embargo_is(w, two.id, "exited");
    /* Attacks: it should end, and a person may end it. */
    struct tsn_rec_case three = world_case(w, "weakness");
    ok(w, three.id, "embargo.propose", "{\"end\":\"2027-02-01T00:00:00Z\"}");
    ok(w, three.id, "embargo.accept", "{\"by\":\"finder@lab.example\"}");
    ok(w, three.id, "fact.seen", "{\"fact\":\"attacks_observed\"}");
    embargo_is(w, three.id, "active");
    ok(w, three.id, "embargo.exit", "{\"reason\":\"attacks\"}");
    struct tsn_rec_case four = world_case(w, "weakness");
    ok(w, four.id, "fact.seen", "{\"fact\":\"vendor_aware\"}");
    ok(w, four.id, "fact.seen", "{\"fact\":\"fix_ready\"}");
    no(w, four.id, "embargo.propose", "{\"end\":\"2027-02-01T00:00:00Z\"}", "W002");
    /* Nothing is published while it holds. */
    struct tsn_rec_case five = world_case(w, "weakness");
    ok(w, five.id, "embargo.propose", "{\"end\":\"2027-02-01T00:00:00Z\"}");
    ok(w, five.id, "embargo.accept", "{\"by\":\"finder@lab.example\"}");
    ok(w, five.id, "track.move",
       "{\"track\":\"document\",\"subject\":\"d\",\"to\":\"in_review\"}");
    ok(w, five.id, "track.move",
       "{\"track\":\"document\",\"subject\":\"d\",\"to\":\"approved\"}");
    ok(w, five.id, "track.move",
       "{\"track\":\"document\",\"subject\":\"d\",\"to\":\"scheduled\"}");
    no(w, five.id, "track.move",
       "{\"track\":\"document\",\"subject\":\"d\",\"to\":\"publishing\"}", "W002");
    /* Leaving is not ending. */
    ok(w, five.id, "embargo.leave", "{\"party\":\"finder@lab.example\"}");
    embargo_is(w, five.id, "active");
    assert_int_equal(gate(w, five.id, "mail.send", "{\"to\":\"finder@lab.example\"}"),
                     TSN_EDENIED);
}

static void test_gate_forms(void **state)
{
    struct case_world *w = *state;
    static const char *const house[] = {"acme.example", NULL};
    struct tsn_rec_case c = world_case(w, "weakness");
    w->config.house = house;
    ok(w, c.id, "embargo.propose", "{\"end\":\"2027-02-01T00:00:00Z\"}");
    ok(w, c.id, "embargo.invite", "{\"party\":\"cert@cert.example\"}");
    assert_int_equal(gate(w, c.id, "mail.send", "{\"to\":\"cert@cert.example\"}"), TSN_EDENIED);
    ok(w, c.id, "embargo.terms", "{\"party\":\"cert@cert.example\"}");
    static const struct {
        const char *action, *args;
        bool yes;
    } rows[] = {
        {"mail.send", "{\"to\":\"cert@cert.example\"}", true},
        {"mail.send", "{\"to\":\"CERT <Cert@Cert.Example>\"}", true},
        {"mail.send", "{\"to\":[\"cert@cert.example\",\"x@y.example\"]}", false},
        {"mail.send", "{\"to\":\"cert@cert.example, x@y.example\"}", false},
        {"mail.send", "{\"to\":\"x@y.example <cert@cert.example>\"}", true},
        {"mail.send", "{\"to\":\"cert@cert.example <x@y.example>\"}", false},
        {"mail.send", "{\"to\":\"cert@cert.example\",\"cc\":\"x@y.example\"}", false},
        {"mail.send", "{\"to\":\"cert@cert.example\",\"bcc\":[\"x@y.example\"]}", false},
        {"mail.send", "{\"to\":\"x@y.example\",\"template\":\"ack-incident\"}", false},
        {"http.request", "{\"url\":\"https://tickets.acme.example/api\"}", true},
        {"http.request", "{\"url\":\"https://acme.example.evil.example/\"}", false},
        {"http.request", "{\"url\":\"https://acme.example@evil.example/\"}", false},
        {"http.request", "{\"url\":\"https://evil.example/?acme.example\"}", false},
        {"http.request", "{\"url\":\"https://evilacme.example/\"}", false},
        {"http.request", "{}", false},
        {"site.publish", "{}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tsn_err err = gate(w, c.id, rows[i].action, rows[i].args);
        if ((err == 0) != rows[i].yes)
            fail_msg("%s %s: %d %s", rows[i].action, rows[i].args, err, w->diag.what);
    }
    /* Not there and not seen are the same answer. */
    struct tsn_viewer bob = {.person = "bob",
                             .roles = (const char *const[]){"responder", NULL}};
    struct tsn_rec_case got;
    struct tsn_diag a, b;
    bool closed;
    tsn_diag_init(&a);
    tsn_diag_init(&b);
    assert_int_equal(
        tsn_access_find(w->st, w->arena, &w->config, &bob, c.name, &got, &closed, &a),
        TSN_ENOTFOUND);
    assert_int_equal(tsn_access_find(w->st, w->arena, &w->config, &bob, "PSIRT-2026-9999", &got,
                                     &closed, &b),
                     TSN_ENOTFOUND);
    assert_string_equal(a.code, b.code);
    assert_string_equal(a.hint, b.hint);
    ok(w, c.id, "case.member", "{\"person\":\"bob\"}");
    assert_int_equal(
        tsn_access_find(w->st, w->arena, &w->config, &bob, c.name, &got, &closed, &a), 0);
    assert_true(closed);
    /* A prefix that fits a hidden and a seen case means the seen one. */
    struct tsn_rec_case open = world_case(w, "weakness"), hidden = world_case(w, "weakness");
    ok(w, hidden.id, "case.restrict", "{\"reason\":\"internal\"}");
    assert_int_equal(world_count(w, hidden.id, "case.access"), 1);
    ok(w, c.id, "case.member", "{\"person\":\"bob\",\"out\":true}");
    assert_int_equal(
        tsn_access_find(w->st, w->arena, &w->config, &bob, "PSIRT-2026", &got, &closed, &a), 0);
    assert_string_equal(got.id, open.id);
    w->config.house = NULL;
}

/* What a plugin tells goes where the operator knows it goes, or nowhere: by the kind of action, whether
 * its system is of our own house, and where it is. */
static void test_gate_plugins(void **state)
{
    struct case_world *w = *state;
    static const char *const house[] = {"acme.example", NULL};
    static const struct {
        bool sends, internal, irreversible;
        const char *goes_to;
        bool embargo, amber; /* passes under an embargo; at TLP:AMBER without one */
    } rows[] = {
        {false, false, false, NULL, true, true}, /* a packet filter, an account */
        {false, false, false, "https://api.cloud.example", true, true},
        {true, false, false, NULL, false, false},
        {true, true, false, NULL, true, true},
        {true, false, false, "https://hooks.chat.example/x", false, false},
        {true, true, false, "https://hooks.chat.example/x", true, true},
        {true, false, false, "https://chat.acme.example", true, true},
        {true, false, false, "https://cert.example/api", true, true}, /* accepted the terms */
        {false, false, true, NULL, false, false},                     /* publishes */
        {false, true, true, NULL, false, false},
        {false, false, true, "https://chat.acme.example", false, false},
        {true, false, true, "https://cert.example/api", true, true},
        {true, false, true, "https://hooks.chat.example", false, false},
    };
    struct tsn_rec_case c = world_case(w, "weakness"), amber = world_case(w, "weakness");
    json_t *args = world_json("{\"text\":\"SECRET\"}"),
           *tlp = world_json("{\"tlp\":\"amber\"}");
    w->config.house = house;
    ok(w, c.id, "embargo.propose", "{\"end\":\"2027-02-01T00:00:00Z\"}");
    assert_int_equal(
        tsn_case_set(w->st, w->arena, amber.id, tlp, &lead, NULL, NULL, NOW, NULL, &w->diag),
        0);
    for (int k = 0; k < 2; k++) {
        const char *id = k ? amber.id : c.id;
        ok(w, id, "embargo.invite", "{\"party\":\"cert.example\"}");
        ok(w, id, "embargo.terms", "{\"party\":\"cert.example\"}");
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const struct tsn_action a = {.name = "tool.tell",
                                         .effect = TSN_EFFECT_EXTERNAL,
                                         .sends = rows[i].sends,
                                         .internal = rows[i].internal,
                                         .irreversible = rows[i].irreversible,
                                         .goes_to = rows[i].goes_to};
            tsn_err err =
                tsn_access_gate(&w->config, w->st, w->arena, &a, id, args, NOW, &w->diag);
            if ((err == 0) != (k ? rows[i].amber : rows[i].embargo))
                fail_msg("row %zu of %s: %d %s", i, k ? "amber" : "embargo", err, w->diag.what);
            struct tsn_action look = a; /* asking there is judged alike */
            look.effect = TSN_EFFECT_NONE;
            err = tsn_access_gate(&w->config, w->st, w->arena, &look, id, args, NOW, &w->diag);
            if ((err == 0) != (k ? rows[i].amber : rows[i].embargo))
                fail_msg("look-up of row %zu of %s: %d", i, k ? "amber" : "embargo", err);
        }
    }
    json_decref(args);
    json_decref(tlp);
    w->config.house = NULL;
}

/* --- fuzz -------------------------------------------------------------------------------------------- */

static uint64_t seed = 7;
static unsigned next_random(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % n);
}

#define PARTIES 5
static const char *const parties[PARTIES] = {"a@a.example", "b@b.example", "c@c.example",
                                             "finder@lab.example", "press@news.example"};

/* Who accepted and did not leave, by the log alone: what an outsider would say. */
static bool accepted_by_log(struct case_world *w, const char *id, const char *party)
{
    struct tsn_logged *e;
    size_t n = world_chain(w, id, &e);
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(e[i].entry.kind, "track.participant") != 0)
            continue;
        const char *subject = world_field(w, &e[i], "subject");
        if (subject && !strcmp(subject, party))
            in = !strcmp(e[i].entry.to, "accepted");
    }
    return in;
}

static const char *embargo_by_log(struct case_world *w, const char *id)
{
    struct tsn_logged *e;
    const char *state = "none";
    size_t n = world_chain(w, id, &e);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(e[i].entry.kind, "track.embargo"))
            state = e[i].entry.to;
    return state;
}

static void test_fuzz(void **state)
{
    struct case_world *w = *state;
    size_t sent = 0, kept = 0, under = 0;
    for (int round = 0; round < 60; round++) {
        struct tsn_rec_case c = world_case(w, "weakness");
        int64_t now = NOW;
        for (int step = 0; step < 40; step++) {
            const char *p = parties[next_random(PARTIES)], *args = "{}", *op = NULL;
            static const char *const facts[] = {"vendor_aware",   "fix_ready",
                                                "fix_deployed",   "public_aware",
                                                "exploit_public", "attacks_observed"};
            static const char *const tlps[] = {"red", "amber", "amber+strict", "green",
                                               "clear"};
            now += next_random(5) * INT64_C(86400000);
            switch (next_random(14)) {
            case 0:
            case 1:
                op = "embargo.propose";
                args = tsn_arena_printf(w->arena,
                                        "{\"end\":\"%d-0%u-01T00:00:00Z\",\"by\":\"%s\"}", 2027,
                                        1 + next_random(9), next_random(2) ? p : "us");
                break;
            case 2:
            case 3:
                op = "embargo.accept";
                args = tsn_arena_printf(w->arena, "{\"by\":\"%s\"}", next_random(2) ? p : "us");
                break;
            case 4:
                op = "embargo.reject";
                break;
            case 5:
                op = "embargo.exit";
                args = "{\"reason\":\"over\"}";
                break;
            case 6:
            case 7:
                op = "embargo.invite";
                args = tsn_arena_printf(w->arena, "{\"party\":\"%s\"}", p);
                break;
            case 8:
            case 9:
                op = "embargo.terms";
                args = tsn_arena_printf(w->arena, "{\"party\":\"%s\",\"answer\":\"%s\"}", p,
                                        next_random(4) ? "accepted" : "declined");
                break;
            case 10:
                op = "embargo.leave";
                args = tsn_arena_printf(w->arena, "{\"party\":\"%s\"}", p);
                break;
            case 11:
                op = next_random(3) ? NULL : "fact.seen";
                args = tsn_arena_printf(w->arena, "{\"fact\":\"%s\"}", facts[next_random(6)]);
                break;
            case 12:
                (void)world_act(
                    w, c.id, "case.set",
                    tsn_arena_printf(w->arena, "{\"tlp\":\"%s\"}", tlps[next_random(5)]), now,
                    NULL);
                break;
            default:
                op = "embargo.release_early";
                args = "{\"reason\":\"early\"}";
                break;
            }
            if (op)
                (void)act(w, c.id, next_random(2) ? &lead : &lead2, op, args, now);
            /* Somebody wants to send. */
            const char *embargo = embargo_by_log(w, c.id);
            bool on = !strcmp(embargo, "active") || !strcmp(embargo, "revise") ||
                      !strcmp(embargo, "proposed");
            embargo_is(w, c.id, embargo);
            for (int i = 0; i < PARTIES; i++) {
                bool yes =
                    gate(w, c.id, "mail.send",
                         tsn_arena_printf(w->arena, "{\"to\":\"%s\",\"text\":\"SECRET\"}",
                                          parties[i])) == 0;
                under += on;
                if (on && yes != accepted_by_log(w, c.id, parties[i]))
                    fail_msg("round %d step %d: %s to %s under %s", round, step,
                             yes ? "sent" : "kept", parties[i], embargo);
                sent += yes;
                kept += !yes;
            }
            if (on) {
                assert_int_equal(gate(w, c.id, "site.publish", "{}"), TSN_EDENIED);
                assert_int_equal(
                    gate(w, c.id, "http.request", "{\"url\":\"https://news.example/\"}"),
                    TSN_EDENIED);
            }
        }
    }
    assert_true(sent > 1000 && kept > 1000 && under > 3000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_judge),
                                       cmocka_unit_test(test_an_address_of_the_house),
                                       cmocka_unit_test(test_roles),
                                       T(test_embargo_rules),
                                       T(test_gate_forms),
                                       T(test_gate_plugins),
                                       T(test_fuzz)};
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
