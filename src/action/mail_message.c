/* mail_message.c - see mail_message.h. Sources: RFC 5322, 2045, 2047, 3834. Pure. */
#include "action/mail_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "core/text.h"

static tsn_err put_value(struct tsn_buf *out, const json_t *v)
{
    if (json_is_string(v))
        return tsn_buf_puts(out, json_string_value(v));
    if (json_is_integer(v))
        return tsn_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    if (json_is_real(v))
        return tsn_buf_printf(out, "%.15g", json_real_value(v));
    if (json_is_boolean(v))
        return tsn_buf_puts(out, json_is_true(v) ? "yes" : "no");
    return TSN_ENOTFOUND;
}

static tsn_err put_html(struct tsn_buf *out, const json_t *v)
{
    struct tsn_buf plain;
    tsn_err err;

    tsn_buf_init(&plain, out->max);
    err = put_value(&plain, v);
    if (!err) {
        tsn_buf_markup(out, plain.data, plain.len, '\0', "");
        err = out->err;
    }
    tsn_buf_free(&plain);
    return err;
}

static tsn_err expand(struct tsn_buf *out, const char *text, const json_t *vars,
                      const char *what, tsn_err (*put)(struct tsn_buf *out, const json_t *v),
                      struct tsn_diag *diag)
{
    const char *open, *close;
    char name[64];

    while ((open = strstr(text, "{{")) != NULL) {
        close = strstr(open, "}}");
        if (!close || (size_t)(close - open) - 2 >= sizeof(name))
            return tsn_diag_set(diag, TSN_EINPUT, "R044", "template %s: {{ without }}", what);
        tsn_buf_put(out, text, (size_t)(open - text));
        memcpy(name, open + 2, (size_t)(close - open) - 2);
        name[close - open - 2] = '\0';
        if (put(out, json_object_get(vars, name)) == TSN_ENOTFOUND) {
            tsn_diag_hint(diag, "give it in vars, or take it out of the template");
            return tsn_diag_set(diag, TSN_EINPUT, "R044",
                                "template %s names {{%s}}, which the call did not give", what,
                                name);
        }
        text = close + 2;
    }
    return tsn_buf_puts(out, text);
}

tsn_err tsn_mail_expand(struct tsn_buf *out, const char *text, const json_t *vars,
                        const char *what, struct tsn_diag *diag)
{
    return expand(out, text, vars, what, put_value, diag);
}

tsn_err tsn_mail_expand_html(struct tsn_buf *out, const char *text, const json_t *vars,
                             const char *what, struct tsn_diag *diag)
{
    return expand(out, text, vars, what, put_html, diag);
}

static bool has_control(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    }
    return false;
}

static bool is_ascii(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s > 0x7e)
            return false;
    }
    return true;
}

static bool address_ok(const char *s)
{
    const char *at = strchr(s, '@');

    return at && at != s && at[1] && !strchr(at + 1, '@') && !strpbrk(s, " ,;<>()\"\\") &&
           !has_control(s) && is_ascii(s) && strlen(s) <= 254;
}

tsn_err tsn_mail_address(const char *from, char *out, size_t cap, struct tsn_diag *diag)
{
    const char *open = strrchr(from, '<'), *close = open ? strchr(open, '>') : NULL;
    char copy[256];

    if (open && (!close || close[1]))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "not a mail address: %.100s", from);
    if (open && (size_t)(close - open) <= sizeof(copy)) {
        memcpy(copy, open + 1, (size_t)(close - open) - 1);
        copy[close - open - 1] = '\0';
    } else if (!tsn_copy(copy, sizeof(copy), from)) {
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "a mail address is too long");
    }
    if (!address_ok(copy) || !tsn_copy(out, cap, copy))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "not a mail address: %.100s", from);
    return 0;
}

/* Encoded words of at most 75 characters; a word never splits a UTF-8 sequence. */
static void put_encoded(struct tsn_buf *out, const char *s)
{
    char word[80];
    size_t n = strlen(s), i = 0;

    /* Long lines are folded as words too, and what only looks encoded must stay as it is. */
    if (is_ascii(s) && n <= 60 && !strstr(s, "=?")) {
        tsn_buf_puts(out, s);
        return;
    }
    while (i < n) {
        size_t take = n - i > 39 ? 39 : n - i; /* with "Subject: " below 76 characters */

        while (take > 1 && i + take < n && ((unsigned char)s[i + take] & 0xc0) == 0x80)
            take--;
        tsn_base64(word, s + i, take);
        tsn_buf_printf(out, "%s=?utf-8?B?%s?=", i ? "\r\n " : "", word);
        i += take;
    }
}

/* Display name before "<": quoted or encoded as needed. */
static void put_from(struct tsn_buf *out, const char *from, const char *address)
{
    const char *open = strrchr(from, '<');
    char name[200];
    size_t n;

    if (!open || open == from) {
        tsn_buf_puts(out, address);
        return;
    }
    n = (size_t)(open - from);
    while (n > 0 && from[n - 1] == ' ')
        n--;
    if (n >= sizeof(name))
        n = sizeof(name) - 1;
    memcpy(name, from, n);
    name[n] = '\0';
    if (is_ascii(name) && name[0] != '"' && strpbrk(name, "()<>[]:;@\\,.\"")) {
        tsn_buf_putc(out, '"');
        for (const char *c = name; *c; c++) {
            if (*c == '"' || *c == '\\')
                tsn_buf_putc(out, '\\');
            tsn_buf_putc(out, *c);
        }
        tsn_buf_putc(out, '"');
    } else {
        put_encoded(out, name);
    }
    tsn_buf_printf(out, " <%s>", address);
}

/* Quoted-printable with soft breaks at 76; CRLF at line ends. The end is left as it is: behind a
 * part the line end before the boundary is not content (RFC 2046, 5.1.1). */
static void put_quoted(struct tsn_buf *out, const char *text)
{
    size_t col = 0;

    for (const char *c = text; *c; c++) {
        unsigned char b = (unsigned char)*c;
        bool last = c[1] == '\n' || (c[1] == '\r' && c[2] == '\n') || c[1] == '\0';

        if (b == '\r' && c[1] == '\n')
            continue;
        if (b == '\n') {
            tsn_buf_puts(out, "\r\n");
            col = 0;
            continue;
        }
        if (col >= 72) {
            tsn_buf_puts(out, "=\r\n");
            col = 0;
        }
        if ((b >= 33 && b <= 126 && b != '=' && !(b == '.' && col == 0)) ||
            ((b == ' ' || b == '\t') && !last)) {
            tsn_buf_putc(out, (char)b);
            col++;
        } else {
            tsn_buf_printf(out, "=%02X", b);
            col += 3;
        }
    }
}

static void put_date(struct tsn_buf *out, int64_t ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&t, &tm);
    tsn_buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
                   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
}

/* `more`: parameters of the type that follow the character set. */
static void put_text_part(struct tsn_buf *out, const char *type, const char *more,
                          const char *name, const char *text)
{
    tsn_buf_printf(out, "Content-Type: %s; charset=utf-8%s\r\n", type, more);
    tsn_buf_puts(out, "Content-Transfer-Encoding: quoted-printable\r\n");
    if (name)
        tsn_buf_printf(out, "Content-Disposition: attachment; filename=\"%s\"\r\n", name);
    tsn_buf_puts(out, "\r\n");
    put_quoted(out, text);
}

/* The text, or text and HTML for the reader to choose: the last is the best one (RFC 2046 5.1.4). */
static void put_body(struct tsn_buf *out, const struct tsn_mail_message *m, const char *more)
{
    if (!m->html) {
        put_text_part(out, "text/plain", more, NULL, m->text);
        return;
    }
    tsn_buf_printf(out, "Content-Type: multipart/alternative; boundary=\"=a_%s\"%s\r\n\r\n",
                   m->id, more);
    tsn_buf_printf(out, "--=a_%s\r\n", m->id);
    put_text_part(out, "text/plain", "", NULL, m->text);
    tsn_buf_printf(out, "\r\n--=a_%s\r\n", m->id);
    put_text_part(out, "text/html", "", NULL, m->html);
    tsn_buf_printf(out, "\r\n--=a_%s--\r\n", m->id);
}

static tsn_err attachments_ok(const json_t *attach, struct tsn_diag *diag)
{
    size_t i;
    json_t *part;

    if (attach && !json_is_array(attach))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "attach must be a list");
    json_array_foreach(attach, i, part)
    {
        const char *name = tsn_json_str(part, "name", NULL);
        const char *type = tsn_json_str(part, "type", "text/plain");

        if (!name || strpbrk(name, "\"\\/") || has_control(name) || !is_ascii(name) ||
            strlen(name) > 100)
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "attachment %zu needs a plain name",
                                i + 1);
        if (!tsn_word_ok(type, 100) || !tsn_json_str(part, "text", NULL))
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "attachment %s needs type and text",
                                name);
    }
    return 0;
}

static tsn_err put_to(struct tsn_buf *out, const char *const *to, struct tsn_diag *diag)
{
    if (!to[0])
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "a mail needs somebody to go to");
    tsn_buf_puts(out, "To: ");
    for (size_t i = 0; to[i]; i++) {
        if (!address_ok(to[i]))
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "not a mail address: %.100s", to[i]);
        tsn_buf_printf(out, "%s%s", i ? ",\r\n " : "", to[i]);
    }
    return tsn_buf_puts(out, "\r\n");
}

static tsn_err id_ok(const char *id, struct tsn_diag *diag)
{
    if (!id || !*id || strlen(id) > 250 || strpbrk(id, "<> \t\"") || has_control(id) ||
        !is_ascii(id))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "not a message id: %.100s", id ? id : "");
    return 0;
}

static tsn_err put_thread(struct tsn_buf *out, const struct tsn_mail_message *m,
                          struct tsn_diag *diag)
{
    size_t i;
    json_t *one;
    tsn_err err = 0;

    if (m->in_reply_to) {
        err = id_ok(m->in_reply_to, diag);
        tsn_buf_printf(out, "In-Reply-To: <%s>\r\n", m->in_reply_to);
    }
    if (m->references && !json_is_array(m->references))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "references must be a list");
    json_array_foreach(m->references, i, one)
    {
        if (!err)
            err = id_ok(json_string_value(one), diag);
        if (!err)
            tsn_buf_printf(out, "%s<%s>", i ? "\r\n " : "References: ", json_string_value(one));
    }
    if (m->our_reference)
        tsn_buf_printf(out, "%s<%s>", json_array_size(m->references) ? "\r\n " : "References: ",
                       m->our_reference);
    if (m->our_reference || json_array_size(m->references))
        tsn_buf_puts(out, "\r\n");
    return err;
}

/* Everything down to MIME-Version. */
static tsn_err put_head(struct tsn_buf *out, const struct tsn_mail_message *m,
                        struct tsn_diag *diag)
{
    char from[256];
    tsn_err err = tsn_mail_address(m->from, from, sizeof(from), diag);

    if (err)
        return err;
    if (has_control(m->from) || has_control(m->subject))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "a line break inside a mail header");
    tsn_buf_puts(out, "From: ");
    put_from(out, m->from, from);
    tsn_buf_puts(out, "\r\n");
    err = put_to(out, m->to, diag);
    if (err)
        return err;
    if (m->reply_to) {
        if (!address_ok(m->reply_to))
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "not a mail address: %.100s",
                                m->reply_to);
        tsn_buf_printf(out, "Reply-To: %s\r\n", m->reply_to);
    }
    tsn_buf_puts(out, "Subject: ");
    put_encoded(out, m->subject);
    tsn_buf_puts(out, "\r\n");
    put_date(out, m->date_ms);
    tsn_buf_printf(out, "Message-ID: <%s@%s>\r\n", m->id, strchr(from, '@') + 1);
    err = put_thread(out, m, diag);
    /* RFC 3834; the second field stops two tocsins that would answer each other. */
    tsn_buf_puts(out, "Auto-Submitted: auto-generated\r\nX-Tocsin-Loop: 1\r\n"
                      "MIME-Version: 1.0\r\n");
    return err;
}

static void put_protected(struct tsn_buf *out, const struct tsn_mail_message *m)
{
    if (m->inner_subject) {
        tsn_buf_puts(out, "Subject: ");
        put_encoded(out, m->inner_subject);
        tsn_buf_puts(out, "\r\n");
    }
}

tsn_err tsn_mail_part(struct tsn_buf *out, const struct tsn_mail_message *m,
                      struct tsn_diag *diag)
{
    const char *mark = m->inner_subject ? "; protected-headers=\"v1\"" : "";
    size_t i;
    json_t *part;
    tsn_err err;

    if (!tsn_utf8_valid(m->text, strlen(m->text)) ||
        (m->html && !tsn_utf8_valid(m->html, strlen(m->html))))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "the text is not UTF-8");
    if (m->inner_subject && has_control(m->inner_subject))
        return tsn_diag_set(diag, TSN_EINPUT, "R040", "a line break inside a mail header");
    err = attachments_ok(m->attach, diag);
    if (err)
        return err;
    if (json_array_size(m->attach) == 0) {
        put_protected(out, m);
        put_body(out, m, mark);
        if (!m->html && m->text[0] && m->text[strlen(m->text) - 1] != '\n')
            tsn_buf_puts(out, "\r\n");
        return out->err;
    }
    put_protected(out, m);
    tsn_buf_printf(out, "Content-Type: multipart/mixed; boundary=\"=_%s\"%s\r\n\r\n", m->id,
                   mark);
    tsn_buf_printf(out, "--=_%s\r\n", m->id);
    put_body(out, m, "");
    json_array_foreach(m->attach, i, part)
    {
        tsn_buf_printf(out, "\r\n--=_%s\r\n", m->id);
        put_text_part(out, tsn_json_str(part, "type", "text/plain"), "",
                      tsn_json_str(part, "name", ""), tsn_json_str(part, "text", ""));
    }
    return tsn_buf_printf(out, "\r\n--=_%s--\r\n", m->id);
}

tsn_err tsn_mail_build(struct tsn_buf *out, const struct tsn_mail_message *m,
                       struct tsn_diag *diag)
{
    tsn_err err = put_head(out, m, diag);

    return err ? err : tsn_mail_part(out, m, diag);
}

/* gpg's armor has bare LF. */
static void put_armor(struct tsn_buf *out, const char *armor)
{
    for (; *armor; armor++) {
        if (*armor == '\n')
            tsn_buf_puts(out, "\r\n");
        else if (*armor != '\r')
            tsn_buf_putc(out, *armor);
    }
}

tsn_err tsn_mail_wrap(struct tsn_buf *out, const struct tsn_mail_message *m, const char *part,
                      const char *armor, struct tsn_diag *diag)
{
    tsn_err err = put_head(out, m, diag);

    if (err)
        return err;
    if (part) {
        tsn_buf_printf(
            out,
            "Content-Type: multipart/signed; micalg=pgp-sha256;\r\n "
            "protocol=\"application/pgp-signature\"; boundary=\"=s%s\"\r\n\r\n"
            "--=s%s\r\n%s\r\n--=s%s\r\n"
            "Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n",
            m->id, m->id, part, m->id);
    } else {
        tsn_buf_printf(out,
                       "Content-Type: multipart/encrypted;\r\n "
                       "protocol=\"application/pgp-encrypted\"; boundary=\"=s%s\"\r\n\r\n"
                       "--=s%s\r\nContent-Type: application/pgp-encrypted\r\n\r\n"
                       "Version: 1\r\n\r\n--=s%s\r\n"
                       "Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\r\n",
                       m->id, m->id, m->id);
    }
    put_armor(out, armor);
    return tsn_buf_printf(out, "\r\n--=s%s--\r\n", m->id);
}
