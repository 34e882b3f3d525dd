"""Rules with a predicate in Lua: pure functions of what a decision is made from, in a worker that has nothing.
What fails holds the decision for a person, what may not wait goes on; the same file answers a replay."""
import hashlib
import os

import test_feed_sources as sources
import tocsin_test as t
from test_feed_decisions import LOW, decisions, make, osv, runs, serve

t.need_binary()

LUA = """
local function all_of(list, f)
  for _, one in ipairs(list) do
    if not f(one) then return false end
  end
  return #list > 0
end

return {
  ours_and_small = function(a)
    a.feed = "changed"        -- a copy: nobody else sees it
    return a.score ~= nil and a.score < 4 and all_of(a.products, function(p) return p == "gw" end)
  end,
  same_feed = function(a) return a.feed == "osv" and a.cves[1] == "CVE-2026-3" end,
  broken = function(a) return a.cves[1] == "CVE-2026-4" and a.nothing.here end,
  endless = function(a)
    if a.cves[1] ~= "CVE-2026-5" then return false end
    while true do end
  end,
  chatty = function() return "yes" end,
}
"""

RULES = [{"name": "small", "lua": "ours_and_small", "when": {"certainty": "certain"}, "verdict": "ignore"},
         {"name": "third", "lua": "same_feed", "verdict": "hold", "reason": "looked at by hand"},
         {"name": "bad", "lua": "broken", "verdict": "ignore"},
         {"name": "loop", "when": {"cves": "CVE-2026-5"}, "lua": "endless", "verdict": "ignore"},
         {"name": "rest", "verdict": "run"}]


def with_lua(rules, text=LUA, **more):
    node = make(dict({"lua": "rules.lua", "rules": rules}, **more))
    with open(os.path.join(node.root, "rules.lua"), "w", encoding="utf-8") as f:
        f.write(text)
    return node


def test_predicates_decide():
    serve(osv("GHSA-1", "CVE-2026-1"), osv("GHSA-2", "CVE-2026-2", vector=LOW), osv("GHSA-3", "CVE-2026-3"),
          osv("GHSA-4", "CVE-2026-4"), osv("GHSA-5", "CVE-2026-5"))
    with with_lua(RULES) as node:
        assert "4 rules ask rules.lua" in node.cli("config", "check", check=0).out
        sources.start(node)
        sources.poll(node, "osv")
        t.wait_for(lambda: len([d for d in decisions(node) if d["state"] != "open"]) == 5, timeout=90, node=node)
        got = {d["advisory"]: (d["state"], d["verdict"], d["rule"]) for d in decisions(node)}
        assert got == {"GHSA-1": ("done", "run", "rest"), "GHSA-2": ("done", "ignore", "small"),
                       "GHSA-3": ("held", "hold", "third"), "GHSA-4": ("held", "hold", "bad"),
                       "GHSA-5": ("held", "hold", got["GHSA-5"][2])}, got
        why = {d["advisory"]: d["reason"] for d in decisions(node)}
        assert "its Lua failed" in why["GHSA-4"] and "nothing" in why["GHSA-4"], why
        assert "its Lua failed" in why["GHSA-5"], why
        assert len(runs(node)) == 1
        # The decision keeps what was answered, and by which file.
        d = node.cli("decision", "show", decisions(node, advisory="GHSA-2")[0]["id"], "--json", check=0).json
        assert d["lua"]["sha256"] == hashlib.sha256(LUA.encode()).hexdigest(), d["lua"]
        assert d["lua"]["answers"]["ours_and_small"] is True and d["input"]["inputs"]["feed"] == "osv", d
        # Today's rules on stored inputs, asked again: the same answers.
        r = node.cli("feed", "replay", "osv", "--dry-run", "--json", check=0, timeout=90).json
        would = {i["advisory"]: (i["would"]["verdict"], i["would"].get("rule")) for i in r["items"]}
        assert would["GHSA-2"] == ("ignore", "small") and would["GHSA-1"] == ("run", "rest"), would
        assert would["GHSA-4"] == ("hold", "bad"), would
        assert node.stop(60) == 0
        # Another file: the replay shows what it would do, and changes nothing.
        with open(os.path.join(node.root, "rules.lua"), "w", encoding="utf-8") as f:
            f.write("local no = function() return false end\n"
                    "return { ours_and_small = no, same_feed = no, broken = no, endless = no }\n")
        node.start()
        r = node.cli("feed", "replay", "osv", "--dry-run", "--json", check=0, timeout=60).json
        assert r["would"] == {"run": 5}, r
        assert len(runs(node)) == 1
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


def test_what_cannot_wait_goes_on():
    serve(osv("GHSA-4", "CVE-2026-4"))
    with with_lua(RULES[2:3]) as node:
        node.config["products"][0]["exposure"] = "internet"
        node.config["feeds"].append({"name": "kev", "kind": "kev", "url": sources.BASE + "/kev.json", "every": "30d",
                                     "reach": ["127.0.0.1"]})
        node.write_config()
        sources.Site.files["/kev.json"] = {"title": "KEV", "catalogVersion": "1", "vulnerabilities": [
            {"cveID": "CVE-2026-4", "dateAdded": "2026-01-01", "knownRansomwareCampaignUse": "Unknown"}]}
        sources.start(node)
        sources.poll(node, "kev")
        sources.poll(node, "osv")
        t.wait_for(lambda: decisions(node, state="done"), timeout=60, node=node)
        d = decisions(node)[0]
        assert (d["verdict"], d["urgent"]) == ("run", True) and len(runs(node)) == 1, d
        assert node.stop(60) == 0


def test_config_check_loads_it():
    for text, words in ((LUA, None), ("return {", "L209"), ("return { same_feed = 7 }", "L310"),
                        ("return { other = function() end }", "no function `same_feed`"),
                        ("return io.open('/etc/passwd')", "io")):
        with with_lua(RULES[1:2], text) as node:
            r = node.cli("config", "check")
            assert (r.code == 0) == (words is None), (text, r.out, r.err)
            assert words in (None, "L209", "L310") or words in r.out, (words, r.out)
    with make({"rules": [{"name": "x", "lua": "f", "verdict": "run"}]}) as node:
        assert "no `lua:` file" in node.cli("config", "check").err
    with make({"lua": "not-there.lua", "rules": []}) as node:
        assert "not-there.lua" in node.cli("config", "check").err


if __name__ == "__main__":
    t.main()
