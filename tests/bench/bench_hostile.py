"""How long an answer of the core takes while a hundred runs try to hang the node, beside the same answers of
an idle node. The loop answers between its other work, so what it is kept from shows here. Fails at 20 ms p99.
TOCSIN_BENCH_ROUNDS (default 3): the best p99 counts, since other work on the machine can only add to it."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import test_hostile_runs as hostile

GOAL_MS = 20.0
ROUNDS = int(os.environ.get("TOCSIN_BENCH_ROUNDS", "3"))
found = []
for _ in range(ROUNDS):
    with hostile.hostile_node(cpu="250ms") as node:  # the budgets of a real node
        node.start()
        idle, busy = hostile.Watch(node), hostile.Watch(node)
        for _ in range(1000):
            idle.look()
        began = time.monotonic()
        over = hostile.hostile_hundred(node, busy)
        took = time.monotonic() - began
        finished = sum(row["state"] == "finished" for _, row in over.values())
        print("idle:             %s" % idle)
        print("100 hostile runs: %s; all over after %.1f s, %d others finished" % (busy, took, finished))
        assert finished == 20, finished
        found.append(busy.at(.99))
p99 = min(found)
print("p99 %.2f ms, goal under %.0f ms: %s" % (p99, GOAL_MS, "met" if p99 < GOAL_MS else "MISSED"))
sys.exit(0 if p99 < GOAL_MS else 1)
