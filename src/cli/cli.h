/* cli.h - what the commands share: the parsed command line, exit codes, the table row.
 *
 * Private to src/cli. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "core/diag.h"
#include "core/mem.h"

/* `tsn_exit_table` in cmd_help.c describes each; never reused. */
enum tsn_exit {
    TSN_EXIT_OK = 0,
    TSN_EXIT_FAILED = 1,
    TSN_EXIT_USAGE = 2,
    TSN_EXIT_PARTLY = 3,
    TSN_EXIT_NOT_FOUND = 4,
    TSN_EXIT_CONFLICT = 5,
    TSN_EXIT_DENIED = 6,
    TSN_EXIT_UNREACHABLE = 7,
    TSN_EXIT_GAVE_UP = 8,
    TSN_EXIT_PROBLEMS = 9,
    TSN_EXIT_DIFFERENCES = 10,
    TSN_EXIT_TAMPERED = 20,
    TSN_EXIT_CANNOT_TELL = 21,
    TSN_EXIT_UNUSABLE = 22,
    TSN_EXIT_RUN_FAILED = 30,
    TSN_EXIT_REJECTED = 31,
    TSN_EXIT_CANCELLED = 32,
    TSN_EXIT_WAITS = 33,
    TSN_EXIT_TRY_AGAIN = 75, /* EX_TEMPFAIL of sysexits.h: what mail servers understand */
    TSN_EXIT_INTERRUPTED = 130
};

/* Flags of single commands. */
enum tsn_flag {
    TSN_FLAG_REASON,
    TSN_FLAG_PLAN,
    TSN_FLAG_SET,
    TSN_FLAG_UNTIL,
    TSN_FLAG_STATE,
    TSN_FLAG_CASE,
    TSN_FLAG_RUN,
    TSN_FLAG_KIND,
    TSN_FLAG_PLAYBOOK,
    TSN_FLAG_MINE,
    TSN_FLAG_ALL,
    TSN_FLAG_LIMIT,
    TSN_FLAG_FROM,
    TSN_FLAG_OUT,
    TSN_FLAG_TITLE,
    TSN_FLAG_PRODUCT,
    TSN_FLAG_MAIL,
    TSN_FLAG_NAME,
    TSN_FLAG_SEVERITY,
    TSN_FLAG_TEXT,
    TSN_FLAG_INDICATOR,
    TSN_FLAG_FILE,
    TSN_FLAG_KEY,
    TSN_FLAG_SCOPE,
    TSN_FLAG_EXPIRES,
    TSN_FLAG_FOR,
    TSN_FLAG_PERSON,
    TSN_FLAG_ORGANISATION,
    TSN_FLAG_DOMAIN,
    TSN_FLAG_LISTEN,
    TSN_FLAG_PROFILE,
    TSN_FLAG_SARIF,
    TSN_FLAG_TO,
    TSN_FLAG_TSV,
    TSN_FLAG_SBOM,
    TSN_FLAG_AGAINST,
    TSN_FLAG_INPUT,
    TSN_FLAG_DONE,
    TSN_FLAG_FAILED,
    TSN_FLAG_RETRY,
    TSN_FLAG_RESULT,
    TSN_FLAG_STEP,
    TSN_FLAG_DRY_RUN,
    TSN_FLAG_KEYRING,
    TSN_FLAG_TRUST,
    TSN_FLAG_SINCE,
    TSN_FLAG_BEFORE,
    TSN_FLAG_AT,
    TSN_FLAG_SEED,
    TSN_FLAG_CSV,
    TSN_FLAG_STRICT,
    TSN_FLAG_CONNECTORS,
    TSN_FLAG_FILTER,
    TSN_FLAG_CRASH,
    TSN_FLAG_JUNIT,
    TSN_FLAG_FORMAT,
    TSN_FLAG_TLP,
    TSN_FLAG_CURSOR,
    TSN_FLAG_FOLLOW,
    TSN_FLAG_OPEN,
    TSN_FLAG_CA,
    TSN_FLAG_PEN,
    TSN_FLAG_BASIS,
    TSN_FLAG_AGREE,
    TSN_FLAG_FIXTURE,
    TSN_FLAG_LIKE,
    TSN_FLAG_LIVE_READS,
    TSN_FLAG_ASSUME,
    TSN_FLAG_EXIT_EFFECTS,
    TSN_FLAG_GOTO,
    TSN_FLAG_BREAK,
    TSN_FLAG_WITH,
    TSN_FLAG_WITNESS,
    TSN_FLAG_AT_LEAST,
    TSN_FLAG_REMEMBER,
    TSN_FLAG_PROGRAMME,
    TSN_FLAG_WITHIN,
    TSN_FLAG_CWE,
    TSN_FLAG_CVSS,
    TSN_FLAG_AFFECTED,
    TSN_FLAGS
};
/* A set of flags: there are more than 64. */
__extension__ typedef unsigned __int128 tsn_flagset;
#define TSN_BIT(flag) ((tsn_flagset)1 << (flag))
_Static_assert(TSN_FLAGS < 128, "a set of flags has 128 bits");

#define TSN_ARGS_MAX 4096 /* arguments of one command */
#define TSN_LIST_MAX 64   /* values of a flag that may come several times */

enum tsn_colour { TSN_COLOUR_AUTO, TSN_COLOUR_ALWAYS, TSN_COLOUR_NEVER };

struct tsn_command;
struct tsn_cli {
    const struct tsn_command *command;
    struct tsn_arena *arena;
    bool json, quiet, verbose, no_input, yes, utc, help;
    enum tsn_colour colour;
    bool paint_out, paint_err; /* decided per stream */
    const char *server, *socket, *config_file, *data, *as;
    int64_t timeout_ms; /* 0 = not given */
    tsn_flagset given;  /* bits of enum tsn_flag */
    const char *flag[TSN_FLAGS];
    const char *set[TSN_LIST_MAX], *indicator[TSN_LIST_MAX];
    const char *trust[TSN_LIST_MAX], *witness[TSN_LIST_MAX];
    size_t nset, nindicator, ntrust, nwitness;
    const char *arg[TSN_ARGS_MAX]; /* behind the command's words */
    size_t nargs;
};

struct tsn_command {
    const char *words;   /* "case timeline" */
    const char *args;    /* "ID" */
    const char *summary; /* one sentence part */
    const char *example;
    tsn_flagset flags;
    size_t least, most; /* arguments */
    int (*run)(struct tsn_cli *cli);
};

/* The rows of commands_*.c, each table ended by a row without words. */
extern const struct tsn_command tsn_commands_everyday[], tsn_commands_case[],
    tsn_commands_run[], tsn_commands_advisory[], tsn_commands_feed[], tsn_commands_mail[],
    tsn_commands_authoring[], tsn_commands_audit[], tsn_commands_running[], tsn_commands_more[];

struct tsn_command_table {
    const char *group; /* its heading on the help page; tables of one group stand together */
    const struct tsn_command *rows;
};
/* Ends with a table without rows. */
extern const struct tsn_command_table tsn_command_tables[];

/* Walks over all commands in the order of the help page. */
struct tsn_command_place {
    const struct tsn_command_table *table;
    const struct tsn_command *row;
    const char *group; /* of the command that next gave last */
};
void tsn_command_first(struct tsn_command_place *at);
const struct tsn_command *tsn_command_next(struct tsn_command_place *at); /* NULL at the end */

struct tsn_flag_info {
    const char *name, *value, *summary; /* value NULL: takes none */
};
extern const struct tsn_flag_info tsn_flag_infos[TSN_FLAGS];
/* Long names of the flags that every command takes. */
extern const struct tsn_flag_info tsn_common_flags[];

int tsn_cmd_status(struct tsn_cli *cli);
int tsn_cmd_show(struct tsn_cli *cli);
int tsn_cmd_watch(struct tsn_cli *cli);
int tsn_cmd_approve(struct tsn_cli *cli);
int tsn_cmd_reject(struct tsn_cli *cli);
int tsn_cmd_answer(struct tsn_cli *cli);
int tsn_cmd_note(struct tsn_cli *cli);
int tsn_cmd_report_submit(struct tsn_cli *cli);
int tsn_cmd_report_import(struct tsn_cli *cli);
int tsn_cmd_report_list(struct tsn_cli *cli);
int tsn_cmd_case_list(struct tsn_cli *cli);
int tsn_cmd_case_timeline(struct tsn_cli *cli);
/* cmd_case.c: --set K=V and --reason as arguments of an operation. */
int tsn_cli_set_json(struct tsn_cli *cli, json_t *args);
int tsn_cmd_policy_explain(struct tsn_cli *cli);
int tsn_cmd_case_search(struct tsn_cli *cli);
int tsn_cmd_case_figures(struct tsn_cli *cli);
int tsn_cmd_case_export(struct tsn_cli *cli);
int tsn_cmd_case_bulk(struct tsn_cli *cli);
int tsn_cmd_case_attach(struct tsn_cli *cli);
int tsn_cmd_report_duplicates(struct tsn_cli *cli);
int tsn_cmd_bounty_list(struct tsn_cli *cli);
int tsn_cmd_bounty_announcement(struct tsn_cli *cli);
int tsn_cmd_bounty_import(struct tsn_cli *cli);
int tsn_cmd_clock_list(struct tsn_cli *cli);
int tsn_cmd_policy_list(struct tsn_cli *cli);
int tsn_cmd_policy_show(struct tsn_cli *cli);
int tsn_cmd_policy_check(struct tsn_cli *cli);
int tsn_cmd_policy_propose(struct tsn_cli *cli);
int tsn_cmd_policy_decide(struct tsn_cli *cli);
int tsn_cmd_case_do(struct tsn_cli *cli);
int tsn_cmd_case_tell(struct tsn_cli *cli);
int tsn_cmd_case_op(struct tsn_cli *cli);
int tsn_cmd_case_operations(struct tsn_cli *cli);
int tsn_cmd_case_tracks(struct tsn_cli *cli);
int tsn_cmd_advisory_notices(struct tsn_cli *cli);
int tsn_cmd_run_list(struct tsn_cli *cli);
int tsn_cmd_run_log(struct tsn_cli *cli);
int tsn_cmd_run_start(struct tsn_cli *cli);
int tsn_cmd_run_show(struct tsn_cli *cli);
int tsn_cmd_run_cancel(struct tsn_cli *cli);
int tsn_cmd_run_pause(struct tsn_cli *cli);
int tsn_cmd_run_resume(struct tsn_cli *cli);
int tsn_cmd_run_retry(struct tsn_cli *cli);
int tsn_cmd_run_move(struct tsn_cli *cli);
int tsn_cmd_playbook_deploy(struct tsn_cli *cli);
int tsn_cmd_run_resolve(struct tsn_cli *cli);
int tsn_cmd_task_list(struct tsn_cli *cli);
int tsn_cmd_task_delegate(struct tsn_cli *cli);
int tsn_cmd_advisory_lint(struct tsn_cli *cli);
int tsn_cmd_advisory_draft(struct tsn_cli *cli);
int tsn_cmd_advisory_new(struct tsn_cli *cli);
int tsn_cmd_advisory_list(struct tsn_cli *cli);
int tsn_cmd_advisory_show(struct tsn_cli *cli);
int tsn_cmd_advisory_verb(struct tsn_cli *cli);
int tsn_cmd_advisory_diff(struct tsn_cli *cli);
int tsn_cmd_advisory_preview(struct tsn_cli *cli);
int tsn_cmd_advisory_export(struct tsn_cli *cli);
int tsn_cmd_feed_list(struct tsn_cli *cli);
int tsn_cmd_feed_poll(struct tsn_cli *cli);
int tsn_cmd_feed_show(struct tsn_cli *cli);
int tsn_cmd_feed_add(struct tsn_cli *cli);
int tsn_cmd_feed_remove(struct tsn_cli *cli);
int tsn_cmd_feed_pause(struct tsn_cli *cli);
int tsn_cmd_feed_resume(struct tsn_cli *cli);
int tsn_cmd_feed_trust(struct tsn_cli *cli);
int tsn_cmd_feed_release(struct tsn_cli *cli);
int tsn_cmd_feed_replay(struct tsn_cli *cli);
int tsn_cmd_feed_quarantine(struct tsn_cli *cli);
int tsn_cmd_feed_retry(struct tsn_cli *cli);
int tsn_cmd_feed_accept(struct tsn_cli *cli);
int tsn_cmd_decision_run(struct tsn_cli *cli);
int tsn_cmd_decision_drop(struct tsn_cli *cli);
int tsn_cmd_match_decide(struct tsn_cli *cli);
int tsn_cmd_decision_list(struct tsn_cli *cli);
int tsn_cmd_decision_show(struct tsn_cli *cli);
int tsn_cmd_customer_list(struct tsn_cli *cli);
int tsn_cmd_customer_show(struct tsn_cli *cli);
int tsn_cmd_customer_add(struct tsn_cli *cli);
int tsn_cmd_customer_edit(struct tsn_cli *cli);
int tsn_cmd_customer_remove(struct tsn_cli *cli);
int tsn_cmd_customer_import(struct tsn_cli *cli);
int tsn_cmd_audit_log(struct tsn_cli *cli);
int tsn_cmd_audit_erase(struct tsn_cli *cli);
int tsn_cmd_audit_stream(struct tsn_cli *cli);
int tsn_cmd_audit_report(struct tsn_cli *cli);
int tsn_cmd_audit_verify(struct tsn_cli *cli);
int tsn_cmd_audit_export(struct tsn_cli *cli);
int tsn_cmd_audit_bundle(struct tsn_cli *cli); /* export of a case, a range or everything */
int tsn_cmd_witness_init(struct tsn_cli *cli);
int tsn_cmd_witness_serve(struct tsn_cli *cli);
int tsn_cmd_audit_head(struct tsn_cli *cli);
int tsn_cmd_audit_new_epoch(struct tsn_cli *cli);
int tsn_cmd_audit_rotate_key(struct tsn_cli *cli);
int tsn_cmd_config_check(struct tsn_cli *cli);
int tsn_cmd_token_create(struct tsn_cli *cli);
int tsn_cmd_token_revoke(struct tsn_cli *cli);
int tsn_cmd_secret_set(struct tsn_cli *cli);
int tsn_cmd_secret_list(struct tsn_cli *cli);
int tsn_cmd_secret_remove(struct tsn_cli *cli);
int tsn_cmd_init(struct tsn_cli *cli);
int tsn_cmd_serve(struct tsn_cli *cli);
int tsn_cmd_version(struct tsn_cli *cli);
int tsn_cmd_help(struct tsn_cli *cli);
int tsn_cmd_explain(struct tsn_cli *cli);
int tsn_cmd_demo(struct tsn_cli *cli);
int tsn_cmd_cvss(struct tsn_cli *cli);
int tsn_cmd_playbook_list(struct tsn_cli *cli);
int tsn_cmd_playbook_new(struct tsn_cli *cli);
int tsn_cmd_playbook_lint(struct tsn_cli *cli);
int tsn_cmd_playbook_test(struct tsn_cli *cli);
int tsn_cmd_playbook_check(struct tsn_cli *cli);
int tsn_cmd_playbook_debug(struct tsn_cli *cli);
int tsn_cmd_run_export_fixture(struct tsn_cli *cli);
int tsn_cmd_version_compare(struct tsn_cli *cli);
int tsn_cmd_purl(struct tsn_cli *cli);
int tsn_cmd_cpe(struct tsn_cli *cli);
int tsn_cmd_cwe(struct tsn_cli *cli);
int tsn_cmd_cve(struct tsn_cli *cli);
int tsn_cmd_ssvc(struct tsn_cli *cli);
int tsn_cmd_hook_list(struct tsn_cli *cli);
int tsn_cmd_hook_test(struct tsn_cli *cli);
int tsn_cmd_mail_parse(struct tsn_cli *cli);
int tsn_cmd_key_list(struct tsn_cli *cli);
int tsn_cmd_key_import(struct tsn_cli *cli);
int tsn_cmd_key_export(struct tsn_cli *cli);
int tsn_cmd_key_rotate(struct tsn_cli *cli);
int tsn_cmd_plugin_list(struct tsn_cli *cli);
int tsn_cmd_plugin_show(struct tsn_cli *cli);
int tsn_cmd_plugin_test(struct tsn_cli *cli);
int tsn_cmd_plugin_new(struct tsn_cli *cli);
int tsn_cmd_plugin_catalogue(struct tsn_cli *cli);
int tsn_cmd_plugin_accept(struct tsn_cli *cli);
int tsn_cmd_mail_receive(struct tsn_cli *cli);
int tsn_cmd_mail_list(struct tsn_cli *cli);
int tsn_cmd_mail_assign(struct tsn_cli *cli);
int tsn_cmd_match(struct tsn_cli *cli);
int tsn_cmd_feed_diff(struct tsn_cli *cli);
int tsn_cmd_match_list(struct tsn_cli *cli);
int tsn_cmd_explain_match(struct tsn_cli *cli);
int tsn_cmd_product_list(struct tsn_cli *cli);
int tsn_cmd_product_diff(struct tsn_cli *cli);
int tsn_cmd_product_import(struct tsn_cli *cli);

/* cmd_help.c: the page of one command, to stdout. */
int tsn_help_command(struct tsn_cli *cli, const struct tsn_command *c);
const struct tsn_command *tsn_command_find(const char *words);

/* cli_lines.c: the next line of standard input without its end (LF or CRLF). What is longer than
 * `cap` - 1 is cut and a NUL becomes '?', so that neither passes for what it is not. False at the
 * end. */
bool tsn_cli_line(char *line, size_t cap);
/* Runs `one` for each line that is neither empty nor a comment (#), with the line's number. 0, or
 * the exit code when standard input cannot be read. */
int tsn_cli_lines(struct tsn_cli *cli, size_t cap,
                  void (*one)(void *user, const char *line, int number), void *user);
/* cmd_log.c: the arguments as one query of the log; in the arena. */
const char *tsn_cli_query(struct tsn_cli *cli);

/* Where things are (cli_place.c): the configuration file, the data directory and the socket that
 * the flags, the environment or the defaults name; NULL where there is none. In the arena. */
const char *tsn_place_config(struct tsn_cli *cli);
const char *tsn_place_data(struct tsn_cli *cli);
const char *tsn_place_socket(struct tsn_cli *cli);
/* A database file and the key file beside it (NULL: none there, sealed text stays sealed). */
struct tsn_place {
    const char *db, *key;
};
/* `named`: a data directory, one that `tocsin init` made, or the file; NULL = the configured one. */
void tsn_place_database(struct tsn_cli *cli, const char *named, struct tsn_place *out);
/* Read-only: works on a copy, on a read-only disk and beside a running daemon. */
struct tsn_store;
tsn_err tsn_place_open(const struct tsn_place *p, struct tsn_store **st, struct tsn_diag *diag);
/* A folder that comes with tocsin: of the source a build was made of, else installed; NULL = none. */
const char *tsn_place_shared(struct tsn_arena *arena, const char *name);
