/* store_erase.c - see store_erase.h. */
#include "store/store_erase.h"

#include <string.h>

#include "core/fault.h"
#include "core/id.h"
#include "store/store_int.h"

static tsn_err clear(struct tsn_store *st, int64_t seq, bool *had)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(
        st, "UPDATE entry SET sealed = NULL WHERE seq = ?1 AND sealed IS NOT NULL", &err);

    if (!s)
        return err;
    sqlite3_bind_int64(s, 1, seq);
    err = tsn_sql_done(st, s);
    *had = !err && sqlite3_changes(st->db) == 1;
    /* What is left in the write-ahead log is overwritten behind the commit. */
    st->erased = st->erased || *had;
    return err;
}

tsn_err tsn_store_erase_entry(struct tsn_store *st, int64_t seq, struct tsn_diag *diag)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged e;
    bool had = false;
    tsn_err err = tsn_store_entry(st, a, seq, &e);

    if (err == TSN_ENOTFOUND)
        (void)tsn_diag_set(diag, err, "H031", "there is no entry %lld", (long long)seq);
    if (!err)
        err = clear(st, seq, &had);
    if (!err && !had)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "V210",
                           "nothing stands sealed beside entry %lld", (long long)seq);
    tsn_arena_destroy(a);
    return err;
}

static tsn_err clear_chain(struct tsn_store *st, const char *chain, bool with_runs,
                           uint64_t *n);

/* run.opened stands in the case's chain: so every run is found, whatever became of its row. */
static tsn_err clear_run(struct tsn_store *st, const char *text, size_t len, uint64_t *n)
{
    const char *run = memmem(text, len, "\nrun ", 5);
    char chain[4 + TSN_ULID_LEN + 1] = "run:";

    if (!run || !memmem(text, len, "\nkind run.opened\n", 17) ||
        (size_t)(text + len - run) < 5 + TSN_ULID_LEN)
        return 0;
    memcpy(chain + 4, run + 5, TSN_ULID_LEN);
    chain[4 + TSN_ULID_LEN] = '\0';
    return clear_chain(st, chain, false, n);
}

/* From the end of a chain to its start, by the stored links. */
static tsn_err clear_chain(struct tsn_store *st, const char *chain, bool with_runs, uint64_t *n)
{
    int64_t seq;
    tsn_err err = tsn_store_chain(st, chain, &seq, NULL, NULL);

    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    while (!err && seq >= 0) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_logged e;
        bool had = false;

        err = tsn_store_entry(st, a, seq, &e);
        if (!err)
            err = clear(st, seq, &had);
        if (!err && with_runs)
            err = clear_run(st, e.text, e.text_len, n);
        *n += had;
        seq = !err && e.prev < seq ? e.prev : -1;
        tsn_arena_destroy(a);
    }
    return err;
}

static tsn_err destroy_key(struct tsn_store *st, const char *case_id)
{
    tsn_err err;
    /* An empty one says that there was a key: a new one is never made. */
    sqlite3_stmt *s = tsn_sql(
        st, "INSERT OR REPLACE INTO casekey (case_id, wrapped) VALUES (?1, zeroblob(0))", &err);

    if (!s)
        return err;
    sqlite3_bind_text(s, 1, case_id, -1, SQLITE_STATIC);
    err = tsn_sql_done(st, s);
    tsn_key_forget(st);
    st->erased = true;
    return err;
}

bool tsn_store_case_erased(struct tsn_store *st, const char *case_id)
{
    tsn_err err;
    sqlite3_stmt *s =
        tsn_sql(st, "SELECT length(wrapped) FROM casekey WHERE case_id = ?1", &err);
    bool gone;

    if (!s)
        return false;
    sqlite3_bind_text(s, 1, case_id, -1, SQLITE_STATIC);
    gone = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 0) == 0;
    sqlite3_reset(s);
    return gone;
}

tsn_err tsn_store_erase_case(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                             uint64_t *n, struct tsn_diag *diag)
{
    tsn_err err;

    *n = 0;
    if (tsn_store_case_erased(st, case_id))
        return tsn_diag_set(diag, TSN_ECONFLICT, "V210",
                            "the key of this case is gone already");
    err = clear_chain(st, tsn_arena_printf(arena, "case:%s", case_id), true, n);
    tsn_fault("store.erase");
    return err ? err : destroy_key(st, case_id);
}
