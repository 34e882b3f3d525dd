/* inventory.c - see inventory.h. */
#include "feed/inventory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/format.h"
#include "feed/judge.h"

#define SBOM_MAX     ((size_t)256 << 20)
#define EVIDENCE_MAX 50

struct tsn_inventory {
    int holders;
    struct tsn_arena *arena;
    json_t *list;     /* what tsn_inventory_json gives */
    json_t *products; /* id -> entry of the list */
    json_t *docs;     /* the SBOMs: components borrow from them */
    struct tsn_component *all;
    size_t n, cap;
    struct tsn_judge_index *ways;
    char digest[2 * TSN_HASH_LEN + 1];
};

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

bool tsn_inventory_path(char *out, size_t cap, const char *dir, const char *product,
                        const char *version)
{
    static const char ok[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+~";
    if (!*product || !*version || *product == '.' || *version == '.' ||
        strspn(product, ok) != strlen(product) || strspn(version, ok) != strlen(version)) {
        return false;
    }
    return (size_t)snprintf(out, cap, "%s/inventory/%s/%s.json", dir, product, version) < cap;
}

/* The components of one SBOM behind those of the others. */
static void take(struct tsn_inventory *inv, const char *product, const char *version,
                 const struct tsn_sbom *sbom)
{
    sbom->whole->product = tsn_arena_strdup(inv->arena, product);
    sbom->whole->version = tsn_arena_strdup(inv->arena, version);
    if (inv->n + sbom->n > inv->cap) {
        inv->cap = (inv->n + sbom->n) * 2;
        inv->all = tsn_realloc(inv->all, inv->cap * sizeof *inv->all);
    }
    memcpy(inv->all + inv->n, sbom->components, sbom->n * sizeof *inv->all);
    inv->n += sbom->n;
}

static void read_sbom(struct tsn_inventory *inv, const char *product, const char *version,
                      const char *path, json_t *release)
{
    struct tsn_buf b;
    struct tsn_diag d;
    struct tsn_sbom sbom = {0};
    json_t *doc = NULL;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_diag_init(&d);
    tsn_buf_init(&b, SBOM_MAX);
    tsn_err err = tsn_buf_read_file(&b, path);
    json_object_set_new(release, "sbom", json_string(path));
    if (err) {
        tsn_diag_set(&d, err, "I004", "%.200s cannot be read: %s", path, tsn_err_text(err));
    } else {
        tsn_sha256_once(hash, b.len ? b.data : "", b.len);
        tsn_hex(hex, hash, sizeof hash);
        json_object_set_new(release, "sha256", json_string(hex));
        err = tsn_json_parse(b.len ? b.data : "", b.len, &doc, &d);
        err = err ? err : tsn_sbom_read(inv->arena, doc, &sbom, &d);
    }
    tsn_buf_free(&b);
    if (err) {
        json_object_set_new(release, "problem", json_string(d.what));
        tsn_log(TSN_LOG_ERROR, "inventory.sbom_unusable", "product", product, "version",
                version, "code", d.code, "why", d.what, NULL);
    } else {
        take(inv, product, version, &sbom);
        json_array_append(inv->docs, doc);
        json_object_set_new(release, "components", json_integer((json_int_t)sbom.n));
        json_object_set_new(release, "without_purl", json_integer((json_int_t)sbom.no_purl));
        json_object_set_new(release, "without_version",
                            json_integer((json_int_t)sbom.no_version));
    }
    json_decref(doc);
}

static bool has_version(const json_t *releases, const char *version)
{
    size_t i;
    json_t *r;
    json_array_foreach(releases, i, r)
    {
        if (strcmp(text(r, "version"), version) == 0) {
            return true;
        }
    }
    return false;
}

static int json_files(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

/* What `product import` left; the configuration's word on a version comes first. */
static void imported(struct tsn_inventory *inv, const char *dir, const char *product,
                     json_t *releases)
{
    const char *folder = tsn_arena_printf(inv->arena, "%s/inventory/%s", dir, product);
    struct dirent **names = NULL;
    int n = scandir(folder, &names, json_files, alphasort);
    for (int i = 0; i < n; i++) {
        const char *version =
            tsn_arena_strndup(inv->arena, names[i]->d_name, strlen(names[i]->d_name) - 5);
        if (!has_version(releases, version)) {
            json_t *r = json_pack("{s:s,s:b}", "version", version, "imported", true);
            read_sbom(inv, product, version,
                      tsn_arena_printf(inv->arena, "%s/%s", folder, names[i]->d_name), r);
            json_array_append_new(releases, r);
        }
        free(names[i]);
    }
    free((void *)names);
}

/* Products and what names their components are found by; the SBOMs stand in it by their hashes. */
static void digest(struct tsn_inventory *inv)
{
    uint8_t hash[TSN_HASH_LEN];
    char *all = tsn_json_text(inv->list);
    tsn_sha256_once(hash, all, strlen(all));
    tsn_hex(inv->digest, hash, sizeof hash);
    free(all);
}

struct tsn_inventory *tsn_inventory_open(const json_t *products, const char *dir)
{
    struct tsn_inventory *inv = tsn_alloc(sizeof *inv);
    size_t i, k;
    json_t *p, *r;
    *inv = (struct tsn_inventory){.holders = 1,
                                  .arena = tsn_arena_new(),
                                  .list = json_array(),
                                  .products = json_object(),
                                  .docs = json_array()};
    json_array_foreach(products, i, p)
    {
        static const char *const keys[] = {"id",       "name",    "vendor", "owner",
                                           "exposure", "mission", "safety", "components"};
        json_t *o = json_object(), *releases = json_array();
        for (size_t m = 0; m < sizeof keys / sizeof keys[0]; m++) {
            json_t *v = json_object_get(p, keys[m]);
            if (v) {
                json_object_set(o, keys[m], v);
            }
        }
        json_array_foreach(json_object_get(p, "releases"), k, r)
        {
            json_t *copy = json_deep_copy(r);
            const char *path = text(r, "sbom");
            if (*path) {
                read_sbom(inv, text(p, "id"), text(r, "version"), path, copy);
            }
            json_array_append_new(releases, copy);
        }
        if (dir) {
            imported(inv, dir, text(p, "id"), releases);
        }
        json_object_set_new(o, "releases", releases);
        json_object_set(inv->products, text(p, "id"), o);
        json_array_append_new(inv->list, o);
    }
    inv->ways = tsn_judge_index_new(inv->all, inv->n);
    digest(inv);
    return inv;
}

const char *tsn_inventory_digest(const struct tsn_inventory *inv)
{
    return inv->digest;
}

struct tsn_inventory *tsn_inventory_hold(struct tsn_inventory *inv)
{
    inv->holders++;
    return inv;
}

void tsn_inventory_close(struct tsn_inventory *inv)
{
    if (inv && --inv->holders == 0) {
        tsn_judge_index_free(inv->ways);
        free(inv->all);
        json_decref(inv->list);
        json_decref(inv->products);
        json_decref(inv->docs);
        tsn_arena_destroy(inv->arena);
        free(inv);
    }
}

json_t *tsn_inventory_json(const struct tsn_inventory *inv)
{
    return json_deep_copy(inv->list);
}

size_t tsn_inventory_components(const struct tsn_inventory *inv)
{
    return inv->n;
}

/* --- matching ----------------------------------------------------------------------------------- */

static int rank(const json_t *m)
{
    const char *c = text(m, "certainty");
    return strcmp(c, "certain") == 0 ? 3 : strcmp(c, "likely") == 0 ? 2 : 1;
}

/* One match of a component as evidence of its product. */
static json_t *evidence_of(const json_t *m)
{
    const json_t *c = json_object_get(m, "component"),
                 *record = json_array_get(json_object_get(m, "records"), 0);
    json_t *e =
        json_pack("{s:O,s:O,s:O,s:s,s:s,s:s,s:s}", "vulnerability", json_object_get(m, "id"),
                  "release", json_object_get(m, "release_of"), "certainty",
                  json_object_get(m, "certainty"), "component", text(c, "name"), "version",
                  text(c, "version"), "purl", text(c, "purl"), "record", text(record, "id"));
    json_object_set(e, "fixed", json_object_get(m, "fixed"));
    json_object_set(e, "said", json_object_get(record, "evidence"));
    return e;
}

static json_t *product_match(const struct tsn_inventory *inv, json_t *by_product,
                             const char *id)
{
    json_t *o = json_object_get(by_product, id);
    if (!o) {
        const json_t *p = json_object_get(inv->products, id);
        o = json_pack("{s:s,s:s,s:s,s:s,s:[],s:[]}", "product", id, "name",
                      tsn_json_str(p, "name", id), "owner", text(p, "owner"), "certainty",
                      "guess", "vulns", "evidence");
        json_object_set_new(by_product, id, o);
    }
    return o;
}

static void add_vuln(json_t *list, const char *id)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (strcmp(json_string_value(v), id) == 0) {
            return;
        }
    }
    json_array_append_new(list, json_string(id));
}

static bool from(const json_t *match, const char *document)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(match, "records"), i, r)
    {
        if (strcmp(text(r, "document"), document) == 0) {
            return true;
        }
    }
    return false;
}

/* Who takes a match away, and with what words. */
static void add_spared(json_t *spared, const json_t *m)
{
    size_t i;
    json_t *v;
    const char *why = strcmp(text(m, "state"), "retracted") == 0 ? "the CVE was rejected" : "";
    char line[600];
    json_array_foreach(json_object_get(m, "vex"), i, v)
    {
        if (!*why && tsn_json_bool(v, "counts", false)) {
            (void)snprintf(line, sizeof line, "%.200s says %s%s%.200s", text(v, "publisher"),
                           text(v, "status"), *text(v, "justification") ? ": " : "",
                           text(v, "justification"));
            why = line;
        }
    }
    if (spared && !json_object_get(spared, text(m, "product"))) {
        json_object_set_new(spared, text(m, "product"), json_string(why));
    }
}

json_t *tsn_inventory_hits(const struct tsn_inventory *inv, const json_t *result,
                           const char *document, json_t **spared)
{
    json_t *out = json_array(), *m, *by_product = json_object(), *away = json_object();
    const char *id;
    size_t i;
    json_array_foreach(json_object_get(result, "matches"), i, m)
    {
        const char *state = text(m, "state");
        if (document && !from(m, document)) {
            continue;
        }
        if (strcmp(state, "suppressed") == 0 || strcmp(state, "retracted") == 0) {
            add_spared(away, m);
            continue;
        }
        json_t *p = product_match(inv, by_product, text(m, "product"));
        add_vuln(json_object_get(p, "vulns"), text(m, "id"));
        if (rank(m) > rank(p)) {
            json_object_set(p, "certainty", json_object_get(m, "certainty"));
        }
        if (json_array_size(json_object_get(p, "evidence")) < EVIDENCE_MAX) {
            json_array_append_new(json_object_get(p, "evidence"), evidence_of(m));
        }
    }
    json_object_foreach(by_product, id, m)
    {
        json_array_append(out, m);
        json_object_del(away, id);
    }
    json_decref(by_product);
    if (spared) {
        *spared = away;
    } else {
        json_decref(away);
    }
    return out;
}

/* `doc` or, where that is NULL, text. */
static json_t *match_one(const struct tsn_inventory *inv, const char *name, const json_t *doc,
                         const char *body, size_t len, const char *const *trusted,
                         json_t **trace)
{
    if (trace) {
        *trace = NULL;
    }
    if (inv->n == 0) {
        return json_array();
    }
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_judge *j = tsn_judge_new_on(arena, inv->ways, trusted);
    enum tsn_format format;
    tsn_judge_document(j, name, false);
    if (doc) {
        (void)tsn_format_read(doc, tsn_judge_sink(j), NULL);
    } else {
        (void)tsn_format_read_text(name, body, len, tsn_judge_sink(j), &format, NULL);
    }
    json_t *result = tsn_judge_result(j), *out = tsn_inventory_hits(inv, result, NULL, NULL);
    if (trace) {
        *trace = tsn_judge_trace(j);
    }
    json_decref(result);
    tsn_judge_free(j);
    tsn_arena_destroy(arena);
    return out;
}

json_t *tsn_inventory_match(const struct tsn_inventory *inv, const char *name, const char *body,
                            size_t len, const char *const *trusted, json_t **trace)
{
    return match_one(inv, name, NULL, body, len, trusted, trace);
}

json_t *tsn_inventory_match_json(const struct tsn_inventory *inv, const char *name,
                                 const json_t *doc, const char *const *trusted, json_t **trace)
{
    return match_one(inv, name, doc, NULL, 0, trusted, trace);
}

json_t *tsn_inventory_joint(const struct tsn_inventory *inv, const struct tsn_traced *docs,
                            size_t n)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_judge *j = tsn_judge_new_on(arena, inv->ways, NULL);
    for (size_t i = 0; i < n; i++) {
        tsn_judge_load(j, docs[i].document, docs[i].trace);
    }
    json_t *out = tsn_judge_result(j);
    tsn_judge_free(j);
    tsn_arena_destroy(arena);
    return out;
}

void tsn_matches_join(json_t *a, json_t *b)
{
    size_t i, k;
    json_t *x, *y;
    json_array_foreach(b, i, y)
    {
        bool there = false;
        json_array_foreach(a, k, x)
        {
            if (strcmp(text(x, "product"), text(y, "product")) != 0) {
                continue;
            }
            there = true;
            json_array_extend(json_object_get(x, "evidence"), json_object_get(y, "evidence"));
            if (rank(y) > rank(x)) {
                json_object_set(x, "certainty", json_object_get(y, "certainty"));
            }
            if (json_object_get(y, "vulns")) {
                json_object_set(x, "vulns", json_object_get(y, "vulns"));
            }
        }
        if (!there) {
            json_array_append(a, y);
        }
    }
    json_decref(b);
}
