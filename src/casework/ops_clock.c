/* ops_clock.c - operations on clocks: waive, supersede, an agreed time. */
#include "casework/case_clocks.h"

#include <string.h>
#include "core/json.h"
#include "core/zone.h"
#include "store/record_case.h"

static tsn_err find_clock(struct tsn_case_work *w, const json_t *args,
                          struct tsn_rec_track *out, struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "clock", "");
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    tsn_err err = tsn_track_get(w, TSN_TRACK_OBLIGATION, name, out);
    if (!err && !out->data && !tsn_policies_clock(set, name)) {
        tsn_diag_set(diag, TSN_ENOTFOUND, "W026", "%s has no clock `%.64s`", w->c.name, name);
        tsn_diag_hint(diag, "`tocsin clock list --case %s` shows them", w->c.name);
        return TSN_ENOTFOUND;
    }
    return err;
}

static tsn_err end_clock(struct tsn_case_work *w, const json_t *args, const char *to,
                         json_t **result, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    struct tsn_track_how how = {.note = tsn_json_str(args, "reason", NULL)};
    tsn_err err = find_clock(w, args, &r, diag);
    if (!err)
        err = tsn_track_move(w, TSN_TRACK_OBLIGATION, r.subject, to, &how, diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "clock", r.subject, "state", to);
    return err;
}

static tsn_err op_waive(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    return end_clock(w, args, "waived", result, diag);
}

static tsn_err op_supersede(struct tsn_case_work *w, const json_t *args, json_t **result,
                            struct tsn_diag *diag)
{
    return end_clock(w, args, "superseded", result, diag);
}

const struct tsn_case_op tsn_ops_clock[] = {
    {"clock.waive", "The promise or duty does not bind us here", TSN_OP_LEAD, "clock! reason!",
     op_waive},
    {"clock.supersede", "Another clock takes its place", TSN_OP_LEAD, "clock! reason!",
     op_supersede},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
