/* csaf_view.c - reads CSAF 2.0 and 2.1 alike. Pure. */
#include "advisory/csaf_view.h"

#include <stdbool.h>
#include <string.h>
#include "core/json.h"

static void add_cvss(json_t *out, const json_t *from, json_t *products)
{
    static const char *const keys[] = {"cvss_v4", "cvss_v3", "cvss_v2"};
    for (size_t k = 0; k < 3; k++) {
        json_t *cvss = json_object_get(from, keys[k]);
        if (json_is_object(cvss)) {
            json_array_append_new(
                out, json_pack("{s:s,s:O,s:o}", "key", keys[k], "cvss", cvss, "products",
                               products ? json_incref(products) : json_array()));
        }
    }
}

json_t *tsn_view_scores(const json_t *vuln)
{
    json_t *out = json_array(), *s;
    size_t i;
    json_array_foreach(json_object_get(vuln, "scores"), i, s)
    {
        add_cvss(out, s, json_object_get(s, "products"));
    }
    json_array_foreach(json_object_get(vuln, "metrics"), i, s)
    {
        add_cvss(out, json_object_get(s, "content"), json_object_get(s, "products"));
    }
    return out;
}

json_t *tsn_view_cwes(const json_t *vuln)
{
    json_t *many = json_object_get(vuln, "cwes"), *one = json_object_get(vuln, "cwe");
    if (json_is_array(many)) {
        return json_copy(many);
    }
    return json_is_object(one) ? json_pack("[O]", one) : json_array();
}

const char *tsn_view_tlp(const json_t *csaf)
{
    const json_t *d = json_object_get(json_object_get(csaf, "document"), "distribution");
    const char *label = tsn_json_str(json_object_get(d, "tlp"), "label", "");
    const char *text = tsn_json_str(d, "text", "");
    if (strcmp(label, "WHITE") == 0) {
        return "CLEAR";
    }
    bool strict = strncmp(text, "TLP:AMBER+STRICT", 16) == 0;
    return strcmp(label, "AMBER") == 0 && strict ? "AMBER+STRICT" : label;
}

const char *tsn_view_name(const json_t *vuln)
{
    const json_t *first = json_array_get(json_object_get(vuln, "ids"), 0);
    return tsn_json_str(vuln, "cve", tsn_json_str(first, "text", ""));
}

const char *tsn_view_note(const json_t *notes, const char *category)
{
    size_t i;
    json_t *n;
    json_array_foreach(notes, i, n)
    {
        if (strcmp(tsn_json_str(n, "category", ""), category) == 0) {
            return tsn_json_str(n, "text", NULL);
        }
    }
    return NULL;
}

const char *tsn_view_vex_status(const char *s)
{
    static const struct {
        const char *csaf, *vex;
    } words[] = {
        {"known_affected", "affected"},
        {"first_affected", "affected"},
        {"last_affected", "affected"},
        {"fixed", "fixed"},
        {"first_fixed", "fixed"},
        {"known_not_affected", "not_affected"},
        {"under_investigation", "under_investigation"},
        {"unknown", "under_investigation"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].csaf, s) == 0) {
            return words[i].vex;
        }
    }
    return NULL;
}

/* --- ranges ------------------------------------------------------------------------------- */

static const char *const operators[] = {"<=", ">=", "!=", "<", ">", "="};

/* The operator at `p`, or NULL. */
static const char *operator_at(const char *p)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (strncmp(p, operators[i], strlen(operators[i])) == 0) {
            return operators[i];
        }
    }
    return NULL;
}

/* Adds the bound whose version is p[0..n) without blanks at its ends; false when it has none. */
static bool add_bound(json_t *out, const char *op, const char *p, size_t n)
{
    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (n > 0 && p[n - 1] == ' ') {
        n--;
    }
    if (n == 0 || (n == 1 && *p == '*')) {
        return false;
    }
    json_array_append_new(out, json_pack("{s:s,s:s%}", "op", op, "version", p, n));
    return true;
}

json_t *tsn_view_range(const char *text)
{
    bool vers = strncmp(text, "vers:", 5) == 0;
    const char *p = vers ? strchr(text, '/') : text;
    if (!p) {
        return NULL;
    }
    p += vers ? 1 : 0;
    p += strspn(p, " ");
    json_t *out = json_array();
    if (strcmp(p, "*") == 0) {
        return out;
    }
    while (*p) {
        const char *op = operator_at(p);
        p += op ? strlen(op) : 0;
        size_t n = strcspn(p, "<>=!|");
        /* A version without an operator stands only in vers. */
        if ((!op && !vers) || !add_bound(out, op ? op : "=", p, n)) {
            json_decref(out);
            return NULL;
        }
        p += n;
        p += strspn(p, "| ");
    }
    if (json_array_size(out) == 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}
