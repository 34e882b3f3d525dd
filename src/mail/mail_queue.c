/* mail_queue.c - mails that are on disk and not yet read: two at a time, each in its own parser.
 *
 * Owns one job a mail. A job that cannot be done now (writer full, engine starting, no parser) is
 * tried again; its row stays `new` meanwhile, so a kill costs nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "core/clock.h"
#include "core/id.h"
#include "loop/loop.h"
#include "mail/mail_int.h"
#include "mail/mail_read.h"
#include "proc/pgp.h"
#include "store/record_mail.h"

#define AGAIN_MS 1000
#define KEYS_MAX 5

struct tsn_mail_job {
    struct tsn_mail_job *next;
    struct tsn_mail *m;
    char id[TSN_ULID_LEN + 1];
    char *raw;
    size_t len;
    struct tsn_mail_read *read; /* while the parser or gpg works on it */
    json_t *found;
    size_t keys; /* imported so far */
    bool busy, abandoned;
};

static void start_more(struct tsn_mail *m);

static void job_free(struct tsn_mail_job *j)
{
    json_decref(j->found);
    free(j->raw);
    free(j);
}

static void leave(struct tsn_mail_job *j)
{
    struct tsn_mail *m = j->m;

    for (size_t i = 0; i < sizeof(m->busy) / sizeof(m->busy[0]); i++) {
        if (m->busy[i] == j)
            m->busy[i] = NULL;
    }
}

static void put_back(struct tsn_mail_job *j)
{
    struct tsn_mail *m = j->m;

    leave(j);
    if (m->closed) {
        job_free(j);
        return;
    }
    free(j->raw);
    json_decref(j->found);
    j->raw = NULL;
    j->found = NULL;
    j->keys = 0;
    j->next = m->head;
    m->head = j;
    if (!m->tail)
        m->tail = j;
    tsn_timer_arm(m->again, AGAIN_MS);
}

/* --- settle -------------------------------------------------------------------------------- */

struct settle_op {
    struct tsn_op op;
    struct tsn_mail_job *job;
    struct tsn_mail_settle s;
};

static tsn_err settle_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct settle_op *x = (struct settle_op *)op;

    return tsn_mail_settle(st, op->arena, &x->s, &op->diag);
}

void tsn_mail_after_settle(struct tsn_mail *m, const struct tsn_mail_settle *s)
{
    tsn_log(TSN_LOG_INFO, "mail.settled", "mail", s->id, "state", s->state ? s->state : "",
            "case", s->out.rcase.name ? s->out.rcase.name : "", NULL);
    if (m->closed)
        return;
    for (size_t i = 0; i < s->out.nruns; i++)
        tsn_engine_wake(m->cfg.engine, s->out.runs[i]);
    if (s->woken)
        tsn_engine_wake(m->cfg.engine, s->woken);
}

static void settle_done(struct tsn_op *op)
{
    struct settle_op *x = (struct settle_op *)op;
    struct tsn_mail_job *j = x->job;
    struct tsn_mail *m = j->m;

    tsn_fault("mail.settled");
    if (op->err) {
        tsn_log(TSN_LOG_WARN, "mail.settle_failed", "mail", j->id, "code", op->diag.code, "why",
                op->diag.what, NULL);
        put_back(j);
    } else {
        tsn_mail_after_settle(m, &x->s);
        leave(j);
        job_free(j);
        if (!m->closed)
            start_more(m);
    }
    tsn_op_destroy(op);
    tsn_intake_release(m->cfg.intake);
    tsn_mail_op_done(m);
}

static void settle(struct tsn_mail_job *j)
{
    struct tsn_mail *m = j->m;
    struct settle_op *x = tsn_op_new(sizeof(*x), settle_apply, settle_done, m);

    x->job = j;
    x->s.cfg = &m->cfg;
    x->s.epoch = tsn_engine_epoch(m->cfg.engine);
    x->s.our_key = tsn_arena_strdup(x->op.arena, m->our_key);
    x->s.id = j->id;
    x->s.found = j->found;
    x->s.now_ms = tsn_clock_wall_ms();
    tsn_intake_refresh(m->cfg.intake);
    tsn_intake_hold(m->cfg.intake);
    m->in_flight++;
    if (tsn_writer_submit(m->cfg.writer, &x->op, TSN_LANE_RUNS)) {
        tsn_intake_release(m->cfg.intake);
        tsn_op_destroy(&x->op);
        put_back(j);
        tsn_mail_op_done(m);
    }
}

/* --- keys that came along -------------------------------------------------------------------- */

static void next_key(struct tsn_mail_job *j);

/* An answer cannot be encrypted to a key that has ended: it is said, and the answer goes without. */
static void on_usable(struct tsn_pgp_result *r, void *user)
{
    struct tsn_mail_job *j = user;
    json_t *list = r->reason ? json_array() : tsn_pgp_keys_json(r->plain.data), *key;
    const char *fpr = tsn_json_str(j->found, "key_fpr", ""), *problem = NULL;
    size_t i;

    j->busy = false;
    json_array_foreach(list, i, key)
    {
        const char *state = tsn_json_str(key, "state", "valid");
        int64_t end = tsn_json_int(key, "expires_ms", 0);

        if (strcasecmp(tsn_json_str(key, "fpr", ""), fpr) != 0)
            continue;
        if (strcmp(state, "valid") != 0)
            problem = strcmp(state, "revoked") == 0 ? "revoked" : "expired";
        else if (end > 0 && end <= tsn_clock_wall_ms())
            problem = "expired";
    }
    if (problem) {
        json_object_del(j->found, "key_fpr");
        json_object_set_new(j->found, "key_problem", json_string(problem));
    }
    json_decref(list);
    if (j->abandoned)
        job_free(j);
    else
        settle(j);
}

static void on_key(struct tsn_pgp_result *r, void *user)
{
    struct tsn_mail_job *j = user;

    j->busy = false;
    if (j->abandoned) {
        job_free(j);
        return;
    }
    /* The first key of a mail is what its sender wants answers encrypted to. */
    if (r->ok && r->fpr[0] && !json_object_get(j->found, "key_fpr"))
        json_object_set_new(j->found, "key_fpr", json_string(r->fpr));
    next_key(j);
}

static void next_key(struct tsn_mail_job *j)
{
    json_t *keys = json_object_get(j->found, "keys");
    const char *text;
    size_t n = 0;
    char *key;

    if (!j->m->cfg.gnupghome || j->keys == json_array_size(keys) || j->keys == KEYS_MAX) {
        /* Else the one it was signed with, which we have. */
        if (!json_object_get(j->found, "key_fpr") &&
            strcmp(tsn_json_str(j->found, "signature", ""), "good") == 0)
            json_object_set(j->found, "key_fpr", json_object_get(j->found, "signer_fpr"));
        if (j->m->cfg.gnupghome && json_object_get(j->found, "key_fpr")) {
            j->busy = true;
            tsn_pgp_look(j->m->cfg.loop, j->m->cfg.gnupghome,
                         tsn_json_str(j->found, "key_fpr", ""), on_usable, j);
        } else {
            settle(j);
        }
        return;
    }
    text = tsn_json_str(json_array_get(keys, j->keys++), "data", "");
    key = tsn_alloc(strlen(text) / 4 * 3 + 4);
    (void)tsn_unbase64(key, strlen(text) / 4 * 3 + 4, &n, text, strlen(text));
    j->busy = true;
    tsn_pgp_import(j->m->cfg.loop, j->m->cfg.gnupghome, key, n, on_key, j);
    free(key);
}

/* --- read ------------------------------------------------------------------------------------ */

static void on_read(json_t *mail, const struct tsn_diag *diag, void *user)
{
    struct tsn_mail_job *j = user;

    j->read = NULL;
    if (!mail) {
        tsn_log(TSN_LOG_ERROR, "mail.unread", "mail", j->id, "why", diag->what, NULL);
        put_back(j);
        return;
    }
    j->found = mail;
    next_key(j);
}

struct load_op {
    struct tsn_op op;
    struct tsn_mail_job *job;
    struct tsn_rec_mail row;
};

static tsn_err load_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct load_op *x = (struct load_op *)op;

    return tsn_store_get(st, op->arena, &tsn_table_mail, x->job->id, &x->row);
}

static void load_done(struct tsn_op *op)
{
    struct load_op *x = (struct load_op *)op;
    struct tsn_mail_job *j = x->job;
    struct tsn_mail *m = j->m;
    struct tsn_mail_read_config cfg = {.loop = m->cfg.loop,
                                       .gnupghome = m->cfg.gnupghome,
                                       .products = m->cfg.products,
                                       .case_pattern = m->cfg.case_prefix};

    if (m->closed || op->err || strcmp(x->row.state, "new") != 0 || !x->row.raw) {
        leave(j);
        job_free(j);
        if (!m->closed)
            start_more(m);
    } else {
        size_t n = strlen(x->row.raw);

        j->raw = tsn_alloc(n / 4 * 3 + 4);
        (void)tsn_unbase64(j->raw, n / 4 * 3 + 4, &j->len, x->row.raw, n);
        cfg.whole = (size_t)x->row.size;
        j->read = tsn_mail_read_start(&cfg, j->raw, j->len, on_read, j);
    }
    tsn_op_destroy(op);
    tsn_mail_op_done(m);
}

static void start_one(struct tsn_mail *m, struct tsn_mail_job *j)
{
    struct load_op *x = tsn_op_new(sizeof(*x), load_apply, load_done, m);

    x->job = j;
    m->in_flight++;
    if (tsn_reader_submit(m->cfg.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        put_back(j);
        tsn_mail_op_done(m);
    }
}

static void start_more(struct tsn_mail *m)
{
    for (size_t i = 0; i < sizeof(m->busy) / sizeof(m->busy[0]) && m->head; i++) {
        struct tsn_mail_job *j = m->head;

        if (m->busy[i])
            continue;
        m->head = j->next;
        if (!m->head)
            m->tail = NULL;
        m->busy[i] = j;
        start_one(m, j);
    }
}

static void on_again(void *user)
{
    start_more(user);
}

void tsn_mail_queue(struct tsn_mail *m, const char *id)
{
    struct tsn_mail_job *j = tsn_alloc(sizeof(*j));

    if (!m->again)
        m->again = tsn_timer_new(m->cfg.loop, on_again, m);
    j->m = m;
    (void)tsn_copy(j->id, sizeof(j->id), id);
    if (m->tail)
        m->tail->next = j;
    else
        m->head = j;
    m->tail = j;
    start_more(m);
}

void tsn_mail_queue_close(struct tsn_mail *m)
{
    while (m->head) {
        struct tsn_mail_job *j = m->head;

        m->head = j->next;
        job_free(j);
    }
    m->tail = NULL;
    tsn_timer_destroy(m->again);
    m->again = NULL;
    for (size_t i = 0; i < sizeof(m->busy) / sizeof(m->busy[0]); i++) {
        struct tsn_mail_job *j = m->busy[i];

        if (!j)
            continue;
        if (j->read) {
            tsn_mail_read_cancel(j->read);
            m->busy[i] = NULL;
            job_free(j); /* the reading keeps no pointer to it once cancelled */
        } else if (j->busy) {
            j->abandoned = true; /* gpg's end frees it */
            m->busy[i] = NULL;
        }
    }
}
