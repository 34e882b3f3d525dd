/* policy.h - policy documents: clock packs, handling plans, jurisdictions, bounty programmes,
 * retention.
 *
 * A document is YAML with a name, a kind, a version, an owner and a source; what follows depends on
 * its kind (docs/casework.md). The approved version of each document lives in the database; a new
 * one is proposed, and a second person approves it. What is in force is one immutable set, replaced
 * as a whole: readers on any thread take the pointer once and use it to the end; old sets live until
 * close. Parsing is pure.
 */
#pragma once

#include <jansson.h>
#include "core/calendar.h"
#include "core/yaml.h"
#include "store/record_case.h"
#include "store/store.h"

enum tsn_policy_kind {
    TSN_POLICY_CLOCKS,
    TSN_POLICY_HANDLING,
    TSN_POLICY_JURISDICTION,
    TSN_POLICY_PROGRAMME,
    TSN_POLICY_RETENTION,
    TSN_POLICY_KINDS
};
extern const char *const tsn_policy_kind_names[TSN_POLICY_KINDS];

/* Conditions on a case: every key must have one of its values; see tsn_when_fits. */
struct tsn_when {
    const json_t *map; /* { key: [words] }; NULL = always */
};

/* One clock of a pack. */
struct tsn_clock_def {
    const char *id, *title, *source, *owner, *pack;
    struct tsn_when applies_if;
    bool latest;                 /* of the start facts; else the earliest */
    const char *const *start;    /* instants, NULL-terminated */
    bool at;                     /* due is the start instant itself: an agreed date */
    struct tsn_period due, most; /* most.n 0 = none: never later than this after the start */
    const struct tsn_calendar *calendar;
    struct tsn_end_rule end;
    bool has_end, repeat;    /* repeat: a later start begins again */
    const char *const *stop; /* instants, any of them */
    struct {
        bool percent;
        int64_t n; /* percent of the way, or ms before due */
    } warn[8];
    size_t nwarn;
    const char *const *escalate; /* roles, one a warning, all of them at the end */
};

struct tsn_policy {
    const char *name, *title, *owner, *source, *file;
    enum tsn_policy_kind kind;
    int64_t version;
    char digest[72]; /* "sha256:..." of the text */
    const char *text;
    const struct tsn_yaml *root;
    const struct tsn_clock_def *clocks;
    const struct tsn_plan *plans;          /* policy_plan.h */
    const json_t *parties;                 /* of handling: { name: [address, "@domain"] } */
    const struct tsn_juris_rule *rules;    /* policy_plan.h */
    const struct tsn_programme *programme; /* bounty.h; NULL = another kind */
    const struct tsn_keep_rule *keeps;     /* retention.h */
    size_t nclocks, nplans, nrules, nkeeps;
};

/* Parses and checks one document; everything lives in `arena`. C and W codes with places. */
tsn_err tsn_policy_parse(struct tsn_arena *arena, const char *file, const char *text,
                         size_t len, struct tsn_policy **out, struct tsn_diag *diag);

struct tsn_policy_set {
    struct tsn_arena *arena;
    struct tsn_policy_set *older;
    const struct tsn_policy *const *docs; /* by name */
    size_t n;
};

struct tsn_policies;
struct tsn_policies *tsn_policies_new(void);
void tsn_policies_destroy(struct tsn_policies *p); /* NULL allowed */
/* What is in force; never NULL; any thread; lives until destroy. `p` NULL: an empty set. */
const struct tsn_policy_set *tsn_policies_now(const struct tsn_policies *p);
/* The calendar of this name that a clock of the set uses; NULL. */
const struct tsn_calendar *tsn_policies_calendar(const struct tsn_policy_set *set,
                                                 const char *name);
const struct tsn_clock_def *tsn_policies_clock(const struct tsn_policy_set *set,
                                               const char *id);

/* Values of a case that conditions look at: { kind, severity, product, tlp, phase, embargo, market:
 * [...], and every fact }. A key of `when` that is missing in the values does not fit; the word
 * `none` fits a missing one, `any` one that is there, `!word` all that `word` does not. Lists fit with
 * any of their words. */
bool tsn_when_fits(const struct tsn_when *when, const json_t *values);
/* Reads { key: word or [words] }. */
tsn_err tsn_when_read(struct tsn_arena *arena, const struct tsn_yaml *map, struct tsn_when *out,
                      struct tsn_diag *diag);
tsn_err tsn_policy_read_clocks(struct tsn_arena *arena, const struct tsn_yaml *root,
                               struct tsn_policy *p, struct tsn_diag *diag);

/* --- store thread ----------------------------------------------------------------------------------- */

/* The files that come with the configuration: a name the database does not know is adopted (entry
 * policy.adopted); other text under a known name is proposed and waits. Then loads what is in
 * force. */
struct tsn_policy_file {
    const char *file, *text;
};
tsn_err tsn_policies_start(struct tsn_policies *p, struct tsn_store *st,
                           struct tsn_arena *arena, const struct tsn_policy_file *files,
                           size_t n, int64_t now_ms, struct tsn_diag *diag);
/* A new version; entry policy.proposed. W021 for the text that is in force, W022 for a version
 * that is not above it. */
tsn_err tsn_policy_propose(struct tsn_store *st, struct tsn_arena *arena, const char *file,
                           const char *text, const char *actor, const char *auth,
                           int64_t now_ms, struct tsn_rec_policy *out, struct tsn_diag *diag);
/* Approve or reject a proposal: never its proposer (W023). Entry policy.approved with from and to;
 * an approved one is in force at once. */
tsn_err tsn_policy_decide(struct tsn_policies *p, struct tsn_store *st, struct tsn_arena *arena,
                          const char *ref, bool approve, const char *reason, const char *actor,
                          const char *auth, int64_t now_ms, struct tsn_rec_policy *out,
                          struct tsn_diag *diag);
/* "cra@2" or the id; W024. */
tsn_err tsn_policy_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                        struct tsn_rec_policy *out, struct tsn_diag *diag);
tsn_err tsn_policies_load(struct tsn_policies *p, struct tsn_store *st, struct tsn_diag *diag);
json_t *tsn_policy_json(const struct tsn_rec_policy *r, bool full);
