"""Bundles of one real log and the three verifiers that must agree about them."""
import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import tocsin_test as t

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import driver

VERIFY = os.path.join(t.BUILD, "tocsin-verify")
SCRIPT = os.path.join(t.SOURCE, "src", "verify", "verify.py")
_spec = importlib.util.spec_from_file_location("verify_py", SCRIPT)
verify_py = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(verify_py)


def run(argv):
    env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_FAULT")}
    done = subprocess.run(argv, capture_output=True, timeout=120, env=env)
    return done.returncode, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def by_script(args):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = verify_py.main(list(args))
    return code, out.getvalue()


def verdicts(path, *args):
    """(code, code, code) of tocsin, tocsin-verify and verify.py, and what they said."""
    said = [run([t.BINARY, "audit", "verify", path] + list(args)), run([VERIFY, path] + list(args)),
            by_script([path] + list(args))]
    return tuple(code for code, _ in said), "\n".join(text for _, text in said)


def agreed(path, *args):
    codes, said = verdicts(path, *args)
    assert len(set(codes)) == 1, "%s %s: tocsin %d, tocsin-verify %d, verify.py %d\n%s" % (
        (path, args) + codes + (said,))
    return codes[0], said


def sign(seed, message):
    """Ed25519 (RFC 8032) with the group of verify.py: returns the public key and the signature."""
    v = verify_py

    def pack(p):
        z = pow(p[2], v.P - 2, v.P)
        return ((p[1] * z % v.P) | (p[0] * z % v.P & 1) << 255).to_bytes(32, "little")

    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public = pack(v.times(a, v.BASE))
    r = int.from_bytes(hashlib.sha512(h[32:] + message).digest(), "little") % v.L
    big_r = pack(v.times(r, v.BASE))
    k = int.from_bytes(hashlib.sha512(big_r + public + message).digest(), "little") % v.L
    return public, big_r + ((r + k * a) % v.L).to_bytes(32, "little")


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def write(data, *path):
    with open(os.path.join(*path), "wb") as f:
        f.write(data)


def fix_manifest(folder, size=None):
    """The manifest as tocsin would have written it over the files that are there now."""
    head = read(folder, "manifest").split(b"\n")[:4]
    if size is not None:
        head[3] = b"size %d" % size
    names = []
    for base, _, files in os.walk(folder):
        names += [os.path.relpath(os.path.join(base, f), folder) for f in files]
    names.remove("manifest")
    lines = [("sha256 %s %s" % (hashlib.sha256(read(folder, n)).hexdigest(), n)).encode()
             for n in sorted(names, key=str.encode)]
    write(b"\n".join(head + lines) + b"\n", folder, "manifest")


class Lab:
    """A log with two cases, exported early and late, and its key."""

    def __init__(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="tocsin-bundles-", dir=base)
        with driver.make_node() as node:
            d = driver.Driver(node)
            node.start()
            d.submit("k1")
            case = node.cli("case", "list").json["items"][0]["name"]
            self.key = t.wait_for(lambda: node.cli("audit", "head").json, 20)["key"]
            self.case_early = self.export(node, "case_early", case)
            self.all_early = self.export(node, "all_early", "all")
            self.range_early = self.export(node, "range_early", "--from", "5", "--to", "40")
            self.data_early = self.data_of(node, "data_early")
            if not d.run(("k1", "k2")):
                raise t.Failed("the node died")
            other = [c["name"] for c in node.cli("case", "list").json["items"] if c["name"] != case][0]
            node.cli("note", other, "x", as_person="resp1")
            self.case = self.export(node, "case", case, "--open", "--tlp", "red")
            self.other = self.export(node, "other", other)
            self.all = self.export(node, "all", "all", "--open", "--tlp", "red")
            self.range = self.export(node, "range", "--from", "5", "--to", "40")
            self.size = int(read(self.all, "manifest").split(b"\n")[3].split()[1])
            node.stop()
            self.data = self.data_of(node, "data")
        proofs = sorted(os.listdir(os.path.join(self.case, "entries")))
        self.proof = os.path.join(self.case, "entries", proofs[3])
        self.tiles = os.path.join(self.folder, "tiles")
        os.mkdir(self.tiles)
        shutil.copy(os.path.join(self.all, "checkpoint"), self.tiles)
        shutil.copytree(os.path.join(self.all, "tile"), os.path.join(self.tiles, "tile"))

    def data_of(self, node, name):
        out = os.path.join(self.folder, name)
        os.mkdir(out)
        source = sqlite3.connect(node.database)
        copy = sqlite3.connect(os.path.join(out, "tocsin.db"))
        source.backup(copy)
        source.close()
        copy.close()
        shutil.copy(os.path.join(node.data, "tocsin.key"), out)
        return out

    def export(self, node, name, *args):
        out = os.path.join(self.folder, name)
        node.cli("audit", "export", *args, "--out", out, as_person="op1", check=0)
        return out

    def copy(self, of):
        out = os.path.join(self.folder, "copy")
        shutil.rmtree(out, ignore_errors=True)
        if os.path.isdir(of):
            shutil.copytree(of, out)
        else:
            os.mkdir(out)
            shutil.copy(of, out)
            out = os.path.join(out, os.path.basename(of))
        return out

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
