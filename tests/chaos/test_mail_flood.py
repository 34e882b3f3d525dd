"""Thousands of mails while the daemon is killed again and again: each is taken in exactly once.

A maildir and the pipe at once; among the mails the same bytes by both ways, the same message with another
envelope, bounces and automatic replies. At the end rows, reports and log are counted against what was sent.
300 mails and 5 kills here; `./dev mails` 10,000 and as many kills as fit.

    TOCSIN_MAILS=10000 TOCSIN_KILL_EVERY=4 python3 tests/chaos/test_mail_flood.py
"""
import collections
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time

import tocsin_test as t

t.need_binary()
MAILS = int(os.environ.get("TOCSIN_MAILS", "300"))
EVERY = float(os.environ.get("TOCSIN_KILL_EVERY", "1.0"))
KILLS = int(os.environ.get("TOCSIN_KILLS", "5" if MAILS < 1000 else "1000000"))
SEED = int(os.environ.get("TOCSIN_SEED", "9"))


def raw(i, more="", text=None):
    return ("From: Reporter %d <r%d@x.example>\r\nTo: psirt@acme.example\r\nSubject: Flaw %d\r\nMessage-ID: "
            "<m%d@x.example>\r\nMIME-Version: 1.0\r\n%sContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n" % (
                i, i, i, i, more, text or "Overflow number %d in the gateway." % i)).encode()


def plan():
    """[(way, bytes)], and what must come of it."""
    dice = random.Random(SEED)
    out, want = [], collections.Counter()
    for i in range(MAILS):
        kind = dice.random()
        if kind < 0.80:
            out.append((dice.choice(("maildir", "pipe")), raw(i)))
            want["report"] += 1
        elif kind < 0.86:  # the same bytes by both ways: one row
            out += [("maildir", raw(i)), ("pipe", raw(i))]
            want["report"] += 1
        elif kind < 0.92:  # the same message with another envelope: a row of its own, no report
            out += [("pipe", raw(i)), ("maildir", b"Received: from relay by mx; now\r\n" + raw(i))]
            want["report"] += 1
            want["duplicate"] += 1
        elif kind < 0.96:
            out.append(("maildir", raw(i, "Auto-Submitted: auto-replied\r\n")))
            want["automatic"] += 1
        else:
            out.append(("pipe", raw(i, "Return-Path: <>\r\nContent-Type: multipart/report; "
                                       "report-type=delivery-status; boundary=b\r\nX-Old: 1\r\n").replace(
                b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", b"\r\n\r\n--b\r\nContent-Type: "
                b"message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b\r\n"
                b"Action: failed\r\nStatus: 5.1.1\r\n--b--\r\n")))
            want["bounce"] += 1
    return out, want


class Flood:
    def __init__(self, node):
        self.node, self.kills, self.again, self.failed = node, 0, 0, []
        self.done = threading.Event()

    def maildir(self, rows):
        for k, data in enumerate(rows):
            name = "m%06d" % k
            tmp = os.path.join(self.node.root, "inbox", "tmp", name)
            with open(tmp, "wb") as f:
                f.write(data)
            os.rename(tmp, os.path.join(self.node.root, "inbox", "new", name))
            if k % 20 == 19:
                time.sleep(0.05)

    def pipe(self, rows):
        """A mail server: 75 means later, everything else but 0 is a loss."""
        for data in rows:
            while True:
                code = subprocess.run([t.BINARY, "mail", "receive", "--config", self.node.config_file],
                                      input=data, capture_output=True, check=False).returncode
                if code == 0:
                    break
                if code != 75:
                    self.failed.append(code)
                    break
                self.again += 1
                time.sleep(0.1)

    def killer(self):
        dice = random.Random(SEED + 1)
        while not self.done.is_set() and self.kills < KILLS:
            self.done.wait(EVERY * (0.5 + dice.random()))
            if self.done.is_set():
                break
            self.node.kill9()
            self.kills += 1
            self.node.start(timeout=120)


def counts(n):
    db = sqlite3.connect("file:%s?mode=ro" % n.database, uri=True, timeout=30)
    try:
        states = dict(db.execute("SELECT state, count(*) FROM mail GROUP BY state"))
        return states, db.execute("SELECT count(*), count(DISTINCT case_id) FROM report").fetchone()
    finally:
        db.close()


def test_flood():
    rows, want = plan()
    # Its own folders: nothing of the tree is read while this runs.
    n = t.make_dir({"server": {"listen": "127.0.0.1:0"}, "rules": [], "playbooks": {"dir": "own"},
                    "policies": {"dir": "own"},
                    "mail": {"from": "PSIRT <psirt@acme.example>", "maildir": "out",
                             "inbox": [{"maildir": "inbox", "every": "200ms"}]}})
    with n:
        for folder in ("own", "inbox/new", "inbox/cur", "inbox/tmp"):
            os.makedirs(os.path.join(n.root, folder))
        n.start()
        flood, began = Flood(n), time.monotonic()
        ways = collections.defaultdict(list)
        for way, data in rows:
            ways[way].append(data)
        threads = [threading.Thread(target=flood.maildir, args=(ways["maildir"],)),
                   threading.Thread(target=flood.pipe, args=(ways["pipe"][::2],)),
                   threading.Thread(target=flood.pipe, args=(ways["pipe"][1::2],))]
        killer = threading.Thread(target=flood.killer)
        for thread in threads + [killer]:
            thread.start()
        for thread in threads:
            thread.join()
        total = sum(want.values())

        def settled():
            states, _ = counts(n)
            return states if sum(states.values()) == total and not states.get("new") else None
        try:
            states = t.wait_for(settled, (600 if MAILS < 1000 else 7200) * t.PATIENCE, every=0.5)
        except Exception:
            print(counts(n), dict(want), flush=True)
            raise
        finally:
            flood.done.set()
            killer.join()
        seconds = time.monotonic() - began
        assert not flood.failed, flood.failed[:10]
        assert states == dict(want), (states, dict(want))
        assert counts(n)[1] == (want["report"], want["report"]), counts(n)
        t.wait_for(lambda: not os.listdir(os.path.join(n.root, "inbox", "new")), 60 * t.PATIENCE)
        n.stop()
        t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0, timeout=600)
        print("%d deliveries, %d mails (%s), %d kills, %d tries again at the pipe, %.0f s, %.0f mails/s" % (
            len(rows), total, ", ".join("%d %s" % (v, k) for k, v in sorted(states.items())), flood.kills,
            flood.again, seconds, total / seconds), flush=True)
        assert flood.kills >= (1 if MAILS < 1000 else 20), flood.kills
        sys.stdout.flush()


t.main()
