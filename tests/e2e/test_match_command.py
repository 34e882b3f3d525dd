"""`tocsin match`: SBOMs against documents of every format, in files; what is certain, what is a guess,
what is taken away by whom; table, JSON lines, SARIF, CycloneDX VEX; and the tables of data/match-truth."""
import csv
import glob
import gzip
import json
import os
import shutil
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")


def cdx(*components, **more):
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "firmware", "name": "gw500", "version": "5.2.1",
                                       "bom-ref": "root", "purl": "pkg:generic/acme/gw500@5.2.1"}},
            "components": [dict({"type": "library"}, **c) for c in components], **more}


def purl(text, **more):
    path, _, version = text.partition("@")
    return dict({"name": path.split("/")[-1], "version": version.split("?")[0], "purl": text,
                 "bom-ref": text}, **more)


def match(sbom, *docs, argv=(), code=None):
    """(matches by id, result line) of one run over the documents."""
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "sbom.cdx.json"), "w", encoding="utf-8") as f:
            json.dump(sbom, f)
        os.mkdir(os.path.join(folder, "docs"))
        for i, doc in enumerate(docs):
            name = "%02d%s" % (i, ".json" if isinstance(doc, (dict, list)) else
                               ".csv" if doc.startswith("#") else ".txt")
            with open(os.path.join(folder, "docs", name), "w", encoding="utf-8") as f:
                f.write(doc if isinstance(doc, str) else json.dumps(doc))
        p = subprocess.run([t.BINARY, "match", "--sbom", os.path.join(folder, "sbom.cdx.json"),
                            "--against", os.path.join(folder, "docs"), "--json"] + list(argv),
                           capture_output=True, timeout=60, check=False)
    finally:
        shutil.rmtree(folder)
    lines = [json.loads(x) for x in p.stdout.decode().splitlines()]
    assert code is None or p.returncode == code, p
    assert p.returncode in (0, 3, 9), p
    assert lines[-1]["type"] == "result" and len(lines) - 1 == len([x for x in lines
                                                                  if x["type"] == "match"])
    return {(x["id"], x["component"]["name"]): x for x in lines[:-1]}, lines[-1]


def osv(ident, eco, name, events, kind="SEMVER", **more):
    return dict({"id": ident, "modified": "2026-01-01T00:00:00Z",
                 "affected": [{"package": {"ecosystem": eco, "name": name},
                               "ranges": [{"type": kind, "events": events}]}]}, **more)


def cve(ident, affected, **more):
    return {"dataType": "CVE_RECORD", "dataVersion": "5.1",
            "cveMetadata": dict({"cveId": ident, "state": "PUBLISHED"}, **more.get("meta", {})),
            "containers": {"cna": {"affected": affected, "title": "A flaw"},
                           "adp": more.get("adp", [])}}


LODASH = purl("pkg:npm/lodash@4.17.20")
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def test_one_flaw_under_three_names():
    ghsa = {"ghsa_id": "GHSA-aaaa-bbbb-cccc", "cve_id": "CVE-2026-1001", "summary": "Bad",
            "severity": "high", "vulnerabilities": [
                {"package": {"ecosystem": "npm", "name": "lodash"},
                 "vulnerable_version_range": ">= 4.0.0, < 4.17.21",
                 "first_patched_version": "4.17.21"}]}
    record = cve("CVE-2026-1001", [{"vendor": "Lodash", "product": "lodash",
                                    "collectionURL": "https://registry.npmjs.org",
                                    "packageName": "lodash", "defaultStatus": "unaffected",
                                    "versions": [{"version": "0", "lessThan": "4.17.21",
                                                  "status": "affected", "versionType": "semver"}]}],
                 adp=[{"metrics": [{"other": {"type": "ssvc", "content": {"options": [
                     {"Exploitation": "active"}]}}}]}])
    record["containers"]["cna"]["metrics"] = [{"cvssV3_1": {"vectorString": V31}}]
    kev = {"catalogVersion": "2026", "vulnerabilities": [
        {"cveID": "CVE-2026-1001", "knownRansomwareCampaignUse": "Known", "dueDate": "2026-02-01"}]}
    epss = "#model_version:v1,score_date:2026-01-01T00:00:00Z\ncve,epss,percentile\n" \
           "CVE-2026-1001,0.5,0.9\nCVE-1999-0001,0.1,0.1\n"
    found, result = match(cdx(LODASH), osv("OSV-1", "npm", "lodash", [{"introduced": "0"},
                                                                        {"fixed": "4.17.21"}],
                                           aliases=["GHSA-aaaa-bbbb-cccc"]),
                          ghsa, record, kev, epss, code=9)
    assert list(found) == [("CVE-2026-1001", "lodash")], found
    m = found["CVE-2026-1001", "lodash"]
    assert sorted(m["aliases"]) == ["GHSA-aaaa-bbbb-cccc", "OSV-1"], m
    assert sorted(r["source"] for r in m["records"]) == ["cve", "ghsa", "osv"], m
    assert (m["state"], m["certainty"], m["fixed"]) == ("affected", "certain", ["4.17.21"]), m
    assert m["exploited"] and m["ransomware"] and m["due"] == "2026-02-01" and m["epss"] == 0.5, m
    assert m["score"] == 9.8 and m["severity"] == "critical" and m["ssvc"], m
    assert all(r["evidence"][0]["pointer"] for r in m["records"]), m
    assert result["counts"]["affected"] == 1 and result["counts"]["documents"] == 5, result


def test_two_cves_are_never_one():
    both = osv("GO-1", "npm", "lodash", [{"introduced": "0"}], aliases=["CVE-2026-1", "CVE-2026-2"])
    other = osv("GHSA-x", "npm", "lodash", [{"introduced": "0"}], aliases=["CVE-2026-2"])
    found, _ = match(cdx(LODASH), both, other)
    assert sorted(i for i, _ in found) == ["CVE-2026-1", "CVE-2026-2"], found


def test_ranges():
    def state(component, doc):
        found, _ = match(cdx(component), doc)
        return [(m["state"], m["certainty"]) for m in found.values()]
    two = [{"introduced": "1.0.0"}, {"fixed": "1.2.0"}, {"introduced": "2.0.0"}, {"fixed": "2.1.0"}]
    for version, hit in (("1.1.0", 1), ("1.2.0", 0), ("1.9.0", 0), ("2.0.5", 1), ("2.1.0", 0)):
        assert len(state(purl("pkg:npm/a@" + version), osv("X", "npm", "a", two))) == hit, version
    # Written wrongly, without a version, without a range: nobody can say, and that is said.
    for component, doc in (
            (purl("pkg:npm/a@6.12.90"), osv("X", "npm", "a", [{"introduced": "6.13.0"},
                                                               {"fixed": "6.12.81"}])),
            (purl("pkg:npm/a"), osv("X", "npm", "a", two)),
            (purl("pkg:npm/a@1"), {"id": "X", "modified": "", "affected": [
                {"package": {"ecosystem": "npm", "name": "a"}}]})):
        assert state(component, doc) == [("unknown", "guess")], (component, doc)
    gone = osv("X", "npm", "a", two, withdrawn="2026-01-02T00:00:00Z")
    assert state(purl("pkg:npm/a@1.1.0"), gone) == []
    # Names fold by their ecosystem: PyPI always, Go with a doubt.
    assert state(purl("pkg:pypi/Foo_Bar@1.0"), osv("X", "PyPI", "foo.bar", [{"introduced": "0"}],
                                                   "ECOSYSTEM")) == [("affected", "certain")]
    assert state(purl("pkg:golang/github.com/masterminds/x@v1.0.0"),
                 osv("X", "Go", "github.com/Masterminds/x", [{"introduced": "0"}])) \
        == [("affected", "likely")]
    assert state(purl("pkg:golang/stdlib@1.20.1"), osv("X", "Go", "stdlib", [
        {"introduced": "0"}, {"fixed": "1.20.3"}])) == [("affected", "certain")]
    assert state(purl("pkg:maven/org.acme/core@1.0"), osv("X", "Maven", "org.acme:core", [
        {"introduced": "0"}], "ECOSYSTEM")) == [("affected", "certain")]


def test_distributions():
    ssl = purl("pkg:deb/debian/libssl3@3.0.9-1+b2?arch=amd64&upstream=openssl&distro=debian-12.1")
    dsa = "[01 Jan 2026] DSA-9001-1 openssl - security update\n\t{CVE-2026-7 CVE-2026-8}\n" \
          "\t[bullseye] - openssl 9.9-1\n\t[bookworm] - openssl 3.0.9-1+deb12u1\n"
    found, _ = match(cdx(ssl), dsa)
    m = found["DSA-9001-1", "libssl3"]
    assert m["certainty"] == "certain" and m["fixed"] == ["3.0.9-1+deb12u1"], m
    assert m["component"]["source"] == "openssl" and m["component"]["release"] == "12.1", m
    assert m["records"][0]["upstream"] == ["CVE-2026-7", "CVE-2026-8"], m
    # Ranges of upstream releases never touch a distribution's package, CPE or not.
    upstream = cve("CVE-2026-7", [{"vendor": "openssl", "product": "openssl", "cpes": [
        "cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*"], "versions": [
            {"version": "0", "lessThan": "3.0.11", "status": "affected", "versionType": "custom"}]}])
    with_cpe = dict(ssl, cpe="cpe:2.3:a:openssl:openssl:3.0.9:*:*:*:*:*:*:*")
    assert match(cdx(with_cpe), upstream)[0] == {}
    # ... but do where the component is upstream's own.
    own = {"name": "openssl", "version": "3.0.9", "bom-ref": "o",
           "cpe": "cpe:2.3:a:openssl:openssl:3.0.9:*:*:*:*:*:*:*"}
    m = match(cdx(own), upstream)[0]["CVE-2026-7", "openssl"]
    assert m["certainty"] == "likely" and m["fixed"] == ["3.0.11"], m
    tracker = {"openssl": {"CVE-2026-7": {"releases": {
        "bookworm": {"status": "resolved", "fixed_version": "0"}, "trixie": {"status": "open"}}},
        "CVE-2026-9": {"releases": {"bookworm": {"status": "open"}}}}}
    assert list(match(cdx(ssl), tracker)[0]) == [("CVE-2026-9", "libssl3")]
    apk = purl("pkg:alpine/musl@1.2.3-r0?distro=alpine-3.16.2")
    secdb = {"apkurl": "x", "reponame": "main", "distroversion": "v3.16", "packages": [
        {"pkg": {"name": "musl", "secfixes": {"1.2.3-r1": ["CVE-2026-5 XSA-1"], "0": ["CVE-2026-6"]}}}]}
    found, result = match(cdx(apk), secdb)
    assert sorted(i for i, _ in found) == ["CVE-2026-5", "XSA-1"], found
    assert result["sbom"]["lint"][0]["problem"], result
    secdb["distroversion"] = "v3.17"
    assert match(cdx(apk), secdb)[0] == {}
    alma = osv("ALSA-2026:1", "AlmaLinux:9", "openssl", [{"introduced": "0"},
                                                         {"fixed": "1:3.0.7-20.el9"}], "ECOSYSTEM")
    rpm = purl("pkg:rpm/almalinux/openssl@3.0.7-18.el9_2?arch=x86_64&distro=almalinux-9.2")
    m = match(cdx(rpm), alma)[0]["ALSA-2026:1", "openssl"]
    assert m["certainty"] == "likely" and "epoch" in m["records"][0]["evidence"][0]["note"], m
    epoch = purl("pkg:rpm/almalinux/openssl@3.0.7-18.el9_2?epoch=1&distro=almalinux-9.2")
    assert match(cdx(epoch), alma)[0]["ALSA-2026:1", "openssl"]["certainty"] == "certain"
    newer = purl("pkg:rpm/almalinux/openssl@3.0.7-20.el9?epoch=1&distro=almalinux-9.2")
    assert match(cdx(newer), alma)[0] == {}


def redhat(status, purls, cpe="cpe:/o:redhat:enterprise_linux:9::baseos", category="csaf_vex",
           **vuln):
    """One vulnerability of components in one product, as Red Hat writes them."""
    branches = [{"category": "product_version", "name": p, "product": {
        "name": p, "product_id": p, "product_identification_helper": {"purl": p}}} for p in purls]
    branches.append({"category": "product_name", "name": "RHEL", "product": {
        "name": "RHEL", "product_id": "BASE", "product_identification_helper": {"cpe": cpe}}})
    return {"document": {"category": category, "csaf_version": "2.0", "title": "A flaw",
                         "publisher": {"category": "vendor", "name": "Red Hat Product Security",
                                       "namespace": "https://www.redhat.com"},
                         "tracking": {"id": "RHSA-2026:1", "version": "1", "status": "final",
                                      "current_release_date": "2026-01-01T00:00:00Z"}},
            "product_tree": {"branches": [{"category": "vendor", "name": "Red Hat",
                                           "branches": branches}],
                             "relationships": [
                                 {"category": "default_component_of", "product_reference": p,
                                  "relates_to_product_reference": "BASE", "full_product_name": {
                                      "name": p, "product_id": "BASE:" + p}} for p in purls]},
            "vulnerabilities": [dict({"cve": "CVE-2026-20", "product_status": {
                status: ["BASE:" + p for p in purls]}}, **vuln)]}


def test_csaf_and_vex():
    old = purl("pkg:rpm/redhat/curl@7.76.1-20.el9?arch=x86_64&distro=rhel-9.2")
    fixed = "pkg:rpm/redhat/curl@7.76.1-29.el9_4?arch=x86_64"
    m = match(cdx(old), redhat("fixed", [fixed], category="csaf_security_advisory"))[0][
        "CVE-2026-20", "curl"]
    assert m["certainty"] == "likely" and m["fixed"] == ["7.76.1-29.el9_4"], m
    assert m["records"][0]["id"] == "RHSA-2026:1", m
    # Another release, another minor stream, a newer package: not meant.
    assert match(cdx(old), redhat("fixed", [fixed], "cpe:/o:redhat:enterprise_linux:8::baseos"))[0] \
        == {}
    assert match(cdx(old), redhat("fixed", [fixed], "cpe:/o:redhat:rhel_eus:9.0::baseos"))[0] == {}
    assert match(cdx(purl("pkg:rpm/redhat/curl@7.76.1-29.el9_4?distro=rhel-9.4")),
                 redhat("fixed", [fixed]))[0] == {}
    # The distribution speaks for its own package ...
    alma = osv("CVE-2026-20", "Red Hat:enterprise_linux:9::baseos", "curl", [{"introduced": "0"}],
               "ECOSYSTEM")
    no = redhat("known_not_affected", ["pkg:rpm/redhat/curl"], flags=[
        {"label": "vulnerable_code_not_present", "product_ids": ["BASE:pkg:rpm/redhat/curl"]}])
    m = match(cdx(old), alma, no, code=0)[0]["CVE-2026-20", "curl"]
    assert m["state"] == "suppressed" and m["vex"][0]["counts"], m
    # ... with a reason, not without; and affected beats it.
    m = match(cdx(old), alma, redhat("known_not_affected", ["pkg:rpm/redhat/curl"]))[0][
        "CVE-2026-20", "curl"]
    assert m["state"] == "affected" and "justification" in m["vex"][0]["note"], m
    yes = redhat("known_affected", ["pkg:rpm/redhat/curl"])
    assert match(cdx(old), alma, no, yes)[0]["CVE-2026-20", "curl"]["state"] == "affected"


def openvex(product, status, author="Somebody", subs=(), **more):
    p = {"@id": product}
    if subs:
        p["subcomponents"] = [{"@id": s} for s in subs]
    return {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example/1",
            "author": author, "timestamp": "2026-01-01T00:00:00Z", "version": 1,
            "statements": [dict({"vulnerability": {"name": "CVE-2026-1001"}, "products": [p],
                                 "status": status}, **more)]}


def test_who_may_speak():
    flaw = osv("CVE-2026-1001", "npm", "lodash", [{"introduced": "0"}, {"fixed": "4.17.21"}])
    key = ("CVE-2026-1001", "lodash")
    why = {"justification": "vulnerable_code_not_in_execute_path"}

    def state(doc, argv=()):
        m = match(cdx(LODASH), flaw, doc, argv=argv)[0][key]
        return m["state"], [v.get("note") for v in m["vex"]]
    no = openvex("pkg:npm/lodash@4.17.20", "not_affected", **why)
    assert state(no) == ("affected", ["the publisher may not speak for this component"])
    assert state(no, ["--trust", "Acme,Somebody"])[0] == "suppressed"
    assert state(no, ["--trust", "https://vex.example/"])[0] == "suppressed"
    # Bound to package and version: another one says nothing about ours.
    for product in ("pkg:npm/lodash@4.17.19", "pkg:npm/underscore@1.0.0"):
        assert state(openvex(product, "not_affected", **why), ["--trust", "Somebody"]) \
            == ("affected", []), product
    # In our product, not in another's.
    ours = openvex("pkg:generic/acme/gw500@5.2.1", "not_affected", subs=[LODASH["purl"]], **why)
    theirs = openvex("pkg:generic/acme/gw600@1.0", "not_affected", subs=[LODASH["purl"]], **why)
    assert state(ours, ["--trust", "Somebody"])[0] == "suppressed"
    assert state(theirs, ["--trust", "Somebody"])[0] == "affected"
    # Said in the SBOM itself: by who made it.
    own = [{"id": "CVE-2026-1001", "analysis": {"state": "not_affected", "justification":
                                                "code_not_reachable"},
            "affects": [{"ref": LODASH["bom-ref"]}]}]
    m = match(cdx(LODASH, vulnerabilities=own), flaw)[0][key]
    assert m["state"] == "suppressed", m
    patched = dict(LODASH, pedigree={"patches": [{"type": "backport", "resolves": [
        {"type": "security", "id": "CVE-2026-1001"}]}]})
    assert match(cdx(patched), flaw)[0][key]["state"] == "suppressed"
    rejected = {"dataType": "CVE_RECORD", "cveMetadata": {"cveId": "CVE-2026-1001",
                                                          "state": "REJECTED"},
                "containers": {"cna": {"rejectedReasons": []}}}
    assert match(cdx(LODASH), flaw, rejected)[0][key]["state"] == "retracted"


def test_cpe_and_names():
    def nvd(match_, operator=None, other=None):
        nodes = [{"operator": "OR", "negate": False, "cpeMatch": [dict(
            {"vulnerable": True}, **match_)]}]
        if other:
            nodes.append({"operator": "OR", "cpeMatch": [{"vulnerable": False, "criteria": other}]})
        return {"format": "NVD_CVE", "resultsPerPage": 1, "vulnerabilities": [{"cve": {
            "id": "CVE-2026-30", "sourceIdentifier": "x", "vulnStatus": "Analyzed",
            "configurations": [dict({"nodes": nodes}, **({"operator": operator} if operator else {}))]}}]}
    own = {"name": "box", "version": "2.4.1", "bom-ref": "b",
           "cpe": "cpe:2.3:a:acme:box:2.4.1:*:*:*:*:*:*:*"}

    def found(doc, component=None):
        return [(m["state"], m["certainty"]) for m in match(cdx(component or own), doc)[0].values()]
    box = "cpe:2.3:a:acme:box:%s:*:*:*:*:%s:*:*"
    assert found(nvd({"criteria": box % ("*", "*"), "versionEndExcluding": "2.5"})) \
        == [("affected", "likely")]
    assert found(nvd({"criteria": box % ("*", "*"), "versionEndExcluding": "2.4"})) == []
    assert found(nvd({"criteria": box % ("2.4.1", "*")})) == [("affected", "likely")]
    # Not applicable is not "every version"; another target excludes.
    assert found(nvd({"criteria": box % ("-", "*")})) == []
    other = dict(own, cpe="cpe:2.3:a:acme:box:2.4.1:*:*:*:*:linux:*:*")
    assert found(nvd({"criteria": box % ("*", "windows")}), other) == []
    assert found(nvd({"criteria": box % ("*", "*")}, "AND", "cpe:2.3:o:x:y:-:*:*:*:*:*:*:*")) \
        == [("unknown", "guess")]
    # Named only: with the vendor it is likely, without a guess, and never certain.
    named = {"name": "Edge Box", "version": "2.4.1", "supplier": {"name": "ACME Inc."}}
    record = cve("CVE-2026-31", [{"vendor": "Acme", "product": "edge-box", "versions": [
        {"version": "2.0", "lessThanOrEqual": "2.4.1", "status": "affected",
         "versionType": "custom"}]}])
    assert found(record, named) == [("affected", "likely")]
    assert found(record, dict(named, supplier={"name": "Zed"})) == [("unknown", "guess")]


def test_cve_versions():
    def state(version, *entries, default="unaffected"):
        record = cve("CVE-2026-40", [{"vendor": "a", "product": "a", "packageURL": "pkg:npm/a",
                                      "defaultStatus": default, "versions": list(entries)}])
        found, _ = match(cdx(purl("pkg:npm/a@" + version)), record)
        return [m["state"] for m in found.values()]
    changes = {"version": "1.0.0", "lessThan": "3.0.0", "status": "affected", "versionType": "semver",
               "changes": [{"at": "1.5.0", "status": "unaffected"},
                           {"at": "2.0.0", "status": "affected"}]}
    for version, want in (("0.9.0", []), ("1.4.0", ["affected"]), ("1.5.0", []),
                          ("2.1.0", ["affected"]), ("3.0.0", [])):
        assert state(version, changes) == want, version
    assert state("1.0.0", {"version": "2.0.0", "status": "unaffected", "lessThan": "*",
                           "versionType": "semver"}, default="affected") == ["affected"]
    assert state("2.1.0", {"version": "2.0.0", "status": "unaffected", "lessThan": "*",
                           "versionType": "semver"}, default="affected") == []
    assert state("1.2.0", {"version": ">= 1.0.0, < 1.3.0", "status": "affected"}) == ["affected"]
    assert state("1.3.0", {"version": ">= 1.0.0, < 1.3.0", "status": "affected"}) == []
    assert state("1.3.0", {"version": "n/a", "status": "affected"}) == ["unknown"]


def test_outputs():
    flaw = osv("CVE-2026-1001", "npm", "lodash", [{"introduced": "0"}, {"fixed": "4.17.21"}],
               severity=[{"type": "CVSS_V3", "score": V31}], summary="Prototype pollution")
    with tempfile.TemporaryDirectory() as folder:
        for name, doc in (("s.json", cdx(LODASH, LODASH)), ("a.json", flaw)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                json.dump(doc, f)
        with open(os.path.join(folder, "b.json"), "w", encoding="utf-8") as f:
            f.write("{ no json")
        base = ["match", "--sbom", os.path.join(folder, "s.json"), "--against"]
        good = base + [os.path.join(folder, "a.json")]
        r = t.run_cli(good, check=9)
        assert "lodash" in r.out and "4.17.21" in r.out and "1 affected" in r.err, r
        doc = t.run_cli(good + ["--sarif"], check=9).json
        one = doc["runs"][0]["results"][0]
        assert doc["version"] == "2.1.0" and one["ruleId"] == "CVE-2026-1001", doc
        assert one["level"] == "error" and "fixed in 4.17.21" in one["message"]["text"], one
        rule = doc["runs"][0]["tool"]["driver"]["rules"][0]
        assert rule["properties"]["security-severity"] == "9.8", rule
        vex = t.run_cli(good + ["--to", "vex"], check=9).json
        v = vex["vulnerabilities"][0]
        assert vex["bomFormat"] == "CycloneDX" and v["analysis"]["state"] == "in_triage", vex
        assert v["affects"] == [{"ref": LODASH["bom-ref"]}] and v["ratings"][0]["score"] == 9.8, v
        assert vex["components"][0]["purl"] == LODASH["purl"], vex
        rows = t.run_cli(good + ["--tsv"], check=9).out.splitlines()
        assert len(rows) == 2 and rows[1].split("\t")[4] == "CVE-2026-1001", rows
        assert "known: table" in t.run_cli(good + ["--to", "x"], check=2).err.lower()
        # A document that is none is named and left out; the folder's others count.
        r = t.run_cli(base + [os.path.join(folder, "b.json"), os.path.join(folder, "a.json")],
                      check=9)
        assert "F111" in r.err and "lodash" in r.out, r
        t.run_cli(base + [os.path.join(folder, "b.json")], check=1)
        t.run_cli(base + [os.path.join(folder, "none")], check=4)
        for text, code in (("{}", "I001"), ("<bom/>", "I001"),
                           (json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5"}), "I002")):
            p = subprocess.run([t.BINARY, "match", "--sbom", "-", "--against", folder],
                               input=text.encode(), capture_output=True, timeout=60, check=False)
            assert p.returncode == 1 and code in p.stderr.decode(), (text, p)


def truth(name):
    with open(os.path.join(DATA, "match-truth", name), encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def rows_of(argv, text=None):
    p = subprocess.run([t.BINARY, "match", "--tsv"] + argv, input=text, capture_output=True,
                       timeout=120, check=False)
    assert p.returncode == 9, p
    return list(csv.DictReader(p.stdout.decode().splitlines(), delimiter="\t"))


def test_data_truth():
    for name in sorted(glob.glob(os.path.join(DATA, "match-truth", "*--osv-Go.tsv"))):
        base = os.path.basename(name)
        sbom = os.path.join(DATA, "sbom", base.split("--")[0] + ".cdx.json")
        got = rows_of(["--sbom", sbom, "--against", os.path.join(DATA, "osv", "Go")])
        want = sorted((r["module"], r["version"], r["osv_id"]) for r in truth(base))
        assert sorted((r["package"], r["version"], r["record"]) for r in got) == want, base
        assert {r["certainty"] for r in got} == {"certain"}, got
    if os.path.isdir(os.path.join(DATA, "match-truth")):
        with gzip.open(os.path.join(DATA, "sbom", "dockerhub-memcached.spdx.json.gz")) as f:
            got = rows_of(["--sbom", "-", "--against", os.path.join(DATA, "debian", "DSA-list.txt")],
                          f.read())
        want = sorted((r["package"], r["version"], r["source"], r["source_version"], r["advisory"],
                       r["fixed_in_bullseye"], r["cves"])
                      for r in truth("dockerhub-memcached--DSA.tsv"))
        assert sorted((r["package"], r["version"], r["source"], r["source_version"], r["record"],
                       r["fixed"], r["aliases"]) for r in got) == want


def test_data_every_format_is_survived():
    """Every SBOM there is against every document there is: no crash, no hang."""
    for sbom in sorted(glob.glob(os.path.join(DATA, "sbom", "*.json"))):
        p = subprocess.run([t.BINARY, "match", "--json", "--sbom", sbom, "--against"]
                           + [os.path.join(DATA, d) for d in ("osv", "cve-v5", "csaf-redhat", "kev",
                                                              "openvex", "vendor-formats", "hostile")],
                           capture_output=True, timeout=120, check=False)
        assert p.returncode in (0, 1, 3, 9), (sbom, p.returncode, p.stderr[-2000:])


if __name__ == "__main__":
    t.main()
