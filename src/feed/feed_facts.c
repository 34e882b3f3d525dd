/* feed_facts.c - what a CSAF document says, reduced to what matching and difference need.
 *
 * Dates and version numbers never tell whether something changed, so `substance` is a digest over
 * the set of facts that matter: (vulnerability, status, product path by names), (vulnerability,
 * CVSS vector), (vulnerability, remediation category). Renumbered ids change nothing. Pure; any
 * thread; copes with any JSON. */
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"

#define VULNS_MAX 50   /* kept for drafting; all count for the substance */
#define TEXT_MAX  4000 /* bytes kept of one text */

struct facts {
    struct tsn_sha256 *sha;
    json_t *status; /* product id -> rank of its worst status */
    json_t *paths;  /* product id -> hex of its path by names */
    json_t *names;  /* the same -> words for people; NULL: nobody asks for texts */
    struct tsn_fact *set;
    size_t n, cap;
};

/* What a product's being in a status list means for us, worst last. */
enum rank { LISTED, NOT_AFFECTED, FIXED, INVESTIGATED, AFFECTED };
static const char *const rank_name[] = {"listed", "not_affected", "fixed", "investigated",
                                        "affected"};
static const struct {
    const char *status;
    enum rank rank;
} statuses[] = {
    {"first_affected", AFFECTED},
    {"known_affected", AFFECTED},
    {"last_affected", AFFECTED},
    {"under_investigation", INVESTIGATED},
    {"fixed", FIXED},
    {"first_fixed", FIXED},
    {"recommended", FIXED},
    {"known_not_affected", NOT_AFFECTED},
};

static void hash_text(struct facts *f, const char *s)
{
    tsn_sha256_add(f->sha, s, strlen(s) + 1);
}

/* What people read of a fact. The last part may be a path: its words are in names. */
static char *in_words(const struct facts *f, const char *b, const char *c, const char *d)
{
    struct tsn_buf text;
    const char *name = *d ? tsn_json_str(f->names, d, d) : "";
    tsn_buf_init(&text, 2000);
    (void)tsn_buf_printf(&text, "%.100s%s%.300s%s%.900s", b, *c ? " " : "", c,
                         *name ? ": " : "", name);
    return tsn_buf_take(&text, NULL);
}

/* Adds the fact made of these texts; the first is its kind. */
static void fact(struct facts *f, const char *a, const char *b, const char *c, const char *d)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->set = tsn_realloc(f->set, f->cap * sizeof *f->set);
    }
    tsn_sha256_begin(f->sha);
    hash_text(f, a);
    hash_text(f, b);
    hash_text(f, c);
    hash_text(f, d);
    f->set[f->n].kind = a;
    f->set[f->n].text = f->names ? in_words(f, b, c, d) : NULL;
    tsn_sha256_end(f->sha, f->set[f->n++].hash);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(((const struct tsn_fact *)a)->hash, ((const struct tsn_fact *)b)->hash,
                  TSN_HASH_LEN);
}

static void substance(struct facts *f, char out[2 * TSN_HASH_LEN + 1])
{
    uint8_t hash[TSN_HASH_LEN];
    if (f->n) {
        qsort(f->set, f->n, sizeof *f->set, by_bytes);
    }
    tsn_sha256_begin(f->sha);
    for (size_t i = 0; i < f->n; i++) {
        if (i == 0 || by_bytes(&f->set[i - 1], &f->set[i]) != 0) {
            tsn_sha256_add(f->sha, f->set[i].hash, TSN_HASH_LEN);
        }
    }
    tsn_sha256_end(f->sha, hash);
    tsn_hex(out, hash, sizeof hash);
}

/* At most `max` bytes, never half a character. */
static json_t *cut(const char *s, size_t max)
{
    size_t n = strlen(s);
    if (n > max) {
        n = max;
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    return json_stringn(s, n);
}

/* --- product tree --------------------------------------------------------------------- */

struct place {
    const char *vendor, *product, *version;
    bool range;
    char path[2 * TSN_HASH_LEN + 1];
};

typedef void place_fn(struct facts *f, const json_t *product, const struct place *at,
                      json_t *out);

static void step(struct facts *f, struct place *at, const char *category, const char *name)
{
    uint8_t hash[TSN_HASH_LEN];
    tsn_sha256_begin(f->sha);
    hash_text(f, at->path);
    hash_text(f, category);
    hash_text(f, name);
    tsn_sha256_end(f->sha, hash);
    tsn_hex(at->path, hash, sizeof hash);
    if (strcmp(category, "vendor") == 0) {
        at->vendor = name;
    } else if (strcmp(category, "product_name") == 0) {
        at->product = name;
    } else if (strcmp(category, "product_version") == 0 ||
               strcmp(category, "product_version_range") == 0) {
        at->version = name;
        at->range = category[15] != '\0';
    }
}

static void walk(struct facts *f, const json_t *branches, const struct place *from,
                 place_fn *fn, json_t *out)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct place at = *from;
        step(f, &at, tsn_json_str(b, "category", ""), tsn_json_str(b, "name", ""));
        const json_t *product = json_object_get(b, "product");
        if (product) {
            fn(f, product, &at, out);
        }
        walk(f, json_object_get(b, "branches"), &at, fn, out);
    }
}

static void walk_tree(struct facts *f, const json_t *tree, place_fn *fn, json_t *out)
{
    struct place none = {"", "", "", false, ""};
    size_t i;
    json_t *item;
    walk(f, json_object_get(tree, "branches"), &none, fn, out);
    json_array_foreach(json_object_get(tree, "full_product_names"), i, item)
    {
        struct place at = none;
        step(f, &at, "full_product_name", tsn_json_str(item, "name", ""));
        fn(f, item, &at, out);
    }
    json_array_foreach(json_object_get(tree, "relationships"), i, item)
    {
        struct place at = none;
        const json_t *product = json_object_get(item, "full_product_name");
        step(f, &at, tsn_json_str(item, "category", ""), tsn_json_str(product, "name", ""));
        fn(f, product, &at, out);
    }
}

static void note_path(struct facts *f, const json_t *product, const struct place *at,
                      json_t *out)
{
    (void)out;
    const char *id = tsn_json_str(product, "product_id", NULL);
    if (id) {
        json_object_set_new(f->paths, id, json_string(at->path));
    }
    if (id && f->names) {
        const char *version = *at->version ? at->version : "";
        char *text = NULL;
        struct tsn_buf b;
        tsn_buf_init(&b, 4000);
        (void)tsn_buf_printf(&b, "%.200s %.300s %.200s", at->vendor,
                             *at->product ? at->product : tsn_json_str(product, "name", ""),
                             version);
        text = tsn_buf_take(&b, NULL);
        json_object_set_new(f->names, at->path, json_string(text));
        free(text);
    }
}

/* Row for matching; the same row comes once. `out` is an object, so a key is a set's member. */
static void note_row(struct facts *f, const json_t *product, const struct place *at,
                     json_t *out)
{
    const char *id = tsn_json_str(product, "product_id", NULL);
    const char *name = tsn_json_str(product, "name", "");
    if (!id) {
        return;
    }
    size_t rank = (size_t)tsn_json_int(f->status, id, LISTED);
    json_t *row = json_pack("{s:s,s:s,s:s,s:b,s:s,s:s}", "vendor", at->vendor, "product",
                            at->product, "version", at->version, "range", at->range, "name",
                            name, "status", rank_name[rank]);
    char *key = tsn_json_text(row);
    json_object_set_new(out, key, row);
    free(key);
}

/* --- vulnerabilities ------------------------------------------------------------------- */

static void worse(struct facts *f, const char *id, int64_t rank)
{
    if (rank > tsn_json_int(f->status, id, -1)) {
        json_object_set_new(f->status, id, json_integer(rank));
    }
}

static const char *key_of(const json_t *vuln)
{
    const json_t *first = json_array_get(json_object_get(vuln, "ids"), 0);
    return tsn_json_str(vuln, "cve",
                        tsn_json_str(vuln, "title", tsn_json_str(first, "text", "?")));
}

static void vuln_facts(struct facts *f, const json_t *vuln)
{
    const char *key = key_of(vuln);
    size_t i;
    json_t *item;
    for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
        const json_t *list =
            json_object_get(json_object_get(vuln, "product_status"), statuses[s].status);
        json_array_foreach(list, i, item)
        {
            const char *id = json_string_value(item);
            if (id) {
                fact(f, "status", key, statuses[s].status, tsn_json_str(f->paths, id, id));
                worse(f, id, statuses[s].rank);
            }
        }
    }
    json_array_foreach(json_object_get(vuln, "scores"), i, item)
    {
        static const char *const kinds[] = {"cvss_v2", "cvss_v3"};
        for (size_t k = 0; k < 2; k++) {
            const json_t *cvss = json_object_get(item, kinds[k]);
            if (cvss) {
                fact(f, "score", key, tsn_json_str(cvss, "vectorString", ""), "");
            }
        }
    }
    json_array_foreach(json_object_get(vuln, "remediations"), i, item)
    {
        fact(f, "remediation", key, tsn_json_str(item, "category", ""), "");
    }
}

/* A product built of others passes its status on to them: nested at most a few levels deep. */
static void spread(struct facts *f, const json_t *tree)
{
    static const char *const ends[] = {"product_reference", "relates_to_product_reference"};
    const json_t *relations = json_object_get(tree, "relationships");
    size_t i;
    json_t *r;
    for (int pass = 0; pass < 3; pass++) {
        json_array_foreach(relations, i, r)
        {
            const json_t *product = json_object_get(r, "full_product_name");
            int64_t rank =
                tsn_json_int(f->status, tsn_json_str(product, "product_id", ""), LISTED);
            for (size_t k = 0; k < 2; k++) {
                const char *id = tsn_json_str(r, ends[k], NULL);
                if (id) {
                    worse(f, id, rank);
                }
            }
        }
    }
}

static const char *description(const json_t *vuln)
{
    size_t i;
    json_t *n;
    const char *first = NULL;
    json_array_foreach(json_object_get(vuln, "notes"), i, n)
    {
        const char *category = tsn_json_str(n, "category", ""),
                   *text = tsn_json_str(n, "text", NULL);
        if (text && strcmp(category, "description") == 0) {
            return text;
        }
        if (text && !first && strcmp(category, "summary") == 0) {
            first = text;
        }
    }
    return first;
}

/* What an advisory of our own about the same vulnerability starts from. */
static json_t *vuln_kept(const json_t *vuln)
{
    static const char *const keys[] = {"cve", "title", "cwe", "ids"};
    json_t *o = json_object(), *scores = json_array();
    for (size_t k = 0; k < 4; k++) {
        const json_t *v = json_object_get(vuln, keys[k]);
        if (v) {
            json_object_set_new(o, keys[k], json_deep_copy(v));
        }
    }
    const char *text = description(vuln);
    if (text) {
        json_object_set_new(o, "description", cut(text, TEXT_MAX));
    }
    json_t *seen = json_object(), *item;
    size_t i;
    json_array_foreach(json_object_get(vuln, "scores"), i, item)
    {
        const json_t *v3 = json_object_get(item, "cvss_v3");
        const char *vector =
            tsn_json_str(v3 ? v3 : json_object_get(item, "cvss_v2"), "vectorString", NULL);
        /* One score a version: our product has one, so the first one said stands. */
        if (vector && !json_object_get(seen, v3 ? "3" : "2")) {
            json_object_set_new(seen, v3 ? "3" : "2", json_true());
            json_array_append_new(scores, json_pack("{s:s}", "vector", vector));
        }
    }
    json_decref(seen);
    if (json_array_size(scores)) {
        json_object_set(o, "scores", scores);
    }
    json_decref(scores);
    return o;
}

static double top_score(const json_t *vulns, const char **word)
{
    double top = -1;
    size_t i, k;
    json_t *v, *s;
    json_array_foreach(vulns, i, v)
    {
        json_array_foreach(json_object_get(v, "scores"), k, s)
        {
            const json_t *v3 = json_object_get(s, "cvss_v3");
            const json_t *base =
                json_object_get(v3 ? v3 : json_object_get(s, "cvss_v2"), "baseScore");
            if (json_is_number(base) && json_number_value(base) > top) {
                top = json_number_value(base);
                *word = top >= 9 && v3 ? "critical"
                        : top >= 7     ? "high"
                        : top >= 4     ? "medium"
                                       : "low";
            }
        }
    }
    return top;
}

/* The words vendors use, as ours. What nobody judged is treated as high until triage. */
static const char *said_severity(const json_t *doc)
{
    static const struct {
        const char *said, *ours;
    } words[] = {
        {"critical", "critical"}, {"high", "high"},       {"important", "high"},
        {"medium", "medium"},     {"moderate", "medium"}, {"low", "low"},
    };
    const char *text = tsn_json_str(json_object_get(doc, "aggregate_severity"), "text", "");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(words[i].said, text) == 0) {
            return words[i].ours;
        }
    }
    return "high";
}

static json_t *summary_of(const json_t *doc)
{
    static const char *const order[] = {"summary", "description", "details", "general"};
    for (size_t k = 0; k < 4; k++) {
        size_t i;
        json_t *n;
        json_array_foreach(json_object_get(doc, "notes"), i, n)
        {
            const char *text = tsn_json_str(n, "text", NULL);
            if (text && strcmp(tsn_json_str(n, "category", ""), order[k]) == 0) {
                return cut(text, TEXT_MAX);
            }
        }
    }
    return json_string("");
}

static const char *url_of(const json_t *doc)
{
    const char *any = "";
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(doc, "references"), i, r)
    {
        const char *url = tsn_json_str(r, "url", "");
        if (strcmp(tsn_json_str(r, "category", "external"), "self") == 0) {
            return url;
        }
        any = *any ? any : url;
    }
    return any;
}

static bool withdrawn(const json_t *doc)
{
    return strcmp(tsn_json_str(doc, "category", ""), "csaf_withdrawn") == 0 ||
           strncasecmp(tsn_json_str(doc, "title", ""), "withdrawn", 9) == 0;
}

static json_t *assemble(struct facts *f, const json_t *csaf, const json_t *doc,
                        const json_t *track)
{
    const json_t *vulns = json_object_get(csaf, "vulnerabilities");
    const json_t *by = json_object_get(doc, "publisher");
    const json_t *tree = json_object_get(csaf, "product_tree");
    json_t *rows = json_object(), *products = json_array(), *cves = json_array(),
           *kept = json_array(), *seen = json_object(), *v;
    char digest[2 * TSN_HASH_LEN + 1];
    const char *severity = said_severity(doc), *key;
    size_t i;
    walk_tree(f, tree, note_path, NULL);
    json_array_foreach(vulns, i, v)
    {
        vuln_facts(f, v);
        const char *cve = tsn_json_str(v, "cve", NULL);
        if (cve && !json_object_get(seen, cve)) {
            json_object_set_new(seen, cve, json_true());
            json_array_append_new(cves, json_string(cve));
        }
        if (i < VULNS_MAX) {
            json_array_append_new(kept, vuln_kept(v));
        }
    }
    spread(f, tree);
    if (json_array_size(vulns) == 0) {
        fact(f, "document", tsn_json_str(doc, "title", ""), tsn_json_str(doc, "category", ""),
             "");
        json_object_foreach(f->paths, key, v)
        {
            fact(f, "product", json_string_value(v), "", "");
        }
    }
    if (withdrawn(doc)) {
        fact(f, "withdrawn", "", "", "");
    }
    walk_tree(f, tree, note_row, rows);
    json_object_foreach(rows, key, v)
    {
        json_array_append(products, v);
    }
    substance(f, digest);
    double score = top_score(vulns, &severity);
    json_t *out = json_object();
    json_object_set_new(out, "id", cut(tsn_json_str(track, "id", ""), 500));
    json_object_set_new(out, "namespace", cut(tsn_json_str(by, "namespace", ""), 500));
    json_object_set_new(out, "publisher", cut(tsn_json_str(by, "name", ""), 500));
    json_object_set_new(out, "publisher_category", cut(tsn_json_str(by, "category", ""), 50));
    json_object_set_new(out, "version", cut(tsn_json_str(track, "version", ""), 100));
    json_object_set_new(out, "status", cut(tsn_json_str(track, "status", ""), 50));
    json_object_set_new(out, "released",
                        cut(tsn_json_str(track, "current_release_date", ""), 50));
    json_object_set_new(out, "title", cut(tsn_json_str(doc, "title", ""), 900));
    json_object_set_new(out, "category", cut(tsn_json_str(doc, "category", ""), 100));
    json_object_set_new(out, "summary", summary_of(doc));
    json_object_set_new(out, "url", cut(url_of(doc), 2000));
    json_object_set_new(out, "severity", json_string(severity));
    json_object_set_new(out, "score", score < 0 ? json_null() : json_real(score));
    json_object_set_new(out, "withdrawn", json_boolean(withdrawn(doc)));
    json_object_set_new(out, "cves", cves);
    json_object_set_new(out, "vulnerabilities", kept);
    json_object_set_new(out, "products", products);
    json_object_set_new(out, "substance", json_string(digest));
    json_decref(rows);
    json_decref(seen);
    return out;
}

static tsn_err check(const json_t *csaf, struct tsn_diag *diag)
{
    const json_t *doc = json_object_get(csaf, "document");
    const json_t *track = json_object_get(doc, "tracking");
    static const char *const needed[] = {"id", "version", "current_release_date"};
    if (strncmp(tsn_json_str(doc, "csaf_version", ""), "2.", 2) != 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F007", "it is not a CSAF 2.x document");
    }
    for (size_t i = 0; i < 3; i++) {
        if (!*tsn_json_str(track, needed[i], "")) {
            return tsn_diag_set(diag, TSN_EINPUT, "F007", "/document/tracking/%s is missing",
                                needed[i]);
        }
    }
    if (!*tsn_json_str(doc, "title", "")) {
        return tsn_diag_set(diag, TSN_EINPUT, "F007", "/document/title is missing");
    }
    return 0;
}

static tsn_err facts_of(const json_t *csaf, bool words, json_t **out, struct tsn_fact_set *set,
                        struct tsn_diag *diag)
{
    const json_t *doc = json_object_get(csaf, "document");
    tsn_err err = check(csaf, diag);
    *out = NULL;
    if (err) {
        return err;
    }
    struct facts f = {.sha = tsn_sha256_new(),
                      .status = json_object(),
                      .paths = json_object(),
                      .names = words ? json_object() : NULL};
    *out = assemble(&f, csaf, doc, json_object_get(doc, "tracking"));
    tsn_sha256_destroy(f.sha);
    json_decref(f.status);
    json_decref(f.paths);
    json_decref(f.names);
    if (set) {
        *set = (struct tsn_fact_set){.facts = f.set, .n = f.n};
    } else {
        free(f.set);
    }
    return 0;
}

tsn_err tsn_csaf_facts(const json_t *csaf, json_t **out, struct tsn_diag *diag)
{
    return facts_of(csaf, false, out, NULL, diag);
}

tsn_err tsn_csaf_fact_set(const json_t *csaf, json_t **facts, struct tsn_fact_set *set,
                          struct tsn_diag *diag)
{
    *set = (struct tsn_fact_set){0};
    return facts_of(csaf, true, facts, set, diag);
}

void tsn_fact_set_free(struct tsn_fact_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        free(set->facts[i].text);
    }
    free(set->facts);
    *set = (struct tsn_fact_set){0};
}
