/* bundle_out.h - writes what an outsider can verify: a case, a range or the whole log as files
 * (docs/audit.md, Bundles). Store thread or an offline command; one read transaction.
 */
#pragma once

#include "audit/tlog.h"
#include "store/store.h"

/* Takes whole files; an error ends the writing. */
struct tsn_bundle_sink {
    tsn_err (*put)(const char *path, const void *p, size_t n, void *user);
    void *user;
};

struct tsn_bundle_order {
    enum tsn_bundle_scope scope;
    const char *case_id;
    int64_t from, to; /* range; a case: no entry behind `to`, -1 = none of that */
    const char *note; /* the checkpoint that covers it; NULL = the newest that is stored */
    /* A checkpoint that the recipient has: 0 = none is named. A root that is not ours at that size,
     * or a size that we do not have, is TSN_ETAMPERED V115: the log is not the one of then. */
    uint64_t since;
    const uint8_t *since_root; /* NULL = not known */
    const char *title;         /* for the reader page: "PSIRT-2026-0142" */
    const char *script;        /* verify.py, and its length */
    size_t script_len;
    /* May the recipient see the payloads of this entry? NULL = nothing is opened. */
    bool (*may_open)(const struct tsn_entry *e, void *user);
    void *user;
};

struct tsn_bundle_done {
    uint64_t entries, openings, files, size; /* size: of the checkpoint */
    int64_t last;                            /* position of the last entry, -1 */
};

/* V105: no checkpoint covers it. */
tsn_err tsn_bundle_write(struct tsn_store *st, const struct tsn_bundle_order *order,
                         const struct tsn_bundle_sink *sink, struct tsn_bundle_done *out,
                         struct tsn_diag *diag);

/* All entries of a case and its runs in order, up to `to` (-1 = all): what an export of it has. */
tsn_err tsn_bundle_case(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                        int64_t to, struct tsn_logged **out, size_t *n);
/* RFC 6962 root over the leaves of n entries: audit.export names it with the count. */
void tsn_bundle_root(uint8_t root[TSN_HASH_LEN], const struct tsn_logged *entries, size_t n);

/* --- bundle_page.c: a page to read, HTML without scripts; nothing of it is proved --- */

void tsn_bundle_page_begin(struct tsn_buf *out, const struct tsn_bundle_head *head,
                           const char *title);
void tsn_bundle_page_entry(struct tsn_buf *out, const struct tsn_entry *e);
void tsn_bundle_page_opening(struct tsn_buf *out, const char *field, const char *p, size_t n);
void tsn_bundle_page_end(struct tsn_buf *out);
/* README.txt */
void tsn_bundle_readme(struct tsn_buf *out, const struct tsn_bundle_head *head);
