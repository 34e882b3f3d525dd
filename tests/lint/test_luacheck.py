"""luacheck finds nothing in the playbooks and in the Lua of the worker (.luacheckrc)."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import ROOT, complain, files, finish, skip

if not shutil.which("luacheck"):
    skip("luacheck is not installed (Debian: lua-check)")
sources = files("playbooks", "src/worker/prelude", "src/worker/author", "plugins", ext=".lua")
if sources:
    run = subprocess.run(["luacheck", "--formatter", "plain", "--no-color"] + sources, cwd=ROOT,
                         capture_output=True, text=True)
    for line in (run.stdout + run.stderr).splitlines():
        parts = line.split(":", 3)
        if len(parts) == 4 and parts[1].isdigit():
            complain(parts[0], int(parts[1]), parts[3].strip())
        elif run.returncode and line.strip():
            complain("luacheck", 0, line)
finish("%d Lua files" % len(sources))
