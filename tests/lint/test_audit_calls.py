"""Calls of the audit writer: each one in src stands in tests/audit/audit_calls with a test that fails without it.

A call is a function and a kind of entry. Functions are those that call tsn_store_append, or one that only
passes a kind on to it (its head has `kind` or a struct tsn_append); kinds are the words of docs/audit.md that
stand in them, and what they set as `kind = "..."`. That the named test does fail is what `./dev mutate` shows.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import code_only, complain, files, finish, line_of, read

TABLE = "tests/audit/audit_calls"
WRITER = "tsn_store_append"
HEAD = re.compile(r"^(?:[a-z][^;{}()]*?\b)(\w+)\(([^;{}]*?)\)\s*\{", re.MULTILINE)


class Function:
    def __init__(self, path, m, text):
        self.path, self.name, self.line = path, m.group(1), line_of(text, m.start())
        end = text.find("\n}", m.end())
        self.body = text[m.end():end if end >= 0 else len(text)]
        self.static = text[m.start():].startswith("static")
        self.passes = re.search(r"char \*kind\b|tsn_append \*", m.group(2)) is not None
        self.calls = set(re.findall(r"\b(\w+)\(", code_only(self.body)))


def functions():
    for path in files("src", ext=".c"):
        if not path.startswith("src/store/"):
            text = code_only(read(path), keep_strings=True)
            for m in HEAD.finditer(text):
                yield Function(path, m, text)


def sites(every):
    """Functions that make an entry: from the writer upwards, through those that pass a kind on."""
    writers, found, grew = {(None, WRITER)}, set(), True
    while grew:
        grew = False
        for f in every:
            if not any((None, c) in writers or (f.path, c) in writers for c in f.calls):
                continue
            if not f.passes:
                found.add(f)
            elif (key := (f.path if f.static else None, f.name)) not in writers:
                writers.add(key)
                grew = True
    return found


def kinds_of_docs():
    text = read("docs/audit.md")
    rows = text[text.index("\n## Kinds\n"):text.index("\n## Cover\n")]
    return set(re.findall(r"`([a-z0-9_]+(?:\.[a-z_]+)+)`", rows))


def test_exists(test):
    folder, _, name = test.rpartition("/")
    if folder == "playbooks":
        return os.path.exists(os.path.join("playbooks", name + "_spec.lua"))
    return test + ".py" in python if folder else name + ".c" in c_tests


rows, lines = {}, {}
for number, line in enumerate(read(TABLE).splitlines(), 1):
    if line.startswith("#"):
        continue
    row = line.split()
    if len(row) != 4:
        complain(TABLE, number, "a row is FILE FUNCTION KIND TEST")
        continue
    rows.setdefault(("src/" + row[0], row[1]), {})[row[2]] = row[3]
    lines["src/" + row[0], row[1], row[2]] = number
python = {os.path.relpath(p, "tests") for p in files("tests", ext=".py")}
c_tests = {os.path.basename(p) for p in files("tests", ext=".c")}
os.chdir(os.environ.get("TOCSIN_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

every = list(functions())
kinds, seen = kinds_of_docs(), set()
for f in sorted(sites(every), key=lambda f: (f.path, f.line)):
    seen.add((f.path, f.name))
    have = rows.get((f.path, f.name), {})
    wanted = {w for w in re.findall(r'"([a-z0-9_]+(?:\.[a-z_]+)+)"', f.body) if w in kinds}
    wanted |= set(re.findall(r'\bkind = "([a-z0-9_]+(?:\.[a-z_]+)+)"', f.body))
    missing = sorted(wanted - set(have)) or ([] if have else ["KIND"])
    for kind in missing:
        complain(f.path, f.line, "%s writes an entry %s, and no row of %s names a test that fails without it:\n"
                 "    %s %s %s TEST\n    then `./dev mutate %s` shows that it does" %
                 (f.name, kind, TABLE, f.path[4:], f.name, kind, f.name))
for (path, name), tests in sorted(rows.items()):
    for kind, test in tests.items():
        at = lines[path, name, kind]
        if (path, name) not in seen:
            complain(TABLE, at, "%s has no function %s that writes an entry (any more)" % (path, name))
        if not test_exists(test):
            complain(TABLE, at, "there is no test %s" % test)
finish("%d calls of the audit writer, each with a test that fails without it" % len(lines))
