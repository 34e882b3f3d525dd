#!/usr/bin/env python3
"""One table: what is given to a verifier, with which flags, and which of the four outcomes it must be; the same
from `tocsin audit verify`, tocsin-verify and verify.py, of a running node's data, its data at rest, bundles as
folders and tar files, tiles, and single proofs."""
import base64
import os
import shutil
import signal
import sqlite3
import sys
import tarfile

import tocsin_test as t

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "chaos")]
import driver
import test_witness
from bundle_lab import agreed, read, run, sign, verify_py, write


def key_of(name, kind, seed):
    raw = kind + sign(seed * 32, b"")[0]
    return "%s+%s+%s" % (name, verify_py.sha(name.encode() + b"\n" + raw)[:4].hex(), base64.b64encode(raw).decode())


class World:
    """A node with a witness, what it handed out, and its data."""

    def __init__(self):
        self.node, self.witness, self.key = test_witness.with_witness()
        self.folder = os.path.join(self.node.root, "out")
        os.mkdir(self.folder)
        self.node.start()
        d = driver.Driver(self.node)
        d.submit("k1")
        case = self.node.cli("case", "list").json["items"][0]["name"]
        t.wait_for(lambda: test_witness.head(self.node).get("cosigned") == 1, 20, node=self.node)
        for name, args in (("old", ["all"]), ("all", ["all"]), ("case", [case]), ("range", ["--from", "2", "--to", "9"])):
            self.node.cli("audit", "export", *args, "--out", self.path(name), as_person="op1", check=0)
        for name in ("all", "case", "range"):
            with tarfile.open(self.path(name + ".tar"), "w", format=tarfile.USTAR_FORMAT) as f:
                f.add(self.path(name), arcname=".")
        os.mkdir(self.path("tiles"))
        shutil.copy(self.path("all", "checkpoint"), self.path("tiles"))
        shutil.copytree(self.path("all", "tile"), self.path("tiles", "tile"))
        shutil.copy(self.path("range", "entries", "3.tlog-proof"), self.path("proof"))
        self.size = int(read(self.path("all"), "checkpoint").split(b"\n")[1])
        self.stranger = key_of(self.key.split("+")[0], b"\x01", b"x")
        self.other = key_of("w2.example", b"\x04", b"y")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def close(self):
        self.witness.stop(signal.SIGKILL)
        self.node.destroy()


HANDED = ("all", "all.tar", "tiles", "case", "case.tar", "range", "range.tar", "proof")
# Flags, and the outcome for what was handed out; for a data directory, which needs no key of its own.
TABLE = (
    ("", 21, 0),
    ("--trust KEY", 0, 0),
    ("--trust STRANGER", 21, 21),
    ("--trust STRANGER --trust KEY", 0, 0),
    ("--trust KEY --witness WITNESS", 0, 0),
    ("--trust KEY --witness OTHER", 21, 21),
    ("--trust KEY --witness WITNESS --witness OTHER", 21, 21),
    ("--witness WITNESS", 21, 0),
    ("--at-least 1", 21, 0),
    ("--trust KEY --at-least 3", 0, 0),
    ("--trust KEY --at-least 1000000", 20, 20),
    ("--at-least 1000000", 20, 20),
    ("--trust KEY --at-least x", 22, 22),
    ("--trust nonsense", 22, 22),
    ("--trust KEY --witness nonsense", 22, 22),
    ("--trust WITNESS", 21, None),
)


def flags(w, text):
    names = {"KEY": w.key, "STRANGER": w.stranger, "WITNESS": w.witness.key, "OTHER": w.other}
    return [names.get(word, word) for word in text.split()]


def by_tocsin(path, *args):
    return run([t.BINARY, "audit", "verify", path] + list(args))


def check(path, wanted, text, args, data):
    if data:
        code, said = by_tocsin(path, *args)
    else:
        code, said = agreed(path, *args)
    assert code == wanted, "%s %s: %d, not %d\n%s" % (os.path.basename(path), text, code, wanted, said)


def test_a_running_node(w):
    for text, _, wanted in TABLE:
        if wanted is None:
            continue
        # Checkpoints come and go while it runs; the newest may be cosigned in a moment.
        t.wait_for(lambda: by_tocsin(w.node.data, *flags(w, text))[0] == wanted, 20, every=0.2)
    w.node.cli("audit", "verify", check=0)


def test_data_at_rest(w):
    assert w.node.stop() == 0
    for text, _, wanted in TABLE:
        if wanted is not None:
            check(w.node.data, wanted, text, flags(w, text), True)
    copy = w.path("cheated")
    os.mkdir(copy)
    source, whole = sqlite3.connect(w.node.database), sqlite3.connect(os.path.join(copy, "tocsin.db"))
    source.backup(whole)
    source.close()
    whole.close()
    shutil.copy(os.path.join(w.node.data, "tocsin.key"), copy)
    data = read(copy, "tocsin.db")
    assert b"actor u:op1\n" in data
    write(data.replace(b"actor u:op1\n", b"actor u:op2\n", 1), copy, "tocsin.db")
    for text in ("", "--trust KEY", "--trust STRANGER"):
        check(copy, 20, text, flags(w, text), True)
    write(b"no database at all", copy, "tocsin.db")
    check(copy, 22, "", [], True)
    check(w.path("nothing"), 22, "", [], True)


def test_what_was_handed_out(w):
    for name in HANDED:
        for text, wanted, _ in TABLE:
            check(w.path(name), wanted, text, flags(w, text), False)


def test_changed_or_not_there(w):
    for name in HANDED:
        path = w.path(name)
        copy = w.path("changed")
        shutil.rmtree(copy, ignore_errors=True)
        if os.path.isdir(path):
            shutil.copytree(path, copy)
            inner = [os.path.join(b, f) for b, _, names in os.walk(copy) for f in names
                     if "tile/entries" in os.path.join(b, f) or f.endswith(".tlog-proof")][0]
        else:
            os.mkdir(copy)
            copy = shutil.copy(path, copy)
            inner = copy
        data = read(inner)
        at = data.find(b"kind ") if b"kind " in data else len(data) // 3
        write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], inner)
        for text in ("", "--trust KEY", "--trust KEY --witness WITNESS"):
            check(copy, 20, text, flags(w, text), False)
    empty = w.path("empty")
    os.mkdir(empty)
    write(b"x", empty, "x")
    for path in (empty, w.path("nothing"), w.path("all", "README.txt")):
        codes = [code for code, _ in (run([t.BINARY, "audit", "verify", path]), run(
            [os.path.join(t.BUILD, "tocsin-verify"), path]))] + [verify_py.main([path])]
        assert codes == [22, 22, 22], (path, codes)


def test_memory(w):
    memory = w.path("memory")
    for name in HANDED + ("data",):
        path = w.path(name) if name != "data" else w.node.data
        # A proof alone shows nothing of the log's past; an export continues those that came before.
        for first, then, wanted in ((w.path("old"), path, 21 if name == "proof" else 0), (path, w.path("old"), 20)):
            if os.path.exists(memory):
                os.unlink(memory)
            args = ["--trust", w.key, "--remember", memory]
            check(first, 0, "first", args, first == w.node.data)
            assert os.path.exists(memory)
            check(then, wanted, "then", args, then == w.node.data)


def main():
    w = World()
    try:
        t.main([(lambda f: setattr(g := (lambda: f(w)), "__name__", f.__name__) or g)(f)
                for f in (test_a_running_node, test_data_at_rest, test_what_was_handed_out,
                          test_changed_or_not_there, test_memory)])
    finally:
        w.close()


if __name__ == "__main__":
    t.need_binary()
    main()
