#!/usr/bin/env python3
"""Work on cases on the real binary: which policy applies, recipients by law, search, bulk, evidence,
figures, export, likely duplicates."""
import base64
import hashlib
import json
import os
import sys

import tocsin_test as t

BOOK = """
local mail = use "mail"
return playbook {
  name = "tell", title = "Tells customers", on = "report.accepted",
  run = function(case)
    for _, to in ipairs { "sec@kunde.example", "sec@kehu.example", "psirt@acme.example" } do
      local ok, err = pcall(function() mail.send { to = to, subject = "s", text = "t" } end)
      case:note((ok and "sent to " or "kept from ") .. to .. (ok and "" or ": " .. tostring(err)))
    end
  end,
}
"""


def make_node(over=None):
    return t.make_dir(t.merge({"rules": [], "products": [{"id": "edge-gw", "name": "Edge Gateway"}],
                               "mail": {"maildir": "mail"}}, over))


def report(node, title, text="details", kind="weakness"):
    out = node.cli("report", "submit", "--kind", kind, "--title", title, "--product", "edge-gw",
                   "--mail", "finder@lab.example", "--text", text, check=0).json
    return out["receipt"], out["case"]


def do(node, case, operation, person="lead1", check=0, **args):
    flags = []
    for key, value in args.items():
        flags += ["--set", "%s=%s" % (key, value)]
    return node.cli("case", "do", case, operation, *flags, as_person=person, check=check)


def test_policy_explains_itself():
    with make_node({"cases": {"markets": ["eu"]}}) as node:
        node.start()
        _, case = report(node, "Overflow")
        out = node.cli("policy", "explain", case, check=0).json
        assert out["plan"]["id"] == "weakness" and out["plan"]["policy"] == "handling@1", out
        why = {p["plan"]: p["because"] for p in out["considered"] if not p["fits"]}
        assert "severity is not known" in why["weakness-urgent"], why
        clocks = {c["clock"]: c for c in out["clocks"]}
        assert clocks["cra-early-warning"]["fits"] and not clocks["miit-report"]["fits"], clocks
        words = node.cli("policy", "explain", case, json=False, check=0).out
        assert "plan weakness" in words and "- plan exploited" in words, words
        _, incident = report(node, "Break-in", kind="incident")
        assert node.cli("policy", "explain", incident, check=0).json["plan"]["id"] == "incident"


def test_jurisdiction_is_asked_before_anything_is_sent():
    node = make_node({
        "cases": {"markets": ["cn"], "house": ["acme.example"]}, "playbooks": {"dir": "books"},
        "customers": [
            {"name": "Kunde", "mail": "sec@kunde.example", "products": ["edge-gw"], "country": "de"},
            {"name": "Kehu", "mail": "sec@kehu.example", "products": ["edge-gw"], "country": "cn"}],
        "rules": [{"on": "report.accepted", "run": "tell"}]})
    with node:
        os.makedirs(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "tell.lua"), "w", encoding="utf-8") as f:
            f.write(BOOK)
        node.start()
        _, case = report(node, "Unpublished")

        def story():
            return node.cli("case", "timeline", case, json=False, check=0).out
        t.wait_for(lambda: "psirt@acme.example" in story(), node=node)
        text = story()
        assert "kept from sec@kunde.example" in text and "china-cross-border" in text, text
        assert "sent to sec@kehu.example" in text and "sent to psirt@acme.example" in text, text


def test_search_shows_only_what_may_be_seen():
    with make_node() as node:
        node.start()
        _, one = report(node, "Parser overflow", "a stack OVERFLOW in the parser of frames")
        _, two = report(node, "Cookie", "weak cookie of the console")
        node.cli("note", two, "the parser is not involved", as_person="resp1", check=0)

        def found(*words, person="resp1"):
            return [c["name"] for c in node.cli("case", "search", *words, as_person=person,
                                                check=0).json["items"]]
        assert found("overflow") == [one]
        assert found("parser") == [one, two]  # title before notes
        assert found("parser", "cookie") == [two]
        assert found("nowhere") == [] and found(two.lower()) == [two]
        do(node, one, "embargo.propose", end="2027-06-01T12:00:00Z")
        assert found("parser") == [two] and found("overflow") == []
        assert found("overflow", person="lead2") == [one]
        assert node.cli("case", "search", " ", check=(1, 2)).error["code"] == "W044"


def test_evidence_has_a_custody_log():
    with make_node() as node:
        node.start()
        _, case = report(node, "Trace")
        path = os.path.join(node.root, "trace.bin")
        data = bytes(range(256)) * 300
        with open(path, "wb") as f:
            f.write(data)
        out = node.cli("case", "attach", case, path, as_person="resp1", check=0).json
        assert out["digest"] == "sha256:" + hashlib.sha256(data).hexdigest(), out
        back = do(node, case, "evidence.read", person="resp2", evidence=out["evidence"],
                  reason="analysis").json
        assert base64.b64decode(back["base64"]) == data and back["name"] == "trace.bin"
        # The bytes are nowhere in clear.
        with open(node.database, "rb") as f:
            assert base64.b64encode(data)[:64] not in f.read()
        assert do(node, case, "evidence.erase", person="resp1", evidence=out["evidence"],
                  reason="not needed", check=6).error["code"] == "W009"
        do(node, case, "case.hold", reason="court")
        held = do(node, case, "evidence.erase", evidence=out["evidence"], reason="not needed", check=6)
        assert held.error["code"] == "W042", held
        do(node, case, "case.hold", reason="court is over", off="true")
        do(node, case, "evidence.erase", evidence=out["evidence"], reason="not needed")
        gone = do(node, case, "evidence.read", evidence=out["evidence"], reason="again", check=5)
        assert gone.error["code"] == "W043", gone
        kinds = [e["kind"] for e in node.cli("audit", "log", "case:" + case, "--limit", "200",
                                             check=0).json["items"]]
        assert [k for k in kinds if "evidence" in k or "attachment" in k or "hold" in k] == [
            "evidence.added", "evidence.read", "case.hold", "case.hold", "track.attachment"], kinds
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_bulk_is_all_or_none():
    with make_node() as node:
        node.start()
        cases = [report(node, "Flaw %d" % i)[1] for i in range(5)]
        node.cli("case", "bulk", "fact.seen", *cases, "--set", "fact=fix_ready", as_person="resp1",
                 check=0)
        bad = node.cli("case", "bulk", "fact.seen", *cases, "PSIRT-2026-9999", "--set",
                       "fact=fix_deployed", as_person="resp1", check=4)
        assert bad.error["code"] == "H023", bad
        for case in cases:
            facts = node.cli("case", "tracks", case, check=0).json["facts"][0]
            assert facts["state"] == "VFdpxa", facts


def test_figures_export_and_duplicates():
    with make_node() as node:
        node.start()
        first, one = report(node, "Stack overflow in frame parser",
                            "Sending a long frame to the management port overflows the stack. "
                            "CVE-2026-12345")
        second, two = report(node, "Frame parser stack overflow",
                             "A long frame sent to the management port overflows the stack")
        third, _ = report(node, "Logo is ugly", "The colours of the console hurt")
        likely = node.cli("report", "duplicates", second, check=0).json["items"]
        assert [d["name"] for d in likely] == [first], likely
        assert likely[0]["earlier"] is True and any("alike" in r for r in likely[0]["reasons"]), likely
        assert node.cli("report", "duplicates", third, check=0).json["items"] == []
        # Proposed, never merged: both cases are as they were.
        assert node.cli("show", two, check=0).json["case"]["state"] == "open"
        figures = node.cli("case", "figures", check=0).json
        stages = {s["phase"]: s for s in figures["stages"]}
        assert stages["TRIAGE"]["now"] == 3 and stages["NEW"]["n"] == 3, stages
        assert sum(b["n"] for b in stages["NEW"]["buckets"]) == 3 and stages["NEW"]["median_ms"] >= 0
        path = os.path.join(node.root, "all.jsonl")
        node.cli("case", "export", "--all", "--out", path, json=False, check=0)
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        assert {r["case"]["name"] for r in rows} >= {one, two} and len(rows) == 3, rows
        row = [r for r in rows if r["case"]["name"] == one][0]
        assert row["reports"][0]["name"] == first and row["tracks"]["report"], row
        assert row["entries"][0].startswith("tocsin-audit/v1"), row["entries"][0]
        assert node.cli("case", "export", one, "--out", path, check=1)


def alike(node, case, person=None):
    rows = node.cli("case", "tracks", case, as_person=person, check=0).json.get("alike", [])
    return {r["name"]: (r["state"], r["data"]["reasons"]) for r in rows}


def test_duplicates_are_proposed_when_they_come():
    with make_node() as node:
        node.start()
        first, one = report(node, "Stack overflow in frame parser",
                            "A long frame to the management port overflows the stack. CVE-2026-12345")
        assert alike(node, one) == {}
        second, two = report(node, "Overflow", "We see CVE-2026-12345 in your gateway")
        state, why = alike(node, two)[first]
        assert state == "proposed" and "both name CVE-2026-12345" in why, why
        # A new process remembers what came before; a person says what it is.
        node.kill9()
        node.start()
        third, three = report(node, "Frame parser overflows the stack",
                              "A long frame to the management port overflows the stack")
        assert set(alike(node, three)) >= {first}, alike(node, three)
        do = ["case", "do", three, "report.different", "--set", "of=" + first, "--set"]
        assert node.cli(*do, "reason=other port", check=6).error["code"] == "W007"
        node.cli(*do, "reason=other port", as_person="resp1", check=0)
        assert alike(node, three)[first][0] == "different"
        node.cli("case", "do", two, "report.duplicate", "--set", "report=" + second, "--set",
                 "of=" + first, "--set", "reason=same", as_person="resp1", check=0)
        assert alike(node, two)[first][0] == "same"
        # Nothing was merged, and who may not see the other case hears nothing of its report.
        assert {node.cli("show", c, check=0).json["case"]["state"] for c in (one, two, three)} == {"open"}
        node.cli("case", "do", one, "case.restrict", "--set", "reason=internal", as_person="lead1",
                 check=0)
        assert first not in alike(node, two, "resp1") and first in alike(node, two, "lead1")
        story = node.cli("case", "timeline", two, "--all", json=False, as_person="resp1", check=0).out
        assert "another report may say the same" in story and first not in story.split("alike", 1)[1], story
        hidden = node.cli("case", "do", two, "report.alike", as_person="resp1", check=0).json
        assert hidden["items"] == [], hidden
        fourth, four = report(node, "Again", "CVE-2026-12345 once more")
        best = node.cli("case", "do", four, "report.alike", as_person="lead1", check=0).json["items"]
        assert [b["of"] for b in best][:2] and best[0]["score"] >= best[-1]["score"], best
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_duplicates_by_mail_and_by_form():
    """Whatever the way a report came in: proposed with its reasons, ranked, never merged, never rejected."""
    import test_form as form
    import test_mail_intake as mail
    with mail.node(form={"listen": "127.0.0.1:0"}, rules=[]) as node:
        node.start()
        first, one = report(node, "Stack overflow in frame parser",
                            "A long frame to the management port overflows the stack. CVE-2026-12345")

        def cases():
            return {r["name"]: r["case_name"] for r in node.cli("report", "list", check=0).json["items"]}

        mail.put(node, "a", mail.raw(subject="Overflow in Edge Gateway", mid="7",
                                     text="You ship CVE-2026-12345, we see it in 9.4."))
        t.wait_for(lambda: len(cases()) == 2, node=node)
        (by_mail, two), = [(r, c) for r, c in cases().items() if r != first]
        state, why = alike(node, two)[first]
        assert state == "proposed" and "both name CVE-2026-12345" in why, why
        page = form.ask(node, "GET", "/report")
        by_form = form.receipt_of(form.post(node, "/report", form.fields(
            page, kind="weakness", text="Stack overflow in the frame parser: a long frame to the management "
            "port overflows the stack")))
        three = cases()[by_form]
        state, why = alike(node, three)[first]
        assert state == "proposed" and any("alike" in w for w in why), why
        # Neither is merged or rejected by its score, and the answer to the sender is that of any report.
        assert len({one, two, three}) == 3
        for case in (two, three):
            assert node.cli("show", case, check=0).json["case"]["state"] == "open", case
            assert node.cli("case", "tracks", case, check=0).json["report"][0]["state"] == "received", case
        do(node, two, "report.duplicate", person="resp1", report=by_mail, of=first, reason="same flaw")
        assert alike(node, two)[first][0] == "same" and alike(node, three)[first][0] == "proposed"
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


if __name__ == "__main__":
    t.main()
    sys.exit(0)
