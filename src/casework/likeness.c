/* likeness.c - see likeness.h. Compares prints: ids as text, everything else as hashes. */
#include "casework/likeness.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "casework/access.h"
#include "casework/case_work.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"

#define WORDS_MAX   400  /* of a text, each once */
#define KEPT_MAX    5000 /* newest reports that are remembered */
#define READ_MAX    300  /* without a memory, for each report that comes in */
#define IDS_MAX     8
#define THREADS_MAX 24
#define BEST        5
#define LEAST       30 /* product and weakness together; or one strong sign */

struct print {
    char id[TSN_ULID_LEN + 1];
    int64_t received_at;
    uint64_t product, sender_id; /* hashes; 0 = not said */
    unsigned cwe;
    struct tsn_cve_id cves[IDS_MAX];
    uint64_t threads[THREADS_MAX]; /* of message ids: its own, and what it answers */
    size_t ncves, nthreads, nwords;
    uint32_t words[WORDS_MAX]; /* last: what is remembered ends behind the words in use */
};

/* --- one report ------------------------------------------------------------------------------------ */

static uint64_t hash(const char *s, bool fold)
{
    uint64_t h = UINT64_C(14695981039346656037);
    if (!s || !s[0])
        return 0;
    for (; *s; s++)
        h = (h ^ (uint64_t)(fold ? tolower((unsigned char)*s) : (unsigned char)*s)) *
            UINT64_C(1099511628211);
    return h ? h : 1;
}

static int by_hash(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Words of at least four letters; letters beyond ASCII count as bytes of a word. */
static void take_words(struct print *p, const char *text)
{
    for (; *text && p->nwords < WORDS_MAX;) {
        uint32_t h = 2166136261u;
        size_t len = 0;
        while (*text && !isalnum((unsigned char)*text) && (unsigned char)*text < 0x80)
            text++;
        for (; isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80; text++, len++)
            h = (h ^ (uint32_t)tolower((unsigned char)*text)) * 16777619u;
        if (len >= 4)
            p->words[p->nwords++] = h;
    }
}

static void each_word_once(struct print *p)
{
    size_t kept = 0;
    qsort(p->words, p->nwords, sizeof p->words[0], by_hash);
    for (size_t i = 0; i < p->nwords; i++)
        if (kept == 0 || p->words[kept - 1] != p->words[i])
            p->words[kept++] = p->words[i];
    p->nwords = kept;
}

static void take_cve(struct print *p, const char *text)
{
    struct tsn_cve_id id;
    if (p->ncves >= IDS_MAX || tsn_cve_id_parse(text, &id, NULL))
        return;
    for (size_t i = 0; i < p->ncves; i++)
        if (p->cves[i].year == id.year && p->cves[i].number == id.number)
            return;
    p->cves[p->ncves++] = id;
}

static void cves_of_text(struct print *p, const char *text)
{
    for (const char *s = text; (s = strstr(s, "CVE-")); s += 4) {
        char id[TSN_CVE_ID_MAX];
        size_t n = 4 + strspn(s + 4, "0123456789-");
        if (n >= sizeof id)
            continue;
        memcpy(id, s, n);
        id[n] = 0;
        take_cve(p, id);
    }
}

static void take_thread(struct print *p, const json_t *v)
{
    size_t i;
    json_t *one;
    if (json_is_string(v) && json_string_length(v) && p->nthreads < THREADS_MAX)
        p->threads[p->nthreads++] = hash(json_string_value(v), false);
    json_array_foreach(v, i, one) take_thread(p, one);
}

static void print_of(const struct tsn_casework_config *config, const struct tsn_rec_report *r,
                     const json_t *body, struct print *p)
{
    static const char *const texts[] = {"title", "text"};
    const json_t *mail = json_object_get(body, "mail");
    const char *ref = tsn_json_str(body, "product", NULL), *cwe = tsn_json_str(body, "cwe", "");
    const json_t *product = tsn_case_product(config, ref);
    size_t i;
    json_t *one;
    memset(p, 0, sizeof *p);
    (void)tsn_copy(p->id, sizeof p->id, r->id);
    p->received_at = r->received_at;
    p->product = hash(product ? tsn_json_str(product, "id", ref) : ref, true);
    p->cwe = tsn_cwe_number(cwe[0] ? cwe : tsn_json_str(body, "weakness", ""));
    p->sender_id = hash(tsn_json_str(body, "foreign_id", NULL), false);
    json_array_foreach(json_object_get(body, "cves"), i, one) if (json_is_string(one))
        take_cve(p, json_string_value(one));
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        take_words(p, tsn_json_str(body, texts[i], ""));
        cves_of_text(p, tsn_json_str(body, texts[i], ""));
    }
    each_word_once(p);
    take_thread(p, json_object_get(body, "thread"));
    take_thread(p, json_object_get(mail, "message_id"));
    take_thread(p, json_object_get(mail, "in_reply_to"));
    take_thread(p, json_object_get(mail, "references"));
}

static bool read_print(const struct tsn_casework_config *config, const struct tsn_rec_report *r,
                       struct print *out)
{
    json_t *body = NULL;
    if (!r->body || tsn_json_parse(r->body, strlen(r->body), &body, NULL))
        return false; /* erased */
    print_of(config, r, body, out);
    json_decref(body);
    return true;
}

/* --- two reports -------------------------------------------------------------------------------------- */

/* Jaccard, in percent. */
static int wording(const struct print *a, const struct print *b)
{
    size_t i = 0, k = 0, both = 0;
    while (i < a->nwords && k < b->nwords) {
        uint32_t x = a->words[i], y = b->words[k];
        both += x == y;
        i += x <= y;
        k += y <= x;
    }
    size_t any = a->nwords + b->nwords - both;
    return any ? (int)(both * 100 / any) : 0;
}

static bool same_thread(const struct print *a, const struct print *b)
{
    for (size_t i = 0; i < a->nthreads; i++)
        for (size_t k = 0; k < b->nthreads; k++)
            if (a->threads[i] == b->threads[k])
                return true;
    return false;
}

/* 0 to 100; the reasons go to `why` unless it is NULL. */
static int score(const struct print *a, const struct print *b, json_t *why)
{
    int sum = 0, like = wording(a, b);
    const struct {
        bool is;
        int worth;
        const char *said;
    } signs[] = {
        {a->product && a->product == b->product, 15, "same product"},
        {a->cwe && a->cwe == b->cwe, 20, "same weakness"},
        {same_thread(a, b), 60, "same mail thread"},
        {a->sender_id && a->sender_id == b->sender_id, 60, "same number of the sender"}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (signs[i].is) {
            sum += signs[i].worth;
            if (why)
                json_array_append_new(why, json_string(signs[i].said));
        }
    for (size_t i = 0; i < a->ncves; i++)
        for (size_t k = 0; k < b->ncves; k++) {
            char id[TSN_CVE_ID_MAX];
            if (a->cves[i].year != b->cves[k].year || a->cves[i].number != b->cves[k].number)
                continue;
            sum += 60;
            tsn_cve_id_print(&a->cves[i], id);
            if (why)
                json_array_append_new(why, json_sprintf("both name %s", id));
        }
    if (like >= 25) {
        sum += like / 2;
        if (why)
            json_array_append_new(why, json_sprintf("wording is %d %% alike", like));
    }
    return sum > 100 ? 100 : sum;
}

/* --- memory ----------------------------------------------------------------------------------------- */

struct tsn_likeness {
    struct print **kept; /* ring: oldest at `first` once it is full */
    size_t n, first;
    bool loaded;
};

struct tsn_likeness *tsn_likeness_new(void)
{
    struct tsn_likeness *l = tsn_alloc(sizeof *l);
    l->kept = tsn_alloc(KEPT_MAX * sizeof(struct print *));
    return l;
}

void tsn_likeness_destroy(struct tsn_likeness *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        free(l->kept[i]);
    free(l->kept);
    free(l);
}

static void remember(struct tsn_likeness *l, const struct print *p)
{
    size_t n = offsetof(struct print, words) + p->nwords * sizeof p->words[0];
    struct print *copy = tsn_alloc(n);
    memcpy(copy, p, n);
    if (l->n < KEPT_MAX) {
        l->kept[l->n++] = copy;
        return;
    }
    free(l->kept[l->first]);
    l->kept[l->first] = copy;
    l->first = (l->first + 1) % KEPT_MAX;
}

static tsn_err newest(struct tsn_store *st, struct tsn_arena *arena, size_t limit,
                      struct tsn_rec_report **out, size_t *n)
{
    struct tsn_list how = {.descending = true, .limit = limit};
    void *rows = NULL;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_report, &how, &rows, n);
    *out = rows;
    return err;
}

static tsn_err load(struct tsn_likeness *l, struct tsn_store *st,
                    const struct tsn_casework_config *config, const char *but)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_rec_report *rows;
    size_t n = 0;
    tsn_err err = newest(st, arena, KEPT_MAX, &rows, &n);
    for (size_t i = n; i-- > 0 && !err;) {
        struct print p;
        if (strcmp(rows[i].id, but) != 0 && read_print(config, &rows[i], &p))
            remember(l, &p);
    }
    l->loaded = !err;
    tsn_arena_destroy(arena);
    return err;
}

/* --- proposals ----------------------------------------------------------------------------------------- */

struct best {
    const struct print *p[BEST];
    int score[BEST];
    size_t n;
};

static void offer(struct best *b, const struct print *mine, const struct print *other)
{
    int s = strcmp(mine->id, other->id) != 0 ? score(mine, other, NULL) : 0;
    size_t at = b->n;
    if (s < LEAST)
        return;
    while (at > 0 && b->score[at - 1] < s)
        at--;
    if (at >= BEST)
        return;
    if (b->n < BEST)
        b->n++;
    for (size_t i = b->n - 1; i > at; i--) {
        b->p[i] = b->p[i - 1];
        b->score[i] = b->score[i - 1];
    }
    b->p[at] = other;
    b->score[at] = s;
}

static tsn_err find_best(struct tsn_case_work *w, const struct print *mine, struct best *out)
{
    struct tsn_likeness *l = w->config ? w->config->likeness : NULL;
    struct tsn_rec_report *rows;
    size_t n = 0;
    tsn_err err = 0;
    out->n = 0;
    if (l) {
        if (!l->loaded)
            err = load(l, w->st, w->config, mine->id);
        for (size_t i = 0; i < l->n && !err; i++)
            offer(out, mine, l->kept[i]);
        return err;
    }
    err = newest(w->st, w->arena, READ_MAX, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct print *other = tsn_arena_alloc(w->arena, sizeof *other);
        if (read_print(w->config, &rows[i], other))
            offer(out, mine, other);
    }
    return err;
}

static tsn_err propose(struct tsn_case_work *w, const struct print *mine,
                       const struct print *other, struct tsn_diag *diag)
{
    struct tsn_rec_report r;
    struct tsn_rec_track row, link;
    /* What was rolled back or erased is remembered by this process alone. */
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_report, other->id, &r);
    if (err == TSN_ENOTFOUND || (!err && !r.body))
        return 0;
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_LINK, other->id, &link);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_ALIKE, other->id, &row);
    if (err || !strcmp(link.state, "attached") || strcmp(row.state, "none") != 0)
        return err; /* in this case already, or decided before */
    json_t *why = json_array();
    int s = score(mine, other, why);
    json_t *data = json_pack("{s:s, s:i, s:o, s:b}", "report", mine->id, "score", s, "reasons",
                             why, "earlier", other->received_at < mine->received_at);
    struct tsn_track_how how = {.reason = "likeness", .data = data};
    err = tsn_track_move(w, TSN_TRACK_ALIKE, other->id, "proposed", &how, diag);
    json_decref(data);
    return err;
}

tsn_err tsn_likeness_propose(struct tsn_case_work *w, const struct tsn_rec_report *r,
                             struct tsn_diag *diag)
{
    struct best *best = tsn_arena_alloc(w->arena, sizeof *best);
    struct print *mine = tsn_arena_alloc(w->arena, sizeof *mine);
    if (!read_print(w->config, r, mine))
        return 0;
    tsn_err err = find_best(w, mine, best);
    for (size_t i = 0; i < best->n && !err; i++)
        err = propose(w, mine, best->p[i], diag);
    if (!err && w->config && w->config->likeness) /* only now: it may push out what was best */
        remember(w->config->likeness, mine);
    return err;
}

tsn_err tsn_report_candidates(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_casework_config *config,
                              const struct tsn_rec_report *r, json_t **out)
{
    struct print *mine = tsn_arena_alloc(arena, sizeof *mine);
    struct print *other = tsn_arena_alloc(arena, sizeof *other);
    struct tsn_rec_report *rows = NULL;
    json_t *items = json_array();
    size_t n = 0;
    bool have = read_print(config, r, mine);
    tsn_err err = have ? newest(st, arena, KEPT_MAX, &rows, &n) : 0;
    for (size_t i = 0; i < n && !err; i++) {
        json_t *why = json_array();
        bool theirs = strcmp(rows[i].id, r->id) != 0 && read_print(config, &rows[i], other);
        int s = theirs ? score(mine, other, why) : 0;
        if (s >= LEAST)
            json_array_append_new(items,
                                  json_pack("{s:s, s:s, s:s?, s:i, s:O, s:b}", "report",
                                            rows[i].id, "name", rows[i].name, "case",
                                            rows[i].case_id, "score", s, "reasons", why,
                                            "earlier", rows[i].received_at < r->received_at));
        json_decref(why);
    }
    *out = json_pack("{s:o}", "items", items);
    return err;
}
