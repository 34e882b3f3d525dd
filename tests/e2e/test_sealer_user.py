#!/usr/bin/env python3
"""A sealer that another user runs, started by a socket as systemd does it: the core never sees the key."""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()
REPORT = ("report", "submit", "--kind", "incident", "--product", "edge-gw", "--title", "x", "--mail",
          "a@b.example", "--text", "y")
CORE, SEALER = 65532, 65533


def rows(node, sql):
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    out = db.execute(sql).fetchone()[0]
    db.close()
    return out


def entries(node):
    return rows(node, "SELECT count(*) FROM entry")


def wait_sealed(node, at_least):
    def head():
        return node.cli("audit", "head").json or {}
    return t.wait_for(lambda: head().get("size", 0) >= at_least and head(), 20, node=node)


def user(uid):
    return {"user": uid, "group": uid, "extra_groups": []}


def own(folder, uid):
    for base, _, names in os.walk(folder):
        for path in [base] + [os.path.join(base, n) for n in names]:
            os.chown(path, uid, uid)


class OtherUser:
    """The sealer as systemd runs it: a socket, and at each connection a sealer of another user."""

    def __init__(self, folder, origin):
        os.chmod(os.path.dirname(folder), 0o711)
        self.folder, self.socket = folder, os.path.join(folder, "s.sock")
        os.mkdir(folder)
        os.chmod(folder, 0o711)  # the socket's path; the files are the sealer's alone
        os.chown(folder, SEALER, SEALER)
        self.program = os.path.join(t.BUILD, "tocsin-sealer")
        self.init(origin)
        self.process = None

    def init(self, origin):
        self.files = tempfile.mkdtemp(dir=self.folder)
        os.chown(self.files, SEALER, SEALER)
        self.key, self.state = (os.path.join(self.files, n) for n in ("sealer.key", "sealer.state"))
        self.public = subprocess.run([self.program, "--init", origin, "--key", self.key, "--state", self.state],
                                     capture_output=True, text=True, check=True, **user(SEALER)).stdout.strip()

    def start(self):
        self.process = subprocess.Popen(
            ["systemd-socket-activate", "--accept", "-l", self.socket, "setpriv", "--reuid", str(SEALER),
             "--regid", str(SEALER), "--clear-groups", self.program, "--key", self.key, "--state", self.state],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        t.wait_for(lambda: os.path.exists(self.socket), 20)
        os.chown(self.socket, 0, CORE)
        os.chmod(self.socket, 0o660)
        return self

    def pids(self):
        found = []
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%s/cmdline" % name, "rb") as f:
                    words = f.read().split(b"\0")
                if words[0] == self.program.encode() and self.key.encode() in words:
                    found.append((int(name), os.stat("/proc/" + name).st_uid))
            except (OSError, ValueError):
                continue
        return found

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20 * t.PATIENCE)
        self.process = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)


def test_a_sealer_of_another_user():
    """The core cannot read the key, not even when it is taken over: the kernel keeps it."""
    if os.getuid() != 0:
        print("not root: no other users to be had")
        return
    node = t.make_dir({"products": [{"id": "edge-gw", "name": "Edge"}], "rules": []})
    other = OtherUser(tempfile.mkdtemp(prefix="tsn-seal-", dir="/tmp") + "/s", "localhost/tocsin/main/audit/1")
    try:
        node.config["audit"] = {"sealer": "unix:" + other.socket}
        node.write_config()
        own(node.root, CORE)
        node.as_user = user(CORE)
        other.start()
        node.start()
        assert wait_sealed(node, 1)["key"] == other.public
        assert os.stat("/proc/%d" % node.process.pid).st_uid == CORE
        assert [uid for _, uid in other.pids()] == [SEALER], other.pids()
        for path in (other.key, other.state, other.files):
            seen = subprocess.run(["ls" if path == other.files else "cat", path], capture_output=True,
                                  **user(CORE))
            assert seen.returncode != 0 and not seen.stdout, seen
        assert not os.path.exists(os.path.join(node.data, "sealer")), "the core made a key of its own"
        os.kill(other.pids()[0][0], signal.SIGKILL)
        node.cli(*REPORT, "--as", "resp1", check=0)
        wait_sealed(node, entries(node) - 1)
        node.kill9()  # the next core may come before the old sealer has seen the end
        node.start()
        wait_sealed(node, entries(node) - 1)
        assert node.stop() == 0
        assert rows(node, "SELECT max(size) FROM checkpoint") == entries(node)
        other.stop()
        node.start()
        assert "V103" in node.log_text() and node.stop() == 20
        # A new epoch: the sealer's user makes the key, or the second person is told so.
        other.start()
        os.unlink(other.state)
        node.start()
        asked = node.cli("audit", "new-epoch", "--as", "op1", "--reason", "state lost", check=0).json
        other.stop()
        other.init("localhost/tocsin/main/audit/1")
        other.start()
        refused = node.cli("audit", "new-epoch", "--as", "lead1", "--plan", asked["digest"])
        assert refused.code != 0 and refused.error["code"] == "V102", refused
        other.stop()
        other.init("localhost/tocsin/main/audit/2")
        other.start()
        asked = node.cli("audit", "new-epoch", "--as", "op1", "--reason", "state lost", check=0).json
        done = node.cli("audit", "new-epoch", "--as", "lead1", "--plan", asked["digest"], check=0).json
        assert done["epoch"] == 2 and done["key"] == other.public, done
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data, "--trust", other.public]).code == 0
    finally:
        other.stop()
        node.destroy()
        shutil.rmtree(os.path.dirname(other.folder))


def test_the_units_are_sound():
    """As systemd reads them: nothing unknown, and what is exposed stays below the goals."""
    units = [os.path.join(t.BUILD, name) for name in ("tocsin.service", "tocsin-sealer@.service")]
    for unit, most in zip(units, (1.5, 0.8)):
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", unit],
                              capture_output=True, text=True, env=dict(os.environ, SYSTEMD_COLORS="0"))
        score = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        assert score and float(score.group(1)) <= most, (unit, done.stdout[-400:], done.stderr)
    for unit in units + [os.path.join(t.SOURCE, "src", "systemd", "tocsin-sealer.socket")]:
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit.replace("@.", "@x.")],
                              capture_output=True, text=True)
        wrong = [line for line in done.stderr.splitlines()
                 if "Unknown" in line or "Failed to parse" in line or "Invalid" in line]
        assert not wrong, (unit, wrong)


if __name__ == "__main__":
    t.main()
