/* pluginhost_main.c - tocsin-plugin-host: one C plugin in a process of its own.
 *
 *   tocsin-plugin-host [--manifest FILE] LIBRARY
 *
 * Loads LIBRARY (include/tocsin/plugin.h) and speaks the protocol of docs/plugin-protocol.md for
 * it, so that the core sees one more exec plugin. The two descriptors of the protocol are moved
 * away before anything is loaded: what the plugin prints goes to the log, what it reads is empty.
 * Ends with 0 when the core hangs up, 2 on bad usage, 3 when the library is refused, 4 when what
 * comes is not the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"
#include "pluginhost/pluginhost.h"

#define LINE_LIMIT ((size_t)4 << 20)

#ifdef TOCSIN_SANITIZED
/* Under tocsin-exec the leak check may not attach and would change the exit code; tests ask for
 * it with ASAN_OPTIONS. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static int refuse(const struct tsn_diag *diag, int code)
{
    fprintf(stderr, "tocsin-plugin-host: %s: %s", diag->code, diag->what);
    if (diag->file[0] && diag->line > 0)
        fprintf(stderr, " (%s:%d)", diag->file, diag->line);
    fputc('\n', stderr);
    return code;
}

/* Moves the protocol to descriptors that the plugin does not know. */
static bool take_channel(int *in, int *out)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    *in = fcntl(0, F_DUPFD_CLOEXEC, 3);
    *out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (nothing < 0 || *in < 0 || *out < 0 || dup2(nothing, 0) < 0 || dup2(2, 1) < 0)
        return false;
    if (nothing > 2)
        close(nothing);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return true;
}

static tsn_err take(void *user, const json_t *m, struct tsn_diag *diag)
{
    (void)user;
    return tsn_ph_message(m, diag);
}

/* Until the core hangs up (0), or says what is not the protocol. */
static tsn_err serve(int in_fd, int wake_fd, struct tsn_diag *diag)
{
    static char bytes[64 << 10];
    struct pollfd fds[] = {{.fd = in_fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    struct tsn_buf in;
    uint64_t count;
    tsn_err err = 0;

    tsn_buf_init(&in, LINE_LIMIT);
    while (!err) {
        ssize_t n;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents && read(wake_fd, &count, sizeof(count)) > 0)
            tsn_ph_pump();
        if (!fds[0].revents)
            continue;
        n = read(in_fd, bytes, sizeof(bytes));
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
        if (n > 0)
            err = tsn_buf_put(&in, bytes, (size_t)n);
        if (err)
            tsn_diag_set(diag, err, "R054", "a line over 4 MiB");
        else if (n > 0)
            err = tsn_json_lines(&in, take, NULL, diag);
    }
    tsn_buf_free(&in);
    return err;
}

int main(int argc, char **argv)
{
    const char *manifest = NULL;
    struct tsn_ph_lib *lib;
    struct tsn_diag diag;
    int in_fd, out_fd, wake_fd, i = 1;
    tsn_err err;

    if (argc > 3 && strcmp(argv[1], "--manifest") == 0) {
        manifest = argv[2];
        i = 3;
    }
    if (i + 1 != argc || argv[i][0] == '-') {
        fprintf(stderr, "usage: tocsin-plugin-host [--manifest FILE] LIBRARY\n");
        return 2;
    }
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0 || !take_channel(&in_fd, &out_fd)) {
        fprintf(stderr, "tocsin-plugin-host: no descriptors: %s\n", strerror(errno));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    tsn_json_init();
    tsn_diag_init(&diag);
    if (tsn_ph_load(&lib, argv[i], &diag) != 0)
        return refuse(&diag, 3);
    if (manifest && tsn_ph_agree(lib, manifest, &diag) != 0) {
        tsn_ph_unload(lib);
        return refuse(&diag, 3);
    }
    tsn_ph_open(lib, out_fd, wake_fd);
    err = serve(in_fd, wake_fd, &diag);
    if (err)
        refuse(&diag, 4);
    /* With calls open their threads may still use anything: leave without tidying. */
    fflush(stdout);
    if (!tsn_ph_close() || err)
        _exit(!err ? 0 : err == TSN_EREMOTE ? 3 : 4);
    return 0;
}
