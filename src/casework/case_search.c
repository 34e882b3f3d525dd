/* case_search.c - search over what the asker sees. Text is sealed at rest, so it is opened row by
 * row; the newest CASES_MAX cases are looked at. Reader's thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "casework/case_desk.h"
#include "casework/case_int.h"
#include "core/json.h"
#include "store/record_case.h"

#define CASES_MAX 20000
#define WORDS_MAX 12

struct words {
    char *list[WORDS_MAX];
    size_t n;
};

static void split(struct tsn_arena *arena, const char *text, struct words *out)
{
    char *copy = tsn_arena_strdup(arena, text), *save = NULL;
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    out->n = 0;
    for (char *w = strtok_r(copy, " \t\n", &save); w && out->n < WORDS_MAX;
         w = strtok_r(NULL, " \t\n", &save))
        out->list[out->n++] = w;
}

/* ASCII case folded; other characters as they are. */
static bool contains(const char *hay, const char *needle)
{
    size_t n = strlen(needle);
    for (; hay && *hay; hay++) {
        size_t i = 0;
        while (i < n && hay[i] && tolower((unsigned char)hay[i]) == needle[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

struct hit {
    json_t *item;
    int score;
};

static int by_score(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->score != y->score)
        return y->score - x->score;
    return strcmp(tsn_json_str(y->item, "name", ""), tsn_json_str(x->item, "name", ""));
}

static tsn_err notes_of(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_case *c, struct tsn_buf *out)
{
    struct tsn_logged *e = NULL;
    size_t n = 0;
    tsn_err err =
        tsn_store_walk(st, arena, tsn_arena_printf(arena, "case:%s", c->id), 500, &e, &n);
    if (err == TSN_ENOTFOUND)
        return 0;
    for (size_t i = 0; i < n && !err; i++) {
        const char *text;
        size_t len;
        if (!strcmp(e[i].entry.kind, "case.note") &&
            tsn_store_open_field(st, arena, &e[i], "note", &text, &len) == 0)
            (void)tsn_buf_printf(out, "%s\n", text);
    }
    return err;
}

/* One case: which words are where. Title and ids weigh more than text. */
static tsn_err look(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_rec_case *c,
                    const struct words *words, struct hit *out)
{
    struct tsn_buf notes;
    const struct {
        const char *where, *text;
        int weight;
    } places[] = {{"title", c->title, 8},
                  {"name", c->name, 16},
                  {"id", c->id, 16},
                  {"product", c->product, 4},
                  {"facts", c->facts, 2}};
    json_t *where = json_array();
    bool all = true, read_notes = false;
    tsn_err err = 0;
    int score = 0;
    tsn_buf_init(&notes, (size_t)4 << 20);
    for (size_t i = 0; i < words->n && all && !err; i++) {
        int best = 0;
        const char *place = NULL;
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++)
            if (places[k].weight > best && contains(places[k].text, words->list[i])) {
                best = places[k].weight;
                place = places[k].where;
            }
        if (!best && !read_notes) {
            err = notes_of(st, arena, c, &notes);
            read_notes = true;
        }
        if (!best && notes.data && contains(notes.data, words->list[i])) {
            best = 1;
            place = "notes";
        }
        all = best > 0;
        score += best;
        if (place)
            json_array_append_new(where, json_string(place));
    }
    tsn_buf_free(&notes);
    out->score = all ? score : 0;
    out->item = NULL;
    if (!err && all) {
        out->item = tsn_case_json(c);
        json_object_del(out->item, "report");
        json_object_del(out->item, "facts");
        json_object_set_new(out->item, "score", json_integer(score));
        json_object_set(out->item, "where", where);
    }
    json_decref(where);
    return err;
}

tsn_err tsn_case_search(struct tsn_store *st, struct tsn_arena *arena, const char *text,
                        size_t limit, json_t **out, struct tsn_diag *diag)
{
    struct words words;
    struct tsn_list how = {.descending = true, .limit = CASES_MAX};
    void *rows;
    size_t n, found = 0;
    split(arena, text, &words);
    if (words.n == 0) {
        tsn_diag_set(diag, TSN_EINPUT, "W044", "there is nothing to search for");
        tsn_diag_hint(diag, "tocsin case search parser overflow");
        return TSN_EINPUT;
    }
    tsn_err err = tsn_store_list(st, arena, &tsn_table_case, &how, &rows, &n);
    struct hit *hits = tsn_alloc((n + 1) * sizeof *hits);
    for (size_t i = 0; i < n && !err; i++) {
        err = look(st, arena, &((const struct tsn_rec_case *)rows)[i], &words, &hits[found]);
        found += hits[found].item != NULL;
    }
    if (found > 1)
        qsort(hits, found, sizeof *hits, by_score);
    json_t *items = json_array();
    for (size_t i = 0; i < found; i++) {
        if (i < limit)
            json_array_append(items, hits[i].item);
        json_decref(hits[i].item);
    }
    free(hits);
    *out = json_pack("{s:o, s:I}", "items", items, "found", (json_int_t)found);
    return err;
}
