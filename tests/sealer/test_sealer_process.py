#!/usr/bin/env python3
"""The real tocsin-sealer over descriptor 3: honest growth, fork, rollback, kill at every point of a
signature, a full disk, torn files. Trees, proofs, notes and Ed25519 are computed here from their
definitions (RFC 6962, RFC 8032, C2SP signed-note), so nothing of tocsin vouches for itself."""
import base64
import fcntl
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

BUILD = os.environ.get("TOCSIN_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                       "..", "..", "build", "release")
BINARY = os.path.join(BUILD, "tocsin-sealer")
SANITIZED = bool(os.environ.get("TOCSIN_SANITIZE"))
ORIGIN = "psirt.example.com/tocsin/test/audit/1"
HELLO, SEAL, SEALED, REFUSED = 1, 40, 41, 42


# --- Ed25519 verification, RFC 8032 section 5.1 -----------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    """Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(point, n):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def decode(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P:
        raise ValueError("not on the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_ok(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return s < L and same(multiply(BASE, s),
                          add(decode(signature[:32]), multiply(decode(public), k)))


# --- RFC 6962 ---------------------------------------------------------------------------------------

def leaf(n, history=0):
    return hashlib.sha256(b"\0entry %d %d" % (n, history if n >= 5 else 0)).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves):
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def subproof(m, leaves, known=True):
    if m == len(leaves):
        return [] if known else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], known) + [root(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [root(leaves[:k])]


def tree(n, history=0):
    return [leaf(i, history) for i in range(n)]


def body(n, history=0):
    return "%s\n%d\n%s\n" % (ORIGIN, n, base64.b64encode(root(tree(n, history))).decode())


def request(old, new, history=0):
    proof = subproof(old, tree(new, history)) if 0 < old < new else []
    return {"old": old, "proof": [base64.b64encode(h).decode() for h in proof],
            "body": body(new, history)}


# --- the process ------------------------------------------------------------------------------------

class Ended(Exception):
    pass


class Sealer:
    def __init__(self, folder, fault=None, more=()):
        mine, theirs = socket.socketpair()
        mine.settimeout(60)

        def hand_over():
            if theirs.fileno() == 3:
                os.set_inheritable(3, True)
            else:
                os.dup2(theirs.fileno(), 3)

        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_FAULT")}
        # LeakSanitizer stops its process with ptrace, which a confined child refuses.
        env["ASAN_OPTIONS"] = "detect_leaks=0"
        if fault:
            env["TOCSIN_FAULT"] = fault
        self.process = subprocess.Popen(
            [BINARY, "--key", folder + "/sealer.key", "--state", folder + "/state/sealer.state",
             *more],
            preexec_fn=hand_over, close_fds=False, stderr=subprocess.PIPE, env=env)
        theirs.close()
        self.socket = mine
        try:
            kind, self.hello = self.receive()
        except Ended:
            kind, self.hello = HELLO, None
        assert kind == HELLO

    def read(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Ended()
            data += more
        return data

    def receive(self):
        length, version, kind = struct.unpack(">IBB", self.read(6))
        assert version == 1
        return kind, json.loads(self.read(length - 2))

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *args):
        """(0, answer) when signed, else (status, answer)"""
        payload = json.dumps(request(*args)).encode()
        self.send(struct.pack(">IBB", len(payload) + 2, 1, SEAL) + payload)
        kind, answer = self.receive()
        if kind == SEALED:
            check_note(answer["note"], args[1], args[2] if len(args) > 2 else 0, self.hello["key"])
            return 0, answer
        assert kind == REFUSED, kind
        return answer["status"], answer

    def end(self):
        """Hangs up; its exit code and what it said."""
        self.socket.close()
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said.decode()


def check_note(note, size, history, key):
    """C2SP signed-note and tlog-checkpoint, by hand."""
    name, key_id, raw = key.split("+", 2)
    raw = base64.b64decode(raw)
    assert name == ORIGIN and raw[0] == 1 and len(raw) == 33
    assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == key_id
    text, line = note.rsplit("\n\n", 1)
    assert text + "\n" == body(size, history), note
    dash, signer, signature = line.rstrip("\n").split(" ")
    signature = base64.b64decode(signature)
    assert (dash, signer, signature[:4].hex()) == ("\u2014", ORIGIN, key_id)
    assert ed25519_ok(raw[1:], (text + "\n").encode(), signature[4:]), note
    assert not ed25519_ok(raw[1:], (text + "x\n").encode(), signature[4:])


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="tocsin-sealer-")
        os.mkdir(self.path + "/state", 0o700)
        self.state_file = self.path + "/state/sealer.state"
        run = self.init()
        assert run.returncode == 0, run
        self.key = run.stdout.decode().strip()

    def init(self):
        return subprocess.run([BINARY, "--init", ORIGIN, "--key", self.path + "/sealer.key",
                               "--state", self.state_file], capture_output=True, timeout=60)

    def state(self):
        with open(self.state_file, "rb") as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)


# --- the tests --------------------------------------------------------------------------------------

def test_grows_and_refuses():
    with Folder() as d:
        assert os.stat(d.path + "/sealer.key").st_mode & 0o777 == 0o600
        again = d.init()
        assert again.returncode == 22 and b"V0" in again.stderr, again
        s = Sealer(d.path)
        assert s.hello["key"] == d.key and s.hello["size"] == 0, s.hello
        size = 0
        for n in (0, 1, 2, 7, 8, 13):
            assert s.ask(size, n)[0] == 0
            size = n
        before = d.state()
        for args, status in (((13, 20, 1), 422),   # a fork, with its own proof
                             ((13, 13, 1), 409),   # another root of the same size
                             ((8, 20), 409),       # rolled back, goes on from there
                             ((8, 8), 409),        # rolled back, asks for less
                             ((0, 20), 409),
                             ((14, 20), 409),
                             ((13, 8), 400)):
            got, answer = s.ask(*args)
            assert got == status, (args, answer)
            assert answer["size"] == 13 and answer["code"].startswith("V02"), answer
            assert base64.b64decode(answer["root"]) == root(tree(13))
            assert d.state() == before
        assert s.ask(13, 20)[0] == 0
        assert s.end() == (0, "")
        s = Sealer(d.path)
        assert s.hello["size"] == 20
        # One sealer at a time.
        other = Sealer(d.path)
        assert other.hello is None
        code, said = other.end()
        assert code == 22 and "V022" in said, (code, said)
        assert s.ask(20, 21)[0] == 0
        assert s.end()[0] == 0


def test_killed_between():
    """Wherever it dies, the next one stands at the old size or the new one, says which, and signs
    onward; a signature never left before its size was on disk."""
    for point, size in (("sealer.persist", 9), ("sealer.written", 9), ("sealer.renamed", 14),
                        ("sealer.persisted", 14)):
        with Folder() as d:
            s = Sealer(d.path)
            assert s.ask(0, 9)[0] == 0
            s.end()
            s = Sealer(d.path, fault=point)
            try:
                s.ask(9, 14)
                raise AssertionError("it answered at " + point)
            except Ended:
                pass
            assert s.end()[0] < 0, point  # SIGKILL, or the filter's SIGSYS on the way to it
            s = Sealer(d.path)
            assert s.hello["size"] == size, (point, s.hello)
            # The core asks again as if nothing had been.
            status, answer = s.ask(9, 14)
            if size == 14:
                assert status == 409 and answer["size"] == 14
                status, answer = s.ask(14, 14)
            assert status == 0
            # A fork is no easier now.
            assert s.ask(14, 20, 1)[0] == 422
            assert s.ask(14, 20)[0] == 0
            assert s.end()[0] == 0


def test_disk_says_no():
    with Folder() as d:
        s = Sealer(d.path)
        assert s.ask(0, 9)[0] == 0
        s.end()
        before = d.state()
        s = Sealer(d.path, fault="sealer.persist=TSN_ENOSPC")
        for _ in range(2):
            status, answer = s.ask(9, 14)
            assert status == 503 and answer["size"] == 9 and answer["code"] == "V024", answer
            assert d.state() == before
        assert s.ask(9, 9)[0] == 0  # nothing to write
        assert s.end()[0] == 0
        # After the rename the truth is on disk alone: no answer, an end, and a new look.
        s = Sealer(d.path, fault="sealer.renamed=TSN_EIO")
        try:
            s.ask(9, 14)
            raise AssertionError("it answered")
        except Ended:
            pass
        code, said = s.end()
        assert code == 3 and "state unknown" in said, (code, said)
        s = Sealer(d.path)
        assert s.hello["size"] == 14 and s.ask(14, 15)[0] == 0
        s.end()


def test_the_one_before_is_still_ending():
    """A core that was killed is started again before its old sealer has seen the end of its channel."""
    with Folder() as d:
        s = Sealer(d.path)
        assert s.ask(0, 9)[0] == 0
        s.end()
        held = os.open(d.path + "/state", os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.7, os.close, (held,)).start()
        s = Sealer(d.path)
        assert s.hello["size"] == 9 and s.ask(9, 10)[0] == 0
        s.end()


def test_torn_files():
    with Folder() as d:
        s = Sealer(d.path)
        assert s.ask(0, 9)[0] == 0
        s.end()
        good = d.state()
        for bad in (b"", good[:-1], good[:len(good) // 2], good + b"\n", b"\0" * len(good),
                    good.replace(b"\n9\n", b"\n8\n"), good.replace(b"\n9\n", b"\n10\n")):
            with open(d.state_file, "wb") as f:
                f.write(bad)
            s = Sealer(d.path)
            assert s.hello is None, bad
            code, said = s.end()
            assert code == 22 and "V022" in said, (code, said)
            with open(d.state_file, "rb") as f:
                assert f.read() == bad  # evidence is left alone
        os.unlink(d.state_file)
        s = Sealer(d.path)
        assert s.hello is None and s.end()[0] == 22
        assert not os.path.exists(d.state_file)
        # What a crash left beside the state does not matter.
        with open(d.state_file, "wb") as f:
            f.write(good)
        with open(d.state_file + ".new", "wb") as f:
            f.write(good[:40])
        s = Sealer(d.path)
        assert s.hello["size"] == 9 and s.ask(9, 10)[0] == 0
        s.end()


def test_first_start_cut_short():
    """Killed between its state and its key: nothing was ever signed, so the next start makes both."""
    with Folder() as d:
        os.unlink(d.path + "/sealer.key")
        s = Sealer(d.path)
        assert s.hello is None and s.end()[0] == 22  # not by itself
        s = Sealer(d.path, more=("--create", ORIGIN))
        assert s.hello and s.hello["size"] == 0, s.end()
        assert s.hello["key"] != d.key and s.ask(0, 9)[0] == 0
        s.end()
        # With something signed, a key that is gone stays gone.
        os.unlink(d.path + "/sealer.key")
        signed = d.state()
        s = Sealer(d.path, more=("--create", ORIGIN))
        assert s.hello is None and s.end()[0] == 22
        assert d.state() == signed and not os.path.exists(d.path + "/sealer.key")


def test_not_the_protocol():
    with Folder() as d:
        for data in (b"GET / HTTP/1.1\r\n\r\n", struct.pack(">IBB", 2, 9, SEAL),
                     struct.pack(">IBB", 4, 1, 2) + b"{}", b"\0\0\0\0",
                     struct.pack(">IBB", 1 << 20, 1, SEAL) + b" " * (300 << 10)):
            s = Sealer(d.path)
            try:
                s.send(data)
                s.receive()
                raise AssertionError("it answered %r" % data[:20])
            except (Ended, BrokenPipeError, ConnectionResetError):
                pass
            assert s.process.wait(timeout=60) == 2, data[:20]
            s.end()
        # Half a frame and gone.
        s = Sealer(d.path)
        s.send(struct.pack(">IBB", 100, 1, SEAL) + b"{")
        assert s.end()[0] == 0


def test_confined():
    with Folder() as d:
        s = Sealer(d.path)
        with open("/proc/%d/status" % s.process.pid, encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        assert status["NoNewPrivs"].strip() == "1"
        if "system-call filter" not in s.hello["weaker"]:
            assert status["Seccomp"].strip() == "2"
        s.end()
        run = subprocess.run([BINARY], capture_output=True, timeout=60)
        assert run.returncode == 2 and b"usage" in run.stderr


if __name__ == "__main__":
    if not os.access(BINARY, os.X_OK):
        print("skipped: no binary at " + BINARY)
        sys.exit(77)
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok " + name)
