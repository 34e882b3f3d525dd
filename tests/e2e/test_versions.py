"""New versions of playbooks beside runs at work: deployed, replayed, moved, patched."""
import os

import tocsin_test as t

t.need_binary()

V1 = """
return playbook {
  name = "v", title = "V", on = "report.accepted",
  run = function(case, ev)
    case:note("first")
    local a = ask { id = "q", role = "responder", title = "Go on?" }
%s
    case:note("last")
    return "%s"
  end,
}
"""
REVIEW = """    local b = ask { id = "review", role = "responder", title = "Reviewed?" }"""
# A step before what open runs have on record: they do not fit.
BEFORE = V1.replace('case:note("first")', 'case:note("zero")\n    case:note("first")') % ("", "three")
PATCHED = V1.replace('    local a = ask', """    if patched "legal" then
      ask { id = "legal", role = "responder", title = "Legal?" }
    end
    local a = ask""") % ("", "four")


def write(node, text):
    with open(os.path.join(node.root, "playbooks", "v.lua"), "w", encoding="utf-8") as out:
        out.write(text)


def make_node():
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "v"}],
                       "playbooks": {"dir": "playbooks"}})
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    write(node, V1 % ("", "one"))
    node.start()
    return node


def begin(node):
    made = node.cli("report", "submit", "--title", "x", "--kind", "incident", "--text", "y",
                    check=0).json
    run = node.http("GET", "/api/v1/runs/" + made["runs"][0], check=200).json
    task = node.wait_for(lambda: open_task(node, run))
    return run, task


def open_task(node, run):
    items = node.http("GET", "/api/v1/tasks?state=open&run=" + run["id"], check=200).json["items"]
    return items[0] if items else None


def answer(node, run):
    task = node.wait_for(lambda: open_task(node, run))
    node.cli("answer", task["name"], as_person="resp1", check=0)
    return task


def result(node, run):
    look = lambda: node.http("GET", "/api/v1/runs/" + run["id"], check=200).json
    node.wait_for(lambda: look()["state"] not in ("ready", "running", "waiting", "parked"))
    return look()


def test_deploy_replays_open_runs_and_move_takes_those_that_fit():
    with make_node() as node:
        first, _ = begin(node)
        nothing = node.cli("playbook", "deploy", "v", "--dry-run", as_person="op1")
        assert nothing.error["code"] == "R213", nothing
        write(node, V1 % (REVIEW, "two"))
        plan = node.cli("playbook", "deploy", "v", "--dry-run", as_person="op1", check=0).json
        assert [(r["name"], r["fits"]) for r in plan["runs"]] == [(first["name"], True)], plan
        assert "version" not in plan and plan["was"] == 1, plan
        done = node.cli("playbook", "deploy", "v", "--reason", "a review is due", as_person="op1",
                        check=0).json
        assert done["version"] == 2, done
        # The run keeps its version until somebody moves it.
        second, _ = begin(node)
        assert second["playbook"] == "v@2" and first["playbook"] == "v@1", (first, second)
        # Status says what keeps old code in use.
        old = node.cli("status", as_person="resp1", check=0).json["old_versions"]
        assert old == [{"playbook": "v", "version": 1, "newest": 2, "runs": 1}], old
        words = node.cli("status", as_person="resp1", json=False, check=0)
        assert "v@1: 1 open run (newest is @2)" in words.out, words.out
        dry = node.cli("run", "move", first["name"], "--to", "@2", "--dry-run", check=0).json
        assert dry["fits"] and dry["from"] == "v@1" and dry["to"] == "v@2", dry
        assert node.http("GET", "/api/v1/runs/" + first["id"]).json["playbook"] == "v@1"
        node.cli("run", "move", first["name"], "--reason", "it needs the review", as_person="resp1",
                 check=0)
        same = node.cli("run", "move", first["name"], "--reason", "again", as_person="resp1")
        assert same.error["code"] == "R210", same
        node.kill9()
        node.start()
        answer(node, first)
        assert answer(node, first)["step_name"] == "review"
        over = result(node, first)
        assert over["state"] == "finished" and over["result"] == "two", over
        moved = [e for e in node.cli("run", "log", first["name"], check=0).json["items"]
                 if e["kind"] == "run.moved"]
        assert len(moved) == 1 and moved[0]["actor"] == "u:resp1", moved
        assert (moved[0]["from"], moved[0]["to"]) == ("v@1", "v@2"), moved
        late = node.cli("run", "move", first["name"], "--to", "@1", "--reason", "back",
                        as_person="resp1")
        assert node.cli("status", as_person="resp1", check=0).json["old_versions"] == []
        assert late.error["code"] == "R037", late
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


def test_what_does_not_fit_is_named_and_stays():
    with make_node() as node:
        run, _ = begin(node)
        write(node, BEFORE)
        plan = node.cli("playbook", "deploy", "v", "--dry-run", as_person="op1", check=10)
        bad = plan.json["runs"][0]
        assert not bad["fits"] and bad["path"] == "0.1" and bad["recorded"]["name"] == "case.note", bad
        words = node.cli("playbook", "deploy", "v", "--dry-run", as_person="op1", json=False)
        assert "DIVERGES at step 0.1" in words.out, words
        node.cli("playbook", "deploy", "v", "--reason", "new runs only", as_person="op1", check=0)
        refused = node.cli("run", "move", run["name"], "--reason", "try", as_person="resp1")
        assert refused.error["code"] == "R211" and "0.1" in refused.error["detail"], refused
        answer(node, run)
        over = result(node, run)
        assert over["result"] == "one" and over["playbook"] == "v@1", over


def test_a_broken_file_is_not_deployed():
    with make_node() as node:
        write(node, "return playbook { name = ")
        bad = node.cli("playbook", "deploy", "v", "--reason", "in a hurry", as_person="op1")
        assert bad.code != 0 and bad.error["code"].startswith("L"), bad
        run, _ = begin(node)
        assert run["playbook"] == "v@1", run


def test_patched_is_new_for_new_runs_and_silent_for_old_ones():
    with make_node() as node:
        old, _ = begin(node)
        write(node, PATCHED)
        plan = node.cli("playbook", "deploy", "v", "--reason", "legal looks first", as_person="op1",
                        check=0).json
        assert plan["runs"][0]["fits"], plan
        node.cli("run", "move", old["name"], "--reason", "same so far", as_person="resp1", check=0)
        fresh, task = begin(node)
        assert task["step_name"] == "legal", task
        node.kill9()
        node.start()
        answer(node, old)
        assert result(node, old)["result"] == "four"
        answer(node, fresh)
        assert answer(node, fresh)["step_name"] == "q"
        assert result(node, fresh)["result"] == "four"
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


if __name__ == "__main__":
    t.main()
