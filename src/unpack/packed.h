/* packed.h - archives and compressed files, read by a child that has nothing in its hands.
 *
 * zip, tar (gzip, bzip2, xz, zstd or plain) and single compressed files, by libarchive. The content of
 * what it lets through is written to one file, entry after entry, a slice at a time; names are data
 * and never become paths. Refused by name: links, devices, encrypted entries, names that lead
 * anywhere ("..", "/", '\', control characters), entries that are too large. Ends the whole: too much
 * in all, too many entries, an inflation past `ratio` beyond the first 16 MiB, an archive inside an
 * archive inside an archive, broken data. Blocking; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_UNPACK_NAME_MAX 512
#define TSN_UNPACK_FREE     (16u << 20) /* may come of however few bytes */

struct tsn_unpack_limits {
    uint64_t entry; /* bytes of one entry; larger ones are passed over */
    uint64_t total; /* of all */
    uint64_t ratio; /* bytes out for each byte in */
    uint64_t count; /* entries */
    uint64_t slice; /* bytes after which a slice ends */
    uint64_t batch; /* entries after which a slice ends */
    bool single;    /* one compressed file, or plain bytes, and no archive */
};

/* One entry that was written, in the order of the file. */
struct tsn_unpack_item {
    char name[TSN_UNPACK_NAME_MAX + 1];
    uint64_t at, size;
};

struct tsn_unpack_sink {
    void *user;
    /* Bytes of the entry that is open. false: no room, end. */
    bool (*write)(void *user, const void *p, size_t n);
    /* The open entry is whole; false: end. */
    bool (*entry)(void *user, const char *name, uint64_t size);
    /* One was passed over. */
    void (*refused)(void *user, const char *name, const char *why);
};

/* Everything in `fd`, a regular file at its start. NULL: read to the end; else why not, one sentence
 * part in constant or static text. */
const char *tsn_unpack_read(int fd, const struct tsn_unpack_limits *limits,
                            const struct tsn_unpack_sink *sink);
/* May an entry bear this name? NULL, or why not. */
const char *tsn_unpack_name(const char *name);
