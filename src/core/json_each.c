/* json_each.c - a checking scanner of JSON texts; see json_each.h. Pure, any thread. */
#include "core/json_each.h"

#include <string.h>

#include "core/json.h"
#include "core/text.h"

#define REST_MAX   (4u << 20)
#define TOLD_EVERY (2u << 20)

struct scan {
    const char *text;
    size_t len, at;
    const char *why;
    size_t told;
    const struct tsn_json_each *each; /* whom to tell */
    bool leaves;                      /* any value is looked for, not only a container */
};

static bool stop(struct scan *s, const char *why)
{
    s->why = s->why ? s->why : why;
    return false;
}

static void space(struct scan *s)
{
    while (s->at < s->len && (s->text[s->at] == ' ' || s->text[s->at] == '\n' ||
                              s->text[s->at] == '\t' || s->text[s->at] == '\r'))
        s->at++;
}

static int peek(const struct scan *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static bool string(struct scan *s)
{
    size_t begin = ++s->at;
    bool high = false;
    while (s->at < s->len) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            if (high && !tsn_utf8_valid(s->text + begin, s->at - begin))
                return stop(s, "a string is not UTF-8");
            s->at++;
            return true;
        }
        if (c < 0x20)
            return stop(s, "a control character in a string");
        high = high || c >= 0x80;
        if (c == '\\') {
            int e = s->at + 1 < s->len ? (unsigned char)s->text[s->at + 1] : -1;
            if (e == 'u') {
                for (size_t i = 2; i < 6; i++) {
                    if (s->at + i >= s->len ||
                        !strchr("0123456789abcdefABCDEF", s->text[s->at + i]) ||
                        !s->text[s->at + i])
                        return stop(s, "a broken escape in a string");
                }
                s->at += 4;
            } else if (e <= 0 || !strchr("\"\\/bfnrt", e)) {
                return stop(s, "a broken escape in a string");
            }
            s->at++;
        }
        s->at++;
    }
    return stop(s, "a string does not end");
}

static size_t digits(struct scan *s)
{
    size_t n = 0;
    while (peek(s) >= '0' && peek(s) <= '9') {
        s->at++;
        n++;
    }
    return n;
}

static bool number(struct scan *s)
{
    if (peek(s) == '-')
        s->at++;
    bool zero = peek(s) == '0';
    size_t n = digits(s);
    if (n == 0 || (zero && n > 1))
        return stop(s, "a broken number");
    if (peek(s) == '.') {
        s->at++;
        if (digits(s) == 0)
            return stop(s, "a broken number");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (digits(s) == 0)
            return stop(s, "a broken number");
    }
    return true;
}

static bool literal(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
        return stop(s, "neither value nor bracket");
    s->at += n;
    return true;
}

static bool leaf(struct scan *s)
{
    int c = peek(s);
    if (c == '"')
        return string(s);
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(s);
    return literal(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
}

/* Behind the key of a member and its colon. */
static bool member(struct scan *s)
{
    space(s);
    if (peek(s) != '"')
        return stop(s, "a member without a name");
    if (!string(s))
        return false;
    space(s);
    if (peek(s) != ':')
        return stop(s, "a name without a colon");
    s->at++;
    return true;
}

/* One value, without recursion: a stack of the brackets that are open. `s->at` ends behind it. */
static bool value(struct scan *s, size_t depth)
{
    char open[TSN_JSON_DEPTH + 1];
    size_t n = 0;
    for (;;) {
        space(s);
        int c = peek(s);
        if (s->each && s->each->passed && s->at - s->told > TOLD_EVERY) {
            s->told = s->at;
            s->each->passed(s->at, s->each->user);
        }
        if (c == '{' || c == '[') {
            if (depth + n >= TSN_JSON_DEPTH)
                return stop(s, "nested too deeply");
            open[n++] = (char)c;
            s->at++;
            space(s);
            if (peek(s) == (c == '{' ? '}' : ']')) {
                s->at++;
                n--;
            } else {
                if (c == '{' && !member(s))
                    return false;
                continue;
            }
        } else if (!leaf(s)) {
            return false;
        }
        /* Behind a value: what closes, or what comes next. */
        for (;;) {
            if (n == 0)
                return true;
            space(s);
            int e = peek(s);
            if (e == (open[n - 1] == '{' ? '}' : ']')) {
                s->at++;
                n--;
                continue;
            }
            if (e != ',')
                return stop(s, e < 0 ? "it ends in the middle" : "a comma is missing");
            s->at++;
            if (open[n - 1] == '{' && !member(s))
                return false;
            break;
        }
    }
}

static bool same_key(const char *text, size_t begin, size_t end, const char *name)
{
    size_t n = strlen(name);
    return end - begin == n + 2 && memcmp(text + begin + 1, name, n) == 0;
}

/* Walks the object at s->at looking for path[0]; every member is checked. */
static bool find(struct scan *s, struct tsn_json_each *e, const char *const *path, size_t depth,
                 bool *found)
{
    space(s);
    if (!*path && s->leaves) {
        e->start = s->at;
        *found = value(s, depth);
        e->end = s->at;
        return false; /* what stands behind it is not looked at */
    }
    if (!*path && (peek(s) == '{' || peek(s) == '[')) {
        if (*found)
            return stop(s, "the list stands twice in it");
        *found = true;
        e->object = peek(s) == '{';
        e->start = e->at = s->at + 1;
        if (!value(s, depth))
            return false;
        e->end = s->at - 1;
        return true;
    }
    if (!*path || peek(s) != '{')
        return value(s, depth);
    s->at++;
    space(s);
    if (peek(s) == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        space(s);
        size_t begin = s->at;
        if (!member(s))
            return false;
        size_t end = begin + 1;
        while (s->text[end] != '"')
            end += s->text[end] == '\\' ? 2 : 1;
        bool here = same_key(s->text, begin, end + 1, *path);
        if (here ? !find(s, e, path + 1, depth + 1, found) : !value(s, depth + 1))
            return false;
        space(s);
        int c = peek(s);
        s->at++;
        if (c == '}')
            return true;
        if (c != ',')
            return stop(s, c < 0 ? "it ends in the middle" : "a comma is missing");
    }
}

static size_t byte_order_mark(const char *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

tsn_err tsn_json_each_begin(struct tsn_json_each *e, const char *text, size_t len,
                            const char *const *path, struct tsn_diag *diag)
{
    struct scan s = {.text = text, .len = len};
    bool found = false;
    s.at = byte_order_mark(text, len);
    *e = (struct tsn_json_each){.text = text, .len = len, .passed = e->passed, .user = e->user};
    s.each = e;
    bool ok = find(&s, e, path, 0, &found);
    if (ok) {
        space(&s);
        if (s.at < len)
            ok = stop(&s, "something stands behind its end");
    }
    if (!ok)
        return tsn_diag_set(diag, TSN_EINPUT, "H010", "this is not JSON: %s (byte %zu)", s.why,
                            s.at < len ? s.at : len);
    return found ? 0 : TSN_ENOTFOUND;
}

bool tsn_json_find(const char *text, size_t len, const char *const *path,
                   const char **value_out, size_t *n)
{
    struct scan s = {.text = text, .len = len, .leaves = true};
    struct tsn_json_each e = {0};
    bool found = false;
    s.at = byte_order_mark(text, len);
    (void)find(&s, &e, path, 0, &found);
    if (!found)
        return false;
    *value_out = text + e.start;
    *n = e.end - e.start;
    return true;
}

static void put_key(struct tsn_buf *key, const char *p, size_t n)
{
    json_t *v = memchr(p, '\\', n) ? json_loadb(p, n, JSON_DECODE_ANY, NULL) : NULL;
    tsn_buf_clear(key);
    if (v)
        (void)tsn_buf_puts(key, json_string_value(v));
    else
        (void)tsn_buf_put(key, p + 1, n - 2);
    json_decref(v);
}

bool tsn_json_each_next(struct tsn_json_each *e, struct tsn_buf *key, const char **value_out,
                        size_t *len)
{
    struct scan s = {.text = e->text, .len = e->end, .at = e->at};
    tsn_buf_clear(key);
    space(&s);
    if (peek(&s) == ',') {
        s.at++;
        space(&s);
    }
    if (s.at >= e->end)
        return false;
    if (e->object) {
        size_t begin = s.at;
        if (!string(&s))
            return false;
        put_key(key, e->text + begin, s.at - begin);
        space(&s);
        s.at++; /* the colon */
        space(&s);
    }
    size_t begin = s.at;
    if (!value(&s, 1))
        return false;
    *value_out = e->text + begin;
    *len = s.at - begin;
    e->at = s.at;
    return true;
}

tsn_err tsn_json_each_rest(const struct tsn_json_each *e, json_t **out, struct tsn_diag *diag)
{
    struct tsn_buf b;
    size_t mark = byte_order_mark(e->text, e->len);
    tsn_buf_init(&b, REST_MAX);
    (void)tsn_buf_put(&b, e->text + mark, e->start - mark);
    (void)tsn_buf_put(&b, e->text + e->end, e->len - e->end);
    tsn_err err = b.err ? tsn_diag_set(diag, b.err, "H010", "too much stands beside its values")
                        : tsn_json_parse(b.data, b.len, out, diag);
    tsn_buf_free(&b);
    return err;
}
