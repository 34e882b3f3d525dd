/* tell.c - recipients, letters and records of a publication as the event of its run. See tell.h. */
#include "advisory/tell.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "advisory/advisory_as.h"
#include "advisory/csaf_view.h"
#include "advisory/publish_tree.h"
#include "casework/customers.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define LETTER_MAX ((size_t)8 << 20)
#define ROWS_MAX   20000

struct tell {
    struct tsn_store *st;
    struct tsn_arena *arena;
    const struct tsn_rec_advisory *a;
    const struct tsn_rec_release *r; /* NULL: ahead */
    struct tsn_rec_case c;
    struct tsn_diag *diag;
    struct tsn_rec_track *rows; /* all tracks of the case */
    size_t nrows;
    json_t *model, *wide; /* owned */
    json_t *products;     /* ids of configured products it is about; owned */
    json_t *customers;    /* owned */
    const char *about;    /* NAME@VERSION */
    const char *version, *tlp;
    json_t *event;
};

static bool has(const json_t *list, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), word) == 0) {
            return true;
        }
    }
    return false;
}

/* --- what the rows say ------------------------------------------------------------------------- */

static const struct tsn_rec_track *row_of(const struct tell *t, const char *track,
                                          const char *subject, const char *label)
{
    for (size_t i = 0; i < t->nrows; i++) {
        const struct tsn_rec_track *r = &t->rows[i];
        if (strcmp(r->track, track) == 0 &&
            (subject ? strcmp(r->subject, subject) == 0
                     : r->label && strcasecmp(r->label, label) == 0)) {
            return r;
        }
    }
    return NULL;
}

/* The notice of this version and stage to that address. */
static const struct tsn_rec_track *notice_of(const struct tell *t, const char *to)
{
    const char *start =
        tsn_arena_printf(t->arena, "%s:%s:", t->about, t->r ? TSN_TELL_OUT : TSN_TELL_AHEAD);
    for (size_t i = 0; i < t->nrows; i++) {
        const struct tsn_rec_track *r = &t->rows[i];
        if (strcmp(r->track, "notice") == 0 && strncmp(r->subject, start, strlen(start)) == 0 &&
            r->label && strcasecmp(r->label, to) == 0) {
            return r;
        }
    }
    return NULL;
}

static bool told(const struct tell *t, const char *to)
{
    const struct tsn_rec_track *r = notice_of(t, to);
    return r && (strcmp(r->state, "sent") == 0 || strcmp(r->state, "bounced") == 0);
}

static const char *terms_of(const struct tell *t, const char *to)
{
    const struct tsn_rec_track *r = row_of(t, "participant", NULL, to);
    return r ? r->state : "outside";
}

/* --- opening ------------------------------------------------------------------------------------- */

/* Configured products the advisory speaks of: those of the case, and those named as it names them. */
static json_t *products_of(const struct tell *t)
{
    json_t *out = json_array(), *p, *m, *facts = NULL;
    size_t i, k;
    if (t->c.facts && *t->c.facts) {
        (void)tsn_json_parse(t->c.facts, strlen(t->c.facts), &facts, NULL);
    }
    json_array_foreach(tsn_advisory_env.products, i, p)
    {
        const char *id = tsn_json_str(p, "id", ""), *name = tsn_json_str(p, "name", id);
        bool hit = (t->c.product && strcmp(t->c.product, id) == 0) ||
                   has(json_object_get(facts, "products"), id);
        json_array_foreach(json_object_get(t->model, "products"), k, m)
        {
            hit = hit || strcasecmp(tsn_json_str(m, "product", ""), name) == 0;
        }
        if (hit) {
            json_array_append_new(out, json_string(id));
        }
    }
    json_decref(facts);
    return out;
}

static tsn_err read_rows(struct tell *t)
{
    const struct tsn_filter filter = {
        .column = "case_id", .cmp = TSN_CMP_EQ, .text = t->a->case_id};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = ROWS_MAX};
    void *rows = NULL;
    tsn_err err = tsn_store_get(t->st, t->arena, &tsn_table_case, t->a->case_id, &t->c);
    if (!err) {
        err = tsn_store_list(t->st, t->arena, &tsn_table_track, &how, &rows, &t->nrows);
    }
    t->rows = rows;
    return err;
}

static void tell_free(struct tell *t)
{
    json_decref(t->model);
    json_decref(t->wide);
    json_decref(t->products);
    json_decref(t->customers);
}

static tsn_err tell_open(struct tell *t)
{
    tsn_err err = read_rows(t);
    if (!err && t->r) {
        err = tsn_json_parse(t->r->model, strlen(t->r->model), &t->model, t->diag);
    } else if (!err) {
        err = tsn_advisory_model_of(t->a, &t->model, t->diag);
    }
    if (!err) {
        err = tsn_csaf_render(t->model, tsn_advisory_env.publisher, TSN_CSAF_WIDE, &t->wide,
                              t->diag);
    }
    if (!err) {
        const json_t *tracking =
            json_object_get(json_object_get(t->wide, "document"), "tracking");
        t->version = tsn_json_str(tracking, "version", "");
        t->tlp = tsn_view_tlp(t->wide);
        t->about = tsn_arena_printf(t->arena, "%s@%s", t->a->name, t->version);
        t->products = products_of(t);
        t->customers = tsn_customers_now(tsn_advisory_env.casework);
    }
    return err;
}

/* --- letters --------------------------------------------------------------------------------------- */

static int strictness(const char *tlp)
{
    static const char *const labels[] = {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"};
    int i = 0;
    while (i < 4 && strcasecmp(labels[i], tlp) != 0) {
        i++;
    }
    return i;
}

/* What is not out yet is marked as the list wants, never less strictly than the document itself. */
static const char *label_for(const struct tell *t, const json_t *list)
{
    const char *wish = tsn_json_str(list, "tlp", "AMBER");
    return t->r || strictness(t->tlp) >= strictness(wish) ? t->tlp : wish;
}

static tsn_err attach(const struct tell *t, const json_t *model, enum tsn_as as, json_t *to)
{
    struct tsn_buf b;
    const char *name =
        tsn_arena_printf(t->arena, "%s%s", t->a->name, tsn_as_formats[as].suffix);
    tsn_buf_init(&b, LETTER_MAX);
    /* The bytes that were signed, not others that say the same. */
    tsn_err err = as == TSN_AS_CSAF && t->r
                      ? tsn_buf_puts(&b, t->r->csaf)
                      : tsn_advisory_as(model, tsn_advisory_env.publisher, as, &b, NULL);
    if (!err) {
        const char *media = tsn_as_formats[as].media; /* a part's type has no parameters */
        json_array_append_new(to,
                              json_pack("{s:s, s:s, s:s#}", "name", name, "type",
                                        tsn_arena_strndup(t->arena, media, strcspn(media, ";")),
                                        "text", b.data, (int)b.len));
    }
    if (!err && as == TSN_AS_CSAF && t->r && t->r->signature) {
        json_array_append_new(
            to, json_pack("{s:s, s:s, s:s}", "name", tsn_arena_printf(t->arena, "%s.asc", name),
                          "type", "application/pgp-signature", "text", t->r->signature));
    }
    tsn_buf_free(&b);
    return err == TSN_EINPUT ? 0 : err; /* a form that has nothing to say of it is left out */
}

/* The renderings that go along: as the customer wants them, else as the list says. */
static const json_t *wanted(const json_t *list, const json_t *customer)
{
    const json_t *own = json_object_get(customer, "attach");
    return own ? own : json_object_get(list, "attach");
}

/* A list has one letter, and one more for each other choice of renderings. */
static const char *letter_name(const struct tell *t, const json_t *list, const json_t *customer)
{
    const char *name = tsn_json_str(list, "name", "");
    const json_t *own = json_object_get(customer, "attach");
    size_t i;
    json_t *form;
    if (!own || json_equal(own, json_object_get(list, "attach"))) {
        return name;
    }
    name = tsn_arena_printf(t->arena, "%s:", name);
    json_array_foreach(own, i, form)
    {
        name =
            tsn_arena_printf(t->arena, "%s%s%s", name, i ? "+" : "", json_string_value(form));
    }
    return name;
}

static tsn_err letter(struct tell *t, const json_t *list, const json_t *customer)
{
    struct tsn_buf text;
    json_t *model = json_copy(t->model), *parts = json_array(), *form;
    size_t i;
    const char *tlp = label_for(t, list), *name = letter_name(t, list, customer);
    if (json_object_get(json_object_get(t->event, "letters"), name)) {
        json_decref(parts);
        json_decref(model);
        return 0;
    }
    tsn_buf_init(&text, LETTER_MAX);
    json_object_set_new(model, "tlp", json_string(tlp));
    tsn_err err =
        tsn_advisory_as(model, tsn_advisory_env.publisher, TSN_AS_TEXT, &text, t->diag);
    json_array_foreach(wanted(list, customer), i, form)
    {
        enum tsn_as as = tsn_as_find(json_string_value(form));
        err = err || as == TSN_AS_COUNT ? err : attach(t, model, as, parts);
    }
    if (!err) {
        const char *title = tsn_json_str(json_object_get(t->wide, "document"), "title", "");
        const char *subject = t->r
                                  ? tsn_arena_printf(t->arena, "[TLP:%s] %s version %s: %s",
                                                     tlp, t->a->name, t->version, title)
                                  : tsn_arena_printf(t->arena, "[TLP:%s] Advance notice %s: %s",
                                                     tlp, t->a->name, title);
        json_object_set_new(json_object_get(t->event, "letters"), name,
                            json_pack("{s:s, s:s#, s:O}", "subject", subject, "text",
                                      text.data ? text.data : "", (int)text.len, "attach",
                                      parts));
    }
    json_decref(parts);
    json_decref(model);
    tsn_buf_free(&text);
    return err;
}

/* --- recipients --------------------------------------------------------------------------------------- */

/* Does the list mean this customer, for this advisory? */
static bool meant(const struct tell *t, const json_t *list, const json_t *customer)
{
    const json_t *contracts = json_object_get(list, "contracts"),
                 *only = json_object_get(list, "products");
    json_t *id;
    size_t i;
    bool product = false;
    if (json_array_size(json_object_get(list, "mail")) > 0 &&
        json_array_size(contracts) + json_array_size(only) == 0) {
        return false; /* addresses alone */
    }
    if (json_array_size(contracts) > 0 &&
        !has(contracts, tsn_json_str(customer, "contract", ""))) {
        return false;
    }
    json_array_foreach(json_object_get(customer, "products"), i, id)
    {
        const char *word = json_string_value(id);
        product = product ||
                  (has(t->products, word) && (json_array_size(only) == 0 || has(only, word)));
    }
    return product;
}

static bool listed(const json_t *list, const char *to)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcasecmp(tsn_json_str(one, "to", ""), to) == 0) {
            return true;
        }
    }
    return false;
}

/* Puts them among those who are told, with their letter, or among those who are asked first. */
static tsn_err add(struct tell *t, const json_t *list, const char *to, const json_t *customer)
{
    json_t *mails = json_object_get(t->event, "mails"),
           *invite = json_object_get(t->event, "invite");
    const char *terms = t->r ? "accepted" : terms_of(t, to);
    if (told(t, to) || listed(mails, to) || listed(invite, to)) {
        return 0;
    }
    json_t *one = json_pack("{s:s, s:s, s:s*, s:s*}", "to", to, "customer",
                            tsn_json_str(customer, "name", to), "encrypt",
                            tsn_json_str(customer, "key", NULL), "language",
                            tsn_json_str(customer, "language", NULL));
    if (strcmp(terms, "accepted") != 0) {
        /* Asked once; whoever declined or left is not asked again by a program. */
        if (strcmp(terms, "outside") == 0) {
            json_array_append(invite, one);
        }
        json_decref(one);
        return 0;
    }
    json_object_set_new(one, "list", json_string(tsn_json_str(list, "name", "")));
    json_object_set_new(one, "letter", json_string(letter_name(t, list, customer)));
    json_array_append_new(mails, one);
    return letter(t, list, customer);
}

static tsn_err recipients(struct tell *t)
{
    size_t i, k;
    json_t *list, *customer, *to;
    tsn_err err = 0;
    json_array_foreach(tsn_advisory_env.lists, i, list)
    {
        if (!t->r && tsn_json_int(list, "before", 0) == 0) {
            continue; /* this list waits for publication */
        }
        json_array_foreach(t->customers, k, customer)
        {
            if (!err && meant(t, list, customer)) {
                err = add(t, list, tsn_json_str(customer, "mail", ""), customer);
            }
        }
        /* Addresses in the open get what is for everybody. */
        json_array_foreach(json_object_get(list, "mail"), k, to)
        {
            if (!err && t->r && strcmp(t->tlp, "CLEAR") == 0) {
                err = add(t, list, json_string_value(to), NULL);
            }
        }
    }
    return err;
}

/* Whether this publication goes that way (cve, mail): all ways unless its `to` names some. */
static bool goes_by(const struct tell *t, const char *way)
{
    json_t *life = NULL;
    if (t->a->life && *t->a->life) {
        (void)tsn_json_parse(t->a->life, strlen(t->a->life), &life, NULL);
    }
    const json_t *to = json_object_get(life, "to");
    bool yes = !t->r || !to || has(to, way);
    json_decref(life);
    return yes;
}

/* --- CVE records --------------------------------------------------------------------------------------- */

/* Ids that are ours (reserved by us, so on the case's track), once the reference is public. */
static void records(struct tell *t)
{
    static const char *const ours[] = {"reserved", "published", "updated", "disputed"};
    const json_t *doc = json_object_get(t->wide, "document");
    json_t *v, *ref;
    size_t i;
    const char *url = NULL;
    json_array_foreach(json_object_get(doc, "references"), i, ref)
    {
        bool self = strcmp(tsn_json_str(ref, "category", ""), "self") == 0;
        url = self ? tsn_json_str(ref, "url", NULL) : url;
    }
    bool over = t->a->state && (strcmp(t->a->state, "withdrawn") == 0 ||
                                strcmp(t->a->state, "superseded") == 0);
    /* What is withdrawn or superseded sends no record by itself: a person says what becomes of its ids. */
    json_t *into = json_object_get(t->event, over ? "over" : "cve");
    if (!t->r || !tsn_advisory_env.cve || !url || strcmp(t->tlp, "CLEAR") != 0) {
        return;
    }
    json_array_foreach(json_object_get(t->wide, "vulnerabilities"), i, v)
    {
        const char *id = tsn_json_str(v, "cve", NULL);
        const struct tsn_rec_track *row = id ? row_of(t, "cve", id, NULL) : NULL;
        bool mine = false;
        for (size_t k = over ? 1 : 0; row && k < sizeof ours / sizeof ours[0]; k++) {
            mine = mine || strcmp(row->state, ours[k]) == 0;
        }
        if (mine) {
            json_t *record = tsn_as_cve_record(t->wide, v, tsn_advisory_env.publisher);
            json_array_append_new(
                into, json_pack("{s:s, s:O, s:s, s:s}", "cve", id, "container",
                                json_object_get(json_object_get(record, "containers"), "cna"),
                                "reference", url, "state", row->state));
            json_decref(record);
        }
    }
}

/* --- the event and its run ------------------------------------------------------------------------------ */

static tsn_err make(struct tell *t)
{
    tsn_err err = tell_open(t);
    if (err) {
        return err;
    }
    t->event = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[], s:[], s:[], s:[], s:{}}", "kind",
                         t->r ? "advisory.public" : "advisory.ahead", "advisory", t->a->name,
                         "version", t->version, "about", t->about, "tlp", t->tlp, "connector",
                         "cve", "cve", "over", "mails", "invite", "letters");
    if (t->r) {
        json_object_set_new(t->event, "release", json_string(t->r->id));
    }
    if (goes_by(t, "cve")) {
        records(t);
    }
    return goes_by(t, "mail") ? recipients(t) : 0;
}

tsn_err tsn_tell_event(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_advisory *a, const struct tsn_rec_release *r,
                       json_t **event, bool *empty, struct tsn_diag *diag)
{
    struct tell t = {.st = st, .arena = arena, .a = a, .r = r, .diag = diag};
    tsn_err err = make(&t);
    if (!err) {
        *empty = json_array_size(json_object_get(t.event, "cve")) == 0 &&
                 json_array_size(json_object_get(t.event, "over")) == 0 &&
                 json_array_size(json_object_get(t.event, "mails")) == 0 &&
                 json_array_size(json_object_get(t.event, "invite")) == 0;
        *event = t.event;
    } else {
        json_decref(t.event);
    }
    tell_free(&t);
    return err;
}

tsn_err tsn_tell_plan(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rec_advisory *a, json_t **out, struct tsn_diag *diag)
{
    struct tsn_rec_release r = {.id = "", .advisory = a->id, .name = a->name, .csaf = ""};
    json_t *model = NULL, *event = NULL, *mail, *letters, *names, *part;
    size_t i, k;
    bool empty;
    tsn_err err = tsn_advisory_model_of(a, &model, diag);
    if (err) {
        return err;
    }
    char *text = tsn_json_text(model);
    r.model = text;
    err = tsn_tell_event(st, arena, a, &r, &event, &empty, diag);
    if (!err) {
        letters = json_object_get(event, "letters");
        json_array_foreach(json_object_get(event, "mails"), i, mail)
        {
            const json_t *letter = json_object_get(letters, tsn_json_str(mail, "letter", ""));
            names = json_array();
            json_array_foreach(json_object_get(letter, "attach"), k, part)
            {
                json_array_append(names, json_object_get(part, "name"));
            }
            json_object_set(mail, "subject", json_object_get(letter, "subject"));
            json_object_set_new(mail, "attach", names);
            json_object_del(mail, "letter");
        }
        json_object_del(event, "letters");
        json_object_del(event, "release");
        json_object_del(event, "kind");
        json_object_del(event, "connector");
        *out = event;
    }
    free(text);
    json_decref(model);
    return err;
}

static tsn_err newest_playbook(struct tsn_store *st, struct tsn_arena *arena, const char *name,
                               struct tsn_rec_playbook *out, struct tsn_diag *diag)
{
    const struct tsn_filter filter = {.column = "name", .cmp = TSN_CMP_EQ, .text = name};
    const struct tsn_list how = {.filters = &filter,
                                 .nfilters = 1,
                                 .order = "version",
                                 .descending = true,
                                 .limit = 1,
                                 .skip_blobs = true};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_playbook, &how, &rows, &n);
    if (!err && n == 0) {
        tsn_diag_hint(diag, "Copy %s.lua from the playbooks that come with tocsin.", name);
        return tsn_diag_set(diag, TSN_ENOTFOUND, "P004", "there is no playbook `%s`", name);
    }
    if (!err) {
        *out = *(struct tsn_rec_playbook *)rows;
    }
    return err;
}

tsn_err tsn_tell_start(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_advisory *a, const struct tsn_rec_release *r,
                       const struct tsn_actor *by, int64_t now_ms, const char **run,
                       struct tsn_diag *diag)
{
    struct tsn_rec_playbook playbook = {0};
    struct tsn_rec_case c;
    struct tsn_rec_run made = {0};
    json_t *event = NULL;
    bool empty = true;
    *run = NULL;
    tsn_err err = tsn_tell_event(st, arena, a, r, &event, &empty, diag);
    if (err || empty) {
        json_decref(event);
        return err;
    }
    err = newest_playbook(st, arena, r ? TSN_TELL_OUT : TSN_TELL_AHEAD, &playbook, diag);
    if (!err) {
        err = tsn_store_get(st, arena, &tsn_table_case, a->case_id, &c);
    }
    if (!err) {
        json_t *input = json_pack("{s:O, s:o}", "event", event, "case", tsn_case_frozen(&c));
        char *text = tsn_json_text(input);
        const struct tsn_run_new fresh = {
            .playbook_hash = playbook.hash,
            .playbook_title =
                tsn_arena_printf(arena, "%s@%lld", playbook.name, (long long)playbook.version),
            .case_id = a->case_id,
            .input = text,
            .by = by,
            .ref = -1};
        err = tsn_run_create(st, arena, &fresh, now_ms, &made);
        free(text);
        json_decref(input);
    }
    if (!err) {
        *run = made.id;
    }
    json_decref(event);
    return err;
}

/* --- who was told, and who would be ----------------------------------------------------------------------- */

static void view_rows(const struct tell *t, json_t *items)
{
    const char *start = tsn_arena_printf(t->arena, "%s@", t->a->name);
    for (size_t i = 0; i < t->nrows; i++) {
        const struct tsn_rec_track *r = &t->rows[i];
        json_t *data = NULL;
        char since[25];
        if (strcmp(r->track, "notice") != 0 || strncmp(r->subject, start, strlen(start)) != 0) {
            continue;
        }
        if (r->data && *r->data) {
            (void)tsn_json_parse(r->data, strlen(r->data), &data, NULL);
        }
        tsn_time_format(since, r->updated_at);
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "to",
                                               r->label ? r->label : "", "customer",
                                               tsn_json_str(data, "customer", ""), "list",
                                               tsn_json_str(data, "list", ""), "stage",
                                               tsn_json_str(data, "stage", ""), "version",
                                               tsn_json_str(data, "version", ""), "state",
                                               r->state, "since", since));
        json_decref(data);
    }
}

/* Those who would be told: state planned, or how they stand to the terms where a list tells ahead. */
static void view_planned(const struct tell *t, json_t *items)
{
    size_t i, k;
    json_t *list, *customer;
    json_array_foreach(tsn_advisory_env.lists, i, list)
    {
        json_array_foreach(t->customers, k, customer)
        {
            const char *to = tsn_json_str(customer, "mail", ""), *terms = terms_of(t, to);
            bool asked = tsn_json_int(list, "before", 0) > 0 && strcmp(terms, "outside") != 0;
            if (!meant(t, list, customer) || listed(items, to)) {
                continue;
            }
            json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s}", "to", to, "customer",
                                                   tsn_json_str(customer, "name", ""), "list",
                                                   tsn_json_str(list, "name", ""), "state",
                                                   asked ? terms : "planned"));
        }
    }
}

tsn_err tsn_tell_view(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rec_advisory *a, json_t **out, struct tsn_diag *diag)
{
    struct tell t = {.st = st, .arena = arena, .a = a, .diag = diag};
    json_t *items = json_array();
    tsn_err err = tell_open(&t);
    if (!err) {
        view_rows(&t, items);
        view_planned(&t, items);
        *out = json_pack("{s:s, s:s, s:O}", "advisory", a->name, "version", t.version, "items",
                         items);
    }
    json_decref(items);
    tell_free(&t);
    return err;
}

int64_t tsn_tell_before(const json_t *lists)
{
    int64_t most = 0;
    size_t i;
    json_t *list;
    json_array_foreach(lists, i, list)
    {
        int64_t ms = tsn_json_int(list, "before", 0);
        most = ms > most ? ms : most;
    }
    return most;
}
