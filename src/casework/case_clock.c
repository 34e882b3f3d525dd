/* case_clock.c - clocks of a case: a promise or deadline that starts and is met.
 *
 * A clock is a fact of the case and two entries on its chain: clock.started with the due time in
 * clear, clock.met with `ok`, or `timeout` when it was met too late. Names are short words and in
 * clear; the owner is sealed. Store thread, inside an apply. */
#include "casework/case_int.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"

static json_t *clocks_of(json_t *facts)
{
    json_t *clocks = json_object_get(facts, TSN_FACT_CLOCKS);
    if (!clocks)
        json_object_set_new(facts, TSN_FACT_CLOCKS, clocks = json_object());
    return clocks;
}

static tsn_err check_name(const char *where, const char *name, struct tsn_diag *diag)
{
    if (tsn_case_word(name, 64))
        return 0;
    return tsn_case_bad(diag, where, "the clock's name must be a short lower-case word");
}

static json_t *time_value(int64_t ms)
{
    char text[25];
    tsn_time_format(text, ms);
    return json_string(text);
}

tsn_err tsn_case_clock_start(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                             const char *name, int64_t due_at_ms, const char *owner,
                             const struct tsn_case_by *by, int64_t now_ms, json_t **clock,
                             struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    int64_t seq = -1;
    *clock = NULL;
    tsn_err err = check_name("clock.start", name, diag);
    if (!err && owner && (!owner[0] || strlen(owner) > 100))
        err = tsn_case_bad(diag, "clock.start", "owner must be a person or a role");
    if (!err)
        err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    json_t *old = json_object_get(clocks_of(facts), name);
    if (old && !json_object_get(old, "met_at")) {
        /* It runs already: a promise is not moved by asking again. */
        *clock = json_deep_copy(old);
        json_object_set_new(*clock, "name", json_string(name));
        goto out;
    }
    json_t *fresh = json_object();
    json_object_set_new(fresh, "started_at", time_value(now_ms));
    json_object_set_new(fresh, "due_at", time_value(due_at_ms));
    if (owner)
        json_object_set_new(fresh, "owner", json_string(owner));
    json_object_set_new(clocks_of(facts), name, fresh);
    *clock = json_deep_copy(fresh);
    json_object_set_new(*clock, "name", json_string(name));

    char *text = tsn_json_text(*clock);
    struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "clock.started";
    a.reason = name;
    a.to = tsn_json_str(fresh, "due_at", NULL);
    a.fields = &field;
    a.nfields = 1;
    err = tsn_case_append(st, arena, &c, by, &a, &seq);
    free(text);
    if (!err)
        err = tsn_case_save(st, arena, &c, facts, seq, diag);
out:
    if (err) {
        json_decref(*clock);
        *clock = NULL;
    }
    json_decref(facts);
    return err;
}

tsn_err tsn_case_clock_met(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                           const char *name, const struct tsn_case_by *by, int64_t now_ms,
                           json_t **clock, struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    int64_t seq = -1, due = 0;
    *clock = NULL;
    tsn_err err = check_name("clock.met", name, diag);
    if (!err)
        err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    json_t *now = json_object_get(clocks_of(facts), name);
    if (!now) {
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "R063", "the clock `%s` was not started", name);
        tsn_diag_hint(diag, "clock(\"%s\"):start{ due = ... } comes first", name);
        goto out;
    }
    const char *due_text = tsn_json_str(now, "due_at", "");
    if (!json_object_get(now, "met_at")) {
        bool late = tsn_time_parse(due_text, &due) == 0 && now_ms > due;
        json_object_set_new(now, "met_at", time_value(now_ms));
        struct tsn_append a = TSN_APPEND_INIT;
        a.kind = "clock.met";
        a.reason = name;
        a.outcome = late ? "timeout" : "ok";
        a.to = due_text[0] ? due_text : NULL;
        err = tsn_case_append(st, arena, &c, by, &a, &seq);
        if (!err)
            err = tsn_case_save(st, arena, &c, facts, seq, diag);
        if (err)
            goto out;
    }
    *clock = json_deep_copy(now);
    json_object_set_new(*clock, "name", json_string(name));
out:
    json_decref(facts);
    return err;
}
