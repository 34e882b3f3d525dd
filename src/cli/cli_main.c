/* cli_main.c - the program `tocsin`: the table of commands, flags over getopt_long, one exit.
 *
 * Owns the parsed command line. One thread; `serve` starts others.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"

#define B TSN_BIT

static const char every_day[] = "EVERY DAY", work[] = "WORK", audit[] = "AUDIT",
                  authoring[] = "AUTHORING", running[] = "RUNNING IT", more[] = "MORE";

const struct tsn_command tsn_commands[] = {
    {"status", "", "what needs you, open work, health: one screen", "tocsin status --mine",
     B(TSN_FLAG_MINE), 0, 0, tsn_cmd_status, every_day},
    {"show", "ID", "anything: case, run, task, report, advisory, entry",
     "tocsin show PSIRT-2026-0001", 0, 1, 1, tsn_cmd_show, every_day},
    {"watch", "ID", "follow a run, case or task; the exit code says how it ended",
     "tocsin watch r-7k3m --until done --timeout 10m", B(TSN_FLAG_UNTIL), 1, 1, tsn_cmd_watch,
     every_day},
    {"approve", "ID", "allow what a task shows",
     "tocsin approve ap-7k3m --reason \"attacker range, confirmed\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 1, 1, tsn_cmd_approve, every_day},
    {"reject", "ID", "refuse it", "tocsin reject ap-7k3m --reason \"hits 14 customers\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 1, 1, tsn_cmd_reject, every_day},
    {"answer", "ID", "answer a playbook's question",
     "tocsin answer as-2x9d --set severity=high --set exploited=true", B(TSN_FLAG_SET), 1, 1,
     tsn_cmd_answer, every_day},
    {"note", "CASE [TEXT]", "write a note into a case; TEXT `-` reads standard input",
     "tocsin note PSIRT-2026-0001 \"called the customer back\"", 0, 1, 2, tsn_cmd_note,
     every_day},

    {"report submit", "", "hand in a report",
     "tocsin report submit --kind incident --product edge-gw --title \"Token reuse\" "
     "--mail sec@customer.example --text -",
     B(TSN_FLAG_KIND) | B(TSN_FLAG_TITLE) | B(TSN_FLAG_PRODUCT) | B(TSN_FLAG_MAIL) |
         B(TSN_FLAG_NAME) | B(TSN_FLAG_SEVERITY) | B(TSN_FLAG_TEXT) | B(TSN_FLAG_INDICATOR) |
         B(TSN_FLAG_FILE) | B(TSN_FLAG_KEY),
     0, 0, tsn_cmd_report_submit, work},
    {"report list", "", "reports that came in", "tocsin report list --kind incident",
     B(TSN_FLAG_KIND) | B(TSN_FLAG_CASE) | B(TSN_FLAG_LIMIT), 0, 0, tsn_cmd_report_list, work},
    {"case list", "", "cases", "tocsin case list --state open",
     B(TSN_FLAG_STATE) | B(TSN_FLAG_KIND) | B(TSN_FLAG_LIMIT), 0, 0, tsn_cmd_case_list, work},
    {"case timeline", "ID", "the story of a case", "tocsin case timeline PSIRT-2026-0001 --all",
     B(TSN_FLAG_ALL), 1, 1, tsn_cmd_case_timeline, work},
    {"case tracks", "ID", "where report, facts, embargo, documents, clocks stand",
     "tocsin case tracks PSIRT-2026-0001", 0, 1, 1, tsn_cmd_case_tracks, work},
    {"case do", "ID OPERATION", "one operation on a case; `case operations` lists them",
     "tocsin case do PSIRT-2026-0001 fact.seen --set fact=fix_ready",
     B(TSN_FLAG_SET) | B(TSN_FLAG_REASON), 2, 2, tsn_cmd_case_do, work},
    {"case operations", "", "every operation, its arguments and who may",
     "tocsin case operations", 0, 0, 0, tsn_cmd_case_operations, work},
    {"case merge", "ID", "all its reports into another case; this one closes",
     "tocsin case merge PSIRT-2026-0002 --set into=PSIRT-2026-0001 --reason \"same flaw\"",
     B(TSN_FLAG_SET) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_case_op, work},
    {"case split", "ID", "some of its reports into a case of their own",
     "tocsin case split PSIRT-2026-0001 --set reports=TR-7K3M --set title=\"Another flaw\"",
     B(TSN_FLAG_SET), 1, 1, tsn_cmd_case_op, work},
    {"case search", "WORD...", "cases you may see that have every word somewhere",
     "tocsin case search parser overflow", B(TSN_FLAG_LIMIT), 1, 12, tsn_cmd_case_search, work},
    {"case figures", "", "how long cases stay in each phase: median, distribution",
     "tocsin case figures", 0, 0, 0, tsn_cmd_case_figures, work},
    {"case export", "[ID]", "one case, or with --all every one, as JSON lines",
     "tocsin case export PSIRT-2026-0001 --out case.json", B(TSN_FLAG_OUT) | B(TSN_FLAG_ALL), 0,
     1, tsn_cmd_case_export, work},
    {"case bulk", "OPERATION CASE...", "one operation on many cases, all or none",
     "tocsin case bulk fact.seen PSIRT-2026-0001 PSIRT-2026-0002 --set fact=fix_ready",
     B(TSN_FLAG_SET) | B(TSN_FLAG_REASON), 2, 1001, tsn_cmd_case_bulk, work},
    {"case attach", "ID FILE", "keep a file as evidence: hashed, sealed, with a custody log",
     "tocsin case attach PSIRT-2026-0001 trace.pcap", 0, 2, 2, tsn_cmd_case_attach, work},
    {"report duplicates", "ID", "reports that may say the same, and why; nothing is merged",
     "tocsin report duplicates TR-7K3M", 0, 1, 1, tsn_cmd_report_duplicates, work},
    {"policy explain", "CASE",
     "which plan, clocks and recipient rules apply to a case, and why",
     "tocsin policy explain PSIRT-2026-0001", 0, 1, 1, tsn_cmd_policy_explain, work},
    {"bounty list", "", "submissions of bounty programmes",
     "tocsin bounty list --state candidate", B(TSN_FLAG_STATE), 0, 0, tsn_cmd_bounty_list,
     work},
    {"bounty announcement", "", "whom to thank, by name where they agreed",
     "tocsin bounty announcement --since 2026-11-01 --until 2026-12-01",
     B(TSN_FLAG_SINCE) | B(TSN_FLAG_UNTIL), 0, 0, tsn_cmd_bounty_announcement, work},
    {"bounty import", "FILE", "an export of HackerOne (CSV, JSON) or Bugcrowd (CSV) as reports",
     "tocsin bounty import reports.csv --programme bounty-web",
     B(TSN_FLAG_PROGRAMME) | B(TSN_FLAG_PRODUCT), 1, 1, tsn_cmd_bounty_import, work},
    {"clock list", "", "promises and legal deadlines that run, by what is due first",
     "tocsin clock list --case PSIRT-2026-0001",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_STATE) | B(TSN_FLAG_ALL), 0, 0, tsn_cmd_clock_list, work},
    {"policy list", "",
     "documents in force and proposed: clocks, plans, recipients, programmes",
     "tocsin policy list --all", B(TSN_FLAG_ALL), 0, 0, tsn_cmd_policy_list, work},
    {"policy show", "NAME@VERSION", "the text of a document", "tocsin policy show cra@1", 0, 1,
     1, tsn_cmd_policy_show, work},
    {"policy check", "FILE...", "read documents and say what is wrong; no daemon",
     "tocsin policy check policies/cra.yaml", 0, 1, 100, tsn_cmd_policy_check, work},
    {"policy propose", "FILE", "a new version; a second person approves it",
     "tocsin policy propose policies/cra.yaml", 0, 1, 1, tsn_cmd_policy_propose, work},
    {"policy approve", "NAME@VERSION", "put a proposed version in force",
     "tocsin policy approve cra@2 --reason \"counsel agrees\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_policy_decide, work},
    {"policy reject", "NAME@VERSION", "refuse a proposed version",
     "tocsin policy reject cra@2 --reason \"wrong calendar\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_policy_decide, work},
    {"run list", "", "playbooks at work", "tocsin run list --state waiting",
     B(TSN_FLAG_STATE) | B(TSN_FLAG_CASE) | B(TSN_FLAG_PLAYBOOK) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_run_list, work},
    {"run log", "ID", "the journal of a run, step by step", "tocsin run log r-7k3m",
     B(TSN_FLAG_LIMIT), 1, 1, tsn_cmd_run_log, work},
    {"run show", "ID", "what a run did, what it waits for, what may happen again",
     "tocsin run show r-7k3m", 0, 1, 1, tsn_cmd_run_show, work},
    {"run start", "PLAYBOOK", "start a playbook by hand on a case",
     "tocsin run start customer-incident --case PSIRT-2026-0001 --input severity=high",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_INPUT), 1, 1, tsn_cmd_run_start, work},
    {"run pause", "ID", "let what is under way end and begin nothing new",
     "tocsin run pause r-7k3m --reason \"the firewall is being changed\"", B(TSN_FLAG_REASON),
     1, 1, tsn_cmd_run_pause, work},
    {"run resume", "ID", "let a paused run go on",
     "tocsin run resume r-7k3m --reason \"the change is over\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_run_resume, work},
    {"run retry", "ID", "go on with a run that stopped, from where it stopped or from a step",
     "tocsin run retry r-7k3m --from 0.4 --dry-run",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_FROM) | B(TSN_FLAG_TO) | B(TSN_FLAG_DRY_RUN), 1, 1,
     tsn_cmd_run_retry, work},
    {"run move", "ID", "give a run another version of its playbook, if its record fits",
     "tocsin run move r-7k3m --to @5 --dry-run",
     B(TSN_FLAG_TO) | B(TSN_FLAG_REASON) | B(TSN_FLAG_DRY_RUN), 1, 1, tsn_cmd_run_move, work},
    {"run resolve", "ID", "say what became of a step in doubt",
     "tocsin run resolve r-7k3m --done --reason \"the rule is on the firewall\"",
     B(TSN_FLAG_DONE) | B(TSN_FLAG_FAILED) | B(TSN_FLAG_RETRY) | B(TSN_FLAG_REASON) |
         B(TSN_FLAG_RESULT) | B(TSN_FLAG_STEP),
     1, 1, tsn_cmd_run_resolve, work},
    {"run cancel", "ID", "end a run, whatever state it is in",
     "tocsin run cancel r-7k3m --reason \"opened by mistake\"", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_run_cancel, work},
    {"run export-fixture", "ID", "a recorded run as a file for specs and the debugger",
     "tocsin run export-fixture r-7k3m --out playbooks/fixtures/runs/token-reuse.json",
     B(TSN_FLAG_OUT), 1, 1, tsn_cmd_run_export_fixture, work},
    {"task list", "", "questions to people", "tocsin task list --mine",
     B(TSN_FLAG_STATE) | B(TSN_FLAG_CASE) | B(TSN_FLAG_RUN) | B(TSN_FLAG_KIND) |
         B(TSN_FLAG_MINE) | B(TSN_FLAG_ALL) | B(TSN_FLAG_LIMIT),
     0, 0, tsn_cmd_task_list, work},
    {"task delegate", "ID PERSON", "let another person decide as well",
     "tocsin task delegate ap-7k3m lead2 --reason \"I am on a plane\"", B(TSN_FLAG_REASON), 2,
     2, tsn_cmd_task_delegate, work},
    {"advisory lint", "FILE...",
     "judge CSAF documents, ours or others'; `-` is stdin; no daemon",
     "tocsin advisory lint advisory.json --sarif", B(TSN_FLAG_PROFILE) | B(TSN_FLAG_SARIF), 1,
     TSN_ARGS_MAX, tsn_cmd_advisory_lint, work},
    {"advisory new", "", "draft one from a case; --from FILE gives members of the model",
     "tocsin advisory new --case PSIRT-2026-0001 --set template=incident-notice",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_SET) | B(TSN_FLAG_FROM) | B(TSN_FLAG_TITLE), 0, 0,
     tsn_cmd_advisory_new, work},
    {"advisory list", "", "what is drafted and what is out",
     "tocsin advisory list --state in_review",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0, tsn_cmd_advisory_list,
     work},
    {"advisory show", "ID", "where it stands, and the digest to approve",
     "tocsin advisory show ACME-SA-2026-001", 0, 1, 1, tsn_cmd_advisory_show, work},
    {"advisory preview", "ID", "as its readers will see it; --to html, md, csaf ...",
     "tocsin advisory preview ACME-SA-2026-001 --to md", B(TSN_FLAG_TO), 1, 1,
     tsn_cmd_advisory_preview, work},
    {"advisory diff", "ID", "what the next version changes, in words",
     "tocsin advisory diff ACME-SA-2026-001", 0, 1, 1, tsn_cmd_advisory_diff, work},
    {"advisory edit", "ID", "set members of the model; any approval ends",
     "tocsin advisory edit ACME-SA-2026-001 --set title=\"Flaw in the gateway\"",
     B(TSN_FLAG_SET) | B(TSN_FLAG_FROM) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb,
     work},
    {"advisory review", "ID", "hand it to somebody else to read",
     "tocsin advisory review ACME-SA-2026-001", B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb,
     work},
    {"advisory changes", "ID", "send it back with what must change",
     "tocsin advisory changes ACME-SA-2026-001 --reason \"the fix is in 2.1\"",
     B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb, work},
    {"advisory approve", "ID", "approve exactly what was shown; never one's own",
     "tocsin advisory approve ACME-SA-2026-001 --plan sha256:1f0c...",
     B(TSN_FLAG_PLAN) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb, work},
    {"advisory publish", "ID", "what was approved, now or --at an instant",
     "tocsin advisory publish ACME-SA-2026-001 --at 2026-12-01T14:00:00Z",
     B(TSN_FLAG_AT) | B(TSN_FLAG_STATE) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb,
     work},
    {"advisory unschedule", "ID", "not at that instant after all",
     "tocsin advisory unschedule ACME-SA-2026-001", B(TSN_FLAG_REASON), 1, 1,
     tsn_cmd_advisory_verb, work},
    {"advisory withdraw", "ID", "one more version that says it no longer holds",
     "tocsin advisory withdraw ACME-SA-2026-001 --reason \"not our product\"",
     B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb, work},
    {"advisory supersede", "ID", "one more version that names what replaces it",
     "tocsin advisory supersede ACME-SA-2026-001 --set by=https://acme.example/2 --reason new",
     B(TSN_FLAG_SET) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_advisory_verb, work},
    {"advisory export", "ID DIR", "every rendering as files",
     "tocsin advisory export ACME-SA-2026-001 /tmp/out", 0, 2, 2, tsn_cmd_advisory_export,
     work},
    {"advisory draft", "", "a drafting case in one of eight formats; no daemon",
     "tocsin advisory draft --from flaw.case.json --to csaf", B(TSN_FLAG_FROM) | B(TSN_FLAG_TO),
     0, 0, tsn_cmd_advisory_draft, work},
    {"feed list", "", "upstream feeds and how they are", "tocsin feed list", 0, 0, 0,
     tsn_cmd_feed_list, work},
    {"feed diff", "OLD NEW",
     "what a later revision of a CSAF document changes that matters; no daemon",
     "tocsin feed diff icsa-24-001-01.old.json icsa-24-001-01.json", 0, 2, 2, tsn_cmd_feed_diff,
     work},
    {"feed poll", "NAME", "look for news now and wait for the result", "tocsin feed poll acme",
     0, 1, 1, tsn_cmd_feed_poll, work},

    {"cvss", "[VECTOR...|-]",
     "scores of CVSS 2.0 to 4.0 vectors, from standard input one a line",
     "tocsin cvss CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/RL:O", B(TSN_FLAG_TSV), 0,
     TSN_ARGS_MAX, tsn_cmd_cvss, work},
    {"match", "[DIR|FILE...]",
     "an SBOM against advisories in files: OSV, CVE, CSAF, GHSA, VEX, KEV and others; no "
     "daemon",
     "tocsin match --sbom gw500.cdx.json --against ./osv --sarif",
     B(TSN_FLAG_SBOM) | B(TSN_FLAG_AGAINST) | B(TSN_FLAG_TRUST) | B(TSN_FLAG_SARIF) |
         B(TSN_FLAG_TO) | B(TSN_FLAG_TSV),
     0, TSN_ARGS_MAX, tsn_cmd_match, work},
    {"match list", "", "what upstream documents found in our products",
     "tocsin match list --state open", B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_match_list, work},
    {"product list", "", "products, their releases and what the SBOMs hold",
     "tocsin product list", 0, 0, 0, tsn_cmd_product_list, work},
    {"product diff", "OLD NEW", "components that two SBOMs differ in; no daemon",
     "tocsin product diff gw500-5.2.0.cdx.json gw500-5.2.1.cdx.json", 0, 2, 2,
     tsn_cmd_product_diff, work},
    {"product import", "PRODUCT VERSION SBOM", "an SBOM for a release; no daemon",
     "tocsin product import gw500 5.2.1 gw500-5.2.1.cdx.json", 0, 3, 3, tsn_cmd_product_import,
     work},
    {"version compare", "ECOSYSTEM [A B|-]",
     "prints <, = or >; standard input: a pair a line, a tab between",
     "tocsin version compare deb 1.0~rc1-1 1.0-1", 0, 1, 3, tsn_cmd_version_compare, work},
    {"purl", "[PURL...|-]", "package URLs in canonical form and in parts",
     "tocsin purl pkg:npm/%40angular/core@16.2.0", 0, 0, TSN_ARGS_MAX, tsn_cmd_purl, work},
    {"cpe", "[CPE...|-]", "CPE 2.3 names and 2.2 URIs in one form and in parts",
     "tocsin cpe cpe:/a:openssl:openssl:3.0.7", 0, 0, TSN_ARGS_MAX, tsn_cmd_cpe, work},

    {"mail list", "", "mails that came in and what became of them",
     "tocsin mail list --state held", B(TSN_FLAG_STATE) | B(TSN_FLAG_LIMIT), 0, 0,
     tsn_cmd_mail_list, work},
    {"mail assign", "MAIL", "say where a held mail belongs; without --case it opens a new one",
     "tocsin mail assign 01J... --case PSIRT-2026-0007 --reason \"the same person\"",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_REASON), 1, 1, tsn_cmd_mail_assign, work},
    {"mail receive", "[FILE]", "take one mail from standard input, for a mail server's alias",
     "tocsin mail receive < mail.eml", 0, 0, 1, tsn_cmd_mail_receive, work},
    {"mail parse", "FILE...", "what is found in a mail, PGP and all; `-` is stdin; no daemon",
     "tocsin mail parse report.eml --keyring ./keys --json", B(TSN_FLAG_KEYRING), 1,
     TSN_ARGS_MAX, tsn_cmd_mail_parse, work},

    {"plugin list", "[DIR]", "plugins of a folder and what they do; no daemon",
     "tocsin plugin list", 0, 0, 1, tsn_cmd_plugin_list, authoring},
    {"plugin show", "NAME|DIR",
     "what a plugin may do: effects, in-doubt classes, undo; no daemon",
     "tocsin plugin show nftables", 0, 1, 1, tsn_cmd_plugin_show, authoring},
    {"plugin test", "NAME|DIR",
     "does it keep to the plugin protocol? changes nothing; --file has its settings; no daemon",
     "tocsin plugin test ./plugins/my-plugin --file settings.json", B(TSN_FLAG_FILE), 1, 1,
     tsn_cmd_plugin_test, authoring},
    {"playbook deploy", "NAME",
     "load its file again: open runs are replayed on it, new ones begin on it",
     "tocsin playbook deploy customer-incident --dry-run",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_DRY_RUN), 1, 1, tsn_cmd_playbook_deploy, authoring},
    {"playbook list", "[DIR]",
     "playbooks of a folder, what starts them, and their specs; no daemon",
     "tocsin playbook list --connectors", B(TSN_FLAG_CONNECTORS), 0, 1, tsn_cmd_playbook_list,
     authoring},
    {"playbook new", "NAME",
     "a playbook, its spec and what editors need, to begin with; no daemon",
     "tocsin playbook new my-playbook --from customer-incident", B(TSN_FLAG_FROM), 1, 1,
     tsn_cmd_playbook_new, authoring},
    {"playbook lint", "[FILE|NAME...]",
     "mistakes that can be seen without running anything; no daemon",
     "tocsin playbook lint my-playbook.lua --strict", B(TSN_FLAG_SARIF) | B(TSN_FLAG_STRICT), 0,
     TSN_ARGS_MAX, tsn_cmd_playbook_lint, authoring},
    {"playbook test", "[FILE|NAME|DIR...]",
     "play specs with simulated time, people and connectors; no daemon",
     "tocsin playbook test my-playbook.lua --crash-each-step",
     B(TSN_FLAG_FILTER) | B(TSN_FLAG_CRASH) | B(TSN_FLAG_JUNIT), 0, TSN_ARGS_MAX,
     tsn_cmd_playbook_test, authoring},
    {"playbook check", "FILE|NAME",
     "dry run: what is known, what would be done, what nobody can know; sends nothing",
     "tocsin playbook check customer-incident --like r-7k3m --assume triage.severity=high",
     B(TSN_FLAG_FIXTURE) | B(TSN_FLAG_LIKE) | B(TSN_FLAG_ASSUME) | B(TSN_FLAG_EXIT_EFFECTS), 1,
     1, tsn_cmd_playbook_check, authoring},
    {"playbook debug", "RUN|FILE",
     "step forward and back through a recorded run; sends nothing",
     "tocsin playbook debug r-7k3m --break edge.apply",
     B(TSN_FLAG_GOTO) | B(TSN_FLAG_BREAK) | B(TSN_FLAG_ALL) | B(TSN_FLAG_WITH), 1, 1,
     tsn_cmd_playbook_debug, authoring},

    {"audit log", "[QUERY...]",
     "entries of the log, newest at the end; `tocsin help query` has the language",
     "tocsin audit log kind:step.result -outcome:ok since:7d",
     B(TSN_FLAG_FROM) | B(TSN_FLAG_BEFORE) | B(TSN_FLAG_LIMIT), 0, TSN_ARGS_MAX,
     tsn_cmd_audit_log, audit},
    {"audit report", "[NAME [DATADIR|FILE]]",
     "what auditors ask; alone it lists the reports; a file needs no daemon",
     "tocsin audit report open-intents --case PSIRT-2026-0001 --csv",
     B(TSN_FLAG_CASE) | B(TSN_FLAG_SINCE) | B(TSN_FLAG_UNTIL) | B(TSN_FLAG_AT) |
         B(TSN_FLAG_SEED) | B(TSN_FLAG_LIMIT) | B(TSN_FLAG_CSV),
     0, 2, tsn_cmd_audit_report, audit},
    {"audit stream", "[QUERY...]",
     "entries into a file, syslog or a SIEM, on from where it stopped",
     "tocsin audit stream --format ocsf --tlp amber --out log.ocsf --cursor log.cursor",
     B(TSN_FLAG_FORMAT) | B(TSN_FLAG_OUT) | B(TSN_FLAG_CURSOR) | B(TSN_FLAG_TLP) |
         B(TSN_FLAG_FOLLOW) | B(TSN_FLAG_OPEN) | B(TSN_FLAG_CA) | B(TSN_FLAG_PEN),
     0, TSN_ARGS_MAX, tsn_cmd_audit_stream, audit},
    {"audit erase", "[#ENTRY|CASE]",
     "destroy what stands sealed beside an entry, or the key of a closed case; two people",
     "tocsin audit erase PSIRT-2026-0001 --basis gdpr-17 --reason \"asked by the reporter\"",
     B(TSN_FLAG_BASIS) | B(TSN_FLAG_REASON) | B(TSN_FLAG_AGREE), 0, 1, tsn_cmd_audit_erase,
     audit},
    {"audit verify", "[PATH]",
     "a data directory, a bundle, tiles or a proof: recompute everything; no daemon",
     "tocsin audit verify ./case --trust audit.key --at-least 18240",
     B(TSN_FLAG_TRUST) | B(TSN_FLAG_WITNESS) | B(TSN_FLAG_AT_LEAST) | B(TSN_FLAG_REMEMBER), 0,
     1, tsn_cmd_audit_verify, audit},
    {"audit export", "[CASE|all]",
     "a case, --from --to or all, for somebody outside to verify; alone: JSON lines",
     "tocsin audit export PSIRT-2026-0001 --open --tlp amber --out case",
     B(TSN_FLAG_OUT) | B(TSN_FLAG_FROM) | B(TSN_FLAG_TO) | B(TSN_FLAG_OPEN) | B(TSN_FLAG_TLP),
     0, 1, tsn_cmd_audit_export, audit},

    {"audit head", "", "the last signed checkpoint, to keep or to compare",
     "tocsin audit head --out head.txt", B(TSN_FLAG_OUT), 0, 0, tsn_cmd_audit_head, audit},
    {"audit new-epoch", "", "two people go on with a log that may only be read",
     "tocsin audit new-epoch --reason \"restored the backup of Monday\"",
     B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN), 0, 0, tsn_cmd_audit_new_epoch, audit},
    {"audit rotate-key", "begin|end", "two people change the key that signs checkpoints",
     "tocsin audit rotate-key begin --reason \"yearly\"", B(TSN_FLAG_REASON) | B(TSN_FLAG_PLAN),
     1, 1, tsn_cmd_audit_rotate_key, audit},

    {"witness init", "DIR NAME", "a key for a witness of other machines' logs; prints it",
     "tocsin witness init /var/lib/witness w1.example --trust "
     "acme.example/tocsin/main/audit/1+...",
     B(TSN_FLAG_TRUST), 2, 2, tsn_cmd_witness_init, audit},
    {"witness serve", "DIR", "cosign checkpoints over HTTP, in the foreground",
     "tocsin witness serve /var/lib/witness --listen 127.0.0.1:8421", B(TSN_FLAG_LISTEN), 1, 1,
     tsn_cmd_witness_serve, audit},

    {"init", "DIR", "make a directory to run tocsin in", "tocsin init ./psirt",
     B(TSN_FLAG_ORGANISATION) | B(TSN_FLAG_DOMAIN) | B(TSN_FLAG_LISTEN) | B(TSN_FLAG_PERSON) |
         B(TSN_FLAG_NAME),
     1, 1, tsn_cmd_init, running},
    {"serve", "", "run the daemon in the foreground",
     "tocsin serve --config ./psirt/tocsin.yaml", 0, 0, 0, tsn_cmd_serve, running},
    {"config check", "[FILE]", "read the configuration and say what is wrong; no daemon",
     "tocsin config check ./psirt/tocsin.yaml", 0, 0, 1, tsn_cmd_config_check, running},
    {"token create", "PERSON", "a bearer token, shown once",
     "tocsin token create intake --scope report:submit --expires 90d --for \"web form\"",
     B(TSN_FLAG_SCOPE) | B(TSN_FLAG_EXPIRES) | B(TSN_FLAG_FOR), 1, 1, tsn_cmd_token_create,
     running},
    {"token revoke", "ID", "end a token", "tocsin token revoke 01JDB3", 0, 1, 1,
     tsn_cmd_token_revoke, running},
    {"demo", "[DIR]", "play the whole story in a folder of its own (default ./demo)",
     "tocsin demo --yes", 0, 0, 1, tsn_cmd_demo, running},
    {"explain", "CODE | CVE PRODUCT",
     "a message code; or why an upstream document did or did not fire for a product",
     "tocsin explain CVE-2026-1234 gw500", 0, 1, 2, tsn_cmd_explain, more},
    {"help", "[TOPIC]", "a command, or a topic: exit-codes, words, query, environment",
     "tocsin help exit-codes", 0, 0, 2, tsn_cmd_help, more},
    {"version", "", "the version of this program", "tocsin version --json", 0, 0, 0,
     tsn_cmd_version, more},
};
const size_t tsn_ncommands = sizeof(tsn_commands) / sizeof(tsn_commands[0]);

enum common {
    C_JSON,
    C_UTC,
    C_NO_INPUT,
    C_SERVER,
    C_SOCKET,
    C_CONFIG,
    C_DATA,
    C_AS,
    C_TIMEOUT,
    C_COLOR,
    C_NO_COLOR,
    C_VERSION,
    C_QUIET,
    C_VERBOSE,
    C_YES,
    C_HELP,
    C_COUNT
};
const struct tsn_flag_info tsn_common_flags[] = {
    [C_JSON] = {"json", NULL, "JSON on stdout, errors too (on stderr)"},
    [C_UTC] = {"utc", NULL, "times in UTC, not local"},
    [C_NO_INPUT] = {"no-input", NULL, "never ask on the terminal"},
    [C_SERVER] = {"server", "URL", "another tocsin; token from TOCSIN_TOKEN_FILE"},
    [C_SOCKET] = {"socket", "PATH", "its Unix socket"},
    [C_CONFIG] = {"config", "FILE", "tocsin.yaml, or the directory it is in"},
    [C_DATA] = {"data", "DIR", "data directory"},
    [C_AS] = {"as", "PERSON", "act as this person (daemon's owner, Unix socket)"},
    [C_TIMEOUT] = {"timeout", "DURATION", "give up after this long (30s)"},
    [C_COLOR] = {"color", "auto|always|never", "NO_COLOR and TERM=dumb count too"},
    [C_NO_COLOR] = {"no-color", NULL, "same as --color never"},
    [C_VERSION] = {"version", NULL, "same as `tocsin version`"},
    [C_QUIET] = {"quiet", NULL, "-q: nothing on success"},
    [C_VERBOSE] = {"verbose", NULL, "-v: what was sent and received"},
    [C_YES] = {"yes", NULL, "-y: do not ask for confirmation"},
    [C_HELP] = {"help", NULL, "-h: this page"},
    [C_COUNT] = {NULL, NULL, NULL},
};

const struct tsn_command *tsn_command_find(const char *words)
{
    for (size_t i = 0; i < tsn_ncommands; i++) {
        if (strcmp(tsn_commands[i].words, words) == 0)
            return &tsn_commands[i];
    }
    return NULL;
}

/* --- flags ------------------------------------------------------------------------------- */

static int usage(struct tsn_cli *cli, const char *code, const char *hint, const char *what)
{
    return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, code, hint, "%s", what);
}

static int bad_flag(struct tsn_cli *cli, const char *word)
{
    const char *names[TSN_FLAGS + C_COUNT];
    size_t n = 0;
    for (int i = 0; i < TSN_FLAGS; i++)
        names[n++] = tsn_flag_infos[i].name;
    for (int i = 0; i < C_COUNT; i++)
        names[n++] = tsn_common_flags[i].name;
    const char *bare = word;
    while (*bare == '-')
        bare++;
    const char *name = tsn_arena_strndup(cli->arena, bare, strcspn(bare, "="));
    const char *near = tsn_suggest(name, names, n);
    return usage(cli, "U002",
                 near ? tsn_arena_printf(cli->arena, "Did you mean --%s?", near)
                      : "`tocsin help COMMAND` lists its flags.",
                 tsn_arena_printf(cli->arena, "there is no flag %s", word));
}

static int take_common(struct tsn_cli *cli, int which, const char *value)
{
    switch ((enum common)which) {
    case C_JSON:
        cli->json = true;
        break;
    case C_UTC:
        cli->utc = true;
        break;
    case C_NO_INPUT:
        cli->no_input = true;
        break;
    case C_SERVER:
        cli->server = value;
        break;
    case C_SOCKET:
        cli->socket = value;
        break;
    case C_CONFIG:
        cli->config_file = value;
        break;
    case C_DATA:
        cli->data = value;
        break;
    case C_AS:
        cli->as = value;
        if (!tsn_word_ok(value, 64))
            return usage(cli, "U002", "", "--as wants the id of a person");
        break;
    case C_TIMEOUT:
        if (tsn_duration_parse(value, &cli->timeout_ms) || cli->timeout_ms <= 0)
            return usage(cli, "U002", "Durations have units: 500ms, 30s, 10m, 2h.",
                         tsn_arena_printf(cli->arena, "--timeout %s is not a duration", value));
        break;
    case C_COLOR:
        if (strcmp(value, "auto") == 0)
            cli->colour = TSN_COLOUR_AUTO;
        else if (strcmp(value, "always") == 0)
            cli->colour = TSN_COLOUR_ALWAYS;
        else if (strcmp(value, "never") == 0)
            cli->colour = TSN_COLOUR_NEVER;
        else
            return usage(cli, "U002", "", "--color is auto, always or never");
        break;
    case C_NO_COLOR:
        cli->colour = TSN_COLOUR_NEVER;
        break;
    case C_VERSION:
        cli->command = tsn_command_find("version");
        break;
    case C_QUIET:
        cli->quiet = true;
        break;
    case C_VERBOSE:
        cli->verbose = true;
        break;
    case C_YES:
        cli->yes = true;
        break;
    case C_HELP:
        cli->help = true;
        break;
    case C_COUNT:
        break;
    }
    return 0;
}

static int take_flag(struct tsn_cli *cli, int which, const char *value)
{
    cli->given |= TSN_BIT(which);
    cli->flag[which] = value ? value : "";
    if (which == TSN_FLAG_SET || which == TSN_FLAG_INPUT || which == TSN_FLAG_ASSUME ||
        which == TSN_FLAG_INDICATOR || which == TSN_FLAG_TRUST || which == TSN_FLAG_WITNESS) {
        const char **list = which == TSN_FLAG_INDICATOR ? cli->indicator
                            : which == TSN_FLAG_TRUST   ? cli->trust
                            : which == TSN_FLAG_WITNESS ? cli->witness
                                                        : cli->set;
        size_t *n = which == TSN_FLAG_INDICATOR ? &cli->nindicator
                    : which == TSN_FLAG_TRUST   ? &cli->ntrust
                    : which == TSN_FLAG_WITNESS ? &cli->nwitness
                                                : &cli->nset;
        if (*n == TSN_LIST_MAX)
            return usage(cli, "U002", "", "a flag comes too often");
        list[(*n)++] = value;
    }
    return 0;
}

#define FIRST_FLAG   1000
#define FIRST_COMMON 2000

static void long_options(struct option *options)
{
    size_t n = 0;
    for (int i = 0; i < TSN_FLAGS; i++)
        options[n++] = (struct option){
            tsn_flag_infos[i].name, tsn_flag_infos[i].value ? required_argument : no_argument,
            NULL, FIRST_FLAG + i};
    for (int i = 0; i < C_COUNT; i++)
        options[n++] =
            (struct option){tsn_common_flags[i].name,
                            tsn_common_flags[i].value ? required_argument : no_argument, NULL,
                            FIRST_COMMON + i};
    options[n] = (struct option){NULL, 0, NULL, 0};
}

/* `-outcome:ok` is a term of a query and no bundle of flags; `!` means the same and is none. */
static void keep_terms(struct tsn_cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        size_t letters =
            argv[i][0] == '-' ? strspn(argv[i] + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
        if (letters > 1 && argv[i][letters + 1] == ':')
            argv[i] = tsn_arena_printf(cli->arena, "!%s", argv[i] + 1);
    }
}

static int parse_flags(struct tsn_cli *cli, int argc, char **argv)
{
    struct option options[TSN_FLAGS + C_COUNT + 1];
    keep_terms(cli, argc, argv);
    long_options(options);
    opterr = 0;
    for (;;) {
        int at = optind;
        int c = getopt_long(argc, argv, ":qvyh", options, NULL);
        int rc = 0;
        if (c == -1)
            return 0;
        if (c == ':')
            rc = usage(cli, "U002", "",
                       tsn_arena_printf(cli->arena, "%s needs a value", argv[optind - 1]));
        else if (c == '?')
            rc = bad_flag(cli, optopt && optopt < FIRST_FLAG
                                   ? tsn_arena_printf(cli->arena, "-%c", optopt)
                                   : argv[at < optind - 1 ? optind - 1 : at]);
        else if (c >= FIRST_COMMON)
            rc = take_common(cli, c - FIRST_COMMON, optarg);
        else if (c >= FIRST_FLAG)
            rc = take_flag(cli, c - FIRST_FLAG, optarg);
        else
            rc = take_common(cli,
                             c == 'q'   ? C_QUIET
                             : c == 'v' ? C_VERBOSE
                             : c == 'y' ? C_YES
                                        : C_HELP,
                             NULL);
        if (rc)
            return rc;
    }
}

/* --- the command ------------------------------------------------------------------------- */

static int unknown_command(struct tsn_cli *cli, const char *one, const char *two)
{
    const char *names[64];
    size_t n = 0;
    bool group = false;
    for (size_t i = 0; i < tsn_ncommands && n < 64; i++) {
        names[n++] = tsn_commands[i].words;
        size_t len = strcspn(tsn_commands[i].words, " ");
        if (strlen(one) == len && strncmp(tsn_commands[i].words, one, len) == 0)
            group = true;
    }
    if (group) {
        /* `tocsin case`: say what can follow. */
        struct tsn_buf b;
        tsn_buf_init(&b, 1024);
        for (size_t i = 0; i < tsn_ncommands; i++) {
            size_t len = strlen(one);
            if (strncmp(tsn_commands[i].words, one, len) == 0 &&
                tsn_commands[i].words[len] == ' ')
                (void)tsn_buf_printf(&b, "%s%s", b.len ? ", " : "",
                                     tsn_commands[i].words + len + 1);
        }
        const char *can = tsn_arena_strdup(cli->arena, b.data ? b.data : "");
        tsn_buf_free(&b);
        return usage(cli, "U001", tsn_arena_printf(cli->arena, "%s can: %s", one, can),
                     two ? tsn_arena_printf(cli->arena, "%s has no `%s`", one, two)
                         : tsn_arena_printf(cli->arena, "`%s` needs one more word", one));
    }
    const char *both = two ? tsn_arena_printf(cli->arena, "%s %s", one, two) : one;
    const char *near = tsn_suggest(both, names, n);
    if (!near)
        near = tsn_suggest(one, names, n);
    return usage(cli, "U001",
                 near ? tsn_arena_printf(cli->arena, "Did you mean `tocsin %s`?", near)
                      : "`tocsin help` lists the commands.",
                 tsn_arena_printf(cli->arena, "there is no command `%s`", one));
}

static int find_command(struct tsn_cli *cli, int argc, char **argv)
{
    int at = optind;
    if (cli->command)
        return 0;
    if (at >= argc) {
        cli->command = tsn_command_find("help"); /* bare `tocsin` */
        cli->help = false;
        return 0;
    }
    const char *one = argv[at], *two = at + 1 < argc ? argv[at + 1] : NULL;
    if (two)
        cli->command = tsn_command_find(tsn_arena_printf(cli->arena, "%s %s", one, two));
    if (cli->command) {
        at += 2;
    } else {
        cli->command = tsn_command_find(one);
        if (!cli->command)
            return unknown_command(cli, one, two);
        at++;
    }
    for (; at < argc; at++) {
        if (cli->nargs == sizeof(cli->arg) / sizeof(cli->arg[0]))
            return usage(cli, "U003", "", "too many arguments");
        cli->arg[cli->nargs++] = argv[at];
    }
    return 0;
}

static int check_command(struct tsn_cli *cli)
{
    const struct tsn_command *c = cli->command;
    const char *hint = tsn_arena_printf(cli->arena, "For example: %s", c->example);
    tsn_flagset wrong = cli->given & ~c->flags;
    for (int i = 0; wrong && i < TSN_FLAGS; i++) {
        if (wrong & TSN_BIT(i))
            return usage(cli, "U002", hint,
                         tsn_arena_printf(cli->arena, "`%s` does not take --%s", c->words,
                                          tsn_flag_infos[i].name));
    }
    if (cli->nargs < c->least)
        return usage(cli, "U003", hint,
                     tsn_arena_printf(cli->arena, "`%s` needs %s", c->words, c->args));
    if (cli->nargs > c->most)
        return usage(
            cli, "U003", hint,
            tsn_arena_printf(cli->arena, "`%s` takes no `%s`", c->words, cli->arg[c->most]));
    return 0;
}

int main(int argc, char **argv)
{
    struct tsn_cli cli = {.arena = tsn_arena_new()};
    tsn_crypto_init();
    tsn_json_init();
    /* Errors of the parsing itself follow --json too, wherever it stands. */
    for (int i = 1; i < argc; i++)
        cli.json = cli.json || strcmp(argv[i], "--json") == 0;
    int rc = parse_flags(&cli, argc, argv);
    tsn_out_init(&cli);
    if (!rc)
        rc = find_command(&cli, argc, argv);
    if (!rc && cli.help)
        rc = tsn_help_command(&cli, cli.command);
    else if (!rc && !(rc = check_command(&cli)))
        rc = cli.command->run(&cli);
    rc = tsn_out_end(&cli, rc);
    tsn_arena_destroy(cli.arena);
    return rc;
}
