/* client.h - the command line's side of the HTTP API: libcurl over the Unix socket or --server.
 *
 * A token comes from the file TOCSIN_TOKEN_FILE names, never from a flag. Errors are printed here,
 * so a command only passes the exit code on. Blocks. One thread.
 */
#pragma once

#include "cli/cli.h"

struct tsn_answer {
    int status;   /* 0: nobody answered */
    json_t *body; /* new reference or NULL */
    bool replayed;
    struct tsn_diag diag; /* what went wrong: nothing reached, or the problem that came */
    int exit;             /* the exit code that fits */
};

/* One request. Never prints; free the answer. `key`: Idempotency-Key or NULL. timeout_ms 0: 30 s. */
void tsn_client_ask(struct tsn_cli *cli, const char *method, const char *path,
                    const json_t *body, const char *key, int64_t timeout_ms,
                    struct tsn_answer *out);
void tsn_answer_free(struct tsn_answer *a);
struct tsn_client_header {
    const char *name, *value;
};
/* A POST of these very bytes and headers as a stranger: no token, no person. */
void tsn_client_send(struct tsn_cli *cli, const char *path,
                     const struct tsn_client_header *headers, size_t n, const char *body,
                     struct tsn_answer *out);
/* The same, printing what went wrong; *out is a new reference. Returns the exit code. */
int tsn_client_call(struct tsn_cli *cli, const char *method, const char *path,
                    const json_t *body, const char *key, json_t **out);
/* The same for a command that changes something: takes `body` (NULL = none). With --json the answer is
 * printed and *out NULL; else the command says it in words and gives *out back. */
int tsn_client_do(struct tsn_cli *cli, const char *method, const char *path, json_t *body,
                  json_t **out);
/* --reason as a member of the body, when it was given. */
void tsn_client_reason(const struct tsn_cli *cli, json_t *body);
/* Members of a JSON file (--from) and of --set K=V, where V may be JSON; 0 or the exit code. */
int tsn_client_members(struct tsn_cli *cli, json_t *into);
int tsn_client_get(struct tsn_cli *cli, const char *path, json_t **out);
/* Percent-encodes one path segment or query value; in the arena. */
const char *tsn_client_escape(struct tsn_cli *cli, const char *s);
/* "/api/v1/" and the formatted rest; in the arena. Escape parts first. */
const char *tsn_client_path(struct tsn_cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
