/* verify_store.c - see verify_store.h. One read transaction: a writer may go on beside it. */
#include "store/verify_store.h"

#include "core/mem.h"

#define PROGRESS_EVERY 4096

struct scan {
    struct tsn_verify *v;
    uint64_t done, total;
    void (*progress)(uint64_t done, uint64_t total, void *user);
    void *user;
};

static tsn_err add(int64_t seq, const char *text, size_t len, const uint8_t *leaf,
                   const struct tsn_blob *blob, const uint8_t *key, void *user)
{
    struct scan *s = user;

    tsn_verify_add(s->v, seq, text, len, leaf);
    if (blob->len > 0)
        tsn_verify_payload(s->v, blob->data, blob->len, key);
    if (++s->done % PROGRESS_EVERY == 0 && s->progress)
        s->progress(s->done, s->total, s->user);
    return 0;
}

tsn_err tsn_store_verify(struct tsn_store *st,
                         void (*progress)(uint64_t done, uint64_t total, void *user),
                         void *user, struct tsn_verify_result *out)
{
    struct scan s = {.progress = progress, .user = user};
    uint8_t root[TSN_HASH_LEN];
    tsn_err err = tsn_store_begin(st);

    if (err)
        return err;
    s.v = tsn_verify_new();
    err = tsn_store_stored_head(st, &s.total, root);
    if (!err)
        err = tsn_store_scan(st, 0, add, &s);
    if (!err)
        tsn_verify_finish(s.v, s.total, root);
    tsn_verify_result(s.v, out);
    tsn_verify_destroy(s.v);
    tsn_store_rollback(st);
    return err;
}
