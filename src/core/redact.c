/* redact.c - finds secrets in texts in one pass, whatever usual form they come in.
 *
 * Forms lie in guarded memory. A table by the hash of the first four bytes says which forms can begin at a
 * place, so that a long text costs one look a byte. Any thread; readers share a lock.
 */
#include "core/redact.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

#define BUCKETS    4096
#define PREFIX     4  /* a beginning of a secret this long is hidden where a text was cut */
#define LINE_LEAST 16 /* lines of a secret of several, such as a private key */

struct form {
    struct form *next, *all;
    size_t n;
    char *text; /* sodium_malloc */
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct form *table[BUCKETS], *forms;
static _Atomic size_t count;

static unsigned hash(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return (v * 2654435761u) >> 20;
}

static void add(const char *text, size_t n)
{
    struct form **bucket, *f;

    if (n < TSN_SECRET_LEAST)
        return;
    bucket = &table[hash(text)];
    for (f = *bucket; f; f = f->next) {
        if (f->n == n && memcmp(f->text, text, n) == 0)
            return;
    }
    f = tsn_alloc(sizeof(*f));
    f->n = n;
    f->text = sodium_malloc(n);
    TSN_ASSERT(f->text);
    memcpy(f->text, text, n);
    f->next = *bucket;
    *bucket = f;
    f->all = forms;
    forms = f;
    atomic_fetch_add(&count, 1);
}

/* As our log, jansson and others write it within quotes. */
static void add_escaped(const char *v, size_t n, char *out)
{
    static const char names[] = "btnvfr"; /* 8 to 13 */

    for (int way = 0; way < 3; way++) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)v[i];

            if (c == '"' || c == '\\' || (c == '/' && way == 2)) {
                out[k++] = '\\';
                out[k++] = (char)c;
            } else if (c >= 8 && c <= 13 && c != 11 && way > 0) {
                out[k++] = '\\';
                out[k++] = names[c - 8];
            } else if (c < 0x20 || c == 0x7f) {
                k += (size_t)snprintf(out + k, 7, way > 0 ? "\\u%04X" : "\\u%04x", c);
            } else {
                out[k++] = (char)c;
            }
        }
        add(out, k);
    }
}

static void add_hex(const char *v, size_t n, char *out)
{
    tsn_hex(out, v, n);
    add(out, 2 * n);
    for (size_t i = 0; i < 2 * n; i++) {
        if (out[i] >= 'a')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
    add(out, 2 * n);
}

/* What of the base64 of a longer text is sure, wherever the secret begins in it. */
static void add_base64(const char *v, size_t n, char *out)
{
    char *shifted = sodium_malloc(n + 2);

    TSN_ASSERT(shifted);
    for (size_t before = 0; before < 3; before++) {
        size_t first = (before * 8 + 5) / 6, last = (before + n) * 8 / 6;

        memset(shifted, 0, before);
        memcpy(shifted + before, v, n);
        (void)tsn_base64(out, shifted, before + n);
        add(out + first, last - first);
        for (size_t i = first; i < last; i++)
            out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
        add(out + first, last - first);
    }
    sodium_free(shifted);
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

static void add_percent(const char *v, size_t n, char *out)
{
    for (int way = 0; way < 8; way++) {
        bool lower = way & 1, all = way & 2, form = way & 4;
        size_t k = 0;

        for (size_t i = 0; i < n; i++) {
            if (form && v[i] == ' ')
                out[k++] = '+';
            else if (!all && unreserved(v[i]))
                out[k++] = v[i];
            else
                k += (size_t)snprintf(out + k, 4, lower ? "%%%02x" : "%%%02X",
                                      (unsigned char)v[i]);
        }
        add(out, k);
    }
}

static void add_lines(const char *v, size_t n)
{
    for (size_t i = 0, len; i < n; i += len + 1) {
        const char *end = memchr(v + i, '\n', n - i);

        len = end ? (size_t)(end - v) - i : n - i;
        if (len >= LINE_LEAST && len < n && strncmp(v + i, "-----", 5) != 0)
            add(v + i, len - (v[i + len - 1] == '\r'));
    }
}

void tsn_redact_add(const char *value, size_t n)
{
    char *out = sodium_malloc(6 * n + 16);

    TSN_ASSERT(out);
    pthread_rwlock_wrlock(&lock);
    add(value, n);
    add_escaped(value, n, out);
    add_hex(value, n, out);
    add_base64(value, n, out);
    add_percent(value, n, out);
    add_lines(value, n);
    pthread_rwlock_unlock(&lock);
    sodium_free(out);
}

void tsn_redact_clear(void)
{
    pthread_rwlock_wrlock(&lock);
    while (forms) {
        struct form *f = forms;

        forms = f->all;
        sodium_free(f->text);
        free(f);
    }
    memset(table, 0, sizeof(table));
    atomic_store(&count, 0);
    pthread_rwlock_unlock(&lock);
}

/* --- looking ------------------------------------------------------------------------------ */

/* Length of the longest form that begins here; 0 = none does. */
static size_t here(const char *p, size_t left)
{
    size_t best = 0;

    if (left < PREFIX)
        return 0;
    for (const struct form *f = table[hash(p)]; f; f = f->next) {
        if (f->n > best && f->n <= left && memcmp(f->text, p, f->n) == 0)
            best = f->n;
    }
    return best;
}

/* Do all bytes up to the end begin a form? */
static bool begins(const char *p, size_t left)
{
    if (left < PREFIX)
        return false;
    for (const struct form *f = table[hash(p)]; f; f = f->next) {
        if (f->n > left && memcmp(f->text, p, left) == 0)
            return true;
    }
    return false;
}

size_t tsn_redact(char *text, size_t n, bool cut)
{
    const size_t shown = sizeof(TSN_SECRET_SHOWN) - 1;
    size_t out = 0, i = 0;

    if (atomic_load(&count) == 0)
        return n;
    pthread_rwlock_rdlock(&lock);
    while (i < n) {
        size_t found = here(text + i, n - i);

        if (!found && cut && begins(text + i, n - i))
            found = n - i;
        if (found) {
            memcpy(text + out, TSN_SECRET_SHOWN, shown);
            out += shown;
            i += found;
        } else {
            text[out++] = text[i++];
        }
    }
    pthread_rwlock_unlock(&lock);
    if (out < n)
        text[out] = '\0';
    return out;
}

static bool holds(const char *text, size_t n)
{
    bool found = false;

    for (size_t i = 0; i + PREFIX <= n && !found; i++)
        found = table[hash(text + i)] && here(text + i, n - i) > 0;
    return found;
}

static bool any(const json_t *v)
{
    size_t i;
    const char *key;
    json_t *one;
    bool found = false;

    if (json_is_string(v))
        return holds(json_string_value(v), json_string_length(v));
    if (json_is_array(v)) {
        json_array_foreach(v, i, one) found = found || any(one);
    } else if (json_is_object(v)) {
        /* jansson's iterators take no const; nothing is changed. */
        for (void *at = json_object_iter((json_t *)(uintptr_t)v); at && !found;
             at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
            key = json_object_iter_key(at);
            found = holds(key, strlen(key)) || any(json_object_iter_value(at));
        }
    }
    return found;
}

static json_t *hidden(const json_t *v)
{
    json_t *out, *one;
    size_t i;

    if (json_is_string(v)) {
        size_t n = json_string_length(v);
        char *copy = tsn_alloc(n + 1);

        memcpy(copy, json_string_value(v), n);
        n = tsn_redact(copy, n, false);
        /* Only whole forms are taken out, and those are whole characters or plain ASCII. */
        out = json_stringn(copy, n);
        free(copy);
        return out ? out : json_string(TSN_SECRET_SHOWN);
    }
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, one) json_array_append_new(out, hidden(one));
        return out;
    }
    if (json_is_object(v)) {
        out = json_object();
        for (void *at = json_object_iter((json_t *)(uintptr_t)v); at;
             at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
            char *key = tsn_strdup(json_object_iter_key(at));

            (void)tsn_redact(key, strlen(key), false);
            json_object_set_new(out, key, hidden(json_object_iter_value(at)));
            free(key);
        }
        return out;
    }
    return json_deep_copy(v);
}

json_t *tsn_redact_json(const json_t *v)
{
    bool found;

    if (!v || atomic_load(&count) == 0)
        return NULL;
    pthread_rwlock_rdlock(&lock);
    found = any(v);
    pthread_rwlock_unlock(&lock);
    return found ? hidden(v) : NULL;
}
