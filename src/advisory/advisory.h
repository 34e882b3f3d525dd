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
    const char *cna_org, *cna_name;             /* UUID and short name as a CNA; NULL = none */
    const char *versions;                       /* "semantic"; else whole numbers */
    const char *url;                            /* where the tree is; NULL = nowhere */
    const char *
        amber_strict; /* in CSAF 2.0, which has no such label: "amber" "red" "refuse"; NULL = amber */
};

/* WIDE: the members of 2.1, everything the model says, also what 2.1 refuses side by side; what the
 * renderings that are not CSAF are made from. */
enum tsn_csaf_version { TSN_CSAF_20, TSN_CSAF_21, TSN_CSAF_WIDE };
#define TSN_CSAF_21_SCHEMA "https://docs.oasis-open.org/csaf/csaf/v2.1/schema/csaf.json"

/* Registers advisory.draft (effect store): renders CSAF and Markdown from the case's facts and the
 * arguments { template, verdicts?, text? ... }, stores version n+1, returns { id, version,
 * digest, title, markdown, csaf }. Refuses (FAIL, D codes) a document its own checks refuse. */
tsn_err tsn_advisory_register(struct tsn_registry *r, const struct tsn_publisher *publisher,
                              const json_t *products);

/* Model in, CSAF document out (new reference). `model` is the JSON described in
 * docs/advisories.md: title, tracking, products, vulnerabilities, notes, references ... */
tsn_err tsn_csaf_render(const json_t *model, const struct tsn_publisher *publisher,
                        enum tsn_csaf_version version, json_t **out, struct tsn_diag *diag);

/* Findings: [{ test: "6.1.1"|"schema", pointer, message }]; empty array = accepted. */
tsn_err tsn_csaf_check(const json_t *doc, json_t **findings);

/* The same and the optional (6.2) and informative (6.3) tests. Findings have besides: severity
 * "error" (schema, 6.1) "warning" (6.2) or "info" (6.3), why, and where exactly one change mends
 * it fix { op, path, value? }. At most 100 findings of each test of 6.2 and 6.3 are kept; one
 * more says how many there are. */
tsn_err tsn_csaf_lint(const json_t *doc, json_t **findings);

/* D001 with the first findings when tsn_csaf_check refuses the document. */
tsn_err tsn_advisory_accepted(const json_t *csaf, struct tsn_diag *diag);

/* A drafting case (docs/advisories.md: the model, with source_document, initial_release and
 * publisher) as a model, new reference, and who publishes it: `publisher`, or when that is NULL
 * the one the case names (its strings borrowed from `file`). */
tsn_err tsn_advisory_case_model(const json_t *file, const struct tsn_publisher *publisher,
                                struct tsn_publisher *named, json_t **model,
                                struct tsn_diag *diag);
