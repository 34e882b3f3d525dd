"""Everything is compared now and then, whatever dates say: silent changes and what vanished from a feed that is
asked for news only; documents by conditional GET. A provider that loses its documents is a storm."""
import hashlib

import test_feed_sources as sources
import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start
from test_feed_decisions import decisions, entries, make, osv
from test_feed_archives import cve, zipped

t.need_binary()


def all_of(node, name):
    return node.cli("feed", "poll", name, "--all", "--json", check=0).json


def folder(docs):
    files = {"/d/changes.csv": "".join('"2026/%s.json","2026-01-01T00:00:00Z"\n' % n for n in docs)}
    for name, body in docs.items():
        files["/d/2026/%s.json" % name] = body
        files["/d/2026/%s.json.sha256" % name] = hashlib.sha256(body.encode()).hexdigest()
    return files


def test_silent_change_under_an_old_date():
    docs = {"ve-%d" % n: csaf("VE-%d" % n) for n in range(5)}
    Site.files = folder(docs)
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/"}) as node:
        start(node)
        r = poll(node, "v")
        assert (r["new"], r["reconciled"]) == (5, False), r
        docs["ve-3"] = csaf("VE-3", product="libbar")
        Site.files = folder(docs)
        r = poll(node, "v")
        assert (r["changed"], r["fetched"]) == (0, 0), r
        Site.asked.clear()
        r = all_of(node, "v")
        assert (r["changed"], r["unchanged"], r["fetched"], r["reconciled"]) == (1, 4, 1, True), r
        json_files = [s for p, s in Site.asked if p.endswith(".json")]
        assert sorted(json_files) == [200, 304, 304, 304, 304], Site.asked
        show = node.cli("feed", "show", "v", "--json", check=0).json
        assert show["balanced"], show
        # What the server called the bytes is known of the new ones, too.
        Site.asked.clear()
        r = all_of(node, "v")
        assert (r["changed"], r["unchanged"], r["fetched"]) == (0, 5, 0), r
        assert [s for p, s in Site.asked if p.endswith(".json")] == [304] * 5, Site.asked
        # A server that answers 304 for what it never gave is not believed to have changed it.
        assert node.cli("feed", "show", "v", "--json", check=0).json["balanced"]
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_by_itself_when_its_time_has_come():
    docs = {"ve-1": csaf("VE-1")}
    Site.files = folder(docs)
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "every": "1s", "reconcile": "2s"}) as node:
        node.start()

        def revised(n):
            r = node.cli("feed", "show", "v", "--json")
            return r.code == 0 and r.json["revised"] == n
        t.wait_for(lambda: revised(1), timeout=60, node=node)
        docs["ve-1"] = csaf("VE-1", product="libbar")
        Site.files = folder(docs)
        t.wait_for(lambda: revised(2), timeout=60, node=node)
        assert node.stop(60) == 0


def ghsa(n):
    return {"ghsa_id": "GHSA-aaaa-bbbb-%04d" % n, "updated_at": "2026-01-01T00:00:00Z", "summary": "x",
            "vulnerabilities": [{"package": {"ecosystem": "npm", "name": "p%d" % n},
                                 "vulnerable_version_range": "< 2.0.0"}]}


def test_windows_are_asked_for_everything():
    Site.files = {"/advisories?*": [ghsa(1), ghsa(2), ghsa(3)], "/advisories": [ghsa(1), ghsa(2), ghsa(3)]}
    with node_with({"name": "g", "kind": "ghsa", "url": BASE + "/advisories"}) as node:
        start(node)
        assert poll(node, "g")["new"] == 3
        Site.files = {"/advisories?*": [], "/advisories": [ghsa(1), dict(ghsa(3), summary="other", severity="low")]}
        poll(node, "g")
        assert entries(node, "feed.unlisted") == []  # asked for news: nothing is gone
        Site.asked.clear()
        r = all_of(node, "g")
        assert r["reconciled"] and [p for p, _ in Site.asked] == ["/advisories"], (r, Site.asked)
        assert [e["reason"] for e in entries(node, "feed.unlisted")] == ["list", "not-there"]
        assert node.stop(60) == 0


def test_the_archive_behind_a_delta():
    ids = ["CVE-2026-%d" % n for n in range(10000, 10003)]
    records = {i: cve(i) for i in ids}
    log = [{"fetchTime": "x", "updated": [], "new": [{"cveId": i, "dateUpdated": "2026-01-01T00:00:00.000Z"}
                                                     for i in ids]}]

    def files():
        out = {"/cves/deltaLog.json": log, "/all.zip": zipped([("cves/2026/10xxx/%s.json" % i, r)
                                                               for i, r in records.items()])}
        out.update({"/cves/2026/10xxx/%s.json" % i: r for i, r in records.items()})
        return out
    Site.files = files()
    with node_with({"name": "c", "kind": "cvelist", "url": BASE + "/cves/", "archive": BASE + "/all.zip"}) as node:
        start(node)
        assert poll(node, "c")["new"] == 3
        records[ids[1]]["containers"]["cna"]["affected"] = [{"vendor": "Vendor", "product": "libfoo", "versions": [
            {"version": "1", "status": "affected"}]}]
        del records[ids[2]]
        Site.files = files()
        assert poll(node, "c")["changed"] == 0
        r = all_of(node, "c")
        assert (r["changed"], r["reconciled"]) == (1, True), r
        assert node.stop(60) == 0


def test_a_tenth_withdrawn_is_a_storm():
    many = [osv("GHSA-%d" % n, "CVE-2026-%d" % (1000 + n), name="lodash" if n < 20 else "p%d" % n)
            for n in range(120)]
    from test_feed_decisions import serve
    serve(*many)
    with make({"budget": {"burst": 1000, "per_hour": 1000}, "storm": {"per_hour": 100000}}) as node:
        sources.start(node)
        assert sources.poll(node, "osv")["new"] == 120
        t.wait_for(lambda: len(decisions(node, state="done")) == 20, timeout=60, node=node)
        for r in many[:20]:
            r["withdrawn"] = r["modified"] = "2026-02-01T00:00:00Z"
        serve(*many)
        sources.poll(node, "osv")
        show = node.cli("feed", "show", "osv", "--json", check=0).json
        assert show["storm"] and "withdrawn" in show["storm"], show
        held = decisions(node, state="held", reason="storm")
        assert 0 < len(held) <= 20, len(held)
        assert [e["reason"] for e in entries(node, "feed.storm")] == ["begun"]
        node.cli("feed", "release", "osv", "--as", "resp1", "--reason", "they mean it", check=0)
        t.wait_for(lambda: not decisions(node, state="held"), timeout=60, node=node)
        assert node.stop(60) == 0


if __name__ == "__main__":
    t.main()
