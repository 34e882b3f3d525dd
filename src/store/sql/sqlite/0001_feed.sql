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
  "trace" TEXT,
  "basis" TEXT,
  "observation" TEXT,
  "url" TEXT,
  "etag" TEXT,
  "fetched_at" INTEGER NOT NULL DEFAULT 0,
  "revisions" INTEGER NOT NULL DEFAULT 0,
  "unlisted_at" INTEGER NOT NULL DEFAULT 0,
  "asked_at" INTEGER NOT NULL DEFAULT 0,
  "gone_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX document_tracking_id ON "document" ("tracking_id");
CREATE INDEX document_feed ON "document" ("feed");
CREATE INDEX document_unlisted ON "document" ("feed", "unlisted_at");
CREATE INDEX document_basis ON "document" ("basis");

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
