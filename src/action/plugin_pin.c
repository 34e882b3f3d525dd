/* plugin_pin.c - see plugin_pin.h. Owns nothing. */
#include "action/plugin_pin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"

#define FILES_MAX 1000
#define BYTES_MAX ((int64_t)64 << 20)
#define DEPTH_MAX 16

struct walk {
    struct tsn_arena *arena;
    const char *lines[FILES_MAX];
    size_t n;
    int64_t bytes;
    struct tsn_diag *diag;
};

static tsn_err refuse(struct walk *w, tsn_err err, const char *path, const char *why)
{
    return tsn_diag_set(w->diag, err, "R055", "%s %s", path, why);
}

/* Read through the descriptor whose kind was checked. */
static tsn_err hash_file(struct walk *w, int fd, const char *path, const char *name)
{
    struct tsn_sha256 *h = tsn_sha256_new();
    uint8_t digest[TSN_HASH_LEN];
    char hex[TSN_PIN_LEN + 1], block[16384];
    ssize_t got;

    tsn_sha256_begin(h);
    while ((got = read(fd, block, sizeof(block))) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        w->bytes += got;
        if (w->bytes > BYTES_MAX)
            break;
        tsn_sha256_add(h, block, (size_t)got);
    }
    tsn_sha256_end(h, digest);
    tsn_sha256_destroy(h);
    if (got < 0)
        return refuse(w, tsn_err_from_errno(errno), path, "cannot be read");
    if (w->bytes > BYTES_MAX || w->n == FILES_MAX)
        return refuse(w, TSN_ETOOBIG, path,
                      "is too much: a plugin has at most 1,000 files, 64 MiB");
    tsn_hex(hex, digest, sizeof(digest));
    w->lines[w->n++] = tsn_arena_printf(w->arena, "%s %s\n", hex, name);
    return 0;
}

static tsn_err walk_dir(struct walk *w, int fd, const char *dir, const char *prefix, int depth);

static tsn_err one(struct walk *w, int at, const char *dir, const char *prefix,
                   const char *name, int depth)
{
    const char *path = tsn_arena_printf(w->arena, "%s/%s", dir, name);
    const char *short_ = tsn_arena_printf(w->arena, "%s%s", prefix, name);
    struct stat st;
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    tsn_err err;

    if (fd < 0)
        return refuse(w, errno == ELOOP ? TSN_EINPUT : tsn_err_from_errno(errno), path,
                      errno == ELOOP ? "is a symbolic link: a plugin's files are its own"
                                     : "cannot be opened");
    if (fstat(fd, &st) != 0)
        err = refuse(w, TSN_EIO, path, "cannot be looked at");
    else if (S_ISDIR(st.st_mode))
        return walk_dir(w, fd, path, tsn_arena_printf(w->arena, "%s/", short_), depth + 1);
    else if (S_ISREG(st.st_mode))
        err = hash_file(w, fd, path, short_);
    else
        err = refuse(w, TSN_EINPUT, path, "is no regular file");
    (void)close(fd);
    return err;
}

/* Takes the descriptor. */
static tsn_err walk_dir(struct walk *w, int fd, const char *dir, const char *prefix, int depth)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;
    tsn_err err = 0;

    if (!d) {
        (void)close(fd);
        return refuse(w, TSN_EIO, dir, "cannot be listed");
    }
    if (depth > DEPTH_MAX)
        err = refuse(w, TSN_ETOOBIG, dir, "is nested too deeply");
    while (!err && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.' && strcmp(e->d_name, "__pycache__") != 0)
            err = one(w, dirfd(d), dir, prefix, e->d_name, depth);
    }
    (void)closedir(d);
    return err;
}

/* By what stands behind the digest: the path. */
static int by_path(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a + TSN_PIN_LEN, *(const char *const *)b + TSN_PIN_LEN);
}

tsn_err tsn_plugin_digest(const char *dir, const char *library, char out[TSN_PIN_LEN + 1],
                          struct tsn_diag *diag)
{
    struct walk *w = tsn_alloc(sizeof(*w));
    struct tsn_sha256 *h = tsn_sha256_new();
    uint8_t digest[TSN_HASH_LEN];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tsn_err err;

    w->arena = tsn_arena_new();
    w->diag = diag;
    err = fd < 0 ? refuse(w, tsn_err_from_errno(errno), dir, "cannot be opened")
                 : walk_dir(w, fd, dir, "", 0);
    if (!err && library && library[0] == '/') {
        fd = open(library, O_RDONLY | O_CLOEXEC);
        err = fd < 0 ? refuse(w, tsn_err_from_errno(errno), library, "cannot be opened")
                     : hash_file(w, fd, library, library);
        if (fd >= 0)
            (void)close(fd);
    }
    qsort(w->lines, w->n, sizeof(w->lines[0]), by_path);
    tsn_sha256_begin(h);
    for (size_t i = 0; i < w->n; i++)
        tsn_sha256_add(h, w->lines[i], strlen(w->lines[i]));
    tsn_sha256_end(h, digest);
    tsn_hex(out, digest, sizeof(digest));
    tsn_sha256_destroy(h);
    tsn_arena_destroy(w->arena);
    free(w);
    return err;
}
