/* case_clocks.h - what the files about clocks share. Private to src/casework. Store thread. */
#pragma once

#include "casework/case_work.h"
#include "casework/policy.h"
#include "store/record_case.h"

/* What conditions of policies look at; new reference. */
json_t *tsn_case_values(const struct tsn_case_work *w);

/* Somebody must hear it: kind clock.warned or clock.missed, the role it goes to (NULL = all). */
typedef tsn_err tsn_clock_told(void *user, struct tsn_case_work *w, const char *kind,
                               const struct tsn_rec_track *r, const json_t *data,
                               const char *role);
/* A row whose next_at has come. */
tsn_err tsn_clock_look(struct tsn_case_work *w, const struct tsn_rec_track *r,
                       tsn_clock_told *told, void *user, struct tsn_diag *diag);
