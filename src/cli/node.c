/* node.c - see node.h. Owns every part of the running daemon.
 *
 * Main thread = loop thread. Start: lock, store, writer, reader, loop, outbound, registry, engine,
 * intake, feeds, API. Stop: the reverse. A dead writer ends the process without writing anything.
 */
#include "advisory/publisher.h"
#include "cli/node_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "casework/customers.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/loop.h"

/* After a lost disk /readyz is seen red this long, then the process ends. */
#define DEAD_MS 300
/* Under sanitizers the leak check attaches to us at the end. */
#ifdef TOCSIN_SANITIZED
#define UNDUMPED 1
#else
#define UNDUMPED 0
#endif
/* Children get this long to end when we stop. */
#define STOP_MS 3000

/* --- files ------------------------------------------------------------------------------- */

static tsn_err make_data_dir(const char *path, struct tsn_diag *diag)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "S024", "%s: %s", path,
                            strerror(errno));
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return tsn_diag_set(diag, TSN_EIO, "S024", "%s is not a directory", path);
    return 0;
}

/* Is whoever wrote its number into the lock still there? */
static bool holder_lives(int lock, char text[32])
{
    int64_t pid = 0;
    ssize_t len = pread(lock, text, 31, 0);
    text[len > 0 ? len : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return tsn_parse_int(text, 1, INT32_MAX, &pid) != 0 || kill((pid_t)pid, 0) == 0 ||
           errno == EPERM;
}

/* One daemon a data directory: the lock dies with the process, whatever way it dies. A child that a
 * killed daemon had forked and that was not yet another program holds it a moment longer. */
static tsn_err take_lock(struct node *n, struct tsn_diag *diag)
{
    const char *path = tsn_arena_printf(n->arena, "%s/lock", n->config->data_dir);
    n->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (n->lock < 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "S024", "%s: %s", path,
                            strerror(errno));
    char text[32];
    bool mine = flock(n->lock, LOCK_EX | LOCK_NB) == 0;
    for (int tries = 0; !mine && tries < 100 && !holder_lives(n->lock, text); tries++) {
        (void)poll(NULL, 0, 50); /* before the loop runs */
        mine = flock(n->lock, LOCK_EX | LOCK_NB) == 0;
    }
    if (!mine) {
        (void)holder_lives(n->lock, text);
        (void)tsn_diag_set(diag, TSN_ECONFLICT, "S022", "process %s already serves %s",
                           text[0] ? text : "(unknown)", n->config->data_dir);
        tsn_diag_hint(diag, "Stop it first, or give this one another data directory.");
        return TSN_ECONFLICT;
    }
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(n->lock, 0) != 0 || pwrite(n->lock, text, (size_t)len, 0) != len)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "S024", "%s: %s", path,
                            strerror(errno));
    return 0;
}

static const char *ready_path(struct node *n, const char *suffix)
{
    return tsn_arena_printf(n->arena, "%s/ready.json%s", n->config->data_dir, suffix);
}

static void write_ready(struct node *n)
{
    json_t *v = json_pack("{s:i, s:i, s:s, s:I}", "port", tsn_api_port(n->api), "form_port",
                          tsn_form_port(n->form), "socket", n->config->socket, "pid",
                          (json_int_t)getpid());
    char *text = tsn_json_text(v);
    const char *draft = ready_path(n, ".new");
    size_t len = strlen(text);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good || rename(draft, ready_path(n, "")) != 0)
        tsn_log(TSN_LOG_WARN, "ready.failed", "file", draft, "error", strerror(errno), NULL);
    free(text);
    json_decref(v);
}

/* systemd's protocol: one datagram to the socket it names. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
        return;
    memcpy(addr.sun_path, path, strlen(path));
    if (path[0] == '@')
        addr.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&addr, len);
    (void)close(fd);
}

/* --- entries about ourselves ----------------------------------------------------------------- */

struct mark_op {
    struct tsn_op op;
    const char *kind;
    int64_t seq;
};

static tsn_err apply_mark(struct tsn_op *op, struct tsn_store *st)
{
    struct mark_op *m = (struct mark_op *)op;
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = m->kind;
    in.actor = "svc:core";
    in.outcome = "ok";
    return tsn_store_append(st, &in, &m->seq);
}

/* `done` NULL: nobody waits for it. */
static bool mark(struct node *n, const char *kind, void (*done)(struct tsn_op *op))
{
    struct mark_op *m = tsn_op_new(sizeof(*m), apply_mark, done ? done : tsn_op_destroy, n);
    m->kind = kind;
    if (tsn_writer_submit(n->writer, &m->op, TSN_LANE_RUNS) == 0)
        return true;
    tsn_op_destroy(&m->op);
    return false;
}

/* --- ready, dead, stop ----------------------------------------------------------------------- */

static void announce(struct node *n)
{
    n->announced = true;
    write_ready(n);
    int port = tsn_api_port(n->api);
    const char *listen = n->config->listen ? n->config->listen : "";
    const char *colon = strrchr(listen, ':');
    const char *tcp = port > 0 && colon ? tsn_arena_printf(n->arena, "http://%.*s:%d, ",
                                                           (int)(colon - listen), listen, port)
                                        : "";
    (void)fprintf(stderr, "tocsin %s ready in %lld ms: %s%s\n", TOCSIN_VERSION,
                  (long long)(tsn_clock_mono_ms() - n->began_ms), tcp, n->config->socket);
    notify("READY=1\nSTATUS=ready\n");
    tsn_fault("serve.ready");
}

static void stop(struct node *n);

static void go_on(void *user)
{
    struct node *n = user;
    if (!n->engine_ready || !n->listening || n->announced || n->stopping)
        return;
    tsn_intake_refresh(n->intake);
    n->late_err = tsn_node_open_feeds(n, &n->late_diag);
    if (!n->late_err)
        n->late_err = tsn_node_open_ticks(n);
    if (!n->late_err)
        n->late_err = tsn_node_open_mail(n, &n->late_diag);
    if (!n->late_err)
        n->late_err = tsn_node_open_form(n, &n->late_diag);
    if (n->late_err)
        stop(n);
    else
        announce(n);
}

/* In a turn of its own: the engine may say so while it is still being opened. */
void tsn_node_engine_ready(void *user)
{
    struct node *n = user;
    n->engine_ready = true;
    tsn_loop_later(n->loop, go_on, n);
}

static void on_dead_timer(void *user)
{
    /* Nothing is flushed or closed: what is on disk is what the next start reads. */
    _exit(((struct node *)user)->dead_code);
}

static void on_writer_dead(tsn_err err, void *user)
{
    struct node *n = user;
    const char *why = err == TSN_ENOSPC ? "the disk is full" : "the database cannot be written";
    tsn_log(TSN_LOG_ERROR, "writer.died", "code", "S023", "error", tsn_err_name(err), "why",
            why, NULL);
    (void)fprintf(stderr,
                  "error S023: %s: the last commit is unknown, so tocsin stops; start it again "
                  "to go on from what is on disk\n",
                  why);
    n->died = true;
    n->dead_code = TSN_EXIT_FAILED;
    if (n->api)
        tsn_api_not_ready(n->api, why);
    notify("STATUS=the database cannot be written\n");
    if (n->dead)
        tsn_timer_arm(n->dead, DEAD_MS);
    else
        _exit(TSN_EXIT_FAILED);
}

static void on_committed(void *user)
{
    tsn_sealing_committed(((struct node *)user)->sealing);
}

static const char *suspect_path(struct node *n)
{
    return tsn_arena_printf(n->arena, "%s/suspect", n->config->data_dir);
}

/* Kept for the next start, which would find database and sealer in agreement. */
static void keep_suspicion(struct node *n, const struct tsn_diag *diag)
{
    int fd = open(suspect_path(n), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *text = tsn_arena_printf(n->arena, "%s %s\n", diag->code, diag->what);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) != 0)
        tsn_log(TSN_LOG_ERROR, "suspicion.not_kept", "error", strerror(errno), NULL);
    if (fd >= 0)
        (void)close(fd);
}

/* What an earlier life found; false: nothing. */
static bool read_suspicion(struct node *n, struct tsn_diag *diag)
{
    struct tsn_buf b;
    char code[8] = "V104";
    tsn_buf_init(&b, 4096);
    bool there = tsn_buf_read_file(&b, suspect_path(n)) == 0;
    if (there && b.len > 5) {
        memcpy(code, b.data, 4);
        b.data[strcspn(b.data, "\n")] = '\0';
    }
    if (there) {
        tsn_diag_hint(diag, "ask who runs the witness; then two people may go on: tocsin audit "
                            "new-epoch");
        (void)tsn_diag_set(diag, TSN_ETAMPERED, code, "%s", b.len > 5 ? b.data + 5 : "kept");
    }
    tsn_buf_free(&b);
    return there;
}

/* The sealer or a witness knows another history. Nothing more is written or done; the next start
 * compares, and serves for reading alone. */
static void on_suspect(const struct tsn_diag *diag, void *user)
{
    struct node *n = user;

    if (n->died || n->stopping)
        return;
    (void)fprintf(stderr, "error %s: %s; tocsin stops\n  %s\n", diag->code, diag->what,
                  diag->hint);
    keep_suspicion(n, diag);
    n->died = true;
    n->dead_code = TSN_EXIT_TAMPERED;
    tsn_writer_freeze(n->writer, true);
    if (n->api)
        tsn_api_not_ready(n->api, diag->what);
    notify("STATUS=rollback suspected\n");
    if (n->dead)
        tsn_timer_arm(n->dead, DEAD_MS);
    else
        _exit(TSN_EXIT_TAMPERED);
}

/* Everything that does work; the log stays open for what is said last. */
static void close_work(struct node *n)
{
    (void)unlink(ready_path(n, ""));
    tsn_api_close(n->api);
    n->api = NULL;
    tsn_house_close(n->house);
    n->house = NULL;
    tsn_clock_tick_close(n->tick);
    n->tick = NULL;
    if (n->feeds)
        tsn_feeds_close(n->feeds);
    tsn_schedules_close(n->schedules);
    n->schedules = NULL;
    tsn_form_close(n->form);
    n->form = NULL;
    tsn_mail_close(n->mail);
    n->mail = NULL;
    tsn_keys_close(n->keys);
    n->keys = NULL;
    if (n->engine)
        tsn_engine_close(n->engine);
    if (n->intake)
        tsn_intake_close(n->intake);
    if (n->plugins)
        tsn_plugins_close(n->plugins);
    n->feeds = NULL;
    n->engine = NULL;
    n->intake = NULL;
    n->plugins = NULL;
    if (n->signals) {
        uv_close((uv_handle_t *)&n->term, NULL);
        uv_close((uv_handle_t *)&n->intr, NULL);
        n->signals = false;
    }
}

static void close_log(struct node *n)
{
    tsn_sealing_close(n->sealing);
    n->sealing = NULL;
    if (n->httpc)
        tsn_httpc_close(n->httpc);
    if (n->writer) {
        tsn_writer_watch(n->writer, NULL, NULL);
        tsn_writer_close(n->writer);
    }
    tsn_store_close(n->store);
    tsn_store_close(n->view);
    tsn_store_close(n->log_view);
    n->store = n->view = n->log_view = NULL;
    if (n->reader)
        tsn_reader_close(n->reader);
    if (n->log_reader)
        tsn_reader_close(n->log_reader);
    if (n->registry)
        tsn_registry_close(n->registry);
    n->httpc = NULL;
    n->writer = NULL;
    n->reader = NULL;
    n->log_reader = NULL;
    n->registry = NULL;
    tsn_timer_destroy(n->dead);
    n->dead = NULL;
}

static void on_guard(uv_timer_t *guard)
{
    tsn_log(TSN_LOG_WARN, "node.stop_slow", NULL);
    tsn_loop_stop(((struct node *)guard->data)->loop);
}

/* Children still have to end, so the loop runs on until nothing is left, within limits. */
static void close_and_drain(void *user)
{
    struct node *n = user;
    close_log(n);
    if (uv_timer_init(tsn_loop_uv(n->loop), &n->guard) != 0)
        return;
    n->guarded = true;
    n->guard.data = n;
    uv_unref((uv_handle_t *)&n->guard);
    (void)uv_timer_start(&n->guard, on_guard, STOP_MS, 0);
}

/* In a turn of its own: what calls this is closed by it. */
static void close_soon(void *user)
{
    struct node *n = user;
    tsn_loop_later(n->loop, close_and_drain, n);
}

/* The last entry is there; it shall not wait for the next start to be sealed. */
static void stop_marked(struct tsn_op *op)
{
    struct node *n = op->user;
    int64_t seq = ((struct mark_op *)op)->seq;
    tsn_err err = op->err;
    tsn_op_destroy(op);
    if (!n->sealing)
        return; /* the writer is closing */
    if (err)
        tsn_loop_later(n->loop, close_and_drain, n);
    else
        tsn_sealing_last(n->sealing, seq, close_soon, n);
}

static void close_all(struct node *n)
{
    close_work(n);
    if (!n->writer || !n->sealing || !mark(n, "audit.stop", stop_marked))
        close_and_drain(n);
}

static void stop(struct node *n)
{
    if (n->died)
        _exit(TSN_EXIT_FAILED);
    if (n->stopping)
        return;
    n->stopping = true;
    notify("STOPPING=1\n");
    close_all(n);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct node *n = handle->data;
    tsn_log(TSN_LOG_INFO, "node.stopping", "signal", number == SIGINT ? "INT" : "TERM", NULL);
    if (!n->writer)
        _exit(TSN_EXIT_OK); /* still comparing: nothing was written, children end with us */
    stop(n);
}

/* --- a log that cannot go on -------------------------------------------------------------------- */

/* Lists, cases and the log can be read; nothing is written, no playbook runs. */
static void announce_read_only(struct node *n)
{
    n->announced = true;
    tsn_api_not_ready(n->api, n->suspicion.what);
    write_ready(n);
    (void)fprintf(stderr, "error %s: %s\n  %s\ntocsin serves for reading only: %s\n",
                  n->suspicion.code, n->suspicion.what, n->suspicion.hint, n->config->socket);
    notify("READY=1\nSTATUS=read-only: rollback suspected\n");
}

struct recovery {
    struct node *n;
    void (*done)(tsn_err err, const struct tsn_diag *diag, void *user);
    void *user;
};

static void epoch_opened(tsn_err err, const struct tsn_diag *diag, void *user)
{
    struct recovery *r = user;
    struct node *n = r->n;

    if (err) {
        tsn_writer_freeze(n->writer, true);
    } else {
        (void)unlink(suspect_path(n));
        n->read_only = n->announced = false;
        (void)mark(n, "audit.start", NULL);
        tsn_plugins_watch(n->plugins, tsn_node_plugin_loaded, n);
        n->late_err = tsn_node_open_engine(n, &n->late_diag);
        tsn_api_go_on(n->api, n->engine, n->intake);
        (void)fprintf(stderr, "a new epoch of the log has begun; tocsin goes on\n");
        if (n->late_err)
            stop(n);
    }
    r->done(err, diag, r->user);
    free(r);
}

/* Two people have agreed (the API saw to it). */
void tsn_node_new_epoch(void *node, const struct tsn_epoch_request *request,
                        void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                        void *user)
{
    struct node *n = node;
    struct recovery *r = tsn_alloc(sizeof(*r));

    r->n = n;
    r->done = done;
    r->user = user;
    tsn_writer_freeze(n->writer, false);
    tsn_sealing_new_epoch(n->sealing, n->writer, request, epoch_opened, r);
}

/* --- copies of checkpoints by mail --------------------------------------------------------------- */

struct mail_copy {
    struct tsn_call call;
    char idem[2 * TSN_HASH_LEN + 1];
};

static void copy_sent(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                      const struct tsn_diag *diag)
{
    (void)result;
    if (outcome != TSN_OUTCOME_OK)
        tsn_log(TSN_LOG_WARN, "seal.not_copied", "to", "mail", "why", diag ? diag->what : NULL,
                NULL);
    json_decref(call->args);
    free(call);
}

static void on_copy(const char *note, int64_t size, void *user)
{
    struct node *n = user;
    const struct tsn_action *a = tsn_registry_find(n->registry, "mail.send");
    struct mail_copy *m = tsn_alloc(sizeof(*m));
    uint8_t hash[TSN_HASH_LEN];
    struct tsn_diag diag;
    char subject[80];

    tsn_diag_init(&diag);
    tsn_sha256_once(hash, note, strlen(note));
    tsn_hex(m->idem, hash, 16);
    (void)snprintf(subject, sizeof(subject), "Checkpoint of the audit log, %lld entries",
                   (long long)size);
    m->call.action = a;
    m->call.run = m->call.run_name = m->call.case_id = m->call.path = "audit";
    m->call.idem = m->idem;
    m->call.attempt = 1;
    m->call.args = json_pack("{s:s, s:s, s:s}", "to", n->config->copy_mail, "subject", subject,
                             "text", note);
    m->call.done = copy_sent;
    if (!a || a->start(&m->call, &diag) != 0)
        copy_sent(&m->call, TSN_OUTCOME_FAIL, NULL, &diag);
}

/* --- start ------------------------------------------------------------------------------- */

/* Before anything else is written: what is in force decides what every change brings along. */
static tsn_err open_policies(struct node *n, struct tsn_store *st, struct tsn_diag *diag)
{
    const char *dir = n->config->policy_dir ? n->config->policy_dir : n->in->shared_policies;
    struct tsn_policy_file *files;
    size_t nfiles;
    n->policies = tsn_policies_new();
    n->casework = n->config->casework;
    n->casework.policies = n->policies;
    n->casework.likeness = tsn_likeness_new();
    n->casework.known = tsn_customers_new();
    if (n->read_only) {
        tsn_err bad = tsn_policies_load(n->policies, st, diag);
        return bad ? bad : tsn_customers_load(n->casework.known, st);
    }
    tsn_err err = tsn_config_policy_files(n->arena, dir, &files, &nfiles, diag);
    if (!err)
        err = tsn_store_begin(st);
    if (err)
        return err;
    err =
        tsn_policies_start(n->policies, st, n->arena, files, nfiles, tsn_clock_wall_ms(), diag);
    if (!err)
        err = tsn_customers_start(n->casework.known, st, n->arena, n->casework.customers,
                                  tsn_clock_wall_ms(), diag);
    if (!err)
        return tsn_store_commit(st);
    tsn_store_rollback(st);
    return err;
}

static tsn_err open_store(struct node *n, struct tsn_diag *diag)
{
    struct tsn_store_config sc = {.path = n->config->database,
                                  .key_file = n->config->key_file,
                                  .create = true,
                                  .vfs = getenv("TOCSIN_VFS")};
    struct tsn_sealing_config seal = n->config->sealing;
    tsn_err err = tsn_store_open(&n->store, &sc, diag);

    seal.loop = n->loop;
    seal.on_suspect = on_suspect;
    seal.copy = n->config->copy_mail ? on_copy : NULL;
    seal.user = n;
    /* The sealer starts while the rest is made ready. */
    if (!err)
        err = tsn_sealing_open(&n->sealing, &seal, n->store, diag);
    sc.create = false;
    sc.read_only = true;
    if (!err)
        err = tsn_store_open(&n->view, &sc, diag);
    sc.index = tsn_arena_printf(n->arena, "%s.index", sc.path);
    return err ? err : tsn_store_open(&n->log_view, &sc, diag);
}

/* Before anything is written: is this the log that was sealed? */
static tsn_err open_threads(struct node *n, struct tsn_diag *diag)
{
    tsn_err err = tsn_sealing_compare(n->sealing, n->store, n->httpc, &n->suspicion);

    if (err && err != TSN_ETAMPERED) {
        *diag = n->suspicion;
        return err;
    }
    if (!err && read_suspicion(n, &n->suspicion)) {
        tsn_sealing_distrust(n->sealing, &n->suspicion);
        err = TSN_ETAMPERED;
    }
    n->read_only = err == TSN_ETAMPERED;
    err = open_policies(n, n->store, diag);
    if (!err)
        err = tsn_writer_open(&n->writer, n->loop, n->store, on_writer_dead, n);
    if (err)
        return err;
    n->store = NULL;
    err = tsn_reader_open(&n->reader, n->loop, n->view);
    if (err)
        return err;
    n->view = NULL;
    err = tsn_reader_open(&n->log_reader, n->loop, n->log_view);
    if (err)
        return err;
    n->log_view = NULL;
    tsn_writer_freeze(n->writer, n->read_only);
    tsn_writer_watch(n->writer, on_committed, n);
    if (!n->read_only) {
        (void)mark(n, "audit.start", NULL);
        tsn_plugins_watch(n->plugins, tsn_node_plugin_loaded, n);
    }
    return tsn_sealing_start(n->sealing, n->writer, n->reader);
}

static tsn_err open_signals(struct node *n)
{
    uv_loop_t *uv = tsn_loop_uv(n->loop);
    if (uv_signal_init(uv, &n->term))
        return TSN_EBUG;
    if (uv_signal_init(uv, &n->intr)) {
        uv_close((uv_handle_t *)&n->term, NULL);
        return TSN_EBUG;
    }
    n->signals = true;
    n->term.data = n;
    n->intr.data = n;
    if (uv_signal_start(&n->term, on_signal, SIGTERM) ||
        uv_signal_start(&n->intr, on_signal, SIGINT))
        return TSN_EBUG;
    return 0;
}

tsn_err tsn_node_run(const struct tsn_node_config *in, struct tsn_diag *diag)
{
    struct node n = {.in = in, .config = in->config, .lock = -1};
    n.began_ms = tsn_clock_mono_ms();
    n.arena = tsn_arena_new();
    (void)umask(077);
    /* What lies in memory, secrets among it, is nobody's to read: no core file, no debugger. */
    (void)setrlimit(RLIMIT_CORE, &(const struct rlimit){0, 0});
    (void)prctl(PR_SET_DUMPABLE, UNDUMPED, 0, 0, 0);
    if (in->verbose)
        tsn_log_level_set(TSN_LOG_DEBUG);
    tsn_err err = make_data_dir(n.config->data_dir, diag);
    if (!err)
        err = take_lock(&n, diag);
    if (err)
        goto out;
    (void)unlink(ready_path(&n, ""));
    err = tsn_loop_open(&n.loop);
    if (!err)
        err = open_signals(&n);
    if (!err)
        n.dead = tsn_timer_new(n.loop, on_dead_timer, &n);
    if (!err)
        err = open_store(&n, diag);
    if (!err)
        err = tsn_node_open_actions(&n, diag);
    if (!err)
        err = open_threads(&n, diag);
    if (!err && !n.read_only)
        err = tsn_node_open_engine(&n, diag);
    if (!err)
        err = tsn_node_open_outside(&n, diag);
    if (!err) {
        n.listening = true;
        if (n.read_only)
            announce_read_only(&n);
        tsn_loop_run(n.loop);
        tsn_log(TSN_LOG_INFO, "node.stopped", NULL);
        err = n.late_err;
        if (err)
            *diag = n.late_diag;
        else if (n.read_only) {
            *diag = n.suspicion;
            err = TSN_ETAMPERED;
        }
    }
out:
    if (err && !diag->code[0])
        (void)tsn_diag_set(diag, err, "S000", "tocsin could not start: %s", tsn_err_text(err));
    if (n.loop) {
        if (err && !n.stopping) {
            close_all(&n);
            tsn_loop_run(n.loop);
        }
        if (n.guarded)
            uv_close((uv_handle_t *)&n.guard, NULL);
        tsn_loop_close(n.loop);
    }
    if (n.lock >= 0)
        (void)close(n.lock);
    tsn_policies_destroy(n.policies);
    tsn_likeness_destroy(n.casework.likeness);
    tsn_customers_destroy(n.casework.known);
    tsn_secret_forget();
    tsn_arena_destroy(n.arena);
    return err;
}
