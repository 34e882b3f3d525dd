"""A real Postfix on loopback: its alias pipes reports into `tocsin mail receive`, and it carries our
answers; what it cannot deliver comes back and is recorded on the step that sent it.

An instance of its own (configuration, queue, data and port in a temporary folder), stopped by its pid.
Postfix wants root; its pipe runs as `nobody`, who is a person with the role intake.
"""
import email
import glob
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_life as life

t.need_binary()
POSTFIX = "/usr/sbin/postfix"
if os.getuid() != 0 or not os.path.exists(POSTFIX):
    t.skip("needs root and Postfix (./dev deps test)")
NOBODY = pwd.getpwnam("nobody")
PLAYBOOK = """return playbook { name = "mailed", title = "A mailed report", on = "report.accepted",
  run = function(case)
    case.report:acknowledge { template = "ack-incident" }
    local back = wait { event = "mail.bounced", within = "1d" }
    case:note("came back: " .. back.delivery.status)
  end }
"""
MASTER = """
127.0.0.1:%d inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postfix:
    def __init__(self, alias, cert=None):
        self.root = tempfile.mkdtemp(prefix="tsn-pf-", dir="/tmp")
        self.port = free_port()
        os.chmod(self.root, 0o755)
        for name in ("etc", "queue", "data", "boxes"):
            os.mkdir(os.path.join(self.root, name))
        user = pwd.getpwnam("postfix")
        os.chown(os.path.join(self.root, "data"), user.pw_uid, user.pw_gid)
        os.chown(os.path.join(self.root, "boxes"), NOBODY.pw_uid, NOBODY.pw_gid)
        self.etc = os.path.join(self.root, "etc")
        self.write("aliases", 'psirt "|%s"\nalice %s/boxes/alice/\ncarol %s/boxes/carol/\npostmaster %s/boxes/master/\n'
                   'bob "|exit 67"\n' % (alias, self.root, self.root, self.root))
        self.write("master.cf", MASTER % self.port)
        self.write("main.cf", """compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.acme.example
mydestination = acme.example customer.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps = texthash:{0}/etc/aliases
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks reject
smtp_host_lookup = native
disable_dns_lookups = yes
maillog_file = {0}/data/mail.log
maillog_file_prefixes = {0}
allow_mail_to_commands = alias
allow_mail_to_files = alias
recipient_delimiter =
minimal_backoff_time = 1s
maximal_backoff_time = 5s
queue_run_delay = 1s
biff = no
""".format(self.root))
        if cert:  # only over TLS, with a certificate for this name
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                            "-nodes", "-days", "2", "-subj", "/CN=mx", "-addext", "subjectAltName=" + cert,
                            "-keyout", self.etc + "/key.pem", "-out", self.etc + "/cert.pem"],
                           check=True, capture_output=True)
            with open(os.path.join(self.etc, "main.cf"), "a", encoding="utf-8") as f:
                f.write("smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {0}/cert.pem\n"
                        "smtpd_tls_key_file = {0}/key.pem\nsmtpd_tls_loglevel = 1\n"
                        "smtpd_tls_received_header = yes\n".format(self.etc))
        self.cert = cert
        self.run("start")
        t.wait_for(self.answers, 60 * t.PATIENCE)

    def write(self, name, text):
        with open(os.path.join(self.etc, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, word):
        done = subprocess.run([POSTFIX, "-c", self.etc, word], capture_output=True, text=True,
                              timeout=120 * t.PATIENCE, check=False)
        assert done.returncode == 0, (word, done.stdout, done.stderr)

    def answers(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10 * t.PATIENCE):
                return True
        except OSError:
            return False

    def send(self, sender, data):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60 * t.PATIENCE) as s:
            if self.cert:
                s.starttls()
            s.sendmail(sender, ["psirt@acme.example"], data)

    def box(self, name):
        out = []
        for path in sorted(glob.glob(os.path.join(self.root, "boxes", name, "new", "*"))):
            with open(path, "rb") as f:
                out.append(email.message_from_bytes(f.read()))
        return out

    def queue(self):
        return [p for name in ("deferred", "active", "incoming", "maildrop")
                for p in glob.glob(os.path.join(self.root, "queue", name, "**"), recursive=True)
                if os.path.isfile(p)]

    def log(self):
        try:
            with open(os.path.join(self.root, "data", "mail.log"), encoding="utf-8") as f:
                return f.read()[-4000:]
        except OSError:
            return ""

    def close(self):
        path = os.path.join(self.root, "queue", "pid", "master.pid")
        try:
            with open(path, encoding="utf-8") as f:
                pid = int(f.read())
            os.kill(pid, signal.SIGTERM)
            for _ in range(200):
                time.sleep(0.05)
                os.kill(pid, 0)
        except (OSError, ValueError):
            pass
        shutil.rmtree(self.root, True)


class World:
    """A node whose inbox is Postfix's alias and whose answers go out through it."""

    def __init__(self, cert=None, **over):
        self.node = t.make_dir(t.merge({
            "server": {"listen": "127.0.0.1:0", "organisation": "Acme PSIRT"},
            "people": [{"id": "mta", "roles": ["intake"], "uid": NOBODY.pw_uid},
                       {"id": "resp1", "roles": ["responder"]},
                       {"id": "lead1", "roles": ["psirt-lead"]}],
            "playbooks": {"dir": "own"},
            "rules": [{"on": "report.accepted", "run": "mailed"}]}, over))
        n = self.node
        os.makedirs(os.path.join(n.root, "own"))
        with open(os.path.join(n.root, "own", "mailed.lua"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK)
        for folder in (n.root, os.path.join(n.root, "data")):
            os.chmod(folder, 0o755)
        os.chmod(n.config_file, 0o644)
        self.mta = Postfix("%s mail receive --config %s" % (t.BINARY, n.config_file), cert)
        n.config["mail"] = {**n.config.get("mail", {}), "from": "Acme PSIRT <psirt@acme.example>",
                            "smtp": {"url": "smtp://127.0.0.1:%d" % self.mta.port},
                            "reach": ["127.0.0.1:%d" % self.mta.port]}
        if cert:
            n.config["mail"]["smtp"].update(starttls=True, ca_file=self.mta.etc + "/cert.pem")
        n.write_config()
        os.chmod(n.config_file, 0o644)

    def start(self, *args, **more):
        self.node.start(*args, **more)
        # As an installation gives the pipe's user a group of the socket.
        path = os.path.join(self.node.root, "data", "tocsin.sock")
        os.chown(path, 0, NOBODY.pw_gid)
        os.chmod(os.path.join(self.node.root, "data"), 0o755)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.mta.log(), flush=True)
        self.node.__exit__(kind, *_)
        self.mta.close()


def raw(mid, sender="alice@customer.example", text="A heap overflow in the web server."):
    return ("From: Alice <%s>\r\nTo: psirt@acme.example\r\nSubject: A flaw\r\nMessage-ID: <%s@"
            "customer.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n%s\r\n" % (
                sender, mid, text)).encode()


def mails(n):
    return n.cli("mail", "list", check=0).json["items"]


def timeline(n, case):
    return json.dumps(n.cli("case", "timeline", case, check=0).json)


def test_pipe_and_answer():
    with World() as w:
        n = w.node
        w.start()
        w.mta.send("alice@customer.example", raw("1"))
        row = t.wait_for(lambda: [m for m in mails(n) if m["state"] == "report"],
                         60 * t.PATIENCE, node=n)[0]
        assert (row["source"], row["from"]) == ("pipe", "alice@customer.example"), row
        ack = t.wait_for(lambda: w.mta.box("alice"), 60 * t.PATIENCE, node=n)[0]
        assert "PSIRT-2026-0001" in ack["Subject"] and ack["Auto-Submitted"] == "auto-generated"
        assert ack["In-Reply-To"] == "<1@customer.example>", ack.items()
        assert ack["Received"] and "mx.acme.example" in ack["Received"]
        n.stop()


def test_starttls():
    """In and out over TLS with a real Postfix; a certificate for another name is refused, and nothing is said."""
    with World(cert="IP:127.0.0.1") as w:
        n = w.node
        w.start()
        w.mta.send("alice@customer.example", raw("1"))
        ack = t.wait_for(lambda: w.mta.box("alice"), 60 * t.PATIENCE, node=n)[0]
        assert "TLS" in ack["Received"] and "PSIRT-2026-0001" in ack["Subject"], ack.items()
        n.stop()
    with World(cert="DNS:other.example") as w:
        n = w.node
        w.start()
        w.mta.send("alice@customer.example", raw("1"))
        t.wait_for(lambda: [m for m in mails(n) if m["state"] == "report"], 60 * t.PATIENCE, node=n)
        t.wait_for(lambda: "certificate" in timeline(n, "PSIRT-2026-0001") or "TLS" in json.dumps(
            n.cli("audit", "log", "--limit", "100", check=0).json), 60 * t.PATIENCE, node=n)
        assert not w.mta.box("alice"), "nothing was sent to whoever that is"
        n.stop()


def test_waits_at_the_server():
    """While the daemon is away Postfix keeps the mail; killed behind the commit it sends it again: one."""
    with World() as w:
        n = w.node
        w.start()
        n.stop()
        w.mta.send("alice@customer.example", raw("1"))
        t.wait_for(lambda: "status=deferred" in w.mta.log(), 60 * t.PATIENCE)
        assert w.mta.queue()
        w.start({"TOCSIN_FAULT": "mail.accepted"})
        n.wait_dead(60 * t.PATIENCE)
        assert w.mta.queue(), "killed before its answer: Postfix still has it"
        w.start()
        t.wait_for(lambda: not w.mta.queue(), 120 * t.PATIENCE, node=n)
        t.wait_for(lambda: [m for m in mails(n) if m["state"] == "report"], 60 * t.PATIENCE, node=n)
        assert len(mails(n)) == 1 and len(n.cli("report", "list", check=0).json["items"]) == 1
        t.wait_for(lambda: w.mta.box("alice"), 60 * t.PATIENCE, node=n)
        assert len(w.mta.box("alice")) == 1
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_bounce():
    """Postfix takes our answer, cannot deliver it, and says so: on the step, to the run, on the list."""
    with World() as w:
        n = w.node
        w.start()
        w.mta.send("bob@customer.example", raw("1", sender="bob@customer.example"))
        rows = t.wait_for(lambda: [m for m in mails(n) if m["state"] == "bounce"],
                          90 * t.PATIENCE, node=n)
        assert rows[0]["case"] == "PSIRT-2026-0001" and not rows[0].get("reason"), rows
        t.wait_for(lambda: "came back: 5.1.1" in timeline(n, "PSIRT-2026-0001"), 60 * t.PATIENCE,
                   node=n)
        entries = n.cli("audit", "log", "--limit", "500", check=0).json["items"]
        back = [e for e in entries if e["kind"] == "message.bounced"]
        assert len(back) == 1, entries
        sent = [e for e in entries if e["kind"] == "step.intent"][0]
        assert back[0]["ref"] == sent["seq"] and back[0]["idem"] == sent["idem"], (back, sent)
        assert back[0]["step"] == sent["step"] and back[0]["run"] == sent["run"]
        assert len([m for m in entries if m["kind"] == "report.received"]) == 1
        n.stop()


def key_of(n, root, uid):
    """A key of a customer, known to the node; its home."""
    home = tempfile.mkdtemp(prefix="k", dir=root)
    gpg = ["gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(gpg + ["--quick-generate-key", uid, "future-default", "default", "never"], check=True,
                   capture_output=True, timeout=120 * t.PATIENCE)
    armor = subprocess.run(gpg + ["--armor", "--export", uid], check=True, capture_output=True,
                           timeout=60 * t.PATIENCE, text=True).stdout
    fpr = n.cli("key", "import", "-", "--reason", "from the customer", stdin=armor, as_person="lead1",
                check=0).json["fpr"]
    return home, fpr


def test_customers_are_told():
    """Notices of an advisory by a real mail server: to one in plain text, to one encrypted to their key, to
    one who does not exist; what became of each is on record."""
    products = life.CONFIG["products"]
    with World(rules=[], products=products, publisher=life.CONFIG["publisher"], playbooks={"dir": os.path.join(t.SOURCE, "playbooks")},
               publish={"lists": [{"name": "all", "products": ["edge-gw"], "attach": ["csaf"]}]}) as w:
        n = w.node
        w.start()
        home, fpr = key_of(n, n.root, "Carol <carol@customer.example>")
        for name, more in (("Alice", ()), ("Carol", ("--set", "key=" + fpr, "--set", "attach=html")),
                           ("Bob", ())):
            n.cli("customer", "add", name, "--mail", name.lower() + "@customer.example", "--product",
                  "edge-gw", *more, as_person="lead1", check=0)
        case = life.open_case(n)
        name = life.drafted(n, case)["name"]
        life.released(n, name)
        states = lambda: {i["customer"]: i["state"] for i in  # noqa: E731
                          n.cli("advisory", "notices", name, check=0).json["items"]}
        t.wait_for(lambda: states() == {"Alice": "sent", "Carol": "sent", "Bob": "bounced"},
                   90 * t.PATIENCE, node=n)
        alice, = t.wait_for(lambda: w.mta.box("alice"), 60 * t.PATIENCE, node=n)
        assert alice["Subject"] == "[TLP:CLEAR] %s version 1: %s" % (
            name, n.cli("advisory", "show", name, check=0).json["title"]), alice["Subject"]
        parts = {p.get_filename(): p for p in alice.walk()}
        document = json.loads(parts[name + ".json"].get_payload(decode=True))
        assert document["document"]["tracking"]["id"] == name
        text = [p for p in alice.walk() if p.get_content_type() == "text/plain"][0].get_payload(decode=True)
        assert text.lstrip().startswith(b"TLP:CLEAR") and b"CVE-2026-1000" in text, text[:200]
        # Carol's is opened with her key, and nothing of it is outside but the subject line.
        carol, = t.wait_for(lambda: w.mta.box("carol"), 60 * t.PATIENCE, node=n)
        assert carol.get_content_type() == "multipart/encrypted", carol.get_content_type()
        assert "CVE-2026-1000" not in carol.as_string()
        opened = subprocess.run(["gpg", "--homedir", home, "--batch", "--decrypt"],
                                input=carol.get_payload()[1].get_payload(decode=True), capture_output=True,
                                check=True, timeout=60 * t.PATIENCE).stdout
        inside = email.message_from_bytes(opened)
        names = [p.get_filename() for p in inside.walk() if p.get_filename()]
        assert names == [name + ".html"], names
        report = n.cli("audit", "report", "notified-customers", "--case", case, check=0).json
        assert sorted(r["outcome"] for r in report["items"]) == ["bounced", "ok", "ok", "ok"], report
        back, = [r["recipient"] for r in report["items"] if r["outcome"] == "bounced"]
        assert back in [r["recipient"] for r in report["items"] if r["outcome"] == "ok"], report
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


if __name__ == "__main__":
    t.main()
