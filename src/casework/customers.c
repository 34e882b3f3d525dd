/* customers.c - customers in the store, and the list that holds. See customers.h. */
#include "casework/customers.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

#define CUSTOMERS_MAX 100000 /* what one list of the store gives */
#define NAME_MAX_     200
#define WORD_MAX_     128
#define PRODUCTS_MAX  1000

struct tsn_customers {
    pthread_mutex_t lock;
    json_t *list; /* replaced, never changed */
};

struct tsn_customers *tsn_customers_new(void)
{
    struct tsn_customers *c = tsn_alloc(sizeof *c);
    (void)pthread_mutex_init(&c->lock, NULL);
    c->list = json_array();
    return c;
}

void tsn_customers_destroy(struct tsn_customers *c)
{
    if (!c)
        return;
    json_decref(c->list);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

json_t *tsn_customers_now(const struct tsn_casework_config *config)
{
    struct tsn_customers *c = config ? config->known : NULL;
    json_t *list;
    if (!c)
        return config && config->customers ? json_deep_copy(config->customers) : json_array();
    (void)pthread_mutex_lock(&c->lock);
    list = json_incref(c->list);
    (void)pthread_mutex_unlock(&c->lock);
    return list;
}

/* --- rows ----------------------------------------------------------------------------------------- */

static json_t *view(const struct tsn_rec_customer *r)
{
    json_t *o = NULL;
    char at[25];
    if (!r->body || tsn_json_parse(r->body, strlen(r->body), &o, NULL))
        o = json_object();
    json_object_set_new(o, "id", json_string(r->id));
    json_object_set_new(o, "origin", json_string(r->origin));
    json_object_set_new(o, "changed_by", json_string(r->changed_by ? r->changed_by : ""));
    tsn_time_format(at, r->added_at);
    json_object_set_new(o, "added_at", json_string(at));
    tsn_time_format(at, r->changed_at);
    json_object_set_new(o, "changed_at", json_string(at));
    return o;
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(tsn_json_str(*(json_t *const *)a, "name", ""),
                      tsn_json_str(*(json_t *const *)b, "name", ""));
}

tsn_err tsn_customers_load(struct tsn_customers *c, struct tsn_store *st)
{
    struct tsn_arena *arena = tsn_arena_new();
    const struct tsn_list how = {.limit = CUSTOMERS_MAX};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_customer, &how, &rows, &n);
    json_t **all = tsn_arena_alloc(arena, (n + 1) * sizeof *all), *list = json_array(), *old;
    for (size_t i = 0; !err && i < n; i++)
        all[i] = view((const struct tsn_rec_customer *)rows + i);
    if (!err && n > 1)
        qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(list, all[i]);
    if (!err) {
        (void)pthread_mutex_lock(&c->lock);
        old = c->list;
        c->list = list;
        list = old;
        (void)pthread_mutex_unlock(&c->lock);
    }
    json_decref(list);
    tsn_arena_destroy(arena);
    return err;
}

/* Names are one whatever their case is. */
static const char *handle_of(struct tsn_arena *arena, const char *name)
{
    uint8_t hash[TSN_HASH_LEN];
    char *low = tsn_arena_strdup(arena, name), *hex = tsn_arena_alloc(arena, 2 * 16 + 1);
    for (char *p = low; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    tsn_sha256_once(hash, low, strlen(low));
    tsn_hex(hex, hash, 16);
    return hex;
}

static tsn_err log_change(struct tsn_store *st, const char *kind,
                          const struct tsn_rec_customer *r, const char *before,
                          const struct tsn_customer_act *act)
{
    struct tsn_field fields[3];
    struct tsn_append a = TSN_APPEND_INIT;
    size_t n = 0;
    if (before)
        fields[n++] = (struct tsn_field){"before", before, strlen(before)};
    if (r->body)
        fields[n++] = (struct tsn_field){"args", r->body, strlen(r->body)};
    if (act->reason && *act->reason)
        fields[n++] = (struct tsn_field){"note", act->reason, strlen(act->reason)};
    a.kind = kind;
    a.actor = act->actor;
    a.auth = act->auth;
    a.outcome = "ok";
    a.reason = r->id;
    a.fields = fields;
    a.nfields = n;
    return tsn_store_append(st, &a, NULL);
}

/* --- what may be said of one ------------------------------------------------------------------------ */

static tsn_err bad(struct tsn_diag *diag, const char *pointer, const char *what)
{
    tsn_diag_at(diag, pointer, 0, 0);
    return tsn_diag_set(diag, TSN_EINPUT, "H013", "%s %s", pointer + 1, what);
}

static tsn_err product_ok(const struct tsn_casework_config *config, const char *id,
                          struct tsn_diag *diag)
{
    const char *candidates[256], *near;
    size_t i, n = 0;
    json_t *p;
    json_array_foreach(config ? config->products : NULL, i, p)
    {
        if (strcmp(tsn_json_str(p, "id", ""), id) == 0)
            return 0;
        if (n < sizeof candidates / sizeof candidates[0])
            candidates[n++] = tsn_json_str(p, "id", "");
    }
    tsn_diag_at(diag, "/products", 0, 0);
    near = tsn_suggest(id, candidates, n);
    if (near)
        tsn_diag_hint(diag, "did you mean `%s`?", near);
    else
        tsn_diag_hint(diag, "customers name products by their id in the configuration");
    return tsn_diag_set(diag, TSN_EINPUT, "W092", "there is no product `%.80s`", id);
}

static bool printable(const char *s, size_t max)
{
    size_t len = strlen(s);
    if (len == 0 || len > max || isspace((unsigned char)s[0]) ||
        isspace((unsigned char)s[len - 1]))
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

static tsn_err members_ok(const struct tsn_casework_config *config, const json_t *o,
                          struct tsn_diag *diag)
{
    static const char *const known[] = {"name",    "mail", "products", "contract",
                                        "country", "key",  "attach",   "language"};
    static const char *const words[] = {"/contract", "/country", "/key", "/language"};
    const json_t *products = json_object_get(o, "products"),
                 *attach = json_object_get(o, "attach"), *v;
    size_t i;
    tsn_err err = tsn_json_known(o, known, sizeof known / sizeof known[0], diag);
    if (err)
        return err;
    if (!printable(tsn_json_str(o, "name", ""), NAME_MAX_))
        return bad(diag, "/name", "needs 1 to 200 bytes without control characters");
    if (!tsn_mail_ok(tsn_json_str(o, "mail", "")))
        return bad(diag, "/mail", "is one plain address: sec@customer.example");
    if (!json_is_array(products) || json_array_size(products) == 0 ||
        json_array_size(products) > PRODUCTS_MAX)
        return bad(diag, "/products", "is a list of product ids");
    json_array_foreach(products, i, v)
    {
        if (!json_is_string(v))
            return bad(diag, "/products", "is a list of product ids");
        err = product_ok(config, json_string_value(v), diag);
        if (err)
            return err;
    }
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        v = json_object_get(o, words[i] + 1);
        if (v && (!json_is_string(v) || !printable(json_string_value(v), WORD_MAX_)))
            return bad(diag, words[i], "is one word");
    }
    if (attach && !json_is_array(attach))
        return bad(diag, "/attach", "is a list of renderings: csaf, html ...");
    json_array_foreach(attach, i, v)
    {
        if (!json_is_string(v))
            return bad(diag, "/attach", "is a list of renderings: csaf, html ...");
    }
    return 0;
}

/* --- changes --------------------------------------------------------------------------------------- */

static tsn_err find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                    struct tsn_rec_customer *out)
{
    tsn_err err = tsn_store_get(st, arena, &tsn_table_customer, ref, out);
    return err == TSN_ENOTFOUND ? tsn_store_find(st, arena, &tsn_table_customer, "handle",
                                                 handle_of(arena, ref), out)
                                : err;
}

/* The row with these members; `r` is the one before (id NULL: none). *change: added changed same. */
static tsn_err write_row(struct tsn_store *st, struct tsn_arena *arena,
                         struct tsn_rec_customer *r, const json_t *members, const char *origin,
                         const struct tsn_customer_act *act, const char **change)
{
    const char *before = r->body;
    bool fresh = !r->id;
    char id[TSN_ULID_LEN + 1], *text = tsn_json_text(members);
    tsn_err err;
    *change = "same";
    r->body = tsn_arena_strdup(arena, text);
    free(text);
    if (!fresh && strcmp(before ? before : "", r->body) == 0 && strcmp(r->origin, origin) == 0)
        return 0;
    if (fresh) {
        tsn_id_new(id);
        r->id = tsn_arena_strdup(arena, id);
        r->added_at = act->now_ms;
    }
    r->handle = handle_of(arena, tsn_json_str(members, "name", ""));
    r->origin = origin;
    r->changed_by = act->actor;
    r->changed_at = act->now_ms;
    *change = fresh ? "added" : "changed";
    err = log_change(st, fresh ? "customer.added" : "customer.changed", r, before, act);
    if (err)
        return err;
    return fresh ? tsn_store_insert(st, &tsn_table_customer, r)
                 : tsn_store_put(st, &tsn_table_customer, r);
}

static tsn_err drop_row(struct tsn_store *st, struct tsn_rec_customer *r,
                        const struct tsn_customer_act *act)
{
    const char *before = r->body;
    r->body = NULL;
    tsn_err err = log_change(st, "customer.removed", r, before, act);
    r->body = before;
    return err ? err : tsn_store_delete(st, &tsn_table_customer, r->id);
}

static json_t *merged(const struct tsn_rec_customer *r, const json_t *members)
{
    json_t *o = NULL, *v;
    const char *key;
    if (!r->body || tsn_json_parse(r->body, strlen(r->body), &o, NULL))
        o = json_object();
    json_object_foreach((json_t *)(uintptr_t)members, key, v)
    {
        if (json_is_null(v))
            json_object_del(o, key);
        else
            json_object_set(o, key, v);
    }
    return o;
}

static tsn_err act_one(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_casework_config *config,
                       const struct tsn_customer_act *act, json_t *items, struct tsn_diag *diag)
{
    const char *ref = act->ref ? act->ref : tsn_json_str(act->members, "name", ""),
               *change = "removed";
    struct tsn_rec_customer r = {0}, twin;
    json_t *o;
    tsn_err err = find(st, arena, ref, &r);
    bool found = !err;
    if (err == TSN_ENOTFOUND) {
        err = 0;
        r = (struct tsn_rec_customer){0};
    }
    if (err)
        return err;
    if (found && act->verb == TSN_CUSTOMER_ADD)
        return tsn_diag_set(diag, TSN_ECONFLICT, "W090", "there is a customer `%.80s`", ref);
    if (!found && (act->verb == TSN_CUSTOMER_EDIT || act->verb == TSN_CUSTOMER_REMOVE))
        return tsn_diag_set(diag, TSN_ENOTFOUND, "H031", "there is no customer `%.80s`", ref);
    o = merged(&r, act->members);
    if (act->verb != TSN_CUSTOMER_REMOVE)
        err = members_ok(config, o, diag);
    if (!err && found && strcmp(r.origin, "config") == 0) {
        /* The same words again are no change, wherever they stand. */
        char *text = tsn_json_text(o);
        bool same = act->verb == TSN_CUSTOMER_PUT && strcmp(text, r.body ? r.body : "") == 0;
        free(text);
        if (!same) {
            tsn_diag_hint(diag, "change it under `customers:` there, and start tocsin again");
            err = tsn_diag_set(diag, TSN_ECONFLICT, "W091",
                               "`%.80s` stands in the configuration", ref);
        }
    }
    if (!err && found && act->verb != TSN_CUSTOMER_REMOVE &&
        tsn_store_find(st, arena, &tsn_table_customer, "handle",
                       handle_of(arena, tsn_json_str(o, "name", "")), &twin) == 0 &&
        strcmp(twin.id, r.id) != 0)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W090", "there is a customer `%.80s`",
                           tsn_json_str(o, "name", ""));
    if (!err && act->verb == TSN_CUSTOMER_REMOVE)
        err = drop_row(st, &r, act);
    else if (!err)
        err = write_row(st, arena, &r, o, found ? r.origin : "desk", act, &change);
    json_decref(o);
    if (!err) {
        o = view(&r);
        json_object_set_new(o, "change", json_string(change));
        json_array_append_new(items, o);
    }
    return err;
}

tsn_err tsn_customer_act(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_casework_config *config,
                         const struct tsn_customer_act *acts, size_t n, json_t **items,
                         struct tsn_diag *diag)
{
    json_t *done = json_array();
    tsn_err err = 0;
    for (size_t i = 0; i < n && !err; i++) {
        err = act_one(st, arena, config, &acts[i], done, diag);
        if (err && n > 1 && diag->file[0] == '/')
            tsn_diag_at(diag, tsn_arena_printf(arena, "/customers/%zu%s", i, diag->file), 0, 0);
    }
    if (!err && config->known)
        err = tsn_customers_load(config->known, st);
    if (err)
        json_decref(done);
    else
        *items = done;
    return err;
}

tsn_err tsn_customers_start(struct tsn_customers *c, struct tsn_store *st,
                            struct tsn_arena *arena, const json_t *declared, int64_t now_ms,
                            struct tsn_diag *diag)
{
    const struct tsn_customer_act act = {
        .actor = "svc:config", .auth = "svc", .now_ms = now_ms};
    const struct tsn_filter ours = {.column = "origin", .cmp = TSN_CMP_EQ, .text = "config"};
    const struct tsn_list how = {.filters = &ours, .nfilters = 1, .limit = CUSTOMERS_MAX};
    json_t *names = json_object(), *one;
    void *list = NULL;
    size_t n = 0, i;
    const char *change;
    tsn_err err = 0;
    (void)diag;
    json_array_foreach(declared, i, one)
    {
        struct tsn_rec_customer r = {0};
        const char *handle = handle_of(arena, tsn_json_str(one, "name", ""));
        json_object_set_new(names, handle, json_true());
        if (err)
            break;
        err = tsn_store_find(st, arena, &tsn_table_customer, "handle", handle, &r);
        if (err == TSN_ENOTFOUND) {
            r = (struct tsn_rec_customer){0};
            err = 0;
        }
        err = err ? err : write_row(st, arena, &r, one, "config", &act, &change);
    }
    if (!err)
        err = tsn_store_list(st, arena, &tsn_table_customer, &how, &list, &n);
    for (i = 0; i < n && !err; i++) {
        struct tsn_rec_customer *r = (struct tsn_rec_customer *)list + i;
        if (!json_object_get(names, r->handle))
            err = drop_row(st, r, &act);
    }
    json_decref(names);
    return err ? err : tsn_customers_load(c, st);
}
