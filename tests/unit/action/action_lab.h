/* action_lab.h - what the tests of actions share: a loop, a registry, and calls that record how
 * they ended. The loop is turned by hand until something is true or patience is over. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "action/action.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "loop/loop.h"

#define PATIENCE_MS 30000

struct lab {
    struct tsn_loop *loop;
    struct tsn_registry *registry;
    char dir[64]; /* own temporary folder, removed at the end */
    uv_timer_t tick;
};

/* A call as the engine would hold it. */
struct lab_call {
    struct tsn_call call;
    int ended; /* how often done was called: must become 1, never more */
    bool starting;
    enum tsn_outcome outcome;
    json_t *result;
    struct tsn_diag diag;
    void (*then)(struct lab_call *c); /* runs inside done, as the engine's next step does */
    void *user;
};

static void lab_done(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                     const struct tsn_diag *diag)
{
    struct lab_call *c = call->engine;

    assert_false(c->starting); /* never inside start */
    c->ended++;
    c->outcome = outcome;
    json_decref(c->result);
    c->result = result ? json_deep_copy(result) : NULL;
    if (diag)
        c->diag = *diag;
    if (c->then)
        c->then(c);
}

/* Starts `name` with arguments in JSON; the error of start. */
static tsn_err lab_start(struct lab *lab, struct lab_call *c, const char *name,
                         const char *args)
{
    tsn_err err;

    c->call = (struct tsn_call){.action = tsn_registry_find(lab->registry, name),
                                .run = "01RUN",
                                .run_name = "r-7k3m",
                                .case_id = "PSIRT-2026-0001",
                                .path = "0.1",
                                .idem = "0123456789abcdef0123456789abcdef",
                                .attempt = 1,
                                .done = lab_done,
                                .engine = c};
    assert_non_null(c->call.action);
    assert_int_equal(tsn_json_parse(args, strlen(args), &c->call.args, NULL), 0);
    tsn_diag_init(&c->diag);
    c->starting = true;
    err = c->call.action->start(&c->call, &c->diag);
    c->starting = false;
    return err;
}

static void lab_call_free(struct lab_call *c)
{
    json_decref(c->call.args);
    json_decref(c->result);
    *c = (struct lab_call){0};
}

static void lab_tick(uv_timer_t *t)
{
    (void)t; /* only wakes the loop, so that patience is looked at */
}

static void lab_turn(struct lab *lab)
{
    uv_run(tsn_loop_uv(lab->loop), UV_RUN_ONCE);
}

/* Turns the loop until *what is at least n. */
static void lab_until(struct lab *lab, const int *what, int n)
{
    int64_t end = tsn_clock_mono_ms() + PATIENCE_MS;

    while (*what < n) {
        if (tsn_clock_mono_ms() > end)
            fail_msg("nothing happened in %d s", PATIENCE_MS / 1000);
        lab_turn(lab);
    }
}

static void lab_for(struct lab *lab, int64_t ms)
{
    int64_t end = tsn_clock_mono_ms() + ms;

    while (tsn_clock_mono_ms() < end)
        lab_turn(lab);
}

/* Starts, waits, and checks how it ended. */
static void lab_expect(struct lab *lab, struct lab_call *c, const char *name, const char *args,
                       enum tsn_outcome want)
{
    tsn_err err = lab_start(lab, c, name, args);

    if (err)
        fail_msg("not started: %s %s", c->diag.code, c->diag.what);
    lab_until(lab, &c->ended, 1);
    if (c->outcome != want)
        fail_msg("outcome %d instead of %d: %s %s", (int)c->outcome, (int)want, c->diag.code,
                 c->diag.what);
}

static void lab_open(struct lab *lab)
{
    *lab = (struct lab){0};
    tsn_json_init();
    tsn_copy(lab->dir, sizeof(lab->dir), "/tmp/tocsin-action-XXXXXX");
    assert_non_null(mkdtemp(lab->dir));
    assert_int_equal(tsn_loop_open(&lab->loop), 0);
    assert_int_equal(tsn_registry_open(&lab->registry), 0);
    uv_timer_init(tsn_loop_uv(lab->loop), &lab->tick);
    uv_timer_start(&lab->tick, lab_tick, 20, 20);
}

static void lab_write(struct lab *lab, const char *name, const char *text, int mode)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", lab->dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, (mode_t)mode), 0);
}

/* Ends the loop once everybody closed what they had; a handle left open hangs and so fails. */
static void lab_close(struct lab *lab)
{
    char command[100];

    uv_close((uv_handle_t *)&lab->tick, NULL);
    tsn_loop_stop(lab->loop);
    tsn_loop_run(lab->loop);
    tsn_registry_close(lab->registry);
    tsn_loop_close(lab->loop);
    snprintf(command, sizeof(command), "rm -rf %s", lab->dir);
    assert_int_equal(system(command), 0);
}
