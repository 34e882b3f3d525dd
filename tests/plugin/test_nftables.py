"""Containment for real: three hosts as network namespaces, tocsin on the one in the middle.

Traffic flows, a playbook blocks it with a person's approval, it is blocked, the undo lets it flow
again; expiry by the kernel alone; what the plan refuses; probe; and other rules left as they were.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import tocsin_test as t
from plugin_by_hand import Plugin

t.need_binary()
PLUGIN = os.path.join(t.SOURCE, "plugins", "nftables")
NFT = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin")
if os.getuid() != 0 or not NFT or not IP or not shutil.which("ping"):
    t.skip("needs root, nft, ip and ping")
TAG = "tsn%d" % (os.getpid() % 100000)
FW, BAD, GOOD = TAG + "f", TAG + "b", TAG + "g"


def run(*argv, code=0, **more):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **more)
    assert code is None or done.returncode == code, (argv, done.stdout, done.stderr)
    return done


def inside(name, *argv, **more):
    return run(IP, "netns", "exec", name, *argv, **more)


def network():
    for name in (FW, BAD, GOOD):
        if run(IP, "netns", "add", name, code=None).returncode != 0:
            t.skip("network namespaces cannot be made here")
        t.atexit.register(run, IP, "netns", "del", name, code=None)
        inside(name, IP, "link", "set", "lo", "up")
    for host, net in ((BAD, "203.0.113"), (GOOD, "192.0.2")):
        a, b = TAG + host[-1] + "0", TAG + host[-1] + "1"
        run(IP, "link", "add", a, "netns", host, "type", "veth", "peer", "name", b, "netns", FW)
        for name, dev, last in ((host, a, "7"), (FW, b, "1")):
            inside(name, IP, "addr", "add", "%s.%s/24" % (net, last), "dev", dev)
            inside(name, IP, "link", "set", dev, "up")
        inside(host, IP, "route", "add", "default", "via", net + ".1")
    inside(FW, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    if inside(FW, NFT, "add", "table", "inet", "other", code=None).returncode != 0:
        t.skip("this kernel has no nftables here")
    inside(FW, NFT, "add", "set", "inet", "other", "block4", "{ type ipv4_addr; }")


def flows():
    return inside(BAD, "ping", "-c", "1", "-W", "1", "192.0.2.7", code=None).returncode == 0


def plugin(**settings):
    p = Plugin("nftables", [IP, "netns", "exec", FW, sys.executable, os.path.join(PLUGIN, "nftables.py")],
               settings)
    assert p.described["type"] == "described"
    return p


def test_plugin():
    p = plugin(protect=["192.0.2.0/24"])
    plan = p.ok("plan_block", indicators=["203.0.113.7", "203.0.113.7/32", "192.0.2.9", "10.0.0.0/8",
                                          "nonsense", "2001:db8::1", "127.0.0.1"])
    assert [r["network"] for r in plan["rules"]] == ["203.0.113.7/32", "2001:db8::1/128"], plan
    assert {r["indicator"]: r["why"] for r in plan["refused"]} == {
        "203.0.113.7/32": "covered by another of the list", "192.0.2.9": "protected: 192.0.2.0/24",
        "10.0.0.0/8": "wider than /16", "nonsense": "not an address or network",
        "127.0.0.1": "loopback, multicast or unspecified"}, plan
    assert flows()
    one, two = "1" * 32, "2" * 32
    assert p.call("block", key=one, kind="probe")["outcome"] == "fail"
    assert p.ok("block", key=one, rules=plan["rules"])["blocked"] == ["203.0.113.7/32",
                                                                   "2001:db8::1/128"]
    assert not flows()
    assert p.call("block", key=one, kind="probe")["outcome"] == "ok"
    # The same call again changes nothing; another's call leaves it to its owner.
    assert p.ok("block", key=one, rules=plan["rules"])["already"] == []
    again = p.ok("plan_block", indicators=["203.0.113.0/24"])["rules"]
    assert again[0]["already"] is True
    assert p.ok("block", key=two, rules=again)["already"] == ["203.0.113.0/24"]
    assert p.ok("unblock", key=two, rules=again)["unblocked"] == []
    assert not flows()
    # It is killed, comes back, and knows what is there.
    assert p.stop() == 0
    p = plugin()
    assert not flows() and len(p.ok("list")["blocked"]) == 2
    assert p.ok("unblock", rules=plan["rules"])["unblocked"] == ["203.0.113.7/32",
                                                               "2001:db8::1/128"]
    assert flows() and p.ok("unblock", rules=plan["rules"])["unblocked"] == []
    # The kernel alone ends what has an end.
    assert p.ok("block", key=two, rules=plan["rules"], timeout="2s")["blocked"]
    assert not flows()
    assert p.stop() == 0
    t.wait_for(flows, 15 * t.PATIENCE)
    p = plugin()
    bad = p.call("block", key=two, rules=plan["rules"], timeout="soon")
    assert (bad["outcome"], bad["error"]["code"]) == ("fail", "refused"), bad
    assert p.call("block", key=two, rules=[{"network": "0.0.0.0/0"}])["outcome"] == "fail"
    assert p.call("nothing")["outcome"] == "fail"
    assert p.stop() == 0
    tables = json.loads(inside(FW, NFT, "-j", "list", "tables").stdout)["nftables"]
    assert sorted(x["table"]["name"] for x in tables if "table" in x) == ["other", "tocsin"]
    inside(FW, NFT, "delete", "table", "inet", "tocsin")


PLAYBOOK = """local fw = use "nftables"
return playbook { name = "contain", title = "Contain", on = "report.accepted",
  roles = { contain = "duty-manager" },
  run = function(case)
    local plan = fw.plan_block { indicators = case.report.indicators }
    local ok = approve { id = "contain", role = "contain", title = "Block", show = plan,
                         within = "1h" }
    if ok then
      fw.block { rules = plan.rules, timeout = "8h", undo = fw.unblock }
      ask { id = "over", role = "contain", title = "Is it over?", fields = { yes = flag "Over" } }
      case:unwind()
    end
    return case:close { resolution = "contained", reason = "over" }
  end }
"""


def test_through_tocsin():
    with t.make_dir({"plugins": [{"name": "nftables", "settings": {"protect": ["192.0.2.0/24"]}}],
                     "playbooks": {"dir": "own"},
                     "rules": [{"on": "report.accepted", "run": "contain"}]}) as n:
        os.mkdir(os.path.join(n.root, "own"))
        with open(os.path.join(n.root, "own", "contain.lua"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK)
        binary, t.BINARY = t.BINARY, os.path.join(n.root, "tocsin-in-fw")
        with open(t.BINARY, "w", encoding="ascii") as f:
            f.write('#!/bin/sh\nexec %s netns exec %s %s "$@"\n' % (IP, FW, binary))
        os.chmod(t.BINARY, 0o755)
        try:
            n.start()
        finally:
            t.BINARY = binary
        assert flows()
        n.http("POST", "/api/v1/reports", {
            "kind": "incident", "title": "Scan", "text": "From there.",
            "indicators": ["203.0.113.7"], "contact": {"mail": "c@customer.example"}},
               headers={"Idempotency-Key": "one"})
        task = n.task(kind="approve")
        n.cli("approve", task["name"], "--reason", "they are hostile", as_person="duty1", check=0)
        ask = n.task(kind="ask")
        assert not flows(), "blocked once the approved step is done"
        n.kill9()
        assert not flows(), "also while tocsin is down"
        t.BINARY, binary = os.path.join(n.root, "tocsin-in-fw"), t.BINARY
        try:
            n.start()
        finally:
            t.BINARY = binary
        n.cli("answer", ask["name"], "--set", "yes=true", as_person="duty1", check=0)
        t.wait_for(flows, 20 * t.PATIENCE, node=n)
        t.wait_for(lambda: n.cli("case", "list").json["items"][0]["state"] == "closed",
                   20 * t.PATIENCE, node=n)
        n.stop()


network()
t.main()
