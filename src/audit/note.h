/* note.h - signed notes and the checkpoints of a log in them (C2SP signed-note, tlog-checkpoint,
 * tlog-cosignature), so that foreign tools can check ours and we can check theirs.
 *
 * A note is a text, an empty line, and signature lines: em dash, space, key name, space, base64
 * of key id (4 bytes) and signature. Parsing is strict: what print would not have written is
 * TSN_EINPUT. Types: Ed25519 over the text (0x01), and a witness's cosignature/v1 (0x04), which
 * adds a time. Pure. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/crypto.h"

#define TSN_NOTE_NAME_MAX 255
#define TSN_NOTE_SIGS_MAX 64
#define TSN_NOTE_MAX      (128u << 10)
#define TSN_NOTE_ID_LEN   4

enum tsn_note_type { TSN_NOTE_ED25519 = 0x01, TSN_NOTE_COSIGNATURE = 0x04 };

/* A key somebody may sign with. The id is computed from the rest. */
struct tsn_note_key {
    char name[TSN_NOTE_NAME_MAX + 1];
    enum tsn_note_type type;
    uint8_t id[TSN_NOTE_ID_LEN];
    uint8_t pub[TSN_SIGN_KEY_LEN];
};

/* UTF-8 of 1 to TSN_NOTE_NAME_MAX bytes, no space of any script, no control character, no '+'. */
bool tsn_note_name_ok(const char *name, size_t len);
/* TSN_EINPUT: the name is not one. */
tsn_err tsn_note_key_make(struct tsn_note_key *k, const char *name, enum tsn_note_type type,
                          const uint8_t pub[TSN_SIGN_KEY_LEN]);
/* NAME+8HEX+BASE64(type || key), without a line end. TSN_EUNSUPPORTED: of another type. */
tsn_err tsn_note_key_print(struct tsn_buf *out, const struct tsn_note_key *k);
tsn_err tsn_note_key_parse(struct tsn_note_key *k, const char *text, size_t len);
/* PRIVATE+KEY+NAME+8HEX+BASE64(type || seed): the form of Go's note package. */
tsn_err tsn_note_secret_print(struct tsn_buf *out, const struct tsn_note_key *k,
                              const uint8_t seed[TSN_SIGN_KEY_LEN]);
tsn_err tsn_note_secret_parse(struct tsn_note_key *k, uint8_t seed[TSN_SIGN_KEY_LEN],
                              const char *text, size_t len);

/* Appends one signature line over `text`, which ends with a line end. time_s: POSIX seconds, of a
 * cosignature only. */
tsn_err tsn_note_sign(struct tsn_buf *out, const struct tsn_note_key *k,
                      const uint8_t seed[TSN_SIGN_KEY_LEN], const char *text, size_t len,
                      int64_t time_s);

struct tsn_note_sig {
    const char *name;
    size_t name_len;
    uint8_t id[TSN_NOTE_ID_LEN];
    const char *base64; /* of id and signature */
    size_t base64_len;
};

struct tsn_note { /* all borrowed from what was parsed */
    const char *text;
    size_t len;
    struct tsn_note_sig sigs[TSN_NOTE_SIGS_MAX];
    size_t nsigs;
};

tsn_err tsn_note_parse(struct tsn_note *note, const char *p, size_t n);
/* 0: every signature with this key's name and id is good (there is at least one); *time_s
 * (NULL allowed) gets the latest time of a cosignature, else 0. TSN_ENOTFOUND: there is none.
 * TSN_ETAMPERED: one is bad, so the whole note is to be refused. */
tsn_err tsn_note_check(const struct tsn_note *note, const struct tsn_note_key *k,
                       int64_t *time_s);

/* --- checkpoints: the text of a note about a log's tree --- */

struct tsn_checkpoint {
    const char *origin; /* borrowed, NOT terminated */
    size_t origin_len;
    uint64_t size; /* below 2^63 */
    uint8_t root[TSN_HASH_LEN];
    bool extended; /* has lines that no monitor can audit */
};

/* Origin, size and root, a line each. */
tsn_err tsn_checkpoint_print(struct tsn_buf *out, const char *origin, uint64_t size,
                             const uint8_t root[TSN_HASH_LEN]);
tsn_err tsn_checkpoint_parse(struct tsn_checkpoint *c, const char *text, size_t len);
/* Parses note and checkpoint and demands a good signature of `k` and its name as origin. */
tsn_err tsn_checkpoint_open(struct tsn_checkpoint *c, struct tsn_note *note, const char *p,
                            size_t n, const struct tsn_note_key *k);
