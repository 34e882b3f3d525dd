/* playbook_world.c - see playbook_world.h. */
#include "cli/playbook_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every role of the shipped playbooks has two people, so that four eyes can be kept; resp2 has two roles,
 * so that they must be kept. */
static const char built_in[] =
    "server: { listen: none, organisation: Acme PSIRT, domain: acme.example }\n"
    "data: { dir: nowhere }\n"
    "cases: { house: [ acme.example ] }\n"
    "people:\n"
    "  - { id: resp1, roles: [ responder ] }\n"
    "  - { id: resp2, roles: [ responder, duty-manager ] }\n"
    "  - { id: duty1, roles: [ duty-manager ] }\n"
    "  - { id: duty2, roles: [ duty-manager ] }\n"
    "  - { id: lead1, roles: [ psirt-lead ] }\n"
    "  - { id: lead2, roles: [ psirt-lead ] }\n"
    "  - { id: owner1, roles: [ product-owner ] }\n"
    "  - { id: owner2, roles: [ product-owner ] }\n"
    "  - { id: panel1, roles: [ bounty-panel ] }\n"
    "  - { id: panel2, roles: [ bounty-panel ] }\n"
    "  - { id: panel3, roles: [ bounty-panel ] }\n"
    "  - { id: legal1, roles: [ legal ] }\n"
    "  - { id: exec1, roles: [ executive ] }\n"
    "mail: { from: Acme PSIRT <psirt@acme.example>, maildir: mail }\n"
    "publisher: { name: Acme PSIRT, namespace: \"https://psirt.acme.example\",\n"
    "             contact: psirt@acme.example, prefix: ACME-SA }\n"
    "products:\n"
    "  - id: edge-gw\n"
    "    name: Edge Gateway\n"
    "    vendor: Acme\n"
    "    owner: owner1\n"
    "    versions: [ \"9.3\", \"9.4\" ]\n"
    "    components: [ { vendor: Example Libraries, product: libfoo } ]\n"
    "  - { id: cloud-relay, name: Cloud Relay, vendor: Acme, owner: owner2, versions: [ "
    "\"2.0\" ] }\n"
    "customers:\n"
    "  - { name: Customer A, mail: soc@customer-a.example, products: [ edge-gw ] }\n"
    "  - { name: Customer B, mail: it@customer-b.example, products: [ cloud-relay ] }\n"
    "plugins:\n"
    "  - { name: edge, settings: {} }\n"
    "  - { name: webhook, settings: { url: \"https://hooks.acme.example/in\",\n"
    "                                 key: secret:webhook } }\n";

static int load_built_in(struct tsn_cli *cli, struct tsn_config **config)
{
    char path[] = "/tmp/tocsin-world-XXXXXX";
    int fd = mkstemp(path);
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (fd < 0 || write(fd, built_in, sizeof(built_in) - 1) != (ssize_t)sizeof(built_in) - 1)
        (void)tsn_diag_set(&diag, TSN_EIO, "L280", "no temporary file can be written");
    else
        (void)tsn_config_look(cli->arena, path, config, &diag);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(path);
    }
    return diag.err ? tsn_out_fail(cli, TSN_EXIT_FAILED, &diag) : 0;
}

static int load_config(struct tsn_cli *cli, struct tsn_config **config)
{
    const char *env = getenv("TOCSIN_CONFIG");
    struct tsn_diag diag;

    if (!cli->config_file && !(env && *env))
        return load_built_in(cli, config);
    tsn_diag_init(&diag);
    if (tsn_config_load(cli->arena, tsn_place_config(cli), config, &diag))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    return 0;
}

static void take_plugins(struct tsn_cli *cli, const struct tsn_config *c,
                         struct tsn_sim_config *out)
{
    const char *shared = tsn_place_shared(cli->arena, "plugins");
    struct tsn_plugin_config *list =
        tsn_arena_alloc(cli->arena, (c->nplugins + 1) * sizeof(*list));

    for (size_t i = 0; i < c->nplugins; i++) {
        list[i] = c->plugins[i];
        if (!list[i].dir)
            list[i].dir =
                tsn_arena_printf(cli->arena, "%s/%s", shared ? shared : ".", list[i].name);
    }
    out->plugins = list;
    out->nplugins = c->nplugins;
}

static void take_people(struct tsn_cli *cli, const struct tsn_config *c,
                        struct tsn_sim_config *out)
{
    struct tsn_sim_person *list = tsn_arena_alloc(cli->arena, (c->npeople + 1) * sizeof(*list));

    for (size_t i = 0; i < c->npeople; i++)
        list[i] = (struct tsn_sim_person){.id = c->people[i].id, .roles = c->people[i].roles};
    out->people = list;
    out->npeople = c->npeople;
}

int tsn_world_load(struct tsn_cli *cli, const char *dir, struct tsn_world *out)
{
    struct tsn_config *c = NULL;
    int rc = load_config(cli, &c);

    memset(out, 0, sizeof(*out));
    if (rc || !c)
        return rc ? rc : TSN_EXIT_FAILED;
    if (!dir)
        dir = c->playbook_dir ? c->playbook_dir : tsn_place_shared(cli->arena, "playbooks");
    if (!dir)
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "S026",
                             "name a file, or use --config", "no playbooks are installed");
    struct tsn_mail_config *mail = tsn_arena_memdup(cli->arena, &c->mail, sizeof(c->mail));
    if (!mail->template_dir)
        mail->template_dir = tsn_place_shared(cli->arena, "playbooks/templates");
    out->config = c;
    out->fixtures = tsn_arena_printf(cli->arena, "%s/fixtures", dir);
    out->sim = (struct tsn_sim_config){.playbook_dir = dir,
                                       .casework = &c->casework,
                                       .publisher = &c->publisher,
                                       .products = tsn_config_products_json(c),
                                       .picks = tsn_config_picks_json(c),
                                       .mail = mail,
                                       .exec = c->exec,
                                       .nexec = c->nexec};
    const char *policies =
        c->policy_dir ? c->policy_dir : tsn_place_shared(cli->arena, "playbooks/policies");
    struct tsn_policy_file *files = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (tsn_config_policy_files(cli->arena, policies, &files, &out->sim.npolicies, &diag))
        return tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    out->sim.policies = files;
    take_plugins(cli, c, &out->sim);
    take_people(cli, c, &out->sim);
    return 0;
}

void tsn_world_name(struct tsn_cli *cli, const char *arg, const char **dir, const char **name)
{
    const char *slash = strrchr(arg, '/'), *base = slash ? slash + 1 : arg;
    size_t n = strlen(base);

    *dir = slash ? tsn_arena_strndup(cli->arena, arg, (size_t)(slash - arg)) : NULL;
    if (n > 4 && strcmp(base + n - 4, ".lua") == 0) {
        n -= 4;
        if (!slash)
            *dir = ".";
    }
    if (n > 5 && strncmp(base + n - 5, "_spec", 5) == 0)
        n -= 5;
    *name = tsn_arena_strndup(cli->arena, base, n);
}

int tsn_shop_open(struct tsn_shop *s, struct tsn_cli *cli, const char *dir)
{
    struct tsn_diag diag;
    int rc = tsn_world_load(cli, dir, &s->world);

    s->cli = cli;
    tsn_diag_init(&diag);
    if (!rc && tsn_workshop_open(&s->workshop, &diag))
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    return rc;
}
