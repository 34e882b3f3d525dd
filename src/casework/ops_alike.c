/* ops_alike.c - what became of proposals that two reports say the same. Only people decide. Store thread. */
#include "casework/access.h"
#include "casework/case_work.h"

#include <string.h>
#include "core/json.h"
#include "store/record_case.h"

/* Whoever asks must see the other report's case; a playbook sees what the whole house may. */
static tsn_err seen(struct tsn_case_work *w, const struct tsn_rec_report *r, bool *yes)
{
    struct tsn_rec_case home;
    bool closed;
    *yes = true;
    if (!r->case_id || !strcmp(r->case_id, w->c.id))
        return 0;
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_case, r->case_id, &home);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    return tsn_access_sees(w->st, w->arena, w->config, w->viewer, &home, yes, &closed);
}

/* report.alike{}: proposals that nobody has decided, the best first. */
static tsn_err op_alike(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    struct tsn_rec_track *rows;
    size_t n, at;
    json_t *items = json_array();
    (void)args;
    (void)diag;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_ALIKE, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_report r;
        bool yes = false;
        if (strcmp(rows[i].state, "proposed") != 0)
            continue;
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, rows[i].subject, &r);
        if (err == TSN_ENOTFOUND) {
            err = 0;
            continue;
        }
        if (!err)
            err = seen(w, &r, &yes);
        if (err || !yes)
            continue;
        json_t *one = tsn_track_data(&rows[i]);
        int64_t score = tsn_json_int(one, "score", 0);
        json_object_set_new(one, "of", json_string(r.name));
        json_object_set_new(one, "case", r.case_id ? json_string(r.case_id) : json_null());
        for (at = 0; at < json_array_size(items); at++)
            if (tsn_json_int(json_array_get(items, at), "score", 0) < score)
                break;
        json_array_insert_new(items, at, one);
    }
    *result = err ? NULL : json_pack("{s:O}", "items", items);
    json_decref(items);
    return err;
}

tsn_err tsn_case_alike(struct tsn_case_work *w, const struct tsn_rec_report *of, bool same,
                       const char *why, struct tsn_diag *diag)
{
    struct tsn_rec_track row;
    const char *to = same ? "same" : "different";
    struct tsn_track_how how = {.reason = "decided", .note = why};
    tsn_err err = tsn_track_get(w, TSN_TRACK_ALIKE, of->id, &row);
    if (err || !strcmp(row.state, to))
        return err;
    return tsn_track_move(w, TSN_TRACK_ALIKE, of->id, to, &how, diag);
}

/* report.different{ of, reason }: not the same; it is not proposed again. */
static tsn_err op_different(struct tsn_case_work *w, const json_t *args, json_t **result,
                            struct tsn_diag *diag)
{
    const char *ref = tsn_json_str(args, "of", "");
    struct tsn_rec_report of = {0};
    bool yes = true;
    tsn_err err = tsn_store_find(w->st, w->arena, &tsn_table_report, "name", ref, &of);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_get(w->st, w->arena, &tsn_table_report, ref, &of);
    if (!err)
        err = seen(w, &of, &yes);
    if (err == TSN_ENOTFOUND || !yes)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "W006", "there is no report `%.40s` here",
                            ref);
    if (!err)
        err = tsn_case_alike(w, &of, false, tsn_json_str(args, "reason", ""), diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "of", of.name, "state", "different");
    return err;
}

const struct tsn_case_op tsn_ops_alike[] = {
    {"report.alike", "Reports that may say the same, with score and reasons", TSN_OP_WORK, "",
     op_alike},
    {"report.different", "A person says that a proposed report is another thing", TSN_OP_PERSON,
     "of! reason!", op_different},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
