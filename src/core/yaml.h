/* yaml.h - configuration reader: libyaml events into a small tree that knows its places.
 *
 * YAML 1.2 core schema without aliases, anchors, tags and several documents; depth, node count
 * and size are limited; duplicate keys are errors. Every error has file, line, column and the
 * source line (codes C001 to C029). Pure but for tsn_yaml_read_file, which blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/mem.h"

enum tsn_yaml_type { TSN_YAML_SCALAR, TSN_YAML_MAP, TSN_YAML_LIST };

struct tsn_yaml {
    enum tsn_yaml_type type;
    const char *key;    /* inside a map: the key; else NULL */
    const char *scalar; /* TSN_YAML_SCALAR; never NULL there */
    bool quoted;        /* written in quotes: never a number, flag or null */
    int line, col;      /* of the value, from 1 */
    int key_line, key_col;
    struct tsn_yaml *first, *next; /* children in file order; siblings */
    const struct tsn_yaml_doc *doc;
};

struct tsn_yaml_doc {
    const char *file;
    const char *text; /* whole source, for carets */
    struct tsn_yaml *root;
};

/* Everything lives in `arena`. */
tsn_err tsn_yaml_parse(struct tsn_arena *arena, const char *file, const char *text, size_t len,
                       struct tsn_yaml_doc **out, struct tsn_diag *diag);
tsn_err tsn_yaml_read_file(struct tsn_arena *arena, const char *path, struct tsn_yaml_doc **out,
                           struct tsn_diag *diag);

const struct tsn_yaml *tsn_yaml_find(const struct tsn_yaml *map, const char *key);
/* C012 with a suggestion for the first key of `map` that is not in `known`. */
tsn_err tsn_yaml_known(const struct tsn_yaml *map, const char *what, const char *const *known,
                       size_t n, struct tsn_diag *diag);
/* Typed members. Missing: *out keeps its value, unless `need` (C013). Wrong type: C014; a
 * number where a duration belongs: C021. */
tsn_err tsn_yaml_str(const struct tsn_yaml *map, const char *key, bool need, const char **out,
                     struct tsn_diag *diag);
tsn_err tsn_yaml_int(const struct tsn_yaml *map, const char *key, bool need, int64_t min,
                     int64_t max, int64_t *out, struct tsn_diag *diag);
tsn_err tsn_yaml_bool(const struct tsn_yaml *map, const char *key, bool need, bool *out,
                      struct tsn_diag *diag);
tsn_err tsn_yaml_duration(const struct tsn_yaml *map, const char *key, bool need,
                          int64_t *ms_out, struct tsn_diag *diag);
/* A list of scalars, or one scalar as a list of one; NULL-terminated, in the arena. */
tsn_err tsn_yaml_strs(struct tsn_arena *arena, const struct tsn_yaml *map, const char *key,
                      bool need, const char *const **out, size_t *n, struct tsn_diag *diag);
/* Fills diag's place and the source line that the caret stands under. diag may be NULL. */
void tsn_yaml_place(const struct tsn_yaml_doc *doc, int line, int col, struct tsn_diag *diag);
/* Fills diag with this node's place; returns err. */
tsn_err tsn_yaml_fail(const struct tsn_yaml *node, struct tsn_diag *diag, tsn_err err,
                      const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
