-- The log as columns, made from the entries and from nothing else; thrown away and made again
-- whenever it does not fit. Holds what stands in clear in an entry, never a payload.
CREATE TABLE entry (
  seq      INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL, -- UTC ms, as the entry says
  synced   INTEGER,          -- the kernel called its clock synchronised
  maxerr   INTEGER,          -- us
  boot     TEXT,
  mono     INTEGER,          -- ns since boot
  node     TEXT,
  kind     TEXT NOT NULL,
  actor    TEXT,
  auth     TEXT,
  case_id  TEXT,
  run      TEXT,
  chain    TEXT,
  rseq     INTEGER,
  ref      INTEGER,
  playbook TEXT,
  step     TEXT,
  attempt  INTEGER,
  idem     TEXT,
  outcome  TEXT,
  reason   TEXT,
  "from"   TEXT,
  "to"     TEXT,
  tlp      TEXT,
  ret      TEXT,
  fields   TEXT,             -- names of the commitments, comma-separated
  leaf     TEXT NOT NULL
) STRICT;
CREATE INDEX entry_kind ON entry (kind);
CREATE INDEX entry_actor ON entry (actor);
CREATE INDEX entry_case ON entry (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX entry_case_kind ON entry (case_id, kind) WHERE case_id IS NOT NULL;
CREATE INDEX entry_tlp ON entry (case_id) WHERE tlp IS NOT NULL;
CREATE INDEX entry_run ON entry (run, step) WHERE run IS NOT NULL;
CREATE INDEX entry_ref ON entry (ref) WHERE ref IS NOT NULL;
CREATE INDEX entry_idem ON entry (idem) WHERE idem IS NOT NULL;
CREATE INDEX entry_outcome ON entry (outcome) WHERE outcome IS NOT NULL AND outcome <> 'ok';

-- Which entries an hour can have: time may step back, so it does not order the log.
CREATE TABLE hour (
  hour  INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  last  INTEGER NOT NULL
) STRICT;
