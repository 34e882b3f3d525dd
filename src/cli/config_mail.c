/* config_mail.c - the `mail:` section: how mail goes out, which inboxes are read, PGP.
 * Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>

static bool on_this_host(const char *url)
{
    static const char *const hosts[] = {"127.", "[::1]", "localhost"};
    const char *host = strstr(url, "://") + 3;
    for (size_t i = 0; i < TSN_CONF_COUNT(hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(host, hosts[i], n) == 0 && (i == 0 || !host[n] || strchr(":/", host[n])))
            return true;
    }
    return false;
}

static tsn_err take_smtp(struct tsn_conf *c, const struct tsn_yaml *mail)
{
    static const char *const known[] = {"url",           "user",     "password",
                                        "password_file", "starttls", "ca_file"};
    const struct tsn_yaml *map = tsn_yaml_find(mail, "smtp");
    bool starttls;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C014",
                             "`smtp` must be a group of settings");
    tsn_err err = tsn_yaml_known(map, "smtp", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_url(c, map, "url", true, TSN_URL_SMTP, &c->out->mail.smtp_url);
    if (!err)
        err = tsn_conf_text(c, map, "user", false, 200, &c->out->mail.user);
    if (!err)
        err =
            tsn_conf_secret(c, map, "password", "password_file", false, &c->out->mail.password);
    if (!err)
        err = tsn_conf_path(c, map, "ca_file", false, &c->out->mail.ca_file);
    /* A password never goes out in clear, but for a server on this host. */
    bool clear = !err && c->out->mail.user && !on_this_host(c->out->mail.smtp_url) &&
                 strncmp(c->out->mail.smtp_url, "smtp:", 5) == 0;
    starttls = clear;
    if (!err)
        err = tsn_yaml_bool(map, "starttls", false, &starttls, c->diag);
    c->out->mail.starttls = starttls;
    if (err)
        return err;
    if (clear && !starttls) {
        tsn_diag_hint(c->diag, "leave it away, or use smtps://");
        return tsn_yaml_fail(tsn_yaml_find(map, "starttls"), c->diag, TSN_EINPUT, "C030",
                             "the password would go out in clear");
    }
    const struct tsn_yaml *given = tsn_yaml_find(map, "password");
    if (!given)
        given = tsn_yaml_find(map, "password_file");
    if (given && !c->out->mail.user)
        return tsn_yaml_fail(given, c->diag, TSN_EINPUT, "C013",
                             "`user` is missing: a password needs one");
    if (c->out->mail.user && !given)
        return tsn_yaml_fail(tsn_yaml_find(map, "user"), c->diag, TSN_EINPUT, "C013",
                             "`password` is missing: a user needs one");
    return 0;
}

/* Our key signs what goes out and opens what comes in. */
static tsn_err take_pgp(struct tsn_conf *c, const struct tsn_yaml *mail)
{
    static const char *const known[] = {"home", "key"};
    const struct tsn_yaml *map = tsn_yaml_find(mail, "pgp");
    struct tsn_mail_config *m = &c->out->mail;
    tsn_err err;
    if (!map)
        return 0;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, c->diag, TSN_EINPUT, "C014",
                             "`pgp` must be a group of settings");
    err = tsn_yaml_known(map, "pgp", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_path(c, map, "home", false, &m->gnupghome);
    if (!err)
        err = tsn_conf_text(c, map, "key", false, 64, &m->sign_with);
    if (!err && m->sign_with &&
        (strlen(m->sign_with) < 40 ||
         m->sign_with[strspn(m->sign_with, "0123456789ABCDEFabcdef")] != '\0')) {
        err = tsn_yaml_fail(tsn_yaml_find(map, "key"), c->diag, TSN_EINPUT, "C014",
                            "`key` is not a whole fingerprint");
        tsn_diag_hint(c->diag,
                      "40 or 64 hex digits without spaces: gpg --fingerprint shows it");
    }
    return err;
}

/* One folder on an IMAP server. */
static tsn_err take_imap(struct tsn_conf *c, const struct tsn_yaml *i, struct tsn_mail_inbox *b)
{
    int64_t port = 993;
    tsn_err err = tsn_conf_text(c, i, "imap", true, 250, &b->host);
    b->folder = "INBOX";
    if (!err)
        err = tsn_yaml_int(i, "port", false, 1, 65535, &port, c->diag);
    b->port = (int)port;
    if (!err)
        err = tsn_conf_text(c, i, "folder", false, 200, &b->folder);
    if (!err)
        err = tsn_conf_text(c, i, "user", true, 200, &b->user);
    if (!err)
        err = tsn_conf_secret(c, i, "password", "password_file", true, &b->password);
    if (!err)
        err = tsn_conf_path(c, i, "ca_file", false, &b->ca_file);
    if (!err)
        err = tsn_conf_reach(c, i, "reach", &b->reach);
    return err;
}

static tsn_err take_inboxes(struct tsn_conf *c, const struct tsn_yaml *mail)
{
    static const char *const known[] = {"maildir", "every", "imap",     "port",
                                        "folder",  "user",  "password", "password_file",
                                        "ca_file", "reach"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, mail, "inbox", false, &list, &n);
    struct tsn_mail_inbox *boxes = tsn_arena_alloc(c->arena, (n + 1) * sizeof *boxes);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_mail_inbox *b = &boxes[at++];
        err = tsn_conf_item(c, i, "inbox");
        if (!err)
            err = tsn_yaml_known(i, "inbox", known, TSN_CONF_COUNT(known), c->diag);
        if (!err && tsn_yaml_find(i, "imap") && tsn_yaml_find(i, "maildir"))
            err = tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C040",
                                "an inbox is either a maildir or a folder on an IMAP server");
        if (!err && tsn_yaml_find(i, "imap"))
            err = take_imap(c, i, b);
        else if (!err)
            err = tsn_conf_path(c, i, "maildir", true, &b->maildir);
        if (!err)
            err = tsn_conf_duration(c, i, "every", false, 100, INT64_C(86400) * 1000,
                                    &b->every_ms);
    }
    c->out->mail_intake.inboxes = boxes;
    c->out->mail_intake.ninboxes = at;
    return err;
}

tsn_err tsn_conf_mail_section(struct tsn_conf *c)
{
    static const char *const known[] = {
        "from", "maildir", "smtp", "templates", "reach", "pgp", "answers_per_hour", "inbox"};
    static const char *const none[] = {NULL};
    struct tsn_mail_config *m = &c->out->mail;
    const struct tsn_yaml *map;
    m->reach = none;
    m->organisation = c->out->organisation;
    m->from = tsn_arena_printf(c->arena, "PSIRT <psirt@%s>", c->out->domain);
    tsn_err err = tsn_conf_map(c, "mail", &map);
    if (err || !map)
        goto out;
    err = tsn_yaml_known(map, "mail", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_mail(c, map, "from", false, true, &m->from);
    const struct tsn_yaml *smtp = tsn_yaml_find(map, "smtp");
    const struct tsn_yaml *maildir = tsn_yaml_find(map, "maildir");
    if (!err && smtp && maildir) {
        bool later = maildir->line > smtp->line ||
                     (maildir->line == smtp->line && maildir->col > smtp->col);
        err = tsn_yaml_fail(later ? maildir : smtp, c->diag, TSN_EINPUT, "C040",
                            "mail goes either into a maildir or through smtp");
        tsn_diag_hint(c->diag, "remove one of the two");
    }
    if (!err && smtp)
        err = take_smtp(c, map);
    if (!err)
        err = tsn_conf_path(c, map, "maildir", false, &m->maildir);
    if (!err)
        err = tsn_conf_path(c, map, "templates", false, &m->template_dir);
    if (!err)
        err = tsn_conf_reach(c, map, "reach", &m->reach);
    if (!err)
        err = take_pgp(c, map);
    if (!err)
        err = take_inboxes(c, map);
    if (!err)
        err = tsn_yaml_int(map, "answers_per_hour", false, 1, 100000,
                           &c->out->mail_intake.answers_per_hour, c->diag);
out:
    if (!m->smtp_url && !m->maildir)
        m->maildir = tsn_arena_printf(c->arena, "%s/mail", c->out->data_dir);
    if (!m->gnupghome)
        m->gnupghome = tsn_arena_printf(c->arena, "%s/gnupg", c->out->data_dir);
    c->out->mail_intake.gnupghome = m->gnupghome;
    c->out->mail_intake.our_fpr = m->sign_with;
    c->out->template_dir = m->template_dir;
    return err;
}
