/* ssvc.c - see ssvc.h; the tables stand in ssvc_table.c. Pure; any thread. */
#include "casework/ssvc.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"

/* Letters and digits in lower case; `*` tells Track* from Track. */
static void plain(const char *s, char out[64])
{
    size_t n = 0;
    for (; *s && n < 63; s++) {
        char c = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '*')
            out[n++] = c;
    }
    out[n] = 0;
}

static bool same(const char *a, const char *b)
{
    char x[64], y[64];
    plain(a, x);
    plain(b, y);
    return !strcmp(x, y);
}

void tsn_ssvc_word(const char *name, char out[64])
{
    size_t n = 0;
    for (; *name && n < 63; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '*';
        if (word)
            out[n++] = c;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = 0;
}

static json_t *word(const char *name)
{
    char text[64];
    tsn_ssvc_word(name, text);
    return json_string(text);
}

const struct tsn_ssvc_table *tsn_ssvc_find(const char *name, struct tsn_diag *diag)
{
    const char *ids[32];
    for (size_t i = 0; i < tsn_ssvc_ntables; i++) {
        const struct tsn_ssvc_table *t = &tsn_ssvc_tables[i];
        if (same(t->id, name) || same(t->key, name))
            return t;
        ids[i] = t->id;
    }
    const char *near = tsn_suggest(name, ids, tsn_ssvc_ntables);
    tsn_diag_set(diag, TSN_EINPUT, "W082", "there is no SSVC table `%.40s`", name);
    if (near)
        tsn_diag_hint(diag, "did you mean `%s`?", near);
    else
        tsn_diag_hint(diag, "supplier, deployer, coordinator, cisa; `tocsin ssvc` lists all");
    return NULL;
}

/* --- reading what is given ---------------------------------------------------------------------- */

/* What is known of one table's points: bit n = value n is possible. */
struct known {
    const struct tsn_ssvc_table *t;
    uint8_t mask[TSN_SSVC_POINTS];
    bool given[TSN_SSVC_POINTS];
};

static const struct tsn_ssvc_point *point_of(const struct tsn_ssvc_table *t, size_t i)
{
    return &tsn_ssvc_points[t->points[i]];
}

static bool is_point(const struct tsn_ssvc_point *p, const char *key)
{
    return same(p->name, key) || same(p->key, key);
}

static int value_of(const struct tsn_ssvc_point *p, const char *text)
{
    for (int i = 0; i < p->n; i++)
        if (same(p->values[i].name, text) || same(p->values[i].key, text))
            return i;
    return -1;
}

/* The table that says what this point is from others; NULL = none does. */
static const struct tsn_ssvc_table *source_of(uint8_t point)
{
    for (size_t i = 0; i < tsn_ssvc_ntables; i++)
        if (tsn_ssvc_tables[i].outcome == point)
            return &tsn_ssvc_tables[i];
    return NULL;
}

static bool takes(const struct tsn_ssvc_table *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct tsn_ssvc_table *from = source_of(t->points[i]);
        if (is_point(point_of(t, i), key) || (from && takes(from, key)))
            return true;
    }
    return false;
}

static tsn_err no_point(const struct tsn_ssvc_table *t, const char *key, struct tsn_diag *diag)
{
    char names[400] = "", one[64];
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) {
        tsn_ssvc_word(point_of(t, i)->name, one);
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "", one);
        if (at >= sizeof names)
            break;
    }
    tsn_diag_set(diag, TSN_EINPUT, "W083", "`%.40s` is no decision point of %s", key, t->id);
    tsn_diag_hint(diag, "its points: %.180s", names);
    return TSN_EINPUT;
}

static tsn_err no_value(const struct tsn_ssvc_point *p, const char *text, struct tsn_diag *diag)
{
    char names[200] = "", one[64];
    size_t at = 0;
    for (size_t i = 0; i < p->n && at < sizeof names; i++) {
        tsn_ssvc_word(p->values[i].name, one);
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "", one);
    }
    tsn_diag_set(diag, TSN_EINPUT, "W083", "%s cannot be `%.40s`", p->name, text);
    tsn_diag_hint(diag, "it takes: %s", names);
    return TSN_EINPUT;
}

/* Digits of `mask` combinations in turn: true while there is a next one. */
static bool next(const struct known *k, uint8_t at[TSN_SSVC_POINTS])
{
    for (size_t i = k->t->n; i-- > 0;) {
        for (at[i]++; at[i] < point_of(k->t, i)->n; at[i]++)
            if (k->mask[i] & (1u << at[i]))
                return true;
        at[i] = 0;
        while (!(k->mask[i] & (1u << at[i])))
            at[i]++;
    }
    return false;
}

static uint8_t outcomes(const struct known *k)
{
    uint8_t at[TSN_SSVC_POINTS] = {0}, out = 0;
    for (size_t i = 0; i < k->t->n; i++)
        while (!(k->mask[i] & (1u << at[i])))
            at[i]++;
    do {
        size_t row = 0;
        for (size_t i = 0; i < k->t->n; i++)
            row = row * point_of(k->t, i)->n + at[i];
        out |= (uint8_t)(1u << (k->t->rows[row] - '0'));
    } while (next(k, at));
    return out;
}

static tsn_err read_given(const struct tsn_ssvc_table *t, const json_t *given, struct known *k,
                          struct tsn_diag *diag)
{
    *k = (struct known){.t = t};
    for (size_t i = 0; i < t->n; i++) {
        const struct tsn_ssvc_point *p = point_of(t, i);
        const struct tsn_ssvc_table *from = source_of(t->points[i]);
        struct known sub;
        const char *key;
        json_t *v;
        k->mask[i] = (uint8_t)((1u << p->n) - 1);
        json_object_foreach((json_t *)(uintptr_t)given, key, v)
        {
            if (!is_point(p, key))
                continue;
            const char *text = json_is_string(v)    ? json_string_value(v)
                               : json_is_boolean(v) ? (json_is_true(v) ? "yes" : "no")
                                                    : "";
            int n = value_of(p, text);
            if (n < 0)
                return no_value(p, text, diag);
            k->mask[i] = (uint8_t)(1u << n);
            k->given[i] = true;
        }
        if (k->given[i] || !from)
            continue;
        tsn_err err = read_given(from, given, &sub, diag);
        if (err)
            return err;
        k->mask[i] = outcomes(&sub);
    }
    return 0;
}

/* --- saying it ------------------------------------------------------------------------------------- */

static bool single(uint8_t mask)
{
    return mask && !(mask & (mask - 1));
}

static int lowest(uint8_t mask)
{
    int i = 0;
    while (!(mask & (1u << i)))
        i++;
    return i;
}

static json_t *words_of(const struct tsn_ssvc_point *p, uint8_t mask)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n; i++)
        if (mask & (1u << i))
            json_array_append_new(list, word(p->values[i].name));
    return list;
}

static json_t *selection(const struct tsn_ssvc_point *p, int value)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "namespace", p->space, "key",
                     p->key, "version", p->version, "name", p->name, "values", "key",
                     p->values[value].key, "name", p->values[value].name);
}

/* Points whose values, taken together, gave this one. */
static json_t *derived_from(uint8_t point)
{
    const struct tsn_ssvc_table *from = source_of(point);
    json_t *list = json_array();
    for (size_t i = 0; from && i < from->n; i++)
        json_array_append_new(list, word(point_of(from, i)->name));
    return list;
}

/* Which other value of one point alone would lead to something else. */
static void because(const struct known *k, uint8_t outcome, json_t *out)
{
    for (size_t i = 0; i < k->t->n; i++)
        for (int v = 0; single(k->mask[i]) && v < point_of(k->t, i)->n; v++) {
            const struct tsn_ssvc_point *p = point_of(k->t, i);
            struct known other = *k;
            other.mask[i] = (uint8_t)(1u << v);
            uint8_t instead = outcomes(&other);
            if (instead == outcome || !single(instead))
                continue;
            json_array_append_new(
                out,
                json_pack("{s:o, s:o, s:o}", "point", word(p->name), "value",
                          word(p->values[v].name), "instead",
                          word(tsn_ssvc_points[k->t->outcome].values[lowest(instead)].name)));
        }
}

tsn_err tsn_ssvc_decide(const struct tsn_ssvc_table *t, const json_t *given, json_t **out,
                        struct tsn_diag *diag)
{
    const struct tsn_ssvc_point *result = &tsn_ssvc_points[t->outcome];
    struct known k;
    const char *key;
    json_t *v;
    *out = NULL;
    json_object_foreach((json_t *)(uintptr_t)given, key, v)
    {
        if (!takes(t, key))
            return no_point(t, key, diag);
    }
    tsn_err err = read_given(t, given, &k, diag);
    if (err)
        return err;
    uint8_t mask = outcomes(&k);
    json_t *missing = json_array(), *points = json_array(), *why = json_array();
    json_t *chosen = json_array();
    for (size_t i = 0; i < t->n; i++) {
        const struct tsn_ssvc_point *p = point_of(t, i);
        if (!single(k.mask[i])) {
            json_array_append_new(missing, word(p->name));
            continue;
        }
        int value = lowest(k.mask[i]);
        json_t *one = json_pack("{s:o, s:o}", "point", word(p->name), "value",
                                word(p->values[value].name));
        if (!k.given[i])
            json_object_set_new(one, "from", derived_from(t->points[i]));
        json_array_append_new(points, one);
        json_array_append_new(chosen, selection(p, value));
    }
    if (single(mask)) {
        because(&k, mask, why);
        json_array_append_new(chosen, selection(result, lowest(mask)));
        json_array_clear(missing); /* what is missing does not matter */
    }
    *out = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "table", t->id, "name",
                     t->name, "version", t->version, "outcome",
                     single(mask) ? word(result->values[lowest(mask)].name) : json_null(),
                     "possible", words_of(result, mask), "missing", missing, "points", points,
                     "because", why, "selections", chosen);
    return 0;
}

static json_t *point_json(const struct tsn_ssvc_point *p)
{
    return json_pack("{s:o, s:s, s:s, s:o}", "point", word(p->name), "key", p->key, "version",
                     p->version, "values", words_of(p, (uint8_t)((1u << p->n) - 1)));
}

json_t *tsn_ssvc_tables_json(const struct tsn_ssvc_table *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tsn_ssvc_ntables; i++) {
        const struct tsn_ssvc_table *one = &tsn_ssvc_tables[i];
        json_t *points = json_array();
        if (t && t != one) {
            json_decref(points);
            continue;
        }
        for (size_t k = 0; k < one->n; k++)
            json_array_append_new(points, point_json(point_of(one, k)));
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:o, s:o}", "table", one->id, "name",
                                        one->name, "version", one->version, "points", points,
                                        "outcome", point_json(&tsn_ssvc_points[one->outcome])));
    }
    return list;
}

json_t *tsn_ssvc_selected(const json_t *facts, const char *table)
{
    const json_t *one =
        json_object_get(json_object_get(facts, "ssvc"), table ? table : "supplier");
    json_t *selections = json_object_get(one, "selections");
    const char *at = tsn_json_str(one, "at", NULL);
    if (!at || json_array_size(selections) == 0)
        return NULL;
    return json_pack("{s:s, s:s, s:O}", "timestamp", at, "schemaVersion", "2.0.0", "selections",
                     selections);
}
