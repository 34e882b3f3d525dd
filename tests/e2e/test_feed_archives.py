"""Compressed lists and archives: OSV's zip when much is new, single records when little is, releases of the
CVE list, tar archives with signature and hash, bombs and traversal; a list of 39 MB and a document of
16 MB in bounded memory."""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zipfile

import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start

t.need_binary()


def osv(ident, modified="2026-01-01T00:00:00Z", fixed=None):
    events = [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])
    return {"id": ident, "modified": modified, "affected": [
        {"package": {"ecosystem": "Go", "name": "example.org/x"},
         "ranges": [{"type": "SEMVER", "events": events}]}]}


def zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, body in entries:
            z.writestr(name, body if isinstance(body, (bytes, str)) else json.dumps(body))
    return out.getvalue()


def tarred(entries, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, body in entries:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def rows(records):
    return "".join("%s,%s\n" % (r["modified"], r["id"]) for r in records)


def test_osv_zip():
    records = [osv("GO-2026-%04d" % n) for n in range(700)]
    Site.files = {"/Go/modified_id.csv": gzip.compress(rows(records).encode()),
                  "/Go/all.zip": zipped([(r["id"] + ".json", r) for r in records] +
                                        [("../../etc/GO-1.json", osv("GO-1")), ("MAL-2026-1.json", "{}"),
                                         ("notes.txt", "x")])}
    with node_with({"name": "go", "kind": "osv", "url": BASE + "/Go/"}) as node:
        start(node)
        r = poll(node, "go")
        assert (r["new"], r["refused"], r["failed"], r["quarantined"]) == (700, 1, 0, 0), r
        assert [p for p, _ in Site.asked] == ["/Go/modified_id.csv", "/Go/all.zip",
                                               "/Go/modified_id.csv"], Site.asked
        Site.asked.clear()
        r = poll(node, "go")
        assert r["fetched"] == 0 and Site.asked == [("/Go/modified_id.csv", 304)], (r, Site.asked)
        # A little is new: that record alone.
        records[3] = osv("GO-2026-0003", "2026-02-01T00:00:00Z", "1.2.3")
        Site.files["/Go/modified_id.csv"] = rows(records)
        Site.files["/Go/GO-2026-0003.json"] = records[3]
        Site.asked.clear()
        r = poll(node, "go")
        assert (r["changed"], r["unchanged"]) == (1, 699), r
        assert [p for p, _ in Site.asked] == ["/Go/modified_id.csv", "/Go/GO-2026-0003.json"], Site.asked
        assert node.stop(60) == 0
    # A damaged archive, and a bomb: the records come one at a time.
    bomb = [("GO-%d.json" % n, b"\0" * (15 << 20)) for n in range(3)]
    for archive, word in ((zipped([("GO-1.json", osv("GO-1"))])[:90], "F120"), (zipped(bomb), "a bomb"),
                          (zipped([("GO-1.json", b"\0" * (60 << 20))]), "it is too large: GO-1.json")):
        few = [osv("GO-2026-%04d" % n) for n in range(260)]
        Site.files = {"/Go/modified_id.csv": rows(few), "/Go/all.zip": archive}
        Site.files.update({"/Go/%s.json" % r["id"]: r for r in few})
        with node_with({"name": "go", "kind": "osv", "url": BASE + "/Go/", "parallel": 16}) as node:
            start(node)
            r = poll(node, "go")
            assert r["new"] == 260 and word in node.log_text(), (r, node.log_text()[-800:])
            assert node.stop(60) == 0


def cve(ident):
    return {"dataType": "CVE_RECORD", "cveMetadata": {"cveId": ident, "state": "PUBLISHED",
                                                      "dateUpdated": "2026-01-01T00:00:00.000Z"},
            "containers": {"cna": {"affected": [], "title": ident}}}


def test_cve_release():
    ids = ["CVE-2026-%d" % n for n in range(10000, 10300)]
    inner = zipped([("cves/2026/10xxx/%s.json" % i, cve(i)) for i in ids] +
                   [("cves/delta.json", "{}"), ("cves/deltaLog.json", "[]")])
    Site.files = {
        "/cves/deltaLog.json": [{"fetchTime": "x", "updated": [], "new": [
            {"cveId": i, "dateUpdated": "2026-01-01T00:00:00.000Z"} for i in ids]}],
        "/releases/latest": {"assets": [
            {"name": "2026_delta_CVEs.zip", "browser_download_url": BASE + "/delta.zip"},
            {"name": "2026-01-01_all_CVEs_at_midnight.zip.zip",
             "browser_download_url": BASE + "/dl/all.zip.zip"}]},
        "/dl/all.zip.zip": zipped([("cves.zip", inner)])}
    with node_with({"name": "cve", "kind": "cvelist", "url": BASE + "/cves/",
                    "archive": BASE + "/releases/latest"}) as node:
        start(node)
        r = poll(node, "cve")
        assert (r["new"], r["failed"], r["quarantined"]) == (300, 0, 0), (r, Site.asked[:9])
        assert len(Site.asked) == 4, Site.asked
        assert node.stop(60) == 0


def test_vendor_archive():
    docs = [("2026/ve-%d.json" % n, csaf("VE-%d" % n).encode()) for n in range(300)]
    bad = tarred(docs[:5], "w:xz")
    for name, pack, wrong in (("a.tar.xz", tarred(docs, "w:xz"), False),
                              ("a.tar.bz2", tarred(docs, "w:bz2"), False),
                              ("a.tar.xz", bad, True)):
        Site.files = {"/d/changes.csv": bz2.compress("".join(
            '"%s","2026-01-01T00:00:00Z"\n' % n for n, _ in docs).encode()),
            "/d/archive_latest.txt": name + "\n", "/d/" + name: pack,
            "/d/%s.sha256" % name: hashlib.sha256(b"x" if wrong else pack).hexdigest() + "  " + name}
        for n, body in docs:
            Site.files["/d/" + n] = body
            Site.files["/d/%s.sha256" % n] = hashlib.sha256(body).hexdigest()
        with node_with({"name": "v", "kind": "csaf", "url": BASE + "/d/", "hash": "required",
                        "archive": BASE + "/d/archive_latest.txt", "parallel": 16}) as node:
            start(node)
            r = poll(node, "v")
            assert (r["new"], r["quarantined"]) == (300, 0), (r, node.log_text()[-1500:])
            single = [p for p, _ in Site.asked if "/2026/" in p]
            if wrong: # its hash is: nothing of it is used, each document is asked for
                assert "F005" in node.log_text() and len(single) >= 600, len(single)
            else:
                assert not single, single[:3]
            assert node.stop(60) == 0


def test_debian_tracker():
    tracker = {"pkg%d" % n: {"CVE-2026-%d" % (1000 + n): {"releases": {
        "bookworm": {"status": "resolved", "fixed_version": "1.0-%d" % n}}}} for n in range(2500)}
    Site.files = {"/tracker.json": lzma.compress(json.dumps(tracker).encode())}
    with node_with({"name": "deb", "kind": "debian", "url": BASE + "/tracker.json"}) as node:
        start(node)
        r = poll(node, "deb")
        assert (r["listed"], r["new"]) == (2500, 2500), r
        tracker["pkg7"]["CVE-2026-1007"]["releases"]["bookworm"]["fixed_version"] = "2.0-1"
        Site.files["/tracker.json"] = json.dumps(tracker)
        r = poll(node, "deb")
        assert (r["listed"], r["changed"], r["unchanged"]) == (2500, 1, 2499), r
        # Cut in the middle: nothing of it is used.
        Site.files["/tracker.json"] = json.dumps(tracker)[:-40]
        r = node.cli("feed", "poll", "deb", "--json")
        assert r.code != 0 and r.error["code"] == "F002", r
        assert node.stop(60) == 0


def test_files():
    with node_with({"name": "dir", "kind": "file", "path": "in/"},
                   {"name": "zip", "kind": "file", "path": "all.zip"},
                   {"name": "one", "kind": "file", "path": "in/a.json"},
                   {"name": "gone", "kind": "file", "path": "none.json"}) as node:
        here = os.path.join(node.root, "in")
        os.mkdir(here)
        for n in range(3):
            with open(os.path.join(here, "%c.json" % (97 + n)), "w", encoding="utf-8") as f:
                json.dump(osv("GO-2026-000%d" % n), f)
        with open(os.path.join(here, "bad.json"), "w", encoding="utf-8") as f:
            f.write("{")
        os.symlink("/etc/passwd", os.path.join(here, "link.json"))
        with open(os.path.join(node.root, "all.zip"), "wb") as f:
            f.write(zipped([("x/%d.json" % n, osv("GO-2026-1%04d" % n)) for n in range(1200)]))
        start(node)
        got = {f["name"]: f["documents"] for f in node.cli("feed", "list", "--json", check=0).json["items"]}
        assert (got["dir"], got["zip"], got["one"], got["gone"]) == (4, 1200, 1, 0), got
        r = poll(node, "dir")
        assert (r["listed"], r["unchanged"], r["refused"], r["new"]) == (4, 4, 1, 0), r
        with open(os.path.join(here, "a.json"), "w", encoding="utf-8") as f:
            json.dump(osv("GO-2026-0000", fixed="2.0.0"), f)
        r = poll(node, "dir")
        assert (r["changed"], r["unchanged"]) == (1, 3), r
        r = node.cli("feed", "poll", "gone", "--json")
        assert r.code != 0 and r.error["code"] == "F001", r
        assert node.stop(60) == 0


def test_converters():
    lines = [json.dumps(osv("GO-2026-0001")), "not JSON", "",
             json.dumps({"path": "b", "time": "1", "document": osv("GO-2026-0002")})]
    scripts = {"good": "cat <<'END'\n%s\nEND\n" % "\n".join(lines), "bad": "echo '{\"id\":\"x\"}'; exit 3\n",
               "silent": "exit 0\n", "loud": "exec head -c 300000000 /dev/zero\n"}
    Site.files = {}
    with node_with(*[{"name": n, "kind": "exec", "command": ["/bin/sh", "-c", s]} for n, s in scripts.items()],
                   {"name": "mail", "kind": "maildir", "path": "box/"}) as node:
        box = os.path.join(node.root, "box")
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(box, sub))
        with open(os.path.join(box, "new", "1.host"), "w", encoding="utf-8") as f:
            f.write("From: a@list.example\r\nMessage-ID: <1@list.example>\r\nSubject: CVE-2026-12345 in libx\r\n"
                    "List-Id: <oss-security.example>\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                    "and GHSA-c3f4-g5=\r\nh6-j7m8 as well\r\n")
        with open(os.path.join(box, "cur", "2.host:2,S"), "wb") as f:
            f.write(b"\xff\x00 no mail at all")
        start(node)
        r = poll(node, "good")
        assert (r["listed"], r["refused"], r["unchanged"], r["new"]) == (2, 1, 2, 0), r
        assert poll(node, "silent")["listed"] == 0
        for name, word in (("bad", "did not end with 0"), ("loud", "prints too much")):
            r = node.cli("feed", "poll", name, "--json")
            assert r.code != 0 and r.error["code"] == "F001" and word in r.err, r
        r = poll(node, "mail")
        assert (r["listed"], r["unchanged"]) == (2, 2), r
        # Read already: its flags changed its name, not what it says.
        os.rename(os.path.join(box, "new", "1.host"), os.path.join(box, "cur", "1.host:2,S"))
        r = poll(node, "mail")
        assert (r["listed"], r["unchanged"], r["new"]) == (2, 2, 0), r
        said = node.cli("explain", "CVE-2026-12345", "gw", "--json").json
        assert "1.host" in json.dumps(said), said
        assert node.stop(60) == 0


def peak(node):
    with open("/proc/%d/status" % node.process.pid, encoding="utf-8") as f:
        return int([line for line in f if line.startswith("VmHWM")][0].split()[1]) / 1024


def test_memory():
    """39 MB of ROLIE that was seen before but for one entry, and a document of 16 MB."""
    def entry(n, updated="2026-01-01T00:00:00Z"):
        url = BASE + "/w/ve-%06d.json" % n
        return {"id": "VE-%06d" % n, "updated": updated, "title": "x" * 400,
                "link": [{"rel": "self", "href": url}, {"rel": "hash", "href": url + ".sha512"}],
                "content": {"src": url, "type": "application/json"}}
    big = json.loads(csaf("VE-BIG"))
    big["document"]["notes"] = [{"category": "general", "text": "y" * 1000} for _ in range(15900)]
    body = json.dumps(big)
    assert 15 << 20 < len(body) < 16 << 20, len(body)
    feed = {"feed": {"id": "f", "entry": [dict(entry(n), content={"src": "ftp://x/%d" % n})
                                          for n in range(63000)] + [entry(1)]}}
    text = json.dumps(feed)
    assert len(text) > 39 << 20, len(text)
    Site.files = {"/feed.json": text, "/w/ve-000001.json": body,
                  "/w/ve-000001.json.sha512": hashlib.sha512(body.encode()).hexdigest()}
    with node_with({"name": "big", "kind": "csaf", "url": BASE + "/feed.json"}) as node:
        start(node)
        r = poll(node, "big")
        assert (r["new"], r["refused"], r["listed"]) == (1, 63000, 1), r
        if not os.environ.get("TOCSIN_SANITIZE"):
            print("peak %.0f MB" % peak(node))
            assert peak(node) < 128, peak(node)
        assert node.stop(60) == 0


if __name__ == "__main__":
    t.main()
