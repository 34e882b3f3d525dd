#!/usr/bin/env python3
"""An independent judge of what a tocsin node did: standard library only, no tocsin code.

    oracle.py EXPORT SINK MAILDIR LEDGER

EXPORT   `tocsin audit export`: JSON lines {seq, entry, leaf, prev}, last line {size, root}
SINK     the effect log of plugins/edge: JSON lines {time, action, key, args}
MAILDIR  where mail was delivered
LEDGER   what the generator saw acknowledged: JSON lines {case, key}

Prints one line per finding and exits 1, or prints what it checked and exits 0. The rules are I1
to I6 of the reliability reference: nothing acknowledged is lost, no effect without an earlier
intent, a step that must not be repeated is not, and the log is whole.
"""
import collections
import hashlib
import json
import os
import sys

ASK_CLASS = {"edge.apply"}            # never twice unless a person said "retry"
TERMINAL = {"ok", "fail", "cancelled"}


def parse_entry(text):
    """The ASCII entry as a dict; raises on anything that is not canonical."""
    lines = text.split("\n")
    if lines[0] != "tocsin-audit/v1" or lines[-1] != "":
        raise ValueError("not an entry: %r" % text[:60])
    out = {}
    for line in lines[1:-1]:
        key, space, value = line.partition(" ")
        if not space or not value or " " in value or key in out:
            raise ValueError("bad line %r" % line)
        out[key] = value
    return out


def leaf_hash(text):
    return hashlib.sha256(b"\0" + text.encode("ascii")).digest()


def tree_root(leaves):
    """RFC 6962 by its own recursive definition, so not the way tocsin computes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:])).digest()


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


class Oracle:
    def __init__(self):
        self.findings = []
        self.checked = collections.Counter()

    def say(self, rule, fmt, *args):
        self.findings.append("%s: %s" % (rule, fmt % args))

    def log(self, rows):
        """I6: every leaf, position, chain link and the root."""
        head = rows[-1]
        entries, leaves, chains = [], [], {}
        for n, row in enumerate(rows[:-1]):
            try:
                e = parse_entry(row["entry"])
            except ValueError as error:
                self.say("I6", "entry %d: %s", n, error)
                continue
            leaf = leaf_hash(row["entry"])
            if row["seq"] != n or int(e["seq"]) != n:
                self.say("I6", "position %d holds entry %s", n, e["seq"])
            if leaf.hex() != row["leaf"]:
                self.say("I6", "entry %d does not have its leaf hash", n)
            count, last = chains.get(e["chain"], (0, "0" * 64))
            if int(e["rseq"]) != count or e["rprev"] != last:
                self.say("I6", "entry %d breaks chain %s", n, e["chain"])
            chains[e["chain"]] = (count + 1, leaf.hex())
            if e["kind"] == "run.ended":
                have = chains.get("run:" + e["run"], (0, ""))
                if (int(e["rlen"]), e["rlast"]) != have:
                    self.say("I6", "entry %d closes run %s wrongly", n, e["run"])
            leaves.append(leaf)
            entries.append(e)
        if head["size"] != len(leaves) or head["root"] != tree_root(leaves).hex():
            self.say("I6", "size or root of the head is wrong")
        self.checked["entries"] += len(entries)
        self.checked["chains"] += len(chains)
        return entries

    def triggers(self, entries, ledger):
        """I1: what was acknowledged has a case whose runs ended."""
        opened = {e["case"]: e for e in entries if e["kind"] == "case.created"}
        started = collections.defaultdict(list)
        ended = collections.defaultdict(list)
        for e in entries:
            if e["kind"] == "run.opened":
                started[e["case"]].append(e["run"])
            elif e["kind"] == "run.ended":
                ended[e["run"]].append(e)
        for row in ledger:
            self.checked["acknowledged"] += 1
            if row["case"] not in opened:
                self.say("I1", "acknowledged case %s is not in the log", row["case"])
                continue
            if not started[row["case"]]:
                self.say("I1", "case %s has no run", row["case"])
            for run in started[row["case"]]:
                if len(ended[run]) != 1:
                    self.say("I1", "run %s ended %d times", run, len(ended[run]))
        acknowledged = len({row["case"] for row in ledger})
        if len(opened) < acknowledged:
            self.say("I1", "%d cases for %d acknowledged triggers", len(opened), acknowledged)

    def effects(self, entries, sink, mails):
        """I2 and I3: intents before effects, and no repeat that must not be."""
        intents, results, retried = {}, collections.defaultdict(list), set()
        tries = collections.Counter()
        by_step = {}
        for e in entries:
            if e["kind"] == "step.intent" and "idem" in e:
                # Every try has its intent; all of one step carry one key, counted up.
                step, key, attempt = (e["run"], e["step"]), e["idem"], int(e["attempt"])
                if by_step.setdefault(step, key) != key:
                    self.say("I3", "step %s of %s has two keys", e["step"], e["run"])
                before = intents.get(key)
                if before and (before["run"], before["step"]) != step:
                    self.say("I3", "key %s serves two steps", key)
                if attempt != (int(before["attempt"]) + 1 if before else 1):
                    self.say("I3", "try %d of step %s follows nothing", attempt, e["step"])
                tries[step] += 1
                intents[key] = e
            elif e["kind"] == "step.result":
                results[(e["run"], e["step"])].append(e)
            elif e["kind"] == "step.retry" and e.get("reason") == "resolved":
                retried.add((e["run"], e["step"]))
        for step, rows in results.items():
            if len(rows) != 1:
                self.say("I3", "step %s of %s has %d outcomes", step[1], step[0], len(rows))
        arrivals = collections.defaultdict(list)
        for row in sink:
            self.checked["effects"] += 1
            arrivals[row["key"]].append(row)
            intent = intents.get(row["key"])
            if intent is None:
                self.say("I2", "%s arrived with key %s, which no intent has",
                         row["action"], row["key"])
                continue
            if intent.get("reason") != row["action"]:
                self.say("I2", "key %s was for %s, %s arrived", row["key"],
                         intent.get("reason"), row["action"])
        for key, rows in arrivals.items():
            intent = intents.get(key)
            if intent is None or rows[0]["action"] not in ASK_CLASS:
                continue
            step = (intent["run"], intent["step"])
            if len(rows) > 1 and step not in retried:
                self.say("I3", "%s was done %d times though nobody asked for it",
                         rows[0]["action"], len(rows))
        self.checked["tries"] += sum(tries.values())
        # An external step that the log calls done did happen.
        for key, intent in intents.items():
            done = [r for r in results[(intent["run"], intent["step"])] if r["outcome"] == "ok"]
            if intent.get("reason", "").startswith("edge.") and done and key not in arrivals:
                if done[0].get("reason") != "resolved":
                    self.say("I3", "%s is recorded as done but never arrived", intent["reason"])
        # Mail names its key in the Message-ID.
        for name, message_id in mails:
            self.checked["mails"] += 1
            if not any(key in message_id for key in intents):
                self.say("I2", "mail %s (%s) has no intent", name, message_id)
        ids = collections.Counter(message_id for _, message_id in mails)
        for message_id, n in ids.items():
            if n > 1:
                self.checked["repeated mails"] += n - 1


def read_mails(maildir):
    out = []
    for part in ("new", "cur"):
        folder = os.path.join(maildir, part)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                ids = [line.split(":", 1)[1].strip() for line in f
                       if line.lower().startswith("message-id:")]
            out.append((name, ids[0] if ids else ""))
    return out


def judge(export, sink, maildir, ledger):
    """(findings, counts)"""
    oracle = Oracle()
    rows = read_lines(export)
    if not rows or "root" not in rows[-1]:
        return ["I6: the export is empty or cut"], oracle.checked
    entries = oracle.log(rows)
    oracle.triggers(entries, read_lines(ledger))
    oracle.effects(entries, read_lines(sink), read_mails(maildir))
    return oracle.findings, oracle.checked


if __name__ == "__main__":
    found, counts = judge(*sys.argv[1:5])
    for line in found:
        print(line)
    print("checked " + ", ".join("%d %s" % (n, what) for what, n in sorted(counts.items())))
    sys.exit(1 if found else 0)
