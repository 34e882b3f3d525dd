/* demo_run.c - starting and stopping what the demo plays with. Owns the child processes. */
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"

#define OUTPUT_MAX ((size_t)8 << 20)
#define READY_MS   15000

void tsn_demo_say(struct tsn_demo *d, const char *fmt, ...)
{
    struct tsn_buf b;
    va_list ap;

    tsn_buf_init(&b, 65536);
    va_start(ap, fmt);
    tsn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    tsn_out_say(d->cli, "%s", b.data ? b.data : "");
    tsn_buf_free(&b);
}

void tsn_demo_chapter(struct tsn_demo *d, const char *title)
{
    tsn_demo_say(d, "\n[%4.1f s] %s", (double)(tsn_clock_mono_ms() - d->began_ms) / 1000,
                 title);
}

/* Becomes the program; stdout goes to out_fd, the rest to err_fd. */
static pid_t spawn(const char *const *argv, int out_fd, int err_fd)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDONLY);

    if (null >= 0)
        dup2(null, 0);
    if (out_fd >= 0)
        dup2(out_fd, 1);
    if (err_fd >= 0)
        dup2(err_fd, 2);
    setpgid(0, 0); /* Ctrl-C reaches the demo, which stops the rest in order */
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Words as somebody would type them: quoted where a shell would need it. */
static void show_words(struct tsn_demo *d, const char *person, const char *const *args)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 65536);
    tsn_buf_printf(&b, "  %s$ tocsin", person ? person : "");
    for (size_t i = 0; args[i]; i++) {
        bool plain =
            strspn(args[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "-_./:=@,") == strlen(args[i]);

        tsn_buf_printf(&b, plain ? " %s" : " \"%s\"", args[i]);
    }
    tsn_demo_say(d, "%s", b.data);
    tsn_buf_free(&b);
}

static void read_to_end(int fd, struct tsn_buf *out)
{
    char chunk[8192];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || tsn_buf_put(out, chunk, (size_t)n) != 0)
            return;
    }
}

static int run(struct tsn_demo *d, const char *person, const char *const *args, bool json,
               struct tsn_buf *out)
{
    const char *argv[48] = {d->self};
    size_t n = 1;
    int pipes[2], code, null;
    pid_t pid;

    for (size_t i = 0; args[i] && n < 40; i++)
        argv[n++] = args[i];
    argv[n++] = "--config";
    argv[n++] = d->config;
    if (person) {
        argv[n++] = "--as";
        argv[n++] = person;
    }
    if (json)
        argv[n++] = "--json";
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -1;
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid = spawn(argv, pipes[1], json ? pipes[1] : null);
    close(pipes[1]);
    if (null >= 0)
        close(null);
    if (pid > 0)
        read_to_end(pipes[0], out);
    close(pipes[0]);
    code = pid > 0 ? wait_for(pid) : -1;
    return code;
}

int tsn_demo_tocsin(struct tsn_demo *d, bool show, const char *person, const char *const *args,
                    json_t **out)
{
    struct tsn_buf text;
    json_t *value = NULL;
    int code;

    if (show)
        show_words(d, person, args);
    tsn_buf_init(&text, OUTPUT_MAX);
    code = run(d, person, args, true, &text);
    if (text.len > 0 && tsn_json_parse(text.data, text.len, &value, NULL) != 0)
        value = NULL;
    if (code != 0 && show)
        tsn_demo_say(d, "    exit code %d, %s: %s", code, tsn_json_str(value, "code", "?"),
                     tsn_json_str(value, "detail", text.data));
    tsn_buf_free(&text);
    if (out)
        *out = value;
    else
        json_decref(value);
    return code;
}

int tsn_demo_print(struct tsn_demo *d, const char *const *args)
{
    struct tsn_buf text;
    char *line, *rest;
    int code;

    show_words(d, NULL, args);
    tsn_buf_init(&text, OUTPUT_MAX);
    code = run(d, NULL, args, false, &text);
    for (line = text.data ? strtok_r(text.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        tsn_demo_say(d, "    %s", line);
    tsn_buf_free(&text);
    return code;
}

/* The daemon is ready when ready.json names its pid. */
static bool is_ready(struct tsn_demo *d)
{
    char *path = tsn_arena_printf(d->cli->arena, "%s/data/ready.json", d->dir);
    struct tsn_buf b;
    json_t *ready = NULL;
    bool yes;

    tsn_buf_init(&b, 4096);
    yes = tsn_buf_read_file(&b, path) == 0 &&
          tsn_json_parse(b.data, b.len, &ready, NULL) == 0 &&
          tsn_json_int(ready, "pid", 0) == d->serve;
    json_decref(ready);
    tsn_buf_free(&b);
    return yes;
}

int tsn_demo_serve(struct tsn_demo *d)
{
    const char *argv[] = {d->self, "serve", "--config", d->config, NULL};
    char *path = tsn_arena_printf(d->cli->arena, "%s/serve.log", d->dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int64_t end = tsn_clock_mono_ms() + READY_MS;

    d->serve = spawn(argv, log, log);
    if (log >= 0)
        close(log);
    while (d->serve > 0 && tsn_clock_mono_ms() < end) {
        if (is_ready(d))
            return 0;
        if (waitpid(d->serve, NULL, WNOHANG) == d->serve)
            d->serve = 0;
        poll(NULL, 0, 10);
    }
    return tsn_out_failf(d->cli, TSN_EXIT_FAILED, TSN_ETIMEOUT, "S090",
                         "look at the last lines of serve.log in the demo folder",
                         "the demo's daemon does not come up; its log is %s", path);
}

void tsn_demo_kill(struct tsn_demo *d)
{
    if (d->serve <= 0)
        return;
    kill(d->serve, SIGKILL);
    wait_for(d->serve);
    d->serve = 0;
}

int tsn_demo_provider(struct tsn_demo *d, const char *folder)
{
    const char *argv[] = {"python3",   "-u",          "-m",   "http.server", "--bind",
                          "127.0.0.1", "--directory", folder, "0",           NULL};
    char line[256] = "";
    const char *port;
    int pipes[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    size_t n = 0;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -1;
    d->provider = spawn(argv, pipes[1], null);
    close(pipes[1]);
    if (null >= 0)
        close(null);
    /* It prints one line: "Serving HTTP on 127.0.0.1 port 40001 (http://...) ..." */
    while (n < sizeof(line) - 1 && read(pipes[0], line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    /* Not closed: the server would die of its next line. */
    port = strstr(line, " port ");
    d->provider_port = port ? (int)strtol(port + 6, NULL, 10) : 0;
    return d->provider_port > 0 ? 0 : -1;
}

void tsn_demo_end(struct tsn_demo *d)
{
    if (d->serve > 0) {
        kill(d->serve, SIGTERM);
        wait_for(d->serve);
    }
    if (d->provider > 0) {
        kill(d->provider, SIGKILL);
        wait_for(d->provider);
    }
    d->serve = d->provider = 0;
}
