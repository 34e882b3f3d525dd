#!/usr/bin/env python3
"""A handling plan is held to on the real binary: role, people, four eyes, time and recipients of a
case's plan count on every path, whatever the playbook says; who changes a plan, and when it counts."""
import os

import tocsin_test as t

t.need_binary()

BOOK = """
local mail = use "mail"
return playbook {
  name = "work", title = "Work", on = "report.accepted",
  roles = { triage = "responder", publish = "psirt-lead" },
  run = function(case)
    local a = ask { id = "triage", role = "triage", title = "How bad?",
      fields = { severity = choice { "low", "critical" } } }
    case:set { severity = a.severity }
    local ok, d = approve { id = "release/1", policy = "publish", role = "publish", title = "Out?",
      within = "30d" }
    case:note("release: " .. tostring(ok) .. " by " .. d.by)
    for _, to in ipairs { "finder@lab.example", "cert@cert.example", "news@press.example" } do
      local sent, err = pcall(function() mail.send { to = to, subject = "s", text = "t" } end)
      case:note((sent and "sent to " or "kept from ") .. to .. (sent and "" or ": " .. tostring(err)))
    end
  end,
}
"""

PLANS = """policy: plans
kind: handling
version: %(version)d
owner: psirt-lead
title: Plans
source: the house
parties:
  coordinator: [ "@cert.example" ]
plans:
  - id: urgent
    when: { severity: critical }
    roles: { triage: responder, publish: director }
    approvals: { publish: { people: %(people)d, four_eyes: true, within: %(within)s, escalate: board } }
    recipients: [ reporter, coordinator ]
    playbooks: [ work ]
    clocks: [ nowhere-defined ]
  - id: normal
    when: { kind: weakness }
    approvals: { publish: 1 }
"""

PEOPLE = [
    {"id": "resp1", "roles": ["responder", "director"]},
    {"id": "resp2", "roles": ["responder"]},
    {"id": "lead1", "roles": ["psirt-lead"]},
    {"id": "lead2", "roles": ["psirt-lead"]},
    {"id": "dir1", "roles": ["director"]},
    {"id": "dir2", "roles": ["director"]},
    {"id": "aud1", "roles": ["auditor"]},
]


def make_node(people=2, within="20d"):
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "work"}], "people": PEOPLE,
                       "mail": {"maildir": "mail"}, "playbooks": {"dir": "books"},
                       "policies": {"dir": "plans"}})
    for name, file, text in (("books", "work.lua", BOOK), (
            "plans", "plans.yaml", PLANS % {"version": 1, "people": people, "within": within})):
        os.makedirs(os.path.join(node.root, name), exist_ok=True)
        with open(os.path.join(node.root, name, file), "w", encoding="utf-8") as out:
            out.write(text)
    node.start()
    return node


def begin(node, severity, by="resp1"):
    case = node.cli("report", "submit", "--title", "Overflow", "--kind", "weakness", "--text", "it",
                    "--mail", "finder@lab.example", check=0).json["case"]
    task = node.task(kind="ask", case=case)
    node.cli("answer", task["name"], "--set", "severity=" + severity, as_person=by, check=0)
    return case, node.task(kind="approve", case=case)


def shown(node, task):
    return node.cli("show", task["name"], as_person="lead1", check=0).json


def story(node, case):
    return node.cli("case", "timeline", case, json=False, as_person="lead1", check=0).out


def approve(node, task, who, check=None, **how):
    return node.cli("approve", task["name"], "--reason", "looked at it", "--plan", task["digest"],
                    as_person=who, check=check, **how)


def test_the_plan_says_who_and_how_many():
    with make_node() as node:
        case, task = begin(node, "critical")
        assert task["role"] == "director" and task["quorum"] == 2, task
        # Of the playbook's role, and of the plan's but with a part in it: refused on every path.
        for who, code in (("lead1", "A018"), ("resp2", "A018"), ("resp1", "A007")):
            assert approve(node, task, who).error["code"] == code, who
            for how in ({"as_person": who}, {"tcp": True, "token": node.token(who)}):
                reply = node.http("POST", "/api/v1/approvals/%s/decision" % task["name"], {
                    "decision": "approve", "reason": "looked at it",
                    "plan_digest": task["digest"]}, **how)
                assert reply.status != 200 and reply.json["code"] == code, (who, how, reply)
        approve(node, task, "dir1", check=0)
        assert node.task(kind="approve", case=case)["name"] == task["name"]
        out = node.cli("policy", "explain", case, as_person="lead1", check=0).json
        asked = {a["id"]: a for a in out["asked"]}["release/1"]
        assert asked["role"] == "director" and asked["people"] == 2, asked
        assert asked["rule"]["plan"] == "urgent" and asked["rule"]["policy"] == "plans@1", asked
        assert asked["rule"]["because"] == "severity is critical", asked
        words = node.cli("policy", "explain", case, json=False, as_person="lead1", check=0).out
        assert "2 of director, by plan urgent of plans@1, because severity is critical" in words, words
        assert 'playbooks: ["work"]' in words and "these clocks of the plan: [\"nowhere-defined\"]" in words, words
        words = node.cli("show", task["name"], json=False, as_person="lead1", check=0).out
        assert "plan urgent of plans@1: severity is critical" in words, words
        approve(node, task, "dir2", check=0)
        t.wait_for(lambda: "release: true by dir2" in story(node, case), node=node)
        # The rule stands with the question in the log.
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_recipients_of_the_plan():
    with make_node(people=1) as node:
        case, task = begin(node, "critical")
        approve(node, task, "dir1", check=0)
        t.wait_for(lambda: "news@press.example" in story(node, case), node=node)
        text = story(node, case)
        assert "sent to finder@lab.example" in text and "sent to cert@cert.example" in text, text
        assert "kept from news@press.example" in text and "plan urgent of plans@1" in text, text
        # Another plan of the same document names nobody: anybody may be told.
        case, task = begin(node, "low")
        assert task["role"] == "psirt-lead" and task["quorum"] == 1, task
        approve(node, task, "lead1", check=0)
        t.wait_for(lambda: "sent to news@press.example" in story(node, case), node=node)


def test_its_time_is_up_also_after_a_crash():
    with make_node(within="3s") as node:
        case, task = begin(node, "critical")
        assert task["due_at"], task
        node.kill9()
        node.start()
        t.wait_for(lambda: "release: false by timeout" in story(node, case), 30 * t.PATIENCE, node=node)


def test_another_plan_asks_again():
    with make_node() as node:
        case, task = begin(node, "low")
        assert task["role"] == "psirt-lead", task
        node.cli("case", "set", case, "--set", "severity=critical", as_person="lead1", check=0)
        refused = approve(node, task, "lead1")
        assert refused.error["code"] == "A100", refused
        again = node.task(kind="approve", case=case)
        assert again["name"] != task["name"] and again["role"] == "director", again
        assert again["quorum"] == 2, again
        assert approve(node, again, "lead1").error["code"] == "A018"
        approve(node, again, "dir1", check=0)
        approve(node, again, "dir2", check=0)
        t.wait_for(lambda: "release: true" in story(node, case), node=node)


def test_a_changed_plan_needs_a_second_person():
    with make_node(people=1) as node:
        path = os.path.join(node.root, "plans", "plans.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(PLANS % {"version": 2, "people": 2, "within": "1d"})
        node.cli("policy", "propose", path, as_person="lead1", check=0)
        _, task = begin(node, "critical")
        assert task["quorum"] == 1, task  # proposed is not in force
        same = node.cli("policy", "approve", "plans@2", "--reason", "two", as_person="lead1", check=6)
        assert same.error["code"] == "W023", same
        node.cli("policy", "approve", "plans@2", "--reason", "two people", as_person="lead2", check=0)
        case, task = begin(node, "critical")
        assert task["quorum"] == 2, task
        out = node.cli("policy", "explain", case, as_person="lead1", check=0).json
        assert out["plan"]["policy"] == "plans@2", out["plan"]
        log = node.cli("audit", "log", "--limit", "500", as_person="aud1", check=0).json["items"]
        change = [e for e in log if e["kind"] == "policy.approved"]
        assert len(change) == 1 and change[0]["actor"] == "u:lead2", change
        assert change[0]["from"] == "plans@1" and change[0]["to"] == "plans@2", change


def test_check_names_line_and_fix():
    wrong = {
        "publish: 2 of them": ("C014", "people: 2"),
        "publish: 99": ("C014", "1 to 20"),
        "publish: { person: 2 }": ("C012", "people"),
        "publish: { people: 2, within: 3 }": ("C021", "unit"),
        "publish: { role: the lead }": ("C039", "one word"),
    }
    with make_node() as node:
        path = os.path.join(node.root, "wrong.yaml")

        def check(text):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            return node.cli("policy", "check", path)
        good = PLANS % {"version": 1, "people": 2, "within": "1d"}
        assert check(good).code == 0
        for what, (code, fix) in wrong.items():
            bad = check(good.replace("approvals: { publish: 1 }", "approvals: { %s }" % what))
            assert bad.code == 9 and bad.error["code"] == code, (what, bad)
            assert fix in str(bad.error), (what, bad)
            assert bad.error["line"] == 19, (what, bad)
        bad = check(good.replace("reporter, coordinator", "reporter, cordinator"))
        assert bad.error["code"] == "C030" and "did you mean `coordinator`" in str(bad.error), bad
        bad = check(good.replace('"@cert.example"', "cert.example"))
        assert bad.error["code"] == "C039" and "@cert.example" in str(bad.error), bad


if __name__ == "__main__":
    t.main()
