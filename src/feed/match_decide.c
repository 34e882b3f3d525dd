/* match_decide.c - a person's word on a match, kept as a mapping: it holds for later revisions, and with
 * `always` for every document that uses the same name. Writer thread, but for the last part. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "feed/feed_desk.h"
#include "feed/feed_int.h"

#define NAMES_MAX 20

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static const char *name_key(struct tsn_arena *arena, const char *name, const char *product)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    (void)tsn_buf_puts(&b, "");
    tsn_feed_words(name, false, &b);
    const char *key = b.len ? tsn_arena_printf(arena, "name\n%s\n%s", b.data, product) : NULL;
    tsn_buf_free(&b);
    return key;
}

static const char *match_key(struct tsn_arena *arena, const char *key)
{
    return tsn_arena_printf(arena, "match\n%s", key);
}

/* --- what was said before, applied to what a document touches ------------------------------------ */

/* Evidence under a name that a person knows: theirs goes, ours counts as likely. */
static tsn_err by_name(struct tsn_store *st, struct tsn_feed_op *x, json_t *hit, bool *away)
{
    json_t *evidence = json_object_get(hit, "evidence");
    const char *product = tsn_json_str(hit, "product", "");
    size_t i = 0, looked = 0;
    *away = false;
    if (tsn_feed_sure(hit)) {
        return 0;
    }
    while (i < json_array_size(evidence) && looked++ < NAMES_MAX) {
        struct tsn_rec_mapping m;
        const char *key = name_key(
            x->op.arena, tsn_json_str(json_array_get(evidence, i), "name", ""), product);
        tsn_err err = key ? tsn_store_find(st, x->op.arena, &tsn_table_mapping, "key", key, &m)
                          : TSN_ENOTFOUND;
        if (err && err != TSN_ENOTFOUND) {
            return err;
        }
        if (!err && is(m.verdict, "other")) {
            json_array_remove(evidence, i);
            *away = json_array_size(evidence) == 0;
            continue;
        }
        if (!err) {
            json_object_set_new(hit, "certainty", json_string("likely"));
            json_object_set_new(hit, "mapped_by", json_string(m.by));
        }
        i++;
    }
    return 0;
}

static tsn_err by_match(struct tsn_store *st, struct tsn_feed_op *x, json_t *hit,
                        const char **away)
{
    struct tsn_rec_mapping m;
    const char *key =
        tsn_arena_printf(x->op.arena, "match\n%s\n%s", tsn_json_str(x->doc->facts, "id", ""),
                         tsn_json_str(hit, "product", ""));
    tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_mapping, "key", key, &m);
    *away = NULL;
    if (err) {
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    if (is(m.verdict, "affected")) {
        json_object_set_new(hit, "certainty", json_string("certain"));
        json_object_set_new(hit, "mapped_by", json_string(m.by));
    } else {
        *away = tsn_arena_printf(x->op.arena, "%s says %s: %s", m.by, m.verdict, m.reason);
    }
    return 0;
}

tsn_err tsn_feed_mapped(struct tsn_store *st, struct tsn_feed_op *x)
{
    int64_t any = 0;
    size_t i = 0;
    tsn_err err =
        json_array_size(x->hits) ? tsn_store_count(st, &tsn_table_mapping, NULL, 0, &any) : 0;
    while (!err && any && i < json_array_size(x->hits)) {
        json_t *hit = json_array_get(x->hits, i);
        const char *why = NULL;
        bool away = false;
        err = by_match(st, x, hit, &why);
        if (!err && !why) {
            err = by_name(st, x, hit, &away);
            why = away ? "a person says that the name means another product" : NULL;
        }
        if (!why) {
            i++;
            continue;
        }
        if (!x->spared) {
            x->spared = json_object();
            tsn_arena_defer(x->op.arena, (void (*)(void *))json_decref, x->spared);
        }
        json_object_set_new(x->spared, tsn_json_str(hit, "product", ""), json_string(why));
        json_array_remove(x->hits, i);
    }
    return err;
}

/* --- saying it ---------------------------------------------------------------------------------------- */

struct decide_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    const char *id, *verdict, *reason, *person, *auth;
    bool always;
    int64_t now_ms;
    tsn_engine_done *done;
    void *user;
    const char *decision; /* what it leads to; NULL */
    int64_t seq;
};

static tsn_err keep(struct tsn_store *st, struct decide_op *x, const char *key,
                    const char *kind, const char *product, const char *name,
                    const char *verdict)
{
    struct tsn_rec_mapping row;
    char id[TSN_ULID_LEN + 1];
    tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_mapping, "key", key, &row);
    if (err == TSN_ENOTFOUND) {
        tsn_id_new(id);
        row = (struct tsn_rec_mapping){.id = tsn_arena_strdup(x->op.arena, id), .key = key};
    } else if (err) {
        return err;
    }
    row.kind = kind;
    row.product = product;
    row.name = name;
    row.verdict = verdict;
    row.by = x->person;
    row.reason = x->reason;
    row.made_at = x->now_ms;
    return tsn_store_put(st, &tsn_table_mapping, &row);
}

static tsn_err keep_names(struct tsn_store *st, struct decide_op *x,
                          const struct tsn_rec_match *m)
{
    json_t *evidence = NULL, *e;
    size_t i;
    tsn_err err = 0;
    if (!x->always || !m->evidence ||
        tsn_json_parse(m->evidence, strlen(m->evidence), &evidence, NULL)) {
        return 0;
    }
    json_array_foreach(evidence, i, e)
    {
        const char *name = tsn_json_str(e, "name", ""),
                   *key = name_key(x->op.arena, name, m->product);
        if (!err && key && i < NAMES_MAX) {
            err = keep(st, x, key, "name", m->product, tsn_arena_strdup(x->op.arena, name),
                       is(x->verdict, "affected") ? "same" : "other");
        }
    }
    json_decref(evidence);
    return err;
}

static tsn_err log_mapping(struct tsn_store *st, struct decide_op *x,
                           const struct tsn_rec_match *m)
{
    json_t *args = json_pack("{s:s,s:s,s:s,s:s,s:b,s:s*}", "match", m->key, "product",
                             m->product, "verdict", x->verdict, "reason", x->reason, "always",
                             x->always, "certainty_before", m->certainty);
    const struct tsn_actor by = {.person = x->person, .auth = x->auth};
    return tsn_feed_entry(st, x->op.arena, "feed.mapping", x->verdict, &by, args, &x->seq);
}

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    if (text) {
        (void)tsn_json_parse(text, strlen(text), &v, NULL);
    }
    return v ? v : json_array();
}

/* The matches of the advisory as a document would bring them; the one at hand is certain. */
static json_t *hits_of(struct decide_op *x, const struct tsn_feed_earlier *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->n; i++) {
        const struct tsn_rec_match *m = &all->rows[i];
        bool this_one = is(m->id, x->id);
        if (!this_one && is(m->state, "closed")) {
            continue;
        }
        json_t *o =
            json_pack("{s:s,s:s,s:s,s:s,s:o}", "product", m->product, "name", m->product,
                      "owner", m->owner ? m->owner : "", "certainty",
                      this_one ? "certain" : m->certainty, "evidence", parsed(m->evidence));
        if (m->priority) {
            json_object_set_new(o, "priority", parsed(m->priority));
        }
        json_array_append_new(out, o);
    }
    return out;
}

/* It is ours: decided about like any other difference. */
static tsn_err lead_on(struct tsn_store *st, struct decide_op *x, const struct tsn_rec_match *m)
{
    struct tsn_feed_earlier all;
    struct tsn_rec_document row;
    struct tsn_arena *a = x->op.arena;
    const char *advisory = tsn_arena_strndup(a, m->key, strcspn(m->key, "\n"));
    tsn_err err = tsn_store_get(st, a, &tsn_table_document, m->document, &row);
    err = err ? err : tsn_feed_earlier(st, a, advisory, &all);
    if (err) {
        return err;
    }
    struct tsn_feed_doc doc = {.facts = parsed(row.facts)};
    struct tsn_feed_op op = {.op = {.arena = a},
                             .doc = &doc,
                             .feed = row.feed,
                             .products = x->feeds->products,
                             .decide = &x->feeds->config.decide,
                             .trust = "person",
                             .cause = "person",
                             .now_ms = x->now_ms,
                             .kind = TSN_FEED_COSMETIC,
                             .hits = hits_of(x, &all)};
    err = tsn_feed_news(st, &op, &row, NULL);
    x->decision = op.decision;
    json_decref(op.hits);
    json_decref(doc.facts);
    return err;
}

static tsn_err decide_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct decide_op *x = (struct decide_op *)op;
    struct tsn_rec_match m;
    bool ours = is(x->verdict, "affected");
    x->decision = NULL;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_match, x->id, &m);
    if (err) {
        return tsn_diag_set(&op->diag, err, "F144", "there is no match `%.60s`", x->id);
    }
    err = keep(st, x, match_key(op->arena, m.key), "match", m.product, NULL, x->verdict);
    err = err ? err : keep_names(st, x, &m);
    err = err ? err : log_mapping(st, x, &m);
    if (!err && ours) {
        err = lead_on(st, x, &m);
    }
    m.state = ours ? "open" : "closed";
    m.certainty = ours ? "certain" : m.certainty;
    m.reason =
        ours ? NULL
             : tsn_arena_printf(op->arena, "%s says %s: %s", x->person, x->verdict, x->reason);
    m.closed_at = ours ? 0 : x->now_ms;
    return err ? err : tsn_store_put(st, &tsn_table_match, &m);
}

/* --- loop thread ---------------------------------------------------------------------------------------- */

static void decide_done(struct tsn_op *op)
{
    struct decide_op *x = (struct decide_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    json_t *info = json_pack("{s:s,s:s,s:s*}", "match", x->id, "verdict", x->verdict,
                             "decision", x->decision);
    if (!op->err && x->decision && !feeds->closing) {
        tsn_decide_due(feeds, x->now_ms);
    }
    x->done(op->err, x->seq, op->err ? NULL : info, op->err ? &op->diag : NULL, x->user);
    json_decref(info);
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_match_decide(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *match,
                      const char *verdict, const char *reason, bool always,
                      tsn_engine_done *done, void *user)
{
    struct decide_op *x = tsn_op_new(sizeof *x, decide_apply, decide_done, NULL);
    struct tsn_arena *a = x->op.arena;
    x->feeds = feeds;
    x->id = tsn_arena_strdup(a, match);
    x->verdict = tsn_arena_strdup(a, verdict);
    x->reason = tsn_arena_strdup(a, reason);
    x->person = tsn_arena_strdup(a, who->person ? who->person : "operator");
    x->auth = tsn_arena_strdup(a, who->auth ? who->auth : "svc");
    x->always = always;
    x->now_ms = tsn_clock_wall_ms();
    x->done = done;
    x->user = user;
    tsn_feeds_hold(feeds);
    if (tsn_writer_submit(feeds->config.writer, &x->op, TSN_LANE_RUNS)) {
        struct tsn_diag d;
        tsn_diag_init(&d);
        tsn_diag_set(&d, TSN_EFULL, "F012", "the store takes nothing now");
        done(TSN_EFULL, -1, NULL, &d, user);
        tsn_op_destroy(&x->op);
        tsn_feeds_release(feeds);
    }
}
