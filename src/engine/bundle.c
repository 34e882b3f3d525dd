/* bundle.c - playbook files on disk (see bundle.h). Owns nothing. */
#include "engine/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

#define SOURCE_MAX    ((size_t)1 << 20)
#define PLAYBOOKS_MAX 1000

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n > m && strcmp(s + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

tsn_err tsn_bundle_files(const char *dir, bool specs, char ***out, size_t *n)
{
    DIR *d = opendir(dir);
    struct dirent *ent;

    *out = NULL;
    *n = 0;
    if (!d)
        return tsn_err_from_errno(errno);
    while ((ent = readdir(d)) != NULL && *n < PLAYBOOKS_MAX) {
        if (ent->d_name[0] == '.' || !ends_with(ent->d_name, ".lua") ||
            ends_with(ent->d_name, "_spec.lua") != specs)
            continue;
        *out = tsn_realloc(*out, (*n + 1) * sizeof(**out));
        (*out)[(*n)++] = tsn_strdup(ent->d_name);
    }
    closedir(d);
    if (*n)
        qsort(*out, *n, sizeof(**out), by_name);
    return 0;
}

void tsn_bundle_files_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

json_t *tsn_bundle_source(const char *dir, const char *name, struct tsn_diag *diag)
{
    char path[4096];
    struct tsn_buf b;
    json_t *source = NULL;
    tsn_err err;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    tsn_buf_init(&b, SOURCE_MAX);
    err = tsn_buf_read_file(&b, path);
    if (err)
        (void)tsn_diag_set(diag, err, "R039", "cannot be read: %s", tsn_err_text(err));
    else if (!tsn_utf8_valid(b.data ? b.data : "", b.len) ||
             (b.data && memchr(b.data, '\0', b.len)))
        (void)tsn_diag_set(diag, TSN_EINPUT, "R039", "is not UTF-8 text");
    else
        source = json_stringn(b.data ? b.data : "", b.len);
    tsn_buf_free(&b);
    return source;
}

json_t *tsn_bundle_lib(const char *dir, void (*broken)(void *user, const struct tsn_diag *diag),
                       void *user)
{
    json_t *lib = json_object();
    char folder[4096], key[300];
    char **names;
    size_t n;

    (void)snprintf(folder, sizeof(folder), "%s/lib", dir);
    if (tsn_bundle_files(folder, false, &names, &n))
        return lib;
    for (size_t i = 0; i < n; i++) {
        struct tsn_diag diag;
        json_t *source;

        tsn_diag_init(&diag);
        (void)snprintf(key, sizeof(key), "lib/%.255s", names[i]);
        source = tsn_bundle_source(folder, names[i], &diag);
        if (source) {
            json_object_set_new(lib, key, source);
        } else if (broken) {
            tsn_diag_at(&diag, key, 0, 0);
            broken(user, &diag);
        }
    }
    tsn_bundle_files_free(names, n);
    return lib;
}

json_t *tsn_bundle_whole(const char *dir, const char *file, struct tsn_diag *diag)
{
    json_t *source = tsn_bundle_source(dir, file, diag), *files;

    if (!source)
        return NULL;
    files = tsn_bundle_lib(dir, NULL, NULL);
    json_object_set_new(files, file, source);
    return json_pack("{s:s, s:o}", "main", file, "files", files);
}
