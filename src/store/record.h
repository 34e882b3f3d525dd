/* record.h - what the store keeps: one plain struct a table, described once as data.
 *
 * The describing tables (record.c) drive put, get and list of every backend, so a backend knows
 * columns and never meanings. Strings live in the arena given to get or list; NULL text means
 * SQL NULL. Columns marked sealed are encrypted at the store's edge under the key of the
 * record's case ("" = the key of the system) with table, key and column as associated data;
 * they cannot be filtered on. Times are UTC milliseconds, 0 = not set.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum tsn_coltype {
    TSN_COL_TEXT,
    TSN_COL_INT,
    TSN_COL_BLOB,
    TSN_COL_SEALED /* text, encrypted */
};

struct tsn_blob {
    const void *data;
    size_t len;
};

struct tsn_col {
    const char *name;
    enum tsn_coltype type;
    size_t offset;
};

struct tsn_table {
    const char *name;
    size_t size;                /* of the struct */
    const struct tsn_col *cols; /* cols[0] is the primary key, text */
    size_t ncols;
    int case_col; /* column that names the case whose key seals; -1 = system key */
};

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

struct tsn_rec_report {
    const char *id, *name /* TR-... */, *case_id, *kind, *source /* api cli mail */;
    const char *body; /* sealed; JSON as received, normalised */
    int64_t received_at;
};

struct tsn_rec_event {
    const char *id;
    const char *dedupe; /* unique: source and key, hashed */
    const char *source, *kind, *case_id, *digest /* of the body */,
        *answer /* JSON given back */;
    int64_t received_at, seq;
};

struct tsn_rec_run {
    const char *id, *name /* r-7k3m */, *case_id;
    const char *playbook; /* bundle hash, 64 hex */
    const char *title;    /* name@version */
    const char *state;    /* ready running waiting parked in_doubt stuck diverged cancelling
                             paused queued finished failed cancelled */
    const char *reason;   /* why it stopped: code and words a person may see; may be NULL */
    const char *key;      /* of the playbook's key=; may be NULL */
    const char *held;     /* paused: the state and reason it has otherwise, "state LF reason" */
    const char *hold;     /* paused: by whom and why */
    const char *origin;   /* retried or moved: id of the run it goes on from (seed, start) */
    const char *parent, *parent_path; /* started by that step of that run; may be NULL */
    const char *bond;                 /* what the parent's end means to it: cancel leave */
    const char *input, *result;       /* sealed JSON */
    int64_t level, epoch, owner, attempts, deliver_no, wake_at, started_at, ended_at;
};

struct tsn_rec_task {
    const char *id, *name /* ap-7k3m as-2x9d */, *run, *path, *case_id;
    const char *kind;       /* ask approve resolve */
    const char *state;      /* open answered approved rejected expired void */
    const char *role;       /* who may decide */
    const char *digest;     /* of what was shown, "sha256:..." */
    const char *decided_by; /* person, or "timeout" */
    const char *spec, *votes,
        *answer; /* sealed JSON: what is asked; votes so far; the result */
    int64_t quorum, opened_at, due_at, closed_at, nudge_at /* next reminder or escalation */;
};

struct tsn_rec_playbook {
    const char *hash, *name;
    const char *meta;   /* JSON: what the worker's describe returned */
    const char *bundle; /* JSON: { files: { path: source } } */
    int64_t version, deployed_at;
};

struct tsn_rec_token {
    const char *id, *hash /* SHA-256 hex of the token */, *person, *scopes, *purpose;
    int64_t created_at, expires_at, revoked_at;
};

struct tsn_rec_feed {
    const char *name, *etag, *modified, *cursor, *error;
    int64_t polled_at, ok_at, documents;
};

struct tsn_rec_document {
    const char *id, *key /* unique: feed LF path */, *feed, *path, *tracking_id, *version,
        *title;
    const char *sha256, *state /* current quarantined */, *reason,
        *listed /* time in the list */;
    const char *facts;    /* JSON: what matching and difference need */
    struct tsn_blob body; /* the bytes as received */
    int64_t fetched_at;
};

struct tsn_rec_match {
    const char *id, *key /* unique: tracking id LF product */, *document, *product, *owner;
    const char *certainty /* certain likely guess */, *evidence /* JSON */, *case_id, *run;
    const char *state /* open closed */, *reason /* why it was closed */;
    const char *priority; /* JSON: band and what it was computed from */
    int64_t created_at, closed_at;
};

/* A document of a feed speaks of a vulnerability. */
struct tsn_rec_naming {
    const char *id, *key /* unique: vuln LF document */, *vuln, *document;
};

/* What a feed says of a vulnerability whatever the product: kev, ssvc. */
struct tsn_rec_mark {
    const char *id, *key /* unique: kind LF vuln */, *kind, *vuln, *value /* JSON */, *feed;
    int64_t since;
};

struct tsn_rec_advisory {
    const char *id, *name /* ACME-SA-2026-001 */, *case_id, *digest;
    const char *state; /* of the track `document`: draft in_review ... final */
    const char *csaf, *markdown, *model /* JSON */,
        *life /* JSON; docs/advisories.md */; /* sealed */
    int64_t version, updated_at;
    int64_t publish_at; /* scheduled: when; else 0 */
};

/* A version that was published: never changed, but for state and signature. */
struct tsn_rec_release {
    const char *id; /* ADVISORY:000001 */
    const char *advisory, *name, *version /* of the document */, *tlp, *digest;
    const char *state;        /* committed: on its way out; out */
    const char *csaf, *model; /* sealed under the system's key */
    const char *signature;    /* detached OpenPGP, armored; NULL = none yet */
    int64_t released_at;
};
extern const struct tsn_table tsn_table_release;

struct tsn_rec_casekey {
    const char *case_id;
    struct tsn_blob wrapped; /* key sealed under the master key */
};

struct tsn_rec_chain {
    const char *chain;
    struct tsn_blob leaf;
    int64_t seq, rseq; /* of its last entry */
};

/* An event that some wait{} may take. */
struct tsn_rec_signal {
    const char *id, *case_id, *event, *taken_by /* run id, "" while untaken; never NULL */;
    const char *body; /* sealed; JSON */
    int64_t received_at;
};

/* Where one of a case's automata stands; casework/track.h. */
struct tsn_rec_track {
    const char *id; /* <case>:<track>:<subject> */
    const char *case_id, *track, *subject, *state;
    const char *label, *data; /* sealed: the subject's name; JSON object */
    int64_t next_at;          /* when a timer looks at it; 0 = never */
    int64_t updated_at, seq;
};

/* A signed checkpoint of the log; id = size in 20 digits. */
struct tsn_rec_checkpoint {
    const char *id, *note;
    int64_t size, kept; /* 1: an entry names it, so it stays when a newer one comes */
};

/* A key that signed this log: for sizes from from_size on, below until_size (0 = in use). */
struct tsn_rec_sealkey {
    const char *key /* verifier key, NAME+8HEX+BASE64 */, *origin;
    int64_t epoch, from_size, until_size;
};

/* One version of a policy document; casework/policy.h. */
struct tsn_rec_policy {
    const char *id, *name, *kind;
    const char *state; /* proposed approved rejected retired */
    const char *owner, *title, *digest, *body, *proposed_by, *decided_by;
    int64_t version, proposed_at, decided_at;
};

/* When a schedule comes next; `spec` tells whether it was changed. */
struct tsn_rec_schedule {
    const char *name, *spec;
    int64_t next_at, last_at;
};

/* One mail as it came in, and what became of it. */
struct tsn_rec_mail {
    const char *id;
    const char *sha256; /* of the raw bytes, hex; unique: the same bytes are one mail */
    const char *twin;   /* unique: message id and body, hashed; the same mail by another way */
    const char *source; /* "maildir" "imap" "pipe" */
    const char *state;  /* new report joined held bounce automatic duplicate */
    const char *reason; /* why it is held, or was not answered; may be NULL */
    const char *case_id, *sender /* address, hashed */;
    const char *found; /* sealed JSON: the object of docs/mail.md without its parts' content */
    const char *raw;   /* sealed; base64 of the bytes */
    int64_t size, received_at, answered_at;
};

/* Evidence; casework/ops_evidence.c. */
struct tsn_rec_attachment {
    const char *id, *case_id, *digest /* sha256:... */, *type, *added_by;
    const char *name, *body; /* sealed; base64, NULL = erased */
    int64_t size, added_at;
};

/* Small values: node id, schema, counters. */
struct tsn_rec_meta {
    const char *name, *value;
};

extern const struct tsn_table tsn_table_case, tsn_table_report, tsn_table_event, tsn_table_run,
    tsn_table_task, tsn_table_playbook, tsn_table_token, tsn_table_feed, tsn_table_document,
    tsn_table_match, tsn_table_naming, tsn_table_mark, tsn_table_advisory, tsn_table_casekey,
    tsn_table_chain, tsn_table_meta, tsn_table_signal, tsn_table_track, tsn_table_checkpoint,
    tsn_table_sealkey;
extern const struct tsn_table tsn_table_policy, tsn_table_schedule;
extern const struct tsn_table tsn_table_mail;
extern const struct tsn_table tsn_table_attachment;
