/* secret.c - where the secrets lie. Owns the values; the hidden forms are redact.c's. */
#include "core/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/mem.h"
#include "core/redact.h"

struct secret {
    struct secret *next;
    char *handle;
    char *value; /* sodium_malloc, terminated */
    size_t n;
};

static struct secret *list;
static void (*watcher)(void *user, const char *handle);
static void *watcher_user;

bool tsn_secret_name_ok(const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);

    return n > 0 && n <= 64 && name[0] != '.' && strspn(name, plain) == n;
}

bool tsn_secret_is_handle(const char *text)
{
    if (strncmp(text, "secret:", 7) == 0)
        return tsn_secret_name_ok(text + 7);
    return strncmp(text, "credential:", 11) == 0 && tsn_secret_name_ok(text + 11);
}

static struct secret **find(const char *handle)
{
    struct secret **at = &list;

    while (*at && strcmp((*at)->handle, handle) != 0)
        at = &(*at)->next;
    return at;
}

static void release(struct secret *s)
{
    sodium_free(s->value); /* wipes */
    free(s->handle);
    free(s);
}

static void tell(const char *handle)
{
    if (watcher)
        watcher(watcher_user, handle);
}

tsn_err tsn_secret_put(const char *handle, const void *value, size_t n)
{
    struct secret **at = find(handle), *s = tsn_alloc(sizeof(*s)), *old = *at;

    if (n == 0 || n > TSN_SECRET_MOST || memchr(value, '\0', n)) {
        free(s);
        return TSN_EINPUT;
    }
    s->value = sodium_init() < 0 ? NULL : sodium_malloc(n + 1);
    if (!s->value) {
        free(s);
        return TSN_ENOSPC; /* no memory that can be locked or guarded */
    }
    memcpy(s->value, value, n);
    s->value[n] = '\0';
    s->n = n;
    s->handle = tsn_strdup(handle);
    if (n >= TSN_SECRET_LEAST)
        tsn_redact_add(s->value, n);
    s->next = old ? old->next : NULL;
    *at = s;
    if (old)
        release(old);
    tell(handle);
    return 0;
}

void tsn_secret_drop(const char *handle)
{
    struct secret **at = find(handle), *s = *at;

    if (!s)
        return;
    *at = s->next;
    tell(handle);
    release(s);
}

const char *tsn_secret_get(const char *handle, size_t *n)
{
    const struct secret *s = *find(handle);

    if (n)
        *n = s ? s->n : 0;
    return s ? s->value : NULL;
}

tsn_err tsn_secret_missing(const char *handle, struct tsn_diag *diag)
{
    const char *name = strncmp(handle, "secret:", 7) == 0 ? handle + 7 : NULL;

    if (name)
        tsn_diag_hint(diag, "tocsin secret set %s", name);
    return tsn_diag_set(diag, TSN_ENOTFOUND, "K001", "the secret `%s` does not exist",
                        name ? name : handle);
}

void tsn_secret_watch(void (*fn)(void *user, const char *handle), void *user)
{
    watcher = fn;
    watcher_user = user;
}

void tsn_secret_forget(void)
{
    watcher = NULL;
    while (list) {
        struct secret *s = list;

        list = s->next;
        release(s);
    }
    tsn_redact_clear();
}
