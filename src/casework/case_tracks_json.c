/* case_tracks_json.c - the tracks of a case as JSON, for API, playbooks and exports. Store thread. */
#include "casework/case_work.h"

#include <string.h>
#include "casework/phase.h"
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"

static json_t *one(const struct tsn_rec_track *r)
{
    char at[25];
    tsn_time_format(at, r->updated_at);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "subject", r->subject, "state", r->state,
                          "since", at, "name", r->label ? r->label : r->subject, "entry",
                          (json_int_t)r->seq);
    json_t *data = tsn_track_data(r);
    if (json_object_size(data))
        json_object_set(o, "data", data);
    json_decref(data);
    return o;
}

json_t *tsn_case_tracks_json(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_case *c)
{
    struct tsn_rec_track *rows = NULL;
    size_t n = 0;
    json_t *out = json_object();
    if (tsn_track_list(st, arena, c->id, TSN_TRACKS, &rows, &n))
        return out;
    for (size_t i = 0; i < n; i++) {
        struct tsn_rec_report r;
        bool other = !strcmp(rows[i].track, tsn_automata[TSN_TRACK_ALIKE].name);
        if (other && tsn_store_get(st, arena, &tsn_table_report, rows[i].subject, &r))
            continue; /* of a case that is not seen: not there */
        if (other)
            rows[i].label = r.name;
        json_t *list = json_object_get(out, rows[i].track);
        if (!list)
            json_object_set_new(out, rows[i].track, list = json_array());
        json_array_append_new(list, one(&rows[i]));
    }
    struct tsn_case_work w = {.st = st, .arena = arena, .c = *c, .facts = tsn_case_facts(c)};
    struct tsn_phase phase;
    tsn_phase_of(tsn_case_have(&w, rows, n), &phase);
    json_t *missing = json_array();
    for (uint32_t bit = 1; bit && bit < 1u << TSN_PHASE_BITS; bit <<= 1)
        if (phase.missing & bit)
            json_array_append_new(missing, json_string(tsn_phase_bit_name(bit)));
    json_object_set_new(out, "phase",
                        json_pack("{s:s, s:s, s:o}", "name", phase.name, "workflow",
                                  phase.workflow, "next_needs", missing));
    json_decref(w.facts);
    return out;
}
