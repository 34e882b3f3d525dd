/* packed.c - from the bytes of an archive to entries, with every limit counted. See packed.h. */
#include "unpack/packed.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "core/text.h"

#define BLOCK (64u << 10)

struct reading {
    const struct tsn_unpack_limits *limits;
    const struct tsn_unpack_sink *sink;
    uint64_t in, out, entries; /* bytes of the file, bytes written, entries seen */
    const char *stopped;
};

const char *tsn_unpack_name(const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0)
        return "it has no name";
    if (n > TSN_UNPACK_NAME_MAX)
        return "its name is too long";
    if (!tsn_utf8_valid(name, n))
        return "its name is not UTF-8";
    if (*name == '/' || strchr(name, '\\') || (n > 1 && name[1] == ':'))
        return "its name is absolute or for another system";
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            return "its name leads out of the archive";
        for (size_t i = 0; i < len; i++) {
            if ((unsigned char)p[i] < 0x20 || p[i] == 0x7F)
                return "its name holds a control character";
        }
        p += len + (p[len] == '/');
    }
    return NULL;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n > m && strcasecmp(name + n - m, ending) == 0;
}

static const char *broken(struct archive *a)
{
    static char text[200];
    const char *why = archive_error_string(a);
    snprintf(text, sizeof text, "it is damaged: %.160s", why ? why : "no archive");
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7E)
            *p = '?';
    }
    return text;
}

/* One entry's bytes to the sink. `stopped` ends everything; *large: only this one is too large. */
static void copy_entry(struct reading *r, struct archive *a, uint64_t *size, bool *large)
{
    static char block[BLOCK];
    la_ssize_t n;
    *size = 0;
    *large = false;
    while (!r->stopped && (n = archive_read_data(a, block, sizeof block)) != 0) {
        if (n < 0) {
            r->stopped = broken(a);
            return;
        }
        r->out += (uint64_t)n;
        *size += (uint64_t)n;
        if (r->out > r->limits->total)
            r->stopped = "more comes out of it than is allowed in all";
        else if (r->out > TSN_UNPACK_FREE && r->out / r->limits->ratio > r->in)
            r->stopped = "it inflates to far more than it is: a bomb";
        else if (*size > r->limits->entry && r->limits->single)
            r->stopped = "more comes out of it than is allowed";
        else if (*size > r->limits->entry)
            *large = true;
        else if (!r->sink->write(r->sink->user, block, (size_t)n))
            r->stopped = "what comes out of it cannot be written";
        if (*large)
            return; /* the rest is skipped with the next header */
    }
}

static struct archive *reader(const struct reading *r)
{
    struct archive *a = archive_read_new();
    if (!a)
        return NULL;
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    if (r->limits->single) {
        archive_read_support_format_raw(a);
        archive_read_support_format_empty(a);
    } else {
        archive_read_support_format_zip(a);
        archive_read_support_format_tar(a);
    }
    return a;
}

/* An archive as an entry of an archive is read as it comes, without seeking. */
struct inner {
    struct archive *outer;
    char block[BLOCK];
};

static la_ssize_t inner_read(struct archive *a, void *user, const void **p)
{
    struct inner *i = user;
    la_ssize_t n = archive_read_data(i->outer, i->block, sizeof i->block);
    *p = i->block;
    if (n < 0)
        archive_set_error(a, EIO, "the outer archive is damaged");
    return n;
}

static void walk(struct reading *r, struct archive *a, int depth);

static void walk_inner(struct reading *r, struct archive *outer, int depth)
{
    struct inner *i = tsn_alloc(sizeof *i);
    struct archive *a = reader(r);
    if (!a) {
        r->stopped = "there is no memory to read it";
    } else {
        i->outer = outer;
        if (archive_read_open(a, i, NULL, inner_read, NULL) != ARCHIVE_OK)
            r->stopped = broken(a);
        else
            walk(r, a, depth + 1);
    }
    archive_read_free(a);
    free(i);
}

static const char *entry_refused(const struct reading *r, struct archive_entry *e,
                                 const char *name)
{
    const char *why = tsn_unpack_name(name);
    if (why)
        return why;
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
        archive_entry_symlink(e))
        return "it is a link or no file";
    if (archive_entry_is_encrypted(e))
        return "it is encrypted";
    if (archive_entry_size_is_set(e) && archive_entry_size(e) >= 0 &&
        (uint64_t)archive_entry_size(e) > r->limits->entry)
        return "it is too large";
    return NULL;
}

/* Names come from strangers; what is shown of a refused one is short and printable. */
static void refuse(struct reading *r, const char *name, const char *why)
{
    char shown[121];
    size_t k = 0;
    for (const char *p = name ? name : ""; *p && k + 1 < sizeof shown; p++)
        shown[k++] = (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7E ? '?' : *p;
    shown[k] = '\0';
    r->sink->refused(r->sink->user, shown, why);
}

static void walk(struct reading *r, struct archive *a, int depth)
{
    struct archive_entry *e;
    int got;
    while (!r->stopped && (got = archive_read_next_header(a, &e)) != ARCHIVE_EOF) {
        const char *name = r->limits->single ? "data" : archive_entry_pathname(e);
        uint64_t size = 0;
        bool large = false;
        if (got < ARCHIVE_WARN) {
            r->stopped = broken(a);
            return;
        }
        if (++r->entries > r->limits->count) {
            r->stopped = "it has more entries than are allowed";
            return;
        }
        if (!r->limits->single && archive_entry_filetype(e) == AE_IFDIR)
            continue;
        const char *why = r->limits->single ? NULL : entry_refused(r, e, name);
        if (why && !(strcmp(why, "it is too large") == 0 && ends_in(name, ".zip"))) {
            refuse(r, name, why);
            continue;
        }
        if (!r->limits->single && ends_in(name, ".zip")) {
            if (depth > 0)
                r->stopped = "it holds an archive in an archive in an archive";
            else
                walk_inner(r, a, depth);
            continue;
        }
        copy_entry(r, a, &size, &large);
        if (r->stopped)
            return;
        if (large)
            refuse(r, name, "it is too large");
        if (!r->sink->entry(r->sink->user, large ? NULL : name, size))
            r->stopped = "nobody reads it any more";
    }
}

const char *tsn_unpack_read(int fd, const struct tsn_unpack_limits *limits,
                            const struct tsn_unpack_sink *sink)
{
    struct reading r = {.limits = limits, .sink = sink};
    struct stat st;
    struct archive *a = reader(&r);
    if (!a || fstat(fd, &st) != 0)
        r.stopped = "it cannot be read";
    else if (st.st_size == 0)
        r.stopped = "it is empty";
    r.in = r.stopped ? 0 : (uint64_t)st.st_size;
    if (!r.stopped && archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
        r.stopped = broken(a);
    if (!r.stopped)
        walk(&r, a, 0);
    archive_read_free(a);
    return r.stopped;
}
