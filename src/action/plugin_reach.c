/* plugin_reach.c - see plugin_reach.h. Owns nothing. */
#include "action/plugin_reach.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/httpc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static tsn_err words(struct tsn_arena *arena, const struct tsn_yaml *map, const char *key,
                     bool (*good)(const char *), const char *what, const char *const **out,
                     struct tsn_diag *diag)
{
    const struct tsn_yaml *list = tsn_yaml_find(map, key);
    size_t n = 0;
    tsn_err err = list ? tsn_yaml_strs(arena, map, key, true, out, &n, diag) : 0;

    for (size_t i = 0; i < n && !err; i++) {
        if (!good((*out)[i]))
            err = tsn_yaml_fail(list, diag, TSN_EINPUT, "R050", "`%.80s` is not %s", (*out)[i],
                                what);
    }
    return err;
}

static bool host_ok(const char *s)
{
    char url[300], origin[300];

    return strlen(s) < 254 && !strpbrk(s, "/:@?#*") &&
           snprintf(url, sizeof(url), "https://%s", s) > 0 &&
           tsn_url_origin(url, origin, sizeof(origin));
}

static bool program_ok(const char *s)
{
    return tsn_word_ok(s, 64) && !strpbrk(s, "/:");
}

static bool mail_ok(const char *s)
{
    const char *at = strchr(s, '@');

    return strcmp(s, "any") == 0 ||
           (at && at[1] && !strchr(at + 1, '@') && !strpbrk(s, " <>,*"));
}

tsn_err tsn_plugin_reach_read(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_manifest *out, struct tsn_diag *diag)
{
    static const char *const known[] = {"hosts", "programs", "mail"};
    const struct tsn_yaml *map = tsn_yaml_find(root, "reach");
    tsn_err err;

    if (!map)
        return 0;
    if (map->type != TSN_YAML_MAP || !out->lua) {
        tsn_diag_hint(diag, "reach: { hosts: [ api.example ] }, for a Lua connector");
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "R050",
                             "`reach` says where the requests of a Lua connector may go");
    }
    err = tsn_yaml_known(map, "reach", known, COUNT(known), diag);
    if (!err)
        err =
            words(arena, map, "hosts", host_ok, "the name of a host", &out->reach_hosts, diag);
    if (!err)
        err = words(arena, map, "programs", program_ok, "a name of `exec:`",
                    &out->reach_programs, diag);
    if (!err)
        err = words(arena, map, "mail", mail_ok, "an address, @domain or any", &out->reach_mail,
                    diag);
    return err;
}

/* Does a text of the settings, or what is behind a handle there, fulfil it? */
static bool settings_have(const json_t *v, bool (*is)(const char *text, const char *what),
                          const char *what)
{
    bool found = false;
    size_t i;
    json_t *one;
    const char *key, *text = json_string_value(v);

    if (text) {
        if (tsn_secret_is_handle(text))
            text = tsn_secret_get(text, NULL);
        return text && is(text, what);
    }
    json_array_foreach(v, i, one) found = found || settings_have(one, is, what);
    json_object_foreach((json_t *)(uintptr_t)v, key, one) found =
        found || settings_have(one, is, what);
    return found;
}

static bool same_origin(const char *text, const char *origin)
{
    char own[300];

    return strncmp(text, "http", 4) == 0 && tsn_url_origin(text, own, sizeof(own)) &&
           strcmp(own, origin) == 0;
}

static bool same_mail(const char *text, const char *address)
{
    return strchr(text, '@') && strcasecmp(text, address) == 0;
}

static tsn_err beyond(const struct tsn_manifest *m, const char *where, struct tsn_diag *diag)
{
    tsn_diag_hint(diag, "`reach:` of its manifest and its own settings say where it may go");
    return tsn_diag_set(diag, TSN_EDENIED, "R059", "the connector %s may not go to %.200s",
                        m->name, where);
}

static tsn_err web(const struct tsn_manifest *m, const json_t *settings, const char *url,
                   struct tsn_diag *diag)
{
    char origin[300], listed[300];

    if (!tsn_url_origin(url, origin, sizeof(origin)))
        return tsn_diag_set(diag, TSN_EINPUT, "R057",
                            "the address of a request cannot be read");
    for (const char *const *h = m->reach_hosts; h && *h; h++) {
        (void)snprintf(listed, sizeof(listed), "https://%s:443", *h);
        if (strcasecmp(origin, listed) == 0)
            return 0;
    }
    return settings_have(settings, same_origin, origin) ? 0 : beyond(m, origin, diag);
}

static tsn_err post(const struct tsn_manifest *m, const json_t *settings, const char *address,
                    struct tsn_diag *diag)
{
    const char *at = strrchr(address, '@');

    for (const char *const *w = m->reach_mail; w && *w; w++) {
        if (strcmp(*w, "any") == 0 || strcasecmp(*w, address) == 0 ||
            ((*w)[0] == '@' && at && strcasecmp(*w, at) == 0))
            return 0;
    }
    return settings_have(settings, same_mail, address) ? 0 : beyond(m, address, diag);
}

tsn_err tsn_plugin_reach_check(const struct tsn_manifest *m, const json_t *settings,
                               const char *action, const json_t *args, struct tsn_diag *diag)
{
    const json_t *to = json_object_get(args, "to");
    tsn_err err = 0;
    size_t i;
    json_t *one;

    if (strcmp(action, "http.request") == 0)
        return web(m, settings, tsn_json_str(args, "url", ""), diag);
    if (strncmp(action, "exec.", 5) == 0) {
        for (const char *const *p = m->reach_programs; p && *p; p++)
            if (strcmp(*p, action + 5) == 0)
                return 0;
        return beyond(m, action, diag);
    }
    if (!json_is_array(to))
        return post(m, settings, json_is_string(to) ? json_string_value(to) : "", diag);
    json_array_foreach(to, i, one)
    {
        if (!err)
            err = post(m, settings, json_is_string(one) ? json_string_value(one) : "", diag);
    }
    return err;
}
