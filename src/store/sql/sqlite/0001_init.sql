-- One append-order table is journal and audit log; `prev` is the position of the chain's previous
-- entry, so a chain is walked without an index. Everything else about a run is one small row.
CREATE TABLE entry (
  seq    INTEGER PRIMARY KEY,
  prev   INTEGER NOT NULL,
  text   TEXT NOT NULL,
  leaf   BLOB NOT NULL,
  sealed BLOB
) STRICT;

CREATE TABLE head (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  frontier BLOB NOT NULL,
  root     BLOB NOT NULL
) STRICT;

-- A seat belt, not a proof: verification is what finds a change.
CREATE TRIGGER entry_no_update BEFORE UPDATE OF seq, prev, text, leaf ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry
WHEN NEW.seq <> (SELECT coalesce(max(seq), -1) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
-- A payload can be erased and never exchanged.
CREATE TRIGGER entry_erase_only BEFORE UPDATE OF sealed ON entry
WHEN NEW.sealed IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE "case" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL UNIQUE,
  "kind" TEXT,
  "state" TEXT,
  "severity" TEXT,
  "tlp" TEXT,
  "product" TEXT,
  "resolution" TEXT,
  "phase" TEXT,
  "embargo" TEXT,
  "access" TEXT,
  "title" BLOB,
  "facts" BLOB,
  "opened_at" INTEGER NOT NULL DEFAULT 0,
  "closed_at" INTEGER NOT NULL DEFAULT 0,
  "updated_seq" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "report" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL UNIQUE,
  "case_id" TEXT,
  "kind" TEXT,
  "source" TEXT,
  "body" BLOB,
  "received_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX report_case_id ON "report" ("case_id");

CREATE TABLE "event" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "dedupe" TEXT NOT NULL UNIQUE,
  "source" TEXT,
  "kind" TEXT,
  "case_id" TEXT,
  "digest" TEXT,
  "answer" TEXT,
  "received_at" INTEGER NOT NULL DEFAULT 0,
  "seq" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX event_case_id ON "event" ("case_id");

CREATE TABLE "run" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL UNIQUE,
  "case_id" TEXT,
  "playbook" TEXT,
  "title" TEXT,
  "state" TEXT,
  "reason" TEXT,
  "key" TEXT,
  "held" TEXT,
  "hold" TEXT,
  "origin" TEXT,
  "parent" TEXT,
  "parent_path" TEXT,
  "bond" TEXT,
  "input" BLOB,
  "result" BLOB,
  "level" INTEGER NOT NULL DEFAULT 0,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "owner" INTEGER NOT NULL DEFAULT 0,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "deliver_no" INTEGER NOT NULL DEFAULT 0,
  "wake_at" INTEGER NOT NULL DEFAULT 0,
  "started_at" INTEGER NOT NULL DEFAULT 0,
  "ended_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX run_state ON "run" ("state");

CREATE INDEX run_key ON "run" ("key") WHERE "key" IS NOT NULL;

CREATE INDEX run_parent ON "run" ("parent") WHERE "parent" IS NOT NULL;

CREATE INDEX run_wake_at ON "run" ("wake_at");

CREATE INDEX run_case_id ON "run" ("case_id");

CREATE TABLE "task" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL UNIQUE,
  "run" TEXT,
  "path" TEXT,
  "case_id" TEXT,
  "kind" TEXT,
  "state" TEXT,
  "role" TEXT,
  "digest" TEXT,
  "decided_by" TEXT,
  "spec" BLOB,
  "votes" BLOB,
  "answer" BLOB,
  "quorum" INTEGER NOT NULL DEFAULT 0,
  "opened_at" INTEGER NOT NULL DEFAULT 0,
  "due_at" INTEGER NOT NULL DEFAULT 0,
  "closed_at" INTEGER NOT NULL DEFAULT 0,
  "nudge_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX task_nudge_at ON "task" ("nudge_at");

CREATE INDEX task_state ON "task" ("state");

CREATE INDEX task_run ON "task" ("run");

CREATE TABLE "playbook" (
  "hash" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT,
  "meta" TEXT,
  "bundle" TEXT,
  "version" INTEGER NOT NULL DEFAULT 0,
  "deployed_at" INTEGER NOT NULL DEFAULT 0,
  UNIQUE ("name", "version")
) STRICT, WITHOUT ROWID;

CREATE INDEX playbook_name ON "playbook" ("name");

CREATE TABLE "token" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "hash" TEXT NOT NULL UNIQUE,
  "person" TEXT,
  "scopes" TEXT,
  "purpose" TEXT,
  "created_at" INTEGER NOT NULL DEFAULT 0,
  "expires_at" INTEGER NOT NULL DEFAULT 0,
  "revoked_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "feed" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "etag" TEXT,
  "modified" TEXT,
  "cursor" TEXT,
  "error" TEXT,
  "polled_at" INTEGER NOT NULL DEFAULT 0,
  "ok_at" INTEGER NOT NULL DEFAULT 0,
  "documents" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "document" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "feed" TEXT,
  "path" TEXT,
  "tracking_id" TEXT,
  "version" TEXT,
  "title" TEXT,
  "sha256" TEXT,
  "state" TEXT,
  "reason" TEXT,
  "listed" TEXT,
  "facts" TEXT,
  "body" BLOB,
  "fetched_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX document_tracking_id ON "document" ("tracking_id");

CREATE TABLE "match" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "document" TEXT,
  "product" TEXT,
  "owner" TEXT,
  "certainty" TEXT,
  "evidence" TEXT,
  "case_id" TEXT,
  "run" TEXT,
  "state" TEXT,
  "reason" TEXT,
  "priority" TEXT,
  "created_at" INTEGER NOT NULL DEFAULT 0,
  "closed_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX match_document ON "match" ("document");

CREATE TABLE "naming" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "vuln" TEXT,
  "document" TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX naming_vuln ON "naming" ("vuln");

CREATE TABLE "mark" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "kind" TEXT,
  "vuln" TEXT,
  "value" TEXT,
  "feed" TEXT,
  "since" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "advisory" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL UNIQUE,
  "case_id" TEXT,
  "state" TEXT,
  "digest" TEXT,
  "csaf" BLOB,
  "markdown" BLOB,
  "model" BLOB,
  "life" BLOB,
  "version" INTEGER NOT NULL DEFAULT 0,
  "updated_at" INTEGER NOT NULL DEFAULT 0,
  "publish_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX advisory_case_id ON "advisory" ("case_id");

-- What was published, each version for ever.
CREATE TABLE "release" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "advisory" TEXT,
  "name" TEXT,
  "version" TEXT,
  "tlp" TEXT,
  "state" TEXT,
  "digest" TEXT,
  "csaf" BLOB,
  "model" BLOB,
  "signature" TEXT,
  "released_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX release_advisory ON "release" ("advisory");
CREATE INDEX release_state ON "release" ("state");

CREATE TABLE "casekey" (
  "case_id" TEXT PRIMARY KEY NOT NULL,
  "wrapped" BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE "chain" (
  "chain" TEXT PRIMARY KEY NOT NULL,
  "leaf" BLOB,
  "seq" INTEGER NOT NULL DEFAULT 0,
  "rseq" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "meta" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "value" TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE "signal" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "case_id" TEXT,
  "event" TEXT,
  "taken_by" TEXT,
  "body" BLOB,
  "received_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX signal_case_id ON "signal" ("case_id");

-- Casework: where each automaton of a case stands, clocks and memberships among them.
CREATE TABLE "track" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "case_id" TEXT NOT NULL,
  "track" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "label" BLOB,
  "data" BLOB,
  "next_at" INTEGER NOT NULL DEFAULT 0,
  "updated_at" INTEGER NOT NULL DEFAULT 0,
  "seq" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX track_case_id ON "track" ("case_id", "track");

CREATE INDEX track_subject ON "track" ("subject", "track");

CREATE INDEX track_next_at ON "track" ("next_at") WHERE "next_at" > 0;

-- Proof of the log: hashes of complete subtrees at levels 8, 16, 24 ... (256, 65,536 ... leaves), so
-- that a proof over millions of entries reads a few hundred rows.
CREATE TABLE node (
  level INTEGER NOT NULL,
  idx   INTEGER NOT NULL,
  hash  BLOB NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- Signed checkpoints: the newest, and those that an audit.checkpoint entry names (kept = 1).
CREATE TABLE "checkpoint" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "note" TEXT,
  "size" INTEGER NOT NULL DEFAULT 0,
  "kept" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Keys that signed this log, each for a range of sizes; until_size 0 = still in use.
CREATE TABLE "sealkey" (
  "key" TEXT PRIMARY KEY NOT NULL,
  "origin" TEXT,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "from_size" INTEGER NOT NULL DEFAULT 0,
  "until_size" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "policy" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "owner" TEXT,
  "title" TEXT,
  "digest" TEXT NOT NULL,
  "body" TEXT NOT NULL,
  "proposed_by" TEXT,
  "decided_by" TEXT,
  "version" INTEGER NOT NULL DEFAULT 0,
  "proposed_at" INTEGER NOT NULL DEFAULT 0,
  "decided_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX policy_name ON "policy" ("name", "state");

CREATE TABLE "schedule" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "spec" TEXT,
  "next_at" INTEGER NOT NULL DEFAULT 0,
  "last_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "mail" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "sha256" TEXT NOT NULL UNIQUE,
  "twin" TEXT UNIQUE,
  "source" TEXT,
  "state" TEXT,
  "reason" TEXT,
  "case_id" TEXT,
  "sender" TEXT,
  "found" BLOB,
  "raw" BLOB,
  "size" INTEGER NOT NULL DEFAULT 0,
  "received_at" INTEGER NOT NULL DEFAULT 0,
  "answered_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_state ON "mail" ("state");
CREATE INDEX mail_case_id ON "mail" ("case_id");
CREATE INDEX mail_answered_at ON "mail" ("answered_at");

CREATE TABLE "attachment" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "case_id" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "type" TEXT,
  "added_by" TEXT,
  "name" BLOB,
  "body" BLOB,
  "size" INTEGER NOT NULL DEFAULT 0,
  "added_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_case_id ON "attachment" ("case_id");
