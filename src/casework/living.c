/* living.c - what of a case can be shown in a plan and may change while people think about it.
 *
 * A part of a plan is recognised by an id that begins with `case:`; the case is always the one of the run, so
 * no plan can name another case's. Its digest covers exactly what the part says. The operations that give
 * such parts, and the look whether they still hold, make them by the same functions. Store thread.
 */
#include "casework/living.h"

#include <string.h>
#include "casework/policy_plan.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

#define FACTS    "case:facts"
#define PLAN     "case:plan"
#define FILING   "case:filing:"
#define EVIDENCE "case:evidence:"
#define TRACK    "case:track:"

/* Steals `part`. */
static json_t *sealed_with(json_t *part, const char *id)
{
    uint8_t hash[TSN_HASH_LEN];
    char text[7 + 2 * TSN_HASH_LEN + 1] = "sha256:";
    json_object_set_new(part, "id", json_string(id));
    tsn_json_digest(hash, part);
    tsn_hex(text + 7, hash, sizeof hash);
    json_object_set_new(part, "digest", json_string(text));
    return part;
}

json_t *tsn_living_facts(const struct tsn_case_work *w, const char *names)
{
    json_t *all = tsn_case_values(w), *out = json_object();
    if (!names || !*names) {
        json_object_update(out, all);
        json_object_del(out,
                        "phase"); /* computed from the rest, and from what happens meanwhile */
    }
    for (const char *at = names ? names : ""; *at;) {
        size_t n = strcspn(at, ",");
        const char *name = tsn_arena_printf(w->arena, "%.*s", (int)n, at);
        json_t *v = json_object_get(all, name);
        json_object_set(out, name, v ? v : json_null());
        at += n + (at[n] == ',');
    }
    json_decref(all);
    return sealed_with(out, names && *names ? tsn_arena_printf(w->arena, FACTS ":%s", names)
                                            : FACTS);
}

json_t *tsn_living_plan(const struct tsn_case_work *w)
{
    json_t *all = tsn_plan_explain(w), *plan = json_incref(json_object_get(all, "plan"));
    json_decref(all);
    return json_is_object(plan) ? sealed_with(plan, PLAN) : plan;
}

json_t *tsn_living_track(const struct tsn_case_work *w, const struct tsn_rec_track *r)
{
    return sealed_with(json_pack("{s:s, s:s, s:s, s:s*, s:o}", "track", r->track, "subject",
                                 r->subject, "state", r->state, "label", r->label, "data",
                                 tsn_track_data(r)),
                       tsn_arena_printf(w->arena, TRACK "%s:%s", r->track, r->subject));
}

const char *tsn_living_filing_id(struct tsn_arena *arena, const char *subject)
{
    return tsn_arena_printf(arena, FILING "%s", subject);
}

const char *tsn_living_evidence_id(struct tsn_arena *arena, const char *evidence)
{
    return tsn_arena_printf(arena, EVIDENCE "%s", evidence);
}

/* --- as they are now */

static const char *after(const char *id, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(id, prefix, n) == 0 ? id + n : NULL;
}

static tsn_err filing_now(struct tsn_case_work *w, const char *subject, json_t **now)
{
    struct tsn_rec_track row;
    tsn_err err = tsn_track_get(w, TSN_TRACK_FILING, subject, &row);
    if (err)
        return err;
    if (!row.data) {
        *now = json_null();
        return 0;
    }
    json_t *data = tsn_track_data(&row);
    *now = json_pack("{s:s, s:O*, s:O*, s:O*}", "filing", row.subject, "digest",
                     json_object_get(data, "digest"), "report", json_object_get(data, "report"),
                     "text", json_object_get(data, "text"));
    json_decref(data);
    return 0;
}

static tsn_err evidence_now(struct tsn_case_work *w, const char *id, json_t **now)
{
    struct tsn_rec_attachment a;
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_attachment, id, &a);
    if (err && err != TSN_ENOTFOUND)
        return err;
    if (err || !a.body || !a.case_id || strcmp(a.case_id, w->c.id) != 0)
        *now = json_null();
    else
        *now =
            json_pack("{s:s, s:s, s:s*}", "evidence", a.id, "digest", a.digest, "name", a.name);
    return 0;
}

static tsn_err track_now(struct tsn_case_work *w, const char *ref, json_t **now)
{
    const char *colon = strchr(ref, ':');
    struct tsn_rec_track row;
    int t =
        colon ? tsn_track_of(tsn_arena_printf(w->arena, "%.*s", (int)(colon - ref), ref)) : -1;
    if (t < 0)
        return TSN_ENOTFOUND;
    tsn_err err = tsn_track_get(w, (enum tsn_track)t, colon + 1, &row);
    if (!err)
        *now = tsn_living_track(w, &row);
    return err;
}

tsn_err tsn_case_living(void *user, struct tsn_store *st, struct tsn_arena *arena,
                        const char *case_id, const json_t *part, json_t **now)
{
    const char *id = tsn_json_str(part, "id", ""), *rest;
    struct tsn_case_work w = {.st = st, .arena = arena, .config = user};
    if (strncmp(id, "case:", 5) != 0)
        return TSN_ENOTFOUND;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &w.c);
    if (err)
        return err;
    w.facts = tsn_case_facts(&w.c);
    if (!strcmp(id, PLAN))
        *now = tsn_living_plan(&w);
    else if (!strcmp(id, FACTS))
        *now = tsn_living_facts(&w, NULL);
    else if ((rest = after(id, FACTS ":")))
        *now = tsn_living_facts(&w, rest);
    else if ((rest = after(id, FILING)))
        err = filing_now(&w, rest, now);
    else if ((rest = after(id, EVIDENCE)))
        err = evidence_now(&w, rest, now);
    else if ((rest = after(id, TRACK)))
        err = track_now(&w, rest, now);
    else
        err = TSN_ENOTFOUND;
    json_decref(w.facts);
    return err;
}
