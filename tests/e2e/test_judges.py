#!/usr/bin/env python3
"""The second judge: csaf-validator-lib and ajv with the reference schemas over everything that
tocsin renders. No error; warnings and infos only for the reasons listed here."""
import glob
import json
import os
import shutil
import subprocess
import sys

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_files as own
import test_advisory_formats as formats
import test_advisory_life as life
import test_publication as publication

JUDGES = os.environ.get("TOCSIN_JUDGES") or os.path.join(t.SOURCE, "build", "judges")
SCHEMAS = os.path.join(formats.DATA, "schemas")
JUDGE = os.path.join(t.SOURCE, "tests", "judges", "judge.mjs")
# What the input does not say, a draft cannot say either.
REASONS = {
    "optionalTest_6_2_3": "the case has affected products without a score",
    "optionalTest_6_2_2": "the case has affected products without a remediation",
    "optionalTest_6_2_11": "a draft from a file has no place where it is published",
    "optionalTest_6_2_16": "the case has products without an identification helper",
    "optionalTest_6_2_18": "the case has version ranges in words, kept as they are",
    "optionalTest_6_2_19": "the case has scores of fixed products",
    "informativeTest_6_3_1": "the case has CVSS 2.0 only",
    "informativeTest_6_3_2": "the case has CVSS 3.0",
    "informativeTest_6_3_3": "the case has a flaw without CVE",
    "informativeTest_6_3_4": "the case has a flaw without CWE",
    "informativeTest_6_3_9": "the case has version ranges",
    "informativeTest_6_3_10": "the case has version ranges",
    "informativeTest_6_3_11": "the case has versions that begin with v",
}


def judge(kind, files):
    done = subprocess.run(["node", JUDGE, SCHEMAS, kind] + files, cwd=JUDGES, text=True,
                          capture_output=True, timeout=300 * t.PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(x) for x in done.stdout.splitlines()]
    assert lines[-1] == {"judged": len(files)}, lines[-1]
    return lines[:-1]


def no_complaint(kind, files):
    for f in judge(kind, files):
        assert f["level"] != "error" and f["test"] in REASONS, f


def drafts(f, to):
    out = []
    cases = {"own": own.CASE, "rich": formats.RICH}
    paths = [f.put(name + ".case.json", case) for name, case in cases.items()]
    for path in paths + formats.CASES:
        out.append(f.put(os.path.basename(path) + "." + to + ".json",
                         formats.rendered(path, to)))
    return out


def test_csaf_2_0():
    with own.Folder() as f:
        no_complaint("csaf", drafts(f, "csaf"))


def test_schemas():
    with own.Folder() as f:
        for to, kinds in (("csaf-2.1", ["csaf-2.1"]), ("cve", ["cve", "cna"]),
                          ("openvex", ["openvex"]), ("osv", ["osv"])):
            files = drafts(f, to)
            for kind in kinds:
                assert judge(kind, files) == [], (kind, judge(kind, files)[:3])


def test_a_published_tree():
    """Final documents and the provider's metadata, as they lie in the tree."""
    if not shutil.which("gpg"):
        return
    with publication.Place() as p:
        p.node.start()
        name = life.drafted(p.node, life.open_case(p.node))["name"]
        life.released(p.node, name)
        publication.out(p, name)
        root = p.file("public", ".well-known", "csaf")
        docs = [os.path.join(root, "white", d) for d in publication.check_tree(p)]
        for f in judge("csaf", docs):
            assert f["level"] != "error" and f["test"] in REASONS, f
            assert f["test"] != "optionalTest_6_2_11", f  # it has a place now
        assert judge("provider", [os.path.join(root, "provider-metadata.json")]) == []
        pages = p.file("public", "advisories")
        newer = os.path.join(root, "v2.1", "clear")
        assert judge("csaf-2.1", [os.path.join(newer, d) for d in publication.check_tree(p)]) == []
        assert judge("provider-2.1", [os.path.join(root, "v2.1", "provider-metadata.json")]) == []
        for kind, suffix in (("openvex", ".openvex.json"), ("osv", ".osv.json")):
            files = [os.path.join(pages, f) for f in os.listdir(pages) if f.endswith(suffix)]
            assert len(files) == 1 and judge(kind, files) == [], kind
        # What has ended, in both editions.
        life.adv(p.node, "withdraw", name, "--reason", "It is another vendor's product.")
        p.node.wait_for(lambda: all(v["state"] == "out" for v in p.node.http(
            "GET", "/api/v1/advisories/%s/versions" % name, check=200).json["items"]))
        for f in judge("csaf", [os.path.join(root, "white", d) for d in publication.check_tree(p)]):
            assert f["level"] != "error" and f["test"] in REASONS, f
        assert judge("csaf-2.1", [os.path.join(newer, d) for d in publication.check_tree(p)]) == []
        p.node.stop()


def test_the_judges_judge():
    """A document made wrong is refused, so that silence means something."""
    with own.Folder() as f:
        for to, kind, spoil in (
                ("csaf", "csaf", lambda d: d["document"].pop("tracking")),
                ("csaf-2.1", "csaf-2.1", lambda d: d["document"].pop("distribution")),
                ("cve", "cve", lambda d: d["containers"]["cna"].pop("affected")),
                ("openvex", "openvex", lambda d: d["statements"][0].pop("action_statement", 0) or
                 [s.pop("action_statement", 0) for s in d["statements"]]),
                ("osv", "osv", lambda d: d.pop("modified"))):
            doc = json.loads(formats.rendered(f.put("c.json", own.CASE), to))
            spoil(doc)
            found = judge(kind, [f.put("bad.json", doc)])
            assert any(x["level"] == "error" for x in found), (kind, found)


if __name__ == "__main__":
    t.need_binary()
    if not shutil.which("node") or not glob.glob(JUDGES + "/node_modules/ajv"):
        t.skip("no validators in %s: ./dev deps judges" % JUDGES)
    if not os.path.isdir(SCHEMAS):
        t.skip("no schemas in " + SCHEMAS)
    try:
        t.main()
    finally:
        if publication.Keys.made:
            publication.Keys.made.close()
