/* journal.h - the replay machine: what was recorded against what the code asks now.
 *
 * No I/O, no Lua, no clock. The host (a Lua worker) loads the recorded items, then tells the
 * machine what the playbook asks for, and the machine answers: replayed, new, pending or
 * diverged. Results are delivered strictly in recorded order (deliver_no), which reproduces any
 * interleaving. A step's identity is its path ("0.3": third step of the main branch; "0.4b2.1":
 * first step of branch 2 of the parallel at 0.4); kind, name and fingerprint must match.
 *
 * All strings given are copied. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

/* Closed list (DESIGN 5); numbers are stored and never reused. */
enum tsn_jkind {
    TSN_J_CALL = 1,
    TSN_J_SLEEP = 2,
    TSN_J_WAIT = 3,
    TSN_J_ASK = 4,
    TSN_J_APPROVE = 5,
    TSN_J_START = 6,
    TSN_J_JOIN = 7,
    TSN_J_PARALLEL = 8,
    TSN_J_UNDO = 9,
    TSN_J_RESTART = 10,
    TSN_J_END = 11
};
const char *tsn_jkind_name(enum tsn_jkind kind); /* "call"; NULL when there is no such kind */
tsn_err tsn_jkind_parse(const char *name, enum tsn_jkind *out);

enum tsn_jstate {
    TSN_J_INTENDED, /* intent on disk, no outcome */
    TSN_J_SETTLED   /* outcome on disk */
};

/* One recorded step. */
struct tsn_jitem {
    const char *path;
    enum tsn_jkind kind;
    const char *name; /* "edge.apply", task id, event name */
    uint8_t fp[32];   /* SHA-256 of the canonical JSON arguments */
    enum tsn_jstate state;
    int64_t deliver_no; /* from 1, gap-free over settled items; 0 while intended */
    int64_t
        at_ms; /* wall time of the outcome (what now() becomes); of the intent while intended */
    const char *outcome; /* "ok" "fail" ... ; NULL while intended */
    const char *result;  /* canonical JSON; NULL while intended */
};

/* What the code asks now. */
struct tsn_jrequest {
    const char *path;
    enum tsn_jkind kind;
    const char *name;
    uint8_t fp[32];
};

enum tsn_jverdict {
    TSN_J_REPLAYED, /* settled on record: its result will be delivered in order */
    TSN_J_PENDING,  /* intent on record, outcome to come: nothing to send, wait for it */
    TSN_J_NEW,      /* never seen: send the request to the core */
    TSN_J_DIVERGED  /* recorded differently, or asked twice: stop, show both */
};

struct tsn_journal;
/* TSN_EINPUT: items contradict each other (path twice, deliver_no twice or with a gap). */
tsn_err tsn_journal_new(struct tsn_journal **out, const struct tsn_jitem *items, size_t n);
void tsn_journal_destroy(struct tsn_journal *j);

/* `recorded` (optional) gets the recorded item on PENDING, REPLAYED and DIVERGED (NULL when the
 * divergence is that the path was already asked in this life, or is no path). Borrowed until
 * destroy. Divergence stays: every later ask answers DIVERGED, next answers NULL. */
enum tsn_jverdict tsn_journal_ask(struct tsn_journal *j, const struct tsn_jrequest *req,
                                  const struct tsn_jitem **recorded);

/* What is on record at this path, asked for or not; NULL: nothing. Changes nothing. */
const struct tsn_jitem *tsn_journal_at(const struct tsn_journal *j, const char *path);

/* Live outcome from the core for a path that was asked or will be asked on replay. deliver_no
 * must be the next one: TSN_EINPUT otherwise (the core must send in order), and for a path that
 * is unknown or settled already. NULL as result means JSON null. */
tsn_err tsn_journal_settle(struct tsn_journal *j, const char *path, int64_t deliver_no,
                           int64_t at_ms, const char *outcome, const char *result);

/* The next result to hand to Lua, in deliver_no order, or NULL: nothing is due, or the next
 * one's path has not been asked for yet by the code. Marks it delivered. */
const struct tsn_jitem *tsn_journal_next(struct tsn_journal *j);

/* Its outcome is known: delivered, or about to be. */
bool tsn_journal_settled(const struct tsn_journal *j, const char *path);

/* All recorded outcomes were delivered. */
bool tsn_journal_caught_up(const struct tsn_journal *j);
/* The code has ended (returned) while recorded items were never asked for: divergence. NULL if
 * none. */
const struct tsn_jitem *tsn_journal_unasked(const struct tsn_journal *j);

/* Paths: tsn_path_next("0.2") -> "0.3"; first step of the main branch is "0.1". */
tsn_err tsn_path_next(char *path, size_t cap);
/* A path is well-formed: digits, '.', 'b' in the grammar above; at most TSN_PATH_MAX bytes. */
#define TSN_PATH_MAX 63
bool tsn_path_valid(const char *path);
/* The step that takes the one at `path` back: "0.6" -> "0.6u", and "0.6u2" for its second try after
 * a failure. Such steps are the engine's own: a worker neither asks for them nor sees them. */
tsn_err tsn_path_undo(char *out, size_t cap, const char *path, int64_t nth);
/* Is it one? Then the length of the path it takes back, else 0. */
size_t tsn_path_undoes(const char *path);
