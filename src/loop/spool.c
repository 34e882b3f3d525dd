/* spool.c - see spool.h. The pool touches `flush`, `fd`, `sha` and `bad` while `busy`. */
#include "loop/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/fault.h"
#include "core/mem.h"
#include "loop/loop.h"

struct tsn_spool {
    struct tsn_loop *loop;
    struct tsn_xfer *xfer; /* NULL: over */
    struct tsn_arena *arena;
    char *dir;
    void (*done)(const struct tsn_spool_result *r, void *user);
    void *user;
    struct tsn_buf fill, flush;
    struct tsn_sha256 *sha;
    uint64_t len;
    int fd;
    tsn_err bad; /* of the file */
    uv_work_t work;
    bool busy, paused, cancelled, ending;
    bool last;                     /* nothing comes behind what the pool has now */
    struct tsn_xfer_result result; /* ours: strings in the arena */
    struct tsn_spool_result out;
};

int tsn_spool_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 &&
        (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)) {
        char path[4096];
        if ((size_t)snprintf(path, sizeof path, "%s/spool-XXXXXX", dir) >= sizeof path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path);
    }
    return fd;
}

static void release(struct tsn_spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    tsn_buf_free(&s->fill);
    tsn_buf_free(&s->flush);
    tsn_sha256_destroy(s->sha);
    tsn_arena_destroy(s->arena);
    free(s->dir);
    free(s);
}

/* --- on the pool --- */

static tsn_err put(int fd, const char *p, size_t n)
{
    tsn_err err = tsn_fault_err("spool.write");
    while (!err && n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            err = errno == ENOSPC || errno == EDQUOT ? TSN_ENOSPC : TSN_EIO;
        p += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return err;
}

static void job(uv_work_t *work)
{
    struct tsn_spool *s = work->data;
    if (s->fd < 0) {
        s->fd = tsn_spool_file(s->dir);
        if (s->fd < 0)
            s->bad = errno == ENOSPC ? TSN_ENOSPC : TSN_EIO;
    }
    if (!s->bad) {
        tsn_sha256_add(s->sha, s->flush.data, s->flush.len);
        s->len += s->flush.len;
        s->bad = put(s->fd, s->flush.len ? s->flush.data : "", s->flush.len);
    }
    if (!s->bad && s->last) {
        tsn_sha256_end(s->sha, s->out.sha256);
        if (lseek(s->fd, 0, SEEK_SET) != 0)
            s->bad = TSN_EIO;
    }
    tsn_buf_clear(&s->flush);
}

/* --- on the loop --- */

static void job_done(uv_work_t *work, int status);

static void flush(struct tsn_spool *s)
{
    struct tsn_buf b = s->fill;
    s->fill = s->flush;
    s->flush = b;
    s->busy = true;
    s->last = s->ending;
    s->work.data = s;
    (void)uv_queue_work(tsn_loop_uv(s->loop), &s->work, job, job_done);
}

static void finish(struct tsn_spool *s)
{
    s->out.xfer = &s->result;
    s->out.fd = -1;
    s->out.len = s->len;
    if (s->bad) {
        s->result.err = s->bad;
        tsn_diag_set(&s->result.diag, s->bad, "H068", "the answer cannot be kept in %.200s: %s",
                     s->dir, tsn_err_text(s->bad));
    } else if (!s->result.err && s->result.status == 200) {
        s->out.fd = s->fd;
        s->fd = -1;
    }
    s->done(&s->out, s->user);
    release(s);
}

/* The last of it; also an empty answer is a file. */
static void end(struct tsn_spool *s)
{
    if (s->busy)
        return;
    if (s->bad || s->result.err || s->result.status != 200)
        finish(s);
    else
        flush(s); /* with `ending` set: the sum */
}

static void job_done(uv_work_t *work, int status)
{
    struct tsn_spool *s = work->data;
    (void)status;
    s->busy = false;
    if (s->cancelled) {
        release(s);
    } else if (s->bad && s->xfer) {
        tsn_xfer_cancel(s->xfer);
        s->result.body = s->result.etag = s->result.last_modified = s->result.effective_url =
            s->result.content_type = s->result.retry_after = s->result.link = "";
        finish(s);
    } else if (s->last || s->bad) {
        finish(s);
    } else {
        bool waits = s->paused;
        if (s->fill.len > 0 || s->ending)
            flush(s);
        s->paused = false;
        if (waits)
            tsn_xfer_resume(s->xfer);
    }
}

static bool take(const char *p, size_t n, void *user)
{
    struct tsn_spool *s = user;
    if (s->busy && s->fill.len + n > TSN_SPOOL_HELD) {
        s->paused = true;
        return false;
    }
    (void)tsn_buf_put(&s->fill, p, n);
    if (!s->busy && s->fill.len >= TSN_SPOOL_HELD / 4)
        flush(s);
    return true;
}

static const char *kept(struct tsn_spool *s, const char *text)
{
    return tsn_arena_strdup(s->arena, text ? text : "");
}

static void over(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_spool *s = user;
    s->xfer = NULL;
    s->result = *r;
    s->result.body = "";
    s->result.len = 0;
    s->result.effective_url = kept(s, r->effective_url);
    s->result.etag = kept(s, r->etag);
    s->result.last_modified = kept(s, r->last_modified);
    s->result.content_type = kept(s, r->content_type);
    s->result.retry_after = kept(s, r->retry_after);
    s->result.link = kept(s, r->link);
    s->ending = true;
    end(s);
}

tsn_err tsn_spool_start(struct tsn_spool **out, struct tsn_loop *loop, struct tsn_httpc *c,
                        const char *dir, const struct tsn_xfer_request *req,
                        void (*done)(const struct tsn_spool_result *r, void *user), void *user,
                        struct tsn_diag *diag)
{
    struct tsn_spool *s = tsn_alloc(sizeof *s);
    struct tsn_xfer_request with = *req;
    s->loop = loop;
    s->arena = tsn_arena_new();
    s->dir = tsn_strdup(dir);
    s->done = done;
    s->user = user;
    s->fd = -1;
    s->sha = tsn_sha256_new();
    tsn_sha256_begin(s->sha);
    tsn_buf_init(&s->fill, (size_t)64 << 20);
    tsn_buf_init(&s->flush, (size_t)64 << 20);
    with.take = take;
    tsn_err err = tsn_xfer_start(c, &with, over, s, &s->xfer, diag);
    if (err) {
        release(s);
        s = NULL;
    }
    *out = s;
    return err;
}

void tsn_spool_cancel(struct tsn_spool *s)
{
    if (!s)
        return;
    tsn_xfer_cancel(s->xfer);
    s->xfer = NULL;
    s->cancelled = true;
    if (!s->busy)
        release(s);
}
