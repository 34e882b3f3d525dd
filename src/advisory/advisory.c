/* advisory.c - the actions advisory.draft and advisory.publish, for playbooks.
 *
 * Both are of effect `store`: rendered, judged and stored on the writer thread inside the
 * transaction that records the step's outcome. A playbook has asked people itself (approve{}), so
 * its publish goes through review and approval in one, bound to the digest that they saw. */
#include "advisory/advisory.h"

#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/advisory_life.h"
#include "casework/track.h"
#include "core/id.h"
#include "core/json.h"
#include "store/record_advisory.h"

static tsn_err draft(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                     int64_t now_ms, json_t **result, struct tsn_diag *diag)
{
    static const char *const known[] = {
        "template", "name",        "change",   "text",
        "title",    "summary",     "notes",    "references",
        "tlp",      "lang",        "severity", "acknowledgments",
        "verdicts", "remediation", "products", "vulnerabilities",
        "another",  "ssvc"};
    const struct tsn_advisory_ask ask = {.verb = "draft",
                                         .args = call->args,
                                         .service = "svc:advisory",
                                         .run = call->run,
                                         .step = call->path,
                                         .now_ms = now_ms};
    tsn_err err = json_is_object(call->args)
                      ? tsn_json_known(call->args, known, sizeof known / sizeof known[0], diag)
                      : 0;
    return err ? err : tsn_advisory_draft(st, arena, call->case_id, &ask, result, diag);
}

/* The advisory of the case: the one named by the step, else its newest. */
static tsn_err find(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                    struct tsn_rec_advisory *out, struct tsn_diag *diag)
{
    const char *name = tsn_json_str(call->args, "name", NULL);
    const struct tsn_filter filters[] = {
        {.column = "case_id", .cmp = TSN_CMP_EQ, .text = call->case_id},
        {.column = "name", .cmp = TSN_CMP_EQ, .text = name},
    };
    const struct tsn_list how = {.filters = filters,
                                 .nfilters = name ? 2 : 1,
                                 .order = "updated_at",
                                 .descending = true,
                                 .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_advisory, &how, &rows, &n);
    if (!err && n == 0) {
        return tsn_diag_set(diag, TSN_ENOTFOUND, "D005", "the case has no such advisory draft");
    }
    if (!err) {
        *out = *(struct tsn_rec_advisory *)rows;
    }
    return err;
}

static tsn_err publish(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_call *call, int64_t now_ms, json_t **result,
                       struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "digest", "summary", "status", "at"};
    struct tsn_rec_advisory a = {0};
    tsn_err err = json_is_object(call->args)
                      ? tsn_json_known(call->args, known, sizeof known / sizeof known[0], diag)
                      : 0;
    if (!err) {
        err = find(st, arena, call, &a, diag);
    }
    /* Exactly what was approved, and once: a second publish of the same text changes nothing. */
    const char *digest = tsn_json_str(call->args, "digest", NULL);
    const char *state = a.state ? a.state : "draft";
    if (!err && digest && strcmp(digest, a.digest ? a.digest : "") != 0) {
        err = tsn_diag_set(diag, TSN_ECONFLICT, "D007", "%s has changed since %.80s was shown",
                           a.name, digest);
    }
    if (!err && strcmp(state, "updating") != 0 && tsn_document_out(state)) {
        err = tsn_diag_set(diag, TSN_ECONFLICT, "D007", "%s is already published", a.name);
    }
    if (err) {
        return err;
    }
    json_t *args = json_object();
    static const char *const from[] = {"summary", "status", "at"}, *const to[] = {"change",
                                                                                  "status",
                                                                                  "at"};
    for (size_t i = 0; i < 3; i++) {
        json_t *v = json_object_get(call->args, from[i]);
        if (v) {
            json_object_set(args, to[i], v);
        }
    }
    const struct tsn_advisory_ask ask = {.verb = "publish",
                                         .ref = a.id,
                                         .args = args,
                                         .service = "svc:advisory",
                                         .run = call->run,
                                         .step = call->path,
                                         .now_ms = now_ms};
    err = tsn_advisory_approved(st, arena, &ask, diag);
    if (!err) {
        err = tsn_advisory_act(st, arena, &ask, result, diag);
    }
    if (!err) { /* does the publication tell somebody? */
        json_object_set_new(*result, "lists",
                            json_integer((json_int_t)json_array_size(tsn_advisory_env.lists)));
    }
    json_decref(args);
    return err;
}

/* { name, reason }: one more version of what is out says that it no longer holds. */
static tsn_err withdraw(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_call *call, int64_t now_ms, json_t **result,
                        struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "reason"};
    struct tsn_rec_advisory a = {0};
    tsn_err err = json_is_object(call->args) ? tsn_json_known(call->args, known, 2, diag) : 0;
    if (!err) {
        err = find(st, arena, call, &a, diag);
    }
    if (err) {
        return err;
    }
    json_t *args = json_pack("{s:s}", "reason", tsn_json_str(call->args, "reason", ""));
    const struct tsn_advisory_ask ask = {.verb = "withdraw",
                                         .ref = a.id,
                                         .args = args,
                                         .service = "svc:advisory",
                                         .run = call->run,
                                         .step = call->path,
                                         .now_ms = now_ms};
    err = tsn_advisory_act(st, arena, &ask, result, diag);
    json_decref(args);
    return err;
}

/* { cve? } -> { cve, container, reference } of what is out: a record never comes before its public
 * reference, so a draft has none. */
static tsn_err cve(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                   int64_t now_ms, json_t **result, struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "cve"};
    struct tsn_rec_advisory a = {0};
    struct tsn_rec_release r;
    json_t *model = NULL, *csaf = NULL, *v, *ref;
    size_t i;
    (void)now_ms;
    tsn_err err = json_is_object(call->args) ? tsn_json_known(call->args, known, 2, diag) : 0;
    if (!err) {
        err = find(st, arena, call, &a, diag);
    }
    if (!err) {
        err = tsn_advisory_last(st, arena, a.id, &r);
        if (err == TSN_ENOTFOUND || (!err && strcmp(r.state, "committed") == 0)) {
            err = tsn_diag_set(diag, TSN_ECONFLICT, "D108",
                               "%s is not out: a CVE record never comes before its advisory",
                               a.name);
        }
    }
    if (!err) {
        err = tsn_json_parse(r.model, strlen(r.model), &model, diag);
    }
    if (!err) {
        err = tsn_csaf_render(model, tsn_advisory_env.publisher, TSN_CSAF_WIDE, &csaf, diag);
    }
    const char *wanted = tsn_json_str(call->args, "cve", NULL), *url = NULL;
    json_array_foreach(json_object_get(json_object_get(csaf, "document"), "references"), i, ref)
    {
        bool self = strcmp(tsn_json_str(ref, "category", ""), "self") == 0;
        url = self ? tsn_json_str(ref, "url", "") : url;
    }
    json_array_foreach(json_object_get(csaf, "vulnerabilities"), i, v)
    {
        const char *id = tsn_json_str(v, "cve", NULL);
        if (id && !*result && (!wanted || strcmp(id, wanted) == 0)) {
            json_t *record = tsn_as_cve_record(csaf, v, tsn_advisory_env.publisher);
            *result = json_pack("{s:s,s:O,s:s?}", "cve", id, "container",
                                json_object_get(json_object_get(record, "containers"), "cna"),
                                "reference", url);
            json_decref(record);
        }
    }
    if (!err && !*result) {
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "D100",
                           "%s has no vulnerability with the id %.40s", a.name,
                           wanted ? wanted : "CVE-...");
    }
    json_decref(model);
    json_decref(csaf);
    return err;
}

/* A draft that an approval shows: a ULID with a digest. */
static tsn_err living(void *user, struct tsn_store *st, struct tsn_arena *arena,
                      const char *case_id, const json_t *part, json_t **now)
{
    const char *id = tsn_json_str(part, "id", "");
    struct tsn_rec_advisory row;
    (void)user;
    if (!tsn_id_valid(id))
        return TSN_ENOTFOUND;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_advisory, id, &row);
    if (err)
        return err;
    if (!row.case_id || strcmp(row.case_id, case_id) != 0)
        return TSN_ENOTFOUND;
    *now =
        json_pack("{s:s, s:s, s:s, s:I, s:s}", "id", row.id, "name", row.name ? row.name : "",
                  "digest", row.digest ? row.digest : "", "version", (json_int_t)row.version,
                  "markdown", row.markdown ? row.markdown : "");
    json_t *csaf = NULL;
    if (row.csaf && tsn_json_parse(row.csaf, strlen(row.csaf), &csaf, NULL) == 0) {
        const json_t *doc = json_object_get(csaf, "document");
        json_object_set_new(*now, "title", json_string(tsn_json_str(doc, "title", "")));
        json_object_set_new(
            *now, "number",
            json_string(tsn_json_str(json_object_get(doc, "tracking"), "version", "")));
        json_object_set_new(*now, "csaf", csaf);
    }
    return 0;
}

tsn_err tsn_advisory_register(struct tsn_registry *r, const struct tsn_publisher *publisher,
                              const json_t *products)
{
    tsn_advisory_env.publisher = publisher;
    tsn_advisory_env.products = products;
    const struct tsn_action actions[] = {
        {.name = "advisory.draft",
         .summary = "Draft an advisory of the case as CSAF and Markdown",
         .effect = TSN_EFFECT_STORE,
         .apply = draft},
        {.name = "advisory.publish",
         .summary = "Publish the advisory of the case, as it was approved",
         .effect = TSN_EFFECT_STORE,
         .irreversible = true,
         .apply = publish},
        {.name = "advisory.withdraw",
         .summary = "Withdraw an advisory of the case that is out, with the reason",
         .effect = TSN_EFFECT_STORE,
         .irreversible = true,
         .apply = withdraw},
        {.name = "advisory.cve",
         .summary = "CNA container of a CVE id of the advisory, once that is out",
         .effect = TSN_EFFECT_STORE,
         .apply = cve},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        tsn_err err = tsn_registry_add(r, &actions[i]);
        if (err) {
            return err;
        }
    }
    return tsn_registry_add_living(r, living, NULL);
}
