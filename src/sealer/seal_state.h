/* seal_state.h - the sealer's key and state files. Format of the state: sealer.h. Blocking. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include "audit/note.h"
#include "core/diag.h"

struct tsn_seal_state {
    int dir; /* of the state file, locked; -1 = not open */
    char file[NAME_MAX + 1], temp[NAME_MAX + 1];
    uint8_t mac_key[TSN_HASH_LEN];
    uint64_t size; /* of the last checkpoint signed, or about to be */
    uint8_t root[TSN_HASH_LEN];
};

void tsn_seal_state_init(struct tsn_seal_state *st);
void tsn_seal_state_free(struct tsn_seal_state *st);
/* Size 0; TSN_EDUP when the file is there. */
tsn_err tsn_seal_state_create(struct tsn_seal_state *st, const char *path,
                              const struct tsn_note_key *key, const uint8_t *seed,
                              struct tsn_diag *diag);
/* TSN_EBUSY: another sealer has it. TSN_ENOTFOUND: no file. TSN_ETAMPERED: not what was kept. */
tsn_err tsn_seal_state_open(struct tsn_seal_state *st, const char *path,
                            const struct tsn_note_key *key, const uint8_t *seed,
                            struct tsn_diag *diag);
/* Puts the state under another key: from then on only that one opens it. Errors as keep. */
tsn_err tsn_seal_state_hand_over(struct tsn_seal_state *st, const struct tsn_note_key *key,
                                 const uint8_t *seed, struct tsn_diag *diag);
/* A state at `path` from which nothing was ever signed. Reads no key: only for a first start. */
bool tsn_seal_state_unused(const char *path);
/* On disk first, then in *st. On an error *st is as before; TSN_EOUTCOME: the file may be new. */
tsn_err tsn_seal_state_keep(struct tsn_seal_state *st, const struct tsn_note_key *key,
                            uint64_t size, const uint8_t root[TSN_HASH_LEN],
                            struct tsn_diag *diag);

tsn_err tsn_seal_key_make(struct tsn_note_key *key, uint8_t seed[TSN_SIGN_KEY_LEN],
                          const char *origin, struct tsn_diag *diag);
tsn_err tsn_seal_key_write(const char *path, const struct tsn_note_key *key,
                           const uint8_t seed[TSN_SIGN_KEY_LEN], struct tsn_diag *diag);
tsn_err tsn_seal_key_read(struct tsn_note_key *key, uint8_t seed[TSN_SIGN_KEY_LEN],
                          const char *path, struct tsn_diag *diag);
