"""EPSS: kept of what we are hit by, and only a rise is told to the open case, once; another model is none. A disk
that fills up while a list arrives fails that poll with the reason and nothing else."""
import test_feed_sources as sources
import test_inventory as inventory
import tocsin_test as t
from test_feed_decisions import entries, make, osv, serve

t.need_binary()

FEEDS = [{"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/"},
         {"name": "epss", "kind": "epss", "url": sources.BASE + "/epss.csv"}]


def epss(day, scores, model="v2025.03.14"):
    rows = "".join("%s,%s,0.5\n" % (c, s) for c, s in scores.items())
    rows += "".join("CVE-2020-%d,0.9,0.9\n" % n for n in range(1000, 1100))
    sources.Site.files["/epss.csv"] = "#model_version:%s,score_date:2026-01-%02dT00:00:00Z\ncve,epss,percentile\n%s" % (
        model, day, rows)


def signals(node):
    return [e["reason"] for e in entries(node, "signal.received")]


def test_a_jump_is_told_once():
    serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2", name="nobody"))
    with make(feeds=FEEDS) as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 1
        for day, score, told in ((1, 0.01, 0), (2, 0.015, 0), (3, 0.09, 1), (4, 0.09, 1), (5, 0.11, 2), (6, 0.2, 2),
                                 (7, 0.01, 2), (8, 0.03, 2)):
            epss(day, {"CVE-2026-1": score, "CVE-2026-2": 0.9})
            r = sources.poll(node, "epss")
            assert r["runs"] == 0 and r["quarantined"] == 0, r
            got = signals(node)
            assert len(got) == told and set(got) <= {"advisory.likely"}, (day, told, got)
        # Another model rates everything anew: that is no news of this vulnerability.
        epss(9, {"CVE-2026-1": 0.8}, model="v2026.01.01")
        sources.poll(node, "epss")
        assert len(signals(node)) == 2
        e = inventory.explain(node, "CVE-2026-1", "gw")
        assert e["marks"]["epss"]["epss"] == 0.8, e
        # Of 330,000 rows those that we are hit by are kept.
        assert "epss" not in (inventory.explain(node, "CVE-2026-2", "gw").get("marks") or {})
        assert node.stop(60) == 0


def test_full_disk_while_a_list_arrives():
    serve(osv("GHSA-1", "CVE-2026-1"))
    with make(feeds=FEEDS[:1]) as node:
        node.start({"TOCSIN_FAULT": "spool.write=TSN_ENOSPC"})
        t.wait_for(lambda: node.cli("feed", "list", "--json", check=0).json["items"][0]["polled_at"], timeout=60,
                   node=node)
        r = node.cli("feed", "poll", "osv")
        assert r.code != 0 and "F001" in r.err and "cannot be kept" in r.err and "no space" in r.err, r.err
        assert node.http("GET", "/healthz").status == 200
        # What asks and decides goes on meanwhile, and with room the feed does as well.
        assert node.stop(60) == 0
        node.start()
        r = sources.poll(node, "osv")
        t.wait_for(lambda: node.cli("match", "list", "--json", check=0).json["items"], timeout=60, node=node)
        assert node.cli("feed", "show", "osv", "--json", check=0).json["balanced"]
        assert node.stop(60) == 0


if __name__ == "__main__":
    t.main()
