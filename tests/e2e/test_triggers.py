"""What starts runs beside a report: keys that join, queue, drop or replace; the clock; a person."""
import os

import tocsin_test as t

t.need_binary()

KEYED = """
return playbook {
  name = "%(name)s", title = "T", on = "report.accepted",
  key = function(ev) return ev.product .. "/" .. ev.kind end, concurrency = "%(policy)s",
  run = function(case, ev)
    local seen = { ev.title }
    while true do
      local more, why = wait { event = "report.accepted", within = "10d" }
      seen[#seen + 1] = more.title
      if more.title == "last" then return seen end
    end
  end,
}
"""

INPUTS = """
return playbook {
  name = "inputs", title = "T", on = "nothing",
  inputs = { severity = choice { "low", "high" }, days = number { required = true, min = 1 },
             product = pick { of = "product", required = false }, loud = flag { required = false } },
  run = function(case, ev) return { ev.inputs.severity, ev.inputs.days, case.title,
                                    ev.inputs.loud == true } end,
}
"""

TICK = """
return playbook {
  name = "tick", title = "T", on = "schedule.due",
  run = function(case, ev) return { ev.schedule, ev.missed, ev.inputs.depth } end,
}
"""


def node_with(playbooks, **config):
    node = t.make_dir(dict({"products": [{"id": "edge-gw", "name": "Edge Gateway"}],
                            "playbooks": {"dir": "playbooks"}}, **config))
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    for name, text in playbooks.items():
        with open(os.path.join(node.root, "playbooks", name + ".lua"), "w", encoding="utf-8") as out:
            out.write(text)
    node.start()
    return node


def report(node, title, product="edge-gw"):
    return node.cli("report", "submit", "--title", title, "--kind", "incident", "--text", "x",
                    "--product", product, check=0).json


def runs(node, **where):
    items = node.http("GET", "/api/v1/runs", check=200).json["items"]
    return [r for r in items if all(r[k] == v for k, v in where.items())]


def keyed(policy):
    return node_with({"keyed": KEYED % {"name": "keyed", "policy": policy}},
                     rules=[{"on": "report.accepted", "run": "keyed"}])


def waiting(node, n=1):
    node.wait_for(lambda: len(runs(node, state="parked")) + len(runs(node, state="waiting")) == n)


def test_a_second_event_joins_the_open_run():
    with keyed("join") as node:
        first = report(node, "first")
        waiting(node)
        second = report(node, "second")
        assert second["case"] == first["case"] and second["runs"] == first["runs"], second
        node.kill9()
        node.start()
        other = report(node, "elsewhere", "another-product")
        assert other["case"] != first["case"], other
        last = report(node, "last")
        assert last["runs"] == first["runs"], last
        node.wait_for(lambda: len(runs(node, state="finished")) == 1)
        run = node.http("GET", "/api/v1/runs/" + runs(node, state="finished")[0]["id"]).json
        assert run["result"] == ["first", "second", "last"], run
        # It is over: the same key begins anew.
        assert report(node, "again")["runs"] != first["runs"]
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


def test_queue_drop_and_replace():
    with keyed("queue") as node:
        report(node, "first")
        waiting(node)
        second = report(node, "second")
        assert [r["name"] for r in runs(node, state="queued")] == second["runs"], runs(node)
        refused = node.cli("run", "pause", second["runs"][0], "--reason", "hold on",
                           as_person="resp1")
        assert refused.error["code"] == "R202", refused
        node.cli("run", "cancel", runs(node, state="parked")[0]["name"], "--reason", "make room",
                 as_person="resp1", check=0)
        node.wait_for(lambda: [r["name"] for r in runs(node, state="parked")] == second["runs"])
    with keyed("drop") as node:
        first = report(node, "first")
        waiting(node)
        second = report(node, "second")
        assert second["runs"] == [] and second["case"] == first["case"], second
        assert len(runs(node)) == 1
    with keyed("replace") as node:
        first = report(node, "first")
        waiting(node)
        second = report(node, "second")
        assert second["runs"] != first["runs"], second
        assert [r["name"] for r in runs(node, state="cancelled")] == first["runs"]
        waiting(node)


def test_started_by_hand_with_typed_inputs():
    with node_with({"inputs": INPUTS}, rules=[]) as node:
        case = report(node, "the case")["case"]
        start = ["run", "start", "inputs", "--case", case]
        for argv, code in ((["--input", "severity=low"], "A013"),
                           (["--input", "severity=mid", "--input", "days=3"], "A014"),
                           (["--input", "severity=low", "--input", "days=0"], "A014"),
                           (["--input", "severty=low", "--input", "days=3"], "A012")):
            refused = node.cli(*(start + argv), as_person="resp1")
            assert refused.error["code"] == code, refused
        missing = node.cli("run", "start", "input", "--case", case, as_person="resp1")
        assert missing.error["code"] == "R209" and "inputs" in missing.error["hint"], missing
        assert runs(node) == []
        with open(os.path.join(node.root, "days"), "w", encoding="utf-8") as out:
            out.write("3")
        done = node.cli(*(start + ["--input", "severity=high", "--input", "days=@days", "--input",
                                   "loud=yes"]), as_person="resp1", check=0).json
        assert done["result"] == "started", done
        node.wait_for(lambda: runs(node, state="finished"))
        run = node.http("GET", "/api/v1/runs/" + done["run"]).json
        assert run["result"] == ["high", 3, "the case", True], run
        api = node.http("POST", "/api/v1/runs", {"playbook": "inputs", "case": case,
                                                 "inputs": {"severity": "low", "days": 2}},
                        as_person="resp1", check=200).json
        assert api["result"] == "started", api
        opened = [e for e in node.cli("run", "log", api["name"], check=0).json["items"]
                  if e["kind"] == "run.started"]
        assert opened[0]["actor"] == "u:resp1", opened


def test_schedules_come_once_and_missed_ones_too():
    rules = [{"on": "schedule.due", "when": {"schedule": "quick"}, "run": "tick"}]
    with node_with({"tick": TICK}, rules=rules,
                   schedules=[{"name": "quick", "every": "2s", "title": "Look around",
                               "inputs": {"depth": "full"}},
                              {"name": "yearly", "cron": "0 0 1 1 *"}]) as node:
        node.wait_for(lambda: runs(node, state="finished"), timeout=20)
        run = node.http("GET", "/api/v1/runs/" + runs(node)[0]["id"]).json
        assert run["result"][0] == "quick" and run["result"][2] == "full", run
        assert run["case_title"] == "Look around", run
        node.kill9()
        before = len(runs_offline(node))
        t.time.sleep(4.5)
        node.start()
        node.wait_for(lambda: len(runs(node)) > before)
        newest = runs(node)[0]
        node.wait_for(lambda: node.http("GET", "/api/v1/runs/" + newest["id"]).json["state"] ==
                      "finished")
        result = node.http("GET", "/api/v1/runs/" + newest["id"]).json["result"]
        assert result[1] >= 1, result  # several were missed, one came
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


def runs_offline(node):
    import sqlite3
    with sqlite3.connect("file:%s?mode=ro" % node.database, uri=True) as db:
        return db.execute("SELECT id FROM run").fetchall()


def test_configuration_says_what_is_wrong():
    for schedule, code, word in (
            ({"name": "x"}, "C013", "one of"),
            ({"name": "x", "every": "1h", "cron": "* * * * *"}, "C013", "one of"),
            ({"name": "x", "cron": "* 25 * * *"}, "C030", "hour"),
            ({"name": "x", "cron": "0 0 31 2 *"}, "C030", "never"),
            ({"name": "x", "cron": "0 0 * * *", "zone": "Mars/Base"}, "C044", "Mars/Base")):
        node = t.make_dir({"schedules": [schedule]})
        wrong = t.run_cli(["config", "check", node.config_file, "--json"])
        assert wrong.error["code"] == code and word in wrong.error["detail"], wrong
        node.destroy()


if __name__ == "__main__":
    t.main()
