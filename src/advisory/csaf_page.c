/* csaf_page.c - the walk over a CSAF document that every page is made by. Pure; any thread. */
#include "advisory/csaf_page.h"

#include <stdio.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/csaf_product.h"
#include "advisory/csaf_view.h"
#include "core/json.h"

#define SMALL 4096

static void head(struct tsn_page *p, const json_t *csaf)
{
    const json_t *doc = json_object_get(csaf, "document");
    const json_t *t = json_object_get(doc, "tracking");
    const json_t *publisher = json_object_get(doc, "publisher");
    char version[128], day[16], tlp[32];
    const char *rows[8][2];
    size_t n = 0;
    (void)snprintf(version, sizeof version, "%.80s (%.20s)", tsn_json_str(t, "version", ""),
                   tsn_json_str(t, "status", ""));
    (void)snprintf(day, sizeof day, "%.10s", tsn_json_str(t, "current_release_date", ""));
    (void)snprintf(tlp, sizeof tlp, "TLP:%.20s", tsn_view_tlp(csaf));
    const struct {
        const char *name, *value;
    } facts[] = {
        {"Advisory", tsn_json_str(t, "id", "")},
        {"Version", version},
        {"Date", day},
        {"Publisher", tsn_json_str(publisher, "name", "")},
        {"Contact", tsn_json_str(publisher, "contact_details", NULL)},
        {"Severity", tsn_json_str(json_object_get(doc, "aggregate_severity"), "text", NULL)},
        {"Distribution", tlp},
        {"Terms", tsn_json_str(json_object_get(doc, "distribution"), "text", NULL)},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].value) {
            rows[n][0] = facts[i].name;
            rows[n++][1] = facts[i].value;
        }
    }
    p->hand->begin(p, tsn_json_str(doc, "lang", "en"), tsn_json_str(doc, "title", ""),
                   tsn_view_tlp(csaf));
    p->hand->facts(p, rows, n);
}

static void notes(struct tsn_page *p, const json_t *list, int level)
{
    size_t i;
    json_t *n;
    json_array_foreach(list, i, n)
    {
        const char *title = tsn_json_str(n, "title", NULL);
        if (title) {
            p->hand->heading(p, level, title);
        }
        p->hand->text(p, tsn_json_str(n, "text", ""));
    }
}

static const char *version_words(const char *version)
{
    if (strncmp(version, "vers:", 5) == 0 && strchr(version, '/')) {
        version = strchr(version, '/') + 1;
        return strcmp(version, "*") == 0 ? "all versions" : version;
    }
    return *version ? version : "-";
}

static void products(struct tsn_page *p, const json_t *vuln, const json_t *index)
{
    static const struct {
        const char *status, *words;
    } rows[] = {
        {"known_affected", "affected"},
        {"first_affected", "affected from"},
        {"last_affected", "affected up to"},
        {"fixed", "fixed"},
        {"first_fixed", "first fixed"},
        {"recommended", "recommended"},
        {"known_not_affected", "not affected"},
        {"under_investigation", "under investigation"},
        {"unknown", "unknown"},
    };
    static const char *const heads[TSN_PAGE_COLUMNS] = {"Product", "Version", "Status"};
    const json_t *status = json_object_get(vuln, "product_status");
    if (json_object_size(status) == 0) {
        return;
    }
    struct tsn_buf name;
    tsn_buf_init(&name, 1u << 16);
    p->hand->table(p, "Products", heads);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        size_t i;
        json_t *id;
        json_array_foreach(json_object_get(status, rows[r].status), i, id)
        {
            const json_t *product = json_object_get(index, json_string_value(id));
            tsn_buf_clear(&name);
            tsn_buf_printf(&name, "%s %s", tsn_json_str(product, "vendor", ""),
                           tsn_json_str(product, "product", json_string_value(id)));
            const char *cells[TSN_PAGE_COLUMNS] = {
                name.data, version_words(tsn_json_str(product, "version", "")), rows[r].words};
            p->hand->row(p, cells);
        }
    }
    p->hand->table_end(p);
    tsn_buf_free(&name);
}

static void scores(struct tsn_page *p, const json_t *vuln)
{
    json_t *list = tsn_view_scores(vuln), *cwes = tsn_view_cwes(vuln), *item;
    size_t i;
    if (json_array_size(list) + json_array_size(cwes) > 0) {
        p->hand->list(p, true);
        json_array_foreach(list, i, item)
        {
            const json_t *v = json_object_get(item, "cvss");
            char word[32], text[64];
            const char *severity = tsn_json_str(v, "baseSeverity", "");
            (void)snprintf(word, sizeof word, "CVSS %.8s", tsn_json_str(v, "version", ""));
            (void)snprintf(text, sizeof text, "%.1f%s%.16s",
                           json_number_value(json_object_get(v, "baseScore")),
                           *severity ? " " : "", severity);
            p->hand->item(p, word, text, tsn_json_str(v, "vectorString", ""), NULL);
        }
        json_array_foreach(cwes, i, item)
        {
            p->hand->item(p, tsn_json_str(item, "id", ""), tsn_json_str(item, "name", ""), NULL,
                          NULL);
        }
        p->hand->list(p, false);
    }
    json_decref(list);
    json_decref(cwes);
}

static void remediations(struct tsn_page *p, const json_t *vuln)
{
    static const struct {
        const char *category, *words;
    } names[] = {
        {"vendor_fix", "Fix"},
        {"mitigation", "Mitigation"},
        {"workaround", "Workaround"},
        {"none_available", "No fix yet"},
        {"no_fix_planned", "No fix planned"},
        {"fix_planned", "Fix planned"},
        {"optional_patch", "Optional patch"},
    };
    const json_t *list = json_object_get(vuln, "remediations");
    size_t i;
    json_t *r;
    if (json_array_size(list) > 0) {
        p->hand->list(p, true);
    }
    json_array_foreach(list, i, r)
    {
        const char *word = "Remediation", *category = tsn_json_str(r, "category", "");
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            word = strcmp(names[k].category, category) == 0 ? names[k].words : word;
        }
        p->hand->item(p, word, tsn_json_str(r, "details", ""), NULL,
                      tsn_json_str(r, "url", NULL));
    }
    if (json_array_size(list) > 0) {
        p->hand->list(p, false);
    }
}

static void credits(struct tsn_page *p, const json_t *list, int level)
{
    size_t i, k;
    json_t *a, *name;
    if (json_array_size(list) == 0) {
        return;
    }
    p->hand->heading(p, level, "Credits");
    p->hand->list(p, true);
    json_array_foreach(list, i, a)
    {
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 16);
        json_array_foreach(json_object_get(a, "names"), k, name)
        {
            tsn_buf_printf(&b, "%s%s", b.len ? ", " : "",
                           json_is_string(name) ? json_string_value(name) : "");
        }
        static const char *const keys[] = {"organization", "summary"};
        for (k = 0; k < 2; k++) {
            if (tsn_json_str(a, keys[k], NULL)) {
                tsn_buf_printf(&b, "%s%s", b.len ? ", " : "", tsn_json_str(a, keys[k], ""));
            }
        }
        p->hand->item(p, NULL, b.len ? b.data : "", NULL, NULL);
        tsn_buf_free(&b);
    }
    p->hand->list(p, false);
}

static void references(struct tsn_page *p, const json_t *list, int level)
{
    size_t i;
    json_t *item;
    if (json_array_size(list) == 0) {
        return;
    }
    p->hand->heading(p, level, "References");
    p->hand->list(p, true);
    json_array_foreach(list, i, item)
    {
        const char *url = tsn_json_str(item, "url", ""),
                   *summary = tsn_json_str(item, "summary", "");
        p->hand->item(p, strcmp(url, summary) == 0 ? NULL : summary, NULL, NULL, url);
    }
    p->hand->list(p, false);
}

static void history(struct tsn_page *p, const json_t *doc)
{
    static const char *const heads[TSN_PAGE_COLUMNS] = {"Version", "Date", "Change"};
    size_t i;
    json_t *item;
    p->hand->heading(p, 2, "Revision history");
    p->hand->table(p, "Revisions", heads);
    json_array_foreach(json_object_get(json_object_get(doc, "tracking"), "revision_history"), i,
                       item)
    {
        char day[16];
        (void)snprintf(day, sizeof day, "%.10s", tsn_json_str(item, "date", ""));
        const char *cells[TSN_PAGE_COLUMNS] = {tsn_json_str(item, "number", ""), day,
                                               tsn_json_str(item, "summary", "")};
        p->hand->row(p, cells);
    }
    p->hand->table_end(p);
}

tsn_err tsn_page_write(const json_t *csaf, const struct tsn_page_hand *hand,
                       struct tsn_buf *out)
{
    struct tsn_page page = {.hand = hand, .out = out}, *p = &page;
    const json_t *doc = json_object_get(csaf, "document");
    json_t *index = tsn_csaf_product_index(csaf), *vuln;
    head(p, csaf);
    notes(p, json_object_get(doc, "notes"), 2);
    size_t i;
    json_array_foreach(json_object_get(csaf, "vulnerabilities"), i, vuln)
    {
        const char *name = tsn_view_name(vuln), *title = tsn_json_str(vuln, "title", "");
        struct tsn_buf b;
        tsn_buf_init(&b, SMALL + strlen(name) + strlen(title));
        tsn_buf_puts(&b, *name ? name : "Vulnerability");
        if (*title && strcmp(name, title) != 0) {
            tsn_buf_printf(&b, ": %s", title);
        }
        hand->heading(p, 2, b.data);
        tsn_buf_free(&b);
        notes(p, json_object_get(vuln, "notes"), 3);
        products(p, vuln, index);
        scores(p, vuln);
        remediations(p, vuln);
        credits(p, json_object_get(vuln, "acknowledgments"), 3);
        references(p, json_object_get(vuln, "references"), 3);
    }
    credits(p, json_object_get(doc, "acknowledgments"), 2);
    references(p, json_object_get(doc, "references"), 2);
    history(p, doc);
    hand->end(p, tsn_view_tlp(csaf));
    json_decref(index);
    return out->err;
}

tsn_err tsn_advisory_markdown(const json_t *csaf, struct tsn_buf *out)
{
    return tsn_page_write(csaf, &tsn_page_markdown, out);
}

tsn_err tsn_advisory_html(const json_t *csaf, struct tsn_buf *out)
{
    return tsn_page_write(csaf, &tsn_page_html, out);
}

tsn_err tsn_advisory_text(const json_t *csaf, struct tsn_buf *out)
{
    return tsn_page_write(csaf, &tsn_page_text, out);
}
