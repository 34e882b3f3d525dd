/* answer.c - the rules by which people decide: who may, once each, on what they saw, with what.
 *
 * Pure functions of the task, the person and the decision, so that every path (console, command
 * line, API) meets the very same rules and a table can test them. Any thread.
 */
#include "engine/engine_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_run.h"

#define REASON_MIN 3
#define REASON_MAX 2000
#define FIELDS_MAX 64
#define TEXT_MAX   20000

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        if (((unsigned char)*s & 0xC0) != 0x80)
            n++;
    return n;
}

tsn_err tsn_reason_check(const char *reason, struct tsn_diag *diag)
{
    size_t n = reason ? characters(reason) : 0;

    if (n < REASON_MIN || n > REASON_MAX) {
        tsn_diag_hint(diag, "say in a few words why: --reason \"...\"");
        return tsn_diag_set(diag, TSN_EINPUT, "A008",
                            "a reason of %d to %d characters is needed, this has %zu",
                            REASON_MIN, REASON_MAX, n);
    }
    return 0;
}

/* --- the form */

static const char *const field_types[] = {"choice", "pick", "flag", "text", "number", "date"};
#define NTYPES (sizeof(field_types) / sizeof(field_types[0]))

tsn_err tsn_answer_fields(const json_t *fields, struct tsn_diag *diag)
{
    const char *name;
    json_t *f;

    if (!fields || json_is_null(fields))
        return 0;
    if (!json_is_object(fields) || json_object_size(fields) > FIELDS_MAX)
        return tsn_diag_set(diag, TSN_EINPUT, "R036", "fields is a table of at most %d fields",
                            FIELDS_MAX);
    json_object_foreach(tsn_json_walk(fields), name, f)
    {
        const char *type = tsn_json_str(f, "type", "");
        bool known = false;

        for (size_t i = 0; i < NTYPES; i++)
            known = known || strcmp(type, field_types[i]) == 0;
        if (!known)
            return tsn_diag_set(diag, TSN_EINPUT, "R036",
                                "field %s is none of choice, pick, flag, text, number, date",
                                name);
        if (strcmp(type, "choice") == 0 && json_array_size(json_object_get(f, "options")) == 0)
            return tsn_diag_set(diag, TSN_EINPUT, "R036", "the choice %s has no options", name);
        if (strcmp(name, "by") == 0 || strcmp(name, "at") == 0)
            return tsn_diag_set(diag, TSN_EINPUT, "R036",
                                "%s is always part of an answer and cannot be a field", name);
    }
    return 0;
}

static bool is_required(const json_t *field)
{
    const char *type = tsn_json_str(field, "type", "");
    bool closed =
        strcmp(type, "choice") == 0 || strcmp(type, "pick") == 0 || strcmp(type, "flag") == 0;

    return tsn_json_bool(field, "required", closed && !tsn_json_bool(field, "optional", false));
}

static tsn_err bad_value(const char *name, const char *must, struct tsn_diag *diag)
{
    return tsn_diag_set(diag, TSN_EINPUT, "A014", "%s must be %s", name, must);
}

static tsn_err take_choice(const char *name, const json_t *options, const json_t *given,
                           json_t **out, struct tsn_diag *diag)
{
    struct tsn_buf list;
    json_t *option;
    size_t i;

    json_array_foreach(options, i, option)
    {
        if (json_equal(option, given)) {
            *out = json_deep_copy(given);
            return 0;
        }
    }
    tsn_buf_init(&list, 200);
    json_array_foreach(options, i, option)(void) tsn_buf_printf(
        &list, "%s%s", i ? ", " : "", json_is_string(option) ? json_string_value(option) : "?");
    (void)tsn_diag_set(diag, TSN_EINPUT, "A014", "%s must be one of: %s", name,
                       list.data ? list.data : "");
    tsn_buf_free(&list);
    return TSN_EINPUT;
}

/* The command line has only words, so these count as flags and numbers too. */
static tsn_err take_flag(const char *name, const json_t *given, json_t **out,
                         struct tsn_diag *diag)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"yes", true}, {"false", false}, {"no", false}};
    const char *s = json_string_value(given);

    if (json_is_boolean(given)) {
        *out = json_boolean(json_is_true(given));
        return 0;
    }
    for (size_t i = 0; s && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(s, words[i].word) == 0) {
            *out = json_boolean(words[i].value);
            return 0;
        }
    }
    return bad_value(name, "true or false", diag);
}

static tsn_err take_number(const char *name, const json_t *field, const json_t *given,
                           json_t **out, struct tsn_diag *diag)
{
    const char *s = json_string_value(given);
    const json_t *min = json_object_get(field, "min"), *max = json_object_get(field, "max");
    double d = json_number_value(given);
    char *end = NULL;

    if (s) {
        errno = 0;
        d = strtod(s, &end);
        if (errno || end == s || *end)
            return bad_value(name, "a number", diag);
    } else if (!json_is_number(given)) {
        return bad_value(name, "a number", diag);
    }
    if ((min && d < json_number_value(min)) || (max && d > json_number_value(max)))
        return bad_value(name, "within its limits", diag);
    if (d > -9e15 && d < 9e15 && d == (double)(json_int_t)d)
        *out = json_integer((json_int_t)d);
    else
        *out = json_real(d);
    return *out ? 0 : bad_value(name, "a number", diag);
}

static tsn_err take_text(const char *name, const json_t *field, const json_t *given,
                         json_t **out, struct tsn_diag *diag)
{
    const char *s = json_string_value(given);
    size_t n = s ? characters(s) : 0;
    int64_t min = tsn_json_int(field, "min", is_required(field) ? 1 : 0);
    int64_t max = tsn_json_int(field, "max", TEXT_MAX);

    if (!s)
        return bad_value(name, "text", diag);
    if ((int64_t)n < min || (int64_t)n > max)
        return tsn_diag_set(diag, TSN_EINPUT, "A014",
                            "%s must have %lld to %lld characters, this has %zu", name,
                            (long long)min, (long long)max, n);
    *out = json_string(s);
    return 0;
}

static bool is_date(const char *s)
{
    int64_t ms;
    char full[32];

    if (!s)
        return false;
    if (strlen(s) != 10)
        return tsn_time_parse(s, &ms) == 0;
    memcpy(full, s, 10);
    memcpy(full + 10, "T00:00:00Z", 11);
    return tsn_time_parse(full, &ms) == 0;
}

static tsn_err take_value(const char *name, const json_t *field, const json_t *picks,
                          const json_t *given, json_t **out, struct tsn_diag *diag)
{
    const json_t *known = json_object_get(picks, tsn_json_str(field, "of", ""));
    const char *type = tsn_json_str(field, "type", "");
    const char *s = json_string_value(given);

    if (strcmp(type, "choice") == 0)
        return take_choice(name, json_object_get(field, "options"), given, out, diag);
    if (strcmp(type, "pick") == 0 && json_array_size(known) > 0)
        return take_choice(name, known, given, out, diag);
    if (strcmp(type, "flag") == 0)
        return take_flag(name, given, out, diag);
    if (strcmp(type, "number") == 0)
        return take_number(name, field, given, out, diag);
    if (strcmp(type, "text") == 0)
        return take_text(name, field, given, out, diag);
    if (strcmp(type, "date") == 0 && !is_date(s))
        return bad_value(name, "a date like 2026-11-24", diag);
    if (!s || !*s)
        return bad_value(name, "a name", diag);
    *out = json_string(s);
    return 0;
}

static tsn_err unknown_field(const json_t *fields, const char *name, struct tsn_diag *diag)
{
    const char *known[FIELDS_MAX], *key, *near;
    size_t n = 0;
    json_t *f;

    json_object_foreach(tsn_json_walk(fields), key, f) if (n < FIELDS_MAX) known[n++] = key;
    near = tsn_suggest(name, known, n);
    if (near)
        tsn_diag_hint(diag, "did you mean %s?", near);
    return tsn_diag_set(diag, TSN_EFIELD, "A012", "this question has no field %s", name);
}

tsn_err tsn_answer_check(const json_t *fields, const json_t *picks, const json_t *answer,
                         json_t **out, struct tsn_diag *diag)
{
    json_t *taken = json_object(), *f, *given;
    const char *name;
    tsn_err err = 0;

    json_object_foreach(tsn_json_walk(answer), name, given)
    {
        if (!json_object_get(fields, name)) {
            err = unknown_field(fields, name, diag);
            goto out;
        }
    }
    json_object_foreach(tsn_json_walk(fields), name, f)
    {
        json_t *value = NULL;

        given = json_object_get(answer, name);
        if (!given || json_is_null(given)) {
            if (!is_required(f))
                continue;
            err = tsn_diag_set(diag, TSN_EINPUT, "A013", "%s is missing", name);
            tsn_diag_hint(diag, "add %s=...", name);
            goto out;
        }
        err = take_value(name, f, picks, given, &value, diag);
        if (err)
            goto out;
        json_object_set_new(taken, name, value);
    }
    *out = taken;
    return 0;
out:
    json_decref(taken);
    return err;
}

/* --- who, and on what */

static bool has_role(const struct tsn_actor *who, const char *role)
{
    for (const char *const *r = who->roles; r && *r; r++)
        if (strcmp(*r, role) == 0)
            return true;
    return false;
}

static bool named(const json_t *people, const char *person)
{
    json_t *one;
    size_t i;

    if (json_is_string(people))
        return strcmp(json_string_value(people), person) == 0;
    json_array_foreach(people, i, one)
    {
        const char *name =
            json_is_object(one) ? tsn_json_str(one, "to", "") : json_string_value(one);

        if (name && strcmp(name, person) == 0)
            return true;
    }
    return false;
}

/* Its role, one that it was escalated to, asked by name, or delegated to. */
static bool may_decide(const struct tsn_rec_task *t, const json_t *spec,
                       const struct tsn_actor *who)
{
    json_t *role;
    size_t i;

    if (has_role(who, t->role) || named(json_object_get(spec, "to"), who->person) ||
        named(json_object_get(spec, "delegates"), who->person))
        return true;
    json_array_foreach(json_object_get(spec, "roles"), i,
                       role) if (json_is_string(role) &&
                                 has_role(who, json_string_value(role))) return true;
    return false;
}

static bool voted(const json_t *votes, const char *person)
{
    json_t *v;
    size_t i;

    json_array_foreach(votes, i,
                       v) if (strcmp(tsn_json_str(v, "by", ""), person) == 0) return true;
    return false;
}

static tsn_err check_person(const struct tsn_rec_task *t, const json_t *spec,
                            const json_t *votes, const struct tsn_actor *who,
                            struct tsn_diag *diag)
{
    if (!who || !who->person)
        return tsn_diag_set(diag, TSN_EDENIED, "A017", "only a person can decide %s", t->name);
    if (!may_decide(t, spec, who))
        return tsn_diag_set(diag, TSN_EDENIED, "A018",
                            "%s needs the role %s, %s does not have it", t->name, t->role,
                            who->person);
    if (named(json_object_get(spec, "not_by"), who->person)) {
        tsn_diag_hint(diag, "somebody else with the role %s must decide", t->role);
        return tsn_diag_set(diag, TSN_EDENIED, "A007",
                            "four eyes: %s did an earlier step of this and may not decide %s",
                            who->person, t->name);
    }
    if (voted(votes, who->person))
        return tsn_diag_set(diag, TSN_ECONFLICT, "A015",
                            "%s has voted on %s already; a quorum counts different people",
                            who->person, t->name);
    return 0;
}

static tsn_err check_state(const struct tsn_rec_task *t, struct tsn_diag *diag)
{
    char at[25];

    if (strcmp(t->state, "open") == 0)
        return 0;
    tsn_time_format(at, t->closed_at);
    return tsn_diag_set(diag, TSN_ECONFLICT, "A016", "%s is closed: %s by %s at %s", t->name,
                        t->state, t->decided_by ? t->decided_by : "nobody", at);
}

static tsn_err check_plan(const struct tsn_rec_task *t, const struct tsn_decision *d,
                          struct tsn_diag *diag)
{
    if (!t->digest)
        return 0;
    if (d->digest && strcmp(d->digest, t->digest) != 0) {
        tsn_diag_hint(diag, "look at it again: tocsin show %s", t->name);
        return tsn_diag_set(diag, TSN_ECONFLICT, "A009",
                            "the plan you saw is not the plan that %s asks about", t->name);
    }
    if (!d->digest && !d->plan_seen && strcmp(d->verb, "approve") == 0) {
        tsn_diag_hint(diag, "tocsin show %s prints the plan and its digest", t->name);
        return tsn_diag_set(diag, TSN_EINPUT, "A010",
                            "an approval must name the digest of the plan that was seen");
    }
    return 0;
}

static tsn_err check_verb(const struct tsn_rec_task *t, const char *verb, struct tsn_diag *diag)
{
    bool approval = strcmp(t->kind, "approve") == 0;
    bool votes = strcmp(verb, "approve") == 0 || strcmp(verb, "reject") == 0;

    if (strcmp(verb, "delegate") == 0)
        return 0;
    if (approval ? votes : strcmp(verb, "answer") == 0)
        return 0;
    if (approval)
        tsn_diag_hint(diag, "tocsin approve %s, or tocsin reject %s", t->name, t->name);
    else
        tsn_diag_hint(diag, "tocsin answer %s field=value ...", t->name);
    return tsn_diag_set(diag, TSN_EINPUT, "A011", "%s is %s: %s does not fit", t->name,
                        approval ? "an approval" : "a question", verb);
}

bool tsn_engine_may_decide(const char *role, const json_t *spec, const json_t *votes,
                           const struct tsn_actor *who)
{
    const struct tsn_rec_task t = {.name = "", .role = role};
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    return check_person(&t, spec, votes, who, &diag) == 0;
}

/* Nobody can hand on to whom the rules keep out, nor twice. */
static tsn_err check_delegate(const struct tsn_rec_task *t, const json_t *spec,
                              const json_t *votes, const struct tsn_actor *who,
                              const struct tsn_decision *d, struct tsn_diag *diag)
{
    if (!d->to || !tsn_word_ok(d->to, 64))
        return tsn_diag_set(diag, TSN_EINPUT, "A101", "say to whom: the id of a person");
    if (strcmp(d->to, who->person) == 0)
        return tsn_diag_set(diag, TSN_EINPUT, "A101", "%s may decide %s already", d->to,
                            t->name);
    if (named(json_object_get(spec, "not_by"), d->to))
        return tsn_diag_set(diag, TSN_EDENIED, "A007",
                            "four eyes: %s did an earlier step of this and may not decide %s",
                            d->to, t->name);
    if (voted(votes, d->to) || named(json_object_get(spec, "delegates"), d->to))
        return tsn_diag_set(diag, TSN_ECONFLICT, "A102", "%s has voted on %s or was asked to",
                            d->to, t->name);
    return tsn_reason_check(d->reason, diag);
}

tsn_err tsn_decide_check(const struct tsn_rec_task *task, const json_t *spec,
                         const json_t *votes, const struct tsn_actor *who,
                         const struct tsn_decision *d, const json_t *picks, json_t **answer_out,
                         struct tsn_diag *diag)
{
    tsn_err err = check_verb(task, d->verb, diag);

    *answer_out = NULL;
    if (!err)
        err = check_state(task, diag);
    if (!err)
        err = check_person(task, spec, votes, who, diag);
    if (err)
        return err;
    if (strcmp(d->verb, "delegate") == 0)
        return check_delegate(task, spec, votes, who, d, diag);
    if (strcmp(task->kind, "approve") == 0) {
        err = check_plan(task, d, diag);
        return err ? err : tsn_reason_check(d->reason, diag);
    }
    return tsn_answer_check(json_object_get(spec, "fields"), picks, d->answer, answer_out,
                            diag);
}
