/* test_advisory_actions.c - advisory.draft and advisory.publish on a real store, as a playbook's
 * step calls them: incident notice, vendor advisory, versions, refusals. */
#include "unit/casework/case_world.h"

#include "advisory/advisory_life.h"
#include "advisory/advisory_model.h"
#include "store/record_advisory.h"
#include "store/record_case.h"

static const struct tsn_publisher publisher = {.name = "Acme PSIRT",
                                               .namespace_url = "https://psirt.acme.example",
                                               .contact = "psirt@acme.example",
                                               .prefix = "ACME-SA"};
static json_t *products;

static int open_world(void **state)
{
    int rc = world_open(state);
    struct case_world *w = *state;
    products = world_json("[{\"id\":\"edge-gw\",\"name\":\"Edge Gateway\",\"vendor\":\"Acme\"},"
                          "{\"id\":\"relay\",\"name\":\"Relay\",\"vendor\":\"Acme\"}]");
    assert_int_equal(tsn_advisory_register(w->registry, &publisher, products), 0);
    return rc;
}

static int close_world(void **state)
{
    int rc = world_close(state);
    json_decref(products);
    return rc;
}

static const json_t *member(const json_t *v, const char *path)
{
    char part[64];
    while (v && *path) {
        size_t n = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        v = json_is_array(v) ? json_array_get(v, (size_t)atoi(part)) : json_object_get(v, part);
        path += n + (path[n] == '/');
    }
    return v;
}

static const char *text_at(const json_t *v, const char *path)
{
    const char *s = json_string_value(member(v, path));
    return s ? s : "";
}

static void incident_notice(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "incident");
    json_t *set = world_json("{\"severity\":\"critical\",\"product\":\"edge-gw\","
                             "\"tlp\":\"amber+strict\",\"exploited\":true}");
    int64_t seq;
    struct tsn_actor by = {.person = "resp1", .auth = "token"};
    assert_int_equal(
        tsn_case_set(w->st, w->arena, c.id, set, &by, NULL, NULL, NOW, &seq, &w->diag), 0);
    json_decref(set);
    json_t *r = NULL, *r2 = NULL;
    assert_int_equal(
        world_act(w, c.id, "advisory.draft", "{\"template\":\"incident-notice\"}", NOW, &r), 0);
    assert_string_equal(text_at(r, "name"), "ACME-SA-2026-001");
    assert_int_equal(json_integer_value(member(r, "version")), 1);
    const json_t *doc = member(r, "csaf/document");
    assert_string_equal(text_at(doc, "category"), "csaf_security_incident_response");
    assert_string_equal(text_at(doc, "distribution/tlp/label"), "AMBER");
    assert_string_equal(text_at(doc, "tracking/status"), "draft");
    assert_string_equal(text_at(doc, "tracking/version"), "0");
    assert_non_null(strstr(text_at(r, "markdown"), "Edge Gateway"));
    assert_non_null(strstr(text_at(r, "markdown"), "exploitation"));
    assert_memory_equal(text_at(r, "digest"), "sha256:", 7);

    /* Again at the same time: the same bytes under the same name, one version on. */
    assert_int_equal(
        world_act(w, c.id, "advisory.draft", "{\"template\":\"incident-notice\"}", NOW, &r2),
        0);
    assert_string_equal(text_at(r2, "digest"), text_at(r, "digest"));
    assert_string_equal(text_at(r2, "name"), text_at(r, "name"));
    assert_int_equal(json_integer_value(member(r2, "version")), 2);
    json_decref(r);
    json_decref(r2);
}

#define UPSTREAM                                                                               \
    "{\"advisory\":{\"id\":\"EXLIB-2026-001\",\"publisher\":\"Example Libraries\","            \
    "\"summary\":\"A heap overflow.\",\"url\":\"https://libs.example/1.json\","                \
    "\"vulnerabilities\":[{\"cve\":\"CVE-2026-4711\",\"title\":\"Heap overflow\","             \
    "\"cwe\":{\"id\":\"CWE-122\",\"name\":\"Heap-based Buffer Overflow\"},\"scores\":"         \
    "[{\"vector\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}]}]}}"
#define VERDICTS                                                                               \
    "{\"template\":\"csaf-vendor\",\"verdicts\":[{\"product\":\"edge-gw\",\"name\":\"Edge "    \
    "Gateway\",\"status\":\"affected\",\"why\":\"we call it\",\"fix_in\":\"9.4.2\"},"          \
    "{\"product\":\"relay\",\"status\":\"not_affected\",\"why\":\"code is not built in\"}]}"

static struct tsn_rec_case upstream_case(struct case_world *w)
{
    struct tsn_rec_case c;
    json_t *facts = world_json(UPSTREAM);
    struct tsn_case_new in = {.kind = "upstream",
                              .title = "Heap overflow in libfoo",
                              .severity = "critical",
                              .facts = facts};
    assert_int_equal(tsn_case_open(w->st, w->arena, &w->config, &in, NOW, &c), 0);
    json_decref(facts);
    return c;
}

static void vendor_advisory_and_publishing(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = upstream_case(w);
    json_t *r = NULL, *p = NULL, *next = NULL;
    if (world_act(w, c.id, "advisory.draft", VERDICTS, NOW, &r)) {
        fail_msg("%s %s %s", w->diag.code, w->diag.what, w->diag.hint);
    }
    const json_t *v = member(r, "csaf/vulnerabilities/0");
    assert_string_equal(text_at(r, "csaf/document/category"), "csaf_security_advisory");
    assert_string_equal(text_at(v, "cve"), "CVE-2026-4711");
    assert_int_equal(json_array_size(member(v, "product_status/known_affected")), 1);
    assert_int_equal(json_array_size(member(v, "product_status/fixed")), 1);
    assert_int_equal(json_array_size(member(v, "product_status/known_not_affected")), 1);
    assert_string_equal(text_at(v, "remediations/0/category"), "vendor_fix");
    assert_string_equal(text_at(v, "threats/0/category"), "impact");
    assert_true(json_number_value(member(v, "scores/0/cvss_v3/baseScore")) == 9.8);
    assert_non_null(strstr(text_at(r, "markdown"), "| Acme Edge Gateway | 9.4.2 | fixed |"));
    assert_non_null(strstr(text_at(r, "markdown"), "EXLIB-2026-001"));

    assert_int_equal(world_act(w, c.id, "advisory.cve", "{}", NOW, NULL), TSN_ECONFLICT);
    assert_string_equal(w->diag.code, "D108");
    /* Exactly what was shown, once. */
    char args[256];
    assert_int_equal(
        world_act(w, c.id, "advisory.publish", "{\"digest\":\"sha256:00\"}", NOW + 5, NULL),
        TSN_ECONFLICT);
    snprintf(args, sizeof args, "{\"digest\":\"%s\"}", text_at(r, "digest"));
    assert_int_equal(world_act(w, c.id, "advisory.publish", args, NOW + 1000, &p), 0);
    assert_string_equal(text_at(p, "csaf/document/tracking/status"), "final");
    assert_string_equal(text_at(p, "csaf/document/tracking/version"), "1");
    assert_string_equal(text_at(p, "csaf/document/tracking/revision_history/0/number"), "1");
    assert_int_equal(world_count(w, c.id, "advisory.approved"), 1);
    assert_int_equal(world_act(w, c.id, "advisory.publish", "{}", NOW + 2000, NULL),
                     TSN_ECONFLICT);

    json_t *record = NULL;
    assert_int_equal(world_act(w, c.id, "advisory.cve", "{}", NOW + 1500, &record), 0);
    assert_string_equal(text_at(record, "cve"), "CVE-2026-4711");
    assert_int_equal(json_array_size(member(record, "container/affected")), 2);
    json_decref(record);
    assert_int_equal(world_act(w, c.id, "advisory.cve", "{\"cve\":\"CVE-2026-1\"}", NOW, NULL),
                     TSN_ENOTFOUND);

    /* A later draft has the next number and keeps the history. */
    assert_int_equal(world_act(w, c.id, "advisory.draft", VERDICTS, NOW + 3000, &next), 0);
    assert_string_equal(text_at(next, "csaf/document/tracking/version"), "2");
    assert_string_equal(text_at(next, "csaf/document/tracking/status"), "draft");
    assert_int_equal(json_array_size(member(next, "csaf/document/tracking/revision_history")),
                     2);
    assert_string_equal(text_at(next, "name"), text_at(r, "name"));

    struct tsn_rec_advisory a;
    assert_int_equal(
        tsn_store_get(w->st, w->arena, &tsn_table_advisory, text_at(next, "id"), &a), 0);
    assert_string_equal(a.state, "updating");
    assert_int_equal(a.version, 4); /* drafted, approved, published, drafted again */
    json_decref(r);
    json_decref(p);
    json_decref(next);
}

/* The embargo is kept by the program: nothing is released while it stands, also by the clock. */
static void under_embargo(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = upstream_case(w);
    struct tsn_rec_track row = {
        .case_id = c.id, .track = "embargo", .subject = "", .state = "active"};
    struct tsn_rec_release release;
    struct tsn_rec_advisory a;
    json_t *r = NULL;
    struct tsn_advisory_wakes wake;
    row.id = tsn_arena_printf(w->arena, "%s:embargo:", c.id);
    assert_int_equal(world_act(w, c.id, "advisory.draft", VERDICTS, NOW, &r), 0);
    assert_int_equal(tsn_store_put(w->st, &tsn_table_track, &row), 0);
    /* As the writer does it: what fails is undone whole. */
    assert_int_equal(tsn_store_savepoint(w->st), 0);
    assert_int_equal(world_act(w, c.id, "advisory.publish", "{}", NOW + 1, NULL),
                     TSN_ECONFLICT);
    tsn_store_undo(w->st);
    assert_string_equal(w->diag.code, "D105");
    assert_int_equal(tsn_advisory_last(w->st, w->arena, text_at(r, "id"), &release),
                     TSN_ENOTFOUND);
    /* Scheduled at an instant before the embargo ends: it waits on. */
    assert_int_equal(world_act(w, c.id, "advisory.publish", "{\"at\":\"2999-01-01T00:00:00Z\"}",
                               NOW + 2, NULL),
                     0);
    assert_int_equal(tsn_store_get(w->st, w->arena, &tsn_table_advisory, text_at(r, "id"), &a),
                     0);
    assert_string_equal(a.state, "scheduled");
    assert_int_equal(tsn_advisory_due(w->st, w->arena, a.publish_at + 1, &wake, &w->diag), 0);
    assert_int_equal(tsn_advisory_last(w->st, w->arena, a.id, &release), TSN_ENOTFOUND);
    row.state = "exited";
    assert_int_equal(tsn_store_put(w->st, &tsn_table_track, &row), 0);
    assert_int_equal(tsn_advisory_due(w->st, w->arena, a.publish_at + 2, &wake, &w->diag), 0);
    assert_int_equal(wake.n, 0);
    assert_int_equal(tsn_advisory_last(w->st, w->arena, a.id, &release), 0);
    assert_string_equal(release.version, "1");
    json_decref(r);
}

static void without_cve_and_without_fix(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "upstream");
    json_t *r = NULL;
    int err = world_act(w, c.id, "advisory.draft",
                        "{\"template\":\"csaf-vendor\",\"verdicts\":[{\"product\":\"relay\","
                        "\"status\":\"affected\",\"fix_in\":\"we are working on it\"},"
                        "{\"product\":\"edge-gw\",\"status\":\"affected\",\"fix_in\":\"\"}]}",
                        NOW, &r);
    if (err) {
        fail_msg("%s %s %s", w->diag.code, w->diag.what, w->diag.hint);
    }
    const json_t *v = member(r, "csaf/vulnerabilities/0");
    assert_string_equal(text_at(v, "remediations/0/category"), "mitigation");
    assert_string_equal(text_at(v, "remediations/1/category"), "none_available");
    assert_string_equal(text_at(v, "ids/0/text"), text_at(r, "name"));
    json_decref(r);
}

/* The case's own decision goes out when the step says so, in CSAF 2.1 alone and with all its inputs. */
static void ssvc_of_the_case(void **state)
{
    static const char draft[] =
        "{\"template\":\"csaf-vendor\",\"ssvc\":\"supplier\",\"products\":[{\"ref\":\"P\","
        "\"product\":\"Relay\",\"version\":\"1.0\"}],\"vulnerabilities\":[{\"cve\":\"CVE-2026-"
        "1000\","
        "\"title\":\"t\",\"description\":\"d\",\"vector\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/"
        "C:H/I:H/A:H\","
        "\"status\":{\"known_affected\":[\"P\"]},\"remediations\":[{\"category\":"
        "\"mitigation\","
        "\"details\":\"x\",\"product_ids\":[\"P\"]}]}]}";
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "weakness");
    json_t *r = NULL, *model, *doc[2], *findings;
    assert_int_not_equal(world_act(w, c.id, "advisory.draft", draft, NOW, NULL), 0);
    assert_string_equal(w->diag.code, "D002"); /* not decided yet */
    assert_int_equal(
        world_act(w, c.id, "ssvc.decide",
                  "{\"table\":\"supplier\",\"points\":{\"exploitation\":\"active\","
                  "\"automatable\":\"yes\","
                  "\"value_density\":\"concentrated\",\"technical_impact\":\"total\","
                  "\"safety_impact\":\"negligible\"}}",
                  NOW, NULL),
        0);
    if (world_act(w, c.id, "advisory.draft", draft, NOW, &r)) {
        fail_msg("%s %s %s", w->diag.code, w->diag.what, w->diag.hint);
    }
    struct tsn_rec_advisory a;
    assert_int_equal(
        tsn_store_find(w->st, w->arena, &tsn_table_advisory, "name", text_at(r, "name"), &a),
        0);
    model = world_json(a.model);
    tsn_advisory_model_track(model, member(r, "csaf"));
    for (int k = 0; k < 2; k++) {
        if (tsn_csaf_render(model, &publisher, k ? TSN_CSAF_21 : TSN_CSAF_20, &doc[k],
                            &w->diag)) {
            fail_msg("%s %s", w->diag.code, w->diag.what);
        }
        assert_int_equal(tsn_csaf_check(doc[k], &findings), 0);
        char *said = tsn_json_text(findings);
        assert_string_equal(said, "[]");
        free(said);
        json_decref(findings);
    }
    const json_t *v = member(doc[1], "vulnerabilities/0/metrics/1/content/ssvc_v2");
    assert_string_equal(text_at(v, "schemaVersion"), "2.0.0");
    assert_string_equal(text_at(v, "target_ids/0"), "CVE-2026-1000");
    assert_true(json_array_size(member(v, "selections")) == 5);
    assert_string_equal(text_at(v, "selections/0/namespace"), "ssvc");
    assert_non_null(member(doc[1], "vulnerabilities/0/metrics/0/content/cvss_v3"));
    assert_int_equal(json_array_size(member(doc[0], "vulnerabilities/0/scores")), 1);
    json_decref(doc[0]);
    json_decref(doc[1]);
    json_decref(model);
    json_decref(r);
}

static void refusals(void **state)
{
    struct case_world *w = *state;
    struct tsn_rec_case c = world_case(w, "incident");
    static const struct {
        const char *action, *args, *code;
    } rows[] = {
        {"advisory.draft", "{\"template\":\"nothing\"}", "D004"},
        {"advisory.draft", "{\"template\":\"incident-notice\",\"texxt\":1}", "H012"},
        {"advisory.draft", "{\"template\":\"incident-notice\",\"name\":\"X-1\"}", "D005"},
        {"advisory.draft", "{\"template\":\"csaf-vendor\",\"verdicts\":[{\"product\":\"zz\"}]}",
         "D006"},
        {"advisory.draft",
         "{\"template\":\"csaf-vendor\",\"verdicts\":[{\"product\":\"relay\",\"status\":\"?\"}]"
         "}",
         "D002"},
        {"advisory.draft",
         "{\"template\":\"csaf-vendor\",\"vulnerabilities\":[{\"vector\":\"AV:N\"}]}", "D003"},
        {"advisory.draft", "{\"template\":\"incident-notice\",\"tlp\":\"PINK\"}", "D001"},
        {"advisory.draft", "{\"template\":\"incident-notice\",\"references\":[\"not a uri\"]}",
         "D001"},
        {"advisory.publish", "{}", "D005"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tsn_err err = world_act(w, c.id, rows[i].action, rows[i].args, NOW, NULL);
        if (strcmp(w->diag.code, rows[i].code) != 0) {
            fail_msg("%s: %d %s %s", rows[i].args, err, w->diag.code, w->diag.what);
        }
        assert_int_equal(tsn_err_class(err), TSN_CLASS_INPUT);
    }
    int64_t n = 0;
    assert_int_equal(tsn_store_count(w->st, &tsn_table_advisory, NULL, 0, &n), 0);
    assert_int_equal(n, 0);
}

int main(void)
{
    tsn_crypto_init();
    tsn_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(incident_notice, open_world, close_world),
        cmocka_unit_test_setup_teardown(vendor_advisory_and_publishing, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(without_cve_and_without_fix, open_world, close_world),
        cmocka_unit_test_setup_teardown(ssvc_of_the_case, open_world, close_world),
        cmocka_unit_test_setup_teardown(under_embargo, open_world, close_world),
        cmocka_unit_test_setup_teardown(refusals, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
