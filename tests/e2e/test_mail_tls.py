#!/usr/bin/env python3
"""Mail goes out through a real Postfix that wants STARTTLS and a password (SASL by a real Dovecot): with them it
arrives, whole; without TLS, with TLS taken out on the way, with a certificate nobody vouches for or a wrong password
nothing is sent, and the password is not either."""
import email.header
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_mail_postfix as pf

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
if not DOVECOT or not shutil.which("openssl"):
    t.skip("no dovecot (package dovecot-core) or openssl")
PASSWORD = 's3 cr"et of mail'
MAIN = """
smtpd_tls_cert_file = {0}/cert.pem
smtpd_tls_key_file = {0}/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {0}/auth
smtpd_recipient_restrictions = permit_sasl_authenticated reject
smtpd_relay_restrictions = permit_sasl_authenticated reject
mynetworks = 192.0.2.0/24
"""
BOOK = """
local mail = use "mail"
return playbook { name = "mailed", title = "A mail", on = "report.accepted",
  run = function(case)
    local ok, got = pcall(mail.send, { to = { "alice@customer.example", "carol@customer.example" }, subject = "Ümläute",
      text = "Hello\\n.\\n.dot", html = "<p>Hello &amp; more</p>", retry = { attempts = 1 },
      attach = { { name = "iocs.csv", type = "text/csv", text = "a;b\\n1;2\\n" } } })
    case:note("mail = " .. (ok and got.message_id or got.message))
    return case:close { resolution = "ok" }
  end }
"""


class Sasl:
    """Dovecot's authentication alone."""

    def __init__(self, root):
        self.dir = root
        with open(os.path.join(root, "users"), "w", encoding="ascii") as f:
            f.write("psirt:{PLAIN}%s:::\n" % PASSWORD)
        # Dovecot's internal user reads the file.
        os.chmod(os.path.join(root, "users"), 0o644)
        with open(os.path.join(root, "dovecot.conf"), "w", encoding="ascii") as f:
            f.write("""base_dir = %(d)s/run
state_dir = %(d)s/state
log_path = %(d)s/dovecot.log
protocols =
auth_mechanisms = plain login
service anvil {
  chroot =
}
service stats {
  chroot =
}
service auth {
  unix_listener %(d)s/auth {
    mode = 0666
  }
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%%u %(d)s/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534
}
""" % {"d": root})
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", os.path.join(root, "dovecot.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        t.wait_for(lambda: os.path.exists(os.path.join(root, "auth")), 30 * t.PATIENCE)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Between:
    """Somebody on the way who hears everything, and may take the offer of TLS out of it."""

    def __init__(self, port, strip):
        self.server, self.heard, self.strip, self.target = socket.create_server(("127.0.0.1", 0)), b"", strip, port
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                one, _ = self.server.accept()
            except OSError:
                return
            other = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.carry, args=(one, other, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(other, one, False), daemon=True).start()

    def carry(self, source, sink, hear):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if hear:
                    self.heard += data
                elif self.strip:
                    data = data.replace(b"250-STARTTLS\r\n", b"")
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Mta(pf.Postfix):
    def __init__(self):
        super().__init__("exit 0")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=mx", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        os.path.join(self.root, "key.pem"), "-out", os.path.join(self.root, "cert.pem")],
                       check=True, capture_output=True)
        self.sasl = Sasl(self.root)
        with open(os.path.join(self.etc, "main.cf"), encoding="utf-8") as f:
            text = "".join(line for line in f if not line.startswith(("mynetworks", "smtpd_relay")))
        self.write("main.cf", text + MAIN.format(self.root))
        self.run("reload")
        t.wait_for(self.offers_tls, 60 * t.PATIENCE)

    def offers_tls(self):
        try:
            with pf.smtplib.SMTP("127.0.0.1", self.port, timeout=10 * t.PATIENCE) as s:
                s.ehlo()
                return s.has_extn("starttls")
        except OSError:
            return False

    def close(self):
        self.sasl.close()
        super().close()


def send(mta, port, password=PASSWORD, **smtp):
    """One mail by one node; what its step said, and the log."""
    with t.make_dir({"playbooks": {"dir": "books"}, "rules": [{"on": "report.accepted", "run": "mailed"}],
                     "cases": {"house": ["customer.example"]},
                     "mail": {"from": "Acme PSIRT <psirt@acme.example>", "reach": ["127.0.0.1:%d" % port],
                              "smtp": dict({"url": "smtp://127.0.0.1:%d" % port, "user": "psirt",
                                            "password": "secret:smtp", "starttls": True,
                                            "ca_file": os.path.join(mta.root, "cert.pem")}, **smtp)}}) as node:
        os.mkdir(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "mailed.lua"), "w", encoding="utf-8") as f:
            f.write(BOOK)
        if node.config["mail"]["smtp"]["ca_file"] is None:
            del node.config["mail"]["smtp"]["ca_file"]
            node.write_config()
        node.start()
        node.cli("secret", "set", "smtp", stdin=password, check=0)
        node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y"},
                  {"Idempotency-Key": "k"}, as_person="intake", check=202)

        def closed():
            cases = node.http("GET", "/api/v1/cases", check=200).json["items"]
            return cases and cases[0]["state"] == "closed" and cases[0]["id"]
        case = node.wait_for(closed, 90)
        tale = node.cli("case", "timeline", case, "--all", json=False, check=0).out
        assert "step.in_doubt" not in tale and "in doubt" not in tale, tale
        node.stop()
        return tale.split("mail = ")[1].split('"')[0]


def test_starttls_and_auth():
    mta = Mta()
    try:
        # Nobody else may send here: the password is what opens it.
        said = send(mta, mta.port)
        assert len(said) == 32, said
        got = t.wait_for(lambda: mta.box("alice"), 60 * t.PATIENCE)[0]
        assert "ESMTPSA" in got["Received"] and "Authenticated sender: psirt" not in str(got), got.as_string()[:900]
        assert got["Message-ID"] == "<%s@acme.example>" % said and got["Auto-Submitted"] == "auto-generated"
        assert str(email.header.make_header(email.header.decode_header(got["Subject"]))) == "Ümläute"
        parts = {p.get_content_type(): p for p in got.walk()}
        assert got.get_content_type() == "multipart/mixed" and "multipart/alternative" in parts, list(parts)
        assert parts["text/plain"].get_payload(decode=True).decode().replace("\r", "") == "Hello\n.\n.dot"
        assert b"<p>Hello &amp; more</p>" in parts["text/html"].get_payload(decode=True)
        attached = parts["text/csv"]
        assert attached.get_filename() == "iocs.csv", attached.as_string()
        assert attached.get_payload(decode=True).replace(b"\r", b"") == b"a;b\n1;2\n"
        assert len(t.wait_for(lambda: mta.box("carol"), 60 * t.PATIENCE)) == 1

        said = send(mta, mta.port, password="a wrong password")
        assert "refused" in said and "535" in said, said
        said = send(mta, mta.port, ca_file=None)
        assert "certificate" in said, said
        # Somebody who takes the offer of TLS away hears no password and no mail.
        between = Between(mta.port, True)
        said = send(mta, between.port)
        assert "Login" not in said and ("STARTTLS" in said or "SSL" in said or "TLS" in said), said
        heard = between.heard
        assert b"EHLO" in heard and b"AUTH" not in heard and b"MAIL FROM" not in heard, heard
        # One who only listens hears nothing behind STARTTLS.
        between = Between(mta.port, False)
        said = send(mta, between.port)
        assert len(said) == 32, said
        assert b"STARTTLS" in between.heard and b"AUTH" not in between.heard and b"Hello" not in between.heard
        t.wait_for(lambda: len(mta.box("alice")) == 2, 60 * t.PATIENCE)
        time.sleep(0.2)
        assert len(mta.box("alice")) == 2, "nothing of the refused ones came"
    except BaseException:
        print(mta.log(), flush=True)
        raise
    finally:
        mta.close()


if __name__ == "__main__":
    t.main()
