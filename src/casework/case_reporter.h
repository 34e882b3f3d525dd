/* case_reporter.h - the channel back to a reporter: what a receipt may see, and what it may say.
 *
 * Whoever has the receipt is the reporter. They see five plain stages, the date of the next word, what
 * was said to them (report.update), their own words, and nothing else of the case. Store thread.
 */
#pragma once

#include "casework/casework.h"

/* { case, at, last_word, due?, read, working, fixed, published, closed, credit?, messages: [{ at, ours,
 * text }] }, times in ms; TSN_ENOTFOUND: no such receipt. `due`: the running promise of the case. */
tsn_err tsn_reporter_view(struct tsn_store *st, struct tsn_arena *arena, const char *receipt,
                          json_t **out);

struct tsn_reporter_word {
    const char *receipt, *text;
    bool credit;         /* text is the name to be thanked by; "" = none */
    const json_t *files; /* [{ name, type, data: base64 }]; become evidence */
};
/* Row, evidence, entry report.message or report.credit, and for a message of an open case the event
 * `report.reply` { receipt, channel, text, files }. *woken: id of the run that took it, or NULL. */
tsn_err tsn_reporter_say(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_casework_config *config,
                         const struct tsn_reporter_word *word, int64_t epoch, int64_t now_ms,
                         const char **woken, struct tsn_diag *diag);
/* Files of a report or message as evidence of the case; `note` says where they came from. */
tsn_err tsn_case_keep_files(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_casework_config *config, const char *case_id,
                            const json_t *files, const char *note, const struct tsn_actor *by,
                            int64_t now_ms, struct tsn_diag *diag);
