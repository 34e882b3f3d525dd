"""`tocsin plugin list|show|test`: the shipped plugins pass, and each way to break the protocol is found."""
import json
import os
import shutil
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()
TEMP = tempfile.mkdtemp(prefix="tsn-plug-")
t.atexit.register(shutil.rmtree, TEMP, True)
MANIFEST = """name: %s
version: 2.1.0
summary: A plugin under test
program: [ python3, it.py ]
actions:
  - { name: look, summary: Looks, effect: none, timeout: 2s }
  - { name: act, summary: Acts, effect: external, doubt: probe, undo: unact }
  - { name: unact, summary: Takes back, effect: external, doubt: repeat_safe }
"""
GOOD = """import json, sys
def say(**m):
    print(json.dumps(m), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    kind = m.get("type")
    if kind == "describe":
        say(type="described", name="it")
    elif kind == "probe":
        say(type="result", id=m["id"], outcome="retry", error={"code": "no", "message": "not there"})
    elif kind == "start" and m["action"] == "it.look":
        say(type="log", level="info", text="looking")
        say(type="result", id=m["id"], outcome="ok", result={"seen": 1})
    elif kind == "start":
        say(type="result", id=m["id"], outcome="fail", error={"code": "no", "message": "unknown"})
"""


def plugin(code, name="it"):
    folder = tempfile.mkdtemp(dir=TEMP)
    folder = os.path.join(folder, name)
    os.mkdir(folder)
    for file, text in (("manifest.yaml", MANIFEST % name), ("it.py", code)):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
            f.write(text)
    return folder


def check(folder, *more):
    done = subprocess.run([t.BINARY, "plugin", "test", folder, "--json", *more],
                          capture_output=True, text=True, timeout=60 * t.PATIENCE, check=False)
    got = json.loads(done.stdout)
    return done.returncode, [c["check"] + ": " + c["why"] for c in got["checks"] if not c["ok"]]


def test_good():
    assert check(plugin(GOOD)) == (0, [])
    settings = os.path.join(TEMP, "edge.json")
    with open(settings, "w", encoding="utf-8") as f:
        json.dump({"dir": os.path.join(TEMP, "edge")}, f)
    assert check(os.path.join(t.SOURCE, "plugins", "edge"), "--file", settings) == (0, [])


def test_bad():
    for old, new, what in (
            ('name="it"', 'name="other"', "by the name of its folder"),
            ('result={"seen": 1}', "result=[1]", "`result` object"),
            ('outcome="ok", result', 'outcome="done", result', "none of ok, fail, retry"),
            ("id=m[\"id\"], outcome=\"ok\"", "id=7777, outcome=\"ok\"", "id of the call"),
            ('outcome="retry"', 'outcome="ok", result={}', "says that it was done"),
            ('say(type="log", level="info", text="looking")', 'print("debug", flush=True)',
             "no JSON object"),
            ('type="log", level="info"', 'type="chat", level="info"', "unknown type"),
            ('outcome="fail", error={"code": "no", "message": "unknown"}',
             'outcome="ok", result={}', "outcome is not `fail`"),
            ('    kind = m.get("type")\n', '    kind = m["type"]\n    assert kind != "cancel"\n',
             "the program ended"),
            ('say(type="described", name="it")', "sys.exit(3)", "the program ended")):
        assert old in GOOD, old
        code, failed = check(plugin(GOOD.replace(old, new, 1)))
        assert code == 9 and any(what in f for f in failed), (what, failed)
    stays = GOOD.replace("import json, sys\n", "import json, sys, time\n") + "time.sleep(60)\n"
    code, failed = check(plugin(stays))
    assert code == 9 and "ends by itself" in failed[0], failed
    silent = GOOD.replace('    elif kind == "start" and m["action"] == "it.look":',
                          '    elif kind == "start" and m["action"] == "it.look":\n        continue')
    code, failed = check(plugin(silent))
    assert code == 9 and "no answer in time" in failed[0], failed


def test_list_and_show():
    folder = plugin(GOOD)
    rows = t.run_cli(["plugin", "list", os.path.dirname(folder), "--json"], check=0).json["items"]
    assert [(r["name"], r["version"]) for r in rows] == [("it", "2.1.0")], rows
    assert [a["name"] for a in rows[0]["actions"]] == ["it.look", "it.act", "it.unact"], rows
    shown = t.run_cli(["plugin", "show", folder], check=0).out
    assert "it.act" in shown and "probe" in shown and "it.unact" in shown and "read" in shown
    names = [r["name"] for r in t.run_cli(["plugin", "list", "--json"], check=0).json["items"]]
    assert "edge" in names and "nftables" in names, names
    assert t.run_cli(["plugin", "show", "nope"]).code == 4


t.main()
