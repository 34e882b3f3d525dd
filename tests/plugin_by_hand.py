"""An exec plugin without tocsin: the protocol of docs/plugin-protocol.md by hand."""
import json
import subprocess


class Plugin:
    """`argv` started; answers may come in any order. `described` is the first answer, or None when it ended."""

    def __init__(self, name, argv, settings):
        self.name, self.ids, self.answers = name, 0, {}
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.say(type="describe", protocol=1, settings=settings)
        self.described = self.hear()

    def say(self, **message):
        self.p.stdin.write(json.dumps(message) + "\n")
        self.p.stdin.flush()

    def hear(self):
        line = self.p.stdout.readline()
        return json.loads(line) if line else None

    def begin(self, action, args, key="0" * 32, kind="start"):
        self.ids += 1
        self.say(type=kind, id=self.ids, action="%s.%s" % (self.name, action), args=args, key=key)
        return self.ids

    def end_of(self, call):
        while call not in self.answers:
            m = self.hear()
            assert m, self.p.stderr.read()
            self.answers[m["id"]] = m
        return self.answers[call]

    def call(self, action, key="0" * 32, kind="start", **args):
        return self.end_of(self.begin(action, args, key, kind))

    def ok(self, action, **args):
        m = self.call(action, **args)
        assert m["outcome"] == "ok", m
        return m["result"]

    def bad(self, outcome, code, action, **args):
        m = self.call(action, **args)
        assert (m["outcome"], m["error"]["code"]) == (outcome, code), m
        return m["error"]["message"]

    def stop(self):
        """Hangs up; the exit code."""
        self.p.stdin.close()
        code = self.p.wait(30)
        self.p.stdout.close()
        self.p.stderr.close()
        return code
