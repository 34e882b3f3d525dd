/* unpack.h - archives and compressed files from strangers, opened by the child tocsin-unpack.
 *
 * The child (src/unpack) has no files, no network, 320 MiB and 900 s of processor time; what it lets
 * through stands in `out`, slice after slice, each from the start of the file. The caller maps or reads
 * a slice, asks for more, and the child overwrites it: so memory and disk stay bounded however
 * large an archive is. A slice that takes longer than TSN_UNPACK_MS ends it. Loop thread; callbacks
 * never run inside start or more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"

struct tsn_loop;
struct tsn_unpack;

#define TSN_UNPACK_MS 120000

struct tsn_unpack_entry {
    const char *name;
    uint64_t at, size; /* in `out`; a NUL stands behind it */
};

struct tsn_unpack_slice {
    const struct tsn_unpack_entry *entries; /* lives during the call */
    size_t n;
    uint64_t refused;          /* entries passed over in this slice */
    const char *first_refused; /* "" */
    bool end;                  /* nothing comes behind it */
};

struct tsn_unpack_config {
    int in,
        out; /* the archive, at its start; the file for what comes out, empty. Borrowed for start */
    bool single;                   /* one compressed file: one entry "data" */
    uint64_t entry_max, total_max; /* bytes */
    uint64_t ratio;                /* 0 = 100 */
    /* After a slice with `end`, and after `failed`, nothing more is called and the child is gone. */
    void (*slice)(const struct tsn_unpack_slice *s, void *user);
    void (*failed)(const struct tsn_diag *why, void *user); /* F120 */
    void *user;
};
tsn_err tsn_unpack_start(struct tsn_unpack **out, struct tsn_loop *loop,
                         const struct tsn_unpack_config *config, struct tsn_diag *diag);
void tsn_unpack_more(struct tsn_unpack *u);
void tsn_unpack_stop(struct tsn_unpack *u); /* no callback follows; NULL allowed */
