/* unpack_main.c - tocsin-unpack: opens one archive for the core, with nothing in its hands.
 *
 * Descriptor 3 is the channel, 4 the archive (read), 5 the file that takes what comes out. UNPACK (the
 * limits of packed.h as an object) begins; each slice ends with UNPACKED ({ entries: [[name, at,
 * size]], refused, first_refused, end }), after which it waits for UNPACK_MORE and then writes from the
 * start of the file again. UNPACK_FAILED ({ why }) ends it. 0 when the core hangs up, 2 when what
 * comes is not the protocol.
 */
#include <iconv.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/confine.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "unpack/packed.h"

#define ARCHIVE_FD 4
#define OUT_FD     5

struct work {
    struct tsn_buf in;
    struct tsn_unpack_limits limits;
    json_t *entries;
    uint64_t at, open_at; /* where the next byte goes; where the open entry began */
    uint64_t refused;
    char first[200];
};

static void send_frame(uint8_t type, json_t *doc)
{
    char *text = tsn_json_text(doc);
    struct tsn_buf out;
    tsn_buf_init(&out, TSN_FRAME_MAX + TSN_FRAME_HEAD + 1);
    if (tsn_frame_put(&out, type, text, strlen(text)) != 0)
        _exit(3);
    if (!tsn_channel_write(out.data, out.len))
        _exit(0); /* nobody is there any more */
    tsn_buf_free(&out);
    free(text);
    json_decref(doc);
}

/* The next frame of this type. */
static json_t *await(struct work *w, uint8_t type)
{
    static char bytes[4096];
    struct tsn_frame f;
    size_t used = 0, n;
    json_t *doc = NULL;
    while (tsn_frame_get(&w->in, &f, &used) == 0 && used == 0) {
        n = tsn_channel_read(bytes, sizeof bytes);
        if (n == 0)
            _exit(0);
        if (tsn_buf_put(&w->in, bytes, n) != 0)
            _exit(2);
    }
    if (used == 0 || f.type != type || tsn_json_parse(f.payload, f.len, &doc, NULL) != 0)
        _exit(2);
    tsn_buf_shift(&w->in, used);
    return doc;
}

static void send_slice(struct work *w, bool end)
{
    send_frame(TSN_FRAME_UNPACKED,
               json_pack("{s:O, s:I, s:s, s:b}", "entries", w->entries, "refused",
                         (json_int_t)w->refused, "first_refused", w->first, "end", end));
    json_array_clear(w->entries);
    w->refused = 0;
    w->first[0] = '\0';
}

static bool on_write(void *user, const void *p, size_t n)
{
    struct work *w = user;
    const char *from = p;
    while (n > 0) {
        ssize_t k = write(OUT_FD, from, n);
        if (k <= 0)
            return false;
        from += k;
        n -= (size_t)k;
        w->at += (uint64_t)k;
    }
    return true;
}

/* A NUL stands behind each entry: readers of texts may rely on it. */
static bool on_entry(void *user, const char *name, uint64_t size)
{
    struct work *w = user;
    if (name) {
        json_array_append_new(
            w->entries, json_pack("[s, I, I]", name, (json_int_t)w->open_at, (json_int_t)size));
        if (!on_write(w, "", 1))
            return false;
    } else { /* given up in the middle */
        w->at = w->open_at;
        if (lseek(OUT_FD, (off_t)w->at, SEEK_SET) < 0)
            return false;
    }
    w->open_at = w->at;
    if (!w->limits.single &&
        (w->at >= w->limits.slice || json_array_size(w->entries) >= w->limits.batch)) {
        send_slice(w, false);
        json_decref(await(w, TSN_FRAME_UNPACK_MORE));
        if (lseek(OUT_FD, 0, SEEK_SET) < 0)
            return false;
        w->at = w->open_at = 0;
    }
    return true;
}

static void on_refused(void *user, const char *name, const char *why)
{
    struct work *w = user;
    if (w->refused++ == 0) {
        tsn_copy(w->first, sizeof w->first, why);
        size_t n = strlen(w->first);
        if (n + 4 < sizeof w->first) {
            memcpy(w->first + n, ": ", 3);
            tsn_copy(w->first + n + 2, sizeof w->first - n - 2, name);
        }
    }
}

static uint64_t limit(const json_t *doc, const char *key)
{
    int64_t v = tsn_json_int(doc, key, 0);
    return v > 0 ? (uint64_t)v : 1;
}

int main(void)
{
    const struct tsn_confine limits = {.role = TSN_ROLE_LUA,
                                       .channel_fd = TSN_CHANNEL,
                                       .passed = 2,
                                       .memory_bytes = (size_t)320 << 20,
                                       .cpu_seconds = 900,
                                       .files = 8};
    char weaker[400];
    static struct work w;
    signal(SIGPIPE, SIG_IGN);
    tsn_json_init();
    /* What libarchive would open when it first meets a time or a name. */
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    (void)setlocale(LC_ALL, "C.UTF-8");
    iconv_t warm = iconv_open("UTF-8", "UTF-8");
    if (warm != (iconv_t)-1)
        (void)iconv_close(warm);
    if (tsn_confine(&limits, weaker, sizeof weaker))
        return 1;
    if (weaker[0])
        tsn_log(TSN_LOG_WARN, "unpack.weaker", "why", weaker, NULL);
    tsn_buf_init(&w.in, 64u << 10);
    w.entries = json_array();
    json_t *doc = await(&w, TSN_FRAME_UNPACK);
    w.limits = (struct tsn_unpack_limits){.entry = limit(doc, "entry"),
                                          .total = limit(doc, "total"),
                                          .ratio = limit(doc, "ratio"),
                                          .count = limit(doc, "count"),
                                          .slice = limit(doc, "slice"),
                                          .batch = limit(doc, "batch"),
                                          .single = tsn_json_bool(doc, "single", false)};
    json_decref(doc);
    const struct tsn_unpack_sink sink = {
        .user = &w, .write = on_write, .entry = on_entry, .refused = on_refused};
    const char *why = tsn_unpack_read(ARCHIVE_FD, &w.limits, &sink);
    if (why)
        send_frame(TSN_FRAME_UNPACK_FAILED, json_pack("{s:s}", "why", why));
    else
        send_slice(&w, true);
    while (tsn_channel_read(w.first, sizeof w.first) > 0) {}
    return 0;
}
