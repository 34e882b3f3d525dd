/* json.c - strict reading and canonical writing around jansson. See json.h. Any thread. */
#include "core/json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"

#define WRITE_FLAGS (JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

void tsn_json_init(void)
{
    /* jansson would read its hash seed at first use: before a filter forbids it, please. */
    json_object_seed(0);
}

/* The quote that ends a string; `end`: none does. */
static const char *string_end(const char *p, const char *end)
{
    for (const char *from = p; (p = memchr(p, '"', (size_t)(end - p))); p++) {
        size_t slashes = 0;

        while (p - slashes > from && p[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return p;
    }
    return end;
}

/* Nesting is checked on the bytes before jansson recurses (its own limit is 2,048). */
static bool too_deep(const char *p, size_t n)
{
    size_t depth = 0;

    for (const char *end = p + n; p < end; p++) {
        if (*p == '"') {
            p = string_end(p + 1, end);
        } else if (*p == '{' || *p == '[') {
            if (++depth > TSN_JSON_DEPTH)
                return true;
        } else if ((*p == '}' || *p == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

tsn_err tsn_json_parse(const char *p, size_t n, json_t **out, struct tsn_diag *diag)
{
    json_error_t error;

    *out = NULL;
    if (too_deep(p, n))
        return tsn_diag_set(diag, TSN_EINPUT, "H010",
                            "this JSON is nested deeper than %d levels", TSN_JSON_DEPTH);
    *out = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*out)
        return 0;
    tsn_diag_at(diag, "", error.line, error.column);
    return tsn_diag_set(diag, TSN_EINPUT, "H010", "this is not JSON: %s (line %d, column %d)",
                        error.text, error.line, error.column);
}

static int write_some(const char *p, size_t n, void *user)
{
    return tsn_buf_put(user, p, n) ? -1 : 0;
}

tsn_err tsn_json_lines(struct tsn_buf *in,
                       tsn_err (*one)(void *user, const json_t *m, struct tsn_diag *diag),
                       void *user, struct tsn_diag *diag)
{
    size_t used = 0;
    tsn_err err = 0;

    while (!err) {
        const char *at = in->data + used;
        const char *end = memchr(at, '\n', in->len - used);
        json_t *m = NULL;

        if (!end)
            break;
        err = tsn_json_parse(at, (size_t)(end - at), &m, diag);
        if (!err)
            err = one(user, m, diag);
        json_decref(m);
        used = (size_t)(end - in->data) + 1;
    }
    tsn_buf_shift(in, used);
    return err;
}

tsn_err tsn_json_write(struct tsn_buf *out, const json_t *v)
{
    if (json_dump_callback(v, write_some, out, WRITE_FLAGS) == 0)
        return 0;
    return out->err ? out->err : TSN_EBUG;
}

char *tsn_json_text(const json_t *v)
{
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, (size_t)1 << 30);
    err = tsn_json_write(&b, v);
    TSN_ASSERT(err == 0);
    return tsn_buf_take(&b, NULL);
}

const char *tsn_json_str(const json_t *obj, const char *key, const char *otherwise)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_string(v) ? json_string_value(v) : otherwise;
}

int64_t tsn_json_int(const json_t *obj, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool tsn_json_bool(const json_t *obj, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static int hash_some(const char *p, size_t n, void *user)
{
    tsn_sha256_add(user, p, n);
    return 0;
}

void tsn_json_digest(uint8_t out[32], const json_t *v)
{
    struct tsn_sha256 *h = tsn_sha256_new();
    int bad;

    tsn_sha256_begin(h);
    bad = json_dump_callback(v, hash_some, h, WRITE_FLAGS);
    TSN_ASSERT(bad == 0);
    tsn_sha256_end(h, out);
    tsn_sha256_destroy(h);
}

tsn_err tsn_json_known(const json_t *obj, const char *const *known, size_t n,
                       struct tsn_diag *diag)
{
    const char *key, *near;
    const json_t *value;
    union {
        const json_t *in;
        json_t *out;
    } o = {obj}; /* jansson's iterators take no const, but change nothing */
    tsn_err err = 0;

    if (!json_is_object(obj))
        return 0;
    json_object_foreach(o.out, key, value)
    {
        size_t i = 0;

        while (i < n && strcmp(known[i], key) != 0)
            i++;
        if (i < n)
            continue;
        near = tsn_suggest(key, known, n);
        if (diag) {
            diag->file[0] = '/';
            tsn_copy(diag->file + 1, sizeof(diag->file) - 1, key);
        }
        if (near)
            tsn_diag_hint(diag, "did you mean `%s`?", near);
        err = tsn_diag_set(diag, TSN_EFIELD, "H012", "`%s` is not known here", key);
        break;
    }
    return err;
}

json_t *tsn_json_clean(const char *s, size_t max_bytes, size_t max_chars, bool lines)
{
    struct tsn_buf b;
    size_t chars = 0;
    json_t *out;

    tsn_buf_init(&b, max_bytes + 8);
    for (size_t i = 0; s && s[i];) {
        unsigned char c = (unsigned char)s[i];
        size_t k = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        if (b.len + k > max_bytes || chars == max_chars)
            break;
        if (c >= 0x20 && c != 0x7f)
            tsn_buf_put(&b, s + i, k);
        else if (lines && (c == '\n' || c == '\t'))
            tsn_buf_putc(&b, (char)c);
        else
            tsn_buf_putc(&b, ' ');
        chars++;
        i += k;
    }
    out = json_stringn(b.data, b.len);
    tsn_buf_free(&b);
    return out;
}
