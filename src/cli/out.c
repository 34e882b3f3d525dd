/* out.c - see out.h. Owns nothing but the two standard streams. One thread. */
#include "cli/out.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

static bool paints(const struct tsn_cli *cli, int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    switch (cli->colour) {
    case TSN_COLOUR_ALWAYS:
        return true;
    case TSN_COLOUR_NEVER:
        return false;
    case TSN_COLOUR_AUTO:
        break;
    }
    return !(no && no[0]) && !(term && strcmp(term, "dumb") == 0) && isatty(fd);
}

void tsn_out_init(struct tsn_cli *cli)
{
    /* A closed pipe is success, seen at the write, never a signal. */
    (void)signal(SIGPIPE, SIG_IGN);
    cli->paint_out = paints(cli, STDOUT_FILENO);
    cli->paint_err = paints(cli, STDERR_FILENO);
}

int tsn_out_end(struct tsn_cli *cli, int exit_code)
{
    (void)cli;
    errno = 0;
    bool bad = fflush(stdout) != 0 || ferror(stdout);
    if (!bad)
        return exit_code;
    /* ferror without an errno of its own: an earlier write met the closed pipe, or a full disk. */
    struct pollfd pipe_end = {.fd = STDOUT_FILENO, .events = POLLOUT};
    int why = errno;
    if (why == 0)
        why = poll(&pipe_end, 1, 0) == 1 && (pipe_end.revents & POLLERR) ? EPIPE : EIO;
    if (why == EPIPE)
        return exit_code == TSN_EXIT_OK || exit_code == TSN_EXIT_FAILED ? TSN_EXIT_OK
                                                                        : exit_code;
    return tsn_out_failf(cli, TSN_EXIT_FAILED, tsn_err_from_errno(why), "U008", "",
                         "standard output: %s", strerror(why));
}

/* --- harmless text ----------------------------------------------------------------------- */

/* Bytes of a UTF-8 sequence at p, 0 = not one. */
static size_t sequence(const unsigned char *p, size_t left, uint32_t *code)
{
    size_t n = p[0] < 0x80                    ? 1
               : p[0] >= 0xC2 && p[0] <= 0xDF ? 2
               : (p[0] & 0xF0) == 0xE0        ? 3
               : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                              : 0;
    if (n == 0 || n > left)
        return 0;
    *code = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        *code = (*code << 6) | (p[i] & 0x3Fu);
    }
    return n;
}

static bool harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    /* Direction overrides and isolates, marks, and the zero-width ones that hide text. */
    return !((c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
             (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF);
}

/* Puts s without anything that could steer a terminal; newlines stay when `lines`. Returns the
 * number of characters. */
static size_t put_clean(struct tsn_buf *b, const char *s, bool lines)
{
    size_t left = strlen(s), columns = 0;
    for (const unsigned char *p = (const unsigned char *)s; left > 0;) {
        uint32_t code = 0;
        size_t n = sequence(p, left, &code);
        if (n && (harmless(code) || (lines && (code == '\n' || code == '\t'))))
            (void)tsn_buf_put(b, p, n);
        else
            (void)tsn_buf_putc(b, '?');
        columns++;
        p += n ? n : 1;
        left -= n ? n : 1;
    }
    return columns;
}

static const char *const escapes[] = {
    [TSN_PLAIN] = "",       [TSN_BOLD] = "\033[1m",   [TSN_DIM] = "\033[2m",
    [TSN_RED] = "\033[31m", [TSN_GREEN] = "\033[32m", [TSN_YELLOW] = "\033[33m",
};

static void put_painted(FILE *to, bool paint, enum tsn_style style, const char *s)
{
    if (paint && style != TSN_PLAIN && s[0])
        (void)fprintf(to, "%s%s\033[0m", escapes[style], s);
    else
        (void)fputs(s, to);
}

static bool painted(const struct tsn_cli *cli, const FILE *to)
{
    return to == stdout ? cli->paint_out : cli->paint_err;
}

void tsn_out_text(struct tsn_cli *cli, FILE *to, enum tsn_style style, const char *s)
{
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)16 << 20);
    (void)put_clean(&b, s ? s : "", true);
    put_painted(to, painted(cli, to), style, b.data ? b.data : "");
    tsn_buf_free(&b);
}

void tsn_out_say(struct tsn_cli *cli, const char *fmt, ...)
{
    if (cli->quiet || cli->json)
        return;
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)1 << 20);
    va_list ap;
    va_start(ap, fmt);
    (void)tsn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    tsn_out_text(cli, stderr, TSN_PLAIN, b.data ? b.data : "");
    (void)fputc('\n', stderr);
    tsn_buf_free(&b);
}

/* --- JSON -------------------------------------------------------------------------------- */

static void put_json(FILE *to, const json_t *v)
{
    char *text = tsn_json_text(v);
    (void)fputs(text, to);
    (void)fputc('\n', to);
    free(text);
}

static void result(struct tsn_cli *cli, const json_t *value, bool ok, int exit_code)
{
    if (!cli->json)
        return;
    json_t *out = json_object();
    if (json_is_object(value))
        json_object_update(out, (json_t *)(uintptr_t)value);
    json_object_set_new(out, "type", json_string("result"));
    json_object_set_new(out, "command", json_string(cli->command ? cli->command->words : ""));
    json_object_set_new(out, "ok", json_boolean(ok));
    if (!ok)
        json_object_set_new(out, "exit", json_integer(exit_code));
    put_json(stdout, out);
    json_decref(out);
}

void tsn_out_json(struct tsn_cli *cli, const json_t *value)
{
    result(cli, value, true, 0);
}

void tsn_out_json_not_ok(struct tsn_cli *cli, const json_t *value, int exit_code)
{
    result(cli, value, false, exit_code);
}

/* --- errors ------------------------------------------------------------------------------ */

int tsn_out_exit_of(tsn_err err)
{
    switch (err) {
    case 0:
        return TSN_EXIT_OK;
    case TSN_ENOTFOUND:
        return TSN_EXIT_NOT_FOUND;
    case TSN_ECONFLICT:
    case TSN_EDUP:
        return TSN_EXIT_CONFLICT;
    case TSN_EDENIED:
    case TSN_EUNAUTH:
        return TSN_EXIT_DENIED;
    case TSN_ENET:
    case TSN_EBUSY:
    case TSN_EFULL:
    case TSN_ECLOSED:
        return TSN_EXIT_UNREACHABLE;
    case TSN_ETIMEOUT:
        return TSN_EXIT_GAVE_UP;
    case TSN_ETAMPERED:
        return TSN_EXIT_TAMPERED;
    default:
        return TSN_EXIT_FAILED;
    }
}

int tsn_out_fail(struct tsn_cli *cli, int exit_code, const struct tsn_diag *diag)
{
    if (cli->json) {
        const char *title = tsn_code_title(diag->code);
        json_t *e = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "type", "error", "code",
                              diag->code[0] ? diag->code : "S000", "title",
                              title ? title : tsn_err_text(diag->err), "detail", diag->what,
                              "hint", diag->hint, "exit", exit_code);
        if (!e) /* a text that is not UTF-8 */
            e = json_pack("{s:s, s:s, s:i}", "type", "error", "code", diag->code, "exit",
                          exit_code);
        if (diag->file[0]) {
            json_object_set_new(e, "file", json_string(diag->file));
            if (diag->line > 0) {
                json_object_set_new(e, "line", json_integer(diag->line));
                json_object_set_new(e, "column", json_integer(diag->col));
            }
        }
        put_json(stderr, e);
        json_decref(e);
        return exit_code;
    }
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)64 << 10);
    tsn_diag_print(diag, &b);
    while (b.len > 0 && b.data[b.len - 1] == '\n')
        b.data[--b.len] = '\0';
    tsn_out_text(cli, stderr, TSN_PLAIN, b.data ? b.data : "");
    (void)fputc('\n', stderr);
    tsn_buf_free(&b);
    return exit_code;
}

int tsn_out_failf(struct tsn_cli *cli, int exit_code, tsn_err err, const char *code,
                  const char *hint, const char *fmt, ...)
{
    struct tsn_diag d;
    struct tsn_buf b;
    tsn_diag_init(&d);
    tsn_buf_init(&b, 4096);
    va_list ap;
    va_start(ap, fmt);
    (void)tsn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    (void)tsn_diag_set(&d, err, code, "%s", b.data ? b.data : "");
    tsn_buf_free(&b);
    if (hint && hint[0])
        tsn_diag_hint(&d, "%s", hint);
    return tsn_out_fail(cli, exit_code, &d);
}

/* --- columns ------------------------------------------------------------------------------ */

struct cell {
    struct cell *next;
    const char *text;
    size_t width;
    enum tsn_style style;
};

struct tsn_grid {
    struct tsn_cli *cli;
    size_t columns, cells;
    struct cell *first, **last;
    size_t *width;
};

struct tsn_grid *tsn_grid_new(struct tsn_cli *cli, size_t columns)
{
    struct tsn_grid *g = tsn_arena_alloc(cli->arena, sizeof(*g));
    g->cli = cli;
    g->columns = columns;
    g->last = &g->first;
    g->width = tsn_arena_alloc(cli->arena, columns * sizeof(*g->width));
    return g;
}

void tsn_grid_cell(struct tsn_grid *g, enum tsn_style style, const char *text)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 4096);
    struct cell *c = tsn_arena_alloc(g->cli->arena, sizeof(*c));
    c->width = put_clean(&b, text && text[0] ? text : "-", false);
    c->text = tsn_arena_strdup(g->cli->arena, b.data ? b.data : "");
    c->style = style;
    tsn_buf_free(&b);
    *g->last = c;
    g->last = &c->next;
    size_t column = g->cells++ % g->columns;
    if (c->width > g->width[column])
        g->width[column] = c->width;
}

void tsn_grid_print(struct tsn_grid *g, FILE *to, int indent)
{
    size_t i = 0;
    for (const struct cell *c = g->first; c; c = c->next, i++) {
        size_t column = i % g->columns;
        if (column == 0)
            (void)fprintf(to, "%*s", indent, "");
        put_painted(to, painted(g->cli, to), c->style, c->text);
        if (column == g->columns - 1)
            (void)fputc('\n', to);
        else
            (void)fprintf(to, "%*s", (int)(g->width[column] - c->width + 2), "");
    }
}

/* --- times and values ---------------------------------------------------------------------- */

const char *tsn_out_time(struct tsn_cli *cli, const char *rfc3339)
{
    int64_t ms;
    if (!rfc3339 || tsn_time_parse(rfc3339, &ms))
        return "-";
    time_t sec = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];
    if (cli->utc ? !gmtime_r(&sec, &tm) : !localtime_r(&sec, &tm))
        return "-";
    if (strftime(text, sizeof(text), cli->utc ? "%Y-%m-%d %H:%M:%SZ" : "%Y-%m-%d %H:%M:%S %z",
                 &tm) == 0)
        return "-";
    return tsn_arena_strdup(cli->arena, text);
}

const char *tsn_out_left(struct tsn_cli *cli, const char *rfc3339)
{
    int64_t ms;
    char text[32];
    if (!rfc3339 || tsn_time_parse(rfc3339, &ms))
        return "";
    int64_t left = ms - tsn_clock_wall_ms();
    tsn_duration_format(text, left < 0 ? -left : left);
    return tsn_arena_printf(cli->arena, "%s %s", text, left < 0 ? "late" : "left");
}

enum tsn_style tsn_out_style_of(const char *word)
{
    static const struct {
        const char *word;
        enum tsn_style style;
    } styles[] = {
        {"critical", TSN_RED},   {"high", TSN_RED},       {"failed", TSN_RED},
        {"stuck", TSN_RED},      {"diverged", TSN_RED},   {"in_doubt", TSN_YELLOW},
        {"unknown", TSN_YELLOW}, {"medium", TSN_YELLOW},  {"rejected", TSN_YELLOW},
        {"expired", TSN_YELLOW}, {"waiting", TSN_YELLOW}, {"finished", TSN_GREEN},
        {"approved", TSN_GREEN}, {"answered", TSN_GREEN}, {"closed", TSN_DIM},
        {"cancelled", TSN_DIM},
    };
    for (size_t i = 0; word && i < sizeof(styles) / sizeof(styles[0]); i++) {
        if (strcmp(styles[i].word, word) == 0)
            return styles[i].style;
    }
    return TSN_PLAIN;
}

const char *tsn_out_value(struct tsn_cli *cli, const json_t *v)
{
    if (!v || json_is_null(v))
        return "-";
    if (json_is_string(v))
        return json_string_value(v);
    char *text = tsn_json_text(v);
    const char *copy = tsn_arena_strdup(cli->arena, text);
    free(text);
    return copy;
}

/* --- asking ------------------------------------------------------------------------------ */

bool tsn_out_can_ask(const struct tsn_cli *cli)
{
    return !cli->no_input && !cli->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

const char *tsn_out_ask(struct tsn_cli *cli, const char *question)
{
    if (!tsn_out_can_ask(cli))
        return NULL;
    tsn_out_text(cli, stderr, TSN_BOLD, question);
    (void)fputs(" ", stderr);
    (void)fflush(stderr);
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        line[--n] = '\0';
    const char *out = n > 0 ? tsn_arena_strdup(cli->arena, line) : NULL;
    free(line);
    return out;
}
