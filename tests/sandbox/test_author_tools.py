"""The author's tools in the worker: the file for language servers says exactly what the sandbox lets a
playbook reach, and lint finds each seeded mistake at its line and column and nothing in good files."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from worker_driver import SOURCE, Worker

CONNECTORS = {
    "mail": {"send": {"undo": ""}},
    "edge": {"apply": {"undo": "edge.remove"}, "plan_block": {"undo": ""}, "remove": {"undo": ""}},
    "site": {"publish": {"undo": "", "irreversible": True}},
}
HEAD = 'local edge, mail = use "edge", use "mail"\nreturn playbook { name = "t", on = "x",\n' \
    'roles = { triage = "responder" },\nrun = function(case, ev)\nlog(edge, mail, ev)\n'
TAIL = '\nreturn case:close { resolution = "done" }\nend }\n'
BODY = HEAD.count("\n") + 1  # the line a body begins on

# code, severity, the body with ^ before what is wrong, words of message or hint
SEEDS = [
    ("L101", "error", "^lgo('x')", "log"),
    ("L101", "error", "log(^cas.title)", "case"),
    ("L102", "error", "log(^os.time())", "now()"),
    ("L102", "error", "^print('x')", "log()"),
    ("L102", "error", "log(math.^random(3))", "random()"),
    ("L102", "error", "log(string.^dmp('x'))", "string"),
    ("L102", "error", "^io.write('x')", "no files"),
    ("L103", "error", "^count = 1", "local count"),
    ("L103", "error", "function ^helper() end", "local"),
    ("L010", "error", "edge.^aply { rules = {}, undo = edge.remove }", "apply"),
    ("L010", "error", "case:^cloze { resolution = 'x' }", "close"),
    ("L010", "error", "clock('x'):^begin { due = '1d' }", "start"),
    ("L011", "error", "local j = use ^'jira' log(j)", "edge"),
    ("L242", "error", "edge:^plan_block { indicators = {} }", "edge.plan_block"),
    ("L241", "error", "case.^set { severity = 'high' }", "case:set"),
    ("L240", "error", "^case.severity = 'high'", "case:set"),
    ("L240", "error", "^case.report.title = 'x'", "report:update"),
    ("L012", "error", "ask { id = 'a', role = 'triage', ^tittle = 'x' }", "title"),
    ("L012", "error", "^ask { id = 'a', title = 'x' }", "role"),
    ("L012", "error", "^ask 'a'", "one table"),
    ("L012", "error", "ask { id = 'a', role = 'triage', title = ^12 }", "text"),
    ("L012", "error", "ask { ^'a', id = 'a', role = 'triage' }", "named"),
    ("L012", "error", "ask { id = ^'', role = 'triage' }", "empty"),
    ("L012", "error", "^case:close {}", "resolution"),
    ("L012", "error", "local ok = approve { id = 'a', role = 'triage', show = ev, quorum = ^0 } log(ok)", "1 to 20"),
    ("L012", "error", "local ok = approve { id = 'a', role = 'triage', show = ev, on_timeout = ^'approve' } log(ok)",
     "never a yes"),
    ("L013", "error", "ask { id = 'a', role = 'triage', fields = { x = text { ^requird = true } } }", "required"),
    ("L201", "error", "sleep ^'30'", "unit"),
    ("L201", "error", "sleep ^'3 hours'", "duration"),
    ("L201", "error", "local ok = approve { id = 'a', role = 'triage', show = ev, within = ^24 } log(ok)", "24h"),
    ("L201", "error", "clock('x'):start { due = ^'24' }", "hours"),
    ("L201", "error", "ask { id = 'a', role = 'triage', escalate = { after = ^'8', to = 'x' } }", "unit"),
    ("L202", "warning", "ask { id = 'a', role = ^'triaje' }", "triage"),
    ("L203", "info", "for _, v in ^pairs(ev) do mail.send { to = v } end", "sorted"),
    ("L204", "warning", "ask { id = 'a', role = 'triage' }\nask { id = ^'a', role = 'triage' }", "twice"),
    ("L205", "warning", "for _, p in ipairs(ev.list) do log(p) ask { id = ^'a', role = 'triage' } end", "differ"),
    ("L206", "error", "^while true do log('x') end", "never ends"),
    ("L207", "warning", "local ok = approve ^{ id = 'a', role = 'triage' } log(ok)", "shown"),
    ("L208", "warning", "^pcall(function() mail.send { to = 'x' } end)", "fails"),
    ("L104", "error", "table.sort(ev.list, function(a, b) return ^edge.plan_block { x = a } < b end)", "wait"),
    ("L104", "error", "local s = ('x'):gsub('.', function(c) ^ask { id = c, role = 'triage' } end) log(s)", "wait"),
    ("L104", "error", "local function f(a) ^sleep '1s' return a end\ntable.sort(ev.list, f)", "wait"),
    ("L212", "warning", "^wait { event = 'x' }", "within"),
    ("L213", "warning", "local e = ^wait { event = 'x', within = '1d' } log(e.id)", "nil"),
    ("L215", "warning", "log(case.report.^contact.mail)", "anonymous"),
    ("L217", "info", "^edge.apply { rules = {} }", "edge.remove"),
    ("L227", "warning", "local site = use 'site' ^site.publish {}", "approve"),
    ("L220", "error", "^approve { id = 'a', role = 'triage', show = ev }", "if ok"),
    ("L220", "error", "local ^_, d = approve { id = 'a', role = 'triage', show = ev } log(d)", "rejection"),
    ("L220", "error", "local ^ok = approve { id = 'a', role = 'triage', show = ev }", "rejection"),
    ("L221", "error", "local ok, d = approve { id = 'a', role = 'triage', show = ev } log(ok) if ^d then log(1) end",
     "always true"),
    ("L221", "error", "local ok, d = approve { id = 'a', role = 'triage', show = ev } log(ok)\n"
     "if ev.x and not ^d then log(1) end", "d.ok"),
    ("L222", "error", "if approve { id = 'a', role = 'triage', show = ev }.^ok then log(1) end", "two values"),
    ("L230", "error", "local t = ask { id = 'a', role = 'triage', fields = { severity = text {} } } log(t.^sevrity)",
     "severity"),
    ("L231", "error", "local t = ask { id = 'a', role = 'triage', fields = { s = choice { 'low', 'high' } } }\n"
     "if t.s == ^'hihg' then log(1) end", "high"),
    ("L231", "error", "local t = ask { id = 'a', role = 'triage', fields = { s = choice { 'low', 'high' } } }\n"
     "if one_of(t.s, 'high', ^'critical') then log(1) end", "options"),
    ("L232", "error", "ask { id = 'a', role = 'triage', fields = { x = ^flag 'Is it ' .. ev.name } }", "brackets"),
    ("L245", "warning", "local ^date = ev.inputs log(date)", "another name"),
    ("L244", "warning", "local ^unused = case:get()", "never used"),
]


def place(body):
    at = body.index("^")
    line = body.count("\n", 0, at)
    return BODY + line, at - (body.rfind("\n", 0, at) + 1) + 1, body.replace("^", "", 1)


class AuthorTools(unittest.TestCase):
    def tool(self, name, data):
        self.worker.send("TOOL", {"tool": name, "input": data})
        kind, answer = self.worker.receive()
        self.assertEqual(kind, "TOOLED")
        self.assertTrue(answer["ok"], answer)
        return answer["output"]

    def setUp(self):
        self.worker = Worker()
        self.addCleanup(self.worker.kill)

    def lint(self, source, file="t.lua", spec=False, connectors=CONNECTORS):
        return self.tool("lint", {"file": file, "source": source, "connectors": connectors, "spec": spec})["findings"]

    def test_each_seeded_mistake(self):
        for code, severity, marked, words in SEEDS:
            line, col, body = place(marked)
            with self.subTest(code=code, body=body):
                found = self.lint(HEAD + body + TAIL)
                mine = [f for f in found if f["code"] == code]
                self.assertTrue(mine, found)
                at = [f for f in mine if (f["line"], f["col"]) == (line, col)]
                self.assertTrue(at, "%s, wanted %d:%d" % (found, line, col))
                self.assertEqual(at[0]["severity"], severity)
                self.assertIn(words, at[0]["message"] + " | " + at[0].get("hint", ""))
                self.assertEqual([f for f in found if f["severity"] == "error" and f["code"] != code], [])

    def test_two_hundred_generated_mistakes(self):
        """Every field of every form misspelt, every required one left out, every library function and every
        global misspelt: each has its own code and the line it stands on."""
        text = self.tool("meta", {})["text"]
        calls = {"ask": "ask", "approve": "local ok = approve", "wait": "wait", "clock.start": "clock('x'):start",
                 "case.close": "case:close", "report.acknowledge": "case.report:acknowledge"}
        seeds = []
        for name, body in re.findall(r"---@class tocsin\.([\w.]+)\n((?:---@field .*\n)+)", text):
            fields = re.findall(r"---@field (\w+)(\??) ", body)
            needed = [f for f, optional in fields if not optional]
            if name in calls:
                whole = ", ".join("%s = ev.x" % f for f in needed)
                for field, _ in fields:
                    seeds.append(("L012", "%s { %s%s%s = ev.x }" % (calls[name], whole, ", " if whole else "", field + "q")))
                for gone in needed:
                    rest = ", ".join("%s = ev.x" % f for f in needed if f != gone)
                    seeds.append(("L012", "%s { %s }" % (calls[name], rest)))
            elif name in ("choice", "pick", "flag", "text", "number", "date"):
                for field, _ in fields:
                    seeds.append(("L013", "ask { id = 'a', role = 'triage', fields = { f = %s { %s = 1 } } }"
                                  % (name, field + "q")))
        for function in re.findall(r"^function ((?:string|table|math|utf8|json)\.\w+)\(", text, re.M):
            seeds.append(("L102", "log(%sq)" % function))
        for function in re.findall(r"^function (\w+)\(", text, re.M):
            seeds.append(("L101", "%sq {}" % function))
        for name in ("os", "io", "print", "load", "loadstring", "dofile", "coroutine", "debug", "xpcall",
                     "collectgarbage", "rawset", "unpack"):
            seeds.append(("L102", "log(%s)" % name))
        for bad in ("10", "5 minutes", "1y", "h", "-1h", "1.5h", ""):
            seeds.append(("L201", "sleep '%s'" % bad))
            seeds.append(("L201", "wait { event = 'x', within = '%s' }" % bad))
        for kind in ("case", "report", "clock"):
            for method in re.findall(r"^function tocsin_%s:(\w+)" % kind.capitalize(), text, re.M):
                who = {"case": "case", "report": "case.report", "clock": "clock('x')"}[kind]
                seeds.append(("L010", "%s:%sq {}" % (who, method)))
                seeds.append(("L241", "%s.%s {}" % (who, method)))
        self.assertGreaterEqual(len(seeds), 200)
        for code, body in seeds:
            with self.subTest(code=code, body=body):
                found = [f for f in self.lint(HEAD + body + TAIL) if f["code"] == code]
                self.assertEqual([f["line"] for f in found], [BODY], body)
                self.assertTrue(found[0].get("hint"), body)

    def test_no_false_alarm(self):
        good = [
            "local ok, d = approve { id = 'a', role = 'triage', show = ev }\nif ok then case:note('y') "
            "else case:note(d.reason) end",
            "local e = wait { event = 'x', within = '1d' }\nif e then log(e.id) end",
            "if case.report and case.report.contact then log(case.report.contact.mail) end",
            "for _, p in ipairs(ev.list) do ask { id = 'a/' .. p, role = 'triage' } end",
            "if ev.x then ask { id = 'a', role = 'triage' } else ask { id = 'a', role = 'triage' } end",
            "local t = ask { id = 'a', role = 'triage', fields = { s = choice { 'low' } } } log(t.s, t.by, t.at)",
            "while true do sleep '1h' if ev.x then break end end",
            "local ok, e = pcall(function() mail.send { to = 'x' } end)\nif not ok then case:note(e.message) end",
            "table.sort(ev.list, function(a, b) return a < b end)",
            "edge.apply { rules = {}, undo = edge.remove }",
            "local s = \"a\\\"b\\n\" .. [[long ]==] text]] .. ('%d'):format(0x1F) .. tostring(1e3) log(s) -- tail",
            "goto done ::done:: log(#ev.list // 2 ~ 1 << 2)",
        ]
        for body in good:
            with self.subTest(body=body):
                self.assertEqual(self.lint(HEAD + body + TAIL), [])

    def test_shipped_playbooks_are_clean(self):
        folder = os.path.join(SOURCE, "playbooks")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".lua"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    found = self.lint(f.read(), name, name.endswith("_spec.lua"), None)
                self.assertEqual(found, [], name)

    def test_whole_file_rules(self):
        found = self.lint('return playbook { name = "other", on = "x", run = function(case) case:note("x") end }')
        self.assertEqual([f["code"] for f in found], ["L216", "L200"])

    def test_meta_is_what_the_sandbox_reaches(self):
        meta = self.tool("meta", {})
        self.assertEqual((meta["missing"], meta["stale"]), ([], []))
        defined = set(re.findall(r"^function ([\w.:]+)\(", meta["text"], re.M))
        defined |= set(re.findall(r"^([\w.]+) = nil$", meta["text"], re.M))
        defined = {re.sub(r"^tocsin_(\w+):", lambda m: m.group(1).lower() + ":", name) for name in defined}
        self.assertEqual(defined | {"choice"}, set(meta["reachable"]))
        # The golden list is walked out of a real state by C: no function more, none less.
        with open(os.path.join(SOURCE, "tests", "sandbox", "golden.txt"), encoding="utf-8") as f:
            golden = [line.split(" ")[0] for line in f]
        walked = {name[4:] for name in golden if re.fullmatch(r"env\.\w+", name)}
        walked |= {m.group(1) for name in golden for m in [re.search(r"_ENV\.((?:math|table|utf8)\.\w+)$", name)] if m}
        walked |= {"string." + m.group(1) for name in golden
                   for m in [re.fullmatch(r"\(string\)%meta\.__index\.(\w+)", name)] if m}
        walked |= {m.group(1) + ":" + m.group(2) for name in golden
                   for m in [re.search(r"(case|report|clock)_methods\.(\w+)$", name)] if m}
        functions = set(re.findall(r"^function ([\w.:]+)\(", meta["text"], re.M))
        functions = {re.sub(r"^tocsin_(\w+):", lambda m: m.group(1).lower() + ":", name) for name in functions}
        functions -= {"json.encode", "json.decode", "json.list", "choice.optional", "sorted", "report:acknowledge"}
        self.assertEqual(functions, walked)

    def test_a_broken_tool_call_is_an_error_not_a_death(self):
        self.worker.send("TOOL", {"tool": "nothing", "input": {}})
        self.assertFalse(self.worker.receive()[1]["ok"])
        self.worker.send("TOOL", {"tool": "lint", "input": {"file": "x", "source": "return )("}})
        answer = self.worker.receive()[1]
        self.assertEqual(answer["error"]["code"], "L209")


if __name__ == "__main__":
    unittest.main()
