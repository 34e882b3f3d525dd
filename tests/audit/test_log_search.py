"""`audit log` by query against a search by hand over the exported entries: terms, paging in both
directions, bounded pages, the caret under a mistake, who asked, the same over HTTP."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle_reports as oracle
import seedlib
import tocsin_test as t

RANK = oracle.RANK
node = t.make_dir()
os.makedirs(node.data, exist_ok=True)
history = seedlib.History(11, 150)
CASES = sorted({e["case"] for e in history.events if "case" in e})
RUNS = sorted({e["run"] for e in history.events if "run" in e})
NAMED = CASES[3]
LINES = history.lines() + '{"case_row":{"id":"%s","name":"PSIRT-2026-0042"}}\n' % NAMED
SIZE = seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"), LINES)
LOG = oracle.load(t.run_cli(["audit", "export", "--data", node.data], check=0).out.splitlines())
node.start()


def get(path, **more):
    more.setdefault("as_person", "audit1")
    return node.http("GET", "/api/v1/audit/entries?" + path, **more)


def quote(text):
    from urllib.parse import quote as q
    return q(text, safe="")


def search(query, tlp=None):
    """All of a query, page by page from the newest, at most what the log had at the start."""
    seqs, before = [], ""
    for _ in range(1000):
        page = get("limit=37&q=%s%s%s" % (quote(query), before, "&tlp=" + quote(tlp) if tlp else ""),
                   check=200).json
        seqs = [e["seq"] for e in page["items"]] + seqs
        if page["older"] is None:
            return [s for s in seqs if s < SIZE]
        before = "&before=" + page["older"]
    raise AssertionError("no end of pages")


WORDS = ("kind", "actor", "outcome", "reason", "from", "to", "step", "playbook", "chain", "tlp")


def by_hand(*tests):
    return [e["seq"] for e in LOG if all(test(e) for test in tests)]


def test_terms():
    one = LOG[SIZE // 2]
    checks = [
        ("", lambda e: True),
        ("kind:case.created", lambda e: e["kind"] == "case.created"),
        ("kind:step.*", lambda e: e["kind"].startswith("step.")),
        ("-kind:step.*,run.*", lambda e: not e["kind"].startswith(("step.", "run."))),
        ("kind:audit.erase,audit.verify", lambda e: e["kind"] in ("audit.erase",
                                                                  "audit.verify")),
        ("actor:u:resp1", lambda e: e["actor"] == "u:resp1"),
        ("actor:resp1", lambda e: e["actor"] == "u:resp1"),
        ("-actor:svc:*", lambda e: not e["actor"].startswith("svc:")),
        ("outcome:fail", lambda e: e["outcome"] == "fail"),
        ("outcome:fail,unknown kind:step.result",
         lambda e: e["outcome"] in ("fail", "unknown") and e["kind"] == "step.result"),
        ("-outcome:ok", lambda e: e["outcome"] != "ok"),
        ("outcome:ok", lambda e: e["outcome"] == "ok"),
        ("case:" + NAMED, lambda e: e["case"] == NAMED),
        ("case:PSIRT-2026-0042", lambda e: e["case"] == NAMED),
        ("-case:PSIRT-2026-0042 kind:case.note",
         lambda e: e["case"] != NAMED and e["kind"] == "case.note"),
        ("case:%s,%s" % (CASES[0], CASES[1]), lambda e: e["case"] in CASES[:2]),
        ("run:" + RUNS[5], lambda e: e["run"] == RUNS[5]),
        ("run:%s step:0.1" % RUNS[5], lambda e: e["run"] == RUNS[5] and e["step"] == "0.1"),
        ("seq:100..140", lambda e: 100 <= e["seq"] <= 140),
        ("seq:#100", lambda e: e["seq"] == 100),
        ("seq:<50 kind:case.*", lambda e: e["seq"] < 50 and e["kind"].startswith("case.")),
        ("ref:%d" % next(e["ref"] for e in LOG if e["ref"] is not None and e["ref"] > 10),
         lambda e: e["ref"] == next(x["ref"] for x in LOG
                                    if x["ref"] is not None and x["ref"] > 10)),
        ("attempt:>1", lambda e: (e["attempt"] or 0) > 1),
        ("time:2025-11-25", lambda e: e["time"].startswith("2025-11-25")),
        ("since:2025-11-25 until:2025-11-26 kind:case.*",
         lambda e: "2025-11-25" <= e["time"][:10] <= "2025-11-26"
         and e["kind"].startswith("case.")),
        ("time:<2020-01-01", lambda e: False),
        ("tlp:red", lambda e: False),  # below: with the case's marking
        ("reason:mail.send", lambda e: e["reason"] == "mail.send"),
        ("to:critical", lambda e: e["to"] == "critical"),
        ("MAIL", lambda e: any("mail" in (e[w] or "").lower() for w in WORDS)),
        ("text:early-warning -kind:clock.met",
         lambda e: any("early-warning" in (e[w] or "") for w in WORDS)
         and e["kind"] != "clock.met"),
        ("\"critical host\"", lambda e: False),
        ("auth:token", lambda e: e["auth"] == "token"),
        ("chain:sys", lambda e: e["chain"] == "sys"),
        ("playbook:rotate*", lambda e: (e["playbook"] or "").startswith("rotate")),
        ("idem:" + next(e["idem"] for e in LOG if e["idem"]),
         lambda e: e["idem"] == next(x["idem"] for x in LOG if x["idem"])),
        ("time:" + one["time"][:23] + "Z", lambda e: e["ms"] == one["ms"]),
    ]
    for query, test in checks:
        if query == "tlp:red":
            continue
        got, want = search(query), by_hand(test)
        assert got == want, (query, len(got), len(want), got[:5], want[:5])
    assert sum(1 for _, test in checks if by_hand(test)) > 30


def marks():
    now = {}
    for e in LOG:
        if e["case"] and e["tlp"]:
            now[e["case"]] = RANK[e["tlp"]]
    return [max(RANK.get(e["tlp"], 0), now.get(e["case"], 2) if e["case"] else 1) for e in LOG]


def test_marking():
    rank = marks()
    for word, most in RANK.items():
        assert search("", tlp=word) == [s for s in range(SIZE) if rank[s] <= most], word
        assert search("tlp:" + word) == [s for s in range(SIZE) if rank[s] == most], word
        assert search("tlp:<=%s kind:case.*" % word) == [
            s for s in range(SIZE) if rank[s] <= most and LOG[s]["kind"].startswith("case.")]
    assert get("tlp=pink").status == 422


def test_random_queries():
    r = random.Random(5)
    fields = {"kind": "kind", "actor": "actor", "outcome": "outcome", "reason": "reason",
              "step": "step", "case": "case", "run": "run", "auth": "auth"}
    for _ in range(60):
        terms, tests = [], []
        for _ in range(r.randint(1, 3)):
            name = r.choice(list(fields))
            values = [e[name] for e in r.sample(LOG, 12) if e[name]][:r.randint(1, 3)]
            if not values:
                continue
            no = r.random() < 0.3
            terms.append(("-" if no else "") + name + ":" + ",".join(values))
            tests.append(lambda e, n=name, v=tuple(values), no=no: (e[n] in v) != no)
        query = " ".join(terms)
        assert search(query) == by_hand(*tests), query


def test_upwards_from_an_entry():
    seqs, at = [], 0
    while True:
        page = get("limit=50&from=%s&q=%s" % (at, quote("kind:case.*")), check=200).json
        seqs += [e["seq"] for e in page["items"]]
        if page["next"] is None:
            break
        at = page["next"]
    assert [s for s in seqs if s < SIZE] == by_hand(lambda e: e["kind"].startswith("case."))


def test_mistakes_have_a_caret():
    bad = node.cli("audit", "log", "kind:step.result", "sev:high", json=False)
    assert bad.code == 1 and "V202" in bad.err, bad
    lines = bad.err.splitlines()
    source = next(i for i, line in enumerate(lines) if "kind:step.result sev:high" in line)
    assert lines[source + 1].index("^") == lines[source].index("sev:"), bad
    for query, col in (("kind=step.result", 5), ("sev:high", 1), ("actor:u:resp1 since=7d", 20)):
        bad = get("q=" + quote(query))
        assert (bad.status, bad.json["code"], bad.json["column"]) == (422, "V202", col), bad
    assert get("q=" + quote('"kind=step.result" x=y')).status == 200, "text"
    bad = get("q=" + quote("case:PSIRT-2026-9999"))
    assert bad.status == 404 and bad.json["code"] == "V202" and bad.json["column"] == 1, bad
    for path in ("from=x", "before=x", "limit=0"):
        assert get(path).status == 422, path


def test_the_command():
    out = node.cli("audit", "log", "kind:case.created", "--limit", "1100", check=0).json
    assert [e["seq"] for e in out["items"]] == by_hand(lambda e: e["kind"] == "case.created")
    out = node.cli("audit", "log", "kind:case.*", "--limit", "7", check=0).json
    want = by_hand(lambda e: e["kind"].startswith("case."))
    assert [e["seq"] for e in out["items"]] == want[-7:] and out["older"]
    older = node.cli("audit", "log", "kind:case.*", "--limit", "7", "--before", out["older"],
                     check=0).json
    assert [e["seq"] for e in older["items"]] == want[-14:-7]
    out = node.cli("audit", "log", "kind:case.*", "-kind:case.created", "-actor:u:resp1",
                   "--limit", "5000", check=0).json
    assert [e["seq"] for e in out["items"]] == by_hand(
        lambda e: e["kind"].startswith("case.") and e["kind"] != "case.created"
        and e["actor"] != "u:resp1")
    table = node.cli("audit", "log", "kind:case.updated", "reason:severity", "--limit", "3",
                     json=False, check=0)
    assert "->" in table.out and len(table.out.splitlines()) == 3, table
    assert "tocsin audit log" in table.err


def test_asking_is_an_entry_once_an_hour():
    def asked():
        return [e for e in node.http("GET", "/api/v1/audit/entries?limit=1000&q=" + quote(
            "kind:audit.query actor:duty1"), check=200).json["items"]]
    assert asked() == []
    for _ in range(5):
        get("limit=5&q=" + quote("kind:case.note"), as_person="duty1", check=200)
    assert len(asked()) == 1 and asked()[0]["reason"] == "entries"
    get("limit=5&before=50&q=" + quote("kind:case.note"), as_person="duty1", check=200)
    assert len(asked()) == 1, "another page of it is the same look"
    get("limit=5&q=" + quote("kind:case.closed"), as_person="duty1", check=200)
    get("limit=5&q=" + quote("kind:case.note"), as_person="resp1", check=200)
    assert len(asked()) == 2


def test_raw_entries_and_what_stands_beside_them():
    page = get("limit=5&raw=1&q=" + quote("kind:case.created"), check=200).json
    for e in page["items"]:
        assert oracle.Entry(e["text"])["leaf"] == e["leaf"]
        assert "fields" not in e
    page = get("limit=5&open=1&q=" + quote("kind:case.created"), check=200).json
    for e in page["items"]:
        assert e["fields"]["subject"] == history.events[e["seq"]]["fields"]["subject"]


def test_the_index_follows_the_log_and_is_made_again_when_it_does_not_fit():
    before = len(search("kind:case.created"))
    node.stop()
    assert "index_again" not in node.log_text(), node.log_text()
    with open(node.database + ".index", "r+b") as f:
        f.write(b"garbage" * 1000)
    node.start()
    assert len(search("kind:case.created")) == before
    node.stop()
    # An index of another log.
    other = t.make_dir()
    os.makedirs(other.data, exist_ok=True)
    seedlib.seed(other.database, os.path.join(other.data, "tocsin.key"),
                 seedlib.History(3, 20).lines())
    with open(node.database + ".index", "rb") as a, open(other.database + ".index", "wb") as b:
        b.write(a.read())
    other.start()
    made = other.http("GET", "/api/v1/audit/entries?limit=1000&q=kind:case.created", check=200)
    assert len(made.json["items"]) == 20
    other.stop()


t.main()
