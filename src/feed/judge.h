/* judge.h - the components of one SBOM against any number of upstream documents.
 *
 * Documents stream through the sink; what no component of ours is in leaves nothing behind but its
 * names (for alias clusters). The result is one match a component and vulnerability, whatever
 * number of names and publishers it has, with the chain of evidence: document, pointer, statement,
 * comparison, component. One thread at a time; no other state.
 *
 * certain: the package by its purl, its version decided by its ecosystem's order, the release of
 *          its distribution known; likely: one of these taken from elsewhere than said (spelling,
 *          epoch, release, a single CPE, vendor and product names, older than a fixed package);
 * guess:   nobody can decide the version, several CPEs that a tool made up, a name alone, only on
 *          some platform. A guess is for a person, never for a run. */
#pragma once

#include "feed/claim.h"

struct tsn_judge;

enum tsn_certainty { TSN_GUESS = 1, TSN_LIKELY, TSN_CERTAIN };
extern const char *const tsn_certainty_names[]; /* by value; [0] NULL */

/* Ways to components by package, CPE and name. They outlive it. Built once, then only read: any
 * number of threads may judge with it. */
struct tsn_judge_index;
struct tsn_judge_index *tsn_judge_index_new(const struct tsn_component *components, size_t n);
void tsn_judge_index_free(struct tsn_judge_index *ways);
/* A judge over them; `ways` and `arena` outlive it. */
struct tsn_judge *tsn_judge_new_on(struct tsn_arena *arena, const struct tsn_judge_index *ways,
                                   const char *const *trusted);
/* `sbom` and `arena` outlive the judge. `trusted`: publishers or beginnings of namespaces whose
 * VEX may suppress, besides the SBOM itself and the distribution of a package; NULL-terminated,
 * may be NULL. */
struct tsn_judge *tsn_judge_new(struct tsn_arena *arena, const struct tsn_sbom *sbom,
                                const char *const *trusted);
void tsn_judge_free(struct tsn_judge *j);
const struct tsn_sink *tsn_judge_sink(struct tsn_judge *j);
/* Names the document that what follows comes from; `own`: the SBOM itself. Kept. */
void tsn_judge_document(struct tsn_judge *j, const char *name, bool own);

/* { matches: [{ id, aliases, product, release_of, component {ref, name, version, purl, source,
 *   source_version, release},
 *   state: affected|unknown|suppressed|retracted, certainty, severity, score, vector, fixed: [],
 *   exploited, ransomware, epss, title, records: [{ id, source, publisher, url, document, fixed,
 *   certainty, in, severity, upstream: [], evidence: [{ pointer, how, range, note }] }],
 *   vex: [{ status, justification, publisher, document, pointer, used, note }] }],
 *   counts: { components, records, withdrawn, claims, ... } }
 * Sorted: what is affected and certain first, then by score. The caller's to drop. */
json_t *tsn_judge_result(struct tsn_judge *j);

/* --- traces -------------------------------------------------------------------------------- */

/* What the documents so far left in it, as JSON; NULL: nothing about a component. Components are
 * named by their number: a trace is for the same index only. The caller's to drop. */
json_t *tsn_judge_trace(struct tsn_judge *j);
/* Takes such a trace over as that of `document`. What does not fit into the index is left out. */
void tsn_judge_load(struct tsn_judge *j, const char *document, const json_t *trace);
