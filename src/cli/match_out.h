/* match_out.h - the matches of one SBOM for eyes and for programs. Private to src/cli. */
#pragma once

#include "cli/cli.h"
#include "feed/component.h"

enum tsn_match_form {
    TSN_MATCH_TABLE,
    TSN_MATCH_JSON,  /* a line a match, then the result */
    TSN_MATCH_SARIF, /* 2.1.0 */
    TSN_MATCH_VEX,   /* CycloneDX 1.6 */
    TSN_MATCH_TSV    /* a line a match and record */
};

/* `result` of tsn_judge_result, with counts of documents; `exit` stands in the JSON. */
void tsn_match_print(struct tsn_cli *cli, enum tsn_match_form form, const struct tsn_sbom *sbom,
                     const json_t *result, int exit);
