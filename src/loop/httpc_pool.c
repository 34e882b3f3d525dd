/* httpc_pool.c - curl multi handles in the loop: sockets, timers, and which pool to use.
 *
 * Owns the multi handles, their watchers and timers. Loop thread only. libuv aborts when it
 * watches a closed descriptor and curl does not always say REMOVE before it closes one, so
 * every socket is opened and closed through us and its watcher stopped first.
 */
#include "loop/httpc_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

#define IDLE_POOLS 16

/* --- descriptors --- */

static void on_sock_closed(uv_handle_t *h)
{
    free(h->data);
}

static void sock_forget(struct tsn_sock *s)
{
    struct tsn_sock **p = &s->pool->socks;
    while (*p && *p != s)
        p = &(*p)->next;
    if (*p)
        *p = s->next;
    uv_poll_stop(&s->poll); /* leaves the epoll set now, not in the close callback */
    uv_close((uv_handle_t *)&s->poll, on_sock_closed);
}

static struct tsn_sock *sock_find(struct tsn_pool *pool, int fd)
{
    struct tsn_sock *s = pool->socks;
    while (s && s->fd != fd)
        s = s->next;
    return s;
}

curl_socket_t tsn_pool_open_socket(void *clientp, curlsocktype purpose,
                                   struct curl_sockaddr *addr)
{
    struct tsn_xfer *x = clientp;
    char where[sizeof(x->denied)];
    if (purpose != CURLSOCKTYPE_IPCXN) {
        tsn_copy(x->denied, sizeof(x->denied), "a socket of another kind");
        return CURL_SOCKET_BAD;
    }
    /* Through the proxy the address is the proxy's own, which the configuration names. */
    if (!x->proxied && !tsn_address_allowed(&addr->addr, x->req.reach, where, sizeof(where))) {
        memcpy(x->denied, where, sizeof(where));
        return CURL_SOCKET_BAD;
    }
    return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

/* clientp is the pool: a kept connection outlives the transfer that opened it. */
int tsn_pool_close_socket(void *clientp, curl_socket_t fd)
{
    struct tsn_sock *s = sock_find(clientp, fd);
    if (s)
        sock_forget(s);
    return close(fd);
}

/* --- driving --- */

static void take_finished(struct tsn_pool *pool)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(pool->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result; /* msg is gone after the removal */
        struct tsn_xfer *x = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
        tsn_xfer_hop_done(x, code);
    }
}

static void drive(struct tsn_pool *pool, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(pool->multi, fd, what, &running);
    take_finished(pool);
}

static void on_timer(void *user)
{
    drive(user, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct tsn_sock *s = poll->data;
    int what = 0;
    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    drive(s->pool, s->fd, what);
}

static int on_want_timer(CURLM *multi, long ms, void *user)
{
    (void)multi;
    struct tsn_pool *pool = user;
    if (ms < 0)
        tsn_timer_disarm(pool->timer);
    else
        tsn_timer_arm(pool->timer, ms); /* 0 = next turn, never inside this callback */
    return 0;
}

static int on_want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *per_socket)
{
    (void)easy;
    struct tsn_pool *pool = user;
    struct tsn_sock *s = per_socket;
    if (what == CURL_POLL_REMOVE) {
        s = sock_find(pool, fd); /* not per_socket: our close callback may have been first */
        if (s)
            sock_forget(s);
        curl_multi_assign(pool->multi, fd, NULL);
        return 0;
    }
    if (!s) {
        s = tsn_alloc(sizeof(*s));
        s->pool = pool;
        s->fd = fd;
        s->poll.data = s;
        if (uv_poll_init(tsn_loop_uv(pool->client->loop), &s->poll, fd) != 0) {
            free(s);
            return -1;
        }
        s->next = pool->socks;
        pool->socks = s;
        curl_multi_assign(pool->multi, fd, s);
    }
    int events = 0;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&s->poll, events, on_poll) == 0 ? 0 : -1;
}

/* --- pools --- */

static char *key_of(const char *const *reach)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    for (; reach && *reach; reach++) {
        tsn_buf_puts(&b, *reach);
        tsn_buf_putc(&b, '\n');
    }
    char *key = tsn_strdup(b.data ? b.data : "");
    tsn_buf_free(&b);
    return key;
}

void tsn_pool_destroy(struct tsn_pool *pool)
{
    struct tsn_pool **p = &pool->client->pools;
    while (*p && *p != pool)
        p = &(*p)->next;
    if (*p) {
        *p = pool->next;
        pool->client->npools--;
    }
    curl_multi_cleanup(pool->multi); /* closes kept connections through our callback */
    while (pool->socks)
        sock_forget(pool->socks);
    tsn_timer_destroy(pool->timer);
    free(pool->reach_key);
    free(pool);
}

static void drop_oldest_idle(struct tsn_httpc *c)
{
    struct tsn_pool *oldest = NULL;
    for (struct tsn_pool *p = c->pools; p; p = p->next)
        if (p->active == 0 && (!oldest || p->used_ms < oldest->used_ms))
            oldest = p;
    if (oldest)
        tsn_pool_destroy(oldest);
}

struct tsn_pool *tsn_pool_get(struct tsn_httpc *c, const char *const *reach)
{
    char *key = key_of(reach);
    for (struct tsn_pool *p = c->pools; p; p = p->next)
        if (strcmp(p->reach_key, key) == 0) {
            free(key);
            p->used_ms = tsn_clock_mono_ms();
            return p;
        }
    if (c->npools >= IDLE_POOLS)
        drop_oldest_idle(c);
    struct tsn_pool *pool = tsn_alloc(sizeof(*pool));
    pool->client = c;
    pool->reach_key = key;
    pool->used_ms = tsn_clock_mono_ms();
    pool->multi = curl_multi_init();
    TSN_ASSERT(pool->multi);
    pool->timer = tsn_timer_new(c->loop, on_timer, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, 16L);
    curl_multi_setopt(pool->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 64L);
    curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 8L);
    pool->next = c->pools;
    c->pools = pool;
    c->npools++;
    return pool;
}
