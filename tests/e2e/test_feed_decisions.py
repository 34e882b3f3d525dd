"""What a difference in our matches leads to: rules, quiet periods, digests, budgets, storms, first loads,
trust; one upstream event under several names is one case; VEX takes matches away across documents; a
person's word holds; `explain` says the stage, `feed replay` what another rule would have done."""
import json

import test_feed_sources as sources
import test_inventory as inventory
import tocsin_test as t

t.need_binary()

LODASH, LEFT = inventory.LODASH, "pkg:npm/left-pad@1.0.0"
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
LOW = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"


def osv(ident, cve, name="lodash", fixed="4.17.21", vector=HIGH, modified="2026-01-01T00:00:00Z",
        aliases=None):
    r = inventory.osv(ident, name, cve, fixed, modified=modified)
    r["severity"] = [{"type": "CVSS_V3", "score": vector}]
    r["aliases"] = aliases if aliases is not None else [cve]
    return r


def make(decisions=None, feeds=None, exposure="isolated", rules=None):
    products = [{"id": "gw", "name": "Gateway", "owner": "resp1", "exposure": exposure,
                 "releases": [{"version": "5.2.1", "sbom": "gw.json"}]},
                {"id": "named", "name": "Named", "owner": "resp2",
                 "components": [{"vendor": "Vendor", "product": "libfoo"}]}]
    node = sources.node_with(*(feeds or [{"name": "osv", "kind": "osv",
                                          "url": sources.BASE + "/npm/"}]), products=products)
    node.config["decisions"] = decisions or {}
    if rules:
        node.config["rules"] += rules
    node.write_config()
    inventory.write(node, "gw.json", inventory.sbom(LODASH, LEFT))
    return node


def serve(*records, **more):
    inventory.serve(*records, **more)


def decisions(node, **want):
    items = node.cli("decision", "list", "--limit", "1000", "--json", check=0).json["items"]
    return [d for d in items if all(d[k] == v for k, v in want.items())]


def runs(node):
    return node.http("GET", "/api/v1/runs?limit=1000", check=200).json["items"]


def cases(node):
    return node.http("GET", "/api/v1/cases?limit=1000", check=200).json["items"]


def entries(node, kind):
    r = node.cli("audit", "log", "--limit", "1000", "--json", check=0).json
    return [e for e in r["items"] if e["kind"] == kind]


def stage(node, vuln, product="gw"):
    return node.cli("explain", vuln, product, "--json", check=0).json


def test_rules_first_that_fits():
    rules = [{"name": "small", "when": {"score": "< 4"}, "verdict": "ignore",
              "reason": "too small"},
             {"name": "padding", "when": {"cves": ["CVE-2026-3", "CVE-2026-9"], "products": "gw"},
              "verdict": "hold", "reason": "looked at by hand"},
             {"name": "rest", "when": {"certainty": "certain", "severity": ">= high"},
              "verdict": "run"}]
    serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2", vector=LOW),
          osv("GHSA-3", "CVE-2026-3"))
    with make({"rules": rules}) as node:
        sources.start(node)
        r = sources.poll(node, "osv")
        assert (r["new"], r["matches"], r["runs"]) == (3, 3, 1), (r, node.log_text()[-2000:])
        got = {d["advisory"]: (d["state"], d["verdict"], d["rule"], d["reason"])
               for d in decisions(node)}
        assert got == {"GHSA-1": ("done", "run", "rest", None),
                       "GHSA-2": ("done", "ignore", "small", "too small"),
                       "GHSA-3": ("held", "hold", "padding", "looked at by hand")}, got
        e = stage(node, "CVE-2026-2")
        assert e["stage"] == "ignore" and "too small" in e["why"] and "small" in e["why"], e
        e = stage(node, "CVE-2026-3")
        assert e["stage"] == "held" and "looked at by hand" in e["why"], e
        assert stage(node, "CVE-2026-1")["stage"] == "run"
        # A person lets it go on; nobody decides it twice.
        held = decisions(node, advisory="GHSA-3")[0]["id"]
        d = node.cli("decision", "show", held, "--json", check=0).json
        assert d["input"]["inputs"]["products"] == ["gw"] and len(d["digest"]) == 64, d
        r = node.cli("decision", "run", held, "--as", "resp1", "--reason", "seen", "--json",
                     check=0).json
        assert r["verdict"] == "run" and r["case"], r
        assert "F141" in node.cli("decision", "drop", held, "--as", "resp1").err
        assert "F140" in node.cli("decision", "run", "01AAAAAAAAAAAAAAAAAAAAAAAA", "--as",
                                  "resp1").err
        assert len(runs(node)) == len(cases(node)) == 2
        # What the rules of today would say of it all.
        r = node.cli("feed", "replay", "osv", "--dry-run", "--json", check=0).json
        assert r["would"] == {"run": 1, "ignore": 1, "hold": 1}, r
        assert node.cli("feed", "replay", "osv", "--dry-run", "--since", "2099-01-01T00:00:00Z",
                        "--json", check=0).json["items"] == []
        assert node.cli("feed", "replay", "osv").code == 2
        assert node.stop(60) == 0
        # Another rule: the replay shows what it would have done, and changes nothing.
        node.config["decisions"]["rules"] = [{"name": "none", "verdict": "ignore"}]
        node.write_config()
        node.start()
        r = node.cli("feed", "replay", "osv", "--dry-run", "--json", check=0).json
        assert r["would"] == {"ignore": 3}, r
        assert "GHSA-2" in node.cli("feed", "replay", "osv", "--dry-run", check=0).out
        assert len(runs(node)) == 2
        said = [e["reason"] for e in entries(node, "feed.decision")]
        assert sorted(said) == ["hold", "ignore", "run", "run"], said
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_bad_rules_are_named():
    for bad, words in (({"rules": [{"name": "x", "when": {"colour": "red"}, "verdict": "run"}]},
                        "no input `colour`"),
                       ({"rules": [{"name": "x", "verdict": "maybe"}]}, "verdict"),
                       ({"priority": "mine"}, "priority"), ({"quiet": "soon"}, "quiet"),
                       ({"budget": {"per_hour": 3}}, "burst")):
        with make(bad) as node:
            r = node.cli("config", "check")
            assert r.code != 0 and words in r.err + r.out, (bad, r.err)


def test_slow_down():
    """A quiet period collects revisions; the urgent band waits for nothing; budgets let go on later."""
    first = osv("GHSA-1", "CVE-2026-1", vector=LOW)
    serve(first)
    with make({"quiet": "2s", "quiet_max": "10s"}) as node:
        sources.start(node)
        r = sources.poll(node, "osv")
        assert (r["matches"], r["runs"]) == (1, 0), r
        assert stage(node, "CVE-2026-1")["stage"] == "waiting"
        again = osv("GHSA-1", "CVE-2026-1", vector=LOW, fixed="4.17.22",
                    modified="2026-01-02T00:00:00Z")
        serve(again)
        assert sources.poll(node, "osv")["changed"] == 1
        t.wait_for(lambda: runs(node), timeout=30, node=node)
        assert len(decisions(node)) == len(runs(node)) == 1  # both revisions are one decision
        serve(again, osv("GHSA-2", "CVE-2026-2"), kev=["CVE-2026-2"])
        node.stop(60)
        node.config["feeds"].append({"name": "kev", "kind": "kev", "every": "30d",
                                     "reach": ["127.0.0.1"], "url": sources.BASE + "/kev.json"})
        node.config["products"][0]["exposure"] = "internet"
        node.write_config()
        node.start()
        sources.poll(node, "kev")
        sources.poll(node, "osv")
        t.wait_for(lambda: decisions(node, advisory="GHSA-2", verdict="run"), timeout=30, node=node)
        d = decisions(node, advisory="GHSA-2")[0]
        assert d["urgent"] and "urgent" in d["reason"], d
        assert d["decided_at"] < d["created_at"][:-5] + "9.999Z", d
        assert node.stop(60) == 0
    many = [osv("GHSA-%d" % i, "CVE-2026-%d" % i, vector=LOW) for i in range(1, 6)]
    serve(*many)
    with make({"budget": {"burst": 2, "per_hour": 3600}}) as node:
        sources.start(node)
        r = sources.poll(node, "osv")
        assert r["matches"] == 5 and 2 <= r["runs"] < 5, r
        # One a second comes back; nobody has to ask.
        t.wait_for(lambda: len(runs(node)) == 5, timeout=60, node=node)
        assert len(decisions(node, verdict="run", state="done")) == 5
        assert node.stop(60) == 0
    with make({"budget": {"burst": 2, "per_hour": 1}}) as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 2
        held = decisions(node, state="held", reason="budget")
        assert len(held) == 3 and all(d["due_at"] for d in held), held
        assert stage(node, held[0]["advisory"].replace("GHSA-", "CVE-2026-"))["stage"] == "held"
        # Killed and started again: the budget is not new.
        node.kill9()
        node.start()
        assert len(runs(node)) == 2
        node.cli("decision", "drop", held[0]["id"], "--as", "resp1", check=0)
        assert len(decisions(node, state="held")) == 2
        assert node.stop(60) == 0


def test_storm():
    many = [osv("GHSA-%d" % i, "CVE-2026-%d" % i, vector=LOW) for i in range(1, 13)]
    urgent = osv("GHSA-99", "CVE-2026-99")
    serve(*many)
    with make({"storm": {"per_hour": 5}}, exposure="internet") as node:
        sources.start(node)
        r = sources.poll(node, "osv")
        assert r["matches"] == 12 and r["runs"] <= 5, r
        s, held = node.cli("feed", "show", "osv", "--json", check=0).json, 12 - r["runs"]
        assert s["storm"] and s["decisions"]["held"] == held, s
        # What is urgent goes on in a storm.
        serve(*(many + [urgent]))
        assert sources.poll(node, "osv")["runs"] == 1
        before = len(runs(node))
        assert "F143" in node.cli("feed", "release", "osv", "never").err
        r = node.cli("feed", "release", "osv", "sample", "2", "--reason", "a rewrite", "--json",
                     check=0).json
        assert (r["released"], r["dropped"]) == (2, held - 2), r
        t.wait_for(lambda: len(runs(node)) == before + 2, timeout=30, node=node)
        s = node.cli("feed", "show", "osv", "--json", check=0).json
        assert not s["storm"] and s["decisions"] == {"open": 0, "held": 0, "done": 13}, s
        assert len(decisions(node, verdict="drop")) == held - 2
        assert len(entries(node, "feed.storm")) == 1
        assert [e["reason"] for e in entries(node, "feed.desk")] == ["release"]
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_digest():
    many = [osv("GHSA-%d" % i, "CVE-2026-%d" % i, vector=LOW) for i in range(1, 5)]
    serve(*many)
    rule = [{"name": "daily", "when": {"score": "< 4"}, "verdict": "digest"}]
    with make({"rules": rule, "digest": "3s"},
              rules=[{"on": "advisory.digest", "run": "upstream-advisory"}]) as node:
        sources.start(node)
        sources.poll(node, "osv")
        t.wait_for(lambda: len(decisions(node, state="done", verdict="run")) == 4, timeout=60,
                   node=node)
        got = cases(node)
        # The slot may have ended between two of them.
        assert 1 <= len(got) <= 2 and all("advisories about gw" in c["title"] for c in got), got
        assert len(runs(node)) == len(got)
        m = node.cli("match", "list", "--json", check=0).json["items"]
        assert len(m) == 4 and {x["case"] for x in m} == {c["name"] for c in got}, m
        assert node.stop(60) == 0


def test_first_load_and_trust():
    serve(osv("GHSA-1", "CVE-2026-1"))
    feeds = [{"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/", "bootstrap": "silent"}]
    with make(feeds=feeds) as node:
        # Its own first poll is the first load.
        node.start()
        t.wait_for(lambda: node.cli("feed", "list", "--json", check=0).json["items"][0]["state"]
                   == "good", timeout=30, node=node)
        assert [(d["verdict"], d["state"]) for d in decisions(node)] == [("baseline", "done")]
        assert runs(node) == [] and stage(node, "CVE-2026-1")["stage"] == "baseline"
        serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2"))
        assert sources.poll(node, "osv")["runs"] == 1
        # A word of less weight raises a question and starts nothing.
        r = node.cli("feed", "trust", "osv", "hint", "--reason", "a blog", "--json", check=0).json
        assert r["trust"] == "hint", r
        assert "F143" in node.cli("feed", "trust", "osv", "much").err
        serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2"), osv("GHSA-3", "CVE-2026-3"))
        assert sources.poll(node, "osv")["runs"] == 0
        assert stage(node, "CVE-2026-3")["stage"] == "guess"
        # Paused, it is not polled by itself; the pause and the trust outlive the process.
        node.cli("feed", "pause", "osv", "--reason", "quiet, please", check=0)
        assert node.stop(60) == 0
        node.start()
        t.wait_for(lambda: node.cli("feed", "list", "--json", check=0).json["items"][0]["state"]
                   == "paused", timeout=30, node=node)
        f = node.cli("feed", "list", "--json", check=0).json["items"][0]
        assert f["trust"] == "hint", f
        node.cli("feed", "resume", "osv", check=0)
        assert "F011" in node.cli("feed", "pause", "nobody").err
        # One more, added to the running node, with its own life.
        sources.Site.files["/more/modified_id.csv"] = "2026-01-01T00:00:00Z,GHSA-7\n"
        sources.Site.files["/more/GHSA-7.json"] = osv("GHSA-7", "CVE-2026-7")
        add = ["feed", "add", "more", "osv", sources.BASE + "/more/", "every=1d",
               "reach=127.0.0.1"]
        assert "F143" in node.cli(*(add + ["colour=red"])).err
        assert "F010" in node.cli("feed", "add", "more", "osv", "https://a.example/x").err
        node.cli(*add, check=0)
        assert "F142" in node.cli(*add).err
        t.wait_for(lambda: [d for d in decisions(node, advisory="GHSA-7", verdict="run")],
                   timeout=30, node=node)
        assert node.stop(60) == 0
        node.start()
        t.wait_for(lambda: len(node.cli("feed", "list", "--json", check=0).json["items"]) == 2,
                   timeout=30, node=node)
        node.cli("feed", "remove", "more", check=0)
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_one_event_under_several_names():
    serve(osv("GHSA-1", "CVE-2026-1", aliases=["CVE-2026-1"]))
    with make() as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 1
        # The same vulnerability by another database, through an alias of an alias.
        serve(osv("GHSA-1", "CVE-2026-1", aliases=["CVE-2026-1"]),
              osv("SNYK-5", None, aliases=["GHSA-1"]), osv("GHSA-2", "CVE-2026-2"))
        r = sources.poll(node, "osv")
        assert (r["new"], r["matches"], r["runs"]) == (2, 2, 1), r
        m = {x["advisory"]: x["case"] for x in
             node.cli("match", "list", "--json", check=0).json["items"]}
        assert m["GHSA-1"] == m["SNYK-5"] != m["GHSA-2"], m
        assert len(cases(node)) == len(runs(node)) == 2
        assert [d["verdict"] for d in decisions(node, advisory="SNYK-5")] == ["told"]
        tl = json.dumps(node.http("GET", "/api/v1/cases/%s/timeline" % m["GHSA-1"],
                                  check=200).json)
        assert "SNYK-5 is about the same vulnerability" in tl, tl[-2000:]
        # A later revision under either name reaches the run at work.
        serve(osv("SNYK-5", None, aliases=["GHSA-1"], fixed="4.17.30",
                  modified="2026-01-05T00:00:00Z"))
        r = sources.poll(node, "osv")
        assert (r["changed"], r["runs"]) == (1, 0), r
        assert len(entries(node, "signal.received")) == 2
        assert node.stop(60) == 0


def test_an_alias_that_comes_late():
    serve(osv("GHSA-1", None, aliases=[]), osv("PYSEC-1", None, aliases=["CVE-2026-1"]))
    with make() as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 2
        assert len(cases(node)) == 2
        # Only now the database says that both are one: no third run, both cases are told, once.
        for day in (2, 3):
            serve(osv("GHSA-1", None, aliases=["CVE-2026-1"], modified="2026-01-0%dT00:00:00Z" % day,
                      fixed="4.17.2%d" % day),
                  osv("PYSEC-1", None, aliases=["CVE-2026-1"]))
            r = sources.poll(node, "osv")
            assert (r["changed"], r["runs"]) == (1, 0), r
        assert len(cases(node)) == len(runs(node)) == 2
        said = [e["reason"] for e in entries(node, "signal.received")]
        assert sorted(said) == ["advisory.changed", "advisory.changed", "case.same"], said
        assert node.stop(60) == 0


def vex(ident, cve, status="not_affected", version="1", justification="vulnerable_code_not_present"):
    """CSAF VEX about lodash by purl."""
    vuln = {"cve": cve, "product_status": {
        {"not_affected": "known_not_affected", "affected": "known_affected"}[status]: ["P"]}}
    if status == "not_affected":
        vuln["flags"] = [{"label": justification, "product_ids": ["P"]}]
    return json.dumps({
        "document": {"category": "csaf_vex", "csaf_version": "2.0", "title": ident,
                     "publisher": {"category": "vendor", "name": "Lodash",
                                   "namespace": "https://lodash.example"},
                     "tracking": {"id": ident, "version": version, "status": "final",
                                  "initial_release_date": "2026-01-01T00:00:00Z",
                                  "current_release_date": "2026-01-01T00:00:00Z",
                                  "revision_history": []}},
        "product_tree": {"branches": [{"category": "vendor", "name": "Lodash", "branches": [
            {"category": "product_name", "name": "lodash", "branches": [
                {"category": "product_version", "name": "4.17.20", "product": {
                    "name": "lodash 4.17.20", "product_id": "P",
                    "product_identification_helper": {"purl": LODASH}}}]}]}]},
        "vulnerabilities": [vuln]})


def test_vex_across_documents():
    csaf = {"name": "vex", "kind": "csaf", "url": sources.BASE + "/vex/",
            "speaks_for": ["https://lodash.example"]}
    other = dict(csaf, trust="coordinator")
    plain = {"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/"}

    def tree(version, text=None):
        files = {"/vex/changes.csv": "v.json,2026-01-0%sT00:00:00Z\n" % version,
                 "/vex/v.json": text or vex("LV-1", "CVE-2026-1", version=version)}
        sources.Site.files.update(files)

    # After the match: it closes with the publisher's words, the case hears of it; and back again.
    serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2"))
    with make(feeds=[plain, csaf]) as node:
        sources.start(node)
        assert sources.poll(node, "osv")["runs"] == 2
        tree("1")
        r = sources.poll(node, "vex")
        assert (r["new"], r["quarantined"]) == (1, 0), (r, node.log_text()[-2000:])
        e = stage(node, "CVE-2026-1")
        assert e["stage"] == "closed" and "Lodash says not_affected" in e["why"], e
        assert "vulnerable_code_not_present" in e["why"], e
        assert stage(node, "CVE-2026-2")["stage"] == "run"
        signals = [e["reason"] for e in entries(node, "signal.received")]
        assert signals == ["advisory.changed"], signals
        tree("2", vex("LV-1", "CVE-2026-1", status="affected", version="2"))
        sources.poll(node, "vex")
        assert stage(node, "CVE-2026-1")["stage"] == "run"
        assert len(cases(node)) == 2
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)
    # Before it: nothing starts. And from somebody who may not: it takes nothing away.
    for feed, want in ((csaf, 0), (other, 1)):
        sources.Site.files = {}
        with make(feeds=[plain, feed]) as node:
            sources.start(node)
            tree("1")
            sources.poll(node, "vex")
            files = dict(sources.Site.files)
            serve(osv("GHSA-1", "CVE-2026-1"))
            sources.Site.files.update({k: v for k, v in files.items() if "/vex/" in k})
            r = sources.poll(node, "osv")
            assert r["runs"] == want, (feed, r)
            assert len(node.cli("match", "list", "--json", check=0).json["items"]) == want
            assert node.stop(60) == 0


def test_a_persons_word():
    csaf = {"name": "v", "kind": "csaf", "url": sources.BASE + "/d/"}

    def tree(stamp, **docs):
        sources.Site.files = {"/d/%s.json" % k: v for k, v in docs.items()}
        sources.Site.files["/d/changes.csv"] = "".join(
            "%s.json,2026-01-0%dT00:00:00Z\n" % (k, stamp) for k in docs)

    with make(feeds=[csaf]) as node:
        sources.start(node)
        tree(1, a=sources.csaf("EX-1", vendor="Someone"), b=sources.csaf("EX-2", vendor="Stranger"))
        r = sources.poll(node, "v")
        assert (r["matches"], r["runs"]) == (2, 0), r
        m = {x["advisory"]: x for x in node.cli("match", "list", "--json", check=0).json["items"]}
        assert {x["certainty"] for x in m.values()} == {"guess"}, m
        node.cli("match", "decide", m["EX-2"]["id"], "not_affected", "--as", "resp1", "--reason",
                 "their libfoo is another", check=0)
        node.cli("match", "decide", m["EX-1"]["id"], "affected", "--all", "--as", "resp1",
                 "--reason", "it is ours under their name", check=0)
        t.wait_for(lambda: len(runs(node)) == 1, timeout=30, node=node)
        assert "F144" in node.cli("match", "decide", "01AAAAAAAAAAAAAAAAAAAAAAAA", "fixed", "--as",
                                  "resp1", "--reason", "none").err
        e = stage(node, "CVE-2026-1", "named")
        assert e["stage"] == "run", e
        # Both words hold for later revisions, the first for other documents with this name too.
        tree(2, a=sources.csaf("EX-1", "2", vendor="Someone"),
             b=sources.csaf("EX-2", "2", product="libfoo", vendor="Stranger"),
             c=sources.csaf("EX-3", vendor="Someone").replace("CVE-2026-1", "CVE-2026-33"))
        r = sources.poll(node, "v")
        m = {x["advisory"]: x for x in node.cli("match", "list", "--json", check=0).json["items"]}
        assert m["EX-2"]["state"] == "closed" and "their libfoo is another" in m["EX-2"]["reason"], m
        assert (m["EX-1"]["certainty"], m["EX-3"]["certainty"]) == ("certain", "likely"), m
        assert r["runs"] == 1 and len(cases(node)) == 2, r
        assert {e["reason"] for e in entries(node, "feed.mapping")} == {"affected", "not_affected"}
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_priority_by_ssvc():
    serve(osv("GHSA-1", "CVE-2026-1"), kev=["CVE-2026-1"])
    feeds = [{"name": "osv", "kind": "osv", "url": sources.BASE + "/npm/"},
             {"name": "kev", "kind": "kev", "url": sources.BASE + "/kev.json"}]
    with make({"priority": "deployer"}, feeds=feeds, exposure="internet") as node:
        sources.start(node)
        sources.poll(node, "kev")
        sources.poll(node, "osv")
        m = node.cli("match", "list", "--json", check=0).json["items"][0]
        p = m["priority"]
        assert p["table"] == "Deployer Patch Application Priority", p
        assert p["band"] == m["band"] == "immediate", p
        points = {x["point"]: x["value"] for x in p["ssvc"]["points"]}
        assert points["exploitation"] == "active" and points["system-exposure"] == "open", p
        assert p["ssvc"]["missing"] == ["human-impact"], p
        assert decisions(node)[0]["urgent"]
        assert node.stop(60) == 0


if __name__ == "__main__":
    t.main()
