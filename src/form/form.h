/* form.h - the public face: a report without account and without script, its receipt, its status.
 *
 * A listener of its own, apart from the API: whoever comes here has no rights but the receipt they
 * bring. Pages are plain HTML with a strict policy; the one script encrypts in the browser and nothing
 * needs it. A submission becomes the neutral report of intake.h (docs/mail.md), whichever way it came:
 * fields, JSON, or JSON sealed to the form's key (core/jwe.h). The receipt page is the answer to the
 * commit. The published tree, security.txt and the keys' directory are served beside it. Loop thread.
 */
#pragma once

#include "casework/casework.h"
#include "intake/intake.h"

struct tsn_loop;
struct tsn_writer;
struct tsn_reader;
struct tsn_form;

struct tsn_form_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    const struct tsn_casework_config *casework;
    const char *listen;      /* "127.0.0.1:8430"; NULL = no form */
    const char *text_dir;    /* en.json, de.json ...: one file a language */
    const char *key_file;    /* core/jwe.h; made when absent */
    const char *publish_dir; /* its public folder is served too; NULL = none */
    const char *organisation, *mail;
    const char *policy_url, *coordinator, *coordinator_url; /* NULL = not named */
    const char *const *proxies;   /* addresses whose X-Forwarded-For is believed; may be NULL */
    int64_t answer_ms, update_ms; /* promises; 0 = 2 and 14 days */
    int64_t reports_per_hour;     /* of everybody; 0 = 200 */
    int64_t per_network;          /* reports and messages an hour of one network; 0 = 10 */
};
/* S050 S051: no key, no texts. Borrows the config's strings. */
tsn_err tsn_form_open(struct tsn_form **out, const struct tsn_form_config *config,
                      struct tsn_diag *diag);
int tsn_form_port(const struct tsn_form *f);
void tsn_form_close(struct tsn_form *f);
