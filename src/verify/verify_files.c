/* verify_files.c - what was handed out: a folder, or a tar file (ustar) of one. A file's hash in the
 * manifest is checked when the file is read, so that no file is read twice. See tocsin_verify.h. */
#include "verify/tocsin_verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512

struct member {
    char *name;
    int64_t at; /* of its bytes in the tar file */
    size_t size;
    const char *want; /* 64 hex digits in the manifest's bytes; NULL: not listed yet */
};

static const char *root;
static int tar = -1; /* the file; -1: root is a folder */
static struct member *members;
static size_t nmembers;

static struct member *member_new(const char *name)
{
    struct member *m;

    if (nmembers % 256 == 0)
        members =
            more(members, nmembers * sizeof(*members), (nmembers + 256) * sizeof(*members));
    m = &members[nmembers++];
    m->name = need(strlen(name) + 1);
    memcpy(m->name, name, strlen(name));
    return m;
}

static void walk(const char *below)
{
    char path[8192], name[4096];
    struct stat info;
    struct dirent *d;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/%s", root, below);
    dir = opendir(path);
    while (dir && (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "", d->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", root, name);
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            walk(name);
        else
            (void)member_new(name);
    }
    if (dir)
        (void)closedir(dir);
}

/* --- tar --------------------------------------------------------------------------------------- */

static _Noreturn void bad_tar(int64_t at, const char *why)
{
    finding(TAMPERED, "V110", "the tar file at byte %lld: %s", (long long)at, why);
}

static bool zeros(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Octal digits, closed by a NUL or a space. */
static bool octal(const unsigned char *p, size_t n, int64_t *out)
{
    size_t i = 0;

    *out = 0;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        *out = *out * 8 + (p[i] - '0');
    return i > 0 && i < n && (p[i] == 0 || p[i] == ' ');
}

static bool sum_ok(unsigned char head[BLOCK])
{
    unsigned char had[8];
    char want[16];
    unsigned sum = 0;

    /* Six digits, NUL, space: the sum does not cover its own field, so nothing else may stand there. */
    memcpy(had, head + 148, 8);
    memset(head + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += head[i];
    (void)snprintf(want, sizeof(want), "%06o%c ", sum, 0);
    return memcmp(had, want, 8) == 0;
}

/* Nothing may stand behind the files but zeros, at least two blocks of them. */
static void tar_end(int64_t at, int64_t size)
{
    unsigned char b[BLOCK];

    if (size - at < 2 * (int64_t)BLOCK)
        bad_tar(at, "it is cut");
    for (; at < size; at += BLOCK) {
        ssize_t n = pread(tar, b, BLOCK, at);

        if (n <= 0 || !zeros(b, (size_t)n))
            bad_tar(at, "there is something behind the last file");
    }
}

static void list_tar(int64_t size)
{
    unsigned char head[BLOCK], pad[BLOCK];
    int64_t at = 0, n, rest;
    struct member *m;
    char name[101] = "";

    for (;; at += n + rest) {
        if (pread(tar, head, BLOCK, at) != BLOCK)
            bad_tar(at, "it is cut");
        if (zeros(head, BLOCK))
            break;
        memcpy(name, head, 100);
        if (!sum_ok(head) || memcmp(head + 257, "ustar", 5) != 0 || head[345] ||
            !octal(head + 124, 12, &n) || !memchr("05", head[156], 3))
            bad_tar(at, "not a file or folder as `tocsin audit export` writes them");
        at += BLOCK;
        rest = (BLOCK - n % BLOCK) % BLOCK;
        if (n > size - at || rest > size - at - n)
            bad_tar(at, "it is cut");
        if (rest &&
            (pread(tar, pad, (size_t)rest, at + n) != rest || !zeros(pad, (size_t)rest)))
            bad_tar(at, "there is something between two files");
        if (head[156] == '5')
            continue;
        m = member_new(strncmp(name, "./", 2) == 0 ? name + 2 : name);
        m->at = at;
        m->size = (size_t)n;
    }
    tar_end(at, size);
}

bool files_is_tar(const char *path)
{
    unsigned char head[BLOCK] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, BLOCK, f) : 0;

    if (f)
        (void)fclose(f);
    return n == BLOCK && memcmp(head + 257, "ustar", 5) == 0;
}

/* --- by name ------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

void files_open(const char *path)
{
    struct stat info;

    root = path;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        walk("");
    } else {
        tar = open(path, O_RDONLY | O_CLOEXEC);
        if (tar < 0)
            finding(UNUSABLE, "V118", "%s cannot be read", path);
        list_tar(info.st_size);
    }
    if (nmembers)
        qsort(members, nmembers, sizeof(*members), by_name);
    for (size_t i = 1; i < nmembers; i++)
        if (strcmp(members[i - 1].name, members[i].name) == 0)
            finding(TAMPERED, "V110", "%s is there twice", members[i].name);
}

void files_close(void)
{
    for (size_t i = 0; i < nmembers; i++)
        free(members[i].name);
    free(members);
    if (tar >= 0)
        (void)close(tar);
}

size_t files_count(void)
{
    return nmembers;
}

const char *files_name(size_t i)
{
    return members[i].name;
}

static struct member *find(const char *name)
{
    struct member key = {.name = (char *)(uintptr_t)name};

    return nmembers ? bsearch(&key, members, nmembers, sizeof(*members), by_name) : NULL;
}

bool files_has(const char *name)
{
    return find(name) != NULL;
}

static bool read_member(struct bytes *out, const struct member *m)
{
    if (tar < 0)
        return read_file(out, root, m->name);
    out->p = need(m->size + 1);
    out->n = m->size;
    for (size_t n = 0; n < m->size;) {
        ssize_t k = pread(tar, out->p + n, m->size - n, m->at + (int64_t)n);

        if (k <= 0) {
            free(out->p);
            return false;
        }
        n += (size_t)k;
    }
    return true;
}

struct bytes files_read(const char *name, const char *code)
{
    struct member *m = find(name);
    struct bytes b;
    unsigned char hash[HASH];
    char text[2 * HASH + 1];

    if (!m || !read_member(&b, m))
        finding(TAMPERED, code, "%s is missing or cannot be read", name);
    if (m->want) {
        sha256(hash, b.p, b.n);
        hex(text, hash);
        if (memcmp(text, m->want, 2 * HASH) != 0)
            finding(TAMPERED, "V110", "%s is not the file that the manifest lists", name);
        m->want = NULL;
    }
    return b;
}

void files_listed(const struct bytes *manifest, size_t at)
{
    int needed = 0;

    for (size_t i = 0; i < nmembers; i++) {
        const char *line, *name = members[i].name;
        size_t len;

        if (strcmp(name, "manifest") == 0)
            continue;
        needed += strcmp(name, "checkpoint") == 0 || strcmp(name, "openings") == 0;
        if (!next_line(manifest, &at, &line, &len) || len < 73 ||
            memcmp(line, "sha256 ", 7) != 0 || line[71] != ' ' || strlen(name) != len - 72 ||
            memcmp(line + 72, name, len - 72) != 0)
            finding(TAMPERED, "V110",
                    "files are missing or too many, or not listed in order: %s", name);
        members[i].want = line + 7;
    }
    if (at != manifest->n || needed != 2)
        finding(TAMPERED, "V110", "files of the manifest are missing");
}

void files_rest(void)
{
    for (size_t i = 0; i < nmembers; i++)
        if (members[i].want)
            free(files_read(members[i].name, "V110").p);
}
