/* bad_calls.c - a C plugin with one action for each way to misbehave in a call. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <tocsin/plugin.h>

static const struct tocsin_host *host;

static void ok(struct tocsin_call *call, const char *json)
{
    host->complete(call->handle, TOCSIN_OK, json, json ? strlen(json) : 0);
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static void thread_for(void *(*body)(void *), void *user)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, user) != 0)
        abort();
    pthread_detach(thread);
}

static void twice(struct tocsin_call *call)
{
    uint64_t handle = call->handle;
    int first = host->complete(handle, TOCSIN_OK, "{\"n\":1}", 7);
    int second = host->complete(handle, TOCSIN_FAILED, "{\"code\":\"n2\"}", 13);
    char text[64];

    snprintf(text, sizeof(text), "completions said %d and %d", first, second);
    host->log(TOCSIN_LOG_INFO, text);
}

static void never(struct tocsin_call *call)
{
    (void)call;
}

/* Gives up when cancelled, and its thread completes all the same. */
static void *after_body(void *user)
{
    uint64_t handle = *(uint64_t *)user;

    free(user);
    pause_ms(300);
    host->complete(handle, TOCSIN_OK, "{\"late\":true}", 13);
    if (host->alloc(handle, 8))
        abort();
    return NULL;
}

static void after(struct tocsin_call *call)
{
    uint64_t *handle = malloc(sizeof(*handle));

    *handle = call->handle;
    thread_for(after_body, handle);
}

static int give_up(struct tocsin_call *call)
{
    (void)call;
    return 1;
}

/* Completes inside cancel and says it gave up: both at once. */
static int both(struct tocsin_call *call)
{
    ok(call, "{\"in\":\"cancel\"}");
    return 1;
}

static void crash(struct tocsin_call *call)
{
    volatile int *nowhere = NULL;

    (void)call;
    *nowhere = 1;
}

static void garbage(struct tocsin_call *call)
{
    char c;

    printf("not json at all\n");
    printf("{\"type\":\"result\",\"id\":%d,\"outcome\":\"ok\",\"result\":{}}\n", 1);
    fflush(stdout);
    if (write(1, "raw\n", 4) != 4 || read(0, &c, 1) != 0)
        abort();
    ok(call, NULL);
}

static void leak(struct tocsin_call *call)
{
    volatile char *lost = malloc((size_t)16 << 20);

    for (size_t i = 0; i < (size_t)16 << 20; i += 4096)
        lost[i] = 1;
    ok(call, NULL);
}

/* Uses the call's arena: the host frees it, so this does not add up. */
static void arena(struct tocsin_call *call)
{
    char *p = host->alloc(call->handle, (size_t)24 << 20);

    memset(p, 1, (size_t)24 << 20);
    if (host->alloc(call->handle, (size_t)48 << 20)) /* past the limit of a call */
        abort();
    memcpy(p, "{\"from\":\"arena\"}", 17);
    ok(call, p);
}

static void nonsense(struct tocsin_call *call)
{
    ok(call, strstr(call->args, "list") ? "[1]" : "{\"half\":");
}

static void status(struct tocsin_call *call)
{
    host->complete(call->handle, 77, NULL, 0);
}

static void huge(struct tocsin_call *call)
{
    size_t n = (size_t)2 << 20;
    char *text = host->alloc(call->handle, n);

    memset(text, 'x', n);
    memcpy(text, "{\"x\":\"", 6);
    memcpy(text + n - 2, "\"}", 2);
    host->complete(call->handle, TOCSIN_OK, text, n);
}

/* Eight threads race to complete one call: one of them wins. */
static void *race_body(void *user)
{
    uint64_t handle = *(uint64_t *)user;

    free(user);
    host->complete(handle, TOCSIN_OK, "{\"by\":\"thread\"}", 15);
    return NULL;
}

static void race(struct tocsin_call *call)
{
    uint64_t handle = call->handle;

    for (int i = 0; i < 8; i++) {
        uint64_t *copy = malloc(sizeof(*copy));

        *copy = handle;
        thread_for(race_body, copy);
    }
}

static int init(const struct tocsin_host *h)
{
    host = h;
    return 0;
}

static void stop(void)
{
    printf("stopped\n");
    fflush(stdout);
}

/* Says what it is told: the test puts the answer into the arguments. */
static void told(struct tocsin_call *call)
{
    (void)call->host->complete(call->handle, TOCSIN_OK, call->args, call->args_len);
}

#define ACTION(id, cancels, limit)                                                             \
    static const struct tocsin_action id##_action = {.size = TOCSIN_ACTION_HEAD,               \
                                                     .effect = TOCSIN_EFFECT_EXTERNAL,         \
                                                     .doubt = TOCSIN_DOUBT_ASK,                \
                                                     .concurrency = (limit),                   \
                                                     .name = #id,                              \
                                                     .summary = #id,                           \
                                                     .start = id,                              \
                                                     .cancel = (cancels),                      \
                                                     .probe = told}
ACTION(twice, NULL, 0);
ACTION(never, NULL, 1);
ACTION(after, give_up, 1);
ACTION(crash, NULL, 0);
ACTION(garbage, NULL, 0);
ACTION(leak, NULL, 0);
ACTION(arena, NULL, 0);
ACTION(nonsense, NULL, 0);
ACTION(status, NULL, 0);
ACTION(huge, NULL, 0);
ACTION(race, NULL, 0);
static const struct tocsin_action both_action = {.size = TOCSIN_ACTION_HEAD,
                                                 .effect = TOCSIN_EFFECT_NONE,
                                                 .name = "both",
                                                 .summary = "both",
                                                 .start = never,
                                                 .cancel = both};

static const struct tocsin_action *const actions[] = {
    &twice_action,  &never_action,    &after_action, &crash_action, &garbage_action,
    &leak_action,   &arena_action,    &both_action,  &huge_action,  &race_action,
    &status_action, &nonsense_action, NULL};

static const struct tocsin_plugin plugin = {
    TOCSIN_PLUGIN_HEAD, "bad", "1.0.0", "Apache-2.0", actions, init, stop};

const struct tocsin_plugin *tocsin_plugin_entry(void)
{
    return &plugin;
}
