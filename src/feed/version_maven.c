/* version_maven.c - Maven's order, by the text in its POM reference, "Version Order
 * Specification". Pure.
 *
 * Tokens are read one at a time; a null value ("0", "", "ga", "final", "release") that the
 * specification trims is known by looking ahead: nothing but nulls up to a hyphen or the end. */
#include "feed/version_int.h"

struct token {
    struct tsn_vs text;
    bool end, hyphen, number, counted; /* counted: a digit follows without separator */
};

struct reader {
    struct tsn_vs rest;
    bool started, in_digits;
};

static struct token raw(struct reader *r)
{
    struct token t = {0};
    if (r->started) {
        if (!r->rest.n) {
            t.end = true;
            return t;
        }
        char c = *r->rest.p;
        if (c == '.' || c == '-') {
            t.hyphen = c != '.';
            tsn_v_skip(&r->rest, 1);
        } else {
            t.hyphen = true; /* between digits and letters */
        }
    }
    r->started = true;
    t.text = tsn_v_digits(&r->rest);
    t.number = true;
    if (t.text.n) {
        return t;
    }
    t.text.p = r->rest.p;
    while (t.text.n < r->rest.n && !tsn_v_digit(t.text.p[t.text.n]) &&
           !strchr(".-", t.text.p[t.text.n])) {
        t.text.n++;
    }
    tsn_v_skip(&r->rest, t.text.n);
    t.number = t.text.n == 0; /* nothing between separators is 0 */
    t.counted = !t.number && tsn_v_digit(tsn_v_peek(&r->rest));
    return t;
}

static bool is_null(const struct token *t)
{
    return t->number ? tsn_v_zero(t->text)
                     : tsn_v_is(t->text, "ga") || tsn_v_is(t->text, "final") ||
                           tsn_v_is(t->text, "release");
}

static struct token next(struct reader *r)
{
    for (;;) {
        struct token t = raw(r);
        if (t.end || !is_null(&t)) {
            return t;
        }
        struct reader ahead = *r;
        struct token n = raw(&ahead);
        while (!n.end && !n.hyphen && is_null(&n)) {
            n = raw(&ahead);
        }
        if (!n.end && !n.hyphen) {
            return t;
        }
    }
}

/* Its place among the words with a meaning; others come after all of them, by text. */
static int place(const struct token *t)
{
    static const struct {
        const char *word;
        int place;
    } words[] = {
        {"alpha", 0},    {"beta", 1}, {"milestone", 2}, {"rc", 3},      {"cr", 3},
        {"snapshot", 4}, {"ga", 5},   {"final", 5},     {"release", 5}, {"sp", 6},
    };
    if (t->end || (t->number && tsn_v_zero(t->text))) {
        return 5;
    }
    if (t->counted && t->text.n == 1) {
        char c = tsn_v_lower(*t->text.p);
        if (c == 'a' || c == 'b' || c == 'm') {
            return c == 'm' ? 2 : c - 'a';
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (tsn_v_is(t->text, words[i].word)) {
            return words[i].place;
        }
    }
    return 7;
}

static int words(const struct token *a, const struct token *b)
{
    int x = place(a), y = place(b);
    if (x != y) {
        return x < y ? -1 : 1;
    }
    return x == 7 ? tsn_v_text_ci(a->text, b->text) : 0;
}

static int order(const struct token *a, const struct token *b)
{
    if (a->end || b->end) { /* the shorter one is filled up with nulls of the other's kind */
        const struct token *t = a->end ? b : a;
        return t->number ? tsn_v_number(a->text, b->text) : words(a, b);
    }
    if (a->number != b->number) {
        return a->number ? 1 : -1;
    }
    if (a->hyphen != b->hyphen) { /* .word < -word < -number < .number */
        return a->hyphen == a->number ? -1 : 1;
    }
    return a->number ? tsn_v_number(a->text, b->text) : words(a, b);
}

int tsn_v_maven(struct tsn_vs a, struct tsn_vs b)
{
    struct reader x = {.rest = a}, y = {.rest = b};
    for (;;) {
        struct token t = next(&x), u = next(&y);
        if (t.end && u.end) {
            return 0;
        }
        int c = order(&t, &u);
        if (c) {
            return c;
        }
    }
}
