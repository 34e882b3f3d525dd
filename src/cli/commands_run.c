/* commands_run.c - commands: runs and the questions they ask.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_run[] = {
    {"run list", "", "playbooks at work", "tocsin run list --state waiting",
     B(TSN_FLAG_STATE) | B(TSN_FLAG_CASE) | B(TSN_FLAG_PLAYBOOK) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_run_list},
    {"run log", "ID", "the journal of a run, step by step", "tocsin run log r-7k3m",
     B(TSN_FLAG_LIMIT), 1, 1, tsn_cmd_run_log},
    {"run show", "ID", "what a run did, what it waits for, what may happen again",
     "tocsin run show r-7k3m", 0, 1, 1, tsn_cmd_run_show},
    {"run start", "PLAYBOOK", "start a playbook by hand on a case",
     "tocsin run start customer-incident --case PSIRT-2026-0001 --input severity=high",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_INPUT), 1, 1, tsn_cmd_run_start},
    {"run pause", "ID", "let what is under way end and begin nothing new",
     "tocsin run pause r-7k3m --reason \"the firewall is being changed\"", B(TSN_FLAG_REASON),
     1, 1, tsn_cmd_run_pause},
    {"run resume", "ID", "let a paused run go on",
     "tocsin run resume r-7k3m --reason \"the change is over\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_run_resume},
    {"run retry", "ID", "go on with a run that stopped, from where it stopped or from a step",
     "tocsin run retry r-7k3m --from 0.4 --dry-run",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_FROM) | B(TSN_FLAG_TO) | B(TSN_FLAG_DRY_RUN), 1, 1,
     tsn_cmd_run_retry},
    {"run move", "ID", "give a run another version of its playbook, if its record fits",
     "tocsin run move r-7k3m --to @5 --dry-run",
     B(TSN_FLAG_TO) | B(TSN_FLAG_REASON) | B(TSN_FLAG_DRY_RUN), 1, 1, tsn_cmd_run_move},
    {"run resolve", "ID", "say what became of a step in doubt",
     "tocsin run resolve r-7k3m --done --reason \"the rule is on the firewall\"",
     B(TSN_FLAG_DONE) | B(TSN_FLAG_FAILED) | B(TSN_FLAG_RETRY) | B(TSN_FLAG_REASON) |
         B(TSN_FLAG_RESULT) | B(TSN_FLAG_STEP),
     1, 1, tsn_cmd_run_resolve},
    {"run cancel", "ID", "end a run, whatever state it is in",
     "tocsin run cancel r-7k3m --reason \"opened by mistake\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_run_cancel},
    {"run export-fixture", "ID", "a recorded run as a file for specs and the debugger",
     "tocsin run export-fixture r-7k3m --out playbooks/fixtures/runs/token-reuse.json",
     B(TSN_FLAG_OUT), 1, 1, tsn_cmd_run_export_fixture},
    {"task list", "", "questions to people", "tocsin task list --mine",
     B(TSN_FLAG_STATE) | B(TSN_FLAG_CASE) | B(TSN_FLAG_RUN) | B(TSN_FLAG_KIND) |
         B(TSN_FLAG_MINE) | B(TSN_FLAG_ALL) | B(TSN_FLAG_LIMIT),
     0, 0, tsn_cmd_task_list},
    {"task delegate", "ID PERSON", "let another person decide as well",
     "tocsin task delegate ap-7k3m lead2 --reason \"I am on a plane\"", B(TSN_FLAG_REASON), 2,
     2, tsn_cmd_task_delegate},
    {0},
};
