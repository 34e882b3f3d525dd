/* log_search.h - finds entries by a query, a page at a time. Thread of the store.
 *
 * A page costs a bounded amount of work whatever the log's size: it ends when it is full, when the
 * log ends, or when enough rows were looked at, and then says where to go on. */
#pragma once

#include "store/log_index.h"
#include "store/log_query.h"

#define TSN_LOG_PAGE_MAX 10000

struct tsn_log_want {
    const struct tsn_log_query *query; /* cases and runs as ids */
    int64_t from;                      /* first entry that may be in it; -1 = from the end on */
    bool up;                           /* oldest first; else newest first */
    size_t limit;                      /* entries; 1 to TSN_LOG_PAGE_MAX */
    uint64_t visits;                   /* rows; 0 = the default of 60,000 */
    int tlp_most; /* highest marking that may be in it (tsn_tlp_rank), -1 = any */
    /* Which cases the asker may know; NULL = all. */
    bool (*may_see)(const char *case_id, void *user);
    void *may_user;
};

struct tsn_log_page {
    int64_t *seqs; /* in the order asked for, in the arena */
    size_t n;
    int64_t next; /* `from` of the next page; -1 = there is none */
};

/* The index must be up to date: what it lacks is not found. */
tsn_err tsn_log_search(struct tsn_log_index *ix, struct tsn_arena *arena,
                       const struct tsn_log_want *want, struct tsn_log_page *out,
                       struct tsn_diag *diag);
