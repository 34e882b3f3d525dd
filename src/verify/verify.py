#!/usr/bin/env python3
"""verify.py - checks what `tocsin audit export` wrote, with Python's standard library and nothing else.

    python3 verify.py PATH --trust KEY [--witness KEY]... [--at-least N] [--remember FILE]

PATH      a bundle or tiles with a checkpoint (C2SP tlog-tiles), as a folder or a tar file; or one
          .tlog-proof
KEY       a verifier key NAME+ID+BASE64, or a file of such lines (`log KEY`, `witness NAME KEY` too)
Exits     0 verified, 20 tampered, 21 cannot tell, 22 unusable; docs/audit.md says what each means
"""
import base64
import hashlib
import os
import re
import sys

VERIFIED, TAMPERED, CANNOT_TELL, UNUSABLE = 0, 20, 21, 22
WORDS = {0: "VERIFIED", 20: "TAMPERED", 21: "CANNOT TELL", 22: "UNUSABLE"}


class Finding(Exception):
    """What decides: a verdict, a code, and words."""

    def __init__(self, verdict, code, words):
        super().__init__(words)
        self.verdict, self.code, self.words = verdict, code, words


def tampered(code, words, *args):
    return Finding(TAMPERED, code, words % args if args else words)


def sha(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha(b"\x01" + left + right)


def unbase64(text):
    """Strict: one value has one text."""
    try:
        out = base64.b64decode(text, validate=True)
    except ValueError:
        raise tampered("V111", "not base64")
    if base64.b64encode(out) != (text if isinstance(text, bytes) else text.encode()):
        raise tampered("V111", "not base64 as it is written")
    return out


def number(text):
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) > 2**63 - 1:
        raise tampered("V110", "not a number: %.30s", text)
    return int(text)


# --- Ed25519 (RFC 8032), verification only ------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * I % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public, message, sig):
    a, r, s = point(public), point(sig[:32]), int.from_bytes(sig[32:], "little")
    if len(sig) != 64 or not a or not r or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


# --- signed notes and checkpoints ---------------------------------------------------------------

def name_ok(name):
    return 0 < len(name.encode()) < 256 and "+" not in name and not any(
        c.isspace() or ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in name)


class Key:
    def __init__(self, text):
        try:
            self.name, kid, raw = text.split("+", 2)
            raw = unbase64(raw)
        except (ValueError, Finding):
            raise Finding(UNUSABLE, "V112", "not a verifier key: %.80s" % text)
        self.type, self.public, self.id = raw[:1], raw[1:], bytes.fromhex(kid) \
            if re.fullmatch("[0-9a-f]{8}", kid) else b""
        if len(raw) != 33 or self.type not in (b"\x01", b"\x04") or not name_ok(self.name) or \
                self.id != sha(self.name.encode() + b"\n" + raw)[:4]:
            raise Finding(UNUSABLE, "V112", "not a verifier key: %.80s" % text)


class Checkpoint:
    def __init__(self, data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise tampered("V111", "the checkpoint is not text")
        at = text.rfind("\n\n")
        if at < 0 or len(data) > 128 << 10 or not text.endswith("\n") or \
                re.search(r"[\x00-\x09\x0b-\x1f]", text):
            raise tampered("V111", "the checkpoint is not a signed note")
        self.data, self.text, self.sigs = data, text[:at + 1].encode(), []
        for line in text[at + 2:].split("\n")[:-1]:
            m = re.fullmatch("\u2014 ([^ ]+) (.+)", line)
            if not m or not name_ok(m.group(1)):
                raise tampered("V111", "a signature line of the checkpoint is malformed")
            raw = unbase64(m.group(2))
            if len(raw) <= 4:
                raise tampered("V111", "a signature line of the checkpoint is malformed")
            self.sigs.append((m.group(1), raw[:4], raw[4:]))
        lines = text[:at + 1].split("\n")
        if not self.sigs or len(self.sigs) > 64 or len(lines) != 4 or not name_ok(lines[0]):
            raise tampered("V111", "the checkpoint is not origin, size and root")
        self.origin, self.size, self.root = lines[0], number(lines[1]), unbase64(lines[2])
        if len(self.root) != 32:
            raise tampered("V111", "the checkpoint's root is not a hash")

    def signed(self, key):
        """True: well signed; False: not at all. A bad signature is a finding."""
        found = False
        for name, kid, sig in self.sigs:
            if name != key.name or kid != key.id:
                continue
            message, raw = self.text, sig
            if key.type == b"\x04":
                raw = sig[8:]
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(sig[:8], "big") + message
            if len(raw) != 64 or not ed25519(key.public, message, raw):
                raise tampered("V111", "the signature of %s is wrong", name)
            found = True
        return found


# --- trees --------------------------------------------------------------------------------------

class Tree:
    """RFC 6962, appended leaf by leaf."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        n, h = self.size, leaf
        while n & 1:
            h, n = node(self.peaks.pop(), h), n >> 1
        self.peaks.append(h)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha(b"")
        h = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            h = node(left, h)
        return h


def included(leaf, index, size, proof, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def continues(older, m, size, proof, root):
    """RFC 9162, 2.1.4.2, 0 < m < size: the tree of root began with the m leaves of older."""
    fn, sn, proof = m - 1, size - 1, list(proof)
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if fn and not proof:
        return False
    fr = sr = proof.pop(0) if fn else older
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(p, fr), node(p, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == older and sr == root


# --- entries ------------------------------------------------------------------------------------

HEX, ULID, NUM = "[0-9a-f]{64}", "[0-7][0-9A-HJKMNP-TV-Z]{25}", "(?:0|[1-9][0-9]*)"
KEYS = [("seq", NUM, 1), ("id", ULID, 1), ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}000000Z", 1),
        ("clock", "[su],%s,[0-9a-f]{8},%s" % (NUM, NUM), 1), ("node", "[^,]+,%s" % NUM, 1),
        ("kind", r"[a-z0-9_]+(?:\.[a-z0-9_]+)*", 1), ("actor", "", 1), ("auth", "", 1),
        ("case", ULID, 0), ("run", ULID, 0), ("chain", "(?:run:%s|case:%s|sys)" % (ULID, ULID), 1),
        ("rseq", NUM, 1), ("rprev", HEX, 1), ("ref", NUM, 0), ("playbook", "", 0), ("step", "", 0),
        ("attempt", NUM, 0), ("idem", "", 0), ("outcome", "", 0), ("reason", "", 0), ("from", "", 0),
        ("to", "", 0), ("rlen", NUM, 0), ("rlast", HEX, 0), ("tlp", "", 0), ("ret", "", 0)]
LINES = "".join("(?:%s (%s)\n)%s" % (k, rule or "[!-~]+", "" if need else "?")
                for k, rule, need in KEYS)
ENTRY = re.compile("tocsin-audit/v1\n" + LINES + "((?:c\\.[a-z0-9]{1,15} %s\n)*)" % HEX, re.ASCII)


def real_time(t):
    y, mo, d, h, mi, s = (int(x) for x in re.split("[-T:.]", t)[:6])
    days = [31, 29 if y % 4 == 0 and (y % 100 or y % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31,
            30, 31]
    return y >= 1970 and 1 <= mo <= 12 and 1 <= d <= days[mo - 1] and h < 24 and mi < 60 and s < 60


def parse_entry(data, where):
    """The entry as a dict; anything that tocsin would not have written is a finding."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise tampered("V001", "entry %s: it is not ASCII", where)
    m = ENTRY.fullmatch(text) if len(text) <= 4096 else None
    if not m or any(len(v) > 512 for v in m.groups() if v and "\n" not in v):
        raise tampered("V001", "entry %s: it is not in its canonical form", where)
    e = {k[0]: v for k, v in zip(KEYS, m.groups()) if v is not None}
    e["c"] = dict(line[2:].split(" ") for line in (m.groups()[-1] or "").split("\n") if line)
    fields = re.findall("c\\.([a-z0-9]+) ", m.groups()[-1] or "")
    for k in ("seq", "rseq", "ref", "rlen"):
        if k in e:
            e[k] = number(e[k])
    if "attempt" in e:
        number(e["attempt"])
    chain = e["chain"].split(":")
    if fields != sorted(set(fields)) or len(fields) > 6 or ("rlen" in e) != ("rlast" in e) or \
            not real_time(e["time"]) or len(chain) == 2 and e.get(chain[0]) != chain[1]:
        raise tampered("V001", "entry %s: it is not in its canonical form", where)
    return e


class Log:
    """Entries in order: positions, chains, closes. `whole`: from the first on, without gaps."""

    def __init__(self, whole):
        self.whole, self.chains, self.leaves, self.entries = whole, {}, [], {}
        self.boot = None

    def add(self, data, seq):
        e, leaf = parse_entry(data, seq), sha(b"\0" + data)
        if e["seq"] != seq or e.get("ref", -1) >= seq:
            raise tampered("V002", "entry %d: it names another position", seq)
        c = self.chains.setdefault(e["chain"], {"n": 0, "leaf": "0" * 64, "closed": None, "told": False})
        if (self.whole or c["n"]) and (e["rseq"] != c["n"] or e["rprev"] != c["leaf"]) or \
                e["rseq"] == 0 and e["rprev"] != "0" * 64:
            raise tampered("V003", "entry %d: it does not continue its chain", seq)
        if c["closed"] is not None:
            raise tampered("V006", "entry %d: its run was closed before", seq)
        c["n"], c["leaf"] = e["rseq"] + 1, leaf.hex()
        if e["kind"] == "run.closed":
            c["closed"] = seq
        if e["kind"] == "run.ended":
            run = self.chains.get("run:" + e.get("run", ""))
            if "rlast" not in e or "run" not in e or self.whole and (not run or run["closed"] is None):
                raise tampered("V006", "entry %d: it ends a run that is not closed", seq)
            if run:
                if (run["n"], run["leaf"]) != (e["rlen"], e["rlast"]):
                    raise tampered("V006", "entry %d: the run does not end as it says", seq)
                run["told"] = True
        boot, ns = e["clock"].split(",")[2:]
        if self.boot and self.boot[:2] == (e["node"], boot) and int(ns) < self.boot[2]:
            raise tampered("V008", "entry %d: its boot clock is behind the one before", seq)
        self.boot = (e["node"], boot, int(ns))
        self.leaves.append(leaf)
        self.entries[seq] = e
        return e, leaf

    def finish(self):
        for c in self.chains.values():
            if self.whole and c["closed"] is not None and not c["told"]:
                raise tampered("V006", "entry %d: its case does not say that the run ended", c["closed"])


# --- what is verified ---------------------------------------------------------------------------

def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as error:
        raise Finding(UNUSABLE, "V118", str(error))


class Files:
    """What was handed out: a folder, or a tar file (ustar) of one. Names are bytes in order."""

    def __init__(self, path):
        self.path, self.at = path, {}
        if os.path.isdir(path):
            for folder, below, names in os.walk(path):
                links = [n for n in below if os.path.islink(os.path.join(folder, n))]
                for n in names + links:
                    full = os.path.join(folder, n)
                    self.at[os.path.relpath(full, path)] = full
        else:
            self.list_tar()
        self.names = sorted(self.at, key=os.fsencode)

    def list_tar(self):
        size, at = os.path.getsize(self.path), 0
        with open(self.path, "rb") as f:
            while True:
                f.seek(at)
                head = f.read(512)
                if len(head) < 512:
                    raise tampered("V110", "the tar file at byte %d: it is cut", at)
                if not any(head):
                    break
                if head[148:156] != b"%06o\0 " % (sum(head[:148]) + sum(head[156:]) + 256) or \
                        head[257:262] != b"ustar" or \
                        head[345] or not re.match(b"[0-7]{1,11}[\\0 ]", head[124:136]) or \
                        head[156] not in b"\x0005":
                    raise tampered("V110", "the tar file at byte %d: not as it is written", at)
                n = int(re.match(b"[0-7]+", head[124:136]).group(), 8)
                at += 512
                f.seek(at + n)
                pad = f.read(-n % 512)
                if at + n + -n % 512 > size or any(pad):
                    raise tampered("V110", "the tar file at byte %d: it is cut, or holds more", at)
                name = os.fsdecode(head[:100].split(b"\0")[0])
                name = name[2:] if name.startswith("./") else name
                if head[156] != ord("5"):
                    if name in self.at:
                        raise tampered("V110", "%s is there twice", name)
                    self.at[name] = (at, n)
                at += n + -n % 512
            f.seek(at)
            rest = f.read()
        if len(rest) < 1024 or any(rest):
            raise tampered("V110", "the tar file at byte %d: it is cut, or holds more", at)

    def __contains__(self, name):
        return name in self.at

    def read(self, name, code="V110"):
        where = self.at.get(name)
        try:
            if isinstance(where, str):
                with open(where, "rb") as f:
                    return f.read()
            if where is not None:
                with open(self.path, "rb") as f:
                    f.seek(where[0])
                    return f.read(where[1])
        except OSError:
            pass
        raise tampered(code, "%s is missing or cannot be read", name)


def parse_proof(data):
    """(entry or None, index, hashes, checkpoint bytes) of c2sp.org/tlog-proof@v1."""
    head, gap, note = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if not gap or lines.pop(0) != b"c2sp.org/tlog-proof@v1":
        raise tampered("V116", "not a proof")
    extra = None
    if lines and lines[0].startswith(b"extra "):
        extra = unbase64(lines.pop(0)[6:])
    if not lines or not lines[0].startswith(b"index "):
        raise tampered("V116", "a proof without an index")
    index = number(lines.pop(0)[6:].decode("ascii", "replace"))
    hashes = [unbase64(h) for h in lines]
    if len(hashes) > 63 or any(len(h) != 32 for h in hashes):
        raise tampered("V116", "a proof with something else than hashes")
    return extra, index, hashes, note


def check_proof(data, checkpoint=None):
    extra, index, hashes, note = parse_proof(data)
    cp = checkpoint or Checkpoint(note)
    if note != cp.data:
        raise tampered("V116", "entry %d: its proof has another checkpoint", index)
    if extra is None:
        raise Finding(CANNOT_TELL, "V116", "the proof is there and the entry is not")
    if not included(sha(b"\0" + extra), index, cp.size, hashes, cp.root):
        raise tampered("V116", "entry %d: the proof does not show it in the log", index)
    return extra, index, cp


def tile_path(level, n, width):
    s = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        s = "x%03d/%s" % (n % 1000, s)
    return "tile/%s/%s%s" % (level, s, "" if width == 256 else ".p/%d" % width)


def tiles_of(size):
    """(level, n, width) of every tile of a tree, entry bundles as level -1."""
    level, count = 0, size
    while count:
        for n in range((count + 255) // 256):
            yield level, n, min(256, count - 256 * n)
        level, count = level + 1, count >> 8
    for n in range((size + 255) // 256):
        yield -1, n, min(256, size - 256 * n)


def check_tiles(files, cp, log, probe):
    """Entries go to log.add when there is a log; probe gets the roots of the sizes it asks for."""
    tree, rows = Tree(), [[]]

    def take(level, n, width):
        return files.read(tile_path("entries" if level < 0 else level, n, width), "V120")

    for _, n, width in (t for t in tiles_of(cp.size) if t[0] < 0):
        data, at = take(-1, n, width), 0
        for i in range(width):
            end = at + 2 + int.from_bytes(data[at:at + 2], "big")
            if len(data) < at + 2 or len(data) < end:
                raise tampered("V120", "entry %d is cut", 256 * n + i)
            text, at = data[at + 2:end], end
            leaf = log.add(text, 256 * n + i)[1] if log else sha(b"\0" + text)
            tree.append(leaf)
            rows[0].append(leaf)
            if tree.size in probe:
                probe[tree.size] = tree.root()
        if at != len(data):
            raise tampered("V120", "there is more behind entry %d", 256 * n + width - 1)
        if len(rows[0]) == 256 or 256 * n + width == cp.size:
            level = 0  # every tile that is full now, and at the end the others
            while level < len(rows):
                full = len(rows[level]) == 256
                if full or 256 * n + width == cp.size and rows[level]:
                    index = (256 * n + width - 1) >> 8 * (level + 1) if full else cp.size >> 8 * (level + 1)
                    if take(level, index, len(rows[level])) != b"".join(rows[level]):
                        raise tampered("V120", "%s is wrong", tile_path(level, index, len(rows[level])))
                if full:
                    part = Tree()
                    for h in rows[level]:
                        part.append(h)
                    if level + 1 == len(rows):
                        rows.append([])
                    rows[level + 1].append(part.root())
                    rows[level] = []
                level += 1
    if tree.root() != cp.root:
        raise tampered("V005", "the entries do not give the checkpoint's root")


def check_openings(data, log):
    before, opened, gone = None, 0, []
    lines = data.decode("ascii", "replace").split("\n")
    if lines.pop() != "":
        raise tampered("V117", "the openings are cut")
    for line in lines:
        m = re.fullmatch("(%s) gone" % NUM, line)
        if m:  # nothing else of this entry may be opened
            if before is not None and int(m.group(1)) <= before[0] or \
                    not log.entries.get(number(m.group(1)), {"c": {}})["c"]:
                raise tampered("V117", "an opening is malformed or out of order")
            before = (number(m.group(1)), "~")
            gone.append(before[0])
            continue
        m = re.fullmatch("(%s) ([a-z0-9]{1,15}) ([^ ]+) ([^ ]*)" % NUM, line)
        if not m or before is not None and (int(m.group(1)), m.group(2)) <= before:
            raise tampered("V117", "an opening is malformed or out of order")
        before = (number(m.group(1)), m.group(2))
        salt, payload = unbase64(m.group(3)), unbase64(m.group(4))
        want = log.entries.get(before[0], {"c": {}})["c"].get(before[1])
        have = sha(b"tocsin-commit/v1\n" + before[1].encode() + b"\n" + salt + payload).hex()
        if len(salt) != 32 or want != have:
            raise tampered("V117", "entry %d: what is opened is not what it committed to", before[0])
        opened += 1
    return opened, gone


def check_consistency(data, cp, probe):
    """`SIZE ROOT` and the hashes of a proof that cp continues it, a line each; sizes rise."""
    lines, before = data.decode("ascii", "replace").split("\n"), 0
    bad = tampered("V121", "a proof of consistency is malformed or does not lead to the checkpoint")
    if lines.pop() != "":
        raise bad
    while lines:
        m = re.fullmatch("(%s) ([^ ]+)" % NUM, lines.pop(0))
        size = number(m.group(1)) if m else 0
        hashes = [unbase64(m.group(2))] if m else []
        while lines and " " not in lines[0]:
            hashes.append(unbase64(lines.pop(0)))
        if not before < size < cp.size or len(hashes) > 65 or any(len(h) != 32 for h in hashes) or \
                not continues(hashes[0], size, cp.size, hashes[1:], cp.root):
            raise bad
        before = size
        if size in probe:
            probe[size] = hashes[0]


def uncovered(log, gone):
    """Those of `gone` that no later audit.erase entry names by position or by their case."""
    left = dict.fromkeys(gone)
    for seq, e in log.entries.items():
        if e["kind"] == "audit.erase" and left:
            for g in [g for g in left if g < seq and (
                    e.get("from") == str(g) if e.get("from") != "case" else
                    "case" in e and log.entries[g].get("case") == e["case"])]:
                del left[g]
    return list(left)


def check_case(log, case, seqs):
    """Every chain of the case from its start, ended by the export's own count. True: complete."""
    opened = set()
    for seq in seqs:
        e = log.entries[seq]
        if e.get("case") != case or e["chain"] == "sys":
            raise tampered("V119", "entry %d is not of this case", seq)
        if e["kind"] == "run.opened":
            opened.add("run:" + e.get("run", ""))
        elif e["chain"].startswith("run:") and e["chain"] not in opened:
            raise tampered("V119", "entry %d is of a run that was not opened", seq)
    for chain in opened:
        if chain not in log.chains:
            raise tampered("V119", "%s was opened and has no entry here", chain)
    last = log.entries[seqs[-1]] if seqs else {}
    if last.get("kind") != "audit.export" or "rlast" not in last:
        return False
    tree = Tree()
    for leaf in log.leaves[:-1]:
        tree.append(leaf)
    if (last["rlen"], last["rlast"]) != (tree.size, tree.root().hex()):
        raise tampered("V119", "entry %d counts %d entries of the case, not these", last["seq"],
                       last["rlen"])
    return True


FILES = {"README.txt", "checkpoint", "consistency", "index.html", "openings", "policy", "verify.py"}


class Bundle:
    """Files with a manifest."""

    def __init__(self, files, probe):
        self.files, self.why_not = files, None
        lines = files.read("manifest").decode("utf-8", "replace").split("\n")
        if lines.pop() != "" or len(lines) < 4 or lines[0] != "tocsin-bundle/v1":
            raise tampered("V110", "the manifest is not one")
        scope = lines[1].split(" ")
        if lines[1] == "scope all":
            pass
        elif not re.fullmatch("scope (case %s|range %s %s)" % (ULID, NUM, NUM), lines[1]):
            raise tampered("V110", "the manifest has no scope")
        listed = self.listed(lines[4:])
        self.cp = Checkpoint(files.read("checkpoint"))
        if lines[2] != "origin " + self.cp.origin or lines[3] != "size %d" % self.cp.size:
            raise tampered("V110", "manifest and checkpoint name another log or size")
        parts = "tile/" if scope[1] == "all" else "entries/"
        others = [p for p in listed if not p.startswith(parts)]
        if not set(others) <= FILES or scope[1] == "all" and \
                len(listed) - len(others) != sum(1 for _ in tiles_of(self.cp.size)):
            raise tampered("V110", "there are files that do not belong to such a bundle")
        self.log = Log(scope[1] != "range")
        seqs = self.proofs() if scope[1] != "all" else []
        if scope[1] == "all":
            check_tiles(files, self.cp, self.log, probe)
        elif scope[1] == "range" and seqs != list(range(number(scope[2]), number(scope[3]) + 1)):
            raise tampered("V119", "the range is not %s to %s without a gap", scope[2], scope[3])
        elif scope[1] == "case":
            if not check_case(self.log, scope[2], seqs):
                self.why_not = ("V119", "nothing shows that no later entry of the case was left out")
        if scope[1] != "range":
            self.log.finish()
        opened, gone = check_openings(files.read("openings"), self.log)
        if "consistency" in files:
            check_consistency(files.read("consistency"), self.cp, probe)
        lost = uncovered(self.log, gone)
        self.what = "%s, %d entries, %d opened" % (" ".join(scope[1:]), len(self.log.entries), opened)
        if len(gone) > len(lost):
            self.what += ", %d erased and covered" % (len(gone) - len(lost))
        if lost and not self.why_not:  # what says why may stand behind the checkpoint or the range
            self.why_not = ("V009", "entry %d: what it commits to is gone, and no audit.erase here says "
                            "why" % lost[0])

    def listed(self, lines):
        """The listed files and no others, each with its hash."""
        have = [n for n in self.files.names if n != "manifest"]
        listed = [line[72:] for line in lines]
        if have != listed or not {"checkpoint", "openings"} <= set(listed):
            raise tampered("V110", "files are missing or too many, or not listed in order")
        for line, name in zip(lines, listed):
            if line != "sha256 %s %s" % (sha(self.files.read(name)).hex(), name):
                raise tampered("V110", "%s is not the file that the manifest lists", name)
        return listed

    def proofs(self):
        seqs = []
        for name in self.files.names:
            if not name.startswith("entries/"):
                continue
            if not re.fullmatch("entries/" + NUM + "\\.tlog-proof", name):
                raise tampered("V110", "%s does not belong there", name)
            seqs.append(number(name[8:].split(".")[0]))
        for seq in sorted(seqs):
            text, index, _ = check_proof(self.files.read("entries/%d.tlog-proof" % seq), self.cp)
            if index != seq:
                raise tampered("V116", "entry %d: its proof is of another", seq)
            self.log.add(text, seq)
        return sorted(seqs)


def subject(path, probe):
    """(checkpoint, words, None or (code, why) when it cannot tell)"""
    neither = Finding(UNUSABLE, "V118", "%s is neither a bundle, nor tiles, nor a proof" % path)
    if os.path.isfile(path):
        with open(path, "rb") as f:
            head = f.read(512)
        if head.startswith(b"c2sp.org/tlog-proof@v1\n"):
            text, index, cp = check_proof(read(path))
            if text.startswith(b"tocsin-audit/v1\n") and parse_entry(text, index)["seq"] != index:
                raise tampered("V002", "entry %d: it names another position", index)
            return cp, "one entry, #%d" % index, None
        if len(head) < 512 or head[257:262] != b"ustar":
            raise neither
    files = Files(path)
    if "manifest" in files:
        b = Bundle(files, probe)
        return b.cp, b.what, b.why_not
    if "checkpoint" not in files or not any(n.startswith("tile/") for n in files.names) or \
            any(n != "checkpoint" and not n.startswith("tile/") for n in files.names):
        raise neither
    cp = Checkpoint(files.read("checkpoint", "V111"))
    check_tiles(files, cp, None, probe)
    return cp, "tiles, %d entries" % cp.size, None


def keys(values, kind):
    out = []
    for value in values:
        lines = [value]
        if os.path.isfile(value):
            lines = [s.strip() for s in read(value).decode("utf-8", "replace").splitlines()]
        for line in lines:
            word = line.split(" ")
            if not line or line[0] == "#" or word[0] in ("group", "quorum"):
                continue
            if word[0] in ("log", "witness"):
                if (word[0] == "witness") != (kind == b"\x04"):
                    continue
                line = word[-1] if word[0] == "log" or len(word) < 3 else word[2]
            key = Key(line)
            if key.type == kind:
                out.append(key)
    return out


def recall(path):
    """The last checkpoint that was verified with this memory, or None."""
    if not path or not os.path.exists(path):
        return None
    try:
        return Checkpoint(read(path))
    except Finding as f:
        raise Finding(UNUSABLE, "V115", "%s: %s" % (path, f.words))


def check_memory(old, cp, probe):
    if old.origin != cp.origin:
        raise Finding(UNUSABLE, "V115", "the memory is of another log, %s" % old.origin)
    if old.size > cp.size:
        raise tampered("V115", "a checkpoint of %d entries was seen before, this one has %d", old.size,
                       cp.size)
    if old.size == cp.size and old.root != cp.root or (probe.get(old.size) or old.root) != old.root:
        raise tampered("V115", "the checkpoint of %d entries seen before is of another log", old.size)


def judge(path, opts):
    trust, witnesses = keys(opts["--trust"], b"\x01"), keys(opts["--witness"], b"\x04")
    least = opts["--at-least"][-1] if opts["--at-least"] else "0"
    if not re.fullmatch(NUM, least) or int(least) > 2**63 - 1:
        raise Finding(UNUSABLE, "V114", "--at-least is not a number")
    if not os.path.exists(path):
        raise Finding(UNUSABLE, "V118", "%s is not there" % path)
    memory = opts["--remember"][-1] if opts["--remember"] else None
    old = recall(memory)
    probe = {old.size: None} if old else {}
    cp, what, why_not = subject(path, probe)
    print("%s\nin checkpoint %d of %s" % (what, cp.size, cp.origin))
    signed = [k for k in trust if cp.signed(k)]
    seen = [k for k in witnesses if cp.signed(k)]
    if any(k.name != cp.origin for k in signed):
        raise tampered("V111", "the signing key is of another log")
    if cp.size < int(least):
        raise tampered("V114", "%d entries, and at least %s were asked for", cp.size, least)
    if old:
        check_memory(old, cp, probe)
    if not signed:
        raise Finding(CANNOT_TELL, "V112", "no key that you trust has signed it" if trust else
                      "consistent in itself; without --trust anyone can have signed it")
    if len(seen) < len(witnesses):
        raise Finding(CANNOT_TELL, "V113", "%d of %d witnesses have cosigned it" % (
            len(seen), len(witnesses)))
    if why_not:
        raise Finding(CANNOT_TELL, *why_not)
    if old and 0 < old.size < cp.size and not probe[old.size]:
        raise Finding(CANNOT_TELL, "V115", "nothing here shows that it continues the checkpoint of %d entries "
                      "seen before: ask for an export with --since %d" % (old.size, old.size))
    if memory:
        with open(memory + ".new", "wb") as f:
            f.write(cp.data)
        os.replace(memory + ".new", memory)
    return "signed by %s, %d witnesses" % (signed[0].name, len(seen))


def main(argv):
    opts = {"--trust": [], "--witness": [], "--at-least": [], "--remember": []}
    paths = []
    while argv:
        word = argv.pop(0)
        if word in opts and argv:
            opts[word].append(argv.pop(0))
        else:
            paths.append(word)
    if len(paths) != 1 or paths[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return UNUSABLE
    try:
        words, code, verdict = judge(paths[0], opts), "", VERIFIED
    except Finding as f:
        words, code, verdict = f.words, f.code + " ", f.verdict
    print("%s  %s%s" % (WORDS[verdict], code, words))
    if verdict == VERIFIED:
        print("not proved: what was done outside tocsin; anything after this checkpoint; that "
              "statements are true; what the reader page says")
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
