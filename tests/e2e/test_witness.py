#!/usr/bin/env python3
"""A witness on another machine, played by a process of its own: it cosigns what continues and nothing
else, irreversible steps wait for it, and copies of checkpoints go out."""
import base64
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys

import tocsin_test as t

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import driver

t.need_binary()
VERIFY = os.path.join(t.BUILD, "tocsin-verify")
SCRIPT = os.path.join(t.SOURCE, "src", "verify", "verify.py")


class Witness:
    def __init__(self, folder):
        self.dir = os.path.join(folder, "witness")
        self.key = t.run_cli(["witness", "init", self.dir, "w1.example"], check=0).out.strip()
        self.process, self.port = None, 0

    def trust(self, key):
        with open(os.path.join(self.dir, "logs"), "a", encoding="utf-8") as f:
            f.write(key + "\n")

    def start(self):
        self.process = subprocess.Popen(
            [t.BINARY, "witness", "serve", self.dir, "--listen", "127.0.0.1:%d" % self.port],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        while True:
            line = self.process.stderr.readline()
            m = re.search(r"ready on port (\d+)", line)
            if m:
                self.port = int(m.group(1))
                return self
            if not line:
                raise t.Failed("the witness did not start")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20 * t.PATIENCE)
            self.process.stderr.close()


def post(port, body):
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    data = body.encode()
    s.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Type: text/plain\r\n"
              b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
    out = b""
    while True:
        more = s.recv(65536)
        if not more:
            break
        out += more
    s.close()
    head, _, rest = out.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode(), rest.decode()


def make(audit=None, **over):
    node = t.make_dir(t.merge(driver.config(), t.merge({"audit": audit or {}}, over)))
    node.config["plugins"][0]["settings"]["dir"] = os.path.join(node.root, "edge")
    node.write_config()
    return node


def with_witness(wait="20s"):
    """A node, its witness, and the log's key known to it."""
    node = make()
    node.start()
    key = t.wait_for(lambda: node.cli("audit", "head").json, 20)["key"]
    node.stop()
    w = Witness(node.root)
    w.trust(key)
    w.start()
    node.config["audit"] = {"wait": wait, "witnesses": [
        {"key": w.key, "url": "http://127.0.0.1:%d/" % w.port, "reach": ["127.0.0.1:%d" % w.port]}]}
    node.write_config()
    return node, w, key


def head(node):
    return node.cli("audit", "head").json or {}


def test_cosigned_and_verified():
    node, w, key = with_witness()
    try:
        node.start()
        d = driver.Driver(node)
        assert d.run(("k1",)), node.log_text()[-2000:]
        t.wait_for(lambda: head(node).get("cosigned") == 1, 20, node=node)
        out = os.path.join(node.root, "out")
        node.cli("audit", "export", "all", "--out", out, as_person="op1", check=0)
        for argv in ([t.BINARY, "audit", "verify"], [VERIFY], [sys.executable, SCRIPT]):
            for extra, code in (([], 0), (["--witness", w.key], 0)):
                done = subprocess.run(argv + [out, "--trust", key] + extra, capture_output=True)
                assert done.returncode == code, done
        # The witness is not taken in: other sizes, roots, proofs, logs and signatures.
        note = head(node)["note"]
        size = int(note.split("\n")[1])
        status, text, body = post(w.port, "old 0\n\n" + note)
        assert status == 409 and "text/x.tlog.size" in text, (status, text)
        assert int(body) > 0
        seen = int(body)
        assert post(w.port, "old %d\n%s\n\n%s" % (seen, base64.b64encode(b"x" * 32).decode(), note))[0] \
            in (422, 409)
        assert post(w.port, "old %d\n\n%s" % (seen, note.replace("\n— ", "\n— x", 1)))[0] == 403
        assert post(w.port, "old %d\n\n%s" % (seen, "other.example/1\n" + note.split("\n", 1)[1]))[0] == 404
        assert post(w.port, "old %d\n\n%s" % (size + 10, note))[0] in (400, 409)
        assert post(w.port, "old x\n\n" + note)[0] == 400 and post(w.port, "")[0] == 400
        node.stop()
        w.stop()
    finally:
        w.stop(signal.SIGKILL)
        node.destroy()


def test_steps_wait_and_then_ask():
    node, w, _ = with_witness(wait="500ms")
    try:
        w.stop()
        node.start()
        d = driver.Driver(node)
        d.submit("k1")
        # Everything up to the first mail goes on; that one rests and a person is asked.
        def asked():
            for task in node.http("GET", "/api/v1/tasks?state=open", check=200).json["items"]:
                if task["kind"] == "resolve":
                    return task
                driver.Driver.decide(d)
            return None
        task = t.wait_for(asked, 40, node=node)
        full = node.http("GET", "/api/v1/tasks/" + task["name"], check=200).json
        assert "checkpoint" in str(full), full
        maildir = os.path.join(node.root, "mail", "new")
        assert not os.path.isdir(maildir) or not os.listdir(maildir), "it was sent all the same"
        w.start()
        d.post("/api/v1/tasks/%s/answer" % task["name"],
               {"answer": {"outcome": "retry", "reason": "the witness is back"}}, "resp1")
        t.wait_for(lambda: os.path.isdir(maildir) and os.listdir(maildir), 40, node=node)
        node.stop()
    finally:
        w.stop(signal.SIGKILL)
        node.destroy()


def test_without_a_quorum_it_may_go_on_and_says_so():
    node, w, _ = with_witness(wait="300ms")
    try:
        w.stop()
        node.config["audit"]["without_quorum"] = "go"
        node.write_config()
        node.start()
        d = driver.Driver(node)
        assert d.run(("k1",)), node.log_text()[-2000:]
        db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
        texts = [r[0] for r in db.execute("SELECT text FROM entry ORDER BY seq")]
        db.close()
        sent = [e for e in texts if "\nkind step.uncovered\n" in e]
        assert sent and all("\nstep " in e and "\nrun " in e for e in sent), sent
        node.stop()
    finally:
        w.stop(signal.SIGKILL)
        node.destroy()


def count(node):
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    n = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    db.close()
    return n


def test_a_crash_before_the_checkpoint_is_stored():
    """The witness saw a checkpoint that is not in the database: no rollback, the sealer knows it."""
    node, w, _ = with_witness()
    try:
        node.start()
        t.wait_for(lambda: head(node).get("cosigned") == 1, 20, node=node)
        node.kill9()
        db = sqlite3.connect(node.database)
        sizes = [r[0] for r in db.execute("SELECT size FROM checkpoint ORDER BY size")]
        assert len(sizes) > 1
        db.execute("DELETE FROM checkpoint WHERE size = ?", (sizes[-1],))
        db.commit()
        db.close()
        node.start()
        t.wait_for(lambda: head(node).get("cosigned") == 1, 20, node=node)
        assert node.http("GET", "/readyz").status == 200
        assert node.stop() == 0
    finally:
        w.stop(signal.SIGKILL)
        node.destroy()


def test_a_whole_machine_rolled_back():
    """Database and sealer of yesterday: only the witness knows better."""
    node, w, _ = with_witness()
    try:
        node.start()
        t.wait_for(lambda: head(node).get("cosigned") == 1, 20, node=node)
        node.stop()
        old = os.path.join(node.root, "old")
        shutil.copytree(node.data, old)
        node.start()
        size = head(node)["size"]
        node.cli("report", "submit", "--kind", "incident", "--product", "edge-gw", "--title", "x",
                 "--mail", "a@b.example", "--text", "y", as_person="resp1", check=0)
        t.wait_for(lambda: head(node).get("cosigned") == 1 and head(node)["size"] > size + 3, 20)
        node.kill9()
        shutil.rmtree(node.data)
        shutil.copytree(old, node.data)
        before = count(node)
        node.start()  # it asks before anything is written, and only reads
        assert "V104" in node.log_text()
        ready = node.http("GET", "/readyz")
        assert ready.status == 503 and "has seen a longer log" in ready.body, ready
        assert "tocsin_audit_rollback_suspected 1" in node.http("GET", "/metrics").body
        assert node.stop() == 20 and count(node) == before > 0
        # One that was away then says so when it is back: the node ends, and reads from then on.
        w.stop()
        node.start()
        assert node.http("GET", "/readyz").status == 200 and "witness.away" in node.log_text()
        w.start()
        assert node.wait_dead(60) == 20, node.log_text()[-2000:]
        written = count(node)
        w.stop()
        node.start()
        assert node.http("GET", "/readyz").status == 503
        assert node.stop() == 20 and count(node) == written
    finally:
        w.stop(signal.SIGKILL)
        node.destroy()


def test_copies_go_out():
    syslog = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    syslog.bind(("127.0.0.1", 0))
    syslog.settimeout(20 * t.PATIENCE)
    node = make({"copies": {"every": "1h", "file": "heads.txt", "mail": "heads@acme.example",
                            "syslog": "127.0.0.1:%d" % syslog.getsockname()[1]}})
    try:
        node.start()
        line = syslog.recv(4096).decode()
        assert line.startswith("<109>1 ") and 'size="' in line, line
        heads = os.path.join(node.root, "heads.txt")
        text = t.wait_for(lambda: os.path.exists(heads) and open(heads, encoding="utf-8").read(), 20)
        assert text.startswith("localhost/tocsin/main/audit/1\n") and "\n— " in text, text
        maildir = os.path.join(node.root, "mail", "new")
        t.wait_for(lambda: os.path.isdir(maildir) and os.listdir(maildir), 20, node=node)
        with open(os.path.join(maildir, os.listdir(maildir)[0]), encoding="utf-8") as f:
            mail = f.read()
        assert "heads@acme.example" in mail and "Checkpoint" in mail, mail
    finally:
        syslog.close()
        node.destroy()


if __name__ == "__main__":
    t.main()
