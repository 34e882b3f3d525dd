#!/usr/bin/env python3
"""kill -9 at random times under load, again and again; then the oracle judges the whole.

    random_kills.py [KILLS] [SEED]        ./dev chaos runs 1,000

Reports come in all the while; a few are always at work. The seed makes the same times, not the same
history: that is what tests/sim is for.
"""
import os
import random
import sys
import time

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import driver
import test_fault_points


def main(kills, seed):
    luck = random.Random(seed)
    with driver.make_node() as node:
        d = driver.Driver(node)
        began, made, slow = time.monotonic(), 0, 0
        for n in range(kills):
            node.start()
            end = time.monotonic() + luck.uniform(0.01, 0.6)
            while time.monotonic() < end and node.alive:
                # New work all the way: a node that has nothing to do proves nothing.
                if sum(1 for v in d.pending.values() if v is None) < 3 and made < n // 2 + 4:
                    made += 1
                    d.pending.setdefault("k%d" % made, None)
                d.turn()
            node.kill9()
            if (n + 1) % 50 == 0:
                print("%d kills, %d reports, %d settled by a person, %.0f s"
                      % (n + 1, made, d.resolutions, time.monotonic() - began), flush=True)
        node.start()
        if not d.run([], timeout=120 + kills):
            raise t.Failed("died without a kill:\n" + node.log_text()[-3000:])
        if node.stop() != 0:
            raise t.Failed("did not stop cleanly:\n" + node.log_text()[-3000:])
        found, counts = test_fault_points.judge(node, d)
        print("%d kills, %s" % (kills, dict(counts)), flush=True)
        for line in found:
            print(line)
        return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000,
                  int(sys.argv[2]) if len(sys.argv) > 2 else 1))
