"""The public form in a real Chromium: with scripts (the report is encrypted in the browser), without
scripts, and judged by axe at 320 and 1280 pixels, light and dark, in every language.

Chromium and its driver are Debian's; axe-core and jose come from npm (./dev deps judges).
"""
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()
for tool in ("chromium", "chromedriver", "node"):
    if not shutil.which(tool):
        t.skip("no %s: ./dev deps test" % tool)
JUDGES = os.environ.get("TOCSIN_JUDGES") or os.path.join(t.SOURCE, "build", "judges")
AXE = os.path.join(JUDGES, "node_modules", "axe-core", "axe.min.js")
if not os.path.exists(AXE) or not os.path.isdir(os.path.join(JUDGES, "node_modules", "jose")):
    t.skip("no axe-core and jose in %s: ./dev deps judges" % JUDGES)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SECRET = "A secret story about the gateway"


def node():
    return t.make_dir({
        "server": {"listen": "127.0.0.1:0", "organisation": "Acme"},
        "form": {"listen": "127.0.0.1:0", "coordinator": "CERT/CC", "per_network": 1000,
                 "policy": "https://acme.example/safe-harbour"},
        "products": [{"id": "edge-gw", "name": "Edge Gateway", "vendor": "Acme"}],
        "rules": []})


class Browser:
    """W3C WebDriver, as much of it as is needed."""

    def __init__(self, scripts=True):
        self.scripts = scripts
        self.home = tempfile.mkdtemp(prefix="tsn-ch-", dir="/tmp")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True,
                                       env=dict(os.environ, HOME=self.home))
        self.port = None
        for line in self.driver.stdout:
            m = re.search(r"on port (\d+)", line)
            if m and m.group(1) != "0":
                self.port = int(m.group(1))
                break
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--user-data-dir=" + self.home + "/profile", "--no-proxy-server"]
        self.path = "/session"
        self.path = "/session/" + self.call("POST", "", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"performance": "ALL"}}}}
        )["sessionId"]
        self.cdp("Network.enable")
        if not scripts:
            self.cdp("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120 * t.PATIENCE)
        c.request(method, self.path + path, json.dumps(body or {}) if method == "POST" else None)
        out = json.loads(c.getresponse().read())["value"]
        c.close()
        if isinstance(out, dict) and out.get("error"):
            raise AssertionError(out["error"] + ": " + out["message"][:500])
        return out

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def type(self, css, text):
        self.call("POST", "/element/%s/value" % self.find(css), {"text": text})

    def click(self, css):
        self.call("POST", "/element/%s/click" % self.find(css))

    def text(self, css="body"):
        return self.call("GET", "/element/%s/text" % self.find(css))

    def until(self, want, css="body"):
        """Until the page says it: between two pages there is none."""
        def look():
            try:
                return want in self.text(css)
            except AssertionError:
                return False
        t.wait_for(look, 30 * t.PATIENCE)

    def title(self, want):
        self.until(want, "h1")

    def bodies(self):
        """What was posted since the last look."""
        out = []
        for row in self.call("POST", "/se/log", {"type": "performance"}):
            m = json.loads(row["message"])["message"]
            if m["method"] == "Network.requestWillBeSent":
                request = m["params"]["request"]
                if request["method"] == "POST":
                    out.append(request.get("postData", ""))
        return out

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.home, True)


def url(n, path):
    with open(os.path.join(n.root, "data", "ready.json"), encoding="utf-8") as f:
        return "http://127.0.0.1:%d%s" % (json.load(f)["form_port"], path)


def fill(b, upload=None):
    b.type("#text", SECRET)
    b.click("#product option[value=edge-gw]")
    b.type("#version", "9.4")
    b.click("#weakness")
    if upload:
        b.type("#files", upload)
    b.click("form#report button")
    b.title("Keep this receipt")
    return b.text("output#receipt")


def stored(n, receipt):
    return n.http("GET", "/api/v1/show/" + receipt).json["report"]["report"]


def judge(b, what):
    """axe finds nothing, and nothing is wider than the screen."""
    with open(AXE, encoding="utf-8") as f:
        axe = f.read()
    for width in (320, 1280):
        b.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
              mobile=False)
        for theme in ("light", "dark"):
            b.cdp("Emulation.setEmulatedMedia", features=[
                {"name": "prefers-color-scheme", "value": theme}])
            b.run(axe)
            found = b.call("POST", "/execute/async", {"script": """
                const done = arguments[arguments.length - 1];
                axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
                                             "best-practice"]})
                  .then((r) => done(r.violations.map((v) => v.id + ": " + v.nodes.map(
                    (n) => n.html + " " + n.failureSummary).join("; "))), (e) => done([String(e)]));""",
                "args": []})
            assert found == [], (what, width, theme, found)
            wide = b.run("return document.documentElement.scrollWidth")
            assert wide <= width, (what, width, wide)


def test_with_scripts():
    with node() as n:
        n.start()
        upload = os.path.join(n.root, "poc.bin")
        with open(upload, "wb") as f:
            f.write(bytes(range(256)) * 40)
        b = Browser()
        try:
            b.go(url(n, "/report"))
            assert b.run("return document.getElementById('sealed').hidden") is False
            b.bodies()
            receipt = fill(b, upload)
            sent = "".join(b.bodies())
            assert 'name="sealed"' in sent and SECRET not in sent and "edge-gw" not in sent, sent[:500]
            body = stored(n, receipt)
            assert (body["text"], body["product"], body["version"], body["kind"]) == (
                SECRET, "edge-gw", "9.4", "weakness"), body
            assert body["files"][0]["name"] == "poc.bin" and body["files"][0]["size"] == 10240
            # Nobody leaves without the receipt by accident.
            asks = ("const e = new Event('beforeunload', {cancelable: true});"
                    "window.dispatchEvent(e); return e.defaultPrevented")
            assert b.run(asks) is True
            assert b.run("return document.getElementById('tools').hidden") is False
            b.type("#last", receipt[-4:])
            b.click("#typed button")
            b.title("Status of your report")
            assert b.run(asks) is False
            b.type("#message", "One more thing")
            b.click("form[action='/status/message'] button")
            b.until("Your message has been sent")
            assert "One more thing" in b.text("ol.messages")
            # What the policy forbids did not happen anywhere.
            log = b.call("POST", "/se/log", {"type": "browser"})
            assert not [r for r in log if "Content Security Policy" in r["message"]], log
        finally:
            b.close()
        n.stop()


def test_without_scripts():
    with node() as n:
        n.start()
        b = Browser(scripts=False)
        try:
            b.go(url(n, "/report"))
            assert "encrypted on your device" not in b.text()
            receipt = fill(b)
            assert SECRET in "".join(b.bodies())
            assert stored(n, receipt)["text"] == SECRET
            b.type("#last", "!!!!")
            b.click("#typed button")
            b.until("These are not the last four")
            b.type("#last", receipt[-4:])
            b.click("#typed button")
            b.title("Status of your report")
            b.go(url(n, "/status"))
            b.type("#receipt", receipt)
            b.click("main form button")
            b.until("How far we are")
            b.type("#message", "Without a script")
            b.click("form[action='/status/message'] button")
            b.until("Without a script", "ol.messages")
        finally:
            b.close()
        n.stop()


def test_axe():
    with node() as n:
        n.start()
        b = Browser()
        try:
            for lang in ("en", "de", "zh", "ja"):
                b.go(url(n, "/report?lang=" + lang))
                b.click("summary")
                judge(b, "form " + lang)
            b.go(url(n, "/report?lang=en"))
            b.run("document.querySelectorAll('[required]').forEach((e) => e.removeAttribute('required'))")
            b.click("form#report button")
            b.until("This could not be sent")
            judge(b, "form with an error")
            b.go(url(n, "/report?lang=en"))
            receipt = fill(b)
            judge(b, "receipt")
            b.type("#last", "!!!!")
            b.click("#typed button")
            b.until("These are not the last four")
            judge(b, "receipt, wrong")
            b.type("#last", receipt[-4:])
            b.click("#typed button")
            b.title("Status of your report")
            b.type("#message", "A word")
            b.click("form[action='/status/message'] button")
            b.until("Your message has been sent")
            judge(b, "status")
            b.go(url(n, "/status?lang=ja"))
            judge(b, "status, asked")
            b.type("#receipt", "TR-0000")
            b.click("main form button")
            b.until("受付票に対応する報告はありません")
            judge(b, "status, unknown")
        finally:
            b.close()
        n.stop()


def test_jose_agrees():
    """Another implementation of JWE seals a report, and what is not quite right does not open."""
    with node() as n:
        n.start()
        script = """
import { CompactEncrypt, importJWK } from "jose";
const jwk = await (await fetch(process.argv[1] + "/report/key")).json();
const report = { kind: "weakness", text: "sealed by jose", product: "edge-gw" };
const seal = async (enc, alg) => new CompactEncrypt(new TextEncoder().encode(JSON.stringify(report)))
  .setProtectedHeader({ alg, enc, kid: jwk.kid }).encrypt(await importJWK(jwk, alg));
const send = async (body) => {
  const r = await fetch(process.argv[1] + "/report", { method: "POST", body,
    headers: { "Content-Type": "application/jose" } });
  return { status: r.status, body: await r.json() };
};
const good = await seal("A256GCM", "ECDH-ES");
const parts = good.split(".");
const flip = (i) => parts.map((p, k) => k === i ? (p[5] === "A" ? p.slice(0, 5) + "B" : p.slice(0, 5) + "A") + p.slice(6) : p).join(".");
const out = { good: await send(good), bad: [] };
for (const body of [flip(0), flip(2), flip(3), flip(4), good + ".x", good.slice(0, -4),
                    await seal("A128GCM", "ECDH-ES"), await seal("A256GCM", "ECDH-ES+A256KW")])
  out.bad.push((await send(body)).status);
console.log(JSON.stringify(out));
"""
        with open(os.path.join(JUDGES, "tsn-seal-%d.mjs" % os.getpid()), "w", encoding="utf-8") as f:
            f.write(script.replace("process.argv[1]", "process.argv[2]"))
        try:
            done = subprocess.run(["node", f.name, url(n, "")], capture_output=True, text=True,
                                  timeout=60 * t.PATIENCE, check=False)
        finally:
            os.unlink(f.name)
        assert done.returncode == 0, done.stderr
        out = json.loads(done.stdout)
        assert out["good"]["status"] == 202 and out["bad"] == [422] * 8, out
        assert stored(n, out["good"]["body"]["receipt"])["text"] == "sealed by jose"
        n.stop()


t.main()
