/* assess_files.h - what was handed out, a folder or a tar file (ustar, as `tocsin audit export` writes
 * it), as names and bytes. A file's hash in the manifest is checked when the file is read.
 *
 * Findings go to `j`, always TAMPERED V110 unless said. One thread; blocks on files. Not a file or
 * folder of tar's first kind, bytes between or behind the files, a name twice: TAMPERED.
 */
#pragma once

#include "cli/assess.h"

struct tsn_files;

bool tsn_files_is_tar(const char *path); /* a regular file with ustar's mark */
/* Lists all below; names in byte order. NULL: a finding was made. */
struct tsn_files *tsn_files_open(struct tsn_assess *j, const char *path);
void tsn_files_close(struct tsn_files *f); /* NULL allowed */
size_t tsn_files_count(const struct tsn_files *f);
const char *tsn_files_name(const struct tsn_files *f, size_t i);
bool tsn_files_has(const struct tsn_files *f, const char *name);
/* Replaces what is in `out`. Finding with `code` when it cannot be read. */
tsn_err tsn_files_read(struct tsn_files *f, const char *name, struct tsn_buf *out,
                       const char *code);
/* `sha256 HEX NAME` lines for every file but the manifest, in order and no others. */
tsn_err tsn_files_listed(struct tsn_files *f, const char *p, size_t n);
tsn_err tsn_files_rest(struct tsn_files *f); /* reads what nobody asked for, for its hash */
