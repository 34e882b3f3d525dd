"""Reports of other systems: bounty exports, VINCE, a CSAF-shaped report, the neutral form; each once."""
import json
import os

import tocsin_test as t

t.need_binary()
H1 = {"data": [
    {"id": "1337", "type": "report", "attributes": {
        "title": "XSS in login form", "state": "new", "created_at": "2026-02-02T04:05:06.000Z",
        "vulnerability_information": "Type <script> into the name.\u0007\nIt runs."},
     "relationships": {
         "reporter": {"data": {"attributes": {"username": "rita"}}},
         "severity": {"data": {"attributes": {"rating": "high"}}},
         "structured_scope": {"data": {"attributes": {"asset_identifier": "edge-gw"}}}}},
    {"id": "1338", "type": "report", "attributes": {"title": "Old", "state": "resolved",
                                                    "vulnerability_information": "x"},
     "relationships": {}}]}
VINCE = {"vrf_id": "VRF#26-11-ABCDE", "contact_name": "Rita", "contact_email": "rita@finder.example",
         "contact_org": "Finders", "vendor_name": "Acme", "product_name": "Edge Gateway",
         "product_version": "9.4", "vul_description": "A heap overflow in the parser.",
         "vul_exploit": "Send a long header.", "vul_public": "False", "vul_exploited": True,
         "credit_release": True}
CSAF = {"document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Overflow in Edge",
                     "publisher": {"name": "Finders", "category": "discoverer",
                                   "namespace": "https://finders.example"},
                     "tracking": {"id": "FIND-2026-1"},
                     "notes": [{"category": "description", "text": "The parser overflows."}]},
        "product_tree": {"branches": [{"category": "vendor", "name": "Acme", "branches": [
            {"category": "product_name", "name": "Edge Gateway", "branches": [
                {"category": "product_version", "name": "9.4"}]}]}]},
        "vulnerabilities": [{"cve": "CVE-2026-1234", "cwe": {"id": "CWE-787", "name": "Out-of-bounds Write"},
                             "scores": [{"products": ["p"], "cvss_v3": {
                                 "version": "3.1",
                                 "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}]}
NEUTRAL = [{"kind": "incident", "title": "Odd logins", "text": "Since Monday.", "foreign_id": "T-1"},
           {"kind": "weakness", "title": "A flaw", "text": "In the parser."}]


def put(n, name, value):
    path = os.path.join(n.root, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))
    return path


def take(n, name, value):
    return n.cli("report", "import", put(n, name, value), as_person="resp1", check=0).json["items"]


def body(n, row):
    return n.http("GET", "/api/v1/show/" + row["receipt"]).json["report"]["report"]


def test_formats():
    with t.make_dir({"server": {"listen": "127.0.0.1:0"}, "rules": [],
                     "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}]}) as n:
        n.start()
        rows = take(n, "h1.json", H1)
        assert [r["key"] for r in rows] == ["hackerone:1337", "hackerone:1338"], rows
        assert rows[1]["skipped"] == "resolved" and "receipt" not in rows[1]
        got = body(n, rows[0])
        assert (got["title"], got["severity"], got["foreign_id"]) == (
            "XSS in login form", "high", "1337"), got
        assert got["text"] == "Type <script> into the name. \nIt runs." and got["contact"]["name"] == "rita"
        rows = take(n, "vince.json", VINCE)
        got = body(n, rows[0])
        assert got["contact"] == {"mail": "rita@finder.example", "name": "Rita",
                                  "organisation": "Finders"} and got["credit"] == "Rita", got
        assert "Send a long header." in got["text"] and "exploited" in got["text"]
        assert "public" not in got["text"] and (got["product"], got["version"]) == ("Edge Gateway", "9.4")
        rows = take(n, "csaf.json", CSAF)
        got = body(n, rows[0])
        assert rows[0]["key"] == "csaf:FIND-2026-1" and got["cves"] == ["CVE-2026-1234"], got
        assert (got["cwe"], got["product"], got["version"]) == ("CWE-787", "Edge Gateway", "9.4"), got
        assert got["cvss"].startswith("CVSS:3.1/") and got["text"] == "The parser overflows."
        take(n, "list.json", NEUTRAL)
        count = len(n.cli("report", "list", check=0).json["items"])
        assert count == 5, count
        # The same export again, and a longer one: only what is new.
        again = take(n, "h1.json", dict(H1, data=H1["data"] + [dict(H1["data"][0], id="1400")]))
        assert [r.get("duplicate") for r in again] == [True, None, False], again
        for name, value in (("vince.json", VINCE), ("csaf.json", CSAF), ("list.json", NEUTRAL)):
            assert all(r["duplicate"] for r in take(n, name, value)), name
        assert len(n.cli("report", "list", check=0).json["items"]) == 6
        for broken in ("", "{}", "[]", "[1]", "<xml/>", '{"document": 1}', "a,b\n1,2\n"):
            bad = n.cli("report", "import", put(n, "bad", broken), as_person="resp1")
            assert bad.code != 0 and bad.error["code"] == "I010", (broken, bad)
        n.stop()


def test_api_takes_them_as_they_are():
    """POST /reports: a VINCE report, a CSAF document, a report as HackerOne's API has it, each answered
    after its commit and known again by its number there, also after a kill."""
    with t.make_dir({"server": {"listen": "127.0.0.1:0"}, "rules": []}) as n:
        n.start()
        token = n.token("resp1")
        first = {}
        for name, value, key in (("vince", VINCE, "foreign_id"), ("csaf", CSAF, "foreign_id"),
                                 ("h1", H1["data"][0], "foreign_id")):
            got = n.http("POST", "/api/v1/reports", value, token=token, tcp=True)
            assert got.status == 202 and got.json["receipt"] and not got.json["duplicate"], (name, got)
            first[name] = got.json["receipt"]
        assert n.http("POST", "/api/v1/reports", H1["data"][1], token=token, tcp=True).json["skipped"] == "resolved"
        n.kill9()
        n.start()
        for name, value in (("vince", VINCE), ("csaf", CSAF), ("h1", H1["data"][0])):
            got = n.http("POST", "/api/v1/reports", value, token=token, tcp=True).json
            assert got["duplicate"] and got["receipt"] == first[name], (name, got)
        assert len(n.cli("report", "list", check=0).json["items"]) == 3
        odd = n.http("POST", "/api/v1/reports", {"document": 1}, token=token, tcp=True,
                     headers={"Idempotency-Key": "x"})
        assert odd.status in (400, 422) and odd.json["code"] in ("H012", "H013"), odd
        n.stop()


def test_shared_exports():
    """Real exports that others' parsers are tested with."""
    data = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")
    folder = os.path.join(data, "bug-bounty")
    if not os.path.isdir(folder):
        return
    with t.make_dir({"server": {"listen": "127.0.0.1:0"}, "rules": []}) as n:
        n.start()
        for name in ("h1/bug_bounty_many.csv", "h1/vuln_disclosure_one.json", "bugcrowd/BugCrowd-many.csv"):
            rows = n.cli("report", "import", os.path.join(folder, name), as_person="resp1",
                         check=0).json["items"]
            assert rows and all("receipt" in r or "skipped" in r for r in rows), (name, rows[:3])
        n.stop()


t.main()
