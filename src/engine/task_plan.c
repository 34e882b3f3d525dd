/* task_plan.c - an approval is for the very plan that was shown, and for that one alone.
 *
 * `show` may hold things that live on while people think: an advisory draft, recognised by its id
 * and digest. What they were is bound into the digest of the question. When one has changed by the
 * time somebody approves, all votes are void and the question is put again, with the plan as it is
 * now. Store thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_advisory.h"
#include "store/record_run.h"

/* The advisory that this part of the plan is; TSN_ENOTFOUND when it is none. */
static tsn_err living(struct tsn_store *st, struct tsn_arena *a, const json_t *v,
                      struct tsn_rec_advisory *out)
{
    const char *id = tsn_json_str(v, "id", NULL);

    if (!id || !tsn_json_str(v, "digest", NULL) || !tsn_id_valid(id))
        return TSN_ENOTFOUND;
    return tsn_store_get(st, a, &tsn_table_advisory, id, out);
}

static void refresh(json_t *v, const struct tsn_rec_advisory *row)
{
    json_object_set_new(v, "digest", json_string(row->digest ? row->digest : ""));
    if (json_object_get(v, "version"))
        json_object_set_new(v, "version", json_integer(row->version));
    if (json_object_get(v, "markdown"))
        json_object_set_new(v, "markdown", json_string(row->markdown ? row->markdown : ""));
    if (json_object_get(v, "csaf"))
        json_object_set_new(v, "csaf", json_string(row->csaf ? row->csaf : ""));
}

/* Walks the plan: notes what lives in `bound` (id -> digest), and shows it as it is now. */
static tsn_err bind_parts(struct tsn_store *st, struct tsn_arena *a, json_t *v, json_t *bound)
{
    struct tsn_rec_advisory row;
    const char *key;
    json_t *item;
    size_t i;
    tsn_err err = 0;

    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            err = bind_parts(st, a, item, bound);
            if (err)
                return err;
        }
        return 0;
    }
    if (!json_is_object(v))
        return 0;
    err = living(st, a, v, &row);
    if (!err) {
        json_object_set_new(bound, row.id, json_string(row.digest ? row.digest : ""));
        refresh(v, &row);
        return 0;
    }
    if (err != TSN_ENOTFOUND)
        return err;
    json_object_foreach(v, key, item)
    {
        err = bind_parts(st, a, item, bound);
        if (err)
            return err;
    }
    return 0;
}

static void digest_of(char out[80], const json_t *spec, const struct tsn_rec_task *t)
{
    json_t *v = json_object();
    json_t *show = json_object_get(spec, "show"), *bound = json_object_get(spec, "bound");
    uint8_t hash[TSN_HASH_LEN];

    json_object_set_new(v, "title", json_string(tsn_json_str(spec, "title", "")));
    json_object_set_new(v, "show", show ? json_deep_copy(show) : json_null());
    json_object_set_new(v, "run", json_string(t->run));
    json_object_set_new(v, "path", json_string(t->path));
    json_object_set_new(v, "role", json_string(t->role));
    json_object_set_new(v, "quorum", json_integer(t->quorum));
    if (bound)
        json_object_set(v, "bound", bound);
    tsn_json_digest(hash, v);
    json_decref(v);
    tsn_hex(out + 7, hash, sizeof(hash));
    for (size_t i = 0; i < 7; i++)
        out[i] = "sha256:"[i];
}

tsn_err tsn_plan_bind(struct tsn_store *st, struct tsn_arena *a, json_t *spec,
                      struct tsn_rec_task *t)
{
    json_t *bound = json_object(), *show = json_object_get(spec, "show");
    char digest[80];
    tsn_err err = bind_parts(st, a, show, bound);

    json_object_del(spec, "bound");
    if (!err && json_object_size(bound) > 0)
        json_object_set(spec, "bound", bound);
    json_decref(bound);
    if (err)
        return err;
    digest_of(digest, spec, t);
    t->digest = tsn_arena_strdup(a, digest);
    return 0;
}

tsn_err tsn_plan_changed(struct tsn_store *st, struct tsn_arena *a, const json_t *spec,
                         bool *changed)
{
    const char *id;
    json_t *digest;

    *changed = false;
    json_object_foreach(tsn_json_walk(json_object_get(spec, "bound")), id, digest)
    {
        struct tsn_rec_advisory row;
        tsn_err err = tsn_store_get(st, a, &tsn_table_advisory, id, &row);

        if (err && err != TSN_ENOTFOUND)
            return err;
        if (err || strcmp(row.digest ? row.digest : "", json_string_value(digest)) != 0)
            *changed = true;
    }
    return 0;
}

tsn_err tsn_plan_again(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                       struct tsn_rec_task *old, json_t *spec, int64_t now_ms,
                       struct tsn_rec_task *fresh)
{
    struct tsn_append e = tsn_run_entry(a, &own->row, "approval.voided");
    struct tsn_field field = {"args", NULL, 0};
    char id[TSN_ULID_LEN + 1];
    int64_t seq, tries = tsn_json_int(spec, "asked", 1) + 1;
    char *text;
    tsn_err err;

    e.step = old->path;
    e.reason = "A100";
    e.ref = tsn_json_int(spec, "seq", -1);
    err = tsn_store_append(st, &e, &seq);
    if (err)
        return err;
    old->state = "void";
    old->decided_by = "changed plan";
    old->closed_at = now_ms;
    old->nudge_at = 0;
    err = tsn_store_update_if_text(st, &tsn_table_task, old, "state", "open");
    if (err)
        return err;

    *fresh = *old;
    tsn_id_new(id);
    fresh->id = tsn_arena_strdup(a, id);
    fresh->state = "open";
    fresh->decided_by = NULL;
    fresh->closed_at = 0;
    fresh->votes = "[]";
    fresh->opened_at = now_ms;
    json_object_set_new(spec, "asked", json_integer(tries));
    json_object_del(spec, "reminded");
    json_object_del(spec, "escalated");
    err = tsn_plan_bind(st, a, spec, fresh);
    if (err)
        return err;
    fresh->nudge_at = tsn_nudge_next(spec, now_ms, fresh->due_at);
    text = tsn_json_text(spec);
    field.data = text;
    field.len = strlen(text);
    e = tsn_run_entry(a, &own->row, "approval.requested");
    e.step = old->path;
    e.attempt = tries;
    e.reason = "approve";
    e.ref = seq;
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, &seq);
    free(text);
    if (err)
        return err;
    json_object_set_new(spec, "seq", json_integer(seq));
    text = tsn_json_text(spec);
    fresh->spec = tsn_arena_strdup(a, text);
    free(text);
    err = tsn_task_insert(st, a, fresh, "ap-");
    own->row.reason = tsn_arena_printf(a, "waits for %s: %s", fresh->role, fresh->name);
    return err;
}
