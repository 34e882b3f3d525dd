/* config_schedule.c - `schedules:` of the configuration: what comes by the clock. Any thread. */
#include "cli/config_int.h"

#include <string.h>

static tsn_err take_cron(struct tsn_conf *c, const struct tsn_yaml *item,
                         struct tsn_schedule_config *s)
{
    const char *wrong = "", *zone = NULL;
    tsn_err err = tsn_conf_text(c, item, "cron", false, 200, &s->cron_text);
    if (!err && (s->cron_text != NULL) == (s->every_ms > 0))
        return tsn_yaml_fail(item, c->diag, TSN_EINPUT, "C013",
                             "`%s` needs one of `every` and `cron`", s->name);
    if (!err && s->cron_text && tsn_cron_parse(s->cron_text, &s->cron, &wrong)) {
        err = tsn_yaml_fail(tsn_yaml_find(item, "cron"), c->diag, TSN_EINPUT, "C030",
                            "`cron` cannot be read at its %s", wrong);
        tsn_diag_hint(c->diag,
                      "five fields: minute hour day month weekday, such as \"0 9 * * 1-5\"");
    }
    if (!err)
        err = tsn_conf_text(c, item, "zone", false, 100, &zone);
    if (!err && zone && tsn_zone_load(c->arena, zone, &s->zone, c->diag)) {
        char code[8];
        memcpy(code, c->diag->code, sizeof code);
        err = tsn_yaml_fail(tsn_yaml_find(item, "zone"), c->diag, TSN_EINPUT, code,
                            "there is no time zone `%s`", zone);
    }
    if (!err && s->cron_text && tsn_cron_next(&s->cron, s->zone, 0) == 0)
        err = tsn_yaml_fail(tsn_yaml_find(item, "cron"), c->diag, TSN_EINPUT, "C030",
                            "`cron` never comes: there is no such day");
    return err;
}

static void drop(void *p)
{
    json_decref(p);
}

tsn_err tsn_conf_schedules(struct tsn_conf *c)
{
    static const char *const known[] = {"name", "every", "cron", "zone", "title", "inputs"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "schedules", false, &list, &n);
    struct tsn_schedule_config *all = tsn_arena_alloc(c->arena, (n + 1) * sizeof *all);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_schedule_config *s = &all[at];
        err = tsn_conf_item(c, i, "schedules");
        if (!err)
            err = tsn_yaml_known(i, "schedules", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &s->name);
        for (size_t k = 0; k < at && !err; k++)
            if (!strcmp(all[k].name, s->name))
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EINPUT, "C032",
                                    "there are two schedules `%s`", s->name);
        if (!err)
            err = tsn_conf_text(c, i, "title", false, 200, &s->title);
        if (!err)
            err = tsn_conf_duration(c, i, "every", false, 1000, INT64_C(366) * 86400 * 1000,
                                    &s->every_ms);
        if (!err)
            err = take_cron(c, i, s);
        const struct tsn_yaml *inputs = tsn_yaml_find(i, "inputs");
        if (!err && inputs && inputs->type != TSN_YAML_MAP)
            err = tsn_yaml_fail(inputs, c->diag, TSN_EINPUT, "C014",
                                "`inputs` must be a group of name: value");
        if (!err && inputs) {
            json_t *v = tsn_conf_json(inputs);
            s->inputs = v;
            tsn_arena_defer(c->arena, drop, v);
        }
        at++;
    }
    c->out->schedules = all;
    c->out->nschedules = at;
    return err;
}
