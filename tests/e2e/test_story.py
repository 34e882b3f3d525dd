#!/usr/bin/env python3
"""The story of the main job on the real binary: an incident and an upstream advisory, each with a
kill -9 in the middle, told by the timeline and verified at the end."""
import functools
import glob
import http.server
import os
import sys
import threading

import tocsin_test as t

PROVIDER = os.path.join(t.SOURCE, "playbooks", "fixtures", "provider")
REPORT = {
    "kind": "incident", "title": "Session tokens replayed", "product": "edge-gw",
    "text": "Our SOC sees sessions from two addresses that are not ours.", "version": "9.4",
    "indicators": ["203.0.113.7", "203.0.113.9"],
    "contact": {"mail": "soc@customer-a.example", "name": "Customer A"},
}


class Provider(http.server.SimpleHTTPRequestHandler):
    """A CSAF provider directory; answers If-Modified-Since with 304 and counts what it served."""
    served = []

    def log_message(self, *_):
        pass

    def send_response(self, code, message=None):
        Provider.served.append((self.path, code))
        super().send_response(code, message)


def provider(folder):
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Provider, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def config(feed_port=None):
    out = {
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme PSIRT"},
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "mail"},
        "publisher": {"name": "Acme PSIRT", "namespace": "https://psirt.acme.example",
                      "contact": "psirt@acme.example", "prefix": "ACME-SA"},
        "products": [
            {"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme", "owner": "resp1",
             "versions": ["9.3", "9.4"],
             "components": [{"vendor": "Example Libraries", "product": "libfoo"}]},
            {"id": "cloud-relay", "name": "Cloud Relay", "vendor": "Acme", "owner": "resp2",
             "versions": ["2.0"], "components": [{"vendor": "Other Works", "product": "barserver"}]},
        ],
        "customers": [
            {"name": "Customer A", "mail": "soc@customer-a.example", "products": ["edge-gw"]},
            {"name": "Customer B", "mail": "it@customer-b.example", "products": ["cloud-relay"]},
        ],
        "plugins": [{"name": "edge", "settings": {"dir": "edge", "targets": ["edge-fw-01"]}}],
        "rules": [
            {"on": "report.accepted", "when": {"kind": "incident"}, "run": "customer-incident"},
            {"on": "advisory.matched", "run": "upstream-advisory"},
        ],
    }
    if feed_port:
        out["feeds"] = [{
            "name": "examples", "kind": "csaf", "every": "1h",
            "url": "http://127.0.0.1:%d/" % feed_port, "reach": ["127.0.0.1:%d" % feed_port]}]
        out["people"] = t.BASE["people"] + [{"id": "owner1", "roles": ["product-owner"]}]
    return out


def make_node(feed_port=None):
    node = t.make_dir(config(feed_port))
    node.config["plugins"][0]["settings"]["dir"] = os.path.join(node.root, "edge")
    node.write_config()
    return node


def mails(node):
    out = []
    for path in glob.glob(os.path.join(node.root, "mail", "new", "*")):
        with open(path, encoding="utf-8") as f:
            out.append(f.read())
    return out


def approve(node, step, people, reason="looked at it"):
    task = node.task(name=step)
    for person in people:
        node.cli("approve", task["name"], "--reason", reason, as_person=person, check=0)
    return task


def restart(node):
    node.kill9()
    node.start()


def timeline(node, case):
    result = node.cli("case", "timeline", case, json=False, check=0)
    return result.out


def test_incident_from_report_to_closed_case():
    with make_node() as node:
        node.start()
        token = node.token("intake", "report:submit")
        key = {"Idempotency-Key": "incident-1"}
        first = node.http("POST", "/api/v1/reports", REPORT, key, token=token, check=202)
        again = node.http("POST", "/api/v1/reports", REPORT, key, token=token)
        assert again.status in (200, 202) and again.json["case"] == first.json["case"], again
        other = node.http("POST", "/api/v1/reports", dict(REPORT, title="x"), key, token=token)
        assert other.status in (409, 422), other
        case = first.json["case"]

        task = node.task(name="triage")
        assert any("We have your report" in m and case in m for m in mails(node)), mails(node)
        restart(node)
        task = node.task(name="triage")
        node.cli("answer", task["name"], "--set", "severity=critical", "--set", "product=edge-gw",
                 "--set", "exploited=true", "--set", "reason=tokens replayed", as_person="resp1",
                 check=0)

        contain = node.task(name="contain")
        # Four eyes, wrong role, stale plan: refused, whatever the path.
        assert node.cli("approve", contain["name"], "--reason", "I say so",
                        as_person="resp1").code == 6
        assert node.cli("approve", contain["name"], "--reason", "I say so",
                        as_person="lead1").code == 6
        assert node.cli("approve", contain["name"], "--reason", "I say so", "--plan",
                        "sha256:" + "0" * 64, as_person="duty1").code == 5
        approve(node, "contain", ["duty1"])
        node.kill9()
        rules = os.path.join(node.root, "edge", "edge-fw-01.json")
        node.start()
        notify = node.task(timeout=30, case=case)
        if notify["kind"] == "resolve":
            # The kill fell between intent and outcome of edge.apply: a person must say.
            node.cli("answer", notify["name"], "--set", "outcome=retry", "--set",
                     "reason=rules are not there", as_person="resp1", check=0)
            notify = node.task(name="notify")
        with open(rules, encoding="utf-8") as f:
            assert "203.0.113.7" in f.read()

        advisory = node.http("GET", "/api/v1/advisories?case=" + case, check=200).json["items"][0]
        # Two people, not one person twice.
        node.cli("approve", notify["name"], "--reason", "text is right", as_person="lead1", check=0)
        assert node.cli("approve", notify["name"], "--reason", "text is right",
                        as_person="lead1").code in (5, 6)
        restart(node)
        node.cli("approve", notify["name"], "--reason", "text is right", as_person="lead2", check=0)
        over = node.task(name="over/1")
        node.cli("answer", over["name"], "--set", "cause=product-caused", "--set", "weakness=false",
                 "--set", "watch=none", "--set", "lessons=shorter sessions", as_person="resp1", check=0)

        done = lambda: node.http("GET", "/api/v1/cases/" + case, check=200).json["state"] == "closed"
        node.wait_for(done)
        sent = [m for m in mails(node) if "Security notice" in m]
        assert len(sent) == 1 and "soc@customer-a.example" in sent[0], mails(node)
        assert advisory["name"] in sent[0]

        story = timeline(node, case)
        for word in ("report", "triage", "severity", "critical", "approved", "duty1", "edge.apply",
                     "advisory", "closed"):
            assert word in story, "no %r in\n%s" % (word, story)
        assert node.stop() == 0
        verdict = t.run_cli(["audit", "verify", node.data], check=0)
        assert "VERIFIED" in verdict.out, verdict


def test_upstream_advisory_starts_exactly_the_affected():
    server = provider(PROVIDER)
    with make_node(server.server_address[1]) as node:
        node.start()
        polled = node.cli("feed", "poll", "examples", check=0)
        first = node.task(kind="ask", timeout=30)
        runs = node.http("GET", "/api/v1/runs", check=200).json["items"]
        started = [r for r in runs if r["playbook"].startswith("upstream-advisory")]
        assert started, polled
        restart(node)
        for _ in range(30):
            tasks = node.http("GET", "/api/v1/tasks?state=open&kind=ask", check=200).json["items"]
            if not tasks:
                tasks = node.http("GET", "/api/v1/tasks?state=open", check=200).json["items"]
                if tasks and all(x["kind"] == "approve" for x in tasks):
                    break
                t.time.sleep(0.1)
                continue
            for task in tasks:
                node.cli("answer", task["name"], "--set", "status=affected", "--set",
                         "why=we call the function", "--set", "fix_in=9.4.2",
                         as_person="owner1", check=0)
        assert first
        for task in node.http("GET", "/api/v1/tasks?state=open", check=200).json["items"]:
            node.cli("approve", task["name"], "--reason", "correct and complete",
                     as_person="lead1", check=0)
        closed = lambda: all(
            r["state"] == "finished" for r in
            node.http("GET", "/api/v1/runs", check=200).json["items"])
        node.wait_for(closed, 30)
        # The same documents again: nothing fetched, nothing started.
        before = len(Provider.served)
        again = node.cli("feed", "poll", "examples", check=0).json
        assert again.get("new", 0) == 0 and again.get("runs", 0) == 0, again
        served = Provider.served[before:]
        assert all("changes.csv" in path for path, _ in served), served
        assert len(node.http("GET", "/api/v1/runs").json["items"]) == len(started)
        assert node.stop() == 0
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out
    server.shutdown()


def test_what_init_writes_runs_as_it_stands():
    with t.make_dir(init=False) as node:
        t.run_cli(["init", node.root, "--listen", "127.0.0.1:0"], check=0)
        node.start()
        node.cli("report", "submit", "--kind", "incident", "--title", "Tokens replayed",
                 "--product", "example-product", "--indicator", "203.0.113.7", "--text",
                 "Two addresses.", check=0)
        task = node.task(name="triage")
        node.cli("answer", task["name"], "--set", "severity=high", "--set",
                 "product=example-product", "--set", "exploited=false", "--set",
                 "reason=seen in logs", check=0)
        assert node.task(name="contain")["kind"] == "approve"
        assert node.cli("status", check=0).json["stopped"] == []


def test_one_changed_byte_is_found():
    import sqlite3
    with make_node() as node:
        node.start()
        node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "k"},
                  as_person="intake", check=202)
        node.task(name="triage")
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data]).code == 0
        db = sqlite3.connect(node.database)
        db.execute("DROP TRIGGER IF EXISTS entry_no_update")
        for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute("DROP TRIGGER " + name)
        db.execute("UPDATE entry SET text = replace(text, 'actor', 'actos') WHERE seq = 3")
        db.commit()
        db.close()
        bad = t.run_cli(["audit", "verify", node.data])
        assert bad.code == 20 and "TAMPERED" in bad.out and "3" in bad.out, bad


if __name__ == "__main__":
    t.main()
    sys.exit(0)
