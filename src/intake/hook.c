/* hook.c - what a checked webhook becomes: a report, or an event of the case that it names.
 * Loop thread, but for apply_hook (writer). */
#include "intake/hook.h"
#include "intake/intake_int.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "intake/foreign.h"

#define EVENT "hook.received"

/* --- reading ------------------------------------------------------------------------------ */

/* A JSON pointer (RFC 6901); NULL = there is nothing. */
static const json_t *at_pointer(struct tsn_arena *arena, const json_t *value, const char *p)
{
    while (value && *p == '/') {
        size_t len = strcspn(++p, "/"), to = 0;
        char *name = tsn_arena_alloc(arena, len + 1);
        for (size_t i = 0; i < len; i++) {
            bool escape = p[i] == '~' && i + 1 < len && (p[i + 1] == '0' || p[i + 1] == '1');
            name[to++] = !escape ? p[i] : p[i + 1] == '0' ? '~' : '/';
            i += escape;
        }
        name[to] = '\0';
        if (json_is_array(value)) {
            int64_t at;
            value =
                tsn_parse_int(name, 0, 999999, &at) ? NULL : json_array_get(value, (size_t)at);
        } else {
            value = json_object_get(value, name);
        }
        p += len;
    }
    return value;
}

/* Inside an object of the report too: { mail: ..., name: /data/user }. */
static json_t *filled(struct tsn_arena *arena, const json_t *wanted, const json_t *payload)
{
    json_t *out = json_object(), *v;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)wanted, name, v)
    {
        const char *text = json_string_value(v);
        const json_t *found = text && text[0] == '/' ? at_pointer(arena, payload, text) : NULL;
        if (!text || text[0] != '/')
            json_object_set(out, name, v);
        else if (found && !json_is_null(found))
            json_object_set_new(out, name, json_deep_copy(found));
    }
    return out;
}

/* Members of a report: a text that begins with / is a pointer into the message. Those it does not
 * have are left out, and the check of reports says what is missing. */
static json_t *report_of(struct tsn_arena *arena, const struct tsn_hook *hook,
                         const json_t *payload)
{
    json_t *out = json_object(), *v;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)hook->report, name, v)
    {
        const char *text = json_string_value(v);
        if (json_is_object(v)) {
            json_t *inner = filled(arena, v, payload);
            if (json_object_size(inner))
                json_object_set(out, name, inner);
            json_decref(inner);
            continue;
        }
        if (!text || text[0] != '/') {
            json_object_set(out, name, v);
            continue;
        }
        const json_t *found = at_pointer(arena, payload, text);
        if (found && !json_is_null(found))
            json_object_set_new(out, name, json_deep_copy(found));
    }
    return out;
}

/* --- an event of a case --------------------------------------------------------------------- */

struct hook_op {
    struct tsn_op op; /* first */
    struct tsn_intake *in;
    const struct tsn_hook *hook;
    const char *source, *id, *ref;
    json_t *body;
    int64_t now_ms, epoch;
    tsn_engine_done *done;
    void *user;
    /* outputs of apply */
    struct tsn_event_out out;
    const char *woken;
    bool placed;
};

static void drop_json(void *p)
{
    json_decref(p);
}

static tsn_err tell_waiting(struct tsn_store *st, struct hook_op *h)
{
    char *text = tsn_json_text(h->body);
    const struct tsn_signal_new signal = {.case_id = h->out.rcase.id,
                                          .event = EVENT,
                                          .body = text,
                                          .actor = "svc:intake",
                                          .cause = h->out.seq + 1};
    struct tsn_signal_out told = {0};
    tsn_err err =
        tsn_signal_put(st, h->op.arena, h->epoch, &signal, h->now_ms, &told, &h->op.diag);
    free(text);
    h->woken = told.woken;
    return err;
}

static tsn_err same_before(struct tsn_store *st, struct hook_op *h, const char *dedupe)
{
    uint8_t hash[TSN_HASH_LEN];
    char digest[2 * TSN_HASH_LEN + 1];
    struct tsn_rec_event old;
    tsn_err err = tsn_store_find(st, h->op.arena, &tsn_table_event, "dedupe", dedupe, &old);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    tsn_json_digest(hash, h->body);
    tsn_hex(digest, hash, sizeof hash);
    if (!old.digest || strcmp(old.digest, digest) != 0) {
        (void)tsn_diag_set(&h->op.diag, TSN_ECONFLICT, "H022",
                           "a message with this id came before with another body");
        return TSN_ECONFLICT;
    }
    return 0;
}

static tsn_err apply_hook(struct tsn_op *op, struct tsn_store *st)
{
    struct hook_op *h = (struct hook_op *)op;
    struct tsn_event_new ev = {
        .source = h->source, .dedupe = h->id, .kind = EVENT, .body = h->body, .quiet = true};
    struct tsn_rec_case c;
    memset(&h->out, 0, sizeof h->out);
    h->woken = NULL;
    h->placed = false;
    tsn_err err = same_before(st, h, tsn_event_dedupe(op->arena, "event", h->source, h->id));
    if (!err)
        err = tsn_store_find(st, op->arena, &tsn_table_case, "name", h->ref, &c);
    if (err == TSN_ENOTFOUND || (!err && strcmp(c.state, "open") != 0))
        return 0; /* nothing is stored: it may be of another's case */
    if (err)
        return err;
    ev.case_id = c.id;
    h->placed = true;
    err = tsn_event_accept(st, op->arena, h->in, &ev, h->now_ms, &h->out, &op->diag);
    if (!err && !h->out.duplicate)
        err = tell_waiting(st, h);
    return err;
}

static void hook_done(struct tsn_op *op)
{
    struct hook_op *h = (struct hook_op *)op;
    struct tsn_intake *in = h->in;
    json_t *info = json_object(), *runs = json_array();
    if (h->placed) {
        json_object_set_new(info, "case", json_string(h->out.rcase.name));
        for (size_t i = 0; i < h->out.nruns; i++)
            json_array_append_new(runs, json_string(h->out.runs[i]));
    } else {
        json_object_set_new(info, "case", json_null());
    }
    json_object_set_new(info, "runs", runs);
    json_object_set_new(info, "duplicate", json_boolean(h->out.duplicate));
    if (!op->err)
        tsn_log(TSN_LOG_INFO, h->placed ? "hook.received" : "hook.unplaced", "hook",
                h->hook->name, "case", h->placed ? h->out.rcase.name : NULL, NULL);
    h->done(op->err, op->err || !h->placed ? -1 : h->out.seq, info, op->err ? &op->diag : NULL,
            h->user);
    json_decref(info);
    for (size_t i = 0; !op->err && i < h->out.nwake; i++)
        if (!in->closed && in->config.engine)
            tsn_engine_wake(in->config.engine, h->out.wake[i]);
    if (!op->err && h->woken && !in->closed && in->config.engine)
        tsn_engine_wake(in->config.engine, h->woken);
    tsn_op_destroy(op);
    tsn_intake_release(in);
}

static void submit(struct tsn_intake *in, const struct tsn_hook *hook,
                   const struct tsn_hook_seen *seen, const char *source, const json_t *payload,
                   tsn_engine_done *done, void *user)
{
    struct hook_op *h = tsn_op_new(sizeof *h, apply_hook, hook_done, user);
    struct tsn_arena *arena = h->op.arena;
    const char *ref = json_string_value(at_pointer(arena, payload, hook->case_at));
    h->in = in;
    h->hook = hook;
    h->source = tsn_arena_strdup(arena, source);
    h->id = tsn_arena_strdup(arena, seen->id);
    h->ref = tsn_arena_strdup(arena, ref ? ref : "");
    h->now_ms = tsn_clock_wall_ms();
    h->epoch = in->config.engine ? tsn_engine_epoch(in->config.engine) : 0;
    h->done = done;
    h->user = user;
    h->body = json_pack("{s:s, s:s, s:s, s:O}", "hook", hook->name, "type", seen->type, "id",
                        seen->id, "payload", (json_t *)(uintptr_t)payload);
    tsn_arena_defer(arena, drop_json, h->body);
    tsn_intake_hold(in);
    tsn_err err = tsn_writer_submit(in->config.writer, &h->op, TSN_LANE_RUNS);
    if (err) {
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        tsn_intake_release(in);
        tsn_op_destroy(&h->op);
        (void)tsn_diag_set(&diag, err, "H025", "too busy to take the message now");
        done(err, -1, NULL, &diag, user);
    }
}

/* --- a report of a known system ------------------------------------------------------------- */

static void dropped(const struct tsn_hook *hook, const char *why, tsn_engine_done *done,
                    void *user)
{
    json_t *info = json_pack("{s:n, s:[], s:b}", "case", "runs", "duplicate", 0);
    tsn_log(TSN_LOG_INFO, "hook.dropped", "hook", hook->name, "why", why, NULL);
    done(0, -1, info, NULL, user);
    json_decref(info);
}

static void take_foreign(struct tsn_intake *in, const struct tsn_actor *actor,
                         const struct tsn_hook *hook, const struct tsn_hook_seen *seen,
                         const char *source, const json_t *value, tsn_engine_done *done,
                         void *user)
{
    struct tsn_diag diag;
    json_t *row = NULL;
    const char *key, *skipped;
    tsn_diag_init(&diag);
    if (tsn_foreign_report(value, &row, &key, &skipped) != 0) {
        (void)tsn_diag_set(&diag, TSN_EINPUT, "H084", "there is no report of a known system");
        done(TSN_EINPUT, -1, NULL, &diag, user);
    } else if (skipped) {
        dropped(hook, skipped, done, user);
    } else {
        tsn_intake_report(in, actor, source, seen->id, json_object_get(row, "report"), done,
                          user);
    }
    json_decref(row);
}

static bool wanted(const struct tsn_hook *hook, const char *type)
{
    for (const char *const *t = hook->types; t && *t; t++)
        if (strcmp(*t, type) == 0)
            return true;
    return hook->types == NULL;
}

/* --- the way in ------------------------------------------------------------------------------ */

void tsn_hook_take(struct tsn_intake *in, const struct tsn_hook *hook,
                   const struct tsn_hook_seen *seen, const char *body, size_t len,
                   tsn_engine_done *done, void *user)
{
    static const struct tsn_actor actor = {.auth = "hook"};
    struct tsn_arena *arena = tsn_arena_new();
    const char *source = tsn_arena_printf(arena, "hook:%s", hook->name);
    struct tsn_diag diag;
    json_t *payload = NULL;
    tsn_diag_init(&diag);
    tsn_err err = tsn_json_parse(body, len, &payload, &diag);
    if (!err && !json_is_object(payload))
        err = TSN_EINPUT;
    if (err) {
        (void)tsn_diag_set(&diag, TSN_EINPUT, "H084", "the body is not a JSON object");
        done(TSN_EINPUT, -1, NULL, &diag, user);
    } else if (!wanted(hook, seen->type)) {
        dropped(hook, seen->type, done, user);
    } else if (hook->foreign_at) {
        take_foreign(in, &actor, hook, seen, source,
                     at_pointer(arena, payload, hook->foreign_at), done, user);
    } else if (hook->report) {
        json_t *report = report_of(arena, hook, payload);
        tsn_intake_report(in, &actor, source, seen->id, report, done, user);
        json_decref(report);
    } else {
        tsn_intake_refresh(in);
        if (tsn_intake_known(in))
            submit(in, hook, seen, source, payload, done, user);
        else
            done(TSN_EBUSY, -1, NULL,
                 (tsn_diag_set(&diag, TSN_EBUSY, "H025", "tocsin is still starting"), &diag),
                 user);
    }
    json_decref(payload);
    tsn_arena_destroy(arena);
}
