/* case_world.h - a real store in a temporary directory, for tests of casework. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "casework/casework.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/mem.h"
#include "store/record_case.h"

#define NOW INT64_C(1795507200000) /* 2026-11-24T08:00:00Z */

struct case_world {
    char dir[64];
    struct tsn_store *st;
    struct tsn_arena *arena;
    struct tsn_registry *registry;
    struct tsn_casework_config config;
    struct tsn_diag diag;
};

static inline json_t *world_json(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static inline int world_open(void **state)
{
    struct case_world *w = tsn_alloc(sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/tsn-case-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->arena = tsn_arena_new();
    struct tsn_store_config config = {
        .path = tsn_arena_printf(w->arena, "%s/tocsin.db", w->dir),
        .key_file = tsn_arena_printf(w->arena, "%s/tocsin.key", w->dir),
        .create = true};
    tsn_diag_init(&w->diag);
    assert_int_equal(tsn_store_open(&w->st, &config, &w->diag), 0);
    w->config.case_prefix = "PSIRT";
    w->config.products = world_json("[{\"id\":\"edge-gw\",\"name\":\"Edge Gateway\"},"
                                    "{\"id\":\"relay\",\"name\":\"Relay\"}]");
    w->config.customers = world_json(
        "[{\"name\":\"A\",\"mail\":\"a@a.example\",\"products\":[\"edge-gw\"]},"
        "{\"name\":\"B\",\"mail\":\"b@b.example\",\"products\":[\"relay\",\"edge-gw\"]},"
        "{\"name\":\"A too\",\"mail\":\"A@a.example\",\"products\":[\"edge-gw\"]},"
        "{\"name\":\"C\",\"mail\":\"c@c.example\",\"products\":[\"relay\"]}]");
    assert_int_equal(tsn_registry_open(&w->registry), 0);
    assert_int_equal(tsn_casework_register(w->registry, &w->config), 0);
    assert_int_equal(tsn_store_begin(w->st), 0);
    *state = w;
    return 0;
}

static inline int world_close(void **state)
{
    struct case_world *w = *state;
    char command[128];
    tsn_store_rollback(w->st);
    tsn_store_close(w->st);
    tsn_registry_close(w->registry);
    json_decref((json_t *)(uintptr_t)w->config.products);
    json_decref((json_t *)(uintptr_t)w->config.customers);
    tsn_arena_destroy(w->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static inline struct tsn_rec_case world_case(struct case_world *w, const char *kind)
{
    struct tsn_rec_case c;
    struct tsn_case_new in = {.kind = kind, .title = "Tokens replayed"};
    assert_int_equal(tsn_case_open(w->st, w->arena, &w->config, &in, NOW, &c), 0);
    return c;
}

static inline struct tsn_rec_case world_get(struct case_world *w, const char *id)
{
    struct tsn_rec_case c;
    assert_int_equal(tsn_store_get(w->st, w->arena, &tsn_table_case, id, &c), 0);
    return c;
}

/* One action as the engine calls it; *result is the caller's. */
static inline tsn_err world_act(struct case_world *w, const char *case_id, const char *name,
                                const char *args, int64_t now, json_t **result)
{
    const struct tsn_action *action = tsn_registry_find(w->registry, name);
    assert_non_null(action);
    assert_int_equal(action->effect, TSN_EFFECT_STORE);
    struct tsn_call call = {.action = action,
                            .run = "01KAR0000000000000000000RN",
                            .run_name = "r-test",
                            .case_id = case_id,
                            .path = "0.1",
                            .idem = "00112233445566778899aabbccddeeff",
                            .args = world_json(args),
                            .attempt = 1};
    json_t *ignored = NULL;
    tsn_diag_init(&w->diag);
    tsn_err err =
        action->apply(w->st, w->arena, &call, now, result ? result : &ignored, &w->diag);
    json_decref(ignored);
    json_decref(call.args);
    return err;
}

/* Entries of the case's chain. */
static inline size_t world_chain(struct case_world *w, const char *case_id,
                                 struct tsn_logged **out)
{
    size_t n = 0;
    assert_int_equal(tsn_store_walk(w->st, w->arena,
                                    tsn_arena_printf(w->arena, "case:%s", case_id), 0, out, &n),
                     0);
    return n;
}

/* Those of a kind. */
static inline int world_count(struct case_world *w, const char *case_id, const char *kind)
{
    struct tsn_logged *e;
    size_t n = world_chain(w, case_id, &e);
    int found = 0;
    for (size_t i = 0; i < n; i++)
        found += strcmp(e[i].entry.kind, kind) == 0;
    return found;
}

static inline const char *world_field(struct case_world *w, const struct tsn_logged *e,
                                      const char *name)
{
    const char *s = NULL;
    size_t n;
    return tsn_store_open_field(w->st, w->arena, e, name, &s, &n) ? NULL : s;
}
