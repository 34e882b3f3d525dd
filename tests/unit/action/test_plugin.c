/* test_plugin.c - exec plugins that work, and plugins that do everything wrong. Each test writes
 * its own plugin in Python into a temporary folder and talks with it through the real shim. */
#include "action_lab.h"

#include "action/builtin.h"
#include "action/plugin_pin.h"

static struct lab lab;
static struct tsn_plugins *plugins;
static struct lab_call calls[8];

static const char manifest[] =
    "name: p\nversion: 1.2.3\nsummary: a test\nprogram: [ python3, p.py ]\nconcurrency: 1\n"
    "actions:\n"
    "  - { name: look, effect: none }\n"
    "  - { name: ask, effect: external, doubt: probe, at_once: 4, per_minute: 60, retry_first: "
    "2s }\n"
    "  - { name: act, effect: external, doubt: ask, timeout: 5s, undo: back }\n"
    "  - { name: back, effect: external, doubt: repeat_safe, secret: true, irreversible: true, "
    "attempts: 3 }\n";

/* The part every plugin has: reads lines; `react(m)` follows. */
static const char head[] =
    "import json, os, sys, time, signal\n"
    "def send(m):\n"
    "    sys.stdout.write(json.dumps(m) + '\\n'); sys.stdout.flush()\n"
    "def ok(m, **more):\n"
    "    send({'type': 'result', 'id': m['id'], 'outcome': 'ok', 'result': more})\n"
    "def note(text):\n"
    "    with open('.notes', 'a') as f: f.write(text + '\\n')\n";
static const char tail[] =
    "for line in sys.stdin:\n"
    "    m = json.loads(line)\n"
    "    if m['type'] == 'describe':\n"
    "        note('described'); send({'type': 'described', 'name': 'p'})\n"
    "    else:\n"
    "        react(m)\n";

static int setup(void **state)
{
    struct tsn_diag diag;

    (void)state;
    tsn_diag_init(&diag);
    lab_open(&lab);
    if (tsn_plugins_open(&plugins, lab.loop, lab.registry, &diag) != 0)
        fail_msg("%s", diag.what);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tsn_plugins_close(plugins);
    lab_close(&lab);
    for (size_t i = 0; i < 8; i++)
        lab_call_free(&calls[i]);
    return 0;
}

/* Of the plugin's files as they are now: what the configuration would pin. */
static const char *digest(void)
{
    static char hex[TSN_PIN_LEN + 1];
    struct tsn_diag d;

    tsn_diag_init(&d);
    if (tsn_plugin_digest(lab.dir, NULL, hex, &d) != 0)
        fail_msg("%s %s", d.code, d.what);
    return hex;
}

static void add(const char *text, const char *settings)
{
    struct tsn_plugin_config config = {.name = "p", .dir = lab.dir, .settings = settings};
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    lab_write(&lab, "manifest.yaml", text, 0644);
    config.sha256 = digest();
    if (tsn_plugin_add(plugins, &config, &diag) != 0)
        fail_msg("%s %s", diag.code, diag.what);
}

/* A plugin whose react() is `body`. */
static void plugin(const char *body)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 100000);
    tsn_buf_printf(&b, "%s%s%s", head, body, tail);
    lab_write(&lab, "p.py", b.data, 0644);
    tsn_buf_free(&b);
    add(manifest, NULL);
}

static int notes(const char *word)
{
    struct tsn_buf b;
    char path[100];
    int n = 0;

    snprintf(path, sizeof(path), "%s/.notes", lab.dir);
    tsn_buf_init(&b, 100000);
    if (tsn_buf_read_file(&b, path) == 0)
        for (const char *at = b.data; (at = strstr(at, word)); at++)
            n++;
    tsn_buf_free(&b);
    return n;
}

static void test_conversation(void **state)
{
    json_t *m;

    (void)state;
    plugin("def react(m):\n    send({'type': 'log', 'level': 'info', 'text': 'hello'})\n"
           "    ok(m, got=m, cwd=os.getcwd(), env=sorted(os.environ))\n");
    lab_expect(&lab, &calls[0], "p.act", "{\"x\":[1,2.5,\"\\u00e4\"]}", TSN_OUTCOME_OK);
    m = json_object_get(calls[0].result, "got");
    assert_string_equal(tsn_json_str(m, "type", ""), "start");
    assert_string_equal(tsn_json_str(m, "action", ""), "p.act");
    assert_string_equal(tsn_json_str(m, "key", ""), calls[0].call.idem);
    assert_string_equal(tsn_json_str(m, "run", ""), "01RUN");
    assert_string_equal(tsn_json_str(m, "case", ""), "PSIRT-2026-0001");
    assert_int_equal(tsn_json_int(m, "attempt", 0), 1);
    assert_true(json_equal(json_object_get(m, "args"), calls[0].call.args));
    assert_string_equal(tsn_json_str(calls[0].result, "cwd", ""), lab.dir);
    /* Nothing of the core's environment reaches it. */
    assert_true(json_array_size(json_object_get(calls[0].result, "env")) <= 4);
    assert_null(calls[0].call.impl);
}

static void test_probe(void **state)
{
    struct lab_call *c = &calls[0];

    (void)state;
    plugin("done = {}\n"
           "def react(m):\n"
           "    if m['type'] == 'start': done[m['key']] = 1; ok(m)\n"
           "    elif m['key'] in done: ok(m, probed=m['action'])\n"
           "    else: send({'type': 'result', 'id': m['id'], 'outcome': 'fail'})\n");
    lab_expect(&lab, c, "p.ask", "{}", TSN_OUTCOME_OK);
    assert_true(c->call.action->probe != NULL);
    c->ended = 0;
    assert_int_equal(c->call.action->probe(&c->call, &c->diag), 0);
    lab_until(&lab, &c->ended, 1);
    assert_int_equal(c->outcome, TSN_OUTCOME_OK);
    assert_string_equal(tsn_json_str(c->result, "probed", ""), "p.ask");
    /* Another key: it never came. */
    c->call.idem = "ffffffffffffffffffffffffffffffff";
    c->ended = 0;
    assert_int_equal(c->call.action->probe(&c->call, &c->diag), 0);
    lab_until(&lab, &c->ended, 1);
    assert_int_equal(c->outcome, TSN_OUTCOME_FAIL);
    /* Only who says `doubt: probe` is asked. */
    assert_true(tsn_registry_find(lab.registry, "p.act")->probe == NULL);
}

static void test_settings(void **state)
{
    (void)state;
    lab_write(&lab, "p.py",
              "import json, sys\n"
              "m = json.loads(sys.stdin.readline())\n"
              "def send(m): print(json.dumps(m), flush=True)\n"
              "send({'type': 'described', 'name': 'p'})\n"
              "for line in sys.stdin:\n"
              "    send({'type': 'result', 'id': json.loads(line)['id'], 'outcome': 'ok',\n"
              "          'result': m})\n",
              0644);
    add(manifest, "{\"dir\":\"/x\",\"n\":3}");
    lab_expect(&lab, &calls[0], "p.look", "{}", TSN_OUTCOME_OK);
    assert_string_equal(tsn_json_str(calls[0].result, "type", ""), "describe");
    assert_int_equal(tsn_json_int(calls[0].result, "protocol", 0), 1);
    assert_int_equal(tsn_json_int(json_object_get(calls[0].result, "settings"), "n", 0), 3);
}

static void test_outcomes(void **state)
{
    (void)state;
    plugin("def react(m):\n"
           "    send({'type': 'result', 'id': m['id'], 'outcome': m['args']['say'],\n"
           "          'error': {'code': 'teapot', 'message': 'short and stout'}})\n");
    lab_expect(&lab, &calls[0], "p.act", "{\"say\":\"fail\"}", TSN_OUTCOME_FAIL);
    assert_string_equal(calls[0].diag.code, "R053");
    assert_string_equal(calls[0].diag.what, "teapot: short and stout");
    lab_expect(&lab, &calls[1], "p.act", "{\"say\":\"retry\"}", TSN_OUTCOME_RETRY);
    lab_expect(&lab, &calls[2], "p.act", "{\"say\":\"unknown\"}", TSN_OUTCOME_UNKNOWN);
    assert_string_equal(calls[2].diag.code, "R043");
}

/* The first answer counts; a second one and answers to nobody's question change nothing. */
static void test_completes_twice(void **state)
{
    (void)state;
    plugin("def react(m):\n    ok(m, n=1); ok(m, n=2); ok({'id': 9999})\n");
    lab_expect(&lab, &calls[0], "p.act", "{}", TSN_OUTCOME_OK);
    lab_expect(&lab, &calls[1], "p.act", "{}", TSN_OUTCOME_OK);
    lab_for(&lab, 50);
    assert_int_equal(calls[0].ended, 1);
    assert_int_equal(calls[1].ended, 1);
    assert_int_equal(tsn_json_int(calls[0].result, "n", 0), 1);
    assert_int_equal(tsn_json_int(calls[1].result, "n", 0), 1);
    assert_int_equal(notes("described"), 1); /* the same process */
}

static void ends_unknown_then_recovers(const char *why)
{
    lab_expect(&lab, &calls[0], "p.act", "{\"do\":\"harm\"}", TSN_OUTCOME_UNKNOWN);
    assert_string_equal(calls[0].diag.code, "R043");
    if (why && !strstr(calls[0].diag.what, why))
        fail_msg("%s", calls[0].diag.what);
    lab_expect(&lab, &calls[1], "p.look", "{}", TSN_OUTCOME_OK); /* a new process answers */
    assert_int_equal(calls[0].ended, 1);
    assert_int_equal(notes("described"), 2);
}

static void test_crash(void **state)
{
    (void)state;
    plugin("def react(m):\n"
           "    if m['args'].get('do'): os.kill(os.getpid(), signal.SIGSEGV)\n"
           "    ok(m)\n");
    ends_unknown_then_recovers("signal 11");
}

static void test_exit_while_working(void **state)
{
    (void)state;
    plugin("def react(m):\n    if m['args'].get('do'): sys.exit(3)\n    ok(m)\n");
    ends_unknown_then_recovers("exit code 3");
}

static void test_garbage(void **state)
{
    (void)state;
    plugin("def react(m):\n    if m['args'].get('do'): print('Traceback: oh', flush=True)\n"
           "    else: ok(m)\n");
    ends_unknown_then_recovers("a line that is not a JSON object");
}

static void test_wrong_words(void **state)
{
    (void)state;
    plugin("def react(m):\n"
           "    if m['args'].get('do'): send({'type': 'result', 'id': m['id'], 'outcome': "
           "'yes'})\n"
           "    else: ok(m)\n");
    ends_unknown_then_recovers(NULL);
}

static void test_line_too_long(void **state)
{
    (void)state;
    plugin("def react(m):\n    if m['args'].get('do'): ok(m, x='y' * (3 << 20))\n"
           "    else: ok(m)\n");
    ends_unknown_then_recovers(NULL);
}

static void test_lookup_crash_is_retry(void **state)
{
    (void)state;
    plugin("def react(m):\n    sys.exit(1)\n");
    lab_expect(&lab, &calls[0], "p.look", "{}", TSN_OUTCOME_RETRY);
    assert_string_equal(calls[0].diag.code, "R051");
}

static void test_lookup_garbage_says_so(void **state)
{
    (void)state;
    plugin("def react(m):\n    print('oh', flush=True)\n");
    lab_expect(&lab, &calls[0], "p.look", "{}", TSN_OUTCOME_RETRY);
    assert_string_equal(calls[0].diag.code, "R052");
}

/* Calls past `concurrency` wait their turn. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    plugin("def react(m):\n    note('begin'); time.sleep(0.05); note('end'); ok(m)\n");
    for (int i = 0; i < 4; i++)
        assert_int_equal(lab_start(&lab, &calls[i], "p.act", "{}"), 0);
    lab_until(&lab, &calls[0].ended, 1);
    assert_true(notes("begin") <= 2);
    assert_int_equal(calls[2].ended, 0);
    for (int i = 1; i < 4; i++)
        lab_until(&lab, &calls[i].ended, 1);
    assert_int_equal(notes("end"), 4);
}

static void test_many_at_once(void **state)
{
    (void)state;
    /* Answers only when three have come. */
    lab_write(&lab, "p.py",
              "import json, sys\n"
              "def send(m): print(json.dumps(m), flush=True)\n"
              "json.loads(sys.stdin.readline())\n"
              "send({'type': 'described', 'name': 'p'})\n"
              "ids = [json.loads(sys.stdin.readline())['id'] for _ in range(3)]\n"
              "for i in reversed(ids): send({'type': 'result', 'id': i, 'outcome': 'ok',\n"
              "                              'result': {'id': i}})\n"
              "sys.stdin.readline()\n",
              0644);
    add("name: p\nprogram: [ python3, p.py ]\nconcurrency: 3\nactions:\n"
        "  - { name: act, effect: external }\n",
        NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(lab_start(&lab, &calls[i], "p.act", "{}"), 0);
    for (int i = 0; i < 3; i++)
        lab_until(&lab, &calls[i].ended, 1);
    assert_true(tsn_json_int(calls[0].result, "id", 0) <
                tsn_json_int(calls[2].result, "id", 0));
}

/* A plugin that never answers, and does not even answer the cancel, is ended: it must not hold
 * the place of the calls that follow. */
static void test_never_answers(void **state)
{
    (void)state;
    plugin("def react(m):\n"
           "    if m['type'] == 'start' and m['args'].get('do'):\n"
           "        note('stuck'); time.sleep(1000)\n"
           "    if m['type'] == 'start': ok(m)\n");
    assert_int_equal(lab_start(&lab, &calls[0], "p.act", "{\"do\":1}"), 0);
    while (!notes("stuck"))
        lab_for(&lab, 20);
    assert_int_equal(lab_start(&lab, &calls[1], "p.act", "{}"), 0);
    lab_for(&lab, 50);
    assert_int_equal(calls[1].ended, 0);
    calls[0].call.action->cancel(&calls[0].call);
    lab_until(&lab, &calls[1].ended, 1);
    assert_int_equal(calls[1].outcome, TSN_OUTCOME_OK);
    assert_int_equal(calls[0].ended, 0); /* done is not called after cancel */
}

/* A cancel that is answered frees the place without harm. */
static void test_cancel_answered(void **state)
{
    (void)state;
    plugin("def react(m):\n"
           "    if m['type'] == 'cancel': note('cancel'); ok(m)\n"
           "    elif m['args'].get('do'): note('stuck')\n"
           "    else: ok(m)\n");
    assert_int_equal(lab_start(&lab, &calls[0], "p.act", "{\"do\":1}"), 0);
    while (!notes("stuck"))
        lab_for(&lab, 20);
    assert_int_equal(lab_start(&lab, &calls[1], "p.act", "{\"do\":1}"), 0); /* waits */
    assert_int_equal(lab_start(&lab, &calls[2], "p.act", "{}"), 0);
    calls[1].call.action->cancel(&calls[1].call); /* was never sent: just forgotten */
    calls[0].call.action->cancel(&calls[0].call);
    lab_until(&lab, &calls[2].ended, 1);
    assert_int_equal(calls[0].ended + calls[1].ended, 0);
    assert_int_equal(notes("cancel"), 1);
    assert_int_equal(notes("stuck"), 1);
    assert_int_equal(notes("described"), 1);
}

static void cancel_next(struct lab_call *c)
{
    struct lab_call *other = c->user;

    other->call.action->cancel(&other->call);
}

/* The engine may cancel another call, or start one, while it hears of a death. */
static void test_death_reenters(void **state)
{
    (void)state;
    lab_write(&lab, "p.py",
              "import json, os, sys\n"
              "def send(m): print(json.dumps(m), flush=True)\n"
              "json.loads(sys.stdin.readline())\n"
              "send({'type': 'described', 'name': 'p'})\n"
              "for _ in range(2): sys.stdin.readline()\n"
              "os._exit(1)\n",
              0644);
    add("name: p\nprogram: [ python3, p.py ]\nconcurrency: 2\nactions:\n"
        "  - { name: act, effect: external }\n",
        NULL);
    calls[0].then = cancel_next;
    calls[0].user = &calls[1];
    for (int i = 0; i < 3; i++)
        assert_int_equal(lab_start(&lab, &calls[i], "p.act", "{}"), 0);
    lab_until(&lab, &calls[0].ended, 1);
    assert_int_equal(calls[0].outcome, TSN_OUTCOME_UNKNOWN);
    assert_int_equal(calls[1].ended, 0);
    calls[2].call.action->cancel(&calls[2].call);
}

/* A plugin that cannot even begin: nothing was sent, so nothing is in doubt. */
static void test_does_not_start(void **state)
{
    (void)state;
    lab_write(&lab, "p.py", "import sys; sys.exit('no licence')\n", 0644);
    add(manifest, NULL);
    lab_expect(&lab, &calls[0], "p.act", "{}", TSN_OUTCOME_RETRY);
    assert_string_equal(calls[0].diag.code, "R051");
}

static void test_wrong_name(void **state)
{
    (void)state;
    lab_write(&lab, "p.py",
              "import sys\nprint('{\"type\":\"described\",\"name\":\"q\"}', flush=True)\n"
              "sys.stdin.read()\n",
              0644);
    add(manifest, NULL);
    lab_expect(&lab, &calls[0], "p.act", "{}", TSN_OUTCOME_RETRY);
}

/* Dying right after each description must not become a busy loop of restarts. */
static void test_backs_off(void **state)
{
    int n;

    (void)state;
    lab_write(&lab, "p.py",
              "import sys\nopen('.notes', 'a').write('described')\n"
              "print('{\"type\":\"described\",\"name\":\"p\"}', flush=True)\n",
              0644);
    add(manifest, NULL);
    lab_for(&lab, 2500);
    n = notes("described"); /* at about 0, 200, 600, 1400 ms and so on */
    assert_true(n >= 2);
    assert_true(n <= 5);
}

static void test_closes_with_open_calls(void **state)
{
    (void)state;
    plugin("def react(m):\n    note('stuck'); time.sleep(1000)\n");
    assert_int_equal(lab_start(&lab, &calls[0], "p.act", "{}"), 0);
    assert_int_equal(lab_start(&lab, &calls[1], "p.act", "{}"), 0);
    while (!notes("stuck"))
        lab_for(&lab, 20);
}

static void refused(const char *text, const char *code, int line, const char *what)
{
    struct tsn_plugin_config config = {.name = "p", .dir = lab.dir};
    struct tsn_diag d;
    const struct tsn_action *const *list;

    tsn_diag_init(&d);
    lab_write(&lab, "manifest.yaml", text, 0644);
    assert_int_not_equal(tsn_plugin_add(plugins, &config, &d), 0);
    if (strcmp(d.code, code) != 0 || d.line != line || !strstr(d.what, what))
        fail_msg("%s:%d %s %s", d.file, d.line, d.code, d.what);
    assert_int_equal(tsn_registry_list(lab.registry, &list), 0); /* nothing half added */
}

static void test_manifest_refused(void **state)
{
    (void)state;
#define PROGRAM "program: python3\n"
    refused("", "C002", 1, "empty");
    refused("name: p\n", "C013", 1, "program");
    refused(PROGRAM, "R050", 1, "actions");
    refused(PROGRAM "actions: []\n", "R050", 2, "actions");
    refused(PROGRAM "action:\n  - { name: a, effect: none }\n", "C012", 2, "action");
    refused(PROGRAM "actions:\n  - { name: a }\n", "C013", 3, "effect");
    refused(PROGRAM "actions:\n  - { name: a, effect: some }\n", "R050", 3, "some");
    refused(PROGRAM "actions:\n  - { name: a, effect: external, doubt: maybe }\n", "R050", 3,
            "maybe");
    refused(PROGRAM "actions:\n  - { name: a.b, effect: none }\n", "R050", 3, "a.b");
    refused(PROGRAM "actions:\n  - { name: a, effect: none, timeout: 5 }\n", "C021", 3, "5");
    refused(PROGRAM "actions:\n  - { name: a, effect: none }\n  - { name: a, effect: none }\n",
            "R050", 4, "twice");
    refused(PROGRAM "actions:\n  - { name: a, effect: none, undo: b }\n", "R050", 3, "undo");
    refused("program: no-such-program-here\nactions:\n  - { name: a, effect: none }\n", "R050",
            1, "no-such-program-here");
    refused("program: ./gone.sh\nactions:\n  - { name: a, effect: none }\n", "R050", 1,
            "gone.sh");
    refused("library: gone.so\nactions:\n  - { name: a, effect: none }\n", "R050", 1,
            "gone.so");
    refused(PROGRAM "library: p.so\nactions:\n  - { name: a, effect: none }\n", "R050", 2,
            "not both");
    refused("concurrency: 0\n" PROGRAM "actions:\n  - { name: a, effect: none }\n", "C014", 1,
            "concurrency");
    refused("name: other\n" PROGRAM "actions:\n  - { name: a, effect: none }\n", "R050", 1,
            "other");
}

/* A C plugin is one more exec plugin: its crash is an unknown outcome, and it comes back. */
static void test_library(void **state)
{
    static const char *const verbs[] = {"twice", "never", "after", "crash",  "garbage", "leak",
                                        "arena", "huge",  "race",  "status", "nonsense"};
    struct tsn_plugin_config config = {.name = "bad", .dir = lab.dir};
    struct tsn_diag d;
    char hex[TSN_PIN_LEN + 1];
    struct tsn_buf b;

    (void)state;
    tsn_diag_init(&d);
    tsn_buf_init(&b, 100000);
    tsn_buf_printf(&b,
                   "library: %s/plugins/bad_calls.so\nname: bad\nconcurrency: 4\nactions:\n"
                   "  - { name: both, effect: none }\n",
                   TOCSIN_BUILD_DIR);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        tsn_buf_printf(&b, "  - { name: %s, effect: external, doubt: ask }\n", verbs[i]);
    lab_write(&lab, "manifest.yaml", b.data, 0644);
    tsn_buf_free(&b);
    /* The library lies elsewhere, so it counts as a file of its own. */
    if (tsn_plugin_digest(lab.dir, TOCSIN_BUILD_DIR "/plugins/bad_calls.so", hex, &d) != 0)
        fail_msg("%s %s", d.code, d.what);
    config.sha256 = hex;
    if (tsn_plugin_add(plugins, &config, &d) != 0)
        fail_msg("%s %s", d.code, d.what);
    lab_expect(&lab, &calls[0], "bad.twice", "{}", TSN_OUTCOME_OK);
    assert_int_equal(tsn_json_int(calls[0].result, "n", 0), 1);
    lab_expect(&lab, &calls[1], "bad.nonsense", "{}", TSN_OUTCOME_UNKNOWN);
    lab_expect(&lab, &calls[2], "bad.crash", "{}", TSN_OUTCOME_UNKNOWN);
    assert_string_equal(calls[2].diag.code, "R043");
    lab_expect(&lab, &calls[3], "bad.garbage", "{}", TSN_OUTCOME_OK);
}

static void test_manifest_read(void **state)
{
    const struct tsn_action *a;

    (void)state;
    plugin("def react(m): ok(m)\n");
    a = tsn_registry_find(lab.registry, "p.act");
    assert_int_equal(a->effect, TSN_EFFECT_EXTERNAL);
    assert_int_equal(a->doubt, TSN_DOUBT_ASK);
    assert_int_equal(a->timeout_ms, 5000);
    assert_string_equal(a->undo, "p.back");
    a = tsn_registry_find(lab.registry, "p.back");
    assert_int_equal(a->doubt, TSN_DOUBT_REPEAT_SAFE);
    assert_true(a->secret_args);
    assert_true(a->irreversible);
    assert_int_equal(a->attempts, 3);
    assert_int_equal(tsn_registry_find(lab.registry, "p.look")->effect, TSN_EFFECT_NONE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_conversation),
        T(test_probe),
        T(test_settings),
        T(test_outcomes),
        T(test_completes_twice),
        T(test_crash),
        T(test_exit_while_working),
        T(test_garbage),
        T(test_wrong_words),
        T(test_line_too_long),
        T(test_lookup_crash_is_retry),
        T(test_lookup_garbage_says_so),
        T(test_one_at_a_time),
        T(test_many_at_once),
        T(test_never_answers),
        T(test_cancel_answered),
        T(test_death_reenters),
        T(test_does_not_start),
        T(test_wrong_name),
        T(test_backs_off),
        T(test_closes_with_open_calls),
        T(test_manifest_refused),
        T(test_library),
        T(test_manifest_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
