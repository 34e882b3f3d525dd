/* config_roles.c - cases: roles: what a role sees of cases and may do on them. One thread. */
#include <string.h>
#include "cli/config_int.h"

static tsn_err may_exists(struct tsn_conf *c, const struct tsn_yaml *node,
                          const char *const *may)
{
    json_t *all = tsn_case_ops_json(), *op;
    tsn_err err = 0;
    for (; *may && !err; may++) {
        size_t i, n = strlen(*may);
        bool known = false;
        json_array_foreach(all, i, op)
        {
            const char *name = json_string_value(json_object_get(op, "name"));
            known = known || (!strncmp(name, *may, n) && (!name[n] || name[n] == '.'));
        }
        if (!known) {
            err = tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C030",
                                "`may` cannot be `%.40s`: no operation of a case begins so",
                                *may);
            tsn_diag_hint(c->diag, "`tocsin case operations` lists them: embargo, report.move");
        }
    }
    json_decref(all);
    return err;
}

tsn_err tsn_conf_roles(struct tsn_conf *c, const struct tsn_yaml *map)
{
    static const char *const known[] = {"sees", "may"};
    static const char *const words[] = {"assigned", "product", "open", "all"};
    size_t n = 0, at = 0;
    tsn_err err = 0;
    if (!map)
        return 0;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C014",
                             "`roles` is a group: a role, and what it sees and may do");
    for (const struct tsn_yaml *i = map->first; i; i = i->next)
        n++;
    struct tsn_role_rule *rules = tsn_arena_alloc(c->arena, (n + 1) * sizeof *rules);
    for (const struct tsn_yaml *i = map->first; i && !err; i = i->next, at++) {
        const char *sees = "open";
        size_t nmay = 0;
        rules[at].role = i->key;
        if (i->type != TSN_YAML_MAP)
            return tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C014",
                                 "a role is a group: { sees: assigned, may: [ track ] }");
        err = tsn_yaml_known(i, "roles", known, TSN_CONF_COUNT(known), c->diag);
        if (!err && tsn_yaml_find(i, "sees"))
            err = tsn_conf_word(c, i, "sees", words, TSN_CONF_COUNT(words), &sees);
        for (size_t k = 0; k < TSN_CONF_COUNT(words) && !err; k++)
            if (!strcmp(words[k], sees))
                rules[at].sees = (enum tsn_role_sees)k;
        if (!err && tsn_yaml_find(i, "may"))
            err = tsn_yaml_strs(c->arena, i, "may", true, &rules[at].may, &nmay, c->diag);
        if (!err && rules[at].may)
            err = may_exists(c, tsn_yaml_find(i, "may"), rules[at].may);
    }
    c->out->casework.roles = rules;
    c->out->casework.nroles = at;
    return err;
}
