/* worker.c - dispatch of frames to resident runs (see worker.h). */
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/frame.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "worker/box_value.h"
#include "worker/resident.h"

struct tsn_worker {
    struct tsn_resident **runs; /* no order; a few hundred at most */
    size_t n, cap;
    struct tsn_buf in;
    void (*write)(void *user, const void *p, size_t n);
    void *user;
};

static void emit(void *user, uint8_t type, json_t *payload)
{
    struct tsn_worker *w = user;
    struct tsn_buf text, frame;

    tsn_buf_init(&text, TSN_FRAME_MAX - 16);
    tsn_buf_init(&frame, (size_t)TSN_FRAME_MAX + TSN_FRAME_HEAD);
    /* Arguments, results and errors all have limits far below a frame's. */
    TSN_ASSERT(tsn_json_write(&text, payload) == 0);
    TSN_ASSERT(tsn_frame_put(&frame, type, text.data, text.len) == 0);
    w->write(w->user, frame.data, frame.len);
    tsn_buf_free(&frame);
    tsn_buf_free(&text);
    json_decref(payload);
}

void tsn_worker_new(struct tsn_worker **out, void (*write)(void *user, const void *p, size_t n),
                    void *user)
{
    struct tsn_worker *w = tsn_alloc(sizeof *w);
    tsn_buf_init(&w->in, (size_t)TSN_FRAME_MAX + TSN_FRAME_HEAD + (64u << 10));
    w->write = write;
    w->user = user;
    *out = w;
}

void tsn_worker_destroy(struct tsn_worker *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        tsn_resident_close(w->runs[i]);
    free(w->runs);
    tsn_buf_free(&w->in);
    free(w);
}

void tsn_worker_hello(struct tsn_worker *w, const char *weaker)
{
    json_t *v = json_object();
    json_object_set_new(v, "protocol", json_integer(TSN_FRAME_VERSION));
    json_object_set_new(v, "pid", json_integer(getpid()));
    json_object_set_new(v, "weaker", tsn_worker_text(weaker));
    emit(w, TSN_FRAME_HELLO, v);
}

static struct tsn_resident **find(struct tsn_worker *w, const char *run)
{
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(tsn_resident_run(w->runs[i]), run) == 0)
            return &w->runs[i];
    }
    return NULL;
}

static void drop(struct tsn_worker *w, struct tsn_resident **slot)
{
    tsn_resident_close(*slot);
    *slot = w->runs[--w->n];
}

static tsn_err on_load(struct tsn_worker *w, const json_t *v)
{
    struct tsn_resident *r, **old = find(w, tsn_json_str(v, "run", ""));
    if (old) /* the core has the newer record */
        drop(w, old);
    tsn_err err = tsn_resident_open(&r, v, emit, w);
    if (err || !r)
        return err;
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 16;
        w->runs = tsn_realloc(w->runs, w->cap * sizeof(struct tsn_resident *));
    }
    w->runs[w->n++] = r;
    return 0;
}

/* DELIVER, CANCEL and DROP of a run that is gone: it ended while they were on their way. */
static tsn_err on_run(struct tsn_worker *w, uint8_t type, const json_t *v)
{
    const char *run = tsn_json_str(v, "run", NULL);
    struct tsn_resident **slot = run ? find(w, run) : NULL;
    if (!run)
        return TSN_EINPUT;
    if (!slot)
        return 0;
    if (type == TSN_FRAME_DELIVER) {
        if (!tsn_resident_deliver(*slot, v))
            drop(w, slot);
        return 0;
    }
    if (type == TSN_FRAME_CANCEL)
        tsn_resident_cancel(*slot, tsn_json_str(v, "reason", ""));
    drop(w, slot);
    return 0;
}

static tsn_err on_frame(struct tsn_worker *w, const struct tsn_frame *f)
{
    json_t *v = NULL;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    tsn_err err = tsn_json_parse(f->payload, f->len, &v, &diag);
    if (err)
        return err;
    switch (f->type) {
    case TSN_FRAME_LOAD:
        err = on_load(w, v);
        break;
    case TSN_FRAME_DELIVER:
    case TSN_FRAME_CANCEL:
    case TSN_FRAME_DROP:
        err = on_run(w, f->type, v);
        break;
    case TSN_FRAME_DESCRIBE:
        err = tsn_resident_describe(v, emit, w);
        break;
    case TSN_FRAME_TOOL:
        err = tsn_resident_tool(v, emit, w);
        break;
    default:
        err = TSN_EINPUT;
    }
    json_decref(v);
    return err;
}

tsn_err tsn_worker_feed(struct tsn_worker *w, const void *p, size_t n)
{
    struct tsn_frame frame;
    size_t used;
    tsn_err err = tsn_buf_put(&w->in, p, n);

    while (!err) {
        err = tsn_frame_get(&w->in, &frame, &used);
        if (err || used == 0)
            break;
        err = on_frame(w, &frame);
        tsn_buf_shift(&w->in, used);
    }
    return err ? TSN_EINPUT : 0;
}
