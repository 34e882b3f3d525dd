/* cmd_product.c - products and their SBOMs, matches, and why one did or did not fire.
 *
 * `product diff` and `product import` need no daemon. Owns nothing. One thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "feed/inventory.h"

#define SBOM_MAX ((size_t)256 << 20)

int tsn_cmd_match_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"ADVISORY", "advisory", TSN_AS_TEXT},   {"PRODUCT", "product", TSN_AS_TEXT},
        {"CERTAINTY", "certainty", TSN_AS_TEXT}, {"PRIORITY", "band", TSN_AS_TEXT},
        {"STATE", "state", TSN_AS_TEXT},         {"CASE", "case", TSN_AS_TEXT},
        {"WHY CLOSED", "reason", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "matches%s", tsn_cli_params(cli, NULL)),
                        columns);
}

/* --- why --------------------------------------------------------------------------------------- */

static void print_documents(struct tsn_cli *cli, const json_t *answer)
{
    size_t i;
    json_t *d;
    json_array_foreach(json_object_get(answer, "documents"), i, d)
    {
        const json_t *m = json_object_get(d, "match");
        const char *reason = tsn_json_str(d, "reason", "");
        (void)printf("  ");
        tsn_out_text(cli, stdout, TSN_PLAIN,
                     tsn_arena_printf(cli->arena, "%s: %s, %s%s%s", tsn_json_str(d, "feed", ""),
                                      tsn_json_str(d, "path", ""), tsn_json_str(d, "state", ""),
                                      *reason ? ": " : "", reason));
        (void)printf("\n");
        if (json_is_object(m)) {
            char *evidence = tsn_json_text(json_object_get(m, "evidence"));
            (void)printf("    ");
            tsn_out_text(cli, stdout, TSN_DIM,
                         tsn_arena_printf(cli->arena, "%s, %s, %s: %.2000s",
                                          tsn_json_str(m, "certainty", ""),
                                          tsn_json_str(m, "state", ""),
                                          tsn_json_str(m, "band", "no priority"), evidence));
            (void)printf("\n");
            free(evidence);
        }
    }
}

/* `tsn_cmd_explain` calls it for two arguments. */
int tsn_cmd_explain_match(struct tsn_cli *cli)
{
    json_t *answer;
    int rc = tsn_client_get(cli,
                            tsn_client_path(cli, "explain/%s?q=%s",
                                            tsn_client_escape(cli, cli->arg[0]),
                                            tsn_client_escape(cli, cli->arg[1])),
                            &answer);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, answer);
    } else {
        tsn_out_text(cli, stdout, TSN_BOLD,
                     tsn_arena_printf(cli->arena, "%s, %s: %s", cli->arg[0], cli->arg[1],
                                      tsn_json_str(answer, "stage", "")));
        (void)printf("\n  ");
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(answer, "why", ""));
        (void)printf("\n");
        if (json_object_get(json_object_get(answer, "marks"), "kev"))
            (void)printf("  known to be exploited\n");
        print_documents(cli, answer);
    }
    json_decref(answer);
    return TSN_EXIT_OK;
}

/* --- products ------------------------------------------------------------------------------------ */

static json_t *release_rows(const json_t *items)
{
    json_t *rows = json_array(), *p, *r;
    size_t i, k;
    json_array_foreach(items, i, p)
    {
        const json_t *releases = json_object_get(p, "releases");
        if (json_array_size(releases) == 0)
            json_array_append_new(rows, json_pack("{s:O, s:s, s:s}", "product",
                                                  json_object_get(p, "id"), "owner",
                                                  tsn_json_str(p, "owner", ""), "problem",
                                                  "no release with an SBOM"));
        json_array_foreach(releases, k, r)
        {
            json_t *o = json_copy(r);
            json_object_set(o, "product", json_object_get(p, "id"));
            json_object_set_new(o, "owner", json_string(tsn_json_str(p, "owner", "")));
            json_object_set_new(o, "exposure", json_string(tsn_json_str(p, "exposure", "")));
            json_array_append_new(rows, o);
        }
    }
    return rows;
}

static const char *count_text(struct tsn_cli *cli, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v ? tsn_arena_printf(cli->arena, "%lld", (long long)json_integer_value(v)) : "-";
}

int tsn_cmd_product_list(struct tsn_cli *cli)
{
    static const char *const heads[] = {"PRODUCT",    "RELEASE", "OWNER",      "EXPOSURE",
                                        "COMPONENTS", "NO PURL", "NO VERSION", "PROBLEM"};
    json_t *answer, *row;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "products"), &answer);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, answer);
        json_decref(answer);
        return TSN_EXIT_OK;
    }
    json_t *rows = release_rows(json_object_get(answer, "items"));
    struct tsn_grid *g = tsn_grid_new(cli, 8);
    for (size_t k = 0; k < 8; k++)
        tsn_grid_cell(g, TSN_DIM, heads[k]);
    json_array_foreach(rows, i, row)
    {
        tsn_grid_cell(g, TSN_BOLD, tsn_json_str(row, "product", ""));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(row, "version", "-"));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(row, "owner", "-"));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(row, "exposure", "-"));
        tsn_grid_cell(g, TSN_PLAIN, count_text(cli, row, "components"));
        tsn_grid_cell(g, TSN_PLAIN, count_text(cli, row, "without_purl"));
        tsn_grid_cell(g, TSN_PLAIN, count_text(cli, row, "without_version"));
        tsn_grid_cell(g, TSN_RED, tsn_json_str(row, "problem", ""));
    }
    tsn_grid_print(g, stdout, 0);
    json_decref(rows);
    json_decref(answer);
    return TSN_EXIT_OK;
}

struct loaded {
    struct tsn_buf text;
    json_t *doc;
    struct tsn_sbom sbom;
};

static int load(struct tsn_cli *cli, const char *path, struct loaded *l)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_buf_init(&l->text, SBOM_MAX);
    tsn_err err = tsn_buf_read_file(&l->text, path);
    if (err)
        return tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                             err, "U008", "", "%s: %s", path, tsn_err_text(err));
    if (tsn_json_parse(l->text.len ? l->text.data : "", l->text.len, &l->doc, &d) ||
        tsn_sbom_read(cli->arena, l->doc, &l->sbom, &d)) {
        tsn_diag_at(&d, path, d.line, d.col);
        return tsn_out_fail(cli, TSN_EXIT_FAILED, &d);
    }
    return 0;
}

static void unload(struct loaded *l)
{
    json_decref(l->doc);
    tsn_buf_free(&l->text);
}

/* Package without version -> versions, as a set. */
static json_t *packages(struct tsn_cli *cli, const struct tsn_sbom *s)
{
    json_t *out = json_object();
    for (size_t i = 0; i < s->n; i++) {
        const struct tsn_component *c = &s->components[i];
        const struct tsn_package p = {
            .type = c->type, .family = c->family, .name = *c->name ? c->name : c->shown};
        const char *key = tsn_package_key(cli->arena, &p);
        json_t *versions = json_object_get(out, key);
        if (!versions) {
            versions =
                json_pack("{s:s, s:{}}", "name", *c->name ? c->name : c->shown, "versions");
            json_object_set_new(out, key, versions);
        }
        json_object_set_new(json_object_get(versions, "versions"), c->version, json_true());
    }
    return out;
}

static const char *keys_of(struct tsn_cli *cli, const json_t *set)
{
    struct tsn_buf b;
    char *text = tsn_json_text(set); /* sorted: the same set, the same text */
    json_t *sorted = NULL, *v;
    const char *key;
    tsn_buf_init(&b, 65536);
    (void)tsn_buf_puts(&b, "");
    (void)tsn_json_parse(text, strlen(text), &sorted, NULL);
    json_object_foreach(sorted, key, v)(void)
        tsn_buf_printf(&b, "%s%s", b.len ? ", " : "", *key ? key : "-");
    json_decref(sorted);
    free(text);
    const char *out = tsn_arena_strdup(cli->arena, b.data);
    tsn_buf_free(&b);
    return out;
}

static void compare(struct tsn_cli *cli, json_t *a, json_t *b, json_t *out)
{
    const char *key;
    json_t *x, *y;
    json_object_foreach(a, key, x)
    {
        y = json_object_get(b, key);
        const char *before = keys_of(cli, json_object_get(x, "versions"));
        const char *after = y ? keys_of(cli, json_object_get(y, "versions")) : "";
        if (!y || strcmp(before, after) != 0)
            json_array_append_new(out, json_pack("{s:s, s:O, s:s, s:s}", "change",
                                                 y ? "changed" : "removed", "name",
                                                 json_object_get(x, "name"), "before", before,
                                                 "after", after));
    }
    json_object_foreach(b, key, y)
    {
        if (!json_object_get(a, key))
            json_array_append_new(out,
                                  json_pack("{s:s, s:O, s:s, s:s}", "change", "added", "name",
                                            json_object_get(y, "name"), "before", "", "after",
                                            keys_of(cli, json_object_get(y, "versions"))));
    }
}

int tsn_cmd_product_diff(struct tsn_cli *cli)
{
    struct loaded a = {0}, b = {0};
    int rc = load(cli, cli->arg[0], &a);
    if (!rc)
        rc = load(cli, cli->arg[1], &b);
    if (!rc) {
        json_t *x = packages(cli, &a.sbom), *y = packages(cli, &b.sbom),
               *changes = json_array(), *c;
        size_t i;
        compare(cli, x, y, changes);
        rc = json_array_size(changes) ? TSN_EXIT_DIFFERENCES : TSN_EXIT_OK;
        json_t *out = json_pack("{s:I, s:I, s:O}", "before", (json_int_t)a.sbom.n, "after",
                                (json_int_t)b.sbom.n, "changes", changes);
        if (cli->json && rc)
            tsn_out_json_not_ok(cli, out, rc);
        else if (cli->json)
            tsn_out_json(cli, out);
        json_array_foreach(changes, i, c)
        {
            if (!cli->json)
                (void)printf("%-8s %s  %s -> %s\n", tsn_json_str(c, "change", ""),
                             tsn_json_str(c, "name", ""), tsn_json_str(c, "before", ""),
                             tsn_json_str(c, "after", ""));
        }
        tsn_out_say(cli, "%zu components before, %zu after, %zu differences.", a.sbom.n,
                    b.sbom.n, json_array_size(changes));
        json_decref(out);
        json_decref(changes);
        json_decref(x);
        json_decref(y);
    }
    unload(&a);
    unload(&b);
    return rc;
}

/* --- import -------------------------------------------------------------------------------------- */

static bool is_product(const struct tsn_config *config, const char *id)
{
    size_t i;
    json_t *p;
    json_array_foreach(tsn_config_products_json(config), i, p)
    {
        if (strcmp(tsn_json_str(p, "id", ""), id) == 0)
            return true;
    }
    return false;
}

/* Whole or not at all: written beside its place and renamed. */
static tsn_err put_file(struct tsn_cli *cli, const char *path, const struct tsn_buf *b)
{
    const char *beside = tsn_arena_printf(cli->arena, "%s.new", path);
    FILE *f = fopen(beside, "we");
    if (!f)
        return tsn_err_from_errno(errno);
    bool ok =
        fwrite(b->data, 1, b->len, f) == b->len && fflush(f) == 0 && fsync(fileno(f)) == 0;
    ok = fclose(f) == 0 && ok;
    if (!ok || rename(beside, path) != 0) {
        tsn_err err = tsn_err_from_errno(errno);
        (void)unlink(beside);
        return err;
    }
    return 0;
}

int tsn_cmd_product_import(struct tsn_cli *cli)
{
    const char *product = cli->arg[0], *version = cli->arg[1];
    struct tsn_config *config;
    struct tsn_diag d;
    struct loaded l = {0}, old = {0};
    char path[4096];
    struct stat there;
    tsn_diag_init(&d);
    if (tsn_config_load(cli->arena, tsn_place_config(cli), &config, &d))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &d);
    if (!is_product(config, product) ||
        !tsn_inventory_path(path, sizeof(path), config->data_dir, product, version))
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "I005",
                             "`products:` in the configuration lists them.",
                             "there is no product `%s`, or `%s` is no name of a release",
                             product, version);
    int rc = load(cli, cli->arg[2], &l);
    bool had = stat(path, &there) == 0;
    if (!rc && had && load(cli, path, &old))
        had = false;
    if (!rc) {
        (void)mkdir(tsn_arena_printf(cli->arena, "%s/inventory", config->data_dir), 0700);
        (void)mkdir(tsn_arena_printf(cli->arena, "%s/inventory/%s", config->data_dir, product),
                    0700);
        tsn_err err = put_file(cli, path, &l.text);
        if (err)
            rc = tsn_out_failf(cli, TSN_EXIT_FAILED, err, "U008", "", "%s: %s", path,
                               tsn_err_text(err));
    }
    /* A daemon that runs takes it at once; one that does not, at its next start. */
    struct tsn_answer live = {0};
    if (!rc)
        tsn_client_ask(cli, "POST", tsn_client_path(cli, "products/reload"), NULL, NULL, 300000,
                       &live);
    bool taken = live.status == 200;
    if (!rc && cli->json) {
        json_t *out = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:O}", "product", product,
                                "version", version, "file", path, "live", taken, "before",
                                (json_int_t)(had ? old.sbom.n : 0), "after",
                                (json_int_t)l.sbom.n, "lint", l.sbom.lint);
        tsn_out_json(cli, out);
        json_decref(out);
    } else if (!rc) {
        tsn_out_say(cli,
                    "%s %s: %zu components before, %zu now; %zu without a purl, %zu without a "
                    "version. %s",
                    product, version, had ? old.sbom.n : 0, l.sbom.n, l.sbom.no_purl,
                    l.sbom.no_version,
                    taken ? "The daemon has taken it; what is stored is matched again."
                    : live.status
                        ? tsn_arena_printf(
                              cli->arena,
                              "The daemon did not take it (%.200s); it does at its next start.",
                              live.diag.what)
                        : "The daemon takes it at its next start.");
    }
    tsn_answer_free(&live);
    unload(&l);
    unload(&old);
    return rc;
}
