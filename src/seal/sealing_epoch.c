/* sealing_epoch.c - is this the log that was sealed? and what two people do when it is not: a new
 * epoch; and the rotation of the key within one. See sealing.h.
 *
 * Loop thread, but for tsn_sealing_check and the apply functions (store thread).
 */
#include "seal/sealing_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "store/record_log.h"

/* --- comparing ------------------------------------------------------------------------------ */

static tsn_err keys_in_use(struct tsn_store *st, struct tsn_arena *a,
                           struct tsn_rec_sealkey **out, size_t *n)
{
    const struct tsn_filter used = {"until_size", TSN_CMP_EQ, NULL, 0};
    const struct tsn_list how = {.filters = &used, .nfilters = 1};
    void *rows;
    tsn_err err = tsn_store_list(st, a, &tsn_table_sealkey, &how, &rows, n);

    *out = err ? NULL : rows;
    return err;
}

static tsn_err check_key(struct tsn_store *st, const struct tsn_seal_hello *h,
                         struct tsn_diag *diag)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_sealkey *rows;
    size_t n;
    tsn_err err = keys_in_use(st, a, &rows, &n);
    bool found = n == 0;

    for (size_t i = 0; !err && i < n; i++)
        found |= strcmp(rows[i].key, h->key) == 0;
    if (!err && !found)
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V102",
                           "the sealer signs with another key than this log knows");
    else if (!err && n == 0 && h->size > 0)
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V100",
                           "the sealer has signed %llu entries, and this database was never "
                           "sealed: it is not the one",
                           (unsigned long long)h->size);
    tsn_arena_destroy(a);
    return err;
}

static tsn_err check_root(struct tsn_store *st, uint64_t size, const uint8_t *root,
                          const char *who, struct tsn_diag *diag)
{
    uint8_t have[TSN_HASH_LEN];
    tsn_err err = tsn_store_root_at(st, size, have);

    if (!err && memcmp(have, root, TSN_HASH_LEN) == 0)
        return 0;
    if (err && err != TSN_ENOTFOUND && err != TSN_ETAMPERED)
        return err;
    return tsn_diag_set(diag, TSN_ETAMPERED, "V101",
                        "the first %llu entries are not those that the %s signed",
                        (unsigned long long)size, who);
}

/* The newest checkpoint in the database itself must be of this log too. */
static tsn_err check_stored(struct tsn_store *st, uint64_t size, struct tsn_diag *diag)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_checkpoint cp;
    struct tsn_checkpoint c;
    struct tsn_note note;
    tsn_err err = tsn_store_checkpoint(st, a, &cp);

    if (err == TSN_ENOTFOUND) {
        err = 0;
    } else if (!err && (!cp.note || tsn_note_parse(&note, cp.note, strlen(cp.note)) != 0 ||
                        tsn_checkpoint_parse(&c, note.text, note.len) != 0)) {
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V101", "the stored checkpoint is damaged");
    } else if (!err && c.size > size) {
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V100",
                           "the stored checkpoint covers %llu entries, and the log has %llu",
                           (unsigned long long)c.size, (unsigned long long)size);
    } else if (!err) {
        err = check_root(st, c.size, c.root, "stored checkpoint", diag);
    }
    tsn_arena_destroy(a);
    return err;
}

tsn_err tsn_sealing_check(struct tsn_store *st, const char *known_key,
                          const struct tsn_seal_hello *h, struct tsn_diag *diag)
{
    uint8_t root[TSN_HASH_LEN];
    uint64_t size;
    tsn_err err = tsn_store_stored_head(st, &size, root);

    (void)known_key;
    tsn_diag_hint(diag, "keep the files: they are evidence. If you can, put the right database "
                        "back; else two people end this epoch: tocsin audit new-epoch");
    if (!err)
        err = check_key(st, h, diag);
    if (!err && h->size > size)
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V100",
                           "rollback suspected: the sealer has signed %llu entries, and the "
                           "database has %llu",
                           (unsigned long long)h->size, (unsigned long long)size);
    if (!err)
        err = check_root(st, h->size, h->root, "sealer", diag);
    if (!err)
        err = check_stored(st, size, diag);
    return err;
}

struct check_op {
    struct tsn_op op;
    struct tsn_seal_hello hello;
};

static tsn_err check_apply(struct tsn_op *op, struct tsn_store *st)
{
    tsn_diag_init(&op->diag);
    return tsn_sealing_check(st, NULL, &((struct check_op *)op)->hello, &op->diag);
}

static void check_done(struct tsn_op *op)
{
    struct tsn_sealing *s = op->user;
    const struct tsn_seal_hello *h = &((struct check_op *)op)->hello;

    if (!s->closing && s->child && !op->err) {
        /* After a rotation that ended while the core looked away, the other key signs. */
        (void)tsn_copy(s->key_text, sizeof(s->key_text), h->key);
        (void)tsn_copy(s->next_text, sizeof(s->next_text), h->next_key);
        (void)tsn_note_key_parse(&s->key, h->key, strlen(h->key));
        s->size = h->size;
        memcpy(s->root, h->root, TSN_HASH_LEN);
        s->up = s->stats.up = true;
        s->dirty = true;
        tsn_head_next(s);
    } else if (!s->closing && op->err == TSN_ETAMPERED) {
        tsn_sealing_suspect(s, &op->diag);
    } else if (!s->closing && op->err && s->child) {
        tsn_child_kill(s->child); /* its next start asks again */
    }
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

void tsn_sealing_recheck(struct tsn_sealing *s)
{
    struct check_op *c = tsn_op_new(sizeof(*c), check_apply, check_done, s);

    c->hello = s->hello;
    tsn_sealing_ref(s);
    if (tsn_reader_submit(s->reader, &c->op) != 0) {
        tsn_op_destroy(&c->op);
        if (s->child)
            tsn_child_kill(s->child);
        tsn_sealing_unref(s);
    }
}

const char *tsn_sealing_situation(const struct tsn_sealing *s, struct tsn_arena *arena)
{
    char db[2 * TSN_HASH_LEN + 1], sealer[2 * TSN_HASH_LEN + 1];

    tsn_hex(db, s->db_root, TSN_HASH_LEN);
    tsn_hex(sealer, s->hello.root, TSN_HASH_LEN);
    return tsn_arena_printf(
        arena, "%s %s\nepoch %lld of %s\ndatabase %llu/%s\nsealer %llu/%s\n",
        s->why.code[0] ? s->why.code : "-", s->why.what[0] ? s->why.what : "nothing is wrong",
        (long long)s->epoch, s->origin, (unsigned long long)s->db_size, db,
        (unsigned long long)s->hello.size, sealer);
}

/* --- a new epoch ----------------------------------------------------------------------------- */

struct epoch_op {
    struct tsn_op op;
    const char *key, *origin, *from, *first, *second, *first_auth, *second_auth, *note;
    int64_t epoch;
};

/* Up to the entry that says so. */
static tsn_err end_keys(struct tsn_store *st, struct tsn_arena *a, const char *keep,
                        int64_t seq)
{
    struct tsn_rec_sealkey *rows;
    size_t n;
    tsn_err err = keys_in_use(st, a, &rows, &n);

    for (size_t i = 0; !err && i < n; i++) {
        if (strcmp(rows[i].key, keep) == 0)
            continue;
        rows[i].until_size = seq > 0 ? seq : 1;
        err = tsn_store_put(st, &tsn_table_sealkey, &rows[i]);
    }
    return err;
}

static tsn_err epoch_apply(struct tsn_op *op, struct tsn_store *st)
{
    const struct epoch_op *x = (const struct epoch_op *)op;
    struct tsn_rec_sealkey row = {.key = x->key, .origin = x->origin, .epoch = x->epoch};
    struct tsn_field field = {"note", x->note, strlen(x->note)};
    struct tsn_append e = TSN_APPEND_INIT;
    int64_t seq;
    tsn_err err;

    /* What the old epoch last signed stays in the log, whatever became of it. */
    e.kind = "audit.epoch.asked";
    e.actor = x->first;
    e.auth = x->first_auth;
    e.from = x->from;
    e.reason = "recovery";
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, &seq);
    if (!err)
        err = end_keys(st, op->arena, x->key, seq);
    if (err)
        return err;
    e.kind = "audit.epoch.opened";
    e.actor = x->second;
    e.auth = x->second_auth;
    e.ref = seq;
    e.outcome = "ok";
    e.to = x->key;
    e.fields = NULL;
    e.nfields = 0;
    err = tsn_store_append(st, &e, &row.from_size);
    return err ? err : tsn_store_put(st, &tsn_table_sealkey, &row);
}

static void epoch_end(struct tsn_sealing *s, tsn_err err, const struct tsn_diag *diag)
{
    void (*done)(tsn_err, const struct tsn_diag *, void *) = s->epoch_done;

    s->epoch_done = NULL;
    s->epoch -= err && s->opening; /* the next try begins where this one did */
    s->opening = false;
    if (done)
        done(err, diag, s->epoch_user);
}

static void epoch_written(struct tsn_op *op)
{
    struct tsn_sealing *s = op->user;

    if (op->err) {
        epoch_end(s, op->err, &op->diag);
    } else if (!s->closing) {
        s->opening = false;
        s->suspect = s->stats.suspect = false;
        tsn_diag_init(&s->why);
        s->known = true;
        s->stats.epoch = s->epoch;
        (void)tsn_copy(s->key_text, sizeof(s->key_text), s->hello.key);
        s->next_text[0] = '\0';
        (void)tsn_note_key_parse(&s->key, s->hello.key, strlen(s->hello.key));
        s->size = s->hello.size;
        memcpy(s->root, s->hello.root, TSN_HASH_LEN);
        s->up = s->stats.up = true;
        s->dirty = true;
        tsn_head_next(s);
    }
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

static void take_people(struct tsn_sealing *s, const struct tsn_epoch_request *r)
{
    struct tsn_epoch_text *t = &s->epoch_text;

    (void)tsn_copy(t->first, sizeof(t->first), r->first);
    (void)tsn_copy(t->second, sizeof(t->second), r->second);
    (void)tsn_copy(t->first_auth, sizeof(t->first_auth), r->first_auth);
    (void)tsn_copy(t->second_auth, sizeof(t->second_auth), r->second_auth);
    (void)tsn_copy(t->note, sizeof(t->note), r->reason);
}

void tsn_epoch_hello(struct tsn_sealing *s)
{
    struct epoch_op *x = tsn_op_new(sizeof(*x), epoch_apply, epoch_written, s);
    struct tsn_arena *a = x->op.arena;
    tsn_err err = 0;

    x->key = tsn_arena_strdup(a, s->hello.key);
    x->origin = tsn_arena_strdup(a, s->name);
    x->from = tsn_arena_strdup(a, s->epoch_text.from);
    x->first = tsn_arena_printf(a, "u:%s", s->epoch_text.first);
    x->second = tsn_arena_printf(a, "u:%s", s->epoch_text.second);
    x->first_auth = tsn_arena_strdup(a, s->epoch_text.first_auth);
    x->second_auth = tsn_arena_strdup(a, s->epoch_text.second_auth);
    x->note = tsn_arena_strdup(a, s->epoch_text.note);
    x->epoch = s->epoch;
    tsn_diag_init(&x->op.diag);
    if (s->hello.size != 0)
        err = tsn_diag_set(&x->op.diag, TSN_ECONFLICT, "V103",
                           "the new epoch's sealer has signed before");
    if (!tsn_sealing_key_fits(s, &x->op.diag)) /* one of another user: what to do says more */
        err = TSN_ECONFLICT;
    tsn_sealing_ref(s);
    if (!err)
        err = tsn_writer_submit(s->writer, &x->op, TSN_LANE_RUNS);
    if (err) {
        epoch_end(s, err, &x->op.diag);
        tsn_op_destroy(&x->op);
        tsn_sealing_unref(s);
    }
}

void tsn_epoch_sealed(struct tsn_sealing *s)
{
    epoch_end(s, 0, NULL);
}

void tsn_sealing_new_epoch(struct tsn_sealing *s, struct tsn_writer *writer,
                           const struct tsn_epoch_request *request,
                           void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                           void *user)
{
    char root[2 * TSN_HASH_LEN + 1];
    struct tsn_diag diag;
    tsn_err err = 0;

    tsn_diag_init(&diag);
    if (s->epoch_done || !s->suspect) {
        err = tsn_diag_set(&diag, TSN_ECONFLICT, "V106",
                           s->suspect ? "a new epoch is being opened"
                                      : "nothing is wrong: the log goes on as it is");
        done(err, &diag, user);
        return;
    }
    s->writer = writer;
    s->epoch_done = done;
    s->epoch_user = user;
    take_people(s, request);
    tsn_hex(root, s->hello.root, TSN_HASH_LEN);
    (void)snprintf(s->epoch_text.from, sizeof(s->epoch_text.from), "%llu/%s",
                   (unsigned long long)s->hello.size, s->hello.come ? root : "unknown");
    if (s->child) {
        struct tsn_child *old = s->child;

        s->child = NULL;
        tsn_child_finish(old);
    }
    tsn_timer_disarm(s->respawn);
    s->up = s->stats.up = false;
    s->busy = false;
    s->opening = true;
    s->epoch++;
    err = tsn_sealing_spawn(s, true, &diag);
    if (err)
        epoch_end(s, err, &diag);
}

/* --- a new key in the same epoch ------------------------------------------------------------------ */

struct rotate_op {
    struct tsn_op op;
    const char *from, *to, *first, *second, *first_auth, *second_auth, *note, *origin;
    int64_t epoch;
    bool end;
};

static tsn_err rotate_apply(struct tsn_op *op, struct tsn_store *st)
{
    const struct rotate_op *x = (const struct rotate_op *)op;
    struct tsn_rec_sealkey row = {.key = x->to, .origin = x->origin, .epoch = x->epoch};
    struct tsn_field field = {"note", x->note, strlen(x->note)};
    struct tsn_append e = TSN_APPEND_INIT;
    tsn_err err;

    e.kind = "audit.key.asked";
    e.actor = x->first;
    e.auth = x->first_auth;
    e.reason = x->end ? "end" : "begin";
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, &e.ref);
    if (err)
        return err;
    e.fields = NULL;
    e.nfields = 0;
    e.kind = "audit.key.rotate";
    e.actor = x->second;
    e.auth = x->second_auth;
    e.outcome = "ok";
    e.reason = x->end ? "end" : "begin";
    e.from = x->from;
    e.to = x->to;
    err = tsn_store_append(st, &e, &row.from_size);
    if (!err)
        err = x->end ? end_keys(st, op->arena, x->to, row.from_size)
                     : tsn_store_put(st, &tsn_table_sealkey, &row);
    return err;
}

static void rotate_end(struct tsn_sealing *s, tsn_err err, const struct tsn_diag *diag)
{
    void (*done)(tsn_err, const struct tsn_diag *, void *) = s->rotate_done;

    s->rotate_done = NULL;
    if (done)
        done(err, diag, s->rotate_user);
}

static void rotate_written(struct tsn_op *op)
{
    struct tsn_sealing *s = op->user;

    rotate_end(s, op->err, &op->diag);
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

/* frame NULL: the sealer has ended, so what it did is not known. */
void tsn_rotate_answer(struct tsn_sealing *s, const json_t *frame)
{
    const char *key = tsn_json_str(frame, "key", ""), *next = tsn_json_str(frame, "next", "");
    const char *why = tsn_json_str(frame, "why", "the sealer ended; look and ask again");
    struct tsn_note_key k;
    struct rotate_op *x;
    struct tsn_diag diag;
    tsn_err err;

    tsn_diag_init(&diag);
    if (!s->rotate_done)
        return;
    if (!frame || !key[0] || (!s->rotate_end && !next[0]) ||
        tsn_note_key_parse(&k, key, strlen(key)) != 0) {
        rotate_end(s,
                   tsn_diag_set(&diag, TSN_EREMOTE, "V107", "the key was not changed: %s", why),
                   &diag);
        return;
    }
    x = tsn_op_new(sizeof(*x), rotate_apply, rotate_written, s);
    x->from = tsn_arena_strdup(x->op.arena, s->key_text);
    x->to = tsn_arena_strdup(x->op.arena, s->rotate_end ? key : next);
    x->first = tsn_arena_printf(x->op.arena, "u:%s", s->epoch_text.first);
    x->second = tsn_arena_printf(x->op.arena, "u:%s", s->epoch_text.second);
    x->first_auth = tsn_arena_strdup(x->op.arena, s->epoch_text.first_auth);
    x->second_auth = tsn_arena_strdup(x->op.arena, s->epoch_text.second_auth);
    x->note = tsn_arena_strdup(x->op.arena, s->epoch_text.note);
    x->origin = tsn_arena_strdup(x->op.arena, s->name);
    x->epoch = s->epoch;
    x->end = s->rotate_end;
    (void)tsn_copy(s->key_text, sizeof(s->key_text), key);
    (void)tsn_copy(s->next_text, sizeof(s->next_text), next);
    s->key = k;
    tsn_sealing_ref(s);
    err = tsn_writer_submit(s->writer, &x->op, TSN_LANE_RUNS);
    if (err) {
        rotate_end(s, err, &diag);
        tsn_op_destroy(&x->op);
        tsn_sealing_unref(s);
    }
}

void tsn_sealing_rotate(struct tsn_sealing *s, bool end, const struct tsn_epoch_request *who,
                        void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                        void *user)
{
    const char *request = end ? "{\"end\":true}" : "{\"end\":false}";
    struct tsn_diag diag;
    tsn_err err = 0;

    tsn_diag_init(&diag);
    if (!s->up || s->rotate_done || s->suspect)
        err = tsn_diag_set(&diag, TSN_EBUSY, "V107", "the sealer is busy or not there");
    else
        err = tsn_child_send(s->child, TSN_FRAME_ROTATE, request, strlen(request));
    if (err) {
        done(err, &diag, user);
        return;
    }
    take_people(s, who);
    s->rotate_end = end;
    s->rotate_done = done;
    s->rotate_user = user;
}
