/* noise.h - how likely a report is none: a score from rules that are data, with its reasons.
 *
 * It ranks a report low in lists; it never rejects, answers or closes one: people do that, with the
 * reasons before them. The shipped rules are src/intake/noise.json; `noise:` of the configuration adds
 * to them and replaces those of the same name (weight 0 switches one off). Pure; any thread.
 *
 * A rule is { name, weight (-10 to 10), any: [phrases] } or { name, weight, fact }. A phrase counts once,
 * whatever its case and line breaks. Facts: no-product (nothing of ours is named), no-detail (under 200
 * bytes, without version, vector, ids and files), bulk (list and bulk mail), given (the way in said so:
 * `noise` of the report), specific (a product of ours with version, vector or id).
 */
#pragma once

#include <jansson.h>
#include "core/diag.h"

#define TSN_NOISE_LOW 3 /* from this score on a report ranks low */

/* The shipped rules under `own` (a list, may be NULL). New reference. S052 */
tsn_err tsn_noise_rules(const json_t *own, json_t **out, struct tsn_diag *diag);
/* Score (0 and up) of a report in the neutral form (or a mail's, with `mail`); *reasons: new list of
 * the names of the rules that spoke against it. `ours`: configured products, [{ id, name ... }]. */
int64_t tsn_noise_of(const json_t *rules, const json_t *ours, const json_t *report,
                     json_t **reasons);
