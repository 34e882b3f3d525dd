"""A missing audit call must make a test fail: for each kind of entry, tests run on a program that does
not write this kind (tests/audit/mutant_log.c), with the check that every row has its entries (oracle_rows.py).

As a test: a few kinds. `./dev mutate [KIND...]` (--all): every kind that any of the tests writes, and says
which kinds of the source no test writes."""
import collections
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import tocsin_test as t

MUTANT = os.path.join(t.BUILD, "mutant")
# Quickest first; the first that fails ends the search for a kind.
TESTS = ["e2e/test_decision_paths", "e2e/test_run_ops", "e2e/test_advisory_life",
         "e2e/test_case_access", "e2e/test_story", "e2e/test_casework", "e2e/test_feed_sources",
         "e2e/test_bad_input", "audit/test_log_erase", "e2e/test_mail_intake",
         "e2e/test_triggers", "e2e/test_sealing", "e2e/test_cli", "audit/test_log_search",
         "audit/test_log_stream"]
# For ctest: a kind of each sort, and the program that is enough for it.
SHORT = {"advisory.in_review": "e2e/test_advisory_life", "case.created": "e2e/test_advisory_life",
         "track.document": "e2e/test_advisory_life", "report.received": "e2e/test_advisory_life",
         "audit.erase": "audit/test_log_erase"}
# Kinds that need a clock, a broken disk or a second program to come up: C tests have them.
ELSEWHERE = {"approval.expired", "approval.voided", "task.expired", "run.diverged",
             "run.unwinding", "step.uncovered", "schedule.due"}


def run(test, drop=None, seen=None, timeout=120):
    env = dict(os.environ, TOCSIN_BUILD=MUTANT, TOCSIN_SOURCE=t.SOURCE, PYTHONPATH=os.path.join(t.SOURCE, "tests"),
               PYTHONDONTWRITEBYTECODE="1")
    if test.startswith("e2e/"):  # the others make up their logs
        env["TOCSIN_ROW_CHECK"] = "1"
    if drop:
        env["TOCSIN_AUDIT_DROP"] = drop
    if seen:
        env["TOCSIN_AUDIT_SEEN"] = seen
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


def whole(only):
    where, clean = collections.defaultdict(list), {}
    with tempfile.TemporaryDirectory() as folder:
        for test in TESTS:
            seen = os.path.join(folder, test.replace("/", "_"))
            code, why = run(test, seen=seen)
            clean[test] = code == 0
            if code not in (0, 77):
                print("cannot be used, it fails as it is: %s  %s" % (test, why), flush=True)
            if code == 0 and os.path.exists(seen):
                with open(seen, encoding="utf-8") as f:
                    for kind in set(f.read().split()):
                        where[kind].append(test)

    def one(kind):
        for test in where[kind]:
            code, why = run(test, drop=kind)
            if code:
                return kind, test, why
        return kind, None, ", ".join(where[kind])
    kinds = sorted(set(where) & set(only)) if only else sorted(where)
    survived = []
    with ThreadPoolExecutor(2) as pool:
        for kind, test, why in pool.map(one, kinds):
            print("%-26s %s" % (kind, "%s: %s" % (test, why) if test
                                else "SURVIVED in " + why), flush=True)
            if not test:
                survived.append(kind)
    unseen = sorted(kinds_of_source() - set(where) - ELSEWHERE) if not only else []
    print("%d kinds, %d survived; of the source's, no test here writes: %s"
          % (len(kinds), len(survived), ", ".join(unseen) or "none"))
    return not survived and not unseen


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
if "--all" in sys.argv:
    sys.exit(0 if whole([a for a in sys.argv[1:] if a != "--all"]) else 1)
t.main()
