/* format_csaf.c - CSAF 2.x documents as claims: the product tree walked, relationships resolved,
 * each status of each vulnerability said of a package, a CPE or a name. Pure. */
#include <string.h>
#include <strings.h>
#include "core/cpe.h"
#include "core/json.h"
#include "feed/format.h"
#include "feed/purl.h"

#define DEPTH_MAX 60

struct product {
    const char *vendor, *name, *version; /* of the branches; NULL */
    bool range;
    const json_t *self;       /* the full_product_name_t */
    const char *part, *whole; /* ids of a relationship; NULL */
};

struct tree {
    struct tsn_arena *arena;
    json_t *place; /* product id -> index */
    struct product *all;
    size_t n, cap;
    json_t *groups; /* group id -> product ids, borrowed */
    const struct tsn_sink *sink;
    bool security; /* the document announces fixes: what is older is affected */
};

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

static void note(struct tree *t, const struct product *p)
{
    const char *id = tsn_json_str(p->self, "product_id", NULL);
    if (!id || json_object_get(t->place, id)) {
        return;
    }
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct product *more = tsn_arena_alloc(t->arena, cap * sizeof *more);
        if (t->n) {
            memcpy(more, t->all, t->n * sizeof *more);
        }
        t->all = more;
        t->cap = cap;
    }
    json_object_set_new(t->place, id, json_integer((json_int_t)t->n));
    t->all[t->n++] = *p;
}

static void branches(struct tree *t, const json_t *list, struct product at, int depth)
{
    size_t i;
    json_t *b;
    if (depth > DEPTH_MAX) {
        return;
    }
    json_array_foreach(list, i, b)
    {
        struct product p = at;
        const char *category = text(b, "category"), *name = text(b, "name");
        if (strcmp(category, "vendor") == 0) {
            p.vendor = name;
        } else if (strcmp(category, "product_name") == 0) {
            p.name = name;
        } else if (strncmp(category, "product_version", 15) == 0) {
            p.version = name;
            p.range = category[15] != '\0';
        }
        p.self = json_object_get(b, "product");
        if (p.self) {
            note(t, &p);
        }
        branches(t, json_object_get(b, "branches"), p, depth + 1);
    }
}

static const struct product *find(const struct tree *t, const char *id)
{
    const json_t *at = id ? json_object_get(t->place, id) : NULL;
    return at ? &t->all[json_integer_value(at)] : NULL;
}

static void read_tree(struct tree *t, const json_t *tree)
{
    size_t i;
    json_t *x;
    branches(t, json_object_get(tree, "branches"), (struct product){0}, 0);
    json_array_foreach(json_object_get(tree, "full_product_names"), i, x)
    {
        struct product p = {.self = x};
        note(t, &p);
    }
    json_array_foreach(json_object_get(tree, "relationships"), i, x)
    {
        struct product p = {.self = json_object_get(x, "full_product_name"),
                            .part = tsn_json_str(x, "product_reference", NULL),
                            .whole = tsn_json_str(x, "relates_to_product_reference", NULL)};
        note(t, &p);
    }
    json_array_foreach(json_object_get(tree, "product_groups"), i, x)
    {
        json_object_set(t->groups, text(x, "group_id"), json_object_get(x, "product_ids"));
    }
}

/* --- what is meant ---------------------------------------------------------------------------- */

static const json_t *helper(const struct product *p)
{
    return json_object_get(p->self, "product_identification_helper");
}

static const char *purl_of(const struct product *p)
{
    const char *one = text(helper(p), "purl");
    const char *first =
        json_string_value(json_array_get(json_object_get(helper(p), "purls"), 0));
    return *one ? one : first ? first : "";
}

/* The release of a distribution that a product's CPE names; *other: a product that only runs on
 * it. */
static const char *release_of(struct tree *t, const struct product *whole, bool *other)
{
    struct tsn_cpe c;
    const char *cpe = whole ? text(helper(whole), "cpe") : "";
    *other = false;
    if (!*cpe || tsn_cpe_parse(t->arena, cpe, &c, NULL) != 0) {
        return "";
    }
    const char *product = c.part[TSN_CPE_PRODUCT];
    if (strncmp(product, "enterprise_linux", 16) == 0 || strncmp(product, "rhel", 4) == 0 ||
        c.part[TSN_CPE_PART][0] == 'o') {
        const char *version = tsn_cpe_plain(t->arena, &c, TSN_CPE_VERSION);
        return strcmp(version, "*") == 0 ? "" : version;
    }
    *other = true;
    const char *el = c.part[TSN_CPE_EDITION];
    return strncmp(el, "el", 2) == 0 ? tsn_arena_strdup(t->arena, el + 2) : "";
}

/* "All versions < V4.33", ">= 1.0 | < 2.0", "< 4.0.517": comparators; NULL for prose. */
static const char *comparators(struct tree *t, const char *range)
{
    static const char prefix[] = "all versions";
    if (strncasecmp(range, prefix, sizeof prefix - 1) == 0) {
        range += sizeof prefix - 1;
        range += strspn(range, " ");
        if (!*range) {
            return "*";
        }
    }
    if (!strpbrk(range, "<>=")) {
        return NULL;
    }
    char *out = tsn_arena_strdup(t->arena, range), *to = out;
    for (const char *p = range; *p; p++) {
        bool v = (*p == 'v' || *p == 'V') && p[1] >= '0' && p[1] <= '9' &&
                 (p == range || strchr(" <>=", p[-1]));
        if (!v) {
            *to++ = *p == '|' ? ',' : *p;
        }
    }
    *to = '\0';
    return out;
}

static void versions_of(struct tree *t, const struct product *p, const char *purl_version,
                        struct tsn_claim *c)
{
    c->span = TSN_SPAN_ALL;
    if (*purl_version) {
        c->span = TSN_SPAN_EXACT;
        c->version = purl_version;
    } else if (p->version && p->range) {
        const char *words = comparators(t, p->version);
        bool vers = strncmp(p->version, "vers:", 5) == 0;
        c->span = vers                      ? TSN_SPAN_VERS
                  : !words                  ? TSN_SPAN_UNREAD
                  : strcmp(words, "*") == 0 ? TSN_SPAN_ALL
                                            : TSN_SPAN_WORDS;
        c->version = vers ? p->version : words;
    } else if (c->package.type && *c->package.family) {
        return; /* the branch repeats the package's name */
    } else if (p->version && *p->version) {
        bool v = (*p->version == 'v' || *p->version == 'V') && p->version[1] >= '0' &&
                 p->version[1] <= '9';
        c->span = TSN_SPAN_EXACT;
        c->version = p->version + v;
    }
}

/* What the product id names, as far as somebody else can know it. False: nothing. */
static bool subject(struct tree *t, const struct product *p, struct tsn_claim *c)
{
    const struct product *part = p, *whole = NULL;
    bool other = false;
    /* "A as a component of B": it is about A, in B. Chains are followed a few steps. */
    for (int i = 0; i < 4 && part && part->part; i++) {
        whole = whole ? whole : find(t, part->whole);
        part = find(t, part->part);
    }
    if (!part) {
        return false;
    }
    const char *purl = purl_of(part), *version = "";
    purl = *purl ? purl : purl_of(p);
    c->package.type = NULL;
    if (*purl && tsn_package_of_purl(t->arena, purl, &c->package, &version)) {
        const char *release = release_of(t, whole, &other);
        if (*c->package.family && *release) {
            c->package.release = release;
        }
        c->conditional = c->conditional || (whole && *c->package.family && other);
        if (strstr(purl, "rpmmod=")) {
            struct tsn_purl parts;
            const char *why;
            (void)tsn_purl_parse(t->arena, purl, TSN_PURL_LOOSE, &parts, &why);
            c->module = tsn_purl_qualifier(&parts, "rpmmod");
        }
    }
    c->cpe = *text(helper(part), "cpe") ? text(helper(part), "cpe") : NULL;
    c->vendor = part->vendor;
    c->product = part->name ? part->name : text(part->self, "name");
    c->inside = whole ? (*purl_of(whole) ? purl_of(whole) : text(whole->self, "name")) : NULL;
    versions_of(t, part, version, c);
    return true;
}

/* --- statements ------------------------------------------------------------------------------- */

static bool listed(struct tree *t, const json_t *o, const char *id)
{
    size_t i, k;
    json_t *x, *g;
    json_array_foreach(json_object_get(o, "product_ids"), i, x)
    {
        if (strcmp(json_string_value(x) ? json_string_value(x) : "", id) == 0) {
            return true;
        }
    }
    json_array_foreach(json_object_get(o, "group_ids"), i, g)
    {
        const char *name = json_string_value(g);
        json_array_foreach(name ? json_object_get(t->groups, name) : NULL, k, x)
        {
            if (strcmp(json_string_value(x) ? json_string_value(x) : "", id) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Why a product is not affected: a flag, or the impact in words. */
static const char *justification(struct tree *t, const json_t *vuln, const char *id)
{
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(vuln, "flags"), i, x)
    {
        if (listed(t, x, id)) {
            return text(x, "label");
        }
    }
    json_array_foreach(json_object_get(vuln, "threats"), i, x)
    {
        if (strcmp(text(x, "category"), "impact") == 0 && listed(t, x, id)) {
            return text(x, "details");
        }
    }
    return NULL;
}

/* The version of the product in `list` that differs from p by its version alone. */
static const char *counterpart(const struct tree *t, const json_t *list,
                               const struct product *p)
{
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x)
    {
        const struct product *q = find(t, json_string_value(x));
        if (q && q != p && q->name && p->name && strcmp(q->name, p->name) == 0 && q->version) {
            return q->version;
        }
    }
    return NULL;
}

static void interval(struct tree *t, const json_t *status, const char *which,
                     const struct product *p, struct tsn_claim *c)
{
    bool first = strcmp(which, "first_affected") == 0;
    const char *end =
        counterpart(t, json_object_get(status, first ? "last_affected" : "first_affected"), p);
    c->span = TSN_SPAN_BOUNDS;
    c->bounds = (struct tsn_bounds){.from = first ? c->version : end,
                                    .to = first ? end : c->version,
                                    .with_from = true,
                                    .with_to = true};
}

static void say(struct tree *t, const json_t *vuln, const char *which, enum tsn_stance stance,
                const char *key, size_t at)
{
    const json_t *status = json_object_get(vuln, "product_status");
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(status, which), i, x)
    {
        const char *id = json_string_value(x);
        const struct product *p = find(t, id);
        struct tsn_claim c = {
            .stance = stance,
            .vuln = key,
            .pointer = tsn_arena_printf(t->arena, "/vulnerabilities/%zu/product_status/%s/%zu",
                                        at, which, i)};
        if (!p || !subject(t, p, &c)) {
            continue;
        }
        if (strstr(which, "t_affected") && c.span == TSN_SPAN_EXACT) {
            interval(t, status, which, p, &c);
        }
        if (stance == TSN_STANCE_NOT_AFFECTED) {
            c.justification = justification(t, vuln, id);
        }
        t->sink->claim(t->sink->user, &c);
        /* A distribution's fixed package: older ones of the same stream have the flaw. */
        if (stance == TSN_STANCE_FIXED && c.span == TSN_SPAN_EXACT && c.package.type &&
            *c.package.family && t->security) {
            c.stance = TSN_STANCE_AFFECTED;
            c.inferred = true;
            c.span = TSN_SPAN_BOUNDS;
            c.bounds = (struct tsn_bounds){.to = c.version};
            c.fixed = c.version;
            t->sink->claim(t->sink->user, &c);
        }
    }
}

static const char *vector_of(const json_t *vuln)
{
    static const char *const keys[] = {"cvss_v4", "cvss_v3", "cvss_v2"};
    for (size_t k = 0; k < 3; k++) {
        size_t i;
        json_t *s;
        json_array_foreach(json_object_get(vuln, "scores"), i, s)
        {
            const char *v = text(json_object_get(s, keys[k]), "vectorString");
            if (*v) {
                return v;
            }
        }
        json_array_foreach(json_object_get(vuln, "metrics"), i, s)
        {
            const char *v =
                text(json_object_get(json_object_get(s, "content"), keys[k]), "vectorString");
            if (*v) {
                return v;
            }
        }
    }
    return "";
}

static const char *self_url(const json_t *doc)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(doc, "references"), i, r)
    {
        if (strcmp(text(r, "category"), "self") == 0) {
            return text(r, "url");
        }
    }
    return "";
}

tsn_err tsn_read_csaf(struct tsn_arena *arena, const json_t *csaf, const struct tsn_sink *sink,
                      struct tsn_diag *diag)
{
    static const struct {
        const char *key;
        enum tsn_stance stance;
    } statuses[] = {
        {"known_affected", TSN_STANCE_AFFECTED},
        {"first_affected", TSN_STANCE_AFFECTED},
        {"last_affected", TSN_STANCE_AFFECTED},
        {"under_investigation", TSN_STANCE_INVESTIGATED},
        {"fixed", TSN_STANCE_FIXED},
        {"first_fixed", TSN_STANCE_FIXED},
        {"recommended", TSN_STANCE_FIXED},
        {"known_not_affected", TSN_STANCE_NOT_AFFECTED},
    };
    const json_t *doc = json_object_get(csaf, "document"),
                 *by = json_object_get(doc, "publisher"),
                 *vulns = json_object_get(csaf, "vulnerabilities");
    const char *id = text(json_object_get(doc, "tracking"), "id");
    if (!*id) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "/document/tracking/id is missing");
    }
    const char *category = text(doc, "category");
    struct tree t = {.arena = arena,
                     .place = json_object(),
                     .groups = json_object(),
                     .sink = sink,
                     .security = strcmp(category, "csaf_security_advisory") == 0 ||
                                 strcmp(category, "csaf_vex") == 0};
    json_t *cves = tsn_format_strings(arena), *v;
    size_t i;
    read_tree(&t, json_object_get(csaf, "product_tree"));
    json_array_foreach(vulns, i, v)
    {
        const char *cve = text(v, "cve");
        if (*cve) {
            json_array_append_new(cves, json_string(cve));
        }
    }
    const struct tsn_record r = {
        .id = id,
        .source = "csaf",
        .publisher = text(by, "name"),
        .ns = text(by, "namespace"),
        .upstream = cves,
        .title = text(doc, "title"),
        .url = self_url(doc),
        .modified = text(json_object_get(doc, "tracking"), "current_release_date"),
        .severity = text(json_object_get(doc, "aggregate_severity"), "text"),
        .vector = vector_of(json_array_get(vulns, 0)),
        .withdrawn = strcmp(category, "csaf_withdrawn") == 0,
        .vex = strcmp(category, "csaf_vex") == 0,
    };
    sink->record(sink->user, &r);
    json_array_foreach(vulns, i, v)
    {
        const json_t *first = json_array_get(json_object_get(v, "ids"), 0);
        const char *key = tsn_json_str(v, "cve", tsn_json_str(first, "text", id));
        for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
            say(&t, v, statuses[s].key, statuses[s].stance, key, i);
        }
    }
    json_decref(t.place);
    json_decref(t.groups);
    return 0;
}
