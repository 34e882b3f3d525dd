/* node_parts.c - how each part of the daemon is opened: actions, engine, API, feeds, mail, clocks.
 * Owns nothing: the node does. Loop thread. */
#include "advisory/advisory_life.h"
#include "advisory/publisher.h"
#include "cli/node_int.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "store/record_system.h"
#include "core/text.h"

/* Feeds may start runs, so they begin only when playbooks are known and recovery is over. */
static tsn_err on_clock_event(void *user, struct tsn_store *st, struct tsn_arena *arena,
                              const char *case_id, const char *kind, const char *dedupe,
                              const json_t *body, int64_t now_ms, json_t *runs,
                              struct tsn_diag *diag)
{
    struct node *n = user;
    return tsn_intake_case_event(n->intake, st, arena, case_id, kind, "clock", dedupe, body,
                                 now_ms, runs, diag);
}

static void on_clock_told(const json_t *runs, void *user)
{
    size_t i;
    json_t *id;
    json_array_foreach(runs, i, id)
        tsn_engine_wake(((struct node *)user)->engine, json_string_value(id));
}

/* Clocks that ran out while we were down are told at once, when rules can start playbooks. */
tsn_err tsn_node_open_ticks(struct node *n)
{
    const struct tsn_clock_tick_config tc = {.loop = n->loop,
                                             .reader = n->reader,
                                             .writer = n->writer,
                                             .casework = &n->casework,
                                             .event = on_clock_event,
                                             .told = on_clock_told,
                                             .user = n};
    return tsn_clock_tick_open(&n->tick, &tc);
}

tsn_err tsn_node_open_feeds(struct node *n, struct tsn_diag *diag)
{
    const struct tsn_feeds_config fc = {.loop = n->loop,
                                        .httpc = n->httpc,
                                        .writer = n->writer,
                                        .reader = n->reader,
                                        .engine = n->engine,
                                        .intake = n->intake,
                                        .dir = n->config->data_dir,
                                        .products = tsn_config_products_json(n->config),
                                        .feeds = n->config->feeds,
                                        .nfeeds = n->config->nfeeds,
                                        .decide = n->config->decide};
    tsn_err err = tsn_feeds_open(&n->feeds, &fc, diag);
    if (err)
        return err;
    tsn_api_set_feeds(n->api, n->feeds);
    const struct tsn_schedules_config sc = {.loop = n->loop,
                                            .writer = n->writer,
                                            .engine = n->engine,
                                            .intake = n->intake,
                                            .list = n->config->schedules,
                                            .n = n->config->nschedules};
    return tsn_schedules_open(&n->schedules, &sc);
}

tsn_err tsn_node_open_mail(struct node *n, struct tsn_diag *diag)
{
    struct tsn_mail_intake_config mc = n->config->mail_intake;
    const json_t *products = tsn_config_products_json(n->config), *one;
    const char **names =
        tsn_arena_alloc(n->arena, (json_array_size(products) + 1) * sizeof(*names));
    size_t i;
    json_array_foreach(products, i, one) names[i] = tsn_json_str(one, "name", "");
    if (mkdir(mc.gnupghome, 0700) != 0 && errno != EEXIST)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "S024", "%s: %s", mc.gnupghome,
                            strerror(errno));
    mc.loop = n->loop;
    mc.writer = n->writer;
    mc.reader = n->reader;
    mc.engine = n->engine;
    mc.intake = n->intake;
    mc.casework = &n->casework;
    mc.case_prefix = n->config->casework.case_prefix;
    mc.domain = strchr(n->config->mail.from, '@')
                    ? tsn_arena_strndup(n->arena, strchr(n->config->mail.from, '@') + 1,
                                        strcspn(strchr(n->config->mail.from, '@') + 1, ">"))
                    : "localhost";
    mc.reference_key = n->reference_key;
    mc.products = names;
    tsn_err err = tsn_mail_open(&n->mail, &mc, diag);
    const struct tsn_keys_config kc = {.loop = n->loop,
                                       .writer = n->writer,
                                       .gnupghome = mc.gnupghome,
                                       .our_fpr = mc.our_fpr,
                                       .uid = n->config->mail.from,
                                       .publish_dir = n->config->publish.dir};
    if (!err)
        err = tsn_keys_open(&n->keys, &kc);
    if (!err)
        tsn_api_set_mail(n->api, n->mail, n->keys);
    return err;
}

tsn_err tsn_node_open_form(struct node *n, struct tsn_diag *diag)
{
    struct tsn_form_config fc = n->config->form;
    if (!fc.listen)
        return 0;
    fc.loop = n->loop;
    fc.writer = n->writer;
    fc.reader = n->reader;
    fc.engine = n->engine;
    fc.intake = n->intake;
    fc.casework = &n->casework;
    fc.publish_dir = n->config->publish.dir;
    if (!fc.text_dir && !n->in->shared_templates)
        return tsn_diag_set(
            diag, TSN_ENOTFOUND, "S051",
            "the form's texts are not installed, and `form: texts:` names none");
    if (!fc.text_dir)
        fc.text_dir = tsn_arena_printf(n->arena, "%s/form", n->in->shared_templates);
    return tsn_form_open(&n->form, &fc, diag);
}

/* Which plugin runs, and from which files. */
struct loaded_op {
    struct tsn_op op;
    const char *note;
    bool refused;
};

static tsn_err apply_loaded(struct tsn_op *op, struct tsn_store *st)
{
    struct loaded_op *l = (struct loaded_op *)op;
    struct tsn_append in = TSN_APPEND_INIT;
    const struct tsn_field field = {"note", l->note, strlen(l->note)};
    in.kind = l->refused ? "plugin.refused" : "plugin.loaded";
    in.actor = "svc:core";
    in.outcome = l->refused ? "denied" : "ok";
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(st, &in, NULL);
}

void tsn_node_plugin_loaded(void *node, const struct tsn_plugin_loaded *what)
{
    struct node *n = node;
    struct loaded_op *l = tsn_op_new(sizeof(*l), apply_loaded, tsn_op_destroy, NULL);
    l->refused = what->refused != NULL;
    l->note = tsn_arena_printf(l->op.arena, "%s %s sha256:%s %s", what->name, what->version,
                               what->digest, what->refused ? what->refused : "accepted");
    if (tsn_writer_submit(n->writer, &l->op, TSN_LANE_RUNS))
        tsn_op_destroy(&l->op);
}

static tsn_err open_plugins(struct node *n, struct tsn_diag *diag)
{
    tsn_err err = tsn_plugins_open(&n->plugins, n->loop, n->registry, diag);
    for (size_t i = 0; !err && i < n->config->nplugins; i++) {
        struct tsn_plugin_config p = n->config->plugins[i];
        if (!p.dir && !n->in->shared_plugins)
            return tsn_diag_set(diag, TSN_ENOTFOUND, "S026",
                                "plugin %s: no `dir`, and no plugins are installed", p.name);
        if (!p.dir)
            p.dir = tsn_arena_printf(n->arena, "%s/%s", n->in->shared_plugins, p.name);
        err = tsn_plugin_add(n->plugins, &p, diag);
    }
    return err;
}

/* Known to whoever has the store's key, and to nobody else. */
static bool read_reference_key(struct node *n)
{
    static const char use[] = "tocsin mail reference v1";
    struct tsn_buf key;
    bool good;
    tsn_buf_init(&key, 4096);
    good = tsn_buf_read_file(&key, n->config->key_file) == 0 && key.len > 0;
    if (good) {
        tsn_hmac_sha256(n->reference_key, key.data, key.len, use, sizeof(use) - 1);
        tsn_wipe(key.data, key.len);
    }
    tsn_buf_free(&key);
    return good;
}

/* The values that `tocsin secret set` brought; a file of the configuration goes first. */
static tsn_err read_secrets(struct node *n)
{
    const struct tsn_list how = {.limit = 10000};
    struct tsn_arena *a = tsn_arena_new();
    const struct tsn_rec_secret *rows;
    void *list;
    size_t many;
    tsn_err err = tsn_store_list(n->store, a, &tsn_table_secret, &how, &list, &many);
    rows = list;
    for (size_t i = 0; !err && i < many; i++) {
        const char *handle = tsn_arena_printf(a, "secret:%s", rows[i].name);
        if (rows[i].value && !tsn_secret_get(handle, NULL))
            (void)tsn_secret_put(handle, rows[i].value, strlen(rows[i].value));
        if (rows[i].value)
            tsn_wipe((char *)(uintptr_t)rows[i].value, strlen(rows[i].value));
    }
    tsn_arena_destroy(a);
    for (size_t i = 0; i < n->config->nsecret_uses; i++) {
        const struct tsn_secret_use *u = &n->config->secret_uses[i];
        if (!tsn_secret_get(u->handle, NULL))
            tsn_log(TSN_LOG_WARN, "secret.missing", "code", "K001", "secret", u->handle, "used",
                    u->where, NULL);
    }
    return err;
}

/* Everything that a step may call, before the engine starts one. */
tsn_err tsn_node_open_actions(struct node *n, struct tsn_diag *diag)
{
    tsn_err err = read_secrets(n);
    if (!err)
        err = tsn_httpc_open(&n->httpc, n->loop);
    if (!err)
        tsn_httpc_proxy(n->httpc, &n->config->proxy);
    if (!err)
        err = tsn_registry_open(&n->registry);
    if (!err)
        err = tsn_action_http_register(n->registry, n->httpc, &n->config->http);
    if (!err) {
        struct tsn_mail_config mail = n->config->mail;
        if (read_reference_key(n))
            mail.reference_key = n->reference_key;
        if (!mail.template_dir)
            mail.template_dir = n->in->shared_templates;
        err = tsn_action_mail_register(n->registry, n->loop, n->httpc, &mail);
    }
    for (size_t i = 0; !err && i < n->config->nexec; i++)
        err = tsn_action_exec_register(n->registry, n->loop, &n->config->exec[i], diag);
    if (!err)
        err = open_plugins(n, diag);
    if (!err)
        err = tsn_casework_register(n->registry, &n->casework);
    if (!err)
        tsn_registry_set_gate(n->registry, tsn_access_gate, &n->casework);
    if (!err)
        tsn_registry_set_rule(n->registry, tsn_plan_rule, &n->casework);
    if (!err)
        err = tsn_vince_register(n->registry, n->httpc, &n->config->vince);
    if (!err)
        err = tsn_advisory_register(n->registry, &n->config->publisher,
                                    tsn_config_products_json(n->config));
    tsn_advisory_env.casework = &n->casework;
    tsn_advisory_env.lists = n->config->lists;
    tsn_advisory_env.cve = tsn_registry_find(n->registry, "cve.publish") != NULL;
    return err;
}

static const struct tsn_calendar *calendar_of(void *user, const char *name)
{
    const struct node *n = user;

    return tsn_policies_calendar(tsn_policies_now(n->policies), name);
}

static tsn_err sees(void *user, struct tsn_store *st, struct tsn_arena *arena,
                    const char *case_id, const struct tsn_person *who, bool *out)
{
    const struct tsn_viewer viewer = {.person = who->id, .roles = who->roles};
    struct tsn_rec_case c;
    bool closed;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id ? case_id : "", &c);

    *out = false;
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    return tsn_access_sees(st, arena, user, &viewer, &c, out, &closed);
}

tsn_err tsn_node_open_engine(struct node *n, struct tsn_diag *diag)
{
    const char *dir =
        n->config->playbook_dir ? n->config->playbook_dir : n->in->shared_playbooks;
    if (!dir)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "S026",
                            "no playbooks are installed, and `playbooks: dir:` names none");
    const struct tsn_engine_config ec = {
        .loop = n->loop,
        .writer = n->writer,
        .reader = n->reader,
        .registry = n->registry,
        .picks = tsn_config_picks_json(n->config),
        .calendar = calendar_of,
        .calendar_user = n,
        .people = n->config->people,
        .npeople = n->config->npeople,
        .sees = sees,
        .sees_user = &n->casework,
        .sealing = n->sealing,
        .marks = tsn_arena_printf(n->arena, "%s/marks", n->config->data_dir),
        .playbook_dir = dir,
        .workers = (int)n->config->workers,
        .resident = (size_t)n->config->resident,
        .cpu_ms = n->config->cpu_ms,
        .wall_ms = n->config->wall_ms};
    tsn_err err = tsn_engine_open(&n->engine, &ec, tsn_node_engine_ready, n, diag);
    if (err)
        return err;
    const struct tsn_intake_config ic = {.engine = n->engine,
                                         .writer = n->writer,
                                         .casework = &n->casework,
                                         .rules = n->config->rules,
                                         .nrules = n->config->nrules,
                                         .noise = n->config->noise};
    return tsn_intake_open(&n->intake, &ic);
}

tsn_err tsn_node_open_outside(struct node *n, struct tsn_diag *diag)
{
    const struct tsn_house_config hc = {.loop = n->loop,
                                        .writer = n->writer,
                                        .reader = n->reader,
                                        .engine = n->engine,
                                        .publish = &n->config->publish,
                                        .publisher = &n->config->publisher};
    tsn_err err = tsn_house_open(&n->house, &hc, diag);
    if (err)
        return err;
    const struct tsn_api_config ac = {.loop = n->loop,
                                      .sealing = n->sealing,
                                      .new_epoch = tsn_node_new_epoch,
                                      .node = n,
                                      .writer = n->writer,
                                      .reader = n->reader,
                                      .log_reader = n->log_reader,
                                      .engine = n->engine,
                                      .registry = n->registry,
                                      .intake = n->intake,
                                      .casework = &n->casework,
                                      .people = n->config->people,
                                      .hooks = n->config->hooks,
                                      .nhooks = n->config->nhooks,
                                      .npeople = n->config->npeople,
                                      .secret_uses = n->config->secret_uses,
                                      .nsecret_uses = n->config->nsecret_uses,
                                      .listen = n->config->listen,
                                      .unix_path = n->config->socket,
                                      .house = n->house,
                                      .publish_dir = n->config->publish.dir,
                                      .version = TOCSIN_VERSION};
    return tsn_api_open(&n->api, &ac, diag);
}
