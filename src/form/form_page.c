/* form_page.c - the public pages as HTML: frame, form, receipt. Everything that is not ours is escaped.
 *
 * No inline script or style, no cookie, nothing from elsewhere; the policy in the answer says so. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/rand.h"
#include "core/text.h"
#include "form/form_int.h"

#define DAY_MS INT64_C(86400000)

const char *tsn_ask_text(const struct tsn_ask *a, const char *key)
{
    return tsn_json_str(a->texts, key, key);
}

void tsn_page_escape(struct tsn_buf *b, const char *text)
{
    tsn_buf_markup(b, text, strlen(text), '\0', "");
}

static void put(struct tsn_buf *b, const struct tsn_ask *a, const char *key)
{
    tsn_page_escape(b, tsn_ask_text(a, key));
}

void tsn_page_fill(struct tsn_buf *b, const struct tsn_ask *a, const char *key,
                   const char *value)
{
    const char *text = tsn_ask_text(a, key), *open = strstr(text, "{{"),
               *close = open ? strstr(open, "}}") : NULL;
    char *head;

    if (!close) {
        tsn_page_escape(b, text);
        return;
    }
    head = tsn_strdup(text);
    head[open - text] = '\0';
    tsn_page_escape(b, head);
    tsn_page_escape(b, value);
    tsn_page_escape(b, close + 2);
    free(head);
}

void tsn_page_time(struct tsn_buf *b, int64_t ms)
{
    char t[25];

    tsn_time_format(t, ms);
    tsn_buf_printf(b, "%.10s %.5s UTC", t, t + 11);
}

/* --- frame --- */

void tsn_page_begin(struct tsn_buf *b, const struct tsn_ask *a, const char *title_key)
{
    tsn_buf_init(b, (size_t)4 << 20);
    tsn_buf_printf(b,
                   "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"referrer\" content=\"no-referrer\">\n<title>",
                   a->lang);
    put(b, a, title_key);
    tsn_buf_puts(b, " \xc2\xb7 ");
    tsn_page_escape(b, a->form->cfg.organisation);
    tsn_buf_puts(b, "</title>\n<link rel=\"stylesheet\" href=\"/report/form.css\">\n"
                    "<script src=\"/report/form.js\" defer></script>\n</head>\n<body>\n"
                    "<header><p>");
    tsn_page_escape(b, a->form->cfg.organisation);
    tsn_buf_puts(b, "</p></header>\n<main>\n<h1>");
    put(b, a, title_key);
    tsn_buf_puts(b, "</h1>\n");
    if (a->error) {
        tsn_buf_puts(b, "<div class=\"bad\" role=\"alert\" id=\"error\"><h2>");
        put(b, a, "error_title");
        tsn_buf_puts(b, "</h2><p>");
        tsn_page_fill(b, a, a->error, a->form->cfg.mail);
        tsn_buf_puts(b, "</p></div>\n");
    }
    if (a->note) {
        tsn_buf_puts(b, "<p class=\"good\" role=\"status\">");
        put(b, a, a->note);
        tsn_buf_puts(b, "</p>\n");
    }
}

static void footer(struct tsn_buf *b, const struct tsn_ask *a)
{
    bool status = a->in && strncmp(a->in->path, "/status", 7) == 0;

    tsn_buf_puts(b, "</main>\n<footer>\n<p>");
    tsn_buf_printf(b, "<a href=\"/%s?lang=%s\">", status ? "report" : "status", a->lang);
    put(b, a, status ? "report_new" : "follow");
    tsn_buf_puts(b, "</a> <a href=\"/.well-known/security.txt\">");
    put(b, a, "security_txt");
    tsn_buf_puts(b, "</a></p>\n<p>");
    tsn_page_fill(b, a, "other_ways", a->form->cfg.mail);
    tsn_buf_puts(b, "</p>\n<nav aria-label=\"");
    put(b, a, "languages");
    tsn_buf_puts(b, "\"><ul>");
    for (size_t i = 0; i < TSN_LANGUAGES; i++) {
        tsn_buf_printf(b, "<li><a href=\"/%s?lang=%s\" lang=\"%s\" hreflang=\"%s\"%s>",
                       status ? "status" : "report", tsn_languages[i], tsn_languages[i],
                       tsn_languages[i],
                       strcmp(a->lang, tsn_languages[i]) == 0 ? " aria-current=\"true\"" : "");
        tsn_page_escape(b, tsn_json_str(a->form->texts[i], "name", ""));
        tsn_buf_puts(b, "</a></li>");
    }
    tsn_buf_puts(b, "</ul></nav>\n</footer>\n</body>\n</html>\n");
}

void tsn_ask_answer(struct tsn_ask *a, int status, const char *type, const void *p, size_t n)
{
    static const struct tsn_header extra[] = {
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; "
         "base-uri 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
        {"Cache-Control", "no-store"}};

    if (a->in)
        tsn_http_answer(a->in, status, type, p, n, extra, sizeof(extra) / sizeof(extra[0]));
    a->in = NULL;
    tsn_ask_free(a);
}

void tsn_page_send(struct tsn_buf *b, struct tsn_ask *a, int status)
{
    footer(b, a);
    tsn_ask_answer(a, b->err ? 500 : status, "text/html; charset=utf-8", b->err ? "" : b->data,
                   b->err ? 0 : b->len);
    tsn_buf_free(b);
}

void tsn_page_plain(struct tsn_ask *a, int status, const char *error)
{
    struct tsn_buf b;

    a->error = error;
    tsn_page_begin(&b, a, "title");
    tsn_page_send(&b, a, status);
}

/* --- fields --- */

/* A labelled one-line field with what was typed before. */
static void line(struct tsn_buf *b, const struct tsn_ask *a, const char *name,
                 const char *label, const char *hint, const char *more)
{
    bool bad = a->field && strcmp(a->field, name) == 0;

    tsn_buf_printf(b, "<p><label for=\"%s\">", name);
    put(b, a, label);
    if (hint) {
        tsn_buf_puts(b, " <span class=\"hint\">");
        put(b, a, hint);
        tsn_buf_puts(b, "</span>");
    }
    tsn_buf_printf(b, "</label><input id=\"%s\" name=\"%s\" maxlength=\"200\" %s%s value=\"",
                   name, name, more,
                   bad ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    tsn_page_escape(b, tsn_form_field(&a->data, name));
    tsn_buf_puts(b, "\"></p>\n");
}

static void kinds(struct tsn_buf *b, const struct tsn_ask *a)
{
    static const char *const kind[] = {"incident", "weakness"};
    const char *was = tsn_form_field(&a->data, "kind");

    tsn_buf_puts(b, "<fieldset><legend>");
    put(b, a, "kind");
    tsn_buf_puts(b, "</legend>\n");
    for (size_t i = 0; i < 2; i++) {
        bool on = *was ? strcmp(was, kind[i]) == 0 : i == 0;

        tsn_buf_printf(b,
                       "<p class=\"choice\"><input type=\"radio\" name=\"kind\" id=\"%s\" "
                       "value=\"%s\"%s><label for=\"%s\">",
                       kind[i], kind[i], on ? " checked" : "", kind[i]);
        put(b, a, i == 0 ? "kind_incident" : "kind_weakness");
        tsn_buf_puts(b, "</label></p>\n");
    }
    tsn_buf_puts(b, "</fieldset>\n");
}

static void required(struct tsn_buf *b, const struct tsn_ask *a)
{
    tsn_buf_puts(b, " <span class=\"need\">");
    put(b, a, "required");
    tsn_buf_puts(b, "</span>");
}

static void option(struct tsn_buf *b, const char *value, const char *text, bool on)
{
    tsn_buf_puts(b, "<option value=\"");
    tsn_page_escape(b, value);
    tsn_buf_puts(b, on ? "\" selected>" : "\">");
    tsn_page_escape(b, text);
    tsn_buf_puts(b, "</option>");
}

static void products(struct tsn_buf *b, const struct tsn_ask *a)
{
    const char *was = tsn_form_field(&a->data, "product");
    const json_t *list = a->form->cfg.casework ? a->form->cfg.casework->products : NULL, *one;
    bool bad = a->field && strcmp(a->field, "product") == 0;
    size_t i;

    tsn_buf_puts(b, "<p><label for=\"product\">");
    put(b, a, "product");
    required(b, a);
    tsn_buf_printf(b, "</label><select id=\"product\" name=\"product\" required%s>",
                   bad ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    option(b, "", tsn_ask_text(a, "product_choose"), *was == '\0');
    json_array_foreach(list, i, one)
    {
        const char *id = tsn_json_str(one, "id", "");

        option(b, id, tsn_json_str(one, "name", id), strcmp(was, id) == 0);
    }
    option(b, "other", tsn_ask_text(a, "product_other"), strcmp(was, "other") == 0);
    tsn_buf_puts(b, "</select></p>\n");
}

static void days(char *out, size_t cap, const struct tsn_ask *a, int64_t ms)
{
    char n[24];
    struct tsn_buf b;

    tsn_buf_init(&b, 200);
    (void)snprintf(n, sizeof(n), "%lld", (long long)((ms + DAY_MS - 1) / DAY_MS));
    tsn_page_fill(&b, a, ms <= DAY_MS ? "day" : "days", n);
    (void)tsn_copy(out, cap, b.data ? b.data : "");
    tsn_buf_free(&b);
}

/* Two values in one text: what stays open after the first is filled by the second. */
static void promise(struct tsn_buf *b, const struct tsn_ask *a)
{
    const char *text = tsn_ask_text(a, "promise");
    char answer[100], update[100];

    days(answer, sizeof(answer), a, a->form->cfg.answer_ms);
    days(update, sizeof(update), a, a->form->cfg.update_ms);
    for (; *text; text++) {
        if (strncmp(text, "{{answer}}", 10) == 0 || strncmp(text, "{{update}}", 10) == 0) {
            tsn_buf_puts(b, text[2] == 'a' ? answer : update);
            text += 9;
        } else {
            char one[2] = {*text, '\0'};

            tsn_page_escape(b, one);
        }
    }
}

static void more_fields(struct tsn_buf *b, const struct tsn_ask *a)
{
    static const char *const asked[] = {"occurred", "impact", "known_by", "disclose_at"};
    bool open = false;

    for (size_t i = 0; i < 4; i++)
        open = open || *tsn_form_field(&a->data, asked[i]);
    tsn_buf_printf(b, "<details%s><summary>", open ? " open" : "");
    put(b, a, "more");
    tsn_buf_puts(b, "</summary>\n");
    for (size_t i = 0; i < 4; i++)
        line(b, a, asked[i], asked[i], NULL, "autocomplete=\"off\"");
    line(b, a, "credit", "credit", "credit_hint", "autocomplete=\"off\"");
    tsn_buf_puts(b, "</details>\n");
}

static void contact_fields(struct tsn_buf *b, const struct tsn_ask *a)
{
    tsn_buf_puts(b, "<fieldset><legend>");
    put(b, a, "contact");
    tsn_buf_puts(b, "</legend><p class=\"hint\">");
    put(b, a, "contact_hint");
    tsn_buf_puts(b, "</p>\n");
    line(b, a, "mail", "mail", NULL, "type=\"email\" autocomplete=\"email\"");
    line(b, a, "phone", "phone", NULL, "type=\"tel\" autocomplete=\"tel\"");
    line(b, a, "name", "name_label", NULL, "autocomplete=\"name\"");
    tsn_buf_puts(b, "</fieldset>\n");
}

/* Hidden from people, seen by programs that fill in everything: such a report ranks low. */
static void trap(struct tsn_buf *b, const struct tsn_ask *a)
{
    tsn_buf_puts(b, "<p class=\"away\" aria-hidden=\"true\"><label for=\"website\">");
    put(b, a, "trap");
    tsn_buf_puts(b, "</label><input id=\"website\" name=\"website\" tabindex=\"-1\" "
                    "autocomplete=\"off\"></p>\n");
}

void tsn_page_form(struct tsn_ask *a, int status)
{
    bool bad = a->field && strcmp(a->field, "text") == 0;
    const char *once = tsn_form_field(&a->data, "once");
    char fresh[33];
    uint8_t bits[16];
    struct tsn_buf b;

    tsn_rand_bytes(bits, sizeof(bits));
    tsn_hex(fresh, bits, sizeof(bits));
    tsn_page_begin(&b, a, "title");
    tsn_buf_puts(&b, "<p>");
    put(&b, a, "intro");
    tsn_buf_printf(&b,
                   "</p>\n<form id=\"report\" method=\"post\" action=\"/report\" "
                   "enctype=\"multipart/form-data\" accept-charset=\"utf-8\">\n<input "
                   "type=\"hidden\" name=\"lang\" value=\"%s\"><input type=\"hidden\" "
                   "name=\"once\" value=\"%s\"><input type=\"hidden\" id=\"key\" value=\"",
                   a->lang, tsn_word_ok(once, 40) ? once : fresh);
    tsn_page_escape(&b, tsn_jwe_key_public(a->form->key)); /* without a name: not sent back */
    tsn_buf_puts(&b, "\">\n");
    kinds(&b, a);
    tsn_buf_puts(&b, "<p><label for=\"text\">");
    put(&b, a, "text");
    required(&b, a);
    tsn_buf_puts(&b, " <span class=\"hint\">");
    put(&b, a, "text_hint");
    tsn_buf_printf(&b,
                   "</span></label><textarea id=\"text\" name=\"text\" rows=\"8\" "
                   "maxlength=\"60000\" required%s>",
                   bad ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    tsn_page_escape(&b, tsn_form_field(&a->data, "text"));
    tsn_buf_puts(&b, "</textarea></p>\n");
    products(&b, a);
    line(&b, a, "version", "version", "version_hint", "autocomplete=\"off\"");
    contact_fields(&b, a);
    tsn_buf_puts(&b, "<p><label for=\"files\">");
    put(&b, a, "files");
    tsn_buf_puts(&b, " <span class=\"hint\">");
    put(&b, a, "files_hint");
    tsn_buf_puts(&b, "</span></label><input type=\"file\" id=\"files\" name=\"files\" multiple>"
                     "</p>\n");
    more_fields(&b, a);
    trap(&b, a);
    tsn_buf_puts(&b, "<p id=\"sealed\" class=\"good\" hidden>");
    put(&b, a, "encrypted");
    tsn_buf_puts(&b, "</p>\n<p><button type=\"submit\">");
    put(&b, a, "send");
    tsn_buf_puts(&b, "</button></p>\n<p>");
    promise(&b, a);
    tsn_buf_puts(&b, "</p>\n<p>");
    put(&b, a, "harbour");
    if (a->form->cfg.policy_url) {
        tsn_buf_puts(&b, " <a href=\"");
        tsn_page_escape(&b, a->form->cfg.policy_url);
        tsn_buf_puts(&b, "\">");
        put(&b, a, "policy");
        tsn_buf_puts(&b, "</a>");
    }
    tsn_buf_puts(&b, "</p>\n</form>\n");
    tsn_page_send(&b, a, status);
}

void tsn_page_receipt(struct tsn_ask *a, int status)
{
    bool wrong = a->error != NULL;
    struct tsn_buf b;

    tsn_page_begin(&b, a, "receipt_title");
    tsn_buf_puts(&b, "<p>");
    put(&b, a, "receipt_keep");
    tsn_buf_puts(&b, "</p>\n<p class=\"receipt\"><span class=\"hint\">");
    put(&b, a, "receipt");
    tsn_buf_puts(&b, "</span> <output id=\"receipt\">");
    tsn_page_escape(&b, a->receipt);
    tsn_buf_puts(&b,
                 "</output></p>\n<p id=\"tools\" hidden><button type=\"button\" id=\"copy\" "
                 "data-done=\"");
    put(&b, a, "receipt_copied");
    tsn_buf_puts(&b, "\">");
    put(&b, a, "receipt_copy");
    tsn_buf_puts(&b, "</button> <button type=\"button\" id=\"save\">");
    put(&b, a, "receipt_save");
    tsn_buf_puts(&b, "</button></p>\n<form id=\"typed\" method=\"post\" "
                     "action=\"/report/receipt\"><input type=\"hidden\" name=\"receipt\" "
                     "value=\"");
    tsn_page_escape(&b, a->receipt);
    tsn_buf_printf(&b,
                   "\"><input type=\"hidden\" name=\"lang\" value=\"%s\"><p><label "
                   "for=\"last\">",
                   a->lang);
    put(&b, a, "receipt_type");
    tsn_buf_printf(&b,
                   "</label><input id=\"last\" name=\"last\" required maxlength=\"4\" "
                   "size=\"6\" autocomplete=\"off\" autocapitalize=\"characters\" "
                   "spellcheck=\"false\"%s></p>\n<p><button type=\"submit\">",
                   wrong ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    put(&b, a, "receipt_go");
    tsn_buf_puts(&b, "</button></p></form>\n");
    tsn_page_send(&b, a, status);
}

void tsn_page_find(struct tsn_ask *a, int status)
{
    struct tsn_buf b;

    tsn_page_begin(&b, a, "status");
    tsn_buf_printf(&b,
                   "<form method=\"post\" action=\"/status\"><input type=\"hidden\" "
                   "name=\"lang\" value=\"%s\"><p><label for=\"receipt\">",
                   a->lang);
    put(&b, a, "status_ask");
    tsn_buf_puts(&b, " <span class=\"hint\">");
    put(&b, a, "status_hint");
    tsn_buf_printf(&b,
                   "</span></label><input id=\"receipt\" name=\"receipt\" required "
                   "maxlength=\"40\" autocomplete=\"off\" autocapitalize=\"characters\" "
                   "spellcheck=\"false\"%s></p>\n<p><button type=\"submit\">",
                   a->error ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    put(&b, a, "status_open");
    tsn_buf_puts(&b, "</button></p></form>\n");
    tsn_page_send(&b, a, status);
}
