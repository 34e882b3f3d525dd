/* read_log.c - the log by query, and the auditors' reports; the log's index kept up to date.
 *
 * Asking is itself an entry (read_trace.c), committed before the answer is made. Both run on the
 * reader of the log, whose store has the index. Loop thread, but for tsn_read_* and apply_index.
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/id.h"
#include "core/log.h"
#include "core/text.h"
#include "store/log_report.h"
#include "store/log_search.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define SLICE    20000 /* entries the index takes at once: about 0.1 s of its thread */
#define BUSY_MS  20
#define QUIET_MS 5000

static tsn_err open_index(struct tsn_store *st, struct tsn_read *rd, struct tsn_log_index **ix)
{
    uint64_t left;
    tsn_err err = tsn_log_index(st, ix, &rd->op.diag);

    return err ? err : tsn_log_index_more(*ix, 0, &left, &rd->op.diag);
}

/* --- GET /audit/entries ------------------------------------------------------------------- */

static tsn_err seq_param(struct tsn_read *rd, enum tsn_param which, const char *name,
                         int64_t *out)
{
    const char *text = rd->param[which];

    *out = -1;
    if (text && tsn_parse_int(text[0] == '#' ? text + 1 : text, 0, INT64_MAX, out))
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                            "%s must be the number of an entry", name);
    return 0;
}

static tsn_err tlp_param(struct tsn_read *rd, int *out)
{
    const char *text = rd->param[TSN_PARAM_TLP];

    *out = -1;
    if (text && (*out = tsn_tlp_rank(text)) < 0)
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                            "tlp is clear, green, amber, amber+strict or red");
    return 0;
}

/* People name cases and runs; entries have their ids. */
static tsn_err resolve(struct tsn_store *st, struct tsn_read *rd, struct tsn_log_query *q)
{
    for (size_t i = 0; i < q->nterms; i++) {
        struct tsn_log_term *t = &q->terms[i];

        if (t->field != TSN_LOG_CASE && t->field != TSN_LOG_RUN)
            continue;
        for (size_t k = 0; k < t->nvalues; k++) {
            const char *ref = t->values[k].text;
            struct tsn_rec_case c;
            struct tsn_rec_run r;
            struct tsn_diag why;
            tsn_err err;

            tsn_diag_init(&why);
            if (tsn_id_valid(ref))
                continue; /* also of what no row tells any more */
            if (t->field == TSN_LOG_CASE) {
                err = tsn_case_find(st, rd->op.arena, ref, &c, &why);
                t->values[k].text = err ? ref : c.id;
            } else {
                err = tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", ref, &r, &why);
                t->values[k].text = err ? ref : r.id;
            }
            t->values[k].begins = false;
            if (err)
                return tsn_log_query_wrong(q, t->col, &rd->op.diag, err, "%s",
                                           why.what[0] ? why.what : tsn_err_text(err));
        }
    }
    return 0;
}

static void set_int(json_t *item, const char *key, int64_t value)
{
    if (value >= 0)
        json_object_set_new(item, key, json_integer(value));
}

/* What others looked at, asked for and took along names cases that this reader may not see. */
static bool may_open(const struct tsn_read *rd, const struct tsn_logged *e)
{
    static const char *const looks[] = {"case.read", "audit.query", "audit.export"};
    bool look = false;

    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        look = look || strcmp(e->entry.kind, looks[i]) == 0;
    return !look || tsn_access_sees_every(rd->casework, &rd->who) ||
           (rd->who.person && strncmp(e->entry.actor, "u:", 2) == 0 &&
            strcmp(e->entry.actor + 2, rd->who.person) == 0);
}

static json_t *entry_item(struct tsn_store *st, struct tsn_log_index *ix, struct tsn_read *rd,
                          const struct tsn_logged *e)
{
    json_t *item = tsn_view_entry(e);
    struct tsn_log_sealed sealed;

    tsn_log_sealed(ix, e->entry.seq, &sealed);
    set_int(item, "checkpoint", sealed.size);
    if (sealed.after_ms >= 0)
        json_object_set_new(item, "not_before", tsn_view_time(sealed.after_ms));
    if (sealed.before_ms >= 0)
        json_object_set_new(item, "not_after", tsn_view_time(sealed.before_ms));
    if (rd->param[TSN_PARAM_RAW])
        json_object_set_new(item, "text", json_stringn(e->text, e->text_len));
    if (rd->param[TSN_PARAM_OPEN] && may_open(rd, e))
        tsn_view_fields(st, rd->op.arena, e, item);
    return item;
}

/* Items are in the order of the log whichever way the page was made. */
static tsn_err fill_page(struct tsn_store *st, struct tsn_log_index *ix, struct tsn_read *rd,
                         const struct tsn_log_page *page, bool up, json_t *items)
{
    for (size_t i = 0; i < page->n; i++) {
        struct tsn_logged e;
        tsn_err err =
            tsn_store_entry(st, rd->op.arena, page->seqs[up ? i : page->n - 1 - i], &e);

        if (err == TSN_ENOTFOUND)
            continue; /* of a case that this reader does not see */
        if (err)
            return err;
        json_array_append_new(items, entry_item(st, ix, rd, &e));
    }
    return 0;
}

static int by_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

/* Left out already when pages are counted: a short page would tell that there is something. */
static bool not_hidden(const char *case_id, void *user)
{
    const struct tsn_store_view *view = user;

    return !view->nhidden ||
           !bsearch(case_id, view->hidden, view->nhidden, sizeof(*view->hidden), by_text);
}

static tsn_err read_entries(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_log_query q;
    struct tsn_log_want want = {.query = &q, .may_see = not_hidden, .may_user = &rd->view};
    struct tsn_log_page page;
    struct tsn_log_index *ix;
    uint8_t root[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    uint64_t size;
    int64_t from, before;
    tsn_err err = tsn_read_limit(rd, 100, 1000, &want.limit);

    if (!err)
        err = seq_param(rd, TSN_PARAM_FROM, "from", &from);
    if (!err)
        err = seq_param(rd, TSN_PARAM_BEFORE, "before", &before);
    if (!err)
        err = tlp_param(rd, &want.tlp_most);
    if (!err)
        err = tsn_log_query_parse(rd->op.arena, rd->param[TSN_PARAM_Q], tsn_clock_wall_ms(), &q,
                                  &rd->op.diag);
    if (!err)
        err = resolve(st, rd, &q);
    if (!err)
        err = open_index(st, rd, &ix);
    if (!err)
        err = tsn_store_stored_head(st, &size, root);
    if (err)
        return err;
    want.up = from >= 0;
    want.from = want.up ? from : before;
    err = tsn_log_search(ix, rd->op.arena, &want, &page, &rd->op.diag);
    if (err)
        return err;
    json_t *items = json_array();
    err = fill_page(st, ix, rd, &page, want.up, items);
    if (err) {
        json_decref(items);
        return err;
    }
    const char *cursor =
        page.next >= 0 ? tsn_arena_printf(rd->op.arena, "%lld", (long long)page.next) : NULL;
    tsn_hex(hex, root, sizeof(root));
    *out = tsn_view_list(items, want.up ? cursor : NULL);
    json_object_set_new(*out, "older", want.up || !cursor ? json_null() : json_string(cursor));
    json_object_set_new(*out, "size", json_integer((json_int_t)size));
    json_object_set_new(*out, "root", json_string(hex));
    return 0;
}

static void go_entries(struct tsn_req *req)
{
    tsn_req_read_log(req, read_entries);
}

static void put_param(struct tsn_req *req, json_t *args, const char *name)
{
    const char *value = tsn_http_query(req->in, name);

    if (value)
        json_object_set_new(args, name, json_string(value));
}

/* The pages of one query are one look: where a page begins is not part of it. */
void tsn_act_entries(struct tsn_req *req)
{
    const char *q = tsn_http_query(req->in, "q");
    struct tsn_trace look = {.kind = "audit.query", .reason = "entries", .args = json_object()};

    json_object_set_new(look.args, "query", json_string(q ? q : ""));
    put_param(req, look.args, "tlp");
    put_param(req, look.args, "open");
    tsn_req_trace(req, &look, go_entries);
}

/* --- GET /audit/reports -------------------------------------------------------------------- */

static tsn_err time_param(struct tsn_read *rd, enum tsn_param which, const char *name,
                          int64_t *out)
{
    const char *text = rd->param[which];
    char full[40];

    *out = 0;
    if (!text)
        return 0;
    (void)snprintf(full, sizeof(full), "%.24s%s", text,
                   strlen(text) != 10         ? ""
                   : which == TSN_PARAM_UNTIL ? "T23:59:59.999Z"
                                              : "T00:00:00Z");
    return tsn_time_parse(full, out)
               ? tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                              "%s must be a date or an RFC 3339 time", name)
               : 0;
}

static tsn_err read_report(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const struct tsn_log_report *r = tsn_log_report_find(rd->id, &rd->op.diag);
    struct tsn_log_asked asked = {.seed = rd->param[TSN_PARAM_SEED]};
    const char *ref = rd->param[TSN_PARAM_CASE], *after = rd->param[TSN_PARAM_AFTER];
    struct tsn_log_index *ix;
    struct tsn_rec_case c;
    int64_t skip = 0;
    tsn_err err = r ? tsn_read_limit(rd, 1000, 10000, &asked.limit) : TSN_ENOTFOUND;

    if (!err && after && tsn_parse_int(after, 0, 1000000000, &skip))
        err = tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033", "after must be a number of rows");
    asked.skip = (size_t)skip;
    if (!err)
        err = time_param(rd, TSN_PARAM_SINCE, "since", &asked.since_ms);
    if (!err)
        err = time_param(rd, TSN_PARAM_UNTIL, "until", &asked.until_ms);
    if (!err)
        err = time_param(rd, TSN_PARAM_AT, "at", &asked.now_ms);
    if (!asked.now_ms)
        asked.now_ms = tsn_clock_wall_ms();
    if (!err && ref && tsn_id_valid(ref)) {
        asked.case_id = ref;
    } else if (!err && ref) {
        err = tsn_case_find(st, rd->op.arena, ref, &c, &rd->op.diag);
        asked.case_id = c.id;
    }
    if (!err)
        err = open_index(st, rd, &ix);
    /* A report over the whole log cannot leave out what its reader may not see. */
    if (!err && !tsn_access_sees_every(rd->casework, &rd->who))
        err = tsn_diag_set(&rd->op.diag, TSN_EDENIED, "A002",
                           "reports over the whole log are for those who see every case");
    if (!err)
        err = tsn_log_report_json(ix, r, &asked, out, &rd->op.diag);
    return err;
}

static void go_report(struct tsn_req *req)
{
    tsn_req_read_log(req, read_report);
}

void tsn_act_audit_report(struct tsn_req *req)
{
    static const char *const names[] = {"case", "since", "until", "seed", "at"};
    struct tsn_trace look = {.kind = "audit.query", .reason = req->id};
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (!tsn_log_report_find(req->id, &diag)) {
        tsn_req_problem(req, TSN_ENOTFOUND, &diag);
        tsn_req_end(req);
        return;
    }
    look.args = json_object();
    json_object_set_new(look.args, "query", json_string(req->id));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        put_param(req, look.args, names[i]);
    tsn_req_trace(req, &look, go_report);
}

void tsn_act_reports_list(struct tsn_req *req)
{
    json_t *out = tsn_log_reports_json();

    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

/* --- the index in the background ------------------------------------------------------------- */

struct index_op {
    struct tsn_op op;
    struct tsn_api *api;
    uint64_t left;
};

static tsn_err apply_index(struct tsn_op *op, struct tsn_store *st)
{
    struct index_op *x = (struct index_op *)op;
    struct tsn_log_index *ix;
    tsn_err err = tsn_log_index(st, &ix, &op->diag);

    return err ? err : tsn_log_index_more(ix, SLICE, &x->left, &op->diag);
}

static void done_index(struct tsn_op *op)
{
    struct index_op *x = (struct index_op *)op;
    struct tsn_api *api = x->api;

    if (op->err)
        tsn_log(TSN_LOG_WARN, "store.index_failed", "why", op->diag.what, NULL);
    api->indexing = false;
    api->nops--;
    if (api->index_due)
        tsn_timer_arm(api->index_due, x->left && !op->err ? BUSY_MS : QUIET_MS);
    tsn_op_destroy(op);
    tsn_api_unref(api);
}

static void on_index_due(void *user)
{
    struct tsn_api *api = user;
    struct index_op *x = tsn_op_new(sizeof(*x), apply_index, done_index, NULL);

    x->api = api;
    if (tsn_reader_submit(api->config.log_reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_timer_arm(api->index_due, QUIET_MS);
        return;
    }
    api->indexing = true;
    api->nops++;
}

void tsn_index_begin(struct tsn_api *api)
{
    if (!api->config.log_reader)
        return; /* then whoever asks brings it up to date */
    api->index_due = tsn_timer_new(api->config.loop, on_index_due, api);
    tsn_timer_arm(api->index_due, QUIET_MS);
}

void tsn_index_end(struct tsn_api *api)
{
    tsn_timer_destroy(api->index_due);
    api->index_due = NULL;
}
