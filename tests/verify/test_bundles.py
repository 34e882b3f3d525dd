#!/usr/bin/env python3
"""What is handed out verifies, and what was changed does not: tocsin, tocsin-verify and verify.py say
the same about bundles, tiles and proofs, untouched and changed by chance.

SEED=n repeats a run, ATTACKS=n does more of them (`./dev attack` does 10,000).
"""
import base64
import collections
import os
import random
import shutil
import sqlite3
import struct
import sys
import tarfile

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bundle_lab import (Lab, agreed, fix_manifest, read, run, sign, verify_py, write)

SEED = int(os.environ.get("SEED", "20261124"))
ATTACKS = int(os.environ.get("ATTACKS", "120")) // (4 if t.SANITIZED else 1)
UNPROVED = {"index.html", "verify.py", "README.txt", "policy"}


# --- untouched -------------------------------------------------------------------------------------

def test_untouched_is_verified(lab):
    for path in (lab.case, lab.case_early, lab.other, lab.all, lab.all_early, lab.range, lab.tiles,
                 lab.proof):
        code, said = agreed(path, "--trust", lab.key)
        assert code == 0 and said.count("VERIFIED") == 3, said
        assert agreed(path)[0] == 21, "without --trust"
    assert "opened" in agreed(lab.case, "--trust", lab.key)[1]
    manifest = read(lab.case, "manifest").decode()
    assert "scope case " in manifest and " verify.py\n" in manifest, manifest
    page = read(lab.case, "index.html").decode()
    assert "<script" not in page and "default-src 'none'" in page
    assert run([sys.executable, os.path.join(lab.case, "verify.py"), lab.case, "--trust", lab.key])[0] == 0


def test_trust_age_and_memory(lab):
    keys = os.path.join(lab.folder, "keys")
    write(("# ours\nlog %s\nquorum none\n" % lab.key).encode(), keys)
    assert agreed(lab.case, "--trust", keys)[0] == 0
    public, _ = sign(b"x" * 32, b"")
    name = lab.key.split("+")[0]
    raw = b"\x01" + public
    kid = verify_py.sha(name.encode() + b"\n" + raw)[:4].hex()
    stranger = "%s+%s+%s" % (name, kid, base64.b64encode(raw).decode())
    assert agreed(lab.case, "--trust", stranger)[0] == 21, "signed by a key that nobody trusts"
    assert agreed(lab.case, "--trust", stranger, "--trust", lab.key)[0] == 0
    raw = b"\x04" + public
    kid = verify_py.sha(b"w.example\n" + raw)[:4].hex()
    witness = "w.example+%s+%s" % (kid, base64.b64encode(raw).decode())
    assert agreed(lab.case, "--trust", lab.key, "--witness", witness)[0] == 21, "no cosignature"
    assert agreed(lab.all, "--trust", lab.key, "--at-least", str(lab.size))[0] == 0
    assert agreed(lab.all, "--trust", lab.key, "--at-least", str(lab.size + 1))[0] == 20
    assert agreed(lab.all_early, "--trust", lab.key)[0] == 0, "an older one by itself"
    assert agreed(lab.all_early, "--trust", lab.key, "--at-least", str(lab.size))[0] == 20
    for path in (lab.case, "nothing", lab.case + "/nothing"):
        assert agreed(path, "--trust", "nonsense")[0] == 22
    assert agreed(os.path.join(lab.case, "entries"), "--trust", lab.key)[0] == 22
    memory = os.path.join(lab.folder, "memory")
    for first, then in ((lab.all, lab.all_early), (lab.tiles, lab.case_early)):
        if os.path.exists(memory):
            os.unlink(memory)
        assert agreed(first, "--trust", lab.key, "--remember", memory)[0] == 0
        assert os.path.exists(memory)
        assert agreed(then, "--trust", lab.key, "--remember", memory)[0] == 20, "an older world"
        assert agreed(first, "--trust", lab.key, "--remember", memory)[0] == 0
    os.unlink(memory)
    assert agreed(lab.all_early, "--trust", lab.key, "--remember", memory)[0] == 0
    assert agreed(lab.all, "--trust", lab.key, "--remember", memory)[0] == 0, "it went on"
    write(b"rubbish", memory)
    assert agreed(lab.all, "--trust", lab.key, "--remember", memory)[0] == 22
    # A log that is longer and does not continue what was seen: only whole logs can show that.
    seen = read(lab.all_early, "checkpoint").decode().split("\n")
    seen[2] = base64.b64encode(b"another root of the same length.").decode()
    for path in (lab.all, lab.tiles, lab.data):
        write("\n".join(seen).encode(), memory)
        args = (path, "--trust", lab.key, "--remember", memory)
        code = agreed(*args)[0] if path != lab.data else run([t.BINARY, "audit", "verify"] + list(args))[0]
        assert code == 20, path


def test_the_same_of_the_database(lab):
    def code(*args):
        return run([t.BINARY, "audit", "verify", lab.data] + list(args))[0]
    assert code() == 0 and code("--trust", lab.key) == 0
    assert code("--at-least", "1") == 0, "a data directory needs no key"
    assert code("--trust", lab.key, "--at-least", "1") == 0
    assert code("--trust", lab.key, "--at-least", "1000000") == 20
    out = os.path.join(lab.folder, "offline")
    assert run([t.BINARY, "audit", "export", "all", "--data", lab.data, "--out", out])[0] == 0
    assert agreed(out, "--trust", lab.key)[0] == 0
    tar = os.path.join(lab.folder, "offline.tar")
    assert run([t.BINARY, "audit", "export", "all", "--data", lab.data, "--out", tar])[0] == 0
    unpacked = os.path.join(lab.folder, "unpacked")
    with tarfile.open(tar) as f:
        f.extractall(unpacked)
    assert agreed(unpacked, "--trust", lab.key)[0] == 0
    case = read(lab.case, "manifest").decode().split("\n")[1].split(" ")[2]
    part = os.path.join(lab.folder, "part")
    assert run([t.BINARY, "audit", "export", case, "--data", lab.data, "--out", part])[0] == 0
    # Its last entry is the export of before, and nothing came behind that.
    assert agreed(part, "--trust", lab.key)[0] == 0


def packed(folder, out, prefix=""):
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as f:
        f.add(folder, arcname=prefix or ".")
    return out


def test_tar_needs_no_unpacking(lab):
    """What export writes as one file, and what tar makes of a folder, is verified as it is."""
    out = os.path.join(lab.folder, "whole.tar")
    assert run([t.BINARY, "audit", "export", "all", "--data", lab.data, "--out", out])[0] == 0
    code, said = agreed(out, "--trust", lab.key)
    assert code == 0 and said.count("VERIFIED") == 3, said
    assert agreed(out)[0] == 21 and agreed(out, "--trust", lab.key, "--at-least", "9999999")[0] == 20
    memory = os.path.join(lab.folder, "memory-tar")
    assert agreed(out, "--trust", lab.key, "--remember", memory)[0] == 0
    again = os.path.join(lab.folder, "again.tar")
    for path, want in ((lab.case, 0), (lab.all, 0), (lab.range, 0), (lab.tiles, 0),
                       (os.path.join(lab.case, "entries"), 22)):
        assert agreed(packed(path, again), "--trust", lab.key)[0] == want, path
    assert agreed(packed(lab.case, again, "case"), "--trust", lab.key)[0] == 22, "nothing at its top"
    assert run(["tar", "-C", lab.case, "-cf", again, "."])[0] == 0
    assert agreed(again, "--trust", lab.key)[0] == 0, "as GNU tar packs it"
    write(b"", again)
    assert agreed(again, "--trust", lab.key)[0] == 22


def block(name, data, kind=b"0"):
    """A tar member."""
    head = bytearray(512)
    head[:len(name)] = name
    head[100:108], head[124:136], head[156:157] = b"0000644\0", b"%011o\0" % len(data), kind
    head[257:265], head[148:156] = b"ustar\x0000", b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)


def test_changed_tar(lab):
    rnd = random.Random(SEED + 3)
    path = os.path.join(lab.folder, "changed.tar")
    subjects = [read(packed(p, path)) for p in (lab.case, lab.all, lab.range)]
    case = subjects[0]
    end = len(case.rstrip(b"\0")) + 511 & ~511
    first = read(lab.case, "checkpoint")
    for name, data, want in (
            ("untouched", case, 0), ("a block less", case[:end + 512], 20), ("no end", case[:end], 20),
            ("cut", case[:-1], 0), ("zeros behind", case + bytes(700), 0), ("more behind", case + b"x", 20),
            ("a file more", case[:end] + block(b"x", b"y") + bytes(1024), 20),
            ("a file twice", case[:end] + block(b"checkpoint", first) + bytes(1024), 20),
            ("twice with ./", case[:end] + block(b"./checkpoint", first) + bytes(1024), 20),
            ("a folder more", case[:end] + block(b"x/", b"", b"5") + bytes(1024), 0),
            ("a link", case[:end] + block(b"x", b"", b"2") + bytes(1024), 20),
            ("a larger file", case[:end] + block(b"x", b"") + case[end:], 20),
            ("without a mark", case.replace(b"ustar", b"uxtar", 1), 22)):
        write(data, path)
        code, said = agreed(path, "--trust", lab.key)
        assert code == want, (name, code, said)
    for n in range(ATTACKS // 2):
        data = subjects[n % 3]
        write(rnd.choice([flip(data, rnd), flip(data, rnd), data[:rnd.randrange(512, len(data) - 10240)],
                          data[:(at := rnd.randrange(len(data) // 512) * 512)] + bytes([1]) * 512 + data[at:]]),
              path)
        code, said = agreed(path, "--trust", lab.key)
        assert code in (20, 22), "tar %d of seed %d: %d\n%s" % (n, SEED, code, said)


# --- changed ------------------------------------------------------------------------------------------

def files_of(folder):
    out = []
    for base, _, names in os.walk(folder):
        out += [os.path.relpath(os.path.join(base, n), folder) for n in names]
    return sorted(out)


def flip(data, rnd):
    at = rnd.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1:]


def proved(folder):
    return [f for f in files_of(folder) if f not in UNPROVED and f != "manifest"
            and os.path.getsize(os.path.join(folder, f))]


def change_any(lab, copy, rnd):
    name = rnd.choice([f for f in files_of(copy) if os.path.getsize(os.path.join(copy, f))])
    write(flip(read(copy, name), rnd), copy, name)


def change_and_fix(lab, copy, rnd):
    name = rnd.choice(proved(copy))
    write(flip(read(copy, name), rnd), copy, name)
    fix_manifest(copy)


def truncate(lab, copy, rnd):
    name = rnd.choice(proved(copy))
    data = read(copy, name)
    write(data[:rnd.randrange(len(data))], copy, name)
    if name != "openings":
        fix_manifest(copy)


def remove(lab, copy, rnd):
    name = rnd.choice([f for f in files_of(copy) if f != "openings"])
    os.unlink(os.path.join(copy, name))
    if name in proved(copy) and rnd.randrange(2):
        fix_manifest(copy)


def surplus(lab, copy, rnd):
    name = rnd.choice(["more", "tile/0/00", "entries/7", "tile/entries/00", "entries/x"]) + str(
        rnd.randrange(1, 9))
    os.makedirs(os.path.dirname(os.path.join(copy, name)) or copy, exist_ok=True)
    if not os.path.exists(os.path.join(copy, name)):
        write(b"x", copy, name)
    else:
        os.unlink(os.path.join(copy, name))
    if rnd.randrange(2):
        fix_manifest(copy)


def swap_files(lab, copy, rnd):
    names = [f for f in proved(copy) if f not in ("checkpoint", "openings")]
    a, b = rnd.sample(names, 2) if len(names) > 1 else (names[0], "checkpoint")
    x, y = read(copy, a), read(copy, b)
    write(y, copy, a)
    write(x, copy, b)
    fix_manifest(copy)


def from_another_case(lab, copy, rnd):
    other = lab.other if lab.of != lab.other else lab.case
    name = rnd.choice([f for f in files_of(other) if f.startswith("entries/")])
    if os.path.isdir(os.path.join(copy, "entries")):
        shutil.copy(os.path.join(other, name), os.path.join(copy, name))
    else:
        write(read(other, name), copy, "tile/entries/000")
    fix_manifest(copy)


def older_checkpoint(lab, copy, rnd):
    write(read(lab.all_early, "checkpoint"), copy, "checkpoint")
    fix_manifest(copy, rnd.choice([None, int(read(lab.all_early, "checkpoint").split(b"\n")[1])]))


def resign(lab, copy, rnd):
    """Another key under the same name, over a body with another root."""
    note = read(copy, "checkpoint").decode()
    body = note[:note.index("\n\n") + 1]
    lines = body.split("\n")
    if rnd.randrange(2):
        lines[2] = base64.b64encode(rnd.randbytes(32)).decode()
    body = "\n".join(lines)
    public, sig = sign(rnd.randbytes(32), body.encode())
    kid = verify_py.sha(lines[0].encode() + b"\n\x01" + public)[:4]
    new = ("%s\n\u2014 %s %s\n" % (body, lines[0], base64.b64encode(kid + sig).decode())).encode()
    for name in files_of(copy):
        data = read(copy, name)
        if note.encode() in data:
            write(data.replace(note.encode(), new), copy, name)
    fix_manifest(copy)


def edit_entry(lab, copy, rnd):
    """One entry's text changed where it stands."""
    names = [f for f in proved(copy) if f.startswith("entries/") or f.startswith("tile/entries/")]
    name = rnd.choice(names)
    data = read(copy, name)
    if name.startswith("entries/"):
        lines = data.split(b"\n")
        text = flip(base64.b64decode(lines[1][6:]), rnd)
        lines[1] = b"extra " + base64.b64encode(text)
        data = b"\n".join(lines)
    else:
        data = flip(data, rnd)
    write(data, copy, name)
    fix_manifest(copy)


def cut_tail(lab, copy, rnd):
    """The last entries of a case or range are left out, or the last of the whole log."""
    names = sorted((f for f in proved(copy) if f.startswith("entries/")),
                   key=lambda f: int(f[8:].split(".")[0]))
    if names:
        for name in names[-rnd.randrange(1, len(names)):]:
            os.unlink(os.path.join(copy, name))
    else:
        data = read(copy, "tile/entries/" + os.listdir(os.path.join(copy, "tile/entries"))[0]) \
            if os.path.isfile(os.path.join(copy, "tile/entries/000")) else b""
        name = [f for f in proved(copy) if f.startswith("tile/entries/")][-1]
        data = read(copy, name)
        at = 0
        ends = []
        while at < len(data):
            at += 2 + int.from_bytes(data[at:at + 2], "big")
            ends.append(at)
        write(data[:ends[-rnd.randrange(2, len(ends))]], copy, name)
    fix_manifest(copy)


def leave_one_out(lab, copy, rnd):
    names = [f for f in proved(copy) if f.startswith("entries/")]
    if not names:
        cut_tail(lab, copy, rnd)
        return
    os.unlink(os.path.join(copy, rnd.choice(names)))
    fix_manifest(copy)


def reorder_openings(lab, copy, rnd):
    lines = read(copy, "openings").split(b"\n")[:-1]
    if len(lines) < 2:
        change_any(lab, copy, rnd)
        return
    i, j = rnd.sample(range(len(lines)), 2)
    if rnd.randrange(2):
        lines[i], lines[j] = lines[j], lines[i]
    else:
        a, b = lines[i].split(b" "), lines[j].split(b" ")
        a[3], b[3] = b[3], a[3]
        if a == lines[i].split(b" "):
            a[3] = base64.b64encode(b"another payload")
        lines[i], lines[j] = b" ".join(a), b" ".join(b)
    write(b"\n".join(lines) + b"\n", copy, "openings")
    fix_manifest(copy)


def change_scope(lab, copy, rnd):
    lines = read(copy, "manifest").split(b"\n")
    lines[1] = rnd.choice([b"scope all", b"scope case 01ARZ3NDEKTSV4RRFFQ69G5FAV", b"scope range 0 1",
                           b"scope range 4 40", b"scope none", b"scope all "])
    if rnd.randrange(3) == 0:
        lines[rnd.choice([2, 3])] += b"1"
    if lines != read(copy, "manifest").split(b"\n"):
        write(b"\n".join(lines), copy, "manifest")
    else:
        change_any(lab, copy, rnd)


CHANGES = (change_any, change_and_fix, truncate, remove, surplus, swap_files, from_another_case,
           older_checkpoint, resign, edit_entry, cut_tail, leave_one_out, reorder_openings, change_scope)


def test_changed_is_not_verified(lab):
    rnd, seen = random.Random(SEED), collections.Counter()
    subjects = (lab.case, lab.all, lab.range, lab.other, lab.case)
    for n in range(ATTACKS):
        of, change = subjects[n % len(subjects)], CHANGES[n % len(CHANGES)]
        copy, lab.of = lab.copy(of), of
        change(lab, copy, rnd)
        code, said = agreed(copy, "--trust", lab.key)
        where = "%s of %s, number %d of seed %d\n%s" % (change.__name__, os.path.basename(of), n, SEED,
                                                        said)
        assert code in (20, 21, 22), where
        # A foreign signature is no proof of anything; all else shows in the content.
        assert code == 20 or change in (resign, remove, truncate, change_any, older_checkpoint,
                                        cut_tail, leave_one_out, change_and_fix, change_scope), where
        seen[(change.__name__, code)] += 1
    print("changed: %d bundles, %s" % (ATTACKS, dict(collections.Counter(c for _, c in seen.elements()))))
    assert ATTACKS < 100 or sum(v for (_, c), v in seen.items() if c == 20) > ATTACKS // 2, seen


def test_changed_tiles_and_proofs(lab):
    rnd = random.Random(SEED + 1)
    for n in range(ATTACKS // 4):
        copy = lab.copy(lab.tiles if n % 2 else lab.proof)
        if n % 2:
            name = rnd.choice(files_of(copy))
            data = read(copy, name)
            write(rnd.choice([flip(data, rnd), data[:-1], data + b"x"]), copy, name)
            path = copy
        else:
            path = copy
            data = read(path)
            write(rnd.choice([flip(data, rnd), data[:rnd.randrange(30, len(data))]]), path)
        code, said = agreed(path, "--trust", lab.key)
        assert code in (20, 21, 22), said


# --- the database ---------------------------------------------------------------------------------------

def rebuild(db):
    """Everything beside the entries, as tocsin keeps it: an attacker knows how."""
    rows = db.execute("SELECT seq, leaf, text FROM entry ORDER BY seq").fetchall()
    tree, nodes = verify_py.Tree(), []
    for seq, leaf, _ in rows:
        tree.append(leaf)
        for level in (8, 16):
            if tree.size % (1 << level) == 0:
                part = verify_py.Tree()
                for _, h, _ in rows[tree.size - (1 << level):tree.size]:
                    part.append(h)
                nodes.append((level, (tree.size >> level) - 1, part.root()))
    chains = {}
    for seq, leaf, text in rows:
        e = dict(line.split(" ", 1) for line in text.split("\n")[1:-1])
        chains[e["chain"]] = (e["chain"], leaf, seq, int(e["rseq"]))
    db.execute("DELETE FROM node")
    db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)
    db.execute("DELETE FROM chain")
    db.executemany("INSERT INTO chain (chain, leaf, seq, rseq) VALUES (?, ?, ?, ?)", chains.values())
    db.execute("UPDATE head SET frontier = ?, root = ?",
               (struct.pack(">Q", tree.size) + b"".join(tree.peaks), tree.root()))


def sql_change(db, rnd, n, size):
    """Below `size`, which is sealed: what is behind the last checkpoint nobody has signed."""
    seq = rnd.randrange(size)
    text = db.execute("SELECT text FROM entry WHERE seq = ?", (seq,)).fetchone()[0]
    kind = n % 12
    if kind == 0:
        db.execute("UPDATE entry SET text = ? WHERE seq = ?", (text.replace("actor ", "actor x", 1), seq))
    elif kind == 1:
        db.execute("DELETE FROM entry WHERE seq = ?", (seq,))
        rebuild(db)
    elif kind == 2:
        db.execute("REPLACE INTO entry (seq, prev, text, leaf, sealed) SELECT seq, prev, ?, ?, sealed "
                   "FROM entry WHERE seq = ?",
                   (text.replace("auth ", "auth x", 1),
                    verify_py.sha(b"\0" + text.replace("auth ", "auth x", 1).encode()), seq))
        rebuild(db)
    elif kind == 3:
        db.execute("UPDATE entry SET leaf = randomblob(32) WHERE seq = ?", (seq,))
    elif kind == 4:
        db.execute("UPDATE entry SET prev = prev + 1 WHERE seq = ?", (seq,))
    elif kind == 5:
        db.execute("UPDATE head SET root = randomblob(32)")
    elif kind == 6:
        db.execute("UPDATE chain SET rseq = rseq + 1 WHERE chain = (SELECT chain FROM chain "
                   "ORDER BY chain LIMIT 1 OFFSET ?)",
                   (rnd.randrange(db.execute("SELECT count(*) FROM chain").fetchone()[0]),))
    elif kind == 7:
        db.execute("UPDATE checkpoint SET note = replace(note, substr(note, ?, 1), 'x')",
                   (rnd.randrange(1, 40),))
    elif kind == 8:
        db.execute(rnd.choice(["UPDATE sealkey SET until_size = 5", "UPDATE sealkey SET epoch = 2",
                               "DELETE FROM sealkey", "UPDATE checkpoint SET kept = 1 - kept",
                               "UPDATE checkpoint SET size = size + 1",
                               "DELETE FROM checkpoint WHERE kept = 1"]))
    elif kind == 9:
        a, b = rnd.sample(range(size), 2)
        db.execute("UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE seq = ?) WHERE seq = ?",
                   (a, b))
        had = db.execute("SELECT count(*) FROM entry WHERE seq IN (?, ?) AND sealed IS NOT NULL",
                         (a, b)).fetchone()[0]
        if had == 0:
            db.execute("UPDATE entry SET sealed = randomblob(90) WHERE seq = ?", (b,))
    elif kind == 10:
        db.execute("UPDATE entry SET sealed = NULL WHERE seq = (SELECT seq FROM entry WHERE sealed IS NOT "
                   "NULL ORDER BY seq LIMIT 1 OFFSET ?)", (rnd.randrange(5),))
    else:  # the tail is cut, and everything beside it made to fit
        db.execute("DELETE FROM entry WHERE seq >= ?", (rnd.randrange(1, size - 1),))
        rebuild(db)


def attacked(lab, change):
    folder = os.path.join(lab.folder, "attacked")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(lab.data, folder)
    db = sqlite3.connect(os.path.join(folder, "tocsin.db"))
    db.execute("PRAGMA synchronous = OFF")
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute('DROP TRIGGER "%s"' % name)
    before = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    change(db)
    db.commit()
    db.close()
    return folder, before


def test_changed_database(lab):
    rnd = random.Random(SEED + 2)
    for n in range(ATTACKS // 2):
        folder, size = attacked(lab, lambda db: sql_change(db, rnd, n, lab.size))
        code, said = run([t.BINARY, "audit", "verify", folder, "--trust", lab.key, "--at-least",
                          str(lab.size)])
        assert code in (20, 21), "number %d of seed %d, kind %d: %d %s" % (n, SEED, n % 12, code, said)


def test_a_whole_older_log(lab):
    """Cut clean at a checkpoint that was kept: it is a log of its own, up to there and no further."""
    def cut(db):
        kept = [r[0] for r in db.execute("SELECT size FROM checkpoint WHERE kept = 1 ORDER BY size")]
        at = kept[len(kept) // 2]
        db.execute("DELETE FROM entry WHERE seq >= ?", (at,))
        db.execute("DELETE FROM checkpoint WHERE size > ?", (at,))
        # The entry that says that it is kept was cut with the tail.
        db.execute("UPDATE checkpoint SET kept = 0 WHERE size = ?", (at,))
        rebuild(db)
        cut.at = at
    folder, size = attacked(lab, cut)

    def code(*args):
        return run([t.BINARY, "audit", "verify", folder, "--trust", lab.key] + list(args))
    assert cut.at < size and code()[0] == 0, code()
    assert code("--at-least", str(cut.at + 1))[0] == 20
    memory = os.path.join(lab.folder, "memory2")
    assert run([t.BINARY, "audit", "verify", lab.all, "--trust", lab.key, "--remember", memory])[0] == 0
    assert code("--remember", memory)[0] == 20


def main():
    lab = Lab()
    try:
        t.main([(lambda f: setattr(w := (lambda: f(lab)), "__name__", f.__name__) or w)(f)
                for f in (test_untouched_is_verified, test_trust_age_and_memory,
                          test_the_same_of_the_database, test_tar_needs_no_unpacking,
                          test_changed_is_not_verified, test_changed_tar,
                          test_changed_tiles_and_proofs, test_changed_database,
                          test_a_whole_older_log)])
    finally:
        lab.close()


if __name__ == "__main__":
    t.need_binary()
    main()
