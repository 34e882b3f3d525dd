/* ops_case.c - what playbooks have as actions of their own, for people: set facts, close. Store thread. */
#include "casework/living.h"

#include <string.h>
#include "core/cwe.h"
#include "core/json.h"

/* The change wrote the row and its entry itself: go on from what it left. */
static tsn_err again(struct tsn_case_work *w, int64_t seq, struct tsn_diag *diag)
{
    tsn_err err = tsn_case_load(w->st, w->arena, w->c.id, &w->c, diag);
    if (err)
        return err;
    json_decref(w->facts);
    w->facts = tsn_case_facts(&w->c);
    w->seq = seq >= 0 ? seq : w->seq;
    return 0;
}

/* case.set{ severity, product, tlp, title, and any fact } */
static tsn_err op_set(struct tsn_case_work *w, const json_t *args, json_t **result,
                      struct tsn_diag *diag)
{
    json_t *changes = args ? json_copy((json_t *)(uintptr_t)args) : json_object();
    json_t *changed = NULL;
    const char *cwe = tsn_json_str(args, "cwe", NULL), *warn = NULL;
    int64_t seq = -1;
    json_object_del(changes, "approval");
    tsn_err err = json_object_size(changes) == 0
                      ? tsn_case_bad(diag, "case.set", "nothing is to be set")
                      : tsn_case_change(w->st, w->arena, w->config, w->c.id, changes, &w->by,
                                        &seq, &changed, diag);
    if (!err)
        err = again(w, seq, diag);
    if (!err && cwe)
        (void)tsn_cwe_judge(cwe, &warn, NULL);
    if (!err)
        *result = json_pack("{s:O, s:s*}", "changed", changed, "warning", warn);
    json_decref(changed);
    json_decref(changes);
    return err;
}

/* case.close{ resolution, reason } */
static tsn_err op_close(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *resolution = tsn_json_str(args, "resolution", "");
    int64_t seq = -1;
    tsn_err err =
        tsn_case_close(w->st, w->arena, w->c.id, resolution, tsn_json_str(args, "reason", NULL),
                       &w->by, w->now_ms, &seq, diag);
    if (!err)
        err = again(w, seq, diag);
    if (!err)
        *result = json_pack("{s:s, s:s}", "state", "closed", "resolution", resolution);
    return err;
}

/* case.facts{ names }: what is known now; an approval that shows it is void when it changes. */
static tsn_err op_facts(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const json_t *names = json_object_get(args, "names"), *one;
    const char *list = json_is_string(names) ? json_string_value(names) : "";
    bool ok = !names || json_is_string(names) || json_is_array(names);
    for (size_t i = 0; ok && i < json_array_size(names); i++) {
        one = json_array_get(names, i);
        ok = tsn_case_word(json_string_value(one), 64);
        list = tsn_arena_printf(w->arena, "%s%s%s", list, i ? "," : "",
                                ok ? json_string_value(one) : "");
    }
    if (!ok || strlen(list) > 2000)
        return tsn_case_bad(diag, "case.facts", "`names` is a list of facts");
    *result = tsn_living_facts(w, list);
    return 0;
}

const struct tsn_case_op tsn_ops_case[] = {
    {"case.set", "Severity, product, TLP, title and facts", TSN_OP_WORK, "*", op_set},
    {"case.close", "Nothing more is done; a resolution says why", TSN_OP_WORK,
     "resolution! reason!", op_close},
    {"case.facts", "What is known of the case now", TSN_OP_WORK, "names", op_facts},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
