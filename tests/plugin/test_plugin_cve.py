#!/usr/bin/env python3
"""plugins/cve against a fake CVE Services: one id for a flaw whatever dies when, nothing published
before its reference is public, quota, 206, 429, updates and rejections."""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

import tocsin_test as t

PROGRAM = os.path.join(t.SOURCE, "plugins", "cve", "cve.py")
KEY = "secret-of-the-test"


class Service(http.server.ThreadingHTTPServer):
    """Ids and records as CVE Services keeps them; `fault` is what the next write suffers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ids, self.records, self.quota = {}, {}, 5
        self.fault, self.writes, self.public = None, [], set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self):
        ok = (self.headers["CVE-API-ORG"], self.headers["CVE-API-USER"],
              self.headers["CVE-API-KEY"]) == ("acme", "u@acme.example", KEY)
        if not ok:
            self.answer(401, {"error": "UNAUTHORIZED", "message": "Unauthorized"})
        return ok

    def do_GET(self):
        s, parts = self.server, urllib.parse.urlsplit(self.path)
        if parts.path.startswith("/page/"):
            self.answer(200 if parts.path in s.public else 404, {})
        elif not self.allowed():
            pass
        elif parts.path == "/org/acme/id_quota":
            self.answer(200, {"id_quota": s.quota, "total_reserved": len(s.ids),
                              "available": s.quota - len(s.ids)})
        elif parts.path == "/cve-id":
            query = urllib.parse.parse_qs(parts.query)
            since = query["time_reserved.gt"][0]
            self.answer(200, {"cve_ids": [
                {"cve_id": i, "state": "RESERVED", "reserved": at,
                 "requested_by": {"cna": "acme", "user": "u@acme.example"}}
                for i, at in sorted(s.ids.items()) if at > since and i not in s.records]})
        else:
            cve = parts.path.rsplit("/", 1)[1]
            self.answer(200, s.records[cve]) if cve in s.records else \
                self.answer(404, {"error": "CVE_RECORD_DNE", "message": "none"})

    def write(self):
        s, parts = self.server, urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.allowed():
            return
        fault, s.fault = s.fault, None
        if fault == "429":
            self.answer(429, {"error": "TOO_MANY"})
            return
        s.writes.append((self.command, parts.path))
        if parts.path == "/cve-id":
            status, value = self.reserve()
        else:
            status, value = self.record(parts, json.loads(body))
        if fault == "lost":  # done, but nobody hears of it
            self.close_connection = True
            self.connection.close()
            return
        self.answer(status, value)

    do_POST = do_PUT = write

    def reserve(self):
        s = self.server
        if len(s.ids) >= s.quota:
            return 206, {"error": "QUOTA", "message": "no quota left",
                         "details": {"amount_reserved": 0}, "cve_ids": []}
        cve = "CVE-2026-%d" % (10000 + len(s.ids))
        import datetime
        s.ids[cve] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return 200, {"cve_ids": [{"cve_id": cve, "state": "RESERVED"}]}

    def record(self, parts, body):
        s = self.server
        cve, what = parts.path.split("/")[2:4]
        exists = cve in s.records
        if cve not in s.ids:
            return 404, {"error": "CVE_ID_DNE", "message": "no such id"}
        if (self.command == "POST") == exists:
            return 403, {"error": "CVE_RECORD_EXISTS" if exists else "CVE_RECORD_DNE"}
        state = "REJECTED" if what == "reject" else "PUBLISHED"
        cna = dict(body["cnaContainer"], providerMetadata={"orgId": "x", "dateUpdated": "now"})
        s.records[cve] = {"cveMetadata": {"cveId": cve, "state": state},
                          "containers": {"cna": cna}}
        return 200, {"message": "done"}


class Plugin:
    def __init__(self, service, root, **more):
        self.next = 0
        self.process = subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        key = os.path.join(root, "key")
        if not os.path.exists(key):
            with open(key, "w", encoding="utf-8") as f:
                f.write(KEY + "\n")
            os.chmod(key, 0o600)
        self.say({"type": "describe", "protocol": 1, "settings": dict({
            "url": service.url, "org": "acme", "user": "u@acme.example", "key_file": key,
            "dir": os.path.join(root, "state")}, **more)})
        assert json.loads(self.process.stdout.readline())["type"] == "described"

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def call(self, action, **args):
        self.next += 1
        self.say({"type": "start", "id": self.next, "action": "cve." + action, "args": args,
                  "key": "0" * 32, "attempt": 1})
        answer = json.loads(self.process.stdout.readline())
        assert answer["id"] == self.next and KEY not in json.dumps(answer)
        return answer

    def ok(self, action, **args):
        answer = self.call(action, **args)
        assert answer["outcome"] == "ok", answer
        return answer["result"]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class World:
    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="tsn-cve-")
        self.service = Service()
        self.plugin = Plugin(self.service, self.root)
        return self

    def again(self):
        self.plugin.end()
        self.plugin = Plugin(self.service, self.root)
        return self.plugin

    def __exit__(self, *args):
        self.plugin.end()
        self.service.shutdown()
        self.service.server_close()
        shutil.rmtree(self.root, ignore_errors=True)


def test_one_id_for_one_flaw():
    with World() as w:
        assert w.plugin.ok("quota")["available"] == 5
        first = w.plugin.ok("reserve", flaw="PSIRT-2026-0001/1", year=2026)["cve"]
        assert w.plugin.ok("reserve", flaw="PSIRT-2026-0001/1")["cve"] == first
        assert w.again().ok("reserve", flaw="PSIRT-2026-0001/1")["cve"] == first
        other = w.plugin.ok("reserve", flaw="PSIRT-2026-0001/2")["cve"]
        assert other != first and len(w.service.ids) == 2
        # The answer is lost: the next try, also of another process, finds what was reserved.
        w.service.fault = "lost"
        assert w.plugin.call("reserve", flaw="third")["outcome"] == "unknown"
        third = w.again().ok("reserve", flaw="third")
        assert third["again"] and len(w.service.ids) == 3 and third["cve"] not in (first, other)
        # A torn last line of the ledger, as a crash leaves it.
        with open(os.path.join(w.root, "state", "ledger.jsonl"), "a", encoding="utf-8") as f:
            f.write('{"event":"res')
        assert w.again().ok("reserve", flaw="third")["cve"] == third["cve"]
        fourth = w.plugin.ok("reserve", flaw="fourth")["cve"]
        assert w.again().ok("reserve", flaw="fourth")["cve"] == fourth
        w.service.fault = "429"
        assert w.plugin.call("reserve", flaw="fifth")["outcome"] == "retry"
        w.plugin.ok("reserve", flaw="fifth")
        refused = w.plugin.call("reserve", flaw="sixth")
        assert refused["outcome"] == "fail" and refused["error"]["code"] == "quota", refused
        assert len(w.service.ids) == 5
        assert w.plugin.call("reserve", flaw="x")["error"]["code"] == "bad_request"


def test_no_record_before_its_reference():
    with World() as w:
        cve = w.plugin.ok("reserve", flaw="one")["cve"]
        page = w.service.url + "/page/1"
        container = {"descriptions": [{"lang": "en", "value": "A flaw."}],
                     "references": [{"url": page}], "affected": []}
        call = dict(cve=cve, container=container, reference=page)
        assert w.plugin.call("publish", **call)["error"]["code"] == "not_public"
        assert not w.service.records
        w.service.public.add("/page/1")
        bad = w.plugin.call("publish", cve=cve, container=container, reference=page + "2")
        assert bad["error"]["code"] == "reference"
        # Lost after it was done: the next try sees the same record and does nothing.
        w.service.fault = "lost"
        assert w.plugin.call("publish", **call)["outcome"] == "unknown"
        assert w.again().ok("publish", **call)["done"] == "same"
        assert [x for x in w.service.writes if "/cna" in x[1]] == [("POST", "/cve/%s/cna" % cve)]
        container["descriptions"][0]["value"] = "A flaw in the parser."
        assert w.plugin.ok("publish", **call)["done"] == "updated"
        assert w.plugin.ok("publish", **call)["done"] == "same"
        unknown = w.plugin.call("publish", cve="CVE-2026-99999", container=container,
                                reference=page)
        assert unknown["error"]["code"] == "CVE_ID_DNE", unknown


def test_rejection_and_credentials():
    with World() as w:
        cve = w.plugin.ok("reserve", flaw="one")["cve"]
        w.plugin.ok("reject", cve=cve, reason="Not a flaw.")
        assert w.plugin.ok("reject", cve=cve, reason="Not a flaw.")["again"] is True
        assert w.service.records[cve]["cveMetadata"]["state"] == "REJECTED"
        assert w.plugin.call("reject", cve="CVE-1", reason="x")["outcome"] == "fail"
        os.chmod(os.path.join(w.root, "key"), 0o644)
        assert w.plugin.call("quota")["error"]["code"] == "key_file"
        with open(os.path.join(w.root, "key"), "w", encoding="utf-8") as f:
            f.write("wrong")
        os.chmod(os.path.join(w.root, "key"), 0o600)
        assert w.plugin.call("quota")["error"]["code"] == "UNAUTHORIZED"


if __name__ == "__main__":
    t.main()
