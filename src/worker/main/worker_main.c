/* worker_main.c - tocsin-worker: runs Lua playbooks for the core, with nothing in its hands.
 *
 * Started by the core with one end of a socketpair as descriptor 3. Gives away everything before it
 * reads the first byte. Ends with 0 when the core hangs up, 2 when what comes is not the protocol.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "core/channel.h"
#include "core/confine.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "worker/box.h"
#include "worker/worker.h"

#define NICENESS 10 /* a playbook that only computes must not keep the core from a processor */

static void write_all(void *user, const void *p, size_t n)
{
    (void)user;
    if (!tsn_channel_write(p, n))
        _exit(0); /* nobody is there any more; the runs replay elsewhere */
}

int main(void)
{
    static char bytes[64 << 10];
    char weaker[400];
    const struct tsn_confine limits = {
        .role = TSN_ROLE_LUA,
        .channel_fd = TSN_CHANNEL,
        .memory_bytes = (size_t)1 << 30,
        .files = 8,
    };
    struct tsn_worker *w;
    int status = 0;
    size_t n;

    signal(SIGPIPE, SIG_IGN);
    (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* refused: it competes as an equal */
    tsn_json_init();
    tsn_crypto_init();
    const char *timer = tsn_box_init();
    if (tsn_confine(&limits, weaker, sizeof weaker)) {
        tsn_log(TSN_LOG_ERROR, "worker.unconfined", "why", weaker, NULL);
        return 1;
    }
    if (timer[0] && !weaker[0])
        snprintf(weaker, sizeof weaker, "%s", timer);
    tsn_worker_new(&w, write_all, NULL);
    tsn_worker_hello(w, weaker);
    while ((n = tsn_channel_read(bytes, sizeof bytes)) > 0) {
        if (tsn_worker_feed(w, bytes, n)) {
            tsn_log(TSN_LOG_ERROR, "worker.confused", "why", "bytes that are not the protocol",
                    NULL);
            status = 2;
            break;
        }
    }
    tsn_worker_destroy(w);
    return status;
}
