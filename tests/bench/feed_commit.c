/* feed_commit.c - what feed_rate leaves out: the two transactions of each document on a store on disk,
 * in batches as the writer makes them. One thread does it all, so this is the whole cost. */
#include "bench/feed_commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"
#include "store/store.h"

#define BATCH 64

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(tsn_err err, const char *what)
{
    if (err) {
        (void)fprintf(stderr, "%s: %s\n", what, tsn_err_name(err));
        exit(1);
    }
}

static void operation(struct tsn_feed_op *x, struct tsn_feed_doc *d,
                      const struct tsn_feed_commit *in, const struct tsn_decide_config *decide)
{
    *x = (struct tsn_feed_op){.op = {.arena = tsn_arena_new()},
                              .doc = d,
                              .feed = "bench",
                              .products = in->products,
                              .inventory = in->inventory,
                              .decide = decide,
                              .basis = "1:bench",
                              .trust = "vendor",
                              .cause = "revision",
                              .versions = true,
                              .now_ms = INT64_C(1764000000000)};
}

/* hash, then the first transaction */
static void bytes_in(struct tsn_store *st, struct tsn_feed_doc *d,
                     const struct tsn_feed_commit *in, const struct tsn_decide_config *decide)
{
    uint8_t hash[TSN_HASH_LEN];
    struct tsn_feed_op x;
    operation(&x, d, in, decide);
    tsn_sha256_once(hash, d->body, d->len);
    tsn_hex(d->sha256, hash, sizeof hash);
    must(tsn_feed_raw_apply(&x.op, st), "bytes");
    d->observation = tsn_arena_strdup(d->arena, x.pending);
    tsn_arena_destroy(x.op.arena);
}

/* parse, facts and match, then the second */
static void facts_in(struct tsn_store *st, struct tsn_feed_doc *d,
                     const struct tsn_feed_commit *in, const struct tsn_decide_config *decide)
{
    json_t *doc = NULL;
    struct tsn_feed_op x;
    tsn_diag_init(&d->why);
    if (tsn_json_parse(d->body, d->len, &doc, &d->why) == 0 &&
        tsn_csaf_facts(doc, &d->facts, &d->why) == 0) { /* else it is quarantined */
        (void)tsn_match_facts(d->facts, in->products, &d->matches);
        tsn_matches_join(
            d->matches, tsn_inventory_match_json(in->inventory, d->path, doc, NULL, &d->trace));
    }
    json_decref(doc);
    operation(&x, d, in, decide);
    must(tsn_feed_doc_apply(&x.op, st), "revision");
    tsn_arena_destroy(x.op.arena);
    json_decref(d->facts);
    json_decref(d->matches);
    json_decref(d->trace);
}

static void batch(struct tsn_store *st, struct tsn_feed_doc **docs, size_t n,
                  const struct tsn_feed_commit *in, const struct tsn_decide_config *decide)
{
    for (int stage = 0; stage < 2; stage++) {
        must(tsn_store_begin(st), "begin");
        for (size_t i = 0; i < n; i++) {
            must(tsn_store_savepoint(st), "savepoint");
            (stage ? facts_in : bytes_in)(st, docs[i], in, decide);
            must(tsn_store_release(st), "release");
        }
        must(tsn_store_commit(st), "commit");
    }
}

void tsn_feed_commit_all(const struct tsn_feed_commit *in, double *cpu, double *wall)
{
    char dir[] = "feed-commit-XXXXXX", path[64], key[64], command[80];
    struct tsn_store *st = NULL;
    const struct tsn_decide_config decide = {0};
    if (!mkdtemp(dir)) {
        exit(1);
    }
    (void)snprintf(path, sizeof path, "%s/t.db", dir);
    (void)snprintf(key, sizeof key, "%s/t.key", dir);
    const struct tsn_store_config config = {.path = path, .key_file = key, .create = true};
    must(tsn_store_open(&st, &config, NULL), "store");
    double c = clock_of(CLOCK_PROCESS_CPUTIME_ID), w = clock_of(CLOCK_MONOTONIC);
    for (size_t i = 0; i < in->n; i += BATCH) {
        struct tsn_feed_doc *docs[BATCH];
        size_t n = in->n - i < BATCH ? in->n - i : BATCH;
        for (size_t k = 0; k < n; k++) {
            struct tsn_arena *a = tsn_arena_new();
            docs[k] = tsn_arena_alloc(a, sizeof *docs[k]);
            docs[k]->arena = a;
            docs[k]->path = tsn_arena_printf(a, "2026/%zu.json", i + k);
            docs[k]->listed = "2026-01-01T00:00:00Z";
            docs[k]->hash = "";
            docs[k]->body = in->text[i + k];
            docs[k]->len = in->len[i + k];
        }
        batch(st, docs, n, in, &decide);
        for (size_t k = 0; k < n; k++) {
            tsn_arena_destroy(docs[k]->arena);
        }
    }
    *cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - c;
    *wall = clock_of(CLOCK_MONOTONIC) - w;
    tsn_store_close(st);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0) {
        exit(1);
    }
}
