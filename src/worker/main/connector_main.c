/* connector_main.c - tocsin-connector: a Lua connector as a plugin process, with nothing in its hands.
 *
 *   tocsin-connector NAME FILE
 *
 * Reads the one file, gives everything away (no files, no network, no exec), then speaks JSON lines on stdin and
 * stdout. Ends with 0 when the core hangs up, 2 on bad usage or a file that cannot be read, 4 when what comes is
 * not the protocol.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/confine.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "worker/box.h"
#include "worker/connector.h"

#define LINE_LIMIT  ((size_t)4 << 20)
#define SOURCE_MOST ((size_t)1 << 20)

static void say(json_t *message)
{
    char *text = tsn_json_text(message);
    size_t n = strlen(text), at = 0;

    text[n++] = '\n'; /* in place of the terminator */
    while (at < n) {
        ssize_t k = write(STDOUT_FILENO, text + at, n - at);

        if (k > 0)
            at += (size_t)k;
        else if (errno != EINTR)
            _exit(0); /* nobody is there any more */
    }
    free(text);
    json_decref(message);
}

static tsn_err take(void *c, const json_t *m, struct tsn_diag *diag)
{
    (void)diag;
    return tsn_connector_message(c, m);
}

static tsn_err serve(struct tsn_connector *c)
{
    static char bytes[64 << 10];
    struct tsn_buf in;
    tsn_err err = 0;
    ssize_t n;

    tsn_buf_init(&in, LINE_LIMIT);
    while (!err &&
           ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))) {
        if (n > 0)
            err = tsn_buf_put(&in, bytes, (size_t)n);
        if (!err && n > 0)
            err = tsn_json_lines(&in, take, c, NULL);
    }
    tsn_buf_free(&in);
    return err;
}

int main(int argc, char **argv)
{
    const struct tsn_confine limits = {
        .role = TSN_ROLE_LUA, .channel_fd = -1, .memory_bytes = (size_t)512 << 20, .files = 8};
    struct tsn_connector *c = NULL;
    struct tsn_buf source;
    char weaker[400];
    const char *slash;
    tsn_err err;

    if (argc != 3 || argv[1][0] == '-') {
        (void)fprintf(stderr, "usage: tocsin-connector NAME FILE\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    tsn_json_init();
    tsn_crypto_init();
    (void)tsn_box_init();
    tsn_buf_init(&source, SOURCE_MOST);
    slash = strrchr(argv[2], '/');
    if (tsn_buf_read_file(&source, argv[2]) != 0 || source.len == 0 ||
        tsn_connector_open(&c, argv[1], slash ? slash + 1 : argv[2], source.data, say) != 0) {
        (void)fprintf(stderr, "tocsin-connector: %s cannot be read, or is not UTF-8 text\n",
                      argv[2]);
        return 2;
    }
    tsn_buf_free(&source);
    if (tsn_confine(&limits, weaker, sizeof(weaker))) {
        tsn_log(TSN_LOG_ERROR, "connector.unconfined", "why", weaker, NULL);
        return 1;
    }
    err = serve(c);
    if (err)
        tsn_log(TSN_LOG_ERROR, "connector.confused", "why", "bytes that are not the protocol",
                NULL);
    tsn_connector_close(c);
    return err ? 4 : 0;
}
