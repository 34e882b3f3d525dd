/* fault.c - fault points. The environment is read once, at the first hit. Any thread; off it costs
 * one atomic load. */
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

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The rest is under lock. */
static char wanted[64];    /* name; "" = any point */
static int64_t wanted_hit; /* the hit that counts; 0 = none wanted */
static tsn_err give;       /* 0 = SIGKILL */
static int64_t hits_named, hits_all;
static int trace_fd = -1;

static tsn_err err_named(const char *name)
{
#define MATCH(id, number, cls, text)                                                               \
    if (strcmp(name, #id) == 0)                                                                    \
        return (number);
    TSN_ERR_LIST(MATCH)
#undef MATCH
    return TSN_EIO;
}

static void read_environment(void)
{
    const char *trace = getenv("TOCSIN_FAULT_TRACE");
    const char *spec = getenv("TOCSIN_FAULT");
    if (trace && *trace)
        trace_fd = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (spec && *spec) {
        char text[128];
        tsn_copy(text, sizeof(text), spec);
        char *eq = strchr(text, '=');
        if (eq) {
            *eq = '\0';
            give = err_named(eq + 1);
        }
        wanted_hit = 1;
        char *n = text[0] == '#' ? text : strchr(text, ':');
        if (n) {
            *n = '\0';
            if (tsn_parse_int(n + 1, 1, INT64_MAX, &wanted_hit))
                wanted_hit = 1;
        }
        tsn_copy(wanted, sizeof(wanted), text);
    }
    atomic_store(&active, trace_fd >= 0 || wanted_hit > 0);
}

static tsn_err hit(const char *name, bool can_fail)
{
    pthread_once(&once, read_environment);
    if (!atomic_load_explicit(&active, memory_order_relaxed))
        return 0;
    tsn_err err = 0;
    pthread_mutex_lock(&lock);
    hits_all++;
    if (trace_fd >= 0)
        dprintf(trace_fd, "%lld %s\n", (long long)hits_all, name);
    bool named = wanted[0] && strcmp(wanted, name) == 0;
    hits_named += named;
    if (wanted_hit && !give) {
        bool now = wanted[0] ? named && hits_named == wanted_hit : hits_all == wanted_hit;
        if (now)
            kill(getpid(), SIGKILL);
    } else if (wanted_hit && can_fail && named && hits_named >= wanted_hit) {
        err = give;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

void tsn_fault(const char *name)
{
    (void)hit(name, false);
}

tsn_err tsn_fault_err(const char *name)
{
    return hit(name, true);
}
