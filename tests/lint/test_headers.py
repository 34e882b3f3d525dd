"""Every header compiles alone, so that nobody depends on the order of includes."""
import concurrent.futures
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import ROOT, complain, files, finish, read, skip

LIBRARIES = ["libuv", "lua5.4", "yaml-0.1", "sqlite3", "libcurl", "libcrypto", "libsodium",
             "libmicrohttpd", "jansson", "libseccomp", "gmime-3.0", "cmocka"]
compiler = os.environ.get("CC") or "gcc"
if not shutil.which(compiler):
    skip(compiler + " is not installed")
flags = subprocess.run(["pkg-config", "--cflags"] + LIBRARIES, capture_output=True, text=True,
                       check=True).stdout.split()
flags += ["-std=c17", "-D_GNU_SOURCE", '-DTOCSIN_VERSION="0"', "-Wall", "-Wextra", "-Werror",
          "-fsyntax-only", "-Isrc", "-Iinclude"]


def compile_alone(path):
    run = subprocess.run([compiler] + flags + ["-x", "c", "-include", path, "/dev/null"], cwd=ROOT,
                         capture_output=True, text=True)
    return path, run.returncode, run.stderr


headers = files("src", "include", ext=".h")
for header in headers:
    if "#pragma once" not in read(header):
        complain(header, 0, "no #pragma once")
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for path, code, errors in pool.map(compile_alone, headers):
        if code:
            first = [line for line in errors.splitlines() if "error" in line] or [errors.strip()]
            complain(path, 0, "does not compile alone: " + first[0])
finish("%d headers" % len(headers))
