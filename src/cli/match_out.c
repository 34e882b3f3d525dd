/* match_out.c - see match_out.h. Owns nothing. One thread. */
#include "cli/match_out.h"

#include <stdlib.h>
#include <string.h>
#include "cli/out.h"
#include "cli/sarif.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* Strings of a list, or one member of its objects, with blanks between. */
static const char *joined(struct tsn_cli *cli, const json_t *list, const char *key,
                          const char *between)
{
    struct tsn_buf b;
    size_t i;
    json_t *v;
    tsn_buf_init(&b, 65536);
    (void)tsn_buf_puts(&b, "");
    json_array_foreach(list, i, v)
    {
        const char *s = key ? text(v, key) : json_string_value(v);
        (void)tsn_buf_printf(&b, "%s%s", b.len ? between : "", s ? s : "");
    }
    const char *out = tsn_arena_strdup(cli->arena, b.data);
    tsn_buf_free(&b);
    return out;
}

/* --- table ------------------------------------------------------------------------------------- */

static const char *shown_state(const json_t *m)
{
    const char *state = text(m, "state");
    return strcmp(state, "affected") == 0 ? text(m, "certainty") : state;
}

static enum tsn_style style_of_state(const char *state)
{
    return strcmp(state, "certain") == 0  ? TSN_RED
           : strcmp(state, "likely") == 0 ? TSN_YELLOW
                                          : TSN_DIM;
}

static void table(struct tsn_cli *cli, const struct tsn_sbom *sbom, const json_t *result)
{
    static const char *const heads[] = {"match",   "severity", "vulnerability", "component",
                                        "version", "fixed in", "said by"};
    const json_t *matches = json_object_get(result, "matches"),
                 *counts = json_object_get(result, "counts");
    size_t i;
    json_t *m;
    if (json_array_size(matches) > 0) {
        struct tsn_grid *g = tsn_grid_new(cli, 7);
        for (size_t k = 0; k < 7; k++)
            tsn_grid_cell(g, TSN_DIM, heads[k]);
        json_array_foreach(matches, i, m)
        {
            const json_t *c = json_object_get(m, "component");
            const char *state = shown_state(m), *severity = text(m, "severity");
            const char *id = text(m, "id"),
                       *fixed = joined(cli, json_object_get(m, "fixed"), NULL, ", ");
            if (json_is_true(json_object_get(m, "exploited")))
                id = tsn_arena_printf(cli->arena, "%s (exploited)", id);
            tsn_grid_cell(g, style_of_state(state), state);
            tsn_grid_cell(g, tsn_out_style_of(severity), severity);
            tsn_grid_cell(g, TSN_BOLD, id);
            tsn_grid_cell(g, TSN_PLAIN, text(c, "name"));
            tsn_grid_cell(g, TSN_PLAIN, text(c, "version"));
            tsn_grid_cell(g, TSN_PLAIN, *fixed ? fixed : "-");
            tsn_grid_cell(g, TSN_PLAIN, joined(cli, json_object_get(m, "records"), "id", " "));
        }
        tsn_grid_print(g, stdout, 0);
    }
    tsn_out_say(
        cli,
        "%s %s: %zu components, %lld records: %lld affected, %lld that nobody can decide, "
        "%lld suppressed, %lld retracted.",
        *sbom->name ? sbom->name : "SBOM", sbom->version, sbom->n,
        (long long)tsn_json_int(counts, "records", 0),
        (long long)tsn_json_int(counts, "affected", 0),
        (long long)tsn_json_int(counts, "unknown", 0),
        (long long)tsn_json_int(counts, "suppressed", 0),
        (long long)tsn_json_int(counts, "retracted", 0));
}

/* --- lines ------------------------------------------------------------------------------------- */

static void print_json(const json_t *doc)
{
    char *line = tsn_json_text(doc);
    (void)fputs(line, stdout);
    (void)fputc('\n', stdout);
    free(line);
}

static void lines(struct tsn_cli *cli, const struct tsn_sbom *sbom, const json_t *result,
                  int exit)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(result, "matches"), i, m)
    {
        json_object_set_new(m, "type", json_string("match"));
        print_json(m);
    }
    json_t *out = json_pack("{s:O, s:{s:s, s:s, s:s, s:s, s:s, s:O}}", "counts",
                            json_object_get(result, "counts"), "sbom", "format", sbom->format,
                            "spec", sbom->spec, "name", sbom->name, "version", sbom->version,
                            "purl", sbom->purl, "lint", sbom->lint);
    if (exit == TSN_EXIT_OK)
        tsn_out_json(cli, out);
    else
        tsn_out_json_not_ok(cli, out, exit);
    json_decref(out);
}

static const char *dash(const char *s)
{
    return *s ? s : "-";
}

static void tsv(struct tsn_cli *cli, const json_t *result)
{
    size_t i, k;
    json_t *m, *r;
    (void)printf("state\tcertainty\tseverity\tid\trecord\tsource_of_record\tpackage\tversion\t"
                 "source\tsource_version\tfixed\taliases\tpurl\tdocument\n");
    json_array_foreach(json_object_get(result, "matches"), i, m)
    {
        const json_t *c = json_object_get(m, "component");
        json_array_foreach(json_object_get(m, "records"), k, r)
        {
            const json_t *up = json_object_get(r, "upstream");
            const char *names = joined(
                cli, json_array_size(up) ? up : json_object_get(m, "aliases"), NULL, " ");
            (void)printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
                         text(m, "state"), text(r, "certainty"), text(m, "severity"),
                         text(m, "id"), text(r, "id"), text(r, "source"), text(c, "name"),
                         dash(text(c, "version")), dash(text(c, "source")),
                         dash(text(c, "source_version")), dash(text(r, "fixed")), dash(names),
                         dash(text(c, "purl")), text(r, "document"));
        }
    }
}

/* --- SARIF --------------------------------------------------------------------------------------- */

static const char *level_of(const char *severity)
{
    return strcmp(severity, "critical") == 0 || strcmp(severity, "high") == 0 ? "error"
           : strcmp(severity, "low") == 0 || strcmp(severity, "none") == 0    ? "note"
                                                                              : "warning";
}

static json_t *sarif_result(struct tsn_cli *cli, const json_t *m, const char *uri)
{
    const json_t *c = json_object_get(m, "component");
    const char *fixed = joined(cli, json_object_get(m, "fixed"), NULL, ", ");
    const char *state = text(m, "state");
    const char *words = tsn_arena_printf(
        cli->arena, "%s %s is %s by %s (%s)%s%s.", text(c, "name"), text(c, "version"),
        strcmp(state, "unknown") == 0 ? "possibly affected" : "affected", text(m, "id"),
        text(m, "certainty"), *fixed ? "; fixed in " : "", fixed);
    json_t *r = json_pack(
        "{s:s, s:s, s:{s:s}, s:[{s:{s:{s:s}}, s:[{s:s, s:s}]}], s:{s:s}, s:{s:s, s:s, s:O}}",
        "ruleId", text(m, "id"), "level", level_of(text(m, "severity")), "message", "text",
        words, "locations", "physicalLocation", "artifactLocation", "uri", uri,
        "logicalLocations", "fullyQualifiedName",
        *text(c, "purl") ? text(c, "purl") : text(c, "name"), "kind", "module",
        "partialFingerprints", "tocsin/match/v1",
        tsn_arena_printf(cli->arena, "%s|%s", text(m, "id"),
                         *text(c, "purl") ? text(c, "purl") : text(c, "name")),
        "properties", "certainty", text(m, "certainty"), "state", state, "records",
        json_object_get(m, "records"));
    if (strcmp(state, "suppressed") == 0 || strcmp(state, "retracted") == 0) {
        const json_t *first = json_array_get(json_object_get(m, "vex"), 0);
        json_object_set_new(
            r, "suppressions",
            json_pack(
                "[{s:s, s:s, s:s}]", "kind", "external", "status", "accepted", "justification",
                first ? tsn_arena_printf(cli->arena, "%s: %s (%s)", text(first, "publisher"),
                                         text(first, "status"), text(first, "justification"))
                      : "the CVE was rejected"));
    }
    return r;
}

static void sarif(struct tsn_cli *cli, const json_t *result)
{
    json_t *rules = json_object(), *results = json_array(), *m;
    const char *uri = tsn_sarif_uri(cli, cli->flag[TSN_FLAG_SBOM]);
    size_t i;
    json_array_foreach(json_object_get(result, "matches"), i, m)
    {
        const char *id = text(m, "id"), *title = text(m, "title");
        const json_t *first = json_array_get(json_object_get(m, "records"), 0);
        if (!json_object_get(rules, id)) {
            json_t *rule = json_pack("{s:s, s:{s:s}}", "id", id, "shortDescription", "text",
                                     *title ? title : id);
            if (*text(first, "url"))
                json_object_set_new(rule, "helpUri", json_string(text(first, "url")));
            if (json_object_get(m, "score"))
                json_object_set_new(
                    rule, "properties",
                    json_pack(
                        "{s:s}", "security-severity",
                        tsn_arena_printf(cli->arena, "%.1f",
                                         json_number_value(json_object_get(m, "score")))));
            json_object_set_new(rules, id, rule);
        }
        json_array_append_new(results, sarif_result(cli, m, uri));
    }
    tsn_sarif_print(rules, results);
    json_decref(rules);
    json_decref(results);
}

/* --- CycloneDX VEX ------------------------------------------------------------------------------- */

static const char *method_of(const char *vector)
{
    return strncmp(vector, "CVSS:4", 6) == 0     ? "CVSSv4"
           : strncmp(vector, "CVSS:3.1", 8) == 0 ? "CVSSv31"
           : strncmp(vector, "CVSS:3", 6) == 0   ? "CVSSv3"
                                                 : "CVSSv2";
}

/* Ours of what others said: their words are kept as detail. */
static json_t *analysis(struct tsn_cli *cli, const json_t *m)
{
    static const char *const known[] = {
        "code_not_present",     "code_not_reachable",     "requires_configuration",
        "requires_dependency",  "requires_environment",   "protected_by_compiler",
        "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control"};
    const char *state = text(m, "state");
    const json_t *first = json_array_get(json_object_get(m, "vex"), 0);
    if (strcmp(state, "suppressed") != 0) {
        bool gone = strcmp(state, "retracted") == 0;
        return json_pack("{s:s, s:s}", "state", gone ? "false_positive" : "in_triage", "detail",
                         gone ? "The CVE was rejected."
                              : tsn_arena_printf(cli->arena, "Matched by tocsin: %s.",
                                                 text(m, "certainty")));
    }
    bool fixed = strcmp(text(first, "status"), "fixed") == 0;
    const char *why = text(first, "justification");
    json_t *a =
        json_pack("{s:s, s:s}", "state", fixed ? "resolved" : "not_affected", "detail",
                  tsn_arena_printf(cli->arena, "%s: %s", text(first, "publisher"), why));
    for (size_t i = 0; !fixed && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], why) == 0)
            json_object_set_new(a, "justification", json_string(why));
    }
    return a;
}

static const char *ref_of(const json_t *component)
{
    const char *ref = text(component, "ref"), *purl = text(component, "purl");
    return *ref ? ref : *purl ? purl : text(component, "name");
}

static json_t *vulnerability(struct tsn_cli *cli, const json_t *m)
{
    const char *id = text(m, "id"), *vector = text(m, "vector");
    json_t *v = json_pack("{s:s, s:o, s:[{s:s}]}", "id", id, "analysis", analysis(cli, m),
                          "affects", "ref", ref_of(json_object_get(m, "component")));
    json_t *refs = json_array(), *a;
    size_t i;
    const json_t *first = json_array_get(json_object_get(m, "records"), 0);
    if (*text(first, "url"))
        json_object_set_new(
            v, "source",
            json_pack("{s:s, s:s}", "name", text(first, "source"), "url", text(first, "url")));
    json_array_foreach(json_object_get(m, "aliases"), i, a)
    {
        const char *name = json_string_value(a);
        json_array_append_new(refs, json_pack("{s:s, s:{s:s}}", "id", name, "source", "name",
                                              strncmp(name, "GHSA-", 5) == 0 ? "GitHub"
                                              : strncmp(name, "CVE-", 4) == 0
                                                  ? "CVE"
                                                  : text(first, "source")));
    }
    if (json_array_size(refs))
        json_object_set(v, "references", refs);
    json_decref(refs);
    if (*vector)
        json_object_set_new(v, "ratings",
                            json_pack("[{s:O, s:s, s:s, s:s}]", "score",
                                      json_object_get(m, "score"), "severity",
                                      text(m, "severity"), "method", method_of(vector),
                                      "vector", vector));
    if (*text(m, "title"))
        json_object_set_new(v, "description", json_string(text(m, "title")));
    return v;
}

static void vex(struct tsn_cli *cli, const struct tsn_sbom *sbom, const json_t *result)
{
    json_t *components = json_array(), *vulns = json_array(), *seen = json_object(), *m;
    char now[25];
    size_t i;
    tsn_time_format(now, tsn_clock_wall_ms());
    json_array_foreach(json_object_get(result, "matches"), i, m)
    {
        const json_t *c = json_object_get(m, "component");
        const char *ref = ref_of(c);
        if (!json_object_get(seen, ref)) {
            json_object_set_new(seen, ref, json_true());
            json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "type", "library", "bom-ref", ref,
                                  "name", text(c, "name"), "version", text(c, "version"));
            if (*text(c, "purl"))
                json_object_set_new(o, "purl", json_string(text(c, "purl")));
            json_array_append_new(components, o);
        }
        json_array_append_new(vulns, vulnerability(cli, m));
    }
    json_decref(seen);
    json_t *doc =
        json_pack("{s:s, s:s, s:i, s:{s:s, s:{s:[{s:s, s:s, s:s}]}}, s:o, s:o}", "bomFormat",
                  "CycloneDX", "specVersion", "1.6", "version", 1, "metadata", "timestamp", now,
                  "tools", "components", "type", "application", "name", "tocsin", "version",
                  TOCSIN_VERSION, "components", components, "vulnerabilities", vulns);
    if (*sbom->name) {
        json_t *root = json_pack("{s:s, s:s, s:s}", "type", "application", "name", sbom->name,
                                 "version", sbom->version);
        if (*sbom->purl)
            json_object_set_new(root, "purl", json_string(sbom->purl));
        json_object_set_new(json_object_get(doc, "metadata"), "component", root);
    }
    print_json(doc);
    json_decref(doc);
}

void tsn_match_print(struct tsn_cli *cli, enum tsn_match_form form, const struct tsn_sbom *sbom,
                     const json_t *result, int exit)
{
    switch (form) {
    case TSN_MATCH_TABLE:
        table(cli, sbom, result);
        break;
    case TSN_MATCH_JSON:
        lines(cli, sbom, result, exit);
        break;
    case TSN_MATCH_SARIF:
        sarif(cli, result);
        break;
    case TSN_MATCH_VEX:
        vex(cli, sbom, result);
        break;
    case TSN_MATCH_TSV:
        tsv(cli, result);
        break;
    }
}
