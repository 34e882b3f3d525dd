"""Vectors a second through tsn_cvss_parse (read and score) on one core, by version."""
import os
import subprocess
import sys

build = os.environ["TOCSIN_BUILD"]
made = subprocess.run(["cmake", "--build", build, "--target", "cvss_rate"], capture_output=True,
                      text=True, check=False)
if made.returncode != 0:
    sys.exit(made.stdout + made.stderr)
sys.exit(subprocess.run([os.path.join(build, "cvss_rate")] + sys.argv[1:], check=False).returncode)
