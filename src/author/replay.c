/* replay.c - see replay.h. Owns where the replay stands. */
#include "author/replay.h"

#include <stdlib.h>
#include <string.h>
#include "core/frame.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"

#define CPU_MS 5000

struct tsn_replay {
    struct tsn_workshop *workshop;
    const json_t *record, *bundle, *connectors;
    int64_t at;       /* outcomes delivered */
    json_t *wants;    /* open ones, as they came */
    uint8_t type;     /* where the worker stands: IDLE ENDED FAILED DIVERGED */
    json_t *end;      /* frame of the last three */
    json_t *diverged; /* { path, recorded, asked }; NULL = code and record agree so far */
};

static const json_t *items_of(const struct tsn_replay *r)
{
    return json_object_get(r->record, "items");
}

int64_t tsn_replay_length(const struct tsn_replay *r)
{
    return (int64_t)json_array_size(items_of(r));
}

static const json_t *item_at(const struct tsn_replay *r, const char *path)
{
    size_t i;
    json_t *item;

    json_array_foreach(items_of(r), i, item)
    {
        if (strcmp(tsn_json_str(item, "path", ""), path) == 0)
            return item;
    }
    return NULL;
}

static json_t *side(const json_t *v)
{
    return json_pack("{s:s, s:s, s:O?}", "kind", tsn_json_str(v, "kind", ""), "name",
                     tsn_json_str(v, "name", ""), "args", json_object_get(v, "args"));
}

static void diverge(struct tsn_replay *r, const char *path, const json_t *recorded,
                    const json_t *asked)
{
    if (r->diverged)
        return;
    r->diverged = json_pack("{s:s, s:o, s:o}", "path", path, "recorded",
                            recorded ? side(recorded) : json_null(), "asked",
                            asked ? side(asked) : json_null());
    if (asked)
        json_object_set_new(r->diverged, "line", json_integer(tsn_json_int(asked, "line", 0)));
}

/* What is asked must be what was recorded at that path, argument by argument. */
static void compare(struct tsn_replay *r, const json_t *want)
{
    const char *path = tsn_json_str(want, "path", "");
    const json_t *item = item_at(r, path);

    if (!item)
        return; /* beyond the record, or open when it was made */
    if (strcmp(tsn_json_str(item, "kind", ""), tsn_json_str(want, "kind", "")) != 0 ||
        strcmp(tsn_json_str(item, "name", ""), tsn_json_str(want, "name", "")) != 0 ||
        !json_equal(json_object_get(item, "args"), json_object_get(want, "args")))
        diverge(r, path, item, want);
}

/* Takes what came: new wants join the open ones. */
static void take(struct tsn_replay *r, json_t *wants, uint8_t type, json_t *frame)
{
    size_t i;
    json_t *want;

    json_array_foreach(wants, i, want)
    {
        compare(r, want);
    }
    json_array_extend(r->wants, wants);
    json_decref(wants);
    json_decref(r->end);
    r->type = type;
    r->end = frame;
    if (type == TSN_FRAME_DIVERGED && !r->diverged)
        r->diverged = json_pack("{s:s, s:O?, s:O?}", "path", tsn_json_str(frame, "path", ""),
                                "recorded", json_object_get(frame, "recorded"), "asked",
                                json_object_get(frame, "asked"));
}

static json_t *methods_of(const json_t *connectors)
{
    json_t *out = json_object(), *verbs, *row;
    const char *domain, *verb;

    json_object_foreach((json_t *)(uintptr_t)connectors, domain, verbs)
    {
        json_t *list = json_array();
        json_object_foreach(verbs, verb, row)
        {
            (void)row;
            json_array_append_new(list, json_string(verb));
        }
        json_object_set_new(out, domain, list);
    }
    return out;
}

static tsn_err load(struct tsn_replay *r, struct tsn_diag *diag)
{
    json_t *c = json_object_get(r->record, "case"),
           *event = json_object_get(r->record, "event");
    json_t *frame = NULL, *wants = NULL;
    uint8_t type;
    json_t *payload = json_pack(
        "{s:s, s:O, s:O, s:i, s:s, s:I, s:{s:O*}, s:i, s:[], s:o}", "run", "replay", "case", c,
        "bundle", r->bundle ? r->bundle : json_object_get(r->record, "bundle"), "level",
        (int)tsn_json_int(r->record, "level", 1), "seed", tsn_json_str(r->record, "seed", ""),
        "started_at", (json_int_t)tsn_json_int(r->record, "started_at", 0), "input", "event",
        event, "cpu_ms", CPU_MS, "items", "connectors", methods_of(r->connectors));

    r->at = 0;
    json_array_clear(r->wants);
    json_decref(r->diverged);
    r->diverged = NULL;
    tsn_err err =
        tsn_workshop_play(r->workshop, TSN_FRAME_LOAD, payload, &wants, &type, &frame, diag);
    if (!err)
        take(r, wants, type, frame);
    return err;
}

static bool drop_want(struct tsn_replay *r, const char *path)
{
    size_t i;
    json_t *want;

    json_array_foreach(r->wants, i, want)
    {
        if (strcmp(tsn_json_str(want, "path", ""), path) == 0) {
            json_array_remove(r->wants, i);
            return true;
        }
    }
    return false;
}

static tsn_err deliver(struct tsn_replay *r, struct tsn_diag *diag)
{
    const json_t *item = json_array_get(items_of(r), (size_t)r->at);
    const char *path = tsn_json_str(item, "path", "");
    json_t *frame = NULL, *wants = NULL;
    uint8_t type;

    if (!drop_want(r, path)) { /* the code does not ask for what was recorded next */
        const json_t *asked = json_array_get(r->wants, 0);
        diverge(r, path, item, asked);
        return 0;
    }
    json_t *payload = json_pack(
        "{s:s, s:s, s:I, s:I, s:s, s:O}", "run", "replay", "path", path, "deliver_no",
        (json_int_t)r->at + 1, "at_ms", (json_int_t)tsn_json_int(item, "at_ms", 0), "outcome",
        tsn_json_str(item, "outcome", "ok"), "result", json_object_get(item, "result"));
    tsn_err err =
        tsn_workshop_play(r->workshop, TSN_FRAME_DELIVER, payload, &wants, &type, &frame, diag);
    if (err)
        return err;
    r->at++;
    take(r, wants, type, frame);
    /* Ended before the record did: what was recorded next is not asked any more. */
    if (type != TSN_FRAME_IDLE && r->at < tsn_replay_length(r))
        diverge(r, tsn_json_str(json_array_get(items_of(r), (size_t)r->at), "path", ""),
                json_array_get(items_of(r), (size_t)r->at), NULL);
    return 0;
}

tsn_err tsn_replay_open(struct tsn_replay **out, struct tsn_workshop *w, const json_t *record,
                        const json_t *bundle, const json_t *connectors, struct tsn_diag *diag)
{
    *out = NULL;
    if (tsn_json_int(record, "fixture", 0) != 1 ||
        !json_is_array(json_object_get(record, "items")) ||
        !json_is_object(json_object_get(record, "case")) ||
        !json_is_object(json_object_get(record, "bundle")))
        return tsn_diag_set(diag, TSN_EINPUT, "L287", "this is no recorded run");
    struct tsn_replay *r = tsn_alloc(sizeof(*r));
    r->workshop = w;
    r->record = record;
    r->bundle = bundle;
    r->connectors = connectors;
    r->wants = json_array();
    *out = r;
    return load(r, diag);
}

void tsn_replay_close(struct tsn_replay *r)
{
    if (!r)
        return;
    json_decref(r->wants);
    json_decref(r->end);
    json_decref(r->diverged);
    free(r);
}

tsn_err tsn_replay_go(struct tsn_replay *r, int64_t n, struct tsn_diag *diag)
{
    tsn_err err = 0;

    if (n > tsn_replay_length(r))
        n = tsn_replay_length(r);
    if (n < r->at || r->diverged)
        err = load(r, diag);
    while (!err && r->at < n && !r->diverged && r->type == TSN_FRAME_IDLE)
        err = deliver(r, diag);
    return err;
}

static json_t *wants_json(const struct tsn_replay *r)
{
    json_t *out = json_array(), *want;
    size_t i;

    json_array_foreach(r->wants, i, want)
    {
        json_t *o = side(want);
        const json_t *item = item_at(r, tsn_json_str(want, "path", ""));

        json_object_set_new(o, "path", json_string(tsn_json_str(want, "path", "")));
        json_object_set_new(o, "line", json_integer(tsn_json_int(want, "line", 0)));
        if (item)
            json_object_set_new(o, "recorded",
                                json_pack("{s:s, s:O?}", "outcome",
                                          tsn_json_str(item, "outcome", ""), "result",
                                          json_object_get(item, "result")));
        json_array_append_new(out, o);
    }
    return out;
}

json_t *tsn_replay_place(const struct tsn_replay *r)
{
    json_t *last = r->at > 0 ? json_array_get(items_of(r), (size_t)r->at - 1) : NULL;
    json_t *out = json_pack(
        "{s:I, s:I, s:I, s:o}", "at", (json_int_t)r->at, "of", (json_int_t)tsn_replay_length(r),
        "now",
        (json_int_t)tsn_json_int(last ? last : r->record, last ? "at_ms" : "started_at", 0),
        "wants", wants_json(r));

    if (last)
        json_object_set(out, "last", last);
    if (r->diverged)
        json_object_set(out, "diverged", r->diverged);
    if (r->type == TSN_FRAME_ENDED)
        json_object_set_new(out, "end",
                            json_pack("{s:s, s:O?}", "says", "ended", "result",
                                      json_object_get(r->end, "result")));
    if (r->type == TSN_FRAME_FAILED) {
        json_t *end = json_copy(r->end);
        json_object_set_new(end, "says", json_string("failed"));
        json_object_set_new(out, "end", end);
    }
    return out;
}
