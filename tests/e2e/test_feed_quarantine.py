"""What was held back: listed with its reason, asked for again, or taken as it is by a person, who stands in the log
with why; the good revision before it stays in force until then. Sums stay balanced."""
import hashlib
import json

import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start
from test_feed_decisions import entries

t.need_binary()


def put(name, body, said=None):
    Site.files["/d/2026/%s.json" % name] = body
    Site.files["/d/2026/%s.json.sha256" % name] = hashlib.sha256((said or body).encode()).hexdigest()


def listed(*names, time="2026-01-01T00:00:00Z"):
    Site.files["/d/changes.csv"] = "".join('"2026/%s.json","%s"\n' % (n, time) for n in names)


def held(node):
    return {i["path"]: i for i in node.cli("feed", "quarantine", "v", "--json", check=0).json["items"]}


def balanced(node):
    show = node.cli("feed", "show", "v", "--json", check=0).json
    assert show["balanced"], show
    return show


def test_listed_retried_accepted():
    Site.files = {}
    put("ve-1", csaf("VE-1", version="2"))
    put("ve-2", csaf("VE-2"), said="other bytes")
    put("ve-3", "{ no json")
    put("ve-4", csaf("VE-4", ns="https://stranger.example"))
    listed("ve-1", "ve-2", "ve-3", "ve-4", "ve-5")
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "hash": "required",
                    "speaks_for": ["https://vendor.example"]}) as node:
        start(node)
        r = poll(node, "v")
        assert (r["new"], r["quarantined"]) == (1, 4), r
        why = {p: i["reason"][:4] for p, i in held(node).items()}
        assert why == {"2026/ve-2.json": "F005", "2026/ve-3.json": "F006", "2026/ve-4.json": "F113",
                       "2026/ve-5.json": "F004"}, why
        # A rollback: what was there stays in force, and the list says what.
        put("ve-1", csaf("VE-1", version="1", product="libold"))
        listed("ve-1", "ve-2", "ve-3", "ve-4", "ve-5", time="2026-02-01T00:00:00Z")
        poll(node, "v")
        one = held(node)["2026/ve-1.json"]
        assert (one["in_force"], one["reason"][:4], one["has_good"]) == ("2", "F114", True), one
        shown = node.cli("feed", "quarantine", "v", check=0).out
        assert "2026/ve-1.json" in shown and "F005" in shown, shown
        # By a person, with a reason, and only what is held back and can be read.
        assert "reason" in node.cli("feed", "accept", "v", "2026/ve-1.json", "--as", "resp1").err
        for path, code in (("2026/ve-3.json", "F006"), ("2026/ve-5.json", "F145"), ("2026/none.json", "F145")):
            r = node.cli("feed", "accept", "v", path, "--as", "resp1", "--reason", "x")
            assert r.code != 0 and code in r.err, (path, r.err)
        for path in ("2026/ve-1.json", "2026/ve-2.json", "2026/ve-4.json"):
            node.cli("feed", "accept", "v", path, "--as", "resp1", "--reason", "called them", check=0)
        assert sorted(held(node)) == ["2026/ve-3.json", "2026/ve-5.json"]
        assert "F145" in node.cli("feed", "accept", "v", "2026/ve-1.json", "--as", "resp1", "--reason", "x").err
        said = [e for e in entries(node, "feed.desk") if e["reason"] == "accept"]
        assert len(said) == 3 and {e["actor"] for e in said} == {"u:resp1"}, said
        matches = node.cli("match", "list", "--json", check=0).json["items"]
        assert {m["advisory"] for m in matches if m["state"] == "open"} >= {"VE-2", "VE-4"}, matches
        balanced(node)
        # It is mended and nobody changed the list: asked for again by a person, the list as well.
        put("ve-3", csaf("VE-3"))
        put("ve-5", csaf("VE-5"))
        assert poll(node, "v")["new"] == 0
        r = node.cli("feed", "retry", "v", "2026/ve-5.json", "--as", "resp1", "--json", check=0).json
        assert r["released"] == 1, r
        t.wait_for(lambda: sorted(held(node)) == ["2026/ve-3.json"], timeout=60, node=node)
        assert node.cli("feed", "retry", "v", "--as", "resp1", "--json", check=0).json["released"] == 1
        t.wait_for(lambda: not held(node), timeout=60, node=node)
        assert "F145" in node.cli("feed", "retry", "v", "2026/ve-5.json", "--as", "resp1").err
        assert balanced(node)["quarantined"] >= 0
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_kill_between():
    """Killed inside the transaction of an accepted document: it is held back as before, and can be accepted."""
    Site.files = {}
    put("ve-2", csaf("VE-2"), said="other bytes")
    listed("ve-2")
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "hash": "required"}) as node:
        start(node)
        poll(node, "v")
        assert node.stop(60) == 0
        node.start(env={"TOCSIN_FAULT": "feed.document_revised"})
        node.cli("feed", "accept", "v", "2026/ve-2.json", "--as", "resp1", "--reason", "x", timeout=60)
        t.wait_for(lambda: node.process.poll() is not None, timeout=60, node=node)
        node.start()
        assert sorted(held(node)) == ["2026/ve-2.json"]
        balanced(node)
        node.cli("feed", "accept", "v", "2026/ve-2.json", "--as", "resp1", "--reason", "x", check=0)
        assert not held(node)
        show = balanced(node)
        assert (show["revised"], show["quarantined"]) == (1, 0), json.dumps(show)
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
