/* ops_notice.c - who was told what: one row for each advisory version, stage and recipient.
 *
 * A step sends the mail; what came of it is recorded here, so that it is known per customer, and a new
 * try tells nobody twice. A mail that comes back says so on the row. The address is sealed; the subject
 * of a row is the advisory, the stage and a digest of the address. Store thread. */
#include "casework/case_work.h"

#include <string.h>
#include <strings.h>
#include "core/json.h"

/* `about` names an advisory: it becomes part of a row's id. */
static bool about_ok(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > 80)
        return false;
    for (; *s; s++)
        if (*s == ':' || (unsigned char)*s <= ' ' || (unsigned char)*s > '~')
            return false;
    return true;
}

/* notice.record{ about, to, state, stage, version, customer, list, note } */
static tsn_err op_record(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    static const char *const keep[] = {"stage", "version", "customer", "list", "about"};
    const char *about = tsn_json_str(args, "about", ""), *to = tsn_json_str(args, "to", "");
    const char *state = tsn_json_str(args, "state", ""),
               *stage = tsn_json_str(args, "stage", "publication");
    struct tsn_rec_track r;
    if (!about_ok(about))
        return tsn_case_bad(diag, "notice.record", "`about` is the name of an advisory");
    if (!tsn_case_word(stage, 32))
        return tsn_case_bad(diag, "notice.record", "`stage` must be a short lower-case word");
    if (strcmp(state, "sent") != 0 && strcmp(state, "failed") != 0)
        return tsn_case_bad(diag, "notice.record", "`state` is sent or failed");
    const char *subject =
        tsn_arena_printf(w->arena, "%s:%s:%s", about, stage, tsn_track_subject(w, to));
    tsn_err err = tsn_track_get(w, TSN_TRACK_NOTICE, subject, &r);
    if (err)
        return err;
    json_t *data = tsn_track_data(&r);
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++)
        if (json_object_get(args, keep[i]))
            json_object_set(data, keep[i], json_object_get(args, keep[i]));
    struct tsn_track_how how = {
        .label = to, .reason = stage, .note = tsn_json_str(args, "note", NULL), .data = data};
    err = strcmp(r.state, state) == 0
              ? tsn_track_put(w, TSN_TRACK_NOTICE, subject, state, &how)
              : tsn_track_move(w, TSN_TRACK_NOTICE, subject, state, &how, diag);
    json_decref(data);
    if (!err)
        *result = json_pack("{s:s, s:s}", "to", to, "state", state);
    return err;
}

/* notice.bounced{ to, note }: every notice of this case to that address came back. */
static tsn_err op_bounced(struct tsn_case_work *w, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    const char *to = tsn_json_str(args, "to", "");
    struct tsn_rec_track *rows;
    size_t n, moved = 0;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_NOTICE, &rows, &n);
    for (size_t i = 0; !err && i < n; i++) {
        struct tsn_track_how how = {.reason = "bounced",
                                    .note = tsn_json_str(args, "note", NULL)};
        if (!rows[i].label || strcasecmp(rows[i].label, to) != 0 ||
            strcmp(rows[i].state, "sent") != 0)
            continue;
        err = tsn_track_move(w, TSN_TRACK_NOTICE, rows[i].subject, "bounced", &how, diag);
        moved++;
    }
    if (!err)
        *result = json_pack("{s:i}", "notices", (int)moved);
    return err;
}

const struct tsn_case_op tsn_ops_notice[] = {
    {"notice.record", "What came of telling somebody of an advisory", TSN_OP_WORK,
     "about! to! state! stage version customer list note", op_record},
    {"notice.bounced", "What was sent to this address came back", TSN_OP_WORK, "to! note",
     op_bounced},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
