/* health.c - healthz, readyz, metrics, version, who am I, playbooks, feeds and the status screen.
 *
 * Owns nothing. Loop thread, but for tsn_read_* (reader). Health and metrics name no case and no
 * person, because they need no token.
 */
#include "advisory/publisher.h"
#include "api/api_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/secret.h"
#include "seal/sealing.h"
#include "store/record_case.h"
#include "store/record_run.h"

static const char *const run_states[] = {
    "ready",      "running", "waiting", "parked",   "in_doubt", "stuck",    "diverged",
    "cancelling", "paused",  "queued",  "finished", "failed",   "cancelled"};
#define NSTATES (sizeof(run_states) / sizeof(run_states[0]))

json_t *tsn_ready_reasons(const struct tsn_api *api)
{
    struct tsn_sealing_stats seal;
    json_t *out = json_array();
    if (api->not_ready[0])
        json_array_append_new(out, json_string(api->not_ready));
    tsn_sealing_stats(api->config.sealing, &seal);
    if (!seal.suspect && !tsn_engine_ready(api->config.engine))
        json_array_append_new(out, json_string("starting: settling what was under way"));
    if (tsn_writer_full(api->config.writer))
        json_array_append_new(out, json_string("the write queue is full"));
    return out;
}

void tsn_act_healthz(struct tsn_req *req)
{
    tsn_req_text(req, 200, "text/plain; charset=utf-8", "ok\n");
    tsn_req_end(req);
}

void tsn_act_readyz(struct tsn_req *req)
{
    json_t *reasons = tsn_ready_reasons(req->api);
    bool ready = json_array_size(reasons) == 0;
    const struct tsn_diag *broken;
    size_t n = tsn_engine_broken(req->api->config.engine, &broken);
    json_t *warnings = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(warnings,
                              json_pack("{s:s, s:s, s:s}", "code", broken[i].code, "file",
                                        broken[i].file, "detail", broken[i].what));
    json_t *out =
        json_pack("{s:b, s:o, s:o}", "ready", ready, "reasons", reasons, "warnings", warnings);
    const struct tsn_header extra[] = {{"Cache-Control", "no-store"}, {"Retry-After", "2"}};
    tsn_req_json_with(req, ready ? 200 : 503, out, extra, ready ? 1 : 2);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_version(struct tsn_req *req)
{
    json_t *out = json_pack("{s:s, s:s, s:i}", "name", "tocsin", "version",
                            req->api->config.version, "api", 1);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_me(struct tsn_req *req)
{
    const struct tsn_who *who = &req->who;
    json_t *roles = json_array(), *scopes = json_array();
    for (const char *const *r = who->roles; r && *r; r++)
        json_array_append_new(roles, json_string(*r));
    static const char *const names[] = {"report:submit", "read", "decide", "admin"};
    for (unsigned i = 0; i < 4; i++) {
        if (who->scopes & (1u << i))
            json_array_append_new(scopes, json_string(names[i]));
    }
    json_t *out =
        json_pack("{s:o, s:o, s:o, s:s, s:b}", "person", tsn_view_text(who->person), "roles",
                  roles, "scopes", scopes, "auth", who->auth, "owner", who->owner);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_playbooks(struct tsn_req *req)
{
    const struct tsn_playbook *list;
    size_t n = tsn_engine_playbooks(req->api->config.engine, &list);
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_playbook *p = &list[i];
        json_array_append_new(items,
                              json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "name", p->name,
                                        "version", (json_int_t)p->version, "hash", p->hash,
                                        "title", tsn_view_text(p->title), "on",
                                        tsn_view_text(p->on), "file", tsn_view_text(p->file)));
    }
    const struct tsn_diag *broken;
    size_t nbroken = tsn_engine_broken(req->api->config.engine, &broken);
    json_t *bad = json_array();
    for (size_t i = 0; i < nbroken; i++)
        json_array_append_new(bad,
                              json_pack("{s:s, s:s, s:i, s:s, s:s}", "code", broken[i].code,
                                        "file", broken[i].file, "line", broken[i].line,
                                        "detail", broken[i].what, "hint", broken[i].hint));
    json_t *out = tsn_view_list(items, NULL);
    json_object_set_new(out, "broken", bad);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

static json_t *feeds_json(const struct tsn_api *api)
{
    json_t *feeds = api->config.feeds ? tsn_feeds_json(api->config.feeds) : NULL;
    return feeds ? feeds : json_array();
}

static json_t *publish_json(const struct tsn_api *api)
{
    struct tsn_house_state s;
    tsn_house_state(api->config.house, &s);
    if (!s.on)
        return json_null();
    json_t *key = s.key ? json_pack("{s:s, s:o, s:s?}", "fpr", s.key, "expires_at",
                                    tsn_view_time(s.key_until), "problem", s.key_problem)
                        : json_null();
    return json_pack("{s:b, s:s?, s:I, s:o, s:o}", "ok", s.reason == NULL, "reason", s.reason,
                     "held", (json_int_t)s.held, "security_txt_expires",
                     tsn_view_time(s.security_until), "key", key);
}

void tsn_act_feeds(struct tsn_req *req)
{
    json_t *out = tsn_view_list(feeds_json(req->api), NULL);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_products(struct tsn_req *req)
{
    json_t *list = req->api->config.feeds ? tsn_feeds_products(req->api->config.feeds) : NULL;
    json_t *out = tsn_view_list(list ? list : json_array(), NULL);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

/* --- status ------------------------------------------------------------------------------ */

static tsn_err count_states(struct tsn_store *st, json_t *out)
{
    for (size_t i = 0; i < NSTATES; i++) {
        const struct tsn_filter f = {"state", TSN_CMP_EQ, run_states[i], 0};
        int64_t n;
        tsn_err err = tsn_store_count(st, &tsn_table_run, &f, 1, &n);
        if (err)
            return err;
        json_object_set_new(out, run_states[i], json_integer(n));
    }
    return 0;
}

static tsn_err count_open(struct tsn_store *st, const struct tsn_table *t, int64_t *n)
{
    const struct tsn_filter f = {"state", TSN_CMP_EQ, "open", 0};
    return tsn_store_count(st, t, &f, 1, n);
}

/* Runs that will not go on by themselves: somebody must look. A run in doubt is not here, because
 * it has its task. */
static tsn_err stopped_runs(struct tsn_store *st, struct tsn_arena *arena, json_t *out)
{
    static const char *const states[] = {"stuck", "diverged", "failed", "paused"};

    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        const struct tsn_filter f = {"state", TSN_CMP_EQ, states[s], 0};
        const struct tsn_list how = {
            .filters = &f, .nfilters = 1, .descending = true, .limit = 50, .skip_blobs = true};
        const struct tsn_rec_run *runs;
        void *list;
        size_t n;
        tsn_err err = tsn_store_list(st, arena, &tsn_table_run, &how, &list, &n);
        if (err)
            return err;
        runs = list;
        for (size_t i = 0; i < n; i++) {
            struct tsn_rec_case c;
            err = tsn_store_get(st, arena, &tsn_table_case, runs[i].case_id, &c);
            if (err && err != TSN_ENOTFOUND)
                return err;
            /* A failed run is over; once its case is closed nobody has to act on it. */
            if (err || (strcmp(states[s], "failed") == 0 && strcmp(c.state, "open") != 0))
                continue;
            json_t *run = tsn_view_run(&runs[i], false);
            json_object_set_new(run, "case_name", tsn_view_text(c.name));
            json_array_append_new(out, run);
        }
    }
    return 0;
}

/* Playbooks that open runs still use though there is a newer version. */
static tsn_err old_versions(struct tsn_store *st, struct tsn_arena *arena, json_t *out)
{
    const struct tsn_list how = {.limit = 10000, .skip_blobs = true};
    const struct tsn_rec_playbook *all;
    void *list;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_playbook, &how, &list, &n);

    all = list;
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_filter f[] = {{"playbook", TSN_CMP_EQ, all[i].hash, 0},
                                       {"ended_at", TSN_CMP_EQ, NULL, 0}};
        int64_t newest = 0, runs;

        for (size_t k = 0; k < n; k++)
            if (strcmp(all[k].name, all[i].name) == 0 && all[k].version > newest)
                newest = all[k].version;
        if (all[i].version == newest)
            continue;
        err = tsn_store_count(st, &tsn_table_run, f, 2, &runs);
        if (!err && runs > 0)
            json_array_append_new(out,
                                  json_pack("{s:s, s:I, s:I, s:I}", "playbook", all[i].name,
                                            "version", (json_int_t)all[i].version, "newest",
                                            (json_int_t)newest, "runs", (json_int_t)runs));
    }
    return err;
}

tsn_err tsn_read_status(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    int64_t cases;
    uint64_t size;
    uint8_t root[TSN_HASH_LEN];
    rd->param[TSN_PARAM_STATE] = "open";
    json_t *tasks = NULL, *runs = json_object(), *stopped = json_array();
    json_t *old = json_array();
    tsn_err err = tsn_read_tasks(st, rd, &tasks);
    if (!err)
        err = stopped_runs(st, rd->op.arena, stopped);
    if (!err)
        err = old_versions(st, rd->op.arena, old);
    if (!err)
        err = count_states(st, runs);
    if (!err)
        err = count_open(st, &tsn_table_case, &cases);
    if (!err)
        err = tsn_store_stored_head(st, &size, root);
    if (err) {
        json_decref(tasks);
        json_decref(runs);
        json_decref(stopped);
        json_decref(old);
        return err;
    }
    *out = json_pack("{s:O, s:o, s:o, s:{s:I}, s:o, s:{s:I}}", "needs_you",
                     json_object_get(tasks, "items"), "stopped", stopped, "old_versions", old,
                     "cases", "open", (json_int_t)cases, "runs", runs, "audit", "entries",
                     (json_int_t)size);
    json_decref(tasks);
    return 0;
}

/* Handles that the configuration names and nobody has set; each once. */
static json_t *secrets_missing(const struct tsn_api *api)
{
    const struct tsn_api_config *c = &api->config;
    json_t *out = json_array();
    for (size_t i = 0; i < c->nsecret_uses; i++) {
        const char *handle = c->secret_uses[i].handle;
        bool again = tsn_secret_get(handle, NULL) != NULL;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(c->secret_uses[k].handle, handle) == 0;
        if (!again)
            json_array_append_new(out, json_pack("{s:s, s:s}", "handle", handle, "where",
                                                 c->secret_uses[i].where));
    }
    return out;
}

void tsn_finish_status(struct tsn_req *req, json_t *out)
{
    const struct tsn_api *api = req->api;
    tsn_mark_mine(req, json_object_get(out, "needs_you"));
    struct tsn_engine_stats stats;
    tsn_engine_stats(api->config.engine, &stats);
    json_object_set_new(out, "engine",
                        json_pack("{s:I, s:I, s:I}", "workers", (json_int_t)stats.workers,
                                  "resident", (json_int_t)stats.resident, "in_flight",
                                  (json_int_t)stats.in_flight));
    json_object_set_new(json_object_get(out, "audit"), "seal", tsn_seal_status(api));
    json_object_set_new(out, "feeds", feeds_json(api));
    json_object_set_new(out, "publication", publish_json(api));
    json_object_set_new(out, "keys", tsn_keys_status(api));
    json_object_set_new(out, "secrets_missing", secrets_missing(api));
    json_t *reasons = tsn_ready_reasons(api);
    json_object_set_new(out, "ready", json_boolean(json_array_size(reasons) == 0));
    json_object_set_new(out, "reasons", reasons);
    json_object_set_new(out, "version", json_string(api->config.version));
    json_object_set_new(out, "uptime_ms", json_integer(tsn_clock_mono_ms() - api->opened_ms));
    json_object_set_new(out, "person", tsn_view_text(req->who.person));
}

/* --- metrics ----------------------------------------------------------------------------- */

tsn_err tsn_read_metrics(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    (void)rd; /* nobody asks: what only members see is not counted */
    int64_t tasks, cases;
    uint64_t size;
    uint8_t root[TSN_HASH_LEN];
    json_t *runs = json_object();
    tsn_err err = count_states(st, runs);
    if (!err)
        err = count_open(st, &tsn_table_task, &tasks);
    if (!err)
        err = count_open(st, &tsn_table_case, &cases);
    if (!err)
        err = tsn_store_stored_head(st, &size, root);
    if (err) {
        json_decref(runs);
        return err;
    }
    *out = json_pack("{s:o, s:I, s:I, s:I}", "runs", runs, "tasks", (json_int_t)tasks, "cases",
                     (json_int_t)cases, "entries", (json_int_t)size);
    return 0;
}

static void metric(struct tsn_buf *b, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    (void)tsn_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type,
                         name, (unsigned long long)value);
}

static void label_value(struct tsn_buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            (void)tsn_buf_putc(b, '\\');
        if (*s != '\n')
            (void)tsn_buf_putc(b, *s);
    }
}

static void key_metrics(struct tsn_buf *b, const struct tsn_api *api)
{
    json_t *keys = tsn_keys_status(api), *key;
    size_t i;
    (void)tsn_buf_puts(
        b, "# HELP tocsin_key_expires_seconds When our PGP key ends, unix time; 0 = "
           "never\n# TYPE tocsin_key_expires_seconds gauge\n");
    json_array_foreach(keys, i, key)
    {
        (void)tsn_buf_printf(b, "tocsin_key_expires_seconds{key=\"%s\"} %lld\n",
                             tsn_json_str(key, "fpr", ""),
                             (long long)(tsn_json_int(key, "expires_ms", 0) / 1000));
    }
    json_decref(keys);
}

static void feed_metrics(struct tsn_buf *b, const struct tsn_api *api)
{
    json_t *feeds = feeds_json(api);
    (void)tsn_buf_puts(b, "# HELP tocsin_feed_ok 1 when the last poll of the feed worked\n"
                          "# TYPE tocsin_feed_ok gauge\n");
    size_t i;
    json_t *feed;
    json_array_foreach(feeds, i, feed)
    {
        const char *error = tsn_json_str(feed, "error", NULL);
        (void)tsn_buf_puts(b, "tocsin_feed_ok{feed=\"");
        label_value(b, tsn_json_str(feed, "name", ""));
        (void)tsn_buf_printf(b, "\"} %d\n", error && error[0] ? 0 : 1);
    }
    (void)tsn_buf_puts(b, "# HELP tocsin_feed_alarm 1 while the alarm of the feed is raised\n"
                          "# TYPE tocsin_feed_alarm gauge\n");
    json_array_foreach(feeds, i, feed)
    {
        const char *name;
        json_t *alarm;
        json_object_foreach(json_object_get(feed, "alarms"), name, alarm)
        {
            (void)tsn_buf_puts(b, "tocsin_feed_alarm{feed=\"");
            label_value(b, tsn_json_str(feed, "name", ""));
            (void)tsn_buf_puts(b, "\",alarm=\"");
            label_value(b, name);
            (void)tsn_buf_puts(b, "\"} 1\n");
        }
    }
    json_decref(feeds);
}

/* Alarms hang on these: a tree that is not written, a release that waits for a person, security.txt
 * that nobody renews. */
static void publish_metrics(struct tsn_buf *b, const struct tsn_api *api)
{
    struct tsn_house_state s;
    tsn_house_state(api->config.house, &s);
    if (!s.on)
        return;
    int64_t left = (s.security_until - tsn_clock_wall_ms()) / 1000;
    metric(b, "tocsin_publish_ok", "gauge", "1 when the last round of the publisher worked",
           s.reason == NULL);
    metric(b, "tocsin_publish_held", "gauge", "releases that wait for a person", s.held);
    metric(b, "tocsin_security_txt_expires_seconds", "gauge",
           "until security.txt ends; 0 when it has", left > 0 ? (uint64_t)left : 0);
    if (!s.key)
        return;
    metric(b, "tocsin_publish_key_ok", "gauge",
           "1 while the key that signs advisories can, and for another 30 days",
           s.key_problem == NULL);
    (void)tsn_buf_printf(
        b,
        "# HELP tocsin_publish_key_expires_seconds When it ends, unix time; 0 = "
        "never\n# TYPE tocsin_publish_key_expires_seconds gauge\n"
        "tocsin_publish_key_expires_seconds{key=\"%s\"} %lld\n",
        s.key, (long long)(s.key_until / 1000));
}

static void seal_metrics(struct tsn_buf *b, const struct tsn_api *api)
{
    struct tsn_sealing_stats s;
    int64_t age = 0;

    tsn_sealing_stats(api->config.sealing, &s);
    if (s.sealed_at_ms)
        age = (tsn_clock_wall_ms() - s.sealed_at_ms) / 1000;
    metric(b, "tocsin_audit_rollback_suspected", "gauge",
           "1 when the log is not the one that was sealed; the node only reads", s.suspect);
    metric(b, "tocsin_audit_sealer_up", "gauge", "1 when the sealer answers", s.up);
    metric(b, "tocsin_audit_sealed_size", "gauge", "entries that the last checkpoint covers",
           (uint64_t)s.size);
    metric(b, "tocsin_audit_sealed_age_seconds", "gauge", "age of the last checkpoint",
           (uint64_t)(age > 0 ? age : 0));
    metric(b, "tocsin_audit_epoch", "gauge", "epoch of the log", (uint64_t)s.epoch);
    metric(b, "tocsin_audit_checkpoints_total", "counter", "checkpoints signed", s.sealed);
    metric(b, "tocsin_audit_seal_refused_total", "counter", "requests the sealer refused",
           s.refused);
    metric(b, "tocsin_audit_sealer_restarts_total", "counter", "starts after a death",
           s.restarts);
    metric(b, "tocsin_audit_witnesses", "gauge", "witnesses that are asked", s.witnesses);
    metric(b, "tocsin_audit_witnesses_fresh", "gauge",
           "witnesses that cosigned the last checkpoint", s.fresh);
    metric(b, "tocsin_audit_cover_waiting", "gauge", "irreversible steps that wait for cover",
           (uint64_t)s.waiting);
    metric(b, "tocsin_audit_cover_missed_total", "counter", "covers that did not come in time",
           s.missed);
}

static void then_metrics(struct tsn_req *req, json_t *out)
{
    const struct tsn_api *api = req->api;
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)256 << 10);
    (void)tsn_buf_printf(&b,
                         "# HELP tocsin_build_info version of this node\n"
                         "# TYPE tocsin_build_info gauge\n"
                         "tocsin_build_info{version=\"%s\"} 1\n",
                         api->config.version);
    json_t *reasons = tsn_ready_reasons(api);
    metric(&b, "tocsin_ready", "gauge", "1 when work is taken", json_array_size(reasons) == 0);
    json_decref(reasons);
    (void)tsn_buf_puts(&b, "# HELP tocsin_runs runs by state\n# TYPE tocsin_runs gauge\n");
    for (size_t i = 0; i < NSTATES; i++)
        (void)tsn_buf_printf(
            &b, "tocsin_runs{state=\"%s\"} %lld\n", run_states[i],
            (long long)tsn_json_int(json_object_get(out, "runs"), run_states[i], 0));
    metric(&b, "tocsin_tasks_open", "gauge", "questions that wait for people",
           (uint64_t)tsn_json_int(out, "tasks", 0));
    metric(&b, "tocsin_cases_open", "gauge", "cases that are open",
           (uint64_t)tsn_json_int(out, "cases", 0));
    metric(&b, "tocsin_audit_entries", "gauge", "entries of the audit log",
           (uint64_t)tsn_json_int(out, "entries", 0));
    struct tsn_writer_stats w;
    tsn_writer_stats(api->config.writer, &w);
    metric(&b, "tocsin_writer_ops_total", "counter", "operations written", w.ops);
    metric(&b, "tocsin_writer_batches_total", "counter", "transactions committed", w.batches);
    metric(&b, "tocsin_writer_failed_total", "counter", "operations undone", w.failed);
    metric(&b, "tocsin_writer_queued", "gauge", "operations that wait", w.queued);
    metric(&b, "tocsin_writer_commit_last_us", "gauge", "last commit, microseconds",
           (uint64_t)w.commit_us_last);
    metric(&b, "tocsin_loop_worst_turn_us", "gauge", "longest loop turn since the last scrape",
           (uint64_t)tsn_loop_worst_turn_us(api->config.loop));
    struct tsn_engine_stats e;
    tsn_engine_stats(api->config.engine, &e);
    metric(&b, "tocsin_engine_resident", "gauge", "runs with a Lua state", e.resident);
    metric(&b, "tocsin_engine_in_flight", "gauge", "calls under way", e.in_flight);
    metric(&b, "tocsin_engine_started_total", "counter", "runs started", e.started);
    metric(&b, "tocsin_engine_finished_total", "counter", "runs ended", e.finished);
    metric(&b, "tocsin_engine_replays_total", "counter", "replays", e.replays);
    metric(&b, "tocsin_engine_worker_deaths_total", "counter", "workers that died",
           e.worker_deaths);
    metric(&b, "tocsin_http_requests_total", "counter", "requests taken", api->requests);
    metric(&b, "tocsin_http_guard_refusals_total", "counter", "requests the guard refused",
           api->refusals);
    seal_metrics(&b, api);
    publish_metrics(&b, api);
    feed_metrics(&b, api);
    key_metrics(&b, api);
    tsn_req_text(req, 200, "text/plain; version=0.0.4; charset=utf-8", b.data);
    tsn_buf_free(&b);
    tsn_req_end(req);
}

void tsn_act_metrics(struct tsn_req *req)
{
    tsn_req_read(req, tsn_read_metrics, then_metrics);
}
