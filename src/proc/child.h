/* child.h - the one way tocsin starts other programs.
 *
 * Two styles over one mechanism (uv_spawn): framed children of ours get a socketpair as
 * descriptor 3 and speak frames; exec plugins speak lines over stdin and stdout. Both: own
 * process group, empty environment but for what is given, stderr captured line by line into the
 * log, killed with their whole group when the core dies or kill is called. Children apply
 * their own limits and filter (core/confine.h); exec plugins are started through the shim
 * `tocsin-exec`, which applies them and then executes.
 * Loop thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/frame.h"

struct tsn_loop;
struct tsn_child;

#define TSN_CHILD_PASS_MAX 4

struct tsn_child_config {
    const char *name;        /* for the log: "worker 1", "plugin edge" */
    const char *const *argv; /* NULL-terminated; argv[0] is an absolute path */
    const char *const *env;  /* NULL-terminated "K=V"; NULL = none but PATH, LANG=C.UTF-8 */
    const char *cwd;         /* NULL = "/" */
    bool lines;              /* false: frames on descriptor 3; true: lines on stdin/stdout */
    /* lines: what it prints goes to the file `file` (borrowed for the call) and no line comes; it has
     * nothing to read. */
    bool to_file;
    int file;
    /* The program is `tocsin-exec --guard`: a kill asks it to end all that came from it, and is a SIGKILL of
     * its group only when it has not done so after 2 s. */
    bool guarded;
    size_t max_line; /* lines: 0 = 1 MiB; a longer one kills the child */
    /* Descriptors of ours that the child gets as well, as 3, 4 ... (lines) or 4, 5 ... (frames).
     * Borrowed for the call. At most TSN_CHILD_PASS_MAX. */
    const int *pass;
    size_t npass;
    void (*on_frame)(struct tsn_child *c, const struct tsn_frame *f, void *user);
    void (*on_line)(struct tsn_child *c, const char *line, size_t len, void *user);
    /* Exactly once, after the last frame or line; the child is freed afterwards. */
    void (*on_exit)(struct tsn_child *c, int64_t status, int signal, void *user);
    void *user;
};

tsn_err tsn_child_start(struct tsn_child **out, struct tsn_loop *loop,
                        const struct tsn_child_config *config, struct tsn_diag *diag);
/* Copies. TSN_ECLOSED when it is gone; TSN_EFULL past 64 MiB unsent. */
tsn_err tsn_child_send(struct tsn_child *c, uint8_t type, const void *payload, size_t len);
tsn_err tsn_child_send_line(struct tsn_child *c, const char *text, size_t len);
/* lines: bytes as they are; then the end of its input. What it reads next is its end. */
tsn_err tsn_child_send_input(struct tsn_child *c, const char *bytes, size_t len);
/* SIGKILL to the group. What it has said and was not yet delivered is dropped; on_exit follows. */
void tsn_child_kill(struct tsn_child *c);
/* No more is sent (what waits still goes out), more may be received; SIGKILL after 2 s. on_exit
 * follows. */
void tsn_child_finish(struct tsn_child *c);
int tsn_child_pid(const struct tsn_child *c);
size_t tsn_child_unsent(const struct tsn_child *c); /* bytes waiting */

/* Absolute path of a program that belongs to tocsin: beside our own executable, else in libexec.
 * out holds PATH_MAX. */
tsn_err tsn_child_find(char *out, size_t cap, const char *program, struct tsn_diag *diag);
