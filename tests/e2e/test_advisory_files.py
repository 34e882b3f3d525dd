#!/usr/bin/env python3
"""advisory lint and advisory draft on files: exit codes, text, JSON lines, SARIF, facts kept."""
import json
import os
import shutil
import tempfile

import tocsin_test as t

PROBLEMS = 9

CASE = {
    "source_document": "ACME-SA-2026-007", "title": "Flaw in the gateway", "tlp": "GREEN",
    "publisher": {"name": "Acme", "namespace": "https://acme.example.com", "category": "vendor"},
    "initial_release": "2026-03-01T00:00:00Z", "summary": "A flaw.", "references": [],
    "products": [
        {"ref": "A", "vendor": "Acme", "product": "Gate", "version": "1.0"},
        {"ref": "B", "vendor": "Acme", "product": "Gate", "version_range": "vers:semver/<1.0"},
        {"ref": "C", "vendor": "Acme", "product": "Gate", "version": "2.0"}],
    "vulnerabilities": [
        {"cve": "CVE-2026-1000", "cwe": {"id": "CWE-787", "name": "Out-of-bounds Write"},
         "description": "It writes too far.",
         "status": {"known_affected": ["A", "B"], "fixed": ["C"]},
         "scores": [{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                     "base_score": 9.8, "products": ["A", "B"]}],
         "remediations": [{"category": "vendor_fix", "details": "Update to 2.0.",
                           "product_ids": ["A", "B"]}]}],
}


class Folder:
    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="tocsin-advisory-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def put(self, name, value):
        path = os.path.join(self.root, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(value if isinstance(value, str) else json.dumps(value))
        return path


def draft(path, to="csaf", check=0, more=()):
    return t.run_cli(["advisory", "draft", "--from", path, "--to", to] + list(more), check=check)


def lint(*args, check=0, stdin=None):
    return t.run_cli(["advisory", "lint"] + list(args), check=check, stdin=stdin)


def case_facts(case):
    """What must not change on the way, read from the case."""
    return [{
        "cve": v["cve"],
        "status": {k: sorted(ids) for k, ids in v["status"].items() if ids},
        "scores": sorted((s["vector"], s["base_score"], sorted(s["products"]))
                         for s in v["scores"]),
        "remediations": sorted((r["category"], r["details"], sorted(r["product_ids"]))
                               for r in v["remediations"]),
        "cwe": (v["cwe"] or {}).get("id"),
    } for v in case["vulnerabilities"]]


def csaf_facts(doc):
    """The same, read from the document by the names of the standard."""
    out = []
    for v in doc["vulnerabilities"]:
        scores = []
        for s in v.get("scores", []):
            cvss = s.get("cvss_v3") or s["cvss_v2"]
            scores.append((cvss["vectorString"], cvss["baseScore"], sorted(s["products"])))
        out.append({
            "cve": v["cve"],
            "status": {k: sorted(ids) for k, ids in v["product_status"].items()},
            "scores": sorted(scores),
            "remediations": sorted((r["category"], r["details"], sorted(r["product_ids"]))
                                   for r in v.get("remediations", [])),
            "cwe": v.get("cwe", {}).get("id"),
        })
    return out


def products(branches, path=()):
    """product id -> (vendor, product, version) of the tree."""
    out = {}
    for b in branches:
        here = path + (b["name"],)
        if "product" in b:
            out[b["product"]["product_id"]] = here
        out.update(products(b.get("branches", []), here))
    return out


def same(case, text):
    doc = json.loads(text)
    wanted, got = case_facts(case), csaf_facts(doc)
    assert wanted == got, (wanted, got)
    assert doc["document"]["title"] == case["title"]
    assert doc["document"]["tracking"]["id"] == case["source_document"]
    assert doc["document"]["publisher"]["name"] == case["publisher"]["name"]
    assert doc["document"]["publisher"]["category"] == case["publisher"]["category"]
    tree = products(doc["product_tree"]["branches"])
    for p in case["products"]:
        version = p.get("version_range") or p.get("version")
        wanted = tuple(x for x in (p["vendor"], p["product"], version) if x)
        assert tree.pop(p["ref"]) == wanted, p
    assert not tree, tree


def test_own_case():
    with Folder() as f:
        path = f.put("own.case.json", CASE)
        done = draft(path)
        same(CASE, done.out)
        assert draft(path).out == done.out
        assert draft("-", more=[], check=None).code != 0  # nothing on standard input
        piped = t.run_cli(["advisory", "draft", "--from", "-", "--to", "csaf"],
                          stdin=json.dumps(CASE), check=0)
        assert piped.out == done.out
        page = draft(path, "md").out
        assert page.startswith("# Flaw in the gateway") and "CVE-2026-1000" in page, page
        assert "9.8" in page and "TLP:GREEN" in page, page
        whole = json.loads(draft(path, "md", more=["--json"]).out)
        assert whole["markdown"] == page and whole["ok"] is True, whole
        lint("-", stdin=done.out)


def test_drafts_refused():
    with Folder() as f:
        broken = json.loads(json.dumps(CASE))
        broken["vulnerabilities"][0]["status"]["known_affected"].append("Z")
        done = draft(f.put("z.json", broken), check=PROBLEMS)
        assert "D001" in done.err and "6.1.1" in done.err and not done.out, done
        broken = dict(CASE, publisher=None)
        done = draft(f.put("p.json", broken), check=PROBLEMS)
        assert "D002" in done.err and "--config" in done.err, done
        broken = json.loads(json.dumps(CASE))
        broken["vulnerabilities"][0]["scores"][0]["vector"] = "CVSS:3.1/AV:N"
        assert "D003" in draft(f.put("v.json", broken), check=PROBLEMS).err
        assert "H010" in draft(f.put("j.json", "{"), check=PROBLEMS).err
        assert "U008" in draft(os.path.join(f.root, "none"), check=4).err
        assert "U002" in draft(f.put("o.json", CASE), "pdf", check=2).err
        assert "U004" in t.run_cli(["advisory", "draft", "--to", "md"], check=2).err


def test_publisher_of_the_configuration():
    with t.make_dir({"publisher": {"name": "Other", "namespace": "https://other.example.com",
                                   "contact": "psirt@other.example.com",
                                   "prefix": "O"}}) as node, Folder() as f:
        path = f.put("own.case.json", CASE)
        config = os.path.join(node.root, "tocsin.yaml")
        doc = json.loads(draft(path, more=["--config", config]).out)
        assert doc["document"]["publisher"] == {
            "category": "vendor", "contact_details": "psirt@other.example.com", "name": "Other",
            "namespace": "https://other.example.com"}, doc["document"]["publisher"]
        draft(path, more=["--config", os.path.join(f.root, "none.yaml")], check=PROBLEMS)


def test_lint_says_it():
    with Folder() as f:
        good = f.put("good.json", draft(f.put("own.case.json", CASE)).out)
        doc = json.loads(draft(os.path.join(f.root, "own.case.json")).out)
        doc["vulnerabilities"][0]["scores"][0]["cvss_v3"]["baseScore"] = 9.1
        doc["document"]["x/y"] = "\x1b[2J"
        wrong = f.put("wrong one.json", doc)

        # Warnings are no failure.
        done = lint(good)
        assert "good.json: 0 errors, " in done.out and "6.2.16" in done.out, done
        assert lint("-q", good).out == ""
        done = lint(good, wrong, "--profile", "csaf-2.0", check=PROBLEMS)
        assert "fix: replace /vulnerabilities/0/scores/0/cvss_v3/baseScore with 9.8" in done.out
        assert "why: The score follows from the vector" in done.out, done
        assert "/document/x~1y" in done.out and "\x1b" not in done.out, done
        assert "2 documents: 1 error, " in done.err, done

        # One line a finding, then the result.
        done = lint(good, wrong, "--json", check=PROBLEMS)
        lines = [json.loads(x) for x in done.out.splitlines()]
        assert lines[-1]["type"] == "result" and lines[-1]["ok"] is False
        assert lines[-1]["errors"] == 1 and lines[-1]["exit"] == PROBLEMS
        found = lines[:-1]
        assert {x["type"] for x in found} == {"finding"}
        assert {x["severity"] for x in found} == {"error", "warning", "info"}
        for x in found:
            assert x["file"] in (good, wrong) and x["why"] and x["message"], x
        error = [x for x in found if x["severity"] == "error"]
        assert [x["test"] for x in error] == ["6.1.9"] and error[0]["file"] == wrong, error
        assert error[0]["fix"] == {"op": "replace", "value": 9.8,
                                   "path": "/vulnerabilities/0/scores/0/cvss_v3/baseScore"}

        # SARIF 2.1.0, as far as its readers insist.
        done = lint(good, wrong, "--sarif", check=PROBLEMS)
        sarif = json.loads(done.out)
        assert sarif["version"] == "2.1.0" and len(sarif["runs"]) == 1
        driver = sarif["runs"][0]["tool"]["driver"]
        rules = {r["id"]: r for r in driver["rules"]}
        assert driver["name"] == "tocsin" and len(rules) == len(driver["rules"])
        results = sarif["runs"][0]["results"]
        assert len(results) == len(found)
        for r in results:
            assert r["ruleId"] in rules and r["message"]["text"], r
            assert r["level"] in ("error", "warning", "note"), r
            where = r["locations"][0]
            assert " " not in where["physicalLocation"]["artifactLocation"]["uri"], where
        assert [r["ruleId"] for r in results if r["level"] == "error"] == ["6.1.9"]
        assert json.loads(lint(good, "--sarif").out)["runs"][0]["tool"]["driver"]["rules"]


def test_lint_of_odd_files():
    with Folder() as f:
        good = f.put("good.json", draft(f.put("own.case.json", CASE)).out)
        none = os.path.join(f.root, "none.json")
        done = lint(none, good, check=4)
        assert "U008" in done.err and "good.json: 0 errors" in done.out, done
        result = json.loads(lint(none, good, "--json", check=4).out.splitlines()[-1])
        assert result["files"] == 1 and result["unread"] == 1, result
        for text in ("", "{", '{"a":1,"a":2}', "[" * 100 + "]" * 100, "\x00"):
            done = lint("-", "--json", stdin=text, check=PROBLEMS)
            first = json.loads(done.out.splitlines()[0])
            assert first["test"] == "json" and first["severity"] == "error", done
        for text in ("1", "[]", "{}", '"x"'):
            assert "schema" in lint("-", stdin=text, check=PROBLEMS).out
        assert "U002" in lint(good, "--profile", "csaf-9", check=2).err
        assert "U003" in lint(check=2).err


def codes(doc, *flags, check=0):
    done = lint("-", "--json", *flags, stdin=json.dumps(doc), check=check)
    return {json.loads(x)["test"] for x in done.out.splitlines()[:-1]
            if json.loads(x)["severity"] != "info"}


def test_cna_rules():
    with Folder() as f:
        record = json.loads(draft(f.put("own.case.json", CASE), "cve").out)
    assert codes(record) == set() and codes(record, "--profile", "cve") == set()
    assert "profile" in codes(record, "--profile", "csaf-2.0", check=PROBLEMS)
    cna = record["containers"]["cna"]
    for change, wanted in (
            ({"descriptions": [{"lang": "de", "value": "Ein Fehler"}]}, "cna.english"),
            ({"descriptions": cna["descriptions"] * 2}, "cna.language"),
            ({"affected": [{"vendor": "a", "product": "b", "defaultStatus": "unaffected"}]},
             "cna.affected"),
            ({"references": []}, "cna.reference"),
            ({"problemTypes": []}, "cna.type")):
        doc = {"cnaContainer": dict(cna, **change)}
        assert wanted in codes(doc, check=0 if wanted == "cna.type" else PROBLEMS), wanted
    doc = {"cnaContainer": dict(cna, descriptions=[
        {"lang": "en", "value": "A flaw. " + "TO" + "DO. Discovered by A. Finder."}])}
    assert codes(doc) == {"cna.credit", "placeholder"}


def test_openvex_rules():
    with Folder() as f:
        vex = json.loads(draft(f.put("own.case.json", CASE), "openvex").out)
    assert codes(vex) == set()
    affected = [s for s in vex["statements"] if s["status"] == "affected"][0]
    for change, wanted in (({"products": []}, "vex.products"),
                           ({"action_statement": None}, "vex.action"),
                           ({"status": "not_affected", "justification": None}, "vex.justification"),
                           ({"timestamp": "2999-01-01T00:00:00Z"}, "vex.time")):
        doc = dict(vex, statements=[{k: v for k, v in dict(affected, **change).items()
                                     if v is not None}])
        assert wanted in codes(doc, check=0 if wanted == "vex.time" else PROBLEMS), wanted
    assert "vex.version" in codes(dict(vex, version=0), check=PROBLEMS)


def test_preview_of_files():
    """A case or a CSAF document, ours or another's, as its readers see it; in the browser with --open."""
    with Folder() as f:
        case = f.put("a.case.json", CASE)
        doc = f.put("a.json", draft(case).out)
        page = t.run_cli(["advisory", "preview", doc, "--to", "page"], check=0).out
        assert page.startswith("<!DOCTYPE html>") or page.lower().startswith("<!doctype html>"), page[:80]
        assert page == draft(case, "html").out, "the same page by either way"
        mail = t.run_cli(["advisory", "preview", case, "--to", "mail"], check=0).out
        assert mail.startswith("TLP:GREEN") and "CVE-2026-1000" in mail
        wrong = t.run_cli(["advisory", "preview", doc, "--to", "cve", "--json"], check=PROBLEMS)
        assert wrong.error["code"] == "D100", wrong
        t.run_cli(["advisory", "preview", os.path.join(f.root, "none.json")], check=4)
        shown = os.path.join(f.root, "shown")
        browser = f.put("browser", "#!/bin/sh\ncp \"$1\" %s.html\n" % shown)
        os.chmod(browser, 0o755)
        t.run_cli(["advisory", "preview", doc, "--open"], check=0,
                  env=dict(os.environ, BROWSER=browser, TMPDIR=f.root))
        with open(shown + ".html", encoding="utf-8") as out:
            assert out.read() == page
        lost = t.run_cli(["advisory", "preview", doc, "--open"], check=1,
                         env=dict(os.environ, BROWSER="/nonexistent", TMPDIR=f.root))
        assert "BROWSER" in lost.err, lost


if __name__ == "__main__":
    t.need_binary()
    t.main()
