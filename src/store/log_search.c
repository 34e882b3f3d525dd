/* log_search.c - a query as SQL over the index. See log_search.h.
 *
 * Entries come in log order, so exactly one index may drive: of the terms that name one value, the
 * one with the fewest entries. Where none is rare the log itself is walked, and the function
 * visit() ends a walk that finds too little. */
#include "store/log_search.h"

#include <string.h>

#include "store/log_index_int.h"

#define VISITS   60000
#define RARE     3000 /* entries: up to here an index is worth it; beyond, how many is not asked */
#define BINDS    1024
#define HOUR_MS  3600000
#define SQL_MAX  ((size_t)256 << 10)
#define NO_INDEX (-1)

struct bind {
    const char *text; /* NULL = number */
    int64_t number;
};

struct building {
    struct tsn_log_index *ix;
    struct tsn_arena *arena;
    struct tsn_buf sql;
    struct bind binds[BINDS];
    int nbinds;
    tsn_err err;
};

static const struct {
    const char *column, *index; /* index NULL: none to go by */
} columns[TSN_LOG_FIELDS] = {
    [TSN_LOG_SEQ] = {"seq", NULL},           [TSN_LOG_TIME] = {"time", NULL},
    [TSN_LOG_KIND] = {"kind", "entry_kind"}, [TSN_LOG_ACTOR] = {"actor", "entry_actor"},
    [TSN_LOG_AUTH] = {"auth", NULL},         [TSN_LOG_CASE] = {"case_id", "entry_case"},
    [TSN_LOG_RUN] = {"run", "entry_run"},    [TSN_LOG_CHAIN] = {"chain", NULL},
    [TSN_LOG_REF] = {"ref", "entry_ref"},    [TSN_LOG_PLAYBOOK] = {"playbook", NULL},
    [TSN_LOG_STEP] = {"step", NULL},         [TSN_LOG_ATTEMPT] = {"attempt", NULL},
    [TSN_LOG_IDEM] = {"idem", "entry_idem"}, [TSN_LOG_OUTCOME] = {"outcome", "entry_outcome"},
    [TSN_LOG_REASON] = {"reason", NULL},     [TSN_LOG_FROM] = {"\"from\"", NULL},
    [TSN_LOG_TO] = {"\"to\"", NULL},         [TSN_LOG_TLP] = {"tlp", NULL},
    [TSN_LOG_NODE] = {"node", NULL},         [TSN_LOG_TEXT] = {NULL, NULL},
};

/* The words that stand in clear; seq, time and hashes are no words. */
static const char WORDS[] =
    "kind, actor, outcome, reason, \"from\", \"to\", step, playbook, chain, tlp";

static int bind_text(struct building *b, const char *text)
{
    if (b->nbinds == BINDS) {
        b->err = TSN_ETOOBIG;
        return 1;
    }
    b->binds[b->nbinds].text = text;
    return ++b->nbinds;
}

static int bind_int(struct building *b, int64_t number)
{
    if (b->nbinds == BINDS) {
        b->err = TSN_ETOOBIG;
        return 1;
    }
    b->binds[b->nbinds].text = NULL;
    b->binds[b->nbinds].number = number;
    return ++b->nbinds;
}

/* People write resp1 where the log has u:resp1. */
static const char *actor_of(struct building *b, const struct tsn_log_value *v)
{
    return strchr(v->text, ':') || v->begins || strcmp(v->text, "none") == 0
               ? v->text
               : tsn_arena_printf(b->arena, "u:%s", v->text);
}

static const char *value_of(struct building *b, const struct tsn_log_term *t, size_t i)
{
    const struct tsn_log_value *v = &t->values[i];

    return t->field == TSN_LOG_ACTOR ? actor_of(b, v) : v->text;
}

/* The smallest text behind everything that begins with `text`. */
static const char *behind(struct tsn_arena *arena, const char *text)
{
    size_t n = strlen(text);
    char *end = tsn_arena_strdup(arena, text);

    end[n - 1]++; /* values of entries are 0x21 to 0x7E */
    return end;
}

/* `plus`: unary plus keeps SQLite from using the column's index. */
static void put_value(struct building *b, const struct tsn_log_term *t, size_t i, bool plus)
{
    const char *col = columns[t->field].column, *text = value_of(b, t, i);

    if (t->field == TSN_LOG_TEXT)
        tsn_buf_printf(&b->sql, "has(?%d, %s)", bind_text(b, text), WORDS);
    else if (t->values[i].begins)
        tsn_buf_printf(&b->sql, "(+%s >= ?%d AND +%s < ?%d)", col, bind_text(b, text), col,
                       bind_text(b, behind(b->arena, text)));
    else
        tsn_buf_printf(&b->sql, "%s%s = ?%d", plus ? "+" : "", col, bind_text(b, text));
}

/* The marking that counts for an entry; see tsn_tlp_rank. */
static const char MARK[] =
    "max(coalesce(tlp_rank(tlp), 0), CASE WHEN case_id IS NULL THEN 1 ELSE coalesce("
    "tlp_rank((SELECT m.tlp FROM main.entry m INDEXED BY entry_tlp WHERE"
    " m.case_id = e.case_id AND m.tlp IS NOT NULL"
    " ORDER BY m.seq DESC LIMIT 1)), 2) END)";

static void put_term(struct building *b, const struct tsn_log_term *t, bool drives)
{
    const char *col = t->field == TSN_LOG_TLP ? MARK : columns[t->field].column;

    tsn_buf_puts(&b->sql, t->no ? " AND NOT coalesce(" : " AND (");
    if (drives && t->ranged) {
        tsn_buf_printf(&b->sql, "%s = ?%d", col, bind_int(b, t->lo));
    } else if (t->ranged) {
        tsn_buf_printf(&b->sql, "%s%s BETWEEN ?%d AND ?%d", t->field == TSN_LOG_TLP ? "" : "+",
                       col, bind_int(b, t->lo), bind_int(b, t->hi));
    } else {
        for (size_t i = 0; i < t->nvalues; i++) {
            tsn_buf_puts(&b->sql, i ? " OR " : "");
            put_value(b, t, i, !drives);
        }
    }
    tsn_buf_puts(&b->sql, t->no ? ", 0)" : ")");
}

static bool may_drive(const struct tsn_log_term *t)
{
    if (t->no || !columns[t->field].index)
        return false;
    if (t->ranged)
        return t->lo == t->hi;
    return t->nvalues == 1 && !t->values[0].begins &&
           !(t->field == TSN_LOG_OUTCOME && strcmp(t->values[0].text, "ok") == 0);
}

/* What a partial index needs to be told. */
static const char *partial(enum tsn_log_field field)
{
    return field == TSN_LOG_OUTCOME ? " AND outcome <> 'ok'" : "";
}

/* How many entries have this value, at most RARE. */
static tsn_err count(struct building *b, const struct tsn_log_term *t, int64_t *n,
                     struct tsn_diag *diag)
{
    const char *sql = tsn_arena_printf(
        b->arena, "SELECT count(*) FROM (SELECT 1 FROM main.entry WHERE %s = ?1%s LIMIT %d)",
        columns[t->field].column, partial(t->field), RARE);
    sqlite3_stmt *s;
    tsn_err err = tsn_log_sql(b->ix, sql, &s, diag);

    if (err)
        return err;
    if (t->ranged)
        sqlite3_bind_int64(s, 1, t->lo);
    else
        sqlite3_bind_text(s, 1, value_of(b, t, 0), -1, SQLITE_TRANSIENT);
    err = sqlite3_step(s) == SQLITE_ROW ? 0 : tsn_log_failed(b->ix, diag);
    if (!err)
        *n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return err;
}

/* Of equally frequent ones the case: its entries are what is most often asked for. */
static tsn_err pick_driver(struct building *b, const struct tsn_log_query *q, int *driver,
                           struct tsn_diag *diag)
{
    int64_t least = INT64_MAX;

    *driver = NO_INDEX;
    for (size_t i = 0; i < q->nterms; i++) {
        int64_t n = 0;
        tsn_err err;

        if (!may_drive(&q->terms[i]))
            continue;
        err = count(b, &q->terms[i], &n, diag);
        if (err)
            return err;
        if (n < least || (n == least && q->terms[i].field == TSN_LOG_CASE)) {
            least = n;
            *driver = (int)i;
        }
    }
    return 0;
}

/* The entries that can have these times; exact times are compared as well. */
static tsn_err bounds(struct building *b, const struct tsn_log_query *q, int64_t *first,
                      int64_t *last, struct tsn_diag *diag)
{
    for (size_t i = 0; i < q->nterms; i++) {
        const struct tsn_log_term *t = &q->terms[i];
        sqlite3_stmt *s;
        tsn_err err;

        if (t->no || !t->ranged || (t->field != TSN_LOG_TIME && t->field != TSN_LOG_SEQ))
            continue;
        if (t->field == TSN_LOG_SEQ) {
            *first = t->lo > *first ? t->lo : *first;
            *last = t->hi < *last ? t->hi : *last;
            continue;
        }
        err = tsn_log_sql(
            b->ix, "SELECT min(first), max(last) FROM main.hour WHERE hour BETWEEN ?1 AND ?2",
            &s, diag);
        if (err)
            return err;
        sqlite3_bind_int64(s, 1, t->lo < 0 ? 0 : t->lo / HOUR_MS);
        sqlite3_bind_int64(s, 2, t->hi < 0 ? -1 : t->hi / HOUR_MS);
        err = sqlite3_step(s) == SQLITE_ROW ? 0 : tsn_log_failed(b->ix, diag);
        if (!err && sqlite3_column_type(s, 0) == SQLITE_NULL) {
            *last = -1; /* no entry has such a time */
        } else if (!err) {
            int64_t lo = sqlite3_column_int64(s, 0), hi = sqlite3_column_int64(s, 1);

            *first = lo > *first ? lo : *first;
            *last = hi < *last ? hi : *last;
        }
        sqlite3_finalize(s);
        if (err)
            return err;
    }
    return 0;
}

static void bind_all(const struct building *b, sqlite3_stmt *s)
{
    for (int i = 0; i < b->nbinds; i++) {
        if (b->binds[i].text)
            sqlite3_bind_text(s, i + 1, b->binds[i].text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(s, i + 1, b->binds[i].number);
    }
}

static void put_select(struct building *b, const struct tsn_log_want *want, int driver,
                       int64_t first, int64_t last)
{
    const struct tsn_log_query *q = want->query;

    tsn_buf_puts(&b->sql, "SELECT seq FROM main.entry AS e ");
    if (driver == NO_INDEX)
        tsn_buf_puts(&b->sql, "NOT INDEXED");
    else
        tsn_buf_printf(&b->sql, "INDEXED BY %s", columns[q->terms[driver].field].index);
    tsn_buf_printf(&b->sql, " WHERE seq BETWEEN ?%d AND ?%d AND visit(seq)%s",
                   bind_int(b, first), bind_int(b, last),
                   driver == NO_INDEX ? "" : partial(q->terms[driver].field));
    for (size_t i = 0; i < q->nterms; i++)
        put_term(b, &q->terms[i], (int)i == driver);
    if (want->tlp_most >= 0)
        tsn_buf_printf(&b->sql, " AND %s <= ?%d", MARK, bind_int(b, want->tlp_most));
    if (want->may_see)
        tsn_buf_puts(&b->sql, " AND may_see(case_id)");
    tsn_buf_printf(&b->sql, " ORDER BY seq %s", want->up ? "ASC" : "DESC");
}

/* What a look at one row costs, in looks at a row without such terms; measured. */
static uint64_t cost_of(const struct tsn_log_want *want)
{
    uint64_t cost = want->tlp_most >= 0 ? 6 : 1;

    for (size_t i = 0; i < want->query->nterms; i++) {
        const struct tsn_log_term *t = &want->query->terms[i];

        cost += t->field == TSN_LOG_TLP ? 5 : t->field == TSN_LOG_TEXT ? 3 * t->nvalues : 0;
    }
    return cost;
}

static tsn_err collect(struct building *b, const struct tsn_log_want *want,
                       struct tsn_log_page *out, struct tsn_diag *diag)
{
    struct tsn_log_index *ix = b->ix;
    sqlite3_stmt *s;
    tsn_err err = tsn_log_sql(ix, b->sql.data, &s, diag);
    int rc = SQLITE_DONE;

    if (err)
        return err;
    bind_all(b, s);
    ix->visits = 0;
    ix->visit_cost = cost_of(want);
    ix->have_marks = false; /* checkpoints may have come */
    ix->visits_max = want->visits ? want->visits : VISITS;
    ix->over = false;
    ix->may_see = want->may_see;
    ix->may_user = want->may_user;
    while (out->n <= want->limit && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (out->n == want->limit) {
            out->next = sqlite3_column_int64(s, 0);
            break;
        }
        out->seqs[out->n++] = sqlite3_column_int64(s, 0);
    }
    if (ix->over)
        out->next = ix->visited;
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        err = tsn_log_failed(ix, diag);
    sqlite3_finalize(s);
    ix->visits_max = 0;
    ix->may_see = NULL;
    return err;
}

tsn_err tsn_log_search(struct tsn_log_index *ix, struct tsn_arena *arena,
                       const struct tsn_log_want *want, struct tsn_log_page *out,
                       struct tsn_diag *diag)
{
    struct building b = {.ix = ix, .arena = arena};
    int64_t first = 0, last = (int64_t)ix->size - 1;
    int driver = NO_INDEX;
    tsn_err err;

    memset(out, 0, sizeof(*out));
    out->next = -1;
    out->seqs = tsn_arena_alloc(arena, want->limit * sizeof(*out->seqs));
    err = bounds(&b, want->query, &first, &last, diag);
    if (!err && want->from >= 0) {
        if (want->up)
            first = want->from > first ? want->from : first;
        else
            last = want->from < last ? want->from : last;
    }
    if (err || first > last)
        return err;
    err = pick_driver(&b, want->query, &driver, diag);
    if (err)
        return err;
    tsn_buf_init(&b.sql, SQL_MAX);
    put_select(&b, want, driver, first, last);
    err = b.err ? b.err : b.sql.err;
    if (err)
        (void)tsn_log_query_wrong(want->query, 1, diag, err, "the query has too many values");
    else
        err = collect(&b, want, out, diag);
    tsn_buf_free(&b.sql);
    return err;
}
