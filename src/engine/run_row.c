/* run_row.c - rows and entries of a run, as every op writes them: born, owned, settled, closed.
 *
 * Store thread, inside an apply.
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/fault.h"
#include "core/text.h"
#include "store/record_run.h"

bool tsn_run_over(const char *state)
{
    return strcmp(state, "finished") == 0 || strcmp(state, "failed") == 0 ||
           strcmp(state, "cancelled") == 0;
}

const char *tsn_code_word(const char *s, const char *otherwise)
{
    return s && tsn_word_ok(s, 64) ? s : otherwise;
}

static tsn_err own(struct tsn_store *st, struct tsn_arena *a, const char *id, int64_t epoch,
                   bool whole, struct tsn_owned *out)
{
    tsn_err err = whole ? tsn_store_get(st, a, &tsn_table_run, id, &out->row)
                        : tsn_store_get_bare(st, a, &tsn_table_run, id, &out->row);

    if (err == TSN_ENOTFOUND)
        return TSN_ELOST;
    if (err)
        return err;
    out->was = out->row;
    tsn_run_unhold(a, &out->row);
    /* An older epoch (0: made while nobody ran it) is over: the first write claims the row. */
    if (tsn_run_over(out->row.state) || out->row.epoch > epoch)
        return TSN_ELOST;
    out->guard = out->row.epoch;
    out->next = NULL;
    out->epoch = epoch;
    out->wakes = NULL;
    return 0;
}

tsn_err tsn_run_own(struct tsn_store *st, struct tsn_arena *a, const char *id, int64_t epoch,
                    struct tsn_owned *out)
{
    return own(st, a, id, epoch, false, out);
}

tsn_err tsn_run_own_whole(struct tsn_store *st, struct tsn_arena *a, const char *id,
                          int64_t epoch, struct tsn_owned *out)
{
    return own(st, a, id, epoch, true, out);
}

void tsn_run_unhold(struct tsn_arena *a, struct tsn_rec_run *row)
{
    const char *lf = row->held ? strchr(row->held, '\n') : NULL;

    if (!lf || strcmp(row->state, "paused") != 0)
        return;
    row->state = tsn_arena_strndup(a, row->held, (size_t)(lf - row->held));
    row->reason = lf[1] ? lf + 1 : NULL;
}

static tsn_err put_row(struct tsn_store *st, const struct tsn_owned *own,
                       const struct tsn_rec_run *row)
{
    if (own->was.id)
        return tsn_store_update_changed(st, &tsn_table_run, &own->was, row, "epoch",
                                        own->guard);
    return tsn_store_update_if(st, &tsn_table_run, row, "epoch", own->guard);
}

/* A paused run goes on being what it is behind the word, so that nobody else has to know. */
tsn_err tsn_run_save(struct tsn_store *st, struct tsn_owned *own, int64_t epoch)
{
    struct tsn_rec_run row;
    struct tsn_buf held;
    tsn_err err;

    own->row.epoch = epoch;
    own->row.owner = epoch;
    if (!own->row.held)
        return put_row(st, own, &own->row);
    row = own->row;
    tsn_buf_init(&held, 2000);
    if (tsn_run_over(row.state)) {
        row.held = row.hold = NULL;
    } else {
        (void)tsn_buf_printf(&held, "%s\n%s", row.state, row.reason ? row.reason : "");
        row.held = held.data;
        row.state = "paused";
        row.reason = row.hold;
    }
    err = held.err ? held.err : put_row(st, own, &row);
    tsn_buf_free(&held);
    return err;
}

void tsn_run_works(struct tsn_owned *own)
{
    if (strcmp(own->row.state, "cancelling") != 0) {
        own->row.state = "running";
        own->row.reason = NULL;
    }
}

static tsn_err run_by_prefix(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                             struct tsn_rec_run *out, struct tsn_diag *diag)
{
    struct tsn_filter f = {"name", TSN_CMP_PREFIX, ref, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = 2};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_run, &how, &rows, &n);

    if (err)
        return err;
    if (n == 0)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "H031", "there is no run %s", ref);
    if (n > 1)
        return tsn_diag_set(diag, TSN_ECONFLICT, "H032", "%s could be several runs", ref);
    *out = *(struct tsn_rec_run *)rows;
    return 0;
}

tsn_err tsn_run_find(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                     struct tsn_rec_run *out, struct tsn_diag *diag)
{
    tsn_err err = TSN_ENOTFOUND;

    if (tsn_id_valid(ref))
        err = tsn_store_get(st, a, &tsn_table_run, ref, out);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_find(st, a, &tsn_table_run, "name", ref, out);
    if (err == TSN_ENOTFOUND)
        err = run_by_prefix(st, a, ref, out, diag);
    if (!err)
        tsn_run_unhold(a, out);
    return err;
}

static const char *playbook_of(struct tsn_arena *a, const char *title, const char *hash)
{
    return tsn_arena_printf(a, "%s@%.16s", tsn_code_word(title, "unnamed"), hash);
}

struct tsn_append tsn_run_entry(struct tsn_arena *a, const struct tsn_rec_run *row,
                                const char *kind)
{
    struct tsn_append in = TSN_APPEND_INIT;

    in.kind = kind;
    in.actor = "svc:engine";
    in.case_id = row->case_id;
    in.run = row->id;
    in.playbook = playbook_of(a, row->title, row->playbook);
    return in;
}

tsn_err tsn_run_time_of(struct tsn_store *st, struct tsn_arena *a, int64_t seq, int64_t *ms)
{
    struct tsn_logged e;
    tsn_err err = tsn_store_entry(st, a, seq, &e);

    if (!err)
        *ms = e.entry.time_ms;
    return err;
}

const char *tsn_run_actor(struct tsn_arena *a, const char *person, const char *auth)
{
    if (person)
        return tsn_arena_printf(a, "u:%s", person);
    return auth && strcmp(auth, "local") == 0 ? "op:owner" : "svc:tocsin";
}

tsn_err tsn_run_create(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_run_new *in, int64_t now_ms, struct tsn_rec_run *out)
{
    char id[TSN_ULID_LEN + 1], name[TSN_ULID_LEN + 4];
    struct tsn_append opened, started;
    struct tsn_field field = {"args", in->input, strlen(in->input)};
    tsn_err err = TSN_ECONFLICT;

    tsn_id_new(id);
    memset(out, 0, sizeof(*out));
    out->id = tsn_arena_strdup(arena, id);
    out->case_id = tsn_arena_strdup(arena, in->case_id);
    out->playbook = tsn_arena_strdup(arena, in->playbook_hash);
    out->title = tsn_arena_strdup(arena, in->playbook_title);
    out->state = in->queued ? "queued" : "ready";
    out->reason = in->queued ? "waits for the run of the same key that began before" : NULL;
    out->key = tsn_arena_strdup(arena, in->key);
    out->origin = tsn_arena_strdup(arena, in->origin);
    out->parent = tsn_arena_strdup(arena, in->parent);
    out->parent_path = tsn_arena_strdup(arena, in->parent_path);
    out->bond = tsn_arena_strdup(arena, in->bond);
    out->input = tsn_arena_strdup(arena, in->input);
    out->level = TSN_ENGINE_LEVEL;
    out->started_at = now_ms;

    for (int chars = 4; err == TSN_ECONFLICT && chars <= TSN_ULID_LEN; chars++) {
        struct tsn_rec_run taken;

        tsn_id_short(name, sizeof(name), "r-", id, chars);
        err = tsn_store_find(st, arena, &tsn_table_run, "name", name, &taken);
        err = err == TSN_ENOTFOUND ? 0 : err ? err : TSN_ECONFLICT;
    }
    if (err)
        return err;
    out->name = tsn_arena_strdup(arena, name);
    err = tsn_store_insert(st, &tsn_table_run, out);
    if (err)
        return err;

    opened = tsn_run_entry(arena, out, "run.opened");
    opened.case_chain = true;
    opened.actor =
        tsn_run_actor(arena, in->by ? in->by->person : NULL, in->by ? in->by->auth : NULL);
    opened.auth = in->by ? in->by->auth : NULL;
    opened.ref = in->ref;
    err = tsn_store_append(st, &opened, NULL);
    if (err)
        return err;
    started = tsn_run_entry(arena, out, "run.started");
    started.actor = opened.actor;
    started.auth = opened.auth;
    started.ref = in->ref;
    started.fields = &field;
    started.nfields = 1;
    err = tsn_store_append(st, &started, NULL);
    tsn_fault("engine.run.created");
    return err;
}

tsn_err tsn_step_settle(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const struct tsn_settle *in, struct tsn_settled *out)
{
    struct tsn_append e = tsn_run_entry(a, &own->row, "step.result");
    struct tsn_field fields[2];
    tsn_err err;

    e.step = in->path;
    e.outcome = in->outcome;
    e.reason = in->reason;
    e.idem = in->idem;
    e.attempt = in->attempt;
    e.ref = in->ref;
    e.fields = fields;
    if (in->request)
        fields[e.nfields++] = (struct tsn_field){"args", in->request, strlen(in->request)};
    fields[e.nfields++] = (struct tsn_field){"result", in->result, strlen(in->result)};
    err = tsn_store_append(st, &e, &out->seq);
    if (err)
        return err;
    /* Replay must see the very time the playbook saw. */
    out->at_ms = tsn_store_last_ms(st);
    /* Undos are the engine's own: Lua never hears of them. */
    out->deliver_no = tsn_path_undoes(in->path) ? 0 : ++own->row.deliver_no;
    own->row.wake_at = 0;
    own->row.attempts = 0;
    return 0;
}

tsn_err tsn_run_close(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                      const char *state, const char *outcome, const char *code,
                      const char *reason, const char *result, int64_t now_ms)
{
    struct tsn_append closed = tsn_run_entry(a, &own->row, "run.closed");
    struct tsn_append ended = tsn_run_entry(a, &own->row, "run.ended");
    struct tsn_field field = {"result", result, strlen(result)};
    uint8_t leaf[TSN_HASH_LEN];
    int64_t seq, rseq;
    tsn_err err;

    closed.outcome = outcome;
    closed.reason = code;
    closed.fields = &field;
    closed.nfields = 1;
    err = tsn_store_append(st, &closed, NULL);
    if (!err)
        err =
            tsn_store_chain(st, tsn_arena_printf(a, "run:%s", own->row.id), &seq, &rseq, leaf);
    if (err)
        return err;
    ended.case_chain = true;
    ended.outcome = outcome;
    ended.reason = code;
    ended.rlen = rseq + 1;
    ended.rlast = leaf;
    err = tsn_store_append(st, &ended, NULL);
    own->row.state = state;
    own->row.reason = reason;
    own->row.result = result;
    own->row.ended_at = now_ms;
    own->row.wake_at = 0;
    if (!err && own->row.key)
        err = tsn_run_next_of_key(st, a, own);
    if (!err && own->row.parent)
        err = tsn_child_ended(st, a, own, own->epoch);
    return err ? err : tsn_children_end(st, a, own, own->epoch, now_ms);
}
