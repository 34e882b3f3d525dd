"""Speaks the protocol of docs/worker-protocol.md to a real tocsin-worker over descriptor 3."""
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import time

SOURCE = os.environ.get("TOCSIN_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TOCSIN_BUILD") or os.path.join(SOURCE, "build", "release")
BINARY = os.path.join(BUILD, "tocsin-worker")
SANITIZED = bool(os.environ.get("TOCSIN_SANITIZE"))
PATIENCE = 30.0 if SANITIZED else 10.0

TYPES = {"HELLO": 1, "LOAD": 2, "DELIVER": 3, "CANCEL": 4, "DROP": 5, "DESCRIBE": 6, "TOOL": 7, "WANT": 20,
         "ENDED": 21, "FAILED": 22, "DIVERGED": 23, "LOG": 24, "DESCRIBED": 25, "TOOLED": 28, "BEGAN": 26, "IDLE": 27,
         "JOINED": 29, "DISMISS": 30}
NAMES = {number: name for name, number in TYPES.items()}

CONNECTORS = {"mail": ["send"], "edge": ["apply", "plan_block", "remove"], "http": ["request"]}


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def frame(name, payload):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kind = TYPES[name] if isinstance(name, str) else name
    return struct.pack(">IBB", len(body) + 2, 1, kind) + body


class Closed(Exception):
    pass


class Worker:
    def __init__(self, hello=True):
        mine, theirs = socket.socketpair()
        fd = theirs.fileno()

        def hand_over():
            if fd == 3:
                os.set_inheritable(3, True)
            else:
                os.dup2(fd, 3)

        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_FAULT")}
        # LeakSanitizer stops its process with ptrace, which a confined child refuses.
        env["ASAN_OPTIONS"] = "detect_leaks=0"
        # close_fds would close 3 after hand_over; the worker closes what it inherits.
        self.process = subprocess.Popen([BINARY], preexec_fn=hand_over, close_fds=False,
                                        stderr=subprocess.DEVNULL, env=env)
        theirs.close()
        self.socket = mine
        self.data = b""
        if hello:
            kind, self.hello = self.receive()
            assert kind == "HELLO", kind

    def send(self, name, payload):
        self.socket.sendall(frame(name, payload))

    def receive(self, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while True:
            if len(self.data) >= 6:
                size, version, kind = struct.unpack(">IBB", self.data[:6])
                if len(self.data) >= size + 4:
                    body = self.data[6:size + 4]
                    self.data = self.data[size + 4:]
                    assert version == 1
                    return NAMES[kind], json.loads(body)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise AssertionError("nothing came within %.0f s" % timeout)
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed()
            self.data += more

    def until(self, *names):
        """All frames up to and with the first of these names."""
        got = []
        while not got or got[-1][0] not in names:
            got.append(self.receive())
        return got

    def activation(self):
        return self.until("IDLE", "ENDED", "FAILED", "DIVERGED")

    def close(self):
        self.socket.close()
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.kill()


def playbook(body, head=""):
    return head + 'return playbook { name = "t", title = "T", on = "x", run = function(case, ev)\n' \
        + body + "\nend }\n"


def load(run, source, items=(), files=None, **more):
    out = {"run": run, "case": {"id": "c1", "name": "PSIRT-2026-0001", "title": "A title"},
           "bundle": {"main": "t.lua", "files": dict(files or {}, **{"t.lua": source})}, "level": 1,
           "seed": "00ff", "started_at": 1000, "input": {"event": {"n": 1}}, "connectors": CONNECTORS,
           "items": list(items)}
    out.update(more)
    return out


def item_of(want, deliver_no, outcome, result, at_ms=2000):
    return {"path": want["path"], "kind": want["kind"], "name": want["name"], "fp": want["fp"],
            "state": "settled", "deliver_no": deliver_no, "at_ms": at_ms, "outcome": outcome,
            "result": result}


def drive(worker, message, answer, record=None):
    """Loads and answers every WANT with answer(want) -> (outcome, result). Returns the wants and the
    last frame; `record` collects journal items."""
    wants, record = [], [] if record is None else record
    worker.send("LOAD", message)
    while True:
        got = worker.activation()
        for name, payload in got:
            if name == "WANT":
                assert payload["fp"] == hashlib.sha256(canonical(payload["args"])).hexdigest(), payload
                wants.append(payload)
        name, payload = got[-1]
        if name != "IDLE":
            return wants, name, payload, record
        reply = answer(wants[-1])
        if reply is None:
            return wants, name, payload, record
        record.append(item_of(wants[-1], len(record) + 1, *reply, at_ms=2000 + len(record)))
        worker.send("DELIVER", {k: record[-1][k] for k in ("path", "deliver_no", "at_ms", "outcome", "result")}
                    | {"run": message["run"]})
