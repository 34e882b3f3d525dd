/* cli_list.h - one page of a list of the daemon, as columns or JSON. One thread. */
#pragma once

#include "cli/cli.h"

enum tsn_column_as { TSN_AS_TEXT, TSN_AS_WORD, TSN_AS_TIME, TSN_AS_LEFT };
struct tsn_column {
    const char *title, *key;
    enum tsn_column_as as;
};
/* "?state=open&limit=5" from the flags that were given, `extra` first; in the arena. */
const char *tsn_cli_params(struct tsn_cli *cli, const char *extra);
void tsn_cli_rows(struct tsn_cli *cli, const json_t *items, const struct tsn_column *columns,
                  size_t n);
/* Gets the page and prints it; the exit code. */
int tsn_cli_list(struct tsn_cli *cli, const char *path, const struct tsn_column *columns,
                 size_t n);
#define TSN_CLI_LIST(cli, path, columns)                                                       \
    tsn_cli_list(cli, path, columns, sizeof(columns) / sizeof((columns)[0]))
