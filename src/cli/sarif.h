/* sarif.h - findings of lints: how severe, and as one SARIF 2.1.0 document on standard output. Private to
 * src/cli. */
#pragma once

#include "cli/out.h"

enum { TSN_ERRORS, TSN_WARNINGS, TSN_INFOS, TSN_SEVERITIES };
struct tsn_severity {
    const char *word, *many, *sarif;
    enum tsn_style style;
};
extern const struct tsn_severity tsn_severities[TSN_SEVERITIES];
/* Which one a finding { severity } has; an unknown word counts as the least. */
size_t tsn_severity_of(const json_t *finding);

/* A path as a URI reference. In the arena. */
const char *tsn_sarif_uri(struct tsn_cli *cli, const char *path);
/* rules: id -> rule object. Both borrowed. */
void tsn_sarif_print(const json_t *rules, const json_t *results);
