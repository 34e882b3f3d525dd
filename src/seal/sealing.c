/* sealing.c - life of the sealing: the child, its frames, start and stop. See sealing.h. */
#include "seal/sealing_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_log.h"

#define HELLO_MS    10000
#define BACKOFF_MS  100
#define BACKOFF_MAX 10000
#define COVER_MS    30000
#define EVERY_MS    3600000

void tsn_sealing_ref(struct tsn_sealing *s)
{
    s->refs++;
}

void tsn_sealing_unref(struct tsn_sealing *s)
{
    if (--s->refs > 0)
        return;
    free(s->dir);
    free(s->socket);
    free(s->origin);
    free(s->copy_file);
    free(s->copy_syslog);
    free(s->note);
    free(s->gather_note);
    free(s->covered_note);
    free(s->witnesses);
    free(s);
}

void tsn_sealing_suspect(struct tsn_sealing *s, const struct tsn_diag *diag)
{
    if (s->suspect || s->closing)
        return;
    s->suspect = s->stats.suspect = true;
    s->why = *diag;
    tsn_log(TSN_LOG_ERROR, "seal.suspect", "code", diag->code, "why", diag->what, NULL);
    if (s->started && s->config.on_suspect)
        s->config.on_suspect(diag, s->config.user);
}

json_t *tsn_sealing_hash(const uint8_t hash[TSN_HASH_LEN])
{
    char text[4 * ((TSN_HASH_LEN + 2) / 3) + 1];

    tsn_base64(text, hash, TSN_HASH_LEN);
    return json_string(text);
}

/* --- frames ------------------------------------------------------------------------------ */

static bool take_hash(const json_t *v, const char *name, uint8_t out[TSN_HASH_LEN])
{
    const char *text = tsn_json_str(v, name, "");
    size_t n;

    return tsn_unbase64(out, TSN_HASH_LEN, &n, text, strlen(text)) == 0 && n == TSN_HASH_LEN;
}

static void on_hello(struct tsn_sealing *s, const json_t *v)
{
    const char *weaker = tsn_json_str(v, "weaker", "");
    int64_t size = tsn_json_int(v, "size", -1);

    if (tsn_json_int(v, "protocol", 0) != TSN_FRAME_VERSION || size < 0 ||
        !take_hash(v, "root", s->hello.root) ||
        !tsn_copy(s->hello.key, sizeof(s->hello.key), tsn_json_str(v, "key", "")) ||
        !tsn_copy(s->hello.next_key, sizeof(s->hello.next_key), tsn_json_str(v, "next", ""))) {
        tsn_log(TSN_LOG_ERROR, "sealer.killed", "why", "its HELLO cannot be understood", NULL);
        tsn_child_kill(s->child);
        return;
    }
    if (*weaker)
        tsn_log(TSN_LOG_WARN, "sealer.weaker", "why", weaker, NULL);
    s->hello.come = true;
    s->hello.size = (uint64_t)size;
    if (s->opening)
        tsn_epoch_hello(s);
    else if (s->comparing)
        tsn_loop_stop(s->config.loop);
    else if (s->started)
        tsn_sealing_recheck(s);
}

static void on_value(struct tsn_sealing *s, uint8_t type, const json_t *v)
{
    switch (type) {
    case TSN_FRAME_HELLO:
        on_hello(s, v);
        break;
    case TSN_FRAME_SEALED:
        tsn_head_sealed(s, v);
        break;
    case TSN_FRAME_SEAL_REFUSED:
        tsn_head_refused(s, v);
        break;
    case TSN_FRAME_ROTATED:
        tsn_rotate_answer(s, v);
        break;
    default:
        tsn_log(TSN_LOG_ERROR, "sealer.killed", "why", "a frame of an unknown type", NULL);
        tsn_child_kill(s->child);
    }
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_sealing *s = user;
    json_t *v = NULL;

    if (s->closing || c != s->child)
        return;
    tsn_sealing_ref(s);
    if (tsn_json_parse(f->payload, f->len, &v, NULL) || !json_is_object(v)) {
        tsn_log(TSN_LOG_ERROR, "sealer.killed", "why", "a frame that is not JSON", NULL);
        tsn_child_kill(c);
    } else {
        on_value(s, f->type, v);
    }
    json_decref(v);
    tsn_sealing_unref(s);
}

static void on_exit_child(struct tsn_child *c, int64_t status, int sig, void *user)
{
    struct tsn_sealing *s = user;
    char text[64];

    if (c == s->child) {
        s->child = NULL;
        s->up = s->stats.up = false;
        s->busy = false;
        s->asked = 0;
        if (!s->closing) {
            (void)snprintf(text, sizeof(text), "%lld/%d", (long long)status, sig);
            tsn_log(TSN_LOG_ERROR, "sealer.ended", "status", text, NULL);
            if (s->rotate_done)
                tsn_rotate_answer(s, NULL);
            tsn_head_last(s, true);
            if (s->comparing)
                tsn_loop_stop(s->config.loop);
            else if (s->started) {
                tsn_timer_arm(s->respawn, s->backoff_ms);
                s->backoff_ms =
                    s->backoff_ms * 2 > BACKOFF_MAX ? BACKOFF_MAX : s->backoff_ms * 2;
            }
        }
    }
    tsn_sealing_unref(s);
}

static tsn_err make_dir(const char *path, struct tsn_diag *diag)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V103", "%s: %s", path,
                            strerror(errno));
    return 0;
}

/* Key and state of our own, in a folder of the epoch. */
static tsn_err own_files(struct tsn_sealing *s, char key[PATH_MAX + 16],
                         char state[PATH_MAX + 16], bool create, struct tsn_diag *diag)
{
    char folder[PATH_MAX];
    tsn_err err = 0;

    if ((size_t)snprintf(folder, sizeof(folder), "%s/%lld", s->dir, (long long)s->epoch) >=
        sizeof(folder))
        return tsn_diag_set(diag, TSN_ETOOBIG, "V103",
                            "the sealer's folder has too long a path");
    (void)snprintf(key, PATH_MAX + 16, "%s/sealer.key", folder);
    (void)snprintf(state, PATH_MAX + 16, "%s/sealer.state", folder);
    if (create)
        err = make_dir(s->dir, diag);
    return !err && create ? make_dir(folder, diag) : err;
}

tsn_err tsn_sealing_spawn(struct tsn_sealing *s, bool create, struct tsn_diag *diag)
{
    char program[PATH_MAX], key[PATH_MAX + 16], state[PATH_MAX + 16];
    const char *own[] = {program, "--key", key, "--state", state, NULL, NULL, NULL};
    const char *other[] = {program, "--connect", s->socket, NULL};
    const char *env[4] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL, NULL};
    const char *fault = getenv("TOCSIN_FAULT");
    char *pass = NULL;
    struct tsn_child_config config = {.name = "sealer",
                                      .argv = s->socket ? other : own,
                                      .env = env,
                                      .on_frame = on_frame,
                                      .on_exit = on_exit_child,
                                      .user = s};
    tsn_err err = tsn_child_find(program, sizeof(program), "tocsin-sealer", diag);
    size_t cap;

    (void)snprintf(s->name, sizeof(s->name), "%s/%lld", s->origin, (long long)s->epoch);
    if (!err && !s->socket)
        err = own_files(s, key, state, create, diag);
    if (err)
        return err;
    if (create) {
        own[5] = "--create";
        own[6] = s->name;
    }
    /* Tests break the sealer by its own fault points; those of the core are not its business. */
    if (fault && strncmp(fault, "sealer.", 7) == 0) {
        cap = strlen(fault) + 16;
        pass = tsn_alloc(cap);
        (void)snprintf(pass, cap, "TOCSIN_FAULT=%s", fault);
        env[2] = pass;
    }
    memset(&s->hello, 0, sizeof(s->hello));
    tsn_sealing_ref(s);
    err = tsn_child_start(&s->child, s->config.loop, &config, diag);
    if (err)
        s->refs--; /* the caller has another */
    free(pass);
    return err;
}

static void respawn_fired(void *user)
{
    struct tsn_sealing *s = user;
    struct tsn_diag diag;

    if (s->closing || s->child)
        return;
    s->stats.restarts++;
    tsn_diag_init(&diag);
    if (tsn_sealing_spawn(s, false, &diag) != 0) {
        tsn_log(TSN_LOG_ERROR, "sealer.not_started", "why", diag.what, NULL);
        tsn_timer_arm(s->respawn, BACKOFF_MAX);
    }
}

/* --- start -------------------------------------------------------------------------------- */

static char *copy(const char *s)
{
    return s ? tsn_strdup(s) : NULL;
}

static void delay_fired(void *user)
{
    tsn_head_next(user);
}

static void due_fired(void *user)
{
    tsn_cover_look(user);
}

static void late_fired(void *user)
{
    tsn_head_last(user, true);
}

static tsn_err read_facts(struct tsn_sealing *s, struct tsn_store *st)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_sealkey key;
    struct tsn_rec_checkpoint cp;
    tsn_err err = tsn_store_sealkey(st, a, &key);

    if (!err) {
        s->known = true;
        s->epoch = key.epoch;
        (void)tsn_copy(s->key_text, sizeof(s->key_text), key.key);
    } else if (err == TSN_ENOTFOUND) {
        s->epoch = 1;
        err = 0;
    }
    if (!err && tsn_store_checkpoint(st, a, &cp) == 0 && cp.note)
        s->note = tsn_strdup(cp.note);
    if (!err)
        err = tsn_store_stored_head(st, &s->db_size, s->db_root);
    tsn_arena_destroy(a);
    return err;
}

tsn_err tsn_sealing_open(struct tsn_sealing **out, const struct tsn_sealing_config *config,
                         struct tsn_store *st, struct tsn_diag *diag)
{
    struct tsn_sealing *s = tsn_alloc(sizeof(*s));
    tsn_err err;

    *out = s;
    s->refs = 1;
    s->config = *config;
    s->dir = copy(config->dir);
    s->socket = copy(config->socket);
    s->origin = copy(config->origin);
    s->copy_file = copy(config->copy_file);
    s->copy_syslog = copy(config->copy_syslog);
    s->backoff_ms = BACKOFF_MS;
    if (s->config.cover_ms <= 0)
        s->config.cover_ms = COVER_MS;
    if (s->config.every_ms <= 0)
        s->config.every_ms = EVERY_MS;
    s->stats.witnesses = config->nwitnesses;
    tsn_diag_init(&s->why);
    s->respawn = tsn_timer_new(config->loop, respawn_fired, s);
    s->delay = tsn_timer_new(config->loop, delay_fired, s);
    s->due = tsn_timer_new(config->loop, due_fired, s);
    s->late = tsn_timer_new(config->loop, late_fired, s);
    err = read_facts(s, st);
    if (!err)
        err = tsn_witness_open(s, diag);
    if (err)
        return err;
    s->stats.epoch = s->epoch;
    /* A sealer that cannot start is no reason to end: compare finds it missing. */
    if (tsn_sealing_spawn(s, !s->known, &s->why) != 0)
        s->child = NULL;
    return 0;
}

void tsn_sealing_distrust(struct tsn_sealing *s, const struct tsn_diag *diag)
{
    tsn_sealing_suspect(s, diag);
}

static void hello_late(void *user)
{
    tsn_loop_stop(((struct tsn_sealing *)user)->config.loop);
}

static void take_hello(struct tsn_sealing *s)
{
    (void)tsn_copy(s->key_text, sizeof(s->key_text), s->hello.key);
    (void)tsn_copy(s->next_text, sizeof(s->next_text), s->hello.next_key);
    s->size = s->hello.size;
    memcpy(s->root, s->hello.root, TSN_HASH_LEN);
    s->up = s->stats.up = true;
}

bool tsn_sealing_key_fits(const struct tsn_sealing *s, struct tsn_diag *diag)
{
    size_t n = strlen(s->name);

    if (strncmp(s->hello.key, s->name, n) == 0 && s->hello.key[n] == '+')
        return true;
    if (s->socket)
        tsn_diag_hint(diag,
                      "as the sealer's user: tocsin-sealer --init %.300s --key ... --state "
                      "..., with new files",
                      s->name);
    (void)tsn_diag_set(diag, TSN_ETAMPERED, "V102",
                       "the sealer's key is of %.*s, and this log is %s",
                       (int)strcspn(s->hello.key, "+"), s->hello.key, s->name);
    return false;
}

tsn_err tsn_sealing_compare(struct tsn_sealing *s, struct tsn_store *st,
                            struct tsn_httpc *httpc, struct tsn_diag *diag)
{
    struct tsn_timer *late = tsn_timer_new(s->config.loop, hello_late, s);
    tsn_err err = 0;

    if (s->child && !s->hello.come) {
        s->comparing = true;
        tsn_timer_arm(late, HELLO_MS);
        tsn_loop_run(s->config.loop);
        s->comparing = false;
    }
    tsn_timer_destroy(late);
    if (!s->hello.come) {
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V103",
                           "the sealer does not start, so nothing shows that this log was not "
                           "rolled back%s%s",
                           s->why.what[0] ? ": " : "", s->why.what);
        tsn_diag_hint(diag, "look into the log above, restore %s, and start again", s->dir);
    } else {
        err = tsn_store_begin(st);
        if (!err) {
            err = tsn_sealing_check(st, s->known ? s->key_text : NULL, &s->hello, diag);
            tsn_store_rollback(st);
        }
        if (!err && tsn_note_key_parse(&s->key, s->hello.key, strlen(s->hello.key)) != 0)
            err = tsn_diag_set(diag, TSN_ETAMPERED, "V103", "the sealer's key is not a key");
        if (!err && !tsn_sealing_key_fits(s, diag))
            err = TSN_ETAMPERED;
    }
    if (err) {
        tsn_sealing_suspect(s, diag);
        return err;
    }
    take_hello(s);
    s->httpc = httpc;
    tsn_witness_compare(s);
    if (s->suspect) {
        *diag = s->why;
        err = TSN_ETAMPERED;
    }
    return err;
}

tsn_err tsn_sealing_start(struct tsn_sealing *s, struct tsn_writer *writer,
                          struct tsn_reader *reader)
{
    s->writer = writer;
    s->reader = reader;
    s->started = true;
    s->sealed_mono = s->noted_mono = tsn_clock_mono_ms() - s->config.every_ms;
    tsn_sealing_committed(s);
    return 0;
}

void tsn_sealing_close(struct tsn_sealing *s)
{
    struct tsn_cover_wait *w, *next;

    if (!s || s->closing)
        return;
    s->closing = true;
    tsn_witness_close(s);
    for (w = s->waits; w; w = next) {
        next = w->next;
        free(w);
    }
    s->waits = NULL;
    tsn_timer_destroy(s->respawn);
    tsn_timer_destroy(s->delay);
    tsn_timer_destroy(s->due);
    tsn_timer_destroy(s->late);
    s->respawn = s->delay = s->due = s->late = NULL;
    if (s->child)
        tsn_child_finish(s->child);
    tsn_sealing_unref(s);
}

/* --- what is known ------------------------------------------------------------------------- */

void tsn_sealing_stats(const struct tsn_sealing *s, struct tsn_sealing_stats *out)
{
    memset(out, 0, sizeof(*out));
    if (!s)
        return;
    *out = s->stats;
    out->size = s->sealed_at_ms ? (int64_t)s->size : 0;
    out->sealed_at_ms = s->sealed_at_ms;
    out->waiting = (int64_t)s->nwaits;
    for (size_t i = 0; i < s->nwitnesses; i++)
        out->fresh += s->size && s->witnesses[i].covers == (int64_t)s->size;
}

const char *tsn_sealing_note(const struct tsn_sealing *s)
{
    return s ? s->note : NULL;
}

const char *tsn_sealing_covered_note(const struct tsn_sealing *s, int64_t *size)
{
    bool whole = s->covered_note && s->config.quorum > 0;

    *size = (int64_t)(whole ? s->covered_size : s->sealed_at_ms ? s->size : 0);
    return whole ? s->covered_note : s->note;
}

const char *tsn_sealing_key(const struct tsn_sealing *s)
{
    return s ? s->key_text : "";
}

enum tsn_no_cover tsn_sealing_without(const struct tsn_sealing *s)
{
    return s->config.without;
}
