/* version_list.c - orders that compare lists of numbers and words: RubyGems, Packagist, Conan,
 * Hackage and CRAN, OpenSSL, generic; and points in time. Pure. */
#include "feed/version_int.h"

/* "v1.0" */
static void skip_v(struct tsn_vs *s)
{
    if (s->n > 1 && tsn_v_lower(*s->p) == 'v' && tsn_v_digit(s->p[1])) {
        tsn_v_skip(s, 1);
    }
}

/* --- RubyGems --------------------------------------------------------------------------------- */

/* A run of digits or letters; n == 0 at the end. */
static struct tsn_vs gem_raw(struct tsn_vs *s)
{
    while (s->n && !tsn_v_digit(*s->p) && !tsn_v_alpha(*s->p)) {
        tsn_v_skip(s, 1);
    }
    struct tsn_vs t = tsn_v_digits(s);
    return t.n ? t : tsn_v_letters(s);
}

/* Zeros at the end, and before the first word, do not count. */
static struct tsn_vs gem_next(struct tsn_vs *s, bool *lettered)
{
    struct tsn_vs t = gem_raw(s);
    if (t.n && tsn_v_digit(*t.p) && tsn_v_zero(t)) {
        struct tsn_vs ahead = *s, u = gem_raw(&ahead);
        while (u.n && tsn_v_digit(*u.p) && tsn_v_zero(u)) {
            u = gem_raw(&ahead);
        }
        if (!u.n || (tsn_v_alpha(*u.p) && !*lettered)) {
            *s = ahead;
            t = u;
        }
    }
    *lettered = *lettered || (t.n && tsn_v_alpha(*t.p));
    return t;
}

int tsn_v_gem(struct tsn_vs a, struct tsn_vs b)
{
    bool la = false, lb = false;
    for (;;) {
        struct tsn_vs x = gem_next(&a, &la), y = gem_next(&b, &lb);
        if (!x.n && !y.n) {
            return 0;
        }
        bool wx = x.n && tsn_v_alpha(*x.p), wy = y.n && tsn_v_alpha(*y.p);
        int c = wx != wy ? (wx ? -1 : 1) : wx ? tsn_v_text(x, y) : tsn_v_number(x, y);
        if (c) {
            return c;
        }
    }
}

/* --- Packagist: PHP's version_compare -------------------------------------------------------- */

static struct tsn_vs php_next(struct tsn_vs *s)
{
    while (s->n && strchr(".-_+", *s->p)) {
        tsn_v_skip(s, 1);
    }
    struct tsn_vs t = tsn_v_digits(s);
    if (t.n) {
        return t;
    }
    t.p = s->p;
    while (t.n < s->n && !tsn_v_digit(t.p[t.n]) && !strchr(".-_+", t.p[t.n])) {
        t.n++;
    }
    tsn_v_skip(s, t.n);
    return t;
}

/* Words by their beginning; a number stands at 4, unknown words first. */
static int php_place(struct tsn_vs t)
{
    static const struct {
        const char *word;
        int place;
    } words[] = {{"dev", 0}, {"alpha", 1}, {"a", 1}, {"beta", 2}, {"b", 2},
                 {"RC", 3},  {"rc", 3},    {"#", 4}, {"pl", 5},   {"p", 5}};
    if (!t.n || tsn_v_digit(*t.p)) {
        return 4;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i].word); /* case counts */
        if (t.n >= n && memcmp(t.p, words[i].word, n) == 0) {
            return words[i].place;
        }
    }
    return -1;
}

int tsn_v_composer(struct tsn_vs a, struct tsn_vs b)
{
    struct tsn_vs x = a, y = b;
    if (tsn_v_takes(&x, "dev-") && tsn_v_takes(&y, "dev-")) {
        return tsn_v_text(x, y) == 0 ? 0 : TSN_VERSION_UNKNOWN; /* two branches */
    }
    skip_v(&a);
    skip_v(&b);
    for (;;) {
        x = php_next(&a);
        y = php_next(&b);
        if (!x.n && !y.n) {
            return 0;
        }
        bool dx = x.n && tsn_v_digit(*x.p), dy = y.n && tsn_v_digit(*y.p);
        int c = dx && dy     ? tsn_v_number(x, y)
                : !x.n && dy ? -1
                : !y.n && dx ? 1
                             : tsn_v_sign(php_place(x) - php_place(y));
        if (c) {
            return c;
        }
    }
}

/* --- Conan --------------------------------------------------------------------------------- */

static bool conan_null_rest(struct tsn_vs s)
{
    while (s.n) {
        struct tsn_vs t = tsn_v_until(&s, '.');
        if (t.n && !(tsn_v_all_digits(t) && tsn_v_zero(t))) {
            return false;
        }
    }
    return true;
}

static int conan_items(struct tsn_vs a, struct tsn_vs b)
{
    while (!conan_null_rest(a) || !conan_null_rest(b)) {
        if (conan_null_rest(a) || conan_null_rest(b)) {
            return conan_null_rest(a) ? -1 : 1;
        }
        struct tsn_vs x = tsn_v_until(&a, '.'), y = tsn_v_until(&b, '.');
        int c = tsn_v_all_digits(x) && tsn_v_all_digits(y) ? tsn_v_number(x, y)
                                                           : tsn_v_text_ci(x, y);
        if (c) {
            return c;
        }
    }
    return 0;
}

int tsn_v_conan(struct tsn_vs a, struct tsn_vs b)
{
    struct tsn_vs xb = a, yb = b;
    struct tsn_vs xp = tsn_v_until(&xb, '+'), yp = tsn_v_until(&yb, '+');
    bool has_x = memchr(xp.p, '-', xp.n) != NULL, has_y = memchr(yp.p, '-', yp.n) != NULL;
    int c = conan_items(tsn_v_until(&xp, '-'), tsn_v_until(&yp, '-'));
    c = c ? c : has_y - has_x;
    c = c ? c : conan_items(xp, yp);
    return c ? c : conan_items(xb, yb);
}

/* --- lists of numbers --------------------------------------------------------------------------- */

/* Hackage and CRAN: dots and hyphens separate, and 1.0.0 is newer than 1.0. */
int tsn_v_numbers(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n && b.n) {
        struct tsn_vs x = tsn_v_digits(&a), y = tsn_v_digits(&b);
        if (!x.n || !y.n) {
            return TSN_VERSION_UNKNOWN;
        }
        int c = tsn_v_number(x, y);
        if (c) {
            return c;
        }
        if (a.n && !tsn_v_take(&a, '.') && !tsn_v_take(&a, '-')) {
            return TSN_VERSION_UNKNOWN;
        }
        if (b.n && !tsn_v_take(&b, '.') && !tsn_v_take(&b, '-')) {
            return TSN_VERSION_UNKNOWN;
        }
    }
    return (a.n > 0) - (b.n > 0);
}

/* 1.0.2zg: letters count on after z. From 3.0.0 on semantic versions. */
int tsn_v_openssl(struct tsn_vs a, struct tsn_vs b)
{
    for (bool more = true; more;) {
        struct tsn_vs x = tsn_v_digits(&a), y = tsn_v_digits(&b);
        int c = tsn_v_number(x, y);
        if (c) {
            return c;
        }
        bool da = tsn_v_take(&a, '.'), db = tsn_v_take(&b, '.');
        more = da || db;
    }
    struct tsn_vs x = tsn_v_letters(&a), y = tsn_v_letters(&b);
    int c = x.n != y.n ? (x.n < y.n ? -1 : 1) : tsn_v_text_ci(x, y);
    if (c) {
        return c;
    }
    bool px = tsn_v_take(&a, '-'), py = tsn_v_take(&b, '-');
    if (px != py) { /* 1.0.2-beta1 */
        return px ? -1 : 1;
    }
    return tsn_v_gem(a, b);
}

/* Numbers decide; where a word would have to, nobody knows. */
int tsn_v_generic(struct tsn_vs a, struct tsn_vs b)
{
    skip_v(&a);
    skip_v(&b);
    if (tsn_v_text_ci(a, b) == 0) {
        return 0;
    }
    for (;;) {
        struct tsn_vs x = gem_raw(&a), y = gem_raw(&b);
        if (!x.n && !y.n) {
            return 0;
        }
        bool wx = x.n && tsn_v_alpha(*x.p), wy = y.n && tsn_v_alpha(*y.p);
        if (wx || wy) {
            if (!wx || !wy || tsn_v_text_ci(x, y) != 0) {
                return TSN_VERSION_UNKNOWN;
            }
            continue;
        }
        int c = tsn_v_number(x, y);
        if (c) {
            return c;
        }
    }
}

/* --- points in time: RFC 3339 -------------------------------------------------------------------- */

static bool fixed(struct tsn_vs *s, int digits, long long *out)
{
    *out = 0;
    for (; digits > 0; digits--) {
        if (!tsn_v_digit(tsn_v_peek(s))) {
            return false;
        }
        *out = *out * 10 + (*s->p - '0');
        tsn_v_skip(s, 1);
    }
    return true;
}

/* Days since a day long ago, of the proleptic Gregorian calendar; March is the first month. */
static long long days(long long y, long long m, long long d)
{
    y -= m <= 2;
    long long month = (m + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (month * 153 + 2) / 5 + d;
}

static bool moment(struct tsn_vs s, long long *seconds, struct tsn_vs *part)
{
    long long y, m, d, h, min, sec, oh = 0, om = 0;
    *part = (struct tsn_vs){0};
    if (!fixed(&s, 4, &y) || !tsn_v_take(&s, '-') || !fixed(&s, 2, &m) ||
        !tsn_v_take(&s, '-') || !fixed(&s, 2, &d) || !tsn_v_take(&s, 'T') ||
        !fixed(&s, 2, &h) || !tsn_v_take(&s, ':') || !fixed(&s, 2, &min) ||
        !tsn_v_take(&s, ':') || !fixed(&s, 2, &sec)) {
        return false;
    }
    if (tsn_v_take(&s, '.')) {
        *part = tsn_v_digits(&s);
        if (!part->n) {
            return false;
        }
        while (part->n && part->p[part->n - 1] == '0') {
            part->n--;
        }
    }
    int sign = tsn_v_peek(&s) == '-' ? -1 : 1;
    if (!tsn_v_take(&s, 'Z')) {
        if ((!tsn_v_take(&s, '+') && !tsn_v_take(&s, '-')) || !fixed(&s, 2, &oh) ||
            !tsn_v_take(&s, ':') || !fixed(&s, 2, &om)) {
            return false;
        }
    }
    *seconds = ((days(y, m, d) * 24 + h) * 60 + min - sign * (oh * 60 + om)) * 60 + sec;
    return s.n == 0 && m >= 1 && m <= 12 && d >= 1 && d <= 31 && h < 24 && min < 60 &&
           sec <= 60 && oh < 24 && om < 60;
}

bool tsn_v_datetime_ok(struct tsn_vs s)
{
    long long t;
    struct tsn_vs part;
    return moment(s, &t, &part);
}

int tsn_v_datetime(struct tsn_vs a, struct tsn_vs b)
{
    long long x, y;
    struct tsn_vs px, py;
    if (!moment(a, &x, &px) || !moment(b, &y, &py)) {
        return TSN_VERSION_UNKNOWN;
    }
    return x != y ? (x < y ? -1 : 1) : tsn_v_text(px, py);
}
