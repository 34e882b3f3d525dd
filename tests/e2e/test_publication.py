#!/usr/bin/env python3
"""Publication on the real binary: the tree of a trusted provider, judged by a checker that uses only
public tools (sha256sum, sha512sum, gpg, sets), served, and complete after a kill at every step."""
import csv
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_life as life

URL = "https://psirt.acme.example"


def sh(argv, cwd=None, env=None):
    return subprocess.run(argv, cwd=cwd, env=env, text=True, capture_output=True,
                          timeout=60 * t.PATIENCE)


class Keys:
    """A GNUPGHOME with one signing key, made once for the whole program."""
    made = None

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="tsn-gpg-")
        os.chmod(self.home, 0o700)
        done = self.gpg("--quick-gen-key", "Acme PSIRT <psirt@acme.example>", "ed25519", "sign",
                        "never")
        assert done.returncode == 0, done.stderr
        listed = self.gpg("--list-keys", "--with-colons").stdout
        self.fingerprint = [x.split(":")[9] for x in listed.splitlines()
                            if x.startswith("fpr:")][0]
        self.public = os.path.join(self.home, "public.asc")
        with open(self.public, "w", encoding="utf-8") as f:
            f.write(self.gpg("--armor", "--export", self.fingerprint).stdout)

    def gpg(self, *args):
        return sh(["gpg", "--homedir", self.home, "--batch", "--passphrase", "",
                   "--pinentry-mode", "loopback"] + list(args))

    @classmethod
    def get(cls):
        cls.made = cls.made or cls()
        return cls.made

    def close(self):
        sh(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"])
        shutil.rmtree(self.home, ignore_errors=True)


def config(root, keys):
    return dict(life.CONFIG, publish={
        "dir": os.path.join(root, "web"), "url": URL, "gnupg": keys.home,
        "key": keys.fingerprint, "key_file": keys.public, "languages": "en, de",
        "policy": URL + "/policy"})


class Place:
    """A node whose tree lies beside it."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="tsn-pub-")
        self.keys = Keys.get()
        self.node = t.make_dir(config(self.root, self.keys))
        self.web = os.path.join(self.root, "web")

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.node.destroy()
        shutil.rmtree(self.root, ignore_errors=True)

    def file(self, *parts):
        return os.path.join(self.web, *parts)


def read(path, mode="r"):
    with open(path, mode, **({} if "b" in mode else {"encoding": "utf-8"})) as f:
        return f.read()


def walk(root):
    out = []
    for folder, _, names in os.walk(root):
        out += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(out)


def name_of(tracking_id):
    return re.sub(r"[^+\-a-z0-9]+", "_", tracking_id.lower()) + ".json"


DATA = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")
if not os.path.isdir(DATA):
    DATA = "/work/shared/data"
_schemas = {}


def validator(jsonschema, schema, store):
    try:
        import referencing
        import referencing.jsonschema
    except ImportError:  # Debian 12's
        resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
        return jsonschema.Draft202012Validator(schema, resolver=resolver)
    registry = referencing.Registry().with_resources(
        (uri, referencing.Resource.from_contents(
            one, default_specification=referencing.jsonschema.DRAFT202012))
        for uri, one in store.items())
    return jsonschema.Draft202012Validator(schema, registry=registry)


def valid(value, version, name):
    """By the schemas of OASIS and FIRST, with Debian's python3-jsonschema, where both are there."""
    try:
        import jsonschema
    except ImportError:
        return
    root = os.path.join(DATA, "schemas", "csaf-" + version)
    if not os.path.isdir(root):
        return
    if version not in _schemas:
        store = {}
        for path in [os.path.join(root, f) for f in os.listdir(root)] + [
                os.path.join(DATA, "schemas", "cvss", f)
                for f in os.listdir(os.path.join(DATA, "schemas", "cvss"))]:
            schema = json.loads(read(path))
            # 2.1 brings a dialect of its own whose only difference is that it forbids unknown words.
            if "docs.oasis-open.org" in schema.get("$schema", ""):
                schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
            ref = re.fullmatch(r"cvss-v(\d\.\d)\.json", os.path.basename(path))
            for at in ([schema.get("$id"), schema.get("id"),
                        "https://www.first.org/cvss/cvss-v%s.json" % ref.group(1)]
                       if ref else [schema["$id"]]):
                if at:
                    store[at] = schema
        _schemas[version] = store
    store = _schemas[version]
    schema = store[[k for k in store if k.endswith(name)][0]]
    found = list(validator(jsonschema, schema, store).iter_errors(value))
    assert not found, [(list(e.path), e.message) for e in found[:5]]


def check_listing(root, base):
    """Requirement 14: each folder names what is in it, and nothing else."""
    for folder, folders, names in os.walk(root):
        page = read(os.path.join(folder, "index.html"))
        there = set(re.findall(r'<a href="([^"]+)">', page))
        assert there == {n for n in names if n != "index.html"} | {f + "/" for f in folders}, (
            folder, there)


def check_label(web, label, keyring, tlp, version="2.0"):
    """One folder of documents: requirements 11 to 20 of CSAF section 7.1."""
    below = "csaf/" + ("" if version == "2.0" else "v2.1/") + label
    root = os.path.join(web, ".well-known", below)
    base = "%s/.well-known/%s/" % (URL, below)
    schema = "csaf_json_schema.json" if version == "2.0" else "schema/csaf.json"
    check_listing(root, base)
    files = [f for f in walk(root) if not f.endswith("index.html")]
    docs = [f for f in files if re.fullmatch(r"\d{4}/[^/]+\.json", f)]
    for path in docs:
        full = os.path.join(root, path)
        whole = json.loads(read(full))
        valid(whole, version, schema)
        doc = whole["document"]
        tracking = doc["tracking"]
        assert doc["csaf_version"] == version, path
        assert doc["distribution"]["tlp"]["label"] == tlp, path
        assert path == "%s/%s" % (tracking["initial_release_date"][:4], name_of(tracking["id"]))
        assert tracking["status"] in ("final", "interim") and tracking["version"] != "0"
        folder, name = os.path.split(full)
        for tool in ("sha256sum", "sha512sum"):
            done = sh([tool, "--strict", "-c", name + "." + tool[:-3]], cwd=folder)
            assert done.returncode == 0, (path, tool, done)
        done = sh(["gpg", "--homedir", keyring, "--batch", "--status-fd", "1", "--verify",
                   full + ".asc", full])
        assert done.returncode == 0 and "VALIDSIG" in done.stdout, (path, done)
        assert any(r.get("category") == "self" and r["url"] == base + path
                   for r in doc["references"]), path
    for path in docs:
        for suffix in (".sha256", ".sha512", ".asc"):
            assert path + suffix in files, path
    index = read(os.path.join(root, "index.txt")).splitlines()
    rows = list(csv.reader(read(os.path.join(root, "changes.csv")).splitlines()))
    feed = json.loads(read(os.path.join(root, "csaf-feed-tlp-%s.json" % label)))["feed"]
    assert sorted(index) == sorted(docs) == sorted(r[0] for r in rows), (index, docs, rows)
    assert [r[1] for r in rows] == sorted((r[1] for r in rows), reverse=True)
    assert sorted(e["content"]["src"] for e in feed["entry"]) == sorted(base + d for d in docs)
    for path, date in rows:
        doc = json.loads(read(os.path.join(root, path)))["document"]
        assert doc["tracking"]["current_release_date"] == date
        entry = [e for e in feed["entry"] if e["content"]["src"] == base + path][0]
        assert entry["format"]["version"] == version
        assert entry["id"] == doc["tracking"]["id"] and entry["updated"] == date
        links = {(x["rel"], x["href"]) for x in entry["link"]}
        assert links == {("self", base + path), ("hash", base + path + ".sha256"),
                         ("hash", base + path + ".sha512"),
                         ("signature", base + path + ".asc")}, links
    assert feed["link"][0]["href"] == base + "csaf-feed-tlp-%s.json" % label
    assert {"scheme": "urn:ietf:params:rolie:category:information-type",
            "term": "csaf"} in feed["category"]
    return docs


def check_tree(place):
    """The whole provider. Returns the public documents."""
    public = place.file("public")
    assert not [f for f in walk(place.web) if f.endswith(".new")], walk(place.web)
    for version, name in (("2.1", "v2.1/"), ("2.0", "")):
        meta = json.loads(read(os.path.join(public, ".well-known/csaf/%sprovider-metadata.json"
                                            % name)))
        valid(meta, version, "provider_json_schema.json" if version == "2.0" else "schema/provider.json")
        assert meta["role"] == "csaf_trusted_provider" and meta["metadata_version"] == version
        assert meta["canonical_url"] == "%s/.well-known/csaf/%sprovider-metadata.json" % (URL, name)
        for entry in meta["distributions"]:
            urls = [entry.get("directory_url") or entry.get("directory", {}).get("url")] + [
                f["url"] for f in entry.get("rolie", {}).get("feeds", [])]
            for url in filter(None, urls):
                assert os.path.exists(public + url[len(URL):]), url
    key = meta["public_openpgp_keys"][0]
    assert key["fingerprint"] == place.keys.fingerprint
    keyring = tempfile.mkdtemp(prefix="tsn-ring-")
    os.chmod(keyring, 0o700)
    try:
        done = sh(["gpg", "--homedir", keyring, "--batch", "--status-fd", "1", "--import",
                   public + key["url"][len(URL):]])
        assert place.keys.fingerprint in done.stdout, done
        docs = check_label(public, "white", keyring, "WHITE")
        assert check_label(public, "clear", keyring, "CLEAR", "2.1") == docs
        for version, below in (("2.0", ""), ("2.1", "v2.1")):
            restricted = place.file("restricted", ".well-known", "csaf", below)
            for label in os.listdir(restricted) if os.path.isdir(restricted) else []:
                if label != "v2.1":
                    check_label(place.file("restricted"), label, keyring, label.upper(), version)
    finally:
        sh(["gpgconf", "--homedir", keyring, "--kill", "gpg-agent"])
        shutil.rmtree(keyring, ignore_errors=True)
    assert not [f for f in walk(public) if re.search(r"/(green|amber(\+strict)?|red)/", f)]
    text = read(os.path.join(public, ".well-known/security.txt"))
    fields = dict(line.split(": ", 1) for line in text.splitlines()[::-1])
    assert [x for x in text.splitlines() if x.startswith("CSAF: ")] == [
        "CSAF: %s/.well-known/csaf/%sprovider-metadata.json" % (URL, v) for v in ("", "v2.1/")]
    assert fields["Contact"] == "mailto:psirt@acme.example", fields
    assert fields["CSAF"] == meta["canonical_url"] and fields["Policy"] == URL + "/policy"
    expires = datetime.datetime.fromisoformat(fields["Expires"].replace("Z", "+00:00"))
    left = expires - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=25) < left < datetime.timedelta(days=365), left
    pages = [d for d in walk(os.path.join(public, "advisories")) if d.endswith(".html")]
    assert set(pages) == {os.path.basename(d)[:-5] + ".html" for d in docs} | {"index.html"}
    for feed in ("feed.atom", "feed.rss"):
        tree = xml.etree.ElementTree.parse(os.path.join(public, "advisories", feed))
        items = tree.findall(".//item") or tree.findall("{http://www.w3.org/2005/Atom}entry")
        assert len(items) == len(docs), feed
    return docs


def out(place, name, state="final"):
    t.wait_for(lambda: life.adv(place.node, "show", name).json["state"] == state,
               timeout=60 * t.PATIENCE, node=place.node)


def test_a_trusted_provider():
    with Place() as p:
        p.node.start()
        name = life.drafted(p.node, life.open_case(p.node))["name"]
        t.wait_for(lambda: os.path.exists(p.file("public/.well-known/security.txt")), node=p.node)
        assert check_tree(p) == []  # an empty provider is one too
        life.released(p.node, name)
        out(p, name)
        assert check_tree(p) == ["%s/%s" % (datetime.datetime.now(datetime.timezone.utc).year,
                                            name_of(name))]
        before = {f: os.stat(p.file(f)).st_mtime_ns for f in walk(p.web)}
        # A second version, and one that is not for everybody.
        life.adv(p.node, "edit", name, *life.setting(summary="A flaw that matters & more <b>."))
        life.released(p.node, name)
        out(p, name)
        assert len(check_tree(p)) == 1
        other = life.drafted(p.node, life.open_case(p.node, "Other"), tlp="AMBER",
                             title="For few")["name"]
        life.released(p.node, other)
        out(p, other)
        assert len(check_tree(p)) == 1
        restricted = [f for f in walk(p.file("restricted")) if f.endswith(name_of(other))]
        assert len(restricted) == 2 and all("/amber/" in f for f in restricted), restricted
        metrics = p.node.http("GET", "/metrics", check=200).body
        left = int(re.search(r"^tocsin_security_txt_expires_seconds (\d+)$", metrics, re.M)[1])
        assert 150 * 86400 < left < 181 * 86400 and "\ntocsin_publish_ok 1\n" in metrics, left
        # What is withdrawn has a profile of its own in 2.1, and stays readable in 2.0.
        life.adv(p.node, "withdraw", name, "--reason", "It is another vendor's product.")
        t.wait_for(lambda: all(v["state"] == "out" for v in p.node.http(
            "GET", "/api/v1/advisories/%s/versions" % name, check=200).json["items"]), node=p.node)
        assert "WITHDRAWN" in read(p.file("public/.well-known/csaf/white", check_tree(p)[0]))
        ended = json.loads(read(p.file("public/.well-known/csaf/v2.1/clear", check_tree(p)[0])))
        assert ended["document"]["category"] == "csaf_withdrawn", ended["document"]["category"]
        assert "vulnerabilities" not in ended and "product_tree" not in ended
        assert other not in "".join(read(p.file("public", f)) for f in walk(p.file("public"))
                                    if not f.endswith(".asc"))
        same = [f for f in before if os.stat(p.file(f)).st_mtime_ns == before[f]]
        assert any(f.endswith("security.txt") for f in same), "written without a change"
        # Served as it lies there; the rest only to people.
        for path in walk(p.file("public")):
            reply = p.node.http("GET", "/" + path, check=200)
            assert reply.body.encode() == read(p.file("public", path), "rb"), path
        for path in ("/.well-known/csaf/white/", "/.well-known/csaf/v2.1/clear/"):
            assert "index.txt" in p.node.http("GET", path, check=200).body
        for path in ("/.well-known/csaf/amber/", "/.well-known/csaf/v2.1/amber/"):
            assert p.node.http("GET", path + "index.txt", tcp=True).status in (401, 403, 404)
            assert name_of(other) in p.node.http("GET", path + "index.txt", check=200).body
        assert p.node.http("GET", "/advisories/", check=200).body.startswith("<!DOCTYPE html>")
        for path in ("/.well-known/csaf/../../tocsin.yaml", "/advisories/none.html",
                     "/.well-known/csaf/white/%2e%2e/x"):
            assert p.node.http("GET", path).status in (400, 404), path
        p.node.stop()
        p.node.cli("audit", "verify", p.node.data, check=0)


def test_nothing_before_the_instant():
    with Place() as p:
        p.node.start()
        name = life.drafted(p.node, life.open_case(p.node))["name"]
        digest = life.adv(p.node, "review", name).json["digest"]
        life.adv(p.node, "approve", name, "--plan", digest, person="lead1")
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=5)
        a = life.adv(p.node, "publish", name, "--at", when.isoformat()).json
        assert a["state"] == "scheduled" and a["publish_at"], a
        assert life.adv(p.node, "publish", name, "--at", "tomorrow",
                        check=(1, 2)).error["code"] == "D106"
        p.node.stop()
        p.node.start()
        t.wait_for(lambda: os.path.exists(p.file("public/.well-known/security.txt")), node=p.node)
        assert check_tree(p) == [] and life.adv(p.node, "show", name).json["state"] == "scheduled"
        # The instant is moved to now: unschedule, publish again.
        life.adv(p.node, "unschedule", name)
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        life.adv(p.node, "publish", name, "--at", soon.isoformat())
        out(p, name)
        assert len(check_tree(p)) == 1
        doc = json.loads(read(p.file("public/.well-known/csaf/white", check_tree(p)[0])))
        assert doc["document"]["tracking"]["initial_release_date"] >= soon.isoformat()[:19]
        p.node.stop()


SHORT = ["advisory.release", "publish.signed", "publish.signed:2", "publish.tree", "publish.file:2",
         "publish.renamed:5", "publish.renamed:14"]
# For ./dev chaos (TOCSIN_LONG): every kind of file.
POINTS = ["advisory.release", "publish.signed", "publish.signed:2", "publish.tree"] + \
    ["%s:%d" % (point, n) for point in ("publish.file", "publish.renamed")
     for n in (1, 2, 4, 5, 8, 9, 10, 12, 15, 18, 21)]


def test_killed_at_every_step():
    """After any kill: one released version, a consistent tree, and the advisory comes out."""
    points = POINTS if os.environ.get("TOCSIN_LONG") else SHORT[::2] if t.SANITIZED else SHORT
    with Place() as p:
        p.node.start()
        cases = [life.open_case(p.node, "Flaw %d" % i) for i in range(len(points))]
        names = []
        for case in cases:
            name = life.drafted(p.node, case, title="Flaw")["name"]
            digest = life.adv(p.node, "review", name).json["digest"]
            life.adv(p.node, "approve", name, "--plan", digest, person="lead1")
            names.append(name)
        t.wait_for(lambda: os.path.exists(p.file("public/.well-known/security.txt")), node=p.node)
        p.node.stop()
        killed = 0
        for point, name in zip(points, names):
            p.node.start({"TOCSIN_FAULT": point})
            p.node.cli("advisory", "publish", name, as_person="lead1")
            try:
                p.node.wait_dead(timeout=20 * t.PATIENCE)
                killed += 1
            except t.Failed:
                p.node.stop()
            p.node.start()
            if life.adv(p.node, "show", name).json["state"] == "approved":
                life.adv(p.node, "publish", name, person="lead1")  # nothing had happened
            out(p, name)
            p.node.stop()
        assert killed == len(points), (killed, len(points))
        p.node.start()
        assert len(check_tree(p)) == len(points)
        for name in names:
            items = p.node.http("GET", "/api/v1/advisories/%s/versions" % name,
                                check=200).json["items"]
            assert [(v["number"], v["state"]) for v in items] == [("1", "out")], (name, items)
        p.node.stop()
        p.node.cli("audit", "verify", p.node.data, check=0)


def test_the_end_of_the_signing_key_is_watched():
    """A key that ends in ten days: the log, status and metrics say it, until it has more time."""
    keys = Keys()
    try:
        assert keys.gpg("--quick-set-expire", keys.fingerprint, "10d").returncode == 0
        root = tempfile.mkdtemp(prefix="tsn-pub-")
        with t.make_dir(config(root, keys)) as node:
            node.start()

            def key():
                return node.http("GET", "/api/v1/status", check=200).json["publication"]["key"]

            node.wait_for(lambda: key()["problem"] == "expires-soon")
            assert key()["fpr"] == keys.fingerprint and key()["expires_at"], key()
            metrics = node.http("GET", "/metrics", check=200).body
            assert "\ntocsin_publish_key_ok 0\n" in metrics, metrics
            assert re.search(r'^tocsin_publish_key_expires_seconds\{key="%s"\} 1\d{9}$' % keys.fingerprint,
                             metrics, re.M), metrics
            assert "expires-soon" in node.cli("status", json=False, check=0).out
            assert "P006" in node.log_text()
            node.stop()
            keys.gpg("--quick-set-expire", keys.fingerprint, "0")
            node.start()
            node.wait_for(lambda: "\ntocsin_publish_key_ok 1\n" in node.http("GET", "/metrics",
                                                                              check=200).body)
            assert key()["problem"] is None, key()
            node.stop()
            # One that cannot sign: no secret half.
            gone = keys.gpg("--yes", "--delete-secret-keys", keys.fingerprint)
            assert gone.returncode == 0, gone.stderr
            node.start()
            node.wait_for(lambda: key()["problem"] == "unusable")
            node.stop()
        shutil.rmtree(root, ignore_errors=True)
    finally:
        keys.close()


if __name__ == "__main__":
    t.need_binary()
    if not shutil.which("gpg"):
        t.skip("no gpg")
    try:
        t.main()
    finally:
        if Keys.made:
            Keys.made.close()
