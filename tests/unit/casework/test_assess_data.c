/* test_assess_data.c - every row of every table of data/ssvc gives its outcome; every line of every
 * version of data/cwe is what the table says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "casework/ssvc.h"
#include "core/cwe.h"
#include "unit/advisory/fixture.h"

/* Cells of one CSV line, quotes taken off, in place. */
static size_t cells(char *line, char *out[16])
{
    size_t n = 0;
    char *p = line;
    line[strcspn(line, "\r\n")] = 0;
    while (n < 16) {
        bool quoted = *p == '"';
        out[n++] = p += quoted;
        p += strcspn(p, quoted ? "\"" : ",");
        if (quoted && *p)
            *p++ = 0;
        if (!*p)
            break;
        *p++ = 0;
    }
    return n;
}

/* "Exploitation v1.1.0", "In KEV v1.0.0 (cisa)": without the version. */
static void bare(char *head)
{
    for (char *p = head; (p = strstr(p, " v")); p++)
        if (p[2] >= '0' && p[2] <= '9') {
            *p = 0;
            return;
        }
}

static void ssvc_rows(void **state)
{
    static const struct {
        const char *table, *file;
        int rows;
    } files[] = {
        {"supplier", "ssvc/supplier_patch_development_priority_1_0_0", 36},
        {"deployer", "ssvc/deployer_patch_application_priority_1_0_0", 72},
        {"coordinator", "ssvc/coordinator_triage_1_0_0", 192},
        {"coordinator-publish", "ssvc/coordinator_publish_decision_table_1_0_0", 27},
        {"cisa", "cisa/cisa_coordinator_2_0_3", 36},
        {"bod-26-04", "cisa/cisa_bod_26_04_1_0_0", 16},
        {"utility", "ssvc/utility_1_0_0", 4},
        {"human-impact", "ssvc/human_impact_1_0_0", 16},
        {"public-safety-impact", "ssvc/public_safety_impact_1_0_0", 4},
        {"cvss4-severity", "cvss/cvss_v4_0_qualitative_severity_ratings_4_0_0", 324},
        {"cvss4-eq1", "cvss/cvss_v4_equivalence_set_1_1_0_0", 36},
        {"cvss4-eq2", "cvss/cvss_v4_equivalence_set_2_1_0_0", 4},
        {"cvss4-eq3", "cvss/cvss_v4_equivalence_set_3_1_0_0", 27},
        {"cvss4-eq4", "cvss/cvss_v4_equivalence_set_4_1_0_0", 48},
        {"cvss4-eq5", "cvss/cvss_v4_equivalence_set_5_1_0_0", 3},
        {"cvss4-eq6", "cvss/cvss_v4_equivalence_set_6_1_0_0", 729},
    };
    (void)state;
    int total = 0, wrong = 0;
    assert_int_equal(sizeof files / sizeof files[0], tsn_ssvc_ntables);
    for (size_t f = 0; f < tsn_ssvc_ntables; f++) {
        char path[160], line[1024], head[1024], want[64], *names[16], *row[16];
        const struct tsn_ssvc_table *t = tsn_ssvc_find(files[f].table, NULL);
        snprintf(path, sizeof path, "ssvc/csv/%s.csv", files[f].file);
        FILE *in = fopen(data_path(path), "r");
        assert_non_null(t);
        assert_non_null(in);
        assert_non_null(fgets(head, sizeof head, in));
        size_t n = cells(head, names);
        int rows = 0;
        for (size_t i = 1; i < n; i++)
            bare(names[i]);
        for (; fgets(line, sizeof line, in); rows++) {
            json_t *given = json_object(), *out = NULL;
            assert_int_equal(cells(line, row), n);
            for (size_t i = 1; i + 1 < n; i++)
                json_object_set_new(given, names[i], json_string(row[i]));
            struct tsn_diag d;
            tsn_diag_init(&d);
            if (tsn_ssvc_decide(t, given, &out, &d))
                fail_msg("%s row %s: %s", t->id, row[0], d.what);
            tsn_ssvc_word(row[n - 1], want);
            if (strcmp(tsn_json_str(out, "outcome", "open"), want) != 0) {
                fprintf(stderr, "%s row %s: %s, not %s\n", t->id, row[0],
                        tsn_json_str(out, "outcome", "open"), want);
                wrong++;
            }
            json_decref(given);
            json_decref(out);
        }
        fclose(in);
        assert_int_equal(rows, files[f].rows);
        total += rows;
    }
    printf("%d rows, %d wrong\n", total, wrong);
    assert_int_equal(wrong, 0);
}

static void cwe_lines(void **state)
{
    static const char *const dates[] = {
        "4.9_2022-10-13",  "4.10_2023-01-31", "4.11_2023-04-27", "4.12_2023-06-29",
        "4.13_2023-10-26", "4.14_2024-02-29", "4.15_2024-07-16", "4.16_2024-11-19",
        "4.17_2025-04-03", "4.18_2025-09-09", "4.19_2025-12-11", "4.19.1_2026-01-21",
        "4.20_2026-04-30"};
    (void)state;
    int lines = 0;
    for (size_t v = 0; tsn_cwe_versions[v]; v++) {
        char path[96], line[1024];
        size_t here = 0, listed = 0;
        assert_int_equal(strncmp(dates[v], tsn_cwe_versions[v], strlen(tsn_cwe_versions[v])),
                         0);
        snprintf(path, sizeof path, "cwe/cwe_%s.csv", dates[v]);
        FILE *in = fopen(data_path(path), "r");
        assert_non_null(in);
        while (fgets(line, sizeof line, in)) {
            char none[] = "", *cell[5] = {line, none, none, none, none}, id[16];
            line[strcspn(line, "\r\n")] = 0;
            for (size_t i = 1; i < 5; i++) {
                char *tab = strchr(cell[i - 1], '\t');
                if (!tab)
                    break;
                *tab = 0;
                cell[i] = tab + 1;
            }
            snprintf(id, sizeof id, "CWE-%.8s", cell[0]);
            unsigned n = tsn_cwe_number(id);
            const struct tsn_cwe_row *row = tsn_cwe_find(n, tsn_cwe_versions[v]);
            assert_non_null(row);
            assert_string_equal(tsn_cwe_status_text(row->status), cell[1]);
            if (cell[4][0])
                assert_string_equal(tsn_cwe_usage_text(row->usage), cell[4]);
            assert_true(tsn_cwe_in(n, cell[2]) & (1u << v));
            if (tsn_cwe_name(n) && !tsn_cwe_versions[v + 1])
                assert_string_equal(tsn_cwe_name(n), cell[2]);
            here++;
            lines++;
        }
        fclose(in);
        for (unsigned n = 1; n < 3000; n++)
            listed += tsn_cwe_find(n, tsn_cwe_versions[v]) != NULL;
        assert_int_equal(here, listed); /* and nothing that the version does not list */
    }
    printf("%d lines\n", lines);
    assert_true(lines > 12000);
}

int main(void)
{
    need_data("ssvc/README.md");
    need_data("cwe/README.md");
    const struct CMUnitTest tests[] = {cmocka_unit_test(ssvc_rows),
                                       cmocka_unit_test(cwe_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
