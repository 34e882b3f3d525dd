/* What playbooks may do to their case, on the real store: rows, entries, refusals. */
#include "unit/casework/case_world.h"
#include "store/record_case.h"

static void test_open(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    struct tsn_rec_case a = world_case(w, "incident"), b = world_case(w, "upstream"), next;
    assert_string_equal(a.name, "PSIRT-2026-0001");
    assert_string_equal(b.name, "PSIRT-2026-0002");
    struct tsn_case_new in = {
        .kind = "incident", .title = "x", .severity = "low", .tlp = "amber"};
    assert_int_equal(tsn_case_open(w->st, w->arena, &w->config, &in,
                                   NOW + INT64_C(366) * 86400 * 1000, &next),
                     0);
    assert_string_equal(next.name, "PSIRT-2027-0001");
    assert_int_equal(world_chain(w, a.id, &e), 1);
    assert_string_equal(e[0].entry.kind, "case.created");
    assert_string_equal(e[0].entry.reason, "incident");
    assert_string_equal(e[0].entry.to, "none");
    assert_string_equal(world_field(w, &e[0], "subject"), "Tokens replayed");
    struct tsn_rec_case back = world_get(w, a.id);
    assert_string_equal(back.title, "Tokens replayed");
    assert_string_equal(back.state, "open");
    assert_int_equal(back.updated_seq, e[0].entry.seq);
    assert_int_equal(world_chain(w, next.id, &e), 1);
    assert_string_equal(e[0].entry.to, "low");
    assert_string_equal(e[0].entry.tlp, "amber");
}

static void test_set(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    json_t *r = NULL;
    struct tsn_rec_case c = world_case(w, "incident");
    assert_int_equal(world_act(w, c.id, "case.set",
                               "{\"severity\":\"CRITICAL\",\"product\":\"edge gateway\","
                               "\"exploited\":true,\"reason\":\"replayed\"}",
                               NOW, &r),
                     0);
    assert_int_equal(json_array_size(json_object_get(r, "changed")), 4);
    json_decref(r);
    assert_int_equal(world_chain(w, c.id, &e), 2);
    assert_string_equal(e[1].entry.kind, "case.updated");
    assert_string_equal(e[1].entry.actor, "svc:engine");
    assert_string_equal(e[1].entry.run, "01KAR0000000000000000000RN");
    assert_string_equal(e[1].entry.step, "0.1");
    assert_string_equal(e[1].entry.reason, "severity");
    assert_string_equal(e[1].entry.from, "none");
    assert_string_equal(e[1].entry.to, "critical");
    json_t *diff = world_json(world_field(w, &e[1], "diff"));
    json_t *product = json_object_get(diff, "product");
    assert_true(json_is_null(json_object_get(product, "from")));
    assert_string_equal(tsn_json_str(product, "to", ""), "edge-gw"); /* by name, stored by id */
    json_decref(diff);
    c = world_get(w, c.id);
    assert_string_equal(c.severity, "critical");
    assert_string_equal(c.product, "edge-gw");
    json_t *facts = world_json(c.facts);
    assert_true(tsn_json_bool(facts, "exploited", false));
    json_decref(facts);
    assert_int_equal(c.updated_seq, e[1].entry.seq);

    /* The same again: nothing to log. */
    assert_int_equal(world_act(w, c.id, "case.set", "{\"severity\":\"critical\"}", NOW, &r), 0);
    assert_int_equal(json_array_size(json_object_get(r, "changed")), 0);
    json_decref(r);
    assert_int_equal(world_chain(w, c.id, &e), 2);

    /* Both clear words: an entry each. */
    assert_int_equal(world_act(w, c.id, "case.set",
                               "{\"severity\":\"high\",\"tlp\":\"TLP:AMBER+STRICT\"}", NOW,
                               NULL),
                     0);
    assert_int_equal(world_chain(w, c.id, &e), 4);
    assert_string_equal(e[2].entry.from, "critical");
    assert_string_equal(e[2].entry.to, "high");
    assert_string_equal(e[3].entry.reason, "tlp");
    assert_string_equal(e[3].entry.to, "amber+strict");
    /* Null takes a fact away; a table compares deep. */
    assert_int_equal(
        world_act(w, c.id, "case.set", "{\"exploited\":null,\"x\":{\"a\":[1,2]}}", NOW, NULL),
        0);
    assert_int_equal(world_act(w, c.id, "case.set", "{\"x\":{\"a\":[1,2]}}", NOW, &r), 0);
    assert_int_equal(json_array_size(json_object_get(r, "changed")), 0);
    json_decref(r);
    c = world_get(w, c.id);
    facts = world_json(c.facts);
    assert_null(json_object_get(facts, "exploited"));
    json_decref(facts);
}

static void refused(struct case_world *w, const char *id, const char *action, const char *args,
                    const char *code)
{
    struct tsn_logged *e;
    json_t *r = NULL;
    struct tsn_rec_case before = world_get(w, id);
    size_t n = world_chain(w, id, &e);
    tsn_err err = world_act(w, id, action, args, NOW, &r);
    assert_int_equal(tsn_err_class(err), TSN_CLASS_INPUT);
    assert_null(r);
    assert_string_equal(w->diag.code, code);
    assert_true(w->diag.what[0] != 0);
    assert_int_equal(world_chain(w, id, &e), n);
    struct tsn_rec_case after = world_get(w, id);
    assert_string_equal(after.facts, before.facts);
    assert_string_equal(after.state, before.state);
}

static void test_refused(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "incident");
    refused(w, c.id, "case.set", "{\"severity\":\"huge\"}", "R060");
    refused(w, c.id, "case.set", "{\"severity\":7}", "R060");
    refused(w, c.id, "case.set", "{\"x\":1,\"product\":\"toaster\"}", "R062");
    refused(w, c.id, "case.set", "{\"title\":\"\"}", "R060");
    refused(w, c.id, "case.set", "{\"title\":\"a\\nb\"}", "R060");
    refused(w, c.id, "case.set", "{\"title\":null}", "R060");
    refused(w, c.id, "case.set", "{\"report\":{}}", "R060");
    refused(w, c.id, "case.set", "{\"clocks\":{}}", "R060");
    refused(w, c.id, "case.set", "[1]", "R060");
    refused(w, c.id, "case.note", "{}", "R060");
    refused(w, c.id, "case.note", "{\"text\":\"\"}", "R060");
    refused(w, c.id, "case.note", "{\"txt\":\"a\"}", "R060");
    refused(w, c.id, "case.link", "{}", "R060");
    refused(w, c.id, "case.link", "{\"link\":7}", "R060");
    refused(w, c.id, "case.close", "{}", "R060");
    refused(w, c.id, "case.close", "{\"resolution\":\"not a word\"}", "R060");
    refused(w, c.id, "case.close", "{\"resolution\":\"fixed\",\"why\":\"x\"}", "R060");
    refused(w, c.id, "report.update", "{}", "R060");
    refused(w, c.id, "report.update", "{\"state\":\"No Word\"}", "R060");
    refused(w, c.id, "clock.start", "{\"name\":\"x\"}", "R060");
    refused(w, c.id, "clock.start", "{\"name\":\"x\",\"due\":\"24\"}", "R060");
    refused(w, c.id, "clock.start", "{\"name\":\"x\",\"due\":-1}", "R060");
    refused(w, c.id, "clock.start", "{\"name\":\"x y\",\"due\":\"24h\"}", "R060");
    refused(w, c.id, "clock.start", "{\"name\":\"x\",\"due\":\"1d\",\"at\":\"x\"}", "R060");
    refused(w, c.id, "clock.met", "{\"name\":\"x\"}", "R063");
    refused(w, c.id, "case.affected_customers", "{\"product\":\"toaster\"}", "R062");
    assert_int_equal(world_act(w, "01KAR00000000000000000NONE", "case.get", "{}", NOW, NULL),
                     TSN_ENOTFOUND);
    assert_string_equal(w->diag.code, "R064");
}

static void test_too_many_facts(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "incident");
    char *text = tsn_alloc(1100000);
    memset(text, 'a', 1099999);
    json_t *v = json_object();
    json_object_set_new(v, "x", json_string(text));
    char *args = tsn_json_text(v);
    assert_int_equal(tsn_store_savepoint(w->st), 0);
    assert_int_equal(world_act(w, c.id, "case.set", args, NOW, NULL), TSN_ETOOBIG);
    assert_string_equal(w->diag.code, "R065");
    tsn_store_undo(w->st);
    struct tsn_logged *e;
    assert_int_equal(world_chain(w, c.id, &e), 1);
    free(args);
    free(text);
    json_decref(v);
}

static void test_note_link_update(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    struct tsn_rec_case c = world_case(w, "incident");
    assert_int_equal(world_act(w, c.id, "case.note", "{\"text\":\"looks bad\"}", NOW, NULL), 0);
    assert_int_equal(
        world_act(w, c.id, "case.link", "{\"link\":{\"key\":\"SEC-1\"}}", NOW, NULL), 0);
    assert_int_equal(world_act(w, c.id, "case.link", "{\"key\":\"SEC-1\"}", NOW, NULL), 0);
    assert_int_equal(
        world_act(w, c.id, "case.link", "{\"link\":\"https://x.example\"}", NOW, NULL), 0);
    assert_int_equal(world_act(w, c.id, "report.update",
                               "{\"state\":\"notified\",\"message\":\"Told.\"}", NOW, NULL),
                     0);
    assert_int_equal(world_act(w, c.id, "report.update", "{\"message\":\"More.\"}", NOW, NULL),
                     0);
    assert_int_equal(world_chain(w, c.id, &e), 6); /* the same link twice is one */
    assert_string_equal(e[1].entry.kind, "case.note");
    assert_string_equal(world_field(w, &e[1], "note"), "looks bad");
    assert_string_equal(e[2].entry.kind, "case.linked");
    assert_string_equal(e[4].entry.kind, "report.updated");
    assert_string_equal(e[4].entry.from, "received");
    assert_string_equal(e[4].entry.to, "notified");
    assert_string_equal(world_field(w, &e[4], "note"), "Told.");
    assert_null(e[5].entry.to);
    c = world_get(w, c.id);
    json_t *facts = world_json(c.facts);
    assert_int_equal(json_array_size(json_object_get(facts, "links")), 2);
    assert_int_equal(json_array_size(json_object_get(facts, "updates")), 2);
    assert_string_equal(tsn_json_str(facts, "report_state", ""), "notified");
    json_decref(facts);
    assert_int_equal(c.updated_seq, e[5].entry.seq);
}

static void test_close(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    json_t *r = NULL;
    struct tsn_rec_case c = world_case(w, "incident");
    assert_int_equal(world_act(w, c.id, "case.close",
                               "{\"resolution\":\"notified\",\"reason\":\"all told\"}", NOW + 5,
                               &r),
                     0);
    assert_string_equal(tsn_json_str(r, "resolution", ""), "notified");
    json_decref(r);
    assert_int_equal(world_chain(w, c.id, &e), 2);
    assert_string_equal(e[1].entry.kind, "case.closed");
    assert_string_equal(e[1].entry.reason, "notified");
    assert_string_equal(e[1].entry.from, "open");
    assert_string_equal(e[1].entry.to, "closed");
    assert_string_equal(world_field(w, &e[1], "note"), "all told");
    c = world_get(w, c.id);
    assert_string_equal(c.state, "closed");
    assert_string_equal(c.resolution, "notified");
    assert_int_equal(c.closed_at, NOW + 5);
    refused(w, c.id, "case.close", "{\"resolution\":\"fixed\"}", "R061");
    refused(w, c.id, "case.set", "{\"severity\":\"low\"}", "R061");
    assert_int_equal(world_act(w, c.id, "case.note", "{\"text\":\"later\"}", NOW, NULL), 0);
}

static void test_clocks(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    json_t *r = NULL;
    struct tsn_rec_case c = world_case(w, "incident");
    assert_int_equal(
        world_act(w, c.id, "clock.start",
                  "{\"name\":\"cra-early-warning\",\"due\":\"24h\",\"owner\":\"lead\"}", NOW,
                  &r),
        0);
    assert_string_equal(tsn_json_str(r, "due_at", ""), "2026-11-25T08:00:00.000Z");
    json_decref(r);
    /* Running already: the promise stays where it was. */
    assert_int_equal(world_act(w, c.id, "clock.start",
                               "{\"name\":\"cra-early-warning\",\"due\":\"99d\"}", NOW, &r),
                     0);
    assert_string_equal(tsn_json_str(r, "due_at", ""), "2026-11-25T08:00:00.000Z");
    json_decref(r);
    assert_int_equal(world_act(w, c.id, "clock.start",
                               "{\"name\":\"b\",\"at\":\"2026-11-24T08:00:01Z\"}", NOW, NULL),
                     0);
    assert_int_equal(
        world_act(w, c.id, "clock.met", "{\"name\":\"cra-early-warning\"}", NOW + 1000, &r), 0);
    assert_string_equal(tsn_json_str(r, "met_at", ""), "2026-11-24T08:00:01.000Z");
    json_decref(r);
    assert_int_equal(
        world_act(w, c.id, "clock.met", "{\"name\":\"cra-early-warning\"}", NOW + 2000, NULL),
        0);
    assert_int_equal(world_act(w, c.id, "clock.met", "{\"name\":\"b\"}", NOW + 2000, NULL), 0);
    assert_int_equal(world_chain(w, c.id, &e), 5);
    assert_string_equal(e[1].entry.kind, "clock.started");
    assert_string_equal(e[1].entry.reason, "cra-early-warning");
    assert_string_equal(e[1].entry.to, "2026-11-25T08:00:00.000Z");
    assert_string_equal(e[3].entry.kind, "clock.met");
    assert_string_equal(e[3].entry.outcome, "ok");
    assert_string_equal(e[4].entry.outcome, "timeout"); /* too late */
    /* Met: it may start anew. */
    assert_int_equal(world_act(w, c.id, "clock.start",
                               "{\"name\":\"cra-early-warning\",\"due\":\"1h\"}", NOW, &r),
                     0);
    assert_null(json_object_get(r, "met_at"));
    json_decref(r);
}

static void customers(struct case_world *w, const char *id, const char *args,
                      const char *wanted)
{
    json_t *r = NULL;
    assert_int_equal(world_act(w, id, "case.affected_customers", args, NOW, &r), 0);
    char *text = tsn_json_text(r);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(r);
}

static void test_customers(void **state)
{
    struct case_world *w = *state;
    static const char both[] = "[{\"mail\":\"a@a.example\",\"name\":\"A\"},"
                               "{\"mail\":\"b@b.example\",\"name\":\"B\"}]";
    struct tsn_rec_case c = world_case(w, "incident");
    customers(w, c.id, "{}", "[]"); /* no product yet */
    customers(w, c.id, "[]", "[]"); /* Lua's empty table */
    assert_int_equal(world_act(w, c.id, "case.set", "{\"product\":\"edge-gw\"}", NOW, NULL), 0);
    customers(w, c.id, "{}", both); /* each address once */
    customers(w, c.id, "{\"product\":\"Edge Gateway\"}", both);
    customers(w, c.id, "{\"products\":[\"relay\"]}",
              "[{\"mail\":\"b@b.example\",\"name\":\"B\"},"
              "{\"mail\":\"c@c.example\",\"name\":\"C\"}]");
    customers(w, c.id, "{\"products\":[{\"id\":\"relay\",\"status\":\"affected\"}]}",
              "[{\"mail\":\"b@b.example\",\"name\":\"B\"},"
              "{\"mail\":\"c@c.example\",\"name\":\"C\"}]");
    /* An upstream case is about what its event named. */
    struct tsn_rec_case up;
    json_t *facts = world_json("{\"products\":[\"edge-gw\"]}");
    struct tsn_case_new in = {.kind = "upstream", .title = "x", .facts = facts};
    assert_int_equal(tsn_case_open(w->st, w->arena, &w->config, &in, NOW, &up), 0);
    json_decref(facts);
    customers(w, up.id, "{}", both);
    customers(w, up.id, "{\"products\":[]}", "[]");
}

static void test_get(void **state)
{
    struct case_world *w = *state;
    json_t *r = NULL;
    struct tsn_rec_case c;
    json_t *facts = world_json("{\"report\":{\"title\":\"t\"},\"receipt\":\"TR-1\",\"x\":1}");
    struct tsn_case_new in = {.kind = "incident", .title = "x", .facts = facts};
    assert_int_equal(tsn_case_open(w->st, w->arena, &w->config, &in, NOW, &c), 0);
    json_decref(facts);
    assert_int_equal(world_act(w, c.id, "case.get", "{}", NOW, &r), 0);
    assert_string_equal(tsn_json_str(r, "name", ""), c.name);
    assert_string_equal(tsn_json_str(r, "receipt", ""), "TR-1");
    assert_string_equal(tsn_json_str(json_object_get(r, "report"), "title", ""), "t");
    assert_int_equal(tsn_json_int(json_object_get(r, "facts"), "x", 0), 1);
    assert_string_equal(tsn_json_str(r, "opened_at", ""), "2026-11-24T08:00:00.000Z");
    json_decref(r);
    r = tsn_case_frozen(&c);
    char *text = tsn_json_text(r);
    assert_string_equal(
        text,
        tsn_arena_printf(w->arena,
                         "{\"id\":\"%s\",\"kind\":\"incident\",\"name\":\"%s\","
                         "\"receipt\":\"TR-1\",\"report\":{\"title\":\"t\"},\"title\":\"x\"}",
                         c.id, c.name));
    free(text);
    json_decref(r);
}

static void test_people(void **state)
{
    struct case_world *w = *state;
    struct tsn_logged *e;
    int64_t seq = -1;
    const char *const roles[] = {"responder", NULL};
    struct tsn_actor by = {.person = "resp1", .roles = roles, .auth = "token"};
    struct tsn_rec_case c = world_case(w, "incident");
    assert_int_equal(
        tsn_case_note(w->st, w->arena, c.id, "by hand", &by, NULL, NULL, NOW, &seq, &w->diag),
        0);
    json_t *changes = world_json("{\"severity\":\"low\"}");
    assert_int_equal(
        tsn_case_set(w->st, w->arena, c.id, changes, &by, NULL, NULL, NOW, NULL, &w->diag), 0);
    json_decref(changes);
    assert_int_equal(world_chain(w, c.id, &e), 3);
    assert_int_equal(e[1].entry.seq, seq);
    for (int i = 1; i < 3; i++) {
        assert_string_equal(e[i].entry.actor, "u:resp1");
        assert_string_equal(e[i].entry.auth, "token");
        assert_null(e[i].entry.run);
    }
}

static void test_find(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c, found;
    for (int i = 0; i < 11; i++)
        c = world_case(w, "incident"); /* ... PSIRT-2026-0011 */
    static const char *const good[] = {"PSIRT-2026-0011", "psirt-2026-0011", "PSIRT-2026-001",
                                       "psirt-2026-0010"};
    for (size_t i = 0; i < 4; i++) {
        bool many = i == 2;
        tsn_diag_init(&w->diag);
        tsn_err err = tsn_case_find(w->st, w->arena, good[i], &found, &w->diag);
        assert_int_equal(err, many ? TSN_ECONFLICT : 0);
        if (many)
            assert_string_equal(w->diag.code, "H024");
    }
    assert_int_equal(tsn_case_find(w->st, w->arena, c.id, &found, &w->diag), 0);
    assert_string_equal(found.name, c.name);
    assert_int_equal(tsn_case_find(w->st, w->arena, "PSIRT-2026-0002", &found, &w->diag), 0);
    static const char *const bad[] = {"", "PSIRT-2027", "%", "01KAR00000000000000000NONE"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tsn_case_find(w->st, w->arena, bad[i], &found, &w->diag),
                         TSN_ENOTFOUND);
        assert_string_equal(w->diag.code, "H023");
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
    const struct CMUnitTest tests[] = {
        T(test_open),
        T(test_set),
        T(test_refused),
        T(test_too_many_facts),
        T(test_close),
        T(test_clocks),
        T(test_note_link_update),
        T(test_get),
        T(test_customers),
        T(test_people),
        T(test_find),
    };
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
