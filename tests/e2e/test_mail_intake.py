"""Mails become reports: committed raw before anybody is told, read, answered, joined to their case.

The real daemon, maildir and pipe, gpg and parser; kills at every point of the way; forged, automatic
and returned mails; two tocsins that write to each other.
"""
import email
import email.header
import glob
import json
import os
import shutil
import subprocess
import tempfile
import time

import tocsin_test as t

t.need_binary()
if not shutil.which("gpg"):
    t.skip("no gpg")
TEMP = tempfile.mkdtemp(prefix="tsn-mi-", dir="/tmp")
t.atexit.register(shutil.rmtree, TEMP, True)
PLAYBOOK = """return playbook { name = "mailed", title = "A mailed report", on = "report.accepted",
  run = function(case)
    case.report:acknowledge { template = "ack-incident" }
    while true do
      local m = wait { event = "report.reply", within = "30d" }
      if not m then return case:close { resolution = "silent", reason = "nobody wrote again" } end
      case:note("mail from " .. m.from.mail .. ": " .. m.text)
    end
  end }
"""
HEAD = ("From: %s\nTo: psirt@acme.example\nSubject: %s\nMessage-ID: <%s@tocsin.example>\n"
        "MIME-Version: 1.0\n%sContent-Type: text/plain; charset=utf-8\n\n%s\n")


def raw(subject="A flaw in Edge Gateway", mid="1", sender="Alice <alice@tocsin.example>", more="",
        text="A heap overflow in the web server."):
    return (HEAD % (sender, subject, mid, more, text)).replace("\n", "\r\n").encode()


def config(**more):
    out = {
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme PSIRT"},
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out",
                 "inbox": [{"maildir": "inbox", "every": "200ms"}]},
        "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}],
        "playbooks": {"dir": "own"},
        "rules": [{"on": "report.accepted", "run": "mailed"}],
    }
    return t.merge(out, more)


def node(**more):
    n = t.make_dir(config(**more))
    for folder in ("own", "inbox/new", "inbox/cur", "inbox/tmp"):
        os.makedirs(os.path.join(n.root, folder), exist_ok=True)
    with open(os.path.join(n.root, "own", "mailed.lua"), "w", encoding="utf-8") as f:
        f.write(PLAYBOOK)
    return n


def put(n, name, data):
    with open(os.path.join(n.root, "inbox", "tmp", name), "wb") as f:
        f.write(data)
    os.rename(os.path.join(n.root, "inbox", "tmp", name),
              os.path.join(n.root, "inbox", "new", name))


def receive(n, data, code=0):
    done = subprocess.run([t.BINARY, "mail", "receive", "--config", n.config_file, "--json"],
                          input=data, capture_output=True, timeout=60 * t.PATIENCE, check=False)
    assert done.returncode == code, (done.returncode, done.stderr)
    return json.loads(done.stdout) if code == 0 else json.loads(done.stderr.splitlines()[-1])


def mails(n, *more):
    return n.cli("mail", "list", *more, check=0).json["items"]


def settled(n, count, timeout=20):
    def look():
        rows = mails(n)
        return rows if len(rows) == count and all(r["state"] != "new" for r in rows) else None
    return t.wait_for(look, timeout * t.PATIENCE, node=n)


def sent(n):
    out = []
    for path in sorted(glob.glob(os.path.join(n.root, "out", "new", "*"))):
        with open(path, "rb") as f:
            out.append(email.message_from_bytes(f.read()))
    return out


def answers(n, count, timeout=20):
    return t.wait_for(lambda: sent(n) if len(sent(n)) >= count else None, timeout * t.PATIENCE,
                      node=n)


def reply(first, **more):
    refs = "In-Reply-To: %s\nReferences: %s %s\n" % (
        first["Message-ID"], " ".join(first["References"].split()), first["Message-ID"])
    return raw(subject="Re: " + first["Subject"], more=refs, **more)


def timeline(n, case):
    return json.dumps(n.cli("case", "timeline", case, check=0).json)


def test_report_ack_and_reply():
    with node() as n:
        n.start()
        put(n, "one", raw())
        row = settled(n, 1)[0]
        assert (row["state"], row["from"], row["case"]) == (
            "report", "alice@tocsin.example", "PSIRT-2026-0001"), row
        ack = answers(n, 1)[0]
        assert ack["To"] == "alice@tocsin.example" and "PSIRT-2026-0001" in ack["Subject"]
        assert ack["In-Reply-To"] == "<1@tocsin.example>" and "<1@tocsin.example>" in ack["References"]
        assert ack["Auto-Submitted"] == "auto-generated", ack.items()
        assert not os.listdir(os.path.join(n.root, "inbox", "new"))
        assert os.listdir(os.path.join(n.root, "inbox", "cur")) == ["one:2,S"]
        show = n.cli("report", "list", check=0).json["items"]
        assert len(show) == 1 and show[0]["source"] == "mail", show
        # The same person, our reference: it joins, and the playbook that waits hears of it.
        put(n, "two", reply(ack, mid="2", text="Here is the capture."))
        rows = settled(n, 2)
        assert rows[0]["state"] == "joined" and rows[0]["case"] == "PSIRT-2026-0001", rows
        t.wait_for(lambda: "Here is the capture" in timeline(n, "PSIRT-2026-0001"),
                   20 * t.PATIENCE, node=n)
        # The same bytes, and the same message by another way, are one mail.
        assert receive(n, raw())["duplicate"] is True
        twin = receive(n, b"Received: from relay by mx; now\r\n" + raw())
        assert twin["duplicate"] is False
        rows = settled(n, 3)
        assert sorted(r["state"] for r in rows) == ["duplicate", "joined", "report"], rows
        assert len(sent(n)) == 1, "a report is acknowledged once"
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_a_joined_mail_is_heard_across_a_kill():
    """Joining and telling the run that waits are one commit: a kill right behind it loses nothing."""
    with node() as n:
        n.start()
        put(n, "one", raw())
        settled(n, 1)
        ack = answers(n, 1)[0]
        n.stop()
        n.start({"TOCSIN_FAULT": "mail.settled"}, wait=False)
        put(n, "two", reply(ack, mid="2", text="Said before the kill."))
        n.wait_dead(30 * t.PATIENCE)
        n.start()
        assert settled(n, 2)[0]["state"] == "joined"
        t.wait_for(lambda: "Said before the kill" in timeline(n, "PSIRT-2026-0001"),
                   20 * t.PATIENCE, node=n)
        assert timeline(n, "PSIRT-2026-0001").count("mail from alice@tocsin.example: Said") == 1
        n.stop()


def test_held():
    with node() as n:
        n.start()
        put(n, "one", raw())
        settled(n, 1)
        ack = answers(n, 1)[0]
        # A number in a subject is no proof; a reference from a stranger neither.
        put(n, "a", raw(subject="Re: [PSIRT-2026-0001]", mid="a"))
        put(n, "b", reply(ack, mid="b", sender="Mallory <m@evil.example>"))
        put(n, "c", raw(subject="Re: [PSIRT-2026-0099]", mid="c"))
        rows = settled(n, 4)
        held = [r for r in rows if r["state"] == "held"]
        assert len(held) == 3 and len(n.cli("case", "list", check=0).json["items"]) == 1, rows
        why = " ".join(r["reason"] for r in held)
        assert "not known in that case" in why and "without a reference" in why, why
        assert "does not exist" in why
        stranger = [r for r in held if r["from"] == "m@evil.example"][0]
        got = n.cli("mail", "assign", stranger["mail"], "--case", "PSIRT-2026-0001", "--reason",
                    "phoned them", as_person="resp1", check=0).json
        assert got["state"] == "joined", got
        other = [r for r in held if r is not stranger][0]
        got = n.cli("mail", "assign", other["mail"], "--reason", "a new matter",
                    as_person="resp1", check=0).json
        assert (got["state"], got["case"]) == ("report", "PSIRT-2026-0002"), got
        again = n.cli("mail", "assign", other["mail"], "--reason", "again", as_person="resp1")
        assert again.code == 5 and again.error["code"] == "M021", again
        n.stop()


def test_automatic_and_bounce():
    with node() as n:
        n.start()
        put(n, "one", raw())
        settled(n, 1)
        ack = answers(n, 1)[0]
        put(n, "auto", raw(mid="auto", more="Auto-Submitted: auto-replied\n"))
        put(n, "list", raw(mid="list", sender="l@list.example", more="List-Id: <x.example>\n"))
        bounce = ("From: MAILER-DAEMON@mx.example\nTo: psirt@acme.example\nSubject: Undelivered\n"
                  "Message-ID: <b@mx.example>\nReturn-Path: <>\nMIME-Version: 1.0\n"
                  'Content-Type: multipart/report; report-type=delivery-status; boundary="d"\n\n'
                  "--d\nContent-Type: text/plain\n\nNo.\n--d\nContent-Type: "
                  "message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: "
                  "rfc822; alice@tocsin.example\nAction: failed\nStatus: 5.1.1\n--d\nContent-Type: "
                  "text/rfc822-headers\n\nMessage-ID: %s\nReferences: %s\n--d--\n" % (
                      ack["Message-ID"], " ".join(ack["References"].split())))
        put(n, "bounce", bounce.encode())
        rows = settled(n, 4)
        states = sorted(r["state"] for r in rows)
        assert states == ["automatic", "bounce", "report", "report"], rows
        assert "5.1.1" in timeline(n, "PSIRT-2026-0001")
        time.sleep(0.5)
        assert len(sent(n)) == 1, "lists, replies and bounces are answered by nobody"
        n.stop()


def test_limits():
    """Forged senders cannot make us send much, one sender is answered once a day."""
    with node(mail={"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out",
                    "inbox": [{"maildir": "inbox", "every": "200ms"}], "answers_per_hour": 3}) as n:
        n.start()
        for i in range(12):
            put(n, "m%d" % i, raw(mid="m%d" % i, text="Text %d." % i,
                                  sender="s%d@x.example" % (i // 2)))
        rows = settled(n, 12)
        assert all(r["state"] == "report" for r in rows), "never rejected"
        assert len(answers(n, 3)) == 3
        why = [r.get("reason") for r in rows]
        assert why.count("sender-limit") + why.count("hour-limit") == 9, why
        n.stop()


def test_two_tocsins():
    """Each gets what the other sends: it ends by itself."""
    with node() as a, node() as b:
        a.start()
        b.start()
        put(a, "start", raw(sender="Acme PSIRT <psirt@acme.example>"))
        settled(a, 1)
        moved = set()
        for _ in range(20):
            for here, there in ((a, b), (b, a)):
                for path in glob.glob(os.path.join(here.root, "out", "new", "*")):
                    if path not in moved:
                        moved.add(path)
                        with open(path, "rb") as f:
                            put(there, os.path.basename(path), f.read())
            time.sleep(0.1)
        assert len(moved) == 1, "one acknowledgement, and nobody answers it"
        assert settled(b, 1)[0]["state"] == "automatic"
        a.stop()
        b.stop()


def gpg(home, *argv, data=None):
    done = subprocess.run(["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", "--yes",
                           "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model",
                           "always", *argv], input=data, capture_output=True, timeout=120,
                          check=True)
    return done.stdout


def test_pgp():
    """Encrypted in, encrypted and signed out; unreadable gets our key and no word of its text."""
    home = os.path.join(TEMP, "people")
    os.mkdir(home, 0o700)
    t.atexit.register(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"],
                      stderr=subprocess.DEVNULL)
    for name in ("alice", "psirt", "other"):
        gpg(home, "--quick-generate-key", "%s <%s@tocsin.example>" % (name, name),
            "future-default", "default", "never")
    fpr = [x.split(":")[9] for x in gpg(home, "--with-colons", "-k", "psirt@").decode().split("\n")
           if x.startswith("fpr")][0]
    with node() as n:
        ring = os.path.join(n.root, "data", "gnupg")
        os.makedirs(ring, 0o700)
        gpg(ring, "--import", data=gpg(home, "--export-secret-keys", "psirt@"))
        n.config["mail"]["pgp"] = {"key": fpr}
        n.write_config()
        n.start()
        key = gpg(home, "--armor", "--export", "alice@").decode()
        inner = ('Content-Type: multipart/mixed; boundary="i"\n\n--i\nContent-Type: text/plain\n\n'
                 "A secret overflow.\n--i\nContent-Type: application/pgp-keys; name=alice.asc\n\n"
                 + key + "\n--i--\n").replace("\n", "\r\n").encode()
        body = gpg(home, "--armor", "--encrypt", "--sign", "-u", "alice@", "-r", "psirt@",
                   data=inner).decode()

        def enclosed(text, mid):
            return ("From: alice@tocsin.example\nTo: psirt@acme.example\nSubject: ...\nMessage-ID: "
                    "<%s@tocsin.example>\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; "
                    'protocol="application/pgp-encrypted"; boundary="e"\n\n--e\nContent-Type: '
                    "application/pgp-encrypted\n\nVersion: 1\n\n--e\nContent-Type: "
                    "application/octet-stream\n\n%s\n--e--\n" % (mid, text)).encode()

        put(n, "one", enclosed(body, "e1"))
        row = settled(n, 1)[0]
        assert (row["state"], row["decryptable"]) == ("report", True), row
        ack = answers(n, 1)[0]
        assert ack.get_content_type() == "multipart/encrypted", ack.as_string()
        assert ack["Subject"] == "[PSIRT-2026-0001] Message", ack["Subject"]
        keys = os.path.join(TEMP, "keys")
        os.makedirs(keys, exist_ok=True)
        with open(os.path.join(keys, "alice.asc"), "wb") as f:
            f.write(gpg(home, "--armor", "--export-secret-keys", "alice@"))
        with open(os.path.join(keys, "psirt.asc"), "wb") as f:
            f.write(gpg(home, "--armor", "--export", "psirt@"))
        done = subprocess.run([t.BINARY, "mail", "parse", "-", "--json", "--keyring", keys],
                              input=ack.as_bytes(), capture_output=True, check=True, timeout=60)
        got = json.loads(done.stdout)
        assert (got["decryptable"], got["signature"], got["signer_fpr"]) == (True, "good", fpr), got
        assert "PSIRT-2026-0001" in got["text"] and "We have your report" in got["subject"], got
        # The report is there in clear for those who may see it, and nowhere on the disk.
        assert "secret overflow" in json.dumps(n.cli("show", "PSIRT-2026-0001", check=0).json)
        found = subprocess.run(["grep", "-rl", "secret overflow", n.root], capture_output=True,
                               check=False)
        assert found.returncode == 1, found.stdout
        # Encrypted to somebody else.
        put(n, "two", enclosed(gpg(home, "--armor", "--encrypt", "-r", "other@",
                                   data=inner).decode(), "e2").replace(b"alice@", b"bob@"))
        rows = settled(n, 2)
        assert rows[0]["state"] == "report" and rows[0]["decryptable"] is False, rows[0]
        mail = [m for m in answers(n, 2) if m["To"] == "bob@tocsin.example"][0]
        text = mail.as_string()
        assert "We could not read your mail" in mail["Subject"] and "overflow" not in text
        assert any(p.get_content_type() == "application/pgp-keys" for p in mail.walk()), text
        assert mail.get_content_type() == "multipart/signed"
        n.stop()


def test_every_pgp_state():
    """Report and answer of each: the state is shown, the answer asks for what is missing with our key
    attached, nothing is dropped and nothing of the text is quoted."""
    home = os.path.join(TEMP, "g2")
    os.mkdir(home, 0o700)
    t.atexit.register(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"],
                      stderr=subprocess.DEVNULL)
    for name in ("alice", "mallory", "dave", "psirt", "other"):
        gpg(home, "--quick-generate-key", "%s <%s@tocsin.example>" % (name, name),
            "future-default", "default", "never")
    old = ("--faked-system-time", "20200101T000000")
    gpg(home, *old, "--quick-generate-key", "carol <carol@tocsin.example>", "future-default",
        "default", "1d")
    fprs, fpr = {}, None
    for line in gpg(home, "--with-colons", "-k").decode().split("\n"):
        f = line.split(":")
        if f[0] in ("pub", "fpr"):  # of the primary key: the first that follows
            fpr = None if f[0] == "pub" else fpr or f[9]
        if f[0] == "uid":
            fprs[f[9].split(" ")[0]] = fpr
    secret = "SECRETWORD overflow"
    text = "Content-Type: text/plain\r\n\r\nA %s that is in the web server.\r\n" % secret

    def enclosed(name, data):
        return ("From: %s@x.example\nTo: psirt@acme.example\nSubject: ...\nMessage-ID: <%s@p.example>\n"
                "MIME-Version: 1.0\nContent-Type: multipart/encrypted; "
                'protocol="application/pgp-encrypted"; boundary="e"\n\n--e\nContent-Type: '
                "application/pgp-encrypted\n\nVersion: 1\n\n--e\nContent-Type: "
                "application/octet-stream\n\n%s\n--e--\n" % (name, name, data.decode())).encode()

    def signed(name, by, *more):
        sig = gpg(home, "--armor", "--detach-sign", "-u", by + "@", *more, data=text.encode())
        return (("From: %s@x.example\r\nTo: psirt@acme.example\r\nSubject: Plain\r\nMessage-ID: <%s@p.example>"
                 '\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol='
                 '"application/pgp-signature"; boundary="s"\r\n\r\n--s\r\n' % (name, name)) + text +
                "\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + sig.decode() +
                "\r\n--s--\r\n").encode()

    def to_us(*more, to="psirt", data=text):
        return gpg(home, "--armor", "--encrypt", "-r", to + "@", *more, data=data.encode())

    def keyed(name, who):
        key = gpg(home, "--armor", "--export", who + "@").decode()
        return enclosed(name, to_us(data='Content-Type: multipart/mixed; boundary="i"\r\n\r\n--i\r\n' + text +
                                    "--i\r\nContent-Type: application/pgp-keys\r\n\r\n" + key + "--i--\r\n"))

    whole = to_us()
    mangled = whole.split(b"\n")
    mangled[4] = mangled[4][:20] + (b"A" if mangled[4][20:21] != b"A" else b"B") + mangled[4][21:]
    bad = signed("bad", "alice").replace(b"web server", b"web master")
    late = signed("late", "carol", "--faked-system-time", "20200101T010000")
    with open(os.path.join(home, "openpgp-revocs.d", fprs["dave"] + ".rev"), encoding="utf-8") as f:
        revocation = f.read().replace("\n:-----", "\n-----").encode()
    revoked = signed("revoked", "dave")
    gpg(home, "--import", data=revocation)
    RESEND = "We could not read your mail"
    TAKEN = "We have your report"
    # name, mail, what the report shows, subject of the answer, words in it, is our key attached
    table = (
        ("wrong-key", enclosed("wrong-key", to_us(to="other")), ("reason", "no-secret-key"), RESEND, "send it again", True),
        ("no-mdc", enclosed("no-mdc", to_us("--rfc2440", "--cipher-algo", "AES", "--compress-algo", "none",
                                            "--disable-mdc")), ("reason", "no-integrity"), RESEND, "send it again", True),
        ("broken", enclosed("broken", b"\n".join(mangled)), ("decryptable", False), RESEND, "send it again", True),
        ("good", signed("good", "alice"), ("signature", "good"), None, None, False),
        ("bad", bad, ("signature", "bad"), TAKEN, "does not fit its text", True),
        ("unknown", signed("unknown", "mallory"), ("signature", "unknown-key"), TAKEN, "we do not have", True),
        ("late", late, ("signature", "expired-key"), TAKEN, "has expired", True),
        ("revoked", revoked, ("signature", "revoked-key"), TAKEN, "was revoked", True),
        ("key-ok", keyed("key-ok", "alice"), ("decryptable", True), None, None, False),
        ("key-late", keyed("key-late", "carol"), ("key_problem", "expired"), TAKEN, "has expired", True),
        ("key-gone", keyed("key-gone", "dave"), ("key_problem", "revoked"), TAKEN, "was revoked", True),
    )
    with node() as n:
        ring = os.path.join(n.root, "data", "gnupg")
        os.makedirs(ring, 0o700)
        gpg(ring, "--import", data=gpg(home, "--export-secret-keys", "psirt@"))
        for name in ("alice", "carol", "dave"):
            gpg(ring, "--import", data=gpg(home, "--export", name + "@"))
        n.config["mail"]["pgp"] = {"key": fprs["psirt"]}
        n.write_config()
        n.start()
        for name, data, *_ in table:
            put(n, name, data)
        settled(n, len(table), 60)
        got = {m["To"].split("@")[0]: m for m in answers(n, len(table), 60)}
        rows = {r["from"].split("@")[0]: r for r in mails(n)}
        for name, _, (field, value), subject, words, attached in table:
            assert rows[name]["state"] == "report", (name, rows[name])
            case = n.cli("show", rows[name]["case"], check=0).json
            mail = [r for r in n.cli("report", "list", "--case", rows[name]["case"], check=0).json["items"]]
            body = n.http("GET", "/api/v1/show/" + mail[0]["name"]).json["report"]["report"]["mail"]
            assert body.get(field) == value, (name, body, case)
            m = got[name]
            parts = list(m.walk())
            plain = "".join(p.get_payload(decode=True).decode() for p in parts if p.get_content_type() == "text/plain")
            if subject is None:
                assert m.get_content_type() == "multipart/encrypted", name
                continue
            assert m.get_content_type() == "multipart/signed", (name, m.get_content_type())
            assert subject in m["Subject"], (name, m["Subject"])
            assert words in plain, (name, plain)
            keys = [p for p in parts if p.get_content_type() == "application/pgp-keys"]
            assert bool(keys) == attached, name
            assert b"PUBLIC KEY" in keys[0].get_payload(decode=True), name
            assert "SECRETWORD" not in m.as_string() and secret not in plain, name
        n.stop()


def test_pipe_without_daemon():
    with node() as n:
        error = receive(n, raw(), code=75)
        assert error["code"] == "M026", error


def test_kills():
    """At every point of a mail's way: nothing lost, nothing twice."""
    points = ["mail.accept", "mail.accepted", "mail.maildir_taken", "mail.settle", "mail.settled",
              "writer.after_commit", "intake.run_created"]
    with node() as n:
        for i, point in enumerate(points):
            n.start({"TOCSIN_FAULT": point}, wait=False)
            put(n, "k%d" % i, raw(mid="k%d" % i, text="Kill %d." % i, sender="k%d@x.example" % i))
            n.wait_dead(30 * t.PATIENCE)
        n.start()
        rows = settled(n, len(points))
        assert all(r["state"] == "report" for r in rows), rows
        reports = n.cli("report", "list", check=0).json["items"]
        cases = n.cli("case", "list", check=0).json["items"]
        assert len(reports) == len(cases) == len(points), (len(reports), len(cases))
        to = sorted(m["To"] for m in answers(n, len(points)))
        assert to == sorted("k%d@x.example" % i for i in range(len(points))), to
        t.wait_for(lambda: not os.listdir(os.path.join(n.root, "inbox", "new")),
                   10 * t.PATIENCE, node=n)
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_noise_ranks_low():
    """Reasons from rules that are data; behind all others in the list, and otherwise as any report."""
    beg = ("Hello team, I am an ethical\nhacker and found that your domain has no SPF record. Am I "
           "eligible for\na reward? Waiting for your positive response.")
    scan = ("Our Nessus scan found: X-Frame-Options missing, cookie without HttpOnly, server banner "
            "shown. See the scan report below for the details of all hosts.")
    real = ("Edge Gateway 9.2.1: the login page can be framed, X-Frame-Options is missing, and a click "
            "changes the admin password. Steps: log in, open the page, click.")
    with node() as n:
        n.start()
        for i, (mid, text, more) in enumerate((
                ("beg", beg, ""), ("real", real, ""), ("scan", scan, ""),
                ("list", "Buy at our online casino. " * 9, "Precedence: bulk\n"),
                ("plain", "A heap overflow in the web server.", ""))):
            put(n, mid, raw(mid=mid, sender="%s@x.example" % mid, text=text, more=more, subject="About " + mid))
            settled(n, i + 1)
        rows = n.cli("report", "list", check=0).json["items"]
        assert [r["title"] for r in rows] == ["About plain", "About real", "About list", "About scan",
                                              "About beg"], rows
        assert [r["rank"] for r in rows] == ["normal"] * 2 + ["low"] * 3, rows
        why = {r["title"]: set(r.get("noise", [])) for r in rows}
        assert why["About beg"] == {"begs-for-bounty", "scanner-output", "no-product", "no-detail"}, why
        assert why["About scan"] == {"scanner-output", "no-product", "no-detail"}, why
        assert why["About list"] == {"bulk", "no-product"}, why
        assert why["About real"] == {"scanner-output"} and why["About plain"] == {
            "no-product", "no-detail"}, why
        # One page after the other gives the same order.
        got, after = [], ""
        while after is not None:
            page = n.http("GET", "/api/v1/reports?limit=1" + after).json
            got += [r["title"] for r in page["items"]]
            after = "&after=" + page["next"] if page.get("next") else None
        assert got == [r["title"] for r in rows], got
        # None is rejected: each has its open case, its run and its answer (never a list).
        assert {c["state"] for c in n.cli("case", "list", check=0).json["items"]} == {"open"}
        assert len(n.cli("run", "list", check=0).json["items"]) == 5
        assert sorted(m["To"] for m in answers(n, 4)) == ["%s@x.example" % x for x in (
            "beg", "plain", "real", "scan")]
        body = n.cli("show", [r for r in rows if r["title"] == "About real"][0]["name"], check=0).json
        assert '"9.2.1"' in json.dumps(body), body
        n.stop()
        # A rule of one's own, and a shipped one switched off.
        n.config["noise"] = [{"name": "casino", "weight": 3, "any": ["Online  Casino"]},
                             {"name": "scanner-output", "weight": 0}]
        n.write_config()
        n.start()
        put(n, "c2", raw(mid="c2", sender="c2@x.example", subject="Casino", text="An ONLINE\ncasino. " * 20))
        put(n, "s2", raw(mid="s2", sender="s2@x.example", subject="Scan again", text=scan))
        settled(n, 7)
        rows = {r["title"]: r for r in n.cli("report", "list", check=0).json["items"]}
        assert rows["Casino"]["noise"] == ["no-product", "casino"] and rows["Casino"]["rank"] == "low", rows
        assert rows["Scan again"]["rank"] == "normal", rows
        n.stop()


def test_languages():
    """The answer is in the language of the mail, where it is clear and we have it; else in English."""
    with node() as n:
        n.start()
        rows = (("de", "Guten Tag, wir haben in der Weboberfläche eine Lücke gefunden, die nicht von der "
                       "Anmeldung geschützt ist. Das ist der Ablauf mit dem Gerät.", "Wie es weitergeht"),
                ("ja", "管理画面に認証を回避できる脆弱性があります。手順は次のとおりです。GET /admin", "今後の流れ"),
                ("zh", "管理界面存在绕过登录验证的安全漏洞，复现步骤如下：GET /admin", "接下来"),
                ("en", "The web server of the gateway crashes with this request, and that is in the "
                       "latest version.", "What happens next"),
                ("fr", "Bonjour, une faille dans le serveur permet de contourner la connexion.",
                 "What happens next"),
                ("none", "GET /admin?x=%41%41%41 HTTP/1.1", "What happens next"))
        for lang, text, _ in rows:
            put(n, lang, raw(mid=lang, sender="%s@x.example" % lang, text=text))
        answers(n, len(rows))
        got = {m["To"]: m for m in sent(n)}
        for lang, _, words in rows:
            m = got["%s@x.example" % lang]
            text = m.get_payload(decode=True).decode("utf-8")
            assert words in text, (lang, text)
            subject = str(email.header.make_header(email.header.decode_header(m["Subject"])))
            assert "PSIRT-2026-" in subject and "{{" not in text, subject
        n.stop()


t.main()
