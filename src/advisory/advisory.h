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
    const char *name, *namespace_url, *contact; /* CSAF publisher, category vendor */
    const char *prefix;                         /* "ACME-SA" */
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
