-- Reports about the installation and its log. See reports_case.sql.

-- What only an administrator does, and what the daemon's owner does.
CREATE TEMP VIEW report_privileged AS
SELECT case_id AS _case, time AS _time, seq AS entry, at(time) AS time, kind, actor, auth, outcome,
  reason, "from", "to", case_name(case_id) AS "case", opened(seq, 'note') AS object
FROM entry
WHERE kind LIKE 'token.%' OR kind LIKE 'user.%' OR kind LIKE 'role.%' OR kind LIKE 'config.%'
   OR kind LIKE 'playbook.%' OR kind LIKE 'plugin.%' OR kind LIKE 'secret.%'
   OR kind LIKE 'schema.%' OR kind LIKE 'audit.key.%' OR kind LIKE 'audit.epoch.%'
   OR kind IN ('audit.erase', 'run.cancelled', 'case.merged', 'case.hold.set', 'case.hold.lifted')
   OR actor = 'op:owner'
ORDER BY seq;

CREATE TEMP VIEW report_auth_failures AS
SELECT NULL AS _case, min(time) AS _time, at(time / 3600000 * 3600000) AS hour, reason,
  coalesce(opened(seq, 'src', 'peer'), 'unknown') AS source,
  sum(coalesce(opened(seq, 'src', 'count'), 1)) AS refusals, count(*) AS entries,
  CASE WHEN sum(coalesce(opened(seq, 'src', 'count'), 1)) >= 20 THEN 'burst' ELSE 'single' END
    AS pattern,
  min(seq) AS first_entry, max(seq) AS last_entry
FROM entry WHERE kind IN ('auth.failed', 'access.denied')
GROUP BY time / 3600000, reason, source
ORDER BY time / 3600000, reason, source;

CREATE TEMP VIEW report_access_changes AS
SELECT case_id AS _case, time AS _time, seq AS entry, at(time) AS time, kind, actor, auth,
  opened(seq, 'note') AS object, "from", "to", ref AS approval_entry,
  (SELECT g.actor FROM entry g WHERE g.seq = entry.ref AND g.kind = 'approval.granted')
    AS approved_by
FROM entry
WHERE kind LIKE 'token.%' OR kind LIKE 'user.%' OR kind LIKE 'role.%'
   OR kind LIKE 'auth.token.%' OR kind IN ('case.access.granted', 'case.access.revoked')
ORDER BY seq;

CREATE TEMP VIEW report_log_access AS
SELECT case_id AS _case, time AS _time, seq AS entry, at(time) AS time, kind, actor, auth, outcome,
  reason AS what, opened(seq, 'args', 'query') AS query, opened(seq, 'args', 'format') AS format,
  opened(seq, 'args', 'before') AS asked_before
FROM entry WHERE kind IN ('audit.read', 'audit.query', 'audit.export', 'audit.verify')
ORDER BY seq;

-- A start without a stop before it means that the node died: how long nothing was written.
CREATE TEMP VIEW report_log_continuity AS
SELECT * FROM (
  SELECT NULL AS _case, e.time AS _time, e.seq AS entry, at(e.time) AS time, e.kind, e.node,
    CASE WHEN e.kind = 'audit.start' AND e.seq > 0 AND NOT EXISTS (
           SELECT 1 FROM entry p WHERE p.kind = 'audit.stop' AND p.seq > coalesce(
             (SELECT max(s.seq) FROM entry s WHERE s.kind = 'audit.start' AND s.seq < e.seq), -1)
           AND p.seq < e.seq) AND EXISTS (
           SELECT 1 FROM entry s WHERE s.kind = 'audit.start' AND s.seq < e.seq) THEN 'after a crash'
         ELSE 'in order' END AS state,
    CASE WHEN e.kind = 'audit.start' AND e.seq > 0 THEN
      (e.time - (SELECT p.time FROM entry p WHERE p.seq = e.seq - 1)) / 1000 END AS silent_s,
    e.reason
  FROM entry e WHERE e.kind IN ('audit.start', 'audit.stop', 'audit.gap')
    OR e.kind LIKE 'audit.epoch.%'
  UNION ALL
  SELECT NULL, e.time, e.seq, at(e.time), 'missing', e.node, 'entries are missing', NULL, NULL
  FROM entry e WHERE e.seq > 0 AND e.seq - 1 NOT IN (SELECT seq FROM entry)
) ORDER BY entry, kind;

CREATE TEMP VIEW report_integrity AS
SELECT * FROM (
  SELECT NULL AS _case, time AS _time, seq AS entry, at(time) AS time, kind, actor, outcome,
    reason AS what, "to" AS size, (now_ms() - time) / 1000 AS age_s,
    opened(seq, 'args', 'tool') AS tool, opened(seq, 'args', 'checkpoint') AS against
  FROM entry
  WHERE kind IN ('audit.verify', 'audit.checkpoint', 'audit.witnessed')
     OR kind LIKE 'audit.key.%' OR kind LIKE 'audit.witness%'
) ORDER BY entry;

-- Wall and boot clock of neighbours must move together; times must lie in their bracket.
CREATE TEMP VIEW report_clock AS
WITH near AS (
  SELECT seq, time, synced, maxerr, boot, mono, node,
    lag(time) OVER w AS time0, lag(synced) OVER w AS synced0, lag(boot) OVER w AS boot0,
    lag(mono) OVER w AS mono0
  FROM entry WINDOW w AS (ORDER BY seq)
)
SELECT * FROM (
  SELECT NULL AS _case, time AS _time, seq AS entry, at(time) AS time, node, 'step' AS finding,
    (time - time0) - (mono - mono0) / 1000000 AS ms
  FROM near WHERE boot = boot0 AND abs((time - time0) - (mono - mono0) / 1000000) > 1000
  UNION ALL
  SELECT NULL, time, seq, at(time), node,
    CASE synced WHEN 1 THEN 'synchronised' ELSE 'not synchronised' END, maxerr / 1000
  FROM near WHERE synced IS NOT synced0 AND (synced = 0 OR synced0 IS NOT NULL)
  UNION ALL
  SELECT NULL, time, seq, at(time), node, 'outside bracket',
    CASE WHEN time < sealed(seq, 'after') THEN time - sealed(seq, 'after')
         ELSE time - sealed(seq, 'before') END
  FROM near WHERE time < sealed(seq, 'after') - 1000 OR time > sealed(seq, 'before') + 1000
) ORDER BY entry, finding;

CREATE TEMP VIEW report_change_log AS
SELECT case_id AS _case, time AS _time, seq AS entry, at(time) AS time, kind, actor, auth, playbook,
  "from", "to", line(seq, 'c.diff') AS diff, ref AS approval_entry,
  (SELECT g.actor FROM entry g WHERE g.seq = entry.ref AND g.kind = 'approval.granted')
    AS approved_by
FROM entry
WHERE kind LIKE 'config.%' OR kind LIKE 'playbook.%' OR kind LIKE 'plugin.%'
   OR kind LIKE 'schema.%' OR kind LIKE 'secret.%'
ORDER BY seq;

-- How old what is kept is, by retention class; and what was erased, or may not be.
CREATE TEMP VIEW report_retention AS
SELECT * FROM (
  SELECT NULL AS _case, NULL AS _time, 'kept' AS what, coalesce(ret, 'default') AS subject,
    count(*) AS entries, at(min(time)) AS oldest_at, (now_ms() - min(time)) / 86400000 AS oldest_d,
    NULL AS basis, NULL AS actor, min(seq) AS entry
  FROM entry GROUP BY ret
  UNION ALL
  SELECT case_id, time, CASE kind WHEN 'audit.erase' THEN 'erased' WHEN 'case.hold.set'
    THEN 'held' ELSE 'hold lifted' END, coalesce(case_name(case_id), "from"), 1, at(time),
    (now_ms() - time) / 86400000, reason, actor, seq
  FROM entry WHERE kind IN ('audit.erase', 'case.hold.set', 'case.hold.lifted')
) ORDER BY what, subject, entry;
