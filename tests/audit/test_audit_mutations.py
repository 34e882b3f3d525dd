"""A missing audit call must make a test fail. Here, for a few kinds of entry: tests run on a program that
does not write this kind (mutant_log.c), with the check that every row has its entries (oracle_rows.py); and
every kind that the source writes is one that a test names. Every single call is left out, one after the
other, by `./dev mutate` (mutate_sites.py); audit_calls is what it found, and lint/test_audit_calls.py wants a
row there for each call of the source."""
import os
import re
import subprocess
import sys

import tocsin_test as t

MUTANT = os.path.join(t.BUILD, "mutant")
# For ctest: a kind of each sort, and the program that is enough for it.
SHORT = {"advisory.in_review": "e2e/test_advisory_life", "case.created": "e2e/test_advisory_life",
         "track.document": "e2e/test_advisory_life", "report.received": "e2e/test_advisory_life",
         "audit.erase": "audit/test_log_erase"}

def run(test, drop=None, timeout=120):
    env = dict(os.environ, TOCSIN_BUILD=MUTANT, TOCSIN_SOURCE=t.SOURCE, PYTHONPATH=os.path.join(t.SOURCE, "tests"),
               PYTHONDONTWRITEBYTECODE="1")
    if test.startswith("e2e/"):  # the others make up their logs
        env["TOCSIN_ROW_CHECK"] = "1"
    if drop:
        env["TOCSIN_AUDIT_DROP"] = drop
    try:
        done = subprocess.run([sys.executable, os.path.join(t.SOURCE, "tests", test + ".py")],
                              env=env, capture_output=True, text=True,
                              timeout=timeout * t.PATIENCE)
    except subprocess.TimeoutExpired:
        return 1, "no end"
    why = [x for x in (done.stdout + done.stderr).splitlines() if x.startswith(("FAIL", "ROW"))]
    return done.returncode, why[0][:150] if why else ""


def kinds_of_source():
    found = set()
    for folder, _, names in os.walk(os.path.join(t.SOURCE, "src")):
        for name in names:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    text = f.read()
                found |= set(re.findall(r'kind = "([a-z]+(?:\.[a-z_]+)+)"', text))
                found |= set(re.findall(r'(?:entry_by|tsn_run_entry)\([^;"]*"([a-z]+\.[a-z_.]+)"',
                                        text))
    return found - {"report.accepted", "advisory.matched"}  # triggers, not entries


def test_every_kind_is_named_by_a_test():
    named = set()
    for folder, _, names in os.walk(os.path.join(t.SOURCE, "tests")):
        for name in names:
            if name.endswith((".py", ".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    named |= set(re.findall(r"[a-z]+(?:\.[a-z_]+)+", f.read()))
    never = sorted(kinds_of_source() - named)
    assert not never, "no test names these kinds of entry: " + ", ".join(never)


def test_tests_are_clean_and_a_missing_call_is_not():
    for test in sorted(set(SHORT.values())):
        code, why = run(test)
        assert code in (0, 77), (test, why)
    for kind, test in SHORT.items():
        code, why = run(test, drop=kind)
        assert code not in (0, 77), "without %s nothing fails in %s" % (kind, test)
        print("%s: %s" % (kind, why))


if not os.access(os.path.join(MUTANT, "tocsin"), os.X_OK):
    t.skip("no mutant at " + MUTANT)
t.main()
