#!/usr/bin/env python3
"""What the team does, each once from its trigger to the end of the shipped playbook, on the real daemon:
reports come over HTTP, questions are answered by the command line and over HTTP in turn."""
import glob
import os

import cve_services
import tocsin_test as t

t.need_binary()

PEOPLE = [
    {"id": "resp1", "roles": ["responder"]}, {"id": "resp2", "roles": ["responder"]},
    {"id": "duty1", "roles": ["duty-manager"]}, {"id": "lead1", "roles": ["psirt-lead"]},
    {"id": "lead2", "roles": ["psirt-lead"]}, {"id": "owner1", "roles": ["product-owner"]},
    {"id": "legal1", "roles": ["legal"]}, {"id": "exec1", "roles": ["executive"]},
    {"id": "panel1", "roles": ["bounty-panel"]}, {"id": "panel2", "roles": ["bounty-panel"]},
    {"id": "panel3", "roles": ["bounty-panel"]}, {"id": "audit1", "roles": ["auditor"]},
]
OURS = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
THEIRS = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
FINDER, CUSTOMER = "finder@lab.example", "soc@customer.example"
WEAKNESS = {"kind": "weakness", "title": "Heap overflow in the name parser", "text": "A long name overwrites.",
            "product": "edge-gw", "version": "9.3", "contact": {"mail": FINDER, "name": "Fin"}, "cvss": THEIRS}


class Team:
    """A node with the shipped playbooks and policies, and its people at work."""

    def __init__(self, **over):
        config = {"people": PEOPLE, "mail": {"maildir": "mail", "from": "PSIRT <psirt@acme.example>"},
                  "cases": {"markets": ["eu"], "house": ["acme.example"]},
                  "publisher": {"name": "Acme PSIRT", "namespace": "https://psirt.acme.example",
                                "contact": "psirt@acme.example", "prefix": "ACME-SA"},
                  "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme", "owner": "owner1",
                                "versions": ["9.3", "9.4"]}],
                  "customers": [{"name": "Customer", "mail": CUSTOMER, "products": ["edge-gw"]}],
                  "rules": [
                      {"on": "report.accepted", "when": {"kind": "incident"}, "run": "customer-incident"},
                      {"on": "report.accepted", "when": {"kind": "weakness"}, "run": "vulnerability-report"}]}
        self.node = t.make_dir(t.merge(config, over))
        self.turn = 0

    def __enter__(self):
        self.node.start()
        self.tokens = {p["id"]: self.node.token(p["id"]) for p in PEOPLE}
        return self

    def __exit__(self, *args):
        self.node.destroy()

    def report(self, **change):
        reply = self.node.http("POST", "/api/v1/reports", dict(WEAKNESS, **change),
                               {"Idempotency-Key": "k%d" % id(change)}, token=self.tokens["resp1"], check=202)
        return reply.json["receipt"], reply.json["case"]

    def case(self, name):
        return self.node.http("GET", "/api/v1/cases/" + name, token=self.tokens["lead1"], check=200).json

    def start(self, playbook, case, **inputs):
        flags = [x for k, v in inputs.items() for x in ("--input", "%s=%s" % (k, v))]
        return self.node.cli("run", "start", playbook, "--case", case, *flags, as_person="lead1", check=0)

    def by_cli(self):
        self.turn += 1
        return self.turn % 2

    def answer(self, case, step, who, **fields):
        task = self.node.task(name=step, case=case)
        if self.by_cli():
            flags = [x for k, v in fields.items() for x in ("--set", "%s=%s" % (
                k, str(v).lower() if isinstance(v, bool) else v))]
            self.node.cli("answer", task["name"], *flags, as_person=who, check=0)
        else:
            self.node.http("POST", "/api/v1/tasks/%s/answer" % task["name"], {"answer": fields},
                           token=self.tokens[who], check=200)

    def decide(self, case, step, *people, verb="approve"):
        task = self.node.task(name=step, case=case)
        for who in people:
            if self.by_cli():
                self.node.cli(verb, task["name"], "--reason", "looked at it", as_person=who, check=0)
            else:
                body = {"decision": verb, "reason": "looked at it"}
                if verb == "approve":
                    body["plan_digest"] = task["digest"]
                self.node.http("POST", "/api/v1/approvals/%s/decision" % task["name"], body,
                               token=self.tokens[who], check=200)

    def tell(self, case, event, **body):
        if self.by_cli():
            flags = [x for k, v in body.items() for x in ("--set", "%s=%s" % (k, v))]
            self.node.cli("case", "tell", case, event, *flags, as_person="lead1", check=0)
        else:
            self.node.http("POST", "/api/v1/cases/%s/events" % case, {"event": event, "body": body},
                           token=self.tokens["lead1"], check=201)

    def do(self, case, operation, person="lead1", **args):
        flags = [x for k, v in args.items() for x in ("--set", "%s=%s" % (k, v))]
        return self.node.cli("case", "do", case, operation, *flags, as_person=person, check=0).json

    def ended(self, case, resolution=None):
        """Every run of the case has finished; the case is closed with this resolution, or open."""
        def look():
            runs = [r for r in self.node.http("GET", "/api/v1/runs?case=" + case, check=200).json["items"]]
            assert all(r["state"] not in ("failed", "stuck", "diverged") for r in runs), runs
            return runs and all(r["state"] == "finished" for r in runs)
        self.node.wait_for(look, 30)
        shown = self.case(case)
        if resolution:
            assert shown["state"] == "closed" and shown["resolution"] == resolution, shown
        return shown

    def mails(self, to, words=""):
        found = []
        for path in glob.glob(os.path.join(self.node.root, "mail", "new", "*")):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            if "To: " in text and to in text.split("\n\n")[0] and words in text:
                found.append(text)
        return found

    def clocks(self, case):
        items = self.node.cli("clock", "list", "--case", case, "--all", as_person="lead1", check=0).json["items"]
        return {c["clock"]: c for c in items}

    def proven(self):
        assert self.node.stop() == 0
        t.run_cli(["audit", "verify", self.node.data], check=0)

    # The middle of a vulnerability report, up to the release.
    def analysed(self, case, severity="high", reach="one-product"):
        self.answer(case, "triage/1", "resp1", scope="ours", severity=severity, product="edge-gw", reach=reach,
                    reason="reproduced")
        self.answer(case, "judge/1", "resp1", cwe="CWE-787", cvss=OURS, exploitation="none", automatable=True,
                    value_density="concentrated", technical_impact="total", safety_impact="negligible")

    def fixed(self, case, severity="high"):
        self.analysed(case, severity)
        self.answer(case, "fix", "owner1", fixed_in="9.4.2")
        self.tell(case, "report.reply", text="the fix works")


def advisories(team, case):
    return team.node.http("GET", "/api/v1/advisories?case=" + case, check=200).json["items"]


def test_reports_are_received_and_handled():
    """... with CVSS v3 beside the reporter's own score, and the weakness as a CWE id."""
    with Team() as team:
        _, case = team.report()
        assert team.node.wait_for(lambda: team.mails(FINDER, "We have your report"))
        team.fixed(case)
        team.decide(case, "publish", "lead1", "lead2")
        shown = team.ended(case, "published")
        facts = shown.get("facts", shown)
        assert facts["cwe"] == "CWE-787", facts
        scores = facts["scores"]
        assert scores["reporter"]["vector"] == THEIRS, scores
        assert (scores["reporter"]["base"], scores["us"]["base"]) == (10.0, 9.8), scores
        assert scores["us"]["vector"] == OURS, scores
        assert advisories(team, case)[0]["state"] in ("published", "final", "interim"), advisories(team, case)
        assert team.mails(CUSTOMER) and team.mails(FINDER, "It is published")
        clocks = team.clocks(case)
        assert clocks["acknowledge"]["state"] == "met" and clocks["first-assessment"]["state"] == "met", clocks
        tracks = team.node.cli("case", "tracks", case, as_person="lead1", check=0).json
        assert [r["state"] for r in tracks["report"]] == ["closed"], tracks["report"]
        team.proven()


def test_times_follow_the_scope():
    with Team() as team:
        due = {}
        for severity in ("critical", "high", "medium"):
            _, case = team.report(title="Flaw that is " + severity)
            team.analysed(case, severity)
            team.node.task(name="fix", case=case)
            clocks = team.clocks(case)
            assert [c for c in clocks if c.startswith("fix-") and clocks[c]["state"] == "running"] == [
                "fix-" + severity], clocks
            one = clocks["fix-" + severity]
            due[severity] = one["due"][:10]
            plan = team.node.cli("policy", "explain", case, as_person="lead1", check=0).json["plan"]
            assert plan["id"] == ("weakness" if severity == "medium" else "weakness-urgent"), plan
        assert due["critical"] < due["high"] < due["medium"], due
        # The same severity in more of what we sell: sooner, and as long as the fact says so.
        _, case = team.report(title="Everywhere")
        team.analysed(case, "critical", "all-products")
        team.node.task(name="fix", case=case)
        wide = team.clocks(case)["mitigate-critical-wide"]
        narrow = lambda: team.clocks(case).get("mitigate-critical", {"state": "none"})
        assert wide["state"] == "running" and narrow()["state"] in ("none", "not_applicable"), wide
        team.node.cli("case", "set", case, "--set", "reach=one-product", as_person="lead1", check=0)
        assert narrow()["state"] == "running" and narrow()["due"] > wide["due"], (narrow(), wide)


def test_confidential_until_it_is_out():
    with Team() as team:
        _, case = team.report(title="Secret overflow")
        team.node.task(name="triage/1", case=case)
        team.do(case, "embargo.propose", end="2027-06-01T12:00:00Z")
        team.do(case, "embargo.accept", person="lead2", by=FINDER)
        team.do(case, "embargo.invite", party="psirt@other.example")
        team.do(case, "embargo.terms", party="psirt@other.example", answer="accepted")
        team.do(case, "embargo.invite", party="silent@other.example")
        # Who is not a member sees nothing, by either way.
        gone = team.node.cli("show", case, as_person="resp2")
        none = team.node.cli("show", "PSIRT-2020-9999", as_person="resp2")
        assert gone.code == none.code and gone.error["code"] == none.error["code"], (gone, none)
        assert team.node.http("GET", "/api/v1/cases/" + case, token=team.tokens["resp2"]).status == 404
        team.node.cli("case", "do", case, "case.member", "--set", "person=resp1", as_person="lead1", check=0)
        team.start("leak-before-date", case, where="https://forum.example/1")
        assert not team.mails("psirt@other.example")
        team.answer(case, "look/1", "resp1", public="details", reason="read the thread")
        team.decide(case, "early", "lead1")
        team.node.wait_for(lambda: team.mails("psirt@other.example", "has become public"), 30)
        assert not team.mails("silent@other.example")
        team.node.wait_for(lambda: advisories(team, case), 30)
        state = team.node.cli("case", "tracks", case, as_person="lead1", check=0).json
        assert state["embargo"][0]["state"] == "exited", state["embargo"]
        assert team.node.cli("show", case, as_person="resp2").code == 0
        team.proven()


def test_cve_ids_are_reserved_and_rejected():
    service = cve_services.Service()
    try:
        team = Team(publisher={"cna_org": cve_services.ORG_ID, "cna_name": "acme"})
        team.node.config["plugins"] = [{
            "name": "cve", "dir": os.path.join(t.SOURCE, "plugins", "cve"),
            "settings": {"url": service.url, "org": "acme", "user": cve_services.USER, "key": "secret:cve",
                         "dir": os.path.join(team.node.root, "cve")}}]
        team.node.write_config()
        with team:
            team.node.cli("secret", "set", "cve", stdin=cve_services.KEY + "\n", check=0)
            _, case = team.report()
            team.start("cve-id", case, what="reserve")

            def ids():
                return team.node.cli("case", "tracks", case, as_person="lead1", check=0).json.get("cve", [])
            cve = team.node.wait_for(ids)[0]
            assert cve["state"] == "reserved", cve
            team.start("cve-id", case, what="reject", cve=cve["subject"], reason="it is a duplicate")
            team.decide(case, "reject", "lead1")
            team.node.wait_for(lambda: ids()[0]["state"] == "rejected", 30)
            assert service.records[cve["subject"]]["cveMetadata"]["state"] == "REJECTED", service.records
            team.proven()
    finally:
        service.end()


def test_a_release_can_be_held():
    with Team() as team:
        _, case = team.report(title="Not yet")
        team.fixed(case, "medium")
        team.decide(case, "publish", "lead1", verb="reject")
        team.ended(case, "held")
        assert not team.mails(CUSTOMER), "nothing went out"
        assert all(a["state"] == "draft" for a in advisories(team, case)), advisories(team, case)
        team.proven()


def test_two_bounty_programmes():
    with Team() as team:
        for programme, site, votes, amount, kept in (
                ("bounty-web", "www.vendor.example", 2, 200, "paid"),
                ("bounty-products", "edge-gw", 3, 1000, "donated")):
            receipt, case = team.report(title="For " + programme)
            team.start("bounty", case, subject=receipt)
            team.answer(case, "eligible", "resp1", programme=programme, site=site, weakness="CWE-79",
                        root_cause="cause of " + programme, public=False, reason="checked")
            for n in range(votes):
                team.answer(case, "rate/%d" % (n + 1), "panel%d" % (n + 1), level="high", reason="my view")
            team.answer(case, "amount", "panel1", amount=amount)
            team.decide(case, "reward", "lead1")
            team.tell(case, "bounty.answer", choice=kept, name="A. Finder")

            def state():
                return {b["name"]: b["state"] for b in team.node.cli("bounty", "list", as_person="lead1",
                                                                     check=0).json["items"]}.get(receipt)
            team.node.wait_for(lambda: state() == kept, 30)
        team.proven()


def test_standards_go_to_the_gsma():
    with Team() as team:
        _, case = team.report(title="Paging leaks identities")
        team.answer(case, "triage/1", "resp1", scope="standard", severity="high", product="edge-gw",
                    reason="TS 33.501 says so")
        team.answer(case, "judge", "resp1", standard=True, several=True, public=False, ours=False, consent=True,
                    which="TS 33.501", summary="paging leaks identities", impact="people can be followed",
                    to="cvd@gsma.example")
        team.decide(case, "refer", "lead1")
        team.node.wait_for(lambda: team.mails("cvd@gsma.example", "paging leaks identities"), 30)
        team.tell(case, "gsma.reply", reference="CVD-2026-0001")
        team.ended(case, "referred")
        filing = team.node.cli("case", "tracks", case, as_person="lead1", check=0).json["filing"]
        assert filing[0]["state"] == "receipted" and filing[0]["data"]["receipt"] == "CVD-2026-0001", filing
        team.proven()


def test_who_tells_a_case_is_on_record():
    with Team() as team:
        _, case = team.report()
        node = team.node
        node.task(name="triage/1", case=case)
        out = node.cli("case", "tell", case, "nobody.waits", as_person="resp1", check=0).json
        assert out["taken"] is False, out
        entry = [e for e in node.cli("audit", "log", "case:" + case, "--limit", "200", as_person="audit1",
                                     check=0).json["items"] if e["kind"] == "signal.received"][-1]
        assert entry["actor"] == "u:resp1" and entry["reason"] == "nobody.waits", entry
        assert node.cli("case", "tell", "PSIRT-2020-9999", "x", as_person="resp1").code == 4
        bad = node.http("POST", "/api/v1/cases/%s/events" % case, {"event": "two words"},
                        token=team.tokens["resp1"])
        assert bad.status == 422 and bad.json["code"] == "H013", bad
        bad = node.http("POST", "/api/v1/cases/%s/events" % case, {"event": "x", "body": [1]},
                        token=team.tokens["resp1"])
        assert bad.status == 422, bad
        # What the house does not see it cannot tell anything.
        team.do(case, "embargo.propose", end="2027-06-01T12:00:00Z")
        assert node.cli("case", "tell", case, "x", as_person="resp2").code == 4


if __name__ == "__main__":
    t.main()
