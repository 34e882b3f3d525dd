#!/usr/bin/env python3
"""edr_http through tocsin against a simulator of an endpoint product and of an OpenC2 consumer that checks what it gets:
isolated by an approved step, once, also when the answer is lost or tocsin is killed; released by the undo."""
import http.server
import json
import os
import threading

import tocsin_test as t

t.need_binary()
TOKEN = "edr-token-0123456789"


class Sim(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.hosts = {"gw-01": {"id": "h/7", "name": "gw-01", "isolation": {"state": "normal", "comment": None}}}
        self.changes, self.wrong, self.lose, self.ids = [], [], False, set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_address[1]

    def state(self):
        return self.hosts["gw-01"]["isolation"]["state"]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        s = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != "Bearer " + TOKEN:
            s.wrong.append("no token: %s" % self.path)
            self.answer(401, {})
            return
        host = s.hosts["gw-01"]
        if self.command == "GET":
            self.answer(*((200, host) if self.path == "/hosts/gw-01" else (404, {})))
            return
        body = json.loads(raw)
        if self.path == "/.well-known/openc2":
            state = {"contain": "isolated", "allow": "normal"}.get(body.get("action"))
            if (self.headers["Content-Type"] != "application/openc2-cmd+json;version=1.0" or
                    self.headers["X-Request-ID"] != body["command_id"] or
                    body["target"] != {"device": {"hostname": "gw-01"}} or not state):
                s.wrong.append("no OpenC2: %s %s" % (dict(self.headers), body))
            s.ids.add(body["command_id"])
        elif self.path in ("/hosts/h%2F7/isolate", "/hosts/h%2F7/release"):
            state = {"isolate": "isolated", "release": "normal"}[self.path.rsplit("/", 1)[1]]
            if host["isolation"]["state"] == state:
                s.wrong.append("twice: " + self.path)
        else:
            s.wrong.append("nothing at " + self.path)
            self.answer(404, {})
            return
        host["isolation"] = {"state": state, "comment": body.get("comment")}
        s.changes.append(state)
        if s.lose:  # done, and nobody hears of it
            s.lose = False
            self.connection.close()
            self.close_connection = True
            return
        self.answer(200, {"status": 200})

    do_GET = do_POST = handle_any


PLAYBOOK = """local edr = use "edr_http"
return playbook { name = "contain", title = "Contain", on = "report.accepted",
  roles = { contain = "duty-manager" },
  run = function(case)
    local plan = edr.plan_isolate { host = "gw-01" }
    if approve { id = "contain", role = "contain", title = "Isolate", show = plan, within = "1h" } then
      edr.isolate { host = "gw-01", reason = case.name, undo = edr.release }
      ask { id = "over", role = "contain", title = "Is it over?", fields = { yes = flag "Over" } }
      case:unwind()
    end
    return case:close { resolution = "contained", reason = "over" }
  end }
"""


def story(settings, lose):
    sim = Sim()
    at = "http://" + sim.address
    with t.make_dir({"http": {"reach": [sim.address]}, "playbooks": {"dir": "own"},
                     "plugins": [{"name": "edr_http", "settings": dict(
                         settings, url=at + settings.get("url", ""), token="secret:edr")}],
                     "rules": [{"on": "report.accepted", "run": "contain"}]}) as n:
        os.mkdir(os.path.join(n.root, "own"))
        with open(os.path.join(n.root, "own", "contain.lua"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK)
        n.start()
        n.cli("secret", "set", "edr", stdin=TOKEN, check=0)
        n.http("POST", "/api/v1/reports", {
            "kind": "incident", "title": "Scan", "text": "From there.",
            "contact": {"mail": "c@customer.example"}}, headers={"Idempotency-Key": "one"})
        task = n.task(kind="approve")
        assert sim.state() == "normal" and sim.changes == []
        sim.lose = lose
        n.cli("approve", task["name"], "--reason", "it talks to them", as_person="duty1", check=0)
        ask = n.task(kind="ask", timeout=60)
        assert sim.state() == "isolated"
        n.kill9()
        n.start()
        n.cli("answer", ask["name"], "--set", "yes=true", as_person="duty1", check=0)
        t.wait_for(lambda: n.cli("case", "list").json["items"][0]["state"] == "closed",
                   30 * t.PATIENCE, node=n)
        assert sim.state() == "normal" and not sim.wrong, sim.wrong
        n.stop()
    sim.shutdown()
    return sim


def test_rest():
    assert story({}, False).changes == ["isolated", "normal"]


def test_rest_with_a_lost_answer():
    """The mark on the host tells that it was done: not twice."""
    assert story({}, True).changes == ["isolated", "normal"]


def test_openc2():
    sim = story({"url": "/.well-known/openc2", "encoding": "openc2"}, False)
    assert sim.changes == ["isolated", "normal"] and len(sim.ids) == 2


def test_openc2_with_a_lost_answer():
    """The same command comes again, under the same id."""
    sim = story({"url": "/.well-known/openc2", "encoding": "openc2"}, True)
    assert sim.changes == ["isolated", "isolated", "normal"] and len(sim.ids) == 2


def test_its_spec():
    got = t.run_cli(["plugin", "test", os.path.join(t.SOURCE, "plugins", "edr_http"), "--json"], check=0)
    assert got.json["failed"] == 0, got


t.main()
