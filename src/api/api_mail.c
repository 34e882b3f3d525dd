/* api_mail.c - mails over HTTP: handed in by a mail server's pipe, listed, decided by a person.
 * Loop thread, but for the read. */
#include <stdlib.h>
#include <string.h>

#include "api/api_impl.h"
#include "core/text.h"
#include "mail/mail.h"

static bool have_mail(struct tsn_req *req)
{
    if (req->api->config.mail)
        return true;
    tsn_req_refuse(req, 404, TSN_ENOTFOUND, "M024", "mail intake is not open",
                   "It opens with the daemon; /readyz says what is missing.");
    tsn_req_end(req);
    return false;
}

static void done_mail(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                      void *user)
{
    struct tsn_req *req = user;

    (void)seq;
    if (err)
        tsn_req_problem(req, err, diag);
    else
        tsn_req_json(req, 202, info);
    tsn_req_end(req);
}

void tsn_act_mail(struct tsn_req *req)
{
    static const char *const known[] = {"raw", "source", "whole"};
    const char *raw, *source;
    size_t len, n = 0;
    int64_t whole;
    char *bytes;

    if (!have_mail(req) || !tsn_body_ok(req, known, 3))
        return;
    whole = tsn_json_int(req->body, "whole", 0);
    raw = tsn_json_str(req->body, "raw", NULL);
    source = tsn_json_str(req->body, "source", "api");
    if (!raw || !tsn_word_ok(source, 40)) {
        tsn_body_bad(req, raw ? "/source" : "/raw",
                     raw ? "source is a short word" : "raw is the mail's bytes as base64");
        return;
    }
    len = strlen(raw);
    bytes = tsn_alloc(len / 4 * 3 + 4);
    if (tsn_unbase64(bytes, len / 4 * 3 + 4, &n, raw, len) != 0 || n == 0)
        tsn_body_bad(req, "/raw", "raw is the mail's bytes as base64");
    else
        tsn_mail_accept(req->api->config.mail, source, bytes, n,
                        whole > 0 ? (uint64_t)whole : n, done_mail, req);
    free(bytes);
}

tsn_err tsn_read_mails(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    int64_t limit = 100;
    json_t *items;
    tsn_err err;

    if (rd->param[TSN_PARAM_LIMIT] &&
        tsn_parse_int(rd->param[TSN_PARAM_LIMIT], 1, 1000, &limit) != 0)
        limit = 100;
    err = tsn_mail_list(st, rd->op.arena, rd->param[TSN_PARAM_STATE], (size_t)limit, &items);
    *out = err ? NULL : tsn_view_list(json_incref(items), NULL);
    return err;
}

void tsn_act_mail_decide(struct tsn_req *req)
{
    static const char *const known[] = {"case", "reason", "terms"};
    const char *reason, *terms;
    struct tsn_actor actor;

    if (!have_mail(req) || !tsn_body_ok(req, known, 3) || !tsn_body_person(req))
        return;
    terms = tsn_json_str(req->body, "terms", NULL);
    if (terms && strcmp(terms, "accepted") != 0 && strcmp(terms, "declined") != 0) {
        tsn_body_bad(req, "/terms", "terms is accepted or declined");
        return;
    }
    reason = tsn_json_str(req->body, "reason", "");
    if (strlen(reason) < 3 || strlen(reason) > 2000) {
        tsn_body_bad(req, "/reason", "reason needs 3 to 2,000 characters");
        return;
    }
    tsn_auth_actor(req, &actor);
    tsn_mail_decide(req->api->config.mail, &actor, req->id,
                    tsn_json_str(req->body, "case", NULL), terms, reason, done_mail, req);
}
