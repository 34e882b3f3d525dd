"""clang-format would change nothing (.clang-format; ./dev fmt applies it)."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import ROOT, complain, files, finish, skip

if not shutil.which("clang-format"):
    skip("clang-format is not installed")
sources = files("src", "include", "tests", ext=(".c", ".h"))
run = subprocess.run(["clang-format", "--dry-run", "-Werror"] + sources, cwd=ROOT,
                     capture_output=True, text=True)
if run.returncode:
    places = {}
    for line in run.stderr.splitlines():
        if ": error: " in line:
            path, number = line.split(":")[:2]
            places.setdefault(path, set()).add(int(number))
    for path, lines in places.items():
        complain(path, min(lines), "%d lines are not as clang-format writes them (./dev fmt)"
                 % len(lines))
    if not places:
        complain("clang-format", 0, "ended with %d" % run.returncode)
finish("%d files formatted" % len(sources))
