/* run_admit.c - one open run for each key: what becomes of an event whose key a run has already.
 *
 * The playbook says: the open run is told (join), a new one waits for its end (queue), the event is
 * dropped, or the open run is ended and a new one begins (replace). All of it is in the transaction
 * that takes the event in, so two events can never both find nothing. Store thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

const char *tsn_run_key(struct tsn_arena *arena, const char *playbook, const char *text)
{
    const char *whole = tsn_arena_printf(arena, "tocsin-key/v1\n%s\n%s", playbook, text);
    uint8_t hash[TSN_HASH_LEN];
    char *hex = tsn_arena_alloc(arena, 2 * TSN_HASH_LEN + 1);

    tsn_sha256_once(hash, whole, strlen(whole));
    tsn_hex(hex, hash, sizeof(hash));
    return hex;
}

/* Rows of this key, oldest first or newest first, that are (not) queued and not over. */
static tsn_err open_of_key(struct tsn_store *st, struct tsn_arena *a, const char *key,
                           bool queued, struct tsn_rec_run *out)
{
    struct tsn_filter f[] = {{"key", TSN_CMP_EQ, key, 0},
                             {"ended_at", TSN_CMP_EQ, NULL, 0},
                             {"state", queued ? TSN_CMP_EQ : TSN_CMP_NE, "queued", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 3, .descending = !queued, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_run, &how, &rows, &n);

    if (err)
        return err;
    if (n == 0)
        return TSN_ENOTFOUND;
    *out = *(struct tsn_rec_run *)rows;
    tsn_run_unhold(a, out);
    return 0;
}

tsn_err tsn_run_with_key(struct tsn_store *st, struct tsn_arena *arena, const char *key,
                         struct tsn_rec_run *out)
{
    return open_of_key(st, arena, key, false, out);
}

tsn_err tsn_run_next_of_key(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own)
{
    struct tsn_owned next = {.next = NULL};
    struct tsn_append e;
    tsn_err err = open_of_key(st, a, own->row.key, true, &next.row);

    own->next = NULL;
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    next.guard = next.row.epoch;
    next.row.state = "ready";
    next.row.reason = NULL;
    e = tsn_run_entry(a, &next.row, "run.dequeued");
    err = tsn_store_append(st, &e, NULL);
    if (!err)
        err = tsn_run_save(st, &next, next.row.epoch);
    own->next = next.row.id;
    return err;
}

/* An entry on the case's chain about the run that was there. */
static tsn_err note(struct tsn_store *st, struct tsn_arena *a, const struct tsn_rec_run *run,
                    const char *kind, const struct tsn_admission *in)
{
    struct tsn_append e = tsn_run_entry(a, run, kind);

    e.case_chain = true;
    e.reason = in->event;
    e.ref = in->run.ref;
    return tsn_store_append(st, &e, NULL);
}

static tsn_err join(struct tsn_store *st, struct tsn_arena *a, const struct tsn_admission *in,
                    int64_t now_ms, struct tsn_admission_out *out)
{
    struct tsn_signal_new fresh = {.case_id = out->run.case_id,
                                   .run = out->run.id,
                                   .event = in->event ? in->event : "event",
                                   .body = in->body ? in->body : "{}",
                                   .cause = in->run.ref + 1};
    struct tsn_signal_out told;
    tsn_err err = tsn_signal_put(st, a, in->epoch, &fresh, now_ms, &told, NULL);

    out->what = TSN_ADMITTED_JOINED;
    out->wake[0] = told.woken;
    return err;
}

static tsn_err create(struct tsn_store *st, struct tsn_arena *a, const struct tsn_admission *in,
                      bool queued, int64_t now_ms, struct tsn_admission_out *out)
{
    struct tsn_run_new fresh = in->run;
    tsn_err err;

    fresh.queued = queued;
    err = tsn_run_create(st, a, &fresh, now_ms, &out->run);
    out->what = queued ? TSN_ADMITTED_QUEUED : TSN_ADMITTED_RUN;
    if (!err && !queued)
        out->wake[0] = out->run.id;
    return err;
}

static tsn_err replace(struct tsn_store *st, struct tsn_arena *a,
                       const struct tsn_admission *in, int64_t now_ms,
                       struct tsn_admission_out *out)
{
    struct tsn_owned own = {.row = out->run, .guard = out->run.epoch};
    tsn_err err = note(st, a, &out->run, "run.replaced", in);

    if (!err)
        err = tsn_run_end_now(st, a, &own, "svc:engine", "svc",
                              "a newer event with the same key replaces it", in->epoch, now_ms);
    out->ended = own.row.id;
    out->wake[1] = own.next ? own.next : own.wakes ? own.wakes->id : NULL;
    return err ? err : create(st, a, in, false, now_ms, out);
}

tsn_err tsn_run_admit(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_admission *in, int64_t now_ms,
                      struct tsn_admission_out *out)
{
    const char *policy = in->policy ? in->policy : "join";
    tsn_err err = TSN_ENOTFOUND;

    memset(out, 0, sizeof(*out));
    if (in->run.key)
        err = tsn_run_with_key(st, arena, in->run.key, &out->run);
    if (err == TSN_ENOTFOUND)
        return create(st, arena, in, false, now_ms, out);
    if (err)
        return err;
    if (strcmp(policy, "queue") == 0)
        return create(st, arena, in, true, now_ms, out);
    if (strcmp(policy, "replace") == 0)
        return replace(st, arena, in, now_ms, out);
    if (strcmp(policy, "drop") == 0) {
        out->what = TSN_ADMITTED_DROPPED;
        return note(st, arena, &out->run, "run.not_started", in);
    }
    return join(st, arena, in, now_ms, out);
}
