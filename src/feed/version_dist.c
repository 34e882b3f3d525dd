/* version_dist.c - the orders of dpkg, rpm and pacman. Pure. */
#include "feed/version_int.h"

/* --- dpkg: Debian Policy 5.6.12 ------------------------------------------------------------ */

struct deb {
    struct tsn_vs epoch, upstream, revision;
};

static bool deb_parse(struct tsn_vs s, struct deb *out)
{
    *out = (struct deb){0};
    if (s.n && memchr(s.p, ':', s.n)) {
        out->epoch = tsn_v_until(&s, ':');
        if (!tsn_v_all_digits(out->epoch) || !s.n) {
            return false;
        }
    }
    const char *dash = memrchr(s.p, '-', s.n);
    out->upstream = (struct tsn_vs){s.p, dash ? (size_t)(dash - s.p) : s.n};
    if (dash) {
        out->revision = (struct tsn_vs){dash + 1, s.n - out->upstream.n - 1};
    }
    return true;
}

bool tsn_v_deb_ok(struct tsn_vs s)
{
    struct deb v;
    if (!deb_parse(s, &v) || !v.upstream.n || !tsn_v_digit(*v.upstream.p)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!tsn_v_digit(s.p[i]) && !tsn_v_alpha(s.p[i]) && !strchr(".+-~:", s.p[i])) {
            return false;
        }
    }
    return true;
}

/* A tilde sorts before the end of a part, letters after it, everything else after letters. */
static int deb_weight(const struct tsn_vs *s)
{
    char c = tsn_v_peek(s);
    if (!s->n || tsn_v_digit(c)) {
        return 0;
    }
    return c == '~' ? -1 : tsn_v_alpha(c) ? c : (unsigned char)c + 256;
}

static int deb_part(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n || b.n) {
        while ((a.n && !tsn_v_digit(*a.p)) || (b.n && !tsn_v_digit(*b.p))) {
            int x = deb_weight(&a), y = deb_weight(&b);
            if (x != y) {
                return x < y ? -1 : 1;
            }
            tsn_v_skip(&a, a.n > 0);
            tsn_v_skip(&b, b.n > 0);
        }
        int c = tsn_v_number(tsn_v_digits(&a), tsn_v_digits(&b));
        if (c) {
            return c;
        }
    }
    return 0;
}

int tsn_v_deb(struct tsn_vs a, struct tsn_vs b)
{
    struct deb x, y;
    if (!deb_parse(a, &x) || !deb_parse(b, &y)) {
        return TSN_VERSION_UNKNOWN;
    }
    int c = tsn_v_number(x.epoch, y.epoch);
    c = c ? c : deb_part(x.upstream, y.upstream);
    return c ? c : deb_part(x.revision, y.revision);
}

/* --- rpm and pacman ------------------------------------------------------------------------- */

struct evr {
    struct tsn_vs epoch, version, release;
    bool has_release;
};

static struct evr evr_parse(struct tsn_vs s)
{
    struct evr out = {0};
    struct tsn_vs rest = s;
    struct tsn_vs epoch = tsn_v_digits(&rest);
    if (tsn_v_take(&rest, ':')) { /* anything else before a colon belongs to the version */
        out.epoch = epoch;
        s = rest;
    }
    const char *dash = s.n ? memrchr(s.p, '-', s.n) : NULL;
    out.version = (struct tsn_vs){s.p, dash ? (size_t)(dash - s.p) : s.n};
    if (dash) {
        out.has_release = true;
        out.release = (struct tsn_vs){dash + 1, s.n - out.version.n - 1};
    }
    return out;
}

static size_t separators(struct tsn_vs *s, const char *keep)
{
    size_t n = 0;
    while (n < s->n && !tsn_v_digit(s->p[n]) && !tsn_v_alpha(s->p[n]) &&
           !(s->p[n] && strchr(keep, s->p[n]))) {
        n++;
    }
    tsn_v_skip(s, n);
    return n;
}

/* One run of digits or letters of both; a decides which kind. Nonzero ends the comparison. */
static int segment(struct tsn_vs *a, struct tsn_vs *b)
{
    if (tsn_v_digit(*a->p)) {
        struct tsn_vs x = tsn_v_digits(a), y = tsn_v_digits(b);
        return y.n ? tsn_v_number(x, y) : 1;
    }
    struct tsn_vs x = tsn_v_letters(a), y = tsn_v_letters(b);
    return y.n ? tsn_v_text(x, y) : -1;
}

static int rpm_part(struct tsn_vs a, struct tsn_vs b)
{
    for (;;) {
        separators(&a, "~^");
        separators(&b, "~^");
        bool ta = tsn_v_take(&a, '~'), tb = tsn_v_take(&b, '~');
        if (ta || tb) {
            if (ta != tb) {
                return ta ? -1 : 1;
            }
            continue;
        }
        bool ca = tsn_v_peek(&a) == '^', cb = tsn_v_peek(&b) == '^';
        if (ca || cb) {
            if (ca != cb) { /* newer than the end, older than anything else */
                return ca ? (b.n ? -1 : 1) : (a.n ? 1 : -1);
            }
            tsn_v_skip(&a, 1);
            tsn_v_skip(&b, 1);
            continue;
        }
        if (!a.n || !b.n) {
            return (a.n > 0) - (b.n > 0);
        }
        int c = segment(&a, &b);
        if (c) {
            return c;
        }
    }
}

int tsn_v_rpm(struct tsn_vs a, struct tsn_vs b)
{
    struct evr x = evr_parse(a), y = evr_parse(b);
    int c = tsn_v_number(x.epoch, y.epoch);
    c = c ? c : rpm_part(x.version, y.version);
    if (c) {
        return c;
    }
    if (x.has_release != y.has_release) {
        return x.has_release ? 1 : -1;
    }
    return rpm_part(x.release, y.release);
}

static int alpm_part(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n && b.n) {
        size_t sa = separators(&a, ""), sb = separators(&b, "");
        if (!a.n || !b.n) {
            break;
        }
        if (sa != sb) {
            return sa < sb ? -1 : 1;
        }
        int c = segment(&a, &b);
        if (c) {
            return c;
        }
    }
    if (!a.n && !b.n) {
        return 0;
    }
    /* What is left: letters make it older, the rest newer. */
    if (a.n) {
        return tsn_v_alpha(*a.p) ? -1 : 1;
    }
    return tsn_v_alpha(*b.p) ? 1 : -1;
}

int tsn_v_alpm(struct tsn_vs a, struct tsn_vs b)
{
    struct evr x = evr_parse(a), y = evr_parse(b);
    int c = tsn_v_number(x.epoch, y.epoch);
    c = c ? c : alpm_part(x.version, y.version);
    /* A version without a release stands for every release. */
    return c || !x.has_release || !y.has_release ? c : alpm_part(x.release, y.release);
}
