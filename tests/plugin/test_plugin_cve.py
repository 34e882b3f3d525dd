#!/usr/bin/env python3
"""plugins/cve against a fake CVE Services: one id for a flaw whatever dies when, nothing published
before its reference is public, quota, 206, 429, updates and rejections."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import cve_services
import tocsin_test as t

PROGRAM = os.path.join(t.SOURCE, "plugins", "cve", "cve.py")
KEY = cve_services.KEY


class Plugin:
    def __init__(self, service, root, **more):
        self.next, self.asked, self.secret = 0, 0, {"value": KEY}
        self.process = subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        key = os.path.join(root, "key")
        if not os.path.exists(key):
            with open(key, "w", encoding="utf-8") as f:
                f.write(KEY + "\n")
            os.chmod(key, 0o600)
        self.say({"type": "describe", "protocol": 1, "settings": dict({
            "url": service.url, "org": "acme", "user": "u@acme.example",
            "dir": os.path.join(root, "state"), **({} if "key" in more else {"key_file": key})},
            **more)})
        assert json.loads(self.process.stdout.readline())["type"] == "described"

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def call(self, action, **args):
        self.next += 1
        self.say({"type": "start", "id": self.next, "action": "cve." + action, "args": args,
                  "key": "0" * 32, "attempt": 1})
        answer = json.loads(self.process.stdout.readline())
        while answer["type"] == "secret":
            self.asked += 1
            # Something else comes first: it is not lost.
            self.say({"type": "cancel", "id": 99})
            self.say(dict({"type": "secret", "handle": answer["handle"]}, **self.secret))
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
        self.service = cve_services.Service()
        self.plugin = Plugin(self.service, self.root)
        return self

    def again(self):
        self.plugin.end()
        self.plugin = Plugin(self.service, self.root)
        return self.plugin

    def __exit__(self, *args):
        self.plugin.end()
        self.service.end()
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
                     "references": [{"url": page}],
                     "affected": [{"vendor": "Acme", "product": "Edge", "defaultStatus": "unknown"}]}
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
        # Two texts of one language: the service's own rule.
        twice = dict(container, descriptions=2 * container["descriptions"])
        assert w.plugin.call("publish", cve=cve, container=twice,
                             reference=page)["error"]["code"] in ("BAD_INPUT", "INVALID_JSON_SCHEMA")
        if cve_services.judged:
            broken = dict(container, affected=[])
            assert w.plugin.call("publish", cve=cve, container=broken,
                                 reference=page)["error"]["code"] == "INVALID_JSON_SCHEMA"
        unknown = w.plugin.call("publish", cve="CVE-2026-99999", container=container,
                                reference=page)
        assert unknown["error"]["code"] == "CVE_ID_DNE", unknown


def test_the_stricter_check():
    with World() as w:
        w.plugin.end()
        w.plugin = Plugin(w.service, w.root, erlcheck=True)
        cve = w.plugin.ok("reserve", flaw="one")["cve"]
        page = w.service.url + "/page/1"
        w.service.public.add("/page/1")
        container = {"descriptions": [{"lang": "en", "value": "A flaw."}],
                     "references": [{"url": page}],
                     "affected": [{"vendor": "Acme", "product": "Edge", "defaultStatus": "unknown"}]}
        call = dict(cve=cve, container=container, reference=page)
        assert w.plugin.call("publish", **call)["error"]["code"] == "ERL_CHECK"
        container["problemTypes"] = [{"descriptions": [
            {"lang": "en", "type": "CWE", "cweId": "CWE-787", "description": "Out-of-bounds Write"}]}]
        container["metrics"] = [{"cvssV3_1": {
            "version": "3.1", "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "baseScore": 9.8, "baseSeverity": "CRITICAL"}}]
        assert w.plugin.ok("publish", **call)["done"] == "created"


def test_the_key_is_a_secret():
    with World() as w:
        w.plugin.end()
        w.plugin = Plugin(w.service, w.root, key="secret:cve")
        first = w.plugin.ok("reserve", flaw="one")["cve"]
        assert w.plugin.asked == 1 and w.plugin.ok("reserve", flaw="one")["cve"] == first
        w.plugin.secret = {"error": {"code": "K001", "message": "the secret `cve` does not exist"}}
        refused = w.plugin.call("quota")
        assert refused["outcome"] == "fail" and refused["error"]["code"] == "secret", refused
        w.plugin.secret = {"value": "replaced"}
        assert w.plugin.call("quota")["error"]["code"] == "UNAUTHORIZED"
        both = subprocess.run([sys.executable, PROGRAM], input=json.dumps({
            "type": "describe", "settings": {"org": "a", "user": "u", "dir": w.root, "key": "plain"}}),
            text=True, capture_output=True, check=False)
        assert both.returncode != 0 and "never the key itself" in both.stderr, both


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
