/* sealing_witness.c - asks witnesses to cosign the last checkpoint (C2SP tlog-witness,
 * add-checkpoint). Loop thread, but for witness_apply.
 *
 * Each witness has its own last size and is asked for one checkpoint at a time, always the newest.
 * One that has seen more than we have, or refuses the proof, has seen another history: that is
 * told, and nothing may go on. One that is away costs only what waits for its quorum.
 */
#include "seal/sealing_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"

#define BACKOFF_MS  500
#define BACKOFF_MAX 30000
#define ANSWER_MS   10000
#define START_MS    3000

/* --- the proof ------------------------------------------------------------------------------- */

struct witness_op {
    struct tsn_op op;
    uint64_t old, size;
    struct tsn_proof proof;
};

static tsn_err witness_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct witness_op *x = (struct witness_op *)op;

    x->proof.n = 0;
    return x->old == 0 || x->old == x->size
               ? 0
               : tsn_store_consistency(st, x->old, x->size, &x->proof);
}

static void again_fired(void *user)
{
    struct tsn_witness *w = user;

    tsn_witness_ask(w->s);
}

static void again(struct tsn_witness *w)
{
    w->busy = false;
    if (w->s->closing)
        return;
    tsn_timer_arm(w->again, w->backoff_ms);
    w->backoff_ms = w->backoff_ms * 2 > BACKOFF_MAX ? BACKOFF_MAX : w->backoff_ms * 2;
    tsn_head_last(w->s, false);
}

/* --- the answer -------------------------------------------------------------------------------- */

/* Its cosignature over the very text we sent, or nothing. */
static bool good_lines(const struct tsn_witness *w, const char *lines, size_t len)
{
    const char *text = w->asked_note, *end = strstr(text, "\n\n");
    struct tsn_buf whole;
    struct tsn_note note;
    int64_t when = 0;
    bool good;

    if (!end || len == 0)
        return false;
    tsn_buf_init(&whole, TSN_NOTE_MAX);
    (void)tsn_buf_put(&whole, text, (size_t)(end + 2 - text));
    (void)tsn_buf_put(&whole, lines, len);
    good = !whole.err && tsn_note_parse(&note, whole.data, whole.len) == 0 &&
           tsn_note_check(&note, &w->key, &when) == 0 && when > 0;
    tsn_buf_free(&whole);
    return good;
}

/* Only the lines that this key made go into our note. */
static void add_lines(char **note, const struct tsn_witness *w, const char *lines)
{
    struct tsn_buf b;

    tsn_buf_init(&b, TSN_NOTE_MAX);
    (void)tsn_buf_puts(&b, *note);
    while (*lines) {
        const char *end = strchr(lines, '\n');
        size_t n = end ? (size_t)(end + 1 - lines) : strlen(lines), name = strlen(w->key.name);

        if (n > name + 5 && memcmp(lines, "\xe2\x80\x94 ", 4) == 0 &&
            memcmp(lines + 4, w->key.name, name) == 0 && lines[4 + name] == ' ' && end &&
            !memmem(b.data, b.len, lines, n))
            (void)tsn_buf_put(&b, lines, n);
        lines += n;
    }
    if (!b.err) {
        free(*note);
        *note = tsn_buf_take(&b, NULL);
    }
    tsn_buf_free(&b);
}

/* The checkpoint that was cosigned may not be the last one any more: it is kept with its lines, so
 * that what waited for its quorum can be shown with it. */
static void gather(struct tsn_sealing *s, const struct tsn_witness *w, const char *lines)
{
    if (w->asked < s->gather_size)
        return;
    if (w->asked > s->gather_size || !s->gather_note) {
        free(s->gather_note);
        s->gather_note = tsn_strdup(w->asked_note);
        s->gather_size = w->asked;
        s->gathered = 0;
    }
    add_lines(&s->gather_note, w, lines);
    if (++s->gathered >= s->config.quorum) {
        free(s->covered_note);
        s->covered_note = tsn_strdup(s->gather_note);
        s->covered_size = s->gather_size;
    }
}

static void suspect(struct tsn_witness *w, const char *why)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    tsn_diag_hint(&diag, "ask who runs the witness for the checkpoint it holds, and compare");
    (void)tsn_diag_set(&diag, TSN_ETAMPERED, "V104", "the witness %.120s %s", w->key.name, why);
    tsn_sealing_suspect(w->s, &diag);
}

/* Takes the size that a 409 names; false: that is no log of ours. */
static bool take_size(struct tsn_witness *w, const struct tsn_xfer_result *r)
{
    char text[32];
    int64_t size;
    size_t n = strcspn(r->body, "\n");

    (void)snprintf(text, sizeof(text), "%.*s", n < 20 ? (int)n : 20, r->body);
    if (strncmp(r->content_type, "text/x.tlog.size", 16) != 0 ||
        tsn_parse_int(text, 0, INT64_MAX, &size) != 0) {
        suspect(w, "signed another root for this size");
        return false;
    }
    if ((uint64_t)size > w->s->size) {
        suspect(w, "has seen a longer log: this one was rolled back");
        return false;
    }
    w->size = (uint64_t)size;
    return true;
}

static void conflict(struct tsn_witness *w, const struct tsn_xfer_result *r)
{
    if (!take_size(w, r))
        return;
    if (++w->conflicts > 3) {
        again(w);
        return;
    }
    w->busy = false;
    tsn_witness_ask(w->s);
}

static void answered(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_witness *w = user;
    struct tsn_sealing *s = w->s;
    char status[16];

    w->xfer = NULL;
    if (s->closing)
        return;
    if (!r->err && r->status == 200 && good_lines(w, r->body, r->len)) {
        w->busy = false;
        w->size = w->asked;
        w->covers = (int64_t)w->asked;
        w->backoff_ms = BACKOFF_MS;
        w->conflicts = 0;
        gather(s, w, r->body);
        if (s->note && w->asked == s->size) {
            add_lines(&s->note, w, r->body);
            tsn_head_store(s);
        }
        tsn_cover_look(s);
        if (!s->closing)
            tsn_witness_ask(s);
        tsn_head_last(s, false);
        return;
    }
    if (!r->err && r->status == 409) {
        conflict(w, r);
        return;
    }
    if (!r->err && r->status == 422) {
        suspect(w, "does not take this log as the one it signed");
        return;
    }
    (void)snprintf(status, sizeof(status), "%d", r->status);
    tsn_log(TSN_LOG_WARN, "witness.no_cosignature", "witness", w->key.name, "status", status,
            "why", r->err ? r->diag.what : NULL, NULL);
    again(w);
}

static tsn_err post(struct tsn_witness *w, uint64_t old, const struct tsn_proof *proof,
                    int64_t timeout_ms,
                    void (*done)(const struct tsn_xfer_result *r, void *user))
{
    struct tsn_buf body;
    struct tsn_diag diag;
    struct tsn_xfer_request req = {
        .method = "POST", .reach = w->reach, .timeout_ms = timeout_ms, .max_bytes = 64 << 10};
    static const struct tsn_header plain[] = {{"Content-Type", "text/plain; charset=utf-8"}};
    char url[1200];
    tsn_err err;

    tsn_diag_init(&diag);
    tsn_buf_init(&body, TSN_NOTE_MAX + 8192);
    (void)tsn_buf_printf(&body, "old %llu\n", (unsigned long long)old);
    for (size_t i = 0; i < proof->n; i++) {
        char hash[4 * ((TSN_HASH_LEN + 2) / 3) + 1];

        tsn_base64(hash, proof->hash[i], TSN_HASH_LEN);
        (void)tsn_buf_printf(&body, "%s\n", hash);
    }
    (void)tsn_buf_printf(&body, "\n%s", w->asked_note);
    (void)snprintf(url, sizeof(url), "%s%sadd-checkpoint", w->url,
                   w->url[strlen(w->url) - 1] == '/' ? "" : "/");
    req.url = url;
    req.headers = plain;
    req.nheaders = 1;
    req.body = body.data;
    req.body_len = body.len;
    err = tsn_xfer_start(w->s->httpc, &req, done, w, &w->xfer, &diag);
    if (err)
        tsn_log(TSN_LOG_WARN, "witness.no_cosignature", "witness", w->key.name, "why",
                diag.what, NULL);
    tsn_buf_free(&body);
    return err;
}

static void witness_done(struct tsn_op *op)
{
    struct witness_op *x = (struct witness_op *)op;
    struct tsn_witness *w = op->user;
    struct tsn_sealing *s = w->s;

    if (s->closing)
        w->busy = false;
    else if (op->err || post(w, x->old, &x->proof, ANSWER_MS, answered) != 0)
        again(w);
    tsn_op_destroy(op);
    tsn_sealing_unref(s);
}

/* --- asking --------------------------------------------------------------------------------------- */

static void ask_one(struct tsn_witness *w)
{
    struct tsn_sealing *s = w->s;
    struct witness_op *x;

    if (!w->url || w->busy || w->covers == (int64_t)s->size)
        return;
    w->busy = true;
    free(w->asked_note);
    w->asked_note = tsn_strdup(s->note);
    w->asked = s->size;
    x = tsn_op_new(sizeof(*x), witness_apply, witness_done, w);
    x->old = w->size;
    x->size = s->size;
    tsn_sealing_ref(s);
    if (tsn_reader_submit(s->reader, &x->op) != 0) {
        tsn_op_destroy(&x->op);
        again(w);
        tsn_sealing_unref(s);
    }
}

void tsn_witness_ask(struct tsn_sealing *s)
{
    if (s->closing || !s->started || s->suspect || !s->httpc || !s->note || !s->sealed_at_ms)
        return;
    for (size_t i = 0; i < s->nwitnesses && !s->suspect; i++)
        ask_one(&s->witnesses[i]);
}

/* --- at start --------------------------------------------------------------------------------------- */

/* The stored checkpoint is shown again. A witness that is behind it says so, and is shown the proof
 * later, as ever; one that is ahead of the stored one and not of the sealer saw what did not come to
 * disk before a crash. */
static void compared(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_witness *w = user;

    w->xfer = NULL;
    w->busy = false;
    if (!r->err && r->status == 200 && good_lines(w, r->body, r->len))
        w->size = w->asked;
    else if (!r->err && r->status == 409)
        (void)take_size(w, r);
    else if (!r->err && r->status == 422)
        suspect(w, "does not take this log as the one it signed");
    else
        w->away = true;
    for (size_t i = 0; i < w->s->nwitnesses; i++)
        if (w->s->witnesses[i].busy)
            return;
    tsn_loop_stop(w->s->config.loop);
}

static bool stored_head(const struct tsn_sealing *s, struct tsn_checkpoint *c)
{
    struct tsn_note note;

    return s->note && tsn_checkpoint_open(c, &note, s->note, strlen(s->note), &s->key) == 0;
}

void tsn_witness_compare(struct tsn_sealing *s)
{
    const struct tsn_proof none = {.n = 0};
    struct tsn_checkpoint c;
    size_t asked = 0;

    if (!s->httpc || !stored_head(s, &c))
        return;
    for (size_t i = 0; i < s->nwitnesses; i++) {
        struct tsn_witness *w = &s->witnesses[i];

        if (!w->url)
            continue;
        w->asked_note = tsn_strdup(s->note);
        w->asked = c.size;
        w->busy = post(w, c.size, &none, START_MS, compared) == 0;
        w->away = !w->busy;
        asked += w->busy;
    }
    if (asked)
        tsn_loop_run(s->config.loop);
    for (size_t i = 0; i < s->nwitnesses; i++) {
        struct tsn_witness *w = &s->witnesses[i];

        w->busy = false;
        if (w->away)
            tsn_log(TSN_LOG_WARN, "witness.away", "witness", w->key.name, "why",
                    "it was not asked before the start; that is done when it comes back", NULL);
    }
}

tsn_err tsn_witness_open(struct tsn_sealing *s, struct tsn_diag *diag)
{
    s->nwitnesses = s->config.nwitnesses;
    s->witnesses = tsn_alloc((s->nwitnesses + 1) * sizeof(*s->witnesses));
    for (size_t i = 0; i < s->nwitnesses; i++) {
        struct tsn_witness *w = &s->witnesses[i];
        const struct tsn_witness_config *c = &s->config.witnesses[i];

        w->s = s;
        w->url = c->url;
        w->reach = c->reach;
        w->backoff_ms = BACKOFF_MS;
        if (tsn_note_key_parse(&w->key, c->key, strlen(c->key)) != 0 ||
            w->key.type != TSN_NOTE_COSIGNATURE) {
            s->nwitnesses = i;
            return tsn_diag_set(diag, TSN_EINPUT, "V108", "%.120s is not a witness's key",
                                c->key);
        }
        w->again = tsn_timer_new(s->config.loop, again_fired, w);
    }
    return 0;
}

void tsn_witness_close(struct tsn_sealing *s)
{
    for (size_t i = 0; i < s->nwitnesses; i++) {
        struct tsn_witness *w = &s->witnesses[i];

        if (w->xfer)
            tsn_xfer_cancel(w->xfer);
        w->xfer = NULL;
        tsn_timer_destroy(w->again);
        w->again = NULL;
        free(w->asked_note);
        w->asked_note = NULL;
    }
}
