/* Bounty: the judgement as tables and properties, programmes as documents, exports of platforms. */
#include "unit/casework/case_world.h"

#include "casework/bounty.h"
#include "core/buf.h"

static const struct tsn_programme *programme(struct tsn_arena *a, const char *name)
{
    struct tsn_buf b;
    struct tsn_policy *p;
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_buf_init(&b, 1 << 20);
    const char *path =
        tsn_arena_printf(a, TOCSIN_SOURCE_DIR "/playbooks/policies/%s.yaml", name);
    assert_int_equal(tsn_buf_read_file(&b, path), 0);
    if (tsn_policy_parse(a, path, b.data, b.len, &p, &d))
        fail_msg("%s:%d %s", d.file, d.line, d.what);
    tsn_buf_free(&b);
    return p->programme;
}

static void test_published_amounts(void **state)
{
    static const int64_t web[TSN_BANDS][2] = {
        {0, 0}, {10, 50}, {50, 150}, {150, 500}, {500, 1500}};
    static const int64_t products[TSN_BANDS][2] = {
        {0, 0}, {30, 100}, {100, 500}, {500, 2500}, {1000, 10000}};
    struct tsn_arena *a = tsn_arena_new();
    (void)state;
    for (int b = 0; b < TSN_BANDS; b++) {
        assert_int_equal(programme(a, "bounty-web")->least[b], web[b][0]);
        assert_int_equal(programme(a, "bounty-web")->most[b], web[b][1]);
        assert_int_equal(programme(a, "bounty-products")->least[b], products[b][0]);
        assert_int_equal(programme(a, "bounty-products")->most[b], products[b][1]);
    }
    assert_int_equal(programme(a, "bounty-web")->per_kind_and_site, 3);
    tsn_arena_destroy(a);
}

#define SITE "www.vendor.example"

static void test_rules(void **state)
{
    static const struct tsn_submission subs[] = {
        {"a", SITE, "xss", "rc1", NULL, 1000, false, TSN_BAND_HIGH},
        {"b", SITE, "xss", "rc1", NULL, 900, false, TSN_BAND_HIGH}, /* came first */
        {"c", SITE, "xss", "rc2", NULL, 2000, false, TSN_BAND_LOW},
        {"d", SITE, "xss", "rc3", NULL, 3000, false, TSN_BAND_LOW},
        {"e", SITE, "xss", "rc4", NULL, 4000, false,
         TSN_BAND_LOW}, /* the fourth of its kind there */
        {"f", "shop.vendor.example", "xss", "rc5", NULL, 4100, false, TSN_BAND_LOW},
        {"g", SITE, "sqli", "rc6", NULL, 5000, true, TSN_BAND_CRITICAL},
        {"h", "status.vendor.example", "xss", "rc7", NULL, 5100, false, TSN_BAND_LOW},
        {"i", "elsewhere.example", "xss", "rc8", NULL, 5200, false, TSN_BAND_LOW},
        {"j", "a.subsidiary.example", "rce", "rc9", NULL, 5300, false, TSN_BAND_CRITICAL},
        {"k", "a.subsidiary.example", "info", "rcA", NULL, 5400, false, TSN_BAND_LOW},
        {"l", SITE, "xss", "", NULL, 5500, false, TSN_BAND_NONE}, /* cause not known yet */
        {"m", SITE, "csrf", "", NULL, 5600, false, TSN_BAND_NONE},
        {"n", SITE, "csrf", "", NULL, 5600, false, TSN_BAND_NONE}, /* at the same time: by id */
        {"o", "evilvendor.example", "xss", "rcB", NULL, 5700, false, TSN_BAND_LOW},
    };
    static const struct {
        const char *why, *of;
        enum tsn_band band;
    } want[] = {{"same-root-cause", "b", TSN_BAND_HIGH},
                {NULL, NULL, TSN_BAND_HIGH},
                {NULL, NULL, TSN_BAND_LOW},
                {NULL, NULL, TSN_BAND_LOW},
                {"over-limit", NULL, TSN_BAND_LOW},
                {NULL, NULL, TSN_BAND_LOW},
                {"already-public", NULL, TSN_BAND_CRITICAL},
                {"out-of-scope", NULL, TSN_BAND_LOW},
                {"out-of-scope", NULL, TSN_BAND_LOW},
                {NULL, NULL, TSN_BAND_HIGH},
                {"below-low", NULL, TSN_BAND_NONE},
                {"over-limit", NULL, TSN_BAND_NONE},
                {NULL, NULL, TSN_BAND_NONE},
                {NULL, NULL, TSN_BAND_NONE},
                {"out-of-scope", NULL, TSN_BAND_LOW}};
    enum { N = sizeof subs / sizeof subs[0] };
    struct tsn_bounty_verdict out[N];
    struct tsn_arena *a = tsn_arena_new();
    const struct tsn_programme *p = programme(a, "bounty-web");
    (void)state;
    tsn_bounty_judge(p, subs, N, out);
    assert_true(tsn_programme_covers(p, "anything", SITE)); /* it names no products */
    const struct tsn_programme *models = programme(a, "bounty-products");
    assert_true(tsn_programme_covers(models, "Edge-GW", "edge-gw"));
    assert_true(tsn_programme_covers(models, "", "edge-gw"));
    assert_false(tsn_programme_covers(models, "cloud-relay", "edge-gw"));
    assert_false(tsn_programme_covers(models, "edge-gw", SITE));
    for (size_t i = 0; i < N; i++) {
        if (!out[i].why != !want[i].why ||
            (want[i].why && strcmp(out[i].why, want[i].why) != 0))
            fail_msg("%s: %s, not %s", subs[i].id, out[i].why ? out[i].why : "eligible",
                     want[i].why ? want[i].why : "eligible");
        assert_int_equal(out[i].band, want[i].band);
        if (want[i].of)
            assert_string_equal(out[i].of, want[i].of);
    }
    /* The order in which they are looked at changes nothing. */
    uint64_t seed = 3;
    for (int round = 0; round < 500; round++) {
        struct tsn_submission mixed[N];
        struct tsn_bounty_verdict got[N];
        size_t at[N];
        for (size_t i = 0; i < N; i++)
            at[i] = i;
        for (size_t i = N - 1; i > 0; i--) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            size_t k = (seed >> 33) % (i + 1), t = at[i];
            at[i] = at[k];
            at[k] = t;
        }
        for (size_t i = 0; i < N; i++)
            mixed[i] = subs[at[i]];
        tsn_bounty_judge(p, mixed, N, got);
        for (size_t i = 0; i < N; i++) {
            assert_true((got[i].why == NULL) == (out[at[i]].why == NULL));
            assert_int_equal(got[i].band, out[at[i]].band);
        }
    }
    tsn_arena_destroy(a);
}

static void test_median_and_sites(void **state)
{
    static const enum tsn_band two[] = {TSN_BAND_HIGH, TSN_BAND_LOW};
    static const enum tsn_band three[] = {TSN_BAND_CRITICAL, TSN_BAND_LOW, TSN_BAND_HIGH};
    (void)state;
    assert_int_equal(tsn_bounty_median(two, 2), TSN_BAND_LOW);
    assert_int_equal(tsn_bounty_median(three, 3), TSN_BAND_HIGH);
    assert_int_equal(tsn_bounty_median(three, 1), TSN_BAND_CRITICAL);
    assert_true(tsn_site_fits("*.a.example", "x.A.example"));
    assert_false(tsn_site_fits("*.a.example", "a.example"));
    assert_false(tsn_site_fits("*.a.example", "xa.example"));
    assert_true(tsn_site_fits("a.example", "A.EXAMPLE"));
}

static json_t *read_text(const char *text, const char *code)
{
    json_t *out = NULL;
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_err err = tsn_bounty_read_export(text, strlen(text), &out, &d);
    if (code) {
        assert_int_not_equal(err, 0);
        assert_string_equal(d.code, code);
        return NULL;
    }
    if (err)
        fail_msg("%s %s", d.code, d.what);
    return out;
}

static void test_exports(void **state)
{
    (void)state;
    json_t *list = read_text(
        "id,title,state,substate,severity_rating,weakness,reported_at,reporter,bounty,"
        "structured_scope,cve_ids,original_report_id\r\n"
        "7,\"A \"\"quoted\"\", title\nover two lines\",closed,duplicate,high,XSS,"
        "2024-05-12 04:05:27 UTC,ann,400.0,www.a.example,CVE-2024-1,5\r\n\r\n",
        NULL);
    assert_int_equal(json_array_size(list), 1);
    json_t *one = json_array_get(list, 0);
    assert_string_equal(tsn_json_str(one, "title", ""), "A \"quoted\", title\nover two lines");
    assert_string_equal(tsn_json_str(one, "arrival", ""), "2024-05-12T04:05:27Z");
    assert_int_equal(tsn_json_int(one, "amount", 0), 400);
    assert_true(tsn_json_bool(one, "duplicate", false));
    assert_string_equal(tsn_json_str(one, "duplicate_of", ""), "5");
    json_decref(list);
    read_text("", "W050");
    read_text("a,b\n1,2\n", "W050");
    read_text("id,reported_at\n1\n", "W050");
    read_text("id,reported_at\n1,\"open\n", "W050");
    read_text("{\"x\":1}", "W050");
    read_text("{", "H010");
}

static size_t import_file(const char *data, const char *name, const char *code)
{
    char path[512];
    struct tsn_buf b;
    json_t *out = NULL;
    struct tsn_diag d;
    snprintf(path, sizeof path, "%s/bug-bounty/%s", data, name);
    tsn_diag_init(&d);
    tsn_buf_init(&b, 1 << 22);
    if (tsn_buf_read_file(&b, path))
        return (size_t)-1;
    tsn_err err = tsn_bounty_read_export(b.data, b.len, &out, &d);
    tsn_buf_free(&b);
    if (code) {
        assert_int_not_equal(err, 0);
        assert_string_equal(d.code, code);
        return 0;
    }
    if (err)
        fail_msg("%s: %s %s", name, d.code, d.what);
    size_t n = json_array_size(out);
    json_t *one;
    size_t i;
    json_array_foreach(out, i, one)
    {
        assert_true(tsn_json_str(one, "external_id", "")[0] != 0);
        assert_true(tsn_json_str(one, "title", "")[0] != 0);
        assert_true(tsn_json_str(one, "arrival", "")[0] != 0);
    }
    json_decref(out);
    return n;
}

static void test_data(void **state)
{
    const char *data = getenv("TOCSIN_DATA");
    (void)state;
    if (!data)
        data = TOCSIN_SOURCE_DIR "/../shared/data";
    if (import_file(data, "h1/bug_bounty_one.csv", NULL) == (size_t)-1)
        data = TOCSIN_SOURCE_DIR "/../../shared/data";
    if (import_file(data, "h1/bug_bounty_one.csv", NULL) == (size_t)-1) {
        print_message("no data: the platforms' own exports were not read\n");
        return;
    }
    assert_int_equal(import_file(data, "h1/bug_bounty_one.csv", NULL), 1);
    assert_true(import_file(data, "h1/bug_bounty_many.csv", NULL) >= 3);
    assert_int_equal(import_file(data, "h1/bug_bounty_zero.json", NULL), 0);
    assert_int_equal(import_file(data, "h1/vuln_disclosure_zero.json", NULL), 0);
    assert_int_equal(import_file(data, "h1/vuln_disclosure_one.json", NULL), 1);
    assert_true(import_file(data, "bugcrowd/BugCrowd-many.csv", NULL) >= 3);
    import_file(data, "intsights/intsights_invalid_file.txt", "W050");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_amounts),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_median_and_sites),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_data),
    };
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
