/* commands_feed.c - commands: upstream feeds, matching and the inventory.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_feed[] = {
    {"feed list", "", "upstream feeds and how they are", "tocsin feed list", 0, 0, 0,
     tsn_cmd_feed_list},
    {"feed diff", "OLD NEW",
     "what a later revision of a CSAF document changes that matters; no daemon",
     "tocsin feed diff icsa-24-001-01.old.json icsa-24-001-01.json", 0, 2, 2,
     tsn_cmd_feed_diff},
    {"feed poll", "NAME", "look for news now and wait for the result", "tocsin feed poll acme",
     0, 1, 1, tsn_cmd_feed_poll},
    {"feed show", "NAME", "what became of everything that a feed brought",
     "tocsin feed show acme", 0, 1, 1, tsn_cmd_feed_show},
    {"decision list", "", "what differences in our matches led to, and what waits",
     "tocsin decision list --state held", B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_decision_list},
    {"decision show", "ID", "one decision with what it was made from",
     "tocsin decision show 01JD8X3Q7Z5V9T1KQ6W4R2B0NM", 0, 1, 1, tsn_cmd_decision_show},
    {"match", "[DIR|FILE...]",
     "an SBOM against advisories in files: OSV, CVE, CSAF, GHSA, VEX, KEV and others; no "
     "daemon",
     "tocsin match --sbom gw500.cdx.json --against ./osv --sarif",
     B(TSN_FLAG_SBOM) | B(TSN_FLAG_AGAINST) | B(TSN_FLAG_TRUST) | B(TSN_FLAG_SARIF) |
         B(TSN_FLAG_TO) | B(TSN_FLAG_TSV),
     0, TSN_ARGS_MAX, tsn_cmd_match},
    {"match list", "", "what upstream documents found in our products",
     "tocsin match list --state open", B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_match_list},
    {"product list", "", "products, their releases and what the SBOMs hold",
     "tocsin product list", 0, 0, 0, tsn_cmd_product_list},
    {"product diff", "OLD NEW", "components that two SBOMs differ in; no daemon",
     "tocsin product diff gw500-5.2.0.cdx.json gw500-5.2.1.cdx.json", 0, 2, 2,
     tsn_cmd_product_diff},
    {"product import", "PRODUCT VERSION SBOM", "an SBOM for a release; no daemon",
     "tocsin product import gw500 5.2.1 gw500-5.2.1.cdx.json", 0, 3, 3, tsn_cmd_product_import},
    {"version compare", "ECOSYSTEM [A B|-]",
     "prints <, = or >; standard input: a pair a line, a tab between",
     "tocsin version compare deb 1.0~rc1-1 1.0-1", 0, 1, 3, tsn_cmd_version_compare},
    {"purl", "[PURL...|-]", "package URLs in canonical form and in parts",
     "tocsin purl pkg:npm/%40angular/core@16.2.0", 0, 0, TSN_ARGS_MAX, tsn_cmd_purl},
    {"cpe", "[CPE...|-]", "CPE 2.3 names and 2.2 URIs in one form and in parts",
     "tocsin cpe cpe:/a:openssl:openssl:3.0.7", 0, 0, TSN_ARGS_MAX, tsn_cmd_cpe},
    {0},
};
