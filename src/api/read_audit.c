/* read_audit.c - the journal of one run as JSON. Owns nothing. Reader thread. */
#include "api/api_impl.h"

#include <string.h>
#include "core/text.h"
#include "store/record_run.h"

/* --- GET /runs/{id}/log ------------------------------------------------------------------- */

/* What stands sealed beside the entry: JSON where it is JSON. */
void tsn_view_fields(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_logged *e,
                     json_t *item)
{
    if (e->blob.len == 0)
        return;
    json_t *fields = json_object();
    for (size_t i = 0; i < e->entry.ncommits; i++) {
        const char *name = e->entry.commits[i].name, *text;
        size_t len;
        if (tsn_store_open_field(st, arena, e, name, &text, &len))
            continue;
        json_t *value = NULL;
        if (tsn_json_parse(text, len, &value, NULL))
            value = tsn_utf8_valid(text, len) ? json_stringn(text, len) : json_null();
        json_object_set_new(fields, name, value);
    }
    json_object_set_new(item, "fields", fields);
}

tsn_err tsn_read_run_log(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run r;
    size_t limit, n;
    struct tsn_logged *entries;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &r, &rd->op.diag);
    if (!err)
        err = tsn_read_limit(rd, 1000, 10000, &limit);
    if (err)
        return err;
    err = tsn_store_walk(st, rd->op.arena, tsn_arena_printf(rd->op.arena, "run:%s", r.id),
                         limit, &entries, &n);
    if (err == TSN_ENOTFOUND)
        n = 0; /* nothing yet */
    else if (err)
        return err;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *item = tsn_view_entry(&entries[i]);
        tsn_view_fields(st, rd->op.arena, &entries[i], item);
        json_array_append_new(items, item);
    }
    *out = tsn_view_list(items, NULL);
    json_object_set_new(*out, "run", tsn_view_run(&r, false));
    return 0;
}
