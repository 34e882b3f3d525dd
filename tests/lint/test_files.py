"""Files: a first line that says what it is for, at most 800 lines, base names unique in the whole
repository, no unfinished marks, no tabs or trailing blanks in C, a final newline."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import complain, files, finish, line_of, read

MAX_LINES = 800
TEXT = (".c", ".h", ".py", ".lua", ".sql", ".sh", ".md", ".yaml", ".cmake", ".def", ".js", ".css")
# Built from parts, so that this file does not find itself.
MARKS = re.compile(r"\b(%s)\b" % "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))


def check_c(path, text):
    name = os.path.basename(path)
    if not text.startswith("/* %s - " % name if path.startswith("src/") else "/* "):
        complain(path, 1, 'begins with "/* %s - what it is for"' % name)
    lines = text.split("\n")
    if len(lines) - 1 > MAX_LINES:
        complain(path, 0, "%d lines; split it by topic past %d" % (len(lines) - 1, MAX_LINES))
    for n, line in enumerate(lines, 1):
        if line != line.rstrip():
            complain(path, n, "blanks at the end of the line")
        if "\t" in line:
            complain(path, n, "a tab")


seen = {}
for path in files():
    name = os.path.basename(path)
    if path.endswith((".c", ".h", ".py", ".lua", ".sql")):
        if name in seen:
            complain(path, 0, "has the base name of " + seen[name])
        seen[name] = path
    if not path.endswith(TEXT) and name != "CMakeLists.txt" and path != "dev":
        continue
    text = read(path)
    for m in MARKS.finditer(text):
        complain(path, line_of(text, m.start()), "unfinished: " + m.group(1))
    if text and not text.endswith("\n"):
        complain(path, text.count("\n") + 1, "no newline at the end")
    if path.endswith((".c", ".h")):
        check_c(path, text)
finish("files")
