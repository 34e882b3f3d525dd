/* record.h - what the store keeps: one plain struct a table, described once as data.
 *
 * The tables stand by area: structs in record_*.h, their columns in record_*.c, their SQL in
 * sql/sqlite/0001_*.sql. The columns drive put, get and list of every backend, so a backend knows
 * columns and never meanings. Strings live in the arena given to get or list; NULL text means
 * SQL NULL. Columns marked sealed are encrypted at the store's edge under the key of the
 * record's case ("" = the key of the system) with table, key and column as associated data;
 * they cannot be filtered on. Times are UTC milliseconds, 0 = not set.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum tsn_coltype {
    TSN_COL_TEXT,
    TSN_COL_INT,
    TSN_COL_BLOB,
    TSN_COL_SEALED /* text, encrypted */
};

struct tsn_blob {
    const void *data;
    size_t len;
};

struct tsn_col {
    const char *name;
    enum tsn_coltype type;
    size_t offset;
};

struct tsn_table {
    const char *name;
    size_t size;                /* of the struct */
    const struct tsn_col *cols; /* cols[0] is the primary key, text */
    size_t ncols;
    int case_col; /* column that names the case whose key seals; -1 = system key */
};
