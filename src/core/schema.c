/* schema.c - see schema.h. Owns nothing. */
#include "core/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Where one is: a JSON pointer (RFC 6901), cut when it gets too long for a message. */
struct spot {
    char path[140];
    size_t len;
    char *why;
};

static const char *const types[] = {"object", "array",   "string", "integer",
                                    "number", "boolean", "null"};
static const char *const type_words[] = {
    "an object", "a list", "a text", "a whole number", "a number", "true or false", "null"};

/* Cuts what is left of a character at the end. */
static void whole_text(char *s)
{
    size_t n = strlen(s);

    while (n > 0 && !tsn_utf8_valid(s, n))
        s[--n] = '\0';
}

static void add(struct spot *s, const char *p, size_t n)
{
    if (s->len + n >= sizeof(s->path))
        return;
    memcpy(s->path + s->len, p, n);
    s->len += n;
    s->path[s->len] = '\0';
}

/* Returns the length to go back to. */
static size_t down(struct spot *s, const char *key)
{
    size_t was = s->len;

    add(s, "/", 1);
    for (const char *p = key; *p; p++) {
        const char *as = *p == '~' ? "~0" : *p == '/' ? "~1" : NULL;

        add(s, as ? as : p, as ? 2 : 1);
    }
    return was;
}

static void up(struct spot *s, size_t was)
{
    s->len = was;
    s->path[was] = '\0';
}

__attribute__((format(printf, 2, 3))) static bool no(const struct spot *s, const char *fmt, ...)
{
    char text[TSN_SCHEMA_WHY - sizeof(s->path)], path[sizeof(s->path)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memcpy(path, s->path, s->len + 1);
    whole_text(path);
    whole_text(text);
    (void)snprintf(s->why, TSN_SCHEMA_WHY, "%s %s", s->len ? path : "the whole", text);
    return false;
}

static int type_of_name(const json_t *name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (json_is_string(name) && strcmp(json_string_value(name), types[i]) == 0)
            return (int)i;
    return -1;
}

/* --- a schema ------------------------------------------------------------------------------ */

static bool good(const json_t *schema, struct spot *s);

static bool good_type(const json_t *v, struct spot *s)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    bool ok = n > 0;

    for (size_t i = 0; i < n && ok; i++)
        ok = type_of_name(json_is_array(v) ? json_array_get(v, i) : v) >= 0;
    return ok ? true
              : no(s, "must be one or some of object, array, string, integer, number, boolean "
                      "and null");
}

static bool good_properties(const json_t *v, struct spot *s)
{
    const char *key;
    json_t *one;
    bool ok = true;

    if (!json_is_object(v))
        return no(s, "must be an object");
    json_object_foreach((json_t *)(uintptr_t)v, key, one)
    {
        size_t was = down(s, key);

        ok = good(one, s);
        up(s, was);
        if (!ok)
            break;
    }
    return ok;
}

static bool good_required(const json_t *v, struct spot *s)
{
    json_t *one;
    size_t i;

    if (!json_is_array(v))
        return no(s, "must be a list of names");
    json_array_foreach(v, i, one)
    {
        if (!json_is_string(one))
            return no(s, "must be a list of names");
    }
    return true;
}

static bool good_flag(const json_t *v, struct spot *s)
{
    return json_is_boolean(v) ? true : no(s, "must be true or false");
}

static bool good_enum(const json_t *v, struct spot *s)
{
    return json_array_size(v) > 0 ? true : no(s, "must be a list of values");
}

static bool good_number(const json_t *v, struct spot *s)
{
    return json_is_number(v) ? true : no(s, "must be a number");
}

static bool good_count(const json_t *v, struct spot *s)
{
    return json_is_integer(v) && json_integer_value(v) >= 0
               ? true
               : no(s, "must be a whole number from 0");
}

static bool good_note(const json_t *v, struct spot *s)
{
    (void)v;
    (void)s;
    return true;
}

static const char *const keywords[] = {
    "type",      "properties",  "required", "additionalProperties",
    "items",     "enum",        "minimum",  "maximum",
    "minLength", "maxLength",   "minItems", "maxItems",
    "title",     "description", "default"};
static bool (*const checks[])(const json_t *v, struct spot *s) = {
    good_type,  good_properties, good_required, good_flag,  good,
    good_enum,  good_number,     good_number,   good_count, good_count,
    good_count, good_count,      good_note,     good_note,  good_note};
_Static_assert(COUNT(keywords) == COUNT(checks), "each keyword has its check");

static bool good(const json_t *schema, struct spot *s)
{
    const char *key;
    json_t *v;

    if (!json_is_object(schema))
        return no(s, "must be an object");
    json_object_foreach((json_t *)(uintptr_t)schema, key, v)
    {
        size_t was = down(s, key), i = 0;
        bool ok;

        while (i < COUNT(keywords) && strcmp(key, keywords[i]) != 0)
            i++;
        if (i < COUNT(keywords)) {
            ok = checks[i](v, s);
        } else {
            const char *meant = tsn_suggest(key, keywords, COUNT(keywords));

            ok = no(s, "is not a keyword that can be checked%s%s%s", meant ? ": is `" : "",
                    meant ? meant : "", meant ? "` meant?" : "");
        }
        up(s, was);
        if (!ok)
            return false;
    }
    return true;
}

bool tsn_schema_good(const json_t *schema, char why[TSN_SCHEMA_WHY])
{
    struct spot s = {.why = why};

    *why = '\0';
    return good(schema, &s);
}

/* --- a value ------------------------------------------------------------------------------- */

static bool fits(const json_t *schema, const json_t *v, struct spot *s);

static bool is_type(const json_t *v, int type)
{
    switch (type) {
    case 0:
        return json_is_object(v);
    case 1:
        return json_is_array(v);
    case 2:
        return json_is_string(v);
    case 3:
        return json_is_integer(v) ||
               (json_is_real(v) && floor(json_real_value(v)) == json_real_value(v));
    case 4:
        return json_is_number(v);
    case 5:
        return json_is_boolean(v);
    default:
        return json_is_null(v);
    }
}

static bool has_type(const json_t *want, int type)
{
    size_t n = json_is_array(want) ? json_array_size(want) : 1;

    for (size_t i = 0; i < n; i++)
        if (type_of_name(json_is_array(want) ? json_array_get(want, i) : want) == type)
            return true;
    return false;
}

/* {} that stands for a list of length 0. */
static bool is_no_items(const json_t *want, const json_t *v)
{
    return json_is_object(v) && json_object_size(v) == 0 && want && has_type(want, 1) &&
           !has_type(want, 0);
}

static bool fits_type(const json_t *want, const json_t *v, struct spot *s)
{
    size_t n = json_is_array(want) ? json_array_size(want) : 1;
    char words[150] = "";

    for (size_t i = 0; i < n; i++) {
        int type = type_of_name(json_is_array(want) ? json_array_get(want, i) : want);
        size_t at = strlen(words);

        if (type < 0)
            continue;
        if (is_type(v, type) || is_no_items(want, v))
            return true;
        (void)snprintf(words + at, sizeof(words) - at, "%s%s", at ? " or " : "",
                       type_words[type]);
    }
    return no(s, "must be %s", words);
}

/* -1, 0, 1; whole numbers to the last digit. */
static int order(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);

        return (x > y) - (x < y);
    }
    double x = json_number_value(a), y = json_number_value(b);
    return (x > y) - (x < y);
}

static bool fits_enum(const json_t *list, const json_t *v, struct spot *s)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        bool numbers = json_is_number(one) && json_is_number(v); /* 1 and 1.0 are the same */

        if (numbers ? order(one, v) == 0 : json_equal(one, v) != 0)
            return true;
    }
    char *text = tsn_json_text(list);
    bool ok = no(s, "must be one of %s", text);
    free(text);
    return ok;
}

static bool fits_number(const json_t *schema, const json_t *v, struct spot *s)
{
    const json_t *least = json_object_get(schema, "minimum"),
                 *most = json_object_get(schema, "maximum");
    bool low = least && order(v, least) < 0, high = most && order(v, most) > 0;

    if (!low && !high)
        return true;
    char *text = tsn_json_text(low ? least : most);
    bool ok = no(s, "must be at %s %s", low ? "least" : "most", text);
    free(text);
    return ok;
}

static bool fits_count(const json_t *schema, const char *least, const char *most, size_t n,
                       const char *of, struct spot *s)
{
    int64_t low = tsn_json_int(schema, least, 0), high = tsn_json_int(schema, most, INT64_MAX);

    if ((int64_t)n < low)
        return no(s, "must have at least %lld %s", (long long)low, of);
    return (int64_t)n <= high ? true : no(s, "must have at most %lld %s", (long long)high, of);
}

static size_t characters(const json_t *text)
{
    const char *p = json_string_value(text);
    size_t n = 0;

    for (size_t i = 0; i < json_string_length(text); i++)
        n += ((unsigned char)p[i] & 0xc0) != 0x80;
    return n;
}

static bool fits_list(const json_t *schema, const json_t *v, struct spot *s)
{
    const json_t *each = json_object_get(schema, "items");
    json_t *one;
    size_t i;
    bool ok = fits_count(schema, "minItems", "maxItems", json_array_size(v), "items", s);

    json_array_foreach(v, i, one)
    {
        char at[24];

        if (!ok || !each)
            break;
        (void)snprintf(at, sizeof(at), "%zu", i);
        size_t was = down(s, at);
        ok = fits(each, one, s);
        up(s, was);
    }
    return ok;
}

static bool fits_object(const json_t *schema, const json_t *v, struct spot *s)
{
    const json_t *known = json_object_get(schema, "properties"),
                 *more = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *one;
    bool ok = true;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        if (json_object_get(v, json_string_value(one)))
            continue;
        (void)down(s, json_string_value(one));
        return no(s, "is missing");
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, one)
    {
        const json_t *want = json_object_get(known, key);
        size_t was = down(s, key);

        ok = want ? fits(want, one, s) : json_is_false(more) ? no(s, "is not known") : true;
        up(s, was);
        if (!ok)
            break;
    }
    return ok;
}

static bool fits(const json_t *schema, const json_t *v, struct spot *s)
{
    const json_t *type = json_object_get(schema, "type"),
                 *list = json_object_get(schema, "enum");

    if (type && !fits_type(type, v, s))
        return false;
    if (list && !fits_enum(list, v, s))
        return false;
    if (json_is_number(v))
        return fits_number(schema, v, s);
    if (json_is_string(v))
        return fits_count(schema, "minLength", "maxLength", characters(v), "characters", s);
    if (json_is_array(v))
        return fits_list(schema, v, s);
    if (is_no_items(type, v))
        return fits_count(schema, "minItems", "maxItems", 0, "items", s);
    return json_is_object(v) ? fits_object(schema, v, s) : true;
}

bool tsn_schema_fits(const json_t *schema, const json_t *value, char why[TSN_SCHEMA_WHY])
{
    struct spot s = {.why = why};

    *why = '\0';
    return fits(schema, value, &s);
}
