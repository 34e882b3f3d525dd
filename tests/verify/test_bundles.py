#!/usr/bin/env python3
"""What is handed out verifies, and what was changed does not: tocsin, tocsin-verify and verify.py say
the same about bundles, tiles and proofs, untouched and changed by chance.

SEED=n repeats a run, ATTACKS=n does more of them (`./dev attack` does 10,000).
"""
import base64
import collections
import json
import os
import random
import re
import shutil
import sqlite3
import sys
import tarfile

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attacks import CHANGES, KINDS, attacked, cut_at, files_of, flip, sql_change
from bundle_lab import (Lab, agreed, fix_manifest, read, run, sign, verify_py, write)

SEED = int(os.environ.get("SEED", "20261124"))
# Of these it may also be said that it cannot be told, or that it is no bundle.
WEAKER = {"resign", "remove", "truncate", "change_any", "older_checkpoint", "cut_tail", "leave_one_out",
          "change_and_fix", "change_scope", "old_file"}
ATTACKS = int(os.environ.get("ATTACKS", "120")) // (4 if t.SANITIZED else 1)


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


def leaves_of(tiles):
    out, at = [], 0
    for _, n, width in (x for x in verify_py.tiles_of(int(read(tiles, "checkpoint").split(b"\n")[1])) if x[0] < 0):
        data, at = read(tiles, verify_py.tile_path("entries", n, width)), 0
        while at < len(data):
            size = int.from_bytes(data[at:at + 2], "big")
            out.append(verify_py.sha(b"\0" + data[at + 2:at + 2 + size]))
            at += 2 + size
    return out


def root_of(leaves):
    tree = verify_py.Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def proof_of(m, leaves, whole=True):
    """RFC 6962, 2.1.2, as it stands there."""
    n = len(leaves)
    if m == n:
        return [] if whole else [root_of(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return proof_of(m, leaves[:k], whole) + [root_of(leaves[k:])]
    return proof_of(m - k, leaves[k:], False) + [root_of(leaves[:k])]


def earlier(sizes, leaves):
    """The file consistency."""
    lines = []
    for m in sizes:
        lines += [b"%d %s" % (m, base64.b64encode(root_of(leaves[:m])))]
        lines += [base64.b64encode(h) for h in proof_of(m, leaves)]
    return b"".join(x + b"\n" for x in lines)


def memory_of(lab, size, root):
    """A checkpoint as a verifier keeps it; nobody looks at its signature."""
    lines = read(lab.all, "checkpoint").decode().split("\n")
    lines[1:3] = [str(size), base64.b64encode(root).decode()]
    path = os.path.join(lab.folder, "kept")
    write("\n".join(lines).encode(), path)
    return path


def test_continues_what_was_seen(lab):
    """A case or range newer than what was seen shows that it goes on from there, or says that it cannot."""
    def code(path, size, root, *args):
        return agreed(path, "--trust", lab.key, "--remember", memory_of(lab, size, root), *args)[0]
    early = int(read(lab.all_early, "checkpoint").split(b"\n")[1])
    # What was handed out before is continued without a word.
    for path in (lab.case, lab.other, lab.range):
        assert ("\n%d " % early) in "\n" + read(path, "consistency").decode(), path
        memory = os.path.join(lab.folder, "memory-c")
        for before in (lab.case_early, lab.range_early, lab.all_early):
            if os.path.exists(memory):
                os.unlink(memory)
            args = ["--trust", lab.key, "--remember", memory]
            assert agreed(before, *args)[0] == 0 and agreed(path, *args)[0] == 0, (before, path)
            assert read(memory) == read(path, "checkpoint")
            assert agreed(before, *args)[0] == 20, "an older world"
        assert code(path, early, b"another root of the same length.") == 20, "a fork"
    # Every size there is, by proofs that tocsin did not make.
    copy = lab.copy(lab.case)
    size = int(read(copy, "checkpoint").split(b"\n")[1])
    leaves = leaves_of(lab.all)[:size]
    sizes = range(1, size)
    write(earlier(sizes, leaves), copy, "consistency")
    fix_manifest(copy)
    for m in [1, 2, 3, size - 1] + random.Random(SEED).sample(sizes, 12):
        assert code(copy, m, root_of(leaves[:m])) == 0, m
        assert code(copy, m, root_of(leaves[:m - 1] + [b"x" * 32])) == 20, "a fork at %d" % m
    # And what tocsin makes of each, asked for by size or by what the verifier kept.
    for m in (1, 2, 64, size - 1):
        for by_file in (False, True):
            asked = memory_of(lab, m, root_of(leaves[:m])) if by_file else str(m)
            out = os.path.join(lab.folder, "since")
            shutil.rmtree(out, ignore_errors=True)
            done = run([t.BINARY, "audit", "export", "--from", "5", "--to", "40", "--data", lab.data, "--since", asked,
                        "--out", out])
            assert done[0] == 0, (asked, done)
            whole = leaves_of(lab.all)
            made = int(read(out, "checkpoint").split(b"\n")[1])
            assert made >= len(whole)
            assert agreed(out, "--trust", lab.key)[0] == 0
            assert code(out, m, root_of(leaves[:m])) == 0 and code(out, m, b"y" * 32) == 20
            lines = read(out, "consistency").decode().split("\n")
            assert any(x == "%d %s" % (m, base64.b64encode(root_of(leaves[:m])).decode()) for x in lines)
    # Nobody is handed a log that is not the one he has seen.
    out = os.path.join(lab.folder, "never")
    for asked, wanted in ((memory_of(lab, 5, b"z" * 32), 20), ("1000000", 20), ("0", 2), (lab.key, 2),
                          (os.path.join(lab.case, "index.html"), 2)):
        got = run([t.BINARY, "audit", "export", "--from", "5", "--to", "40", "--data", lab.data, "--since", asked,
                   "--out", out])
        assert got[0] == wanted and (wanted == 2 or "V115" in got[1]), (asked, got)
        shutil.rmtree(out, ignore_errors=True)
    # Without a proof of that size it cannot be told; nor of a single proof of an entry.
    write(earlier([3, 7], leaves), copy, "consistency")
    fix_manifest(copy)
    assert code(copy, 7, root_of(leaves[:7])) == 0 and code(copy, 8, root_of(leaves[:8])) == 21
    assert code(lab.proof, 7, root_of(leaves[:7])) == 21
    kept = memory_of(lab, 8, root_of(leaves[:8]))
    before = read(kept)
    assert agreed(copy, "--trust", lab.key, "--remember", kept)[0] == 21 and read(kept) == before
    # Malformed, out of order, of the checkpoint itself, or with a hash that is not used.
    good = earlier([3, 7], leaves)
    three, seven = earlier([3], leaves), earlier([7], leaves)
    for bad in (seven + three, three + three, good[:-1], good + b"\n", good.replace(b"\n", b"\r\n", 1),
                b"0 %s\n" % base64.b64encode(verify_py.sha(b"")), good + base64.b64encode(b"x" * 32) + b"\n",
                b"%d %s\n" % (size, base64.b64encode(root_of(leaves))), three.replace(b"3 ", b"03 ", 1),
                three.replace(b"3 ", b"4 ", 1), three.replace(b"3 ", b" ", 1), b"\n", three[three.index(b"\n") + 1:],
                earlier([size + 1], leaves + [b"x" * 32, b"y" * 32]), three + b"7\n", b"7 \n",
                b"1 %s\n" % base64.b64encode(leaves[0])):
        write(bad, copy, "consistency")
        fix_manifest(copy)
        assert agreed(copy, "--trust", lab.key)[0] == 20, bad
    os.unlink(os.path.join(copy, "consistency"))
    fix_manifest(copy)
    assert agreed(copy, "--trust", lab.key)[0] == 0, "a recipient who keeps nothing needs none"
    assert code(copy, 7, root_of(leaves[:7])) == 21


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
            ("another end of a sum", case[:155] + b"!" + case[156:], 20),
            ("another end of its digits", case[:154] + b" " + case[155:], 20),
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
        assert code == 20 or change.__name__ in WEAKER, where
        seen[(change.__name__, code)] += 1
    print("changed: %d bundles, %s" % (ATTACKS, dict(collections.Counter(c for _, c in seen.elements()))))
    assert ATTACKS < 100 or sum(v for (_, c), v in seen.items() if c == 20) > ATTACKS // 2, seen


def test_an_old_copy_shown_again(lab):
    """It verifies as what it is, up to its own checkpoint, and is refused by who knows of a newer one."""
    rnd = random.Random(SEED + 4)
    tar, memory = os.path.join(lab.folder, "old.tar"), os.path.join(lab.folder, "memory-o")
    proofs = os.path.join(lab.case_early, "entries")
    early_tiles = os.path.join(lab.folder, "early-tiles")
    shutil.copytree(os.path.join(lab.all_early, "tile"), os.path.join(early_tiles, "tile"))
    shutil.copy(os.path.join(lab.all_early, "checkpoint"), early_tiles)
    for n in range(ATTACKS // 4):
        old = rnd.choice([lab.case_early, lab.all_early, lab.range_early, early_tiles])
        new = rnd.choice([lab.case, lab.other, lab.all, lab.range, lab.tiles, lab.proof])
        if rnd.randrange(3) == 0:
            old = packed(old, tar)
        elif rnd.randrange(4) == 0:
            old = os.path.join(proofs, rnd.choice(os.listdir(proofs)))
        args = ["--trust", lab.key]
        assert agreed(old, *args)[0] == 0
        size = int(re.search(r"checkpoint (\d+) of", agreed(old, *args)[1]).group(1))
        assert size < lab.size
        if n % 2:
            args += ["--at-least", str(rnd.randrange(size + 1, lab.size + 1))]
        else:
            if os.path.exists(memory):
                os.unlink(memory)
            args += ["--remember", memory]
            assert agreed(new, *args)[0] == 0, new
        code, said = agreed(old, *args)
        assert code == 20, "old copy %d of seed %d: %s, %d\n%s" % (n, SEED, old, code, said)


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

def test_changed_database(lab):
    rnd = random.Random(SEED + 2)
    for n in range(ATTACKS // 2):
        folder, size = attacked(lab, lambda db: sql_change(db, rnd, n, lab.size))
        code, said = run([t.BINARY, "audit", "verify", folder, "--trust", lab.key, "--at-least",
                          str(lab.size)])
        assert code in (20, 21), "number %d of seed %d, kind %d: %d %s" % (n, SEED, n % KINDS, code, said)
        # Whole in itself, and signed by a stranger: only what somebody kept tells it from ours.
        assert (n % KINDS == KINDS - 1) == (code == 21), (n, SEED, said)


def test_older_logs(lab):
    """The tail cut before, at and behind checkpoints, and the whole database of an earlier day: a log of its own up to
    there and no further, which nobody takes for the present one."""
    rnd = random.Random(SEED + 5)
    memory = os.path.join(lab.folder, "memory2")
    kept = os.path.join(lab.folder, "memory3")
    db = sqlite3.connect(os.path.join(lab.data, "tocsin.db"))
    sizes = [r[0] for r in db.execute("SELECT size FROM checkpoint ORDER BY size")]
    db.close()
    assert run([t.BINARY, "audit", "verify", lab.all, "--trust", lab.key, "--remember", memory])[0] == 0
    for n in range(8 + ATTACKS // 4):
        size = rnd.choice([s for s in sizes if s < lab.size])
        if n % 8 == 7:
            folder = os.path.join(lab.folder, "attacked")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(lab.data_early, folder)
            at = None
        else:
            # Between two checkpoints: behind the one, and before the other.
            at = size if n % 3 == 0 else rnd.randrange(sizes[0], lab.size)
            folder, _ = attacked(lab, lambda db: cut_at(db, at))

        def verify(*args):
            return run([t.BINARY, "audit", "verify", folder, "--trust", lab.key] + list(args))
        where = "cut %d of seed %d, at %s of %s" % (n, SEED, at, sizes)
        code, said = verify("--json")
        if code == 20 and "V006" in said and at not in sizes:
            continue  # between a run's end and the case's word about it, which are of one commit
        assert code == 0, (where, said)
        found = json.loads(said.splitlines()[0])
        assert at is None or found["entries"] == at, (where, found)
        sealed = [c["n"] for c in found["checks"] if c["id"] == "sealed"]
        assert at is None or sealed == [max(s for s in sizes if s <= at)], (where, found)
        # What it has of checkpoints is all that is signed of it.
        assert verify("--at-least", str(sealed[0]))[0] == 0, where
        assert verify("--at-least", str(sealed[0] + 1))[0] == 20, where
        shutil.copy(memory, kept)
        assert verify("--remember", kept)[0] == 20 and read(kept) == read(memory), where


def main():
    lab = Lab()
    try:
        t.main([(lambda f: setattr(w := (lambda: f(lab)), "__name__", f.__name__) or w)(f)
                for f in (test_untouched_is_verified, test_trust_age_and_memory, test_continues_what_was_seen,
                          test_the_same_of_the_database, test_tar_needs_no_unpacking,
                          test_changed_is_not_verified, test_changed_tar,
                          test_changed_tiles_and_proofs, test_changed_database,
                          test_older_logs, test_an_old_copy_shown_again)])
    finally:
        lab.close()


if __name__ == "__main__":
    t.need_binary()
    main()
