"""What the repository's lint tests share: the tree, C without comments and strings, complaints.

A lint is a small program: it calls complain(path, line, text) for what is wrong and ends with
finish(), which exits 1 when anything was. Only the standard library.
"""
import os
import re
import sys

ROOT = os.environ.get("TOCSIN_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED_DIRS = {".git", "build", "demo", "node_modules", "__pycache__"}

_complaints = 0


def complain(path, line, text):
    global _complaints
    _complaints += 1
    where = path if not line else "%s:%d" % (path, line)
    print("%s: %s" % (where, text))


def finish(what):
    if _complaints:
        print("%d wrong" % _complaints)
        sys.exit(1)
    print("clean: " + what)


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def files(*tops, ext=None):
    """Paths relative to the root of all files under the given folders, sorted."""
    found = []
    for top in tops or (".",):
        for folder, dirs, names in os.walk(os.path.join(ROOT, top)):
            at_root = os.path.abspath(folder) == os.path.abspath(ROOT)
            dirs[:] = [d for d in dirs
                       if d not in ("__pycache__", "node_modules", ".git")
                       and not (at_root and d in SKIPPED_DIRS)]
            for name in names:
                if ext is None or name.endswith(ext):
                    found.append(os.path.relpath(os.path.join(folder, name), ROOT))
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


_TOKENS = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.DOTALL)


def code_only(text, keep_strings=False):
    """C source with comments (and strings) blanked; line numbers stay."""
    def blank(m):
        token = m.group(0)
        if token[0] in "\"'":
            return token if keep_strings else token[0] + token[0]
        return " " + "\n" * token.count("\n")
    return _TOKENS.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
