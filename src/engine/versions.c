/* versions.c - a playbook's new version beside runs at work: which fit it, and moving those that do.
 *
 * A run keeps the code it began with. `move` replays its record on another version first; only what
 * fits is moved, by an entry with who and why. `deploy` reads the file of a playbook again, has it
 * described, replays every open run on it and says which go another way and where; then new runs begin
 * on it. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "engine/bundle.h"
#include "store/record_run.h"

#define RUNS_MAX 1000 /* open runs that a deployment replays */

/* One op of a longer piece of work; the work lives until its last op is done. */
struct tsn_version_work {
    struct tsn_engine *e;
    struct tsn_arena *arena;
    char *person, *auth;
    tsn_engine_done *done;
    void *user;
    /* what is asked */
    const char *name, *reason; /* run, or playbook */
    int64_t version;
    bool dry_run;
    /* move */
    struct tsn_rec_run row;
    struct tsn_rec_playbook to;
    /* deploy */
    const char *file, *bundle, *hash;
    char **ids;
    size_t nids, at;
    int index; /* into e->files, -1 = none yet */
    json_t *meta, *runs, *info;
    char dry_id[TSN_ULID_LEN + 1];
    struct tsn_diag diag;
};

struct work_op {
    struct tsn_eop o;
    struct tsn_version_work *w;
    struct tsn_buf frame;
    const char *id;
    int64_t seq, version;
};

static void work_end(struct tsn_version_work *w, tsn_err err, int64_t seq)
{
    if (w->done)
        w->done(err, seq, err ? NULL : w->info, &w->diag, w->user);
    json_decref(w->meta);
    json_decref(w->runs);
    json_decref(w->info);
    tsn_engine_unref(w->e);
    tsn_arena_destroy(w->arena);
}

static tsn_err refuse(struct tsn_version_work *w, tsn_err err, const char *code,
                      const char *what, const char *hint)
{
    tsn_diag_hint(&w->diag, "%s", hint);
    return tsn_diag_set(&w->diag, err, code, "%s", what);
}

/* An op that comes back while the engine closes is not settled: its work ends with it. */
static void op_gone(void *p)
{
    struct work_op *x = p;

    tsn_buf_free(&x->frame);
    if (x->w)
        work_end(x->w, TSN_ECLOSED, -1);
}

static struct tsn_version_work *work_of(struct tsn_eop *o)
{
    struct work_op *x = (struct work_op *)o;
    struct tsn_version_work *w = x->w;

    x->w = NULL;
    return w;
}

static struct work_op *op_new(struct tsn_version_work *w, bool reads,
                              tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                              void (*settled)(struct tsn_eop *))
{
    struct work_op *x = tsn_eop_new(w->e, sizeof(*x), NULL, apply, settled);

    x->w = w;
    x->o.reads = reads;
    x->o.impatient = true;
    tsn_buf_init(&x->frame, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    tsn_arena_defer(x->o.op.arena, op_gone, x);
    return x;
}

static struct tsn_version_work *work_new(struct tsn_engine *e, const struct tsn_actor *who,
                                         const struct tsn_version_ask *ask,
                                         tsn_engine_done *done, void *user)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_version_work *w = tsn_arena_alloc(a, sizeof(*w));

    w->e = e;
    w->arena = a;
    w->person = tsn_arena_strdup(a, who ? who->person : NULL);
    w->auth = tsn_arena_strdup(a, who ? who->auth : NULL);
    w->done = done;
    w->user = user;
    w->name = tsn_arena_strdup(a, ask->name ? ask->name : "");
    w->reason = tsn_arena_strdup(a, ask->reason ? ask->reason : "");
    w->version = ask->version;
    w->dry_run = ask->dry_run;
    w->index = -1;
    w->info = json_object();
    tsn_diag_init(&w->diag);
    tsn_engine_ref(e);
    return w;
}

/* An op that failed ends the work with what it said. */
static bool went_well(const struct tsn_eop *o, struct tsn_version_work *w)
{
    if (!o->op.err)
        return true;
    if (!w->diag.code[0])
        w->diag = o->op.diag;
    work_end(w, o->op.err, -1);
    return false;
}

/* "customer-incident@4" without its version. */
static const char *bare_name(struct tsn_arena *a, const char *title)
{
    return tsn_arena_strndup(a, title ? title : "", strcspn(title ? title : "", "@"));
}

static const char *title_of(struct tsn_arena *a, const struct tsn_rec_playbook *pb)
{
    return tsn_arena_printf(a, "%s@%lld", pb->name, (long long)pb->version);
}

/* --- move ------------------------------------------------------------------------------- */

static tsn_err move_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct work_op *x = (struct work_op *)op;
    struct tsn_version_work *w = x->w;
    struct tsn_append e;
    struct tsn_field field = {"note", w->reason, strlen(w->reason)};
    struct tsn_owned own = {.next = NULL};
    tsn_err err = tsn_run_own(st, op->arena, w->row.id, x->o.epoch, &own);

    if (err == TSN_ELOST)
        return tsn_diag_set(&op->diag, TSN_ECONFLICT, "R037", "%s is over", w->row.name);
    if (err)
        return err;
    if (own.row.deliver_no != w->row.deliver_no ||
        strcmp(own.row.playbook, w->row.playbook) != 0)
        return tsn_diag_set(&op->diag, TSN_ECONFLICT, "R212",
                            "%s went on while its record was replayed", w->row.name);
    e = tsn_run_entry(op->arena, &own.row, "run.moved");
    e.actor = tsn_run_actor(op->arena, w->person, w->auth);
    e.auth = w->auth;
    e.from = own.row.title;
    e.to = title_of(op->arena, &w->to);
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, &x->seq);
    if (err)
        return err;
    own.row.playbook = w->to.hash;
    own.row.title = e.to;
    if (strcmp(own.row.state, "stuck") == 0 || strcmp(own.row.state, "diverged") == 0) {
        own.row.state = "ready";
        own.row.reason = NULL;
        own.row.attempts = 0;
    }
    return tsn_run_save(st, &own, x->o.epoch);
}

static void moved(struct tsn_eop *o)
{
    struct tsn_version_work *w = work_of(o);

    tsn_fault("engine.move.committed");
    if (!went_well(o, w))
        return;
    tsn_log(TSN_LOG_INFO, "run.moved", "run", w->row.name, "to", w->to.name, NULL);
    tsn_engine_wake(w->e, w->row.id); /* read again, with the code it has now */
    work_end(w, 0, ((struct work_op *)o)->seq);
}

static const char *side(struct tsn_arena *a, const json_t *v)
{
    if (!json_is_object(v))
        return "nothing";
    return tsn_arena_printf(a, "%.20s %.80s", tsn_json_str(v, "kind", "?"),
                            tsn_json_str(v, "name", ""));
}

static void move_judged(json_t *verdict, void *user)
{
    struct tsn_version_work *w = user;
    bool fits = tsn_json_bool(verdict, "fits", false);

    json_object_update(w->info, verdict);
    if (w->e->closing) {
        work_end(w, TSN_ECLOSED, -1);
    } else if (w->dry_run) {
        work_end(w, 0, -1);
    } else if (!fits) {
        tsn_diag_hint(&w->diag, "leave it on its version, or guard the new step: if patched "
                                "\"id\" then ... end");
        (void)tsn_diag_set(
            &w->diag, TSN_ECONFLICT, "R211",
            "%s does not fit: at %.63s the record has %s, the new code asks %s%s%.80s",
            w->row.name, tsn_json_str(verdict, "path", "?"),
            side(w->arena, json_object_get(verdict, "recorded")),
            side(w->arena, json_object_get(verdict, "asked")),
            json_object_get(verdict, "error") ? ": " : "", tsn_json_str(verdict, "error", ""));
        work_end(w, TSN_ECONFLICT, -1);
    } else {
        tsn_eop_submit(&op_new(w, false, move_apply, moved)->o);
    }
}

static bool at_rest(const struct tsn_rec_run *row)
{
    static const char *const states[] = {"waiting", "parked",   "in_doubt",
                                         "stuck",   "diverged", "queued"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(row->state, states[i]) == 0)
            return true;
    return row->held != NULL;
}

static tsn_err look_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct work_op *x = (struct work_op *)op;
    struct tsn_version_work *w = x->w;
    tsn_err err = tsn_run_find(st, w->arena, w->name, &w->row, &w->diag);

    if (err)
        return err;
    if (tsn_run_over(w->row.state))
        return refuse(w, TSN_ECONFLICT, "R037", "the run is over",
                      "tocsin run retry takes --to");
    if (!at_rest(&w->row))
        return refuse(w, TSN_ECONFLICT, "R212", "the run is at work",
                      "pause it first: tocsin run pause");
    err = tsn_playbook_version(st, w->arena, bare_name(w->arena, w->row.title), w->version,
                               &w->to);
    if (err == TSN_ENOTFOUND)
        return refuse(w, err, "R206", "there is no such version of its playbook",
                      "tocsin run show says which it has");
    if (err)
        return err;
    if (strcmp(w->to.hash, w->row.playbook) == 0)
        return refuse(w, TSN_ECONFLICT, "R210", "the run has this version already",
                      "name another: --to @N");
    tsn_id_new(w->dry_id);
    return tsn_dry_frame(st, op->arena, w->e, w->row.id, w->dry_id, w->to.bundle, &x->frame);
}

static void looked(struct tsn_eop *o)
{
    struct work_op *x = (struct work_op *)o;
    struct tsn_version_work *w = work_of(o);

    if (!went_well(o, w))
        return;
    json_object_set_new(w->info, "run", json_string(w->row.id));
    json_object_set_new(w->info, "name", json_string(w->row.name));
    json_object_set_new(w->info, "from", json_string(w->row.title));
    json_object_set_new(w->info, "to", json_string(title_of(w->arena, &w->to)));
    if (!tsn_dry_start(w->e, w->dry_id, &x->frame, move_judged, w))
        work_end(w, refuse(w, TSN_EBUSY, "R214", "no worker is free to replay it", "try again"),
                 -1);
}

void tsn_engine_move(struct tsn_engine *e, const struct tsn_actor *who,
                     const struct tsn_version_ask *ask, tsn_engine_done *done, void *user)
{
    struct tsn_version_work *w = work_new(e, who, ask, done, user);
    tsn_err err = ask->dry_run ? 0 : tsn_reason_check(ask->reason, &w->diag);

    if (err) {
        work_end(w, err, -1);
        return;
    }
    tsn_eop_submit(&op_new(w, true, look_apply, looked)->o);
}

/* --- deploy ----------------------------------------------------------------------------- */

static void replay_next(struct tsn_version_work *w);

static void deploy_end(struct tsn_version_work *w, tsn_err err, int64_t seq)
{
    w->e->deploying = NULL;
    work_end(w, err, seq);
}

static tsn_err insert_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct work_op *x = (struct work_op *)op;
    struct tsn_version_work *w = x->w;
    struct tsn_append e = TSN_APPEND_INIT;
    struct tsn_field field = {"note", w->reason, strlen(w->reason)};
    char *meta = tsn_json_text(w->meta);
    struct tsn_rec_playbook row, old;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_playbook, w->hash, &row);

    if (err == TSN_ENOTFOUND) {
        err = tsn_playbook_version(st, op->arena, w->name, 0, &old);
        row = (struct tsn_rec_playbook){.hash = w->hash,
                                        .name = w->name,
                                        .meta = tsn_arena_strdup(op->arena, meta),
                                        .bundle = w->bundle,
                                        .version = err ? 1 : old.version + 1,
                                        .deployed_at = x->o.now_ms};
        if (!err || err == TSN_ENOTFOUND)
            err = tsn_store_insert(st, &tsn_table_playbook, &row);
    }
    free(meta);
    if (err)
        return err;
    x->version = row.version;
    e.kind = "playbook.deployed";
    e.actor = tsn_run_actor(op->arena, w->person, w->auth);
    e.auth = w->auth;
    e.playbook =
        tsn_arena_printf(op->arena, "%s@%lld@%.16s", w->name, (long long)row.version, w->hash);
    e.fields = &field;
    e.nfields = 1;
    return tsn_store_append(st, &e, &x->seq);
}

static void inserted(struct tsn_eop *o)
{
    struct work_op *x = (struct work_op *)o;
    struct tsn_version_work *w = work_of(o);

    tsn_fault("engine.deploy.committed");
    if (o->op.err) {
        w->diag = o->op.diag;
        deploy_end(w, o->op.err, -1);
        return;
    }
    tsn_playbooks_replace(w->e, w->index, x->version);
    json_object_set_new(w->info, "version", json_integer(x->version));
    tsn_log(TSN_LOG_INFO, "playbook.deployed", "playbook", w->name, NULL);
    deploy_end(w, 0, x->seq);
}

static void all_replayed(struct tsn_version_work *w)
{
    json_object_set(w->info, "runs", w->runs);
    if (w->dry_run)
        deploy_end(w, 0, -1);
    else
        tsn_eop_submit(&op_new(w, false, insert_apply, inserted)->o);
}

static void run_judged(json_t *verdict, void *user)
{
    struct tsn_version_work *w = user;

    json_object_update(json_array_get(w->runs, w->at), verdict);
    w->at++;
    if (w->e->closing)
        deploy_end(w, TSN_ECLOSED, -1);
    else
        replay_next(w);
}

static tsn_err replay_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct work_op *x = (struct work_op *)op;

    return tsn_dry_frame(st, op->arena, x->w->e, x->id, x->w->dry_id, x->w->bundle, &x->frame);
}

static void replay_ready(struct tsn_eop *o)
{
    struct work_op *x = (struct work_op *)o;
    struct tsn_version_work *w = work_of(o);
    json_t *bad;

    if (!o->op.err && tsn_dry_start(w->e, w->dry_id, &x->frame, run_judged, w))
        return;
    bad = json_pack("{s:b, s:s}", "fits", 0, "error", "its record cannot be replayed");
    run_judged(bad, w);
    json_decref(bad);
}

static void replay_next(struct tsn_version_work *w)
{
    struct work_op *x;

    if (w->at == w->nids) {
        all_replayed(w);
        return;
    }
    tsn_id_new(w->dry_id);
    x = op_new(w, true, replay_apply, replay_ready);
    x->id = tsn_arena_strdup(x->o.op.arena, w->ids[w->at]);
    tsn_eop_submit(&x->o);
}

void tsn_deploy_described(struct tsn_engine *e, const struct tsn_diag *wrong)
{
    struct tsn_version_work *w = e->deploying;
    const struct tsn_pbfile *f;

    if (!w || w->index < 0)
        return;
    f = &e->files[w->index];
    if (wrong) {
        w->diag = *wrong;
        deploy_end(w, TSN_EINPUT, -1);
        return;
    }
    if (strcmp(tsn_json_str(f->meta, "name", ""), w->name) != 0) {
        deploy_end(w,
                   refuse(w, TSN_EINPUT, "R039", "the file holds a playbook of another name",
                          "rename one of them"),
                   -1);
        return;
    }
    w->meta = json_incref(f->meta);
    replay_next(w);
}

/* The file as it is now, and the runs that are at work on older ones. */
static tsn_err gather_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_version_work *w = ((struct work_op *)op)->w;
    struct tsn_filter f[] = {
        {"title", TSN_CMP_PREFIX, tsn_arena_printf(op->arena, "%s@", w->name), 0},
        {"ended_at", TSN_CMP_EQ, NULL, 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .limit = RUNS_MAX, .skip_blobs = true};
    json_t *source = tsn_bundle_source(w->e->playbook_dir, w->file, &w->diag), *lib;
    const struct tsn_rec_run *rows;
    void *list = NULL;
    size_t n = 0;
    char hash[2 * TSN_HASH_LEN + 1], *bundle;
    tsn_err err;

    if (!source)
        return w->diag.err ? w->diag.err : TSN_EINPUT;
    lib = tsn_bundle_lib(w->e->playbook_dir, NULL, NULL);
    bundle = tsn_playbook_bundle(w->file, source, lib, hash);
    json_decref(lib);
    w->bundle = tsn_arena_strdup(w->arena, bundle);
    free(bundle);
    w->hash = tsn_arena_strdup(w->arena, hash);
    err = tsn_store_list(st, op->arena, &tsn_table_run, &how, &list, &n);
    if (err)
        return err;
    rows = list;
    w->ids = tsn_arena_alloc(w->arena, (n + 1) * sizeof(*w->ids));
    json_decref(w->runs);
    w->runs = json_array();
    for (size_t i = 0; i < n; i++) {
        w->ids[i] = tsn_arena_strdup(w->arena, rows[i].id);
        json_array_append_new(w->runs, json_pack("{s:s, s:s, s:s, s:s}", "run", rows[i].id,
                                                 "name", rows[i].name, "on", rows[i].title,
                                                 "state", rows[i].state));
    }
    w->nids = n;
    return 0;
}

static void gathered(struct tsn_eop *o)
{
    struct tsn_version_work *w = work_of(o);
    const struct tsn_playbook *now = tsn_engine_playbook(w->e, w->name);

    if (o->op.err) {
        if (!w->diag.code[0])
            w->diag = o->op.diag;
        deploy_end(w, o->op.err, -1);
        return;
    }
    json_object_set_new(w->info, "playbook", json_string(w->name));
    json_object_set_new(w->info, "hash", json_string(w->hash));
    json_object_set_new(w->info, "was", json_integer(now ? now->version : 0));
    if (now && strcmp(now->hash, w->hash) == 0) {
        deploy_end(w,
                   refuse(w, TSN_ECONFLICT, "R213", "the file is the version that is deployed",
                          "change the file first"),
                   -1);
        return;
    }
    w->index = tsn_playbooks_add(w->e, w->file, w->bundle, w->hash);
    if (w->index < 0)
        deploy_end(w,
                   refuse(w, TSN_EBUSY, "R214", "no worker is free to look at it", "try again"),
                   -1);
}

void tsn_engine_deploy(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_version_ask *ask, tsn_engine_done *done, void *user)
{
    struct tsn_version_work *w = work_new(e, who, ask, done, user);
    const struct tsn_playbook *p = tsn_engine_playbook(e, w->name);
    tsn_err err = ask->dry_run ? 0 : tsn_reason_check(ask->reason, &w->diag);

    if (!err && (!w->name[0] ||
                 strspn(w->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(w->name)))
        err = refuse(w, TSN_EINPUT, "R039", "this cannot be the name of a playbook",
                     "small letters, digits, - and _");
    if (!err && (!e->ready || e->deploying))
        err = refuse(w, TSN_EBUSY, "R214",
                     "another deployment is under way, or tocsin is starting", "try again");
    if (err) {
        work_end(w, err, -1);
        return;
    }
    e->deploying = w;
    w->file =
        p ? tsn_arena_strdup(w->arena, p->file) : tsn_arena_printf(w->arena, "%s.lua", w->name);
    tsn_eop_submit(&op_new(w, true, gather_apply, gathered)->o);
}
