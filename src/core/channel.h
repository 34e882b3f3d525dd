/* channel.h - the child's end of the socketpair that the core gave it: blocking reads and writes.
 *
 * The core makes its pipes non-blocking, which a child shares; so each call waits with poll. A signal
 * in between changes nothing. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TSN_CHANNEL 3 /* its descriptor in every framed child (proc/child.h) */

/* At least one byte, at most cap; 0: nobody is there any more. */
size_t tsn_channel_read(void *p, size_t cap);
/* All of it; false: nobody is there any more. */
bool tsn_channel_write(const void *p, size_t n);
