/* record_case.h - what the store keeps of cases: reports, events, signals, tracks, policies, evidence.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_case {
    const char *id;    /* ULID */
    const char *name;  /* PSIRT-2026-0142, unique */
    const char *kind;  /* incident weakness upstream */
    const char *state; /* open closed */
    const char *severity, *tlp, *product, *resolution;
    const char *phase;   /* NEW TRIAGE ...: computed, casework/phase.h */
    const char *embargo; /* state of that track: what access looks at */
    const char *access;  /* members: closed to the rest of the house; else NULL or house */
    const char *title;   /* sealed */
    const char *facts;   /* sealed; JSON object: everything case:set gave, report, links */
    int64_t opened_at, closed_at, updated_seq;
};
extern const struct tsn_table tsn_table_case;

struct tsn_rec_report {
    const char *id, *name /* TR-... */, *case_id, *kind, *source /* api cli mail */;
    const char *body;           /* sealed; JSON as received, normalised */
    int64_t received_at, noise; /* noise: its score, intake/noise.h */
};
extern const struct tsn_table tsn_table_report;

struct tsn_rec_event {
    const char *id;
    const char *dedupe; /* unique: source and key, hashed */
    const char *source, *kind, *case_id, *digest /* of the body */,
        *answer /* JSON given back */;
    int64_t received_at, seq;
};
extern const struct tsn_table tsn_table_event;

/* An event that some wait{} may take. */
struct tsn_rec_signal {
    const char *id, *case_id, *event, *taken_by /* run id, "" while untaken; never NULL */;
    const char *body; /* sealed; JSON */
    int64_t received_at;
};
extern const struct tsn_table tsn_table_signal;

/* Where one of a case's automata stands; casework/track.h. */
struct tsn_rec_track {
    const char *id; /* <case>:<track>:<subject> */
    const char *case_id, *track, *subject, *state;
    const char *label, *data; /* sealed: the subject's name; JSON object */
    int64_t next_at;          /* when a timer looks at it; 0 = never */
    int64_t updated_at, seq;
};
extern const struct tsn_table tsn_table_track;

/* One version of a policy document; casework/policy.h. */
struct tsn_rec_policy {
    const char *id, *name, *kind;
    const char *state; /* proposed approved rejected retired */
    const char *owner, *title, *digest, *body, *proposed_by, *decided_by;
    int64_t version, proposed_at, decided_at;
};
extern const struct tsn_table tsn_table_policy;

/* One customer; casework/customers.h. The handle is a digest of the name, for the name is sealed. */
struct tsn_rec_customer {
    const char *id, *handle, *origin; /* config desk */
    const char *body;                 /* sealed JSON: what customers.h says */
    const char *changed_by;
    int64_t added_at, changed_at;
};
extern const struct tsn_table tsn_table_customer;

/* Evidence; casework/ops_evidence.c. */
struct tsn_rec_attachment {
    const char *id, *case_id, *digest /* sha256:... */, *type, *added_by;
    const char *name, *body; /* sealed; base64, NULL = erased */
    int64_t size, added_at;
};
extern const struct tsn_table tsn_table_attachment;
