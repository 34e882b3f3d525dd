/* ops_embargo.c - the embargo by the rules of Vultron EM, who takes part, and who may see a case.
 *
 * data of the embargo's row: { ends_at, proposed_by, pending: { ends_at, by }, early: { by, at,
 * reason }, was: [...] }. Ends are moments that mean one thing. */
#include "casework/case_work.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/zone.h"
#include "store/record_case.h"

#define EMBARGO_MOST_MS (INT64_C(366) * 2 * 86400000)

static json_t *time_json(int64_t ms)
{
    char text[25];
    tsn_time_format(text, ms);
    return json_string(text);
}

static int64_t time_of(const json_t *o, const char *key)
{
    int64_t ms = 0;
    const char *text = tsn_json_str(o, key, NULL);
    return text && tsn_time_parse(text, &ms) == 0 ? ms : 0;
}

static tsn_err get(struct tsn_case_work *w, struct tsn_rec_track *r, json_t **data)
{
    tsn_err err = tsn_track_get(w, TSN_TRACK_EMBARGO, "", r);
    *data = err ? NULL : tsn_track_data(r);
    return err;
}

static tsn_err go(struct tsn_case_work *w, const char *to, const char *reason, const char *note,
                  json_t *data, struct tsn_diag *diag)
{
    /* Until it has ended, the ticker looks at the end that is in force or proposed. */
    bool waits = strcmp(to, "exited") != 0 && strcmp(to, "none") != 0;
    struct tsn_track_how how = {.reason = reason,
                                .note = note,
                                .data = data,
                                .next_at = waits ? time_of(data, "ends_at") : 0};
    return tsn_track_move(w, TSN_TRACK_EMBARGO, "", to, &how, diag);
}

/* The date that is in force, as an instant that clocks run to. */
static tsn_err in_force(struct tsn_case_work *w, json_t *data, int64_t ends_at,
                        struct tsn_diag *diag)
{
    json_object_set_new(data, "ends_at", time_json(ends_at));
    return tsn_case_instant(w, "embargo_end", ends_at, NULL, true, diag);
}

static tsn_err take_end(struct tsn_case_work *w, const json_t *args, int64_t *out,
                        struct tsn_diag *diag)
{
    tsn_err err = tsn_moment_parse(tsn_json_str(args, "end", ""), out, diag);
    if (err)
        return err;
    if (*out <= w->now_ms || *out > w->now_ms + EMBARGO_MOST_MS) {
        tsn_diag_set(diag, TSN_EINPUT, "W034",
                     "an embargo ends in the future, within two years");
        tsn_diag_hint(diag, "45 to 90 days are usual; linux-distros takes at most 14");
        return TSN_EINPUT;
    }
    return 0;
}

/* A person who acts on what only members see is one of them. */
static tsn_err join_member(struct tsn_case_work *w, const char *person, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    const char *subject = tsn_track_subject(w, person);
    struct tsn_track_how how = {.label = person};
    tsn_err err = tsn_track_get(w, TSN_TRACK_MEMBER, subject, &r);
    if (err || !strcmp(r.state, "in"))
        return err;
    return tsn_track_move(w, TSN_TRACK_MEMBER, subject, "in", &how, diag);
}

static tsn_err party(struct tsn_case_work *w, const char *name, const char *to,
                     const char *note, struct tsn_diag *diag)
{
    struct tsn_track_how how = {.label = name, .note = note};
    return tsn_track_move(w, TSN_TRACK_PARTICIPANT, tsn_track_subject(w, name), to, &how, diag);
}

static tsn_err admit(struct tsn_case_work *w, const char *name, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    tsn_err err = tsn_track_get(w, TSN_TRACK_PARTICIPANT, tsn_track_subject(w, name), &r);
    if (err || !strcmp(r.state, "accepted"))
        return err;
    if (strcmp(r.state, "invited") != 0)
        err = party(w, name, "invited", NULL, diag);
    return err ? err : party(w, name, "accepted", NULL, diag);
}

/* embargo.propose{ end, by, note }: the first proposal; a second one, of somebody else, puts the
 * shorter date in force at once and leaves the longer as a revision to decide; one for an embargo
 * in force is a revision. `by`: the party's address; without it we propose. */
static tsn_err op_propose(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    json_t *data = NULL;
    int64_t end = 0;
    const char *by = tsn_json_str(args, "by", "us"), *note = tsn_json_str(args, "note", NULL);
    int64_t ours = w->config ? w->config->default_embargo_ms : 0;
    tsn_err err = take_end(w, args, &end, diag);
    if (!err)
        err = get(w, &r, &data);
    if (err)
        return err;
    if (!strcmp(r.state, "none") && ours && strcmp(by, "us") != 0) {
        /* The published default counts as our proposal: there are two at once. */
        json_object_set_new(data, "ends_at", time_json(w->now_ms + ours));
        json_object_set_new(data, "proposed_by", json_string("us"));
        err = go(w, "proposed", "published-default", NULL, data, diag);
        if (!err)
            err = tsn_track_get(w, TSN_TRACK_EMBARGO, "", &r);
    }
    if (err) {
        json_decref(data);
        return err;
    }
    if (!strcmp(r.state, "none")) {
        json_object_set_new(data, "ends_at", time_json(end));
        json_object_set_new(data, "proposed_by", json_string(by));
        err = go(w, "proposed", "proposed", note, data, diag);
        if (!err && w->by.actor && w->by.actor->person)
            err = join_member(w, w->by.actor->person, diag);
    } else if (!strcmp(r.state, "proposed")) {
        int64_t other = time_of(data, "ends_at"), shorter = end < other ? end : other;
        json_t *pending =
            json_pack("{s:o, s:s}", "ends_at", time_json(end < other ? other : end), "by",
                      end < other ? tsn_json_str(data, "proposed_by", "us") : by);
        json_object_set_new(data, "pending", pending);
        err = in_force(w, data, shorter, diag);
        if (!err)
            err = go(w, "active", "shorter", note, data, diag);
        if (!err && end != other)
            err = go(w, "revise", "longer", NULL, data, diag);
        if (!err && strcmp(by, "us") != 0)
            err = admit(w, by, diag);
    } else {
        json_object_set_new(data, "pending",
                            json_pack("{s:o, s:s}", "ends_at", time_json(end), "by", by));
        err = go(w, "revise", "revision", note, data, diag);
    }
    const char *proposer = tsn_json_str(data, "proposed_by", "us");
    if (!err && !strcmp(r.state, "proposed") && strcmp(proposer, "us") != 0)
        err = admit(w, proposer, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "embargo", w->c.embargo);
    return err;
}

/* embargo.default{ party, note }: the published default, which a party that handed in a report under our
 * policy has taken by its silence. */
static tsn_err op_default(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "party", ""),
               *note = tsn_json_str(args, "note", NULL);
    int64_t ours = w->config ? w->config->default_embargo_ms : 0;
    if (!ours) {
        tsn_diag_set(diag, TSN_ECONFLICT, "W037", "no default embargo is published");
        tsn_diag_hint(diag, "set `cases: default_embargo: 90d`, or use embargo.propose");
        return TSN_ECONFLICT;
    }
    json_t *data =
        json_pack("{s:o, s:s}", "ends_at", time_json(w->now_ms + ours), "proposed_by", "us");
    tsn_err err = go(w, "proposed", "published-default", note, data, diag);
    if (!err)
        err = in_force(w, data, w->now_ms + ours, diag);
    if (!err)
        err = go(w, "active", "silence", NULL, data, diag);
    if (!err)
        err = admit(w, name, diag);
    if (!err && w->by.actor && w->by.actor->person)
        err = join_member(w, w->by.actor->person, diag);
    if (!err)
        *result = json_pack("{s:s, s:O}", "embargo", w->c.embargo, "ends_at",
                            json_object_get(data, "ends_at"));
    json_decref(data);
    return err;
}

/* At the agreed moment an embargo has ended, by itself and whatever is pending: a revision that nobody
 * accepted moves nothing. A proposal that nobody accepted lapses. */
tsn_err tsn_embargo_due(struct tsn_case_work *w, bool *moved, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    json_t *data;
    *moved = false;
    if (!w->c.embargo || !strcmp(w->c.embargo, "none") || !strcmp(w->c.embargo, "exited"))
        return 0;
    tsn_err err = get(w, &r, &data);
    if (err)
        return err;
    int64_t end = time_of(data, "ends_at");
    bool on = tsn_embargo_on(r.state);
    if (end && end <= w->now_ms && (on || !strcmp(r.state, "proposed"))) {
        struct tsn_track_how how = {
            .reason = on ? "date" : "lapsed", .data = data, .at_ms = on ? end : 0};
        err = tsn_track_move(w, TSN_TRACK_EMBARGO, "", on ? "exited" : "none", &how, diag);
        *moved = !err;
    }
    json_decref(data);
    return err;
}

/* embargo.accept{ by, note }: of the proposal or of the revision. */
static tsn_err op_accept(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    json_t *data;
    const char *by = tsn_json_str(args, "by", "us");
    tsn_err err = get(w, &r, &data);
    if (err)
        return err;
    bool revision = !strcmp(r.state, "revise");
    json_t *pending = json_object_get(data, "pending");
    int64_t end = revision ? time_of(pending, "ends_at") : time_of(data, "ends_at");
    if (revision && !strcmp(tsn_json_str(pending, "by", ""), by))
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W035",
                           "who proposed the revision does not accept it");
    else if (!revision && !strcmp(tsn_json_str(data, "proposed_by", ""), by))
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W035", "who proposed it does not accept it");
    if (!err && end <= w->now_ms)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W034",
                           "what was proposed has passed: propose another end");
    if (!err) {
        json_object_del(data, "pending");
        err = in_force(w, data, end, diag);
    }
    if (!err)
        err = go(w, "active", "accepted", tsn_json_str(args, "note", NULL), data, diag);
    const char *proposer = tsn_json_str(data, "proposed_by", "us");
    if (!err && strcmp(by, "us") != 0)
        err = admit(w, by, diag);
    if (!err && !revision && strcmp(proposer, "us") != 0)
        err = admit(w, proposer, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "embargo", w->c.embargo);
    return err;
}

/* embargo.reject{ note }: no embargo, or the date stays as it is. */
static tsn_err op_reject(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    json_t *data;
    tsn_err err = get(w, &r, &data);
    if (err)
        return err;
    json_object_del(data, "pending");
    err = go(w, !strcmp(r.state, "revise") ? "active" : "none", "rejected",
             tsn_json_str(args, "note", NULL), data, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "embargo", w->c.embargo);
    return err;
}

/* embargo.exit{ reason }: from the agreed moment on, or when attacks are known. */
static tsn_err op_exit(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    struct tsn_tracks_now now;
    json_t *data = NULL;
    tsn_err err = tsn_tracks_now(w, &now);
    if (!err)
        err = get(w, &r, &data);
    if (!err && !strcmp(r.state, "exited")) {
        *result = json_pack("{s:s, s:b}", "embargo", "exited", "already", 1);
        json_decref(data);
        return 0;
    }
    if (!err && w->now_ms < time_of(data, "ends_at") && !tsn_embargo_should_end(&now)) {
        err = tsn_diag_set(diag, TSN_EDENIED, "W036", "the embargo holds until %s",
                           tsn_json_str(data, "ends_at", "its end"));
        tsn_diag_hint(diag, "embargo.release_early asks two people who lead");
    }
    if (!err)
        err = go(w, "exited", "ended", tsn_json_str(args, "reason", NULL), data, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s}", "embargo", "exited");
    return err;
}

/* embargo.release_early{ reason }: the first person asks, another one does it; an approval of two
 * people is as good. */
static tsn_err op_early(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    json_t *data;
    const char *person = w->by.actor->person, *reason = tsn_json_str(args, "reason", "");
    tsn_err err = get(w, &r, &data);
    if (err)
        return err;
    const char *first = tsn_json_str(json_object_get(data, "early"), "by", NULL);
    if (!tsn_embargo_on(r.state)) {
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W001", "there is no embargo in force (%s)",
                           r.state);
    } else if ((first && strcmp(first, person) != 0) || w->approvers >= 2) {
        err = go(w, "exited", "early", reason, data, diag);
    } else {
        json_object_set_new(data, "early",
                            json_pack("{s:s, s:o, s:s}", "by", person, "at",
                                      time_json(w->now_ms), "reason", reason));
        struct tsn_track_how how = {.data = data, .next_at = time_of(data, "ends_at")};
        err =
            tsn_case_log(w, "embargo.release_asked", "early", r.state, r.state, "note", reason);
        if (!err)
            err = tsn_track_put(w, TSN_TRACK_EMBARGO, "", r.state, &how);
    }
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:b}", "embargo", w->c.embargo, "needs_second_person",
                            strcmp(w->c.embargo, "exited") != 0);
    return err;
}

static tsn_err op_invite(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "party", "");
    tsn_err err = party(w, name, "invited", tsn_json_str(args, "note", NULL), diag);
    if (!err)
        *result = json_pack("{s:s}", "party", name);
    return err;
}

static tsn_err op_terms(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "party", "");
    bool yes = strcmp(tsn_json_str(args, "answer", "accepted"), "declined") != 0;
    tsn_err err = party(w, name, yes ? "accepted" : "declined",
                        tsn_json_str(args, "evidence", NULL), diag);
    if (!err)
        *result = json_pack("{s:s}", "party", name);
    return err;
}

/* Leaving is not ending: the embargo goes on for the others. */
static tsn_err op_leave(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "party", "");
    tsn_err err = party(w, name, "left", tsn_json_str(args, "note", NULL), diag);
    if (!err)
        *result = json_pack("{s:s}", "party", name);
    return err;
}

static tsn_err op_member(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    const char *person = tsn_json_str(args, "person", "");
    bool out = tsn_json_bool(args, "out", false);
    struct tsn_track_how how = {.label = person, .note = tsn_json_str(args, "reason", NULL)};
    if (strlen(person) > 64)
        return tsn_case_bad(diag, "case.member", "`person` is an id of the configuration");
    tsn_err err = tsn_track_move(w, TSN_TRACK_MEMBER, tsn_track_subject(w, person),
                                 out ? "out" : "in", &how, diag);
    if (!err)
        *result = json_pack("{s:s, s:b}", "person", person, "member", !out);
    return err;
}

static tsn_err op_restrict(struct tsn_case_work *w, const json_t *args, json_t **result,
                           struct tsn_diag *diag)
{
    bool off = tsn_json_bool(args, "off", false);
    const char *from = w->c.access ? w->c.access : "house", *to = off ? "house" : "members";
    tsn_err err = join_member(w, w->by.actor->person, diag);
    if (!err)
        err = tsn_case_log(w, "case.access", "access", from, to, "note",
                           tsn_json_str(args, "reason", ""));
    w->c.access = to;
    if (!err)
        *result = json_pack("{s:s}", "access", to);
    return err;
}

static int by_label(const void *a, const void *b)
{
    const struct tsn_rec_track *x = a, *y = b;
    return strcmp(x->label ? x->label : "", y->label ? y->label : "");
}

/* embargo.parties{}: { parties: [{ mail, state }] }, by address. */
static tsn_err op_parties(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_rec_track *rows;
    size_t n;
    json_t *list = json_array();
    (void)args;
    (void)diag;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_PARTICIPANT, &rows, &n);
    if (!err && n > 1)
        qsort(rows, n, sizeof *rows, by_label);
    for (size_t i = 0; i < n && !err; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "mail",
                                              rows[i].label ? rows[i].label : "", "state",
                                              rows[i].state));
    *result = json_pack("{s:o}", "parties", list);
    return err;
}

const struct tsn_case_op tsn_ops_embargo[] = {
    {"embargo.parties", "Who was invited, and who accepted the terms", TSN_OP_WORK, "",
     op_parties},
    {"embargo.propose", "Propose an end, or a revision of it", TSN_OP_WORK, "end! by note",
     op_propose},
    {"embargo.default", "The published default, accepted by silence", TSN_OP_WORK,
     "party! note", op_default},
    {"embargo.accept", "Accept the proposal or the revision", TSN_OP_WORK, "by note",
     op_accept},
    {"embargo.reject", "Refuse it; a date in force stays", TSN_OP_WORK, "note", op_reject},
    {"embargo.exit", "It ends as agreed, or because of attacks", TSN_OP_WORK, "reason!",
     op_exit},
    {"embargo.release_early", "Two people who lead end it before its date", TSN_OP_LEAD,
     "reason!", op_early},
    {"embargo.invite", "Ask a party to accept the terms", TSN_OP_WORK, "party! note",
     op_invite},
    {"embargo.terms", "A party accepted or declined the terms", TSN_OP_WORK,
     "party! answer evidence", op_terms},
    {"embargo.leave", "A party leaves; the embargo goes on", TSN_OP_WORK, "party! note",
     op_leave},
    {"case.member", "Who may see a case that only members see", TSN_OP_LEAD,
     "person! out reason", op_member},
    {"case.restrict", "Only members see the case, or the house again", TSN_OP_LEAD,
     "off reason!", op_restrict},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
