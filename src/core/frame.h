/* frame.h - what core and children say to each other over a socketpair.
 *
 * A frame: 4 bytes length of what follows (big endian, at most TSN_FRAME_MAX), 1 byte protocol
 * version, 1 byte type, payload (JSON text, UTF-8). A frame of another version or an oversized
 * one ends the conversation: the child is killed, its work replays elsewhere. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"

#define TSN_FRAME_VERSION 1
#define TSN_FRAME_HEAD    6
#define TSN_FRAME_MAX     (64u << 20)

/* Core to worker: LOAD DELIVER CANCEL DROP DESCRIBE TOOL. Worker to core: the rest.
 * Payloads are described in docs/worker-protocol.md. Numbers are never reused. */
enum tsn_frame_type {
    TSN_FRAME_HELLO = 1,
    TSN_FRAME_LOAD = 2,
    TSN_FRAME_DELIVER = 3,
    TSN_FRAME_CANCEL = 4,
    TSN_FRAME_DROP = 5,
    TSN_FRAME_DESCRIBE = 6,
    TSN_FRAME_TOOL = 7,
    TSN_FRAME_WANT = 20,
    TSN_FRAME_ENDED = 21,
    TSN_FRAME_FAILED = 22,
    TSN_FRAME_DIVERGED = 23,
    TSN_FRAME_LOG = 24,
    TSN_FRAME_DESCRIBED = 25,
    TSN_FRAME_BEGAN = 26,   /* the worker now runs this run's Lua: starts its wall watchdog */
    TSN_FRAME_IDLE = 27,    /* the worker yielded: stops it */
    TSN_FRAME_TOOLED = 28,  /* answer to TOOL */
    TSN_FRAME_JOINED = 29,  /* all branches of a parallel have ended */
    TSN_FRAME_DISMISS = 30, /* nobody needs an open step any more */
    TSN_FRAME_SEAL = 40,    /* core to sealer; docs/sealer.md */
    TSN_FRAME_SEALED = 41,
    TSN_FRAME_SEAL_REFUSED = 42,
    TSN_FRAME_ROTATE = 43,
    TSN_FRAME_ROTATED = 44,
    TSN_FRAME_PARSE = 50, /* core to parser; parser/main/parser_main.c */
    TSN_FRAME_PARSED = 51,
    TSN_FRAME_UNPACK = 60, /* core to unpack; unpack/main/unpack_main.c */
    TSN_FRAME_UNPACKED = 61,
    TSN_FRAME_UNPACK_MORE = 62,
    TSN_FRAME_UNPACK_FAILED = 63
};

struct tsn_frame {
    uint8_t type;
    const char *payload; /* borrowed from the buffer; NOT terminated */
    size_t len;
};

tsn_err tsn_frame_put(struct tsn_buf *out, uint8_t type, const void *payload, size_t len);
/* Looks at the front of `in`. *used > 0: a whole frame is in *out; shift the buffer by *used
 * when done with it. *used == 0: more bytes are needed. TSN_EINPUT: end the conversation. */
tsn_err tsn_frame_get(const struct tsn_buf *in, struct tsn_frame *out, size_t *used);
