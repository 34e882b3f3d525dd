/* fault.c - named fault points from TOCSIN_FAULT. Reads the environment once. Any thread. */
#include "core/fault.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

struct fault_plan {
    bool any; /* '#N': every point counts */
    char name[64];
    int64_t at;  /* the hit it acts on, from 1 */
    tsn_err err; /* 0 = kill */
    bool aborts;
    int trace_fd; /* -1 = none */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct fault_plan plan;
static bool active;
static _Atomic int64_t hits, traced;
static void (*hook)(const char *name, void *user);
static void *hook_user;

static tsn_err err_by_name(const char *name)
{
#define ERR_CASE(n, number, cls, text)                                                         \
    if (strcmp(name, #n) == 0)                                                                 \
        return (number);
    TSN_ERR_LIST(ERR_CASE)
#undef ERR_CASE
    return TSN_EIO;
}

static void read_plan(void)
{
    const char *spec = getenv("TOCSIN_FAULT"), *trace = getenv("TOCSIN_FAULT_TRACE");
    char copy[128], *mark;

    plan.trace_fd = -1;
    plan.at = 1;
    if (trace && trace[0])
        plan.trace_fd = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (spec && spec[0] && tsn_copy(copy, sizeof(copy), spec)) {
        mark = strchr(copy, '=');
        if (mark) {
            *mark = '\0';
            plan.aborts = strcmp(mark + 1, "ABORT") == 0;
            plan.err = plan.aborts ? 0 : err_by_name(mark + 1);
        }
        plan.any = copy[0] == '#';
        mark = plan.any ? copy : strchr(copy, ':');
        if (mark) {
            int64_t at;

            if (tsn_parse_int(mark + 1, 1, INT64_MAX, &at) == 0)
                plan.at = at;
            *mark = '\0';
        }
        tsn_copy(plan.name, sizeof(plan.name), copy);
        active = true;
    }
    if (plan.trace_fd >= 0)
        active = true;
}

static void trace_hit(const char *name)
{
    char line[96];
    int n;

    if (plan.trace_fd < 0)
        return;
    n = snprintf(line, sizeof(line), "%lld %s\n", (long long)++traced, name);
    if (n > 0 && (size_t)n < sizeof(line) && write(plan.trace_fd, line, (size_t)n) < 0)
        _exit(99); /* a test that cannot trace must not pass */
}

/* True when this hit is the planned one, or any later one where errors stay. */
static bool due(const char *name)
{
    int64_t n;

    if (!plan.any && strcmp(plan.name, name) != 0)
        return false;
    n = ++hits;
    return plan.err ? n >= plan.at : n == plan.at;
}

static void die(void)
{
    if (plan.aborts)
        abort();
    kill(getpid(), SIGKILL);
}

void tsn_fault_hook(void (*fn)(const char *name, void *user), void *user)
{
    hook_user = user;
    hook = fn;
}

void tsn_fault(const char *name)
{
    pthread_once(&once, read_plan);
    if (hook)
        hook(name, hook_user);
    if (!active)
        return;
    trace_hit(name);
    if (plan.err == 0 && due(name))
        die();
}

void tsn_fault_of(const char *name, const char *what)
{
    char whole[128];

    pthread_once(&once, read_plan);
    if (!active || plan.any || plan.err || !what ||
        (size_t)snprintf(whole, sizeof(whole), "%s/%s", name, what) >= sizeof(whole))
        return;
    if (due(whole))
        die();
}

tsn_err tsn_fault_err(const char *name)
{
    /* A place that can fail is a point like any other: it is traced and can be killed at. */
    tsn_fault(name);
    if (!active || plan.any || plan.err == 0)
        return 0;
    return due(name) ? plan.err : 0;
}
