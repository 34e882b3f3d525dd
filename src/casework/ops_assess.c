/* ops_assess.c - what the team judges of a flaw: weakness, scores of both sides, SSVC. Each is an entry
 * with from and to, and a fact that the phase, advisories and policies look at. Store thread. */
#include "casework/case_work.h"

#include <stdlib.h>
#include <string.h>
#include "casework/cvss.h"
#include "casework/ssvc.h"
#include "core/clock.h"
#include "core/cwe.h"
#include "core/json.h"

static void note_time(const struct tsn_case_work *w, json_t *o)
{
    char at[25];
    tsn_time_format(at, w->now_ms);
    json_object_set_new(o, "at", json_string(at));
}

/* weakness.set{ cwe, note }: warns where CWE does not like the mapping, and keeps it all the same. */
static tsn_err op_weakness(struct tsn_case_work *w, const json_t *args, json_t **result,
                           struct tsn_diag *diag)
{
    const char *cwe = tsn_json_str(args, "cwe", ""), *warn = NULL;
    tsn_err err = tsn_cwe_judge(cwe, &warn, diag);
    if (err)
        return err;
    const char *from = tsn_json_str(w->facts, "cwe", NULL);
    from = tsn_arena_strdup(w->arena, from && tsn_cwe_number(from) ? from : "none");
    json_object_set_new(w->facts, "cwe", json_string(cwe));
    /* An embargoed case's weakness tells a part of its story: sealed, like every fact. */
    json_t *diff = json_pack("{s:{s:s, s:s}, s:s*, s:s*}", "cwe", "from", from, "to", cwe,
                             "warning", warn, "note", tsn_json_str(args, "note", NULL));
    char *text = tsn_json_text(diff);
    err = tsn_case_log(w, "case.assessed", "weakness", NULL, NULL, "diff", text);
    free(text);
    json_decref(diff);
    const char *name = tsn_cwe_name(tsn_cwe_number(cwe));
    if (!err)
        *result = json_pack("{s:s, s:s*, s:s*}", "cwe", cwe, "name", name, "warning", warn);
    return err;
}

static json_t *score_json(const struct tsn_case_work *w, const struct tsn_cvss *v)
{
    char canonical[TSN_CVSS_VECTOR_MAX];
    tsn_cvss_canonical(v, canonical);
    json_t *one =
        json_pack("{s:s, s:s, s:f, s:f, s:s}", "vector", canonical, "version",
                  tsn_cvss_version_text(v->version), "base", v->base / 10.0, "overall",
                  v->overall / 10.0, "severity", tsn_cvss_band(v->version, v->overall));
    note_time(w, one);
    return one;
}

void tsn_case_reporter_score(struct tsn_case_work *w, const struct tsn_rec_report *r)
{
    json_t *body = NULL, *scores = json_object_get(w->facts, "scores");
    struct tsn_diag d;
    struct tsn_cvss v;
    tsn_diag_init(&d);
    if (r->body)
        (void)tsn_json_parse(r->body, strlen(r->body), &body, NULL);
    const char *vector = tsn_json_str(body, "cvss", NULL);
    if (vector && !json_object_get(scores, "reporter") && tsn_cvss_parse(vector, &v, &d) == 0) {
        if (!json_is_object(scores))
            json_object_set_new(w->facts, "scores", scores = json_object());
        json_object_set_new(scores, "reporter", score_json(w, &v));
        w->dirty = true;
    }
    json_decref(body);
}

/* score.set{ vector, by, note }: `by` "us" (the case's score) or whose it is, for reference. */
static tsn_err op_score(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *vector = tsn_json_str(args, "vector", ""), *by = tsn_json_str(args, "by", "us");
    struct tsn_cvss v;
    tsn_err err = tsn_cvss_parse(vector, &v, diag);
    if (err)
        return err;
    if (!tsn_case_word(by, 32))
        return tsn_case_bad(diag, "score.set", "`by` is a short word: us, reporter, upstream");
    bool own = !strcmp(by, "us");
    json_t *scores = json_object_get(w->facts, "scores"), *old;
    if (!json_is_object(scores))
        json_object_set_new(w->facts, "scores", scores = json_object());
    old = json_object_get(scores, by);
    const char *was = tsn_arena_strdup(w->arena, tsn_json_str(old, "vector", "none"));
    json_t *one = score_json(w, &v);
    const char *canonical = tsn_json_str(one, "vector", "");
    json_object_set_new(scores, by, one);
    if (own)
        json_object_set_new(w->facts, "cvss", json_string(canonical));
    json_t *diff = json_pack("{s:s, s:{s:s, s:s}, s:s*}", "by", by, "cvss", "from", was, "to",
                             canonical, "note", tsn_json_str(args, "note", NULL));
    char *text = tsn_json_text(diff);
    err = tsn_case_log(w, "case.assessed", own ? "score" : "score-for-reference", NULL, NULL,
                       "diff", text);
    free(text);
    json_decref(diff);
    if (!err)
        *result = json_deep_copy(one);
    return err;
}

/* ssvc.decide{ table, points, note }: an outcome, or which points are missing and what they leave open. */
static tsn_err op_ssvc(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    const json_t *points = json_object_get(args, "points");
    json_t *made = NULL;
    if (points && !json_is_object(points) && json_array_size(points) != 0)
        return tsn_case_bad(diag, "ssvc.decide", "`points` is a table: { exploitation = ... }");
    const struct tsn_ssvc_table *t =
        tsn_ssvc_find(tsn_json_str(args, "table", "supplier"), diag);
    tsn_err err = t ? tsn_ssvc_decide(t, points, &made, diag) : TSN_EINPUT;
    if (err)
        return err;
    *result = json_incref(made);
    const char *outcome = tsn_json_str(made, "outcome", NULL);
    if (outcome) {
        json_t *all = json_object_get(w->facts, "ssvc");
        if (!json_is_object(all))
            json_object_set_new(w->facts, "ssvc", all = json_object());
        json_t *before = json_object_get(all, t->id);
        const char *was = tsn_arena_strdup(w->arena, tsn_json_str(before, "outcome", "none"));
        json_t *kept = json_deep_copy(made);
        json_object_del(kept, "possible");
        json_object_del(kept, "missing");
        if (json_object_get(args, "note"))
            json_object_set(kept, "note", json_object_get(args, "note"));
        note_time(w, kept);
        json_object_set_new(all, t->id, kept);
        json_t *diff = json_pack("{s:s, s:s, s:O}", "from", was, "to", outcome, "ssvc", kept);
        char *text = tsn_json_text(diff);
        err = tsn_case_log(w, "case.assessed", "ssvc", NULL, NULL, "diff", text);
        free(text);
        json_decref(diff);
    }
    json_decref(made);
    if (err) {
        json_decref(*result);
        *result = NULL;
    }
    return err;
}

const struct tsn_case_op tsn_ops_assess[] = {
    {"weakness.set", "The weakness as a CWE id; warns of mappings that CWE does not like",
     TSN_OP_WORK, "cwe! note", op_weakness},
    {"score.set", "A CVSS vector: ours, or with `by` somebody else's for reference",
     TSN_OP_WORK, "vector! by note", op_score},
    {"ssvc.decide", "An SSVC table decides: outcome, and what it hangs on", TSN_OP_WORK,
     "table points note", op_ssvc},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
