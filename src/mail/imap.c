/* imap.c - an inbox on an IMAP server: looked at every minute, one message at a time.
 *
 * The talking is done on libuv's pool (imap_talk.h), the taking on the loop. A message is fetched
 * without being marked, committed, and only then marked seen. Where we are (UIDVALIDITY and the last
 * UID) is kept in the store after each, so a restart goes on; were it lost, the same bytes are one
 * mail. Each failure waits twice as long, up to an hour.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/crypto.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/rand.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/loop.h"
#include "mail/imap_talk.h"
#include "mail/mail_int.h"
#include "store/record_system.h"

#define EVERY_MS 60000
#define WORST_MS 3600000
#define UIDS_MAX 500

enum task { LOOK, FETCH, MARK };

struct tsn_imap {
    struct tsn_mail *m;
    struct tsn_imap_config cfg; /* its password only while a job runs */
    const char *handle;         /* of the password */
    char *password;
    char name[300]; /* of the place in `meta` and the log */
    int64_t every_ms, wait_ms;
    struct tsn_timer *timer;
    uv_work_t work;
    enum task task;
    struct tsn_imap_talk *talk; /* pool thread while working */
    uint32_t validity, done;    /* the place */
    uint32_t uids[UIDS_MAX];
    size_t n, at;
    struct tsn_buf bytes;
    uint64_t whole; /* size of the message at the server */
    tsn_err err;
    struct tsn_diag diag;
    bool working, closed, placed;
    size_t ops;
};

static void run(struct tsn_imap *b, enum task task);

/* The pool's copy of the password lives as long as one job. */
static void drop_password(struct tsn_imap *b)
{
    if (b->password)
        tsn_wipe(b->password, strlen(b->password));
    free(b->password);
    b->password = NULL;
    b->cfg.password = NULL;
}

static void maybe_free(struct tsn_imap *b)
{
    if (b->working || b->ops)
        return;
    tsn_imap_close(b->talk);
    tsn_buf_free(&b->bytes);
    free(b);
}

/* --- the place ------------------------------------------------------------------------------- */

struct place_op {
    struct tsn_op op;
    struct tsn_imap *b;
    struct tsn_rec_meta rec;
};

static tsn_err read_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct place_op *x = (struct place_op *)op;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_meta, x->rec.name, &x->rec);

    return err == TSN_ENOTFOUND ? 0 : err;
}

static tsn_err write_apply(struct tsn_op *op, struct tsn_store *st)
{
    return tsn_store_put(st, &tsn_table_meta, &((struct place_op *)op)->rec);
}

static void op_done(struct tsn_op *op)
{
    struct place_op *x = (struct place_op *)op;
    struct tsn_imap *b = x->b;
    struct tsn_mail *m = b->m;
    bool first = !b->placed;

    if (first && !op->err && x->rec.value)
        (void)sscanf(x->rec.value, "%" SCNu32 " %" SCNu32, &b->validity, &b->done);
    b->placed = b->placed || !op->err;
    tsn_op_destroy(op);
    b->ops--;
    if (b->closed)
        maybe_free(b);
    else if (first)
        tsn_timer_arm(b->timer, 0);
    tsn_mail_op_done(m);
}

static void place(struct tsn_imap *b, bool write)
{
    struct place_op *x = tsn_op_new(sizeof(*x), write ? write_apply : read_apply, op_done, b);
    tsn_err err;

    x->b = b;
    x->rec.name = tsn_arena_printf(x->op.arena, "mail.imap.%s", b->name);
    if (write)
        x->rec.value =
            tsn_arena_printf(x->op.arena, "%" PRIu32 " %" PRIu32, b->validity, b->done);
    b->ops++;
    b->m->in_flight++;
    err = write ? tsn_writer_submit(b->m->cfg.writer, &x->op, TSN_LANE_RUNS)
                : tsn_reader_submit(b->m->cfg.reader, &x->op);
    if (err) {
        /* Not kept: the next message keeps it, and meanwhile the same bytes are one mail. */
        tsn_op_destroy(&x->op);
        b->ops--;
        tsn_mail_op_done(b->m);
        if (!write)
            tsn_timer_arm(b->timer, 1000);
    }
}

/* --- pool ----------------------------------------------------------------------------------- */

static void look(struct tsn_imap *b)
{
    uint32_t validity = 0;

    tsn_imap_close(b->talk);
    b->talk = NULL;
    b->n = b->at = 0;
    b->err = tsn_imap_open(&b->talk, &b->cfg, &validity, &b->diag);
    if (b->err)
        return;
    if (validity != b->validity) {
        b->validity = validity; /* the server counts anew: so do we */
        b->done = 0;
    }
    b->err = tsn_imap_search(b->talk, b->done, b->uids, UIDS_MAX, &b->n, &b->diag);
}

static void job(uv_work_t *work)
{
    struct tsn_imap *b = work->data;

    tsn_diag_init(&b->diag);
    b->err = 0;
    switch (b->task) {
    case LOOK:
        look(b);
        break;
    case FETCH:
        b->err = tsn_imap_fetch(b->talk, b->uids[b->at], TSN_MAIL_HEAD, &b->bytes, &b->whole,
                                &b->diag);
        break;
    case MARK:
        b->err = tsn_imap_seen(b->talk, b->uids[b->at], &b->diag);
        break;
    }
}

/* --- loop ----------------------------------------------------------------------------------- */

static void later(struct tsn_imap *b, int64_t ms)
{
    tsn_timer_arm(b->timer, ms);
}

static void failed(struct tsn_imap *b)
{
    tsn_log(TSN_LOG_ERROR, "imap.failed", "code", b->diag.code, "inbox", b->name, "why",
            b->diag.what, "hint", b->diag.hint, NULL);
    b->wait_ms = b->wait_ms * 2 > WORST_MS ? WORST_MS : b->wait_ms * 2;
    later(b, b->wait_ms);
}

static void step(struct tsn_imap *b)
{
    if (b->at < b->n) {
        run(b, FETCH);
        return;
    }
    b->wait_ms = b->every_ms;
    later(b, b->n == UIDS_MAX ? 1 : b->every_ms);
}

static void accepted(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                     void *user)
{
    struct tsn_imap *b = user;

    (void)seq;
    (void)info;
    b->working = false;
    if (b->closed) {
        maybe_free(b);
        return;
    }
    tsn_fault("mail.imap_taken");
    if (err) {
        b->diag = *diag;
        failed(b);
        return;
    }
    run(b, MARK);
}

static void past(struct tsn_imap *b)
{
    b->done = b->uids[b->at++];
    place(b, true);
    step(b);
}

static void job_done(uv_work_t *work, int status)
{
    struct tsn_imap *b = work->data;

    (void)status;
    drop_password(b);
    b->working = false;
    if (b->closed) {
        maybe_free(b);
        return;
    }
    if (b->task == FETCH && (b->err == TSN_ETOOBIG || b->err == TSN_ENOTFOUND)) {
        tsn_log(TSN_LOG_ERROR, "imap.left", "code", "M030", "inbox", b->name, "why",
                b->diag.what, NULL);
        past(b);
        return;
    }
    if (b->err) {
        failed(b);
        return;
    }
    switch (b->task) {
    case LOOK:
        step(b);
        return;
    case FETCH:
        b->working = true; /* until it is answered */
        tsn_mail_accept(b->m, "imap", b->bytes.data, b->bytes.len, b->whole, accepted, b);
        return;
    case MARK:
        past(b);
        return;
    }
}

static void run(struct tsn_imap *b, enum task task)
{
    const char *password = task == LOOK ? tsn_secret_get(b->handle, NULL) : NULL;

    if (task == LOOK && !password) {
        tsn_diag_init(&b->diag);
        b->err = tsn_secret_missing(b->handle, &b->diag);
        failed(b);
        return;
    }
    b->cfg.password = b->password = tsn_strdup(password);
    b->task = task;
    b->work.data = b;
    b->working = true;
    if (uv_queue_work(tsn_loop_uv(b->m->cfg.loop), &b->work, job, job_done) != 0) {
        b->working = false;
        drop_password(b);
        later(b, b->every_ms);
    }
}

static void on_timer(void *user)
{
    struct tsn_imap *b = user;

    if (!b->placed)
        place(b, false);
    else if (!b->working)
        run(b, LOOK);
}

struct tsn_imap *tsn_imap_inbox_open(struct tsn_mail *m, const struct tsn_mail_inbox *inbox)
{
    struct tsn_imap *b = tsn_alloc(sizeof(*b));

    b->m = m;
    b->cfg = (struct tsn_imap_config){.host = inbox->host,
                                      .port = inbox->port,
                                      .folder = inbox->folder,
                                      .user = inbox->user,
                                      .ca_file = inbox->ca_file,
                                      .reach = inbox->reach};
    b->handle = inbox->password;
    (void)snprintf(b->name, sizeof(b->name), "%s@%s:%d/%s", inbox->user, inbox->host,
                   inbox->port, inbox->folder);
    b->every_ms = b->wait_ms = inbox->every_ms ? inbox->every_ms : EVERY_MS;
    tsn_buf_init(&b->bytes, TSN_MAIL_BYTES_MAX);
    b->timer = tsn_timer_new(m->cfg.loop, on_timer, b);
    place(b, false);
    return b;
}

void tsn_imap_inbox_close(struct tsn_imap *b)
{
    tsn_timer_destroy(b->timer);
    b->timer = NULL;
    b->closed = true;
    maybe_free(b);
}
