/* feed_desk.c - what people say of feeds: added, paused, trusted, a storm released; each with who and
 * why in the log, kept over restarts. Loop thread, but for the apply functions (writer thread). */
#include "feed/feed_desk.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"

#define HELD_PAGE 500

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

struct desk_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    const char *what, *name, *person, *auth, *reason;
    const json_t *body; /* the caller's until done */
    const char *definition;
    bool configured; /* the configuration has it */
    int64_t now_ms;
    tsn_engine_done *done;
    void *user;
    /* results */
    struct tsn_rec_feeddesk row;
    int64_t released, dropped, seq;
};

/* --- writer thread ------------------------------------------------------------------------------ */

/* Decisions that the storm held: let through, taken away, or a few of them looked at. */
static tsn_err release_held(struct tsn_store *st, struct desk_op *x)
{
    const char *how = tsn_json_str(x->body, "how", "release");
    int64_t keep = is(how, "drop")     ? 0
                   : is(how, "sample") ? tsn_json_int(x->body, "n", 5)
                                       : INT64_MAX;
    const struct tsn_filter filters[] = {
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "held"},
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->name},
        {.column = "reason", .cmp = TSN_CMP_EQ, .text = "storm"}};
    const struct tsn_list page = {.filters = filters, .nfilters = 3, .limit = HELD_PAGE};
    for (size_t n = HELD_PAGE; n == HELD_PAGE;) {
        struct tsn_arena *a = tsn_arena_new();
        void *list = NULL;
        tsn_err err = tsn_store_list(st, a, &tsn_table_decision, &page, &list, &n);
        struct tsn_rec_decision *rows = list;
        for (size_t i = 0; !err && i < n; i++) {
            bool go = x->released < keep;
            rows[i].state = go ? "open" : "done";
            rows[i].due_at = go ? x->now_ms : 0;
            rows[i].verdict = go ? "" : "drop";
            rows[i].reason = go ? NULL : "dropped with the storm";
            rows[i].by = x->person;
            rows[i].decided_at = go ? 0 : x->now_ms;
            x->released += go;
            x->dropped += !go;
            err = tsn_store_put(st, &tsn_table_decision, &rows[i]);
        }
        tsn_arena_destroy(a);
        if (err) {
            return err;
        }
    }
    x->row.storm = NULL;
    x->row.storm_at = -x->now_ms; /* counting begins anew */
    return 0;
}

/* What is held back is asked for again: its time in the list is forgotten. */
static tsn_err retry(struct tsn_store *st, struct desk_op *x)
{
    const char *path = tsn_json_str(x->body, "path", NULL);
    const struct tsn_filter filters[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->name},
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "quarantined"},
        {.column = "path", .cmp = TSN_CMP_EQ, .text = path ? path : ""}};
    struct tsn_list page = {.filters = filters, .nfilters = path ? 3 : 2, .limit = HELD_PAGE};
    char after[27] = "";
    for (size_t n = HELD_PAGE; n == HELD_PAGE;) {
        struct tsn_arena *a = tsn_arena_new();
        void *list = NULL;
        page.after = *after ? after : NULL;
        tsn_err err = tsn_store_list(st, a, &tsn_table_observation, &page, &list, &n);
        const struct tsn_rec_observation *rows = list;
        for (size_t i = 0; !err && i < n; i++) {
            struct tsn_rec_document d;
            tsn_copy(after, sizeof after, rows[i].id);
            err = tsn_store_find(st, a, &tsn_table_document, "key",
                                 tsn_arena_printf(a, "%s\n%s", x->name, rows[i].path), &d);
            if (!err && d.observation && is(d.observation, rows[i].id)) {
                d.listed = NULL;
                err = tsn_store_put(st, &tsn_table_document, &d);
                x->released++;
            }
            err = err == TSN_ENOTFOUND ? 0 : err;
        }
        tsn_arena_destroy(a);
        if (err) {
            return err;
        }
    }
    return x->released || !path
               ? 0
               : tsn_diag_set(&x->op.diag, TSN_ENOTFOUND, "F145",
                              "%.200s of %.60s is not held back", path, x->name);
}

static tsn_err change(struct tsn_store *st, struct desk_op *x)
{
    if (is(x->what, "pause")) {
        x->row.paused_at = x->now_ms;
        x->row.paused_by = x->person ? x->person : "operator";
    } else if (is(x->what, "resume")) {
        x->row.paused_at = 0;
        x->row.paused_by = NULL;
    } else if (is(x->what, "trust")) {
        x->row.trust = tsn_arena_strdup(x->op.arena, tsn_json_str(x->body, "trust", ""));
    } else if (is(x->what, "release")) {
        return release_held(st, x);
    } else if (is(x->what, "retry")) {
        return retry(st, x);
    } else if (is(x->what, "add")) {
        if (x->configured || x->row.definition) {
            return tsn_diag_set(&x->op.diag, TSN_ECONFLICT, "F142",
                                "there is a feed `%.100s` already", x->name);
        }
        x->row.definition = x->definition;
    } else if (is(x->what, "remove")) {
        if (!x->row.definition) {
            return tsn_diag_set(&x->op.diag, TSN_ECONFLICT, "F142",
                                "the feed `%.100s` is not one that was added", x->name);
        }
        x->row.definition = NULL;
    }
    return 0;
}

static tsn_err desk_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct desk_op *x = (struct desk_op *)op;
    x->released = x->dropped = 0;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_feeddesk, x->name, &x->row);
    if (err == TSN_ENOTFOUND) {
        x->row = (struct tsn_rec_feeddesk){.name = x->name};
        err = 0;
    }
    json_t *args = json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:b}", "feed", x->name, "what", x->what,
                             "reason", x->reason, "trust_before", x->row.trust, "definition",
                             x->definition, "was_paused", x->row.paused_at > 0);
    err = err ? err : change(st, x);
    err = err ? err : tsn_store_put(st, &tsn_table_feeddesk, &x->row);
    if (!err) {
        if (x->row.trust) {
            json_object_set_new(args, "trust", json_string(x->row.trust));
        }
        json_object_set_new(args, "released", json_integer(x->released));
        json_object_set_new(args, "dropped", json_integer(x->dropped));
        const struct tsn_actor by = {.person = x->person, .auth = x->auth};
        err = tsn_feed_entry(st, op->arena, "feed.desk", x->what, &by, json_incref(args),
                             &x->seq);
    }
    json_decref(args);
    return err;
}

/* --- loop thread ---------------------------------------------------------------------------------- */

static struct tsn_feed *feed_of(struct tsn_feeds *feeds, const char *name)
{
    struct tsn_feed *f = feeds->list;
    while (f && strcmp(f->config.name, name) != 0) {
        f = f->next;
    }
    return f;
}

void tsn_feed_desk_take(struct tsn_feed *f, const struct tsn_rec_feeddesk *row)
{
    tsn_copy(f->trusted, sizeof f->trusted, row->trust ? row->trust : "");
    f->paused = row->paused_at > 0;
}

static void desk_done(struct tsn_op *op)
{
    struct desk_op *x = (struct desk_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    struct tsn_feed *f = feed_of(feeds, x->name);
    json_t *info = NULL;
    if (!op->err && !feeds->closing) {
        if (is(x->what, "add")) {
            f = tsn_feed_added(feeds, x->name, x->definition);
        } else if (is(x->what, "remove") && f) {
            f->paused = true; /* it ends with the process; its documents stay */
        }
        if (f && !is(x->what, "remove")) {
            tsn_feed_desk_take(f, &x->row);
        }
        if (f && (is(x->what, "resume") || is(x->what, "add"))) {
            tsn_feed_due(f);
        }
        if (f && is(x->what, "retry")) {
            f->asked_again = true;
            tsn_feed_due(f);
        } else if (x->released) {
            tsn_decide_due(feeds, x->now_ms);
        }
    }
    info = json_pack("{s:s,s:s,s:I,s:I,s:o,s:o}", "feed", x->name, "done", x->what, "released",
                     (json_int_t)x->released, "dropped", (json_int_t)x->dropped, "trust",
                     x->row.trust ? json_string(x->row.trust) : json_null(), "paused",
                     json_boolean(x->row.paused_at > 0));
    x->done(op->err, x->seq, op->err ? NULL : info, op->err ? &op->diag : NULL, x->user);
    json_decref(info);
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void refuse(tsn_engine_done *done, void *user, tsn_err err, const char *code,
                   const char *what, const char *hint)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_diag_set(&d, err, code, "%s", what);
    tsn_diag_hint(&d, "%s", hint);
    done(err, -1, NULL, &d, user);
}

static bool word_in(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (is(word, *list)) {
            return true;
        }
    }
    return false;
}

/* What is wrong with what is asked; NULL = nothing. */
static const char *bad_body(const char *what, const json_t *body)
{
    static const char *const trusts[] = {"vendor", "coordinator", "enrichment", "hint", NULL};
    static const char *const hows[] = {"release", "drop", "sample", NULL};
    if (is(what, "trust") && !word_in(tsn_json_str(body, "trust", ""), trusts)) {
        return "trust must be vendor, coordinator, enrichment or hint";
    }
    if (is(what, "release") && !word_in(tsn_json_str(body, "how", "release"), hows)) {
        return "how must be release, drop or sample";
    }
    return NULL;
}

void tsn_feed_desk(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *what,
                   const char *name, const json_t *body, tsn_engine_done *done, void *user)
{
    struct tsn_feed *f = feed_of(feeds, name);
    const char *bad = bad_body(what, body);
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (!f && !is(what, "add")) {
        refuse(done, user, TSN_ENOTFOUND, "F011", "there is no such feed",
               "`tocsin feed list` names them");
        return;
    }
    if (bad) {
        refuse(done, user, TSN_EINPUT, "F143", bad, "");
        return;
    }
    if (is(what, "add") && tsn_feed_definition(NULL, name, body, NULL, &diag)) {
        done(diag.err, -1, NULL, &diag, user);
        return;
    }
    struct desk_op *x = tsn_op_new(sizeof *x, desk_apply, desk_done, NULL);
    x->feeds = feeds;
    x->what = what;
    x->name = tsn_arena_strdup(x->op.arena, name);
    x->person = tsn_arena_strdup(x->op.arena, who->person);
    x->auth = tsn_arena_strdup(x->op.arena, who->auth ? who->auth : "svc");
    x->reason = tsn_arena_strdup(x->op.arena, tsn_json_str(body, "reason", NULL));
    x->body = body;
    x->definition = is(what, "add") ? tsn_feed_kept(x->op.arena, body) : NULL;
    x->configured = f != NULL;
    x->now_ms = tsn_clock_wall_ms();
    x->done = done;
    x->user = user;
    tsn_feeds_hold(feeds);
    if (tsn_writer_submit(feeds->config.writer, &x->op, TSN_LANE_RUNS)) {
        tsn_op_destroy(&x->op);
        refuse(done, user, TSN_EFULL, "F012", "the store takes nothing now", "try again");
        tsn_feeds_release(feeds);
    }
}

/* --- a person's word on a decision --------------------------------------------------------------- */

struct asked {
    tsn_engine_done *done;
    void *user;
};

static void was_decided(struct tsn_decide_op *x, void *user)
{
    struct asked *a = user;
    json_t *runs = json_array();
    for (size_t i = 0; i < x->event.nruns; i++) {
        json_array_append_new(runs, json_string(x->event.runs[i]));
    }
    json_t *info = json_pack("{s:s,s:s,s:s*,s:o}", "decision", x->id, "verdict",
                             x->said ? x->said : "", "case", x->event.rcase.name, "runs", runs);
    a->done(x->op.err, -1, x->op.err ? NULL : info, x->op.err ? &x->op.diag : NULL, a->user);
    json_decref(info);
    free(a);
}

void tsn_feed_decide(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *id,
                     const char *verdict, const char *reason, tsn_engine_done *done, void *user)
{
    struct tsn_decide_op *x = tsn_decide_new(feeds, id);
    struct tsn_actor by = {.person = tsn_arena_strdup(x->op.arena, who->person),
                           .auth = tsn_arena_strdup(x->op.arena, who->auth),
                           .roles = who->roles};
    struct asked *a = tsn_alloc(sizeof *a);
    static const char *const nobody[] = {NULL};
    by.roles = nobody;
    *a = (struct asked){.done = done, .user = user};
    x->verdict = is(verdict, "run") ? "run" : "drop";
    x->reason = tsn_arena_strdup(x->op.arena, reason);
    x->by = tsn_arena_memdup(x->op.arena, &by, sizeof by);
    x->then = was_decided;
    x->user = a;
    if (!tsn_decide_submit(x, TSN_LANE_RUNS)) {
        free(a);
        refuse(done, user, TSN_EFULL, "F012", "the store takes nothing now", "try again");
    }
}
