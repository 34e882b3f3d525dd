/* advisory.h - what we publish: drafted from the case, judged, rendered.
 *
 * Pure but for tsn_advisory_register's actions. CSAF 2.0: OASIS Standard, 18 Nov 2022.
 */
#pragma once

#include <jansson.h>
#include "action/action.h"
#include "core/diag.h"
#include "store/store.h"

struct tsn_publisher {
    const char *name, *namespace_url, *contact; /* CSAF publisher */
    const char *prefix;                         /* "ACME-SA" */
    const char *category;                       /* of CSAF; NULL = vendor */
};

/* Registers advisory.draft (effect store): renders CSAF and Markdown from the case's facts and the
 * arguments { template, verdicts?, text? ... }, stores version n+1, returns { id, version,
 * digest, title, markdown, csaf }. Refuses (FAIL, D codes) a document its own checks refuse. */
tsn_err tsn_advisory_register(struct tsn_registry *r, const struct tsn_publisher *publisher,
                              const json_t *products);

/* Model in, CSAF 2.0 document out (new reference). `model` is the JSON described in
 * docs/advisories.md: title, tracking, products, vulnerabilities, notes, references ... */
tsn_err tsn_csaf_render(const json_t *model, const struct tsn_publisher *publisher,
                        json_t **out, struct tsn_diag *diag);
tsn_err tsn_advisory_markdown(const json_t *csaf, struct tsn_buf *out);

/* Findings: [{ test: "6.1.1"|"schema", pointer, message }]; empty array = accepted. */
tsn_err tsn_csaf_check(const json_t *doc, json_t **findings);

/* The same and the optional (6.2) and informative (6.3) tests. Findings have besides: severity
 * "error" (schema, 6.1) "warning" (6.2) or "info" (6.3), why, and where exactly one change mends
 * it fix { op, path, value? }. At most 100 findings of each test of 6.2 and 6.3 are kept; one
 * more says how many there are. */
tsn_err tsn_csaf_lint(const json_t *doc, json_t **findings);

/* A drafting case (docs/advisories.md: the model, with source_document, initial_release and
 * publisher) as a CSAF draft. publisher NULL: the one that the case names. D001 when the result
 * does not pass tsn_csaf_check. */
tsn_err tsn_advisory_from_case(const json_t *file, const struct tsn_publisher *publisher,
                               json_t **csaf, struct tsn_diag *diag);
