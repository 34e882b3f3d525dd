/* log_index_int.h - what searches and reports share with the index. Private to src/store. */
#pragma once

#include <sqlite3.h>

#include "store/log_index.h"
#include "store/store_int.h"

struct tsn_log_mark {
    int64_t size, at_ms;
};

struct tsn_log_index {
    struct tsn_store *st;
    sqlite3 *db;
    char *path;                 /* NULL = temporary */
    uint64_t size;              /* entries taken */
    uint64_t visits;            /* rows a search looked at; see tsn_log_search */
    uint64_t visits_max;        /* 0 = as many as it takes */
    uint64_t visit_cost;        /* of one row */
    int64_t visited;            /* the last one */
    bool over;                  /* it stopped there */
    bool views;                 /* the reports' views were made on this connection */
    const char *seed;           /* of the report `sample`; borrowed while one runs */
    int64_t now_ms;             /* what reports take as now */
    struct tsn_log_mark *marks; /* checkpoints */
    size_t nmarks;
    bool have_marks;
    /* Who may see which case: NULL = all. */
    bool (*may_see)(const char *case_id, void *user);
    void *may_user;
};

void tsn_log_index_close(struct tsn_log_index *ix); /* NULL allowed */
/* SQL functions over the entries: log_functions.c. */
tsn_err tsn_log_functions(struct tsn_log_index *ix);
tsn_err tsn_log_sql(struct tsn_log_index *ix, const char *sql, sqlite3_stmt **out,
                    struct tsn_diag *diag);
/* SQLite's last complaint as a diag (V200). */
tsn_err tsn_log_failed(struct tsn_log_index *ix, struct tsn_diag *diag);
