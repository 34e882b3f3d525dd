#!/usr/bin/env python3
"""edge: deny rules for edge firewalls, kept in one JSON file per firewall.

Speaks the exec-plugin protocol of docs/plugin-protocol.md: JSON lines on stdin and stdout.
Settings: {"dir": where the files are, "targets": ["edge-fw-01"], "protect": {"net/len": n}}.
Every change that is really made is one line in DIR/effects.jsonl, written before the rules file
is replaced: that file is the firewall's own log, which tests compare with tocsin's.
"""
import ipaddress
import json
import os
import sys
import time

settings = {"dir": "", "targets": ["edge-fw-01"], "protect": {}}


def send(message):
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def rules_path(target):
    return os.path.join(settings["dir"], target + ".json")


def load(target):
    try:
        with open(rules_path(target), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return []


def replace(target, rules):
    path = rules_path(target)
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(rules, f)
        f.flush()
        os.fsync(f.fileno())
    os.rename(path + ".new", path)


def note(action, key, args):
    line = json.dumps({"time": time.time(), "action": action, "key": key, "args": args})
    with open(os.path.join(settings["dir"], "effects.jsonl"), "a", encoding="utf-8") as f:
        f.write(line + "\n")
        f.flush()
        os.fsync(f.fileno())


def plan_block(args, _key):
    rules = []
    for indicator in args.get("indicators", []):
        net = ipaddress.ip_network(indicator, strict=False)
        hit = sum(n for other, n in settings.get("protect", {}).items()
                  if ipaddress.ip_network(other).overlaps(net))
        rules.append({"rule": "deny %s" % net, "customers": hit})
    return {"rules": rules, "targets": settings["targets"]}


def apply(args, key):
    note("edge.apply", key, args)
    wanted = [r["rule"] for r in args["rules"]]
    for target in args.get("targets", settings["targets"]):
        have = load(target)
        replace(target, have + [r for r in wanted if r not in have])
    return {"applied": len(wanted), "targets": args.get("targets", settings["targets"])}


def remove(args, key):
    note("edge.remove", key, args)
    unwanted = {r["rule"] for r in args["rules"]}
    for target in args.get("targets", settings["targets"]):
        replace(target, [r for r in load(target) if r not in unwanted])
    return {"removed": len(unwanted)}


ACTIONS = {"plan_block": plan_block, "apply": apply, "remove": remove}


def start(message):
    verb = message["action"].rsplit(".", 1)[-1]
    try:
        result = ACTIONS[verb](message.get("args", {}), message.get("key", ""))
        return {"type": "result", "id": message["id"], "outcome": "ok", "result": result}
    except KeyError as e:
        what = "missing argument or unknown action: %s" % e
    except ValueError as e:
        what = str(e)
    return {"type": "result", "id": message["id"], "outcome": "fail",
            "error": {"code": "bad_request", "message": what}}


def main():
    for line in sys.stdin:
        message = json.loads(line)
        kind = message.get("type")
        if kind == "describe":
            settings.update(message.get("settings") or {})
            if not os.path.isabs(settings["dir"]):
                sys.exit("edge: settings need `dir`, an absolute path for the rules files")
            os.makedirs(settings["dir"], exist_ok=True)
            send({"type": "described", "name": "edge", "version": "1.0.0",
                  "actions": sorted("edge." + a for a in ACTIONS)})
        elif kind == "start":
            send(start(message))


if __name__ == "__main__":
    main()
