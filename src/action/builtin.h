/* builtin.h - the actions every tocsin has: http.request, mail.send, and exec plugins.
 * Loop thread. */
#pragma once

#include "action/action.h"

struct tsn_loop;
struct tsn_httpc;

/* http.request{ url, query, method, headers, body | json, timeout, accept } -> { status, body | json |
 * base64 }. `accept`: statuses from 400 up that are answers too, or "any". `query`: names and values that are
 * added to the address, percent-encoded.
 * External, repeat_safe for GET/HEAD/PUT/DELETE and whenever the idempotency key is sent;
 * the key goes out as Idempotency-Key. In query, headers, json and body an object with one name that begins with
 * one $ is an expression (plugin_express.h); a name that begins with $ is written with two. */
struct tsn_http_secret {
    const char *handle;
    const char *const
        *to; /* NULL-terminated origins (tsn_url_origin): nowhere else it is sent */
};
/* All is borrowed for the life of the registry. */
struct tsn_http_config {
    const char *const *reach; /* see httpc.h */
    const struct tsn_http_secret *secrets;
    size_t nsecrets;
};
/* The method that a request with these arguments has, and whether it only reads (GET, HEAD). */
const char *tsn_action_http_method(const json_t *args);
bool tsn_action_http_reads(const json_t *args);
tsn_err tsn_action_http_register(struct tsn_registry *r, struct tsn_httpc *c,
                                 const struct tsn_http_config *config);

/* mail.send{ to, subject, text | template+vars, attach, reply_to, in_reply_to, references, case,
 * encrypt, sign } -> { message_id }. RFC 5322 and 3834 headers, Message-ID from the idempotency key so that
 * a repeat is recognisable (repeat_safe). `encrypt` is the fingerprint of the one recipient's key:
 * the subject everybody sees is then a neutral one with the case's number, the real one is inside.
 * `case` is a case's name: our reference goes along, so that an answer finds it. With `sign_with`
 * every mail is signed unless sign = false. */
struct tsn_mail_config {
    const char *organisation;    /* {{organisation}} in templates */
    const char *from;            /* "Acme PSIRT <psirt@acme.example>" */
    const char *maildir;         /* embedded default: delivered into this maildir ... */
    const char *smtp_url;        /* ... or through smtp://host:port; then maildir is NULL */
    const char *user, *password; /* password: a handle (core/secret.h) */
    int starttls;                /* 1: not without TLS */
    const char *ca_file;         /* who vouches for the server; NULL = the system's */
    const char *const *reach;
    const uint8_t *reference_key; /* TSN_KEY_LEN bytes (mail_reference.h), or NULL */
    const char *gnupghome;        /* absolute; NULL: no PGP */
    const char *sign_with;    /* fingerprint or address of our key in it; NULL: not signed */
    const char *template_dir; /* NAME.txt files: first line "Subject: ...", {{field}} */
};
tsn_err tsn_action_mail_register(struct tsn_registry *r, struct tsn_loop *loop,
                                 struct tsn_httpc *c, const struct tsn_mail_config *config);

/* exec.NAME{ fields } -> { exit, text }: a program of the configuration, never through a shell. words[0] is its
 * absolute path; a word {field} becomes one argument, {field...} one for each item of a list. */
struct tsn_exec_config {
    const char *name, *summary;
    const char *const *words; /* NULL-terminated */
    bool reads, sends, repeat_safe;
    int64_t timeout_ms, memory, cpu_s;
    size_t output;     /* bytes of standard output */
    int64_t processes; /* at once; 0 = any number */
    const char *input; /* field whose text it reads on its standard input; NULL = nothing */
};
/* The action as declared, without start, cancel and user; its name is written to `name`. */
struct tsn_action tsn_action_exec(const struct tsn_exec_config *config, char name[100]);
tsn_err tsn_action_exec_register(struct tsn_registry *r, struct tsn_loop *loop,
                                 const struct tsn_exec_config *config, struct tsn_diag *diag);

/* Exec plugins: DIR/manifest.yaml names program and actions; one process each, JSON lines
 * (describe start cancel probe result log), restarted when it dies with backoff; a crash makes
 * open external calls unknown. Protocol: docs/plugin-protocol.md. */
struct tsn_plugins;
struct tsn_plugin_config {
    const char *name;     /* "edge": the connector's name in use "edge" */
    const char *dir;      /* folder with manifest.yaml */
    const char *settings; /* JSON object given at start; secrets as handles (core/secret.h) */
    const char *sha256;   /* plugin_pin.h: other files are not started; NULL = none are */
    bool internal;        /* the system behind it is of our own house: struct tsn_action */
};
/* Which files run now: at each start with others than before, and when a start was refused. */
struct tsn_plugin_loaded {
    const char *name, *version, *digest;
    const char *refused; /* why; NULL = loaded */
};
tsn_err tsn_plugins_open(struct tsn_plugins **out, struct tsn_loop *loop,
                         struct tsn_registry *r, struct tsn_diag *diag);
/* Reads the manifest, registers its actions, starts the program. */
tsn_err tsn_plugin_add(struct tsn_plugins *p, const struct tsn_plugin_config *config,
                       struct tsn_diag *diag);
/* Told of each that was loaded or refused so far, and of every later one. Strings are borrowed. */
void tsn_plugins_watch(struct tsn_plugins *p,
                       void (*fn)(void *user, const struct tsn_plugin_loaded *what),
                       void *user);
void tsn_plugins_close(struct tsn_plugins *p);
