/* form_report.c - a submission becomes the neutral report, and intake takes it.
 *
 * Three ways, one form: fields of the page, the neutral JSON itself, the same sealed to our key. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/text.h"
#include "form/form_int.h"

#define PLAIN_MAX   ((size_t)20 << 20)
#define TITLE_CHARS 120

/* The first line of the text, cut at a word: nobody is asked for a title. */
static json_t *title_of(const char *text)
{
    size_t skip = strspn(text, " \t\r\n"), n = strcspn(text + skip, "\r\n"), chars = 0, at = 0,
           space = 0;

    text += skip;
    while (at < n && chars < TITLE_CHARS) {
        space = text[at] == ' ' ? at : space;
        at++;
        while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        chars++;
    }
    if (at < n && space > at / 2)
        at = space;
    for (size_t i = 0; i < at; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return json_string("Report by form");
    }
    return at ? json_stringn(text, at) : json_string("Report by form");
}

/* Trimmed text of a field; nothing when it is blank. */
static void take(json_t *out, const char *key, const char *value)
{
    size_t n;

    value += strspn(value, " \t\r\n");
    n = strlen(value);
    while (n > 0 && strchr(" \t\r\n", value[n - 1]))
        n--;
    if (n > 0)
        json_object_set_new(out, key, json_stringn(value, n));
}

json_t *tsn_form_files(const struct tsn_form_data *d)
{
    json_t *files = json_array();

    for (size_t i = 0; i < d->n; i++) {
        const struct tsn_form_part *p = &d->part[i];
        char *text;

        if (!p->filename || (p->len == 0 && !*p->filename)) /* none was chosen */
            continue;
        text = tsn_alloc(4 * ((p->len + 2) / 3) + 1);
        tsn_base64(text, p->data, p->len);
        json_array_append_new(files, json_pack("{s:s, s:s, s:s}", "name",
                                               *p->filename ? p->filename : "file", "type",
                                               p->type, "data", text));
        free(text);
    }
    return files;
}

static json_t *of_fields(const struct tsn_ask *a)
{
    static const char *const words[] = {"text",   "product",  "version",     "occurred",
                                        "impact", "known_by", "disclose_at", "credit"};
    json_t *out = json_object(), *contact = json_object();
    const char *kind = tsn_form_field(&a->data, "kind");

    json_object_set_new(out, "kind", json_string(*kind ? kind : "incident"));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        take(out, words[i], tsn_form_field(&a->data, words[i]));
    take(contact, "mail", tsn_form_field(&a->data, "mail"));
    take(contact, "phone", tsn_form_field(&a->data, "phone"));
    take(contact, "name", tsn_form_field(&a->data, "name"));
    if (json_object_size(contact))
        json_object_set(out, "contact", contact);
    json_decref(contact);
    if (*tsn_form_field(&a->data, "website"))
        json_object_set_new(out, "noise", json_pack("[s]", "filled-in-trap"));
    json_object_set_new(out, "language", json_string(a->lang));
    json_object_set_new(out, "files", tsn_form_files(&a->data));
    return out;
}

static json_t *of_sealed(const struct tsn_ask *a, const char *text, size_t len)
{
    struct tsn_buf plain;
    json_t *out = NULL;

    tsn_buf_init(&plain, PLAIN_MAX);
    if (tsn_jwe_open(a->form->key, text, len, &plain) == 0 &&
        tsn_json_parse(plain.data, plain.len, &out, NULL) == 0 && !json_is_object(out)) {
        json_decref(out);
        out = NULL;
    }
    if (plain.len)
        tsn_wipe(plain.data, plain.len);
    tsn_buf_free(&plain);
    return out;
}

static bool machine(const struct tsn_ask *a)
{
    const char *type = a->in ? tsn_http_header(a->in, "Content-Type") : NULL;

    return type && (strncmp(type, "application/json", 16) == 0 ||
                    strncmp(type, "application/jose", 16) == 0);
}

/* --- answers --- */

static void answer_json(struct tsn_ask *a, int status, const json_t *body)
{
    char *text = tsn_json_text(body);

    tsn_ask_answer(a, status, status < 400 ? "application/json" : "application/problem+json",
                   text, strlen(text));
    free(text);
}

static void refuse(struct tsn_ask *a, int status, const char *error, const char *field,
                   const struct tsn_diag *diag)
{
    if (machine(a)) {
        json_t *body = json_pack("{s:s, s:s, s:i, s:s*, s:s*}", "type", "about:blank", "title",
                                 "The report was not taken", "status", status, "code",
                                 diag ? diag->code : NULL, "detail", diag ? diag->what : NULL);

        answer_json(a, status, body);
        json_decref(body);
        return;
    }
    a->error = error;
    a->field = field;
    tsn_page_form(a, status);
}

/* Which field of the page a pointer into the report means. */
static void refuse_by(struct tsn_ask *a, tsn_err err, const struct tsn_diag *diag)
{
    static const struct {
        const char *begins, *error, *field;
    } rows[] = {{"/text", "error_text", "text"},
                {"/product", "error_product", "product"},
                {"/contact/mail", "error_mail", "mail"},
                {"/files", "error_files", "files"}};

    if (tsn_err_class(err) != TSN_CLASS_INPUT && err != TSN_ETOOBIG) {
        refuse(a, 503, "busy", NULL, diag);
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(diag->file, rows[i].begins, strlen(rows[i].begins)) == 0) {
            refuse(a, 422, rows[i].error, rows[i].field, diag);
            return;
        }
    }
    refuse(a, 422, "error_form", NULL, diag);
}

static void taken(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                  void *user)
{
    struct tsn_ask *a = user;
    struct tsn_form *f = a->form;

    (void)seq;
    if (err) {
        refuse_by(a, err, diag);
    } else if (machine(a)) {
        json_t *body = json_pack("{s:O, s:O, s:O}", "receipt", json_object_get(info, "receipt"),
                                 "case", json_object_get(info, "case"), "duplicate",
                                 json_object_get(info, "duplicate"));

        answer_json(a, 202, body);
        json_decref(body);
    } else {
        a->receipt = tsn_arena_strdup(a->arena, tsn_json_str(info, "receipt", ""));
        tsn_page_receipt(a, 200);
    }
    tsn_form_op_done(f);
}

/* --- taking --- */

/* The same page sent again with the same content is one report; changed, it is another. */
static const char *key_of(struct tsn_ask *a, const json_t *report)
{
    const char *once = machine(a) ? tsn_http_header(a->in, "Idempotency-Key")
                                  : tsn_form_field(&a->data, "once");
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];

    if (!once || !tsn_word_ok(once, 100))
        return NULL;
    if (machine(a))
        return once;
    tsn_json_digest(hash, report);
    tsn_hex(hex, hash, sizeof(hash));
    return tsn_arena_printf(a->arena, "%s.%s", once, hex);
}

void tsn_form_take(struct tsn_ask *a)
{
    struct tsn_form *f = a->form;
    const char *type = tsn_http_header(a->in, "Content-Type"),
               *sealed = tsn_form_field(&a->data, "sealed"), *product;
    int64_t now = tsn_clock_mono_ms();

    if (!tsn_form_limit_ok(f->limit, a->network, TSN_KNOCK_REPORT, now)) {
        refuse(a, 429, "limit", NULL, NULL);
        return;
    }
    if (machine(a) && strncmp(type, "application/json", 16) == 0)
        (void)tsn_json_parse(a->in->body, a->in->len, &a->report, NULL);
    else if (machine(a))
        a->report = of_sealed(a, a->in->body, a->in->len);
    else
        a->report = *sealed ? of_sealed(a, sealed, strlen(sealed)) : of_fields(a);
    if (!json_is_object(a->report)) {
        refuse(a, 422, *sealed || machine(a) ? "error_sealed" : "error_form", NULL, NULL);
        return;
    }
    product = tsn_json_str(a->report, "product", "");
    if (!machine(a) && !*product) {
        refuse(a, 422, "error_product", "product", NULL);
        return;
    }
    if (strcmp(product, "other") == 0)
        json_object_del(a->report, "product");
    if (!json_object_get(a->report, "title"))
        json_object_set_new(a->report, "title", title_of(tsn_json_str(a->report, "text", "")));
    tsn_form_limit_count(f->limit, a->network, TSN_KNOCK_REPORT, now);
    f->under_way++;
    tsn_intake_report(f->cfg.intake, NULL, "form", key_of(a, a->report), a->report, taken, a);
}
