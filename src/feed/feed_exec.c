/* feed_exec.c - see feed_exec.h. Owns the child and, until it is handed over, the file. */
#include "feed/feed_exec.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop/spool.h"
#include "proc/child.h"

#define ARGS_MAX 64

struct tsn_feed_exec {
    struct tsn_feed *feed;
    struct tsn_child *child; /* NULL: ended */
    struct tsn_timer *timer;
    tsn_feed_exec_done *done;
    void *user;
    int fd;
    const char *refused; /* why it was ended */
    bool stopped;
};

static void release(struct tsn_feed_exec *x)
{
    if (x->fd >= 0) {
        close(x->fd);
    }
    tsn_timer_destroy(x->timer);
    free(x);
}

static void end_it(struct tsn_feed_exec *x, const char *why)
{
    x->refused = x->refused ? x->refused : why;
    tsn_child_kill(x->child);
}

static void on_timer(void *user)
{
    end_it(user, "it takes too long");
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_feed_exec *x = user;
    struct tsn_feeds *feeds = x->feed->feeds;
    struct tsn_diag d;
    (void)c;
    x->child = NULL;
    tsn_timer_disarm(x->timer);
    if (!x->stopped && !feeds->closing) {
        tsn_diag_init(&d);
        if (x->refused || signal || status) {
            tsn_diag_set(&d, TSN_EREMOTE, "F001", "the converter %s: %s",
                         x->feed->config.command[0],
                         x->refused          ? x->refused
                         : signal == SIGXFSZ ? "it prints too much"
                         : signal            ? "it was ended by a signal"
                                             : "it did not end with 0");
            tsn_diag_hint(&d, "run it by hand; what it says on stderr is in the log");
            x->done(-1, 0, &d, x->user);
        } else {
            int fd = x->fd;
            off_t len = lseek(fd, 0, SEEK_END);
            (void)lseek(fd, 0, SEEK_SET);
            x->fd = -1;
            x->done(fd, len > 0 ? (size_t)len : 0, NULL, x->user);
        }
    }
    release(x);
    tsn_feeds_release(feeds);
}

tsn_err tsn_feed_exec_start(struct tsn_feed_exec **out, struct tsn_feed *f,
                            tsn_feed_exec_done *done, void *user, struct tsn_diag *diag)
{
    char shim[PATH_MAX];
    const char *argv[ARGS_MAX] = {shim,  "--memory", "1073741824", "--cpu",
                                  "600", "--files",  "64",         "--"};
    struct tsn_feed_exec *x = tsn_alloc(sizeof *x);
    struct tsn_child_config cfg = {.name = f->config.name,
                                   .argv = argv,
                                   .lines = true,
                                   .to_file = true,
                                   .on_exit = on_exit_,
                                   .user = x};
    size_t n = 8;
    *out = NULL;
    for (size_t i = 0; f->config.command && f->config.command[i] && n + 1 < ARGS_MAX; i++) {
        argv[n++] = f->config.command[i];
    }
    x->feed = f;
    x->done = done;
    x->user = user;
    x->timer = tsn_timer_new(f->feeds->config.loop, on_timer, x);
    x->fd = tsn_spool_file(f->feeds->config.dir);
    tsn_err err = x->fd < 0 ? tsn_diag_set(diag, TSN_EIO, "F001",
                                           "no file can be made for what the converter prints")
                            : tsn_child_find(shim, sizeof shim, "tocsin-exec", diag);
    cfg.file = x->fd;
    if (!err) {
        err = tsn_child_start(&x->child, f->feeds->config.loop, &cfg, diag);
    }
    if (err) {
        release(x);
        return err;
    }
    const struct rlimit most = {TSN_FEED_LIST_MAX, TSN_FEED_LIST_MAX};
    (void)prlimit(tsn_child_pid(x->child), RLIMIT_FSIZE, &most, NULL);
    tsn_timer_arm(x->timer, TSN_FEED_EXEC_MS);
    tsn_feeds_hold(f->feeds);
    *out = x;
    return 0;
}

void tsn_feed_exec_stop(struct tsn_feed_exec *x)
{
    if (x) {
        x->stopped = true;
        tsn_child_kill(x->child);
    }
}
