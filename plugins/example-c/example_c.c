/* example_c.c - a model C plugin: an echo, and a slow action on a thread of its own.
 *
 * example.echo answers at once, from inside start. example.slow waits as a call to an outside
 * system would: start only begins a thread, the thread completes the call, cancel wakes it early.
 * Everything a call needs lies in the call's arena, so nothing has to be freed by hand.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tocsin/plugin.h>

static void fail(struct tocsin_call *call, const char *json)
{
    call->host->complete(call->handle, TOCSIN_FAILED, json, strlen(json));
}

/* The result is the arguments as they came, with a greeting from the settings if there is one. */
static void echo_start(struct tocsin_call *call)
{
    const char *greeting = call->host->setting("greeting");
    size_t cap = call->args_len + 2 * (greeting ? strlen(greeting) : 0) + 64;
    char *out = call->host->alloc(call->handle, cap);
    int n;

    if (!out) {
        fail(call, "{\"code\":\"no_memory\",\"message\":\"the arguments are too big\"}");
        return;
    }
    /* A real plugin would use a JSON library; this one only takes greetings that need no care. */
    if (greeting && strpbrk(greeting, "\"\\"))
        greeting = NULL;
    n = snprintf(out, cap, "{\"args\":%s,\"greeting\":\"%s\"}", call->args,
                 greeting ? greeting : "");
    call->host->complete(call->handle, TOCSIN_OK, out, (size_t)n);
}

struct slow {
    struct tocsin_call *call;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int cancelled;
    long ms;
};

static void *slow_thread(void *user)
{
    struct slow *s = user;
    struct tocsin_call *call = s->call;
    struct timespec end;
    char out[64];
    int cancelled, waited = 0;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += s->ms / 1000;
    end.tv_nsec += s->ms % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->cancelled && waited == 0)
        waited = pthread_cond_timedwait(&s->wake, &s->lock, &end);
    cancelled = s->cancelled;
    pthread_mutex_unlock(&s->lock);

    /* After complete neither `call` nor `s` may be touched: both are in the arena. */
    if (cancelled) {
        static const char why[] = "{\"code\":\"cancelled\",\"message\":\"stopped half-way\"}";

        call->host->complete(call->handle, TOCSIN_UNKNOWN, why, sizeof(why) - 1);
    } else {
        snprintf(out, sizeof(out), "{\"waited_ms\":%ld}", s->ms);
        call->host->complete(call->handle, TOCSIN_OK, out, strlen(out));
    }
    return NULL;
}

static void slow_start(struct tocsin_call *call)
{
    struct slow *s = call->host->alloc(call->handle, sizeof(*s));
    /* There, and from 0 to 60000: the host has held the arguments against the schema below. */
    const char *ms = strstr(call->args, "\"ms\":");
    pthread_attr_t attr;
    pthread_t thread;
    int err;

    if (!s || !ms || strtol(ms + 5, NULL, 10) < 0 || strtol(ms + 5, NULL, 10) > 60000) {
        fail(call, "{\"code\":\"bad_request\",\"message\":\"ms: 0 to 60000 is needed\"}");
        return;
    }
    s->call = call;
    s->ms = strtol(ms + 5, NULL, 10);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    call->state = s;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    err = pthread_create(&thread, &attr, slow_thread, s);
    pthread_attr_destroy(&attr);
    /* Nothing has happened yet, so this may be tried again. */
    if (err)
        call->host->complete(call->handle, TOCSIN_RETRY, NULL, 0);
}

/* The host keeps the call alive until this returns, also when the thread completes it now. */
static int slow_cancel(struct tocsin_call *call)
{
    struct slow *s = call->state;

    pthread_mutex_lock(&s->lock);
    s->cancelled = 1;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    return 0; /* the thread completes it */
}

/* Could ask the outside system for the key. This one's effect is nothing, so: no. */
static void slow_probe(struct tocsin_call *call)
{
    static const char answer[] = "{\"happened\":false}";

    call->host->complete(call->handle, TOCSIN_OK, answer, sizeof(answer) - 1);
}

static int init(const struct tocsin_host *host)
{
    host->log(TOCSIN_LOG_INFO, "example: ready");
    return 0;
}

static const struct tocsin_action echo = {
    .size = TOCSIN_ACTION_HEAD,
    .effect = TOCSIN_EFFECT_NONE,
    .timeout_ms = 5000,
    .name = "echo",
    .summary = "Give the arguments back",
    .args_schema = "{\"type\":\"object\"}",
    .start = echo_start,
};

static const struct tocsin_action slow = {
    .size = TOCSIN_ACTION_HEAD,
    .effect = TOCSIN_EFFECT_EXTERNAL,
    .doubt = TOCSIN_DOUBT_REPEAT_SAFE,
    .timeout_ms = 90000,
    .concurrency = 2,
    .name = "slow",
    .summary = "Wait like a call to an outside system",
    .args_schema = "{\"type\":\"object\",\"required\":[\"ms\"],"
                   "\"additionalProperties\":false,\"properties\":"
                   "{\"ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":60000}}}",
    .result_schema = "{\"type\":\"object\",\"required\":[\"waited_ms\"]}",
    .start = slow_start,
    .cancel = slow_cancel,
    .probe = slow_probe,
};

static const struct tocsin_action *const actions[] = {&echo, &slow, NULL};

static const struct tocsin_plugin plugin = {
    TOCSIN_PLUGIN_HEAD, "example", "1.0.0", "Apache-2.0", actions, init, NULL,
};

const struct tocsin_plugin *tocsin_plugin_entry(void)
{
    return &plugin;
}
