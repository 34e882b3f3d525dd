/* feed_rate.c - what reading upstream documents costs, side by side with the JSON library alone.
 *
 *   feed_rate FOLDER   CSAF documents below it: hash, parse, facts, match; each part and the ratio
 *
 * Then comparisons a second by version order, and a full match of a million facts against a
 * hundred thousand components. One core. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/feed_commit.h"
#include "core/crypto.h"
#include "core/json.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"
#include "feed/judge.h"
#include "feed/version.h"

#define DOCS_MAX 20000

static char *text[DOCS_MAX];
static size_t len[DOCS_MAX], ndocs, bytes;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void walk(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4096];
        size_t n = strlen(e->d_name);
        struct tsn_buf b;
        if (e->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_type == DT_DIR) {
            walk(path);
            continue;
        }
        tsn_buf_init(&b, 64u << 20);
        if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0 && ndocs < DOCS_MAX &&
            tsn_buf_read_file(&b, path) == 0 && b.len) {
            len[ndocs] = b.len;
            bytes += b.len;
            text[ndocs++] = tsn_buf_take(&b, NULL);
        } else {
            tsn_buf_free(&b);
        }
    }
    if (d) {
        closedir(d);
    }
}

static double library(void)
{
    double t = now();
    for (size_t i = 0; i < ndocs; i++) {
        json_decref(json_loadb(text[i], len[i], JSON_REJECT_DUPLICATES, NULL));
    }
    return now() - t;
}

static void ours(const json_t *products, double part[4])
{
    for (size_t i = 0; i < ndocs; i++) {
        uint8_t hash[TSN_HASH_LEN];
        json_t *doc = NULL, *facts = NULL, *matches = NULL;
        double t = now(), u;
        tsn_sha256_once(hash, text[i], len[i]);
        part[0] += (u = now()) - t;
        (void)tsn_json_parse(text[i], len[i], &doc, NULL);
        part[1] += (t = now()) - u;
        (void)tsn_csaf_facts(doc, &facts, NULL);
        part[2] += (u = now()) - t;
        if (facts) {
            (void)tsn_match_facts(facts, products, &matches);
        }
        json_decref(matches);
        json_decref(facts);
        json_decref(doc);
        part[3] += now() - u;
    }
}

static void documents(void)
{
    json_t *products = json_array();
    for (int i = 0; i < 50; i++) {
        json_array_append_new(products,
                              json_pack("{s:s+,s:s,s:s,s:[{s:s,s:s+}]}", "id", "p", "x",
                                        "vendor", "Acme", "owner", "o", "components", "vendor",
                                        "Siemens", "product", "SIMATIC", "x"));
    }
    double best = 1e9, part[4] = {0}, least[4] = {0}, sum = 1e9;
    for (int round = 0; round < 3; round++) {
        double l = library(), s = 0;
        memset(part, 0, sizeof part);
        ours(products, part);
        for (int k = 0; k < 4; k++) {
            s += part[k];
        }
        best = l < best ? l : best;
        if (s < sum) {
            sum = s;
            memcpy(least, part, sizeof part);
        }
    }
    printf("%zu documents, %.1f MB\n", ndocs, (double)bytes / 1e6);
    printf("JSON library alone   %7.3f s  %6.0f documents/s\n", best, (double)ndocs / best);
    printf("hash                 %7.3f s\nparse, strict        %7.3f s\nfacts                "
           "%7.3f "
           "s\nmatch, 50 products   %7.3f s\n",
           least[0], least[1], least[2], least[3]);
    printf("all                  %7.3f s  %6.0f documents/s, %.2f times the library\n", sum,
           (double)ndocs / sum, sum / best);
    struct tsn_inventory *inventory = tsn_inventory_open(products, NULL);
    const struct tsn_feed_commit in = {
        .text = text, .len = len, .n = ndocs, .products = products, .inventory = inventory};
    double cpu = 1e9, wall = 1e9;
    for (int round = 0; round < 3; round++) {
        double c, w;
        tsn_feed_commit_all(&in, &c, &w);
        cpu = c < cpu ? c : cpu;
        wall = w < wall ? w : wall;
    }
    printf("with both commits    %7.3f s  %6.0f documents/s, %.2f times the library (goal 3); "
           "%.3f s on the clock, disk included\n",
           cpu, (double)ndocs / cpu, cpu / best, wall);
    tsn_inventory_close(inventory);
    json_decref(products);
}

static void versions(void)
{
    static const struct {
        enum tsn_scheme scheme;
        const char *a, *b;
    } pairs[] = {{TSN_SCHEME_SEMVER, "1.2.3-rc.1", "1.2.3"},
                 {TSN_SCHEME_NPM, "v1.2.3", "1.2.4"},
                 {TSN_SCHEME_GO, "v0.0.0-20190802002840-cff245a6509b", "v0.1.0"},
                 {TSN_SCHEME_NUGET, "1.2.3.4", "1.2.3.5-beta"},
                 {TSN_SCHEME_DEB, "2:1.20.11-1+deb11u6", "2:1.20.11-1+deb11u7"},
                 {TSN_SCHEME_RPM, "1:3.0.7-18.el9_2", "1:3.0.7-20.el9"},
                 {TSN_SCHEME_APK, "1.2.3_rc1-r0", "1.2.3-r1"},
                 {TSN_SCHEME_PYPI, "1.0.post1", "1.0.dev2+local"},
                 {TSN_SCHEME_MAVEN, "1.0-alpha-1", "1.0-beta"},
                 {TSN_SCHEME_GEM, "1.0.0.pre1", "1.0.0"},
                 {TSN_SCHEME_COMPOSER, "1.0.0-RC1", "1.0.0"},
                 {TSN_SCHEME_HACKAGE, "1.0.0.1", "1.0.0.2"},
                 {TSN_SCHEME_GENERIC, "4.0.517", "4.0.518"}};
    enum { N = 500000 };
    volatile int sink = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        double t = now();
        for (int n = 0; n < N; n++) {
            sink += tsn_version_compare(pairs[i].scheme, pairs[i].a, pairs[i].b);
        }
        printf("%-12s %6.1f million comparisons/s\n", tsn_scheme_name(pairs[i].scheme),
               N / (now() - t) / 1e6);
    }
    (void)sink;
}

/* A million claims about as many packages as there are components, a tenth of them ours. */
static void rematch(void)
{
    enum { COMPONENTS = 100000, FACTS = 1000000 };
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_whole *whole = tsn_arena_alloc(arena, sizeof *whole);
    struct tsn_component *all = tsn_arena_alloc(arena, COMPONENTS * sizeof *all);
    *whole = (struct tsn_whole){.product = "p", .name = "p", .version = "1", .purl = ""};
    for (size_t i = 0; i < COMPONENTS; i++) {
        all[i] = (struct tsn_component){.whole = whole,
                                        .ref = "",
                                        .shown = "",
                                        .version = "1.5.0",
                                        .type = "npm",
                                        .family = "",
                                        .release = "",
                                        .source = "",
                                        .source_version = "",
                                        .arch = "",
                                        .vendor = "",
                                        .name = tsn_arena_printf(arena, "package-%zu", i)};
        all[i].purl = tsn_arena_printf(arena, "pkg:npm/package-%zu@1.5.0", i);
    }
    double t = now();
    struct tsn_judge_index *ways = tsn_judge_index_new(all, COMPONENTS);
    printf("index of %d components: %.2f s\n", COMPONENTS, now() - t);
    t = now();
    struct tsn_judge *j = tsn_judge_new_on(arena, ways, NULL);
    const struct tsn_sink *sink = tsn_judge_sink(j);
    char name[32], id[32];
    for (size_t i = 0; i < FACTS; i++) {
        (void)snprintf(id, sizeof id, "X-%zu", i);
        (void)snprintf(name, sizeof name, "package-%zu", i);
        const struct tsn_record r = tsn_record_of(id, "osv");
        const struct tsn_claim c = {
            .vuln = id,
            .package = {.type = "npm",
                        .family = "",
                        .release = "",
                        .name = name,
                        .scheme = TSN_SCHEME_NPM},
            .span = TSN_SPAN_BOUNDS,
            .bounds = {.from = "1.0.0", .with_from = true, .to = "2.0.0"},
            .pointer = ""};
        sink->record(sink->user, &r);
        sink->claim(sink->user, &c);
    }
    printf("%d facts against them: %.2f s\n", FACTS, now() - t);
    tsn_judge_free(j);
    tsn_judge_index_free(ways);
    tsn_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    tsn_json_init();
    tsn_crypto_init();
    if (argc > 1) {
        walk(argv[1]);
    }
    if (ndocs) {
        documents();
    }
    versions();
    rematch();
    for (size_t i = 0; i < ndocs; i++) {
        free(text[i]);
    }
    return 0;
}
