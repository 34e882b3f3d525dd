#!/usr/bin/env python3
"""A closed case whose time is over, on the real binary: retention asks for the erasure, two people carry
it out; a legal hold and what a law wants kept stop it."""
import os
import sys

import tocsin_test as t

RULES = """
policy: keep
kind: retention
version: 1
owner: legal
title: Short for the test
source: none
rules:
  - { id: gone, when: { severity: low }, at_most: 1s, why: nobody needs it }
  - { id: contract, when: { severity: medium }, from: closed, at_least: 12mo, why: the contract wants it }
  - { id: law, when: { severity: high }, from: received, at_least: 6mo, why: the law wants it }
"""
BOOK = """
return playbook {
  name = "closer", title = "Closes", on = "report.accepted",
  run = function(case)
    if case.title == "Open" then case:set { severity = "medium" } return end
    case:set { severity = case.title == "Kept" and "high" or "low" }
    case:close { resolution = "fixed" }
  end,
}
"""


def make_node():
    node = t.make_dir({"policies": {"dir": "rules"}, "playbooks": {"dir": "books"},
                       "rules": [{"on": "report.accepted", "run": "closer"}]})
    for folder, name, text in (("rules", "keep.yaml", RULES), ("books", "closer.lua", BOOK)):
        os.makedirs(os.path.join(node.root, folder), exist_ok=True)
        with open(os.path.join(node.root, folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    return node


def closed(node, title, severity):
    case = node.cli("report", "submit", "--kind", "weakness", "--title", title, "--severity",
                    severity, "--text", "SECRET " + title, check=0).json["case"]
    t.wait_for(lambda: all(r["state"] == "finished" for r in node.cli(
        "run", "list", "--case", case, check=0).json["items"]) and node.cli(
            "show", case, check=0).json["case"]["state"] == "closed", node=node)
    return case


def state(node, case):
    rows = node.cli("case", "tracks", case, check=0).json.get("retention") or [{}]
    return rows[0].get("state")


def test_two_people_carry_it_out():
    with make_node() as node:
        node.start()
        gone = closed(node, "Gone", "low")
        t.wait_for(lambda: state(node, gone) == "due", node=node)
        row = node.cli("case", "tracks", gone, check=0).json["retention"][0]
        proposal = "#%d" % row["data"]["asked"]
        # The proposal is no person: the first one asks, the second agrees; never the same.
        first = node.cli("audit", "erase", "--agree", proposal, as_person="lead1", check=0).json
        assert first["state"] == "waits" and "SECRET" in node.cli("show", gone, check=0).out, first
        mine = "#%d" % first["entry"]
        assert node.cli("audit", "erase", "--agree", mine, as_person="lead1",
                        check=6).error["code"] == "V213"
        done = node.cli("audit", "erase", "--agree", mine, as_person="lead2", check=0).json
        assert done["state"] == "erased" and done["payloads"] > 0, done
        assert "SECRET" not in node.cli("show", gone).out
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_hold_and_law_stop_it():
    with make_node() as node:
        node.start()
        kept = closed(node, "Kept", "high")
        held = closed(node, "Held", "low")
        t.wait_for(lambda: state(node, held) == "due", node=node)
        node.cli("case", "do", held, "case.hold", "--set", "reason=lawsuit", as_person="lead1", check=0)
        assert state(node, held) == "held"
        no = node.cli("audit", "erase", held, "--basis", "retention", "--reason", "over", "--yes",
                      as_person="lead1", check=5)
        assert no.error["code"] == "V212", no
        no = node.cli("audit", "erase", kept, "--basis", "gdpr-17", "--reason", "asked for", "--yes",
                      as_person="lead1", check=5)
        assert no.error["code"] == "W045" and "the law wants it" in no.err, no
        # A court goes before it.
        node.cli("audit", "erase", kept, "--basis", "court", "--reason", "order 17", "--yes",
                 as_person="lead1", check=0)
        node.kill9()
        node.start()
        assert state(node, held) == "held"
        node.cli("case", "do", held, "case.hold", "--set", "reason=settled", "--set", "off=true",
                 as_person="lead1", check=0)
        assert state(node, held) == "due"


def test_evidence_is_kept_as_long_as_its_case():
    with make_node() as node:
        node.start()
        kept = closed(node, "Kept", "high")
        waits = node.cli("report", "submit", "--kind", "weakness", "--title", "Open", "--text", "x",
                         check=0).json["case"]
        t.wait_for(lambda: node.cli("show", waits, check=0).json["case"].get("severity") == "medium", node=node)

        def do(case, operation, check=0, **args):
            flags = [w for k, v in args.items() for w in ("--set", "%s=%s" % (k, v))]
            return node.cli("case", "do", case, operation, *flags, as_person="lead1", check=check)

        piece = do(waits, "evidence.add", name="a.log", base64="eA==").json["evidence"]
        # The year of the contract begins when the case is closed: until then nothing of it goes.
        no = do(waits, "evidence.erase", evidence=piece, reason="tidy up", check=5)
        assert no.error["code"] == "W045" and "the contract wants it" in no.err, no
        assert do(waits, "evidence.erase", evidence=piece, reason="x y z", basis="gdpr-17",
                  check=(1, 2)).error["code"] != "W045"
        do(waits, "case.hold", reason="lawsuit")
        held = do(waits, "evidence.erase", evidence=piece, reason="order 17", basis="court", check=6)
        assert held.error["code"] == "W042", held  # a hold is the court's too
        do(waits, "case.hold", reason="settled", off="true")
        do(waits, "evidence.erase", evidence=piece, reason="order 17", basis="court")
        assert do(waits, "evidence.read", evidence=piece, reason="look", check=5).error["code"] == "W043"
        assert kept


if __name__ == "__main__":
    t.need_binary()
    sys.exit(t.main())
