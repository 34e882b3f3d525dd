/* unpack.c - drives tocsin-unpack through one archive. Owns the child for its time. Loop thread. */
#include "proc/unpack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/child.h"

#define RATIO   100
#define ENTRIES 2000000 /* of one archive: Chainguard's OSV has 1,077,424 */
#define SLICE   (8u << 20)
#define BATCH   500

struct tsn_unpack {
    struct tsn_unpack_config cfg;
    struct tsn_child *child; /* NULL: ended */
    struct tsn_timer *timer;
    bool over; /* the caller has heard the end, or does not want to hear more */
};

static void release(struct tsn_unpack *u)
{
    tsn_timer_destroy(u->timer);
    free(u);
}

/* The end for the caller; the child's own end frees everything. */
static void fail(struct tsn_unpack *u, const char *why)
{
    struct tsn_diag d;
    if (u->over)
        return;
    u->over = true;
    tsn_diag_init(&d);
    tsn_diag_set(&d, TSN_EINPUT, "F120", "%s", why);
    u->cfg.failed(&d, u->cfg.user);
}

static void deliver(struct tsn_unpack *u, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "entries");
    size_t n = json_array_size(list);
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_unpack_entry *entries = tsn_arena_alloc(arena, (n + 1) * sizeof *entries);
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(e, 0));
        entries[i] = (struct tsn_unpack_entry){
            .name = name ? name : "",
            .at = (uint64_t)json_integer_value(json_array_get(e, 1)),
            .size = (uint64_t)json_integer_value(json_array_get(e, 2))};
    }
    const struct tsn_unpack_slice s = {.entries = entries,
                                       .n = n,
                                       .refused = (uint64_t)tsn_json_int(doc, "refused", 0),
                                       .first_refused = tsn_json_str(doc, "first_refused", ""),
                                       .end = tsn_json_bool(doc, "end", false)};
    if (s.end) {
        u->over = true;
        tsn_child_finish(u->child);
    }
    u->cfg.slice(&s, u->cfg.user);
    tsn_arena_destroy(arena);
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_unpack *u = user;
    json_t *doc = NULL;
    tsn_timer_disarm(u->timer);
    if (u->over)
        return;
    if ((f->type != TSN_FRAME_UNPACKED && f->type != TSN_FRAME_UNPACK_FAILED) ||
        tsn_json_parse(f->payload, f->len, &doc, NULL) != 0) {
        fail(u, "the program that reads it broke the protocol");
        tsn_child_kill(c);
    } else if (f->type == TSN_FRAME_UNPACK_FAILED) {
        fail(u, tsn_json_str(doc, "why", "it cannot be read"));
        tsn_child_finish(c);
    } else {
        deliver(u, doc);
    }
    json_decref(doc);
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_unpack *u = user;
    (void)c;
    (void)status;
    u->child = NULL;
    fail(u, signal ? "the program that reads it was ended, by its limits or by a crash"
                   : "the program that reads it ended early");
    release(u);
}

static void on_timer(void *user)
{
    struct tsn_unpack *u = user;
    fail(u, "reading it takes too long");
    tsn_child_kill(u->child);
}

static void tell(struct tsn_unpack *u, uint8_t type, json_t *doc)
{
    char *text = tsn_json_text(doc);
    tsn_timer_arm(u->timer, TSN_UNPACK_MS);
    (void)tsn_child_send(u->child, type, text, strlen(text));
    free(text);
    json_decref(doc);
}

tsn_err tsn_unpack_start(struct tsn_unpack **out, struct tsn_loop *loop,
                         const struct tsn_unpack_config *config, struct tsn_diag *diag)
{
    char path[PATH_MAX];
    const char *argv[] = {path, NULL};
    const int pass[] = {config->in, config->out};
    struct tsn_unpack *u = tsn_alloc(sizeof *u);
    const struct tsn_child_config cfg = {.name = "unpack",
                                         .argv = argv,
                                         .pass = pass,
                                         .npass = 2,
                                         .on_frame = on_frame,
                                         .on_exit = on_exit_,
                                         .user = u};
    *out = NULL;
    u->cfg = *config;
    u->timer = tsn_timer_new(loop, on_timer, u);
    tsn_err err = tsn_child_find(path, sizeof path, "tocsin-unpack", diag);
    if (!err)
        err = tsn_child_start(&u->child, loop, &cfg, diag);
    if (err) {
        release(u);
        return err;
    }
    tell(u, TSN_FRAME_UNPACK,
         json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "entry",
                   (json_int_t)config->entry_max, "total", (json_int_t)config->total_max,
                   "ratio", (json_int_t)(config->ratio ? config->ratio : RATIO), "count",
                   (json_int_t)ENTRIES, "slice", (json_int_t)SLICE, "batch", (json_int_t)BATCH,
                   "single", config->single));
    *out = u;
    return 0;
}

void tsn_unpack_more(struct tsn_unpack *u)
{
    tell(u, TSN_FRAME_UNPACK_MORE, json_object());
}

void tsn_unpack_stop(struct tsn_unpack *u)
{
    if (!u || u->over)
        return;
    u->over = true;
    tsn_child_kill(u->child);
}
