/* page_text.c - the hand that writes plain text: mail. TLP stands first and last, as TLP 2.0 asks
 * of mail; lines are as long as the text is, so nothing that is copied from them breaks. Control
 * characters become blanks. Pure. */
#include <string.h>
#include "advisory/csaf_page.h"

static void plain(struct tsn_buf *out, const char *s, bool lines)
{
    for (; *s; s++) {
        bool control = (unsigned char)*s < 0x20 || *s == 0x7f;
        tsn_buf_putc(out, control && !(lines && *s == '\n') ? ' ' : *s);
    }
}

static void rule(struct tsn_buf *out, const char *s, char c)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < (n < 72 ? n : 72); i++) {
        tsn_buf_putc(out, c);
    }
    tsn_buf_puts(out, "\n\n");
}

static void begin(struct tsn_page *p, const char *lang, const char *title, const char *tlp)
{
    (void)lang;
    if (*tlp) {
        tsn_buf_printf(p->out, "TLP:%s\n\n", tlp);
    }
    plain(p->out, title, false);
    tsn_buf_putc(p->out, '\n');
    rule(p->out, title, '=');
}

static void facts(struct tsn_page *p, const char *const (*rows)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tsn_buf_printf(p->out, "%-13s ", rows[i][0]);
        plain(p->out, rows[i][1], false);
        tsn_buf_putc(p->out, '\n');
    }
    tsn_buf_putc(p->out, '\n');
}

static void heading(struct tsn_page *p, int level, const char *text)
{
    plain(p->out, text, false);
    tsn_buf_putc(p->out, '\n');
    rule(p->out, text, level == 2 ? '-' : '.');
}

static void text(struct tsn_page *p, const char *s)
{
    plain(p->out, s, true);
    tsn_buf_puts(p->out, "\n\n");
}

static void list(struct tsn_page *p, bool open)
{
    if (!open) {
        tsn_buf_putc(p->out, '\n');
    }
}

static void item(struct tsn_page *p, const char *word, const char *s, const char *code,
                 const char *url)
{
    tsn_buf_puts(p->out, "* ");
    const char *const parts[] = {word, word && (s || url) ? ": " : NULL,
                                 s,    code ? ", " : NULL,
                                 code, url && s ? " " : NULL,
                                 url};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        plain(p->out, parts[i] ? parts[i] : "", false);
    }
    tsn_buf_putc(p->out, '\n');
}

static void row(struct tsn_page *p, const char *const *cells)
{
    for (size_t i = 0; i < TSN_PAGE_COLUMNS; i++) {
        tsn_buf_puts(p->out, i ? "; " : "* ");
        plain(p->out, cells[i], false);
    }
    tsn_buf_putc(p->out, '\n');
}

static void table(struct tsn_page *p, const char *caption, const char *const *heads)
{
    tsn_buf_printf(p->out, "%s (%s; %s; %s)\n", caption, heads[0], heads[1], heads[2]);
}

static void table_end(struct tsn_page *p)
{
    tsn_buf_putc(p->out, '\n');
}

static void end(struct tsn_page *p, const char *tlp)
{
    if (*tlp) {
        tsn_buf_printf(p->out, "TLP:%s\n", tlp);
    }
}

const struct tsn_page_hand tsn_page_text = {.begin = begin,
                                            .facts = facts,
                                            .heading = heading,
                                            .text = text,
                                            .list = list,
                                            .item = item,
                                            .table = table,
                                            .row = row,
                                            .table_end = table_end,
                                            .end = end};
