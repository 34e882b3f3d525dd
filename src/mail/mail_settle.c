/* mail_settle.c - what a read mail becomes, in one transaction. Store thread.
 *
 * Joining needs both: a reference that only we can make (or a good signature by a key that the case
 * knows), and a sender whom the case knows. One alone holds the mail for a person: a forwarded mail
 * carries the reference, and a From line can be written by anybody.
 */
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/json.h"
#include "core/text.h"
#include "mail/mail_int.h"
#include "mail/mail_read.h"
#include "store/record_case.h"
#include "store/record_mail.h"

#define DAY_MS  (INT64_C(24) * 3600 * 1000)
#define HOUR_MS (INT64_C(3600) * 1000)

static const char *const nobody[] = {NULL};
static const struct tsn_actor mail_actor = {.roles = nobody, .auth = "mail"};

static void drop_json(void *p)
{
    json_decref(p);
}

/* --- entries ----------------------------------------------------------------------------- */

static tsn_err log_mail(struct tsn_store *st, struct tsn_arena *arena, const char *kind,
                        const struct tsn_rec_mail *row, const char *to, const char *case_id,
                        const struct tsn_actor *by)
{
    json_t *args =
        json_pack("{s:s, s:s, s:s, s:I, s:s*}", "mail", row->id, "sha256", row->sha256,
                  "source", row->source, "size", (json_int_t)row->size, "reason", row->reason);
    char *text = tsn_json_text(args);
    struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    tsn_err err;

    a.kind = kind;
    a.actor = by && by->person ? tsn_arena_printf(arena, "u:%s", by->person) : "svc:mail";
    a.auth = by ? by->auth : "svc";
    a.case_id = case_id;
    a.case_chain = case_id != NULL;
    a.from = row->state;
    a.to = to;
    a.fields = &field;
    a.nfields = 1;
    err = tsn_store_append(st, &a, NULL);
    free(text);
    json_decref(args);
    return err;
}

/* --- who is it, and where does it belong ----------------------------------------------------- */

static json_t *references(struct tsn_arena *arena, const json_t *found)
{
    json_t *all = json_array();

    tsn_arena_defer(arena, drop_json, all);
    if (json_is_array(json_object_get(found, "references")))
        json_array_extend(all, json_object_get(found, "references"));
    if (json_is_array(json_object_get(found, "in_reply_to")))
        json_array_extend(all, json_object_get(found, "in_reply_to"));
    return all;
}

/* Does a report of this case come from this address, or name this key? */
static tsn_err known_there(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                           const json_t *found, bool *address, bool *key)
{
    const struct tsn_filter of = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id};
    const struct tsn_list how = {.filters = &of, .nfilters = 1};
    const char *from = tsn_json_str(json_object_get(found, "from"), "mail", ""),
               *fpr = tsn_json_str(found, "signer_fpr", "");
    bool good = strcmp(tsn_json_str(found, "signature", "none"), "good") == 0;
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_report, &how, &list, &n);
    const struct tsn_rec_report *rows = list;

    *address = *key = false;
    for (size_t i = 0; !err && i < n; i++) {
        json_t *body = NULL;
        const json_t *mail;
        const char *had;

        if (!rows[i].body ||
            tsn_json_parse(rows[i].body, strlen(rows[i].body), &body, NULL) != 0)
            continue;
        tsn_arena_defer(arena, drop_json, body);
        had = tsn_json_str(json_object_get(body, "contact"), "mail", NULL);
        mail = json_object_get(body, "mail");
        if (had &&
            strcmp(tsn_mail_sender_hash(arena, had), tsn_mail_sender_hash(arena, from)) == 0)
            *address = true;
        if (good && *fpr &&
            (strcmp(tsn_json_str(mail, "signer_fpr", ""), fpr) == 0 ||
             strcmp(tsn_json_str(mail, "key_fpr", ""), fpr) == 0))
            *key = true;
    }
    return err;
}

/* out->id "" = it names no case of ours. *why: it must wait for a person. *asked: the answer of somebody
 * who was asked to accept the terms of its embargo, to a mail of ours about it. */
static tsn_err place(struct tsn_store *st, struct tsn_arena *arena, struct tsn_mail_settle *s,
                     struct tsn_rec_case *out, const char **why, bool *asked)
{
    const char *named = tsn_json_str(s->found, "case_id", NULL), *referred;
    bool address, key;
    tsn_err err;

    memset(out, 0, sizeof(*out));
    *why = NULL;
    referred = tsn_mail_reference_find(arena, s->cfg->reference_key,
                                       references(arena, s->found), s->cfg->domain);
    if (!referred && !named)
        return 0;
    err = tsn_store_find(st, arena, &tsn_table_case, "name", referred ? referred : named, out);
    if (err == TSN_ENOTFOUND) {
        memset(out, 0, sizeof(*out));
        *why = "it names a case that does not exist";
        return 0;
    }
    if (!err)
        err = known_there(st, arena, out->id, s->found, &address, &key);
    if (!err && referred && !(named && strcmp(referred, named) != 0) && !address && !key)
        err = tsn_mail_terms_asked(st, arena, s, out->id, asked);
    if (err)
        return err;
    if (strcmp(out->state, "open") != 0)
        *why = "its case is closed";
    else if (referred && named && strcmp(referred, named) != 0)
        *why = "its reference and its subject name two cases";
    else if (key || (referred && address))
        return 0;
    else if (referred)
        *why = "the sender is not known in that case";
    else
        *why = "it names a case without a reference of ours or a signature that the case knows";
    return 0;
}

/* --- may it be answered -------------------------------------------------------------------- */

static tsn_err counted(struct tsn_store *st, const char *column, const char *text,
                       int64_t since, int64_t *n)
{
    const struct tsn_filter filters[] = {
        {.column = "answered_at", .cmp = TSN_CMP_GT, .number = since},
        {.column = column, .cmp = TSN_CMP_EQ, .text = text}};

    return tsn_store_count(st, &tsn_table_mail, filters, text ? 2 : 1, n);
}

/* NULL in *why: yes. RFC 3834 2, and limits so that forged senders cannot use us. */
static tsn_err may_answer(struct tsn_store *st, const struct tsn_mail_settle *s,
                          const struct tsn_rec_mail *row, const char **why)
{
    int64_t sender = 0, all = 0,
            most = s->cfg->answers_per_hour ? s->cfg->answers_per_hour : 100;
    tsn_err err = counted(st, "sender", row->sender, s->now_ms - DAY_MS, &sender);

    if (!err)
        err = counted(st, "sender", NULL, s->now_ms - HOUR_MS, &all);
    *why = tsn_json_str(s->found, "automatic", NULL);
    if (!*why && !json_object_get(s->found, "from"))
        *why = "no-sender";
    if (!*why && sender > 0)
        *why = "sender-limit";
    if (!*why && all >= most)
        *why = "hour-limit";
    return err;
}

/* --- outcomes ------------------------------------------------------------------------------- */

static tsn_err save(struct tsn_store *st, struct tsn_arena *arena, struct tsn_mail_settle *s,
                    struct tsn_rec_mail *row, const char *state, const char *reason,
                    const char *case_id)
{
    tsn_err err;

    row->reason = reason;
    err = log_mail(st, arena, "mail.settled", row, state, case_id, s->by);
    row->state = s->state = state;
    row->case_id = case_id ? case_id : "";
    if (!err)
        err = tsn_store_put(st, &tsn_table_mail, row);
    tsn_fault("mail.settle");
    return err;
}

/* What waits hear of a mail that joined their case, in the transaction that joins it. */
static tsn_err tell_case(struct tsn_store *st, struct tsn_arena *arena,
                         struct tsn_mail_settle *s, struct tsn_diag *diag)
{
    static const char *const keys[] = {"subject", "text", "signature", "signer_fpr",
                                       "attachments"};
    json_t *body = json_pack("{s:s, s:s, s:O?}", "mail", s->id, "channel", "mail", "from",
                             json_object_get(s->found, "from"));
    struct tsn_signal_new signal = {
        .case_id = s->out.rcase.id, .event = "report.reply", .actor = "svc:mail"};
    struct tsn_signal_out told = {0};
    char *text;
    tsn_err err;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_t *v = json_object_get(s->found, keys[i]);

        if (v)
            json_object_set(body, keys[i], v);
    }
    text = tsn_json_text(body);
    json_decref(body);
    signal.body = text;
    err = tsn_signal_put(st, arena, s->epoch, &signal, s->now_ms, &told, diag);
    free(text);
    s->woken = told.woken;
    return err;
}

static tsn_err as_report(struct tsn_store *st, struct tsn_arena *arena,
                         struct tsn_mail_settle *s, struct tsn_rec_mail *row,
                         const char *case_id, struct tsn_diag *diag)
{
    const char *no_answer = NULL, *fact = case_id ? "joined" : "report";
    struct tsn_report_new report = {.source = "mail", .key = row->sha256, .case_id = case_id};
    json_t *normal;
    tsn_err err = may_answer(st, s, row, &no_answer);

    if (err)
        return err;
    /* A mail that joins is answered by the playbook, when it wants to: no automatic word. */
    if (case_id && !no_answer)
        no_answer = "joined";
    normal = tsn_mail_report(s->found, s->our_key, row->id, no_answer);
    tsn_arena_defer(arena, drop_json, normal);
    report.normal = normal;
    report.by = s->by ? s->by : &mail_actor;
    err = tsn_report_accept(st, arena, s->cfg->intake, &report, s->now_ms, &s->out, diag);
    if (err)
        return err;
    if (!no_answer)
        row->answered_at = s->now_ms;
    if (case_id)
        err = tell_case(st, arena, s, diag);
    if (err)
        return err;
    return save(st, arena, s, row, fact, s->reason ? s->reason : no_answer, s->out.rcase.id);
}

/* Ours came back: said where it belongs, when it is still known which it was. */
static tsn_err as_bounce(struct tsn_store *st, struct tsn_arena *arena,
                         struct tsn_mail_settle *s, struct tsn_rec_mail *row,
                         struct tsn_diag *diag)
{
    const char *case_id;
    tsn_err err = tsn_mail_bounce(st, arena, s, &case_id, diag);

    return err ? err
               : save(st, arena, s, row, "bounce",
                      case_id ? NULL : "not a mail of a case that is known", case_id);
}

static tsn_err twin_of(struct tsn_store *st, struct tsn_arena *arena, struct tsn_mail_settle *s,
                       struct tsn_rec_mail *row, bool *found)
{
    struct tsn_rec_mail other;
    const char *twin = tsn_json_str(s->found, "twin", NULL);
    tsn_err err;

    *found = false;
    if (!twin)
        return 0;
    err = tsn_store_find(st, arena, &tsn_table_mail, "twin", twin, &other);
    if (err == TSN_ENOTFOUND) {
        row->twin = twin;
        return 0;
    }
    *found = !err && strcmp(other.id, row->id) != 0;
    return err;
}

/* Whoever was asked to accept the terms answers: clear words count, others wait for a person. */
static tsn_err as_terms(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_mail_settle *s, struct tsn_rec_mail *row,
                        const char *case_id, struct tsn_diag *diag)
{
    enum tsn_terms_answer said =
        s->terms ? strcmp(s->terms, "accepted") == 0 ? TSN_TERMS_YES : TSN_TERMS_NO
                 : tsn_mail_terms_answer(tsn_json_str(s->found, "text", ""));
    const char *answer = said == TSN_TERMS_YES ? "accepted" : "declined";
    tsn_err err;

    if (said == TSN_TERMS_DOUBT)
        return save(st, arena, s, row, "held",
                    "an answer to the terms of the embargo that a person must read", case_id);
    err = tsn_mail_terms_say(st, arena, s, case_id, answer, diag);
    return err ? err : save(st, arena, s, row, "terms", answer, case_id);
}

static tsn_err by_person(struct tsn_store *st, struct tsn_arena *arena,
                         struct tsn_mail_settle *s, struct tsn_rec_mail *row,
                         struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    tsn_err err;

    json_t *found = NULL;

    if (strcmp(row->state, "held") != 0)
        return tsn_diag_set(diag, TSN_ECONFLICT, "M021", "this mail is not held: it is `%s`",
                            row->state);
    if (!row->found || tsn_json_parse(row->found, strlen(row->found), &found, diag) != 0)
        return tsn_diag_set(diag, TSN_EBUG, "M021", "what was found in this mail is gone");
    tsn_arena_defer(arena, drop_json, found);
    s->found = found;
    if (s->terms) {
        bool asked = false;
        const char *of = row->case_id ? row->case_id : "";

        err = tsn_mail_terms_asked(st, arena, s, of, &asked);
        if (!err && !asked) {
            tsn_diag_hint(diag,
                          "`tocsin case tracks` shows who was asked; embargo.terms says it "
                          "of anybody");
            err = tsn_diag_set(diag, TSN_ECONFLICT, "M027",
                               "its sender was not asked to accept the terms of its case");
        }
        return err ? err : as_terms(st, arena, s, row, of, diag);
    }
    if (!s->case_ref)
        return as_report(st, arena, s, row, NULL, diag);
    err = tsn_case_find(st, arena, s->case_ref, &c, diag);
    return err ? err : as_report(st, arena, s, row, c.id, diag);
}

static void without_content(json_t *found)
{
    json_t *list = json_object_get(found, "parts"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        json_object_del(one, "data");
        json_object_del(one, "text");
    }
    json_object_del(found, "keys");
}

tsn_err tsn_mail_settle(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_mail_settle *s, struct tsn_diag *diag)
{
    struct tsn_rec_mail row;
    struct tsn_rec_case c;
    const char *automatic = tsn_json_str(s->found, "automatic", ""), *why = NULL;
    json_t *kept;
    char *text;
    bool twin = false, asked = false;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_mail, s->id, &row);

    memset(&s->out, 0, sizeof(s->out));
    s->woken = NULL;
    if (err)
        return err == TSN_ENOTFOUND
                   ? tsn_diag_set(diag, err, "M020", "there is no mail `%s`", s->id)
                   : err;
    if (s->by)
        return by_person(st, arena, s, &row, diag);
    if (strcmp(row.state, "new") != 0) {
        s->state = row.state; /* a second reading after a crash */
        return 0;
    }
    kept = json_deep_copy(s->found);
    tsn_arena_defer(arena, drop_json, kept);
    without_content(kept);
    text = tsn_json_text(kept);
    row.found = tsn_arena_strdup(arena, text);
    free(text);
    row.sender = tsn_mail_sender_hash(
        arena, tsn_json_str(json_object_get(s->found, "from"), "mail", ""));
    err = twin_of(st, arena, s, &row, &twin);
    if (err)
        return err;
    if (twin)
        return save(st, arena, s, &row, "duplicate", NULL, NULL);
    if (strcmp(automatic, "bounce") == 0)
        return as_bounce(st, arena, s, &row, diag);
    if (strcmp(automatic, "auto-reply") == 0 || strcmp(automatic, "own") == 0)
        return save(st, arena, s, &row, "automatic", automatic, NULL);
    err = place(st, arena, s, &c, &why, &asked);
    if (err)
        return err;
    if (asked)
        return as_terms(st, arena, s, &row, c.id, diag);
    if (why)
        return save(st, arena, s, &row, "held", why, c.id && *c.id ? c.id : NULL);
    return as_report(st, arena, s, &row, c.id, diag);
}
