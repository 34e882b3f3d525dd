/* store_rows.c - records of every table, driven by their descriptions. Store thread. */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "store/record_case.h"
#include "store/record_log.h"
#include "store/record_system.h"

#define SQL_MAX    8192
#define SEALED_MAX ((size_t)96 << 20) /* a mail of 64 MiB as base64, and its seal */
#define LIST_LIMIT 1000
#define LIST_MAX   100000

static const void *at(const void *rec, const struct tsn_col *c)
{
    return (const char *)rec + c->offset;
}

static const char *text_of(const void *rec, const struct tsn_col *c)
{
    return *(const char *const *)at(rec, c);
}

static int column_of(const struct tsn_table *t, const char *name)
{
    for (size_t i = 0; i < t->ncols; i++) {
        if (strcmp(t->cols[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static const char *case_of(const struct tsn_table *t, const void *rec)
{
    const char *id = t->case_col >= 0 ? text_of(rec, &t->cols[t->case_col]) : NULL;

    return id ? id : "";
}

/* What a sealed cell is bound to: it opens nowhere else. */
static size_t aad(char *out, size_t cap, const struct tsn_table *t, const char *key,
                  const char *column)
{
    int n = snprintf(out, cap, "%s\n%s\n%s", t->name, key, column);

    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static void bind_text(struct tsn_store *st, sqlite3_stmt *s, int n, const char *text)
{
    size_t len = strlen(text);

    st->batch_bytes += len;
    sqlite3_bind_text64(s, n, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void bind_blob(struct tsn_store *st, sqlite3_stmt *s, int n, const void *p, size_t len)
{
    st->batch_bytes += len;
    sqlite3_bind_blob64(s, n, p, len, SQLITE_TRANSIENT);
}

static tsn_err bind_sealed(struct tsn_store *st, sqlite3_stmt *s, int n,
                           const struct tsn_table *t, const void *rec, const struct tsn_col *c)
{
    const char *text = text_of(rec, c);
    struct tsn_buf box;
    const uint8_t *key;
    char bound[512];
    tsn_err err;

    if (!text)
        return 0;
    key = tsn_key_of(st, case_of(t, rec), &err);
    if (!key)
        return err ? err : TSN_EDENIED;
    tsn_buf_init(&box, SEALED_MAX);
    err = tsn_seal(&box, key, bound,
                   aad(bound, sizeof(bound), t, text_of(rec, &t->cols[0]), c->name), text,
                   strlen(text));
    if (!err)
        bind_blob(st, s, n, box.data, box.len);
    tsn_buf_free(&box);
    return err;
}

static tsn_err bind_col(struct tsn_store *st, sqlite3_stmt *s, int n, const struct tsn_table *t,
                        const void *rec, const struct tsn_col *c)
{
    const struct tsn_blob *b;

    switch (c->type) {
    case TSN_COL_TEXT:
        if (text_of(rec, c))
            bind_text(st, s, n, text_of(rec, c));
        return 0;
    case TSN_COL_INT:
        sqlite3_bind_int64(s, n, *(const int64_t *)at(rec, c));
        return 0;
    case TSN_COL_BLOB:
        b = at(rec, c);
        if (b->data)
            bind_blob(st, s, n, b->data, b->len);
        return 0;
    case TSN_COL_SEALED:
        return bind_sealed(st, s, n, t, rec, c);
    }
    return 0;
}

static tsn_err bind_all(struct tsn_store *st, sqlite3_stmt *s, const struct tsn_table *t,
                        const void *rec)
{
    tsn_err err = 0;

    for (size_t i = 0; i < t->ncols && !err; i++)
        err = bind_col(st, s, (int)i + 1, t, rec, &t->cols[i]);
    return err;
}

/* Statements are found by their text, so every call builds it: pieces, no formats. */
static void quoted(struct tsn_buf *b, const char *before, const char *name, const char *after)
{
    tsn_buf_puts(b, before);
    tsn_buf_putc(b, '"');
    tsn_buf_puts(b, name);
    tsn_buf_putc(b, '"');
    tsn_buf_puts(b, after);
}

static void number(struct tsn_buf *b, size_t n)
{
    char digits[24], *p = digits + sizeof(digits);

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    tsn_buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

static void param(struct tsn_buf *b, const char *before, size_t n)
{
    tsn_buf_puts(b, before);
    tsn_buf_putc(b, '?');
    number(b, n);
}

/* INSERT of all columns; names in quotes because `case` is a word of SQL. `replace` overwrites the
 * row of the same key; another row's unique value still is a conflict. */
static void insert_sql(struct tsn_buf *b, const struct tsn_table *t, bool replace)
{
    quoted(b, "INSERT INTO ", t->name, " (");
    for (size_t i = 0; i < t->ncols; i++)
        quoted(b, i ? "," : "", t->cols[i].name, "");
    tsn_buf_puts(b, ") VALUES (");
    for (size_t i = 0; i < t->ncols; i++)
        param(b, i ? "," : "", i + 1);
    tsn_buf_putc(b, ')');
    if (replace)
        quoted(b, " ON CONFLICT (", t->cols[0].name, ") DO UPDATE SET ");
    for (size_t i = 1; replace && i < t->ncols; i++) {
        quoted(b, i > 1 ? "," : "", t->cols[i].name, "=excluded.");
        quoted(b, "", t->cols[i].name, "");
    }
}

/* Keys first: making one runs statements of its own, which must not meet ours half bound. */
static tsn_err prepare_key(struct tsn_store *st, const struct tsn_table *t, const void *rec)
{
    tsn_err err = 0;

    for (size_t i = 0; i < t->ncols; i++) {
        if (t->cols[i].type == TSN_COL_SEALED && text_of(rec, &t->cols[i])) {
            if (!tsn_key_of(st, case_of(t, rec), &err) && !err)
                err = TSN_EDENIED;
            return err;
        }
    }
    return 0;
}

static tsn_err write_row(struct tsn_store *st, const struct tsn_table *t, const void *rec,
                         bool replace)
{
    struct tsn_buf sql;
    sqlite3_stmt *s;
    tsn_err err = prepare_key(st, t, rec);

    if (err)
        return err;
    tsn_buf_init(&sql, SQL_MAX);
    insert_sql(&sql, t, replace);
    s = sql.err ? NULL : tsn_sql(st, sql.data, &err);
    if (s) {
        err = bind_all(st, s, t, rec);
        if (!err)
            err = tsn_sql_done(st, s);
    }
    tsn_buf_free(&sql);
    return err;
}

tsn_err tsn_store_insert(struct tsn_store *st, const struct tsn_table *t, const void *rec)
{
    return write_row(st, t, rec, false);
}

tsn_err tsn_store_put(struct tsn_store *st, const struct tsn_table *t, const void *rec)
{
    return write_row(st, t, rec, true);
}

static tsn_err update(struct tsn_store *st, const struct tsn_table *t, const void *rec,
                      const char *guard, const char *text, int64_t number)
{
    struct tsn_buf sql;
    sqlite3_stmt *s;
    int n = (int)t->ncols + 1;
    tsn_err err = prepare_key(st, t, rec);

    if (err)
        return err;
    if (column_of(t, guard) < 0)
        return TSN_EBUG;
    tsn_buf_init(&sql, SQL_MAX);
    quoted(&sql, "UPDATE ", t->name, " SET ");
    for (size_t i = 1; i < t->ncols; i++) {
        quoted(&sql, i > 1 ? "," : "", t->cols[i].name, "");
        param(&sql, "=", i + 1);
    }
    quoted(&sql, " WHERE ", t->cols[0].name, "=?1");
    quoted(&sql, " AND ", guard, "");
    param(&sql, "=", (size_t)n);
    s = sql.err ? NULL : tsn_sql(st, sql.data, &err);
    if (s) {
        err = bind_all(st, s, t, rec);
        if (text)
            sqlite3_bind_text(s, n, text, -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(s, n, number);
        if (!err)
            err = tsn_sql_done(st, s);
        if (!err && sqlite3_changes(st->db) == 0)
            err = TSN_ELOST;
    }
    tsn_buf_free(&sql);
    return err;
}

/* --- what changed, and that alone */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same(const struct tsn_col *c, const void *a, const void *b)
{
    const struct tsn_blob *x, *y;

    switch (c->type) {
    case TSN_COL_TEXT:
    case TSN_COL_SEALED:
        return same_text(text_of(a, c), text_of(b, c));
    case TSN_COL_INT:
        return *(const int64_t *)at(a, c) == *(const int64_t *)at(b, c);
    case TSN_COL_BLOB:
        x = at(a, c);
        y = at(b, c);
        return x->data == y->data && x->len == y->len;
    }
    return false;
}

/* One statement for each set of columns; the guard stands first, so that it is never empty. */
static void changed_sql(struct tsn_buf *b, const struct tsn_table *t, const void *before,
                        const void *after, const char *guard)
{
    quoted(b, "UPDATE ", t->name, " SET ");
    quoted(b, "", guard, "=?");
    for (size_t i = 1; i < t->ncols; i++) {
        const struct tsn_col *c = &t->cols[i];

        if (strcmp(c->name, guard) == 0 || same(c, before, after))
            continue;
        quoted(b, ",", c->name, "=?");
    }
    quoted(b, " WHERE ", t->cols[0].name, "=?");
    quoted(b, " AND ", guard, "=?");
}

static tsn_err bind_changed(struct tsn_store *st, sqlite3_stmt *s, const struct tsn_table *t,
                            const void *before, const void *after, const char *guard,
                            int64_t value)
{
    int n = 1;
    tsn_err err = bind_col(st, s, n++, t, after, &t->cols[column_of(t, guard)]);

    for (size_t i = 1; i < t->ncols && !err; i++) {
        const struct tsn_col *c = &t->cols[i];

        if (strcmp(c->name, guard) != 0 && !same(c, before, after))
            err = bind_col(st, s, n++, t, after, c);
    }
    if (!err)
        err = bind_col(st, s, n++, t, after, &t->cols[0]);
    sqlite3_bind_int64(s, n, value);
    return err;
}

tsn_err tsn_store_update_changed(struct tsn_store *st, const struct tsn_table *t,
                                 const void *before, const void *after, const char *guard,
                                 int64_t value)
{
    struct tsn_buf sql;
    sqlite3_stmt *s;
    tsn_err err = prepare_key(st, t, after);

    if (err)
        return err;
    if (column_of(t, guard) < 0)
        return TSN_EBUG;
    tsn_buf_init(&sql, SQL_MAX);
    changed_sql(&sql, t, before, after, guard);
    s = sql.err ? NULL : tsn_sql(st, sql.data, &err);
    if (s) {
        err = bind_changed(st, s, t, before, after, guard, value);
        if (!err)
            err = tsn_sql_done(st, s);
        if (!err && sqlite3_changes(st->db) == 0)
            err = TSN_ELOST;
    }
    tsn_buf_free(&sql);
    return err;
}

tsn_err tsn_store_update_if(struct tsn_store *st, const struct tsn_table *t, const void *rec,
                            const char *guard, int64_t value)
{
    return update(st, t, rec, guard, NULL, value);
}

tsn_err tsn_store_update_if_text(struct tsn_store *st, const struct tsn_table *t,
                                 const void *rec, const char *guard, const char *value)
{
    return update(st, t, rec, guard, value, 0);
}

tsn_err tsn_store_delete(struct tsn_store *st, const struct tsn_table *t, const char *key)
{
    char sql[200];
    sqlite3_stmt *s;
    tsn_err err;

    snprintf(sql, sizeof(sql), "DELETE FROM \"%s\" WHERE \"%s\" = ?1", t->name,
             t->cols[0].name);
    s = tsn_sql(st, sql, &err);
    if (!s)
        return err;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_TRANSIENT);
    return tsn_sql_done(st, s);
}

/* --- reading --------------------------------------------------------------------------------- */

static tsn_err take_sealed(struct tsn_store *st, struct tsn_arena *arena, sqlite3_stmt *s,
                           int n, const struct tsn_table *t, const void *rec,
                           const struct tsn_col *c, const char **out)
{
    struct tsn_buf plain;
    const uint8_t *key;
    char bound[512];
    tsn_err err;

    *out = NULL;
    if (sqlite3_column_type(s, n) == SQLITE_NULL)
        return 0;
    key = tsn_key_of(st, case_of(t, rec), &err);
    if (!key)
        return err; /* nobody may read it here: NULL */
    tsn_buf_init(&plain, SEALED_MAX);
    err = tsn_unseal(&plain, key, bound,
                     aad(bound, sizeof(bound), t, text_of(rec, &t->cols[0]), c->name),
                     sqlite3_column_blob(s, n), (size_t)sqlite3_column_bytes(s, n));
    if (!err)
        *out = tsn_arena_strndup(arena, plain.data ? plain.data : "", plain.len);
    tsn_buf_free(&plain);
    return err;
}

static tsn_err take_row(struct tsn_store *st, struct tsn_arena *arena, sqlite3_stmt *s,
                        const struct tsn_table *t, bool skip, void *rec)
{
    tsn_err err = 0;

    memset(rec, 0, t->size);
    /* Sealed columns need key and case, which may stand behind them: two passes. */
    for (size_t i = 0; i < t->ncols; i++) {
        const struct tsn_col *c = &t->cols[i];
        char *to = (char *)rec + c->offset;
        int n = (int)i;

        switch (c->type) {
        case TSN_COL_TEXT:
            if (sqlite3_column_type(s, n) != SQLITE_NULL)
                *(const char **)to =
                    tsn_arena_strndup(arena, (const char *)sqlite3_column_text(s, n),
                                      (size_t)sqlite3_column_bytes(s, n));
            break;
        case TSN_COL_INT:
            *(int64_t *)to = sqlite3_column_int64(s, n);
            break;
        case TSN_COL_BLOB:
            if (!skip && sqlite3_column_type(s, n) != SQLITE_NULL) {
                struct tsn_blob *b = (struct tsn_blob *)to;

                b->len = (size_t)sqlite3_column_bytes(s, n);
                b->data = tsn_arena_memdup(arena, sqlite3_column_blob(s, n), b->len);
            }
            break;
        case TSN_COL_SEALED:
            break;
        }
    }
    /* The layout forbids it, so only a damaged file can have a row without a key. */
    if (!text_of(rec, &t->cols[0]))
        return TSN_ETAMPERED;
    for (size_t i = 0; i < t->ncols && !err && !skip; i++) {
        const struct tsn_col *c = &t->cols[i];

        if (c->type == TSN_COL_SEALED)
            err = take_sealed(st, arena, s, (int)i, t, rec, c,
                              (const char **)((char *)rec + c->offset));
    }
    return err;
}

/* --- views -------------------------------------------------------------------------------------- */

void tsn_store_set_view(struct tsn_store *st, struct tsn_store_view *view)
{
    st->view = view;
}

static int by_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static const char *const *among(const char *const *list, size_t n, const char *id)
{
    return n ? bsearch(id, list, n, sizeof(*list), by_text) : NULL;
}

bool tsn_view_hides(struct tsn_store *st, const char *case_id)
{
    struct tsn_store_view *v = st->view;
    const char *const *closed;

    if (!v || !case_id)
        return false;
    if (among(v->hidden, v->nhidden, case_id))
        return true;
    closed = among(v->closed, v->nclosed, case_id);
    if (!closed)
        return false;
    for (size_t i = 0; i < v->ntouched; i++)
        if (v->touched[i] == *closed)
            return false;
    if (v->ntouched < sizeof(v->touched) / sizeof(v->touched[0]))
        v->touched[v->ntouched++] = *closed;
    return false;
}

/* The column that says which case a row belongs to; -1: no case's. */
static int case_column(const struct tsn_store *st, const struct tsn_table *t)
{
    if (!st->view || t == &tsn_table_casekey)
        return -1;
    return t == &tsn_table_case ? 0 : column_of(t, "case_id");
}

static tsn_err find(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                    const char *column, const char *value, bool bare, void *rec_out)
{
    struct tsn_filter f = {.column = column, .cmp = TSN_CMP_EQ, .text = value ? value : ""};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = 1, .skip_blobs = bare};
    void *list;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, t, &how, &list, &n);

    if (err)
        return err;
    if (n == 0)
        return TSN_ENOTFOUND;
    memcpy(rec_out, list, t->size);
    return 0;
}

tsn_err tsn_store_find(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                       const char *column, const char *value, void *rec_out)
{
    return find(st, arena, t, column, value, false, rec_out);
}

tsn_err tsn_store_get(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                      const char *key, void *rec_out)
{
    return find(st, arena, t, t->cols[0].name, key, false, rec_out);
}

tsn_err tsn_store_get_bare(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_table *t, const char *key, void *rec_out)
{
    return find(st, arena, t, t->cols[0].name, key, true, rec_out);
}

static tsn_err where_sql(struct tsn_buf *b, const struct tsn_table *t,
                         const struct tsn_filter *filters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int col = column_of(t, filters[i].column);
        const char *name = filters[i].column;

        if (col < 0 || t->cols[col].type == TSN_COL_SEALED || t->cols[col].type == TSN_COL_BLOB)
            return TSN_EBUG;
        tsn_buf_puts(b, i ? " AND " : " WHERE ");
        switch (filters[i].cmp) {
        case TSN_CMP_EQ:
            quoted(b, "", name, "");
            param(b, " = ", i + 1);
            break;
        case TSN_CMP_NE:
            quoted(b, "(", name, " IS NULL OR ");
            quoted(b, "", name, "");
            param(b, " <> ", i + 1);
            tsn_buf_putc(b, ')');
            break;
        case TSN_CMP_LT:
            quoted(b, "", name, "");
            param(b, " < ", i + 1);
            break;
        case TSN_CMP_GT:
            quoted(b, "", name, "");
            param(b, " > ", i + 1);
            break;
        case TSN_CMP_PREFIX:
            /* A range, so that an index helps: behind every text with this prefix stands the
             * prefix followed by the last character there is. */
            quoted(b, "", name, "");
            param(b, " >= ", i + 1);
            quoted(b, " AND ", name, "");
            param(b, " < ", i + 1);
            tsn_buf_puts(b, " || char(1114111)");
            break;
        }
    }
    return b->err;
}

static void bind_filters(sqlite3_stmt *s, const struct tsn_filter *filters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (filters[i].text)
            sqlite3_bind_text(s, (int)i + 1, filters[i].text, -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(s, (int)i + 1, filters[i].number);
    }
}

static tsn_err list_sql(struct tsn_buf *b, const struct tsn_table *t,
                        const struct tsn_list *how, bool viewed)
{
    const char *order = how->order ? how->order : t->cols[0].name;
    size_t limit = how->limit ? how->limit : LIST_LIMIT;
    tsn_err err;

    if (column_of(t, order) < 0 || (how->after && how->order))
        return TSN_EBUG;
    tsn_buf_puts(b, "SELECT ");
    for (size_t i = 0; i < t->ncols; i++) {
        bool skip = how->skip_blobs &&
                    (t->cols[i].type == TSN_COL_BLOB || t->cols[i].type == TSN_COL_SEALED);

        if (skip)
            tsn_buf_puts(b, i ? ",NULL" : "NULL");
        else
            quoted(b, i ? "," : "", t->cols[i].name, "");
    }
    quoted(b, " FROM ", t->name, "");
    err = where_sql(b, t, how->filters, how->nfilters);
    if (err)
        return err;
    if (how->after) {
        quoted(b, how->nfilters ? " AND " : " WHERE ", t->cols[0].name,
               how->descending ? " <" : " >");
        param(b, " ", how->nfilters + 1);
    }
    quoted(b, " ORDER BY ", order, how->descending ? " DESC" : "");
    /* Equals in the order of their keys: the same question has the same answer. */
    if (how->order)
        quoted(b, ", ", t->cols[0].name, how->descending ? " DESC" : "");
    /* Under a view rows that are hidden do not count: the loop stops instead. */
    tsn_buf_puts(b, " LIMIT ");
    number(b, limit > LIST_MAX || viewed ? LIST_MAX : limit);
    return b->err;
}

tsn_err tsn_store_list(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                       const struct tsn_list *how, void **out, size_t *n_out)
{
    int owned = case_column(st, t);
    const struct tsn_col *owner = owned < 0 ? NULL : &t->cols[owned];
    size_t limit = how->limit ? how->limit : LIST_LIMIT;
    sqlite3_stmt *s;
    struct tsn_buf sql;
    char *rows = NULL;
    size_t n = 0, cap = 0;
    tsn_err err;
    int rc = SQLITE_DONE;

    *out = NULL;
    *n_out = 0;
    tsn_buf_init(&sql, SQL_MAX);
    err = list_sql(&sql, t, how, owner != NULL);
    s = err ? NULL : tsn_sql(st, sql.data, &err);
    tsn_buf_free(&sql);
    if (!s)
        return err;
    bind_filters(s, how->filters, how->nfilters);
    if (how->after)
        sqlite3_bind_text(s, (int)how->nfilters + 1, how->after, -1, SQLITE_TRANSIENT);
    while (!err && (!owner || n < limit) && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (owner &&
            tsn_view_hides(st, (const char *)sqlite3_column_text(s, (int)(owner - t->cols))))
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 8;
            rows = tsn_realloc(rows, cap * t->size);
        }
        err = take_row(st, arena, s, t, how->skip_blobs, rows + n * t->size);
        n++;
    }
    if (!err && rc != SQLITE_ROW)
        err = tsn_sql_err(st, rc);
    sqlite3_reset(s);
    if (!err && n > 0) {
        *out = tsn_arena_memdup(arena, rows, n * t->size);
        *n_out = n;
    }
    free(rows);
    return err;
}

tsn_err tsn_store_count(struct tsn_store *st, const struct tsn_table *t,
                        const struct tsn_filter *filters, size_t nfilters, int64_t *out)
{
    struct tsn_buf sql;
    sqlite3_stmt *s;
    tsn_err err;
    int rc;

    if (case_column(st, t) >= 0 && st->view->nhidden > 0) {
        struct tsn_arena *a = tsn_arena_new();
        const struct tsn_list how = {
            .filters = filters, .nfilters = nfilters, .limit = LIST_MAX, .skip_blobs = true};
        void *rows;
        size_t n;

        err = tsn_store_list(st, a, t, &how, &rows, &n);
        *out = (int64_t)n;
        tsn_arena_destroy(a);
        return err;
    }
    tsn_buf_init(&sql, SQL_MAX);
    quoted(&sql, "SELECT count(*) FROM ", t->name, "");
    err = where_sql(&sql, t, filters, nfilters);
    s = err ? NULL : tsn_sql(st, sql.data, &err);
    tsn_buf_free(&sql);
    if (!s)
        return err;
    bind_filters(s, filters, nfilters);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        err = tsn_sql_err(st, rc);
    sqlite3_reset(s);
    return err;
}

tsn_err tsn_store_next(struct tsn_store *st, const char *counter, int64_t *out)
{
    struct tsn_rec_meta rec;
    struct tsn_arena *a = tsn_arena_new();
    int64_t n = 0;
    tsn_err err = tsn_store_get(st, a, &tsn_table_meta, counter, &rec);

    if (!err && rec.value)
        err = tsn_parse_int(rec.value, 0, INT64_MAX - 1, &n);
    else if (err == TSN_ENOTFOUND)
        err = 0;
    if (!err) {
        rec.name = counter;
        rec.value = tsn_arena_printf(a, "%lld", (long long)++n);
        err = tsn_store_put(st, &tsn_table_meta, &rec);
    }
    if (!err)
        *out = n;
    tsn_arena_destroy(a);
    return err;
}
