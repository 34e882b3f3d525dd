/* workshop.c - requests to a worker, one at a time (see workshop.h). Owns its loop and the child. */
#include "author/workshop.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/child.h"

#define ANSWER_MS 20000

struct tsn_workshop {
    struct tsn_loop *loop;
    struct tsn_timer *timer;
    struct tsn_child *child; /* NULL = not running */
    char program[PATH_MAX];
    uint64_t wanted; /* bits of the frame types that answer */
    uint8_t type;
    json_t *wants; /* collected while playing; NULL = not */
    json_t *answer;
    bool waiting, late, gone;
};

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_workshop *w = user;

    (void)c;
    if (w->waiting && w->wants && f->type == TSN_FRAME_WANT) {
        json_t *want = NULL;
        if (tsn_json_parse(f->payload, f->len, &want, NULL) == 0)
            json_array_append_new(w->wants, want);
        return;
    }
    if (!w->waiting || f->type > 63 || !(w->wanted & UINT64_C(1) << f->type) || w->answer)
        return;
    if (tsn_json_parse(f->payload, f->len, &w->answer, NULL))
        return;
    w->type = f->type;
    tsn_loop_stop(w->loop);
}

static void on_exit_of(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_workshop *w = user;

    (void)c;
    (void)status;
    (void)signal;
    w->child = NULL;
    w->gone = true;
    if (w->waiting)
        tsn_loop_stop(w->loop);
}

static void on_late(void *user)
{
    struct tsn_workshop *w = user;

    w->late = true;
    tsn_loop_stop(w->loop);
}

tsn_err tsn_workshop_open(struct tsn_workshop **out, struct tsn_diag *diag)
{
    struct tsn_workshop *w = tsn_alloc(sizeof(*w));
    tsn_err err = tsn_child_find(w->program, sizeof(w->program), "tocsin-worker", diag);

    if (!err)
        err = tsn_loop_open(&w->loop);
    if (err) {
        free(w);
        return err;
    }
    w->timer = tsn_timer_new(w->loop, on_late, w);
    *out = w;
    return 0;
}

void tsn_workshop_close(struct tsn_workshop *w)
{
    if (!w)
        return;
    w->waiting = false;
    tsn_timer_destroy(w->timer);
    if (w->child)
        tsn_child_kill(w->child);
    tsn_loop_run(w->loop); /* until the child has been reaped */
    tsn_loop_close(w->loop);
    free(w);
}

static tsn_err start(struct tsn_workshop *w, struct tsn_diag *diag)
{
    const char *argv[] = {w->program, NULL};
    const struct tsn_child_config config = {.name = "author's worker",
                                            .argv = argv,
                                            .on_frame = on_frame,
                                            .on_exit = on_exit_of,
                                            .user = w};

    return w->child ? 0 : tsn_child_start(&w->child, w->loop, &config, diag);
}

/* Takes `request`. */
static tsn_err ask(struct tsn_workshop *w, uint8_t type, json_t *request, uint64_t answers,
                   json_t **out, struct tsn_diag *diag)
{
    char *text = tsn_json_text(request);
    tsn_err err = start(w, diag);

    json_decref(request);
    w->answer = NULL;
    w->wanted = answers;
    w->late = w->gone = false;
    if (!err)
        err = tsn_child_send(w->child, type, text, strlen(text));
    free(text);
    if (err)
        return err;
    w->waiting = true;
    tsn_timer_arm(w->timer, ANSWER_MS);
    tsn_loop_run(w->loop);
    tsn_timer_disarm(w->timer);
    w->waiting = false;
    if (w->answer) {
        *out = w->answer;
        return 0;
    }
    if (w->late && w->child)
        tsn_child_kill(w->child);
    return tsn_diag_set(diag, TSN_EKILLED, "R022", "%s",
                        w->late ? "looking at it took too long: it loops"
                                : "it ends the worker");
}

tsn_err tsn_workshop_describe(struct tsn_workshop *w, const char *file, const json_t *bundle,
                              json_t **out, struct tsn_diag *diag)
{
    json_t *request = json_object();

    json_object_set_new(request, "file", json_string(file));
    json_object_set_new(request, "bundle", json_deep_copy(bundle));
    return ask(w, TSN_FRAME_DESCRIBE, request, UINT64_C(1) << TSN_FRAME_DESCRIBED, out, diag);
}

tsn_err tsn_workshop_tool(struct tsn_workshop *w, const char *tool, const json_t *input,
                          json_t **out, struct tsn_diag *diag)
{
    json_t *request = json_object(), *answer = NULL;

    json_object_set_new(request, "tool", json_string(tool));
    json_object_set_new(request, "input", json_deep_copy(input));
    tsn_err err =
        ask(w, TSN_FRAME_TOOL, request, UINT64_C(1) << TSN_FRAME_TOOLED, &answer, diag);
    if (err)
        return err;
    if (tsn_json_bool(answer, "ok", false)) {
        *out = json_incref(json_object_get(answer, "output"));
    } else {
        const json_t *error = json_object_get(answer, "error");
        err = tsn_diag_set(diag, TSN_EINPUT, tsn_json_str(error, "code", "L209"), "%s",
                           tsn_json_str(error, "error", "the tool failed"));
        tsn_diag_at(diag, tsn_json_str(error, "file", ""), (int)tsn_json_int(error, "line", 0),
                    0);
    }
    json_decref(answer);
    return err;
}

tsn_err tsn_workshop_play(struct tsn_workshop *w, uint8_t type, json_t *payload, json_t **wants,
                          uint8_t *type_out, json_t **frame, struct tsn_diag *diag)
{
    const uint64_t answers = UINT64_C(1) << TSN_FRAME_IDLE | UINT64_C(1) << TSN_FRAME_ENDED |
                             UINT64_C(1) << TSN_FRAME_FAILED |
                             UINT64_C(1) << TSN_FRAME_DIVERGED;

    *frame = NULL;
    *wants = w->wants = json_array();
    tsn_err err = ask(w, type, payload, answers, frame, diag);
    w->wants = NULL;
    *type_out = err ? 0 : w->type;
    if (!err && w->type == TSN_FRAME_IDLE) {
        json_decref(*frame);
        *frame = NULL;
    }
    if (err) {
        json_decref(*wants);
        *wants = NULL;
    }
    return err;
}
