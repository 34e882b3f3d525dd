/* assess_files.c - see assess_files.h. */
#include "cli/assess_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

#define BLOCK          512
#define FILE_MAX_BYTES ((size_t)1 << 30)

struct member {
    char *name;
    int64_t at, size; /* of its bytes in the tar file */
    uint8_t hash[TSN_HASH_LEN];
    bool listed; /* and not read yet */
};

struct tsn_files {
    struct tsn_assess *j;
    const char *path;
    int tar; /* descriptor; -1 = a folder */
    struct member *list;
    size_t n, cap;
};

static struct member *member_new(struct tsn_files *f, const char *name)
{
    struct member *m;

    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->list = tsn_realloc(f->list, f->cap * sizeof(*f->list));
    }
    m = &f->list[f->n++];
    memset(m, 0, sizeof(*m));
    m->name = tsn_strdup(name);
    return m;
}

static void walk(struct tsn_files *f, const char *below)
{
    char path[4096], name[2048];
    struct dirent *d;
    struct stat info;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/%s", f->path, below);
    dir = opendir(path);
    while (dir && (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s%s%s", below, below[0] ? "/" : "", d->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            walk(f, name);
        else
            (void)member_new(f, name);
    }
    if (dir)
        (void)closedir(dir);
}

/* --- tar ----------------------------------------------------------------------------------------- */

static tsn_err bad_tar(struct tsn_files *f, int64_t at, const char *why)
{
    return tsn_assess_find(f->j, TSN_TAMPERED, "V110", "the tar file at byte %lld: %s",
                           (long long)at, why);
}

static bool all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Octal digits, closed by a NUL or a space within the field. */
static bool octal(const char *p, size_t n, int64_t *out)
{
    size_t len = 0;

    *out = 0;
    while (len < n && p[len] >= '0' && p[len] <= '7')
        *out = *out * 8 + (p[len++] - '0');
    return len > 0 && len < n && (p[len] == '\0' || p[len] == ' ');
}

static bool head_ok(char head[BLOCK], int64_t *size)
{
    char had[8], want[16];
    unsigned sum = 0;

    /* As tar writes it: nothing else may stand in the field, which the sum does not cover. */
    memcpy(had, head + 148, 8);
    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)head[i];
    (void)snprintf(want, sizeof(want), "%06o%c ", sum, '\0');
    return memcmp(had, want, 8) == 0 && memcmp(head + 257, "ustar", 5) == 0 &&
           head[345] == '\0' && octal(head + 124, 12, size) &&
           (head[156] == '0' || head[156] == '\0' || head[156] == '5');
}

/* Nothing may stand behind the files but zeros, at least two blocks of them. */
static tsn_err tar_end(struct tsn_files *f, int64_t at, int64_t size)
{
    char b[BLOCK];

    if (size - at < 2 * (int64_t)BLOCK)
        return bad_tar(f, at, "it is cut");
    for (; at < size; at += BLOCK) {
        ssize_t n = pread(f->tar, b, BLOCK, at);

        if (n <= 0 || !all_zero(b, (size_t)n))
            return bad_tar(f, at, "there is something behind the last file");
    }
    return 0;
}

static tsn_err list_tar(struct tsn_files *f, int64_t size)
{
    char head[BLOCK], pad[BLOCK], name[101] = "";
    int64_t at = 0, n, rest;

    for (;; at += n + rest) {
        if (pread(f->tar, head, BLOCK, at) != BLOCK)
            return bad_tar(f, at, "it is cut");
        if (all_zero(head, BLOCK))
            return tar_end(f, at, size);
        memcpy(name, head, 100);
        if (!head_ok(head, &n))
            return bad_tar(f, at, "not a file or folder as `tocsin audit export` writes them");
        at += BLOCK;
        rest = (BLOCK - n % BLOCK) % BLOCK;
        if (n > size - at || rest > size - at - n)
            return bad_tar(f, at, "it is cut");
        if (rest &&
            (pread(f->tar, pad, (size_t)rest, at + n) != rest || !all_zero(pad, (size_t)rest)))
            return bad_tar(f, at, "there is something between two files");
        if (head[156] != '5') {
            struct member *m = member_new(f, strncmp(name, "./", 2) == 0 ? name + 2 : name);

            m->at = at;
            m->size = n;
        }
    }
}

bool tsn_files_is_tar(const char *path)
{
    char head[BLOCK];
    struct stat info;
    int fd =
        stat(path, &info) == 0 && S_ISREG(info.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool good =
        fd >= 0 && pread(fd, head, BLOCK, 0) == BLOCK && memcmp(head + 257, "ustar", 5) == 0;

    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* --- by name --------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static tsn_err list(struct tsn_files *f)
{
    struct stat info;
    tsn_err err = 0;

    if (stat(f->path, &info) == 0 && S_ISDIR(info.st_mode)) {
        walk(f, "");
    } else {
        f->tar = open(f->path, O_RDONLY | O_CLOEXEC);
        if (f->tar < 0)
            return tsn_assess_find(f->j, TSN_UNUSABLE, "V118", "%s cannot be read", f->path);
        err = list_tar(f, info.st_size);
    }
    if (f->n)
        qsort(f->list, f->n, sizeof(*f->list), by_name);
    for (size_t i = 1; !err && i < f->n; i++)
        if (strcmp(f->list[i - 1].name, f->list[i].name) == 0)
            err = tsn_assess_find(f->j, TSN_TAMPERED, "V110", "%s is there twice",
                                  f->list[i].name);
    return err;
}

struct tsn_files *tsn_files_open(struct tsn_assess *j, const char *path)
{
    struct tsn_files *f = tsn_alloc(sizeof(*f));

    f->j = j;
    f->path = path;
    f->tar = -1;
    if (list(f) == 0)
        return f;
    tsn_files_close(f);
    return NULL;
}

void tsn_files_close(struct tsn_files *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        free(f->list[i].name);
    free(f->list);
    if (f->tar >= 0)
        (void)close(f->tar);
    free(f);
}

size_t tsn_files_count(const struct tsn_files *f)
{
    return f->n;
}

const char *tsn_files_name(const struct tsn_files *f, size_t i)
{
    return f->list[i].name;
}

static struct member *find(const struct tsn_files *f, const char *name)
{
    struct member key = {.name = (char *)(uintptr_t)name};

    return f->n ? bsearch(&key, f->list, f->n, sizeof(*f->list), by_name) : NULL;
}

bool tsn_files_has(const struct tsn_files *f, const char *name)
{
    return find(f, name) != NULL;
}

static tsn_err read_member(const struct tsn_files *f, const struct member *m,
                           struct tsn_buf *out)
{
    char path[4096], chunk[16384];

    if (f->tar < 0) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->path, m->name);
        return tsn_buf_read_file(out, path);
    }
    for (int64_t at = 0; at < m->size;) {
        size_t want = (size_t)(m->size - at);
        ssize_t n =
            pread(f->tar, chunk, want < sizeof(chunk) ? want : sizeof(chunk), m->at + at);

        if (n <= 0 || tsn_buf_put(out, chunk, (size_t)n) != 0)
            return TSN_EIO;
        at += n;
    }
    return 0;
}

tsn_err tsn_files_read(struct tsn_files *f, const char *name, struct tsn_buf *out,
                       const char *code)
{
    struct member *m = find(f, name);
    uint8_t hash[TSN_HASH_LEN];

    tsn_buf_clear(out);
    if (!m || read_member(f, m, out) != 0)
        return tsn_assess_find(f->j, TSN_TAMPERED, code, "%s is missing or cannot be read",
                               name);
    if (!m->listed)
        return 0;
    m->listed = false;
    tsn_sha256_once(hash, out->data, out->len);
    if (memcmp(hash, m->hash, sizeof(hash)) != 0)
        return tsn_assess_find(f->j, TSN_TAMPERED, "V110",
                               "%s is not the file that the manifest lists", name);
    return 0;
}

static bool line_of(const char *line, size_t len, struct member *m)
{
    char again[2 * TSN_HASH_LEN + 1];

    if (len < 73 || memcmp(line, "sha256 ", 7) != 0 || line[71] != ' ' ||
        strlen(m->name) != len - 72 || memcmp(line + 72, m->name, len - 72) != 0 ||
        tsn_unhex(m->hash, sizeof(m->hash), line + 7, (size_t)2 * TSN_HASH_LEN) != 0)
        return false;
    tsn_hex(again, m->hash, sizeof(m->hash));
    return memcmp(again, line + 7, (size_t)2 * TSN_HASH_LEN) == 0; /* no capitals */
}

tsn_err tsn_files_listed(struct tsn_files *f, const char *p, size_t n)
{
    size_t at = 0, needed = 0;

    for (size_t i = 0; i < f->n; i++) {
        struct member *m = &f->list[i];
        const char *end = at < n ? memchr(p + at, '\n', n - at) : NULL;

        if (strcmp(m->name, "manifest") == 0)
            continue;
        needed += strcmp(m->name, "checkpoint") == 0 || strcmp(m->name, "openings") == 0;
        if (!end || !line_of(p + at, (size_t)(end - (p + at)), m))
            return tsn_assess_find(f->j, TSN_TAMPERED, "V110",
                                   "files are missing or too many, or not listed in order: %s",
                                   m->name);
        m->listed = true;
        at = (size_t)(end + 1 - p);
    }
    if (at != n || needed != 2)
        return tsn_assess_find(f->j, TSN_TAMPERED, "V110", "files of the manifest are missing");
    return 0;
}

tsn_err tsn_files_rest(struct tsn_files *f)
{
    struct tsn_buf b;
    tsn_err err = 0;

    tsn_buf_init(&b, FILE_MAX_BYTES);
    for (size_t i = 0; !err && i < f->n; i++)
        if (f->list[i].listed)
            err = tsn_files_read(f, f->list[i].name, &b, "V110");
    tsn_buf_free(&b);
    return err;
}
