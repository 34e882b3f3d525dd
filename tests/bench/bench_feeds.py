"""Upstream feeds, ratios in one run: reading documents against the JSON library alone, comparisons a second by
version order, a million facts against a hundred thousand components; then the real node: the CISA set from
a provider's archive to committed facts, answers meanwhile, and a restart with many stored advisories.

BENCH_ADVISORIES (250000): how many a generator makes for the last one; 0 leaves it out."""
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

build = os.environ["TOCSIN_BUILD"]
source = os.environ["TOCSIN_SOURCE"]
sys.path.insert(0, os.path.join(source, "tests"))
import tocsin_test as t  # noqa: E402

data = os.environ.get("TOCSIN_DATA") or os.path.join(source, "..", "shared", "data")
TICK = os.sysconf("SC_CLK_TCK")
FILES = {}


class Site(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802
        body = FILES.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


def cpu(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return [int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM")][0]


class Answers(threading.Thread):
    """How long the node takes to say that it lives, asked all the time."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.times, self.stop = node, [], False
        self.start()

    def run(self):
        while not self.stop:
            began = time.perf_counter()
            self.node.http("GET", "/healthz")
            self.times.append(time.perf_counter() - began)
            time.sleep(0.002)

    def p99(self):
        self.stop = True
        self.join()
        return sorted(self.times)[len(self.times) * 99 // 100] * 1000


def feed(node, name, timeout=3600):
    return node.cli("feed", "poll", name, "--json", timeout=timeout, check=0).json


def documents():
    out = []
    for at, _, files in os.walk(os.path.join(data, "csaf-cisa")):
        for f in sorted(files):
            if f.endswith(".json"):
                with open(os.path.join(at, f), "rb") as file:
                    out.append((f, file.read()))
    return out


def released(body):
    """As the provider's list has it: another time would have every document asked for once more."""
    return json.loads(body).get("document", {}).get("tracking", {}).get("current_release_date", "2024-01-01T00:00:00Z")


def ingest(base, library, asked):
    docs = documents()
    if not docs:
        print("no CISA documents: left out")
        return
    pack = io.BytesIO()
    with tarfile.open(fileobj=pack, mode="w:gz") as tar:
        for name, body in docs:
            info = tarfile.TarInfo("2024/" + name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    FILES["/c/all.tar.gz"] = pack.getvalue()
    FILES["/c/all.tar.gz.sha256"] = hashlib.sha256(pack.getvalue()).hexdigest().encode()
    FILES["/c/changes.csv"] = "".join("2024/%s,%s\n" % (n, released(b)) for n, b in docs).encode()
    products = [{"id": "p%d" % i, "name": "P%d" % i, "vendor": "Acme", "owner": "resp1",
                 "components": [{"vendor": "Siemens", "product": "SIMATIC %d" % i}]} for i in range(50)]
    node = t.make_dir({"products": products, "rules": [], "feeds": [
        {"name": "cisa", "kind": "csaf", "url": base + "/c/", "every": "30d", "reach": ["127.0.0.1"],
         "archive": base + "/c/all.tar.gz", "hash": "required", "parallel": 16}]})
    with node:
        held = dict(FILES)
        FILES.clear()
        node.start()
        t.wait_for(lambda: node.cli("feed", "list", "--json", check=0).json["items"][0]["polled_at"],
                   node=node, timeout=60)
        FILES.update(held)
        answers, before, began = asked and Answers(node), cpu(node.process.pid), time.perf_counter()
        r = feed(node, "cisa")
        wall, spent = time.perf_counter() - began, cpu(node.process.pid) - before
        size = sum(len(b) for _, b in docs)
        if answers:
            print("  again, with answers meanwhile: p99 %.1f ms (goal 20), peak %.0f MB (goal 128)"
                  % (answers.p99(), peak(node.process.pid)))
        else:
            print("ingest of %d documents (%.1f MB), archive to commit: %.2f s, %.2f s of processor time in the core"
                  % (r["new"], size / 1e6, wall, spent))
            print("  %.1f times the JSON library alone (goal 3)" % (spent / library))
        node.stop(60)


def restart(base, count):
    pack = io.BytesIO()
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for i in range(count):
            z.writestr("GEN-%07d.json" % i, json.dumps({
                "id": "GEN-%07d" % i, "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-%d" % (100000 + i)],
                "affected": [{"package": {"ecosystem": "npm", "name": "package-%d" % i}, "ranges": [
                    {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.%d" % (i % 50)}]}]}]}))
    node = t.make_dir({"rules": [], "feeds": [{"name": "gen", "kind": "file", "path": "gen.zip", "every": "30d",
                                               "parallel": 16}]})
    with node:
        with open(os.path.join(node.root, "gen.zip"), "wb") as f:
            f.write(pack.getvalue())
        node.start()
        answers, began = Answers(node), time.perf_counter()
        r = feed(node, "gen", timeout=7200)
        wall = time.perf_counter() - began
        print("first load of %d generated advisories: %.0f s, %.0f a second, answers p99 %.1f ms, peak %.0f MB"
              % (r["new"] + r["unchanged"], wall, (r["new"] + r["unchanged"]) / wall, answers.p99(),
                 peak(node.process.pid)))
        node.stop(120)
        began = time.perf_counter()
        node.start()
        print("restart to ready with them: %.2f s (goal 1)" % (time.perf_counter() - began))
        node.stop(120)


made = subprocess.run(["cmake", "--build", build, "--target", "feed_rate"], capture_output=True,
                      text=True, check=False)
if made.returncode != 0:
    sys.exit(made.stdout + made.stderr)
said = subprocess.run([os.path.join(build, "feed_rate"), os.path.join(data, "csaf-cisa")], check=False,
                      capture_output=True, text=True)
print(said.stdout, end="")
alone = [float(line.split()[3]) for line in said.stdout.splitlines() if line.startswith("JSON library alone")]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=server.serve_forever, daemon=True).start()
if alone:
    for asked in (False, True):
        ingest("http://127.0.0.1:%d" % server.server_address[1], alone[0], asked)
advisories = int(os.environ.get("BENCH_ADVISORIES", "250000"))
if advisories:
    restart("", advisories)
sys.exit(said.returncode)
