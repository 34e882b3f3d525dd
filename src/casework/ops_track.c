/* ops_track.c - operations that move a case on its tracks and note when things happened. */
#include "casework/living.h"

#include <string.h>
#include "core/clock.h"
#include "core/cve_id.h"
#include "core/json.h"
#include "core/zone.h"
#include "store/record_case.h"

/* `at`: when it happened; not in the future, because nothing that did not happen yet is a fact. */
static tsn_err take_at(struct tsn_case_work *w, const json_t *args, int64_t *at,
                       struct tsn_diag *diag)
{
    const char *text = tsn_json_str(args, "at", NULL);
    *at = 0;
    if (!text)
        return 0;
    tsn_err err = tsn_moment_parse(text, at, diag);
    if (!err && *at > w->now_ms)
        err = tsn_diag_set(diag, TSN_EINPUT, "W004", "`at` lies in the future: %.40s", text);
    return err;
}

/* Most cases have one report: it is meant. Several: "" stays. */
static tsn_err only_report(struct tsn_case_work *w, const char **subject)
{
    struct tsn_rec_track *rows;
    size_t n, attached = 0;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_LINK, &rows, &n);
    for (size_t i = 0; i < n && !err; i++)
        if (!strcmp(rows[i].state, "attached")) {
            attached++;
            *subject = rows[i].subject;
        }
    if (attached != 1)
        *subject = "";
    return err;
}

/* An id that we reserve is one of ours, and stands for one flaw: that of this case. */
static tsn_err may_reserve(struct tsn_case_work *w, const char *subject,
                           const struct tsn_cve_id *id, struct tsn_diag *diag)
{
    const struct tsn_filter f[2] = {{"track", TSN_CMP_EQ, "cve", 0},
                                    {"subject", TSN_CMP_EQ, subject, 0}};
    const struct tsn_list how = {.filters = f, .nfilters = 2, .limit = 100};
    size_t blocks = w->config ? w->config->ncve_blocks : 0, n = 0;
    bool ours = blocks == 0;
    void *rows = NULL;
    for (size_t i = 0; i < blocks && !ours; i++)
        ours = tsn_cve_block_has(&w->config->cve_blocks[i], id);
    if (!ours) {
        tsn_diag_set(diag, TSN_EINPUT, "W084", "%s is in none of our blocks", subject);
        tsn_diag_hint(diag, "`cases: cve_blocks:` of the configuration lists them");
        return TSN_EINPUT;
    }
    tsn_err err = tsn_store_list(w->st, w->arena, &tsn_table_track, &how, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_track *r = &((const struct tsn_rec_track *)rows)[i];
        /* Which case it is, whoever asks may not be allowed to know. */
        if (strcmp(r->case_id, w->c.id) != 0 && strcmp(r->state, "none") != 0)
            err = tsn_diag_set(diag, TSN_ECONFLICT, "W085",
                               "%s stands for another flaw already", subject);
    }
    return err;
}

/* track.move{ track, to, subject, reason, note, at } */
static tsn_err op_move(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    /* The others have operations of their own, which ask for more than a state. */
    static const enum tsn_track plain[] = {TSN_TRACK_REPORT, TSN_TRACK_DOCUMENT, TSN_TRACK_CVE,
                                           TSN_TRACK_INCIDENT, TSN_TRACK_UPSTREAM};
    const char *name = tsn_json_str(args, "track", ""), *to = tsn_json_str(args, "to", "");
    const char *subject = tsn_json_str(args, "subject", "");
    const char *reason = tsn_json_str(args, "reason", NULL);
    int track = tsn_track_of(name);
    bool known = false;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        known = known || (int)plain[i] == track;
    if (!known) {
        tsn_diag_set(diag, TSN_EINPUT, "W003", "track.move does not move `%.40s`", name);
        tsn_diag_hint(diag, "report, document, cve, incident, upstream; facts, embargo, clocks "
                            "and bounties have operations of their own");
        return TSN_EINPUT;
    }
    if (reason && !tsn_case_word(reason, 64))
        return tsn_case_bad(diag, "track.move", "`reason` must be a short word");
    if (strlen(subject) > 128)
        return tsn_case_bad(diag, "track.move", "`subject` has at most 128 bytes");
    if (!subject[0] && track == TSN_TRACK_REPORT) {
        tsn_err err = only_report(w, &subject);
        if (err)
            return err;
    }
    if (!subject[0] && track != TSN_TRACK_INCIDENT)
        return tsn_diag_set(diag, TSN_EINPUT, "W005",
                            "`subject` is missing: which %s of the case is meant", name);
    if (track == TSN_TRACK_CVE) {
        struct tsn_cve_id id;
        tsn_err err = tsn_cve_id_parse(subject, &id, diag);
        if (!err && !strcmp(to, "reserved"))
            err = may_reserve(w, subject, &id, diag);
        if (err)
            return err;
    }
    if (track == TSN_TRACK_REPORT) {
        struct tsn_rec_track link;
        tsn_err err = tsn_track_get(w, TSN_TRACK_LINK, subject, &link);
        if (err)
            return err;
        if (strcmp(link.state, "attached") != 0)
            return tsn_diag_set(diag, TSN_ENOTFOUND, "W006", "the report %.40s is not in %s",
                                subject, w->c.name);
    }
    struct tsn_rec_track r;
    struct tsn_track_how how = {.reason = reason, .note = tsn_json_str(args, "note", NULL)};
    tsn_err err = take_at(w, args, &how.at_ms, diag);
    if (!err)
        err = tsn_track_get(w, (enum tsn_track)track, subject, &r);
    if (err)
        return err;
    json_t *data = tsn_track_data(&r);
    if (track == TSN_TRACK_REPORT && !strcmp(to, "closed"))
        json_object_set_new(data, "rejected", json_boolean(!strcmp(r.state, "invalid")));
    how.data = data;
    const char *from = r.state;
    err = tsn_track_move(w, (enum tsn_track)track, subject, to, &how, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:s, s:s, s:s}", "track", name, "subject", subject, "from",
                            from, "to", to);
    return err;
}

/* track.look{ track, subject }: where it stands; an approval that shows it is void when it moves. */
static tsn_err op_look(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "track", "");
    struct tsn_rec_track r;
    int track = tsn_track_of(name);
    if (track < 0)
        return tsn_diag_set(diag, TSN_EINPUT, "W003", "there is no track `%.40s`", name);
    tsn_err err =
        tsn_track_get(w, (enum tsn_track)track, tsn_json_str(args, "subject", ""), &r);
    if (!err)
        *result = tsn_living_track(w, &r);
    return err;
}

/* fact.seen{ fact, at, vendor, evidence } */
static tsn_err op_fact(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    const char *word = tsn_json_str(args, "fact", "");
    const char *vendor = tsn_json_str(args, "vendor", "");
    unsigned letter = tsn_facts_letter(word);
    if (!letter) {
        tsn_diag_set(diag, TSN_EINPUT, "W003", "`%.40s` is not one of the six facts", word);
        tsn_diag_hint(diag, "vendor_aware fix_ready fix_deployed public_aware exploit_public "
                            "attacks_observed; other moments: instant.set");
        return TSN_EINPUT;
    }
    struct tsn_track_how how = {.reason = tsn_facts_word(letter),
                                .note = tsn_json_str(args, "evidence", NULL)};
    tsn_err err = take_at(w, args, &how.at_ms, diag);
    /* Rules hear of attacks under an embargo; a playbook that says so knows. */
    if (letter == TSN_FACT_A && !vendor[0] && !w->by.run && w->c.embargo &&
        tsn_embargo_on(w->c.embargo))
        how.next_at = w->now_ms;
    if (!err)
        err = tsn_facts_raise(w, vendor, letter, &how, diag);
    if (!err)
        *result = json_pack("{s:s}", "fact", tsn_facts_word(letter));
    return err;
}

/* instant.set{ name, at, evidence }: a moment that clocks count from; again = a correction. */
static tsn_err op_instant(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "name", "");
    int64_t at = 0;
    if (!tsn_case_word(name, 64))
        return tsn_case_bad(diag, "instant.set", "`name` must be a short lower-case word");
    tsn_err err = take_at(w, args, &at, diag);
    if (!err)
        err = tsn_case_instant(w, name, at ? at : w->now_ms,
                               tsn_json_str(args, "evidence", NULL), true, diag);
    if (!err)
        *result = json_pack("{s:s}", "name", name);
    return err;
}

/* instant.plan{ name, at }: an agreed time, which may lie ahead: what an authority asked for. */
static tsn_err op_plan(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "name", "");
    int64_t at = 0;
    if (!tsn_case_word(name, 64))
        return tsn_case_bad(diag, "instant.plan", "`name` must be a short lower-case word");
    tsn_err err = tsn_moment_parse(tsn_json_str(args, "at", ""), &at, diag);
    if (!err)
        err = tsn_case_instant(w, name, at, tsn_json_str(args, "evidence", NULL), true, diag);
    if (!err)
        *result = json_pack("{s:s}", "name", name);
    return err;
}

/* case.done{ reason }: a named person says that nothing is left to do. */
static tsn_err op_done(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    (void)diag;
    json_object_set_new(w->facts, "done_by", json_string(w->by.actor->person));
    tsn_err err = tsn_case_log(w, "case.done", "approved", NULL, NULL, "note",
                               tsn_json_str(args, "reason", ""));
    if (!err)
        *result = json_pack("{s:s}", "done_by", w->by.actor->person);
    return err;
}

const struct tsn_case_op tsn_ops_track[] = {
    {"track.move", "Move a report, document, CVE id, incident or upstream item", TSN_OP_WORK,
     "track! to! subject reason note at", op_move},
    {"track.look", "Where one of the tracks of the case stands", TSN_OP_WORK, "track! subject",
     op_look},
    {"fact.seen", "One of the six facts became true", TSN_OP_WORK, "fact! at vendor evidence",
     op_fact},
    {"instant.set", "When something happened that clocks count from", TSN_OP_WORK,
     "name! at evidence", op_instant},
    {"instant.plan", "An agreed time that a clock runs to", TSN_OP_WORK, "name! at! evidence",
     op_plan},
    {"case.done", "Nothing is left to do", TSN_OP_PERSON, "reason!", op_done},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
