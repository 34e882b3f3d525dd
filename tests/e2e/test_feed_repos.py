"""Package repositories and vendors' own interfaces: apt with a signed InRelease, rpm's updateinfo, Red Hat's
archive, SUSE's CVRF, Ubuntu's records and notices, Microsoft's months, Cisco's openVuln with a token; and
what is wrong with each refused with a reason."""
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.parse

import tocsin_test as t
from feed_site import BASE, Site, csaf, node_with, poll, start

t.need_binary()


def sbom(*components):
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": {
        "type": "application", "name": "gw", "version": "1", "bom-ref": "root"}},
        "components": [{"type": "library", "name": p.split("/")[-1].split("@")[0], "bom-ref": p, "purl": p}
                       for p in components]}


def product(node, *purls):
    with open(os.path.join(node.root, "gw.cdx.json"), "w", encoding="utf-8") as f:
        json.dump(sbom(*purls), f)


PRODUCTS = [{"id": "gw", "name": "Gateway", "owner": "resp1",
             "releases": [{"version": "1", "sbom": "gw.cdx.json"}]}]


def matches(node):
    return {m["advisory"]: m for m in node.cli("match", "list", "--json", check=0).json["items"]}


def packages(*items):
    return "\n".join("Package: %s\nSource: %s\nVersion: %s\nArchitecture: amd64\n" % i for i in items)


def in_release(pack, valid="Sat, 28 Nov 2099 00:53:02 UTC", digest=None):
    return ("Origin: Debian\nSuite: stable-security\nVersion: 12\nCodename: bookworm-security\n"
            "Date: Sat, 21 Nov 2026 00:53:02 UTC\nValid-Until: %s\nAcquire-By-Hash: yes\nSHA256:\n"
            " %s %d main/binary-amd64/Packages.xz\n %s %d main/binary-arm64/Packages.xz\n"
            % (valid, digest or hashlib.sha256(pack).hexdigest(), len(pack), "0" * 64, 9000))


class Key:
    def __init__(self):
        self.home = tempfile.mkdtemp()
        self.gpg("--quick-gen-key", "Archive <a@d.example>", "ed25519", "sign", "never")
        self.public = self.gpg("--armor", "--export").decode()

    def gpg(self, *argv, data=None):
        return subprocess.run(["gpg", "--batch", "--yes", "--pinentry-mode", "loopback",
                               "--passphrase", ""] + list(argv), input=data, check=True, timeout=60,
                              env=dict(os.environ, GNUPGHOME=self.home), capture_output=True).stdout

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False,
                       capture_output=True, timeout=30)
        shutil.rmtree(self.home, ignore_errors=True)


def test_apt():
    pack = lzma.compress((packages(("openssl", "openssl", "3.0.15-1~deb12u1"),
                                   ("libssl3", "openssl", "3.0.15-1~deb12u1"),
                                   ("libx1", "xorg (1:7.7)", "1:7.7+b2")) + "\nPackage: broken\n").encode())
    where = "/d/main/binary-amd64/by-hash/SHA256/" + hashlib.sha256(pack).hexdigest()
    key = Key()
    signed = key.gpg("--clearsign", data=in_release(pack).encode())
    stale = key.gpg("--clearsign", data=in_release(pack, "Sat, 28 Nov 2020 00:53:02 UTC").encode())
    forged = signed.replace(b"main/binary-amd64", b"evil/binary-amd64")
    try:
        with node_with({"name": "deb", "kind": "apt", "url": BASE + "/d/", "signature": "required",
                        "keys": "k.asc"}, products=PRODUCTS) as node:
            with open(os.path.join(node.root, "k.asc"), "w", encoding="utf-8") as f:
                f.write(key.public)
            product(node, "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl&distro=debian-12",
                    "pkg:deb/debian/libx1@1%3A7.7?upstream=xorg&distro=debian-12")
            start(node)

            def code(files):
                Site.files = files
                r = node.cli("feed", "poll", "deb", "--json")
                return r.error["code"] if r.code else "ok"
            assert code({"/d/InRelease": in_release(pack), where: pack}) == "F112"
            assert code({"/d/InRelease": forged, where: pack}) == "F112"
            assert code({"/d/InRelease": stale, where: pack}) == "F002"
            assert code({"/d/InRelease": signed, where: lzma.compress(b"Package: x\nVersion: 9\n")}) == "F005"
            assert not node.cli("feed", "list", "--json", check=0).json["items"][0]["documents"]
            Site.files = {"/d/InRelease": signed, where: pack}
            r = poll(node, "deb")
            assert (r["new"], r["quarantined"]) == (2, 0), r
            m = matches(node)
            assert set(m) == {"bookworm-security/openssl"}, m
            assert poll(node, "deb")["fetched"] == 0
            assert node.stop(60) == 0
    finally:
        key.close()


def update(ident, name, version, release, kind="security", module=""):
    return ('<update from="x@d.example" status="final" type="%s" version="1"><id>%s</id><title>t</title>'
            '<issued date="2026-01-01 00:00:00"/><updated date="2026-01-02 00:00:00"/><severity>Important'
            '</severity><references><reference href="https://x" id="CVE-2026-1" type="cve"/></references>'
            '<pkglist><collection short="x"><name>x</name>%s<package name="%s" version="%s" release="%s" '
            'epoch="0" arch="x86_64" src="s"><filename>f</filename></package></collection></pkglist></update>'
            % (kind, ident, module, name, version, release))


def test_rpm():
    info = gzip.compress(("<?xml version=\"1.0\"?><updates>" + update("ALSA-2026:1", "bash", "5.1.8", "9.el9")
                          + update("ALBA-2026:2", "zsh", "9", "1.el9", "bugfix")
                          + update("ALSA-2026:3", "nodejs", "18.1", "1.el9", module='<module name="nodejs" '
                                   'stream="18" version="1" context="c"/>') + "</updates>").encode())

    def repomd(digest, href="repodata/u.xml.gz"):
        return ('<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><checksum '
                'type="sha256">%s</checksum><location href="repodata/p.xml.gz"/></data><data '
                'type="updateinfo"><checksum type="sha256">%s</checksum><location href="%s"/></data>'
                '</repomd>' % ("0" * 64, digest, href))
    good = {"/r/repodata/repomd.xml": repomd(hashlib.sha256(info).hexdigest()),
            "/r/repodata/u.xml.gz": info}
    with node_with({"name": "alma", "kind": "rpm", "url": BASE + "/r/"}, products=PRODUCTS) as node:
        product(node, "pkg:rpm/almalinux/bash@5.1.8-6.el9?arch=x86_64&epoch=0&distro=almalinux-9.2",
                "pkg:rpm/almalinux/zsh@5.8-1.el9?arch=x86_64&epoch=0&distro=almalinux-9.2")
        start(node)

        def code(**change):
            Site.files = dict(good, **change)
            r = node.cli("feed", "poll", "alma", "--json")
            return r.error["code"] if r.code else "ok"
        md = "/r/repodata/repomd.xml"
        assert code(**{md: repomd("0" * 64)}) == "F005"
        assert code(**{md: repomd("0" * 64, "../../../etc/passwd")}) == "F002"
        assert code(**{md: "<repomd><data type='primary'/></repomd>"}) == "F002"
        assert code(**{md: good[md][:-20]}) == "F002"
        cut = gzip.compress(gzip.decompress(info)[:-30])
        assert code(**{md: repomd(hashlib.sha256(cut).hexdigest()), "/r/repodata/u.xml.gz": cut}) == "F002"
        assert not node.cli("feed", "list", "--json", check=0).json["items"][0]["documents"]
        Site.files = good
        r = poll(node, "alma")
        assert (r["new"], r["quarantined"]) == (3, 0), r
        assert set(matches(node)) == {"ALSA-2026:1"}, matches(node)
        assert node.stop(60) == 0


def tarred(entries, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, body in entries:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def cvrf(ident, date="2026-01-01T00:00:00Z"):
    return ('<?xml version="1.0"?><cvrfdoc xmlns="http://www.icasi.org/CVRF/schema/cvrf/1.1"><DocumentTitle>'
            't</DocumentTitle><DocumentPublisher Type="Vendor"><IssuingAuthority>SUSE Security Team'
            '</IssuingAuthority></DocumentPublisher><DocumentTracking><Identification><ID>%s</ID>'
            '</Identification><CurrentReleaseDate>%s</CurrentReleaseDate></DocumentTracking><ProductTree>'
            '<Branch Type="Product Name" Name="openSUSE Leap 15.6"><FullProductName ProductID="L">openSUSE '
            'Leap 15.6</FullProductName></Branch><Branch Type="Product Version" Name="bash-5.1-2.1">'
            '<FullProductName ProductID="bash-5.1-2.1">bash-5.1-2.1</FullProductName></Branch><Relationship '
            'ProductReference="bash-5.1-2.1" RelationType="Default Component Of" '
            'RelatesToProductReference="L"><FullProductName ProductID="L:bash">x</FullProductName>'
            '</Relationship></ProductTree><Vulnerability><CVE>CVE-2026-1</CVE><ProductStatuses><Status '
            'Type="Fixed"><ProductID>L:bash</ProductID></Status></ProductStatuses></Vulnerability></cvrfdoc>'
            % (ident, date)).encode()


def test_distributions():
    osv = {"id": "UBUNTU-CVE-2026-1", "modified": "2026-01-01T00:00:00Z", "upstream": ["CVE-2026-1"],
           "affected": [{"package": {"ecosystem": "Ubuntu:22.04:LTS", "name": "bash"}, "ranges": [
               {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.1-6ubuntu1.1"}]}]}]}
    notices = [{"id": "USN-%d-1" % n, "title": "t", "published": "2026-01-01T00:00:00", "cves_ids": ["CVE-2026-1"],
                "release_packages": {"jammy": [{"name": "zsh", "version": "5.9-1", "is_source": True},
                                               {"name": "zsh-doc", "version": "5.9-1", "is_source": False}]}}
               for n in (1, 2, 3)]
    docs = [("2026/cve-2026-%d.json" % n, csaf("CVE-2026-%d" % n, ns="https://www.redhat.com").encode())
            for n in range(1000, 1300)]
    pack = tarred(docs, "w:xz")
    Site.files = {"/suse.tar.bz2": tarred([("cvrf/SU-1.xml", cvrf("SU-1")), ("cvrf/SU-2.xml", cvrf("SU-2")[:-9]),
                                           ("cvrf/readme", b"x")], "w:bz2"),
                  "/osv-all.tar.xz": tarred([("osv/cve/2026/UBUNTU-CVE-2026-1.json",
                                              json.dumps(osv).encode())], "w:xz"),
                  "/notices.json?limit=2&offset=2": {"notices": notices[2:], "offset": 2, "limit": 2,
                                                     "total_results": 3},
                  "/notices.json": {"notices": notices[:2], "offset": 0, "limit": 2, "total_results": 3},
                  "/vex/changes.csv": "".join("%s,2026-01-01T00:00:00Z\n" % n for n, _ in docs),
                  "/vex/archive_latest.txt": "vex.tar.xz\n", "/vex/vex.tar.xz": pack,
                  "/vex/vex.tar.xz.sha256": hashlib.sha256(pack).hexdigest() + "  vex.tar.xz"}
    with node_with({"name": "suse", "kind": "suse", "url": BASE + "/suse.tar.bz2"},
                   {"name": "ubuntu", "kind": "ubuntu", "url": BASE + "/osv-all.tar.xz"},
                   {"name": "usn", "kind": "ubuntu", "url": BASE + "/notices.json"},
                   {"name": "redhat", "kind": "redhat", "url": BASE + "/vex/", "hash": "required"},
                   products=PRODUCTS) as node:
        product(node, "pkg:rpm/opensuse/bash@5.1-1.1?arch=x86_64&epoch=0&distro=opensuse-leap-15.6",
                "pkg:deb/ubuntu/bash@5.1-6ubuntu1?distro=ubuntu-22.04",
                "pkg:deb/ubuntu/zsh@5.8-1?distro=ubuntu-22.04")
        start(node)
        for name, new, bad in (("suse", 1, 1), ("ubuntu", 1, 0), ("usn", 3, 0), ("redhat", 300, 0)):
            r = poll(node, name)
            assert (r["new"], r["quarantined"]) == (new, bad), (name, r, node.log_text()[-1500:])
        assert not [p for p, _ in Site.asked if "/vex/2026" in p]
        m = matches(node)
        assert {"SU-1", "UBUNTU-CVE-2026-1", "USN-1-1"} <= set(m), set(m)
        for name in ("suse", "ubuntu", "usn", "redhat"):
            r = poll(node, name)
            assert (r["new"], r["changed"], r["cosmetic"]) == (0, 0, 0), (name, r)
        assert node.stop(60) == 0


def test_vendors():
    month = {"DocumentTitle": {"Value": "November 2026"}, "DocumentTracking": {
        "Identification": {"ID": {"Value": "2026-Nov"}}, "CurrentReleaseDate": "2026-11-12T08:00:00"},
        "ProductTree": {"FullProductName": [{"ProductID": "11568", "Value": "Windows Server 2022"}]},
        "Vulnerability": [{"CVE": "CVE-2026-5", "ProductStatuses": [{"Type": 3, "ProductID": ["11568"]}],
                           "Remediations": [{"Type": 2, "ProductID": ["11568"], "FixedBuild": "10.0.20348.2849",
                                             "Description": {"Value": "5046616"}}]}]}
    records = [{"advisoryId": "cisco-sa-%d" % n, "advisoryTitle": "t", "cves": ["CVE-2026-6"], "sir": "High",
                "lastUpdated": "2026-01-01T00:00:00", "productNames": ["Cisco IOS 15.2(7)E"],
                "csafUrl": BASE + "/csaf/cisco-sa-1.json" if n == 1 else "NA"} for n in (1, 2, 3)]
    Site.files = {"/msrc/updates": {"value": [{"ID": "2026-Nov", "CurrentReleaseDate": "2026-11-12T08:00:00Z",
                                               "CvrfUrl": "http://10.0.0.1/steal"},
                                              {"ID": "../x", "CurrentReleaseDate": "1"}]},
                  "/msrc/cvrf/2026-Nov": month,
                  "/token": {"access_token": "sesame", "token_type": "Bearer", "expires_in": 3600},
                  "/openvuln/all": {"advisories": records[:2], "paging": {"next": BASE + "/openvuln/all?pageIndex=2"}},
                  "/openvuln/all?pageIndex=2": {"advisories": records[2:], "paging": {"next": "NA"}},
                  "/csaf/cisco-sa-1.json": csaf("cisco-sa-1", ns="https://www.cisco.com", vendor="Cisco")}
    Site.need = {"/openvuln/": ("Authorization", "Bearer sesame"), "/msrc/": ("Accept", "application/json")}
    try:
        with node_with({"name": "ms", "kind": "msrc", "url": BASE + "/msrc/"},
                       {"name": "cisco", "kind": "cisco", "url": BASE + "/openvuln/", "client_id": "me",
                        "secret_file": "s", "token_url": BASE + "/token"},
                       products=PRODUCTS) as node:
            parts = [("Microsoft", "Windows Server 2022", "10.0.20348.2700"), ("Cisco", "IOS", "15.2(7)E")]
            with open(os.path.join(node.root, "gw.cdx.json"), "w", encoding="utf-8") as f:
                json.dump(dict(sbom(), components=[
                    {"type": "application", "name": n, "version": v, "supplier": {"name": s}, "bom-ref": n}
                    for s, n, v in parts]), f)
            with open(os.path.join(node.root, "s"), "w", encoding="utf-8") as f:
                f.write("se&cret\n")
            os.chmod(os.path.join(node.root, "s"), 0o600)
            start(node)
            r = poll(node, "ms")
            assert (r["new"], r["refused"], r["quarantined"]) == (1, 1, 0), (r, node.log_text()[-900:])
            r = poll(node, "cisco")
            assert (r["new"], r["quarantined"]) == (3, 0), (r, Site.asked, node.log_text()[-900:])
            assert urllib.parse.parse_qs(Site.posted[-1]) == {
                "grant_type": ["client_credentials"], "client_id": ["me"], "client_secret": ["se&cret"]}
            assert "sesame" not in node.log_text() and "cret" not in node.log_text()
            m = matches(node)
            assert "2026-Nov" in m and "cisco-sa-2" in m, set(m)
            Site.files["/token"] = {"error": "invalid_client"}
            r = node.cli("feed", "poll", "cisco", "--json")
            assert r.code != 0 and r.error["code"] == "F002", r
            assert node.stop(60) == 0
    finally:
        Site.need = {}


if __name__ == "__main__":
    t.main()
