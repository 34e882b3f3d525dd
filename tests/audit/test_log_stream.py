"""`audit stream`: every format by a parser of its own, UDP and TLS to receivers of this test, a cursor
that survives kill -9 without a hole, the TLP filter before anything else, the entries it makes."""
import csv
import hashlib
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ocsf_rules
import oracle_reports as oracle
import seedlib
import tocsin_test as t

HOSTILE = ["a|b=c\\d", "say\"hi\"]\\", "=cmd()", "+1-555", "a,b;c", "]]>[x", "%s%n", "'quoted'",
           "<14>1", "a=b=c|"]
node = t.make_dir()
os.makedirs(node.data, exist_ok=True)
history = seedlib.History(23, 60)
for number, value in enumerate(HOSTILE):
    history.events.append({"at": history.events[-1]["at"] + 1000, "kind": "case.updated",
                           "case": history.events[5].get("case") or "01JDB3AAAAAAAAAAAAAAAAAAAA",
                           "case_chain": True, "actor": "u:resp1", "reason": value,
                           "from": value, "to": value, "tlp": "green",
                           "fields": {"note": "\u00fcmlaut, \"quotes\"\nand lines"}})
history.events.append({"at": history.events[-1]["at"] + 1000, "kind": "user.invited",
                       "actor": "u:lead1", "fields": {"note": "somebody"}})
SIZE = seedlib.seed(node.database, os.path.join(node.data, "tocsin.key"), history.lines())
LOG = oracle.load(t.run_cli(["audit", "export", "--data", node.data], check=0).out.splitlines())
node.start()
# The first checkpoint covers the seed: from then on each entry has it as its upper bound.
t.wait_for(lambda: node.cli("audit", "head").code == 0, 30 * t.PATIENCE, node=node)
ROOT = node.root


def stream(*args, code=0, **more):
    return node.cli("audit", "stream", *args, as_person="audit1", check=code, **more)


def path(name):
    return os.path.join(ROOT, name)


def read(name):
    with open(path(name), "rb") as f:
        return f.read()


def of_seed(rows, seq):
    return [r for r in rows if seq(r) < SIZE]


# -- the formats

def test_json_lines():
    stream("--format", "jsonl", "--out", path("a.jsonl"), "--open")
    rows = of_seed([json.loads(x) for x in read("a.jsonl").splitlines()], lambda r: r["seq"])
    assert [r["seq"] for r in rows] == list(range(SIZE))
    for row, e in zip(rows, LOG):
        assert row["leaf"] == e["leaf"] and row["checkpoint_size"] >= SIZE
        assert row["bracket"][0] is None and row["bracket"][1] > "2026", row["bracket"]
        for key, value in e.items():
            if key in ("ms", "leaf"):
                continue
            want = int(value) if key == "rlen" else value
            assert row[key] == want, (key, row[key], value)
        assert set(row) - {"checkpoint_size", "bracket", "open"} == set(e) - {"ms"}
        assert row.get("open", {}) == history.events[row["seq"]].get("fields", {}), row
    stream("--format", "jsonl", "--out", path("b.jsonl"))
    assert all("open" not in json.loads(x) for x in read("b.jsonl").splitlines())


def test_csv():
    stream("--format", "csv", "--out", path("a.csv"))
    text = read("a.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    rows = of_seed(rows, lambda r: int(r["seq"]))
    assert len(rows) == SIZE and text.split("\r\n")[0].startswith("seq,time,bracket_from,")

    def safe(value):
        value = "" if value is None else str(value)
        number = re.fullmatch(r"[+-]?[0-9.]+", value)
        return "'" + value if value[:1] in tuple("=+-@") and value and not number else value
    for row, e in zip(rows, LOG):
        for key in ("kind", "actor", "auth", "case", "run", "step", "attempt", "outcome",
                    "reason", "from", "to", "tlp", "node", "leaf"):
            assert row[key] == safe(e[key]), (key, row[key], e[key])
        assert row["time"] == oracle.rfc3339(e["ms"])
    assert any(r["reason"] == "'=cmd()" for r in rows)


SYSLOG = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) "
    r"([!-~]{1,128}) ([!-~]{1,32}) (-|(?:\[.*\])) (.*)", re.S)
ELEMENT = re.compile(r"\[([^ =\]\"]{1,32})((?: [^ =\]\"]{1,32}=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*)\]")
PARAM = re.compile(r" ([^ =\]\"]{1,32})=\"((?:[^\"\\\]]|\\[\"\\\]])*)\"")


def parse_syslog(line):
    m = SYSLOG.fullmatch(line)
    assert m, line
    data, rest = {}, m.group(7)
    at = 0
    while at < len(rest):
        element = ELEMENT.match(rest, at)
        assert element, rest[at:]
        data[element.group(1)] = {k: re.sub(r"\\(.)", r"\1", v)
                                  for k, v in PARAM.findall(element.group(2))}
        at = element.end()
    return {"pri": int(m.group(1)), "time": m.group(2), "app": m.group(4), "procid": m.group(5),
            "msgid": m.group(6), "data": data, "msg": m.group(8)}


def check_syslog(lines, pen="32473"):
    rows = [parse_syslog(line) for line in lines]
    rows = of_seed(rows, lambda r: int(r["data"]["tocsin@" + pen]["seq"]))
    for row, e in zip(rows, [LOG[int(r["data"]["tocsin@" + pen]["seq"])] for r in rows]):
        ours = row["data"]["tocsin@" + pen]
        assert row["pri"] >> 3 == 13 and row["msgid"] == e["kind"] and row["app"] == "tocsin"
        assert row["pri"] & 7 == {"fail": 4, "denied": 4, "timeout": 4, "unknown": 3,
                                  "cancelled": 5}.get(e["outcome"], 6)
        assert row["time"][:23] == e["time"][:23]
        for key in ("id", "case", "run", "chain", "step", "actor", "outcome", "reason", "from",
                    "to", "tlp", "leaf"):
            assert ours.get(key) == e[key], (key, ours, e)
        assert int(ours["rseq"]) == e["rseq"]
        synced = e["clock"].startswith("s")
        assert row["data"]["timeQuality"]["isSynced"] == ("1" if synced else "0")
        assert ("syncAccuracy" in row["data"]["timeQuality"]) == synced
        assert 1 <= int(row["data"]["meta"]["sequenceId"]) <= 2147483647
        assert row["data"]["origin"]["software"] == "tocsin"
    return [int(r["data"]["tocsin@" + pen]["seq"]) for r in rows]


def test_syslog_file():
    stream("--format", "syslog", "--out", path("a.log"), "--pen", "99999")
    assert check_syslog(read("a.log").decode().splitlines(), "99999") == list(range(SIZE))


def parse_cef(line):
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    parts, at, field = [], 0, ""
    while len(parts) < 7:  # the header by hand: escapes are pairs
        c = line[at]
        if c == "\\":
            field += line[at + 1]
            at += 2
            continue
        at += 1
        if c == "|":
            parts.append(field)
            field = ""
        else:
            field += c
    rest = line[at:]
    found = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", re.sub(r"\\.", "__", rest)))
    out = {}
    for i, m in enumerate(found):
        end = found[i + 1].start() if i + 1 < len(found) else len(rest)
        out[m.group(1)] = re.sub(r"\\(.)", r"\1", rest[m.end():end])
    return parts, out


def test_cef():
    stream("--format", "cef", "--out", path("a.cef"))
    rows = [parse_cef(line) for line in read("a.cef").decode().splitlines()]
    rows = of_seed(rows, lambda r: int(r[1]["externalId"]))
    assert len(rows) == SIZE
    for (head, ext), e in zip(rows, LOG):
        assert head[0] == "CEF:0" and head[1:3] == ["tocsin", "tocsin"] and head[4] == e["kind"]
        assert 0 <= int(head[6]) <= 10 and int(ext["rt"]) == e["ms"]
        for key, name in (("suid", "actor"), ("act", "step"), ("outcome", "outcome"),
                          ("reason", "reason"), ("deviceExternalId", "node")):
            assert ext.get(key) == e[name], (key, ext, e)
        labels = {ext[k + "Label"]: v for k, v in ext.items() if k + "Label" in ext}
        for label, name in (("runId", "run"), ("caseId", "case"), ("playbook", "playbook"),
                            ("chain", "chain"), ("leafHash", "leaf"), ("tlp", "tlp")):
            assert labels.get(label) == e[name], (label, labels, e)
        assert int(labels["chainSeq"]) == e["rseq"]


def test_ocsf():
    stream("--format", "ocsf", "--out", path("a.ocsf"))
    rows = [json.loads(x) for x in read("a.ocsf").splitlines()]
    rows = of_seed(rows, lambda r: r["metadata"]["sequence"])
    assert len(rows) == SIZE
    for row, e in zip(rows, LOG):
        wrong = ocsf_rules.check(row)
        assert not wrong, (wrong, row)
        assert row["metadata"]["version"] == "1.8.0" and row["metadata"]["product"]["name"]
        assert row["metadata"]["uid"] == e["id"] and row["metadata"]["event_code"] == e["kind"]
        assert row["time"] == e["ms"]
        user = row["actor"].get("user", {}).get("uid") or row["actor"].get("app_uid")
        assert user == e["actor"]
        assert hashlib.sha256(row["raw_data"].encode()).hexdigest() == \
            row["raw_data_hash"]["value"] and row["raw_data_hash"]["algorithm_id"] == 3
        ours = row["unmapped"]["tocsin"]
        assert oracle.Entry(row["raw_data"])["leaf"] == ours["leaf"] == e["leaf"]
        for key in ("run", "chain", "step", "outcome", "reason", "tlp", "from", "to"):
            assert ours.get(key) == e[key], (key, ours, e)
    classes = {row["class_uid"] for row in rows}
    assert classes == set(ocsf_rules.CLASSES), classes
    for wrong in (  # the judge is awake
            lambda r: r.pop("metadata"), lambda r: r.update(hostname="x"), lambda r: r.update(time="now"),
            lambda r: r.update(activity_id=12345), lambda r: r["metadata"].pop("product"),
            lambda r: r["metadata"].update(flavour="x"), lambda r: r.update(type_uid=1),
            lambda r: r["raw_data_hash"].update(algorithm_id=44), lambda r: r.update(severity_id=7)):
        for row in {row["class_uid"]: row for row in rows}.values():
            bad = json.loads(json.dumps(row))
            wrong(bad)
            assert ocsf_rules.check(bad), bad
    assert all(r["status_id"] == 5 for r in rows if r["metadata"]["event_code"] == "case.closed")


# -- receivers

class Udp:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.got = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            data = self.sock.recv(65536)
            if data == b"end":
                return
            self.got.append(data.decode())

    def end(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", ("127.0.0.1", self.port))
        self.thread.join(20 * t.PATIENCE)


def make_certificate():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", path("tls.key"), "-out", path("tls.crt")],
                   check=True, capture_output=True)


class Tls:
    """Octet counting; `cut_after`: closes the first connection after that many messages."""

    def __init__(self, cut_after=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path("tls.crt"), path("tls.key"))
        self.context, self.cut_after = context, cut_after
        self.listener = socket.socket()
        # Small: what it did not read cannot have been acknowledged.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.got, self.connections = [], 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                self.talk(self.context.wrap_socket(raw, server_side=True))
            except (OSError, ssl.SSLError):
                pass

    def talk(self, conn):
        buffer = b""
        with conn:
            while True:
                data = conn.recv(65536)
                if not data:
                    return
                buffer += data
                while True:
                    m = re.match(rb"([1-9][0-9]*) ", buffer)
                    if not m or len(buffer) < m.end() + int(m.group(1)):
                        assert m or re.fullmatch(rb"[0-9]*", buffer), buffer[:50]
                        break
                    end = m.end() + int(m.group(1))
                    self.got.append(buffer[m.end():end].decode())
                    buffer = buffer[end:]
                    if self.cut_after and self.connections == 1 \
                            and len(self.got) >= self.cut_after:
                        return

    def close(self):
        self.listener.close()


def test_udp():
    udp = Udp()
    stream("--format", "syslog", "--out", "udp://127.0.0.1:%d" % udp.port)
    udp.end()
    assert check_syslog(udp.got) == list(range(SIZE))
    udp = Udp()
    stream("--format", "cef", "--out", "udp://127.0.0.1:%d" % udp.port, "kind:case.created")
    udp.end()
    assert [int(parse_cef(x)[1]["externalId"]) for x in udp.got] == \
        [e["seq"] for e in LOG if e["kind"] == "case.created"]


def test_tls():
    make_certificate()
    tls = Tls()
    to = "tls://127.0.0.1:%d" % tls.port
    bad = stream("--format", "syslog", "--out", to, code=None)
    assert bad.code != 0 and bad.error["code"] == "U103" and not tls.got, bad
    stream("--format", "syslog", "--out", to, "--ca", path("tls.crt"))
    t.wait_for(lambda: len(tls.got) >= SIZE)
    assert check_syslog(tls.got) == list(range(SIZE))
    tls.close()


def test_tls_receiver_that_goes_away():
    tls = Tls(cut_after=150)
    child = subprocess.Popen(
        [t.BINARY, "audit", "stream", "--config", node.config_file, "--as", "audit1", "--format",
         "syslog", "--out", "tls://127.0.0.1:%d" % tls.port, "--ca", path("tls.crt"), "--cursor",
         path("tls.cursor"), "--follow"], stderr=subprocess.DEVNULL)
    try:
        t.wait_for(lambda: set(check_syslog(list(tls.got))) == set(range(SIZE)), timeout=40)
        assert tls.connections >= 2
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(20 * t.PATIENCE) == 0
    tls.close()


# -- the cursor

def test_a_cursor_goes_on_and_knows_its_stream():
    args = ["--format", "jsonl", "--out", path("c.jsonl"), "--cursor", path("c.cursor")]
    first = stream(*args).json
    again = stream(*args).json
    rows = [json.loads(x) for x in read("c.jsonl").splitlines()]
    assert [r["seq"] for r in rows] == list(range(len(rows))) and again["next"] > first["next"]
    assert again["rows"] < 20, again  # what the two streams wrote into the log themselves
    bad = stream("kind:case.*", *args, code=None)
    assert bad.code == 5 and bad.error["code"] == "U101", bad
    bad = stream("--format", "jsonl", "--out", path("c.jsonl"), code=None)
    assert bad.code == 5 and bad.error["code"] == "U103", bad


def test_kill_9_loses_nothing_and_repeats_nothing_in_a_file():
    # Pages have 1,000 rows: more of them, so that it is killed between pages as well.
    big = t.make_dir()
    os.makedirs(big.data, exist_ok=True)
    lines = "".join('{"at":%d,"kind":"case.note","case":"01JDB3AAAAAAAAAAAAAAAAAAAA",'
                    '"case_chain":true,"reason":"n%d"}\n' % (seedlib.START + i, i)
                    for i in range(12000))
    size = seedlib.seed(big.database, os.path.join(big.data, "tocsin.key"), lines)
    big.start()
    out, cursor = os.path.join(big.root, "k.jsonl"), os.path.join(big.root, "k.cursor")
    argv = [t.BINARY, "audit", "stream", "--config", big.config_file, "--as", "audit1",
            "--format", "jsonl", "--out", out, "--cursor", cursor, "kind:case.note"]
    kills, at = 0, 0
    while True:
        child = subprocess.Popen(argv, stderr=subprocess.DEVNULL)

        def grown():
            return child.poll() is not None or (
                os.path.exists(out) and os.path.getsize(out) > at + 700000)
        t.wait_for(grown, every=0.001)
        if child.poll() is not None:
            assert child.returncode == 0
            break
        child.kill()
        child.wait()
        kills += 1
        with open(cursor, encoding="utf-8") as f:
            at = json.load(f)["bytes"]
    with open(out, encoding="utf-8") as f:
        rows = [json.loads(line)["seq"] for line in f]
    assert rows == list(range(size)), (len(rows), size)
    assert kills >= 3, kills
    asked = big.http("GET", "/api/v1/audit/entries?limit=1000&q=kind:audit.export",
                     check=200).json["items"]
    begun = [e for e in asked if "ref" not in e]
    assert len(begun) == kills + 1 and len(asked) == kills + 2, asked
    big.stop()


# -- who may have what

def test_the_marking_filter_comes_first():
    rank, now, want = oracle.RANK, {}, []
    for e in LOG:
        if e["case"] and e["tlp"]:
            now[e["case"]] = rank[e["tlp"]]
    for e in LOG:
        mark = max(rank.get(e["tlp"], 0), now.get(e["case"], 2) if e["case"] else 1)
        if mark <= 1:
            want.append(e["seq"])
    for form in ("jsonl", "ocsf", "cef", "syslog", "csv"):
        stream("--format", form, "--tlp", "green", "--open", "--out", path("green." + form))
        text = read("green." + form).decode()
        for e in LOG:
            if e["seq"] not in want:
                assert e["leaf"] not in text, (form, e)
        assert all(LOG[seq]["leaf"] in text for seq in want), form
    assert 10 < len(want) < SIZE - 10


def test_exports_are_entries():
    entries = node.http("GET", "/api/v1/audit/entries?limit=1000&open=1&q=kind:audit.export%20"
                        "since:1d", check=200).json["items"]
    mine = [e for e in entries if e["seq"] >= SIZE and e["reason"] == "csv"]
    begun, ended = mine[0], mine[1]
    assert begun["actor"] == "u:audit1" and begun["fields"]["args"]["to"] == path("a.csv"), begun
    assert ended["ref"] == begun["seq"] and ended["outcome"] == "ok", ended
    args = ended["fields"]["args"]
    assert args["first"] == 0 and ended["from"] == "0" and args["count"] >= SIZE, ended
    green = [e for e in mine if e["fields"]["args"].get("tlp") == "green"]
    assert green, mine
    bad = node.http("POST", "/api/v1/audit/exports/0", {"first": 0, "last": 1, "count": 2})
    assert bad.status == 404, bad
    intake = node.token("intake", "report:submit,read,decide")
    assert node.http("POST", "/api/v1/audit/exports", {"format": "csv"},
                     token=intake).status == 403


def test_mistakes():
    for args, code in ((["--format", "xml"], "U100"),
                       (["--format", "ocsf", "--out", "udp://127.0.0.1:5"], "U102"),
                       (["--out", "ftp://x"], "U102"), (["--tlp", "pink"], "U102"),
                       (["--format", "syslog", "--out", "udp://nowhere"], "U102")):
        bad = stream(*args, code=None)
        assert bad.code != 0 and bad.error["code"] == code, (args, bad)


t.main()
