/* log_query.h - the small language in which entries of the log are asked for.
 *
 *   kind:step.result outcome:fail,unknown actor:u:resp1 -run:r-7k3m since:7d "edge gw"
 *
 * Terms stand side by side and must all hold. FIELD:VALUE, values separated by commas (any of
 * them), `*` at the end of a value for a beginning, `-` or `!` before a term for not. FIELD:<=N, >, <, >=
 * and FIELD:A..B for numbers, times and markings. since:/until: take a time, a date or how long ago (7d).
 * A word alone is sought in the words of an entry that stand in clear. Parsing is pure; diag gets
 * V202 with the text and the column of what is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"
#include "core/mem.h"

enum tsn_log_field {
    TSN_LOG_SEQ,
    TSN_LOG_TIME,
    TSN_LOG_KIND,
    TSN_LOG_ACTOR,
    TSN_LOG_AUTH,
    TSN_LOG_CASE, /* resolved to ids before a search */
    TSN_LOG_RUN,
    TSN_LOG_CHAIN,
    TSN_LOG_REF,
    TSN_LOG_PLAYBOOK,
    TSN_LOG_STEP,
    TSN_LOG_ATTEMPT,
    TSN_LOG_IDEM,
    TSN_LOG_OUTCOME,
    TSN_LOG_REASON,
    TSN_LOG_FROM,
    TSN_LOG_TO,
    TSN_LOG_TLP,
    TSN_LOG_NODE,
    TSN_LOG_TEXT,
    TSN_LOG_FIELDS
};

#define TSN_LOG_TERMS_MAX  32
#define TSN_LOG_VALUES_MAX 64
#define TSN_LOG_QUERY_MAX  2000 /* bytes */

struct tsn_log_value {
    const char *text;
    bool begins; /* `*` at its end */
};

struct tsn_log_term {
    enum tsn_log_field field;
    bool no;     /* must not hold */
    bool ranged; /* lo..hi, inclusive; else one of the values */
    int64_t lo, hi;
    struct tsn_log_value *values;
    size_t nvalues;
    int col; /* in the query, from 1 */
};

struct tsn_log_query {
    struct tsn_log_term *terms;
    size_t nterms;
    const char *text; /* as it was written */
};

tsn_err tsn_log_query_parse(struct tsn_arena *arena, const char *text, int64_t now_ms,
                            struct tsn_log_query *out, struct tsn_diag *diag);
/* Puts the caret under a term: for a case that does not exist. Returns err. */
tsn_err tsn_log_query_wrong(const struct tsn_log_query *q, int col, struct tsn_diag *diag,
                            tsn_err err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
