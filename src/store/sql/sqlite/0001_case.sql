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
  "received_at" INTEGER NOT NULL DEFAULT 0,
  "noise" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX report_noise ON "report" ("noise") WHERE "noise" > 0;

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

-- Who has which product under which contract, and how they want to be told.
CREATE TABLE "customer" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "handle" TEXT NOT NULL UNIQUE,
  "origin" TEXT NOT NULL,
  "body" BLOB,
  "changed_by" TEXT,
  "added_at" INTEGER NOT NULL DEFAULT 0,
  "changed_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

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
