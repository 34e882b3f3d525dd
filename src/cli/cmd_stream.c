/* cmd_stream.c - audit stream: the log into a file or another log system, without loss over kills.
 *
 * Pages of the API go through one format to one target. Only when a page is settled there does the
 * cursor file move on, so that after any end the next start goes on from there: a file is cut back
 * to what the cursor counts and has every row once; a receiver over UDP or TLS may see up to a page
 * again (same seq), never a hole that we made. Begin and end are entries of the log. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "audit/siem.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/stream_target.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

#define PAGE        1000
#define LOOK_MS     1000  /* between looks for new entries */
#define BACKOFF_MS  30000 /* longest wait after a failure */
#define ROW_MAX     ((size_t)8 << 20)
#define PEN_EXAMPLE 32473 /* RFC 5612 */

struct stream {
    struct tsn_cli *cli;
    enum tsn_siem format;
    struct tsn_siem_site site;
    const char *to, *query, *tlp, *cursor_file, *ca;
    bool open, follow, framed; /* framed: the target wants no line ends */
    struct tsn_target *target;
    int64_t next;  /* entry to go on from */
    int64_t bytes; /* of the file so far */
    int64_t first, last, count;
    int64_t entry; /* that began this export */
    char what[2 * TSN_HASH_LEN + 1];
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static const char *given(const struct tsn_cli *cli, enum tsn_flag flag)
{
    return cli->given & TSN_BIT(flag) ? cli->flag[flag] : NULL;
}

/* --- the cursor --------------------------------------------------------------------------- */

/* A cursor goes with what it counts: another query would leave holes. */
static void name_stream(struct stream *s)
{
    uint8_t digest[TSN_HASH_LEN];
    const char *text =
        tsn_arena_printf(s->cli->arena, "%s\n%s\n%s\n%s\n%d", tsn_siem_name(s->format), s->to,
                         s->query, s->tlp ? s->tlp : "", s->open);

    tsn_sha256_once(digest, text, strlen(text));
    tsn_hex(s->what, digest, sizeof(digest));
}

static tsn_err load_cursor(struct stream *s, struct tsn_diag *diag)
{
    struct tsn_buf b;
    json_t *v = NULL;
    tsn_err err;

    s->bytes = -1;
    if (!s->cursor_file || access(s->cursor_file, F_OK) != 0)
        return 0;
    tsn_buf_init(&b, 65536);
    err = tsn_buf_read_file(&b, s->cursor_file);
    if (!err)
        err = tsn_json_parse(b.data ? b.data : "", b.len, &v, diag);
    tsn_buf_free(&b);
    if (err) {
        err = tsn_diag_set(diag, err, "U101", "%.200s is no cursor", s->cursor_file);
    } else if (strcmp(tsn_json_str(v, "what", ""), s->what) != 0) {
        tsn_diag_hint(diag, "give each stream a cursor file of its own");
        err = tsn_diag_set(diag, TSN_ECONFLICT, "U101",
                           "%.200s belongs to a stream of another query, format or target",
                           s->cursor_file);
    } else {
        s->next = tsn_json_int(v, "next", 0);
        s->bytes = tsn_json_int(v, "bytes", 0);
    }
    json_decref(v);
    return err;
}

static bool write_all(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;

    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    return ok;
}

/* Whole or not at all. */
static tsn_err save_cursor(struct stream *s, struct tsn_diag *diag)
{
    const char *draft;
    json_t *v;
    char *text;
    bool ok;

    if (!s->cursor_file)
        return 0;
    draft = tsn_arena_printf(s->cli->arena, "%s.new", s->cursor_file);
    v = json_pack("{s:s, s:I, s:I}", "what", s->what, "next", (json_int_t)s->next, "bytes",
                  (json_int_t)s->bytes);
    text = tsn_json_text(v);
    ok = write_all(draft, text) && rename(draft, s->cursor_file) == 0;
    free(text);
    json_decref(v);
    return ok ? 0
              : tsn_diag_set(diag, tsn_err_from_errno(errno), "U101", "%.200s: %s",
                             s->cursor_file, strerror(errno));
}

/* --- begin and end are entries --------------------------------------------------------------- */

static int begin(struct stream *s)
{
    json_t *out, *body = json_pack("{s:s, s:s, s:s, s:I}", "format", tsn_siem_name(s->format),
                                   "query", s->query, "to", s->to, "from", (json_int_t)s->next);
    int rc;

    if (s->tlp)
        json_object_set_new(body, "tlp", json_string(s->tlp));
    if (s->open)
        json_object_set_new(body, "open", json_integer(1));
    rc = tsn_client_call(s->cli, "POST", "/api/v1/audit/exports", body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    s->entry = tsn_json_int(out, "entry", -1);
    s->site.host = tsn_arena_strdup(s->cli->arena, tsn_json_str(out, "host", "unknown"));
    s->site.version = tsn_arena_strdup(s->cli->arena, tsn_json_str(out, "version", ""));
    s->site.origin = tsn_arena_strdup(s->cli->arena, tsn_json_str(out, "origin", "tocsin"));
    json_decref(out);
    return 0;
}

static int end(struct stream *s)
{
    json_t *out, *body = json_pack("{s:I, s:I, s:I}", "first", (json_int_t)s->first, "last",
                                   (json_int_t)s->last, "count", (json_int_t)s->count);
    int rc = tsn_client_call(
        s->cli, "POST",
        tsn_arena_printf(s->cli->arena, "/api/v1/audit/exports/%lld", (long long)s->entry),
        body, NULL, &out);

    json_decref(body);
    if (!rc)
        json_decref(out);
    return rc;
}

/* --- a page ----------------------------------------------------------------------------------- */

static tsn_err put_row(struct stream *s, struct tsn_buf *line, const json_t *item,
                       struct tsn_diag *diag)
{
    const char *text = tsn_json_str(item, "text", "");
    struct tsn_entry e;
    struct tsn_siem_row row = {.entry = &e,
                               .text = text,
                               .text_len = strlen(text),
                               .checkpoint = tsn_json_int(item, "checkpoint", -1),
                               .after_ms = -1,
                               .before_ms = -1,
                               .open = json_object_get(item, "fields")};
    tsn_err err = tsn_entry_parse(s->cli->arena, text, row.text_len, &e, diag);

    if (err)
        return err;
    (void)tsn_time_parse(tsn_json_str(item, "not_before", ""), &row.after_ms);
    (void)tsn_time_parse(tsn_json_str(item, "not_after", ""), &row.before_ms);
    tsn_buf_clear(line);
    err = tsn_siem_row(line, s->format, &s->site, &row);
    if (!err && !s->framed)
        err = tsn_buf_puts(line, s->format == TSN_SIEM_CSV ? "\r\n" : "\n");
    if (err)
        return tsn_diag_set(diag, err, "U103", "entry %lld cannot be written as %s",
                            (long long)e.seq, tsn_siem_name(s->format));
    err = tsn_target_put(s->target, line->data, line->len, diag);
    if (!err) {
        if (s->count == 0)
            s->first = e.seq;
        s->last = e.seq;
        s->count++;
    }
    return err;
}

/* CEF travels as the message of a syslog line. */
static bool needs_frame(const struct stream *s)
{
    return s->framed && s->format != TSN_SIEM_SYSLOG && s->format != TSN_SIEM_CEF;
}

static tsn_err put_page(struct stream *s, const json_t *page, struct tsn_diag *diag)
{
    const char *cursor = tsn_json_str(page, "next", NULL);
    struct tsn_buf line;
    size_t i;
    json_t *item;
    tsn_err err = 0;

    tsn_buf_init(&line, ROW_MAX);
    if (s->bytes == 0 && s->count == 0) {
        err = tsn_siem_head(&line, s->format);
        if (!err && line.len)
            err = tsn_target_put(s->target, line.data, line.len, diag);
    }
    json_array_foreach(json_object_get(page, "items"), i, item)
    {
        if (!err)
            err = put_row(s, &line, item, diag);
    }
    tsn_buf_free(&line);
    if (!err)
        err = tsn_target_settle(s->target, &s->bytes, diag);
    if (err)
        return err;
    if (!cursor || tsn_parse_int(cursor, 0, INT64_MAX, &s->next))
        s->next = tsn_json_int(page, "size", s->next); /* all of them were looked at */
    return save_cursor(s, diag);
}

static int get_page(struct stream *s, json_t **out, struct tsn_diag *diag)
{
    struct tsn_cli *cli = s->cli;
    struct tsn_answer a;
    const char *tlp =
        s->tlp ? tsn_arena_printf(cli->arena, "&tlp=%s", tsn_client_escape(cli, s->tlp)) : "";

    tsn_client_ask(cli, "GET",
                   tsn_client_path(cli, "audit/entries?raw=1&limit=%d&from=%lld&q=%s%s%s", PAGE,
                                   (long long)s->next, tsn_client_escape(cli, s->query), tlp,
                                   s->open ? "&open=1" : ""),
                   NULL, NULL, cli->timeout_ms, &a);
    *out = a.body;
    *diag = a.diag;
    if (a.exit != TSN_EXIT_OK)
        tsn_answer_free(&a);
    return a.exit;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void rest(int64_t ms)
{
    for (; ms > 0 && !stopping; ms -= 50)
        (void)poll(NULL, 0, 50);
}

static tsn_err connect_target(struct stream *s, struct tsn_diag *diag)
{
    const struct tsn_target_config config = {.to = s->to, .ca = s->ca, .keep = s->bytes};
    tsn_err err = tsn_target_open(&s->target, &config, diag);

    if (!err)
        s->framed = !tsn_target_is_file(s->target);
    return err;
}

/* One page; *more: there is another one already. */
static int step(struct stream *s, bool *more, struct tsn_diag *diag)
{
    json_t *page = NULL;
    int rc = 0;
    tsn_err err = s->target ? 0 : connect_target(s, diag);

    *more = false;
    if (!err)
        rc = get_page(s, &page, diag);
    if (!err && !rc) {
        *more = tsn_json_str(page, "next", NULL) != NULL;
        err = put_page(s, page, diag);
        json_decref(page);
    }
    if (err) {
        tsn_target_close(s->target);
        s->target = NULL;
        rc = tsn_out_exit_of(err);
    }
    return rc;
}

/* What time mends: a receiver or a daemon that is away. */
static bool may_mend(int rc, const struct tsn_diag *diag)
{
    return rc == TSN_EXIT_UNREACHABLE || rc == TSN_EXIT_GAVE_UP ||
           tsn_err_class(diag->err) == TSN_CLASS_RETRY;
}

static int run(struct stream *s)
{
    struct tsn_arena *whole = s->cli->arena;
    int64_t wait = 0;
    int rc = 0;

    while (!stopping) {
        struct tsn_diag diag;
        bool more;

        tsn_diag_init(&diag);
        s->cli->arena = tsn_arena_new(); /* what a page needs ends with it */
        rc = step(s, &more, &diag);
        if (rc && (!s->follow || !may_mend(rc, &diag)))
            rc = tsn_out_fail(s->cli, rc, &diag);
        else if (rc && !wait)
            tsn_out_say(s->cli, "%s; trying again", diag.what);
        tsn_arena_destroy(s->cli->arena);
        s->cli->arena = whole;
        if (rc && (!s->follow || !may_mend(rc, &diag)))
            return rc;
        wait = !rc ? 0 : wait ? (wait * 2 > BACKOFF_MS ? BACKOFF_MS : wait * 2) : LOOK_MS;
        rc = 0;
        if (!s->follow && !more)
            break;
        if (wait || !more)
            rest(wait ? wait : LOOK_MS);
    }
    return rc;
}

static int prepare(struct stream *s)
{
    struct tsn_cli *cli = s->cli;
    const char *format = given(cli, TSN_FLAG_FORMAT), *pen = given(cli, TSN_FLAG_PEN);
    struct tsn_diag diag;
    tsn_err err;

    tsn_diag_init(&diag);
    err = tsn_siem_find(format ? format : "jsonl", &s->format, &diag);
    s->site.pen = PEN_EXAMPLE;
    if (!err && pen && tsn_parse_int(pen, 1, 4294967295, &s->site.pen))
        err = tsn_diag_set(&diag, TSN_EINPUT, "U102", "--pen wants a number");
    s->framed = strstr(s->to, "://") != NULL;
    if (!err && needs_frame(s))
        err = tsn_diag_set(&diag, TSN_EINPUT, "U102",
                           "%s goes into files; to %.40s go syslog and cef",
                           tsn_siem_name(s->format), s->to);
    if (!err && s->tlp && strcmp(s->tlp, "clear") != 0 && strcmp(s->tlp, "green") != 0 &&
        strcmp(s->tlp, "amber") != 0 && strcmp(s->tlp, "amber+strict") != 0 &&
        strcmp(s->tlp, "red") != 0)
        err = tsn_diag_set(&diag, TSN_EINPUT, "U102",
                           "--tlp is clear, green, amber, amber+strict or red");
    if (err)
        return tsn_out_fail(cli, TSN_EXIT_USAGE, &diag);
    name_stream(s);
    err = load_cursor(s, &diag);
    if (!err)
        err = connect_target(s, &diag);
    if (!err) {
        s->bytes = s->bytes < 0 ? 0 : s->bytes;
        err = save_cursor(s, &diag); /* from now on what is in the file is ours */
    }
    return err ? tsn_out_fail(cli, tsn_out_exit_of(err), &diag) : 0;
}

int tsn_cmd_audit_stream(struct tsn_cli *cli)
{
    struct stream s = {.cli = cli,
                       .to = given(cli, TSN_FLAG_OUT) ? given(cli, TSN_FLAG_OUT) : "-",
                       .query = tsn_cli_query(cli),
                       .tlp = given(cli, TSN_FLAG_TLP),
                       .cursor_file = given(cli, TSN_FLAG_CURSOR),
                       .ca = given(cli, TSN_FLAG_CA),
                       .open = given(cli, TSN_FLAG_OPEN) != NULL,
                       .follow = given(cli, TSN_FLAG_FOLLOW) != NULL,
                       .first = -1,
                       .last = -1};
    const struct sigaction act = {.sa_handler = on_signal};
    int rc = prepare(&s);

    if (!rc)
        rc = begin(&s);
    if (rc) {
        tsn_target_close(s.target);
        return rc;
    }
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigaction(SIGINT, &act, NULL);
    rc = run(&s);
    tsn_target_close(s.target);
    if (!rc)
        rc = end(&s);
    if (!rc && cli->json && strcmp(s.to, "-") != 0) {
        json_t *out =
            json_pack("{s:s, s:s, s:I, s:I}", "to", s.to, "format", tsn_siem_name(s.format),
                      "rows", (json_int_t)s.count, "next", (json_int_t)s.next);
        tsn_out_json(cli, out);
        json_decref(out);
    } else if (!rc) {
        tsn_out_say(cli, "%lld rows to %s, up to #%lld", (long long)s.count, s.to,
                    (long long)s.next - 1);
    }
    return rc;
}
