/* test_cvss.c - scores against published and agreed vectors, and what a strict parser refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "advisory/cvss.h"
#include "unit/advisory/fixture.h"

static int tenths(const char *s)
{
    return (int)(strtod(s, NULL) * 10 + 0.5);
}

/* "vector TAB base TAB temporal TAB environmental" or "vector - (base, temporal, env)". */
static int judge_file(const char *rest, int *seen)
{
    FILE *f = fopen(data_path(rest), "r");
    assert_non_null(f);
    char line[1024];
    int wrong = 0;
    while (fgets(line, sizeof line, f)) {
        char vector[512], want[3][32];
        if (line[0] == '#' || (sscanf(line, "%511s %31[^\t]\t%31[^\t]\t%31s", vector, want[0],
                                      want[1], want[2]) != 4 &&
                               sscanf(line, "%511s - (%31[^,], %31[^,], %31[^)])", vector,
                                      want[0], want[1], want[2]) != 4)) {
            continue;
        }
        struct tsn_cvss v;
        *seen += 1;
        if (tsn_cvss_parse(vector, &v)) {
            fprintf(stderr, "refused %s\n", vector);
            wrong++;
            continue;
        }
        int got[3] = {v.base, v.temporal, v.environmental};
        for (int i = 0; i < 3; i++) {
            if ((want[i][0] >= '0' && want[i][0] <= '9') && tenths(want[i]) != got[i]) {
                fprintf(stderr, "%s: [%d] want %s got %d\n", vector, i, want[i], got[i]);
                wrong++;
            }
        }
    }
    fclose(f);
    return wrong;
}

static void vectors(void **state)
{
    (void)state;
    static const char *const files[] = {
        "cvss-vectors/random-agreed/v2.0.tsv",      "cvss-vectors/random-agreed/v3.0.tsv",
        "cvss-vectors/random-agreed/v3.1.tsv",      "cvss-vectors/redhat/vectors_simple2.txt",
        "cvss-vectors/redhat/vectors_simple3.txt",  "cvss-vectors/redhat/vectors_simple31.txt",
        "cvss-vectors/redhat/vectors_cvsslib2.txt", "cvss-vectors/redhat/vectors_cvsslib3.txt",
    };
    int seen = 0, wrong = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        wrong += judge_file(files[i], &seen);
    }
    printf("%d vectors\n", seen);
    assert_true(seen > 5000);
    assert_int_equal(0, wrong);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
        "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/ZZ:Q",
        "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "cvss:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1",
        "AV:N/AC:L/Au:N/C:P/I:P",
        "",
    };
    struct tsn_cvss v;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_not_equal(0, tsn_cvss_parse(bad[i], &v));
    }
}

static void bands(void **state)
{
    (void)state;
    struct tsn_cvss v;
    assert_int_equal(0, tsn_cvss_parse("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", &v));
    assert_int_equal(98, v.base);
    assert_string_equal("CRITICAL", tsn_cvss_severity(v.base));
    assert_string_equal("N", tsn_cvss_get(&v, "AV"));
    assert_string_equal("NONE", tsn_cvss_severity(0));
    assert_string_equal("LOW", tsn_cvss_severity(39));
    assert_string_equal("MEDIUM", tsn_cvss_severity(40));
    assert_string_equal("HIGH", tsn_cvss_severity(89));
}

int main(void)
{
    need_data("cvss-vectors/invalid.txt");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(refused),
        cmocka_unit_test(bands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
