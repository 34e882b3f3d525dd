/* advisory_case.c - a drafting case from a file to a CSAF draft, by the same rendering and the
 * same checks as the action advisory.draft. Pure; no clock: the same file gives the same bytes. */
#include "advisory/advisory.h"
#include "core/json.h"

/* Tracking of a draft that nobody has released, where the case does not bring its own. */
static json_t *first_tracking(const json_t *file)
{
    const char *when = tsn_json_str(file, "initial_release", NULL);
    const char *id = tsn_json_str(file, "source_document", NULL);
    if (!when || !id) {
        return NULL;
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:s}]}", "id", id, "version", "0",
                     "status", "draft", "initial", when, "current", when, "history", "number",
                     "0", "date", when, "summary", "Draft");
}

tsn_err tsn_advisory_case_model(const json_t *file, const struct tsn_publisher *publisher,
                                struct tsn_publisher *named, json_t **model,
                                struct tsn_diag *diag)
{
    *model = NULL;
    const json_t *own = json_object_get(file, "publisher");
    *named = (struct tsn_publisher){.name = tsn_json_str(own, "name", NULL),
                                    .namespace_url = tsn_json_str(own, "namespace", NULL),
                                    .contact = tsn_json_str(own, "contact_details", NULL),
                                    .category = tsn_json_str(own, "category", NULL)};
    if (publisher) {
        *named = *publisher;
    }
    if (!json_is_object(file)) {
        return tsn_diag_set(diag, TSN_EINPUT, "D002", "a drafting case is a JSON object");
    }
    if (!named->name || !named->namespace_url) {
        tsn_diag_hint(diag, "Give --config, or publisher { name, namespace } in the case.");
        return tsn_diag_set(diag, TSN_EINPUT, "D002", "the case names no publisher");
    }
    *model = json_deep_copy(file);
    if (!json_object_get(*model, "tracking")) {
        json_t *tracking = first_tracking(file);
        if (tracking) {
            json_object_set_new(*model, "tracking", tracking);
        }
    }
    return 0;
}
