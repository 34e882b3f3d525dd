/* log_report.c - runs a report. The views are in sql/index/reports_*.sql. See log_report.h. */
#include "store/log_report.h"

#include <stdio.h>
#include <string.h>

#include "core/embed.h"
#include "core/text.h"
#include "store/log_index_int.h"

extern const struct tsn_embedded tsn_sql_index[];

/* clang-format off: a table */
const struct tsn_log_report tsn_log_reports[] = {
    {"case-timeline", "everything done in a case, in order, with its proof",
     "SP 800-61r3 RS.AN-06, ISO 27001 A.5.26, SOC 2 CC7.4"},
    {"cra-clock", "CRA: when we knew, what was due and sent, margin", "CRA Art. 14"},
    {"nis2-clock", "NIS2: when we knew, what was due and sent, margin", "NIS2 Art. 23"},
    {"who-knew-when", "who read a case before its embargo was lifted",
     "CRA, ISO 27001, insider review"},
    {"embargo-leak-check", "what went out before the lift, and who approved it",
     "coordinated disclosure"},
    {"approvals", "irreversible steps without approval; self, denied and expired ones",
     "SOC 2 CC7.4, separation of duties"},
    {"open-intents", "intents without a result, or with an unknown one",
     "SOC 2 CC7.4, integrity"},
    {"dispositions", "what became of each trigger, and how fast",
     "SOC 2 CC7.3, ISO 27001 A.5.25"},
    {"mttx", "time to triage, contain, notify and close, as a distribution",
     "SOC 2 CC7.4, CC7.5, ISO 27001 A.5.27"},
    {"failed-steps", "failures, retries and undos by playbook version",
     "SOC 2 CC7.5, ISO 27001 A.8.15"},
    {"privileged", "everything administrators did", "PCI DSS 10.2.1.2, AU-12"},
    {"auth-failures", "refused logins and tokens, and bursts", "PCI DSS 10.2.1.4"},
    {"access-changes", "accounts, roles and tokens changed, by whom, approved by",
     "PCI DSS 10.2.1.5, SOC 2 CC6"},
    {"log-access", "who queried or exported this log", "PCI DSS 10.2.1.3, AU-9"},
    {"log-continuity", "starts, stops, crashes, gaps and epochs of the log",
     "PCI DSS 10.2.1.6, 10.7, ISO 27001 A.8.15"},
    {"integrity", "verifications, checkpoints, witnesses and keys",
     "PCI DSS 10.3.4, AU-9(3), AU-10"},
    {"clock", "clock steps, unsynchronised spans, times outside their bracket",
     "ISO 27001 A.8.17, PCI DSS 10.6, AU-8"},
    {"change-log", "configuration, playbook, plugin and layout changes",
     "SOC 2 CC8, ISO 27001 A.8.32"},
    {"playbook-as-run", "which playbook text ran, and whether it was the newest",
     "ISO 27001 A.5.26, SOC 2 CC7.4"},
    {"retention", "how old what is kept is; holds; erasures and their basis",
     "PCI DSS 10.5.1, GDPR 5, 17, 30, AU-11"},
    {"evidence-chain", "evidence: when, by whom, hash, and every look since",
     "ISO 27001 A.5.28, RS.AN-07"},
    {"notified-customers", "who was told what, when and how it arrived",
     "CRA duty to users, SOC 2 CC2.3"},
    {"post-incident", "cases closed without a review, and actions still open",
     "ISO 27001 A.5.27, SOC 2 CC7.5"},
    {"sample", "cases drawn by a recorded seed", "audit practice"},
    {NULL, NULL, NULL},
};
/* clang-format on */

const struct tsn_log_report *tsn_log_report_find(const char *name, struct tsn_diag *diag)
{
    const char *names[64], *near;
    size_t n = 0;

    for (const struct tsn_log_report *r = tsn_log_reports; r->name; r++) {
        if (strcmp(r->name, name) == 0)
            return r;
        names[n++] = r->name;
    }
    near = tsn_suggest(name, names, n);
    if (near)
        tsn_diag_hint(diag, "did you mean %s? `tocsin audit report` lists all", near);
    else
        tsn_diag_hint(diag, "`tocsin audit report` lists all");
    (void)tsn_diag_set(diag, TSN_ENOTFOUND, "V203", "there is no report `%.40s`", name);
    return NULL;
}

/* The views live in memory: they are never older than this program. */
static tsn_err make_views(struct tsn_log_index *ix, struct tsn_diag *diag)
{
    if (ix->views)
        return 0;
    for (const struct tsn_embedded *f = tsn_sql_index; f->name; f++) {
        if (strncmp(f->name, "reports_", 8) == 0 &&
            sqlite3_exec(ix->db, (const char *)f->data, NULL, NULL, NULL) != SQLITE_OK)
            return tsn_log_failed(ix, diag);
    }
    ix->views = true;
    return 0;
}

static json_t *cell(sqlite3_stmt *s, int i)
{
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(s, i));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(s, i);
        size_t len = (size_t)sqlite3_column_bytes(s, i);

        return tsn_utf8_valid(text, len) ? json_stringn(text, len) : json_null();
    }
    default:
        return json_null();
    }
}

static void names_of(sqlite3_stmt *s, json_t *columns)
{
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        if (sqlite3_column_name(s, i)[0] != '_')
            json_array_append_new(columns, json_string(sqlite3_column_name(s, i)));
    }
}

static json_t *row_of(sqlite3_stmt *s)
{
    json_t *row = json_array();

    for (int i = 0; i < sqlite3_column_count(s); i++) {
        if (sqlite3_column_name(s, i)[0] != '_')
            json_array_append_new(row, cell(s, i));
    }
    return row;
}

static tsn_err prepare(struct tsn_log_index *ix, const struct tsn_log_report *r,
                       sqlite3_stmt **out, struct tsn_diag *diag)
{
    char view[64], sql[256];
    size_t n = 0;

    for (const char *c = r->name; *c && n + 1 < sizeof(view); c++)
        view[n++] = *c == '-' ? '_' : *c;
    view[n] = '\0';
    (void)snprintf(sql, sizeof(sql),
                   "SELECT * FROM report_%s WHERE (?1 IS NULL OR _case = ?1)"
                   " AND (?2 = 0 OR _time >= ?2) AND (?3 = 0 OR _time <= ?3)"
                   " LIMIT ?4 OFFSET ?5",
                   view);
    return tsn_log_sql(ix, sql, out, diag);
}

tsn_err tsn_log_report(struct tsn_log_index *ix, const struct tsn_log_report *r,
                       const struct tsn_log_asked *asked, json_t **columns, json_t **rows,
                       bool *more, struct tsn_diag *diag)
{
    size_t limit = asked->limit ? asked->limit : TSN_LOG_ROWS_MAX;
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_DONE;
    tsn_err err = make_views(ix, diag);

    *columns = *rows = NULL;
    *more = false;
    if (!err)
        err = prepare(ix, r, &s, diag);
    if (err)
        return err;
    ix->have_marks = false;
    ix->now_ms = asked->now_ms;
    ix->seed = asked->seed;
    ix->may_see = asked->may_see;
    ix->may_user = asked->may_user;
    if (asked->case_id)
        sqlite3_bind_text(s, 1, asked->case_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, asked->since_ms);
    sqlite3_bind_int64(s, 3, asked->until_ms);
    sqlite3_bind_int64(s, 4, (int64_t)limit + 1);
    sqlite3_bind_int64(s, 5, (int64_t)asked->skip);
    *columns = json_array();
    *rows = json_array();
    names_of(s, *columns);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (json_array_size(*rows) == limit) {
            *more = true;
            break;
        }
        json_array_append_new(*rows, row_of(s));
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        err = tsn_log_failed(ix, diag);
    sqlite3_finalize(s);
    ix->seed = NULL;
    ix->may_see = NULL;
    if (err) {
        json_decref(*columns);
        json_decref(*rows);
        *columns = *rows = NULL;
    }
    return err;
}

tsn_err tsn_log_report_json(struct tsn_log_index *ix, const struct tsn_log_report *r,
                            const struct tsn_log_asked *asked, json_t **out,
                            struct tsn_diag *diag)
{
    json_t *columns, *rows, *next;
    bool more;
    tsn_err err = tsn_log_report(ix, r, asked, &columns, &rows, &more, diag);

    if (err)
        return err;
    next = more ? json_integer((json_int_t)asked->skip + (json_int_t)json_array_size(rows))
                : json_null();
    *out =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "report", r->name, "question", r->question,
                  "anchor", r->anchor, "columns", columns, "rows", rows, "next", next);
    return 0;
}

json_t *tsn_log_reports_json(void)
{
    json_t *items = json_array();

    for (const struct tsn_log_report *r = tsn_log_reports; r->name; r++)
        json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "name", r->name, "question",
                                               r->question, "anchor", r->anchor));
    return json_pack("{s:o}", "items", items);
}
