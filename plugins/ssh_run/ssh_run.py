#!/usr/bin/env python3
"""ssh_run: commands of a fixed list on hosts of a fixed list, as an exec plugin.

The protocol is in docs/plugin-protocol.md, the settings in README.md. The OpenSSH client does the
work, without its configuration files, with pinned host keys, one key file, no agent, no
forwarding, no terminal. ssh joins its words and the far side's shell parts them again, so each
word is quoted for a POSIX shell, and each value must match its pattern whole.

Whether a command may have begun is read from the client's own log: before it says "Sending
command" nothing happened (retry); after that, a lost connection is in doubt (unknown).
"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

SSH = shutil.which("ssh", path="/usr/bin:/bin:/usr/local/bin") or "ssh"
KEYGEN = shutil.which("ssh-keygen", path="/usr/bin:/bin:/usr/local/bin") or "ssh-keygen"
STDOUT_MAX, STDERR_MAX = 65536, 4096
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LOGIN = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
ADDRESS = re.compile(r"[0-9A-Za-z:][0-9A-Za-z.:%_-]{0,252}")
FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
DURATION = re.compile(r"([0-9]{1,4})(s|m)")
PARTS = ("run", "undo", "probe", "undo_probe", "plan")

# What the client says when trying again is of no use.
REFUSALS = (("host_key", "Host key verification failed"), ("login_refused", "Permission denied"))

settings = {}
running = {}  # id of a call: its process, or None before it started and True once cancelled
lock = threading.Lock()


class Refused(Exception):
    """The request cannot be done as it stands; nothing was sent."""


class Failed(Exception):
    """The command, or the host before it, said no: (code, message)."""


class NotReached(Exception):
    """No command was sent: later it may work."""


class Unknown(Exception):
    """A command was sent and its end was not seen."""


def send(message):
    with lock:
        sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
        sys.stdout.flush()


# --- settings -----------------------------------------------------------------------------------

def check(condition, where, what):
    if not condition:
        sys.exit("ssh_run: settings.%s: %s" % (where, what))


def check_words(where, words, fields):
    check(isinstance(words, list) and words and all(isinstance(w, str) and w for w in words), where,
          "is a list of words: [ /usr/local/sbin/isolate, \"{interface}\" ]")
    check(words[0].startswith("/"), where, "begins with an absolute path")
    for word in words[1:]:
        for field in FIELD.findall(word):
            check(field in fields or field == "key", where,
                  "{%s} is no argument of this command" % field)
    check(not FIELD.search(words[0]), where, "the program itself is no argument")


def check_command(name, command):
    where = "commands.%s" % name
    check(NAME.fullmatch(name), where, "a name is a-z, 0-9, _ and -")
    check(isinstance(command, dict), where, "is a mapping with `run`")
    known = set(PARTS) | {"effect", "arguments", "timeout", "hosts"}
    for member in command:
        check(member in known, where, "does not know `%s` (%s)" % (member, ", ".join(sorted(known))))
    arguments = command.setdefault("arguments", {})
    for field, pattern in arguments.items():
        check(FIELD.fullmatch("{%s}" % field) and field != "key", where,
              "an argument's name is a-z, 0-9, _ and not key")
        try:
            re.compile(pattern)
        except (re.error, TypeError) as e:
            check(False, "%s.arguments.%s" % (where, field), "is no pattern: %s" % e)
    check("run" in command, where, "needs `run`")
    for part in PARTS:
        if part in command:
            check_words("%s.%s" % (where, part), command[part], arguments)
    check(command.setdefault("effect", "external") in ("none", "external"), where,
          "effect is none or external")
    found = DURATION.fullmatch(str(command.setdefault("timeout", "60s")))
    check(found and 0 < seconds(command["timeout"]) <= 240, where, "timeout is 1s to 240s")
    for host in command.setdefault("hosts", []):
        check(host in settings["hosts"], where, "there is no host `%s`" % host)


def seconds(text):
    found = DURATION.fullmatch(str(text))
    return int(found[1]) * (60 if found[2] == "m" else 1)


def read_settings(given):
    settings.update({"hosts": {}, "commands": {}, "user": "tocsin", "connect_timeout": "10s"})
    known = {"hosts", "commands", "user", "identity", "known_hosts", "connect_timeout"}
    for member, value in given.items():
        check(member in known, member, "is not known (%s)" % ", ".join(sorted(known)))
        settings[member] = value
    for member in ("hosts", "commands"):
        check(isinstance(settings[member], dict), member, "is a mapping by name")
    for member in ("identity", "known_hosts"):
        if settings["hosts"]:
            check(str(settings.get(member, "")).startswith("/"), member,
                  "the absolute path of a file is needed")
    check(LOGIN.fullmatch(str(settings["user"])), "user", "is a login name")
    check(DURATION.fullmatch(str(settings["connect_timeout"])), "connect_timeout", "is a time: 10s")
    for name, host in settings["hosts"].items():
        where = "hosts.%s" % name
        check(NAME.fullmatch(name) and isinstance(host, dict), where, "is a mapping with `address`")
        for member in host:
            check(member in ("address", "port", "user"), where, "does not know `%s`" % member)
        check(ADDRESS.fullmatch(str(host.get("address", ""))), where, "needs an address")
        host.setdefault("port", 22)
        host.setdefault("user", settings["user"])
        check(isinstance(host["port"], int) and 0 < host["port"] < 65536, where, "port is 1 to 65535")
        check(LOGIN.fullmatch(str(host["user"])), where, "user is a login name")
    for name, command in settings["commands"].items():
        check_command(name, command)


# --- one command on one host --------------------------------------------------------------------

def chosen(args, part, effect=None):
    """(host's name, host, command, words of this part) for the arguments of a call."""
    for member in args:
        if member not in ("host", "command", "with"):
            raise Refused("there is no argument `%s`; it takes host, command and with" % member)
    host, command = (settings[table].get(str(args.get(member))) for table, member in
                     (("hosts", "host"), ("commands", "command")))
    for what, found, member in (("host", host, "host"), ("command", command, "command")):
        if not found:
            raise Refused("the settings have no %s `%s`" % (what, args.get(member)))
    if command["hosts"] and args["host"] not in command["hosts"]:
        raise Refused("command `%s` is not for host `%s`" % (args["command"], args["host"]))
    if effect and command["effect"] != effect:
        raise Refused("command `%s` has effects: use apply" % args["command"])
    if part not in command:
        raise Refused("command `%s` has no `%s`" % (args["command"], part))
    return host, command


def words_of(command, part, args, key):
    values = args.get("with") or {}
    if not isinstance(values, dict):
        raise Refused("with is a table of values by name")
    for name in values:
        if name not in command["arguments"]:
            raise Refused("command `%s` has no argument `%s`" % (args["command"], name))
    filled = {"key": key}
    for name, pattern in command["arguments"].items():
        if name not in values:
            raise Refused("argument `%s` is missing" % name)
        text = values[name] if isinstance(values[name], str) else json.dumps(values[name])
        if not re.fullmatch(pattern, text) or "\n" in text or "\0" in text:
            raise Refused("argument `%s` does not match %s" % (name, pattern))
        filled[name] = text
    return [FIELD.sub(lambda m: filled[m[1]], word) for word in command[part]]


def client(host, words, log):
    line = [SSH, "-F", "none", "-T", "-n", "-E", log, "-i", settings["identity"],
            "-p", str(host["port"]), "-l", host["user"]]
    for option in ("LogLevel=DEBUG1", "BatchMode=yes", "StrictHostKeyChecking=yes",
                   "UserKnownHostsFile=%s" % settings["known_hosts"],
                   "GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no", "IdentitiesOnly=yes",
                   "IdentityAgent=none", "PreferredAuthentications=publickey",
                   "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no",
                   "PermitLocalCommand=no", "ControlMaster=no", "ControlPath=none",
                   "CanonicalizeHostname=no", "VerifyHostKeyDNS=no", "ServerAliveInterval=5",
                   "ServerAliveCountMax=3", "ConnectTimeout=%d" % seconds(
                       settings["connect_timeout"])):
        line += ["-o", option]
    return line + ["--", host["address"], " ".join(shlex.quote(w) for w in words)]


def read_end(stream, most, into):
    """Keeps the first `most` bytes and reads on, so that the far side never blocks."""
    kept = b""
    while True:
        piece = stream.read1(65536)
        if not piece:
            break
        kept += piece[:max(0, most - len(kept))]
    into.append(kept.decode("utf-8", "replace"))


def why_not(log):
    """The client's own words, without its debugging lines."""
    lines = [line.strip() for line in log.splitlines() if not line.startswith("debug")]
    said = [line for line in lines if line and not line.startswith(("Authenticated to",
                                                                    "Transferred:", "Bytes per"))]
    return said[-1][:300] if said else "no answer"


def run(call, host, words, limit):
    """(exit code, stdout, stderr) of the far command."""
    with tempfile.TemporaryDirectory(prefix="tocsin-ssh-") as folder:
        path = os.path.join(folder, "log")
        with lock:
            if running.get(call):
                raise NotReached("cancelled before it began")
            process = subprocess.Popen(client(host, words, path), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       start_new_session=True)
            running[call] = process
        out, err = [], []
        readers = [threading.Thread(target=read_end, args=a, daemon=True) for a in
                   ((process.stdout, STDOUT_MAX, out), (process.stderr, STDERR_MAX, err))]
        for reader in readers:
            reader.start()
        late = False
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            late, code = True, kill(process)
        for reader in readers:
            reader.join()
        with open(path, encoding="utf-8", errors="replace") as f:
            log = f.read()
    sent = "debug1: Sending command" in log
    if late or code < 0:
        if sent:
            raise Unknown("no end after %d s" % limit if late else "cancelled while it ran")
        raise NotReached("no connection within %d s" % limit if late else "cancelled")
    # 255 is ssh's own failure; a far command may end with it too, and then its end was announced.
    if code == 255 and "client_input_channel_req: channel 0 rtype exit-status" not in log:
        if sent:
            raise Unknown("the connection was lost: " + why_not(log))
        for code, words in REFUSALS:
            if words in log:
                raise Failed(code, why_not(log))
        raise NotReached(why_not(log))
    return code, out[0], err[0]


def kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return process.wait()


def fingerprint(host):
    """Fingerprints of the host's pinned keys."""
    name = host["address"] if host["port"] == 22 else "[%s]:%d" % (host["address"], host["port"])
    done = subprocess.run([KEYGEN, "-l", "-F", name, "-f", settings["known_hosts"]], timeout=10,
                          capture_output=True, text=True, check=False)
    return sorted(set(re.findall(r"SHA256:[0-9A-Za-z+/]{43}", done.stdout)))


# --- what is asked --------------------------------------------------------------------------------

def shown(words):
    return " ".join(shlex.quote(w) for w in words)


def plan(call, args, _key):
    host, command = chosen(args, "run")
    says = None
    pinned = fingerprint(host)
    if not pinned:
        raise Refused("no key of %s is pinned in known_hosts" % args["host"])
    if "plan" in command:
        code, out, err = run(call, host, words_of(command, "plan", args, ""),
                             min(50, seconds(command["timeout"])))
        if code != 0:
            raise Refused("the plan of `%s` ended with %d: %s" % (args["command"], code,
                                                                (err or out).strip()[:300]))
        says = out.splitlines()
    # The key stands for itself: it differs with each call.
    return {"host": args["host"], "address": host["address"], "user": host["user"],
            "host_keys": pinned, "run": shown(words_of(command, "run", args, "{key}")),
            "undo": shown(words_of(command, "undo", args, "{key}")) if "undo" in command else None,
            "says": says}


def execute(call, args, key, part, effect=None):
    host, command = chosen(args, part, effect)
    code, out, err = run(call, host, words_of(command, part, args, key),
                         seconds(command["timeout"]))
    if code != 0:
        raise Failed("exit_%d" % code, "`%s` on %s ended with %d: %s" % (
            args["command"], args["host"], code, (err or out).strip()[:300]))
    return {"host": args["host"], "exit": code, "stdout": out, "stderr": err}


def read(call, args, key):
    return execute(call, args, key, "run", effect="none")


def apply(call, args, key):
    return execute(call, args, key, "run")


def revert(call, args, key):
    return execute(call, args, key, "undo")


ACTIONS = {"plan": plan, "read": read, "apply": apply, "revert": revert}


def start(message, verb):
    return ACTIONS[verb](message["id"], message.get("args") or {}, message.get("key", ""))


def probe(message, verb):
    """The command's own probe: 0 = it is in effect, 1 = it is not, anything else: unknown."""
    args = message.get("args") or {}
    part = {"apply": "probe", "revert": "undo_probe"}.get(verb)
    try:
        host, command = chosen(args, part)
    except Refused as e:
        raise Unknown(str(e)) from e
    code, out, err = run(message["id"], host, words_of(command, part, args, message.get("key", "")),
                         min(50, seconds(command["timeout"])))
    if code == 0:
        return {"host": args["host"], "exit": 0, "stdout": out, "stderr": err}
    if code == 1:
        raise Failed("not_there", "the probe of `%s` says it is not in effect" % args["command"])
    raise Unknown("the probe of `%s` ended with %d" % (args["command"], code))


def answer(message, work):
    verb = message["action"].rsplit(".", 1)[-1]
    out = {"type": "result", "id": message["id"]}

    def end(outcome, code, text):
        out.update(outcome=outcome, error={"code": code, "message": str(text)})

    probing = work is probe
    try:
        if verb not in ACTIONS:
            raise Refused("there is no action `%s`" % verb)
        out.update(outcome="ok", result=work(message, verb))
    except Refused as e:
        end("fail", "refused", e)
    except Failed as e:
        end("fail", *e.args)
    except Unknown as e:
        end("unknown", "in_doubt", e)
    except NotReached as e:
        # A probe that reached nobody knows nothing.
        end("unknown" if probing else "retry", "not_reached", e)
    except OSError as e:
        end("unknown" if probing else "fail", "local", e)
    with lock:
        running.pop(message["id"], None)
    send(out)


def cancel(call):
    with lock:
        process = running.get(call)
        if call in running:
            running[call] = process or True
    if isinstance(process, subprocess.Popen):
        kill(process)


def main():
    for line in sys.stdin:
        message = json.loads(line)
        kind = message.get("type")
        if kind == "describe":
            read_settings(message.get("settings") or {})
            send({"type": "described", "name": "ssh_run", "version": "1.0.0",
                  "actions": sorted("ssh_run." + a for a in ACTIONS)})
        elif kind in ("start", "probe"):
            with lock:
                running[message["id"]] = None
            threading.Thread(target=answer, args=(message, probe if kind == "probe" else start),
                             daemon=True).start()
        elif kind == "cancel":
            cancel(message["id"])


if __name__ == "__main__":
    main()
