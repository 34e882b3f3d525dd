/* mailbox.c - hands messages from any thread to the loop thread.
 *
 * A lock-free stack that senders push on and the loop takes whole, so that neither side ever
 * waits for the other. Owns its uv_async_t; owns no message. See the header for threads.
 */
#include "loop/mailbox.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/mem.h"
#include "loop/loop.h"

struct tsn_mailbox {
    uv_async_t async;
    _Atomic(struct tsn_msg *) head; /* newest first; &closed once close began */
    tsn_mailbox_fn *on_messages;
    void *user;
};

static struct tsn_msg closed;

static void deliver(struct tsn_mailbox *box, struct tsn_msg *newest)
{
    struct tsn_msg *first = NULL;
    while (newest) {
        struct tsn_msg *next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    if (first)
        box->on_messages(first, box->user);
}

static void on_async(uv_async_t *async)
{
    struct tsn_mailbox *box = async->data;
    struct tsn_msg *head = atomic_load_explicit(&box->head, memory_order_acquire);
    do {
        if (head == &closed || !head)
            return;
    } while (!atomic_compare_exchange_weak_explicit(
        &box->head, &head, NULL, memory_order_acq_rel, memory_order_acquire));
    deliver(box, head);
}

tsn_err tsn_mailbox_open(struct tsn_mailbox **out, struct tsn_loop *loop,
                         tsn_mailbox_fn *on_messages, void *user)
{
    struct tsn_mailbox *box = tsn_alloc(sizeof(*box));
    box->on_messages = on_messages;
    box->user = user;
    if (uv_async_init(tsn_loop_uv(loop), &box->async, on_async) != 0) {
        free(box);
        return TSN_EIO;
    }
    box->async.data = box;
    *out = box;
    return 0;
}

tsn_err tsn_mailbox_send(struct tsn_mailbox *box, struct tsn_msg *msg)
{
    struct tsn_msg *head = atomic_load_explicit(&box->head, memory_order_acquire);
    do {
        if (head == &closed)
            return TSN_ECLOSED;
        msg->next = head;
    } while (!atomic_compare_exchange_weak_explicit(
        &box->head, &head, msg, memory_order_acq_rel, memory_order_acquire));
    uv_async_send(&box->async);
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void tsn_mailbox_close(struct tsn_mailbox *box)
{
    if (!box)
        return;
    struct tsn_msg *head = atomic_exchange_explicit(&box->head, &closed, memory_order_acq_rel);
    if (head == &closed)
        return; /* closed from inside its own last delivery */
    uv_close((uv_handle_t *)&box->async, on_closed);
    deliver(box, head);
}
