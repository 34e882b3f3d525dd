/* store_lab.h - what the store's tests share: a temporary directory, a store in it, raw SQL. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/log.h"
#include "store/store.h"
#include "store/verify_store.h"

#define CASE1 "01JDG3V0A0CASE00000000000A"
#define CASE2 "01JDG3V0A0CASE00000000000B"
#define RUN1  "01JDG3V0A0RXN000000000000A"
#define RUN2  "01JDG3V0A0RXN000000000000B"

struct lab {
    char dir[48], db[96], key[96];
};

static inline void lab_open(struct lab *l)
{
    tsn_crypto_init();
    tsn_log_open(-1); /* the store says loudly what these tests do to it */
    /* In memory where there is such a place: these tests sync thousands of times. */
    (void)snprintf(l->dir, sizeof(l->dir), "%s/tsn-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(l->dir));
    (void)snprintf(l->db, sizeof(l->db), "%s/t.db", l->dir);
    (void)snprintf(l->key, sizeof(l->key), "%s/t.key", l->dir);
}

static inline void lab_close(struct lab *l)
{
    char cmd[128];

    (void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", l->dir);
    assert_int_equal(system(cmd), 0);
}

static inline tsn_err lab_try(struct lab *l, struct tsn_store **out, bool read_only,
                              struct tsn_diag *diag)
{
    struct tsn_store_config c = {.path = l->db,
                                 .key_file =
                                     access(l->key, F_OK) == 0 || !read_only ? l->key : NULL,
                                 .read_only = read_only,
                                 .create = !read_only};

    *out = NULL;
    return tsn_store_open(out, &c, diag);
}

static inline struct tsn_store *lab_store(struct lab *l, bool read_only)
{
    struct tsn_store *st;
    struct tsn_diag d;
    tsn_err err;

    tsn_diag_init(&d);
    err = lab_try(l, &st, read_only, &d);
    if (err)
        fail_msg("open: %s %s", d.code, d.what);
    return st;
}

/* SQL by somebody who is not tocsin. */
static inline int lab_sql(struct lab *l, const char *sql)
{
    sqlite3 *db;
    int rc;

    assert_int_equal(sqlite3_open(l->db, &db), SQLITE_OK);
    rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

static inline int64_t lab_int(struct lab *l, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    int64_t v;

    assert_int_equal(sqlite3_open(l->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    v = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return v;
}

static inline void lab_append(struct tsn_store *st, const char *kind, const char *case_id,
                              const char *run, const char *secret)
{
    struct tsn_field f = {"args", secret, secret ? strlen(secret) : 0};
    struct tsn_append in = TSN_APPEND_INIT;

    in.kind = kind;
    in.actor = "svc:engine";
    in.case_id = case_id;
    in.run = run;
    if (secret) {
        in.fields = &f;
        in.nfields = 1;
    }
    assert_int_equal(tsn_store_append(st, &in, NULL), 0);
}

/* A run that opens, takes a step and ends; its case's chain tells of it. Nine entries. */
static inline void lab_story(struct tsn_store *st)
{
    struct tsn_append ended = TSN_APPEND_INIT;
    uint8_t leaf[TSN_HASH_LEN];
    int64_t seq, rseq;

    assert_int_equal(tsn_store_begin(st), 0);
    lab_append(st, "audit.start", NULL, NULL, NULL);
    lab_append(st, "case.created", CASE1, NULL, "{\"title\":\"secret\"}");
    lab_append(st, "run.opened", CASE1, RUN1, "{}");
    assert_int_equal(tsn_store_commit(st), 0);
    assert_int_equal(tsn_store_begin(st), 0);
    lab_append(st, "step.intent", CASE1, RUN1, "{\"to\":\"a@example\"}");
    lab_append(st, "case.created", CASE2, NULL, "{}");
    lab_append(st, "step.result", CASE1, RUN1, NULL);
    assert_int_equal(tsn_store_commit(st), 0);
    assert_int_equal(tsn_store_begin(st), 0);
    lab_append(st, "run.closed", CASE1, RUN1, NULL);
    assert_int_equal(tsn_store_chain(st, "run:" RUN1, &seq, &rseq, leaf), 0);
    ended.kind = "run.ended";
    ended.actor = "svc:engine";
    ended.case_id = CASE1;
    ended.run = RUN1;
    ended.case_chain = true;
    ended.rlen = rseq + 1;
    ended.rlast = leaf;
    assert_int_equal(tsn_store_append(st, &ended, NULL), 0);
    lab_append(st, "audit.stop", NULL, NULL, NULL);
    assert_int_equal(tsn_store_commit(st), 0);
}
#define LAB_STORY 9

static inline void lab_verify(struct lab *l, struct tsn_verify_result *r)
{
    struct tsn_store *st = lab_store(l, true);

    memset(r, 0, sizeof(*r));
    assert_int_equal(tsn_store_verify(st, NULL, NULL, r), 0);
    tsn_store_close(st);
}
