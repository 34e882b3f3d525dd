/* siem.h - one entry in the formats that other people's log systems read. Pure.
 *
 * JSON Lines, CSV (RFC 4180), CEF:0, syslog (RFC 5424) and OCSF 1.8.0 (schema.ocsf.io). Everything
 * comes from the entry's own text and what is said about it; no format invents a value. Each row
 * has seq, leaf and the checkpoint that covers it, so that it can be followed back to a proof.
 */
#pragma once

#include <jansson.h>

#include "audit/entry.h"

enum tsn_siem { TSN_SIEM_JSONL, TSN_SIEM_CSV, TSN_SIEM_CEF, TSN_SIEM_SYSLOG, TSN_SIEM_OCSF };

/* Where rows come from. Borrowed. */
struct tsn_siem_site {
    const char *origin;  /* name of the log; NULL = "tocsin" */
    const char *host;    /* of the node */
    const char *version; /* of tocsin */
    int64_t pen; /* private enterprise number in syslog; 32473 is the one for documentation */
};

struct tsn_siem_row {
    const struct tsn_entry *entry; /* parsed from text */
    const char *text;
    size_t text_len;
    int64_t checkpoint, after_ms, before_ms; /* as in store/log_index.h; -1 = nothing yet */
    const json_t *open;                      /* payloads by field, or NULL */
};

/* U100 with a suggestion for a name that is none. */
tsn_err tsn_siem_find(const char *name, enum tsn_siem *out, struct tsn_diag *diag);
const char *tsn_siem_name(enum tsn_siem format);
/* The line before the first row, with its line end: CSV has one, the others nothing. */
tsn_err tsn_siem_head(struct tsn_buf *out, enum tsn_siem format);
/* One row, without a line end (CSV cells may hold none either: entries have no line ends). */
tsn_err tsn_siem_row(struct tsn_buf *out, enum tsn_siem format,
                     const struct tsn_siem_site *site, const struct tsn_siem_row *row);
