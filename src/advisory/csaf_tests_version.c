/* csaf_tests_version.c - version, status and revision history: 6.1.14, 16-22, 30. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "core/json.h"
#include "core/mem.h"

struct revision {
    const char *number;
    int64_t sec, nsec;
    bool semantic, prerelease;
    size_t at; /* place in the document */
};

static bool is_semantic(const char *number)
{
    return strchr(number, '.') != NULL;
}

/* Behind "-" and before "+". */
static const char *prerelease_of(const char *number, size_t *n)
{
    size_t core = strcspn(number, "-+");
    if (number[core] != '-') {
        *n = 0;
        return number + core;
    }
    *n = strcspn(number + core + 1, "+");
    return number + core + 1;
}

/* Digit strings of any length without leading zeros. */
static int compare_digits(const char *a, size_t an, const char *b, size_t bn)
{
    if (an != bn) {
        return an < bn ? -1 : 1;
    }
    return strncmp(a, b, an);
}

static bool all_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
    }
    return n > 0;
}

static int compare_identifiers(const char *a, size_t an, const char *b, size_t bn)
{
    if (an == 0 || bn == 0) {
        return an == bn ? 0 : an == 0 ? 1 : -1; /* without one is the later */
    }
    const char *ae = a + an, *be = b + bn;
    for (;;) {
        size_t al = 0, bl = 0;
        while (a + al < ae && a[al] != '.') {
            al++;
        }
        while (b + bl < be && b[bl] != '.') {
            bl++;
        }
        bool ad = all_digits(a, al), bd = all_digits(b, bl);
        int r;
        if (ad && bd) {
            r = compare_digits(a, al, b, bl);
        } else if (ad != bd) {
            r = ad ? -1 : 1;
        } else {
            r = strncmp(a, b, al < bl ? al : bl);
            r = r ? r : (al > bl) - (al < bl);
        }
        if (r) {
            return r;
        }
        a += al;
        b += bl;
        if (a == ae || b == be) {
            return (a < ae) - (b < be);
        }
        a++;
        b++;
    }
}

/* Semantic versioning; integers count as major. Build metadata is not compared. */
static int compare_versions(const char *a, const char *b, bool with_prerelease)
{
    const char *pa = a, *pb = b;
    for (int part = 0; part < 3; part++) {
        size_t an = strcspn(pa, ".-+"), bn = strcspn(pb, ".-+");
        int r = an && bn ? compare_digits(pa, an, pb, bn) : (an > 0) - (bn > 0);
        if (r) {
            return r;
        }
        pa += an + (pa[an] == '.');
        pb += bn + (pb[bn] == '.');
        if (!is_semantic(a) || !is_semantic(b)) {
            break;
        }
    }
    if (!with_prerelease) {
        return 0;
    }
    size_t an, bn;
    const char *ai = prerelease_of(a, &an), *bi = prerelease_of(b, &bn);
    return compare_identifiers(ai, an, bi, bn);
}

static int by_date(const void *pa, const void *pb)
{
    const struct revision *a = pa, *b = pb;
    if (a->sec != b->sec) {
        return a->sec < b->sec ? -1 : 1;
    }
    if (a->nsec != b->nsec) {
        return a->nsec < b->nsec ? -1 : 1;
    }
    int r = compare_versions(a->number, b->number, true);
    return r ? r : (a->at > b->at) - (a->at < b->at);
}

static bool zero(const char *number)
{
    return strcmp(number, "0") == 0 || strncmp(number, "0.", 2) == 0;
}

static void where(char at[96], const struct revision *r)
{
    snprintf(at, 96, "/document/tracking/revision_history/%zu/number", r->at);
}

/* 6.1.21: starts at 0 or 1 and no whole number is left out. */
static void gaps(struct tsn_csaf_check *c, const struct revision *rev, size_t n)
{
    char at[96];
    char *end;
    unsigned long long last = strtoull(rev[0].number, &end, 10);
    where(at, &rev[0]);
    if (last > 1) {
        tsn_csaf_find(c, "6.1.21", at, "the history starts with %.60s", rev[0].number);
    }
    for (size_t i = 1; i < n; i++) {
        unsigned long long major = strtoull(rev[i].number, &end, 10);
        if (major > last + 1) {
            where(at, &rev[i]);
            tsn_csaf_find(c, "6.1.21", at, "version %.60s follows %.60s: one is missing",
                          rev[i].number, rev[i - 1].number);
        }
        last = major > last ? major : last;
    }
}

static void history(struct tsn_csaf_check *c, struct revision *rev, size_t n, bool released,
                    const char *version)
{
    char at[96];
    qsort(rev, n, sizeof *rev, by_date);
    json_t *seen = json_object();
    for (size_t i = 0; i < n; i++) {
        where(at, &rev[i]);
        if (i > 0 && compare_versions(rev[i - 1].number, rev[i].number, true) > 0) {
            tsn_csaf_find(c, "6.1.14", at, "version %.60s is later but lower than %.60s",
                          rev[i].number, rev[i - 1].number);
        }
        if (released && zero(rev[i].number)) {
            tsn_csaf_find(c, "6.1.18", at, "a released document lists version %.60s",
                          rev[i].number);
        }
        if (rev[i].prerelease) {
            tsn_csaf_find(c, "6.1.19", at, "%.60s has a pre-release part", rev[i].number);
        }
        if (json_object_get(seen, rev[i].number)) {
            tsn_csaf_find(c, "6.1.22", at, "version %.60s is there twice", rev[i].number);
        }
        json_object_set_new(seen, rev[i].number, json_true());
    }
    json_decref(seen);
    gaps(c, rev, n);
    bool draft = strcmp(c->status, "draft") == 0;
    if (tsn_csaf_is_version(version) &&
        (is_semantic(version) != rev[n - 1].semantic ||
         compare_versions(version, rev[n - 1].number, !draft) != 0)) {
        tsn_csaf_find(c, "6.1.16", "/document/tracking/version",
                      "version %.60s, but the newest revision is %.60s", version,
                      rev[n - 1].number);
    }
}

void tsn_csaf_tests_version(struct tsn_csaf_check *c)
{
    const char *version = tsn_json_str(c->tracking, "version", "");
    bool released = strcmp(c->status, "final") == 0 || strcmp(c->status, "interim") == 0;
    size_t pre = 0;
    bool valid = tsn_csaf_is_version(version);
    if (valid) {
        prerelease_of(version, &pre);
    }
    if (valid && (zero(version) || pre > 0) && strcmp(c->status, "draft") != 0) {
        tsn_csaf_find(c, "6.1.17", "/document/tracking/status",
                      "version %.60s can only be a draft", version);
    }
    if (released && pre > 0) {
        tsn_csaf_find(c, "6.1.20", "/document/tracking/version",
                      "a released document has the pre-release version %.60s", version);
    }

    const json_t *list = json_object_get(c->tracking, "revision_history");
    size_t n = 0, i;
    json_t *item;
    struct revision *rev = tsn_alloc((json_array_size(list) + 1) * sizeof *rev);
    bool mixed = false;
    json_array_foreach(list, i, item)
    {
        struct revision r = {.number = tsn_json_str(item, "number", ""), .at = i};
        if (!tsn_csaf_is_version(r.number) ||
            !tsn_csaf_time(tsn_json_str(item, "date", ""), &r.sec, &r.nsec)) {
            continue; /* the schema says so */
        }
        r.semantic = is_semantic(r.number);
        prerelease_of(r.number, &pre);
        r.prerelease = pre > 0;
        mixed = mixed || (valid && r.semantic != is_semantic(version)) ||
                (n > 0 && r.semantic != rev[0].semantic);
        rev[n++] = r;
    }
    if (mixed) {
        tsn_csaf_find(c, "6.1.30", "/document/tracking/revision_history",
                      "integer and semantic versions are mixed");
    }
    if (n > 0) {
        history(c, rev, n, released, version);
    }
    free(rev);
}
