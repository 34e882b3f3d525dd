"""Durable steps a second of the engine beside raw SQLite in the same run: tests/bench/engine_rate.c."""
import os
import shutil
import subprocess
import sys
import tempfile

build = os.environ["TOCSIN_BUILD"]
made = subprocess.run(["cmake", "--build", build, "--target", "engine_rate", "tocsin-worker"],
                      capture_output=True, text=True, check=False)
if made.returncode != 0:
    sys.exit(made.stdout + made.stderr)
# Beside the build, so that it is a disk and not memory that is measured.
folder = tempfile.mkdtemp(prefix="bench-", dir=build)
try:
    code = subprocess.run([os.path.join(build, "engine_rate"), folder] + sys.argv[1:],
                          check=False).returncode
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(code)
