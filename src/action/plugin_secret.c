/* plugin_secret.c - what a plugin is told of secrets: the values of handles in its own settings.
 *
 * It asks when it needs one; a value that changes later is sent again. Loop thread.
 */
#include <string.h>

#include "action/plugin_express.h"
#include "action/plugin_int.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"

#define SECRETS_MAX 100

static void give_secret(struct plugin *p, const char *handle)
{
    const char *value = NULL;
    struct tsn_diag diag;
    bool granted = tsn_secret_is_handle(handle) && tsn_plugin_names(p->settings, handle);

    tsn_diag_init(&diag);
    if (!granted)
        (void)tsn_diag_set(&diag, TSN_EDENIED, "K004", "the settings of %s do not name `%.80s`",
                           p->manifest.name, handle);
    else if (!(value = tsn_secret_get(handle, NULL)))
        (void)tsn_secret_missing(handle, &diag);
    if (value)
        tsn_plugin_send(p, json_pack("{s:s, s:s, s:s}", "type", "secret", "handle", handle,
                                     "value", value));
    else
        tsn_plugin_send(p, json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "secret", "handle",
                                     handle, "error", "code", diag.code, "message", diag.what));
    if (!value)
        tsn_log(TSN_LOG_WARN, "plugin.no_secret", "plugin", p->manifest.name, "why", diag.what,
                "hint", diag.hint, NULL);
}

void tsn_plugin_secret(struct plugin *p, const json_t *m)
{
    const char *handle = tsn_json_str(m, "handle", "");
    size_t i;
    json_t *one;

    if (!p->asked)
        p->asked = json_array();
    json_array_foreach(p->asked, i, one)
    {
        if (strcmp(json_string_value(one), handle) == 0)
            break;
    }
    if (i == json_array_size(p->asked) && i < SECRETS_MAX)
        json_array_append_new(p->asked, json_string(handle));
    give_secret(p, handle);
}

/* A value has changed: whoever asked for the old one gets the new one. */
void tsn_plugin_secret_changed(void *user, const char *handle)
{
    struct tsn_plugins *host = user;

    for (struct plugin *p = host->list; p; p = p->next) {
        size_t i;
        json_t *one;

        json_array_foreach(p->asked, i, one)
        {
            if (p->child && strcmp(json_string_value(one), handle) == 0)
                give_secret(p, handle);
        }
    }
}
