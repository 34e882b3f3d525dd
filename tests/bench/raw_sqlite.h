/* raw_sqlite.h - what SQLite alone reaches for the same rows: same table, same sizes, same
 * durability (WAL, synchronous=FULL), prepared statements, batches of a given size. No hashing, no
 * sealing, no JSON, no Lua, no threads: the floor that the engine is measured against. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct raw_job {
    const char *path;
    size_t entries;      /* rows appended */
    size_t batch;        /* entries per transaction */
    size_t text, sealed; /* bytes of each */
    size_t runs;         /* > 0: as many run rows, one of them updated with every entry, and one
                           chain row written per entry's run, as the engine does */
};
/* Entries per second; < 0 = failed. */
double raw_rate(const struct raw_job *job);
/* Microseconds of one commit of a single entry, the median of n. */
double raw_commit_us(const char *path, size_t n, size_t text, size_t sealed);
