/* mail_read.c - drives parser child and gpg through one mail. Owns both for its time. */
#include "mail/mail_read.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "loop/loop.h"
#include "proc/pgp.h"
#include "proc/child.h"

#define BYTES_MAX  (25u << 20) /* what the parser takes: TSN_MIME_BYTES_MAX */
#define HEAD_MAX   (64u << 10)
#define DEPTH_MAX  4  /* PGP inside PGP */
#define CRYPTO_MAX 10 /* blocks of one mail */
#define PARSE_MS   30000

struct item {
    json_t *entry; /* of some document's crypto list; owned reference */
    int depth;
};

struct tsn_mail_read {
    struct tsn_mail_read_config cfg;
    const char *p;
    size_t n;
    tsn_mail_read_done *done;
    void *user;
    struct tsn_child *parser; /* NULL: ended */
    struct tsn_timer *timer;  /* of the parser's answer; of a later end */
    json_t *doc;              /* the outermost document */
    struct item items[CRYPTO_MAX];
    size_t nitems, at;
    bool busy; /* gpg is at work: the object must outlive it */
    bool cancelled, ending;
    bool head_only;
    struct tsn_diag diag;
};

static void next(struct tsn_mail_read *m);

static void release(struct tsn_mail_read *m)
{
    for (size_t i = 0; i < m->nitems; i++)
        json_decref(m->items[i].entry);
    json_decref(m->doc);
    tsn_timer_destroy(m->timer);
    free(m);
}

static void problem(json_t *doc, const char *code, const char *text)
{
    json_t *list = json_object_get(doc, "problems");

    if (!list) {
        list = json_array();
        json_object_set_new(doc, "problems", list);
    }
    json_array_append_new(list, json_pack("{s:s, s:s}", "code", code, "text", text));
}

static void deliver(struct tsn_mail_read *m)
{
    json_t *mail = NULL;

    if (m->parser) {
        m->ending = true;
        tsn_child_kill(m->parser);
        return; /* on_exit comes back here */
    }
    if (!m->cancelled) {
        if (m->doc)
            mail = tsn_mail_form(m->doc, &m->cfg, m->p, m->n);
        m->done(mail, &m->diag, m->user);
    }
    release(m);
}

/* --- the parser --- */

static void put_items(struct tsn_mail_read *m, json_t *doc, int depth)
{
    json_t *list = json_object_get(doc, "crypto"), *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *kind = tsn_json_str(entry, "kind", "");

        if (strncmp(kind, "smime", 5) == 0)
            continue; /* only OpenPGP is opened */
        if (m->nitems == CRYPTO_MAX || depth > DEPTH_MAX) {
            problem(m->doc, "too-much-pgp",
                    "more PGP blocks than tocsin opens; the rest stays as it is");
            return;
        }
        m->items[m->nitems++] = (struct item){json_incref(entry), depth};
    }
}

static void send_parse(struct tsn_mail_read *m, char what, const void *p, size_t n)
{
    struct tsn_buf b;

    tsn_buf_init(&b, TSN_FRAME_MAX);
    tsn_buf_putc(&b, what);
    tsn_buf_putc(&b, m->cfg.bytes ? '+' : '-');
    tsn_buf_put(&b, p, n);
    tsn_timer_arm(m->timer, PARSE_MS);
    if (m->parser)
        (void)tsn_child_send(m->parser, TSN_FRAME_PARSE, b.data, b.len);
    tsn_buf_free(&b);
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_mail_read *m = user;
    json_t *doc = NULL;

    (void)c;
    tsn_timer_disarm(m->timer);
    if (m->cancelled || m->ending || f->type != TSN_FRAME_PARSED)
        return;
    if (tsn_json_parse(f->payload, f->len, &doc, NULL) != 0 || !json_is_object(doc)) {
        json_decref(doc);
        return; /* its end will be noticed */
    }
    if (!m->doc) {
        m->doc = doc;
        put_items(m, doc, 1);
    } else {
        json_object_set_new(m->items[m->at].entry, "inside", doc);
        put_items(m, doc, m->items[m->at].depth + 1);
        m->at++;
    }
    next(m);
}

static bool start_parser(struct tsn_mail_read *m);

static void send_first(struct tsn_mail_read *m)
{
    size_t n = m->n;

    if (m->head_only) {
        const char *end = NULL;

        for (size_t i = 0; i + 1 < n && i < HEAD_MAX && !end; i++) {
            if (m->p[i] == '\n' && (m->p[i + 1] == '\n' ||
                                    (m->p[i + 1] == '\r' && i + 2 < n && m->p[i + 2] == '\n')))
                end = m->p + i + 1;
        }
        n = end ? (size_t)(end - m->p) : n < HEAD_MAX ? n : HEAD_MAX;
    } else if (n > BYTES_MAX) {
        n = BYTES_MAX;
    }
    send_parse(m, 'm', m->p, n);
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct tsn_mail_read *m = user;

    (void)c;
    (void)status;
    (void)signal;
    m->parser = NULL;
    tsn_timer_disarm(m->timer);
    if (m->busy)
        return; /* gpg's answer finds no parser */
    if (m->cancelled || m->ending) {
        deliver(m);
        return;
    }
    if (!m->doc && !m->head_only) {
        m->head_only = true;
        if (start_parser(m)) {
            send_first(m);
            return;
        }
    }
    if (!m->doc)
        m->doc = json_object();
    problem(
        m->doc, "parser-ended",
        "the parser ended on this mail, by its limits or by a crash; what follows is what is "
        "known without it, the mail itself is kept");
    m->at = m->nitems; /* what is inside can no longer be read */
    deliver(m);
}

static void on_timer(void *user)
{
    struct tsn_mail_read *m = user;

    if (m->parser && !m->ending)
        tsn_child_kill(m->parser); /* on_exit goes on */
    else
        deliver(m);
}

static bool start_parser(struct tsn_mail_read *m)
{
    char path[PATH_MAX];
    const char *argv[] = {path, NULL};
    const struct tsn_child_config cfg = {
        .name = "parser", .argv = argv, .on_frame = on_frame, .on_exit = on_exit_, .user = m};

    return tsn_child_find(path, sizeof(path), "tocsin-parser", &m->diag) == 0 &&
           tsn_child_start(&m->parser, m->cfg.loop, &cfg, &m->diag) == 0;
}

/* --- gpg --- */

static void put_signature(json_t *entry, const struct tsn_pgp_result *r)
{
    json_object_set_new(entry, "signature", json_string(tsn_pgp_signature_text(r->signature)));
    if (r->fpr[0])
        json_object_set_new(entry, "signer_fpr", json_string(r->fpr));
    if (r->keyid[0])
        json_object_set_new(entry, "signer_keyid", json_string(r->keyid));
    if (r->signer)
        json_object_set_new(entry, "signer", json_string(r->signer));
    if (r->signatures > 1)
        json_object_set_new(entry, "signatures", json_integer((json_int_t)r->signatures));
}

/* After gpg: the mail may be cancelled, or its parser gone. */
static bool still_wanted(struct tsn_mail_read *m)
{
    m->busy = false;
    if (!m->cancelled && m->parser)
        return true;
    if (!m->cancelled)
        problem(m->doc, "parser-ended", "the parser ended before all parts were read");
    m->at = m->nitems;
    deliver(m);
    return false;
}

static void on_decrypted(struct tsn_pgp_result *r, void *user)
{
    struct tsn_mail_read *m = user;
    json_t *entry = m->items[m->at].entry;
    bool clear = strcmp(tsn_json_str(entry, "kind", ""), "signed") == 0;
    bool text = tsn_json_bool(entry, "inline", false);

    put_signature(entry, r);
    if (!clear) {
        json_object_set_new(entry, "decrypted", json_boolean(r->decrypted));
        if (!r->decrypted)
            json_object_set_new(entry, "reason",
                                json_string(r->reason ? r->reason : "damaged"));
    }
    if (!still_wanted(m))
        return;
    if (!clear && r->decrypted) {
        send_parse(m, text ? 't' : 'e', r->plain.data, r->plain.len);
        return; /* on_frame goes on */
    }
    m->at++;
    next(m);
}

static void on_verified(struct tsn_pgp_result *r, void *user)
{
    struct tsn_mail_read *m = user;

    put_signature(m->items[m->at].entry, r);
    if (!r->signatures)
        json_object_set_new(m->items[m->at].entry, "signature", json_string("error"));
    if (!still_wanted(m))
        return;
    m->at++;
    next(m);
}

/* Base64 of the parser's, to bytes. malloc'ed. */
static char *bytes(const json_t *entry, const char *name, size_t *n)
{
    const char *s = tsn_json_str(entry, name, "");
    size_t len = strlen(s);
    char *out = tsn_alloc(len / 4 * 3 + 4);

    if (tsn_unbase64(out, len / 4 * 3 + 4, n, s, len) != 0)
        *n = 0;
    return out;
}

static void next(struct tsn_mail_read *m)
{
    json_t *entry;
    char *data, *sig;
    size_t n, nsig;

    if (m->at == m->nitems) {
        deliver(m);
        return;
    }
    entry = m->items[m->at].entry;
    if (!m->cfg.gnupghome) {
        json_object_set_new(entry, "reason", json_string("no-keys"));
        json_object_set_new(entry, "signature", json_string("none"));
        m->at++;
        next(m);
        return;
    }
    data = bytes(entry, "data", &n);
    sig = bytes(entry, "signature", &nsig);
    m->busy = true;
    if (nsig > 0)
        tsn_pgp_verify(m->cfg.loop, m->cfg.gnupghome, data, n, sig, nsig, on_verified, m);
    else
        tsn_pgp_decrypt(m->cfg.loop, m->cfg.gnupghome, data, n, on_decrypted, m);
    json_object_del(entry, "data");
    json_object_del(entry, "signature");
    free(data);
    free(sig);
}

struct tsn_mail_read *tsn_mail_read_start(const struct tsn_mail_read_config *config,
                                          const void *p, size_t n, tsn_mail_read_done *done,
                                          void *user)
{
    struct tsn_mail_read *m = tsn_alloc(sizeof(*m));

    m->cfg = *config;
    m->p = p;
    m->n = n;
    m->done = done;
    m->user = user;
    tsn_diag_init(&m->diag);
    m->timer = tsn_timer_new(config->loop, on_timer, m);
    if (start_parser(m)) {
        send_first(m);
    } else {
        m->ending = true;
        tsn_timer_arm(m->timer, 0);
    }
    return m;
}

void tsn_mail_read_cancel(struct tsn_mail_read *m)
{
    m->cancelled = true;
    if (m->busy)
        return; /* gpg's end releases it */
    deliver(m);
}
