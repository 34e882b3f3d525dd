/* decide_int.h - what the files of decisions share; nobody else includes it. Writer thread. */
#pragma once

#include "feed/feed_int.h"

/* One decision in the making. */
struct tsn_deciding {
    struct tsn_decide_op *op;
    struct tsn_rec_decision row;
    json_t *input;       /* parsed; the arena's */
    const char *case_id; /* open, about this; NULL = none */
    bool worked_on;      /* a run is at work on it */
    bool joined;         /* found through another name of the vulnerability */
    json_t *others;      /* { case: true }: open ones about the same; NULL = none */
    const char *verdict, *reason, *rule;
    bool held;
    bool stale;  /* its input changed while predicates were asked: nothing was decided */
    json_t *lua; /* what predicates said, by which file; the arena's; NULL = none was asked */
};

tsn_err tsn_decide_find_case(struct tsn_store *st, struct tsn_deciding *x);
/* The open case hears of it: a wait{} for advisory.changed takes it, the timeline shows it. */
tsn_err tsn_decide_tell(struct tsn_store *st, struct tsn_deciding *x);
/* Opens a case with its runs, or starts them in x->case_id. */
tsn_err tsn_decide_event(struct tsn_store *st, struct tsn_deciding *x, const char *kind,
                         const json_t *body, const char *title, const char *dedupe);
/* decide_slow.c: storms and budgets. *until: when a token is there again. */
tsn_err tsn_decide_storm(struct tsn_store *st, struct tsn_deciding *x, bool *storm);
tsn_err tsn_decide_budget(struct tsn_store *st, struct tsn_deciding *x, const json_t *rule,
                          bool *spent, int64_t *until);
