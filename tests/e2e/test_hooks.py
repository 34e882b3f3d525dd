"""Webhooks that come in: signed by hand as senders do, through the real daemon."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import threading
import time
import urllib.request

import tocsin_test as t

t.need_binary()
SECRET = b"0123456789abcdef0123456789abcdef"
OLD = b"an older key with enough bytes"
WAITS = """return playbook { name = "waits", title = "Waits", on = "report.accepted",
  run = function(case)
    local ev = wait { event = "hook.received", where = { hook = "tickets" }, within = "1h" }
    case:note("was told " .. (ev and ev.payload.state or "nothing"))
  end }
"""
STARTS = """return playbook { name = "starts", title = "Starts", on = "hook.received",
  run = function(case, ev)
    case:note("ticket says " .. ev.payload.state .. " by " .. ev.type)
  end }
"""


def make():
    n = t.make_dir({
        "playbooks": {"dir": "own"},
        "rules": [{"on": "report.accepted", "run": "waits"},
                  {"on": "hook.received", "when": {"hook": "tickets"}, "run": "starts"}],
        "hooks": [{"name": "tickets", "scheme": "hmac", "header": "X-Ticket-Signature",
                   "prefix": "v0=", "key_file": "tickets.key", "old_key_file": "old.key",
                   "type_header": "X-Ticket-Event", "case": "/ticket/labels/0"},
                  {"name": "portal", "key": "secret:portal",
                   "report": {"kind": "incident", "title": "/data/title", "text": "/data/text",
                              "contact": {"mail": "portal@customer.example"}}},
                  {"name": "hackerone", "scheme": "hmac", "header": "X-H1-Signature",
                   "prefix": "sha256=", "key_file": "tickets.key", "type_header": "X-H1-Event",
                   "types": ["report_created"], "foreign": "/data/report"},
                  {"name": "nested", "key": "secret:portal",
                   "report": {"kind": "weakness", "title": "/t", "text": "/t",
                              "contact": {"mail": "/who/mail", "name": "/who/none"}}}]})
    os.mkdir(os.path.join(n.root, "own"))
    for name, text in (("own/waits.lua", WAITS), ("own/starts.lua", STARTS),
                       ("tickets.key", SECRET.decode()), ("old.key", OLD.decode())):
        with open(os.path.join(n.root, name), "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.chmod(os.path.join(n.root, name), 0o600)
    return n


def begin(n):
    n.start()
    set_secret(n)


def set_secret(n):
    n.cli("secret", "set", "portal", stdin="whsec_" + base64.b64encode(SECRET).decode(), check=0)


def post(n, name, body, headers):
    c = http.client.HTTPConnection("127.0.0.1", n.ready["port"], timeout=30)
    c.request("POST", "/hooks/" + name, body, dict(headers, **{"Content-Type": "text/plain"}))
    r = c.getresponse()
    answer = r.read().decode()
    c.close()
    return r.status, json.loads(answer)


def ticket(n, state, case, key=SECRET, kind="moved", sign=None):
    body = json.dumps({"ticket": {"labels": [case]}, "state": state}).encode()
    mac = hmac.new(key, sign if sign is not None else body, hashlib.sha256).hexdigest()
    return post(n, "tickets", body, {"X-Ticket-Signature": "v0=" + mac, "X-Ticket-Event": kind})


def portal(n, ident, data, key=SECRET, when=None):
    body = json.dumps({"data": data}).encode()
    stamp = str(int(time.time() if when is None else when))
    mac = hmac.new(key, b".".join((ident.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return post(n, "portal", body, {
        "webhook-id": ident, "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode()})


def hook(n, name):
    items = n.cli("hook", "list", check=0).json["items"]
    return next(i for i in items if i["name"] == name)


def test_reports_and_events():
    with make() as n:
        begin(n)
        status, answer = portal(n, "m1", {"title": "Odd traffic", "text": "From your gateway."})
        assert status == 202 and not answer["duplicate"], answer
        case = n.cli("case", "list").json["items"][0]
        report = n.cli("report", "list", check=0).json["items"][0]
        assert report["source"] == "hook:portal", report
        # Again: once, also after a kill; the same id for another text: refused.
        assert portal(n, "m1", {"title": "Odd traffic", "text": "From your gateway."}) == (
            202, {"accepted": True, "duplicate": True})
        n.kill9()
        n.start()
        assert portal(n, "m1", {"title": "Odd traffic", "text": "From your gateway."})[1]["duplicate"]
        assert portal(n, "m1", {"title": "Else", "text": "Else."})[0] == 422
        assert portal(n, "m2", {"title": "No text"})[0] == 422
        assert len(n.cli("report", "list", check=0).json["items"]) == 1
        # An event of the case wakes the run that waits and starts what the rule says, once.
        assert ticket(n, "resolved", "PSIRT-2099-0001") == (
            202, {"accepted": True, "duplicate": False})
        assert hook(n, "tickets")["unplaced"] == 1
        assert ticket(n, "resolved", case["name"]) == (202, {"accepted": True, "duplicate": False})
        t.wait_for(lambda: len(n.cli("run", "list", "--state", "finished").json["items"]) == 2,
                   20 * t.PATIENCE, node=n)
        story = n.cli("case", "timeline", case["name"], "--all", check=0).out
        assert "ticket says resolved by moved" in story and "was told resolved" in story, story
        # The same body again, whatever the other headers say: it came before.
        assert ticket(n, "resolved", case["name"])[1]["duplicate"]
        assert len(n.cli("run", "list", check=0).json["items"]) == 2
        n.stop()
        t.run_cli(["audit", "verify", n.data], check=0)


def test_platforms():
    """HackerOne's webhooks: a new report is taken after its commit, other events are not; and members
    inside an object may be pointers."""
    report = {"id": "1337", "type": "report", "attributes": {
        "title": "XSS in login form", "state": "new", "created_at": "2016-02-02T04:05:06.000Z",
        "vulnerability_information": "The name is not escaped."}, "relationships": {
            "reporter": {"data": {"id": "1", "type": "user", "attributes": {"username": "api-example"}}},
            "program": {"data": {"id": "2", "type": "program", "attributes": {"handle": "acme"}}},
            "severity": {"data": {"type": "severity", "attributes": {"rating": "high"}}},
            "structured_scope": {"data": {"attributes": {"asset_identifier": "edge-gw"}}}}}

    def send(n, event, change=None, key=SECRET):
        body = {"data": {"activity": {"id": "9", "type": "activity-comment", "attributes": {}},
                         "report": dict(report, attributes=dict(report["attributes"], **(change or {})))}}
        raw = json.dumps(body).encode()
        return post(n, "hackerone", raw, {
            "X-H1-Event": event, "X-H1-Delivery": "a-guid",
            "X-H1-Signature": "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest()})

    with make() as n:
        begin(n)
        assert send(n, "report_created") == (202, {"accepted": True, "duplicate": False})
        assert send(n, "report_created")[1]["duplicate"], "delivered twice, taken once"
        assert send(n, "report_comment_created")[0] == 202
        assert send(n, "report_created", {"state": "spam", "title": "Other"})[0] == 202
        assert send(n, "report_created", key=OLD)[0] == 401
        rows = n.cli("report", "list", check=0).json["items"]
        assert [r["title"] for r in rows] == ["XSS in login form"], rows
        body = n.http("GET", "/api/v1/show/" + rows[0]["name"]).json["report"]["report"]
        assert (body["foreign_id"], body["severity"], body["product"], body["text"]) == (
            "1337", "high", "edge-gw", "The name is not escaped."), body
        assert body["contact"] == {"name": "api-example", "organisation": "hackerone"}, body
        # Nested pointers; what is not there is left out.
        raw = json.dumps({"t": "A flaw", "who": {"mail": "a@b.example"}}).encode()
        stamp = str(int(time.time()))
        mac = hmac.new(SECRET, b".".join((b"n1", stamp.encode(), raw)), hashlib.sha256).digest()
        assert post(n, "nested", raw, {"webhook-id": "n1", "webhook-timestamp": stamp, "webhook-signature":
                                       "v1," + base64.b64encode(mac).decode()})[0] == 202
        row = [r for r in n.cli("report", "list", check=0).json["items"] if r["title"] == "A flaw"][0]
        body = n.http("GET", "/api/v1/show/" + row["name"]).json["report"]["report"]
        assert body["contact"] == {"mail": "a@b.example"}, body
        n.stop()


def test_refused():
    with make() as n:
        n.start()
        refused = (401, "H080")

        def code(answer):
            return answer[0], answer[1].get("code")

        assert code(ticket(n, "x", "y", key=b"another key of sixteen")) == refused
        assert hook(n, "tickets")["last"]["code"] == "H081"
        assert code(ticket(n, "x", "y", sign=b"")) == refused
        assert code(post(n, "tickets", b"{}", {})) == refused
        assert hook(n, "tickets")["last"]["code"] == "H083"
        assert code(portal(n, "m1", {})) == refused, "its secret is not set yet"
        assert hook(n, "portal")["last"]["code"] == "K001"
        set_secret(n)
        assert code(portal(n, "m1", {}, when=time.time() - 301)) == refused
        assert hook(n, "portal")["last"]["code"] == "H082"
        assert code(post(n, "nobody", b"{}", {})) == (404, "H031")
        # Bytes that are no JSON, rightly signed; the old key is good as well.
        mac = hmac.new(OLD, b"\xff\x00{", hashlib.sha256).hexdigest()
        assert code(post(n, "tickets", b"\xff\x00{", {"X-Ticket-Signature": "v0=" + mac})) == (
            422, "H084")
        assert n.cli("case", "list").json["items"] == []
        failed = n.cli("audit", "log", "kind:auth.failed", check=0).json["items"]
        assert failed and all(e["reason"].startswith("hook-") for e in failed), failed
        n.stop()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Reads JSON and writes it anew, as some do; hands the rest on."""
    port, rewrite = 0, True

    def relay(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.rewrite and self.path.startswith("/hooks/"):
            body = json.dumps(json.loads(body), separators=(",", ":")).encode()
        headers = {k: v for k, v in self.headers.items()
                   if k.lower() not in ("host", "content-length", "connection")}
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, self.path),
                                         data=body if self.command == "POST" else None,
                                         headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=30) as r:
                status, kind, out = r.status, r.headers["Content-Type"], r.read()
        except urllib.error.HTTPError as e:
            status, kind, out = e.code, e.headers["Content-Type"], e.read()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    do_GET = do_POST = relay

    def log_message(self, *_):
        pass


def test_the_test():
    with make() as n:
        begin(n)
        for name in ("tickets", "portal"):
            done = n.cli("hook", "test", name, check=0).json
            assert done["ok"] and done["arrived"]["outcome"] == "test", done
            assert done["arrived"]["sha256"] == done["sent"]["sha256"], done
        assert n.cli("hook", "test", "nobody").code == 4
        assert n.cli("case", "list").json["items"] == [], "a test starts nothing"
        # Through a proxy that changes the bytes: the responder is told so.
        Proxy.port = n.ready["port"]
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        token = n.cli("token", "create", "resp1", "--scope", "read,decide", "--for", "test",
                      check=0).json["token"]
        path = os.path.join(n.root, "token")
        with open(path, "w", encoding="ascii") as f:
            f.write(token)
        os.chmod(path, 0o600)
        url = "http://127.0.0.1:%d" % server.server_port
        env = {"TOCSIN_TOKEN_FILE": path}
        bad = t.run_cli(["--server", url, "hook", "test", "portal"], env=env)
        assert bad.code == 9 and "H081" in bad.err and "proxy" in bad.err, bad
        Proxy.rewrite = False
        t.run_cli(["--server", url, "hook", "test", "portal"], env=env, check=0)
        server.shutdown()
        n.stop()


def test_configuration():
    n = make()
    for change, words in (({"scheme": "github", "prefix": "x"}, "is for scheme hmac"),
                          ({"case": None}, "needs one of"), ({"case": "ticket"}, "JSON pointer"),
                          ({"key_file": "none.key"}, "none.key"),
                          ({"key": "hunter2hunter2hunter2", "key_file": None}, "C047"),
                          ({"header": None}, "header")):
        one = {"name": "tickets", "scheme": "hmac", "header": "X-Sig", "key_file": "tickets.key",
               "case": "/a"}
        one.update(change)
        path = os.path.join(n.root, "bad.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(t.to_yaml(t.merge(n.config, {"hooks": [
                {k: v for k, v in one.items() if v is not None}]})))
        bad = t.run_cli(["config", "check", path])
        assert bad.code != 0 and words in bad.err, (change, bad)
    n.destroy()


t.main()
