/* log_functions.c - what the SQL of searches and reports may call beside columns.
 *
 *   opened(seq, field)         the payload beside an entry; NULL: none, erased, or no key
 *   opened(seq, field, path)   a member of it by dotted path, text as it is, else JSON
 *   line(seq, key)             a line of the entry that the index has no column for
 *   at(ms), ms(text)           RFC 3339 from milliseconds, and back
 *   sha256(text)               64 hex
 *   case_name(id)              PSIRT-..., or the id where no such case is kept
 *   tlp_rank(tlp)              0 clear ... 4 red, NULL unknown
 *   may_see(case_id)           whether the caller may know this case
 *   sealed(seq, 'size')        size of the first checkpoint that covers the entry, or NULL
 *   sealed(seq, 'before')      when that one was signed: the entry is not younger
 *   sealed(seq, 'after')       when the last one without it was signed: it is not older
 *   now_ms(), seed()           what the report was asked with
 *   has(word, text...)         whether one of the texts has the word in it, in any case
 *   visit(seq)                 true, and an error once a search has looked at enough rows
 *
 * None of them writes. Reader thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/log_index_int.h"

#define SEGMENT_MAX 128

static struct tsn_log_index *index_of(sqlite3_context *c)
{
    return sqlite3_user_data(c);
}

static const char *text_arg(sqlite3_value *v)
{
    return (const char *)sqlite3_value_text(v);
}

/* "a.b.0": members and positions; NULL when there is none. */
static json_t *member(json_t *v, const char *path)
{
    while (v && *path) {
        char part[SEGMENT_MAX];
        size_t n = strcspn(path, ".");
        int64_t at;

        if (n >= sizeof(part))
            return NULL;
        memcpy(part, path, n);
        part[n] = '\0';
        if (json_is_array(v))
            v = tsn_parse_int(part, 0, 1 << 20, &at) ? NULL : json_array_get(v, (size_t)at);
        else
            v = json_object_get(v, part);
        path += n + (path[n] == '.');
    }
    return v;
}

static void result_json(sqlite3_context *c, const json_t *v)
{
    if (!v || json_is_null(v)) {
        sqlite3_result_null(c);
    } else if (json_is_string(v)) {
        sqlite3_result_text(c, json_string_value(v), (int)json_string_length(v),
                            SQLITE_TRANSIENT);
    } else if (json_is_integer(v)) {
        sqlite3_result_int64(c, json_integer_value(v));
    } else {
        char *text = tsn_json_text(v);

        sqlite3_result_text(c, text, -1, SQLITE_TRANSIENT);
        free(text);
    }
}

static void fn_opened(sqlite3_context *c, int n, sqlite3_value **arg)
{
    struct tsn_log_index *ix = index_of(c);
    struct tsn_arena *a;
    struct tsn_logged e;
    const char *field = text_arg(arg[1]), *path = n > 2 ? text_arg(arg[2]) : NULL, *text;
    json_t *v = NULL;
    size_t len;

    sqlite3_result_null(c);
    if (!field || sqlite3_value_type(arg[0]) != SQLITE_INTEGER)
        return;
    a = tsn_arena_new();
    if (tsn_store_entry(ix->st, a, sqlite3_value_int64(arg[0]), &e) == 0 &&
        tsn_store_open_field(ix->st, a, &e, field, &text, &len) == 0) {
        if (!path) {
            sqlite3_result_text64(c, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
        } else if (tsn_json_parse(text, len, &v, NULL) == 0) {
            result_json(c, member(v, path));
            json_decref(v);
        }
    }
    tsn_arena_destroy(a);
}

static void fn_line(sqlite3_context *c, int n, sqlite3_value **arg)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged e;
    const char *key = text_arg(arg[1]);

    (void)n;
    sqlite3_result_null(c);
    if (key && tsn_store_entry(index_of(c)->st, a, sqlite3_value_int64(arg[0]), &e) == 0) {
        const char *want = tsn_arena_printf(a, "\n%s ", key);
        const char *at = memmem(e.text, e.text_len, want, strlen(want));

        if (at) {
            const char *from = at + strlen(want);

            sqlite3_result_text(c, from, (int)strcspn(from, "\n"), SQLITE_TRANSIENT);
        }
    }
    tsn_arena_destroy(a);
}

static void fn_at(sqlite3_context *c, int n, sqlite3_value **arg)
{
    char out[25];

    (void)n;
    if (sqlite3_value_type(arg[0]) == SQLITE_NULL) {
        sqlite3_result_null(c);
        return;
    }
    tsn_time_format(out, sqlite3_value_int64(arg[0]));
    sqlite3_result_text(c, out, -1, SQLITE_TRANSIENT);
}

static void fn_ms(sqlite3_context *c, int n, sqlite3_value **arg)
{
    const char *text = text_arg(arg[0]);
    int64_t ms;

    (void)n;
    if (text && tsn_time_parse(text, &ms) == 0)
        sqlite3_result_int64(c, ms);
    else
        sqlite3_result_null(c);
}

static void fn_sha256(sqlite3_context *c, int n, sqlite3_value **arg)
{
    const void *text = sqlite3_value_text(arg[0]);
    uint8_t digest[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];

    (void)n;
    if (!text) {
        sqlite3_result_null(c);
        return;
    }
    tsn_sha256_once(digest, text, (size_t)sqlite3_value_bytes(arg[0]));
    tsn_hex(hex, digest, sizeof(digest));
    sqlite3_result_text(c, hex, -1, SQLITE_TRANSIENT);
}

static void fn_case_name(sqlite3_context *c, int n, sqlite3_value **arg)
{
    struct tsn_store *st = index_of(c)->st;
    const char *id = text_arg(arg[0]);
    tsn_err err;
    sqlite3_stmt *s;

    (void)n;
    sqlite3_result_null(c);
    if (!id)
        return;
    sqlite3_result_text(c, id, -1, SQLITE_TRANSIENT);
    s = tsn_sql(st, "SELECT name FROM \"case\" WHERE id = ?1", &err);
    if (!s)
        return;
    sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(s) == SQLITE_ROW)
        sqlite3_result_text(c, (const char *)sqlite3_column_text(s, 0), -1, SQLITE_TRANSIENT);
    sqlite3_reset(s);
}

static void fn_tlp_rank(sqlite3_context *c, int n, sqlite3_value **arg)
{
    int rank = tsn_tlp_rank(text_arg(arg[0]));

    (void)n;
    if (rank < 0)
        sqlite3_result_null(c);
    else
        sqlite3_result_int(c, rank);
}

static void fn_may_see(sqlite3_context *c, int n, sqlite3_value **arg)
{
    struct tsn_log_index *ix = index_of(c);
    const char *id = text_arg(arg[0]);

    (void)n;
    sqlite3_result_int(c, !id || !ix->may_see || ix->may_see(id, ix->may_user));
}

/* Checkpoints in rising size, read once a report. */
static void load_marks(struct tsn_log_index *ix)
{
    tsn_err err;
    sqlite3_stmt *s =
        tsn_sql(ix->st, "SELECT 1 FROM sqlite_master WHERE name = 'checkpoint'", &err);
    bool known = s && sqlite3_step(s) == SQLITE_ROW;

    if (s)
        sqlite3_reset(s);
    s = !known ? NULL
               : tsn_sql(
                     ix->st,
                     "SELECT size, sealed_at FROM checkpoint WHERE sealed_at > 0 ORDER BY size",
                     &err);
    size_t cap = 0;

    ix->have_marks = true;
    ix->nmarks = 0;
    while (s && sqlite3_step(s) == SQLITE_ROW) {
        if (ix->nmarks == cap) {
            cap = cap ? cap * 2 : 64;
            ix->marks = tsn_realloc(ix->marks, cap * sizeof(*ix->marks));
        }
        ix->marks[ix->nmarks].size = sqlite3_column_int64(s, 0);
        ix->marks[ix->nmarks++].at_ms = sqlite3_column_int64(s, 1);
    }
    if (s)
        sqlite3_reset(s);
}

void tsn_log_sealed(struct tsn_log_index *ix, int64_t seq, struct tsn_log_sealed *out)
{
    size_t lo = 0, hi;

    *out = (struct tsn_log_sealed){.size = -1, .after_ms = -1, .before_ms = -1};
    if (!ix->have_marks)
        load_marks(ix);
    for (hi = ix->nmarks; lo < hi;) { /* the first whose size is over seq */
        size_t mid = lo + (hi - lo) / 2;

        if (ix->marks[mid].size > seq)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo > 0)
        out->after_ms = ix->marks[lo - 1].at_ms;
    if (lo < ix->nmarks) {
        out->size = ix->marks[lo].size;
        out->before_ms = ix->marks[lo].at_ms;
    }
}

static void fn_sealed(sqlite3_context *c, int n, sqlite3_value **arg)
{
    const char *what = text_arg(arg[1]);
    struct tsn_log_sealed s;
    int64_t v;

    (void)n;
    tsn_log_sealed(index_of(c), sqlite3_value_int64(arg[0]), &s);
    v = !what                         ? -1
        : strcmp(what, "size") == 0   ? s.size
        : strcmp(what, "before") == 0 ? s.before_ms
                                      : s.after_ms;
    if (v >= 0)
        sqlite3_result_int64(c, v);
    else
        sqlite3_result_null(c);
}

static void fn_now(sqlite3_context *c, int n, sqlite3_value **arg)
{
    (void)n;
    (void)arg;
    sqlite3_result_int64(c, index_of(c)->now_ms);
}

static void fn_seed(sqlite3_context *c, int n, sqlite3_value **arg)
{
    const char *seed = index_of(c)->seed;

    (void)n;
    (void)arg;
    sqlite3_result_text(c, seed ? seed : "", -1, SQLITE_TRANSIENT);
}

static void fn_has(sqlite3_context *c, int n, sqlite3_value **arg)
{
    const char *what = text_arg(arg[0]);
    int found = 0;

    for (int i = 1; i < n && what && !found; i++) {
        const char *text = text_arg(arg[i]);

        found = text && strcasestr(text, what);
    }
    sqlite3_result_int(c, found);
}

static void fn_visit(sqlite3_context *c, int n, sqlite3_value **arg)
{
    struct tsn_log_index *ix = index_of(c);

    (void)n;
    ix->visited = sqlite3_value_int64(arg[0]);
    ix->visits += ix->visit_cost;
    if (ix->visits_max && ix->visits > ix->visits_max) {
        ix->over = true;
        sqlite3_result_error(c, "enough", -1);
        return;
    }
    sqlite3_result_int(c, 1);
}

tsn_err tsn_log_functions(struct tsn_log_index *ix)
{
    static const struct {
        const char *name;
        int args;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
        int flags;
    } list[] = {
        {"opened", 2, fn_opened, 0},
        {"opened", 3, fn_opened, 0},
        {"line", 2, fn_line, 0},
        {"at", 1, fn_at, SQLITE_DETERMINISTIC},
        {"ms", 1, fn_ms, SQLITE_DETERMINISTIC},
        {"sha256", 1, fn_sha256, SQLITE_DETERMINISTIC},
        {"case_name", 1, fn_case_name, 0},
        {"tlp_rank", 1, fn_tlp_rank, SQLITE_DETERMINISTIC},
        {"may_see", 1, fn_may_see, 0},
        {"sealed", 2, fn_sealed, 0},
        {"now_ms", 0, fn_now, 0},
        {"seed", 0, fn_seed, 0},
        {"visit", 1, fn_visit, 0},
        {"has", -1, fn_has, SQLITE_DETERMINISTIC},
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        /* Not SQLITE_DIRECTONLY: the reports' views call them. */
        if (sqlite3_create_function_v2(ix->db, list[i].name, list[i].args,
                                       SQLITE_UTF8 | list[i].flags, ix, list[i].fn, NULL, NULL,
                                       NULL) != SQLITE_OK)
            return TSN_EIO;
    }
    return 0;
}
