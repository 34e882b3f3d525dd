/* record_cols.h - the words in which record_*.c describe columns. Private to them. */
#pragma once

#include "store/record.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(rec, f)                                                                           \
    {                                                                                          \
#f, TSN_COL_TEXT, offsetof(struct tsn_rec_##rec, f)                                    \
    }
#define INT(rec, f)                                                                            \
    {                                                                                          \
#f, TSN_COL_INT, offsetof(struct tsn_rec_##rec, f)                                     \
    }
#define BLOB(rec, f)                                                                           \
    {                                                                                          \
#f, TSN_COL_BLOB, offsetof(struct tsn_rec_##rec, f)                                    \
    }
#define SEALED(rec, f)                                                                         \
    {                                                                                          \
#f, TSN_COL_SEALED, offsetof(struct tsn_rec_##rec, f)                                  \
    }
#define TABLE(rec, case_column)                                                                \
    const struct tsn_table tsn_table_##rec = {#rec, sizeof(struct tsn_rec_##rec), rec##_cols,  \
                                              COUNT(rec##_cols), case_column}
