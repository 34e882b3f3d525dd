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
  "ended_at" INTEGER NOT NULL DEFAULT 0,
  "unwinding" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX run_state ON "run" ("state");

CREATE INDEX run_key ON "run" ("key") WHERE "key" IS NOT NULL;

CREATE INDEX run_parent ON "run" ("parent") WHERE "parent" IS NOT NULL;

CREATE INDEX run_playbook ON "run" ("playbook");

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

CREATE TABLE "schedule" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "spec" TEXT,
  "next_at" INTEGER NOT NULL DEFAULT 0,
  "last_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "page" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "task" TEXT,
  "run" TEXT,
  "person" TEXT,
  "kind" TEXT,
  "state" TEXT,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "next_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX page_next_at ON "page" ("next_at");
