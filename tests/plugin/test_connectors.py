#!/usr/bin/env python3
"""Every Lua connector: its spec, and against a simulator of the recorded shape of its service that checks
headers, signatures, dedupe keys and rate limits; lost answers, repeats, what it may not do."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.parse

import tocsin_test as t

NAMES = ["slack", "teams", "mattermost", "matrix", "pagerduty", "webhook", "jira", "github", "gitlab", "misp",
         "thehive"]
HMAC_KEY = b"0123456789abcdef0123456789abcdef"
SEED = bytes(range(32))
SECRETS = {name: "tok-%s-0123456789" % name for name in NAMES}
SECRETS["webhook"] = "whsec_" + base64.b64encode(HMAC_KEY).decode()
SECRETS["webhook-sign"] = "whsk_" + base64.b64encode(SEED).decode()


def public_key(seed):
    """The Ed25519 public key and a verifier by openssl: not tocsin's own library."""
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    pem = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n" % base64.b64encode(der).decode()
    return subprocess.run(["openssl", "pkey", "-pubout"], input=pem, text=True, capture_output=True,
                          check=True).stdout


def verifies(pub, signature, message):
    folder = "/tmp/tsn-sig-%d" % os.getpid()
    os.makedirs(folder, exist_ok=True)
    for name, data in (("pub", pub.encode()), ("sig", signature), ("msg", message)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", folder + "/pub", "-rawin", "-in",
                           folder + "/msg", "-sigfile", folder + "/sig"], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", folder], check=True)
    return done.returncode == 0


class Sim(http.server.ThreadingHTTPServer):
    """All services on one port; each under its own prefix. `faults`: what the next request of a service suffers."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.faults, self.wrong, self.requests = {}, [], []
        self.posts, self.issues, self.comments, self.events, self.alerts = [], {}, {}, {}, {}
        self.matrix, self.pages, self.hooks, self.cards = {}, {}, {}, []
        self.status = "Open"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value=None, headers=()):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        if value is not None:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def expect(self, good, what):
        if not good:
            self.server.wrong.append("%s %s: %s; headers %s" % (self.command, self.path, what, dict(self.headers)))

    def any(self):
        s = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        name, rest = url.path.lstrip("/").split("/", 1)
        query = dict(urllib.parse.parse_qsl(url.query))
        with s.lock:
            s.requests.append((name, self.command, rest))
            fault = s.faults.get(name)
            if fault and (fault[1] is None or self.command == fault[1]):
                s.faults.pop(name)
            else:
                fault = None
            if fault and fault[0] == "busy":
                self.answer(429, {"errcode": "M_LIMIT_EXCEEDED", "message": "slow down"}, [("Retry-After", "1")])
                return
            self.expect(self.headers.get("User-Agent", "").startswith("tocsin/"), "who is asking")
            if self.command != "GET":
                self.expect(re.fullmatch("[0-9a-f]{32}", self.headers.get("Idempotency-Key", "")), "a key")
            if raw:
                self.expect(self.headers.get("Content-Type") == "application/json", "its type")
            status, value = getattr(self, name)(rest, query, json.loads(raw) if raw else None, raw)
        if fault and fault[0] == "lost":  # done, and nobody hears of it
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault[0] == "gateway":  # done, and a gateway says it gave up
            status, value = 504, {"message": "upstream"}
        self.answer(status, value)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = any

    def bearer(self, name):
        self.expect(self.headers.get("Authorization") == "Bearer " + SECRETS[name], "the token")

    def slack(self, path, query, body, _):
        self.bearer("slack")
        if path == "chat.postMessage":
            key = body["metadata"]["event_payload"]["key"]
            self.expect(body["unfurl_links"] is False and key == self.headers["Idempotency-Key"], "its key")
            self.server.posts.append(body)
            return 200, {"ok": True, "ts": "17.%d" % len(self.server.posts), "channel": body["channel"]}
        self.expect(query["include_all_metadata"] == "true", "metadata")
        return 200, {"ok": True, "has_more": False, "messages": [
            {"ts": "17.%d" % (i + 1), "metadata": p["metadata"]} for i, p in enumerate(self.server.posts)]}

    def teams(self, path, _, body, __):
        if self.command == "GET":
            return 200, {}
        self.expect(path == "workflows/abc" + SECRETS["teams"], "the address")
        card = body["attachments"][0]
        self.expect(body["type"] == "message" and card["contentType"] == "application/vnd.microsoft.card.adaptive"
                    and card["content"]["type"] == "AdaptiveCard", "a card")
        self.server.cards.append(card["content"])
        return 202, None

    def mattermost(self, path, _, body, __):
        self.bearer("mattermost")
        posts = self.server.comments.setdefault("mm", {})
        if self.command == "POST":
            self.expect(path == "api/v4/posts" and body["props"]["tocsin_key"] == self.headers["Idempotency-Key"], "key")
            posts["p%d" % (len(posts) + 1)] = body
            return 201, {"id": "p%d" % len(posts)}
        if self.command == "DELETE":
            return (200, {"status": "OK"}) if posts.pop(path.rsplit("/", 1)[1], None) else (404, {"id": "gone"})
        return 200, {"order": list(posts), "posts": posts}

    def matrix(self, path, _, body, __):
        self.bearer("matrix")
        room, verb, *more = urllib.parse.unquote(path).split("/")[4:]
        self.expect(self.command == "PUT" and room == "!r:m.example", "the room")
        txn = more[-1]
        self.expect(txn == self.headers["Idempotency-Key"], "the transaction is the key")
        first = txn not in self.server.matrix
        self.server.matrix.setdefault(txn, (verb, body))
        self.server.matrix_repeats = getattr(self.server, "matrix_repeats", 0) + (not first)
        return 200, {"event_id": "$" + txn[:8]}

    def pagerduty(self, path, _, body, __):
        self.expect(path == "v2/enqueue" and body["routing_key"] == SECRETS["pagerduty"], "routing key")
        self.expect("Authorization" not in self.headers, "no authorization")
        if body["event_action"] == "trigger":
            self.expect(body["payload"]["severity"] in ("critical", "error", "warning", "info")
                        and len(body["payload"]["summary"]) <= 1024 and body["payload"]["source"], "payload")
            if body["payload"]["summary"] == "invalid":
                return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["no"]}
        self.server.pages.setdefault(body["dedup_key"], []).append(body["event_action"])
        return 202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}

    def webhook(self, _, __, body, raw):
        h = self.headers
        signed = ("%s.%s." % (h["webhook-id"], h["webhook-timestamp"])).encode() + raw
        good = base64.b64encode(hmac.new(HMAC_KEY, signed, hashlib.sha256).digest()).decode()
        parts = dict(p.split(",", 1) for p in h["webhook-signature"].split())
        self.expect(h["webhook-id"] == "msg_" + h["Idempotency-Key"], "the id is the key")
        self.expect(parts.get("v1") == good, "v1")
        self.expect(verifies(PUBLIC, base64.b64decode(parts.get("v1a", "")), signed), "v1a")
        self.server.hooks.setdefault(h["webhook-id"], []).append(body["type"])
        return (410, None) if body["type"] == "gone" else (204, None)

    def jira(self, path, query, body, _):
        self.bearer("jira")
        issues = self.server.issues.setdefault("jira", {})
        if path == "rest/api/2/search":
            label = re.fullmatch('labels = "(.*)"', query["jql"]).group(1)
            return 200, {"issues": [dict(id="1", key=k, fields={"status": {"name": self.server.status}})
                                    for k, i in issues.items() if label in i["labels"]]}
        if path == "rest/api/2/issue":
            if body["fields"]["issuetype"]["name"] == "Nonsense":
                return 400, {"errorMessages": [], "errors": {"issuetype": "valid issue type is required"}}
            key = "SEC-%d" % (len(issues) + 1)
            issues[key] = body["fields"]
            return 201, {"id": "1", "key": key}
        if path.endswith("/comment") and self.command == "GET":
            return 200, {"comments": self.server.comments.get("jira", [])}
        if path.endswith("/comment"):
            self.server.comments.setdefault("jira", []).append({"id": "9", "body": body["body"]})
            return 201, {"id": "9"}
        if path.endswith("/transitions") and self.command == "GET":
            return 200, {"transitions": [{"id": "31", "name": "Close", "to": {"name": "Done"}}]}
        if path.endswith("/transitions"):
            self.expect(body == {"transition": {"id": "31"}}, "the transition")
            self.server.status = "Done"
            return 204, None
        return 200, {"fields": {"status": {"name": self.server.status}}}

    def tickets(self, name, labels, make, changes):
        issues = self.server.issues.setdefault(name, [])
        if self.command == "GET":
            return 200, [i for i in issues if labels in i["_labels"]]
        if self.command == "POST":
            issues.append(make(len(issues) + 1))
            return 201, issues[-1]
        issues[0].update(changes)
        return 200, issues[0]

    def github(self, path, query, body, _):
        self.bearer("github")
        self.expect(self.headers["X-GitHub-Api-Version"] == "2022-11-28"
                    and self.headers["Accept"] == "application/vnd.github+json", "version")
        if "/comments" in path:
            notes = self.server.comments.setdefault("github", [])
            if self.command == "POST":
                notes.append({"id": len(notes) + 1, "body": body["body"]})
            return (200, notes) if self.command == "GET" else (201, notes[-1])
        self.expect(path.startswith("repos/acme/edge/issues"), "the repo")
        return self.tickets("github", query.get("labels"), lambda n: {
            "number": n, "state": "open", "html_url": "https://github.example/%d" % n, "title": body["title"],
            "_labels": body["labels"]}, {"state": (body or {}).get("state")})

    def gitlab(self, path, query, body, _):
        self.expect(self.headers["PRIVATE-TOKEN"] == SECRETS["gitlab"], "the token")
        self.expect(self.path.startswith("/gitlab/api/v4/projects/acme%2Fedge/issues"), "the project")
        if "/notes" in path:
            notes = self.server.comments.setdefault("gitlab", [])
            if self.command == "POST":
                notes.append({"id": len(notes) + 1, "body": body["body"]})
            return (200, notes) if self.command == "GET" else (201, notes[-1])
        states = {"close": "closed", "reopen": "opened"}
        return self.tickets("gitlab", query.get("labels"), lambda n: {
            "iid": n, "id": 10 + n, "state": "opened", "web_url": "https://gitlab.example/%d" % n,
            "confidential": body["confidential"], "_labels": body["labels"].split(",")},
            {"state": states.get((body or {}).get("state_event"))})

    def misp(self, path, _, body, __):
        self.expect(self.headers["Authorization"] == SECRETS["misp"] and self.headers["Accept"] == "application/json",
                    "the key")
        if self.command == "GET":
            event = self.server.events.get(path.rsplit("/", 1)[1])
            return (200, {"Event": event}) if event else (404, {"message": "Invalid event."})
        event = body["Event"]
        self.expect(re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", event["uuid"]), "uuid")
        self.expect(event["uuid"] not in self.server.events and event["published"] is False, "made once")
        self.server.events[event["uuid"]] = dict(event, id="12")
        return 200, {"Event": {"id": "12", "uuid": event["uuid"], "published": False}}

    def thehive(self, path, _, body, __):
        self.bearer("thehive")
        alerts = self.server.alerts
        if path == "api/v1/query":
            ref = body["query"][1]["_and"][1]["_value"]
            return 200, [alerts[ref]] if ref in alerts else []
        if self.command == "GET":
            return 200, list(alerts.values())[0]
        self.expect(body["sourceRef"] not in alerts and body["type"] and body["source"] == "tocsin", "unique")
        alerts[body["sourceRef"]] = {"_id": "~1", "status": "New", "sourceRef": body["sourceRef"], "sent": body}
        return 201, alerts[body["sourceRef"]]


PUBLIC = public_key(SEED)

BOOK = """
local slack, teams, mattermost, matrix = use "slack", use "teams", use "mattermost", use "matrix"
local pagerduty, webhook, jira, github = use "pagerduty", use "webhook", use "jira", use "github"
local gitlab, misp, thehive = use "gitlab", use "misp", use "thehive"
return playbook { name = "tell", title = "Tell", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    local function try(name, fn)
      local ok, got = pcall(fn)
      case:note(name .. " = " .. json.encode(ok and { ok = got } or { code = got.code, message = got.message }))
    end
    try("slack", function() return slack.post { text = "hello" } end)
    try("teams", function() return teams.post { title = "t", text = "hello", facts = { a = 1 } } end)
    try("mattermost", function()
      local p = mattermost.post { text = "hello" }
      mattermost.remove { id = p.id }
      return p
    end)
    try("matrix", function() return matrix.post { text = "hello" } end)
    try("pagerduty", function()
      pagerduty.trigger { summary = "down", severity = "critical" }
      pagerduty.acknowledge {}
      return pagerduty.resolve {}
    end)
    try("pagerduty invalid", function() return pagerduty.trigger { summary = "invalid" } end)
    try("webhook", function() return webhook.send { type = "case.changed", data = { case = case.name } } end)
    try("webhook gone", function() return webhook.send { type = "gone" } end)
    try("jira", function()
      local i = jira.create { summary = "Fix", labels = { "psirt" } }
      jira.comment { issue = i.issue, text = "news" }
      return i
    end)
    try("jira again", function() return jira.create { summary = "Fix it once more" } end)
    try("jira move", function() return jira.transition { issue = "SEC-1", to = "Done" } end)
    try("jira find", function() return jira.find {} end)
    try("jira nonsense", function() return jira.create { key = "other", summary = "x", type = "Nonsense" } end)
    try("github", function()
      local i = github.create { title = "Fix" }
      github.comment { number = i.number, text = "news" }
      return github.close { number = i.number }
    end)
    try("github again", function() return github.create { title = "Fix" } end)
    try("github find", function() return github.find {} end)
    try("gitlab", function()
      local i = gitlab.create { title = "Fix" }
      gitlab.comment { number = i.number, text = "news" }
      return gitlab.close { number = i.number }
    end)
    try("gitlab again", function() return gitlab.create { title = "Fix" } end)
    try("misp", function() return misp.push { info = "Scan", indicators = { "203.0.113.7" }, tlp = "AMBER" } end)
    try("misp again", function() return misp.push { info = "Scan", indicators = { "203.0.113.7" } } end)
    try("thehive", function() return thehive.push { title = "Scan", description = "d", indicators = { "203.0.113.7" } } end)
    try("thehive again", function() return thehive.push { title = "Scan", description = "d" } end)
    try("thehive status", function() return thehive.status { id = "~1" } end)
    return case:close { resolution = "ok" }
  end }
"""


def node_with(sim, plugins=None, book=BOOK):
    at = "http://" + sim.address + "/"
    own = {"slack": {"url": at + "slack", "token": "secret:slack", "channel": "C1"},
           "teams": {"webhook": "secret:teams"},
           "mattermost": {"url": at + "mattermost", "token": "secret:mattermost", "channel": "c1"},
           "matrix": {"url": at + "matrix", "token": "secret:matrix", "room": "!r:m.example"},
           "pagerduty": {"url": at + "pagerduty", "routing_key": "secret:pagerduty"},
           "webhook": {"url": at + "webhook/in", "key": "secret:webhook", "sign_key": "secret:webhook-sign"},
           "jira": {"url": at + "jira", "token": "secret:jira", "project": "SEC"},
           "github": {"url": at + "github", "token": "secret:github", "repo": "acme/edge"},
           "gitlab": {"url": at + "gitlab", "token": "secret:gitlab", "project": "acme/edge"},
           "misp": {"url": at + "misp", "key": "secret:misp"},
           "thehive": {"url": at + "thehive", "key": "secret:thehive"}}
    node = t.make_dir({"http": {"reach": [sim.address]}, "playbooks": {"dir": "books"},
                       "plugins": plugins or [{"name": n, "settings": own[n]} for n in NAMES],
                       "rules": [{"on": "report.accepted", "run": "tell"}]})
    os.mkdir(os.path.join(node.root, "books"))
    with open(os.path.join(node.root, "books", "tell.lua"), "w", encoding="utf-8") as f:
        f.write(book)
    node.start()
    for name, value in SECRETS.items():
        if name == "teams":
            value = at + "teams/workflows/abc" + value
        node.cli("secret", "set", name, stdin=value, check=0)
    return node


def report(node, key="k"):
    node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y"},
              {"Idempotency-Key": key}, as_person="intake", check=202)


def told(node, timeout=90):
    def closed():
        cases = node.http("GET", "/api/v1/cases", check=200).json["items"]
        return cases and cases[0]["state"] == "closed" and cases[0]
    case = node.wait_for(closed, timeout)
    tale = node.cli("case", "timeline", case["id"], "--all", json=False, check=0).out
    out = {}
    for found in re.finditer(r'([a-z ]+) = (?=\{)', tale):
        try:
            value, _ = json.JSONDecoder().raw_decode(tale[found.end():])
        except ValueError:
            continue
        out.setdefault(found.group(1).strip(), value)
    return case, out, tale


def test_specs():
    for name in NAMES:
        got = t.run_cli(["plugin", "test", os.path.join(t.SOURCE, "plugins", name), "--json"], check=0)
        assert got.json["failed"] == 0, got


def test_all_of_them():
    sim = Sim()
    # Each limits the rate once, before anything else; what is lost was done.
    for name in NAMES:
        sim.faults[name] = ("busy", None)
    with node_with(sim) as node:
        report(node)
        case, said, tale = told(node)
        assert not sim.wrong, "\n".join(sim.wrong)
        assert "R055" not in tale
        for name in ("slack", "teams", "mattermost", "matrix", "pagerduty", "webhook", "jira", "jira again", "jira move",
                     "jira find", "github", "github again", "github find", "gitlab", "gitlab again", "misp", "misp again",
                     "thehive", "thehive again", "thehive status"):
            assert "ok" in said.get(name, {}), (name, said.get(name), tale[-3000:])
        assert len(sim.posts) == 1 and sim.cards[0]["body"][0]["text"] == "t"
        assert sim.comments["mm"] == {}, "posted and removed"
        assert sim.pages == {"tocsin/" + case["name"]: ["trigger", "acknowledge", "resolve"]} or list(
            sim.pages.values()) == [["trigger", "acknowledge", "resolve"]], sim.pages
        assert "invalid_event" in said["pagerduty invalid"]["message"], said["pagerduty invalid"]
        assert "gone" in said["webhook gone"]["message"]
        assert len(sim.issues["jira"]) == 1 and said["jira again"]["ok"]["existed"] is True
        assert len(sim.comments["jira"]) == 1 and said["jira find"]["ok"]["status"] == "Done"
        assert "valid issue type is required" in said["jira nonsense"]["message"]
        assert len(sim.issues["github"]) == 1 and said["github find"]["ok"]["state"] == "closed"
        assert len(sim.issues["gitlab"]) == 1 and sim.issues["gitlab"][0]["confidential"] is True
        assert len(sim.events) == 1 and len(sim.alerts) == 1
        # The service asked for a second's pause, and got it: nothing came twice within it.
        assert sum(1 for r in sim.requests if r[0] == "slack" and r[1] == "POST") == 2
        assert node.stop() == 0


def test_lost_answers():
    """Done, and the answer lost: looked for, repeated under the same key, or asked of a person; never done twice."""
    book = """
    local slack, teams, matrix, jira = use "slack", use "teams", use "matrix", use "jira"
    return playbook { name = "tell", title = "Tell", on = "report.accepted",
      run = function(case)
        slack.post { text = "hello" }
        matrix.post { text = "hello" }
        jira.create { summary = "Fix" }
        teams.post { text = "hello" }
        return case:close { resolution = "ok" }
      end }
    """
    for fault in ("lost", "gateway"):
        sim = Sim()
        sim.faults = {"slack": (fault, "POST"), "matrix": (fault, "PUT"), "jira": (fault, "POST"), "teams": (fault, "POST")}
        with node_with(sim, book=book) as node:
            report(node)
            task = node.task(kind="resolve", timeout=60)
            assert not sim.wrong, "\n".join(sim.wrong)
            assert len(sim.posts) == 1, "the probe found it"
            assert len(sim.matrix) == 1 and sim.matrix_repeats == 1, "the same transaction twice is one"
            assert len(sim.issues["jira"]) == 1, "found by its key before it is made again"
            assert len(sim.cards) == 1 and "teams.post" in json.dumps(task), "nobody can know: a person is asked"
            node.cli("run", "resolve", task["name"], "--done", "--reason", "it is there", as_person="lead1", check=(0, 2, 4, 6))
            assert node.stop() == 0


OWN = """
return connector {
  look = { request = function(args, ctx)
      if args.how == "post" then return http { method = "POST", url = args.url } end
      if args.how == "not mine" then return http { url = args.url, headers = { A = bearer("x") }, json = nil } end
      return http { url = args.url }
    end, response = function(reply) return { status = reply.status } end },
  print = { request = function(_, ctx) return done { text = "it is " .. ctx.settings.token } end },
  tostring = { request = function(_, ctx) return done { text = tostring(ctx.settings.token), len = json.encode(ctx.settings) } end },
  read = { request = function(_, ctx) return done { text = ctx.settings.token.value } end },
  forge = { request = function(args) return http { url = args.url, headers = { A = { ["$secret"] = "secret:jira" } } } end },
  loop = { request = function() while true do end end },
  big = { request = function() return done { text = ("x"):rep(3000000) } end },
  os = { request = function() return done { text = os.getenv("HOME") } end },
  odd = { request = function() return 7 end },
  twice = { { request = function() return done { a = 1 } end } },
}
"""
OWN_BOOK = """
local own = use "own"
return playbook { name = "tell", title = "Tell", on = "report.accepted",
  run = function(case)
    for _, name in ipairs { "print", "tostring", "read", "forge", "loop", "big", "os", "odd", "twice" } do
      local ok, got = pcall(function() return own[name] { url = "http://AT/matrix/x" } end)
      case:note(name .. " = " .. json.encode(ok and { ok = got } or { code = got.code, message = got.message }))
    end
    for _, how in ipairs { "post", "get" } do
      local ok, got = pcall(function() return own.look { url = "http://AT/teams/x", how = how } end)
      case:note("look " .. how .. " = " .. json.encode(ok and { ok = got } or { code = got.code, message = got.message }))
    end
    return case:close { resolution = "ok" }
  end }
"""


def test_what_a_connector_cannot_do():
    sim = Sim()
    node = t.make_dir({"http": {"reach": [sim.address]}, "playbooks": {"dir": "books"},
                       "plugins": [{"name": "own", "dir": "own", "settings": {"token": "secret:slack"}}],
                       "rules": [{"on": "report.accepted", "run": "tell"}]})
    with node:
        os.mkdir(os.path.join(node.root, "books"))
        os.mkdir(os.path.join(node.root, "own"))
        with open(os.path.join(node.root, "books", "tell.lua"), "w", encoding="utf-8") as f:
            f.write(OWN_BOOK.replace("AT", sim.address))
        with open(os.path.join(node.root, "own", "own.lua"), "w", encoding="utf-8") as f:
            f.write(OWN)
        with open(os.path.join(node.root, "own", "manifest.yaml"), "w", encoding="utf-8") as f:
            f.write("name: own\nlua: own.lua\nsettings: [ { name: token, type: secret } ]\nactions:\n" + "".join(
                "  - { name: %s, effect: read, attempts: 1, timeout: 20s }\n" % n for n in (
                    "look", "print", "tostring", "read", "forge", "loop", "big", "os", "odd", "twice")))
        node.start()
        node.cli("secret", "set", "slack", stdin=SECRETS["slack"], check=0)
        report(node)
        _, said, tale = told(node)
        for name, code in (("print", "L301"), ("read", "L301"), ("forge", "L302"), ("loop", "R020"), ("odd", "L303"),
                           ("os", "L10"), ("big", "")):
            assert "ok" not in said[name] and code in said[name]["message"], (name, said[name])
        assert said["twice"]["ok"] == {"a": 1}
        assert SECRETS["slack"] not in tale and "secret:slack" not in json.dumps(said.get("tostring")), said.get("tostring")
        assert "a look-up may only read" in said["look post"]["message"], said["look post"]
        assert not sim.cards
        # Settings are held against the manifest before anything starts.
        for settings, words in (({"token": "in-clear-text"}, "must be a secret"), ({"tokken": "secret:x"}, "did you mean")):
            node.stop()
            node.config["plugins"][0]["settings"] = settings
            node.write_config()
            assert node.start(wait="dead") != 0
            assert words in node.log_text() and "R056" in node.log_text(), node.log_text()[-500:]


KINDS = """
local function web(args) return http { url = args.url } end
local function program(args, ctx)
  return exec { program = args.program, args = { word = args.secret and ctx.settings.token or args.word } }
end
local function text(reply) return { status = reply.status, text = reply.text } end
local function letter(args) return mail { to = args.to, subject = "s", text = "t" } end
local function sent(reply) return { id = reply.message_id } end
return connector {
  look = { request = web, response = text }, ask = { request = program, response = text },
  peek_mail = { request = letter, response = sent }, write_mail = { request = letter, response = sent },
  run = { request = program, response = text }, tell = { request = letter, response = sent },
}
"""
KINDS_MANIFEST = """
name: kinds
lua: kinds.lua
reach: { programs: [ say, change ], mail: [ "@acme.example", one@b.example ] }
settings: [ { name: url, type: url }, { name: contact, type: text }, { name: token, type: secret } ]
actions:
  - { name: look, effect: read, attempts: 1 }
  - { name: ask, effect: read, attempts: 1 }
  - { name: peek_mail, effect: read, attempts: 1 }
  - { name: write_mail, effect: write, attempts: 1 }
  - { name: run, effect: write, attempts: 1 }
  - { name: tell, effect: send, attempts: 1 }
"""
KINDS_BOOK = """
local kinds = use "kinds"
return playbook { name = "tell", title = "Tell", on = "report.accepted",
  run = function(case)
    local n = 0
    local function try(name, action, args)
      local ok, got = pcall(function() return kinds[action](args) end)
      case:note(name .. " = " .. json.encode(ok and { ok = got } or { code = got.code, message = got.message }))
    end
    try("own host", "look", { url = "http://AT/teams/x" })
    try("other port", "look", { url = "http://127.0.0.1:1/" })
    try("other scheme", "look", { url = "https://AT/" })
    try("other name", "look", { url = "http://localhost:1/" })
    try("program", "ask", { program = "say", word = "hello there" })
    try("program not listed", "ask", { program = "other", word = "x" })
    try("program none", "ask", { program = "nothing", word = "x" })
    try("program changes", "ask", { program = "change", word = "x" })
    try("program writes", "run", { program = "change", word = "x" })
    try("secret argument", "run", { program = "change", secret = true })
    try("mail looks", "peek_mail", { to = "a@acme.example" })
    try("mail writes", "write_mail", { to = "a@acme.example" })
    try("mail domain", "tell", { to = "a@ACME.example" })
    try("mail listed", "tell", { to = { "one@b.example", "soc@c.example" } })
    try("mail beyond", "tell", { to = { "one@b.example", "a@acme.example.evil" } })
    try("mail other", "tell", { to = "two@b.example" })
    return case:close { resolution = "ok" }
  end }
"""


def test_kinds_and_reach():
    """http, mail and programs, each only as far as the manifest and the settings say and the effect allows."""
    sim = Sim()
    node = t.make_dir({"http": {"reach": [sim.address, "127.0.0.1:1"]}, "playbooks": {"dir": "books"},
                       "exec": [{"name": n, "program": "/bin/echo", "args": ["{word}"], "effect": e}
                                for n, e in (("say", "read"), ("change", "write"), ("other", "read"))],
                       "plugins": [{"name": "kinds", "dir": "kinds", "internal": True, "settings": {
                           "url": "http://" + sim.address, "contact": "soc@c.example", "token": "secret:slack"}}],
                       "rules": [{"on": "report.accepted", "run": "tell"}]})
    with node:
        for folder, name, text in (("books", "tell.lua", KINDS_BOOK.replace("AT", sim.address)),
                                   ("kinds", "kinds.lua", KINDS), ("kinds", "manifest.yaml", KINDS_MANIFEST)):
            os.makedirs(os.path.join(node.root, folder), exist_ok=True)
            with open(os.path.join(node.root, folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        node.start()
        node.cli("secret", "set", "slack", stdin=SECRETS["slack"], check=0)
        report(node)
        _, said, tale = told(node)
        assert said["own host"]["ok"]["status"] == 200, said["own host"]
        assert said["program"]["ok"] == {"text": "hello there\n"}, said["program"]
        assert said["program writes"]["ok"] == {"text": "x\n"}, said["program writes"]
        assert "ok" in said["mail domain"] and "ok" in said["mail listed"], (said["mail domain"], said["mail listed"])
        for name in ("other port", "other scheme", "other name", "program not listed", "mail beyond", "mail other"):
            assert "ok" not in said[name] and "may not go to" in said[name]["message"], (name, said[name])
        for name, words in (("program changes", "a look-up may only read"), ("mail looks", "a look-up may only read"),
                            ("mail writes", "effect `send`"), ("program none", "nothing else"),
                            ("secret argument", "must be a text")):
            assert "ok" not in said[name] and words in said[name]["message"], (name, said[name])
        assert SECRETS["slack"] not in tale
        assert len(os.listdir(os.path.join(node.data, "mail", "new"))) == 2
        node.stop()


if __name__ == "__main__":
    t.main()
