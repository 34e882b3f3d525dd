/* imap_talk.c - see imap_talk.h. Answers are matched by our tag; a message's bytes are read by their
 * stated length, so that text in a mail never poses as an answer of the server. */
#include "mail/imap_talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "core/mem.h"
#include "core/text.h"
#include "loop/wire.h"

#define LINE_MAX_ (1u << 20) /* a SEARCH answer may be long */

struct tsn_imap_talk {
    struct tsn_wire *wire;
    unsigned tag;
    uint32_t validity;
};

static tsn_err refused(struct tsn_diag *diag, const char *what, const char *line)
{
    return tsn_diag_set(diag, TSN_EREMOTE, "M030", "the mail server refused %s: %.160s", what,
                        line);
}

/* "A12 OK ..." of our tag? Sets *ok. */
static bool tagged(const struct tsn_imap_talk *t, const char *line, bool *ok)
{
    char tag[16];
    size_t n = (size_t)snprintf(tag, sizeof(tag), "A%u ", t->tag);

    if (strncmp(line, tag, n) != 0)
        return false;
    *ok = strncasecmp(line + n, "OK", 2) == 0;
    return true;
}

static tsn_err say(struct tsn_imap_talk *t, const char *command, struct tsn_diag *diag)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "A%u %s\r\n", ++t->tag, command);

    if (n < 0 || (size_t)n >= sizeof(line))
        return tsn_diag_set(diag, TSN_ETOOBIG, "M030", "a command that is too long");
    return tsn_wire_write(t->wire, line, (size_t)n, diag);
}

typedef void take_fn(struct tsn_imap_talk *t, const char *line, void *user);

/* Every line until the tagged one; `take` sees the untagged. */
static tsn_err finish(struct tsn_imap_talk *t, const char *what, take_fn *take, void *user,
                      struct tsn_diag *diag)
{
    const char *line;
    bool ok = false;

    for (int i = 0; i < 100000; i++) {
        tsn_err err = tsn_wire_line(t->wire, LINE_MAX_, &line, diag);

        if (err)
            return err;
        if (tagged(t, line, &ok))
            return ok ? 0 : refused(diag, what, line);
        if (take)
            take(t, line, user);
    }
    return tsn_diag_set(diag, TSN_EREMOTE, "M030", "the mail server never ends its answer");
}

/* SASL PLAIN (RFC 4616): any character may stand in a password. */
static tsn_err login(struct tsn_imap_talk *t, const struct tsn_imap_config *c,
                     struct tsn_diag *diag)
{
    struct tsn_buf plain;
    const char *line;
    char *text;
    bool ok;
    size_t n;
    tsn_err err = say(t, "AUTHENTICATE PLAIN", diag);

    if (!err)
        err = tsn_wire_line(t->wire, LINE_MAX_, &line, diag);
    if (!err && line[0] != '+')
        return tagged(t, line, &ok) ? refused(diag, "to log in", line)
                                    : refused(diag, "AUTHENTICATE PLAIN", line);
    if (err)
        return err;
    tsn_buf_init(&plain, 4096);
    tsn_buf_putc(&plain, '\0');
    tsn_buf_put(&plain, c->user, strlen(c->user) + 1);
    tsn_buf_puts(&plain, c->password);
    text = tsn_alloc(4 * ((plain.len + 2) / 3) + 3);
    n = tsn_base64(text, plain.data, plain.len);
    text[n] = '\r';
    text[n + 1] = '\n';
    err = tsn_wire_write(t->wire, text, n + 2, diag);
    tsn_wipe(text, n);
    tsn_wipe(plain.data, plain.len);
    free(text);
    tsn_buf_free(&plain);
    return err ? err : finish(t, "the user or password", NULL, NULL, diag);
}

static void take_validity(struct tsn_imap_talk *t, const char *line, void *user)
{
    const char *at = strstr(line, "[UIDVALIDITY ");

    (void)user;
    if (at)
        t->validity = (uint32_t)strtoul(at + 13, NULL, 10);
}

/* Names of folders go out quoted; RFC 3501 5.1. */
static tsn_err select_folder(struct tsn_imap_talk *t, const char *folder, struct tsn_diag *diag)
{
    char command[600];
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, 500);
    for (const char *c = folder; *c; c++) {
        if (*c == '"' || *c == '\\')
            tsn_buf_putc(&b, '\\');
        if ((unsigned char)*c >= 0x20)
            tsn_buf_putc(&b, *c);
    }
    (void)snprintf(command, sizeof(command), "SELECT \"%s\"", b.len ? b.data : "INBOX");
    tsn_buf_free(&b);
    err = say(t, command, diag);
    return err ? err : finish(t, "to open the folder", take_validity, NULL, diag);
}

tsn_err tsn_imap_open(struct tsn_imap_talk **out, const struct tsn_imap_config *config,
                      uint32_t *validity, struct tsn_diag *diag)
{
    const struct tsn_wire_config wc = {.host = config->host,
                                       .port = config->port,
                                       .ca_file = config->ca_file,
                                       .reach = config->reach};
    struct tsn_imap_talk *t = tsn_alloc(sizeof(*t));
    const char *line;
    tsn_err err = tsn_wire_open(&t->wire, &wc, diag);

    *out = NULL;
    if (!err)
        err = tsn_wire_line(t->wire, LINE_MAX_, &line, diag);
    if (!err && strncasecmp(line, "* OK", 4) != 0)
        err = refused(diag, "to talk", line);
    if (!err)
        err = login(t, config, diag);
    if (!err)
        err = select_folder(t, config->folder, diag);
    if (err) {
        tsn_wire_close(t->wire);
        free(t);
        return err;
    }
    *validity = t->validity;
    *out = t;
    return 0;
}

void tsn_imap_close(struct tsn_imap_talk *t)
{
    struct tsn_diag diag;

    if (!t)
        return;
    tsn_diag_init(&diag);
    if (say(t, "LOGOUT", &diag) == 0)
        (void)finish(t, "", NULL, NULL, &diag);
    tsn_wire_close(t->wire);
    free(t);
}

/* --- search -------------------------------------------------------------------------------- */

struct found {
    uint32_t after, *uids;
    size_t n, max;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void take_uids(struct tsn_imap_talk *t, const char *line, void *user)
{
    struct found *f = user;
    char *at;

    (void)t;
    if (strncasecmp(line, "* SEARCH", 8) != 0)
        return;
    for (const char *p = line + 8; *p; p = at) {
        uint32_t uid = (uint32_t)strtoul(p, &at, 10);

        if (at == p)
            break;
        /* "n:*" always names the last message, also one below n. */
        if (uid > f->after && f->n < f->max)
            f->uids[f->n++] = uid;
    }
}

tsn_err tsn_imap_search(struct tsn_imap_talk *t, uint32_t after, uint32_t *uids, size_t max,
                        size_t *n, struct tsn_diag *diag)
{
    struct found f = {.after = after, .uids = uids, .max = max};
    char command[64];
    tsn_err err;

    (void)snprintf(command, sizeof(command), "UID SEARCH UID %" PRIu32 ":*", after + 1);
    err = say(t, command, diag);
    if (!err)
        err = finish(t, "to search", take_uids, &f, diag);
    qsort(uids, f.n, sizeof(*uids), by_number);
    *n = f.n;
    return err;
}

/* --- fetch --------------------------------------------------------------------------------- */

static void take_size(struct tsn_imap_talk *t, const char *line, void *user)
{
    const char *at = strstr(line, "RFC822.SIZE ");

    (void)t;
    if (at && strncmp(line, "* ", 2) == 0)
        *(uint64_t *)user = strtoull(at + 12, NULL, 10);
}

/* The length of a literal that ends this line: "... BODY[] {123}", "... BODY[]<0> {123}". */
static bool literal(const char *line, size_t *n)
{
    const char *open = strrchr(line, '{');
    char *end;

    if (!open || strncmp(line, "* ", 2) != 0 || !strstr(line, "BODY[]"))
        return false;
    *n = (size_t)strtoull(open + 1, &end, 10);
    return *end == '}' && end[1] == '\0';
}

tsn_err tsn_imap_fetch(struct tsn_imap_talk *t, uint32_t uid, size_t keep, struct tsn_buf *out,
                       uint64_t *whole, struct tsn_diag *diag)
{
    char command[100];
    uint64_t size = 0;
    const char *line;
    bool ok = false, got = false;
    size_t n;
    tsn_err err;

    tsn_buf_clear(out);
    (void)snprintf(command, sizeof(command), "UID FETCH %" PRIu32 " (RFC822.SIZE)", uid);
    err = say(t, command, diag);
    if (!err)
        err = finish(t, "the size of a message", take_size, &size, diag);
    if (err)
        return err;
    if (size == 0)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "M030", "message %" PRIu32 " is gone", uid);
    *whole = size;
    if (size > out->max) /* too large to be taken whole: its head (RFC 3501 6.4.5) */
        (void)snprintf(command, sizeof(command), "UID FETCH %" PRIu32 " (BODY.PEEK[]<0.%zu>)",
                       uid, keep);
    else
        (void)snprintf(command, sizeof(command), "UID FETCH %" PRIu32 " (BODY.PEEK[])", uid);
    err = say(t, command, diag);
    while (!err) {
        err = tsn_wire_line(t->wire, LINE_MAX_, &line, diag);
        if (err)
            break;
        if (tagged(t, line, &ok))
            return !ok    ? refused(diag, "a message", line)
                   : !got ? tsn_diag_set(diag, TSN_ENOTFOUND, "M030",
                                         "message %" PRIu32 " is gone", uid)
                          : 0;
        if (!literal(line, &n))
            continue;
        if (n > out->max)
            return tsn_diag_set(diag, TSN_ETOOBIG, "M030", "message %" PRIu32 " is too large",
                                uid);
        tsn_buf_clear(out);
        err = tsn_wire_read(t->wire, n, out, diag);
        got = true;
    }
    return err;
}

tsn_err tsn_imap_seen(struct tsn_imap_talk *t, uint32_t uid, struct tsn_diag *diag)
{
    char command[80];
    tsn_err err;

    (void)snprintf(command, sizeof(command), "UID STORE %" PRIu32 " +FLAGS.SILENT (\\Seen)",
                   uid);
    err = say(t, command, diag);
    return err ? err : finish(t, "to mark a message as seen", NULL, NULL, diag);
}
