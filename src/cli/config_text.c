/* config_text.c - the configuration that `tocsin init` writes: commented, loads as it stands.
 * Pure. */
#include "cli/config.h"

#include <string.h>

/* A YAML double-quoted scalar. */
static void quote(struct tsn_buf *out, const char *s)
{
    tsn_buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            tsn_buf_putc(out, '\\');
        if ((unsigned char)*s >= 0x20)
            tsn_buf_putc(out, *s);
    }
    tsn_buf_putc(out, '"');
}

static void line(struct tsn_buf *out, const char *key, const char *value, const char *comment)
{
    tsn_buf_printf(out, "%s", key);
    quote(out, value);
    tsn_buf_printf(out, "%s\n", comment);
}

static const char *or_else(const char *s, const char *otherwise)
{
    return s && s[0] ? s : otherwise;
}

tsn_err tsn_config_default_text(struct tsn_buf *out, const struct tsn_config_init *init)
{
    static const struct tsn_config_init nothing = {.uid = -1};
    if (!init)
        init = &nothing;
    const char *person = or_else(init->person, "operator1");
    const char *domain = or_else(init->domain, "localhost");
    tsn_buf_puts(
        out, "# tocsin.yaml - checked by `tocsin config check`. Unknown keys are errors.\n"
             "# Paths count from this file's folder; durations need a unit (30s, 10m, 1d).\n"
             "\n"
             "server:\n");
    line(out, "  listen: ", or_else(init->listen, "127.0.0.1:8420"),
         "       # numeric address and port; none = Unix socket only");
    line(out, "  organisation: ", or_else(init->organisation, "This organisation"),
         "  # in mails and advisories");
    line(out, "  domain: ", domain, "");
    tsn_buf_puts(out, "\ndata:\n");
    line(out, "  dir: ", or_else(init->data_dir, "data"),
         "  # database, keys, socket: back it up, keep it private");
    tsn_buf_puts(
        out,
        "\n"
        "# Who may do what. Roles are words of your own that playbooks ask for; `operator`\n"
        "# and `auditor` mean something to tocsin itself. `uid` makes local commands of that\n"
        "# system account act for the person; others use `tocsin token create`.\n"
        "# Four-eyes rules count people, so give everybody an id of their own.\n"
        "people:\n");
    tsn_buf_printf(out, "  - id: %s\n", person);
    line(out, "    name: ", or_else(init->person_name, person), "");
    tsn_buf_puts(
        out, "    roles: [ operator, responder, duty-manager, psirt-lead, product-owner ]\n");
    if (init->uid >= 0)
        tsn_buf_printf(out, "    uid: %lld\n", (long long)init->uid);
    tsn_buf_puts(out,
                 "  # - { id: resp1, name: Rita Responder, roles: [ responder ], uid: 1001 }\n"
                 "  # - { id: lead1, name: Lea Lead, roles: [ psirt-lead ] }\n"
                 "\n"
                 "# Delivered into a local maildir until you name a server.\n"
                 "mail:\n");
    char from[400];
    snprintf(from, sizeof from, "PSIRT <psirt@%s>", domain);
    line(out, "  from: ", from, "");
    tsn_buf_puts(
        out,
        "  # smtp: { url: \"smtp://mail.example.com:587\", user: psirt, password_file: "
        "smtp.password,\n"
        "  #         starttls: true }\n"
        "  # reach: [ \"10.0.0.25:587\" ]   # private addresses must be listed to be connected "
        "to\n"
        "\n"
        "# publisher: { name: Acme PSIRT, namespace: \"https://psirt.acme.example\",\n"
        "#              contact: psirt@acme.example, prefix: ACME-SA }\n"
        "\n"
        "# Which event starts which playbook.\n"
        "rules:\n"
        "  - { on: report.accepted, when: { kind: incident }, run: customer-incident }\n"
        "  - { on: report.accepted, when: { kind: weakness }, run: vulnerability-report }\n"
        "  - { on: advisory.matched, run: upstream-advisory }\n"
        "\n"
        "# What you make, and what of others is inside: upstream advisories are matched "
        "against it.\n"
        "products:\n"
        "  - id: example-product\n"
        "    name: Example Product\n"
        "    owner: product-owner            # a person or a role\n"
        "    versions: [ \"1.0\" ]\n"
        "    components: [ { vendor: OpenSSL, product: OpenSSL } ]\n"
        "# customers:\n"
        "#   - { name: Customer A, mail: soc@customer-a.example, products: [ example-product ] "
        "}\n"
        "\n"
        "# feeds:\n"
        "#   - { name: acme, kind: csaf, url: \"https://acme.example/csaf/\", every: 10m }\n"
        "\n"
        "# Contains by blocking addresses. This one keeps its rules in files: put the "
        "connector of "
        "your\n"
        "# firewall in its place.\n");
    if (init->edge_dir) {
        tsn_buf_puts(out, "plugins:\n  - name: edge\n");
        if (init->edge_sha256)
            line(out, "    sha256: ", init->edge_sha256,
                 "   # tocsin plugin accept edge, when its files have changed");
        line(out, "    settings: { targets: [ edge-fw-01 ], dir: ", init->edge_dir, " }");
    } else {
        tsn_buf_puts(out,
                     "# plugins:\n#   - { name: edge, settings: { dir: /var/lib/tocsin/edge, "
                     "targets: [ edge-fw-01 ] } }\n");
    }
    return out->err;
}
