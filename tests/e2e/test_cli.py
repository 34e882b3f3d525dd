"""The command line as a contract: exit codes, --json everywhere, errors with codes, quiet pipes."""
import http.client
import json
import os
import pty
import re
import subprocess
import tempfile
import threading

import tocsin_test as t

t.need_binary()

COMMANDS = [c["command"] for c in t.run_cli(["help", "--json"], check=0).json["commands"]]


def error_of(result, code, exit_code):
    """The result must be this error, as one JSON line on stderr and nothing on stdout."""
    assert result.code == exit_code, result
    assert result.out == "", result
    error = result.error
    assert error, result
    assert error["code"] == code, result
    assert error["exit"] == exit_code, result
    for member in ("type", "title", "detail", "hint"):
        assert member in error, result
    return error


# --- without a daemon ----------------------------------------------------------------------------

def test_version_and_help():
    assert re.match(r"^tocsin \d+\.\d+\.\d+\n$", t.run_cli(["version"], check=0).out)
    assert t.run_cli(["--version"], check=0).out == t.run_cli(["version"]).out
    assert t.run_cli(["version", "--json"], check=0).json["version"]
    page = t.run_cli(["help"], check=0)
    assert page.err == "" and "case timeline" in page.out
    assert t.run_cli([], check=0).out == page.out


def test_every_command_has_help_with_an_example():
    for command in COMMANDS:
        words = command.split()
        for argv in (["help"] + words, words + ["--help"], words + ["-h"]):
            page = t.run_cli(argv, check=0)
            assert "Example\n  tocsin " + command in page.out, page
            assert page.err == "", page
        assert t.run_cli(words + ["--help", "--json"], check=0).json["help"]["example"]


def test_help_topics():
    codes = t.run_cli(["help", "exit-codes", "--json"], check=0).json["exit_codes"]
    assert {c["code"] for c in codes} >= {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 22, 30, 31, 32,
                                          33, 130}
    assert "run" in t.run_cli(["help", "words"], check=0).out
    assert "case list" in t.run_cli(["help", "case"], check=0).out
    error_of(t.run_cli(["help", "nonsense", "--json"]), "U001", 4)


def test_unknown_words_get_a_suggestion():
    e = error_of(t.run_cli(["statsu", "--json"]), "U001", 2)
    assert "tocsin status" in e["hint"], e
    e = error_of(t.run_cli(["case", "lits", "--json"]), "U001", 2)
    assert "list" in e["hint"], e
    e = error_of(t.run_cli(["case", "--json"]), "U001", 2)
    assert "timeline" in e["hint"], e
    e = error_of(t.run_cli(["status", "--jsno", "--json"]), "U002", 2)
    assert "--json" in e["hint"], e
    words = t.run_cli(["statsu"])
    assert words.code == 2 and words.out == "" and words.err.startswith("error U001"), words
    assert "Did you mean `tocsin status`?" in words.err


def test_a_group_names_what_can_follow():
    # Also groups far down the table: it once looked at the first 64 commands only.
    commands = t.run_cli(["help", "--json"], check=0).json["commands"]
    words = [c["command"].split() for c in commands]
    alone = {w[0] for w in words if len(w) == 1}
    for group in {w[0] for w in words if len(w) == 2} - alone:
        hint = error_of(t.run_cli([group, "nonsense", "--json"]), "U001", 2)["hint"]
        follow = [w[1] for w in words if len(w) == 2 and w[0] == group]
        assert hint == f"{group} can: {', '.join(follow)}", hint


def test_wrong_usage():
    error_of(t.run_cli(["show", "--json"]), "U003", 2)
    error_of(t.run_cli(["show", "a", "b", "--json"]), "U003", 2)
    error_of(t.run_cli(["case", "list", "--reason", "x", "--json"]), "U002", 2)
    error_of(t.run_cli(["case", "list", "--state", "--json"]), "S001", 7)  # --json is its value
    error_of(t.run_cli(["--json", "case", "list", "--state"]), "U002", 2)
    error_of(t.run_cli(["status", "--timeout", "10", "--json"]), "U002", 2)
    error_of(t.run_cli(["status", "--color", "blue", "--json"]), "U002", 2)
    error_of(t.run_cli(["status", "-z", "--json"]), "U002", 2)


def test_explain():
    page = t.run_cli(["explain", "A007"], check=0)
    assert page.out.startswith("A007: ")
    assert t.run_cli(["explain", "a007", "--json"], check=0).json["code"] == "A007"
    error_of(t.run_cli(["explain", "Z999", "--json"]), "U005", 4)
    error_of(t.run_cli(["explain", "A007A007A007", "--json"]), "U005", 4)


def test_no_daemon_is_code_7_for_every_online_command():
    with tempfile.TemporaryDirectory() as root:
        where = ["--json", "--no-input", "--socket", os.path.join(root, "none.sock")]
        for argv in (["status"], ["show", "x"], ["approve", "x", "--reason", "why"],
                     ["reject", "x", "--reason", "why"], ["answer", "x", "--set", "a=b"],
                     ["note", "x", "text"], ["report", "submit", "--title", "x"],
                     ["report", "list"], ["case", "list"], ["case", "timeline", "x"],
                     ["run", "list"], ["run", "log", "x"],
                     ["run", "cancel", "x", "--reason", "why"], ["task", "list"],
                     ["task", "delegate", "x", "resp2", "--reason", "why"],
                     ["run", "start", "x", "--case", "y"], ["run", "move", "x", "--dry-run"],
                     ["playbook", "deploy", "x", "--dry-run"], ["run", "show", "x"], ["run", "pause", "x", "--reason", "why"],
                     ["run", "resume", "x", "--reason", "why"], ["run", "retry", "x", "--dry-run"],
                     ["run", "resolve", "x", "--done", "--reason", "why"],
                     ["feed", "list"], ["feed", "poll", "x"], ["audit", "log"],
                     ["token", "create", "x", "--scope", "read"], ["token", "revoke", "x"],
                     ["watch", "x"]):
            error_of(t.run_cli(argv + where), "S001", 7)
        e = error_of(t.run_cli(["status", "--json", "--server", "http://127.0.0.1:1"]), "S001", 7)
        assert "127.0.0.1:1" in e["detail"]


def test_watch_gives_up():
    with tempfile.TemporaryDirectory() as root:
        error_of(t.run_cli(["watch", "r-1", "--timeout", "300ms", "--json", "--socket",
                            os.path.join(root, "none.sock")]), "U007", 8)


def test_missing_values_are_never_asked_for_without_a_terminal():
    with tempfile.TemporaryDirectory() as root:
        where = ["--json", "--socket", os.path.join(root, "none.sock")]
        error_of(t.run_cli(["report", "submit"] + where), "U004", 2)
        for verb in ("cancel", "pause", "resume", "retry", "resolve", "move"):
            error_of(t.run_cli(["run", verb, "x"] + where), "U004", 2)
        error_of(t.run_cli(["note", "x"] + where), "U004", 2)
        error_of(t.run_cli(["token", "create", "x"] + where), "U004", 2)


def test_colours():
    def has_colour(argv, env):
        result = t.run_cli(argv, env=env)
        return "\033[" in result.out + result.err
    always = ["help", "--color", "always"]
    assert has_colour(always, {})
    assert not has_colour(["help"], {})               # not a terminal
    assert not has_colour(["help", "--no-color"], {})
    assert not has_colour(["help", "--color", "never"], {})
    def on_terminal(env):
        full = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
        full.update(env)
        ours, theirs = pty.openpty()
        with subprocess.Popen([t.BINARY, "help"], stdin=subprocess.DEVNULL, stdout=theirs,
                              stderr=theirs, env=full) as child:
            os.close(theirs)
            said = b""
            while True:
                try:
                    chunk = os.read(ours, 4096)
                except OSError:  # the other side is closed
                    break
                if not chunk:
                    break
                said += chunk
            child.wait(60)
        os.close(ours)
        return b"\033[1m" in said
    if not os.path.isdir("/dev/pts") or not os.listdir("/dev/pts"):
        print("  no pseudo-terminals here: colours on a terminal are not judged")
        return
    assert on_terminal({"TERM": "xterm"})
    assert not on_terminal({"TERM": "xterm", "NO_COLOR": "1"})
    assert on_terminal({"TERM": "xterm", "NO_COLOR": ""})
    assert not on_terminal({"TERM": "dumb"})


def test_a_closed_pipe_is_success():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([t.BINARY, "help"], stdout=writer, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=60)
    os.close(writer)
    assert done.returncode == 0 and done.stderr == b"", done


def test_a_full_device_is_not():
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "w") as full:
        done = subprocess.run([t.BINARY, "help"], stdout=full, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 1 and b"U008" in done.stderr, done


def test_init():
    with tempfile.TemporaryDirectory() as root:
        new = os.path.join(root, "new")
        made = t.run_cli(["init", new, "--json"], check=0).json
        assert os.path.exists(made["config"]) and os.path.exists(made["key"]), made
        assert os.stat(made["key"]).st_mode & 0o777 == 0o600
        assert os.stat(made["data"]).st_mode & 0o777 == 0o700
        before = open(made["key"], "rb").read()
        again = t.run_cli(["init", new, "--json"], check=0).json
        assert again["existed"] and open(made["key"], "rb").read() == before
        t.run_cli(["config", "check", made["config"]], check=0)
        other = os.path.join(root, "other")
        os.mkdir(other)
        open(os.path.join(other, "file"), "w").close()
        error_of(t.run_cli(["init", other, "--json"]), "S025", 5)
        assert os.listdir(other) == ["file"]
        error_of(t.run_cli(["init", "/proc/none/x", "--json"]), "S024", 1)


def test_config_check():
    with tempfile.TemporaryDirectory() as root:
        t.run_cli(["init", root + "/n"], check=0)
        file = root + "/n/tocsin.yaml"
        ok = t.run_cli(["config", "check", file, "--json"], check=0).json
        assert ok["ok"] and ok["checks"][0]["id"] == "schema", ok
        with open(file, "a", encoding="utf-8") as out:
            out.write("\nfeedz: []\n")
        result = t.run_cli(["config", "check", file, "--json"])
        e = error_of(result, "C012", 9)
        assert e["line"] > 0 and e["file"].endswith("tocsin.yaml"), e
        words = t.run_cli(["config", "check", file])
        assert words.code == 9 and "tocsin.yaml:%d:" % e["line"] in words.err, words
        assert t.run_cli(["config", "check", root + "/none.yaml", "--json"]).code == 9
        assert t.run_cli(["serve", "--config", file, "--json"]).error["code"] == "C012"


# --- with a daemon -------------------------------------------------------------------------------

REPORT = {"kind": "incident", "title": "Token reuse \u202ederever", "text": "seen twice",
          "product": "edge-gw", "contact": {"mail": "a@customer.example", "name": "A"},
          "indicators": ["203.0.113.7"]}
OVERRIDES = {
    "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}],
    "customers": [{"name": "A", "mail": "soc@customer.example", "products": ["edge-gw"]}],
    "plugins": [{"name": "edge", "settings": {"dir": "/tmp/tsn-cli-edge"}}],
}

_node = None


def node():
    global _node
    if _node is None:
        _node = t.make_dir(OVERRIDES)
        _node.start()
    return _node


def submitted():
    """A case of its own, with its first task open."""
    n = node()
    made = n.cli("report", "submit", "--file", "-", stdin=json.dumps(REPORT), check=0,
                 as_person="intake").json
    task = n.task(kind="ask", case=made["case"])
    return made, task


def test_empty_lists_are_done():
    n = node()
    for argv in (["case", "list", "--state", "closed"], ["feed", "list"],
                 ["run", "list", "--state", "failed"], ["task", "list", "--state", "void"]):
        result = n.cli(*argv, check=0)
        assert result.json["items"] == [] and result.json["ok"], result
        assert n.cli(*argv, json=False, check=0).out == ""


def test_ready_line_and_ready_json():
    n = node()
    assert re.search(r"tocsin \d+\.\d+\.\d+ ready in \d+ ms: http://127\.0\.0\.1:%d, %s"
                     % (n.ready["port"], re.escape(n.ready["socket"])), n.log_text())


def test_second_daemon_is_refused():
    n = node()
    result = t.run_cli(["serve", "--config", n.config_file, "--json"])
    e = error_of(result, "S022", 5)
    assert str(n.process.pid) in e["detail"], e
    assert n.http("GET", "/healthz", check=200)


def test_report_and_lists():
    n = node()
    made, task = submitted()
    assert made["receipt"].startswith("TR-") and made["case"].startswith("PSIRT-"), made
    for argv, key in ((["case", "list"], made["case"]), (["report", "list"], made["receipt"]),
                      (["task", "list"], task["name"]), (["status"], task["name"])):
        result = n.cli(*argv, json=False, check=0)
        assert key in result.out, result
        assert "\033" not in result.out and "\u202e" not in result.out, result
    assert n.cli("run", "list", "--case", made["case"], check=0).json["items"][0]["case"]
    assert n.cli("task", "list", "--mine", as_person="audit1", check=0).json["items"] == []
    key = ["--idempotency-key", "same"]
    first = n.cli("report", "submit", "--file", "-", *key, stdin=json.dumps(REPORT), check=0)
    second = n.cli("report", "submit", "--file", "-", *key, stdin=json.dumps(REPORT), check=0)
    assert second.json["case"] == first.json["case"] and second.json["duplicate"]
    other = dict(REPORT, title="another")
    third = n.cli("report", "submit", "--file", "-", *key, stdin=json.dumps(other))
    assert third.code == 5 and third.error["code"] == "H022", third
    bad = n.cli("report", "submit", "--file", "-", stdin='{"kind": "incident", "titel": "x"}')
    assert bad.code == 1 and bad.error["code"] in ("H012", "H013"), bad
    broken = n.cli("report", "submit", "--file", "-", stdin='{"kind": ')
    assert broken.code == 1 and broken.error["code"] == "H010" and broken.error["line"] == 1


def test_show_every_kind():
    n = node()
    made, task = submitted()
    run = n.cli("run", "list", "--case", made["case"], check=0).json["items"][0]
    for ref, kind in ((made["case"], "case"), (run["name"], "run"), (task["name"], "task"),
                      (made["receipt"], "report"), ("#0", "entry"), ("0", "entry"),
                      (run["id"], "run"), (made["case"].lower(), "case")):
        assert n.cli("show", ref, check=0).json["kind"] == kind, ref
        assert n.cli("show", ref, json=False, check=0).out
    assert n.cli("show", "nothing-like-it").error["code"] == "H031"
    assert n.cli("show", "nothing-like-it").code == 4
    submitted()
    assert n.cli("show", "PSIRT-").code == 5
    error_of(n.cli("show", "PSIRT-"), "H032", 5)


def test_answer():
    n = node()
    made, task = submitted()
    name = task["name"]
    e = error_of(n.cli("answer", name, "--set", "severtiy=high", as_person="resp1"), "U006", 2)
    assert "severity" in e["hint"], e
    error_of(n.cli("answer", name, "--set", "severity=huge", as_person="resp1"), "U006", 2)
    error_of(n.cli("answer", name, "--set", "exploited=perhaps", as_person="resp1"), "U006", 2)
    error_of(n.cli("answer", name, "--set", "severity", as_person="resp1"), "U002", 2)
    error_of(n.cli("answer", name, as_person="resp1"), "U004", 2)
    fields = ["--set", "severity=low", "--set", "product=edge-gw", "--set", "exploited=false",
              "--set", "reason=a=b, and more"]
    error_of(n.cli("answer", name, *fields), "A005", 6)          # nobody
    assert n.cli("answer", name, *fields, as_person="audit1").code == 6
    assert n.cli("answer", name, *fields, as_person="lead1").code == 6   # another role
    done = n.cli("answer", name, *fields, as_person="resp1", check=0).json
    assert done["entry"] > 0, done
    assert n.cli("answer", name, *fields, as_person="resp1").code == 5
    assert n.cli("show", name, check=0).json["task"]["answer"]["reason"] == "a=b, and more"
    assert n.cli("watch", name, check=0).code == 0


def test_approve_and_reject():
    n = node()
    made, task = submitted()
    n.cli("answer", task["name"], "--set", "severity=high", "--set", "product=edge-gw", "--set",
          "exploited=true", "--set", "reason=seen", as_person="resp1", check=0)
    assert n.cli("watch", made["case"], "--until", "blocked", "--timeout", "20s").code == 33
    ask = n.task(kind="approve", case=made["case"])
    name = ask["name"]
    error_of(n.cli("approve", name, as_person="duty1"), "U004", 2)
    assert n.cli("approve", name, "--reason", "x", as_person="duty1").code == 1   # too short
    wrong = "sha256:" + "0" * 64
    assert n.cli("approve", name, "--reason", "looked at it", "--plan", wrong,
                 as_person="duty1").code == 5
    assert n.cli("approve", name, "--reason", "looked at it", as_person="audit1").code == 6
    words = n.cli("reject", name, "--reason", "hits customers", as_person="duty1", json=False,
                  check=0)
    assert words.out == "" and "Rejected." in words.err, words
    assert n.cli("watch", name).code == 31
    assert n.cli("reject", name, "--reason", "again", as_person="duty1").code == 5


def test_approve_shows_the_plan_first():
    n = node()
    made, task = submitted()
    n.cli("answer", task["name"], "--set", "severity=critical", "--set", "product=edge-gw",
          "--set", "exploited=true", "--set", "reason=seen", as_person="resp1", check=0)
    ask = n.task(kind="approve", case=made["case"])
    words = n.cli("approve", ask["name"], "--reason", "confirmed", as_person="duty1", json=False,
                  check=0)
    assert ask["digest"] in words.err and words.out == "", words


def test_notes_timeline_log_cancel():
    n = node()
    made, _ = submitted()
    n.cli("note", made["case"], "called \u001b[31mthem", as_person="resp1", check=0)
    n.cli("note", made["case"], "-", stdin="from a pipe\n", as_person="resp1", check=0)
    error_of(n.cli("note", "PSIRT-1999-0001", "x", as_person="resp1"), "H023", 4)
    story = n.cli("case", "timeline", made["case"], json=False, check=0)
    assert "[31mthem" in story.out and "\033" not in story.out, story
    assert re.search(r"#\d+", story.out), story
    assert "from a pipe" in story.out, story
    run = n.cli("run", "list", "--case", made["case"], check=0).json["items"][0]["name"]
    log = n.cli("run", "log", run, check=0).json
    assert log["items"][0]["rseq"] == 0 and log["items"][0]["chain"].startswith("run:"), log
    assert n.cli("run", "log", run, json=False, check=0).out
    n.cli("run", "cancel", run, "--reason", "opened by mistake", as_person="resp1", check=0)
    assert n.cli("watch", run, "--timeout", "20s").code == 32
    assert n.cli("run", "cancel", run, "--reason", "again and again", as_person="resp1").code == 5


def test_utc_times():
    n = node()
    submitted()
    rows = n.cli("case", "list", "--utc", json=False, check=0)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", rows.out), rows


def test_tokens():
    n = node()
    made = n.cli("token", "create", "resp1", "--scope", "read", "--expires", "1h", "--for", "t",
                 check=0).json
    assert re.match(r"^tocsin_[0-9a-f]{64}$", made["token"]), made
    file = os.path.join(n.root, "token")
    with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
        out.write(made["token"] + "\n")
    server = ["--server", "http://127.0.0.1:%d" % n.ready["port"], "--json"]
    env = {"TOCSIN_TOKEN_FILE": file}
    t.run_cli(["case", "list"] + server, env=env, check=0)
    assert t.run_cli(["note", "x", "y"] + server, env=env).code == 6
    error_of(t.run_cli(["case", "list"] + server), "A001", 6)
    n.cli("token", "revoke", made["id"], check=0)
    error_of(t.run_cli(["case", "list"] + server, env=env), "A001", 6)
    assert made["token"] not in n.log_text()
    error_of(n.cli("token", "create", "nobody", "--scope", "read"), "H013", 1)
    error_of(n.cli("token", "create", "resp1", "--scope", "everything"), "H041", 1)
    assert n.cli("token", "create", "resp1", "--scope", "read", as_person="resp1").code == 6


def test_audit():
    n = node()
    submitted()
    log = n.cli("audit", "log", "--limit", "5", check=0).json
    assert len(log["items"]) == 5 and log["items"][-1]["kind"] == "audit.query", log
    assert n.cli("audit", "log", "--from", "0", json=False, check=0).out.startswith("#0")
    verdict = n.cli("audit", "verify", check=0).json
    assert verdict["verdict"] == "verified" and verdict["ok"], verdict
    assert "VERIFIED" in n.cli("audit", "verify", json=False, check=0).out
    assert t.run_cli(["audit", "verify", n.data, "--json"], check=0).json["ok"]
    assert t.run_cli(["audit", "verify", n.database, "--json"], check=0).json["ok"]
    out = os.path.join(n.root, "log.jsonl")
    n.cli("audit", "export", "--out", out, check=0)
    with open(out, encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle]
    assert len(rows) >= verdict["entries"], (len(rows), verdict)
    with tempfile.TemporaryDirectory() as root:
        assert t.run_cli(["audit", "verify", root, "--json"]).code == 22
        junk = os.path.join(root, "tocsin.db")
        with open(junk, "wb") as handle:
            handle.write(b"not a database" * 100)
        assert t.run_cli(["audit", "verify", junk, "--json"]).code == 22


def test_tampering_is_found():
    import sqlite3
    n = t.make_dir(OVERRIDES)
    n.start()
    n.cli("report", "submit", "--file", "-", stdin=json.dumps(REPORT), check=0)
    n.task(kind="ask")
    assert n.stop() == 0
    assert not os.path.exists(os.path.join(n.data, "ready.json"))
    t.run_cli(["audit", "verify", n.data], check=0)
    db = sqlite3.connect(n.database)
    seq, text = db.execute("SELECT seq, text FROM entry WHERE seq = 3").fetchone()
    changed = text.replace("actor ", "actor x", 1)
    assert changed != text, text
    # Triggers keep honest programs out; whoever owns the file can drop them.
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        db.execute("DROP TRIGGER " + name)
    db.execute("UPDATE entry SET text = ? WHERE seq = ?", (changed, seq))
    db.commit()
    db.close()
    result = t.run_cli(["audit", "verify", n.data, "--json"])
    assert result.code == 20, result
    assert result.json["verdict"] == "tampered" and result.json["ok"] is False, result
    assert result.json["checks"], result
    words = t.run_cli(["audit", "verify", n.data])
    assert words.code == 20 and "TAMPERED" in words.out and "#3" in words.out, words
    n.destroy()


def test_restart_keeps_everything():
    n = t.make_dir(OVERRIDES)
    n.start()
    made = n.cli("report", "submit", "--file", "-", stdin=json.dumps(REPORT), check=0).json
    n.kill9()
    assert n.cli("status").code == 7
    n.start()
    assert n.cli("show", made["case"], check=0).json["case"]["name"] == made["case"]
    n.task(kind="ask", case=made["case"])
    assert n.stop() == 0
    kinds = [e["kind"] for e in export(n)]
    assert kinds.count("audit.start") == 2 and kinds.count("audit.stop") == 1, kinds
    n.destroy()


def test_a_lost_disk_stops_the_daemon_and_a_restart_goes_on():
    n = t.make_dir(OVERRIDES)
    n.start({"TOCSIN_FAULT": "store.commit:6=TSN_ENOSPC"})
    accepted, seen = [], []

    def look():
        # Beside the reports: one that was in the lost commit is never answered.
        while n.alive:
            try:
                reply = n.http("GET", "/readyz", timeout=2)
            except (OSError, http.client.HTTPException):
                continue
            if reply.status == 503:
                seen.append(reply.json["reasons"])

    looker = threading.Thread(target=look)
    looker.start()
    while n.alive:
        try:
            reply = n.http("POST", "/api/v1/reports", REPORT, as_person="intake", timeout=2)
        except (OSError, http.client.HTTPException):
            continue
        if reply.status == 202:
            accepted.append(reply.json["receipt"])
        else:
            # H025: the writer is gone and the loop has not heard of it yet.
            assert reply.status == 503 and reply.json["code"] in ("S021", "H025"), reply
    looker.join()
    assert n.wait_dead() == 1, n.log_text()[-2000:]
    assert seen and all(reasons == ["the disk is full"] for reasons in seen), seen
    assert "error S023: the disk is full" in n.log_text()
    t.run_cli(["audit", "verify", n.data], check=0)
    n.start()
    for receipt in accepted:
        assert n.cli("show", receipt, check=0).json["kind"] == "report"
    assert n.stop() == 0
    n.destroy()


def test_a_graceful_stop_leaves_nothing_behind():
    n = t.make_dir(OVERRIDES)
    n.start()
    assert n.stop() == 0
    assert "handle_leaked" not in n.log_text(), n.log_text()
    assert not os.path.exists(os.path.join(n.data, "ready.json"))
    n.destroy()


def export(n):
    out = os.path.join(n.root, "all.jsonl")
    t.run_cli(["audit", "export", "--data", n.data, "--out", out], check=0)
    rows = []
    with open(out, encoding="utf-8") as handle:
        for line in handle:
            row = json.loads(line)
            text = row.get("text", row.get("entry", ""))
            fields = dict(x.split(" ", 1) for x in text.splitlines()[1:] if " " in x)
            if fields:
                rows.append(fields)
    return rows


def test_nothing_is_left_running():
    if _node is not None:
        assert _node.stop() == 0
        _node.destroy()


if __name__ == "__main__":
    t.main()
