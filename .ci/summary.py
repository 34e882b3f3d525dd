"""Adds up ctest results for ./dev test and prints the last line: N passed, N failed[, N skipped].

Arguments: tidy=passed|failed|skipped, then one JUnit file a build. A file that is missing (the
build failed) counts as one failure. Under CI=true a skipped test that tests/allowed-skips does not
name is a failure. Exit code 1 when anything failed.
"""
import fnmatch
import os
import sys
import xml.etree.ElementTree as ET


def allowed():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "allowed-skips")
    with open(here, encoding="utf-8") as f:
        lines = (line.split("#", 1)[0].strip() for line in f)
        return [line for line in lines if line]


def main():
    passed, failed, skipped = 0, [], []
    names = allowed()
    for arg in sys.argv[1:]:
        if arg.startswith("tidy="):
            result = arg[5:]
            passed += result == "passed"
            if result == "failed":
                failed.append("clang-tidy")
            continue
        build = os.path.basename(os.path.dirname(arg))
        if not os.path.exists(arg):
            failed.append("%s: the build or the test run itself" % build)
            continue
        for case in ET.parse(arg).getroot().iter("testcase"):
            name = case.get("name")
            if case.find("failure") is not None or case.get("status") == "fail":
                failed.append("%s: %s" % (build, name))
            elif case.get("status") == "run":
                passed += 1
            else:
                skipped.append((build, name))
    for build, name in skipped:
        known = any(fnmatch.fnmatchcase(name, pattern) for pattern in names)
        print("skipped  %s: %s%s" % (build, name, "" if known else "  (not in tests/allowed-skips)"))
        if not known and os.environ.get("CI") == "true":
            failed.append("%s: %s was skipped" % (build, name))
    for what in failed:
        print("FAILED   %s" % what)
    more = ", %d skipped" % len(skipped) if skipped else ""
    print("%d passed, %d failed%s" % (passed, len(failed), more))
    return 1 if failed else 0


sys.exit(main())
