/* judge.c - the index of our components, records as they stream by, life and end of a judge. */
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/json.h"
#include "feed/fold.h"
#include "feed/judge_int.h"

#define TITLE_MAX 300

const char *const tsn_certainty_names[] = {NULL, "guess", "likely", "certain"};

/* One more place in an array that grows by doubling. */
void *tsn_judge_grow(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap ? *cap * 2 : 64;
    return tsn_realloc(p, *cap * size);
}

/* --- the index --------------------------------------------------------------------------------- */

static void index_by(struct tsn_judge_index *j, const char *key, size_t component, bool source)
{
    json_t *at = json_object_get(j->index, key);
    j->entries = tsn_judge_grow(j->entries, j->nentries, &j->entries_cap, sizeof *j->entries);
    j->entries[j->nentries++] =
        (struct tsn_judge_entry){.component = component,
                                 .next = at ? (size_t)json_integer_value(at) : 0,
                                 .source = source};
    json_object_set_new(j->index, key, json_integer((json_int_t)j->nentries));
}

const char *tsn_judge_name_key(struct tsn_arena *arena, const char *product)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    (void)tsn_buf_puts(&b, "");
    tsn_feed_fold(product, false, &b);
    const char *key = b.len ? tsn_arena_printf(arena, "name\n%s", b.data) : NULL;
    tsn_buf_free(&b);
    return key;
}

const char *tsn_judge_cpe_key(struct tsn_arena *arena, const struct tsn_cpe *c)
{
    return tsn_arena_printf(arena, "cpe\n%s:%s:%s", c->part[TSN_CPE_PART],
                            c->part[TSN_CPE_VENDOR], c->part[TSN_CPE_PRODUCT]);
}

bool tsn_judge_by_source(const char *type)
{
    return strcmp(type, "deb") == 0 || strcmp(type, "apk") == 0;
}

static void index_one(struct tsn_judge_index *j, struct tsn_arena *scratch, size_t i)
{
    const struct tsn_component *c = &j->components[i];
    if (*c->purl) {
        struct tsn_package p = {.type = c->type, .family = c->family, .name = c->name};
        bool own_source = !*c->source || strcmp(c->source, c->name) == 0;
        index_by(j, tsn_package_key(scratch, &p), i, own_source);
        if (!own_source) {
            p.name = c->source;
            index_by(j, tsn_package_key(scratch, &p), i, true);
        }
    }
    /* Ranges of upstream releases say nothing about a distribution's package: never by CPE. */
    if (*c->family) {
        return;
    }
    for (size_t k = 0; k < c->ncpes; k++) {
        struct tsn_cpe cpe;
        if (tsn_cpe_parse(scratch, c->cpes[k], &cpe, NULL) == 0 &&
            cpe.part[TSN_CPE_VENDOR][0] != '*' && cpe.part[TSN_CPE_PRODUCT][0] != '*') {
            index_by(j, tsn_judge_cpe_key(scratch, &cpe), i, false);
        }
    }
    if (!*c->purl && c->ncpes == 0) {
        const char *key = tsn_judge_name_key(scratch, c->shown);
        if (key) {
            index_by(j, key, i, false);
        }
    }
}

/* --- records ----------------------------------------------------------------------------------- */

const char *tsn_judge_kept(struct tsn_judge *j, const char *s)
{
    return tsn_arena_strdup(j->arena, s ? s : "");
}

size_t tsn_judge_keep_record(struct tsn_judge *j)
{
    const struct tsn_record *r = &j->head;
    if (j->record != SIZE_MAX) {
        return j->record;
    }
    j->records = tsn_judge_grow(j->records, j->nrecords, &j->records_cap, sizeof *j->records);
    j->record = j->nrecords++;
    j->records[j->record] = (struct tsn_judged_record){
        .id = tsn_judge_kept(j, r->id),
        .source = r->source,
        .publisher = tsn_judge_kept(j, r->publisher),
        .ns = tsn_judge_kept(j, r->ns),
        .title = tsn_judge_kept(j, r->title),
        .url = tsn_judge_kept(j, r->url),
        .severity = tsn_judge_kept(j, r->severity),
        .vector = tsn_judge_kept(j, r->vector),
        .document = j->document,
        .upstream = json_incref(j->upstream),
        .own = j->own,
        .vex = r->vex,
    };
    return j->record;
}

static const char *scratch_text(struct tsn_judge *j, const char *s, size_t max)
{
    s = s ? s : "";
    size_t n = strlen(s);
    while (n > max && ((unsigned char)s[max] & 0xC0) == 0x80) {
        max--;
    }
    return tsn_arena_strndup(j->scratch, s, n < max ? n : max);
}

static void on_record(void *user, const struct tsn_record *r)
{
    struct tsn_judge *j = user;
    size_t i;
    json_t *a;
    tsn_arena_destroy(j->scratch);
    j->scratch = tsn_arena_new();
    json_decref(j->upstream);
    j->head = *r;
    j->head.id = scratch_text(j, r->id, 500);
    j->head.publisher = scratch_text(j, r->publisher, 300);
    j->head.ns = scratch_text(j, r->ns, 500);
    j->head.title = scratch_text(j, r->title, TITLE_MAX);
    j->head.url = scratch_text(j, r->url, 2000);
    j->head.severity = scratch_text(j, r->severity, 50);
    j->head.vector = scratch_text(j, r->vector, 500);
    j->upstream = r->upstream ? json_deep_copy(r->upstream) : NULL;
    j->head.upstream = NULL;
    j->head.aliases = NULL;
    j->record = SIZE_MAX;
    j->first_of_record = j->nfindings;
    j->seen++;
    if (r->withdrawn) {
        j->withdrawn++;
        return;
    }
    if (json_array_size(r->aliases)) {
        json_array_foreach(r->aliases, i, a)
        {
            const char *other = json_string_value(a);
            if (other && *other) {
                tsn_judge_same(j, r->id, other);
            }
        }
    }
}

static void on_mark(void *user, const char *kind, const char *id, const json_t *value)
{
    struct tsn_judge *j = user;
    json_t *v = value ? json_deep_copy(value) : json_true();
    if (strcmp(kind, "kev") == 0) {
        json_object_set(j->kev, id, v);
    } else if (strcmp(kind, "rejected") == 0) {
        json_object_set(j->rejected, id, v);
    } else if (strcmp(kind, "ssvc") == 0) {
        json_object_set(j->ssvc, id, v);
    } else if (strcmp(kind, "epss") == 0 && json_object_get(j->ids, id)) {
        /* 330,000 rows: only of what was named already; the caller brings EPSS last. */
        json_object_set(j->epss, id, v);
    }
    json_decref(v);
}

/* --- life -------------------------------------------------------------------------------------- */

struct tsn_judge_index *tsn_judge_index_new(const struct tsn_component *components, size_t n)
{
    struct tsn_judge_index *w = tsn_alloc(sizeof *w);
    *w = (struct tsn_judge_index){.components = components, .n = n, .index = json_object()};
    for (size_t i = 0; i < n; i++) {
        struct tsn_arena *scratch = tsn_arena_new();
        index_one(w, scratch, i);
        tsn_arena_destroy(scratch);
    }
    return w;
}

void tsn_judge_index_free(struct tsn_judge_index *w)
{
    if (w) {
        json_decref(w->index);
        free(w->entries);
        free(w);
    }
}

struct tsn_judge *tsn_judge_new_on(struct tsn_arena *arena, const struct tsn_judge_index *ways,
                                   const char *const *trusted)
{
    struct tsn_judge *j = tsn_alloc(sizeof *j);
    *j = (struct tsn_judge){.arena = arena,
                            .ways = ways,
                            .trusted = trusted,
                            .document = "",
                            .scratch = tsn_arena_new(),
                            .record = SIZE_MAX,
                            .ids = json_object(),
                            .kev = json_object(),
                            .epss = json_object(),
                            .ssvc = json_object(),
                            .rejected = json_object()};
    j->sink = (struct tsn_sink){
        .user = j, .record = on_record, .claim = tsn_judge_claim, .mark = on_mark};
    return j;
}

struct tsn_judge *tsn_judge_new(struct tsn_arena *arena, const struct tsn_sbom *sbom,
                                const char *const *trusted)
{
    struct tsn_judge_index *ways = tsn_judge_index_new(sbom->components, sbom->n);
    struct tsn_judge *j = tsn_judge_new_on(arena, ways, trusted);
    j->own_ways = ways;
    j->sbom = sbom;
    return j;
}

void tsn_judge_free(struct tsn_judge *j)
{
    if (!j) {
        return;
    }
    for (size_t i = 0; i < j->nfindings; i++) {
        json_decref(j->findings[i].evidence);
    }
    for (size_t i = 0; i < j->nrecords; i++) {
        json_decref(j->records[i].upstream);
    }
    json_decref(j->upstream);
    tsn_judge_index_free(j->own_ways);
    json_decref(j->ids);
    json_decref(j->kev);
    json_decref(j->epss);
    json_decref(j->ssvc);
    json_decref(j->rejected);
    free(j->records);
    free(j->findings);
    free(j->statements);
    free(j->parent);
    free((void *)j->name);
    free((void *)j->cve);
    tsn_arena_destroy(j->scratch);
    free(j);
}

const struct tsn_sink *tsn_judge_sink(struct tsn_judge *j)
{
    return &j->sink;
}

void tsn_judge_document(struct tsn_judge *j, const char *name, bool own)
{
    j->document = tsn_arena_strdup(j->arena, name);
    j->own = own;
}
