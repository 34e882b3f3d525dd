/* advisory_as.c - the renderings by name; picks, judges, writes. Pure. */
#include "advisory/advisory_as.h"

#include <string.h>
#include "core/json.h"

const struct tsn_as_format tsn_as_formats[TSN_AS_COUNT] = {
    [TSN_AS_CSAF] = {"csaf", "application/json", ".json", true},
    [TSN_AS_CSAF_21] = {"csaf-2.1", "application/json", ".csaf21.json", true},
    [TSN_AS_CVE] = {"cve", "application/json", ".cve.json", true},
    [TSN_AS_OPENVEX] = {"openvex", "application/json", ".openvex.json", true},
    [TSN_AS_OSV] = {"osv", "application/json", ".osv.json", true},
    [TSN_AS_HTML] = {"html", "text/html; charset=utf-8", ".html", false},
    [TSN_AS_MARKDOWN] = {"md", "text/markdown; charset=utf-8", ".md", false},
    [TSN_AS_TEXT] = {"text", "text/plain; charset=utf-8", ".txt", false},
};

enum tsn_as tsn_as_find(const char *name)
{
    size_t i = 0;
    while (i < TSN_AS_COUNT && strcmp(tsn_as_formats[i].name, name) != 0) {
        i++;
    }
    return (enum tsn_as)i;
}

static tsn_err refused(const json_t *findings, const char *what, struct tsn_diag *diag)
{
    const json_t *f = json_array_get(findings, 0);
    if (!f) {
        return 0;
    }
    tsn_diag_set(diag, TSN_EINPUT, "D001", "%s refuses it: %.40s %.80s: %.150s", what,
                 tsn_json_str(f, "test", ""), tsn_json_str(f, "pointer", ""),
                 tsn_json_str(f, "message", ""));
    f = json_array_get(findings, 1);
    if (f) {
        tsn_diag_hint(diag, "%zu findings in all; also %.40s %.80s: %.150s",
                      json_array_size(findings), tsn_json_str(f, "test", ""),
                      tsn_json_str(f, "pointer", ""), tsn_json_str(f, "message", ""));
    }
    return TSN_EINPUT;
}

tsn_err tsn_advisory_accepted(const json_t *csaf, struct tsn_diag *diag)
{
    const json_t *doc = json_object_get(csaf, "document");
    bool v21 = strcmp(tsn_json_str(doc, "csaf_version", ""), "2.1") == 0;
    json_t *findings = NULL;
    tsn_err err = tsn_csaf_check(csaf, &findings);
    if (!err) {
        err = refused(findings, v21 ? "CSAF 2.1" : "CSAF 2.0", diag);
    }
    json_decref(findings);
    return err;
}

/* Each vulnerability as a record; one record stands alone. NULL without any. */
static json_t *records(const json_t *csaf, const struct tsn_publisher *publisher, bool cve)
{
    json_t *list = json_array(), *vuln;
    size_t i;
    json_array_foreach(json_object_get(csaf, "vulnerabilities"), i, vuln)
    {
        if (!cve) {
            json_array_append_new(list, tsn_as_osv(csaf, vuln));
        } else if (tsn_json_str(vuln, "cve", NULL)) {
            json_array_append_new(list, tsn_as_cve_record(csaf, vuln, publisher));
        }
    }
    json_t *out = NULL;
    if (json_array_size(list) == 1) {
        out = json_incref(json_array_get(list, 0));
    } else if (json_array_size(list) > 1) {
        out = json_incref(list);
    }
    json_decref(list);
    return out;
}

static tsn_err write_json(json_t *v, enum tsn_as as, struct tsn_buf *out, struct tsn_diag *diag)
{
    if (!v) {
        tsn_diag_hint(diag, as == TSN_AS_CVE
                                ? "Give a vulnerability a CVE id first."
                                : "Add vulnerabilities with product status first.");
        return tsn_diag_set(diag, TSN_EINPUT, "D100",
                            "nothing of this advisory can be said as %s",
                            tsn_as_formats[as].name);
    }
    tsn_err err = tsn_json_write(out, v);
    json_decref(v);
    return err;
}

tsn_err tsn_advisory_as(const json_t *model, const struct tsn_publisher *publisher,
                        enum tsn_as as, struct tsn_buf *out, struct tsn_diag *diag)
{
    json_t *csaf = NULL;
    bool v21 = as == TSN_AS_CSAF_21, other = !v21 && as != TSN_AS_CSAF;
    tsn_err err =
        tsn_csaf_render(model, publisher, v21 ? TSN_CSAF_21 : TSN_CSAF_20, &csaf, diag);
    if (!err) {
        err = tsn_advisory_accepted(csaf, diag);
    }
    if (!err && other) {
        json_decref(csaf);
        err = tsn_csaf_render(model, publisher, TSN_CSAF_WIDE, &csaf, diag);
    }
    if (err) {
        json_decref(csaf);
        return err;
    }
    switch (as) {
    case TSN_AS_CSAF:
    case TSN_AS_CSAF_21:
        err = tsn_json_write(out, csaf);
        break;
    case TSN_AS_CVE:
    case TSN_AS_OSV:
        err = write_json(records(csaf, publisher, as == TSN_AS_CVE), as, out, diag);
        break;
    case TSN_AS_OPENVEX:
        err = write_json(tsn_as_openvex(csaf, publisher), as, out, diag);
        break;
    case TSN_AS_HTML:
        err = tsn_advisory_html(csaf, out);
        break;
    case TSN_AS_MARKDOWN:
        err = tsn_advisory_markdown(csaf, out);
        break;
    case TSN_AS_TEXT:
        err = tsn_advisory_text(csaf, out);
        break;
    case TSN_AS_COUNT:
        err = TSN_EINPUT;
        break;
    }
    json_decref(csaf);
    return err;
}
