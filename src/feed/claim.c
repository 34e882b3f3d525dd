/* claim.c - is a version of ours among those that a statement is about? Pure.
 *
 * CVE records: the schema's algorithm for `versions` (CVE JSON 5, docs/versions.md). Comparator
 * lists: as GitHub writes them. No allocation that outlives the call. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "core/mem.h"
#include "feed/claim.h"

const char *const tsn_stance_names[] = {"affected", "under_investigation", "fixed",
                                        "not_affected"};

static enum tsn_in in_bounds(const struct tsn_bounds *b, enum tsn_scheme scheme,
                             const char *version)
{
    int from = b->from ? tsn_version_compare(scheme, version, b->from) : 1;
    int to = b->to ? tsn_version_compare(scheme, version, b->to) : -1;
    /* One bound that excludes decides, even where nobody can read the other. */
    if ((from != TSN_VERSION_UNKNOWN && (from < 0 || (from == 0 && !b->with_from))) ||
        (to != TSN_VERSION_UNKNOWN && (to > 0 || (to == 0 && !b->with_to)))) {
        return TSN_IN_NO;
    }
    return from == TSN_VERSION_UNKNOWN || to == TSN_VERSION_UNKNOWN ? TSN_IN_UNKNOWN
                                                                    : TSN_IN_YES;
}

/* --- ">= 1.0, < 1.2 || = 3.0" ----------------------------------------------------------------- */

static enum tsn_in one_word(const char *op, size_t n, const char *at, enum tsn_scheme scheme,
                            const char *version)
{
    int c = tsn_version_compare(scheme, version, at);
    if (c == TSN_VERSION_UNKNOWN) {
        return TSN_IN_UNKNOWN;
    }
    bool yes = n == 2 && op[0] == '<'   ? c <= 0
               : n == 2 && op[0] == '>' ? c >= 0
               : n == 2 && op[0] == '!' ? c != 0
               : n == 1 && op[0] == '<' ? c < 0
               : n == 1 && op[0] == '>' ? c > 0
                                        : c == 0;
    return yes ? TSN_IN_YES : TSN_IN_NO;
}

static enum tsn_in both(enum tsn_in a, enum tsn_in b)
{
    return a == TSN_IN_NO || b == TSN_IN_NO             ? TSN_IN_NO
           : a == TSN_IN_UNKNOWN || b == TSN_IN_UNKNOWN ? TSN_IN_UNKNOWN
                                                        : TSN_IN_YES;
}
static enum tsn_in either(enum tsn_in a, enum tsn_in b)
{
    return a == TSN_IN_YES || b == TSN_IN_YES           ? TSN_IN_YES
           : a == TSN_IN_UNKNOWN || b == TSN_IN_UNKNOWN ? TSN_IN_UNKNOWN
                                                        : TSN_IN_NO;
}

static enum tsn_in in_words(const char *words, enum tsn_scheme scheme, const char *version,
                            const char **fixed)
{
    char *copy = tsn_strdup(words), *save = NULL;
    enum tsn_in any = TSN_IN_NO;
    bool said = false;
    for (char *part = copy, *next; part; part = next) {
        next = strstr(part, "||");
        if (next) {
            *next = '\0';
            next += 2;
        }
        enum tsn_in all = TSN_IN_YES;
        bool some = false;
        for (char *w = strtok_r(part, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
            w += strspn(w, " \t");
            size_t n = strspn(w, "<>=!");
            char *at = w + n + strspn(w + n, " \t");
            char *behind = at + strcspn(at, " \t");
            bool prose = behind[strspn(behind, " \t")] != '\0'; /* "3.40 R5 build 571848" */
            *behind = '\0';
            if (!*at && n == 0) {
                continue;
            }
            some = true;
            if (strcmp(w, "*") == 0) {
                continue;
            }
            all = both(all, n && !prose ? one_word(w, n, at, scheme, version) : TSN_IN_UNKNOWN);
            if (n == 1 && *w == '<') {
                const char *place = strstr(words, at);
                *fixed = place && !place[strlen(at)] ? place : *fixed;
            }
        }
        said = said || some;
        any = some ? either(any, all) : any;
    }
    free(copy);
    return said ? any : TSN_IN_UNKNOWN;
}

/* --- CVE JSON 5 --------------------------------------------------------------------------------- */

static bool nothing(const char *v)
{
    return !*v || strcmp(v, "0") == 0 || strcmp(v, "*") == 0 || strcmp(v, "-") == 0 ||
           strcasecmp(v, "unspecified") == 0;
}
/* Words that name no version at all. */
static bool no_version(const char *v)
{
    return !*v || strcasecmp(v, "n/a") == 0 || strcasecmp(v, "unknown") == 0 ||
           strcasecmp(v, "see references") == 0;
}

static enum tsn_scheme scheme_of(const json_t *entry, enum tsn_scheme otherwise)
{
    const char *type = tsn_json_str(entry, "versionType", "");
    if (strcmp(type, "python") == 0) {
        return TSN_SCHEME_PYPI;
    }
    enum tsn_scheme s = tsn_scheme_find(type);
    /* The package's own order knows more than `semver` written out of habit. */
    return s == TSN_SCHEME_NONE ||
                   (otherwise != TSN_SCHEME_NONE && otherwise != TSN_SCHEME_GENERIC)
               ? otherwise
               : s;
}

/* Does the entry's range cover the version? */
static enum tsn_in in_entry(const json_t *entry, enum tsn_scheme scheme, const char *version)
{
    const char *from = tsn_json_str(entry, "version", "");
    const char *below = tsn_json_str(entry, "lessThan", NULL),
               *upto = tsn_json_str(entry, "lessThanOrEqual", NULL);
    const char *fixed = NULL;
    if (strcmp(tsn_json_str(entry, "versionType", ""), "git") == 0 ||
        strncmp(tsn_json_str(entry, "versionType", ""), "original_commit", 15) == 0) {
        return strcmp(from, version) == 0 && !below && !upto ? TSN_IN_YES : TSN_IN_UNKNOWN;
    }
    if (!below && !upto && json_array_size(json_object_get(entry, "changes")) == 0) {
        if (strpbrk(from, "<>")) {
            return in_words(from, scheme, version, &fixed);
        }
        if (strcmp(from, "*") == 0 || strcasecmp(from, "all versions") == 0 ||
            strcasecmp(from, "all") == 0) {
            return TSN_IN_YES;
        }
        if (no_version(from)) {
            return TSN_IN_UNKNOWN;
        }
        int c = tsn_version_compare(scheme, version, from);
        /* "2.4.x" and prose are no versions, and nobody may read "no" from them. */
        bool plain = !strchr(from, ' ') && !strchr(from, '*') && !strstr(from, ".x");
        return strcmp(from, version) == 0 || c == 0 ? TSN_IN_YES
               : c == TSN_VERSION_UNKNOWN || !plain ? TSN_IN_UNKNOWN
                                                    : TSN_IN_NO;
    }
    struct tsn_bounds b = {.from = nothing(from) ? NULL : from,
                           .with_from = true,
                           .to = upto ? upto : below,
                           .with_to = upto != NULL};
    if (b.to && (strcmp(b.to, "*") == 0 || strcasecmp(b.to, "infinity") == 0)) {
        b.to = NULL;
    }
    /* "8.0" up to "8.*" */
    size_t n = b.to ? strlen(b.to) : 0;
    if (n > 2 && strcmp(b.to + n - 2, ".*") == 0) {
        bool under = strncmp(version, b.to, n - 1) == 0;
        b.to = NULL;
        return both(in_bounds(&b, scheme, version), under ? TSN_IN_YES : TSN_IN_UNKNOWN);
    }
    return in_bounds(&b, scheme, version);
}

/* What the version's status is after the changes within an entry. */
static const char *after_changes(const json_t *entry, enum tsn_scheme scheme,
                                 const char *version, const char **fixed)
{
    const char *status = tsn_json_str(entry, "status", "unknown"), *last = NULL;
    size_t i;
    json_t *ch;
    json_array_foreach(json_object_get(entry, "changes"), i, ch)
    {
        const char *at = tsn_json_str(ch, "at", ""), *to = tsn_json_str(ch, "status", "");
        int c = tsn_version_compare(scheme, version, at);
        if (c == TSN_VERSION_UNKNOWN) {
            return "unknown";
        }
        if (c >= 0 && (!last || tsn_version_compare(scheme, at, last) >= 0)) {
            status = to;
            last = at;
        } else if (c < 0 && strcmp(to, "unaffected") == 0) {
            *fixed = at;
        }
    }
    return status;
}

static enum tsn_in as_answer(const char *status)
{
    return strcmp(status, "affected") == 0     ? TSN_IN_YES
           : strcmp(status, "unaffected") == 0 ? TSN_IN_NO
                                               : TSN_IN_UNKNOWN;
}

static void judge_cve(const json_t *affected, enum tsn_scheme scheme, const char *version,
                      struct tsn_verdict *out)
{
    size_t i;
    json_t *e;
    bool unread = false;
    const char *rest = tsn_json_str(affected, "defaultStatus", "unknown");
    const json_t *versions = json_object_get(affected, "versions");
    json_array_foreach(versions, i, e)
    {
        enum tsn_scheme s = scheme_of(e, scheme);
        enum tsn_in covered = in_entry(e, s, version);
        if (covered == TSN_IN_YES) {
            out->in = as_answer(after_changes(e, s, version, &out->fixed));
            const char *below = tsn_json_str(e, "lessThan", NULL);
            if (!out->fixed && below && strcmp(below, "*") != 0) {
                out->fixed = below;
            }
            return;
        }
        /* An entry for commits beside others for versions says nothing about versions. */
        bool git = strcmp(tsn_json_str(e, "versionType", ""), "git") == 0;
        unread = unread || (covered == TSN_IN_UNKNOWN && !git);
    }
    if (unread) {
        out->in = TSN_IN_UNKNOWN;
        out->why = "a version in the record cannot be compared";
    } else if (json_array_size(versions) && strcmp(rest, "unknown") == 0) {
        /* Versions are listed and ours is none of them: by the schema unknown, by every
         * publisher's practice not meant. */
        out->in = TSN_IN_NO;
    } else {
        out->in = as_answer(rest);
    }
}

/* --- all spans ---------------------------------------------------------------------------------- */

static void judge_vers(const char *text, const char *version, struct tsn_verdict *out)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_vers v;
    const char *why;
    if (tsn_vers_parse(arena, text, &v, &why)) {
        out->in = TSN_IN_UNKNOWN;
        out->why = "the vers range cannot be read";
    } else {
        out->in = tsn_vers_has(&v, version);
    }
    tsn_arena_destroy(arena);
}

void tsn_claim_judge(const struct tsn_claim *c, enum tsn_scheme scheme, const char *version,
                     struct tsn_verdict *out)
{
    *out = (struct tsn_verdict){.in = TSN_IN_UNKNOWN, .fixed = c->fixed};
    if (c->span == TSN_SPAN_ALL) {
        out->in = TSN_IN_YES;
        return;
    }
    if (!*version) {
        out->why = "the component has no version";
        return;
    }
    if (scheme == TSN_SCHEME_NONE) {
        scheme = c->package.type ? c->package.scheme : TSN_SCHEME_GENERIC;
        scheme = scheme == TSN_SCHEME_NONE ? TSN_SCHEME_GENERIC : scheme;
    }
    int order;
    switch (c->span) {
    case TSN_SPAN_ALL:
        break;
    case TSN_SPAN_EXACT:
        order = tsn_version_compare(scheme, version, c->version);
        out->in = order == 0 || strcmp(version, c->version) == 0 ? TSN_IN_YES
                  : order == TSN_VERSION_UNKNOWN                 ? TSN_IN_UNKNOWN
                                                                 : TSN_IN_NO;
        break;
    case TSN_SPAN_VERS:
        judge_vers(c->version, version, out);
        break;
    case TSN_SPAN_OSV:
        out->in = tsn_osv_has(c->range, version);
        out->why = out->in == TSN_IN_UNKNOWN ? "the range cannot be decided for it" : NULL;
        if (out->in != TSN_IN_NO && !out->fixed) {
            out->fixed = tsn_osv_fixed(c->range, scheme, version);
        }
        break;
    case TSN_SPAN_CVE:
        judge_cve(c->range, scheme, version, out);
        break;
    case TSN_SPAN_WORDS:
        out->in = in_words(c->version, scheme, version, &out->fixed);
        break;
    case TSN_SPAN_BOUNDS:
        out->in = in_bounds(&c->bounds, scheme, version);
        if (!out->fixed && c->bounds.to && !c->bounds.with_to) {
            out->fixed = c->bounds.to;
        }
        break;
    case TSN_SPAN_UNREAD:
        out->why = "the versions are described in words only";
        break;
    }
}

const char *tsn_osv_fixed(const json_t *affected, enum tsn_scheme scheme, const char *version)
{
    const char *best = NULL;
    size_t i, k;
    json_t *r, *e;
    json_array_foreach(json_object_get(affected, "ranges"), i, r)
    {
        const char *type = tsn_json_str(r, "type", "");
        if (strcmp(type, "GIT") == 0) {
            continue;
        }
        enum tsn_scheme s = strcmp(type, "SEMVER") == 0 ? TSN_SCHEME_SEMVER : scheme;
        json_array_foreach(json_object_get(r, "events"), k, e)
        {
            const char *at = tsn_json_str(e, "fixed", NULL);
            if (at && tsn_version_compare(s, at, version) == 1 &&
                (!best || tsn_version_compare(s, at, best) == -1)) {
                best = at;
            }
        }
    }
    return best;
}

struct tsn_record tsn_record_of(const char *id, const char *source)
{
    return (struct tsn_record){.id = id,
                               .source = source,
                               .publisher = "",
                               .ns = "",
                               .title = "",
                               .url = "",
                               .modified = "",
                               .severity = "",
                               .vector = ""};
}
