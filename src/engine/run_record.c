/* run_record.c - a run as it is on record, whole: for the debugger, for specs, for dry runs like it.
 * Store thread (reader). */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/json.h"
#include "store/record_run.h"

static json_t *parsed(const char *text)
{
    json_t *v = NULL;

    return text && tsn_json_parse(text, strlen(text), &v, NULL) == 0 ? v : json_null();
}

static json_t *step_json(const char *path, const char *request)
{
    json_t *v = parsed(request), *args = json_object_get(v, "args");
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:O?}", "path", path, "kind", tsn_json_str(v, "kind", ""),
                  "name", tsn_json_str(v, "name", ""), "args", args);

    json_decref(v);
    return o;
}

static json_t *items_of(const struct tsn_past *past)
{
    json_t *items = json_array();

    for (size_t i = 0; i < past->nsteps; i++) {
        const struct tsn_past_step *s = &past->steps[i];
        json_t *o = step_json(s->path, s->request);

        json_object_set_new(o, "outcome", json_string(s->outcome));
        json_object_set_new(o, "result", parsed(s->result));
        json_object_set_new(o, "deliver_no", json_integer(s->deliver_no));
        json_object_set_new(o, "at_ms", json_integer(s->at_ms));
        json_array_append_new(items, o);
    }
    return items;
}

tsn_err tsn_run_record(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                       json_t **out)
{
    struct tsn_rec_run row, first;
    struct tsn_rec_playbook pb;
    struct tsn_past past;
    char seed[2 * TSN_HASH_LEN + 1];
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, run_id, &row);

    first = row;
    if (!err && row.origin)
        err = tsn_store_get(st, a, &tsn_table_run, row.origin, &first);
    if (!err)
        err = tsn_past_read(st, a, run_id, true, &past);
    if (!err)
        err = tsn_store_get(st, a, &tsn_table_playbook, row.playbook, &pb);
    if (err)
        return err;
    tsn_run_seed(seed, first.id);
    json_t *input = parsed(row.input), *open = json_array();
    for (size_t i = 0; i < past.nopen; i++)
        json_array_append_new(open, step_json(past.open[i].path, past.open[i].request));
    *out = json_pack("{s:i, s:s, s:s, s:s, s:o, s:O?, s:O?, s:s, s:I, s:I, s:s, s:o, s:o}",
                     "fixture", 1, "playbook", pb.name, "title",
                     row.title ? row.title : pb.name, "hash", pb.hash, "bundle",
                     parsed(pb.bundle), "case", json_object_get(input, "case"), "event",
                     json_object_get(input, "event"), "seed", seed, "started_at",
                     (json_int_t)first.started_at, "level", (json_int_t)row.level, "state",
                     row.state, "items", items_of(&past), "open", open);
    json_decref(input);
    return *out ? 0 : TSN_ETAMPERED;
}
