/* entry.h - one audit entry: the ASCII text that is the leaf of the log.
 *
 * Format (source: shared/reference/audit-security-reliability.md 1.2, with the additions of
 * DESIGN section 8): first line "tocsin-audit/v1", then one `key SP value LF` per line in the
 * order of TSN_ENTRY_KEYS, absent keys left out; values 1-512 bytes of 0x21-0x7E; at most
 * 4,096 bytes in all. Printing and strict parsing are inverse to each other. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/diag.h"

#define TSN_ENTRY_MAX        4096
#define TSN_ENTRY_VALUE_MAX  512
#define TSN_ENTRY_FIELDS_MAX 6 /* commitments in one entry */

/* Key order: seq id time clock node kind actor auth case run chain rseq rprev ref playbook step
 * attempt idem outcome reason from to rlen rlast tlp ret c.<field>... */
struct tsn_commit {
    char name[16]; /* args result subject src note diff, [a-z0-9]+ */
    uint8_t value[TSN_HASH_LEN];
};

/* Borrowed strings; NULL or -1 = the key is absent. */
struct tsn_entry {
    int64_t seq;
    const char *id;            /* ULID */
    int64_t time_ms;           /* printed with nine fraction digits, zero-padded */
    const char *clock;         /* "s|u,maxerr_us,boot8hex,boottime_ns" */
    const char *node;          /* "node,epoch" */
    const char *kind;          /* "step.intent" */
    const char *actor;         /* "u:resp1" "svc:engine" "tok:..." "node:..." */
    const char *auth;          /* token local none ... */
    const char *case_id, *run; /* ULIDs */
    const char *chain;         /* "run:<ULID>" "case:<ULID>" "sys" */
    int64_t rseq;
    uint8_t rprev[TSN_HASH_LEN]; /* leaf of the chain's previous entry; zeros at rseq 0 */
    int64_t ref;
    const char *playbook; /* "name@version@16hex" */
    const char *step;     /* path: "0.3" */
    int64_t attempt;
    const char *idem;
    const char *outcome; /* ok fail denied unknown timeout cancelled na */
    const char *reason;  /* short code */
    const char *from, *to;
    int64_t rlen;         /* run.ended: entries of the run chain */
    const uint8_t *rlast; /* run.ended: leaf of the run chain's last entry; NULL absent */
    const char *tlp, *ret;
    struct tsn_commit commits[TSN_ENTRY_FIELDS_MAX]; /* in byte order of name */
    size_t ncommits;
};

void tsn_entry_init(struct tsn_entry *e); /* everything absent */
tsn_err tsn_entry_print(struct tsn_buf *out, const struct tsn_entry *e, struct tsn_diag *diag);
/* Strings point into `arena`. Refuses what print would not have written (codes V001...). */
struct tsn_arena;
tsn_err tsn_entry_parse(struct tsn_arena *arena, const char *text, size_t len,
                        struct tsn_entry *out, struct tsn_diag *diag);
/* SHA-256(0x00 || text) (RFC 6962). */
void tsn_entry_leaf(uint8_t out[TSN_HASH_LEN], const char *text, size_t len);
