/* vince.c - see vince.h. Loop thread. */
#include "casework/vince.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/httpc.h"

#define FILE_MAX ((size_t)10 << 20) /* VINCE takes one attachment of at most 10 MiB */

struct user {
    struct tsn_httpc *client;
    const struct tsn_vince_config *config;
};

struct request {
    struct tsn_call *call;
    struct tsn_xfer *xfer;
};

static tsn_err bad(const struct tsn_call *call, struct tsn_diag *diag, const char *what)
{
    return tsn_diag_set(diag, TSN_EINPUT, "W070", "%s: %s", call->action->name, what);
}

static void finished(const struct tsn_xfer_result *r, void *user)
{
    struct request *q = user;
    struct tsn_call *call = q->call;
    enum tsn_outcome outcome = TSN_OUTCOME_OK;
    struct tsn_diag diag;
    json_t *result = NULL, *body = NULL;
    tsn_diag_init(&diag);
    if (r->err) {
        bool again = tsn_err_class(r->err) == TSN_CLASS_RETRY;
        outcome = r->err == TSN_EOUTCOME ? TSN_OUTCOME_UNKNOWN
                  : again                ? TSN_OUTCOME_RETRY
                                         : TSN_OUTCOME_FAIL;
        tsn_diag_set(&diag, r->err, "W071", "VINCE: %s", r->diag.what);
    } else if (r->status >= 400) {
        outcome = r->status == 429 || r->status == 503 ? TSN_OUTCOME_RETRY : TSN_OUTCOME_FAIL;
        tsn_diag_set(&diag, TSN_EREMOTE, "W071", "VINCE answered %d%s", r->status,
                     r->status == 401 || r->status == 403 ? ": is the token still valid?" : "");
    } else {
        result = json_pack("{s:i}", "status", r->status);
        if (tsn_json_parse(r->body, r->len, &body, NULL) == 0)
            json_object_set_new(result, "answer", body);
        const json_t *id = json_object_get(body, "vrf_id");
        if (json_is_string(id) || json_is_integer(id))
            json_object_set(result, "receipt", (json_t *)(uintptr_t)id);
    }
    free(q);
    call->impl = NULL;
    call->done(call, outcome, result, outcome == TSN_OUTCOME_OK ? NULL : &diag);
    json_decref(result);
}

/* `body` is copied by the client. */
static tsn_err send(struct tsn_call *call, const char *method, const char *path,
                    const char *type, const struct tsn_buf *body, struct tsn_diag *diag)
{
    const struct user *u = call->action->user;
    char url[1024], auth[512];
    struct tsn_header headers[2] = {{"Authorization", auth}, {"Content-Type", type}};
    const char *token = tsn_secret_get(u->config->token ? u->config->token : "", NULL);
    struct request *q;
    if (!token)
        return tsn_secret_missing(u->config->token ? u->config->token : "", diag);
    q = tsn_alloc(sizeof *q);
    if (snprintf(url, sizeof url, "%s%s", u->config->url, path) >= (int)sizeof url ||
        snprintf(auth, sizeof auth, "Token %s", token) >= (int)sizeof auth) {
        free(q);
        return bad(call, diag, "the address or token is too long");
    }
    struct tsn_xfer_request req = {.url = url,
                                   .method = method,
                                   .headers = headers,
                                   .nheaders = type ? 2 : 1,
                                   .body = body ? body->data : NULL,
                                   .body_len = body ? body->len : 0,
                                   .reach = u->config->reach};
    q->call = call;
    tsn_err err = tsn_xfer_start(u->client, &req, finished, q, &q->xfer, diag);
    tsn_wipe(auth, sizeof auth);
    if (err)
        free(q);
    else
        call->impl = q;
    return err;
}

static void cancel(struct tsn_call *call)
{
    struct request *q = call->impl;
    if (!q)
        return;
    tsn_xfer_cancel(q->xfer);
    free(q);
    call->impl = NULL;
}

/* "VU#123456" or the number alone; digits only may stand in a path. */
static const char *case_number(const struct tsn_call *call)
{
    const char *s = tsn_json_str(call->args, "case", "");
    if (!strncmp(s, "VU#", 3))
        s += 3;
    for (const char *p = s; *p; p++)
        if (!isdigit((unsigned char)*p))
            return NULL;
    return s[0] && strlen(s) < 20 ? s : NULL;
}

static tsn_err start_case(struct tsn_call *call, struct tsn_diag *diag)
{
    static const char *const known[] = {"case", "part"};
    static const char *const parts[] = {"",        "posts",        "report", "vuls",
                                        "vendors", "vendors/vuls", "note",   "csaf"};
    const char *part = tsn_json_str(call->args, "part", ""), *number = case_number(call);
    char path[120];
    size_t i = 0;
    tsn_err err = tsn_json_known(call->args, known, 2, diag);
    if (err)
        return err;
    while (i < 8 && strcmp(parts[i], part) != 0)
        i++;
    if (i == 8)
        return bad(call, diag,
                   "`part` is posts, report, vuls, vendors, vendors/vuls, note or csaf");
    if (!number)
        return bad(call, diag, "`case` is a number such as VU#123456");
    (void)snprintf(path, sizeof path, "case/%s/%s%s", number, part, part[0] ? "/" : "");
    return send(call, "GET", path, NULL, NULL, diag);
}

static tsn_err start_status(struct tsn_call *call, struct tsn_diag *diag)
{
    static const char *const known[] = {"case", "vulnerability", "status", "statement",
                                        "references"};
    static const char *const words[] = {"Affected", "Not Affected", "Unknown"};
    static const char *const ours[] = {"affected", "not_affected", "unknown"};
    const char *status = tsn_json_str(call->args, "status", ""), *number = case_number(call);
    char path[120];
    size_t i = 0;
    tsn_err err = tsn_json_known(call->args, known, 5, diag);
    if (err)
        return err;
    while (i < 3 && strcmp(ours[i], status) != 0)
        i++;
    if (i == 3)
        return bad(call, diag, "`status` is affected, not_affected or unknown");
    if (!number)
        return bad(call, diag, "`case` is a number such as VU#123456");
    json_t *body = json_pack("{s:s, s:s, s:s}", "status", words[i], "statement",
                             tsn_json_str(call->args, "statement", ""), "references",
                             tsn_json_str(call->args, "references", ""));
    if (json_object_get(call->args, "vulnerability"))
        json_object_set(body, "vulnerability", json_object_get(call->args, "vulnerability"));
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)1 << 20);
    err = tsn_json_write(&b, body);
    json_decref(body);
    (void)snprintf(path, sizeof path, "case/%s/vendor/statement/", number);
    if (!err)
        err = send(call, "POST", path, "application/json", &b, diag);
    tsn_buf_free(&b);
    return err;
}

/* A value must not end its part early, a name must not end its header. */
static bool part_ok(const char *name, const char *value, const char *boundary)
{
    return !strpbrk(name, "\"\r\n\\") && !strstr(value, boundary);
}

static tsn_err put_attachment(struct tsn_call *call, struct tsn_buf *b, const char *boundary,
                              struct tsn_diag *diag)
{
    const json_t *file = json_object_get(call->args, "attachment");
    const char *name = tsn_json_str(file, "name", "attachment.bin");
    const char *text = tsn_json_str(file, "base64", NULL);
    size_t n = 0, len = text ? strlen(text) : 0;
    if (!file)
        return 0;
    if (!text || len / 4 * 3 > FILE_MAX || !part_ok(name, "", boundary))
        return bad(call, diag, "`attachment` has a name and base64 of at most 10 MiB");
    uint8_t *bytes = tsn_alloc(len + 4);
    if (tsn_unbase64(bytes, len + 4, &n, text, len)) {
        free(bytes);
        return bad(call, diag, "`attachment.base64` is not base64");
    }
    (void)tsn_buf_printf(b,
                         "--%s\r\nContent-Disposition: form-data; name=\"user_file\"; "
                         "filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                         boundary, name);
    (void)tsn_buf_put(b, bytes, n);
    tsn_err err = tsn_buf_puts(b, "\r\n");
    free(bytes);
    return err;
}

static tsn_err start_report(struct tsn_call *call, struct tsn_diag *diag)
{
    static const char *const known[] = {"fields", "attachment"};
    static const char *const needed[] = {"vendor_name", "product_name", "vul_description",
                                         "vul_exploit", "vul_impact",   "vul_discovery"};
    const json_t *fields = json_object_get(call->args, "fields");
    const char *name;
    char boundary[64], type[120];
    json_t *value;
    struct tsn_buf b;
    tsn_err err = tsn_json_known(call->args, known, 2, diag);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!tsn_json_str(fields, needed[i], "")[0]) {
            tsn_diag_set(diag, TSN_EINPUT, "W070", "vince.report: fields.%s is missing",
                         needed[i]);
            return TSN_EINPUT;
        }
    (void)snprintf(boundary, sizeof boundary, "tocsin-%s", call->idem);
    (void)snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
    tsn_buf_init(&b, FILE_MAX + ((size_t)2 << 20));
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        const char *text = json_is_true(value)     ? "True"
                           : json_is_false(value)  ? "False"
                           : json_is_string(value) ? json_string_value(value)
                                                   : NULL;
        if (!text || !part_ok(name, text, boundary)) {
            err = bad(call, diag, "`fields` are texts and flags");
            break;
        }
        (void)tsn_buf_printf(
            &b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary,
            name, text);
    }
    if (!err)
        err = put_attachment(call, &b, boundary, diag);
    if (!err)
        err = tsn_buf_printf(&b, "--%s--\r\n", boundary);
    if (!err)
        err = send(call, "POST", "vulreport/", type, &b, diag);
    tsn_buf_free(&b);
    return err;
}

tsn_err tsn_vince_register(struct tsn_registry *r, struct tsn_httpc *c,
                           const struct tsn_vince_config *config)
{
    static const struct tsn_action actions[] = {
        {.name = "vince.case",
         .summary = "Look at a case of VINCE, or a part of it",
         .effect = TSN_EFFECT_NONE,
         .start = start_case},
        {.name = "vince.status",
         .summary = "Our status and statement for a case of VINCE",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .irreversible = true,
         .sends = true,
         .start = start_status},
        {.name = "vince.report",
         .summary = "Report a vulnerability to CERT/CC",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .irreversible = true,
         .sends = true,
         .start = start_report},
    };
    if (!config->url)
        return 0;
    struct user *u = tsn_alloc(sizeof *u);
    u->client = c;
    u->config = config;
    tsn_registry_defer(r, free, u);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct tsn_action a = actions[i];
        a.cancel = cancel;
        a.goes_to = config->url;
        a.user = u;
        tsn_err err = tsn_registry_add(r, &a);
        if (err)
            return err;
    }
    return 0;
}
