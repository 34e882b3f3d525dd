"""A publisher on loopback, and a node whose feeds read it."""
import hashlib
import http.server
import json
import threading

import tocsin_test as t


class Site(http.server.BaseHTTPRequestHandler):
    """Files from a dict, with ETags; counts what was asked for."""
    files, asked, posted = {}, [], []
    need = {}  # path's beginning -> header and value without which it is 401

    def log_message(self, *_):
        pass

    def do_POST(self):  # noqa: N802
        Site.posted.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.do_GET()

    def do_GET(self):  # noqa: N802
        path = self.path
        for begins, (name, value) in Site.need.items():
            if path.startswith(begins) and self.headers.get(name) != value:
                self.send_error(401)
                return
        body = self.files.get(path, self.files.get(path.split("?")[0] + "?*"))
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        etag = '"%s"' % hashlib.sha256(body).hexdigest()[:16] if body is not None else None
        status = 404 if body is None else 304 if self.headers.get("If-None-Match") == etag else 200
        Site.asked.append((path, status))
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(body)


SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
PORT = SERVER.server_address[1]
BASE = "http://127.0.0.1:%d" % PORT


def csaf(ident, version="1", product="libfoo", ns="https://vendor.example", vendor="Vendor"):
    return json.dumps({
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": ident,
                     "publisher": {"category": "vendor", "name": vendor, "namespace": ns},
                     "tracking": {"id": ident, "version": version, "status": "final",
                                  "initial_release_date": "2026-01-01T00:00:00Z",
                                  "current_release_date": "2026-01-01T00:00:00Z",
                                  "revision_history": []}},
        "product_tree": {"branches": [{"category": "vendor", "name": vendor, "branches": [
            {"category": "product_name", "name": product,
             "product": {"name": product, "product_id": "P"}}]}]},
        "vulnerabilities": [{"cve": "CVE-2026-1", "product_status": {"known_affected": ["P"]}}]})


def node_with(*feeds, products=None):
    config = {"feeds": [dict({"every": "30d", "reach": ["127.0.0.1"]}, **f) for f in feeds],
              "products": products or [{"id": "gw", "name": "Gateway", "vendor": "Acme",
                                        "owner": "resp1",
                                        "components": [{"vendor": "Vendor", "product": "libfoo"}]}],
              "rules": [{"on": "advisory.matched", "run": "upstream-advisory"}]}
    return t.make_dir(config)


def start(node):
    """The daemon looks by itself soon after its start: that look finds nothing, the rest is ours."""
    files, Site.files = Site.files, {}
    node.start()
    t.wait_for(lambda: all(f["polled_at"] and f["state"] != "polling" for f in
                           node.cli("feed", "list", "--json", check=0).json["items"]),
               timeout=30, node=node)
    Site.files = files
    Site.asked.clear()


def poll(node, name, check=0):
    return node.cli("feed", "poll", name, "--json", check=check).json
