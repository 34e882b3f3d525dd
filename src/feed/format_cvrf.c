/* format_cvrf.c - CVRF 1.1 and 1.2 in XML (SUSE, openEuler, Cisco, Red Hat) and Microsoft's CVRF in JSON
 * as claims. What an rpm distribution fixes is said of a package of a product; whatever is older there
 * is affected. Others are said by vendor, name and version. Pure. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "feed/format.h"
#include "feed/xml_tree.h"

#define DEPTH_MAX 60

/* --- products ------------------------------------------------------------------------------------- */

struct product {
    const char *id, *vendor, *name, *version, *shown, *cpe;
    const char *part, *whole; /* ids, of a relationship; NULL */
};

struct tree {
    struct tsn_arena *arena;
    json_t *place; /* id -> index */
    struct product *all;
    size_t n, cap;
    const struct tsn_sink *sink;
};

static void note(struct tree *t, struct product p)
{
    if (!*p.id || json_object_get(t->place, p.id)) {
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
    json_object_set_new(t->place, p.id, json_integer((json_int_t)t->n));
    t->all[t->n++] = p;
}

static const struct product *find(const struct tree *t, const char *id)
{
    const json_t *at = id ? json_object_get(t->place, id) : NULL;
    return at ? &t->all[json_integer_value(at)] : NULL;
}

static void branches(struct tree *t, const struct tsn_xml *from, struct product at, int depth)
{
    for (const struct tsn_xml *x = from->first; x && depth < DEPTH_MAX; x = x->next) {
        struct product p = at;
        if (strcmp(x->name, "FullProductName") == 0) {
            p.id = tsn_xml_attr(x, "ProductID");
            p.cpe = tsn_xml_attr(x, "CPE");
            p.shown = x->text;
            note(t, p);
        } else if (strcmp(x->name, "Relationship") == 0) {
            const struct tsn_xml *full = tsn_xml_child(x, "FullProductName");
            p = (struct product){.id = tsn_xml_attr(full, "ProductID"),
                                 .shown = full ? full->text : "",
                                 .cpe = "",
                                 .part = tsn_xml_attr(x, "ProductReference"),
                                 .whole = tsn_xml_attr(x, "RelatesToProductReference")};
            note(t, p);
        } else if (strcmp(x->name, "Branch") == 0) {
            const char *type = tsn_xml_attr(x, "Type"), *name = tsn_xml_attr(x, "Name");
            if (strcmp(type, "Vendor") == 0) {
                p.vendor = name;
            } else if (strcmp(type, "Product Name") == 0) {
                p.name = name;
            } else if (strcmp(type, "Product Version") == 0 ||
                       strcmp(type, "Service Pack") == 0) {
                p.version = name;
            }
            branches(t, x, p, depth + 1);
        }
    }
}

/* --- packages -------------------------------------------------------------------------------------- */

/* "libvirt-1.1.2-2.48.1", "perf-5.10.0-153.48.0.126.oe2203sp2.aarch64.rpm": name and version-release. */
static bool split_rpm(struct tsn_arena *arena, const char *nevra, const char **name,
                      const char **evr)
{
    static const char *const archs[] = {".x86_64", ".aarch64", ".noarch", ".src",    ".i586",
                                        ".i686",   ".ppc64le", ".s390x",  ".riscv64"};
    char *s = tsn_arena_strdup(arena, nevra);
    size_t n = strlen(s);
    if (n > 4 && strcmp(s + n - 4, ".rpm") == 0) {
        s[n -= 4] = '\0';
    }
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        size_t m = strlen(archs[i]);
        if (n > m && strcmp(s + n - m, archs[i]) == 0) {
            s[n - m] = '\0';
            break;
        }
    }
    char *release = strrchr(s, '-');
    if (!release || release == s || !isalnum((unsigned char)release[1])) {
        return false;
    }
    char *version = release - 1;
    while (version > s && *version != '-') {
        version--;
    }
    if (version <= s || !isdigit((unsigned char)version[1])) {
        return false;
    }
    *evr = tsn_arena_strdup(arena, version + 1);
    *version = '\0';
    *name = s;
    return true;
}

/* The distribution that a product is: "openSUSE Leap 15.6", "SUSE Linux Enterprise Server 12 SP3",
 * "openEuler-22.03-LTS-SP2". */
static bool distribution(struct tsn_arena *arena, const char *product, struct tsn_package *p)
{
    static const struct {
        const char *begins, *family;
    } known[] = {{"openSUSE", "opensuse"},
                 {"SUSE", "suse"},
                 {"openEuler", "openeuler"},
                 {"Red Hat Enterprise Linux", "redhat"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncasecmp(product, known[i].begins, strlen(known[i].begins)) != 0) {
            continue;
        }
        const char *digit = strpbrk(product, "0123456789");
        size_t n = digit ? strspn(digit, "0123456789.") : 0;
        const char *sp = digit ? strstr(digit, "SP") : NULL;
        p->type = "rpm";
        p->family = known[i].family;
        p->scheme = TSN_SCHEME_RPM;
        p->release =
            !digit ? ""
            : sp && strcmp(known[i].family, "suse") == 0 && isdigit((unsigned char)sp[2])
                ? tsn_arena_printf(arena, "%.*s.%.*s", (int)n, digit,
                                   (int)strspn(sp + 2, "0123456789"), sp + 2)
                : tsn_arena_strndup(arena, digit, n);
        return true;
    }
    return false;
}

/* --- claims ------------------------------------------------------------------------------------------ */

static bool stance_of(const char *type, enum tsn_stance *out)
{
    static const struct {
        const char *type;
        enum tsn_stance stance;
    } all[] = {{"Fixed", TSN_STANCE_FIXED},
               {"First Fixed", TSN_STANCE_FIXED},
               {"Recommended", TSN_STANCE_FIXED},
               {"Known Affected", TSN_STANCE_AFFECTED},
               {"First Affected", TSN_STANCE_AFFECTED},
               {"Last Affected", TSN_STANCE_AFFECTED},
               {"Known Not Affected", TSN_STANCE_NOT_AFFECTED},
               {"Under Investigation", TSN_STANCE_INVESTIGATED}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcasecmp(all[i].type, type) == 0) {
            *out = all[i].stance;
            return true;
        }
    }
    return false;
}

/* A package of a distribution that is fixed in this version: older ones there are affected. */
static bool package_claim(struct tree *t, const struct product *p, const char *vuln)
{
    const struct product *part = p->part ? find(t, p->part) : p,
                         *whole = p->whole ? find(t, p->whole) : NULL;
    struct tsn_claim c = {.stance = TSN_STANCE_AFFECTED, .vuln = vuln, .span = TSN_SPAN_BOUNDS};
    const char *evr;
    if (!part || !whole ||
        !distribution(t->arena, *whole->shown ? whole->shown : whole->id, &c.package) ||
        !split_rpm(t->arena, *part->shown ? part->shown : part->id, &c.package.name, &evr)) {
        return false;
    }
    c.inferred = true;
    c.bounds.to = evr;
    c.fixed = evr;
    c.pointer = p->id;
    t->sink->claim(t->sink->user, &c);
    return true;
}

/* openEuler says a product fixed and lists the packages of its tree beside it. */
static bool whole_claims(struct tree *t, const struct product *whole, const char *vuln)
{
    struct tsn_package base = {0};
    size_t said = 0;
    if (!distribution(t->arena, *whole->shown ? whole->shown : whole->id, &base)) {
        return false;
    }
    for (size_t i = 0; i < t->n; i++) {
        struct tsn_claim c = {.stance = TSN_STANCE_AFFECTED,
                              .vuln = vuln,
                              .package = base,
                              .span = TSN_SPAN_BOUNDS,
                              .inferred = true,
                              .pointer = t->all[i].id};
        const char *evr;
        if (&t->all[i] == whole || !t->all[i].cpe || !whole->cpe || !*whole->cpe ||
            strcmp(t->all[i].cpe, whole->cpe) != 0 ||
            !split_rpm(t->arena, t->all[i].shown, &c.package.name, &evr)) {
            continue;
        }
        c.bounds.to = evr;
        c.fixed = evr;
        t->sink->claim(t->sink->user, &c);
        said++;
    }
    return said > 0;
}

static void name_claim(struct tree *t, const struct product *p, enum tsn_stance stance,
                       const char *vuln)
{
    const struct product *named = p->part && !p->name ? find(t, p->part) : p;
    named = named ? named : p;
    struct tsn_claim c = {.stance = stance,
                          .vuln = vuln,
                          .vendor = named->vendor,
                          .product = named->name ? named->name : named->shown,
                          .span = named->version ? TSN_SPAN_EXACT : TSN_SPAN_ALL,
                          .version = named->version,
                          .pointer = p->id};
    if (named->cpe && *named->cpe) {
        c.cpe = named->cpe;
    }
    t->sink->claim(t->sink->user, &c);
}

static void vulnerability(struct tree *t, const struct tsn_xml *v, struct tsn_record r)
{
    const struct tsn_xml *statuses = tsn_xml_child(v, "ProductStatuses");
    const struct tsn_xml *sets = tsn_xml_child(v, "CVSSScoreSets");
    const struct tsn_xml *score = sets ? sets->first : NULL;
    const char *cve = tsn_xml_text(v, "CVE");
    if (!*cve) {
        return;
    }
    json_t *upstream = tsn_format_strings(t->arena);
    json_array_append_new(upstream, json_string(cve));
    r.upstream = upstream;
    const char *vector = tsn_xml_text(score ? score : sets, "Vector");
    const char *v3 = tsn_xml_text(score ? score : sets, "VectorV3");
    r.vector = *v3 ? v3 : vector;
    t->sink->record(t->sink->user, &r);
    for (const struct tsn_xml *s = tsn_xml_child(statuses, "Status"); s; s = tsn_xml_again(s)) {
        enum tsn_stance stance;
        if (!stance_of(tsn_xml_attr(s, "Type"), &stance)) {
            continue;
        }
        for (const struct tsn_xml *i = tsn_xml_child(s, "ProductID"); i; i = tsn_xml_again(i)) {
            const struct product *p = find(t, i->text);
            if (p && !(stance == TSN_STANCE_FIXED &&
                       (package_claim(t, p, cve) || whole_claims(t, p, cve)))) {
                name_claim(t, p, stance, cve);
            }
        }
    }
}

tsn_err tsn_read_cvrf(struct tsn_arena *arena, const struct tsn_xml *root,
                      const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const struct tsn_xml *track = tsn_xml_child(root, "DocumentTracking"),
                         *publisher = tsn_xml_child(root, "DocumentPublisher"),
                         *products = tsn_xml_child(root, "ProductTree");
    struct tree t = {.arena = arena, .place = json_object(), .sink = sink};
    const char *id = tsn_xml_text(tsn_xml_child(track, "Identification"), "ID");
    const struct tsn_record r = {.id = id,
                                 .source = "cvrf",
                                 .publisher = tsn_xml_text(publisher, "IssuingAuthority"),
                                 .ns = "",
                                 .title = tsn_xml_text(root, "DocumentTitle"),
                                 .url = "",
                                 .modified = tsn_xml_text(track, "CurrentReleaseDate"),
                                 .severity = tsn_xml_text(root, "AggregateSeverity"),
                                 .vector = ""};
    tsn_err err = 0;
    if (!*id) {
        err = tsn_diag_set(diag, TSN_EINPUT, "F110",
                           "DocumentTracking/Identification/ID is missing");
    } else {
        if (products) {
            branches(&t, products, (struct product){.cpe = "", .shown = ""}, 0);
        }
        sink->record(sink->user, &r);
        for (const struct tsn_xml *v = tsn_xml_child(root, "Vulnerability"); v;
             v = tsn_xml_again(v)) {
            vulnerability(&t, v, r);
        }
    }
    json_decref(t.place);
    return err;
}

/* --- Microsoft's JSON ---------------------------------------------------------------------------------- */

static const char *value(const json_t *o, const char *key)
{
    return tsn_json_str(json_object_get(o, key), "Value", "");
}

/* The build that fixes this vulnerability in that product; NULL: none is named. */
static const char *fixed_build(const json_t *v, const char *product)
{
    size_t i, k;
    json_t *r, *id;
    json_array_foreach(json_object_get(v, "Remediations"), i, r)
    {
        const char *build = tsn_json_str(r, "FixedBuild", "");
        if (tsn_json_int(r, "Type", -1) != 2 || !isdigit((unsigned char)*build)) {
            continue;
        }
        json_array_foreach(json_object_get(r, "ProductID"), k, id)
        {
            if (json_string_value(id) && strcmp(json_string_value(id), product) == 0) {
                return build;
            }
        }
    }
    return NULL;
}

static void ms_statuses(const json_t *v, const json_t *names, const char *cve,
                        const struct tsn_sink *sink)
{
    /* Type of ProductStatuses in the MSRC API: the order of CVRF's enumeration. */
    static const enum tsn_stance stances[] = {TSN_STANCE_AFFECTED,     TSN_STANCE_FIXED,
                                              TSN_STANCE_FIXED,        TSN_STANCE_AFFECTED,
                                              TSN_STANCE_NOT_AFFECTED, TSN_STANCE_AFFECTED,
                                              TSN_STANCE_FIXED,        TSN_STANCE_INVESTIGATED};
    size_t i, k;
    json_t *s, *id;
    json_array_foreach(json_object_get(v, "ProductStatuses"), i, s)
    {
        int64_t type = tsn_json_int(s, "Type", -1);
        if (type < 0 || type >= (int64_t)(sizeof stances / sizeof stances[0])) {
            continue;
        }
        json_array_foreach(json_object_get(s, "ProductID"), k, id)
        {
            const char *product = json_string_value(id);
            const char *name = product ? tsn_json_str(names, product, NULL) : NULL;
            if (!name) {
                continue;
            }
            const char *build =
                stances[type] == TSN_STANCE_AFFECTED ? fixed_build(v, product) : NULL;
            const struct tsn_claim c = {.stance = stances[type],
                                        .vuln = cve,
                                        .vendor = "Microsoft",
                                        .product = name,
                                        .span = build ? TSN_SPAN_BOUNDS : TSN_SPAN_ALL,
                                        .bounds = {.to = build},
                                        .fixed = build,
                                        .pointer = product};
            sink->claim(sink->user, &c);
        }
    }
}

tsn_err tsn_read_msrc(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                      struct tsn_diag *diag)
{
    const json_t *track = json_object_get(doc, "DocumentTracking");
    json_t *names = json_object(), *p, *v;
    size_t i;
    struct tsn_record r = {.id = value(json_object_get(track, "Identification"), "ID"),
                           .source = "msrc",
                           .publisher = "Microsoft",
                           .ns = "https://msrc.microsoft.com",
                           .title = value(doc, "DocumentTitle"),
                           .url = "",
                           .modified = tsn_json_str(track, "CurrentReleaseDate", ""),
                           .severity = "",
                           .vector = ""};
    tsn_err err = 0;
    if (!*r.id) {
        err = tsn_diag_set(diag, TSN_EINPUT, "F110",
                           "/DocumentTracking/Identification/ID/Value is missing");
    } else {
        sink->record(sink->user, &r);
    }
    json_array_foreach(json_object_get(json_object_get(doc, "ProductTree"), "FullProductName"),
                       i, p)
    {
        json_object_set_new(names, tsn_json_str(p, "ProductID", ""),
                            json_string(tsn_json_str(p, "Value", "")));
    }
    json_array_foreach(json_object_get(doc, "Vulnerability"), i, v)
    {
        const char *cve = tsn_json_str(v, "CVE", "");
        if (err || !*cve) {
            continue;
        }
        json_t *upstream = tsn_format_strings(arena);
        json_array_append_new(upstream, json_string(cve));
        r.upstream = upstream;
        r.vector =
            tsn_json_str(json_array_get(json_object_get(v, "CVSSScoreSets"), 0), "Vector", "");
        sink->record(sink->user, &r);
        ms_statuses(v, names, cve, sink);
    }
    json_decref(names);
    return err;
}
