"""A page of the log out of many entries: ms for 100 entries by query, beside a look-up of one row by its
key over the same connection; and each report's time. TOCSIN_BENCH_ENTRIES (default 1,000,000)."""
import os
import sys
import time
from urllib.parse import quote

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))
import seedlib
import tocsin_test as t

N = int(os.environ.get("TOCSIN_BENCH_ENTRIES", "1000000"))
CASES = ["01JDB3%020d" % i for i in range(2000)]
KINDS = ["step.intent", "step.result", "run.started", "run.closed", "case.note", "task.asked"]
node = t.make_dir()
os.makedirs(node.data, exist_ok=True)
seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"), "".join(
    '{"at":%d,"kind":"%s","actor":"u:resp%d","case":"%s","case_chain":true,"reason":"x%d",'
    '"outcome":"%s"}\n' % (seedlib.START + i * 1000,
                           "audit.rare" if i == 500 else KINDS[i % 6], i % 5,
                           CASES[(i * 7919) % 2000], i % 97, "ok" if i % 5000 else "fail")
    for i in range(N)))
node.start()


def best(path, times=7):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = node.http("GET", path, as_person="audit1", timeout=300)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer
    return min(took), answer.json


began = time.perf_counter()
best("/api/v1/audit/entries?limit=1", 1)
print("index of %d entries made in %.1f s" % (N, time.perf_counter() - began))
one, _ = best("/api/v1/me")
print("%-52s %7.1f ms" % ("an answer without any look-up", one))
for query in ("", "case:" + CASES[5], "case:%s kind:step.result" % CASES[5], "actor:resp1",
              "outcome:fail", "kind:step.result outcome:fail", "kind:audit.rare",
              "kind:audit.*", "text:zebra", "x42", "time:2025-11-25",
              "until:2025-11-26 kind:case.note", "tlp:<=green"):
    ms, page = best("/api/v1/audit/entries?limit=100&q=" + quote(query))
    print("%-52s %7.1f ms  %3d entries%s" % (query or "(newest)", ms, len(page["items"]),
                                             "" if page["older"] is None else ", and older"))
for report in t.run_cli(["audit", "report", "--json"], check=0).json["items"]:
    ms, page = best("/api/v1/audit/reports/%s?limit=100&case=%s" % (report["name"], CASES[5]), 1)
    print("report %-45s %7.1f ms  of one case" % (report["name"], ms))
node.stop()
