"""Runs in the hands of a person: pause, resume, retry, resolve, cancel, over CLI and HTTP alike."""
import os

import tocsin_test as t

t.need_binary()

PLAYBOOK = """
local mail = use "mail"
return playbook {
  name = "ops", title = "Ops", on = "report.accepted",
  run = function(case, ev)
    mail.send { to = "a@example.com", template = "hello", subject = "one", vars = {} }
    local a = ask { id = "how", role = "responder", title = "How?",
      fields = { way = choice { "fine", "bad" } } }
    if a.way == "bad" then error("it is bad") end
    mail.send { to = "a@example.com", template = "hello", subject = "two", vars = {} }
    return a.way
  end,
}
"""


def node_with(playbook=PLAYBOOK):
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "ops"}],
                       "playbooks": {"dir": "playbooks"}, "mail": {"templates": "templates"}})
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    os.makedirs(os.path.join(node.root, "templates"), exist_ok=True)
    with open(os.path.join(node.root, "playbooks", "ops.lua"), "w", encoding="utf-8") as out:
        out.write(playbook)
    with open(os.path.join(node.root, "templates", "hello.txt"), "w", encoding="utf-8") as out:
        out.write("Subject: hello\n\nhello\n")
    node.start()
    return node


def a_run(node):
    node.cli("report", "submit", "--title", "x", "--kind", "incident", "--text", "something",
             "--mail", "a@example.com",
             check=0)
    task = node.task(kind="ask")
    return task, node.http("GET", "/api/v1/runs/" + task["run"], check=200).json


def state(node, run):
    return node.http("GET", "/api/v1/runs/" + run["id"], check=200).json["state"]


def test_pause_shows_on_the_status_and_resume_goes_on():
    with node_with() as node:
        task, run = a_run(node)
        done = node.cli("run", "pause", run["name"], "--reason", "the network is being changed",
                        as_person="resp1", check=0)
        assert done.json["entry"] > 0, done
        shown = node.cli("run", "show", run["name"], check=0).json
        assert shown["state"] == "paused" and "resp1" in shown["reason"], shown
        assert shown["next"].startswith("tocsin run resume " + run["name"]), shown
        stopped = node.cli("status", check=0).json["stopped"]
        assert [r["name"] for r in stopped] == [run["name"]], stopped
        words = node.cli("status", json=False, check=0).out
        assert "tocsin run resume" in words, words
        node.cli("answer", task["name"], "--set", "way=fine", as_person="resp1", check=0)
        node.kill9()
        node.start()
        assert state(node, run) == "paused"
        node.http("POST", "/api/v1/runs/%s/resume" % run["name"], {"reason": "it is over"},
                  as_person="resp1", check=200)
        node.wait_for(lambda: state(node, run) == "finished")
        again = node.http("POST", "/api/v1/runs/%s/resume" % run["name"], {"reason": "twice"},
                          as_person="resp1")
        assert again.status == 409 and again.json["code"] == "R201", again
        kinds = [(e["kind"], e["actor"]) for e in
                 node.cli("run", "log", run["name"], check=0).json["items"]]
        assert ("run.paused", "u:resp1") in kinds and ("run.resumed", "u:resp1") in kinds, kinds


def test_a_failed_run_is_retried_after_the_fix_and_says_what_repeats():
    with node_with() as node:
        task, run = a_run(node)
        node.cli("answer", task["name"], "--set", "way=bad", as_person="resp1", check=0)
        node.wait_for(lambda: state(node, run) == "failed")
        shown = node.cli("run", "show", run["name"], check=0).json
        assert [s["step"] for s in shown["steps"]] == ["0.1", "0.2"], shown
        whole = node.cli("run", "retry", run["name"], "--from", "0.1", "--dry-run", check=0).json
        first = whole["plan"]["again"][0]
        assert first["name"] == "mail.send" and first["repeats"], whole
        assert "second time" in first["says"], whole
        words = node.cli("run", "retry", run["name"], "--from", "0.1", "--dry-run", json=False,
                         check=0)
        assert "second time" in words.out, words
        assert state(node, run) == "failed"  # a dry run changed nothing
        node.stop()
        with open(os.path.join(node.root, "playbooks", "ops.lua"), "w", encoding="utf-8") as out:
            out.write(PLAYBOOK.replace('error("it is bad")', 'log("bad, and so what")'))
        node.start()
        done = node.cli("run", "retry", run["name"], "--reason", "fixed in version 2",
                        as_person="resp1", check=0).json
        assert done["playbook"] == "ops@2", done
        fresh = {"id": done["new_run"]}
        node.wait_for(lambda: state(node, fresh) == "finished")
        subjects = node.cli("run", "show", done["new_name"], check=0).json
        assert [s["outcome"] for s in subjects["steps"]] == ["ok"] * 3, subjects
        assert node.cli("audit", "verify", node.data, check=0)


def test_rules_are_the_same_on_every_path():
    with node_with() as node:
        _, run = a_run(node)
        for verb, code in (("resume", "R201"), ("retry", "R203")):
            cli = node.cli("run", verb, run["name"], "--reason", "because", as_person="resp1")
            api = node.http("POST", "/api/v1/runs/%s/%s" % (run["id"], verb), {"reason": "because"},
                            as_person="resp1")
            assert cli.error["code"] == code and cli.code == 5, cli
            assert api.status == 409 and api.json["code"] == code, api
        cli = node.cli("run", "resolve", run["name"], "--done", "--reason", "because",
                       as_person="resp1")
        api = node.http("POST", "/api/v1/runs/%s/resolve" % run["id"],
                        {"outcome": "done", "reason": "because"}, as_person="resp1")
        assert cli.error["code"] == api.json["code"] == "R207", (cli, api)
        assert node.http("POST", "/api/v1/runs/%s/pause" % run["id"], {"reason": "because"},
                         as_person="audit1").status == 403
        assert node.cli("run", "resolve", run["name"], "--done", "--failed", "--reason", "x",
                        as_person="resp1").code == 2
        # A kill works, also of what is paused.
        node.cli("run", "pause", run["name"], "--reason", "hold on", as_person="resp1", check=0)
        node.cli("run", "cancel", run["name"], "--reason", "enough", as_person="resp1", check=0)
        assert state(node, run) == "cancelled"


if __name__ == "__main__":
    t.main()
