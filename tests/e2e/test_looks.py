#!/usr/bin/env python3
"""Every read that shows something of a case that only members see is an entry, committed before the answer,
whatever the route: all GET routes of the source, with every name that could fit, as different people. Who is
no member is shown nothing by any of them. Each question to the log is an entry as well."""
import os
import re
import sqlite3

import tocsin_test as t

t.need_binary()
WORD = "Xyzzyplugh"  # in the title, and in no other place of this node
BOOK = """
return playbook {
  name = "asks", title = "Asks", on = "report.accepted", roles = { go = "psirt-lead" },
  run = function(case)
    case:note("looked at " .. case.title)
    ask { id = "go", role = "go", title = "Go on with " .. case.title .. "?", fields = { why = text() } }
  end,
}
"""


def routes():
    with open(os.path.join(t.SOURCE, "src", "api", "api_routes.c"), encoding="utf-8") as f:
        text = re.sub(r'\bV1 "', '"/api/v1', f.read()).replace('V1 "', '"/api/v1')
    found = re.findall(r'\{"GET", "([^"]+)", (TSN_NEED_\w+)', text)
    assert len(found) > 50, found
    return [pattern for pattern, need in found if need != "TSN_NEED_NOTHING"]


def entries(node, after):
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    out = [dict(line.split(" ", 1) for line in text.split("\n")[1:-1])
           for text, in db.execute("SELECT text FROM entry WHERE seq >= ? ORDER BY seq", (after,))]
    last = db.execute("SELECT max(seq) FROM entry").fetchone()[0]
    db.close()
    return out, last + 1


def make():
    node = t.make_dir({"mail": {"maildir": "mail"}, "products": [{"id": "edge-gw", "name": "Edge"}],
                       "playbooks": {"dir": "books"},
                       "publisher": {"name": "Acme PSIRT", "namespace": "https://psirt.acme.example",
                                     "contact": "psirt@acme.example", "prefix": "ACME-SA"}, "rules": [{"on": "report.accepted", "run": "asks"}]})
    os.makedirs(os.path.join(node.root, "books"))
    with open(os.path.join(node.root, "books", "asks.lua"), "w", encoding="utf-8") as f:
        f.write(BOOK)
    return node


def things(node):
    """A closed case with all that hangs on it, and every name that leads there."""
    case = node.cli("report", "submit", "--kind", "weakness", "--title", WORD + " in the parser", "--product",
                    "edge-gw", "--mail", "finder@lab.example", "--text", WORD + " text", check=0).json["case"]
    node.task(name="go", case=case)
    node.cli("note", case, WORD + " note", as_person="lead1", check=0)
    node.cli("advisory", "new", "--case", case, "--set", "summary=%s summary" % WORD, as_person="lead1", check=0)
    node.cli("case", "do", case, "embargo.propose", "--set", "end=2999-01-01T00:00:00Z", as_person="lead1",
             check=(0, 1, 2))
    node.cli("case", "do", case, "case.restrict", "--set", "reason=internal", as_person="lead1", check=0)
    names = [case]
    for kind in ("run", "task", "report", "advisory"):
        for item in node.cli(kind, "list", as_person="lead1", check=0).json["items"]:
            names += [item[k] for k in ("name", "id") if item.get(k)]
    assert any("SA-" in n for n in names), names
    db = sqlite3.connect("file:%s?mode=ro" % node.database, uri=True)
    names += [r[0] for r in db.execute('SELECT id FROM "case"')]
    db.close()
    return case, sorted(set(names))


def paths(pattern, names):
    if "{" in pattern:
        plain = [re.sub(r"\{\w+\}", n, pattern) for n in names + ["1", "case-timeline", "log-access", "sample"]]
    else:
        plain = [pattern]
    for path in plain:
        yield path
        if pattern.endswith(("entries", "search", "{id}", "runs", "tasks", "reports", "advisories", "clocks")):
            yield path + "?q=" + WORD
            for name in names[:8]:
                yield path + "?case=" + name
        if pattern.endswith("/as"):
            yield path + "?format=markdown"
            yield path + "?format=csaf"
        if pattern.endswith("entries"):
            yield path + "?open=1&limit=100"
            yield path + "?raw=1&limit=100"


def test_every_read_is_an_entry():
    with make() as node:
        node.start()
        case, names = things(node)
        tokens = {p: node.token(p, "read,decide,admin" if p == "op1" else "read") for p in ("lead1", "audit1", "resp1")}
        at = entries(node, 0)[1]
        shown, told = set(), 0
        for pattern in routes():
            for path in paths(pattern, names):
                for person in ("lead1", "audit1", "resp1"):
                    try:
                        reply = node.http("GET", path, token=tokens[person])
                    except OSError as error:
                        raise t.Failed("GET %s by %s: %s\n%s" % (path, person, error, node.log_text()[-2000:]))
                    seen = re.search(WORD + " (in|note|summary|text)", reply.body)  # more than what was asked
                    if person == "resp1":
                        assert not seen, (path, reply.body[:400])
                        continue
                    if not (reply.status == 200 and seen):
                        continue
                    new, _ = entries(node, at)
                    mine = [e for e in new if e["actor"] == "u:" + person]
                    looked = [e for e in mine if (e["kind"] == "case.read" and e.get("reason") == pattern) or
                              e["kind"] in ("audit.query", "evidence.read")]
                    assert looked, "%s read %s, and no entry says so:\n%s" % (person, path, reply.body[:600])
                    shown.add(pattern)
                    told += 1
        print("%d routes showed the case, %d times; all looks are entries" % (len(shown), told))
        assert len(shown) >= 10, shown
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_every_question_to_the_log_is_an_entry():
    with make() as node:
        node.start()
        things(node)
        names = [r["name"] for r in node.http("GET", "/api/v1/audit/reports", token=node.token("lead1", "read"),
                                              check=200).json["items"]]
        token, at = node.token("audit1", "read"), entries(node, 0)[1]
        asked = ["/api/v1/audit/entries", "/api/v1/audit/entries?q=kind:case.created",
                 "/api/v1/audit/entries?q=actor:u:lead1"]
        asked += ["/api/v1/audit/reports/" + n for n in names]
        assert len(names) == 24
        for path in asked:
            reply = node.http("GET", path, token=token)
            if reply.status != 200:  # a report that wants to be told which case
                assert reply.status == 400 and "case" in reply.body, (path, reply)
                reply = node.http("GET", path + "?case=" + node.cli("case", "list").json["items"][0]["name"],
                                  token=token, check=200)
            new, at = entries(node, at)
            assert [e for e in new if e["kind"] == "audit.query" and e["actor"] == "u:audit1"], path
        again = node.http("GET", asked[1], token=token, check=200)  # the same within the hour is counted
        assert not [e for e in entries(node, at)[0] if e["kind"] == "audit.query"], again
        node.stop()


if __name__ == "__main__":
    t.main()
