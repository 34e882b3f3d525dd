/* page_html.c - the hand that writes an HTML page: no scripts, nothing fetched, headings in order,
 * tables with captions and header cells, TLP in header and footer as TLP 2.0 asks of documents.
 * Links only to http, https, mailto and tel. Pure. */
#include <string.h>
#include <strings.h>
#include "advisory/csaf_page.h"

static void html(struct tsn_buf *out, const char *s)
{
    tsn_buf_markup(out, s, strlen(s), ' ', "\n");
}

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border:1px solid;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "caption{text-align:left;font-weight:bold}"
    "code,a,td,li,p{overflow-wrap:anywhere}"
    ".tlp{text-align:right;font-size:12pt;font-weight:bold}"
    ".text{white-space:pre-line}"
    "@media print{a[href]::after{content:\" (\" attr(href) \")\"}}";

static void label(struct tsn_buf *out, const char *tlp)
{
    if (*tlp) {
        tsn_buf_puts(out, "<p class=\"tlp\">TLP:");
        html(out, tlp);
        tsn_buf_puts(out, "</p>\n");
    }
}

static void begin(struct tsn_page *p, const char *lang, const char *title, const char *tlp)
{
    tsn_buf_puts(p->out, "<!DOCTYPE html>\n<html lang=\"");
    html(p->out, lang);
    tsn_buf_puts(p->out, "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                         "content=\"width=device-width, initial-scale=1\">\n<title>");
    html(p->out, title);
    tsn_buf_printf(p->out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n", style);
    label(p->out, tlp);
    tsn_buf_puts(p->out, "</header>\n<main>\n<h1>");
    html(p->out, title);
    tsn_buf_puts(p->out, "</h1>\n");
}

static void facts(struct tsn_page *p, const char *const (*rows)[2], size_t n)
{
    tsn_buf_puts(p->out, "<table>\n<caption>About this advisory</caption>\n<tbody>\n");
    for (size_t i = 0; i < n; i++) {
        tsn_buf_printf(p->out, "<tr><th scope=\"row\">%s</th><td>", rows[i][0]);
        html(p->out, rows[i][1]);
        tsn_buf_puts(p->out, "</td></tr>\n");
    }
    tsn_buf_puts(p->out, "</tbody>\n</table>\n");
}

static void heading(struct tsn_page *p, int level, const char *text)
{
    tsn_buf_printf(p->out, "<h%d>", level);
    html(p->out, text);
    tsn_buf_printf(p->out, "</h%d>\n", level);
}

static void text(struct tsn_page *p, const char *s)
{
    tsn_buf_puts(p->out, "<p class=\"text\">");
    html(p->out, s);
    tsn_buf_puts(p->out, "</p>\n");
}

static void list(struct tsn_page *p, bool open)
{
    tsn_buf_puts(p->out, open ? "<ul>\n" : "</ul>\n");
}

static void link(struct tsn_buf *out, const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "tel:"};
    bool safe = false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        safe = safe || strncasecmp(url, schemes[i], strlen(schemes[i])) == 0;
    }
    if (safe) {
        tsn_buf_puts(out, "<a rel=\"noreferrer noopener\" href=\"");
        html(out, url);
        tsn_buf_puts(out, "\">");
    }
    html(out, url);
    tsn_buf_puts(out, safe ? "</a>" : "");
}

static void item(struct tsn_page *p, const char *word, const char *s, const char *code,
                 const char *url)
{
    struct tsn_buf *out = p->out;
    tsn_buf_puts(out, "<li>");
    if (word) {
        html(out, word);
        tsn_buf_puts(out, ": ");
    }
    if (s) {
        tsn_buf_puts(out, code ? "<strong>" : "");
        html(out, s);
        tsn_buf_puts(out, code ? "</strong>" : "");
    }
    if (code) {
        tsn_buf_puts(out, ", <code>");
        html(out, code);
        tsn_buf_puts(out, "</code>");
    }
    if (url) {
        tsn_buf_puts(out, s ? " " : "");
        link(out, url);
    }
    tsn_buf_puts(out, "</li>\n");
}

static void row(struct tsn_page *p, const char *const *cells)
{
    tsn_buf_puts(p->out, "<tr>");
    for (size_t i = 0; i < TSN_PAGE_COLUMNS; i++) {
        tsn_buf_puts(p->out, i ? "<td>" : "<th scope=\"row\">");
        html(p->out, cells[i]);
        tsn_buf_puts(p->out, i ? "</td>" : "</th>");
    }
    tsn_buf_puts(p->out, "</tr>\n");
}

static void table(struct tsn_page *p, const char *caption, const char *const *heads)
{
    tsn_buf_printf(p->out, "<table>\n<caption>%s</caption>\n<thead>\n<tr>", caption);
    for (size_t i = 0; i < TSN_PAGE_COLUMNS; i++) {
        tsn_buf_printf(p->out, "<th scope=\"col\">%s</th>", heads[i]);
    }
    tsn_buf_puts(p->out, "</tr>\n</thead>\n<tbody>\n");
}

static void table_end(struct tsn_page *p)
{
    tsn_buf_puts(p->out, "</tbody>\n</table>\n");
}

static void end(struct tsn_page *p, const char *tlp)
{
    tsn_buf_puts(p->out, "</main>\n<footer>\n");
    label(p->out, tlp);
    tsn_buf_puts(p->out, "</footer>\n</body>\n</html>\n");
}

const struct tsn_page_hand tsn_page_html = {.begin = begin,
                                            .facts = facts,
                                            .heading = heading,
                                            .text = text,
                                            .list = list,
                                            .item = item,
                                            .table = table,
                                            .row = row,
                                            .table_end = table_end,
                                            .end = end};
