/* foreign.h - reports of other systems as the neutral form: bounty platforms' exports, VINCE, CSAF.
 *
 * Pure; hostile input. Sources: HackerOne's export and API v1, Bugcrowd's submissions (casework/bounty.h);
 * VINCE's vulnerability report (CERT/CC, /vince/comm/api/vulreport/); a CSAF 2.0 or 2.1 document that
 * somebody sends as a report; the neutral form itself, one or a list.
 */
#pragma once

#include <jansson.h>
#include "core/diag.h"

/* *out: [{ key, report, skipped? }]: `key` is the same for the same report at every import, `report` what
 * tsn_report_check takes; skipped: why it is not one to take, such as its state there. I010 for what is none
 * of them. New reference. */
tsn_err tsn_foreign_reports(const char *bytes, size_t len, json_t **out, struct tsn_diag *diag);
/* The same for one value that is parsed: { key, report, skipped? } (new reference; key and skipped are
 * borrowed of it). TSN_EINPUT: none of them, or several. */
tsn_err tsn_foreign_report(const json_t *value, json_t **out, const char **key,
                           const char **skipped);
