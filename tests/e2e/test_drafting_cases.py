#!/usr/bin/env python3
"""Every drafting case of the test data becomes a document that the check accepts and whose facts
(CVE, product status, CVSS vector and score, remediations, products) are those of the case."""
import glob
import json
import os
import sys

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_files as own

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(
    os.path.dirname(os.path.abspath(t.SOURCE)), "shared", "data")
CASES = sorted(glob.glob(os.path.join(DATA, "drafting-cases", "*.case.json")))


def test_drafting_cases():
    with own.Folder() as f:
        drafts = []
        for path in CASES:
            with open(path, encoding="utf-8") as file:
                case = json.load(file)
            text = own.draft(path).out
            own.same(case, text)
            drafts.append(f.put(os.path.basename(path) + ".csaf.json", text))
            page = own.draft(path, "md").out
            for v in case["vulnerabilities"]:
                assert v["cve"] in page, (path, v["cve"])
                for s in v["scores"]:
                    assert s["vector"] in page and str(s["base_score"]) in page, (path, s)
        result = json.loads(own.lint(*drafts, "--json").out.splitlines()[-1])
        assert result["files"] == len(CASES) and result["errors"] == 0, result
        print("%d drafting cases" % len(CASES))


if __name__ == "__main__":
    if not CASES:
        t.skip("no %s/drafting-cases" % DATA)
    t.need_binary()
    t.main()
