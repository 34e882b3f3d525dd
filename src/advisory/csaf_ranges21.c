/* csaf_ranges21.c - CSAF 2.1: do ranges of one product overlap (6.2.50, 6.3.19)? Only versions that are
 * numbers with dots are compared, which are ordered alike in every scheme; others are left alone. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_check21.h"
#include "core/json.h"
#include "core/mem.h"

#define PARTS     6
#define ENDS_MAX  32
#define LEAVES    200 /* of one branch; more are not compared */
#define POINTER_N 600

struct version {
    unsigned long part[PARTS];
};
/* From `low` to `high`; without an end it goes on for ever. */
struct span {
    struct version low, high;
    bool has_low, has_high, low_in, high_in;
};
struct range {
    struct span spans[ENDS_MAX];
    struct version out[ENDS_MAX]; /* != */
    size_t n, nout;
};
struct leaf {
    bool single, vers;
    const char *name, *id;
    struct range range;
    char at[POINTER_N];
};

static bool version_of(const char *s, size_t n, struct version *v)
{
    *v = (struct version){{0}};
    for (size_t p = 0, i = 0; p < PARTS; p++) {
        size_t digits = 0;
        for (; i < n && isdigit((unsigned char)s[i]); i++) {
            v->part[p] = v->part[p] * 10 + (unsigned long)(s[i] - '0');
            digits++;
        }
        if (digits == 0 || digits > 15) {
            return false;
        }
        if (i == n) {
            return true;
        }
        if (s[i++] != '.') {
            return false;
        }
    }
    return false;
}

static int order(const struct version *a, const struct version *b)
{
    for (size_t p = 0; p < PARTS; p++) {
        if (a->part[p] != b->part[p]) {
            return a->part[p] < b->part[p] ? -1 : 1;
        }
    }
    return 0;
}

struct end {
    char op; /* < l (<=) > g (>=) = */
    struct version v;
};

static int by_version(const void *a, const void *b)
{
    return order(&((const struct end *)a)->v, &((const struct end *)b)->v);
}

/* Constraints as they stand, != apart; false: something is no number. */
static bool ends_of(const char *p, struct end *ends, size_t *n, struct range *r)
{
    for (*n = 0; *p;) {
        struct version v;
        p += strspn(p, " ");
        size_t op = strspn(p, "<>=!"), len = strcspn(p, "|"), last = len;
        while (last > op && p[last - 1] == ' ') {
            last--;
        }
        if (op > 2 || !version_of(p + op, last - op, &v)) {
            return false;
        }
        if (p[0] == '!') {
            if (r->nout == ENDS_MAX) {
                return false;
            }
            r->out[r->nout++] = v;
        } else if (*n == ENDS_MAX) {
            return false;
        } else {
            char word = op == 0 || p[0] == '=' ? '=' : op == 1 ? p[0] : p[0] == '<' ? 'l' : 'g';
            ends[(*n)++] = (struct end){word, v};
        }
        p += len;
        p += *p == '|';
    }
    return true;
}

/* As vers says: a lower end goes to the next upper one, a first upper one from the beginning. */
static bool range_of(const char *name, bool *vers, struct range *r)
{
    struct end ends[ENDS_MAX];
    struct span open = {0};
    size_t n;
    bool begun = false;
    *vers = strncmp(name, "vers:", 5) == 0;
    const char *text = *vers ? strchr(name, '/') : name;
    *r = (struct range){.n = 0};
    if (!text || !ends_of(text + *vers, ends, &n, r)) {
        return false;
    }
    qsort(ends, n, sizeof ends[0], by_version);
    for (size_t i = 0; i < n; i++) {
        const struct version v = ends[i].v;
        switch (ends[i].op) {
        case '=':
            r->spans[r->n++] = (struct span){v, v, true, true, true, true};
            break;
        case '>':
        case 'g':
            if (!begun) {
                open = (struct span){.low = v, .has_low = true, .low_in = ends[i].op == 'g'};
            }
            begun = true;
            break;
        default:
            open.high = v;
            open.has_high = true;
            open.high_in = ends[i].op == 'l';
            r->spans[r->n++] = open;
            open = (struct span){.has_low = false};
            begun = false;
        }
    }
    if (begun) {
        r->spans[r->n++] = open;
    }
    return n > 0;
}

static bool left_out(const struct range *r, const struct version *v)
{
    for (size_t i = 0; i < r->nout; i++) {
        if (order(&r->out[i], v) == 0) {
            return true;
        }
    }
    return false;
}

/* Does `low` of one lie before the end of the other? *point: exactly at it, and both take it in. */
static bool before_end(const struct span *a, const struct span *b, bool *point)
{
    if (!a->has_low || !b->has_high) {
        return true;
    }
    int o = order(&a->low, &b->high);
    *point = *point || (o == 0 && a->low_in && b->high_in);
    return o < 0 || (o == 0 && a->low_in && b->high_in);
}

static bool overlap(const struct range *a, const struct range *b)
{
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            const struct span *x = &a->spans[i], *y = &b->spans[k];
            bool point = false;
            if (!before_end(x, y, &point) || !before_end(y, x, &point)) {
                continue;
            }
            /* A single version may be what the other leaves out. */
            const struct version *only =
                x->has_low && x->has_high && !order(&x->low, &x->high)   ? &x->low
                : y->has_low && y->has_high && !order(&y->low, &y->high) ? &y->low
                                                                         : NULL;
            if (!only || (!left_out(a, only) && !left_out(b, only))) {
                return true;
            }
        }
    }
    return false;
}

/* 1 affected, 2 not affected, 3 fixed, 4 under investigation, 5 unknown; 0 none of these. */
static int group_of(const json_t *vuln, const char *id)
{
    static const struct {
        const char *status;
        int group;
    } table[] = {{"first_affected", 1},      {"known_affected", 1}, {"last_affected", 1},
                 {"known_not_affected", 2},  {"first_fixed", 3},    {"fixed", 3},
                 {"under_investigation", 4}, {"unknown", 5}};
    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
        size_t i;
        json_t *one;
        json_array_foreach(
            json_object_get(json_object_get(vuln, "product_status"), table[t].status), i, one)
        {
            if (json_is_string(one) && strcmp(json_string_value(one), id) == 0) {
                return table[t].group;
            }
        }
    }
    return 0;
}

static void told(struct tsn_csaf_check *c, const struct leaf *a, const struct leaf *b)
{
    bool single = a->single || b->single;
    const char *kind = single ? "3" : a->vers ? "1" : "2";
    char test[16];
    size_t v;
    json_t *vuln;
    tsn_csaf_find(c, single ? "6.3.19.5" : "6.3.19.4", b->at, "\"%.80s\" overlaps \"%.80s\"",
                  b->name, a->name);
    json_array_foreach(c->vulns, v, vuln)
    {
        int x = a->id ? group_of(vuln, a->id) : 0, y = b->id ? group_of(vuln, b->id) : 0;
        if (x && y) {
            (void)snprintf(test, sizeof test, "%s.%s", x == y ? "6.3.19" : "6.2.50", kind);
            tsn_csaf_find(
                c, test, b->at,
                "\"%.80s\" overlaps \"%.80s\", in %s status group of vulnerability %zu",
                b->name, a->name, x == y ? "the same" : "a contradicting", v);
        }
    }
}

static bool is_version(const json_t *branch)
{
    return strncmp(tsn_json_str(branch, "category", ""), "product_version", 15) == 0;
}

void tsn_csaf_ranges21(struct tsn_csaf_check *c, const json_t *siblings, const char *pointer)
{
    size_t n = 0, i, all = 0;
    json_t *b;
    json_array_foreach(siblings, i, b)
    {
        all += is_version(b);
    }
    if (all < 2) {
        return;
    }
    all = all < LEAVES ? all : LEAVES;
    struct leaf *leaves = tsn_alloc(all * sizeof *leaves);
    json_array_foreach(siblings, i, b)
    {
        const char *category = tsn_json_str(b, "category", ""),
                   *name = tsn_json_str(b, "name", "");
        bool single = strcmp(category, "product_version") == 0;
        if (n == all || (!single && strcmp(category, "product_version_range") != 0)) {
            continue;
        }
        struct leaf *l = &leaves[n];
        l->single = single;
        l->name = name;
        l->id = tsn_json_str(json_object_get(b, "product"), "product_id", NULL);
        if (!range_of(name, &l->vers, &l->range) ||
            (single && (l->range.n != 1 || strpbrk(name, "<>=!|")))) {
            continue;
        }
        (void)snprintf(l->at, sizeof l->at, "%.500s/branches/%zu/name", pointer, i);
        for (size_t k = 0; k < n; k++) {
            const struct leaf *o = &leaves[k];
            bool both = !o->single && !l->single && o->vers == l->vers;
            if ((both || o->single != l->single) && overlap(&o->range, &l->range)) {
                told(c, o, l);
            }
        }
        n++;
    }
    free(leaves);
}
