/* csaf_page.h - an advisory as a page for people: one walk over the document, three hands that
 * write. What the document says is data: every hand escapes it for its own format. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include "core/buf.h"

#define TSN_PAGE_COLUMNS 3

struct tsn_page;

struct tsn_page_hand {
    void (*begin)(struct tsn_page *p, const char *lang, const char *title, const char *tlp);
    void (*facts)(struct tsn_page *p, const char *const (*rows)[2], size_t n);
    void (*heading)(struct tsn_page *p, int level, const char *text); /* level 2 or 3 */
    void (*text)(struct tsn_page *p, const char *text);               /* paragraphs */
    void (*list)(struct tsn_page *p, bool open);                      /* begins, ends */
    /* An item: a word before the colon or NULL, text, code or NULL, URL or
     * NULL. */
    void (*item)(struct tsn_page *p, const char *word, const char *text, const char *code,
                 const char *url);
    void (*table)(struct tsn_page *p, const char *caption, const char *const *heads);
    void (*row)(struct tsn_page *p, const char *const *cells);
    void (*table_end)(struct tsn_page *p);
    void (*end)(struct tsn_page *p, const char *tlp);
};

struct tsn_page {
    const struct tsn_page_hand *hand;
    struct tsn_buf *out;
};

extern const struct tsn_page_hand tsn_page_markdown, tsn_page_html, tsn_page_text;

/* Walks a CSAF document of either version. */
tsn_err tsn_page_write(const json_t *csaf, const struct tsn_page_hand *hand,
                       struct tsn_buf *out);
