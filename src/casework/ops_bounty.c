/* ops_bounty.c - submissions of bounty programmes: entered, voted on, approved, offered, settled.
 *
 * The row is on the track `bounty`, one a report; data: { programme, site, weakness, root_cause, product,
 * public, arrival, votes: { person: band }, band, amount, currency, consent }. Whoever came first by
 * arrival may be entered last: so each is judged again with every step until it is offered. What is
 * offered is a promise and stays. Store thread. */
#include <stdlib.h>
#include <string.h>
#include "casework/bounty.h"
#include "casework/case_clocks.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/zone.h"
#include "store/record_case.h"

#define SUBS_MAX 20000

static const struct tsn_policy *programme_of(const struct tsn_case_work *w, const char *name)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    for (size_t i = 0; i < set->n; i++)
        if (set->docs[i]->programme && !strcmp(set->docs[i]->name, name))
            return set->docs[i];
    return NULL;
}

/* The one that a submission was entered for; NULL: not in force any more. */
static const struct tsn_policy *programme_in(const struct tsn_case_work *w, const json_t *data)
{
    return programme_of(w, tsn_json_str(data, "programme", ""));
}

static tsn_err not_in_force(struct tsn_diag *diag)
{
    return tsn_diag_set(diag, TSN_ENOTFOUND, "W053", "its programme is not in force any more");
}

/* Without a name: the one that covers the product and the site. */
static const struct tsn_policy *programme_for(const struct tsn_case_work *w, const json_t *args)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    const char *name = tsn_json_str(args, "programme", ""),
               *site = tsn_json_str(args, "site", "");
    if (name[0])
        return programme_of(w, name);
    for (size_t i = 0; i < set->n; i++)
        if (set->docs[i]->programme &&
            tsn_programme_covers(set->docs[i]->programme, w->c.product, site))
            return set->docs[i];
    return NULL;
}

static int64_t time_of(const json_t *o, const char *key)
{
    int64_t ms = 0;
    const char *text = tsn_json_str(o, key, NULL);
    return text && tsn_time_parse(text, &ms) == 0 ? ms : 0;
}

/* The submission of this report in this case; needs to exist. */
static tsn_err find(struct tsn_case_work *w, const json_t *args, struct tsn_rec_track *row,
                    json_t **data, struct tsn_diag *diag)
{
    struct tsn_rec_report r;
    const char *ref = tsn_json_str(args, "report", "");
    *data = NULL;
    tsn_err err = tsn_store_find(w->st, w->arena, &tsn_table_report, "name", ref, &r);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, ref, &r);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_BOUNTY, r.id, row);
    if (err == TSN_ENOTFOUND || (!err && !row->data)) {
        tsn_diag_set(diag, TSN_ENOTFOUND, "W052", "`%.40s` is not entered in a programme here",
                     ref);
        tsn_diag_hint(diag, "bounty.enter comes first");
        return TSN_ENOTFOUND;
    }
    if (!err)
        *data = tsn_track_data(row);
    return err;
}

static void fill(struct tsn_submission *s, const char *id, const json_t *data)
{
    int band = tsn_band_of(tsn_json_str(data, "voted", "none"));
    *s = (struct tsn_submission){.id = id,
                                 .site = tsn_json_str(data, "site", ""),
                                 .kind = tsn_json_str(data, "weakness", ""),
                                 .root_cause = tsn_json_str(data, "root_cause", ""),
                                 .product = tsn_json_str(data, "product", ""),
                                 .arrival_ms = time_of(data, "arrival"),
                                 .public_before = tsn_json_bool(data, "public", false),
                                 .band = band < 0 ? TSN_BAND_NONE : (enum tsn_band)band};
}

/* This submission against all others of its programme, of every case. */
static tsn_err judge(struct tsn_case_work *w, const struct tsn_programme *p, const char *id,
                     const json_t *data, struct tsn_bounty_verdict *out)
{
    struct tsn_filter f = {.column = "track", .cmp = TSN_CMP_EQ, .text = "bounty"};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = SUBS_MAX};
    void *list;
    size_t n = 0, kept = 1;
    tsn_err err = tsn_store_list(w->st, w->arena, &tsn_table_track, &how, &list, &n);
    if (err)
        return err;
    const struct tsn_rec_track *rows = list;
    struct tsn_submission *subs = tsn_arena_alloc(w->arena, (n + 1) * sizeof *subs);
    struct tsn_bounty_verdict *verdicts = tsn_arena_alloc(w->arena, (n + 1) * sizeof *verdicts);
    json_t **all = tsn_alloc((n + 1) * sizeof *all);
    fill(&subs[0], id, data);
    for (size_t i = 0; i < n; i++) {
        json_t *other = tsn_track_data(&rows[i]);
        bool same =
            !strcmp(tsn_json_str(other, "programme", ""), tsn_json_str(data, "programme", "-"));
        if (same && strcmp(rows[i].subject, id) != 0) {
            all[kept] = other;
            fill(&subs[kept++], rows[i].subject, other);
        } else {
            json_decref(other);
        }
    }
    tsn_bounty_judge(p, subs, kept, verdicts);
    *out = verdicts[0];
    out->of = out->of ? tsn_arena_strdup(w->arena, out->of) : NULL;
    for (size_t i = 1; i < kept; i++)
        json_decref(all[i]);
    free(all);
    return 0;
}

/* Moves by the verdict; an eligible one stays. */
static tsn_err apply_verdict(struct tsn_case_work *w, const char *id, const char *name,
                             json_t *data, const struct tsn_bounty_verdict *v,
                             struct tsn_diag *diag)
{
    json_object_del(data, "why");
    json_object_del(data, "duplicate_of");
    struct tsn_track_how how = {.reason = v->why, .label = name, .data = data};
    if (!v->why)
        return 0;
    bool duplicate = !strcmp(v->why, "same-root-cause");
    if (duplicate)
        json_object_set_new(data, "duplicate_of", json_string(v->of));
    json_object_set_new(data, "why", json_string(v->why));
    return tsn_track_move(w, TSN_TRACK_BOUNTY, id, duplicate ? "duplicate" : "not_eligible",
                          &how, diag);
}

/* What the case knows of it by now. */
static void look_at_case(const struct tsn_case_work *w, json_t *data)
{
    int64_t known = tsn_case_instant_at(w->facts, "public_aware");
    json_object_set_new(data, "product", json_string(w->c.product ? w->c.product : ""));
    if (known && known <= time_of(data, "arrival"))
        json_object_set_new(data, "public", json_true());
}

static json_t *verdict_json(const char *name, const json_t *data,
                            const struct tsn_bounty_verdict *v)
{
    return json_pack("{s:s, s:s, s:b, s:s*, s:s*}", "report", name, "programme",
                     tsn_json_str(data, "programme", ""), "eligible", v->why == NULL, "why",
                     v->why, "duplicate_of", v->of);
}

/* Judged again; *out: it earns nothing any more, has moved, and *result says why. */
static tsn_err again(struct tsn_case_work *w, const struct tsn_programme *p,
                     const struct tsn_rec_track *row, json_t *data, bool *out, json_t **result,
                     struct tsn_diag *diag)
{
    struct tsn_bounty_verdict v = {0};
    look_at_case(w, data);
    tsn_err err = judge(w, p, row->subject, data, &v);
    if (!err)
        err = apply_verdict(w, row->subject, row->label, data, &v, diag);
    *out = v.why != NULL;
    if (!err && v.why)
        *result = verdict_json(row->label, data, &v);
    return err;
}

/* When it came in elsewhere, for what a platform or another desk received first. */
static tsn_err take_arrival(const json_t *args, int64_t received, json_t *data,
                            struct tsn_diag *diag)
{
    const char *text = tsn_json_str(args, "arrival", NULL);
    int64_t ms = received;
    char at[25];
    if (text) {
        tsn_err err = tsn_moment_parse(text, &ms, diag);
        if (err)
            return err;
        if (ms > received)
            return tsn_diag_set(diag, TSN_EINPUT, "W004",
                                "`arrival` is after the report came in here");
    }
    tsn_time_format(at, ms);
    json_object_set_new(data, "arrival", json_string(at));
    return 0;
}

/* bounty.enter{ report, programme, site, weakness, root_cause, public, arrival } */
static tsn_err op_enter(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *ref = tsn_json_str(args, "report", "");
    const struct tsn_policy *p = programme_for(w, args);
    struct tsn_rec_report r = {0};
    struct tsn_rec_track link, row;
    struct tsn_bounty_verdict v = {0};
    tsn_err err = tsn_store_find(w->st, w->arena, &tsn_table_report, "name", ref, &r);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, ref, &r);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_LINK, r.id, &link);
    if (err == TSN_ENOTFOUND || (!err && strcmp(link.state, "attached") != 0))
        return tsn_diag_set(diag, TSN_ENOTFOUND, "W006", "the report %.40s is not in %s", ref,
                            w->c.name);
    if (!err && !p) {
        const char *name = tsn_json_str(args, "programme", "");
        tsn_diag_set(diag, TSN_ENOTFOUND, "W053",
                     name[0] ? "there is no programme `%.64s`"
                             : "no programme is for this product and `%.64s`",
                     name[0] ? name : tsn_json_str(args, "site", ""));
        tsn_diag_hint(diag, "programmes are policies: `tocsin policy list`");
        return TSN_ENOTFOUND;
    }
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_BOUNTY, r.id, &row);
    if (!err && row.data)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W001", "%s is entered already (%s)", r.name,
                           row.state);
    if (err)
        return err;
    json_t *data = json_object();
    static const char *const keys[] = {"site", "weakness", "root_cause"};
    for (size_t i = 0; i < 3; i++)
        json_object_set_new(data, keys[i], json_string(tsn_json_str(args, keys[i], "")));
    json_object_set_new(data, "programme", json_string(p->name));
    json_object_set_new(data, "public", json_boolean(tsn_json_bool(args, "public", false)));
    json_object_set_new(data, "currency", json_string(p->programme->currency));
    struct tsn_track_how how = {.label = r.name, .data = data};
    err = take_arrival(args, r.received_at, data, diag);
    look_at_case(w, data);
    if (!err)
        err = tsn_case_log(w, "bounty.entered", p->name, NULL, "candidate", "subject", r.name);
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_BOUNTY, r.id, "candidate", &how);
    if (!err)
        err = judge(w, p->programme, r.id, data, &v);
    if (!err)
        err = apply_verdict(w, r.id, r.name, data, &v, diag);
    if (!err)
        *result = verdict_json(r.name, data, &v);
    json_decref(data);
    return err;
}

/* bounty.facts{ report, site, weakness, root_cause, public, reason }: what turned out later. */
static tsn_err op_facts(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    static const char *const keys[] = {"site", "weakness", "root_cause", "public"};
    struct tsn_rec_track row;
    json_t *data, *diff = json_object();
    bool out = false;
    tsn_err err = find(w, args, &row, &data, diag);
    const struct tsn_policy *p = err ? NULL : programme_in(w, data);
    bool open = !err && (!strcmp(row.state, "candidate") || !strcmp(row.state, "rated") ||
                         !strcmp(row.state, "approved"));
    bool closed =
        !err && (!strcmp(row.state, "not_eligible") || !strcmp(row.state, "duplicate"));
    if (!err && !p)
        err = not_in_force(diag);
    else if (!err && !open && !closed)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W001",
                           "the reward is %s: what was promised stays", row.state);
    for (size_t i = 0; i < 4 && !err; i++) {
        json_t *given = json_object_get(args, keys[i]);
        if (!given)
            continue;
        json_t *to = !strcmp(keys[i], "public")
                         ? json_boolean(tsn_json_bool(args, keys[i], false))
                         : json_string(tsn_json_str(args, keys[i], ""));
        json_object_set_new(
            diff, keys[i],
            json_pack("{s:O?, s:O}", "from", json_object_get(data, keys[i]), "to", to));
        json_object_set_new(data, keys[i], to);
    }
    json_object_set_new(diff, "reason", json_string(tsn_json_str(args, "reason", "")));
    char *text = tsn_json_text(diff);
    if (!err)
        err = tsn_case_log(w, "bounty.facts", row.state, NULL, NULL, "diff", text);
    free(text);
    struct tsn_track_how how = {.label = row.label, .data = data};
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_BOUNTY, row.subject, row.state, &how);
    if (!err && open)
        err = again(w, p->programme, &row, data, &out, result, diag);
    if (!err && !*result)
        *result = json_pack("{s:s, s:b, s:s*}", "report", row.label, "eligible", open, "why",
                            tsn_json_str(data, "why", NULL));
    json_decref(diff);
    json_decref(data);
    return err;
}

/* A panel votes, not whoever passes by. Who answered a playbook's question has the role it asks for. */
static tsn_err seat(const struct tsn_case_work *w, const struct tsn_programme *p,
                    struct tsn_diag *diag)
{
    const struct tsn_actor *a = w->by.actor;
    if (!p->panel_roles || !p->panel_roles[0] || (a->auth && !strcmp(a->auth, "approval")))
        return 0;
    for (const char *const *r = a->roles; r && *r; r++)
        for (const char *const *k = p->panel_roles; *k; k++)
            if (!strcmp(*r, *k))
                return 0;
    tsn_diag_set(diag, TSN_EDENIED, "W055", "%.64s has no seat on the panel", a->person);
    tsn_diag_hint(diag, "`panel_roles` of the programme says who votes: %s", p->panel_roles[0]);
    return TSN_EDENIED;
}

/* bounty.vote{ report, band, reason }: one vote a person; the last one needed rates. */
static tsn_err op_vote(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data, *one;
    const char *who;
    enum tsn_band list[64];
    size_t n = 0;
    int band = tsn_band_of(tsn_json_str(args, "band", ""));
    tsn_err err = find(w, args, &row, &data, diag);
    if (!err && band < 0)
        err = tsn_diag_set(diag, TSN_EINPUT, "W003",
                           "`band` is none, low, medium, high or critical");
    if (!err && strcmp(row.state, "candidate") != 0)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W001", "the submission is %s, not a candidate",
                           row.state);
    const struct tsn_policy *p = err ? NULL : programme_in(w, data);
    if (!err && !p)
        err = not_in_force(diag);
    if (!err && p)
        err = seat(w, p->programme, diag);
    if (err || !p)
        goto out;
    look_at_case(w, data);
    json_t *votes = json_object_get(data, "votes");
    if (!votes)
        json_object_set_new(data, "votes", votes = json_object());
    json_object_set_new(votes, w->by.actor->person,
                        json_string(tsn_band_name((enum tsn_band)band)));
    json_object_foreach(votes, who, one)
    {
        if (n < 64)
            list[n++] = (enum tsn_band)tsn_band_of(json_string_value(one));
    }
    struct tsn_track_how how = {.data = data, .note = tsn_json_str(args, "reason", NULL)};
    err = tsn_case_log(w, "bounty.vote", tsn_band_name((enum tsn_band)band), NULL, NULL, "note",
                       how.note);
    if (!err && (int64_t)n < p->programme->panel) {
        err = tsn_track_put(w, TSN_TRACK_BOUNTY, row.subject, "candidate", &how);
    } else if (!err) {
        struct tsn_bounty_verdict v = {0};
        json_object_set_new(data, "voted",
                            json_string(tsn_band_name(tsn_bounty_median(list, n))));
        err = judge(w, p->programme, row.subject, data, &v);
        json_object_set_new(data, "band", json_string(tsn_band_name(v.band)));
        if (!err && v.why)
            err = apply_verdict(w, row.subject, row.label, data, &v, diag);
        else if (!err)
            err = tsn_track_move(w, TSN_TRACK_BOUNTY, row.subject, "rated", &how, diag);
    }
    if (!err) /* votes that rate it, or why it is out of it by now */
        *result =
            json_pack("{s:I, s:I, s:O?}", "votes", (json_int_t)n, "needed",
                      (json_int_t)p->programme->panel, "band", json_object_get(data, "band"));
    if (!err && json_object_get(data, "why"))
        json_object_set(*result, "why", json_object_get(data, "why"));
    int rated = err ? -1 : tsn_band_of(tsn_json_str(data, "band", ""));
    if (rated >= 0) /* what it may earn */
        json_object_update_new(*result, json_pack("{s:I, s:I, s:s}", "least",
                                                  (json_int_t)p->programme->least[rated],
                                                  "most", (json_int_t)p->programme->most[rated],
                                                  "currency", p->programme->currency));
out:
    json_decref(data);
    return err;
}

/* bounty.approve{ report, amount, reason }: within what the programme publishes. */
static tsn_err op_approve(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    const json_t *given = json_object_get(args, "amount");
    int64_t amount = json_is_integer(given) ? json_integer_value(given) : -1;
    if (json_is_string(given)) {
        char *end = NULL;
        amount = strtoll(json_string_value(given), &end, 10);
        amount = end && !*end && end != json_string_value(given) ? amount : -1;
    }
    bool out = false;
    tsn_err err = find(w, args, &row, &data, diag);
    if (err)
        return err;
    const struct tsn_policy *p = programme_in(w, data);
    int band = tsn_band_of(tsn_json_str(data, "band", "none"));
    if (!p || band < 0) {
        err = not_in_force(diag);
    } else if (json_object_get(json_object_get(data, "votes"), w->by.actor->person)) {
        err = tsn_diag_set(diag, TSN_EDENIED, "W056", "%.64s has voted: another one approves",
                           w->by.actor->person);
    } else if (amount < p->programme->least[band] || amount > p->programme->most[band]) {
        tsn_diag_set(diag, TSN_EINPUT, "W054", "%s earns %lld to %lld %s, not %lld",
                     tsn_band_name((enum tsn_band)band), (long long)p->programme->least[band],
                     (long long)p->programme->most[band], p->programme->currency,
                     (long long)amount);
        tsn_diag_hint(diag, "the ranges stand in %s@%lld", p->name, (long long)p->version);
        err = TSN_EINPUT;
    }
    if (!err && p && !strcmp(row.state, "rated"))
        err = again(w, p->programme, &row, data, &out, result, diag);
    json_object_set_new(data, "amount", json_integer(amount));
    struct tsn_track_how how = {.data = data, .note = tsn_json_str(args, "reason", NULL)};
    if (!err && !out)
        err = tsn_track_move(w, TSN_TRACK_BOUNTY, row.subject, "approved", &how, diag);
    json_decref(data);
    if (!err && !out)
        *result = json_pack("{s:I}", "amount", (json_int_t)amount);
    return err;
}

static tsn_err step(struct tsn_case_work *w, const json_t *args, const char *to,
                    const char *member, json_t **result, struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    tsn_err err = find(w, args, &row, &data, diag);
    if (err)
        return err;
    if (member && json_object_get(args, member))
        json_object_set(data, member, json_object_get(args, member));
    struct tsn_track_how how = {.data = data, .note = tsn_json_str(args, "reason", NULL)};
    err = tsn_track_move(w, TSN_TRACK_BOUNTY, row.subject, to, &how, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "state", to);
    return err;
}

static tsn_err op_offer(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    bool out = false;
    tsn_err err = find(w, args, &row, &data, diag);
    const struct tsn_policy *p = err ? NULL : programme_in(w, data);
    if (!err && p && !strcmp(row.state, "approved"))
        err = again(w, p->programme, &row, data, &out, result, diag);
    json_decref(data);
    return err || out ? err : step(w, args, "offered", NULL, result, diag);
}

/* bounty.settle{ report, outcome: paid declined donated, evidence } */
static tsn_err op_settle(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    const char *outcome = tsn_json_str(args, "outcome", "");
    if (strcmp(outcome, "paid") != 0 && strcmp(outcome, "declined") != 0 &&
        strcmp(outcome, "donated") != 0)
        return tsn_case_bad(diag, "bounty.settle", "`outcome` is paid, declined or donated");
    return step(w, args, outcome, "evidence", result, diag);
}

static tsn_err op_appeal(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    bool out = false;
    tsn_err err = find(w, args, &row, &data, diag);
    const struct tsn_policy *p = err ? NULL : programme_in(w, data);
    if (!err && !p)
        err = not_in_force(diag);
    static const char *const anew[] = {"why", "duplicate_of", "votes", "voted", "band"};
    for (size_t i = 0; i < sizeof anew / sizeof anew[0]; i++)
        json_object_del(data, anew[i]);
    struct tsn_track_how how = {
        .label = row.label, .data = data, .note = tsn_json_str(args, "reason", NULL)};
    if (!err)
        err = tsn_track_move(w, TSN_TRACK_BOUNTY, row.subject, "candidate", &how, diag);
    if (!err && p)
        err = again(w, p->programme, &row, data, &out, result, diag);
    if (!err && !out)
        *result = json_pack("{s:s, s:b}", "state", "candidate", "eligible", 1);
    json_decref(data);
    return err;
}

/* bounty.consent{ report, consent: the name to show, or none } */
static tsn_err op_consent(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "consent", "");
    if (strlen(name) > 100 || strchr(name, '\n'))
        return tsn_case_bad(diag, "bounty.consent", "`consent` is a name of at most 100 bytes");
    struct tsn_rec_track row;
    json_t *data;
    tsn_err err = find(w, args, &row, &data, diag);
    if (err)
        return err;
    json_object_set_new(data, "consent", json_string(name));
    struct tsn_track_how how = {.data = data};
    err = tsn_case_log(w, "bounty.consent", strcmp(name, "none") ? "named" : "none", NULL, NULL,
                       "note", name);
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_BOUNTY, row.subject, row.state, &how);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "consent", name);
    return err;
}

const struct tsn_case_op tsn_ops_bounty[] = {
    {"bounty.enter", "A report takes part in a programme; its rules are applied", TSN_OP_WORK,
     "report! programme site! weakness! root_cause public arrival", op_enter},
    {"bounty.facts", "What turned out later; its rules are applied again", TSN_OP_WORK,
     "report! reason! site weakness root_cause public", op_facts},
    {"bounty.vote", "One vote of the panel; enough of them rate", TSN_OP_PERSON,
     "report! band! reason!", op_vote},
    {"bounty.approve", "An amount within the published range", TSN_OP_LEAD,
     "report! amount! reason!", op_approve},
    {"bounty.offer", "Tell the finder what it earns", TSN_OP_WORK, "report!", op_offer},
    {"bounty.settle", "Paid, declined or donated", TSN_OP_PERSON,
     "report! outcome! evidence reason", op_settle},
    {"bounty.appeal", "Not eligible after all? Judge again", TSN_OP_PERSON, "report! reason!",
     op_appeal},
    {"bounty.consent", "The name to show in announcements, or none", TSN_OP_WORK,
     "report! consent!", op_consent},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
