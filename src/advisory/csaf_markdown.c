/* csaf_markdown.c - a CSAF document as Markdown for people: mail, portal, console.
 *
 * Text of the document is data: what Markdown or HTML would read as markup is escaped, so a
 * foreign title cannot become a link or a tag. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include "advisory/advisory.h"
#include "advisory/csaf_product.h"
#include "core/json.h"

/* One line: line ends become blanks. */
static void inline_text(struct tsn_buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n' || *s == '\r') {
            tsn_buf_putc(out, ' ');
        } else {
            if (strchr("\\`*[]<>|", *s)) {
                tsn_buf_putc(out, '\\');
            }
            tsn_buf_putc(out, *s);
        }
    }
}

/* Paragraphs keep their lines; a line that would start a block is escaped. */
static void block_text(struct tsn_buf *out, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "\n");
        if (*s && strchr("#+-=~", *s)) {
            tsn_buf_putc(out, '\\');
        }
        for (size_t i = 0; i < n; i++) {
            if (s[i] == '\r') {
                continue;
            }
            if (strchr("\\`*[]<>|", s[i])) {
                tsn_buf_putc(out, '\\');
            }
            tsn_buf_putc(out, s[i]);
        }
        tsn_buf_putc(out, '\n');
        s += n + (s[n] == '\n');
    }
}

static void head(struct tsn_buf *out, const json_t *doc)
{
    const json_t *t = json_object_get(doc, "tracking");
    const json_t *p = json_object_get(doc, "publisher");
    const char *severity =
        tsn_json_str(json_object_get(doc, "aggregate_severity"), "text", NULL);
    tsn_buf_puts(out, "# ");
    inline_text(out, tsn_json_str(doc, "title", ""));
    tsn_buf_puts(out, "\n\n");
    tsn_buf_puts(out, "| | |\n| --- | --- |\n| Advisory | ");
    inline_text(out, tsn_json_str(t, "id", ""));
    tsn_buf_printf(out, " |\n| Version | %s (%s) |\n| Date | %.10s |\n",
                   tsn_json_str(t, "version", ""), tsn_json_str(t, "status", ""),
                   tsn_json_str(t, "current_release_date", ""));
    tsn_buf_puts(out, "| Publisher | ");
    inline_text(out, tsn_json_str(p, "name", ""));
    tsn_buf_puts(out, " |\n");
    if (tsn_json_str(p, "contact_details", NULL)) {
        tsn_buf_puts(out, "| Contact | ");
        inline_text(out, tsn_json_str(p, "contact_details", ""));
        tsn_buf_puts(out, " |\n");
    }
    if (severity) {
        tsn_buf_puts(out, "| Severity | ");
        inline_text(out, severity);
        tsn_buf_puts(out, " |\n");
    }
    const json_t *tlp = json_object_get(json_object_get(doc, "distribution"), "tlp");
    const char *label = tsn_json_str(tlp, "label", "-");
    /* TLP 2.0 calls CLEAR what CSAF 2.0 still labels WHITE. */
    tsn_buf_printf(out, "| Distribution | TLP:%s |\n\n",
                   strcmp(label, "WHITE") == 0 ? "CLEAR" : label);
}

static void notes(struct tsn_buf *out, const json_t *list, const char *level)
{
    size_t i;
    json_t *n;
    json_array_foreach(list, i, n)
    {
        const char *title = tsn_json_str(n, "title", NULL);
        if (title) {
            tsn_buf_printf(out, "%s ", level);
            inline_text(out, title);
            tsn_buf_puts(out, "\n\n");
        }
        block_text(out, tsn_json_str(n, "text", ""));
        tsn_buf_putc(out, '\n');
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

static void products(struct tsn_buf *out, const json_t *vuln, const json_t *index)
{
    static const struct {
        const char *status, *words;
    } rows[] = {
        {"known_affected", "affected"},         {"first_affected", "affected from"},
        {"last_affected", "affected up to"},    {"fixed", "fixed"},
        {"first_fixed", "first fixed"},         {"recommended", "recommended"},
        {"known_not_affected", "not affected"}, {"under_investigation", "under investigation"},
    };
    const json_t *status = json_object_get(vuln, "product_status");
    if (json_object_size(status) == 0) {
        return;
    }
    tsn_buf_puts(out, "| Product | Version | Status |\n| --- | --- | --- |\n");
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        size_t i;
        json_t *id;
        json_array_foreach(json_object_get(status, rows[r].status), i, id)
        {
            const json_t *p = json_object_get(index, json_string_value(id));
            tsn_buf_puts(out, "| ");
            inline_text(out, tsn_json_str(p, "vendor", ""));
            tsn_buf_putc(out, ' ');
            inline_text(out, tsn_json_str(p, "product", json_string_value(id)));
            tsn_buf_puts(out, " | ");
            inline_text(out, version_words(tsn_json_str(p, "version", "")));
            tsn_buf_printf(out, " | %s |\n", rows[r].words);
        }
    }
    tsn_buf_putc(out, '\n');
}

static void scores(struct tsn_buf *out, const json_t *vuln)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(vuln, "scores"), i, s)
    {
        const json_t *v = json_object_get(s, "cvss_v3");
        v = v ? v : json_object_get(s, "cvss_v2");
        tsn_buf_printf(out, "* CVSS %s: **%.1f**%s%s, `%s`\n", tsn_json_str(v, "version", ""),
                       json_number_value(json_object_get(v, "baseScore")),
                       json_object_get(v, "baseSeverity") ? " " : "",
                       tsn_json_str(v, "baseSeverity", ""),
                       tsn_json_str(v, "vectorString", ""));
    }
    const json_t *cwe = json_object_get(vuln, "cwe");
    if (cwe) {
        tsn_buf_printf(out, "* %s: ", tsn_json_str(cwe, "id", ""));
        inline_text(out, tsn_json_str(cwe, "name", ""));
        tsn_buf_putc(out, '\n');
    }
    if (cwe || json_array_size(json_object_get(vuln, "scores")) > 0) {
        tsn_buf_putc(out, '\n');
    }
}

static void remediations(struct tsn_buf *out, const json_t *vuln)
{
    static const struct {
        const char *category, *words;
    } names[] = {
        {"vendor_fix", "Fix"},
        {"mitigation", "Mitigation"},
        {"workaround", "Workaround"},
        {"none_available", "No fix yet"},
        {"no_fix_planned", "No fix planned"},
    };
    const json_t *list = json_object_get(vuln, "remediations");
    size_t i;
    json_t *r;
    json_array_foreach(list, i, r)
    {
        const char *word = "Remediation", *category = tsn_json_str(r, "category", "");
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            word = strcmp(names[k].category, category) == 0 ? names[k].words : word;
        }
        tsn_buf_printf(out, "* %s: ", word);
        inline_text(out, tsn_json_str(r, "details", ""));
        if (tsn_json_str(r, "url", NULL)) {
            tsn_buf_printf(out, " <%s>", tsn_json_str(r, "url", ""));
        }
        tsn_buf_putc(out, '\n');
    }
    if (json_array_size(list) > 0) {
        tsn_buf_putc(out, '\n');
    }
}

static void credits(struct tsn_buf *out, const json_t *list)
{
    size_t i, k;
    json_t *a, *name;
    if (json_array_size(list) > 0) {
        tsn_buf_puts(out, "## Credits\n\n");
    }
    json_array_foreach(list, i, a)
    {
        tsn_buf_puts(out, "* ");
        const char *between = "";
        json_array_foreach(json_object_get(a, "names"), k, name)
        {
            tsn_buf_puts(out, between);
            inline_text(out, json_is_string(name) ? json_string_value(name) : "");
            between = ", ";
        }
        static const char *const keys[] = {"organization", "summary"};
        for (k = 0; k < 2; k++) {
            if (tsn_json_str(a, keys[k], NULL)) {
                tsn_buf_puts(out, between);
                inline_text(out, tsn_json_str(a, keys[k], ""));
                between = ", ";
            }
        }
        tsn_buf_putc(out, '\n');
    }
    if (json_array_size(list) > 0) {
        tsn_buf_putc(out, '\n');
    }
}

static void tail(struct tsn_buf *out, const json_t *doc)
{
    size_t i;
    json_t *item;
    const json_t *refs = json_object_get(doc, "references");
    if (json_array_size(refs) > 0) {
        tsn_buf_puts(out, "## References\n\n");
    }
    json_array_foreach(refs, i, item)
    {
        tsn_buf_puts(out, "* ");
        const char *url = tsn_json_str(item, "url", ""),
                   *summary = tsn_json_str(item, "summary", "");
        if (strcmp(url, summary) != 0) {
            inline_text(out, summary);
            tsn_buf_puts(out, ": ");
        }
        tsn_buf_printf(out, "<%s>\n", url);
    }
    tsn_buf_puts(out, json_array_size(refs) > 0 ? "\n## Revision history\n\n"
                                                : "## Revision history\n\n");
    tsn_buf_puts(out, "| Version | Date | Change |\n| --- | --- | --- |\n");
    json_array_foreach(json_object_get(json_object_get(doc, "tracking"), "revision_history"), i,
                       item)
    {
        tsn_buf_printf(out, "| %s | %.10s | ", tsn_json_str(item, "number", ""),
                       tsn_json_str(item, "date", ""));
        inline_text(out, tsn_json_str(item, "summary", ""));
        tsn_buf_puts(out, " |\n");
    }
}

tsn_err tsn_advisory_markdown(const json_t *csaf, struct tsn_buf *out)
{
    const json_t *doc = json_object_get(csaf, "document");
    json_t *index = tsn_csaf_product_index(csaf), *vuln;
    head(out, doc);
    notes(out, json_object_get(doc, "notes"), "##");
    size_t i;
    json_array_foreach(json_object_get(csaf, "vulnerabilities"), i, vuln)
    {
        const char *cve = tsn_json_str(vuln, "cve", NULL),
                   *title = tsn_json_str(vuln, "title", "");
        const char *other = tsn_json_str(json_array_get(json_object_get(vuln, "ids"), 0),
                                         "text", "Vulnerability");
        tsn_buf_puts(out, "## ");
        inline_text(out, cve ? cve : other);
        if (*title && (!cve || strcmp(cve, title) != 0)) {
            tsn_buf_puts(out, ": ");
            inline_text(out, title);
        }
        tsn_buf_puts(out, "\n\n");
        notes(out, json_object_get(vuln, "notes"), "###");
        products(out, vuln, index);
        scores(out, vuln);
        remediations(out, vuln);
        credits(out, json_object_get(vuln, "acknowledgments"));
    }
    credits(out, json_object_get(doc, "acknowledgments"));
    tail(out, doc);
    json_decref(index);
    return out->err;
}
