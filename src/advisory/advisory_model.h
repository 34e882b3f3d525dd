/* advisory_model.h - from a case and what a step asked for to the model of an advisory. Pure. */
#pragma once

#include <jansson.h>
#include "advisory/advisory.h"
#include "store/record_case.h"

struct tsn_advisory_wish {
    const struct tsn_rec_case *rcase;
    const json_t *facts;    /* of the case; object */
    const json_t *args;     /* of the step; may be NULL */
    const json_t *products; /* configured ones */
    const struct tsn_publisher *publisher;
    const char *name; /* tracking id */
};

/* *model: new reference, without tracking. D002 and D004 to D006 when the wish does not make sense. */
tsn_err tsn_advisory_model(const struct tsn_advisory_wish *wish, json_t **model,
                           struct tsn_diag *diag);
/* Puts the tracking of a rendered document back into its model. */
void tsn_advisory_model_track(json_t *model, const json_t *csaf);
/* Tracking of the released form of a draft: status final or interim, version 1 or the number the draft has, history complete. Changes
 * the document in place. */
void tsn_advisory_release(json_t *csaf, const char *summary, const char *status,
                          int64_t now_ms);
