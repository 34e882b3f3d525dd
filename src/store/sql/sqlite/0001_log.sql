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

-- Proof of the log: hashes of complete subtrees at levels 8, 16, 24 ... (256, 65,536 ... leaves), so
-- that a proof over millions of entries reads a few hundred rows.
CREATE TABLE node (
  level INTEGER NOT NULL,
  idx   INTEGER NOT NULL,
  hash  BLOB NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- Signed checkpoints: the newest, and those that an audit.checkpoint entry names (kept = 1, of an export 2).
CREATE TABLE "checkpoint" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "note" TEXT,
  "size" INTEGER NOT NULL DEFAULT 0,
  "kept" INTEGER NOT NULL DEFAULT 0,
  "sealed_at" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Keys that signed this log, each for a range of sizes; until_size 0 = still in use.
CREATE TABLE "sealkey" (
  "key" TEXT PRIMARY KEY NOT NULL,
  "origin" TEXT,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "from_size" INTEGER NOT NULL DEFAULT 0,
  "until_size" INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
