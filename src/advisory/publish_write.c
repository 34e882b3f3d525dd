/* publish_write.c - a tree of files to a directory, safe against a crash at any write. Blocking. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "advisory/publish_tree.h"
#include "core/buf.h"
#include "core/fault.h"

static bool same(const char *path, const struct tsn_site_file *f)
{
    struct tsn_buf b;
    tsn_buf_init(&b, f->len + 1);
    bool equal = tsn_buf_read_file(&b, path) == 0 && b.len == f->len &&
                 (f->len == 0 || memcmp(b.data, f->data, f->len) == 0);
    tsn_buf_free(&b);
    return equal;
}

/* Folders on the way to the file; readable by a web server. */
static int folders(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        int rc = mkdir(path, 0755);
        *p = '/';
        if (rc && errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

static int all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno != EINTR) {
            return -1;
        }
        p += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return 0;
}

static int sync_folder(const char *path)
{
    char *slash = strrchr(path, '/');
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int rc = fsync(fd);
    return close(fd) || rc ? -1 : 0;
}

static int put(char *path, const struct tsn_site_file *f)
{
    char beside[4200];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    if (folders(path)) {
        return -1;
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return -1;
    }
    int rc = all(fd, f->data, f->len) || fchmod(fd, 0644) || fsync(fd);
    rc = close(fd) || rc;
    tsn_fault("publish.file");
    return rc || rename(beside, path) || sync_folder(path) ? -1 : 0;
}

tsn_err tsn_site_write(const struct tsn_site *t, const char *dir, size_t *written,
                       struct tsn_diag *diag)
{
    *written = 0;
    for (size_t i = 0; i < t->nfiles; i++) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/%s", dir, t->files[i].path);
        if (n < 0 || (size_t)n >= sizeof path) {
            return tsn_diag_set(diag, TSN_ETOOBIG, "P001", "the path %.80s is too long",
                                t->files[i].path);
        }
        if (same(path, &t->files[i])) {
            continue;
        }
        if (put(path, &t->files[i])) {
            return tsn_diag_set(diag, TSN_EIO, "P001", "%.200s: %s", path, strerror(errno));
        }
        *written += 1;
        tsn_fault("publish.renamed");
    }
    return 0;
}
