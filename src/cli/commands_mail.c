/* commands_mail.c - commands: mails and webhooks that come in.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_mail[] = {
    {"mail list", "", "mails that came in and what became of them",
     "tocsin mail list --state held", B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_mail_list},
    {"mail assign", "MAIL",
     "say where a held mail belongs; without --case it opens a new one; --set terms=accepted "
     "or "
     "declined: what it answers",
     "tocsin mail assign 01J... --case PSIRT-2026-0007 --reason \"the same person\"",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_SET) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_mail_assign},
    {"mail receive", "[FILE]", "take one mail from standard input, for a mail server's alias",
     "tocsin mail receive < mail.eml", 0, 0, 1, tsn_cmd_mail_receive},
    {"mail parse", "FILE...", "what is found in a mail, PGP and all; `-` is stdin; no daemon",
     "tocsin mail parse report.eml --keyring ./keys --json", B(TSN_FLAG_KEYRING), 1,
     TSN_ARGS_MAX, tsn_cmd_mail_parse},
    {"key list", "", "PGP keys of mail: ours, those of reporters, and when they end",
     "tocsin key list", 0, 0, 0, tsn_cmd_key_list},
    {"key import", "FILE", "take PGP keys; `-` is standard input",
     "tocsin key import reporter.asc --reason \"sent by phone\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_key_import},
    {"key export", "FINGERPRINT", "the public key, armored, to give to others",
     "tocsin key export 5AEB8FE1258D3B16C268D80BFA88DDD6661E0B5A --out psirt.asc",
     B(TSN_FLAG_OUT), 1, 1, tsn_cmd_key_export},
    {"key rotate", "", "make the next key of ours; the old one vouches for it",
     "tocsin key rotate --reason \"the old one ends in January\"", B(TSN_FLAG_REASON), 0, 0,
     tsn_cmd_key_rotate},
    {"hook list", "",
     "webhooks that come in, what became of them, and why the last was refused",
     "tocsin hook list", 0, 0, 0, tsn_cmd_hook_list},
    {"hook test", "NAME",
     "send a signed message that starts nothing, and say what arrived; --server goes the whole "
     "way",
     "tocsin hook test jira --server https://psirt.acme.example", 0, 1, 1, tsn_cmd_hook_test},
    {0},
};
