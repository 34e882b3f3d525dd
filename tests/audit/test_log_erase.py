"""Erasure: two people and a legal basis; the bytes are gone from file and write-ahead log, the hashes stay;
every verifier tells erased-and-covered from absent; refused while something still needs it."""
import json
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seedlib
import tocsin_test as t

VERIFY = os.path.join(t.BUILD, "tocsin-verify")
DONE, OPEN, HELD = ("01JDB3%020d" % n for n in (1, 2, 3))
RUN = "01JDB3%020d" % 9
LINES = []


REPORT = {"kind": "incident", "title": "Token reuse", "text": "It is reused.",
          "contact": {"mail": "a@customer.example", "name": "A"}}


def line(**more):
    LINES.append(json.dumps(dict({"at": seedlib.START + len(LINES)}, **more)))


for case, state, facts in ((DONE, "closed", "{}"), (OPEN, "open", "{}"),
                           (HELD, "closed", '{"legal_hold":"lawsuit"}')):
    line(case_row={"id": case, "name": "PSIRT-2020-000" + case[-1], "state": state,
                   "title": "sealed title of " + case, "facts": facts})
    line(kind="case.created", case=case, case_chain=True, reason="incident", to="high",
         fields={"subject": "the subject " + case, "args": "edge-gw"})
    for number in range(5):
        line(kind="case.note", case=case, case_chain=True, actor="u:resp1",
             fields={"note": "note %d of %s" % (number, case)})
line(kind="run.opened", case=DONE, run=RUN, case_chain=True)
line(kind="run.started", case=DONE, run=RUN, fields={"args": {"of": "a run"}})
line(kind="run.closed", case=DONE, run=RUN, outcome="ok", fields={"result": {"x": 1}})
line(kind="run.ended", case=DONE, run=RUN, case_chain=True, outcome="ok")
line(kind="token.created", actor="op:owner", fields={"note": "of the system"})


ASKS = """return playbook {
  name = "customer-incident", title = "Asks", on = "report.accepted",
  roles = { triage = "responder" },
  run = function(case)
    return ask { id = "triage", role = "triage", title = "Triage", fields = { note = text {} } }
  end,
}
"""


def make():
    node = t.make_dir()
    folder = os.path.join(node.root, "playbooks")
    os.mkdir(folder)
    with open(os.path.join(folder, "customer-incident.lua"), "w", encoding="utf-8") as f:
        f.write(ASKS)
    node.config["playbooks"] = {"dir": folder}
    node.write_config()
    os.makedirs(node.data, exist_ok=True)
    seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"),
                 "".join(x + "\n" for x in LINES))
    return node


def where(node, sql, *args):
    with sqlite3.connect("file:%s?mode=ro" % node.database, uri=True) as db:
        return db.execute(sql, args).fetchone()


def ask(node, target, who="lead1", basis="gdpr-17", reason="asked by the reporter", code=0):
    return node.cli("audit", "erase", target, "--basis", basis, "--reason", reason,
                    as_person=who, check=code)


def agree(node, entry, who="lead2", code=0):
    return node.cli("audit", "erase", "--agree", str(entry), as_person=who, check=code)


def verdicts(node):
    """What tocsin and tocsin-verify say about the log as it is."""
    ours = t.run_cli(["audit", "verify", node.data, "--json"])
    path = os.path.join(node.root, "e.jsonl")
    if os.path.exists(path):
        os.unlink(path)
    t.run_cli(["audit", "export", "--data", node.data, "--out", path], check=0)
    second = subprocess.run([VERIFY, path], capture_output=True, text=True, timeout=60)
    return ours, second


def files(node):
    out = b""
    for name in os.listdir(node.data):
        if name.startswith("tocsin.db"):
            with open(os.path.join(node.data, name), "rb") as f:
                out += f.read()
    return out


def test_a_case():
    node = make()
    with node:
        node.start()
        key = where(node, "SELECT wrapped FROM casekey WHERE case_id = ?", DONE)[0]
        box = where(node, "SELECT sealed FROM entry WHERE text LIKE ? AND sealed NOT NULL",
                    "%case " + DONE + "%")[0]
        assert key in files(node) and box in files(node)
        assert node.http("GET", "/api/v1/cases/" + DONE, as_person="lead1").json["title"]
        asked = ask(node, "PSIRT-2020-0001").json
        assert asked["state"] == "waits" and key in files(node)
        done = agree(node, asked["entry"]).json
        assert done["state"] == "erased" and done["payloads"] == 8, done
        # Gone from the database, the write-ahead log and the index, also before the next start.
        assert key not in files(node) and box not in files(node)
        entries = node.http("GET", "/api/v1/audit/entries?open=1&limit=1000&q=case:" + DONE,
                            as_person="lead1", check=200).json["items"]
        assert len(entries) >= 9 and all(not e.get("fields") for e in entries), entries
        shown = node.http("GET", "/api/v1/cases/" + DONE, as_person="lead1", check=200).json
        assert not shown.get("title"), shown
        # Another case is as it was.
        other = node.http("GET", "/api/v1/audit/entries?open=1&q=kind:case.note%20case:" + OPEN,
                          as_person="lead1", check=200).json["items"]
        assert [e["fields"]["note"] for e in other] == ["note %d of %s" % (n, OPEN)
                                                        for n in range(5)]
        erased = node.http("GET", "/api/v1/audit/entries?q=kind:audit.erase", as_person="lead1",
                           check=200).json["items"][0]
        assert erased["actor"] == "u:lead2" and erased["ref"] == asked["entry"]
        assert erased["reason"] == "gdpr-17" and erased["from"] == "case" \
            and erased["case"] == DONE
        again = ask(node, DONE, code=5)
        assert again.error["code"] == "V210"
        assert agree(node, asked["entry"], code=5).error["code"] == "V210"
        report = node.cli("audit", "report", "retention", as_person="audit1", check=0).json
        assert [r for r in report["items"] if r["what"] == "erased"][0]["basis"] == "gdpr-17"
        node.stop()
        ours, second = verdicts(node)
        assert ours.json["verdict"] == "verified", ours
        erased = [c for c in ours.json["checks"] if c["id"] == "erased"]
        assert erased and erased[0]["n"] == 8, ours
        assert second.returncode == 0 and "erased    8 payloads" in second.stdout, second
        # It starts again, and nothing can be sealed for this case any more.
        node.start()
        bad = node.http("POST", "/api/v1/cases/%s/notes" % DONE, {"text": "more"},
                        as_person="lead1")
        assert bad.status >= 400, bad
        node.stop()
        assert verdicts(node)[0].json["verdict"] == "verified"


def test_one_entry():
    node = make()
    with node:
        node.start()
        seq = where(node, "SELECT min(seq) FROM entry WHERE text LIKE '%kind case.note%' AND "
                    "text LIKE ?", "%case " + OPEN + "%")[0]
        box = where(node, "SELECT sealed FROM entry WHERE seq = ?", seq)[0]
        asked = ask(node, "#%d" % seq, basis="retention").json
        assert agree(node, "#%d" % asked["entry"]).json["payloads"] == 1
        assert box not in files(node)
        assert ask(node, "#%d" % seq, code=5).error["code"] == "V210"
        last = where(node, "SELECT max(seq) FROM entry WHERE text LIKE '%kind token.created%'")[0]
        asked = ask(node, "#%d" % last).json  # of the system: its key stays
        agree(node, asked["entry"])
        node.stop()
        ours, second = verdicts(node)
        assert ours.json["verdict"] == "verified" and second.returncode == 0, (ours, second)
        assert "erased    2 payloads" in second.stdout


def test_absent_and_not_covered_is_a_finding():
    node = make()
    with node:
        node.start()
        seq = where(node, "SELECT min(seq) FROM entry WHERE sealed NOT NULL")[0]
        asked = ask(node, "#%d" % (seq + 1)).json
        agree(node, asked["entry"])
        node.stop()
        db = sqlite3.connect(node.database)
        db.execute("UPDATE entry SET sealed = NULL WHERE seq = ?", (seq,))
        db.commit()
        db.close()
        ours, second = verdicts(node)
        assert ours.code == 20 and ours.json["first_wrong_entry"] == seq, ours
        assert ours.json["checks"][0]["code"] == "V009", ours
        assert second.returncode == 20 and "entry %d" % seq in second.stdout, second


def test_an_erasure_covers_nothing_that_came_after_it():
    node = make()
    with node:
        node.start()
        agree(node, ask(node, DONE).json["entry"])
        node.stop()
        # A later payload of another case, cut out: the case's erasure does not cover it.
        seq = where(node, "SELECT max(seq) FROM entry WHERE sealed NOT NULL AND text LIKE ?",
                    "%case " + OPEN + "%")[0]
        db = sqlite3.connect(node.database)
        db.execute("UPDATE entry SET sealed = NULL WHERE seq = ?", (seq,))
        db.commit()
        db.close()
        ours, second = verdicts(node)
        assert ours.code == 20 and ours.json["first_wrong_entry"] == seq, ours
        assert second.returncode == 20, second


def test_two_people():
    node = make()
    with node:
        node.start()
        asked = ask(node, DONE, who="lead1").json
        assert agree(node, asked["entry"], who="lead1", code=6).error["code"] == "V213"
        assert agree(node, 0, code=4).error["code"] == "H031"
        assert ask(node, DONE, who="resp1", code=6)
        assert agree(node, asked["entry"], who="resp1", code=6)
        assert ask(node, DONE, basis="gdpr-71", code=1).error["code"] == "H013"
        assert ask(node, DONE, reason="x", code=1).error["code"] == "H013"
        assert ask(node, "PSIRT-2026-0042", code=4)
        assert ask(node, "#99999", code=4)
        assert agree(node, asked["entry"], who="audit1").json["state"] == "erased"
        node.stop()


def test_what_is_still_needed_stays():
    node = make()
    with node:
        node.start()
        assert ask(node, OPEN, code=5).error["code"] == "V211"
        assert ask(node, HELD, code=5).error["code"] == "V212"
        seq = where(node, "SELECT min(seq) FROM entry WHERE text LIKE '%kind case.note%' AND "
                    "text LIKE ?", "%case " + HELD + "%")[0]
        assert ask(node, "#%d" % seq, code=5).error["code"] == "V212"
        # A run that waits for a person: what stands beside its entries is replayed from.
        node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "k1"},
                  as_person="resp1", check=202)
        node.task()
        mine = where(node, "SELECT min(seq) FROM entry WHERE text LIKE '%kind run.started%' AND "
                     "text NOT LIKE ?", "%run " + RUN + "%")[0]
        refused = ask(node, "#%d" % mine, code=5)
        assert refused.error["code"] == "V211" and "replayed" in str(refused.error), refused
        node.stop()


def test_a_reader_forgets_a_destroyed_key():
    """Both readers had the case open, and so its key in memory, when it was destroyed."""
    node = make()
    with node:
        node.start()
        for _ in range(3):
            node.http("GET", "/api/v1/cases/" + DONE, as_person="lead1", check=200)
            node.cli("audit", "report", "mttx", as_person="audit1", check=0)
        agree(node, ask(node, DONE).json["entry"])
        shown = node.http("GET", "/api/v1/cases/" + DONE, as_person="lead1", check=200)
        assert "sealed title" not in shown.body
        listed = node.http("GET", "/api/v1/cases?limit=100", as_person="lead1", check=200)
        assert "sealed title of " + DONE not in listed.body
        assert "sealed title of " + OPEN in listed.body
        node.stop()


def test_the_key_may_be_a_file_elsewhere_or_a_credential():
    node = t.make_dir()
    with node:
        folder = os.path.join(node.root, "credentials")
        os.mkdir(folder, 0o700)
        with open(os.path.join(folder, "master"), "wb") as f:
            f.write(os.urandom(32))
        os.chmod(os.path.join(folder, "master"), 0o400)
        node.write_config(t.merge(node.config, {"data": {"dir": "data2",
                                                         "key": "credential:master"}}))
        node.data = os.path.join(node.root, "data2")
        bad = t.run_cli(["config", "check", node.config_file, "--json"])
        assert bad.code == 9 or "V214" in bad.err + bad.out, bad
        env = {"CREDENTIALS_DIRECTORY": folder}
        node.start(env=env)
        node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "k1"},
                  as_person="resp1", check=202)
        node.stop()
        assert not os.path.exists(os.path.join(node.data, "tocsin.key"))
        with open(os.path.join(folder, "master"), "rb") as f:
            assert f.read() not in files(node)
        node.start(env=env)
        assert node.http("GET", "/api/v1/cases", as_person="lead1",
                         check=200).json["items"][0]["title"] == "Token reuse"
        node.stop()


t.main()
