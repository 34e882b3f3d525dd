/* plugin_do.c - requests that a Lua connector makes: actions of the core, begun for a call of its own.
 *
 * The connector has no network; it says `do`, the core fills in secrets, runs http.request, mail.send or a program of `exec:` with
 * all their guards, and answers `done`. A look-up may only read (GET, HEAD). The request of stage n has the
 * step's key (n = 1) or one made from it, so a repeat of the step repeats the same keys. Loop thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/plugin_express.h"
#include "action/plugin_int.h"
#include "action/plugin_reach.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"

#define ANSWER_MOST ((size_t)1 << 20) /* of a reply as JSON: a box takes no more */

struct errand {
    struct tsn_call pub; /* first: what the action holds */
    struct errand *next;
    struct plugin *plugin;
    int64_t id, call_id;
    char idem[33];
    char *run, *run_name, *case_id, *path;
};

static void free_errand(struct errand *e)
{
    struct errand **at = &e->plugin->errands;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    json_decref(e->pub.args);
    free(e->run);
    free(e->run_name);
    free(e->case_id);
    free(e->path);
    free(e);
}

static void reply(struct plugin *p, int64_t id, const char *outcome, const json_t *result,
                  const struct tsn_diag *diag)
{
    json_t *m =
        json_pack("{s:s, s:I, s:s}", "type", "done", "id", (json_int_t)id, "outcome", outcome);
    json_t *hidden = tsn_redact_json(result);

    if (result)
        json_object_set_new(m, "result", hidden ? hidden : json_deep_copy(result));
    if (diag)
        json_object_set_new(m, "error",
                            json_pack("{s:s, s:s}", "code", diag->code, "message", diag->what));
    if (p->child)
        tsn_plugin_send(p, m);
    else
        json_decref(m);
}

static void done(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                 const struct tsn_diag *diag)
{
    static const char *const words[] = {"ok", "fail", "retry", "unknown"};
    struct errand *e = (struct errand *)call;
    struct plugin *p = e->plugin;
    struct tsn_diag big;
    char *text = result ? tsn_json_text(result) : NULL;
    size_t n = text ? strlen(text) : 0;
    struct flight *f = p->flights;

    free(text);
    while (f && f->id != e->call_id)
        f = f->next;
    if (f && call->retry_after_ms > 0)
        f->retry_after_ms = call->retry_after_ms;
    if (n > ANSWER_MOST) {
        tsn_diag_init(&big);
        (void)tsn_diag_set(&big, TSN_ETOOBIG, "H065", "the answer is over 1 MiB");
        reply(p, e->id, call->action->effect == TSN_EFFECT_NONE ? "fail" : "unknown", NULL,
              &big);
    } else {
        reply(p, e->id, words[outcome], result, diag);
    }
    free_errand(e);
}

static tsn_err bad(struct tsn_diag *diag, const char *what)
{
    return tsn_diag_set(diag, TSN_EINPUT, "R057", "%s", what);
}

/* Only what the effect of the connector's action allows. */
static tsn_err allowed(const struct tsn_action *of, const struct tsn_action *a,
                       const json_t *args, struct tsn_diag *diag)
{
    bool web = a && strcmp(a->name, "http.request") == 0,
         mail = a && strcmp(a->name, "mail.send") == 0,
         program = a && strncmp(a->name, "exec.", 5) == 0;

    if (!web && !mail && !program)
        return bad(diag, "a connector makes requests by http, mail and programs of `exec:`, "
                         "nothing else");
    if (of->effect == TSN_EFFECT_NONE && web && !tsn_action_http_reads(args))
        return bad(diag, "a look-up may only read: GET or HEAD");
    if (of->effect == TSN_EFFECT_NONE && !web && a->effect != TSN_EFFECT_NONE)
        return bad(diag, "a look-up may only read: no mail, no program that changes something");
    if ((mail || (program && a->sends)) && !of->sends)
        return bad(diag, "what tells people something has the effect `send` in the manifest");
    return 0;
}

/* Secrets and signatures in their places. The body comes first, since a header may sign it. */
static tsn_err fill(const struct plugin *p, const json_t *given, json_t **out,
                    struct tsn_diag *diag)
{
    json_t *args = json_copy((json_t *)(uintptr_t)given), *body = NULL, *rest = NULL;
    json_t *json = json_object_get(args, "json"), *headers = json_object_get(args, "headers");
    tsn_err err = tsn_plugin_express(json ? json : json_object_get(args, "body"), p->settings,
                                     NULL, &body, diag);
    char *text = NULL;

    if (!err && json) {
        json_t *typed = json_object();

        text = tsn_json_text(body);
        json_object_set_new(typed, "Content-Type", json_string("application/json"));
        if (json_is_object(headers))
            json_object_update(typed, headers);
        json_object_del(args, "json");
        json_object_set_new(args, "body", json_string(text));
        json_object_set_new(args, "headers", typed);
        if (!json_object_get(args, "method"))
            json_object_set_new(args, "method", json_string("POST"));
    } else if (!err && json_is_string(body)) {
        json_object_set(args, "body", body);
    }
    if (!err)
        err =
            tsn_plugin_express(args, p->settings, tsn_json_str(args, "body", ""), &rest, diag);
    if (text)
        tsn_wipe(text, strlen(text));
    free(text);
    json_decref(body);
    json_decref(args);
    *out = err ? NULL : rest;
    return err;
}

/* The step's own key for its first request; others get keys of their own, always the same ones. */
static void key_of(char out[33], const char *key, int64_t stage)
{
    char text[80];
    uint8_t hash[TSN_HASH_LEN];

    if (stage <= 1) {
        (void)tsn_copy(out, 33, key);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s/%lld", key, (long long)stage);
    tsn_sha256_once(hash, text, strlen(text));
    tsn_hex(out, hash, 16);
}

static tsn_err begin(struct plugin *p, struct flight *f, const json_t *m, struct tsn_diag *diag)
{
    const struct tsn_call *of = f->call;
    const struct tsn_action *a =
        tsn_registry_find(p->host->registry, tsn_json_str(m, "action", ""));
    const json_t *given = json_object_get(m, "args");
    json_t *args = NULL;
    struct errand *e;
    tsn_err err = json_is_object(given) ? allowed(of->action, a, given, diag)
                                        : bad(diag, "a request has `args`");

    /* What a program is given can be seen by others: secrets stay what they are there, and are refused. */
    if (!err && strncmp(a->name, "exec.", 5) == 0)
        args = json_deep_copy(given);
    else if (!err)
        err = fill(p, given, &args, diag);
    if (!err)
        err = tsn_plugin_reach_check(&p->manifest, p->settings, a->name, args, diag);
    if (err) {
        json_decref(args);
        return err;
    }
    e = tsn_alloc(sizeof(*e));
    e->plugin = p;
    e->id = tsn_json_int(m, "id", -1);
    e->call_id = f->id;
    key_of(e->idem, of->idem, tsn_json_int(m, "stage", 1));
    e->pub.action = a;
    e->pub.run = e->run = tsn_strdup(of->run);
    e->pub.run_name = e->run_name = tsn_strdup(of->run_name);
    e->pub.case_id = e->case_id = tsn_strdup(of->case_id);
    e->pub.path = e->path = tsn_strdup(of->path);
    e->pub.idem = e->idem;
    e->pub.attempt = of->attempt;
    e->pub.args = args;
    e->pub.done = done;
    e->next = p->errands;
    p->errands = e;
    err = a->start(&e->pub, diag);
    if (err)
        free_errand(e);
    return err;
}

void tsn_plugin_do(struct plugin *p, const json_t *m)
{
    int64_t id = tsn_json_int(m, "id", -1), call_id = tsn_json_int(m, "call", -1);
    struct flight *f = p->flights;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    while (f && (f->id != call_id || !f->sent))
        f = f->next;
    if (!p->manifest.lua)
        (void)bad(&diag, "only a Lua connector asks the core for requests");
    else if (!f || !f->call)
        (void)tsn_diag_set(&diag, TSN_ECANCELLED, "R057", "the call is over");
    else if (begin(p, f, m, &diag) == 0)
        return;
    reply(p, id, "fail", NULL, &diag);
}

void tsn_plugin_do_cancel(struct plugin *p, int64_t call_id)
{
    struct errand *e = p->errands, *next;

    for (; e; e = next) {
        next = e->next;
        if (call_id >= 0 && e->call_id != call_id)
            continue;
        if (e->pub.action->cancel)
            e->pub.action->cancel(&e->pub); /* done is not called any more */
        free_errand(e);
    }
}
