/* csaf_product.h - our flat product list as a CSAF product tree, and back to rows for tables.
 * Pure; any thread. */
#pragma once

#include <jansson.h>
#include "advisory/advisory.h"

/* Of the model: products [{ ref?, vendor?, product, name?, version | version_range, helper? }],
 * relationships and product_groups. *tree: new reference, NULL without products. `ids` (an array)
 * gets every product id in order. A version that names a range becomes a product_version_range.
 * D002: a product without name, or a ref that is there twice. */
tsn_err tsn_csaf_tree(const json_t *model, const char *vendor, enum tsn_csaf_version version,
                      json_t **tree, json_t *ids, struct tsn_diag *diag);

/* Of a CSAF document of either version: product id -> { vendor, product, version, name, helper? };
 * new reference. */
json_t *tsn_csaf_product_index(const json_t *csaf);
