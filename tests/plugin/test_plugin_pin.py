#!/usr/bin/env python3
"""A plugin is pinned by the digest of its files: others are not started, also when they change under a
running daemon, until somebody accepts them; what was loaded is an entry."""
import os
import shutil
import signal
import subprocess

import tocsin_test as t

EDGE = os.path.join(t.SOURCE, "plugins", "edge")
BOOK = """
local edge = use "edge"
return playbook { name = "plan", title = "Plan", on = "report.accepted",
  run = function(case)
    local ok, got = pcall(function() return edge.plan_block { indicators = { "203.0.113.7" } } end)
    case:note(ok and "planned" or (tostring(got.code) .. " " .. tostring(got.message)))
    return case:close { resolution = "ok" }
  end }
"""


def make():
    node = t.make_dir({"playbooks": {"dir": "books"},
                       "plugins": [{"name": "edge", "dir": "edge", "settings": {
                           "dir": "/tmp/none", "targets": ["fw1"]}}],
                       "rules": [{"on": "report.accepted", "run": "plan"}]})
    node.accepts = False  # here it is what is tested
    shutil.copytree(EDGE, os.path.join(node.root, "edge"), ignore=shutil.ignore_patterns("__pycache__"))
    os.mkdir(os.path.join(node.root, "books"))
    with open(os.path.join(node.root, "books", "plan.lua"), "w", encoding="utf-8") as f:
        f.write(BOOK)
    return node


def digest(node):
    return node.cli("plugin", "accept", "edge", "--dry-run", check=(0, 10)).json["sha256"]


def kinds(node, kind):
    return node.cli("audit", "log", "--limit", "200", check=0).out.count(kind)


def story(node, key):
    node.http("POST", "/api/v1/reports", {"kind": "incident", "title": key, "text": "y"},
              {"Idempotency-Key": key.replace(" ", "-")}, as_person="intake", check=202)

    def said():
        cases = node.http("GET", "/api/v1/cases", check=200).json["items"]
        closed = [c for c in cases if c["state"] == "closed" and c["title"] == key]
        return closed and node.cli("case", "timeline", closed[0]["id"], "--all", check=0).out
    return node.wait_for(said, 60)


def touch(node, text):
    with open(os.path.join(node.root, "edge", "edge.py"), "a", encoding="utf-8") as f:
        f.write(text)


def test_pinned_changed_accepted():
    with make() as node:
        # Nobody has accepted it: config check says so, and it is not started; the log names the one command.
        found = node.cli("config", "check", check=0).json["checks"]
        assert [c for c in found if c["result"] == "warn" and "not accepted yet" in c["text"]
                and "tocsin plugin accept edge" in c["text"]], found
        node.start()
        refused = story(node, "not accepted")
        assert "R055" in refused or "not accepted yet" in refused, refused
        assert "tocsin plugin accept edge" in node.log_text()
        assert kinds(node, "plugin.loaded") == 0 and kinds(node, "plugin.refused") == 1
        assert node.log_text().count("plugin.ready") == 0
        node.stop()
        # Dry: says it and changes nothing. Then for good: only this value of the file.
        with open(node.config_file, encoding="utf-8") as f:
            before = f.read()
        assert node.cli("plugin", "accept", "edge", "--dry-run", check=10).json["before"] is None
        with open(node.config_file, encoding="utf-8") as f:
            assert f.read() == before
        pin = node.cli("plugin", "accept", "edge", check=0).json["sha256"]
        with open(node.config_file, encoding="utf-8") as f:
            after = f.read()
        assert [x for x in after.splitlines() if x not in before.splitlines()] == [
            "    sha256: " + pin], after
        assert node.cli("plugin", "accept", "edge", "--dry-run", check=0).json["changed"] is False
        found = node.cli("config", "check", check=0).json["checks"]
        assert [c["result"] for c in found if c["id"] == "plugins"] == ["ok"], found
        node.start()
        assert "planned" in story(node, "pinned")
        assert kinds(node, "plugin.loaded") == 1
        # Changed under the running daemon: the next start of the process is refused.
        touch(node, "# changed\n")
        child = int(subprocess.run(["pgrep", "-P", str(node.process.pid), "-f", "edge.py"],
                                   capture_output=True, text=True, check=True).stdout.split()[0])
        os.kill(child, signal.SIGKILL)
        node.wait_for(lambda: "plugin.refused" in node.log_text())
        assert "tocsin plugin accept edge" in node.log_text()
        refused = story(node, "refused")
        assert "R055" in refused or "not the one that was accepted" in refused, refused
        assert kinds(node, "plugin.refused") == 2
        # Put back as it was: it runs again by itself.
        ready = node.log_text().count("plugin.ready")
        shutil.copy(os.path.join(EDGE, "edge.py"), os.path.join(node.root, "edge", "edge.py"))
        node.wait_for(lambda: node.log_text().count("plugin.ready") > ready, 60)
        assert "planned" in story(node, "as it was")
        # Changed for good, and accepted.
        touch(node, "# version 2\n")
        node.stop()
        node.start()
        assert "not the one that was accepted" in story(node, "not yet")
        node.stop()
        second = node.cli("plugin", "accept", "edge", check=0).json
        assert second["before"] == pin and second["sha256"] != pin
        node.start()
        assert "planned" in story(node, "accepted")
        node.stop()


def test_what_counts():
    with make() as node:
        first = digest(node)
        os.makedirs(os.path.join(node.root, "edge", "__pycache__"))
        for name in ("__pycache__/x.pyc", ".hidden"):
            with open(os.path.join(node.root, "edge", name), "w", encoding="utf-8") as f:
                f.write("x")
        assert digest(node) == first
        with open(os.path.join(node.root, "edge", "more.py"), "w", encoding="utf-8") as f:
            f.write("")
        second = digest(node)
        assert second != first
        os.rename(os.path.join(node.root, "edge", "more.py"), os.path.join(node.root, "edge", "other.py"))
        assert digest(node) not in (first, second)
        os.remove(os.path.join(node.root, "edge", "other.py"))
        assert digest(node) == first
        os.symlink("/etc/passwd", os.path.join(node.root, "edge", "link"))
        got = node.cli("plugin", "accept", "edge", check=1)
        assert got.error["code"] == "R055" and "symbolic link" in got.error["detail"], got
        os.remove(os.path.join(node.root, "edge", "link"))
        os.mkfifo(os.path.join(node.root, "edge", "pipe"))
        assert node.cli("plugin", "accept", "edge", check=1).error["code"] == "R055"
        os.remove(os.path.join(node.root, "edge", "pipe"))
        with open(os.path.join(node.root, "edge", "big"), "wb") as f:
            f.truncate(65 << 20)
        assert "64 MiB" in node.cli("plugin", "accept", "edge", check=1).error["detail"]
        assert node.cli("plugin", "accept", "nobody", check=4).error["code"] == "M040"


def test_init_accepts_what_comes_with_tocsin():
    """`tocsin init` writes the pin of the plugin it configures, so that a first start needs no command."""
    node = t.make_dir(init=False)
    with node:
        t.run_cli(["init", node.root], check=0)
        found = node.cli("config", "check", check=0).json["checks"]
        assert [c for c in found if c["id"] == "plugins" and c["result"] == "ok"], found
        with open(node.config_file, encoding="utf-8") as f:
            assert "    sha256: " in f.read()


def test_the_folder_of_here_is_not_the_installed_one():
    """A plugin without `dir` is the installed one, whatever lies where the command is called."""
    with t.make_dir({"plugins": [{"name": "edge", "settings": {"dir": "/tmp/none", "targets": ["fw1"]}}]}) as node:
        node.accepts = False
        os.mkdir(os.path.join(node.root, "edge"))
        with open(os.path.join(node.root, "edge", "manifest.yaml"), "w", encoding="utf-8") as f:
            f.write("name: edge\nprogram: python3\nactions: [ { name: apply, effect: write } ]\n")
        got = t.run_cli(["plugin", "accept", "edge", "--json", "--config", node.config_file], cwd=node.root, check=0)
        assert got.json["dir"] == EDGE or os.path.samefile(got.json["dir"], EDGE), got.json


def test_ways_to_write_it():
    """The pin goes into the file however that is written; what else stands there stays."""
    for text in ("plugins:\n  - { name: edge, dir: edge }  # flow\n",
                 "plugins: [ { dir: edge, name: edge } ]\n",
                 "plugins:\n  - dir: edge\n    name: \"edge\"   # the one\n    settings: { dir: /x }\n",
                 "plugins:\n  -\n    name: 'edge'\n    dir: edge\n    sha256: \"" + "0" * 64 + "\"\n",
                 "# Häuser, Übergänge\nplugins:\n- name: edge\n  sha256: " + "0" * 64 + " # old\n  dir: edge\n"):
        with make() as node:
            config = dict(node.config)
            config.pop("plugins")
            node.write_config(config)
            with open(node.config_file, "a", encoding="utf-8") as f:
                f.write(text)
            pin = node.cli("plugin", "accept", "edge", check=0).json["sha256"]
            with open(node.config_file, encoding="utf-8") as f:
                now = f.read()
            assert now.count(pin) == 1 and "0" * 64 not in now, now
            for comment in ("# flow", "# the one", "# old", "# Häuser"):
                assert (comment in text) == (comment in now), now
            assert node.cli("config", "check", check=0)
            assert node.cli("plugin", "accept", "edge", check=0).json["changed"] is False


if __name__ == "__main__":
    t.main()
