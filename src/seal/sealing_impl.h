/* sealing_impl.h - what the files of src/seal share. Loop thread. */
#pragma once

#include <limits.h>
#include "audit/proof.h"
#include "core/json.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/child.h"
#include "seal/sealing.h"
#include "store/proof_store.h"

#define TSN_VKEY_MAX 400

struct tsn_cover_wait {
    struct tsn_cover_wait *next;
    int64_t seq, due_mono;
    void (*fn)(bool covered, void *user);
    void *user;
};

struct tsn_witness {
    struct tsn_sealing *s;
    struct tsn_note_key key;
    const char *url;
    const char *const *reach;
    uint64_t size; /* of its last cosignature, as far as we know */
    int64_t
        covers; /* size of the last checkpoint of this run of ours that it signed; 0 = none */
    uint64_t asked; /* size of the checkpoint under way */
    char *asked_note;
    bool busy;
    struct tsn_xfer *xfer;
    struct tsn_timer *again;
    int64_t backoff_ms;
    unsigned conflicts;
    bool away; /* at start: it did not answer */
};

/* The request for a new epoch under way. */
struct tsn_epoch_text {
    char first[80], second[80], first_auth[16], second_auth[16], from[128], note[2100];
};

/* What HELLO said. */
struct tsn_seal_hello {
    bool come;
    char key[TSN_VKEY_MAX], next_key[TSN_VKEY_MAX];
    uint64_t size;
    uint8_t root[TSN_HASH_LEN];
};

struct tsn_sealing {
    struct tsn_sealing_config config;
    unsigned refs;
    bool closing, started, suspect, comparing, opening;
    char *dir, *socket, *origin, *copy_file, *copy_syslog;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_httpc *httpc;

    int64_t epoch;
    char name[TSN_NOTE_NAME_MAX + 1]; /* origin and epoch */
    bool known;                       /* the store has a key of this log */
    char key_text[TSN_VKEY_MAX];      /* the key the store knows, or the sealer's new one */
    char next_text[TSN_VKEY_MAX];     /* during an overlap */
    struct tsn_note_key key;

    struct tsn_child *child;
    bool up;
    struct tsn_seal_hello hello;
    struct tsn_timer *respawn, *delay, *due;
    int64_t backoff_ms;

    uint64_t size; /* sealed */
    uint8_t root[TSN_HASH_LEN];
    uint64_t asked; /* size that the sealer was asked for */
    char *note;     /* malloc'ed */
    int64_t sealed_at_ms, sealed_mono, noted_mono;
    bool busy, dirty, storing, noted, store_again;
    struct tsn_cover_wait *waits;
    size_t nwaits;
    bool cover_note; /* the next checkpoint is one that somebody waits for */
    /* The node stops: called when what it wrote last is covered. */
    void (*last)(void *user);
    void *last_user;
    int64_t last_seq, stored; /* stored: size of the checkpoint on disk, of this life */
    struct tsn_timer *late;

    struct tsn_witness *witnesses;
    size_t nwitnesses;
    /* Cosignatures of one checkpoint as they come; the newest one that has its quorum. */
    char *gather_note, *covered_note;
    uint64_t gather_size, covered_size;
    int64_t gathered;
    struct tsn_sealing_stats stats;
    struct tsn_diag why; /* of the suspicion */

    void (*epoch_done)(tsn_err err, const struct tsn_diag *diag, void *user);
    void *epoch_user;
    struct tsn_epoch_text epoch_text;
    void (*rotate_done)(tsn_err err, const struct tsn_diag *diag, void *user);
    void *rotate_user;
    bool rotate_end;
    uint64_t db_size;
    uint8_t db_root[TSN_HASH_LEN]; /* at start */
};

/* --- sealing.c */
void tsn_sealing_ref(struct tsn_sealing *s);
void tsn_sealing_unref(struct tsn_sealing *s);
/* Is this the key of the epoch that we are in? */
bool tsn_sealing_key_fits(const struct tsn_sealing *s, struct tsn_diag *diag);
void tsn_sealing_suspect(struct tsn_sealing *s, const struct tsn_diag *diag);
tsn_err tsn_sealing_spawn(struct tsn_sealing *s, bool create, struct tsn_diag *diag);
json_t *tsn_sealing_hash(const uint8_t hash[TSN_HASH_LEN]);

/* --- sealing_head.c */
void tsn_head_next(struct tsn_sealing *s); /* the sealer is free: is there something to seal? */
void tsn_head_sealed(struct tsn_sealing *s, const json_t *frame);
void tsn_head_refused(struct tsn_sealing *s, const json_t *frame);
void tsn_head_store(struct tsn_sealing *s);           /* the note has changed */
void tsn_head_last(struct tsn_sealing *s, bool late); /* may the node end now? */
void tsn_cover_look(struct tsn_sealing *s); /* something may be covered now, or overdue */

/* --- sealing_epoch.c */
/* Store thread or before: does the database continue what the sealer signed? */
tsn_err tsn_sealing_check(struct tsn_store *st, const char *known_key,
                          const struct tsn_seal_hello *h, struct tsn_diag *diag);
/* A later HELLO: asks the reader. */
void tsn_sealing_recheck(struct tsn_sealing *s);
void tsn_epoch_hello(struct tsn_sealing *s); /* the new epoch's sealer is there */
void tsn_epoch_sealed(struct tsn_sealing *s);
void tsn_rotate_answer(struct tsn_sealing *s, const json_t *frame);

/* --- sealing_witness.c */
tsn_err tsn_witness_open(struct tsn_sealing *s, struct tsn_diag *diag);
void tsn_witness_close(struct tsn_sealing *s);
void tsn_witness_ask(struct tsn_sealing *s); /* there is a new checkpoint */
/* At start, before anything is written: has one of them seen more than the sealer, or another log?
 * Runs the loop. */
void tsn_witness_compare(struct tsn_sealing *s);

/* --- sealing_copy.c */
void tsn_sealing_copy(struct tsn_sealing *s);
