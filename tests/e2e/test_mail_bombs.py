"""Mails that want to break what reads them, at full size: each ends in a bounded child and in a report
that says so, and the daemon that takes them stays small. Some of them here, all with ./dev bombs.

Measured: the memory of the daemon, and of each parser and gpg it starts, by the kernel's own high mark.
"""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import zlib

import tocsin_test as t

t.need_binary()
if not shutil.which("gpg"):
    t.skip("no gpg")
TEMP = tempfile.mkdtemp(prefix="tsn-bombs-", dir="/tmp")
t.atexit.register(shutil.rmtree, TEMP, True)
HEAD = ("From: Mallory <m@x.example>\nTo: psirt@acme.example\nSubject: %s\nMessage-ID: <%s@x.example>\n"
        "MIME-Version: 1.0\n")
MIB = 1 << 20


def gpg(home, *argv, data=None):
    return subprocess.run(["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", "--yes",
                           "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model",
                           "always", *argv], input=data, capture_output=True, timeout=120,
                          check=True).stdout


def zeros_packet(mib):
    """A compressed packet (RFC 4880 5.6) whose literal packet holds that many MiB of zeros. The same
    flushed deflate block again and again: made in no time, and as small as it gets."""
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    out = [z.compress(b"\xcb\xf4b\x00\0\0\0\0" + b"\0" * (MIB - 6)) + z.flush(zlib.Z_FULL_FLUSH)]
    z = zlib.compressobj(9, zlib.DEFLATED, -15)  # one more piece: its length (1 MiB), its bytes
    again = z.compress(b"\xf4" + b"\0" * MIB) + z.flush(zlib.Z_FULL_FLUSH)
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = z.compress(b"\x00") + z.flush(zlib.Z_FINISH)
    body = b"\x01" + out[0] + again * (mib - 1) + last
    return b"\xc8\xff" + len(body).to_bytes(4, "big") + body


class Watch:
    """The largest each program ever was, as long as it lives."""

    def __init__(self, daemon):
        self.daemon, self.most, self.over = daemon, {}, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def look(self):
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % pid, encoding="latin-1") as f:
                    stat = f.read()
                name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:]
                if int(pid) != self.daemon and int(rest.split()[1]) != self.daemon:
                    continue
                with open("/proc/%s/status" % pid, encoding="latin-1") as f:
                    mark = [x for x in f if x.startswith("VmHWM")]
            except (OSError, ValueError):
                continue
            if mark:
                name = "core" if int(pid) == self.daemon else name
                self.most[name] = max(self.most.get(name, 0), int(mark[0].split()[1]) // 1024)

    def run(self):
        while not self.over:
            self.look()
            time.sleep(0.02)

    def stop(self):
        self.over = True
        self.thread.join()
        return self.most


def bombs(key_home):
    """(name, pieces of the file, problems of which one must be told)"""
    parts = 'Content-Type: multipart/mixed; boundary="m"\n\n'
    yield "parts", [HEAD % ("parts", "parts"), parts, "--m\n\n" * 200000, "--m--\n"], {"too-many-parts"}
    yield ("full-parts", [HEAD % ("full", "full"), parts,
                          "--m\nContent-Type: text/plain\n\nWords of a part.\n" * 200000, "--m--\n"],
           {"too-many-parts"})
    deep = "".join('Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i)
                   for i in range(50000))
    yield "deep", [HEAD % ("deep", "deep"), deep, "Content-Type: text/plain\n\nx\n"], {
        "too-deep", "parser-ended"}
    inner = "Content-Type: message/rfc822\n\nFrom: a@b.example\nMIME-Version: 1.0\n" * 50000
    yield "letters", [HEAD % ("letters", "letters"), inner, "\nx\n"], {"too-deep", "parser-ended"}
    yield "one-header", [HEAD % ("one", "one"), "X-Long: "] + ["a" * MIB] * 100 + ["\n\nwords\n"], {"too-large"}
    yield ("headers", [HEAD % ("many", "many")] + ["X-Header-Of-A-Bomb: 0123456789\n" * 32768] * 100 +
           ["\nwords\n"], {"too-large", "too-many-headers"})
    yield ("folded", [HEAD % ("folded", "folded"), "References: "] + ["<a@b.example>\n " * 65536] * 24 +
           ["\n\nwords\n"], {"parser-ended", "too-large", "text-cut", "none"})
    packet = zeros_packet(4096)
    assert len(packet) < 6 * MIB
    armor = gpg(key_home, "--armor", "--no-literal", "--compress-algo", "none", "--encrypt", "-r",
                "psirt@", data=packet).decode()
    yield ("pgp", [HEAD % ("pgp", "pgp"), "Content-Type: multipart/encrypted; "
                   'protocol="application/pgp-encrypted"; boundary="e"\n\n--e\nContent-Type: '
                   "application/pgp-encrypted\n\nVersion: 1\n\n--e\nContent-Type: "
                   "application/octet-stream\n\n", armor, "\n--e--\n"], {"too-large-inside"})
    yield ("inline", [HEAD % ("inline", "inline"), "Content-Type: text/plain\n\n", armor],
           {"too-large-inside"})


def test_each_ends_bounded():
    home = os.path.join(TEMP, "home")
    os.mkdir(home, 0o700)
    t.atexit.register(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"],
                      stderr=subprocess.DEVNULL)
    gpg(home, "--quick-generate-key", "psirt <psirt@acme.example>", "future-default", "default", "never")
    n = t.make_dir({"server": {"listen": "127.0.0.1:0"},
                    "mail": {"from": "Acme <psirt@acme.example>", "maildir": "out",
                             "inbox": [{"maildir": "inbox", "every": "200ms"}]},
                    "playbooks": {"dir": "own"}})
    for folder in ("own", "inbox/new", "inbox/cur", "inbox/tmp", "data/gnupg"):
        os.makedirs(os.path.join(n.root, folder), 0o700, exist_ok=True)
    gpg(os.path.join(n.root, "data", "gnupg"), "--import", data=gpg(home, "--export-secret-keys", "psirt@"))
    with n:
        n.start()
        watch = Watch(n.process.pid)
        try:
            few = ("parts", "deep", "headers", "pgp")
            chosen = [b for b in bombs(home) if os.environ.get("TOCSIN_LONG") or b[0] in few]
            for i, (name, pieces, want) in enumerate(chosen):
                began = time.monotonic()
                temp = os.path.join(n.root, "inbox", "tmp", name)
                with open(temp, "w", encoding="ascii") as f:
                    f.writelines(pieces)
                os.rename(temp, os.path.join(n.root, "inbox", "new", name))

                def look(count=i + 1):
                    rows = n.cli("mail", "list", check=0).json["items"]
                    return rows if len(rows) == count and rows[0]["state"] != "new" else None
                row = t.wait_for(look, 120 * t.PATIENCE, node=n)[0]
                report = n.cli("show", row["case"], check=0).json
                codes = {p["code"] for p in row["problems"]} or {"none"}
                if row.get("decryptable") is False and '"too-large"' in json.dumps(report):
                    codes.add("too-large-inside")
                print("%-10s %5.1f s  %s  %s" % (name, time.monotonic() - began, sorted(codes),
                                                 dict(watch.most)), flush=True)
                assert row["state"] == "report", row
                assert codes & want, (name, codes)
                assert time.monotonic() - began < 25 * t.PATIENCE, name
                assert row["from"] == "m@x.example", row
                t.wait_for(lambda: not os.listdir(os.path.join(n.root, "inbox", "new")),
                           20 * t.PATIENCE, node=n)
            # And the next mail is read as ever.
            with open(os.path.join(n.root, "inbox", "new", "last"), "w", encoding="ascii") as f:
                f.write(HEAD % ("after", "after") + "Content-Type: text/plain\n\nA heap overflow.\n")
            t.wait_for(lambda: n.cli("mail", "list", check=0).json["items"][0].get("subject") == "after",
                       20 * t.PATIENCE, node=n)
        finally:
            most = watch.stop()
        print("most memory, MiB:", most)
        if not t.SANITIZED:
            assert most["tocsin-parser"] <= 768, most
            assert most["gpg"] <= 512, most
            assert most["core"] <= 900, most
        n.stop()
        if not os.environ.get("TOCSIN_LONG"):
            return
        # The pipe: a mail of 100 MB is taken as well.
        n.start()
        done = subprocess.run([t.BINARY, "mail", "receive", "--config", n.config_file, "--json"],
                              input=(HEAD % ("piped", "piped") + "X-Long: " + "b" * (100 << 20) + "\n\nx\n").encode(),
                              capture_output=True, timeout=120 * t.PATIENCE, check=True)
        mail = json.loads(done.stdout)["mail"]

        def piped():
            rows = [r for r in n.cli("mail", "list", check=0).json["items"] if r["mail"] == mail]
            return rows[0] if rows and rows[0]["state"] == "report" else None
        row = t.wait_for(piped, 60 * t.PATIENCE, node=n)
        assert row["size"] > 100 << 20 and row["problems"][0]["code"] == "too-large", row
        n.stop()


t.main()
