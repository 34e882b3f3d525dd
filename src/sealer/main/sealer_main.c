/* sealer_main.c - tocsin-sealer: signs checkpoints for the core, which never holds the key.
 *
 *   tocsin-sealer --init ORIGIN --key FILE --state FILE    makes both, prints the verifier key
 *   tocsin-sealer --key FILE --state FILE                  serves frames on descriptor 3
 *   tocsin-sealer --key FILE --state FILE --create ORIGIN  the same; makes both where neither is
 *   tocsin-sealer --connect SOCKET                         the core's end of a sealer that another
 *                                                          user runs (sealer_bridge.h)
 *
 * Reads the key, gives away network, exec and every other descriptor, and only then looks at the
 * state and at what the core says. Ends with 0 when the core hangs up, 2 on bad usage or bytes that
 * are not the protocol, 3 when it cannot know what is on disk, 22 when key or state are unusable.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/confine.h"
#include "core/crypto.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/log.h"
#include "sealer/main/sealer_bridge.h"
#include "sealer/seal_state.h"
#include "sealer/sealer.h"

enum { END_OK = 0, END_USAGE = 2, END_UNKNOWN = 3, END_UNUSABLE = 22 };

struct options {
    const char *init, *create, *key, *state, *connect;
};

static bool parse_options(struct options *o, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char **where = strcmp(argv[i], "--init") == 0      ? &o->init
                             : strcmp(argv[i], "--create") == 0  ? &o->create
                             : strcmp(argv[i], "--key") == 0     ? &o->key
                             : strcmp(argv[i], "--state") == 0   ? &o->state
                             : strcmp(argv[i], "--connect") == 0 ? &o->connect
                                                                 : NULL;
        if (!where || *where)
            return false;
        *where = argv[i + 1];
    }
    if (o->connect)
        return argc == 3;
    return argc % 2 == 1 && o->key && o->state && !(o->init && o->create);
}

static int complain(const struct tsn_diag *diag)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 4096);
    tsn_diag_print(diag, &b);
    (void)fwrite(b.data, 1, b.len, stderr);
    tsn_buf_free(&b);
    return END_UNUSABLE;
}

static int init(const struct options *o)
{
    struct tsn_buf key;
    struct tsn_diag diag;
    int rc = END_OK;

    tsn_diag_init(&diag);
    tsn_buf_init(&key, 1024);
    if (tsn_sealer_create(o->key, o->state, o->init, &key, &diag) != 0)
        rc = complain(&diag);
    else if (printf("%s\n", key.data) < 0 || fflush(stdout) != 0)
        rc = END_UNUSABLE;
    tsn_buf_free(&key);
    return rc;
}

/* A key or a state alone is not made whole: it would hide that the other was taken away. But a state from
 * which nothing was ever signed is a first start that was cut short, before it wrote the key. */
static int create(const struct options *o)
{
    struct tsn_buf key;
    struct tsn_diag diag;
    int rc = END_OK;

    if (!o->create || access(o->key, F_OK) == 0)
        return END_OK;
    if (access(o->state, F_OK) == 0 &&
        (!tsn_seal_state_unused(o->state) || unlink(o->state) != 0))
        return END_OK;
    tsn_diag_init(&diag);
    tsn_buf_init(&key, 1024);
    if (tsn_sealer_create(o->key, o->state, o->create, &key, &diag) != 0)
        rc = complain(&diag);
    tsn_buf_free(&key);
    return rc;
}

/* All whole frames at the front of `in`. */
static int answer(struct tsn_sealer *s, struct tsn_buf *in, struct tsn_buf *out)
{
    struct tsn_frame f;
    size_t used;

    for (;;) {
        if (tsn_frame_get(in, &f, &used) != 0)
            return END_USAGE;
        if (used == 0)
            return END_OK;
        if (f.type != TSN_FRAME_SEAL && f.type != TSN_FRAME_ROTATE)
            return END_USAGE;
        if ((f.type == TSN_FRAME_SEAL ? tsn_sealer_request
                                      : tsn_sealer_rotate)(s, f.payload, f.len, out) != 0)
            return END_UNKNOWN;
        tsn_buf_shift(in, used);
        if (!tsn_channel_write(out->data, out->len))
            return END_OK;
        tsn_buf_clear(out);
    }
}

static int serve(struct tsn_sealer *s)
{
    static char bytes[16 << 10];
    struct tsn_buf in, out;
    int rc = END_OK;
    size_t n;

    tsn_buf_init(&in, TSN_SEALER_REQUEST_MAX);
    tsn_buf_init(&out, TSN_SEALER_REQUEST_MAX);
    while (rc == END_OK && (n = tsn_channel_read(bytes, sizeof(bytes))) > 0)
        rc = tsn_buf_put(&in, bytes, n) != 0 ? END_USAGE : answer(s, &in, &out);
    tsn_buf_free(&in);
    tsn_buf_free(&out);
    if (rc != END_OK)
        tsn_log(TSN_LOG_ERROR, "sealer.ended", "why",
                rc == END_USAGE ? "bytes that are not the protocol" : "state unknown", NULL);
    return rc;
}

int main(int argc, char **argv)
{
    const struct tsn_confine limits = {
        .role = TSN_ROLE_SEALER,
        .channel_fd = TSN_CHANNEL,
        .memory_bytes = (size_t)256 << 20,
        .files = 16,
    };
    struct options o = {0};
    struct tsn_sealer *s = NULL;
    struct tsn_diag diag;
    struct tsn_buf hello;
    char weaker[400];
    int rc = END_OK;

    signal(SIGPIPE, SIG_IGN);
    if (!parse_options(&o, argc, argv)) {
        (void)fputs("usage: tocsin-sealer [--init|--create ORIGIN] --key FILE --state FILE\n"
                    "       tocsin-sealer --connect SOCKET\n",
                    stderr);
        return END_USAGE;
    }
    if (o.connect)
        return tsn_sealer_bridge(o.connect);
    tsn_json_init();
    tsn_crypto_init();
    if (o.init)
        return init(&o);
    rc = create(&o);
    if (rc != END_OK)
        return rc;
    tsn_diag_init(&diag);
    if (tsn_sealer_new(&s, o.key, &diag) != 0)
        return complain(&diag);
    tsn_buf_init(&hello, 8192);
    (void)tsn_confine(&limits, weaker, sizeof(weaker)); /* what it could not do is in HELLO */
    if (tsn_sealer_open(s, o.state, &diag) != 0)
        rc = complain(&diag);
    else if (tsn_sealer_hello(s, &hello, weaker) == 0 &&
             tsn_channel_write(hello.data, hello.len))
        rc = serve(s);
    tsn_buf_free(&hello);
    tsn_sealer_destroy(s);
    return rc;
}
