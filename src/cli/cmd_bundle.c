/* cmd_bundle.c - audit export of a case, a range or everything as a folder or tar file that an
 * outsider can verify.
 *
 * Asks the daemon first, which writes the entry about the export and has it sealed; the files are
 * then made from the database itself, read-only. Without a daemon the newest stored checkpoint is
 * taken, and no entry says that there was an export. Owns nothing. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/embed.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/bundle_out.h"
#include "store/record_case.h"

/* --- where it goes --------------------------------------------------------------------------- */

struct target {
    struct tsn_cli *cli;
    const char *path;
    int tar; /* descriptor; -1 = a folder */
};

static tsn_err write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return tsn_err_from_errno(errno);
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

/* ustar, every file with mode 0644 and time 0: the same export gives the same bytes. */
static tsn_err put_tar(struct target *t, const char *name, const void *p, size_t n)
{
    static const char zeros[512], magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    char head[512] = "";
    unsigned sum = 0;
    if (strlen(name) > 99)
        return TSN_ETOOBIG;
    (void)snprintf(head, 100, "%s", name);
    (void)snprintf(head + 100, 8, "%07o", 0644);
    (void)snprintf(head + 108, 8, "%07o", 0);
    (void)snprintf(head + 116, 8, "%07o", 0);
    (void)snprintf(head + 124, 12, "%011zo", n);
    (void)snprintf(head + 136, 12, "%011o", 0);
    head[156] = '0';
    memcpy(head + 257, magic, sizeof(magic));
    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(head); i++)
        sum += (unsigned char)head[i];
    (void)snprintf(head + 148, 8, "%06o", sum & 0777777);
    tsn_err err = write_all(t->tar, head, sizeof(head));
    if (!err)
        err = write_all(t->tar, p, n);
    return err || n % 512 == 0 ? err : write_all(t->tar, zeros, 512 - n % 512);
}

static tsn_err make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, 0755);
        int why = errno;
        *slash = '/';
        if (rc != 0 && why != EEXIST)
            return tsn_err_from_errno(why);
    }
    return 0;
}

static tsn_err put_file(const char *name, const void *p, size_t n, void *user)
{
    struct target *t = user;
    if (t->tar >= 0)
        return put_tar(t, name, p, n);
    size_t cap = strlen(t->path) + strlen(name) + 2;
    char *path = tsn_alloc(cap);
    (void)snprintf(path, cap, "%s/%s", t->path, name);
    tsn_err err = make_folders(path);
    int fd = err ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (!err && fd < 0)
        err = tsn_err_from_errno(errno);
    if (!err)
        err = write_all(fd, p, n);
    if (fd >= 0 && close(fd) != 0 && !err)
        err = tsn_err_from_errno(errno);
    free(path);
    return err;
}

static tsn_err open_target(struct target *t, struct tsn_diag *diag)
{
    size_t len = strlen(t->path);
    t->tar = -1;
    if (len > 4 && strcmp(t->path + len - 4, ".tar") == 0) {
        t->tar = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (t->tar >= 0)
            return 0;
    } else if (mkdir(t->path, 0755) == 0) {
        return 0;
    }
    tsn_diag_hint(diag, "it must not be there yet; name another one with --out");
    return tsn_diag_set(diag, tsn_err_from_errno(errno), "U008", "%s: %s", t->path,
                        strerror(errno));
}

static tsn_err close_target(struct target *t, tsn_err err)
{
    static const char end[1024];
    if (t->tar < 0)
        return err;
    if (!err)
        err = write_all(t->tar, end, sizeof(end));
    if (close(t->tar) != 0 && !err)
        err = tsn_err_from_errno(errno);
    if (err)
        (void)unlink(t->path);
    return err;
}

/* --- what the recipient may see ------------------------------------------------------------------ */

static const char *const levels[] = {"clear", "green", "amber", "amber+strict", "red"};
#define NLEVELS ((int)(sizeof(levels) / sizeof(levels[0])))

static int level_of(const char *word)
{
    for (int i = 0; word && i < NLEVELS; i++)
        if (strcmp(levels[i], word) == 0)
            return i;
    return -1;
}

struct audience {
    int level, unmarked; /* of the recipient; of an entry without a marking */
};

/* An entry's own marking counts, else its case's; what has none is for nobody but RED. */
static bool may_open(const struct tsn_entry *e, void *user)
{
    const struct audience *a = user;
    int marked = level_of(e->tlp);
    return (marked >= 0 ? marked : a->unmarked) <= a->level;
}

/* --- the order ------------------------------------------------------------------------------------ */

static tsn_err find_case(struct tsn_cli *cli, struct tsn_store *st, const char *ref,
                         struct tsn_rec_case *out, struct tsn_diag *diag)
{
    tsn_err err = tsn_store_get(st, cli->arena, &tsn_table_case, ref, out);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_find(st, cli->arena, &tsn_table_case, "name", ref, out);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(diag, err, "H031", "there is no case %s", ref);
    return err;
}

/* The daemon writes audit.export and seals it. False: there is none, or it is not to be asked. */
static bool ask_daemon(struct tsn_cli *cli, const char *subject, const char *open, json_t **out,
                       int *rc)
{
    struct tsn_answer a;
    json_t *body = json_object();
    *rc = TSN_EXIT_OK;
    if (cli->data || !tsn_place_socket(cli)) {
        json_decref(body);
        return false;
    }
    if (subject && strcmp(subject, "all") != 0)
        json_object_set_new(body, "case", json_string(subject));
    if (cli->given & TSN_BIT(TSN_FLAG_FROM))
        json_object_set_new(body, "from", json_string(cli->flag[TSN_FLAG_FROM]));
    if (cli->given & TSN_BIT(TSN_FLAG_TO))
        json_object_set_new(body, "to", json_string(cli->flag[TSN_FLAG_TO]));
    if (open)
        json_object_set_new(body, "open", json_string(open));
    tsn_client_ask(cli, "POST", tsn_client_path(cli, "audit/bundles"), body, NULL, 90000, &a);
    json_decref(body);
    bool came = a.status != 0;
    if (came && a.status != 200)
        *rc = tsn_out_fail(cli, a.exit, &a.diag);
    else if (came)
        *out = json_incref(a.body);
    tsn_answer_free(&a);
    return came;
}

static int order_range(struct tsn_cli *cli, struct tsn_bundle_order *o)
{
    const char *to = cli->given & TSN_BIT(TSN_FLAG_TO) ? cli->flag[TSN_FLAG_TO] : NULL;
    if (tsn_parse_int(cli->flag[TSN_FLAG_FROM], 0, INT64_MAX, &o->from) != 0 || !to ||
        tsn_parse_int(to, o->from, INT64_MAX, &o->to) != 0)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "tocsin audit export --from 100 --to 199 --out part",
                             "--from and --to are positions, the second not before the first");
    o->scope = TSN_BUNDLE_RANGE;
    o->title = tsn_arena_printf(cli->arena, "Entries %lld to %lld", (long long)o->from,
                                (long long)o->to);
    return TSN_EXIT_OK;
}

/* --since: a size, or a file with the checkpoint that the recipient has. */
static int order_since(struct tsn_cli *cli, struct tsn_bundle_order *o)
{
    const char *value = cli->flag[TSN_FLAG_SINCE];
    struct tsn_checkpoint c = {.size = 0};
    struct tsn_note note;
    struct tsn_buf b;
    int64_t size;
    if (tsn_parse_int(value, 1, INT64_MAX, &size) == 0) {
        o->since = (uint64_t)size;
        return TSN_EXIT_OK;
    }
    tsn_buf_init(&b, TSN_NOTE_MAX);
    if (tsn_buf_read_file(&b, value) == 0 && tsn_note_parse(&note, b.data, b.len) == 0 &&
        tsn_checkpoint_parse(&c, note.text, note.len) == 0) {
        o->since = c.size;
        o->since_root = tsn_arena_memdup(cli->arena, c.root, TSN_HASH_LEN);
    }
    tsn_buf_free(&b);
    if (c.size > 0)
        return TSN_EXIT_OK;
    return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                         "The file that the recipient's verifier keeps with --remember, or the "
                         "size that it names.",
                         "--since is a size or a file with a checkpoint, not %s", value);
}

static int say_done(struct tsn_cli *cli, const char *path, const struct tsn_bundle_done *done,
                    bool logged)
{
    if (cli->json) {
        json_t *v = json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "path", path, "entries",
                              (json_int_t)done->entries, "openings", (json_int_t)done->openings,
                              "files", (json_int_t)done->files, "size", (json_int_t)done->size,
                              "logged", logged);
        tsn_out_json(cli, v);
        json_decref(v);
        return TSN_EXIT_OK;
    }
    tsn_out_say(cli, "%llu entries, %llu payloads opened, in %s; checkpoint of %llu entries.",
                (unsigned long long)done->entries, (unsigned long long)done->openings, path,
                (unsigned long long)done->size);
    if (!logged)
        tsn_out_say(cli,
                    "No daemon was asked, so the log does not say that this was handed out.");
    tsn_out_say(cli, "The recipient checks it with:  python3 verify.py . --trust KEY");
    return TSN_EXIT_OK;
}

int tsn_cmd_audit_bundle(struct tsn_cli *cli)
{
    const char *subject = cli->nargs ? cli->arg[0] : NULL;
    const char *tlp = cli->given & TSN_BIT(TSN_FLAG_TLP) ? cli->flag[TSN_FLAG_TLP] : NULL;
    const char *open = cli->given & TSN_BIT(TSN_FLAG_OPEN) ? tlp : NULL;
    struct tsn_bundle_order o = {.scope = TSN_BUNDLE_ALL, .to = -1, .title = "The audit log"};
    struct audience audience = {.level = level_of(open), .unmarked = NLEVELS - 1};
    struct target t = {.cli = cli, .path = cli->flag[TSN_FLAG_OUT]};
    struct tsn_bundle_sink sink = {put_file, &t};
    struct tsn_bundle_done done;
    struct tsn_store *st = NULL;
    struct tsn_place p;
    struct tsn_diag diag;
    json_t *answer = NULL;
    int rc = TSN_EXIT_OK;
    tsn_diag_init(&diag);
    if ((cli->given & TSN_BIT(TSN_FLAG_OPEN)) && audience.level < 0)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "Levels: clear, green, amber, amber+strict, red.",
                             "--open needs --tlp MARKING: up to what the recipient may see");
    if (!subject && (cli->given & TSN_BIT(TSN_FLAG_FROM)))
        rc = order_range(cli, &o);
    if (!rc && (cli->given & TSN_BIT(TSN_FLAG_SINCE)))
        rc = order_since(cli, &o);
    if (rc)
        return rc;
    tsn_log_open(-1);
    bool logged = ask_daemon(cli, subject, open, &answer, &rc);
    if (rc)
        return rc;
    if (answer) {
        o.note = tsn_arena_strdup(cli->arena, tsn_json_str(answer, "note", NULL));
        if (subject && strcmp(subject, "all") != 0)
            o.to = tsn_json_int(answer, "entry", -1);
    }
    json_decref(answer);
    tsn_place_database(cli, NULL, &p);
    tsn_err err = tsn_place_open(&p, &st, &diag);
    if (err)
        return tsn_out_fail(cli, TSN_EXIT_UNUSABLE, &diag);
    o.script = (const char *)tsn_verify_script[0].data;
    o.script_len = tsn_verify_script[0].len;
    if (open) {
        o.may_open = may_open;
        o.user = &audience;
    }
    if (subject && strcmp(subject, "all") != 0) {
        struct tsn_rec_case c;
        err = find_case(cli, st, subject, &c, &diag);
        o.scope = TSN_BUNDLE_CASE;
        if (!err) {
            o.case_id = c.id;
            o.title = c.name;
            if (level_of(c.tlp) >= 0)
                audience.unmarked = level_of(c.tlp);
        }
    }
    if (!err)
        err = open_target(&t, &diag);
    else
        t.tar = -1;
    if (!err) {
        err = tsn_bundle_write(st, &o, &sink, &done, &diag);
        err = close_target(&t, err);
    }
    tsn_store_close(st);
    if (err) {
        if (!diag.code[0])
            (void)tsn_diag_set(&diag, err, "U008", "%s: %s", t.path, tsn_err_text(err));
        return tsn_out_fail(cli,
                            err == TSN_ENOTFOUND   ? TSN_EXIT_NOT_FOUND
                            : err == TSN_ETAMPERED ? TSN_EXIT_TAMPERED
                                                   : TSN_EXIT_FAILED,
                            &diag);
    }
    return say_done(cli, t.path, &done, logged);
}
