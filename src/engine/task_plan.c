/* task_plan.c - an approval is for the very plan that was shown, and for that one alone.
 *
 * `show` is part of the digest of the question. It may hold things that live on while people think: a
 * draft, the facts of the case, the handling plan, recognised by id and digest by the modules that
 * own them (tsn_registry_living). Both are looked at again in the transaction of every approval: when
 * something is not as it was shown, all votes are void and the question is put again, with the plan
 * as it is now. Store thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

/* One part that lives on, as it is now. Only what it showed is shown again. */
static void refresh(json_t *v, const json_t *now, bool *changed)
{
    const char *key;
    json_t *value;
    const char *digest = tsn_json_str(v, "digest", "");
    void *next;

    if (!json_is_object(now)) {
        *changed = *changed || !json_object_get(v, "gone");
        json_object_set_new(v, "gone", json_true());
        return;
    }
    *changed = *changed || strcmp(tsn_json_str(now, "digest", ""), digest) != 0;
    json_object_foreach_safe(v, next, key, value)
    {
        json_t *fresh = json_object_get(now, key);

        if (fresh)
            json_object_set(v, key, fresh);
    }
}

/* Walks the plan: what lives on is shown as it is now. */
static tsn_err look_again(const struct tsn_registry *r, struct tsn_store *st,
                          struct tsn_arena *a, const char *case_id, json_t *v, bool *changed)
{
    json_t *now = NULL, *item;
    const char *key;
    size_t i;
    tsn_err err = 0;

    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            err = look_again(r, st, a, case_id, item, changed);
            if (err)
                return err;
        }
        return 0;
    }
    if (!json_is_object(v))
        return 0;
    if (tsn_json_str(v, "id", NULL) && tsn_json_str(v, "digest", NULL)) {
        err = tsn_registry_living(r, st, a, case_id, v, &now);
        if (!err)
            refresh(v, now, changed);
        json_decref(now);
        if (err != TSN_ENOTFOUND)
            return err;
    }
    json_object_foreach(v, key, item)
    {
        err = look_again(r, st, a, case_id, item, changed);
        if (err)
            return err;
    }
    return 0;
}

static void digest_of(char out[80], const json_t *spec, const struct tsn_rec_task *t)
{
    json_t *v = json_object();
    json_t *show = json_object_get(spec, "show");
    uint8_t hash[TSN_HASH_LEN];

    json_object_set_new(v, "title", json_string(tsn_json_str(spec, "title", "")));
    json_object_set_new(v, "show", show ? json_deep_copy(show) : json_null());
    json_object_set_new(v, "run", json_string(t->run));
    json_object_set_new(v, "path", json_string(t->path));
    json_object_set_new(v, "role", json_string(t->role));
    json_object_set_new(v, "quorum", json_integer(t->quorum));
    tsn_json_digest(hash, v);
    json_decref(v);
    tsn_hex(out + 7, hash, sizeof(hash));
    for (size_t i = 0; i < 7; i++)
        out[i] = "sha256:"[i];
}

tsn_err tsn_plan_bind(const struct tsn_registry *r, struct tsn_store *st, struct tsn_arena *a,
                      json_t *spec, struct tsn_rec_task *t)
{
    char digest[80];
    bool changed = false;
    tsn_err err = look_again(r, st, a, t->case_id ? t->case_id : "",
                             json_object_get(spec, "show"), &changed);

    if (err)
        return err;
    digest_of(digest, spec, t);
    t->digest = tsn_arena_strdup(a, digest);
    return 0;
}

tsn_err tsn_plan_changed(const struct tsn_registry *r, struct tsn_store *st,
                         struct tsn_arena *a, const json_t *spec, const struct tsn_rec_task *t,
                         bool *changed)
{
    json_t *show;
    char digest[80];
    tsn_err err;

    /* The question itself is still the one whose digest people saw. */
    digest_of(digest, spec, t);
    *changed = !t->digest || strcmp(digest, t->digest) != 0;
    show = json_deep_copy(json_object_get(spec, "show"));
    err = look_again(r, st, a, t->case_id ? t->case_id : "", show, changed);
    json_decref(show);
    return err;
}

tsn_err tsn_plan_again(const struct tsn_registry *r, struct tsn_store *st, struct tsn_arena *a,
                       struct tsn_owned *own, struct tsn_rec_task *old, json_t *spec,
                       int64_t now_ms, struct tsn_rec_task *fresh)
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
    err = tsn_plan_bind(r, st, a, spec, fresh);
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
