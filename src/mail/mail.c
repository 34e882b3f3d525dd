/* mail.c - taking mails, finding the unread ones at the start, decisions about held ones, lists. */
#include "mail/mail.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "loop/loop.h"
#include "mail/mail_int.h"
#include "proc/pgp.h"
#include "store/record_case.h"
#include "store/record_mail.h"

#define UNREAD_MAX 100000

static void drop_json(void *p)
{
    json_decref(p);
}

void tsn_mail_op_done(struct tsn_mail *m)
{
    m->in_flight--;
    if (m->closed && m->in_flight == 0) {
        free(m->maildirs);
        free(m->imaps);
        free(m->our_key);
        free(m);
    }
}

/* --- taking ------------------------------------------------------------------------------- */

struct accept_op {
    struct tsn_op op;
    struct tsn_mail *m;
    struct tsn_rec_mail row;
    bool duplicate;
    const char *first; /* id of the same mail, taken before */
    tsn_engine_done *done;
    void *user;
};

static tsn_err accept_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct accept_op *x = (struct accept_op *)op;
    struct tsn_rec_mail old;
    struct tsn_append a = TSN_APPEND_INIT;
    json_t *args;
    char *text;
    tsn_err err = tsn_store_find(st, op->arena, &tsn_table_mail, "sha256", x->row.sha256, &old);

    x->duplicate = !err;
    x->first = err ? x->row.id : old.id;
    if (err != TSN_ENOTFOUND)
        return err;
    args = json_pack("{s:s, s:s, s:s, s:I}", "mail", x->row.id, "sha256", x->row.sha256,
                     "source", x->row.source, "size", (json_int_t)x->row.size);
    text = tsn_json_text(args);
    json_decref(args);
    const struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    a.kind = "mail.received";
    a.actor = "svc:mail";
    a.auth = "mail";
    a.fields = &field;
    a.nfields = 1;
    err = tsn_store_append(st, &a, NULL);
    free(text);
    if (!err)
        err = tsn_store_insert(st, &tsn_table_mail, &x->row);
    tsn_fault("mail.accept");
    return err;
}

static void accept_done(struct tsn_op *op)
{
    struct accept_op *x = (struct accept_op *)op;
    struct tsn_mail *m = x->m;
    json_t *info = NULL;

    tsn_fault("mail.accepted");
    if (!op->err) {
        info = json_pack("{s:s, s:s, s:b}", "mail", x->first, "sha256", x->row.sha256,
                         "duplicate", x->duplicate);
        if (!x->duplicate && !m->closed)
            tsn_mail_queue(m, x->row.id);
    }
    x->done(op->err, -1, info, op->err ? &op->diag : NULL, x->user);
    json_decref(info);
    tsn_op_destroy(op);
    tsn_mail_op_done(m);
}

void tsn_mail_accept(struct tsn_mail *m, const char *source, const void *p, size_t n,
                     uint64_t whole, tsn_engine_done *done, void *user)
{
    struct accept_op *x;
    struct tsn_diag diag;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1], id[TSN_ULID_LEN + 1], *raw;
    tsn_err err = m->closed ? TSN_ECLOSED : n > TSN_MAIL_BYTES_MAX ? TSN_ETOOBIG : 0;

    tsn_diag_init(&diag);
    if (err) {
        tsn_diag_set(&diag, err, "M022",
                     err == TSN_ECLOSED ? "tocsin is stopping"
                                        : "the mail is larger than 64 MiB");
        done(err, -1, NULL, &diag, user);
        return;
    }
    x = tsn_op_new(sizeof(*x), accept_apply, accept_done, m);
    x->m = m;
    x->done = done;
    x->user = user;
    tsn_sha256_once(hash, p, n);
    tsn_hex(hex, hash, sizeof(hash));
    tsn_id_new(id);
    raw = tsn_arena_alloc(x->op.arena, 4 * ((n + 2) / 3) + 1);
    tsn_base64(raw, p, n);
    x->row = (struct tsn_rec_mail){.id = tsn_arena_strdup(x->op.arena, id),
                                   .sha256 = tsn_arena_strdup(x->op.arena, hex),
                                   .source = tsn_arena_strdup(x->op.arena, source),
                                   .state = "new",
                                   .case_id = "",
                                   .raw = raw,
                                   .size = (int64_t)(whole > n ? whole : n),
                                   .received_at = tsn_clock_wall_ms()};
    m->in_flight++;
    err = tsn_writer_submit(m->cfg.writer, &x->op, TSN_LANE_RUNS);
    if (err) {
        tsn_op_destroy(&x->op);
        tsn_diag_set(&diag, err, "M022", "too busy to take the mail now");
        tsn_diag_hint(&diag, "deliver it again in a moment: nothing was stored");
        done(err, -1, NULL, &diag, user);
        tsn_mail_op_done(m);
    }
}

/* --- a person decides ------------------------------------------------------------------------- */

struct decide_op {
    struct tsn_op op;
    struct tsn_mail *m;
    struct tsn_mail_settle s;
    struct tsn_actor who;
    tsn_engine_done *done;
    void *user;
};

static tsn_err decide_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct decide_op *x = (struct decide_op *)op;

    return tsn_mail_settle(st, op->arena, &x->s, &op->diag);
}

static void decide_done(struct tsn_op *op)
{
    struct decide_op *x = (struct decide_op *)op;
    struct tsn_mail *m = x->m;
    json_t *info = NULL;

    if (!op->err)
        info = json_pack("{s:s, s:s, s:s*}", "mail", x->s.id, "state", x->s.state, "case",
                         x->s.out.rcase.name);
    x->done(op->err, op->err ? -1 : x->s.out.seq, info, op->err ? &op->diag : NULL, x->user);
    if (!op->err)
        tsn_mail_after_settle(m, &x->s);
    json_decref(info);
    tsn_op_destroy(op);
    tsn_intake_release(m->cfg.intake);
    tsn_mail_op_done(m);
}

static const char *const *roles_of(struct tsn_arena *a, const char *const *roles)
{
    size_t n = 0;
    const char **out;

    while (roles && roles[n])
        n++;
    out = tsn_arena_alloc(a, (n + 1) * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = tsn_arena_strdup(a, roles[i]);
    return out; /* zeroed behind them */
}

void tsn_mail_decide(struct tsn_mail *m, const struct tsn_actor *who, const char *mail_id,
                     const char *case_ref, const char *terms, const char *reason,
                     tsn_engine_done *done, void *user)
{
    struct decide_op *x = tsn_op_new(sizeof(*x), decide_apply, decide_done, m);
    struct tsn_arena *a = x->op.arena;
    struct tsn_diag diag;
    tsn_err err;

    x->m = m;
    x->done = done;
    x->user = user;
    x->who.person = tsn_arena_strdup(a, who->person);
    x->who.auth = tsn_arena_strdup(a, who->auth ? who->auth : "none");
    x->who.roles = roles_of(a, who->roles);
    x->s = (struct tsn_mail_settle){.cfg = &m->cfg,
                                    .epoch = tsn_engine_epoch(m->cfg.engine),
                                    .our_key = tsn_arena_strdup(a, m->our_key),
                                    .id = tsn_arena_strdup(a, mail_id),
                                    .by = &x->who,
                                    .case_ref = tsn_arena_strdup(a, case_ref),
                                    .terms = tsn_arena_strdup(a, terms),
                                    .reason = tsn_arena_strdup(a, reason),
                                    .now_ms = tsn_clock_wall_ms()};
    tsn_intake_refresh(m->cfg.intake);
    tsn_intake_hold(m->cfg.intake);
    m->in_flight++;
    err = m->closed ? TSN_ECLOSED : tsn_writer_submit(m->cfg.writer, &x->op, TSN_LANE_RUNS);
    if (err) {
        tsn_diag_init(&diag);
        tsn_diag_set(&diag, err, "M022", "too busy to decide now");
        done(err, -1, NULL, &diag, user);
        tsn_intake_release(m->cfg.intake);
        tsn_op_destroy(&x->op);
        tsn_mail_op_done(m);
    }
}

/* --- lists ------------------------------------------------------------------------------------ */

static json_t *row_json(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_mail *r)
{
    json_t *found = NULL, *out;
    struct tsn_rec_case c = {0};
    char at[25];

    if (r->found)
        (void)tsn_json_parse(r->found, strlen(r->found), &found, NULL);
    if (r->case_id && *r->case_id)
        (void)tsn_store_get(st, arena, &tsn_table_case, r->case_id, &c);
    tsn_time_format(at, r->received_at);
    out = json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:s, s:I, s:s*, s:s*}", "mail", r->id, "state",
                    r->state, "reason", r->reason, "case", c.name, "source", r->source,
                    "received_at", at, "size", (json_int_t)r->size, "from",
                    tsn_json_str(json_object_get(found, "from"), "mail", NULL), "subject",
                    tsn_json_str(found, "subject", NULL));
    if (found) {
        static const char *const kept[] = {"signature", "signer_fpr", "encrypted",
                                           "decryptable", "problems"};

        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
            json_t *v = json_object_get(found, kept[i]);

            if (v)
                json_object_set(out, kept[i], v);
        }
    }
    json_decref(found);
    return out;
}

tsn_err tsn_mail_list(struct tsn_store *st, struct tsn_arena *arena, const char *state,
                      size_t limit, json_t **out)
{
    const struct tsn_filter of = {.column = "state", .cmp = TSN_CMP_EQ, .text = state};
    const struct tsn_list how = {
        .filters = &of, .nfilters = state ? 1 : 0, .descending = true, .limit = limit};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_mail, &how, &list, &n);
    const struct tsn_rec_mail *rows = list;

    *out = json_array();
    tsn_arena_defer(arena, drop_json, *out);
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(*out, row_json(st, arena, &rows[i]));
    return err;
}

/* --- open, close ---------------------------------------------------------------------------- */

struct unread_op {
    struct tsn_op op;
    struct tsn_mail *m;
    void *rows;
    size_t n;
};

static tsn_err unread_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct unread_op *x = (struct unread_op *)op;
    const struct tsn_filter of = {.column = "state", .cmp = TSN_CMP_EQ, .text = "new"};
    const struct tsn_list how = {
        .filters = &of, .nfilters = 1, .limit = UNREAD_MAX, .skip_blobs = true};

    return tsn_store_list(st, op->arena, &tsn_table_mail, &how, &x->rows, &x->n);
}

static void unread_done(struct tsn_op *op)
{
    struct unread_op *x = (struct unread_op *)op;
    struct tsn_mail *m = x->m;
    const struct tsn_rec_mail *rows = x->rows;

    for (size_t i = 0; !op->err && !m->closed && i < x->n; i++)
        tsn_mail_queue(m, rows[i].id);
    if (op->err)
        tsn_log(TSN_LOG_ERROR, "mail.unread_unknown", "error", tsn_err_name(op->err), NULL);
    tsn_op_destroy(op);
    tsn_mail_op_done(m);
}

static void on_our_key(struct tsn_pgp_result *r, void *user)
{
    struct tsn_mail *m = user;

    if (r->ok)
        m->our_key = tsn_buf_take(&r->plain, NULL);
    else
        tsn_log(TSN_LOG_ERROR, "mail.no_key", "code", "M025", "key", m->cfg.our_fpr, NULL);
    tsn_mail_op_done(m);
}

tsn_err tsn_mail_open(struct tsn_mail **out, const struct tsn_mail_intake_config *config,
                      struct tsn_diag *diag)
{
    struct tsn_mail *m = tsn_alloc(sizeof(*m));
    struct unread_op *x;
    tsn_err err;

    *out = NULL;
    m->cfg = *config;
    x = tsn_op_new(sizeof(*x), unread_apply, unread_done, m);
    x->m = m;
    m->in_flight++;
    err = tsn_reader_submit(config->reader, &x->op);
    if (err) {
        tsn_op_destroy(&x->op);
        free(m);
        return tsn_diag_set(diag, err, "M022",
                            "the mails that are not read yet cannot be listed");
    }
    if (config->gnupghome && config->our_fpr) {
        m->in_flight++;
        tsn_pgp_export(config->loop, config->gnupghome, config->our_fpr, on_our_key, m);
    }
    m->maildirs = tsn_alloc((config->ninboxes + 1) * sizeof(*m->maildirs));
    m->imaps = tsn_alloc((config->ninboxes + 1) * sizeof(*m->imaps));
    for (size_t i = 0; i < config->ninboxes; i++) {
        if (config->inboxes[i].maildir)
            m->maildirs[i] = tsn_maildir_open(m, &config->inboxes[i]);
        else
            m->imaps[i] = tsn_imap_inbox_open(m, &config->inboxes[i]);
    }
    *out = m;
    return 0;
}

void tsn_mail_close(struct tsn_mail *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cfg.ninboxes; i++) {
        if (m->maildirs[i])
            tsn_maildir_close(m->maildirs[i]);
        if (m->imaps[i])
            tsn_imap_inbox_close(m->imaps[i]);
    }
    m->closed = true;
    tsn_mail_queue_close(m);
    m->in_flight++;
    tsn_mail_op_done(m);
}
