"""A made-up history of many cases for the tests of the log's views: repeatable from its seed."""
import json
import os
import random
import subprocess

import tocsin_test as t

SEED_BINARY = os.path.join(t.BUILD, "log_seed")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
START = 1764000000000  # 2025-11-24T16:00:00Z
HOUR, DAY = 3600000, 86400000
PEOPLE = ["u:resp1", "u:resp2", "u:duty1", "u:lead1", "u:audit1"]
PRODUCTS = ["edge-gw", "hub", "sensor"]
ACTIONS = ["mail.send", "edge.block", "http.request", "notify.customers", "host.isolate",
           "case.set", "ticket.open"]


def rfc3339(ms):
    import datetime
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ms % 1000)


class History:
    """Events with symbolic references, put in time order at the end."""

    def __init__(self, seed, cases):
        self.random = random.Random(seed)
        self.events = []
        self.rows = []
        self.names = 0
        self.ulids = 0
        self.playbooks = {}
        for number in range(cases):
            self.case(number, START + number * 7 * 60000)
        self.system(START + cases * 7 * 60000 + 40 * DAY, cases)
        self.events.sort(key=lambda e: (e["at"], e["order"]))
        where = {}
        for seq, event in enumerate(self.events):
            where[event.pop("name")] = seq
            event.pop("order")
        for event in self.events:
            if isinstance(event.get("ref"), str):
                event["ref"] = where.get(event["ref"], -1)

    def ulid(self):
        self.ulids += 1
        n, out = self.ulids, ""
        for _ in range(10):
            out = ALPHABET[n % 32] + out
            n //= 32
        tail = "".join(self.random.choice(ALPHABET) for _ in range(10))
        return "01JDB3" + out + tail

    def add(self, at, kind, **more):
        self.names += 1
        event = {"at": int(at), "kind": kind, "name": "n%d" % self.names, "order": self.names}
        event.update({key: value for key, value in more.items() if value is not None})
        self.events.append(event)
        return event["name"]

    def chance(self, p):
        return self.random.random() < p

    # -- one case

    def case(self, number, at):
        r = self.random
        case = self.ulid()
        tlp = r.choice([None, "clear", "green", "amber", "amber+strict", "red"])
        common = {"case": case, "case_chain": True, "tlp": tlp}
        trigger = self.add(at, "trigger.received", actor="svc:intake", reason="report.accepted",
                           idem="%064x" % r.getrandbits(256),
                           fields={"args": {"kind": "report.accepted"}})
        if self.chance(0.1):
            self.add(at + 5000, "trigger.duplicate", actor="svc:intake",
                     reason="report.accepted", ref=trigger)
        severity = r.choice(["low", "medium", "high", "critical", "none"])
        self.add(at + 5, "case.created", actor="svc:intake", reason=r.choice(
            ["incident", "weakness", "upstream"]), to=severity, ref=trigger,
            fields={"subject": "Token reuse %d" % number,
                    **({"args": r.choice(PRODUCTS)} if self.chance(0.8) else {})}, **common)
        self.add(at + 6, "report.received", actor=r.choice(PEOPLE), reason="incident",
                 ref=trigger, fields={"args": {"n": number}, "src": "api",
                                      "subject": "TR-%04d" % number}, **common)
        if self.chance(0.2):
            self.add(at + r.randint(10, HOUR), "case.embargo.set", actor="u:lead1", **common)
        elif self.chance(0.4):
            when, state = at + r.randint(10, HOUR), "none"
            for to in r.choice([("active",), ("proposed", "active", "exited"),
                                ("active", "revise", "exited"), ("proposed", "none")]):
                self.add(when, "track.embargo", actor="u:lead1", to=to, **{"from": state},
                         **common)
                when, state = when + r.randint(HOUR, 10 * DAY), to
        if self.chance(0.7):
            self.add(at + r.randint(1000, 3 * DAY), "case.updated", actor=r.choice(PEOPLE),
                     reason="severity", to=r.choice(["low", "high", "critical"]),
                     fields={"diff": {"severity": {"from": severity}}},
                     **{"from": severity}, **common)
        if self.chance(0.2):
            self.add(at + r.randint(1000, DAY), "case.updated", actor=r.choice(PEOPLE),
                     reason="facts", fields={"diff": {"product": {
                         "from": None, "to": r.choice(PRODUCTS)}}}, **common)
        for _ in range(r.randint(0, 3)):
            self.add(at + r.randint(10, 20 * DAY), r.choice(["access.read", "case.read"]),
                     actor=r.choice(PEOPLE), auth=r.choice(["token", "local"]), **common)
        if self.chance(0.3):
            when, state = at + r.randint(10, 5 * DAY), "none"
            for to in r.choice([("sent",), ("sent", "bounced"), ("failed", "sent", "bounced")]):
                self.add(when, "track.notice", actor="svc:mail", to=to, reason="publication",
                         fields={"subject": "SOC%d@customer.example" % r.randint(1, 9)},
                         **{"from": state}, **common)
                when, state = when + r.randint(1000, DAY), to
        for clock, due in (("cra-early-warning", DAY), ("cra-notification", 3 * DAY),
                           ("nis2-early-warning", DAY), ("assess", DAY)):
            if self.chance(0.4):
                begun = at + r.randint(0, HOUR)
                self.add(begun, "clock.started", reason=clock, to=rfc3339(begun + due),
                         fields={"args": {"name": clock}}, **common)
                if self.chance(0.7):
                    met = begun + r.randint(1000, 2 * due)
                    self.add(met, "clock.met", reason=clock, to=rfc3339(begun + due),
                             outcome="ok" if met <= begun + due else "timeout", **common)
        for _ in range(r.randint(0, 2)):
            self.run(case, tlp, at + r.randint(100, DAY))
        if self.chance(0.4):
            self.add(at + r.randint(DAY, 30 * DAY), "advisory.published", actor="svc:advisory",
                     outcome="ok", fields={"result": {"name": "SA-%d" % number}}, **common)
        if self.chance(0.3):
            self.add(at + r.randint(DAY, 30 * DAY), "case.embargo.lifted", actor="u:lead1",
                     **common)
        if self.chance(0.6):
            closed = at + r.randint(5 * DAY, 35 * DAY)
            self.add(closed, "case.closed", actor=r.choice(PEOPLE), reason="fixed",
                     outcome="ok", to="closed", **{"from": "open"}, **common)
            if self.chance(0.4):
                self.add(closed + r.randint(1000, DAY), "case.note", actor=r.choice(PEOPLE),
                         reason="review", fields={"note": "what we learned"}, **common)
            elif self.chance(0.2):
                self.add(closed - 1000, "case.updated", actor=r.choice(PEOPLE), reason="facts",
                         fields={"diff": {"review": {"from": None, "to": "done"}}}, **common)
        if self.chance(0.05):
            self.add(at + r.randint(DAY, 30 * DAY), "case.hold.set", actor="u:lead1",
                     reason="litigation", **common)
        if self.chance(0.05):
            self.add(at + r.randint(DAY, 40 * DAY), "audit.export", actor="u:audit1",
                     auth="token", reason="jsonl", fields={"args": {
                         "format": "jsonl", "query": "case:x"}}, **common)

    # -- one run of it

    def run(self, case, tlp, at):
        r = self.random
        run = self.ulid()
        name = r.choice(["customer-incident", "upstream", "rotate"])
        versions = self.playbooks.setdefault(name, [])
        if not versions or self.chance(0.1):
            version = "%s@%d@%016x" % (name, len(versions) + 1, r.getrandbits(64))
            versions.append(version)
            if self.chance(0.9):
                self.add(at - r.randint(1, HOUR), "playbook.deployed", playbook=version,
                         actor=r.choice(["svc:engine", "u:lead1"]))
        playbook = r.choice(versions)
        base = {"case": case, "run": run, "playbook": playbook}
        starter = r.choice(PEOPLE + ["svc:intake"])
        self.add(at, "run.opened", actor=starter, case_chain=True, **base)
        self.add(at + 1, "run.started", actor=starter, fields={"args": {}}, **base)
        when = at + 2
        for number in range(r.randint(1, 6)):
            when += r.randint(10, 4 * HOUR)
            step = "0.%d" % (number + 1)
            kind = r.random()
            if kind < 0.2:
                asked = self.add(when, "task.asked", step=step, attempt=1, reason="ask",
                                 fields={"args": {"kind": "ask"}}, **base)
                if self.chance(0.7):
                    self.add(when + 1000, "task.answered", step=step, actor=r.choice(PEOPLE),
                             outcome="ok", ref=asked, fields={"result": {}}, **base)
                    self.result(when + 1001, step, base, "ok", "answered")
            elif kind < 0.4:
                asked = self.add(when, "approval.requested", step=step, attempt=1,
                                 reason="approve", fields={"args": {"kind": "approve"}}, **base)
                what = r.random()
                if what < 0.6:
                    self.add(when + 1000, "approval.granted", step=step, actor=r.choice(PEOPLE),
                             auth="local", outcome="ok", ref=asked, fields={"args": {}}, **base)
                    self.result(when + 1001, step, base, "ok", "approved")
                elif what < 0.75:
                    self.add(when + 1000, "approval.denied", step=step, actor=r.choice(PEOPLE),
                             outcome="denied", ref=asked, **base)
                    self.result(when + 1001, step, base, "ok", "rejected")
                elif what < 0.9:
                    self.add(when + 1000, "approval.expired", step=step, outcome="timeout",
                             ref=asked, **base)
                    self.result(when + 1001, step, base, "timeout", None)
            elif kind < 0.5:
                self.add(when, "step.intent", step=step, attempt=1,
                         reason=r.choice(["wait:fix.ready", "sleep"]),
                         fields={"args": {"kind": "wait"}}, **base)
                if self.chance(0.7):
                    self.result(when + 1000, step, base, "ok", None)
            else:
                self.effect(when, step, base, tlp)
        if self.chance(0.2):
            self.add(when + 20000, "run.cancelled", actor=r.choice(PEOPLE), outcome="cancelled",
                     fields={"note": "by mistake"}, **base)
        if self.chance(0.8):
            self.add(when + DAY, "run.closed", outcome="ok", fields={"result": {}}, **base)
            self.add(when + DAY + 1, "run.ended", outcome="ok", case_chain=True, **base)

    def effect(self, when, step, base, tlp):
        r = self.random
        action = r.choice(ACTIONS)
        idem = "%032x" % r.getrandbits(128)
        args = {}
        if action in ("mail.send", "notify.customers"):
            to = ["c%d@customer%d.example" % (r.randint(1, 9), r.randint(1, 5))
                  for _ in range(r.randint(1, 3))]
            args["to"] = r.choice([to, to[0], to[0].upper()])
            args["template"] = r.choice(["ack", "update"])
        tries = r.choice([1, 1, 1, 2])
        for attempt in range(1, tries + 1):
            self.add(when + attempt * 100, "step.intent", step=step, attempt=attempt, idem=idem,
                     reason=action, fields={"args": {"args": args, "kind": "call", "name": action,
                                                     "opts": {}}} if attempt == 1 else None,
                     **base)
            if attempt < tries:
                self.add(when + attempt * 100 + 50, "step.retry", step=step, attempt=attempt,
                         idem=idem, outcome="fail", reason="R020", **base)
        what = r.random()
        if what < 0.75:
            self.result(when + 1000, step, base, "ok", action, idem, tries)
        elif what < 0.95:
            self.result(when + 1000, step, base, r.choice(
                ["fail", "timeout", "unknown", "cancelled"]), "R020", idem, tries)

    def result(self, at, step, base, outcome, reason, idem=None, attempt=1):
        self.add(at, "step.result", step=step, outcome=outcome, reason=reason, idem=idem,
                 attempt=attempt, fields={"result": {}}, **base)

    # -- what belongs to no case

    def system(self, end, cases):
        r = self.random
        for number in range(max(4, cases // 20)):
            at = START + r.randint(0, end - START)
            self.add(at, "audit.start", actor="svc:tocsin")
            if self.chance(0.7):
                self.add(at + r.randint(HOUR, 5 * HOUR), "audit.stop", actor="svc:tocsin")
        for number in range(max(10, cases // 5)):
            at = START + r.randint(0, end - START)
            kind = r.choice(["token.created", "token.revoked", "config.changed", "user.invited",
                             "role.granted", "audit.query", "audit.verify", "audit.checkpoint",
                             "audit.erase", "auth.failed", "auth.failed", "access.denied",
                             "trigger.received", "trigger.rejected", "plugin.loaded",
                             "audit.export", "case.read"])
            more = {}
            if kind in ("auth.failed", "access.denied"):
                more = {"actor": "none", "outcome": "denied",
                        "reason": r.choice(["bad_token", "expired"]),
                        "fields": {"src": {"count": r.randint(1, 15), "peer": r.choice(
                            ["192.0.2.1", "192.0.2.2"])}}}
            elif kind == "case.read":
                shown = [e["case"] for e in self.events if e["kind"] == "case.created"]
                more = {"actor": r.choice(PEOPLE), "auth": "token",
                        "fields": {"args": {"cases": r.sample(shown, 3)}}}
            elif kind.startswith("trigger."):
                more = {"actor": "svc:feed", "reason": "advisory.matched"}
            elif kind == "audit.erase":
                more = {"actor": "u:lead1", "reason": "gdpr-17", "from": "case:x"}
            elif kind in ("audit.verify", "audit.query", "audit.export"):
                more = {"actor": "u:audit1", "auth": "token", "reason": "entries",
                        "outcome": "ok", "fields": {"args": {
                            "query": "kind:x", "tool": "tocsin-verify"}}}
            elif kind == "config.changed":
                more = {"actor": r.choice(["op:owner", "u:lead1"]),
                        "fields": {"diff": {"x": number}}}
            else:
                more = {"actor": r.choice(PEOPLE + ["op:owner"]),
                        "fields": {"note": "object %d" % number}}
            self.add(at, kind, ret=r.choice([None, None, "short"]), **more)

    def lines(self):
        return "".join(json.dumps(event) + "\n" for event in self.events)


def seed(database, keyfile, text):
    """Writes the log; how many entries it has."""
    done = subprocess.run([SEED_BINARY, database, keyfile], input=text, capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
