#!/usr/bin/env python3
"""What follows a release on the real binary, in one ordered publication: the files, then the CVE record at
CVE Services, then those who are told; killed at every step of it; nothing of it before the instant; who is
told ahead has accepted the terms; and who was told is on record."""
import datetime
import email
import email.policy
import glob
import json
import os
import shutil
import socket
import sys
import tempfile

import cve_services
import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_life as life
import test_publication as pub

SECOND = "second@gold.example"
GOLD, SILVER, OTHER = "sec@gold.example", "sec@silver.example", "sec@other.example"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


ANSWER = """From: Somebody <%(sender)s>
To: psirt@acme.example
Subject: Re: %(subject)s
Date: Tue, 24 Nov 2026 10:00:00 +0000
Message-ID: <%(id)s@gold.example>
In-Reply-To: %(id_of)s
References: %(refs)s
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

%(text)s

On Tue, 24 Nov 2026 Acme PSIRT wrote:
> If you accept them, answer this mail with the words "we accept".
"""

BOUNCE = """From: MAILER-DAEMON@gold.example
To: psirt@acme.example
Subject: Undelivered Mail Returned to Sender
Date: Tue, 24 Nov 2026 10:00:00 +0000
Message-ID: <bounce-1@gold.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.gold.example

Final-Recipient: rfc822; %(to)s
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: message/rfc822

From: psirt@acme.example
To: %(to)s
Subject: notice
References: %(ref)s
Message-ID: <x@acme.example>

text
--b--
"""


class World(pub.Place):
    """A provider whose tree is served by the node itself, a CNA, and customers."""

    def __init__(self, **over):
        self.root = tempfile.mkdtemp(prefix="tsn-pub-")
        self.keys = pub.Keys.get()
        self.web = os.path.join(self.root, "web")
        self.service = cve_services.Service()
        self.service.on_write = self.record_comes
        self.early = []  # records that came before their reference could be read
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        config = pub.config(self.root, self.keys)
        config = t.merge(config, {
            "server": {"listen": "127.0.0.1:%d" % self.port},
            "publisher": {"cna_org": cve_services.ORG_ID, "cna_name": "acme"},
            "products": life.CONFIG["products"] + [{"id": "relay", "name": "Relay"}],
            "customers": [
                {"name": "Gold", "mail": GOLD, "products": ["edge-gw"], "contract": "gold"},
                {"name": "Silver", "mail": SILVER, "products": ["edge-gw"], "contract": "silver"},
                {"name": "Other", "mail": OTHER, "products": ["relay"], "contract": "gold"}],
            "plugins": [{"name": "cve", "dir": os.path.join(t.SOURCE, "plugins", "cve"),
                         "settings": {"url": self.service.url, "org": "acme",
                                      "user": cve_services.USER, "key": "secret:cve",
                                      "dir": os.path.join(self.root, "cve"),
                                      "erlcheck": True}}],
            "publish": {"url": self.url, "policy": self.url + "/policy", "lists": [
                {"name": "contract", "contracts": ["gold"], "before": "2d", "tlp": "AMBER",
                 "attach": ["csaf", "html"]},
                {"name": "everybody", "mail": ["announce@lists.example"], "attach": ["openvex"]}]},
        })
        self.node = t.make_dir(t.merge(config, over))
        self.mails = os.path.join(self.node.data, "mail")

    def __exit__(self, *args):
        super().__exit__(*args)
        self.service.end()

    def record_comes(self, command, path, body):
        """CNA rule 5.3: never the first disclosure. Asked from outside, as anybody."""
        import urllib.request
        for ref in body.get("references", []):
            if ref["url"].startswith(self.url):
                try:
                    with urllib.request.urlopen(ref["url"], timeout=20) as reply:
                        json.loads(reply.read())
                except OSError as e:
                    self.early.append((path, str(e)))

    def sent(self, to=None):
        out = []
        for path in sorted(glob.glob(os.path.join(self.mails, "new", "*"))):
            with open(path, "rb") as f:
                m = email.message_from_binary_file(f, policy=email.policy.default)
            if not to or to in m["To"]:
                out.append(m)
        return out

    def to(self):
        return sorted(m["To"] for m in self.sent())

    def start(self):
        """The API key is a secret of the store; set once, without a restart."""
        self.node.start()
        self.node.cli("secret", "set", "cve", stdin=cve_services.KEY + "\n", check=0)

    def case_with_id(self, title="Flaw in the gateway"):
        """A case whose CVE id was reserved by the plugin's own action in a run."""
        case = life.open_case(self.node, title)
        self.node.cli("run", "start", "cve-id", "--case", case, "--input", "what=reserve",
                      "--input", "flaw=%s/1" % case, as_person="lead1", check=0)
        cve = self.node.wait_for(lambda: self.tracks(case, "cve"))[0]["subject"]
        return case, cve

    def answer(self, mail, sender, text):
        """Somebody answers a mail of ours; what became of it."""
        self.answers = getattr(self, "answers", 0) + 1
        self.node.cli("mail", "receive", stdin=ANSWER % {
            "sender": sender, "subject": mail["Subject"], "id": "a%d" % self.answers,
            "id_of": mail["Message-ID"], "refs": "%s %s" % (mail["References"] or "", mail["Message-ID"]),
            "text": text}, check=0)
        return self.node.wait_for(lambda: [m["state"] for m in self.node.cli(
            "mail", "list", check=0).json["items"][:1] if m["state"] != "new"])[0]

    def reports(self, case):
        return [r for r in self.node.cli("report", "list", check=0).json["items"] if case in json.dumps(r)]

    def tracks(self, case, which):
        return self.node.http("GET", "/api/v1/cases/%s/tracks" % case, check=200).json.get(which, [])

    def draft(self, case, cve, **more):
        flaws = json.loads(json.dumps(life.VULNERABILITIES))
        flaws[0]["cve"] = cve
        return life.drafted(self.node, case, vulnerabilities=flaws, title="Flaw", **more)["name"]

    def approved(self, name):
        digest = life.adv(self.node, "review", name).json["digest"]
        life.adv(self.node, "approve", name, "--plan", digest, person="lead1")

    def notices(self, name):
        items = self.node.cli("advisory", "notices", name, check=0).json["items"]
        return {(i["to"], i.get("stage", ""), i["state"]) for i in items}


def tree(w):
    pub.URL = w.url
    return pub.check_tree(w)


def test_one_ordered_publication():
    with World() as w:
        w.start()
        case, cve = w.case_with_id()
        name = w.draft(case, cve)
        w.approved(name)
        mails_before = len(w.sent())
        # Scheduled: nothing is visible anywhere.
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=9)
        life.adv(w.node, "publish", name, "--at", when.isoformat())
        w.node.stop()
        w.node.start()
        assert tree(w) == [] and not w.service.records and len(w.sent()) == mails_before
        life.adv(w.node, "unschedule", name)
        # What would happen, and has not.
        plan = life.adv(w.node, "publish", name, "--dry-run", person="lead1").json["plan"]
        assert [r["cve"] for r in plan["cve"]] == [cve], plan
        assert {(m["to"], m["list"]) for m in plan["mails"]} == {
            (GOLD, "contract"), ("announce@lists.example", "everybody")}, plan
        assert [m["attach"] for m in plan["mails"] if m["to"] == GOLD] == [[name + ".json", name + ".html"]]
        text = w.node.cli("advisory", "publish", name, "--dry-run", json=False, check=0, as_person="lead1").out
        assert GOLD in text and cve in text, text
        plan = life.adv(w.node, "publish", name, "--dry-run", "--to", "csaf,web,cve", person="lead1").json["plan"]
        assert plan["mails"] == [] and len(plan["cve"]) == 1, plan
        assert life.adv(w.node, "show", name).json["state"] == "approved"
        assert tree(w) == [] and not w.service.records and len(w.sent()) == mails_before
        for to in ("mail", "csaf,web,fax", "csaf"):
            assert life.adv(w.node, "publish", name, "--to", to, check=(1, 2)).error["code"] == "D112", to
        life.adv(w.node, "publish", name, person="lead1")
        pub.out(w, name)
        docs = tree(w)
        assert len(docs) == 1
        record = w.service.records[cve]
        assert cve_services.KEY not in w.node.log_text()
        assert record["cveMetadata"]["state"] == "PUBLISHED" and not w.early, w.early
        assert [r["state"] for r in w.tracks(case, "cve")] == ["published"]
        # Who is told: contract and product, and the open list; each with its own renderings.
        gold, = w.sent(GOLD)
        announce, = w.sent("announce@lists.example")
        assert not w.sent(SILVER) and not w.sent(OTHER)
        assert gold["Subject"].startswith("[TLP:CLEAR] %s version 1: " % name), gold["Subject"]
        parts = {p.get_filename(): p for p in gold.iter_attachments()}
        assert set(parts) == {name + ".json", name + ".json.asc", name + ".html"}, set(parts)
        attached = parts[name + ".json"].get_payload(decode=True)
        with open(w.file("public/.well-known/csaf/white", docs[0]), "rb") as f:
            assert attached == f.read(), "not the bytes that were signed"
        body = gold.get_body(("plain",)).get_content()
        assert body.lstrip().startswith("TLP:CLEAR") and cve in body, body[:300]
        assert [p.get_filename() for p in announce.iter_attachments()] == [name + ".openvex.json"]
        assert w.notices(name) == {(GOLD, "publication", "sent"),
                                   ("announce@lists.example", "publication", "sent")}
        # An update: the record is updated, those who were told are told of it; no two ids.
        flaws = json.loads(json.dumps(life.VULNERABILITIES))
        flaws[0].update(cve=cve, description="The gateway writes behind its buffer.")
        life.adv(w.node, "edit", name, *life.setting(vulnerabilities=flaws))
        w.approved(name)
        life.adv(w.node, "publish", name, person="lead1")
        pub.out(w, name)
        assert [x for x in w.service.writes if "/cna" in x[1]] == [
            ("POST", "/cve/%s/cna" % cve), ("PUT", "/cve/%s/cna" % cve)], w.service.writes
        assert [m["Subject"].split(":")[1] for m in w.sent(GOLD)].count(
            "CLEAR] %s version 2" % name) == 1
        assert len(w.service.ids) == 1 and len(tree(w)) == 1
        report = w.node.cli("audit", "report", "notified-customers", "--case", case, check=0).json
        told = [(r["channel"], r["outcome"]) for r in report["items"]]
        assert told == 4 * [("mail.send", "ok")], report
        # One comes back: said on its row and in the report.
        bounce = BOUNCE % {"to": GOLD, "ref": gold["References"]}
        w.node.cli("mail", "receive", stdin=bounce, check=0)
        w.node.wait_for(lambda: (GOLD, "publication", "bounced") in w.notices(name))
        report = w.node.cli("audit", "report", "notified-customers", "--case", case, check=0).json
        assert [r["outcome"] for r in report["items"]].count("bounced") == 2, report
        # The files alone: neither record nor letters.
        writes, mails = len(w.service.writes), len(w.sent())
        life.adv(w.node, "edit", name, *life.setting(summary="It writes too far, as said before."))
        w.approved(name)
        life.adv(w.node, "publish", name, "--to", "csaf,web", person="lead1")
        pub.out(w, name)
        assert "as said before" in pub.read(w.file("public/advisories", name.lower() + ".html"))
        assert (len(w.service.writes), len(w.sent())) == (writes, mails)
        w.node.stop()
        w.node.cli("audit", "verify", w.node.data, check=0)


# The whole list is for ./dev chaos (TOCSIN_LONG); here its hard places.
SHORT = ["publish.public", "plugin.sent", "engine.outcome.committed:2", "mail.delivered",
         "engine.run.closing"]
# Steps of what follows: the publisher's own, intent and outcome of each step, effects at work.
POINTS = ["publish.tree", "publish.public", "engine.run.created", "engine.intent.begin",
          "plugin.before_send", "plugin.sent", "plugin.result", "mail.delivered",
          "engine.run.closing", "engine.run.closed"] + [
              "%s:%d" % (p, n) for p, many in (
                  ("engine.intent.committed", 3), ("engine.effect.done", 3),
                  ("engine.outcome.committed", 3), ("engine.store_effect.committed", 3))
              for n in range(1, many + 1)]


def test_killed_at_every_step():
    points = POINTS if os.environ.get("TOCSIN_LONG") else SHORT[:2] if t.SANITIZED else SHORT
    with World() as w:
        w.service.quota = len(points) + 1
        w.start()
        made = []
        for i in range(len(points)):
            case, cve = w.case_with_id("Flaw %d" % i)
            name = w.draft(case, cve)
            w.approved(name)
            made.append((case, cve, name))
        w.node.stop()
        survived = []
        for point, (case, cve, name) in zip(points, made):
            w.node.start({"TOCSIN_FAULT": point})
            w.node.cli("advisory", "publish", name, as_person="lead1")
            try:
                w.node.wait_dead(timeout=15 * t.PATIENCE)
            except t.subprocess.TimeoutExpired:
                survived.append(point)
                w.node.stop()
            w.node.start()
            if life.adv(w.node, "show", name).json["state"] == "approved":
                life.adv(w.node, "publish", name, person="lead1")  # nothing had happened
            pub.out(w, name)
            w.node.stop()
        assert not survived, survived
        w.node.start()
        assert len(tree(w)) == len(points) and not w.early, w.early
        assert len(w.service.ids) == len(points), "two ids for one flaw"
        writes = [x for x in w.service.writes if "/cna" in x[1]]
        assert sorted(writes) == sorted(("POST", "/cve/%s/cna" % cve) for _, cve, _ in made), writes
        for case, cve, name in made:
            items = w.node.http("GET", "/api/v1/advisories/%s/versions" % name,
                                check=200).json["items"]
            assert [(v["number"], v["state"]) for v in items] == [("1", "out")], (name, items)
            assert [r["state"] for r in w.tracks(case, "cve")] == ["published"], name
            for to in (GOLD, "announce@lists.example"):
                mine = [m for m in w.sent(to) if name in m["Subject"]]
                assert len(mine) == 1, (name, to, len(mine))
        w.node.stop()
        w.node.cli("audit", "verify", w.node.data, check=0)


def test_a_refused_record_waits_for_a_person():
    """What CVE Services refuse holds what comes behind it; the page stays; a person decides."""
    with World() as w:
        w.start()
        case, cve = w.case_with_id()
        del w.service.ids[cve]  # no longer ours
        name = w.draft(case, cve)
        w.approved(name)
        life.adv(w.node, "publish", name, person="lead1")
        task = w.node.task(kind="ask", case=case)
        assert "CVE_ID_DNE" in json.dumps(task) or cve in json.dumps(task), task
        assert life.adv(w.node, "show", name).json["state"] == "publishing"
        assert len(tree(w)) == 1 and not w.sent(GOLD)
        w.service.ids[cve] = cve_services.now()
        # That its case is closed meanwhile stops nothing.
        w.node.cli("case", "close", case, "--set", "resolution=published", "--reason", "it is out",
                   as_person="lead1", check=0)
        w.node.cli("answer", task["name"], "--set", "next=again", "--set", "reason=it is ours",
                   as_person="lead1", check=0)
        pub.out(w, name)
        assert w.service.records[cve] and len(w.sent(GOLD)) == 1
        # Its run is ended by somebody: the publication is held, and goes on when told.
        case, cve = w.case_with_id("Another")
        del w.service.ids[cve]
        name = w.draft(case, cve)
        w.approved(name)
        life.adv(w.node, "publish", name, person="lead1")
        task = w.node.task(kind="ask", case=case)
        run = [r for r in w.node.cli("run", "list", "--case", case, check=0).json["items"]
               if r["playbook"].startswith("publication")][0]
        w.node.cli("run", "cancel", run["name"], "--reason", "wrong service",
                   as_person="lead1", check=0)
        w.node.wait_for(lambda: life.adv(w.node, "resume", name, "--reason", "once more",
                                         person="lead1", check=None).code == 0)
        task = w.node.task(kind="ask", case=case)
        w.node.cli("answer", task["name"], "--set", "next=leave", "--set", "reason=not ours",
                   as_person="lead1", check=0)
        pub.out(w, name)
        assert cve not in w.service.records and len(w.sent(GOLD)) == 2
        w.node.stop()


def test_what_becomes_of_the_ids_of_what_ends():
    """Withdrawn: a person rejects the id, tells it the new words, or leaves it; nothing goes by itself."""
    with World() as w:
        w.start()
        made = []
        for what in ("reject", "update", "leave"):
            case, cve = w.case_with_id("To " + what)
            name = w.draft(case, cve)
            w.approved(name)
            life.adv(w.node, "publish", name, person="lead1")
            pub.out(w, name)
            made.append((what, case, cve, name))
        writes = len(w.service.writes)
        for what, case, cve, name in made:
            life.adv(w.node, "withdraw", name, "--reason", "It is no flaw of ours.", person="lead1")
            task = w.node.task(kind="ask", case=case)
            assert cve in task["title"] and name in task["title"], task
            # Customers know already; the record is as it was until somebody answers.
            assert len([m for m in w.sent(GOLD) if name in m["Subject"]]) == 2
            assert len(w.service.writes) == writes, w.service.writes
            w.node.cli("answer", task["name"], "--set", "next=" + what, "--set", "reason=It names no flaw",
                       as_person="lead1", check=0)
            w.node.wait_for(lambda n=name: {v["state"] for v in w.node.http(
                "GET", "/api/v1/advisories/%s/versions" % n, check=200).json["items"]} == {"out"})
            writes = len(w.service.writes)
        states = [w.tracks(case, "cve")[0]["state"] for _, case, _, _ in made]
        assert states == ["rejected", "updated", "published"], states
        rejected, updated, left = (w.service.records[cve] for _, _, cve, _ in made)
        assert rejected["cveMetadata"]["state"] == "REJECTED", rejected
        assert "WITHDRAWN" in json.dumps(updated) and "WITHDRAWN" not in json.dumps(left)
        assert {life.adv(w.node, "show", name).json["state"] for _, _, _, name in made} == {"withdrawn"}
        w.node.stop()


def test_without_its_playbook_it_is_held():
    """The page is public; what follows waits for the playbook, and for a person."""
    with tempfile.TemporaryDirectory() as folder:
        books = shutil.copytree(os.path.join(t.SOURCE, "playbooks"), os.path.join(folder, "playbooks"))
        book = os.path.join(books, "publication.lua")
        os.rename(book, book + ".away")
        with World(playbooks={"dir": books}) as w:
            w.start()
            case, cve = w.case_with_id()
            name = w.draft(case, cve)
            w.approved(name)
            life.adv(w.node, "publish", name, person="lead1")
            held = w.node.wait_for(lambda: w.node.cli("audit", "log", "kind:advisory.held", check=0).json["items"])
            assert len(held) == 1, held
            assert life.adv(w.node, "show", name).json["state"] == "publishing"
            assert len(tree(w)) == 1 and not w.sent(GOLD) and not w.service.records
            w.node.stop()
            os.rename(book + ".away", book)
            w.start()
            assert not w.sent(GOLD), "nothing goes on by itself"
            life.adv(w.node, "resume", name, "--reason", "the playbook is back", person="lead1")
            pub.out(w, name)
            assert w.service.records[cve] and len(w.sent(GOLD)) == 1
            w.node.stop()


def test_told_ahead_after_the_terms():
    with World() as w:
        w.start()
        case, cve = w.case_with_id()
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        for op in (("embargo.propose", "end=" + end.isoformat()), ("embargo.accept", "by=finder@lab.example")):
            w.node.cli("case", "do", case, op[0], "--set", op[1], as_person="lead1", check=0)
        w.node.cli("case", "do", case, "case.member", "--set", "person=resp1", as_person="lead1",
                   check=0)
        name = w.draft(case, cve)
        assert life.adv(w.node, "ahead", name, check=5).error["code"] == "D101"  # a draft
        w.approved(name)
        w.node.cli("customer", "add", "Second", "--mail", SECOND, "--product", "edge-gw", "--set",
                   "contract=gold", "--set", "attach=html", as_person="lead1", check=0)
        life.adv(w.node, "ahead", name, person="lead1")
        w.node.wait_for(lambda: w.sent(GOLD))
        terms, = w.sent(GOLD)
        w.node.wait_for(lambda: w.sent(SECOND))
        text = terms.get_body(("plain",)).get_content() + terms["Subject"]
        assert "accept" in text and "gateway" not in text.lower() and name not in text, text
        assert not w.sent(SILVER) and not w.sent("announce@lists.example")
        assert (GOLD, "", "invited") in w.notices(name), w.notices(name)
        assert life.adv(w.node, "ahead", name, person="lead1", check=5).error["code"] == "D109"
        # Answered by mail: what is not clear, or not from whom it was asked of, waits for a person.
        assert w.answer(terms, "stranger@gold.example", "We accept.") == "held"
        assert w.answer(terms, GOLD, "We accept, but only if our lawyers do.") == "held"
        assert w.answer(terms, GOLD, "Who else is told?") == "held"
        assert (GOLD, "", "invited") in w.notices(name) and len(w.sent(GOLD)) == 1
        assert w.answer(terms, GOLD, "Hello,\n\nwe accept.\n\nKind regards\nRita") == "terms"
        # No word is needed: who accepts is told by the next round of the publisher.
        w.node.wait_for(lambda: len(w.sent(GOLD)) == 2)
        assert len(w.reports(case)) == 1, "an answer to the terms is no report"
        # One that is doubtful: a person reads it. Nobody accepts for whom was not asked.
        asked, = w.sent(SECOND)
        assert w.answer(asked, SECOND, "That should be fine for us.") == "held"
        held = w.node.cli("mail", "list", "--state", "held", check=0).json["items"]
        assert len(held) == 4, held
        wrong = w.node.cli("mail", "assign", held[3]["mail"], "--set", "terms=accepted", "--reason",
                           "it is them", as_person="lead1", check=5)
        assert wrong.error["code"] == "M027", wrong
        w.node.cli("mail", "assign", held[0]["mail"], "--set", "terms=accepted", "--reason",
                   "called them", as_person="lead1", check=0)
        w.node.wait_for(lambda: len(w.sent(SECOND)) == 2)
        told, = [m for m in w.sent(SECOND) if "Advance notice" in m["Subject"]]
        html, = told.iter_attachments()
        assert html.get_filename() == name + ".html", html.get_filename()
        notice = [m for m in w.sent(GOLD) if "Advance notice" in m["Subject"]][0]
        assert notice["Subject"].startswith("[TLP:AMBER] Advance notice"), notice["Subject"]
        body = notice.get_body(("plain",)).get_content()
        assert body.lstrip().startswith("TLP:AMBER") and body.rstrip().endswith("TLP:AMBER"), body
        w.node.wait_for(lambda: (GOLD, "advance-notice", "sent") in w.notices(name))
        assert tree(w) == [] and not w.service.records
        # By its instant: `before` of the list has begun, so the next one is told without a word.
        other_case, other_cve = w.case_with_id("Another")
        other = w.draft(other_case, other_cve)
        w.node.cli("case", "do", other_case, "embargo.invite", "--set", "party=" + GOLD,
                   as_person="lead1", check=0)
        w.approved(other)
        w.node.cli("case", "do", other_case, "embargo.terms", "--set", "party=" + GOLD,
                   as_person="lead1", check=0)
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        life.adv(w.node, "publish", other, "--at", when.isoformat())
        w.node.wait_for(lambda: (GOLD, "advance-notice", "sent") in w.notices(other))
        assert tree(w) == [] and not w.service.records
        w.node.stop()
        w.node.cli("audit", "verify", w.node.data, check=0)


if __name__ == "__main__":
    t.need_binary()
    if not shutil.which("gpg"):
        t.skip("no gpg")
    try:
        t.main()
    finally:
        if pub.Keys.made:
            pub.Keys.made.close()
