/* event.c - one event becomes entries, a case and runs, in the transaction of its caller.
 *
 * Order in the log: trigger.received (sys), case.created, report.received (case), then run.opened
 * and run.started of each run, which refer back to the trigger. The trigger entry holds only where
 * it came from and digests: the content is sealed under the key of its case, so that erasing a case
 * erases it. Store thread. */
#include "intake/intake_int.h"

#include <string.h>
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"

const char *tsn_event_dedupe(struct tsn_arena *arena, const char *scope, const char *source,
                             const char *key)
{
    uint8_t hash[TSN_HASH_LEN];
    char *text = tsn_arena_printf(arena, "%s\n%s\n%s", scope, source, key);
    tsn_sha256_once(hash, text, strlen(text));
    char *hex = tsn_arena_alloc(arena, 2 * TSN_HASH_LEN + 1);
    tsn_hex(hex, hash, TSN_HASH_LEN);
    return hex;
}

/* --- rules -------------------------------------------------------------------------------- */

/* Value at a dotted path as the text it would have in YAML; NULL when it is not a scalar. */
static const char *value_text(struct tsn_arena *arena, const json_t *body, const char *path)
{
    const json_t *v = body;
    for (const char *p = path; v;) {
        size_t n = strcspn(p, ".");
        v = json_object_get(v, tsn_arena_strndup(arena, p, n));
        if (!p[n])
            break;
        p += n + 1;
    }
    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_integer(v))
        return tsn_arena_printf(arena, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v))
        return tsn_arena_printf(arena, "%.15g", json_real_value(v));
    if (json_is_boolean(v))
        return json_is_true(v) ? "true" : "false";
    return NULL;
}

static bool rule_fits(struct tsn_arena *arena, const struct tsn_rule *rule,
                      const struct tsn_event_new *ev)
{
    if (strcmp(rule->on, ev->kind) != 0)
        return false;
    for (const char *const *w = rule->when; w && w[0]; w += 2) {
        const char *value = value_text(arena, ev->body, w[0]);
        if (!value || strcmp(value, w[1]) != 0)
            return false;
    }
    return true;
}

static void read_target(const struct tsn_intake *in, size_t i, struct tsn_rule_target *out)
{
    /* The lock is all that is not const: const says that configuration is not changed here. */
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&in->lock;
    pthread_mutex_lock(lock);
    *out = in->targets[i];
    pthread_mutex_unlock(lock);
}

/* --- keys --------------------------------------------------------------------------------- */

const char *tsn_event_key(struct tsn_arena *arena, const struct tsn_rule_target *target,
                          const json_t *body)
{
    json_t *recipe = NULL, *part;
    struct tsn_buf text;
    const char *key = NULL;
    size_t i;
    bool whole = true;
    if (!target->key[0] || tsn_json_parse(target->key, strlen(target->key), &recipe, NULL))
        return NULL;
    tsn_buf_init(&text, (size_t)64 << 10);
    json_array_foreach(recipe, i, part)
    {
        const char *value = json_is_string(part)
                                ? json_string_value(part)
                                : value_text(arena, body, tsn_json_str(part, "path", ""));
        whole = whole && value && tsn_buf_puts(&text, value) == 0;
    }
    if (whole && text.len > 0)
        key = tsn_run_key(arena, target->name, text.data);
    tsn_buf_free(&text);
    json_decref(recipe);
    return key;
}

/* The matter is at work already: what comes now belongs to its case. */
static tsn_err case_by_key(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_intake *in, struct tsn_event_new *ev)
{
    for (size_t i = 0; i < in->config.nrules && !ev->case_id; i++) {
        struct tsn_rule_target target;
        struct tsn_rec_run run;
        if (!rule_fits(arena, &in->config.rules[i], ev))
            continue;
        read_target(in, i, &target);
        const char *key = target.found ? tsn_event_key(arena, &target, ev->body) : NULL;
        if (!key)
            continue;
        tsn_err err = tsn_run_with_key(st, arena, key, &run);
        if (!err)
            ev->case_id = run.case_id;
        else if (err != TSN_ENOTFOUND)
            return err;
    }
    return 0;
}

/* --- writing ------------------------------------------------------------------------------ */

static const char *actor_name(struct tsn_arena *arena, const struct tsn_actor *by)
{
    return by && by->person ? tsn_arena_printf(arena, "u:%s", by->person) : "svc:intake";
}

static const char *actor_auth(const struct tsn_actor *by)
{
    return by && by->auth ? by->auth : "svc";
}

static tsn_err append_trigger(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_event_new *ev, const char *dedupe,
                              const char *digest, int64_t *seq)
{
    json_t *args = json_object();
    json_object_set_new(args, "kind", json_string(ev->kind));
    json_object_set_new(args, "source", json_string(ev->source));
    json_object_set_new(args, "digest", json_string(digest));
    char *text = tsn_json_text(args);
    json_decref(args);
    struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "trigger.received";
    a.actor = actor_name(arena, ev->by);
    a.auth = actor_auth(ev->by);
    a.reason = ev->kind;
    a.idem = dedupe;
    a.fields = &field;
    a.nfields = 1;
    tsn_err err = tsn_store_append(st, &a, seq);
    free(text);
    return err;
}

static tsn_err case_of(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_intake *in, const struct tsn_event_new *ev,
                       int64_t now_ms, struct tsn_rec_case *out, struct tsn_diag *diag)
{
    if (ev->case_id) {
        tsn_err err = tsn_store_get(st, arena, &tsn_table_case, ev->case_id, out);
        if (!err && !strcmp(out->state, "open"))
            return 0;
        if (err && err != TSN_ENOTFOUND)
            return err;
        if (!ev->open)
            return err ? tsn_diag_set(diag, err, "H023", "there is no case `%s`", ev->case_id)
                       : tsn_diag_set(diag, TSN_ECONFLICT, "R061", "%s is closed", out->name);
    }
    if (!ev->open)
        return tsn_diag_set(diag, TSN_EBUG, "H013", "event without a case to open");
    struct tsn_case_new fresh = *ev->open;
    if (!fresh.by)
        fresh.by = ev->by;
    /* Products that the event names are what the case is about until a person says more. */
    json_t *facts = fresh.facts ? json_deep_copy(fresh.facts) : json_object(), *p;
    json_t *named = json_object_get(ev->body, "products");
    size_t i;
    if (json_is_array(named) && !json_object_get(facts, "products")) {
        json_t *ids = json_array();
        json_array_foreach(named, i, p)
        {
            const char *id =
                json_is_string(p) ? json_string_value(p) : tsn_json_str(p, "id", NULL);
            if (id)
                json_array_append_new(ids, json_string(id));
        }
        json_object_set_new(facts, "products", ids);
    }
    fresh.facts = facts;
    tsn_err err = tsn_case_open(st, arena, in->config.casework, &fresh, now_ms, out);
    json_decref(facts);
    return err;
}

static tsn_err write_report(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_event_new *ev, const struct tsn_report_part *part,
                            const struct tsn_event_out *out, int64_t now_ms,
                            const char **id_out, const struct tsn_intake *in,
                            struct tsn_diag *diag)
{
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    *id_out = tsn_arena_strdup(arena, id);
    char *text = tsn_json_text(part->kept);
    const char *kind = tsn_json_str(part->normal, "kind", "incident");
    struct tsn_field fields[] = {
        {.name = "args", .data = text, .len = strlen(text)},
        {.name = "src", .data = part->source, .len = strlen(part->source)},
        {.name = "subject", .data = part->receipt, .len = strlen(part->receipt)},
    };
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "report.received";
    a.actor = actor_name(arena, ev->by);
    a.auth = actor_auth(ev->by);
    a.case_id = out->rcase.id;
    a.case_chain = true;
    a.reason = kind;
    a.tlp = out->rcase.tlp;
    a.ref = out->seq;
    a.fields = fields;
    a.nfields = 3;
    int64_t seq;
    tsn_err err = tsn_store_append(st, &a, &seq);
    struct tsn_rec_report rec = {.id = id,
                                 .name = part->receipt,
                                 .case_id = out->rcase.id,
                                 .kind = kind,
                                 .source = part->source,
                                 .body = text,
                                 .received_at = now_ms,
                                 .noise = part->noise};
    if (!err)
        err = tsn_store_insert(st, &tsn_table_report, &rec);
    if (!err)
        err = tsn_case_report_came(st, arena, in->config.casework, &rec, ev->by, now_ms, diag);
    free(text);
    return err;
}

/* The person who looks at the case must see why nothing runs. */
static tsn_err note(struct tsn_store *st, const struct tsn_event_out *out, const char *reason,
                    const char *text)
{
    struct tsn_field field = {.name = "note", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    int64_t seq;
    a.kind = "case.note";
    a.actor = "svc:intake";
    a.auth = "svc";
    a.case_id = out->rcase.id;
    a.case_chain = true;
    a.reason = reason;
    a.tlp = out->rcase.tlp;
    a.ref = out->seq;
    a.fields = &field;
    a.nfields = 1;
    return tsn_store_append(st, &a, &seq);
}

static char *run_input(const struct tsn_event_new *ev, const struct tsn_rec_case *c)
{
    json_t *input = json_object();
    json_object_set_new(input, "event", ev->body ? json_deep_copy(ev->body) : json_object());
    json_object_set_new(input, "case", tsn_case_frozen(c));
    char *text = tsn_json_text(input);
    json_decref(input);
    return text;
}

static void remember_run(struct tsn_arena *arena, const struct tsn_admission_out *got,
                         struct tsn_event_out *out, json_t *names)
{
    const char *const wakes[] = {got->wake[0], got->wake[1], got->ended};
    for (size_t i = 0; i < 3; i++)
        if (wakes[i])
            out->wake[out->nwake++] = tsn_arena_strdup(arena, wakes[i]);
    if (got->what == TSN_ADMITTED_DROPPED) {
        out->dropped++;
        return;
    }
    out->runs[out->nruns++] = tsn_arena_strdup(arena, got->run.id);
    json_array_append_new(names, json_string(got->run.name));
}

static tsn_err start_runs(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_intake *in, const struct tsn_event_new *ev,
                          int64_t now_ms, struct tsn_event_out *out, json_t *names)
{
    char *input = run_input(ev, &out->rcase);
    char *body = ev->body ? tsn_json_text(ev->body) : tsn_strdup("{}");
    tsn_err err = 0;
    for (size_t i = 0; i < in->config.nrules && !err; i++) {
        const struct tsn_rule *rule = &in->config.rules[i];
        struct tsn_rule_target target;
        if (!rule_fits(arena, rule, ev))
            continue;
        read_target(in, i, &target);
        if (!target.found) {
            out->missing++;
            err = note(st, out, "no-playbook",
                       tsn_arena_printf(arena,
                                        "The rule for %s names the playbook `%s`, which is not "
                                        "loaded: no run was started for it.",
                                        ev->kind, rule->run));
            tsn_log(TSN_LOG_WARN, "rule.missing_playbook", "playbook", rule->run, "case",
                    out->rcase.name, NULL);
            continue;
        }
        const struct tsn_admission ask = {
            .run = {.playbook_hash = target.hash,
                    .playbook_title = target.title,
                    .case_id = out->rcase.id,
                    .input = input,
                    .key = tsn_event_key(arena, &target, ev->body),
                    .by = ev->by,
                    .ref = out->seq},
            .policy = target.policy,
            .event = ev->kind,
            .body = body,
            .epoch = target.epoch};
        struct tsn_admission_out got;
        err = tsn_run_admit(st, arena, &ask, now_ms, &got);
        if (err)
            break;
        remember_run(arena, &got, out, names);
        tsn_fault("intake.run_created");
    }
    free(body);
    if (!err && out->nruns == 0 && out->missing == 0 && out->dropped == 0 && !ev->quiet)
        err = note(st, out, "no-rule",
                   tsn_arena_printf(arena, "No rule is for this %s event: no run was started.",
                                    ev->kind));
    free(input);
    return err;
}

tsn_err tsn_event_write(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_intake *in, const struct tsn_event_new *ev,
                        const char *dedupe, const struct tsn_report_part *report,
                        int64_t now_ms, struct tsn_event_out *out, const char **answer,
                        struct tsn_diag *diag)
{
    static const struct tsn_actor nobody = {.auth = "svc"};
    struct tsn_event_new known = *ev;
    uint8_t hash[TSN_HASH_LEN];
    char digest[2 * TSN_HASH_LEN + 1], id[TSN_ULID_LEN + 1];
    const char *report_id = NULL;
    if (!known.by)
        known.by = &nobody;
    tsn_json_digest(hash, report ? report->normal : ev->body);
    tsn_hex(digest, hash, TSN_HASH_LEN);
    memset(out, 0, sizeof *out);

    json_t *reply = json_object(), *names = json_array();
    tsn_err err = append_trigger(st, arena, &known, dedupe, digest, &out->seq);
    if (!err)
        err = case_by_key(st, arena, in, &known);
    if (!err)
        err = case_of(st, arena, in, &known, now_ms, &out->rcase, diag);
    if (!err && report)
        err = write_report(st, arena, &known, report, out, now_ms, &report_id, in, diag);
    if (!err)
        err = start_runs(st, arena, in, &known, now_ms, out, names);
    if (err)
        goto out;

    if (report) {
        json_object_set_new(reply, "report", json_string(report_id));
        json_object_set_new(reply, "receipt", json_string(report->receipt));
    }
    json_object_set_new(reply, "case", json_string(out->rcase.name));
    json_object_set_new(reply, "case_id", json_string(out->rcase.id));
    json_object_set(reply, "runs", names);
    char *text = tsn_json_text(reply);
    *answer = tsn_arena_strdup(arena, text);
    free(text);
    tsn_id_new(id);
    struct tsn_rec_event rec = {.id = id,
                                .dedupe = dedupe,
                                .source = ev->source,
                                .kind = ev->kind,
                                .case_id = out->rcase.id,
                                .digest = digest,
                                .answer = *answer,
                                .received_at = now_ms,
                                .seq = out->seq};
    err = tsn_store_insert(st, &tsn_table_event, &rec);
out:
    json_decref(names);
    json_decref(reply);
    return err;
}

tsn_err tsn_event_accept(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_intake *in, const struct tsn_event_new *ev,
                         int64_t now_ms, struct tsn_event_out *out, struct tsn_diag *diag)
{
    const char *dedupe = tsn_event_dedupe(arena, "event", ev->source, ev->dedupe);
    const char *answer = NULL;
    struct tsn_rec_event old;
    if (!tsn_intake_known(in))
        return tsn_diag_set(diag, TSN_EBUSY, "H025", "tocsin is still starting");
    tsn_err err = tsn_store_find(st, arena, &tsn_table_event, "dedupe", dedupe, &old);
    if (err == TSN_ENOTFOUND)
        return tsn_event_write(st, arena, in, ev, dedupe, NULL, now_ms, out, &answer, diag);
    if (err)
        return err;
    memset(out, 0, sizeof *out);
    out->duplicate = true;
    out->seq = old.seq;
    err =
        tsn_store_get(st, arena, &tsn_table_case, old.case_id ? old.case_id : "", &out->rcase);
    return err == TSN_ENOTFOUND ? 0 : err;
}

tsn_err tsn_intake_case_event(const struct tsn_intake *in, struct tsn_store *st,
                              struct tsn_arena *arena, const char *case_id, const char *kind,
                              const char *source, const char *dedupe, const json_t *body,
                              int64_t now_ms, json_t *runs, struct tsn_diag *diag)
{
    struct tsn_event_new ev = {
        .source = source, .dedupe = dedupe, .kind = kind, .body = body, .case_id = case_id};
    struct tsn_event_out out = {0};
    struct tsn_rec_case c;
    bool wanted = false;
    for (size_t i = 0; i < in->config.nrules; i++)
        wanted = wanted || rule_fits(arena, &in->config.rules[i], &ev);
    if (!wanted)
        return 0;
    /* A closed case starts nothing; its log has the event all the same. */
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &c);
    if (err || strcmp(c.state, "open") != 0)
        return err;
    err = tsn_event_accept(st, arena, in, &ev, now_ms, &out, diag);
    for (size_t i = 0; i < out.nruns && !err; i++)
        json_array_append_new(runs, json_string(out.runs[i]));
    return err;
}
