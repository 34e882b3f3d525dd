/* problem.c - errors as RFC 9457 problem+json, with the code that `tocsin explain` knows.
 *
 * Owns nothing. Loop thread. Source: RFC 9457 (July 2023), section 3.
 */
#include "api/api_impl.h"

#include <string.h>

/* By code where the class alone would say too little: a well-formed body with a wrong field is
 * 422, so is a key used again with another body. */
int tsn_problem_status(tsn_err err, const char *code)
{
    if (strcmp(code, "H010") == 0)
        return 400;
    if (strcmp(code, "H012") == 0 || strcmp(code, "H013") == 0 || strcmp(code, "H022") == 0)
        return 422;
    switch (err) {
    case TSN_EINPUT:
    case TSN_EFIELD:
    case TSN_EUNSUPPORTED:
        return 422;
    case TSN_ETOOBIG:
        return 413;
    case TSN_EDUP:
    case TSN_ECONFLICT:
        return 409;
    case TSN_ENOTFOUND:
        return 404;
    case TSN_EDENIED:
        return 403;
    case TSN_EUNAUTH:
        return 401;
    case TSN_ENOSPC:
    case TSN_ECLOSED:
        return 503;
    case TSN_EREMOTE:
        return 502;
    default:
        break;
    }
    switch (tsn_err_class(err)) {
    case TSN_CLASS_RETRY:
        return 503;
    case TSN_CLASS_OK:
    case TSN_CLASS_BUG:
    case TSN_CLASS_INPUT:
    case TSN_CLASS_FINAL:
    case TSN_CLASS_LOST:
    case TSN_CLASS_KILLED:
        break;
    }
    return 500;
}

json_t *tsn_problem_json(int status, const struct tsn_diag *diag)
{
    const char *title = tsn_code_title(diag->code);
    char type[40] = "about:blank";
    if (diag->code[0]) {
        (void)snprintf(type, sizeof(type), "urn:tocsin:code:%s", diag->code);
    }
    json_t *out = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", type, "title",
                            title ? title : tsn_err_text(diag->err), "status", status, "code",
                            diag->code[0] ? diag->code : "S000", "detail",
                            diag->what[0] ? diag->what : tsn_err_text(diag->err));
    if (diag->hint[0])
        json_object_set_new(out, "hint", json_string(diag->hint));
    /* diag->file is a JSON pointer where the body is meant. */
    if (diag->file[0] == '/' && (status == 422 || status == 400)) {
        json_object_set_new(
            out, "errors",
            json_pack("[{s:s, s:s}]", "pointer", diag->file, "detail", diag->what));
    } else if (diag->line > 0) {
        json_object_set_new(out, "line", json_integer(diag->line));
        json_object_set_new(out, "column", json_integer(diag->col));
        if (diag->source[0]) {
            json_object_set_new(out, "place", json_string(diag->file));
            json_object_set_new(out, "source", json_string(diag->source));
        }
    }
    return out;
}

static void answer(struct tsn_req *req, int status, const struct tsn_diag *diag)
{
    json_t *body = tsn_problem_json(status, diag);
    char *text = tsn_json_text(body);
    struct tsn_header extra[1];
    size_t n = 0;
    if (status == 503)
        extra[n++] = (struct tsn_header){"Retry-After", "2"};
    else if (status == 401)
        extra[n++] = (struct tsn_header){"WWW-Authenticate", "Bearer realm=\"tocsin\""};
    if (req->in) {
        tsn_http_answer(req->in, status, "application/problem+json", text, strlen(text), extra,
                        n);
        req->in = NULL;
    }
    free(text);
    json_decref(body);
}

void tsn_req_problem(struct tsn_req *req, tsn_err err, const struct tsn_diag *diag)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (diag)
        d = *diag;
    d.err = err;
    if (!d.code[0]) {
        const char *code = "S000";
        if (err == TSN_EFULL || err == TSN_EBUSY)
            code = "S020";
        else if (err == TSN_ECLOSED)
            code = "S021";
        else if (err == TSN_ENOTFOUND)
            code = "H031";
        (void)tsn_diag_set(&d, err, code, "%s", tsn_err_text(err));
    }
    answer(req, tsn_problem_status(err, d.code), &d);
}

void tsn_req_refuse(struct tsn_req *req, int status, tsn_err err, const char *code,
                    const char *what, const char *hint)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    (void)tsn_diag_set(&d, err, code, "%s", what);
    if (hint && hint[0])
        tsn_diag_hint(&d, "%s", hint);
    answer(req, status, &d);
}
