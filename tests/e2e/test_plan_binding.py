#!/usr/bin/env python3
"""An approval is for what was shown: for each kind of document that a plan can show, a change after the
question voids it and asks again, with the document as it is then; what did not change can be approved."""
import json
import os
import time

import tocsin_test as t

t.need_binary()

PLAYBOOK = """
local facts, policy, filing, evidence, track = use "case", use "policy", use "filing", use "evidence", use "track"

return playbook {
  name = "bind", title = "All kinds of plans", on = "report.accepted",
  run = function(case, ev)
    case:set { severity = "medium", product = "edge-gw" }
    use("instant").set { name = "exploitation_aware", at = "2026-01-05T08:00:00Z" }
    local added = evidence.add { name = "log.txt", base64 = "bG9n" }
    local docs = {
      { "facts", facts.facts { names = { "severity", "fix_eta" } } },
      { "all-facts", { deep = { facts.facts {} } } },
      { "plan", policy.plan {}.plan },
      { "filing", filing.draft { to = "enisa", stage = "early_warning", fields = { member_states = { "DE" } } } },
      { "evidence", { one = added } },
      { "track", track.look { track = "embargo" } },
      { "advisory", case:advisory { template = "incident-notice" } },
      { "plain", { rules = { "deny 192.0.2.7" } } },
    }
    return each(docs, function(d)
      local ok, why = approve { id = d[1], role = "psirt-lead", title = "Go: " .. d[1], show = d[2] }
      return { d[1], ok, why.by }
    end)
  end,
}
"""
KINDS = ["facts", "all-facts", "plan", "filing", "evidence", "track", "advisory", "plain"]


def do(node, case, operation, **args):
    flags = []
    for key, value in args.items():
        flags += ["--set", "%s=%s" % (key, value)]
    return node.cli("case", "do", case, operation, *flags, as_person="lead1", check=0).json


def tasks(node):
    """Open approvals by the name that the playbook gives them."""
    out = {}
    for item in node.cli("task", "list", check=0).json["items"]:
        full = node.http("GET", "/api/v1/tasks/" + item["name"], check=200).json
        if full["state"] == "open":
            out[full["spec"]["name"]] = full
    return out


def vote(node, task, verb="approve"):
    reply = node.http("POST", "/api/v1/approvals/%s/decision" % task["name"],
                      {"decision": verb, "reason": "looks right", "plan_digest": task["digest"]},
                      as_person="lead2")
    return reply.json["code"] if reply.status != 200 else None


def change(node, case, kind, task):
    if kind in ("facts", "all-facts"):
        do(node, case, "case.set", severity="low" if kind == "facts" else "critical")
    elif kind == "plan":
        do(node, case, "case.set", exploited="true")
    elif kind == "filing":
        do(node, case, "filing.draft", to="enisa", stage="early_warning",
           fields=json.dumps({"member_states": ["DE", "FR"]}))
    elif kind == "evidence":
        do(node, case, "evidence.erase", evidence=task["spec"]["show"]["one"]["evidence"],
           reason="not needed any more")
    elif kind == "track":
        do(node, case, "embargo.propose", end=time.strftime("%Y-%m-%dT12:00:00Z", time.gmtime(time.time() + 60 * 86400)))
    elif kind == "advisory":
        node.cli("advisory", "edit", task["spec"]["show"]["name"], "--set", "title=Another title",
                 as_person="lead1", check=0)


def test_each_kind_is_bound():
    with t.make_dir({"rules": [{"on": "report.accepted", "run": "bind"}],
                     "products": [{"id": "edge-gw", "name": "Edge Gateway"}],
                     "playbooks": {"dir": "playbooks"}}) as node:
        os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
        with open(os.path.join(node.root, "playbooks", "bind.lua"), "w", encoding="utf-8") as out:
            out.write(PLAYBOOK)
        node.start()
        case = node.cli("report", "submit", "--title", "x", "--kind", "incident", "--product", "edge-gw",
                        "--text", "something", check=0).json["case"]
        node.wait_for(lambda: len(tasks(node)) == len(KINDS))
        voided = 0
        for kind in KINDS:
            seen = tasks(node)[kind]
            change(node, case, kind, seen)
            got = vote(node, seen)
            if kind == "plain":
                assert got is None, got
                continue
            assert got == "A100", (kind, got)
            voided += 1
            again = tasks(node)[kind]
            assert again["name"] != seen["name"] and again["digest"] != seen["digest"], kind
            assert again["spec"]["show"] != seen["spec"]["show"], kind
            # Eyes that saw the old plan do not count for the new one.
            assert vote(node, dict(again, digest=seen["digest"])) == "A009", kind
            if kind == "evidence":
                assert again["spec"]["show"]["one"]["gone"] is True, again
            # Nothing moved since: it can be approved. The facts move once more below.
            if kind != "all-facts":
                assert vote(node, again) is None, kind
        # A restart between question and answer changes nothing of that.
        node.kill9()
        node.start()
        last = tasks(node)["all-facts"]
        do(node, case, "case.set", severity="high")
        assert vote(node, last) == "A100"
        assert vote(node, tasks(node)["all-facts"]) is None
        run = node.cli("run", "list", check=0).json["items"][0]["name"]
        node.wait_for(lambda: node.cli("run", "show", run, check=0).json["state"] == "finished")
        log = node.cli("run", "log", run, check=0).json["items"]
        kinds = [e["kind"] for e in log]
        assert kinds.count("approval.voided") == voided + 1, kinds
        assert kinds.count("approval.granted") == len(KINDS), kinds
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


if __name__ == "__main__":
    t.main()
