/* guard.c - see guard.h. Owns the program's process and all that come from it. */
#include "core/guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parent of /proc/PID; 0: it is gone. Its name may hold anything, so the last ')' counts. */
static int parent_of(const char *pid)
{
    char path[64], text[600], state;
    int fd, parent = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *behind = strrchr(text, ')');
    return behind && sscanf(behind + 1, " %c %d", &state, &parent) == 2 ? parent : 0;
}

static void each_process(void (*fn)(const char *pid, void *user), void *user)
{
    DIR *d = opendir("/proc");
    struct dirent *e;

    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            fn(e->d_name, user);
    }
    if (d)
        (void)closedir(d);
}

static void kill_ours(const char *pid, void *user)
{
    (void)user;
    if (parent_of(pid) == getpid())
        (void)kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
}

/* Killing a parent makes its children ours, until there are none. */
static void end_all(void)
{
    for (;;) {
        each_process(kill_ours, NULL);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    }
}

/* Tasks of our user: what RLIMIT_NPROC counts. */
static void count_ours(const char *pid, void *user)
{
    char path[64];
    struct stat st;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
    if (stat(path, &st) == 0 && st.st_uid == getuid())
        *(long *)user += (long)st.st_nlink - 2;
}

static void become(char *const *program, long processes, const sigset_t *mask)
{
    long n = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)setsid();
    if (processes > 0) {
        each_process(count_ours, &n);
        const struct rlimit limit = {(rlim_t)(n + processes), (rlim_t)(n + processes)};
        if (setrlimit(RLIMIT_NPROC, &limit) != 0)
            _exit(126);
    }
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execv(program[0], program);
    (void)fprintf(stderr, "tocsin-exec: cannot run %s: %s\n", program[0], strerror(errno));
    _exit(127);
}

/* As the program ended, so do we: the core sees its code or signal. */
static _Noreturn void end_as(int status)
{
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    sigset_t one;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, WTERMSIG(status));
    (void)signal(WTERMSIG(status), SIG_DFL);
    (void)kill(getpid(), WTERMSIG(status));
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    _exit(126); /* one whose default is not to end */
}

void tsn_guard(char *const *program, long processes, int parent)
{
    sigset_t watched, before;
    int status = 0;

    (void)sigemptyset(&watched);
    (void)sigaddset(&watched, SIGTERM);
    (void)sigaddset(&watched, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &watched, &before);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 || getppid() != parent)
        _exit(126);
    pid_t child = fork();
    if (child == 0)
        become(program, processes, &before);
    if (child < 0)
        _exit(126);
    /* Its input and output are the program's alone: the core waits for their ends. We may use as much
     * processor time as waiting takes. */
    (void)close(0);
    (void)close(1);
    for (;;) {
        int sig = sigwaitinfo(&watched, NULL);
        if (sig == SIGTERM) {
            end_all();
            status = SIGKILL; /* as waitpid says it */
            end_as(status);
        }
        for (pid_t pid; sig == SIGCHLD && (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid != child)
                continue;
            end_all();
            end_as(status);
        }
    }
}
