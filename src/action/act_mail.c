/* act_mail.c - mail.send: by SMTP through the loop's transfers, or into a maildir by libuv's pool.
 *
 * Message-ID and the maildir's file name come from the idempotency key, so a repeat after a crash
 * is recognisable by mail programs and replaces itself in a maildir. Loop thread; the maildir job
 * runs on the pool and touches only its own struct.
 */
#include "action/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/mail_message.h"
#include "action/mail_reference.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/httpc.h"
#include "loop/loop.h"
#include "proc/pgp.h"
#include "store/record_mail.h"
#include "store/store.h"

#define MESSAGE_MAX   ((size_t)10 << 20)
#define TEMPLATE_MAX  ((size_t)64 << 10)
#define RECIPIENT_MAX 100

struct template
{
    struct template *next;
    const char *name, *text; /* text begins with "Subject: "; NAME.html is its twin in HTML */
};

struct mail_user {
    struct tsn_mail_config config;
    struct tsn_loop *loop;
    struct tsn_httpc *client;
    struct tsn_arena *arena;
    struct template *templates;
    char address[256];
};

struct delivery {
    uv_work_t work;
    struct mail_user *user;
    struct tsn_call *call; /* NULL once cancelled: the job ends alone */
    char *part;            /* while gpg works: what it signs */
    bool encrypting;
    struct tsn_xfer *xfer;
    char *message;
    size_t len;
    char dir[PATH_MAX - 128], name[64];
    tsn_err err;
};

static void delivery_free(struct delivery *d)
{
    free(d->message);
    free(d->part);
    free(d);
}

static void complete(struct delivery *d, enum tsn_outcome outcome, const struct tsn_diag *diag)
{
    struct tsn_call *call = d->call;
    json_t *result = json_pack("{s:s}", "message_id", call->idem);

    call->impl = NULL;
    delivery_free(d);
    call->done(call, outcome, outcome == TSN_OUTCOME_OK ? result : NULL, diag);
    json_decref(result);
}

/* --- maildir (pool thread) --------------------------------------------------------------- */

static tsn_err write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return tsn_err_from_errno(errno);
        p += w;
        n -= (size_t)w;
    }
    return fsync(fd) == 0 ? 0 : tsn_err_from_errno(errno);
}

static tsn_err make_folders(const char *dir)
{
    static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
    char path[PATH_MAX];

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return tsn_err_from_errno(errno);
    }
    return 0;
}

static void maildir_job(uv_work_t *work)
{
    struct delivery *d = work->data;
    char tmp[PATH_MAX], final[PATH_MAX];
    int fd, dirfd;

    d->err = make_folders(d->dir);
    if (d->err)
        return;
    snprintf(tmp, sizeof(tmp), "%s/tmp/%s", d->dir, d->name);
    snprintf(final, sizeof(final), "%s/new/%s", d->dir, d->name);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        d->err = tsn_err_from_errno(errno);
        return;
    }
    d->err = write_all(fd, d->message, d->len);
    close(fd);
    if (!d->err && rename(tmp, final) != 0)
        d->err = tsn_err_from_errno(errno);
    if (d->err)
        return;
    /* The new name must survive a power cut as well. */
    snprintf(tmp, sizeof(tmp), "%s/new", d->dir);
    dirfd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd >= 0) {
        fsync(dirfd);
        close(dirfd);
    }
}

static void maildir_done(uv_work_t *work, int status)
{
    struct delivery *d = work->data;
    struct tsn_diag diag;

    if (!d->call) {
        delivery_free(d);
        return;
    }
    tsn_diag_init(&diag);
    if (status != 0)
        d->err = TSN_ECANCELLED;
    if (d->err) {
        tsn_diag_set(&diag, d->err, "R042", "the maildir %.200s cannot take the mail: %s",
                     d->dir, tsn_err_text(d->err));
        complete(d, TSN_OUTCOME_RETRY, &diag);
        return;
    }
    tsn_fault("mail.delivered");
    complete(d, TSN_OUTCOME_OK, NULL);
}

/* --- SMTP ----------------------------------------------------------------------------------- */

static void smtp_done(const struct tsn_xfer_result *r, void *user)
{
    struct delivery *d = user;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    tsn_fault("mail.sent");
    if (r->err == 0 && r->status < 400) {
        complete(d, TSN_OUTCOME_OK, NULL);
        return;
    }
    tsn_diag_hint(&diag, "%s", r->diag.hint);
    if (r->err == TSN_EOUTCOME) {
        tsn_diag_set(&diag, r->err, "R043", "the mail was handed over, the answer was lost: %s",
                     r->diag.what);
        complete(d, TSN_OUTCOME_UNKNOWN, &diag);
    } else if ((r->status >= 400 && r->status < 500) ||
               (r->err && tsn_err_class(r->err) == TSN_CLASS_RETRY)) {
        tsn_diag_set(&diag, TSN_ENET, "R042", "the mail server cannot take it now (%d): %s",
                     r->status, r->diag.what);
        complete(d, TSN_OUTCOME_RETRY, &diag);
    } else {
        tsn_diag_set(&diag, TSN_EREMOTE, "R041", "the mail server refused it (%d): %s",
                     r->status, r->diag.what);
        complete(d, TSN_OUTCOME_FAIL, &diag);
    }
}

/* --- a call ------------------------------------------------------------------------------- */

static const struct template *find_template(const struct mail_user *u, const char *name)
{
    for (const struct template *t = u->templates; t; t = t->next) {
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

/* "ack-incident.de" for `language` "de-AT" where there is such a file, else "ack-incident". */
static const struct template *in_language(const struct mail_user *u, const char *name,
                                          const char *language)
{
    const struct template *t = NULL;
    char wanted[128];
    size_t n = strcspn(language, "-_");

    if (n > 0 && n < 9 &&
        snprintf(wanted, sizeof(wanted), "%s.%.*s", name, (int)n, language) <
            (int)sizeof(wanted))
        t = find_template(u, wanted);
    return t ? t : find_template(u, name);
}

/* Another template's text below: `note`. */
static tsn_err put_note(const struct mail_user *u, const json_t *args, const json_t *vars,
                        struct tsn_buf *text, struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "note", ""), *body;
    const struct template *t = in_language(u, name, tsn_json_str(args, "language", ""));

    if (!t)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "R044", "there is no mail template `%s`",
                            name);
    body = strncmp(t->text, "Subject: ", 9) == 0 ? strchr(t->text, '\n') : NULL;
    tsn_buf_puts(text, "\n");
    return tsn_mail_expand(text, body ? body + 1 : t->text, vars, name, diag);
}

/* Subject and text from `template` and `vars`, or from the arguments themselves. */
static tsn_err compose(const struct mail_user *u, const json_t *args, struct tsn_buf *subject,
                       struct tsn_buf *text, struct tsn_buf *html, struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "template", NULL), *line_end;
    const struct template *t;
    json_t *vars;
    char *first, twin[128];
    tsn_err err;

    if (!name) {
        if (!tsn_json_str(args, "subject", NULL) || !tsn_json_str(args, "text", NULL))
            return tsn_diag_set(diag, TSN_EINPUT, "R040",
                                "mail.send: give a template, or subject and text");
        tsn_buf_puts(subject, tsn_json_str(args, "subject", ""));
        tsn_buf_puts(html, tsn_json_str(args, "html", ""));
        return tsn_buf_puts(text, tsn_json_str(args, "text", ""));
    }
    t = in_language(u, name, tsn_json_str(args, "language", ""));
    if (!t)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "R044", "there is no mail template `%s`",
                            name);
    line_end = strchr(t->text, '\n');
    if (strncmp(t->text, "Subject: ", 9) != 0 || !line_end)
        return tsn_diag_set(diag, TSN_EINPUT, "R044",
                            "template %s must begin with a line `Subject: ...`", name);
    vars = json_object();
    json_object_update(vars, json_object_get(args, "vars"));
    if (!json_object_get(vars, "organisation"))
        json_object_set_new(vars, "organisation",
                            json_string(u->config.organisation ? u->config.organisation : ""));
    first = tsn_strdup(t->text + 9);
    first[line_end - t->text - 9] = '\0';
    err = tsn_mail_expand(subject, first, vars, name, diag);
    if (!err)
        err = tsn_mail_expand(text, line_end + 1, vars, name, diag);
    if (!err && tsn_json_str(args, "note", NULL))
        err = put_note(u, args, vars, text, diag);
    (void)snprintf(twin, sizeof twin, "%s.html", t->name);
    t = find_template(u, twin);
    if (!err && t)
        err = tsn_mail_expand_html(html, t->text, vars, twin, diag);
    free(first);
    json_decref(vars);
    return err;
}

static tsn_err recipients(const json_t *args, const char **to, struct tsn_diag *diag)
{
    const json_t *v = json_object_get(args, "to");
    size_t n = json_is_array(v) ? json_array_size(v) : 1;

    if (n == 0 || n > RECIPIENT_MAX)
        return tsn_diag_set(diag, TSN_EINPUT, "R040",
                            "mail.send: `to` must name 1 to %d people", RECIPIENT_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;

        if (!json_is_string(one))
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "mail.send: `to` must be addresses");
        to[i] = json_string_value(one);
    }
    to[n] = NULL;
    return 0;
}

static tsn_err deliver(struct mail_user *u, struct delivery *d, const char *const *to,
                       struct tsn_diag *diag)
{
    struct tsn_xfer_request req = {0};

    if (u->config.maildir) {
        tsn_copy(d->dir, sizeof(d->dir), u->config.maildir);
        tsn_copy(d->name, sizeof(d->name), d->call->idem);
        d->work.data = d;
        return uv_queue_work(tsn_loop_uv(u->loop), &d->work, maildir_job, maildir_done) == 0
                   ? 0
                   : TSN_EBUSY;
    }
    req.url = u->config.smtp_url;
    req.body = d->message;
    req.body_len = d->len;
    req.reach = u->config.reach;
    req.mail_from = u->address;
    req.rcpt = to;
    req.user = u->config.user;
    req.password = u->config.password ? tsn_secret_get(u->config.password, NULL) : NULL;
    if (u->config.password && !req.password)
        return tsn_secret_missing(u->config.password, diag);
    req.starttls = u->config.starttls;
    req.ca_file = u->config.ca_file;
    return tsn_xfer_start(u->client, &req, smtp_done, d, &d->xfer, diag);
}

/* --- PGP ------------------------------------------------------------------------------------ */

/* What the arguments say, once more: the call lives until it is answered. */
struct letter {
    struct tsn_mail_message m;
    struct tsn_buf subject, text, html;
    const char *to[RECIPIENT_MAX + 1];
    const char *encrypt;
    bool sign;
    char reference[400];
};

static void letter_free(struct letter *l)
{
    tsn_buf_free(&l->subject);
    tsn_buf_free(&l->text);
    tsn_buf_free(&l->html);
}

/* The case number of a subject such as "[PSIRT-2026-0001] ...": all that others may see. */
static const char *neutral(const char *subject, char *out, size_t cap)
{
    const char *open = strchr(subject, '['), *close = open ? strchr(open, ']') : NULL;

    if (open && close && close - open < 60)
        (void)snprintf(out, cap, "%.*s Message", (int)(close - open + 1), open);
    else
        (void)tsn_copy(out, cap, "Message");
    return out;
}

static tsn_err letter_read(const struct mail_user *u, const struct tsn_call *call,
                           struct letter *l, struct tsn_diag *diag)
{
    static const char *const known[] = {"to",          "subject",    "text",   "html",
                                        "template",    "vars",       "attach", "reply_to",
                                        "in_reply_to", "references", "case",   "encrypt",
                                        "sign",        "language",   "note"};
    tsn_err err;

    tsn_buf_init(&l->subject, 2000);
    tsn_buf_init(&l->text, MESSAGE_MAX);
    tsn_buf_init(&l->html, MESSAGE_MAX);
    err = tsn_json_known(call->args, known, sizeof(known) / sizeof(known[0]), diag);
    if (!err)
        err = recipients(call->args, l->to, diag);
    if (!err)
        err = compose(u, call->args, &l->subject, &l->text, &l->html, diag);
    if (err)
        return err;
    l->encrypt = tsn_json_str(call->args, "encrypt", NULL);
    l->sign =
        u->config.gnupghome && u->config.sign_with && tsn_json_bool(call->args, "sign", true);
    if (l->encrypt && !u->config.gnupghome)
        return tsn_diag_set(diag, TSN_EINPUT, "M010",
                            "mail.send: `encrypt`, but no PGP keys are configured");
    if (l->encrypt && (l->to[1] || !tsn_word_ok(l->encrypt, 64)))
        return tsn_diag_set(diag, TSN_EINPUT, "M010",
                            "mail.send: an encrypted mail goes to one recipient, with the "
                            "fingerprint of their key");
    l->m =
        (struct tsn_mail_message){.from = u->config.from,
                                  .to = l->to,
                                  .id = call->idem,
                                  .subject = l->subject.data,
                                  .text = l->text.data,
                                  .html = l->html.len ? l->html.data : NULL,
                                  .attach = json_object_get(call->args, "attach"),
                                  .date_ms = tsn_clock_wall_ms(),
                                  .reply_to = tsn_json_str(call->args, "reply_to", NULL),
                                  .in_reply_to = tsn_json_str(call->args, "in_reply_to", NULL),
                                  .references = json_object_get(call->args, "references")};
    if (u->config.reference_key && tsn_json_str(call->args, "case", NULL)) {
        tsn_mail_reference(l->reference, sizeof(l->reference), u->config.reference_key,
                           tsn_json_str(call->args, "case", ""), strchr(u->address, '@') + 1);
        l->m.our_reference = l->reference;
    }
    return 0;
}

/* With PGP done, or without any: builds the message and hands it over. */
static tsn_err hand_over(struct mail_user *u, struct delivery *d, struct letter *l,
                         const char *armor, struct tsn_diag *diag)
{
    char outer[80];
    struct tsn_buf message;
    tsn_err err;

    tsn_buf_init(&message, MESSAGE_MAX * 2);
    if (l->encrypt)
        l->m.subject = neutral(l->subject.data, outer, sizeof(outer));
    err = armor ? tsn_mail_wrap(&message, &l->m, d->encrypting ? NULL : d->part, armor, diag)
                : tsn_mail_build(&message, &l->m, diag);
    if (err == TSN_ETOOBIG)
        tsn_diag_set(diag, err, "R040", "mail.send: the message is larger than 10 MiB");
    if (!err) {
        d->message = tsn_buf_take(&message, &d->len);
        err = deliver(u, d, l->to, diag);
    }
    tsn_buf_free(&message);
    return err;
}

static void on_pgp(struct tsn_pgp_result *r, void *user)
{
    struct delivery *d = user;
    struct tsn_diag diag;
    struct letter l = {0};
    tsn_err err;

    if (!d->call) {
        delivery_free(d);
        return;
    }
    tsn_diag_init(&diag);
    if (!r->ok) {
        tsn_diag_set(&diag, TSN_EINPUT, "M010", "the mail cannot be %s: %s",
                     d->encrypting ? "encrypted" : "signed",
                     r->reason ? r->reason : "gpg refused the key");
        tsn_diag_hint(&diag, "`tocsin key list` shows the keys; nothing was sent");
        complete(d, TSN_OUTCOME_FAIL, &diag);
        return;
    }
    err = letter_read(d->user, d->call, &l, &diag);
    if (!err)
        err = hand_over(d->user, d, &l, r->plain.data, &diag);
    letter_free(&l);
    if (err)
        complete(d, TSN_OUTCOME_FAIL, &diag);
}

static tsn_err start_pgp(struct mail_user *u, struct delivery *d, struct letter *l,
                         struct tsn_diag *diag)
{
    const char *to[] = {l->encrypt, NULL};
    struct tsn_buf part;
    size_t n;
    tsn_err err;

    tsn_buf_init(&part, MESSAGE_MAX);
    l->m.inner_subject = l->encrypt ? l->subject.data : NULL;
    err = tsn_mail_part(&part, &l->m, diag);
    if (err) {
        tsn_buf_free(&part);
        return err;
    }
    d->part = tsn_buf_take(&part, &n);
    d->encrypting = l->encrypt != NULL;
    if (l->encrypt)
        tsn_pgp_encrypt(u->loop, u->config.gnupghome, to, l->sign ? u->config.sign_with : NULL,
                        d->part, n, on_pgp, d);
    else
        tsn_pgp_sign(u->loop, u->config.gnupghome, u->config.sign_with, d->part, n, on_pgp, d);
    return 0;
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    struct mail_user *u = call->action->user;
    struct letter l = {0};
    struct delivery *d = NULL;
    tsn_err err = letter_read(u, call, &l, diag);

    if (!err) {
        d = tsn_alloc(sizeof(*d));
        d->user = u;
        d->call = call;
        call->impl = d;
        err = l.encrypt || l.sign ? start_pgp(u, d, &l, diag) : hand_over(u, d, &l, NULL, diag);
    }
    if (err && d) {
        call->impl = NULL;
        delivery_free(d);
    }
    letter_free(&l);
    return err;
}

static void cancel(struct tsn_call *call)
{
    struct delivery *d = call->impl;

    if (!d)
        return;
    call->impl = NULL;
    if (d->xfer) {
        tsn_xfer_cancel(d->xfer);
        delivery_free(d);
        return;
    }
    /* A job on the pool cannot be stopped: it ends without anybody to tell. */
    d->call = NULL;
}

/* --- registration (before the loop runs) -------------------------------------------------- */

static tsn_err load_templates(struct mail_user *u, const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    tsn_err err = 0;

    if (!d)
        return tsn_err_from_errno(errno);
    while (!err && (e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);
        struct template *t;
        struct tsn_buf text;

        bool html = n > 5 && strcmp(e->d_name + n - 5, ".html") == 0;

        if (!html && (n < 5 || strcmp(e->d_name + n - 4, ".txt") != 0))
            continue;
        tsn_buf_init(&text, TEMPLATE_MAX);
        err = tsn_buf_read_file(&text, tsn_arena_printf(u->arena, "%s/%s", dir, e->d_name));
        if (!err) {
            t = tsn_arena_alloc(u->arena, sizeof(*t));
            t->name = tsn_arena_strndup(u->arena, e->d_name, html ? n : n - 4);
            t->text = tsn_arena_strndup(u->arena, text.data, text.len);
            t->next = u->templates;
            u->templates = t;
        }
        tsn_buf_free(&text);
    }
    closedir(d);
    return err;
}

static void user_free(void *p)
{
    struct mail_user *u = p;

    tsn_arena_destroy(u->arena);
    free(u);
}

/* So that a bounce, which quotes our Message-ID, finds its way back to the step that sent it. */
static tsn_err intended(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_call *call, int64_t seq, int64_t now_ms)
{
    json_t *body;
    char *text;
    tsn_err err;

    if (!call->case_id)
        return 0;
    body = json_pack("{s:O?}", "to", json_object_get(call->args, "to"));
    text = tsn_json_text(body);
    json_decref(body);
    const struct tsn_rec_message m = {.id = call->idem,
                                      .case_id = call->case_id,
                                      .way = "out",
                                      .channel = "mail",
                                      .state = "out",
                                      .run = call->run,
                                      .path = call->path,
                                      .body = tsn_arena_strdup(arena, text),
                                      .at = now_ms,
                                      .seq = seq};
    free(text);
    err = tsn_store_put(st, &tsn_table_message, &m);
    return err;
}

tsn_err tsn_action_mail_register(struct tsn_registry *r, struct tsn_loop *loop,
                                 struct tsn_httpc *c, const struct tsn_mail_config *config)
{
    struct mail_user *u = tsn_alloc(sizeof(*u));
    struct tsn_action action = {
        .name = "mail.send",
        .summary = "Send one mail from a template or from subject and text",
        .effect = TSN_EFFECT_EXTERNAL,
        .doubt = TSN_DOUBT_REPEAT_SAFE,
        .irreversible = true,
        .start = start,
        .cancel = cancel,
        .intended = intended,
        .user = u,
    };
    tsn_err err = 0;

    u->config = *config;
    u->loop = loop;
    u->client = c;
    u->arena = tsn_arena_new();
    tsn_registry_defer(r, user_free, u);
    if (config->template_dir)
        err = load_templates(u, config->template_dir);
    if (!err)
        err = tsn_mail_address(config->from, u->address, sizeof(u->address), NULL);
    return err ? err : tsn_registry_add(r, &action);
}
