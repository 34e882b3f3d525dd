/* version_semver.c - Semantic Versioning 2.0.0 and its relatives: npm, Go, Pub, NuGet. Pure.
 *
 * More lenient than the standard, as registries are: a leading v, missing parts are 0, further
 * numeric parts count. */
#include "feed/version_int.h"

struct semver {
    struct tsn_vs numbers, pre, build; /* numbers: "1.2.3" */
    bool has_pre, has_build;
};

static bool parse(struct tsn_vs s, struct semver *out)
{
    *out = (struct semver){.numbers = {s.p, 0}};
    while (tsn_v_peek(&s) == '=' || tsn_v_peek(&s) == ' ') {
        tsn_v_skip(&s, 1);
    }
    if (s.n > 1 && tsn_v_lower(*s.p) == 'v' && tsn_v_digit(s.p[1])) {
        tsn_v_skip(&s, 1);
    }
    const char *from = s.p;
    do {
        if (tsn_v_digits(&s).n == 0) {
            return false;
        }
    } while (tsn_v_take(&s, '.'));
    out->numbers = (struct tsn_vs){from, (size_t)(s.p - from)};
    if (tsn_v_peek(&s) == '-' || tsn_v_alpha(tsn_v_peek(&s))) {
        /* "1.0rc1" without the hyphen: seen in Go and NuGet */
        tsn_v_take(&s, '-');
        const char *plus = s.n ? memchr(s.p, '+', s.n) : NULL;
        out->pre = (struct tsn_vs){s.p, plus ? (size_t)(plus - s.p) : s.n};
        out->has_pre = true;
        tsn_v_skip(&s, out->pre.n);
    }
    if (tsn_v_take(&s, '+')) {
        out->build = s;
        out->has_build = true;
        s.n = 0;
    }
    return s.n == 0;
}

bool tsn_v_semver_ok(struct tsn_vs s)
{
    struct semver v;
    return parse(s, &v);
}

static int numbers(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n || b.n) {
        int c = tsn_v_number(tsn_v_until(&a, '.'), tsn_v_until(&b, '.'));
        if (c) {
            return c;
        }
    }
    return 0;
}

/* Dot separated identifiers: numbers before words, fewer before more. */
static int identifiers(struct tsn_vs a, struct tsn_vs b, bool ci)
{
    while (a.n && b.n) {
        struct tsn_vs x = tsn_v_until(&a, '.'), y = tsn_v_until(&b, '.');
        bool nx = tsn_v_all_digits(x), ny = tsn_v_all_digits(y);
        int c = nx && ny   ? tsn_v_number(x, y)
                : nx != ny ? (nx ? -1 : 1)
                : ci       ? tsn_v_text_ci(x, y)
                           : tsn_v_text(x, y);
        if (c) {
            return c;
        }
    }
    return (a.n > 0) - (b.n > 0);
}

static int order(const struct semver *a, const struct semver *b, bool ci)
{
    int c = numbers(a->numbers, b->numbers);
    if (c) {
        return c;
    }
    if (a->has_pre != b->has_pre) {
        return a->has_pre ? -1 : 1;
    }
    return identifiers(a->pre, b->pre, ci);
}

int tsn_v_semver(struct tsn_vs a, struct tsn_vs b)
{
    struct semver x, y;
    return parse(a, &x) && parse(b, &y) ? order(&x, &y, false) : TSN_VERSION_UNKNOWN;
}

int tsn_v_npm(struct tsn_vs a, struct tsn_vs b)
{
    return tsn_v_semver(a, b);
}

int tsn_v_go(struct tsn_vs a, struct tsn_vs b)
{
    tsn_v_takes(&a, "go");
    tsn_v_takes(&b, "go");
    return tsn_v_semver(a, b); /* +incompatible is build metadata */
}

int tsn_v_nuget(struct tsn_vs a, struct tsn_vs b)
{
    struct semver x, y;
    return parse(a, &x) && parse(b, &y) ? order(&x, &y, true) : TSN_VERSION_UNKNOWN;
}

/* Pub orders build metadata too: none before any. */
int tsn_v_pub(struct tsn_vs a, struct tsn_vs b)
{
    struct semver x, y;
    if (!parse(a, &x) || !parse(b, &y)) {
        return TSN_VERSION_UNKNOWN;
    }
    int c = order(&x, &y, false);
    if (c) {
        return c;
    }
    if (x.has_build != y.has_build) {
        return x.has_build ? 1 : -1;
    }
    return identifiers(x.build, y.build, false);
}
