/* advisory_row.h - inside of the life of an advisory: the row, its draft, its entry. Store thread. */
#pragma once

#include "advisory/advisory_life.h"
#include "store/record_advisory.h"

struct tsn_advisory_work {
    struct tsn_store *st;
    struct tsn_arena *arena;
    const struct tsn_advisory_ask *ask;
    struct tsn_diag *diag;
    struct tsn_rec_advisory a;
    json_t *life, *model, *csaf; /* owned; model without tracking */
    const char *run;             /* id of a run that was started; NULL = none */
};

/* Reads the row's parts; free always. */
tsn_err tsn_advisory_work_open(struct tsn_advisory_work *w, const char *ref);
void tsn_advisory_work_free(struct tsn_advisory_work *w);
/* Renders w->model into w->csaf with the tracking of a draft: number by the difference from the
 * last release, history complete. */
tsn_err tsn_advisory_work_render(struct tsn_advisory_work *w, const char *change);
/* Checks, writes Markdown, digest, row and entry `kind`. */
tsn_err tsn_advisory_work_save(struct tsn_advisory_work *w, const char *kind);
/* Moves the track of the case; the row's state follows. Nothing when it is there already. */
tsn_err tsn_advisory_work_move(struct tsn_advisory_work *w, const char *to, const char *why);
json_t *tsn_advisory_work_view(const struct tsn_advisory_work *w);
/* Nobody reviews what is not filled in (D107) or says what its readers may not know (D110). */
tsn_err tsn_advisory_texts_ok(struct tsn_advisory_work *w);
/* What is scheduled or approved becomes a release. D105 under an embargo. */
tsn_err tsn_advisory_begin(struct tsn_advisory_work *w);
/* Notes when, and by which run (NULL: nobody was to be), they were told ahead. */
void tsn_advisory_told_ahead(json_t *life, const char *run, int64_t now_ms);
/* "u:lead1", "run:..." or the service. */
const char *tsn_advisory_by(const struct tsn_advisory_work *w);
