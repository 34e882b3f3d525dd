#!/usr/bin/env python3
"""nftables: containment in the kernel's packet filter, as an exec plugin (docs/plugin-protocol.md).

One table of our own, `inet tocsin`: the sets block4 and block6 (interval, timeout) and chains that
drop what comes from or goes to them, in input, forward and output. Every element carries the key of
the call that put it there as its comment, so that a call whose answer was lost can be looked up
(probe), an undo takes away only what its block added, and an expiry is kept by the kernel even
when tocsin is down.

Settings: {"protect": ["192.0.2.0/24"], "widest4": 16, "widest6": 32, "table": "tocsin"}.
"""
import ipaddress
import json
import re
import shutil
import subprocess
import sys

settings = {"protect": [], "widest4": 16, "widest6": 32, "table": "tocsin"}
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"
NFT = shutil.which("nft", path=PLACES) or "nft"
SS = shutil.which("ss", path=PLACES) or "ss"
DURATION = re.compile(r"([0-9]{1,6})([smhd])$")


class Refused(Exception):
    """The request cannot be done as it stands; nothing was changed."""


def send(message):
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


# --- the kernel ---------------------------------------------------------------------------------

def nft(script=None, *argv):
    """Runs nft; a script is one transaction. Its answer as JSON where there is one."""
    command = [NFT, "-f", "-"] if script is not None else [NFT, "-j", *argv]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=15,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or "nft failed").splitlines()[0])
    return json.loads(done.stdout) if done.stdout.strip() else {}


def make_table():
    """Declares everything; what is there already stays, elements too. Then the rules anew."""
    lines = ["add table inet {t}"]
    for family in "46":
        lines.append("add set inet {t} block%s {{ type ipv%s_addr; flags interval, timeout; }}"
                     % (family, family))
    for hook in ("input", "forward", "output"):
        lines.append("add chain inet {t} %s {{ type filter hook %s priority -10; policy accept; }}"
                     % (hook, hook))
        lines.append("flush chain inet {t} %s" % hook)
        for way in ("saddr", "daddr"):
            lines.append("add rule inet {t} %s ip %s @block4 counter drop" % (hook, way))
            lines.append("add rule inet {t} %s ip6 %s @block6 counter drop" % (hook, way))
    nft("\n".join(lines).format(t=settings["table"]) + "\n")


def network_of(value):
    if isinstance(value, dict) and "prefix" in value:
        return ipaddress.ip_network("%s/%d" % (value["prefix"]["addr"], value["prefix"]["len"]))
    if isinstance(value, dict) and "range" in value:
        first, last = (ipaddress.ip_address(v) for v in value["range"])
        return next(iter(ipaddress.summarize_address_range(first, last)))
    return ipaddress.ip_network(value)


def elements():
    """[(network, comment, seconds left or None)] of both sets."""
    out = []
    for family in "46":
        answer = nft(None, "list", "set", "inet", settings["table"], "block" + family)
        for item in answer["nftables"]:
            for element in item.get("set", {}).get("elem", []):
                full = element["elem"] if isinstance(element, dict) and "elem" in element else None
                out.append((network_of(full["val"] if full else element),
                            (full or {}).get("comment", ""), (full or {}).get("expires")))
    return out


def connections(networks):
    """Open TCP connections of this host with these networks: whom a block hits. May know nothing."""
    try:
        done = subprocess.run([SS, "-Htn", "state", "established"], capture_output=True,
                              text=True, timeout=10, check=False)
    except FileNotFoundError:
        return None
    counts = dict.fromkeys(networks, 0)
    for line in done.stdout.splitlines():
        peer = line.split()[-1].rsplit(":", 1)[0].strip("[]").split("%")[0]
        try:
            address = ipaddress.ip_address(peer.removeprefix("::ffff:"))
        except ValueError:
            continue
        for network in networks:
            if address.version == network.version and address in network:
                counts[network] += 1
    return counts


# --- what is asked --------------------------------------------------------------------------------

def seconds(args):
    """`timeout = "2h"`, or nothing: until unblock."""
    value = args.get("timeout")
    if value is None:
        return None
    found = DURATION.match(str(value))
    if not found or int(found[1]) == 0:
        raise Refused("timeout is a number and s, m, h or d: 2h")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def judge(text):
    """The network of an indicator, or why it is not blocked."""
    try:
        network = ipaddress.ip_network(str(text).strip(), strict=False)
    except ValueError:
        return None, "not an address or network"
    if network.prefixlen < settings["widest%d" % network.version]:
        return network, "wider than /%d" % settings["widest%d" % network.version]
    if network.is_loopback or network.is_multicast or network.is_unspecified:
        return network, "loopback, multicast or unspecified"
    for own in settings["protect"]:
        other = ipaddress.ip_network(own, strict=False)
        if other.version == network.version and other.overlaps(network):
            return network, "protected: %s" % other
    return network, None


def plan_block(args, _key):
    have = [network for network, _, _ in elements()]
    rules, refused, wanted = [], [], []
    for indicator in args.get("indicators", []):
        network, why = judge(indicator)
        if not why and any(network.version == w.version and network.overlaps(w) for w in wanted):
            why = "covered by another of the list"
        if why:
            refused.append({"indicator": str(indicator), "why": why})
            continue
        wanted.append(network)
    hit = connections(wanted)
    for network in wanted:
        there = any(network.version == h.version and network.overlaps(h) for h in have)
        rules.append({"network": str(network), "already": there,
                      "connections": hit[network] if hit is not None else None})
    return {"rules": rules, "refused": refused}


def networks_of(args):
    rules = args.get("rules")
    if not isinstance(rules, list) or not rules:
        raise Refused("rules is the list that plan_block gave")
    out = []
    for rule in rules:
        network, why = judge(rule.get("network") if isinstance(rule, dict) else rule)
        if why:
            raise Refused("%s: %s" % (network or rule, why))
        out.append(network)
    return out


def block(args, key):
    limit = seconds(args)
    have = elements()
    lines, added, left = [], [], []
    for network in networks_of(args):
        mine = [h for h, comment, _ in have if h == network and comment == mark(key)]
        other = [h for h, _, _ in have if network.version == h.version and network.overlaps(h)]
        if mine:
            added.append(str(network))  # a repeat of this very call
        elif other:
            left.append(str(network))  # somebody else's: stays theirs
        else:
            lines.append('add element inet %s block%d { %s%s comment "%s" }' % (
                settings["table"], network.version, network,
                " timeout %ds" % limit if limit else "", mark(key)))
            added.append(str(network))
    if lines:
        nft("\n".join(lines) + "\n")
    return {"blocked": added, "already": left, "key": key}


def mark(key):
    return "tocsin " + key


def unblock(args, _key):
    """As an undo it gets the block's own arguments. What was there before that block stays."""
    whose = args.get("key")
    rules = [r for r in args.get("rules") or [] if not (isinstance(r, dict) and r.get("already"))]
    wanted = networks_of({"rules": rules}) if rules else []
    if not whose and not args.get("rules"):
        raise Refused("rules is the list that block got, or key that of one block")
    lines, gone = [], []
    for network, comment, _ in elements():
        if (network in wanted and comment.startswith("tocsin ")) or (
                whose and comment == mark(whose)):
            lines.append("delete element inet %s block%d { %s }" % (
                settings["table"], network.version, network))
            gone.append(str(network))
    if lines:
        nft("\n".join(lines) + "\n")
    return {"unblocked": gone}


def listed(_args, _key):
    return {"blocked": [{"network": str(n), "by": comment.removeprefix("tocsin "),
                         "seconds_left": left} for n, comment, left in elements()]}


ACTIONS = {"plan_block": plan_block, "block": block, "unblock": unblock, "list": listed}


def start(message):
    verb = message["action"].rsplit(".", 1)[-1]
    answer = {"type": "result", "id": message["id"]}
    if verb not in ACTIONS:
        return dict(answer, outcome="fail", error={"code": "unknown_action", "message": verb})
    try:
        return dict(answer, outcome="ok",
                    result=ACTIONS[verb](message.get("args") or {}, message.get("key", "")))
    except Refused as e:
        return dict(answer, outcome="fail", error={"code": "refused", "message": str(e)})
    except subprocess.TimeoutExpired:
        return dict(answer, outcome="unknown", error={"code": "timeout", "message": "nft hangs"})
    except RuntimeError as e:  # nft's transactions are whole or nothing
        return dict(answer, outcome="fail", error={"code": "nft", "message": str(e)})


def probe(message):
    """Did the block with this key take effect? The kernel knows."""
    answer = {"type": "result", "id": message["id"]}
    there = [str(n) for n, comment, _ in elements() if comment == mark(message.get("key", ""))]
    if there:
        return dict(answer, outcome="ok",
                    result={"blocked": there, "already": [], "key": message["key"]})
    # Nothing of it is there: it did not happen, or all of it was another's or is over.
    return dict(answer, outcome="fail", error={"code": "not_there", "message": "no such mark"})


def main():
    for line in sys.stdin:
        message = json.loads(line)
        kind = message.get("type")
        if kind == "describe":
            settings.update(message.get("settings") or {})
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", settings["table"]):
                sys.exit("nftables: the setting `table` is a short name")
            try:
                make_table()
            except (RuntimeError, FileNotFoundError) as e:
                sys.exit("nftables: %s (needs the nft program and the capability net_admin)" % e)
            send({"type": "described", "name": "nftables", "version": "1.0.0",
                  "actions": sorted("nftables." + a for a in ACTIONS)})
        elif kind == "start":
            send(start(message))
        elif kind == "probe":
            send(probe(message))


if __name__ == "__main__":
    main()
