/* verify_json.c - the lines of an export: flat objects with string and integer members, sorted by
 * name as canonical JSON is. Nothing else is taken. */
#include "verify/tocsin_verify.h"

#include <string.h>

struct in {
    char *at, *end;
};

static bool take(struct in *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static int hex4(const char *s)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int d = s[i] >= '0' && s[i] <= '9'   ? s[i] - '0'
                : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10
                : s[i] >= 'A' && s[i] <= 'F' ? s[i] - 'A' + 10
                                             : -1;

        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* UTF-8 of one character; never longer than the escape it replaces. */
static char *put_utf8(char *o, unsigned c)
{
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xc0 | c >> 6);
        *o++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *o++ = (char)(0xe0 | c >> 12);
        *o++ = (char)(0x80 | (c >> 6 & 63));
        *o++ = (char)(0x80 | (c & 63));
    } else {
        *o++ = (char)(0xf0 | c >> 18);
        *o++ = (char)(0x80 | (c >> 12 & 63));
        *o++ = (char)(0x80 | (c >> 6 & 63));
        *o++ = (char)(0x80 | (c & 63));
    }
    return o;
}

/* \uXXXX behind the 'u', with its second half where it has one. */
static bool take_unicode(struct in *in, char **o)
{
    int hi, lo;

    if (in->end - in->at < 4 || (hi = hex4(in->at)) < 0)
        return false;
    in->at += 4;
    if (hi < 0xd800 || hi > 0xdfff) {
        *o = put_utf8(*o, (unsigned)hi);
        return true;
    }
    if (hi > 0xdbff || in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u' ||
        (lo = hex4(in->at + 2)) < 0xdc00 || lo > 0xdfff)
        return false;
    in->at += 6;
    *o = put_utf8(*o, 0x10000u + ((unsigned)(hi - 0xd800) << 10) + (unsigned)(lo - 0xdc00));
    return true;
}

/* A string, decoded in place: what it means is never longer than how it is written. */
static bool take_string(struct in *in, char **out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *o = in->at + 1;

    if (!take(in, '"'))
        return false;
    *out = o;
    while (in->at < in->end && *in->at != '"') {
        const char *escape;
        char c = *in->at++;

        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            *o++ = c;
            continue;
        }
        if (in->at == in->end)
            return false;
        c = *in->at++;
        if (c == 'u') {
            if (!take_unicode(in, &o))
                return false;
        } else {
            escape = c ? strchr(from, c) : NULL;
            if (!escape)
                return false;
            *o++ = to[escape - from];
        }
    }
    *len = (size_t)(o - *out);
    return take(in, '"');
}

static bool take_int(struct in *in, int64_t *out)
{
    bool negative = take(in, '-');
    const char *from = in->at;
    int64_t v = 0;

    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        int d = *in->at++ - '0';

        if (v > (INT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = negative ? -v : v;
    return in->at > from && (in->at - from == 1 || *from != '0');
}

static bool take_name(struct in *in, const char *name)
{
    char *s;
    size_t len;

    return take_string(in, &s, &len) && len == strlen(name) && memcmp(s, name, len) == 0 &&
           take(in, ':');
}

static bool take_hash(struct in *in, char out[2 * HASH + 1])
{
    char *s;
    size_t len;

    if (!take_string(in, &s, &len) || len > 2 * HASH)
        return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return strlen(out) == len;
}

static bool take_entry(struct in *in, struct row *out)
{
    if (in->at < in->end && *in->at == '{') {
        out->not_text = true;
        in->at++;
        return take_name(in, "hex") && take_string(in, &out->entry, &out->entry_len) &&
               take(in, '}');
    }
    return take_string(in, &out->entry, &out->entry_len);
}

/* Only where it is true. */
static bool take_gone(struct in *in, struct row *out)
{
    static const char member[] = "\"gone\":true,";

    if ((size_t)(in->end - in->at) < sizeof(member) - 1 ||
        memcmp(in->at, member, sizeof(member) - 1) != 0)
        return true;
    out->gone = true;
    in->at += sizeof(member) - 1;
    return true;
}

bool row_parse(struct row *out, char *line, size_t len)
{
    struct in in = {line, line + len};
    bool ok;

    memset(out, 0, sizeof(*out));
    if (!take(&in, '{'))
        return false;
    if (in.end - in.at > 6 && memcmp(in.at, "\"root\"", 6) == 0) {
        out->is_head = true;
        ok = take_name(&in, "root") && take_hash(&in, out->root) && take(&in, ',') &&
             take_name(&in, "size") && take_int(&in, &out->size);
    } else {
        ok = take_name(&in, "entry") && take_entry(&in, out) && take(&in, ',') &&
             take_gone(&in, out) && take_name(&in, "leaf") && take_hash(&in, out->leaf) &&
             take(&in, ',') && take_name(&in, "prev") && take_int(&in, &out->prev) &&
             take(&in, ',') && take_name(&in, "seq") && take_int(&in, &out->seq);
    }
    return ok && take(&in, '}') && in.at == in.end;
}
