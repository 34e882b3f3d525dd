#!/usr/bin/env python3
"""Third parties and bounty on the real binary: programmes and their rules, imports, filings to authorities
with receipts, the GSMA decision, and VINCE against a simulator of its API."""
import http.server
import json
import os
import sys
import threading
import time

import tocsin_test as t

CSV = ("id,title,state,substate,severity_rating,weakness,reported_at,reporter,bounty,structured_scope,"
       "cve_ids,original_report_id\n"
       "11,\"Stored XSS, twice\",open,new,high,XSS,2026-05-12 04:05:27 UTC,ann,,www.vendor.example,,\n"
       "12,Reflected XSS,open,new,low,XSS,2026-05-13 04:05:27 UTC,bob,,www.elsewhere.example,,\n")


PANEL = [{"id": "pan%d" % i, "roles": ["bounty-panel"]} for i in (1, 2, 3)]


def make_node(over=None):
    return t.make_dir(t.merge({"people": t.BASE["people"] + PANEL, "rules": [], "products": [{"id": "edge-gw", "name": "Edge Gateway"}],
                               "mail": {"maildir": "mail"}}, over))


def report(node, title):
    out = node.cli("report", "submit", "--kind", "weakness", "--title", title, "--product", "edge-gw",
                   "--mail", "finder@lab.example", "--text", "details of " + title, check=0).json
    return out["receipt"], out["case"]


def do(node, case, operation, person="lead1", check=0, **args):
    flags = []
    for key, value in args.items():
        flags += ["--set", "%s=%s" % (key, value)]
    return node.cli("case", "do", case, operation, *flags, as_person=person, check=check)


def test_bounty_from_entry_to_announcement():
    with make_node() as node:
        node.start()
        first, one = report(node, "Stored XSS")
        second, two = report(node, "Stored XSS again")
        third, three = report(node, "Info leak of a subsidiary")
        enter = {"programme": "bounty-web", "weakness": "xss", "site": "www.vendor.example",
                 "root_cause": "template"}
        assert do(node, one, "bounty.vote", person="pan1", report=first, band="high", reason="a b c",
                  check=4).error["code"] == "W052"
        assert do(node, one, "bounty.enter", report=first, **enter).json["eligible"] is True
        twice = do(node, two, "bounty.enter", report=second, **enter).json
        assert twice["eligible"] is False and twice["why"] == "same-root-cause", twice
        assert do(node, one, "bounty.enter", report=first, check=5, **enter).error["code"] == "W001"
        out = do(node, one, "bounty.enter", report=first, check=4, programme="nothing", site="x",
                 weakness="y")
        assert out.error["code"] == "W053", out
        denied = do(node, one, "bounty.vote", person="resp1", report=first, band="high", reason="a b c", check=6)
        assert denied.error["code"] == "W055", denied
        # Two of the panel rate; one person votes once.
        do(node, one, "bounty.vote", person="pan1", report=first, band="critical", reason="session theft")
        do(node, one, "bounty.vote", person="pan1", report=first, band="high", reason="on reflection")
        rated = do(node, one, "bounty.vote", person="pan2", report=first, band="high", reason="agreed").json
        assert rated["band"] == "high", rated
        wrong = do(node, one, "bounty.approve", report=first, amount=9000, reason="generous", check=(1, 2))
        assert wrong.error["code"] == "W054" and "150 to 500" in wrong.error["detail"], wrong
        assert do(node, one, "bounty.approve", person="resp1", report=first, amount=300,
                  reason="fair", check=6).error["code"] == "W009"
        do(node, one, "bounty.approve", report=first, amount=300, reason="fair")
        assert do(node, one, "bounty.settle", report=first, outcome="paid", check=5).error["code"] == "W001"
        do(node, one, "bounty.offer", report=first)
        do(node, one, "bounty.settle", report=first, outcome="paid", evidence="transfer 17")
        # A subsidiary costs one level, and low then earns nothing.
        do(node, three, "bounty.enter", report=third, programme="bounty-web", weakness="info",
           site="a.subsidiary.example", root_cause="listing")
        do(node, three, "bounty.vote", person="pan1", report=third, band="low", reason="small")
        gone = do(node, three, "bounty.vote", person="pan2", report=third, band="low", reason="small").json
        assert gone["band"] == "none", gone
        states = {b["name"]: b["state"] for b in node.cli("bounty", "list", check=0).json["items"]}
        assert states == {first: "paid", second: "duplicate", third: "not_eligible"}, states
        said = node.cli("bounty", "announcement", json=False, check=0).out
        assert "| bounty-web | anonymous | high |" in said, said
        do(node, one, "bounty.consent", report=first, consent="Ann | Lab")
        do(node, one, "case.done", reason="paid and announced")
        said = node.cli("bounty", "announcement", json=False, check=0).out
        assert "Ann \\| Lab" in said, said
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def vote(node, case, receipt, band, people=("pan1", "pan2")):
    for person in people:
        out = do(node, case, "bounty.vote", person=person, report=receipt, band=band, reason="seen").json
    return out


def test_bounty_rules_hold_whenever_facts_come():
    """First by arrival wins although it is entered last; what was public, what turns out to have the same
    cause, one too many of a kind: judged again until a reward is offered."""
    over = {"people": t.BASE["people"] + PANEL + [{"id": "lead3", "roles": ["psirt-lead", "bounty-panel"]}],
            "products": [{"id": "edge-gw", "name": "Edge Gateway"}, {"id": "relay", "name": "Relay"}]}
    with make_node(over) as node:
        node.start()
        web = {"programme": "bounty-web", "site": "www.vendor.example"}
        made = [report(node, "Finding %d" % i) for i in range(8)]
        # Entered and rated first, but another one came in earlier, elsewhere.
        (late, a), (early, b) = made[:2]
        do(node, a, "bounty.enter", report=late, weakness="xss", root_cause="menu", **web)
        assert vote(node, a, late, "high")["band"] == "high"
        first = do(node, b, "bounty.enter", report=early, weakness="xss", root_cause="menu",
                   arrival="2026-01-02T03:04:05Z", **web).json
        assert first["eligible"] is True, first
        assert do(node, b, "bounty.enter", report=late, weakness="x", check=4, **web).error["code"] == "W006"
        said = do(node, a, "bounty.approve", report=late, amount=200, reason="fair").json
        assert (said["eligible"], said["why"]) == (False, "same-root-cause"), said
        # Who voted does not approve; and what turns out to be public earns nothing, even approved.
        vote(node, b, early, "medium", ("lead3", "pan1"))
        denied = do(node, b, "bounty.approve", person="lead3", report=early, amount=60, reason="x", check=6)
        assert denied.error["code"] == "W056", denied
        do(node, b, "bounty.approve", report=early, amount=60, reason="fair")
        said = do(node, b, "bounty.facts", report=early, public="true", reason="told at a conference").json
        assert (said["eligible"], said["why"]) == (False, "already-public"), said
        # An appeal is judged by the same rules: with the facts put right it goes on.
        again = do(node, b, "bounty.appeal", report=early, reason="was not us").json
        assert again["eligible"] is False and again["why"] == "already-public", again
        do(node, b, "bounty.facts", report=early, public="false", reason="it was another flaw")
        facts = node.cli("audit", "log", "kind:bounty.facts", check=0).json["items"]
        assert len(facts) == 2 and all(e["actor"].startswith("u:") for e in facts), facts
        assert do(node, b, "bounty.appeal", report=early, reason="see there").json["eligible"] is True
        # What the case has known to be public since before the report came.
        (old, c) = made[2]
        do(node, c, "fact.seen", fact="public_aware", at="2026-01-01T00:00:00Z")
        assert do(node, c, "bounty.enter", report=old, weakness="csrf", root_cause="x1",
                  **web).json["why"] == "already-public"
        # Three of a kind on a site and no more: the fourth by arrival.
        for i, (receipt, case) in enumerate(made[3:7]):
            out = do(node, case, "bounty.enter", report=receipt, weakness="sqli", root_cause="q%d" % i,
                     **web).json
            assert out.get("why") == (None if i < 3 else "over-limit"), (i, out)
        # Without a name: the programme for the product and the model.
        (gw, d) = made[7]
        out = do(node, d, "bounty.enter", report=gw, site="edge-gw", weakness="rce").json
        assert (out["programme"], out["eligible"]) == ("bounty-products", True), out
        rows = {r["name"]: r for r in node.cli("bounty", "list", check=0).json["items"]}
        assert rows[late]["state"] == "duplicate" and rows[old]["state"] == "not_eligible", rows
        assert vote(node, d, gw, "critical", ("pan1", "pan2", "pan3"))["most"] == 10000
        do(node, d, "bounty.approve", report=gw, amount=10000, reason="remote, no login")
        do(node, d, "bounty.offer", report=gw)
        # A promise stays.
        late_word = do(node, d, "bounty.facts", report=gw, public="true", reason="tweet", check=5)
        assert late_word.error["code"] == "W001", late_word
        do(node, d, "bounty.settle", report=gw, outcome="donated", evidence="receipt 5")
        do(node, d, "bounty.consent", report=gw, consent="Ann")
        out = node.cli("report", "submit", "--kind", "weakness", "--title", "Relay flaw", "--product", "relay",
                       "--text", "x", check=0).json
        none = do(node, out["case"], "bounty.enter", report=out["receipt"], site="edge-gw", weakness="rce",
                  check=4)
        assert none.error["code"] == "W053", none
        wrong = do(node, out["case"], "bounty.enter", report=out["receipt"], programme="bounty-products",
                   site="edge-gw", weakness="rce").json
        assert wrong["why"] == "out-of-scope", wrong
        this = time.strftime("%Y-%m")
        assert "Ann" in node.cli("bounty", "announcement", "--since", this, json=False, check=0).out
        assert "Ann" not in node.cli("bounty", "announcement", "--since", "2020-12", json=False, check=0).out
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_imports_are_reports_once():
    with make_node() as node:
        node.start()
        path = os.path.join(node.root, "h1.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CSV)
        out = node.cli("bounty", "import", path, "--programme", "bounty-web", "--product", "edge-gw",
                       as_person="op1", check=0).json
        assert (out["read"], out["new"], out["known"]) == (2, 2, 0), out
        out = node.cli("bounty", "import", path, "--programme", "bounty-web", "--product", "edge-gw",
                       as_person="op1", check=0).json
        assert (out["new"], out["known"]) == (0, 2), out
        states = [b["state"] for b in node.cli("bounty", "list", check=0).json["items"]]
        assert sorted(states) == ["candidate", "not_eligible"], states
        arrivals = {b["arrival"] for b in node.cli("bounty", "list", check=0).json["items"]}
        assert "2026-05-12T04:05:27.000Z" in arrivals, arrivals  # on the platform, not here
        with open(path, "w", encoding="utf-8") as f:
            f.write("nothing,of,that\n1,2,3\n")
        assert node.cli("bounty", "import", path, check=9).error["code"] == "W050"


DATA = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")


def test_real_exports_become_reports():
    """What platforms export, as far as it is here (the rest of this file needs none of it)."""
    folder = os.path.join(DATA, "bug-bounty")
    if not os.path.isdir(folder):
        return
    with make_node() as node:
        node.start()
        total = 0
        for name, least in (("h1/bug_bounty_many.csv", 3), ("h1/vuln_disclosure_one.json", 1),
                            ("h1/bug_bounty_zero.json", 0), ("bugcrowd/BugCrowd-many.csv", 3)):
            out = node.cli("bounty", "import", os.path.join(folder, name), "--programme", "bounty-web",
                           as_person="op1", check=0).json
            assert out["read"] >= least and out["read"] == out["new"] + out["known"], (name, out)
            total += out["new"]
        rows = node.cli("bounty", "list", check=0).json["items"]
        assert len(rows) == total == len(node.cli("report", "list", "--limit", "500", check=0).json["items"])
        assert all(r["state"] in ("candidate", "not_eligible", "duplicate") for r in rows), rows
        assert node.cli("bounty", "import", os.path.join(folder, "intsights", "intsights_invalid_file.txt"),
                        check=9).error["code"] == "W050"


def test_filings_stop_their_clocks():
    with make_node({"cases": {"markets": ["eu"]}}) as node:
        node.start()
        _, case = report(node, "Exploited")
        do(node, case, "instant.set", name="exploitation_aware", at="2026-01-05T08:00:00Z")
        short = do(node, case, "filing.draft", to="enisa", stage="early_warning", check=(1, 2))
        assert short.error["code"] == "W060" and "member_states" in short.error["detail"], short
        assert do(node, case, "filing.draft", to="nobody", stage="x", check=(1, 2)).error["code"] == "W061"
        draft = do(node, case, "filing.draft", person="resp1", to="enisa", stage="early_warning",
                   fields=json.dumps({"member_states": ["DE", "FR"]})).json
        assert draft["report"]["content"]["product"] == "edge-gw", draft
        assert "## Member states" in draft["text"], draft["text"]
        name = draft["filing"]
        assert do(node, case, "filing.approve", person="resp1", filing=name, digest=draft["digest"],
                  check=6).error["code"] == "W064"
        assert do(node, case, "filing.approve", filing=name, digest="sha256:" + "0" * 64,
                  check=5).error["code"] == "W063"
        assert do(node, case, "filing.sent", filing=name, check=5).error["code"] == "W001"
        do(node, case, "filing.approve", filing=name, digest=draft["digest"])
        # Drafted anew: the approval is gone.
        again = do(node, case, "filing.draft", person="resp1", to="enisa", stage="early_warning",
                   fields=json.dumps({"member_states": ["DE"]})).json
        assert do(node, case, "filing.sent", filing=name, check=5).error["code"] == "W001"
        do(node, case, "filing.approve", filing=name, digest=again["digest"])
        do(node, case, "filing.sent", filing=name, at="2026-01-05T20:00:00Z", receipt="SRP-2026-77")
        clocks = {c["clock"]: c for c in node.cli("clock", "list", "--case", case, "--all",
                                                  check=0).json["items"]}
        early = clocks["cra-early-warning"]
        assert early["met_at"] == "2026-01-05T20:00:00.000Z", early
        rows = node.cli("case", "tracks", case, check=0).json["filing"]
        assert rows[0]["state"] == "receipted" and rows[0]["data"]["receipt"] == "SRP-2026-77", rows


def test_gsma_decision():
    with make_node() as node:
        node.start()
        _, case = report(node, "Weak paging")
        for standard, industry, own, public, decision in (
                (True, True, True, False, "dual-file"), (True, True, False, False, "redirect"),
                (True, False, True, False, "own"), (False, True, True, False, "own"),
                (True, True, True, True, "own")):
            out = do(node, case, "gsma.decide", standard_based=str(standard).lower(),
                     industry_wide=str(industry).lower(), own_product=str(own).lower(),
                     public=str(public).lower()).json
            assert out["decision"] == decision, (standard, industry, own, public, out)
        package = do(node, case, "filing.draft", to="gsma", stage="submission", fields=json.dumps({
            "standard": "3GPP TS 38.304", "impact": "tracking", "affected": ["UE", "gNB"],
            "contact": "psirt@acme.example"})).json
        assert package["report"]["content"]["standard"] == "3GPP TS 38.304", package


class Vince(http.server.BaseHTTPRequestHandler):
    got = []

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != "Token secret-token":
            return self.answer(401, {"detail": "Invalid token."})
        Vince.got.append((self.command, self.path, self.headers.get("Content-Type"), body))
        if self.path == "/vince/comm/api/vulreport/":
            return self.answer(201, {"vrf_id": "VRF#26-11-ABCDE"})
        if self.path.endswith("/vendor/statement/"):
            return self.answer(200, {"detail": "ok"})
        if self.path == "/vince/comm/api/case/123456/vuls/":
            return self.answer(200, [{"vul": "CVE-2026-1"}])
        return self.answer(404, {"detail": "Not found."})

    do_GET = do_POST = handle_any


BOOK = """
local vince = use "vince"
return playbook {
  name = "coordinate", title = "Coordinate", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    ask { id = "go", role = "go", title = "Tell CERT/CC?", fields = { why = text { required = true } } }
    local ok, err = pcall(function()
      local vuls = vince.case { case = "VU#123456", part = "vuls" }
      case:note("vuls " .. vuls.answer[1].vul)
      vince.status { case = "VU#123456", status = "affected", statement = "We are working on it." }
      local r = vince.report { fields = { vendor_name = "Acme", product_name = "Edge", vul_description = "d",
        vul_exploit = "e", vul_impact = "i", vul_discovery = "f", share_release = true } }
      case:note("receipt " .. r.receipt)
    end)
    if not ok then case:note("kept: " .. tostring(err)) end
  end,
}
"""


def test_vince_against_a_simulator():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vince)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    node = make_node({"playbooks": {"dir": "books"}, "rules": [{"on": "report.accepted", "run": "coordinate"}],
                      "vince": {"url": "http://127.0.0.1:%d/vince/comm/api/" % port,
                                "token_file": "vince.token", "reach": ["127.0.0.1:%d" % port]}})
    with node:
        os.makedirs(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "coordinate.lua"), "w", encoding="utf-8") as f:
            f.write(BOOK)
        with open(os.path.join(node.root, "vince.token"), "w", encoding="utf-8") as f:
            f.write("secret-token\n")
        os.chmod(os.path.join(node.root, "vince.token"), 0o600)
        node.start()

        def story(case):
            return node.cli("case", "timeline", case, json=False, check=0, as_person="lead1").out

        def go(case):
            task = node.task(name="go", case=case)
            node.cli("answer", task["name"], "--set", "why=now", as_person="lead1", check=0)
        _, case = report(node, "Shared flaw")
        go(case)
        t.wait_for(lambda: "receipt VRF#26-11-ABCDE" in story(case), node=node)
        assert "vuls CVE-2026-1" in story(case)
        kinds = [(method, path) for method, path, _, _ in Vince.got]
        assert ("POST", "/vince/comm/api/case/123456/vendor/statement/") in kinds, kinds
        body = [b for _, p, _, b in Vince.got if p.endswith("vulreport/")][0]
        assert b'name="vendor_name"\r\n\r\nAcme\r\n' in body and b"True" in body, body
        # The token is in no entry and no answer.
        assert "secret-token" not in node.cli("audit", "log", "--limit", "500", check=0).out
        # Under an embargo the platform gets nothing until it accepted the terms.
        count = len(Vince.got)
        _, hidden = report(node, "Embargoed flaw")
        do(node, hidden, "embargo.propose", end="2027-06-01T12:00:00Z")
        go(hidden)
        t.wait_for(lambda: "kept:" in story(hidden), node=node)
        assert [p for _, p, _, _ in Vince.got[count:] if "vuls" not in p] == [], Vince.got[count:]
        _, agreed = report(node, "Agreed flaw")
        do(node, agreed, "embargo.propose", end="2027-06-01T12:00:00Z")
        do(node, agreed, "embargo.invite", party="127.0.0.1")
        do(node, agreed, "embargo.terms", party="127.0.0.1")
        go(agreed)
        t.wait_for(lambda: "receipt VRF#26-11-ABCDE" in story(agreed), node=node)
    server.shutdown()


if __name__ == "__main__":
    t.main()
    sys.exit(0)
