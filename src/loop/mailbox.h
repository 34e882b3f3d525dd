/* mailbox.h - hand work from any thread to the loop thread.
 * Wake-ups may be merged, so the receiver drains all. Messages are intrusive: the sender forgets
 * them. on_messages gets a list in send order and is never called from inside send. */
#pragma once

#include "core/err.h"

struct tsn_loop;
struct tsn_mailbox;
struct tsn_msg {
    struct tsn_msg *next;
};
typedef void tsn_mailbox_fn(struct tsn_msg *first, void *user);

tsn_err tsn_mailbox_open(struct tsn_mailbox **out, struct tsn_loop *loop,
                         tsn_mailbox_fn *on_messages, void *user);
/* Any thread. TSN_ECLOSED after close began: the sender keeps the message. */
tsn_err tsn_mailbox_send(struct tsn_mailbox *box, struct tsn_msg *msg);
/* Loop thread. Delivers what is queued, then closes. No sender may still run. */
void tsn_mailbox_close(struct tsn_mailbox *box);
