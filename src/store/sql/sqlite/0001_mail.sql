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

-- Words between us and reporters, both ways.
CREATE TABLE "message" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "case_id" TEXT NOT NULL,
  "report" TEXT,
  "way" TEXT NOT NULL,
  "channel" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "run" TEXT,
  "path" TEXT,
  "body" BLOB,
  "at" INTEGER NOT NULL DEFAULT 0,
  "seq" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX message_case_id ON "message" ("case_id");
CREATE INDEX message_report ON "message" ("report");
