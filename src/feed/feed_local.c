/* feed_local.c - see feed_local.h. The pool touches everything but `stopped` while `busy`. */
#include "feed/feed_local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "feed/feed_exec.h"
#include "feed/feed_mails.h"
#include "loop/spool.h"

#define SLICE_BYTES (8u << 20)
#define SLICE_FILES 500
#define FILES_MAX   200000
#define SLICE_MAILS 50

struct tsn_feed_local {
    struct tsn_feed *feed;
    tsn_feed_local_done *done;
    void *user;
    struct tsn_arena *arena, *slice;
    const char *path;
    const char **names; /* below path, once listed */
    size_t nnames, room, at;
    int fd; /* until the caller has it: ours */
    int out;
    uv_work_t work;
    struct tsn_feed_local_result r;
    struct tsn_feed_mail *mail; /* of this slice */
    size_t nmail;
    struct tsn_feed_mails *reading; /* NULL: nobody reads mails now */
    struct tsn_feed_exec *exec;     /* NULL: no converter is at work */
    bool busy, stopped, folder, mails, listed;
    bool entries; /* the next job keeps what the mails became */
};

static void release(struct tsn_feed_local *l)
{
    if (l->fd >= 0) {
        close(l->fd);
    }
    free(l->names);
    tsn_arena_destroy(l->slice);
    tsn_arena_destroy(l->arena);
}

/* --- on the pool --------------------------------------------------------------------------------- */

static void refuse(struct tsn_feed_local *l, const char *name, const char *why)
{
    if (l->r.refused++ == 0) {
        l->r.first_refused = tsn_arena_printf(l->slice, "%s: %.100s", why, name);
    }
}

/* Appends a file to `out`; its length, or -1. A file that changes meanwhile is as it was read. */
static int64_t copy_file(struct tsn_feed_local *l, const char *path, off_t at, size_t max,
                         const char **why)
{
    char piece[65536];
    struct stat st;
    int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int64_t len = 0;
    ssize_t n = 0;
    *why = NULL;
    if (in < 0) {
        *why = errno == ELOOP ? "it is a link" : strerror(errno);
    } else if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode)) {
        *why = "it is no regular file";
    }
    while (!*why && (n = read(in, piece, sizeof piece)) > 0) {
        if ((uint64_t)len + (uint64_t)n > max) {
            *why = "it is too large";
        } else if (pwrite(l->out, piece, (size_t)n, at + len) != n) {
            *why = "it cannot be copied";
        }
        len += n;
    }
    *why = n < 0 ? strerror(errno) : *why;
    if (in >= 0) {
        close(in);
    }
    return *why ? -1 : len;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static bool list_folder(struct tsn_feed_local *l, const char *below)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s%s", l->path, below);
    DIR *d = opendir(path);
    if (!d) {
        return false;
    }
    for (struct dirent *e; (e = readdir(d)) && l->nnames < FILES_MAX;) {
        if (e->d_name[0] == '.') {
            continue;
        }
        if (l->nnames == l->room) {
            l->room += 1024;
            l->names = tsn_realloc(l->names, l->room * sizeof *l->names);
        }
        l->names[l->nnames++] = tsn_arena_printf(l->arena, "%s%s", below, e->d_name);
    }
    closedir(d);
    return true;
}

static tsn_err bad(struct tsn_feed_local *l, tsn_err err, const char *why)
{
    l->r.err = err;
    return tsn_diag_set(&l->r.diag, err, "F001", "%.200s cannot be read: %s", l->path, why);
}

/* The names are there. */
static bool listed(struct tsn_feed_local *l)
{
    if (l->listed) {
        return true;
    }
    l->listed = true;
    l->room = 1024;
    l->names = tsn_realloc(l->names, l->room * sizeof *l->names);
    bool ok = l->mails ? list_folder(l, "cur/") && list_folder(l, "new/") : list_folder(l, "");
    if (!ok) {
        (void)bad(l, TSN_EIO, strerror(errno));
        return false;
    }
    qsort(l->names, l->nnames, sizeof *l->names, by_name);
    return true;
}

static void read_folder(struct tsn_feed_local *l)
{
    off_t at = 0;
    if (!listed(l)) {
        return;
    }
    l->r.members = tsn_arena_alloc(l->slice, SLICE_FILES * sizeof *l->r.members);
    while (l->at < l->nnames && l->r.n < SLICE_FILES && at < SLICE_BYTES) {
        char path[4096];
        const char *name = l->names[l->at++], *why;
        (void)snprintf(path, sizeof path, "%s%s", l->path, name);
        int64_t n = copy_file(l, path, at, TSN_FEED_DOC_MAX, &why);
        if (n < 0) {
            refuse(l, name, why);
            continue;
        }
        l->r.members[l->r.n++] = (struct tsn_feed_member){
            .name = tsn_arena_strdup(l->slice, name), .at = (size_t)at, .len = (size_t)n};
        at += n;
        if (pwrite(l->out, "", 1, at++) != 1) {
            (void)bad(l, TSN_ENOSPC, "it cannot be copied");
            return;
        }
    }
    l->r.len = (size_t)at;
    l->r.last = l->at >= l->nnames;
}

/* --- mails ------------------------------------------------------------------------------------------ */

/* The bytes of some mails, in memory: the parser gets them from here. */
static void read_mails(struct tsn_feed_local *l)
{
    size_t bytes = 0;
    if (!listed(l)) {
        return;
    }
    l->mail = tsn_arena_alloc(l->slice, SLICE_MAILS * sizeof *l->mail);
    l->nmail = 0;
    while (l->at < l->nnames && l->nmail < SLICE_MAILS && bytes < SLICE_BYTES) {
        char path[4096];
        const char *name = l->names[l->at++];
        struct tsn_buf b;
        struct stat st;
        (void)snprintf(path, sizeof path, "%s%s", l->path, name);
        tsn_buf_init(&b, TSN_FEED_DOC_MAX);
        if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
            refuse(l, name, "it is no regular file");
        } else if (tsn_buf_read_file(&b, path) != 0) {
            refuse(l, name, "it cannot be read, or is too large");
        } else {
            l->mail[l->nmail++] = (struct tsn_feed_mail){
                .name = tsn_arena_strdup(l->slice, name),
                .bytes = tsn_arena_memdup(l->slice, b.len ? b.data : "", b.len),
                .len = b.len};
            bytes += b.len;
        }
        tsn_buf_free(&b);
    }
    l->r.last = l->at >= l->nnames;
}

/* The name of a mail in a maildir changes with its flags: what is before the colon stays. */
static const char *mail_name(struct tsn_feed_local *l, const char *name)
{
    const char *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    return tsn_arena_strndup(l->slice, base, strcspn(base, ":"));
}

static void keep_entries(struct tsn_feed_local *l)
{
    off_t at = 0;
    l->r.members = tsn_arena_alloc(l->slice, (l->nmail + 1) * sizeof *l->r.members);
    for (size_t i = 0; i < l->nmail && !l->r.err; i++) {
        const char *entry = l->mail[i].entry;
        size_t n = entry ? strlen(entry) : 0;
        if (!entry) {
            refuse(l, l->mail[i].name, "its parser ended at it");
        } else if (pwrite(l->out, entry, n + 1, at) != (ssize_t)(n + 1)) {
            (void)bad(l, TSN_ENOSPC, "what it says cannot be kept");
        } else {
            l->r.members[l->r.n++] = (struct tsn_feed_member){
                .name = mail_name(l, l->mail[i].name), .at = (size_t)at, .len = n};
            at += (off_t)n + 1;
        }
    }
    l->r.len = (size_t)at;
}

static void job(uv_work_t *work)
{
    struct tsn_feed_local *l = work->data;
    const char *why;
    if (l->out < 0) {
        l->out = l->fd = tsn_spool_file(l->feed->feeds->config.dir);
        if (l->out < 0) {
            (void)bad(l, TSN_EIO, "no file can be made for it");
            return;
        }
    }
    if (l->entries) {
        keep_entries(l);
        return;
    }
    if (l->mails) {
        read_mails(l);
        return;
    }
    if (l->folder) {
        read_folder(l);
        return;
    }
    int64_t n = copy_file(l, l->path, 0, TSN_FEED_LIST_MAX, &why);
    if (n < 0) {
        (void)bad(l, TSN_EIO, why);
    } else {
        l->r.len = (size_t)n;
        l->r.last = true;
    }
}

/* --- on the loop --------------------------------------------------------------------------------- */

static void queue(struct tsn_feed_local *l);

static void deliver(struct tsn_feed_local *l)
{
    l->r.fd = l->r.err ? -1 : l->fd;
    l->fd = l->r.err ? l->fd : -1;
    l->done(&l->r, l->user);
}

static void mails_read(void *user)
{
    struct tsn_feed_local *l = user;
    l->reading = NULL;
    l->entries = true;
    queue(l);
}

static void job_done(uv_work_t *work, int status)
{
    struct tsn_feed_local *l = work->data;
    struct tsn_feeds *feeds = l->feed->feeds;
    bool entries = l->entries;
    (void)status;
    l->busy = l->entries = false;
    if (l->stopped) {
        release(l);
    } else if (feeds->closing) {
        /* the page drops it */
    } else if (l->mails && !l->r.err && !entries) {
        struct tsn_diag why;
        tsn_diag_init(&why);
        if (l->nmail == 0) {
            mails_read(l);
        } else if (tsn_feed_mails_start(&l->reading, feeds, l->slice, l->mail, l->nmail,
                                        mails_read, l, &why) != 0) {
            l->r.err = TSN_EIO;
            l->r.diag = why;
            deliver(l);
        }
    } else {
        deliver(l);
    }
    tsn_feeds_release(feeds);
}

static void queue(struct tsn_feed_local *l)
{
    l->busy = true;
    l->work.data = l;
    tsn_feeds_hold(l->feed->feeds);
    (void)uv_queue_work(tsn_loop_uv(l->feed->feeds->config.loop), &l->work, job, job_done);
}

static void go(struct tsn_feed_local *l)
{
    tsn_arena_destroy(l->slice);
    l->slice = tsn_arena_new();
    l->r = (struct tsn_feed_local_result){.fd = -1, .first_refused = ""};
    tsn_diag_init(&l->r.diag);
    queue(l);
}

static void converted(int fd, size_t len, const struct tsn_diag *why, void *user)
{
    struct tsn_feed_local *l = user;
    l->exec = NULL;
    l->r =
        (struct tsn_feed_local_result){.fd = -1, .first_refused = "", .len = len, .last = true};
    tsn_diag_init(&l->r.diag);
    if (why) {
        l->r.err = TSN_EREMOTE;
        l->r.diag = *why;
    }
    l->fd = fd;
    deliver(l);
}

tsn_err tsn_feed_local_start(struct tsn_feed_local **out, struct tsn_feed *f, const char *url,
                             tsn_feed_local_done *done, void *user, struct tsn_diag *diag)
{
    bool mails = strncmp(url, "maildir://", 10) == 0, exec = strncmp(url, "exec:", 5) == 0;
    size_t n = strlen(url);
    *out = NULL;
    if (!mails && !exec && strncmp(url, "file://", 7) != 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F001", "%.200s is no file", url);
    }
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_feed_local *l = tsn_arena_alloc(arena, sizeof *l);
    l->arena = arena;
    l->feed = f;
    l->done = done;
    l->user = user;
    l->path = tsn_arena_strdup(arena, url + (exec ? 5 : mails ? 10 : 7));
    l->folder = url[n - 1] == '/';
    l->mails = mails;
    l->fd = l->out = -1;
    if (exec) {
        tsn_err err = tsn_feed_exec_start(&l->exec, f, converted, l, diag);
        if (err) {
            release(l);
            return err;
        }
    } else {
        go(l);
    }
    *out = l;
    return 0;
}

void tsn_feed_local_more(struct tsn_feed_local *l)
{
    go(l);
}

void tsn_feed_local_end(struct tsn_feed_local *l)
{
    if (!l) {
        return;
    }
    tsn_feed_exec_stop(l->exec);
    tsn_feed_mails_stop(l->reading);
    l->exec = NULL;
    l->reading = NULL;
}

void tsn_feed_local_stop(struct tsn_feed_local *l)
{
    if (!l) {
        return;
    }
    tsn_feed_local_end(l);
    l->stopped = true;
    if (!l->busy) {
        release(l);
    }
}
