#!/usr/bin/env python3
"""advisory draft --to FORMAT: the facts of a case in every format, the same bytes twice, nothing of
the case that becomes markup. Own cases and all of the drafting data."""
import glob
import html.parser
import json
import os
import re
import sys

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_files as own

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(
    os.path.dirname(os.path.abspath(t.SOURCE)), "shared", "data")
CASES = sorted(glob.glob(os.path.join(DATA, "drafting-cases", "*.case.json")))
FORMATS = ("csaf", "csaf-2.1", "cve", "openvex", "osv", "html", "md", "text")
VEX = {"known_affected": "affected", "first_affected": "affected", "last_affected": "affected",
       "fixed": "fixed", "first_fixed": "fixed", "known_not_affected": "not_affected",
       "under_investigation": "under_investigation"}
CVE_STATUS = {"affected": "affected", "fixed": "unaffected", "not_affected": "unaffected",
              "under_investigation": "unknown"}

RICH = {
    "source_document": "ACME-SA-2026-009", "title": "Two flaws <b>in</b> the *gateway*",
    "tlp": "AMBER+STRICT", "publisher": {"name": "Acme", "namespace": "https://acme.example.com",
                                         "category": "vendor", "contact_details": "psirt@acme"},
    "initial_release": "2026-03-01T00:00:00Z", "summary": ["One.\n\n<script>alert(1)</script>"],
    "references": ["https://acme.example.com/a?b=1&c='2'"],
    "products": [
        {"ref": "A", "vendor": "Acme", "product": "Gate", "version": "1.0",
         "helper": {"cpe": "cpe:2.3:a:acme:gate:1.0:*:*:*:*:*:*:*"}},
        {"ref": "B", "vendor": "Acme", "product": "Gate", "version_range": "vers:semver/>=1|<2"},
        {"ref": "C", "vendor": "Acme", "product": "Gate", "version": "2.0"},
        {"ref": "D", "vendor": "Acme", "product": "Lib", "version_range": "<= 3.1",
         "helper": {"purl": "pkg:npm/lib@3.1"}},
        {"ref": "E", "vendor": "Other", "product": "Tool"}],
    "vulnerabilities": [
        {"cve": "CVE-2026-1000", "cwe": {"id": "CWE-787", "name": "Out-of-bounds Write"},
         "description": "It writes too far.",
         "status": {"known_affected": ["A", "B"], "fixed": ["C"], "known_not_affected": ["E"],
                    "under_investigation": ["D"]},
         "scores": [{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                     "base_score": 9.8, "products": ["A", "B"]},
                    {"vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                     "base_score": 9.3, "products": ["A", "B"]}],
         "flags": [{"label": "component_not_present", "product_ids": ["E"]}],
         "remediations": [{"category": "vendor_fix", "details": "Update to 2.0.",
                           "product_ids": ["A", "B"], "url": "https://acme.example.com/2.0"}]},
        {"ids": [{"system_name": "Acme", "text": "BUG-7"}], "cwe": None, "title": "Second",
         "description": "It reads.", "status": {"known_affected": ["D"]},
         "scores": [{"vector": "AV:N/AC:L/Au:N/C:P/I:N/A:N", "base_score": 5.0,
                     "products": ["D"]}],
         "remediations": [{"category": "none_available", "details": "Nothing yet.",
                           "product_ids": ["D"]},
                          {"category": "mitigation", "details": "Unplug it.",
                           "product_ids": ["D"]}]}],
}


def rendered(path, to):
    return own.draft(path, to).out


def as_list(value):
    return value if isinstance(value, list) else [value]


def name_of(v):
    return v.get("cve") or v["ids"][0]["text"]


def check_csaf21(case, text):
    doc = json.loads(text)
    assert doc["document"]["csaf_version"] == "2.1" and doc["document"]["title"] == case["title"]
    assert doc["document"]["distribution"]["tlp"]["label"] == \
        case["tlp"].replace("WHITE", "CLEAR")
    for v, got in zip(case["vulnerabilities"], doc["vulnerabilities"], strict=True):
        assert got.get("cve") == v.get("cve")
        assert {k: sorted(x) for k, x in got["product_status"].items()} == \
            {k: sorted(x) for k, x in v["status"].items() if x}
        scores = sorted((c["vectorString"], c["baseScore"], sorted(m["products"]))
                        for m in got.get("metrics", [])
                        for k, c in m["content"].items() if k.startswith("cvss"))
        assert scores == sorted((s["vector"], s["base_score"], sorted(s["products"]))
                                for s in v["scores"])
        told = {r["details"] for r in got.get("remediations", [])} | {n["text"]
                                                                      for n in got["notes"]}
        assert {r["details"] for r in v["remediations"]} <= told
        if v.get("cwe"):
            assert [(w["id"], w["name"]) for w in got["cwes"]] == \
                [(v["cwe"]["id"], v["cwe"]["name"])]
            assert re.fullmatch(r"4\.\d+(\.\d+)?", got["cwes"][0]["version"])


def check_cve(case, text):
    records = as_list(json.loads(text))
    vulns = [v for v in case["vulnerabilities"] if v.get("cve")]
    products = {p["ref"]: p for p in case["products"]}
    for v, record in zip(vulns, records, strict=True):
        assert record["cveMetadata"]["cveId"] == v["cve"]
        cna = record["containers"]["cna"]
        wanted = {(products[ref]["vendor"], products[ref]["product"], CVE_STATUS[VEX[kind]])
                  for kind, refs in v["status"].items() for ref in refs if kind in VEX}
        got = set()
        for a in cna["affected"]:
            for x in a.get("versions", []):
                got.add((a["vendor"], a["product"], x["status"]))
            if not a.get("versions"):
                got.add((a["vendor"], a["product"], a["defaultStatus"]))
        assert got == wanted, (got, wanted)
        scores = sorted((c["vectorString"], c["baseScore"]) for m in cna.get("metrics", [])
                        for k, c in m.items() if k.startswith("cvss"))
        assert sorted(set(scores)) == sorted({(s["vector"], s["base_score"])
                                              for s in v["scores"]})
        told = [x["value"] for k in ("solutions", "workarounds") for x in cna.get(k, [])]
        for r in v["remediations"]:
            assert any(r["details"][:4000] in x for x in told), r
        if v.get("cwe"):
            assert [d["cweId"] for p in cna["problemTypes"] for d in p["descriptions"]] == \
                [v["cwe"]["id"]]
        assert cna["source"]["advisory"] == case["source_document"]


def check_openvex(case, text):
    doc = json.loads(text)
    assert doc["author"] == case["publisher"]["name"] and doc["version"] == 1
    assert doc["@id"].startswith(case["publisher"]["namespace"])
    got = {}
    for s in doc["statements"]:
        assert s["products"], s
        key = (s["vulnerability"]["name"], s["status"])
        got[key] = got.get(key, 0) + len(s["products"])
        if s["status"] == "affected":
            assert s["action_statement"]
    wanted = {}
    for v in case["vulnerabilities"]:
        for kind, refs in v["status"].items():
            if refs and kind in VEX:
                key = (name_of(v), VEX[kind])
                wanted[key] = wanted.get(key, 0) + len(refs)
        for r in v["remediations"]:
            assert any(r["details"] in s.get("action_statement", "")
                       for s in doc["statements"]), r
    assert got == wanted, (got, wanted)


def check_osv(case, text):
    for v, record in zip(case["vulnerabilities"], as_list(json.loads(text)), strict=True):
        own_part = record["database_specific"]
        assert record["id"] == (v.get("cve") or "x_" + case["source_document"])
        assert {k: sorted(x) for k, x in own_part["product_status"].items()} == \
            {k: sorted(x) for k, x in v["status"].items() if x}
        refs = {a["database_specific"]["product_id"] for a in record.get("affected", [])}
        assert refs == {ref for k, x in v["status"].items() if VEX.get(k) == "affected"
                        for ref in x}
        vectors = {s["score"] for s in record.get("severity", [])}
        vectors |= {s["score"] for a in record.get("affected", [])
                    for s in a.get("severity", [])}
        assert vectors == {s["vector"] for s in v["scores"]}
        for a in record.get("affected", []):
            assert a.get("ranges") or a.get("versions") or \
                not a["database_specific"].get("version"), a


class Page(html.parser.HTMLParser):
    """Text, tags and the order of headings."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.links, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for k, v in attrs:
            assert not k.startswith("on"), (tag, k)
            if k in ("href", "src"):
                self.links.append(v)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text.append(data)


def words(text):
    return " ".join(text.split())


def check_page(case, text, what):
    flat = words(text)
    for v in case["vulnerabilities"]:
        assert name_of(v) in flat
        for s in v["scores"]:
            assert s["vector"] in flat and str(s["base_score"]) in flat, s
        for r in v["remediations"]:
            assert words(r["details"]) in flat, (what, r)
        if v.get("cwe"):
            assert v["cwe"]["id"] in flat
    for p in case["products"]:
        assert words(p["product"]) in flat, p
    assert words(case["title"]) in flat and case["source_document"] in flat
    assert "TLP:" + case["tlp"].replace("WHITE", "CLEAR") in flat


def check_html(case, text):
    page = Page()
    page.feed(text)
    assert not page.open, page.open
    assert not {"script", "iframe", "object", "img", "b", "link"} & set(page.tags)
    assert all(re.match(r"(https?|mailto|tel):", x) for x in page.links), page.links
    levels = [int(x[1]) for x in page.tags if re.fullmatch(r"h[1-6]", x)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels
    assert page.tags.count("caption") == page.tags.count("table")
    for x in ("html", "title", "main", "header", "footer"):
        assert page.tags.count(x) == 1, x
    check_page(case, " ".join(page.text), "html")


def unescape(text):
    return re.sub(r"\\([\\`*\[\]<>|#+\-=~])", r"\1", text)


def check(case, path):
    for to in FORMATS:
        text = rendered(path, to)
        assert text == rendered(path, to), to
        if to == "csaf":
            if case is not RICH:
                own.same(case, text)
        elif to == "csaf-2.1":
            check_csaf21(case, text)
        elif to == "cve":
            check_cve(case, text)
        elif to == "openvex":
            check_openvex(case, text)
        elif to == "osv":
            check_osv(case, text)
        elif to == "html":
            check_html(case, text)
        else:
            check_page(case, unescape(text) if to == "md" else text, to)


def test_own_cases():
    with own.Folder() as f:
        check(own.CASE, f.put("own.case.json", own.CASE))
        path = f.put("rich.case.json", RICH)
        check(RICH, path)
        # What 2.0 has no place for is said all the same.
        doc = json.loads(rendered(path, "csaf"))
        assert doc["document"]["distribution"]["tlp"]["label"] == "AMBER"
        assert "AMBER+STRICT" in doc["document"]["distribution"]["text"]
        notes = [n for n in doc["vulnerabilities"][0]["notes"] if n.get("title") == "CVSS v4.0"]
        assert len(notes) == 1 and "9.3" in notes[0]["text"], notes
        doc = json.loads(rendered(path, "csaf-2.1"))
        second = doc["vulnerabilities"][1]
        assert [r["category"] for r in second["remediations"]] == ["mitigation"]
        vex = json.loads(rendered(path, "openvex"))
        flagged = [s for s in vex["statements"] if s["status"] == "not_affected"]
        assert flagged[0]["justification"] == "component_not_present"
        osv = json.loads(rendered(path, "osv"))
        assert osv[1]["affected"][0]["package"] == {"ecosystem": "npm", "name": "lib",
                                                    "purl": "pkg:npm/lib"}
        assert own.lint("-", stdin=json.dumps(doc)).code == 0


def test_profiles():
    base = {k: v for k, v in own.CASE.items() if k not in ("vulnerabilities", "products")}
    base["references"] = ["https://acme.example.com/more"]
    with own.Folder() as f:
        for category in ("csaf_informational_advisory", "csaf_security_incident_response"):
            path = f.put(category + ".json", dict(base, category=category))
            for to in ("csaf", "csaf-2.1"):
                doc = json.loads(rendered(path, to))
                assert doc["document"]["category"] == category
                assert own.lint("-", stdin=json.dumps(doc)).code == 0
            for to in ("html", "md", "text"):
                assert "Flaw in the gateway" in rendered(path, to)
            for to in ("cve", "openvex", "osv"):
                assert "D100" in own.draft(path, to, check=own.PROBLEMS).err
        path = f.put("vex.json", dict(own.CASE, category="csaf_vex"))
        assert json.loads(rendered(path, "csaf"))["document"]["category"] == "csaf_vex"
        broken = json.loads(json.dumps(dict(own.CASE, category="csaf_vex")))
        broken["vulnerabilities"][0]["status"]["known_not_affected"] = ["C"]
        del broken["vulnerabilities"][0]["status"]["fixed"]
        assert "6.1.27.9" in own.draft(f.put("broken.json", broken), check=own.PROBLEMS).err


def test_drafting_cases():
    for path in CASES:
        with open(path, encoding="utf-8") as file:
            check(json.load(file), path)
    print("%d drafting cases in %d formats" % (len(CASES), len(FORMATS)))


if __name__ == "__main__":
    t.need_binary()
    t.main()
