#!/usr/bin/env python3
"""What the manifests of our plugins declare; `plugin new` makes folders that pass `plugin test`. That the catalogue is
current is tests/lint/test_catalogue.py."""
import json
import os
import shutil
import subprocess
import tempfile

import tocsin_test as t

PLUGINS = os.path.join(t.SOURCE, "plugins")


def test_touches_are_declared():
    """Every action says what it touches, and what changes something how it is to be judged in doubt."""
    for item in t.run_cli(["plugin", "list", PLUGINS, "--json"], check=0).json["items"]:
        for action in item.get("actions", []):
            assert action["touches"] in ("read", "write", "send"), action
            assert (action["doubt"] == "-") == (action["touches"] == "read"), action
            assert action["summary"], action


def test_new_ones_pass():
    root = tempfile.mkdtemp(prefix="tsn-new-")
    try:
        for kind in ("exec", "lua", "c"):
            folder = os.path.join(root, "my_" + kind)
            t.run_cli(["plugin", "new", folder, "--kind", kind], check=0)
            if kind == "c":
                subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I",
                                os.path.join(t.SOURCE, "include"), "-o", "my_c.so", "my_c.c"], cwd=folder, check=True)
            got = t.run_cli(["plugin", "test", folder, "--json"], check=0)
            assert got.json["failed"] == 0, got
            shown = t.run_cli(["plugin", "show", folder, "--json"], check=0).json
            assert shown["kind"] == {"exec": "program", "lua": "lua", "c": "library"}[kind], shown
            # Never over what is there.
            before = json.dumps(sorted(os.listdir(folder)))
            assert t.run_cli(["plugin", "new", folder, "--kind", kind, "--json"], check=5).error["code"] == "M041"
            assert json.dumps(sorted(os.listdir(folder))) == before
        assert t.run_cli(["plugin", "new", os.path.join(root, "x"), "--kind", "perl"], check=2)
        assert t.run_cli(["plugin", "new", os.path.join(root, "Bad Name")], check=2)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    t.main()
