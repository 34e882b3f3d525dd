/* config_value.c - single values of the configuration: read, checked, refused with their place.
 * Owns nothing; strings live in the arena or in the parsed file (same arena). Pure. */
#include "cli/config_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "core/text.h"

/* --- containers --------------------------------------------------------------------------- */

tsn_err tsn_conf_map(struct tsn_conf *c, const char *key, const struct tsn_yaml **out)
{
    *out = tsn_yaml_find(c->root, key);
    if (*out && (*out)->type != TSN_YAML_MAP)
        return tsn_yaml_fail(*out, c->diag, TSN_EINPUT, "C014",
                             "`%s` must be a group of settings", key);
    return 0;
}

tsn_err tsn_conf_list(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const struct tsn_yaml **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    const struct tsn_yaml *list = map ? tsn_yaml_find(map, key) : NULL;
    if (!list && need)
        return tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C013", "`%s` is missing", key);
    if (!list)
        return 0;
    if (list->type != TSN_YAML_LIST) {
        tsn_yaml_fail(list, c->diag, TSN_EINPUT, "C014", "`%s` must be a list", key);
        tsn_diag_hint(c->diag, "write each item on its own line, beginning with `- `");
        return TSN_EINPUT;
    }
    *out = list->first;
    for (const struct tsn_yaml *i = list->first; i; i = i->next)
        (*n)++;
    if (*n == 0 && need)
        return tsn_yaml_fail(list, c->diag, TSN_EINPUT, "C013", "`%s` needs at least one item",
                             key);
    return 0;
}

tsn_err tsn_conf_item(struct tsn_conf *c, const struct tsn_yaml *item, const char *what)
{
    if (item->type == TSN_YAML_MAP)
        return 0;
    return tsn_yaml_fail(item, c->diag, TSN_EINPUT, "C014",
                         "each of %s must be a group of settings", what);
}

/* --- text --------------------------------------------------------------------------------- */

tsn_err tsn_conf_text(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, size_t max, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_yaml_str(map, key, need, &s, c->diag);
    if (err || !s)
        return err;
    const struct tsn_yaml *node = tsn_yaml_find(map, key);
    if (!s[0] || (!node->quoted && (!strcmp(s, "null") || !strcmp(s, "~"))))
        return tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C014", "`%s` has no value", key);
    if (strlen(s) > max)
        return tsn_yaml_fail(node, c->diag, TSN_ETOOBIG, "C043", "`%s` is over %zu bytes", key,
                             max);
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C014",
                                 "`%s` must be one line of plain text", key);
    *out = s;
    return 0;
}

static bool name_ok(const char *s)
{
    size_t n = 0;
    for (; s[n]; n++)
        if (n >= 64 || (!isalnum((unsigned char)s[n]) && (n == 0 || !strchr("-_.", s[n]))))
            return false;
    return n > 0;
}

tsn_err tsn_conf_name_ok(struct tsn_conf *c, const struct tsn_yaml *node)
{
    if (node->type != TSN_YAML_SCALAR)
        return tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C014", "a name belongs here");
    if (name_ok(node->scalar))
        return 0;
    tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C039", "`%.64s` cannot be a name here",
                  node->scalar);
    tsn_diag_hint(c->diag, "letters, digits, `-`, `_` and `.`; at most 64");
    return TSN_EINPUT;
}

tsn_err tsn_conf_name(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_conf_text(c, map, key, need, 1000, &s);
    if (err || !s)
        return err;
    err = tsn_conf_name_ok(c, tsn_yaml_find(map, key));
    if (!err)
        *out = s;
    return err;
}

tsn_err tsn_conf_word(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      const char *const *words, size_t n, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_conf_text(c, map, key, true, 1000, &s);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(s, words[i])) {
            *out = words[i];
            return 0;
        }
    tsn_yaml_fail(tsn_yaml_find(map, key), c->diag, TSN_EINPUT, "C030",
                  "`%s` cannot be `%.64s`", key, s);
    const char *near = tsn_suggest(s, words, n);
    if (near) {
        tsn_diag_hint(c->diag, "did you mean `%s`?", near);
    } else {
        char list[200] = "";
        for (size_t i = 0; i < n; i++) {
            size_t at = strlen(list);
            snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", words[i]);
        }
        tsn_diag_hint(c->diag, "it takes: %s", list);
    }
    return TSN_EINPUT;
}

tsn_err tsn_conf_path(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_conf_text(c, map, key, need, 1000, &s);
    if (err || !s)
        return err;
    *out = s[0] == '/' ? s : tsn_arena_printf(c->arena, "%s/%s", c->out->dir, s);
    return 0;
}

tsn_err tsn_conf_duration(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                          bool need, int64_t min_ms, int64_t max_ms, int64_t *out)
{
    int64_t ms = -1;
    tsn_err err = tsn_yaml_duration(map, key, need, &ms, c->diag);
    if (err || ms < 0)
        return err;
    if (ms < min_ms || ms > max_ms) {
        char least[32], most[32];
        tsn_yaml_fail(tsn_yaml_find(map, key), c->diag, TSN_EINPUT, "C030",
                      "`%s` is outside of what is possible", key);
        snprintf(least, sizeof least, "%lldms", (long long)min_ms);
        snprintf(most, sizeof most, "%llds", (long long)(max_ms / 1000));
        tsn_diag_hint(c->diag, "from %s to %s", least, most);
        return TSN_EINPUT;
    }
    *out = ms;
    return 0;
}

/* --- addresses ---------------------------------------------------------------------------- */

/* "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80", "::1". *port: -1 = none. */
static bool numeric_address(const char *s, int64_t *port)
{
    unsigned char raw[16];
    char host[64];
    const char *rest;
    *port = -1;
    if (s[0] == '[') {
        rest = strchr(s, ']');
        if (!rest || (size_t)(rest - s) > sizeof host)
            return false;
        snprintf(host, sizeof host, "%.*s", (int)(rest - s - 1), s + 1);
        if (inet_pton(AF_INET6, host, raw) != 1)
            return false;
        rest++;
    } else if (inet_pton(AF_INET6, s, raw) == 1) {
        return true;
    } else {
        size_t n = strcspn(s, ":");
        if (n >= sizeof host)
            return false;
        snprintf(host, sizeof host, "%.*s", (int)n, s);
        if (inet_pton(AF_INET, host, raw) != 1)
            return false;
        rest = s + n;
    }
    if (!*rest)
        return true;
    return *rest == ':' && isdigit((unsigned char)rest[1]) &&
           tsn_parse_int(rest + 1, 0, 65535, port) == 0;
}

tsn_err tsn_conf_reach(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                       const char *const **out)
{
    const struct tsn_yaml *item;
    size_t n;
    tsn_err err = tsn_conf_list(c, map, key, false, &item, &n);
    if (err)
        return err;
    const char **list = tsn_arena_alloc(c->arena, (n + 1) * sizeof *list);
    for (size_t i = 0; item; item = item->next) {
        int64_t port;
        if (item->type != TSN_YAML_SCALAR || !numeric_address(item->scalar, &port) ||
            port == 0) {
            tsn_yaml_fail(item, c->diag, TSN_EINPUT, "C037", "`%.64s` is not an exact address",
                          item->type == TSN_YAML_SCALAR ? item->scalar : "this");
            tsn_diag_hint(c->diag,
                          "a numeric address, with or without port: \"127.0.0.1:8081\"");
            return TSN_EINPUT;
        }
        list[i++] = item->scalar;
    }
    *out = list;
    return 0;
}

tsn_err tsn_conf_listen(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                        const char **out)
{
    const char *s = NULL;
    int64_t port;
    tsn_err err = tsn_conf_text(c, map, key, false, 1000, &s);
    if (err || !s)
        return err;
    if (!strcmp(s, "none")) {
        *out = NULL;
        return 0;
    }
    if (!numeric_address(s, &port) || port < 0) {
        tsn_yaml_fail(tsn_yaml_find(map, key), c->diag, TSN_EINPUT, "C038",
                      "`%.64s` is not an address to listen on", s);
        tsn_diag_hint(c->diag, "a numeric address and a port, 127.0.0.1:8420, or none");
        return TSN_EINPUT;
    }
    *out = s;
    return 0;
}

/* Host and port of a URL: a name or numeric address, no user, no empty or odd port. */
static bool authority_ok(const char *s, size_t n)
{
    char host[300];
    int64_t port;
    if (n == 0 || n >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)n, s);
    if (host[0] == '[')
        return numeric_address(host, &port) && port != 0;
    char *colon = strchr(host, ':');
    if (colon) {
        if (!isdigit((unsigned char)colon[1]) || tsn_parse_int(colon + 1, 1, 65535, &port))
            return false;
        *colon = 0;
    }
    if (!host[0] || host[0] == '.' || host[0] == '-')
        return false;
    for (const char *p = host; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.' && *p != '_')
            return false;
    return true;
}

static bool url_ok(const char *s, enum tsn_conf_url kind)
{
    static const char *const web[] = {"https://", "http://"};
    static const char *const smtp[] = {"smtps://", "smtp://"};
    const char *const *schemes = kind == TSN_URL_SMTP ? smtp : web;
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#' || *p == '\\')
            return false;
    const char *rest = NULL;
    for (int i = 0; i < 2 && !rest; i++)
        if (!strncmp(s, schemes[i], strlen(schemes[i])))
            rest = s + strlen(schemes[i]);
    if (!rest)
        return false;
    size_t n = strcspn(rest, "/?");
    if (!authority_ok(rest, n))
        return false;
    if (kind == TSN_URL_SMTP)
        return rest[n] == 0 || !strcmp(rest + n, "/");
    return kind != TSN_URL_FOLDER || (!strchr(rest, '?') && s[strlen(s) - 1] == '/');
}

tsn_err tsn_conf_url(struct tsn_conf *c, const struct tsn_yaml *map, const char *key, bool need,
                     enum tsn_conf_url kind, const char **out)
{
    static const char *const hints[] = {
        "a full URL without user, password or fragment: https://acme.example/",
        "the folder that holds changes.csv, ending in `/`: https://acme.example/csaf/",
        "smtp://host:port or smtps://host:port; user and password have their own keys",
    };
    const char *s = NULL;
    tsn_err err = tsn_conf_text(c, map, key, need, 1000, &s);
    if (err || !s)
        return err;
    if (!url_ok(s, kind)) {
        tsn_yaml_fail(tsn_yaml_find(map, key), c->diag, TSN_EINPUT, "C036",
                      "`%.100s` cannot be used as `%s`", s, key);
        tsn_diag_hint(c->diag, "%s", hints[kind]);
        return TSN_EINPUT;
    }
    *out = s;
    return 0;
}

const char *tsn_conf_address(struct tsn_arena *arena, const char *from)
{
    const char *open = strrchr(from, '<');
    size_t n = open ? strlen(open) : 0;
    if (n < 3 || open[n - 1] != '>')
        return from;
    return tsn_arena_strndup(arena, open + 1, n - 2);
}

tsn_err tsn_conf_mail(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, bool named, const char **out)
{
    const char *s = NULL;
    tsn_err err = tsn_conf_text(c, map, key, need, 500, &s);
    if (err || !s)
        return err;
    if (!tsn_mail_ok(named ? tsn_conf_address(c->arena, s) : s)) {
        tsn_yaml_fail(tsn_yaml_find(map, key), c->diag, TSN_EINPUT, "C042",
                      "`%.100s` is not a mail address", s);
        tsn_diag_hint(c->diag, named ? "psirt@acme.example, or Acme PSIRT <psirt@acme.example>"
                                     : "psirt@acme.example, nothing around it");
        return TSN_EINPUT;
    }
    *out = s;
    return 0;
}

/* --- free-form values --------------------------------------------------------------------- */

static json_t *scalar_json(const struct tsn_yaml *node)
{
    const char *s = node->scalar;
    int64_t whole;
    char *end;
    if (node->quoted)
        return json_string(s);
    if (!s[0] || !strcmp(s, "null") || !strcmp(s, "~"))
        return json_null();
    if (!strcmp(s, "true") || !strcmp(s, "false"))
        return json_boolean(s[0] == 't');
    /* A leading zero is a name or a code, not a number. */
    bool number = isdigit((unsigned char)s[0]) || (s[0] == '-' && isdigit((unsigned char)s[1]));
    const char *digits = s + (s[0] == '-');
    if (number && !(digits[0] == '0' && isdigit((unsigned char)digits[1]))) {
        if (tsn_parse_int(s, INT64_MIN, INT64_MAX, &whole) == 0)
            return json_integer(whole);
        if (!s[strspn(s, "0123456789.eE+-")]) {
            double real = strtod(s, &end);
            json_t *v = *end ? NULL : json_real(real);
            if (v)
                return v;
        }
    }
    return json_string(s);
}

json_t *tsn_conf_json(const struct tsn_yaml *node)
{
    if (node->type == TSN_YAML_SCALAR)
        return scalar_json(node);
    json_t *out = node->type == TSN_YAML_MAP ? json_object() : json_array();
    for (const struct tsn_yaml *i = node->first; i; i = i->next) {
        if (node->type == TSN_YAML_MAP)
            json_object_set_new(out, i->key, tsn_conf_json(i));
        else
            json_array_append_new(out, tsn_conf_json(i));
    }
    return out;
}
