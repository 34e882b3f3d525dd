#!/usr/bin/env python3
"""A run that takes the whole daemon down with it, again and again, ends as stuck with a reason and a next step;
the others go on, also those that were at work when it happened, and a person can try again."""
import os

import tocsin_test as t

t.need_binary()

PLAYBOOK = """
return playbook {
  name = "%s", title = "T", on = "report.accepted",
  run = function(case, ev)
    sleep "%s"
    case:note("came on")
    return 1
  end,
}
"""


def make_node():
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "poison", "when": {"kind": "incident"}},
                                 {"on": "report.accepted", "run": "fine", "when": {"kind": "weakness"}}],
                       "playbooks": {"dir": "playbooks"}})
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    for name, pause in (("poison", "1ms"), ("fine", "200ms")):
        with open(os.path.join(node.root, "playbooks", name + ".lua"), "w", encoding="utf-8") as out:
            out.write(PLAYBOOK % (name, pause))
    return node


def submit(node, kind, n=1):
    for i in range(n):
        node.cli("report", "submit", "--title", "%s %d" % (kind, i), "--kind", kind, "--text", "something", check=0)


def runs(node):
    return node.cli("run", "list", "--limit", "100", check=0).json["items"]


def test_a_crash_loop_ends_as_stuck():
    with make_node() as node:
        node.start()
        submit(node, "weakness", 5)
        # The daemon dies as soon as it loads the run, before the sender has an answer or after.
        node.stop()
        fault = {"TOCSIN_FAULT": "engine.load/poison@1=ABORT"}
        node.start(fault)
        node.cli("report", "submit", "--title", "x", "--kind", "incident", "--text", "something")
        node.wait_dead()
        deaths = 1
        while node.start(fault, wait=False).process.poll() is None and deaths < 12:
            try:
                node.process.wait(3 * t.PATIENCE)
                deaths += 1
            except Exception:
                break  # it lives
        assert deaths == 5, (deaths, node.log_text()[-3000:])
        node.wait_ready()
        bad = [r for r in runs(node) if r["playbook"] == "poison@1"]
        assert len(bad) == 1, bad
        node.wait_for(lambda: node.cli("run", "show", bad[0]["name"], check=0).json["state"] == "stuck")
        shown = node.cli("run", "show", bad[0]["name"], check=0, json=False).out
        assert "R025" in shown and "run retry" in shown, shown
        fine = [r for r in runs(node) if r["playbook"] == "fine@1"]
        node.wait_for(lambda: all(node.cli("run", "show", r["name"], check=0).json["state"] == "finished"
                                  for r in fine))
        assert len(fine) == 5
        # New ones of the same playbook that do not crash are not held against it.
        node.stop()
        node.start()
        submit(node, "incident")
        node.wait_for(lambda: sum(r["state"] == "finished" for r in runs(node)) == 6)
        assert node.cli("run", "show", bad[0]["name"], check=0).json["state"] == "stuck"
        # And a person may try again.
        node.cli("run", "retry", bad[0]["name"], "--reason", "tocsin was mended", as_person="duty1", check=0)
        node.wait_for(lambda: node.cli("run", "show", bad[0]["name"], check=0).json["state"] == "finished")
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_kill_does_not_make_runs_stuck():
    """kill -9 from outside, eight times in the first moments: nothing is held against anybody."""
    with make_node() as node:
        node.start()
        submit(node, "weakness", 4)
        node.kill9()
        for _ in range(8):
            node.start()
            node.kill9()
        node.start()
        node.wait_for(lambda: all(r["state"] == "finished" for r in runs(node)))
        node.stop()


if __name__ == "__main__":
    t.main()
