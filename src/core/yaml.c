/* yaml.c - libyaml events into a tree with places; strict. See yaml.h. Pure, one thread a call. */
#include "core/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/buf.h"
#include "core/text.h"

#define DEPTH_MAX      16
#define NODES_MAX      100000
#define FILE_MAX_BYTES ((size_t)1 << 20)

struct builder {
    yaml_parser_t parser;
    struct tsn_arena *arena;
    struct tsn_yaml_doc *doc;
    struct tsn_diag *diag;
    size_t nodes;
};

/* The text of one line, for the caret. */
static void copy_line(const char *text, int line, char *out, size_t cap)
{
    size_t n;

    for (int i = 1; i < line && text; i++) {
        text = strchr(text, '\n');
        if (text)
            text++;
    }
    out[0] = '\0';
    if (!text)
        return;
    n = strcspn(text, "\r\n");
    if (n >= cap)
        n = cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

void tsn_yaml_place(const struct tsn_yaml_doc *doc, int line, int col, struct tsn_diag *diag)
{
    if (!diag)
        return;
    tsn_diag_at(diag, doc->file, line, col);
    copy_line(doc->text, line, diag->source, sizeof(diag->source));
}

static tsn_err fail_at(struct builder *b, const yaml_mark_t *mark, const char *code,
                       const char *what)
{
    tsn_yaml_place(b->doc, (int)mark->line + 1, (int)mark->column + 1, b->diag);
    return tsn_diag_set(b->diag, TSN_EINPUT, code, "%s", what);
}

static tsn_err next_event(struct builder *b, yaml_event_t *ev)
{
    char what[256];
    const char *why;

    if (yaml_parser_parse(&b->parser, ev))
        return 0;
    why = b->parser.problem ? b->parser.problem : "cannot be read";
    snprintf(what, sizeof(what), "this is not YAML: %s%s%s", why, b->parser.context ? ", " : "",
             b->parser.context ? b->parser.context : "");
    return fail_at(b, &b->parser.problem_mark, "C001", what);
}

static tsn_err build(struct builder *b, yaml_event_t *ev, int depth, struct tsn_yaml **out);

static tsn_err no_extras(struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    if (anchor)
        return fail_at(b, &ev->start_mark, "C003", "anchors (&name) are not allowed here");
    if (tag)
        return fail_at(b, &ev->start_mark, "C004", "tags (!name) are not allowed here");
    return 0;
}

static struct tsn_yaml *node_new(struct builder *b, const yaml_event_t *ev,
                                 enum tsn_yaml_type type)
{
    struct tsn_yaml *n = tsn_arena_alloc(b->arena, sizeof(*n));

    n->type = type;
    n->line = (int)ev->start_mark.line + 1;
    n->col = (int)ev->start_mark.column + 1;
    n->doc = b->doc;
    return n;
}

static tsn_err build_scalar(struct builder *b, yaml_event_t *ev, struct tsn_yaml **out)
{
    struct tsn_yaml *n;
    size_t len = ev->data.scalar.length;
    const char *s = (const char *)ev->data.scalar.value;
    tsn_err err = no_extras(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);

    if (err)
        return err;
    if (strlen(s) != len)
        return fail_at(b, &ev->start_mark, "C007", "a NUL byte inside text");
    n = node_new(b, ev, TSN_YAML_SCALAR);
    n->scalar = tsn_arena_strndup(b->arena, s, len);
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    *out = n;
    return 0;
}

static tsn_err key_twice(struct builder *b, const struct tsn_yaml *map, const char *key,
                         const yaml_mark_t *mark)
{
    char what[160];

    for (const struct tsn_yaml *c = map->first; c; c = c->next) {
        if (strcmp(c->key, key) != 0)
            continue;
        snprintf(what, sizeof(what), "`%s` stands here twice, first in line %d", key,
                 c->key_line);
        fail_at(b, mark, "C005", what);
        if (b->diag)
            b->diag->err = TSN_EDUP;
        return TSN_EDUP;
    }
    return 0;
}

static tsn_err build_map(struct builder *b, struct tsn_yaml *map, int depth)
{
    struct tsn_yaml **tail = &map->first, *child;
    yaml_event_t ev;
    tsn_err err;

    for (;;) {
        const char *key;
        int line, col;

        err = next_event(b, &ev);
        if (err)
            return err;
        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            return 0;
        }
        if (ev.type != YAML_SCALAR_EVENT) {
            err = fail_at(b, &ev.start_mark, "C006", "a key must be plain text");
            yaml_event_delete(&ev);
            return err;
        }
        key = tsn_arena_strndup(b->arena, (const char *)ev.data.scalar.value,
                                ev.data.scalar.length);
        line = (int)ev.start_mark.line + 1;
        col = (int)ev.start_mark.column + 1;
        err = no_extras(b, &ev, ev.data.scalar.anchor, ev.data.scalar.tag);
        if (!err && strlen(key) != ev.data.scalar.length)
            err = fail_at(b, &ev.start_mark, "C007", "a NUL byte inside a key");
        if (!err && strcmp(key, "<<") == 0)
            err = fail_at(b, &ev.start_mark, "C003", "merge keys (<<) are not allowed here");
        if (!err)
            err = key_twice(b, map, key, &ev.start_mark);
        yaml_event_delete(&ev);
        if (err)
            return err;
        err = next_event(b, &ev);
        if (err)
            return err;
        err = build(b, &ev, depth, &child);
        if (err)
            return err;
        child->key = key;
        child->key_line = line;
        child->key_col = col;
        *tail = child;
        tail = &child->next;
    }
}

static tsn_err build_list(struct builder *b, struct tsn_yaml *list, int depth)
{
    struct tsn_yaml **tail = &list->first, *child;
    yaml_event_t ev;
    tsn_err err;

    for (;;) {
        err = next_event(b, &ev);
        if (err)
            return err;
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return 0;
        }
        err = build(b, &ev, depth, &child);
        if (err)
            return err;
        *tail = child;
        tail = &child->next;
    }
}

/* Consumes ev. */
static tsn_err build(struct builder *b, yaml_event_t *ev, int depth, struct tsn_yaml **out)
{
    enum tsn_yaml_type type = TSN_YAML_SCALAR;
    struct tsn_yaml *n = NULL;
    tsn_err err = 0;

    if (depth >= DEPTH_MAX)
        err = fail_at(b, &ev->start_mark, "C008", "nested too deeply");
    else if (++b->nodes > NODES_MAX)
        err = fail_at(b, &ev->start_mark, "C008", "too many values in one file");
    else if (ev->type == YAML_ALIAS_EVENT)
        err = fail_at(b, &ev->start_mark, "C003", "aliases (*name) are not allowed here");
    else if (ev->type == YAML_SCALAR_EVENT)
        err = build_scalar(b, ev, &n);
    else if (ev->type == YAML_MAPPING_START_EVENT) {
        type = TSN_YAML_MAP;
        err = no_extras(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        type = TSN_YAML_LIST;
        err = no_extras(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
    } else {
        err = fail_at(b, &ev->start_mark, "C001", "a value is missing here");
    }
    if (!err && type != TSN_YAML_SCALAR)
        n = node_new(b, ev, type);
    yaml_event_delete(ev);
    if (!err && type == TSN_YAML_MAP)
        err = build_map(b, n, depth + 1);
    if (!err && type == TSN_YAML_LIST)
        err = build_list(b, n, depth + 1);
    *out = n;
    return err;
}

static tsn_err build_document(struct builder *b)
{
    yaml_event_t ev;
    tsn_err err;
    bool seen = false;

    for (;;) {
        err = next_event(b, &ev);
        if (err)
            return err;
        switch (ev.type) {
        case YAML_STREAM_END_EVENT:
            yaml_event_delete(&ev);
            if (!seen) {
                tsn_yaml_place(b->doc, 1, 1, b->diag);
                return tsn_diag_set(b->diag, TSN_EINPUT, "C002", "the file is empty");
            }
            return 0;
        case YAML_DOCUMENT_START_EVENT:
            if (seen) {
                err = fail_at(b, &ev.start_mark, "C009", "only one document a file");
                yaml_event_delete(&ev);
                return err;
            }
            seen = true;
            yaml_event_delete(&ev);
            err = next_event(b, &ev);
            if (err)
                return err;
            err = build(b, &ev, 0, &b->doc->root);
            if (err)
                return err;
            break;
        case YAML_NO_EVENT:
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_ALIAS_EVENT:
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_START_EVENT:
        case YAML_MAPPING_END_EVENT:
            yaml_event_delete(&ev);
            break;
        }
    }
}

tsn_err tsn_yaml_parse(struct tsn_arena *arena, const char *file, const char *text, size_t len,
                       struct tsn_yaml_doc **out, struct tsn_diag *diag)
{
    struct builder b = {.arena = arena, .diag = diag};
    tsn_err err;

    b.doc = tsn_arena_alloc(arena, sizeof(*b.doc));
    b.doc->file = tsn_arena_strdup(arena, file);
    b.doc->text = tsn_arena_strndup(arena, text, len);
    *out = NULL;
    if (len > FILE_MAX_BYTES) {
        tsn_diag_at(diag, file, 0, 0);
        return tsn_diag_set(diag, TSN_ETOOBIG, "C008", "the file is larger than 1 MiB");
    }
    if (!tsn_utf8_valid(text, len)) {
        tsn_diag_at(diag, file, 0, 0);
        return tsn_diag_set(diag, TSN_EINPUT, "C001", "the file is not UTF-8");
    }
    if (!yaml_parser_initialize(&b.parser))
        return tsn_diag_set(diag, TSN_EBUG, "C001", "the YAML reader does not start");
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    err = build_document(&b);
    yaml_parser_delete(&b.parser);
    if (!err)
        *out = b.doc;
    return err;
}

tsn_err tsn_yaml_read_file(struct tsn_arena *arena, const char *path, struct tsn_yaml_doc **out,
                           struct tsn_diag *diag)
{
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, FILE_MAX_BYTES);
    err = tsn_buf_read_file(&b, path);
    if (err) {
        tsn_diag_at(diag, path, 0, 0);
        tsn_diag_set(diag, err, "C010", "cannot read this file: %s", tsn_err_text(err));
    } else {
        err = tsn_yaml_parse(arena, path, b.data, b.len, out, diag);
    }
    tsn_buf_free(&b);
    return err;
}
