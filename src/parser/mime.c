/* mime.c - from bytes to the object: GMime's start, one mail, one part, one text. */
#include "parser/mime.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "parser/mime_int.h"

void tsn_mime_init(void)
{
    static const char probe[] = "From: a@b.example\r\nSubject: =?utf-8?q?=C3=A9?=\r\n"
                                "Date: Tue, 10 Mar 2026 09:15:00 +0000\r\n\r\nx\r\n";

    g_mime_init();
    tsn_mime_charsets();
    /* GLib loads what it needs at first use: now, while files may still be read. */
    json_decref(tsn_mime_parse(TSN_MIME_MESSAGE, false, probe, sizeof(probe) - 1));
}

json_t *tsn_mime_string(const char *s)
{
    json_t *out = json_string(s);

    if (!out) { /* not UTF-8: make it so */
        char *valid = g_utf8_make_valid(s, -1);

        out = json_string(valid);
        g_free(valid);
    }
    return out;
}

json_t *tsn_mime_data(const void *p, size_t n)
{
    char *text = tsn_alloc(4 * ((n + 2) / 3) + 1);
    size_t len = tsn_base64(text, p ? p : "", n);
    json_t *out = json_stringn_nocheck(text, len);

    free(text);
    return out;
}

void tsn_mime_problem(struct tsn_mime *m, const char *code, const char *part, const char *text)
{
    size_t i;
    json_t *p;

    if (json_array_size(m->problems) >= 50)
        return;
    json_array_foreach(m->problems, i, p)
    {
        const char *had = json_string_value(json_object_get(p, "part"));

        if (strcmp(json_string_value(json_object_get(p, "code")), code) == 0 &&
            strcmp(json_string_value(json_object_get(p, "text")), text) == 0 &&
            strcmp(had ? had : "", part ? part : "") == 0)
            return;
    }
    json_array_append_new(m->problems, json_pack("{s:s, s:s, s:s*}", "code", code, "text", text,
                                                 "part", part && *part ? part : NULL));
}

/* The words of the first part that has some, when nothing else is there to show. */
static void fall_back(struct tsn_mime *m)
{
    size_t i;
    json_t *row;

    json_array_foreach(m->parts, i, row)
    {
        json_t *text = json_object_get(row, "text");

        if (m->text.len == 0 && json_string_length(text))
            tsn_buf_put(&m->text, json_string_value(text), json_string_length(text));
    }
}

/* A head that was cut inside a field: GMime reads none of it, so it ends with the field before. */
static GMimeMessage *read_cut(const char *p, size_t n)
{
    GMimeMessage *msg = NULL;
    struct tsn_buf b;

    while (n > 0 && p[n - 1] != '\n')
        n--;
    tsn_buf_init(&b, TSN_MIME_BYTES_MAX + 2);
    tsn_buf_put(&b, p, n);
    if (n > 0 && tsn_buf_puts(&b, "\r\n") == 0) {
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(b.data, b.len);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);

        msg = g_mime_parser_construct_message(parser, NULL);
        g_object_unref(parser);
        g_object_unref(stream);
    }
    tsn_buf_free(&b);
    return msg;
}

static void read_message(struct tsn_mime *m, GMimeParser *parser, const char *p, size_t n)
{
    GMimeMessage *msg = g_mime_parser_construct_message(parser, NULL);

    if (!msg)
        msg = read_cut(p, n);
    if (!msg) {
        tsn_mime_problem(m, "no-mail", NULL, "not a mail: it has no header");
        return;
    }
    json_object_set_new(m->out, "headers", tsn_mime_headers(m, msg));
    if (g_mime_message_get_mime_part(msg))
        tsn_mime_walk(m, g_mime_message_get_mime_part(msg), "", 0);
    g_object_unref(msg);
}

static void read_entity(struct tsn_mime *m, GMimeParser *parser)
{
    GMimeObject *o = g_mime_parser_construct_part(parser, NULL);

    if (!o) {
        tsn_mime_problem(m, "no-part", NULL, "what was decrypted is not a MIME part");
        return;
    }
    json_object_set_new(m->out, "protected", tsn_mime_protected(o));
    tsn_mime_walk(m, o, "", 0);
    g_object_unref(o);
}

json_t *tsn_mime_parse(enum tsn_mime_what what, bool bytes, const void *p, size_t n)
{
    struct tsn_mime m = {.out = json_object(),
                         .parts = json_array(),
                         .crypto = json_array(),
                         .problems = json_array(),
                         .keys = json_array(),
                         .bytes = bytes};

    tsn_buf_init(&m.text, 16u << 20);
    if (what == TSN_MIME_TEXT) {
        if (!tsn_mime_inline_pgp(&m, "1", p, n))
            tsn_mime_utf8(&m, "1", NULL, p, n, &m.text);
    } else {
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(p, n);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);

        if (what == TSN_MIME_MESSAGE)
            read_message(&m, parser, p, n);
        else
            read_entity(&m, parser);
        g_object_unref(parser);
        g_object_unref(stream);
    }
    if (m.text.len == 0 && json_array_size(m.crypto) == 0)
        fall_back(&m);
    if (m.text.err)
        tsn_mime_problem(&m, "text-cut", NULL,
                         "longer than 16 MiB as text; the rest is not shown");
    json_object_set_new(m.out, "text", json_stringn(m.text.data, m.text.len));
    json_object_set_new(m.out, "parts", m.parts);
    json_object_set_new(m.out, "crypto", m.crypto);
    json_object_set_new(m.out, "keys", m.keys);
    json_object_set_new(m.out, "problems", m.problems);
    tsn_buf_free(&m.text);
    return m.out;
}
