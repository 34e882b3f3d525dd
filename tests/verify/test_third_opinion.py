#!/usr/bin/env python3
"""The Go checksum database's own verifiers, unmodified from Debian, accept our checkpoints, tiles, proofs
and continuations, and refuse changed ones."""
import os
import shutil
import subprocess
import sys

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bundle_lab import Lab, agreed, read, write

GO = shutil.which("go")
SOURCE = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog"
HERE = os.path.dirname(os.path.abspath(__file__))


def build(folder):
    out = os.path.join(folder, "third")
    env = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="",
               GOCACHE=os.path.join(folder, "gocache"), CGO_ENABLED="0", GOPROXY="off")
    done = subprocess.run([GO, "build", "-o", out, os.path.join(HERE, "third_opinion", "main.go")],
                          env=env, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return out


def main():
    lab = Lab()
    try:
        third = build(lab.folder)

        def run(*args):
            done = subprocess.run([third, lab.key] + list(args), capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

        def test_accepts_the_log():
            code, said = run(lab.all, lab.all_early)
            assert code == 0 and "accepted %d entries" % lab.size in said and "continues " in said, said
            assert run(lab.tiles)[0] == 0

        def test_accepts_every_proof():
            for case in (lab.case, lab.other, lab.range):
                names = os.listdir(os.path.join(case, "entries"))
                for name in names:
                    code, said = run(os.path.join(case, "entries", name))
                    assert code == 0, said
                assert len(names) > 20

        def test_refuses_changed_ones():
            copy = lab.copy(lab.tiles)
            for base, _, files in os.walk(copy):
                for name in files:
                    data = read(base, name)
                    write(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], base, name)
                    assert run(copy)[0] != 0, name
                    write(data, base, name)
            path = lab.copy(lab.proof)
            data = read(path)
            for at in (40, len(data) // 2, len(data) - 60):
                write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], path)
                assert run(path)[0] != 0, at
            assert run(lab.all_early, lab.all)[0] != 0, "an older log does not continue a newer one"

        def test_a_log_that_others_made():
            """Independent input: tiles, checkpoint and proofs by Go alone, of entries that are not ours."""
            for size in (1, 256, 257, 1000, 66000):
                folder = os.path.join(lab.folder, "foreign-%d" % size)
                done = subprocess.run([third, "make", folder, "go.example/log", str(size)],
                                      capture_output=True, text=True)
                key = done.stdout.strip()
                assert done.returncode == 0 and key.startswith("go.example/log+"), done
                code, said = agreed(folder, "--trust", key)
                assert code == 0 and said.count("VERIFIED") == 3, (size, said)
                assert agreed(folder)[0] == 21 and agreed(folder, "--trust", lab.key)[0] == 21
                assert agreed(folder, "--trust", key, "--at-least", str(size + 1))[0] == 20
                for index in sorted({0, size // 2, size - 1}):
                    path = "%s-%d.tlog-proof" % (folder, index)
                    assert agreed(path, "--trust", key)[0] == 0, (size, index)
                if size > 1000:
                    continue
                for base, _, files in os.walk(folder):
                    for name in files:
                        data = read(base, name)
                        at = len(data) // 2
                        write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], base, name)
                        # In a signature alone: the content stands, and the signature is wrong.
                        assert agreed(folder, "--trust", key)[0] in (20, 21), (size, name)
                        write(data, base, name)
                assert agreed(folder, "--trust", key)[0] == 0

        t.main([test_a_log_that_others_made, test_accepts_the_log, test_accepts_every_proof, test_refuses_changed_ones])
    finally:
        lab.close()


if __name__ == "__main__":
    t.need_binary()
    if not GO or not os.path.isdir(SOURCE):
        t.skip("no Go, or not Debian's golang-golang-x-mod-dev")
    main()
