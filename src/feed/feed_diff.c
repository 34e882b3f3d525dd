/* feed_diff.c - two revisions of a document by their facts. Dates and version numbers decide
 * nothing; where they contradict the facts, that is a flag. Pure; any thread. */
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "feed/feed_int.h"
#include "feed/version.h"

#define CHANGES_MAX 200

/* Short names of the kinds, as reports use them. */
static const char *short_kind(const char *kind)
{
    return strcmp(kind, "status") == 0        ? "st"
           : strcmp(kind, "score") == 0       ? "sc"
           : strcmp(kind, "remediation") == 0 ? "rem"
                                              : kind;
}

struct diff {
    json_t *kinds, *changes;
    size_t added, removed;
};

static void note(struct diff *d, const struct tsn_fact *f, bool added)
{
    const char *kind = short_kind(f->kind);
    size_t i;
    json_t *k;
    bool known = false;
    d->added += added;
    d->removed += !added;
    json_array_foreach(d->kinds, i, k)
    {
        known = known || strcmp(json_string_value(k), kind) == 0;
    }
    if (!known) {
        json_array_append_new(d->kinds, json_string(kind));
    }
    if (json_array_size(d->changes) < CHANGES_MAX) {
        json_array_append_new(d->changes,
                              json_pack("{s:s,s:s,s:s}", "change", added ? "added" : "removed",
                                        "kind", f->kind, "text", f->text ? f->text : ""));
    }
}

/* The next fact behind i that is another one. */
static size_t past(const struct tsn_fact_set *s, size_t i)
{
    size_t k = i + 1;
    while (k < s->n && memcmp(s->facts[i].hash, s->facts[k].hash, TSN_HASH_LEN) == 0) {
        k++;
    }
    return k;
}

static void walk(struct diff *d, const struct tsn_fact_set *a, const struct tsn_fact_set *b)
{
    size_t i = 0, k = 0;
    while (i < a->n || k < b->n) {
        int c = i == a->n   ? 1
                : k == b->n ? -1
                            : memcmp(a->facts[i].hash, b->facts[k].hash, TSN_HASH_LEN);
        if (c < 0) {
            note(d, &a->facts[i], false);
        } else if (c > 0) {
            note(d, &b->facts[k], true);
        }
        i = c <= 0 ? past(a, i) : i;
        k = c >= 0 ? past(b, k) : k;
    }
}

/* Integers and semantic versions alike. */
static int version_order(const char *a, const char *b)
{
    return tsn_version_compare(TSN_SCHEME_SEMVER, a, b);
}

static json_t *flags(const json_t *a, const json_t *b, bool material)
{
    json_t *out = json_array();
    int order = version_order(tsn_json_str(a, "version", ""), tsn_json_str(b, "version", ""));
    int time = strcmp(tsn_json_str(a, "released", ""), tsn_json_str(b, "released", ""));
    if (strcmp(tsn_json_str(a, "id", ""), tsn_json_str(b, "id", "")) != 0 ||
        strcmp(tsn_json_str(a, "namespace", ""), tsn_json_str(b, "namespace", "")) != 0) {
        json_array_append_new(out, json_string("other-document"));
    }
    if (material && order == 0) {
        json_array_append_new(out, json_string("silent-change"));
    }
    if (order == 1 || time > 0) {
        json_array_append_new(out, json_string("regression"));
    }
    if (!material && order == -1) {
        json_array_append_new(out, json_string("cosmetic-version"));
    }
    return out;
}

tsn_err tsn_csaf_diff(const json_t *before, const json_t *after, json_t **out,
                      struct tsn_diag *diag)
{
    json_t *a = NULL, *b = NULL;
    struct tsn_fact_set x = {0}, y = {0};
    *out = NULL;
    tsn_err err = tsn_csaf_fact_set(before, &a, &x, diag);
    if (!err) {
        err = tsn_csaf_fact_set(after, &b, &y, diag);
    }
    if (!err) {
        struct diff d = {.kinds = json_array(), .changes = json_array()};
        walk(&d, &x, &y);
        bool material = d.added || d.removed;
        *out = json_pack(
            "{s:O,s:b,s:o,s:I,s:I,s:o,s:o,s:[O,O],s:[O,O],s:b}", "id", json_object_get(b, "id"),
            "material", material, "kinds", d.kinds, "added", (json_int_t)d.added, "removed",
            (json_int_t)d.removed, "changes", d.changes, "flags", flags(a, b, material),
            "versions", json_object_get(a, "version"), json_object_get(b, "version"),
            "releases", json_object_get(a, "released"), json_object_get(b, "released"),
            "withdrawn", tsn_json_bool(b, "withdrawn", false));
    }
    json_decref(a);
    json_decref(b);
    tsn_fact_set_free(&x);
    tsn_fact_set_free(&y);
    return err;
}
