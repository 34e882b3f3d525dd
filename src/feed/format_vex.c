/* format_vex.c - OpenVEX 0.2, the vulnerabilities of a CycloneDX document, entries of news feeds. */
#include <string.h>
#include "core/json.h"
#include "feed/format.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* --- OpenVEX -------------------------------------------------------------------------------- */

/* "@id" or identifiers.purl; the product may be a plain string too (0.0.1). */
static const char *product_id(const json_t *p)
{
    if (json_is_string(p)) {
        return json_string_value(p);
    }
    const char *purl = text(json_object_get(p, "identifiers"), "purl");
    return *purl ? purl : text(p, "@id");
}

static void about(struct tsn_arena *arena, const struct tsn_sink *sink, struct tsn_claim c,
                  const char *id, const char *inside)
{
    const char *version = "";
    c.inside = inside;
    if (!tsn_package_of_purl(arena, id, &c.package, &version)) {
        c.package.type = NULL;
        c.product = id;
    }
    c.span = *version ? TSN_SPAN_EXACT : TSN_SPAN_ALL;
    c.version = version;
    sink->claim(sink->user, &c);
}

static void openvex_statement(struct tsn_arena *arena, const json_t *doc, const json_t *st,
                              size_t i, const struct tsn_sink *sink)
{
    static const char *const status[] = {"affected", "under_investigation", "fixed",
                                         "not_affected"};
    const json_t *v = json_object_get(st, "vulnerability");
    const char *vuln = json_is_string(v)  ? json_string_value(v)
                       : *text(v, "name") ? text(v, "name")
                                          : text(v, "@id");
    const char *said = text(st, "status"), *why = text(st, "justification");
    size_t stance = 0, k, m;
    json_t *p, *sub;
    while (stance < 4 && strcmp(status[stance], said) != 0) {
        stance++;
    }
    if (stance == 4 || !*vuln) {
        return;
    }
    const struct tsn_record r = {.id = vuln,
                                 .source = "openvex",
                                 .publisher = text(doc, "author"),
                                 .ns = text(doc, "@id"),
                                 .title = "",
                                 .url = text(doc, "@id"),
                                 .modified = text(doc, "timestamp"),
                                 .severity = "",
                                 .vector = "",
                                 .vex = true};
    sink->record(sink->user, &r);
    why = *why ? why : text(st, "impact_statement");
    struct tsn_claim c = {.stance = (enum tsn_stance)stance,
                          .vuln = vuln,
                          .justification = *why ? why : NULL,
                          .pointer = tsn_arena_printf(arena, "/statements/%zu", i)};
    json_array_foreach(json_object_get(st, "products"), k, p)
    {
        const json_t *subs = json_object_get(p, "subcomponents");
        const char *id = product_id(p);
        if (json_array_size(subs) == 0) {
            about(arena, sink, c, id, NULL);
        }
        json_array_foreach(subs, m, sub)
        {
            about(arena, sink, c, product_id(sub), id);
        }
    }
}

tsn_err tsn_read_openvex(struct tsn_arena *arena, const json_t *doc,
                         const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const json_t *list = json_object_get(doc, "statements");
    size_t i;
    json_t *st;
    if (!json_is_array(list)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "/statements is no list");
    }
    json_array_foreach(list, i, st)
    {
        openvex_statement(arena, doc, st, i, sink);
    }
    return 0;
}

/* --- CycloneDX ------------------------------------------------------------------------------ */

static void index_refs(json_t *refs, const json_t *list)
{
    size_t i;
    json_t *c;
    json_array_foreach(list, i, c)
    {
        const char *ref = text(c, "bom-ref");
        if (*ref) {
            json_object_set(refs, ref, c);
        }
        index_refs(refs, json_object_get(c, "components"));
    }
}

static bool stance_of(const json_t *analysis, enum tsn_stance *out)
{
    static const struct {
        const char *state;
        enum tsn_stance stance;
    } states[] = {
        {"exploitable", TSN_STANCE_AFFECTED},
        {"in_triage", TSN_STANCE_INVESTIGATED},
        {"resolved", TSN_STANCE_FIXED},
        {"resolved_with_pedigree", TSN_STANCE_FIXED},
        {"not_affected", TSN_STANCE_NOT_AFFECTED},
        {"false_positive", TSN_STANCE_NOT_AFFECTED},
    };
    const char *state = text(analysis, "state");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(states[i].state, state) == 0) {
            *out = states[i].stance;
            return true;
        }
    }
    return false;
}

static void one_ref(struct tsn_arena *arena, const struct tsn_sink *sink, struct tsn_claim c,
                    const json_t *refs, const char *ref)
{
    const char *hash = strchr(ref, '#'), *version = "", *purl;
    const json_t *o = json_object_get(refs, ref);
    o = o || !hash ? o : json_object_get(refs, hash + 1); /* urn:cdx:serial/1#ref */
    c.ref = hash && strncmp(ref, "urn:", 4) == 0 ? hash + 1 : ref;
    purl = o ? text(o, "purl") : ref;
    c.package.type = NULL;
    if (!tsn_package_of_purl(arena, purl, &c.package, &version)) {
        c.package.type = NULL;
        c.product = o ? text(o, "name") : c.ref;
        c.vendor = o && *text(o, "group") ? text(o, "group") : NULL;
        version = o ? text(o, "version") : "";
    }
    c.span = *version ? TSN_SPAN_EXACT : TSN_SPAN_ALL;
    c.version = version;
    sink->claim(sink->user, &c);
}

tsn_err tsn_read_cyclonedx(struct tsn_arena *arena, const json_t *doc,
                           const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const json_t *meta = json_object_get(doc, "metadata"),
                 *root = json_object_get(meta, "component");
    json_t *refs = json_object(), *v, *a;
    size_t i, k;
    (void)diag;
    if (root && *text(root, "bom-ref")) {
        json_object_set(refs, text(root, "bom-ref"), (json_t *)(uintptr_t)root);
        index_refs(refs, json_object_get(root, "components"));
    }
    index_refs(refs, json_object_get(doc, "components"));
    json_array_foreach(json_object_get(doc, "vulnerabilities"), i, v)
    {
        const json_t *analysis = json_object_get(v, "analysis");
        const char *id = text(v, "id"), *why = text(analysis, "justification");
        enum tsn_stance stance;
        if (!*id || !stance_of(analysis, &stance)) {
            continue;
        }
        const struct tsn_record r = {.id = id,
                                     .source = "cyclonedx",
                                     .publisher =
                                         text(json_object_get(meta, "supplier"), "name"),
                                     .ns = text(doc, "serialNumber"),
                                     .title = "",
                                     .url = "",
                                     .modified = text(meta, "timestamp"),
                                     .severity = "",
                                     .vector = "",
                                     .vex = true};
        sink->record(sink->user, &r);
        why = *why ? why : text(analysis, "detail");
        const struct tsn_claim c = {.stance = stance,
                                    .vuln = id,
                                    .justification = *why ? why : NULL,
                                    .pointer =
                                        tsn_arena_printf(arena, "/vulnerabilities/%zu", i)};
        json_array_foreach(json_object_get(v, "affects"), k, a)
        {
            one_ref(arena, sink, c, refs, text(a, "ref"));
        }
    }
    json_decref(refs);
    return 0;
}

/* --- entries of news feeds -------------------------------------------------------------------- */

/* A pointer: names, and no claim about any package. */
tsn_err tsn_read_entry(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                       struct tsn_diag *diag)
{
    (void)arena;
    (void)diag;
    const struct tsn_record r = {.id = text(doc, "id"),
                                 .source = "entry",
                                 .publisher = "",
                                 .ns = "",
                                 .upstream = json_object_get(doc, "ids"),
                                 .title = text(doc, "title"),
                                 .url = text(doc, "url"),
                                 .modified = text(doc, "updated"),
                                 .severity = "",
                                 .vector = ""};
    sink->record(sink->user, &r);
    return 0;
}
