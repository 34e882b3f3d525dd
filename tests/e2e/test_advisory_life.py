#!/usr/bin/env python3
"""The life of an advisory on the real binary: draft, review, four eyes, the digest that was shown,
versions by themselves, difference in words, withdrawal; and what is refused on the way."""
import datetime
import json
import os

import tocsin_test as t

CONFIG = {"rules": [], "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}],
          "publisher": {"name": "Acme PSIRT", "namespace": "https://psirt.acme.example",
                        "contact": "psirt@acme.example", "prefix": "ACME-SA"}}
VULNERABILITIES = [
    {"cve": "CVE-2026-1000", "cwe": {"id": "CWE-787", "name": "Out-of-bounds Write"},
     "description": "The gateway writes too far.", "status": {"known_affected": ["A"]},
     "scores": [{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "products": ["A"]}],
     "remediations": [{"category": "mitigation", "details": "Close port 80.",
                       "product_ids": ["A"]}]}]
PRODUCTS = [{"ref": "A", "vendor": "Acme", "product": "Edge Gateway",
             "version_range": "vers:semver/<2.1.0"}]


def open_case(node, title="Flaw in the gateway"):
    return node.cli("report", "submit", "--kind", "weakness", "--title", title, "--product",
                    "edge-gw", "--mail", "finder@lab.example", "--text", "it writes too far",
                    check=0).json["case"]


def adv(node, verb, ident, *flags, person="resp1", check=0):
    return node.cli("advisory", verb, ident, *flags, as_person=person, check=check)


def setting(**members):
    out = []
    for key, value in members.items():
        out += ["--set", "%s=%s" % (key, value if isinstance(value, str) else json.dumps(value))]
    return out


def drafted(node, case, **members):
    members = dict({"vulnerabilities": VULNERABILITIES, "products": PRODUCTS, "tlp": "CLEAR",
                    "summary": "A flaw."}, **members)
    return node.cli("advisory", "new", "--case", case, *setting(**members), as_person="resp1",
                    check=0).json


def released(node, name, *flags):
    digest = adv(node, "review", name).json["digest"]
    adv(node, "approve", name, "--plan", digest, person="lead1")
    return adv(node, "publish", name, *flags, person="lead1").json


def test_from_draft_to_final():
    with t.make_dir(CONFIG) as node:
        node.start()
        case = open_case(node)
        a = drafted(node, case)
        name = a["name"]
        assert name == "ACME-SA-2026-001" and a["state"] == "draft" and a["number"] == "0", a
        assert adv(node, "publish", name, check=5).error["code"] == "D101"
        # Nobody reviews what is not filled in.
        adv(node, "edit", name, *setting(summary="See ${ticket}."))
        assert adv(node, "review", name, check=(1, 2)).error["code"] == "D107"
        adv(node, "edit", name, *setting(summary="A flaw."))
        a = adv(node, "review", name).json
        assert a["state"] == "in_review"
        # Four eyes, and the digest that was shown.
        assert adv(node, "approve", name, "--plan", a["digest"], check=6).error["code"] == "D102"
        wrong = adv(node, "approve", name, "--plan", "sha256:00", person="lead1", check=5)
        assert wrong.error["code"] == "D103", wrong
        assert adv(node, "approve", name, person="lead1", check=5).error["code"] == "D103"
        a = adv(node, "changes", name, "--reason", "name the port", person="lead1").json
        assert a["state"] == "changes_requested"
        a = adv(node, "edit", name, *setting(summary="A flaw behind port 80.")).json
        assert a["state"] == "draft"
        digest = adv(node, "review", name).json["digest"]
        a = adv(node, "approve", name, "--plan", digest, person="lead1").json
        assert a["state"] == "approved"
        # An edit ends the approval.
        assert adv(node, "edit", name, *setting(title="Flaw in Edge")).json["state"] == "draft"
        assert adv(node, "publish", name, check=5).error["code"] == "D101"
        a = released(node, name)
        assert a["state"] == "final" and a["number"] == "1", a
        doc = node.cli("advisory", "preview", name, "--to", "csaf", json=False, check=0).out
        tracking = json.loads(doc)["document"]["tracking"]
        assert tracking["status"] == "final" and len(tracking["revision_history"]) == 1
        assert adv(node, "publish", name, check=5).error["code"] == "D101"

        # The next version: what changed, in words.
        fixed = json.loads(json.dumps(VULNERABILITIES))
        fixed[0]["status"]["fixed"] = ["B"]
        fixed[0]["remediations"] = [{"category": "vendor_fix", "details": "Update to 2.1.0.",
                                     "product_ids": ["A"]}]
        a = adv(node, "edit", name, *setting(
            vulnerabilities=fixed, products=PRODUCTS + [
                {"ref": "B", "vendor": "Acme", "product": "Edge Gateway", "version": "2.1.0"}]),
                "--reason", "Fix is out").json
        assert a["state"] == "updating" and a["number"] == "2", a
        diff = node.cli("advisory", "diff", name, check=0).json
        assert diff["level"] == "major" and diff["from"] == "1" and diff["to"] == "2", diff
        words = "\n".join(diff["changes"])
        assert "Edge Gateway 2.1.0 is now fixed" in words and "remediations changed" in words, diff
        assert "2.1.0 is now fixed" in node.cli("advisory", "diff", name, json=False,
                                                check=0).out
        a = released(node, name)
        assert a["state"] == "final" and a["number"] == "2"
        versions = node.http("GET", "/api/v1/advisories/%s/versions" % name, check=200).json
        assert [(v["number"], v["state"]) for v in versions["items"]] == [("1", "out"),
                                                                          ("2", "out")]
        # Each version as it was released, and the way between any two.
        first = json.loads(node.cli("advisory", "preview", name + "@1", "--to", "csaf",
                                    json=False, check=0).out)
        assert first["document"]["tracking"]["version"] == "1"
        assert node.cli("advisory", "diff", name, "--from", "1", "--to", "2",
                        check=0).json["changes"] == diff["changes"]
        assert node.cli("advisory", "diff", name, "--from", "7", check=4).error["code"] == "D005"
        page = node.http("GET", "/api/v1/advisories/" + name, headers={"Accept": "text/html"},
                         check=200)
        assert "<h1>" in page.body
        assert node.http("GET", "/api/v1/advisories/" + name, check=200).json["name"] == name
        # Without a change there is no version.
        adv(node, "edit", name, *setting(summary="A flaw behind port 80."))
        digest = adv(node, "review", name).json["digest"]
        adv(node, "approve", name, "--plan", digest, person="lead1")
        assert adv(node, "publish", name, check=5).error["code"] == "D104"
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_nothing_secret_in_a_text():
    """Embargo lint: who reported, other cases under embargo, words that contradict the label."""
    with t.make_dir(dict(CONFIG, customers=[
            {"name": "Gold", "mail": "soc@gold.example", "products": ["edge-gw"]}])) as node:
        node.start()
        other = open_case(node, "Something else")
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        node.cli("case", "do", other, "track.move", "--set", "track=cve", "--set",
                 "subject=CVE-2026-4711", "--set", "to=reserved", as_person="lead1", check=0)
        node.cli("case", "do", other, "embargo.propose", "--set", "end=" + end.isoformat(),
                 as_person="lead1", check=0)
        name = drafted(node, open_case(node))["name"]
        for text, where in (("Found by finder@lab.example.", "who reported"),
                            ("Write to soc@gold.example.", "customer"),
                            ("See %s." % other, "another case"),
                            ("Like CVE-2026-4711.", "under embargo"),
                            ("Under embargo until Friday.", "embargo"),
                            ("TLP:AMBER: for few.", "marked more strictly")):
            adv(node, "edit", name, *setting(summary=text))
            refused = adv(node, "review", name, check=(1, 2))
            assert refused.error["code"] == "D110" and where in refused.error["detail"], (text, refused)
        # Who agreed to be named may be.
        adv(node, "edit", name, *setting(summary="Found by finder@lab.example.", acknowledgments=[
            {"names": ["A. Finder"], "summary": "finder@lab.example"}]))
        assert adv(node, "review", name).json["state"] == "in_review"
        # The same of files of others, as a warning.
        path = os.path.join(node.root, "a.json")
        doc = json.loads(node.cli("advisory", "preview", name, "--to", "csaf", json=False,
                                  check=0).out)
        doc["document"]["notes"][0]["text"] = "TLP:RED, embargoed until Friday"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(doc, f)
        out = node.cli("advisory", "lint", path, json=False, check=0).out
        assert "embargo" in out and "/document/notes/0/text" in out, out


def test_semantic_versions_and_the_end():
    config = json.loads(json.dumps(CONFIG))
    config["publisher"]["versions"] = "semantic"
    with t.make_dir(config) as node:
        node.start()
        name = drafted(node, open_case(node))["name"]
        assert released(node, name)["number"] == "1.0.0"
        assert adv(node, "edit", name, *setting(summary="A flaw!")).json["number"] == "1.0.1"
        released(node, name)
        better = json.loads(json.dumps(VULNERABILITIES))
        better[0]["description"] = "The gateway writes far behind its buffer when asked to."
        assert adv(node, "edit", name, *setting(vulnerabilities=better)).json["number"] == "1.1.0"
        released(node, name, "--state", "interim")
        assert adv(node, "show", name).json["state"] == "interim"
        more = better + [dict(better[0], cve="CVE-2026-1001")]
        assert adv(node, "edit", name, *setting(vulnerabilities=more)).json["number"] == "2.0.0"
        a = released(node, name)
        assert a["number"] == "2.0.0" and a["state"] == "final"
        assert adv(node, "withdraw", name, check=(1, 2)).error["code"] == "D002"
        a = adv(node, "withdraw", name, "--reason", "It is another vendor's product.").json
        assert a["state"] == "withdrawn" and a["number"] == "2.1.0", a
        text = node.cli("advisory", "preview", name, json=False, check=0).out
        assert "WITHDRAWN: " in text and "another vendor" in text
        history = json.loads(node.cli("advisory", "preview", name, "--to", "csaf", json=False,
                                      check=0).out)["document"]["tracking"]["revision_history"]
        assert [h["number"] for h in history] == ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "2.1.0"]
        assert adv(node, "edit", name, *setting(title="x"), check=5).error["code"] == "D101"
        # One more of the case, superseded.
        other = drafted(node, open_case(node, "Another"), title="Second")["name"]
        released(node, other)
        a = adv(node, "supersede", other, "--reason", "One for all.", "--set",
                "by=https://psirt.acme.example/3").json
        assert a["state"] == "superseded"
        items = node.cli("advisory", "list", check=0).json["items"]
        assert {(i["name"], i["state"]) for i in items} == {(name, "withdrawn"),
                                                            (other, "superseded")}


def test_the_embargo_kit():
    """Drafted and approved ahead; says nothing that is secret; out by one command."""
    with t.make_dir(CONFIG) as node:
        node.start()
        case = open_case(node, "Secret heap overflow in the parser")
        kit = node.cli("advisory", "new", "--case", case, "--set", "template=holding-statement",
                       as_person="resp1", check=0).json
        text = node.cli("advisory", "preview", kit["name"], json=False, check=0).out
        assert "Edge Gateway" in text and "parser" not in text and "heap" not in text, text
        assert "finder" not in text and "TLP:CLEAR" in text
        early = node.cli("advisory", "new", "--case", case, *setting(
            template="early-mitigation", vulnerabilities=VULNERABILITIES, products=PRODUCTS,
            title="Mitigation for the gateway"), as_person="resp1", check=0).json
        assert early["name"] != kit["name"]
        for a in (kit, early):
            digest = adv(node, "review", a["name"]).json["digest"]
            adv(node, "approve", a["name"], "--plan", digest, person="lead1")
        assert adv(node, "publish", kit["name"], "--state", "interim").json["state"] == "interim"
        assert adv(node, "publish", early["name"], "--state", "interim").json["number"] == "1"
        files = node.cli("advisory", "export", early["name"], node.root, check=0).json["files"]
        assert len(files) == 8 and all(files)
        files = node.cli("advisory", "export", kit["name"], node.root, check=0).json["files"]
        assert len(files) == 5, files  # no vulnerability: nothing for CVE, OpenVEX and OSV


def test_renderings_over_http():
    with t.make_dir(CONFIG) as node:
        node.start()
        name = drafted(node, open_case(node))["name"]
        path = "/api/v1/advisories/%s/as" % name
        page = node.http("GET", path, headers={"Accept": "text/html"}, check=200)
        assert page.headers["Content-Type"].startswith("text/html") and "<h1>" in page.body
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        vex = node.http("GET", path, headers={"Accept": "application/vex+json"}, check=200)
        assert vex.json["@context"].startswith("https://openvex.dev/")
        for kind in ("csaf", "csaf-2.1", "cve", "osv"):
            assert node.http("GET", path + "?kind=" + kind, check=200).json
        assert node.http("GET", path + "?kind=pdf").status in (400, 422)
        assert node.http("GET", "/api/v1/advisories/none/as").status == 404
        put = node.http("PUT", "/api/v1/advisories/" + name, {"title": "Flaw, put"},
                        as_person="resp1", check=200).json
        assert put["title"] == "Flaw, put" and put["state"] == "draft", put
        refused = node.cli("advisory", "edit", name, "--set", "tracking=[]", as_person="resp1",
                           check=(1, 2))
        assert refused.error["code"] == "D002"
        refused = node.cli("advisory", "edit", name, *setting(products=[]), as_person="resp1",
                           check=(1, 2, 9))
        assert refused.error["code"] == "D001", refused


def test_every_state_over_http():
    """Each move of the life by POST, what may not follow each state, and the entry that says so."""
    verbs = ("review", "changes", "approve", "publish", "unschedule", "withdraw", "supersede", "resume")
    may = {"draft": {"review"}, "in_review": {"review", "changes", "approve"}, "changes_requested": {"review", "changes"},
           "approved": {"publish", "approve"}, "scheduled": {"unschedule"}, "interim": {"withdraw", "supersede"},
           "final": {"withdraw", "supersede"}, "updating": {"review"}, "withdrawn": set(),
           "superseded": set()}
    with t.make_dir(CONFIG) as node:
        node.start()
        seen = set()

        def post(name, verb, body=None, person="lead1", check=200):
            return node.http("POST", "/api/v1/advisories/%s/%s" % (name, verb), body or {}, as_person=person,
                             check=check).json

        def at(name, state):
            """It is there; no other verb but those that lead on is taken."""
            one = node.http("GET", "/api/v1/advisories/" + name, check=200).json
            assert one["state"] == state, (state, one["state"])
            for verb in verbs:
                if verb in may[state]:
                    continue
                body = {"withdraw": {"reason": "it may not"}, "supersede": {"reason": "it may not", "by": "https://acme.example/2"},
                        "changes": {"note": "it may not"}, "approve": {"digest": one["digest"]}}
                reply = node.http("POST", "/api/v1/advisories/%s/%s" % (name, verb), body.get(verb, {}),
                                  as_person="lead2")
                assert reply.status == 409 and reply.json["code"] in ("D101", "W001"), (state, verb, reply.status)
            assert node.http("GET", "/api/v1/advisories/" + name, check=200).json["state"] == state
            seen.add(state)
            return one

        def new(title):
            flaws = json.loads(json.dumps(VULNERABILITIES))
            return node.http("POST", "/api/v1/advisories", {
                "case": open_case(node, title), "title": title, "vulnerabilities": flaws, "products": PRODUCTS,
                "tlp": "CLEAR", "summary": "A flaw."}, as_person="resp1", check=200).json["name"]

        def approved(name):
            digest = post(name, "review", person="resp1")["digest"]
            return post(name, "approve", {"digest": digest})

        name = new("First flaw")
        at(name, "draft")
        post(name, "review", person="resp1")
        at(name, "in_review")
        post(name, "changes", {"note": "name the port"})
        at(name, "changes_requested")
        node.http("PUT", "/api/v1/advisories/" + name, {"summary": "A flaw behind port 80."},
                  as_person="resp1", check=200)
        approved(name)
        at(name, "approved")
        then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=9)
        post(name, "publish", {"at": then.isoformat()})
        at(name, "scheduled")
        post(name, "unschedule")
        post(name, "publish", {"status": "interim"})
        at(name, "interim")
        node.http("PUT", "/api/v1/advisories/" + name, {"summary": "A flaw behind port 443."},
                  as_person="resp1", check=200)
        at(name, "updating")
        approved(name)
        post(name, "publish")
        at(name, "final")
        post(name, "withdraw", {"reason": "It is another vendor's product."})
        at(name, "withdrawn")
        other = new("Second flaw")
        approved(other)
        post(other, "publish")
        post(other, "supersede", {"reason": "One page for all.", "by": "https://acme.example/2"})
        at(other, "superseded")
        assert seen == set(may), set(may) - seen
        kinds = {e["kind"] for e in node.cli("audit", "log", "--limit", "500",
                                             check=0).json["items"]}
        assert kinds >= {"advisory." + k for k in (
            "drafted", "in_review", "changes_requested", "edited", "approved", "scheduled", "unscheduled",
            "published", "withdrawn", "superseded")}, kinds
        node.stop()


if __name__ == "__main__":
    t.need_binary()
    t.main()
