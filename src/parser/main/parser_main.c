/* parser_main.c - tocsin-parser: reads hostile mail for the core, with nothing in its hands.
 *
 * Started by the core for one mail, with one end of a socketpair as descriptor 3. Loads what it
 * will need, gives away everything else, and only then reads. PARSE (one letter enum tsn_mime_what,
 * one letter '+' for content or '-', then the bytes) is answered by PARSED (the object of mime.h).
 * Ends with 0 when the core hangs up, 2 when what comes is not the protocol.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/confine.h"
#include "core/crypto.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/log.h"
#include "parser/mime.h"

static void answer(const struct tsn_frame *f)
{
    json_t *doc = tsn_mime_parse((enum tsn_mime_what)f->payload[0], f->payload[1] == '+',
                                 f->payload + 2, f->len - 2);
    char *text = tsn_json_text(doc);
    struct tsn_buf out;

    tsn_buf_init(&out, TSN_FRAME_MAX + TSN_FRAME_HEAD + 1);
    if (tsn_frame_put(&out, TSN_FRAME_PARSED, text, strlen(text)) != 0)
        _exit(3); /* larger than any frame: the core says so */
    if (!tsn_channel_write(out.data, out.len))
        _exit(0); /* nobody is there any more */
    tsn_buf_free(&out);
    free(text);
    json_decref(doc);
}

static bool wanted(const struct tsn_frame *f)
{
    return f->type == TSN_FRAME_PARSE && f->len >= 2 &&
           (f->payload[0] == TSN_MIME_MESSAGE || f->payload[0] == TSN_MIME_ENTITY ||
            f->payload[0] == TSN_MIME_TEXT);
}

int main(void)
{
    static char bytes[64 << 10];
    const struct tsn_confine limits = {.role = TSN_ROLE_LUA,
                                       .channel_fd = TSN_CHANNEL,
                                       .memory_bytes = (size_t)768 << 20,
                                       .cpu_seconds = 20,
                                       .files = 8};
    char weaker[400];
    struct tsn_buf in;
    struct tsn_frame f;
    size_t used, n;

    signal(SIGPIPE, SIG_IGN);
    tsn_json_init();
    tsn_crypto_init();
    tsn_mime_init();
    if (tsn_confine(&limits, weaker, sizeof(weaker)))
        return 1;
    if (weaker[0])
        tsn_log(TSN_LOG_WARN, "parser.weaker", "why", weaker, NULL);
    tsn_buf_init(&in, TSN_FRAME_MAX + sizeof(bytes) + TSN_FRAME_HEAD);
    while ((n = tsn_channel_read(bytes, sizeof(bytes))) > 0) {
        if (tsn_buf_put(&in, bytes, n) != 0 || tsn_frame_get(&in, &f, &used) != 0)
            return 2;
        if (used == 0)
            continue;
        if (!wanted(&f))
            return 2;
        answer(&f);
        tsn_buf_shift(&in, used);
    }
    tsn_buf_free(&in);
    return 0;
}
