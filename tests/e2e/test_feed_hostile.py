"""Hostile input: every text of the JSON suite as a document, good revisions replaced by them, truncated and
malformed copies of every format; each is quarantined with a reason, and what was good before stays."""
import gzip
import hashlib
import json
import os
import shutil

import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start

t.need_binary()

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(os.environ["TOCSIN_SOURCE"], "..", "shared", "data")
SUITE = os.path.join(DATA, "hostile", "JSONTestSuite")
# Where the suite is absent.
FEW = {"n_open.json": b"[" * 100000, "n_comma.json": b"{\"a\":1,}", "n_utf8.json": b"{\"a\":\"\xff\"}",
       "n_empty.json": b"", "n_nul.json": b"{\"a\":\"\\u0000\"}", "n_deep.json": b"{\"a\":" * 70 + b"1" + b"}" * 70,
       "n_twice.json": b"{\"document\":{},\"document\":{}}", "n_behind.json": b"{} {}", "y_list.json": b"[]"}


def suite():
    if not os.path.isdir(SUITE):
        return dict(FEW)
    out = dict(FEW)
    for name in os.listdir(SUITE):
        with open(os.path.join(SUITE, name), "rb") as f:
            out[name.replace("+", "_").replace("#", "_")] = f.read()
    return out


def documents(node, feed):
    return node.cli("feed", "list", "--json", check=0).json["items"]


def test_json_suite():
    files = suite()
    names = sorted(files)
    good = csaf("VE-1")

    def put(path, body):
        Site.files["/d/" + path] = body
        Site.files["/d/%s.sha512" % path] = hashlib.sha512(body).hexdigest()
    with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "parallel": 16}) as node:
        Site.files = {}
        start(node)
        put("good.json", good.encode())
        for n in names:
            put("2026/" + n, files[n])
        Site.files["/d/changes.csv"] = "good.json,2026-01-01T00:00:00Z\n" + "".join(
            '"2026/%s",2026-01-01T00:00:00Z\n' % n for n in names)
        r = poll(node, "v")
        assert (r["new"], r["quarantined"], r["failed"]) == (1, len(names), 0), r
        log = node.log_text()
        assert log.count("feed.quarantined") >= len(names)
        for n in names[:10]:
            assert '"path":"2026/%s","code":"F' % n in log, n
        # In the place of a good revision: that one stays, and is what explains.
        for i, n in enumerate([n for n in names if n.startswith("n_")][:25]):
            put("good.json", files[n])
            Site.files["/d/changes.csv"] = "good.json,2026-01-02T00:00:%02dZ\n" % i
            r = poll(node, "v")
            assert r["quarantined"] == 1, (n, r)
        said = node.cli("explain", "CVE-2026-1", "gw", "--json", check=0).json
        assert said["stage"] not in ("no-document", "quarantined"), said
        assert node.cli("match", "list", "--json", check=0).json["items"][0]["state"] == "open"
        # And the next good one is taken.
        put("good.json", csaf("VE-1", "2", product="libbar").encode())
        Site.files["/d/changes.csv"] = "good.json,2026-01-03T00:00:00Z\n"
        assert poll(node, "v")["changed"] == 1
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_lists():
    """The same texts in the place of every kind's list: the poll fails with a reason, nothing is lost."""
    files = [b for n, b in sorted(suite().items()) if n.startswith("n_")][::24]
    osv = {"id": "GO-2026-1", "modified": "2026-01-01T00:00:00Z", "affected": []}
    lists = {"cvelist": ("/cves/", "/cves/deltaLog.json"), "nvd": ("/nvd", "/nvd"), "ghsa": ("/ghsa", "/ghsa"),
             "debian": ("/deb.json", "/deb.json"), "msrc": ("/ms/", "/ms/updates"),
             "rpm": ("/rpm/", "/rpm/repodata/repomd.xml"), "apt": ("/apt/", "/apt/InRelease"),
             "osv": ("/Go/", "/Go/modified_id.csv"), "rss": ("/rss", "/rss")}
    feeds = [{"name": k, "kind": k, "url": BASE + u} for k, (u, _) in lists.items()]
    Site.files = {}
    with node_with(*feeds, {"name": "good", "kind": "document", "url": BASE + "/good.json"}) as node:
        start(node)
        Site.files["/good.json"] = osv
        assert poll(node, "good")["new"] == 1
        for body in files:
            for path in [p for _, p in lists.values()]:
                Site.files[path] = body
            for k in lists:
                r = node.cli("feed", "poll", k, "--json")
                # An empty array is a list without entries, and a line of a CSV that is none is passed over.
                assert r.code == 0 or r.error["code"] in ("F001", "F002"), (k, body[:80], r)
                assert r.code != 0 or not (r.json["new"] or r.json["fetched"]), (k, body[:80], r.json)
        assert poll(node, "good")["unchanged"] + poll(node, "good")["not_modified"] >= 1
        assert node.stop(60) == 0


SAMPLES = ("vendor-formats/suse-cvrf", "vendor-formats/openeuler-cvrf", "vendor-formats/cvrf12",
           "vendor-formats/updateinfo", "vendor-formats/nvd", "vendor-formats/ubuntu",
           "vendor-formats/debian-tracker", "vendor-formats/alpine-secdb", "vendor-formats/ghsa", "kev",
           "openvex", "csaf-vendors", "cve-v5", "osv")


def samples():
    """The smallest few files of each format, inflated."""
    out = []
    for folder in SAMPLES:
        found = []
        for at, _, files in os.walk(os.path.join(DATA, folder)):
            found += [os.path.join(at, f) for f in files if f.endswith((".json", ".xml", ".xml.gz"))]
        found.sort(key=lambda p: (os.path.getsize(p), p))
        for path in found[:6]:
            with open(path, "rb") as f:
                body = f.read()
            body = gzip.decompress(body) if path.endswith(".gz") else body
            if 200 < len(body) < 400000:
                out.append((os.path.relpath(path, DATA).replace("/", "_"), body))
    return out or [("csaf.json", csaf("VE-1").encode())]


def test_truncated_formats():
    with node_with({"name": "in", "kind": "file", "path": "in/"}) as node:
        folder = os.path.join(node.root, "in")
        os.mkdir(folder)
        kept, n = samples(), 0
        for name, body in kept:
            body = body.rstrip()
            for cut in (1, len(body) // 3, len(body) * 9 // 10, len(body) - 1):
                with open(os.path.join(folder, "%s.%d" % (name, cut)), "wb") as f:
                    f.write(body[:cut])
                n += 1
            for at in (len(body) // 2, len(body) - 3):  # a quote where none was
                with open(os.path.join(folder, "%s.x%d" % (name, at)), "wb") as f:
                    f.write(body[:at] + b"\x01\"<" + body[at:])
                n += 1
        start(node)
        item = node.cli("feed", "list", "--json", check=0).json["items"][0]
        assert item["documents"] == n, (item, n)
        log = node.log_text()
        assert log.count('"event":"feed.quarantined"') == n, (log.count("feed.quarantined"), n)
        # The whole ones are read.
        shutil.rmtree(folder)
        os.mkdir(folder)
        for name, body in kept:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(body)
        r = poll(node, "in")
        assert r["new"] >= len(kept) * 2 // 3, (r, node.log_text()[-3000:])
        print("%d truncated or malformed copies, %d of %d whole ones read" % (n, r["new"], len(kept)))
        assert node.stop(60) == 0


if __name__ == "__main__":
    t.main()
