#!/usr/bin/env python3
"""Leaves out one call of the audit writer after the other, and shows a test that fails without it.

    ./dev mutate [WORD...]     all calls, or those whose file, function or kind has one of the words
    ./dev mutate --new         those that tests/audit/audit_calls does not have, which are added to it

Needs a build with -DTOCSIN_MUTANT=ON (./dev mutate makes it in build/mutant). A call is an address in
the disassembled program, so none can be forgotten: every `call` of tsn_store_append, and of each function
that only passes a kind on to it. A call is left out for one kind of entry at a time. Tests that do not
fail as they are run first with every call in, and say which calls they pass; then for each call the
quickest of them that notice. tests/audit/audit_calls is written anew by a run over all of them: what
test_audit_mutations.py compares with the program and the source, so that a new call needs a test that
misses it.
"""
import collections
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

SOURCE = os.environ["TOCSIN_SOURCE"]
BUILD = os.environ["TOCSIN_BUILD"]
TABLE = os.path.join(SOURCE, "tests", "audit", "audit_calls")
WRITER = "tsn_store_append"
AT_ONCE = int(os.environ.get("MUTATE_JOBS", "2"))
# All of e2e but what judges files or needs long, and what writes entries elsewhere.
NOT = {"test_judges", "test_csaf_cisa", "test_drafting_cases", "test_form_browser", "test_hostile_runs",
       "test_config", "test_cvss_command", "test_judge_commands", "test_mail_parse"}
PYTHON = sorted("e2e/" + n[:-3] for n in os.listdir(os.path.join(SOURCE, "tests", "e2e"))
                if n.startswith("test_") and n.endswith(".py") and n[:-3] not in NOT)
PYTHON += ["audit/test_log_erase", "audit/test_log_search", "audit/test_log_stream", "verify/test_bundles",
           "plugin/test_nftables", "plugin/test_plugin_pin"]


# --- what calls there are ------------------------------------------------------------------------------

class Call:
    def __init__(self, where, function, address):
        self.where, self.function, self.address = where, function, address  # file:line, name, behind it


def lines_of(path):
    if path not in lines_of.known:
        with open(path, encoding="utf-8") as f:
            lines_of.known[path] = f.read().split("\n")
    return lines_of.known[path]


lines_of.known = {}


def signature(path, line):
    """The head of the function that the line stands in."""
    text = lines_of(path)[:line]
    start = max(i for i, s in enumerate(text) if re.match(r"[a-z].*\(", s) and not s.endswith(";"))
    return " ".join(text[start:]).split("{")[0]


def function_at(path, line):
    """Its name: that of the source, since compilers put one function into another."""
    return re.search(r"(\w+)\(", signature(path, line)).group(1)


def calls_of(program):
    """Every call in a program that makes an entry, {address behind it: Call}."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True,
                          check=True).stdout
    start, by_target, starts, names = None, collections.defaultdict(list), {}, {}
    lines = iter(text.splitlines())
    pending = None
    for line in lines:
        head = re.match(r"([0-9a-f]+) <([^>]+)>:$", line)
        if head:
            start, names[int(head.group(1), 16)] = int(head.group(1), 16), head.group(2)
            continue
        m = re.match(r"\s*([0-9a-f]+):\t(\S+)\s*(.*)$", line)
        if not m:
            continue
        if pending:
            by_target[pending].append((int(m.group(1), 16), start))
            pending = None
        target = re.match(r"([0-9a-f]+) <[^+>]+>$", m.group(3))
        if m.group(2) == "call" and target:
            pending = int(target.group(1), 16)
        elif m.group(2) == "jmp" and target and start != int(target.group(1), 16):
            # A last call that became a jump: nothing is behind it.
            by_target[int(target.group(1), 16)].append((int(m.group(1), 16) + 1, start))
    starts = {name: at for at, name in names.items()}
    found, todo, done = {}, [starts.get(WRITER)], set()
    while todo:
        target = todo.pop()
        done.add(target)
        places = by_target.get(target, [])
        out = subprocess.run(["addr2line", "-e", program] + [hex(a - 1) for a, _ in places],
                             capture_output=True, text=True).stdout.split("\n") if places else []
        for (behind, function), place in zip(places, out):
            path, _, line = place.split(" ")[0].rpartition(":")
            short = path.partition("/src/")[2]
            if not short or short.startswith("store/"):
                continue  # a test's own call
            if re.search(r"char \*kind\b|tsn_append \*", signature(path, int(line))):
                if function not in done:
                    todo.append(function)
                continue
            found[behind] = Call("%s:%s" % (short, line), function_at(path, int(line)), behind)
    return found


# --- tests ---------------------------------------------------------------------------------------------

def limit():
    """A call that is missing can make a loop that never ends and eats all."""
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))


class Test:
    """One program, or one function of it."""

    def __init__(self, argv, name, python):
        self.argv, self.name, self.python, self.took = argv, name, python, 0.0
        self.passes = {}  # (where, kind) -> {(program, address)}

    def run(self, drop=None, seen=None, only=None):
        env = dict(os.environ, TOCSIN_BUILD=BUILD, TOCSIN_SOURCE=SOURCE, PYTHONDONTWRITEBYTECODE="1",
                   PYTHONPATH=os.path.join(SOURCE, "tests"), TOCSIN_STOP_AT_FAILURE="1", SIM_SEEDS="40",
                   ATTACKS="0")
        if self.name.startswith("e2e/"):
            env["TOCSIN_ROW_CHECK"] = "1"
        env.pop("TOCSIN_FAULT", None)
        if drop:
            env["TOCSIN_AUDIT_DROP"] = drop
        if seen:
            env["TOCSIN_AUDIT_SEEN"] = seen
        began = time.monotonic()
        try:
            done = subprocess.run(self.argv + ([only] if only else []), env=env, capture_output=True,
                                  timeout=240, cwd=BUILD, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return 1, "no end"
        self.took = self.took or time.monotonic() - began
        text = (done.stdout + done.stderr).decode(errors="replace").splitlines()
        why = [x for x in text if re.match("FAIL|ROW|.*error: |not ok|wrong", x) and x.strip()] or text[-1:]
        return done.returncode, why[0][:140] if why else ""


def tests_of(programs):
    out = [Test([sys.executable, os.path.join(SOURCE, "tests", n + ".py")], n, True) for n in PYTHON]
    for name in sorted(os.listdir(os.path.join(SOURCE, "playbooks"))):
        if name.endswith("_spec.lua"):
            out.append(Test([os.path.join(BUILD, "tocsin"), "playbook", "test",
                             os.path.join(SOURCE, "playbooks", name)], "playbooks/" + name[:-9], False))
    for name in sorted(programs):
        if name.startswith("test_"):
            out.append(Test([os.path.join(BUILD, name)], name, False))
    return out


def passed(test, seen, programs):
    """Which calls the entries of a run came through."""
    if not os.path.exists(seen):
        return
    with open(seen, encoding="utf-8") as f:
        for line in set(f):
            program, kind, *frames = line.split()
            calls = programs.get(program, {})
            for address in (int(x, 16) for x in frames):
                if address in calls:
                    test.passes.setdefault((calls[address].where, kind), set()).add((program, address))
                    break


# --- one after the other ----------------------------------------------------------------------------------

def killer(unit, tests):
    """(test, why) that fails without the call; (None, names) when none does."""
    tried = []
    for test in sorted((x for x in tests if unit in x.passes), key=lambda x: x.took):
        for address in sorted({a for _, a in test.passes[unit]}):
            code, why = test.run(drop="%x@%s" % (address, unit[1]))
            if code not in (0, 77):
                return test.name, why
        tried.append(test.name)
    return None, ", ".join(tried) or "no test passes it"


def row_of(unit, functions):
    """FILE FUNCTION KIND, without lines, which move."""
    return unit[0].split(":")[0], functions[unit[0]], unit[1]


def table():
    """tests/audit/audit_calls: {(FILE, FUNCTION, KIND): TEST}"""
    with open(TABLE, encoding="utf-8") as f:
        rows = [line.split() for line in f if not line.startswith("#")]
    return {tuple(r[:3]): r[3] for r in rows}


def report(found):
    rows = [" ".join(row + (test,)) for row, test in sorted(found.items())]
    with open(TABLE, "w", encoding="utf-8") as f:
        f.write("# By ./dev mutate: without the call of the audit writer for this kind in this function, this\n"
                "# test fails.\n" + "\n".join(rows) + "\n")


def main(words):
    names = [n for n in os.listdir(BUILD) if n == "tocsin" or n.startswith("test_")]
    programs = {}
    for name in names:
        path = os.path.join(BUILD, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            calls = calls_of(path)
            if calls:
                programs[name] = calls
    every = {c.where: c.function for calls in programs.values() for c in calls.values()}
    tests = tests_of(programs)
    with tempfile.TemporaryDirectory() as folder:
        def first(test):
            seen = os.path.join(folder, test.name.replace("/", "_"))
            code, why = test.run(seen=seen)
            if code == 0:
                passed(test, seen, programs)
            elif code != 77:
                print("cannot be used, it fails as it is: %s  %s" % (test.name, why), flush=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(first, tests))
    units = sorted({u for x in tests for u in x.passes})
    known = table() if words == ["--new"] else {}
    if known:
        there = {row_of(u, every) for u in units}
        known = {row: test for row, test in known.items() if row in there}
        units = [u for u in units if row_of(u, every) not in known]
    elif words:
        units = [u for u in units if any(w in " ".join((u[0], every[u[0]], u[1])) for w in words)]
    print("%d calls, %d with their kinds, %d tests" % (len(every), len(units), len(tests)), flush=True)
    killed, left = {}, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for unit, (test, why) in zip(units, pool.map(lambda u: killer(u, tests), units)):
            line = "%-34s %-24s %-22s " % (unit[0], every[unit[0]], unit[1])
            print(line + ("%s: %s" % (test, why) if test else "SURVIVED in " + why), flush=True)
            if test:
                killed[unit] = test
            else:
                left.append(unit)
    whole = not words or words == ["--new"]
    never = sorted(set(every) - {u[0] for x in tests for u in x.passes}) if whole else []
    print("%d calls left out one at a time, %d survived; no test passes: %s"
          % (len(units), len(left), ", ".join("%s (%s)" % (w, every[w]) for w in never) or "none"))
    if whole:
        report({**known, **{row_of(u, every): test for u, test in killed.items()}})
    return 1 if left or never else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
