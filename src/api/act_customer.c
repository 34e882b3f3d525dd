/* act_customer.c - customers over HTTP: listed, entered, changed, removed, taken from a file.
 *
 * Loop thread, but for apply (writer). What the configuration declares is changed there (W091).
 */
#include "api/api_advisory.h"

#include <string.h>
#include "advisory/advisory_as.h"
#include "casework/customers.h"
#include "core/clock.h"

#define IMPORT_MAX 50000

struct customer_op {
    struct tsn_op op;
    struct tsn_casework_config casework;
    struct tsn_customer_act *acts;
    size_t n;
    json_t *body, *items;
    bool many, dry;
};

static tsn_err apply_customer(struct tsn_op *op, struct tsn_store *st)
{
    struct customer_op *x = (struct customer_op *)op;
    json_decref(x->items);
    x->items = NULL;
    tsn_err err =
        tsn_customer_act(st, op->arena, &x->casework, x->acts, x->n, &x->items, &op->diag);
    /* What only would happen is undone with the op. */
    return err ? err : x->dry ? TSN_ECONFLICT : 0;
}

static json_t *counted(json_t *items)
{
    json_t *out = json_pack("{s:i, s:i, s:i, s:O}", "added", 0, "changed", 0, "same", 0,
                            "items", items),
           *one;
    size_t i;
    json_array_foreach(items, i, one)
    {
        const char *change = tsn_json_str(one, "change", "");
        json_object_set_new(out, change, json_integer(1 + tsn_json_int(out, change, 0)));
    }
    return out;
}

static void done_customer(struct tsn_op *op)
{
    struct customer_op *x = (struct customer_op *)op;
    struct tsn_req *req = op->user;
    if (!x->items) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out = x->many ? counted(x->items) : json_incref(json_array_get(x->items, 0));
        if (x->dry)
            json_object_set_new(out, "dry_run", json_true());
        tsn_req_json(req, x->acts[0].verb == TSN_CUSTOMER_ADD ? 201 : 200, out);
        json_decref(out);
    }
    json_decref(x->items);
    json_decref(x->body);
    tsn_req_end(req);
    tsn_op_destroy(op);
}

/* Renderings are those that advisories have. False: answered. */
static bool forms_ok(struct tsn_req *req, const json_t *members)
{
    const json_t *form;
    size_t i;
    json_array_foreach(json_object_get(members, "attach"), i, form)
    {
        if (json_is_string(form) && tsn_as_find(json_string_value(form)) != TSN_AS_COUNT)
            continue;
        tsn_body_bad(req, "/attach",
                     "attach names renderings: csaf, csaf-2.1, cve, openvex, "
                     "osv, html, md, text");
        return false;
    }
    return true;
}

static struct customer_op *begin(struct tsn_req *req, size_t n)
{
    struct customer_op *x = tsn_op_new(sizeof(*x), apply_customer, done_customer, req);
    x->casework = *req->api->config.casework;
    x->body = req->body ? json_deep_copy(req->body) : json_object();
    x->acts = tsn_arena_alloc(x->op.arena, n * sizeof *x->acts);
    x->n = n;
    return x;
}

static struct tsn_customer_act act_of(struct customer_op *x, struct tsn_req *req,
                                      enum tsn_customer_verb verb, const json_t *members)
{
    return (struct tsn_customer_act){
        .verb = verb,
        .ref = verb == TSN_CUSTOMER_EDIT || verb == TSN_CUSTOMER_REMOVE ? req->id : NULL,
        .members = members,
        .actor = tsn_arena_strdup(x->op.arena, tsn_auth_name(req)),
        .auth = req->who.auth,
        .now_ms = tsn_clock_wall_ms()};
}

static void one(struct tsn_req *req, enum tsn_customer_verb verb)
{
    if (!forms_ok(req, req->body))
        return;
    struct customer_op *x = begin(req, 1);
    const char *reason = tsn_json_str(x->body, "reason", NULL);
    x->acts[0] = act_of(x, req, verb, x->body);
    x->acts[0].reason = tsn_arena_strdup(x->op.arena, reason);
    json_object_del(x->body, "reason");
    tsn_req_write(req, &x->op);
}

/* { customers: [...], dry_run? }: each is entered or changed, by name; nothing is removed. */
static void many(struct tsn_req *req, const json_t *list)
{
    static const char *const known[] = {"customers", "dry_run", "reason"};
    size_t i, n = json_array_size(list);
    json_t *item;
    if (!tsn_body_ok(req, known, 3))
        return;
    if (n == 0 || n > IMPORT_MAX) {
        tsn_body_bad(req, "/customers", "customers is a list of 1 to 50,000");
        return;
    }
    json_array_foreach(list, i, item)
    {
        if (!json_is_object(item)) {
            tsn_body_bad(req, "/customers", "a customer is { name, mail, products ... }");
            return;
        }
        if (!forms_ok(req, item))
            return;
    }
    struct customer_op *x = begin(req, n);
    x->many = true;
    x->dry = tsn_json_bool(x->body, "dry_run", false);
    if (x->dry)
        x->casework.known = NULL; /* the list that holds stays as it is */
    json_array_foreach(json_object_get(x->body, "customers"), i, item)
    {
        x->acts[i] = act_of(x, req, TSN_CUSTOMER_PUT, item);
        x->acts[i].reason =
            tsn_arena_strdup(x->op.arena, tsn_json_str(x->body, "reason", NULL));
    }
    tsn_req_write(req, &x->op);
}

void tsn_act_customer_new(struct tsn_req *req)
{
    const json_t *list = json_object_get(req->body, "customers");
    if (list)
        many(req, list);
    else
        one(req, TSN_CUSTOMER_ADD);
}

void tsn_act_customer_put(struct tsn_req *req)
{
    one(req, TSN_CUSTOMER_EDIT);
}

void tsn_act_customer_remove(struct tsn_req *req)
{
    one(req, TSN_CUSTOMER_REMOVE);
}

/* --- reads ------------------------------------------------------------------------------------ */

static bool has(const json_t *list, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (strcmp(json_string_value(v), word) == 0)
            return true;
    }
    return false;
}

/* ?product= and ?contract= narrow it. */
void tsn_act_customers(struct tsn_req *req)
{
    const char *product = req->in ? tsn_http_query(req->in, "product") : NULL,
               *contract = req->in ? tsn_http_query(req->in, "contract") : NULL;
    json_t *all = tsn_customers_now(req->api->config.casework), *items = json_array(), *c, *out;
    size_t i;
    json_array_foreach(all, i, c)
    {
        if ((!product || has(json_object_get(c, "products"), product)) &&
            (!contract || strcmp(tsn_json_str(c, "contract", ""), contract) == 0))
            json_array_append(items, c);
    }
    out = tsn_view_list(items, NULL);
    tsn_req_json(req, 200, out);
    json_decref(out);
    json_decref(all);
    tsn_req_end(req);
}

void tsn_act_customer_get(struct tsn_req *req)
{
    json_t *all = tsn_customers_now(req->api->config.casework), *c, *found = NULL;
    size_t i;
    json_array_foreach(all, i, c)
    {
        if (strcmp(tsn_json_str(c, "id", ""), req->id) == 0 ||
            strcasecmp(tsn_json_str(c, "name", ""), req->id) == 0)
            found = c;
    }
    if (found)
        tsn_req_json(req, 200, found);
    else
        tsn_req_refuse(req, 404, TSN_ENOTFOUND, "H031", "there is no such customer",
                       "`tocsin customer list` names them.");
    json_decref(all);
    tsn_req_end(req);
}
