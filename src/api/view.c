/* view.c - what the store keeps, as the JSON that the API promises: snake_case, RFC 3339 times,
 * ids as strings, parsed values where the store keeps JSON text.
 *
 * Owns nothing; any thread.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/text.h"
#include "intake/noise.h"
#include "store/record_advisory.h"
#include "store/record_case.h"
#include "store/record_run.h"

json_t *tsn_view_time(int64_t ms)
{
    if (ms <= 0)
        return json_null();
    char text[25];
    tsn_time_format(text, ms);
    return json_string(text);
}

json_t *tsn_view_text(const char *s)
{
    json_t *v = s ? json_string(s) : NULL; /* NULL too when it is not UTF-8 */
    return v ? v : json_null();
}

json_t *tsn_view_parsed(const char *json)
{
    json_t *value = NULL;
    if (json && tsn_json_parse(json, strlen(json), &value, NULL) == 0)
        return value;
    return json_null();
}

json_t *tsn_view_list(json_t *items, const char *next)
{
    return json_pack("{s:o, s:o}", "items", items, "next", tsn_view_text(next));
}

/* Every state says who must do what next; NULL: nobody, it goes on by itself. */
static const char *next_of(const char *state)
{
    static const struct {
        const char *state, *next;
    } rows[] = {
        {"in_doubt", "tocsin run resolve %s --done|--failed|--retry --reason \"...\""},
        {"stuck", "tocsin run retry %s --reason \"...\", or run cancel"},
        {"diverged", "tocsin run move %s --dry-run, run retry, or run cancel"},
        {"paused", "tocsin run resume %s --reason \"...\""},
        {"failed", "tocsin run retry %s --dry-run"},
    };
    for (size_t i = 0; state && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].state, state) == 0)
            return rows[i].next;
    return NULL;
}

static void add_next(json_t *out, const struct tsn_rec_run *r)
{
    const char *next = next_of(r->state), *hole = next ? strstr(next, "%s") : NULL;
    struct tsn_buf b;
    if (!hole)
        return;
    tsn_buf_init(&b, 400);
    (void)tsn_buf_put(&b, next, (size_t)(hole - next));
    (void)tsn_buf_printf(&b, "%s%s", r->name, hole + 2);
    json_object_set_new(out, "next", json_string(b.data ? b.data : ""));
    tsn_buf_free(&b);
}

json_t *tsn_view_run(const struct tsn_rec_run *r, bool full)
{
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "id", r->id, "name",
        r->name, "case", tsn_view_text(r->case_id), "playbook", tsn_view_text(r->title),
        "playbook_hash", tsn_view_text(r->playbook), "state", tsn_view_text(r->state), "reason",
        tsn_view_text(r->reason), "attempts", (json_int_t)r->attempts, "epoch",
        (json_int_t)r->epoch, "wake_at", tsn_view_time(r->wake_at), "started_at",
        tsn_view_time(r->started_at), "ended_at", tsn_view_time(r->ended_at));
    add_next(out, r);
    if (r->origin)
        json_object_set_new(out, "origin", json_string(r->origin));
    if (full) {
        json_object_set_new(out, "input", tsn_view_parsed(r->input));
        json_object_set_new(out, "result", tsn_view_parsed(r->result));
    }
    return out;
}

json_t *tsn_view_task(const struct tsn_rec_task *t)
{
    json_t *spec = tsn_view_parsed(t->spec);
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "id", t->id,
        "name", t->name, "run", tsn_view_text(t->run), "path", tsn_view_text(t->path), "case",
        tsn_view_text(t->case_id), "kind", tsn_view_text(t->kind), "state",
        tsn_view_text(t->state), "role", tsn_view_text(t->role), "digest",
        tsn_view_text(t->digest), "decided_by", tsn_view_text(t->decided_by), "quorum",
        (json_int_t)t->quorum, "opened_at", tsn_view_time(t->opened_at), "due_at",
        tsn_view_time(t->due_at), "closed_at", tsn_view_time(t->closed_at));
    const char *title = tsn_json_str(spec, "title", NULL);
    if (title)
        json_object_set_new(out, "title", json_string(title));
    /* What the playbook calls it: "triage". */
    json_object_set_new(out, "step_name", tsn_view_text(tsn_json_str(spec, "name", NULL)));
    json_object_set_new(out, "spec", spec);
    json_object_set_new(out, "votes", tsn_view_parsed(t->votes));
    json_object_set_new(out, "answer", tsn_view_parsed(t->answer));
    return out;
}

json_t *tsn_view_report(const struct tsn_rec_report *r, bool full)
{
    json_t *body = tsn_view_parsed(r->body);
    json_t *out =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "id", r->id, "name", r->name, "case",
                  tsn_view_text(r->case_id), "kind", tsn_view_text(r->kind), "source",
                  tsn_view_text(r->source), "received_at", tsn_view_time(r->received_at));
    const char *title = tsn_json_str(body, "title", NULL);
    json_object_set_new(out, "title", tsn_view_text(title));
    json_object_set_new(out, "rank", json_string(r->noise >= TSN_NOISE_LOW ? "low" : "normal"));
    if (json_object_get(body, "noise"))
        json_object_set(out, "noise", json_object_get(body, "noise"));
    if (full)
        json_object_set(out, "report", body);
    json_decref(body);
    return out;
}

json_t *tsn_view_advisory(const struct tsn_rec_advisory *a, bool full)
{
    json_t *out = json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "id", a->id, "name", a->name,
                            "case", tsn_view_text(a->case_id), "state", tsn_view_text(a->state),
                            "digest", tsn_view_text(a->digest), "version",
                            (json_int_t)a->version, "updated_at", tsn_view_time(a->updated_at));
    json_t *csaf = tsn_view_parsed(a->csaf);
    json_object_set_new(
        out, "title",
        tsn_view_text(tsn_json_str(json_object_get(csaf, "document"), "title", NULL)));
    if (a->publish_at)
        json_object_set_new(out, "publish_at", tsn_view_time(a->publish_at));
    const json_t *tracking = json_object_get(json_object_get(csaf, "document"), "tracking");
    json_object_set_new(out, "number", tsn_view_text(tsn_json_str(tracking, "version", NULL)));
    if (full) {
        json_object_set_new(out, "life", tsn_view_parsed(a->life));
        json_object_set_new(out, "model", tsn_view_parsed(a->model));
        json_object_set(out, "csaf", csaf);
        json_object_set_new(out, "markdown", tsn_view_text(a->markdown));
    }
    json_decref(csaf);
    return out;
}

static void put(json_t *out, const char *key, const char *value)
{
    if (value)
        json_object_set_new(out, key, json_string(value));
}

json_t *tsn_view_entry(const struct tsn_logged *e)
{
    const struct tsn_entry *n = &e->entry;
    char hex[2 * TSN_HASH_LEN + 1];
    json_t *out = json_object();
    json_object_set_new(out, "seq", json_integer(n->seq));
    put(out, "id", n->id);
    json_object_set_new(out, "time", tsn_view_time(n->time_ms));
    put(out, "kind", n->kind);
    put(out, "actor", n->actor);
    put(out, "auth", n->auth);
    put(out, "case", n->case_id);
    put(out, "run", n->run);
    put(out, "chain", n->chain);
    json_object_set_new(out, "rseq", json_integer(n->rseq));
    if (n->ref >= 0)
        json_object_set_new(out, "ref", json_integer(n->ref));
    put(out, "playbook", n->playbook);
    put(out, "step", n->step);
    if (n->attempt > 0)
        json_object_set_new(out, "attempt", json_integer(n->attempt));
    put(out, "idem", n->idem);
    put(out, "outcome", n->outcome);
    put(out, "reason", n->reason);
    put(out, "from", n->from);
    put(out, "to", n->to);
    put(out, "tlp", n->tlp);
    tsn_hex(hex, e->leaf, TSN_HASH_LEN);
    put(out, "leaf", hex);
    return out;
}
