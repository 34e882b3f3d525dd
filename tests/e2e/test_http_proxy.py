#!/usr/bin/env python3
"""The way out through a proxy that the configuration names: a real one on loopback, with a password. A playbook's
request for a name that only the proxy knows; a tunnel to a server whose certificate nobody vouches for; names that go
straight; a proxy of the environment that nobody asks."""
import base64
import http.client
import http.server
import os
import select
import socket
import ssl
import subprocess
import threading
import urllib.parse

import tocsin_test as t

PASSWORD = "proxy password 1"


class Server(http.server.BaseHTTPRequestHandler):
    seen = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        Server.seen.append((self.path, dict(self.headers)))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Knows svc.example alone; asks for a password."""
    seen, names = [], {}

    def log_message(self, *args):
        pass

    def allowed(self, host):
        told = self.headers.get("Proxy-Authorization", "")
        good = told == "Basic " + base64.b64encode(("tocsin:" + PASSWORD).encode()).decode()
        Proxy.seen.append((self.command, self.path, dict(self.headers)))
        if good and host in Proxy.names:
            return True
        self.send_response(403 if good else 407)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not self.allowed(url.netloc):
            return
        other = http.client.HTTPConnection(*Proxy.names[url.netloc])
        other.request("GET", url.path, headers={"Host": url.netloc})
        reply = other.getresponse()
        body = reply.read()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        if not self.allowed(self.path):
            return
        other = socket.create_connection(Proxy.names[self.path])
        self.send_response(200)
        self.end_headers()
        while True:
            ready = select.select([self.connection, other], [], [], 10)[0]
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return
                (other if one is self.connection else self.connection).sendall(data)
            if not ready:
                return


def serve(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address


BOOK = """
local http = use "http"
return playbook { name = "out", title = "Out", on = "report.accepted",
  run = function(case)
    for _, url in ipairs { "http://svc.example/a", "https://tls.example/b", "http://other.example/c", "STRAIGHT/d",
      "http://127.0.0.1:9/e" } do
      local ok, got = pcall(http.request, { url = url, headers = { Authorization = "Bearer mine" } })
      case:note(url .. " -> " .. (ok and got.body or got.message))
    end
    return case:close { resolution = "ok" }
  end }
"""


def test_out_through_the_proxy():
    web, proxy = serve(Server), serve(Proxy)
    straight = "127.0.0.1:%d" % web[1]
    with t.make_dir({"playbooks": {"dir": "books"}, "rules": [{"on": "report.accepted", "run": "out"}],
                     "http": {"reach": [straight], "proxy": {
                         "url": "http://127.0.0.1:%d" % proxy[1], "user": "tocsin", "password": "secret:proxy",
                         "direct": ["127.0.0.0/8", "inside.example"]}}}) as node:
        crt, key = os.path.join(node.root, "crt"), os.path.join(node.root, "key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=tls.example", "-addext",
                        "subjectAltName=DNS:tls.example"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        Proxy.names = {"svc.example": web, "tls.example:443": serve(Server, context)}
        os.mkdir(os.path.join(node.root, "books"))
        with open(os.path.join(node.root, "books", "out.lua"), "w", encoding="utf-8") as f:
            f.write(BOOK.replace("STRAIGHT", "http://" + straight))
        env = {name: "http://127.0.0.1:1" for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY")}
        node.start(dict(env, no_proxy="svc.example,tls.example"))
        node.cli("secret", "set", "proxy", stdin=PASSWORD, check=0)
        node.http("POST", "/api/v1/reports", {"kind": "incident", "title": "x", "text": "y"},
                  {"Idempotency-Key": "k"}, as_person="intake", check=202)

        def closed():
            cases = node.http("GET", "/api/v1/cases", check=200).json["items"]
            return cases and cases[0]["state"] == "closed" and cases[0]["id"]
        tale = node.cli("case", "timeline", node.wait_for(closed, 60), "--all", check=0).out
        node.stop()
    assert "http://svc.example/a -> hello" in tale, tale
    # Nobody vouches for the certificate at the other end of the tunnel, whoever dug it.
    assert "https://tls.example/b -> " in tale and "certificate" in tale.split("tls.example/b -> ")[1][:300], tale
    assert "http://other.example/c -> http.request: the server answered 403" in tale, tale
    assert "http://%s/d -> hello" % straight in tale, tale
    assert "where tocsin does not connect" in tale.split("127.0.0.1:9/e -> ")[1][:200], tale
    asked = [path for _, path, _ in Proxy.seen]
    assert asked.count("http://svc.example/a") == 1 and "tls.example:443" in asked, asked
    assert not [p for p in asked if "127.0.0.1" in p], asked
    tunnel = [h for c, _, h in Proxy.seen if c == "CONNECT"][0]
    assert "Authorization" not in tunnel and "Proxy-Authorization" in tunnel, tunnel
    assert [h for p, h in Server.seen if p == "/d"][0]["Authorization"] == "Bearer mine"
    assert not [h for _, h in Server.seen if "Proxy-Authorization" in h], Server.seen


if __name__ == "__main__":
    t.main()
