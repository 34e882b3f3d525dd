/* assess.h - what `audit verify` says about something that was handed out: a bundle, tiles, a proof;
 * and whose signature counts. The rules are those of docs/audit.md (Bundles), and the same as in
 * src/verify. One thread; blocks on files.
 */
#pragma once

#include "audit/note.h"
#include "audit/tlog.h"
#include "audit/verify.h"
#include "core/diag.h"
#include "core/mem.h"

#define TSN_ASSESS_KEYS 16

struct tsn_assess {
    struct tsn_arena *arena;
    struct tsn_note_key trust[TSN_ASSESS_KEYS], witness[TSN_ASSESS_KEYS];
    size_t ntrust, nwitness;
    int64_t at_least;     /* -1 = not asked for */
    const char *remember; /* file; NULL = none */
    bool own;             /* a data directory: whose it is needs no key to be told */

    /* what was found; the first finding stays */
    enum tsn_verdict verdict;
    struct tsn_diag diag;
    bool cannot; /* CANNOT TELL, unless something is worse */
    struct tsn_diag cannot_why;

    char *note; /* malloc'ed: the checkpoint */
    size_t note_len;
    struct tsn_note parsed;
    struct tsn_checkpoint cp;
    bool have_cp;
    const char *what;                   /* "case 01J..., 87 entries, 3 opened" */
    uint64_t entries, openings, erased; /* erased: entries that audit.erase covers */
    size_t signed_by, cosigned;         /* of trust, of witness */
    /* the memory: a checkpoint seen before */
    char *old_note;
    uint64_t old_size;
    uint8_t old_root[TSN_HASH_LEN], probe[TSN_HASH_LEN];
    bool have_old, probed;
};

void tsn_assess_init(struct tsn_assess *j, struct tsn_arena *arena);
void tsn_assess_free(struct tsn_assess *j);
/* A finding; ignored behind the first. Returns TSN_ETAMPERED. */
tsn_err tsn_assess_find(struct tsn_assess *j, enum tsn_verdict verdict, const char *code,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* CANNOT TELL, unless something worse is found. */
void tsn_assess_cannot(struct tsn_assess *j, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* --- assess_trust.c --- */

/* A key, or a file of keys (`log KEY`, `witness NAME KEY`, bare ones). UNUSABLE V112. */
tsn_err tsn_assess_keys(struct tsn_assess *j, const char *value, enum tsn_note_type type);
/* Reads the memory, before anything else is looked at. */
tsn_err tsn_assess_recall(struct tsn_assess *j);
/* The text is copied. TAMPERED V111: no checkpoint. */
tsn_err tsn_assess_checkpoint(struct tsn_assess *j, const char *p, size_t n);
/* Signatures, age, memory; settles the verdict and keeps the memory of what is verified. */
void tsn_assess_settle(struct tsn_assess *j);

/* --- assess_bundle.c --- */

/* Is it something for tsn_assess_path, not a database? */
bool tsn_assess_takes(const char *path);
void tsn_assess_path(struct tsn_assess *j, const char *path);
