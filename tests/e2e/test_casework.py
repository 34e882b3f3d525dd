#!/usr/bin/env python3
"""Casework on the real binary: tracks, forced moves, many reports in many cases, merge and split."""
import os
import sys

import tocsin_test as t

CONFIG = {"rules": [], "products": [{"id": "edge-gw", "name": "Edge Gateway"}]}


def make_node():
    return t.make_dir(CONFIG)


def report(node, title, key=None, kind="weakness"):
    out = node.cli("report", "submit", "--kind", kind, "--title", title, "--product", "edge-gw",
                   "--mail", "finder@lab.example", "--text", "details of " + title, check=0)
    return out.json["receipt"], out.json["case"]


def do(node, case, operation, person="resp1", check=0, **args):
    flags = []
    for key, value in args.items():
        flags += ["--set", "%s=%s" % (key, value)]
    return node.cli("case", "do", case, operation, *flags, as_person=person, check=check)


def tracks(node, case):
    return node.cli("case", "tracks", case, check=0).json


def state(node, case, track, subject=None):
    rows = tracks(node, case).get(track, [])
    for row in rows:
        if subject is None or subject in (row["name"], row["subject"]):
            return row["state"]
    return None


def test_tracks_move_by_their_tables():
    with make_node() as node:
        node.start()
        receipt, case = report(node, "Heap overflow")
        now = tracks(node, case)
        assert state(node, case, "report", receipt) == "received", now
        assert state(node, case, "facts") == "Vfdpxa", now
        assert now["phase"]["name"] == "TRIAGE" and "cwe" in now["phase"]["next_needs"], now
        subject = now["report"][0]["subject"]
        # No short cut, a word that is no state, a missing subject: refused with what would fit.
        wrong = do(node, case, "track.move", check=5, track="report", subject=subject, to="accepted")
        assert wrong.error["code"] == "W001" and "valid" in wrong.error["hint"], wrong
        wrong = do(node, case, "track.move", check=(1, 2), track="report", subject=subject, to="good")
        assert wrong.error["code"] == "W003", wrong
        wrong = do(node, case, "track.move", check=(1, 2), track="document", to="in_review")
        assert wrong.error["code"] == "W005", wrong
        for to in ("valid", "accepted", "deferred", "accepted"):
            do(node, case, "track.move", track="report", subject=subject, to=to)
        # What is deployed was fixed before; what is public, the vendor knows.
        wrong = do(node, case, "fact.seen", check=5, fact="fix_deployed")
        assert wrong.error["code"] == "W001", wrong
        do(node, case, "fact.seen", fact="exploit_public", evidence="seen on a list")
        assert state(node, case, "facts") == "VfdPXa"
        do(node, case, "fact.seen", fact="fix_ready", at="2026-01-02T03:04:05Z")
        wrong = do(node, case, "fact.seen", check=(1, 2), fact="fix_deployed",
                   at="2999-01-01T00:00:00Z")
        assert wrong.error["code"] == "W004", wrong
        # A document goes out only along its table, and then the public knows.
        for to in ("in_review", "changes_requested", "draft", "in_review", "approved", "scheduled",
                   "publishing", "interim", "final"):
            do(node, case, "track.move", track="document", subject="SA-1", to=to)
        # An instant is corrected: both values stay.
        do(node, case, "instant.set", name="aware", at="2026-11-01T08:00:00Z")
        do(node, case, "instant.set", name="aware", at="2026-11-01T06:00 Europe/Berlin",
           evidence="mail of the night shift")
        facts = node.cli("show", case, check=0).json["case"]["facts"]
        aware = facts["instants"]["aware"]
        assert aware["at"] == "2026-11-01T05:00:00.000Z", aware
        assert aware["was"][0]["at"] == "2026-11-01T08:00:00.000Z", aware
        # The timeline tells the moves; the log verifies.
        story = node.cli("case", "timeline", case, "--all", json=False, check=0).out
        assert "valid → accepted" in story and "scheduled → publishing" in story, story
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_publishing_makes_it_public():
    with make_node() as node:
        node.start()
        _, case = report(node, "Only by our advisory")
        for to in ("in_review", "approved", "scheduled", "publishing"):
            do(node, case, "track.move", track="document", subject="SA-2", to=to)
        assert state(node, case, "facts") == "VfdPxa"


def test_reports_and_cases_are_many_to_many():
    with make_node() as node:
        node.start()
        first, one = report(node, "Overflow in the parser")
        second, two = report(node, "Parser crash, and a weak cookie")
        third, three = report(node, "Weak cookie")
        # One report in two cases.
        do(node, one, "report.attach", report=second)
        assert state(node, one, "link", second) == state(node, two, "link", second) == "attached"
        # A duplicate is said by a person, and stays a report of its own.
        wrong = node.cli("case", "do", one, "report.duplicate", "--set", "report=" + second, "--set",
                         "of=" + first, "--reason", "same stack", check=6)
        assert wrong.error["code"] == "W007", wrong
        do(node, one, "report.duplicate", report=second, of=first, reason="same stack")
        row = [r for r in tracks(node, one)["report"] if r["name"] == second][0]
        assert row["data"]["duplicate_of"] and row["data"]["first"] is False, row
        # Move, and not twice.
        do(node, three, "report.move", report=third, to=two)
        assert state(node, three, "link", third) == "detached"
        assert do(node, three, "report.move", check=4, report=third, to=two).error["code"] == "W006"
        # Split, then merge: every report is where it must be, the empty case is closed.
        out = do(node, two, "case.split", reports='["%s"]' % third, title="Weak cookie").json
        new = out["case"]
        assert state(node, new, "link", third) == "attached", out
        assert state(node, two, "link", third) == "detached"
        node.cli("case", "merge", new, "--set", "into=" + one, "--reason", "one fix for all",
                 as_person="resp1", check=0)
        assert state(node, one, "link", third) == "attached"
        shown = node.cli("show", new, check=0).json["case"]
        assert shown["state"] == "closed" and shown["resolution"] == "merged", shown
        assert do(node, new, "case.merge", check=5, into=one, reason="again").error["code"] == "R061"
        assert do(node, one, "case.merge", check=(1, 2), into=one, reason="x y").code
        node.kill9()
        node.start()
        assert state(node, one, "link", third) == "attached"
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_rejected_and_done():
    with make_node() as node:
        node.start()
        receipt, case = report(node, "Your site has no favicon")
        subject = tracks(node, case)["report"][0]["subject"]
        do(node, case, "track.move", track="report", subject=subject, to="invalid",
           reason="not-security")
        assert tracks(node, case)["phase"]["name"] == "REJECTED"
        # The reporter adds facts: it falls back by itself.
        do(node, case, "track.move", track="report", subject=subject, to="valid")
        assert tracks(node, case)["phase"]["name"] == "TRIAGE"
        wrong = node.cli("case", "do", case, "case.done", "--reason", "nothing left", check=6)
        assert wrong.error["code"] == "W007", wrong
        wrong = do(node, case, "case.dnoe", check=(1, 2))
        assert wrong.error["code"] == "W008" and "case.done" in wrong.error["hint"], wrong
        listed = node.cli("case", "operations", check=0).json["items"]
        assert {"case.merge", "fact.seen", "track.move"} <= {o["name"] for o in listed}, listed


ALARM = """
return playbook {
  name = "clock-alarm", title = "A clock was missed", on = "clock.missed",
  run = function(case, ev)
    case:note("alarm for " .. ev.clock .. " of " .. case.name)
  end,
}
"""


def test_people_set_and_close():
    with make_node() as node:
        node.start()
        _, case = report(node, "By hand")
        out = node.cli("case", "set", case, "--set", "severity=high", "--set", "tlp=TLP:AMBER", "--set",
                       "owner=resp1", "--set", "cwe=CWE-20", as_person="resp1", check=0).json
        assert set(out["changed"]) == {"severity", "tlp", "owner", "cwe"} and "discourages" in out["warning"], out
        shown = node.cli("show", case, check=0).json["case"]
        assert (shown["severity"], shown["tlp"], shown["facts"]["owner"]) == ("high", "amber", "resp1"), shown
        for wrong in ("severity=huge", "product=nothing", "legal_hold=true", "cve=CVE-1", "scores={}"):
            node.cli("case", "set", case, "--set", wrong, as_person="resp1", check=(1, 2))
        assert node.cli("case", "set", case, as_person="resp1", check=(1, 2)).error["code"] == "R060"
        # The clock of the severity follows in the same transaction.
        subject = tracks(node, case)["report"][0]["subject"]
        for to in ("valid", "accepted"):
            do(node, case, "track.move", track="report", to=to)
        assert state(node, case, "report", subject) == "accepted"
        assert state(node, case, "obligation", "fix-high") == "running", tracks(node, case)["obligation"]
        node.cli("case", "close", case, "--set", "resolution=Not Good", "--reason", "x", as_person="resp1",
                 check=(1, 2))
        node.cli("case", "close", case, "--set", "resolution=not-affected", "--reason", "old branch",
                 as_person="resp1", check=0)
        assert node.cli("show", case, check=0).json["case"]["state"] == "closed"
        assert node.cli("case", "set", case, "--set", "severity=low", as_person="resp1",
                        check=5).error["code"] == "R061"
        story = node.cli("case", "timeline", case, "--all", json=False, check=0).out
        assert "not-affected" in story and "resp1" in story, story
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_clocks_alarm_and_never_stop():
    node = t.make_dir(dict(CONFIG, cases={"markets": ["eu"]}, playbooks={"dir": "books"}, rules=[
        {"on": "clock.missed", "run": "clock-alarm"}]))
    with node:
        os.makedirs(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "clock-alarm.lua"), "w", encoding="utf-8") as f:
            f.write(ALARM)
        node.start()
        _, case = report(node, "Exploited in the wild")
        mine = {c["clock"]: c for c in node.cli("clock", "list", "--case", case, check=0).json["items"]}
        assert {"acknowledge", "first-assessment"} <= set(mine), mine
        assert "Siemens" in mine["acknowledge"]["source"], mine
        do(node, case, "instant.set", name="exploitation_aware", at="2026-01-01T00:00:00Z",
           evidence="honeypot")
        t.wait_for(lambda: "cra-early-warning" in {
            c["clock"] for c in node.cli("clock", "list", "--state", "missed", check=0).json["items"]},
            node=node)
        # The alarm started its playbook, which did its work on the same case.
        t.wait_for(lambda: "alarm for cra-early-warning of " + case in node.cli(
            "case", "timeline", case, json=False, check=0).out, node=node)
        node.kill9()
        node.start()
        after = node.cli("clock", "list", "--state", "missed", check=0).json["items"]
        assert "cra-early-warning" in {c["clock"] for c in after}, after
        # A corrected fact: both values are there.
        do(node, case, "instant.set", name="exploitation_aware", at="2999-01-01T00:00:00Z", check=(1, 2))
        denied = node.cli("case", "do", case, "clock.waive", "--set", "clock=cra-notification",
                          "--reason", "not ours", as_person="resp1", check=6)
        assert denied.error["code"] == "W009", denied
        do(node, case, "clock.waive", person="lead1", clock="first-assessment", reason="not ours")
        assert state(node, case, "obligation", "first-assessment") == "waived"
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


ATTACKED = """
return playbook { name = "attacked", title = "Attacks under an embargo", on = "case.exploited",
  run = function(case, ev) case:note("alarm: " .. ev.exploitation .. " while " .. ev.embargo) end }
"""


def test_attacks_under_an_embargo_alarm():
    node = t.make_dir(dict(CONFIG, playbooks={"dir": "books"}, rules=[{"on": "case.exploited", "run": "attacked"}]))
    with node:
        os.makedirs(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "attacked.lua"), "w", encoding="utf-8") as f:
            f.write(ATTACKED)
        node.start()
        _, open_one = report(node, "No embargo")
        _, case = report(node, "Secret")
        do(node, case, "embargo.propose", person="lead1", end="2027-06-01T12:00:00Z")
        do(node, case, "embargo.accept", person="lead1", by="finder@lab.example")
        for one in (open_one, case):
            do(node, one, "fact.seen", person="lead1", fact="attacks_observed", evidence="honeypot")
        # Another fact a moment later takes nothing away.
        do(node, case, "fact.seen", person="lead1", fact="fix_ready")
        story = lambda c: node.cli("case", "timeline", c, json=False, check=0).out
        t.wait_for(lambda: "alarm: attacks_observed while active" in story(case), node=node)
        node.kill9()
        node.start()
        node.cli("clock", "list", check=0)
        assert story(case).count("alarm:") == 1 and "alarm:" not in story(open_one)
        assert state(node, case, "embargo") == "active"  # A should end it, and a person does


def test_policies_need_two_people():
    with make_node() as node:
        node.start()
        names = {p["name"]: p for p in node.cli("policy", "list", check=0).json["items"]}
        assert {"defaults", "cra", "nis2", "china", "cve", "linux-distros", "contracts"} <= set(names)
        text = node.cli("policy", "show", "cra@1", json=False, check=0).out
        path = os.path.join(node.root, "cra2.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("version: 1", "version: 2", 1).replace("due: 24h", "due: 20h"))
        node.cli("policy", "check", path, check=0)
        assert node.cli("policy", "propose", path).error["code"] == "A005"
        node.cli("policy", "propose", path, as_person="lead1", check=0)
        same = node.cli("policy", "approve", "cra@2", "--reason", "fine", as_person="lead1", check=6)
        assert same.error["code"] == "W023", same
        node.cli("policy", "approve", "cra@2", "--reason", "fine", as_person="lead2", check=0)
        gone = node.cli("policy", "approve", "cra@2", "--reason", "again", as_person="resp1", check=5)
        assert gone.error["code"] == "W025", gone
        now = {p["name"]: p["version"] for p in node.cli("policy", "list", check=0).json["items"]}
        assert now["cra"] == 2, now
        node.kill9()
        node.start()
        now = {p["name"]: p["version"] for p in node.cli("policy", "list", check=0).json["items"]}
        assert now["cra"] == 2, now
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("version: 1", "version: 3", 1))
        node.cli("policy", "propose", path, as_person="lead1", check=0)
        node.cli("policy", "reject", "cra@3", "--reason", "not so", as_person="lead1", check=6)
        node.cli("policy", "reject", "cra@3", "--reason", "the old hours", as_person="lead2", check=0)
        told, = node.cli("audit", "log", "kind:policy.rejected", check=0).json["items"]
        assert told["actor"] == "u:lead2", told
        now = {p["name"]: p["version"] for p in node.cli("policy", "list", check=0).json["items"]}
        assert now["cra"] == 2, now
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("24h", "24 hours", 1))
        bad = node.cli("policy", "check", path, check=9)
        assert bad.error["code"] == "C021" and bad.error.get("line"), bad
        log = node.cli("audit", "log", "--limit", "200", check=0)
        kinds = [e["kind"] for e in log.json["items"]]
        assert "policy.adopted" in kinds and "policy.approved" in kinds, kinds


if __name__ == "__main__":
    t.main()
    sys.exit(0)
