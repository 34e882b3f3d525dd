/* api_impl.h - what the files of the HTTP interface share: a request, its caller, its route.
 *
 * Private to src/api. Everything here is loop thread but for functions of type tsn_read_fn and
 * those that take a struct tsn_store, which run on a store thread.
 */
#pragma once

#include "api/api.h"
#include "casework/access.h"
#include "core/json.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "store/record_advisory.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define TSN_SCOPE_SUBMIT 1u
#define TSN_SCOPE_READ   2u
#define TSN_SCOPE_DECIDE 4u
#define TSN_SCOPE_ADMIN  8u
#define TSN_SCOPE_ALL    15u

/* What a route asks of its caller. */
enum tsn_need {
    TSN_NEED_NOTHING,   /* health and version */
    TSN_NEED_SIGNATURE, /* a webhook: its signature over the raw body, act_hook.c */
    TSN_NEED_CALLER,    /* anybody who is known */
    TSN_NEED_SUBMIT,    /* hand in reports */
    TSN_NEED_READ,      /* a role of the house, not only intake or reporter */
    TSN_NEED_WORK,      /* a role that works on cases, not only auditor */
    TSN_NEED_PAIR,      /* one of two: operator, PSIRT lead or auditor */
    TSN_NEED_ADMIN      /* the operator */
};

struct tsn_who {
    const char *person; /* NULL: the daemon's owner, not mapped to a person */
    const char *const *roles;
    const char *auth; /* "token" or "local" */
    unsigned scopes;
    bool owner; /* the daemon's uid or root over the Unix socket */
};

/* Query parameters a read may look at; copied into the op. */
enum tsn_param {
    TSN_PARAM_LIMIT,
    TSN_PARAM_AFTER,
    TSN_PARAM_STATE,
    TSN_PARAM_CASE,
    TSN_PARAM_RUN,
    TSN_PARAM_FROM,
    TSN_PARAM_KIND,
    TSN_PARAM_PLAYBOOK,
    TSN_PARAM_Q,
    TSN_PARAM_BEFORE,
    TSN_PARAM_TLP,
    TSN_PARAM_RAW,
    TSN_PARAM_OPEN,
    TSN_PARAM_SINCE,
    TSN_PARAM_UNTIL,
    TSN_PARAM_AT,
    TSN_PARAM_SEED,
    TSN_PARAMS
};

struct tsn_req;
struct tsn_read;
/* Store thread: *out gets a new reference. Runs on the reader. */
typedef tsn_err tsn_read_fn(struct tsn_store *st, struct tsn_read *rd, json_t **out);

/* One read under way: everything the store thread needs, copied. */
struct tsn_read {
    struct tsn_op op;
    tsn_read_fn *fn;
    const char *id; /* the part of the path that varies; "" = none */
    const char *param[TSN_PARAMS];
    const char *accept; /* header, or NULL */
    const struct tsn_casework_config *casework;
    struct tsn_viewer who; /* strings borrowed from the request, which waits */
    struct tsn_store_view view;
    const struct tsn_engine *engine; /* only for what it says any thread may ask */
    json_t *out;
    void (*then)(struct tsn_req *req, json_t *out); /* NULL: answer 200 with out */
};

struct tsn_route {
    const char *method, *pattern; /* at most one {id} */
    enum tsn_need need;
    size_t body;       /* limit; 0 = takes no body */
    tsn_read_fn *read; /* one of these two */
    void (*act)(struct tsn_req *req);
    void (*finish)(struct tsn_req *req, json_t *out); /* adds what only the loop knows */
};

struct tsn_req {
    struct tsn_req *next, **link; /* in api->live */
    struct tsn_api *api;
    struct tsn_http_in *in; /* NULL once answered */
    const struct tsn_route *route;
    struct tsn_arena *arena;
    const char *id;
    struct tsn_who who;
    json_t *body;
    struct tsn_hook_state *hook; /* of a webhook: what is remembered of its like */
    json_t *held;                /* the answer, while that it was read becomes an entry */
    void (*held_then)(struct tsn_req *req, json_t *out); /* who gives it; NULL = as JSON */
};

/* What one person asked for and a second must agree to (seal_routes.c). */
struct tsn_pair {
    char what[16], first[80], auth[16], digest[80], reason[2001];
    int64_t at_mono;
};

/* Refusals that an entry auth.failed stands for: one a second tells of all since the last. */
struct tsn_told {
    int64_t at_ms; /* of the last entry, monotonic; 0 = none yet */
    uint64_t since;
};

struct tsn_api {
    struct tsn_api_config config;
    struct tsn_httpd *httpd;
    struct tsn_req *live;
    size_t nops; /* ops under way without a request */
    bool closed;
    char not_ready[200]; /* "" = nothing said */
    struct tsn_told failed;
    struct tsn_pair pair;
    struct tsn_hook_state *hook_states; /* one a hook; NULL until the first comes; act_hook.c */
    uint64_t requests, refusals;
    int64_t opened_ms;
    struct tsn_look *looks; /* look-ups under way; act_look.c */
    size_t nlooks;
    struct tsn_traces *traces;   /* read_trace.c */
    struct tsn_timer *index_due; /* read_log.c */
    bool indexing;
};

/* --- api.c ------------------------------------------------------------------------------ */

/* Answers once; the request stays alive until tsn_req_end. Safe after the API closed. */
void tsn_req_json(struct tsn_req *req, int status, const json_t *body);
void tsn_req_json_with(struct tsn_req *req, int status, const json_t *body,
                       const struct tsn_header *extra, size_t nextra);
void tsn_req_text(struct tsn_req *req, int status, const char *type, const char *text);
/* Frees it; an unanswered one gets a 500. */
void tsn_req_end(struct tsn_req *req);
/* Starts a read; answers and ends the request when it is done. */
void tsn_req_read(struct tsn_req *req, tsn_read_fn *fn,
                  void (*then)(struct tsn_req *req, json_t *out));
/* The same on the thread of the log's index, where a long report holds up nobody else. */
void tsn_req_read_log(struct tsn_req *req, tsn_read_fn *fn);
/* Submits a write op whose done must call tsn_req_end; answers 503 when the queue is full. */
void tsn_req_write(struct tsn_req *req, struct tsn_op *op);
/* For tsn_engine_done: answers with `info` and the entry, or the problem; ends the request. */
void tsn_req_engine_done(tsn_err err, int64_t seq, const json_t *info,
                         const struct tsn_diag *diag, void *user);
void tsn_api_unref(struct tsn_api *api);

/* --- api_routes.c ----------------------------------------------------------------------- */

extern const struct tsn_route tsn_routes[];
extern const size_t tsn_nroutes;
/* NULL: none. *path_known: the path exists for another method; *id gets the varying part. */
const struct tsn_route *tsn_route_find(const char *method, const char *path, bool *path_known,
                                       char *id, size_t id_cap);
/* "GET, POST" for this path. */
void tsn_route_allow(const char *path, struct tsn_buf *out);

/* --- auth.c ----------------------------------------------------------------------------- */

/* Finds out who calls and whether the route lets them; then `then`, or the answer is given and
 * the request ended. */
void tsn_auth_check(struct tsn_req *req, void (*then)(struct tsn_req *req));
const struct tsn_person *tsn_auth_person(const struct tsn_api *api, const char *id);
bool tsn_auth_has_role(const struct tsn_who *who, const char *role);
/* Comma-separated scopes to bits; H041 for an unknown one. */
tsn_err tsn_auth_scopes(const char *text, unsigned *out, struct tsn_diag *diag);
/* Counts a refused caller, and writes the entry when a second is over. `hook` NULL: not of one. */
void tsn_auth_failed(struct tsn_req *req, struct tsn_told *told, const char *why,
                     const char *hook);
void tsn_auth_actor(const struct tsn_req *req, struct tsn_actor *out);
/* "u:resp1", or "op:owner" for the unmapped owner; in the request's arena. */
const char *tsn_auth_name(const struct tsn_req *req);
/* "tocsin_" and 64 hex digits, and the hash that is stored. */
#define TSN_TOKEN_LEN 71
void tsn_token_new(char out[TSN_TOKEN_LEN + 1], char hash[65]);
void tsn_token_hash(const char *token, char hash[65]);

/* --- read_trace.c: looking is an entry too ------------------------------------------------ */

/* A look at something that is logged. Equal ones of one reader within an hour make one entry. */
struct tsn_trace {
    const char *kind;    /* audit.query, access.read */
    const char *case_id; /* ULID or NULL: then a system entry */
    const char *reason;  /* which report, which route; a short code */
    json_t *args;        /* sealed with it; taken; NULL = none. `before` is added */
};
/* Writes the entry, or counts the look where one of this hour says it already, and calls `then`
 * after the commit. When it cannot be written the request is answered with why and ended. */
void tsn_req_trace(struct tsn_req *req, const struct tsn_trace *what,
                   void (*then)(struct tsn_req *req));
void tsn_traces_free(struct tsn_traces *t); /* NULL allowed */

/* --- act_event.c */
void tsn_act_event(struct tsn_req *req);
/* --- act_look.c */

void tsn_act_look(struct tsn_req *req);
/* Gives up all that are under way. */
void tsn_looks_end(struct tsn_api *api);

/* --- read_log.c */

/* Keeps the log's index up to date in the background, in slices. */
void tsn_index_begin(struct tsn_api *api);
void tsn_index_end(struct tsn_api *api);

/* --- problem.c -------------------------------------------------------------------------- */

int tsn_problem_status(tsn_err err, const char *code);
json_t *tsn_problem_json(int status, const struct tsn_diag *diag);
void tsn_req_problem(struct tsn_req *req, tsn_err err, const struct tsn_diag *diag);
void tsn_req_refuse(struct tsn_req *req, int status, tsn_err err, const char *code,
                    const char *what, const char *hint);

/* --- view.c: records to JSON; any thread ------------------------------------------------- */

json_t *tsn_view_time(int64_t ms); /* RFC 3339 or null */
json_t *tsn_view_text(const char *s);
json_t *tsn_view_parsed(const char *json); /* the value, or null */
json_t *tsn_view_run(const struct tsn_rec_run *r, bool full);
json_t *tsn_view_task(const struct tsn_rec_task *t);
json_t *tsn_view_report(const struct tsn_rec_report *r, bool full);
json_t *tsn_view_advisory(const struct tsn_rec_advisory *a, bool full);
json_t *tsn_view_entry(const struct tsn_logged *e);
/* Adds `fields`: what stands sealed beside the entry, JSON where it is JSON. Reader thread. */
void tsn_view_fields(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_logged *e,
                     json_t *item);
/* { items: [...], next: cursor or null } */
json_t *tsn_view_list(json_t *items, const char *next);

/* --- reads (read_lists.c, read_show.c, read_audit.c, health.c) ---------------------------- */

tsn_read_fn tsn_read_reports, tsn_read_cases, tsn_read_case, tsn_read_timeline, tsn_read_runs,
    tsn_read_run, tsn_read_run_steps, tsn_read_run_record, tsn_read_run_log, tsn_read_tasks,
    tsn_read_task, tsn_read_advisories, tsn_read_advisory, tsn_read_show, tsn_read_status,
    tsn_read_metrics;
/* By id, name or unique prefix of either; H031 and H032. `what`: "run". */
tsn_err tsn_read_resolve(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_table *t, const char *what, const char *ref,
                         void *out, struct tsn_diag *diag);
/* Limit from the query: 1 to `most`, `otherwise` when not given. */
tsn_err tsn_read_limit(struct tsn_read *rd, size_t otherwise, size_t most, size_t *out);

/* --- bodies (write_work.c): false = answered and ended already ---------------------------- */

/* The body as an object with no key but these. */
bool tsn_body_ok(struct tsn_req *req, const char *const *known, size_t n);
/* H013 with a pointer; answers and ends. */
void tsn_body_bad(struct tsn_req *req, const char *field, const char *what);
/* Decisions are made by people; the unmapped owner may do anything but that. */
bool tsn_body_person(struct tsn_req *req);

/* --- acts ------------------------------------------------------------------------------- */

void tsn_act_healthz(struct tsn_req *req);
void tsn_act_readyz(struct tsn_req *req);
void tsn_act_metrics(struct tsn_req *req);
void tsn_act_version(struct tsn_req *req);
void tsn_act_me(struct tsn_req *req);
void tsn_act_playbooks(struct tsn_req *req);
void tsn_act_feeds(struct tsn_req *req);
void tsn_act_feed_poll(struct tsn_req *req);
void tsn_act_feed_desk(struct tsn_req *req); /* write_feed.c */
void tsn_act_feed_decide(struct tsn_req *req);
void tsn_act_match_decide(struct tsn_req *req);
void tsn_act_feed_replay(struct tsn_req *req);
void tsn_act_products_reload(struct tsn_req *req);
void tsn_act_feed_accept(struct tsn_req *req);
tsn_read_fn tsn_read_quarantine;
void tsn_act_products(struct tsn_req *req);
void tsn_act_hook(struct tsn_req *req);
void tsn_act_hooks(struct tsn_req *req);
void tsn_act_hook_sample(struct tsn_req *req);
void tsn_act_mail(struct tsn_req *req);
void tsn_act_mail_decide(struct tsn_req *req);
tsn_read_fn tsn_read_mails;
/* api_keys.c */
void tsn_act_keys(struct tsn_req *req);
void tsn_act_key_export(struct tsn_req *req);
void tsn_act_key_import(struct tsn_req *req);
void tsn_act_key_rotate(struct tsn_req *req);
json_t *tsn_keys_status(const struct tsn_api *api);
tsn_read_fn tsn_read_matches, tsn_read_explain;                   /* read_feed.c */
tsn_read_fn tsn_read_feed, tsn_read_decisions, tsn_read_decision; /* read_decision.c */
void tsn_act_report(struct tsn_req *req);
void tsn_act_note(struct tsn_req *req);
void tsn_act_answer(struct tsn_req *req);
void tsn_act_delegate(struct tsn_req *req);
void tsn_act_decision(struct tsn_req *req);
void tsn_act_run_start(struct tsn_req *req);
void tsn_act_run(struct tsn_req *req);
void tsn_act_resolve(struct tsn_req *req);
void tsn_act_run_version(struct tsn_req *req);
void tsn_act_entries(struct tsn_req *req);
void tsn_act_export(struct tsn_req *req);
void tsn_act_erase(struct tsn_req *req);
void tsn_act_reports_list(struct tsn_req *req);
void tsn_act_audit_report(struct tsn_req *req);
void tsn_act_token_create(struct tsn_req *req);
void tsn_act_token_revoke(struct tsn_req *req);
void tsn_act_secret_set(struct tsn_req *req);
void tsn_act_secret_remove(struct tsn_req *req);
void tsn_finish_secrets(struct tsn_req *req, json_t *out);
tsn_read_fn tsn_read_secrets;
void tsn_act_bundle(struct tsn_req *req);
void tsn_act_checkpoint(struct tsn_req *req);
void tsn_act_new_epoch(struct tsn_req *req);
void tsn_act_rotate(struct tsn_req *req);
/* `mine` on each task of a list: would a decision of the caller be heard? */
void tsn_mark_mine(struct tsn_req *req, json_t *tasks);
void tsn_finish_tasks(struct tsn_req *req, json_t *out);
void tsn_finish_status(struct tsn_req *req, json_t *out);
/* seal_routes.c: what the checkpoints are at; a new reference. */
json_t *tsn_seal_status(const struct tsn_api *api);
/* Why the node is not ready, as a new array; empty = ready. */
json_t *tsn_ready_reasons(const struct tsn_api *api);
