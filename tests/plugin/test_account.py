"""account against a real slapd on loopback: a disabled account can no longer bind, and can again."""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import tocsin_test as t
from plugin_by_hand import Plugin

t.need_binary()
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"
SLAPD, SLAPADD, WHOAMI, MODIFY, OPENSSL = (
    shutil.which(p, path=PLACES) for p in ("slapd", "slapadd", "ldapwhoami", "ldapmodify", "openssl"))
if not SLAPD or not WHOAMI or not OPENSSL:
    t.skip("needs slapd, ldap-utils and openssl")
PROGRAM = os.path.join(t.SOURCE, "plugins", "account", "account.py")
ROOT = tempfile.mkdtemp(prefix="tocsin-slapd-")
t.atexit.register(shutil.rmtree, ROOT, True)
ADMIN, SECRET, WORD = "cn=tocsin,dc=example", "service word, with: ~colon", "Pässword 1"

CONFIG = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {root}/slapd.pid
argsfile {root}/slapd.args
TLSCertificateFile {root}/tls.pem
TLSCertificateKeyFile {root}/tls.key
security simple_bind=128
database mdb
suffix dc=example
rootdn {admin}
rootpw "{secret}"
directory {root}/db
overlay ppolicy
ppolicy_default cn=policy,dc=example
"""
PEOPLE = """dn: dc=example
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=policy,dc=example
objectClass: organizationalRole
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE

dn: ou=people,dc=example
objectClass: organizationalUnit
ou: people

dn: uid=jdoe,ou=people,dc=example
objectClass: inetOrgPerson
uid: jdoe
cn: Jördis Doe
sn: Doe
mail: jdoe@example.org
description: joined 2019
userPassword: {word}

dn: uid=root*,ou=people,dc=example
objectClass: inetOrgPerson
uid: root*
cn: Root
sn: Root
userPassword: {word}

dn: cn=break-glass,dc=example
objectClass: groupOfNames
cn: break-glass
member: uid=root*,ou=people,dc=example
"""


def file_of(name, text):
    path = os.path.join(ROOT, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


class Slapd:
    def __init__(self):
        os.mkdir(ROOT + "/db")
        subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", ROOT + "/tls.key", "-out", ROOT + "/tls.pem"],
                       check=True, capture_output=True, timeout=60)
        self.config = file_of("slapd.conf", CONFIG.format(root=ROOT, admin=ADMIN, secret=SECRET))
        people = file_of("people.ldif", PEOPLE.format(word=WORD))
        subprocess.run([SLAPADD, "-f", self.config, "-l", people], check=True, timeout=60)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = "ldap://127.0.0.1:%d" % self.port
        t.atexit.register(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen([SLAPD, "-d", "0", "-f", self.config, "-h",
                                         "ldap://127.0.0.1:%d" % self.port])
        t.wait_for(self.listens, 20 * t.PATIENCE)

    def listens(self):
        assert self.process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def ldap(self, program, *argv, user=ADMIN, word=SECRET, **more):
        return subprocess.run([program, "-x", "-ZZ", "-H", self.url, "-D", user, "-w", word, *argv],
                              env={"LDAPTLS_CACERT": ROOT + "/tls.pem", "LDAPCONF": "/dev/null"},
                              capture_output=True, text=True, timeout=60, check=False, **more)

    def binds(self, user="jdoe"):
        done = self.ldap(WHOAMI, user="uid=%s,ou=people,dc=example" % user, word=WORD)
        assert done.returncode in (0, 49), done
        return done.returncode == 0

    def change(self, lines):
        done = self.ldap(MODIFY, input="dn: uid=jdoe,ou=people,dc=example\n" + lines)
        assert done.returncode == 0, done


SERVER = Slapd()


class Idp(http.server.BaseHTTPRequestHandler):
    """The identity provider's call that ends sessions."""
    status, seen = 204, []

    def do_POST(self):
        self.seen.append((self.path, self.headers.get("Authorization")))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


IDP = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Idp)
threading.Thread(target=IDP.serve_forever, daemon=True).start()


def settings(**changes):
    out = {"url": SERVER.url, "ca": ROOT + "/tls.pem", "bind": ADMIN, "base": "dc=example",
           "password_file": file_of("password", SECRET + "\n"),
           "protect_groups": ["CN=break-glass, dc=example"],
           "sessions": {"url": "http://127.0.0.1:%d/users/{id}/logout" % IDP.server_port,
                        "token_file": file_of("token", "t0ken\n")}}
    out.update(changes)
    return out


def start(given):
    return Plugin("account", [sys.executable, PROGRAM], given)


def test_disable_and_enable():
    p = start(settings())
    assert SERVER.binds()
    plan = p.ok("plan_disable", user="jdoe")
    assert plan == {"user": "jdoe", "dn": "uid=jdoe,ou=people,dc=example", "groups": [],
                    "disabled": False, "disabled_by_tocsin": False, "refused": None,
                    "cn": ["Jördis Doe"], "mail": ["jdoe@example.org"]}, plan
    one = "1" * 32
    assert p.bad("fail", "not_there", "disable", kind="probe", key=one, user="jdoe")
    done = p.ok("disable", key=one, user="jdoe")
    assert done == {"dn": plan["dn"], "disabled": True, "already": False}, done
    assert not SERVER.binds()
    assert p.ok("disable", kind="probe", key=one, user="jdoe") == done
    assert p.ok("disable", key=one, user="jdoe") == done, "the same call again"
    assert p.ok("plan_disable", user="jdoe")["disabled_by_tocsin"]
    assert p.ok("disable", key="2" * 32, user="jdoe")["already"], "another call: the first one's"
    assert p.ok("enable", user="jdoe")["changed"]
    assert SERVER.binds()
    assert not p.ok("enable", user="jdoe")["changed"]
    p.stop()


def test_anothers_lock_stays():
    p = start(settings())
    SERVER.change("changetype: modify\nadd: pwdAccountLockedTime\n"
                  "pwdAccountLockedTime: 000001010000Z\n")
    assert p.ok("disable", user="jdoe")["already"]
    assert not p.ok("enable", user="jdoe")["changed"] and not SERVER.binds()
    assert p.ok("enable", user="jdoe", force=True)["changed"] and SERVER.binds()
    p.stop()


def test_what_is_refused():
    p = start(settings(protect=["jdoe"]))
    assert "protected" in p.bad("fail", "refused", "disable", user="jdoe")
    assert p.ok("plan_disable", user="jdoe")["refused"] == "`jdoe` is protected"
    # A star is a letter of a name, not a pattern; and the group protects that account.
    assert "member of" in p.bad("fail", "refused", "disable", user="root*")
    for user in ("nobody", "*", "j*", "jdoe)(uid=*", "", 7):
        p.bad("fail", "refused", "disable", user=user)
    p.bad("fail", "refused", "disable", user="jdoe", filter="(uid=*)")
    p.bad("fail", "refused", "nothing", user="jdoe")
    assert SERVER.binds() and SERVER.binds("root*")
    p.stop()
    p = start({})
    assert p.described["type"] == "described"
    p.bad("fail", "refused", "disable", user="jdoe")
    p.stop()
    for change, words in (({"url": "ldap://ldap.example", "starttls": False}, "starttls"),
                          ({"filter": "(uid=jdoe)"}, "filter"), ({"lock": {"kind": "x"}}, "lock"),
                          ({"password_file": ROOT + "/none"}, "password_file"),
                          ({"password": "secret:x"}, "both"),
                          ({"sessions": {"url": "http://idp.example/"}}, "https"),
                          ({"colour": 1}, "colour")):
        p = start(settings(**change))
        assert p.described is None and p.p.wait(20) == 1, change
        assert words in p.p.stderr.read(), change
        p.stop()


def test_other_locks():
    lock = {"kind": "attribute", "name": "employeeType", "value": "locked", "free": "active"}
    p = start(settings(lock=lock))
    SERVER.change("changetype: modify\nadd: employeeType\nemployeeType: active\n")
    assert not p.ok("disable", user="jdoe")["already"]
    assert p.ok("plan_disable", user="jdoe")["disabled"]
    assert p.ok("enable", user="jdoe")["changed"]
    assert not p.ok("plan_disable", user="jdoe")["disabled"]
    p.stop()


def test_directories_that_fail():
    p = start(settings(password_file=file_of("wrong", "wrong")))
    p.bad("fail", "ldap_49", "disable", user="jdoe")
    p.stop()
    # Another's certificate: nothing is sent.
    other = file_of("other.pem", "")
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj", "/CN=other",
                    "-keyout", ROOT + "/other.key", "-out", other], check=True,
                   capture_output=True, timeout=60)
    p = start(settings(ca=other))
    assert p.call("disable", user="jdoe")["outcome"] in ("retry", "fail")
    p.stop()
    assert SERVER.binds()
    silent = socket.create_server(("127.0.0.1", 0))
    p = start(settings(timeout="2s", url="ldap://127.0.0.1:%d" % silent.getsockname()[1]))
    p.bad("retry", "not_reached", "disable", user="jdoe")
    p.stop()
    silent.close()
    p = start(settings())
    SERVER.stop()
    p.bad("retry", "not_reached", "disable", user="jdoe")
    p.bad("unknown", "not_reached", "disable", kind="probe", user="jdoe")
    SERVER.start()
    assert p.ok("plan_disable", user="jdoe") and SERVER.binds()
    p.stop()


def test_sessions():
    p = start(settings())
    assert p.ok("revoke_sessions", user="jdoe")["status"] == 204
    path, token = Idp.seen[-1]
    assert path.startswith("/users/") and path.endswith("/logout") and len(path) == 50, path
    assert token == "Bearer t0ken"
    for Idp.status, outcome, code in ((503, "retry", "not_reached"), (403, "fail", "http_403"),
                                      (302, "fail", "http_302")):
        p.bad(outcome, code, "revoke_sessions", user="jdoe")
    Idp.status = 204
    p.stop()
    p = start(settings(sessions={"attribute": "destinationIndicator"}))
    before = p.ok("revoke_sessions", user="jdoe")["not_before"]
    assert len(before) == 15 and before.endswith("Z")
    p.stop()


PLAYBOOK = """local account = use "account"
return playbook { name = "contain", title = "Contain", on = "report.accepted",
  roles = { contain = "duty-manager" },
  run = function(case)
    local plan = account.plan_disable { user = "jdoe" }
    if approve { id = "lock", role = "contain", title = "Lock", show = plan, within = "1h" } then
      account.disable { user = "jdoe", undo = account.enable }
      account.revoke_sessions { user = "jdoe" }
      ask { id = "over", role = "contain", title = "Is it over?", fields = { yes = flag "Over" } }
      case:unwind()
    end
    return case:close { resolution = "contained", reason = "over" }
  end }
"""


def test_through_tocsin():
    given = settings(password="secret:ldap")
    given.pop("password_file")
    with t.make_dir({"plugins": [{"name": "account", "settings": given}],
                     "playbooks": {"dir": "own"},
                     "rules": [{"on": "report.accepted", "run": "contain"}]}) as n:
        os.mkdir(os.path.join(n.root, "own"))
        with open(os.path.join(n.root, "own", "contain.lua"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK)
        n.start()
        n.cli("secret", "set", "ldap", stdin=SECRET, check=0)
        n.http("POST", "/api/v1/reports", {
            "kind": "incident", "title": "Phished", "text": "I typed it in.",
            "contact": {"mail": "c@customer.example"}}, headers={"Idempotency-Key": "one"})
        task = n.task(kind="approve")
        assert SERVER.binds()
        n.cli("approve", task["name"], "--reason", "phished", as_person="duty1", check=0)
        ask = n.task(kind="ask")
        assert not SERVER.binds()
        n.kill9()
        n.start()
        n.cli("answer", ask["name"], "--set", "yes=true", as_person="duty1", check=0)
        t.wait_for(SERVER.binds, 30 * t.PATIENCE, node=n)
        t.wait_for(lambda: n.cli("case", "list").json["items"][0]["state"] == "closed",
                   20 * t.PATIENCE, node=n)
        n.stop()


t.main()
