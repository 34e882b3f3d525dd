/* decide_lua.c - predicates of rules, asked of a worker of their own: no files, no network, no clock, the
 * budgets of a tool (half a second, 64 MiB), and a wall clock from outside. One question at a time, in order. A worker
 * that dies is asked once more; what fails then is an answer, "why it failed", and the rule holds the
 * decision for a person. Loop thread. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_desk.h"
#include "feed/feed_int.h"
#include "proc/child.h"

#define ANSWER_MS 10000
#define CPU_MS    500

struct ask {
    struct ask *next;
    json_t *names, *request;
    bool again; /* a worker died over it */
    tsn_decide_answered *done;
    void *user;
};

struct tsn_decide_lua {
    struct tsn_feeds *feeds;
    struct tsn_child *child;
    struct tsn_timer *timer;
    struct ask *first, **last;
    bool under_way, late;
    char program[PATH_MAX];
};

static void next(struct tsn_decide_lua *l);

static void answer(struct tsn_decide_lua *l, json_t *answers)
{
    struct ask *a = l->first;
    l->first = a->next;
    l->last = l->first ? l->last : &l->first;
    l->under_way = false;
    tsn_timer_disarm(l->timer);
    a->done(answers, a->user);
    json_decref(answers);
    json_decref(a->names);
    json_decref(a->request);
    free(a);
}

/* All of them failed for the same reason. */
static void failed(struct tsn_decide_lua *l, const char *why)
{
    json_t *out = json_object(), *name;
    size_t i;
    json_array_foreach(l->first->names, i, name)
    {
        json_object_set_new(out, json_string_value(name), json_string(why));
    }
    tsn_log(TSN_LOG_WARN, "feed.predicate_failed", "why", why, NULL);
    answer(l, out);
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_decide_lua *l = user;
    json_t *v = NULL;
    (void)c;
    if (f->type != TSN_FRAME_TOOLED || !l->under_way || l->late ||
        tsn_json_parse(f->payload, f->len, &v, NULL)) {
        return;
    }
    if (tsn_json_bool(v, "ok", false)) {
        answer(l, json_incref(json_object_get(v, "output")));
    } else {
        char why[400];
        const json_t *e = json_object_get(v, "error");
        (void)snprintf(why, sizeof why, "%.300s (%.60s:%d)", tsn_json_str(e, "error", "?"),
                       tsn_json_str(e, "file", ""), (int)tsn_json_int(e, "line", 0));
        failed(l, why);
    }
    json_decref(v);
    next(l);
}

static void on_exit_of(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_decide_lua *l = user;
    struct tsn_feeds *feeds = l->feeds;
    (void)c;
    (void)status;
    (void)signal;
    l->child = NULL;
    if (!feeds->closing && l->under_way) {
        tsn_timer_disarm(l->timer);
        l->under_way = false;
        if (l->late) {
            failed(l, "it took longer than 10 s");
        } else if (l->first->again) {
            failed(l, "its worker ended");
        } else {
            l->first->again = true;
        }
        next(l);
    }
    tsn_feeds_release(feeds);
}

static void on_late(void *user)
{
    struct tsn_decide_lua *l = user;
    l->late = true;
    tsn_child_kill(l->child);
}

static tsn_err start(struct tsn_decide_lua *l)
{
    const char *argv[] = {l->program, NULL};
    const struct tsn_child_config config = {.name = "predicates",
                                            .argv = argv,
                                            .on_frame = on_frame,
                                            .on_exit = on_exit_of,
                                            .user = l};
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (l->child) {
        return 0;
    }
    tsn_err err = tsn_child_find(l->program, sizeof l->program, "tocsin-worker", &diag);
    err = err ? err : tsn_child_start(&l->child, l->feeds->config.loop, &config, &diag);
    if (!err) {
        tsn_feeds_hold(l->feeds);
    }
    return err;
}

static void next(struct tsn_decide_lua *l)
{
    while (l->first && !l->under_way && !l->feeds->closing) {
        char *text = tsn_json_text(l->first->request);
        tsn_err err = start(l);
        err = err ? err : tsn_child_send(l->child, TSN_FRAME_TOOL, text, strlen(text));
        free(text);
        l->late = false;
        if (err) {
            failed(l, "no worker can be started for it");
        } else {
            l->under_way = true;
            tsn_timer_arm(l->timer, ANSWER_MS);
        }
    }
}

static void later(void *user)
{
    struct tsn_decide_lua *l = user;
    struct tsn_feeds *feeds = l->feeds;
    next(l);
    tsn_feeds_release(feeds);
}

struct tsn_decide_lua *tsn_decide_lua_new(struct tsn_feeds *feeds)
{
    struct tsn_decide_lua *l = tsn_alloc(sizeof *l);
    l->feeds = feeds;
    l->last = &l->first;
    l->timer = tsn_timer_new(feeds->config.loop, on_late, l);
    return l;
}

void tsn_decide_lua_stop(struct tsn_decide_lua *l)
{
    if (!l) {
        return;
    }
    tsn_timer_destroy(l->timer);
    if (l->child) {
        tsn_child_kill(l->child);
    }
    for (struct ask *a = l->first, *more; a; a = more) {
        more = a->next;
        a->done(NULL, a->user);
        json_decref(a->names);
        json_decref(a->request);
        free(a);
    }
    l->first = NULL;
}

void tsn_decide_lua_ask(struct tsn_decide_lua *l, const json_t *inputs, json_t *names,
                        tsn_decide_answered *done, void *user)
{
    const struct tsn_decide_config *c = &l->feeds->config.decide;
    struct ask *a = tsn_alloc(sizeof *a);
    a->names = names;
    a->request = json_pack("{s:s,s:i,s:{s:s,s:{s:s},s:O,s:O}}", "tool", "predicates", "cpu_ms",
                           CPU_MS, "input", "file", c->lua_name, "files", c->lua_name, c->lua,
                           "names", names, "inputs", inputs);
    a->done = done;
    a->user = user;
    *l->last = a;
    l->last = &a->next;
    tsn_feeds_hold(l->feeds);
    tsn_loop_later(l->feeds->config.loop, later, l);
}

/* --- a decision that needs answers ---------------------------------------------------------------- */

struct look_op {
    struct tsn_op op;
    struct tsn_decide_op *decide;
    json_t *inputs, *names; /* names NULL: no predicate has a word in it */
    const char *digest;
};

static tsn_err look_read(struct tsn_op *op, struct tsn_store *st)
{
    struct look_op *x = (struct look_op *)op;
    struct tsn_rec_decision row;
    json_t *input = NULL;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_decision, x->decide->id, &row);
    if (!err && tsn_json_parse(row.input, strlen(row.input), &input, NULL) == 0) {
        x->inputs = json_incref(json_object_get(input, "inputs"));
        x->names = tsn_decide_asks(x->decide->decide->rules, x->inputs);
        x->digest = row.digest;
    }
    json_decref(input);
    return 0; /* what is wrong with it the decision itself says */
}

static void hand_over(struct tsn_decide_op *x)
{
    struct tsn_feeds *feeds = x->feeds;
    void (*then)(struct tsn_decide_op *, void *) = x->then;
    void *user = x->user;
    struct tsn_decide_op none = {.op = {.err = TSN_EFULL}};
    if (!feeds->closing && tsn_decide_submit(x, TSN_LANE_BULK)) {
        return;
    }
    if (feeds->closing) {
        tsn_op_destroy(&x->op);
    } else {
        tsn_decide_due(feeds, tsn_clock_wall_ms() + 1000);
    }
    if (then) {
        then(&none, user);
    }
}

static void answered(const json_t *answers, void *user)
{
    struct look_op *look = user;
    struct tsn_decide_op *x = look->decide;
    struct tsn_feeds *feeds = x->feeds;
    x->answers = answers ? tsn_feed_kept(x->op.arena, answers) : NULL;
    x->answers_to = tsn_arena_strdup(x->op.arena, look->digest);
    json_decref(look->inputs);
    tsn_op_destroy(&look->op);
    hand_over(x);
    tsn_feeds_release(feeds);
}

static void looked(struct tsn_op *op)
{
    struct look_op *look = (struct look_op *)op;
    struct tsn_decide_op *x = look->decide;
    struct tsn_feeds *feeds = x->feeds;
    if (look->names && !feeds->closing) {
        tsn_decide_lua_ask(feeds->lua, look->inputs, look->names, answered, look);
        return;
    }
    json_decref(look->names);
    json_decref(look->inputs);
    tsn_op_destroy(op);
    hand_over(x);
    tsn_feeds_release(feeds);
}

bool tsn_decide_ask(struct tsn_decide_op *x)
{
    struct tsn_feeds *feeds = x->feeds;
    struct look_op *look = tsn_op_new(sizeof *look, look_read, looked, NULL);
    look->decide = x;
    tsn_feeds_hold(feeds);
    if (tsn_reader_submit(feeds->config.reader, &look->op) == 0) {
        return true;
    }
    tsn_op_destroy(&look->op);
    tsn_op_destroy(&x->op);
    tsn_feeds_release(feeds);
    return false;
}

/* --- what today's rules would say ----------------------------------------------------------------- */

struct would {
    struct tsn_feeds *feeds;
    json_t *items;
    size_t left;
    void (*done)(void *user);
    void *user;
};
struct would_one {
    struct would *all;
    json_t *item;
};

static void one_less(struct would *w)
{
    if (--w->left == 0) {
        w->done(w->user);
        json_decref(w->items);
        free(w);
    }
}

static void say_one(struct tsn_feeds *feeds, json_t *item, const json_t *answers)
{
    json_t *inputs = json_copy(json_object_get(item, "inputs"));
    if (answers) {
        json_object_set(inputs, "lua", (json_t *)(uintptr_t)answers);
    }
    json_object_set_new(item, "would", tsn_decide_would(feeds->config.decide.rules, inputs));
    json_decref(inputs);
}

static void would_answered(const json_t *answers, void *user)
{
    struct would_one *o = user;
    say_one(o->all->feeds, o->item, answers);
    one_less(o->all);
    free(o);
}

void tsn_feeds_would(struct tsn_feeds *feeds, json_t *items, void (*done)(void *user),
                     void *user)
{
    const json_t *rules = feeds->config.decide.rules;
    struct would *w = tsn_alloc(sizeof *w);
    json_t *item;
    size_t i;
    *w = (struct would){
        .feeds = feeds, .items = json_incref(items), .left = 1, .done = done, .user = user};
    json_array_foreach(items, i, item)
    {
        json_t *inputs = json_object_get(item, "inputs"),
               *names = feeds->lua && !feeds->closing ? tsn_decide_asks(rules, inputs) : NULL;
        if (!names) {
            say_one(feeds, item, NULL);
            continue;
        }
        struct would_one *o = tsn_alloc(sizeof *o);
        *o = (struct would_one){w, item};
        w->left++;
        tsn_decide_lua_ask(feeds->lua, inputs, names, would_answered, o);
    }
    one_less(w);
}
