/* child.c - starts other programs, talks with them, and makes sure they end.
 *
 * Owns, for each child, the process handle, its pipes, the unsent bytes and the timers that end
 * it. A child is freed after on_exit, when its last handle is closed. Loop thread only.
 *
 * on_exit waits for the process AND for the end of its output, so that nothing said before a
 * crash is lost. A stray grandchild may hold the output open for ever, so the wait is bounded.
 */
#include "proc/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/close_range.h>
#include <uv.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "loop/loop.h"
#include "proc/child_log.h"

#define UNSENT_MAX   (64u << 20)
#define LINE_DEFAULT (1u << 20)
#define READ_CHUNK   (64u << 10)
#define FINISH_MS    2000
#define DRAIN_MS     1000

struct tsn_child {
    struct tsn_child_config cfg; /* name is our copy, argv and env are not kept */
    char *name;
    struct tsn_loop *loop;
    uv_process_t process;
    uv_pipe_t to;   /* what we write to; the same pipe as `from` for frames */
    uv_pipe_t from; /* what we read */
    uv_pipe_t err;
    uv_pipe_t *out_pipe;
    struct tsn_timer *timer; /* ends a finishing child, then bounds the drain */
    struct tsn_buf in;
    size_t scanned; /* bytes of `in` known to hold no line end */
    struct tsn_child_log log;
    size_t unsent;
    int open_handles;
    int64_t status;
    int term_signal;
    int pid;
    bool exited, from_open, err_open;
    bool muted;      /* killed: nothing more is delivered but on_exit */
    bool write_shut; /* finish was called, or the child no longer reads */
    bool shutting;   /* a uv_shutdown is under way or done */
    bool reported;   /* on_exit has run */
    char chunk[READ_CHUNK];
};

struct outgoing {
    uv_write_t req;
    struct tsn_child *child;
    char *bytes;
    size_t len;
};

/* --- end --- */

static void on_handle_closed(uv_handle_t *h)
{
    struct tsn_child *c = h->data;
    if (--c->open_handles > 0)
        return;
    tsn_buf_free(&c->in);
    free(c->name);
    free(c);
}

static void close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, on_handle_closed);
}

static void close_all(struct tsn_child *c)
{
    tsn_timer_destroy(c->timer);
    c->timer = NULL;
    close_handle((uv_handle_t *)&c->from);
    close_handle((uv_handle_t *)&c->err);
    if (c->out_pipe == &c->to)
        close_handle((uv_handle_t *)&c->to);
    close_handle((uv_handle_t *)&c->process);
}

static void report_when_drained(struct tsn_child *c)
{
    if (!c->exited || c->from_open || c->err_open || c->reported)
        return;
    c->reported = true;
    c->write_shut = true;
    tsn_child_log_end(&c->log);
    if (c->cfg.on_exit)
        c->cfg.on_exit(c, c->status, c->term_signal, c->cfg.user);
    close_all(c);
}

static void kill_group(struct tsn_child *c, int sig)
{
    /* The child leads its own session. Until setsid has run in it (uv_spawn returns after the
     * exec, so it has) the group exists. */
    if (c->pid > 0)
        kill(-c->pid, sig);
}

static void on_timer(void *user)
{
    struct tsn_child *c = user;
    if (!c->exited) {
        tsn_log(TSN_LOG_WARN, "child.overdue", "name", c->name, NULL);
        c->muted = true;
        kill_group(c, SIGKILL);
        return;
    }
    /* Something that left the group still holds the output: give up on what it may say. */
    c->from_open = c->err_open = false;
    report_when_drained(c);
}

static void on_process_exit(uv_process_t *p, int64_t status, int term_signal)
{
    struct tsn_child *c = p->data;
    c->exited = true;
    c->status = status;
    c->term_signal = term_signal;
    c->write_shut = true;
    kill_group(c, SIGKILL); /* what it started and left behind in its group */
    tsn_timer_arm(c->timer, DRAIN_MS);
    report_when_drained(c);
}

void tsn_child_kill(struct tsn_child *c)
{
    if (c->exited || c->reported)
        return;
    c->muted = true;
    c->write_shut = true;
    if (!c->cfg.guarded) {
        kill_group(c, SIGKILL);
        return;
    }
    if (c->pid > 0)
        kill(c->pid, SIGTERM); /* not to the group: it has to live to end the others */
    tsn_timer_arm(c->timer, FINISH_MS);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)status; /* the child may be gone already; its exit tells */
    free(req);
}

static void shut_writing(struct tsn_child *c)
{
    c->write_shut = true;
    if (c->shutting)
        return;
    c->shutting = true;
    uv_shutdown_t *req = tsn_alloc(sizeof(*req));
    if (uv_shutdown(req, (uv_stream_t *)c->out_pipe, on_shutdown) != 0)
        free(req);
}

void tsn_child_finish(struct tsn_child *c)
{
    if (c->exited || c->reported)
        return;
    shut_writing(c);
    tsn_timer_arm(c->timer, FINISH_MS);
}

/* --- reading --- */

static void broken(struct tsn_child *c, const char *why)
{
    tsn_log(TSN_LOG_ERROR, "child.protocol_broken", "name", c->name, "why", why, NULL);
    tsn_child_kill(c);
    c->muted = true; /* also when it has exited meanwhile */
}

static void take_frames(struct tsn_child *c)
{
    size_t at = 0;
    while (!c->muted) {
        struct tsn_buf view = c->in;
        view.data = c->in.data + at;
        view.len = c->in.len - at;
        struct tsn_frame f;
        size_t used = 0;
        if (tsn_frame_get(&view, &f, &used) != 0) {
            broken(c, "a frame of another version or over the limit");
            return;
        }
        if (used == 0)
            break;
        at += used;
        if (c->cfg.on_frame)
            c->cfg.on_frame(c, &f, c->cfg.user);
    }
    if (at > 0)
        tsn_buf_shift(&c->in, at);
}

static void give_line(struct tsn_child *c, char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    if (c->cfg.on_line)
        c->cfg.on_line(c, line, len, c->cfg.user);
}

static void take_lines(struct tsn_child *c, bool at_end)
{
    size_t start = 0;
    while (!c->muted) {
        size_t from = c->scanned > start ? c->scanned : start;
        char *nl = from < c->in.len ? memchr(c->in.data + from, '\n', c->in.len - from) : NULL;
        if (!nl)
            break;
        char *line = c->in.data + start;
        size_t len = (size_t)(nl - line);
        start += len + 1;
        c->scanned = start;
        if (len > c->cfg.max_line) {
            broken(c, "a line over the limit");
            return;
        }
        give_line(c, line, len);
    }
    if (c->muted)
        return;
    if (start > 0)
        tsn_buf_shift(&c->in, start);
    c->scanned = c->in.len;
    if (c->in.len > c->cfg.max_line) {
        broken(c, "a line over the limit");
        return;
    }
    if (at_end && c->in.len > 0) {
        give_line(c, c->in.data, c->in.len);
        tsn_buf_clear(&c->in);
        c->scanned = 0;
    }
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct tsn_child *c = h->data;
    *buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct tsn_child *c = s->data;
    if (n == 0)
        return;
    if (n > 0) {
        if (c->muted)
            return; /* read on, so that the end is seen */
        if (tsn_buf_put(&c->in, buf->base, (size_t)n) != 0)
            broken(c, "more than fits in one message");
        else if (c->cfg.lines)
            take_lines(c, false);
        else
            take_frames(c);
        return;
    }
    uv_read_stop(s);
    c->from_open = false;
    if (c->cfg.lines && !c->muted)
        take_lines(c, true);
    if (!c->exited) {
        /* It can say nothing more: the conversation is over, so must the process be. */
        shut_writing(c);
        tsn_timer_arm(c->timer, FINISH_MS);
    }
    report_when_drained(c);
}

static void on_read_err(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct tsn_child *c = s->data;
    if (n > 0)
        tsn_child_log_add(&c->log, buf->base, (size_t)n);
    if (n >= 0)
        return;
    uv_read_stop(s);
    c->err_open = false;
    report_when_drained(c);
}

/* --- writing --- */

static void on_written(uv_write_t *req, int status)
{
    struct outgoing *o = req->data;
    struct tsn_child *c = o->child;
    c->unsent -= o->len;
    if (status < 0)
        c->write_shut =
            true; /* it no longer reads; its exit or the end of its output follows */
    free(o->bytes);
    free(o);
}

static tsn_err room_for(const struct tsn_child *c, size_t len)
{
    if (c->write_shut)
        return TSN_ECLOSED;
    if (len > UNSENT_MAX)
        return TSN_ETOOBIG;
    /* One message of any allowed size always fits an idle channel. */
    if (c->unsent > 0 && c->unsent + len > UNSENT_MAX)
        return TSN_EFULL;
    return 0;
}

/* Takes the buffer's bytes. */
static tsn_err send_bytes(struct tsn_child *c, struct tsn_buf *b)
{
    struct outgoing *o = tsn_alloc(sizeof(*o));
    o->child = c;
    o->bytes = tsn_buf_take(b, &o->len);
    o->req.data = o;
    c->unsent += o->len;
    uv_buf_t buf = uv_buf_init(o->bytes, (unsigned)o->len);
    if (uv_write(&o->req, (uv_stream_t *)c->out_pipe, &buf, 1, on_written) != 0) {
        c->unsent -= o->len;
        c->write_shut = true;
        free(o->bytes);
        free(o);
        return TSN_ECLOSED;
    }
    return 0;
}

tsn_err tsn_child_send(struct tsn_child *c, uint8_t type, const void *payload, size_t len)
{
    tsn_err err = room_for(c, len);
    if (err)
        return err;
    TSN_ASSERT(!c->cfg.lines);
    struct tsn_buf b;
    tsn_buf_init(&b, TSN_FRAME_MAX + TSN_FRAME_HEAD + 1);
    err = tsn_frame_put(&b, type, payload, len);
    if (!err)
        err = send_bytes(c, &b);
    tsn_buf_free(&b);
    return err;
}

tsn_err tsn_child_send_line(struct tsn_child *c, const char *text, size_t len)
{
    tsn_err err = room_for(c, len);
    if (err)
        return err;
    TSN_ASSERT(c->cfg.lines);
    if (len > 0 && memchr(text, '\n', len))
        return TSN_EINPUT; /* would be two lines for the other side */
    struct tsn_buf b;
    tsn_buf_init(&b, UNSENT_MAX + 2);
    tsn_buf_put(&b, text, len);
    err = tsn_buf_putc(&b, '\n');
    if (!err)
        err = send_bytes(c, &b);
    tsn_buf_free(&b);
    return err;
}

tsn_err tsn_child_send_input(struct tsn_child *c, const char *bytes, size_t len)
{
    struct tsn_buf b;
    tsn_err err = room_for(c, len);
    TSN_ASSERT(c->cfg.lines);
    if (err)
        return err;
    tsn_buf_init(&b, UNSENT_MAX + 2);
    err = tsn_buf_put(&b, bytes, len);
    if (!err && len > 0)
        err = send_bytes(c, &b);
    tsn_buf_free(&b);
    if (!err)
        shut_writing(c);
    return err;
}

int tsn_child_pid(const struct tsn_child *c)
{
    return c->pid;
}

size_t tsn_child_unsent(const struct tsn_child *c)
{
    return c->unsent;
}

/* --- start --- */

static void init_pipe(struct tsn_child *c, uv_pipe_t *p)
{
    uv_pipe_init(tsn_loop_uv(c->loop), p, 0);
    p->data = c;
    c->open_handles++;
}

static struct tsn_child *new_child(struct tsn_loop *loop, const struct tsn_child_config *cfg)
{
    struct tsn_child *c = tsn_alloc(sizeof(*c));
    c->cfg = *cfg;
    c->cfg.argv = c->cfg.env = NULL;
    c->cfg.cwd = NULL;
    c->cfg.pass = NULL;
    c->cfg.npass = 0;
    c->name = tsn_strdup(cfg->name ? cfg->name : "child");
    c->cfg.name = c->name;
    if (c->cfg.max_line == 0)
        c->cfg.max_line = LINE_DEFAULT;
    c->loop = loop;
    size_t largest = cfg->lines ? c->cfg.max_line : TSN_FRAME_MAX + TSN_FRAME_HEAD;
    tsn_buf_init(&c->in, largest + READ_CHUNK + 1);
    init_pipe(c, &c->from);
    init_pipe(c, &c->err);
    c->out_pipe = &c->from;
    if (cfg->lines) {
        init_pipe(c, &c->to);
        c->out_pipe = &c->to;
    }
    c->process.data = c;
    c->open_handles++; /* uv_spawn initialises it even when it fails */
    c->timer = tsn_timer_new(loop, on_timer, c);
    tsn_child_log_init(&c->log, c->name);
    return c;
}

static tsn_err spawn(struct tsn_child *c, const struct tsn_child_config *cfg)
{
    static const char *const plain_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
#ifdef TOCSIN_SANITIZED
                                            /* not dumpable, so the leak check cannot attach */
                                            "ASAN_OPTIONS=detect_leaks=0",
#endif
                                            NULL};
    const int pipe_flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
    uv_stdio_container_t io[4 + TSN_CHILD_PASS_MAX] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    int nio = cfg->lines ? 3 : 4;
    io[2].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    io[2].data.stream = (uv_stream_t *)&c->err;
    if (cfg->lines && cfg->to_file) {
        io[1].flags = UV_INHERIT_FD;
        io[1].data.fd = cfg->file;
    } else if (cfg->lines) {
        io[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        io[0].data.stream = (uv_stream_t *)&c->to;
        io[1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
        io[1].data.stream = (uv_stream_t *)&c->from;
    } else {
        io[3].flags = (uv_stdio_flags)pipe_flags;
        io[3].data.stream = (uv_stream_t *)&c->from;
    }
    for (size_t i = 0; i < cfg->npass; i++) {
        io[nio].flags = UV_INHERIT_FD;
        io[nio++].data.fd = cfg->pass[i];
    }
    uv_process_options_t opt = {0};
    opt.exit_cb = on_process_exit;
    opt.file = cfg->argv[0];
    /* libuv asks for char ** but only hands them to execvp. */
    union {
        const char *const *in;
        char **out;
    } argv = {.in = cfg->argv}, env = {.in = cfg->env ? cfg->env : plain_env};
    opt.args = argv.out;
    opt.env = env.out;
    opt.cwd = cfg->cwd ? cfg->cwd : "/";
    opt.flags = UV_PROCESS_DETACHED; /* setsid: its own group, which we kill as a whole */
    opt.stdio = io;
    opt.stdio_count = nio;
    /* Whoever started us, or a library, may have left a descriptor without this mark. Old kernels
     * cannot do it; our own descriptors all have it anyway. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    return uv_spawn(tsn_loop_uv(c->loop), &c->process, &opt);
}

tsn_err tsn_child_start(struct tsn_child **out, struct tsn_loop *loop,
                        const struct tsn_child_config *cfg, struct tsn_diag *diag)
{
    *out = NULL;
    TSN_ASSERT(cfg->npass <= TSN_CHILD_PASS_MAX);
    if (!cfg->argv || !cfg->argv[0] || cfg->argv[0][0] != '/')
        return tsn_diag_set(diag, TSN_EBUG, "S040", "a program needs an absolute path");
    struct tsn_child *c = new_child(loop, cfg);
    tsn_fault("child.start");
    int rc = spawn(c, cfg);
    if (rc != 0) {
        close_all(c);
        tsn_err err = rc == UV_ENOENT ? TSN_ENOTFOUND : tsn_err_from_errno(-rc);
        tsn_diag_set(diag, err, "S040", "cannot start %s (%s): %s", c->name, cfg->argv[0],
                     uv_strerror(rc));
        tsn_diag_hint(diag, "check that %s exists, may be executed, and that %s is a folder",
                      cfg->argv[0], cfg->cwd ? cfg->cwd : "/");
        return err;
    }
    c->pid = c->process.pid;
    c->from_open = c->err_open = true;
    if (cfg->to_file || uv_read_start((uv_stream_t *)&c->from, on_alloc, on_read) != 0)
        c->from_open = false;
    if (uv_read_start((uv_stream_t *)&c->err, on_alloc, on_read_err) != 0)
        c->err_open = false;
    *out = c;
    return 0;
}
