"""What an attacker does to bundles and databases, one way at a time: each takes the copy, where it is, and a source of
chance. They know the formats and make everything fit that they can; what they have not is the sealer's key."""
import base64
import os
import re
import shutil
import sqlite3
import struct

from bundle_lab import fix_manifest, read, sign, verify_py, write

UNPROVED = {"index.html", "verify.py", "README.txt", "policy"}
# Shorter, they show less, and nothing that is wrong: without them a bundle is one too.
OPTIONAL = {"openings", "consistency"}



# --- bundles ----------------------------------------------------------------------------------------------

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
    if name not in OPTIONAL:
        fix_manifest(copy)


def remove(lab, copy, rnd):
    name = rnd.choice([f for f in files_of(copy) if f not in OPTIONAL])
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


def old_file(lab, copy, rnd):
    """A file of an older copy over the new one, or a whole older bundle's content under the new checkpoint."""
    old = {lab.case: lab.case_early, lab.all: lab.all_early, lab.range: lab.range_early}.get(lab.of, lab.case_early)
    names = [f for f in proved(old) if f not in OPTIONAL
             and (f not in files_of(copy) or read(old, f) != read(copy, f))]
    if rnd.randrange(3):
        write_into(copy, rnd.choice(names), old)
        fix_manifest(copy)
        return
    note = read(copy, "checkpoint")
    for name in [f for f in files_of(copy) if f.startswith(("entries/", "tile/"))]:
        os.unlink(os.path.join(copy, name))
    for name in (f for f in files_of(old) if f.startswith(("entries/", "tile/"))):
        write_into(copy, name, old)
        write(read(old, name).replace(read(old, "checkpoint"), note), copy, name)
    fix_manifest(copy)


def write_into(copy, name, old):
    os.makedirs(os.path.dirname(os.path.join(copy, name)), exist_ok=True)
    write(read(old, name), copy, name)


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
           older_checkpoint, resign, edit_entry, cut_tail, leave_one_out, reorder_openings, change_scope,
           old_file)


# --- databases --------------------------------------------------------------------------------------------

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
    kind = n % KINDS
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
    elif kind == 11:  # the tail is cut, and everything beside it made to fit
        db.execute("DELETE FROM entry WHERE seq >= ?", (rnd.randrange(1, size - 1),))
        rebuild(db)
    elif kind == 12:  # two change places
        other = rnd.choice([x for x in range(size) if x != seq])
        rows = dict(db.execute("SELECT seq, text FROM entry WHERE seq IN (?, ?)", (seq, other)))
        for at, text in ((seq, rows[other]), (other, rows[seq])):
            put_text(db, at, text if rnd.randrange(2) else renumbered(text, at))
        rebuild(db)
    elif kind == 13:  # an entry of one case stands in another
        cases = [r[0] for r in db.execute("SELECT DISTINCT substr(text, instr(text, char(10) || 'case ') + 6, 26) FROM "
                                          "entry WHERE text LIKE '%' || char(10) || 'case %'")]
        mine = [(s, x) for s, x in db.execute("SELECT seq, text FROM entry WHERE seq < ?", (size,)) if cases[0] in x]
        seq, text = rnd.choice(mine)
        put_text(db, seq, text.replace(cases[0], rnd.choice(cases[1:])))
        rebuild(db)
    elif kind == 14:  # one more, and all behind it move on
        rows = db.execute("SELECT seq, prev, text, sealed FROM entry WHERE seq >= ? ORDER BY seq", (seq,)).fetchall()
        db.execute("DELETE FROM entry WHERE seq >= ?", (seq,))
        for at, (_, prev, text, sealed) in enumerate([rows[0]] + rows, seq):
            text = renumbered(text, at)
            db.execute("INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?, ?, ?, ?, ?)",
                       (at, prev, text, verify_py.sha(b"\0" + text.encode()), sealed))
        rebuild(db)
    else:  # written anew from one entry on by somebody who knows everything but the sealer's key
        rewrite(db, rnd, seq)


KINDS = 16


def put_text(db, seq, text):
    db.execute("UPDATE entry SET text = ?, leaf = ? WHERE seq = ?", (text, verify_py.sha(b"\0" + text.encode()), seq))


def renumbered(text, seq):
    return re.sub(r"(?m)^seq \d+$", "seq %d" % seq, text, count=1)


def rewrite(db, rnd, seq):
    """Another actor in one entry; links, tree and checkpoints made to fit, signed by a key of the attacker's."""
    name = db.execute("SELECT origin FROM sealkey").fetchone()[0]
    old_key = db.execute("SELECT key FROM sealkey").fetchone()[0]
    seed = rnd.randbytes(32)
    raw = b"\x01" + sign(seed, b"")[0]
    kid = verify_py.sha(name.encode() + b"\n" + raw)[:4]
    key = "%s+%s+%s" % (name, kid.hex(), base64.b64encode(raw).decode())
    sizes = dict(db.execute("SELECT size, note FROM checkpoint"))
    leaf_of, tree, roots = {}, verify_py.Tree(), {}
    for at, text in db.execute("SELECT seq, text FROM entry ORDER BY seq").fetchall():
        if at == seq:
            text = re.sub(r"(?m)^actor (.)", r"actor \1x", text, count=1)
        text = text.replace("to " + old_key, "to " + key)
        chain = re.search(r"(?m)^chain (.*)$", text).group(1)
        if chain in leaf_of:
            text = re.sub(r"(?m)^rprev .*$", "rprev " + leaf_of[chain], text)
        run = re.search(r"(?m)^run (.*)$", text)
        if "\nkind run.ended\n" in text:
            text = re.sub(r"(?m)^rlast .*$", "rlast " + leaf_of["run:" + run.group(1)], text)
        named = re.search(r"(?m)^to (\d+)/[0-9a-f]{64}$", text)
        if named and int(named.group(1)) in roots:
            text = text.replace(named.group(), "to %s/%s" % (named.group(1), roots[int(named.group(1))].hex()))
        put_text(db, at, text)
        leaf = verify_py.sha(b"\0" + text.encode())
        leaf_of[chain] = leaf.hex()
        tree.append(leaf)
        roots[tree.size] = tree.root()
    rebuild(db)
    for size in sizes:
        body = "%s\n%d\n%s\n" % (name, size, base64.b64encode(roots[size]).decode())
        sig = base64.b64encode(kid + sign(seed, body.encode())[1]).decode()
        db.execute("UPDATE checkpoint SET note = ? WHERE size = ?", ("%s\n\u2014 %s %s\n" % (body, name, sig), size))
    db.execute("UPDATE sealkey SET key = ?", (key,))


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


def cut_at(db, at):
    """The tail is cut there by somebody who knows what stands beside the entries."""
    db.execute("DELETE FROM entry WHERE seq >= ?", (at,))
    db.execute("DELETE FROM checkpoint WHERE size > ?", (at,))
    named = {}
    for text, in db.execute("SELECT text FROM entry WHERE text LIKE '%kind audit.checkpoint%'"):
        size = int(re.search(r"(?m)^to (\d+)/", text).group(1))
        named[size] = max(named.get(size, 1), 2 if "\nreason export\n" in text else 1)
    for size, in db.execute("SELECT size FROM checkpoint").fetchall():
        db.execute("UPDATE checkpoint SET kept = ? WHERE size = ?", (named.get(size, 0), size))
    rebuild(db)
