"""C plugins: tocsin-plugin-host over pipes with a good plugin built out of tree, and with bad ones.

The example is built against the installed header (cmake --install into a temporary prefix), the bad
ones by CMake into BUILD/plugins.
"""
import json
import os
import queue
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time

import tocsin_test as t

HOST = os.path.join(t.BUILD, "tocsin-plugin-host")
if not os.access(HOST, os.X_OK):
    t.skip("no tocsin-plugin-host in " + t.BUILD)
EXAMPLE = os.path.join(t.SOURCE, "plugins", "example-c")
TEMP = tempfile.mkdtemp(prefix="tsn-plugin-")
t.atexit.register(shutil.rmtree, TEMP, True)
WAIT = 10 * t.PATIENCE
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are meant here


def compiled(*argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, "%s\n%s%s" % (" ".join(argv), done.stdout, done.stderr)
    return done.stdout


class Host:
    """One host process; every line it says lands in `said`."""

    def __init__(self, library, manifest=None, settings=None, describe=True, leaks=True,
                 shim=()):
        argv = list(shim) + [HOST] + (["--manifest", manifest] if manifest else []) + [library]
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=%d" % leaks)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env)
        self.queue, self.said, self.kept, self.errors = queue.Queue(), [], [], []
        self.threads = [threading.Thread(target=self._lines), threading.Thread(target=self._errors)]
        for thread in self.threads:
            thread.start()
        if describe:
            self.send(type="describe", protocol=1, settings=settings or {})
            self.described = self.next("described")

    def _lines(self):
        for line in self.process.stdout:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def _errors(self):
        for line in self.process.stderr:
            self.errors.append(line.decode("utf-8", "replace"))

    def send(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, call, action, args=None, kind="start"):
        self.send(type=kind, id=call, action=action, args=args or {}, key="%032x" % call, attempt=1,
                  run="01RUN", case=None)

    def next(self, kind):
        """The next message of this type; others wait in `kept`: a log line of the plugin's thread
        may come before the result that it is about, or after it."""
        for i, m in enumerate(self.kept):
            if m["type"] == kind:
                return self.kept.pop(i)
        end = time.monotonic() + WAIT
        while True:
            m = self.queue.get(timeout=max(0.01, end - time.monotonic()))
            assert m is not None, "the host ended: " + "".join(self.errors)
            self.said.append(m)
            if m["type"] == kind:
                return m
            self.kept.append(m)

    def result(self, call, outcome):
        m = self.next("result")
        assert (m["id"], m["outcome"]) == (call, outcome), m
        return m.get("result", m.get("error"))

    def end(self, code=0):
        """Hangs up; everything it said at last, and its words on stderr."""
        self.process.stdin.close()
        got = self.process.wait(WAIT)
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        while not self.queue.empty():
            m = self.queue.get()
            if m:
                self.said.append(m)
        words = "".join(self.errors)
        assert got == code or (code is None and got != 0), (got, words)
        return words

    def ended(self, kind="result"):
        return [m for m in self.said if m["type"] == kind]


def bad(name):
    return os.path.join(t.BUILD, "plugins", "bad_%s.so" % name)


_built = []


def example():
    """(library, manifest) of the example, built as its README says against the installed header."""
    if not _built:
        prefix, place = os.path.join(TEMP, "prefix"), os.path.join(TEMP, "example-c")
        compiled("cmake", "--install", t.BUILD, "--prefix", prefix, "--component", "plugin")
        assert os.access(os.path.join(prefix, "libexec/tocsin/tocsin-plugin-host"), os.X_OK)
        flags = compiled("pkg-config", "--cflags", "tocsin-plugin", env=dict(
            os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "share/pkgconfig"))).split()
        shutil.copytree(EXAMPLE, place)
        with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as readme:
            command = re.search(r"^cc (.*)$", readme.read(), re.MULTILINE).group(1).split()
        at = command.index("$(pkg-config")
        command[at:at + 3] = flags
        compiled("cc", "-Wall", "-Wextra", "-Werror", *command, cwd=place)
        _built.append((os.path.join(place, "example.so"), os.path.join(place, "manifest.yaml")))
    return _built[0]


# --- the header --------------------------------------------------------------------------------

def test_header_alone_as_c_and_cpp():
    header = os.path.join(t.SOURCE, "include", "tocsin", "plugin.h")
    compiled("gcc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x",
             "c", "-include", header, "/dev/null")
    if not shutil.which("g++"):
        print("g++ is not there: the C++ half is left out")
        return
    source = ('#include "%s"\nstatic void begin(tocsin_call *c) {\n'
              "  if (TOCSIN_HAS(tocsin_host, c->host, complete))\n"
              "    c->host->complete(c->handle, TOCSIN_OK, nullptr, 0);\n}\n"
              "static const tocsin_action a = { TOCSIN_ACTION_HEAD, TOCSIN_EFFECT_NONE, 0, 0, 0, 0,\n"
              '  "a", "a", nullptr, nullptr, begin, nullptr, nullptr };\n'
              "static const tocsin_action *const all[] = { &a, nullptr };\n"
              "static const tocsin_plugin p = { TOCSIN_PLUGIN_HEAD, \"cpp\", \"1\", \"MIT\", all,\n"
              "  nullptr, nullptr };\n"
              "const tocsin_plugin *tocsin_plugin_entry(void) { return &p; }\n" % header)
    path = os.path.join(TEMP, "cpp.so")
    compiled("g++", "-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
             "-x", "c++", "-", "-o", path, input=source)
    host = Host(path)
    assert host.described["actions"] == ["cpp.a"], host.described
    host.start(1, "cpp.a")
    host.result(1, "ok")
    host.end()


# --- a good plugin -----------------------------------------------------------------------------

def test_example_speaks_the_protocol():
    library, manifest = example()
    host = Host(library, manifest, {"greeting": "hello", "n": [1, 2]})
    d = host.described
    assert (d["name"], d["version"], d["licence"]) == ("example", "1.0.0", "Apache-2.0"), d
    assert d["actions"] == ["example.echo", "example.slow"] and d["abi"] == "1.2", d
    assert d["schemas"]["slow"]["args"]["required"] == ["ms"], d
    assert host.ended("log")[0]["text"] == "example: ready"
    args = {"text": "ä \u2028 \"q\"", "n": [1, 2.5, None]}
    host.start(1, "example.echo", args)
    assert host.result(1, "ok") == {"args": args, "greeting": "hello"}
    # A slow call does not hold up the others; its thread completes it.
    host.start(2, "example.slow", {"ms": 300})
    host.start(3, "example.echo")
    assert host.result(3, "ok")["args"] == {}
    assert host.result(2, "ok") == {"waited_ms": 300}
    host.start(5, "example.gone")
    assert host.result(5, "fail")["code"] == "no_action"
    host.start(6, "other.echo")
    assert host.result(6, "fail")["code"] == "no_action"
    host.start(7, "example.slow", kind="probe")
    assert host.result(7, "fail")["code"] == "not_happened", "no is `fail`: it is done again"
    host.start(8, "example.echo", kind="probe")
    assert host.result(8, "unknown")["code"] == "no_probe"
    host.send(type="something-later", more=1)
    host.start(9, "example.echo")
    host.result(9, "ok")
    assert host.end() == ""


def test_arguments_are_held_against_the_schema():
    """What does not fit never reaches the library: the host refuses it."""
    library, manifest = example()
    host = Host(library, manifest)
    wrong = (({}, "/ms is missing"), ({"ms": "20"}, "/ms must be a whole number"),
             ({"ms": 0.5}, "/ms must be a whole number"), ({"ms": -1}, "/ms must be at least 0"),
             ({"ms": 60001}, "/ms must be at most 60000"), ({"ms": 1, "s": 2}, "/s is not known"))
    for call, (args, words) in enumerate(wrong, 1):
        host.start(call, "example.slow", args)
        said = host.result(call, "fail")
        assert said == {"code": "R040", "message": "in the arguments " + words}, said
    host.start(20, "example.slow", {"ms": 0})
    assert host.result(20, "ok") == {"waited_ms": 0}
    host.start(21, "example.slow", {}, kind="probe")  # it is past: what it was given is not asked again
    assert host.result(21, "fail")["code"] == "not_happened"
    host.end()


def test_concurrency_and_cancel():
    library, manifest = example()
    host = Host(library, manifest)
    # Two at once is the action's limit: the third waits for a place, the fourth is cancelled there.
    for call, ms in ((1, 60000), (2, 60000), (3, 1), (4, 1)):
        host.start(call, "example.slow", {"ms": ms})
    host.send(type="cancel", id=4)
    assert host.result(4, "retry")["code"] == "cancelled"
    host.start(5, "example.echo")
    host.result(5, "ok")
    host.send(type="cancel", id=2)
    assert host.result(2, "unknown")["message"] == "stopped half-way"
    assert host.result(3, "ok") == {"waited_ms": 1}
    host.send(type="cancel", id=2)    # over: nothing more is said of it
    host.send(type="cancel", id=999)  # never was
    # Many at once, from two threads at a time.
    for call in range(10, 60):
        host.start(call, "example.slow", {"ms": 1})
    assert sorted(host.next("result")["id"] for _ in range(50)) == list(range(10, 60))
    # Hanging up with a call open: ends at once, not in a minute.
    began = time.monotonic()
    host.end()
    assert time.monotonic() - began < 5 * t.PATIENCE
    assert not [m for m in host.ended() if m["id"] in (1, 999)]


def test_manifest_must_agree():
    library, manifest = example()
    with open(manifest, encoding="utf-8") as f:
        good = f.read()
    wrong = [
        ("name: example", "name: other", "the manifest is of `other`, the library is `example`"),
        ("effect: external", "effect: none", "the effect of `slow` is none in the manifest and "
                                             "external in the library"),
        ("doubt: repeat_safe", "doubt: ask", "is ask in the manifest and repeat_safe in"),
        ("  - name: echo", "  - name: echoes", "the manifest has the action `echoes`, the library"),
        ("    timeout: 5s", "    secret: true", "are secret only in the manifest"),
    ]
    cases = [(good.replace(old, new), words) for old, new, words in wrong]
    cases.append((good[:good.index("  - name: slow")], "the library has the action `slow`, the man"))
    for text, words in cases:
        assert text != good
        path = os.path.join(TEMP, "manifest.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        host = Host(library, path, describe=False)
        said = host.end(3)
        assert words in said and "R054" in said and "manifest.yaml:" in said, said
        assert said.count("\n") == 1 and not host.said, said


# --- libraries that are refused, or old --------------------------------------------------------

def test_refused():
    for name, words in (
            ("new_major", "made for plugin ABI 2.2, this tocsin has 1.2: install a newer tocsin"),
            ("old_major", "made for plugin ABI 0.2, this tocsin has 1.2: build it anew"),
            ("new_minor", "made for plugin ABI 1.3, this tocsin has 1.2: install a newer tocsin"),
            ("short_plugin", "shorter than any version's"),
            ("short_action", "shorter than any version's"),
            ("nothing", "describes nothing"),
            ("no_effect", "`act`: it has no effect that"),
            ("no_doubt", "`act`: it has no in-doubt class"),
            ("bad_schema", "`act`: its schema of arguments is no JSON object"),
            ("odd_schema", "`act`: in its schema of arguments /properties/n/exclusiveMinimum is not a "
                           "keyword that can be checked"),
            ("twice", "`act`: it stands there twice")):
        host = Host(bad(name), describe=False)
        said = host.end(3)
        assert words in said and said.count("\n") == 1 and not host.said, (name, said)
    for path in (os.path.join(TEMP, "gone.so"), os.path.join(EXAMPLE, "README.md"),
                 shutil.which("true")):
        said = Host(path, describe=False).end(3)
        assert "the library cannot be loaded" in said, said
    for argv in ([], ["a", "b"], ["--manifest", "x"]):
        run = subprocess.run([HOST] + argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=WAIT)
        assert run.returncode == 2 and run.stderr.startswith("usage:") and not run.stdout, run


def test_older_and_longer_structs():
    """Behind a short struct lies poison: it is not read. What a longer one adds is ignored."""
    for name, abi in (("old_minor", "1.0"), ("longer", "1.2")):
        host = Host(bad(name))
        assert host.described["abi"] == abi, host.described
        host.start(1, "bad.act")
        assert host.result(1, "ok") == {}
        host.start(2, "bad.act", kind="probe")
        assert host.result(2, "unknown")["code"] == "no_probe"
        host.end()


def test_init_refuses():
    host = Host(bad("sulks"), describe=False)
    host.send(type="describe", settings={})
    assert host.process.wait(WAIT) == 3
    said = host.end(3)
    assert "says that it cannot work" in said, said
    assert [m["type"] for m in host.said] == ["log"] and "no disk" in host.said[0]["text"]


# --- calls that go wrong -----------------------------------------------------------------------

def test_probes_in_the_words_of_the_protocol():
    """What a library answers to a probe, as the core understands it: yes is ok, no is fail, the rest unknown."""
    host = Host(bad("calls"))
    host.start(90, "bad.twice", {"happened": True, "n": 5}, kind="probe")
    assert host.result(90, "ok") == {"n": 5}
    for answer in ({"happened": False}, {"happened": False, "n": 5}):
        host.start(91, "bad.twice", answer, kind="probe")
        assert host.result(91, "fail")["code"] == "not_happened"
    for answer in ({}, {"happened": 1}, {"happened": "true"}, {"happened": None}):
        host.start(92, "bad.twice", answer, kind="probe")
        assert host.result(92, "unknown")["code"] == "no_answer", answer
    host.end()


def test_completes_twice_and_races():
    host = Host(bad("calls"))
    host.start(1, "bad.twice")
    assert host.result(1, "ok") == {"n": 1}
    assert "which is over" in host.next("log")["text"]
    assert host.next("log")["text"] == "completions said 0 and -1"
    host.start(2, "bad.race")
    assert host.result(2, "ok") == {"by": "thread"}
    for _ in range(7):
        assert "which is over" in host.next("log")["text"]
    host.end()
    assert [m["id"] for m in host.ended()] == [1, 2], host.said


def test_never_completes():
    host = Host(bad("calls"))
    host.start(1, "bad.never")
    host.start(2, "bad.never")  # waits behind it
    host.send(type="cancel", id=1)
    host.start(3, "bad.twice")
    host.result(3, "ok")
    time.sleep(0.2)
    host.end()  # the core ends it 3 s after the cancel (test_plugin.c); the host hears everything
    assert [m["id"] for m in host.ended()] == [3], host.said


def test_completes_after_cancel():
    host = Host(bad("calls"))
    host.start(1, "bad.after")
    host.send(type="cancel", id=1)
    assert host.result(1, "unknown")["code"] == "cancelled"
    host.start(2, "bad.both")
    host.send(type="cancel", id=2)
    assert host.result(2, "ok") == {"in": "cancel"}
    assert "which is over" in host.next("log")["text"]
    host.end()
    assert [m["id"] for m in host.ended()] == [1, 2], host.said


def test_crashes_in_start():
    host = Host(bad("calls"), leaks=False)
    host.start(1, "bad.crash")
    host.process.wait(WAIT)
    assert host.process.returncode != 0
    host.process.stdin.close()
    for thread in host.threads:
        thread.join()
    assert host.queue.get_nowait() is None, "no result: the core makes it unknown"
    host.process.stdout.close()
    host.process.stderr.close()


def test_garbage_on_stdout_goes_to_the_log():
    host = Host(bad("calls"))
    host.start(1, "bad.garbage")
    assert host.result(1, "ok") == {}
    words = host.end()
    assert "not json at all" in words and "raw\n" in words and "stopped\n" in words, words
    assert len(host.ended()) == 1 and not host.ended("log"), host.said


def test_results_nobody_can_read():
    host = Host(bad("calls"))
    for call, action, args, code in ((1, "nonsense", {}, "bad_result"),
                                     (2, "nonsense", {"list": 1}, "bad_result"),
                                     (3, "status", {}, "bad_status"), (4, "huge", {}, "too_big")):
        host.start(call, "bad." + action, args)
        assert host.result(call, "unknown")["code"] == code
    host.end()


def test_leaks():
    # The arena is the host's to free: 8 times 24 MiB fit into half of it.
    host = Host(bad("calls"))
    for call in range(1, 9):
        host.start(call, "bad.arena")
        assert host.result(call, "ok") == {"from": "arena"}
    if not t.SANITIZED:
        with open("/proc/%d/status" % host.process.pid, encoding="ascii") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1))
        assert peak < 100 * 1024, peak
    host.end()
    # Memory of its own that it forgets: the limit of tocsin-exec ends the process, nobody else.
    if t.SANITIZED:
        return  # no limit there, the sanitizer needs the address space
    shim = [os.path.join(t.BUILD, "tocsin-exec"), "--memory", str(130 << 20), "--files", "64", "--"]
    host = Host(bad("calls"), shim=shim)
    for call in range(1, 30):
        try:
            host.start(call, "bad.leak")
            host.result(call, "ok")
        except (AssertionError, BrokenPipeError):
            break
    assert 2 <= call < 10, call
    host.process.wait(WAIT)
    assert host.process.returncode < 0, host.process.returncode


def test_not_the_protocol():
    for line in (b"this is not json\n", b'{"type":"start","id":1,"action":"bad.twice"}\n',
                 b"x" * (5 << 20)):
        host = Host(bad("calls"), describe=False)
        try:
            host.process.stdin.write(line)
            host.process.stdin.flush()
            host.process.wait(WAIT)
            host.end(4)
        except BrokenPipeError:
            pass
        assert host.process.wait(WAIT) == 4 and not host.ended(), host.said
    host = Host(bad("calls"), describe=False)
    host.send(type="describe", settings=["odd"])
    assert host.next("described")["name"] == "bad"
    host.end()


# --- through the core --------------------------------------------------------------------------

def test_through_the_core():
    if not os.access(t.BINARY, os.X_OK):
        print("no binary at %s: this one is left out" % t.BINARY)
        return
    library, _ = example()
    playbook = ('return playbook { name = "calls", title = "Calls", on = "report.accepted", '
                "run = function(case)\n"
                '  local example = use "example"\n'
                '  local e = example.echo { x = 7 }\n'
                '  local fits, why = pcall(example.slow, { ms = "20" })\n'
                '  assert(not fits)\n'
                '  case:note(why.code .. " " .. why.message)\n'
                '  local s = example.slow { ms = 20 }\n'
                '  case:note(e.greeting .. " " .. e.args.x .. " " .. s.waited_ms)\n'
                '  return case:close { resolution = "ok" }\nend }\n')
    with t.make_dir({
            "products": [{"id": "p", "name": "P"}],
            "plugins": [{"name": "example", "dir": os.path.dirname(library),
                         "settings": {"greeting": "salve"}}],
            "rules": [{"on": "report.accepted", "run": "calls"}]}) as node:
        folder = os.path.join(node.root, "playbooks")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "calls.lua"), "w", encoding="utf-8") as f:
            f.write(playbook)
        node.config["playbooks"] = {"dir": folder}
        node.write_config()
        node.start()
        node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y",
                                             "product": "p"},
                  {"Idempotency-Key": "k"}, as_person="intake", check=202)

        def ended():
            runs = node.http("GET", "/api/v1/runs", check=200).json["items"]
            return [r for r in runs if r["state"] in ("finished", "failed", "stuck", "diverged")]
        run = node.wait_for(ended)[0]
        assert run["state"] == "finished", run
        case = node.http("GET", "/api/v1/cases", check=200).json["items"][0]["id"]
        tale = node.cli("case", "timeline", case, check=0)
        assert "salve 7 20" in tale.out, tale
        assert "R040 example.slow: in the arguments /ms must be a whole number" in tale.out, tale
        assert node.stop() == 0


if __name__ == "__main__":
    t.main()
