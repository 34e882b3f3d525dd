"""What feeds bring goes through stages, each a transaction: the daemon is killed at every arrow between
them, and nothing is lost or there twice. What was observed is always revised, quarantined, a duplicate
or pending. Stored bytes are read again without the network."""
import json
import os
import sqlite3

import test_feed_sources as sources
import tocsin_test as t

t.need_binary()

ARROWS = ("feed.listed", "feed.document_read", "feed.raw_apply", "feed.raw_stored",
          "feed.document_normal", "feed.document_apply", "feed.document_revised",
          "feed.document_stored", "feed.decide_apply", "feed.decided")


def serve(docs, stamp="2026-01-01T00:00:00Z"):
    sources.Site.files = dict({"/d/" + k: v for k, v in docs.items()})
    sources.Site.files["/d/changes.csv"] = "".join("%s,%s\n" % (k, stamp) for k in docs)


def make():
    return sources.node_with({"name": "v", "kind": "csaf", "url": sources.BASE + "/d/"})


def show(node, name="v"):
    return node.cli("feed", "show", name, "--json", check=0).json


def polled(node, since=None):
    r = node.cli("feed", "list", "--json")
    f = (r.json["items"] + [{}])[0] if r.code == 0 else {}
    return f.get("state") == "good" and f["polled_at"] != since


def rows(node, table):
    """The store itself, read while nobody writes."""
    with sqlite3.connect("file:%s?mode=ro" % os.path.join(node.data, "tocsin.db"), uri=True) as db:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute('SELECT * FROM "%s"' % table)]


def balanced(node):
    s = show(node)
    assert s["balanced"], s
    assert s["observed"] == sum(s[k] for k in ("revised", "quarantined", "duplicate", "pending")), s
    return s


def test_killed_at_every_arrow():
    two = {"a.json": sources.csaf("EX-1"), "b.json": sources.csaf("EX-2", product="other")}
    for arrow in ARROWS:
        serve(two)
        with make() as node:
            # The daemon's own first poll meets the fault.
            node.start({"TOCSIN_FAULT": arrow}, wait="dead", timeout=30)
            node.start()
            t.wait_for(lambda n=node: polled(n), timeout=30, node=node)
            sources.poll(node, "v")
            s = balanced(node)
            assert s["pending"] == 0 and s["revised"] == 2 and s["decisions"]["done"] == 1, \
                (arrow, s)
            runs = node.http("GET", "/api/v1/runs?limit=100", check=200).json["items"]
            cases = node.http("GET", "/api/v1/cases?limit=100", check=200).json["items"]
            assert len(runs) == len(cases) == 1, (arrow, runs, cases)
            m = node.cli("match", "list", "--json", check=0).json["items"]
            assert [(x["advisory"], x["case"]) for x in m] == [("EX-1", cases[0]["name"])], m
            d = node.cli("decision", "list", "--json", check=0).json["items"]
            assert [(x["verdict"], x["case"]) for x in d] == [("run", cases[0]["name"])], d
            assert node.stop(60) == 0
            assert t.run_cli(["audit", "verify", node.data], check=0)
            seen = [r["state"] for r in rows(node, "observation")]
            assert set(seen) <= {"revised", "duplicate"} and seen.count("revised") == 2, seen
            assert len(rows(node, "revision")) == 2 and len(rows(node, "raw")) == 2, arrow


def test_pending_needs_no_network():
    serve({"a.json": sources.csaf("EX-1")})
    with make() as node:
        node.start({"TOCSIN_FAULT": "feed.raw_stored"}, wait="dead", timeout=30)
        assert [r["state"] for r in rows(node, "observation")] == ["pending"]
        sources.Site.files = {}  # the provider is gone
        node.start()
        t.wait_for(lambda: show(node)["revised"] == 1, timeout=30, node=node)
        t.wait_for(lambda: node.http("GET", "/api/v1/runs", check=200).json["items"], timeout=30,
                   node=node)
        assert balanced(node)["decisions"]["done"] == 1
        assert node.stop(60) == 0


def test_another_parser_reads_what_is_stored():
    serve({"a.json": sources.csaf("EX-1"), "b.json": sources.csaf("EX-2", product="other"),
           "c.json": '{"document": {"csaf_version": "2.0"}}', "d.json": sources.csaf("EX-4")})
    sources.Site.files["/d/d.json.sha512"] = "0" * 128  # not the bytes that were meant
    with make() as node:
        sources.start(node)
        sources.poll(node, "v")
        before = balanced(node)
        assert (before["revised"], before["quarantined"]) == (2, 2), before
        assert node.stop(60) == 0
        # As an older version would have left it: other facts, and a document that it could not read.
        basis = {r["basis"] for r in rows(node, "document")}
        assert len(basis) == 1, basis
        with sqlite3.connect(os.path.join(node.data, "tocsin.db")) as db:
            db.execute("UPDATE document SET basis='0:' || substr(basis, 3)")
            db.execute("""UPDATE document SET facts='{"id":"EX-2","substance":"old"}'
                          WHERE tracking_id='EX-2'""")
            db.execute("""UPDATE document SET state='quarantined', reason='F007 x', facts=NULL,
                          tracking_id=NULL WHERE tracking_id='EX-1'""")
            db.execute("""UPDATE observation SET state='quarantined' WHERE path='a.json'""")
            db.execute("UPDATE feeddesk SET revised=revised-1, quarantined=quarantined+1")
        db.close()
        sources.Site.files = {}
        node.start()
        t.wait_for(lambda: {r["basis"] for r in rows(node, "document") if r["path"] != "d.json"}
                   == basis, timeout=30, node=node)
        docs = {r["path"]: r for r in rows(node, "document")}
        # What nobody vouched for is not taken in by the back door.
        assert docs["d.json"]["state"] == "quarantined" and not docs["d.json"]["tracking_id"]
        assert (docs["a.json"]["state"], docs["a.json"]["tracking_id"]) == ("current", "EX-1")
        assert json.loads(docs["b.json"]["facts"])["substance"] != "old", docs["b.json"]
        assert docs["c.json"]["state"] == "quarantined"
        after = balanced(node)
        assert (after["revised"], after["quarantined"]) == (2, 2), after
        # Facts by another parser start nothing: what they would have started is on record.
        assert len(node.http("GET", "/api/v1/runs", check=200).json["items"]) == 1
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
