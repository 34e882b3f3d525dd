/* run_outlook.c - what would happen again: the steps of a run, kept or repeated, in plain words.
 *
 * Pure functions of what is on record and of what the actions declare, so that the screen, the
 * plan of a retry and the tests say the same. Any thread (the registry does not change).
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/json.h"

/* What going over this step once more means to the world outside. */
static const char *again_says(const char *kind, const struct tsn_action *a, bool begun,
                              bool happened)
{
    if (strcmp(kind, "ask") == 0 || strcmp(kind, "approve") == 0)
        return "people are asked again";
    if (strcmp(kind, "sleep") == 0 || strcmp(kind, "wait") == 0)
        return "waits again";
    if (strcmp(kind, "start") == 0)
        return begun ? "starts another run" : "starts a run";
    if (strcmp(kind, "call") != 0)
        return "again";
    if (!a)
        return "cannot be done: its connector is gone";
    if (a->effect == TSN_EFFECT_NONE)
        return "looked up again; nothing outside changes";
    if (a->effect == TSN_EFFECT_STORE)
        return "writes to our own records again";
    if (!begun)
        return "not begun yet";
    if (happened)
        return a->irreversible ? "HAPPENED AND CANNOT BE TAKEN BACK: it happens a second time"
                               : "happened: it happens a second time";
    return "may have happened: it may happen a second time";
}

/* What becomes of a call that was begun and has no outcome, when its run goes on by itself. */
static const char *open_says(const struct tsn_action *a, enum tsn_last last)
{
    if (!a)
        return "its connector is gone: a person will be asked what became of it";
    if (last == TSN_LAST_DOUBT)
        return "a person must say what became of it: tocsin run resolve";
    if (last == TSN_LAST_RETRY)
        return "its last try did nothing: it is tried again";
    if (a->doubt == TSN_DOUBT_REPEAT_SAFE)
        return "may have happened: it is repeated with the same key, which the other side "
               "knows";
    if (a->doubt == TSN_DOUBT_PROBE)
        return "may have happened: the other side is asked; where it cannot say, a person is";
    return "may have happened: it is never repeated by itself, a person is asked";
}

static const char *effect_word(const struct tsn_action *a)
{
    if (!a || a->effect == TSN_EFFECT_NONE)
        return "none";
    return a->effect == TSN_EFFECT_STORE ? "store" : "external";
}

static const struct tsn_action *action_of(const struct tsn_registry *registry, const char *kind,
                                          const char *name)
{
    return strcmp(kind, "call") == 0 ? tsn_registry_find(registry, name) : NULL;
}

static json_t *step_json(const struct tsn_registry *registry, const struct tsn_past_step *s)
{
    const struct tsn_action *a = action_of(registry, s->kind, s->name);

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "step", s->path, "kind", s->kind, "name",
                     s->name, "outcome", s->outcome, "effect", effect_word(a), "entry",
                     (json_int_t)s->seq);
}

static json_t *open_json(const struct tsn_registry *registry, const struct tsn_past_open *o)
{
    json_t *v = NULL, *out;
    const struct tsn_action *a;
    const char *kind, *name;

    if (!o->request || tsn_json_parse(o->request, strlen(o->request), &v, NULL))
        return NULL;
    kind = tsn_json_str(v, "kind", "");
    name = tsn_json_str(v, "name", "");
    a = action_of(registry, kind, name);
    out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "step", o->path, "kind", kind, "name",
                    name, "outcome", "open", "effect", effect_word(a), "attempt",
                    (json_int_t)o->attempt);
    if (strcmp(kind, "call") == 0)
        json_object_set_new(out, "says", json_string(open_says(a, o->last)));
    json_decref(v);
    return out;
}

json_t *tsn_run_steps_json(const struct tsn_registry *registry, const struct tsn_past *past)
{
    json_t *list = json_array();

    for (size_t i = 0; i < past->nsteps; i++)
        json_array_append_new(list, step_json(registry, &past->steps[i]));
    for (size_t i = 0; i < past->nopen; i++) {
        json_t *open = open_json(registry, &past->open[i]);

        if (open)
            json_array_append_new(list, open);
    }
    return list;
}

static void add_again(json_t *list, const struct tsn_registry *registry, json_t *step)
{
    const char *kind = tsn_json_str(step, "kind", "");
    const char *outcome = tsn_json_str(step, "outcome", "");
    const struct tsn_action *a = action_of(registry, kind, tsn_json_str(step, "name", ""));
    bool happened = strcmp(outcome, "ok") == 0;
    bool begun = strcmp(outcome, "fail") != 0;

    json_object_set_new(step, "says", json_string(again_says(kind, a, begun, happened)));
    json_object_set_new(step, "repeats",
                        json_boolean(a && a->effect == TSN_EFFECT_EXTERNAL && begun));
    json_array_append_new(list, step);
}

json_t *tsn_run_outlook(const struct tsn_registry *registry, const struct tsn_past *past,
                        size_t kept)
{
    json_t *again = json_array();

    for (size_t i = kept; i < past->nsteps; i++)
        add_again(again, registry, step_json(registry, &past->steps[i]));
    for (size_t i = 0; i < past->nopen; i++) {
        json_t *open = open_json(registry, &past->open[i]);

        if (open)
            add_again(again, registry, open);
    }
    return json_pack("{s:I, s:s, s:o}", "kept", (json_int_t)kept, "from",
                     kept < past->nsteps ? past->steps[kept].path
                     : past->nopen > 0   ? past->open[0].path
                                         : "the next step",
                     "again", again);
}

static bool undone(const struct tsn_past *past)
{
    for (size_t i = 0; i < past->nsteps; i++)
        if (strcmp(past->steps[i].kind, "undo") == 0)
            return true;
    for (size_t i = 0; i < past->nundos; i++)
        if (past->undos[i].done)
            return true;
    return false;
}

tsn_err tsn_retry_cut(const struct tsn_past *past, const char *from, const char *state,
                      size_t *kept, struct tsn_diag *diag)
{
    size_t n = past->nsteps;

    if (from) {
        for (*kept = 0; *kept < n && strcmp(past->steps[*kept].path, from) != 0;)
            ++*kept;
        if (*kept == n && !tsn_past_find(past, from)) {
            tsn_diag_hint(diag,
                          "tocsin run show lists its steps; without --from it goes on where "
                          "it stopped");
            return tsn_diag_set(diag, TSN_ENOTFOUND, "R204", "it took no step %s", from);
        }
    } else {
        /* A step that failed is what most likely ended it: once more. */
        *kept = n;
        if (strcmp(state, "failed") == 0 && n > 0 &&
            strcmp(past->steps[n - 1].outcome, "ok") != 0)
            *kept = n - 1;
    }
    if (undone(past) && *kept > 0) {
        /* What it had done was taken back: a journal that says otherwise would be a lie. */
        if (from) {
            tsn_diag_hint(diag, "retry it without --from: it begins anew");
            return tsn_diag_set(diag, TSN_ECONFLICT, "R205",
                                "its effects were undone, so nothing before %s can be kept",
                                from);
        }
        *kept = 0;
    }
    return 0;
}

/* --- for the interface */

tsn_err tsn_engine_steps(const struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                         const char *run_id, json_t **out)
{
    struct tsn_past past;
    tsn_err err = tsn_past_read(st, a, run_id, true, &past);

    if (!err)
        *out = tsn_run_steps_json(e->config.registry, &past);
    return err;
}
