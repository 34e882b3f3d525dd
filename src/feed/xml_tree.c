/* xml_tree.c - see xml_tree.h. expat does the reading. */
#include "feed/xml_tree.h"
#include "feed/xml_guard.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"

#define TEXT_MAX (1u << 20)

struct open {
    struct tsn_xml *node, **tail; /* tail: where its next child goes */
    struct tsn_buf text;
};

struct reading {
    struct tsn_xml_guard guard;
    struct tsn_arena *arena;
    struct open open[TSN_XML_DEPTH];
    size_t depth, nodes;
    struct tsn_xml *root;
};

static const char *local(const char *name)
{
    const char *bar = strrchr(name, '|');
    return bar ? bar + 1 : name;
}

static void begin(void *user, const char *name, const char **atts)
{
    struct reading *r = user;
    size_t n = 0;
    if (r->depth == TSN_XML_DEPTH || ++r->nodes > TSN_XML_NODES) {
        tsn_xml_stop(&r->guard, r->depth == TSN_XML_DEPTH ? "it is nested too deeply"
                                                          : "it has too many elements");
        return;
    }
    struct tsn_xml *x = tsn_arena_alloc(r->arena, sizeof *x);
    x->name = tsn_arena_strdup(r->arena, local(name));
    while (atts[n]) {
        n++;
    }
    const char **kept = tsn_arena_alloc(r->arena, (n + 1) * sizeof *kept);
    for (size_t i = 0; i < n; i++) {
        kept[i] = tsn_arena_strdup(r->arena, i % 2 ? atts[i] : local(atts[i]));
    }
    x->attrs = kept;
    x->text = "";
    if (r->depth) {
        struct open *up = &r->open[r->depth - 1];
        x->parent = up->node;
        *up->tail = x;
        up->tail = &x->next;
    } else {
        r->root = x;
    }
    struct open *o = &r->open[r->depth++];
    o->node = x;
    o->tail = &x->first;
    tsn_buf_clear(&o->text);
}

static void words(void *user, const char *s, int len)
{
    struct reading *r = user;
    if (r->depth && len > 0) {
        (void)tsn_buf_put(&r->open[r->depth - 1].text, s, (size_t)len); /* too long: cut */
    }
}

static void end(void *user, const char *name)
{
    struct reading *r = user;
    struct open *o = &r->open[--r->depth];
    const char *s = o->text.len ? o->text.data : "";
    (void)name;
    s += strspn(s, " \t\r\n");
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) {
        n--;
    }
    o->node->text = n ? tsn_arena_strndup(r->arena, s, n) : "";
}

tsn_err tsn_xml_parse(struct tsn_arena *arena, const char *text, size_t len,
                      struct tsn_xml **root, struct tsn_diag *diag)
{
    struct reading *r = tsn_arena_alloc(arena, sizeof *r);
    tsn_err err = 0;
    r->arena = arena;
    r->guard.parser = XML_ParserCreateNS(NULL, '|');
    for (size_t i = 0; i < TSN_XML_DEPTH; i++) {
        tsn_buf_init(&r->open[i].text, TEXT_MAX);
    }
    if (!tsn_xml_run(&r->guard, text, len, begin, end, words) || !r->root) {
        err =
            tsn_diag_set(diag, TSN_EINPUT, "F111", "it is not XML that is read: %s (line %lu)",
                         tsn_xml_why(&r->guard, "it is too large"), tsn_xml_line(&r->guard));
    }
    XML_ParserFree(r->guard.parser);
    for (size_t i = 0; i < TSN_XML_DEPTH; i++) {
        tsn_buf_free(&r->open[i].text);
    }
    *root = err ? NULL : r->root;
    return err;
}

static const struct tsn_xml *named(const struct tsn_xml *at, const char *name)
{
    while (at && strcmp(at->name, name) != 0) {
        at = at->next;
    }
    return at;
}

const struct tsn_xml *tsn_xml_child(const struct tsn_xml *from, const char *name)
{
    return from ? named(from->first, name) : NULL;
}

const struct tsn_xml *tsn_xml_again(const struct tsn_xml *at)
{
    return named(at->next, at->name);
}

const char *tsn_xml_text(const struct tsn_xml *from, const char *name)
{
    const struct tsn_xml *x = tsn_xml_child(from, name);
    return x ? x->text : "";
}

const char *tsn_xml_attr(const struct tsn_xml *at, const char *name)
{
    for (size_t i = 0; at && at->attrs[i]; i += 2) {
        if (strcmp(at->attrs[i], name) == 0) {
            return at->attrs[i + 1];
        }
    }
    return "";
}

int tsn_xml_looks(const char *text)
{
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
    }
    text += strspn(text, " \t\r\n");
    return *text == '<' &&
           (text[1] == '?' || text[1] == '!' || isalpha((unsigned char)text[1]));
}
