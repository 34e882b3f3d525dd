"""An SBOM is imported while the daemon runs: counts before and after, what is stored is matched again without the
network, a release that gets rid of a component closes its match; while documents are arriving as well."""
import threading
import time

import test_feed_sources as sources
import test_inventory as inventory
import tocsin_test as t
from test_feed_decisions import decisions, entries, vex
from test_feed_decisions import make as decided
from test_inventory import LODASH, make, osv, sbom, serve, write

t.need_binary()


def matches(node):
    items = node.cli("match", "list", "--limit", "1000", "--json", check=0).json["items"]
    return {(m["advisory"], m["product"]): m["state"] for m in items}


def imported(node, product, version, *purls):
    write(node, "new.json", sbom(*purls))
    return node.cli("product", "import", product, version, "new.json", "--json", check=0).json


def test_taken_at_once():
    serve(osv("GHSA-9", "zlib-x", "CVE-2026-9", "2.0.0"), osv("GHSA-1", "lodash", "CVE-2026-1", "4.17.21"))
    with make() as node:
        sources.start(node)
        sources.poll(node, "osv")
        assert matches(node) == {("GHSA-1", "gw"): "open"}
        sources.Site.files = {}  # no network from here on
        sources.Site.asked.clear()
        r = imported(node, "box", "2.0", LODASH, "pkg:npm/zlib-x@1.0.0")
        assert (r["live"], r["before"], r["after"]) == (True, 0, 2), r
        t.wait_for(lambda: matches(node).get(("GHSA-9", "box")) == "open", timeout=60, node=node)
        t.wait_for(lambda: matches(node).get(("GHSA-1", "box")) == "open", timeout=60, node=node)
        assert sources.Site.asked == []
        box = {p["id"]: p for p in node.cli("product", "list", "--json", check=0).json["items"]}["box"]
        assert box["releases"][0]["components"] == 2, box
        assert len(entries(node, "product.inventory")) == 2
        # The same again: nothing changed, no entry.
        r = imported(node, "box", "2.0", LODASH, "pkg:npm/zlib-x@1.0.0")
        assert (r["live"], r["before"], r["after"]) == (True, 2, 2), r
        # A fixed component: its match closes with the reason.
        imported(node, "box", "2.0", LODASH, "pkg:npm/zlib-x@2.0.0")
        t.wait_for(lambda: matches(node).get(("GHSA-9", "box")) == "closed", timeout=60, node=node)
        assert len(entries(node, "product.inventory")) == 3
        e = inventory.explain(node, "CVE-2026-9", "box")
        assert e["stage"] == "closed", e
        assert node.stop(60) == 0
        # Without a daemon it waits for the start, which finds nothing new in what was taken before.
        r = imported(node, "box", "2.1", "pkg:npm/zlib-x@1.0.0")
        assert r["live"] is False, r
        node.start()
        t.wait_for(lambda: matches(node).get(("GHSA-9", "box")) == "open", timeout=60, node=node)
        assert len(entries(node, "product.inventory")) == 4
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_while_documents_arrive():
    many = [osv("GHSA-%d" % n, "package-%d" % n, "CVE-2026-%d" % (1000 + n), "2.0.0") for n in range(200)]
    serve(*many)
    with make() as node:
        sources.start(node)
        poll = threading.Thread(target=lambda: sources.poll(node, "osv"))
        poll.start()
        for n in (1, 2, 3):
            write(node, "new%d.json" % n, sbom(*["pkg:npm/package-%d@1.0.0" % k for k in range(40 * n)]))
            node.cli("product", "import", "box", "2.0", "new%d.json" % n, "--json", check=0)
        poll.join()
        # Whichever inventory a document met: all of them are judged by the last one in the end.
        t.wait_for(lambda: len([s for s in matches(node).values() if s == "open"]) == 120, timeout=90, node=node)
        assert node.cli("feed", "show", "osv", "--json", check=0).json["balanced"]
        assert node.stop(60) == 0


def test_what_another_takes_away_stays_away():
    """The advisory is read again before the statement that takes its match away: nothing opens in between."""
    feeds = [{"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/"},
             {"name": "vex", "kind": "csaf", "url": sources.BASE + "/vex/", "speaks_for": ["https://lodash.example"]}]
    serve(*[osv("GHSA-%d" % n, "lodash", "CVE-2026-%d" % n, "4.17.21") for n in range(1, 41)])
    with decided(feeds=feeds) as node:
        sources.start(node)
        sources.poll(node, "osv")
        sources.Site.files["/vex/changes.csv"] = "".join("v%d.json,2026-01-01T00:00:00Z\n" % n for n in range(1, 41))
        for n in range(1, 41):
            sources.Site.files["/vex/v%d.json" % n] = vex("LV-%d" % n, "CVE-2026-%d" % n, version="1")
        assert sources.poll(node, "vex")["new"] == 40
        t.wait_for(lambda: set(matches(node).values()) == {"closed"}, timeout=60, node=node)
        said = len(entries(node, "feed.match")), len(entries(node, "signal.received")), len(decisions(node))
        imported(node, "named", "2.0", "pkg:npm/other@1.0.0")
        sources.Site.files["/npm/GHSA-99.json"] = osv("GHSA-99", "other", "CVE-2026-99", "2.0.0")
        sources.Site.files["/npm/modified_id.csv"] += "2026-01-01T00:00:00Z,GHSA-99\n"
        sources.poll(node, "osv")
        t.wait_for(lambda: matches(node).get(("GHSA-99", "named")) == "open", timeout=60, node=node)
        time.sleep(1)
        now = len(entries(node, "feed.match")), len(entries(node, "signal.received")), len(decisions(node))
        assert now == (said[0] + 1, said[1], said[2] + 1), (said, now)
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
