/* advisory_diff.c - difference of two CSAF documents, in words. Pure. */
#include "advisory/advisory_diff.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_product.h"
#include "advisory/csaf_view.h"
#include "core/json.h"
#include "core/text.h"

struct diff {
    json_t *words; /* may be NULL */
    enum tsn_diff_level level;
    const json_t *names[2]; /* product index before and after */
};

const char *tsn_diff_level_text(enum tsn_diff_level level)
{
    static const char *const texts[] = {"none", "patch", "minor", "major"};
    return texts[level];
}

__attribute__((format(printf, 3, 4))) static void say(struct diff *d, enum tsn_diff_level level,
                                                      const char *fmt, ...)
{
    va_list ap;
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    va_start(ap, fmt);
    (void)tsn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    d->level = level > d->level ? level : d->level;
    if (d->words) {
        json_array_append_new(d->words, json_stringn(b.data ? b.data : "", b.len));
    }
    tsn_buf_free(&b);
}

/* Letters and digits only, folded: what remains when wording is polished. */
static void bare(struct tsn_buf *b, const char *s)
{
    tsn_buf_puts(b, "");
    for (; *s; s++) {
        if (isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80) {
            tsn_buf_putc(b, (char)tolower((unsigned char)*s));
        }
    }
}

/* Edits between two texts, at most `max` + 1: one slip of a finger is a typo. */
static size_t edits(const char *a, const char *b, size_t max)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    size_t n = strlen(a), m = strlen(b);
    while (n > 0 && m > 0 && a[n - 1] == b[m - 1]) {
        n--;
        m--;
    }
    size_t most = n > m ? n : m;
    return most > max ? max + 1 : most;
}

/* Wording only, or another meaning? Numbers are facts. */
static bool typo(const char *a, const char *b)
{
    struct tsn_buf x, y;
    tsn_buf_init(&x, 16u << 20);
    tsn_buf_init(&y, 16u << 20);
    bare(&x, a);
    bare(&y, b);
    bool same = strcmp(x.data, y.data) == 0;
    if (!same && edits(x.data, y.data, 2) <= 2) {
        size_t i = 0;
        while (x.data[i] && x.data[i] == y.data[i]) {
            i++;
        }
        same = !isdigit((unsigned char)x.data[i]) && !isdigit((unsigned char)y.data[i]);
    }
    tsn_buf_free(&x);
    tsn_buf_free(&y);
    return same;
}

static void text(struct diff *d, const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) == 0) {
        return;
    }
    bool small = *a && *b && typo(a, b);
    say(d, small ? TSN_DIFF_PATCH : TSN_DIFF_MINOR, "%s %s", what,
        small ? "has other wording"
        : !*a ? "was added"
        : !*b ? "was removed"
              : "was rewritten");
}

static bool same(const json_t *a, const json_t *b)
{
    return a == b || (a && b && json_equal(a, b));
}

/* Notes, references and the like: by position and text. */
static void notes(struct diff *d, const char *where, const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a), m = json_array_size(b);
    for (size_t i = 0; i < n || i < m; i++) {
        const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
        char what[256];
        (void)snprintf(
            what, sizeof what, "%s%snote \"%.100s\"", where, *where ? ": " : "",
            tsn_json_str(y ? y : x, "title", tsn_json_str(y ? y : x, "category", "")));
        if (!same(x, y)) {
            bool moved =
                x && y &&
                (strcmp(tsn_json_str(x, "category", ""), tsn_json_str(y, "category", "")) !=
                     0 ||
                 !same(json_object_get(x, "product_ids"), json_object_get(y, "product_ids")));
            text(d, what, tsn_json_str(x, "text", ""), tsn_json_str(y, "text", ""));
            if (moved) {
                say(d, TSN_DIFF_MINOR, "%s is of another kind", what);
            }
        }
    }
}

static const char *name_of(const struct diff *d, const char *id)
{
    for (size_t k = 2; k-- > 0;) {
        const json_t *row = json_object_get(d->names[k], id);
        if (row) {
            return tsn_json_str(row, "name", id);
        }
    }
    return id;
}

static bool holds(const json_t *list, const char *id)
{
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x)
    {
        if (strcmp(json_string_value(x), id) == 0) {
            return true;
        }
    }
    return false;
}

static void statuses(struct diff *d, const char *where, const json_t *a, const json_t *b)
{
    static const struct {
        const char *kind, *words;
        enum tsn_diff_level add, remove;
    } kinds[] = {
        {"known_affected", "affected", TSN_DIFF_MAJOR, TSN_DIFF_MAJOR},
        {"first_affected", "affected", TSN_DIFF_MAJOR, TSN_DIFF_MAJOR},
        {"last_affected", "affected", TSN_DIFF_MAJOR, TSN_DIFF_MAJOR},
        {"fixed", "fixed", TSN_DIFF_MINOR, TSN_DIFF_MAJOR},
        {"first_fixed", "first fixed", TSN_DIFF_MINOR, TSN_DIFF_MAJOR},
        {"known_not_affected", "not affected", TSN_DIFF_MINOR, TSN_DIFF_MAJOR},
        {"recommended", "recommended", TSN_DIFF_MINOR, TSN_DIFF_MINOR},
        {"under_investigation", "under investigation", TSN_DIFF_MINOR, TSN_DIFF_MINOR},
        {"unknown", "unknown", TSN_DIFF_MINOR, TSN_DIFF_MINOR},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const json_t *x = json_object_get(a, kinds[k].kind),
                     *y = json_object_get(b, kinds[k].kind);
        size_t i;
        json_t *id;
        json_array_foreach(y, i, id)
        {
            if (!holds(x, json_string_value(id))) {
                say(d, kinds[k].add, "%s: %s is now %s", where,
                    name_of(d, json_string_value(id)), kinds[k].words);
            }
        }
        json_array_foreach(x, i, id)
        {
            if (!holds(y, json_string_value(id))) {
                say(d, kinds[k].remove, "%s: %s is no longer %s", where,
                    name_of(d, json_string_value(id)), kinds[k].words);
            }
        }
    }
}

/* Scores in words: "9.8 CVSS:3.1/...". */
static void scores(struct diff *d, const char *where, const json_t *a, const json_t *b)
{
    json_t *x = tsn_view_scores(a), *y = tsn_view_scores(b);
    if (!json_equal(x, y)) {
        const json_t *p = json_object_get(json_array_get(x, 0), "cvss"),
                     *q = json_object_get(json_array_get(y, 0), "cvss");
        say(d, TSN_DIFF_MINOR, "%s: the score was %.1f (%s), is %.1f (%s)", where,
            json_number_value(json_object_get(p, "baseScore")),
            tsn_json_str(p, "vectorString", "none"),
            json_number_value(json_object_get(q, "baseScore")),
            tsn_json_str(q, "vectorString", "none"));
    }
    json_decref(x);
    json_decref(y);
}

static void vulnerability(struct diff *d, const char *where, const json_t *a, const json_t *b)
{
    static const struct {
        const char *key, *words;
    } rest[] = {
        {"remediations", "the remediations"},
        {"threats", "the threats"},
        {"flags", "the justifications"},
        {"references", "the references"},
        {"acknowledgments", "the credits"},
        {"involvements", "the involvements"},
        {"cwe", "the weakness"},
        {"cwes", "the weaknesses"},
        {"ids", "the ids"},
        {"release_date", "the date of release"},
        {"discovery_date", "the date of discovery"},
    };
    statuses(d, where, json_object_get(a, "product_status"),
             json_object_get(b, "product_status"));
    scores(d, where, a, b);
    char what[300];
    (void)snprintf(what, sizeof what, "%s: the title", where);
    text(d, what, tsn_json_str(a, "title", ""), tsn_json_str(b, "title", ""));
    notes(d, where, json_object_get(a, "notes"), json_object_get(b, "notes"));
    for (size_t k = 0; k < sizeof rest / sizeof rest[0]; k++) {
        const json_t *x = json_object_get(a, rest[k].key), *y = json_object_get(b, rest[k].key);
        if (!same(x, y)) {
            say(d, TSN_DIFF_MINOR, "%s: %s %s", where, rest[k].words,
                !x   ? "were added"
                : !y ? "were removed"
                     : "changed");
        }
    }
}

static const json_t *find(const json_t *list, const char *name, size_t at)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (*name ? strcmp(tsn_view_name(v), name) == 0 : i == at) {
            return v;
        }
    }
    return NULL;
}

static void vulnerabilities(struct diff *d, const json_t *a, const json_t *b)
{
    size_t i;
    json_t *v;
    char where[128];
    json_array_foreach(b, i, v)
    {
        const char *name = tsn_view_name(v);
        const json_t *before = find(a, name, i);
        (void)snprintf(where, sizeof where, "%.100s", *name ? name : "the vulnerability");
        if (!before) {
            say(d, TSN_DIFF_MAJOR, "%s was added", where);
        } else {
            vulnerability(d, where, before, v);
        }
    }
    json_array_foreach(a, i, v)
    {
        const char *name = tsn_view_name(v);
        if (!find(b, name, i)) {
            say(d, TSN_DIFF_MAJOR, "%.100s was removed", *name ? name : "a vulnerability");
        }
    }
}

static void document(struct diff *d, const json_t *a, const json_t *b)
{
    static const struct {
        const char *key, *words;
    } rest[] = {
        {"category", "the profile"},          {"lang", "the language"},
        {"publisher", "the publisher"},       {"aggregate_severity", "the severity"},
        {"acknowledgments", "the credits"},   {"references", "the references"},
        {"distribution", "the distribution"}, {"license_expression", "the licence"},
    };
    text(d, "the title", tsn_json_str(a, "title", ""), tsn_json_str(b, "title", ""));
    notes(d, "", json_object_get(a, "notes"), json_object_get(b, "notes"));
    for (size_t k = 0; k < sizeof rest / sizeof rest[0]; k++) {
        if (!same(json_object_get(a, rest[k].key), json_object_get(b, rest[k].key))) {
            say(d, TSN_DIFF_MINOR, "%s changed", rest[k].words);
        }
    }
}

enum tsn_diff_level tsn_advisory_diff(const json_t *before, const json_t *after, json_t **words)
{
    json_t *names[2] = {tsn_csaf_product_index(before), tsn_csaf_product_index(after)};
    struct diff d = {.words = words ? json_array() : NULL, .names = {names[0], names[1]}};
    document(&d, json_object_get(before, "document"), json_object_get(after, "document"));
    const json_t *x = json_object_get(before, "product_tree"),
                 *y = json_object_get(after, "product_tree");
    if (!same(x, y)) {
        say(&d, TSN_DIFF_MAJOR, "the products changed: match your assets anew");
    }
    vulnerabilities(&d, json_object_get(before, "vulnerabilities"),
                    json_object_get(after, "vulnerabilities"));
    json_decref(names[0]);
    json_decref(names[1]);
    if (words) {
        *words = d.words;
    }
    return d.level;
}

void tsn_version_next(const char *before, enum tsn_diff_level level, char *out, size_t cap)
{
    int64_t part[3] = {0, 0, 0};
    char *end;
    size_t n = 0;
    for (const char *p = before; n < 3 && isdigit((unsigned char)*p); p = end + 1) {
        part[n++] = strtoll(p, &end, 10);
        if (*end != '.') {
            break;
        }
    }
    if (n < 3) {
        (void)snprintf(out, cap, "%" PRId64, part[0] + (level != TSN_DIFF_NONE));
        return;
    }
    size_t at = level == TSN_DIFF_MAJOR ? 0 : level == TSN_DIFF_MINOR ? 1 : 2;
    part[at] += level != TSN_DIFF_NONE;
    for (size_t i = at + 1; i < 3; i++) {
        part[i] = 0;
    }
    (void)snprintf(out, cap, "%" PRId64 ".%" PRId64 ".%" PRId64, part[0], part[1], part[2]);
}
