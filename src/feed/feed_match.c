/* feed_match.c - which of our products does a document touch, and how sure is that? Pure.
 *
 * certain: vendor and product equal, and the document lists exactly our version as affected, or
 *          a `vers:` range that it lies in; a range that it does not lie in is no hit
 * likely:  vendor and product equal
 * guess:   only the product's name is equal, or our version is listed as fixed; never starts a run
 * A product that the document only calls not affected is no hit. */
#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/vers.h"

enum certainty { NONE, GUESS, LIKELY, CERTAIN };
static const char *const names[] = {NULL, "guess", "likely", "certain"};

struct key {
    char *vendor, *product, *version, *words; /* words: of the product, with blanks */
};

static char *folded(struct tsn_arena *arena, const char *s, bool vendor)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    tsn_feed_fold(s, vendor, &b);
    char *out = tsn_arena_strdup(arena, b.data);
    tsn_buf_free(&b);
    return out;
}

static char *worded(struct tsn_arena *arena, const char *s)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    tsn_feed_words(s, false, &b);
    char *out = tsn_arena_strdup(arena, b.data);
    tsn_buf_free(&b);
    return out;
}

/* "v9.4 " and "9.4" are one version. */
static bool same_version(const char *a, const char *b)
{
    a += strspn(a, " ");
    b += strspn(b, " ");
    a += (*a == 'v' || *a == 'V') && a[1] >= '0' && a[1] <= '9';
    b += (*b == 'v' || *b == 'V') && b[1] >= '0' && b[1] <= '9';
    size_t n = strcspn(a, " "), m = strcspn(b, " ");
    return n > 0 && n == m && strncasecmp(a, b, n) == 0;
}

/* Does the folded text `all` consist of `first`, then `second`, then anything from a word's
 * start? `words` is `all` with blanks, to know where words start. */
static bool begins(const char *words, const char *first, const char *second)
{
    const char *want[2] = {first, second};
    const char *p = words;
    for (int i = 0; i < 2; i++) {
        for (const char *w = want[i]; *w; w++) {
            while (*p == ' ') {
                p++;
            }
            if (*p++ != *w) {
                return false;
            }
        }
        if (*p && *p != ' ') {
            return false;
        }
    }
    return true;
}

struct row {
    const char *vendor, *product, *words, *version, *status;
    bool range;
    const struct tsn_vers *vers; /* NULL: not a range that can be evaluated */
    const json_t *json;
};

static const struct tsn_vers *vers_of(struct tsn_arena *arena, const json_t *product)
{
    const char *why, *text = tsn_json_str(product, "version", "");
    if (!tsn_json_bool(product, "range", false) || strncmp(text, "vers:", 5) != 0) {
        return NULL;
    }
    struct tsn_vers *v = tsn_arena_alloc(arena, sizeof *v);
    return tsn_vers_parse(arena, text, v, &why) == 0 ? v : NULL;
}

/* Does the row speak of exactly this version? */
static enum tsn_in covers(const struct row *r, const char *version)
{
    if (r->vers) {
        return tsn_vers_has(r->vers, version);
    }
    return r->range                            ? TSN_IN_UNKNOWN
           : same_version(r->version, version) ? TSN_IN_YES
                                               : TSN_IN_NO;
}

static enum certainty compare(const struct row *r, const char *vendor, const char *product,
                              const char *version, const char *full)
{
    if (strcmp(r->status, "not_affected") == 0 || !*product) {
        return NONE;
    }
    enum certainty c = NONE;
    if (*r->product) {
        bool named =
            strcmp(r->product, product) == 0 || (*full && strcmp(r->product, full) == 0);
        if (!named) {
            return NONE;
        }
        c = *vendor && strcmp(r->vendor, vendor) == 0 ? LIKELY : GUESS;
    } else {
        /* Only a full name, "Vendor Product 1.2". */
        if (*vendor && begins(r->words, vendor, product)) {
            c = LIKELY;
        } else if (begins(r->words, product, "")) {
            c = *r->vendor && strcmp(r->vendor, vendor) == 0 ? LIKELY : GUESS;
        }
    }
    if (*version && r->vers && covers(r, version) == TSN_IN_NO) {
        return NONE;
    }
    if (c == LIKELY && *version && covers(r, version) == TSN_IN_YES) {
        c = strcmp(r->status, "fixed") == 0 ? GUESS : CERTAIN;
    }
    return c;
}

/* The best hit of one component of ours; evidence gets the rows that speak of it. */
static enum certainty component(const struct row *rows, size_t n, const json_t *ours,
                                const char *fallback_version, json_t *evidence,
                                struct tsn_arena *arena)
{
    const char *vendor = folded(arena, tsn_json_str(ours, "vendor", ""), true);
    const char *raw = tsn_json_str(ours, "product", tsn_json_str(ours, "name", ""));
    const char *product = folded(arena, raw, false);
    const char *version = tsn_json_str(ours, "version", fallback_version);
    /* Some vendors repeat their name in the product's: "Acme Router" of Acme. */
    char *full = tsn_arena_printf(arena, "%s%s", vendor, product);
    enum certainty best = NONE;
    bool affected = false, ours_fixed = false;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        enum certainty c = compare(&rows[i], vendor, product, version, full);
        if (c == NONE) {
            continue;
        }
        bool is_fixed = strcmp(rows[i].status, "fixed") == 0;
        if (is_fixed && *version && covers(&rows[i], version) == TSN_IN_YES) {
            ours_fixed = true;
        } else if (c == CERTAIN) {
            affected = true;
        }
        best = c > best ? c : best;
        if (kept++ < 20) {
            json_array_append_new(
                evidence,
                json_pack("{s:s,s:s,s:O,s:O,s:s}", "component", raw, "certainty", names[c],
                          "name", json_object_get(rows[i].json, "name"), "version",
                          json_object_get(rows[i].json, "version"), "status", rows[i].status));
        }
    }
    return ours_fixed && !affected && best > GUESS ? GUESS : best;
}

tsn_err tsn_match_facts(const json_t *facts, const json_t *products, json_t **matches)
{
    struct tsn_arena *arena = tsn_arena_new();
    const json_t *list = json_object_get(facts, "products");
    size_t n = json_array_size(list), i, k;
    json_t *p, *part;
    struct row *rows = tsn_arena_alloc(arena, (n + 1) * sizeof *rows);
    /* A tree without vendor branches speaks of its publisher's products, if that is a vendor. */
    const char *publisher = strcmp(tsn_json_str(facts, "publisher_category", ""), "vendor") == 0
                                ? tsn_json_str(facts, "publisher", "")
                                : "";
    json_array_foreach(list, i, p)
    {
        const char *vendor = tsn_json_str(p, "vendor", "");
        rows[i] = (struct row){
            .vendor = folded(arena, *vendor ? vendor : publisher, true),
            .product = folded(arena, tsn_json_str(p, "product", ""), false),
            .words = worded(arena, tsn_json_str(p, "name", "")),
            .version = tsn_json_str(p, "version", ""),
            .status = tsn_json_str(p, "status", "listed"),
            .range = tsn_json_bool(p, "range", false),
            .vers = vers_of(arena, p),
            .json = p,
        };
    }
    *matches = json_array();
    json_array_foreach(products, i, p)
    {
        json_t *evidence = json_array();
        enum certainty best = component(rows, n, p, "", evidence, arena);
        json_array_foreach(json_object_get(p, "components"), k, part)
        {
            enum certainty c = component(rows, n, part, "", evidence, arena);
            best = c > best ? c : best;
        }
        if (best > NONE) {
            const char *id = tsn_json_str(p, "id", "");
            json_array_append_new(*matches,
                                  json_pack("{s:s,s:s,s:s,s:s,s:O}", "product", id, "name",
                                            tsn_json_str(p, "name", id), "owner",
                                            tsn_json_str(p, "owner", ""), "certainty",
                                            names[best], "evidence", evidence));
        }
        json_decref(evidence);
    }
    tsn_arena_destroy(arena);
    return 0;
}
