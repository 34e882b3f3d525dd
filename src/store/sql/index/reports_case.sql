-- Reports about cases. A view a report: report_<name with _>. Columns beginning with _ are not
-- shown: _case and _time are what --case, --since and --until compare with. Columns named `entry`
-- are positions in the log: every row leads back to what proves it.

-- The entries that the asker may know of: it hides main.entry from every view.
CREATE TEMP VIEW entry AS SELECT * FROM main.entry WHERE may_see(case_id);

-- What a case is: now, as its entries say.
CREATE TEMP VIEW x_case AS
SELECT e.seq, e.case_id AS id, e.time AS created, e.reason AS kind,
  coalesce((SELECT u."to" FROM entry u WHERE u.case_id = e.case_id AND u.kind = 'case.updated'
            AND u.reason = 'severity' ORDER BY u.seq DESC LIMIT 1), e."to") AS severity,
  coalesce((SELECT opened(u.seq, 'diff', 'product.to') FROM entry u
            WHERE u.case_id = e.case_id AND u.kind = 'case.updated'
            AND opened(u.seq, 'diff', 'product') IS NOT NULL ORDER BY u.seq DESC LIMIT 1),
           opened(e.seq, 'args'), 'none') AS product,
  (SELECT min(u.seq) FROM entry u WHERE u.case_id = e.case_id AND u.kind = 'case.closed') AS closed
FROM entry e WHERE e.kind = 'case.created';

-- Where embargoes begin: the track leaves `none` or `exited`, or somebody set one.
CREATE TEMP VIEW x_embargo_set AS
SELECT case_id, seq FROM entry
WHERE kind = 'case.embargo.set' OR (kind = 'track.embargo' AND "to" IN ('proposed', 'active')
  AND coalesce("from", 'none') IN ('none', 'exited'));

-- From which entry on a case is under embargo, and which entry lifted it. Where nobody set one it
-- begins with a case that is not marked clear or green; publishing lifts it as well.
CREATE TEMP VIEW x_embargo AS
SELECT s.case_id, s.seq AS set_seq,
  (SELECT min(l.seq) FROM entry l WHERE l.case_id = s.case_id AND l.seq > s.seq
   AND (l.kind IN ('case.embargo.lifted', 'advisory.published')
        OR (l.kind = 'track.embargo' AND l."to" IN ('exited', 'none')))) AS lift_seq
FROM (
  SELECT case_id, seq FROM x_embargo_set
  UNION ALL
  SELECT c.case_id, c.seq FROM entry c
  WHERE c.kind = 'case.created' AND coalesce(tlp_rank(c.tlp), 2) >= 2
    AND NOT EXISTS (SELECT 1 FROM x_embargo_set x WHERE x.case_id = c.case_id)
) s;

-- Looks at cases that only members see. One that showed several cases is one entry of the system's
-- chain with their ids.
CREATE TEMP VIEW x_read AS
SELECT case_id, seq, time, actor, auth FROM entry
WHERE kind IN ('access.read', 'case.read') AND case_id IS NOT NULL
UNION ALL
SELECT c.value, e.seq, e.time, e.actor, e.auth
FROM entry e JOIN json_each(coalesce(opened(e.seq, 'args', 'cases'), '[]')) c
WHERE e.kind IN ('access.read', 'case.read') AND e.case_id IS NULL AND may_see(c.value);

-- First tries of steps that act outside; waits and sleeps are intents too.
CREATE TEMP VIEW x_effect AS
SELECT * FROM entry
WHERE kind = 'step.intent' AND attempt = 1 AND reason NOT LIKE 'wait:%' AND reason <> 'sleep';

CREATE TEMP VIEW report_case_timeline AS
SELECT case_id AS _case, time AS _time, seq AS entry, at(time) AS time,
  at(sealed(seq, 'after')) AS not_before, at(sealed(seq, 'before')) AS not_after,
  kind, actor, auth, run, step, attempt, outcome, reason, "from", "to", chain, rseq,
  line(seq, 'rprev') AS rprev, leaf, sealed(seq, 'size') AS checkpoint
FROM entry WHERE case_id IS NOT NULL
ORDER BY seq;

-- One row a clock that was started, whatever law it is of.
CREATE TEMP VIEW x_clock AS
SELECT s.case_id AS _case, s.time AS _time, s.seq AS entry, case_name(s.case_id) AS "case",
  s.reason AS clock, at(s.time) AS aware_at, s."to" AS due_at,
  at(m.time) AS sent_at, m.seq AS sent_entry,
  (ms(s."to") - coalesce(m.time, now_ms())) / 1000 AS margin_s,
  CASE WHEN m.time IS NULL AND now_ms() <= ms(s."to") THEN 'running'
       WHEN m.time IS NULL THEN 'missed'
       WHEN m.time <= ms(s."to") THEN 'met' ELSE 'late' END AS state
FROM entry s LEFT JOIN entry m ON m.seq = (
  SELECT min(x.seq) FROM entry x WHERE x.case_id = s.case_id AND x.kind = 'clock.met'
  AND x.reason = s.reason AND x.seq > s.seq)
WHERE s.kind = 'clock.started';

CREATE TEMP VIEW report_cra_clock AS
SELECT * FROM x_clock WHERE clock = 'cra' OR clock LIKE 'cra-%' ORDER BY entry;

CREATE TEMP VIEW report_nis2_clock AS
SELECT * FROM x_clock WHERE clock = 'nis2' OR clock LIKE 'nis2-%' ORDER BY entry;

-- Reads coalesce: an entry says the first of a window, its args how many the window before had.
CREATE TEMP VIEW report_who_knew_when AS
SELECT r.case_id AS _case, min(r.time) AS _time, case_name(r.case_id) AS "case", r.actor,
  group_concat(DISTINCT r.auth) AS auth, at(min(r.time)) AS first_at, at(max(r.time)) AS last_at,
  count(*) AS entries, min(r.seq) AS first_entry, max(r.seq) AS last_entry,
  max(CASE WHEN b.lift_seq IS NULL THEN 'under embargo' ELSE 'before lift' END) AS embargo,
  max(b.lift_seq) AS lift_entry
FROM x_read r JOIN x_embargo b ON b.case_id = r.case_id AND r.seq > b.set_seq
  AND (b.lift_seq IS NULL OR r.seq < b.lift_seq)
GROUP BY r.case_id, r.actor
ORDER BY first_entry, "case";

CREATE TEMP VIEW report_embargo_leak_check AS
SELECT i.case_id AS _case, i.time AS _time, i.seq AS entry, case_name(i.case_id) AS "case",
  at(i.time) AS time, i.run, i.step, i.reason AS action,
  coalesce((SELECT x.outcome FROM entry x WHERE x.run = i.run AND x.step = i.step
            AND +x.kind = 'step.result' ORDER BY x.seq DESC LIMIT 1), 'open') AS outcome,
  b.set_seq AS embargo_entry, b.lift_seq AS lift_entry, g.actor AS approved_by,
  g.seq AS approval_entry
FROM x_effect i JOIN x_embargo b ON b.case_id = i.case_id AND i.seq > b.set_seq
  AND (b.lift_seq IS NULL OR i.seq < b.lift_seq)
LEFT JOIN entry g ON g.seq = (SELECT max(a.seq) FROM entry a WHERE a.run = i.run
  AND +a.kind = 'approval.granted' AND a.seq < i.seq)
ORDER BY i.seq;

CREATE TEMP VIEW report_dispositions AS
SELECT c.case_id AS _case, t.time AS _time, t.seq AS entry, at(t.time) AS time,
  t.reason AS "trigger", t.actor,
  CASE WHEN c.case_id IS NOT NULL THEN 'case'
       WHEN t.kind = 'trigger.duplicate' THEN 'duplicate'
       WHEN t.kind = 'trigger.rejected' THEN 'rejected' ELSE 'none' END AS disposition,
  case_name(c.case_id) AS "case", c.seq AS case_entry,
  (SELECT (min(u.time) - t.time) / 1000 FROM entry u WHERE u.case_id = c.case_id
   AND (u.kind = 'task.answered' OR (u.kind = 'case.updated' AND u.reason = 'severity')))
    AS triage_s
FROM entry t LEFT JOIN entry c ON c.seq = (
  SELECT min(x.seq) FROM entry x WHERE x.ref = t.seq AND x.case_id IS NOT NULL)
WHERE t.kind IN ('trigger.received', 'trigger.duplicate', 'trigger.rejected')
ORDER BY t.seq;

-- Seconds from the case's first entry to what ended each phase; nearest rank.
CREATE TEMP VIEW x_phase AS
SELECT k.id, k.created, k.severity, k.product, p.phase, p.seq,
  (SELECT e.time FROM entry e WHERE e.seq = p.seq) - k.created AS took
FROM x_case k JOIN (
  SELECT case_id, 'triage' AS phase, min(seq) AS seq FROM entry
  WHERE kind = 'task.answered' OR (kind = 'case.updated' AND reason = 'severity')
  GROUP BY case_id
  UNION ALL
  SELECT i.case_id, 'contain', min(r.seq) FROM x_effect i JOIN entry r ON r.run = i.run
  AND r.step = i.step AND +r.kind = 'step.result' AND r.outcome = 'ok'
  WHERE i.reason LIKE '%.block%' OR i.reason LIKE '%.isolate%' OR i.reason LIKE '%.contain%'
     OR i.reason LIKE '%.apply' OR i.reason LIKE '%.revoke%' GROUP BY i.case_id
  UNION ALL
  SELECT case_id, 'notify', min(seq) FROM entry WHERE kind = 'advisory.published' GROUP BY case_id
  UNION ALL
  SELECT case_id, 'close', min(seq) FROM entry WHERE kind = 'case.closed' GROUP BY case_id
) p ON p.case_id = k.id;

CREATE TEMP VIEW report_mttx AS
WITH ranked AS (
  SELECT severity, product, phase, took, seq,
    row_number() OVER w AS r, count(*) OVER (PARTITION BY severity, product, phase) AS n
  FROM x_phase WINDOW w AS (PARTITION BY severity, product, phase ORDER BY took, seq)
)
SELECT NULL AS _case, NULL AS _time, phase, severity, product, max(n) AS cases,
  max(CASE WHEN r = (n + 1) / 2 THEN took END) / 1000 AS median_s,
  max(CASE WHEN r = (9 * n + 9) / 10 THEN took END) / 1000 AS p90_s,
  max(took) / 1000 AS longest_s, sum(took) / max(n) / 1000 AS mean_s,
  max(CASE WHEN r = n THEN seq END) AS longest_entry
FROM ranked GROUP BY phase, severity, product
ORDER BY phase, severity, product;

-- What was sent to whom. A recipient is a pseudonym here: the start of SHA-256 of the address.
CREATE TEMP VIEW report_notified_customers AS
SELECT i.case_id AS _case, i.time AS _time, i.seq AS entry, case_name(i.case_id) AS "case",
  at(i.time) AS time, i.reason AS channel,
  substr(sha256(lower(t.value)), 1, 16) AS recipient,
  opened(i.seq, 'args', 'args.template') AS template,
  substr(sha256(opened(i.seq, 'args')), 1, 16) AS content,
  coalesce(r.outcome, 'open') AS outcome, at(r.time) AS settled_at, r.seq AS result_entry
FROM x_effect i
JOIN json_each(CASE WHEN json_valid(opened(i.seq, 'args', 'args.to'))
  AND json_type(opened(i.seq, 'args', 'args.to')) = 'array' THEN opened(i.seq, 'args', 'args.to')
  ELSE json_array(opened(i.seq, 'args', 'args.to')) END) t
LEFT JOIN entry r ON r.seq = (SELECT max(x.seq) FROM entry x WHERE x.run = i.run
  AND x.step = i.step AND +x.kind = 'step.result')
WHERE (i.reason LIKE 'mail.%' OR i.reason LIKE 'notify.%') AND t.value IS NOT NULL
UNION ALL -- and what came back
SELECT b.case_id, b.time, b.seq, case_name(b.case_id), at(b.time), 'bounce',
  substr(sha256(lower(opened(b.seq, 'subject'))), 1, 16), NULL, NULL, 'bounced', at(b.time), b.seq
FROM entry b WHERE b.kind = 'track.notice' AND b."to" = 'bounced'
ORDER BY 3, 7;

-- Closed and nobody wrote a review; or something asked is still open.
CREATE TEMP VIEW report_post_incident AS
SELECT * FROM (
  SELECT c.case_id AS _case, c.time AS _time, c.seq AS entry, case_name(c.case_id) AS "case",
    'no review' AS finding, at(c.time) AS since, c.reason AS detail
  FROM entry c
  WHERE c.kind = 'case.closed' AND NOT EXISTS (
    SELECT 1 FROM entry n WHERE n.case_id = c.case_id
    AND ((n.kind = 'case.note' AND n.reason = 'review')
         OR (n.kind = 'case.updated' AND opened(n.seq, 'diff', 'review') IS NOT NULL)))
  UNION ALL
  SELECT a.case_id, a.time, a.seq, case_name(a.case_id), 'open action', at(a.time), a.reason
  FROM entry a
  WHERE a.kind IN ('task.asked', 'approval.requested') AND a.case_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM entry c WHERE c.case_id = a.case_id AND c.kind = 'case.closed')
    AND NOT EXISTS (SELECT 1 FROM entry d WHERE d.run = a.run AND d.step = a.step
                    AND +d.kind = 'step.result')
) ORDER BY entry;

-- Cases in an order that the seed decides and nobody can choose; --limit takes the first n.
CREATE TEMP VIEW report_sample AS
SELECT id AS _case, created AS _time, seq AS entry, case_name(id) AS "case", at(created) AS opened_at,
  kind, severity, (SELECT count(*) FROM entry e WHERE e.case_id = k.id) AS entries,
  substr(sha256(seed() || ' ' || id), 1, 16) AS draw
FROM x_case k ORDER BY sha256(seed() || ' ' || id);
