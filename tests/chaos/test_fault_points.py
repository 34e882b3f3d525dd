#!/usr/bin/env python3
"""kill -9 at fault points of a run that uses every kind of step, restart, go on, let the oracle judge.

First a run that only counts (TOCSIN_FAULT_TRACE); then one life per point, for as many of them, evenly
spread, as CI has time for. `./dev chaos` takes all of them, three times.
"""
import os
import sys
import time

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import driver
import oracle


def judge(node, d):
    export = os.path.join(node.root, "export.jsonl")
    verdict = t.run_cli(["audit", "verify", node.data, "--json"], check=None)
    found, counts = [], {}
    if verdict.code != 0:
        found.append("verify: %r" % verdict)
    t.run_cli(["audit", "export", "--data", node.data, "--out", export], check=0)
    more, counts = oracle.judge(export, os.path.join(node.root, "edge", "effects.jsonl"),
                                os.path.join(node.root, "mail"), d.ledger)
    return found + more, counts


def life(fault, keys=("k1",)):
    """One node that is killed at `fault`, restarted, and driven to the end."""
    with driver.make_node() as node:
        d = driver.Driver(node)
        env = {"TOCSIN_FAULT": fault} if fault else {}
        died = False
        try:
            node.start(env)
            died = not d.run(keys)
        except t.Failed as error:
            if node.alive:
                raise
            died = True  # killed before it was ready
            del error
        if died:
            node.kill9()
            node.start()
            if not d.run(keys):
                raise t.Failed("died again without a fault:\n" + node.log_text()[-3000:])
        code = node.stop()
        if code == -9 and not died:
            # The point lies in the stop itself: the next life must find nothing open.
            died = True
            node.start()
            code = node.stop()
        if code != 0:
            raise t.Failed("did not stop cleanly:\n" + node.log_text()[-3000:])
        found, counts = judge(node, d)
        if found:
            raise t.Failed("oracle: " + "; ".join(found[:5]))
        return died, counts, d.resolutions


def count_points():
    with driver.make_node() as node:
        trace = os.path.join(node.root, "trace")
        d = driver.Driver(node)
        node.start({"TOCSIN_FAULT_TRACE": trace})
        assert d.run(["k1"])
        assert node.stop() == 0
        found, counts = judge(node, d)
        assert not found, found
        with open(trace, encoding="utf-8") as f:
            names = [line.split()[1] for line in f if line.strip()]
        print("reference run: %d fault points, %s" % (len(names), dict(counts)), flush=True)
        assert counts["effects"] >= 2 and counts["mails"] >= 1, counts
        return names


def chosen(names):
    """One point of each kind, from anywhere in the run, and some more evenly spread."""
    few = t.SANITIZED or os.environ.get("TOCSIN_CHAOS") == "short"
    places = {}
    for n, name in enumerate(names, 1):
        places.setdefault(name, []).append(n)
    points = {p[len(p) // 2] for p in places.values()}
    if few:
        return sorted(points)[::3]
    return sorted(points | set(range(7, len(names) + 1, max(1, len(names) // 15))))


def test_kill_at_every_fault_point():
    names = count_points()
    rounds = int(os.environ.get("TOCSIN_CHAOS_ROUNDS", "0"))
    points = range(1, len(names) + 1) if rounds else chosen(names)
    rounds = rounds or 1
    began, lives, deaths, resolved, seen = time.monotonic(), 0, 0, 0, set()
    failures = []
    for _ in range(rounds):
        for n in points:
            try:
                died, _, resolutions = life("#%d" % n)
            except (t.Failed, AssertionError) as error:
                failures.append("#%d %s: %s" % (n, names[n - 1], str(error)[:2000]))
                if len(failures) > 5:
                    break
                continue
            lives += 1
            deaths += died
            resolved += resolutions
            seen.add(names[n - 1])
    print("%d lives, %d kills at %d kinds of point, %d steps settled by a person, %.0f s"
          % (lives, deaths, len(seen), resolved, time.monotonic() - began), flush=True)
    assert not failures, "\n".join(failures)
    assert deaths > lives // 2, "most lives should end by the fault"


if __name__ == "__main__":
    t.main()
