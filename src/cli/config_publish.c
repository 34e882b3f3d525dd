/* config_publish.c - who publishes, where the tree of advisories is written, and who is told. */
#include <string.h>
#include "advisory/advisory_as.h"
#include "cli/config_int.h"
#include "core/json.h"

#define DAY_MS INT64_C(86400000)

tsn_err tsn_conf_publisher(struct tsn_conf *c)
{
    static const char *const known[] = {"name",    "namespace", "contact",  "prefix",
                                        "cna_org", "cna_name",  "versions", "amber_strict"};
    static const char *const labels[] = {"amber", "red", "refuse"};
    static const char *const policies[] = {"integer", "semantic"};
    struct tsn_publisher *p = &c->out->publisher;
    const struct tsn_yaml *map;
    p->name = c->out->organisation;
    p->namespace_url = tsn_arena_printf(c->arena, "https://%s", c->out->domain);
    p->contact = tsn_conf_address(c->arena, c->out->mail.from);
    p->prefix = "SA";
    p->versions = "integer";
    tsn_err err = tsn_conf_map(c, "publisher", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "publisher", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_text(c, map, "name", false, 200, &p->name);
    if (!err)
        err = tsn_conf_url(c, map, "namespace", false, TSN_URL_WEB, &p->namespace_url);
    if (!err)
        err = tsn_conf_text(c, map, "contact", false, 500, &p->contact);
    if (!err)
        err = tsn_conf_prefix(c, map, &p->prefix);
    if (!err)
        err = tsn_conf_text(c, map, "cna_org", false, 36, &p->cna_org);
    if (!err)
        err = tsn_conf_text(c, map, "cna_name", false, 32, &p->cna_name);
    if (!err && tsn_yaml_find(map, "versions"))
        err =
            tsn_conf_word(c, map, "versions", policies, TSN_CONF_COUNT(policies), &p->versions);
    if (!err && tsn_yaml_find(map, "amber_strict"))
        err = tsn_conf_word(c, map, "amber_strict", labels, TSN_CONF_COUNT(labels),
                            &p->amber_strict);
    return err;
}

/* --- publish ------------------------------------------------------------------------------- */

static void drop_json(void *p)
{
    json_decref(p);
}

tsn_err tsn_conf_words(struct tsn_conf *c, const struct tsn_yaml *item, const char *key,
                       json_t *into)
{
    const char *const *list = NULL;
    size_t n = 0;
    json_t *out = json_array();
    tsn_err err = tsn_yaml_strs(c->arena, item, key, false, &list, &n, c->diag);
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(out, json_string(list[i]));
    json_object_set_new(into, key, out);
    return err;
}

tsn_err tsn_conf_forms(struct tsn_conf *c, const struct tsn_yaml *item, const json_t *o)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(o, "attach"), i, v)
    {
        if (tsn_as_find(json_string_value(v)) == TSN_AS_COUNT) {
            tsn_diag_hint(c->diag, "csaf, csaf-2.1, cve, openvex, osv, html, md, text");
            return tsn_yaml_fail(tsn_yaml_find(item, "attach"), c->diag, TSN_EINPUT, "C030",
                                 "nothing is rendered as `%s`", json_string_value(v));
        }
    }
    return 0;
}

static bool product_known(const struct tsn_conf *c, const char *id)
{
    size_t i;
    json_t *p;
    json_array_foreach(c->out->casework.products, i, p)
    {
        if (strcmp(tsn_json_str(p, "id", ""), id) == 0)
            return true;
    }
    return false;
}

static tsn_err check_words(struct tsn_conf *c, const struct tsn_yaml *item, const json_t *list)
{
    size_t i;
    json_t *v;
    tsn_err err = tsn_conf_forms(c, item, list);
    if (err)
        return err;
    json_array_foreach(json_object_get(list, "products"), i, v)
    {
        if (!product_known(c, json_string_value(v))) {
            tsn_diag_hint(c->diag, "lists name products by their id");
            return tsn_yaml_fail(tsn_yaml_find(item, "products"), c->diag, TSN_EINPUT, "C031",
                                 "there is no product `%s`", json_string_value(v));
        }
    }
    json_array_foreach(json_object_get(list, "mail"), i, v)
    {
        const char *at = strchr(json_string_value(v), '@');
        if (!at || at == json_string_value(v) || !strchr(at, '.'))
            return tsn_yaml_fail(tsn_yaml_find(item, "mail"), c->diag, TSN_EINPUT, "C042",
                                 "`%s` is not a mail address", json_string_value(v));
    }
    return 0;
}

/* { name, contracts, products, mail, before, attach, tlp }: see docs/advisories.md. */
static tsn_err take_list(struct tsn_conf *c, const struct tsn_yaml *item, json_t *o)
{
    static const char *const known[] = {"name",   "contracts", "products", "mail",
                                        "before", "attach",    "tlp"};
    static const char *const labels[] = {"GREEN", "AMBER", "AMBER+STRICT", "RED"};
    static const char *const several[] = {"contracts", "products", "mail", "attach"};
    const char *name = NULL, *tlp = "AMBER";
    int64_t before = 0;
    tsn_err err = tsn_conf_item(c, item, "lists");
    if (!err)
        err = tsn_yaml_known(item, "lists", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_name(c, item, "name", true, &name);
    for (size_t i = 0; !err && i < TSN_CONF_COUNT(several); i++)
        err = tsn_conf_words(c, item, several[i], o);
    if (!err)
        err = tsn_conf_duration(c, item, "before", false, 60000, 90 * DAY_MS, &before);
    if (!err && tsn_yaml_find(item, "tlp"))
        err = tsn_conf_word(c, item, "tlp", labels, TSN_CONF_COUNT(labels), &tlp);
    if (err)
        return err;
    json_object_set_new(o, "name", json_string(name));
    json_object_set_new(o, "tlp", json_string(tlp));
    json_object_set_new(o, "before", json_integer((json_int_t)before));
    return check_words(c, item, o);
}

static tsn_err take_lists(struct tsn_conf *c, const struct tsn_yaml *map)
{
    const struct tsn_yaml *list;
    size_t n;
    json_t *out = json_array();
    tsn_arena_defer(c->arena, drop_json, out);
    c->out->lists = out;
    tsn_err err = tsn_conf_list(c, map, "lists", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        json_t *o = json_object(), *other;
        size_t k;
        err = take_list(c, i, o);
        json_array_foreach(out, k, other)
        {
            if (!err &&
                strcmp(tsn_json_str(other, "name", ""), tsn_json_str(o, "name", "")) == 0)
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EDUP, "C032",
                                    "two lists are called `%s`", tsn_json_str(o, "name", ""));
        }
        json_array_append_new(out, o);
    }
    return err;
}

tsn_err tsn_conf_publish(struct tsn_conf *c)
{
    static const char *const known[] = {"dir",      "url",    "gnupg",     "key",
                                        "key_file", "policy", "languages", "lists"};
    struct tsn_publish_config *p = &c->out->publish;
    const struct tsn_yaml *map;
    tsn_err err = tsn_conf_map(c, "publish", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "publish", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = take_lists(c, map);
    /* Lists alone: mails, and no files. */
    bool files = !tsn_yaml_find(map, "lists") || tsn_yaml_find(map, "dir");
    if (!err)
        err = tsn_conf_path(c, map, "dir", files, &p->dir);
    if (!err)
        err = tsn_conf_url(c, map, "url", files, TSN_URL_WEB, &p->url);
    if (!err)
        err = tsn_conf_path(c, map, "gnupg", false, &p->gnupg);
    if (!err)
        err = tsn_conf_text(c, map, "key", false, 40, &p->key);
    if (!err)
        err = tsn_conf_path(c, map, "key_file", false, &p->key_file);
    if (!err)
        err = tsn_conf_url(c, map, "policy", false, TSN_URL_WEB, &p->policy);
    if (!err)
        err = tsn_conf_text(c, map, "languages", false, 100, &p->languages);
    c->out->publisher.url = p->url;
    return err;
}
