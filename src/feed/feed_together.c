/* feed_together.c - one vulnerability, many documents: what they say of our components is judged as
 * one, so that a publisher who may speak for a component takes away what another said, whichever
 * came first. Works on stored traces; within the document's transaction, writer thread. */
#include <string.h>
#include "core/json.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"

#define DOCUMENTS_MAX 100
#define SHARED_MAX    60 /* a name that more documents have is a list's, not a vulnerability's */

static void drop(void *v)
{
    json_decref(v);
}

static tsn_err one_name(struct tsn_store *st, struct tsn_arena *arena, const char *name,
                        json_t *out)
{
    const struct tsn_filter filter = {.column = "vuln", .cmp = TSN_CMP_EQ, .text = name};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = SHARED_MAX + 1};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_naming, &how, &list, &n);
    const struct tsn_rec_naming *rows = list;
    for (size_t i = 0; !err && n <= SHARED_MAX && i < n; i++) {
        if (json_object_size(out) < DOCUMENTS_MAX) {
            json_object_set_new(out, rows[i].document, json_true());
        }
    }
    return err;
}

tsn_err tsn_feed_named(struct tsn_store *st, struct tsn_arena *arena, const json_t *names,
                       json_t *out)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        const char *id = json_string_value(name);
        tsn_err err = id ? one_name(st, arena, id, out) : 0;
        if (err || json_object_size(out) >= DOCUMENTS_MAX) {
            return err;
        }
    }
    return 0;
}

struct together {
    struct tsn_rec_document rows[DOCUMENTS_MAX];
    struct tsn_traced traced[DOCUMENTS_MAX + 1];
    size_t n; /* rows[n] belongs to traced[n + 1]; traced[0] is the document at hand */
};

/* Current documents with a trace of this inventory, and the names that they bring. */
static tsn_err gather(struct tsn_store *st, struct tsn_feed_op *x, const json_t *ids,
                      const char *own, struct together *t, json_t *names)
{
    const char *id;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)ids, id, v)
    {
        struct tsn_rec_document *d = &t->rows[t->n];
        json_t *trace = NULL, *pair;
        size_t i;
        bool had = strcmp(id, own) == 0;
        for (i = 0; i < t->n; i++) {
            had = had || strcmp(t->rows[i].id, id) == 0;
        }
        if (had || t->n == DOCUMENTS_MAX) {
            continue;
        }
        tsn_err err = tsn_store_get(st, x->op.arena, &tsn_table_document, id, d);
        if (err && err != TSN_ENOTFOUND) {
            return err;
        }
        if (err || !d->trace || strcmp(d->state, "current") != 0 ||
            !tsn_feed_has_basis(d->basis, x->basis) ||
            tsn_json_parse(d->trace, strlen(d->trace), &trace, NULL)) {
            continue;
        }
        tsn_arena_defer(x->op.arena, drop, trace);
        json_array_foreach(json_object_get(trace, "same"), i, pair)
        {
            json_array_extend(names, pair);
        }
        t->traced[++t->n] = (struct tsn_traced){.document = d->id, .trace = trace};
    }
    return 0;
}

static bool differs(const struct tsn_rec_match *m, const json_t *hit)
{
    return (m->state && strcmp(m->state, "closed") == 0) ||
           strcmp(m->certainty ? m->certainty : "", tsn_json_str(hit, "certainty", "")) != 0;
}

/* The rows of another document, where this one changes what it means. Products that it names by
 * vendor and product alone are not the judge's. */
static tsn_err other(struct tsn_store *st, struct tsn_feed_op *x,
                     const struct tsn_rec_document *d, const json_t *result)
{
    struct tsn_feed_earlier earlier;
    json_t *spared = NULL, *hits = tsn_inventory_hits(x->inventory, result, d->id, &spared);
    tsn_err err = tsn_feed_earlier(st, x->op.arena, d->tracking_id, &earlier);
    for (size_t i = 0; !err && i < earlier.n; i++) {
        struct tsn_rec_match m = earlier.rows[i];
        const json_t *hit = tsn_feed_hit(hits, m.product);
        const char *why = tsn_json_str(spared, m.product, NULL);
        bool open = !m.state || strcmp(m.state, "closed") != 0;
        if (strcmp(m.document ? m.document : "", d->id) != 0) {
            continue;
        }
        if (!hit && why && open) {
            m.state = "closed";
            m.reason = tsn_arena_strdup(x->op.arena, why);
            m.closed_at = x->now_ms;
            err = tsn_feed_close_match(st, x, &m);
            err = err ? err : tsn_feed_tell_spared(st, x, &m);
        } else if (hit && !open && differs(&m, hit)) {
            err = tsn_feed_put_match(st, x, d->tracking_id, d->id, hit);
        }
    }
    json_decref(hits);
    json_decref(spared);
    return err;
}

/* Name matches of this document stay: they are of products, not of components. */
static json_t *named_hits(const json_t *matches)
{
    json_t *out = json_array(), *m;
    size_t i;
    json_array_foreach(matches, i, m)
    {
        if (!json_object_get(m, "vulns")) {
            json_array_append(out, m);
        }
    }
    return out;
}

static tsn_err judge_all(struct tsn_store *st, struct tsn_feed_op *x,
                         const struct tsn_rec_document *row, struct together *t)
{
    struct tsn_feed_doc const *d = x->doc;
    json_t *none = json_object();
    t->traced[0] =
        (struct tsn_traced){.document = row->id, .trace = d->trace ? d->trace : none};
    json_t *result = tsn_inventory_joint(x->inventory, t->traced, t->n + 1);
    tsn_arena_defer(x->op.arena, drop, result);
    json_decref(none);
    x->hits = named_hits(d->matches);
    tsn_matches_join(x->hits, tsn_inventory_hits(x->inventory, result, row->id, &x->spared));
    tsn_arena_defer(x->op.arena, drop, x->hits);
    tsn_arena_defer(x->op.arena, drop, x->spared);
    tsn_err err = 0;
    for (size_t i = 0; !err && i < t->n; i++) {
        err = other(st, x, &t->rows[i], result);
    }
    return err;
}

tsn_err tsn_feed_together(struct tsn_store *st, struct tsn_feed_op *x,
                          const struct tsn_rec_document *row)
{
    const json_t *facts = x->doc->facts;
    if (!x->inventory || tsn_inventory_components(x->inventory) == 0 ||
        json_object_size(json_object_get(facts, "marked")) > 1) {
        return 0;
    }
    struct together *t = tsn_arena_alloc(x->op.arena, sizeof *t);
    json_t *names = json_array(), *ids = json_object();
    json_array_append_new(names, json_string(tsn_json_str(facts, "id", "")));
    json_array_extend(names, json_object_get(facts, "cves"));
    json_array_extend(names, json_object_get(facts, "names"));
    tsn_err err = 0;
    /* Twice: an alias of an alias is the same vulnerability too. */
    for (int turn = 0; !err && turn < 2 && json_array_size(names); turn++) {
        json_t *more = json_array();
        err = tsn_feed_named(st, x->op.arena, names, ids);
        err = err ? err : gather(st, x, ids, row->id, t, more);
        json_decref(names);
        names = more;
    }
    json_decref(names);
    json_decref(ids);
    if (err || t->n == 0) {
        return err;
    }
    return judge_all(st, x, row, t);
}
