/* form_int.h - what the files of the public form share; nobody else includes it. Loop thread, but
 * for what says store thread. */
#pragma once

#include "core/buf.h"
#include "core/json.h"
#include "core/jwe.h"
#include "core/mem.h"
#include "form/form.h"
#include "form/form_data.h"
#include "form/form_limit.h"
#include "loop/httpd.h"
#include "store/op.h"
#include "store/store.h"

#define TSN_LANGUAGES 4

struct tsn_form {
    struct tsn_form_config cfg;
    struct tsn_httpd *httpd;
    struct tsn_jwe_key *key;
    struct tsn_form_limit *limit;
    json_t *texts[TSN_LANGUAGES];
    size_t under_way; /* ops with the writer or a reader */
    bool closed;
};

/* One request. */
struct tsn_ask {
    struct tsn_form *form;
    struct tsn_http_in *in; /* NULL once answered */
    struct tsn_arena *arena;
    const json_t *texts; /* the language of this page */
    const char *lang, *network;
    struct tsn_form_data data; /* of a POST */
    json_t *report;            /* the neutral form, while it is being taken */
    const char *receipt;
    const char *note;  /* key of a text to show above the page; NULL */
    const char *error; /* the same, and it is an error */
    const char *field; /* the field that is wrong: "text" "product" "mail" "files" */
};

/* --- form_texts.c --- */

extern const char *const tsn_languages[TSN_LANGUAGES]; /* en de zh ja */
/* Each file whole: every key of English is in every other. S051 */
tsn_err tsn_texts_load(const char *dir, json_t *out[TSN_LANGUAGES], struct tsn_diag *diag);
/* RFC 9110 12.5.4; index of the best one, 0 when none fits. `accept` may be NULL. Pure. */
size_t tsn_texts_choose(const char *accept);
/* Index of a tag such as "de" or "zh-Hans"; TSN_LANGUAGES = none. */
size_t tsn_texts_find(const char *tag, size_t len);

/* --- form_page.c --- */

const char *tsn_ask_text(const struct tsn_ask *a, const char *key);
void tsn_page_escape(struct tsn_buf *b, const char *text);
/* The text with {{name}} = value, escaped. */
void tsn_page_fill(struct tsn_buf *b, const struct tsn_ask *a, const char *key,
                   const char *value);
void tsn_page_time(struct tsn_buf *b, int64_t ms);
void tsn_page_begin(struct tsn_buf *b, const struct tsn_ask *a, const char *title_key);
/* Ends the page, answers, frees the request. */
void tsn_page_send(struct tsn_buf *b, struct tsn_ask *a, int status);
/* Answers with anything else; frees the request. */
void tsn_ask_answer(struct tsn_ask *a, int status, const char *type, const void *p, size_t n);
void tsn_page_form(struct tsn_ask *a, int status);
void tsn_page_receipt(struct tsn_ask *a, int status);
void tsn_page_find(struct tsn_ask *a, int status);
void tsn_page_plain(struct tsn_ask *a, int status, const char *error);

/* --- form_report.c --- */

/* From fields, JSON or sealed JSON to intake. */
void tsn_form_take(struct tsn_ask *a);
/* Files of the page as [{ name, type, data: base64 }]; new reference. */
json_t *tsn_form_files(const struct tsn_form_data *d);

/* --- form_status.c --- */

void tsn_form_status(struct tsn_ask *a);
void tsn_form_message(struct tsn_ask *a, bool credit);
/* "tr 7k3m9qwd..." as it is stored; NULL: not a receipt. In the arena. Pure. */
const char *tsn_receipt_of(struct tsn_arena *arena, const char *typed);

/* --- form.c --- */

void tsn_ask_free(struct tsn_ask *a);
/* An op of the form came back. */
void tsn_form_op_done(struct tsn_form *f);
