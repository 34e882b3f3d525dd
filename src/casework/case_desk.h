/* case_desk.h - looking at many cases at once: search, figures by stage, export, likely duplicates.
 * Reader's thread; what its view hides is not there (store.h). New references. */
#pragma once

#include "casework/casework.h"
#include "store/record_case.h"

/* Title, name, ids, CVE, report text, facts, notes: every word must be somewhere; best first.
 * { items: [{ case, name, title, score, where: [...] }] } */
tsn_err tsn_case_search(struct tsn_store *st, struct tsn_arena *arena, const char *words,
                        size_t limit, json_t **out, struct tsn_diag *diag);
/* How long cases stayed in each phase: { stages: [{ phase, n, now, median_ms, p90_ms, mean_ms,
 * buckets: [{ within, n }] }] } */
tsn_err tsn_case_figures(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                         json_t **out);
/* One case in the open: rows, tracks, reports, evidence (without bytes), story and entries as they
 * stand in the log. */
tsn_err tsn_case_export(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_case *c, json_t **out);
