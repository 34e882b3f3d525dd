/* publisher.h - brings releases out: signature, files, what follows; one at a time, resumable anywhere.
 *
 * Loop thread. The order: the release is committed (advisory_life.h); its signature is made by gpg
 * and committed; a thread writes the tree in the order of publish_tree.h; the release is public, and
 * the run that sends CVE records and notices begins in the same commit (tell.h); when that run has
 * finished, or there is nothing to send, the release is out. Each step looks at what is on disk and in the store, so after a crash the next start goes on
 * where the last one ended. Scheduled advisories become releases here when their instant comes.
 */
#pragma once

#include "advisory/publish_tree.h"
#include "loop/loop.h"
#include "store/reader.h"
#include "store/writer.h"

struct tsn_engine;
struct tsn_house;
struct tsn_house_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_engine *engine; /* woken for runs that follow a release; NULL: nobody is */
    const struct tsn_publish_config *publish; /* dir NULL: only the clock of --at */
    const struct tsn_publisher *publisher;
};
tsn_err tsn_house_open(struct tsn_house **out, const struct tsn_house_config *config,
                       struct tsn_diag *diag);
/* How publication stands: for metrics and the status screen. NULL: all zero. */
struct tsn_house_state {
    bool on;            /* a tree is written */
    const char *reason; /* why the last round failed; NULL = it did not; until the next round */
    size_t held;        /* public, and what follows has stopped: a person is needed */
    int64_t security_until; /* when security.txt as it lies there ends; 0 = there is none */
    const char *key;        /* what signs; NULL = nothing does */
    int64_t key_until;      /* 0 = it has no end */
    const char
        *key_problem; /* missing unusable revoked expired expires-soon unknown; NULL = none */
};
void tsn_house_state(const struct tsn_house *h, struct tsn_house_state *out);
/* Nothing new begins; what is under way is waited for by the writer and reader closing. */
void tsn_house_close(struct tsn_house *h);
