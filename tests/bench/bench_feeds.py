"""Reading upstream documents against the JSON library alone, comparisons a second by version order, and
a million facts against a hundred thousand components. CISA's documents where the data is there."""
import os
import subprocess
import sys

build = os.environ["TOCSIN_BUILD"]
source = os.environ["TOCSIN_SOURCE"]
data = os.environ.get("TOCSIN_DATA") or os.path.join(source, "..", "shared", "data")
made = subprocess.run(["cmake", "--build", build, "--target", "feed_rate"], capture_output=True,
                      text=True, check=False)
if made.returncode != 0:
    sys.exit(made.stdout + made.stderr)
sys.exit(subprocess.run([os.path.join(build, "feed_rate"), os.path.join(data, "csaf-cisa")],
                        check=False).returncode)
