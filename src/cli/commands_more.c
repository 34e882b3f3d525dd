/* commands_more.c - commands: help.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_more[] = {
    {"explain", "CODE | CVE PRODUCT",
     "a message code; or why an upstream document did or did not fire for a product",
     "tocsin explain CVE-2026-1234 gw500", 0, 1, 2, tsn_cmd_explain},
    {"help", "[TOPIC]", "a command, or a topic: exit-codes, words, query, environment",
     "tocsin help exit-codes", 0, 0, 2, tsn_cmd_help},
    {"version", "", "the version of this program", "tocsin version --json", 0, 0, 0,
     tsn_cmd_version},
    {0},
};
