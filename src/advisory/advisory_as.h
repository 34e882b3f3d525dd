/* advisory_as.h - everything an advisory is rendered as, from one model.
 *
 * The same model gives the same bytes. All but CSAF are made from the model's wide CSAF form, so
 * every rendering says the same, and only when its CSAF 2.0 form passes the checks. Pure; any thread. */
#pragma once

#include "advisory/advisory.h"

enum tsn_as {
    TSN_AS_CSAF,
    TSN_AS_CSAF_21,
    TSN_AS_CVE, /* one record, or a list of records: each vulnerability with a CVE id */
    TSN_AS_OPENVEX,
    TSN_AS_OSV, /* one record, or a list: each vulnerability */
    TSN_AS_HTML,
    TSN_AS_MARKDOWN,
    TSN_AS_TEXT,
    TSN_AS_COUNT
};

struct tsn_as_format {
    const char *name;  /* "csaf-2.1" */
    const char *media; /* "application/json" */
    const char *suffix;
    bool json;
};
extern const struct tsn_as_format tsn_as_formats[TSN_AS_COUNT];

/* TSN_AS_COUNT for a word that is none. */
enum tsn_as tsn_as_find(const char *name);

/* Appends the rendering of `model` (docs/advisories.md) and judges it: D001 when the checks of
 * that format refuse it, D002, D003 as tsn_csaf_render; D100 where nothing of the advisory can be
 * said in that format. JSON is canonical and ends without a line end. */
tsn_err tsn_advisory_as(const json_t *model, const struct tsn_publisher *publisher,
                        enum tsn_as as, struct tsn_buf *out, struct tsn_diag *diag);

/* From a wide CSAF document; new references. */
json_t *tsn_as_cve_record(const json_t *csaf, const json_t *vuln,
                          const struct tsn_publisher *publisher);
json_t *tsn_as_openvex(const json_t *csaf, const struct tsn_publisher *publisher);
json_t *tsn_as_osv(const json_t *csaf, const json_t *vuln);

/* Pages from a CSAF document of either version. */
tsn_err tsn_advisory_markdown(const json_t *csaf, struct tsn_buf *out);
tsn_err tsn_advisory_html(const json_t *csaf, struct tsn_buf *out);
tsn_err tsn_advisory_text(const json_t *csaf, struct tsn_buf *out);
