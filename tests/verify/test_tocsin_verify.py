#!/usr/bin/env python3
"""Three verifiers that share no code must agree: `tocsin audit verify` on a database, tocsin-verify
and the oracle on the export of it, untouched and changed in more than 200 ways by chance.

SEED=n repeats a run. Where tocsin and tocsin-verify are compared on what a text may look like, the
last entry is changed and leaf, chain, tree and head are computed anew, so that nothing but the
rules about the text can decide.
"""
import base64
import collections
import hashlib
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

import tocsin_test as t

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import driver
import oracle

VERIFY = os.path.join(t.BUILD, "tocsin-verify")
SEED = int(os.environ.get("SEED", "20261124"))
FEWER = 5 if t.SANITIZED else 1
ALPHABET = "0123456789abcdefABCDEFGHJKMNPQRSTVWXYZ._:,-@ \n+~u"


def leaf_of(text):
    return hashlib.sha256(b"\0" + text.encode()).digest()


class Log:
    """The rows of a database, changed in memory and written into a copy."""

    def __init__(self, path):
        self.path = path
        db = sqlite3.connect(path)
        self.rows = [list(r) for r in db.execute("SELECT seq, prev, text, leaf FROM entry ORDER BY seq")]
        self.chain = None       # (name, seq, rseq, leaf) to put beside
        self.stored = db.execute("SELECT frontier, root FROM head").fetchone()
        db.close()

    def write(self, folder, last_sealed=True):
        path = os.path.join(folder, "tocsin.db")
        shutil.copy(self.path, path)
        db = sqlite3.connect(path)
        db.execute("PRAGMA synchronous = OFF")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND "
                                  "tbl_name = 'entry'").fetchall():
            db.execute("DROP TRIGGER " + name)
        sealed = dict(db.execute("SELECT seq, sealed FROM entry").fetchall())
        db.execute("DELETE FROM entry")
        db.executemany("INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?, ?, ?, ?, ?)",
                       [r + [sealed.get(r[0])] for r in self.rows])
        if self.chain:
            db.execute("UPDATE chain SET seq = ?2, rseq = ?3, leaf = ?4 WHERE chain = ?1", self.chain)
        db.execute("UPDATE head SET frontier = ?, root = ?", self.stored)
        if not last_sealed:
            db.execute("DELETE FROM checkpoint WHERE size >= ?", (len(self.rows),))
            if len(self.rows) % 256 == 0:  # it ends a kept node, which would say so too
                db.execute("UPDATE node SET hash = ? WHERE level = 8 AND idx = ?",
                           (oracle.tree_root([r[3] for r in self.rows[-256:]]), len(self.rows) // 256 - 1))
        db.commit()
        db.close()
        return path

    def rehead(self):
        """The head that the leaves give: frontier as size and nodes from the highest level down."""
        leaves, at, nodes = [r[3] for r in self.rows], 0, b""
        for level in reversed(range(len(leaves).bit_length())):
            if len(leaves) >> level & 1:
                nodes += oracle.tree_root(leaves[at:at + (1 << level)])
                at += 1 << level
        self.stored = (struct.pack(">Q", len(leaves)) + nodes, oracle.tree_root(leaves))


# --- what is done to a log --------------------------------------------------------------------------

def change_byte(text, rnd):
    at = rnd.randrange(len(text))
    return text[:at] + rnd.choice([c for c in ALPHABET if c != text[at]]) + text[at + 1:]


def edit(log, rnd):
    row = rnd.choice(log.rows)
    row[2] = change_byte(row[2], rnd)


def edit_and_hash(log, rnd):
    row = rnd.choice(log.rows)
    row[2] = change_byte(row[2], rnd)
    row[3] = leaf_of(row[2])


def flip_leaf(log, rnd):
    row, at = rnd.choice(log.rows), rnd.randrange(32)
    row[3] = row[3][:at] + bytes([row[3][at] ^ 1 << rnd.randrange(8)]) + row[3][at + 1:]


def change_prev(log, rnd):
    row = rnd.choice(log.rows)
    row[1] = rnd.choice([v for v in range(-1, len(log.rows)) if v != row[1]])


def remove(log, rnd):
    del log.rows[rnd.randrange(len(log.rows))]


def remove_and_renumber(log, rnd):
    at = rnd.randrange(len(log.rows) - 1)
    del log.rows[at]
    for row in log.rows[at:]:
        row[0] -= 1


def cut_tail(log, rnd):
    del log.rows[-rnd.randrange(1, len(log.rows)):]


def swap(log, rnd):
    a, b = rnd.sample(log.rows, 2)
    a[1:], b[1:] = b[1:], a[1:]


def repeat(log, rnd):
    log.rows.append([len(log.rows)] + rnd.choice(log.rows)[1:])


def move_line(log, rnd):
    row = rnd.choice(log.rows)
    lines = row[2].split("\n")
    lines.insert(rnd.randrange(1, len(lines) - 1), lines.pop(rnd.randrange(1, len(lines) - 1)))
    text = "\n".join(lines)
    row[2] = text if text != row[2] else text + "ret x\n"
    row[3] = leaf_of(row[2])


def rewrite_history(log, rnd):
    """One entry changed and everything behind it hashed anew, chains and all; the head stays."""
    at = rnd.randrange(len(log.rows))
    leaves = {}
    for row in log.rows[at:]:
        lines = row[2].split("\n")
        if row[0] == at:
            lines = [line.replace("actor ", "actor x") for line in lines]
        for i, line in enumerate(lines):
            key, _, value = line.partition(" ")
            if key in ("rprev", "rlast") and value in leaves:
                lines[i] = key + " " + leaves[value]
        old, row[2] = row[3].hex(), "\n".join(lines)
        row[3] = leaf_of(row[2])
        leaves[old] = row[3].hex()


TAMPERS = (edit, edit_and_hash, flip_leaf, change_prev, remove, remove_and_renumber, cut_tail, swap,
           repeat, move_line, rewrite_history)


def last_text(text, rnd):
    """A last entry that may or may not be one; most are close to it."""
    lines = text.split("\n")[:-1]
    at = rnd.randrange(1, len(lines))
    key, _, value = lines[at].partition(" ")
    kind = rnd.randrange(9)
    if kind == 0:
        return change_byte(text, rnd)
    if kind == 1:
        del lines[at]
    elif kind == 2:
        lines.insert(at, lines[at])
    elif kind == 3:
        lines.insert(rnd.randrange(1, len(lines)), lines.pop(at))
    elif kind == 4:
        lines[at] = key + " " + rnd.choice(
            ["0", "00", "1", "-1", "9223372036854775807", "9223372036854775808", "x" * 512,
             "x" * 513, "2026-02-29T00:00:00.000000000Z", "2028-02-29T23:59:59.999000000Z",
             "2026-01-01T00:00:60.000000000Z", "1969-12-31T00:00:00.000000000Z",
             "2026-01-01T00:00:00.000000001Z", "a..b", ".a", "s,1,00000000,1", "s,1,00000000,01",
             "n,1", ",1", "n,1,2", "sys", "run:01ARZ3NDEKTSV4RRFFQ69G5FAV", value.upper(),
             value + " ", value[:-1], "\x7f", "\u00e9"])
    elif kind == 5:
        lines.append(rnd.choice(
            ["c.note " + "a" * 64, "c.note " + "A" * 64, "c.0123456789abcde " + "0" * 64,
             "c.0123456789abcdef " + "0" * 64, "c. " + "0" * 64, "c.a_b " + "0" * 64, "tlp green",
             "ret 1", "rlen 1", "rlast " + "0" * 64, "more x", "c.note " + "a" * 63]))
    elif kind == 6:
        lines += ["tlp green"] * rnd.randrange(2) + ["ret short"] * rnd.randrange(2)
    elif kind == 7:
        lines[0] = rnd.choice(["tocsin-audit/v2", "tocsin-audit/v1 ", "tocsin-audit/v1"])
    else:
        return rnd.choice(["", "\n", "tocsin-audit/v1\n", text[:-1], text + "\n", text * 2,
                           text.replace("\n", "\r\n"), text + "ret " + "y" * 500 + "\n" * 2])
    return "\n".join(lines) + "\n"


# --- the verifiers ----------------------------------------------------------------------------------

def run(argv):
    env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_FAULT")}
    return subprocess.run(argv, capture_output=True, timeout=60, env=env)


def by_tocsin(folder):
    return run([t.BINARY, "audit", "verify", folder]).returncode


def export(folder):
    """By tocsin itself."""
    path = os.path.join(folder, "export.jsonl")
    if os.path.exists(path):
        os.unlink(path)
    return path, run([t.BINARY, "audit", "export", "--data", folder, "--out", path]).returncode


def export_fast(log, folder, n):
    """What tocsin would write; every eighth time it is asked, and must have written the same."""
    path = os.path.join(folder, "fast.jsonl")
    rows = [{"seq": r[0], "prev": r[1], "entry": r[2], "leaf": r[3].hex()} for r in log.rows]
    with sqlite3.connect(os.path.join(folder, "tocsin.db")) as db:
        absent = {seq for seq, in db.execute("SELECT seq FROM entry WHERE sealed IS NULL")}
    for row in rows:
        if row["seq"] in absent and "\nc." in row["entry"]:
            row["gone"] = True
    rows.append({"size": struct.unpack(">Q", log.stored[0][:8])[0], "root": log.stored[1].hex()})
    text = "".join(json.dumps(r, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
                   for r in rows)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    if n % 8 == 0:
        slow, code = export(folder)
        with open(slow, encoding="utf-8", newline="") as f:
            same = [json.loads(line) for line in f] == rows
        assert code == 0 and same, "tocsin exports something else"
        return slow
    return path


def by_verify(path):
    done = run([VERIFY, path])
    assert done.returncode in (0, 20, 21, 22) and not done.stderr, done
    return done.returncode, done.stdout.decode(errors="replace")


def by_oracle(path):
    """True when it finds nothing."""
    judge = oracle.Oracle()
    try:
        judge.log(oracle.read_lines(path))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return False
    return not judge.findings


# --- tests ------------------------------------------------------------------------------------------

class Material:
    """One real log: three cases with all that a run can do."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(
            prefix="tocsin-verify-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        with driver.make_node() as node:
            d = driver.Driver(node)
            node.start()
            self.key = t.wait_for(lambda: node.cli("audit", "head").json, 20)["key"]
            if not d.run(("k1", "k2", "k3")):
                raise t.Failed("the node died")
            node.stop()
            self.path = os.path.join(self.folder, "original.db")
            source, copy = sqlite3.connect(node.database), sqlite3.connect(self.path)
            source.backup(copy)
            source.close()
            copy.close()

    def log(self):
        return Log(self.path)


def test_untouched(m):
    log = m.log()
    log.write(m.folder)
    path, code = export(m.folder)
    assert code == 0
    verdict, said = by_verify(path)
    assert (by_tocsin(m.folder), verdict, by_oracle(path)) == (0, 0, True), said
    assert "%d entries" % len(log.rows) in said and len(log.rows) > 80, said
    with open(path, "rb") as f:
        assert run([VERIFY, path]).stdout == subprocess.run([VERIFY, "-"], stdin=f,
                                                            capture_output=True).stdout
    assert run([VERIFY]).returncode == 22 and run([VERIFY, m.folder + "/none"]).returncode == 22
    # The recomputed head is what tocsin wrote, or the tests below would prove nothing.
    log.rehead()
    log.write(m.folder)
    assert by_tocsin(m.folder) == 0


def test_tampered(m):
    rnd, seen = random.Random(SEED), collections.Counter()
    for n in range(220 // FEWER):
        tamper = TAMPERS[n % len(TAMPERS)]
        log = m.log()
        tamper(log, rnd)
        log.write(m.folder)
        path = export_fast(log, m.folder, n)
        tocsin, (verify, said), clean = by_tocsin(m.folder), by_verify(path), by_oracle(path)
        where = "%s, number %d of seed %d: %s" % (tamper.__name__, n, SEED, said)
        assert (tocsin, verify) == (20, 20), "tocsin %d, tocsin-verify %d: %s" % (tocsin, verify, where)
        # The oracle does not read the store's links, nor the form of values.
        if tamper is not change_prev:
            assert not clean, where
        seen[tamper.__name__] += 1
    print("tampered: %d logs, %s" % (sum(seen.values()), dict(seen)))


def test_same_rules_for_a_text(m):
    rnd, verdicts = random.Random(SEED + 1), collections.Counter()
    few, many = (5, 25) if FEWER == 1 else (0, 2)
    for n in range(120):
        # Which verdict a text gets is chance: on, until there were enough of both.
        if n >= 60 // FEWER and verdicts[0] > few and verdicts[20] > many:
            break
        log = m.log()
        seq, _, text, _ = log.rows[-1]
        chain = oracle.parse_entry(text)["chain"]
        rseq = int(oracle.parse_entry(text)["rseq"])
        text = last_text(text, rnd)
        leaf = leaf_of(text)
        log.rows[-1][2:] = [text, leaf]
        log.chain = (chain, seq, rseq, leaf)
        log.rehead()
        # A checkpoint over the last entry would say that it was changed, whatever the change is.
        log.write(m.folder, last_sealed=False)
        path = export_fast(log, m.folder, n)
        payload = "c." in text  # tocsin looks for the payload too, which no export holds
        tocsin, (verify, said) = by_tocsin(m.folder), by_verify(path)
        if payload and tocsin == 20 and verify == 0:
            continue
        assert tocsin == verify, "tocsin %d, tocsin-verify %d, number %d of seed %d: %s\n%r" % (
            tocsin, verify, n, SEED, said, text)
        verdicts[verify] += 1
    assert verdicts[0] > few and verdicts[20] > many, verdicts
    print("texts: %s" % dict(verdicts))


def test_damaged_files(m):
    """Any byte of the export changed, or the file cut: never verified, and never a crash."""
    m.log().write(m.folder)
    path, code = export(m.folder)
    assert code == 0
    with open(path, "rb") as f:
        good = f.read()
    rows = oracle.read_lines(path)
    rnd, seen = random.Random(SEED + 2), collections.Counter()
    for n in range(120 // FEWER):
        data = bytearray(good)
        if n % 8 == 0:
            data = data[:rnd.randrange(len(data))]
        elif n % 8 == 1:
            at = rnd.randrange(len(data))
            del data[at:at + rnd.randrange(1, 400)]
        else:
            data[rnd.randrange(len(data))] = rnd.randrange(256)
        with open(path, "wb") as f:
            f.write(data)
        verdict, said = by_verify(path)
        seen[verdict] += 1
        try:
            same = oracle.read_lines(path) == rows
        except ValueError:
            same = False
        assert verdict != 0 or same, "number %d of seed %d: %s" % (n, SEED, said)
        if same and data == good:
            assert verdict == 0, said
    # Without its last line a file cannot be told from a longer one; with two it is none.
    lines = good.splitlines(keepends=True)
    for data, want in ((b"".join(lines[:-1]), 21), (good + lines[-1], 22), (good + b"\n", 22),
                       (b"", 22), (lines[-1], 20), (good.replace(b"\n", b"\r\n"), 22)):
        with open(path, "wb") as f:
            f.write(data)
        assert by_verify(path)[0] == want, (want, by_verify(path))
    print("damaged files: %s" % dict(seen))


def tree_root(leaves):
    """RFC 6962, 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + tree_root(leaves[:half]) + tree_root(leaves[half:])).digest()


def test_lines_against_what_is_known(m):
    """--at-least, --remember and --trust hold for JSON lines as well: what they cannot answer is not VERIFIED."""
    m.log().write(m.folder)
    path, code = export(m.folder)
    assert code == 0
    leaves = [bytes.fromhex(row["leaf"]) for row in map(json.loads, open(path, encoding="utf-8")) if "leaf" in row]
    n, kept = len(leaves), os.path.join(m.folder, "kept")

    def with_memory(size, root):
        with open(kept, "w", encoding="utf-8") as f:
            f.write("acme.example/log\n%d\n%s\n\n\u2014 acme.example/log %s\n" % (
                size, base64.b64encode(root).decode(), base64.b64encode(bytes(68)).decode()))
        done = run([VERIFY, path, "--remember", kept])
        with open(kept, encoding="utf-8") as f:
            assert f.read().startswith("acme.example/log\n%d\n" % size), "lines have no checkpoint to keep"
        return done.returncode, done.stdout.decode()

    assert run([VERIFY, path, "--at-least", str(n)]).returncode == 0
    done = run([VERIFY, path, "--at-least", str(n + 1)])
    assert done.returncode == 20 and b"V114" in done.stdout, done
    for size in (1, 7, n - 1, n):
        assert with_memory(size, tree_root(leaves[:size]))[0] == 0, size
        assert with_memory(size, tree_root(leaves[1:] + leaves[:1]))[0] == 20, size
    verdict, said = with_memory(n + 1, tree_root(leaves))
    assert verdict == 20 and "V115" in said, said
    done = run([VERIFY, path, "--trust", m.key])
    assert done.returncode == 21 and b"V112" in done.stdout, done


if __name__ == "__main__":
    t.need_binary()
    material = Material()
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(material)
                print("ok " + name)
    finally:
        shutil.rmtree(material.folder)
