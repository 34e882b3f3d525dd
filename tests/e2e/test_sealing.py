#!/usr/bin/env python3
"""The sealer at work: every commit gets a checkpoint, a killed sealer loses nothing, and a database
that is not the sealed one is only read until two people say otherwise."""
import os
import shutil
import signal
import sqlite3

import tocsin_test as t

t.need_binary()
REPORT = ("report", "submit", "--kind", "incident", "--product", "edge-gw", "--title", "x", "--mail",
          "a@b.example", "--text", "y")
CONFIG = {"products": [{"id": "edge-gw", "name": "Edge"}], "rules": []}


def make(**over):
    return t.make_dir(t.merge(CONFIG, over))


def head(node):
    return node.cli("audit", "head").json


def status(node):
    return node.cli("status").json


def wait_sealed(node, at_least):
    return t.wait_for(lambda: (head(node) or {}).get("size", 0) >= at_least and head(node),
                      20, node=node)


def sealer_pid(node):
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as f:
                ppid = int(f.read().rsplit(")", 1)[1].split()[1])
            with open("/proc/%s/cmdline" % name, "rb") as f:
                program = f.read().split(b"\0")[0]
        except (OSError, IndexError, ValueError):
            continue
        if ppid == node.process.pid and program.endswith(b"tocsin-sealer"):
            return int(name)
    return None


def entries(node):
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    rows = [r[0] for r in db.execute("SELECT text FROM entry ORDER BY seq")]
    db.close()
    return rows


def kinds(node):
    return [line[5:] for text in entries(node) for line in text.split("\n")
            if line.startswith("kind ")]


def metric(node, name):
    for line in node.http("GET", "/metrics").body.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise t.Failed("no metric " + name)


def test_every_commit_is_sealed():
    node = make()
    try:
        node.start()
        first = wait_sealed(node, 1)
        assert first["key"].startswith("localhost/tocsin/main/audit/1+"), first
        node.cli(*REPORT, "--as", "resp1", check=0)
        wait_sealed(node, first["size"] + 3)
        assert "audit.checkpoint" in kinds(node)
        assert metric(node, "tocsin_audit_rollback_suspected") == 0
        assert node.stop() == 0
        node.start()  # the same key, the same log
        again = wait_sealed(node, first["size"] + 4)
        assert again["key"] == first["key"] and again["epoch"] == 1
    finally:
        node.destroy()


def test_the_timeline_says_between_which_checkpoints():
    """An auditor sees of each entry by which checkpoint, and so by when, it was there."""
    node = make()
    try:
        node.start()
        size = wait_sealed(node, 1)["size"]
        case = node.cli(*REPORT, "--as", "resp1", check=0).json["case"]
        wait_sealed(node, size + 3)
        node.stop()
        node.start()
        rows = node.cli("audit", "report", "case-timeline", "--case", case, check=0).json["items"]
        assert rows, case
        for row in rows:
            assert row["checkpoint"] > row["entry"], row
            assert (row["not_before"] or "") <= row["time"] <= row["not_after"], row
    finally:
        node.destroy()


def sealed_size(node):
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    size = db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
    db.close()
    return size


def test_the_last_entry_is_sealed_before_the_end():
    """audit.stop does not wait for the next start: nothing can be cut from a node that stands still."""
    node = make()
    try:
        for _ in range(3):
            node.start()
            node.cli(*REPORT, "--as", "resp1", check=0)
            assert node.stop() == 0
            texts = entries(node)
            assert "\nkind audit.stop\n" in texts[-1], texts[-1]
            assert sealed_size(node) == len(texts)
        done = t.run_cli(["audit", "verify", node.data, "--at-least", str(len(texts))])
        assert done.code == 0, done
        node.start({"TOCSIN_FAULT": "sealer.persist=TSN_ENOSPC"})  # a sealer that cannot: no hang
        node.cli(*REPORT, "--as", "resp1", check=0)
        assert node.stop() == 0
        assert "seal.not_last" in node.log_text()
        assert "\nkind audit.stop\n" in entries(node)[-1]
    finally:
        node.destroy()


def test_a_killed_sealer_loses_nothing():
    node = make()
    try:
        node.start()
        for _ in range(3):
            size = wait_sealed(node, 1)["size"]
            pid = t.wait_for(lambda: sealer_pid(node), 10)
            os.kill(pid, signal.SIGKILL)
            node.cli(*REPORT, "--as", "resp1", check=0)  # work goes on without it
            wait_sealed(node, size + 3)
            assert sealer_pid(node) != pid
        assert metric(node, "tocsin_audit_sealer_restarts_total") == 3
        assert node.cli("audit", "verify", check=0).code == 0
    finally:
        node.destroy()


def test_killed_between_state_and_answer():
    for point in ("sealer.written", "sealer.renamed", "sealer.persisted"):
        node = make()
        try:
            # The first start dies there at each request; the core starts it again and again.
            node.start({"TOCSIN_FAULT": point})
            t.wait_for(lambda: metric(node, "tocsin_audit_sealer_restarts_total") >= 1, 20, node=node)
            node.cli(*REPORT, "--as", "resp1", check=0)
            node.kill9()
            node.start()
            wait_sealed(node, 5)
            assert metric(node, "tocsin_audit_rollback_suspected") == 0, point
        finally:
            node.destroy()


def test_full_disk_of_the_sealer_stops_only_what_waits_for_it():
    node = make(audit={"wait": "300ms"})
    try:
        node.start({"TOCSIN_FAULT": "sealer.persist=TSN_ENOSPC"})
        t.wait_for(lambda: metric(node, "tocsin_audit_seal_refused_total") >= 1, 20, node=node)
        node.cli(*REPORT, "--as", "resp1", check=0)
        assert status(node)["audit"]["seal"]["size"] == 0
        node.stop()
        node.start()
        wait_sealed(node, 4)
    finally:
        node.destroy()


def rolled_back():
    """A node whose database is an hour older than its sealer."""
    node = make()
    node.start()
    wait_sealed(node, 1)
    node.stop()
    source, copy = sqlite3.connect(node.database), sqlite3.connect(node.database + ".old")
    source.backup(copy)
    source.close()
    copy.close()
    node.start()
    node.cli(*REPORT, "--as", "resp1", check=0)
    node.stop()
    size = sealed_size(node)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(node.database + suffix):
            os.unlink(node.database + suffix)
    os.replace(node.database + ".old", node.database)
    return node, size


def test_a_rolled_back_database_is_only_read():
    node, size = rolled_back()
    try:
        node.start()
        before = entries(node)
        ready = node.http("GET", "/readyz")
        assert ready.status == 503 and "rollback suspected" in ready.body, ready
        assert metric(node, "tocsin_audit_rollback_suspected") == 1
        assert node.cli("case", "list", "--as", "resp1").code == 0
        refused = node.cli(*REPORT, "--as", "resp1")
        assert refused.code != 0 and refused.error["code"] == "S021", refused
        assert status(node)["audit"]["seal"]["suspect"] is True
        assert entries(node) == before
        assert node.stop() == 20
        assert entries(node) == before
    finally:
        node.destroy()


def test_two_people_begin_a_new_epoch():
    node, size = rolled_back()
    try:
        node.start()
        asked = node.cli("audit", "new-epoch", "--as", "op1", "--reason", "restored Monday",
                         check=0).json
        assert "V100" in asked["shown"] and "sealer %d/" % size in asked["shown"], asked
        plan = asked["digest"]
        same = node.cli("audit", "new-epoch", "--as", "op1", "--plan", plan)
        assert same.code == 6 and same.error["code"] == "V106", same
        nobody = node.cli("audit", "new-epoch", "--as", "resp1", "--plan", plan)
        assert nobody.error["code"] == "A002", nobody
        wrong = node.cli("audit", "new-epoch", "--as", "lead1", "--plan", plan[:-1] + ("0" if plan[-1] != "0" else "1"))
        assert wrong.code == 5, wrong
        done = node.cli("audit", "new-epoch", "--as", "lead1", "--plan", plan, check=0).json
        assert done["epoch"] == 2 and "/audit/2+" in done["key"], done
        t.wait_for(lambda: node.http("GET", "/readyz").status == 200, 20)
        texts = [e for e in entries(node) if "\nkind audit.epoch.asked\n" in e or "\nkind audit.epoch.opened\n" in e]
        assert len(texts) == 2
        assert "\nactor u:op1\n" in texts[0] and "\nfrom %d/" % size in texts[0]
        assert "\nactor u:lead1\n" in texts[1] and "\nto localhost/tocsin/main/audit/2+" in texts[1]
        node.cli(*REPORT, "--as", "resp1", check=0)
        wait_sealed(node, len(entries(node)) - 2)
        assert node.stop() == 0
        node.start()
        assert wait_sealed(node, 1)["epoch"] == 2
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data]).code == 0
    finally:
        node.destroy()


def test_another_sealer_or_none_is_told():
    node = make()
    try:
        node.start()
        wait_sealed(node, 1)
        node.stop()
        folder = os.path.join(node.data, "sealer")
        os.rename(folder, folder + ".kept")
        node.start()  # it does not make a new key for a log that has one
        assert "V103" in node.log_text()
        assert node.stop() == 20
        if os.path.exists(folder):
            shutil.rmtree(folder)
        other = make()
        other.start()
        wait_sealed(other, 1)
        other.stop()
        shutil.copytree(os.path.join(other.data, "sealer"), folder)
        other.destroy()
        node.start()
        assert "V102" in node.log_text()
        assert node.stop() == 20
        shutil.rmtree(folder)
        os.rename(folder + ".kept", folder)
        node.start()
        wait_sealed(node, 1)
        assert node.stop() == 0
    finally:
        node.destroy()


def test_keys_overlap_and_change():
    node = make()
    try:
        node.start()
        old = wait_sealed(node, 1)["key"]

        def both(step):
            asked = node.cli("audit", "rotate-key", step, "--as", "op1", "--reason", "yearly",
                             check=0).json
            return node.cli("audit", "rotate-key", step, "--as", "lead1", "--plan", asked["digest"],
                            check=0).json

        assert both("begin")["key"] == old
        node.cli(*REPORT, "--as", "resp1", check=0)
        note = wait_sealed(node, len(entries(node)) - 1)["note"]
        assert note.count("\n— ") == 2, note
        node.stop()
        node.start()
        wait_sealed(node, 1)
        new = both("end")["key"]
        assert new != old and new.split("+")[0] == old.split("+")[0]
        node.cli(*REPORT, "--as", "resp1", check=0)
        t.wait_for(lambda: head(node)["note"].count("\n— ") == 1, 10)
        rotated = [e for e in entries(node) if "\nkind audit.key.rotate\n" in e]
        assert len(rotated) == 3 and "\nfrom %s\nto %s\n" % (old, new) in rotated[1], rotated
        asked = [e for e in entries(node) if "\nkind audit.key.asked\n" in e]
        assert len(asked) == 2 and "\nactor u:op1\n" in asked[0], asked
        node.stop()
        node.start()
        assert wait_sealed(node, 1)["key"] == new
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data]).code == 0
    finally:
        node.destroy()


if __name__ == "__main__":
    t.main()
