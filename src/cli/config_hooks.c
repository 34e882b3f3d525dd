/* config_hooks.c - `hooks:` and `noise:` of the configuration: who may send webhooks and what they
 * become; what ranks a report low.
 * Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>
#include "intake/hook.h"
#include "intake/noise.h"

static void drop(void *p)
{
    json_decref(p);
}

static tsn_err take_scheme(struct tsn_conf *c, const struct tsn_yaml *i, struct tsn_hook *h)
{
    static const char *const schemes[] = {"standard", "github", "hmac"};
    static const char *const encodings[] = {"hex", "base64"};
    const char *scheme = "standard", *encoding = "hex";
    tsn_err err = 0;
    if (tsn_yaml_find(i, "scheme"))
        err = tsn_conf_word(c, i, "scheme", schemes, TSN_CONF_COUNT(schemes), &scheme);
    h->scheme = strcmp(scheme, "github") == 0 ? TSN_HOOK_GITHUB
                : strcmp(scheme, "hmac") == 0 ? TSN_HOOK_HMAC
                                              : TSN_HOOK_STANDARD;
    if (h->scheme == TSN_HOOK_GITHUB)
        h->type_header = "X-GitHub-Event";
    if (!err)
        err = tsn_conf_text(c, i, "header", h->scheme == TSN_HOOK_HMAC, 100, &h->header);
    if (!err)
        err = tsn_conf_text(c, i, "prefix", false, 40, &h->prefix);
    if (!err && tsn_yaml_find(i, "encoding"))
        err = tsn_conf_word(c, i, "encoding", encodings, TSN_CONF_COUNT(encodings), &encoding);
    if (!err)
        err = tsn_conf_text(c, i, "type_header", false, 100, &h->type_header);
    h->base64 = strcmp(encoding, "base64") == 0;
    for (const char *const *only = (const char *const[]){"header", "prefix", "encoding", NULL};
         *only && !err; only++)
        if (h->scheme != TSN_HOOK_HMAC && tsn_yaml_find(i, *only))
            err = tsn_yaml_fail(tsn_yaml_find(i, *only), c->diag, TSN_EINPUT, "C040",
                                "`%s` is for scheme hmac; %s has its own", *only, scheme);
    return err;
}

static tsn_err take_use(struct tsn_conf *c, const struct tsn_yaml *i, struct tsn_hook *h)
{
    const struct tsn_yaml *report = tsn_yaml_find(i, "report");
    size_t ntypes;
    tsn_err err = tsn_conf_text(c, i, "case", false, 300, &h->case_at);
    if (!err)
        err = tsn_conf_text(c, i, "foreign", false, 300, &h->foreign_at);
    if (!err)
        err = tsn_yaml_strs(c->arena, i, "types", false, &h->types, &ntypes, c->diag);
    if (err)
        return err;
    if ((report != NULL) + (h->case_at != NULL) + (h->foreign_at != NULL) != 1) {
        err = tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C013",
                            "hook `%s` needs one of `report`, `foreign` and `case`", h->name);
        tsn_diag_hint(c->diag,
                      "case: /issue/key says where the case's name stands; report: { "
                      "title: /issue/title, ... } makes reports; foreign: /data/report "
                      "is where a report of a known system stands");
        return err;
    }
    if (h->foreign_at && h->foreign_at[0] != '/')
        return tsn_yaml_fail(tsn_yaml_find(i, "foreign"), c->diag, TSN_EINPUT, "C014",
                             "`foreign` is a JSON pointer: it begins with /");
    if (h->case_at && h->case_at[0] != '/')
        return tsn_yaml_fail(tsn_yaml_find(i, "case"), c->diag, TSN_EINPUT, "C014",
                             "`case` is a JSON pointer: it begins with /");
    if (report && report->type != TSN_YAML_MAP)
        return tsn_yaml_fail(report, c->diag, TSN_EINPUT, "C014",
                             "`report` must be a group of member: value");
    if (report) {
        json_t *v = tsn_conf_json(report);
        h->report = v;
        tsn_arena_defer(c->arena, drop, v);
    }
    return 0;
}

tsn_err tsn_conf_hooks(struct tsn_conf *c)
{
    static const char *const known[] = {
        "name",   "scheme",   "key",         "key_file", "old_key", "old_key_file", "header",
        "prefix", "encoding", "type_header", "case",     "report",  "foreign",      "types"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "hooks", false, &list, &n);
    struct tsn_hook *all = tsn_arena_alloc(c->arena, (n + 1) * sizeof *all);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_hook *h = &all[at];
        err = tsn_conf_item(c, i, "hooks");
        if (!err)
            err = tsn_yaml_known(i, "hooks", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &h->name);
        for (size_t k = 0; k < at && !err; k++)
            if (!strcmp(all[k].name, h->name))
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EINPUT, "C032",
                                    "there are two hooks `%s`", h->name);
        if (!err)
            err = take_scheme(c, i, h);
        if (!err)
            err = tsn_conf_secret(c, i, "key", "key_file", true, &h->secret[0]);
        if (!err)
            err = tsn_conf_secret(c, i, "old_key", "old_key_file", false, &h->secret[1]);
        if (!err)
            err = take_use(c, i, h);
        at++;
    }
    c->out->hooks = all;
    c->out->nhooks = at;
    return err;
}

/* Also without the section: the shipped rules are there then. */
tsn_err tsn_conf_noise(struct tsn_conf *c)
{
    static const char *const known[] = {"name", "weight", "any"};
    const struct tsn_yaml *list = NULL;
    json_t *own = json_array(), *all = NULL;
    size_t n;
    tsn_err err = tsn_conf_list(c, c->root, "noise", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        int64_t weight = 0;
        const char *name = NULL, *const *any = NULL;
        size_t words = 0;
        err = tsn_conf_item(c, i, "noise");
        if (!err)
            err = tsn_yaml_known(i, "noise", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &name);
        if (!err)
            err = tsn_yaml_int(i, "weight", true, -10, 10, &weight, c->diag);
        if (!err)
            err = tsn_yaml_strs(c->arena, i, "any", weight != 0, &any, &words, c->diag);
        json_t *rule = json_pack("{s:s*, s:I}", "name", name, "weight", (json_int_t)weight);
        for (size_t k = 0; k < words && !err; k++) {
            if (strlen(any[k]) < 3)
                err = tsn_yaml_fail(tsn_yaml_find(i, "any"), c->diag, TSN_EINPUT, "C014",
                                    "a phrase of under 3 bytes says nothing: `%s`", any[k]);
            if (k == 0)
                json_object_set_new(rule, "any", json_array());
            json_array_append_new(json_object_get(rule, "any"), json_string(any[k]));
        }
        json_array_append_new(own, rule);
    }
    if (!err)
        err = tsn_noise_rules(own, &all, c->diag);
    json_decref(own);
    if (err)
        return err;
    tsn_arena_defer(c->arena, drop, all);
    c->out->noise = all;
    return 0;
}
