/* sealing.h - the core's side of checkpoints: drives tocsin-sealer, asks witnesses, says what is
 * covered.
 *
 * After each group commit the sealer gets the new head with a consistency proof, coalesced: at once
 * when somebody waits for cover, else at most once a second. The signed checkpoint is stored, shown
 * to the witnesses and copied out. Nothing else waits for it: a dead sealer or witness holds up
 * only what asked for cover.
 *
 * At start the database is compared with the sealer before anything is written. Loop thread only,
 * but for tsn_sealing_open, which reads the given store before the writer has it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "audit/note.h"
#include "core/diag.h"
#include "loop/httpc.h"
#include "store/reader.h"
#include "store/writer.h"

struct tsn_loop;
struct tsn_sealing;

struct tsn_witness_config {
    const char *key;          /* verifier key, cosignature/v1 */
    const char *url;          /* add-checkpoint is appended; NULL: signs by other ways */
    const char *const *reach; /* NULL-terminated */
};

enum tsn_no_cover { TSN_NO_COVER_ASK, TSN_NO_COVER_GO };

struct tsn_sealing_config {
    struct tsn_loop *loop;
    const char *dir; /* of keys and states, a folder for each epoch; made when absent */
    const char
        *socket; /* of a sealer that another user runs, who has key and state; NULL = ours */
    const char *origin; /* "acme.example/tocsin/main/audit"; the epoch is appended */
    const struct tsn_witness_config *witnesses;
    size_t nwitnesses;
    int64_t quorum;            /* cosignatures that cover needs */
    enum tsn_no_cover without; /* what an irreversible step does when cover does not come */
    int64_t cover_ms;          /* how long it waits; 0 = 30 s */
    int64_t every_ms;          /* an audit.checkpoint entry and copies; 0 = 1 h */
    const char *copy_file, *copy_syslog /* "127.0.0.1:514" UDP */; /* NULL = none */
    /* A copy by other means (mail), at the same times; NULL = none. Borrowed text. */
    void (*copy)(const char *note, int64_t size, void *user);
    /* While running: the sealer or a witness has seen another history. Nothing may go on. */
    void (*on_suspect)(const struct tsn_diag *diag, void *user);
    void *user;
};

/* Reads what the store knows, and starts the sealer (which makes key and state where the log was
 * never sealed). */
tsn_err tsn_sealing_open(struct tsn_sealing **out, const struct tsn_sealing_config *config,
                         struct tsn_store *st, struct tsn_diag *diag);
/* Runs the loop until the sealer said where it stands and the witnesses what they have seen (3 s at
 * most; one that is away is asked again later), and compares. TSN_ETAMPERED with V100 to V104: the
 * node may only read. `st` as in open. httpc NULL: no witness is asked. */
tsn_err tsn_sealing_compare(struct tsn_sealing *s, struct tsn_store *st,
                            struct tsn_httpc *httpc, struct tsn_diag *diag);
/* What was found in an earlier life: the node may only read until two people say otherwise. */
void tsn_sealing_distrust(struct tsn_sealing *s, const struct tsn_diag *diag);
/* Begins to follow the writer. */
tsn_err tsn_sealing_start(struct tsn_sealing *s, struct tsn_writer *writer,
                          struct tsn_reader *reader);
/* After the writer's batches. */
void tsn_sealing_committed(struct tsn_sealing *s);
/* The node stops and entry `seq` is its last one: fn once, when a checkpoint that covers it is stored
 * and the witnesses that are there have cosigned it, or after 10 s, or at once when no sealer is up
 * or it cannot write. No more entries are made for checkpoints. */
void tsn_sealing_last(struct tsn_sealing *s, int64_t seq, void (*fn)(void *user), void *user);
/* Pending covers are dropped without a call. Children end by themselves. */
void tsn_sealing_close(struct tsn_sealing *s);

/* --- cover --- */

/* Calls fn once: true when a checkpoint of a size above seq is signed and has its quorum; false
 * when that did not come in time. May call inside. */
void tsn_sealing_cover(struct tsn_sealing *s, int64_t seq, void (*fn)(bool covered, void *user),
                       void *user);
enum tsn_no_cover tsn_sealing_without(const struct tsn_sealing *s);

/* --- what is known --- */

struct tsn_sealing_stats {
    bool up, suspect;
    int64_t size, sealed_at_ms; /* of the last checkpoint; 0 = none yet */
    int64_t epoch, waiting;     /* covers under way */
    size_t witnesses, fresh;    /* configured; that cosigned the last checkpoint */
    uint64_t sealed, refused, restarts, missed; /* missed: covers that did not come */
};
void tsn_sealing_stats(const struct tsn_sealing *s, struct tsn_sealing_stats *out);
/* The last checkpoint with every signature so far; NULL = none. Borrowed. */
const char *tsn_sealing_note(const struct tsn_sealing *s);
/* The newest one that has its quorum of cosignatures (the last one when none is asked for), and its
 * size. Borrowed. */
const char *tsn_sealing_covered_note(const struct tsn_sealing *s, int64_t *size);
/* `note`, one of those above, was handed out under an export: it is kept and logged, and later
 * exports show that they continue it. fn once, when that is on disk or failed. */
void tsn_sealing_handed_out(struct tsn_sealing *s, const char *note, int64_t size,
                            void (*fn)(void *user), void *user);
const char *
tsn_sealing_key(const struct tsn_sealing *s); /* verifier key in use, "" = unknown */

/* --- recovery --- */

/* What two people agreed to. */
struct tsn_epoch_request {
    const char *first, *second; /* people, different ones */
    const char *first_auth, *second_auth;
    const char *reason;
};
/* Ends the epoch that cannot go on and opens the next one: a new sealer key, and entries that name
 * the last head of the old one, the reason and both people. `done` gets 0 when the log is sealed
 * under the new key; the node may then go on. */
void tsn_sealing_new_epoch(struct tsn_sealing *s, struct tsn_writer *writer,
                           const struct tsn_epoch_request *request,
                           void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                           void *user);
/* What the people see before they agree: one line each; in the arena. */
const char *tsn_sealing_situation(const struct tsn_sealing *s, struct tsn_arena *arena);

/* Key rotation: a second key signs beside the first from now on (begin), then alone (end). */
void tsn_sealing_rotate(struct tsn_sealing *s, bool end, const struct tsn_epoch_request *who,
                        void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                        void *user);
