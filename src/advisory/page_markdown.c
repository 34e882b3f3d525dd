/* page_markdown.c - the hand that writes Markdown: portal, console, mail clients that show it.
 *
 * Text of the document is data: what Markdown or HTML would read as markup is escaped, so a
 * foreign title cannot become a link or a tag. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_page.h"

/* One line: line ends become blanks. */
static void inline_text(struct tsn_buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n' || *s == '\r') {
            tsn_buf_putc(out, ' ');
        } else {
            if (strchr("\\`*[]<>|", *s)) {
                tsn_buf_putc(out, '\\');
            }
            tsn_buf_putc(out, *s);
        }
    }
}

/* Paragraphs keep their lines; a line that would start a block is escaped. */
static void block_text(struct tsn_buf *out, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "\n");
        if (*s && strchr("#+-=~", *s)) {
            tsn_buf_putc(out, '\\');
        }
        for (size_t i = 0; i < n; i++) {
            if (s[i] == '\r') {
                continue;
            }
            if (strchr("\\`*[]<>|", s[i])) {
                tsn_buf_putc(out, '\\');
            }
            tsn_buf_putc(out, s[i]);
        }
        tsn_buf_putc(out, '\n');
        s += n + (s[n] == '\n');
    }
}

static void begin(struct tsn_page *p, const char *lang, const char *title, const char *tlp)
{
    (void)lang, (void)tlp;
    tsn_buf_puts(p->out, "# ");
    inline_text(p->out, title);
    tsn_buf_puts(p->out, "\n\n");
}

static void facts(struct tsn_page *p, const char *const (*rows)[2], size_t n)
{
    tsn_buf_puts(p->out, "| | |\n| --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        tsn_buf_printf(p->out, "| %s | ", rows[i][0]);
        inline_text(p->out, rows[i][1]);
        tsn_buf_puts(p->out, " |\n");
    }
    tsn_buf_putc(p->out, '\n');
}

static void heading(struct tsn_page *p, int level, const char *text)
{
    tsn_buf_puts(p->out, level == 2 ? "## " : "### ");
    inline_text(p->out, text);
    tsn_buf_puts(p->out, "\n\n");
}

static void text(struct tsn_page *p, const char *s)
{
    block_text(p->out, s);
    tsn_buf_putc(p->out, '\n');
}

static void list(struct tsn_page *p, bool open)
{
    if (!open) {
        tsn_buf_putc(p->out, '\n');
    }
}

/* What would end `<...>` or break the line is encoded. */
static void link(struct tsn_buf *out, const char *url)
{
    tsn_buf_putc(out, '<');
    for (; *url; url++) {
        if (strchr("<> \n\r", *url)) {
            tsn_buf_printf(out, "%%%02X", (unsigned char)*url);
        } else {
            tsn_buf_putc(out, *url);
        }
    }
    tsn_buf_putc(out, '>');
}

static void item(struct tsn_page *p, const char *word, const char *s, const char *code,
                 const char *url)
{
    struct tsn_buf *out = p->out;
    tsn_buf_puts(out, "* ");
    if (word) {
        inline_text(out, word);
        tsn_buf_puts(out, ": ");
    }
    if (s) {
        tsn_buf_puts(out, code ? "**" : "");
        inline_text(out, s);
        tsn_buf_puts(out, code ? "**" : "");
    }
    if (code) {
        tsn_buf_puts(out, ", `");
        for (; *code; code++) {
            tsn_buf_putc(out, *code == '`' || *code == '\n' ? ' ' : *code);
        }
        tsn_buf_putc(out, '`');
    }
    if (url) {
        tsn_buf_puts(out, s ? " " : "");
        link(out, url);
    }
    tsn_buf_putc(out, '\n');
}

static void row(struct tsn_page *p, const char *const *cells)
{
    for (size_t i = 0; i < TSN_PAGE_COLUMNS; i++) {
        tsn_buf_puts(p->out, i ? " | " : "| ");
        inline_text(p->out, cells[i]);
    }
    tsn_buf_puts(p->out, " |\n");
}

static void table(struct tsn_page *p, const char *caption, const char *const *heads)
{
    (void)caption;
    row(p, heads);
    tsn_buf_puts(p->out, "| --- | --- | --- |\n");
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

const struct tsn_page_hand tsn_page_markdown = {.begin = begin,
                                                .facts = facts,
                                                .heading = heading,
                                                .text = text,
                                                .list = list,
                                                .item = item,
                                                .table = table,
                                                .row = row,
                                                .table_end = table_end,
                                                .end = end};
