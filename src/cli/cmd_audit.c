/* cmd_audit.c - audit verify, export: what an auditor asks of a file.
 *
 * verify and export open the database themselves, read-only, so they need no daemon and work on a
 * copy. Owns nothing. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/assess.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/export.h"
#include "store/proof_store.h"
#include "store/verify_store.h"

/* --- which database ------------------------------------------------------------------------ */

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void tsn_place_database(struct tsn_cli *cli, const char *named, struct tsn_place *out)
{
    const char *where = named;
    if (!where) {
        where = tsn_place_data(cli);
    } else if (is_dir(where) &&
               access(tsn_arena_printf(cli->arena, "%s/tocsin.yaml", where), R_OK) == 0) {
        /* The directory that `tocsin init` made: its configuration says where the data is. */
        const char *data = cli->data, *file = cli->config_file;
        cli->data = NULL;
        cli->config_file = where;
        where = tsn_place_data(cli);
        cli->data = data;
        cli->config_file = file;
    }
    const char *dir = where;
    out->db = where;
    if (is_dir(where)) {
        out->db = tsn_arena_printf(cli->arena, "%s/tocsin.db", where);
    } else {
        const char *slash = strrchr(where, '/');
        dir = slash ? tsn_arena_strndup(cli->arena, where, (size_t)(slash - where)) : ".";
    }
    out->key = tsn_arena_printf(cli->arena, "%s/tocsin.key", dir[0] ? dir : "/");
    if (access(out->key, R_OK) != 0)
        out->key = NULL;
}

/* --- verify ------------------------------------------------------------------------------ */

static const struct {
    const char *word, *title;
    int exit;
    enum tsn_style style;
} verdicts[] = {
    [TSN_VERIFIED] = {"verified", "VERIFIED", TSN_EXIT_OK, TSN_GREEN},
    [TSN_TAMPERED] = {"tampered", "TAMPERED", TSN_EXIT_TAMPERED, TSN_RED},
    [TSN_CANNOT_TELL] = {"cannot_tell", "CANNOT TELL", TSN_EXIT_CANNOT_TELL, TSN_YELLOW},
    [TSN_UNUSABLE] = {"unusable", "UNUSABLE", TSN_EXIT_UNUSABLE, TSN_RED},
};

/* What this verification cannot say, whatever it found. */
static const char *const not_proved[] = {
    "what was done outside tocsin",
    "that the whole log was not exchanged for another one: compare the root with one you kept",
    "that statements are true"};

static void add(json_t *checks, const char *id, const char *result, uint64_t n,
                const char *text)
{
    json_array_append_new(checks, json_pack("{s:s, s:s, s:I, s:s}", "id", id, "result", result,
                                            "n", (json_int_t)n, "text", text));
}

/* How far the newest checkpoint reaches; what is behind it nobody has signed yet. */
static void add_sealed(json_t *checks, struct tsn_arena *a, const char *note, uint64_t entries)
{
    struct tsn_checkpoint c;
    struct tsn_note parsed;
    if (!note || tsn_note_parse(&parsed, note, strlen(note)) != 0 ||
        tsn_checkpoint_parse(&c, parsed.text, parsed.len) != 0) {
        add(checks, "sealed", "unknown", 0, "no checkpoint is stored");
        return;
    }
    add(checks, "sealed", "ok", c.size,
        tsn_arena_printf(a, "%llu entries by %.*s; %llu behind them are not yet",
                         (unsigned long long)c.size, (int)c.origin_len, c.origin,
                         (unsigned long long)(entries - c.size)));
}

static json_t *checks_of(struct tsn_cli *cli, const struct tsn_verify_result *r,
                         const char *root, bool key, const char *note)
{
    json_t *checks = json_array();
    struct tsn_arena *a = cli->arena;
    if (r->verdict == TSN_TAMPERED || r->verdict == TSN_UNUSABLE) {
        json_t *fail =
            json_pack("{s:s, s:s, s:s, s:s}", "id", r->verdict == TSN_TAMPERED ? "log" : "file",
                      "result", "fail", "code", r->diag.code, "text", r->diag.what);
        if (r->bad_seq >= 0)
            json_object_set_new(fail, "entry", json_integer(r->bad_seq));
        json_array_append_new(checks, fail);
        return checks;
    }
    add(checks, "contents", "ok", r->entries,
        tsn_arena_printf(a, "%llu entries match their hashes", (unsigned long long)r->entries));
    add(checks, "no_gap", "ok", r->chains,
        tsn_arena_printf(a, "%llu chains, each entry follows the one before",
                         (unsigned long long)r->chains));
    add(checks, "tree", r->verdict == TSN_VERIFIED ? "ok" : "unknown", r->entries,
        tsn_arena_printf(a, "root %s", root));
    add_sealed(checks, a, note, r->entries);
    if (r->payloads_opened || !r->payloads_sealed)
        add(checks, "payloads", "ok", r->payloads_opened,
            tsn_arena_printf(a, "%llu payloads open and match their commitments",
                             (unsigned long long)r->payloads_opened));
    if (r->payloads_erased)
        add(checks, "erased", "erased", r->payloads_erased,
            tsn_arena_printf(a,
                             "%llu payloads are erased, each covered by an audit.erase entry",
                             (unsigned long long)r->payloads_erased));
    if (r->payloads_sealed)
        add(checks, "payloads", "sealed", r->payloads_sealed,
            tsn_arena_printf(a, "%llu payloads stay sealed%s",
                             (unsigned long long)r->payloads_sealed,
                             key ? "" : ": the key file is not here"));
    return checks;
}

static void print_checks(struct tsn_cli *cli, const json_t *checks)
{
    size_t i;
    json_t *c;
    json_array_foreach(checks, i, c)
    {
        const char *result = tsn_json_str(c, "result", "");
        bool ok = strcmp(result, "ok") == 0, fail = strcmp(result, "fail") == 0;
        int64_t entry = tsn_json_int(c, "entry", -1);
        (void)printf("  ");
        tsn_out_text(cli, stdout,
                     ok     ? TSN_GREEN
                     : fail ? TSN_RED
                            : TSN_YELLOW,
                     ok     ? "ok  "
                     : fail ? "FAIL"
                            : "~   ");
        (void)printf(" %-11s ", tsn_json_str(c, "id", ""));
        if (entry >= 0)
            (void)printf("entry #%lld: ", (long long)entry);
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(c, "text", ""));
        (void)printf("\n");
    }
}

static void print_verdict(struct tsn_cli *cli, const struct tsn_verify_result *r)
{
    tsn_out_text(cli, stdout, verdicts[r->verdict].style, verdicts[r->verdict].title);
    switch (r->verdict) {
    case TSN_VERIFIED:
        if (r->entries)
            (void)printf(": complete and unchanged up to entry #%llu.\n",
                         (unsigned long long)r->entries - 1);
        else
            (void)printf(": the log is empty.\n");
        (void)printf("Not proved: %s; %s; %s.\n", not_proved[0], not_proved[1], not_proved[2]);
        break;
    case TSN_TAMPERED:
        if (r->bad_seq >= 0)
            (void)printf(", first at entry #%lld", (long long)r->bad_seq);
        (void)printf(". Do not rely on this log. Keep it: it is evidence.    "
                     "tocsin explain %s\n",
                     r->diag.code);
        break;
    case TSN_CANNOT_TELL:
    case TSN_UNUSABLE:
        (void)printf(". ");
        tsn_out_text(cli, stdout, TSN_PLAIN, r->diag.what);
        (void)printf("\n");
        break;
    }
}

static int report_verdict(struct tsn_cli *cli, const struct tsn_place *p,
                          const struct tsn_verify_result *r, const char *note)
{
    char root[2 * TSN_HASH_LEN + 1];
    int rc = verdicts[r->verdict].exit;
    tsn_hex(root, r->root, sizeof(r->root));
    json_t *checks = checks_of(cli, r, root, p->key != NULL, note);
    if (cli->json) {
        json_t *out =
            json_pack("{s:s, s:{s:s, s:s}, s:I, s:I, s:s, s:O, s:[s, s, s]}", "verdict",
                      verdicts[r->verdict].word, "subject", "kind", "log", "file", p->db,
                      "entries", (json_int_t)r->entries, "chains", (json_int_t)r->chains,
                      "root", root, "checks", checks, "not_proved", "outside_actions",
                      "exchange_of_the_whole_log", "truth_of_statements");
        if (r->bad_seq >= 0)
            json_object_set_new(out, "first_wrong_entry", json_integer(r->bad_seq));
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
    } else if (!cli->quiet || rc) {
        tsn_out_text(cli, stdout, TSN_PLAIN, p->db);
        (void)printf(", %llu entries\n", (unsigned long long)r->entries);
        print_checks(cli, checks);
        print_verdict(cli, r);
    }
    json_decref(checks);
    return rc;
}

/* On a terminal one line that rewrites itself, else one every ten seconds. */
struct progress {
    struct tsn_cli *cli;
    int64_t began_ms, said_ms;
    bool on_line;
};

static void on_progress(uint64_t done, uint64_t total, void *user)
{
    struct progress *p = user;
    int64_t now = tsn_clock_mono_ms();
    bool tty = isatty(STDERR_FILENO);
    if (p->cli->quiet || now - p->began_ms < 200 || now - p->said_ms < (tty ? 100 : 10000))
        return;
    p->said_ms = now;
    if (p->cli->json) {
        (void)fprintf(stderr, "{\"done\":%llu,\"total\":%llu,\"type\":\"progress\"}\n",
                      (unsigned long long)done, (unsigned long long)total);
        return;
    }
    int64_t left =
        done ? (int64_t)((double)(now - p->began_ms) * (double)(total - done) / (double)done)
             : 0;
    (void)fprintf(stderr, "%sverifying  %llu / %llu  %.1f s left%s", tty ? "\r\033[K" : "",
                  (unsigned long long)done, (unsigned long long)total, (double)left / 1000.0,
                  tty ? "" : "\n");
    (void)fflush(stderr);
    p->on_line = tty;
}

/* Read-only, so it works on a copy, on a read-only disk and beside a running daemon. */
tsn_err tsn_place_open(const struct tsn_place *p, struct tsn_store **st, struct tsn_diag *diag)
{
    struct tsn_store_config sc = {.path = p->db, .key_file = p->key, .read_only = true};
    if (access(p->db, R_OK) != 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "S027", "%s: %s", p->db,
                            strerror(errno));
    tsn_err err = tsn_store_open(st, &sc, diag);
    if (err && err != TSN_ETAMPERED && p->key) {
        /* A damaged key file must not hide what the log itself says. */
        struct tsn_diag again;
        tsn_diag_init(&again);
        sc.key_file = NULL;
        if (tsn_store_open(st, &sc, &again) == 0)
            err = 0;
    }
    return err;
}

/* --- whose signature ----------------------------------------------------------------------- */

/* The flags of trust, before anything is read. */
static tsn_err take_trust(struct tsn_cli *cli, struct tsn_assess *j)
{
    tsn_err err = 0;
    if (cli->given & TSN_BIT(TSN_FLAG_AT_LEAST) &&
        tsn_parse_int(cli->flag[TSN_FLAG_AT_LEAST], 0, INT64_MAX, &j->at_least) != 0)
        err = tsn_assess_find(j, TSN_UNUSABLE, "V114", "--at-least is not a number");
    if (cli->given & TSN_BIT(TSN_FLAG_REMEMBER))
        j->remember = cli->flag[TSN_FLAG_REMEMBER];
    for (size_t i = 0; i < cli->ntrust && !err; i++)
        err = tsn_assess_keys(j, cli->trust[i], TSN_NOTE_ED25519);
    for (size_t i = 0; i < cli->nwitness && !err; i++)
        err = tsn_assess_keys(j, cli->witness[i], TSN_NOTE_COSIGNATURE);
    return err ? err : tsn_assess_recall(j);
}

static const char *const unproved[] = {"what was done outside tocsin",
                                       "anything after this checkpoint",
                                       "that statements are true"};

static int report_judge(struct tsn_cli *cli, const struct tsn_assess *j, const char *path)
{
    int rc = verdicts[j->verdict].exit;
    if (cli->json) {
        json_t *out = json_pack(
            "{s:s, s:{s:s, s:s}, s:I, s:I, s:I, s:I, s:I, s:I, s:[s, s, s, s]}", "verdict",
            verdicts[j->verdict].word, "subject", "what", j->what, "path", path, "entries",
            (json_int_t)j->entries, "openings", (json_int_t)j->openings, "erased",
            (json_int_t)j->erased, "checkpoint", (json_int_t)(j->have_cp ? j->cp.size : 0),
            "signed", (json_int_t)j->signed_by, "cosigned", (json_int_t)j->cosigned,
            "not_proved", "outside_actions", "after_checkpoint", "truth_of_statements",
            "reader_page");
        if (j->verdict != TSN_VERIFIED) {
            json_object_set_new(out, "code", json_string(j->diag.code));
            json_object_set_new(out, "why", json_string(j->diag.what));
        }
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
        return rc;
    }
    if (cli->quiet && !rc)
        return rc;
    tsn_out_text(cli, stdout, TSN_PLAIN, path);
    (void)printf(": %s\n", j->what[0] ? j->what : "not read to its end");
    if (j->have_cp)
        (void)printf(
            "  in checkpoint %llu of %.*s, signed by %zu of your keys, %zu witnesses\n",
            (unsigned long long)j->cp.size, (int)j->cp.origin_len, j->cp.origin, j->signed_by,
            j->cosigned);
    tsn_out_text(cli, stdout, verdicts[j->verdict].style, verdicts[j->verdict].title);
    if (j->verdict == TSN_VERIFIED) {
        (void)printf(
            ": complete and unchanged in what it is.\nNot proved: %s; %s; %s; what the "
            "reader page says.\n",
            unproved[0], unproved[1], unproved[2]);
    } else {
        (void)printf("  %s ", j->diag.code);
        tsn_out_text(cli, stdout, TSN_PLAIN, j->diag.what);
        (void)printf("%s\n", j->verdict == TSN_TAMPERED
                                 ? "\nDo not rely on it. Keep it: it is evidence."
                                 : "");
    }
    return rc;
}

static int verify_handed_out(struct tsn_cli *cli, const char *path)
{
    struct tsn_assess j;
    tsn_assess_init(&j, cli->arena);
    if (take_trust(cli, &j) == 0)
        tsn_assess_path(&j, path);
    tsn_assess_settle(&j);
    int rc = report_judge(cli, &j, path);
    tsn_assess_free(&j);
    return rc;
}

/* A database and keys: its newest checkpoint must be signed by them, not be too old, and continue
 * what was seen before. */
static void trust_database(struct tsn_cli *cli, struct tsn_store *st, const char *note,
                           struct tsn_verify_result *r)
{
    struct tsn_assess j;
    tsn_assess_init(&j, cli->arena);
    j.own = true;
    if (take_trust(cli, &j) == 0) {
        if (!note)
            tsn_assess_cannot(&j, "V105", "the log has no checkpoint");
        else
            (void)tsn_assess_checkpoint(&j, note, strlen(note));
    }
    if (j.have_old && j.have_cp && j.old_size <= j.cp.size)
        j.probed = tsn_store_root_at(st, j.old_size, j.probe) == 0;
    tsn_assess_settle(&j);
    if (j.verdict != TSN_VERIFIED) {
        r->verdict = j.verdict;
        r->diag = j.diag;
    }
    tsn_assess_free(&j);
}

int tsn_cmd_audit_verify(struct tsn_cli *cli)
{
    struct tsn_place p;
    struct tsn_store *st = NULL;
    struct tsn_verify_result r = {.verdict = TSN_UNUSABLE, .bad_seq = -1};
    struct progress progress = {.cli = cli, .began_ms = tsn_clock_mono_ms()};
    tsn_flagset flags = TSN_BIT(TSN_FLAG_TRUST) | TSN_BIT(TSN_FLAG_WITNESS) |
                        TSN_BIT(TSN_FLAG_AT_LEAST) | TSN_BIT(TSN_FLAG_REMEMBER);
    char *note = NULL;
    tsn_diag_init(&r.diag);
    tsn_log_open(-1);
    if (cli->nargs && tsn_assess_takes(cli->arg[0]))
        return verify_handed_out(cli, cli->arg[0]);
    tsn_place_database(cli, cli->nargs ? cli->arg[0] : NULL, &p);
    tsn_err err = tsn_place_open(&p, &st, &r.diag);
    if (!err) {
        err = tsn_store_verify_sealed(st, on_progress, &progress, &r, &note);
        if (err && r.verdict != TSN_TAMPERED) {
            r.verdict = TSN_UNUSABLE;
            (void)tsn_diag_set(&r.diag, err, "S027", "%s cannot be read to its end: %s", p.db,
                               tsn_err_text(err));
        }
    }
    if (err == TSN_ETAMPERED)
        r.verdict = TSN_TAMPERED;
    if (r.verdict == TSN_VERIFIED && (cli->given & flags))
        trust_database(cli, st, note, &r);
    tsn_store_close(st);
    if (progress.on_line)
        (void)fprintf(stderr, "\r\033[K");
    int rc = report_verdict(cli, &p, &r, note);
    free(note);
    return rc;
}

/* --- export ------------------------------------------------------------------------------ */

struct lines {
    FILE *to;
    uint64_t n;
};

static tsn_err put_line(const char *text, size_t len, void *user)
{
    struct lines *l = user;
    l->n++;
    if (fwrite(text, 1, len, l->to) != len || fputc('\n', l->to) == EOF)
        return tsn_err_from_errno(errno);
    return 0;
}

/* A file appears whole or not at all. */
static tsn_err close_file(FILE *to, const char *draft, const char *path, tsn_err err)
{
    if (!err && (fflush(to) != 0 || fsync(fileno(to)) != 0))
        err = tsn_err_from_errno(errno);
    if (fclose(to) != 0 && !err)
        err = tsn_err_from_errno(errno);
    if (!err && rename(draft, path) != 0)
        err = tsn_err_from_errno(errno);
    if (err)
        (void)unlink(draft);
    return err;
}

int tsn_cmd_audit_export(struct tsn_cli *cli)
{
    const char *path = cli->given & TSN_BIT(TSN_FLAG_OUT) ? cli->flag[TSN_FLAG_OUT] : "-";
    bool whole = strcmp(path, "-") != 0;
    if (cli->nargs || (cli->given & (TSN_BIT(TSN_FLAG_FROM) | TSN_BIT(TSN_FLAG_TO)))) {
        if (!whole)
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                                 "Name a new folder, or a file that ends in .tar.",
                                 "--out is missing");
        return tsn_cmd_audit_bundle(cli);
    }
    const char *draft = tsn_arena_printf(cli->arena, "%s.part", path);
    struct tsn_place p;
    struct tsn_store *st = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    tsn_log_open(-1);
    tsn_place_database(cli, NULL, &p);
    if (tsn_place_open(&p, &st, &diag))
        return tsn_out_fail(cli, TSN_EXIT_UNUSABLE, &diag);
    struct lines l = {.to = stdout};
    if (whole) {
        l.to = fopen(draft, "we");
        if (!l.to) {
            int why = errno;
            tsn_store_close(st);
            return tsn_out_failf(cli, TSN_EXIT_FAILED, tsn_err_from_errno(why), "U008", "",
                                 "%s: %s", draft, strerror(why));
        }
    }
    tsn_err err = tsn_store_export(st, put_line, &l);
    tsn_store_close(st);
    if (whole)
        err = close_file(l.to, draft, path, err);
    /* A reader that has seen enough is no failure; tsn_out_end knows it from other ones. */
    if (err && !whole && ferror(stdout))
        return TSN_EXIT_FAILED;
    if (err)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, err, "U008", "", "%s: %s", path,
                             tsn_err_text(err));
    if (whole && cli->json) {
        json_t *out = json_pack("{s:s, s:I}", "file", path, "lines", (json_int_t)l.n);
        tsn_out_json(cli, out);
        json_decref(out);
    } else if (whole) {
        tsn_out_say(cli, "%llu lines in %s", (unsigned long long)l.n, path);
    }
    return TSN_EXIT_OK;
}
