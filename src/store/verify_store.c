/* verify_store.c - see verify_store.h. One read transaction: a writer may go on beside it. */
#include "store/verify_store.h"

#include <string.h>

#include "core/mem.h"
#include "store/store_int.h"
#include "store/verify_seal.h"

#define PROGRESS_EVERY 4096

struct scan {
    struct tsn_verify *v;
    struct tsn_verify_seal *seal;
    uint64_t done, total;
    void (*progress)(uint64_t done, uint64_t total, void *user);
    void *user;
};

static tsn_err add(int64_t seq, int64_t prev, const char *text, size_t len, const uint8_t *leaf,
                   const struct tsn_blob *blob, const uint8_t *key, void *user)
{
    struct scan *s = user;

    tsn_verify_add(s->v, seq, text, len, leaf);
    tsn_verify_prev(s->v, prev);
    tsn_verify_payload(s->v, blob->data, blob->len, key);
    tsn_err err = tsn_verify_seal_add(s->seal, seq, text, len);
    if (err)
        return err;
    if (++s->done % PROGRESS_EVERY == 0 && s->progress)
        s->progress(s->done, s->total, s->user);
    return 0;
}

static tsn_err add_chains(struct tsn_store *st, struct tsn_verify *v)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(st, "SELECT chain, seq, rseq, leaf FROM chain", &err);
    int rc;

    if (!s)
        return err;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *chain = (const char *)sqlite3_column_text(s, 0);
        bool whole = sqlite3_column_bytes(s, 3) == TSN_HASH_LEN;

        tsn_verify_chain(v, chain ? chain : "", sqlite3_column_int64(s, 1),
                         sqlite3_column_int64(s, 2), whole ? sqlite3_column_blob(s, 3) : NULL);
    }
    err = tsn_sql_err(st, rc);
    sqlite3_reset(s);
    return err;
}

/* A file that cannot be read to its end is a finding too, never just an error. */
static void unreadable(struct tsn_verify_result *r, const struct scan *s, tsn_err err)
{
    if (r->verdict == TSN_TAMPERED)
        return;
    r->verdict = err == TSN_ETAMPERED ? TSN_TAMPERED : TSN_UNUSABLE;
    r->bad_seq = (int64_t)s->done;
    tsn_diag_set(&r->diag, err, "V013", "the database cannot be read from entry #%lld on: %s",
                 (long long)s->done, tsn_err_text(err));
}

tsn_err tsn_store_verify_sealed(struct tsn_store *st,
                                void (*progress)(uint64_t done, uint64_t total, void *user),
                                void *user, struct tsn_verify_result *out, char **note)
{
    struct scan s = {.progress = progress, .user = user};
    uint8_t root[TSN_HASH_LEN];
    bool own = sqlite3_get_autocommit(st->db) != 0; /* else the caller's transaction serves */
    tsn_err err = own ? tsn_store_begin(st) : 0, head;

    if (err)
        return err;
    s.v = tsn_verify_new();
    s.seal = tsn_verify_seal_new(st, s.v);
    if (note)
        *note = NULL;
    head = tsn_store_stored_head(st, &s.total, root);
    if (head == TSN_ETAMPERED)
        memset(root, 0,
               sizeof(root)); /* no tree has it: the damaged head is found at the end */
    else
        err = head;
    if (!err)
        err = tsn_log_scan(st, 0, add, &s);
    /* Ends of chains are wrong by themselves where entries are missing: finish tells that better. */
    if (!err && (head || s.done == s.total))
        err = add_chains(st, s.v);
    if (!err)
        tsn_verify_finish(s.v, head ? s.done : s.total, root);
    /* Behind it: what stands beside a damaged log is damaged with it. */
    if (!err)
        err = tsn_verify_seal_finish(s.seal);
    tsn_verify_result(s.v, out);
    if (note)
        *note = tsn_verify_seal_take_note(s.seal);
    tsn_verify_seal_destroy(s.seal);
    if (err)
        unreadable(out, &s, err);
    tsn_verify_destroy(s.v);
    if (own)
        tsn_store_rollback(st);
    return 0;
}

tsn_err tsn_store_verify(struct tsn_store *st,
                         void (*progress)(uint64_t done, uint64_t total, void *user),
                         void *user, struct tsn_verify_result *out)
{
    return tsn_store_verify_sealed(st, progress, user, out, NULL);
}
