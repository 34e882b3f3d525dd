/* spec.c - the core's part of a spec: plays what its Lua asks for (src/worker/author/40_spec.lua).
 *
 * Owns the simulation of the test that runs. Loop thread of that simulation.
 */
#include "author/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "author/replay.h"
#include "core/buf.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "engine/bundle.h"

#define FIXTURE_MAX ((size_t)4 << 20)
#define SPEC_CPU_MS 5000
#define ADVANCE_MAX (INT64_C(100) * 366 * 86400 * 1000)

struct spec {
    const struct tsn_spec_config *config;
    struct tsn_workshop *workshop;
    struct tsn_sim *sim; /* NULL until a test needs it */
    json_t *test;        /* of begin; NULL = none */
    bool crashing;       /* the second life */
    bool own_lives;      /* the test crashes by itself: no second life */
    int64_t crash_at;    /* for the next simulation; 0 = none */
    bool crash_every;
    int64_t began, outcomes;
    json_t *plain; /* what was seen at the end of the first life */
};

static int64_t real_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the simulation of a test */

static void end_sim(struct spec *s)
{
    tsn_sim_close(s->sim);
    s->sim = NULL;
}

static tsn_err need_sim(struct spec *s, struct tsn_diag *diag)
{
    if (s->sim)
        return 0;
    tsn_err err = tsn_sim_open(&s->sim, s->config->sim, diag);
    if (!err)
        tsn_sim_crash_at(s->sim, s->crashing ? 1 : s->crash_at, s->crashing || s->crash_every);
    return err;
}

static tsn_err seen_now(struct spec *s, json_t **out, struct tsn_diag *diag)
{
    tsn_err err = need_sim(s, diag);
    return err ? err : tsn_sim_look(s->sim, out, diag);
}

/* --- the requests: args -> *result (new reference) */

typedef tsn_err spec_fn(struct spec *s, const json_t *args, json_t **result,
                        struct tsn_diag *diag);

static tsn_err do_begin(struct spec *s, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "name", "");
    bool run = !s->config->filter || strstr(name, s->config->filter);

    (void)diag;
    end_sim(s);
    json_decref(s->test);
    s->test = json_deep_copy(args);
    s->crashing = s->own_lives = s->crash_every = false;
    s->crash_at = 0;
    s->began = real_ms();
    *result = json_pack("{s:b}", "run", run);
    return 0;
}

static void tell(struct spec *s, const json_t *args, const char *message, int64_t crashes)
{
    struct tsn_spec_result r = {.name = tsn_json_str(args, "name", ""),
                                .ok = tsn_json_bool(args, "ok", false) && !message,
                                .crashing = s->crashing,
                                .code = tsn_json_str(args, "code", ""),
                                .message =
                                    message ? message : tsn_json_str(args, "message", ""),
                                .hint = tsn_json_str(args, "hint", ""),
                                .file = tsn_json_str(args, "file", s->config->file),
                                .line = (int)tsn_json_int(args, "line", 0),
                                .took_ms = real_ms() - s->began,
                                .outcomes = s->outcomes,
                                .crashes = crashes};
    s->config->on_result(&r, s->config->user);
}

/* NULL = both lives look the same; else what differs, malloc'ed. */
static char *difference(struct spec *s, const json_t *crashed, struct tsn_diag *diag)
{
    json_t *a = NULL, *b = NULL;
    struct tsn_buf out;

    tsn_buf_init(&out, 8192);
    if (tsn_workshop_tool(s->workshop, "history", s->plain, &a, diag) ||
        tsn_workshop_tool(s->workshop, "history", crashed, &b, diag)) {
        (void)tsn_buf_printf(&out, "the histories cannot be compared: %s", diag->what);
    } else {
        size_t n =
            json_array_size(a) > json_array_size(b) ? json_array_size(a) : json_array_size(b);
        for (size_t i = 0; i < n && out.len == 0; i++) {
            const char *x = json_string_value(json_array_get(a, i)),
                       *y = json_string_value(json_array_get(b, i));
            if (!x || !y || strcmp(x, y) != 0)
                (void)tsn_buf_printf(
                    &out, "line %zu of the history differs\nexpected: %s\ngot:      %s", i + 1,
                    x ? x : "(nothing)", y ? y : "(nothing)");
        }
    }
    json_decref(a);
    json_decref(b);
    if (out.len == 0) {
        tsn_buf_free(&out);
        return NULL;
    }
    return tsn_buf_take(&out, NULL);
}

/* A call that was done twice although it must not be (repeat_safe ones may): no history shows it. */
static const char *done_twice(const json_t *seen)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(seen, "calls"), i, c)
    {
        if (tsn_json_bool(c, "once", false) && tsn_json_int(c, "tries", 1) > 1)
            return tsn_json_str(c, "action", "");
    }
    return NULL;
}

static tsn_err finish_second(struct spec *s, const json_t *args, const json_t *seen,
                             struct tsn_diag *diag)
{
    int64_t crashes = s->sim ? tsn_sim_crashes(s->sim) : 0;

    if (!tsn_json_bool(args, "ok", false)) {
        tell(s, args, NULL, crashes);
        return 0;
    }
    char *differs = difference(s, seen, diag);
    const char *twice = done_twice(seen);
    if (!differs && twice && !done_twice(s->plain)) {
        char text[200];
        (void)snprintf(text, sizeof(text), "%.100s was done again after a crash", twice);
        differs = tsn_strdup(text);
    }
    tell(s, args, differs, crashes);
    free(differs);
    return 0;
}

static tsn_err do_finish(struct spec *s, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    bool ok = tsn_json_bool(args, "ok", false), again = false;
    json_t *seen = NULL;
    tsn_err err = s->sim ? tsn_sim_look(s->sim, &seen, diag) : 0;

    if (err)
        return err;
    if (!s->crashing) {
        s->outcomes = s->sim ? tsn_sim_outcomes(s->sim) : 0;
        again = ok && s->config->crash_each_step && !s->own_lives && s->outcomes > 0;
        json_decref(s->plain);
        s->plain = json_incref(seen);
        if (!again)
            tell(s, args, NULL, 0);
    } else {
        err = finish_second(s, args, seen, diag);
    }
    json_decref(seen);
    end_sim(s);
    s->crashing = again;
    *result = json_pack("{s:b}", "run", again);
    return err;
}

static tsn_err do_anew(struct spec *s, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    (void)diag;
    end_sim(s);
    s->own_lives = true;
    s->crash_at = tsn_json_int(args, "crash_at", 0);
    s->crash_every = tsn_json_bool(args, "every", false);
    *result = json_object();
    return 0;
}

static tsn_err do_start(struct spec *s, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    tsn_err err = need_sim(s, diag);
    if (!err)
        err = tsn_sim_start(s->sim, tsn_json_str(args, "playbook", ""),
                            json_object_get(args, "what"), diag);
    *result = json_object();
    return err;
}

static tsn_err do_answers(struct spec *s, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    static const char *const words[] = {"ok", "fail", "retry", "unknown", "hang"};
    const char *outcome = tsn_json_str(args, "outcome", "ok");
    bool known = false;

    *result = json_object();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        known = known || strcmp(outcome, words[i]) == 0;
    if (!known)
        return tsn_diag_set(diag, TSN_EINPUT, "L012", "a connector cannot end as `%s`",
                            outcome);
    tsn_err err = need_sim(s, diag);
    if (!err)
        tsn_sim_answers(s->sim, tsn_json_str(args, "action", ""), outcome,
                        json_object_get(args, "result"), tsn_json_str(args, "code", NULL),
                        tsn_json_str(args, "message", NULL), tsn_json_int(args, "times", 0));
    return err;
}

static bool is_refusal(const struct tsn_diag *diag)
{
    return diag->code[0] == 'A' || diag->code[0] == 'H' || diag->code[0] == 'R';
}

static tsn_err do_decide(struct spec *s, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    *result = json_object();
    tsn_err err = need_sim(s, diag);
    if (!err)
        err = tsn_sim_decide(s->sim, tsn_json_str(args, "verb", ""),
                             tsn_json_str(args, "id", ""), tsn_json_str(args, "person", NULL),
                             tsn_json_str(args, "reason", NULL),
                             json_object_get(args, "answer"), diag);
    if (err && is_refusal(diag)) {
        json_object_set_new(*result, "refused",
                            json_pack("{s:s, s:s, s:s}", "code", diag->code, "message",
                                      diag->what, "hint", diag->hint));
        return 0;
    }
    return err;
}

static tsn_err do_act(struct spec *s, const json_t *args, json_t **result,
                      struct tsn_diag *diag)
{
    *result = json_object();
    tsn_err err = need_sim(s, diag);
    return err ? err
               : tsn_sim_act(s->sim, tsn_json_str(args, "op", ""),
                             json_object_get(args, "args"), tsn_json_str(args, "person", NULL),
                             diag);
}

static tsn_err do_advance(struct spec *s, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    int64_t ms = tsn_json_int(args, "ms", 0);
    *result = json_object();
    if (ms < 0 || ms > ADVANCE_MAX)
        return tsn_diag_set(diag, TSN_EINPUT, "R013",
                            "time goes on by at most 100 years at once");
    tsn_err err = need_sim(s, diag);
    return err ? err : tsn_sim_advance(s->sim, ms, diag);
}

static tsn_err do_signal(struct spec *s, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    *result = json_object();
    tsn_err err = need_sim(s, diag);
    return err ? err
               : tsn_sim_signal(s->sim, tsn_json_str(args, "event", ""),
                                json_object_get(args, "body"), diag);
}

static tsn_err do_cancel(struct spec *s, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    *result = json_object();
    tsn_err err = need_sim(s, diag);
    return err ? err
               : tsn_sim_cancel(s->sim, tsn_json_str(args, "person", NULL),
                                tsn_json_str(args, "reason", ""), diag);
}

static tsn_err do_crash(struct spec *s, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    (void)args;
    *result = json_object();
    tsn_err err = need_sim(s, diag);
    return err ? err : tsn_sim_crash(s->sim, diag);
}

static tsn_err do_look(struct spec *s, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    (void)args;
    return seen_now(s, result, diag);
}

static bool fixture_name_ok(const char *name)
{
    return *name && strlen(name) < 200 && name[0] != '/' && !strstr(name, "..") &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
               strlen(name);
}

static tsn_err do_fixture(struct spec *s, const json_t *args, json_t **result,
                          struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "name", "");
    char path[4096];
    struct tsn_buf b;
    json_t *value = NULL;

    if (!fixture_name_ok(name))
        return tsn_diag_set(diag, TSN_EINPUT, "L292", "`%s` cannot be a fixture's name", name);
    (void)snprintf(path, sizeof(path), "%s/%s.json", s->config->fixtures, name);
    tsn_buf_init(&b, FIXTURE_MAX);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (err)
        (void)tsn_diag_set(diag, err, "L292", "%s: %s", path, tsn_err_text(err));
    else
        err = tsn_json_parse(b.data ? b.data : "", b.len, &value, diag);
    tsn_buf_free(&b);
    *result = json_pack("{s:o*}", "value", value);
    return err;
}

/* A recorded run against the code as it stands now. */
static tsn_err do_replay(struct spec *s, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "playbook", "");
    char file[300];

    *result = json_object();
    (void)snprintf(file, sizeof(file), "%.200s.lua", name);
    json_t *bundle = tsn_bundle_whole(s->config->sim->playbook_dir, file, diag),
           *connectors = NULL;
    tsn_err err =
        bundle ? tsn_sim_connectors(s->config->sim, &connectors, diag) : TSN_ENOTFOUND;
    struct tsn_replay *r = NULL;
    if (!err)
        err = tsn_replay_open(&r, s->workshop, json_object_get(args, "record"), bundle,
                              connectors, diag);
    if (!err)
        err = tsn_replay_go(r, INT64_MAX, diag);
    if (!err) {
        json_decref(*result);
        *result = tsn_replay_place(r);
    }
    tsn_replay_close(r);
    json_decref(bundle);
    json_decref(connectors);
    return err;
}

static const struct {
    const char *name;
    spec_fn *fn;
} requests[] = {
    {"sim.begin", do_begin},     {"sim.finish", do_finish},   {"sim.anew", do_anew},
    {"sim.start", do_start},     {"sim.answers", do_answers}, {"sim.decide", do_decide},
    {"sim.advance", do_advance}, {"sim.signal", do_signal},   {"sim.cancel", do_cancel},
    {"sim.act", do_act},         {"sim.crash", do_crash},     {"sim.look", do_look},
    {"sim.fixture", do_fixture}, {"sim.replay", do_replay},
};

/* Plays one WANT; *payload becomes the DELIVER. */
static void play(struct spec *s, const json_t *want, int64_t number, json_t **payload)
{
    const char *name = tsn_json_str(want, "name", ""), *outcome = "ok";
    struct tsn_diag diag;
    json_t *result = NULL;
    tsn_err err = TSN_ENOTFOUND;

    tsn_diag_init(&diag);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(requests[i].name, name) == 0)
            err = requests[i].fn(s, json_object_get(want, "args"), &result, &diag);
    }
    if (err && !diag.code[0])
        (void)tsn_diag_set(&diag, err, "L293",
                           "a spec cannot do `%s`: playbooks act, specs look", name);
    if (err) {
        json_decref(result);
        result = json_pack("{s:{s:s, s:s, s:s}}", "error", "code", diag.code, "message",
                           diag.what, "hint", diag.hint);
        outcome = "fail";
    }
    *payload = json_pack("{s:s, s:s, s:I, s:I, s:s, s:o}", "run", "spec", "path",
                         tsn_json_str(want, "path", ""), "deliver_no", (json_int_t)number,
                         "at_ms", (json_int_t)(s->sim ? tsn_sim_now(s->sim) : TSN_SIM_START),
                         "outcome", outcome, "result", result);
}

static tsn_err spec_failed(const json_t *frame, struct tsn_diag *diag)
{
    tsn_err err = tsn_diag_set(diag, TSN_EINPUT, tsn_json_str(frame, "code", "L291"), "%s",
                               tsn_json_str(frame, "error", "the spec went wrong"));
    tsn_diag_at(diag, tsn_json_str(frame, "file", ""), (int)tsn_json_int(frame, "line", 0), 0);
    tsn_diag_hint(diag, "%s", tsn_json_str(frame, "hint", ""));
    (void)tsn_copy(diag->source, sizeof(diag->source), tsn_json_str(frame, "source", ""));
    return err;
}

tsn_err tsn_spec_run(struct tsn_workshop *w, const struct tsn_spec_config *config,
                     struct tsn_diag *diag)
{
    struct spec s = {.config = config, .workshop = w};
    uint8_t type = TSN_FRAME_LOAD, got = 0;
    json_t *payload =
        json_pack("{s:s, s:{s:s}, s:O, s:i, s:s, s:I, s:{s:{}}, s:i, s:[], s:{}, s:b}", "run",
                  "spec", "case", "id", "spec", "bundle", config->bundle, "level", 1, "seed",
                  "spec", "started_at", (json_int_t)TSN_SIM_START, "input", "event", "cpu_ms",
                  SPEC_CPU_MS, "items", "connectors", "spec", 1);
    tsn_err err = 0;

    for (int64_t number = 1; !err; number++) {
        json_t *frame = NULL, *wants = NULL;
        err = tsn_workshop_play(w, type, payload, &wants, &got, &frame, diag);
        if (!err && got == TSN_FRAME_IDLE) {
            type = TSN_FRAME_DELIVER;
            play(&s, json_array_get(wants, 0), number,
                 &payload); /* a spec does one thing at a time */
            json_decref(wants);
            continue;
        }
        if (!err && got != TSN_FRAME_ENDED)
            err = spec_failed(frame, diag);
        json_decref(frame);
        json_decref(wants);
        break;
    }
    end_sim(&s);
    json_decref(s.test);
    json_decref(s.plain);
    return err;
}
