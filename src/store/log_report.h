/* log_report.h - the 24 reports that auditors ask for, each one SQL view over the log's index.
 *
 * Every row comes from entries alone and names them, so each can be followed to a proof. What a
 * report asks and which rule wants it stands in its row of the table. Thread of the store. */
#pragma once

#include <jansson.h>

#include "store/log_index.h"

struct tsn_log_report {
    const char *name, *question, *anchor;
};
extern const struct tsn_log_report tsn_log_reports[]; /* ended by a NULL name */
/* NULL with V203 and a suggestion. */
const struct tsn_log_report *tsn_log_report_find(const char *name, struct tsn_diag *diag);

#define TSN_LOG_ROWS_MAX 100000

struct tsn_log_asked {
    const char *case_id;        /* rows of this case; NULL = all */
    int64_t since_ms, until_ms; /* rows with a time from .. to; 0 = open */
    int64_t now_ms;             /* what counts as now: ages, clocks that run */
    const char *seed;           /* of `sample` */
    size_t limit, skip;         /* rows; limit 0 = TSN_LOG_ROWS_MAX */
    bool (*may_see)(const char *case_id, void *user); /* as in log_search.h */
    void *may_user;
};

/* *columns: array of names; *rows: array of arrays in their order (text, integer or null). *more:
 * rows are left. New references. The index must be up to date. */
tsn_err tsn_log_report(struct tsn_log_index *ix, const struct tsn_log_report *r,
                       const struct tsn_log_asked *asked, json_t **columns, json_t **rows,
                       bool *more, struct tsn_diag *diag);
/* The same as one object: report, question, anchor, columns, rows, next (rows to skip for the next
 * page, or null). */
tsn_err tsn_log_report_json(struct tsn_log_index *ix, const struct tsn_log_report *r,
                            const struct tsn_log_asked *asked, json_t **out,
                            struct tsn_diag *diag);
/* All of them: { items: [{ name, question, anchor }] }. */
json_t *tsn_log_reports_json(void);
