/* advisory_model.c - what an advisory says, put together from the case and the step's arguments.
 *
 * Arguments win over facts; facts come from the report, the upstream advisory and what responders
 * set. The reporter is named only where the case or the step says so (`acknowledgments`): nobody
 * is published by accident. Pure; any thread. */
#include "advisory/advisory_model.h"

#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "casework/ssvc.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

static const char *or_else(const char *a, const char *b)
{
    return a && *a ? a : b;
}

/* --- tracking ------------------------------------------------------------------------- */

void tsn_advisory_model_track(json_t *model, const json_t *csaf)
{
    const json_t *t = json_object_get(json_object_get(csaf, "document"), "tracking");
    json_object_set_new(model, "tracking",
                        json_pack("{s:s,s:s,s:s,s:s,s:s,s:O?}", "id", tsn_json_str(t, "id", ""),
                                  "version", tsn_json_str(t, "version", "0"), "status",
                                  tsn_json_str(t, "status", "draft"), "initial",
                                  tsn_json_str(t, "initial_release_date", ""), "current",
                                  tsn_json_str(t, "current_release_date", ""), "history",
                                  json_object_get(t, "revision_history")));
}

/* The folder of a canonical URL is the year of the first release. */
static void canonical_year(json_t *csaf, const char *now)
{
    size_t i;
    json_t *ref;
    json_array_foreach(json_object_get(json_object_get(csaf, "document"), "references"), i, ref)
    {
        const char *url = tsn_json_str(ref, "url", "");
        const char *at = strstr(url, "/.well-known/csaf/");
        const char *year = at ? strchr(at + 18, '/') : NULL;
        if (!now || !year || strlen(year) < 6 || year[5] != '/' ||
            strcmp(tsn_json_str(ref, "category", ""), "self") != 0) {
            continue;
        }
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 16);
        tsn_buf_printf(&b, "%.*s/%.4s%s", (int)(year - url), url, now, year + 5);
        json_object_set_new(ref, "url", json_string(b.data));
        tsn_buf_free(&b);
    }
}

void tsn_advisory_release(json_t *csaf, const char *summary, const char *status, int64_t now_ms)
{
    char now[25];
    tsn_time_format(now, now_ms);
    json_t *t = json_object_get(json_object_get(csaf, "document"), "tracking");
    json_t *history = json_object_get(t, "revision_history");
    json_t *last = json_array_get(history, json_array_size(history) - 1);
    const char *draft = tsn_json_str(t, "version", "0");
    bool first = *draft == '0', semantic = strchr(draft, '.') != NULL;
    json_t *number = json_string(!first ? draft : semantic ? "1.0.0" : "1");
    json_object_set_new(t, "status", json_string(status));
    json_object_set(t, "version", number);
    json_object_set_new(t, "current_release_date", json_string(now));
    if (first) {
        json_object_set_new(t, "initial_release_date", json_string(now));
    }
    json_object_set(last, "number", number);
    json_object_set_new(last, "date", json_string(now));
    canonical_year(csaf, first ? now : NULL);
    if (summary || first) {
        json_object_set_new(last, "summary", json_string(or_else(summary, "Initial release")));
    }
    json_decref(number);
}

/* --- products and vulnerabilities of our own ---------------------------------------------- */

static const json_t *configured(const struct tsn_advisory_wish *w, const char *id)
{
    size_t i;
    json_t *p;
    json_array_foreach(w->products, i, p)
    {
        if (id && strcmp(tsn_json_str(p, "id", ""), id) == 0) {
            return p;
        }
    }
    return NULL;
}

static bool versionlike(const char *s)
{
    size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._+-");
    return n > 0 && n < 64 && s[n] == '\0' && strpbrk(s, "0123456789") &&
           !tsn_csaf_names_range(s);
}

/* Appends a product row and returns its ref through `ref`. */
static void add_product(json_t *rows, const struct tsn_advisory_wish *w, const json_t *product,
                        const char *id, const char *version, const char *range, char ref[32])
{
    snprintf(ref, 32, "CSAFPID-%04zu", json_array_size(rows) + 1);
    json_t *row = json_object();
    json_object_set_new(row, "ref", json_string(ref));
    json_object_set_new(
        row, "vendor",
        json_string(or_else(tsn_json_str(product, "vendor", NULL), w->publisher->name)));
    json_object_set_new(row, "product", json_string(tsn_json_str(product, "name", id)));
    if (version) {
        json_object_set_new(row, "version", json_string(version));
    }
    if (range) {
        json_object_set_new(row, "version_range", json_string(range));
    }
    json_array_append_new(rows, row);
}

static void push(json_t *status, const char *kind, const char *ref)
{
    json_t *list = json_object_get(status, kind);
    if (!list) {
        list = json_array();
        json_object_set_new(status, kind, list);
    }
    json_array_append_new(list, json_string(ref));
}

static void remedy(json_t *list, const char *category, const char *details, const char *url,
                   const char *ref)
{
    json_t *r = json_pack("{s:s,s:s,s:[s]}", "category", category, "details", details,
                          "product_ids", ref);
    if (url) {
        json_object_set_new(r, "url", json_string(url));
    }
    json_array_append_new(list, r);
}

struct judged {
    json_t *rows, *status, *remediations, *threats;
};

static tsn_err one_verdict(const struct tsn_advisory_wish *w, const json_t *v, struct judged *j,
                           struct tsn_diag *diag)
{
    const char *id = tsn_json_str(v, "product", "");
    const json_t *product = configured(w, id);
    const char *status = tsn_json_str(v, "status", "affected");
    const char *fix = tsn_json_str(v, "fix_in", ""), *why = tsn_json_str(v, "why", "");
    const json_t *wish = json_object_get(w->args, "remediation");
    char ref[32], text[256];
    if (!product) {
        return tsn_diag_set(diag, TSN_EINPUT, "D006",
                            "`%.100s` is not one of the configured "
                            "products",
                            id);
    }
    if (strcmp(status, "affected") == 0) {
        snprintf(text, sizeof text, "vers:generic/<%s", fix);
        add_product(j->rows, w, product, id, NULL, versionlike(fix) ? text : NULL, ref);
        push(j->status, "known_affected", ref);
        if (wish) {
            const char *details = json_is_string(wish) ? json_string_value(wish)
                                                       : tsn_json_str(wish, "details", "");
            remedy(j->remediations,
                   tsn_json_str(wish, "category", *fix ? "vendor_fix" : "mitigation"), details,
                   tsn_json_str(wish, "url", NULL), ref);
        } else if (versionlike(fix)) {
            snprintf(text, sizeof text, "Update to version %s or later.", fix);
            remedy(j->remediations, "vendor_fix", text, NULL, ref);
        } else {
            remedy(j->remediations, *fix ? "mitigation" : "none_available",
                   *fix ? fix : "No fix is available yet.", NULL, ref);
        }
        if (versionlike(fix)) {
            add_product(j->rows, w, product, id, fix, NULL, ref);
            push(j->status, "fixed", ref);
        }
        return 0;
    }
    bool fixed = strcmp(status, "fixed") == 0, not = strcmp(status, "not_affected") == 0;
    if (!fixed && !not &&strcmp(status, "under_investigation") != 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "D002",
                            "\"%.60s\" is not a verdict: affected, "
                            "not_affected, fixed or under_investigation",
                            status);
    }
    add_product(j->rows, w, product, id, fixed && versionlike(fix) ? fix : NULL, NULL, ref);
    push(j->status, fixed ? "fixed" : not ? "known_not_affected" : "under_investigation", ref);
    if (not &&*why) {
        json_array_append_new(j->threats, json_pack("{s:s,s:s,s:[s]}", "category", "impact",
                                                    "details", why, "product_ids", ref));
    }
    return 0;
}

/* One verdict list judges all vulnerabilities of the upstream advisory alike. */
static tsn_err from_verdicts(const struct tsn_advisory_wish *w, const json_t *verdicts,
                             json_t *model, struct tsn_diag *diag)
{
    struct judged j = {json_array(), json_object(), json_array(), json_array()};
    json_t *list = json_array(), *v;
    size_t i;
    tsn_err err = 0;
    json_array_foreach(verdicts, i, v)
    {
        err = err ? err : one_verdict(w, v, &j, diag);
    }
    const json_t *upstream = json_object_get(w->facts, "advisory");
    json_t *known = json_object_get(w->args, "vulnerabilities");
    known = known ? known : json_object_get(upstream, "vulnerabilities");
    json_t *one;
    json_array_foreach(known, i, one)
    {
        json_t *copy = json_deep_copy(one);
        json_array_append_new(list, copy);
    }
    if (json_array_size(list) == 0) {
        json_array_append_new(
            list, json_pack("{s:[{s:s,s:s}]}", "ids", "system_name",
                            or_else(tsn_json_str(upstream, "publisher", NULL), "Tracking id"),
                            "text", or_else(tsn_json_str(upstream, "id", NULL), w->name)));
    }
    json_array_foreach(list, i, one)
    {
        json_object_set(one, "status", j.status);
        json_object_set(one, "remediations", j.remediations);
        json_object_set(one, "threats", j.threats);
        if (!json_object_get(one, "description")) {
            json_object_set_new(one, "description",
                                json_string(or_else(tsn_json_str(upstream, "summary", NULL),
                                                    tsn_json_str(model, "title", "-"))));
        }
    }
    json_object_set(model, "products", j.rows);
    json_object_set(model, "vulnerabilities", list);
    json_decref(list);
    json_decref(j.rows);
    json_decref(j.status);
    json_decref(j.remediations);
    json_decref(j.threats);
    return err;
}

/* Vulnerabilities given by the step. Without `products` they are about the product of the case. */
static void from_args(const struct tsn_advisory_wish *w, json_t *model)
{
    json_t *rows = json_object_get(w->args, "products");
    const json_t *vulns = json_object_get(w->args, "vulnerabilities");
    json_object_set_new(model, "vulnerabilities", json_deep_copy(vulns));
    if (json_array_size(rows) > 0 && json_is_object(json_array_get(rows, 0))) {
        json_object_set(model, "products", rows);
        return;
    }
    json_t *made = json_array();
    const json_t *product = configured(w, w->rcase->product);
    if (product) {
        char ref[32];
        add_product(made, w, product, w->rcase->product, NULL, NULL, ref);
    }
    const json_t *wish = json_object_get(w->args, "remediation");
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(model, "vulnerabilities"), i, v)
    {
        if (wish && !json_object_get(v, "remediations")) {
            json_object_set_new(v, "remediations",
                                json_is_string(wish) ? json_pack("[{s:s,s:O}]", "category",
                                                                 "mitigation", "details", wish)
                                                     : json_pack("[O]", wish));
        }
    }
    json_object_set_new(model, "products", made);
}

/* `ssvc`: the table of the case's decision that may be told; internal priorities are not by default. */
static tsn_err told_ssvc(const struct tsn_advisory_wish *w, json_t *model,
                         struct tsn_diag *diag)
{
    const char *table = tsn_json_str(w->args, "ssvc", NULL);
    json_t *list = table ? tsn_ssvc_selected(w->facts, table) : NULL, *v;
    size_t i;
    if (!table) {
        return 0;
    }
    if (!list) {
        tsn_diag_set(diag, TSN_EINPUT, "D002",
                     "the case has no decision by the SSVC table \"%.40s\"", table);
        tsn_diag_hint(diag, "ssvc.decide comes first; `tocsin ssvc` lists the tables");
        return TSN_EINPUT;
    }
    json_array_foreach(json_object_get(model, "vulnerabilities"), i, v)
    {
        json_t *scores = json_object_get(v, "scores"), *one = json_deep_copy(list);
        const char *cve = tsn_json_str(v, "cve", NULL);
        if (!scores) {
            json_object_set_new(v, "scores", scores = json_array());
            if (json_object_get(v, "vector")) {
                json_array_append_new(
                    scores, json_pack("{s:O}", "vector", json_object_get(v, "vector")));
            }
        }
        if (cve) {
            json_object_set_new(one, "target_ids", json_pack("[s]", cve));
        }
        json_array_append_new(scores, json_pack("{s:o}", "ssvc_v2", one));
    }
    json_decref(list);
    return 0;
}

/* --- texts -------------------------------------------------------------------------------- */

static void incident_notes(const struct tsn_advisory_wish *w, json_t *model)
{
    const char *text = tsn_json_str(w->args, "text", NULL);
    const json_t *product = configured(w, w->rcase->product);
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    if (text) {
        tsn_buf_puts(&b, text);
    } else {
        tsn_buf_puts(&b, "We are handling a security incident");
        if (product || w->rcase->product) {
            tsn_buf_printf(&b, " that concerns %s",
                           tsn_json_str(product, "name", w->rcase->product));
        }
        tsn_buf_puts(&b, ".");
        if (json_is_true(json_object_get(w->facts, "exploited"))) {
            tsn_buf_puts(&b, " There is evidence of exploitation.");
        }
        tsn_buf_printf(&b, "\n\nOur reference is %s. Questions: %s.", w->rcase->name,
                       or_else(w->publisher->contact, w->publisher->namespace_url));
    }
    json_object_set_new(model, "summary", json_string(b.data));
    const json_t *wish = json_object_get(w->args, "remediation");
    const char *details =
        json_is_string(wish) ? json_string_value(wish) : tsn_json_str(wish, "details", NULL);
    if (details) {
        json_object_set_new(model, "notes",
                            json_pack("[{s:s,s:s,s:s}]", "category", "details", "title",
                                      "What to do", "text", details));
    }
    tsn_buf_free(&b);
}

/* The embargo kit: what is said at once when a secret is out, before anything else is known. */
static void holding_notes(const struct tsn_advisory_wish *w, json_t *model)
{
    const json_t *product = configured(w, w->rcase->product);
    const char *about = tsn_json_str(product, "name", w->rcase->product);
    const char *text = tsn_json_str(w->args, "text", NULL);
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    if (text) {
        tsn_buf_puts(&b, text);
    } else {
        tsn_buf_printf(
            &b,
            "We are aware of reports about a possible vulnerability%s%s. We are "
            "investigating and will publish what to do as soon as it is confirmed; this "
            "notice will be updated.\n\nOur reference is %s. Questions: %s.",
            about ? " in " : "", about ? about : "", w->rcase->name,
            or_else(w->publisher->contact, w->publisher->namespace_url));
    }
    json_object_set_new(model, "summary", json_string(b.data));
    json_object_set_new(model, "category", json_string("csaf_informational_advisory"));
    json_object_set_new(model, "tlp", json_string("CLEAR"));
    tsn_buf_free(&b);
}

static void vendor_notes(const struct tsn_advisory_wish *w, json_t *model)
{
    const json_t *upstream = json_object_get(w->facts, "advisory");
    const char *text = tsn_json_str(w->args, "text", tsn_json_str(upstream, "summary", NULL));
    if (text && *text) {
        json_object_set_new(model, "summary", json_string(text));
    }
    const char *url = tsn_json_str(upstream, "url", NULL),
               *id = tsn_json_str(upstream, "id", NULL);
    if (url && id && tsn_csaf_is_uri(url)) {
        struct tsn_buf b;
        tsn_buf_init(&b, 4096);
        tsn_buf_printf(&b, "Upstream advisory %s", id);
        json_object_set_new(model, "references",
                            json_pack("[{s:s,s:s,s:s}]", "category", "external", "summary",
                                      b.data, "url", url));
        tsn_buf_free(&b);
    }
}

/* Members that go into the model as the step gave them. */
static void overrides(const struct tsn_advisory_wish *w, json_t *model)
{
    static const char *const keys[] = {"title", "summary", "notes",           "references",
                                       "tlp",   "lang",    "acknowledgments", "severity"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *v = json_object_get(w->args, keys[k]);
        if (v && !json_is_null(v)) {
            json_object_set(model, keys[k], v);
        }
    }
}

tsn_err tsn_advisory_model(const struct tsn_advisory_wish *w, json_t **out,
                           struct tsn_diag *diag)
{
    const char *template = tsn_json_str(w->args, "template", "");
    bool holding = strcmp(template, "holding-statement") == 0;
    bool early = strcmp(template, "early-mitigation") == 0;
    bool incident = holding || strcmp(template, "incident-notice") == 0;
    if (!incident && !early && strcmp(template, "csaf-vendor") != 0) {
        tsn_diag_set(diag, TSN_EINPUT, "D004", "there is no advisory template `%.60s`",
                     template);
        tsn_diag_hint(
            diag,
            "Templates: csaf-vendor, incident-notice, holding-statement, early-mitigation.");
        return TSN_EINPUT;
    }
    json_t *model = json_object();
    *out = model;
    const char *title =
        or_else(w->rcase->title,
                tsn_json_str(json_object_get(w->facts, "report"), "title", w->rcase->name));
    json_object_set_new(model, "title", json_string(title));
    if (w->rcase->severity && *w->rcase->severity) {
        json_object_set_new(model, "severity", json_string(w->rcase->severity));
    }
    json_object_set_new(model, "tlp",
                        json_string(or_else(w->rcase->tlp, incident ? "AMBER" : "WHITE")));
    json_t *credit = json_object_get(w->facts, "acknowledgments");
    if (credit) {
        json_object_set(model, "acknowledgments", credit);
    }
    if (holding) {
        holding_notes(w, model);
    } else if (incident) {
        incident_notes(w, model);
    } else {
        vendor_notes(w, model);
    }
    /* A holding statement names nothing of the case but the product: its title is not the case's. */
    if (holding) {
        json_object_set_new(model, "title",
                            json_string("Statement about a reported vulnerability"));
        json_object_del(model, "severity");
        json_object_del(model, "acknowledgments");
    }
    overrides(w, model);
    const json_t *verdicts = json_object_get(w->args, "verdicts");
    tsn_err err = 0;
    if (json_array_size(verdicts) > 0) {
        err = from_verdicts(w, verdicts, model, diag);
    } else if (json_array_size(json_object_get(w->args, "vulnerabilities")) > 0) {
        from_args(w, model);
    } else if (incident && !holding) {
        json_object_set_new(model, "category", json_string("csaf_security_incident_response"));
    }
    err = err ? err : told_ssvc(w, model, diag);
    if (err) {
        json_decref(model);
        *out = NULL;
    }
    return err;
}
