/* test_feed_source.c - lists of every kind of feed as rows: real news feeds, torture files, hostile
 * addresses. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/json.h"
#include "feed/source_all.h"
#include "unit/advisory/fixture.h"

struct got {
    struct tsn_arena *arena;
    struct tsn_feed_rows rows;
    struct tsn_pages pages;
    struct tsn_page_news news;
    struct tsn_diag diag;
};

static tsn_err look(struct got *g, const struct tsn_source *s, const char *url,
                    const char *text, size_t len)
{
    const struct tsn_page page = {.url = url};
    tsn_arena_destroy(g->arena);
    *g = (struct got){.arena = tsn_arena_new()};
    tsn_diag_init(&g->diag);
    struct tsn_page_text in = TSN_PAGE_TEXT(text, len);
    tsn_err err = s->read(g->arena, &page, &in, &g->rows, &g->pages, &g->news, &g->diag);
    if (in.forget)
        in.forget(in.memo);
    return err;
}

static tsn_err look_text(struct got *g, const struct tsn_source *s, const char *text)
{
    return look(g, s, "https://a.example/x/list", text, strlen(text));
}

static void news(void **state)
{
    struct got g = {0};
    (void)state;
    assert_int_equal(
        look_text(&g, &tsn_source_rss,
                  "<?xml version='1.0'?><rss version='2.0'><channel><title>t</title><item>"
                  "<title>CVE-2026-1234 and GHSA-c3f4-g5h6-j7m8</title><guid>1</guid>"
                  "<link>https://x/1</link></item><item><link>https://x/2</link></item>"
                  "<item/></channel></rss>"),
        0);
    assert_int_equal(g.rows.n, 2);
    assert_int_equal(g.rows.bad + g.rows.n, 3);
    assert_string_equal(g.rows.rows[0].path, "1");
    assert_non_null(strstr(g.rows.rows[0].body, "\"CVE-2026-1234\",\"GHSA-c3f4-g5h6-j7m8\""));
    assert_string_equal(g.rows.rows[1].path, "https://x/2");
    assert_int_equal(look_text(&g, &tsn_source_rss, "<html><body/></html>"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_rss, "<rss><channel>"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_rss, ""), TSN_EINPUT);
    assert_int_equal(
        look_text(&g, &tsn_source_rss,
                  "<!DOCTYPE r [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><rss>&b;</rss>"),
        TSN_EINPUT);
    assert_non_null(strstr(g.diag.what, "entities"));
    tsn_arena_destroy(g.arena);
}

static size_t each(const char *dir, struct got *g, size_t *files)
{
    DIR *d = opendir(data_path(dir));
    size_t rows = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct tsn_buf b;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", data_path(dir), e->d_name);
        tsn_buf_init(&b, 16u << 20);
        if (!strchr(e->d_name, '.')) {
            char below[600];
            snprintf(below, sizeof below, "%s/%s", dir, e->d_name);
            rows += each(below, g, files);
        } else if (strstr(e->d_name, ".xml") && tsn_buf_read_file(&b, path) == 0) {
            (void)look(g, &tsn_source_rss, "https://a.example/f", b.len ? b.data : "", b.len);
            rows += g->rows.n;
            *files += 1;
            /* Cut off anywhere: an error or fewer rows, never a crash. */
            for (size_t n = 0; n < b.len; n += b.len / 7 + 1) {
                (void)look(g, &tsn_source_rss, "https://a.example/f", b.data, n);
            }
        }
        tsn_buf_free(&b);
    }
    if (d) {
        closedir(d);
    }
    return rows;
}

static void real_news(void **state)
{
    struct got g = {0};
    size_t files = 0, rows = each("feeds-rss-atom", &g, &files);
    (void)state;
    print_message("%zu files, %zu entries\n", files, rows);
    if (files) {
        assert_true(rows > 100);
    }
    tsn_arena_destroy(g.arena);
}

static void addresses(void **state)
{
    static const struct {
        const char *page, *url;
        bool ok;
    } cases[] = {
        {"https://a/", "https://b/x.json", true}, {"https://a/", "http://b/x.json", false},
        {"http://a/", "http://b/x.json", true},   {"https://a/", "https://u:p@b/x", false},
        {"https://a/", "https:///x", false},      {"https://a/", "ftp://b/x", false},
        {"https://a/", "https://b/x y", false},   {"https://a/", "https://b/x#f", false},
        {"https://a/", "https://b\\@c/x", false}, {"https://a/", "file:///etc/passwd", false},
    };
    struct tsn_arena *arena = tsn_arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tsn_source_url_ok(cases[i].page, cases[i].url), cases[i].ok);
    }
    assert_string_equal(tsn_source_url(arena, "https://a/b/c?d=/e", "x.json"),
                        "https://a/b/x.json");
    assert_string_equal(tsn_source_url(arena, "https://a/b/c", "/x.json"), "https://a/x.json");
    assert_null(tsn_source_url(arena, "https://a/b/c", "../x.json"));
    assert_null(tsn_source_url(arena, "https://a/b/c", "//evil/x.json"));
    tsn_arena_destroy(arena);
}

static void lists(void **state)
{
    struct got g = {0};
    (void)state;
    assert_int_equal(
        look(&g, &tsn_source_cvelist, "https://a.example/cves/deltaLog.json",
             "[{\"new\":[{\"cveId\":\"CVE-2026-123456\",\"dateUpdated\":\"2\"},"
             "{\"cveId\":\"CVE-2026-12\",\"dateUpdated\":\"2\"},{\"cveId\":7}],"
             "\"updated\":[{\"cveId\":\"CVE-2026-123456\",\"dateUpdated\":\"3\"}]}]",
             strlen("[{\"new\":[{\"cveId\":\"CVE-2026-123456\",\"dateUpdated\":\"2\"},"
                    "{\"cveId\":\"CVE-2026-12\",\"dateUpdated\":\"2\"},{\"cveId\":7}],"
                    "\"updated\":[{\"cveId\":\"CVE-2026-123456\",\"dateUpdated\":\"3\"}"
                    "]}]")),
        0);
    assert_int_equal(g.rows.n, 1);
    assert_int_equal(g.rows.bad, 2);
    assert_string_equal(g.rows.rows[0].time, "3");
    assert_string_equal(g.rows.rows[0].url,
                        "https://a.example/cves/2026/123xxx/CVE-2026-123456.json");
    assert_int_equal(look_text(&g, &tsn_source_cvelist, "7"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_cvelist, "[]"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_osv, "2026-01-01T00:00:00Z,A\nx\n,\n"), 0);
    assert_int_equal(g.rows.n, 1);
    assert_int_equal(g.rows.bad, 2);
    assert_int_equal(look_text(&g, &tsn_source_osv, ""), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_nvd, "{\"vulnerabilities\":7}"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_nvd, "{}"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_ghsa, "{}"), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_document, ""), TSN_EINPUT);
    assert_int_equal(look_text(&g, &tsn_source_csaf,
                               "{\"aggregator\":{},\"csaf_providers\":[{"
                               "\"metadata\":{\"url\":\"https://p\"}}]}"),
                     0);
    assert_int_equal(json_array_size(g.news.suggests), 1);
    assert_int_equal(g.rows.n + g.pages.n, 0); /* suggestions are not trust */
    assert_int_equal(look_text(&g, &tsn_source_csaf, "{\"x\":1}"), TSN_EINPUT);
    tsn_arena_destroy(g.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(news), cmocka_unit_test(real_news),
                                       cmocka_unit_test(addresses), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
