"""What each report must say, computed from an exported log with Python's standard library alone:
no SQL, no code of tocsin. `entries` are parsed lines of `tocsin audit export`, `opened[seq]` what
stands beside them."""
import collections
import datetime
import hashlib
import json

RANK = {"clear": 0, "green": 1, "amber": 2, "amber+strict": 3, "red": 4}


def rfc3339(ms):
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ms % 1000)


def parse_time(text):
    when = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    delta = when - datetime.datetime(1970, 1, 1)
    fraction = text[20:].rstrip("Z") or "0"
    return (delta.days * 86400 + delta.seconds) * 1000 + int(fraction[:3].ljust(3, "0"))


class Entry(dict):
    """One parsed entry; absent keys read as None."""

    def __init__(self, text):
        super().__init__(line.split(" ", 1) for line in text.splitlines()[1:])
        for key in ("seq", "rseq", "ref", "attempt"):
            if key in self:
                self[key] = int(self[key])
        self["ms"] = parse_time(self["time"])
        self["leaf"] = hashlib.sha256(b"\0" + text.encode()).hexdigest()

    def __missing__(self, _):
        return None


def load(lines):
    out = []
    for line in lines:
        item = json.loads(line)
        if "entry" in item:
            out.append(Entry(item["entry"]))
    return out


class Log:
    def __init__(self, entries, opened, now):
        self.all = entries
        self.opened = opened
        self.now = now
        self.by_case = collections.defaultdict(list)
        self.by_run = collections.defaultdict(list)
        self.by_ref = collections.defaultdict(list)
        for e in entries:
            if e["case"]:
                self.by_case[e["case"]].append(e)
            if e["run"]:
                self.by_run[e["run"]].append(e)
            if e["ref"] is not None:
                self.by_ref[e["ref"]].append(e)

    def open(self, e, field, *path):
        value = self.opened.get(e["seq"], {}).get(field)
        for name in path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def kind(self, *kinds):
        return [e for e in self.all if e["kind"] in kinds]

    # -- what several reports need

    def embargoes(self, case):
        """[(set, lift or None)]"""
        mine = self.by_case[case]
        sets = [e["seq"] for e in mine if e["kind"] == "case.embargo.set"
                or (e["kind"] == "track.embargo" and e["to"] in ("proposed", "active")
                    and e["from"] in (None, "none", "exited"))]
        if not sets:
            sets = [e["seq"] for e in mine if e["kind"] == "case.created"
                    and RANK.get(e["tlp"], 2) >= 2]
        lifts = [e["seq"] for e in mine
                 if e["kind"] in ("case.embargo.lifted", "advisory.published")
                 or (e["kind"] == "track.embargo" and e["to"] in ("exited", "none"))]
        return [(s, next((x for x in lifts if x > s), None)) for s in sets]

    def is_effect(self, e):
        return (e["kind"] == "step.intent" and e["attempt"] == 1
                and not e["reason"].startswith("wait:") and e["reason"] != "sleep")

    def result(self, intent):
        found = [x for x in self.by_run[intent["run"]]
                 if x["kind"] == "step.result" and x["step"] == intent["step"]]
        return found[-1] if found else None

    def granted_before(self, run, seq):
        found = [x for x in self.by_run[run] if x["kind"] == "approval.granted"
                 and x["seq"] < seq]
        return found[-1] if found else None

    def reads(self):
        """(case, entry) of every look at a case"""
        for e in self.kind("access.read", "case.read"):
            for case in [e["case"]] if e["case"] else self.open(e, "args", "cases") or []:
                yield case, e

    # -- the reports

    def case_timeline(self):
        return [[e["seq"], rfc3339(e["ms"]), None, None, e["kind"], e["actor"], e["auth"],
                 e["run"], e["step"], e["attempt"], e["outcome"], e["reason"], e["from"],
                 e["to"], e["chain"], e["rseq"], e["rprev"], e["leaf"], None]
                for e in self.all if e["case"]]

    def clocks(self, law):
        rows = []
        for s in self.kind("clock.started"):
            if s["reason"] != law and not s["reason"].startswith(law + "-"):
                continue
            met = next((m for m in self.by_case[s["case"]] if m["kind"] == "clock.met"
                        and m["reason"] == s["reason"] and m["seq"] > s["seq"]), None)
            due = parse_time(s["to"])
            end = met["ms"] if met else self.now
            margin = int((due - end) / 1000)
            state = (("met" if met["ms"] <= due else "late") if met
                     else "running" if self.now <= due else "missed")
            rows.append([s["seq"], s["case"], s["reason"], rfc3339(s["ms"]), s["to"],
                         rfc3339(met["ms"]) if met else None, met["seq"] if met else None,
                         margin, state])
        return rows

    def cra_clock(self):
        return self.clocks("cra")

    def nis2_clock(self):
        return self.clocks("nis2")

    def who_knew_when(self):
        groups = {}
        for case, r in self.reads():
            for s, lift in self.embargoes(case):
                if r["seq"] > s and (lift is None or r["seq"] < lift):
                    groups.setdefault((case, r["actor"]), []).append((r, lift))
        rows = []
        for (case, actor), found in groups.items():
            reads = [r for r, _ in found]
            lifts = [lift for _, lift in found]
            auths = []
            for r in reads:
                if r["auth"] not in auths:
                    auths.append(r["auth"])
            rows.append([case, actor, ",".join(auths), rfc3339(min(r["ms"] for r in reads)),
                         rfc3339(max(r["ms"] for r in reads)), len(reads),
                         min(r["seq"] for r in reads), max(r["seq"] for r in reads),
                         "under embargo" if None in lifts else "before lift",
                         max([x for x in lifts if x is not None], default=None)])
        return sorted(rows, key=lambda row: (row[6], row[0]))

    def embargo_leak_check(self):
        rows = []
        for i in self.all:
            if not self.is_effect(i) or not i["case"]:
                continue
            for s, lift in self.embargoes(i["case"]):
                if i["seq"] > s and (lift is None or i["seq"] < lift):
                    done, by = self.result(i), self.granted_before(i["run"], i["seq"])
                    rows.append([i["seq"], i["case"], rfc3339(i["ms"]), i["run"], i["step"],
                                 i["reason"], done["outcome"] if done else "open", s, lift,
                                 by["actor"] if by else None, by["seq"] if by else None])
        return rows

    def irreversible(self):
        for e in self.all:
            if e["kind"] == "advisory.published":
                yield e, "advisory.publish"
            elif self.is_effect(e):
                a = e["reason"]
                if (a.startswith("notify.") or a.endswith(".apply") or any(
                        "." + verb in a for verb in ("publish", "disclose", "block", "isolate",
                                                     "contain", "revoke"))):
                    yield e, a

    def approvals(self):
        rows = []
        for e, action in self.irreversible():
            if not e["run"] or not self.granted_before(e["run"], e["seq"]):
                rows.append([e["seq"], e["case"], rfc3339(e["ms"]), "no approval", action,
                             e["run"], e["step"], None, None])
        for g in self.kind("approval.granted"):
            for s in self.by_run[g["run"]]:
                if (s["kind"] == "run.started" and s["actor"] == g["actor"]
                        and g["actor"].startswith("u:")):
                    rows.append([g["seq"], g["case"], rfc3339(g["ms"]), "self approval",
                                 g["playbook"], g["run"], g["step"], g["actor"], g["ref"]])
        for x in self.kind("approval.expired", "approval.denied"):
            rows.append([x["seq"], x["case"], rfc3339(x["ms"]), x["kind"].split(".")[1],
                         x["playbook"], x["run"], x["step"], x["actor"], x["ref"]])
        return sorted(rows, key=lambda row: row[0])

    def open_intents(self):
        last = {}
        for i in self.kind("step.intent"):
            last[i["run"], i["step"]] = i
        rows = []
        for i in last.values():
            done = self.result(i)
            if done and done["outcome"] != "unknown":
                continue
            rows.append([i["seq"], i["case"], rfc3339(i["ms"]), i["run"], i["step"],
                         i["attempt"], i["reason"], i["idem"],
                         "unknown" if done else "no result", done["seq"] if done else None,
                         (self.now - i["ms"]) // 1000])
        return sorted(rows, key=lambda row: row[0])

    def triaged(self, e):
        return e["kind"] == "task.answered" or (e["kind"] == "case.updated"
                                                and e["reason"] == "severity")

    def dispositions(self):
        rows = []
        for trig in self.kind("trigger.received", "trigger.duplicate", "trigger.rejected"):
            first = next((x for x in self.by_ref[trig["seq"]] if x["case"]), None)
            case = first["case"] if first else None
            done = [x["ms"] for x in self.by_case[case] if self.triaged(x)] if case else []
            word = ("case" if case else {"trigger.duplicate": "duplicate",
                                         "trigger.rejected": "rejected"}.get(trig["kind"],
                                                                             "none"))
            rows.append([trig["seq"], rfc3339(trig["ms"]), trig["reason"], trig["actor"], word,
                         case, first["seq"] if first else None,
                         int((min(done) - trig["ms"]) / 1000) if done else None])
        return rows

    def cases(self):
        out = {}
        for e in self.kind("case.created"):
            mine = self.by_case[e["case"]]
            severity, product = e["to"], self.open(e, "args")
            for u in mine:
                if u["kind"] != "case.updated":
                    continue
                if u["reason"] == "severity":
                    severity = u["to"]
                if self.open(u, "diff", "product") is not None:
                    product = self.open(u, "diff", "product", "to") or product
            out[e["case"]] = (e, severity, product or "none")
        return out

    def mttx(self):
        groups = collections.defaultdict(list)
        for case, (made, severity, product) in self.cases().items():
            mine = self.by_case[case]
            ends = {
                "triage": [x for x in mine if self.triaged(x)],
                "notify": [x for x in mine if x["kind"] == "advisory.published"],
                "close": [x for x in mine if x["kind"] == "case.closed"],
                "contain": [],
            }
            for i in mine:
                a = i["reason"] or ""
                if self.is_effect(i) and (a.endswith(".apply") or any(
                        "." + verb in a for verb in ("block", "isolate", "contain", "revoke"))):
                    ends["contain"] += [x for x in self.by_run[i["run"]]
                                        if x["kind"] == "step.result" and x["step"] == i["step"]
                                        and x["outcome"] == "ok"]
            for phase, found in ends.items():
                if found:
                    first = min(found, key=lambda x: x["seq"])
                    groups[phase, severity, product].append((first["ms"] - made["ms"],
                                                             first["seq"]))
        rows = []
        for key in sorted(groups):
            took = sorted(groups[key])
            n = len(took)
            rows.append(list(key) + [
                n, took[(n + 1) // 2 - 1][0] // 1000, took[(9 * n + 9) // 10 - 1][0] // 1000,
                took[-1][0] // 1000, sum(x for x, _ in took) // n // 1000, took[-1][1]])
        return rows

    def failed_steps(self):
        groups = {}
        for f in self.kind("step.result", "step.retry", "step.compensated"):
            if f["kind"] == "step.result" and f["outcome"] not in (
                    "fail", "timeout", "unknown", "cancelled"):
                continue
            action = next((i["reason"] for i in self.by_run[f["run"]]
                           if i["kind"] == "step.intent" and i["step"] == f["step"]), "none")
            g = groups.setdefault((f["playbook"], action), [0] * 6 + [f["seq"], 0])
            if f["kind"] == "step.result":
                g[("fail", "timeout", "unknown", "cancelled").index(f["outcome"])] += 1
            else:
                g[4 if f["kind"] == "step.retry" else 5] += 1
            g[7] = f["seq"]
        # A sum over no known outcome is null, as in SQL.
        rows = []
        for key in sorted(groups):
            g = groups[key]
            if not any(g[:4]):
                g[:4] = [None] * 4
            rows.append(list(key) + g)
        return rows

    def privileged(self):
        heads = ("token.", "user.", "role.", "config.", "playbook.", "plugin.", "secret.",
                 "schema.", "audit.key.", "audit.epoch.")
        whole = ("audit.erase", "run.cancelled", "case.merged", "case.hold.set",
                 "case.hold.lifted")
        return [[e["seq"], rfc3339(e["ms"]), e["kind"], e["actor"], e["auth"], e["outcome"],
                 e["reason"], e["from"], e["to"], e["case"], self.open(e, "note")]
                for e in self.all if e["kind"].startswith(heads) or e["kind"] in whole
                or e["actor"] == "op:owner"]

    def auth_failures(self):
        groups = {}
        for e in self.kind("auth.failed", "access.denied"):
            key = (e["ms"] // 3600000, e["reason"], self.open(e, "src", "peer") or "unknown")
            groups.setdefault(key, []).append(e)
        rows = []
        for key in sorted(groups):
            found = groups[key]
            n = sum(self.open(e, "src", "count") or 1 for e in found)
            rows.append([rfc3339(key[0] * 3600000), key[1], key[2], n, len(found),
                         "burst" if n >= 20 else "single", found[0]["seq"], found[-1]["seq"]])
        return rows

    def approver(self, e):
        by = self.all[e["ref"]] if e["ref"] is not None else None
        return by["actor"] if by and by["kind"] == "approval.granted" else None

    def access_changes(self):
        return [[e["seq"], rfc3339(e["ms"]), e["kind"], e["actor"], e["auth"],
                 self.open(e, "note"), e["from"], e["to"], e["ref"], self.approver(e)]
                for e in self.all if e["kind"].startswith(("token.", "user.", "role.",
                                                           "auth.token."))
                or e["kind"] in ("case.access.granted", "case.access.revoked")]

    def log_access(self):
        return [[e["seq"], rfc3339(e["ms"]), e["kind"], e["actor"], e["auth"], e["outcome"],
                 e["reason"], self.open(e, "args", "query"), self.open(e, "args", "format"),
                 self.open(e, "args", "before")]
                for e in self.kind("audit.read", "audit.query", "audit.export", "audit.verify")]

    def log_continuity(self):
        rows = []
        running = False
        for e in self.all:
            k = e["kind"]
            if k in ("audit.start", "audit.stop", "audit.gap") or k.startswith("audit.epoch."):
                silent = None
                if k == "audit.start" and e["seq"] > 0:
                    silent = int((e["ms"] - self.all[e["seq"] - 1]["ms"]) / 1000)
                state = "after a crash" if k == "audit.start" and running else "in order"
                rows.append([e["seq"], rfc3339(e["ms"]), k, e["node"], state, silent,
                             e["reason"]])
            if k == "audit.start":
                running = True
            elif k == "audit.stop":
                running = False
        return rows

    def integrity(self):
        return [[e["seq"], rfc3339(e["ms"]), e["kind"], e["actor"], e["outcome"], e["reason"],
                 e["to"], (self.now - e["ms"]) // 1000, self.open(e, "args", "tool"),
                 self.open(e, "args", "checkpoint")]
                for e in self.all if e["kind"] in ("audit.verify", "audit.checkpoint")
                or e["kind"].startswith(("audit.key.", "audit.witness"))]

    def clock(self):
        rows = []
        before = None
        for e in self.all:
            sync, error, boot, mono = e["clock"].split(",")
            here = (e["ms"], sync, boot, int(mono))
            if before:
                drift = (here[0] - before[0]) - (here[3] - before[3]) // 1000000
                if here[2] == before[2] and abs(drift) > 1000:
                    rows.append([e["seq"], rfc3339(e["ms"]), e["node"], "step", drift])
            if (before is None and sync == "u") or (before and before[1] != sync):
                rows.append([e["seq"], rfc3339(e["ms"]), e["node"],
                             "synchronised" if sync == "s" else "not synchronised",
                             int(error) // 1000])
            before = here
        return sorted(rows, key=lambda row: (row[0], row[3]))

    def change_log(self):
        return [[e["seq"], rfc3339(e["ms"]), e["kind"], e["actor"], e["auth"], e["playbook"],
                 e["from"], e["to"], e["c.diff"], e["ref"], self.approver(e)]
                for e in self.all if e["kind"].startswith(("config.", "playbook.", "plugin.",
                                                           "schema.", "secret."))]

    def playbook_as_run(self):
        rows = []
        deployed, newest = {}, {}
        for e in self.all:
            if e["kind"] == "playbook.deployed":
                deployed[e["playbook"]] = e
                newest[e["playbook"].split("@")[0]] = e
            elif e["kind"] == "run.started":
                d = deployed.get(e["playbook"])
                state = "never deployed"
                if d:
                    state = ("newest version"
                             if newest[e["playbook"].split("@")[0]]["seq"] == d["seq"]
                             else "older version")
                rows.append([e["seq"], e["case"], rfc3339(e["ms"]), e["run"], e["playbook"],
                             e["actor"], d["seq"] if d else None,
                             rfc3339(d["ms"]) if d else None, d["actor"] if d else None, state])
        return rows

    def retention(self):
        classes = {}
        for e in self.all:
            classes.setdefault(e["ret"] or "default", []).append(e)
        rows = []
        for name, found in classes.items():
            oldest = min(e["ms"] for e in found)
            rows.append(["kept", name, len(found), rfc3339(oldest),
                         (self.now - oldest) // 86400000, None, None, found[0]["seq"]])
        for e in self.kind("audit.erase", "case.hold.set", "case.hold.lifted"):
            word = {"audit.erase": "erased", "case.hold.set": "held"}.get(e["kind"],
                                                                         "hold lifted")
            rows.append([word, e["case"] or e["from"], 1, rfc3339(e["ms"]),
                         (self.now - e["ms"]) // 86400000, e["reason"], e["actor"], e["seq"]])
        return sorted(rows, key=lambda row: (row[0], row[1], row[7]))

    def evidence_chain(self):
        kinds = ("report.received", "signal.received", "evidence.added", "attachment.added")
        rows = []
        first = {}
        for e in self.all:
            if e["case"] and e["kind"] in kinds:
                first.setdefault(e["case"], e["seq"])
                rows.append([e["seq"], e["case"], rfc3339(e["ms"]), "collected", e["kind"],
                             e["actor"], e["auth"], e["c.subject"] or e["c.args"], e["seq"]])
        looks = [(case, e, "read", "access.read") for case, e in self.reads()]
        looks += [(e["case"], e, "exported", e["kind"]) for e in self.kind("audit.export")]
        for case, e, what, kind in looks:
            if case in first and first[case] < e["seq"]:
                rows.append([e["seq"], case, rfc3339(e["ms"]), what, kind, e["actor"],
                             e["auth"], None, first[case]])
        return sorted(rows, key=lambda row: (row[0], row[1]))

    def notified_customers(self):
        rows = []
        for i in self.all:
            if not self.is_effect(i) or not i["reason"].startswith(("mail.", "notify.")):
                continue
            to = self.open(i, "args", "args", "to")
            for address in to if isinstance(to, list) else [to] if to else []:
                done = self.result(i)
                whole = json.dumps(self.opened[i["seq"]]["args"], sort_keys=True,
                                   separators=(",", ":"))
                rows.append([
                    i["seq"], i["case"], rfc3339(i["ms"]), i["reason"],
                    hashlib.sha256(address.lower().encode()).hexdigest()[:16],
                    self.open(i, "args", "args", "template"),
                    hashlib.sha256(whole.encode()).hexdigest()[:16],
                    done["outcome"] if done else "open", rfc3339(done["ms"]) if done else None,
                    done["seq"] if done else None])
        for b in self.kind("track.notice"):
            if b["to"] == "bounced":
                address = self.opened[b["seq"]]["subject"]
                rows.append([b["seq"], b["case"], rfc3339(b["ms"]), "bounce",
                             hashlib.sha256(address.lower().encode()).hexdigest()[:16], None, None,
                             "bounced", rfc3339(b["ms"]), b["seq"]])
        return sorted(rows, key=lambda row: (row[0], row[4]))

    def post_incident(self):
        rows = []
        for c in self.kind("case.closed"):
            mine = self.by_case[c["case"]]
            reviewed = any((x["kind"] == "case.note" and x["reason"] == "review")
                           or self.open(x, "diff", "review") is not None for x in mine)
            if not reviewed:
                rows.append([c["seq"], c["case"], "no review", rfc3339(c["ms"]), c["reason"]])
            for a in mine:
                if a["kind"] in ("task.asked", "approval.requested") and not self.result(a):
                    rows.append([a["seq"], a["case"], "open action", rfc3339(a["ms"]),
                                 a["reason"]])
        return sorted(rows, key=lambda row: row[0])

    def sample(self, seed):
        rows = []
        for case, (made, severity, _) in self.cases().items():
            draw = hashlib.sha256((seed + " " + case).encode()).hexdigest()
            rows.append((draw, [made["seq"], case, rfc3339(made["ms"]), made["reason"], severity,
                                len(self.by_case[case]), draw[:16]]))
        return [row for _, row in sorted(rows)]
