/* cmd_playbook_test.c - playbook test: specs, played in simulation, without a daemon. One thread. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "author/spec.h"
#include "cli/playbook_world.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "engine/bundle.h"

struct testing {
    struct tsn_cli *cli;
    struct tsn_workshop *workshop;
    const char *file; /* the spec that runs */
    size_t specs, passed, failed, broken;
    int64_t crashes;
    json_t *results; /* for JUnit and JSON */
};

/* --- what a test says */

static void print_failure(struct testing *t, const struct tsn_spec_result *r)
{
    struct tsn_cli *cli = t->cli;

    (void)printf("  ");
    tsn_out_text(cli, stdout, TSN_RED, "not ok");
    (void)printf("  ");
    tsn_out_text(cli, stdout, TSN_BOLD, r->name);
    (void)printf("\n");
    if (r->crashing)
        (void)printf("          with a crash behind each step:\n");
    const char *p = r->message;
    while (*p) {
        size_t n = strcspn(p, "\n");
        (void)printf("          ");
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_arena_strndup(cli->arena, p, n));
        (void)printf("\n");
        p += n + (p[n] == '\n');
    }
    if (*r->hint) {
        (void)printf("          ");
        tsn_out_text(cli, stdout, TSN_GREEN, r->hint);
        (void)printf("\n");
    }
    if (r->line) {
        (void)printf("          ");
        tsn_out_text(cli, stdout, TSN_DIM,
                     tsn_arena_printf(cli->arena, "%s%s%s:%d", r->code, *r->code ? " at " : "",
                                      r->file, r->line));
        (void)printf("\n");
    }
}

static void on_result(const struct tsn_spec_result *r, void *user)
{
    struct testing *t = user;
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "type", "test", "spec", t->file,
                  "name", r->name, "ok", r->ok, "ms", (json_int_t)r->took_ms, "steps",
                  (json_int_t)r->outcomes, "crashes", (json_int_t)r->crashes);

    t->crashes += r->crashes;
    if (r->ok)
        t->passed++;
    else
        t->failed++;
    if (!r->ok) {
        json_object_set_new(row, "message", json_string(r->message));
        json_object_set_new(row, "code", json_string(r->code));
        json_object_set_new(row, "file", json_string(r->file));
        json_object_set_new(row, "line", json_integer(r->line));
        json_object_set_new(row, "crashing", json_boolean(r->crashing));
    }
    json_array_append(t->results, row);
    if (t->cli->json) {
        char *text = tsn_json_text(row);
        (void)fputs(text, stdout);
        (void)fputc('\n', stdout);
        free(text);
    } else if (!r->ok) {
        print_failure(t, r);
    } else if (!t->cli->quiet) {
        (void)printf("  ");
        tsn_out_text(t->cli, stdout, TSN_GREEN, "ok");
        (void)printf("  %s", r->name);
        if (r->crashes)
            tsn_out_text(t->cli, stdout, TSN_DIM,
                         tsn_arena_printf(t->cli->arena, "  (%lld steps, %lld crashes)",
                                          (long long)r->outcomes, (long long)r->crashes));
        (void)printf("\n");
    }
    (void)fflush(stdout);
    json_decref(row);
}

/* --- JUnit */

static void put_xml(struct tsn_buf *b, const char *s)
{
    tsn_buf_markup(b, s, strlen(s), '?', "\n\t");
}

static int write_junit(struct testing *t, const char *path)
{
    struct tsn_buf b;
    size_t i;
    json_t *r;

    tsn_buf_init(&b, (size_t)64 << 20);
    (void)tsn_buf_printf(&b,
                         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites><testsuite "
                         "name=\"tocsin playbook "
                         "test\" tests=\"%zu\" failures=\"%zu\">\n",
                         t->passed + t->failed, t->failed);
    json_array_foreach(t->results, i, r)
    {
        (void)tsn_buf_puts(&b, "<testcase classname=\"");
        put_xml(&b, tsn_json_str(r, "spec", ""));
        (void)tsn_buf_puts(&b, "\" name=\"");
        put_xml(&b, tsn_json_str(r, "name", ""));
        (void)tsn_buf_printf(&b, "\" time=\"%.3f\">", (double)tsn_json_int(r, "ms", 0) / 1000);
        if (!tsn_json_bool(r, "ok", false)) {
            (void)tsn_buf_puts(&b, "<failure>");
            put_xml(&b, tsn_json_str(r, "message", ""));
            (void)tsn_buf_puts(&b, "</failure>");
        }
        (void)tsn_buf_puts(&b, "</testcase>\n");
    }
    (void)tsn_buf_puts(&b, "</testsuite></testsuites>\n");
    FILE *f = fopen(path, "we");
    bool good = f && fwrite(b.data, 1, b.len, f) == b.len;
    if (f)
        good = fclose(f) == 0 && good;
    tsn_buf_free(&b);
    return good ? 0
                : tsn_out_failf(t->cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "",
                                "%s cannot be written", path);
}

/* --- which specs */

static void run_spec(struct testing *t, const struct tsn_world *world, const char *dir,
                     const char *file)
{
    struct tsn_cli *cli = t->cli;
    struct tsn_diag diag;
    const char *path =
        strcmp(dir, ".") == 0 ? file : tsn_arena_printf(cli->arena, "%s/%s", dir, file);

    tsn_diag_init(&diag);
    json_t *bundle = tsn_bundle_whole(dir, file, &diag);
    t->file = path;
    t->specs++;
    if (!bundle) {
        t->broken++;
        tsn_diag_at(&diag, path, 0, 0);
        (void)tsn_out_fail(cli, TSN_EXIT_NOT_FOUND, &diag);
        return;
    }
    const struct tsn_spec_config sc = {.sim = &world->sim,
                                       .fixtures = world->fixtures,
                                       .file = file,
                                       .bundle = bundle,
                                       .filter = cli->flag[TSN_FLAG_FILTER],
                                       .crash_each_step =
                                           (cli->given & TSN_BIT(TSN_FLAG_CRASH)) != 0,
                                       .on_result = on_result,
                                       .user = t};
    if (!cli->json && !cli->quiet) {
        tsn_out_text(cli, stdout, TSN_BOLD, path);
        (void)printf("\n");
        (void)fflush(stdout);
    }
    if (tsn_spec_run(t->workshop, &sc, &diag)) {
        t->broken++;
        (void)tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    }
    json_decref(bundle);
}

static int run_folder(struct testing *t, const char *dir)
{
    struct tsn_world world;
    char **names;
    size_t n;
    int rc = tsn_world_load(t->cli, dir, &world);

    if (rc)
        return rc;
    if (tsn_bundle_files(world.sim.playbook_dir, true, &names, &n))
        return tsn_out_failf(t->cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "R039",
                             "name a folder of playbooks", "%s cannot be read",
                             world.sim.playbook_dir);
    for (size_t i = 0; i < n; i++)
        run_spec(t, &world, world.sim.playbook_dir, names[i]);
    tsn_bundle_files_free(names, n);
    return 0;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run_argument(struct testing *t, const char *arg)
{
    struct tsn_world world;
    const char *dir, *name;

    if (is_dir(arg))
        return run_folder(t, arg);
    tsn_world_name(t->cli, arg, &dir, &name);
    int rc = tsn_world_load(t->cli, dir, &world);
    if (!rc)
        run_spec(t, &world, world.sim.playbook_dir,
                 tsn_arena_printf(t->cli->arena, "%s_spec.lua", name));
    return rc;
}

static int end(struct testing *t, int rc)
{
    struct tsn_cli *cli = t->cli;
    const char *junit = cli->flag[TSN_FLAG_JUNIT];

    if (!rc && junit)
        rc = write_junit(t, junit);
    if (!rc && (t->failed || t->broken))
        rc = TSN_EXIT_PROBLEMS;
    if (cli->json) {
        json_t *out =
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "specs", (json_int_t)t->specs, "passed",
                      (json_int_t)t->passed, "failed", (json_int_t)t->failed, "broken",
                      (json_int_t)t->broken, "crashes", (json_int_t)t->crashes);
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
    } else {
        tsn_out_say(
            cli, "%zu passed, %zu failed%s%s.", t->passed, t->failed,
            t->broken ? tsn_arena_printf(cli->arena, ", %zu specs went wrong", t->broken) : "",
            t->crashes
                ? tsn_arena_printf(cli->arena, "; %lld crashes survived", (long long)t->crashes)
                : "");
    }
    return rc;
}

int tsn_cmd_playbook_test(struct tsn_cli *cli)
{
    struct testing t = {.cli = cli, .results = json_array()};
    struct tsn_diag diag;
    int rc = 0;

    tsn_diag_init(&diag);
    if (!cli->verbose)
        tsn_log_open(-1);
    if (tsn_workshop_open(&t.workshop, &diag))
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    for (size_t i = 0; i < cli->nargs && !rc; i++)
        rc = run_argument(&t, cli->arg[i]);
    if (!rc && cli->nargs == 0)
        rc = run_folder(&t, NULL);
    rc = end(&t, rc);
    json_decref(t.results);
    tsn_workshop_close(t.workshop);
    return rc;
}
