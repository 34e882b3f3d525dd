/* config_http.c - the `http:` section: what http.request may reach, which secrets it may send where, and the
 * proxy of everything that goes out by HTTP. Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>

/* The origin of `text`: scheme, host and port alone. */
static tsn_err origin(struct tsn_conf *c, const struct tsn_yaml *at, const char *text,
                      const char **out)
{
    char full[300];
    const char *host = strstr(text, "://");
    if (!host || !tsn_url_origin(text, full, sizeof full) ||
        host[3 + strcspn(host + 3, "/?#")] ||
        (strncmp(full, "https://", 8) != 0 && strncmp(full, "http://", 7) != 0)) {
        tsn_diag_hint(c->diag, "https://tickets.acme.example, without a path");
        return tsn_yaml_fail(at, c->diag, TSN_EINPUT, "C036", "`%.100s` is not an origin",
                             text);
    }
    *out = tsn_arena_strdup(c->arena, full);
    return 0;
}

static tsn_err take_secret(struct tsn_conf *c, const struct tsn_yaml *i,
                           struct tsn_http_secret *s)
{
    static const char *const known[] = {"name", "to"};
    const char *name = NULL, *const *to = NULL, **origins;
    size_t n = 0;
    tsn_err err = tsn_conf_item(c, i, "http: secrets");
    if (!err)
        err = tsn_yaml_known(i, "http: secrets", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_name(c, i, "name", true, &name);
    if (!err)
        err = tsn_yaml_strs(c->arena, i, "to", true, &to, &n, c->diag);
    if (err)
        return err;
    if (n == 0)
        return tsn_yaml_fail(tsn_yaml_find(i, "to"), c->diag, TSN_EINPUT, "C013",
                             "`to` names no place that the secret may go to");
    origins = tsn_arena_alloc(c->arena, (n + 1) * sizeof *origins);
    for (size_t k = 0; k < n && !err; k++)
        err = origin(c, tsn_yaml_find(i, "to"), to[k], &origins[k]);
    s->handle = tsn_arena_printf(c->arena, "secret:%s", name);
    s->to = origins;
    return err ? err : tsn_conf_handle(c, tsn_yaml_find(i, "name"), s->handle);
}

static tsn_err take_secrets(struct tsn_conf *c, const struct tsn_yaml *map)
{
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, map, "secrets", false, &list, &n);
    struct tsn_http_secret *all = tsn_arena_alloc(c->arena, (n + 1) * sizeof *all);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        err = take_secret(c, i, &all[at]);
        for (size_t k = 0; k < at && !err; k++)
            if (strcmp(all[k].handle, all[at].handle) == 0)
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EDUP, "C032",
                                    "`%s` stands in http: secrets twice", all[at].handle + 7);
        at++;
    }
    c->out->http.secrets = all;
    c->out->http.nsecrets = at;
    return err;
}

static tsn_err take_proxy(struct tsn_conf *c, const struct tsn_yaml *http)
{
    static const char *const known[] = {"url", "user", "password", "password_file", "direct"};
    const struct tsn_yaml *map = tsn_yaml_find(http, "proxy");
    struct tsn_proxy *p = &c->out->proxy;
    size_t n = 0;
    if (!map)
        return 0;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C014",
                             "`proxy` must be a group of settings");
    tsn_err err = tsn_yaml_known(map, "http: proxy", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_url(c, map, "url", true, TSN_URL_WEB, &p->url);
    if (!err)
        err = tsn_conf_text(c, map, "user", false, 200, &p->user);
    if (!err)
        err =
            tsn_conf_secret(c, map, "password", "password_file", p->user != NULL, &p->password);
    if (!err && p->password && !p->user)
        err = tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C013",
                            "`user` is missing: a password needs one");
    if (!err && tsn_yaml_find(map, "direct"))
        err = tsn_yaml_strs(c->arena, map, "direct", true, &p->direct, &n, c->diag);
    for (size_t k = 0; k < n && !err; k++) {
        if (tsn_proxy_direct_ok(p->direct[k]))
            continue;
        tsn_diag_hint(c->diag, "acme.example (and all below it), 10.1.2.3, 10.0.0.0/8");
        err = tsn_yaml_fail(tsn_yaml_find(map, "direct"), c->diag, TSN_EINPUT, "C036",
                            "`%.100s` is no name, address or network", p->direct[k]);
    }
    return err;
}

tsn_err tsn_conf_http(struct tsn_conf *c)
{
    static const char *const known[] = {"reach", "secrets", "proxy"};
    static const char *const none[] = {NULL};
    const struct tsn_yaml *map;
    c->out->http.reach = none;
    tsn_err err = tsn_conf_map(c, "http", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "http", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_reach(c, map, "reach", &c->out->http.reach);
    if (!err)
        err = take_secrets(c, map);
    return err ? err : take_proxy(c, map);
}
