"""Message codes: each one used in src has exactly one row in core/codes.def, and each row is used."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import code_only, complain, files, finish, line_of, read

TABLE = "src/core/codes.def"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROW = re.compile(r'^X\("([^"]*)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)',
                 re.MULTILINE)
USE = re.compile(r'["\']([%s][0-9]{3})["\']' % LETTERS)


def plain(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


rows = {}
text = read(TABLE)
for m in ROW.finditer(text):
    code, title, page = m.group(1), plain(m.group(2)), plain(m.group(3))
    line = line_of(text, m.start())
    if not re.fullmatch("[%s][0-9]{3}" % LETTERS, code):
        complain(TABLE, line, "%s is not a code: one letter of %s, three digits" % (code, LETTERS))
    if code in rows:
        complain(TABLE, line, "%s stands twice, first in line %d" % (code, rows[code]))
    rows.setdefault(code, line)
    if not title or title.endswith("."):
        complain(TABLE, line, "%s: the title is a phrase without a full stop" % code)
    if len(page) < 40 or not page.endswith("."):
        complain(TABLE, line, "%s: the page is two to four sentences" % code)
if len(rows) != len(set(re.findall(r'^X\("([^"]*)"', text, re.MULTILINE))):
    complain(TABLE, 0, "a row that is not X(code, title, page)")

used = {}
for path in files("src", ext=(".c", ".h", ".lua")):
    source = read(path)
    if path.endswith((".c", ".h")):
        source = code_only(source, keep_strings=True)
    for m in USE.finditer(source):
        used.setdefault(m.group(1), (path, line_of(source, m.start())))
for code, (path, line) in sorted(used.items()):
    if code not in rows:
        complain(path, line, "%s has no row in %s" % (code, TABLE))
for code, line in sorted(rows.items()):
    if code not in used:
        complain(TABLE, line, "%s is used nowhere" % code)
finish("%d codes" % len(rows))
