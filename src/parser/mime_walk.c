/* mime_walk.c - the parts of a mail: which are text to show, which attachments, which PGP.
 *
 * Structure alone decides, never the content of a signed or encrypted part. GMime keeps the bytes
 * of what it parsed, so writing the first part of multipart/signed with CRLF line ends gives what
 * was signed (RFC 3156 5).
 */
#include <string.h>

#include "core/crypto.h"
#include "core/text.h"
#include "parser/mime_int.h"

static void child_path(char *out, size_t cap, const char *path, int i)
{
    (void)snprintf(out, cap, "%s%s%d", path, *path ? "." : "", i + 1);
}

static bool is(GMimeObject *o, const char *type, const char *sub)
{
    GMimeContentType *t = g_mime_object_get_content_type(o);

    return t && g_mime_content_type_is_type(t, type, sub);
}

/* Decoded content, at most the mail's own limit. */
static GByteArray *content(GMimeObject *o)
{
    GMimeDataWrapper *w = GMIME_IS_PART(o) ? g_mime_part_get_content(GMIME_PART(o)) : NULL;
    GMimeStream *mem = g_mime_stream_mem_new();
    GByteArray *bytes;

    if (w)
        (void)g_mime_data_wrapper_write_to_stream(w, mem);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(mem), FALSE);
    g_object_unref(mem);
    return bytes;
}

/* A part as it stands in the mail, with CRLF. */
static json_t *as_signed(GMimeObject *o)
{
    GMimeFormatOptions *format = g_mime_format_options_new();
    GMimeStream *mem = g_mime_stream_mem_new();
    GByteArray *bytes;
    json_t *out;

    g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
    (void)g_mime_object_write_to_stream(o, format, mem);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
    out = tsn_mime_data(bytes->data, bytes->len);
    g_object_unref(mem);
    g_mime_format_options_free(format);
    return out;
}

static void crypto(struct tsn_mime *m, const char *kind, const char *path, json_t *data,
                   json_t *signature)
{
    json_array_append_new(m->crypto, json_pack("{s:s, s:s, s:o*, s:o*}", "kind", kind, "path",
                                               path, "data", data, "signature", signature));
}

static json_t *bytes_of(GMimeObject *o)
{
    GByteArray *b = content(o);
    json_t *out = tsn_mime_data(b->data, b->len);

    g_byte_array_free(b, TRUE);
    return out;
}

/* --- leaves --- */

/* Fields of message/delivery-status (RFC 3464), both blocks, first recipient. */
static void delivery(struct tsn_mime *m, const char *s, size_t n)
{
    static const char *const names[] = {
        "Reporting-MTA", "Final-Recipient", "Original-Recipient",  "Action",
        "Status",        "Diagnostic-Code", "Original-Envelope-Id"};
    static const char *const fields[] = {
        "reporting_mta", "final_recipient", "original_recipient", "action",
        "status",        "diagnostic",      "envelope_id"};
    char *copy = g_strndup(s ? s : "", n < 65536 ? n : 65536),
         **lines = g_strsplit(copy, "\n", 400);
    json_t *out = json_object();

    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');

        for (size_t i = 0; colon && i < sizeof(names) / sizeof(names[0]); i++) {
            size_t len = strlen(names[i]);

            if ((size_t)(colon - *line) == len &&
                g_ascii_strncasecmp(*line, names[i], len) == 0 &&
                !json_object_get(out, fields[i]))
                json_object_set_new(out, fields[i], tsn_mime_string(g_strstrip(colon + 1)));
        }
    }
    json_object_set_new(m->out, "delivery", out);
    g_strfreev(lines);
    g_free(copy);
}

static bool pgp_file(const char *name, const GByteArray *b)
{
    static const char armor[] = "-----BEGIN PGP MESSAGE-----";

    if (b->data && b->len > sizeof(armor) && memcmp(b->data, armor, sizeof(armor) - 1) == 0)
        return true;
    /* A binary OpenPGP packet: tag 1 or 3 (RFC 4880 4.3), old or new format. */
    return name && (g_str_has_suffix(name, ".gpg") || g_str_has_suffix(name, ".pgp")) &&
           b->len > 2 &&
           ((b->data[0] & 0xfc) == 0x84 || (b->data[0] & 0xfc) == 0x8c || b->data[0] == 0xc1 ||
            b->data[0] == 0xc3);
}

/* A binary public key: tag 6, old or new format. */
static bool key_file(const char *name, const GByteArray *b)
{
    return name &&
           (g_str_has_suffix(name, ".gpg") || g_str_has_suffix(name, ".pgp") ||
            g_str_has_suffix(name, ".key")) &&
           b->len > 2 && ((b->data[0] & 0xfc) == 0x98 || b->data[0] == 0xc6);
}

/* A first part that only repeats protected headers for old readers. */
static bool legacy_display(GMimeObject *o, const char *path)
{
    size_t n = strlen(path);

    return n > 2 && strcmp(path + n - 2, ".1") == 0 &&
           g_mime_object_get_content_type_parameter(o, "protected-headers");
}

static void show(struct tsn_mime *m, json_t *row, const char *path, GMimeObject *o,
                 const GByteArray *b, bool attached)
{
    const char *charset = g_mime_object_get_content_type_parameter(o, "charset");
    const char *s = (const char *)b->data;
    struct tsn_buf text, plain;

    if (charset)
        json_object_set_new(row, "charset", tsn_mime_string(charset));
    /* An attachment is only words: PGP inside it is the reader's to open. */
    if (attached)
        tsn_mime_keys(m, path, s, b->len);
    else if (tsn_mime_inline_pgp(m, path, s, b->len))
        return;
    tsn_buf_init(&text, 8u << 20);
    tsn_buf_init(&plain, 8u << 20);
    tsn_mime_utf8(m, path, charset, s, b->len, &text);
    if (is(o, "text", "html"))
        tsn_mime_html_text(text.data, text.len, &plain);
    else
        tsn_buf_put(&plain, text.data, text.len);
    json_object_set_new(row, "text", json_stringn(plain.data, plain.len));
    if (!m->hidden && !attached && !legacy_display(o, path)) {
        if (m->text.len && plain.len)
            tsn_buf_puts(&m->text, "\n");
        tsn_buf_put(&m->text, plain.data, plain.len);
        json_object_set_new(row, "shown", json_true());
    }
    tsn_buf_free(&plain);
    tsn_buf_free(&text);
}

/* The message that a bounce is about: its ids, from the headers it quotes (RFC 3462). */
static void original(struct tsn_mime *m, GMimeObject *o)
{
    const char *const names[] = {"Message-ID", "References"};
    const char *const fields[] = {"message_id", "references"};
    json_t *out = json_object();

    for (size_t i = 0; i < 2; i++) {
        const char *raw = g_mime_object_get_header(o, names[i]);

        if (raw)
            json_object_set_new(out, fields[i], tsn_mime_string(raw));
    }
    if (json_object_size(out))
        json_object_set(m->out, "original", out);
    json_decref(out);
}

static void original_headers(struct tsn_mime *m, const GByteArray *b)
{
    GMimeStream *stream;
    GMimeParser *parser;
    GMimeMessage *msg;

    if (b->len == 0) /* and without any data */
        return;
    stream = g_mime_stream_mem_new_with_buffer((const char *)b->data,
                                               b->len < 65536 ? b->len : 65536);
    parser = g_mime_parser_new_with_stream(stream);
    msg = g_mime_parser_construct_message(parser, NULL);
    if (msg) {
        original(m, GMIME_OBJECT(msg));
        g_object_unref(msg);
    }
    g_object_unref(parser);
    g_object_unref(stream);
}

static void leaf(struct tsn_mime *m, GMimeObject *o, const char *path)
{
    GMimeContentType *t = g_mime_object_get_content_type(o);
    char *type = t ? g_mime_content_type_get_mime_type(t) : g_strdup("text/plain");
    const char *disposition = g_mime_object_get_disposition(o);
    const char *name = GMIME_IS_PART(o) ? g_mime_part_get_filename(GMIME_PART(o)) : NULL;
    bool attached = disposition && g_ascii_strcasecmp(disposition, "attachment") == 0;
    bool text = is(o, "text", "*") && !attached;
    GByteArray *b = content(o);
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    json_t *row;

    tsn_sha256_once(hash, b->data ? (const void *)b->data : "", b->len);
    tsn_hex(hex, hash, sizeof(hash));
    row = json_pack("{s:s, s:o, s:I, s:s, s:o*}", "path", path, "type", tsn_mime_string(type),
                    "size", (json_int_t)b->len, "sha256", hex, "name",
                    name ? tsn_mime_string(name) : NULL);
    if (is(o, "message", "delivery-status")) {
        delivery(m, (const char *)b->data, b->len);
        text = false;
    } else if (is(o, "text", "rfc822-headers")) {
        original_headers(m, b);
        text = false;
    } else if (is(o, "application", "pgp-keys")) {
        tsn_mime_key(m, path, (const char *)b->data, b->len, 0, b->len);
        attached = true;
    } else if (is(o, "application", "pkcs7-mime") || is(o, "application", "x-pkcs7-mime")) {
        const char *kind = g_mime_object_get_content_type_parameter(o, "smime-type");

        crypto(m,
               kind && g_ascii_strcasecmp(kind, "signed-data") == 0 ? "smime" : "smime-closed",
               path, NULL, NULL);
        tsn_mime_problem(m, "smime", path, "S/MIME: tocsin reads OpenPGP only");
    } else if (!text && pgp_file(name, b)) {
        crypto(m, "encrypted", path, tsn_mime_data(b->data, b->len), NULL);
        attached = true;
    } else if (b->len && (is(o, "text", "*") || is(o, "application", "json"))) {
        show(m, row, path, o, b, !text);
    } else if (b->len && key_file(name, b)) {
        tsn_mime_key(m, path, (const char *)b->data, b->len, 0, b->len);
    } else if (b->len) {
        tsn_mime_keys(m, path, (const char *)b->data, b->len); /* alice.asc as octets */
    }
    if (!text && !is(o, "message", "delivery-status") &&
        !is(o, "application", "pgp-signature") && !is(o, "application", "pgp-encrypted") &&
        !is(o, "text", "rfc822-headers"))
        attached = true;
    if (attached || (name && !is(o, "text", "plain") && !is(o, "text", "html"))) {
        json_object_set_new(row, "attachment", json_true());
        if (m->bytes)
            json_object_set_new(row, "data", tsn_mime_data(b->data, b->len));
    }
    json_array_append_new(m->parts, row);
    g_byte_array_free(b, TRUE);
    g_free(type);
}

/* --- what holds others --- */

static void walk_child(struct tsn_mime *m, GMimeMultipart *mp, int i, const char *path,
                       int depth)
{
    char below[128];

    child_path(below, sizeof(below), path, i);
    tsn_mime_walk(m, g_mime_multipart_get_part(mp, i), below, depth + 1);
}

static bool protocol(GMimeObject *o, const char *want)
{
    const char *p = g_mime_object_get_content_type_parameter(o, "protocol");

    return p && g_ascii_strcasecmp(p, want) == 0;
}

static void walk_encrypted(struct tsn_mime *m, GMimeMultipart *mp, const char *path, int at)
{
    int n = g_mime_multipart_get_count(mp);
    char below[128];

    child_path(below, sizeof(below), path, at);
    if (at >= n || !GMIME_IS_PART(g_mime_multipart_get_part(mp, at))) {
        crypto(m, "encrypted", path, tsn_mime_data("", 0), NULL);
        tsn_mime_problem(m, "broken-encryption", path,
                         "multipart/encrypted without its second part");
        return;
    }
    crypto(m, "encrypted", below, bytes_of(g_mime_multipart_get_part(mp, at)), NULL);
    if (n > 2 || *path)
        tsn_mime_problem(m, "parts-outside-pgp", path,
                         "parts around the encrypted one that it does not cover; they are kept "
                         "apart from what is decrypted");
}

/* Some relays turn multipart/encrypted into mixed: application/pgp-encrypted gives it away. */
static int relayed(GMimeMultipart *mp)
{
    int n = g_mime_multipart_get_count(mp);

    for (int i = 0; i + 1 < n; i++) {
        if (is(g_mime_multipart_get_part(mp, i), "application", "pgp-encrypted") &&
            is(g_mime_multipart_get_part(mp, i + 1), "application", "octet-stream"))
            return i + 1;
    }
    return -1;
}

/* Of alternatives a person sees one: plain text where there is some. */
static int best(GMimeMultipart *mp)
{
    int n = g_mime_multipart_get_count(mp), found = n ? 0 : -1;

    for (int i = n - 1; i >= 0; i--) {
        if (is(g_mime_multipart_get_part(mp, i), "text", "plain"))
            found = i;
    }
    return found;
}

static void walk_multipart(struct tsn_mime *m, GMimeMultipart *mp, const char *path, int depth)
{
    GMimeObject *o = GMIME_OBJECT(mp);
    int n = g_mime_multipart_get_count(mp), at;

    if (n == 0)
        tsn_mime_problem(m, "no-parts", path, "says that it has parts and has none");
    if (is(o, "multipart", "encrypted") && protocol(o, "application/pgp-encrypted")) {
        walk_encrypted(m, mp, path, 1);
        return;
    }
    at = is(o, "multipart", "mixed") ? relayed(mp) : -1;
    if (at >= 0) {
        tsn_mime_problem(m, "broken-encryption", path,
                         "a relay turned multipart/encrypted into multipart/mixed");
        walk_encrypted(m, mp, path, at);
        return;
    }
    if (is(o, "multipart", "signed") && n >= 1) {
        bool pgp = protocol(o, "application/pgp-signature");

        if (pgp && n >= 2) {
            char below[128];

            child_path(below, sizeof(below), path, 0);
            crypto(m, "signed", below, as_signed(g_mime_multipart_get_part(mp, 0)),
                   bytes_of(g_mime_multipart_get_part(mp, 1)));
        } else {
            crypto(m, pgp ? "signed" : "smime", path, NULL, NULL);
            tsn_mime_problem(m, pgp ? "broken-signature" : "smime", path,
                             pgp ? "multipart/signed without its signature"
                                 : "S/MIME: tocsin reads OpenPGP only");
        }
        if (*path || n > 2)
            tsn_mime_problem(m, "parts-outside-pgp", path,
                             "parts around the signed one that the signature does not cover");
        if (!*path)
            json_object_set_new(m->out, "protected",
                                tsn_mime_protected(g_mime_multipart_get_part(mp, 0)));
        walk_child(m, mp, 0, path, depth);
        return;
    }
    at = is(o, "multipart", "alternative") ? best(mp) : -1;
    for (int i = 0; i < n && !m->too_many; i++) {
        m->hidden += at >= 0 && i != at;
        walk_child(m, mp, i, path, depth);
        m->hidden -= at >= 0 && i != at;
    }
}

static void walk_message(struct tsn_mime *m, GMimeObject *o, const char *path, int depth)
{
    GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));
    const char *subject = inner ? g_mime_message_get_subject(inner) : NULL;
    char below[128];

    json_array_append_new(m->parts, json_pack("{s:s, s:s, s:b, s:o*}", "path", path, "type",
                                              "message/rfc822", "attachment", 1, "subject",
                                              subject ? tsn_mime_string(subject) : NULL));
    if (!inner || !g_mime_message_get_mime_part(inner))
        return;
    if (!json_object_get(m->out, "original"))
        original(m, GMIME_OBJECT(inner));
    /* Its words are another mail's: listed, not joined with this one's. */
    child_path(below, sizeof(below), path, 0);
    m->hidden++;
    tsn_mime_walk(m, g_mime_message_get_mime_part(inner), below, depth + 1);
    m->hidden--;
}

void tsn_mime_walk(struct tsn_mime *m, GMimeObject *o, const char *path, int depth)
{
    if (m->too_many || !o)
        return;
    if (depth > TSN_MIME_DEPTH_MAX || ++m->nparts > TSN_MIME_PARTS_MAX) {
        m->too_many = true;
        tsn_mime_problem(m, depth > TSN_MIME_DEPTH_MAX ? "too-deep" : "too-many-parts", NULL,
                         depth > TSN_MIME_DEPTH_MAX
                             ? "parts inside parts more than 20 deep; the rest was not read"
                             : "more than 500 parts; the rest was not read");
        return;
    }
    if (GMIME_IS_MULTIPART(o))
        walk_multipart(m, GMIME_MULTIPART(o), path, depth);
    else if (GMIME_IS_MESSAGE_PART(o))
        walk_message(m, o, path, depth);
    else
        leaf(m, o, *path ? path : "1");
}
