/* exec_main.c - tocsin-exec: applies limits and a deny-list, then becomes the given program.
 *
 *   tocsin-exec --memory BYTES --cpu SECONDS --files N [--guard PROCESSES] -- PROGRAM ARGS...
 *
 * The core starts exec plugins through it, so that a plugin runs confined without knowing of
 * tocsin. With --guard it stays beside the program and ends all of it (guard.h; 0 = any number of processes).
 * Exit 127 when PROGRAM cannot be run, 126 when the confinement fails, 2 on bad usage.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/confine.h"
#include "core/text.h"
#include "core/guard.h"

#ifdef TOCSIN_SANITIZED
/* Not dumpable any more, so the leak check could not attach and would change our exit code. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static int usage(const char *why)
{
    fprintf(stderr,
            "tocsin-exec: %s\nusage: tocsin-exec [--memory BYTES] [--cpu SECONDS] [--files N] "
            "[--guard PROCESSES] -- PROGRAM [ARGS...]\n",
            why);
    return 2;
}

/* The parent may have died before PR_SET_PDEATHSIG was set; then nobody would ever end us. */
static int parent_is_gone(pid_t parent_at_start)
{
    if (getppid() != parent_at_start)
        return 1;
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return poll(&in, 1, 0) == 1 && (in.revents & POLLHUP) && !(in.revents & POLLIN);
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct tsn_confine c = {.role = TSN_ROLE_EXEC, .channel_fd = -1};
    long processes = -1; /* not guarded */
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        int64_t v;
        if (i + 1 >= argc || tsn_parse_int(argv[i + 1], 0, INT64_MAX, &v) != 0)
            return usage("a limit needs a number");
        if (strcmp(argv[i], "--memory") == 0)
            c.memory_bytes = (size_t)v;
        else if (strcmp(argv[i], "--cpu") == 0 && v <= INT32_MAX)
            c.cpu_seconds = (unsigned)v;
        else if (strcmp(argv[i], "--files") == 0 && v <= INT32_MAX)
            c.files = (unsigned)v;
        else if (strcmp(argv[i], "--guard") == 0 && v <= INT32_MAX)
            processes = (long)v;
        else
            return usage("unknown option or number out of range");
    }
    if (i + 1 >= argc)
        return usage("no program given behind --");
    char **program = argv + i + 1;

    char weaker[256] = "";
    if (tsn_confine(&c, weaker, sizeof(weaker)) != 0) {
        fprintf(stderr, "tocsin-exec: cannot confine %s\n", program[0]);
        return 126;
    }
    if (weaker[0])
        fprintf(stderr, "tocsin-exec: weaker confinement of %s: %s\n", program[0], weaker);
    if (processes >= 0)
        tsn_guard(program, processes, parent);
    if (parent_is_gone(parent))
        return 126;
    execv(program[0], program);
    fprintf(stderr, "tocsin-exec: cannot run %s: %s\n", program[0], strerror(errno));
    return 127;
}
