#!/usr/bin/env python3
"""account: containment of accounts in an LDAP directory, as an exec plugin.

The protocol is in docs/plugin-protocol.md, the settings in README.md. OpenLDAP's own programs do
the work. To disable is one modify (RFC 4511 4.6: all of it or nothing) that adds the lock and a
mark with the call's key; it fails when a lock is there already, so the test and the change are one
step. To enable deletes exactly these values.
"""
import base64
import datetime
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

PLACES = "/usr/bin:/bin:/usr/local/bin"
SEARCH, MODIFY = (shutil.which(p, path=PLACES) or p for p in ("ldapsearch", "ldapmodify"))
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
MARK = "tocsin disabled this, call "
# Result codes of RFC 4511 appendix A.
NO_SUCH_ATTRIBUTE, VALUE_EXISTS, NO_SUCH_OBJECT = 16, 20, 32
BUSY = {51, 52}  # busy, unavailable
NO_SERVER = 255  # the programs' own
NORMAL, DISABLED = 0x200, 0x2  # userAccountControl of Active Directory

settings = {}
lock = threading.Lock()
secrets, told = {}, threading.Condition()


class Refused(Exception):
    """The request cannot be done as it stands; nothing was changed."""


class Failed(Exception):
    """The directory said no: (code, message)."""


class NotReached(Exception):
    """Nothing was sent, or the directory was busy: later it may work."""


class Unknown(Exception):
    """A change was sent and its end was not seen."""


def send(message):
    with lock:
        sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
        sys.stdout.flush()


# --- secrets ------------------------------------------------------------------------------------

def secret(handle, path):
    """The value behind a handle, asked for at each use because it may be replaced; or a file's line."""
    if path:
        with open(path, encoding="utf-8") as f:
            return f.read().rstrip("\r\n")
    with told:
        secrets.pop(handle, None)
        send({"type": "secret", "handle": handle})
        if not told.wait_for(lambda: handle in secrets, 10):
            raise NotReached("tocsin does not tell the secret %s" % handle)
        value = secrets[handle]
    if value is None:
        raise Refused("there is no value for %s" % handle)
    return value


def take_secret(message):
    with told:
        secrets[message["handle"]] = message.get("value")
        told.notify_all()


# --- settings -----------------------------------------------------------------------------------

def check(condition, where, what):
    if not condition:
        sys.exit("account: settings.%s: %s" % (where, what))


def check_secret(group, name, needed):
    handle, path = group.get(name), group.get(name + "_file")
    check(not (handle and path), name, "and %s_file both say what the secret is" % name)
    check(handle or path or not needed, name, "is missing: secret:NAME")
    check(not handle or str(handle).startswith(("secret:", "credential:")), name, "is secret:NAME")
    check(not path or os.access(str(path), os.R_OK), name + "_file", "cannot be read")


def read_settings(given):
    settings.update({"filter": "(uid={user})", "mark": "description", "protect": [],
                     "protect_groups": [], "show": ["cn", "mail"], "starttls": True,
                     "lock": {"kind": "ppolicy"}, "timeout": "10s"})
    known = set(settings) | {"url", "ca", "bind", "password", "password_file", "base", "sessions"}
    for member, value in given.items():
        check(member in known, member, "is not known (%s)" % ", ".join(sorted(known)))
        settings[member] = value
    if not given:
        return  # without a directory it describes itself and refuses every call
    check(re.fullmatch(r"ldaps?://[^\s/]+/?", str(settings.get("url"))), "url",
          "is ldaps://HOST or ldap://HOST")
    if settings["url"].startswith("ldap://") and not settings["starttls"]:
        host = urllib.parse.urlsplit(settings["url"]).hostname
        check(host in ("127.0.0.1", "::1", "localhost"), "starttls",
              "may be off on loopback only: the password would go out in clear")
    for member in ("bind", "base"):
        check(settings.get(member), member, "is missing")
    check_secret(settings, "password", True)
    check("{user}" in settings["filter"], "filter", "needs {user}")
    check(re.fullmatch("[1-9]s|1[0-9]s", str(settings["timeout"])), "timeout",
          "of one program or request, is 1s to 19s")
    settings["timeout"] = int(settings["timeout"][:-1])
    check(ATTRIBUTE.fullmatch(settings["mark"]), "mark", "is the name of an attribute")
    kind = settings["lock"].get("kind")
    check(kind in ("ppolicy", "active-directory", "attribute"), "lock.kind",
          "is ppolicy, active-directory or attribute")
    if kind == "attribute":
        check(ATTRIBUTE.fullmatch(str(settings["lock"].get("name"))) and
              settings["lock"].get("value"), "lock", "needs name and value: nsAccountLock, TRUE")
    how = settings.get("sessions")
    if how:
        check(("url" in how) != ("attribute" in how), "sessions", "needs either url or attribute")
        if "url" in how:
            parts = urllib.parse.urlsplit(how["url"])
            check(parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost"),
                  "sessions.url", "is https (http on loopback only)")
            check_secret(how, "token", False)
            check(how.get("method", "POST") in ("POST", "DELETE"), "sessions.method",
                  "is POST or DELETE")
            check(ATTRIBUTE.fullmatch(how.get("id", "entryUUID")), "sessions.id",
                  "is the name of an attribute")
        else:
            check(ATTRIBUTE.fullmatch(how["attribute"]), "sessions.attribute",
                  "is the name of an attribute")


# --- the directory --------------------------------------------------------------------------------

def ldap(program, *argv, ldif=None):
    """(exit code = LDAP result code, stdout, stderr). The password goes through a pipe."""
    line = [program, "-x", "-H", settings["url"], "-o", "nettimeout=5", "-D", settings["bind"]]
    if settings["starttls"] and settings["url"].startswith("ldap://"):
        line.append("-ZZ")
    env = {"PATH": PLACES, "LC_ALL": "C", "LDAPCONF": "/dev/null", "LDAPTLS_REQCERT": "demand"}
    if settings.get("ca"):
        env["LDAPTLS_CACERT"] = settings["ca"]
    word = secret(settings.get("password"), settings.get("password_file"))
    inner, outer = os.pipe()
    try:
        os.write(outer, word.encode())
        os.close(outer)
        done = subprocess.run(line + ["-y", "/dev/fd/%d" % inner, *argv], input=ldif or "",
                              capture_output=True, text=True, timeout=settings["timeout"], check=False, env=env,
                              pass_fds=[inner])
    except subprocess.TimeoutExpired as e:
        raise (Unknown if ldif else NotReached)("no answer within %d s" % settings["timeout"]) from e
    finally:
        os.close(inner)
    if re.search(r"\((-1|-11|-5)\)", done.stderr):  # no server, no TLS, time-out: of the client
        return NO_SERVER, done.stdout, done.stderr
    return done.returncode, done.stdout, done.stderr


def explain(err):
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return "; ".join(lines)[:300] or "no reason given"


def entries(text):
    """LDIF (RFC 2849, unwrapped) as [(dn, {attribute in lower case: [values]})]."""
    out = []
    for block in text.split("\n\n"):
        dn, values = None, {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            if value.startswith(":"):
                value = base64.b64decode(value[1:].strip()).decode("utf-8", "replace")
            else:
                value = value.removeprefix(" ")
            if name == "dn":
                dn = value
            elif dn and name and not name.startswith("#"):
                values.setdefault(name.split(";")[0].lower(), []).append(value)
        if dn:
            out.append((dn, values))
    return out


def search(query, *attributes):
    code, out, err = ldap(SEARCH, "-LLL", "-o", "ldif-wrap=no", "-l", "10", "-z", "50",
                          "-b", settings["base"], query, *attributes)
    if code in (0, 4):  # 4: more than the limit; what came is enough to show
        return entries(out)
    if code == NO_SUCH_OBJECT:
        raise Failed("base", "there is no %s in the directory" % settings["base"])
    if code == NO_SERVER or code in BUSY:
        raise NotReached(explain(err))
    raise Failed("ldap_%d" % code, explain(err))


def escaped(text):
    """RFC 4515 3."""
    return "".join("\\%02x" % b if chr(b) in "*()\\\0" or b > 126 else chr(b)
                   for b in text.encode("utf-8"))


def found(user):
    """(dn, values) of exactly one account."""
    if not isinstance(user, str) or not 0 < len(user) <= 256:
        raise Refused("user is the name of an account")
    if not settings.get("url"):
        raise Refused("no directory is set up: settings.url")
    lock_names = {"ppolicy": "pwdAccountLockedTime", "active-directory": "userAccountControl",
                  "attribute": settings["lock"].get("name")}[settings["lock"]["kind"]]
    wanted = {lock_names, settings["mark"], "memberOf", *settings["show"],
              (settings.get("sessions") or {}).get("id", "entryUUID")}
    have = search(settings["filter"].replace("{user}", escaped(user)), *sorted(wanted))
    if len(have) != 1:
        raise Refused("%s accounts are named `%s`" % ("no" if not have else "several", user))
    return have[0]


def groups_of(dn, values):
    groups = set(values.get("memberof", []))
    for group, _ in search("(|(member=%s)(uniqueMember=%s))" % (escaped(dn), escaped(dn)), "1.1"):
        groups.add(group)
    return sorted(groups)


def normal(dn):
    return re.sub(r"\s*([,=])\s*", r"\1", dn).lower()


def lock_of(values):
    """(is it locked, LDIF lines that lock it, LDIF lines that unlock it)."""
    kind = settings["lock"]["kind"]
    if kind == "active-directory":
        have = int((values.get("useraccountcontrol") or [str(NORMAL)])[0])
        swap = ("delete: userAccountControl\nuserAccountControl: %d\n-\n"
                "add: userAccountControl\nuserAccountControl: %d\n-\n")
        return (bool(have & DISABLED), swap % (have, have | DISABLED),
                swap % (have, have & ~DISABLED))
    name, value = (("pwdAccountLockedTime", "000001010000Z") if kind == "ppolicy" else
                   (settings["lock"]["name"], settings["lock"]["value"]))
    is_locked = name.lower() in values and (kind == "ppolicy" or values[name.lower()] == [value])
    line = "%s: %s\n%s:: %s\n-\n"
    coded = base64.b64encode(value.encode()).decode()
    free = settings["lock"].get("free") if kind == "attribute" else None
    if free is None:
        return is_locked, line % ("add", name, name, coded), line % ("delete", name, name, coded)
    other = base64.b64encode(free.encode()).decode()
    return (is_locked, line % ("delete", name, name, other) + line % ("add", name, name, coded),
            line % ("delete", name, name, coded) + line % ("add", name, name, other))


def modify(dn, changes):
    """True, or False when the entry is not as the change expects it (a lock is or is not there)."""
    coded = base64.b64encode(dn.encode()).decode()
    code, _, err = ldap(MODIFY, ldif="dn:: %s\nchangetype: modify\n%s" % (coded, changes))
    if code == 0:
        return True
    if code in (NO_SUCH_ATTRIBUTE, VALUE_EXISTS):
        return False
    if code in BUSY:
        raise NotReached(explain(err))
    if code == NO_SERVER:
        # Before the modify there was only a bind: nothing was changed.
        raise (Unknown if "ldap_modify" in err or "ldap_result" in err else NotReached)(explain(err))
    raise Failed("ldap_%d" % code, explain(err))


# --- what is asked --------------------------------------------------------------------------------

def why_protected(user, dn, groups):
    if user in settings["protect"]:
        return "`%s` is protected" % user
    for group in settings["protect_groups"]:
        if normal(group) in [normal(g) for g in groups]:
            return "a member of %s" % group
    if normal(dn) == normal(settings["bind"]):
        return "the account that tocsin itself uses"
    return None


def marks(values):
    return [m for m in values.get(settings["mark"].lower(), []) if m.startswith(MARK)]


def plan_disable(args, _key):
    dn, values = found(args.get("user"))
    groups = groups_of(dn, values)
    return {"user": args["user"], "dn": dn, "groups": groups, "disabled": lock_of(values)[0],
            "disabled_by_tocsin": bool(marks(values)),
            "refused": why_protected(args["user"], dn, groups),
            **{name: values.get(name.lower()) for name in settings["show"]}}


def mark_lines(operation, text):
    return "%s: %s\n%s:: %s\n-\n" % (operation, settings["mark"], settings["mark"],
                                     base64.b64encode(text.encode()).decode())


def disable(args, key):
    dn, values = found(args.get("user"))
    why = why_protected(args["user"], dn, groups_of(dn, values))
    if why:
        raise Refused("%s: %s" % (dn, why))
    if MARK + key in marks(values):
        return {"dn": dn, "disabled": True, "already": False}  # a repeat of this very call
    is_locked, on, _ = lock_of(values)
    if is_locked or not modify(dn, on + mark_lines("add", MARK + key)):
        return {"dn": dn, "disabled": True, "already": True}  # another's lock stays theirs
    return {"dn": dn, "disabled": True, "already": False}


def enable(args, _key):
    """As an undo it gets disable's own arguments: without our mark there is nothing to undo."""
    dn, values = found(args.get("user"))
    is_locked, _, off = lock_of(values)
    ours = marks(values)
    if not ours and not (args.get("force") and is_locked):
        return {"dn": dn, "enabled": not is_locked, "changed": False}
    changes = (off if is_locked else "") + "".join(mark_lines("delete", m) for m in ours)
    if not modify(dn, changes):
        raise NotReached("the entry changed at the same time")
    return {"dn": dn, "enabled": True, "changed": True}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def post(how, who):
    url = how["url"].replace("{id}", urllib.parse.quote(who, safe=""))
    request = urllib.request.Request(url, method=how.get("method", "POST"), data=b"")
    if how.get("token") or how.get("token_file"):
        token = secret(how.get("token"), how.get("token_file"))
        request.add_header("Authorization", "Bearer " + token)
    context = ssl.create_default_context(cafile=how.get("ca"))
    opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}),
                                         urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=settings["timeout"]) as reply:
            return reply.status
    except urllib.error.HTTPError as e:
        if e.code == 429 or e.code >= 500:
            raise NotReached("the identity provider answered %d" % e.code) from e
        raise Failed("http_%d" % e.code, "the identity provider answered %d" % e.code) from e
    except OSError as e:  # repeat_safe: it may be said again whatever happened
        raise NotReached(str(e)) from e


def revoke_sessions(args, _key):
    how = settings.get("sessions")
    if not how:
        raise Refused("settings.sessions says how sessions are ended; it is not set")
    dn, values = found(args.get("user"))
    if "url" in how:
        who = (values.get(how.get("id", "entryUUID").lower()) or [None])[0]
        if not who:
            raise Refused("%s has no %s" % (dn, how.get("id", "entryUUID")))
        return {"dn": dn, "status": post(how, who)}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")
    modify(dn, "replace: %s\n%s: %s\n-\n" % (how["attribute"], how["attribute"], now))
    return {"dn": dn, "not_before": now}


ACTIONS = {"plan_disable": plan_disable, "disable": disable, "enable": enable,
           "revoke_sessions": revoke_sessions}


def start(message, verb):
    args = message.get("args") or {}
    for name in args:
        if name not in ("user", "force"):
            raise Refused("there is no argument `%s`; it takes user" % name)
    return ACTIONS[verb](args, message.get("key", ""))


def probe(message, verb):
    if verb != "disable":
        raise Unknown("`%s` is told by doing it again" % verb)
    dn, values = found((message.get("args") or {}).get("user"))
    if MARK + message.get("key", "") in marks(values):
        return {"dn": dn, "disabled": True, "already": False}
    raise Failed("not_there", "the entry carries no mark of this call")


def answer(message, work):
    verb = message["action"].rsplit(".", 1)[-1]
    probing = work is probe
    out = {"type": "result", "id": message["id"]}

    def end(outcome, code, text):
        out.update(outcome=outcome, error={"code": code, "message": str(text)})

    try:
        if verb not in ACTIONS:
            raise Refused("there is no action `%s`" % verb)
        out.update(outcome="ok", result=work(message, verb))
    except Refused as e:
        end("unknown" if probing else "fail", "refused", e)
    except Failed as e:
        end("fail" if not probing or e.args[0] == "not_there" else "unknown", *e.args)
    except Unknown as e:
        end("unknown", "in_doubt", e)
    except NotReached as e:
        end("unknown" if probing else "retry", "not_reached", e)
    except OSError as e:
        end("unknown" if probing else "fail", "local", e)
    send(out)


def main():
    for line in sys.stdin:
        message = json.loads(line)
        kind = message.get("type")
        if kind == "describe":
            read_settings(message.get("settings") or {})
            send({"type": "described", "name": "account", "version": "1.0.0",
                  "actions": sorted("account." + a for a in ACTIONS)})
        elif kind in ("start", "probe"):
            threading.Thread(target=answer, args=(message, probe if kind == "probe" else start),
                             daemon=True).start()
        elif kind == "secret":
            take_secret(message)
        # A cancel changes nothing: each call ends within seconds by its own limits.


if __name__ == "__main__":
    main()
