/* commands_audit.c - commands: the log, its proofs and its witnesses.
 *
 * Rows of the table that cli.h describes; constant.
 */
#include "cli/cli.h"

#define B TSN_BIT

const struct tsn_command tsn_commands_audit[] = {
    {"audit log", "[QUERY...]",
     "entries of the log, newest at the end; `tocsin help query` has the language",
     "tocsin audit log kind:step.result -outcome:ok since:7d",
     B(TSN_FLAG_FROM) | B(TSN_FLAG_BEFORE) | B(TSN_FLAG_LIMIT), 0, TSN_ARGS_MAX,
     tsn_cmd_audit_log},
    {"audit report", "[NAME [DATADIR|FILE]]",
     "what auditors ask; alone it lists the reports; a file needs no daemon",
     "tocsin audit report open-intents --case PSIRT-2026-0001 --csv",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_SINCE) | B(TSN_FLAG_UNTIL) | B(TSN_FLAG_AT) |
         B(TSN_FLAG_SEED) | B(TSN_FLAG_LIMIT) | B(TSN_FLAG_CSV),
     0, 2, tsn_cmd_audit_report},
    {"audit stream", "[QUERY...]",
     "entries into a file, syslog or a SIEM, on from where it stopped",
     "tocsin audit stream --format ocsf --tlp amber --out log.ocsf --cursor log.cursor",
     B(TSN_FLAG_FORMAT) | B(TSN_FLAG_OUT) | B(TSN_FLAG_CURSOR) | B(TSN_FLAG_TLP) |
         B(TSN_FLAG_FOLLOW) | B(TSN_FLAG_OPEN) | B(TSN_FLAG_CA) | B(TSN_FLAG_PEN),
     0, TSN_ARGS_MAX, tsn_cmd_audit_stream},
    {"audit erase", "[#ENTRY|CASE]",
     "destroy what stands sealed beside an entry, or the key of a closed case; two people",
     "tocsin audit erase PSIRT-2026-0001 --basis gdpr-17 --reason \"asked by the reporter\"",
     B(TSN_FLAG_BASIS) | B(TSN_FLAG_REASON) | B(TSN_FLAG_AGREE), 0, 1, tsn_cmd_audit_erase},
    {"audit verify", "[PATH]",
     "a data directory, a bundle, tiles or a proof: recompute everything; no daemon",
     "tocsin audit verify ./case --trust audit.key --at-least 18240",
     B(TSN_FLAG_TRUST) | B(TSN_FLAG_WITNESS) | B(TSN_FLAG_AT_LEAST) | B(TSN_FLAG_REMEMBER), 0,
     1, tsn_cmd_audit_verify},
    {"audit export", "[CASE|all]",
     "a case, --from --to or all, for somebody outside to verify; alone: JSON lines",
     "tocsin audit export PSIRT-2026-0001 --open --tlp amber --out case",
     B(TSN_FLAG_OUT) | B(TSN_FLAG_FROM) | B(TSN_FLAG_TO) | B(TSN_FLAG_OPEN) | B(TSN_FLAG_TLP) |
         B(TSN_FLAG_SINCE),
     0, 1, tsn_cmd_audit_export},
    {"audit head", "", "the last signed checkpoint, to keep or to compare",
     "tocsin audit head --out head.txt", B(TSN_FLAG_OUT), 0, 0, tsn_cmd_audit_head},
    {"audit new-epoch", "", "two people go on with a log that may only be read",
     "tocsin audit new-epoch --reason \"restored the backup of Monday\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 0, 0, tsn_cmd_audit_new_epoch},
    {"audit rotate-key", "begin|end", "two people change the key that signs checkpoints",
     "tocsin audit rotate-key begin --reason \"yearly\"", B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN),
     1, 1, tsn_cmd_audit_rotate_key},
    {"witness init", "DIR NAME", "a key for a witness of other machines' logs; prints it",
     "tocsin witness init /var/lib/witness w1.example --trust "
     "acme.example/tocsin/main/audit/1+...",
     B(TSN_FLAG_TRUST), 2, 2, tsn_cmd_witness_init},
    {"witness serve", "DIR", "cosign checkpoints over HTTP, in the foreground",
     "tocsin witness serve /var/lib/witness --listen 127.0.0.1:8421", B(TSN_FLAG_LISTEN), 1, 1,
     tsn_cmd_witness_serve},
    {0},
};
