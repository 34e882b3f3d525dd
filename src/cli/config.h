/* config.h - tocsin.yaml: read, checked to the last key, and turned into what the modules take.
 *
 * Everything lives in the arena given to tsn_config_load (JSON values too). Paths in the result
 * are absolute; relative ones in the file count from the file's own directory. Blocks on files:
 * before the loop runs, or in an offline command. Errors: C001-C029 from core/yaml.h (C012 a key
 * that is not known, C013 missing, C014 wrong type, C021 no unit), C030-C049 from here; all with
 * file, line, column and source line.
 *
 * The file, whole (needed: `people`; without `rules` nothing starts; [..] shows the default):
 *
 *   server:
 *     listen: 127.0.0.1:8420        # address:port, port 0 = any free one; none = no TCP
 *     socket: tocsin.sock           # [<data dir>/tocsin.sock]
 *     organisation: Acme            # in mails and advisories ["This organisation"]
 *     domain: acme.example          # [localhost]
 *   data: { dir: data }             # [data], beside the file
 *   secrets:                        # values from files; others: `tocsin secret set NAME`. Named elsewhere
 *     - { name: jira, file: jira.token }     # as secret:jira, or credential:NAME (systemd's)
 *     - { name: imap, credential: imap }
 *   people:
 *     - { id: resp1, name: Rita, roles: [ responder ], uid: 1000,    # name and uid may be left out
 *         mail: rita@acme.example, key: 0A1B... }   # reminders and escalations; encrypted to this key
 *   mail:
 *     from: Acme PSIRT <psirt@acme.example>   # [PSIRT <psirt@DOMAIN>]
 *     maildir: mail                 # [<data dir>/mail]; or:
 *     smtp: { url: "smtp://mx.acme.example:587", user: u, password: secret:smtp,
 *             starttls: true, ca_file: mx.pem }   # starttls: [true with a user, but on this host]
 *                                   # or password_file: f
 *     templates: templates          # [as installed]
 *     reach: [ "127.0.0.1:2525" ]   # exact addresses allowed though private or loopback
 *   form: { listen: 127.0.0.1:8430, coordinator: CERT/CC, coordinator_url: "https://kb.cert.org/vince/",
 *           policy: "https://acme.example/safe-harbour", answer: 2d, update: 14d,   # promises
 *           proxies: [ 127.0.0.1 ], reports_per_hour: 200, per_network: 10, texts: texts }
 *   publisher: { name: Acme, namespace: "https://acme.example", contact: psirt@acme.example,
 *                prefix: ACME-SA, versions: integer,   # or semantic; and as a CVE numbering authority, when you are one:
 *                cna_org: 8254265b-2729-46b6-b9e3-3dfca2d5bfca, cna_name: acme,
 *                amber_strict: red }   # TLP:AMBER+STRICT in CSAF 2.0, which has no such label: amber, red or refuse
 *   cases: { prefix: PSIRT, markets: [ eu ], lead_roles: [ psirt-lead ],
 *            house: [ acme.example, tickets.acme.example ],  # ours: hosts and mail domains
 *            default_embargo: 90d,                           # what your policy publishes [none]
 *            cve_blocks: [ CVE-2026-1000..1099 ],            # what may be reserved [any]
 *            roles: { fixer: { sees: assigned, may: [ track, evidence ] } },  # [open, every one]
 *            neutral_templates: [ ack-incident ] }           # mails that say nothing of a case
 *   vince: { url: "https://kb.cert.org/vince/comm/api/", token: secret:vince }  # or token_file; reach: for tests
 *   policies: { dir: policies }     # clock packs, handling plans, ... [as installed]
 *   publish: { dir: web, url: "https://psirt.acme.example",   # the tree of advisories: files for any
 *              gnupg: gnupg, key: 0A1B..., key_file: key.asc,  # web server, signed by this key
 *              policy: "https://acme.example/policy", languages: "en, de",
 *              lists: [ { name: gold, contracts: [ gold ], products: [ edge-gw ],   # who is told: customers with
 *                         before: 5d, tlp: AMBER, attach: [ csaf, html ],         # contract and product, ahead too,
 *                         mail: [ announce@lists.acme.example ] } ] }             # and these, of what is public
 *   products:
 *     - id: edge-gw
 *       name: Edge Gateway          # [id]
 *       vendor: Acme                # [organisation]
 *       owner: duty1                # a person or a role somebody has; may be left out
 *       versions: [ "9.1", "9.2" ]
 *       components: [ { vendor: OpenSSL, product: OpenSSL } ]
 *       exposure: internet          # internet partner internal isolated; mission: high; safety: true
 *       releases: [ { version: "9.2", sbom: sboms/9.2.json, support_ends: 2029-03-01, installs: 4100 } ]
 *   customers:
 *     - { name: Customer A, mail: sec@a.example, products: [ edge-gw ],
 *         country: de, contract: gold,    # for jurisdictions and lists
 *         key: 0A1B...,                   # fingerprint of the PGP key their notices are encrypted to
 *         attach: [ csaf, html ], language: de }   # instead of the list's; or by `tocsin customer`
 *   rules:
 *     - { on: report.accepted, when: { kind: incident }, run: customer-incident }
 *   schedules:                      # events `schedule.due`; missed ones come once
 *     - { name: weekly, cron: "0 9 * * mon", zone: Europe/Berlin, title: Weekly review,
 *         inputs: { depth: full } }   # or every: 12h; zone: [UTC]; title: [name]
 *   hooks:                          # webhooks that come in at /hooks/NAME: docs/hooks.md
 *     - { name: jira, scheme: hmac, header: X-Hub-Signature, prefix: "sha256=", key: "secret:jira",
 *         case: /issue/fields/labels/0 }   # scheme: [standard] github hmac; or report: { ... }
 *   noise:                          # what ranks a report low, beside src/intake/noise.json: docs/casework.md
 *     - { name: casino, weight: 3, any: [ "online casino" ] }   # weight: 0 switches a shipped one off
 *   feeds:                          # kinds: docs/feeds.md
 *     - { name: acme, kind: csaf, url: "https://acme.example/csaf/", every: 10m, parallel: 4,
 *         reach: [ "127.0.0.1:8081" ], hash: required, signature: required, keys: acme.asc,
 *         speaks_for: [ "https://acme.example" ],    # csaf: `domain: acme.example` instead of url
 *         archive: "https://acme.example/all.zip",   # everything at once, when much is new
 *         connections: 2, rate: 4,                   # to its host, requests a second
 *         expect: { news_within: 14d, at_most_a_day: 500 } }   # else an alarm
 *     - { name: local, kind: file, path: in/, every: 1h }        # a folder ends in /
 *     - { name: ours, kind: exec, command: [ /usr/local/bin/convert, --all ], every: 1d }
 *     - { name: cisco, kind: cisco, url: "https://apix.cisco.com/security/advisories/v2/",
 *         every: 1d, client_id: abc, secret: secret:cisco }   # or secret_file
 *   decisions:                      # what a difference in our matches starts: docs/feeds.md
 *     quiet: 10m                    # [0]: wait for further changes; at most quiet_max [6 x quiet]
 *     budget: { burst: 20, per_hour: 60 }        # of runs; storm: { per_hour: 200, factor: 10 }
 *     digest: 1d                    # how often; priority: [bod-26-04] supplier deployer cisa
 *     rules:
 *       - { name: lab, when: { products: lab, score: "< 7" }, verdict: ignore, reason: "a lab" }
 *   plugins:
 *     - { name: edge, dir: plugins/edge, settings: { targets: [ fw-01 ], key: secret:fw },
 *         sha256: 3f… }                   # `tocsin plugin accept`: nothing else is started
 *                                   # dir: [as installed]; internal: true [false]: of our own
 *                                   # house, may know of what is under embargo;
 *                                   # settings go to the plugin as JSON, paths in them as they are
 *   http: { reach: [ "10.0.0.7:443" ] }       # what http.request may connect to besides public addresses
 *     proxy: { url: "http://proxy.acme.example:3128", user: tocsin, password: secret:proxy,
 *              direct: [ acme.example, 10.0.0.0/8 ] }      # of all HTTP that goes out
 *     secrets: [ { name: tickets, to: [ "https://tickets.acme.example" ] } ]   # of playbooks
 *   exec:                           # programs that playbooks may start, as exec.NAME; never a shell
 *     - { name: whois, program: /usr/bin/whois, args: [ "--", "{address}" ], effect: read,   # or write; doubt
 *         timeout: 20s, cpu: 10s, memory: 256MiB, output: 64KiB, processes: 8,
 *         input: text }                  # its argument `text` is what it reads on stdin
 *   playbooks: { dir: playbooks }   # [as installed]
 *   audit:
 *     origin: acme.example/tocsin/main/audit    # [DOMAIN/tocsin/main/audit]
 *     sealer: sealer                # folder of key and state [<data dir>/sealer]
 *     witnesses:
 *       - { key: "w1.example+0123abcd+BA...", url: "https://w1.example/", reach: [ "10.0.0.7" ] }
 *     quorum: 1                     # cosignatures that an irreversible step waits for [all]
 *     wait: 30s                     # how long
 *     without_quorum: ask           # then: ask a person, or go on with an entry that says so
 *     copies: { every: 1h, file: heads.txt, syslog: "127.0.0.1:514", mail: heads@acme.example }
 *   engine: { workers: 2, resident: 256, cpu: 250ms, wall: 2s }
 */
#pragma once

#include "action/builtin.h"
#include "advisory/publish_tree.h"
#include "api/api.h"
#include "casework/casework.h"
#include "casework/policy.h"
#include "casework/vince.h"
#include "core/buf.h"
#include "core/diag.h"
#include "core/mem.h"
#include "feed/feed.h"
#include "form/form.h"
#include "intake/intake.h"
#include "seal/sealing.h"
#include "intake/schedule.h"
#include "loop/httpc.h"
#include "mail/mail.h"

struct tsn_config {
    const char *file, *dir; /* the file read, and its directory: absolute */
    const char *listen;     /* NULL = no TCP */
    const char *socket;
    const char *organisation, *domain;
    const char *data_dir, *key_file;         /* key_file: `key`, else <data_dir>/tocsin.key */
    const char *database;                    /* <data_dir>/tocsin.db */
    const char *playbook_dir, *template_dir; /* NULL = as installed */
    const char *policy_dir;                  /* NULL = as installed */

    const struct tsn_person *people;
    const char *const *people_names; /* beside people, for lists; never NULL inside */
    size_t npeople;
    const struct tsn_rule *rules;
    size_t nrules;
    const struct tsn_schedule_config *schedules;
    size_t nschedules;
    const struct tsn_hook *hooks; /* intake/hook.h */
    size_t nhooks;
    const json_t *noise; /* rules: intake/noise.h */
    const struct tsn_feed_config *feeds;
    size_t nfeeds;
    struct tsn_decide_config decide;
    const struct tsn_plugin_config *plugins; /* dir NULL = as installed, by name */
    size_t nplugins;

    struct tsn_casework_config casework; /* prefix, products, customers */
    struct tsn_vince_config vince;
    struct tsn_publisher publisher;
    struct tsn_publish_config publish;
    const json_t *lists;         /* publish: lists:; NULL = none */
    struct tsn_mail_config mail; /* template_dir as above */
    struct tsn_mail_intake_config
        mail_intake;             /* inboxes, PGP, limits; the rest is the node's */
    struct tsn_form_config form; /* likewise; text_dir NULL = as installed */
    struct tsn_http_config http; /* reach is never NULL */
    struct tsn_proxy proxy;      /* url NULL: none */
    int64_t workers, resident, cpu_ms, wall_ms; /* 0 = the engine's default */
    const struct tsn_exec_config *exec;         /* borrowed by the actions */
    size_t nexec;
    const struct tsn_secret_use *secret_uses; /* core/secret.h */
    size_t nsecret_uses;
    const json_t *picks;
    struct tsn_sealing_config sealing; /* loop and callbacks are the node's */
    const char *copy_mail;             /* NULL = none */
};

/* *out lives in `arena`. */
tsn_err tsn_config_load(struct tsn_arena *arena, const char *path, struct tsn_config **out,
                        struct tsn_diag *diag);

/* The same for whoever only wants to know where things are: files of secrets are not opened, because they
 * are the daemon's alone. */
tsn_err tsn_config_look(struct tsn_arena *arena, const char *path, struct tsn_config **out,
                        struct tsn_diag *diag);

/* Every *.yaml of a folder in the order of names, read; dir NULL = none. */
tsn_err tsn_config_policy_files(struct tsn_arena *arena, const char *dir,
                                struct tsn_policy_file **out, size_t *n, struct tsn_diag *diag);

/* JSON for the modules and for `config show`; borrowed, never NULL. Products: [{ id, name,
 * vendor, owner?, versions: [..], components: [{ vendor, product }] }]. */
const json_t *tsn_config_products_json(const struct tsn_config *config);
/* What `pick` fields may be answered with: { "product": [ids] }. */
const json_t *tsn_config_picks_json(const struct tsn_config *config);

/* What `tocsin init` writes: commented, loads as it stands. Any member may be NULL or 0. */
struct tsn_config_init {
    const char *organisation, *domain;
    const char *listen;
    const char *data_dir; /* written as given */
    const char *person;   /* the first person: all roles; NULL = operator1 */
    const char *person_name;
    int64_t uid; /* of the first person; -1 = none */
    const char
        *edge_dir; /* where the edge plugin keeps its rules, absolute; NULL = no plugin */
    const char *edge_sha256; /* of its files; NULL = nobody has accepted it */
};
tsn_err tsn_config_default_text(struct tsn_buf *out, const struct tsn_config_init *init);
