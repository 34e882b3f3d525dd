/* retention.c - see retention.h. Store thread, but for reading a document, which is pure. */
#include "casework/retention.h"

#include <string.h>
#include "casework/case_clocks.h"
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"

/* A policy may change: what waits is looked at again this often. */
#define LOOK_MS (INT64_C(30) * 86400000)

/* --- the document --------------------------------------------------------------------------------- */

static tsn_err take_period(const struct tsn_yaml *map, const char *key, struct tsn_period *out,
                           struct tsn_diag *diag)
{
    const char *text = NULL;
    tsn_err err = tsn_yaml_str(map, key, false, &text, diag);
    if (err || !text || tsn_period_parse(text, out) == 0)
        return err;
    tsn_yaml_fail(tsn_yaml_find(map, key), diag, TSN_EINPUT, "C021", "`%.40s` is no period",
                  text);
    tsn_diag_hint(diag, "6mo, 36mo, 90d");
    return TSN_EINPUT;
}

static tsn_err read_rule(struct tsn_arena *arena, const struct tsn_yaml *node,
                         struct tsn_keep_rule *r, struct tsn_diag *diag)
{
    static const char *const known[] = {"id", "when", "from", "at_least", "at_most", "why"};
    if (node->type != TSN_YAML_MAP)
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "C014", "each of `rules` is a group");
    tsn_err err = tsn_yaml_known(node, "rule", known, sizeof known / sizeof known[0], diag);
    r->from = "closed";
    if (!err)
        err = tsn_yaml_str(node, "id", true, &r->id, diag);
    if (!err)
        err = tsn_yaml_str(node, "why", true, &r->why, diag);
    if (!err)
        err = tsn_yaml_str(node, "from", false, &r->from, diag);
    if (!err)
        err = tsn_when_read(arena, tsn_yaml_find(node, "when"), &r->when, diag);
    if (!err)
        err = take_period(node, "at_least", &r->at_least, diag);
    if (!err)
        err = take_period(node, "at_most", &r->at_most, diag);
    if (!err && !r->at_least.n && !r->at_most.n)
        err = tsn_yaml_fail(node, diag, TSN_EINPUT, "C013",
                            "a rule says `at_least`, `at_most` or both");
    return err;
}

tsn_err tsn_policy_read_retention(struct tsn_arena *arena, const struct tsn_yaml *root,
                                  struct tsn_policy *p, struct tsn_diag *diag)
{
    static const char *const top[] = {"policy", "kind",   "version", "owner",
                                      "title",  "source", "rules"};
    const struct tsn_yaml *list = tsn_yaml_find(root, "rules");
    tsn_err err = tsn_yaml_known(root, "retention", top, sizeof top / sizeof top[0], diag);
    if (!err && (!list || list->type != TSN_YAML_LIST || !list->first))
        err = tsn_yaml_fail(list ? list : root, diag, TSN_EINPUT, "C013",
                            "`rules` needs at least one item");
    if (err || !list)
        return err;
    for (const struct tsn_yaml *i = list->first; i; i = i->next)
        p->nkeeps++;
    struct tsn_keep_rule *rules = tsn_arena_alloc(arena, p->nkeeps * sizeof *rules);
    p->keeps = rules;
    for (const struct tsn_yaml *i = list->first; i && !err; i = i->next)
        err = read_rule(arena, i, rules++, diag);
    return err;
}

/* --- the judgement ----------------------------------------------------------------------------------- */

static int64_t from_ms(const struct tsn_case_work *w, const char *from)
{
    if (!strcmp(from, "closed"))
        return w->c.closed_at;
    if (!strcmp(from, "opened"))
        return w->c.opened_at;
    return tsn_case_instant_at(w->facts, from);
}

void tsn_retention_judge(const struct tsn_case_work *w, struct tsn_keep *out)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    json_t *values = tsn_case_values(w);
    *out = (struct tsn_keep){0};
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nkeeps; k++) {
            const struct tsn_keep_rule *r = &set->docs[i]->keeps[k];
            int64_t from = from_ms(w, r->from);
            if (!tsn_when_fits(&r->when, values))
                continue;
            int64_t least =
                from && r->at_least.n ? tsn_calendar_due(NULL, from, r->at_least, NULL) : 0;
            int64_t most =
                from && r->at_most.n ? tsn_calendar_due(NULL, from, r->at_most, NULL) : 0;
            if (!from && r->at_least.n && !out->waits)
                out->waits = r;
            if (least > out->least_ms) {
                out->least_ms = least;
                out->least = r;
            }
            if (most && (!out->most_ms || most < out->most_ms)) {
                out->most_ms = most;
                out->most = r;
            }
            break;
        }
    if (out->most_ms && out->most_ms < out->least_ms)
        out->most_ms = out->least_ms; /* what must be kept is kept */
    json_decref(values);
}

static bool held(const json_t *facts)
{
    const json_t *hold = json_object_get(facts, "legal_hold");
    return hold && !json_is_null(hold) && !json_is_false(hold);
}

tsn_err tsn_retention_allows(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_casework_config *config,
                             const struct tsn_rec_case *c, int64_t now_ms,
                             struct tsn_diag *diag)
{
    struct tsn_case_work w = {
        .st = st, .arena = arena, .config = config, .c = *c, .facts = tsn_case_facts(c)};
    struct tsn_keep keep;
    char until[25];
    tsn_err err = 0;
    tsn_retention_judge(&w, &keep);
    tsn_time_format(until, keep.least_ms);
    const struct tsn_keep_rule *rule = keep.waits               ? keep.waits
                                       : keep.least_ms > now_ms ? keep.least
                                                                : NULL;
    if (rule) {
        err = keep.waits ? tsn_diag_set(diag, TSN_ECONFLICT, "W045",
                                        "%s is to be kept, and its time has not begun: %.200s",
                                        c->name, rule->why)
                         : tsn_diag_set(diag, TSN_ECONFLICT, "W045",
                                        "%s is to be kept until %.10s: %.200s", c->name, until,
                                        rule->why);
        tsn_diag_hint(diag,
                      "rule %.60s of the retention policy; a court or a law can ask for "
                      "more: --basis court, law",
                      rule->id);
    }
    json_decref(w.facts);
    return err;
}

/* --- the track ---------------------------------------------------------------------------------------- */

/* Stands outside the case's chain, under the system's key: it outlives what it is about. */
static tsn_err ask(struct tsn_case_work *w, const struct tsn_keep *keep, int64_t *seq)
{
    const char *why = keep->most ? keep->most->why : "";
    struct tsn_field field = {"note", why, strlen(why)};
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = "audit.erase.asked";
    in.actor = "svc:retention";
    in.reason = "retention";
    in.from = "case";
    in.to = w->c.id;
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(w->st, &in, seq);
}

static tsn_err move(struct tsn_case_work *w, const char *to, const struct tsn_keep *keep,
                    int64_t next_at, struct tsn_diag *diag)
{
    char text[25];
    json_t *data = json_object();
    int64_t asked = -1;
    tsn_err err = 0;
    if (keep->most) {
        tsn_time_format(text, keep->most_ms);
        json_object_set_new(data, "rule", json_string(keep->most->id));
        json_object_set_new(data, "until", json_string(text));
    }
    if (!strcmp(to, "due"))
        err = ask(w, keep, &asked);
    if (asked >= 0)
        json_object_set_new(data, "asked", json_integer((json_int_t)asked));
    struct tsn_track_how how = {.data = data, .next_at = next_at, .reason = "retention"};
    if (!err)
        err = tsn_track_move(w, TSN_TRACK_RETENTION, "", to, &how, diag);
    json_decref(data);
    return err;
}

tsn_err tsn_retention_settle(struct tsn_case_work *w, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    struct tsn_keep keep;
    int64_t look = w->now_ms + LOOK_MS;
    if (!w->c.state || strcmp(w->c.state, "closed") != 0 || w->c.closed_at == 0)
        return 0;
    tsn_err err = tsn_track_get(w, TSN_TRACK_RETENTION, "", &r);
    if (err)
        return err;
    tsn_retention_judge(w, &keep);
    bool over = keep.most_ms && keep.most_ms <= w->now_ms, hold = held(w->facts);
    const char *to = !keep.most_ms ? "none" : !over ? "kept" : hold ? "held" : "due";
    int64_t next = !strcmp(to, "due")                           ? 0
                   : !strcmp(to, "kept") && keep.most_ms < look ? keep.most_ms
                                                                : look;
    if (strcmp(r.state, to) != 0) {
        if (!strcmp(r.state, "none") && strcmp(to, "kept") != 0)
            err = move(w, "kept", &keep, next, diag);
        return err ? err : move(w, to, &keep, next, diag);
    }
    bool looked = r.next_at > w->now_ms || !strcmp(to, "due");
    struct tsn_track_how how = {.next_at = next};
    return looked && r.next_at <= next ? 0
                                       : tsn_track_put(w, TSN_TRACK_RETENTION, "", to, &how);
}

tsn_err tsn_retention_over(struct tsn_store *st, struct tsn_arena *arena, const char *case_id)
{
    struct tsn_rec_track r;
    const char *id =
        tsn_arena_printf(arena, "%s:%s:", case_id, tsn_automata[TSN_TRACK_RETENTION].name);
    tsn_err err = tsn_store_get(st, arena, &tsn_table_track, id, &r);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    r.next_at = 0;
    return tsn_store_put(st, &tsn_table_track, &r);
}
