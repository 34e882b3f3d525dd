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
  "csaf21" BLOB,
  "signature" TEXT,
  "signature21" TEXT,
  "released_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX release_advisory ON "release" ("advisory");
CREATE INDEX release_state ON "release" ("state");
