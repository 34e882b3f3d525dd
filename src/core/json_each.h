/* json_each.h - one value at a time of a JSON text that is too large to be held as a tree.
 *
 * begin looks through the whole text once: it must be JSON (RFC 8259) of at most TSN_JSON_DEPTH levels,
 * so a list that was cut short is refused before its first value is used. Then the members of one
 * object or array are handed out as ranges of the text. Nothing is copied. Pure, any thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "core/buf.h"
#include "core/diag.h"

struct tsn_json_each {
    const char *text;
    size_t len;
    size_t start, end; /* of the container: behind its bracket, and its closing one */
    size_t at;         /* where the next value is looked for; may be kept and set again */
    bool object;
    /* Set before begin, or NULL: told now and then how far the scan has come. */
    void (*passed)(size_t at, void *user);
    void *user;
};

/* `path`: member names from the outermost object, NULL-terminated; empty: the outermost value itself.
 * TSN_EINPUT H010: no JSON. TSN_ENOTFOUND: it is, and has no container there. */
tsn_err tsn_json_each_begin(struct tsn_json_each *e, const char *text, size_t len,
                            const char *const *path, struct tsn_diag *diag);
/* False: no more. `key` gets the name in an object (escapes undone), "" in an array. */
bool tsn_json_each_next(struct tsn_json_each *e, struct tsn_buf *key, const char **value,
                        size_t *len);
/* The value there as a range of the text, brackets and quotes included. False: not there, or the text is
 * no JSON up to it; what stands behind it is not looked at. */
bool tsn_json_find(const char *text, size_t len, const char *const *path, const char **value,
                   size_t *n);
/* The text with the container empty, as a tree: what stands beside the values. At most 4 MiB. */
tsn_err tsn_json_each_rest(const struct tsn_json_each *e, json_t **out, struct tsn_diag *diag);
