#!/usr/bin/env python3
"""Who sees a case and who gets what of it, on the real binary: not allowed looks like not there, on
every path; no mail with content leaves an embargo, whatever the order of facts."""
import glob
import itertools
import os
import sys

import tocsin_test as t

PARTNER, PRESS, FINDER = "cert@partner.example", "press@news.example", "finder@lab.example"
BOOK = """
local mail = use "mail"
return playbook {
  name = "sender", title = "Sends when told", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    ask { id = "go", role = "go", title = "Send now?", fields = { why = text { required = true } } }
    for _, to in ipairs { "cert@partner.example", "press@news.example", "finder@lab.example" } do
      local ok, err = pcall(function()
        mail.send { to = to, subject = "News of " .. case.title, text = "SECRET " .. case.title }
      end)
      case:note((ok and "sent to " or "kept from ") .. to .. (ok and "" or ": " .. tostring(err)))
    end
  end,
}
"""


def make_node(book=True):
    node = t.make_dir({
        "mail": {"from": "Acme PSIRT <psirt@acme.example>", "maildir": "mail"},
        "products": [{"id": "edge-gw", "name": "Edge Gateway"}], "playbooks": {"dir": "books"},
        "rules": [{"on": "report.accepted", "run": "sender"}] if book else []})
    os.makedirs(os.path.join(node.root, "books"))
    with open(os.path.join(node.root, "books", "sender.lua"), "w", encoding="utf-8") as f:
        f.write(BOOK)
    return node


def report(node, title):
    return node.cli("report", "submit", "--kind", "weakness", "--title", title, "--product",
                    "edge-gw", "--mail", FINDER, "--text", "SECRET " + title,
                    check=0).json["case"]


def do(node, case, operation, person="lead1", check=0, **args):
    flags = []
    for key, value in args.items():
        flags += ["--set", "%s=%s" % (key, value)]
    return node.cli("case", "do", case, operation, *flags, as_person=person, check=check)


def mails(node):
    out = []
    for path in glob.glob(os.path.join(node.root, "mail", "*", "*")):
        with open(path, encoding="utf-8") as f:
            out.append(f.read())
    return out


def same(a, b, name, other):
    """Two refusals that differ in nothing but the name that was asked for."""
    return (a.status, a.body.replace(name, "X").replace(name.lower(), "X")) == (
        b.status, b.body.replace(other, "X").replace(other.lower(), "X"))


def test_not_allowed_is_not_there():
    with make_node() as node:
        node.start()
        hidden, seen = report(node, "Hidden flaw"), report(node, "Open flaw")
        node.task(name="go", case=hidden)
        task = node.task(name="go", case=hidden)
        run = [r for r in node.cli("run", "list", check=0).json["items"]
               if r["case_name"] == hidden][0]["name"]
        receipt = [r for r in node.cli("report", "list", check=0).json["items"]
                   if r["case_name"] == hidden][0]["name"]
        nothing = "PSIRT-2026-9999"
        before = node.http("GET", "/metrics").body
        assert "tocsin_cases_open 2" in before or "cases" in before
        do(node, hidden, "embargo.propose", end="2999-01-01T00:00:00Z", check=(1, 2))
        do(node, hidden, "embargo.propose", end="2027-06-01T12:00 Europe/Berlin")
        token = node.token("resp1", "read,decide")

        def ask(method, path, body=None):
            return node.http(method, "/api/v1/" + path, body, token=token)

        for form in ("cases/%s", "cases/%s/timeline", "cases/%s/tracks", "show/%s", "runs?case=%s",
                     "tasks?case=%s", "reports?case=%s", "advisories?case=%s", "clocks?case=%s"):
            a, b = ask("GET", form % hidden), ask("GET", form % nothing)
            assert a.status == 404 and same(a, b, hidden, nothing), (form, a, b)
        for name, other in ((run, "r-zzzzzzz"), (task["name"], "as-zzzzzzz"), (receipt, "TR-ZZZZZZZ")):
            a, b = ask("GET", "show/" + name), ask("GET", "show/" + other)
            assert a.status == 404 and same(a, b, name, other), (name, a, b)
        for path, body in (("cases/%s/notes", {"text": "hello"}),
                           ("cases/%s/act", {"operation": "fact.seen",
                                             "args": {"fact": "public_aware"}}),
                           ("cases/%s/act", {"operation": "case.member", "args": {"person": "resp1"}})):
            a, b = ask("POST", path % hidden, body), ask("POST", path % nothing, body)
            assert a.status == 404 and same(a, b, hidden, nothing), (path, a, b)
        other = ask("POST", "cases/%s/act" % seen, {"operation": "case.merge", "args": {
            "into": hidden, "reason": "same"}})
        assert other.status == 404, other
        # A report of the hidden case cannot be drawn into one that is seen.
        other = ask("POST", "cases/%s/act" % seen, {"operation": "report.attach", "args": {
            "report": receipt}})
        assert other.status == 404, other
        a = ask("POST", "tasks/%s/answer" % task["name"], {"answer": {"why": "x"}})
        b = ask("POST", "tasks/as-zzzzzzz/answer", {"answer": {"why": "x"}})
        assert a.status == b.status == 404, (a, b)
        for path in ("cases", "runs", "tasks", "reports", "clocks", "status"):
            reply = node.http("GET", "/api/v1/" + path, token=token, check=200)
            assert "Hidden" not in reply.body and hidden not in reply.body, (path, reply)
            assert "Open flaw" in reply.body or seen in reply.body or path == "status", (path, reply)
        # Figures for nobody in particular do not count it either.
        assert node.http("GET", "/metrics").body != before
        # A lead and the auditor see it; that they looked is an entry.
        for person in ("lead2", "audit1"):
            assert "Hidden flaw" in node.cli("show", hidden, as_person=person, check=0).out
        kinds = [e for e in node.cli("audit", "log", "kind:case.read", check=0).json["items"]]
        assert {"u:lead2", "u:audit1"} <= {e["actor"] for e in kinds}, kinds
        # A member sees it, until no more.
        node.cli("case", "do", hidden, "case.member", "--set", "person=resp1", as_person="lead1",
                 check=0)
        assert ask("GET", "cases/" + hidden).status == 200
        node.cli("case", "do", hidden, "case.member", "--set", "person=resp1", "--set", "out=true",
                 as_person="lead1", check=0)
        assert ask("GET", "cases/" + hidden).status == 404
        # The end of the embargo opens it again.
        do(node, hidden, "fact.seen", fact="public_aware")
        assert ask("GET", "cases/" + hidden).status == 200
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_early_release_needs_two():
    with make_node(False) as node:
        node.start()
        case = report(node, "Early")
        do(node, case, "embargo.propose", end="2027-06-01T12:00:00Z")
        do(node, case, "embargo.accept", by=FINDER)
        denied = do(node, case, "embargo.exit", reason="impatient", check=6)
        assert denied.error["code"] == "W036", denied
        denied = do(node, case, "embargo.release_early", person="duty1", reason="x y z", check=0)
        assert denied.json["needs_second_person"] is True
        again = do(node, case, "embargo.release_early", person="duty1", reason="x y z", check=0)
        assert again.json["needs_second_person"] is True, again
        done = do(node, case, "embargo.release_early", person="lead2", reason="I agree", check=0)
        assert done.json["embargo"] == "exited", done


def test_no_content_leaves_an_embargo():
    """Every order of: propose, accept, invite, terms, the order to send, and that it became public."""
    with make_node() as node:
        node.start()
        steps = {
            "propose": lambda c: do(node, c, "embargo.propose", end="2027-06-01T12:00:00Z",
                                    check=(0, 5)),
            "accept": lambda c: do(node, c, "embargo.accept", by=FINDER, check=(0, 5)),
            "invite": lambda c: do(node, c, "embargo.invite", party=PARTNER, check=(0, 5)),
            "terms": lambda c: do(node, c, "embargo.terms", party=PARTNER, check=(0, 5)),
            "public": lambda c: do(node, c, "fact.seen", fact="public_aware", check=0),
        }
        orders = list(itertools.permutations(list(steps) + ["send"]))
        orders = orders[::97] if not t.SANITIZED else orders[::240]
        for number, order in enumerate(orders):
            title = "Flaw %d" % number
            case = report(node, title)
            task = node.task(name="go", case=case)
            done, on, proposed, accepted = [], False, False, {FINDER: False, PARTNER: False}
            for step in order:
                if step == "send":
                    node.cli("answer", task["name"], "--set", "why=now", as_person="lead1", check=0)
                    t.wait_for(lambda c=case: node.cli("case", "timeline", c, json=False, check=0)
                               .out.count("finder@lab.example") and all(
                                   r["state"] == "finished" for r in node.cli(
                                       "run", "list", "--case", c, check=0).json["items"]), node=node)
                    kept = proposed or on
                    got = [m for m in mails(node) if "SECRET " + title + "\n" in m + "\n"]
                    for mail in got:
                        to = [x for x in (PARTNER, PRESS, FINDER) if "To: " + x in mail][0]
                        assert not kept or accepted.get(to), (order, done, to)
                    if not kept:
                        assert len(got) == 3, (order, done, got)
                else:
                    code = steps[step](case).code
                    if code == 0:
                        if step == "propose":
                            proposed = True
                        if step == "accept":
                            proposed, on, accepted[FINDER] = False, True, True
                        if step == "terms":
                            accepted[PARTNER] = True
                        if step == "public":
                            proposed = on = False
                done.append(step)
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


PLANS = """
policy: plans
kind: handling
version: 1
owner: psirt-lead
title: Who else sees it
source: none
plans:
  - { id: urgent, when: { severity: critical }, access: [ legal ] }
"""
GRADE = """
return playbook {
  name = "sender", title = "Grades", on = "report.accepted",
  run = function(case)
    if case.title == "Urgent" then case:set { severity = "critical" } end
  end,
}
"""


def test_roles_see_and_do_what_they_are_for():
    people = [{"id": "fix1", "roles": ["fixer"]}, {"id": "champ1", "roles": ["gw-champion"]},
              {"id": "legal1", "roles": ["legal"]}, {"id": "boss1", "roles": ["management"]}]
    node = make_node()
    with node:
        node.config["people"] = t.BASE["people"] + people
        node.config["products"] = [{"id": "edge-gw", "name": "Edge Gateway", "owner": "gw-champion"},
                                   {"id": "relay", "name": "Relay"}]
        node.config["policies"] = {"dir": "rules"}
        node.config["cases"] = {"roles": {
            "fixer": {"sees": "assigned", "may": ["track", "evidence"]},
            "gw-champion": {"sees": "product"}, "management": {"sees": "all", "may": ["case.done"]}}}
        node.write_config()
        os.makedirs(os.path.join(node.root, "rules"))
        for path, text in (("rules/plans.yaml", PLANS), ("books/sender.lua", GRADE)):
            with open(os.path.join(node.root, path), "w", encoding="utf-8") as f:
                f.write(text)
        node.start()
        one = report(node, "Ours")
        other = node.cli("report", "submit", "--kind", "weakness", "--title", "Theirs", "--product",
                         "relay", "--text", "x", check=0).json["case"]
        closed, urgent = report(node, "Closed"), report(node, "Urgent")
        t.wait_for(lambda: node.cli("show", urgent, check=0).json["case"].get("severity") == "critical",
                   node=node)
        for case in (closed, urgent):
            do(node, case, "case.restrict", reason="internal")

        def seen(person):
            items = node.cli("case", "list", as_person=person, check=0).json["items"]
            names = {c["name"] for c in items}
            for case in (one, other, closed, urgent):  # the list and the thing itself agree
                code = node.cli("show", case, as_person=person).code
                assert (code == 0) == (case in names), (person, case, code)
            return names

        assert seen("fix1") == set()
        assert seen("champ1") == {one}
        assert seen("resp1") == {one, other}
        assert seen("legal1") == {one, other, urgent}  # by the plan that applies
        assert seen("boss1") == seen("lead1") == {one, other, closed, urgent}
        node.cli("case", "do", one, "case.member", "--set", "person=fix1", as_person="lead1", check=0)
        assert seen("fix1") == {one}
        do(node, one, "evidence.add", person="fix1", name="log", base64="eA==")
        assert do(node, one, "fact.seen", person="fix1", check=6,
                  fact="fix_ready").error["code"] == "W010"
        assert do(node, one, "weakness.set", person="boss1", check=6,
                  cwe="CWE-79").error["code"] == "W010"
        assert do(node, other, "evidence.add", person="fix1", check=4, name="x", base64="eA==")
        node.config["cases"]["roles"]["fixer"]["may"] = ["trak"]
        node.write_config()
        wrong = node.cli("config", "check", check=(1, 2, 9))
        assert "trak" in wrong.err + wrong.out and "case operations" in wrong.err + wrong.out, wrong


RELEASE = """
local embargo, fact, member = use "embargo", use "fact", use "case"
return playbook {
  name = "sender", title = "Releases early", on = "report.accepted", roles = { release = "psirt-lead" },
  run = function(case)
    fact.seen { fact = "attacks_observed", evidence = "honeypot" }
    local ok, err = pcall(function() embargo.release_early { reason = "no one asked" } end)
    case:note("alone: " .. tostring(ok) .. " " .. tostring(err))
    local go = approve { id = "early", role = "release", quorum = 2, title = "End it early?", within = "1h" }
    if go then embargo.release_early { reason = "both agreed", approval = "early" } end
    case:note("done")
  end,
}
"""


def test_playbooks_act_through_an_approval():
    with make_node() as node:
        with open(os.path.join(node.root, "books", "sender.lua"), "w", encoding="utf-8") as f:
            f.write(RELEASE)
        node.start()
        case = report(node, "Approved")
        task = node.task(name="early", case=case)
        story = node.cli("case", "timeline", case, json=False, check=0, as_person="lead1").out
        assert "alone: false" in story and "only a person" in story, story
        do(node, case, "embargo.propose", end="2027-06-01T12:00:00Z", check=5)  # attacks are known
        for person in ("lead1", "lead2"):
            node.cli("approve", task["name"], "--reason", "we agree", as_person=person, check=0)
        t.wait_for(lambda: "done" in node.cli("case", "timeline", case, json=False, check=0,
                                              as_person="lead1").out or all(
            r["state"] in ("finished", "failed") for r in node.cli(
                "run", "list", "--case", case, check=0).json["items"]), node=node)
        # There was no embargo to end: the operation was let through and says so.
        runs = node.cli("run", "list", "--case", case, check=0).json["items"]
        assert runs[0]["state"] == "failed" and "no embargo in force" in (runs[0]["reason"] or ""), runs


if __name__ == "__main__":
    t.main()
    sys.exit(0)
