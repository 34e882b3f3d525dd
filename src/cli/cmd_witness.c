/* cmd_witness.c - witness init, witness serve: cosigns checkpoints of other machines' logs (C2SP
 * tlog-witness, add-checkpoint; cosignature/v1), and only ones that continue what it cosigned.
 *
 * The same code keeps its state as the sealer's does, under another key: one folder a log. A
 * witness is a process of its own and does nothing else, so its loop may wait for the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "audit/proof.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/rand.h"
#include "core/text.h"
#include "loop/httpd.h"
#include "loop/loop.h"
#include "sealer/seal_state.h"

#define BODY_MAX ((size_t)64 << 10)
#define LOGS_MAX 64

struct log {
    struct tsn_note_key keys[4]; /* of one name; several during a change of keys */
    size_t nkeys;
    struct tsn_seal_state state;
};

struct witness {
    struct tsn_cli *cli;
    struct tsn_loop *loop;
    struct tsn_httpd *httpd;
    struct tsn_note_key key;
    uint8_t seed[TSN_SIGN_KEY_LEN];
    struct log logs[LOGS_MAX];
    size_t nlogs;
    uv_signal_t term, intr;
    uint64_t cosigned, refused;
    bool broken;
};

static const char *path_in(struct tsn_cli *cli, const char *dir, const char *name)
{
    return tsn_arena_printf(cli->arena, "%s/%s", dir, name);
}

/* --- init ------------------------------------------------------------------------------------ */

static tsn_err make(struct tsn_cli *cli, const char *dir, const char *name,
                    struct tsn_note_key *key, struct tsn_diag *diag)
{
    uint8_t seed[TSN_SIGN_KEY_LEN], pub[TSN_SIGN_KEY_LEN];
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V023", "%s: %s", dir,
                            strerror(errno));
    tsn_rand_bytes(seed, sizeof(seed));
    tsn_sign_public(pub, seed);
    tsn_err err = tsn_note_key_make(key, name, TSN_NOTE_COSIGNATURE, pub);
    if (err)
        return tsn_diag_set(diag, err, "V023",
                            "a witness's name is 1 to %d bytes without spaces and without '+'",
                            TSN_NOTE_NAME_MAX);
    err = tsn_seal_key_write(path_in(cli, dir, "witness.key"), key, seed, diag);
    tsn_wipe(seed, sizeof(seed));
    FILE *f = err ? NULL : fopen(path_in(cli, dir, "logs"), "ae");
    if (f) {
        for (size_t i = 0; i < cli->ntrust; i++)
            (void)fprintf(f, "%s\n", cli->trust[i]);
        (void)fclose(f);
    }
    return err;
}

int tsn_cmd_witness_init(struct tsn_cli *cli)
{
    struct tsn_note_key key;
    struct tsn_buf text;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (make(cli, cli->arg[0], cli->arg[1], &key, &diag))
        return tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    tsn_buf_init(&text, 1024);
    (void)tsn_note_key_print(&text, &key);
    if (cli->json) {
        json_t *out = json_pack("{s:s, s:s}", "key", text.data, "dir", cli->arg[0]);
        tsn_out_json(cli, out);
        json_decref(out);
    } else {
        (void)printf("%s\n", text.data);
        tsn_out_say(
            cli,
            "Give this line to who runs the log (audit: witnesses: key:) and to auditors. "
            "Logs that it cosigns stand in %s/logs, a verifier key a line.",
            cli->arg[0]);
    }
    tsn_buf_free(&text);
    return TSN_EXIT_OK;
}

/* --- what it knows ------------------------------------------------------------------------------ */

static tsn_err read_key(struct witness *w, const char *path, struct tsn_diag *diag)
{
    struct tsn_buf b;
    struct stat info;
    tsn_buf_init(&b, 4096);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (!err && (stat(path, &info) != 0 || (info.st_mode & 077)))
        err = tsn_diag_set(diag, TSN_EDENIED, "V023", "%s is open to others: chmod 600", path);
    else if (err || b.len == 0 || b.data[b.len - 1] != '\n' ||
             tsn_note_secret_parse(&w->key, w->seed, b.data, b.len - 1) != 0 ||
             w->key.type != TSN_NOTE_COSIGNATURE)
        err = tsn_diag_set(diag, TSN_EINPUT, "V023", "%s does not hold a witness's key", path);
    if (b.len)
        tsn_wipe(b.data, b.len);
    tsn_buf_free(&b);
    return err;
}

static struct log *find_log(struct witness *w, const char *origin, size_t len)
{
    for (size_t i = 0; i < w->nlogs; i++)
        if (strlen(w->logs[i].keys[0].name) == len &&
            memcmp(w->logs[i].keys[0].name, origin, len) == 0)
            return &w->logs[i];
    return NULL;
}

/* Opened, or made for a log that was never cosigned. */
static tsn_err open_state(struct witness *w, struct log *l, const char *dir,
                          struct tsn_diag *diag)
{
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    const char *folder, *file;
    tsn_sha256_once(hash, l->keys[0].name, strlen(l->keys[0].name));
    tsn_hex(hex, hash, sizeof(hash));
    folder = tsn_arena_printf(w->cli->arena, "%s/%.32s", dir, hex);
    file = path_in(w->cli, folder, "state");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V022", "%s: %s", folder,
                            strerror(errno));
    tsn_seal_state_init(&l->state);
    return access(file, F_OK) == 0
               ? tsn_seal_state_open(&l->state, file, &l->keys[0], w->seed, diag)
               : tsn_seal_state_create(&l->state, file, &l->keys[0], w->seed, diag);
}

static tsn_err add_log(struct witness *w, const char *line, size_t len, const char *dir,
                       struct tsn_diag *diag)
{
    struct tsn_note_key key;
    if (len == 0 || line[0] == '#')
        return 0;
    if (tsn_note_key_parse(&key, line, len) != 0 || key.type != TSN_NOTE_ED25519)
        return tsn_diag_set(diag, TSN_EINPUT, "V112", "%s/logs: not a log's key: %.*s", dir,
                            len < 80 ? (int)len : 80, line);
    struct log *l = find_log(w, key.name, strlen(key.name));
    if (l && l->nkeys < 4) {
        l->keys[l->nkeys++] = key;
        return 0;
    }
    if (l || w->nlogs == LOGS_MAX)
        return tsn_diag_set(diag, TSN_ETOOBIG, "V112", "%s/logs: too many keys", dir);
    l = &w->logs[w->nlogs++];
    l->keys[0] = key;
    l->nkeys = 1;
    return open_state(w, l, dir, diag);
}

static tsn_err read_logs(struct witness *w, const char *dir, struct tsn_diag *diag)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    tsn_err err = tsn_buf_read_file(&b, path_in(w->cli, dir, "logs"));
    if (err)
        err = tsn_diag_set(diag, err, "V112", "%s/logs cannot be read", dir);
    for (size_t at = 0; !err && at < b.len;) {
        const char *end = memchr(b.data + at, '\n', b.len - at);
        size_t len = end ? (size_t)(end - (b.data + at)) : b.len - at;
        err = add_log(w, b.data + at, len, dir, diag);
        at += len + 1;
    }
    tsn_buf_free(&b);
    return err;
}

/* --- add-checkpoint ------------------------------------------------------------------------------ */

struct request {
    int64_t old;
    struct tsn_proof proof;
    struct tsn_note note;
    struct tsn_checkpoint cp;
};

static bool take_line(const char **p, const char *end, const char **line, size_t *len)
{
    const char *stop = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
    if (!stop)
        return false;
    *line = *p;
    *len = (size_t)(stop - *p);
    *p = stop + 1;
    return true;
}

static bool parse_request(struct request *r, const char *body, size_t n)
{
    const char *p = body, *end = body + n, *line;
    char number[24] = "";
    size_t len, got;
    memset(r, 0, sizeof(*r));
    if (!take_line(&p, end, &line, &len) || len < 5 || len > 4 + 20 ||
        memcmp(line, "old ", 4) != 0)
        return false;
    memcpy(number, line + 4, len - 4);
    if (tsn_parse_int(number, 0, INT64_MAX, &r->old) != 0 || (number[0] == '0' && number[1]) ||
        number[0] == '+' || number[0] == '-')
        return false;
    for (;;) {
        if (!take_line(&p, end, &line, &len))
            return false;
        if (len == 0)
            break;
        if (r->proof.n == TSN_PROOF_MAX - 1 ||
            tsn_unbase64(r->proof.hash[r->proof.n], TSN_HASH_LEN, &got, line, len) != 0 ||
            got != TSN_HASH_LEN)
            return false;
        r->proof.n++;
    }
    return tsn_note_parse(&r->note, p, (size_t)(end - p)) == 0 &&
           tsn_checkpoint_parse(&r->cp, r->note.text, r->note.len) == 0;
}

static void answer(struct tsn_http_in *in, int status, const char *type, const char *text)
{
    tsn_http_answer(in, status, type, text, strlen(text), NULL, 0);
}

static void refuse(struct witness *w, struct tsn_http_in *in, int status, const char *why)
{
    w->refused++;
    tsn_log(TSN_LOG_WARN, "witness.refused", "why", why, NULL);
    answer(in, status, "text/plain; charset=utf-8",
           tsn_arena_printf(w->cli->arena, "%s\n", why));
}

static bool signed_by(const struct log *l, const struct request *r)
{
    bool good = false;
    for (size_t i = 0; i < l->nkeys; i++) {
        tsn_err err = tsn_note_check(&r->note, &l->keys[i], NULL);
        if (err == TSN_ETAMPERED)
            return false;
        good |= err == 0;
    }
    return good;
}

static void cosign(struct witness *w, struct tsn_http_in *in, const struct request *r)
{
    struct tsn_buf line;
    tsn_buf_init(&line, 4096);
    if (tsn_note_sign(&line, &w->key, w->seed, r->note.text, r->note.len,
                      tsn_clock_wall_ms() / 1000) != 0) {
        refuse(w, in, 500, "cannot sign");
    } else {
        w->cosigned++;
        answer(in, 200, "text/plain; charset=utf-8", line.data);
    }
    tsn_buf_free(&line);
}

static void judge(struct witness *w, struct tsn_http_in *in, struct log *l,
                  const struct request *r)
{
    struct tsn_seal_state *st = &l->state;
    struct tsn_diag diag;
    char size[24];
    tsn_diag_init(&diag);
    if ((uint64_t)r->old > r->cp.size) {
        refuse(w, in, 400, "the old size is larger than the new one");
    } else if ((uint64_t)r->old != st->size) {
        (void)snprintf(size, sizeof(size), "%llu\n", (unsigned long long)st->size);
        w->refused++;
        answer(in, 409, "text/x.tlog.size", size);
    } else if (r->cp.size == st->size && st->size > 0 &&
               memcmp(r->cp.root, st->root, TSN_HASH_LEN) != 0) {
        refuse(w, in, 409, "another root of this size was cosigned");
    } else if (tsn_proof_check_consistency(&r->proof, st->size, st->root, r->cp.size,
                                           r->cp.root) != 0) {
        refuse(w, in, 422, "the proof does not show that the log continues");
    } else {
        tsn_err err = r->cp.size == st->size
                          ? 0
                          : tsn_seal_state_keep(st, &l->keys[0], r->cp.size, r->cp.root, &diag);
        /* Unknown is not refused: what is on disk is read anew at the next start. */
        if (err == TSN_EOUTCOME) {
            w->broken = true;
            tsn_loop_stop(w->loop);
        }
        if (err)
            refuse(w, in, 500, diag.what);
        else
            cosign(w, in, r);
    }
}

static void handle(struct tsn_http_in *in, void *user)
{
    struct witness *w = user;
    struct request r;
    if (strcmp(in->path, "/add-checkpoint") != 0 || strcmp(in->method, "POST") != 0) {
        answer(in, 404, "text/plain; charset=utf-8", "POST /add-checkpoint\n");
        return;
    }
    if (!parse_request(&r, in->body ? in->body : "", in->len)) {
        refuse(w, in, 400, "not an add-checkpoint request");
        return;
    }
    struct log *l = find_log(w, r.cp.origin, r.cp.origin_len);
    if (!l)
        refuse(w, in, 404, "this log is not known here");
    else if (!signed_by(l, &r))
        refuse(w, in, 403, "no key of this log has signed it");
    else
        judge(w, in, l, &r);
}

static size_t body_limit(const char *method, const char *path, void *user)
{
    (void)method;
    (void)user;
    return strcmp(path, "/add-checkpoint") == 0 ? BODY_MAX : 0;
}

static void on_signal(uv_signal_t *handle_, int number)
{
    struct witness *w = handle_->data;
    (void)number;
    tsn_loop_stop(w->loop);
}

static tsn_err serve(struct witness *w, const char *dir, struct tsn_diag *diag)
{
    struct tsn_httpd_config http = {.listen = w->cli->given & TSN_BIT(TSN_FLAG_LISTEN)
                                                  ? w->cli->flag[TSN_FLAG_LISTEN]
                                                  : "127.0.0.1:8421",
                                    .body_limit = body_limit,
                                    .handle = handle,
                                    .user = w};
    tsn_err err = tsn_loop_open(&w->loop);
    if (!err)
        err = tsn_httpd_open(&w->httpd, w->loop, &http, diag);
    if (err)
        return err;
    w->term.data = w->intr.data = w;
    (void)uv_signal_init(tsn_loop_uv(w->loop), &w->term);
    (void)uv_signal_init(tsn_loop_uv(w->loop), &w->intr);
    (void)uv_signal_start(&w->term, on_signal, SIGTERM);
    (void)uv_signal_start(&w->intr, on_signal, SIGINT);
    (void)fprintf(stderr, "witness %s ready on port %d, %zu logs, state in %s\n", w->key.name,
                  tsn_httpd_port(w->httpd), w->nlogs, dir);
    tsn_loop_run(w->loop);
    tsn_httpd_close(w->httpd);
    uv_close((uv_handle_t *)&w->term, NULL);
    uv_close((uv_handle_t *)&w->intr, NULL);
    tsn_loop_run(w->loop);
    return w->broken ? tsn_diag_set(diag, TSN_EOUTCOME, "V024", "the state may not be on disk")
                     : 0;
}

int tsn_cmd_witness_serve(struct tsn_cli *cli)
{
    struct witness *w = tsn_alloc(sizeof(*w));
    struct tsn_diag diag;
    const char *dir = cli->arg[0];
    tsn_diag_init(&diag);
    (void)umask(077);
    w->cli = cli;
    tsn_err err = read_key(w, path_in(cli, dir, "witness.key"), &diag);
    if (!err)
        err = read_logs(w, dir, &diag);
    if (!err)
        err = serve(w, dir, &diag);
    for (size_t i = 0; i < w->nlogs; i++)
        tsn_seal_state_free(&w->logs[i].state);
    if (w->loop)
        tsn_loop_close(w->loop);
    tsn_wipe(w->seed, sizeof(w->seed));
    free(w);
    return err ? tsn_out_fail(cli, TSN_EXIT_UNUSABLE, &diag) : TSN_EXIT_OK;
}
