/* resident.c - one run in this worker (see resident.h). */
#include "worker/resident.h"

#include <stdlib.h>
#include <string.h>
#include "core/frame.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "journal/journal.h"
#include "worker/box.h"
#include "worker/box_value.h"

/* Tools look at whole files, and nobody's run waits behind them. */
#define TOOL_CPU_MS 5000
#define TOOL_MEMORY ((size_t)64 << 20)

/* Something the core must hear of, unless the record knows of it. */
struct held {
    struct held *next;
    enum tsn_box_word word;
    char path[TSN_PATH_MAX + 1];
    json_t *frame;
};

struct tsn_resident {
    char *run;
    struct tsn_box *box;
    struct tsn_journal *journal;
    struct held *held, **held_end; /* to be said once the record is used up */
    int64_t replayed;
    int line; /* of the last step wanted */
    tsn_worker_emit *emit;
    void *user;
};

static json_t *about(const char *run)
{
    json_t *v = json_object();
    json_object_set_new(v, "run", json_string(run));
    return v;
}

static void put_text(json_t *v, const char *key, const char *text)
{
    if (text[0])
        json_object_set_new(v, key, tsn_worker_text(text));
}

/* --- what goes out -------------------------------------------------------------------------- */

static void send_error(json_t *v, const struct tsn_box_error *e)
{
    json_object_set_new(v, "code", json_string(e->code));
    json_object_set_new(v, "error", tsn_worker_text(e->text));
    json_object_set_new(v, "file", tsn_worker_text(e->file));
    json_object_set_new(v, "line", json_integer(e->line));
    if (e->col)
        json_object_set_new(v, "col", json_integer(e->col));
    put_text(v, "hint", e->hint);
    put_text(v, "source", e->source);
}

static void emit_failed(struct tsn_resident *r, const struct tsn_box_error *e)
{
    json_t *v = about(r->run);
    send_error(v, e);
    json_object_set_new(v, "traceback", tsn_worker_text(e->traceback));
    json_object_set_new(v, "killed", json_boolean(e->killed));
    r->emit(r->user, TSN_FRAME_FAILED, v);
}

/* What the core sent does not fit what stands here: not the playbook's fault, so `killed`, and the
 * run may be loaded again from the record. */
static void emit_confused(struct tsn_resident *r, const char *text)
{
    struct tsn_box_error e = {.killed = true};
    tsn_copy(e.code, sizeof e.code, "R029");
    tsn_copy(e.text, sizeof e.text, text);
    emit_failed(r, &e);
}

static json_t *side(enum tsn_jkind kind, const char *name, const uint8_t fp[32])
{
    char hex[65];
    json_t *v = json_object();
    tsn_hex(hex, fp, 32);
    json_object_set_new(v, "kind", json_string(tsn_jkind_name(kind)));
    json_object_set_new(v, "name", tsn_worker_text(name));
    json_object_set_new(v, "fp", json_string(hex));
    return v;
}

static void emit_diverged(struct tsn_resident *r, const char *path,
                          const struct tsn_jitem *recorded, const struct tsn_jrequest *asked,
                          int line)
{
    json_t *v = about(r->run);
    json_object_set_new(v, "path", json_string(path));
    json_object_set_new(v, "recorded",
                        recorded ? side(recorded->kind, recorded->name, recorded->fp)
                                 : json_null());
    json_object_set_new(v, "asked",
                        asked ? side(asked->kind, asked->name, asked->fp) : json_null());
    json_object_set_new(v, "line", json_integer(line));
    r->emit(r->user, TSN_FRAME_DIVERGED, v);
}

static void hold(struct tsn_resident *r, enum tsn_box_word word, const char *path, json_t *v)
{
    struct held *h = tsn_alloc(sizeof *h);

    h->word = word;
    tsn_copy(h->path, sizeof h->path, path);
    h->frame = v;
    json_object_set_new(v, "run", json_string(r->run));
    json_object_set_new(v, "path", json_string(path));
    if (!r->held_end)
        r->held_end = &r->held;
    *r->held_end = h;
    r->held_end = &h->next;
}

static void held_free(struct tsn_resident *r)
{
    struct held *h;

    while ((h = r->held) != NULL) {
        r->held = h->next;
        json_decref(h->frame);
        free(h);
    }
    r->held_end = NULL;
}

static void hold_want(struct tsn_resident *r, const struct tsn_box_want *w,
                      const struct tsn_jrequest *req)
{
    char hex[65];
    json_t *v = json_object();
    tsn_hex(hex, req->fp, 32);
    json_object_set_new(v, "kind", json_string(tsn_jkind_name(w->kind)));
    json_object_set_new(v, "name", tsn_worker_text(w->name));
    json_object_set(v, "args", w->args);
    json_object_set(v, "opts", w->opts);
    json_object_set_new(v, "fp", json_string(hex));
    json_object_set_new(v, "line", json_integer(w->line));
    hold(r, TSN_BOX_WANT, req->path, v);
}

static void emit_idle(struct tsn_resident *r)
{
    json_t *v = about(r->run);
    json_object_set_new(v, "replayed", json_integer(r->replayed));
    r->emit(r->user, TSN_FRAME_IDLE, v);
}

static void log_line(void *user, const char *level, const char *text)
{
    struct tsn_resident *r = user;
    json_t *v = about(r->run);
    json_object_set_new(v, "level", json_string(level));
    json_object_set_new(v, "text", tsn_worker_text(text));
    r->emit(r->user, TSN_FRAME_LOG, v);
}

/* patched(id): nothing on record here means that this code is the first to come by; else the record
 * says which code came by. */
static bool patched(void *user, const char *path, const char *id)
{
    const struct tsn_resident *r = user;
    const struct tsn_jitem *it = tsn_journal_at(r->journal, path);
    json_t *args;
    uint8_t fp[32];

    if (!it)
        return true;
    args = json_pack("{s:s}", "id", id);
    tsn_json_digest(fp, args);
    json_decref(args);
    return it->kind == TSN_J_CALL && strcmp(it->name, "run.patched") == 0 &&
           memcmp(it->fp, fp, sizeof fp) == 0;
}

/* --- going on -------------------------------------------------------------------------------- */

static enum tsn_box_state hand_over(struct tsn_resident *r, const struct tsn_jitem *it)
{
    json_t *result = NULL;
    struct tsn_diag diag;
    tsn_box_set_replaying(r->box, !tsn_journal_caught_up(r->journal));
    tsn_diag_init(&diag);
    if (tsn_json_parse(it->result, strlen(it->result), &result, &diag))
        result = json_null();
    enum tsn_box_state state = tsn_box_resume(r->box, it->path, it->outcome, result, it->at_ms);
    json_decref(result);
    return state;
}

/* An error of the playbook. When the record goes on behind it, the first life came past this place: it
 * is the replay that went another way (a connector that is gone, say), not the playbook that failed. */
static void failed(struct tsn_resident *r)
{
    const struct tsn_box_error *e = tsn_box_error(r->box);
    const struct tsn_jitem *left = tsn_journal_unasked(r->journal);
    if (!left || e->killed) {
        emit_failed(r, e);
        return;
    }
    json_t *v = about(r->run);
    json_object_set_new(v, "path", json_string(left->path));
    json_object_set_new(v, "recorded", side(left->kind, left->name, left->fp));
    json_object_set_new(v, "asked", json_null());
    json_object_set_new(v, "line", json_integer(e->line));
    json_object_set_new(v, "code", json_string(e->code));
    json_object_set_new(v, "error", tsn_worker_text(e->text));
    r->emit(r->user, TSN_FRAME_DIVERGED, v);
}

static void ended(struct tsn_resident *r)
{
    const struct tsn_jitem *left = tsn_journal_unasked(r->journal);
    if (left) {
        emit_diverged(r, left->path, left, NULL, 0);
        return;
    }
    json_t *v = about(r->run);
    json_object_set(v, "result", tsn_value_unconst(tsn_box_result(r->box)));
    r->emit(r->user, TSN_FRAME_ENDED, v);
}

/* A step that Lua wants, against the record. False: diverged, and said so. */
static bool take_want(struct tsn_resident *r, const struct tsn_box_want *w)
{
    struct tsn_jrequest req = {.path = w->path, .kind = w->kind, .name = w->name};
    const struct tsn_jitem *recorded = NULL;

    r->line = w->line;
    tsn_json_digest(req.fp, w->args);
    switch (tsn_journal_ask(r->journal, &req, &recorded)) {
    case TSN_J_DIVERGED:
        emit_diverged(r, w->path, recorded, &req, w->line);
        return false;
    case TSN_J_NEW:
        hold_want(r, w, &req);
        return true;
    case TSN_J_PENDING:
    case TSN_J_REPLAYED:
        return true;
    }
    return true;
}

static bool take_events(struct tsn_resident *r)
{
    const struct tsn_box_event *e;

    while ((e = tsn_box_take(r->box)) != NULL) {
        json_t *v;

        switch (e->word) {
        case TSN_BOX_WANT:
            if (!take_want(r, &e->want))
                return false;
            break;
        case TSN_BOX_JOINED:
            v = json_object();
            json_object_set_new(v, "outcome", json_string(e->outcome));
            json_object_set(v, "result", e->result);
            hold(r, e->word, e->want.path, v);
            break;
        case TSN_BOX_DISMISSED:
            hold(r, e->word, e->want.path, json_object());
            break;
        }
    }
    return true;
}

/* The record is used up: what is new goes to the core. False: the record goes on elsewhere. */
static bool say_all(struct tsn_resident *r)
{
    static const uint8_t types[] = {[TSN_BOX_WANT] = TSN_FRAME_WANT,
                                    [TSN_BOX_JOINED] = TSN_FRAME_JOINED,
                                    [TSN_BOX_DISMISSED] = TSN_FRAME_DISMISS};
    const struct tsn_jitem *left = tsn_journal_unasked(r->journal);

    if (left) {
        struct held *h = r->held;

        while (h && h->word != TSN_BOX_WANT)
            h = h->next;
        json_t *v = about(r->run);
        json_object_set_new(v, "path", json_string(h ? h->path : left->path));
        json_object_set_new(v, "recorded", side(left->kind, left->name, left->fp));
        json_object_set_new(v, "asked", json_null());
        if (h) {
            json_t *asked = json_object();
            json_object_set(asked, "kind", json_object_get(h->frame, "kind"));
            json_object_set(asked, "name", json_object_get(h->frame, "name"));
            json_object_set(asked, "fp", json_object_get(h->frame, "fp"));
            json_object_set_new(v, "asked", asked);
        }
        json_object_set_new(v, "line", json_integer(h ? tsn_json_int(h->frame, "line", 0) : 0));
        r->emit(r->user, TSN_FRAME_DIVERGED, v);
        return false;
    }
    for (struct held *h = r->held; h; h = h->next) {
        if (!h->frame || (h->word != TSN_BOX_WANT && tsn_journal_settled(r->journal, h->path)))
            continue;
        r->emit(r->user, types[h->word], h->frame);
        h->frame = NULL;
    }
    held_free(r);
    emit_idle(r);
    return true;
}

/* From what Lua did last to where it must wait for the core. False: the run is over here. */
static bool go_on(struct tsn_resident *r, enum tsn_box_state state)
{
    for (;;) {
        if (state == TSN_BOX_FAILED) {
            failed(r);
            return false;
        }
        if (!take_events(r))
            return false;
        if (state == TSN_BOX_ENDED) {
            ended(r);
            return false;
        }
        const struct tsn_jitem *it = tsn_journal_next(r->journal);
        if (!it)
            return say_all(r);
        r->replayed++;
        state = hand_over(r, it);
    }
}

/* --- coming in ------------------------------------------------------------------------------- */

static tsn_err read_item(const json_t *v, struct tsn_jitem *it, struct tsn_arena *arena)
{
    const char *fp = tsn_json_str(v, "fp", ""), *state = tsn_json_str(v, "state", "");
    const json_t *result = json_object_get(v, "result");

    memset(it, 0, sizeof *it);
    it->path = tsn_json_str(v, "path", "");
    it->name = tsn_json_str(v, "name", "");
    it->at_ms = tsn_json_int(v, "at_ms", 0);
    if (tsn_jkind_parse(tsn_json_str(v, "kind", ""), &it->kind) ||
        tsn_unhex(it->fp, sizeof it->fp, fp, strlen(fp)))
        return TSN_EINPUT;
    if (strcmp(state, "intended") == 0) {
        it->state = TSN_J_INTENDED;
        return 0;
    }
    if (strcmp(state, "settled") != 0)
        return TSN_EINPUT;
    it->state = TSN_J_SETTLED;
    it->deliver_no = tsn_json_int(v, "deliver_no", 0);
    it->outcome = tsn_json_str(v, "outcome", NULL);
    if (result) {
        char *text = tsn_json_text(result);
        it->result = tsn_arena_strdup(arena, text);
        free(text);
    }
    return 0;
}

static tsn_err read_items(struct tsn_resident *r, const json_t *items)
{
    struct tsn_arena *arena = tsn_arena_new();
    size_t n = json_array_size(items);
    struct tsn_jitem *list = tsn_arena_alloc(arena, (n + 1) * sizeof *list);
    tsn_err err = 0;

    for (size_t i = 0; i < n && !err; i++)
        err = read_item(json_array_get(items, i), &list[i], arena);
    if (!err)
        err = tsn_journal_new(&r->journal, list, n);
    tsn_arena_destroy(arena);
    return err;
}

static bool bundle_ok(const json_t *bundle)
{
    const json_t *files = json_object_get(bundle, "files"), *source;
    const char *name;
    if (!tsn_json_str(bundle, "main", NULL) || !json_is_object(files))
        return false;
    json_object_foreach(tsn_value_unconst(files), name, source)
    {
        if (!json_is_string(source))
            return false;
    }
    return true;
}

static void read_config(struct tsn_box_config *c, const json_t *frame)
{
    const json_t *bundle = json_object_get(frame, "bundle");
    int64_t memory = tsn_json_int(frame, "memory", 0), cpu = tsn_json_int(frame, "cpu_ms", 0);
    memset(c, 0, sizeof *c);
    c->files = json_object_get(bundle, "files");
    c->main = tsn_json_str(bundle, "main", "");
    c->seed = tsn_json_str(frame, "seed", "");
    c->started_ms = tsn_json_int(frame, "started_at", 0);
    c->memory_bytes = memory > 0 && memory <= INT64_C(1) << 30 ? (size_t)memory : 0;
    c->author = tsn_json_bool(frame, "spec", false);
    c->dry = tsn_json_bool(frame, "dry", false);
    c->cpu_ms = cpu > 0 && cpu <= 60000 ? cpu : 0;
}

tsn_err tsn_resident_open(struct tsn_resident **out, const json_t *load, tsn_worker_emit *emit,
                          void *user)
{
    const char *run = tsn_json_str(load, "run", NULL);
    const json_t *input = json_object_get(load, "input");
    const json_t *connectors = json_object_get(load, "connectors");
    struct tsn_box_config config;
    bool stays = false;

    *out = NULL;
    if (!run || !run[0] || !bundle_ok(json_object_get(load, "bundle")) ||
        (connectors && !json_is_object(connectors)))
        return TSN_EINPUT;
    struct tsn_resident *r = tsn_alloc(sizeof *r);
    r->run = tsn_strdup(run);
    r->emit = emit;
    r->user = user;
    json_t *none = json_object();
    read_config(&config, load);
    config.connectors = connectors ? connectors : none;
    config.log = log_line;
    config.patched = patched;
    config.user = r;
    emit(user, TSN_FRAME_BEGAN, about(run));
    if (tsn_json_int(load, "level", 1) != 1) {
        emit_confused(r, "made for another engine level than this worker knows");
    } else if (read_items(r, json_object_get(load, "items"))) {
        emit_confused(r, "the record of this run contradicts itself");
    } else if (tsn_box_open(&r->box, &config)) {
        failed(r);
    } else {
        tsn_box_set_replaying(r->box, !tsn_journal_caught_up(r->journal));
        stays = go_on(r, tsn_box_start(r->box, json_object_get(load, "case"),
                                       json_object_get(input, "event"),
                                       json_object_get(input, "state")));
    }
    json_decref(none);
    if (stays)
        *out = r;
    else
        tsn_resident_close(r);
    return 0;
}

void tsn_resident_close(struct tsn_resident *r)
{
    if (!r)
        return;
    held_free(r);
    tsn_box_close(r->box);
    tsn_journal_destroy(r->journal);
    free(r->run);
    free(r);
}

const char *tsn_resident_run(const struct tsn_resident *r)
{
    return r->run;
}

bool tsn_resident_deliver(struct tsn_resident *r, const json_t *frame)
{
    const json_t *result = json_object_get(frame, "result");
    const char *path = tsn_json_str(frame, "path", ""),
               *outcome = tsn_json_str(frame, "outcome", "");
    char *text = result ? tsn_json_text(result) : NULL;
    tsn_err err = tsn_journal_settle(r->journal, path, tsn_json_int(frame, "deliver_no", 0),
                                     tsn_json_int(frame, "at_ms", 0), outcome, text);
    free(text);
    r->emit(r->user, TSN_FRAME_BEGAN, about(r->run));
    if (err || !outcome[0]) {
        emit_confused(r, "an outcome came for a step that does not wait for one");
        return false;
    }
    const struct tsn_jitem *it = tsn_journal_next(r->journal);
    if (!it) {
        emit_confused(r, "an outcome came out of turn");
        return false;
    }
    return go_on(r, hand_over(r, it));
}

void tsn_resident_cancel(struct tsn_resident *r, const char *reason)
{
    struct tsn_box_error e = {.line = r->line};
    /* Between two activations the playbook waits in a step. What an uncatchable error would do
     * there is nothing (no handler of the author runs), so the state is simply given up. */
    tsn_copy(e.code, sizeof e.code, "R030");
    tsn_copy(e.text, sizeof e.text, reason && reason[0] ? reason : "cancelled");
    emit_failed(r, &e);
}

tsn_err tsn_resident_describe(const json_t *frame, tsn_worker_emit *emit, void *user)
{
    const char *file = tsn_json_str(frame, "file", NULL);
    struct tsn_box_config config;
    struct tsn_box *box;

    if (!file || !bundle_ok(json_object_get(frame, "bundle")))
        return TSN_EINPUT;
    read_config(&config, frame);
    json_t *v = json_object(), *error;
    json_object_set_new(v, "file", tsn_worker_text(file));
    if (tsn_box_open(&box, &config)) {
        error = json_object();
        send_error(error, tsn_box_error(box));
        json_object_set_new(v, "ok", json_false());
        json_object_set_new(v, "error", error);
    } else {
        json_object_set_new(v, "ok", json_true());
        json_object_set_new(v, "meta", tsn_box_meta(box));
    }
    tsn_box_close(box);
    emit(user, TSN_FRAME_DESCRIBED, v);
    return 0;
}

tsn_err tsn_resident_tool(const json_t *frame, tsn_worker_emit *emit, void *user)
{
    const char *name = tsn_json_str(frame, "tool", NULL);
    const json_t *input = json_object_get(frame, "input");
    int64_t cpu_ms = tsn_json_int(frame, "cpu_ms", TOOL_CPU_MS);
    struct tsn_box_config config = {.author = true,
                                    .cpu_ms = cpu_ms > 0 && cpu_ms < TOOL_CPU_MS ? cpu_ms
                                                                                 : TOOL_CPU_MS,
                                    .memory_bytes = TOOL_MEMORY,
                                    .files = json_object_get(input, "files")};
    struct tsn_box *box;
    json_t *v = json_object(), *out = NULL;

    if (!name) {
        json_decref(v);
        return TSN_EINPUT;
    }
    tsn_err err = tsn_box_open(&box, &config);
    if (!err)
        err = tsn_box_tool(box, name, input, &out);
    json_object_set_new(v, "tool", tsn_worker_text(name));
    json_object_set_new(v, "ok", json_boolean(!err));
    if (err) {
        json_t *error = json_object();
        send_error(error, tsn_box_error(box));
        json_object_set_new(v, "error", error);
    } else {
        json_object_set_new(v, "output", out);
    }
    tsn_box_close(box);
    emit(user, TSN_FRAME_TOOLED, v);
    return 0;
}
