/* feed_host.h - how hard a server is asked, whoever of the feeds asks: connections and rate per host.
 *
 * A turn is waited for before each request and given back with its answer. "Retry-After" of a 429 or
 * 503 holds the whole host back, at most an hour; whoever would have to wait longer than HOLD_MS is
 * told so instead, and asks at its next poll. Loop thread; callbacks never run inside wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "loop/httpc.h"

struct tsn_loop;
struct tsn_hosts;
struct tsn_host_turn;

#define TSN_HOST_CONNECTIONS 2
#define TSN_HOST_RATE        4       /* requests a second */
#define TSN_HOST_RETRY_MAX   3600000 /* a hostile value cannot freeze a feed */
#define TSN_HOST_HOLD_MS     20000

struct tsn_hosts *tsn_hosts_new(struct tsn_loop *loop);
void tsn_hosts_free(struct tsn_hosts *h); /* turns that wait are forgotten */

/* `ok`: ask now. false: the host is held back for longer than is waited for; the turn is over. */
typedef void tsn_host_go(bool ok, void *user);
/* connections, rate: of the one who asks; rate 0 = none. */
struct tsn_host_turn *tsn_host_wait(struct tsn_hosts *h, const char *url, int64_t connections,
                                    int64_t rate, tsn_host_go *go, void *user);
/* The answer is there; or r NULL: no longer wanted, asked or not. NULL turn allowed. */
void tsn_host_done(struct tsn_host_turn *t, const struct tsn_xfer_result *r);
/* Until when this host wants to be left alone, wall clock; 0 = it does not say. */
int64_t tsn_host_held_until(const struct tsn_hosts *h, const char *url);
/* Pure: seconds or a date of RFC 9110 as milliseconds from now, 0 when it says nothing. */
int64_t tsn_retry_after_ms(const char *value, int64_t now_ms);
