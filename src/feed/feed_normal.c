/* feed_normal.c - stored bytes to facts, matches and trace, on the thread pool; then the second
 * transaction. Needs no network. Loop thread, but for job(), which touches only its document. */
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"

/* Does the document come from somebody whose it is? */
static tsn_err publisher_ok(struct tsn_feed_doc *d)
{
    const char *const *may = d->feed->config.speaks_for;
    const char *ns = tsn_json_str(d->facts, "namespace", "");
    bool ok = !may && (!d->ns || strcmp(d->ns, ns) == 0);
    for (size_t i = 0; may && may[i]; i++) {
        ok = ok || strcmp(may[i], ns) == 0;
    }
    return ok ? 0
              : tsn_diag_set(&d->why, TSN_EINPUT, "F113",
                             "its publisher is %.200s, which this feed does not speak for",
                             *ns ? ns : "not said");
}

/* Whose word that something is not affected counts: a vendor's, for its own namespaces. */
static const char *const *trusted(struct tsn_feed_doc *d)
{
    const char *own[2] = {d->ns, NULL};
    if (strcmp(tsn_feed_trust(d->feed), "vendor") != 0) {
        return NULL;
    }
    return d->feed->config.speaks_for ? d->feed->config.speaks_for
           : d->ns                    ? tsn_arena_memdup(d->arena, own, sizeof own)
                                      : NULL;
}

/* Scores and hints raise questions, they never answer one. */
static void only_guesses(const struct tsn_feed_doc *d)
{
    const char *trust = tsn_feed_trust(d->feed);
    json_t *m;
    size_t i;
    if (strcmp(trust, "enrichment") != 0 && strcmp(trust, "hint") != 0) {
        return;
    }
    json_array_foreach(d->matches, i, m)
    {
        json_object_set_new(m, "certainty", json_string("guess"));
    }
}

static void read_csaf(struct tsn_feed_doc *d)
{
    json_t *doc = NULL;
    if (tsn_json_parse(d->body, d->len, &doc, &d->why)) {
        tsn_copy(d->why.code, sizeof d->why.code, "F006");
    } else if (tsn_csaf_facts(doc, &d->facts, &d->why) == 0 &&
               (d->accepted || publisher_ok(d) == 0)) {
        (void)tsn_match_facts(d->facts, d->feed->feeds->products, &d->matches);
        tsn_matches_join(d->matches, tsn_inventory_match_json(d->inventory, d->path, doc,
                                                              trusted(d), &d->trace));
    }
    json_decref(doc);
}

static void job(uv_work_t *work)
{
    struct tsn_feed_doc *d = work->data;
    if (d->feed->source->csaf) {
        read_csaf(d);
    } else if (tsn_document_facts_for(d->path, d->body, d->len, d->wanted, &d->facts,
                                      &d->why) == 0) {
        d->matches =
            tsn_inventory_match(d->inventory, d->path, d->body, d->len, trusted(d), &d->trace);
    }
    if (!d->why.code[0]) {
        only_guesses(d);
        if (d->ns) {
            json_object_set_new(d->facts, "provider", json_string(d->ns));
        }
    }
}

static void was_normal(struct tsn_feed_doc *d)
{
    tsn_fault("feed.document_normal");
    tsn_feed_doc_store(d);
}

/* --- EPSS: of 330,000 rows those that somebody asks about ---------------------------------------- */

struct wanted_op {
    struct tsn_op op;
    struct tsn_feed_doc *doc;
    json_t *out;
};

static tsn_err wanted_read(struct tsn_op *op, struct tsn_store *st)
{
    struct wanted_op *x = (struct wanted_op *)op;
    struct tsn_list how = {.limit = 500};
    char after[64] = "";
    json_object_clear(x->out);
    for (size_t n = how.limit; n == how.limit;) {
        struct tsn_arena *page = tsn_arena_new();
        void *list = NULL;
        how.after = *after ? after : NULL;
        tsn_err err = tsn_store_list(st, page, &tsn_table_match, &how, &list, &n);
        const struct tsn_rec_match *m = list;
        for (size_t i = 0; !err && i < n; i++) {
            struct tsn_rec_document d;
            json_t *facts = NULL, *cve;
            size_t k;
            err = tsn_store_get(st, page, &tsn_table_document, m[i].document, &d);
            if (!err && d.facts &&
                tsn_json_parse(d.facts, strlen(d.facts), &facts, NULL) == 0) {
                json_array_foreach(json_object_get(facts, "cves"), k, cve)
                {
                    json_object_set_new(x->out, json_string_value(cve), json_true());
                }
            }
            json_decref(facts);
            err = err == TSN_ENOTFOUND ? 0 : err;
            tsn_copy(after, sizeof after, m[i].id);
        }
        tsn_arena_destroy(page);
        if (err) {
            return err;
        }
    }
    return 0;
}

static void wanted_done(struct tsn_op *op)
{
    struct wanted_op *x = (struct wanted_op *)op;
    struct tsn_feed_doc *d = x->doc;
    struct tsn_feeds *feeds = d->feed->feeds;
    if (feeds->closing) {
        json_decref(x->out);
        tsn_feed_doc_destroy(d);
    } else if (op->err) {
        json_decref(x->out);
        tsn_feed_doc_failed(d, "the matches cannot be read");
    } else {
        d->wanted = x->out;
        tsn_feed_doc_work(d, job, was_normal);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_feed_doc_normalise(struct tsn_feed_doc *d)
{
    struct tsn_feeds *feeds = d->feed->feeds;
    bool epss = d->len > 6 && (memcmp(d->body, "#model", 6) == 0);
    if (!epss) {
        tsn_feed_doc_work(d, job, was_normal);
        return;
    }
    struct wanted_op *x = tsn_op_new(sizeof *x, wanted_read, wanted_done, NULL);
    x->doc = d;
    x->out = json_object();
    tsn_feeds_hold(feeds);
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        json_decref(x->out);
        tsn_op_destroy(&x->op);
        tsn_feed_doc_failed(d, "the matches cannot be read now");
        tsn_feeds_release(feeds);
    }
}
