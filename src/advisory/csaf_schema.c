/* csaf_schema.c - the JSON schemas of CSAF 2.0 and 2.1 as tables and one small walker.
 *
 * Shapes say type, members, limits and formats; the tables follow the schema of the OASIS
 * Standard (18 Nov 2022) name by name. Objects may have further members, as the schema allows.
 * CVSS objects belong to test 6.1.8. Pure; any thread; depth is bounded by TSN_JSON_DEPTH. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_check21.h"
#include "advisory/csaf_shape.h"
#include "core/buf.h"
#include "core/json.h"

static void walk(struct tsn_csaf_check *c, const struct tsn_shape *shape, const json_t *v,
                 struct tsn_buf *at, const char *test);

static void check_string(struct tsn_csaf_check *c, const struct tsn_shape *shape,
                         const json_t *v, const char *at, const char *test)
{
    if (!json_is_string(v)) {
        tsn_csaf_find(c, test, at, "must be a string");
        return;
    }
    const char *s = json_string_value(v);
    if (*s == '\0') {
        tsn_csaf_find(c, test, at, "must not be empty");
    } else if (shape->format && !shape->format(s)) {
        tsn_csaf_find(c, test, at, "\"%.80s\" is not %s", s, shape->what);
    } else if (shape->values) {
        for (const char *const *w = shape->values; *w; w++) {
            if (strcmp(*w, s) == 0) {
                return;
            }
        }
        tsn_csaf_find(c, test, at, "\"%.80s\" is not one of the values allowed here", s);
    }
}

static void check_unique(struct tsn_csaf_check *c, const json_t *v, const char *at,
                         const char *test)
{
    json_t *seen = json_object();
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        char *text = json_is_string(item) ? NULL : tsn_json_text(item);
        const char *key = text ? text : json_string_value(item);
        if (json_object_get(seen, key)) {
            tsn_csaf_find(c, test, at, "item %zu is there twice", i);
        }
        json_object_set_new(seen, key, json_true());
        free(text);
    }
    json_decref(seen);
}

static void check_array(struct tsn_csaf_check *c, const struct tsn_shape *shape,
                        const json_t *v, struct tsn_buf *at, const char *test)
{
    if (!json_is_array(v)) {
        tsn_csaf_find(c, test, at->data, "must be a list");
        return;
    }
    if (json_array_size(v) < shape->min) {
        tsn_csaf_find(c, test, at->data, "needs at least %zu items", shape->min);
    }
    size_t i, len = at->len;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(at, "/%zu", i);
        walk(c, shape->items, item, at, test);
        at->len = len;
        at->data[len] = '\0';
    }
    if (shape->unique) {
        check_unique(c, v, at->data, test);
    }
}

static void check_object(struct tsn_csaf_check *c, const struct tsn_shape *shape,
                         const json_t *v, struct tsn_buf *at, const char *test)
{
    if (!json_is_object(v)) {
        tsn_csaf_find(c, test, at->data, "must be an object");
        return;
    }
    size_t n = json_object_size(v);
    if (n < shape->min) {
        tsn_csaf_find(c, test, at->data, "needs at least %zu members", shape->min);
    }
    if (shape->max && n > shape->max) {
        tsn_csaf_find(c, test, at->data, "may have at most %zu members", shape->max);
    }
    size_t len = at->len;
    for (const struct tsn_member *m = shape->members; m->name; m++) {
        const json_t *value = json_object_get(v, m->name);
        if (!value) {
            if (m->required) {
                tsn_csaf_find(c, test, at->data, "member \"%s\" is missing", m->name);
            }
            continue;
        }
        tsn_buf_printf(at, "/%s", m->name);
        walk(c, m->shape, value, at, test);
        at->len = len;
        at->data[len] = '\0';
    }
}

/* cvss_v3 is one of two schemas: its own version member says which. */
static const struct tsn_shape *cvss3_of(const json_t *v)
{
    return strcmp(tsn_json_str(v, "version", ""), "3.0") == 0 ? &tsn_shape_cvss30
                                                              : &tsn_shape_cvss31;
}

/* Objects of 2.1 have no members but those of the schema. */
static void closed(struct tsn_csaf_check *c, const struct tsn_shape *shape, const json_t *v,
                   const char *at, const char *test)
{
    const char *key;
    json_t *value;
    union tsn_json_read r = {.in = v};
    json_object_foreach(r.out, key, value)
    {
        const struct tsn_member *m = shape->members;
        while (m->name && strcmp(m->name, key) != 0) {
            m++;
        }
        if (!m->name) {
            tsn_csaf_find(c, test, at, "member \"%.80s\" is not one of the schema", key);
        }
    }
}

static void walk(struct tsn_csaf_check *c, const struct tsn_shape *shape, const json_t *v,
                 struct tsn_buf *at, const char *test)
{
    switch (shape->kind) {
    case TSN_SHAPE_STRING:
        check_string(c, shape, v, at->data, test);
        break;
    case TSN_SHAPE_SCORE:
        if (!json_is_number(v) || json_number_value(v) < 0 || json_number_value(v) > 10) {
            tsn_csaf_find(c, test, at->data, "must be a number from 0 to 10");
        }
        break;
    case TSN_SHAPE_ARRAY:
        check_array(c, shape, v, at, test);
        break;
    case TSN_SHAPE_OBJECT:
        check_object(c, shape, v, at, test);
        if (c->closed) {
            closed(c, shape, v, at->data, test);
        }
        break;
    case TSN_SHAPE_ANY:
        break;
    case TSN_SHAPE_CVSS4:
        check_object(c, &tsn_shape_cvss40, v, at, "6.1.8");
        break;
    case TSN_SHAPE_CVSS2:
        check_object(c, &tsn_shape_cvss20, v, at, "6.1.8");
        break;
    case TSN_SHAPE_CVSS3:
        check_object(c, cvss3_of(v), v, at, "6.1.8");
        break;
    }
}

void tsn_csaf_schema(struct tsn_csaf_check *c)
{
    struct tsn_buf at;
    tsn_buf_init(&at, 65536);
    tsn_buf_puts(&at, "");
    c->closed = tsn_csaf_is_21(c->doc);
    walk(c, c->closed ? &tsn_shape_csaf21 : &tsn_shape_csaf, c->doc, &at, "schema");
    tsn_buf_free(&at);
}
