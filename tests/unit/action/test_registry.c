/* test_registry.c - what can be registered, found, and what a misspelt action is told. */
#include "action_lab.h"

static tsn_err never(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)call;
    (void)diag;
    return TSN_EBUG;
}

static tsn_err apply(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                     int64_t now_ms, json_t **result, struct tsn_diag *diag)
{
    (void)st;
    (void)arena;
    (void)call;
    (void)now_ms;
    (void)result;
    (void)diag;
    return 0;
}

static struct tsn_registry *filled(void)
{
    static const char *const names[] = {"edge.apply", "edge.remove", "edge.plan_block",
                                        "mail.send", "case.set"};
    struct tsn_registry *r;

    assert_int_equal(tsn_registry_open(&r), 0);
    for (size_t i = 0; i < 5; i++) {
        char name[32];
        struct tsn_action a = {.name = name, .effect = TSN_EFFECT_EXTERNAL, .start = never};

        if (i == 4) {
            a.effect = TSN_EFFECT_STORE;
            a.start = NULL;
            a.apply = apply;
        }
        tsn_copy(name, sizeof(name), names[i]);
        assert_int_equal(tsn_registry_add(r, &a), 0);
        memset(name, 'x', sizeof(name) - 1); /* the registry has its own copy */
    }
    return r;
}

static void test_add_and_find(void **state)
{
    struct tsn_registry *r = filled();
    const struct tsn_action *const *list;
    struct tsn_action again = {.name = "mail.send", .start = never};

    (void)state;
    assert_int_equal(tsn_registry_list(r, &list), 5);
    assert_string_equal(tsn_registry_find(r, "edge.remove")->name, "edge.remove");
    assert_string_equal(tsn_registry_find(r, "edge.remove")->summary, "");
    assert_null(tsn_registry_find(r, "edge"));
    assert_null(tsn_registry_find(r, "edge.removed"));
    assert_int_equal(tsn_registry_add(r, &again), TSN_EDUP);
    for (int i = 0; i < 200; i++) { /* pointers stay valid while it grows */
        char name[32];
        struct tsn_action a = {.name = name, .start = never};

        snprintf(name, sizeof(name), "many.n%d", i);
        assert_int_equal(tsn_registry_add(r, &a), 0);
    }
    assert_string_equal(tsn_registry_find(r, "edge.remove")->name, "edge.remove");
    tsn_registry_close(r);
    tsn_registry_close(NULL);
}

static void test_refused(void **state)
{
    static const char *const names[] = {"", "edge", ".x", "edge.", "ed ge.x", NULL};
    struct tsn_registry *r;
    struct tsn_action none = {.name = "a.b"},
                      both = {.name = "a.b", .start = never, .apply = apply};

    (void)state;
    assert_int_equal(tsn_registry_open(&r), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct tsn_action a = {.name = names[i], .start = never};

        assert_int_equal(tsn_registry_add(r, &a), TSN_EINPUT);
    }
    assert_int_equal(tsn_registry_add(r, &none), TSN_EINPUT);
    assert_int_equal(tsn_registry_add(r, &both), TSN_EINPUT);
    tsn_registry_close(r);
}

static void unknown(const char *name, const char *what, const char *hint)
{
    struct tsn_registry *r = filled();
    struct tsn_diag d;

    tsn_diag_init(&d);
    assert_int_equal(tsn_registry_unknown(r, name, &d), TSN_ENOTFOUND);
    assert_string_equal(d.code, "R011");
    assert_string_equal(d.what, what);
    if (!strstr(d.hint, hint))
        fail_msg("hint: %s", d.hint);
    assert_int_equal(tsn_registry_unknown(r, name, NULL), TSN_ENOTFOUND);
    tsn_registry_close(r);
}

static void test_unknown(void **state)
{
    (void)state;
    unknown("edge.aply", "edge has no `aply`",
            "did you mean `apply`? It can: apply, remove, plan_block");
    unknown("edge.zzz", "edge has no `zzz`", "it can: apply, remove, plan_block");
    unknown("egde.apply", "there is no connector with `egde.apply`",
            "did you mean `edge.apply`?");
    unknown("jira.create", "there is no connector with `jira.create`", "under `plugins:`");
    unknown("edge", "there is no connector with `edge`", "plugins");
    unknown("", "there is no connector with ``", "plugins");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_find),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown),
    };
    (void)lab_open, (void)lab_close, (void)lab_expect, (void)lab_for, (void)lab_write;
    (void)lab_call_free;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
