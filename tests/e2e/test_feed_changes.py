"""What changes at a provider and at ours: random changes with kills keep the sums right; an SBOM that
changed is matched from what is stored; what a list names no more is withdrawn in the end."""
import json
import os
import random
import sqlite3

import test_feed_decisions as decisions
import test_feed_sources as sources
import test_inventory as inventory
import tocsin_test as t
from test_feed_stages import ARROWS, balanced, make, polled, rows, serve, show

t.need_binary()


def test_another_inventory_is_matched_from_what_is_stored():
    inventory.serve(decisions.osv("GHSA-1", "CVE-2026-1"),
                    decisions.osv("GHSA-2", "CVE-2026-2", name="zlib-x", fixed="2.0.0"))
    with decisions.make() as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 1
        assert node.stop(60) == 0
        sources.Site.files = {}
        inventory.write(node, "gw.json", inventory.sbom(decisions.LEFT, "pkg:npm/zlib-x@1.0.0"))
        node.start()
        t.wait_for(lambda: len(decisions.runs(node)) == 2, timeout=30, node=node)
        m = {x["advisory"]: x for x in node.cli("match", "list", "--json", check=0).json["items"]}
        assert (m["GHSA-1"]["state"], m["GHSA-2"]["state"]) == ("closed", "open"), m
        d = decisions.decisions(node, advisory="GHSA-2")
        assert [x["verdict"] for x in d] == ["run"], d
        e = node.cli("decision", "show", d[0]["id"], "--json", check=0).json
        assert e["input"]["inputs"]["cause"] == "inventory", e
        assert len(decisions.entries(node, "product.inventory")) == 2
        balanced_of = show(node, "osv")
        assert balanced_of["balanced"] and balanced_of["revised"] == 2, balanced_of
        assert node.stop(60) == 0
        # The same inventory: nothing is matched again, no entry.
        node.start()
        assert len(decisions.entries(node, "product.inventory")) == 2
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_what_a_list_names_no_more():
    """In force while the server has it; withdrawn when it is not there twice, a day apart."""
    day = 86400000

    def doc(node, path):
        return {r["path"]: r for r in rows(node, "document")}[path]

    def older(node, ms):
        with sqlite3.connect(os.path.join(node.data, "tocsin.db")) as db:
            db.execute("UPDATE document SET asked_at=asked_at-? WHERE asked_at>0", (ms,))
            db.execute("UPDATE document SET gone_at=gone_at-? WHERE gone_at>0", (ms,))
        db.close()

    a, b = sources.csaf("EX-1"), sources.csaf("EX-2", product="other")
    serve({"a.json": a, "b.json": b})
    with make() as node:
        sources.start(node)
        assert sources.poll(node, "v")["runs"] == 1
        serve({"b.json": b})
        sources.Site.files["/d/a.json"] = a
        sources.poll(node, "v")
        d = doc(node, "a.json")
        assert d["unlisted_at"] and d["asked_at"] and not d["gone_at"], d
        assert d["state"] == "current"
        # Asked once a day, not at every poll.
        sources.Site.asked.clear()
        sources.poll(node, "v")
        assert not [x for x in sources.Site.asked if "a.json" in x[0]], sources.Site.asked
        # A broken or empty list takes nothing away.
        sources.Site.files["/d/changes.csv"] = "<html>"
        node.cli("feed", "poll", "v")
        assert doc(node, "b.json")["unlisted_at"] == 0
        serve({"b.json": b})
        node.stop(60)
        older(node, 2 * day)
        node.start()
        t.wait_for(lambda: doc(node, "a.json")["gone_at"], timeout=30, node=node)
        assert doc(node, "a.json")["state"] == "current"
        assert node.cli("match", "list", "--json", check=0).json["items"][0]["state"] == "open"
        node.stop(60)
        older(node, 2 * day)
        node.start()
        t.wait_for(lambda: doc(node, "a.json")["state"] == "withdrawn", timeout=30, node=node)
        t.wait_for(lambda: decisions.decisions(node, verdict="told"), timeout=30, node=node)
        m = node.cli("match", "list", "--json", check=0).json["items"][0]
        assert m["state"] == "closed" and "withdrawn" in m["reason"], m
        said = [e["reason"] for e in decisions.entries(node, "feed.unlisted")]
        assert said == ["list", "not-there", "withdrawn"], said
        assert [e["reason"] for e in decisions.entries(node, "signal.received")] == [
            "advisory.changed"]
        # Listed again, it is in force again.
        serve({"a.json": a, "b.json": b}, "2026-02-01T00:00:00Z")
        sources.poll(node, "v")
        assert doc(node, "a.json")["state"] == "current" and not doc(node, "a.json")["unlisted_at"]
        assert node.cli("match", "list", "--json", check=0).json["items"][0]["state"] == "open"
        balanced(node)
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_superseded_keeps_what_it_said():
    old = sources.csaf("EX-1")
    new = json.loads(sources.csaf("EX-1", "2"))
    new["document"]["category"] = "csaf_superseded"
    del new["product_tree"], new["vulnerabilities"]
    serve({"a.json": old})
    with make() as node:
        sources.start(node)
        assert sources.poll(node, "v")["runs"] == 1
        serve({"a.json": json.dumps(new)}, "2026-01-02T00:00:00Z")
        assert sources.poll(node, "v")["changed"] == 1
        assert node.cli("match", "list", "--json", check=0).json["items"][0]["state"] == "open"
        new["document"]["category"] = "csaf_withdrawn"
        new["document"]["tracking"]["version"] = "3"
        serve({"a.json": json.dumps(new)}, "2026-01-03T00:00:00Z")
        assert sources.poll(node, "v")["changed"] == 1
        m = node.cli("match", "list", "--json", check=0).json["items"][0]
        assert m["state"] == "closed" and "withdrawn" in m["reason"], m
        assert node.stop(60) == 0


def test_whatever_comes_the_sum_is_right():
    """Random changes of a provider's tree, some with a kill: after each the counters add up, and the
    documents in force are the last good ones."""
    rng = random.Random(7)
    names, good = ["d%d.json" % i for i in range(6)], {}
    docs, version, vector = {}, {n: 1 for n in names}, {n: "libfoo" for n in names}
    stamp = 0
    with make() as node:
        sources.start(node)
        for turn in range(14):
            for n in rng.sample(names, rng.randint(1, 4)):
                what = rng.choice(("same", "cosmetic", "change", "broken", "gone", "back"))
                if what == "cosmetic":
                    version[n] += 1
                elif what == "change":
                    version[n] += 1
                    vector[n] = rng.choice(("libfoo", "libbar", "x" + str(turn)))
                if what == "broken":
                    docs[n] = '{"document":'
                elif what == "gone":
                    docs[n] = None
                elif what == "back" and version[n] > 1:
                    docs[n] = sources.csaf("EX-" + n, "0", product="old")
                else:
                    docs[n] = sources.csaf("EX-" + n, str(version[n]), product=vector[n])
                    good[n] = (str(version[n]), vector[n])
            stamp += 1
            serve({n: d for n, d in docs.items() if d}, "2026-01-01T00:%02d:00Z" % stamp)
            for n, d in docs.items():
                if not d:
                    sources.Site.files["/d/changes.csv"] += "%s,2026-01-01T00:%02d:00Z\n" % (
                        n, stamp)
            if turn % 5 == 4:
                last = node.cli("feed", "list", "--json", check=0).json["items"][0]["polled_at"]
                node.stop(60)
                # Where nothing comes past the arrow it lives on: then it is killed after the poll.
                node.start({"TOCSIN_FAULT": rng.choice(ARROWS[1:8])}, wait=False)
                t.wait_for(lambda: not node.alive or polled(node, last), timeout=30)
                node.kill9()
                node.start()
            sources.poll(node, "v")
            t.wait_for(lambda: show(node)["pending"] == 0, timeout=30, node=node)
            balanced(node)
            for d in rows(node, "document"):
                if d["path"] in good:
                    assert (d["state"], d["version"]) == ("current", good[d["path"]][0]), (turn, d)
        s = balanced(node)
        assert s["quarantined"] > 3 and s["duplicate"] > 1 and s["revised"] > 8, s
        assert node.stop(60) == 0
        states = [r["state"] for r in rows(node, "observation")]
        assert states.count("revised") == s["revised"] == len(rows(node, "revision")), states
        assert states.count("quarantined") == s["quarantined"], states
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
