"""Products with SBOMs against feeds: a record matches a component of a release, opens a case with its
priority, hears that it is exploited; `explain` names the stage; products listed, compared, imported."""
import json
import os
import tempfile

import test_feed_sources as sources
import tocsin_test as t

t.need_binary()

LODASH = "pkg:npm/lodash@4.17.20"


def sbom(*purls):
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "components": [{"type": "library", "name": p.split("/")[-1].split("@")[0],
                            "version": p.split("@")[1], "purl": p, "bom-ref": p} for p in purls]}


def osv(ident, name, cve, fixed, **more):
    return dict({"id": ident, "modified": "2026-01-01T00:00:00Z", "aliases": [cve],
                 "summary": "A flaw", "severity": [{"type": "CVSS_V3", "score":
                                                    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
                 "affected": [{"package": {"ecosystem": "npm", "name": name},
                               "ranges": [{"type": "SEMVER", "events": [
                                   {"introduced": "0"}, {"fixed": fixed}]}]}]}, **more)


def write(node, name, doc):
    with open(os.path.join(node.root, name), "w", encoding="utf-8") as f:
        json.dump(doc, f)


def make(**release):
    products = [{"id": "gw", "name": "Gateway", "owner": "resp1", "exposure": "internet",
                 "releases": [dict({"version": "5.2.1", "sbom": "gw.json"}, **release)]},
                {"id": "box", "name": "Box", "owner": "resp2", "exposure": "isolated"}]
    node = sources.node_with({"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/"},
                             {"name": "kev", "kind": "kev", "url": sources.BASE + "/kev.json"},
                             products=products)
    write(node, "gw.json", sbom(LODASH, "pkg:npm/left-pad@1.0.0"))
    return node


def serve(*records, kev=()):
    files = {"/npm/%s.json" % r["id"]: r for r in records}
    files["/npm/modified_id.csv"] = "".join("%s,%s\n" % (r["modified"], r["id"]) for r in records)
    files["/kev.json"] = {"catalogVersion": "1", "vulnerabilities": [
        {"cveID": c, "dueDate": "2026-02-01", "knownRansomwareCampaignUse": "Known"} for c in kev]}
    sources.Site.files = files


def explain(node, vuln, product):
    return node.cli("explain", vuln, product, "--json", check=0).json


def test_from_record_to_case():
    serve(osv("GHSA-1", "lodash", "CVE-2026-1", "4.17.21"),
          osv("GHSA-2", "lodash", "CVE-2026-2", "4.17.0"),
          osv("GHSA-3", "underscore", "CVE-2026-3", "9.9.9"))
    with make() as node:
        sources.start(node)
        r = sources.poll(node, "osv")
        assert (r["new"], r["matches"], r["runs"]) == (3, 1, 1), (r, node.log_text()[-2000:])
        m = node.cli("match", "list", "--json", check=0).json["items"]
        assert len(m) == 1 and m[0]["advisory"] == "GHSA-1" and m[0]["product"] == "gw", m
        assert m[0]["certainty"] == "certain" and m[0]["case"], m
        e = m[0]["evidence"][0]
        assert (e["purl"], e["release"], e["fixed"]) == (LODASH, "5.2.1", ["4.17.21"]), e
        # The four questions and where their answers come from.
        p = m[0]["priority"]
        assert p["band"] == "3 days" and not p["kev"], p
        assert (p["exposed_by"], p["automatable_by"], p["total_by"]) \
            == ("inventory", "vector", "vector"), p
        assert explain(node, "CVE-2026-1", "gw")["stage"] == "run"
        assert explain(node, "CVE-2026-2", "gw")["stage"] == "no-match"
        assert explain(node, "CVE-2026-3", "gw")["stage"] == "no-match"
        assert explain(node, "CVE-2026-4", "gw")["stage"] == "no-document"
        assert explain(node, "GHSA-1", "box")["stage"] == "no-match"
        # It becomes known to be exploited: the open case hears of it, once.
        serve(*[sources.Site.files["/npm/GHSA-%d.json" % n] for n in (1, 2, 3)],
              kev=["CVE-2026-1", "CVE-2026-99"])
        assert sources.poll(node, "kev")["runs"] == 0
        e = explain(node, "CVE-2026-1", "gw")
        assert e["marks"]["kev"]["ransomware"], e
        signals = [x for x in node.cli("audit", "log", "--limit", "1000", "--json", check=0).lines
                   if "signal.received" in json.dumps(x)]
        assert len(signals) == 1 and "advisory.exploited" in json.dumps(signals), signals
        # The record changes: a fix for our version. The match closes, the run at work is told.
        fixed = osv("GHSA-1", "lodash", "CVE-2026-1", "4.17.20", modified="2026-01-02T00:00:00Z")
        serve(fixed, kev=["CVE-2026-1", "CVE-2026-99"])
        r = sources.poll(node, "osv")
        assert (r["changed"], r["runs"]) == (1, 0), r
        e = explain(node, "CVE-2026-1", "gw")
        assert e["stage"] == "closed" and "not name" in e["why"], e
        # A product elsewhere, exploited: forensics too.
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_products():
    serve(osv("GHSA-9", "zlib-x", "CVE-2026-9", "2.0.0"), kev=["CVE-2026-9"])
    with make() as node:
        write(node, "new.json", sbom(LODASH, "pkg:npm/zlib-x@1.0.0"))
        r = node.cli("product", "import", "box", "2.0", "new.json", "--json", check=0).json
        assert (r["before"], r["after"]) == (0, 2), r
        assert "I005" in node.cli("product", "import", "nobody", "2.0", "new.json").err
        assert "I005" in node.cli("product", "import", "box", "../2", "new.json").err
        write(node, "bad.json", {"x": 1})
        assert "I001" in node.cli("product", "import", "box", "3.0", "bad.json").err
        sources.start(node)
        sources.poll(node, "kev")
        r = sources.poll(node, "osv")
        assert r["matches"] == 1, r
        m = node.cli("match", "list", "--json", check=0).json["items"][0]
        # Isolated and exploited, automatable, total.
        assert m["product"] == "box" and m["band"] == "3 days & forensic investigation", m
        items = {p["id"]: p for p in node.cli("product", "list", "--json", check=0).json["items"]}
        assert items["gw"]["releases"][0]["components"] == 2, items
        assert items["box"]["releases"][0]["imported"], items
        assert "5.2.1" in node.cli("product", "list", check=0).out
        assert node.stop(60) == 0
    # A missing SBOM is a problem that is seen, and stops nothing.
    with make(sbom="absent.json") as node:
        sources.start(node)
        p = node.cli("product", "list", "--json", check=0).json["items"][0]
        assert "cannot be read" in p["releases"][0]["problem"], p
        assert "inventory.sbom_unusable" in node.log_text()


def test_diff():
    with tempfile.TemporaryDirectory() as d:
        for name, doc in (("a", sbom(LODASH, "pkg:npm/gone@1")),
                          ("b", sbom("pkg:npm/lodash@4.17.21", "pkg:npm/new@2"))):
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                json.dump(doc, f)
        a, b = os.path.join(d, "a"), os.path.join(d, "b")
        r = t.run_cli(["product", "diff", a, b, "--json"], check=10).json
        assert {(c["change"], c["name"], c["before"], c["after"]) for c in r["changes"]} == {
            ("changed", "lodash", "4.17.20", "4.17.21"), ("removed", "gone", "1", ""),
            ("added", "new", "", "2")}, r
        t.run_cli(["product", "diff", a, a], check=0)


if __name__ == "__main__":
    t.main()
