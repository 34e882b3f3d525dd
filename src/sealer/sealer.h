/* sealer.h - signs checkpoints of one log, and only ones that continue the last it signed.
 *
 * Lives in a process of its own (tocsin-sealer) with a key and a state file that the core cannot
 * reach, so that a core that was taken over or rolled back cannot have a second history signed.
 * State is on disk (written, synced, renamed) before a signature exists. One thread. Blocking.
 *
 * State file: "tocsin-sealer/v1", the three lines of the last checkpoint, "mac " and an HMAC under
 * a key derived from the signing key: a torn, edited or foreign file is not taken.
 */
#pragma once

#include "audit/note.h"
#include "audit/proof.h"
#include "core/buf.h"
#include "core/diag.h"

#define TSN_SEALER_REQUEST_MAX (256u << 10)

struct tsn_sealer;

/* Makes a new key and the state of an empty log; neither file may exist. `public` gets the
 * verifier key. Codes V022, V023. */
tsn_err tsn_sealer_create(const char *key_file, const char *state_file, const char *origin,
                          struct tsn_buf *public_out, struct tsn_diag *diag);

/* Reads the key (V023), and the next one beside it (KEY.next) while keys overlap. */
tsn_err tsn_sealer_new(struct tsn_sealer **out, const char *key_file, struct tsn_diag *diag);
/* Locks the state file's directory and reads the state (V022). A state that is already the next
 * key's: the change of keys is brought to its end. */
tsn_err tsn_sealer_open(struct tsn_sealer *s, const char *state_file, struct tsn_diag *diag);
void tsn_sealer_destroy(struct tsn_sealer *s); /* wipes the key; NULL allowed */

/* HELLO: {key, origin, size, root, pid, protocol, weaker}. */
tsn_err tsn_sealer_hello(const struct tsn_sealer *s, struct tsn_buf *out, const char *weaker);
/* One request (the payload of SEAL), one frame appended to `out`: SEALED or SEAL_REFUSED. A
 * refusal changes nothing. TSN_EOUTCOME: whether the state is kept is not known; nothing was
 * signed, and the process must end and read it anew. */
tsn_err tsn_sealer_request(struct tsn_sealer *s, const char *p, size_t n, struct tsn_buf *out);
/* {end: false}: makes the next key (once), which signs beside the first from now on. {end: true}:
 * it signs alone, and the first key's file is replaced. Answers ROTATED {key, next, why}: `why`
 * is there when nothing was changed. TSN_EOUTCOME as above. */
tsn_err tsn_sealer_rotate(struct tsn_sealer *s, const char *p, size_t n, struct tsn_buf *out);
