/* ops_filing.c - what goes to third parties: reports to authorities, submissions to the GSMA.
 *
 * A filing is drafted from the facts of the case as structured JSON and a rendered form, approved by
 * somebody else bound to its digest, sent, and confirmed with the receipt of the other side. Being sent
 * sets the instant that stops its clock. Store thread; what needs which facts is the table below. */
#include <stdlib.h>
#include <string.h>
#include "casework/living.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "core/zone.h"
#include "store/record_case.h"

/* Sources: Regulation (EU) 2024/2847 Article 14(2), (4) and (6); RMSV Article 7; GSMA FS.23 v4.1. */
static const struct form {
    const char *to, *stage, *title, *instant;
    const char *needs; /* names of facts, or of `fields` given; separated by spaces */
} forms[] = {
    {"enisa", "early_warning", "Early warning of an actively exploited vulnerability",
     "cra_early_warning_sent", "product title exploitation member_states"},
    {"enisa", "notification", "Vulnerability notification", "cra_notification_sent",
     "product title exploitation nature severity measures sensitivity"},
    {"enisa", "final", "Final report on an exploited vulnerability", "cra_final_report_sent",
     "product title description severity impact actor fix"},
    {"enisa", "incident_early_warning", "Early warning of a severe incident",
     "cra_incident_early_warning_sent", "product title malicious member_states"},
    {"enisa", "incident_notification", "Severe incident notification",
     "cra_incident_notification_sent", "product title nature assessment measures sensitivity"},
    {"enisa", "incident_final", "Final report on a severe incident", "cra_incident_final_sent",
     "product title description severity impact root_cause fix"},
    {"enisa", "intermediate", "Intermediate report", "cra_intermediate_sent",
     "product title status"},
    {"miit", "report", "Network product security vulnerability", "miit_reported",
     "product versions title nature severity description measures"},
    {"gsma", "submission", "GSMA coordinated vulnerability disclosure: submission",
     "gsma_submitted", "title standard description impact affected contact"},
};
#define FORMS (sizeof forms / sizeof forms[0])

static const struct form *form_of(const char *to, const char *stage)
{
    for (size_t i = 0; i < FORMS; i++)
        if (!strcmp(forms[i].to, to) && !strcmp(forms[i].stage, stage))
            return &forms[i];
    return NULL;
}

static json_t *value_of(struct tsn_case_work *w, const json_t *fields, const char *name)
{
    json_t *v = json_object_get(fields, name);
    const json_t *report = json_object_get(w->facts, TSN_FACT_REPORT);
    if (v && !json_is_null(v))
        return json_incref(v);
    v = json_object_get(w->facts, name);
    if (v && !json_is_null(v))
        return json_incref(v);
    if (!strcmp(name, "title") && w->c.title && w->c.title[0])
        return json_string(w->c.title);
    if (!strcmp(name, "product") && w->c.product)
        return json_string(w->c.product);
    if (!strcmp(name, "severity") && w->c.severity)
        return json_string(w->c.severity);
    if (!strcmp(name, "nature"))
        return json_incref(json_object_get(w->facts, "cwe"));
    if (!strcmp(name, "versions"))
        return json_incref(json_object_get(report, "version"));
    if (!strcmp(name, "description"))
        return json_incref(json_object_get(report, "text"));
    if (!strcmp(name, "exploitation"))
        return json_incref(json_object_get(json_object_get(w->facts, TSN_FACT_INSTANTS),
                                           "exploitation_aware"));
    return NULL;
}

static void render(struct tsn_buf *b, const struct form *f, const json_t *content,
                   const char *case_name)
{
    char *keys = tsn_strdup(f->needs), *save = NULL;
    (void)tsn_buf_printf(b, "# %s\n\nTo: %s\nReference: %s\n", f->title, f->to, case_name);
    for (char *k = strtok_r(keys, " ", &save); k; k = strtok_r(NULL, " ", &save)) {
        const json_t *v = json_object_get(content, k);
        char heading[40];
        (void)tsn_copy(heading, sizeof heading, k);
        for (char *p = heading; *p; p++)
            *p = *p == '_' ? ' ' : *p;
        heading[0] = (char)(heading[0] >= 'a' ? heading[0] - 32 : heading[0]);
        (void)tsn_buf_printf(b, "\n## %s\n\n", heading);
        if (json_is_string(v)) {
            (void)tsn_buf_printf(b, "%s\n", json_string_value(v));
        } else {
            char *text = tsn_json_text(v);
            (void)tsn_buf_printf(b, "%s\n", text);
            free(text);
        }
    }
    free(keys);
}

/* All that the form needs, or W060 with what is missing. New reference. */
static tsn_err content_of(struct tsn_case_work *w, const struct form *f, const json_t *fields,
                          json_t **out, struct tsn_diag *diag)
{
    char *keys = tsn_arena_strdup(w->arena, f->needs), *save = NULL;
    const char *missing = "";
    json_t *content = json_object();
    for (char *k = strtok_r(keys, " ", &save); k; k = strtok_r(NULL, " ", &save)) {
        json_t *v = value_of(w, fields, k);
        if (v)
            json_object_set_new(content, k, v);
        else
            missing = tsn_arena_printf(w->arena, "%s%s%s", missing, missing[0] ? ", " : "", k);
    }
    *out = content;
    if (!missing[0])
        return 0;
    json_decref(content);
    *out = NULL;
    tsn_diag_set(diag, TSN_EINPUT, "W060", "the %s to %s needs: %s", f->stage, f->to, missing);
    tsn_diag_hint(diag, "case:set them, or give them as `fields`");
    return TSN_EINPUT;
}

/* filing.draft{ to, stage, fields } */
static tsn_err op_draft(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *to = tsn_json_str(args, "to", ""), *stage = tsn_json_str(args, "stage", "");
    const struct form *f = form_of(to, stage);
    json_t *content = NULL;
    struct tsn_rec_track row;
    struct tsn_buf text;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1], at[25];
    if (!f) {
        tsn_diag_set(diag, TSN_EINPUT, "W061", "there is no form `%.40s` for `%.40s`", stage,
                     to);
        tsn_diag_hint(diag, "enisa: early_warning notification final incident_early_warning "
                            "incident_notification incident_final intermediate; miit: report; "
                            "gsma: submission");
        return TSN_EINPUT;
    }
    tsn_err err = content_of(w, f, json_object_get(args, "fields"), &content, diag);
    if (err)
        return err;
    const char *subject = tsn_arena_printf(w->arena, "%s-%s", to, stage);
    tsn_time_format(at, w->now_ms);
    json_t *report = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "format", "tocsin-filing/1", "to", to, "stage",
        stage, "reference", w->c.name, "drafted_at", at, "title", f->title, "content", content);
    tsn_json_digest(hash, report);
    tsn_hex(hex, hash, sizeof hash);
    tsn_buf_init(&text, (size_t)1 << 20);
    render(&text, f, content, w->c.name);
    const char *digest = tsn_arena_printf(w->arena, "sha256:%s", hex);
    json_t *data =
        json_pack("{s:O, s:s, s:s, s:s}", "report", report, "text", text.data ? text.data : "",
                  "digest", digest, "drafted_by", tsn_case_actor(w->arena, &w->by));
    struct tsn_track_how how = {.label = f->title, .data = data};
    err = tsn_track_get(w, TSN_TRACK_FILING, subject, &row);
    /* A new draft takes an approval back; what was sent is followed by a filing of its own. */
    if (!err && strcmp(row.state, "draft") != 0)
        err = tsn_track_move(w, TSN_TRACK_FILING, subject, "draft", &how, diag);
    else if (!err)
        err = tsn_track_put(w, TSN_TRACK_FILING, subject, "draft", &how);
    if (!err)
        err = tsn_case_log(w, "filing.drafted", subject, NULL, digest, NULL, NULL);
    if (!err)
        *result =
            json_pack("{s:s, s:s, s:s, s:O, s:s}", "id",
                      tsn_living_filing_id(w->arena, subject), "filing", subject, "digest",
                      digest, "report", report, "text", text.data ? text.data : "");
    tsn_buf_free(&text);
    json_decref(data);
    json_decref(report);
    json_decref(content);
    return err;
}

static tsn_err find(struct tsn_case_work *w, const json_t *args, struct tsn_rec_track *row,
                    json_t **data, struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "filing", "");
    tsn_err err = tsn_track_get(w, TSN_TRACK_FILING, name, row);
    *data = NULL;
    if (!err && !row->data) {
        tsn_diag_set(diag, TSN_ENOTFOUND, "W062", "%s has no filing `%.64s`", w->c.name, name);
        tsn_diag_hint(diag, "filing.draft comes first");
        return TSN_ENOTFOUND;
    }
    if (!err)
        *data = tsn_track_data(row);
    return err;
}

/* filing.approve{ filing, digest, reason }: by somebody else, of exactly this text. */
static tsn_err op_approve(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    tsn_err err = find(w, args, &row, &data, diag);
    if (err)
        return err;
    if (strcmp(tsn_json_str(data, "digest", ""), tsn_json_str(args, "digest", "-")) != 0)
        err =
            tsn_diag_set(diag, TSN_ECONFLICT, "W063", "this is not the text that was drafted");
    else if (!strcmp(tsn_json_str(data, "drafted_by", ""), tsn_case_actor(w->arena, &w->by)))
        err =
            tsn_diag_set(diag, TSN_EDENIED, "W064", "who drafts a filing does not approve it");
    struct tsn_track_how how = {.note = tsn_json_str(args, "reason", NULL), .data = data};
    if (!err)
        err = tsn_track_move(w, TSN_TRACK_FILING, row.subject, "approved", &how, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:s}", "filing", row.subject, "state", "approved");
    return err;
}

/* filing.sent{ filing, at, receipt }: the clock that waits for it stops. */
static tsn_err op_sent(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    int64_t at = w->now_ms;
    const char *when = tsn_json_str(args, "at", NULL),
               *receipt = tsn_json_str(args, "receipt", NULL);
    tsn_err err = find(w, args, &row, &data, diag);
    if (!err && when)
        err = tsn_moment_parse(when, &at, diag);
    if (!err && at > w->now_ms)
        err = tsn_diag_set(diag, TSN_EINPUT, "W004", "`at` lies in the future");
    const json_t *report = json_object_get(data, "report");
    const struct form *f =
        form_of(tsn_json_str(report, "to", ""), tsn_json_str(report, "stage", ""));
    struct tsn_track_how how = {.data = data, .at_ms = at};
    if (!err)
        err = tsn_track_move(w, TSN_TRACK_FILING, row.subject, "sent", &how, diag);
    if (!err && f)
        err = tsn_case_instant(w, f->instant, at, receipt, false, diag);
    if (!err && receipt) {
        json_object_set_new(data, "receipt", json_string(receipt));
        err = tsn_track_move(w, TSN_TRACK_FILING, row.subject, "receipted", &how, diag);
    }
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:s}", "filing", row.subject, "state",
                            receipt ? "receipted" : "sent");
    return err;
}

static tsn_err op_receipt(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    json_t *data;
    tsn_err err = find(w, args, &row, &data, diag);
    if (err)
        return err;
    json_object_set(data, "receipt", json_object_get(args, "receipt"));
    struct tsn_track_how how = {.data = data};
    err = tsn_track_move(w, TSN_TRACK_FILING, row.subject, "receipted", &how, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:s}", "filing", row.subject, "state", "receipted");
    return err;
}

/* --- is it for the GSMA? ------------------------------------------------------------------------------ */

/* GSMA CVD takes what a standard is to blame for and several vendors share, not one vendor's product
 * and not what is public. -1: does not matter. First row that fits. */
static const struct {
    int is_public, standard, industry, own;
    const char *decision, *why;
} gsma[] = {
    {1, -1, -1, -1, "own",
     "research that is public already is out of scope of the GSMA programme"},
    {0, 0, -1, -1, "own", "it is a flaw of an implementation, not of a standard"},
    {0, 1, 0, -1, "own", "the standard is involved, but only one vendor is affected"},
    {0, 1, 1, 0, "redirect", "a standard is to blame and no product of ours is affected"},
    {0, 1, 1, 1, "dual-file", "a standard is to blame and products of ours are affected too"},
};

static bool fits(int want, bool is)
{
    return want < 0 || (want != 0) == is;
}

static tsn_err op_gsma(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    bool is_public = tsn_json_bool(args, "public", false) ||
                     tsn_case_instant_at(w->facts, "public_aware") != 0;
    bool standard = tsn_json_bool(args, "standard_based", false);
    bool industry = tsn_json_bool(args, "industry_wide", false);
    bool own = tsn_json_bool(args, "own_product", false);
    size_t i = 0;
    (void)diag;
    while (!(fits(gsma[i].is_public, is_public) && fits(gsma[i].standard, standard) &&
             fits(gsma[i].industry, industry) && fits(gsma[i].own, own)))
        i++;
    json_object_set_new(w->facts, "gsma_decision", json_string(gsma[i].decision));
    tsn_err err =
        tsn_case_log(w, "gsma.decided", gsma[i].decision, NULL, NULL, "note", gsma[i].why);
    if (!err)
        *result = json_pack("{s:s, s:s, s:b}", "decision", gsma[i].decision, "why", gsma[i].why,
                            "needs_submission", strcmp(gsma[i].decision, "own") != 0);
    return err;
}

const struct tsn_case_op tsn_ops_filing[] = {
    {"filing.draft", "A report to an authority or the GSMA from the facts", TSN_OP_WORK,
     "to! stage! fields", op_draft},
    {"filing.approve", "Somebody else approves exactly this text", TSN_OP_PERSON,
     "filing! digest! reason", op_approve},
    {"filing.sent", "It went out; its clock stops", TSN_OP_WORK, "filing! at receipt", op_sent},
    {"filing.receipt", "The receipt of the other side", TSN_OP_WORK, "filing! receipt!",
     op_receipt},
    {"gsma.decide", "Redirect to the GSMA, file twice, or keep", TSN_OP_WORK,
     "standard_based! industry_wide! own_product! public", op_gsma},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
