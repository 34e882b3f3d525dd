#!/usr/bin/env python3
"""Seeded mistakes in tocsin.yaml: each must give its own code at the very line and column.

The mark § stands right before the place that the message must point at; it is taken out before
the file is written. TOCSIN_CONFIG_CHECK names another program that checks its one argument."""
import os
import re
import subprocess
import sys
import tempfile

import tocsin_test as t

GOOD = """\
server:
  listen: 127.0.0.1:0
  organisation: Acme
  domain: acme.example
data: { dir: data }
people:
  - { id: resp1, name: Rita, roles: [ responder ], uid: 1001 }
  - { id: lead1, roles: [ psirt-lead, product-owner ], uid: 1002 }
mail: { from: "Acme PSIRT <psirt@acme.example>", maildir: mail, reach: [ "127.0.0.1:25" ] }
http: { reach: [ 127.0.0.1, "[::1]:8080", "::1" ] }
publisher: { name: Acme, namespace: "https://acme.example", contact: psirt@acme.example, prefix: ACME-SA }
cases: { prefix: PSIRT }
products:
  - id: edge-gw
    name: Edge Gateway
    vendor: Acme
    owner: product-owner
    versions: [ 9.10, "9.2" ]
    components: [ { vendor: OpenSSL, product: OpenSSL } ]
customers:
  - { name: Customer A, mail: soc@a.example, products: [ edge-gw ] }
rules:
  - { on: report.accepted, when: { kind: incident }, run: customer-incident }
  - { on: advisory.matched, run: upstream-advisory }
feeds:
  - { name: acme, kind: csaf, url: "http://127.0.0.1:8081/csaf/", every: 10m, reach: [ "127.0.0.1:8081" ], parallel: 4 }
plugins:
  - { name: edge, settings: { dir: /x, targets: [ a, 1, true, null ], protect: { deep: "1" } } }
playbooks: { dir: playbooks }
engine: { workers: 2, resident: 256, cpu: 250ms, wall: 2s }
"""

PEOPLE = "people:\n  - { id: resp1, roles: [ responder ], uid: 7 }\n"

# (name, code, text with the mark, part of the message or hint)
BAD = [
    # YAML itself
    ("tab", "C001", PEOPLE + "server:\n§\tlisten: none\n", ""),
    ("unclosed list", "C001", "people:\n  - { id: a, roles: [ b §}", ""),
    ("key twice", "C005", PEOPLE + "cases: { prefix: A }\n§cases: { prefix: B }\n", "cases"),
    ("anchor", "C003", "people: §&p\n  - { id: a, roles: [ b ] }\n", ""),
    ("alias", "C003", PEOPLE + "cases: { prefix: §*p }\n", ""),
    ("tag", "C004", PEOPLE + "cases: { prefix: §!x y }\n", ""),
    ("two documents", "C009", PEOPLE + "§---\ncases: {}\n", ""),
    ("mail of a person", "C042", "people:\n  - { id: a, roles: [ b ], mail: §nobody }\n", "address"),
    ("key without mail", "C013", "people:\n  - { id: a, roles: [ b ], key: §0A1B }\n", "no `mail`"),
    # the tree
    ("not groups", "C014", "§- people\n", ""),
    ("unknown section", "C012", PEOPLE + "§feed: []\n", "feeds"),
    ("unknown server key", "C012", PEOPLE + "server: { §lisen: none }\n", "listen"),
    ("unknown data key", "C012", PEOPLE + "data: { §directory: x }\n", "dir"),
    ("unknown mail key", "C012", PEOPLE + "mail:\n  §form: a@b.example\n", "from"),
    ("unknown smtp key", "C012",
     PEOPLE + "mail: { smtp: { url: \"smtp://h\", §start_tls: true } }\n", "starttls"),
    ("unknown http key", "C012", PEOPLE + "http: { §reaches: [] }\n", "reach"),
    ("unknown publisher key", "C012", PEOPLE + "publisher: { §namspace: x }\n", "namespace"),
    ("unknown product key", "C012", PEOPLE + "products:\n  - id: a\n    §vendors: b\n", "vendor"),
    ("unknown component key", "C012",
     PEOPLE + "products:\n  - { id: a, components: [ { vendor: x, §name: y } ] }\n", "product"),
    ("unknown customer key", "C012",
     PEOPLE + "customers:\n  - { name: a, §email: a@b.example }\n", "mail"),
    ("unknown rule key", "C012",
     PEOPLE + "rules:\n  - { on: report.accepted, §if: { kind: incident }, run: x }\n", "when"),
    ("misspelt feed key", "C012", PEOPLE +
     "feeds:\n  - { name: osv, kind: csaf, §intervall: 15m, url: \"https://a.example/\" }\n", "every"),
    ("unknown plugin key", "C012", PEOPLE + "plugins:\n  - { name: a, §setting: {} }\n", "settings"),
    ("unknown engine key", "C012", PEOPLE + "engine: { §worker: 2 }\n", "workers"),
    ("no people", "C013", "§server: { listen: none }\n", "people"),
    ("people empty", "C013", "people: §[]\n", "people"),
    ("person without roles", "C013", "people:\n  - §id: a\n", "roles"),
    ("person without id", "C013", "people:\n  - §{ roles: [ b ] }\n", "id"),
    ("rule without run", "C013", PEOPLE + "rules:\n  - §{ on: report.accepted }\n", "run"),
    ("feed without url", "C013", PEOPLE + "feeds:\n  - §{ name: a, kind: csaf, every: 1h }\n", "url"),
    ("customer without mail", "C013",
     PEOPLE + "customers:\n  - §{ name: a, products: [ b ] }\n", "mail"),
    ("user without password", "C013",
     PEOPLE + "mail: { smtp: { url: \"smtp://h\", user: §u } }\n", "`password` is missing"),
    ("section is a word", "C014", PEOPLE + "server: §none\n", ""),
    ("list is a map", "C014", "people: §{ id: a }\n", "list"),
    ("item is a word", "C014", "people: [ §resp1 ]\n", ""),
    ("roles is a word", "C014", "people:\n  - { id: a, roles: §responder }\n", "roles"),
    ("uid is a word", "C014", "people:\n  - { id: a, roles: [ b ], uid: §root }\n", ""),
    ("uid in quotes", "C014", "people:\n  - { id: a, roles: [ b ], uid: §\"7\" }\n", ""),
    ("starttls is a word", "C014",
     PEOPLE + "mail: { smtp: { url: \"smtp://h\", starttls: §maybe } }\n", ""),
    ("when is a list", "C014",
     PEOPLE + "rules:\n  - { on: report.accepted, when: §[ kind ], run: x }\n", "when"),
    ("when with a list", "C014",
     PEOPLE + "rules:\n  - { on: report.accepted, when: { kind: §[ a ] }, run: x }\n", "kind"),
    ("settings is a word", "C014", PEOPLE + "plugins:\n  - { name: a, settings: §x }\n", ""),
    ("no value", "C014", PEOPLE + "server: { organisation: §\"\" }\n", "organisation"),
    ("two lines", "C014", PEOPLE + "server: { organisation: §\"a\\nb\" }\n", ""),
    # values
    ("every without unit", "C021", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: \"https://a.example/\", every: §24 }\n", ""),
    ("cpu without unit", "C021", PEOPLE + "engine: { cpu: §250 }\n", ""),
    ("feed kind", "C030", PEOPLE +
     "feeds:\n  - { name: a, kind: §csav, url: \"https://a.example/\", every: 1h }\n", "csaf"),
    ("event", "C030", PEOPLE + "rules:\n  - { on: §report.acepted, run: x }\n", "report.accepted"),
    ("every too often", "C030", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: \"https://a.example/\", every: §10ms }\n", ""),
    ("wall before cpu", "C030", PEOPLE + "engine: { cpu: 10s, wall: §1s }\n", ""),
    ("built-in plugin name", "C030", PEOPLE + "plugins:\n  - { name: §mail }\n", "built in"),
    ("owner", "C031", PEOPLE + "products:\n  - { id: a, owner: §respnder }\n", "responder"),
    ("product of a customer", "C031", PEOPLE +
     "products:\n  - { id: edge-gw }\ncustomers:\n"
     "  - { name: a, mail: a@b.example, products: [ §edge-gv ] }\n", "edge-gw"),
    ("person twice", "C032", "people:\n  - { id: a, roles: [ b ] }\n  - { id: §a, roles: [ c ] }\n",
     "line 2"),
    ("role twice", "C032", "people:\n  - { id: a, roles: [ b, §b ] }\n", ""),
    ("product twice", "C032", PEOPLE + "products: [ { id: a }, { id: §a } ]\n", ""),
    ("feed twice", "C032", PEOPLE + "feeds:\n"
     "  - { name: a, kind: csaf, url: \"https://a.example/\", every: 1h }\n"
     "  - { name: §a, kind: csaf, url: \"https://b.example/\", every: 1h }\n", ""),
    ("uid twice", "C033",
     "people:\n  - { id: a, roles: [ b ], uid: 7 }\n  - { id: c, roles: [ b ], uid: §7 }\n", "uid"),
    ("feed url scheme", "C036", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: §\"ftp://a.example/\", every: 1h }\n", ""),
    ("feed url user", "C036", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: §\"https://u:p@a.example/\", every: 1h }\n", ""),
    ("feed url no folder", "C036", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: §\"https://a.example/csaf\", every: 1h }\n", "/"),
    ("feed url port", "C036", PEOPLE +
     "feeds:\n  - { name: a, kind: csaf, url: §\"https://a.example:99999/\", every: 1h }\n", ""),
    ("smtp url", "C036", PEOPLE + "mail: { smtp: { url: §\"http://h\" } }\n", "smtp://"),
    ("reach name", "C037", PEOPLE + "http: { reach: [ \"127.0.0.1\", §localhost ] }\n", "numeric"),
    ("reach network", "C037", PEOPLE + "http: { reach: [ §10.0.0.0/8 ] }\n", ""),
    ("proxy without a scheme", "C036", PEOPLE + "http: { proxy: { url: §\"proxy:3128\" } }\n", ""),
    ("proxy password in clear", "C047",
     PEOPLE + "http: { proxy: { url: \"http://p:1\", user: u, password: §hunter2 } }\n", "secret set"),
    ("direct wildcard", "C036",
     PEOPLE + "http: { proxy: { url: \"http://p:1\", direct: §[ \"*.a.example\" ] } }\n", "below"),
    ("secret to a path", "C036",
     PEOPLE + "http: { secrets: [ { name: a, to: §[ \"https://a.example/x\" ] } ] }\n", "path"),
    ("secret to nowhere", "C013", PEOPLE + "http: { secrets: [ §{ name: a } ] }\n", "to"),
    ("secret twice", "C032", PEOPLE + "http: { secrets: [ { name: a, to: [ \"https://a\" ] }, "
     "{ name: §a, to: [ \"https://b\" ] } ] }\n", "twice"),
    ("reach wildcard port", "C037", PEOPLE + "http: { reach: [ §\"10.0.0.1:*\" ] }\n", ""),
    ("short phrase of noise", "C014", PEOPLE + "noise:\n  - { name: a, weight: 2, any: §[ ab ] }\n", ""),
    ("noise without phrases", "C013", PEOPLE + "noise:\n  - §{ name: a, weight: 2 }\n", "any"),
    ("listen name", "C038", PEOPLE + "server: { listen: §\"localhost:80\" }\n", ""),
    ("listen no port", "C038", PEOPLE + "server: { listen: §127.0.0.1 }\n", ""),
    ("id with a space", "C039", "people:\n  - { id: §\"a b\", roles: [ c ] }\n", ""),
    ("role with a colon", "C039", "people:\n  - { id: a, roles: [ §\"x:y\" ] }\n", ""),
    ("case prefix", "C039", PEOPLE + "cases: { prefix: §\"A B\" }\n", ""),
    ("domain", "C039", PEOPLE + "server: { domain: §\"https://a.example\" }\n", ""),
    ("maildir and smtp", "C040",
     PEOPLE + "mail:\n  smtp: { url: \"smtp://h\" }\n  maildir: §x\n", ""),
    ("password file missing", "C041", PEOPLE +
     "mail: { smtp: { url: \"smtp://h\", user: u, password_file: §nowhere } }\n", "nowhere"),
    ("password file for all to read", "C041", PEOPLE +
     "mail: { smtp: { url: \"smtp://h\", user: u, password_file: §open.password } }\n", "chmod"),
    ("password without TLS", "C030", PEOPLE +
     "mail: { smtp: { url: \"smtp://h\", user: u, password: secret:x, starttls: §false } }\n", "smtps"),
    ("from", "C042", PEOPLE + "mail: { from: §Acme PSIRT }\n", "psirt@"),
    ("customer mail", "C042", PEOPLE + "products: [ { id: a } ]\ncustomers:\n"
     "  - { name: a, mail: §\"A <a@b.example>\", products: [ a ] }\n", ""),
    ("too many rules", "C043", PEOPLE + "rules:\n" +
     "  - { on: report.accepted, run: x }\n" * 8 + "  - §{ on: report.accepted, run: x }\n", "8"),
    ("long socket", "C043", PEOPLE + "server: { socket: §/" + "x" * 110 + " }\n", "107"),
]


def check(text, folder):
    """Returns (code, everything printed)."""
    path = os.path.join(folder, "tocsin.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    other = os.environ.get("TOCSIN_CONFIG_CHECK")
    if other:
        done = subprocess.run([other, path], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr
    result = t.run_cli(["config", "check", path])
    return result.code, result.out + result.err


def one(name, code, text, part, folder):
    before = text[:text.index("§")] if "§" in text else None
    status, said = check(text.replace("§", ""), folder)
    found = re.search(r"error (C[0-9]{3}):", said)
    assert found, "%s: no error in %r" % (name, said)
    assert found.group(1) == code, "%s: wanted %s in %r" % (name, code, said)
    if not os.environ.get("TOCSIN_CONFIG_CHECK"):
        assert status != 0, "%s: exit code 0" % name
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    place = "tocsin.yaml:%d:%d" % (line, column)
    assert re.search(re.escape(place) + r"\b", said), "%s: wanted %s in %r" % (name, place, said)
    assert part in said, "%s: wanted %r in %r" % (name, part, said)


def test_every_mistake_has_its_code_and_place():
    assert len(BAD) >= 40 and len({name for name, *_ in BAD}) == len(BAD)
    wrong = []
    with tempfile.TemporaryDirectory(prefix="tsn-", dir="/tmp") as folder:
        with open(os.path.join(folder, "open.password"), "w", encoding="utf-8") as out:
            out.write("secret\n")
        os.chmod(os.path.join(folder, "open.password"), 0o644)
        for name, code, text, part in BAD:
            try:
                one(name, code, text, part, folder)
            except AssertionError as error:
                wrong.append(str(error))
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(BAD), "\n".join(wrong))


def test_good_files_pass():
    with tempfile.TemporaryDirectory(prefix="tsn-", dir="/tmp") as folder:
        password = os.path.join(folder, "smtp.password")
        with open(password, "w", encoding="utf-8") as out:
            out.write("secret\n")
        os.chmod(password, 0o600)
        os.mkdir(os.path.join(folder, "playbooks"))
        smtp = "mail: { smtp: { url: \"smtps://m.example:465\", user: u, password_file: smtp.password } }\n"
        for text in (GOOD, PEOPLE, PEOPLE + smtp, PEOPLE + "server: { listen: none }\n",
                     PEOPLE + "server: { listen: \"[::1]:0\" }\n"):
            status, said = check(text, folder)
            assert status == 0 and "error" not in said, said


if __name__ == "__main__":
    if not os.environ.get("TOCSIN_CONFIG_CHECK"):
        t.need_binary()
    t.main()
    sys.exit(0)
