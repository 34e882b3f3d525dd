/* config_lists.c - the lists of the configuration: people, products, customers, rules, feeds,
 * plugins, and what one of them says about another. Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "feed/source_all.h"

static void drop_json(void *p)
{
    json_decref(p);
}

/* The new item's name must not stand in an earlier one. */
static tsn_err unique(struct tsn_conf *c, const struct tsn_yaml *list,
                      const struct tsn_yaml *item, const char *key, const char *what)
{
    const struct tsn_yaml *mine = tsn_yaml_find(item, key);
    for (const struct tsn_yaml *i = list; i && i != item; i = i->next) {
        const struct tsn_yaml *other = tsn_yaml_find(i, key);
        if (other && mine && !strcmp(other->scalar, mine->scalar)) {
            tsn_yaml_fail(mine, c->diag, TSN_EDUP, "C032", "two %s are called `%s`", what,
                          mine->scalar);
            tsn_diag_hint(c->diag, "the first is in line %d: rename one of them", other->line);
            return TSN_EDUP;
        }
    }
    return 0;
}

/* --- people ------------------------------------------------------------------------------- */

static tsn_err take_roles(struct tsn_conf *c, const struct tsn_yaml *item,
                          const char *const **out)
{
    const struct tsn_yaml *role;
    size_t n, i = 0;
    tsn_err err = tsn_conf_list(c, item, "roles", true, &role, &n);
    if (err)
        return err;
    const char **roles = tsn_arena_alloc(c->arena, (n + 1) * sizeof *roles);
    for (; role; role = role->next) {
        err = tsn_conf_name_ok(c, role);
        if (err)
            return err;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(roles[k], role->scalar))
                return tsn_yaml_fail(role, c->diag, TSN_EDUP, "C032",
                                     "the role `%s` is given twice", role->scalar);
        roles[i++] = role->scalar;
    }
    *out = roles;
    return 0;
}

tsn_err tsn_conf_people(struct tsn_conf *c)
{
    static const char *const known[] = {"id", "name", "roles", "uid", "mail", "key"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "people", true, &list, &n);
    struct tsn_person *people = tsn_arena_alloc(c->arena, (n + 1) * sizeof *people);
    const char **names = tsn_arena_alloc(c->arena, (n + 1) * sizeof *names);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_person *p = &people[at];
        p->uid = -1;
        err = tsn_conf_item(c, i, "people");
        if (!err)
            err = tsn_yaml_known(i, "people", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "id", true, &p->id);
        if (!err)
            err = unique(c, list, i, "id", "people");
        names[at] = p->id;
        if (!err)
            err = tsn_conf_text(c, i, "name", false, 200, &names[at]);
        if (!err)
            err = take_roles(c, i, &p->roles);
        if (!err)
            err = tsn_yaml_int(i, "uid", false, 0, INT64_C(4294967294), &p->uid, c->diag);
        if (!err)
            err = tsn_conf_mail(c, i, "mail", false, false, &p->mail);
        if (!err)
            err = tsn_conf_name(c, i, "key", false, &p->key);
        if (!err && p->key && !p->mail)
            err = tsn_yaml_fail(tsn_yaml_find(i, "key"), c->diag, TSN_EINPUT, "C013",
                                "%s has a key and no `mail`", p->id);
        for (size_t k = 0; k < at && !err && p->uid >= 0; k++)
            if (people[k].uid == p->uid) {
                err = tsn_yaml_fail(tsn_yaml_find(i, "uid"), c->diag, TSN_EDUP, "C033",
                                    "%s and %s have the same uid", people[k].id, p->id);
                tsn_diag_hint(c->diag, "a process with this uid can be only one of them");
            }
        at++;
    }
    c->out->people = people;
    c->out->people_names = names;
    c->out->npeople = at;
    return err;
}

static tsn_err owner_exists(struct tsn_conf *c, const struct tsn_yaml *node)
{
    const char *candidates[256];
    size_t n = 0;
    for (size_t i = 0; i < c->out->npeople; i++) {
        const struct tsn_person *p = &c->out->people[i];
        if (!strcmp(p->id, node->scalar))
            return 0;
        if (n < TSN_CONF_COUNT(candidates))
            candidates[n++] = p->id;
        for (const char *const *r = p->roles; *r; r++) {
            if (!strcmp(*r, node->scalar))
                return 0;
            if (n < TSN_CONF_COUNT(candidates))
                candidates[n++] = *r;
        }
    }
    tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C031",
                  "the owner `%s` is neither a person nor a role that somebody has",
                  node->scalar);
    const char *near = tsn_suggest(node->scalar, candidates, n);
    if (near)
        tsn_diag_hint(c->diag, "did you mean `%s`?", near);
    else
        tsn_diag_hint(c->diag, "people: lists who there is, and their roles");
    return TSN_EINPUT;
}

/* --- products and customers --------------------------------------------------------------- */

static void put(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static tsn_err take_components(struct tsn_conf *c, const struct tsn_yaml *item, json_t *product)
{
    static const char *const known[] = {"vendor", "product"};
    const struct tsn_yaml *list;
    size_t n;
    tsn_err err = tsn_conf_list(c, item, "components", false, &list, &n);
    json_t *out = json_array();
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        const char *vendor = NULL, *name = NULL;
        err = tsn_conf_item(c, i, "components");
        if (!err)
            err = tsn_yaml_known(i, "components", known, 2, c->diag);
        if (!err)
            err = tsn_conf_text(c, i, "vendor", true, 200, &vendor);
        if (!err)
            err = tsn_conf_text(c, i, "product", true, 200, &name);
        json_t *o = json_object();
        put(o, "vendor", vendor);
        put(o, "product", name);
        json_array_append_new(out, o);
    }
    json_object_set_new(product, "components", out);
    return err;
}

static tsn_err take_versions(struct tsn_conf *c, const struct tsn_yaml *item, json_t *product)
{
    const struct tsn_yaml *list;
    size_t n;
    tsn_err err = tsn_conf_list(c, item, "versions", false, &list, &n);
    json_t *out = json_array();
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        /* 9.10 without quotes is a text here too: what stands in the file is what is meant. */
        if (i->type != TSN_YAML_SCALAR || !i->scalar[0] || strlen(i->scalar) > 100)
            err = tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C014", "a version is a short text");
        else
            json_array_append_new(out, json_string(i->scalar));
    }
    json_object_set_new(product, "versions", out);
    return err;
}

/* What decides how urgent a flaw in it is. */
static tsn_err take_place(struct tsn_conf *c, const struct tsn_yaml *item, json_t *product)
{
    static const char *const exposures[] = {"internet", "partner", "internal", "isolated"};
    static const char *const missions[] = {"low", "medium", "high"};
    const char *word = NULL;
    bool safety = false;
    tsn_err err = 0;
    if (tsn_yaml_find(item, "exposure"))
        err = tsn_conf_word(c, item, "exposure", exposures, TSN_CONF_COUNT(exposures), &word);
    put(product, "exposure", word);
    word = NULL;
    if (!err && tsn_yaml_find(item, "mission"))
        err = tsn_conf_word(c, item, "mission", missions, TSN_CONF_COUNT(missions), &word);
    put(product, "mission", word);
    if (!err)
        err = tsn_yaml_bool(item, "safety", false, &safety, c->diag);
    if (safety)
        json_object_set_new(product, "safety", json_true());
    return err;
}

static tsn_err take_releases(struct tsn_conf *c, const struct tsn_yaml *item, json_t *product)
{
    static const char *const known[] = {"version", "sbom", "support_ends", "installs"};
    const struct tsn_yaml *list;
    size_t n;
    tsn_err err = tsn_conf_list(c, item, "releases", false, &list, &n);
    json_t *out = json_array();
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        const char *version = NULL, *sbom = NULL, *ends = NULL;
        int64_t installs = -1;
        err = tsn_conf_item(c, i, "releases");
        if (!err)
            err = tsn_yaml_known(i, "releases", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_text(c, i, "version", true, 100, &version);
        if (!err)
            err = tsn_conf_path(c, i, "sbom", false, &sbom);
        if (!err)
            err = tsn_conf_text(c, i, "support_ends", false, 30, &ends);
        if (!err)
            err = tsn_yaml_int(i, "installs", false, 0, INT64_C(1) << 40, &installs, c->diag);
        json_t *o = json_object();
        put(o, "version", version);
        put(o, "sbom", sbom);
        put(o, "support_ends", ends);
        if (installs >= 0)
            json_object_set_new(o, "installs", json_integer(installs));
        json_array_append_new(out, o);
    }
    json_object_set_new(product, "releases", out);
    return err;
}

tsn_err tsn_conf_products(struct tsn_conf *c)
{
    static const char *const known[] = {"id",       "name",       "vendor",   "owner",
                                        "versions", "components", "exposure", "mission",
                                        "safety",   "releases"};
    const struct tsn_yaml *list;
    size_t n;
    json_t *out = json_array(), *picks = json_object(), *ids = json_array();
    tsn_arena_defer(c->arena, drop_json, out);
    tsn_arena_defer(c->arena, drop_json, picks);
    json_object_set_new(picks, "product", ids);
    c->out->casework.products = out;
    c->out->picks = picks;
    tsn_err err = tsn_conf_list(c, c->root, "products", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        const char *id = NULL, *name = NULL, *vendor = c->out->organisation, *owner = NULL;
        json_t *o = json_object();
        json_array_append_new(out, o);
        err = tsn_conf_item(c, i, "products");
        if (!err)
            err = tsn_yaml_known(i, "products", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "id", true, &id);
        if (!err)
            err = unique(c, list, i, "id", "products");
        name = id;
        if (!err)
            err = tsn_conf_text(c, i, "name", false, 200, &name);
        if (!err)
            err = tsn_conf_text(c, i, "vendor", false, 200, &vendor);
        if (!err)
            err = tsn_conf_name(c, i, "owner", false, &owner);
        if (!err && owner)
            err = owner_exists(c, tsn_yaml_find(i, "owner"));
        if (id)
            json_array_append_new(ids, json_string(id));
        put(o, "id", id);
        put(o, "name", name);
        put(o, "vendor", vendor);
        put(o, "owner", owner);
        if (!err)
            err = take_versions(c, i, o);
        if (!err)
            err = take_components(c, i, o);
        if (!err)
            err = take_place(c, i, o);
        if (!err)
            err = take_releases(c, i, o);
    }
    return err;
}

static tsn_err product_exists(struct tsn_conf *c, const struct tsn_yaml *node)
{
    const char *candidates[256];
    size_t i, n = 0;
    json_t *p;
    json_array_foreach(c->out->casework.products, i, p)
    {
        const char *id = tsn_json_str(p, "id", "");
        if (!strcmp(id, node->scalar))
            return 0;
        if (n < TSN_CONF_COUNT(candidates))
            candidates[n++] = id;
    }
    tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C031", "there is no product `%s`", node->scalar);
    const char *near = tsn_suggest(node->scalar, candidates, n);
    if (near)
        tsn_diag_hint(c->diag, "did you mean `%s`?", near);
    else
        tsn_diag_hint(c->diag, "customers name products by their id");
    return TSN_EINPUT;
}

tsn_err tsn_conf_customers(struct tsn_conf *c)
{
    static const char *const known[] = {"name",     "mail", "products", "country",
                                        "contract", "key",  "attach",   "language"};
    const struct tsn_yaml *list;
    size_t n;
    json_t *out = json_array();
    tsn_arena_defer(c->arena, drop_json, out);
    c->out->casework.customers = out;
    tsn_err err = tsn_conf_list(c, c->root, "customers", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        const char *name = NULL, *mail = NULL;
        const struct tsn_yaml *product = NULL;
        json_t *o = json_object(), *ids = json_array();
        json_array_append_new(out, o);
        json_object_set_new(o, "products", ids);
        err = tsn_conf_item(c, i, "customers");
        if (!err)
            err = tsn_yaml_known(i, "customers", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_text(c, i, "name", true, 200, &name);
        if (!err)
            err = unique(c, list, i, "name", "customers");
        if (!err)
            err = tsn_conf_mail(c, i, "mail", true, false, &mail);
        if (!err)
            err = tsn_conf_list(c, i, "products", true, &product, &n);
        for (; product && !err; product = product->next) {
            err = tsn_conf_name_ok(c, product);
            if (!err)
                err = product_exists(c, product);
            if (!err)
                json_array_append_new(ids, json_string(product->scalar));
        }
        const char *country = NULL, *contract = NULL, *key = NULL, *language = NULL;
        if (!err)
            err = tsn_conf_name(c, i, "country", false, &country);
        if (!err)
            err = tsn_conf_name(c, i, "contract", false, &contract);
        if (!err)
            err = tsn_conf_name(c, i, "key", false, &key);
        if (!err)
            err = tsn_conf_name(c, i, "language", false, &language);
        if (!err && tsn_yaml_find(i, "attach"))
            err = tsn_conf_words(c, i, "attach", o);
        if (!err)
            err = tsn_conf_forms(c, i, o);
        put(o, "language", language);
        put(o, "name", name);
        put(o, "mail", mail);
        put(o, "country", country);
        put(o, "contract", contract);
        put(o, "key", key);
    }
    return err;
}

/* --- rules -------------------------------------------------------------------------------- */

static tsn_err take_when(struct tsn_conf *c, const struct tsn_yaml *item,
                         const char *const **out)
{
    const struct tsn_yaml *when = tsn_yaml_find(item, "when");
    size_t n = 0, at = 0;
    if (when && when->type != TSN_YAML_MAP)
        return tsn_yaml_fail(when, c->diag, TSN_EINPUT, "C014",
                             "`when` must be a group of field: value");
    for (const struct tsn_yaml *i = when ? when->first : NULL; i; i = i->next)
        n++;
    const char **pairs = tsn_arena_alloc(c->arena, (2 * n + 1) * sizeof *pairs);
    for (const struct tsn_yaml *i = when ? when->first : NULL; i; i = i->next) {
        if (i->type != TSN_YAML_SCALAR || !i->scalar[0])
            return tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C014",
                                 "`%s` is compared with one value", i->key);
        pairs[at++] = i->key;
        pairs[at++] = i->scalar;
    }
    *out = pairs;
    return 0;
}

tsn_err tsn_conf_rules(struct tsn_conf *c)
{
    static const char *const known[] = {"on", "when", "run"};
    static const char *const events[] = {
        "report.accepted", "advisory.matched", "advisory.digest", "clock.warned",
        "clock.missed",    "embargo.ended",    "case.exploited",  "schedule.due",
        "hook.received",   "report.told"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "rules", false, &list, &n);
    struct tsn_rule *rules = tsn_arena_alloc(c->arena, (n + 1) * sizeof *rules);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_rule *rule = &rules[at];
        size_t same = 0;
        err = tsn_conf_item(c, i, "rules");
        if (!err)
            err = tsn_yaml_known(i, "rules", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_word(c, i, "on", events, TSN_CONF_COUNT(events), &rule->on);
        if (!err)
            err = take_when(c, i, &rule->when);
        if (!err)
            err = tsn_conf_name(c, i, "run", true, &rule->run);
        for (size_t k = 0; k <= at && !err; k++)
            same += !strcmp(rules[k].on, rule->on);
        if (!err && same > TSN_RULES_MAX)
            err = tsn_yaml_fail(
                i, c->diag, TSN_ETOOBIG, "C043",
                "more than %d rules for %s: one event starts at most as many runs",
                TSN_RULES_MAX, rule->on);
        at++;
    }
    c->out->rules = rules;
    c->out->nrules = at;
    return err;
}

/* --- feeds and plugins -------------------------------------------------------------------- */

/* The armored keys themselves: what the configuration says is complete. */
static tsn_err feed_keys(struct tsn_conf *c, const struct tsn_yaml *i,
                         struct tsn_feed_config *f)
{
    struct tsn_buf b;
    const char *path = NULL;
    tsn_err err = tsn_conf_path(c, i, "keys", false, &path);
    if (err || !path)
        return err;
    tsn_buf_init(&b, 1u << 20);
    err = tsn_buf_read_file(&b, path);
    if (err)
        err = tsn_yaml_fail(tsn_yaml_find(i, "keys"), c->diag, err, "C036",
                            "the keys in `%.200s` cannot be read: %s", path, tsn_err_text(err));
    else
        f->keys = tsn_arena_strndup(c->arena, b.len ? b.data : "", b.len);
    tsn_buf_free(&b);
    return err;
}

static tsn_err feed_need(struct tsn_conf *c, const struct tsn_yaml *i, const char *key,
                         bool *out)
{
    static const char *const words[] = {"required", "optional"};
    const char *word = NULL;
    if (!tsn_yaml_find(i, key))
        return 0;
    tsn_err err = tsn_conf_word(c, i, key, words, TSN_CONF_COUNT(words), &word);
    *out = word && strcmp(word, "required") == 0;
    return err;
}

static tsn_err feed_where(struct tsn_conf *c, const struct tsn_yaml *i,
                          struct tsn_feed_config *f)
{
    const struct tsn_source *source = tsn_source_find(f->kind);
    const struct tsn_yaml *domain = tsn_yaml_find(i, "domain");
    bool csaf = source == &tsn_source_csaf;
    if (domain && csaf) {
        if (tsn_yaml_find(i, "url"))
            return tsn_yaml_fail(domain, c->diag, TSN_EINPUT, "C036",
                                 "a feed has `url` or `domain`, not both");
        return tsn_conf_text(c, i, "domain", true, 300, &f->domain);
    }
    if (source == &tsn_source_exec) {
        size_t n = 0;
        tsn_err err = tsn_yaml_strs(c->arena, i, "command", true, &f->command, &n, c->diag);
        return err || (n && f->command[0][0] == '/')
                   ? err
                   : tsn_yaml_fail(tsn_yaml_find(i, "command"), c->diag, TSN_EINPUT, "C036",
                                   "`command` begins with the absolute path of a program");
    }
    if (source && source->local) {
        const char *path = NULL;
        tsn_err err = tsn_conf_path(c, i, "path", true, &path);
        const char *said = NULL;
        (void)tsn_yaml_str(i, "path", false, &said, NULL);
        size_t len = said ? strlen(said) : 0;
        /* The folder's slash says that it is one. */
        bool slash = path && len && (said[len - 1] == '/' || source == &tsn_source_maildir) &&
                     path[strlen(path) - 1] != '/';
        f->url = path ? tsn_arena_printf(c->arena, "%s://%s%s", f->kind, path, slash ? "/" : "")
                      : NULL;
        return err;
    }
    /* A CSAF list in JSON says itself what it is; anything else is the folder of changes.csv. */
    const char *url = NULL;
    (void)tsn_yaml_str(i, "url", false, &url, NULL);
    size_t n = url ? strlen(url) : 0;
    bool json = n > 5 && strcmp(url + n - 5, ".json") == 0;
    bool folder = (source && source->folder) || (csaf && !json);
    return tsn_conf_url(c, i, "url", true, folder ? TSN_URL_FOLDER : TSN_URL_WEB, &f->url);
}

/* A client of an interface that knows its clients. */
static tsn_err feed_client(struct tsn_conf *c, const struct tsn_yaml *i,
                           struct tsn_feed_config *f)
{
    const struct tsn_source *source = tsn_source_find(f->kind);
    bool need = source && source->secret;
    tsn_err err = tsn_conf_text(c, i, "client_id", need, 200, &f->client_id);
    if (!err)
        err = tsn_conf_secret(c, i, "secret", "secret_file", need, &f->secret);
    if (!err && tsn_yaml_find(i, "token_url"))
        err = tsn_conf_url(c, i, "token_url", true, TSN_URL_WEB, &f->token_url);
    return err;
}

/* How hard its host may be asked, and what is to be expected of it. */
static tsn_err feed_pace(struct tsn_conf *c, const struct tsn_yaml *i,
                         struct tsn_feed_config *f)
{
    static const char *const known[] = {"news_within", "at_most_a_day"};
    const struct tsn_yaml *e = tsn_yaml_find(i, "expect");
    tsn_err err = tsn_yaml_int(i, "connections", false, 1, 16, &f->connections, c->diag);
    if (!err)
        err = tsn_yaml_int(i, "rate", false, 1, 1000, &f->rate, c->diag);
    if (!err && e)
        err = tsn_yaml_known(e, "feeds.expect", known, TSN_CONF_COUNT(known), c->diag);
    if (!err && e)
        err = tsn_conf_duration(c, e, "news_within", false, 1000, INT64_C(400) * 86400 * 1000,
                                &f->expect.news_within_ms);
    if (!err && e)
        err = tsn_yaml_int(e, "at_most_a_day", false, 1, 10000000, &f->expect.at_most_a_day,
                           c->diag);
    return err;
}

tsn_err tsn_conf_feeds(struct tsn_conf *c)
{
    static const char *const known[] = {
        "name",     "kind",      "url",       "domain",      "every",      "reach",
        "parallel", "hash",      "signature", "keys",        "speaks_for", "archive",
        "path",     "client_id", "secret",    "secret_file", "token_url",  "connections",
        "rate",     "expect",    "trust",     "bootstrap",   "command",    "reconcile"};
    static const char *const trusts[] = {"vendor", "coordinator", "enrichment", "hint"};
    static const char *const firsts[] = {"run", "silent"};
    const struct tsn_yaml *list;
    size_t n, at = 0, nkinds = 0, many;
    while (tsn_source_kinds[nkinds])
        nkinds++;
    tsn_err err = tsn_conf_list(c, c->root, "feeds", false, &list, &n);
    struct tsn_feed_config *feeds = tsn_arena_alloc(c->arena, (n + 1) * sizeof *feeds);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_feed_config *f = &feeds[at++];
        err = tsn_conf_item(c, i, "feeds");
        if (!err)
            err = tsn_yaml_known(i, "feeds", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &f->name);
        if (!err)
            err = unique(c, list, i, "name", "feeds");
        if (!err)
            err = tsn_conf_word(c, i, "kind", tsn_source_kinds, nkinds, &f->kind);
        if (!err)
            err = feed_where(c, i, f);
        if (!err && tsn_yaml_find(i, "archive"))
            err = tsn_conf_url(c, i, "archive", true, TSN_URL_WEB, &f->archive);
        if (!err)
            err = tsn_conf_duration(c, i, "every", true, 1000, INT64_C(30) * 86400 * 1000,
                                    &f->every_ms);
        f->reconcile_ms = TSN_FEED_RECONCILE_MS;
        if (!err)
            err = tsn_conf_duration(c, i, "reconcile", false, 0, INT64_C(400) * 86400 * 1000,
                                    &f->reconcile_ms);
        if (!err)
            err = tsn_conf_reach(c, i, "reach", &f->reach);
        if (!err)
            err = tsn_yaml_int(i, "parallel", false, 1, 16, &f->parallel, c->diag);
        if (!err)
            err = feed_client(c, i, f);
        if (!err)
            err = feed_pace(c, i, f);
        if (!err)
            err = feed_need(c, i, "hash", &f->need_hash);
        if (!err)
            err = feed_need(c, i, "signature", &f->need_signature);
        if (!err)
            err = feed_keys(c, i, f);
        if (!err && tsn_yaml_find(i, "speaks_for"))
            err =
                tsn_yaml_strs(c->arena, i, "speaks_for", true, &f->speaks_for, &many, c->diag);
        if (!err && tsn_yaml_find(i, "trust"))
            err = tsn_conf_word(c, i, "trust", trusts, TSN_CONF_COUNT(trusts), &f->trust);
        const char *first = NULL;
        if (!err && tsn_yaml_find(i, "bootstrap"))
            err = tsn_conf_word(c, i, "bootstrap", firsts, TSN_CONF_COUNT(firsts), &first);
        f->silent = first && strcmp(first, "silent") == 0;
        if (!err && f->need_signature && !f->keys) {
            tsn_diag_hint(c->diag, "keys: keys/acme.asc");
            err = tsn_yaml_fail(tsn_yaml_find(i, "signature"), c->diag, TSN_EINPUT, "C036",
                                "signatures are required and no `keys` are named");
        }
    }
    c->out->feeds = feeds;
    c->out->nfeeds = at;
    return err;
}

tsn_err tsn_conf_plugins(struct tsn_conf *c)
{
    static const char *const known[] = {"name", "dir", "settings", "sha256", "internal"};
    static const char *const taken[] = {"mail",   "http",  "exec",    "case",
                                        "report", "clock", "advisory"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "plugins", false, &list, &n);
    struct tsn_plugin_config *plugins = tsn_arena_alloc(c->arena, (n + 1) * sizeof *plugins);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_plugin_config *p = &plugins[at++];
        err = tsn_conf_item(c, i, "plugins");
        if (!err)
            err = tsn_yaml_known(i, "plugins", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &p->name);
        for (size_t k = 0; k < TSN_CONF_COUNT(taken) && !err; k++)
            if (!strcmp(p->name, taken[k]))
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EINPUT, "C030",
                                    "`%s` is built in: a plugin needs another name", p->name);
        if (!err)
            err = unique(c, list, i, "name", "plugins");
        if (!err)
            err = tsn_conf_path(c, i, "dir", false, &p->dir);
        if (!err)
            err = tsn_conf_text(c, i, "sha256", false, 64, &p->sha256);
        if (!err)
            err = tsn_yaml_bool(i, "internal", false, &p->internal, c->diag);
        if (!err && p->sha256 &&
            (strlen(p->sha256) != 64 || p->sha256[strspn(p->sha256, "0123456789abcdef")])) {
            tsn_diag_hint(c->diag, "tocsin plugin accept %s writes it", p->name);
            err = tsn_yaml_fail(tsn_yaml_find(i, "sha256"), c->diag, TSN_EINPUT, "C014",
                                "`sha256` is not 64 hex digits in lower case");
        }
        if (err)
            break;
        const struct tsn_yaml *settings = tsn_yaml_find(i, "settings");
        if (settings && settings->type != TSN_YAML_MAP) {
            err = tsn_yaml_fail(settings, c->diag, TSN_EINPUT, "C014",
                                "`settings` must be a group of settings");
            break;
        }
        if (settings)
            err = tsn_conf_handles(c, settings);
        if (err)
            break;
        json_t *json = settings ? tsn_conf_json(settings) : json_object();
        char *text = tsn_json_text(json);
        p->settings = tsn_arena_strdup(c->arena, text);
        free(text);
        json_decref(json);
    }
    c->out->plugins = plugins;
    c->out->nplugins = at;
    return err;
}
