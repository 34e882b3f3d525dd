/* advisory.c - the actions advisory.draft and advisory.publish.
 *
 * Both are of effect `store`: rendered, judged and stored on the writer thread inside the
 * transaction that records the step's outcome. An advisory is one row; drafting again or
 * publishing replaces it with version n+1, and the log keeps what each step returned. */
#include "advisory/advisory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/advisory_model.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"

#define MARKDOWN_MAX (4u << 20)

/* What the actions were registered with: one configuration a process, borrowed, set before the
 * threads start and only read afterwards. */
static struct {
    const struct tsn_publisher *publisher;
    const json_t *products;
} env;

/* The advisory of the case: the one named by the step, else its newest. */
static tsn_err find(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                    struct tsn_rec_advisory *out)
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
        err = TSN_ENOTFOUND;
    }
    if (!err) {
        *out = *(struct tsn_rec_advisory *)rows;
    }
    return err;
}

static tsn_err entry(struct tsn_store *st, const struct tsn_call *call, const char *kind,
                     const struct tsn_rec_advisory *a, const char *tlp)
{
    json_t *v = json_pack("{s:s,s:I,s:s}", "name", a->name, "version", (json_int_t)a->version,
                          "digest", a->digest);
    char *text = tsn_json_text(v);
    json_decref(v);
    const struct tsn_field field = {.name = "result", .data = text, .len = strlen(text)};
    struct tsn_append in = TSN_APPEND_INIT;
    int64_t seq;
    in.kind = kind;
    in.actor = "svc:advisory";
    in.auth = "svc";
    in.case_id = call->case_id;
    in.run = call->run;
    in.case_chain = true;
    in.step = call->path;
    in.outcome = "ok";
    in.tlp = tlp;
    in.fields = &field;
    in.nfields = 1;
    tsn_err err = tsn_store_append(st, &in, &seq);
    free(text);
    return err;
}

/* Judges, renders the Markdown, stores the row as the next version, writes the entry. */
static tsn_err store(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                     const char *kind, json_t *csaf, struct tsn_rec_advisory *a, int64_t now_ms,
                     json_t **result, struct tsn_diag *diag)
{
    struct tsn_buf markdown;
    tsn_buf_init(&markdown, MARKDOWN_MAX);
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    char *text = NULL;
    tsn_err err = tsn_advisory_accepted(csaf, diag);
    if (!err) {
        err = tsn_advisory_markdown(csaf, &markdown);
    }
    if (err) {
        goto out;
    }
    text = tsn_json_text(csaf);
    tsn_sha256_once(hash, text, strlen(text));
    tsn_hex(hex, hash, sizeof hash);
    a->digest = tsn_arena_printf(arena, "sha256:%s", hex);
    a->csaf = text;
    a->markdown = markdown.data;
    a->version++;
    a->updated_at = now_ms;
    tsn_fault("advisory.store");
    err = tsn_store_put(st, &tsn_table_advisory, a);
    const json_t *doc = json_object_get(csaf, "document");
    if (!err) {
        const json_t *tlp = json_object_get(json_object_get(doc, "distribution"), "tlp");
        err = entry(st, call, kind, a, tsn_json_str(tlp, "label", NULL));
    }
    if (!err) {
        *result =
            json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:O}", "id", a->id, "name", a->name, "version",
                      (json_int_t)a->version, "digest", a->digest, "title",
                      tsn_json_str(doc, "title", ""), "markdown", markdown.data, "csaf", csaf);
    }
out:
    free(text);
    tsn_buf_free(&markdown);
    return err;
}

/* "ACME-SA-2026-001" from the counter of the year. */
static tsn_err new_name(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                        const char **out)
{
    char when[25];
    int64_t n = 0;
    tsn_time_format(when, now_ms);
    const char *prefix = env.publisher->prefix ? env.publisher->prefix : "SA";
    char *counter = tsn_arena_printf(arena, "advisory-%.4s", when);
    tsn_err err = tsn_store_next(st, counter, &n);
    *out = tsn_arena_printf(arena, "%s-%.4s-%03lld", prefix, when, (long long)n);
    return err;
}

static tsn_err parse(const char *text, json_t **out, struct tsn_diag *diag)
{
    *out = NULL;
    return text && *text ? tsn_json_parse(text, strlen(text), out, diag) : 0;
}

static tsn_err draft(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                     int64_t now_ms, json_t **result, struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    struct tsn_rec_advisory a = {0};
    json_t *facts = NULL, *previous = NULL, *model = NULL, *csaf = NULL;
    char id[TSN_ULID_LEN + 1];
    static const char *const known[] = {
        "template", "name",        "change",   "text",           "title",    "summary",
        "notes",    "references",  "tlp",      "lang",           "severity", "acknowledgments",
        "verdicts", "remediation", "products", "vulnerabilities"};
    tsn_err err = json_is_object(call->args)
                      ? tsn_json_known(call->args, known, sizeof known / sizeof known[0], diag)
                      : 0;
    if (!err) {
        err = tsn_store_get(st, arena, &tsn_table_case, call->case_id, &c);
    }
    if (!err) {
        err = find(st, arena, call, &a);
        if (err == TSN_ENOTFOUND && tsn_json_str(call->args, "name", NULL)) {
            err = tsn_diag_set(diag, TSN_ENOTFOUND, "D005", "the case has no advisory `%.60s`",
                               tsn_json_str(call->args, "name", ""));
        } else if (err == TSN_ENOTFOUND) {
            tsn_id_new(id);
            a = (struct tsn_rec_advisory){.id = id, .case_id = call->case_id};
            err = new_name(st, arena, now_ms, &a.name);
        }
    }
    if (!err) {
        err = parse(c.facts, &facts, diag);
    }
    if (!err) {
        err = parse(a.csaf, &previous, diag);
    }
    if (!err) {
        const struct tsn_advisory_wish wish = {.rcase = &c,
                                               .facts = facts,
                                               .args = call->args,
                                               .products = env.products,
                                               .publisher = env.publisher,
                                               .name = a.name,
                                               .previous = previous,
                                               .now_ms = now_ms};
        err = tsn_advisory_model(&wish, &model, diag);
    }
    if (!err) {
        err = tsn_csaf_render(model, env.publisher, TSN_CSAF_20, &csaf, diag);
    }
    if (!err) {
        a.state = "draft";
        err = store(st, arena, call, "advisory.drafted", csaf, &a, now_ms, result, diag);
    }
    json_decref(facts);
    json_decref(previous);
    json_decref(model);
    json_decref(csaf);
    return err;
}

static tsn_err publish(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_call *call, int64_t now_ms, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_advisory a = {0};
    json_t *csaf = NULL;
    static const char *const known[] = {"name", "digest", "summary"};
    tsn_err err = json_is_object(call->args)
                      ? tsn_json_known(call->args, known, sizeof known / sizeof known[0], diag)
                      : 0;
    if (!err) {
        err = find(st, arena, call, &a);
        if (err == TSN_ENOTFOUND) {
            err = tsn_diag_set(diag, err, "D005", "the case has no such advisory draft");
        }
    }
    /* Exactly what was approved, and once: a second publish of the same text changes nothing. */
    const char *digest = tsn_json_str(call->args, "digest", NULL);
    if (!err && digest && strcmp(digest, a.digest ? a.digest : "") != 0) {
        err = tsn_diag_set(diag, TSN_ECONFLICT, "D007", "%s has changed since %.80s was shown",
                           a.name, digest);
    }
    if (!err && strcmp(a.state ? a.state : "", "final") == 0) {
        err = tsn_diag_set(diag, TSN_ECONFLICT, "D007", "%s is already published", a.name);
    }
    if (!err) {
        err = parse(a.csaf, &csaf, diag);
    }
    if (!err && !csaf) {
        err = tsn_diag_set(diag, TSN_EINPUT, "D005", "%s cannot be read any more", a.name);
    }
    if (!err) {
        tsn_advisory_release(csaf, tsn_json_str(call->args, "summary", NULL), now_ms);
        a.state = "final";
        err = store(st, arena, call, "advisory.published", csaf, &a, now_ms, result, diag);
    }
    json_decref(csaf);
    return err;
}

tsn_err tsn_advisory_register(struct tsn_registry *r, const struct tsn_publisher *publisher,
                              const json_t *products)
{
    env.publisher = publisher;
    env.products = products;
    const struct tsn_action actions[] = {
        {.name = "advisory.draft",
         .summary = "Draft an advisory of the case as CSAF and Markdown",
         .effect = TSN_EFFECT_STORE,
         .apply = draft},
        {.name = "advisory.publish",
         .summary = "Mark the advisory of the case as final",
         .effect = TSN_EFFECT_STORE,
         .irreversible = true,
         .apply = publish},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        tsn_err err = tsn_registry_add(r, &actions[i]);
        if (err) {
            return err;
        }
    }
    return 0;
}
