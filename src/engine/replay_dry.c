/* replay_dry.c - a run's record against other code, in a worker, with nobody hearing of it.
 *
 * The worker gets the record under an id of its own. It either uses the record up (the code fits so far)
 * or says where it goes another way. Nothing is written, no step begins. Loop thread, but for
 * tsn_dry_frame.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"

struct tsn_dry {
    struct tsn_dry *next;
    char id[TSN_ULID_LEN + 1];
    struct tsn_worker *worker;
    json_t *asks; /* the next step it wants */
    bool began;
    void (*done)(json_t *verdict, void *user);
    void *user;
};

static void dry_end(struct tsn_engine *e, struct tsn_dry *d, json_t *verdict)
{
    struct tsn_dry **at = &e->dries;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    if (!d->began && d->worker->expected > 0)
        d->worker->expected--;
    if (d->asks)
        json_object_set(verdict, "asks", d->asks);
    json_decref(d->asks);
    d->done(verdict, d->user);
    json_decref(verdict);
    free(d);
}

bool tsn_dry_start(struct tsn_engine *e, const char *id, const struct tsn_buf *frame,
                   void (*done)(json_t *verdict, void *user), void *user)
{
    struct tsn_worker *w = tsn_pool_pick(e);
    struct tsn_dry *d;

    if (!w || frame->err || !w->child ||
        tsn_child_send(w->child, TSN_FRAME_LOAD, frame->data, frame->len))
        return false;
    d = tsn_alloc(sizeof(*d));
    (void)tsn_copy(d->id, sizeof(d->id), id);
    d->worker = w;
    d->done = done;
    d->user = user;
    d->next = e->dries;
    e->dries = d;
    w->expected++;
    tsn_worker_watch(w);
    return true;
}

static json_t *diverged(const json_t *v)
{
    static const char *const kept[] = {"path", "recorded", "asked", "line", "code", "error"};
    json_t *out = json_pack("{s:b}", "fits", 0);

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *m = json_object_get(v, kept[i]);

        if (m)
            json_object_set(out, kept[i], m);
    }
    return out;
}

bool tsn_dry_take(struct tsn_worker *w, uint8_t type, const json_t *v)
{
    struct tsn_dry *d = w->e->dries;
    const char *run = tsn_json_str(v, "run", "");
    char text[64];
    int n;

    while (d && (d->worker != w || strcmp(d->id, run) != 0))
        d = d->next;
    if (!d)
        return false;
    switch (type) {
    case TSN_FRAME_BEGAN:
        d->began = true;
        if (w->expected > 0)
            w->expected--;
        (void)tsn_copy(w->active, sizeof(w->active), run);
        return true;
    case TSN_FRAME_WANT:
        if (!d->asks)
            d->asks =
                json_pack("{s:s, s:s, s:s}", "step", tsn_json_str(v, "path", ""), "kind",
                          tsn_json_str(v, "kind", ""), "name", tsn_json_str(v, "name", ""));
        return true;
    case TSN_FRAME_IDLE:
        w->active[0] = '\0';
        n = snprintf(text, sizeof(text), "{\"run\":\"%s\"}", d->id);
        if (w->child && w->up)
            (void)tsn_child_send(w->child, TSN_FRAME_DROP, text, (size_t)n);
        dry_end(w->e, d, json_pack("{s:b}", "fits", 1));
        return true;
    case TSN_FRAME_ENDED:
        w->active[0] = '\0';
        dry_end(w->e, d, json_pack("{s:b, s:b}", "fits", 1, "ends", 1));
        return true;
    case TSN_FRAME_FAILED:
    case TSN_FRAME_DIVERGED:
        w->active[0] = '\0';
        dry_end(w->e, d, diverged(v));
        return true;
    default:
        return true; /* log lines, joins: of no account here */
    }
}

void tsn_dry_lost(struct tsn_engine *e, const struct tsn_worker *w)
{
    struct tsn_dry *d = e->dries, *next;

    for (; d; d = next) {
        next = d->next;
        if (!w || d->worker == w) {
            d->began = true; /* the worker's count is reset with it */
            dry_end(e, d,
                    json_pack("{s:b, s:s, s:s}", "fits", 0, "code", "R023", "error",
                              "the worker was ended while it replayed this run"));
        }
    }
}
