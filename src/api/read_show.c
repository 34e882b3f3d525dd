/* read_show.c - GET /show/{id}: anything by its id, name or unique prefix, whatever kind it is.
 *
 * Owns nothing. Store thread of the reader. The answer is { kind, <kind>: {...} }.
 */
#include "api/api_impl.h"

#include <string.h>
#include <strings.h>
#include "core/text.h"
#include "store/record_advisory.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define MOST 8 /* candidates named when a prefix is not unique */

union any_rec {
    struct tsn_rec_case c;
    struct tsn_rec_run run;
    struct tsn_rec_task task;
    struct tsn_rec_report report;
    struct tsn_rec_advisory advisory;
};

/* Kinds in the order people ask for them. Cases keep their upper-case names, runs and tasks
 * their lower-case ones, so a prefix is looked for in both. */
static const struct {
    const char *type;
    const struct tsn_table *table;
    tsn_read_fn *read;
} kinds[] = {
    {"case", &tsn_table_case, tsn_read_case},
    {"run", &tsn_table_run, tsn_read_run},
    {"task", &tsn_table_task, tsn_read_task},
    {"report", &tsn_table_report, NULL},
    {"advisory", &tsn_table_advisory, tsn_read_advisory},
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

struct found {
    size_t kind[MOST];
    const char *id[MOST], *name[MOST];
    size_t n;
};

/* The name is the second member of each of these records. */
struct head {
    const char *id, *name;
};

static void add(struct found *f, size_t kind, const struct head *h)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->id[i], h->id) == 0)
            return;
    }
    if (f->n < MOST) {
        f->kind[f->n] = kind;
        f->id[f->n] = h->id;
        f->name[f->n++] = h->name ? h->name : h->id;
    }
}

static tsn_err by_prefix(struct tsn_store *st, struct tsn_arena *arena, size_t kind,
                         const char *column, const char *ref, struct found *f)
{
    const struct tsn_filter filter = {column, TSN_CMP_PREFIX, ref, 0};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = 3, .skip_blobs = true};
    void *rows;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, kinds[kind].table, &how, &rows, &n);
    for (size_t i = 0; !err && i < n; i++)
        add(f, kind, (const struct head *)((const char *)rows + i * kinds[kind].table->size));
    return err;
}

static char *recase(struct tsn_arena *arena, const char *s, bool upper)
{
    char *out = tsn_arena_strdup(arena, s);
    for (char *p = out; *p; p++) {
        if (upper && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 32);
        else if (!upper && *p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    }
    return out;
}

static tsn_err look(struct tsn_store *st, struct tsn_read *rd, struct found *f)
{
    struct tsn_arena *arena = rd->op.arena;
    const char *upper = recase(arena, rd->id, true), *lower = recase(arena, rd->id, false);
    /* An exact name or id wins over anything it is a prefix of. */
    for (size_t k = 0; k < NKINDS; k++) {
        union any_rec rec;
        const char *const forms[] = {rd->id, upper, lower};
        for (size_t i = 0; i < 3; i++) {
            tsn_err err = tsn_store_find(st, arena, kinds[k].table, "name", forms[i], &rec);
            if (err == TSN_ENOTFOUND && i < 2)
                err = tsn_store_get(st, arena, kinds[k].table, forms[i], &rec);
            if (err && err != TSN_ENOTFOUND)
                return err;
            if (!err) {
                add(f, k, (const struct head *)&rec);
                return 0;
            }
        }
    }
    for (size_t k = 0; k < NKINDS; k++) {
        tsn_err err = by_prefix(st, arena, k, "name", upper, f);
        if (!err)
            err = by_prefix(st, arena, k, "name", lower, f);
        /* One letter of a ULID says nothing; from six on people mean it. */
        if (!err && strlen(rd->id) >= 6)
            err = by_prefix(st, arena, k, "id", upper, f);
        if (err)
            return err;
    }
    return 0;
}

static tsn_err show_entry(struct tsn_store *st, struct tsn_read *rd, int64_t seq, json_t **out)
{
    struct tsn_logged e;
    tsn_err err = tsn_store_entry(st, rd->op.arena, seq, &e);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(&rd->op.diag, err, "H031", "there is no entry #%lld",
                            (long long)seq);
    if (err)
        return err;
    json_t *entry = tsn_view_entry(&e);
    json_object_set_new(entry, "text", json_stringn(e.text, e.text_len));
    *out = json_pack("{s:s, s:o}", "kind", "entry", "entry", entry);
    return 0;
}

tsn_err tsn_read_show(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const char *digits = rd->id[0] == '#' ? rd->id + 1 : rd->id;
    int64_t seq;
    if (tsn_parse_int(digits, 0, INT64_MAX, &seq) == 0)
        return show_entry(st, rd, seq, out);

    struct found f = {0};
    tsn_err err = look(st, rd, &f);
    if (err)
        return err;
    if (f.n == 0) {
        (void)tsn_diag_set(&rd->op.diag, TSN_ENOTFOUND, "H031", "there is nothing called `%s`",
                           rd->id);
        tsn_diag_hint(&rd->op.diag, "Cases, runs, tasks, reports, advisories and entries (#12) "
                                    "can be shown; `tocsin status` lists what is open.");
        return TSN_ENOTFOUND;
    }
    if (f.n > 1) {
        struct tsn_buf names;
        tsn_buf_init(&names, 256);
        for (size_t i = 0; i < f.n && i < 4; i++)
            (void)tsn_buf_printf(&names, "%s%s", i ? ", " : "", f.name[i]);
        (void)tsn_diag_set(&rd->op.diag, TSN_ECONFLICT, "H032",
                           "`%s` fits more than one thing: %s%s", rd->id,
                           names.data ? names.data : "", f.n > 4 ? ", ..." : "");
        tsn_buf_free(&names);
        tsn_diag_hint(&rd->op.diag, "Give more of it.");
        return TSN_ECONFLICT;
    }
    json_t *item = NULL;
    rd->id = f.id[0];
    if (kinds[f.kind[0]].read) {
        err = kinds[f.kind[0]].read(st, rd, &item);
    } else {
        struct tsn_rec_report report;
        err = tsn_store_get(st, rd->op.arena, &tsn_table_report, rd->id, &report);
        if (!err)
            item = tsn_view_report(&report, true);
    }
    if (err)
        return err;
    *out = json_pack("{s:s}", "kind", kinds[f.kind[0]].type);
    json_object_set_new(*out, kinds[f.kind[0]].type, item);
    return 0;
}
