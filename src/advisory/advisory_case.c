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

static tsn_err accepted(const json_t *csaf, struct tsn_diag *diag)
{
    json_t *findings = NULL;
    tsn_err err = tsn_csaf_check(csaf, &findings);
    const json_t *f = json_array_get(findings, 0);
    if (!err && f) {
        err = tsn_diag_set(diag, TSN_EINPUT, "D001", "CSAF 2.0 refuses it: %.40s %.80s: %.150s",
                           tsn_json_str(f, "test", ""), tsn_json_str(f, "pointer", ""),
                           tsn_json_str(f, "message", ""));
        tsn_diag_hint(diag, "%zu findings in all.", json_array_size(findings));
    }
    json_decref(findings);
    return err;
}

tsn_err tsn_advisory_from_case(const json_t *file, const struct tsn_publisher *publisher,
                               json_t **csaf, struct tsn_diag *diag)
{
    *csaf = NULL;
    const json_t *named = json_object_get(file, "publisher");
    const struct tsn_publisher own = {.name = tsn_json_str(named, "name", NULL),
                                      .namespace_url = tsn_json_str(named, "namespace", NULL),
                                      .contact = tsn_json_str(named, "contact_details", NULL),
                                      .category = tsn_json_str(named, "category", NULL)};
    if (!json_is_object(file)) {
        return tsn_diag_set(diag, TSN_EINPUT, "D002", "a drafting case is a JSON object");
    }
    publisher = publisher ? publisher : &own;
    if (!publisher->name || !publisher->namespace_url) {
        tsn_diag_hint(diag, "Give --config, or publisher { name, namespace } in the case.");
        return tsn_diag_set(diag, TSN_EINPUT, "D002", "the case names no publisher");
    }
    json_t *model = json_deep_copy(file);
    if (!json_object_get(model, "tracking")) {
        json_t *tracking = first_tracking(file);
        if (tracking) {
            json_object_set_new(model, "tracking", tracking);
        }
    }
    tsn_err err = tsn_csaf_render(model, publisher, csaf, diag);
    if (!err) {
        err = accepted(*csaf, diag);
    }
    if (err) {
        json_decref(*csaf);
        *csaf = NULL;
    }
    json_decref(model);
    return err;
}
