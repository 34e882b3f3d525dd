/* intake_int.h - what the files of intake share; nobody else includes it. */
#pragma once

#include <pthread.h>
#include "intake/intake.h"

/* Which playbook a rule starts, as the loop last saw it. Copied, so that the store's thread never
 * touches the engine. */
struct tsn_rule_target {
    bool found;
    char hash[65], title[160]; /* "customer-incident@1" */
    char name[96];
    char key[2048]; /* JSON: how the key of an event is made; "" = it has none */
    char policy[16];
    int64_t epoch;
};

struct tsn_intake {
    struct tsn_intake_config config;
    pthread_mutex_t lock;            /* of targets and known; held for a copy only */
    struct tsn_rule_target *targets; /* one a rule */
    bool known;                      /* targets were taken from an engine that was ready */
    size_t in_flight;                /* loop thread */
    bool closed;                     /* loop thread */
};

/* The report that an event brings along; store thread. */
struct tsn_report_part {
    const char *receipt, *source;
    const json_t *normal; /* as it came: what the digest is over */
    const json_t *kept;   /* with the reasons to rank it low */
    int64_t noise;
};

/* "sha256 hex of scope LF source LF key" */
const char *tsn_event_dedupe(struct tsn_arena *arena, const char *scope, const char *source,
                             const char *key);
/* Loop thread. */
void tsn_intake_target(const struct tsn_intake *in, const struct tsn_playbook *p,
                       struct tsn_rule_target *out);
/* Key of an event by the playbook's recipe; NULL: it has none, or a field is missing. */
const char *tsn_event_key(struct tsn_arena *arena, const struct tsn_rule_target *target,
                          const json_t *body);
/* Everything one event writes; the event is known to be new. *answer: canonical JSON. */
tsn_err tsn_event_write(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_intake *in, const struct tsn_event_new *ev,
                        const char *dedupe, const struct tsn_report_part *report,
                        int64_t now_ms, struct tsn_event_out *out, const char **answer,
                        struct tsn_diag *diag);
/* False while the engine has not said which playbooks there are. Any thread. */
bool tsn_intake_known(const struct tsn_intake *in);
