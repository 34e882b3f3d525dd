#!/usr/bin/env python3
"""People are called to questions that wait too long: by mail, each once, also when the daemon is killed at any
point on the way; who may not see the case gets nothing, and a mail under an embargo says nothing of it."""
import email
import email.policy
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time

import tocsin_test as t

t.need_binary()

PLAYBOOK = """
return playbook {
  name = "wait-long", title = "A question that nobody answers", on = "report.accepted",
  roles = { triage = "responder" },
  run = function(case, ev)
    return ask { id = "q", role = "triage", title = "What of the gateway leaks?", not_by = "resp2", %s }.by
  end,
}
"""
PEOPLE = [
    {"id": "resp1", "roles": ["responder"], "mail": "rita@acme.example"},
    {"id": "resp2", "roles": ["responder"], "mail": "ron@acme.example"},
    {"id": "resp3", "roles": ["responder"]},
    {"id": "lead1", "roles": ["psirt-lead"], "mail": "lea@acme.example"},
    {"id": "lead2", "roles": ["psirt-lead"], "mail": "leo@acme.example"},
    {"id": "op1", "roles": ["operator"], "mail": "op@acme.example"},
    {"id": "intake", "roles": ["intake"]},
]
POINTS = ["engine.nudge.committed", "engine.page.committed", "mail.sent", "mail.sent:2",
          "engine.page.sent", "engine.page.sent:2", "engine.paged.committed", "engine.paged.committed:2"]


class Smtp(socketserver.StreamRequestHandler):
    """Takes what it is given; refuses the first `refuse` mails for now."""

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass  # the daemon was killed in the middle

    def talk(self):
        self.say("220 fake")
        rcpt = []
        while True:
            line = self.rfile.readline().decode("ascii", "replace").strip()
            word = line[:4].upper()
            if not line or word == "QUIT":
                return
            if word == "RCPT":
                rcpt.append(line[line.index("<") + 1:line.index(">")])
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return
                    data += line
                if self.server.refuse > 0:
                    self.server.refuse -= 1
                    self.say("451 later")
                    continue
                mail = email.message_from_bytes(data[:-3], policy=email.policy.default)
                body = mail.get_body()
                self.server.got.append((rcpt, mail["Message-ID"], mail["Subject"],
                                        body.get_content() if body else data[:-3]))
                rcpt = []
                self.say("250 taken")
            else:
                self.say("250 ok")


def server():
    out = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
    out.daemon_threads = True
    out.got, out.refuse = [], 0
    threading.Thread(target=out.serve_forever, daemon=True).start()
    return out


def make_node(smtp, question, people=None, **mail):
    where = "127.0.0.1:%d" % smtp.server_address[1]
    node = t.make_dir({"rules": [{"on": "report.accepted", "run": "wait-long"}], "people": people or PEOPLE,
                       "playbooks": {"dir": "playbooks"}, "cases": {"house": ["acme.example"]},
                       "mail": dict(mail, smtp={"url": "smtp://" + where}, reach=[where])})
    os.makedirs(os.path.join(node.root, "playbooks"), exist_ok=True)
    with open(os.path.join(node.root, "playbooks", "wait-long.lua"), "w", encoding="utf-8") as out:
        out.write(PLAYBOOK % question)
    return node


def submit(node):
    return node.cli("report", "submit", "--title", "Tokens in the log", "--kind", "incident", "--text",
                    "something", check=0).json["case"]


def entries(node, case, kind):
    return node.cli("audit", "log", "case:" + case, "kind:" + kind, "--limit", "500", check=0).json["items"]


def test_reminders_and_escalations_are_mailed():
    smtp = server()
    with make_node(smtp, 'remind = "1s", escalate = { after = "2s", to = "psirt-lead" }') as node:
        node.start()
        case = submit(node)
        node.wait_for(lambda: {"lea@acme.example", "leo@acme.example", "rita@acme.example"} <=
                      {r for got in smtp.got for r in got[0]})
        task = node.task(kind="ask")["name"]
        first = smtp.got[0]
        assert first[0] == ["rita@acme.example"], first
        assert first[2] == "[%s] Reminder: What of the gateway leaks?" % case, first
        assert "tocsin show " + task in first[3] and "responder" in first[3], first
        up = [m for m in smtp.got if "lea@acme.example" in m[0]][0]
        assert up[2].startswith("[%s] Escalated to you: " % case), up
        node.cli("answer", task, as_person="lead1", check=0)
        # Kept out, without address, or of another role: nothing.
        time.sleep(1.5)
        assert not {"ron@acme.example", "op@acme.example"} & {r for m in smtp.got for r in m[0]}
        n = len(smtp.got)
        time.sleep(1.5)
        assert len(smtp.got) == n, smtp.got[n:]
        assert len({m[1] for m in smtp.got}) == n, "each mail is one of its own"
        assert len(entries(node, case, "task.paging")) == n
        assert {e["outcome"] for e in entries(node, case, "task.paged")} <= {"ok", "na"}
        node.stop()
        node.cli("audit", "verify", node.data, check=0)
    smtp.shutdown()


def test_an_embargo_says_nothing_and_only_to_members():
    smtp = server()
    with make_node(smtp, 'remind = "4s", escalate = { after = "5s", to = "psirt-lead" }') as node:
        node.start()
        case = submit(node)
        node.cli("case", "do", case, "embargo.propose", "--set", "end=" +
                 time.strftime("%Y-%m-%dT12:00:00Z", time.gmtime(time.time() + 60 * 86400)),
                 as_person="lead1", check=0)
        node.wait_for(lambda: {"lea@acme.example", "leo@acme.example"} <=
                      {r for got in smtp.got for r in got[0]})
        for rcpt, _, subject, text in smtp.got:
            assert rcpt[0] != "rita@acme.example", "resp1 is no member"
            assert "waits for you" in subject, subject
            for word in (case, "gateway", "leak", "Reminder", "psirt-lead"):
                assert word not in subject + text, (word, subject, text)
        denied = [e for e in entries(node, case, "task.paged") if e["outcome"] == "denied"]
        assert denied and denied[0]["to"] == "resp1" and denied[0]["reason"] == "members-only", denied
        assert {e["reason"] for e in entries(node, case, "task.paging")} == {"neutral"}
        node.stop()
    smtp.shutdown()


def test_each_once_under_kill():
    """Killed at every point between the reminder and the outcome of its mail: who repeats, repeats
    with the same Message-ID, and nobody is left out."""
    for point in POINTS:
        smtp = server()
        with make_node(smtp, 'escalate = { after = "200ms", to = "psirt-lead" }') as node:
            node.start({"TOCSIN_FAULT": point})
            case = submit(node)
            node.wait_dead()
            before = len(smtp.got)
            node.start()
            node.wait_for(lambda: len({e["idem"] for e in entries(node, case, "task.paged")
                                       if e["outcome"] == "ok"}) == 2)
            time.sleep(0.3)
            ids = {(m[1], m[0][0]) for m in smtp.got}
            assert sorted(i[1] for i in ids) == ["lea@acme.example", "leo@acme.example"], (point, ids)
            # Only a mail whose outcome was not on record may have gone out again.
            assert len(smtp.got) - len(ids) <= 2, (point, smtp.got)
            if before == 0:
                assert len(smtp.got) == 2, (point, smtp.got)
            node.stop()
        smtp.shutdown()


def test_a_server_that_is_away_gets_it_later():
    smtp = server()
    smtp.refuse = 2
    with make_node(smtp, 'escalate = { after = "200ms", to = "psirt-lead" }') as node:
        node.start()
        case = submit(node)
        node.wait_for(lambda: len(smtp.got) == 2, 30)
        node.wait_for(lambda: len(entries(node, case, "task.paged")) == 4)
        assert sorted(e["outcome"] for e in entries(node, case, "task.paged")) == ["fail", "fail", "ok", "ok"]
        node.stop()
    smtp.shutdown()


def test_what_was_tried_and_is_wanted_no_more_gets_an_end():
    """The server says later, and meanwhile somebody answers: nothing is sent, and the log says why."""
    smtp = server()
    smtp.refuse = 1000
    with make_node(smtp, 'remind = "1s"') as node:
        node.start()
        case = submit(node)
        node.wait_for(lambda: any(e["outcome"] == "fail" for e in entries(node, case, "task.paged")))
        node.cli("answer", node.task(kind="ask")["name"], as_person="resp1", check=0)
        node.wait_for(lambda: any(e["reason"] == "decided" for e in entries(node, case, "task.paged")), 60)
        ends = [e for e in entries(node, case, "task.paged") if e["reason"] == "decided"]
        assert all(e["outcome"] == "na" for e in ends) and not smtp.got, (ends, smtp.got)
        node.stop()
    smtp.shutdown()


def gpg(home, *args, data=None):
    done = subprocess.run(["gpg", "--homedir", home, "--batch", "--no-tty", "--pinentry-mode", "loopback",
                           "--passphrase", ""] + list(args), input=data, capture_output=True,
                          timeout=120 * t.PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_key(home, uid):
    gpg(home, "--quick-generate-key", uid, "default", "default", "never")
    lines = gpg(home, "--with-colons", "--list-keys", uid).decode().splitlines()
    return [line.split(":")[9] for line in lines if line.startswith("fpr:")][0]


def test_who_has_a_key_is_reminded_under_it():
    """Encrypted to the key of the person, with nothing to read around it; who has none hears in the clear, and
    a mail that cannot be encrypted does not go at all."""
    if not shutil.which("gpg"):
        t.skip("no gpg")
    smtp, homes = server(), [tempfile.mkdtemp(prefix="tsn-gk-", dir="/tmp") for _ in range(2)]
    try:
        ours, theirs = homes
        fpr = new_key(theirs, "Rita <rita@acme.example>")
        gpg(ours, "--import", data=gpg(theirs, "--armor", "--export", fpr))
        people = [dict(p, **{"resp1": {"key": fpr}, "lead1": {"key": "A" * 40}}.get(p["id"], {}))
                  for p in PEOPLE]
        with make_node(smtp, 'remind = "1s", escalate = { after = "2s", to = "psirt-lead" }', people,
                       pgp={"home": ours}) as node:
            node.start()
            case = submit(node)
            node.wait_for(lambda: {"leo@acme.example", "rita@acme.example"} <=
                          {r for got in smtp.got for r in got[0]}, 60)
            node.wait_for(lambda: [e for e in entries(node, case, "task.paged") if e["to"] == "lead1"])
            task = node.task(kind="ask")["name"]
            hers = [m for m in smtp.got if m[0] == ["rita@acme.example"]][0]
            assert hers[2] == "[%s] Message" % case, hers
            assert isinstance(hers[3], bytes) and b"multipart/encrypted" in hers[3], hers
            for word in (b"gateway", b"Reminder", b"responder", task.encode()):
                assert word not in hers[3], hers
            at = hers[3].index(b"-----BEGIN PGP MESSAGE-----")
            inner = gpg(theirs, "--decrypt", data=hers[3][at:])
            inside = email.message_from_bytes(inner, policy=email.policy.default)
            assert inside["Subject"] == "[%s] Reminder: What of the gateway leaks?" % case, inner
            text = inside.get_body().get_content()
            assert "tocsin show " + task in text and "responder" in text, text
            his = [m for m in smtp.got if m[0] == ["leo@acme.example"]][0]
            assert "Escalated to you" in his[2] and "gateway" in his[3], his
            failed = [e for e in entries(node, case, "task.paged") if e["to"] == "lead1"]
            assert [(e["outcome"], e["reason"]) for e in failed] == [("fail", "M010")], failed
            assert "lea@acme.example" not in {r for m in smtp.got for r in m[0]}, smtp.got
            node.stop()
    finally:
        smtp.shutdown()
        for home in homes:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
            shutil.rmtree(home, True)


if __name__ == "__main__":
    t.main()
