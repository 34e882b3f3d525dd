/* case_tale.h - what the files of the timeline share; nobody else includes it.
 *
 * Reader's thread. Lines are built one at a time, oldest entry first. */
#pragma once

#include "casework/case_int.h"
#include "store/record_case.h"
#include "store/record_run.h"

/* What a step's opening entry said, for the result that comes later. */
struct tsn_tale_opening {
    const char *run, *step;
    json_t *request; /* { args, kind, name, opts } */
    json_t *told;    /* its own line, borrowed; NULL once there is a result */
};

struct tsn_tale {
    struct tsn_store *st;
    struct tsn_arena *arena;
    const struct tsn_rec_case *c;
    struct tsn_tale_opening *open;
    size_t nopen;
    const struct tsn_rec_task *tasks; /* of the case */
    size_t ntasks;
    const char *failure; /* what the last run.closed said went wrong; run.ended repeats it */
    json_t *out;
};

/* One entry being told. */
struct tsn_tale_line {
    const struct tsn_logged *logged;
    const struct tsn_entry *e;
    const char *word;
    struct tsn_buf text;
    bool quiet;
    struct tsn_tale_opening *opening; /* of its step; NULL = none seen */
    json_t *args, *result;            /* opened fields as JSON; NULL = absent or sealed */
};

/* How entries of one kind are told. */
struct tsn_tale_teller {
    const char *kind; /* ending in '.': every kind that begins so; NULL ends the table */
    void (*tell)(struct tsn_tale *t, struct tsn_tale_line *l);
};
extern const struct tsn_tale_teller tsn_tale_case[], tsn_tale_run[];

/* "resp1" of "u:resp1"; other actors as they are. */
const char *tsn_tale_person(const char *actor);
/* One line, in quotes, cut at a character. */
void tsn_tale_quote(struct tsn_buf *b, const char *s);
/* A short word for any value. */
void tsn_tale_value(struct tsn_buf *b, const json_t *v);
/* A sealed field; NULL when it is absent or does not open. */
const char *tsn_tale_text(struct tsn_tale *t, const struct tsn_logged *e, const char *name);
json_t *tsn_tale_json(struct tsn_tale *t, const struct tsn_logged *e, const char *name);
