/* Two reports: every sign alone and together, wherever in the neutral form it stands; what is too little;
 * a memory of thousands, a report that was rolled back, one whose text is gone. */
#include "unit/casework/case_world.h"

#include "casework/likeness.h"
#include "core/id.h"
#include "store/record_case.h"

static const char *receive(struct case_world *w, const char *body)
{
    struct tsn_rec_case c = world_case(w, "weakness");
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    struct tsn_rec_report r = {.id = tsn_arena_strdup(w->arena, id),
                               .name = tsn_arena_printf(w->arena, "TR-%s", id),
                               .case_id = c.id,
                               .kind = "weakness",
                               .source = "api",
                               .body = body,
                               .received_at = NOW};
    assert_int_equal(tsn_store_insert(w->st, &tsn_table_report, &r), 0);
    if (tsn_case_report_came(w->st, w->arena, &w->config, &r, NULL, NOW, &w->diag))
        fail_msg("%s %s", w->diag.code, w->diag.what);
    return r.id;
}

/* The proposals of the case that this report came in with: their number and the best one's score. */
static size_t proposals(struct case_world *w, const char *id, int *best, char why[200])
{
    struct tsn_rec_report r;
    assert_int_equal(tsn_store_get(w->st, w->arena, &tsn_table_report, id, &r), 0);
    struct tsn_rec_case c = world_get(w, r.case_id);
    json_t *all = tsn_case_tracks_json(w->st, w->arena, &c), *row;
    size_t i, n = 0;
    *best = 0;
    why[0] = 0;
    json_array_foreach(json_object_get(all, "alike"), i, row)
    {
        const json_t *data = json_object_get(row, "data");
        int score = (int)tsn_json_int(data, "score", 0);
        n += !strcmp(tsn_json_str(row, "state", ""), "proposed");
        if (score <= *best)
            continue;
        *best = score;
        char *text = tsn_json_text(json_object_get(data, "reasons"));
        snprintf(why, 200, "%s", text);
        free(text);
    }
    json_decref(all);
    return n;
}

static void test_signs(void **state)
{
    static const struct {
        const char *a, *b;
        int least, most; /* of the score; 0 0 = not proposed */
        const char *reason;
    } rows[] = {
        {"{\"product\":\"edge-gw\"}", "{\"product\":\"Edge Gateway\"}", 0, 0, ""},
        {"{\"product\":\"edge-gw\",\"cwe\":\"CWE-787\"}",
         "{\"product\":\"Edge Gateway\",\"cwe\":\"CWE-787\"}", 35, 35, "same weakness"},
        {"{\"cwe\":\"CWE-787\"}", "{\"cwe\":\"CWE-787\"}", 0, 0, ""},
        {"{\"cves\":[\"CVE-2026-1000\"]}", "{\"text\":\"see CVE-2026-1000.\"}", 60, 60,
         "both name CVE-2026-1000"},
        {"{\"cves\":[\"CVE-2026-1000\"]}", "{\"text\":\"see CVE-2026-10001\"}", 0, 0, ""},
        {"{\"mail\":{\"message_id\":\"<1@lab.example>\"}}",
         "{\"mail\":{\"message_id\":\"<2@lab.example>\",\"in_reply_to\":[\"<1@lab.example>\"]}"
         "}",
         60, 60, "same mail thread"},
        {"{\"mail\":{\"message_id\":\"<3@x>\",\"references\":[\"<0@x>\"]}}",
         "{\"mail\":{\"message_id\":\"<4@x>\",\"references\":[\"<9@x>\",\"<0@x>\"]}}", 60, 60,
         "same mail thread"},
        {"{\"foreign_id\":\"H1-77\"}", "{\"foreign_id\":\"H1-77\"}", 60, 60, "number"},
        {"{\"title\":\"Heap overflow in frame parser\",\"text\":\"long frames overflow\"}",
         "{\"title\":\"heap OVERFLOW in Frame parser\",\"text\":\"Overflow of long frames\"}",
         30, 50, "alike"},
        {"{\"title\":\"Heap overflow in frame parser\"}",
         "{\"title\":\"Console shows the wrong time zone\"}", 0, 0, ""},
        {"{\"product\":\"edge-gw\",\"cwe\":\"CWE-79\",\"cves\":[\"CVE-2026-1\",\"CVE-2026-"
         "2222\"]}",
         "{\"product\":\"edge-gw\",\"cwe\":\"CWE-79\",\"cves\":[\"CVE-2026-2222\"]}", 95, 100,
         "same product"},
    };
    struct case_world *w = *state;
    struct tsn_likeness *l = tsn_likeness_new();
    for (size_t with = 0; with < 2; with++) {
        w->config.likeness = with ? l : NULL;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            int best;
            char why[200];
            assert_int_equal(tsn_store_savepoint(w->st), 0);
            (void)receive(w, rows[i].a);
            size_t n = proposals(w, receive(w, rows[i].b), &best, why);
            if (n != (rows[i].least ? 1u : 0u) || best < rows[i].least || best > rows[i].most ||
                !strstr(why, rows[i].reason))
                fail_msg("%s ~ %s: %zu, %d %s", rows[i].a, rows[i].b, n, best, why);
            /* The memory keeps what is rolled back here; it must not be proposed. */
            tsn_store_undo(w->st);
        }
    }
    w->config.likeness = NULL;
    tsn_likeness_destroy(l);
}

static void test_memory(void **state)
{
    struct case_world *w = *state;
    int best;
    char why[200];
    struct tsn_likeness *l = tsn_likeness_new();
    w->config.likeness = l;
    const char *first = receive(w, "{\"cves\":[\"CVE-2026-5555\"]}");
    for (int i = 0; i < 40; i++)
        (void)receive(w, tsn_arena_printf(w->arena, "{\"cves\":[\"CVE-2026-%d\"]}", 6000 + i));
    assert_int_equal(proposals(w, receive(w, "{\"cves\":[\"CVE-2026-5555\"]}"), &best, why), 1);
    /* The best five, not all. */
    for (int i = 0; i < 9; i++)
        (void)receive(w, "{\"foreign_id\":\"same\"}");
    assert_int_equal(proposals(w, receive(w, "{\"foreign_id\":\"same\"}"), &best, why), 5);
    /* A report whose text is gone is proposed no more. */
    struct tsn_rec_report r;
    assert_int_equal(tsn_store_get(w->st, w->arena, &tsn_table_report, first, &r), 0);
    r.body = NULL;
    assert_int_equal(tsn_store_put(w->st, &tsn_table_report, &r), 0);
    assert_int_equal(proposals(w, receive(w, "{\"cves\":[\"CVE-2026-5555\"]}"), &best, why), 1);
    w->config.likeness = NULL;
    tsn_likeness_destroy(l);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
    const struct CMUnitTest tests[] = {T(test_signs), T(test_memory)};
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
