/* feed_host.c - see feed_host.h. */
#include "feed/feed_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "loop/loop.h"

#define PAUSE_MS 5000 /* 429 without a word how long */

struct host {
    struct host *next;
    struct tsn_hosts *all;
    char *name; /* "host:port" as in the address */
    struct tsn_timer *timer;
    struct tsn_host_turn *first, **last; /* waiting */
    int64_t active;
    int64_t next_ms; /* monotonic: of the next request at the rate */
    int64_t held_ms; /* monotonic: until then it is left alone */
    int64_t held_wall;
};

struct tsn_hosts {
    struct tsn_loop *loop;
    struct host *list;
};

struct tsn_host_turn {
    struct tsn_host_turn *next;
    struct host *host;
    int64_t connections, gap_ms;
    tsn_host_go *go;
    void *user;
    bool asking;
};

struct tsn_hosts *tsn_hosts_new(struct tsn_loop *loop)
{
    struct tsn_hosts *h = tsn_alloc(sizeof *h);
    h->loop = loop;
    return h;
}

void tsn_hosts_free(struct tsn_hosts *h)
{
    for (struct host *x = h ? h->list : NULL, *next; x; x = next) {
        next = x->next;
        for (struct tsn_host_turn *t = x->first, *n; t; t = n) {
            n = t->next;
            free(t);
        }
        tsn_timer_destroy(x->timer);
        free(x->name);
        free(x);
    }
    free(h);
}

static void dispatch(void *user)
{
    struct host *h = user;
    int64_t now = tsn_clock_mono_ms();
    while (h->first) {
        struct tsn_host_turn *t = h->first;
        bool refused = h->held_ms - now > TSN_HOST_HOLD_MS;
        int64_t wait = h->held_ms > h->next_ms ? h->held_ms : h->next_ms;
        if (!refused && h->active >= t->connections) {
            return; /* whoever is done looks again */
        }
        if (!refused && wait > now) {
            tsn_timer_arm(h->timer, wait - now);
            return;
        }
        h->first = t->next;
        if (!h->first) {
            h->last = &h->first;
        }
        if (refused) {
            tsn_host_go *go = t->go;
            void *who = t->user;
            free(t);
            go(false, who);
            continue;
        }
        t->asking = true;
        h->active++;
        h->next_ms = now + t->gap_ms;
        t->go(true, t->user);
    }
}

static void host_name(const char *url, const char **name, size_t *n)
{
    const char *p = strstr(url, "://");
    *name = p ? p + 3 : url;
    *n = strcspn(*name, "/?#");
}

static struct host *find(const struct tsn_hosts *all, const char *url)
{
    const char *name;
    size_t n;
    host_name(url, &name, &n);
    for (struct host *h = all->list; h; h = h->next) {
        if (strlen(h->name) == n && strncasecmp(h->name, name, n) == 0) {
            return h;
        }
    }
    return NULL;
}

struct tsn_host_turn *tsn_host_wait(struct tsn_hosts *all, const char *url, int64_t connections,
                                    int64_t rate, tsn_host_go *go, void *user)
{
    struct host *h = find(all, url);
    struct tsn_host_turn *t = tsn_alloc(sizeof *t);
    if (!h) {
        const char *name;
        size_t n;
        host_name(url, &name, &n);
        h = tsn_alloc(sizeof *h);
        h->all = all;
        h->name = tsn_alloc(n + 1);
        memcpy(h->name, name, n);
        h->last = &h->first;
        h->timer = tsn_timer_new(all->loop, dispatch, h);
        h->next = all->list;
        all->list = h;
    }
    t->host = h;
    t->connections = connections > 0 ? connections : TSN_HOST_CONNECTIONS;
    t->gap_ms = rate > 0 ? 1000 / rate : 0;
    t->go = go;
    t->user = user;
    *h->last = t;
    h->last = &t->next;
    tsn_timer_arm(h->timer, 0);
    return t;
}

int64_t tsn_retry_after_ms(const char *value, int64_t now_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t seconds = 0, at = 0;
    char month[4], iso[32];
    int day, year, h, m, s;
    if (tsn_parse_int(value, 0, INT32_MAX, &seconds) == 0) {
        at = seconds * 1000;
    } else if (sscanf(value, "%*3s, %d %3s %d %d:%d:%d GMT", &day, month, &year, &h, &m, &s) ==
               6) {
        const char *place = strstr(months, month);
        (void)snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", year,
                       place ? (int)(place - months) / 3 + 1 : 0, day, h, m, s);
        at = tsn_time_parse(iso, &at) == 0 ? at - now_ms : 0;
    }
    return at < 0 ? 0 : at > TSN_HOST_RETRY_MAX ? TSN_HOST_RETRY_MAX : at;
}

static void listen_to(struct host *h, const struct tsn_xfer_result *r)
{
    int64_t wall = tsn_clock_wall_ms();
    int64_t ms = tsn_retry_after_ms(r->retry_after, wall);
    if (r->err || (r->status != 429 && (r->status != 503 || !ms))) {
        return; /* another fault is no word about the pace */
    }
    ms = ms ? ms : PAUSE_MS;
    h->held_ms = tsn_clock_mono_ms() + ms;
    h->held_wall = wall + ms;
    tsn_log(TSN_LOG_WARN, "feed.host_busy", "host", h->name, NULL);
}

void tsn_host_done(struct tsn_host_turn *t, const struct tsn_xfer_result *r)
{
    if (!t) {
        return;
    }
    struct host *h = t->host;
    if (t->asking) {
        h->active--;
        if (r) {
            listen_to(h, r);
        }
    } else {
        struct tsn_host_turn **p = &h->first;
        while (*p && *p != t) {
            p = &(*p)->next;
        }
        if (*p) {
            *p = t->next;
            if (h->last == &t->next) {
                h->last = p;
            }
        }
    }
    free(t);
    tsn_timer_arm(h->timer, 0);
}

int64_t tsn_host_held_until(const struct tsn_hosts *all, const char *url)
{
    const struct host *h = url ? find(all, url) : NULL;
    return h && h->held_wall > tsn_clock_wall_ms() ? h->held_wall : 0;
}
