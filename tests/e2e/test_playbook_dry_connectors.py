#!/usr/bin/env python3
"""What a dry run says of each method of each shipped connector is what its manifest declares: a read is a look-up
that was not made, a write would act, a send would tell others; with its undo and its plan. The manifests are read
here by other code than tocsin's."""
import json
import os
import re
import shutil

import tocsin_test as t

PLUGINS = os.path.join(t.SOURCE, "plugins")
NAMES = sorted(n for n in os.listdir(PLUGINS) if os.path.exists(os.path.join(PLUGINS, n, "manifest.yaml")))
SAYS = {"read": ("unknown", "none", "read"), "none": ("unknown", "none", "read"),
        "write": ("acts", "external", "write"), "external": ("acts", "external", "write"),
        "send": ("acts", "external", "send")}


def manifest(name):
    """{ name, needed settings: { name: type }, actions: { name: { effect, undo, plan } } }"""
    with open(os.path.join(PLUGINS, name, "manifest.yaml"), encoding="utf-8") as f:
        text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', f.read())  # a summary may look like a member
    text = re.sub(r"#.*", "", text)
    parts = dict(re.findall(r"^(\w+):((?:.*\n(?:[ \t].*\n|\n)*))", text + "\n", re.MULTILINE))

    def items(of):
        return [dict(re.findall(r"\b(\w+): *([\w.-]+)", item)) for item in re.split(r"^ +- ", parts.get(of, ""), flags=re.MULTILINE)[1:]]
    return {"name": parts["name"].strip(),
            "needs": {s["name"]: s["type"] for s in items("settings") if s.get("need") == "true"},
            "actions": {a["name"]: a for a in items("actions")}}


def checked(node, lines, *args):
    """The lines of a dry run of a playbook with these lines of Lua."""
    path = os.path.join(node.root, "playbooks", "every.lua")
    with open(path, "w", encoding="utf-8") as f:
        f.write('return playbook { name = "every", title = "Every", on = "report.accepted", run = function(case)\n' +
                "\n".join(lines) + '\n  return case:close { resolution = "ok" }\nend }\n')
    out = json.loads(t.run_cli(["playbook", "check", "every", "--config", node.config_file, "--json"] + list(args),
                               check=(0, 10)).out)
    assert out["complete"] and out["lines"][-1]["says"] == "ends", out["lines"][-1]
    return out


def world(plugins):
    node = t.make_dir({"products": [{"id": "edge-gw", "name": "Edge Gateway"}], "plugins": plugins})
    folder = os.path.join(node.root, "playbooks")
    os.makedirs(folder, exist_ok=True)
    node.config["playbooks"] = {"dir": folder}
    node.write_config()
    return node


def test_each_method_of_each_shipped_connector():
    all_of = [manifest(name) for name in NAMES]
    assert len(all_of) >= 18 and sum(len(m["actions"]) for m in all_of) >= 50, "manifests are not understood"
    assert {a["effect"] for m in all_of for a in m["actions"].values()} == set(SAYS), "each word of effect is there"
    library = os.path.join(t.make_dir(init=False).root, "example-c")  # a dry run loads none: it only must be there
    shutil.copytree(os.path.join(PLUGINS, "example-c"), library)
    with open(os.path.join(library, "example.so"), "w", encoding="utf-8"):
        pass
    made = {"url": "https://tool.acme.example", "secret": "secret:x", "any": "https://tool.acme.example"}
    node = world([{"name": m["name"], "internal": True, "dir": library if m["name"] == "example" else os.path.join(PLUGINS, name),
                   "settings": {key: made.get(kind, "x") for key, kind in m["needs"].items()}}
                  for name, m in zip(NAMES, all_of)])
    for m in all_of:
        calls = ["  (use %s).%s {}" % (json.dumps(m["name"]), verb) for verb in m["actions"]]
        out = checked(node, [c.replace("  (use", "  ;(use") for c in calls])
        lines = {line["name"]: line for line in out["lines"] if line.get("kind") == "call"}
        for verb, a in m["actions"].items():
            name = "%s.%s" % (m["name"], verb)
            line, said = lines[name], SAYS[a["effect"]]
            assert (line["says"], line["effect"], line["touches"]) == said and "error" not in line, (said, line)
            if said[0] == "acts":
                full = lambda key: "%s.%s" % (m["name"], a[key]) if key in a else ""
                assert (line["undo"], line["plan"]) == (full("undo"), full("plan")), (a, line)
                assert line["irreversible"] == (a.get("irreversible") == "true"), (a, line)
            else:
                assert "plan" not in line and line["hint"] == "a look-up that was not made", line
        assert out["acts"] == any(SAYS[a["effect"]][0] == "acts" for a in m["actions"].values()), m["name"]


def test_a_request_of_ones_own_is_judged_by_its_method():
    node = world([])
    ask = '  (use "http").request { url = "https://tool.acme.example/%s", %s }'
    reads = ["", 'method = "GET"', 'method = "HEAD"', 'method = "GET", json = { a = 1 }']
    acts = ["json = { a = 1 }", 'method = "POST"', 'method = "DELETE"', 'method = "PUT", body = "x"']

    def said(members, *more):
        out = checked(node, [";" + (ask % (i, m)).strip() for i, m in enumerate(members)], *more)
        return out, [(line["says"], line["effect"], line["touches"]) for line in out["lines"] if line.get("name") == "http.request"]
    out, got = said(reads)
    assert got == [("unknown", "none", "read")] * 4 and not out["acts"], got
    out, got = said(acts)
    assert got == [("acts", "external", "write")] * 4 and out["acts"], got
    out, got = said(reads[:1], "--assume", 'http.request={"status":200}', "--exit-effects")
    assert got == [("assumed", "none", "read")] and not out["acts"], got


def test_what_changes_only_our_own_records_is_known():
    out = checked(world([]), ['  case:note("seen")', '  case:set { severity = "high" }'])
    assert [(line["says"], line["effect"]) for line in out["lines"] if line.get("kind") == "call"] == [("known", "store")] * 3, out["lines"]
    assert not out["acts"]


if __name__ == "__main__":
    t.main()
