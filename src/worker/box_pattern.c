/* box_pattern.c - compile and match Lua patterns (see box_pattern.h).
 *
 * A pattern becomes a row of nodes; single characters, classes and sets are all a bitmap of 256
 * bytes. Matching recurses once a node at most, so the C stack is bounded by TSN_PATTERN_NODES,
 * and every node tried costs a step.
 */
#include "worker/box_pattern.h"

#include <string.h>

enum { N_SET, N_OPEN, N_POSITION, N_CLOSE, N_BACK, N_BALANCE, N_FRONTIER, N_END };

static void set_add(uint32_t set[8], unsigned c)
{
    set[c >> 5] |= 1u << (c & 31);
}

static bool set_has(const uint32_t set[8], unsigned char c)
{
    return (set[c >> 5] >> (c & 31)) & 1u;
}

/* ASCII alone, whatever the locale says: the same in every process. */
static bool in_class(char letter, unsigned c)
{
    bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z',
         digit = c >= '0' && c <= '9';
    switch (letter) {
    case 'a':
        return lower || upper;
    case 'c':
        return c < 32 || c == 127;
    case 'd':
        return digit;
    case 'g':
        return c > 32 && c < 127;
    case 'l':
        return lower;
    case 'p':
        return c > 32 && c < 127 && !lower && !upper && !digit;
    case 's':
        return c == ' ' || (c >= 9 && c <= 13);
    case 'u':
        return upper;
    case 'w':
        return lower || upper || digit;
    case 'x':
        return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case 'z': /* old, still in use */
        return c == 0;
    }
    return false;
}

/* What stands behind a '%': a class, its complement, or the character itself. */
static void set_add_escape(uint32_t set[8], char letter)
{
    char low = letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
    if (!low || !strchr("acdglpsuwxz", low)) {
        set_add(set, (unsigned char)letter);
        return;
    }
    for (unsigned c = 0; c < 256; c++) {
        if (in_class(low, c) == (low == letter))
            set_add(set, c);
    }
}

/* p stands behind '['; returns behind ']', or NULL. */
static const char *set_parse(uint32_t set[8], const char *p, const char *end)
{
    bool negate = p < end && *p == '^';
    if (negate)
        p++;
    const char *close = p;
    do { /* the first character is never the closing one */
        if (close >= end)
            return NULL;
        if (*close++ == '%' && close < end)
            close++;
    } while (close >= end || *close != ']');
    while (p < close) {
        if (*p == '%' && p + 1 < close) {
            set_add_escape(set, p[1]);
            p += 2;
        } else if (p + 2 < close && p[1] == '-') {
            for (unsigned c = (unsigned char)p[0]; c <= (unsigned char)p[2]; c++)
                set_add(set, c);
            p += 3;
        } else {
            set_add(set, (unsigned char)*p++);
        }
    }
    for (int i = 0; negate && i < 8; i++)
        set[i] = ~set[i];
    return close + 1;
}

struct compiler {
    struct tsn_pattern *out;
    const char *p, *end;
    const char *why;
    bool open[TSN_PATTERN_CAPTURES];
};

static struct tsn_pattern_node *node_add(struct compiler *c, int kind)
{
    if (c->out->n == TSN_PATTERN_NODES) {
        c->why = "pattern too long";
        return NULL;
    }
    struct tsn_pattern_node *node = &c->out->node[c->out->n++];
    memset(node, 0, sizeof *node);
    node->kind = (uint8_t)kind;
    node->quant = '1';
    return node;
}

static void parse_open(struct compiler *c)
{
    bool position = c->p + 1 < c->end && c->p[1] == ')';
    struct tsn_pattern_node *node = node_add(c, position ? N_POSITION : N_OPEN);
    if (!node)
        return;
    if (c->out->ncaptures == TSN_PATTERN_CAPTURES) {
        c->why = "too many captures";
        return;
    }
    node->a = (uint8_t)c->out->ncaptures++;
    c->open[node->a] = !position;
    c->p += position ? 2 : 1;
}

static void parse_close(struct compiler *c)
{
    struct tsn_pattern_node *node = node_add(c, N_CLOSE);
    for (int i = (int)c->out->ncaptures - 1; node && i >= 0; i--) {
        if (c->open[i]) {
            c->open[i] = false;
            node->a = (uint8_t)i;
            c->p++;
            return;
        }
    }
    c->why = c->why ? c->why : "invalid pattern capture";
}

/* %1, %bxy, %f[set]; false: it is a plain escape. */
static bool parse_special(struct compiler *c)
{
    char letter = c->p + 1 < c->end ? c->p[1] : '\0';
    struct tsn_pattern_node *node;

    if (letter >= '0' && letter <= '9') {
        unsigned i = (unsigned)(letter - '1');
        if (letter == '0' || i >= c->out->ncaptures || c->open[i])
            c->why = "invalid capture index";
        else if ((node = node_add(c, N_BACK)))
            node->a = (uint8_t)i;
        c->p += 2;
        return true;
    }
    if (letter == 'b') {
        if (c->end - c->p < 4)
            c->why = "missing arguments to '%b'";
        else if ((node = node_add(c, N_BALANCE))) {
            node->a = (uint8_t)c->p[2];
            node->b = (uint8_t)c->p[3];
            c->p += 4;
        }
        return true;
    }
    if (letter == 'f') {
        if (c->end - c->p < 3 || c->p[2] != '[')
            c->why = "missing '[' after '%f' in pattern";
        else if ((node = node_add(c, N_FRONTIER))) {
            c->p = set_parse(node->set, c->p + 3, c->end);
            if (!c->p)
                c->why = "malformed pattern (missing ']')";
        }
        return true;
    }
    return false;
}

static void parse_single(struct compiler *c)
{
    struct tsn_pattern_node *node = node_add(c, N_SET);
    if (!node)
        return;
    char ch = *c->p++;
    if (ch == '%') {
        if (c->p == c->end) {
            c->why = "malformed pattern (ends with '%')";
            return;
        }
        set_add_escape(node->set, *c->p++);
    } else if (ch == '[') {
        c->p = set_parse(node->set, c->p, c->end);
        if (!c->p) {
            c->why = "malformed pattern (missing ']')";
            return;
        }
    } else if (ch == '.') {
        memset(node->set, 0xff, sizeof node->set);
    } else {
        set_add(node->set, (unsigned char)ch);
    }
    if (c->p < c->end && *c->p && strchr("*+-?", *c->p))
        node->quant = *c->p++;
}

tsn_err tsn_pattern_compile(struct tsn_pattern *p, const char *text, size_t len, bool anchors,
                            const char **why)
{
    struct compiler c = {.out = p, .p = text, .end = text + len};

    p->n = p->ncaptures = 0;
    p->anchored = anchors && len > 0 && text[0] == '^';
    if (p->anchored)
        c.p++;
    while (!c.why && c.p < c.end) {
        if (*c.p == '(') {
            parse_open(&c);
        } else if (*c.p == ')') {
            parse_close(&c);
        } else if (*c.p == '$' && c.p + 1 == c.end) {
            node_add(&c, N_END);
            c.p++;
        } else if (*c.p != '%' || !parse_special(&c)) {
            parse_single(&c);
        }
    }
    for (unsigned i = 0; !c.why && i < p->ncaptures; i++) {
        if (c.open[i])
            c.why = "unfinished capture";
    }
    *why = c.why;
    return c.why ? TSN_EINPUT : 0;
}

/* --- matching ------------------------------------------------------------------------------ */

static bool pay(struct tsn_match *m, size_t steps)
{
    if (m->steps < steps || (m->stop && *m->stop)) {
        m->steps = 0;
        return false;
    }
    m->steps -= steps;
    return true;
}

static bool fits(const struct tsn_pattern_node *node, const struct tsn_match *m, size_t s)
{
    return s < m->len && set_has(node->set, (unsigned char)m->s[s]);
}

static bool at_frontier(const struct tsn_pattern_node *node, const struct tsn_match *m,
                        size_t s)
{
    unsigned char before = s > 0 ? (unsigned char)m->s[s - 1] : 0;
    unsigned char now = s < m->len ? (unsigned char)m->s[s] : 0;
    return !set_has(node->set, before) && set_has(node->set, now);
}

/* Behind the balanced text at s, or SIZE_MAX. */
static size_t balance_end(const struct tsn_pattern_node *node, struct tsn_match *m, size_t s)
{
    size_t depth = 1;
    if (s >= m->len || (uint8_t)m->s[s] != node->a)
        return SIZE_MAX;
    for (size_t i = s + 1; i < m->len; i++) {
        if (!pay(m, 1))
            return SIZE_MAX;
        if ((uint8_t)m->s[i] == node->b) {
            if (--depth == 0)
                return i + 1;
        } else if ((uint8_t)m->s[i] == node->a) {
            depth++;
        }
    }
    return SIZE_MAX;
}

static enum tsn_matched from(const struct tsn_pattern *p, struct tsn_match *m, unsigned i,
                             size_t s, size_t *end);

static enum tsn_matched greedy(const struct tsn_pattern *p, struct tsn_match *m, unsigned i,
                               size_t s, size_t *end)
{
    const struct tsn_pattern_node *node = &p->node[i];
    size_t least = node->quant == '+' ? 1 : 0, most = 0;
    while (fits(node, m, s + most) && (node->quant != '?' || most == 0))
        most++;
    if (!pay(m, most))
        return TSN_MATCH_COSTLY;
    for (size_t k = most + 1; k-- > least;) {
        enum tsn_matched r = from(p, m, i + 1, s + k, end);
        if (r != TSN_MATCH_NO)
            return r;
    }
    return TSN_MATCH_NO;
}

static enum tsn_matched lazy(const struct tsn_pattern *p, struct tsn_match *m, unsigned i,
                             size_t s, size_t *end)
{
    for (;; s++) {
        enum tsn_matched r = from(p, m, i + 1, s, end);
        if (r != TSN_MATCH_NO)
            return r;
        if (!fits(&p->node[i], m, s))
            return TSN_MATCH_NO;
    }
}

/* Captures are undone on the way back, so that a later try sees the old ones. */
static enum tsn_matched captured(const struct tsn_pattern *p, struct tsn_match *m, unsigned i,
                                 size_t s, size_t *end)
{
    const struct tsn_pattern_node *node = &p->node[i];
    size_t start = m->capture[node->a].start;
    ptrdiff_t len = m->capture[node->a].len;

    if (node->kind == N_CLOSE) {
        m->capture[node->a].len = (ptrdiff_t)(s - start);
    } else {
        m->capture[node->a].start = s;
        m->capture[node->a].len = node->kind == N_POSITION ? TSN_CAPTURE_POSITION : 0;
    }
    enum tsn_matched r = from(p, m, i + 1, s, end);
    if (r == TSN_MATCH_NO) {
        m->capture[node->a].start = start;
        m->capture[node->a].len = len;
    }
    return r;
}

static enum tsn_matched from(const struct tsn_pattern *p, struct tsn_match *m, unsigned i,
                             size_t s, size_t *end)
{
    for (; i < p->n; i++) {
        const struct tsn_pattern_node *node = &p->node[i];
        if (!pay(m, 1))
            return TSN_MATCH_COSTLY;
        switch (node->kind) {
        case N_SET:
            if (node->quant == '-')
                return lazy(p, m, i, s, end);
            if (node->quant != '1')
                return greedy(p, m, i, s, end);
            if (!fits(node, m, s))
                return TSN_MATCH_NO;
            s++;
            break;
        case N_OPEN:
        case N_POSITION:
        case N_CLOSE:
            return captured(p, m, i, s, end);
        case N_BACK: {
            ptrdiff_t n = m->capture[node->a].len;
            /* A position has no text; the stock library never lets it match either. */
            if (n < 0 || (size_t)n > m->len - s ||
                memcmp(m->s + m->capture[node->a].start, m->s + s, (size_t)n) != 0)
                return TSN_MATCH_NO;
            if (!pay(m, (size_t)n))
                return TSN_MATCH_COSTLY;
            s += (size_t)n;
            break;
        }
        case N_BALANCE: {
            size_t behind = balance_end(node, m, s);
            if (behind == SIZE_MAX)
                return m->steps == 0 ? TSN_MATCH_COSTLY : TSN_MATCH_NO;
            s = behind;
            break;
        }
        case N_FRONTIER:
            if (!at_frontier(node, m, s))
                return TSN_MATCH_NO;
            break;
        case N_END:
            if (s != m->len)
                return TSN_MATCH_NO;
            break;
        }
    }
    *end = s;
    return TSN_MATCH_YES;
}

enum tsn_matched tsn_pattern_match(const struct tsn_pattern *p, struct tsn_match *m, size_t at,
                                   size_t *end)
{
    memset(m->capture, 0, sizeof m->capture);
    return from(p, m, 0, at, end);
}
