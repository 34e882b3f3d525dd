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

-- Values of `secret:NAME`, sealed under the key of the system.
CREATE TABLE "secret" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "value" BLOB,
  "set_by" TEXT,
  "set_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE "meta" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "value" TEXT
) STRICT, WITHOUT ROWID;
