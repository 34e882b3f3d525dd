/* tlog.h - the texts in which a log is handed out: C2SP tlog-proof and tlog-tiles paths, and the
 * manifest and openings of a bundle (docs/audit.md, Bundles). Printing and strict parsing are
 * inverse to each other. Pure. Any thread.
 */
#pragma once

#include "audit/entry.h"
#include "audit/note.h"
#include "audit/proof.h"

/* --- c2sp.org/tlog-proof@v1 --- */

struct tsn_tlog_proof {
    const char *extra; /* malloc'ed, decoded; NULL = none */
    size_t extra_len;
    uint64_t index;
    struct tsn_proof proof;
    const char *note; /* borrowed from what was parsed */
    size_t note_len;
};

tsn_err tsn_tlog_proof_print(struct tsn_buf *out, const void *extra, size_t extra_len,
                             uint64_t index, const struct tsn_proof *proof, const char *note);
/* TSN_EINPUT: not one. Free `extra` of what was parsed. */
tsn_err tsn_tlog_proof_parse(struct tsn_tlog_proof *out, const char *p, size_t n);
void tsn_tlog_proof_free(struct tsn_tlog_proof *p);

/* --- consistency ---
 *
 * Of a bundle's `consistency`: the log at an earlier size, and RFC 6962's proof that the bundle's
 * checkpoint continues it. A line `SIZE ROOT`, then a line for each hash of the proof; sizes rise.
 */
struct tsn_earlier {
    uint64_t size; /* above 0 */
    uint8_t root[TSN_HASH_LEN];
    struct tsn_proof proof;
};

tsn_err tsn_earlier_print(struct tsn_buf *out, const struct tsn_earlier *e);
/* The one at *at, and *at behind it. TSN_EINPUT: not one. */
tsn_err tsn_earlier_parse(struct tsn_earlier *out, const char **at, const char *end);

/* --- tiles --- */

#define TSN_TILE_WIDTH 256
/* "tile/0/x001/234.p/17"; level -1: "tile/entries/...". out holds 96 bytes. */
void tsn_tile_path(char out[96], int level, uint64_t n, unsigned width);

/* --- bundles --- */

#define TSN_BUNDLE_HEAD "tocsin-bundle/v1\n"

enum tsn_bundle_scope { TSN_BUNDLE_ALL, TSN_BUNDLE_CASE, TSN_BUNDLE_RANGE };

struct tsn_bundle_head {
    enum tsn_bundle_scope scope;
    char case_id[27];
    int64_t from, to; /* inclusive */
    char origin[TSN_NOTE_NAME_MAX + 1];
    uint64_t size;
};

/* The lines before the files. */
tsn_err tsn_bundle_head_print(struct tsn_buf *out, const struct tsn_bundle_head *h);
/* *used: where the files' lines begin. */
tsn_err tsn_bundle_head_parse(struct tsn_bundle_head *out, const char *p, size_t n,
                              size_t *used);

#define TSN_SALT_LEN 32
/* One line of `openings`: SEQ FIELD SALT PAYLOAD, the last two in base64. `salted` is both. */
tsn_err tsn_opening_print(struct tsn_buf *out, int64_t seq, const char *field,
                          const struct tsn_buf *salted);
struct tsn_opening {
    int64_t seq;
    char field[16];
    struct tsn_buf salted; /* the caller inits and frees; tsn_payload_commit takes it */
};
/* The other line: SEQ gone. What the entry commits to does not stand beside it any more; parsed, its
 * field is empty. */
tsn_err tsn_opening_print_gone(struct tsn_buf *out, int64_t seq);
/* A line without its end. */
tsn_err tsn_opening_parse(struct tsn_opening *out, const char *line, size_t len);
