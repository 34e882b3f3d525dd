#!/usr/bin/env python3
"""exec.NAME: only listed programs, one value one argument, no shell, clean environment, limits, a kill that works."""
import json
import os
import signal
import sys

import tocsin_test as t

RECORDER = """#!%s -I
import json, os, resource, sys
fds = []
for n in os.listdir("/proc/self/fd"):
    try:
        os.fstat(int(n))
        fds.append(int(n))
    except OSError:
        pass
text = (json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "fds": sorted(fds),
    "pgrp": os.getpgrp() == os.getpid(), "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0], "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0], "nnp": open("/proc/self/status").read().count("NoNewPrivs:\\t1")}))
with open(os.path.join(os.path.dirname(sys.argv[0]), "recorded"), "w") as f:
    f.write(text)
print("recorded")
""" % sys.executable
OTHER = """#!/bin/sh
case "$1" in
  loud) yes loud ;;
  fails) echo "not today"; exit 3 ;;
  forks) setsid sh -c 'echo $$ > "$0.stray"; exec sleep 1000' "$2" & sleep 1000 & echo $$ > "$2"; wait ;;
  spins) while :; do :; done ;;
  reads) cat ;;
  eats) exec %s -c 'x = bytearray(1 << 30)' ;;
esac
""" % sys.executable
ODD = ["a b", "$(id)", "`id`", "; id", "it's \"", "*", "~root", "%s%n", "ä中"]
BOOK = """
return playbook { name = "run", title = "Run", on = "report.accepted",
  run = function(case)
    local exec = use "exec"
    local function try(name, fn)
      local ok, got = pcall(fn)
      case:note(name .. " = " .. json.encode(ok and { ok = got } or { code = got.code, message = got.message }))
    end
    try("record", function() return exec.record { one = "x", many = ODD } end)
    try("dash", function() return exec.record { one = "-rf", many = {} } end)
    try("dash in a list", function() return exec.record { one = "x", many = { "--help" } } end)
    try("missing", function() return exec.record { many = {} } end)
    try("unknown", function() return exec.record { one = "x", many = {}, more = "y" } end)
    try("table", function() return exec.record { one = {}, many = {} } end)
    try("fails", function() return exec.other { what = "fails", file = "x" } end)
    try("spins", function() return exec.spin { what = "spins" } end)
    try("reads", function() return exec.feed { what = "reads", text = "one\\n-two $(id)\\n" } end)
    try("reads no text", function() return exec.feed { what = "reads", text = { 1 } } end)
    try("reads nothing", function() return exec.spin { what = "reads" } end)
    try("loud", function() return exec.other { what = "loud", file = "x" } end)
    try("eats", function() return exec.other { what = "eats", file = "x" } end)
    try("forks", function() return exec.other { what = "forks", file = "PIDS" } end)
    return case:close { resolution = "ok" }
  end }
"""


def make():
    node = t.make_dir({"playbooks": {"dir": "books"}, "rules": [{"on": "report.accepted", "run": "run"}]})
    for name, text in (("record", RECORDER), ("other", OTHER)):
        path = os.path.join(node.root, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o755)
    node.config["exec"] = [
        {"name": "record", "program": os.path.join(node.root, "record"), "args": ["--fixed", "{one}", "--", "{many...}"],
         "effect": "read", "memory": "300MiB", "cpu": "7s"},
        {"name": "other", "program": os.path.join(node.root, "other"), "args": ["{what}", "{file}"], "effect": "read",
         "timeout": "2s", "output": "4KiB", "memory": "200MiB"}]
    node.config["exec"] += [
        {"name": "spin", "program": os.path.join(node.root, "other"), "args": ["{what}"], "effect": "read",
         "cpu": "1s", "timeout": "60s", "processes": 5},
        {"name": "feed", "program": os.path.join(node.root, "other"), "args": ["{what}"], "effect": "read",
         "input": "text"}]
    node.write_config()
    os.mkdir(os.path.join(node.root, "books"))
    book = BOOK.replace("ODD", "{ %s }" % ", ".join(json.dumps(o, ensure_ascii=False) for o in ODD))
    with open(os.path.join(node.root, "books", "run.lua"), "w", encoding="utf-8") as f:
        f.write(book.replace("PIDS", os.path.join(node.root, "pids")))
    return node


def test_one_value_one_argument():
    import re
    with make() as node:
        node.start()
        node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y"}, {"Idempotency-Key": "k"},
                  as_person="intake", check=202)

        def closed():
            cases = node.http("GET", "/api/v1/cases", check=200).json["items"]
            return cases and cases[0]["state"] == "closed" and cases[0]["id"]
        case = node.wait_for(closed, 90)
        tale = node.cli("case", "timeline", case, "--all", json=False, check=0).out
        said = {}
        for found in re.finditer(r'([a-z ]+) = (?=\{)', tale):
            try:
                said.setdefault(found.group(1).strip(), json.JSONDecoder().raw_decode(tale[found.end():])[0])
            except ValueError:
                continue
        assert said["record"]["ok"] == {"exit": 0, "text": "recorded\n"}, said["record"]
        with open(os.path.join(node.root, "recorded"), encoding="utf-8") as f:
            got = json.load(f)
        assert got["argv"] == ["--fixed", "x", "--"] + ODD, got["argv"]
        assert sorted(k for k in got["env"] if k != "LC_CTYPE") == ["LANG", "PATH", "TOCSIN_KEY"], got["env"]
        assert got["pgrp"] and got["nnp"] == 1 and got["core"] == 0 and got["cpu"] == 7 and got["files"] == 64, got
        assert t.SANITIZED or got["memory"] == 300 << 20
        assert [n for n in got["fds"] if n > 3] == [], got["fds"]
        for name, words in (("dash", "could pass for an option"), ("dash in a list", "could pass for an option"),
                            ("missing", "needs `one`"), ("unknown", "does not take `more`"), ("table", "must be a text"),
                            ("fails", "exit code 3"), ("loud", "more than 4096 bytes"), ("eats", "")):
            if name == "eats" and t.SANITIZED:
                continue  # a sanitizer's programs get no limit of address space
            assert "ok" not in said[name] and words in said[name]["message"], (name, said.get(name))
        assert said["reads"]["ok"] == {"exit": 0, "text": "one\n-two $(id)\n"}, said["reads"]
        assert said["reads nothing"]["ok"] == {"exit": 0, "text": ""}, said["reads nothing"]
        assert "must be a text" in said["reads no text"]["message"]
        # The processor's time is at its end: SIGXCPU or SIGKILL, long before the minute of its timeout.
        assert "ended by signal" in said["spins"]["message"], said["spins"]
        assert "ok" not in said["forks"], said["forks"]
        with open(os.path.join(node.root, "pids"), encoding="ascii") as f:
            group = int(f.read())

        def gone():
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return True
            return False
        node.wait_for(gone)
        with open(os.path.join(node.root, "pids.stray"), encoding="ascii") as f:
            group = int(f.read())
        node.wait_for(gone)  # in a session of its own, and ended all the same
        assert node.stop() == 0


def test_configuration():
    for row, code in (({"name": "a", "program": "whois"}, "C041"), ({"name": "a", "program": "/nowhere/x"}, "C041"),
                      ({"name": "a", "program": "/bin/echo", "args": ["--x={y}"]}, "C014"),
                      ({"name": "a", "program": "/bin/echo", "args": ["{a}{b}"]}, "C014"),
                      ({"name": "a", "program": "/bin/echo", "memory": "7"}, "C021"),
                      ({"name": "a", "program": "/bin/echo", "shell": "yes"}, "C012")):
        with t.make_dir({"exec": [row]}) as node:
            got = node.cli("config", "check", check=9)
            assert code in got.out + got.err, (row, code, got)


if __name__ == "__main__":
    t.main()
