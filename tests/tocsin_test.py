"""What every test that runs the real binaries shares: a node in a temporary directory.

    node = make_dir({"feeds": [...]})      # tocsin init, then tocsin.yaml from BASE and the overrides
    node.start({"TOCSIN_FAULT": "..."})    # serve, returns when DATA/ready.json is there
    node.cli("case", "list")               # Result(code, out, err, json)
    node.http("GET", "/api/v1/status")     # Reply(status, headers, body, json); over the Unix socket
    node.kill9(); node.start(); node.stop(); node.destroy()

Only the standard library. TOCSIN_BUILD names the build directory, TOCSIN_SOURCE the tree.
"""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("TOCSIN_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TOCSIN_BUILD") or os.path.join(SOURCE, "build", "release")
BINARY = os.path.join(BUILD, "tocsin")
SANITIZED = bool(os.environ.get("TOCSIN_SANITIZE"))
PATIENCE = 4.0 if SANITIZED else 1.0  # factor for every waiting time

# The people of the story: two responders, a duty manager, two leads, an auditor.
BASE = {
    "server": {"listen": "127.0.0.1:0"},
    "people": [
        {"id": "resp1", "roles": ["responder"]},
        {"id": "resp2", "roles": ["responder"]},
        {"id": "duty1", "roles": ["duty-manager", "responder"]},
        {"id": "lead1", "roles": ["psirt-lead"]},
        {"id": "lead2", "roles": ["psirt-lead"]},
        {"id": "audit1", "roles": ["auditor"]},
        {"id": "intake", "roles": ["intake"]},
        {"id": "op1", "roles": ["operator"]},
    ],
    "rules": [
        {"on": "report.accepted", "when": {"kind": "incident"}, "run": "customer-incident"},
    ],
}


def skip(why):
    """Ends the test program as skipped (ctest knows 77)."""
    print("skipped: " + why)
    sys.exit(77)


def need_binary():
    if not os.access(BINARY, os.X_OK):
        skip("no binary at " + BINARY)


# --- configuration -----------------------------------------------------------------------------

_PLAIN = re.compile(r"^[A-Za-z][A-Za-z0-9_./-]*$")
_DURATION = re.compile(r"^[0-9]+(ms|s|m|h|d|w)$")


def _scalar(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if _DURATION.match(value) or (_PLAIN.match(value)
                                  and value.lower() not in ("true", "false", "null", "y", "n")):
        return value
    return json.dumps(value, ensure_ascii=False)


def to_yaml(value, indent=0):
    """Plain block YAML of dicts, lists and scalars."""
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            name = _scalar(str(key))
            if isinstance(item, (dict, list)) and item:
                lines.append("%s%s:" % (pad, name))
                lines.append(to_yaml(item, indent + 1))
            elif isinstance(item, (dict, list)):
                lines.append("%s%s: %s" % (pad, name, "{}" if isinstance(item, dict) else "[]"))
            else:
                lines.append("%s%s: %s" % (pad, name, _scalar(item)))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)) and item:
                text = to_yaml(item, indent + 1)
                lines.append(pad + "- " + text[len(pad) + 2:])
            else:
                lines.append(pad + "- " + _scalar(item))
    return "\n".join(lines)


def merge(base, over):
    """Dicts merge, everything else is replaced; None removes a key."""
    out = dict(base)
    for key, value in (over or {}).items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        else:
            out[key] = value
    return out


# --- results -----------------------------------------------------------------------------------

class Result:
    """One finished command."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err
        self.json = None
        if out.strip():
            try:
                self.json = json.loads(out)
            except ValueError:
                self.json = None

    @property
    def lines(self):
        """JSON Lines output."""
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    @property
    def error(self):
        """The error object of --json: the last JSON line on stderr, or None."""
        for line in reversed(self.err.splitlines()):
            if line.startswith("{"):
                try:
                    value = json.loads(line)
                except ValueError:
                    continue
                if value.get("type") == "error":
                    return value
        return None

    def __repr__(self):
        return "%s -> %d\n--- stdout\n%s\n--- stderr\n%s" % (
            " ".join(self.argv), self.code, self.out[-3000:], self.err[-3000:])


class Reply:
    """One HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    def __repr__(self):
        return "HTTP %d %s" % (self.status, self.body[:2000])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


# --- a node ------------------------------------------------------------------------------------

class Failed(AssertionError):
    pass


def run_cli(argv, env=None, stdin=None, timeout=60, check=None, cwd=None):
    """Runs the binary; check: the exit code that must come, or a tuple of them."""
    full = dict(os.environ)
    full.pop("TOCSIN_FAULT", None)
    full.pop("TOCSIN_FAULT_TRACE", None)
    full.update(env or {})
    done = subprocess.run([BINARY] + list(argv), input=stdin, capture_output=True, text=True,
                          timeout=timeout * PATIENCE, env=full, cwd=cwd,
                          stdin=subprocess.DEVNULL if stdin is None else None)
    result = Result(["tocsin"] + list(argv), done.returncode, done.stdout, done.stderr)
    if check is not None:
        wanted = check if isinstance(check, (tuple, list)) else (check,)
        if result.code not in wanted:
            raise Failed("exit code %d, wanted %s\n%r" % (result.code, wanted, result))
    return result


class Node:
    """A daemon of its own: folder, configuration, database, process."""

    def __init__(self, root, config):
        self.root = root
        self.config = config
        self.config_file = os.path.join(root, "tocsin.yaml")
        self.data = os.path.join(root, "data")
        self.log = os.path.join(root, "serve.log")
        self.process = None
        self.ready = None
        self.accepts = True  # plugins without a pin, at start
        self.as_user = {}  # of subprocess.Popen: user=, group=, extra_groups=

    # -- files

    def write_config(self, config=None):
        if config is not None:
            self.config = config
        with open(self.config_file, "w", encoding="utf-8") as out:
            out.write(to_yaml(self.config) + "\n")

    @property
    def database(self):
        return os.path.join(self.data, "tocsin.db")

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as handle:
                return handle.read()
        except FileNotFoundError:
            return ""

    # -- process

    def start(self, env=None, wait=True, timeout=20, args=()):
        """Starts `tocsin serve`; waits for ready.json of this very process.

        wait="dead" waits for the process to end instead and returns its exit code.
        """
        assert self.process is None or self.process.poll() is not None, "already running"
        full = dict(os.environ)
        for plugin in self.config.get("plugins") or [] if self.accepts else []:
            if "sha256" not in plugin:  # a test that is not about pins accepts what it starts
                run_cli(["plugin", "accept", plugin["name"], "--config", self.config_file])
        full.pop("TOCSIN_FAULT", None)
        full.pop("TOCSIN_FAULT_TRACE", None)
        full.update(env or {})
        # A killed process leaves its ready.json; its pid tells whose it is.
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.config_file] + list(args),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=full, cwd=self.root,
                **self.as_user)
        if wait == "dead":
            return self.process.wait(timeout * PATIENCE)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=20):
        path = os.path.join(self.data, "ready.json")
        end = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed("serve ended with %s before it was ready:\n%s"
                             % (self.process.returncode, self.log_text()[-4000:]))
            try:
                with open(path, encoding="utf-8") as handle:
                    ready = json.load(handle)
                if ready.get("pid") == self.process.pid:
                    self.ready = ready
                    return ready
            except (FileNotFoundError, ValueError):
                pass
            time.sleep(0.01)
        raise Failed("serve is not ready after %s s:\n%s" % (timeout, self.log_text()[-4000:]))

    def kill9(self):
        """kill -9, and waits until the process is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self, timeout=20):
        """SIGTERM; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise Failed("serve did not stop:\n" + self.log_text()[-4000:])

    def wait_dead(self, timeout=20):
        """Waits until the process ended by itself; the exit code (negative: signal)."""
        return self.process.wait(timeout * PATIENCE)

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def destroy(self):
        self.kill9()
        check_rows(self)
        if not os.environ.get("TOCSIN_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()

    # -- talking

    def cli(self, *args, as_person=None, json=True, check=None, stdin=None, env=None,
            timeout=60):
        """Runs one command against this node."""
        argv = list(args) + ["--config", self.config_file]
        if as_person:
            argv += ["--as", as_person]
        if json:
            argv += ["--json"]
        return run_cli(argv, env=env, stdin=stdin, check=check, timeout=timeout, cwd=self.root)

    def http(self, method, path, body=None, headers=None, token=None, tcp=False,
             as_person=None, timeout=20, check=None):
        """One request. A dict or list as body is sent as JSON. Over TCP when tcp or a token is
        given, else over the Unix socket."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode("utf-8")
        if token:
            headers["Authorization"] = "Bearer " + token
        if as_person:
            headers["Tocsin-As"] = as_person
        if tcp or token:
            conn = http.client.HTTPConnection("127.0.0.1", self.ready["port"],
                                              timeout=timeout * PATIENCE)
        else:
            conn = _UnixConnection(self.ready["socket"], timeout * PATIENCE)
        try:
            conn.request(method, path, body=body, headers=headers)
            answer = conn.getresponse()
            reply = Reply(answer.status, dict(answer.getheaders()),
                          answer.read().decode("utf-8", "replace"))
        finally:
            conn.close()
        if check is not None and reply.status != check:
            raise Failed("%s %s: wanted %s, got %r" % (method, path, check, reply))
        return reply

    def token(self, person, scopes="report:submit,read,decide"):
        """A new token of this person."""
        made = self.cli("token", "create", person, "--scope", scopes, "--for", "tests", check=0)
        return made.json["token"]

    def wait_for(self, what, timeout=20, every=0.05):
        """Calls what() until it returns something true; returns that."""
        return wait_for(what, timeout, every, self)

    def task(self, kind=None, name=None, timeout=20, case=None):
        """Waits for an open task of this kind or id and returns it."""
        def look():
            if not self.alive:
                raise Failed("serve is gone:\n" + self.log_text()[-4000:])
            path = "/api/v1/tasks?state=open" + ("&case=" + case if case else "")
            for task in self.http("GET", path, check=200).json["items"]:
                if kind and task["kind"] != kind:
                    continue
                if name and task.get("step_name") != name and task["name"] != name:
                    continue
                return task
            return None
        return self.wait_for(look, timeout)


def wait_for(what, timeout=20, every=0.05, node=None):
    end = time.monotonic() + timeout * PATIENCE
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("waited %s s in vain%s" % (
                timeout, "\n" + node.log_text()[-4000:] if node else ""))
        time.sleep(every)


# What rows say that no entry does, and the kinds of entry that were written, of all nodes of this
# program. With TOCSIN_ROW_CHECK (ctest sets it for e2e) a program fails for a missing audit call
# even where it does not look at the log: tests/audit/oracle_rows.py.
row_complaints, row_kinds = [], set()


def check_rows(node):
    if not os.environ.get("TOCSIN_ROW_CHECK") or not os.path.exists(node.database):
        return
    sys.path.insert(0, os.path.join(SOURCE, "tests", "audit"))
    import oracle_rows
    import sqlite3
    try:
        row_kinds.update(oracle_rows.kinds(node.database))
        row_complaints.extend(oracle_rows.complaints(node.database))
    except sqlite3.DatabaseError:
        pass  # it was damaged on purpose


def missing_kinds():
    sys.path.insert(0, os.path.join(SOURCE, "tests", "audit"))
    import oracle_rows
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    return sorted(oracle_rows.EXPECTED.get(name, set()) - row_kinds)


_nodes = []


def _cleanup():
    for node in _nodes:
        node.destroy()


atexit.register(_cleanup)


def make_dir(config_overrides=None, base=None, init=True):
    """A folder made by `tocsin init`, its configuration replaced by BASE and the overrides.
    init=False: an empty folder, for a test that makes its own."""
    need_binary()
    # Short: a Unix socket's path holds 107 bytes.
    root = tempfile.mkdtemp(prefix="tsn-", dir="/tmp")
    node = Node(root, merge(base or BASE, config_overrides or {}))
    _nodes.append(node)
    if init:
        run_cli(["init", root], check=0)
        node.write_config()
    return node


# --- a tiny test runner ------------------------------------------------------------------------

def main(tests=None):
    """Runs every test_* function of the calling module; the last line says how it went."""
    module = sys.modules["__main__"]
    if tests is None:
        tests = [value for name, value in vars(module).items()
                 if name.startswith("test_") and callable(value)]
    only = sys.argv[1:]
    failed = 0
    ran = 0
    for test in tests:
        if only and test.__name__ not in only:
            continue
        ran += 1
        began = time.monotonic()
        try:
            test()
        except Exception as error:  # every failure is printed, then the next test runs
            failed += 1
            import traceback
            traceback.print_exc()
            print("FAIL %s: %s" % (test.__name__, str(error)[:300]), flush=True)
            if os.environ.get("TOCSIN_STOP_AT_FAILURE"):
                break
        else:
            print("ok   %s (%.2f s)" % (test.__name__, time.monotonic() - began), flush=True)
    if os.environ.get("TOCSIN_ROW_CHECK"):
        _cleanup()
        for wrong in row_complaints:
            print("ROW " + wrong)
        for kind in [] if only or failed else missing_kinds():
            print("ROW no entry %s was written here" % kind)
            failed += 1
        failed += bool(row_complaints)
    print("%d passed, %d failed" % (ran - failed, failed))
    sys.exit(1 if failed else 0)
