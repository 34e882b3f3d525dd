/* feed_local.h - pages that no server gives: files, folders and mailboxes of ours, what a converter
 * prints. Only feed_page.c includes this. Loop thread; files are read on the thread pool.
 *
 *   file:///a/b.json    that file, whatever its size up to a list's
 *   file:///a/b/        its regular files (no links, no dot files), as members
 *   maildir:///a/b/     its mails in cur and new, each parsed by tocsin-parser, as members
 *   exec:               the feed's command through tocsin-exec; each line of JSON it prints is a document
 */
#pragma once

#include "feed/feed_page.h"

struct tsn_feed_local;

struct tsn_feed_local_result {
    tsn_err err;
    struct tsn_diag diag;
    int fd;     /* the caller's, with the first result; -1 = the same as before */
    size_t len; /* of what is in it now */
    struct tsn_feed_member
        *members; /* live until more or stop; NULL: one text, nothing follows */
    size_t n, refused;
    const char *first_refused;
    bool last;
};
typedef void tsn_feed_local_done(const struct tsn_feed_local_result *r, void *user);

/* done once for each slice, until the last or an error; never inside start or more. */
tsn_err tsn_feed_local_start(struct tsn_feed_local **out, struct tsn_feed *f, const char *url,
                             tsn_feed_local_done *done, void *user, struct tsn_diag *diag);
void tsn_feed_local_more(struct tsn_feed_local *l);
/* Ends the children; what was delivered stays. */
void tsn_feed_local_end(struct tsn_feed_local *l);
/* Always, at the end: no callback follows. NULL allowed. */
void tsn_feed_local_stop(struct tsn_feed_local *l);
