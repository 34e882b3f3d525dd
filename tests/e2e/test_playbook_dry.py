#!/usr/bin/env python3
"""Dry runs that say no more than they know, and a real run recorded, exported, stepped through and used in a
spec; nothing is sent by any of it."""
import json
import os
import shutil

import tocsin_test as t

FIXTURE = os.path.join(t.SOURCE, "playbooks", "fixtures", "reports", "customer-a.json")
TRIAGE = ["--assume", "triage.severity=critical", "--assume", "triage.product=edge-gw", "--assume",
          "triage.exploited=true", "--assume", "triage.reason=seen"]
OVER = ["--assume", "over/1.cause=product-caused", "--assume", "over/1.weakness=false", "--assume",
        "over/1.watch=none", "--assume", "over/1.lessons=shorter sessions"]
PLAN = ["--assume", 'edge.plan_block={"rules":["deny 192.0.2.7"],"targets":["fw-1"]}']


def check(*args, code=0):
    result = t.run_cli(["playbook", "check", "customer-incident", "--fixture", FIXTURE, "--json"] + list(args))
    assert result.code == code, result
    return json.loads(result.out)


def says(out, which="lines"):
    return [(line["says"], line.get("name", "")) for line in out[which]]


def test_a_question_ends_the_path():
    out = check()
    assert not out["complete"]
    assert says(out) == [("acts", "mail.send"), ("known", "instant.set"), ("known", "track.move"), ("asks", "triage"), ("stops", "triage")], says(out)


def test_an_unknown_result_may_be_passed_on_but_not_looked_into():
    out = check(*TRIAGE)
    assert not out["complete"] and ("unknown", "edge.plan_block") in says(out)
    assert out["lines"][-1]["says"] == "stops" and out["lines"][-1]["code"] == "L285", out["lines"][-1]
    assert not any(line.get("name") == "contain" for line in out["lines"]), "it made something up"


def test_both_ways_of_an_approval():
    out = check("--exit-effects", *TRIAGE, *PLAN, *OVER, code=10)
    assert out["complete"] and out["acts"]
    assert ("acts", "edge.apply") in says(out) and ("known", "case.set") in says(out)
    assert ("assumed", "edge.plan_block") in says(out)
    block = [line for line in out["lines"] if line.get("name") == "edge.apply"][0]
    assert (block["plan"], block["undo"], block["effect"]) == ("edge.plan_block", "edge.remove", "external"), block
    no = {branch["id"]: says(branch) for branch in out["otherwise"]}
    assert sorted(no) == ["contain", "notify"], no
    assert ("acts", "edge.apply") not in no["contain"] and ("known", "case.note") in no["contain"]
    assert [line["resolution"] for line in out["lines"] if "resolution" in line] == ["notified"], out["lines"]
    assert out["otherwise"][1]["lines"][-1]["resolution"] == "not-published"
    only = check(*TRIAGE, *PLAN, *OVER, "--assume", "contain=reject")
    assert ("acts", "edge.apply") not in says(only) and [b["id"] for b in only["otherwise"]] == ["notify"]


def test_look_ups_are_asked_of_the_real_systems():
    with t.make_dir(config()) as node:
        node.config["plugins"][0]["settings"]["dir"] = os.path.join(node.root, "edge")
        node.write_config()
        node.start()
        live = lambda *a, **k: t.run_cli(["playbook", "check", "customer-incident", "--fixture", FIXTURE, "--live-reads",
                                          "--config", node.config_file] + list(a), **k)
        ask = lambda name, args, **who: node.http("POST", "/api/v1/actions/%s/look" % name, {"args": args}, **who)
        node.wait_for(lambda: ask("edge.plan_block", {"indicators": ["192.0.2.7"]}, as_person="resp2").json["outcome"] == "ok")
        out = json.loads(live(*TRIAGE, *OVER, "--json", "--as", "resp1", check=0).out)
        assert out["complete"] and ("looked", "edge.plan_block") in says(out), says(out)
        assert ("acts", "edge.apply") in says(out)
        applied = [line["args"] for line in out["lines"] if line.get("name") == "edge.apply"][0]
        assert [r["rule"] for r in applied["rules"]] == ["deny 192.0.2.7/32", "deny 192.0.2.8/32"], applied
        assert "looked up" in live(*TRIAGE, "--as", "resp1", check=0).out
        asked = node.cli("audit", "log", "kind:action.look", as_person="audit1", check=0).json["items"]
        assert [(e["actor"], e["reason"]) for e in asked] == \
            [(who, "edge.plan_block") for who in ("u:resp2", "u:resp1")], "one an hour, not one a path: %s" % asked
        assert node.http("GET", "/api/v1/runs", check=200).json["items"] == [], "no run asked"
        assert node.cli("audit", "log", "kind:step.intent", as_person="audit1", check=0).json["items"] == []

        # What acts is not asked, nor by whom only looks on; what fails is said as it is.
        assert ask("edge.apply", {}, as_person="resp1").json["code"] == "A019"
        assert ask("case.set", {}, as_person="resp1").json["code"] == "A019"
        assert ask("edge.plan_blok", {}, as_person="resp1").status == 404
        assert ask("edge.plan_block", [], as_person="resp1").json["code"] == "H013"
        assert ask("edge.plan_block", {}, as_person="audit1").json["code"] == "A002"
        wrong = ask("edge.plan_block", {"indicators": ["no address"]}, as_person="resp1")
        assert (wrong.status, wrong.json["outcome"]) == (200, "fail") and wrong.json["error"]["message"], wrong
        assert node.stop() == 0
        gone = live(*TRIAGE, "--as", "resp1")
        assert gone.code == 7 and gone.out == "", "nothing is made up without a daemon"


def test_words_for_people():
    out = t.run_cli(["playbook", "check", "customer-incident", "--fixture", FIXTURE] + TRIAGE).out
    assert "would act" in out and "UNKNOWN" in out and "customer-incident.lua:" in out, out
    bad = t.run_cli(["playbook", "check", "customer-incident", "--fixture", FIXTURE, "--assume", "nonsense"])
    assert bad.code == 2 and "L286" in bad.err, bad
    assert t.run_cli(["playbook", "check", "nothing"]).code == 4


def recorded(node):
    """A run that waits for the release, with its fixture."""
    node.start()
    node.cli("report", "submit", "--kind", "incident", "--product", "edge-gw", "--title", "Tokens", "--mail",
             "soc@customer-a.example", "--text", "What happened", "--severity", "low", as_person="resp1", check=0)
    task = node.task(name="triage")
    node.cli("answer", task["name"], "--set", "severity=low", "--set", "product=edge-gw", "--set",
             "exploited=false", "--set", "reason=checked", as_person="resp1", check=0)
    node.task(name="notify")
    path = os.path.join(node.root, "run.json")
    run = node.http("GET", "/api/v1/runs", check=200).json["items"][0]["name"]
    node.cli("run", "export-fixture", run, "--out", path, as_person="resp1", check=0, json=False)
    return run, path


def config():
    return {"mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "mail"},
            "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme", "owner": "resp1",
                          "versions": ["9.4"]}],
            "customers": [{"name": "A", "mail": "soc@customer-a.example", "products": ["edge-gw"]}],
            "plugins": [{"name": "edge", "settings": {"dir": "edge", "targets": ["fw-1"]}}]}


def debug(path, *args, code=0, stdin=None):
    result = t.run_cli(["playbook", "debug", path] + list(args), stdin=stdin)
    assert result.code == code, result
    return result.out


def test_a_recorded_run():
    with t.make_dir(config()) as node:
        run, path = recorded(node)
        with open(path, encoding="utf-8") as f:
            record = json.load(f)
        names = [item["name"] for item in record["items"]]
        assert names[:5] == ["mail.send", "instant.set", "track.move", "triage", "case.set"], names
        assert record["open"][0]["name"] == "notify" and record["state"] in ("parked", "waiting")
        before = sorted(os.listdir(os.path.join(node.root, "mail", "new")))

        # From the daemon and from the file: the same place, forward and back.
        place = json.loads(debug(path, "--goto", "3", "--json"))
        assert (place["at"], place["of"]) == (3, len(names)) and place["wants"][0]["name"] == "triage"
        live = json.loads(t.run_cli(["playbook", "debug", run, "--goto", "3", "--json", "--config",
                                     node.config_file, "--as", "resp1"], check=0).out)
        assert live["wants"] == place["wants"]
        end = json.loads(debug(path, "--json"))
        assert end["at"] == len(names) and [w["name"] for w in end["wants"]] == ["notify"]
        assert "recorded" not in end["wants"][0], "nothing is on record for the open question"
        found = debug(path, "--break", "case.set")
        assert "case.set" in found and "customer-incident.lua" not in found and "4 of" in found, found
        assert debug(path, "--break", "0.5").startswith("4 of")
        debug(path, "--break", "edge.apply", code=4)
        talk = debug(path, stdin="s\ns\nb\np case.title\np last.outcome\ng 3\nn\nq\n")
        assert talk.count(" of %d" % len(names)) == 6, talk
        assert '"Tokens"' in talk and '"ok"' in talk and "no such place" in talk
        assert sorted(os.listdir(os.path.join(node.root, "mail", "new"))) == before, "it sent something"

        # Other code diverges, and says where.
        shutil.copytree(os.path.join(t.SOURCE, "playbooks"), os.path.join(node.root, "pb"))
        mine = os.path.join(node.root, "pb", "customer-incident.lua")
        with open(mine, encoding="utf-8") as f:
            text = f.read()
        with open(mine, "w", encoding="utf-8") as f:
            f.write(text.replace("    case:set { severity", "    case:note('first')\n    case:set { severity"))
        moved = json.loads(debug(path, "--with", mine, "--json", code=10))
        assert moved["diverged"]["path"] == "0.5", moved
        assert (moved["diverged"]["recorded"]["name"], moved["diverged"]["asked"]["name"]) == ("case.set", "case.note")

        # As a fixture of a spec: starts another one like it, and guards the code.
        os.makedirs(os.path.join(node.root, "pb", "fixtures", "runs"))
        shutil.copy(path, os.path.join(node.root, "pb", "fixtures", "runs", "tokens.json"))
        spec = os.path.join(node.root, "pb", "customer-incident_spec.lua")
        with open(spec, "w", encoding="utf-8") as f:
            f.write('describe("recorded", function() it("replays", function()\n'
                    'assert.replays("customer-incident", fixture "runs/tokens") end) end)')
        result = t.run_cli(["playbook", "test", spec])
        assert result.code == 9 and "no longer does what was recorded, at step 0.5" in result.out, result
        with open(mine, "w", encoding="utf-8") as f:
            f.write(text)
        assert t.run_cli(["playbook", "test", spec]).code == 0
        like = t.run_cli(["playbook", "check", "customer-incident", "--like", run, "--json", "--config",
                          node.config_file, "--as", "resp1"], check=0)
        assert json.loads(like.out)["lines"][0]["args"]["to"] == "soc@customer-a.example"
        with open(path, "w", encoding="utf-8") as f:
            f.write("{}")
        debug(path, code=9)
        assert node.stop() == 0


def test_a_playbook_started_by_hand():
    with t.make_dir(config()) as node:
        node.start()
        node.cli("report", "submit", "--kind", "incident", "--title", "Tokens", "--text", "What happened",
                 as_person="resp1", check=0)
        case = node.http("GET", "/api/v1/cases", check=200).json["items"][0]["name"]
        node.cli("run", "start", "leak-before-date", "--case", case, "--input", "where=https://forum.example/1",
                 as_person="resp1", check=0)
        task = node.task(name="look/1")
        node.cli("answer", task["name"], "--set", "public=nothing", "--set", "reason=read it", as_person="resp1",
                 check=0)
        node.wait_for(lambda: [r for r in node.http("GET", "/api/v1/runs", check=200).json["items"]
                               if r["playbook"].startswith("leak-before-date") and r["state"] == "finished"])
        assert node.stop() == 0


if __name__ == "__main__":
    t.main()
