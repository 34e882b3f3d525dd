#!/usr/bin/env python3
"""Nothing of a case under embargo is anywhere for who takes no part, whatever the order of facts: every
route of the API, the pages without account, the streams of the log and every way out are tried between
random changes, looking for the words and the names of the case. And not allowed is byte for byte what
not there is."""
import http.client
import http.server
import json
import os
import random
import re
import sys
import threading

import tocsin_test as t

PARTNER, PRESS, FINDER = "cert@partner.example", "press@news.example", "finder@lab.example"
WORD = "zxqsentinel"  # in every text of the hidden case, and nowhere else
BOOK = """
local http, mail, vince, webhook = use "http", use "mail", use "vince", use "webhook"
local tell, github = use "exec", use "github"
return playbook {
  name = "sender", title = "Sends when told", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    local ways = {
      mail = function() mail.send { to = "%(press)s", subject = "News", text = case.title } end,
      partner = function() mail.send { to = "%(partner)s", subject = "News", text = case.title } end,
      finder = function() mail.send { to = "%(finder)s", cc = {}, subject = "News", text = case.title } end,
      http = function() http.request { method = "POST", url = "%(sink)s/http", body = case.title } end,
      hook = function() webhook.send { type = "news", data = { title = case.title } } end,
      vince = function() vince.report { fields = { vendor_name = "Acme", product_name = "Edge",
        vul_description = case.title, vul_exploit = "e", vul_impact = "i", vul_discovery = "f" } } end,
      tell = function() tell.tell { text = case.title } end,
      look = function() github.find { key = case.title, repo = "acme/edge" } end,
      page = function() case.report:update { message = case.title } end,
    }
    for round = 1, 50 do
      local t = ask { id = "go/" .. round, role = "go", title = "Send " .. case.title, fields = {
        why = text { required = true } } }
      for name, way in sorted(ways) do
        local ok, err = pcall(way)
        case:note(t.why .. " " .. name .. " " .. (ok and "went" or tostring(err)))
      end
    end
  end,
}
"""


class Sink(http.server.BaseHTTPRequestHandler):
    got = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        Sink.got.append((self.path, ""))
        text = b'{"total_count": 0, "items": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        Sink.got.append((self.path, body))
        text = b'{"vrf_id": "VRF#1"}'
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def make_node(address):
    node = t.make_dir({
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "mail"}, "http": {"reach": [address]},
        "products": [{"id": "edge-gw", "name": "Edge Gateway"}], "playbooks": {"dir": "books"},
        "form": {"listen": "127.0.0.1:0"}, "server": {"listen": "127.0.0.1:0"},
        "plugins": [{"name": "webhook", "settings": {"url": "http://%s/hook" % address}},
                    {"name": "github", "settings": {"url": "http://%s" % address, "token": "secret:github"}}],
        "exec": [{"name": "tell", "program": "/usr/bin/env", "args": ["{text}"], "effect": "send"}],
        "vince": {"url": "http://%s/vince/" % address, "token_file": "vince.token", "reach": [address]},
        "rules": [{"on": "report.accepted", "run": "sender"}]})
    os.makedirs(os.path.join(node.root, "books"))
    with open(os.path.join(node.root, "books", "sender.lua"), "w", encoding="utf-8") as f:
        f.write(BOOK % {"press": PRESS, "partner": PARTNER, "finder": FINDER, "sink": "http://" + address})
    with open(os.path.join(node.root, "vince.token"), "w", encoding="utf-8") as f:
        f.write("secret\n")
    os.chmod(os.path.join(node.root, "vince.token"), 0o600)
    return node


def routes():
    """All of the table itself, so that a new one is tried too."""
    with open(os.path.join(t.SOURCE, "src", "api", "api_routes.c"), encoding="utf-8") as f:
        found = re.findall(r'\{"([A-Z]+)",\s*(V1\s*)?"([^"]+)"', f.read())
    out = [(method, ("/api/v1" if v1 else "") + path) for method, v1, path in found]
    assert len(out) > 80, len(out)
    return out


class Hidden:
    """One case that has everything a case can have, each text with the word."""

    def __init__(self, node, number):
        self.node, self.word = node, "%s%dz" % (WORD, number)
        made = node.cli("report", "submit", "--kind", "weakness", "--title", self.word + " flaw",
                        "--product", "edge-gw", "--mail", FINDER, "--text", self.word + " details", check=0).json
        self.case, self.receipt = made["case"], made["receipt"]
        self.task = node.task(name="go/1", case=self.case)["name"]
        self.round = 1
        self.do("evidence.add", name=self.word + ".txt", base64="eA==", note=self.word)
        self.do("weakness.set", cwe="CWE-79", note=self.word)
        self.do("bounty.enter", report=self.receipt, programme="bounty-products", site="edge-gw",
                weakness=self.word, root_cause=self.word)
        self.do("filing.draft", to="gsma", stage="submission", fields=json.dumps({
            "standard": self.word, "impact": self.word, "affected": [self.word], "contact": "x@acme.example"}))
        node.http("POST", "/api/v1/cases/%s/notes" % self.case, {"text": self.word}, as_person="lead1", check=201)
        for words in (("case", "search", self.word), ("case", "export", self.case), ("case", "timeline", self.case),
                      ("audit", "log", "case:" + self.case), ("policy", "explain", self.case)):
            node.cli(*words, as_person="lead1", check=0)  # that somebody looked is an entry
        shown = node.http("GET", "/api/v1/show/" + self.case, as_person="lead1", check=200).json
        run = [r for r in node.cli("run", "list", "--case", self.case, check=0).json["items"]][0]
        self.names = [self.case, self.receipt, self.task, run["name"]]
        for thing in (shown["case"], run):
            self.names += [thing["id"]] if thing.get("id") else []

    def do(self, operation, check=0, **args):
        flags = []
        for key, value in args.items():
            flags += ["--set", "%s=%s" % (key, value)]
        return self.node.cli("case", "do", self.case, operation, *flags, as_person="lead1", check=check)

    def state(self):
        case = self.node.http("GET", "/api/v1/cases/" + self.case, as_person="audit1", check=200).json
        case = case.get("case", case)
        tracks = self.node.http("GET", "/api/v1/cases/%s/tracks" % self.case, as_person="audit1",
                                check=200).json
        on = case.get("embargo") in ("proposed", "active", "revise")
        accepted = {p["name"] for p in tracks.get("participant", []) if p["state"] == "accepted"}
        members = {m["name"] for m in tracks.get("member", []) if m["state"] == "in"}
        closed = on or case.get("tlp") == "red" or case.get("access") == "members"
        return on, accepted, closed and "resp1" not in members

    def leaks(self, text):
        low = text.lower()
        return [w for w in [self.word] + self.names if w.lower() in low]

    def send(self, sink):
        """Everything is sent that can be; what arrived must have been allowed."""
        on, accepted, _ = self.state()
        before, posted = set(all_mails(self.node)), len(sink.got)
        name = "w%d" % self.round
        task = self.node.task(name="go/%d" % self.round, case=self.case)
        self.node.cli("answer", task["name"], "--set", "why=" + name, as_person="lead1", check=0)
        self.round += 1
        task = self.node.task(name="go/%d" % self.round, case=self.case)
        self.names[2] = task["name"]
        story = self.node.cli("case", "timeline", self.case, json=False, as_person="lead1", check=0).out
        went = set(re.findall(name + r" (\w+) went", story))
        tried = set(re.findall(name + r" (\w+) \S", story))
        assert tried == {"mail", "partner", "finder", "http", "hook", "vince", "tell", "look", "page"}, (tried, story)
        if not on:
            return went
        may = {"partner": PARTNER in accepted, "finder": FINDER in accepted, "page": FINDER in accepted,
               "mail": False, "tell": False}
        may.update({way: "127.0.0.1" in accepted for way in ("http", "hook", "vince", "look")})
        for way in tried:
            assert (way in went) == may[way], (way, may, went, story[-3000:])
        for path, body in sink.got[posted:]:
            assert may["http"], (path, body)
        for text in set(all_mails(self.node)) - before:
            to = re.search(r"^To: .*?([\w.]+@[\w.]+)", text, re.M).group(1)
            assert not self.leaks(text) or to in accepted, (to, text)
        return went


def all_mails(node):
    out = []
    for folder, _, files in os.walk(os.path.join(node.root, "mail")):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                out.append(f.read())
    return out


def page(port, path):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30 * t.PATIENCE)
    conn.request("GET", path)
    answer = conn.getresponse()
    out = answer.read().decode("utf-8", "replace")
    conn.close()
    return out


QUERIES = {"/api/v1/search": "?q=WORD", "/api/v1/audit/entries": "?limit=500&open=true",
           "/api/v1/clocks": "?all=true", "/api/v1/audit/reports/{id}": None}


def crawl(node, hidden, table, token, port):
    """Every GET that takes no name, with that name where it can be a filter; then pages without account."""
    for method, path in table:
        if method != "GET" or "{" in path or "secrets" in path:
            continue
        queries = [(QUERIES.get(path) or "").replace("WORD", hidden.word)]
        if path in ("/api/v1/runs", "/api/v1/tasks", "/api/v1/reports", "/api/v1/advisories",
                    "/api/v1/clocks", "/api/v1/mails", "/api/v1/audit/entries"):
            queries += ["?case=" + hidden.case]
        for query in queries:
            reply = node.http("GET", path + query, token=token)
            found = [w for w in hidden.leaks(reply.body) if w.lower() not in query.lower()]
            at = reply.body.lower().find(found[0].lower()) if found else 0
            assert not found and reply.status < 500, (path + query, found, reply.body[max(0, at - 90):at + 60])
    for report in node.http("GET", "/api/v1/audit/reports", token=token, check=200).json["items"]:
        reply = node.http("GET", "/api/v1/audit/reports/" + (report.get("name") or report["report"]), token=token)
        assert not hidden.leaks(reply.body), (report, reply)
    for path in ("/healthz", "/readyz", "/metrics", "/version"):
        assert not hidden.leaks(node.http("GET", path, tcp=True).body), path
    for path in ("/report", "/status", "/nothing"):
        assert not hidden.leaks(page(port, path)), path
    for words in (("case", "export", "--all"), ("case", "search", hidden.word), ("case", "figures"), ("status",),
                  ("bounty", "announcement"), ("bounty", "list"), ("report", "list"), ("mail", "list"),
                  ("audit", "log", "--limit", "500"), ("policy", "explain", hidden.case)):
        out = node.cli(*words, as_person="resp1")
        found = [w for w in hidden.leaks(out.out + out.err) if w not in " ".join(words)]
        assert not found, (words, found, out)


def not_there(name):
    if name.startswith("PSIRT"):
        return "PSIRT-2026-9999"
    if name.startswith("TR-"):
        return "TR-ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    return re.sub(r"[0-9a-z]", "z", name.split("-")[0]) and name[:3] + "z" * (len(name) - 3)


def same_answers(node, hidden, table, token):
    """Each route with a name, each name of the case: as if it were not there, with every header."""
    bodies = {"notes": {"text": "hello"}, "act": {"operation": "fact.seen", "args": {"fact": "public_aware"}},
              "answer": {"answer": {"why": "x"}}, "decision": {"decision": "approve", "reason": "x"}}
    tried = 0
    for method, path in table:
        if "{id}" not in path or "secrets" in path or method == "DELETE":
            continue
        for name in hidden.names:
            got = []
            for one in (name, not_there(name)):
                body = bodies.get(path.rsplit("/", 1)[1], {}) if method != "GET" else None
                reply = node.http(method, path.replace("{id}", one), body, token=token)
                head = {k: v for k, v in reply.headers.items() if k.lower() not in ("date", "x-request-id")}
                text = re.sub(re.escape(one), "X", reply.body, flags=re.I)
                if "content-length" in {k.lower() for k in head}:
                    head = {k: v for k, v in head.items() if k.lower() != "content-length"}
                    head["length"] = int(reply.headers.get("Content-Length")) - len(reply.body)
                got.append((reply.status, text, head))
            assert got[0] == got[1], (method, path, name, got)
            tried += 1
    assert tried > 150, tried


def orders(hidden):
    """What may happen to a case, any of it at any time."""
    do = hidden.do
    maybe = (0, 1, 2, 5, 6)
    return {
        "propose": lambda: do("embargo.propose", end="2027-06-01T12:00:00Z",
                              check=maybe),
        "theirs": lambda: do("embargo.propose", end="2027-03-01T12:00:00Z", by=FINDER, check=maybe),
        "accept": lambda: do("embargo.accept", by=FINDER, check=maybe),
        "reject": lambda: do("embargo.reject", check=maybe),
        "invite": lambda: do("embargo.invite", party=PARTNER, check=maybe),
        "terms": lambda: do("embargo.terms", party=PARTNER, check=maybe),
        "host": lambda: (do("embargo.invite", party="127.0.0.1", check=maybe),
                         do("embargo.terms", party="127.0.0.1", check=maybe)),
        "leave": lambda: do("embargo.leave", party=PARTNER, check=maybe),
        "leaves": lambda: do("embargo.leave", party=FINDER, check=maybe),
        "member": lambda: do("case.member", person="resp1", check=maybe),
        "out": lambda: do("case.member", person="resp1", out="true", check=maybe),
        "restrict": lambda: do("case.restrict", reason="internal", check=maybe),
        "open": lambda: do("case.restrict", off="true", reason="for all", check=maybe),
        "red": lambda: hidden.node.cli("case", "set", hidden.case, "--set", "tlp=red", as_person="lead1", check=0),
        "amber": lambda: hidden.node.cli("case", "set", hidden.case, "--set", "tlp=amber", as_person="lead1",
                                         check=0),
        "attack": lambda: do("fact.seen", fact="attacks_observed", check=maybe),
        "exit": lambda: do("embargo.exit", reason="attacks", check=maybe),
        "public": lambda: do("fact.seen", fact="public_aware", check=maybe),
    }


def test_whatever_the_order_of_facts():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = "127.0.0.1:%d" % server.server_address[1]
    rounds, steps = (1, 6) if t.SANITIZED else (2, 9)
    seen = {"hidden": 0, "open": 0, "sent": set(), "kept": 0}
    with make_node(address) as node:
        node.start()
        node.cli("secret", "set", "github", stdin="token-of-the-tracker", check=0)
        with open(os.path.join(node.data, "ready.json"), encoding="utf-8") as f:
            port = json.load(f)["form_port"]
        token = node.token("resp1", "report:submit,read,decide")
        table = routes()
        for number in range(rounds):
            rng = random.Random(20261124 + number)
            hidden = Hidden(node, number)
            acts = orders(hidden)
            plan = ["propose"] + rng.choices([k for k in acts if k != "public"], k=steps)
            plan.insert(rng.randrange(4, len(plan)), "public")
            for step in plan:
                acts[step]()
                on, _, away = hidden.state()
                if away:
                    crawl(node, hidden, table, token, port)
                    if seen["hidden"] == 0 or (number and step == plan[-1]):
                        same_answers(node, hidden, table, token)
                    seen["hidden"] += 1
                else:
                    node.http("GET", "/api/v1/cases/" + hidden.case, token=token, check=200)
                    seen["open"] += 1
                if rng.random() < 0.4:
                    went = hidden.send(Sink)
                    seen["sent"] |= went
                    seen["kept"] += on
            # Public ends an embargo at once, in any state; nothing else is left that closes the case.
            node.cli("case", "set", hidden.case, "--set", "tlp=clear", as_person="lead1", check=0)
            acts["open"]()
            assert hidden.state()[0] is False and hidden.state()[2] is False, hidden.state()
            assert "mail" in hidden.send(Sink)
            seen["open"] += 1
        assert seen["hidden"] > rounds and seen["open"] >= rounds and seen["kept"], seen
        node.stop()
        node.cli("audit", "verify", node.data, check=0)
    server.shutdown()


if __name__ == "__main__":
    t.main()
    sys.exit(0)
