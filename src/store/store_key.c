/* store_key.c - case keys: made at first use, wrapped by the master key. Store thread.
 *
 * Columns and payloads of a case are sealed under its own key, so that destroying the one row
 * that wraps it erases everything about the case, also in copies.
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rand.h"
#include "core/text.h"
#include "store/record_log.h"

static tsn_err key_fail(struct tsn_diag *diag, const char *path, tsn_err err, const char *what)
{
    tsn_diag_at(diag, path, 0, 0);
    tsn_diag_hint(diag,
                  "the key file holds 32 bytes, mode 0600; without it sealed text is lost");
    return tsn_diag_set(diag, err, "S015", "the key file %s", what);
}

/* The name must survive a power cut as the bytes do. */
static bool sync_dir(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    int fd;
    bool ok;

    (void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Written under another name first: a crash in between must not leave half a key. */
static tsn_err make_key_file(const char *path, struct tsn_diag *diag)
{
    uint8_t key[TSN_KEY_LEN];
    char temp[4096];
    tsn_err err = 0;
    bool ok;
    int fd;

    (void)snprintf(temp, sizeof(temp), "%s.new", path);
    (void)unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return key_fail(diag, path, tsn_err_from_errno(errno), "cannot be made");
    tsn_rand_bytes(key, sizeof(key));
    ok = write(fd, key, sizeof(key)) == (ssize_t)sizeof(key) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    tsn_wipe(key, sizeof(key));
    /* link() and not rename(): it never replaces a key that somebody put there meanwhile. */
    if (!ok || (link(temp, path) != 0 && errno != EEXIST))
        err = key_fail(diag, path, TSN_EIO, "cannot be written");
    (void)unlink(temp);
    if (!err && !sync_dir(path))
        err = key_fail(diag, path, TSN_EIO, "cannot be written");
    return err;
}

/* A wrapped key that is there must open: with another key file everything sealed is unreadable,
 * and what is sealed from then on would be under a key nobody expects. */
static tsn_err check_fits(struct tsn_store *st, const char *key_file, struct tsn_diag *diag)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_list some = {.limit = 100};
    struct tsn_rec_casekey *keys = NULL;
    void *rows;
    size_t n = 0, i = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_casekey, &some, &rows, &n);

    for (keys = rows; i < n && keys[i].wrapped.len == 0; i++) /* destroyed ones open nothing */
        ;
    if (!err && i < n) {
        (void)tsn_key_of(st, keys[i].case_id, &err);
        if (err)
            key_fail(diag, key_file, err, "belongs to another database");
    }
    tsn_arena_destroy(a);
    return err;
}

tsn_err tsn_key_load(struct tsn_store *st, const char *key_file, bool create,
                     struct tsn_diag *diag)
{
    struct tsn_buf b;
    struct stat info;
    int64_t keys = 0;
    tsn_err err;

    if (!key_file)
        return 0;
    if (create && access(key_file, F_OK) != 0) {
        /* A new key would open nothing of what is already sealed. */
        err = tsn_store_count(st, &tsn_table_casekey, NULL, 0, &keys);
        if (!err && keys > 0)
            return key_fail(diag, key_file, TSN_ENOTFOUND, "is gone; restore it");
        if (!err)
            err = make_key_file(key_file, diag);
        if (err)
            return err;
    }
    if (stat(key_file, &info) != 0)
        return key_fail(diag, key_file, tsn_err_from_errno(errno), "is not there");
    if (info.st_mode & 077)
        return key_fail(diag, key_file, TSN_EDENIED, "can be read by others: chmod 600");
    tsn_buf_init(&b, 4096);
    err = tsn_buf_read_file(&b, key_file);
    if (!err && b.len != TSN_KEY_LEN)
        err = TSN_EINPUT;
    if (err) {
        key_fail(diag, key_file, err, "is not a key file");
    } else {
        memcpy(st->master, b.data, TSN_KEY_LEN);
        st->have_master = true;
    }
    if (b.len > 0)
        tsn_wipe(b.data, b.len);
    tsn_buf_free(&b);
    return err ? err : check_fits(st, key_file, diag);
}

static const uint8_t *cache(struct tsn_store *st, const char *case_id, const uint8_t *key)
{
    struct tsn_case_key **slot = &st->keys[tsn_store_hash(case_id) % TSN_KEY_BUCKETS], *k;

    k = tsn_alloc(sizeof(*k));
    k->case_id = tsn_strdup(case_id);
    memcpy(k->key, key, TSN_KEY_LEN);
    k->next = *slot;
    *slot = k;
    return k->key;
}

static tsn_err make_key(struct tsn_store *st, const char *case_id, uint8_t key[TSN_KEY_LEN])
{
    struct tsn_rec_casekey rec = {.case_id = case_id};
    struct tsn_buf wrapped;
    tsn_err err;

    tsn_rand_bytes(key, TSN_KEY_LEN);
    tsn_buf_init(&wrapped, 1024);
    err = tsn_seal(&wrapped, st->master, case_id, strlen(case_id), key, TSN_KEY_LEN);
    if (!err) {
        rec.wrapped.data = wrapped.data;
        rec.wrapped.len = wrapped.len;
        err = tsn_store_insert(st, &tsn_table_casekey, &rec);
    }
    tsn_buf_free(&wrapped);
    return err;
}

const uint8_t *tsn_key_of(struct tsn_store *st, const char *case_id, tsn_err *err)
{
    struct tsn_case_key *k = st->keys[tsn_store_hash(case_id) % TSN_KEY_BUCKETS];
    struct tsn_rec_casekey rec;
    struct tsn_arena *a;
    struct tsn_buf plain;
    uint8_t key[TSN_KEY_LEN];
    const uint8_t *out = NULL;

    *err = 0;
    if (!st->have_master)
        return NULL;
    while (k && strcmp(k->case_id, case_id) != 0)
        k = k->next;
    if (k)
        return k->key;
    a = tsn_arena_new();
    tsn_buf_init(&plain, 1024);
    *err = tsn_store_get(st, a, &tsn_table_casekey, case_id, &rec);
    if (*err == TSN_ENOTFOUND) {
        *err = 0;
        if (!st->read_only) {
            *err = make_key(st, case_id, key);
            if (!*err)
                out = cache(st, case_id, key);
        }
    } else if (!*err && rec.wrapped.len == 0) {
        out = NULL; /* destroyed (store_erase.h): as without a key, and none is made again */
    } else if (!*err) {
        *err = tsn_unseal(&plain, st->master, case_id, strlen(case_id), rec.wrapped.data,
                          rec.wrapped.len);
        if (!*err && plain.len != TSN_KEY_LEN)
            *err = TSN_ETAMPERED;
        if (!*err)
            out = cache(st, case_id, (const uint8_t *)plain.data);
    }
    if (plain.len > 0)
        tsn_wipe(plain.data, plain.len);
    tsn_wipe(key, sizeof(key));
    tsn_buf_free(&plain);
    tsn_arena_destroy(a);
    return out;
}

void tsn_key_forget(struct tsn_store *st)
{
    for (size_t i = 0; i < TSN_KEY_BUCKETS; i++) {
        struct tsn_case_key *k = st->keys[i], *next;

        for (; k; k = next) {
            next = k->next;
            tsn_wipe(k->key, sizeof(k->key));
            free(k->case_id);
            free(k);
        }
        st->keys[i] = NULL;
    }
}
