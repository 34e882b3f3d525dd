"""A newcomer's path without a daemon: playbook new, lint, test; and that failures are shown as such."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("TOCSIN_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TOCSIN_BUILD") or os.path.join(SOURCE, "build", "release")
TOCSIN = os.path.join(BUILD, "tocsin")

BAD = """local edge = use "edge"
return playbook {
  name = "bad", on = "report.accepted",
  run = function(case)
    local deadline = os.time() + 86400
    edge.creat { x = 1 }
    approve { id = "contain", role = "contain", show = deadline }
    return case:close { resolution = "x" }
  end,
}
"""

SPEC = """describe("my", function()
  local report = { kind = "weakness", title = "A title", text = "What happened" }
  it("passes", function()
    local s = sim.start("my", { report = report })
    assert.asked(s, "triage")
  end)
  it("fails", function()
    local s = sim.start("my", { report = report })
    assert.closed(s, "never")
  end)
end)
"""


class Authors(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tocsin-authors-")
        self.addCleanup(shutil.rmtree, self.dir)

    def run_tocsin(self, *args, cwd=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
        done = subprocess.run([TOCSIN] + list(args), cwd=cwd or self.dir, env=env, capture_output=True, text=True,
                              timeout=300)
        return done.returncode, done.stdout, done.stderr

    def rows(self, *args, cwd=None):
        code, out, _ = self.run_tocsin(*args, "--json", cwd=cwd)
        rows = [json.loads(line) for line in out.splitlines()]
        return code, rows[:-1], rows[-1]

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
            f.write(text)

    def test_new_lint_test(self):
        code, _, said = self.run_tocsin("playbook", "new", "my")
        self.assertEqual(code, 0, said)
        self.assertEqual(sorted(os.listdir(self.dir)), [".luarc.json", ".tocsin", "my.lua", "my_spec.lua"])
        with open(os.path.join(self.dir, ".luarc.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["workspace.library"], [".tocsin/tocsin.lua"])
        self.assertEqual(self.run_tocsin("playbook", "lint", "my.lua", "my_spec.lua", "--strict")[0], 0)
        code, rows, end = self.rows("playbook", "test", "my.lua", "--crash-each-step")
        self.assertEqual((code, end["passed"], end["failed"]), (0, 1, 0), rows)
        self.assertEqual(rows[0]["crashes"], rows[0]["steps"])
        self.assertGreater(rows[0]["crashes"], 2)
        code, _, said = self.run_tocsin("playbook", "new", "my")
        self.assertNotEqual(code, 0, "it must not write over a file")

    def test_new_from_a_shipped_one(self):
        code, _, said = self.run_tocsin("playbook", "new", "ours", "--from", "customer-incident")
        self.assertEqual(code, 0, said)
        with open(os.path.join(self.dir, "ours.lua"), encoding="utf-8") as f:
            self.assertIn('name   = "ours"', f.read())
        self.assertTrue(os.path.exists(os.path.join(self.dir, "lib", "psirt.lua")), "what it requires comes along")
        self.assertEqual(self.run_tocsin("playbook", "lint", "ours.lua")[0], 0)
        self.assertEqual(self.run_tocsin("playbook", "new", "x", "--from", "nothing")[0], 4)
        self.assertEqual(self.run_tocsin("playbook", "new", "Not/A Name")[0], 2)

    def test_list(self):
        self.write("bad.lua", "return {\n  a = 1\n  b = 2 }")
        self.run_tocsin("playbook", "new", "good")
        code, _, end = self.rows("playbook", "list", ".")
        self.assertEqual(code, 0)
        by_file = {row["file"]: row for row in end["playbooks"]}
        self.assertFalse(by_file["bad.lua"]["ok"])
        self.assertEqual((by_file["good.lua"]["on"], by_file["good.lua"]["spec"]), ("report.accepted", True))

    def test_connectors(self):
        code, _, end = self.rows("playbook", "list", "--connectors")
        edge = end["connectors"]["edge"]
        self.assertEqual((code, edge["apply"]["undo"], edge["plan_block"]["effect"]), (0, "edge.remove", "none"))
        self.assertTrue(end["connectors"]["mail"]["send"]["irreversible"])
        self.assertIn("edge.apply", self.run_tocsin("playbook", "list", "--connectors")[1])

    def test_modules_are_linted_too(self):
        os.mkdir(os.path.join(self.dir, "lib"))
        self.write("lib/x.lua", "local t = {}\nfunction t.now() return os.time() end\nreturn t\n")
        code, rows, _ = self.rows("playbook", "lint", ".")
        self.assertEqual((code, [(r["code"], r["file"], r["line"]) for r in rows]), (9, [("L102", "./lib/x.lua", 2)]))

    def test_lint_says_where_and_what_to_write(self):
        self.write("bad.lua", BAD)
        code, out, _ = self.run_tocsin("playbook", "lint", "bad.lua")
        self.assertEqual(code, 9)
        self.assertIn("error L102", out)
        self.assertIn("bad.lua:5:22", out)
        self.assertIn("     5 |     local deadline = os.time() + 86400\n       |                      ^ use now()", out)
        code, rows, end = self.rows("playbook", "lint", "bad.lua")
        self.assertEqual([row["code"] for row in rows], ["L102", "L010", "L220"])
        self.assertEqual((code, end["errors"], end["ok"]), (9, 3, False))
        code, out, _ = self.run_tocsin("playbook", "lint", "bad.lua", "--sarif")
        sarif = json.loads(out)["runs"][0]
        self.assertEqual([r["ruleId"] for r in sarif["results"]], ["L102", "L010", "L220"])
        region = sarif["results"][1]["locations"][0]["physicalLocation"]["region"]
        self.assertEqual(region, {"startLine": 6, "startColumn": 10})
        for rule in sarif["tool"]["driver"]["rules"]:
            self.assertEqual(self.run_tocsin("explain", rule["id"])[0], 0)

    def test_lint_of_what_does_not_parse(self):
        self.write("comma.lua", 'return playbook {\n  name = "comma"\n  on = "x", run = function() end }\n')
        code, rows, _ = self.rows("playbook", "lint", "comma.lua")
        self.assertEqual((code, [(r["code"], r["line"], r["col"]) for r in rows]), (9, [("L001", 2, 17)]))
        self.assertEqual(self.run_tocsin("playbook", "lint", "gone.lua")[0], 4)

    def test_a_failing_spec(self):
        self.run_tocsin("playbook", "new", "my")
        self.write("my_spec.lua", SPEC)
        code, out, said = self.run_tocsin("playbook", "test", "my.lua", "--junit", "out.xml")
        self.assertEqual(code, 9, said)
        self.assertIn("ok  my passes", out)
        self.assertIn("not ok  my fails", out)
        self.assertIn("expected: finished", out)
        self.assertIn("my_spec.lua:9", out)
        with open(os.path.join(self.dir, "out.xml"), encoding="utf-8") as f:
            xml = f.read()
        self.assertIn('tests="2" failures="1"', xml)
        code, rows, end = self.rows("playbook", "test", "my.lua", "--filter", "passes")
        self.assertEqual((code, len(rows), end["passed"]), (0, 1, 1))

    def test_specs_that_are_wrong_themselves(self):
        self.run_tocsin("playbook", "new", "my")
        for text, code in (("describe('x', function() it('y', function() sim.start('none') end) end)", "L281"),
                           ("describe('x', function() it('y', function() fixture 'none' end) end)", "L292"),
                           ("describe('x', function() it('y', function() sleep '1s' end) end)", "L293")):
            self.write("my_spec.lua", text)
            status, rows, _ = self.rows("playbook", "test", "my.lua")
            self.assertEqual((status, rows[0]["code"]), (9, code), rows)
        for text in ("return 1", "describe('x', function() error('no') end)", "it('x', function() end)", "(("):
            self.write("my_spec.lua", text)
            status, _, end = self.rows("playbook", "test", "my.lua")
            self.assertEqual((status, end["broken"]), (9, 1), text)

    def test_a_crash_that_changes_something_is_found(self):
        """An effect that must not be repeated, and one whose answers differ between lives."""
        self.run_tocsin("playbook", "new", "my")
        self.write("my_spec.lua", """
local lives = 0
describe("my", function()
  it("asks differently in its second life", function()
    lives = lives + 1
    local s = sim.start("my", { report = { kind = "weakness", title = "t", text = "x" } })
    s:answer("triage", { severity = lives == 1 and "high" or "low", reason = "seen" }, lives == 1 and "resp1" or "resp2")
  end)
end)
""")
        code, rows, _ = self.rows("playbook", "test", "my.lua", "--crash-each-step")
        self.assertEqual((code, rows[0]["ok"], rows[0]["crashing"]), (9, False, True))
        self.assertIn("history differs", rows[0]["message"])

    def test_every_life_begins_at_the_same_time(self):
        """What one test has let pass is not on the clock of the next one, nor of its own second life."""
        self.run_tocsin("playbook", "new", "my")
        self.write("my_spec.lua", """
local first
describe("my", function()
  local function life()
    local s = sim.start("my", { report = { kind = "weakness", title = "t", text = "x" } })
    local at = timestamp(now())
    first = first or at
    assert.same(first, at)
    s:advance "2d"
    assert.same(timestamp(sim.now()), timestamp(now()))
  end
  it("lets two days pass", life)
  it("lets two more pass", life)
end)
""")
        code, rows, _ = self.rows("playbook", "test", "my.lua", "--crash-each-step")
        self.assertEqual((code, [r["ok"] for r in rows]), (0, [True, True]), rows)

    def test_each_shipped_playbook_has_a_spec(self):
        """ctest plays them, with a crash behind each step, as playbooks/NAME (tests/CMakeLists.txt)."""
        names = {n[:-4] for n in os.listdir(os.path.join(SOURCE, "playbooks")) if n.endswith(".lua")}
        specs = {n[:-5] for n in names if n.endswith("_spec")}
        self.assertEqual({n for n in names if not n.endswith("_spec")}, specs)
        self.assertGreaterEqual(len(specs), 15)

    def test_shipped_playbooks_pass_lint(self):
        code, out, said = self.run_tocsin("playbook", "lint", os.path.join(SOURCE, "playbooks"), "--strict")
        self.assertEqual(code, 0, out + said)


if __name__ == "__main__":
    unittest.main()
