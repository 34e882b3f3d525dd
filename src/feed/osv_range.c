/* osv_range.c - OSV's affected[].versions and affected[].ranges. Pure, no allocation.
 *
 * The events of a range may come in any order, and a range may have several intervals: what counts
 * for a version is the last event at or below it, so a search for that replaces sorting. */
#include <string.h>
#include "core/json.h"
#include "feed/vers.h"

/* At one version, what ends an interval comes before what begins the next. */
enum kind { FIXED, LAST_AFFECTED, LIMIT, INTRODUCED };
static const char *const keys[] = {"fixed", "last_affected", "limit", "introduced"};

static bool start(const char *v)
{
    return strcmp(v, "0") == 0;
}

/* "0" as introduced is before every version. */
static int order(enum tsn_scheme scheme, const char *a, bool a_zero, const char *b, bool b_zero)
{
    return a_zero || b_zero ? b_zero - a_zero : tsn_version_compare(scheme, a, b);
}

static enum tsn_in worse(enum tsn_in a, enum tsn_in b)
{
    return a == TSN_IN_YES || b == TSN_IN_YES           ? TSN_IN_YES
           : a == TSN_IN_UNKNOWN || b == TSN_IN_UNKNOWN ? TSN_IN_UNKNOWN
                                                        : TSN_IN_NO;
}

static enum tsn_in in_events(const json_t *events, enum tsn_scheme scheme, const char *version)
{
    const char *best = NULL;
    bool best_zero = false, limited = false, below_limit = false, opened = false;
    enum kind best_kind = FIXED;
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
    {
        for (int k = FIXED; k <= INTRODUCED; k++) {
            const char *at = tsn_json_str(e, keys[k], NULL);
            if (!at) {
                continue;
            }
            if (k == LIMIT && strcmp(at, "*") == 0) {
                continue;
            }
            bool zero = k == INTRODUCED && start(at);
            opened = opened || k == INTRODUCED;
            if (!zero && !tsn_version_conforms(scheme, at)) {
                return TSN_IN_UNKNOWN;
            }
            int c = zero ? 1 : tsn_version_compare(scheme, version, at);
            if (c == TSN_VERSION_UNKNOWN) {
                return TSN_IN_UNKNOWN;
            }
            if (k == LIMIT) {
                limited = true;
                below_limit = below_limit || c < 0;
                continue;
            }
            if (c < 0 || (c == 0 && k == LAST_AFFECTED)) {
                continue;
            }
            int d = best ? order(scheme, at, zero, best, best_zero) : 1;
            if (d == TSN_VERSION_UNKNOWN) {
                return TSN_IN_UNKNOWN;
            }
            if (d > 0 || (d == 0 && k > (int)best_kind)) {
                best = at;
                best_zero = zero;
                best_kind = (enum kind)k;
            }
        }
    }
    if (!opened) {
        return TSN_IN_UNKNOWN; /* no range without a beginning */
    }
    return best && best_kind == INTRODUCED && (!limited || below_limit) ? TSN_IN_YES
                                                                        : TSN_IN_NO;
}

/* An interval that ends before every beginning was written wrongly: nobody knows what it means. */
static bool sane(const json_t *events, enum tsn_scheme scheme)
{
    size_t i, k;
    json_t *e, *f;
    json_array_foreach(events, i, e)
    {
        const char *end = tsn_json_str(e, "fixed", tsn_json_str(e, "last_affected", NULL));
        bool begun = !end;
        json_array_foreach(events, k, f)
        {
            const char *from = tsn_json_str(f, "introduced", NULL);
            begun =
                begun || (from && (start(from) || tsn_version_compare(scheme, from, end) != 1));
        }
        if (!begun) {
            return false;
        }
    }
    return true;
}

static enum tsn_in in_commits(const json_t *events, const char *version)
{
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
    {
        if (strcmp(tsn_json_str(e, "introduced", ""), version) == 0 ||
            strcmp(tsn_json_str(e, "last_affected", ""), version) == 0) {
            return TSN_IN_YES;
        }
        if (strcmp(tsn_json_str(e, "fixed", ""), version) == 0) {
            return TSN_IN_NO;
        }
    }
    return TSN_IN_UNKNOWN;
}

enum tsn_in tsn_osv_has(const json_t *affected, const char *version)
{
    enum tsn_scheme own =
        tsn_scheme_find(tsn_json_str(json_object_get(affected, "package"), "ecosystem", ""));
    const json_t *versions = json_object_get(affected, "versions"),
                 *ranges = json_object_get(affected, "ranges");
    enum tsn_in in = TSN_IN_NO;
    bool decided = json_array_size(versions) > 0;
    size_t i;
    json_t *v, *r;
    json_array_foreach(versions, i, v)
    {
        const char *s = json_string_value(v);
        if (s && (strcmp(s, version) == 0 || tsn_version_compare(own, s, version) == 0)) {
            return TSN_IN_YES;
        }
    }
    json_array_foreach(ranges, i, r)
    {
        const char *type = tsn_json_str(r, "type", "");
        const json_t *events = json_object_get(r, "events");
        bool git = strcmp(type, "GIT") == 0;
        enum tsn_scheme scheme = strcmp(type, "SEMVER") == 0 ? TSN_SCHEME_SEMVER : own;
        if (git && json_array_size(ranges) > 1) {
            continue; /* another range speaks of versions */
        }
        decided = true;
        if (git) {
            in = worse(in, json_array_size(versions) ? TSN_IN_NO : in_commits(events, version));
        } else if (!tsn_version_conforms(scheme, version) || !sane(events, scheme)) {
            in = worse(in, TSN_IN_UNKNOWN);
        } else {
            in = worse(in, in_events(events, scheme, version));
        }
    }
    return decided ? in : TSN_IN_UNKNOWN;
}
