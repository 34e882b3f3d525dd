/* policy.c - documents and the set in force. Parsing is pure; the set's pointer is atomic. */
#include "casework/bounty.h"
#include "casework/policy_plan.h"
#include "casework/retention.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

const char *const tsn_policy_kind_names[TSN_POLICY_KINDS] = {
    [TSN_POLICY_CLOCKS] = "clocks",
    [TSN_POLICY_HANDLING] = "handling",
    [TSN_POLICY_JURISDICTION] = "jurisdiction",
    [TSN_POLICY_PROGRAMME] = "programme",
    [TSN_POLICY_RETENTION] = "retention",
};

struct tsn_policies {
    _Atomic(struct tsn_policy_set *) now;
};

struct tsn_policies *tsn_policies_new(void)
{
    struct tsn_policies *p = tsn_alloc(sizeof *p);
    atomic_init(&p->now, NULL);
    return p;
}

void tsn_policies_destroy(struct tsn_policies *p)
{
    struct tsn_policy_set *s = p ? atomic_load(&p->now) : NULL, *older;
    for (; s; s = older) {
        older = s->older;
        tsn_arena_destroy(s->arena); /* the set lives in it */
    }
    free(p);
}

const struct tsn_policy_set *tsn_policies_now(const struct tsn_policies *p)
{
    static const struct tsn_policy_set empty;
    const struct tsn_policy_set *s = p ? atomic_load(&p->now) : NULL;
    return s ? s : &empty;
}

const struct tsn_clock_def *tsn_policies_clock(const struct tsn_policy_set *set, const char *id)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nclocks; k++)
            if (!strcmp(set->docs[i]->clocks[k].id, id))
                return &set->docs[i]->clocks[k];
    return NULL;
}

const struct tsn_calendar *tsn_policies_calendar(const struct tsn_policy_set *set,
                                                 const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nclocks; k++) {
            const struct tsn_calendar *c = set->docs[i]->clocks[k].calendar;

            if (c && !strcmp(c->name, name))
                return c;
        }
    return NULL;
}

/* --- conditions --------------------------------------------------------------------------------------- */

static void free_json(void *p)
{
    json_decref(p);
}

tsn_err tsn_when_read(struct tsn_arena *arena, const struct tsn_yaml *map, struct tsn_when *out,
                      struct tsn_diag *diag)
{
    out->map = NULL;
    if (!map)
        return 0;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C014",
                             "a condition is a group of names and values");
    json_t *all = json_object();
    tsn_arena_defer(arena, free_json, all);
    for (const struct tsn_yaml *k = map->first; k; k = k->next) {
        const char *const *words;
        size_t n;
        tsn_err err = tsn_yaml_strs(arena, map, k->key, true, &words, &n, diag);
        if (err)
            return err;
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, json_string(words[i]));
        json_object_set_new(all, k->key, list);
    }
    out->map = all;
    return 0;
}

static bool word_is(const json_t *v, const char *word)
{
    if (json_is_string(v))
        return !strcmp(json_string_value(v), word);
    if (json_is_boolean(v))
        return !strcmp(json_is_true(v) ? "true" : "false", word);
    if (json_is_integer(v)) {
        char text[24];
        (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
        return !strcmp(text, word);
    }
    return false;
}

static bool fits_word(const json_t *v, const char *word)
{
    size_t i;
    json_t *item;
    if (!v || json_is_null(v))
        return !strcmp(word, "none") || (word[0] == '!' && strcmp(word, "!none") != 0);
    if (!strcmp(word, "any"))
        return true;
    if (word[0] == '!')
        return !fits_word(v, word + 1);
    json_array_foreach(v, i, item) if (word_is(item, word)) return true;
    return word_is(v, word);
}

bool tsn_when_fits(const struct tsn_when *when, const json_t *values)
{
    const char *key;
    json_t *words, *word;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)when->map, key, words)
    {
        bool fits = false;
        json_array_foreach(words, i, word) fits =
            fits || fits_word(json_object_get(values, key), json_string_value(word));
        if (!fits)
            return false;
    }
    return true;
}

/* --- documents ------------------------------------------------------------------------------------------ */

static tsn_err take_name(const struct tsn_yaml *map, const char *key, const char **out,
                         struct tsn_diag *diag)
{
    tsn_err err = tsn_yaml_str(map, key, true, out, diag);
    if (!err && !tsn_word_ok(*out, 64))
        err = tsn_yaml_fail(tsn_yaml_find(map, key), diag, TSN_EINPUT, "C039",
                            "`%.64s` cannot be a name here", *out);
    return err;
}

tsn_err tsn_policy_parse(struct tsn_arena *arena, const char *file, const char *text,
                         size_t len, struct tsn_policy **out, struct tsn_diag *diag)
{
    struct tsn_yaml_doc *doc;
    const char *kind = NULL;
    uint8_t hash[TSN_HASH_LEN];
    *out = NULL;
    tsn_err err = tsn_yaml_parse(arena, file, text, len, &doc, diag);
    if (err)
        return err;
    const struct tsn_yaml *root = doc->root;
    if (!root || root->type != TSN_YAML_MAP)
        return tsn_diag_set(diag, TSN_EINPUT, "C013",
                            "a policy document is a group of settings");
    struct tsn_policy *p = tsn_arena_alloc(arena, sizeof *p);
    p->file = tsn_arena_strdup(arena, file);
    p->text = tsn_arena_strndup(arena, text, len);
    p->root = root;
    p->source = "";
    tsn_sha256_once(hash, text, len);
    memcpy(p->digest, "sha256:", 7);
    tsn_hex(p->digest + 7, hash, sizeof hash);
    err = take_name(root, "policy", &p->name, diag);
    if (!err)
        err = tsn_yaml_str(root, "kind", true, &kind, diag);
    if (!err)
        err = tsn_yaml_int(root, "version", true, 1, 1000000, &p->version, diag);
    if (!err)
        err = tsn_yaml_str(root, "owner", true, &p->owner, diag);
    if (!err)
        err = tsn_yaml_str(root, "title", true, &p->title, diag);
    if (!err)
        err = tsn_yaml_str(root, "source", true, &p->source, diag);
    if (err)
        return err;
    int k = 0;
    while (k < TSN_POLICY_KINDS && strcmp(tsn_policy_kind_names[k], kind) != 0)
        k++;
    if (k == TSN_POLICY_KINDS) {
        tsn_yaml_fail(tsn_yaml_find(root, "kind"), diag, TSN_EINPUT, "C030",
                      "`kind` cannot be `%.40s`", kind);
        tsn_diag_hint(diag, "it takes: clocks, handling, jurisdiction, programme, retention");
        return TSN_EINPUT;
    }
    p->kind = (enum tsn_policy_kind)k;
    switch (p->kind) {
    case TSN_POLICY_CLOCKS:
        err = tsn_policy_read_clocks(arena, root, p, diag);
        break;
    case TSN_POLICY_HANDLING:
        err = tsn_policy_read_plans(arena, root, p, diag);
        break;
    case TSN_POLICY_JURISDICTION:
        err = tsn_policy_read_rules(arena, root, p, diag);
        break;
    case TSN_POLICY_PROGRAMME:
        err = tsn_policy_read_programme(arena, root, p, diag);
        break;
    case TSN_POLICY_RETENTION:
        err = tsn_policy_read_retention(arena, root, p, diag);
        break;
    case TSN_POLICY_KINDS:
        break;
    }
    if (!err)
        *out = p;
    return err;
}

/* --- the set in force ----------------------------------------------------------------------------------- */

tsn_err tsn_policies_load(struct tsn_policies *p, struct tsn_store *st, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_filter f = {.column = "state", .cmp = TSN_CMP_EQ, .text = "approved"};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .order = "name"};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_policy, &how, &rows, &n);
    struct tsn_policy_set *set = tsn_arena_alloc(arena, sizeof *set);
    const struct tsn_policy **docs = tsn_arena_alloc(arena, (n + 1) * sizeof(const void *));
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_policy *r = &((const struct tsn_rec_policy *)rows)[i];
        struct tsn_policy *one;
        err = tsn_policy_parse(arena, r->name, r->body, strlen(r->body), &one, diag);
        docs[i] = one;
    }
    if (err) {
        tsn_arena_destroy(arena);
        return err;
    }
    set->arena = arena;
    set->docs = docs;
    set->n = n;
    set->older = atomic_load(&p->now);
    atomic_store(&p->now, set);
    return 0;
}
