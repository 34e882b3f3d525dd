/* sandbox_util.h - a box around one piece of playbook, for the C tests of the worker. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "core/crypto.h"
#include "core/json.h"
#include "worker/box.h"

struct sandbox {
    struct tsn_box *box;
    enum tsn_box_state state;
    json_t *files, *connectors, *rcase, *event;
    char log[4096];
};

static inline void sandbox_log(void *user, const char *level, const char *text)
{
    struct sandbox *s = user;
    size_t n = strlen(s->log);
    snprintf(s->log + n, sizeof s->log - n, "%s:%s|", level, text);
}

static inline json_t *sandbox_json(const char *text)
{
    json_t *v = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (tsn_json_parse(text, strlen(text), &v, &diag))
        fail_msg("test JSON: %s in %s", diag.what, text);
    return v;
}

/* Loads `source` as t.lua and, when that works, starts it. */
static inline void sandbox_open_file(struct sandbox *s, const char *source, size_t memory,
                                     int64_t cpu_ms)
{
    struct tsn_box_config config = {.main = "t.lua",
                                    .seed = "5eed",
                                    .started_ms = 1000,
                                    .memory_bytes = memory,
                                    .cpu_ms = cpu_ms,
                                    .log = sandbox_log,
                                    .user = s};
    assert_string_equal(tsn_box_init(), "");
    memset(s, 0, sizeof *s);
    s->files = json_object();
    json_object_set_new(s->files, "t.lua", json_string(source));
    json_object_set_new(
        s->files, "lib/text.lua",
        json_string("local t = {} function t.twice(s) return s .. s end return t"));
    json_object_set_new(s->files, "lib/ring.lua", json_string("return require 'lib.ring'"));
    json_object_set_new(s->files, "lib/broken.lua",
                        json_string("return {\n  a = 1\n  b = 2 }"));
    s->connectors = sandbox_json("{\"edge\":[\"apply\",\"plan_block\",\"remove\"],\"http\":["
                                 "\"request\"],\"mail\":[\"send\"]}");
    s->rcase = sandbox_json(
        "{\"id\":\"c1\",\"name\":\"PSIRT-2026-0001\",\"title\":\"Odd traffic\",\"set\":\"x\","
        "\"receipt\":\"TR-1\",\"report\":{\"kind\":\"incident\",\"title\":\"Odd\","
        "\"contact\":{\"mail\":\"a@b.example\",\"name\":\"Ann\"},\"update\":\"x\"}}");
    s->event = sandbox_json("{\"n\":1,\"list\":[1,2],\"none\":[],\"nothing\":null}");
    config.files = s->files;
    config.connectors = s->connectors;
    s->state = TSN_BOX_FAILED;
    if (tsn_box_open(&s->box, &config) == 0)
        s->state = tsn_box_start(s->box, s->rcase, s->event, NULL);
}

/* `body` is what stands inside run = function(case, ev) ... end, from line 2 on. */
static inline void sandbox_open(struct sandbox *s, const char *body, size_t memory,
                                int64_t cpu_ms)
{
    size_t cap = strlen(body) + 200;
    char *source = malloc(cap);
    snprintf(
        source, cap,
        "return playbook { name = \"t\", on = \"x\", run = function(case, ev)\n%s\nend }\n",
        body);
    sandbox_open_file(s, source, memory, cpu_ms);
    free(source);
}

static inline void sandbox_close(struct sandbox *s)
{
    tsn_box_close(s->box);
    json_decref(s->files);
    json_decref(s->connectors);
    json_decref(s->rcase);
    json_decref(s->event);
    memset(s, 0, sizeof *s);
}

static inline void sandbox_answer(struct sandbox *s, const char *outcome, const char *result,
                                  int64_t at_ms)
{
    json_t *v = sandbox_json(result);
    s->state = tsn_box_resume(s->box, tsn_box_want(s->box)->path, outcome, v, at_ms);
    json_decref(v);
}

/* "call edge.apply {args} {opts}" of the step that is wanted. */
static inline const char *sandbox_want(struct sandbox *s)
{
    static char text[4096];
    if (s->state != TSN_BOX_WANTS)
        fail_msg("no step: %s %s", tsn_box_error(s->box)->code, tsn_box_error(s->box)->text);
    const struct tsn_box_want *w = tsn_box_want(s->box);
    char *args = tsn_json_text(w->args), *opts = tsn_json_text(w->opts);
    snprintf(text, sizeof text, "%s %s %s %s", tsn_jkind_name(w->kind), w->name, args, opts);
    free(args);
    free(opts);
    return text;
}

/* Canonical JSON of the result; fails the test when the run did not end. */
static inline void sandbox_ends(const char *body, const char *result)
{
    struct sandbox s;
    sandbox_open(&s, body, 0, 2000);
    if (s.state != TSN_BOX_ENDED)
        fail_msg("`%s` did not end: %s %s", body, tsn_box_error(s.box)->code,
                 tsn_box_error(s.box)->text);
    char *got = tsn_json_text(tsn_box_result(s.box));
    if (strcmp(got, result) != 0)
        fail_msg("`%s` gave %s, not %s", body, got, result);
    free(got);
    sandbox_close(&s);
}

/* The run fails with this code; text, unless NULL, must be in the message or the hint. */
static inline void sandbox_fails(const char *body, const char *code, const char *text)
{
    struct sandbox s;
    sandbox_open(&s, body, 0, 2000);
    if (s.state != TSN_BOX_FAILED)
        fail_msg("`%s` did not fail", body);
    const struct tsn_box_error *e = tsn_box_error(s.box);
    if (strcmp(e->code, code) != 0 ||
        (text && !strstr(e->text, text) && !strstr(e->hint, text)))
        fail_msg("`%s` gave %s `%s` `%s`, not %s `%s`", body, e->code, e->text, e->hint, code,
                 text ? text : "");
    sandbox_close(&s);
}

static inline int64_t cpu_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int sandbox_group_setup(void **state)
{
    (void)state;
    tsn_json_init();
    tsn_crypto_init();
    return 0;
}
