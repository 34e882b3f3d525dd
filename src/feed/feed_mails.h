/* feed_mails.h - mails of a folder as entries: pointers with a title, a text and the ids in it, never
 * a reason to start a run. Each is read by the child tocsin-parser (docs/mail.md), one child for a batch;
 * a mail at which it ends is passed over. Only feed_local.c includes this. Loop thread. */
#pragma once

#include "feed/feed_int.h"

struct tsn_feed_mail {
    const char *name;
    const char *bytes;
    size_t len;
    const char *entry; /* out: JSON in the arena; NULL: it could not be read */
};

struct tsn_feed_mails;
/* Fills entries; done once, never inside start. */
tsn_err tsn_feed_mails_start(struct tsn_feed_mails **out, struct tsn_feeds *feeds,
                             struct tsn_arena *arena, struct tsn_feed_mail *mails, size_t n,
                             void (*done)(void *user), void *user, struct tsn_diag *diag);
void tsn_feed_mails_stop(struct tsn_feed_mails *m); /* done is not called; NULL allowed */
