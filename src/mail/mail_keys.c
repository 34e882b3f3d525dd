/* mail_keys.c - one thing at a time with the keys' home: entry, gpg, answer; the watch; WKD files. */
#include "mail/mail_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "loop/loop.h"
#include "proc/pgp.h"
#include "store/op.h"
#include "store/store.h"
#include "store/writer.h"

#define LOOK_MS  INT64_C(3600000)
#define KEY_DAYS 730

struct tsn_keys {
    struct tsn_keys_config cfg;
    struct tsn_timer *watch;
    json_t *seen;
    size_t under_way;
    bool closed;
};

/* One request, from its entry to its answer. */
struct errand {
    struct tsn_op op; /* the entry; not used by looks */
    struct tsn_keys *k;
    const char *kind, *actor, *auth, *reason, *args;
    char *bytes; /* import */
    size_t len;
    char fpr[65];
    bool watching; /* nobody asked */
    tsn_engine_done *done;
    void *user;
    void (*then)(struct errand *e);
};

void tsn_wkd_hash(char out[33], const char *local)
{
    static const char alphabet[] = "ybndrfg8ejkmcpqxot1uwisza345h769";
    char low[256];
    uint8_t hash[20];
    unsigned n = 0;

    (void)tsn_copy(low, sizeof(low), local);
    for (char *c = low; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    }
    (void)EVP_Digest(low, strlen(low), hash, &n, EVP_sha1(), NULL);
    for (unsigned i = 0; i < 32; i++) {
        unsigned bit = i * 5, at = bit / 8;
        unsigned two = (unsigned)hash[at] << 8 | (at + 1 < 20 ? hash[at + 1] : 0u);

        out[i] = alphabet[two >> (11 - bit % 8) & 31];
    }
    out[32] = '\0';
}

static void keys_free(struct tsn_keys *k)
{
    json_decref(k->seen);
    free(k);
}

static struct errand *errand_new(struct tsn_keys *k, tsn_engine_done *done, void *user)
{
    struct errand *e = tsn_op_new(sizeof(*e), NULL, NULL, NULL);

    e->k = k;
    e->done = done;
    e->user = user;
    k->under_way++;
    return e;
}

static void errand_end(struct errand *e, tsn_err err, json_t *info, const struct tsn_diag *diag)
{
    struct tsn_keys *k = e->k;

    if (e->done)
        e->done(err, -1, info, err ? diag : NULL, e->user);
    json_decref(info);
    free(e->bytes);
    tsn_op_destroy(&e->op);
    k->under_way--;
    if (k->closed && k->under_way == 0)
        keys_free(k);
}

static void errand_fail(struct errand *e, tsn_err err, const char *code, const char *what,
                        const char *hint)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    tsn_diag_set(&diag, err, code, "%s", what);
    tsn_diag_hint(&diag, "%s", hint);
    errand_end(e, err, NULL, &diag);
}

/* --- entries --- */

static tsn_err entry_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct errand *e = (struct errand *)op;
    const struct tsn_field fields[] = {{"args", e->args, strlen(e->args)},
                                       {"note", e->reason, strlen(e->reason)}};
    struct tsn_append a = TSN_APPEND_INIT;

    a.kind = e->kind;
    a.actor = e->actor;
    a.auth = e->auth;
    a.fields = fields;
    a.nfields = 2;
    return tsn_store_append(st, &a, NULL);
}

static void entry_done(struct tsn_op *op)
{
    struct errand *e = (struct errand *)op;

    if (op->err)
        errand_end(e, op->err, NULL, &op->diag);
    else if (e->k->closed)
        errand_fail(e, TSN_ECLOSED, "M050", "tocsin is stopping", "ask again when it is up");
    else
        e->then(e);
}

/* The entry is on disk before the home changes. */
static void enter(struct errand *e, const struct tsn_actor *who, const char *kind, json_t *args,
                  const char *reason, void (*then)(struct errand *e))
{
    struct tsn_arena *a = e->op.arena;
    char *text = tsn_json_text(args);
    tsn_err err;

    json_decref(args);
    e->kind = kind;
    e->actor = who->person ? tsn_arena_printf(a, "u:%s", who->person) : "op:owner";
    e->auth = tsn_arena_strdup(a, who->auth ? who->auth : "none");
    e->reason = tsn_arena_strdup(a, reason ? reason : "");
    e->args = tsn_arena_strdup(a, text);
    e->then = then;
    free(text);
    e->op.apply = entry_apply;
    e->op.done = entry_done;
    err = tsn_writer_submit(e->k->cfg.writer, &e->op, TSN_LANE_RUNS);
    if (err)
        errand_fail(e, err, "M050", "too busy now", "ask again in a moment");
}

/* --- looking --- */

static const char *problem_of(const json_t *key, int64_t now)
{
    int64_t end = tsn_json_int(key, "expires_ms", 0);
    const char *state = tsn_json_str(key, "state", "valid");

    if (strcmp(state, "valid") != 0)
        return state;
    if (end > 0 && end <= now)
        return "expired";
    return end > 0 && end - now < TSN_KEY_WARN_MS ? "expires-soon" : NULL;
}

/* A secret key that is ours to use: those of others here are public ones. */
static void judge(struct tsn_keys *k, json_t *list, bool aloud)
{
    int64_t now = tsn_clock_wall_ms();
    json_t *key;
    size_t i;

    json_array_foreach(list, i, key)
    {
        const char *fpr = tsn_json_str(key, "fpr", "");
        bool ours = k->cfg.our_fpr && strcasecmp(fpr, k->cfg.our_fpr) == 0;
        const char *problem = problem_of(key, now);

        json_object_set_new(key, "ours", json_boolean(ours));
        if (problem)
            json_object_set_new(key, "problem", json_string(problem));
        if (ours && problem && aloud) {
            char when[25];

            tsn_time_format(when, tsn_json_int(key, "expires_ms", 0));
            tsn_log(strcmp(problem, "expires-soon") == 0 ? TSN_LOG_WARN : TSN_LOG_ERROR,
                    "key.ends", "code", "M053", "key", fpr, "problem", problem, "expires", when,
                    NULL);
        }
    }
    json_decref(k->seen);
    k->seen = json_incref(list);
}

static void publish(struct tsn_keys *k);

static void on_list(struct tsn_pgp_result *r, void *user)
{
    struct errand *e = user;
    struct tsn_keys *k = e->k;
    json_t *list;

    if (r->reason) {
        errand_fail(e, TSN_EIO, "M050", "gpg could not list the keys",
                    "gpg --homedir HOME --list-keys says more");
        return;
    }
    list = tsn_pgp_keys_json(r->plain.data);
    judge(k, list, e->watching);
    if (!k->closed && e->watching)
        publish(k);
    errand_end(e, 0, json_pack("{s:o}", "items", list), NULL);
}

static void look(struct tsn_keys *k, bool watching, tsn_engine_done *done, void *user)
{
    struct errand *e = errand_new(k, done, user);

    e->watching = watching;
    tsn_pgp_list(k->cfg.loop, k->cfg.gnupghome, on_list, e);
}

static void on_watch(void *user)
{
    struct tsn_keys *k = user;

    look(k, true, NULL, NULL);
    tsn_timer_arm(k->watch, LOOK_MS);
}

void tsn_keys_list(struct tsn_keys *k, tsn_engine_done *done, void *user)
{
    look(k, false, done, user);
}

const json_t *tsn_keys_seen(const struct tsn_keys *k)
{
    return k ? k->seen : NULL;
}

/* --- the web key directory --- */

static tsn_err write_file(const char *path, const void *p, size_t n)
{
    char draft[4200];
    int fd;
    bool good;

    (void)snprintf(draft, sizeof(draft), "%s.new", path);
    fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return tsn_err_from_errno(errno);
    good = write(fd, p, n) == (ssize_t)n && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    return good && rename(draft, path) == 0 ? 0 : TSN_EIO;
}

/* Pool thread: folders one after the other, then the key and the policy file. */
struct wkd_file {
    uv_work_t work;
    struct tsn_keys *k;
    char dir[3600], name[40];
    char *bytes;
    size_t len;
    tsn_err err;
};

static void wkd_write(uv_work_t *work)
{
    static const char *const steps[] = {"", "/public", "/public/.well-known",
                                        "/public/.well-known/openpgpkey",
                                        "/public/.well-known/openpgpkey/hu"};
    struct wkd_file *w = work->data;
    char path[4096];

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", w->dir, steps[i]);
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            w->err = tsn_err_from_errno(errno);
    }
    if (!w->err) {
        (void)snprintf(path, sizeof(path), "%s/public/.well-known/openpgpkey/hu/%s", w->dir,
                       w->name);
        w->err = write_file(path, w->bytes, w->len);
    }
    if (!w->err) {
        (void)snprintf(path, sizeof(path), "%s/public/.well-known/openpgpkey/policy", w->dir);
        w->err = write_file(path, "", 0);
    }
}

static void wkd_written(uv_work_t *work, int status)
{
    struct wkd_file *w = work->data;
    struct tsn_keys *k = w->k;

    if (status == 0 && w->err)
        tsn_log(TSN_LOG_ERROR, "key.not_published", "code", "M054", "error",
                tsn_err_name(w->err), "folder", w->dir, NULL);
    free(w->bytes);
    free(w);
    k->under_way--;
    if (k->closed && k->under_way == 0)
        keys_free(k);
}

static void on_wkd(struct tsn_pgp_result *r, void *user)
{
    struct wkd_file *w = user;
    struct tsn_keys *k = w->k;

    w->work.data = w;
    if (r->ok)
        w->bytes = tsn_buf_take(&r->plain, &w->len);
    if (r->ok && !k->closed &&
        uv_queue_work(tsn_loop_uv(k->cfg.loop), &w->work, wkd_write, wkd_written) == 0)
        return;
    if (!r->ok)
        tsn_log(TSN_LOG_WARN, "key.not_published", "code", "M054", "why",
                "no user id of our address on the key", NULL);
    wkd_written(&w->work, -1);
}

/* The address in "Name <address>", or the whole. */
static const char *address_of(const char *uid, char *out, size_t cap)
{
    const char *open = strrchr(uid, '<');

    (void)tsn_copy(out, cap, open ? open + 1 : uid);
    out[strcspn(out, ">")] = '\0';
    return out;
}

static void publish(struct tsn_keys *k)
{
    char address[256], local[256];
    const char *fprs[TSN_PGP_TO_MAX + 1] = {NULL};
    struct wkd_file *w;
    const json_t *key;
    size_t i, n = 0;

    if (!k->cfg.publish_dir || !k->cfg.our_fpr || !k->cfg.uid)
        return;
    address_of(k->cfg.uid, address, sizeof(address));
    fprs[n++] = k->cfg.our_fpr;
    /* One that was made to follow it is fetched with it. */
    json_array_foreach(k->seen, i, key)
    {
        const char *fpr = tsn_json_str(key, "fpr", "");

        if (n < TSN_PGP_TO_MAX && tsn_json_bool(key, "secret", false) &&
            strcmp(tsn_json_str(key, "state", ""), "valid") == 0 &&
            strcasecmp(fpr, k->cfg.our_fpr) != 0)
            fprs[n++] = fpr;
    }
    (void)tsn_copy(local, sizeof(local), address);
    local[strcspn(local, "@")] = '\0';
    w = tsn_alloc(sizeof(*w));
    w->k = k;
    (void)tsn_copy(w->dir, sizeof(w->dir), k->cfg.publish_dir);
    tsn_wkd_hash(w->name, local);
    k->under_way++;
    tsn_pgp_export_wkd(k->cfg.loop, k->cfg.gnupghome, fprs, address, on_wkd, w);
}

/* --- import, export --- */

static void on_imported(struct tsn_pgp_result *r, void *user)
{
    struct errand *e = user;

    if (!r->ok)
        errand_fail(e, TSN_EINPUT, "M050", "there is no OpenPGP key in it",
                    "an armored or binary key: gpg --export --armor KEY");
    else
        errand_end(e, 0, json_pack("{s:s}", "fpr", r->fpr), NULL);
}

static void import_now(struct errand *e)
{
    tsn_pgp_import(e->k->cfg.loop, e->k->cfg.gnupghome, e->bytes, e->len, on_imported, e);
}

void tsn_keys_import(struct tsn_keys *k, const struct tsn_actor *who, const void *p, size_t n,
                     const char *reason, tsn_engine_done *done, void *user)
{
    struct errand *e = errand_new(k, done, user);
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];

    e->bytes = tsn_alloc(n + 1);
    memcpy(e->bytes, p, n);
    e->len = n;
    tsn_sha256_once(hash, p, n);
    tsn_hex(hex, hash, sizeof(hash));
    enter(e, who, "key.import", json_pack("{s:s, s:I}", "sha256", hex, "size", (json_int_t)n),
          reason, import_now);
}

static void on_exported(struct tsn_pgp_result *r, void *user)
{
    struct errand *e = user;

    if (!r->ok || r->plain.len == 0)
        errand_fail(e, TSN_ENOTFOUND, "M051", "there is no such key",
                    "`tocsin key list` shows them");
    else
        errand_end(e, 0, json_pack("{s:s, s:s}", "fpr", e->fpr, "armor", r->plain.data), NULL);
}

void tsn_keys_export(struct tsn_keys *k, const char *fpr, tsn_engine_done *done, void *user)
{
    struct errand *e = errand_new(k, done, user);
    size_t n = strlen(fpr);

    /* Only fingerprints: gpg also takes words that mean many keys, or begin with a dash. */
    if ((n != 40 && n != 64) || fpr[strspn(fpr, "0123456789abcdefABCDEF")]) {
        errand_fail(e, TSN_EINPUT, "M051", "a key is named by its whole fingerprint",
                    "40 hex digits; `tocsin key list` shows them");
        return;
    }
    (void)tsn_copy(e->fpr, sizeof(e->fpr), fpr);
    tsn_pgp_export(k->cfg.loop, k->cfg.gnupghome, fpr, on_exported, e);
}

/* --- rotate --- */

static void rotated(struct errand *e, bool vouched)
{
    struct tsn_keys *k = e->k;

    if (!k->closed)
        look(k, true, NULL, NULL);
    errand_end(e, 0,
               json_pack("{s:s, s:s*, s:b}", "fpr", e->fpr, "was", k->cfg.our_fpr,
                         "vouched_for", vouched),
               NULL);
}

static void on_certified(struct tsn_pgp_result *r, void *user)
{
    rotated(user, r->ok);
}

static void on_generated(struct tsn_pgp_result *r, void *user)
{
    struct errand *e = user;
    struct tsn_keys *k = e->k;

    if (!r->ok || !r->fpr[0]) {
        errand_fail(e, TSN_EIO, "M052", "gpg could not make a key",
                    "it needs a gpg-agent and room in the keys' home");
        return;
    }
    (void)tsn_copy(e->fpr, sizeof(e->fpr), r->fpr);
    if (k->cfg.our_fpr && !k->closed)
        tsn_pgp_certify(k->cfg.loop, k->cfg.gnupghome, k->cfg.our_fpr, e->fpr, on_certified, e);
    else
        rotated(e, false);
}

static void rotate_now(struct errand *e)
{
    tsn_pgp_generate(e->k->cfg.loop, e->k->cfg.gnupghome, e->k->cfg.uid, KEY_DAYS, on_generated,
                     e);
}

void tsn_keys_rotate(struct tsn_keys *k, const struct tsn_actor *who, const char *reason,
                     tsn_engine_done *done, void *user)
{
    struct errand *e = errand_new(k, done, user);

    enter(e, who, "key.rotate", json_pack("{s:s*}", "was", k->cfg.our_fpr), reason, rotate_now);
}

/* --- life --- */

tsn_err tsn_keys_open(struct tsn_keys **out, const struct tsn_keys_config *config)
{
    struct tsn_keys *k = tsn_alloc(sizeof(*k));

    k->cfg = *config;
    k->seen = json_array();
    k->watch = tsn_timer_new(config->loop, on_watch, k);
    tsn_timer_arm(k->watch, 0);
    *out = k;
    return 0;
}

void tsn_keys_close(struct tsn_keys *k)
{
    if (!k)
        return;
    k->closed = true;
    tsn_timer_destroy(k->watch);
    k->watch = NULL;
    if (k->under_way == 0)
        keys_free(k);
}
