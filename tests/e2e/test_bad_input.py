#!/usr/bin/env python3
"""What comes in broken gets a clear error with a code, and nothing is lost or half done."""
import os
import socket
import time

import tocsin_test as t

REPORT = {"kind": "incident", "title": "x", "text": "y", "product": "edge-gw"}
PRODUCTS = [{"id": "edge-gw", "name": "Edge Gateway"}]

PLAYBOOKS = {
    "loops": "while true do end",
    "swallows": "while true do pcall(function() while true do end end) end",
    "grows": "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
    "fails": "local x = nil; return x.y",
    "asks-nobody": "local nobody = use 'nobody'; nobody.there {}",
    "backtracks": "return ('a'):rep(3000):find(('.-'):rep(20) .. 'b')",
}


def start(overrides=None, playbooks=None):
    node = t.make_dir(dict({"products": PRODUCTS}, **(overrides or {})))
    if playbooks:
        folder = os.path.join(node.root, "playbooks")
        os.mkdir(folder)
        for name, source in playbooks.items():
            with open(os.path.join(folder, name + ".lua"), "w", encoding="utf-8") as f:
                f.write(source)
        node.config["playbooks"] = {"dir": folder}
        node.write_config()
    return node.start()


def problem(reply, status, code=None):
    assert reply.status == status, reply
    assert reply.headers.get("Content-Type", "").startswith("application/problem+json"), reply.headers
    if code:
        assert reply.json["code"] == code, reply
    assert reply.json["title"] and reply.json["status"] == status, reply


def cases(node):
    return node.http("GET", "/api/v1/cases", check=200).json["items"]


def test_bodies():
    with start() as node:
        post = lambda body, **kw: node.http(
            "POST", "/api/v1/reports", body, dict({"Idempotency-Key": os.urandom(8).hex()}),
            as_person="intake", **kw)
        problem(post("{"), 400, "H010")
        problem(post('{"kind":"incident","kind":"weakness","title":"x"}'), 400, "H010")
        problem(post("[" * 5000 + "]" * 5000), 400, "H010")
        unknown = post(dict(REPORT, titel="x"))
        problem(unknown, 422, "H012")
        assert "title" in unknown.body, unknown
        problem(post({"kind": "incident"}), 422, "H013")
        problem(post(dict(REPORT, title="x" * 500)), 413, "H016")
        problem(post(dict(REPORT, text="x" * (20 << 20))), 413)
        assert cases(node) == []
        assert node.http("GET", "/nowhere").status == 404
        assert node.http("DELETE", "/api/v1/cases").status == 405


def test_tokens():
    with start() as node:
        good = node.token("intake", "report:submit")
        key = {"Idempotency-Key": "a"}
        for bad in ("tocsin_" + "A" * 43, "x", good[:-1] + ("A" if good[-1] != "A" else "B")):
            reply = node.http("POST", "/api/v1/reports", REPORT, key, token=bad)
            assert reply.status == 401 and "WWW-Authenticate" in reply.headers, reply
        assert node.http("POST", "/api/v1/reports", REPORT, key, tcp=True).status == 401
        problem(node.http("POST", "/api/v1/reports", REPORT, {}, token=good), 400)
        # A token for reports reads nothing.
        assert node.http("GET", "/api/v1/cases", token=good).status == 403
        node.http("POST", "/api/v1/reports", REPORT, key, token=good, check=202)
        # Stored hashed: the database does not hold it.
        node.stop()
        with open(node.database, "rb") as f:
            assert good.encode() not in f.read()


def raw(node, data, patience=15):
    s = socket.create_connection(("127.0.0.1", node.ready["port"]), timeout=patience * t.PATIENCE)
    s.sendall(data)
    out = b""
    try:
        while True:
            chunk = s.recv(65536)
            if not chunk:
                break
            out += chunk
    except (ConnectionError, socket.timeout):
        pass
    s.close()
    return out


def test_smuggling_is_refused():
    with start() as node:
        post = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\n"
        for headers in (b"Content-Length: 0\r\nContent-Length: 5\r\n",
                        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                        b"Transfer-Encoding: xchunked\r\n",
                        b"Host: y\r\nContent-Length: 0\r\n",
                        b"Content-Length : 5\r\n"):
            answer = raw(node, post + headers + b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400"), (headers, answer[:200])
            assert answer.count(b"HTTP/1.1 ") == 1, (headers, answer)
        assert node.http("GET", "/healthz").status == 200


def test_slow_clients_do_not_hold_anything():
    with start() as node:
        slow = [socket.create_connection(("127.0.0.1", node.ready["port"])) for _ in range(50)]
        for s in slow:
            s.sendall(b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "k"},
                  as_person="intake", check=202)
        assert time.monotonic() - began < 2 * t.PATIENCE
        for s in slow:
            s.close()


def wrapped(name, body):
    return ("return playbook { name = %r, title = %r, on = 'report.accepted', "
            "run = function(case) %s end }" % (name, name, body)).replace("'", '"')


def test_bad_playbooks_stop_alone():
    good = wrapped("good", "case:note('fine') return case:close { resolution = 'ok' }")
    playbooks = {name: wrapped(name, body) for name, body in PLAYBOOKS.items()}
    playbooks["good"] = good
    playbooks["broken"] = "return playbook { name = 'broken'\n title = 'x' }"
    rules = [{"on": "report.accepted", "run": name} for name in list(PLAYBOOKS) + ["good"]]
    with start({"rules": rules}, playbooks) as node:
        reply = node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "k"},
                          as_person="intake", check=202)
        assert reply.json["case"]

        def ended():
            runs = node.http("GET", "/api/v1/runs", check=200).json["items"]
            live = [r for r in runs if r["state"] not in
                    ("finished", "failed", "stuck", "diverged", "cancelled")]
            return None if live or len(runs) < len(rules) else {
                r["playbook"].split("@")[0]: r for r in runs}
        runs = node.wait_for(ended, 60)
        assert runs["good"]["state"] == "finished", runs["good"]
        for name in ("loops", "swallows", "grows"):
            assert runs[name]["state"] == "stuck", runs[name]
            assert "R02" in runs[name]["reason"], runs[name]
        assert runs["backtracks"]["state"] in ("stuck", "failed", "finished"), runs["backtracks"]
        assert runs["fails"]["state"] == "failed" and "R010" in runs["fails"]["reason"], runs
        assert runs["asks-nobody"]["state"] == "failed", runs["asks-nobody"]
        # Nobody has to search for what stopped: status names each run, and why.
        stopped = {r["name"]: r for r in node.cli("status", check=0).json["stopped"]}
        assert {r["name"] for r in runs.values() if r["state"] == "stuck"} <= set(stopped), stopped
        assert all(r["reason"] for r in stopped.values()), stopped
        # The file that does not parse is named with its line, and stops nobody else.
        status = node.http("GET", "/api/v1/status", check=200)
        ready = node.http("GET", "/readyz")
        assert "broken.lua" in status.body + ready.body + node.log_text(), status
        # A kill always works.
        stuck = runs["loops"]["name"]
        node.cli("run", "cancel", stuck, "--reason", "it loops", as_person="duty1", check=0)
        after = node.http("GET", "/api/v1/runs/" + stuck, check=200).json
        assert after["state"] == "cancelled", after
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data]).code == 0


def acknowledge_until_dead(node, prefix):
    """Reports until the node stops answering; the case ids that were acknowledged."""
    acked = []
    for n in range(200):
        try:
            reply = node.http("POST", "/api/v1/reports", REPORT,
                              {"Idempotency-Key": "%s-%d" % (prefix, n)}, as_person="intake")
        except (OSError, t.http.client.HTTPException):
            break
        if reply.status != 202:
            break
        acked.append(reply.json["case_id"])
    return acked


def disk(fault):
    """A node whose disk fails at a commit: nothing unsaved is acknowledged, it stops, it recovers."""
    with t.make_dir({"products": PRODUCTS}) as node:
        node.start({"TOCSIN_FAULT": fault})
        acked = acknowledge_until_dead(node, "a")
        code = node.wait_dead(20)
        assert code == 1, (code, node.log_text()[-2000:])
        node.start()
        have = {c["id"] for c in cases(node)}
        assert set(acked) <= have, "acknowledged but lost: %s" % (set(acked) - have)
        more = node.http("POST", "/api/v1/reports", REPORT, {"Idempotency-Key": "after"},
                         as_person="intake", check=202)
        assert more.json["case"]
        assert node.stop() == 0
        assert t.run_cli(["audit", "verify", node.data]).code == 0
        return len(acked)


def test_full_disk_and_failed_sync():
    # Past what a start writes, and well before the last report.
    for fault in ("store.commit:20=TSN_ENOSPC", "store.commit:23=TSN_EIO",
                  "store.write:150=TSN_ENOSPC", "store.write:181=TSN_EIO"):
        n = disk(fault)
        print("  %s: %d acknowledged, all there" % (fault, n), flush=True)
        assert n > 0, "the fault came before the first report"


if __name__ == "__main__":
    t.main()
