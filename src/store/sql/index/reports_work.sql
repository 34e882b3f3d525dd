-- Reports about runs, steps and approvals. See reports_case.sql.

-- Steps that cannot be taken back: publishing, telling others, acting on systems.
CREATE TEMP VIEW x_irreversible AS
SELECT seq, time, case_id, run, step, reason AS action FROM x_effect
WHERE reason LIKE '%.publish%' OR reason LIKE '%.disclose%' OR reason LIKE 'notify.%'
   OR reason LIKE '%.block%' OR reason LIKE '%.isolate%' OR reason LIKE '%.contain%'
   OR reason LIKE '%.revoke%' OR reason LIKE '%.apply'
UNION ALL
SELECT seq, time, case_id, run, step, 'advisory.publish' FROM entry
WHERE kind = 'advisory.published';

CREATE TEMP VIEW report_approvals AS
SELECT * FROM (
  SELECT i.case_id AS _case, i.time AS _time, i.seq AS entry, case_name(i.case_id) AS "case",
    at(i.time) AS time, 'no approval' AS finding, i.action AS what, i.run, i.step,
    NULL AS actor, NULL AS request_entry
  FROM x_irreversible i
  WHERE NOT EXISTS (SELECT 1 FROM entry g WHERE g.run = i.run AND +g.kind = 'approval.granted'
                    AND g.seq < i.seq)
  UNION ALL
  SELECT g.case_id, g.time, g.seq, case_name(g.case_id), at(g.time), 'self approval',
    g.playbook, g.run, g.step, g.actor, g.ref
  FROM entry g JOIN entry s ON s.run = g.run AND +s.kind = 'run.started' AND s.actor = g.actor
  WHERE g.kind = 'approval.granted' AND g.actor LIKE 'u:%'
  UNION ALL
  SELECT x.case_id, x.time, x.seq, case_name(x.case_id), at(x.time),
    CASE x.kind WHEN 'approval.expired' THEN 'expired' ELSE 'denied' END, x.playbook, x.run,
    x.step, x.actor, x.ref
  FROM entry x WHERE x.kind IN ('approval.expired', 'approval.denied')
) ORDER BY entry;

CREATE TEMP VIEW report_open_intents AS
SELECT i.case_id AS _case, i.time AS _time, i.seq AS entry, case_name(i.case_id) AS "case",
  at(i.time) AS time, i.run, i.step, i.attempt, i.reason AS action, i.idem,
  CASE WHEN r.seq IS NULL THEN 'no result' ELSE 'unknown' END AS state, r.seq AS result_entry,
  (now_ms() - i.time) / 1000 AS age_s
FROM entry i LEFT JOIN entry r ON r.seq = (SELECT max(x.seq) FROM entry x WHERE x.run = i.run
  AND x.step = i.step AND +x.kind = 'step.result')
WHERE i.kind = 'step.intent' AND (r.seq IS NULL OR r.outcome = 'unknown')
  AND i.seq = (SELECT max(y.seq) FROM entry y WHERE y.run = i.run AND y.step = i.step
               AND y.kind = 'step.intent')
ORDER BY i.seq;

CREATE TEMP VIEW report_failed_steps AS
SELECT NULL AS _case, NULL AS _time, playbook, action,
  sum(outcome = 'fail') AS failed, sum(outcome = 'timeout') AS timed_out,
  sum(outcome = 'unknown') AS unknown, sum(outcome = 'cancelled') AS cancelled,
  sum(kind = 'step.retry') AS retried, sum(kind = 'step.compensated') AS compensated,
  min(seq) AS first_entry, max(seq) AS last_entry
FROM (
  SELECT f.seq, f.kind, f.playbook,
    CASE WHEN f.kind = 'step.result' THEN f.outcome END AS outcome,
    coalesce((SELECT i.reason FROM entry i WHERE i.run = f.run AND i.step = f.step
              AND +i.kind = 'step.intent' ORDER BY i.seq LIMIT 1), 'none') AS action
  FROM entry f
  WHERE (f.kind = 'step.result' AND f.outcome IN ('fail', 'timeout', 'unknown', 'cancelled'))
     OR f.kind IN ('step.retry', 'step.compensated')
)
GROUP BY playbook, action ORDER BY playbook, action;

CREATE TEMP VIEW report_playbook_as_run AS
SELECT s.case_id AS _case, s.time AS _time, s.seq AS entry, case_name(s.case_id) AS "case",
  at(s.time) AS time, s.run, s.playbook, s.actor,
  d.seq AS deployed_entry, at(d.time) AS deployed_at, d.actor AS deployed_by,
  CASE WHEN d.seq IS NULL THEN 'never deployed'
       WHEN EXISTS (SELECT 1 FROM entry n WHERE n.kind = 'playbook.deployed' AND n.seq > d.seq
            AND n.seq < s.seq AND substr(n.playbook, 1, instr(n.playbook, '@'))
                = substr(s.playbook, 1, instr(s.playbook, '@'))) THEN 'older version'
       ELSE 'newest version' END AS state
FROM entry s LEFT JOIN entry d ON d.seq = (SELECT max(x.seq) FROM entry x
  WHERE x.kind = 'playbook.deployed' AND x.playbook = s.playbook AND x.seq < s.seq)
WHERE s.kind = 'run.started'
ORDER BY s.seq;

-- What came in or was kept as evidence, and every look at it afterwards.
CREATE TEMP VIEW report_evidence_chain AS
SELECT * FROM (
  SELECT e.case_id AS _case, e.time AS _time, e.seq AS entry, case_name(e.case_id) AS "case",
    at(e.time) AS time, 'collected' AS what, e.kind, e.actor, e.auth,
    line(e.seq, 'c.' || CASE WHEN instr(e.fields, 'subject') THEN 'subject' ELSE 'args' END)
      AS hash, e.seq AS of_entry
  FROM entry e
  WHERE e.kind IN ('report.received', 'signal.received', 'evidence.added', 'attachment.added')
    AND e.case_id IS NOT NULL
  UNION ALL
  SELECT a.case_id, a.time, a.seq, case_name(a.case_id), at(a.time),
    CASE WHEN a.kind = 'audit.export' THEN 'exported' ELSE 'read' END, a.kind, a.actor, a.auth,
    NULL, (SELECT min(e.seq) FROM entry e WHERE e.case_id = a.case_id AND e.seq < a.seq AND e.kind
           IN ('report.received', 'signal.received', 'evidence.added', 'attachment.added'))
  FROM (SELECT case_id, seq, time, actor, auth, 'access.read' AS kind FROM x_read
        UNION ALL
        SELECT case_id, seq, time, actor, auth, kind FROM entry
        WHERE kind = 'audit.export' AND case_id IS NOT NULL) a
) WHERE of_entry IS NOT NULL ORDER BY entry, _case;
