/* bench_lint.c - how many real documents a second tsn_csaf_lint and tsn_csaf_check judge on one
 * core. Run by hand: bench_lint DIRECTORY (of .json files, any depth). Never a pass or fail. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "advisory/advisory.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"

#define DOCS_MAX 10000

static struct {
    char *text;
    size_t len;
} docs[DOCS_MAX];
static size_t ndocs, nbytes;

static void load(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d) {
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char path[2048];
        size_t n = strlen(e->d_name);
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.') {
            continue;
        }
        if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0 && ndocs < DOCS_MAX) {
            struct tsn_buf b;
            tsn_buf_init(&b, (size_t)64 << 20);
            if (tsn_buf_read_file(&b, path) == 0 && strstr(b.data, "\"csaf_version\"")) {
                nbytes += b.len;
                docs[ndocs].text = tsn_buf_take(&b, &docs[ndocs].len);
                ndocs++;
            }
            tsn_buf_free(&b);
        } else if (!strchr(e->d_name, '.')) {
            load(path);
        }
    }
    closedir(d);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const char *name, tsn_err (*judge)(const json_t *, json_t **))
{
    double began = now();
    size_t findings = 0, failed = 0;
    for (size_t i = 0; i < ndocs; i++) {
        json_t *doc = NULL, *list = NULL;
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        if (tsn_json_parse(docs[i].text, docs[i].len, &doc, &diag) || judge(doc, &list)) {
            failed++;
        }
        findings += json_array_size(list);
        json_decref(list);
        json_decref(doc);
    }
    double took = now() - began;
    printf(
        "%-10s %zu documents, %.1f MB, %.3f s of CPU: %.0f documents a second, %zu findings, "
        "%zu unread\n",
        name, ndocs, (double)nbytes / 1e6, took, (double)ndocs / took, findings, failed);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_lint DIRECTORY\n");
        return 2;
    }
    tsn_json_init();
    load(argv[1]);
    measure("check", tsn_csaf_check);
    measure("lint", tsn_csaf_lint);
    for (size_t i = 0; i < ndocs; i++) {
        free(docs[i].text);
    }
    return 0;
}
