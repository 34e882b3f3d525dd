"""An inbox on a real Dovecot over TLS, on loopback, in a folder of its own: every message once, marked
seen only after the commit, also across kills, a new UIDVALIDITY, a dead server and a wrong password."""
import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import tocsin_test as t

t.need_binary()
DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
if not DOVECOT or not shutil.which("openssl"):
    t.skip("no dovecot (package dovecot-imapd) or openssl")
TEMP = tempfile.mkdtemp(prefix="tsn-imap-", dir="/tmp")
os.chmod(TEMP, 0o755)
t.atexit.register(shutil.rmtree, TEMP, True)
ME = pwd.getpwuid(os.getuid()).pw_name


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Dovecot:
    """One server, user psirt with password s3cret; mail in mail/."""

    def __init__(self):
        self.port = port()
        self.dir = os.path.join(TEMP, "dovecot")
        os.makedirs(os.path.join(self.dir, "mail"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2",
                        "-subj", "/CN=dovecot", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True)
        with open(self.path("users"), "w", encoding="ascii") as f:
            f.write("psirt:{PLAIN}s3 cr\"et:%d:%d::%s\n" % (
                self.uid(), self.gid(), self.path("mail")))
        with open(self.path("dovecot.conf"), "w", encoding="ascii") as f:
            f.write("""base_dir = %(d)s/run
state_dir = %(d)s/state
log_path = %(d)s/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <%(d)s/cert.pem
ssl_key = <%(d)s/key.pem
mail_location = maildir:%(d)s/mail
first_valid_uid = 0
%(users)s
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = %(port)d
    ssl = yes
  }
}
service stats {
  chroot =
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%%u %(d)s/users
}
userdb {
  driver = passwd-file
  args = username_format=%%u %(d)s/users
}
""" % {"d": self.dir, "port": self.port, "users": self.users()})
        self.process = None

    @staticmethod
    def users():
        """Who its processes run as: the package's own users for root, else ourselves."""
        if os.getuid() == 0:
            return ""
        return "default_internal_user = %s\ndefault_internal_group = %s\ndefault_login_user = %s" % (
            ME, grp.getgrgid(os.getgid()).gr_name, ME)

    def path(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def uid():
        return os.getuid() or pwd.getpwnam("nobody").pw_uid

    @staticmethod
    def gid():
        return os.getgid() or pwd.getpwnam("nobody").pw_gid

    def start(self):
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "%d:%d" % (self.uid(), self.gid()),
                            self.path("mail")], check=True)
        with open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen([DOVECOT, "-F", "-c", self.path("dovecot.conf")],
                                            stdout=out, stderr=out)
        t.wait_for(self.up, 20 * t.PATIENCE)

    def up(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            if self.process.poll() is not None:
                raise AssertionError("dovecot: " + self.words())
            return False

    def words(self):
        out = ""
        for name in ("out", "log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    out += f.read()
        return out[-3000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def client(self):
        context = ssl.create_default_context(cafile=self.path("cert.pem"))
        c = imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=context)
        c.authenticate("PLAIN", lambda _: b"\0psirt\0s3 cr\"et")
        c.select("INBOX")
        return c

    def put(self, data):
        c = self.client()
        assert c.append("INBOX", "", imaplib.Time2Internaldate(time.time()), data)[0] == "OK"
        c.logout()

    def unseen(self):
        c = self.client()
        out = c.uid("SEARCH", "UNSEEN")[1][0].split()
        c.logout()
        return len(out)


def raw(i, text="A flaw."):
    return ("From: p%d@x.example\r\nTo: psirt@acme.example\r\nSubject: Report %d\r\nMessage-ID: "
            "<%d@x.example>\r\n\r\n%s\r\n" % (i, i, i, text)).encode()


def config(server, **more):
    with open(os.path.join(TEMP, "password"), "w", encoding="ascii") as f:
        f.write("s3 cr\"et\n")
    os.chmod(os.path.join(TEMP, "password"), 0o600)
    box = {"imap": "127.0.0.1", "port": server.port, "user": "psirt",
           "password_file": os.path.join(TEMP, "password"), "every": "200ms",
           "ca_file": server.path("cert.pem"), "reach": ["127.0.0.1:%d" % server.port]}
    box.update(more)
    return {"mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out",
                     "inbox": [{k: v for k, v in box.items() if v is not None}]}}


_server = []


def server():
    if not _server:
        _server.append(Dovecot())
        _server[0].start()
        t.atexit.register(_server[0].stop)
    return _server[0]


def mails(n):
    return n.cli("mail", "list", "--limit", "200", check=0).json["items"]


def settled(n, count):
    def look():
        rows = mails(n)
        return rows if len(rows) == count and all(r["state"] != "new" for r in rows) else None
    return t.wait_for(look, 30 * t.PATIENCE, node=n)


def test_every_message_once():
    s = server()
    for i in range(5):
        s.put(raw(i))
    # Text that poses as the server's answer.
    s.put(raw(5, "A1 OK done\r\n* 1 FETCH (BODY[] {3}\r\nabc)\r\nA4 NO"))
    with t.make_dir(config(s)) as n:
        n.start()
        rows = settled(n, 6)
        assert all(r["state"] == "report" and r["source"] == "imap" for r in rows), rows
        t.wait_for(lambda: s.unseen() == 0, 20 * t.PATIENCE, node=n)
        # Killed between commit and mark, it is fetched again and is still one mail.
        n.stop()
        s.put(raw(6))
        n.start({"TOCSIN_FAULT": "mail.imap_taken"}, wait=False)
        n.wait_dead(30 * t.PATIENCE)
        assert s.unseen() == 1, "not marked before it is committed, nor by looking"
        n.start()
        settled(n, 7)
        t.wait_for(lambda: s.unseen() == 0, 20 * t.PATIENCE, node=n)
        # The server counts anew: everything is read again, nothing is twice.
        s.stop()
        for name in os.listdir(s.path("mail")):
            if name.startswith("dovecot"):
                path = os.path.join(s.path("mail"), name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        time.sleep(1.1)  # a UIDVALIDITY is a time in seconds
        s.start()
        s.put(raw(7))
        settled(n, 8)
        assert len(n.cli("case", "list", check=0).json["items"]) == 8
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def failing(**more):
    s = server()
    with t.make_dir(config(s, **more)) as n:
        n.start()
        t.wait_for(lambda: "imap.failed" in n.log_text(), 20 * t.PATIENCE, node=n)
        log = n.log_text()
        assert n.cli("status", check=0), "an inbox that fails stops nobody"
        n.stop()
        return log


def test_failures():
    with open(os.path.join(TEMP, "wrong"), "w", encoding="ascii") as f:
        f.write("nonsense\n")
    os.chmod(os.path.join(TEMP, "wrong"), 0o600)
    log = failing(password_file=os.path.join(TEMP, "wrong"))
    assert "M030" in log and "AUTHENTICATIONFAILED" in log and "nonsense" not in log, log[-2000:]
    log = failing(ca_file=None)
    assert "H070" in log and "ca_file" in log, log[-2000:]
    # Its certificate is for 127.0.0.1: by another name it is somebody else.
    log = failing(imap="localhost")
    assert "H070" in log and "certificate must be for this name" in log, log[-2000:]
    log = failing(reach=[])
    assert "which is not allowed" in log and "127.0.0.1" in log, log[-2000:]
    log = failing(folder="Nowhere")
    assert "M030" in log, log[-2000:]
    log = failing(port=port(), reach=["127.0.0.1"])
    assert "H070" in log, log[-2000:]


t.main()
