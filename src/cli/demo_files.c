/* demo_files.c - the demo's folder: configuration with four people, products, customers, a feed. */
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/plugin_pin.h"
#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/buf.h"

static const char text[] =
    "# The demo's configuration. `tocsin config check` reads it; see docs/operations.md.\n"
    "server: { listen: \"127.0.0.1:0\", organisation: Acme PSIRT, domain: acme.example }\n"
    "data: { dir: data }\n"
    "people:\n"
    "  - { id: resp1, name: Rita Responder, roles: [ responder, duty-manager, product-owner ] "
    "}\n"
    "  - { id: duty1, name: Dan Duty, roles: [ duty-manager ] }\n"
    "  - { id: lead1, name: Lena Lead, roles: [ psirt-lead ] }\n"
    "  - { id: lead2, name: Luis Lead, roles: [ psirt-lead ] }\n"
    "mail: { from: Acme PSIRT <psirt@acme.example>, maildir: mail }\n"
    "publisher: { name: Acme PSIRT, namespace: \"https://psirt.acme.example\",\n"
    "             contact: psirt@acme.example, prefix: ACME-SA }\n"
    "products:\n"
    "  - id: edge-gw\n"
    "    name: Edge Gateway\n"
    "    vendor: Acme\n"
    "    owner: resp1\n"
    "    versions: [ \"9.3\", \"9.4\" ]\n"
    "    components: [ { vendor: Example Libraries, product: libfoo } ]\n"
    "  - id: cloud-relay\n"
    "    name: Cloud Relay\n"
    "    vendor: Acme\n"
    "    versions: [ \"2.0\" ]\n"
    "customers:\n"
    "  - { name: Customer A, mail: soc@customer-a.example, products: [ edge-gw ] }\n"
    "  - { name: Customer B, mail: it@customer-b.example, products: [ cloud-relay ] }\n"
    "plugins:\n"
    "  - name: edge\n"
    "    sha256: \"%s\"\n"
    "    settings: { dir: \"%s/edge\", targets: [ edge-fw-01, edge-fw-02 ] }\n"
    "rules:\n"
    "  - { on: report.accepted, when: { kind: incident }, run: customer-incident }\n"
    "  - { on: advisory.matched, run: upstream-advisory }\n"
    "feeds:\n"
    "  - name: example-vendors\n"
    "    kind: csaf\n"
    "    url: \"http://127.0.0.1:%d/\"\n"
    "    every: 1h\n"
    "    # The address guard refuses loopback unless the source names the exact address.\n"
    "    reach: [ \"127.0.0.1:%d\" ]\n";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

/* A folder of an earlier demo is made anew; anything else is left alone. */
static int clear(struct tsn_demo *d)
{
    char *mark = tsn_arena_printf(d->cli->arena, "%s/.tocsin-demo", d->dir);
    int fd;

    if (access(d->dir, F_OK) == 0) {
        if (access(mark, F_OK) != 0)
            return tsn_out_failf(d->cli, TSN_EXIT_CONFLICT, TSN_ECONFLICT, "S091",
                                 "give another folder: tocsin demo DIR",
                                 "%s exists and was not made by the demo", d->dir);
        nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (mkdir(d->dir, 0700) != 0)
        return tsn_out_failf(d->cli, TSN_EXIT_FAILED, tsn_err_from_errno(errno), "S091",
                             "give a folder that can be made: tocsin demo DIR",
                             "cannot make %s: %s", d->dir, strerror(errno));
    fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return 0;
}

int tsn_demo_files(struct tsn_demo *d)
{
    char digest[TSN_PIN_LEN + 1];
    struct tsn_diag diag;
    FILE *f;
    int rc = clear(d);

    if (rc)
        return rc;
    /* The plugin that comes with tocsin is accepted with it. */
    tsn_diag_init(&diag);
    if (tsn_plugin_digest(tsn_plugin_dir(d->cli, "edge", NULL), NULL, digest, &diag))
        return tsn_out_fail(d->cli, TSN_EXIT_FAILED, &diag);
    f = fopen(d->config, "we");
    if (!f || fprintf(f, text, digest, d->dir, d->provider_port, d->provider_port) < 0 ||
        fclose(f) != 0)
        return tsn_out_failf(d->cli, TSN_EXIT_FAILED, TSN_EIO, "S091", "", "cannot write %s",
                             d->config);
    return 0;
}
