/* cmd_mail.c - `tocsin mail parse`: what is found in a mail, PGP and all; no daemon.
 *
 * The same code as mail intake: a parser child, and gpg in a home of its own, filled from
 * --keyring for this one command and removed afterwards.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "loop/loop.h"
#include "mail/mail_read.h"
#include "proc/pgp.h"

#define FILE_MAX (128u << 20)

struct reading {
    struct tsn_cli *cli;
    struct tsn_loop *loop;
    char home[64];
    json_t *mail;
    struct tsn_diag diag;
    bool done, imported;
};

/* --- keys --- */

static void on_import(struct tsn_pgp_result *r, void *user)
{
    struct reading *t = user;

    t->imported = r->ok;
    tsn_loop_stop(t->loop);
}

static bool key_file(const char *name)
{
    static const char *const ends[] = {".asc", ".gpg", ".pgp", ".key", ".pub"};
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (n > 4 && strcmp(name + n - 4, ends[i]) == 0)
            return true;
    }
    return false;
}

static int import_one(struct reading *t, const char *path)
{
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, 8u << 20);
    err = tsn_buf_read_file(&b, path);
    if (!err) {
        t->imported = false;
        tsn_pgp_import(t->loop, t->home, b.data, b.len, on_import, t);
        tsn_loop_run(t->loop);
        if (!t->imported)
            tsn_out_say(t->cli, "no key could be taken from %s", path);
    }
    tsn_buf_free(&b);
    return err ? tsn_out_failf(t->cli, TSN_EXIT_FAILED, err, "M001", "check its permissions",
                               "cannot read %s: %s", path, strerror(errno))
               : 0;
}

static int import_all(struct reading *t, const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int bad = 0, keys = 0;

    if (!d)
        return tsn_out_failf(t->cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "M001",
                             "--keyring names a folder of key files (.asc, .gpg)",
                             "cannot open the keyring %s: %s", dir, strerror(errno));
    while (!bad && (e = readdir(d)) != NULL) {
        if (key_file(e->d_name)) {
            keys++;
            bad = import_one(t, tsn_arena_printf(t->cli->arena, "%s/%s", dir, e->d_name));
        }
    }
    closedir(d);
    if (!bad && keys == 0)
        return tsn_out_failf(t->cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "M001",
                             "export keys into it: gpg --export --armor KEY > DIR/name.asc",
                             "no key files (.asc, .gpg, .pgp, .key) in %s", dir);
    return bad;
}

static int forget(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* --- one mail --- */

static void on_mail(json_t *mail, const struct tsn_diag *diag, void *user)
{
    struct reading *t = user;

    t->mail = mail;
    t->diag = *diag;
    t->done = true;
    tsn_loop_stop(t->loop);
}

static void field(struct tsn_cli *cli, const char *name, const char *value)
{
    tsn_out_text(cli, stdout, TSN_DIM, name);
    (void)printf("%*s", (int)(12 - strlen(name)), "");
    tsn_out_text(cli, stdout, TSN_PLAIN, value);
    (void)putchar('\n');
}

static void words(struct tsn_cli *cli, const char *file, const json_t *mail)
{
    const json_t *list, *one;
    size_t i;
    const char *reason = tsn_json_str(mail, "reason", NULL),
               *signer = tsn_json_str(mail, "signer", tsn_json_str(mail, "signer_fpr", ""));

    field(cli, "file", file);
    field(cli, "from", tsn_json_str(json_object_get(mail, "from"), "mail", "-"));
    field(cli, "subject", tsn_json_str(mail, "subject", ""));
    field(cli, "case", tsn_json_str(mail, "case", ""));
    if (tsn_json_bool(mail, "encrypted", false))
        field(cli, "encrypted",
              reason ? tsn_arena_printf(cli->arena, "not readable: %s", reason)
                     : "yes, readable");
    field(cli, "signature",
          tsn_arena_printf(cli->arena, "%s %s", tsn_json_str(mail, "signature", ""), signer));
    list = json_object_get(mail, "attachments");
    json_array_foreach(list, i, one) field(cli, "attachment", json_string_value(one));
    list = json_object_get(mail, "fields");
    json_array_foreach(list, i, one)
        field(cli, tsn_json_str(one, "name", ""),
              tsn_arena_printf(cli->arena, "%s (line %d)", tsn_json_str(one, "value", ""),
                               (int)tsn_json_int(one, "line", 0)));
    list = json_object_get(mail, "problems");
    json_array_foreach(list, i, one)
        field(cli, "problem",
              tsn_arena_printf(cli->arena, "%s: %s", tsn_json_str(one, "code", ""),
                               tsn_json_str(one, "text", "")));
    (void)putchar('\n');
    tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(mail, "text", ""));
    (void)putchar('\n');
}

static int parse_one(struct reading *t, const char *file)
{
    const struct tsn_mail_read_config cfg = {.loop = t->loop, .gnupghome = t->home};
    bool in = strcmp(file, "-") == 0;
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, FILE_MAX);
    err = tsn_buf_read_file(&b, in ? "/dev/stdin" : file);
    if (err) {
        tsn_buf_free(&b);
        return tsn_out_failf(
            t->cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED, err, "M001",
            err == TSN_ETOOBIG ? "split it: 128 MiB are read at most"
                               : "check the name and its permissions",
            "cannot read %s", file);
    }
    t->mail = NULL;
    (void)tsn_mail_read_start(&cfg, b.data, b.len, on_mail, t);
    tsn_loop_run(t->loop);
    tsn_buf_free(&b);
    if (!t->mail)
        return tsn_out_fail(t->cli, TSN_EXIT_FAILED, &t->diag);
    json_object_set_new(t->mail, "file", json_string(file));
    if (t->cli->json)
        tsn_out_json(t->cli, t->mail);
    else
        words(t->cli, file, t->mail);
    json_decref(t->mail);
    return 0;
}

int tsn_cmd_mail_parse(struct tsn_cli *cli)
{
    struct reading t = {.cli = cli};
    int exit = 0;

    /* Short: a socket of gpg's agent must fit into 108 bytes. */
    (void)tsn_copy(t.home, sizeof(t.home), "/tmp/tocsin-gpg-XXXXXX");
    tsn_diag_init(&t.diag);
    if (!mkdtemp(t.home))
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "M001", "make room in /tmp",
                             "cannot make a folder for keys: %s", strerror(errno));
    if (tsn_loop_open(&t.loop) != 0) {
        (void)rmdir(t.home);
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "M001", "", "no event loop");
    }
    if (cli->given & TSN_BIT(TSN_FLAG_KEYRING))
        exit = import_all(&t, cli->flag[TSN_FLAG_KEYRING]);
    for (size_t i = 0; i < cli->nargs && exit == 0; i++)
        exit = parse_one(&t, cli->arg[i]);
    tsn_loop_close(t.loop);
    tsn_pgp_quit(t.home);
    (void)nftw(t.home, forget, 8, FTW_DEPTH | FTW_PHYS);
    return tsn_out_end(cli, exit);
}
