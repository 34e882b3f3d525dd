/* test_cvss_vectors.c - every agreed vector of data/cvss-vectors scores exactly; every line of its
 * invalid list is refused, with a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "casework/cvss.h"
#include "unit/advisory/fixture.h"

/* "9.8", "10", "-0.0" to tenths; -1 for "-", "None" and the like. */
static int tenths(const char *s)
{
    if (strcmp(s, "-0.0") == 0) {
        return 0;
    }
    return s[0] >= '0' && s[0] <= '9' ? (int)(strtod(s, NULL) * 10 + 0.5) : -1;
}

static int wrong, seen;

static void compare(const char *vector, const char *what, int want, int got)
{
    if (want >= 0 && want != got) {
        fprintf(stderr, "%s: %s is %d, not %d\n", vector, what, want, got);
        wrong++;
    }
}

/* What was read must come back from its canonical form, which is its own canonical form. */
static void round_trip(const char *vector, const struct tsn_cvss *v)
{
    char once[TSN_CVSS_VECTOR_MAX], twice[TSN_CVSS_VECTOR_MAX];
    struct tsn_cvss again;
    tsn_cvss_canonical(v, once);
    if (tsn_cvss_parse(once, &again, NULL)) {
        fprintf(stderr, "%s: %s is refused\n", vector, once);
        wrong++;
        return;
    }
    tsn_cvss_canonical(&again, twice);
    if (strcmp(once, twice) != 0 || again.base != v->base || again.overall != v->overall) {
        fprintf(stderr, "%s: %s, then %s\n", vector, once, twice);
        wrong++;
    }
}

/* Scores in the order base, temporal, environmental; of 4.0 the overall one alone. */
static void judge(const char *vector, char want[3][32])
{
    struct tsn_cvss v;
    seen++;
    if (tsn_cvss_parse(vector, &v, NULL)) {
        fprintf(stderr, "refused %s\n", vector);
        wrong++;
        return;
    }
    if (v.version == TSN_CVSS_40) {
        compare(vector, "overall", tenths(want[0]), v.overall);
    } else {
        compare(vector, "base", tenths(want[0]), v.base);
        compare(vector, "temporal", tenths(want[1]), v.temporal);
        compare(vector, "environmental", tenths(want[2]), v.environmental);
    }
    round_trip(vector, &v);
}

/* The forms of the data: "V<tab>a<tab>b<tab>c", "V<tab>a", "V - (a, b, c)", "V - (a,)", "V - a" and
 * "{'vector': 'V', 'score': a, ...}". */
static void judge_line(const char *line)
{
    char vector[512], want[3][32] = {"", "", ""};
    if (sscanf(line, "{'vector': '%511[^']', 'score': %31[0-9.]", vector, want[0]) == 2 ||
        sscanf(line, "%511s - (%31[^,], %31[^,], %31[^)]", vector, want[0], want[1], want[2]) >=
            2 ||
        sscanf(line, "%511s - %31[-0-9.]", vector, want[0]) == 2 ||
        sscanf(line, "%511s %31s %31s %31s", vector, want[0], want[1], want[2]) >= 2) {
        judge(vector, want);
    } else {
        fprintf(stderr, "cannot read: %s", line);
        wrong++;
    }
}

static void agreed(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int least;
    } files[] = {
        {"random-agreed/v2.0.tsv", 1000},          {"random-agreed/v3.0.tsv", 1500},
        {"random-agreed/v3.1.tsv", 1500},          {"random-agreed/v4.0.tsv", 2500},
        {"redhat/vectors_calculator2.txt", 1},     {"redhat/vectors_calculator3.txt", 1},
        {"redhat/vectors_cvsslib2.txt", 5},        {"redhat/vectors_cvsslib3.txt", 5},
        {"redhat/vectors_security4.txt", 10},      {"redhat/vectors_simple2.txt", 200},
        {"redhat/vectors_simple3.txt", 800},       {"redhat/vectors_simple31.txt", 800},
        {"redhat/vectors_simple4.txt", 300},       {"redhat/vectors_threat4.txt", 1},
        {"redhat/vectors_supplemental4.txt", 150}, {"first-v4/macro-scores.txt", 80},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128], line[1024];
        snprintf(path, sizeof(path), "cvss-vectors/%s", files[i].file);
        FILE *f = fopen(data_path(path), "r");
        assert_non_null(f);
        int before = seen;
        while (fgets(line, sizeof(line), f)) {
            if (line[0] != '#' && line[0] != '\n') {
                judge_line(line);
            }
        }
        fclose(f);
        assert_true(seen - before >= files[i].least);
    }
    printf("%d vectors, %d wrong\n", seen, wrong);
    assert_int_equal(0, wrong);
}

/* Exact arithmetic sides with the decimal library: its column is the first of the two. */
static void disputed_30(void **state)
{
    (void)state;
    FILE *f = fopen(data_path("cvss-vectors/disputed-v3.0-examples.tsv"), "r");
    assert_non_null(f);
    char line[1024], vector[512], want[3][32];
    int n = 0;
    wrong = 0;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "3.0 %511s %31[0-9.]/%31[0-9.]/%31[0-9.]", vector, want[0], want[1],
                   want[2]) == 4) {
            judge(vector, want);
            n++;
        }
    }
    fclose(f);
    assert_true(n >= 3);
    assert_int_equal(0, wrong);
}

static void invalid(void **state)
{
    (void)state;
    FILE *f = fopen(data_path("cvss-vectors/invalid.txt"), "r");
    assert_non_null(f);
    char line[1024];
    int n = 0;
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        struct tsn_cvss v;
        struct tsn_diag d;
        tsn_diag_init(&d);
        n++;
        assert_int_equal(TSN_EINPUT, tsn_cvss_parse(line, &v, &d));
        assert_int_equal('K', d.code[0]);
        assert_true(d.line == 1 && d.col >= 1 && (size_t)d.col <= strlen(line) + 1);
        assert_non_null(tsn_code_page(d.code));
    }
    fclose(f);
    assert_true(n >= 8);
}

int main(void)
{
    need_data("cvss-vectors/invalid.txt");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreed),
        cmocka_unit_test(disputed_30),
        cmocka_unit_test(invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
