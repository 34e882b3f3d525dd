#!/usr/bin/env python3
"""Ingests the whole CISA provider tree from the test data over HTTP on loopback: no document is
refused, the right ones start runs, and a second poll and a kill in the middle change nothing."""
import json
import os
import sys
import time

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_story as story

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(
    os.path.dirname(os.path.abspath(t.SOURCE)), "shared", "data")
TREE = os.path.join(DATA, "csaf-cisa")
PRODUCTS = [
    {"id": "plant-a", "name": "Plant A", "vendor": "Acme", "owner": "owner1",
     "components": [{"vendor": "Siemens", "product": "SIMATIC S7-1500 Software Controller"}]},
    {"id": "plant-b", "name": "Plant B", "vendor": "Acme", "owner": "owner1",
     "components": [{"vendor": "Rockwell Automation", "product": "FactoryTalk View SE"},
                    {"vendor": "Delta Electronics", "product": "DIAEnergie"}]},
    {"id": "office", "name": "Office", "vendor": "Acme", "owner": "owner1",
     "components": [{"vendor": "Nobody In Particular", "product": "Unheard Of"}]},
]


def expected():
    """(rows of the list, { id: CVEs } of documents that touch our products), by independent reading."""
    base = os.path.join(TREE, "csaf_files", "OT", "white")
    with open(os.path.join(base, "changes.csv"), encoding="utf-8") as f:
        rows = {line.split(",")[0].strip('"') for line in f if line.strip()}
    wanted = {(c["vendor"].lower(), c["product"].lower()) for p in PRODUCTS
              for c in p["components"]}
    hits = {}
    for row in rows:
        with open(os.path.join(TREE, row), encoding="utf-8") as f:
            doc = json.load(f)
        ids = {}

        def walk(branches, vendor, product):
            for b in branches:
                v = b["name"] if b["category"] == "vendor" else vendor
                p = b["name"] if b["category"] == "product_name" else product
                if "product" in b:
                    ids[b["product"]["product_id"]] = ((v or "").lower(), (p or "").lower())
                walk(b.get("branches", []), v, p)

        walk(doc.get("product_tree", {}).get("branches", []), None, None)
        for vuln in doc.get("vulnerabilities", []):
            status = vuln.get("product_status", {})
            for kind in ("known_affected", "first_affected", "last_affected",
                         "under_investigation"):
                for pid in status.get(kind, []):
                    if ids.get(pid) in wanted:
                        hits[doc["document"]["tracking"]["id"]] = frozenset(
                            v["cve"] for v in doc["vulnerabilities"] if "cve" in v)
    return len(rows), hits


def test_all_of_it():
    if not os.path.isdir(TREE):
        t.skip("no test data at " + TREE)
    rows, hits = expected()
    server = story.provider(TREE)
    with story.make_node(server.server_address[1]) as node:
        node.config["products"] = PRODUCTS
        node.config.pop("customers")
        base = "http://127.0.0.1:%d/csaf_files/" % server.server_address[1]
        node.config["feeds"][0]["url"] = base + "OT/white/"
        node.config["feeds"].append(dict(node.config["feeds"][0], name="it",
                                         url=base + "IT/white/"))
        node.write_config()
        # Killed in the middle, and again at a named point; then it goes on where it was.
        node.start({"TOCSIN_FAULT": "feed.document_stored:60"})
        try:
            node.cli("feed", "poll", "examples", timeout=120)
        except Exception:  # the daemon dies under the command; how it ends is not the point
            pass
        node.kill9()
        node.start()
        began = time.monotonic()
        node.cli("feed", "poll", "examples", "--timeout", "120s", timeout=150)
        took = time.monotonic() - began
        node.cli("feed", "poll", "it", check=0)
        feeds = {f["name"]: f for f in node.cli("feed", "list", check=0).json["items"]}
        assert feeds["it"]["documents"] == 1, feeds
        documents = feeds["examples"]["documents"]
        assert documents == rows, "%s stored of %s listed" % (documents, rows)
        runs = node.http("GET", "/api/v1/runs?limit=1000", check=200).json["items"]
        cases = node.http("GET", "/api/v1/cases?limit=1000", check=200).json["items"]
        print("  %d documents in %.1f s (%.0f a second), %d runs for %d advisories that touch us"
              % (documents, took, documents / took, len(runs), len(hits)), flush=True)
        # Two of them are about one vulnerability, of one piece of software in two product lines.
        events = set(hits.values())
        assert len(events) == len(hits) - 1
        assert len(runs) == len(cases) == len(events) > 0, (len(runs), len(cases), len(events))
        matches = node.cli("match", "list", "--json", "--limit", "1000", check=0).json["items"]
        found = {m["advisory"]: m["case"] for m in matches if m["certainty"] != "guess"}
        assert set(found) == set(hits) and all(found.values()), (found, hits)
        assert found["ICSA-19-099-03"] == found["ICSA-19-134-09"], found
        again = node.cli("feed", "poll", "examples", check=0).json
        assert again["fetched"] == 0 and again["runs"] == 0, again
        assert again["quarantined"] == 0, again
        assert "quarantined" not in node.log_text(), node.log_text()[-2000:]
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0, timeout=120)
    server.shutdown()


if __name__ == "__main__":
    t.main()
