"""A CVE Services of one CNA for tests, on loopback, as its OpenAPI 2.6.2 describes it.

What it answers and what it takes is judged by the schemas of the CVE Program where those are at hand
(../shared/data or TOCSIN_DATA): containers by CVE Record 5.2, answers by the API's own schemas, so the
fake cannot drift from the service. `judged` says whether they were there.

    s = Service(); s.fault = "lost"     # what the next write suffers: 429 503 lost slow none
    s.ids, s.records, s.writes, s.refused
"""
import datetime
import http.server
import json
import os
import re
import threading
import urllib.parse

import tocsin_test as t

KEY = "secret-of-the-test"
ORG, USER, ORG_ID = "acme", "u@acme.example", "8254265b-2729-46b6-b9e3-3dfca2d5bfca"
DATA = os.environ.get("TOCSIN_DATA") or os.path.join(t.SOURCE, "..", "shared", "data")
if not os.path.isdir(DATA):
    DATA = "/work/shared/data"
API = os.path.join(DATA, "cve-cna", "cve-services", "api-schemas")
CONTAINERS = os.path.join(DATA, "schemas", "cve")
# The schema of this answer at hand is that of record format 5.0: the record format judges it instead.
RECORD = os.path.join(CONTAINERS, "CVE_Record_Format_bundled.json")

try:
    import jsonschema
except ImportError:
    jsonschema = None


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Judge:
    """Validators by path, made once."""

    def __init__(self):
        self.there = jsonschema is not None and os.path.isdir(CONTAINERS)
        self.made = {}

    def of(self, path):
        if path not in self.made:
            with open(path, encoding="utf-8") as f:
                schema = json.load(f)
            kind = jsonschema.Draft4Validator if "draft-04" in schema.get("$schema", "") \
                else jsonschema.Draft7Validator
            self.made[path] = kind(schema)
        return self.made[path]

    def wrong(self, path, value):
        """What the schema has against it, or None. Without schemas: nothing."""
        if not self.there or not os.path.exists(path):
            return None
        found = [e.message for e in self.of(path).iter_errors(value)]
        return found[0] if found else None


JUDGE = Judge()
judged = JUDGE.there


class Service(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, quota=5):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ids, self.records, self.quota = {}, {}, quota
        self.fault, self.writes, self.refused, self.public = None, [], [], set()
        self.lock = threading.Lock()
        self.on_write = None  # called before a container is taken: (command, path, body)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def end(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value, schema=None):
        if schema and status < 300:
            wrong = JUDGE.wrong(os.path.join(API, schema), value)
            assert wrong is None, "the fake answers what the API does not: %s" % wrong
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, error, message):
        self.server.refused.append((self.command, self.path, error, message))
        return status, {"error": error, "message": message}, None

    def allowed(self):
        if (self.headers["CVE-API-ORG"], self.headers["CVE-API-USER"],
                self.headers["CVE-API-KEY"]) == (ORG, USER, KEY):
            return True
        self.answer(401, {"error": "UNAUTHORIZED", "message": "Unauthorized"})
        return False

    def do_GET(self):
        s, parts = self.server, urllib.parse.urlsplit(self.path)
        if parts.path.startswith("/page/"):
            self.answer(200 if parts.path in s.public else 404, {})
        elif re.fullmatch(r"/cve/CVE-[0-9-]+", parts.path):  # a record is read without credentials
            cve = parts.path.rsplit("/", 1)[1]
            if cve in s.records:
                self.answer(200, s.records[cve], RECORD)
            else:
                self.answer(404, {"error": "CVE_RECORD_DNE", "message": "none"})
        elif not self.allowed():
            pass
        elif parts.path == "/org/%s/id_quota" % ORG:
            reserved = sum(1 for i in s.ids if i not in s.records)
            self.answer(200, {"id_quota": s.quota, "total_reserved": reserved,
                              "available": max(0, s.quota - len(s.ids))})
        elif parts.path == "/cve-id":
            since = urllib.parse.parse_qs(parts.query)["time_reserved.gt"][0]
            self.answer(200, {"cve_ids": [
                self.id_json(i, at) for i, at in sorted(s.ids.items())
                if at > since and i not in s.records]}, "cve-id/list-cve-ids-response.json")
        else:
            self.answer(404, {"error": "NOT_FOUND", "message": "no such place"})

    @staticmethod
    def id_json(cve, at):
        return {"cve_id": cve, "cve_year": cve[4:8], "owning_cna": ORG, "state": "RESERVED",
                "reserved": at, "requested_by": {"cna": ORG, "user": USER}}

    def write(self):
        s, parts = self.server, urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.allowed():
            return
        with s.lock:
            fault, s.fault = s.fault, None
            if fault in ("429", "503"):
                self.answer(int(fault), {"error": "LATER", "message": "try again later"})
                return
            query = urllib.parse.parse_qs(parts.query)
            if parts.path == "/cve-id":
                status, value, schema = self.reserve(query)
            else:
                status, value, schema = self.record(parts.path, query, json.loads(body))
            if status < 300:
                s.writes.append((self.command, parts.path))
        if fault == "lost":  # done, but nobody hears of it
            self.close_connection = True
            self.connection.close()
            return
        self.answer(status, value, schema)

    do_POST = do_PUT = write

    def reserve(self, query):
        s = self.server
        amount = int(query.get("amount", ["1"])[0])
        if query.get("short_name") != [ORG] or not re.fullmatch(r"\d{4}", query["cve_year"][0]):
            return self.refuse(400, "BAD_INPUT", "short_name or cve_year")
        made = []
        while len(made) < amount and len(s.ids) < s.quota:
            cve = "CVE-%s-%d" % (query["cve_year"][0], 10000 + len(s.ids))
            s.ids[cve] = now()
            made.append(self.id_json(cve, s.ids[cve]))
        if len(made) < amount:
            return 206, {"error": "QUOTA", "message": "the quota has no room for all",
                         "details": {"amount_reserved": len(made)}, "cve_ids": made}, \
                "cve-id/create-cve-ids-partial-response.json"
        return 200, {"cve_ids": made}, "cve-id/create-cve-ids-response.json"

    def record(self, path, query, body):
        s = self.server
        cve, what = path.split("/")[2:4]
        there, container = s.records.get(cve), body.get("cnaContainer")
        if cve not in s.ids:
            return self.refuse(404, "CVE_ID_DNE", "no such id")
        state = (there or {}).get("cveMetadata", {}).get("state")
        if (self.command == "POST") == (there is not None):
            return self.refuse(403, "CVE_RECORD_EXISTS" if there else "CVE_RECORD_DNE",
                               "%s of a record that is %s" % (self.command, state))
        kind = "cnaRejectedContainer" if what == "reject" else "cnaPublishedContainer"
        # The service writes providerMetadata itself, over what was given.
        whole = dict(container or {}, providerMetadata={
            "orgId": ORG_ID, "shortName": ORG, "dateUpdated": now()[:-4] + "Z"})
        wrong = JUDGE.wrong(os.path.join(CONTAINERS, "CVE_Record_Format_bundled_%s.json" % kind),
                            {"cnaContainer": whole})
        if not container or wrong:
            return self.refuse(400, "INVALID_JSON_SCHEMA", wrong or "no cnaContainer")
        langs = [d["lang"] for d in whole.get("descriptions", [])]
        if what == "cna" and (len(langs) != len(set(langs)) or
                              not any(x.lower().startswith("en") for x in langs)):
            return self.refuse(400, "BAD_INPUT", "one description a language, one in English")
        if query.get("erlcheck") == ["true"] and not self.enriched(whole):
            return self.refuse(400, "ERL_CHECK", "a CVSS score and a CWE id are needed")
        if s.on_write:
            s.on_write(self.command, path, container)
        record = {"dataType": "CVE_RECORD", "dataVersion": "5.2.0", "cveMetadata": {
            "cveId": cve, "assignerOrgId": ORG_ID, "assignerShortName": ORG,
            "state": "REJECTED" if what == "reject" else "PUBLISHED"},
            "containers": {"cna": whole}}
        s.records[cve] = record
        key = "updated" if there else "created"
        return 200, {"message": "%s record was successfully %s." % (cve, key), key: record}, None

    @staticmethod
    def enriched(container):
        scored = any(k.startswith("cvssV") for m in container.get("metrics", []) for k in m)
        typed = any("cweId" in d for p in container.get("problemTypes", [])
                    for d in p.get("descriptions", []))
        return scored and typed
