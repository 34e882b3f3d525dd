#!/usr/bin/env python3
"""Customers in the store, by product and contract: entered, changed, removed, taken from files; those of the
configuration follow it; who is told of an advisory is who stands there at that moment, with the renderings
they want and in a mail encrypted to their key."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import tocsin_test as t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_advisory_life as life

CONFIG = dict(life.CONFIG, products=life.CONFIG["products"] + [{"id": "relay", "name": "Relay"}], customers=[
    {"name": "Silver", "mail": "sec@silver.example", "products": ["edge-gw"], "contract": "silver"}],
    publish={"lists": [{"name": "contract", "contracts": ["gold"], "before": "2d", "tlp": "AMBER",
                        "attach": ["csaf"]}]})


def customer(node, verb, *args, person="lead1", check=0):
    return node.cli("customer", verb, *args, as_person=person, check=check)


def names(node, *args):
    return [c["name"] for c in customer(node, "list", *args).json["items"]]


def entries(node, kind):
    return node.cli("audit", "log", "kind:customer." + kind, check=0).json["items"]


def test_entered_changed_and_removed():
    with t.make_dir(CONFIG) as node:
        node.start()
        assert names(node) == ["Silver"]
        made = customer(node, "add", "Gold Ltd", "--mail", "sec@gold.example", "--product", "edge-gw,relay",
                        "--set", "contract=gold", "--reason", "signed today").json
        assert made["change"] == "added" and made["origin"] == "desk" and made["changed_by"] == "u:lead1", made
        assert made["products"] == ["edge-gw", "relay"] and made["contract"] == "gold", made
        assert names(node) == ["Gold Ltd", "Silver"] and names(node, "--product", "relay") == ["Gold Ltd"]
        assert "sec@gold.example" in node.cli("customer", "list", json=False, check=0).out
        # What cannot be meant is refused, with the place.
        again = customer(node, "add", "GOLD ltd", "--mail", "x@gold.example", "--product", "relay", check=5)
        assert again.error["code"] == "W090", again
        for flags, code in ((("--mail", "nobody", "--product", "relay"), "H013"),
                            (("--mail", "a@b.example", "--product", "relais"), "W092"),
                            (("--mail", "a@b.example", "--product", "relay", "--set", "attach=pdf"), "H013"),
                            (("--mail", "a@b.example", "--product", "relay", "--set", "phone=1"), None)):
            wrong = customer(node, "add", "Bad", *flags, check=(1, 2))
            assert code is None or wrong.error["code"] == code, (flags, wrong)
        hint = customer(node, "add", "Bad", "--mail", "a@b.example", "--product", "relai", check=(1, 2))
        assert "relay" in hint.error["hint"], hint
        # Changed: what is given; null takes away.
        now = customer(node, "edit", "gold LTD", "--set", "attach=csaf,html", "--set", "contract=null").json
        assert now["attach"] == ["csaf", "html"] and "contract" not in now and now["change"] == "changed", now
        assert customer(node, "edit", "Gold Ltd", "--set", "name=Gold SE").json["name"] == "Gold SE"
        assert customer(node, "show", made["id"]).json["name"] == "Gold SE"
        assert customer(node, "show", "Gold Ltd", check=4).error["code"] == "H031"
        assert customer(node, "edit", "Gold SE", "--set", "name=silver", check=5).error["code"] == "W090"
        # Those of the configuration change there.
        for verb, flags in (("edit", ("--set", "contract=gold")), ("remove", ())):
            assert customer(node, verb, "Silver", *flags, check=5).error["code"] == "W091"
        # It is a resource over HTTP.
        one = node.http("PUT", "/api/v1/customers/%s" % made["id"], {"contract": "gold"}, check=200).json
        assert one["contract"] == "gold", one
        assert node.http("GET", "/api/v1/customers?contract=gold", check=200).json["items"][0]["id"] == made["id"]
        node.http("DELETE", "/api/v1/customers/Gold%20SE", check=200)
        assert names(node) == ["Silver"]
        assert [e["reason"] for e in entries(node, "added")][-1] == made["id"]
        assert len(entries(node, "changed")) == 3 and len(entries(node, "removed")) == 1
        with open(node.database, "rb") as f:
            data = f.read()
        assert b"sec@gold.example" not in data and b"sec@silver.example" not in data, "not sealed"
        # After a restart it is as it was; what the configuration no longer has is gone, with an entry.
        customer(node, "add", "Gold", "--mail", "sec@gold.example", "--product", "edge-gw")
        node.stop()
        node.config["customers"] = [{"name": "Bronze", "mail": "b@bronze.example", "products": ["relay"]}]
        node.write_config()
        node.start()
        assert names(node) == ["Bronze", "Gold"]
        assert len(entries(node, "removed")) == 2 and len(entries(node, "added")) == 4
        node.stop()
        node.start()
        assert names(node) == ["Bronze", "Gold"] and len(entries(node, "added")) == 4
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


def test_taken_from_files():
    with t.make_dir(CONFIG) as node:
        node.start()
        path = os.path.join(node.root, "c.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write('name,mail,products,contract\r\n"Gold, ""the"" Ltd",sec@gold.example,edge-gw relay,gold\r\n'
                    "Blue,sec@blue.example,relay,\r\n")
        assert customer(node, "import", path, "--dry-run").json["added"] == 2
        assert names(node) == ["Silver"], "a dry run"
        assert customer(node, "import", path).json["added"] == 2
        assert names(node) == ["Blue", 'Gold, "the" Ltd', "Silver"]
        got = customer(node, "import", path).json
        assert (got["added"], got["changed"], got["same"]) == (0, 0, 2), got
        # JSON, what `list` printed; the same words about one of the configuration are no change.
        listed = [{k: v for k, v in c.items() if k in ("name", "mail", "products", "contract")}
                  for c in customer(node, "list").json["items"]]
        listed[0]["contract"] = "gold"
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"customers": listed}, f)
        got = customer(node, "import", path).json
        assert (got["added"], got["changed"], got["same"]) == (0, 1, 2), got
        # All or none, and which one it was.
        for text in ('[{"name":"New","mail":"n@n.example","products":["relay"]},{"name":"X","mail":"x","products":["relay"]}]',
                     "name,mail\nA\n", 'name,mail\n"A,b\n', "[]"):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            wrong = customer(node, "import", path, check=(1, 2, 9))
            assert "New" not in names(node), wrong
            if "New" in text:
                assert "/customers/1/mail" in json.dumps(wrong.error), wrong.error
        many = [{"name": "C%05d" % i, "mail": "c%d@many.example" % i, "products": ["relay"]} for i in range(5000)]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(many, f)
        assert customer(node, "import", path).json["added"] == 5000
        assert len(names(node)) == 5003
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


if __name__ == "__main__":
    t.need_binary()
    t.main()
