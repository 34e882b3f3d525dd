/* version_apk.c - the orders of Alpine's apk (2.x and early 3.x) and of Gentoo. Pure. */
#include "feed/version_int.h"

/* What may follow what: a later kind never precedes an earlier one, but for the exceptions in
 * next_kind. */
enum kind { INVALID = -1, PART, DIGIT, LETTER, SUFFIX, SUFFIX_NO, REVISION, END };

/* A token's value: its rank first, then its digits. */
struct value {
    long rank;
    struct tsn_vs digits;
};

static enum kind next_kind(enum kind was, struct tsn_vs *s)
{
    enum kind n = INVALID;
    char c = tsn_v_peek(s);
    if (s->n == 0) {
        return END;
    }
    if ((was == DIGIT || was == PART) && c >= 'a' && c <= 'z') {
        n = LETTER;
    } else if (was == LETTER && tsn_v_digit(c)) {
        n = DIGIT;
    } else if (was == SUFFIX && tsn_v_digit(c)) {
        n = SUFFIX_NO;
    } else {
        if (c == '.') {
            n = PART;
        } else if (c == '_') {
            n = SUFFIX;
        } else if (c == '-' && s->n > 1 && s->p[1] == 'r') {
            n = REVISION;
            tsn_v_skip(s, 1);
        }
        tsn_v_skip(s, 1);
    }
    bool back = (n == PART && was == DIGIT) || (n == SUFFIX && was == SUFFIX_NO) ||
                (n == DIGIT && was == LETTER);
    return n < was && !back ? INVALID : n;
}

/* Before the plain version: alpha, beta, pre, rc (negative); after it: cvs, svn, git, hg, p. */
static bool suffix(struct tsn_vs *s, long *rank)
{
    static const char *const words[] = {"alpha", "beta", "pre", "rc", "cvs",
                                        "svn",   "git",  "hg",  "p"};
    for (long i = 0; i < 9; i++) {
        size_t n = strlen(words[i]);
        if (s->n >= n && memcmp(s->p, words[i], n) == 0) {
            tsn_v_skip(s, n);
            *rank = i - 4;
            return true;
        }
    }
    return false;
}

static struct value token(enum kind *kind, struct tsn_vs *s)
{
    struct value v = {0};
    if (s->n == 0) {
        *kind = END;
        return v;
    }
    switch (*kind) {
    case PART:
        if (*s->p == '0') { /* ".05" is a fraction: more zeros are less */
            while (tsn_v_take(s, '0')) {
                v.rank--;
            }
            *kind = s->n ? DIGIT : END;
            return v;
        }
        v.digits = tsn_v_digits(s);
        break;
    case DIGIT:
    case SUFFIX_NO:
    case REVISION:
        v.digits = tsn_v_digits(s);
        break;
    case LETTER:
        v.rank = (unsigned char)*s->p;
        tsn_v_skip(s, 1);
        break;
    case SUFFIX:
        if (suffix(s, &v.rank)) {
            break;
        }
        *kind = INVALID;
        return (struct value){.rank = -100};
    case INVALID:
    case END:
        *kind = INVALID;
        return (struct value){.rank = -100};
    }
    *kind = next_kind(*kind, s);
    return v;
}

static int values(const struct value *a, const struct value *b)
{
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return tsn_v_number(a->digits, b->digits);
}

int tsn_v_apk(struct tsn_vs a, struct tsn_vs b)
{
    enum kind x = DIGIT, y = DIGIT;
    while (x == y && x != END && x != INVALID) {
        struct value v = token(&x, &a), w = token(&y, &b);
        int c = values(&v, &w);
        if (c) {
            return c;
        }
    }
    if (x == y) {
        return 0;
    }
    /* A part or release without a number is as good as nothing that fits. */
    x = (x == PART || x == REVISION) && a.n && !tsn_v_digit(*a.p) ? INVALID : x;
    y = (y == PART || y == REVISION) && b.n && !tsn_v_digit(*b.p) ? INVALID : y;
    if (x == y || x == INVALID || y == INVALID) {
        return (x != INVALID) - (y != INVALID);
    }
    /* One goes on: it is newer, unless it goes on with what comes before a release. */
    enum kind was_x = x, was_y = y;
    if (x == SUFFIX && token(&x, &a).rank < 0) {
        return -1;
    }
    if (y == SUFFIX && token(&y, &b).rank < 0) {
        return 1;
    }
    return was_x > was_y ? -1 : 1;
}

/* --- Gentoo: PMS chapter 3.3 ------------------------------------------------------------------ */

static int fraction(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n && a.p[a.n - 1] == '0') {
        a.n--;
    }
    while (b.n && b.p[b.n - 1] == '0') {
        b.n--;
    }
    return tsn_v_text(a, b);
}

/* 0 = no suffix here; alpha beta pre rc are below, p above. */
static long gentoo_suffix(struct tsn_vs *s, struct tsn_vs *no)
{
    long rank = 0;
    struct tsn_vs t = *s;
    *no = (struct tsn_vs){0};
    if (tsn_v_take(&t, '_') && suffix(&t, &rank)) {
        *no = tsn_v_digits(&t);
        *s = t;
        return rank < 0 ? rank : 1;
    }
    return 0;
}

int tsn_v_gentoo(struct tsn_vs a, struct tsn_vs b)
{
    int c = tsn_v_number(tsn_v_digits(&a), tsn_v_digits(&b));
    while (c == 0) {
        bool da = tsn_v_take(&a, '.'), db = tsn_v_take(&b, '.');
        if (!da || !db) {
            c = da - db;
            break;
        }
        struct tsn_vs x = tsn_v_digits(&a), y = tsn_v_digits(&b);
        bool zero = tsn_v_peek(&x) == '0' || tsn_v_peek(&y) == '0';
        c = zero ? fraction(x, y) : tsn_v_number(x, y);
    }
    c = c ? c : tsn_v_text(tsn_v_letters(&a), tsn_v_letters(&b));
    for (bool more = true; c == 0 && more;) {
        struct tsn_vs x, y;
        long i = gentoo_suffix(&a, &x), k = gentoo_suffix(&b, &y);
        c = i != k ? (i < k ? -1 : 1) : tsn_v_number(x, y);
        more = i != 0;
    }
    if (c == 0) {
        struct tsn_vs none = {0};
        struct tsn_vs x = tsn_v_takes(&a, "-r") ? tsn_v_digits(&a) : none;
        struct tsn_vs y = tsn_v_takes(&b, "-r") ? tsn_v_digits(&b) : none;
        c = tsn_v_number(x, y);
    }
    return c || (!a.n && !b.n) ? c : TSN_VERSION_UNKNOWN; /* not a version */
}
