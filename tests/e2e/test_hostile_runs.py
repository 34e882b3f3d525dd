"""Playbooks that want to hang or to fill the node, a hundred at once, and a worker that is not ours.

What each row of such scripts does inside the sandbox is in tests/sandbox/test_box_threats.c; here the
real daemon stands around them. tests/bench/bench_hostile.py says how fast the core answers meanwhile.
"""
import glob
import os
import shutil
import signal
import sys
import time

import tocsin_test as t

t.need_binary()

# name: (body, what its run must end with). stuck R022: its activation was killed twice.
HOSTILE = {
    "loop": ("while true do end", "stuck", "R020"),
    "pattern": ("local s = ('a'):rep(3000) while true do pcall(string.find, s, '.-.-.-b') end",
                "stuck", "R020"),
    "once": ("local s = ('a'):rep(600) s:find('.-.-.-b')", "failed", "R018"),
    "caught": ("while true do pcall(function() while true do end end) end", "stuck", "R020"),
    "huge": ("string.rep('x', 1e9)", "failed", "R016"),
    "strings": ("local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1000000) .. #t end) end",
                "stuck", "R02"),  # by time or memory, which of them comes first
    "copies": ("local s = '' while true do s = s .. 'xxxxxxxx' end", "stuck", "R02"),
    "deep": ("local function f() return 1 + f() end while true do pcall(f) end", "stuck", "R02"),
    "nested": ("json.decode(('['):rep(100000))", "failed", "R019"),
    "rows": ("local t = {} while true do for i = 1, 1000 do t[i] = i end for k in pairs(t) do end end",
             "stuck", "R020"),
}
ORDINARY = """sleep "1ms"
    case:note("one")
    sleep "1ms"
    return 7"""

PLAYBOOK = """return playbook {
  name = "%s", title = "T", on = "nothing",
  run = function(case, ev)
    %s
  end,
}
"""


def write_playbooks(node):
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    bodies = {name: row[0] for name, row in HOSTILE.items()}
    bodies["ordinary"] = ORDINARY
    for name, body in bodies.items():
        with open(os.path.join(node.root, "playbooks", name + ".lua"), "w", encoding="utf-8") as out:
            out.write(PLAYBOOK % (name, body))


def hostile_node(**engine):
    """Small budgets, so that a hundred runs are over in seconds; a sanitizer needs more for what is sound."""
    engine = dict({"cpu": "200ms" if t.SANITIZED else "30ms", "wall": "20s"}, **engine)
    node = t.make_dir({"rules": [], "playbooks": {"dir": "playbooks"}, "engine": engine})
    write_playbooks(node)
    return node


def a_case(node):
    return node.cli("report", "submit", "--title", "x", "--kind", "incident", "--text", "x",
                    check=0).json["case"]


def start_run(node, playbook, case):
    started = node.http("POST", "/api/v1/runs", {"playbook": playbook, "case": case, "inputs": {}},
                        as_person="resp1")
    assert started.status in (200, 201, 202), started
    return started.json["run"]


def run_of(node, run):
    return node.http("GET", "/api/v1/runs/" + run, check=200).json


EVERY_MS = 2.0


class Watch:
    """Milliseconds of answers without any look-up, one after the other: what waits before the core's
    loop comes round. One connection, since making one is not what is measured. An answer that takes long
    also stands for those that would have been asked for meanwhile, every 2 ms: else a stall counted once."""

    def __init__(self, node, path="/api/v1/me"):
        self.connection = t._UnixConnection(node.ready["socket"], 30 * t.PATIENCE)
        self.path, self.took, self.ran = path, [], []
        self.stat = "/proc/%d/task/%d/schedstat" % (node.process.pid, node.process.pid)

    def core_ms(self):
        """What the loop's thread has computed so far: the rest of a time is waiting for a processor."""
        try:
            with open(self.stat, encoding="ascii") as handle:
                return int(handle.read().split()[0]) / 1e6
        except OSError:
            return 0.0

    def look(self):
        ran, began = self.core_ms(), time.perf_counter()
        self.connection.request("GET", self.path, headers={"Tocsin-As": "resp1"})
        answer = self.connection.getresponse()
        answer.read()
        took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, answer.status
        self.ran.append(self.core_ms() - ran)
        while took > 0:
            self.took.append(took)
            took -= EVERY_MS
        time.sleep(EVERY_MS / 1000)

    def at(self, share):
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * share))]

    def __str__(self):
        return "p50 %.2f ms, p99 %.2f ms, worst %.2f ms of %d; the loop itself at most %.2f ms" % (
            self.at(.5), self.at(.99), max(self.took), len(self.took), max(self.ran))


def hostile_hundred(node, watch, runs=100, ordinary=20):
    """Starts them mixed, watches until all are over; the runs as they ended: {id: (playbook, run)}."""
    case, open_runs, over = a_case(node), {}, {}
    names = list(HOSTILE)
    for i in range(runs):
        name = names[i % len(names)]
        open_runs[start_run(node, name, case)] = name
        if i % (runs // ordinary) == 0:
            open_runs[start_run(node, "ordinary", case)] = "ordinary"
        watch.look()
    end = time.monotonic() + 120 * t.PATIENCE
    while open_runs:
        assert node.alive, node.log_text()[-4000:]
        assert time.monotonic() < end, (open_runs, node.log_text()[-4000:])
        for _ in range(50):
            watch.look()
        for run, name in list(open_runs.items())[:10]:
            row = run_of(node, run)
            if row["state"] in ("finished", "failed", "stuck", "cancelled", "diverged"):
                over[run] = (name, row)
                del open_runs[run]
            else:  # looked at again after the others
                open_runs[run] = open_runs.pop(run)
    return over


def test_a_hundred_hostile_runs_end_with_a_reason_and_others_finish():
    with hostile_node() as node:
        node.start()
        watch = Watch(node)
        over = hostile_hundred(node, watch)
        print("     the core's answers meanwhile: %s" % watch)
        # What others on this machine take is not its own: only what the loop computes between two answers.
        ran = sorted(watch.ran)
        assert ran[len(ran) * 99 // 100] < 20 * t.PATIENCE, watch
        assert len(over) == 120, len(over)
        for name, row in over.values():
            if name == "ordinary":
                assert row["state"] == "finished" and row["result"] == 7, row
                continue
            _, state, code = HOSTILE[name]
            assert row["state"] == state and code in row["reason"], (name, row["state"], row["reason"])
            if state == "stuck":
                assert row["reason"].startswith("R022"), row["reason"]
                assert row["next"].startswith("tocsin run "), row
        assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out


# A worker that says whatever it likes: most of it well-formed, about runs that it was given.
IMPOSTOR = r'''#!%s -SE
import json, os, random, select, socket, struct, sys
here = os.path.dirname(os.path.abspath(__file__))
lives = os.open(here + "/lives", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(lives, b"x")
rng = random.Random(os.fstat(lives).st_size)
sent = os.open(here + "/sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
core = socket.socket(fileno=os.dup(3))
runs, data = ["", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], b""

def frame(kind, payload, version=1):
    return struct.pack(">IBB", len(payload) + 2, version, kind) + payload

def value(deep=0):
    pick = rng.randrange(12)
    if pick < 3: return rng.choice([0, -1, 1 << 62, -(1 << 63), 2.5, True, None])
    if pick < 8: return rng.choice(["", "0.1", "0.1.2", "0." + "9" * 40, "x" * 5000, "call", "ask", "wait",
                                    "sleep", "mail.send", "case.note", "ok", "R020", "' OR 1=1 --", "../../etc/passwd"])
    if deep > 3: return {}
    if pick < 10: return [value(deep + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(["a", "ms", "event", "role", "show", "error", "undo", "code"]): value(deep + 1) for _ in range(rng.randrange(4))}

def message():
    out = {"run": rng.choice(runs)}
    for key in ("path", "kind", "name", "args", "opts", "fp", "line", "result", "code", "error", "traceback", "file",
                "killed", "text", "level", "expected", "got", "paths", "meta", "ok", "protocol"):
        if rng.randrange(3): out[key] = value()
    return json.dumps(out).encode()

def listen():
    global data
    while select.select([core], [], [], 0)[0]:
        more = core.recv(1 << 16)
        if not more: sys.exit(0)
        data += more
        while len(data) >= 6 and len(data) >= 4 + struct.unpack(">I", data[:4])[0]:
            size = struct.unpack(">I", data[:4])[0]
            try: runs.append(json.loads(data[6:size + 4]).get("run") or "")
            except ValueError: pass
            data = data[size + 4:]

core.sendall(frame(1, json.dumps({"protocol": 1, "pid": os.getpid(), "weaker": ""}).encode()))
select.select([core], [], [], 0.3)
for burst in range(50):
    listen()
    core.sendall(b"".join(frame(rng.choice([20, 20, 21, 22, 23, 24, 25, 26, 26, 27, 29, 30]), message())
                          for _ in range(40)))
    os.write(sent, b"x" * 40)
# Its last words break the protocol itself.
core.sendall(rng.choice([rng.randbytes(200), frame(26, b"{"), frame(99, b"{}"), frame(28, b"{}"), frame(20, b"[]"), frame(20, b"", 2),
                         struct.pack(">IBB", 0xffffffff, 1, 20), frame(20, b'{"run":"\xff"}'), frame(20, b"[" * 100000)]))
'''


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def workers_of(node):
    """Processes of tocsin-worker that this node started."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                name, rest = handle.read().rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == node.process.pid and "tocsin-worker" in name:
            found.append(int(name.split(" ", 1)[0]))
    return found


def test_ten_thousand_hostile_frames_of_a_worker_leave_the_core_whole():
    with hostile_node(workers=4) as node:
        home = os.path.join(node.root, "bin")
        os.makedirs(home)
        for path in glob.glob(os.path.join(t.BUILD, "tocsin*")):
            if os.access(path, os.X_OK) and os.path.isfile(path):
                name = os.path.basename(path)
                # /proc/self/exe of the daemon must be here; the others are only started.
                (shutil.copy if name == "tocsin" else os.symlink)(path, os.path.join(home, name))
        ours, theirs = t.BINARY, os.path.join(home, "tocsin-worker")
        t.BINARY = os.path.join(home, "tocsin")
        try:
            node.start()
            case = a_case(node)
            with open(theirs + ".new", "w", encoding="utf-8") as out:
                out.write(IMPOSTOR % sys.executable)
            os.chmod(theirs + ".new", 0o700)
            os.rename(theirs + ".new", theirs)
            for pid in workers_of(node):
                os.kill(pid, signal.SIGKILL)
            sent = os.path.join(home, "sent")
            begun, last = [], 0
            end = time.monotonic() + 120 * t.PATIENCE
            while size_of(sent) < 10000:
                assert node.alive, node.log_text()[-4000:]
                assert time.monotonic() < end, (size_of(sent), node.log_text()[-4000:])
                if size_of(sent) >= last and len(begun) < 40:  # it always has something to spoil
                    begun.append(start_run(node, "ordinary", case))
                    last = size_of(sent) + 200
                node.http("GET", "/api/v1/me", as_person="resp1", check=200)
                time.sleep(0.02)
            print("     %d frames in %d lives, %d runs" % (size_of(sent), size_of(home + "/lives"), len(begun)))
            os.unlink(theirs)
            os.symlink(os.path.join(t.BUILD, "tocsin-worker"), theirs)
            for pid in workers_of(node):  # one that is left would be given the good run
                os.kill(pid, signal.SIGKILL)
            good = start_run(node, "ordinary", case)
            node.wait_for(lambda: run_of(node, good)["state"] == "finished", timeout=90)
            assert run_of(node, good)["result"] == 7
            assert node.stop() == 0, node.log_text()[-4000:]
            assert "VERIFIED" in t.run_cli(["audit", "verify", node.data], check=0).out
        finally:
            t.BINARY = ours


if __name__ == "__main__":
    t.main()
