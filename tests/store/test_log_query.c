/* The query language of the log: what is understood, and where the caret stands when not. */
#include "store/log_query.h"

#include "core/clock.h"
#include "store_lab.h"

#define NOW 1764000000000

static struct tsn_arena *arena;

static struct tsn_log_query good(const char *text)
{
    struct tsn_log_query q;
    struct tsn_diag d;

    tsn_diag_init(&d);
    if (tsn_log_query_parse(arena, text, NOW, &q, &d))
        fail_msg("`%s`: %s", text, d.what);
    return q;
}

static void bad(const char *text, int col, const char *what)
{
    struct tsn_log_query q;
    struct tsn_diag d;

    tsn_diag_init(&d);
    if (tsn_log_query_parse(arena, text, NOW, &q, &d) == 0)
        fail_msg("`%s` was taken", text);
    assert_string_equal(d.code, "V202");
    if (d.col != col || !strstr(d.what, what))
        fail_msg("`%s`: column %d and `%s`, not %d and `%s`", text, d.col, d.what, col, what);
    if (col > 0)
        assert_string_equal(d.source, text);
}

static void understood(void **state)
{
    struct tsn_log_query q = good("");

    (void)state;
    assert_int_equal(q.nterms, 0);
    q = good("  kind:step.result,step.intent  -outcome:ok actor:u:resp1 \"edge gw\" token* ");
    assert_int_equal(q.nterms, 5);
    assert_int_equal(q.terms[0].field, TSN_LOG_KIND);
    assert_int_equal(q.terms[0].nvalues, 2);
    assert_string_equal(q.terms[0].values[1].text, "step.intent");
    assert_true(q.terms[1].no && !q.terms[0].no);
    assert_string_equal(q.terms[2].values[0].text, "u:resp1");
    assert_int_equal(q.terms[3].field, TSN_LOG_TEXT);
    assert_string_equal(q.terms[3].values[0].text, "edge gw");
    assert_true(q.terms[4].values[0].begins);
    assert_string_equal(q.terms[4].values[0].text, "token");
    q = good("kind:\"a*\",b\\* reason:\"say \\\"hi\\\" \\\\\"");
    assert_false(q.terms[0].values[0].begins); /* in quotes a star is a star */
    assert_string_equal(q.terms[1].values[0].text, "say \"hi\" \\");
    q = good("-");
    assert_int_equal(q.terms[0].field, TSN_LOG_TEXT);
    assert_false(q.terms[0].no);
}

static void range(const char *text, int64_t lo, int64_t hi)
{
    struct tsn_log_query q = good(text);

    assert_int_equal(q.nterms, 1);
    assert_true(q.terms[0].ranged);
    if (q.terms[0].lo != lo || q.terms[0].hi != hi)
        fail_msg("`%s` is %lld..%lld", text, (long long)q.terms[0].lo,
                 (long long)q.terms[0].hi);
}

static void ranges(void **state)
{
    int64_t day, end;

    (void)state;
    assert_int_equal(tsn_time_parse("2025-11-20T00:00:00Z", &day), 0);
    end = day + 86400000 - 1;
    range("seq:5", 5, 5);
    range("seq:#5", 5, 5);
    range("seq:5..9", 5, 9);
    range("seq:5..", 5, INT64_MAX);
    range("seq:..9", INT64_MIN, 9);
    range("seq:<9", INT64_MIN, 8);
    range("seq:<=9", INT64_MIN, 9);
    range("seq:>9", 10, INT64_MAX);
    range("seq:>=9", 9, INT64_MAX);
    range("ref:12", 12, 12);
    range("time:2025-11-20", day, end);
    range("time:<2025-11-20", INT64_MIN, day - 1);
    range("time:>2025-11-20", end + 1, INT64_MAX);
    range("time:2025-11-20..2025-11-21", day, end + 86400000);
    range("since:2025-11-20", day, INT64_MAX);
    range("until:2025-11-20", INT64_MIN, end);
    range("since:2025-11-20T01:00:00Z", day + 3600000, INT64_MAX);
    range("since:7d", NOW - 7 * INT64_C(86400000), INT64_MAX);
    range("until:30m", INT64_MIN, NOW - 30 * INT64_C(60000));
    range("tlp:<=amber", INT64_MIN, 2);
    range("tlp:>AMBER+STRICT", 4, INT64_MAX);
    range("tlp:green..red", 1, 4);
}

static void mistakes(void **state)
{
    (void)state;
    bad("kind:", 6, "a value is missing");
    bad("kind:a,", 8, "a value is missing");
    bad("kind:a,,b", 8, "a value is missing");
    bad("x \"abc", 3, "not closed");
    bad("\"a\"b", 4, "must follow");
    bad("color:red", 1, "no field `color`");
    bad("kind:a u:resp1", 8, "no field `u`");
    bad("kind:a*b", 7, "at the end");
    bad("seq:x", 5, "no number");
    bad("seq:1,2", 6, "one value");
    bad("seq:9..5", 5, "before the beginning");
    bad("seq:1..x", 8, "no number");
    bad("time:soon", 6, "no time");
    bad("since:<5", 7, "no time");
    bad("time:>=2025-13-01", 8, "no time");
    bad("tlp:pink", 5, "no marking");
    bad("attempt:-1", 9, "no number");
    bad("kind:a\tb", 7, "control");
    bad("\xc3\xa9\xc3\xa9 seq:x", 8, "no number"); /* columns are characters */
}

static void limits(void **state)
{
    struct tsn_log_query q;
    struct tsn_diag d;
    char text[TSN_LOG_QUERY_MAX + 8], *at = text;

    (void)state;
    for (int i = 0; i <= TSN_LOG_TERMS_MAX; i++)
        at += sprintf(at, "w ");
    bad(text, 2 * TSN_LOG_TERMS_MAX + 1, "more than");
    at = text + sprintf(text, "kind:a");
    for (int i = 1; i <= TSN_LOG_VALUES_MAX; i++)
        at += sprintf(at, ",a");
    bad(text, 6 + 2 * TSN_LOG_VALUES_MAX, "more than");
    memset(text, 'a', sizeof(text));
    text[TSN_LOG_QUERY_MAX + 1] = '\0';
    tsn_diag_init(&d);
    assert_int_equal(tsn_log_query_parse(arena, text, NOW, &q, &d), TSN_ETOOBIG);
}

/* Whatever bytes come: no crash, and what is refused has a place inside the text. */
static void any_bytes(void **state)
{
    static const char pieces[] = "kind:seq,\"\\*-..<=> since7d#a";
    uint32_t x = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[40];
        struct tsn_log_query q;
        struct tsn_diag d;
        size_t n = 0, want = (size_t)round % sizeof(text);

        while (n < want) {
            x = x * 1664525u + 1013904223u;
            text[n++] = pieces[(x >> 16) % (sizeof(pieces) - 1)];
        }
        text[n ? n - 1 : 0] = '\0';
        tsn_diag_init(&d);
        if (tsn_log_query_parse(arena, text, NOW, &q, &d) != 0)
            assert_true(d.col >= 1 && d.col <= (int)strlen(text) + 1);
        if (round % 1000 == 0) {
            tsn_arena_destroy(arena);
            arena = tsn_arena_new();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood), cmocka_unit_test(ranges),    cmocka_unit_test(mistakes),
        cmocka_unit_test(limits),     cmocka_unit_test(any_bytes),
    };
    int rc;

    arena = tsn_arena_new();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tsn_arena_destroy(arena);
    return rc;
}
