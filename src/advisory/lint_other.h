/* lint_other.h - rules for CVE records and OpenVEX documents that their schemas cannot say, and the
 * leftovers of templates in any text. Findings as those of tsn_csaf_lint. Pure; any thread. */
#pragma once

#include <jansson.h>
#include "core/err.h"

enum tsn_lint_kind { TSN_LINT_CSAF, TSN_LINT_CVE, TSN_LINT_OPENVEX };

/* By what the document says of itself; CSAF when it says nothing. */
enum tsn_lint_kind tsn_lint_kind_of(const json_t *doc);
/* CNA rules (CNA Operational Rules 4.1.0 and those of CVE Services) for a record or a
 * { cnaContainer }; a rejected record needs its reasons only. */
tsn_err tsn_lint_cve(const json_t *doc, json_t **findings);
tsn_err tsn_lint_openvex(const json_t *doc, json_t **findings);
/* Adds findings `placeholder` for texts that nobody filled in: the usual words for later, lorem
 * ipsum, ${...}, {{...}}, <insert ...>, CVE-YYYY-NNNN. */
void tsn_lint_placeholders(const json_t *doc, json_t *findings);
/* What must not stand in a text, and the message that says so; a list ends with a NULL text. */
struct tsn_lint_word {
    const char *text, *what;
};
/* Adds findings `embargo` of a CSAF document: texts marked more strictly than it is, or that speak of an
 * embargo to everybody (warnings); each of `words` (errors; NULL = none), letters in any case. */
void tsn_lint_embargo(const json_t *doc, const struct tsn_lint_word *words, json_t *findings);
