/* commands_authoring.c - commands: playbooks and plugins.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_authoring[] = {
    {"plugin list", "[DIR]", "plugins of a folder and what they do; no daemon",
     "tocsin plugin list", 0, 0, 1, tsn_cmd_plugin_list},
    {"plugin show", "NAME|DIR",
     "what a plugin may do: effects, in-doubt classes, undo; no daemon",
     "tocsin plugin show nftables", 0, 1, 1, tsn_cmd_plugin_show},
    {"plugin test", "NAME|DIR",
     "does it keep to the plugin protocol? changes nothing; --file has its settings; no daemon",
     "tocsin plugin test ./plugins/my-plugin --file settings.json", B(TSN_FLAG_FILE), 1, 1,
     tsn_cmd_plugin_test},
    {"plugin accept", "NAME",
     "pin a configured plugin to the files it has now, in tocsin.yaml; no daemon",
     "tocsin plugin accept nftables --dry-run", B(TSN_FLAG_DRY_RUN), 1, 1,
     tsn_cmd_plugin_accept},
    {"playbook deploy", "NAME",
     "load its file again: open runs are replayed on it, new ones begin on it",
     "tocsin playbook deploy customer-incident --dry-run",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_DRY_RUN), 1, 1, tsn_cmd_playbook_deploy},
    {"playbook list", "[DIR]",
     "playbooks of a folder, what starts them, and their specs; no daemon",
     "tocsin playbook list --connectors", B(TSN_FLAG_CONNECTORS), 0, 1, tsn_cmd_playbook_list},
    {"playbook new", "NAME",
     "a playbook, its spec and what editors need, to begin with; no daemon",
     "tocsin playbook new my-playbook --from customer-incident", B(TSN_FLAG_FROM), 1, 1,
     tsn_cmd_playbook_new},
    {"playbook lint", "[FILE|NAME...]",
     "mistakes that can be seen without running anything; no daemon",
     "tocsin playbook lint my-playbook.lua --strict", B(TSN_FLAG_SARIF) | B(TSN_FLAG_STRICT), 0,
     TSN_ARGS_MAX, tsn_cmd_playbook_lint},
    {"playbook test", "[FILE|NAME|DIR...]",
     "play specs with simulated time, people and connectors; no daemon",
     "tocsin playbook test my-playbook.lua --crash-each-step",
     B(TSN_FLAG_FILTER) | B(TSN_FLAG_CRASH) | B(TSN_FLAG_JUNIT), 0, TSN_ARGS_MAX,
     tsn_cmd_playbook_test},
    {"playbook check", "FILE|NAME",
     "dry run: what is known, what would be done, what nobody can know; sends nothing",
     "tocsin playbook check customer-incident --like r-7k3m --assume triage.severity=high",
     B(TSN_FLAG_FIXTURE) | B(TSN_FLAG_LIKE) | B(TSN_FLAG_ASSUME) | B(TSN_FLAG_EXIT_EFFECTS), 1,
     1, tsn_cmd_playbook_check},
    {"playbook debug", "RUN|FILE",
     "step forward and back through a recorded run; sends nothing",
     "tocsin playbook debug r-7k3m --break edge.apply",
     B(TSN_FLAG_GOTO) | B(TSN_FLAG_BREAK) | B(TSN_FLAG_ALL) | B(TSN_FLAG_WITH), 1, 1,
     tsn_cmd_playbook_debug},
    {0},
};
