/* feed_mails.c - see feed_mails.h. Owns the parser for its time. */
#include "feed/feed_mails.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/json.h"
#include "core/text.h"
#include "proc/child.h"

#define PARSE_MS 30000
#define TEXT_MAX 20000

struct tsn_feed_mails {
    struct tsn_feeds *feeds;
    struct tsn_arena *arena;
    struct tsn_feed_mail *mails;
    size_t n, at;
    struct tsn_child *child; /* NULL: ended */
    struct tsn_timer *timer;
    void (*done)(void *user);
    void *user;
    bool stopped, over, again; /* again: it ended at a mail; a new one for the rest */
};

static bool begin_child(struct tsn_feed_mails *m, struct tsn_diag *diag);

static void release(struct tsn_feed_mails *m)
{
    struct tsn_feeds *feeds = m->feeds;
    tsn_timer_destroy(m->timer);
    free(m);
    tsn_feeds_release(feeds);
}

static void send_next(struct tsn_feed_mails *m)
{
    struct tsn_buf b;
    if (m->at == m->n) {
        m->over = true;
        tsn_child_finish(m->child);
        return;
    }
    tsn_buf_init(&b, TSN_FRAME_MAX);
    (void)tsn_buf_put(&b, "m-", 2);
    (void)tsn_buf_put(&b, m->mails[m->at].bytes, m->mails[m->at].len);
    tsn_timer_arm(m->timer, PARSE_MS);
    (void)tsn_child_send(m->child, TSN_FRAME_PARSE, b.data, b.len);
    tsn_buf_free(&b);
}

/* One header, or "". */
static const char *header(const json_t *doc, const char *name)
{
    const json_t *v = json_object_get(json_object_get(doc, "headers"), name);
    v = json_is_array(v) ? json_array_get(v, 0) : v;
    return json_is_string(v) ? json_string_value(v) : "";
}

/* Some text cut between characters. */
static json_t *some(const char *s)
{
    size_t n = strlen(s);
    while (n > TEXT_MAX || (n < strlen(s) && ((unsigned char)s[n] & 0xC0) == 0x80)) {
        n--;
    }
    return json_stringn(s, n);
}

static const char *entry_of(struct tsn_feed_mails *m, const json_t *doc)
{
    const char *subject = header(doc, "subject"), *id = header(doc, "message_id"),
               *date = header(doc, "date"), *list = header(doc, "list_id"),
               *text = tsn_json_str(doc, "text", "");
    const char *name = m->mails[m->at].name;
    json_t *ids = json_array();
    tsn_source_ids(ids, subject);
    tsn_source_ids(ids, text);
    json_t *e = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "tocsin", "entry", "id",
                          *id ? id : name, "title", subject, "url", "", "updated", date, "list",
                          list, "summary", some(text), "ids", ids);
    char *out = e ? tsn_json_text(e) : NULL;
    const char *kept = out ? tsn_arena_strdup(m->arena, out) : NULL;
    free(out);
    json_decref(e);
    return kept;
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_feed_mails *m = user;
    json_t *doc = NULL;
    (void)c;
    tsn_timer_disarm(m->timer);
    if (m->stopped || m->over || f->type != TSN_FRAME_PARSED) {
        return;
    }
    if (tsn_json_parse(f->payload, f->len, &doc, NULL) == 0) {
        m->mails[m->at].entry = entry_of(m, doc);
    }
    json_decref(doc);
    m->at++;
    send_next(m);
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_feed_mails *m = user;
    struct tsn_diag d;
    (void)c;
    (void)status;
    (void)signal;
    m->child = NULL;
    tsn_timer_disarm(m->timer);
    tsn_diag_init(&d);
    if (!m->stopped && !m->feeds->closing && !m->over) {
        m->at++; /* whatever is in this one */
        if (m->at < m->n && begin_child(m, &d)) {
            return;
        }
    }
    if (!m->stopped && !m->feeds->closing) {
        m->done(m->user);
    }
    release(m);
}

static void on_timer(void *user)
{
    struct tsn_feed_mails *m = user;
    if (m->child) {
        tsn_child_kill(m->child); /* on_exit_ goes on */
    }
}

static bool begin_child(struct tsn_feed_mails *m, struct tsn_diag *diag)
{
    char path[PATH_MAX];
    const char *argv[] = {path, NULL};
    const struct tsn_child_config cfg = {
        .name = "parser", .argv = argv, .on_frame = on_frame, .on_exit = on_exit_, .user = m};
    if (tsn_child_find(path, sizeof path, "tocsin-parser", diag) != 0 ||
        tsn_child_start(&m->child, m->feeds->config.loop, &cfg, diag) != 0) {
        m->child = NULL;
        return false;
    }
    send_next(m);
    return true;
}

tsn_err tsn_feed_mails_start(struct tsn_feed_mails **out, struct tsn_feeds *feeds,
                             struct tsn_arena *arena, struct tsn_feed_mail *mails, size_t n,
                             void (*done)(void *user), void *user, struct tsn_diag *diag)
{
    struct tsn_feed_mails *m = tsn_alloc(sizeof *m);
    *m = (struct tsn_feed_mails){
        .feeds = feeds, .arena = arena, .mails = mails, .n = n, .done = done, .user = user};
    m->timer = tsn_timer_new(feeds->config.loop, on_timer, m);
    tsn_feeds_hold(feeds);
    if (!begin_child(m, diag)) {
        *out = NULL;
        release(m);
        return TSN_EIO;
    }
    *out = m;
    return 0;
}

void tsn_feed_mails_stop(struct tsn_feed_mails *m)
{
    if (m) {
        m->stopped = true;
        if (m->child) {
            tsn_child_kill(m->child);
        }
    }
}
