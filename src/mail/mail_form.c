/* mail_form.c - the parser's documents and gpg's results as the one object of a mail. Pure.
 *
 * Text that was decrypted and text around it never become one: `text` is what encryption covered
 * when something was decrypted, the rest is `outside_text`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "mail/mail_read.h"

#define BYTES_MAX (25u << 20)

struct form {
    json_t *out, *parts, *attachments, *problems, *keys;
    struct tsn_buf text, outside;
    const char *subject, *outer_subject; /* borrowed */
    const char *signature, *reason;
    const json_t *signer; /* the crypto entry whose signature counts */
    bool encrypted, opened, closed, in_line, partly;
};

/* --- automatic mail (RFC 3834, RFC 3464, and what programs really send) --- */

static bool header_is(const json_t *h, const char *name, const char *const *values)
{
    const char *s = tsn_json_str(h, name, NULL);

    for (; s && *values; values++) {
        if (strncasecmp(s, *values, strlen(*values)) == 0)
            return true;
    }
    return false;
}

static const char *sender(const json_t *headers)
{
    return tsn_json_str(json_array_get(json_object_get(headers, "from"), 0), "mail", "");
}

const char *tsn_mail_automatic(const json_t *doc)
{
    static const char *const no[] = {"no", NULL}, *const lists[] = {"list", NULL},
                             *const bulk[] = {"bulk", "junk", NULL},
                             *const replies[] = {"auto_reply", "auto-reply", NULL};
    const json_t *h = json_object_get(doc, "headers");
    const char *from = sender(h), *path = tsn_json_str(h, "return_path", NULL);
    bool automatic =
        tsn_json_str(h, "auto_submitted", NULL) && !header_is(h, "auto_submitted", no);

    if (tsn_json_str(h, "loop", NULL))
        return "own";
    if (json_object_get(doc, "delivery") || strncasecmp(from, "mailer-daemon@", 14) == 0 ||
        strncasecmp(from, "postmaster@", 11) == 0 || tsn_json_str(h, "failed_recipients", NULL))
        return "bounce";
    if (automatic || tsn_json_str(h, "x_autoreply", NULL) ||
        tsn_json_str(h, "x_autorespond", NULL) || header_is(h, "precedence", replies))
        return "auto-reply";
    if (path && strcmp(path, "<>") == 0)
        return "bounce";
    if (tsn_json_str(h, "list_id", NULL) || header_is(h, "precedence", lists))
        return "list";
    if (header_is(h, "precedence", bulk) || tsn_json_str(h, "list_unsubscribe", NULL))
        return "bulk";
    return NULL;
}

char *tsn_mail_case_id(const char *subject, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const char *p = subject; p && (p = strchr(p, '[')) != NULL; p++) {
        const char *id = p + 1, *end = strchr(p, ']');
        size_t n = end ? (size_t)(end - id) : 0;

        if (n > len + 1 && n < 64 && strncmp(id, prefix, len) == 0 && id[len] == '-' &&
            strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") >= n) {
            char *out = tsn_alloc(n + 1);

            memcpy(out, id, n);
            return out;
        }
    }
    return NULL;
}

/* --- joining --- */

static int badness(const char *s)
{
    static const char *const order[] = {"none",        "good",  "expired",     "expired-key",
                                        "unknown-key", "error", "revoked-key", "bad"};

    for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++) {
        if (strcmp(order[i], s) == 0)
            return i;
    }
    return 0;
}

static void join(json_t *to, json_t *from)
{
    if (json_is_array(from))
        json_array_extend(to, from);
}

static void put_part(struct form *f, json_t *part, const char *prefix)
{
    json_t *row = json_copy(part);
    char path[256];

    (void)snprintf(path, sizeof(path), "%s%s", prefix, tsn_json_str(part, "path", ""));
    json_object_set_new(row, "path", json_string(path));
    json_array_append_new(f->parts, row);
    if (tsn_json_bool(part, "attachment", false)) {
        const char *name = tsn_json_str(part, "name", NULL);

        (void)snprintf(path, sizeof(path), "part %s", tsn_json_str(part, "path", ""));
        json_array_append_new(f->attachments, json_string(name ? name : path));
    }
}

static void put_key(struct form *f, json_t *key, const char *prefix)
{
    json_t *row = json_copy(key);
    char path[256];

    (void)snprintf(path, sizeof(path), "%s%s", prefix, tsn_json_str(key, "part", ""));
    json_object_set_new(row, "part", json_string(path));
    json_array_append_new(f->keys, row);
}

static void put_words(struct tsn_buf *b, const json_t *doc)
{
    const char *text = tsn_json_str(doc, "text", "");

    if (text[strspn(text, " \t\n")] == '\0')
        return;
    if (b->len)
        tsn_buf_puts(b, "\n");
    tsn_buf_puts(b, text);
}

static void put_doc(struct form *f, json_t *doc, const char *prefix, int depth);

static void put_crypto(struct form *f, json_t *c, const char *prefix, int depth)
{
    const char *signature = tsn_json_str(c, "signature", "none");
    json_t *inside = json_object_get(c, "inside");
    char below[200];

    f->in_line = f->in_line || tsn_json_bool(c, "inline", false);
    if (strcmp(tsn_json_str(c, "kind", ""), "encrypted") == 0) {
        f->encrypted = true;
        if (tsn_json_bool(c, "decrypted", false)) {
            f->opened = true;
        } else {
            f->closed = true;
            if (!f->reason)
                f->reason = tsn_json_str(c, "reason", "damaged");
        }
    }
    if (strcmp(tsn_json_str(c, "kind", ""), "smime-closed") == 0) {
        f->encrypted = f->closed = true;
        if (!f->reason)
            f->reason = "smime";
    }
    if (badness(signature) >= badness(f->signature) && strcmp(signature, "none") != 0) {
        f->signature = signature;
        f->signer = c;
    }
    if (inside) {
        (void)snprintf(below, sizeof(below), "%s%s>", prefix, tsn_json_str(c, "path", ""));
        put_doc(f, inside, below, depth + 1);
    }
}

static void put_doc(struct form *f, json_t *doc, const char *prefix, int depth)
{
    json_t *list = json_object_get(doc, "parts"), *one;
    const char *hidden = tsn_json_str(json_object_get(doc, "protected"), "subject", NULL);
    bool opened = false, was = f->opened;
    size_t i;

    if (hidden)
        f->subject = hidden;
    json_array_foreach(list, i, one) put_part(f, one, prefix);
    list = json_object_get(doc, "crypto");
    json_array_foreach(list, i, one)
    {
        f->opened = false;
        put_crypto(f, one, prefix, depth);
        opened = opened || f->opened;
    }
    f->opened = was || opened;
    put_words(opened ? &f->outside : &f->text, doc);
    join(f->problems, json_object_get(doc, "problems"));
    list = json_object_get(doc, "keys");
    json_array_foreach(list, i, one) put_key(f, one, prefix);
    list = json_object_get(doc, "problems");
    json_array_foreach(list, i, one)
    {
        const char *code = tsn_json_str(one, "code", "");

        if (strcmp(code, "parts-outside-pgp") == 0 || strcmp(code, "text-outside-pgp") == 0)
            f->partly = true;
    }
}

/* --- the object --- */

static void put_headers(struct form *f, json_t *h)
{
    static const char *const same[] = {"message_id", "in_reply_to", "references", "date_ms",
                                       "to",         "cc",          "reply_to"};
    json_t *from = json_array_get(json_object_get(h, "from"), 0);

    json_object_set(f->out, "from", from ? from : json_null());
    json_object_set_new(f->out, "subject", json_string(f->subject ? f->subject : ""));
    if (f->subject && f->subject != f->outer_subject &&
        (!f->outer_subject || strcmp(f->subject, f->outer_subject) != 0))
        json_object_set_new(f->out, "outer_subject",
                            json_string(f->outer_subject ? f->outer_subject : ""));
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        json_t *v = json_object_get(h, same[i]);

        if (v && !(json_is_array(v) && json_array_size(v) == 0))
            json_object_set(f->out, same[i], v);
    }
}

static void put_pgp(struct form *f)
{
    static const char *const names[] = {"signer", "signer_fpr", "signer_keyid", "signatures"};

    json_object_set_new(f->out, "encrypted", json_boolean(f->encrypted));
    if (f->encrypted)
        json_object_set_new(f->out, "decryptable", json_boolean(f->opened && !f->closed));
    if (f->reason)
        json_object_set_new(f->out, "reason", json_string(f->reason));
    json_object_set_new(f->out, "signature", json_string(f->signature));
    for (size_t i = 0; f->signer && i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *v = json_object_get(f->signer, names[i]);

        if (v)
            json_object_set(f->out, names[i], v);
    }
    if (strcmp(f->signature, "none") != 0)
        json_object_set_new(f->out, "signature_covers",
                            json_string(f->partly ? "part" : "whole"));
    json_object_set_new(f->out, "inline", json_boolean(f->in_line));
}

static void put_case(struct form *f, const char *automatic, const char *prefix)
{
    char *id = tsn_mail_case_id(f->subject, prefix), text[100];
    const char *kind = tsn_mail_kind(f->subject, f->text.data);

    if (!id)
        id = tsn_mail_case_id(f->outer_subject, prefix);
    if (automatic && strcmp(automatic, "list") != 0 && strcmp(automatic, "bulk") != 0)
        (void)snprintf(text, sizeof(text), "none-%s", automatic);
    else if (f->closed && !f->opened)
        (void)snprintf(text, sizeof(text), "needs-resend");
    else if (id)
        (void)snprintf(text, sizeof(text), "attach-to:%s", id);
    else
        (void)snprintf(text, sizeof(text), "%s",
                       strcmp(kind, "incident") == 0 ? "customer-incident"
                                                     : "vulnerability-report");
    json_object_set_new(f->out, "case", json_string(text));
    json_object_set_new(f->out, "kind", json_string(kind));
    if (id)
        json_object_set_new(f->out, "case_id", json_string(id));
    free(id);
}

/* The same mail by another way has other trace fields: its id and its body make it the same. */
static void put_twin(struct form *f, const char *p, size_t n)
{
    const char *id = tsn_json_str(f->out, "message_id", NULL), *body = NULL;
    struct tsn_sha256 *h;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];

    for (size_t i = 0; i + 1 < n && !body; i++) {
        if (p[i] == '\n' && (p[i + 1] == '\n' || p[i + 1] == '\r'))
            body = p + i + 1;
    }
    if (!id || !body)
        return;
    while (n > (size_t)(body - p) && strchr("\r\n", p[n - 1]))
        n--;
    h = tsn_sha256_new();
    tsn_sha256_begin(h);
    tsn_sha256_add(h, id, strlen(id) + 1);
    for (const char *at = body; at < p + n;) {
        const char *cr = memchr(at, '\r', (size_t)(p + n - at)), *end = cr ? cr : p + n;

        tsn_sha256_add(h, at, (size_t)(end - at));
        at = end + (cr != NULL);
    }
    tsn_sha256_end(h, hash);
    tsn_sha256_destroy(h);
    tsn_hex(hex, hash, sizeof(hash));
    json_object_set_new(f->out, "twin", json_string(hex));
}

/* --- fields --- */

/* The key that a mail program sends along (Autocrypt 1.1): of the sender, or nobody's. */
static void put_autocrypt(struct form *f, const json_t *h)
{
    const char *s = tsn_json_str(h, "autocrypt", NULL), *from = sender(h),
               *addr = s ? strcasestr(s, "addr=") : NULL,
               *data = s ? strstr(s, "keydata=") : NULL;
    size_t n = 0;
    char *key;

    if (!addr || !data)
        return;
    addr += 5;
    if (strlen(from) != strcspn(addr, "; \t") || strncasecmp(addr, from, strlen(from)) != 0)
        return;
    key = tsn_alloc(strlen(data) + 1);
    for (const char *c = data + 8; *c && *c != ';'; c++) {
        if (!strchr(" \t\r\n", *c))
            key[n++] = *c;
    }
    key[n] = '\0';
    json_array_append_new(f->keys,
                          json_pack("{s:s, s:I, s:I, s:s}", "part", "Autocrypt", "line",
                                    (json_int_t)0, "at", (json_int_t)0, "data", key));
    free(key);
}

static void put_keys(struct form *f, json_t *fields)
{
    const json_t *key;
    size_t i, n;

    json_array_foreach(f->keys, i, key)
    {
        const struct tsn_mail_source in = {.part = tsn_json_str(key, "part", NULL)};
        const char *data = tsn_json_str(key, "data", "");
        size_t len = strlen(data);
        char *bytes = tsn_alloc(len / 4 * 3 + 4), fpr[65] = "";

        if (tsn_unbase64(bytes, len / 4 * 3 + 4, &n, data, len) == 0)
            tsn_mail_key_fpr(fpr, bytes, n);
        tsn_mail_field(fields, &in, "pgp_key", fpr, strlen(fpr), tsn_json_int(key, "line", 1),
                       (size_t)tsn_json_int(key, "at", 0));
        free(bytes);
    }
}

/* What other parts say: all that are shown, or all that are not. */
static void put_parts(struct form *f, json_t *fields, const char *const *products, bool shown)
{
    const json_t *part;
    size_t i;

    json_array_foreach(f->parts, i, part)
    {
        const struct tsn_mail_source in = {
            .text = tsn_json_str(part, "text", NULL),
            .part = tsn_json_str(part, "path", ""),
            .outside = f->opened && !strchr(tsn_json_str(part, "path", ""), '>')};

        if (in.text && tsn_json_bool(part, "shown", false) == shown && (!shown || !in.outside))
            tsn_mail_fields(fields, &in, products);
    }
}

/* Subject, what is read as the mail (by parts, then what is no part: PGP inside a text), what stands
 * around it, then every other part with words: attachments, forwarded mails, the other alternative. */
static void put_fields(struct form *f, const char *const *products)
{
    json_t *fields = json_array();

    tsn_mail_fields(fields, &(struct tsn_mail_source){.text = f->subject, .subject = true},
                    products);
    put_parts(f, fields, products, true);
    tsn_mail_fields(fields, &(struct tsn_mail_source){.text = f->text.data}, products);
    tsn_mail_fields(fields, &(struct tsn_mail_source){.text = f->outside.data, .outside = true},
                    products);
    put_parts(f, fields, products, false);
    put_keys(f, fields);
    json_object_set_new(f->out, "fields", fields);
}

json_t *tsn_mail_form(json_t *doc, const struct tsn_mail_read_config *config, const void *p,
                      size_t n)
{
    struct form f = {.out = json_object(),
                     .parts = json_array(),
                     .attachments = json_array(),
                     .problems = json_array(),
                     .keys = json_array(),
                     .signature = "none"};
    json_t *h = json_object_get(doc, "headers"), *delivery = json_object_get(doc, "delivery");
    const char *automatic = tsn_mail_automatic(doc);
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];

    tsn_buf_init(&f.text, 32u << 20);
    tsn_buf_init(&f.outside, 32u << 20);
    f.subject = f.outer_subject = tsn_json_str(h, "subject", NULL);
    put_doc(&f, doc, "", 0);
    if (n > BYTES_MAX || config->whole > n)
        json_array_append_new(f.problems,
                              json_pack("{s:s, s:s}", "code", "too-large", "text",
                                        config->whole > n
                                            ? "over 64 MiB; only its first 25 MiB were kept"
                                            : "over 25 MiB; only the first 25 MiB were read"));
    tsn_sha256_once(hash, p, n);
    tsn_hex(hex, hash, sizeof(hash));
    json_object_set_new(f.out, "sha256", json_string(hex));
    json_object_set_new(f.out, "size",
                        json_integer((json_int_t)(config->whole > n ? config->whole : n)));
    put_headers(&f, h);
    put_twin(&f, p, n);
    put_pgp(&f);
    json_object_set_new(f.out, "automatic", automatic ? json_string(automatic) : json_null());
    if (delivery)
        json_object_set(f.out, "delivery", delivery);
    if (delivery && json_object_get(doc, "original"))
        json_object_set(f.out, "original", json_object_get(doc, "original"));
    put_case(&f, automatic, config->case_pattern ? config->case_pattern : "PSIRT");
    json_object_set_new(f.out, "text", json_string(f.text.data));
    if (f.outside.len)
        json_object_set_new(f.out, "outside_text", json_string(f.outside.data));
    put_autocrypt(&f, h);
    put_fields(&f, config->products);
    json_object_set_new(f.out, "parts", f.parts);
    json_object_set_new(f.out, "attachments", f.attachments);
    json_object_set_new(f.out, "keys", f.keys);
    json_object_set_new(f.out, "problems", f.problems);
    tsn_buf_free(&f.text);
    tsn_buf_free(&f.outside);
    return f.out;
}
