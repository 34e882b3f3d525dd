/* form.c - the public listener: routes, languages, whose network it is, life.
 *
 * Owns the requests under way; outlives its close until the last op of a request came back. */
#include "form/form.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/embed.h"
#include "core/log.h"
#include "core/text.h"
#include "form/form_int.h"
#include "form/form_site.h"

#define DAY_MS     INT64_C(86400000)
#define BODY_MAX   ((size_t)24 << 20) /* 12 MiB, base64 in JSON, base64 in a JWE */
#define BODY_SMALL ((size_t)64 << 10)
#define BODIES_MAX ((size_t)192 << 20) /* of all requests together */

void tsn_ask_free(struct tsn_ask *a)
{
    json_decref(a->report);
    tsn_arena_destroy(a->arena); /* it lives in it */
}

static void form_free(struct tsn_form *f)
{
    for (size_t i = 0; i < TSN_LANGUAGES; i++)
        json_decref(f->texts[i]);
    tsn_jwe_key_close(f->key);
    free(f->limit);
    free(f);
}

void tsn_form_op_done(struct tsn_form *f)
{
    f->under_way--;
    if (f->closed && f->under_way == 0)
        form_free(f);
}

/* --- routes --- */

static void page_form(struct tsn_ask *a)
{
    tsn_page_form(a, 200);
}

static void page_find(struct tsn_ask *a)
{
    tsn_page_find(a, 200);
}

static void to_form(struct tsn_ask *a)
{
    static const struct tsn_header extra[] = {{"Location", "/report"}};

    tsn_http_answer(a->in, 303, "text/plain", "", 0, extra, 1);
    a->in = NULL;
    tsn_ask_free(a);
}

static void key(struct tsn_ask *a)
{
    const char *jwk = tsn_jwe_key_public(a->form->key);

    tsn_ask_answer(a, 200, "application/jwk+json", jwk, strlen(jwk));
}

static void asset(struct tsn_ask *a)
{
    const char *name = strrchr(a->in->path, '/') + 1;

    for (const struct tsn_embedded *e = tsn_form_assets; e->name; e++) {
        if (strcmp(e->name, name) == 0) {
            tsn_ask_answer(a, 200,
                           strstr(name, ".css") ? "text/css; charset=utf-8"
                                                : "text/javascript; charset=utf-8",
                           e->data, e->len);
            return;
        }
    }
    tsn_page_plain(a, 404, "not_found");
}

static void message(struct tsn_ask *a)
{
    tsn_form_message(a, false);
}

static void credit(struct tsn_ask *a)
{
    tsn_form_message(a, true);
}

static const struct route {
    const char *method, *path;
    size_t body;
    void (*act)(struct tsn_ask *a);
} routes[] = {
    {"GET", "/", 0, to_form},
    {"GET", "/report", 0, page_form},
    {"POST", "/report", BODY_MAX, tsn_form_take},
    {"GET", "/report/key", 0, key},
    {"GET", "/report/form.css", 0, asset},
    {"GET", "/report/form.js", 0, asset},
    {"POST", "/report/receipt", BODY_SMALL, tsn_form_status},
    {"GET", "/status", 0, page_find},
    {"POST", "/status", BODY_SMALL, tsn_form_status},
    {"POST", "/status/message", BODY_MAX, message},
    {"POST", "/status/credit", BODY_SMALL, credit},
};

static const struct route *route_of(const char *method, const char *path, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        *known = true;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
    }
    return NULL;
}

/* --- a request --- */

/* The address that limits count: of the peer, or what a proxy of ours says last. */
static const char *network_of(const struct tsn_form *f, struct tsn_http_in *in,
                              struct tsn_arena *arena)
{
    const char *said = tsn_http_header(in, "X-Forwarded-For"), *last;

    for (const char *const *p = f->cfg.proxies; said && p && *p; p++) {
        if (strcmp(*p, in->peer) != 0)
            continue;
        last = strrchr(said, ',');
        last = last ? last + 1 : said;
        last += strspn(last, " ");
        return tsn_arena_strndup(arena, last, strcspn(last, " "));
    }
    return tsn_arena_strdup(arena, in->peer);
}

static size_t language_of(const struct tsn_ask *a)
{
    const char *said = tsn_http_query(a->in, "lang"), *field = tsn_form_field(&a->data, "lang");
    size_t at = said ? tsn_texts_find(said, strlen(said)) : TSN_LANGUAGES;

    if (at == TSN_LANGUAGES && *field)
        at = tsn_texts_find(field, strlen(field));
    return at < TSN_LANGUAGES ? at
                              : tsn_texts_choose(tsn_http_header(a->in, "Accept-Language"));
}

static void on_request(struct tsn_http_in *in, void *user)
{
    struct tsn_form *f = user;
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_ask *a = tsn_arena_alloc(arena, sizeof(*a));
    bool post = strcmp(in->method, "POST") == 0, known, broken;
    const struct route *r = route_of(in->method, in->path, &known);
    const char *type = tsn_http_header(in, "Content-Type");
    bool json = type && (strncmp(type, "application/json", 16) == 0 ||
                         strncmp(type, "application/jose", 16) == 0);
    size_t at;

    a->form = f;
    a->in = in;
    a->arena = arena;
    a->network = network_of(f, in, arena);
    broken = post && r && !(json && r->act == tsn_form_take) &&
             tsn_form_parse(arena, type, in->body, in->len, &a->data) != 0;
    if (broken)
        memset(&a->data, 0, sizeof(a->data));
    at = language_of(a);
    a->texts = f->texts[at];
    a->lang = tsn_languages[at];
    if (broken) {
        a->error = "error_form";
        if (strncmp(in->path, "/status", 7) == 0)
            tsn_page_find(a, 400);
        else
            tsn_page_form(a, 400);
    } else if (r) {
        r->act(a);
    } else if (known || !tsn_form_site(a)) {
        tsn_page_plain(a, known ? 405 : 404, "not_found");
    }
}

static size_t on_body_limit(const char *method, const char *path, void *user)
{
    bool known;
    const struct route *r = route_of(method, path, &known);

    (void)user;
    return r ? r->body : BODY_SMALL;
}

/* --- life --- */

tsn_err tsn_form_open(struct tsn_form **out, const struct tsn_form_config *config,
                      struct tsn_diag *diag)
{
    struct tsn_form *f = tsn_alloc(sizeof(*f));
    struct tsn_form_config *c = &f->cfg;
    struct tsn_httpd_config http = {.listen = config->listen,
                                    .body_ms = 120000,
                                    .max_connections = 256,
                                    .bodies_max = BODIES_MAX,
                                    .body_limit = on_body_limit,
                                    .handle = on_request,
                                    .user = f};
    tsn_err err;

    *out = NULL;
    f->cfg = *config;
    c->answer_ms = c->answer_ms ? c->answer_ms : 2 * DAY_MS;
    c->update_ms = c->update_ms ? c->update_ms : 14 * DAY_MS;
    f->limit = tsn_form_limit_new(c->per_network ? c->per_network : 10, 30,
                                  c->reports_per_hour ? c->reports_per_hour : 200);
    err = tsn_texts_load(c->text_dir, f->texts, diag);
    if (!err)
        err = tsn_jwe_key_open(&f->key, c->key_file, diag);
    if (!err)
        err = tsn_httpd_open(&f->httpd, c->loop, &http, diag);
    if (err) {
        form_free(f);
        return err;
    }
    *out = f;
    return 0;
}

int tsn_form_port(const struct tsn_form *f)
{
    return f ? tsn_httpd_port(f->httpd) : 0;
}

void tsn_form_close(struct tsn_form *f)
{
    if (!f)
        return;
    f->closed = true;
    tsn_httpd_close(f->httpd);
    f->httpd = NULL;
    if (f->under_way == 0)
        form_free(f);
}
