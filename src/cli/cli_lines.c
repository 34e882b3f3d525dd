/* cli_lines.c - standard input, line by line, in memory that does not grow. One thread. */
#include <errno.h>
#include <string.h>
#include "cli/out.h"

bool tsn_cli_line(char *line, size_t cap)
{
    size_t n = 0;
    int c = getc_unlocked(stdin);
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n'; c = getc_unlocked(stdin)) {
        if (n < cap - 1)
            line[n++] = c == '\0' ? '?' : (char)c;
    }
    if (n > 0 && n < cap - 1 && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    return true;
}

int tsn_cli_lines(struct tsn_cli *cli, size_t cap,
                  void (*one)(void *user, const char *line, int number), void *user)
{
    char *line = tsn_arena_alloc(cli->arena, cap);
    for (int number = 1; !ferror(stdout) && tsn_cli_line(line, cap); number++) {
        if (line[0] != '\0' && line[0] != '#')
            one(user, line, number);
    }
    if (ferror(stdin))
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "", "standard input: %s",
                             strerror(errno));
    return 0;
}
