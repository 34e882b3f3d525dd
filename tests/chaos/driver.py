"""Drives one node through ten-steps.lua whatever happens to it, as patient people would.

Every request is repeated until it is answered: reports with their idempotency key, decisions
until the task is closed. What was acknowledged goes into a ledger that the oracle reads.
"""
import http.client
import json
import os
import time

import tocsin_test as t

REPORT = {
    "kind": "incident", "title": "Tokens replayed", "text": "Sessions from two addresses.",
    "product": "edge-gw", "indicators": ["203.0.113.7", "203.0.113.9"],
    "contact": {"mail": "reporter@customer.example", "name": "Customer A"},
}
GONE = (ConnectionError, http.client.HTTPException, OSError, TypeError)


def make_node():
    """A node with this configuration; the plugin's folder is an absolute path inside it."""
    node = t.make_dir(config())
    node.config["plugins"][0]["settings"]["dir"] = os.path.join(node.root, "edge")
    node.write_config()
    return node


def config():
    """Overrides for tocsin_test.make_dir; paths are relative to the configuration file."""
    here = os.path.dirname(os.path.abspath(__file__))
    return {
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme PSIRT"},
        "playbooks": {"dir": os.path.join(here, "playbooks")},
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "mail"},
        "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme",
                      "owner": "resp1", "versions": ["9.4"]}],
        "customers": [{"name": "Customer A", "mail": "soc@customer.example",
                       "products": ["edge-gw"]}],
        "plugins": [{"name": "edge", "settings": {"dir": "edge", "targets": ["fw1", "fw2"]}}],
        "rules": [{"on": "report.accepted", "when": {"kind": "incident"}, "run": "ten-steps"}],
    }


OPEN = [("cases", "open")] + [("runs", state) for state in (
    "ready", "running", "waiting", "parked", "in_doubt", "stuck", "diverged", "cancelling", "paused",
    "queued")]


class Driver:
    def __init__(self, node):
        self.node = node
        self.ledger = os.path.join(node.root, "ledger.jsonl")
        self.pending = {}      # idempotency key -> acknowledged case id or None
        self.resolutions = 0

    def submit(self, key):
        self.pending.setdefault(key, None)
        if self.pending[key]:
            return
        reply = self.node.http("POST", "/api/v1/reports", REPORT, as_person="intake",
                               headers={"Idempotency-Key": key})
        if reply.status in (200, 202):
            self.pending[key] = reply.json["case_id"]
            with open(self.ledger, "a", encoding="utf-8") as f:
                f.write(json.dumps({"case": reply.json["case_id"], "key": key}) + "\n")
        elif reply.status != 503:
            raise t.Failed("report refused: %r" % reply)

    def decide(self):
        tasks = self.node.http("GET", "/api/v1/tasks?state=open", check=200).json["items"]
        for task in tasks:
            if task["kind"] == "ask":
                self.post("/api/v1/tasks/%s/answer" % task["name"],
                          {"answer": {"severity": "high"}}, "resp1")
            elif task["kind"] == "resolve":
                # The person looked at the firewall and says it is done.
                self.resolutions += 1
                self.post("/api/v1/tasks/%s/answer" % task["name"],
                          {"answer": {"outcome": "done", "reason": "seen on the firewall"}},
                          "resp1")
            else:
                full = self.node.http("GET", "/api/v1/tasks/" + task["name"], check=200).json
                self.post("/api/v1/approvals/%s/decision" % task["name"],
                          {"decision": "approve", "reason": "looked at it",
                           "plan_digest": full["digest"]}, "duty1")

    def post(self, path, body, person):
        reply = self.node.http("POST", path, body, as_person=person)
        if reply.status not in (200, 202, 404, 409, 503):
            raise t.Failed("%s: %r" % (path, reply))

    def finished(self):
        if not self.pending or not all(self.pending.values()):
            return False
        # Lists are pages: what is still open is asked for, which ends with nothing.
        for what, state in OPEN:
            if self.node.http("GET", "/api/v1/%s?state=%s" % (what, state),
                              check=200).json["items"]:
                return False
        return True

    def turn(self):
        """One round; False when the node is gone, None when there is more to do, True at the end."""
        try:
            for key in list(self.pending):
                self.submit(key)
            self.decide()
            return True if self.finished() else None
        except GONE:
            # A killed process may need a moment to be seen as dead.
            end = time.monotonic() + 5
            while self.node.alive and time.monotonic() < end:
                time.sleep(0.005)
            return False

    def run(self, keys, timeout=30):
        """Until all is done or the node died. True = done."""
        for key in keys:
            self.pending.setdefault(key, None)
        end = time.monotonic() + timeout * t.PATIENCE
        while time.monotonic() < end:
            done = self.turn()
            if done is not None:
                return done
            if not self.node.alive:
                return False
            time.sleep(0.01)
        states = self.node.http("GET", "/api/v1/runs").body
        raise t.Failed("not finished after %s s; runs: %s\n%s" % (
            timeout, states, self.node.log_text()[-3000:]))
