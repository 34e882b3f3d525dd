/* pgp_int.h - what the files about gpg share: one child and its memory files. Private to src/proc. */
#pragma once

#include "proc/pgp.h"

struct tsn_pgp_job {
    struct tsn_loop *loop;
    struct tsn_child *child; /* NULL once it has ended */
    struct tsn_timer *timer;
    tsn_pgp_done *done;
    void *user;
    struct tsn_pgp_result r;
    struct tsn_pgp_status status;
    int64_t until_ms; /* of the loop's clock */
    bool decrypting;
    bool lines; /* what is no status line goes to r.plain */
    int fds[3]; /* input, signature or output; -1 = none */
    int output; /* index into fds, or -1 */
};
struct tsn_pgp_job *tsn_pgp_job_new(struct tsn_loop *loop, tsn_pgp_done *done, void *user);
/* `words` is what this call adds to gpg's arguments; descriptors are passed as 3, 4. */
void tsn_pgp_start(struct tsn_pgp_job *j, const char *home, const char *const *words);
/* A memory file with these bytes, or -1. */
int tsn_pgp_memory_file(const char *name, const void *p, size_t n);
