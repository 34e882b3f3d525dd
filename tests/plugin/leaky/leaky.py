"""Says each of its secrets wherever a plugin can say anything, in every form; see test_secrets.py."""
import base64
import json
import sys
import urllib.parse

values, settings = {}, {}


def send(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def handles(value):
    if isinstance(value, str):
        return [value] if value.startswith(("secret:", "credential:")) else []
    if isinstance(value, dict):
        value = list(value.values())
    return [h for one in value for h in handles(one)] if isinstance(value, list) else []


def forms(secret):
    raw = secret.encode()
    yield secret
    yield raw.hex()
    yield raw.hex().upper()
    yield urllib.parse.quote(secret, safe="")
    yield urllib.parse.quote_plus(secret)
    yield "".join("%%%02x" % b for b in raw)
    for before in (b"", b"u:", b"x"):
        yield base64.b64encode(before + raw + b"tail").decode()
        yield base64.urlsafe_b64encode(before + raw).decode()


def words():
    return [form for secret in values.values() for form in forms(secret)]


def act(m):
    how, text = m["args"]["how"], " ".join(words())
    ends = {"type": "result", "id": m["id"]}
    for line in words():
        print(line, file=sys.stderr)
    print("x" * 900 + text, file=sys.stderr, flush=True)
    send(type="log", level="info", text=text)
    if how == "ok":
        send(**ends, outcome="ok", result={"said": words(), text[:60]: {"deep": text}})
    elif how in ("fail", "retry", "unknown"):
        send(**ends, outcome=how, error={"code": words()[0], "message": text})
    elif how == "nonsense":
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    elif how == "traceback":
        raise RuntimeError(text)


for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "describe":
        settings = message["settings"]
        for handle in handles(settings) + ["secret:not-mine"]:
            send(type="secret", handle=handle)
        send(type="described", name="leaky")
    elif message["type"] == "secret":
        if "value" in message:
            values[message["handle"]] = message["value"]
        else:
            print("no value: %s" % message["error"]["code"], file=sys.stderr, flush=True)
    elif message["type"] == "start":
        act(message)
