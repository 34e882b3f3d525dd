/* siem_int.h - what the formats share. Private to src/audit. */
#pragma once

#include "audit/siem.h"

/* 0 fatal ... 7: as syslog counts; 6 = nothing special, 4 = it did not work, 3 = nobody knows. */
int tsn_siem_severity(const struct tsn_entry *e);
void tsn_siem_leaf(const struct tsn_siem_row *row, char hex[2 * TSN_HASH_LEN + 1]);
/* "case.updated ok" */
void tsn_siem_message(const struct tsn_entry *e, char *out, size_t cap);

tsn_err tsn_siem_cef(struct tsn_buf *out, const struct tsn_siem_site *site,
                     const struct tsn_siem_row *row);
tsn_err tsn_siem_syslog(struct tsn_buf *out, const struct tsn_siem_site *site,
                        const struct tsn_siem_row *row);
tsn_err tsn_siem_ocsf(struct tsn_buf *out, const struct tsn_siem_site *site,
                      const struct tsn_siem_row *row);
