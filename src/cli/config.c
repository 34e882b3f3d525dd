/* config.c - loads tocsin.yaml: its sections in order and fills in what the file leaves out.
 *
 * Owns nothing: the result lives in the caller's arena. Blocks on the file and on
 * mail.smtp.password_file. */
#include "cli/config_int.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/crypto.h"
#include "core/cve_id.h"
#include "core/json.h"
#include "core/text.h"

/* --- sections with single values ----------------------------------------------------------- */

static tsn_err take_server(struct tsn_conf *c, const char **socket)
{
    static const char *const known[] = {"listen", "socket", "organisation", "domain"};
    const struct tsn_yaml *map;
    c->out->listen = "127.0.0.1:8420";
    c->out->organisation = "This organisation";
    c->out->domain = "localhost";
    tsn_err err = tsn_conf_map(c, "server", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "server", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_listen(c, map, "listen", &c->out->listen);
    if (!err)
        err = tsn_conf_path(c, map, "socket", false, socket);
    if (!err && *socket && strlen(*socket) > 107) {
        err = tsn_yaml_fail(tsn_yaml_find(map, "socket"), c->diag, TSN_ETOOBIG, "C043",
                            "the path of a Unix socket has at most 107 bytes, this has %zu",
                            strlen(*socket));
        tsn_diag_hint(c->diag, "give a shorter one: socket: /run/tocsin/tocsin.sock");
    }
    if (!err)
        err = tsn_conf_text(c, map, "organisation", false, 200, &c->out->organisation);
    if (!err)
        err = tsn_conf_text(c, map, "domain", false, 250, &c->out->domain);
    if (!err && !tsn_mail_ok(tsn_arena_printf(c->arena, "a@%s", c->out->domain))) {
        err = tsn_yaml_fail(tsn_yaml_find(map, "domain"), c->diag, TSN_EINPUT, "C039",
                            "`%.64s` is not a domain name", c->out->domain);
        tsn_diag_hint(c->diag, "the domain alone: acme.example");
    }
    return err;
}

/* What wraps the case keys: a file, or a systemd credential (LoadCredential= of the unit). */
static tsn_err take_key(struct tsn_conf *c, const struct tsn_yaml *map)
{
    static const char prefix[] = "credential:";
    const char *text = NULL, *dir = getenv("CREDENTIALS_DIRECTORY");
    tsn_err err = tsn_conf_text(c, map, "key", false, 4000, &text);
    if (err || !text)
        return err;
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return tsn_conf_path(c, map, "key", false, &c->out->key_file);
    if (!dir || !dir[0] || strchr(text, '/')) {
        err = tsn_yaml_fail(tsn_yaml_find(map, "key"), c->diag, TSN_EINPUT, "V214",
                            "there is no systemd credential `%.60s` here",
                            text + sizeof(prefix) - 1);
        tsn_diag_hint(c->diag, "in the unit: LoadCredential=%.60s:/etc/tocsin/tocsin.key",
                      text + sizeof(prefix) - 1);
        return err;
    }
    c->out->key_file = tsn_arena_printf(c->arena, "%s/%s", dir, text + sizeof(prefix) - 1);
    return 0;
}

static tsn_err take_data(struct tsn_conf *c)
{
    static const char *const known[] = {"dir", "key"};
    const struct tsn_yaml *map;
    c->out->data_dir = tsn_arena_printf(c->arena, "%s/data", c->out->dir);
    tsn_err err = tsn_conf_map(c, "data", &map);
    if (!err && map)
        err = tsn_yaml_known(map, "data", known, TSN_CONF_COUNT(known), c->diag);
    if (!err && map)
        err = tsn_conf_path(c, map, "dir", false, &c->out->data_dir);
    c->out->key_file = tsn_arena_printf(c->arena, "%s/tocsin.key", c->out->data_dir);
    if (!err && map)
        err = take_key(c, map);
    c->out->database = tsn_arena_printf(c->arena, "%s/tocsin.db", c->out->data_dir);
    return err;
}

/* Prefixes are part of names people type and of entries. */
tsn_err tsn_conf_prefix(struct tsn_conf *c, const struct tsn_yaml *map, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_conf_name(c, map, "prefix", false, &s);
    if (err || !s)
        return err;
    if (strlen(s) > 32)
        return tsn_yaml_fail(tsn_yaml_find(map, "prefix"), c->diag, TSN_ETOOBIG, "C043",
                             "a prefix has at most 32 characters");
    *out = s;
    return 0;
}

/* cve_blocks: [ CVE-2026-1000..1099 ]: what the CVE Program gave us. */
static tsn_err take_blocks(struct tsn_conf *c, const struct tsn_yaml *map)
{
    const char *const *words = NULL;
    size_t n = 0;
    tsn_err err = tsn_yaml_strs(c->arena, map, "cve_blocks", false, &words, &n, c->diag);
    struct tsn_cve_block *list = tsn_arena_alloc(c->arena, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_diag why;
        tsn_diag_init(&why);
        if (tsn_cve_block_parse(words[i], &list[i], &why) == 0)
            continue;
        err = tsn_yaml_fail(tsn_yaml_find(map, "cve_blocks"), c->diag, TSN_EINPUT, "W080", "%s",
                            why.what);
        tsn_diag_hint(c->diag, "cve_blocks: [ CVE-2026-1000..1099 ]");
    }
    c->out->casework.cve_blocks = list;
    c->out->casework.ncve_blocks = n;
    return err;
}

static tsn_err take_cases(struct tsn_conf *c)
{
    static const char *const known[] = {"prefix", "markets",           "lead_roles",
                                        "house",  "neutral_templates", "default_embargo",
                                        "roles",  "cve_blocks"};
    const struct tsn_yaml *map;
    size_t n;
    c->out->casework.case_prefix = "PSIRT";
    tsn_err err = tsn_conf_map(c, "cases", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "cases", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_prefix(c, map, &c->out->casework.case_prefix);
    if (!err)
        err = tsn_yaml_strs(c->arena, map, "markets", false, &c->out->casework.markets, &n,
                            c->diag);
    if (!err)
        err =
            tsn_yaml_strs(c->arena, map, "house", false, &c->out->casework.house, &n, c->diag);
    if (!err)
        err = tsn_yaml_strs(c->arena, map, "neutral_templates", false,
                            &c->out->casework.neutral_templates, &n, c->diag);
    if (!err)
        err = tsn_yaml_strs(c->arena, map, "lead_roles", false, &c->out->casework.lead_roles,
                            &n, c->diag);
    if (!err)
        err = tsn_conf_duration(c, map, "default_embargo", false, 86400000,
                                INT64_C(366) * 86400000, &c->out->casework.default_embargo_ms);
    if (!err)
        err = take_blocks(c, map);
    return err ? err : tsn_conf_roles(c, tsn_yaml_find(map, "roles"));
}

/* Whoever is in `people` is of the house, whatever the domain of the address. */
static void house_people(struct tsn_conf *c)
{
    struct tsn_casework_config *to = &c->out->casework;
    size_t n = 0, at = 0;
    while (to->house && to->house[n])
        n++;
    const char **all = tsn_arena_alloc(c->arena, (n + c->out->npeople + 1) * sizeof *all);
    for (; at < n; at++)
        all[at] = to->house[at];
    for (size_t i = 0; i < c->out->npeople; i++) {
        if (c->out->people[i].mail)
            all[at++] = c->out->people[i].mail;
    }
    to->house = all; /* what is behind it is NULL */
}

static tsn_err take_playbooks(struct tsn_conf *c)
{
    static const char *const known[] = {"dir"};
    const struct tsn_yaml *map;
    tsn_err err = tsn_conf_map(c, "playbooks", &map);
    if (!err && map)
        err = tsn_yaml_known(map, "playbooks", known, 1, c->diag);
    if (!err && map)
        err = tsn_conf_path(c, map, "dir", false, &c->out->playbook_dir);
    return err;
}

static tsn_err take_engine(struct tsn_conf *c)
{
    static const char *const known[] = {"workers", "resident", "cpu", "wall"};
    const struct tsn_yaml *map;
    tsn_err err = tsn_conf_map(c, "engine", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "engine", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_yaml_int(map, "workers", false, 1, 64, &c->out->workers, c->diag);
    if (!err)
        err = tsn_yaml_int(map, "resident", false, 1, 4096, &c->out->resident, c->diag);
    if (!err)
        err = tsn_conf_duration(c, map, "cpu", false, 10, 60 * 1000, &c->out->cpu_ms);
    if (!err)
        err = tsn_conf_duration(c, map, "wall", false, 100, 600 * 1000, &c->out->wall_ms);
    if (!err && c->out->cpu_ms && c->out->wall_ms && c->out->wall_ms < c->out->cpu_ms)
        err = tsn_yaml_fail(tsn_yaml_find(map, "wall"), c->diag, TSN_EINPUT, "C030",
                            "`wall` is shorter than `cpu`: it would always come first");
    return err;
}

/* --- loading ------------------------------------------------------------------------------ */

/* The members of the file, in the order in which they are read: later ones may name earlier ones. */
static const struct {
    const char *name;
    tsn_err (*take)(struct tsn_conf *c); /* NULL: take_all reads it first */
} sections[] = {
    {"server", NULL},
    {"data", NULL},
    {"secrets", tsn_conf_secrets},
    {"exec", tsn_conf_exec},
    {"people", tsn_conf_people},
    {"mail", tsn_conf_mail_section},
    {"form", tsn_conf_form},
    {"http", tsn_conf_http},
    {"publisher", tsn_conf_publisher},
    {"cases", take_cases},
    {"products", tsn_conf_products},
    {"customers", tsn_conf_customers},
    {"rules", tsn_conf_rules},
    {"feeds", tsn_conf_feeds},
    {"decisions", tsn_conf_decisions},
    {"plugins", tsn_conf_plugins},
    {"playbooks", take_playbooks},
    {"engine", take_engine},
    {"audit", tsn_conf_audit},
    {"policies", tsn_conf_policies},
    {"vince", tsn_conf_vince},
    {"schedules", tsn_conf_schedules},
    {"publish", tsn_conf_publish},
    {"hooks", tsn_conf_hooks},
    {"noise", tsn_conf_noise},
};

static tsn_err take_all(struct tsn_conf *c)
{
    const char *known[TSN_CONF_COUNT(sections)];
    const char *socket = NULL;
    for (size_t i = 0; i < TSN_CONF_COUNT(sections); i++)
        known[i] = sections[i].name;
    if (!c->root || c->root->type != TSN_YAML_MAP)
        return c->root ? tsn_yaml_fail(c->root, c->diag, TSN_EINPUT, "C014",
                                       "the file must be groups of settings, such as `people:`")
                       : tsn_diag_set(c->diag, TSN_EINPUT, "C013", "the file is empty");
    tsn_err err = tsn_yaml_known(c->root, "tocsin.yaml", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = take_server(c, &socket);
    if (!err)
        err = take_data(c);
    c->out->socket = socket ? socket
                            : tsn_arena_printf(c->arena, "%s/tocsin.sock",
                                               c->out->data_dir ? c->out->data_dir : "");
    if (!err && !socket && strlen(c->out->socket) > 107) {
        const struct tsn_yaml *data = tsn_yaml_find(c->root, "data");
        err = tsn_yaml_fail(
            data ? data : c->root, c->diag, TSN_ETOOBIG, "C043",
            "the socket in the data directory would have a path of over 107 bytes");
        tsn_diag_hint(c->diag,
                      "give a shorter one: server: { socket: /run/tocsin/tocsin.sock }");
    }
    for (size_t i = 0; i < TSN_CONF_COUNT(sections) && !err; i++)
        err = sections[i].take ? sections[i].take(c) : 0;
    if (!err)
        house_people(c);
    return err;
}

static tsn_err load(struct tsn_arena *arena, const char *path, bool without_secrets,
                    struct tsn_config **out, struct tsn_diag *diag)
{
    char full[PATH_MAX];
    struct tsn_yaml_doc *doc = NULL;
    struct tsn_diag local;
    *out = NULL;
    if (!diag) {
        tsn_diag_init(&local);
        diag = &local;
    }
    const char *file = realpath(path, full) ? full : path;
    tsn_err err = tsn_yaml_read_file(arena, file, &doc, diag);
    if (err)
        return err;
    struct tsn_config *config = tsn_arena_alloc(arena, sizeof *config);
    config->file = tsn_arena_strdup(arena, file);
    const char *slash = strrchr(config->file, '/');
    config->dir = slash && slash != config->file
                      ? tsn_arena_strndup(arena, config->file, (size_t)(slash - config->file))
                  : slash ? ""
                          : ".";
    struct tsn_conf c = {.arena = arena,
                         .root = doc->root,
                         .out = config,
                         .diag = diag,
                         .without_secrets = without_secrets};
    err = take_all(&c);
    if (!err)
        *out = config;
    return err;
}

tsn_err tsn_config_load(struct tsn_arena *arena, const char *path, struct tsn_config **out,
                        struct tsn_diag *diag)
{
    return load(arena, path, false, out, diag);
}

tsn_err tsn_config_look(struct tsn_arena *arena, const char *path, struct tsn_config **out,
                        struct tsn_diag *diag)
{
    return load(arena, path, true, out, diag);
}

const json_t *tsn_config_products_json(const struct tsn_config *config)
{
    return config->casework.products;
}

const json_t *tsn_config_picks_json(const struct tsn_config *config)
{
    return config->picks;
}
