/* pgp.c - starts gpg, feeds it memory files, collects status lines and output. */
#include "proc/pgp_int.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/child.h"

#define ARGS_MAX 48
#define LOOK_MS  200 /* at the size of the output */

static void finish(struct tsn_pgp_job *j)
{
    j->done(&j->r, j->user);
    for (size_t i = 0; i < 3; i++) {
        if (j->fds[i] >= 0)
            close(j->fds[i]);
    }
    tsn_timer_destroy(j->timer);
    tsn_buf_free(&j->r.plain);
    free(j->r.signer);
    free(j);
}

/* gpg stops writing some way before --max-output. */
static bool too_large(struct tsn_pgp_job *j, off_t *size)
{
    struct stat st;

    *size = j->output >= 0 && fstat(j->fds[j->output], &st) == 0 ? st.st_size : 0;
    if (*size < (off_t)TSN_PGP_PLAIN_MAX - (1 << 20))
        return false;
    j->r.reason = "too-large";
    j->status.failed = true;
    return true;
}

static void read_output(struct tsn_pgp_job *j)
{
    struct stat st = {0};
    char *p;

    if (too_large(j, &st.st_size) || st.st_size <= 0)
        return;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, j->fds[j->output], 0);
    if (p == MAP_FAILED)
        return;
    (void)tsn_buf_put(&j->r.plain, p, (size_t)st.st_size);
    munmap(p, (size_t)st.st_size);
}

static void on_line(struct tsn_child *c, const char *line, size_t len, void *user)
{
    static const char mark[] = "[GNUPG:] ";
    struct tsn_pgp_job *j = user;

    (void)c;
    if (len > sizeof(mark) - 1 && memcmp(line, mark, sizeof(mark) - 1) == 0)
        tsn_pgp_status_line(&j->status, line + sizeof(mark) - 1);
    else if (j->lines)
        tsn_buf_printf(&j->r.plain, "%.*s\n", (int)len, line);
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_pgp_job *j = user;

    (void)c;
    j->child = NULL;
    tsn_timer_disarm(j->timer);
    read_output(j);
    tsn_pgp_status_end(&j->status, j->decrypting, status, signal);
    finish(j);
}

static void on_timer(void *user)
{
    struct tsn_pgp_job *j = user;
    off_t size;

    if (!j->child) { /* could not be started */
        finish(j);
        return;
    }
    /* Past the limit gpg goes on expanding what it no longer writes: gigabytes, for nobody. */
    if (!too_large(j, &size)) {
        if (tsn_clock_mono_ms() < j->until_ms) {
            tsn_timer_arm(j->timer, LOOK_MS);
            return;
        }
        j->r.reason = "timeout";
        j->status.failed = true;
    }
    tsn_child_kill(j->child);
}

int tsn_pgp_memory_file(const char *name, const void *p, size_t n)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    const char *from = p;

    while (fd >= 0 && n > 0) {
        ssize_t k = write(fd, from, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            close(fd);
            return -1;
        }
        from += k;
        n -= (size_t)k;
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static const char *program(void)
{
    static const char *const places[] = {"/usr/bin/gpg", "/usr/local/bin/gpg", "/bin/gpg"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

struct tsn_pgp_job *tsn_pgp_job_new(struct tsn_loop *loop, tsn_pgp_done *done, void *user)
{
    struct tsn_pgp_job *j = tsn_alloc(sizeof(*j));

    j->loop = loop;
    j->done = done;
    j->user = user;
    j->status.r = &j->r;
    j->fds[0] = j->fds[1] = j->fds[2] = -1;
    j->output = -1;
    tsn_buf_init(&j->r.plain, TSN_PGP_PLAIN_MAX + 1);
    j->timer = tsn_timer_new(loop, on_timer, j);
    return j;
}

/* `words` is what this call adds; descriptors are passed as 3, 4. */
void tsn_pgp_start(struct tsn_pgp_job *j, const char *home, const char *const *words)
{
    const char *argv[ARGS_MAX] = {program(),
                                  "--homedir",
                                  home,
                                  "--batch",
                                  "--no-tty",
                                  "--no-options",
                                  "--status-fd",
                                  "1",
                                  "--no-auto-key-retrieve",
                                  "--no-auto-key-locate",
                                  "--disable-dirmngr",
                                  "--trust-model",
                                  "always",
                                  "--no-auto-check-trustdb",
                                  "--display-charset",
                                  "utf-8",

                                  "--logger-file",
                                  "/dev/null",
                                  "--enable-special-filenames"};
    struct tsn_child_config cfg = {.name = "gpg",
                                   .argv = argv,
                                   .lines = true,
                                   .on_line = on_line,
                                   .on_exit = on_exit_,
                                   .user = j,
                                   .pass = j->fds};
    struct rlimit size = {TSN_PGP_PLAIN_MAX, TSN_PGP_PLAIN_MAX},
                  memory = {TSN_PGP_MEMORY, TSN_PGP_MEMORY};
    struct tsn_diag diag;
    size_t n = 0;

    while (argv[n])
        n++;
    for (; *words && n + 1 < ARGS_MAX; words++)
        argv[n++] = *words;
    while (cfg.npass < 3 && j->fds[cfg.npass] >= 0)
        cfg.npass++;
    tsn_diag_init(&diag);
    if (!argv[0] || (cfg.npass == 0 && !j->lines) ||
        tsn_child_start(&j->child, j->loop, &cfg, &diag) != 0) {
        tsn_log(TSN_LOG_ERROR, "pgp.no_gpg", "why",
                argv[0] ? diag.what : "gpg is not installed", NULL);
        j->child = NULL;
        j->r.reason = "gpg-missing";
        tsn_timer_arm(j->timer, 0);
        return;
    }
    /* A memory file counts as a file: 443 bytes must not become 300 MB. */
    (void)prlimit(tsn_child_pid(j->child), RLIMIT_FSIZE, &size, NULL);
    (void)prlimit(tsn_child_pid(j->child), RLIMIT_AS, &memory, NULL);
    j->until_ms = tsn_clock_mono_ms() + TSN_PGP_TIME_MS;
    tsn_timer_arm(j->timer, LOOK_MS);
}

void tsn_pgp_decrypt(struct tsn_loop *loop, const char *home, const void *p, size_t n,
                     tsn_pgp_done *done, void *user)
{
    static const char *const words[] = {"--max-output", "67108863", "--output", "-&4",
                                        "--decrypt",    "--",       "-&3",      NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->decrypting = true;
    j->fds[0] = tsn_pgp_memory_file("pgp-in", p, n);
    j->fds[1] = tsn_pgp_memory_file("pgp-out", NULL, 0);
    j->output = 1;
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_verify(struct tsn_loop *loop, const char *home, const void *text, size_t text_len,
                    const void *sig, size_t sig_len, tsn_pgp_done *done, void *user)
{
    static const char *const words[] = {"--verify", "--", "-&3", "-&4", NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->fds[0] = tsn_pgp_memory_file("pgp-sig", sig, sig_len);
    j->fds[1] = tsn_pgp_memory_file("pgp-text", text, text_len);
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_verify_file(struct tsn_loop *loop, const char *home, int fd, const void *sig,
                         size_t sig_len, tsn_pgp_done *done, void *user)
{
    static const char *const words[] = {"--verify", "--", "-&3", "-&4", NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->fds[0] = tsn_pgp_memory_file("pgp-sig", sig, sig_len);
    j->fds[1] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_sign(struct tsn_loop *loop, const char *home, const char *signer, const void *text,
                  size_t n, tsn_pgp_done *done, void *user)
{
    const char *const words[] = {"--armor", "--local-user", signer, "--digest-algo",
                                 "SHA256",  "--output",     "-&4",  "--detach-sign",
                                 "--",      "-&3",          NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->fds[0] = tsn_pgp_memory_file("pgp-in", text, n);
    j->fds[1] = tsn_pgp_memory_file("pgp-out", NULL, 0);
    j->output = 1;
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_encrypt(struct tsn_loop *loop, const char *home, const char *const *to,
                     const char *signer, const void *text, size_t n, tsn_pgp_done *done,
                     void *user)
{
    const char *words[ARGS_MAX] = {"--armor", "--output", "-&4", "--encrypt"};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);
    size_t at = 4;

    if (signer) {
        words[at++] = "--sign";
        words[at++] = "--local-user";
        words[at++] = signer;
    }
    for (size_t i = 0; to[i]; i++) {
        TSN_ASSERT(i < TSN_PGP_TO_MAX);
        words[at++] = "--recipient";
        words[at++] = to[i];
    }
    words[at++] = "--";
    words[at++] = "-&3";
    j->fds[0] = tsn_pgp_memory_file("pgp-in", text, n);
    j->fds[1] = tsn_pgp_memory_file("pgp-out", NULL, 0);
    j->output = 1;
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_import(struct tsn_loop *loop, const char *home, const void *p, size_t n,
                    tsn_pgp_done *done, void *user)
{
    static const char *const words[] = {"--import", "--", "-&3", NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->fds[0] = tsn_pgp_memory_file("pgp-keys", p, n);
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_export(struct tsn_loop *loop, const char *home, const char *fpr,
                    tsn_pgp_done *done, void *user)
{
    const char *const words[] = {"--armor", "--output", "-&3", "--export", "--", fpr, NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->fds[0] = tsn_pgp_memory_file("pgp-out", NULL, 0);
    j->output = 0;
    j->status.made = true; /* gpg says nothing of an export but its end */
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_quit(const char *home)
{
    static char name[] = "gpgconf", kill_all[] = "--kill", all[] = "all", at[] = "--homedir";
    char *dir = tsn_strdup(home);
    char *argv[] = {name, at, dir, kill_all, all, NULL};
    posix_spawn_file_actions_t quiet;
    int status;
    pid_t pid;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, name, &quiet, NULL, argv, environ) == 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    posix_spawn_file_actions_destroy(&quiet);
    free(dir);
}
