#!/usr/bin/env python3
"""What the proof of the log costs, as ratios of runs side by side:

    appending within group commit     at most 1.5 times the same rows without audit
    the offline verifier              at most 2 times hashing the same entries and files
    a case out of a million entries   exported and verified in under a second
    a timeline page of 100 of them    in under 20 ms

N=1000000 entries by default.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["TOCSIN_BUILD"]
N = int(os.environ.get("N", "1000000"))
FEW = min(N, 200000)
bad = 0


def say(name, value, limit, unit):
    global bad
    good = value <= limit
    bad += not good
    print("%-52s %8.3f %s  limit %g  %s" % (name, value, unit, limit, "ok" if good else "OVER"), flush=True)


def rate(*args):
    out = subprocess.run([os.path.join(BUILD, "audit_rate")] + list(args), capture_output=True, text=True,
                         check=True).stdout
    return out.strip()


def cpu_of(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - wall


def main():
    if os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["ninja", "-C", BUILD, "audit_rate"], check=True, stdout=sys.stderr)
    base = tempfile.mkdtemp(prefix="tocsin-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))
    try:
        runs = []
        for i in range(3):
            a, b = os.path.join(base, "a%d" % i), os.path.join(base, "b%d" % i)
            os.mkdir(a)
            os.mkdir(b)
            audit = [float(x) for x in rate("append", a, "100000").split()]
            plain = [float(x) for x in rate("journal", b, "100000").split()]
            shutil.rmtree(b)
            os.mkdir(b)
            bare = [float(x) for x in rate("rows", b, "100000", a).split()]
            runs.append((audit[0] / plain[0], audit[1] / plain[1], audit[0] * 10, plain[0] * 10,
                         bare[0] * 10))
            shutil.rmtree(a)
            shutil.rmtree(b)
        runs.sort()
        print("append: %.1f us of CPU an entry; %.1f us for the same row made and sealed without "
              "audit;\n        %.1f us to insert its finished bytes" % runs[1][2:])
        say("append: CPU, to the same rows without audit", runs[1][0], 1.5, "x ")
        runs.sort(key=lambda r: r[1])
        print("append: wall %.2f x, which on a shared disk says little" % runs[1][1])

        data = os.path.join(base, "data")
        os.mkdir(data)
        key = rate("fill", data, str(N))
        case, out = os.path.join(base, "case"), {}
        tocsin = os.path.join(BUILD, "tocsin")
        _, wall = cpu_of([tocsin, "audit", "export", "CASE-77", "--data", data, "--out", case])
        say("export one case of %d entries" % N, wall, 1.0, "s ")
        began = time.monotonic()
        done = subprocess.run([tocsin, "audit", "verify", case, "--trust", key, "--json"],
                              capture_output=True, text=True)
        wall = time.monotonic() - began
        # Made without a daemon, so no entry says that it is whole: 21, after everything was checked.
        out = json.loads(done.stdout)
        assert done.returncode == 21 and out["entries"] == 100 and out["signed"] == 1, done
        say("verify one case of %d entries" % N, wall, 1.0, "s ")
        say("a timeline page of 100 of %d entries, 95th of 100" % N, float(rate("page", data, str(N))) * 1000, 20,
            "ms")
        whole = os.path.join(base, "all")
        subprocess.run([tocsin, "audit", "export", "all", "--data", data, "--out", whole], check=True,
                       capture_output=True)
        for name, argv in (("tocsin-verify", [os.path.join(BUILD, "tocsin-verify"), whole, "--trust", key]),
                           ("tocsin audit verify", [tocsin, "audit", "verify", whole, "--trust", key])):
            ratios = []
            for _ in range(3):
                hashing = float(rate("hash", whole, str(N + 1)))
                ratios.append((cpu_of(argv)[0] / hashing, hashing))
            ratios.sort()
            say("%s: CPU, to hashing the same" % name, ratios[1][0], 2.0, "x ")
        print("hashing alone: %.2f us an entry" % (ratios[1][1] * 1e6 / N))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
