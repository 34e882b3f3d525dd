/* mail_bounce.c - a mail of ours came back: recorded on the step that sent it, told to its run.
 *
 * A bounce quotes our Message-ID, whose left side is the idempotency key of the step; `message` holds
 * it with its case since the intent. Without it the case is found by our reference. Store thread. */
#include <stdlib.h>
#include <string.h>

#include "casework/casework.h"
#include "core/json.h"
#include "core/text.h"
#include "mail/mail_int.h"
#include "store/record_mail.h"

static void drop_json(void *p)
{
    json_decref(p);
}

/* The mail of ours that it quotes: our Message-IDs are keys that nobody can guess. */
static tsn_err find_ours(struct tsn_store *st, struct tsn_arena *arena, const json_t *original,
                         struct tsn_rec_message *out)
{
    const char *id = tsn_json_str(original, "message_id", ""), *from;
    tsn_err err;

    memset(out, 0, sizeof(*out));
    from = id + strspn(id, "< ");
    err = tsn_store_get(st, arena, &tsn_table_message,
                        tsn_arena_strndup(arena, from, strcspn(from, "@> ")), out);
    if (err == TSN_ENOTFOUND || (!err && strcmp(out->way, "out") != 0)) {
        memset(out, 0, sizeof(*out));
        err = 0;
    }
    return err;
}

/* Else its case, by the reference that we put into every mail about one. */
static tsn_err find_case(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_mail_settle *s, const json_t *original,
                         struct tsn_rec_case *out)
{
    const char *at = tsn_json_str(original, "references", ""), *name;
    json_t *ids = json_array();
    tsn_err err;

    tsn_arena_defer(arena, drop_json, ids);
    for (const char *open; (open = strchr(at, '<')) != NULL;) {
        size_t n = strcspn(open + 1, ">");

        json_array_append_new(ids, json_stringn(open + 1, n));
        at = open + 1 + n;
    }
    name = tsn_mail_reference_find(arena, s->cfg->reference_key, ids, s->cfg->domain);
    if (!name)
        return 0;
    err = tsn_store_find(st, arena, &tsn_table_case, "name", name, out);
    return err == TSN_ENOTFOUND ? 0 : err;
}

/* The entry refers to the step that sent it; playbooks may wait for `mail.bounced`. */
static tsn_err record_bounce(struct tsn_store *st, struct tsn_arena *arena,
                             struct tsn_mail_settle *s, struct tsn_rec_message *m,
                             const struct tsn_rec_case *c, const json_t *delivery,
                             struct tsn_diag *diag)
{
    json_t *body = json_pack("{s:s, s:s, s:O*}", "mail", s->id, "message", m->id ? m->id : "",
                             "delivery", delivery);
    char *text = tsn_json_text(body);
    const char *words = tsn_arena_printf(
        arena, "A mail of ours could not be delivered to %s: %s %s",
        tsn_json_str(delivery, "final_recipient", "somebody"),
        tsn_json_str(delivery, "status", ""), tsn_json_str(delivery, "diagnostic", ""));
    const struct tsn_field fields[] = {{"args", text, strlen(text)},
                                       {"note", words, strlen(words)}};
    struct tsn_append a = TSN_APPEND_INIT;
    struct tsn_signal_new signal = {.case_id = c->id,
                                    .event = "mail.bounced",
                                    .actor = "svc:mail",
                                    .body = text,
                                    .run = m->run};
    struct tsn_signal_out told = {0};
    tsn_err err;

    a.kind = "message.bounced";
    a.actor = "svc:mail";
    a.auth = "svc";
    a.case_id = c->id;
    a.case_chain = true;
    a.run = m->run;
    a.step = m->path;
    a.idem = m->id;
    a.ref = m->id ? m->seq : -1;
    a.reason = tsn_json_str(delivery, "action", NULL);
    a.tlp = c->tlp;
    a.fields = fields;
    a.nfields = 2;
    if (a.reason && !tsn_word_ok(a.reason, 40))
        a.reason = NULL;
    err = tsn_store_append(st, &a, NULL);
    if (!err && m->id) {
        m->state = "bounced";
        m->body = text;
        err = tsn_store_put(st, &tsn_table_message, m);
    }
    if (!err && strcmp(c->state, "open") == 0)
        err = tsn_signal_put(st, arena, s->epoch, &signal, s->now_ms, &told, diag);
    s->woken = told.woken;
    free(text);
    json_decref(body);
    return err;
}

/* Who was told of an advisory was not: said where that is recorded. */
static tsn_err tell_notice(struct tsn_store *st, struct tsn_arena *arena,
                           struct tsn_mail_settle *s, const struct tsn_rec_case *c,
                           const json_t *delivery, struct tsn_diag *diag)
{
    const char *to = tsn_json_str(delivery, "final_recipient", NULL);
    json_t *args, *result = NULL;
    tsn_err err;

    if (!to)
        return 0;
    if (strchr(to, ';')) /* "rfc822; a@b.example" (RFC 3464) */
        to = strchr(to, ';') + 1;
    to += strspn(to, " \t");
    args =
        json_pack("{s:s, s:s}", "to", to, "note", tsn_json_str(delivery, "status", "bounced"));
    const struct tsn_case_act act = {.case_id = c->id,
                                     .op = "notice.bounced",
                                     .args = args,
                                     .service = "svc:mail",
                                     .now_ms = s->now_ms};
    err = tsn_case_act(st, arena, NULL, &act, &result, NULL, diag);
    json_decref(result);
    json_decref(args);
    return err;
}

tsn_err tsn_mail_bounce(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_mail_settle *s, const char **case_id, struct tsn_diag *diag)
{
    const json_t *original = json_object_get(s->found, "original"),
                 *delivery = json_object_get(s->found, "delivery");
    struct tsn_rec_message m;
    struct tsn_rec_case c = {0};
    tsn_err err = find_ours(st, arena, original, &m);

    *case_id = NULL;
    if (!err && m.id)
        err = tsn_store_get(st, arena, &tsn_table_case, m.case_id, &c);
    else if (!err)
        err = find_case(st, arena, s, original, &c);
    if (err || !c.id)
        return err;
    *case_id = c.id;
    err = record_bounce(st, arena, s, &m, &c, delivery, diag);
    return err ? err : tell_notice(st, arena, s, &c, delivery, diag);
}
