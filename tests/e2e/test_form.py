"""The public form without account and without script: receipt, status, messages, limits.

The real daemon, its public listener, and an HTTP client that knows nothing but forms.
"""
import email
import glob
import html
import http.client
import json
import os
import re
import urllib.parse

import tocsin_test as t

t.need_binary()
PLAYBOOK = """return playbook { name = "told", title = "A report by form", on = "report.accepted",
  run = function(case)
    while true do
      local m = wait { event = "report.reply", within = "30d" }
      if not m then return case:close { resolution = "silent", reason = "nobody wrote again" } end
      case:note(m.channel .. " says: " .. m.text)
      if m.text == "close it" then
        case:set { severity = "high" }
        case.report:update { state = "closed", message = "We have fixed it. <b>Thank you.</b>" }
        return case:close { resolution = "fixed", reason = "done" }
      end
    end
  end }
"""
LANGUAGES = ("en", "de", "zh", "ja")


def config(**more):
    out = {
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme & Sons"},
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out"},
        "form": {"listen": "127.0.0.1:0", "coordinator": "CERT/CC", "proxies": ["127.0.0.1"],
                 "coordinator_url": "https://kb.cert.org/vince/"},
        "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}],
        "playbooks": {"dir": "own"},
        "rules": [{"on": "report.accepted", "run": "told"}],
    }
    return t.merge(out, more)


def node(**more):
    n = t.make_dir(config(**more))
    os.makedirs(os.path.join(n.root, "own"), exist_ok=True)
    with open(os.path.join(n.root, "own", "told.lua"), "w", encoding="utf-8") as f:
        f.write(PLAYBOOK)
    return n


def port(n):
    with open(os.path.join(n.root, "data", "ready.json"), encoding="utf-8") as f:
        return json.load(f)["form_port"]


class Page:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.raw = status, headers, body
        self.body = body.decode("utf-8")

    def field(self, name):
        m = re.search(r'name="%s" value="([^"]*)"' % name, self.body)
        return html.unescape(m.group(1)) if m else None

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:3000])


def ask(n, method, path, body=None, **headers):
    c = http.client.HTTPConnection("127.0.0.1", port(n), timeout=60 * t.PATIENCE)
    c.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    r = c.getresponse()
    out = Page(r.status, dict(r.getheaders()), r.read())
    c.close()
    return out


def post(n, path, fields, files=(), **headers):
    """As a browser sends it: multipart when there are files, else urlencoded."""
    if not files and path not in ("/report", "/status/message"):
        return ask(n, "POST", path, urllib.parse.urlencode(fields),
                   Content_Type="application/x-www-form-urlencoded", **headers)
    mark = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    out = b""
    for name, value in fields.items():
        out += ('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
            mark, name, value)).encode()
    for name, kind, data in files or [("", "application/octet-stream", b"")]:
        out += ('--%s\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n'
                "Content-Type: %s\r\n\r\n" % (mark, name, kind)).encode() + data + b"\r\n"
    return ask(n, "POST", path, out + ("--%s--\r\n" % mark).encode(),
               Content_Type="multipart/form-data; boundary=" + mark, **headers)


def fields(page, **more):
    return dict({"lang": page.field("lang"), "once": page.field("once"), "kind": "incident",
                 "text": "Somebody is inside our gateway.\r\nSince Monday.",
                 "product": "edge-gw", "version": "", "mail": "", "phone": "", "name": "",
                 "credit": "", "website": ""}, **more)


def receipt_of(page):
    assert page.status == 200, page
    return re.search(r'<output id="receipt">(TR(?:-[0-9A-HJKMNP-TV-Z]{4}){4})<', page.body).group(1)


def last_four(n, receipt, typed=None, lang="en"):
    return post(n, "/report/receipt", {"receipt": receipt, "lang": lang,
                                       "last": receipt[-4:] if typed is None else typed})


def reports(n):
    return n.cli("report", "list", check=0).json["items"]


def report(n, receipt):
    return n.http("GET", "/api/v1/show/" + receipt).json["report"]


def timeline(n, case="PSIRT-2026-0001"):
    return json.dumps(n.cli("case", "timeline", case, check=0).json)


def test_pages():
    with node() as n:
        n.start()
        page = ask(n, "GET", "/report")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, policy
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in page.headers
        # Two required fields, no inline script or style, nothing from elsewhere.
        assert len(re.findall(r"\brequired[ >]", page.body)) == 2, page
        assert " style=" not in page.body and not re.search(r"<script(?! src=)", page.body)
        assert "Acme &amp; Sons" in page.body and "Edge Gateway" in page.body
        assert not re.search(r'(src|href)="https?:', page.body), page
        assert "2 days" in page.body and "14 days" in page.body
        seen = set()
        for accept, want in (("de-CH,de;q=0.9,en;q=0.5", "de"), ("zh-Hans-CN, en;q=0.3", "zh"),
                             ("fr, ja;q=0.7, en;q=0.2", "ja"), ("fr", "en"), (";;q=,,", "en")):
            page = ask(n, "GET", "/report", Accept_Language=accept)
            assert '<html lang="%s">' % want in page.body, (accept, page)
            seen.add(re.search(r"<h1>(.*)</h1>", page.body).group(1))
        assert len(seen) == 4, seen
        assert '<html lang="ja">' in ask(n, "GET", "/report?lang=ja", Accept_Language="de").body
        assert ask(n, "GET", "/").status == 303
        assert ask(n, "GET", "/nothing").status == 404 and ask(n, "PUT", "/report").status == 405
        assert ask(n, "GET", "/api/v1/reports").status == 404, "the API is not here"
        for name, kind in (("form.css", "text/css"), ("form.js", "text/javascript")):
            assert ask(n, "GET", "/report/" + name).headers["Content-Type"].startswith(kind)
        key = json.loads(ask(n, "GET", "/report/key").body)
        assert key["crv"] == "P-256" and "d" not in key, key
        assert os.stat(os.path.join(n.root, "data", "form.key")).st_mode & 0o777 == 0o600
        n.stop()
        n.start()
        assert json.loads(ask(n, "GET", "/report/key").body) == key, "the key stays"
        n.stop()


def test_report_receipt_status_messages():
    with node() as n:
        n.start()
        page = ask(n, "GET", "/report?lang=de")
        sent = fields(page, credit="Rita & Co", mail="rita@customer.example")
        got = post(n, "/report", sent, [("..\\..\\../.trace \"1\".txt".replace('"', "%22"),
                                         "text/plain", b"GET /\x00\xff" * 100)])
        receipt = receipt_of(got)
        assert '<html lang="de">' in got.body
        row = reports(n)[0]
        assert row["name"] == receipt and row["source"] == "form", row
        body = report(n, receipt)["report"]
        assert body["title"] == "Somebody is inside our gateway." and body["language"] == "de"
        assert body["contact"] == {"mail": "rita@customer.example"} and "noise" not in body, body
        assert body["text"].endswith("\nSince Monday.") and body["product"] == "edge-gw"
        assert body["files"][0]["name"] == "trace _1_.txt" and body["files"][0]["size"] == 700, body
        assert "evidence.added" in timeline(n)
        # Reloading is the same report; other words are another.
        assert receipt_of(post(n, "/report", sent, [("..\\..\\../.trace %221%22.txt", "text/plain",
                                                     b"GET /\x00\xff" * 100)])) == receipt
        other = receipt_of(post(n, "/report", dict(sent, text="Something else.")))
        assert other != receipt and len(reports(n)) == 2
        # The receipt is typed back before anybody goes on.
        wrong = last_four(n, receipt, "0000" if receipt[-4:] != "0000" else "1111")
        assert wrong.status == 422 and 'aria-invalid="true"' in wrong.body, wrong
        status = last_four(n, receipt, receipt[-4:].lower())
        assert status.status == 200 and "PSIRT-2026-0001" in status.body, status
        assert "kb.cert.org" in status.body and "Rita &amp; Co" in status.body
        assert re.search(r"Next update by 20\d\d-\d\d-\d\d \d\d:\d\d UTC", status.body), status
        # By receipt, however it is typed; what is not one is not found.
        loose = receipt.lower().replace("-", " ").replace("0", "o")
        assert post(n, "/status", {"receipt": loose, "lang": "en"}).status == 200
        for bad in ("", "TR-", "TR-0000-0000-0000-0000", "x" * 40, "<script>"):
            page = post(n, "/status", {"receipt": bad, "lang": "en"})
            assert page.status == 404 and "<script>" not in page.body, page
        # Words and files go to the case and to the run that waits.
        said = post(n, "/status/message", {"receipt": receipt, "lang": "en",
                                           "message": "It is <worse> now."},
                    [("dump.bin", "application/x-dump", b"\x00" * 5000)])
        assert said.status == 200 and "Your message has been sent." in said.body, said
        assert "It is &lt;worse&gt; now." in said.body
        t.wait_for(lambda: "form says: It is <worse> now." in timeline(n), 20 * t.PATIENCE, node=n)
        assert timeline(n).count('"kind": "evidence.added"') == 2, timeline(n)
        empty = post(n, "/status/message", {"receipt": receipt, "lang": "en", "message": " \r\n"})
        assert empty.status == 422 and "Please write something." in empty.body, empty
        changed = post(n, "/status/credit", {"receipt": receipt, "lang": "en", "credit": "Rita"})
        assert "We will thank you as: Rita" in changed.body, changed
        post(n, "/status/message", {"receipt": receipt, "lang": "en", "message": "close it"})
        t.wait_for(lambda: "We have fixed it." in post(
            n, "/status", {"receipt": receipt, "lang": "en"}).body, 20 * t.PATIENCE, node=n)
        status = t.wait_for(lambda: [p for p in [post(n, "/status", {
            "receipt": receipt, "lang": "en"})] if "Closed" in p.body], 20 * t.PATIENCE, node=n)[0]
        assert "&lt;b&gt;Thank you.&lt;/b&gt;" in status.body and "From us" in status.body
        assert "Next update" not in status.body and "Read by a person" in status.body
        assert "Somebody is inside" not in status.body, "only what was said, not the case"
        # Also after the end somebody may write; it is kept.
        late = post(n, "/status/message", {"receipt": receipt, "lang": "en", "message": "Thanks!"})
        assert late.status == 200 and "Thanks!" in late.body, late
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_both_ways():
    """Responders write with one command, the reporter reads it by the receipt and hears by mail only that
    there is news; what they answer is in the case. A kill between sends neither none nor two."""
    with t.make_dir(config(playbooks={"dir": os.path.join(t.SOURCE, "playbooks")},
                           mail={"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out",
                                 "templates": os.path.join(t.SOURCE, "playbooks", "templates")},
                           rules=[{"on": "report.told", "run": "reporter-told"}])) as n:
        def mails():
            out = []
            for path in sorted(glob.glob(os.path.join(n.root, "out", "new", "*"))):
                with open(path, "rb") as f:
                    out.append(email.message_from_bytes(f.read()))
            return out

        n.start()
        receipt = receipt_of(post(n, "/report", fields(ask(n, "GET", "/report?lang=de"), mail="rita@customer.example")))
        quiet = receipt_of(post(n, "/report", fields(ask(n, "GET", "/report"), text="Nobody may know me.")))
        told = n.cli("report", "tell", "PSIRT-2026-0001", "--set", "message=A SECRET: we can <see> it.",
                     as_person="resp1", check=0).json
        assert told["entry"] > 0, told
        n.cli("report", "tell", "PSIRT-2026-0002", "--set", "message=For you alone.", as_person="resp1", check=0)
        page = post(n, "/status", {"receipt": receipt, "lang": "en"}).body
        assert "A SECRET: we can &lt;see&gt; it." in page and "From us" in page, page
        assert "For you alone." in post(n, "/status", {"receipt": quiet, "lang": "en"}).body
        assert "SECRET" not in post(n, "/status", {"receipt": quiet, "lang": "en"}).body
        got = t.wait_for(mails, 20 * t.PATIENCE, node=n)
        assert [m["To"] for m in got] == ["rita@customer.example"], got
        text = got[0].get_payload(decode=True).decode()
        assert "Quittung" in text and "SECRET" not in got[0].as_string() and receipt not in text, text
        post(n, "/status/message", {"receipt": receipt, "lang": "en", "message": "Thank you, it stops."})
        assert "Thank you, it stops." in timeline(n)
        for bad, who in ((["--set", "message= "], "resp1"), ([], "resp1"), (["--set", "message=x"], "aud1")):
            assert n.cli("report", "tell", "PSIRT-2026-0001", *bad, as_person=who).code != 0, (bad, who)
        # Killed as the words are committed: the mail still goes out, once.
        n.stop()
        n.start({"TOCSIN_FAULT": "intake.run_created"})
        n.cli("report", "tell", "PSIRT-2026-0001", "--set", "message=Lost?", as_person="resp1")
        n.wait_dead(20 * t.PATIENCE)
        n.start()
        assert "Lost?" not in post(n, "/status", {"receipt": receipt, "lang": "en"}).body
        n.stop()
        n.start({"TOCSIN_FAULT": "mail.delivered"})
        n.cli("report", "tell", "PSIRT-2026-0001", "--set", "message=Kept.", as_person="resp1")
        n.wait_dead(20 * t.PATIENCE)
        n.start()
        assert "Kept." in post(n, "/status", {"receipt": receipt, "lang": "en"}).body
        t.wait_for(lambda: {r["state"] for r in n.cli("run", "list", check=0).json["items"]} == {"finished"},
                   20 * t.PATIENCE, node=n)
        assert len({m["Message-ID"] for m in mails()}) == 2, [m["Message-ID"] for m in mails()]
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_kills():
    """Killed before and behind the commit: the page says it, the browser sends again, one report."""
    with node() as n:
        n.start()
        sent = fields(ask(n, "GET", "/report"))
        n.stop()
        for fault in ("intake.before_submit", "intake.run_created", "intake.committed"):
            n.start({"TOCSIN_FAULT": fault})
            try:
                post(n, "/report", sent)
                raise AssertionError("an answer came from a dead daemon")
            except (http.client.HTTPException, OSError):
                n.wait_dead(60 * t.PATIENCE)
        n.start()
        receipt = receipt_of(post(n, "/report", sent))
        assert [r["name"] for r in reports(n)] == [receipt]
        n.stop()


def test_neutral_json():
    """The neutral form is the one way in: by JSON the same report, the same refusals."""
    with node() as n:
        n.start()
        body = {"kind": "weakness", "text": "Overflow in the parser.", "product": "edge-gw",
                "language": "en", "cwe": "CWE-787", "files": [
                    {"name": "poc.py", "type": "text/x-python", "data": "cHJpbnQoMSk="}]}
        got = ask(n, "POST", "/report", json.dumps(body), Content_Type="application/json",
                  Idempotency_Key="abc-1")
        assert got.status == 202, got
        first = json.loads(got.body)
        assert first["duplicate"] is False and first["case"] == "PSIRT-2026-0001", first
        again = json.loads(ask(n, "POST", "/report", json.dumps(body), Idempotency_Key="abc-1",
                               Content_Type="application/json").body)
        assert (again["receipt"], again["duplicate"]) == (first["receipt"], True), again
        for broken, status in ((dict(body, text=""), 422), (dict(body, colour="red"), 422),
                               (dict(body, files=[{"name": "../x", "data": "AA=="}]), 422),
                               (dict(body, files=[{"name": "x", "data": "A"}]), 422),
                               (dict(body, files=[{"name": "x", "data": ""}] * 11), 422)):
            got = ask(n, "POST", "/report", json.dumps(broken), Content_Type="application/json")
            assert got.status == status and json.loads(got.body)["code"].startswith("H0"), got
        got = ask(n, "POST", "/report", "a.b.c.d.e", Content_Type="application/jose")
        assert got.status == 422, got
        n.stop()


def test_bad_input():
    with node(form={"listen": "127.0.0.1:0", "proxies": ["127.0.0.1"], "per_network": 100}) as n:
        n.start()
        page = ask(n, "GET", "/report")
        for change, word in ((dict(text=""), "text"), (dict(product=""), "product"),
                             (dict(mail="rita@"), "mail")):
            got = post(n, "/report", fields(page, version="9.4 <>", **change))
            assert got.status == 422 and 'role="alert"' in got.body, got
            assert re.search(r'(id="%s"[^>]*aria-invalid)|(aria-invalid[^>]*id="%s")' % (word, word),
                             got.body), got
            assert "9.4 &lt;&gt;" in got.body, "what was typed stays"
        big = post(n, "/report", fields(page), [("big", "x/y", b"\x00" * ((8 << 20) + 1))])
        assert big.status == 422 and "8 MiB" in big.body, big
        many = post(n, "/report", fields(page), [("f%d" % i, "x/y", b"1") for i in range(11)])
        assert many.status == 422, many
        multi = "multipart/form-data; boundary="
        for kind, body in (
                (multi + "x", b""), (multi, b"--\r\n"), (multi + "x", b"--x"),
                (multi + "x", b"--x\r\n\r\n\r\n--x--"), (multi + "x" * 100, b"--x\r\n"),
                (multi + "x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nopen"),
                (multi + "x", b"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n\xff\xfe"
                              b"\r\n--x--"),
                (multi + "x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\0\r\n--x--"),
                (multi + "x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-"
                              b"Encoding: base64\r\n\r\nAA==\r\n--x--"),
                ("application/x-www-form-urlencoded", b"text=%zz"),
                ("application/x-www-form-urlencoded", b"text"),
                ("text/plain", b"text=a"), ("application/x-www-form-urlencoded", b"a=1&" * 100)):
            got = ask(n, "POST", "/report", body, Content_Type=kind)
            assert got.status == 400, (kind, body, got)
        huge = ask(n, "POST", "/status", b"a" * 100000,
                   Content_Type="application/x-www-form-urlencoded")
        assert huge.status == 413, huge
        assert reports(n) == []
        # A program that fills in everything is heard, and marked.
        receipt = receipt_of(post(n, "/report", fields(page, website="http://spam.example")))
        assert "filled-in-trap" in report(n, receipt)["report"]["noise"]
        assert [r["rank"] for r in reports(n) if r["name"] == receipt] == ["low"], reports(n)
        other = receipt_of(post(n, "/report", fields(page, product="other", name="Rita")))
        body = report(n, other)["report"]
        assert "product" not in body and body["contact"] == {"name": "Rita"}, body
        n.stop()


def test_limits():
    """No puzzles: a network that sends too much is told to write a mail; others are not touched."""
    with node() as n:
        n.start()
        page = ask(n, "GET", "/report")
        for i in range(10):
            receipt_of(post(n, "/report", fields(page, text="Report %d." % i),
                            X_Forwarded_For="192.0.2.7"))
        got = post(n, "/report", fields(page), X_Forwarded_For="203.0.113.9, 192.0.2.7")
        assert got.status == 429 and "psirt@acme.example" in got.body, got
        assert "Somebody is inside our gateway." in got.body, "nothing typed is lost"
        receipt_of(post(n, "/report", fields(page), X_Forwarded_For="198.51.100.1"))
        # Guessing receipts: thirty an hour; IPv6 by /56.
        for i in range(30):
            got = post(n, "/status", {"receipt": "TR-0000-0000-0000-%04d" % i, "lang": "en"},
                       X_Forwarded_For="2001:db8:0:1::%x" % i)
            assert got.status == 404, got
        for peer, status in (("2001:db8:0:ff::1", 429), ("2001:db8:0:100::1", 404)):
            got = post(n, "/status", {"receipt": "TR-0000-0000-0000-0000", "lang": "en"},
                       X_Forwarded_For=peer)
            assert got.status == status, (peer, got)
        n.stop()
    with node(form={"listen": "127.0.0.1:0", "reports_per_hour": 2}) as n:
        n.start()
        page = ask(n, "GET", "/report")
        for i in range(3):
            # Without a proxy of ours nobody may say who they are.
            got = post(n, "/report", fields(page, text="Report %d." % i),
                       X_Forwarded_For="192.0.2.%d" % i)
            assert got.status == (200 if i < 2 else 429), (i, got)
        n.stop()


t.main()
