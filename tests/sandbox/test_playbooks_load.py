"""Every playbook of the tree loads, and the two of the main job ask for what their story says."""
import glob
import json
import os
import subprocess
import sys
import unittest

from worker_driver import BINARY, SOURCE, Worker, drive, load

FOLDER = os.path.join(SOURCE, "playbooks")


def connectors():
    """Every connector and its methods, as the program itself says them."""
    done = subprocess.run([os.path.join(os.path.dirname(BINARY), "tocsin"), "playbook", "list",
                           "--connectors", "--json", FOLDER],
                          capture_output=True, text=True, timeout=60, check=True)
    return {name: sorted(methods) for name, methods in json.loads(done.stdout)["connectors"].items()}


def bundle(path):
    files = {}
    for name in glob.glob(os.path.join(FOLDER, "**", "*.lua"), recursive=True):
        with open(name, encoding="utf-8") as f:
            files[os.path.relpath(name, FOLDER)] = f.read()
    return {"main": os.path.relpath(path, FOLDER), "files": files}


def answer(want):
    kind, name = want["kind"], want["name"]
    if kind == "ask":
        return "ok", {"severity": "high", "product": "edge-gw", "exploited": True, "reason": "seen",
                      "status": "affected", "why": "we ship it", "cause": "product-caused", "weakness": False,
                      "watch": "none", "lessons": "none", "fix_in": "9.4.2", "by": "resp1", "at": "t"}
    if kind == "approve":
        return "ok", {"ok": True, "by": "duty1", "reason": "fine", "at": "t", "votes": []}
    if name == "edge.plan_block":
        return "ok", {"rules": [{"deny": "192.0.2.1"}], "targets": ["fw1"]}
    if name == "policy.notify":
        return "ok", {"plan": "p", "mails": [{"name": "legal", "mail": "legal@example.org"}], "unknown": ["press"]}
    if name == "advisory.draft":
        return "ok", {"id": "a", "name": "ACME-SA-1", "version": 1, "digest": "d", "title": "T",
                      "markdown": "text", "csaf": {}}
    if name == "case.affected_customers":
        return "ok", []  # branches: the specs play them, this driver answers one want after the other
    return "ok", {}


def names(wants):
    return [w["kind"] + ":" + w["name"] for w in wants]


class Playbooks(unittest.TestCase):
    def run_story(self, file, case, event):
        message = load("r", "", case=case, input={"event": event, "case": case}, connectors=connectors())
        message["bundle"] = bundle(os.path.join(FOLDER, file))
        with Worker() as w:
            wants, name, end, record = drive(w, message, answer)
            self.assertEqual(name, "ENDED", end)
            message["items"] = record
            again, name, _, _ = drive(w, message, answer, list(record))
            self.assertEqual((again, name), ([], "ENDED"))
        return wants

    def test_every_playbook_describes(self):
        paths = [p for p in glob.glob(os.path.join(FOLDER, "*.lua")) if not p.endswith("_spec.lua")]
        self.assertGreaterEqual(len(paths), 2)
        with Worker() as w:
            for path in paths:
                w.send("DESCRIBE", {"file": os.path.basename(path), "bundle": bundle(path)})
                name, p = w.receive()
                self.assertEqual(name, "DESCRIBED")
                self.assertTrue(p["ok"], p)
                self.assertEqual(p["meta"]["name"], os.path.basename(path)[:-4])

    def test_customer_incident(self):
        case = {"id": "01J", "name": "PSIRT-2026-0001", "title": "Odd traffic", "kind": "incident",
                "severity": None, "product": None, "receipt": "TR-1",
                "report": {"kind": "incident", "title": "Odd", "text": "t", "product": "edge-gw",
                           "indicators": ["192.0.2.1"], "contact": {"mail": "a@example.org", "name": "Ann"}}}
        wants = self.run_story("customer-incident.lua", case, {"report": case["report"]})
        got = names(wants)
        for step in ["call:mail.send", "ask:triage", "approve:contain", "call:edge.apply", "call:advisory.draft",
                     "approve:notify", "call:case.close"]:
            self.assertIn(step, got)
        apply = wants[got.index("call:edge.apply")]
        self.assertEqual(apply["opts"]["undo"]["action"], "edge.remove")
        self.assertNotIn("undo", apply["args"])
        contain = wants[got.index("approve:contain")]
        self.assertEqual(contain["args"]["not_by"], "resp1")
        # An anonymous report with nothing in it runs as well.
        case["report"] = {"kind": "incident", "title": "Odd", "text": "t"}
        got = names(self.run_story("customer-incident.lua", case, {"report": case["report"]}))
        self.assertEqual(got[:3], ["call:instant.set", "call:track.move", "ask:triage"])

    def test_upstream_advisory(self):
        case = {"id": "01J", "name": "PSIRT-2026-0002", "title": "up", "kind": "upstream"}
        event = {"advisory": {"id": "VENDOR-1", "title": "T", "severity": "high", "summary": "s", "cves": ["CVE-1"],
                              "kev": False, "withdrawn": False},
                 "products": [{"id": "p1", "name": "P1", "owner": "o", "evidence": "e"},
                              {"id": "p2", "name": "P2", "owner": "o", "evidence": "e"}]}
        got = names(self.run_story("upstream-advisory.lua", case, event))
        self.assertEqual([g for g in got if g.startswith("ask:")], ["ask:assess/p1", "ask:assess/p2"])
        self.assertEqual(got[-1], "call:case.close")


if __name__ == "__main__":
    if not os.access(BINARY, os.X_OK):
        print("skipped: no " + BINARY)
        sys.exit(77)
    unittest.main()
