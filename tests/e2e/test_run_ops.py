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


DOUBT = """
local shaky = use "shaky"
return playbook {
  name = "ops", title = "Ops", on = "report.accepted",
  run = function(case, ev)
    case:note("first")
    local ok, got = pcall(shaky.act, {})
    local a = ask { id = "how", role = "responder", title = "How?" }
    return ok and "told" or "not told"
  end,
}
"""
MANIFEST = """name: shaky
program: [ python3, shaky.py ]
actions: [ { name: act, effect: external, doubt: ask, attempts: 1 } ]
"""
SHAKY = """import json, sys
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "describe":
        print(json.dumps({"type": "described", "name": "shaky"}), flush=True)
    elif m["type"] == "start":
        print(json.dumps({"type": "result", "id": m["id"], "outcome": "unknown",
                          "error": {"code": "lost", "message": "no answer came"}}), flush=True)
"""


class Paths:
    """One verb after the other on a run of its own, once by the command line and once over HTTP."""

    def __init__(self, node):
        self.node, self.n = node, 0

    def fresh(self, at):
        """A run that got as far as a step in doubt, and if wanted over it to its question."""
        self.n += 1
        made = self.node.cli("report", "submit", "--title", "t%d" % self.n, "--kind", "incident", "--text",
                             "y", check=0).json["runs"][0]
        if at == "doubt":
            self.node.wait_for(lambda: self.look(made)["state"] == "in_doubt")
        else:
            self.node.wait_for(lambda: self.look(made)["state"] == "in_doubt")
            self.do("cli", made, "resolve", {"outcome": "done"})
            self.node.wait_for(lambda: self.task(made))
        return made

    def look(self, name):
        return self.node.http("GET", "/api/v1/runs/" + name, check=200).json

    def task(self, name):
        return self.node.http("GET", "/api/v1/tasks?state=open&run=" + self.look(name)["id"],
                              check=200).json["items"]

    def do(self, how, name, verb, body, person="resp1"):
        reason = "%s of %s by %s" % (verb, name, how)
        if how == "http":
            self.node.http("POST", "/api/v1/runs/%s/%s" % (name, verb), dict(body, reason=reason),
                           as_person=person, check=200)
        else:
            flags = {"outcome": lambda v: ["--" + v], "from": lambda v: ["--from", v],
                     "version": lambda v: ["--to", "@%d" % v]}
            more = [word for key, value in body.items() for word in flags[key](value)]
            self.node.cli("run", verb, name, "--reason", reason, *more, as_person=person, check=0)
        return reason

    def entry(self, name, kind, reason, person="resp1"):
        """Who and why stand in the log."""
        every = self.node.cli("run", "log", name, "--limit", "500", check=0).json["items"]
        every += self.node.http("GET", "/api/v1/cases/%s/timeline?all=true" % self.look(name)["case"],
                                check=200).json["items"]
        found = [e for e in every if e["kind"] == kind and reason in t.json.dumps(e)]
        assert found and found[0]["actor"] == "u:" + person, (kind, reason, found or every)


def doubt_node():
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "ops"}], "playbooks": {"dir": "playbooks"},
                       "plugins": [{"name": "shaky", "dir": "shaky"}]})
    for path, text in (("playbooks/ops.lua", DOUBT), ("shaky/manifest.yaml", MANIFEST), ("shaky/shaky.py", SHAKY)):
        os.makedirs(os.path.join(node.root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(node.root, path), "w", encoding="utf-8") as out:
            out.write(text)
    node.start()
    return node


def test_each_verb_works_by_command_line_and_over_http_and_is_an_entry_with_who_and_why():
    with doubt_node() as node:
        p = Paths(node)
        moving = {how: p.fresh("question") for how in ("cli", "http")}
        for how in ("cli", "http"):
            name = p.fresh("doubt")
            # The screen says what may happen again, and what to do about it.
            shown = node.cli("run", "show", name, check=0).json
            open_step = [s for s in shown["steps"] if s["outcome"] == "open"]
            assert [s["name"] for s in open_step] == ["shaky.act"], shown
            assert "tocsin run resolve" in open_step[0]["says"], shown
            words = node.cli("run", "show", name, json=False, check=0).out
            assert "a person must say what became of it" in words, words
            again = node.cli("run", "resolve", name, "--retry", "--reason", "not there", as_person="resp1",
                             check=0)
            assert again.json["entry"] > 0
            node.wait_for(lambda: p.look(name)["state"] == "in_doubt" and p.task(name))
            why = p.do(how, name, "resolve", {"outcome": "done"})
            p.entry(name, "task.answered", why)
            node.wait_for(lambda: [k["kind"] for k in p.task(name)] == ["ask"])
            why = p.do(how, name, "pause", {})
            p.entry(name, "run.paused", why)
            why = p.do(how, name, "resume", {})
            p.entry(name, "run.resumed", why)
            why = p.do(how, name, "cancel", {})
            node.wait_for(lambda: p.look(name)["state"] == "cancelled")
            p.entry(name, "run.cancelled", why)
            why = p.do(how, name, "retry", {"from": "0.1"})
            p.entry(name, "run.retried", why)
            other = p.fresh("doubt")
            why = p.do(how, other, "resolve", {"outcome": "failed"})
            p.entry(other, "task.answered", why)
            node.wait_for(lambda: [k["kind"] for k in p.task(other)] == ["ask"])
            node.cli("answer", p.task(other)[0]["name"], as_person="resp1", check=0)
            node.wait_for(lambda: p.look(other)["state"] == "finished")
            assert p.look(other)["result"] == "not told"
        with open(os.path.join(node.root, "playbooks", "ops.lua"), "a", encoding="utf-8") as out:
            out.write("-- another version\n")
        node.cli("playbook", "deploy", "ops", "--reason", "a comment", as_person="op1", check=0)
        for how, name in moving.items():
            why = p.do(how, name, "move", {"version": 2})
            assert p.look(name)["playbook"] == "ops@2"
            p.entry(name, "run.moved", why)
        assert node.stop() == 0
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


if __name__ == "__main__":
    t.main()
