"""Dead, slow, flooding and busy servers beside a good one: none slows another; how hard a server is asked; what
it says of its pace is heard; redirects do not lead to addresses of ours; alarms in audit, metrics, status."""
import http.server
import json
import os
import socket
import threading
import time

import tocsin_test as t
from feed_site import BASE, PORT, Site, node_with, poll, start

t.need_binary()

DOC = {"id": "GO-2026-1", "modified": "2026-01-01T00:00:00Z", "affected": []}


class Raw(threading.Thread):
    """Answers each connection with what `talk` sends."""

    def __init__(self, talk):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.talk, self.open, self.most, self.times = talk, 0, 0, []
        self.lock = threading.Lock()
        self.start()

    def url(self, path="/x.json"):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def run(self):
        while True:
            c, _ = self.socket.accept()
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def one(self, c):
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
            self.times.append(time.monotonic())
        try:
            c.recv(65536)
            self.talk(c)
        except OSError:
            pass
        with self.lock:
            self.open -= 1
        c.close()


def hang(c):
    c.recv(1)


def drip(c):
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        c.sendall(b" ")
        time.sleep(0.2)


def flood(c):
    c.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        c.sendall(b"X-Fill: " + b"x" * 60000 + b"\r\n")


def endless(c):
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        c.sendall(b"1," * 30000)


def test_others_do_not_wait():
    servers = {n: Raw(f) for n, f in (("hang", hang), ("drip", drip), ("flood", flood), ("endless", endless))}
    dead = socket.create_server(("127.0.0.1", 0))
    dead_port = dead.getsockname()[1]
    dead.close()
    Site.files = {"/good.json": DOC}
    feeds = [{"name": n, "kind": "document", "url": s.url()} for n, s in servers.items()]
    feeds += [{"name": "dead", "kind": "document", "url": "http://127.0.0.1:%d/x" % dead_port},
              {"name": "good", "kind": "document", "url": BASE + "/good.json"}]
    # One document of it is all that hangs of a whole list, and what is too large is set aside.
    Site.files["/Go/modified_id.csv"] = "2026-01-01T00:00:00Z,GO-1\n"
    with node_with(*feeds) as node:
        node.start()
        t.wait_for(lambda: servers["hang"].open and servers["drip"].open, timeout=30, node=node)
        poll(node, "good")  # the start's own poll is over: what follows is told by ours
        for n in range(5):
            DOC["affected"] = [{"package": {"ecosystem": "Go", "name": "x%d" % n}}]
            r = poll(node, "good")
            assert r["new"] + r["changed"] == 1, r
        assert servers["hang"].open and servers["drip"].open
        r = node.cli("feed", "poll", "flood", "--json")
        assert r.code != 0 and r.error["code"] in ("F001", "F002"), r
        r = node.cli("feed", "poll", "dead", "--json")
        assert r.code != 0 and r.error["code"] == "F001", r
        # It is cut off at the limit of a list, on disk, not in memory.
        r = node.cli("feed", "poll", "endless", "--json", timeout=200)
        assert r.code != 0 and r.error["code"] == "F002", r
        if not os.environ.get("TOCSIN_SANITIZE"):
            with open("/proc/%d/status" % node.process.pid, encoding="utf-8") as f:
                peak = [int(line.split()[1]) for line in f if line.startswith("VmHWM")][0] / 1024
            assert peak < 128, peak
        assert node.stop(60) == 0


def test_pace():
    body = json.dumps(DOC).encode()
    Site.files = {"/list": "".join("2026-01-01T00:00:00Z,GO-%d\n" % n for n in range(12))}

    class List(http.server.BaseHTTPRequestHandler):
        seen, held = [], [False]
        open, most = [0], [0]

        def log_message(self, *_):
            pass

        def do_GET(self):  # noqa: N802
            List.seen.append((time.monotonic(), self.path))
            List.open[0] += 1
            List.most[0] = max(List.most[0], List.open[0])
            time.sleep(0.02)
            out = Site.files["/list"].encode() if self.path.endswith(".csv") else body
            busy = self.path.endswith("GO-3.json") and List.held[0]
            self.send_response(429 if busy else 200)
            if busy:
                self.send_header("Retry-After", "1800")
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)
            List.open[0] -= 1
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), List)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/" % server.server_address[1]
    with node_with({"name": "go", "kind": "osv", "url": url, "connections": 2, "rate": 20},
                   {"name": "twin", "kind": "osv", "url": url, "connections": 2, "rate": 20}) as node:
        node.start()
        t.wait_for(lambda: all(f["documents"] == 12 for f in
                               node.cli("feed", "list", "--json", check=0).json["items"]),
                   timeout=60, node=node)
        # Both feeds together: two at a time, and 26 requests at 20 a second.
        assert List.most[0] <= 2, List.most
        assert List.seen[-1][0] - List.seen[0][0] > 1.0, List.seen[-1][0] - List.seen[0][0]
        # It wants to be left alone: nobody asks on, and the next poll waits.
        List.held[0] = True
        Site.files["/list"] = Site.files["/list"].replace("2026-01-01", "2026-01-02")
        before = len(List.seen)
        r = poll(node, "go")
        assert r["failed"] >= 8, r
        assert len(List.seen) - before <= 6, List.seen[before:]
        item = [f for f in node.cli("feed", "list", "--json", check=0).json["items"] if f["name"] == "go"][0]
        assert item["failures"] == 1, item
        r = node.cli("feed", "poll", "twin", "--json")
        assert r.code != 0 and "left alone" in json.dumps(r.error), r
        assert node.stop(60) == 0
    server.shutdown()


def test_redirects_and_alarms():
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        to = ""

        def log_message(self, *_):
            pass

        def do_GET(self):  # noqa: N802
            self.send_response(302)
            self.send_header("Location", Elsewhere.to)
            self.send_header("Content-Length", "0")
            self.end_headers()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = "127.0.0.1:%d" % server.server_address[1]
    Site.asked.clear()
    Site.files = {"/kev.json": {"catalogVersion": "1", "vulnerabilities": []}}
    with node_with({"name": "away", "kind": "document", "url": "http://%s/x" % here, "reach": [here],
                    "every": "1h"}) as node:
        node.start()
        # Ours by another port, link-local, another protocol, in a circle: nowhere.
        for to in ("http://127.0.0.1:%d/kev.json" % PORT, "http://169.254.169.254/latest", "http://[::1]/x",
                   "file:///etc/passwd", "http://%s/x" % here):
            Elsewhere.to = to
            r = node.cli("feed", "poll", "away", "--json")
            assert r.code != 0 and r.error["code"] == "F001", (to, r)
        assert not Site.asked, Site.asked
        item = node.cli("feed", "list", "--json", check=0).json["items"][0]
        assert item["failures"] >= 5 and list(item["alarms"]) == ["broken"], item
        metrics = node.http("GET", "/metrics")
        assert 'tocsin_feed_alarm{feed="away",alarm="broken"} 1' in str(metrics.body), metrics
        assert node.cli("status", check=0).json["feeds"][0]["alarm"] == "broken"
        assert len(node.cli("audit", "log", "kind:feed.alarm", check=0).json["items"]) == 1
        # It comes back.
        server.RequestHandlerClass = type("Back", (Elsewhere,), {"do_GET": lambda self: (
            self.send_response(200), self.send_header("Content-Length", "2"), self.end_headers(),
            self.wfile.write(b"{}"))})
        r = poll(node, "away")
        item = node.cli("feed", "list", "--json", check=0).json["items"][0]
        assert item["failures"] == 0 and not item["alarms"], item
        assert len(node.cli("audit", "log", "kind:feed.alarm", check=0).json["items"]) == 2
        assert node.stop(60) == 0
        assert t.run_cli(["audit", "verify", node.data], check=0)


if __name__ == "__main__":
    t.main()
