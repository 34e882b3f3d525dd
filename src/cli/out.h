/* out.h - what commands say: data on stdout, words on stderr, for eyes or as JSON.
 *
 * Text from outside is made harmless for terminals: control and direction characters become '?'.
 * One thread.
 */
#pragma once

#include "cli/cli.h"

enum tsn_style { TSN_PLAIN, TSN_BOLD, TSN_DIM, TSN_RED, TSN_GREEN, TSN_YELLOW };

void tsn_out_init(struct tsn_cli *cli);
/* Flushes stdout; `exit` when all went well, 0 on a closed pipe, 1 on any other failed write. */
int tsn_out_end(struct tsn_cli *cli, int exit);

/* Prints harmless text in a style (when the stream is painted). */
void tsn_out_text(struct tsn_cli *cli, FILE *to, enum tsn_style style, const char *s);
/* Words for people on stderr; nothing with --quiet or --json. */
void tsn_out_say(struct tsn_cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* With --json: one line { "type": "result", "command", "ok": true, ...members of value }. */
void tsn_out_json(struct tsn_cli *cli, const json_t *value);
void tsn_out_json_not_ok(struct tsn_cli *cli, const json_t *value, int exit);

/* The error on stderr, JSON or words; returns `exit`. */
int tsn_out_fail(struct tsn_cli *cli, int exit, const struct tsn_diag *diag);
int tsn_out_failf(struct tsn_cli *cli, int exit, tsn_err err, const char *code,
                  const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The exit code that fits an error without an HTTP answer. */
int tsn_out_exit_of(tsn_err err);

/* Columns padded to the widest cell; cells are copied. */
struct tsn_grid;
struct tsn_grid *tsn_grid_new(struct tsn_cli *cli, size_t columns);
void tsn_grid_cell(struct tsn_grid *g, enum tsn_style style, const char *text);
void tsn_grid_print(struct tsn_grid *g, FILE *to, int indent);

/* Local time with its offset, or UTC with --utc; from RFC 3339; "-" for NULL. In the arena. */
const char *tsn_out_time(struct tsn_cli *cli, const char *rfc3339);
/* "27 min left", "2 h late", "3 d ago" relative to now; "" for NULL. */
const char *tsn_out_left(struct tsn_cli *cli, const char *rfc3339);
/* The word a severity or state is painted in. */
enum tsn_style tsn_out_style_of(const char *word);
/* A value of any JSON type as short text. */
const char *tsn_out_value(struct tsn_cli *cli, const json_t *v);

/* Asks on the terminal (stderr and stdin); NULL when nobody can be asked or the line is empty. */
const char *tsn_out_ask(struct tsn_cli *cli, const char *question);
bool tsn_out_can_ask(const struct tsn_cli *cli);
