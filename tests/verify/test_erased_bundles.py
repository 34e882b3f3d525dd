#!/usr/bin/env python3
"""What was erased by two people, seen by who is handed a bundle afterwards: VERIFIED by all three
verifiers, named as erased and covered. A payload that just was taken away is not."""
import json
import os
import shutil
import sqlite3
import sys

import tocsin_test as t

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "audit")]
import seedlib
from bundle_lab import agreed, fix_manifest, read, verdicts, write

DONE, OPEN = ("01JDB3%020d" % n for n in (1, 2))
RUN = "01JDB3%020d" % 9
NOTES = 5
LINES = []


def line(**more):
    LINES.append(json.dumps(dict({"at": seedlib.START + len(LINES)}, **more)) + "\n")


for case, state in ((DONE, "closed"), (OPEN, "open")):
    line(case_row={"id": case, "name": "PSIRT-2020-000" + case[-1], "state": state,
                   "title": "sealed title of " + case, "facts": "{}", "tlp": "green"})
    line(kind="case.created", case=case, case_chain=True, reason="incident", to="high",
         fields={"subject": "the subject " + case, "args": "edge-gw"})
    for number in range(NOTES):
        line(kind="case.note", case=case, case_chain=True, actor="u:resp1",
             fields={"note": "note %d of %s" % (number, case)})
line(kind="run.opened", case=DONE, run=RUN, case_chain=True)
line(kind="run.started", case=DONE, run=RUN, fields={"args": {"of": "a run"}})
line(kind="run.closed", case=DONE, run=RUN, outcome="ok", fields={"result": {"x": 1}})
line(kind="run.ended", case=DONE, run=RUN, case_chain=True, outcome="ok")
line(kind="token.created", actor="op:owner", fields={"note": "of the system"})
GONE_OF_DONE = 1 + NOTES + 2  # entries with a payload


def erase(node, target):
    asked = node.cli("audit", "erase", target, "--basis", "gdpr-17", "--reason", "asked by the reporter",
                     as_person="lead1", check=0).json
    return node.cli("audit", "erase", "--agree", str(asked["entry"]), as_person="lead2",
                    check=0).json["entry"]


def seqs(node, like):
    with sqlite3.connect("file:%s?mode=ro" % node.database, uri=True) as db:
        return [r[0] for r in db.execute("SELECT seq FROM entry WHERE text LIKE ? ORDER BY seq", (like,))]


def openings(folder):
    return [x.split(" ") for x in read(folder, "openings").decode().splitlines()]


def gone(folder):
    return [int(x[0]) for x in openings(folder) if x[1:] == ["gone"]]


def taken(folder, drop=(), add=()):
    """A copy with other openings and a manifest that lists them."""
    out = folder + ".changed"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder, out)
    kept = [x for x in openings(folder) if tuple(x) not in drop] + [list(x) for x in add]
    kept.sort(key=lambda x: (int(x[0]), x[1]))
    write("".join(" ".join(x) + "\n" for x in kept).encode(), out, "openings")
    fix_manifest(out)
    return out


class Lab:
    def __init__(self):
        self.node = node = t.make_dir()
        os.makedirs(node.data, exist_ok=True)
        seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"), "".join(LINES))
        node.start()
        self.key = t.wait_for(lambda: node.cli("audit", "head").json, t.PATIENCE)["key"]
        self.before = self.export("before", "PSIRT-2020-0002", opened=True)
        notes = seqs(node, "%kind case.note\n%case " + OPEN + "%")
        self.one, self.cut, self.system = notes[1], notes[3], seqs(node, "%kind token.created%")[-1]
        self.erased_one = erase(node, "#%d" % self.one)
        erase(node, "#%d" % self.system)
        self.erased_case = erase(node, DONE)
        self.case = {o: self.export("case%d" % o, "PSIRT-2020-0002", opened=o) for o in (False, True)}
        self.done = {o: self.export("done%d" % o, "PSIRT-2020-0001", opened=o) for o in (False, True)}
        self.all = {o: self.export("all%d" % o, "all", opened=o) for o in (False, True)}
        last = self.erased_case
        self.range = self.export("range", "--from", "0", "--to", str(last))
        self.short = self.export("short", "--from", "0", "--to", str(self.erased_one - 1))
        node.stop()

    def export(self, name, *args, opened=False):
        out = os.path.join(self.node.root, name)
        more = ("--open", "--tlp", "red") if opened else ()
        self.node.cli("audit", "export", *args, "--out", out, *more, as_person="op1", check=0)
        return out

    def verified(self, folder, erased, opened):
        code, said = agreed(folder, "--trust", self.key)
        assert code == 0 and said.count("VERIFIED") == 3, said
        words = "%d opened%s\n" % (opened, ", %d erased and covered" % erased if erased else "")
        assert said.count(words) == 3, (words, said)


def test_one_payload(lab):
    lab.verified(lab.before, 0, NOTES + 2)
    for opened in (False, True):
        lab.verified(lab.case[opened], 1, NOTES + 1 if opened else 0)
        assert gone(lab.case[opened]) == [lab.one]
    shown = t.run_cli(["audit", "verify", lab.case[True], "--trust", lab.key, "--json"], check=0).json
    assert shown["erased"] == 1 and shown["openings"] == NOTES + 1, shown
    page = read(lab.case[True], "index.html").decode()
    assert "does not stand beside it any more" in page and "audit.erase" in page
    # The entry that says so is one of the case's.
    assert os.path.exists(os.path.join(lab.case[False], "entries", "%d.tlog-proof" % lab.erased_one))


def test_the_key_of_a_case(lab):
    for opened in (False, True):
        lab.verified(lab.done[opened], GONE_OF_DONE, 0)
        assert len(gone(lab.done[opened])) == GONE_OF_DONE
        assert len(openings(lab.done[opened])) == GONE_OF_DONE


def test_all_and_a_range(lab):
    for opened in (False, True):
        lab.verified(lab.all[opened], GONE_OF_DONE + 2, len(openings(lab.all[opened])) -
                     len(gone(lab.all[opened])))
        assert {lab.one, lab.system} < set(gone(lab.all[opened]))
    lab.verified(lab.range, GONE_OF_DONE + 2, 0)
    # What says why stands behind this one: nobody can tell from here.
    code, said = agreed(lab.short, "--trust", lab.key)
    assert code == 21 and said.count("V009") == 3, said


def test_taken_away_without_an_entry_is_not_verified(lab):
    """Gone from the data: the data is TAMPERED, and a bundle of it is not VERIFIED."""
    copy = os.path.join(lab.node.root, "copy")
    shutil.copytree(lab.node.data, copy)
    db = sqlite3.connect(os.path.join(copy, "tocsin.db"))
    db.execute("UPDATE entry SET sealed = NULL WHERE seq = ?", (lab.cut,))
    db.commit()
    db.close()
    bad = t.run_cli(["audit", "verify", copy, "--json"], check=20).json
    assert bad["first_wrong_entry"] == lab.cut and bad["checks"][0]["code"] == "V009", bad
    for name in ("PSIRT-2020-0002", "all"):
        out = os.path.join(lab.node.root, "cut-" + name)
        t.run_cli(["audit", "export", name, "--data", copy, "--out", out], check=0)
        assert lab.cut in gone(out)
        codes, said = verdicts(out, "--trust", lab.key)
        assert codes == (21, 21, 21) and said.count("V009") == 3, said
        assert said.count("entry %d: what it commits to is gone" % lab.cut) == 3, said
        assert agreed(taken(out, drop=[(str(lab.cut), "gone")]), "--trust", lab.key)[0] == 0, \
            "sealed and not shown is no finding"


def test_changed_openings(lab):
    whole = lab.case[True]
    some = [tuple(x) for x in openings(whole) if int(x[0]) == lab.cut][0]
    plain = [s for s in range(lab.cut, lab.erased_one + 1) if s == lab.erased_one][0]
    for drop, add, want in (
            ([some], [], 0),                                   # shown to others, not to this one
            ([some], [(str(lab.cut), "gone")], 21),            # said to be erased, and was not
            ([], [(str(lab.cut), "gone")], 20),                # opened, and gone
            ([], [(str(lab.one), "gone")], 20),                # twice
            ([], [(str(plain), "gone")], 20),                  # it commits to nothing
            ([], [("999999", "gone")], 20),                    # there is no such entry
            ([], [("0%d" % lab.cut, "gone")], 20)):
        code, said = agreed(taken(whole, drop, add), "--trust", lab.key)
        assert code == want, (drop, add, code, said)


def main():
    lab = Lab()
    with lab.node:
        t.main([(lambda f: setattr(w := (lambda: f(lab)), "__name__", f.__name__) or w)(f)
                for f in (test_one_payload, test_the_key_of_a_case, test_all_and_a_range,
                          test_taken_away_without_an_entry_is_not_verified, test_changed_openings)])


if __name__ == "__main__":
    t.need_binary()
    main()
