/* read_trace.c - looks at the log and at embargoed cases become entries, without flooding it.
 *
 * The first look of a reader at one thing is an entry, committed before the answer is given. Equal
 * looks within an hour of it are counted here; the next entry about them says in `before` how many
 * the hour before had. What was counted and not yet said is lost with the process: that somebody
 * looked never is, how often within the hour may be.
 *
 * Owns the table of recent looks. Loop thread, but for apply_trace (writer).
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/log.h"
#include "store/record_case.h"

#define WINDOW_MS 3600000
#define LOOKS_MAX 8192

struct look {
    uint8_t key[TSN_HASH_LEN];
    int64_t at_ms; /* monotonic, of its entry; 0 = free */
    uint64_t again;
};

struct tsn_traces {
    struct look looks[LOOKS_MAX]; /* by the first bits of the key, eight places each */
};

void tsn_traces_free(struct tsn_traces *t)
{
    free(t);
}

/* The place of this key, else the one to give away: free, else the oldest. */
static struct look *place_of(struct tsn_traces *t, const uint8_t key[TSN_HASH_LEN])
{
    size_t first = ((size_t)key[0] << 8 | key[1]) % (LOOKS_MAX / 8) * 8;
    struct look *oldest = &t->looks[first];

    for (size_t i = first; i < first + 8; i++) {
        if (t->looks[i].at_ms && memcmp(t->looks[i].key, key, TSN_HASH_LEN) == 0)
            return &t->looks[i];
        if (t->looks[i].at_ms < oldest->at_ms)
            oldest = &t->looks[i];
    }
    return oldest;
}

struct trace_op {
    struct tsn_op op;
    void (*then)(struct tsn_req *req);
    const char *kind, *actor, *auth, *case_id, *reason, *tlp;
    const char *args; /* NULL = none */
    uint8_t key[TSN_HASH_LEN];
};

static tsn_err apply_trace(struct tsn_op *op, struct tsn_store *st)
{
    const struct trace_op *t = (const struct trace_op *)op;
    struct tsn_rec_case c;
    struct tsn_field field = {"args", t->args, t->args ? strlen(t->args) : 0};
    struct tsn_append in = TSN_APPEND_INIT;

    in.kind = t->kind;
    in.actor = t->actor;
    in.auth = t->auth;
    in.case_id = t->case_id;
    in.case_chain = true;
    in.reason = t->reason;
    in.outcome = "ok";
    if (t->case_id && tsn_store_get(st, op->arena, &tsn_table_case, t->case_id, &c) == 0)
        in.tlp = c.tlp;
    in.fields = &field;
    in.nfields = t->args ? 1 : 0;
    return tsn_store_append(st, &in, NULL);
}

static void done_trace(struct tsn_op *op)
{
    struct trace_op *t = (struct trace_op *)op;
    struct tsn_req *req = op->user;
    void (*then)(struct tsn_req *) = t->then;

    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
        tsn_req_end(req);
    } else {
        struct look *l = place_of(req->api->traces, t->key);

        memcpy(l->key, t->key, TSN_HASH_LEN);
        l->at_ms = tsn_clock_mono_ms() + 1; /* never 0 */
        l->again = 0;
        then(req);
    }
    tsn_op_destroy(op);
}

static void key_of(const struct tsn_req *req, const struct tsn_trace *what,
                   uint8_t key[TSN_HASH_LEN])
{
    const char *actor = tsn_auth_name(req);
    char *args = what->args ? tsn_json_text(what->args) : NULL;
    const char *parts[] = {what->kind, actor, req->who.auth, what->case_id, what->reason, args};
    struct tsn_buf b;

    tsn_buf_init(&b, (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        tsn_buf_printf(&b, "%s\n", parts[i] ? parts[i] : "");
    tsn_sha256_once(key, b.data, b.len);
    tsn_buf_free(&b);
    free(args);
}

void tsn_req_trace(struct tsn_req *req, const struct tsn_trace *what,
                   void (*then)(struct tsn_req *req))
{
    struct tsn_api *api = req->api;
    uint8_t key[TSN_HASH_LEN];
    struct look *l;
    struct trace_op *t;
    int64_t now = tsn_clock_mono_ms();
    bool known;

    if (!api->traces)
        api->traces = tsn_alloc(sizeof(*api->traces));
    key_of(req, what, key);
    l = place_of(api->traces, key);
    known = l->at_ms && memcmp(l->key, key, TSN_HASH_LEN) == 0;
    if (known && now - l->at_ms < WINDOW_MS) {
        l->again++;
        json_decref(what->args);
        then(req);
        return;
    }
    t = tsn_op_new(sizeof(*t), apply_trace, done_trace, req);
    t->then = then;
    t->kind = what->kind;
    t->actor = tsn_arena_strdup(t->op.arena, tsn_auth_name(req));
    t->auth = req->who.auth;
    t->case_id = tsn_arena_strdup(t->op.arena, what->case_id);
    t->reason = tsn_arena_strdup(t->op.arena, what->reason);
    memcpy(t->key, key, TSN_HASH_LEN);
    if (what->args || (known && l->again)) {
        json_t *args = what->args ? what->args : json_object();
        char *text;

        if (known && l->again)
            json_object_set_new(args, "before", json_integer((json_int_t)l->again));
        text = tsn_json_text(args);
        t->args = tsn_arena_strdup(t->op.arena, text);
        free(text);
        json_decref(args);
    }
    /* A node that may only read (the log is not the one that was sealed) has to be looked into. */
    if (tsn_writer_frozen(api->config.writer)) {
        tsn_log(TSN_LOG_WARN, "audit.look_unwritten", "kind", t->kind, "actor", t->actor, NULL);
        tsn_op_destroy(&t->op);
        then(req);
        return;
    }
    tsn_req_write(req, &t->op);
}
