/* httpc.c - outbound transfers: start, hops, the end, cancelling.
 *
 * Owns the pools and every live transfer. Loop thread only. `done` is called from a turn of its
 * own, never from inside curl and never inside start, so it may start, cancel or close at will.
 */
#include "loop/httpc_impl.h"

#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/secret.h"

tsn_err tsn_httpc_open(struct tsn_httpc **out, struct tsn_loop *loop)
{
    static bool ready;
    *out = NULL;
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return TSN_EIO;
    ready = true;
    struct tsn_httpc *c = tsn_alloc(sizeof(*c));
    c->loop = loop;
    *out = c;
    return 0;
}

static void unlink_live(struct tsn_xfer *x)
{
    if (x->next)
        x->next->prev = x->prev;
    if (x->prev)
        x->prev->next = x->next;
    else
        x->client->live = x->next;
}

/* Gives the hop's curl things back; the transfer itself stays. */
static void drop_hop(struct tsn_xfer *x)
{
    if (!x->easy)
        return;
    curl_multi_remove_handle(x->pool->multi, x->easy);
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    curl_slist_free_all(x->rcpt);
    x->easy = NULL;
    x->headers = x->rcpt = NULL;
}

static void xfer_free(struct tsn_xfer *x)
{
    tsn_buf_free(&x->body);
    tsn_arena_destroy(x->arena);
}

/* Ends x's life as something the caller may cancel. */
static void retire(struct tsn_xfer *x)
{
    drop_hop(x);
    if (x->pool)
        x->pool->active--;
    x->pool = NULL;
    unlink_live(x);
}

static void report(void *user)
{
    struct tsn_xfer *x = user;
    if (!x->dead) {
        if (x->sent)
            tsn_fault("xfer.sent");
        retire(x);
        x->done(&x->result, x->user);
    }
    xfer_free(x);
}

static void finish(struct tsn_xfer *x)
{
    x->finished = true;
    tsn_loop_later(x->client->loop, report, x);
}

static tsn_err start_hop(struct tsn_xfer *x)
{
    tsn_err err = tsn_xfer_setup(x);
    if (!err && curl_multi_add_handle(x->pool->multi, x->easy) != CURLM_OK)
        err = TSN_EIO;
    return err;
}

void tsn_xfer_hop_done(struct tsn_xfer *x, CURLcode code)
{
    tsn_xfer_judge(x, code);
    if (tsn_xfer_redirected(x)) {
        drop_hop(x);
        if (start_hop(x) == 0)
            return;
        x->result.err = TSN_EIO;
        tsn_diag_set(&x->result.diag, TSN_EIO, "H062", "%s: the redirect could not be followed",
                     x->url);
    }
    drop_hop(x);
    if (x->result.err)
        tsn_log(TSN_LOG_INFO, "xfer.failed", "code", x->result.diag.code, "error",
                tsn_err_name(x->result.err), NULL);
    finish(x);
}

static void empty_result(struct tsn_xfer *x)
{
    struct tsn_xfer_result *r = &x->result;
    tsn_diag_init(&r->diag);
    r->body = r->effective_url = r->etag = r->last_modified = r->content_type = r->retry_after =
        r->link = "";
}

tsn_err tsn_xfer_start(struct tsn_httpc *c, const struct tsn_xfer_request *req,
                       void (*done)(const struct tsn_xfer_result *r, void *user), void *user,
                       struct tsn_xfer **out, struct tsn_diag *diag)
{
    if (out)
        *out = NULL;
    if (c->closing)
        return tsn_diag_set(diag, TSN_ECLOSED, "H062", "the client is closing");
    tsn_err err = tsn_xfer_check(req, diag);
    if (err)
        return err;
    const struct tsn_proxy *p = tsn_proxy_used(c->proxy, req->url) ? c->proxy : NULL;
    if (p && p->password && !tsn_secret_get(p->password, NULL))
        return tsn_secret_missing(p->password, diag);
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_xfer *x = tsn_arena_alloc(arena, sizeof(*x));
    x->arena = arena;
    x->client = c;
    x->done = done;
    x->user = user;
    empty_result(x);
    tsn_xfer_copy(x, req);
    tsn_buf_init(&x->body, x->req.max_bytes);
    x->pool = tsn_pool_get(c, x->req.reach);
    x->pool->active++;
    x->next = c->live;
    if (x->next)
        x->next->prev = x;
    c->live = x;
    err = start_hop(x);
    if (err) {
        retire(x);
        xfer_free(x);
        return tsn_diag_set(diag, err, "H062", "the transfer could not be started");
    }
    if (out)
        *out = x;
    return 0;
}

void tsn_xfer_resume(struct tsn_xfer *x)
{
    if (x && x->easy && !x->finished)
        (void)curl_easy_pause(x->easy, CURLPAUSE_CONT);
}

void tsn_xfer_cancel(struct tsn_xfer *x)
{
    if (!x)
        return;
    bool queued = x->finished;
    retire(x);
    x->dead = true;
    if (!queued)
        xfer_free(x); /* else its turn comes and frees it */
}

void tsn_httpc_close(struct tsn_httpc *c)
{
    if (!c)
        return;
    c->closing = true;
    while (c->live) {
        struct tsn_xfer *x = c->live;
        bool queued = x->finished;
        bool unknown = !queued && x->sent && x->has_effect;
        retire(x);
        x->dead = true;
        if (!queued) {
            x->result.err = unknown ? TSN_EOUTCOME : TSN_ECANCELLED;
            tsn_diag_set(&x->result.diag, x->result.err, unknown ? "H064" : "H062",
                         "%s: ended because the client closed", x->url);
        }
        x->done(&x->result, x->user);
        if (!queued)
            xfer_free(x);
    }
    while (c->pools)
        tsn_pool_destroy(c->pools);
    free(c);
}
