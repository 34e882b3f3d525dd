/* test_api_pure.c - the route table, problem+json, scopes, tokens, views: no loop, no store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/api_impl.h"
#include "core/crypto.h"
#include "store/record_run.h"

static const struct tsn_route *find(const char *method, const char *path, bool *known, char *id)
{
    return tsn_route_find(method, path, known, id, 256);
}

static void test_routes_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *pattern, *id;
    } rows[] = {
        {"GET", "/healthz", "/healthz", ""},
        {"HEAD", "/readyz", "/readyz", ""},
        {"POST", "/api/v1/reports", "/api/v1/reports", ""},
        {"GET", "/api/v1/cases/PSIRT-2026-0001", "/api/v1/cases/{id}", "PSIRT-2026-0001"},
        {"GET", "/api/v1/cases/x/timeline", "/api/v1/cases/{id}/timeline", "x"},
        {"POST", "/api/v1/approvals/ap-7k3m/decision", "/api/v1/approvals/{id}/decision",
         "ap-7k3m"},
        {"GET", "/api/v1/show/#12", "/api/v1/show/{id}", "#12"},
        {"DELETE", "/api/v1/tokens/01J", "/api/v1/tokens/{id}", "01J"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool known;
        char id[256];
        const struct tsn_route *r = find(rows[i].method, rows[i].path, &known, id);
        assert_non_null(r);
        assert_true(known);
        assert_string_equal(r->pattern, rows[i].pattern);
        assert_string_equal(id, rows[i].id);
    }
}

static void test_routes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        bool known;
    } rows[] = {
        {"GET", "/", false},
        {"GET", "/api/v1", false},
        {"GET", "/api/v1/cases/", false},
        {"GET", "/api/v1/cases/a/b", false},
        {"GET", "/api/v1/cases//timeline", false},
        {"GET", "/healthz/", false},
        {"DELETE", "/api/v1/cases/x", true},
        {"PUT", "/api/v1/audit/entries", true},
        {"DELETE", "/api/v1/audit/entries", true},
        {"PATCH", "/api/v1/audit/entries", true},
        {"GET", "/api/v1/approvals/ap-1/decision", true}, /* a GET never decides */
        {"HEAD", "/api/v1/approvals/ap-1/decision", true},
        {"get", "/healthz", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool known;
        char id[256];
        assert_null(find(rows[i].method, rows[i].path, &known, id));
        assert_int_equal(known, rows[i].known);
    }
}

static void test_a_long_id_fits_no_route(void **state)
{
    (void)state;
    char path[600] = "/api/v1/cases/";
    size_t len = strlen(path);
    memset(path + len, 'a', 400);
    path[len + 400] = '\0';
    bool known;
    char id[256];
    assert_null(find("GET", path, &known, id));
}

/* The table itself: what changes something needs more than being known, and has a handler. */
static void test_table_is_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < tsn_nroutes; i++) {
        const struct tsn_route *r = &tsn_routes[i];
        assert_true((r->read != NULL) != (r->act != NULL));
        bool get = strcmp(r->method, "GET") == 0;
        if (!get)
            assert_true(r->need == TSN_NEED_SUBMIT || r->need == TSN_NEED_SIGNATURE ||
                        r->need == TSN_NEED_WORK || r->need == TSN_NEED_PAIR ||
                        r->need == TSN_NEED_ADMIN ||
                        /* says who reads what, and changes nothing */
                        r->act == tsn_act_export);
        if (get)
            assert_int_equal(r->body, 0);
        bool outside = strncmp(r->pattern, "/api/v1/", 8) != 0;
        assert_int_equal(outside, r->need == TSN_NEED_NOTHING || r->need == TSN_NEED_SIGNATURE);
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(r->method, tsn_routes[j].method) == 0 &&
                         strcmp(r->pattern, tsn_routes[j].pattern) == 0);
    }
}

static void test_allow_lists_methods(void **state)
{
    (void)state;
    struct tsn_buf b;
    tsn_buf_init(&b, 256);
    tsn_route_allow("/api/v1/reports", &b);
    assert_string_equal(b.data, "POST, GET");
    tsn_buf_free(&b);
}

static void test_problem_status(void **state)
{
    (void)state;
    static const struct {
        tsn_err err;
        const char *code;
        int status;
    } rows[] = {
        {TSN_EINPUT, "H010", 400},    {TSN_EINPUT, "H013", 422},    {TSN_EFIELD, "H012", 422},
        {TSN_ECONFLICT, "H022", 422}, {TSN_ECONFLICT, "A012", 409}, {TSN_EDENIED, "A007", 403},
        {TSN_EUNAUTH, "A001", 401},   {TSN_ENOTFOUND, "H031", 404}, {TSN_ETOOBIG, "H051", 413},
        {TSN_EFULL, "S020", 503},     {TSN_EBUSY, "S020", 503},     {TSN_ENOSPC, "S023", 503},
        {TSN_EBUG, "S000", 500},      {TSN_EIO, "S000", 500},       {TSN_ECLOSED, "S021", 503},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(tsn_problem_status(rows[i].err, rows[i].code), rows[i].status);
}

static void test_problem_members(void **state)
{
    (void)state;
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_diag_at(&d, "/contact/mail", 0, 0);
    (void)tsn_diag_set(&d, TSN_EINPUT, "H013", "contact.mail is missing");
    tsn_diag_hint(&d, "give one");
    json_t *p = tsn_problem_json(422, &d);
    assert_string_equal(tsn_json_str(p, "code", ""), "H013");
    assert_string_equal(tsn_json_str(p, "type", ""), "urn:tocsin:code:H013");
    assert_string_equal(tsn_json_str(p, "detail", ""), "contact.mail is missing");
    assert_string_equal(tsn_json_str(p, "hint", ""), "give one");
    assert_int_equal(tsn_json_int(p, "status", 0), 422);
    const json_t *e = json_array_get(json_object_get(p, "errors"), 0);
    assert_string_equal(tsn_json_str(e, "pointer", ""), "/contact/mail");
    json_decref(p);
}

static void test_every_code_of_the_api_has_a_page(void **state)
{
    (void)state;
    static const char *const codes[] = {"A001", "A002", "A003", "A004", "A005", "H011",
                                        "H014", "H020", "H021", "H030", "H031", "H032",
                                        "H033", "H041", "H042", "S000", "S020", "S021"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_non_null(tsn_code_title(codes[i]));
        assert_non_null(tsn_code_page(codes[i]));
    }
}

static void test_scopes(void **state)
{
    (void)state;
    unsigned bits;
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_int_equal(tsn_auth_scopes("read", &bits, &d), 0);
    assert_int_equal(bits, TSN_SCOPE_READ);
    assert_int_equal(tsn_auth_scopes("report:submit, decide,admin", &bits, &d), 0);
    assert_int_equal(bits, TSN_SCOPE_SUBMIT | TSN_SCOPE_DECIDE | TSN_SCOPE_ADMIN);
    static const char *const bad[] = {"", ",", "reads", "rea", "read,all", "*", "READ"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(tsn_auth_scopes(bad[i], &bits, &d), 0);
        assert_string_equal(d.code, "H041");
    }
}

static void test_tokens_are_random_and_hashed(void **state)
{
    (void)state;
    char a[TSN_TOKEN_LEN + 1], b[TSN_TOKEN_LEN + 1], ha[65], hb[65], again[65];
    tsn_token_new(a, ha);
    tsn_token_new(b, hb);
    assert_int_equal(strlen(a), TSN_TOKEN_LEN);
    assert_int_equal(strncmp(a, "tocsin_", 7), 0);
    assert_string_not_equal(a, b);
    assert_string_not_equal(ha, hb);
    assert_int_equal(strlen(ha), 64);
    tsn_token_hash(a, again);
    assert_string_equal(ha, again);
    assert_null(strstr(a, ha)); /* what is stored is not what is shown */
}

static void test_views(void **state)
{
    (void)state;
    const struct tsn_rec_task t = {.id = "01J",
                                   .name = "ap-1",
                                   .kind = "approve",
                                   .state = "open",
                                   .spec = "{\"title\":\"Block\"}",
                                   .quorum = 2,
                                   .opened_at = 1000};
    json_t *v = tsn_view_task(&t);
    assert_non_null(v);
    assert_string_equal(tsn_json_str(v, "title", ""), "Block");
    assert_string_equal(tsn_json_str(v, "opened_at", ""), "1970-01-01T00:00:01.000Z");
    assert_true(json_is_null(json_object_get(v, "due_at")));
    assert_true(json_is_null(json_object_get(v, "answer")));
    json_decref(v);
    /* Text that is not UTF-8 or JSON must not lose the whole answer. */
    const struct tsn_rec_run r = {.id = "01J",
                                  .name = "r-1",
                                  .state = "failed",
                                  .reason = "bad \xff byte",
                                  .result = "{not json"};
    v = tsn_view_run(&r, true);
    assert_non_null(v);
    assert_true(json_is_null(json_object_get(v, "reason")));
    assert_true(json_is_null(json_object_get(v, "result")));
    json_decref(v);
}

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    tsn_json_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_are_found),
        cmocka_unit_test(test_routes_are_refused),
        cmocka_unit_test(test_a_long_id_fits_no_route),
        cmocka_unit_test(test_table_is_sane),
        cmocka_unit_test(test_allow_lists_methods),
        cmocka_unit_test(test_problem_status),
        cmocka_unit_test(test_problem_members),
        cmocka_unit_test(test_every_code_of_the_api_has_a_page),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_tokens_are_random_and_hashed),
        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
