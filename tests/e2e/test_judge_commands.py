"""`tocsin version compare`, `purl` and `cpe`: arguments, standard input, JSON, exit codes; and, where
the data is there, every case of it through the commands."""
import glob
import json
import os
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()

DATA = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")


def feed(argv, text, code=None):
    """Text in; lines of stdout, and stderr."""
    p = subprocess.run([t.BINARY] + argv, input=text.encode(), capture_output=True, timeout=120,
                       check=False)
    assert code is None or p.returncode == code, (argv, p.returncode, p.stderr[:2000])
    return p.stdout.decode().splitlines(), p.stderr.decode()


def test_compare():
    assert t.run_cli(["version", "compare", "deb", "1.0~rc1-1", "1.0-1"], check=0).out == "<\n"
    assert t.run_cli(["version", "compare", "Debian:12", "1.0", "1.0"], check=0).out == "=\n"
    assert t.run_cli(["version", "compare", "PyPI", "1.0.post1", "1.0"], check=0).out == ">\n"
    # Nobody can say: an answer of its own, and no success.
    assert t.run_cli(["version", "compare", "generic", "1.0a", "1.0b"], check=1).out == "?\n"
    assert "F100" in t.run_cli(["version", "compare", "cobol", "1", "2"], check=2).err
    assert t.run_cli(["version", "compare", "deb", "1"], check=2).err
    assert t.run_cli(["version"], check=0).out.startswith("tocsin ")


def test_compare_lines():
    out, err = feed(["version", "compare", "npm", "-"], "1.0.0\t2.0.0\n1\n3.0.0\t3.0.0\r\n", 3)
    assert out == ["<", "?", "="] and "F101" in err and "standard input:2" in err, (out, err)
    out, _ = feed(["version", "compare", "npm"], "1.0.0\t2.0.0\n", 0)
    assert out == ["<"]
    out, _ = feed(["--json", "version", "compare", "rpm"], "0:1\t1:0\n", 0)
    row = json.loads(out[0])
    assert row["order"] == "<" and row["scheme"] == "rpm" and row["line"] == 1, row


def test_purl():
    r = t.run_cli(["purl", "pkg:PyPI/Django_Rest@1.0?B=2&a=1"], check=1)
    assert "F102" in r.err
    r = t.run_cli(["purl", "pkg:PyPI/Django_Rest@1.0?b=2&a=1#/x/../y"], check=0)
    assert r.out.splitlines()[0] == "pkg:pypi/django-rest@1.0?a=1&b=2#x/y", r
    r = t.run_cli(["--json", "purl", "pkg:npm/%40angular/core@16.2.0"], check=0)
    assert tuple(r.json["parts"][k] for k in ("namespace", "name", "version")) == ("@angular", "core", "16.2.0")
    out, err = feed(["purl", "-q"], "pkg:deb/debian/x@1%3A2-3+b1\nnonsense\n", 3)
    assert out == ["pkg:deb/debian/x@1:2-3%2Bb1", "-"] and "standard input:2" in err, (out, err)
    out, _ = feed(["purl", "-"], "pkg:deb/debian/x@1?b=2&a=1\n", 0)
    assert out == ["pkg:deb/debian/x@1?a=1&b=2\tdeb\tdebian\tx\t1\ta=1&b=2\t-"], out


def test_cpe():
    r = t.run_cli(["cpe", "-q", "cpe:/a:OpenSSL:openssl:3.0.7::~~~linux~~"], check=0)
    assert r.out == "cpe:2.3:a:openssl:openssl:3.0.7:*:*:*:*:linux:*:*\n", r
    r = t.run_cli(["--json", "cpe", r"cpe:2.3:a:foo\\bar:big\$money:2010:*:*:*:*:*:*:*"], check=0)
    assert r.json["vendor"] == "foo\\bar" and r.json["product"] == "big$money", r
    for bad in ("cpe:2.3:a:x", "cpe:2.3:q:a:b:1:*:*:*:*:*:*:*", "cpe:/x:a", "a",
                "cpe:2.3:a:a b:b:1:*:*:*:*:*:*:*", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*:*"):
        assert "F103" in t.run_cli(["cpe", bad], check=1).err, bad


NAMES = {"redhat": "Red Hat", "semver": "semver", "rubygems": "RubyGems", "packagist": "Packagist"}


def test_data_versions():
    files = sorted(glob.glob(os.path.join(DATA, "versions", "osv-semantic", "*.txt")))
    for name in files:
        eco = os.path.basename(name).split("-versions")[0]
        rows = []
        with open(name, encoding="utf-8") as f:
            for line in f:
                line = line.rstrip("\n")
                for op in (" < ", " = ", " > "):
                    if not line.startswith(("#", "//")) and op in line:
                        a, b = line.split(op, 1)
                        rows.append((a, b, op.strip()))
                        break
        out, _ = feed(["version", "compare", NAMES.get(eco, eco)],
                      "".join("%s\t%s\n" % (a, b) for a, b, _ in rows))
        wrong = [(r, got) for r, got in zip(rows, out) if r[2] != got]
        assert len(out) == len(rows) and not wrong, (name, wrong[:5])


def test_data_purl_and_cpe():
    files = glob.glob(os.path.join(DATA, "purl", "tests", "**", "*.json"), recursive=True)
    for name in files:
        with open(name, encoding="utf-8") as f:
            cases = [c for c in json.load(f)["tests"]
                     if isinstance(c["input"], str) and "\n" not in c["input"]]
        # One process a file: each input has one answer on stdout, in order.
        out, _ = feed(["--json", "purl"], "".join(c["input"] + "\n" for c in cases))
        got = {json.loads(line)["line"]: json.loads(line) for line in out}
        for i, case in enumerate(cases):
            row = got[i + 1]
            if case["expected_failure"]:
                assert not row["ok"], (name, case, row)
                continue
            if case["test_type"] == "validate" and not row["ok"]:
                # The suite's parse tests want the same input refused: keys with a capital.
                assert any(c["expected_failure"] and c["input"] == case["input"] for c in cases)
                continue
            assert row["ok"], (name, case, row)
            want = case.get("expected_output")
            if isinstance(want, str):
                assert row["purl"] == want, (name, case, row)
            else:
                for key in ("type", "namespace", "name", "version", "subpath"):
                    assert row["parts"][key] == want.get(key), (name, case, row)
                assert row["parts"]["qualifiers"] == (want.get("qualifiers") or {}), (name, case, row)
    for name, ok in (("valid.txt", True), ("invalid.txt", False)):
        path = os.path.join(DATA, "cpe", name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                for line in f.read().splitlines():
                    r = t.run_cli(["cpe", line])
                    assert (r.code == 0) == ok, (line, r)


def csaf(version, status, date="2026-01-01T00:00:00Z"):
    return {"document": {"csaf_version": "2.0", "title": "t", "category": "csaf_security_advisory",
                         "tracking": {"id": "EX-1", "version": version, "status": "final",
                                      "current_release_date": date},
                         "publisher": {"name": "Ex", "namespace": "https://ex.example"}},
            "product_tree": {"branches": [{"category": "vendor", "name": "Ex", "branches": [
                {"category": "product_name", "name": "box",
                 "product": {"product_id": "P" + version, "name": "box"}}]}]},
            "vulnerabilities": [{"cve": "CVE-2026-1", "product_status": {
                status: ["P" + version]}}]}


def test_feed_diff():
    with tempfile.TemporaryDirectory() as folder:
        def diff(old, new, code):
            for name, doc in (("a", old), ("b", new)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                    json.dump(doc, f)
            return t.run_cli(["feed", "diff", os.path.join(folder, "a"), os.path.join(folder, "b"),
                              "--json"], check=code).json
        # Ids are renumbered, the version rises, the date falls: nothing changed.
        r = diff(csaf("1", "known_affected"),
                 csaf("2", "known_affected", "2017-01-01T00:00:00Z"), 0)
        assert not r["material"] and r["flags"] == ["regression", "cosmetic-version"], r
        r = diff(csaf("1", "known_affected"), csaf("1", "fixed"), 10)
        assert r["material"] and r["kinds"] == ["st"] and r["flags"] == ["silent-change"], r
        assert (r["added"], r["removed"]) == (1, 1) and "fixed" in json.dumps(r["changes"]), r
        diff({}, csaf("1", "fixed"), 1)


def test_data_revisions():
    base = os.path.join(DATA, "csaf-cisa-revisions")
    if not os.path.isdir(base):
        return
    with open(os.path.join(base, "labels.json"), encoding="utf-8") as f:
        labels = json.load(f)
    for label in labels:
        pair = [os.path.join(base, "pairs", "%s.%s.json" % (label["pair"], x)) for x in ("old", "new")]
        r = t.run_cli(["feed", "diff", "--json"] + pair).json
        assert all(r[k] == label[k] for k in ("material", "added", "removed")), (label, r)
        assert sorted(r["kinds"]) == sorted(label["kinds"]), (label, r)


if __name__ == "__main__":
    t.main()
