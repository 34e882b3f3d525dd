"""The 24 reports over a made-up history against what an independent script computes from the
exported log; every row leads to entries; filters, table, CSV, JSON; the same through the daemon."""
import csv
import io
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle_reports as oracle
import seedlib
import tocsin_test as t

CASES = int(os.environ.get("TOCSIN_REPORT_CASES", "250"))
AT = "2026-03-01T00:00:00.000Z"
node = t.make_dir()
os.makedirs(node.data, exist_ok=True)
history = seedlib.History(7, CASES)
size = seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"), history.lines())
assert size == len(history.events)
exported = t.run_cli(["audit", "export", "--data", node.data], check=0)
log = oracle.Log(oracle.load(exported.out.splitlines()),
                 {seq: e["fields"] for seq, e in enumerate(history.events) if "fields" in e},
                 oracle.parse_time(AT))
NAMES = [r["name"] for r in t.run_cli(["audit", "report", "--json"], check=0).json["items"]]


def ask(name, *more):
    return t.run_cli(["audit", "report", name, node.data, "--at", AT, "--json"] + list(more),
                     check=0, timeout=120).json


def rows_of(out):
    return [[item[c] for c in out["columns"]] for item in out["items"]]


def expected(name):
    if name == "sample":
        return log.sample("audit 2026")
    return getattr(log, name.replace("-", "_"))()


def test_there_are_24_and_each_says_what_it_answers():
    assert len(NAMES) == 24 and len(set(NAMES)) == 24, NAMES
    listed = t.run_cli(["audit", "report"], check=0).out
    for name in NAMES:
        assert name in listed


def test_every_report_equals_the_independent_answer():
    for name in NAMES:
        out = ask(name, "--seed", "audit 2026")
        got, want = rows_of(out), expected(name)
        assert len(want) > 0, name + " has no rows in this history: it would prove nothing"
        for i, (a, b) in enumerate(zip(got, want)):
            assert a == b, "%s row %d\n got  %s\n want %s\n %s" % (name, i, a, b, out["columns"])
        assert len(got) == len(want), (name, len(got), len(want))


def test_every_row_names_entries():
    for name in NAMES:
        out = ask(name)
        for item in out["items"]:
            places = [v for k, v in item.items() if k.endswith("entry") and v is not None]
            assert places and all(0 <= v < size for v in places), (name, item)


def test_filters():
    case = log.kind("case.created")[5]["case"]
    got = rows_of(ask("case-timeline", "--case", case))
    assert got == [row for row in log.case_timeline() if log.all[row[0]]["case"] == case] and got
    since, until = "2025-11-25", "2025-11-26"
    got = rows_of(ask("dispositions", "--since", since, "--until", until))
    want = [row for row in log.dispositions() if since <= row[1] < "2025-11-27"]
    assert got == want and 0 < len(want) < len(log.dispositions())
    some = ask("sample", "--seed", "audit 2026", "--limit", "5")
    assert rows_of(some) == log.sample("audit 2026")[:5] and some["next"] == 5
    assert rows_of(ask("sample", "--seed", "another")) != log.sample("audit 2026")


def test_csv_round_trip():
    for name in ("approvals", "privileged", "mttx"):
        text = t.run_cli(["audit", "report", name, node.data, "--at", AT, "--csv"], check=0).out
        rows = list(csv.reader(io.StringIO(text, newline="")))
        out = ask(name)
        assert rows[0] == out["columns"]
        assert rows[1:] == [["" if v is None else str(v) for v in row] for row in rows_of(out)]


def test_without_the_key_what_is_sealed_reads_as_nothing():
    copy = t.make_dir(init=False)
    os.makedirs(copy.data)
    with open(node.database, "rb") as source, open(copy.database, "wb") as target:
        target.write(source.read())
    out = t.run_cli(["audit", "report", "privileged", copy.data, "--json"], check=0).json
    assert out["items"] and all(item["object"] is None for item in out["items"])


def test_mistakes_are_named():
    bad = t.run_cli(["audit", "report", "aprovals", node.data, "--json"], check=4)
    assert bad.error["code"] == "V203" and "approvals" in bad.error["hint"], bad
    bad = t.run_cli(["audit", "report", "mttx", node.data, "--since", "soon", "--json"])
    assert bad.code != 0 and bad.error["code"] == "U002", bad
    t.run_cli(["audit", "report", "mttx", "/nowhere", "--json"], check=4)


def test_the_daemon_gives_the_same_and_writes_down_who_asked():
    with node:
        node.start()
        for name in ("approvals", "mttx", "sample"):
            out = node.cli("audit", "report", name, "--at", AT, "--seed", "audit 2026",
                           as_person="audit1", check=0).json
            assert rows_of(out) == expected(name), name
        again = node.cli("audit", "report", "mttx", "--at", AT, "--seed", "audit 2026",
                         as_person="audit1", check=0).json
        assert again["rows" if "rows" in again else "items"]
        looks = node.cli("audit", "report", "log-access", "--since", "2026-06-01",
                         as_person="lead1", check=0).json["items"]
        mine = [x for x in looks if x["actor"] == "u:audit1"]
        # Equal questions within the hour are one entry.
        assert [x["what"] for x in mine] == ["approvals", "mttx", "sample"], looks
        assert [x["what"] for x in looks if x["actor"] == "u:lead1"] == ["log-access"]
        assert node.cli("audit", "report", "nothing", check=4).error["code"] == "V203"
        assert node.http("GET", "/api/v1/audit/reports/nothing").status == 404
        intake = node.token("intake", "report:submit,read")
        assert node.http("GET", "/api/v1/audit/reports/mttx", token=intake).status == 403
        node.stop()


t.main()
