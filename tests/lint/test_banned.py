"""Functions that src never calls, with the reason, and the few places that may."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lintlib import code_only, complain, files, finish, line_of, read

UNBOUNDED = "writes past the end: use tsn_copy, snprintf or tsn_buf"
SHARED = "one hidden buffer for all threads: use the _r form or core/clock.h"
SHELL = "starts a shell: use proc/child.h"
MEMORY = "may return NULL: use tsn_alloc, tsn_strdup or an arena"
BLOCKS = "the loop never blocks: use a timer"
NUMBER = "cannot fail: use tsn_parse_int"
BANNED = {
    "strcpy": UNBOUNDED, "strcat": UNBOUNDED, "stpcpy": UNBOUNDED, "sprintf": UNBOUNDED,
    "vsprintf": UNBOUNDED, "gets": UNBOUNDED,
    "strncpy": "does not terminate: use tsn_copy", "strncat": UNBOUNDED,
    "strtok": "changes its input and hides state: use strcspn",
    "atoi": NUMBER, "atol": NUMBER, "atoll": NUMBER, "atof": NUMBER,
    "localtime": SHARED, "gmtime": SHARED, "ctime": SHARED, "asctime": SHARED,
    "system": SHELL, "popen": SHELL,
    "malloc": MEMORY, "calloc": MEMORY, "realloc": MEMORY, "reallocarray": MEMORY,
    "strdup": MEMORY, "strndup": MEMORY, "asprintf": MEMORY, "vasprintf": MEMORY,
    "alloca": "no check of the stack: use an arena",
    "sleep": BLOCKS, "usleep": BLOCKS, "nanosleep": BLOCKS,
    "tmpnam": "somebody else may take the name: use mkstemp", "mktemp": "use mkstemp",
    "rand": "use tsn_rand_bytes", "srand": "use tsn_rand_seed", "random": "use tsn_rand_bytes",
}
# file: functions it may call, and why.
ALLOWED = {
    "src/core/mem.c": {"calloc", "realloc"},         # the allocator itself
    "src/verify/verify_base.c": {"calloc"},          # shares no code, so not tsn_alloc either
    "src/worker/box.c": {"realloc"},                 # the capped allocator Lua is given
    "src/cli/cmd_watch.c": {"nanosleep"},            # a command in its own process, no loop
}
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(sorted(BANNED)))

for path in files("src", ext=(".c", ".h")):
    text = code_only(read(path))
    for m in CALL.finditer(text):
        name = m.group(1)
        if name not in ALLOWED.get(path, ()):
            complain(path, line_of(text, m.start()), "%s: %s" % (name, BANNED[name]))
finish("banned functions")
