/* cvss.c - reads, writes and bands CVSS vectors against one table per version. Owns nothing; any
 * thread.
 *
 * Vector syntax: 2.0 guide 2.4, 3.0 and 3.1 specification 6, 4.0 specification 7. */
#include "casework/cvss.h"

#include <stdio.h>
#include <string.h>

/* --- reading ----------------------------------------------------------------------------- */

struct reader {
    const char *start;
    const struct tsn_cvss_metric *table;
    struct tsn_cvss *out;
    struct tsn_diag *diag;
    size_t count; /* metrics in the table */
    size_t next;  /* where the next metric is looked for first */
};

/* A piece of the vector for a message: at most 40 bytes, harmless everywhere. */
static const char *piece(char out[48], const char *p, size_t n)
{
    size_t i = 0;
    for (; i < n && i < 40; i++) {
        out[i] = p[i] > ' ' && p[i] < 0x7F ? p[i] : '?';
    }
    memcpy(out + i, n > i ? "..." : "", n > i ? 4 : 1);
    return out;
}

static tsn_err at(const struct reader *r, const char *p, tsn_err err)
{
    tsn_diag_at(r->diag, "", 1, (int)(p - r->start) + 1);
    return err;
}

/* Both texts end with NUL; `p` is part of a longer one. */
static bool same(const char *want, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (want[i] != p[i]) { /* also where want ends early */
            return false;
        }
    }
    return want[n] == '\0';
}

/* Index of a metric; looks from where the last one was found, since most vectors are in order. */
static size_t metric_of(const struct reader *r, const char *p, size_t n)
{
    for (size_t i = r->next; i < r->count; i++) {
        if (same(r->table[i].name, p, n)) {
            return i;
        }
    }
    for (size_t i = 0; i < r->next; i++) {
        if (same(r->table[i].name, p, n)) {
            return i;
        }
    }
    return r->count;
}

static tsn_err bad_value(const struct reader *r, size_t m, const char *p, size_t n)
{
    char text[48], fit[64] = "";
    size_t used = 0;
    for (size_t i = 0; r->table[m].values[i].value && used < sizeof(fit); i++) {
        used += (size_t)snprintf(fit + used, sizeof(fit) - used, "%s%s", i ? " " : "",
                                 r->table[m].values[i].value);
    }
    tsn_diag_hint(r->diag, "%s is one of: %s", r->table[m].name, fit);
    return at(r, p,
              tsn_diag_set(r->diag, TSN_EINPUT, "K103", "%s has no value `%s`",
                           r->table[m].name, piece(text, p, n)));
}

/* One "NAME:VALUE" of n bytes into its place. */
static tsn_err take(struct reader *r, const char *p, size_t n)
{
    char text[48];
    const char *colon = memchr(p, ':', n);
    if (n == 0) {
        return at(r, p, tsn_diag_set(r->diag, TSN_EINPUT, "K102", "a metric is missing here"));
    }
    if (!colon) {
        return at(r, p,
                  tsn_diag_set(r->diag, TSN_EINPUT, "K102", "`%s` is not NAME:VALUE",
                               piece(text, p, n)));
    }
    size_t name_len = (size_t)(colon - p), value_len = n - name_len - 1;
    size_t m = metric_of(r, p, name_len);
    if (m == r->count) {
        return at(r, p,
                  tsn_diag_set(r->diag, TSN_EINPUT, "K104", "CVSS %s has no metric `%s`",
                               tsn_cvss_version_text(r->out->version),
                               piece(text, p, name_len)));
    }
    const struct tsn_cvss_metric *metric = &r->table[m];
    if (r->out->value[m]) {
        return at(r, p,
                  tsn_diag_set(r->diag, TSN_EINPUT, "K105", "%s stands twice", metric->name));
    }
    if (r->out->version == TSN_CVSS_40 && m < r->next) {
        tsn_diag_hint(r->diag, "%s belongs before %s", metric->name,
                      r->table[r->next - 1].name);
        return at(
            r, p,
            tsn_diag_set(r->diag, TSN_EINPUT, "K106", "%s is not in its place", metric->name));
    }
    for (size_t i = 0; metric->values[i].value; i++) {
        if (same(metric->values[i].value, colon + 1, value_len)) {
            r->out->value[m] = metric->values[i].value;
            r->next = m + 1;
            return 0;
        }
    }
    return bad_value(r, m, colon + 1, value_len);
}

/* The version by its prefix; *p behind it. Only 2.0 has none. */
static tsn_err prefix(struct reader *r, const char **p)
{
    static const struct {
        const char *text;
        enum tsn_cvss_version version;
    } prefixes[] = {
        {"CVSS:3.1/", TSN_CVSS_31}, {"CVSS:3.0/", TSN_CVSS_30}, {"CVSS:4.0/", TSN_CVSS_40}};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(r->start, prefixes[i].text, 9) == 0) {
            r->out->version = prefixes[i].version;
            *p = r->start + 9;
            return 0;
        }
    }
    if (r->start[0] == '\0') {
        return at(r, r->start, tsn_diag_set(r->diag, TSN_EINPUT, "K101", "there is no vector"));
    }
    /* 2.0 may begin with any of its metrics, none of which is longer than three letters. */
    size_t name = strcspn(r->start, ":/");
    if (name <= 3) {
        r->out->version = TSN_CVSS_20;
        *p = r->start;
        return 0;
    }
    char text[48];
    size_t good = 0; /* the part of the prefix that is right */
    while (good < 5 && r->start[good] == "CVSS:"[good]) {
        good++;
    }
    tsn_diag_hint(
        r->diag, "%s",
        "A vector begins with CVSS:3.0/, CVSS:3.1/ or CVSS:4.0/; only 2.0 begins with "
        "its first metric.");
    return at(r, r->start + good,
              tsn_diag_set(r->diag, TSN_EINPUT, "K101",
                           "`%s` is not the beginning of a CVSS 2.0, 3.0, 3.1 or 4.0 vector",
                           piece(text, r->start, strcspn(r->start, "/"))));
}

tsn_err tsn_cvss_parse(const char *vector, struct tsn_cvss *out, struct tsn_diag *diag)
{
    memset(out, 0, sizeof(*out));
    struct reader r = {.start = vector ? vector : "", .out = out, .diag = diag};
    size_t len = strnlen(r.start, TSN_CVSS_VECTOR_MAX);
    if (len == TSN_CVSS_VECTOR_MAX) {
        return at(&r, r.start + len - 1,
                  tsn_diag_set(diag, TSN_EINPUT, "K101", "no vector is longer than %d bytes",
                               TSN_CVSS_VECTOR_MAX - 1));
    }
    const char *p = r.start, *end = r.start + len;
    tsn_err err = prefix(&r, &p);
    if (err) {
        return err;
    }
    r.table = tsn_cvss_metrics(out->version);
    while (r.table[r.count].name) {
        r.count++;
    }
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        err = take(&r, p, (size_t)((slash ? slash : end) - p));
        if (err) {
            return err;
        }
        if (!slash) {
            break;
        }
        p = slash + 1;
    }
    for (size_t m = 0; m < r.count; m++) {
        if (r.table[m].mandatory && !out->value[m]) {
            return at(&r, end,
                      tsn_diag_set(diag, TSN_EINPUT, "K107", "%s is missing", r.table[m].name));
        }
    }
    tsn_cvss_score(out);
    return 0;
}

/* --- scores ------------------------------------------------------------------------------ */

static bool defined(const char *value)
{
    return value && strcmp(value, "X") != 0 && strcmp(value, "ND") != 0;
}

void tsn_cvss_score(struct tsn_cvss *v)
{
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    v->has_temporal = v->has_environmental = false;
    for (size_t m = 0; table[m].name; m++) {
        if (!defined(v->value[m])) {
            continue;
        }
        if (table[m].group == TSN_CVSS_TEMPORAL) {
            v->has_temporal = true;
        } else if (table[m].group == TSN_CVSS_ENVIRONMENTAL) {
            v->has_environmental = true;
        }
    }
    switch (v->version) {
    case TSN_CVSS_20:
        tsn_cvss2_score(v);
        break;
    case TSN_CVSS_30:
    case TSN_CVSS_31:
        tsn_cvss3_score(v);
        break;
    case TSN_CVSS_40:
        tsn_cvss4_score(v);
        break;
    }
}

/* --- writing ----------------------------------------------------------------------------- */

static const char *const versions[] = {
    [TSN_CVSS_20] = "2.0",
    [TSN_CVSS_30] = "3.0",
    [TSN_CVSS_31] = "3.1",
    [TSN_CVSS_40] = "4.0",
};

const char *tsn_cvss_version_text(enum tsn_cvss_version version)
{
    return versions[version];
}

/* Appends text and says where the end is; cuts at TSN_CVSS_VECTOR_MAX, which no vector reaches:
 * all metrics of 4.0 with their longest values are under 200 bytes. */
static size_t put(char *out, size_t n, const char *text)
{
    for (; *text && n < TSN_CVSS_VECTOR_MAX - 1; text++) {
        out[n++] = *text;
    }
    out[n] = '\0';
    return n;
}

void tsn_cvss_canonical(const struct tsn_cvss *v, char out[TSN_CVSS_VECTOR_MAX])
{
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    size_t n = put(out, 0, "");
    if (v->version != TSN_CVSS_20) {
        n = put(out, put(out, n, "CVSS:"), versions[v->version]);
    }
    for (size_t m = 0; table[m].name; m++) {
        if (defined(v->value[m])) {
            n = put(out, put(out, n, n ? "/" : ""), table[m].name);
            n = put(out, put(out, n, ":"), v->value[m]);
        }
    }
}

/* 4.0 specification, "Nomenclature". */
const char *tsn_cvss_nomenclature(const struct tsn_cvss *v)
{
    if (v->version != TSN_CVSS_40) {
        return "";
    }
    return v->has_temporal        ? (v->has_environmental ? "CVSS-BTE" : "CVSS-BT")
           : v->has_environmental ? "CVSS-BE"
                                  : "CVSS-B";
}

/* 3.0 and 3.1 specification 5, 4.0 specification 6. */
const char *tsn_cvss_severity(int tenths)
{
    return tenths == 0   ? "NONE"
           : tenths < 40 ? "LOW"
           : tenths < 70 ? "MEDIUM"
           : tenths < 90 ? "HIGH"
                         : "CRITICAL";
}

/* https://nvd.nist.gov/vuln-metrics/cvss: 2.0 is low to 3.9, high from 7.0. */
const char *tsn_cvss_band(enum tsn_cvss_version version, int tenths)
{
    if (version != TSN_CVSS_20) {
        return tsn_cvss_severity(tenths);
    }
    return tenths < 40 ? "LOW" : tenths < 70 ? "MEDIUM" : "HIGH";
}

const char *tsn_cvss_get(const struct tsn_cvss *v, const char *name)
{
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    for (size_t m = 0; table[m].name; m++) {
        if (strcmp(table[m].name, name) == 0) {
            return v->value[m];
        }
    }
    return NULL;
}
