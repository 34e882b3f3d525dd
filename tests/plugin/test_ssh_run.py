"""ssh_run against a real sshd on loopback: plan, apply, doubt and probe, undo, and hostile ends."""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import tocsin_test as t
from plugin_by_hand import Plugin

t.need_binary()
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"
SSHD, KEYGEN = (shutil.which(p, path=PLACES) for p in ("sshd", "ssh-keygen"))
if not SSHD or not KEYGEN:
    t.skip("needs openssh-server")
PROGRAM = os.path.join(t.SOURCE, "plugins", "ssh_run", "ssh_run.py")
ROOT = tempfile.mkdtemp(prefix="tocsin-sshd-")
t.atexit.register(shutil.rmtree, ROOT, True)

# What stands on the far side: a file an interface, with the key of the call that isolated it.
ISOLATE = """#!/bin/sh
state="$(dirname "$0")/state"
mkdir -p "$state"
case $1 in
--dry-run) echo "would isolate $2"; exit 0 ;;
--was) grep -rqxF -- "$2" "$state" || exit 1; exit 0 ;;
--gone) if [ -e "$state/$2" ]; then exit 1; fi; exit 0 ;;
--rejoin) rm -f "$state/$2"; exit 0 ;;
esac
if [ "$1" = eth9 ]; then echo "no such interface" >&2; exit 3; fi
echo "$2" >"$state/$1"
echo run >>"$(dirname "$0")/runs"
if [ -e "$(dirname "$0")/hang" ]; then sleep 600; fi
echo "isolated $1"
"""


def file_of(name, text, mode=0o600):
    path = os.path.join(ROOT, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


class Sshd:
    """A server of its own on a free port, in the foreground."""

    def __init__(self):
        for key in ("host", "login", "other"):
            subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(ROOT, key)],
                           check=True, timeout=60)
        shutil.copy(os.path.join(ROOT, "login.pub"), os.path.join(ROOT, "authorized"))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = file_of("sshd_config", "\n".join((
            "ListenAddress 127.0.0.1:%d" % self.port, "HostKey %s/host" % ROOT, "UsePAM no",
            "AuthorizedKeysFile %s/authorized" % ROOT, "StrictModes no", "PidFile none",
            "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password", "LogLevel VERBOSE", "")))
        self.log = open(os.path.join(ROOT, "sshd.log"), "wb")
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        t.atexit.register(self.stop)
        t.wait_for(self.listens, 20 * t.PATIENCE)
        with open(os.path.join(ROOT, "host.pub"), encoding="ascii") as f:
            self.known = file_of("known", "[127.0.0.1]:%d %s" % (self.port, f.read()))

    def listens(self):
        assert self.process.poll() is None, open(self.log.name, encoding="utf-8").read()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def children(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            if parent == self.process.pid:
                found.append(int(pid))
        return found

    def drop(self):
        """Cuts every open connection as a lost network would: no goodbye."""
        for child in self.children():
            os.kill(child, signal.SIGKILL)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)


SERVER = Sshd()
PROGRAM_THERE = file_of("isolate", ISOLATE, 0o755)


def settings(**changes):
    out = {
        "identity": ROOT + "/login", "known_hosts": SERVER.known, "user": getpass.getuser(),
        "connect_timeout": "3s",
        "hosts": {"gw-01": {"address": "127.0.0.1", "port": SERVER.port},
                  "dead": {"address": "127.0.0.1", "port": 1}},
        "commands": {
            "isolate": {"run": [PROGRAM_THERE, "{interface}", "{key}"],
                        "undo": [PROGRAM_THERE, "--rejoin", "{interface}"],
                        "probe": [PROGRAM_THERE, "--was", "{key}"],
                        "undo_probe": [PROGRAM_THERE, "--gone", "{interface}"],
                        "plan": [PROGRAM_THERE, "--dry-run", "{interface}"],
                        "arguments": {"interface": "eth[0-9]"}},
            "say": {"run": ["/bin/echo", "{text}"], "effect": "none", "hosts": ["gw-01"],
                    "arguments": {"text": ".*"}},
            "flood": {"run": ["/usr/bin/yes"], "effect": "none", "timeout": "2s"},
            "much": {"run": ["/bin/sh", "-c", "yes | head -c 1000000; exit 4"], "effect": "none"},
            "end255": {"run": ["/bin/sh", "-c", "exit 255"], "effect": "none"}}}
    out.update(changes)
    return out


def start(given):
    return Plugin("ssh_run", [sys.executable, PROGRAM], given)


def plugin(**changes):
    p = start(settings(**changes))
    assert p.described["name"] == "ssh_run"
    return p


ETH1 = {"command": "isolate", "host": "gw-01", "with": {"interface": "eth1"}}


def isolated(interface="eth1"):
    return os.path.exists(os.path.join(ROOT, "state", interface))


def runs():
    try:
        with open(os.path.join(ROOT, "runs"), encoding="ascii") as f:
            return len(f.readlines())
    except FileNotFoundError:
        return 0


def test_plan_apply_revert():
    p = plugin()
    plan = p.ok("plan", **ETH1)
    with open(ROOT + "/host.pub", encoding="ascii"):
        pinned = subprocess.run([KEYGEN, "-l", "-f", ROOT + "/host.pub"], capture_output=True,
                                text=True, check=True).stdout.split()[1]
    assert plan == {"host": "gw-01", "address": "127.0.0.1", "user": getpass.getuser(),
                    "host_keys": [pinned], "run": "%s eth1 '{key}'" % PROGRAM_THERE,
                    "undo": "%s --rejoin eth1" % PROGRAM_THERE, "says": ["would isolate eth1"]}, plan
    assert not isolated()
    done = p.ok("apply", key="a" * 32, **ETH1)
    assert done == {"host": "gw-01", "exit": 0, "stdout": "isolated eth1\n", "stderr": ""}, done
    assert isolated()
    assert p.call("apply", kind="probe", key="a" * 32, **ETH1)["outcome"] == "ok"
    assert p.call("apply", kind="probe", key="b" * 32, **ETH1)["outcome"] == "fail"
    p.ok("revert", **ETH1)
    assert not isolated()
    assert p.call("revert", kind="probe", **ETH1)["outcome"] == "ok"
    p.stop()


def test_values_stay_values():
    p = plugin()
    for text in ("it's; touch /tmp/x", "$(id)", "`id`", "a\tb  c", "-n", "*", "ä€", "\\"):
        said = p.ok("read", command="say", host="gw-01", **{"with": {"text": text}})["stdout"]
        assert said == ("" if text == "-n" else text + "\n"), (text, said)
    for text in ("a\nb", "a\0b"):
        p.bad("fail", "refused", "read", command="say", host="gw-01", **{"with": {"text": text}})
    p.stop()


def test_what_is_refused():
    p = plugin()
    for action, args, words in (
            ("apply", dict(ETH1, host="gw-02"), "no host `gw-02`"),
            ("apply", dict(ETH1, command="rm"), "no command `rm`"),
            ("apply", dict(ETH1, **{"with": {"interface": "eth1; id"}}), "does not match"),
            ("apply", dict(ETH1, **{"with": {}}), "is missing"),
            ("apply", dict(ETH1, **{"with": {"interface": "eth1", "more": "x"}}), "no argument"),
            ("apply", dict(ETH1, line="id"), "there is no argument `line`"),
            ("read", ETH1, "has effects"),
            ("read", {"command": "say", "host": "dead", "with": {"text": "x"}}, "is not for host"),
            ("revert", {"command": "say", "host": "gw-01", "with": {"text": "x"}}, "has no `undo`"),
            ("nothing", {}, "no action")):
        assert words in p.bad("fail", "refused", action, **args), args
    assert "ended with 3: no such interface" in p.bad(
        "fail", "exit_3", "apply", **dict(ETH1, **{"with": {"interface": "eth9"}}))
    p.stop()
    for change, words in (({"identity": "key"}, "settings.identity"),
                          ({"commands": {"x": {"run": ["id"]}}}, "absolute path"),
                          ({"commands": {"x": {"run": ["/bin/id", "{who}"]}}}, "{who}"),
                          ({"commands": {"x": {"run": ["/bin/id"], "arguments": {"a": "("}}}},
                           "pattern"),
                          ({"hosts": {"a": {"address": "-oProxyCommand=id"}}}, "address"),
                          ({"shell": True}, "settings.shell")):
        p = start(settings(**change))
        assert p.described is None
        assert p.p.wait(20) == 1 and words in p.p.stderr.read(), change
        p.stop()


def test_hosts_that_fail():
    p = plugin()
    assert "refused" in p.bad("retry", "not_reached", "apply", **dict(ETH1, host="dead"))
    assert p.call("apply", kind="probe", **dict(ETH1, host="dead"))["outcome"] == "unknown"
    assert p.bad("fail", "exit_255", "read", command="end255", host="gw-01")
    assert p.bad("fail", "exit_4", "read", command="much", host="gw-01")
    assert p.bad("unknown", "in_doubt", "read", command="flood", host="gw-01")
    p.stop()
    # Another's host key: nothing is sent, and it is no case for trying again.
    with open(ROOT + "/other.pub", encoding="ascii") as f:
        wrong = file_of("wrong", "[127.0.0.1]:%d %s" % (SERVER.port, f.read()))
    before = runs()
    for known, code in ((wrong, "host_key"), (file_of("none", ""), "host_key")):
        p = plugin(known_hosts=known)
        p.bad("fail", code, "apply", **ETH1)
        p.stop()
    p = plugin(identity=ROOT + "/other")
    p.bad("fail", "login_refused", "apply", **ETH1)
    p.stop()
    # One that accepts and never speaks.
    silent = socket.create_server(("127.0.0.1", 0))
    p = plugin(hosts={"gw-01": {"address": "127.0.0.1", "port": silent.getsockname()[1]}})
    p.bad("retry", "not_reached", "apply", **ETH1)
    p.stop()
    silent.close()
    assert runs() == before and not isolated()


def test_doubt():
    p = plugin()
    file_of("hang", "")
    before = runs()
    call = p.begin("apply", ETH1, key="c" * 32)
    t.wait_for(lambda: runs() == before + 1, 30 * t.PATIENCE)
    SERVER.drop()
    m = p.end_of(call)
    assert (m["outcome"], m["error"]["code"]) == ("unknown", "in_doubt"), m
    assert p.call("apply", kind="probe", key="c" * 32, **ETH1)["outcome"] == "ok"
    # Cancelled while it runs; others go on beside it.
    call = p.begin("apply", dict(ETH1, **{"with": {"interface": "eth2"}}), key="d" * 32)
    t.wait_for(lambda: runs() == before + 2, 30 * t.PATIENCE)
    assert p.ok("read", command="say", host="gw-01", **{"with": {"text": "beside"}})
    p.say(type="cancel", id=call)
    m = p.end_of(call)
    assert (m["outcome"], m["error"]["code"]) == ("unknown", "in_doubt"), m
    os.unlink(ROOT + "/hang")
    for interface in ("eth1", "eth2"):
        p.ok("revert", **dict(ETH1, **{"with": {"interface": interface}}))
    p.stop()


PLAYBOOK = """local ssh = use "ssh_run"
return playbook { name = "contain", title = "Contain", on = "report.accepted",
  roles = { contain = "duty-manager" },
  run = function(case)
    local call = { command = "isolate", host = "gw-01", with = { interface = "eth1" } }
    local plan = ssh.plan(call)
    if approve { id = "contain", role = "contain", title = "Isolate", show = plan, within = "1h" } then
      call.undo = ssh.revert
      ssh.apply(call)
      ask { id = "over", role = "contain", title = "Is it over?", fields = { yes = flag "Over" } }
      case:unwind()
    end
    return case:close { resolution = "contained", reason = "over" }
  end }
"""


def test_through_tocsin():
    """Killed while the far command runs: the probe says it is in effect, and it ran once."""
    with t.make_dir({"plugins": [{"name": "ssh_run", "settings": settings()}],
                     "playbooks": {"dir": "own"},
                     "rules": [{"on": "report.accepted", "run": "contain"}]}) as n:
        os.mkdir(os.path.join(n.root, "own"))
        with open(os.path.join(n.root, "own", "contain.lua"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK)
        n.start()
        n.http("POST", "/api/v1/reports", {
            "kind": "incident", "title": "Scan", "text": "From there.",
            "contact": {"mail": "c@customer.example"}}, headers={"Idempotency-Key": "one"})
        task = n.task(kind="approve")
        assert "would isolate eth1" in n.cli("show", task["name"], check=0).out
        file_of("hang", "")
        before = runs()
        n.cli("approve", task["name"], "--reason", "it talks to them", as_person="duty1", check=0)
        t.wait_for(lambda: runs() == before + 1, 30 * t.PATIENCE, node=n)
        n.kill9()
        os.unlink(ROOT + "/hang")
        n.start()
        ask = n.task(kind="ask")
        assert runs() == before + 1 and isolated(), "once, and in effect"
        n.cli("answer", ask["name"], "--set", "yes=true", as_person="duty1", check=0)
        t.wait_for(lambda: not isolated(), 30 * t.PATIENCE, node=n)
        t.wait_for(lambda: n.cli("case", "list").json["items"][0]["state"] == "closed",
                   20 * t.PATIENCE, node=n)
        n.stop()


t.main()
