/* ops_link.c - reports and cases, many to many: attach, detach, move, merge, split, duplicate.
 *
 * A report belongs to a case while its row of the track `link` is `attached`; it may be attached to
 * several. What a report says stays sealed under the key of the case it came in with. */
#include "casework/access.h"
#include "casework/case_work.h"
#include "casework/likeness.h"

#include <string.h>
#include "core/json.h"
#include "store/record_case.h"

#define TELL_BYTES 20000

static tsn_err find_report(struct tsn_case_work *w, const char *ref, struct tsn_rec_report *out,
                           struct tsn_diag *diag)
{
    tsn_err err = tsn_store_find(w->st, w->arena, &tsn_table_report, "name", ref, out);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, ref, out);
    struct tsn_rec_case home;
    bool sees = true, closed;
    if (!err && w->viewer && out->case_id && strcmp(out->case_id, w->c.id) != 0 &&
        tsn_store_get(w->st, w->arena, &tsn_table_case, out->case_id, &home) == 0)
        err = tsn_access_sees(w->st, w->arena, w->config, w->viewer, &home, &sees, &closed);
    if (!err && !sees)
        err = TSN_ENOTFOUND;
    if (err == TSN_ENOTFOUND) {
        tsn_diag_set(diag, err, "W006", "there is no report `%.40s` here", ref);
        tsn_diag_hint(diag, "`tocsin report list` shows them");
    }
    return err;
}

static tsn_err attached(struct tsn_case_work *w, const char *report_id, bool *out)
{
    struct tsn_rec_track link;
    tsn_err err = tsn_track_get(w, TSN_TRACK_LINK, report_id, &link);
    *out = !err && !strcmp(link.state, "attached");
    return err;
}

static tsn_err attach(struct tsn_case_work *w, const struct tsn_rec_report *r,
                      const char *reason, struct tsn_diag *diag)
{
    struct tsn_rec_track rm;
    struct tsn_track_how how = {.reason = reason, .label = r->name};
    bool have;
    tsn_err err = attached(w, r->id, &have);
    if (err || have)
        return err;
    err = tsn_track_move(w, TSN_TRACK_LINK, r->id, "attached", &how, diag);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_REPORT, r->id, &rm);
    if (!err && !strcmp(rm.state, "start"))
        err = tsn_track_move(w, TSN_TRACK_REPORT, r->id, "received", &how, diag);
    return err;
}

static tsn_err detach(struct tsn_case_work *w, const struct tsn_rec_report *r,
                      const char *reason, struct tsn_diag *diag)
{
    struct tsn_track_how how = {.reason = reason, .label = r->name};
    bool have;
    tsn_err err = attached(w, r->id, &have);
    if (!err && !have)
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "W006", "the report %.40s is not in %s",
                           r->name, w->c.name);
    return err ? err : tsn_track_move(w, TSN_TRACK_LINK, r->id, "detached", &how, diag);
}

/* The other case of an operation on two; never the same one. */
static tsn_err open_other(struct tsn_case_work *w, const char *ref, struct tsn_case_work *other,
                          struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    bool closed;
    tsn_err err = w->viewer ? tsn_access_find(w->st, w->arena, w->config, w->viewer, ref, &c,
                                              &closed, diag)
                            : tsn_case_find(w->st, w->arena, ref, &c, diag);
    if (err)
        return err;
    if (!strcmp(c.id, w->c.id))
        return tsn_case_bad(diag, "case", "%s is this case itself", c.name);
    if (strcmp(c.state, "open") != 0)
        return tsn_diag_set(diag, TSN_ECONFLICT, "R061", "%s is closed", c.name);
    return tsn_case_work_open(other, w->st, w->arena, w->config, c.id, &w->by, w->now_ms, diag);
}

static tsn_err note_link(struct tsn_case_work *w, const char *reason, const char *name)
{
    json_t *links = json_object_get(w->facts, TSN_FACT_LINKS);
    if (!links)
        json_object_set_new(w->facts, TSN_FACT_LINKS, links = json_array());
    if (json_array_size(links) < TSN_CASE_LINKS_MAX)
        json_array_append_new(links, json_pack("{s:s, s:s}", "kind", reason, "id", name));
    char *text = tsn_json_text(json_array_get(links, json_array_size(links) - 1));
    tsn_err err = tsn_case_log(w, "case.linked", reason, NULL, NULL, "note", text);
    free(text);
    return err;
}

/* report.attach{ report } */
static tsn_err op_attach(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_report r = {0};
    tsn_err err = find_report(w, tsn_json_str(args, "report", ""), &r, diag);
    if (!err)
        err = attach(w, &r, "attached", diag);
    if (!err)
        *result = json_pack("{s:s}", "report", r.name);
    return err;
}

/* report.detach{ report, reason } */
static tsn_err op_detach(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_report r = {0};
    tsn_err err = find_report(w, tsn_json_str(args, "report", ""), &r, diag);
    if (!err)
        err = detach(w, &r, "detached", diag);
    if (!err)
        *result = json_pack("{s:s}", "report", r.name);
    return err;
}

/* report.move{ report, to }: in one transaction out of this case and into the other. */
static tsn_err op_move(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_report r = {0};
    struct tsn_case_work other = {0};
    tsn_err err = find_report(w, tsn_json_str(args, "report", ""), &r, diag);
    if (!err)
        err = open_other(w, tsn_json_str(args, "to", ""), &other, diag);
    if (err)
        return err;
    err = detach(w, &r, "moved", diag);
    if (!err)
        err = attach(&other, &r, "moved", diag);
    const char *name = other.c.name;
    err = tsn_case_work_close(&other, err, diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "report", r.name, "to", name);
    return err;
}

static tsn_err move_all(struct tsn_case_work *w, struct tsn_case_work *other,
                        const char *reason, struct tsn_diag *diag)
{
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_LINK, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_report r = {0};
        if (strcmp(rows[i].state, "attached") != 0)
            continue;
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, rows[i].subject, &r);
        if (!err)
            err = attach(other, &r, reason, diag);
    }
    return err;
}

/* case.merge{ into, reason }: the other case gets every report; this one closes as merged. */
static tsn_err op_merge(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    struct tsn_case_work other = {0};
    if (strcmp(w->c.state, "open") != 0)
        return tsn_diag_set(diag, TSN_ECONFLICT, "R061", "%s is closed", w->c.name);
    tsn_err err = open_other(w, tsn_json_str(args, "into", ""), &other, diag);
    if (err)
        return err;
    err = move_all(w, &other, "merged", diag);
    if (!err)
        err = note_link(&other, "merged-from", w->c.name);
    if (!err)
        err = note_link(w, "merged-into", other.c.name);
    const char *name = other.c.name;
    err = tsn_case_work_close(&other, err, diag);
    if (!err)
        err = tsn_case_log(w, "case.closed", "merged", w->c.state, "closed", "note",
                           tsn_json_str(args, "reason", ""));
    if (err)
        return err;
    w->c.state = "closed";
    w->c.resolution = "merged";
    w->c.closed_at = w->now_ms;
    *result = json_pack("{s:s}", "into", name);
    return 0;
}

/* What is split off a case that only members see is seen by its members only. */
static tsn_err keep_inside(struct tsn_case_work *w, struct tsn_case_work *other,
                           struct tsn_diag *diag)
{
    struct tsn_access_case a;
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_access_load(w->st, w->arena, w->config, &w->c, &a);
    if (err || !tsn_access_closed(&a))
        return err;
    err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_MEMBER, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const char *person = rows[i].label;
        struct tsn_track_how how = {.label = person, .reason = "split"};
        if (person && !strcmp(rows[i].state, "in"))
            err = tsn_track_move(other, TSN_TRACK_MEMBER, tsn_track_subject(other, person),
                                 "in", &how, diag);
    }
    if (!err)
        err = tsn_case_log(other, "case.access", "split", "house", "members", NULL, NULL);
    other->c.access = "members";
    return err;
}

/* case.split{ reports, title }: a new case of the same kind with these reports, which leave this. */
static tsn_err op_split(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const json_t *list = json_object_get(args, "reports");
    const char *title = tsn_json_str(args, "title", "");
    struct tsn_rec_report first = {0};
    struct tsn_case_work other = {0};
    size_t i, n = json_is_array(list) ? json_array_size(list) : 1;
    if (strlen(title) > TSN_CASE_TITLE_MAX)
        return tsn_case_bad(diag, "case.split", "title has at most %d bytes",
                            TSN_CASE_TITLE_MAX);
    const json_t *one = json_is_array(list) ? json_array_get(list, 0) : list;
    tsn_err err = json_is_string(one)
                      ? find_report(w, json_string_value(one), &first, diag)
                      : tsn_case_bad(diag, "case.split", "`reports` is a list of receipts");
    if (err)
        return err;
    json_t *facts = json_object(), *body = NULL;
    if (first.body && tsn_json_parse(first.body, strlen(first.body), &body, NULL) == 0)
        json_object_set_new(facts, TSN_FACT_REPORT, body);
    json_object_set_new(facts, TSN_FACT_RECEIPT, json_string(first.name));
    struct tsn_case_new fresh = {.kind = w->c.kind,
                                 .title = title,
                                 .facts = facts,
                                 .severity = w->c.severity,
                                 .product = w->c.product,
                                 .tlp = w->c.tlp,
                                 .by = w->by.actor};
    struct tsn_rec_case c;
    err = tsn_case_open(w->st, w->arena, w->config, &fresh, w->now_ms, &c);
    json_decref(facts);
    if (!err)
        err = tsn_case_work_open(&other, w->st, w->arena, w->config, c.id, &w->by, w->now_ms,
                                 diag);
    if (err)
        return err;
    err = keep_inside(w, &other, diag);
    for (i = 0; i < n && !err; i++) {
        struct tsn_rec_report r = {0};
        const json_t *ref = json_is_array(list) ? json_array_get(list, i) : list;
        err = json_is_string(ref)
                  ? find_report(w, json_string_value(ref), &r, diag)
                  : tsn_case_bad(diag, "case.split", "`reports` is a list of receipts");
        if (!err)
            err = detach(w, &r, "split", diag);
        if (!err)
            err = attach(&other, &r, "split", diag);
    }
    if (!err)
        err = note_link(&other, "split-from", w->c.name);
    if (!err)
        err = note_link(w, "split-into", c.name);
    err = tsn_case_work_close(&other, err, diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "case", c.name, "case_id", c.id);
    return err;
}

/* report.duplicate{ report, of, reason }: a person says so; credit goes by arrival. */
static tsn_err op_duplicate(struct tsn_case_work *w, const json_t *args, json_t **result,
                            struct tsn_diag *diag)
{
    struct tsn_rec_report r = {0}, of = {0};
    struct tsn_rec_track rm;
    bool have = false;
    tsn_err err = find_report(w, tsn_json_str(args, "report", ""), &r, diag);
    if (!err)
        err = find_report(w, tsn_json_str(args, "of", ""), &of, diag);
    if (!err && !strcmp(r.id, of.id))
        err = tsn_case_bad(diag, "report.duplicate", "a report is no duplicate of itself");
    if (!err)
        err = attached(w, r.id, &have);
    if (!err && !have)
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "W006", "the report %.40s is not in %s", r.name,
                           w->c.name);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_REPORT, r.id, &rm);
    if (err)
        return err;
    json_t *data = tsn_track_data(&rm);
    json_object_set_new(data, "duplicate_of", json_string(of.id));
    json_object_set_new(data, "first", json_boolean(r.received_at < of.received_at));
    struct tsn_track_how how = {.label = r.name, .data = data};
    err = tsn_case_log(w, "report.duplicate", "duplicate", NULL, of.id, "note",
                       tsn_json_str(args, "reason", ""));
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_REPORT, r.id, rm.state, &how);
    json_decref(data);
    if (!err)
        err = tsn_case_alike(w, &of, true, tsn_json_str(args, "reason", ""), diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "report", r.name, "of", of.name);
    return err;
}

tsn_err tsn_case_report_came(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_casework_config *config,
                             const struct tsn_rec_report *r, const struct tsn_actor *by,
                             int64_t now_ms, struct tsn_diag *diag)
{
    struct tsn_case_by who = {.actor = by, .service = "svc:intake"};
    struct tsn_case_work w;
    struct tsn_rec_track incident = {.state = NULL};
    struct tsn_track_how how = {.label = r->name, .at_ms = r->received_at};
    tsn_err err = tsn_case_work_open(&w, st, arena, config, r->case_id, &who, now_ms, diag);
    if (err)
        return err;
    /* report.received tells that it is in this case. */
    err = tsn_track_put(&w, TSN_TRACK_LINK, r->id, "attached", &how);
    if (!err)
        err = tsn_track_move(&w, TSN_TRACK_REPORT, r->id, "received", &how, diag);
    if (!err && !strcmp(w.c.kind, "incident"))
        err = tsn_track_get(&w, TSN_TRACK_INCIDENT, "", &incident);
    /* A second report of the same matter does not begin the incident again. */
    if (!err && incident.state && !strcmp(incident.state, "start"))
        err = tsn_track_move(&w, TSN_TRACK_INCIDENT, "", "received", NULL, diag);
    how.label = NULL;
    if (!err)
        tsn_case_reporter_score(&w, r);
    if (!err)
        err = tsn_likeness_propose(&w, r, diag);
    if (!err)
        err = tsn_facts_raise(&w, "", TSN_FACT_V, &how, diag);
    if (!err)
        err = tsn_case_instant(&w, "received", r->received_at, NULL, false, diag);
    return tsn_case_work_close(&w, err, diag);
}

/* report.tell{ message, state }: what a person says to whoever holds a receipt of this case. */
static tsn_err op_tell(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    const char *message = tsn_json_str(args, "message", ""),
               *state = tsn_json_str(args, "state", NULL),
               *before = tsn_json_str(w->facts, TSN_FACT_STATE, "received");
    if (!message[strspn(message, " \t\r\n")] || strlen(message) > TELL_BYTES)
        return tsn_case_bad(diag, "report.tell", "message has 1 to 20,000 bytes");
    if (state && !tsn_case_word(state, 64))
        return tsn_case_bad(diag, "report.tell", "state must be a short word");
    tsn_err err =
        tsn_case_log(w, "report.updated", NULL, state ? before : NULL, state, "note", message);
    if (err)
        return err;
    tsn_case_put_update(w->facts, state, message, w->now_ms);
    *result = json_object();
    return 0;
}

const struct tsn_case_op tsn_ops_link[] = {
    {"report.tell", "Words to the reporter, on the status page of their receipt", TSN_OP_PERSON,
     "message! state", op_tell},
    {"report.attach", "Another report of the same thing", TSN_OP_WORK, "report!", op_attach},
    {"report.detach", "The report is about something else", TSN_OP_WORK, "report! reason",
     op_detach},
    {"report.move", "Out of this case and into another", TSN_OP_WORK, "report! to!", op_move},
    {"report.duplicate", "The report says what another one said", TSN_OP_PERSON,
     "report! of! reason!", op_duplicate},
    {"case.merge", "All reports into another case; this one closes", TSN_OP_PERSON,
     "into! reason!", op_merge},
    {"case.split", "Some reports into a case of their own", TSN_OP_PERSON, "reports! title!",
     op_split},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
