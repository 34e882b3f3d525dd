/* config_decide.c - `decisions:` of the configuration: how soon, how many, and by which rules a difference
 * in our matches starts something. Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"

#define LUA_MOST ((size_t)256 << 10)

static void drop_json(void *p)
{
    json_decref(p);
}

static tsn_err part(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                    const char *const *known, size_t n, const struct tsn_yaml **out)
{
    *out = tsn_yaml_find(map, key);
    if (*out && (*out)->type != TSN_YAML_MAP)
        return tsn_yaml_fail(*out, c->diag, TSN_EINPUT, "C014", "`%s` must be a group", key);
    return *out ? tsn_yaml_known(*out, key, known, n, c->diag) : 0;
}

/* A scalar or a list of them; as texts, because rules compare what stands there. */
static tsn_err values_of(struct tsn_conf *c, const struct tsn_yaml *node, json_t *when)
{
    json_t *list = json_array();
    if (node->type == TSN_YAML_SCALAR)
        json_array_append_new(list, json_string(node->scalar));
    for (const struct tsn_yaml *i = node->type == TSN_YAML_LIST ? node->first : NULL; i;
         i = i->next)
        json_array_append_new(list, json_string(i->type == TSN_YAML_SCALAR ? i->scalar : ""));
    json_object_set_new(when, node->key, list);
    size_t k;
    json_t *v;
    json_array_foreach(list, k, v) if (!json_string_length(v)) return tsn_yaml_fail(
        node, c->diag, TSN_EINPUT, "C014", "`%s` is compared with a value or a list of them",
        node->key);
    return json_array_size(list) ? 0
                                 : tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C014",
                                                 "`%s` is compared with nothing", node->key);
}

static tsn_err take_when(struct tsn_conf *c, const struct tsn_yaml *item, json_t *rule)
{
    const struct tsn_yaml *when = tsn_yaml_find(item, "when");
    json_t *out = json_object();
    json_object_set_new(rule, "when", out);
    if (when && when->type != TSN_YAML_MAP)
        return tsn_yaml_fail(when, c->diag, TSN_EINPUT, "C014",
                             "`when` must be a group of field: value");
    for (const struct tsn_yaml *i = when ? when->first : NULL; i; i = i->next) {
        tsn_err err = values_of(c, i, out);
        if (err)
            return err;
    }
    const char *bad = tsn_decide_when_bad(out);
    if (!bad)
        return 0;
    tsn_yaml_fail(tsn_yaml_find(when, bad), c->diag, TSN_EINPUT, "C031",
                  "a decision has no input `%.60s`", bad);
    tsn_diag_hint(c->diag, "docs/feeds.md lists them");
    return TSN_EINPUT;
}

static tsn_err take_rule(struct tsn_conf *c, const struct tsn_yaml *item, bool has_lua,
                         json_t *rules)
{
    static const char *const known[] = {"name", "when", "lua", "verdict", "reason", "budget"};
    static const char *const verdicts[] = {"run", "hold", "digest", "ignore"};
    static const char *const limits[] = {"burst", "per_hour"};
    const struct tsn_yaml *budget = NULL;
    const char *name = NULL, *verdict = NULL, *reason = NULL, *lua = NULL;
    int64_t burst = 0, per_hour = 0;
    json_t *rule = json_object();
    json_array_append_new(rules, rule);
    tsn_err err = tsn_conf_item(c, item, "rules");
    if (!err)
        err = tsn_yaml_known(item, "rules", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_name(c, item, "name", true, &name);
    if (!err)
        err = take_when(c, item, rule);
    if (!err)
        err = tsn_conf_word(c, item, "verdict", verdicts, TSN_CONF_COUNT(verdicts), &verdict);
    if (!err)
        err = tsn_conf_text(c, item, "reason", false, 300, &reason);
    if (!err)
        err = tsn_conf_name(c, item, "lua", false, &lua);
    if (!err && lua && !has_lua)
        err = tsn_yaml_fail(tsn_yaml_find(item, "lua"), c->diag, TSN_EINPUT, "C031",
                            "`lua` names a function, and `decisions` has no `lua:` file");
    if (!err)
        err = part(c, item, "budget", limits, 2, &budget);
    if (!err && budget)
        err = tsn_yaml_int(budget, "burst", true, 1, 100000, &burst, c->diag);
    if (!err && budget)
        err = tsn_yaml_int(budget, "per_hour", true, 1, 100000, &per_hour, c->diag);
    if (err)
        return err;
    json_object_set_new(rule, "name", json_string(name));
    json_object_set_new(rule, "verdict", json_string(verdict));
    if (lua)
        json_object_set_new(rule, "lua", json_string(lua));
    if (reason)
        json_object_set_new(rule, "reason", json_string(reason));
    if (budget) {
        json_object_set_new(rule, "burst", json_integer(burst));
        json_object_set_new(rule, "per_hour", json_integer(per_hour));
    }
    return 0;
}

static tsn_err take_slow(struct tsn_conf *c, const struct tsn_yaml *map,
                         struct tsn_decide_config *d)
{
    static const char *const limits[] = {"burst", "per_hour"};
    static const char *const storms[] = {"per_hour", "factor"};
    const int64_t hour = 3600000;
    const struct tsn_yaml *budget = NULL, *storm = NULL;
    tsn_err err = tsn_conf_duration(c, map, "quiet", false, 0, 24 * hour, &d->quiet_ms);
    d->quiet_max_ms = 6 * d->quiet_ms;
    if (!err)
        err = tsn_conf_duration(c, map, "quiet_max", false, 0, 168 * hour, &d->quiet_max_ms);
    if (!err)
        err = tsn_conf_duration(c, map, "digest", false, 1000, 30 * 24 * hour, &d->group_ms);
    if (!err)
        err = part(c, map, "budget", limits, 2, &budget);
    if (!err && budget)
        err = tsn_yaml_int(budget, "burst", true, 1, 100000, &d->burst, c->diag);
    if (!err && budget)
        err = tsn_yaml_int(budget, "per_hour", true, 0, 100000, &d->per_hour, c->diag);
    if (!err)
        err = part(c, map, "storm", storms, 2, &storm);
    if (!err && storm)
        err = tsn_yaml_int(storm, "per_hour", true, 0, 1000000, &d->storm_per_hour, c->diag);
    if (!err && storm)
        err = tsn_yaml_int(storm, "factor", false, 1, 1000, &d->storm_factor, c->diag);
    return err;
}

/* The file of predicates, as it is now: what a decision was made by is known by its hash. */
static tsn_err take_lua(struct tsn_conf *c, const struct tsn_yaml *map,
                        struct tsn_decide_config *d)
{
    const struct tsn_yaml *node = tsn_yaml_find(map, "lua");
    const char *path = NULL, *slash;
    uint8_t hash[TSN_HASH_LEN];
    char *hex;
    struct tsn_buf b;
    tsn_err err = tsn_conf_path(c, map, "lua", false, &path);
    if (err || !path)
        return err;
    tsn_buf_init(&b, LUA_MOST);
    if (tsn_buf_read_file(&b, path) != 0 || !tsn_utf8_valid(b.data, b.len)) {
        err = tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C031",
                            "%s cannot be read, is no text, or is larger than 256 KiB", path);
    } else {
        slash = strrchr(path, '/');
        d->lua_name = slash ? slash + 1 : path;
        d->lua = tsn_arena_strndup(c->arena, b.data, b.len);
        tsn_sha256_once(hash, b.data, b.len);
        hex = tsn_arena_alloc(c->arena, 2 * TSN_HASH_LEN + 1);
        tsn_hex(hex, hash, sizeof hash);
        d->lua_sha256 = hex;
    }
    tsn_buf_free(&b);
    return err;
}

tsn_err tsn_conf_decisions(struct tsn_conf *c)
{
    static const char *const known[] = {"priority", "quiet",  "quiet_max", "budget",
                                        "storm",    "digest", "lua",       "rules"};
    static const char *const tables[] = {"bod-26-04", "supplier", "deployer", "cisa"};
    struct tsn_decide_config *d = &c->out->decide;
    const struct tsn_yaml *map, *list = NULL;
    size_t n;
    json_t *rules = json_array();
    tsn_arena_defer(c->arena, drop_json, rules);
    *d = (struct tsn_decide_config){.burst = 20,
                                    .per_hour = 60,
                                    .storm_per_hour = 200,
                                    .storm_factor = 10,
                                    .group_ms = 86400000,
                                    .rules = rules};
    tsn_err err = tsn_conf_map(c, "decisions", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "decisions", known, TSN_CONF_COUNT(known), c->diag);
    if (!err && tsn_yaml_find(map, "priority"))
        err = tsn_conf_word(c, map, "priority", tables, TSN_CONF_COUNT(tables), &d->priority);
    if (!err)
        err = take_slow(c, map, d);
    if (!err)
        err = take_lua(c, map, d);
    if (!err)
        err = tsn_conf_list(c, map, "rules", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next)
        err = take_rule(c, i, d->lua != NULL, rules);
    return err;
}
