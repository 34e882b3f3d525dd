/* inventory.h - our products with the components of their releases, as one index that documents are
 * judged against.
 *
 * Products come from the configuration; each release names an SBOM, and `tocsin product import`
 * puts more of them under DATA/inventory/PRODUCT/VERSION.json. An SBOM that cannot be read does
 * not stop the rest: it is a problem of its release, shown and logged. Built once, then only read:
 * matching may run on any thread. A later one takes its place while documents still hold the old one. */
#pragma once

#include "core/diag.h"
#include "feed/component.h"

struct tsn_inventory;

/* Reads the files; blocking, at start. `dir`: data directory or NULL. `products` as feed.h says,
 * with releases: [{ version, sbom, support_ends, installs }], exposure, mission, safety. */
struct tsn_inventory *tsn_inventory_open(const json_t *products, const char *dir);
/* One more holder; close lets go, the last one frees it. Loop thread. */
struct tsn_inventory *tsn_inventory_hold(struct tsn_inventory *inv);
void tsn_inventory_close(struct tsn_inventory *inv);
/* [{ id, name, owner, exposure, releases: [{ version, sbom, sha256, components, without_purl,
 * without_version, problem }] }] */
json_t *tsn_inventory_json(const struct tsn_inventory *inv);
size_t tsn_inventory_components(const struct tsn_inventory *inv);
/* Of the components and their order: what traces are bound to. */
const char *tsn_inventory_digest(const struct tsn_inventory *inv);
/* [{ product, name, owner, certainty, vulns: [...], evidence: [...] }] of the products that one
 * document touches; suppressed and retracted ones are left out. `trusted` as judge.h. *trace (may be
 * NULL): what it leaves for judging it together with others; NULL = nothing. Pure, any thread. */
json_t *tsn_inventory_match(const struct tsn_inventory *inv, const char *name, const char *text,
                            size_t len, const char *const *trusted, json_t **trace);
/* The same of a document that is parsed already. */
json_t *tsn_inventory_match_json(const struct tsn_inventory *inv, const char *name,
                                 const json_t *doc, const char *const *trusted, json_t **trace);
/* Several documents by their traces, as one judgement: judge.h's result. Pure, any thread. */
struct tsn_traced {
    const char *document;
    const json_t *trace;
};
json_t *tsn_inventory_joint(const struct tsn_inventory *inv, const struct tsn_traced *docs,
                            size_t n);
/* The products that `document` touches in a joint judgement (NULL: any), as tsn_inventory_match
 * gives them. *spared gets { product: why } of those that only others take away; NULL = not asked.
 */
json_t *tsn_inventory_hits(const struct tsn_inventory *inv, const json_t *result,
                           const char *document, json_t **spared);
/* The same product in both lists once: best certainty, evidence of both. Takes b. */
void tsn_matches_join(json_t *a, json_t *b);
/* Where an imported SBOM lies; false: the names do not fit into a file name. */
bool tsn_inventory_path(char *out, size_t cap, const char *dir, const char *product,
                        const char *version);
