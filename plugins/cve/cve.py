#!/usr/bin/env python3
"""cve: CVE Services for a CNA. Speaks the exec-plugin protocol of docs/plugin-protocol.md.

Idempotent across crashes: the ledger DIR/ledger.jsonl gets a line before a request and one after
the answer; what is between is settled by asking CVE Services what it has. API: CVE Services 2.6.2.
"""
import datetime
import json
import os
import re
import stat
import sys
import urllib.error
import urllib.parse
import urllib.request

settings = {"url": "https://cveawg.mitre.org/api", "org": "", "user": "", "key": "", "key_file": "",
            "dir": "", "erlcheck": False}
waiting = []  # messages that came while a secret was asked for
CVE = re.compile(r"CVE-\d{4}-\d{4,19}")
TIMEOUT = 20


class Stop(Exception):
    """An outcome that is not ok."""

    def __init__(self, outcome, code, message):
        super().__init__(message)
        self.outcome, self.code = outcome, code


def fail(code, message):
    raise Stop("fail", code, message)


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def send(message):
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


# --- the ledger ----------------------------------------------------------------------------

def ledger_path():
    return os.path.join(settings["dir"], "ledger.jsonl")


def ledger():
    """Lines that are whole. What a crash cut off is not known, and settled by asking."""
    try:
        with open(ledger_path(), encoding="utf-8") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return []
    out = []
    for line in lines:
        try:
            out.append(json.loads(line))
        except ValueError:
            pass
    return out


def note(**line):
    whole = not os.path.exists(ledger_path()) or open(ledger_path(), "rb").read()[-1:] in (b"", b"\n")
    with open(ledger_path(), "a", encoding="utf-8") as f:
        f.write(("" if whole else "\n") + json.dumps(dict(line, at=now())) + "\n")
        f.flush()
        os.fsync(f.fileno())


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- the service ---------------------------------------------------------------------------

def api_key():
    """Asked for at each use: `tocsin secret set` replaces it without a restart."""
    handle = settings["key"]
    if handle:
        send({"type": "secret", "handle": handle})
        while True:
            message = read()
            if message.get("type") == "secret" and message.get("handle") == handle:
                if "value" in message:
                    return message["value"].strip()
                fail("secret", message.get("error", {}).get("message", "no secret %s" % handle))
            waiting.append(message)
    path = settings["key_file"]
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        fail("key_file", "%s can be read by others: chmod 600" % path)
    with open(path, encoding="utf-8") as f:
        return f.read().strip()


def ask(method, path, query=None, body=None):
    """(status, JSON). A request that may have arrived without an answer is `unknown`."""
    url = settings["url"].rstrip("/") + path
    if query:
        url += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, method=method, headers={
        "CVE-API-ORG": settings["org"], "CVE-API-USER": settings["user"], "CVE-API-KEY": api_key(),
        "Content-Type": "application/json", "User-Agent": "tocsin-cve"},
        data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            return reply.status, parsed(reply.read())
    except urllib.error.HTTPError as e:
        answer = parsed(e.read())
        if e.code == 429 or e.code >= 500:
            sure = method == "GET" or e.code in (429, 503)
            raise Stop("retry" if sure else "unknown", "http_%d" % e.code,
                       "CVE Services answered %d" % e.code) from None
        return e.code, answer
    except urllib.error.URLError as e:
        refused = isinstance(e.reason, ConnectionRefusedError)
        raise Stop("retry" if refused or method == "GET" else "unknown", "no_answer",
                   "CVE Services did not answer: %s" % e.reason) from None
    except OSError as e:
        raise Stop("retry" if method == "GET" else "unknown", "no_answer",
                   "CVE Services did not answer: %s" % e) from None


def parsed(data):
    try:
        return json.loads(data)
    except ValueError:
        return {}


def said(status, answer, what):
    if status not in (200, 201):
        detail = answer.get("details") or answer.get("message") or answer.get("error") or ""
        fail(answer.get("error") or "http_%d" % status,
             "%s: CVE Services answered %d: %s" % (what, status, str(detail)[:400]))
    return answer


# --- actions -------------------------------------------------------------------------------

def quota(_args):
    answer = said(*ask("GET", "/org/%s/id_quota" % settings["org"]), "quota")
    return {k: answer.get(k) for k in ("id_quota", "total_reserved", "available")}


def orphans(since, lines):
    """Ids reserved by us since then that no line of the ledger knows."""
    known = {i for line in lines for i in line.get("ids", [])}
    found, page = [], 1
    while True:
        answer = said(*ask("GET", "/cve-id", {"state": "RESERVED", "time_reserved.gt": since,
                                               "page": page}), "list")
        found += [i["cve_id"] for i in answer.get("cve_ids", [])
                  if i["cve_id"] not in known and
                  i.get("requested_by", {}).get("user") == settings["user"]]
        page = answer.get("nextPage")
        if not page:
            return found


def reserve(args):
    flaw = args.get("flaw")
    year = str(args.get("year") or datetime.datetime.now(datetime.timezone.utc).year)
    if not isinstance(flaw, str) or not 3 <= len(flaw) <= 200 or not re.fullmatch(r"\d{4}", year):
        fail("bad_request", "flaw is a name of 3 to 200 characters, year four digits")
    lines = ledger()
    mine = [line for line in lines if line.get("flaw") == flaw]
    for line in mine:
        if line["event"] == "reserved":
            return {"cve": line["ids"][0], "again": True}
    for line in mine:
        if line["event"] == "asked":
            left = orphans(line["at"], lines)
            if left:
                note(event="reserved", flaw=flaw, ids=left[:1])
                return {"cve": left[0], "again": True}
    note(event="asked", flaw=flaw)
    status, answer = ask("POST", "/cve-id", {
        "amount": 1, "cve_year": year, "short_name": settings["org"]})
    ids = [i["cve_id"] for i in answer.get("cve_ids", [])] if status in (200, 206) else []
    if status == 206 and not ids:
        fail("quota", "no id was reserved: %s" % (answer.get("message") or "the quota is used up"))
    if not ids:
        said(status if status != 200 else 500, answer, "reserve")
    note(event="reserved", flaw=flaw, ids=ids)
    return {"cve": ids[0]}


def public(url):
    request = urllib.request.Request(url, headers={"User-Agent": "tocsin-cve"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            return reply.status == 200
    except (OSError, ValueError):
        return False


def record_of(cve):
    status, answer = ask("GET", "/cve/" + cve)
    return answer if status == 200 else None


def same(mine, theirs):
    """CVE Services adds metadata of its own."""
    def bare(c):
        return {k: v for k, v in c.items() if k not in ("providerMetadata", "dateUpdated")}
    return bare(mine) == bare(theirs)


def publish(args):
    cve, container, reference = (args.get(k) for k in ("cve", "container", "reference"))
    if not isinstance(cve, str) or not CVE.fullmatch(cve) or not isinstance(container, dict):
        fail("bad_request", "cve is an id and container the CNA container")
    if reference not in [r.get("url") for r in container.get("references", [])]:
        fail("reference", "the container does not name the public reference")
    if not public(reference):
        fail("not_public", "%s cannot be read without login: a record is never the first "
             "disclosure" % reference)
    record = record_of(cve)
    there = (record or {}).get("containers", {}).get("cna")
    published = (record or {}).get("cveMetadata", {}).get("state") == "PUBLISHED"
    if published and there and same(container, there):
        return {"cve": cve, "done": "same"}
    note(event="publishing", cve=cve)
    query = {"erlcheck": "true"} if settings["erlcheck"] else None
    said(*ask("PUT" if published else "POST", "/cve/%s/cna" % cve, query,
              {"cnaContainer": container}), "publish")
    note(event="published", cve=cve)
    return {"cve": cve, "done": "updated" if published else "created"}


def reject(args):
    cve, reason = args.get("cve"), args.get("reason")
    if not isinstance(cve, str) or not CVE.fullmatch(cve) or not reason:
        fail("bad_request", "cve is an id, and a reason is needed")
    record = record_of(cve)
    state = (record or {}).get("cveMetadata", {}).get("state")
    body = {"cnaContainer": {"rejectedReasons": [{"lang": "en", "value": reason}]}}
    if args.get("replaced_by"):
        body["cnaContainer"]["replacedBy"] = args["replaced_by"]
    if state == "REJECTED":
        return {"cve": cve, "again": True}
    note(event="rejecting", cve=cve)
    said(*ask("PUT" if state == "PUBLISHED" else "POST", "/cve/%s/reject" % cve, None, body),
         "reject")
    note(event="rejected", cve=cve)
    return {"cve": cve}


ACTIONS = {"quota": quota, "reserve": reserve, "publish": publish, "reject": reject}


def start(message):
    verb = message["action"].rsplit(".", 1)[-1]
    answer = {"type": "result", "id": message["id"]}
    try:
        return dict(answer, outcome="ok", result=ACTIONS[verb](message.get("args") or {}))
    except Stop as e:
        outcome, code, what = e.outcome, e.code, str(e)
    except OSError as e:
        outcome, code, what = "fail", "local", str(e)
    return dict(answer, outcome=outcome, error={"code": code, "message": what})


def check_settings():
    for name in ("org", "user", "dir"):
        if not settings[name]:
            sys.exit("cve: settings need `%s`" % name)
    if bool(settings["key"]) == bool(settings["key_file"]):
        sys.exit("cve: settings need `key: secret:NAME` or `key_file`, and not both")
    if settings["key"] and not settings["key"].startswith(("secret:", "credential:")):
        sys.exit("cve: `key` is secret:NAME, never the key itself")


def main():
    while True:
        message = waiting.pop(0) if waiting else read()
        if message.get("type") == "describe":
            settings.update(message.get("settings") or {})
            check_settings()
            os.makedirs(settings["dir"], mode=0o700, exist_ok=True)
            send({"type": "described", "name": "cve", "version": "1.1.0",
                  "actions": sorted("cve." + a for a in ACTIONS)})
        elif message.get("type") == "start":
            send(start(message))


if __name__ == "__main__":
    main()
