/* sealing_head.c - from a commit to a signed checkpoint, and what waits for one. See sealing.h.
 *
 * One request at a time is with the sealer. A proof comes from the reader thread; the note goes to
 * disk through the writer like everything else. Loop thread, but for the apply functions.
 */
#include "seal/sealing_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_log.h"

#define EVERY_SECOND 1000
#define AGAIN_MS     1000

/* --- asking the sealer -------------------------------------------------------------------- */

struct head_op {
    struct tsn_op op;
    uint64_t old, size;
    uint8_t root[TSN_HASH_LEN];
    struct tsn_proof proof;
};

static tsn_err head_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct head_op *h = (struct head_op *)op;
    tsn_err err = tsn_store_stored_head(st, &h->size, h->root);

    h->proof.n = 0;
    if (!err && h->size > h->old)
        err = tsn_store_consistency(st, h->old, h->size, &h->proof);
    return err;
}

static void send_seal(struct tsn_sealing *s, const struct head_op *h)
{
    struct tsn_buf body;
    json_t *v, *proof = json_array();
    char *text;

    tsn_buf_init(&body, 4096);
    (void)tsn_checkpoint_print(&body, s->name, h->size, h->root);
    for (size_t i = 0; i < h->proof.n; i++)
        json_array_append_new(proof, tsn_sealing_hash(h->proof.hash[i]));
    v = json_pack("{s:I, s:o, s:s}", "old", (json_int_t)h->old, "proof", proof, "body",
                  body.data);
    text = tsn_json_text(v);
    s->asked = h->size;
    s->busy = true;
    if (tsn_child_send(s->child, TSN_FRAME_SEAL, text, strlen(text)) != 0)
        s->busy = false; /* it has ended: its exit starts it anew */
    free(text);
    json_decref(v);
    tsn_buf_free(&body);
}

static void again_later(struct tsn_sealing *s)
{
    s->dirty = true;
    if (!s->closing)
        tsn_timer_arm(s->delay, AGAIN_MS);
}

static void head_done(struct tsn_op *op)
{
    struct head_op *h = (struct head_op *)op;
    struct tsn_sealing *s = op->user;

    s->busy = false;
    if (s->closing || !s->up || s->suspect) {
        s->dirty = true;
    } else if (op->err) {
        tsn_log(TSN_LOG_ERROR, "seal.no_proof", "error", tsn_err_name(op->err), NULL);
        again_later(s);
    } else if (h->old != s->size) {
        tsn_head_next(s);
    } else if (h->size > h->old) {
        send_seal(s, h);
    } else {
        tsn_cover_look(s);
    }
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

/* Before the key signs anything the log must know it: else a crash in between would look like a
 * log that is not the one. */
struct key_op {
    struct tsn_op op;
    struct tsn_rec_sealkey row;
};

static tsn_err key_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct key_op *k = (struct key_op *)op;
    struct tsn_append e = TSN_APPEND_INIT;
    tsn_err err;

    e.kind = "audit.key.rotate";
    e.actor = "svc:sealer";
    e.outcome = "ok";
    e.reason = "first";
    e.to = k->row.key;
    err = tsn_store_append(st, &e, &k->row.from_size);
    return err ? err : tsn_store_put(st, &tsn_table_sealkey, &k->row);
}

static void key_done(struct tsn_op *op)
{
    struct tsn_sealing *s = op->user;

    s->busy = false;
    s->known = !op->err;
    tsn_op_destroy(op);
    if (!s->closing)
        tsn_head_next(s);
    tsn_sealing_unref(s);
}

static void adopt_key(struct tsn_sealing *s)
{
    struct key_op *k = tsn_op_new(sizeof(*k), key_apply, key_done, s);

    k->row.key = tsn_arena_strdup(k->op.arena, s->key_text);
    k->row.origin = tsn_arena_strdup(k->op.arena, s->name);
    k->row.epoch = s->epoch;
    s->busy = true;
    tsn_sealing_ref(s);
    if (tsn_writer_submit(s->writer, &k->op, TSN_LANE_RUNS) != 0) {
        tsn_op_destroy(&k->op);
        s->busy = false;
        again_later(s);
        tsn_sealing_unref(s);
    }
}

void tsn_head_next(struct tsn_sealing *s)
{
    int64_t wait = s->sealed_mono + EVERY_SECOND - tsn_clock_mono_ms();
    struct head_op *h;

    if (s->closing || !s->started || !s->up || s->busy || s->suspect || !s->dirty)
        return;
    if (!s->known) {
        adopt_key(s);
        return;
    }
    /* Alone, a commit is sealed at once; a crowd shares a second, unless somebody waits. */
    if (wait > 0 && !s->waits && !s->epoch_done && !s->last) {
        tsn_timer_arm(s->delay, wait);
        return;
    }
    h = tsn_op_new(sizeof(*h), head_apply, head_done, s);
    h->old = s->size;
    s->dirty = false;
    s->busy = true;
    tsn_sealing_ref(s);
    if (tsn_reader_submit(s->reader, &h->op) != 0) {
        tsn_op_destroy(&h->op);
        s->busy = false;
        again_later(s);
        tsn_sealing_unref(s);
    }
}

void tsn_sealing_committed(struct tsn_sealing *s)
{
    if (!s || !s->started || s->closing)
        return;
    s->dirty = true;
    if (!s->busy)
        tsn_head_next(s);
}

/* --- the checkpoint goes to disk ------------------------------------------------------------- */

struct note_op {
    struct tsn_op op;
    const char *note, *to;
    int64_t size;
    bool entry;
    const char *reason; /* of the entry: time, cover, export */
    void (*fn)(void *user);
    void *user;
};

static tsn_err note_apply(struct tsn_op *op, struct tsn_store *st)
{
    const struct note_op *n = (const struct note_op *)op;
    struct tsn_rec_checkpoint cp = {
        .note = n->note, .size = n->size, .sealed_at = tsn_clock_wall_ms()};
    struct tsn_append e = TSN_APPEND_INIT;
    tsn_err err;

    cp.kept = n->fn ? 2 : n->entry;
    err = tsn_store_checkpoint_put(st, op->arena, &cp);
    if (!err && n->entry) {
        e.kind = "audit.checkpoint";
        e.actor = "svc:sealer";
        e.outcome = "ok";
        e.reason = n->reason;
        e.to = n->to;
        err = tsn_store_append(st, &e, NULL);
    }
    return err;
}

static void note_done(struct tsn_op *op)
{
    struct tsn_sealing *s = op->user;

    tsn_fault("seal.stored");
    s->storing = false;
    if (op->err)
        tsn_log(TSN_LOG_ERROR, "seal.not_stored", "error", tsn_err_name(op->err), NULL);
    else
        s->stored = ((struct note_op *)op)->size;
    tsn_op_destroy(op);
    if (!s->closing && s->store_again)
        tsn_head_store(s);
    tsn_head_last(s, false);
    tsn_sealing_unref(s);
}

/* SIZE/ROOT of a checkpoint, as entries name it. */
static const char *head_text(struct tsn_arena *a, uint64_t size, const uint8_t *root)
{
    char hex[2 * TSN_HASH_LEN + 1];

    tsn_hex(hex, root, TSN_HASH_LEN);
    return tsn_arena_printf(a, "%llu/%s", (unsigned long long)size, hex);
}

void tsn_head_store(struct tsn_sealing *s)
{
    int64_t now = tsn_clock_mono_ms();
    struct note_op *n;

    s->store_again = s->storing;
    if (s->storing || !s->note)
        return;
    n = tsn_op_new(sizeof(*n), note_apply, note_done, s);
    n->note = tsn_arena_strdup(n->op.arena, s->note);
    n->size = (int64_t)s->size;
    n->reason = s->cover_note ? "cover" : "time";
    n->entry = !s->last && (s->cover_note || now - s->noted_mono >= s->config.every_ms);
    n->to = head_text(n->op.arena, s->size, s->root);
    if (n->entry) {
        s->noted_mono = now;
        s->cover_note = false;
        tsn_sealing_copy(s);
    }
    s->storing = true;
    tsn_sealing_ref(s);
    if (tsn_writer_submit(s->writer, &n->op, TSN_LANE_RUNS) != 0) {
        /* The next one is stored instead; the sealer signs the same size again at any time. */
        tsn_op_destroy(&n->op);
        s->storing = false;
        tsn_sealing_unref(s);
    }
}

static void handed_done(struct tsn_op *op)
{
    struct note_op *n = (struct note_op *)op;
    struct tsn_sealing *s = op->user;

    if (op->err)
        tsn_log(TSN_LOG_ERROR, "seal.not_stored", "error", tsn_err_name(op->err), NULL);
    n->fn(n->user);
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

void tsn_sealing_handed_out(struct tsn_sealing *s, const char *note, int64_t size,
                            void (*fn)(void *user), void *user)
{
    struct tsn_checkpoint c;
    struct tsn_note parsed;
    struct note_op *n;

    if (!s->writer || s->closing || tsn_note_parse(&parsed, note, strlen(note)) != 0 ||
        tsn_checkpoint_parse(&c, parsed.text, parsed.len) != 0 || (int64_t)c.size != size) {
        fn(user);
        return;
    }
    n = tsn_op_new(sizeof(*n), note_apply, handed_done, s);
    n->note = tsn_arena_strdup(n->op.arena, note);
    n->size = size;
    n->entry = true;
    n->reason = "export";
    n->to = head_text(n->op.arena, c.size, c.root);
    n->fn = fn;
    n->user = user;
    tsn_sealing_ref(s);
    if (tsn_writer_submit(s->writer, &n->op, TSN_LANE_RUNS) != 0) {
        tsn_op_destroy(&n->op);
        tsn_sealing_unref(s);
        fn(user);
    }
}

/* --- the last one ------------------------------------------------------------------------------- */

#define LAST_MS 10000

/* A witness that answered before the end is waited for; one that was away is not. */
static bool witnessed(const struct tsn_sealing *s)
{
    for (size_t i = 0; i < s->nwitnesses; i++)
        if (s->witnesses[i].url && s->witnesses[i].busy &&
            s->witnesses[i].covers <= s->last_seq)
            return false;
    return !s->store_again;
}

void tsn_head_last(struct tsn_sealing *s, bool late)
{
    void (*fn)(void *user) = s->last;

    if (!fn || s->closing || !(late || (s->stored > s->last_seq && witnessed(s))))
        return;
    if (late && s->stored <= s->last_seq)
        tsn_log(TSN_LOG_WARN, "seal.not_last", "why", "the node ends without a checkpoint",
                NULL);
    s->last = NULL;
    tsn_timer_disarm(s->late);
    fn(s->last_user);
}

void tsn_sealing_last(struct tsn_sealing *s, int64_t seq, void (*fn)(void *user), void *user)
{
    s->last = fn;
    s->last_user = user;
    s->last_seq = seq;
    if (!s->started || !s->up || s->suspect) {
        tsn_head_last(s, true);
        return;
    }
    tsn_timer_arm(s->late, LAST_MS);
    s->dirty = true;
    tsn_timer_disarm(s->delay);
    tsn_head_next(s);
}

/* --- what the sealer says ----------------------------------------------------------------------- */

/* Nothing but the note counts: signed by the key we know, for the size and root we asked for. */
static bool take_note(struct tsn_sealing *s, const char *text, size_t len)
{
    struct tsn_checkpoint c;
    struct tsn_note note;

    if (tsn_checkpoint_open(&c, &note, text, len, &s->key) != 0 || c.size != s->asked)
        return false;
    free(s->note);
    s->note = tsn_alloc(len + 1);
    memcpy(s->note, text, len);
    s->size = c.size;
    memcpy(s->root, c.root, TSN_HASH_LEN);
    return true;
}

void tsn_head_sealed(struct tsn_sealing *s, const json_t *frame)
{
    const json_t *note = json_object_get(frame, "note");

    s->busy = false;
    if (!json_is_string(note) ||
        !take_note(s, json_string_value(note), json_string_length(note))) {
        tsn_log(TSN_LOG_ERROR, "sealer.killed", "why", "it signed something else", NULL);
        tsn_child_kill(s->child);
        return;
    }
    s->stats.sealed++;
    s->backoff_ms = 100;
    s->sealed_at_ms = tsn_clock_wall_ms();
    s->sealed_mono = tsn_clock_mono_ms();
    if (s->waits)
        s->cover_note = true;
    tsn_cover_look(s);
    tsn_head_store(s);
    tsn_witness_ask(s);
    if (s->epoch_done)
        tsn_epoch_sealed(s);
    tsn_head_next(s);
}

void tsn_head_refused(struct tsn_sealing *s, const json_t *frame)
{
    int64_t status = tsn_json_int(frame, "status", 0);
    struct tsn_diag diag;

    s->busy = false;
    s->stats.refused++;
    tsn_log(TSN_LOG_ERROR, "seal.refused", "code", tsn_json_str(frame, "code", ""), "why",
            tsn_json_str(frame, "why", ""), NULL);
    tsn_diag_init(&diag);
    if (status == 503) {
        tsn_head_last(s, true); /* its disk is full: the end waits for nothing */
        again_later(s);
    } else if (status == 409 && tsn_json_int(frame, "size", -1) != (int64_t)s->size) {
        /* An answer was lost: it says anew where it stands. */
        tsn_child_kill(s->child);
    } else {
        (void)tsn_diag_set(&diag, TSN_ETAMPERED, "V101",
                           "the sealer refuses this log as no continuation of what it signed "
                           "(%lld %s)",
                           (long long)status, tsn_json_str(frame, "why", ""));
        tsn_sealing_suspect(s, &diag);
    }
}

/* --- cover -------------------------------------------------------------------------------------- */

static bool covered(const struct tsn_sealing *s, int64_t seq)
{
    int64_t have = 0;

    if (!s->sealed_at_ms || (int64_t)s->size <= seq)
        return false;
    for (size_t i = 0; i < s->nwitnesses; i++)
        have += s->witnesses[i].covers > seq;
    return have >= s->config.quorum;
}

void tsn_cover_look(struct tsn_sealing *s)
{
    struct tsn_cover_wait **at = &s->waits, *w;
    int64_t now = tsn_clock_mono_ms(), next = INT64_MAX;

    tsn_sealing_ref(s);
    while ((w = *at) != NULL) {
        bool good = covered(s, w->seq);

        if (!good && now < w->due_mono) {
            if (w->due_mono < next)
                next = w->due_mono;
            at = &w->next;
            continue;
        }
        *at = w->next;
        s->nwaits--;
        if (!good)
            s->stats.missed++;
        tsn_fault("seal.covered");
        w->fn(good, w->user);
        free(w);
        if (s->closing)
            break;
        at = &s->waits; /* fn may have added or we may have been called anew */
        next = INT64_MAX;
    }
    if (!s->closing && next != INT64_MAX)
        tsn_timer_arm(s->due, next - now);
    tsn_sealing_unref(s);
}

void tsn_sealing_cover(struct tsn_sealing *s, int64_t seq, void (*fn)(bool covered, void *user),
                       void *user)
{
    struct tsn_cover_wait *w;

    if (covered(s, seq)) {
        fn(true, user);
        return;
    }
    w = tsn_alloc(sizeof(*w));
    w->seq = seq;
    w->due_mono = tsn_clock_mono_ms() + s->config.cover_ms;
    w->fn = fn;
    w->user = user;
    w->next = s->waits;
    s->waits = w;
    s->nwaits++;
    tsn_timer_arm(s->due, s->config.cover_ms);
    s->dirty = true;
    tsn_timer_disarm(s->delay);
    tsn_head_next(s);
    tsn_witness_ask(s);
}
