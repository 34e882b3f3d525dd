"""Every kind of feed against a server on loopback: discovery of CSAF providers, ROLIE with hashes and
OpenPGP signatures checked before parsing, foreign publishers, rollbacks, OSV, the CVE list, NVD's pages,
KEV, news feeds; polite second polls; the hostile ones refused with a reason."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile

import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start

t.need_binary()


def rolie(*entries):
    return {"feed": {"id": "f", "updated": "2026-01-01T00:00:00Z", "entry": [
        {"id": e["id"], "updated": e.get("updated", "2026-01-01T00:00:00Z"),
         "link": [{"rel": "self", "href": e["url"]}] + e.get("link", []),
         "content": {"src": e["url"], "type": "application/json"}} for e in entries]}}


def metadata(**dist):
    return {"metadata_version": "2.0", "canonical_url": BASE + "/pmd.json",
            "publisher": {"category": "vendor", "name": "Vendor",
                          "namespace": "https://vendor.example"},
            "distributions": [dist], "role": "csaf_trusted_provider"}


def test_discovery_and_rolie():
    doc = csaf("VE-1")
    Site.files = {"/.well-known/csaf/provider-metadata.json": metadata(rolie={"feeds": [
        {"tlp_label": "WHITE", "url": BASE + "/white/feed.json"}]}),
        "/white/feed.json": rolie(
            {"id": "VE-1", "url": BASE + "/white/ve-1.json",
             "link": [{"rel": "hash", "href": BASE + "/h/ve-1.sha256"}]},
            {"id": "VE-2", "url": BASE + "/white/ve-2.json",
             "link": [{"rel": "hash", "href": BASE + "/h/ve-2.sha512"}]},
            {"id": "VE-3", "url": BASE + "/white/ve-3.json"},
            {"id": "X", "url": "ftp://somewhere.example/x.json"}),
        "/white/ve-1.json": doc, "/h/ve-1.sha256": hashlib.sha256(doc.encode()).hexdigest() + "  x",
        "/white/ve-2.json": csaf("VE-2"), "/h/ve-2.sha512": "0" * 128,
        "/white/ve-3.json": csaf("VE-3", ns="https://other.example")}
    with node_with({"name": "v", "kind": "csaf", "domain": BASE}) as node:
        start(node)
        r = poll(node, "v")
        assert (r["listed"], r["new"], r["quarantined"], r["refused"], r["runs"]) \
            == (3, 1, 2, 1, 1), r
        log = node.log_text()
        assert "F005" in log and "F113" in log, log[-1500:]
        # Everything settled: metadata is looked at, the list answers 304, nothing is fetched.
        Site.asked.clear()
        r = poll(node, "v")
        assert r["fetched"] == 0, (r, Site.asked)
        assert ("/white/feed.json", 304) in Site.asked and len(Site.asked) == 2, Site.asked
        # An older version is refused, the good one stays; then a newer one is taken.
        old = Site.files["/white/feed.json"]
        Site.files["/white/ve-1.json"] = csaf("VE-1", "0")
        Site.files["/h/ve-1.sha256"] = hashlib.sha256(csaf("VE-1", "0").encode()).hexdigest()
        old["feed"]["entry"][0]["updated"] = "2026-01-02T00:00:00Z"
        r = poll(node, "v")
        assert r["quarantined"] == 1 and "F114" in node.log_text(), r
        Site.files["/white/ve-1.json"] = csaf("VE-1", "2", product="libbar")
        Site.files["/h/ve-1.sha256"] = hashlib.sha256(
            csaf("VE-1", "2", product="libbar").encode()).hexdigest()
        old["feed"]["entry"][0]["updated"] = "2026-01-03T00:00:00Z"
        r = poll(node, "v")
        assert r["changed"] == 1 and r["runs"] == 0, r
        assert node.stop(60) == 0
    # No well-known address: security.txt says where; a directory then.
    Site.files = {"/.well-known/security.txt": "Contact: x\nCSAF: %s/pmd.json\n" % BASE,
                  "/pmd.json": metadata(directory_url=BASE + "/dir"),
                  "/dir/changes.csv": "2026/ve-9.json,2026-01-01T00:00:00Z\n",
                  "/dir/2026/ve-9.json": csaf("VE-9")}
    with node_with({"name": "v", "kind": "csaf", "domain": BASE},
                   {"name": "none", "kind": "csaf", "domain": BASE + "/nowhere"}) as node:
        start(node)
        assert poll(node, "v")["new"] == 1
        r = node.cli("feed", "poll", "none", "--json")
        assert r.code != 0 and r.error["code"] == "F001", r


def test_signatures():
    if not shutil.which("gpg"):
        return
    home = tempfile.mkdtemp()
    env = dict(os.environ, GNUPGHOME=home)

    def gpg(*argv, data=None):
        return subprocess.run(["gpg", "--batch", "--yes", "--pinentry-mode", "loopback",
                               "--passphrase", ""] + list(argv), input=data, env=env, check=True,
                              capture_output=True, timeout=60).stdout
    try:
        gpg("--quick-gen-key", "PSIRT <psirt@vendor.example>", "ed25519", "sign", "never")
        keys = gpg("--armor", "--export").decode()
        doc, other = csaf("VE-1"), csaf("VE-2")
        Site.files = {"/d/changes.csv": "".join("%s.json,2026-01-01T00:00:00Z\n" % n
                                                for n in ("a", "b", "c")),
                      "/d/a.json": doc, "/d/b.json": other, "/d/c.json": csaf("VE-3"),
                      "/d/a.json.asc": gpg("--armor", "--detach-sign", data=doc.encode()),
                      "/d/b.json.asc": gpg("--armor", "--detach-sign", data=b"other bytes")}
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False,
                       capture_output=True, timeout=30)
        shutil.rmtree(home, ignore_errors=True)
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "signature": "required",
                    "keys": "v.asc"}) as node:
        with open(os.path.join(node.root, "v.asc"), "w", encoding="utf-8") as f:
            f.write(keys)
        start(node)
        r = poll(node, "v")
        # Good; over other bytes; none at all.
        assert (r["new"], r["quarantined"]) == (1, 2), (r, node.log_text()[-2000:])
        assert node.log_text().count("F112") >= 2, node.log_text()[-2000:]
        assert node.stop(60) == 0
    bad = node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "signature": "required"})
    with bad:
        assert "C036" in bad.cli("config", "check").err


def test_lists_and_pages():
    osv = {"id": "GO-2026-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-5"],
           "affected": [{"package": {"ecosystem": "Go", "name": "example.org/x"},
                         "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}
    cve = {"dataType": "CVE_RECORD", "cveMetadata": {"cveId": "CVE-2026-12345",
                                                     "state": "PUBLISHED"},
           "containers": {"cna": {"affected": [], "title": "x"}}}
    nvd = [{"cve": {"id": "CVE-2026-%d" % n, "sourceIdentifier": "x", "vulnStatus": "Analyzed",
                    "lastModified": "2026-01-01T00:00:00.000"}} for n in (7001, 7002, 7003)]

    def page(start, items):
        return {"format": "NVD_CVE", "resultsPerPage": 2, "startIndex": start, "totalResults": 3,
                "vulnerabilities": items}
    kev = {"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-2026-1", "dueDate": "2026-02-01"}]}
    atom = '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>' \
        '<entry><id>urn:1</id><title>Flaw CVE-2026-77 &amp; more</title><link href="https://x.example/1"/>' \
        '<updated>2026-01-01T00:00:00Z</updated><summary>GHSA-c3f4-g5h6-j7m8</summary></entry></feed>'
    bomb = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa">]><rss><channel><item><title>&a;' \
        '</title></item></channel></rss>'
    Site.files = {
        "/osv/Go/modified_id.csv": "2026-01-01T00:00:00Z,GO-2026-1\n2026-01-01T00:00:00Z,MAL-2026-1\n"
                                   "2026-01-01T00:00:00Z,../../etc/passwd\n",
        "/osv/Go/GO-2026-1.json": osv,
        "/cves/deltaLog.json": [{"fetchTime": "x", "new": [
            {"cveId": "CVE-2026-12345", "githubLink": "http://10.0.0.1/steal",
             "dateUpdated": "2026-01-01T00:00:00Z"}, {"cveId": "../x", "dateUpdated": "1"}],
            "updated": []}],
        "/cves/2026/12xxx/CVE-2026-12345.json": cve,
        "/nvd?startIndex=2": page(2, nvd[2:]), "/nvd": page(0, nvd[:2]),
        "/kev.json": kev, "/atom.xml": atom, "/bomb.xml": bomb, "/empty.json": ""}
    feeds = [("osv", "/osv/Go/"), ("cvelist", "/cves/"), ("nvd", "/nvd"), ("kev", "/kev.json"),
             ("rss", "/atom.xml")]
    with node_with(*[{"name": k, "kind": k, "url": BASE + u} for k, u in feeds],
                   {"name": "bomb", "kind": "rss", "url": BASE + "/bomb.xml"},
                   {"name": "empty", "kind": "document", "url": BASE + "/empty.json"},
                   {"name": "secret", "kind": "document", "url": "http://169.254.169.254/x"}) as node:
        start(node)
        for name, new, refused in (("osv", 1, 1), ("cvelist", 1, 1), ("nvd", 3, 0), ("kev", 1, 0),
                                   ("rss", 1, 0)):
            r = poll(node, name)
            assert (r["new"], r["refused"], r["quarantined"]) == (new, refused, 0), \
                (name, r, node.log_text()[-2000:])
        assert not any("steal" in p or "MAL-" in p or "passwd" in p for p, _ in Site.asked)
        for name in ("osv", "cvelist", "kev", "rss"):
            r = poll(node, name)
            assert r["fetched"] == 0 and r["new"] == 0, (name, r)
        for name, code in (("bomb", "F002"), ("empty", "F002"), ("secret", "F001")):
            r = node.cli("feed", "poll", name, "--json")
            assert r.code != 0 and r.error["code"] == code, r
        # The same facts under another date are no news; a new fix is.
        osv["modified"] = "2026-02-02T00:00:00Z"
        Site.files["/osv/Go/modified_id.csv"] = "2026-02-02T00:00:00Z,GO-2026-1\n"
        r = poll(node, "osv")
        assert (r["cosmetic"], r["changed"]) == (1, 0), r
        osv["affected"][0]["ranges"][0]["events"].append({"fixed": "1.2.3"})
        Site.files["/osv/Go/modified_id.csv"] = "2026-02-03T00:00:00Z,GO-2026-1\n"
        r = poll(node, "osv")
        assert (r["cosmetic"], r["changed"]) == (0, 1), r
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
