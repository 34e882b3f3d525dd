"""Keys of mail: listed, taken in, given out, replaced; their end is watched; a web key directory."""
import os
import shutil
import subprocess
import tempfile
import time

import tocsin_test as t

t.need_binary()
if not shutil.which("gpg"):
    t.skip("no gpg")


def gpg(home, *args, data=None):
    done = subprocess.run(["gpg", "--homedir", home, "--batch", "--no-tty"] + list(args), input=data,
                          capture_output=True, timeout=120 * t.PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_key(home, uid, life):
    gpg(home, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", uid,
        "ed25519", "default", life)
    lines = gpg(home, "--with-colons", "--list-keys", uid).decode().splitlines()
    return [line.split(":")[9] for line in lines if line.startswith("fpr:")][0]


class Home:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="tsn-gk-", dir="/tmp")
        return self.path

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--homedir", self.path, "--kill", "all"], check=False)
        shutil.rmtree(self.path, True)


def node(home, key=None, **more):
    pgp = {"home": home}
    if key:
        pgp["key"] = key
    return t.make_dir(t.merge({
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme PSIRT"},
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "out", "pgp": pgp},
        "rules": []}, more))


def keys(n):
    return {k["fpr"]: k for k in n.cli("key", "list", check=0).json["items"]}


def kinds(n, kind):
    return [e for e in n.cli("audit", "log", "kind:" + kind, check=0).json["items"]]


def test_list_import_export():
    with Home() as ours, Home() as theirs:
        fpr = new_key(ours, "Acme PSIRT <psirt@acme.example>", "1y")
        other = new_key(theirs, "Rita: \\ née Müller <rita@customer.example>", "never")
        with node(ours, fpr) as n:
            n.start()
            seen = keys(n)
            assert list(seen) == [fpr] and seen[fpr]["ours"] and seen[fpr]["secret"], seen
            assert seen[fpr]["state"] == "valid" and "problem" not in seen[fpr], seen
            end = (seen[fpr]["expires_ms"] / 1000 - time.time()) / 86400
            assert 360 < end < 370, end
            path = os.path.join(n.root, "rita.asc")
            armor = gpg(theirs, "--armor", "--export", other)
            with open(path, "wb") as f:
                f.write(armor)
            got = n.cli("key", "import", path, "--reason", "sent by phone", as_person="resp1", check=0)
            assert got.json["fpr"] == other, got
            seen = keys(n)
            assert not seen[other]["ours"] and not seen[other]["secret"], seen
            assert seen[other]["expires_ms"] == 0
            assert seen[other]["uids"] == ["Rita: \\ née Müller <rita@customer.example>"], seen
            entry = kinds(n, "key.import")
            assert len(entry) == 1 and entry[0]["actor"] == "u:resp1", entry
            out = n.cli("key", "export", fpr, json=False, check=0).out
            gpg(theirs, "--import", data=out.encode())
            assert fpr in gpg(theirs, "--with-colons", "--list-keys").decode()
            words = n.cli("key", "list", json=False, check=0).out
            assert "ours" in words and fpr in words and "never" in words, words
            # What is no key, no fingerprint, or not there.
            with open(path, "w", encoding="utf-8") as f:
                f.write("not a key")
            bad = n.cli("key", "import", path, "--reason", "wrong file", as_person="resp1")
            assert bad.code != 0 and bad.error["code"] == "M050", bad
            assert n.cli("key", "import", path, as_person="resp1").error["code"] == "H013"
            for name in ("psirt@acme.example", "--list-keys", "A" * 40, "ABCD1234"):
                bad = n.cli("key", "export", "--", name) if name.startswith("-") else n.cli(
                    "key", "export", name)
                assert bad.code != 0, bad
            assert n.cli("key", "export", "A" * 40).error["code"] == "M051"
            refused = n.cli("key", "rotate", "--reason", "I want to", as_person="resp1")
            assert refused.code != 0 and refused.error["code"] == "A002", refused
            n.stop()


def test_rotate_and_directory():
    with Home() as ours, Home() as theirs:
        fpr = new_key(ours, "Acme PSIRT <psirt@acme.example>", "20d")
        with node(ours, fpr, publish={"dir": "web", "url": "https://acme.example"}) as n:
            n.start()
            # Twenty days: the watch says so in the log, on status, in metrics.
            status = t.wait_for(lambda: n.cli("status", check=0).json["keys"], 30 * t.PATIENCE, node=n)
            assert status[0]["fpr"] == fpr and status[0]["problem"] == "expires-soon", status
            assert '"code":"M053"' in n.log_text() and fpr in n.log_text()
            assert "expires-soon" in n.cli("status", json=False, check=0).out
            metrics = n.http("GET", "/metrics").body
            metrics = metrics.decode() if isinstance(metrics, bytes) else metrics
            assert 'tocsin_key_expires_seconds{key="%s"} %d' % (fpr, keys(n)[fpr]["expires_ms"] // 1000) \
                in metrics, metrics
            # The web key directory, by gpg's own name for it.
            wkd = gpg(ours, "--with-wkd-hash", "--list-keys", fpr).decode()
            name = [w for w in wkd.split() if w.endswith("@acme.example") and "<" not in w][0]
            root = os.path.join(n.root, "web", "public", ".well-known", "openpgpkey")
            path = os.path.join(root, "hu", name.split("@")[0])
            t.wait_for(lambda: os.path.exists(os.path.join(root, "policy")), 30 * t.PATIENCE, node=n)
            assert os.listdir(os.path.join(root, "hu")) == [os.path.basename(path)]
            with open(path, "rb") as f:
                first = f.read()
            assert not first.startswith(b"-----")
            got = n.cli("key", "rotate", "--reason", "the old one ends", as_person="op1", check=0).json
            assert got["was"] == fpr and got["vouched_for"] is True, got
            fresh = got["fpr"]
            seen = keys(n)
            assert seen[fresh]["secret"] and not seen[fresh]["ours"] and seen[fpr]["ours"], seen
            assert len(kinds(n, "key.rotate")) == 1

            def both():
                with open(path, "rb") as f:
                    return len(f.read()) > len(first)
            t.wait_for(both, 30 * t.PATIENCE, node=n)
            with open(path, "rb") as f:
                gpg(theirs, "--import", data=f.read())
            fetched = gpg(theirs, "--with-colons", "--list-keys").decode()
            assert fpr in fetched and fresh in fetched, fetched
            # The old one vouches for the new one.
            sigs = gpg(ours, "--with-colons", "--check-sigs", fresh).decode()
            assert [s for s in sigs.splitlines() if s.startswith("sig:!") and s.split(":")[4] == fpr[-16:]]
            n.stop()
            # Named in the configuration it signs; the old one still opens what comes in.
            n.config["mail"]["pgp"]["key"] = fresh
            n.write_config()
            n.start()
            assert keys(n)[fresh]["ours"] is True
            t.wait_for(lambda: n.cli("status", check=0).json["keys"], 30 * t.PATIENCE, node=n)
            assert "problem" not in n.cli("status", check=0).json["keys"][0]
            n.stop()
            t.run_cli(["audit", "verify", os.path.join(n.root, "data")], check=0)


def test_first_key():
    """Without any key, rotate makes the first."""
    with Home() as ours:
        with node(ours) as n:
            n.start()
            assert keys(n) == {}
            got = n.cli("key", "rotate", "--reason", "we have none", as_person="op1", check=0).json
            assert "was" not in got and got["vouched_for"] is False, got
            assert keys(n)[got["fpr"]]["uids"] == ["Acme PSIRT <psirt@acme.example>"]
            n.stop()


t.main()
