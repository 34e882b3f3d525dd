"""Every state in the database has the entries that made it: compares rows with the log in plain Python.

A missing audit call leaves a row that no entry explains. Used by the mutation test; any other test may
call complaints() on a database that it did not damage itself."""
import collections
import hashlib
import sqlite3


# What happens in a test program and has no row of its own to show for it: kinds that its logs must have.
EXPECTED = {
    "test_bad_input": {"auth.failed", "run.killed"},
    "test_case_access": {"embargo.release_asked"},
    "test_case_third": {"bounty.vote", "case.done", "filing.drafted", "gsma.decided"},
    "test_casework": {"case.instant", "case.phase", "clock.missed", "clock.warned",
                      "policy.proposed", "report.duplicate"},
    "test_decision_paths": {"task.delegated"},
    "test_feed_decisions": {"feed.storm"},
    "test_feed_stages": {"feed.match", "feed.observed"},
    "test_form": {"report.credit"},
    "test_mail_intake": {"mail.settled"},
    "test_run_ops": {"run.retried", "audit.stop"},
    "test_secrets": {"secret.removed"},
    "test_story": {"plugin.loaded", "trigger.duplicate", "clock.started", "clock.met", "report.updated"},
    "test_triggers": {"run.dequeued", "run.not_started", "run.replaced"},
}


# Tracks whose first state is set by an entry of another kind.
MOVES = {"bounty": {"candidate"}, "filing": {"draft"}}


def entries_of(db):
    out = []
    for text, in db.execute("SELECT text FROM entry ORDER BY seq"):
        out.append(dict(line.split(" ", 1) for line in text.splitlines()[1:]))
    return out


def rows(db, table):
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute('SELECT * FROM "%s"' % table)]
    finally:
        db.row_factory = None


class Check:
    def __init__(self, db):
        self.db, self.log, self.wrong = db, entries_of(db), []
        self.kinds = collections.Counter(e["kind"] for e in self.log)
        self.by_case = collections.defaultdict(list)
        self.by_run = collections.defaultdict(list)
        for e in self.log:
            self.by_case[e.get("case")].append(e)
            self.by_run[e.get("run")].append(e)

    def say(self, fmt, *args):
        self.wrong.append(fmt % args)

    def has(self, where, kind, what):
        if not any(e["kind"] == kind for e in where):
            self.say("%s has no %s", what, kind)

    def at(self, seq, what, kinds, **more):
        """The entry that a row names must be about it."""
        e = self.log[seq] if 0 <= seq < len(self.log) else {}
        fits = e.get("kind", "").startswith(kinds) and all(
            e.get(k) == v for k, v in more.items() if v is not None)
        if not fits:
            self.say("%s (%s) names entry %s, which is %s", what, more.get("to"), seq,
                     {k: e.get(k) for k in ("kind", "case", "from", "to", "idem")})

    def cases(self):
        for c in rows(self.db, "case"):
            mine, what = self.by_case[c["id"]], "case " + c["name"]
            self.has(mine, "case.created", what)
            if c["state"] == "closed":
                self.has(mine, "case.closed", what)
            self.at(c["updated_seq"], what, "", case=c["id"])
            severity = None
            for e in mine:
                if e["kind"] == "case.created":
                    severity = e.get("to")
                elif e["kind"] == "case.updated" and e.get("reason") == "severity":
                    severity = e.get("to")
            if (c["severity"] or "none") != (severity or "none"):
                self.say("%s has severity %s, its log says %s", what, c["severity"], severity)

    def tracks(self):
        for r in rows(self.db, "track"):
            what = "track %s of %s" % (r["track"], r["case_id"])
            if r["seq"] < 0:  # follows from another row: a report's link, a clock that cannot run
                continue
            e = self.log[r["seq"]] if r["seq"] < len(self.log) else {}
            moved = e.get("kind") == "track." + r["track"]
            kinds = ("track." + r["track"], r["track"] + ".")
            if r["track"] == "obligation":  # a clock whose beginning moved keeps its state
                kinds += ("clock.recomputed",)
            if r["track"] == "attachment" and r["state"] == "kept":
                kinds = ("evidence.added",)
            if r["track"] == "obligation":  # a corrected start moves the due time, not the state
                kinds += ("clock.recomputed",)
            self.at(r["seq"], what, kinds,
                    case=r["case_id"], to=r["state"] if moved else None)
            # What moved has told so: another entry of the same change is not enough.
            if r["track"] in MOVES and r["state"] not in MOVES[r["track"]] and not any(
                    k["kind"] == "track." + r["track"] and k.get("to") == r["state"]
                    for k in self.by_case[r["case_id"]]):
                self.say("%s is %s, and no entry moved it there", what, r["state"])

    def messages(self):
        for m in rows(self.db, "message"):  # one that we send names its step
            if (m["way"], m["channel"]) == ("in", "form"):
                self.at(m["seq"], "message " + m["id"], ("report.message",), case=m["case_id"])

    def told(self):
        for s in rows(self.db, "signal"):
            if s["event"] in ("advisory.changed", "case.same") and not any(
                    e["kind"] == "case.note" and e["actor"] == "svc:feed" and
                    e.get("reason") == "advisory-changed" for e in self.by_case[s["case_id"]]):
                self.say("a feed told case %s of %s without a note", s["case_id"], s["event"])

    def events(self):
        for e in rows(self.db, "event"):
            self.at(e["seq"], "event " + e["id"], ("trigger.received",), idem=e["dedupe"])

    def counted(self):
        for table, kinds in (("report", ["report.received"]), ("playbook", ["playbook.deployed"]),
                             ("token", ["token.created"]), ("signal", ["signal.received"]),
                             ("mail", ["mail.received"]), ("message", ["report.message", "step.intent", "task.paging"]),
                             ("document", ["feed.document"])):
            have, told = len(rows(self.db, table)), sum(self.kinds[k] for k in kinds)
            if have > told:
                self.say("%d rows of %s, %d entries %s", have, table, told, kinds)
        decided = [r for r in rows(self.db, "decision") if r["state"] not in ("open", "held")]
        if len(decided) > self.kinds["feed.decision"]:
            self.say("%d decisions about advisories, %d entries", len(decided), self.kinds["feed.decision"])
        revoked = [r for r in rows(self.db, "token") if r["revoked_at"]]
        if len(revoked) > self.kinds["token.revoked"]:
            self.say("%d revoked tokens, %d entries", len(revoked), self.kinds["token.revoked"])

    def runs(self):
        over = ("finished", "failed", "cancelled")
        for r in rows(self.db, "run"):
            mine, what = self.by_run[r["id"]], "run " + r["name"]
            for kind in ("run.opened", "run.started"):
                self.has(mine, kind, what)
            if r["state"] in over:
                for kind in ("run.closed", "run.ended"):
                    self.has(mine, kind, what)
            if r["state"] == "stuck":
                self.has(mine, "run.stuck", what)
            if r["state"] == "diverged":
                self.has(mine, "run.diverged", what)
            if r["state"] == "cancelled":
                self.has(mine, "run.cancelled", what)
            self.steps(r, mine, what, r["state"] in over)

    def steps(self, r, mine, what, over):
        begun = collections.defaultdict(list)
        for e in mine:
            if "step" in e:
                begun[e["step"]].append(e)
        results = sum(e["kind"] == "step.result" for e in mine)
        if r["deliver_no"] > results:
            self.say("%s had %d results delivered, %d stand in the log", what, r["deliver_no"],
                     results)
        for path, es in begun.items():
            kinds = [e["kind"] for e in es]
            opened = [k for k in kinds if k in ("step.intent", "task.asked",
                                                "approval.requested")]
            if over and opened and "step.result" not in kinds:
                self.say("%s: step %s began and has no result", what, path)
            tries = [int(e.get("attempt", 1)) for e in es if e["kind"] == "step.result"]
            intents = [int(e.get("attempt", 1)) for e in es if e["kind"] == "step.intent"]
            if tries and intents and max(tries) > max(intents):
                self.say("%s: step %s has a result of a try without an intent", what, path)
            if "step.retry" not in kinds and len(intents) > 1:
                self.say("%s: step %s was tried again without step.retry", what, path)
            answers = ("task.answered", "approval.granted", "approval.denied", "step.in_doubt")
            if any(k in kinds for k in answers[:3]) and not opened and "step.in_doubt" not in kinds:
                self.say("%s: step %s was answered and never asked", what, path)

    def tasks(self):
        words = {"answered": "task.answered", "approved": "approval.granted",
                 "rejected": "approval.denied"}
        for task in rows(self.db, "task"):
            mine = [e for e in self.by_run[task["run"]] if e.get("step") == task["path"]]
            what = "task " + task["name"]
            first = {"ask": "task.asked", "approve": "approval.requested",
                     "resolve": "step.in_doubt"}.get(task["kind"])
            if first:
                self.has(mine, first, what)
            if task["state"] in words:
                self.has(mine, words[task["state"]], what)
                told = {e["actor"] for e in mine if e["kind"] == words[task["state"]]}
                if task["decided_by"] and "u:" + task["decided_by"] not in told:
                    self.say("%s was decided by %s, its log says %s", what, task["decided_by"],
                             sorted(told))
            if task["state"] == "expired":
                self.has(mine, "approval.expired" if task["kind"] == "approve"
                         else "task.expired", what)

    def advisories(self):
        changes = collections.Counter(a["case_id"] for a in rows(self.db, "advisory")
                                      for _ in range(a["version"]))
        for case, n in changes.items():
            told = sum(e["kind"].startswith("advisory.") for e in self.by_case[case])
            if told < n:
                self.say("advisories of %s changed %d times, its log says %d", case, n, told)

    def starts(self):
        # A start is written before the epoch is raised: as many as there are epochs.
        epochs = {e["node"] for e in self.log if not e["node"].endswith(",0")}
        if len(epochs) > self.kinds["audit.start"]:
            self.say("%d epochs, %d audit.start", len(epochs), self.kinds["audit.start"])

    def who(self):
        for e in self.log:
            if not e.get("actor") or not e.get("auth"):
                self.say("entry %s does not say who: %s", e.get("seq"), dict(e))
            if e["kind"].startswith(("track.", "advisory.")) and not ("to" in e and "from" in e):
                self.say("entry %s, %s, has no from and to", e.get("seq"), e["kind"])


def damaged(db):
    """Somebody cheats in this test: then it is not about missing calls."""
    return any(hashlib.sha256(b"\0" + text.encode("utf-8", "replace")).digest() != leaf
               for text, leaf in db.execute("SELECT text, leaf FROM entry"))


def kinds(database):
    """Of every entry that is there."""
    with sqlite3.connect("file:%s?mode=ro" % database, uri=True) as db:
        return {line[5:] for text, in db.execute("SELECT text FROM entry")
                for line in text.splitlines() if line.startswith("kind ")}


def complaints(database):
    with sqlite3.connect("file:%s?mode=ro" % database, uri=True) as db:
        if damaged(db):
            return []
        check = Check(db)
        for rule in ("cases", "tracks", "messages", "told", "events", "counted", "runs", "tasks", "advisories",
                     "starts", "who"):
            getattr(check, rule)()
    return check.wrong
