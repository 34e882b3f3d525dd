/* box_pattern.h - Lua patterns with a price: the matcher behind find, match, gmatch and gsub.
 *
 * The stock matcher needed 109 s for ".-.-.-b" on 600 letters and cannot be interrupted. This one
 * compiles first, counts its steps, and gives up past a limit. Pure; any thread.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

#define TSN_PATTERN_NODES    256
#define TSN_PATTERN_CAPTURES 32
#define TSN_PATTERN_STEPS    1000000

struct tsn_pattern_node {
    uint8_t kind;
    char quant; /* '1' '?' '*' '+' '-' of a set */
    uint8_t a, b;
    uint32_t set[8]; /* bytes that fit */
};

struct tsn_pattern {
    bool anchored;
    unsigned n, ncaptures;
    struct tsn_pattern_node node[TSN_PATTERN_NODES];
};

/* `anchors`: a leading '^' anchors (not in gmatch). On TSN_EINPUT *why is a static sentence. */
tsn_err tsn_pattern_compile(struct tsn_pattern *p, const char *text, size_t len, bool anchors,
                            const char **why);

#define TSN_CAPTURE_POSITION (-1)
struct tsn_match {
    const char *s;
    size_t len;
    size_t steps;                      /* left */
    const volatile sig_atomic_t *stop; /* polled; NULL = none */
    struct {
        size_t start;
        ptrdiff_t len; /* TSN_CAPTURE_POSITION: it is a position */
    } capture[TSN_PATTERN_CAPTURES];
};

enum tsn_matched { TSN_MATCH_NO, TSN_MATCH_YES, TSN_MATCH_COSTLY };
/* Tries at exactly `at`; *end is behind the match. */
enum tsn_matched tsn_pattern_match(const struct tsn_pattern *p, struct tsn_match *m, size_t at,
                                   size_t *end);
