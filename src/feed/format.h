/* format.h - the formats that upstream documents come in, told apart by their content and read into
 * records and claims (claim.h). Pure, any thread. docs/feeds.md has the table of them. */
#pragma once

#include "feed/claim.h"

enum tsn_format {
    TSN_FORMAT_NONE,
    TSN_FORMAT_OSV,
    TSN_FORMAT_GHSA,
    TSN_FORMAT_CVE,
    TSN_FORMAT_CSAF,
    TSN_FORMAT_NVD,
    TSN_FORMAT_KEV,
    TSN_FORMAT_OPENVEX,
    TSN_FORMAT_CYCLONEDX,  /* its vulnerabilities[] */
    TSN_FORMAT_SECDB,      /* Alpine, Wolfi, Chainguard */
    TSN_FORMAT_DEBIAN,     /* security tracker: package, CVE, releases */
    TSN_FORMAT_DSA,        /* text: DSA/list, DLA/list */
    TSN_FORMAT_EPSS,       /* CSV */
    TSN_FORMAT_CVRF,       /* XML 1.1, 1.2 */
    TSN_FORMAT_MSRC,       /* Microsoft's CVRF in JSON */
    TSN_FORMAT_UPDATEINFO, /* rpm-md, XML */
    TSN_FORMAT_APT,        /* a source package of a suite, as source_repo.c makes it */
    TSN_FORMAT_USN,        /* Ubuntu's notices */
    TSN_FORMAT_OPENVULN,   /* Cisco */
    TSN_FORMAT_ENTRY,      /* an entry of an RSS or Atom feed, as source_rss.c makes it */
    TSN_FORMATS
};
const char *tsn_format_name(enum tsn_format format);

/* By the members at the top; NONE: nothing that is read here. */
enum tsn_format tsn_format_of(const json_t *doc);
/* One document, or an array of them. TSN_EINPUT: F110, what is missing in diag. What a single
 * claim leaves unclear makes that claim unknown, not the document unreadable. */
tsn_err tsn_format_read(const json_t *doc, const struct tsn_sink *sink, struct tsn_diag *diag);
/* JSON, YAML (OSV), the text formats; `name` is for messages. F110, F111. */
tsn_err tsn_format_read_text(const char *name, const char *text, size_t len,
                             const struct tsn_sink *sink, enum tsn_format *format,
                             struct tsn_diag *diag);

/* --- the readers, each in its file ------------------------------------------------------------ */

typedef tsn_err tsn_format_reader(struct tsn_arena *arena, const json_t *doc,
                                  const struct tsn_sink *sink, struct tsn_diag *diag);
tsn_format_reader tsn_read_osv, tsn_read_ghsa, tsn_read_cve, tsn_read_csaf, tsn_read_nvd,
    tsn_read_kev, tsn_read_openvex, tsn_read_cyclonedx, tsn_read_secdb, tsn_read_debian,
    tsn_read_entry, tsn_read_msrc, tsn_read_apt, tsn_read_usn, tsn_read_openvuln;
struct tsn_xml;
tsn_err tsn_read_cvrf(struct tsn_arena *arena, const struct tsn_xml *root,
                      const struct tsn_sink *sink, struct tsn_diag *diag);
tsn_err tsn_read_updateinfo(struct tsn_arena *arena, const struct tsn_xml *root,
                            const struct tsn_sink *sink, struct tsn_diag *diag);
tsn_err tsn_read_dsa(struct tsn_arena *arena, const char *text, size_t len,
                     const struct tsn_sink *sink, struct tsn_diag *diag);
tsn_err tsn_read_epss(struct tsn_arena *arena, const char *text, size_t len,
                      const struct tsn_sink *sink, struct tsn_diag *diag);

/* An array of the strings under `key` of the objects in `list`, in the arena. */
json_t *tsn_format_strings(struct tsn_arena *arena);
