/* maildir.c - mails that a mail server or fetchmail puts into a maildir.
 *
 * new/ is listed every few seconds on libuv's pool, oldest names first; each file is read there,
 * committed, and only then moved to cur/ with the flag S (seen). A kill between the two reads it
 * again, and the same bytes are one mail. A file that cannot be read stays and is said once.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/text.h"
#include "loop/loop.h"
#include "mail/mail_int.h"

#define EVERY_MS  10000
#define BUSY_MS   1000
#define LIST_MAX  256 /* names of one look */
#define NAME_MAX_ 255

struct tsn_maildir {
    struct tsn_mail *m;
    char dir[PATH_MAX - 600];
    int64_t every_ms;
    struct tsn_timer *timer;
    uv_work_t work;
    char names[LIST_MAX][NAME_MAX_ + 1];
    size_t n, at;
    struct tsn_buf bytes;
    uint64_t whole;
    tsn_err err;
    bool working, closed, full;
    char said[NAME_MAX_ + 1]; /* the file that was complained about last */
};

static void look(struct tsn_maildir *d);

static void maildir_free(struct tsn_maildir *d)
{
    tsn_buf_free(&d->bytes);
    free(d);
}

/* --- pool ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_job(uv_work_t *work)
{
    struct tsn_maildir *d = work->data;
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir;

    d->n = d->at = 0;
    (void)snprintf(path, sizeof(path), "%s/new", d->dir);
    dir = opendir(path);
    d->err = dir ? 0 : tsn_err_from_errno(errno);
    while (dir && d->n < LIST_MAX && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.' && strlen(e->d_name) <= NAME_MAX_)
            (void)tsn_copy(d->names[d->n++], NAME_MAX_ + 1, e->d_name);
    }
    if (dir)
        closedir(dir);
    d->full = d->n == LIST_MAX;
    qsort(d->names, d->n, sizeof(d->names[0]), by_name);
}

static void read_job(uv_work_t *work)
{
    struct tsn_maildir *d = work->data;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/new/%s", d->dir, d->names[d->at]);
    tsn_buf_clear(&d->bytes);
    d->err = tsn_buf_read_head(&d->bytes, path, TSN_MAIL_HEAD, &d->whole);
}

static void move_job(uv_work_t *work)
{
    struct tsn_maildir *d = work->data;
    char from[PATH_MAX], to[PATH_MAX];

    (void)snprintf(from, sizeof(from), "%s/new/%s", d->dir, d->names[d->at]);
    (void)snprintf(to, sizeof(to), "%s/cur/%s:2,S", d->dir, d->names[d->at]);
    d->err = rename(from, to) == 0 ? 0 : tsn_err_from_errno(errno);
}

static void run(struct tsn_maildir *d, void (*job)(uv_work_t *), uv_after_work_cb done)
{
    d->work.data = d;
    d->working = true;
    if (uv_queue_work(tsn_loop_uv(d->m->cfg.loop), &d->work, job, done) != 0) {
        d->working = false;
        tsn_timer_arm(d->timer, d->every_ms);
    }
}

/* After a job: false when it was closed meanwhile (and is gone). */
static bool back(struct tsn_maildir *d)
{
    d->working = false;
    if (!d->closed)
        return true;
    maildir_free(d);
    return false;
}

/* --- loop ----------------------------------------------------------------------------------- */

static void say_once(struct tsn_maildir *d, const char *name, const char *what)
{
    if (strcmp(d->said, name) == 0)
        return;
    (void)tsn_copy(d->said, sizeof(d->said), name);
    tsn_log(TSN_LOG_ERROR, "maildir.failed", "code", "M023", "dir", d->dir, "file", name,
            "what", what, "error", tsn_err_text(d->err), NULL);
}

static void read_done(uv_work_t *work, int status);

static void next(struct tsn_maildir *d)
{
    if (d->at < d->n)
        run(d, read_job, read_done);
    else
        tsn_timer_arm(d->timer, d->full ? 1 : d->every_ms);
}

static void move_done(uv_work_t *work, int status)
{
    struct tsn_maildir *d = work->data;

    (void)status;
    if (!back(d))
        return;
    if (d->err)
        say_once(d, d->names[d->at], "cannot be moved to cur");
    d->at++;
    next(d);
}

static void accepted(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                     void *user)
{
    struct tsn_maildir *d = user;

    (void)seq;
    (void)info;
    (void)diag;
    if (!back(d))
        return;
    tsn_fault("mail.maildir_taken");
    if (!err) {
        run(d, move_job, move_done);
        return;
    }
    d->err = err;
    if (tsn_err_class(err) != TSN_CLASS_RETRY)
        say_once(d, d->names[d->at], "cannot be taken");
    tsn_timer_arm(d->timer, BUSY_MS); /* later, from a new look */
}

static void read_done(uv_work_t *work, int status)
{
    struct tsn_maildir *d = work->data;

    (void)status;
    if (!back(d))
        return;
    if (d->err) {
        say_once(d, d->names[d->at], "cannot be read");
        d->at++;
        next(d);
        return;
    }
    d->working = true; /* until it is answered */
    tsn_mail_accept(d->m, "maildir", d->bytes.data, d->bytes.len, d->whole, accepted, d);
}

static void list_done(uv_work_t *work, int status)
{
    struct tsn_maildir *d = work->data;

    (void)status;
    if (!back(d))
        return;
    if (d->err)
        say_once(d, "new", "cannot be listed");
    next(d);
}

static void look(struct tsn_maildir *d)
{
    if (!d->working)
        run(d, list_job, list_done);
}

static void on_timer(void *user)
{
    look(user);
}

struct tsn_maildir *tsn_maildir_open(struct tsn_mail *m, const struct tsn_mail_inbox *inbox)
{
    struct tsn_maildir *d = tsn_alloc(sizeof(*d));

    d->m = m;
    d->every_ms = inbox->every_ms ? inbox->every_ms : EVERY_MS;
    (void)tsn_copy(d->dir, sizeof(d->dir), inbox->maildir);
    tsn_buf_init(&d->bytes, TSN_MAIL_BYTES_MAX);
    d->timer = tsn_timer_new(m->cfg.loop, on_timer, d);
    look(d);
    return d;
}

void tsn_maildir_close(struct tsn_maildir *d)
{
    tsn_timer_destroy(d->timer);
    d->timer = NULL;
    d->closed = true;
    if (!d->working)
        maildir_free(d);
}
