"""Every #include obeys the layers: own directory, lower layers and include/tocsin, never a sibling
on the same layer, never upward (docs/architecture.md). The children have rules of their own."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import code_only, complain, files, finish, line_of, read

LAYERS = {
    "core": 0,
    "journal": 1, "audit": 1,
    "loop": 2,
    "proc": 3,
    "action": 4, "store": 4, "seal": 4,
    "engine": 5,
    "casework": 6,
    "intake": 7, "feed": 7, "mail": 7, "advisory": 7,
    "api": 8, "author": 8, "console": 8, "form": 8,
    "cli": 9,
}
# Two of one layer that are in fact above another; the libraries of CMakeLists.txt are linked so.
ALLOWED = {("action", "store"), ("seal", "store"), ("cli", "sealer"), ("feed", "intake"), ("mail", "intake")}
# The children's own code: core and what it needs of layer 1, never more.
CHILDREN = {
    "worker": {"core", "journal"},
    "sealer": {"core", "audit"},
    "verify": set(),  # the second opinion shares no code with tocsin
    "parser": {"core"},
    "unpack": {"core"},
    "pluginhost": {"core"},
    "proc/main": {"core"},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def owner(path):
    parts = path.split("/")
    if "/".join(parts[1:3]) in CHILDREN:
        return "/".join(parts[1:3])
    return parts[1]


def may(own, target):
    if target == own or (own, target) in ALLOWED:
        return True
    if own in CHILDREN:
        return target in CHILDREN[own]
    return target in LAYERS and LAYERS[target] < LAYERS[own]


def check(path):
    own = owner(path)
    if own not in LAYERS and own not in CHILDREN:
        complain(path, 0, "src/%s is on no layer: add it here and in docs/architecture.md" % own)
        return
    text = code_only(read(path), keep_strings=True)
    for m in INCLUDE.finditer(text):
        name = m.group(1)
        line = line_of(text, m.start(1))
        if "/" not in name:
            complain(path, line, 'write "%s" with its directory' % name)
            continue
        target = name.split("/")[0]
        if target != "tocsin" and not may(own, target):
            complain(path, line, "%s may not include %s" % (own, name))


for source in files("src", ext=(".c", ".h")):
    check(source)
finish("layers")
