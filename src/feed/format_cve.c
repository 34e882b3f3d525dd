/* format_cve.c - CVE records (JSON 5), NVD's API 2.0, CISA's KEV list, EPSS. Pure. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/cpe.h"
#include "core/json.h"
#include "feed/format.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* --- CVE 5 ------------------------------------------------------------------------------------ */

static const struct {
    const char *part, *ecosystem; /* of collectionURL */
} collections[] = {
    {"npmjs.", "npm"},
    {"pypi.", "PyPI"},
    {"maven.", "Maven"},
    {"maven2", "Maven"},
    {"rubygems.org", "RubyGems"},
    {"crates.io", "crates.io"},
    {"packagist.org", "Packagist"},
    {"nuget.org", "NuGet"},
    {"pkg.go.dev", "Go"},
    {"proxy.golang.org", "Go"},
    {"hex.pm", "Hex"},
    {"pub.dev", "Pub"},
    {"cran.r-project", "CRAN"},
    {"hackage.haskell", "Hackage"},
    {"conan.io", "ConanCenter"},
    {"access.redhat.com", "Red Hat"},
};

/* "cpe:/o:redhat:enterprise_linux:9::baseos" and "...:rhel_eus:9.2::appstream" name the release. */
static const char *redhat_release(struct tsn_arena *arena, const json_t *cpes)
{
    struct tsn_cpe c;
    const char *s = json_string_value(json_array_get(cpes, 0));
    if (!s || tsn_cpe_parse(arena, s, &c, NULL) != 0 ||
        strcmp(c.part[TSN_CPE_VERSION], "*") == 0) {
        return "";
    }
    return tsn_cpe_plain(arena, &c, TSN_CPE_VERSION);
}

static void cve_package(struct tsn_arena *arena, const json_t *a, struct tsn_claim *c)
{
    const char *purl = text(a, "packageURL"), *url = text(a, "collectionURL"),
               *name = text(a, "packageName"), *version;
    c->package.type = NULL;
    if (*purl && tsn_package_of_purl(arena, purl, &c->package, &version)) {
        return;
    }
    for (size_t i = 0; *name && i < sizeof collections / sizeof collections[0]; i++) {
        if (!strstr(url, collections[i].part)) {
            continue;
        }
        bool redhat = strcmp(collections[i].ecosystem, "Red Hat") == 0;
        const char *slash = redhat ? strrchr(name, '/') : NULL; /* "nodejs:18/nodejs" */
        (void)tsn_package_of_osv(arena, collections[i].ecosystem, slash ? slash + 1 : name,
                                 &c->package);
        if (redhat) {
            c->package.release = redhat_release(arena, json_object_get(a, "cpes"));
        }
        return;
    }
}

static bool said(const char *s)
{
    return *s && strcasecmp(s, "n/a") != 0 && strcasecmp(s, "unknown") != 0;
}

static void cve_affected(struct tsn_arena *arena, const json_t *list, const char *id,
                         const char *where, const struct tsn_sink *sink)
{
    size_t i, k;
    json_t *a, *cpe;
    json_array_foreach(list, i, a)
    {
        const char *vendor = text(a, "vendor"), *product = text(a, "product");
        struct tsn_claim c = {
            .stance = TSN_STANCE_AFFECTED,
            .vuln = id,
            .span = TSN_SPAN_CVE,
            .range = a,
            .vendor = said(vendor) ? vendor : NULL,
            .product = said(product) ? product : NULL,
            .pointer = tsn_arena_printf(arena, "%s/affected/%zu", where, i),
        };
        cve_package(arena, a, &c);
        const json_t *cpes = json_object_get(a, "cpes");
        /* One claim by names and package, then one for each CPE: any of them may find us. */
        if (c.package.type || c.product) {
            sink->claim(sink->user, &c);
        }
        c.vendor = c.product = NULL;
        bool distro = c.package.type && *c.package.family;
        c.package.type = NULL;
        json_array_foreach(cpes, k, cpe)
        {
            c.cpe = json_string_value(cpe);
            if (c.cpe && !distro) {
                sink->claim(sink->user, &c);
            }
        }
    }
}

/* The CNA's vector first, then those of others. */
static const char *cve_vector(const json_t *containers)
{
    static const char *const keys[] = {"cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"};
    const json_t *adp = json_object_get(containers, "adp");
    for (size_t turn = 0; turn <= json_array_size(adp); turn++) {
        const json_t *from =
            turn ? json_array_get(adp, turn - 1) : json_object_get(containers, "cna");
        for (size_t k = 0; k < 4; k++) {
            size_t i;
            json_t *m;
            json_array_foreach(json_object_get(from, "metrics"), i, m)
            {
                const char *v = text(json_object_get(m, keys[k]), "vectorString");
                if (*v) {
                    return v;
                }
            }
        }
    }
    return "";
}

static void cve_marks(const json_t *containers, const char *id, const struct tsn_sink *sink)
{
    size_t i, k;
    json_t *adp, *m;
    json_array_foreach(json_object_get(containers, "adp"), i, adp)
    {
        json_array_foreach(json_object_get(adp, "metrics"), k, m)
        {
            const json_t *other = json_object_get(m, "other");
            const char *type = text(other, "type");
            if (strcmp(type, "ssvc") == 0 || strcmp(type, "kev") == 0) {
                sink->mark(sink->user, type, id, json_object_get(other, "content"));
            }
        }
    }
}

static const char *english(const json_t *list, const char *key)
{
    size_t i;
    json_t *d;
    json_array_foreach(list, i, d)
    {
        if (strncmp(text(d, "lang"), "en", 2) == 0) {
            return text(d, key);
        }
    }
    return "";
}

tsn_err tsn_read_cve(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    const json_t *meta = json_object_get(doc, "cveMetadata"),
                 *containers = json_object_get(doc, "containers"),
                 *cna = json_object_get(containers, "cna");
    const char *id = text(meta, "cveId");
    size_t i;
    json_t *adp;
    if (strncmp(id, "CVE-", 4) != 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "/cveMetadata/cveId is missing");
    }
    bool rejected = strcmp(text(meta, "state"), "REJECTED") == 0;
    const char *title = text(cna, "title");
    const struct tsn_record r = {
        .id = id,
        .source = "cve",
        .publisher = text(meta, "assignerShortName"),
        .ns = "",
        .title = *title ? title : english(json_object_get(cna, "descriptions"), "value"),
        .url = tsn_arena_printf(arena, "https://www.cve.org/CVERecord?id=%s", id),
        .modified = text(meta, "dateUpdated"),
        .severity = "",
        .vector = cve_vector(containers),
        .withdrawn = rejected,
    };
    sink->record(sink->user, &r);
    if (rejected) {
        sink->mark(sink->user, "rejected", id,
                   json_array_get(json_object_get(cna, "rejectedReasons"), 0));
        return 0;
    }
    cve_affected(arena, json_object_get(cna, "affected"), id, "/containers/cna", sink);
    json_array_foreach(json_object_get(containers, "adp"), i, adp)
    {
        cve_affected(arena, json_object_get(adp, "affected"), id,
                     tsn_arena_printf(arena, "/containers/adp/%zu", i), sink);
    }
    cve_marks(containers, id, sink);
    return 0;
}

/* --- NVD -------------------------------------------------------------------------------------- */

static const char *bound(const json_t *m, const char *key)
{
    return tsn_json_str(m, key, NULL);
}

/* One node; what is beside vulnerable nodes under AND is the platform they run on. */
static void nvd_node(struct tsn_arena *arena, const json_t *node, bool conditional,
                     const char *id, const char *where, const struct tsn_sink *sink)
{
    size_t i;
    json_t *m;
    if (tsn_json_bool(node, "negate", false)) {
        return;
    }
    json_array_foreach(json_object_get(node, "cpeMatch"), i, m)
    {
        if (!tsn_json_bool(m, "vulnerable", true)) {
            continue;
        }
        const char *si = bound(m, "versionStartIncluding"),
                   *se = bound(m, "versionStartExcluding"),
                   *ei = bound(m, "versionEndIncluding"), *ee = bound(m, "versionEndExcluding");
        struct tsn_claim c = {
            .stance = TSN_STANCE_AFFECTED,
            .vuln = id,
            .cpe = text(m, "criteria"),
            .conditional = conditional,
            .span = si || se || ei || ee ? TSN_SPAN_BOUNDS : TSN_SPAN_ALL,
            .bounds = {.from = si ? si : se,
                       .with_from = si != NULL,
                       .to = ei ? ei : ee,
                       .with_to = ei != NULL},
            .pointer = where,
        };
        sink->claim(sink->user, &c);
    }
    json_array_foreach(json_object_get(node, "children"), i, m)
    {
        nvd_node(arena, m, conditional, id, where, sink);
    }
}

static const char *nvd_vector(const json_t *metrics)
{
    static const char *const keys[] = {"cvssMetricV40", "cvssMetricV31", "cvssMetricV30",
                                       "cvssMetricV2"};
    for (size_t k = 0; k < 4; k++) {
        const json_t *first = json_array_get(json_object_get(metrics, keys[k]), 0);
        const char *v = text(json_object_get(first, "cvssData"), "vectorString");
        if (*v) {
            return v;
        }
    }
    return "";
}

static bool nvd_one(struct tsn_arena *arena, const json_t *cve, const struct tsn_sink *sink)
{
    const char *id = text(cve, "id"), *status = text(cve, "vulnStatus");
    size_t i, k;
    json_t *conf, *node;
    if (strncmp(id, "CVE-", 4) != 0) {
        return false;
    }
    bool rejected = strcasecmp(status, "Rejected") == 0;
    const struct tsn_record r = {
        .id = id,
        .source = "nvd",
        .publisher = "NVD",
        .ns = "",
        .title = english(json_object_get(cve, "descriptions"), "value"),
        .url = tsn_arena_printf(arena, "https://nvd.nist.gov/vuln/detail/%s", id),
        .modified = text(cve, "lastModified"),
        .severity = "",
        .vector = nvd_vector(json_object_get(cve, "metrics")),
        .withdrawn = rejected,
    };
    sink->record(sink->user, &r);
    if (rejected) {
        sink->mark(sink->user, "rejected", id, NULL);
        return true;
    }
    if (*text(cve, "cisaExploitAdd")) {
        sink->mark(sink->user, "kev", id, cve);
    }
    json_array_foreach(json_object_get(cve, "configurations"), i, conf)
    {
        const json_t *nodes = json_object_get(conf, "nodes");
        bool with =
            strcasecmp(text(conf, "operator"), "AND") == 0 && json_array_size(nodes) > 1;
        json_array_foreach(nodes, k, node)
        {
            nvd_node(arena, node, with, id,
                     tsn_arena_printf(arena, "/configurations/%zu/nodes/%zu", i, k), sink);
        }
    }
    return true;
}

tsn_err tsn_read_nvd(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    size_t i, bad = 0;
    json_t *v;
    if (json_object_get(doc, "cve")) {
        return nvd_one(arena, json_object_get(doc, "cve"), sink)
                   ? 0
                   : tsn_diag_set(diag, TSN_EINPUT, "F110", "/cve/id is missing");
    }
    const json_t *list = json_object_get(doc, "vulnerabilities");
    json_array_foreach(list, i, v)
    {
        bad += !nvd_one(arena, json_object_get(v, "cve"), sink);
    }
    return bad ? tsn_diag_set(diag, TSN_EINPUT, "F110", "%zu records of the page have no id",
                              bad)
               : 0;
}

/* --- KEV, EPSS -------------------------------------------------------------------------------- */

tsn_err tsn_read_kev(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    const json_t *list = json_object_get(doc, "vulnerabilities");
    size_t i;
    json_t *v;
    (void)arena;
    if (!json_is_array(list)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "/vulnerabilities is no list");
    }
    json_array_foreach(list, i, v)
    {
        const char *id = text(v, "cveID");
        if (strncmp(id, "CVE-", 4) != 0) {
            return tsn_diag_set(diag, TSN_EINPUT, "F110", "/vulnerabilities/%zu has no cveID",
                                i);
        }
        sink->mark(sink->user, "kev", id, v);
    }
    return 0;
}

/* "#model_version:v2025.03.14,score_date:2026-11-22T...", "cve,epss,percentile", rows. */
tsn_err tsn_read_epss(struct tsn_arena *arena, const char *text_in, size_t len,
                      const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const char *p = text_in, *end = text_in + len;
    bool dated = false, headed = false;
    char model[64] = "";
    size_t line = 0;
    (void)arena;
    for (; p < end; line++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol ? eol : end;
        char row[256];
        size_t n = (size_t)(eol - p) < sizeof row - 1 ? (size_t)(eol - p) : sizeof row - 1;
        memcpy(row, p, n);
        row[n] = '\0';
        row[strcspn(row, "\r")] = '\0';
        p = eol + 1;
        if (row[0] == '#') {
            const char *said = strstr(row, "model_version:");
            dated = strstr(row, "score_date:") != NULL && said != NULL;
            if (said) {
                said += strlen("model_version:");
                (void)snprintf(model, sizeof model, "%.*s", (int)strcspn(said, ","), said);
            }
            continue;
        }
        if (!row[0]) {
            continue;
        }
        if (!headed) {
            headed = strcmp(row, "cve,epss,percentile") == 0;
            if (!headed || !dated) {
                return tsn_diag_set(diag, TSN_EINPUT, "F110",
                                    "line %zu: EPSS begins with the model's version and date, "
                                    "then cve,epss,percentile",
                                    line + 1);
            }
            continue;
        }
        char *epss = strchr(row, ','), *stop = NULL;
        if (!epss || strncmp(row, "CVE-", 4) != 0) {
            return tsn_diag_set(diag, TSN_EINPUT, "F110", "line %zu is not cve,epss,percentile",
                                line + 1);
        }
        *epss++ = '\0';
        double score = strtod(epss, &stop);
        double percentile = *stop == ',' ? strtod(stop + 1, NULL) : -1;
        /* Not a number is none of them. */
        if (stop == epss || !(score >= 0 && score <= 1) ||
            !(percentile >= -1 && percentile <= 1)) {
            return tsn_diag_set(diag, TSN_EINPUT, "F110", "line %zu: the score is not 0 to 1",
                                line + 1);
        }
        json_t *v =
            json_pack("{s:f,s:f,s:s}", "epss", score, "percentile", percentile, "model", model);
        sink->mark(sink->user, "epss", row, v);
        json_decref(v);
    }
    return headed ? 0 : tsn_diag_set(diag, TSN_EINPUT, "F110", "the EPSS file holds no score");
}
