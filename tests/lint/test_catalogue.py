"""docs/catalogue.md is what `tocsin plugin catalogue` makes of the manifests now."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import ROOT, complain, finish, read, skip

BUILD = os.environ.get("TOCSIN_BUILD") or os.path.join(ROOT, "build", "release")
BINARY = os.path.join(BUILD, "tocsin")
if not os.access(BINARY, os.X_OK):
    skip("no binary at " + BINARY)
made = subprocess.run([BINARY, "plugin", "catalogue", os.path.join(ROOT, "plugins")], capture_output=True, text=True)
if made.returncode:
    complain("plugins", 0, made.stderr.strip())
elif made.stdout != read("docs/catalogue.md"):
    complain("docs/catalogue.md", 0, "is not current: tocsin plugin catalogue plugins > docs/catalogue.md")
finish("catalogue")
