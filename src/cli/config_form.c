/* config_form.c - the `form:` section: the public form, its promises and limits. */
#include "cli/config_int.h"

#define DAY_MS (INT64_C(86400) * 1000)

tsn_err tsn_conf_form(struct tsn_conf *c)
{
    static const char *const known[] = {
        "listen", "texts",  "policy",           "coordinator", "coordinator_url",
        "answer", "update", "reports_per_hour", "per_network", "proxies"};
    struct tsn_form_config *f = &c->out->form;
    const struct tsn_yaml *map;
    size_t n;
    tsn_err err = tsn_conf_map(c, "form", &map);
    f->organisation = c->out->organisation;
    f->mail = tsn_conf_address(c->arena, c->out->mail.from);
    f->key_file = tsn_arena_printf(c->arena, "%s/form.key", c->out->data_dir);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "form", known, TSN_CONF_COUNT(known), c->diag);
    if (!err && !tsn_yaml_find(map, "listen")) {
        err = tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C013", "`listen` is missing in `form`");
        tsn_diag_hint(c->diag, "an address of its own: listen: 127.0.0.1:8430");
    }
    if (!err)
        err = tsn_conf_listen(c, map, "listen", &f->listen);
    if (!err)
        err = tsn_conf_path(c, map, "texts", false, &f->text_dir);
    if (!err)
        err = tsn_conf_url(c, map, "policy", false, TSN_URL_WEB, &f->policy_url);
    if (!err)
        err = tsn_conf_text(c, map, "coordinator", false, 200, &f->coordinator);
    if (!err)
        err = tsn_conf_url(c, map, "coordinator_url", false, TSN_URL_WEB, &f->coordinator_url);
    if (!err)
        err =
            tsn_conf_duration(c, map, "answer", false, 3600 * 1000, 30 * DAY_MS, &f->answer_ms);
    if (!err)
        err =
            tsn_conf_duration(c, map, "update", false, 3600 * 1000, 90 * DAY_MS, &f->update_ms);
    if (!err)
        err = tsn_yaml_int(map, "reports_per_hour", false, 1, 100000, &f->reports_per_hour,
                           c->diag);
    if (!err)
        err = tsn_yaml_int(map, "per_network", false, 1, 100000, &f->per_network, c->diag);
    return err ? err : tsn_yaml_strs(c->arena, map, "proxies", false, &f->proxies, &n, c->diag);
}
