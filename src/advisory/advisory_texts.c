/* advisory_texts.c - what must not stand in a draft that goes to review: leftovers of templates, and what
 * the case knows that is not for its readers. Store thread. */
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_row.h"
#include "advisory/lint_other.h"
#include "casework/customers.h"
#include "core/json.h"
#include "store/record_case.h"

#define ROWS_MAX 20000
#define SHORTEST 5 /* bytes: what is shorter stands in ordinary words */

struct words {
    struct tsn_arena *arena;
    struct tsn_lint_word *list; /* ends with an empty one */
    size_t n, room;
};

static void add(struct words *to, const char *text, const char *what)
{
    if (!text || strlen(text) < SHORTEST) {
        return;
    }
    if (to->n + 1 >= to->room) {
        to->room = 2 * to->room + 64;
        struct tsn_lint_word *list = tsn_arena_alloc(to->arena, to->room * sizeof *list);
        if (to->n) {
            memcpy(list, to->list, to->n * sizeof *list);
        }
        to->list = list;
    }
    to->list[to->n++] = (struct tsn_lint_word){.text = text, .what = what};
    to->list[to->n] = (struct tsn_lint_word){0};
}

static tsn_err tracks(struct tsn_advisory_work *w, const char *case_id,
                      struct tsn_rec_track **rows, size_t *n)
{
    const struct tsn_filter filter = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = ROWS_MAX};
    void *list = NULL;
    tsn_err err = tsn_store_list(w->st, w->arena, &tsn_table_track, &how, &list, n);
    *rows = list;
    return err;
}

static bool says(const json_t *v, const char *text)
{
    char *whole = v ? tsn_json_text(v) : NULL;
    bool yes = whole && strstr(whole, text) != NULL;
    free(whole);
    return yes;
}

/* Who told us, unless the draft thanks them. */
static void reporter(struct tsn_advisory_work *w, const struct tsn_rec_case *c,
                     struct words *to)
{
    static const char *const keys[] = {"mail", "name"};
    const char *own =
        tsn_advisory_env.publisher->contact ? tsn_advisory_env.publisher->contact : "";
    json_t *facts = NULL;
    const json_t *thanks =
        json_object_get(json_object_get(w->csaf, "document"), "acknowledgments");
    if (!c->facts || tsn_json_parse(c->facts, strlen(c->facts), &facts, NULL)) {
        return;
    }
    const json_t *contact = json_object_get(json_object_get(facts, "report"), "contact");
    for (size_t i = 0; i < 2; i++) {
        const char *text = tsn_json_str(contact, keys[i], NULL);
        if (text && strcmp(text, own) != 0 && !says(thanks, text) &&
            !says(json_object_get(w->model, "vulnerabilities"), text)) {
            add(to, tsn_arena_strdup(w->arena, text), "it names who reported it");
        }
    }
    add(to, tsn_arena_strdup(w->arena, tsn_json_str(facts, "receipt", NULL)),
        "it shows the receipt of a report");
    json_decref(facts);
}

/* How parties to the embargo and customers are reached. */
static tsn_err parties(struct tsn_advisory_work *w, struct words *to)
{
    struct tsn_rec_track *rows = NULL;
    size_t n = 0, i;
    json_t *one, *customers = tsn_customers_now(tsn_advisory_env.casework);
    tsn_err err = tracks(w, w->a.case_id, &rows, &n);
    for (i = 0; !err && i < n; i++) {
        if (strcmp(rows[i].track, "participant") == 0) {
            add(to, rows[i].label, "it names a party to the embargo");
        }
    }
    json_array_foreach(customers, i, one)
    {
        add(to, tsn_arena_strdup(w->arena, tsn_json_str(one, "mail", NULL)),
            "it names a customer's address");
    }
    json_decref(customers);
    return err;
}

/* Other cases under embargo: their names, CVE ids and advisories. */
static tsn_err others(struct tsn_advisory_work *w, struct words *to)
{
    static const char *const states[] = {"proposed", "active", "revise"};
    tsn_err err = 0;
    for (size_t s = 0; !err && s < sizeof states / sizeof states[0]; s++) {
        const struct tsn_filter filter = {
            .column = "embargo", .cmp = TSN_CMP_EQ, .text = states[s]};
        const struct tsn_list how = {
            .filters = &filter, .nfilters = 1, .limit = ROWS_MAX, .skip_blobs = true};
        void *list = NULL;
        size_t n = 0;
        err = tsn_store_list(w->st, w->arena, &tsn_table_case, &how, &list, &n);
        for (size_t i = 0; !err && i < n; i++) {
            const struct tsn_rec_case *c = (const struct tsn_rec_case *)list + i;
            struct tsn_rec_track *rows = NULL;
            size_t nrows = 0;
            if (strcmp(c->id, w->a.case_id) == 0) {
                continue;
            }
            add(to, c->name, "it names another case that is under embargo");
            err = tracks(w, c->id, &rows, &nrows);
            for (size_t k = 0; !err && k < nrows; k++) {
                if (strcmp(rows[k].track, "cve") == 0 ||
                    strcmp(rows[k].track, "document") == 0) {
                    add(to, rows[k].subject, "it names what is under embargo in another case");
                }
            }
        }
    }
    return err;
}

static tsn_err first(struct tsn_advisory_work *w, const json_t *findings, const char *code)
{
    const json_t *f = json_array_get(findings, 0);
    if (!f) {
        return 0;
    }
    return tsn_diag_set(w->diag, TSN_EINPUT, code, "%s: %s at %.160s", w->a.name,
                        tsn_json_str(f, "message", ""), tsn_json_str(f, "pointer", ""));
}

tsn_err tsn_advisory_texts_ok(struct tsn_advisory_work *w)
{
    struct tsn_rec_case c;
    struct tsn_lint_word none = {0};
    struct words words = {.arena = w->arena, .list = &none};
    json_t *findings = json_array();
    tsn_lint_placeholders(w->csaf, findings);
    tsn_err err = first(w, findings, "D107");
    if (!err) {
        err = tsn_store_get(w->st, w->arena, &tsn_table_case, w->a.case_id, &c);
    }
    if (!err) {
        reporter(w, &c, &words);
        err = parties(w, &words);
    }
    if (!err) {
        err = others(w, &words);
    }
    if (!err) {
        tsn_lint_embargo(w->csaf, words.list, findings);
        err = first(w, findings, "D110");
    }
    json_decref(findings);
    return err;
}
