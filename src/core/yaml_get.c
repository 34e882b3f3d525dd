/* yaml_get.c - typed access to the tree of yaml.c, with messages that fix themselves. Pure. */
#include "core/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"

const struct tsn_yaml *tsn_yaml_find(const struct tsn_yaml *map, const char *key)
{
    if (!map || map->type != TSN_YAML_MAP)
        return NULL;
    for (const struct tsn_yaml *c = map->first; c; c = c->next) {
        if (strcmp(c->key, key) == 0)
            return c;
    }
    return NULL;
}

tsn_err tsn_yaml_fail(const struct tsn_yaml *node, struct tsn_diag *diag, tsn_err err,
                      const char *code, const char *fmt, ...)
{
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    tsn_yaml_place(node->doc, node->line, node->col, diag);
    return tsn_diag_set(diag, err, code, "%s", what);
}

tsn_err tsn_yaml_known(const struct tsn_yaml *map, const char *what, const char *const *known,
                       size_t n, struct tsn_diag *diag)
{
    char list[300] = "";

    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C014", "%s must be a map of keys", what);
    for (const struct tsn_yaml *c = map->first; c; c = c->next) {
        const char *near;
        size_t i = 0, len = 0;

        while (i < n && strcmp(known[i], c->key) != 0)
            i++;
        if (i < n)
            continue;
        near = tsn_suggest(c->key, known, n);
        for (i = 0; i < n && len + strlen(known[i]) + 3 < sizeof(list); i++)
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
                                    known[i]);
        tsn_yaml_place(c->doc, c->key_line, c->key_col, diag);
        if (near)
            tsn_diag_hint(diag, "did you mean `%s`? %s takes: %s", near, what, list);
        else
            tsn_diag_hint(diag, "%s takes: %s", what, list);
        return tsn_diag_set(diag, TSN_EFIELD, "C012", "%s does not have `%s`", what, c->key);
    }
    return 0;
}

/* The member's scalar; *out NULL when it is absent and not needed. */
static tsn_err scalar(const struct tsn_yaml *map, const char *key, bool need,
                      const struct tsn_yaml **out, struct tsn_diag *diag)
{
    const struct tsn_yaml *c = tsn_yaml_find(map, key);

    *out = c;
    if (!c && need)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C013", "`%s` is missing here", key);
    if (c && c->type != TSN_YAML_SCALAR)
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C014", "`%s` must be one value", key);
    if (c && need && !c->scalar[0])
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C013", "`%s` has no value", key);
    return 0;
}

tsn_err tsn_yaml_str(const struct tsn_yaml *map, const char *key, bool need, const char **out,
                     struct tsn_diag *diag)
{
    const struct tsn_yaml *c;
    tsn_err err = scalar(map, key, need, &c, diag);

    if (!err && c)
        *out = c->scalar;
    return err;
}

tsn_err tsn_yaml_int(const struct tsn_yaml *map, const char *key, bool need, int64_t min,
                     int64_t max, int64_t *out, struct tsn_diag *diag)
{
    const struct tsn_yaml *c;
    tsn_err err = scalar(map, key, need, &c, diag);

    if (err || !c)
        return err;
    if (c->quoted || tsn_parse_int(c->scalar, min, max, out) != 0)
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C014",
                             "`%s` must be a whole number from %lld to %lld", key,
                             (long long)min, (long long)max);
    return 0;
}

tsn_err tsn_yaml_bool(const struct tsn_yaml *map, const char *key, bool need, bool *out,
                      struct tsn_diag *diag)
{
    const struct tsn_yaml *c;
    tsn_err err = scalar(map, key, need, &c, diag);

    if (err || !c)
        return err;
    if (!c->quoted && strcmp(c->scalar, "true") == 0)
        *out = true;
    else if (!c->quoted && strcmp(c->scalar, "false") == 0)
        *out = false;
    else
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C014", "`%s` must be true or false", key);
    return 0;
}

tsn_err tsn_yaml_duration(const struct tsn_yaml *map, const char *key, bool need,
                          int64_t *ms_out, struct tsn_diag *diag)
{
    const struct tsn_yaml *c;
    tsn_err err = scalar(map, key, need, &c, diag);
    int64_t n;

    if (err || !c)
        return err;
    if (tsn_duration_parse(c->scalar, ms_out) == 0)
        return 0;
    if (tsn_parse_int(c->scalar, 0, INT64_MAX, &n) == 0) {
        tsn_diag_hint(diag, "write %s%s, %s%s or %s%s: minutes, hours, days", c->scalar, "m",
                      c->scalar, "h", c->scalar, "d");
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C021", "`%s` needs a unit", c->scalar);
    }
    tsn_diag_hint(diag, "durations look like 30s, 15m, 2h, 1d or 2w");
    return tsn_yaml_fail(c, diag, TSN_EINPUT, "C014", "`%s` must be a duration", key);
}

tsn_err tsn_yaml_strs(struct tsn_arena *arena, const struct tsn_yaml *map, const char *key,
                      bool need, const char *const **out, size_t *n_out, struct tsn_diag *diag)
{
    const struct tsn_yaml *c = tsn_yaml_find(map, key), *item;
    const char **list;
    size_t n = 0;

    if (!c)
        return need ? tsn_yaml_fail(map, diag, TSN_EINPUT, "C013", "`%s` is missing here", key)
                    : 0;
    if (c->type == TSN_YAML_MAP)
        return tsn_yaml_fail(c, diag, TSN_EINPUT, "C014", "`%s` must be a list", key);
    for (item = c->type == TSN_YAML_LIST ? c->first : c; item; item = item->next) {
        n++;
        if (item->type != TSN_YAML_SCALAR)
            return tsn_yaml_fail(item, diag, TSN_EINPUT, "C014",
                                 "`%s` must be a list of plain values", key);
        if (c->type == TSN_YAML_SCALAR)
            break;
    }
    list = tsn_arena_alloc(arena, (n + 1) * sizeof(*list));
    if (c->type == TSN_YAML_SCALAR) {
        list[0] = c->scalar;
    } else {
        n = 0;
        for (item = c->first; item; item = item->next)
            list[n++] = item->scalar;
    }
    *out = list;
    if (n_out)
        *n_out = n;
    return 0;
}
