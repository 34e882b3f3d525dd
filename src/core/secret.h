/* secret.h - the secrets of this process by handle, and the one place that takes them out of texts.
 *
 * A handle is the text that the configuration has in place of a value: `secret:NAME` (sealed in the
 * store, or a file of `secrets:`), `credential:NAME` (systemd), `file:PATH` (a password_file). Values
 * lie in guarded memory (libsodium: locked, no core dumps), are looked up at each use and kept by nobody
 * longer than that use. Whatever was put once stays hidden for the life of the process, also after it was
 * replaced or dropped: an old value may still be valid somewhere.
 *
 * Put, drop and get: loop thread (or before it runs). Hiding: any thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"

#define TSN_SECRET_LEAST 8     /* bytes; what is shorter cannot be told from ordinary text */
#define TSN_SECRET_MOST  16384 /* bytes; a private key in PEM fits */
#define TSN_SECRET_SHOWN "***" /* what stands in its place */

/* Where the configuration names a handle: `where` is FILE:LINE. `origin`: "file" or "credential" where it
 * says where the value is, "clear" where a file stands in place of a handle, NULL where it is used. */
struct tsn_secret_use {
    const char *handle, *where, *origin;
};

/* The NAME of `secret:NAME`: letters, digits, - _ . ; at most 64. */
bool tsn_secret_name_ok(const char *name);
/* "secret:..." or "credential:..." as a whole text? (`file:` is the loader's own.) */
bool tsn_secret_is_handle(const char *text);

/* Replaces what the handle had. TSN_EINPUT: empty, too long, or a NUL byte in it. Shorter than
 * TSN_SECRET_LEAST it is kept but not hidden. */
tsn_err tsn_secret_put(const char *handle, const void *value, size_t n);
void tsn_secret_drop(const char *handle);
/* NUL-terminated, borrowed until the next put or drop; NULL: there is none. `n` may be NULL. */
const char *tsn_secret_get(const char *handle, size_t *n);
/* K001 in diag, with the command that sets it. Returns TSN_ENOTFOUND. */
struct tsn_diag;
tsn_err tsn_secret_missing(const char *handle, struct tsn_diag *diag);
/* Called on the loop thread after a put or drop of a `handle`; one listener, NULL = none. */
void tsn_secret_watch(void (*fn)(void *user, const char *handle), void *user);
/* Wipes and forgets all, also what is hidden: at the end, and in tests. */
void tsn_secret_forget(void);

/* Replaces each appearance of a secret by TSN_SECRET_SHOWN, in place; the new length, terminated. Found
 * as it is, escaped as in JSON, in hex, in base64 (both alphabets, at any offset), percent-encoded. `cut`:
 * the text was cut at its end, so that the beginning of a secret there goes too. */
size_t tsn_redact(char *text, size_t n, bool cut);
/* The same for every text in a value: a new reference, or NULL when there is nothing to hide. */
json_t *tsn_redact_json(const json_t *v);
