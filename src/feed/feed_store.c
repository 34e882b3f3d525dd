/* feed_store.c - the second transaction of a document: the revision that its bytes are, what differs
 * from the one before, what that does to our matches, and that it has to be decided about.
 *
 * A kill anywhere loses and doubles nothing: either all of it is on disk, or the observation is
 * pending and is read again from its bytes. Apply runs on the writer thread, the rest on the loop
 * thread. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_int.h"
#include "feed/version.h"

#define PRODUCTS_MAX 100 /* product rows kept with the stored facts */

const char *tsn_feed_kept(struct tsn_arena *arena, const json_t *v)
{
    char *text = tsn_json_text(v);
    const char *out = tsn_arena_strdup(arena, text);
    free(text);
    return out;
}

/* The facts without the long tail of products: matching is done, the bytes are there. */
static const char *facts_text(struct tsn_feed_op *x)
{
    json_t *facts = json_copy(x->doc->facts);
    json_object_del(facts, "marked");
    const json_t *all = json_object_get(facts, "products");
    json_t *some = json_array();
    for (size_t i = 0; i < json_array_size(all) && i < PRODUCTS_MAX; i++) {
        json_array_append(some, json_array_get(all, i));
    }
    json_object_set_new(facts, "products_n", json_integer((json_int_t)json_array_size(all)));
    json_object_set_new(facts, "products", some);
    const char *out = tsn_feed_kept(x->op.arena, facts);
    json_decref(facts);
    return out;
}

/* --- the revision ---------------------------------------------------------------------------- */

static const char *substance_of(struct tsn_feed_op *x, const char *facts, const char **released)
{
    json_t *old = NULL;
    const char *out = "";
    *released = "";
    if (facts && tsn_json_parse(facts, strlen(facts), &old, NULL) == 0) {
        out = tsn_arena_strdup(x->op.arena, tsn_json_str(old, "substance", ""));
        *released = tsn_arena_strdup(x->op.arena, tsn_json_str(old, "released", ""));
    }
    json_decref(old);
    return out;
}

/* What a later revision of a document that is not CSAF changes: there are no facts by kind. */
static json_t *plain_changes(const struct tsn_feed_op *x, const struct tsn_rec_document *before,
                             const char *released)
{
    const json_t *facts = x->doc->facts;
    const char *now = tsn_json_str(facts, "released", "");
    bool same =
        strcmp(tsn_json_str(facts, "version", ""), before->version ? before->version : "") == 0;
    json_t *flags = json_array(), *kinds = json_array();
    if (same) {
        json_array_append_new(flags, json_string("silent-change"));
    }
    if (*now && *released && strcmp(now, released) < 0) {
        json_array_append_new(flags, json_string("regression"));
    }
    if (tsn_json_bool(facts, "withdrawn", false)) {
        json_array_append_new(kinds, json_string("withdrawn"));
    }
    return json_pack("{s:s,s:b,s:o,s:o}", "id", tsn_json_str(facts, "id", ""), "material", true,
                     "kinds", kinds, "flags", flags);
}

/* Against the bytes of the revision before, which are on record. */
static tsn_err changes_of(struct tsn_store *st, struct tsn_feed_op *x,
                          const struct tsn_rec_document *before, const char *released,
                          json_t **out)
{
    json_t *a = NULL, *b = NULL;
    struct tsn_rec_raw raw;
    *out = NULL;
    tsn_err err = before->sha256
                      ? tsn_store_get(st, x->op.arena, &tsn_table_raw, before->sha256, &raw)
                      : TSN_ENOTFOUND;
    if (err && err != TSN_ENOTFOUND) {
        return err;
    }
    if (!err && x->versions && tsn_json_parse(raw.body.data, raw.body.len, &a, NULL) == 0 &&
        tsn_json_parse(x->doc->body, x->doc->len, &b, NULL) == 0) {
        (void)tsn_csaf_diff(a, b, out, NULL);
    }
    json_decref(a);
    json_decref(b);
    *out = *out ? *out : plain_changes(x, before, released);
    return 0;
}

static tsn_err add_revision(struct tsn_store *st, struct tsn_feed_op *x,
                            struct tsn_rec_document *row, json_t *changes)
{
    static const char *const kinds[] = {"new", "changed", "cosmetic", "", ""};
    struct tsn_arena *a = x->op.arena;
    json_t *flags = json_object_get(changes, "flags"), *few = json_object();
    static const char *const kept[] = {"kinds", "added", "removed", "material"};
    char id[TSN_ULID_LEN + 1];
    for (size_t i = 0; i < 4; i++) {
        json_t *v = json_object_get(changes, kept[i]);
        if (v) {
            json_object_set(few, kept[i], v);
        }
    }
    tsn_id_new(id);
    row->revisions++;
    const struct tsn_rec_revision r = {
        .id = id,
        .key = tsn_arena_printf(a, "%s\n%lld", row->id, (long long)row->revisions),
        .document = row->id,
        .feed = x->feed,
        .observation = x->doc->observation,
        .sha256 = x->doc->sha256,
        .kind = x->kind == TSN_FEED_CHANGED && tsn_json_bool(x->doc->facts, "withdrawn", false)
                    ? "withdrawn"
                    : kinds[x->kind],
        .substance = tsn_json_str(x->doc->facts, "substance", ""),
        .version = tsn_json_str(x->doc->facts, "version", ""),
        .flags = json_array_size(flags) ? tsn_feed_kept(a, flags) : NULL,
        .changes = changes ? tsn_feed_kept(a, few) : NULL,
        .n = row->revisions,
        .created_at = x->now_ms};
    json_decref(few);
    return tsn_store_insert(st, &tsn_table_revision, &r);
}

static void head_of(struct tsn_feed_op *x, struct tsn_rec_document *row)
{
    const struct tsn_feed_doc *d = x->doc;
    row->tracking_id = tsn_json_str(d->facts, "id", "");
    row->version = tsn_json_str(d->facts, "version", "");
    row->title = tsn_json_str(d->facts, "title", "");
    row->sha256 = d->sha256;
    row->state = "current";
    row->reason =
        d->hash || d->redo || !x->versions
            ? NULL
            : tsn_arena_printf(x->op.arena, "%s %s", "F009", "no hash file stands beside it");
    row->listed = d->redo && !d->listed ? row->listed : d->listed;
    row->fetched_at = d->redo ? row->fetched_at : x->now_ms;
    row->facts = facts_text(x);
    row->trace = d->trace ? tsn_feed_kept(x->op.arena, d->trace) : NULL;
    row->basis = x->basis;
    row->observation = d->observation ? d->observation : row->observation;
    row->url = d->url ? d->url : row->url;
    row->etag = d->redo ? row->etag : d->etag;
    row->unlisted_at = d->redo ? row->unlisted_at : 0;
    row->gone_at = 0;
}

/* Cosmetic: another version or text, the same substance; that starts nothing. */
static json_t *cosmetic_changes(const struct tsn_feed_op *x, const struct tsn_rec_document *row)
{
    bool same = strcmp(tsn_json_str(x->doc->facts, "version", ""),
                       row->version ? row->version : "") == 0;
    return json_pack("{s:b,s:[],s:[s*]}", "material", false, "kinds", "flags",
                     same ? NULL : "cosmetic-version");
}

static tsn_err store_good(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool known)
{
    const struct tsn_feed_doc *d = x->doc;
    bool good_before = known && strcmp(row->state, "current") == 0;
    const char *released = "";
    const char *before = good_before ? substance_of(x, row->facts, &released) : "";
    bool same = good_before && strcmp(before, tsn_json_str(d->facts, "substance", "")) == 0;
    json_t *changes = NULL;
    x->kind = !good_before ? TSN_FEED_NEW : same ? TSN_FEED_COSMETIC : TSN_FEED_CHANGED;
    x->hits = d->matches;
    x->spared = NULL;
    x->epss = 0;
    bool reread = d->redo && !d->observation &&
                  same; /* the same bytes, the same substance: no revision */
    tsn_err err = 0;
    if (x->kind == TSN_FEED_CHANGED) {
        err = changes_of(st, x, row, released, &changes);
    } else if (x->kind == TSN_FEED_COSMETIC && !reread) {
        changes = cosmetic_changes(x, row);
    }
    head_of(x, row);
    if (!err && !reread) {
        err = add_revision(st, x, row, changes);
    }
    err = err ? err : tsn_store_put(st, &tsn_table_document, row);
    tsn_fault("feed.document_revised");
    if (!err && !reread) {
        err = tsn_feed_log(st, x, "feed.document", "ok",
                           x->kind == TSN_FEED_COSMETIC ? "cosmetic" : NULL);
    }
    if (!err && (x->kind != TSN_FEED_COSMETIC || reread)) {
        err = tsn_feed_names(st, x, row->id);
    }
    err = err ? err : tsn_feed_marks(st, x);
    err = err ? err : tsn_feed_together(st, x, row);
    err = err ? err : tsn_feed_mapped(st, x);
    err = err ? err : tsn_feed_priority(st, x);
    err = err ? err : tsn_feed_news(st, x, row, changes);
    err = err ? err : tsn_feed_matches(st, x, row);
    json_decref(changes);
    return err;
}

/* --- the observation ---------------------------------------------------------------------------- */

static tsn_err settle(struct tsn_store *st, struct tsn_feed_op *x,
                      struct tsn_rec_observation *seen, const char *state, const char *reason)
{
    struct tsn_feed_tally t = {0};
    t.revised = strcmp(state, "revised") == 0;
    t.quarantined = strcmp(state, "quarantined") == 0;
    t.duplicate = strcmp(state, "duplicate") == 0;
    seen->state = state;
    seen->reason = reason;
    seen->settled_at = x->now_ms;
    tsn_err err = tsn_store_put(st, &tsn_table_observation, seen);
    return err ? err : tsn_feed_tally(st, x->op.arena, x->feed, &t);
}

static tsn_err bad(struct tsn_store *st, struct tsn_feed_op *x,
                   struct tsn_rec_observation *seen, struct tsn_rec_document *row, bool known)
{
    tsn_err err = tsn_feed_quarantine(st, x, row, known);
    return err ? err : settle(st, x, seen, "quarantined", row->reason);
}

/* The same bytes with another parser or inventory: nothing was observed. */
static tsn_err read_again(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool known)
{
    const struct tsn_feed_doc *d = x->doc;
    struct tsn_rec_observation seen;
    x->kind = TSN_FEED_UNCHANGED;
    if (!known || !row->sha256 || strcmp(row->sha256, d->sha256) != 0) {
        return 0; /* something newer came meanwhile */
    }
    bool was_bad = strcmp(row->state, "quarantined") == 0;
    if (d->tracing) { /* its facts stay those that the matches were made from */
        if (was_bad || d->why.code[0]) {
            return 0;
        }
        row->trace = d->trace ? tsn_feed_kept(x->op.arena, d->trace) : NULL;
        row->basis = tsn_feed_traced(x->op.arena, d->cause, x->basis);
        return tsn_store_put(st, &tsn_table_document, row);
    }
    if (d->why.code[0]) { /* a parser that reads less than before takes nothing away */
        row->basis = x->basis;
        x->kind = TSN_FEED_QUARANTINED;
        return tsn_store_put(st, &tsn_table_document, row);
    }
    tsn_err err = store_good(st, x, row, known);
    if (err || !was_bad || !row->observation) {
        return err;
    }
    err = tsn_store_get(st, x->op.arena, &tsn_table_observation, row->observation, &seen);
    if (!err && strcmp(seen.state, "quarantined") == 0) {
        const struct tsn_feed_tally t = {.quarantined = -1};
        err = tsn_feed_tally(st, x->op.arena, x->feed, &t);
        err = err ? err : settle(st, x, &seen, "revised", NULL);
    }
    return err == TSN_ENOTFOUND ? 0 : err;
}

static bool goes_back(const struct tsn_feed_op *x, const struct tsn_rec_document *row,
                      bool known)
{
    return x->versions && known && strcmp(row->state, "current") == 0 && row->version &&
           tsn_version_compare(TSN_SCHEME_SEMVER, tsn_json_str(x->doc->facts, "version", ""),
                               row->version) == -1;
}

/* A person's word stands beside the revision, and what was observed is quarantined no more. */
static tsn_err log_accepted(struct tsn_store *st, struct tsn_feed_op *x)
{
    const struct tsn_accepted *by = x->doc->accepted;
    const struct tsn_actor actor = {.person = by->person, .auth = by->auth};
    const struct tsn_feed_tally t = {.quarantined = -1};
    json_t *args =
        json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*}", "feed", x->feed, "what", "accept", "path",
                  x->doc->path, "sha256", x->doc->sha256, "reason", by->reason, "was", by->was);
    tsn_err err = tsn_feed_entry(st, x->op.arena, "feed.desk", "accept", &actor, args, NULL);
    return err ? err : tsn_feed_tally(st, x->op.arena, x->feed, &t);
}

tsn_err tsn_feed_doc_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    const struct tsn_feed_doc *d = x->doc;
    struct tsn_rec_document row;
    struct tsn_rec_observation seen = {0};
    bool known;
    x->matches = 0;
    x->woken = x->decision = NULL;
    x->due_ms = 0;
    x->why = d->why;
    tsn_err err = tsn_feed_document(st, x, &row, &known);
    if (err) {
        return err;
    }
    tsn_fault("feed.document_apply");
    if (!d->observation) {
        return read_again(st, x, &row, known);
    }
    err = tsn_store_get(st, op->arena, &tsn_table_observation, d->observation, &seen);
    if (err) {
        return err;
    }
    x->kind = TSN_FEED_UNCHANGED;
    bool taken = d->accepted && strcmp(seen.state, "quarantined") == 0;
    if (strcmp(seen.state, "pending") != 0 && !taken) {
        return 0; /* done before a stop */
    }
    if (taken && d->why.code[0]) {
        return 0; /* nobody can read it: it stays where it is */
    }
    if (row.observation && strcmp(row.observation, seen.id) > 0) {
        return settle(st, x, &seen, "duplicate", "a later one was read before it");
    }
    if (d->why.code[0]) {
        return bad(st, x, &seen, &row, known);
    }
    if (!taken && known && row.sha256 && strcmp(row.sha256, d->sha256) == 0 &&
        strcmp(row.state, "current") == 0) {
        row.listed = d->listed;
        row.reason = d->hash || !x->versions ? NULL : row.reason;
        err = tsn_store_put(st, &tsn_table_document, &row);
        return err ? err : settle(st, x, &seen, "duplicate", NULL);
    }
    /* Somebody serves an older state: what is newer stays in force. */
    if (!taken && goes_back(x, &row, known)) {
        tsn_diag_set(&x->why, TSN_EINPUT, "F114",
                     "it is version %.60s, and %.60s was here before",
                     tsn_json_str(d->facts, "version", ""), row.version);
        return bad(st, x, &seen, &row, known);
    }
    err = store_good(st, x, &row, known);
    err = err || !taken ? err : log_accepted(st, x);
    return err ? err : settle(st, x, &seen, "revised", NULL);
}

/* --- loop thread -------------------------------------------------------------------------- */

static void decided(struct tsn_decide_op *x, void *user)
{
    struct tsn_feed_doc *d = user;
    struct tsn_feeds *feeds = d->feed->feeds;
    d->feed->counts.runs += (int64_t)x->event.nruns;
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else {
        tsn_feed_doc_settled(d);
    }
    tsn_feeds_release(feeds);
}

/* What it leads to at once belongs to its poll; the rest waits for the sweep. */
static void decide(struct tsn_feed_doc *d, const struct tsn_feed_op *x)
{
    struct tsn_feeds *feeds = d->feed->feeds;
    if (x->decision && x->due_ms <= x->now_ms) {
        tsn_feeds_hold(feeds);
        if (tsn_decide_start(feeds, x->decision, x->now_ms, decided, d)) {
            return;
        }
        tsn_feeds_release(feeds);
    }
    if (x->decision) {
        tsn_decide_due(feeds, x->due_ms);
    }
    tsn_feed_doc_settled(d);
}

static void stored(struct tsn_op *op)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    struct tsn_feed_doc *d = op->user;
    struct tsn_feeds *feeds = d->feed->feeds;
    tsn_fault("feed.document_stored");
    if (!op->err && x->woken && feeds->config.engine && !feeds->closing) {
        tsn_engine_wake(feeds->config.engine, x->woken);
    }
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else if (op->err) {
        tsn_log(TSN_LOG_ERROR, "feed.document_not_stored", "feed", x->feed, "path", d->path,
                "err", tsn_err_name(op->err), "why", op->diag.what, NULL);
        tsn_feed_doc_failed(d, op->diag.what);
    } else {
        if (!d->redo) {
            tsn_feed_counted(d->feed, x);
        }
        if (d->accepted) {
            tsn_feed_accepted(d, x, 0);
        }
        decide(d, x);
    }
    tsn_feed_op_free(x);
    tsn_feeds_release(feeds);
}

void tsn_feed_doc_store(struct tsn_feed_doc *d)
{
    tsn_feed_op_submit(tsn_feed_op_new(d, tsn_feed_doc_apply, stored), tsn_feed_doc_store);
}
