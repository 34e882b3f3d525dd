/* commands_running.c - commands: setting up and running the daemon.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_running[] = {
    {"init", "DIR", "make a directory to run tocsin in", "tocsin init ./psirt",
     B(TSN_FLAG_ORGANISATION) | B(TSN_FLAG_DOMAIN) | B(TSN_FLAG_LISTEN) | B(TSN_FLAG_PERSON) |
         B(TSN_FLAG_NAME),
     1, 1, tsn_cmd_init},
    {"serve", "", "run the daemon in the foreground",
     "tocsin serve --config ./psirt/tocsin.yaml", 0, 0, 0, tsn_cmd_serve},
    {"config check", "[FILE]", "read the configuration and say what is wrong; no daemon",
     "tocsin config check ./psirt/tocsin.yaml", 0, 0, 1, tsn_cmd_config_check},
    {"token create", "PERSON", "a bearer token, shown once",
     "tocsin token create intake --scope report:submit --expires 90d --for \"web form\"",
     B(TSN_FLAG_SCOPE) | B(TSN_FLAG_EXPIRES) | B(TSN_FLAG_FOR), 1, 1, tsn_cmd_token_create},
    {"token revoke", "ID", "end a token", "tocsin token revoke 01JDB3", 0, 1, 1,
     tsn_cmd_token_revoke},
    {"secret set", "NAME", "keep a secret, sealed; asks for it, or reads standard input",
     "tocsin secret set jira < jira.token", 0, 1, 1, tsn_cmd_secret_set},
    {"secret list", "", "names of secrets, who uses them, which are missing",
     "tocsin secret list", 0, 0, 0, tsn_cmd_secret_list},
    {"secret remove", "NAME", "forget a secret", "tocsin secret remove jira", 0, 1, 1,
     tsn_cmd_secret_remove},
    {"demo", "[DIR]", "play the whole story in a folder of its own (default ./demo)",
     "tocsin demo --yes", 0, 0, 1, tsn_cmd_demo},
    {0},
};
