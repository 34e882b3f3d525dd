"""Drives the real tocsin-worker over its socketpair: steps, replay, divergence, limits, bad frames."""
import os
import random
import struct
import sys
import time
import unittest

from worker_driver import (BINARY, CONNECTORS, SANITIZED, TYPES, Closed, Worker, drive, frame, item_of,
                           load, playbook)

STORY = """
  local t = ask { id = "triage", role = "triage", fields = { severity = choice { "low", "high" } } }
  case:set { severity = t.severity, token = uuid(), dice = random(1000) }
  for i = 1, 3 do
    local ok, e = pcall(use"edge".apply, { n = i, at = now(), undo = use"edge".remove })
    if not ok then case:note("failed: " .. e.code) end
  end
  local ok, d = approve { id = "go", role = "publish", not_by = t.by }
  if ok then log("approved by", d.by) end
  local e = wait { event = "fixed", within = "30d" }
  sleep "1h"
  for name, v in pairs { b = 1, a = 2, c = 3 } do case:note(name .. v) end
  return { ok = ok, event = e, now = now() }
"""


def story_answer(want):
    kind, name = want["kind"], want["name"]
    if kind == "ask":
        return "ok", {"severity": "high", "by": "resp1", "at": "2026-11-24T09:00:00.000Z"}
    if kind == "approve":
        return "ok", {"ok": True, "by": "duty1", "reason": "fine", "votes": []}
    if kind == "wait":
        return "ok", {"event": {"key": "SEC-1"}}
    if name == "edge.apply" and want["args"]["n"] == 2:
        return "fail", {"error": {"code": "R041", "message": "refused"}}
    return "ok", {}


def memory_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0


class Protocol(unittest.TestCase):
    def test_hello_and_confinement(self):
        with Worker() as w:
            self.assertEqual(w.hello["protocol"], 1)
            self.assertEqual(w.hello["pid"], w.process.pid)
            with open("/proc/%d/status" % w.process.pid) as f:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            self.assertEqual(status["NoNewPrivs"].strip(), "1")
            if not SANITIZED and not w.hello["weaker"]:
                self.assertEqual(status["Seccomp"].strip(), "2")
            fds = sorted(int(fd) for fd in os.listdir("/proc/%d/fd" % w.process.pid)) \
                if os.access("/proc/%d/fd" % w.process.pid, os.R_OK) else [0, 1, 2, 3]
            self.assertEqual(fds, [0, 1, 2, 3])

    def test_hang_up_ends_it_with_0(self):
        w = Worker()
        w.send("LOAD", load("r", playbook('sleep "1h"')))
        w.activation()
        self.assertEqual(w.close(), 0)

    def test_order_of_frames(self):
        with Worker() as w:
            w.send("LOAD", load("r", playbook('log "one" sleep "1h" log "two" return 5')))
            self.assertEqual([n for n, _ in w.activation()], ["BEGAN", "LOG", "WANT", "IDLE"])
            w.send("DELIVER", {"run": "r", "path": "0.1", "deliver_no": 1, "at_ms": 5, "outcome": "ok",
                               "result": {}})
            got = w.activation()
            self.assertEqual([n for n, _ in got], ["BEGAN", "LOG", "ENDED"])
            self.assertEqual(got[-1][1]["result"], 5)

    def test_kill_and_replay_asks_the_same(self):
        source = playbook(STORY)
        with Worker() as w:
            wants, name, end, record = drive(w, load("r", source), story_answer)
        self.assertEqual(name, "ENDED")
        self.assertEqual([x["path"] for x in wants], ["0.%d" % i for i in range(1, len(wants) + 1)])
        self.assertEqual(len(wants), 12)
        # A new process for every length of the record: it must ask for exactly the next one.
        for n in range(len(record) + 1):
            with Worker() as w:
                rest, again, result, _ = drive(w, load("r", source, record[:n]), story_answer,
                                               list(record[:n]))
                self.assertEqual(again, "ENDED")
                self.assertEqual(rest, wants[n:])
                self.assertEqual(result, end)
                w.kill()

    def test_log_is_silent_on_replay(self):
        source = playbook('log "one" sleep "1h" log "two" sleep "1h" log "three"')
        with Worker() as w:
            _, _, _, record = drive(w, load("r", source), lambda want: ("ok", {}))
            w.send("LOAD", load("r2", source, record))
            texts = [p["text"] for n, p in w.activation() if n == "LOG"]
            self.assertEqual(texts, ["three"])

    def test_divergence_shows_both_sides(self):
        first = playbook('use"mail".send { to = "a" } sleep "1h"')
        with Worker() as w:
            wants, _, _, record = drive(w, load("r", first), lambda want: ("ok", {}))
            for body, recorded, asked in [
                    ('use"mail".send { to = "b" } sleep "1h"', "call mail.send", "call mail.send"),
                    ('sleep "1h"', "call mail.send", "sleep "),
                    ('use"edge".apply { to = "a" } sleep "1h"', "call mail.send", "call edge.apply"),
                    ('use"mail".send { to = "a" } return 1', "sleep ", None)]:
                w.send("LOAD", load("d", playbook(body), record))
                name, p = w.activation()[-1]
                self.assertEqual(name, "DIVERGED", p)
                side = p["recorded"]
                self.assertEqual(side["kind"] + " " + side["name"], recorded)
                if asked is None:
                    self.assertIsNone(p["asked"])
                else:
                    self.assertEqual(p["asked"]["kind"] + " " + p["asked"]["name"], asked)
                    self.assertEqual(p["line"], 2)
                self.assertEqual(len(side["fp"]), 64)
            # A record with a step that the code never comes to is one too.
            skipped = [dict(record[0]), dict(record[1], path="0.3")]
            w.send("LOAD", load("d", playbook('use"mail".send { to = "a" } sleep "1h" sleep "1h"'), skipped))
            self.assertEqual(w.activation()[-1][0], "DIVERGED")

    def test_an_error_before_the_end_of_the_record_is_divergence(self):
        source = playbook('use"edge".apply {} use"mail".send { to = "a" } sleep "1h"')
        with Worker() as w:
            _, _, _, record = drive(w, load("r", source), lambda want: ("ok", {}))
            w.send("LOAD", load("r", source, record, connectors={"edge": ["apply"]}))
            name, p = w.activation()[-1]
            self.assertEqual((name, p["path"], p["recorded"]["name"], p["asked"], p["line"], p["code"]),
                             ("DIVERGED", "0.2", "mail.send", None, 2, "L011"))
            w.send("LOAD", load("r", "return 1", record))
            self.assertEqual(w.activation()[-1][0], "DIVERGED")
            # Killed is killed, and an error on new ground is the playbook's own.
            w.send("LOAD", load("r", playbook("while true do end"), record))
            self.assertEqual(w.activation()[-1][1]["code"], "R020")
            w.send("LOAD", load("r", source, record[:1], connectors={"edge": ["apply"]}))
            self.assertEqual(w.activation()[-1][0], "FAILED")

    def test_broken_records_are_not_the_playbooks_fault(self):
        good = {"path": "0.1", "kind": "sleep", "name": "", "fp": "00" * 32, "state": "settled",
                "deliver_no": 1, "at_ms": 1, "outcome": "ok", "result": {}}
        rows = [[good, good], [dict(good, deliver_no=2)], [dict(good, kind="nap")], [dict(good, fp="zz")],
                [dict(good, state="done")], [dict(good, path="1")], [dict(good, outcome=None)], [7], [None]]
        with Worker() as w:
            for items in rows:
                w.send("LOAD", load("b", playbook('sleep "1h"'), items))
                name, p = w.activation()[-1]
                self.assertEqual((name, p["code"], p["killed"]), ("FAILED", "R029", True), items)
            for change in [{"path": "0.2"}, {"deliver_no": 2}, {"deliver_no": 0}, {"outcome": ""}, {"path": None}]:
                w.send("LOAD", load("c", playbook('sleep "1h"')))
                w.activation()
                w.send("DELIVER", dict({"run": "c", "path": "0.1", "deliver_no": 1, "at_ms": 1,
                                        "outcome": "ok", "result": {}}, **change))
                name, p = w.activation()[-1]
                self.assertEqual((name, p["code"], p["killed"]), ("FAILED", "R029", True), change)
            w.send("LOAD", load("l", playbook('sleep "1h"'), level=2))
            self.assertEqual(w.activation()[-1][1]["code"], "R029")

    def test_branches_go_the_same_way_from_every_point(self):
        """The same outcomes in the same order, with a new worker after each number of them."""
        source = playbook('''
            local edge = use "edge"
            local got = each({ "a", "b", "c" }, function(x)
              local r = edge.apply { x = x }
              sleep "1s"
              if x == "b" then error("b stops") end
              return r.n
            end)'''.replace("local got = each", "local ok, e = pcall(each,")
                          .replace('each,({ "a"', 'each, { "a"') + '''
            local v, which = race {
              function() wait { event = "e" } return "event" end,
              function() sleep "5s" return "time" end,
            }
            return { ok, v, which, random(), now() }''')

        def go(record, upto):
            """Frames of one life that begins with `upto` outcomes on record: (said, end)."""
            items, said, n = [dict(i) for i in record[:upto]], [], upto
            with Worker() as w:
                w.send("LOAD", load("r", source, items))
                while True:
                    for name, p in w.activation():
                        if name in ("WANT", "JOINED", "DISMISS"):
                            said.append((name, p["path"], p.get("kind"), p.get("outcome")))
                            if name == "WANT":
                                wants[p["path"]] = p
                            elif name == "JOINED":
                                joined[p["path"]] = p
                    if name != "IDLE":
                        return said, (name, p)
                    if n == len(record):
                        return said, None
                    w.send("DELIVER", dict(record[n], run="r"))
                    n += 1

        wants, joined, record = {}, {}, []
        go(record, 0)

        def settle(path, outcome="ok", result=None):
            record.append(item_of(wants[path], len(record) + 1, outcome, result or {}, 2000 + len(record)))
            go(record, 0)

        settle("0.1b3.1", result={"n": 3})
        settle("0.1b2.1", result={"n": 2})
        settle("0.1b2.2")
        self.assertNotIn("0.1", joined)
        settle("0.1b3.2", "cancelled")
        settle("0.1b1.1", result={"n": 1})
        self.assertEqual(joined["0.1"]["outcome"], "fail")
        settle("0.1", "fail")
        settle("0.2b2.1")
        settle("0.2b1.1", "cancelled")
        settle("0.2")
        whole, end = go(record, 0)
        self.assertEqual(end[0], "ENDED")
        self.assertEqual(end[1]["result"][:3], [False, "time", 2])
        for upto in range(1, len(record) + 1):
            said, again = go(record, upto)
            self.assertEqual(again, end)
            # What is not on record is said again, all in the order it was said at first.
            self.assertEqual(said, [s for s in whole if s in said])

    def test_a_pending_step_is_not_asked_again(self):
        source = playbook('sleep "1h" return 1')
        with Worker() as w:
            wants, _, _, _ = drive(w, load("r", source), lambda want: None)
            item = dict(item_of(wants[0], 0, None, None), state="intended")
            w.send("LOAD", load("r", source, [item]))
            self.assertEqual([n for n, _ in w.activation()], ["BEGAN", "IDLE"])
            w.send("DELIVER", {"run": "r", "path": "0.1", "deliver_no": 1, "at_ms": 1, "outcome": "ok",
                               "result": {}})
            self.assertEqual(w.activation()[-1][0], "ENDED")

    def test_cancel_and_drop(self):
        with Worker() as w:
            w.send("LOAD", load("r", playbook('pcall(sleep, "1h") sleep "1h"')))
            w.activation()
            w.send("CANCEL", {"run": "r", "reason": "by op1"})
            name, p = w.receive()
            self.assertEqual((name, p["code"], p["error"], p["killed"], p["line"]),
                             ("FAILED", "R030", "by op1", False, 2))
            w.send("LOAD", load("r", playbook('sleep "1h"')))
            w.activation()
            w.send("DROP", {"run": "r"})
            # None of these names a run that is here: they came too late, and nothing happens.
            w.send("DROP", {"run": "r"})
            w.send("CANCEL", {"run": "r", "reason": ""})
            w.send("DELIVER", {"run": "r", "path": "0.1", "deliver_no": 1, "at_ms": 1, "outcome": "ok"})
            w.send("DESCRIBE", {"file": "x", "bundle": {"main": "t.lua", "files": {"t.lua": playbook("")}}})
            self.assertEqual(w.receive()[0], "DESCRIBED")

    def test_killed_runs_leave_the_others(self):
        with Worker() as w:
            w.send("LOAD", load("good", playbook('sleep "1h" return "fine"')))
            w.activation()
            for body, code in [("while true do end", "R020"),
                               ("while true do pcall(function() while true do end end) end", "R020"),
                               ('("a"):rep(600):find(".-.-.-b")', "R018"),
                               ("local t = {} while true do t[#t + 1] = {} end", "R021")]:
                start = time.monotonic()
                # Filling the memory takes most of 250 ms under a sanitizer: only the loops are timed.
                more = {} if code == "R020" else {"cpu_ms": 10000}
                w.send("LOAD", load("bad", playbook(body), **more))
                name, p = w.activation()[-1]
                self.assertEqual((name, p["code"]), ("FAILED", code))
                self.assertEqual(p["killed"], code in ("R020", "R021"))
                self.assertEqual((p["file"], p["line"]), ("t.lua", 2))
                self.assertLess(time.monotonic() - start, 60 if SANITIZED else 30)
            w.send("LOAD", load("small", playbook("return ('x'):rep(3000000):len()"), memory=1 << 20, cpu_ms=10000))
            self.assertEqual(w.activation()[-1][1]["code"], "R021")
            w.send("DELIVER", {"run": "good", "path": "0.1", "deliver_no": 1, "at_ms": 1, "outcome": "ok",
                               "result": {}})
            self.assertEqual(w.activation()[-1][1]["result"], "fine")

    def test_many_runs_at_once(self):
        source = playbook('local n = ev.n for i = 1, 3 do use"mail".send { n = n, i = i } end return n')
        runs = ["run-%d" % i for i in range(200)]
        with Worker() as w:
            order = random.Random(7)
            at = {}
            for i, run in enumerate(runs):
                w.send("LOAD", load(run, source, input={"event": {"n": i}}))
                self.assertEqual(w.activation()[-1][0], "IDLE")
                at[run] = 1
            done = {}
            while at:
                run = order.choice(list(at))
                w.send("DELIVER", {"run": run, "path": "0.%d" % at[run], "deliver_no": at[run], "at_ms": 1,
                                   "outcome": "ok", "result": {}})
                for name, p in w.activation():
                    self.assertEqual(p["run"], run)
                    if name == "WANT":
                        self.assertEqual(p["args"]["n"], int(run[4:]))
                    if name == "ENDED":
                        done[run] = p["result"]
                at[run] += 1
                if run in done:
                    del at[run]
            self.assertEqual(done, {run: i for i, run in enumerate(runs)})
            if not SANITIZED:
                self.assertLess(memory_kb(w.process.pid), 120000)

    def test_ended_runs_leave_no_memory(self):
        if SANITIZED:
            self.skipTest("the quarantine of the sanitizer keeps what was freed")
        source = playbook("local t = {} for i = 1, 50000 do t[i] = i end")
        with Worker() as w:
            for i in range(400):
                w.send("LOAD", load("m%d" % i, source))
                self.assertEqual(w.activation()[-1][0], "ENDED")
                if i == 50:
                    before = memory_kb(w.process.pid)
            self.assertLess(memory_kb(w.process.pid), before + 4000)

    def test_fields_of_errors(self):
        with Worker() as w:
            w.send("LOAD", load("r", "return playbook {\n  name = 'x'\n  on = 'y' }"))
            p = w.activation()[-1][1]
            self.assertEqual((p["code"], p["line"], p["col"], p["source"]), ("L001", 2, 13, "  name = 'x'"))
            w.send("LOAD", load("r", playbook("local c = case.report.contact.mail")))
            p = w.activation()[-1][1]
            self.assertEqual((p["code"], p["line"], p["col"]), ("R010", 2, 16))
            self.assertIn("case.report is nil", p["error"])
            w.send("LOAD", load("r", playbook("error('a\\xff\\0b')")))
            self.assertEqual(w.activation()[-1][1]["code"], "R014")
            w.send("LOAD", load("r", playbook("local function f() error('deep') end\nlocal x = f()")))
            self.assertEqual(w.activation()[-1][1]["traceback"].split("\n")[:2], ["t.lua:2 in f", "t.lua:3 in Lua"])

    def test_bytes_one_by_one_and_all_at_once(self):
        message = frame("LOAD", load("r", playbook('sleep "1h"')))
        with Worker() as w:
            for i in range(0, len(message), 7):
                w.socket.sendall(message[i:i + 7])
            self.assertEqual(w.activation()[-1][0], "IDLE")
            w.socket.sendall(message * 50)
            for _ in range(50):
                self.assertEqual(w.activation()[-1][0], "IDLE")

    def ends_with_2(self, data):
        w = Worker()
        try:
            w.socket.sendall(data)
            while True:
                w.receive()
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(w.process.wait(20), 2, data[:80])
        w.socket.close()

    def test_broken_frames_end_it_with_2(self):
        rows = [
            struct.pack(">IBB", 2, 2, 2),                       # another version
            struct.pack(">IBB", 0xffffffff, 1, 2),              # too long
            struct.pack(">IBB", 0, 1, 2), struct.pack(">IBB", 1, 1, 2),
            frame("LOAD", b"{"), frame("LOAD", b""), frame("LOAD", b"[]"), frame("LOAD", b"{}"),
            frame("LOAD", b'{"run":"r"}'), frame("LOAD", b'{"run":"r","run":"r"}'),
            frame("LOAD", load("", playbook(""))), frame("LOAD", load("r", 5)),
            frame("LOAD", b"[" * 100000), frame("LOAD", b'{"run":"\xff"}'),
            frame("DELIVER", {}), frame("CANCEL", {"run": 5}), frame("DROP", b"null"), frame("DESCRIBE", {}),
            frame("WANT", {"run": "r"}), frame(99, {}), frame(0, {}),
        ]
        for data in rows:
            self.ends_with_2(data)

    def test_a_thousand_garbage_frames(self):
        """None of them may hang it: each ends the process or is answered."""
        rng = random.Random(20261124)
        texts = [b"{}", b"[]", b"null", b'{"run":"r"}', b"\x00\xff", b'"x"', b"{" * 50]
        sound = load("g", playbook('sleep "1h"'))
        w, lives = Worker(), 1
        for i in range(1000):
            pick = rng.randrange(5)
            if pick == 0:
                data = rng.randbytes(rng.randrange(1, 300))
            elif pick == 1:
                data = frame(rng.choice(list(TYPES)), rng.choice(texts))
            elif pick == 2:
                broken = dict(sound)
                broken[rng.choice(list(broken))] = rng.choice([None, 5, "x", [], {}, [[]], {"a": {}}, -1, True])
                data = frame("LOAD", broken)
            elif pick == 3:
                data = bytearray(frame("LOAD", sound))
                for _ in range(rng.randrange(1, 6)):
                    data[rng.randrange(6, len(data))] = rng.randrange(256)
                data = bytes(data)
            else:
                data = frame("DELIVER", {"run": "g", "path": rng.choice(["0.1", "", "x"]), "deliver_no": rng.randrange(3),
                                         "at_ms": rng.choice([0, -1, 1 << 62]), "outcome": rng.choice(["ok", "", "fail"]),
                                         "result": rng.choice([None, {}, [[[]]], "x"])})
            try:
                w.socket.sendall(data)
            except OSError:
                pass
            # A partial frame waits for more, and so must we not: hang up and see it go.
            if pick in (0, 3) or i % 10 == 9 or w.process.poll() is not None:
                self.assertIn(w.close(), (0, 2))
                w, lives = Worker(), lives + 1
        self.assertIn(w.close(), (0, 2))
        self.assertGreater(lives, 100)

    def test_tables_with_many_names(self):
        """Sorting more than a kilobyte of keys takes another way through libc, past the filter."""
        body = "local n, t = 0, {}\nfor i = 1, 5000 do t['k' .. i] = i end\n" \
            "for _ in pairs(t) do n = n + 1 end\nreturn { n = n, t = t }"
        with Worker() as w:
            w.send("LOAD", load("r1", playbook(body)))
            name, payload = w.activation()[-1]
        self.assertEqual((name, payload["result"]["n"], payload["result"]["t"]["k77"]), ("ENDED", 5000, 77))

    def test_a_dry_run_does_not_look_into_what_nobody_knows(self):
        def run(body, dry=True):
            unknown = {"tsn.unknown": "0.1"}
            with Worker() as w:
                wants, name, end, _ = drive(w, load("r1", playbook("local r = edge.plan_block {}\n" + body,
                                                                   'local edge = use "edge"\n'), dry=dry),
                                            lambda want: ("ok", unknown if want["path"] == "0.1" else {}))
            return wants, name, end

        for look in ("log(r.x)", "log(#r)", "for k in pairs(r) do log(k) end", "next(r)", "for _ in ipairs(r) do end",
                     "log(tostring(r))", "log(r .. 'x')", "r.x = 1", "r()", "log(r < r)", "log(r + 1)",
                     "pcall(function() log(r.x) end)", "table.concat(r)", "log(table.unpack(r))", "log(rawlen(r))", "log(rawget(r, 'x'))",
                     "log(json.encode(r))", "table.sort(r)", "table.insert(r, 1)"):
            with self.subTest(look=look):
                wants, name, end = run(look + "\nedge.remove {}")
                self.assertEqual((len(wants), name, end.get("code")), (1, "FAILED", "L285"), end)
                self.assertIn("edge.plan_block", end["error"])
        wants, name, _ = run("edge.apply { plan = r, list = { r } }\nreturn r")
        self.assertEqual((name, wants[1]["args"]["list"]), ("ENDED", [{"tsn.unknown": "0.1"}]))
        # Not dry: an ordinary table, whatever a connector calls its members.
        self.assertEqual(run("return r['tsn.unknown']", dry=False)[2]["result"], "0.1")

    def test_describe(self):
        with Worker() as w:
            source = 'local j = use "jira"\nreturn playbook { name = "p", on = "e", run = function() j.nope {} end }'
            w.send("DESCRIBE", {"file": "p.lua", "bundle": {"main": "p.lua", "files": {"p.lua": source}}})
            name, p = w.receive()
            self.assertEqual(name, "DESCRIBED")
            self.assertEqual(p, {"file": "p.lua", "ok": True, "meta": {
                "name": "p", "title": "p", "on": "e", "roles": {}, "clocks": {}, "match": False,
                "connectors": ["jira"]}})
            w.send("DESCRIBE", {"file": "q.lua", "bundle": {"main": "q.lua", "files": {"q.lua": "return {}"}}})
            p = w.receive()[1]
            self.assertEqual((p["ok"], p["error"]["code"], p["error"]["file"]), (False, "L003", "q.lua"))
            w.send("DESCRIBE", {"file": "loop.lua", "bundle": {"main": "loop.lua",
                                                               "files": {"loop.lua": "while true do end"}}})
            self.assertEqual(w.receive()[1]["error"]["code"], "R020")
            w.send("DESCRIBE", {"file": "none.lua", "bundle": {"main": "none.lua", "files": {}}})
            self.assertEqual(w.receive()[1]["error"]["code"], "L005")

    def test_only_offered_connectors(self):
        with Worker() as w:
            w.send("LOAD", load("r", playbook('use"edge".aply {}')))
            p = w.activation()[-1][1]
            self.assertEqual((p["code"], p["hint"]), ("L010", "did you mean `apply`?"))
            w.send("LOAD", load("r", playbook('use"edge".apply {}'), connectors={}))
            self.assertEqual(w.activation()[-1][1]["code"], "L011")
            message = load("r", playbook('use"edge".apply {}'))
            del message["connectors"]
            w.send("LOAD", message)
            self.assertEqual(w.activation()[-1][1]["code"], "L011")


if __name__ == "__main__":
    if not os.access(BINARY, os.X_OK):
        print("skipped: no " + BINARY)
        sys.exit(77)
    unittest.main()
