/* version_pypi.c - PEP 440, and behind it the old order of versions that do not follow it: they
 * are older than all that do. Pure. */
#include "feed/version_int.h"

enum { A, B, RC };

struct pep {
    struct tsn_vs epoch, release, pre_no, post_no, dev_no, local;
    int pre; /* A, B, RC; -1 = none */
    bool post, dev, has_local;
};

static void separator(struct tsn_vs *s)
{
    char c = tsn_v_peek(s);
    if (c == '.' || c == '-' || c == '_') {
        tsn_v_skip(s, 1);
    }
}

/* [sep] WORD [sep] [number]; nothing is taken where no word fits. Longer words come first. */
static int word(struct tsn_vs *s, const char *const *words, struct tsn_vs *no)
{
    struct tsn_vs t = *s;
    separator(&t);
    for (int i = 0; words[i]; i++) {
        if (!tsn_v_takes(&t, words[i])) {
            continue;
        }
        struct tsn_vs u = t;
        separator(&u);
        *no = tsn_v_digits(&u);
        *s = no->n ? u : t;
        return i;
    }
    return -1;
}

static bool parse(struct tsn_vs s, struct pep *out)
{
    static const char *const pre[] = {"alpha", "a",  "beta", "b", "preview",
                                      "pre",   "rc", "c",    NULL};
    static const int pre_is[] = {A, A, B, B, RC, RC, RC, RC};
    static const char *const post[] = {"post", "rev", "r", NULL};
    static const char *const dev[] = {"dev", NULL};
    *out = (struct pep){.pre = -1};
    tsn_v_takes(&s, "v");
    struct tsn_vs t = s;
    struct tsn_vs epoch = tsn_v_digits(&t);
    if (epoch.n && tsn_v_take(&t, '!')) {
        out->epoch = epoch;
        s = t;
    }
    out->release.p = s.p;
    do {
        t = s;
        if (tsn_v_digits(&s).n == 0) {
            return false;
        }
        out->release.n = (size_t)(s.p - out->release.p);
        t = s;
    } while (tsn_v_take(&s, '.') && tsn_v_digit(tsn_v_peek(&s)));
    s = t;
    int i = word(&s, pre, &out->pre_no);
    out->pre = i < 0 ? -1 : pre_is[i];
    t = s;
    if (tsn_v_take(&t, '-') && tsn_v_digit(tsn_v_peek(&t))) {
        out->post = true;
        out->post_no = tsn_v_digits(&t);
        s = t;
    } else {
        out->post = word(&s, post, &out->post_no) >= 0;
    }
    out->dev = word(&s, dev, &out->dev_no) >= 0;
    if (tsn_v_take(&s, '+')) {
        out->local = s;
        out->has_local = true;
        bool in = false;
        for (; s.n; tsn_v_skip(&s, 1)) {
            bool good = tsn_v_digit(*s.p) || tsn_v_alpha(*s.p);
            if (!good && (!in || !strchr("._-", *s.p))) {
                return false;
            }
            in = good;
        }
        return in;
    }
    return s.n == 0;
}

bool tsn_v_pypi_ok(struct tsn_vs s)
{
    struct pep v;
    return parse(s, &v);
}

static int release(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n || b.n) {
        int c = tsn_v_number(tsn_v_until(&a, '.'), tsn_v_until(&b, '.'));
        if (c) {
            return c;
        }
    }
    return 0;
}

static struct tsn_vs local_part(struct tsn_vs *s)
{
    struct tsn_vs out = {s->p, 0};
    while (out.n < s->n && !strchr("._-", s->p[out.n])) {
        out.n++;
    }
    tsn_v_skip(s, out.n + (out.n < s->n));
    return out;
}

static int local(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n && b.n) {
        struct tsn_vs x = local_part(&a), y = local_part(&b);
        bool nx = tsn_v_all_digits(x), ny = tsn_v_all_digits(y);
        int c = nx != ny ? (nx ? 1 : -1) : nx ? tsn_v_number(x, y) : tsn_v_text_ci(x, y);
        if (c) {
            return c;
        }
    }
    return (a.n > 0) - (b.n > 0);
}

/* Where a version stands among those of its release: dev, then a, b, rc, then the release. */
static int stage(const struct pep *v)
{
    return v->pre >= 0 ? v->pre : v->dev && !v->post ? -1 : RC + 1;
}

static int pep_order(const struct pep *a, const struct pep *b)
{
    int c = tsn_v_number(a->epoch, b->epoch);
    c = c ? c : release(a->release, b->release);
    c = c ? c : tsn_v_sign(stage(a) - stage(b));
    c = c ? c : tsn_v_number(a->pre_no, b->pre_no);
    c = c ? c : a->post - b->post;
    c = c ? c : tsn_v_number(a->post_no, b->post_no);
    c = c ? c : b->dev - a->dev;
    c = c ? c : tsn_v_number(a->dev_no, b->dev_no);
    c = c ? c : a->has_local - b->has_local;
    return c ? c : local(a->local, b->local);
}

/* --- what was there before PEP 440 ------------------------------------------------------------
 * Runs of digits, of letters, and hyphens. A hyphen and zeros just before a word that sorts
 * before "final" do not count; the end is the word "final". */

enum kind { NUMBER, WORD, HYPHEN, END };
struct part {
    enum kind kind;
    struct tsn_vs text;
};

static struct part raw_part(struct tsn_vs *s)
{
    for (; s->n; tsn_v_skip(s, 1)) {
        struct part p = {.text = tsn_v_digits(s)};
        if (p.text.n) {
            return p;
        }
        p = (struct part){WORD, tsn_v_letters(s)};
        if (p.text.n) {
            return p;
        }
        if (*s->p == '-') {
            p = (struct part){HYPHEN, {s->p, 1}};
            tsn_v_skip(s, 1);
            return p;
        }
        if (*s->p != '.') { /* anything else is a word of its own */
            p = (struct part){WORD, {s->p, 1}};
            tsn_v_skip(s, 1);
            return p;
        }
    }
    return (struct part){END, {"final", 5}};
}

static struct tsn_vs alias(struct tsn_vs w)
{
    static const struct tsn_vs c = {"c", 1}, at = {"@", 1};
    if (tsn_v_is(w, "pre") || tsn_v_is(w, "preview") || tsn_v_is(w, "rc")) {
        return c;
    }
    return tsn_v_is(w, "dev") ? at : w;
}

static bool before_final(const struct part *p)
{
    return p->kind == WORD && tsn_v_text_ci(alias(p->text), (struct tsn_vs){"final", 5}) < 0;
}

static struct part next_part(struct tsn_vs *s)
{
    struct part p = raw_part(s), q = p;
    struct tsn_vs ahead = *s;
    if (p.kind == WORD || p.kind == END || (p.kind == NUMBER && !tsn_v_zero(p.text))) {
        return p;
    }
    while (q.kind == NUMBER && tsn_v_zero(q.text)) {
        q = raw_part(&ahead);
    }
    while (q.kind == HYPHEN) {
        q = raw_part(&ahead);
    }
    if (before_final(&q)) {
        *s = ahead;
        return q;
    }
    return p;
}

static int legacy(struct tsn_vs a, struct tsn_vs b)
{
    static const struct tsn_vs hyphen = {"final-", 6};
    for (;;) {
        struct part x = next_part(&a), y = next_part(&b);
        if ((x.kind == NUMBER) != (y.kind == NUMBER)) {
            return x.kind == NUMBER ? 1 : -1; /* words begin with '*' there, before digits */
        }
        int c = 0;
        if (x.kind == NUMBER) {
            c = tsn_v_number(x.text, y.text);
        } else {
            c = tsn_v_text_ci(x.kind == HYPHEN ? hyphen : alias(x.text),
                              y.kind == HYPHEN ? hyphen : alias(y.text));
        }
        if (c || x.kind == END || y.kind == END) {
            return c ? c : (x.kind != END) - (y.kind != END);
        }
    }
}

int tsn_v_pypi(struct tsn_vs a, struct tsn_vs b)
{
    struct pep x, y;
    bool px = parse(a, &x), py = parse(b, &y);
    if (px != py) {
        return px ? 1 : -1;
    }
    return px ? pep_order(&x, &y) : legacy(a, b);
}
