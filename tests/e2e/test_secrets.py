#!/usr/bin/env python3
"""Sentinels in every place that takes a secret; every way to fail is driven; then every output is
searched for them in every form: standard output and error, log, database with its log, bundles, exports,
API, files. Also the commands, rotation, and what a configuration may say."""
import base64
import glob
import http.server
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
import urllib.parse

import tocsin_test as t

SENTINELS = ["S3nt1nel/%02d+x\"y\\=%s" % (i, os.urandom(6).hex()) for i in range(27)]
PLAIN_PASSWORD = "S3nt1nel-file-" + os.urandom(6).hex()


def forms(secret):
    """Everything that stands for it: bytes to search for."""
    raw = secret.encode()
    out = {raw, raw.hex().encode(), raw.hex().upper().encode(), raw.decode().encode("utf-16-le"),
           urllib.parse.quote(secret, safe="").encode(), urllib.parse.quote_plus(secret).encode(),
           urllib.parse.quote(secret, safe="").lower().encode(),
           secret.replace("\\", "\\\\").replace('"', '\\"').encode()}
    # Whatever stands before it: only the characters that are sure.
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw)
        sure = text[(before * 8 + 5) // 6:(before + len(raw)) * 8 // 6]
        out |= {sure, sure.replace(b"+", b"-").replace(b"/", b"_")}
    out |= {raw[:14], raw[4:]}  # most of it is as bad: these halves are unique as well
    return out


def search(what, data, found):
    data = data if isinstance(data, bytes) else data.encode()
    for secret in SENTINELS + [PLAIN_PASSWORD]:
        for form in forms(secret):
            at = data.find(form)
            if at >= 0:
                found.append("%s: %r at %d: ...%r" % (what, form, at, data[max(0, at - 80):at + 40]))
                break


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy that repeats what it is told, and lets nobody through before the task of the playbook is answered."""
    seen, lets = [], False

    def log_message(self, *args):
        pass

    def refuse(self):
        told = self.headers.get("Proxy-Authorization", "")
        Proxy.seen.append((self.command, self.path, told))
        body = ("no: %s %s" % (told, self.path)).encode()
        self.send_response(407, "no " + told)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    do_GET = do_POST = do_CONNECT = refuse


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was told, as badly written services do."""
    status, seen, whole = 200, [], []

    def log_message(self, *args):
        pass

    def any(self):
        told = self.headers.get("Authorization", "")
        Echo.seen.append(told)
        length = int(self.headers.get("Content-Length") or 0)
        Echo.whole.append((self.path, dict(self.headers), self.rfile.read(length).decode()))
        body = json.dumps({"echo": told, "detail": "bad token %s" % told, "path": self.path,
                           "body": Echo.whole[-1][2]}).encode()
        self.send_response(Echo.status, "no " + told)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = any


def smtp(server, got):
    """A mail server that takes the password, repeats it and says no."""
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        f = peer.makefile("rwb")
        f.write(b"220 here\r\n")
        f.flush()
        for line in f:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"EHLO":
                f.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                told = line.split()[2] if len(line.split()) > 2 else b""
                if not told:
                    f.write(b"334 \r\n")
                    f.flush()
                    told = f.readline().strip()
                got.append(base64.b64decode(told).split(b"\0")[-1].decode())
                f.write(b"535 5.7.8 wrong: " + told + b" " + got[-1].encode() + b"\r\n")
            elif word == b"QUIT":
                f.write(b"221 bye\r\n")
                f.flush()
                break
            else:
                f.write(b"250 fine\r\n")
            f.flush()
        peer.close()


BOOK = """
local leaky, leakc, vince, mail = use "leaky", use "leakc", use "vince", use "mail"
return playbook {
  name = "leak", title = "Leak", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    local function try(name, fn)
      local ok, got = pcall(fn)
      log(name .. " " .. tostring(ok) .. " " .. (ok and "" or tostring(got.message)))
      case:note(name .. ": " .. (ok and (got.said and tostring(got.said[1]) or "fine")
                                 or tostring(got.message)))
      if ok then case:set { note = json.encode(got) } end
    end
    for _, how in ipairs { "ok", "fail", "retry", "unknown", "nonsense", "traceback" } do
      try("look " .. how, function() return leaky.look { how = how } end)
    end
    try("act ok", function() return leaky.act { how = "ok" } end)
    try("act fail", function() return leaky.act { how = "fail" } end)
    for _, how in ipairs { "ok", "fail", "crash" } do
      try("c " .. how, function() return leakc.look { how = how } end)
    end
    try("vince", function() return vince.case { case = "VU#123456", part = "vuls" } end)
    local http, talks = use "http", use "talks"
    local where = WHERE
    local function requests(tag)
      for name, t in sorted {
        header = { url = where .. "/h", headers = { Authorization = bearer(secret "play") } },
        query = { url = where .. "/q", query = { key = secret "play", other = "x" } },
        body = { url = where .. "/b", method = "POST", body = joined { "key=", secret "play" } },
        json = { url = where .. "/j", json = { deep = { secret "play" }, data = { ["$secret"] = "secret:play" } } },
        basic = { url = where .. "/a", headers = { Authorization = basic("u", secret "play") } },
        elsewhere = { url = "http://127.0.0.1:10/", headers = { A = secret "play" } },
        missing = { url = where .. "/m", headers = { A = secret "nobody" } },
        other = { url = where .. "/o", headers = { A = secret "imap" } },
        nowhere = { url = where .. "/\\n", query = { key = secret "play" } },
        lost = { url = CLOSED .. "/", query = { key = secret "play" }, retry = { attempts = 1 } },
        proxied = { url = "http://svc.example/p", headers = { A = secret "play-out" }, query = { k = secret "play-out" } },
        tunnel = { url = "https://svc.example/p", headers = { A = secret "play-out" } },
      } do
        try(tag .. "http " .. name, function() return http.request(t) end)
      end
      try(tag .. "talks result", function() return talks.peek {} end)
      for _, how in ipairs { "fine", "wrong", "join" } do
        try(tag .. "talks " .. how, function() return talks.say { how = how } end)
      end
    end
    requests "first "
    ask { id = "go", role = "go", title = "The service refuses now", fields = { why = text { } } }
    try("vince 403", function() return vince.case { case = "VU#123456", part = "vuls" } end)
    requests ""
    try("mail", function() return mail.send { to = "a@b.example", subject = "s", text = "t" } end)
    leaky.act { how = "unknown" }
    return case:close { resolution = "ok" }
  end }
"""


TALKS_MANIFEST = """
name: talks
lua: talks.lua
settings: [ { name: url, type: url, need: true }, { name: token, type: secret, need: true } ]
actions: [ { name: say, effect: write, doubt: repeat_safe, attempts: 1 }, { name: peek, effect: read, attempts: 1 } ]
"""
TALKS = """
return connector { peek = {
  request = function(_, ctx) return http { url = ctx.settings.url .. "/peek", accept = "any" } end,
  response = function(_, _, ctx) return { token = ctx.settings.token } end,
}, say = {
  request = function(args, ctx)
    if args.how == "join" then
      return http { url = ctx.settings.url .. ctx.settings.token }
    end
    return http { method = "POST", url = ctx.settings.url .. "/" .. args.how, query = { t = ctx.settings.token }, headers = {
      Authorization = bearer(ctx.settings.token) }, json = { token = ctx.settings.token,
      sign = hmac { key = ctx.settings.token, over = "x" } }, accept = { 403 } }
  end,
  response = function(reply, args, ctx)
    if args.how == "wrong" then return fail("wrong", reply.json.detail) end
    return { said = { reply.json.echo }, all = reply.json }
  end } }
"""


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def make_node():
    s = SENTINELS
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    mailer, got = socket.create_server(("127.0.0.1", 0)), []
    threading.Thread(target=smtp, args=(mailer, got), daemon=True).start()
    web, port = "127.0.0.1:%d" % echo.server_address[1], mailer.getsockname()[1]
    out = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=out.serve_forever, daemon=True).start()
    node = t.make_dir({
        "http": {"reach": [web, "127.0.0.1:9"], "secrets": [
                     {"name": "play", "to": ["http://" + web, "http://127.0.0.1:9"]},
                     {"name": "play-out", "to": ["http://svc.example", "https://svc.example"]},
                     {"name": "nobody", "to": ["http://" + web]}],
                 "proxy": {"url": "http://127.0.0.1:%d" % out.server_address[1], "user": "u",
                           "password": "secret:proxy"}},
        "hooks": [{"name": "in", "scheme": "github", "key": "secret:hook", "case": "/case"}],
        "feeds": [{"name": "cisco", "kind": "cisco", "url": "http://%s/f/" % web, "every": "1h",
                   "client_id": "c", "secret": "secret:feed", "token_url": "http://%s/token" % web, "reach": [web]}],
        "products": [{"id": "p"}], "playbooks": {"dir": "books"}, "cases": {"house": ["b.example"]},
        "rules": [{"on": "report.accepted", "run": "leak"}],
        "secrets": [{"name": "in-file", "file": "in.file"}, {"name": "in-cred", "credential": "cred"}],
        "vince": {"url": "http://%s/vince/comm/api/" % web, "token": "secret:vince", "reach": [web]},
        "mail": {"from": "PSIRT <psirt@acme.example>", "reach": ["127.0.0.1:%d" % port],
                 "smtp": {"url": "smtp://127.0.0.1:%d" % port, "user": "u", "password": "secret:smtp"},
                 "inbox": [
                     {"imap": "127.0.0.1", "port": 9, "user": "u", "password": "secret:imap",
                      "reach": ["127.0.0.1:9"], "every": "300ms"},
                     {"imap": "127.0.0.1", "port": 9, "user": "v", "password_file": "imap.password",
                      "reach": ["127.0.0.1:9"], "every": "300ms"}]},
        "plugins": [
            {"name": "leaky", "dir": os.path.join(t.SOURCE, "tests", "plugin", "leaky"),
             "settings": {"one": "secret:l0", "list": ["secret:l%d" % i for i in range(1, 8)],
                          "deep": {"er": {"file": "secret:in-file", "cred": "secret:in-cred",
                                          "own": "credential:own", "none": "secret:nobody"}}}},
            {"name": "leakc", "dir": "leakc",
             "settings": {"key": "secret:c0", "plain": "text", "nobody": "secret:nobody"}},
            {"name": "talks", "dir": "talks", "settings": {"url": "http://" + web, "token": "secret:talks"}}]})
    write(os.path.join(node.root, "books", "leak.lua"),
          BOOK.replace("WHERE", '"http://%s"' % web).replace("CLOSED", '"http://127.0.0.1:9"'))
    write(os.path.join(node.root, "talks", "manifest.yaml"), TALKS_MANIFEST)
    write(os.path.join(node.root, "talks", "talks.lua"), TALKS)
    write(os.path.join(node.root, "in.file"), s[0] + "\n")
    write(os.path.join(node.root, "creds", "cred"), s[1])
    write(os.path.join(node.root, "creds", "own"), s[2] + "\n")
    write(os.path.join(node.root, "imap.password"), PLAIN_PASSWORD + "\n")
    write(os.path.join(node.root, "leakc", "manifest.yaml"),
          "name: leakc\nlibrary: leak_secret.so\nactions: [ { name: look, effect: none, attempts: 1 } ]\n")
    shutil.copy(os.path.join(t.BUILD, "plugins", "leak_secret.so"), os.path.join(node.root, "leakc"))
    return node, got


STORED = {"vince": 3, "smtp": 4, "imap": 5, "c0": 6, **{"l%d" % i: 7 + i for i in range(8)},
          "unused": 15, "rotated": 16, "play": 20, "play-out": 21, "proxy": 22, "hook": 23, "feed": 24, "talks": 25}


def start(node):
    env = {"CREDENTIALS_DIRECTORY": os.path.join(node.root, "creds")}
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.getrlimit(
        resource.RLIMIT_CORE)[1]))
    node.start(env)


def cli(node, outputs, *args, **more):
    got = node.cli(*args, env={"CREDENTIALS_DIRECTORY": os.path.join(node.root, "creds")}, **more)
    outputs.append(("tocsin " + " ".join(args), got.out + "\n" + got.err))
    return got


def test_twenty_sentinels():
    node, mailed = make_node()
    outputs, found, s = [], [], SENTINELS
    with node:
        start(node)
        assert b"secret.missing" in open(node.log, "rb").read()
        for name, i in STORED.items():
            got = cli(node, outputs, "secret", "set", name, stdin=s[i] + "\n", check=0)
            assert got.json["replaced"] is False
        # Replaced ones: the old value is as secret as the new one.
        cli(node, outputs, "secret", "set", "rotated", stdin=s[17], check=0)
        cli(node, outputs, "secret", "set", "gone", stdin=s[18], check=0)
        cli(node, outputs, "secret", "remove", "gone", check=0)
        # Plugins that wait for one get it when it comes.
        node.wait_for(lambda: node.log_text().count("plugin.ready") >= 1)
        node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y",
                                             "product": "p", "contact": {"mail": "a@b.example"}},
                  {"Idempotency-Key": "k"}, as_person="intake", check=202)
        task = node.task(name="go", timeout=60)
        Echo.status = 403
        cli(node, outputs, "answer", task["name"], "--set", "why=now", as_person="lead1", check=0)
        doubt = node.task(kind="resolve", timeout=60)
        assert mailed and mailed[-1] == s[4], "the real value went out"
        assert "Token " + s[3] in Echo.seen
        node.wait_for(lambda: "imap.failed" in node.log_text())
        # What went out is the real value, in its place, and only where it may go.
        sent = {path.split("?")[0]: (path, headers, body) for path, headers, body in Echo.whole}
        assert sent["/h"][1]["Authorization"] == "Bearer " + s[20]
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(sent["/q"][0]).query)["key"] == [s[20]], sent["/q"]
        assert sent["/b"][2] == "key=" + s[20]
        assert json.loads(sent["/j"][2]) == {"deep": [s[20]], "data": {"$secret": "secret:play"}}
        assert sent["/a"][1]["Authorization"] == "Basic " + base64.b64encode(("u:" + s[20]).encode()).decode()
        assert "/m" not in sent and "/o" not in sent
        assert sent["/fine"][1]["Authorization"] == "Bearer " + s[25]
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(sent["/fine"][0]).query)["t"] == [s[25]], sent["/fine"]
        assert any(c == "CONNECT" for c, _, _ in Proxy.seen) and any(c == "GET" for c, _, _ in Proxy.seen)
        assert all(base64.b64decode(told.split()[1]).decode() == "u:" + s[22] for _, _, told in Proxy.seen), Proxy.seen
        # The first round had answers that repeat all of it.
        assert "first http header: fine" in node.cli("case", "timeline", node.http(
            "GET", "/api/v1/cases", check=200).json["items"][0]["id"], "--all", check=0).out
        # A hook with a wrong signature and a right one; a feed that is refused.
        node.http("POST", "/hooks/in", {"a": s[23]}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, check=401)
        cli(node, outputs, "feed", "poll", "cisco", check=7)
        node.wait_for(lambda: any(s[24] in body or urllib.parse.quote(s[24], safe="") in body
                                  for _, _, body in Echo.whole), 30)
        # Errors of the commands themselves.
        cli(node, outputs, "secret", "set", "short", stdin="1234567", check=2)
        cli(node, outputs, "secret", "set", "bad/name", stdin=s[19], check=1)
        cli(node, outputs, "secret", "set", "in-file", stdin=s[19], check=5)
        cli(node, outputs, "secret", "set", "x", stdin=s[19], as_person="resp1", check=6)
        cli(node, outputs, "secret", "remove", "nobody", check=4)
        for body in ({"name": "x", "value": s[19], "more": s[19]}, {"name": s[19], "value": "v"},
                     [s[19]], {"name": "x", "value": [s[19]]}):
            reply = node.http("POST", "/api/v1/secrets", body)
            assert reply.status in (400, 422), reply
        listed = cli(node, outputs, "secret", "list", check=0).json["items"]
        by_name = {i["name"]: i for i in listed}
        assert by_name["nobody"]["state"] == "missing" and by_name["nobody"]["used"], by_name
        assert by_name["in-file"]["from"] == "file" and by_name["credential:own"]["state"] == "set"
        assert by_name["l3"]["from"] == "store" and by_name["unused"]["used"] == []
        # Everything that can be asked for.
        case = node.http("GET", "/api/v1/cases", check=200).json["items"][0]["id"]
        run = node.http("GET", "/api/v1/runs", check=200).json["items"][0]
        for path in ("status", "cases", "cases/" + case, "runs", "runs/" + run["id"], "tasks",
                     "tasks/" + doubt["name"], "runs/%s/steps" % run["id"], "runs/%s/log" % run["id"],
                     "runs/%s/record" % run["id"], "secrets", "feeds", "playbooks", "mails",
                     "cases/%s/timeline" % case, "audit/entries"):
            reply = node.http("GET", "/api/v1/" + path, as_person="op1" if path == "secrets" else None)
            outputs.append(("GET " + path, reply.body + str(reply.headers)))
        outputs.append(("metrics", node.http("GET", "/metrics").body))
        for args in (("show", case), ("show", run["name"]), ("run", "log", run["name"]), ("status",),
                     ("case", "timeline", case, "--all"), ("audit", "log", "--limit", "1000"),
                     ("case", "export", case), ("config", "check"), ("task", "list"),
                     ("run", "export-fixture", run["name"])):
            cli(node, outputs, *args)
            cli(node, outputs, *args, json=False)
        cli(node, outputs, "audit", "export", "--out", os.path.join(node.root, "bundle"), as_person="lead1")
        told = node.log_text()
        for word in ("***", "plugin.said", "child.stderr", "plugin.no_secret", "K004", "plugin.died"):
            assert word in told, "%s is not in the log: was that path driven?" % word
        timeline = node.cli("case", "timeline", case, "--all", check=0).out
        assert "http elsewhere: " in timeline and "may not go to" in timeline
        assert "secret cannot be put into a result" in timeline
        for word in ("http header", "http query", "http body", "http json", "http basic", "http missing", "http other",
                     "http lost", "http proxied", "http tunnel", "talks fine", "talks wrong", "talks join",
                     "talks result"):
            assert word + ": " in timeline, (word, timeline)
        for word in ("look ok", "look fail", "look nonsense", "look traceback", "act ok", "act fail", "c ok",
                     "c fail", "c crash", "vince", "vince 403", "mail"):
            assert word + ": " in timeline, (word, timeline)
        # It ends as badly as a process can: no picture of its memory is left.
        node.process.send_signal(signal.SIGABRT)
        assert node.wait_dead() == -signal.SIGABRT
        assert not glob.glob(os.path.join(node.root, "**", "core*"), recursive=True)
        start(node)
        node.wait_for(lambda: node.http("GET", "/readyz").status == 200)
        assert node.stop() == 0
        ours = {os.path.join(node.root, p) for p in ("in.file", "creds/cred", "creds/own",
                                                     "imap.password")}
        for folder, _, names in os.walk(node.root):
            for name in names:
                path = os.path.join(folder, name)
                if path in ours or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    search(path[len(node.root):], f.read(), found)
        for what, text in outputs:
            search(what, text, found)
        assert not found, "%d places:\n%s" % (len(found), "\n".join(found[:20]))
        # The search itself finds what it should: here, the files that the secrets came from.
        for path in sorted(ours):
            with open(path, "rb") as f:
                search(path, f.read(), found)
        assert len(found) == 4, found


def test_sealed_and_rotated():
    """A value survives a restart; a new one reaches a plugin that runs; without the key nothing opens."""
    with t.make_dir({"plugins": [{"name": "leakc", "dir": "leakc", "settings": {"key": "secret:c0"}}]}) as node:
        write(os.path.join(node.root, "leakc", "manifest.yaml"),
              "name: leakc\nlibrary: leak_secret.so\nactions: [ { name: look, effect: none } ]\n")
        shutil.copy(os.path.join(t.BUILD, "plugins", "leak_secret.so"), os.path.join(node.root, "leakc"))
        node.start()
        node.wait_for(lambda: "plugin.no_secret" in node.log_text())
        assert "tocsin secret set c0" in node.log_text(), "the hint says what to do"
        assert "plugin.ready" not in node.log_text(), "its init needs the value"
        node.cli("secret", "set", "c0", stdin="the value of c0", check=0)
        node.wait_for(lambda: "plugin.ready" in node.log_text())
        again = node.cli("secret", "set", "c0", stdin="another value of c0", check=0)
        assert again.json["replaced"] is True
        node.stop()
        node.start()
        node.wait_for(lambda: node.log_text().count("plugin.ready") >= 2)
        assert node.cli("audit", "log", "--limit", "100", check=0).out.count("secret.set") == 2
        node.stop()


def test_what_is_missing_or_in_clear_is_said():
    """config check and status name secrets that nobody has set; config check those that lie about in clear."""
    with t.make_dir({"mail": {"smtp": {"url": "smtp://h", "user": "u", "password_file": "smtp.password"}},
                     "http": {"secrets": [{"name": "tickets", "to": ["https://tickets.example"]}]},
                     "secrets": [{"name": "in-file", "file": "in.file"}],
                     "plugins": [{"name": "account", "settings": {
                         "url": "ldaps://l.example", "bind": "cn=t", "base": "dc=x", "password": "secret:in-file",
                         "sessions": {"url": "https://x.example", "token_file": "/run/token"}}}]}) as node:
        write(os.path.join(node.root, "smtp.password"), "12345678 in clear\n")
        write(os.path.join(node.root, "in.file"), "12345678 in a file\n")

        def said():
            checks = node.cli("config", "check", check=0).json["checks"]
            return [c["text"] for c in checks if c["id"] == "secrets" and c["result"] == "warn"]
        first = said()
        assert len(first) == 3, first
        assert "tocsin secret set tickets" in " ".join(first), first
        assert [x for x in first if "smtp.password holds a secret in clear" in x], first
        assert [x for x in first if "plugin account" in x and "token_file" in x], first
        assert "12345678" not in " ".join(first)
        node.start()
        missing = node.http("GET", "/api/v1/status", check=200).json["secrets_missing"]
        assert [m["handle"] for m in missing] == ["secret:tickets"] and "tocsin.yaml:" in missing[0]["where"], missing
        assert "tocsin secret set tickets" in node.cli("status", check=0, json=False).out
        node.cli("secret", "set", "tickets", stdin="the value of it", check=0)
        assert node.http("GET", "/api/v1/status", check=200).json["secrets_missing"] == []
        assert len(said()) == 2  # beside the daemon, which has the store open
        node.stop()


def test_on_a_terminal():
    """Asked twice, shown never."""
    with t.make_dir() as node:
        node.start()

        def type_in(*answers):
            master, slave = pty.openpty()
            child = subprocess.Popen([t.BINARY, "secret", "set", "typed", "--config", node.config_file],
                                     stdin=slave, stdout=slave, stderr=slave, close_fds=True)
            os.close(slave)
            seen = b""
            for prompt, answer in zip((b"Value: ", b"Again: "), answers):
                while not seen.endswith(prompt):
                    seen += os.read(master, 1000)
                os.write(master, answer.encode() + b"\n")
            try:
                while True:
                    more = os.read(master, 1000)
                    if not more:
                        break
                    seen += more
            except OSError:
                pass  # the other side has closed it
            os.close(master)
            return child.wait(30), seen
        code, seen = type_in("typed by hand", "typed by hand")
        assert code == 0 and b"typed by hand" not in seen, (code, seen)
        code, seen = type_in("typed by hand", "typed by Hand")
        assert code == 2 and b"K002" in seen, (code, seen)
        code, seen = type_in("short", "short")
        assert code == 2 and b"K002" in seen, (code, seen)
        node.stop()


def test_configuration():
    """What stands in the file is never a value."""
    for over, code in (({"mail": {"smtp": {"url": "smtp://h", "user": "u", "password": "letmein"}}}, "C047"),
                       ({"mail": {"smtp": {"url": "smtp://h", "user": "u", "password": "secret:x",
                                           "password_file": "f"}}}, "C040"),
                       ({"secrets": [{"name": "a"}]}, "C013"),
                       ({"secrets": [{"name": "a", "file": "nowhere"}]}, "C041"),
                       ({"secrets": [{"name": "a", "credential": "nowhere"}]}, "C041"),
                       ({"secrets": [{"name": "a", "file": "tocsin.yaml"}]}, "C041"),
                       ({"secrets": [{"name": "a b", "file": "x"}]}, "C039")):
        with t.make_dir(over) as node:
            os.chmod(node.config_file, 0o644)
            got = node.cli("config", "check", check=9)
            assert code in got.out + got.err, (over, code, got)


if __name__ == "__main__":
    t.main()
