/* commands_everyday.c - commands: what a responder types every day.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_everyday[] = {
    {"status", "", "what needs you, open work, health: one screen", "tocsin status --mine",
     B(TSN_FLAG_MINE), 0, 0, tsn_cmd_status},
    {"show", "ID", "anything: case, run, task, report, advisory, entry",
     "tocsin show PSIRT-2026-0001", 0, 1, 1, tsn_cmd_show},
    {"watch", "ID", "follow a run, case or task; the exit code says how it ended",
     "tocsin watch r-7k3m --until done --timeout 10m", B(TSN_FLAG_UNTIL), 1, 1, tsn_cmd_watch},
    {"approve", "ID", "allow what a task shows",
     "tocsin approve ap-7k3m --reason \"attacker range, confirmed\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 1, 1, tsn_cmd_approve},
    {"reject", "ID", "refuse it", "tocsin reject ap-7k3m --reason \"hits 14 customers\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 1, 1, tsn_cmd_reject},
    {"answer", "ID", "answer a playbook's question",
     "tocsin answer as-2x9d --set severity=high --set exploited=true", B(TSN_FLAG_SET), 1, 1,
     tsn_cmd_answer},
    {"note", "CASE [TEXT]", "write a note into a case; TEXT `-` reads standard input",
     "tocsin note PSIRT-2026-0001 \"called the customer back\"", 0, 1, 2, tsn_cmd_note},
    {0},
};
