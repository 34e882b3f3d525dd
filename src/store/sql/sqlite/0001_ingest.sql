CREATE TABLE "raw" (
  "sha256" TEXT PRIMARY KEY NOT NULL,
  "body" BLOB,
  "size" INTEGER NOT NULL DEFAULT 0,
  "seen_at" INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE "observation" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "feed" TEXT,
  "path" TEXT,
  "sha256" TEXT,
  "listed" TEXT,
  "state" TEXT,
  "reason" TEXT,
  "signature" TEXT,
  "hashed" INTEGER NOT NULL DEFAULT 0,
  "seen_at" INTEGER NOT NULL DEFAULT 0,
  "settled_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "revision" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "document" TEXT,
  "feed" TEXT,
  "observation" TEXT,
  "sha256" TEXT,
  "kind" TEXT,
  "substance" TEXT,
  "version" TEXT,
  "flags" TEXT,
  "changes" TEXT,
  "n" INTEGER NOT NULL DEFAULT 0,
  "created_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "decision" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "feed" TEXT,
  "document" TEXT,
  "advisory" TEXT,
  "state" TEXT,
  "verdict" TEXT,
  "reason" TEXT,
  "rule" TEXT,
  "band" TEXT,
  "product" TEXT,
  "grouped" TEXT,
  "input" TEXT,
  "digest" TEXT,
  "lua" TEXT,
  "case_id" TEXT,
  "run" TEXT,
  "by" TEXT,
  "urgent" INTEGER NOT NULL DEFAULT 0,
  "created_at" INTEGER NOT NULL DEFAULT 0,
  "due_at" INTEGER NOT NULL DEFAULT 0,
  "decided_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "feeddesk" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "definition" TEXT,
  "trust" TEXT,
  "storm" TEXT,
  "paused_by" TEXT,
  "paused_at" INTEGER NOT NULL DEFAULT 0,
  "storm_at" INTEGER NOT NULL DEFAULT 0,
  "observed" INTEGER NOT NULL DEFAULT 0,
  "revised" INTEGER NOT NULL DEFAULT 0,
  "quarantined" INTEGER NOT NULL DEFAULT 0,
  "duplicate" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "mapping" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL UNIQUE,
  "kind" TEXT,
  "product" TEXT,
  "vendor" TEXT,
  "name" TEXT,
  "verdict" TEXT,
  "by" TEXT,
  "reason" TEXT,
  "made_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX observation_state ON "observation" ("state", "id");
CREATE INDEX observation_path ON "observation" ("feed", "path", "state");
CREATE INDEX revision_feed ON "revision" ("feed", "created_at");
CREATE INDEX revision_document ON "revision" ("document");
CREATE INDEX decision_state ON "decision" ("state", "due_at");
CREATE INDEX decision_advisory ON "decision" ("advisory");
CREATE INDEX decision_feed ON "decision" ("feed", "created_at");
