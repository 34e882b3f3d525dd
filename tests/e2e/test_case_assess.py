#!/usr/bin/env python3
"""What is judged of a flaw, on the real binary: commands cwe, cve, ssvc; the same on a case; what a
reporter says of it in the report."""
import subprocess
import sys

import tocsin_test as t

CONFIG = {"rules": [], "products": [{"id": "edge-gw", "name": "Edge Gateway"}]}
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def lines(argv, text):
    p = subprocess.run([t.BINARY] + argv, input=text.encode(), capture_output=True, timeout=60,
                       check=False)
    return p.returncode, p.stdout.decode().splitlines(), p.stderr.decode()


def test_cwe_command():
    page = t.run_cli(["cwe", "CWE-20"], check=0).out
    assert "Discouraged" in page and "Improper Input Validation" in page, page
    one = t.run_cli(["--json", "cwe", "CWE-22"], check=0).json
    assert one["usage"] == "Allowed-with-Review" and "4.9" in one["versions"], one
    assert [h["usage"] for h in one["history"]] == ["Allowed", "Allowed-with-Review"], one
    every = t.run_cli(["--json", "cwe"], check=0).json["items"]
    assert len(every) > 900 and all(e["status"] for e in every)
    code, out, err = lines(["cwe", "-"], "CWE-79\n# no\n\nCWE-99999\nnonsense\n")
    assert code == 3 and "W081" in err and "standard input:5" in err, (code, err)
    assert out == ["CWE-79\tStable\tAllowed\t4.9 to 4.20", "CWE-99999\t-\tunknown\t-", "-"], out
    assert t.run_cli(["cwe", "CWE-099"], check=1).err


def test_cve_command():
    out = t.run_cli(["cve", "CVE-2026-1042", "CVE-2026-1100", "--within", "CVE-2026-1000..1099"],
                    check=3).out
    assert out == "CVE-2026-1042\tinside\nCVE-2026-1100\toutside\n", out
    block = t.run_cli(["--json", "cve", "CVE-2026-9990..CVE-2026-10009"], check=0).json
    assert block["count"] == 20 and block["last"] == "CVE-2026-10009", block
    code, _, err = lines(["cve", "-"], "CVE-2026-00042\n")
    assert code == 1 and "W080" in err, err
    assert t.run_cli(["cve", "CVE-2026-1042", "--within", "2026"], check=2).err


def test_ssvc_command():
    given = ["exploitation=active", "utility=super-effective", "TI=total",
             "public_safety_impact=significant"]
    out = t.run_cli(["ssvc", "supplier"] + given, check=0).out
    assert out.startswith("immediate\n"), out
    made = t.run_cli(["--json", "ssvc", "supplier"] + given, check=0).json
    assert made["outcome"] == "immediate" and made["selections"][0]["key"] == "E", made
    open_ = t.run_cli(["--json", "ssvc", "deployer", "exploitation=none"], check=3).json
    assert open_["outcome"] is None and "human-impact" in open_["missing"], open_
    assert "W083" in t.run_cli(["ssvc", "cisa", "exploitation=maybe"], check=2).err
    assert "W082" in t.run_cli(["ssvc", "cisco", "exploitation=none"], check=2).err
    names = [i["table"] for i in t.run_cli(["--json", "ssvc"], check=0).json["items"]]
    assert {"supplier", "deployer", "coordinator", "cisa", "bod-26-04"} <= set(names), names


def test_reserved_ids_are_ours_and_one_flaws():
    node = t.make_dir({**CONFIG, "cases": {"cve_blocks": ["CVE-2026-1000..1009", "CVE-2026-2000"]}})
    with node:
        node.start()
        cases = [node.cli("report", "submit", "--kind", "weakness", "--title", "Flaw %d" % i, "--text", "x",
                          check=0).json["case"] for i in range(2)]

        def move(case, cve, to="reserved", check=0):
            return node.cli("case", "do", case, "track.move", "--set", "track=cve", "--set", "subject=" + cve,
                            "--set", "to=" + to, as_person="resp1", check=check)

        assert move(cases[0], "CVE-26-1", check=(1, 2)).error["code"] == "W080"
        for other in ("CVE-2026-0999", "CVE-2026-1010", "CVE-2025-1000", "CVE-2026-2001"):
            assert move(cases[0], other, check=(1, 2)).error["code"] == "W084", other
        for ours in ("CVE-2026-1000", "CVE-2026-1009", "CVE-2026-2000"):
            move(cases[0], ours)
        taken = move(cases[1], "CVE-2026-1000", check=5)
        assert taken.error["code"] == "W085" and cases[0] not in taken.out + taken.err, taken
        move(cases[0], "CVE-2026-1000", "rejected")
        assert move(cases[1], "CVE-2026-1000", check=5).error["code"] == "W085"
        move(cases[1], "CVE-2026-1001")
        node.config["cases"]["cve_blocks"] = ["CVE-2026-1..x"]
        node.write_config()
        wrong = node.cli("config", "check", check=(1, 2, 9))
        assert "W080" in wrong.err + wrong.out and "cve_blocks" in wrong.err + wrong.out, wrong


def test_on_a_case():
    with t.make_dir(CONFIG) as node:
        node.start()
        sent = node.cli("report", "submit", "--kind", "weakness", "--title", "Overflow", "--product",
                        "edge-gw", "--text", "details", "--cwe", "CWE-787", "--cvss", VECTOR,
                        "--affected", "1.0,1.1", check=0).json
        case = sent["case"]

        def do(operation, check=0, **args):
            flags = []
            for key, value in args.items():
                flags += ["--set", "%s=%s" % (key, value)]
            return node.cli("case", "do", case, operation, *flags, as_person="resp1", check=check)

        def facts():
            shown = node.cli("show", case, check=0).json["case"]
            return {**shown["facts"], "report": shown["report"]}

        # The reporter's own words and score, for reference; the case has no score of ours yet.
        said = facts()
        assert said["report"]["cwe"] == "CWE-787" and said["report"]["versions"] == ["1.0", "1.1"]
        assert said["scores"]["reporter"]["base"] == 9.8 and "cvss" not in said, said
        for wrong in ({"cwe": "787"}, {"cvss": "CVSS:3.1/AV:N"}, {"cves": ["CVE-26-1"]},
                      {"versions": "1.0"}):
            body = {"kind": "weakness", "title": "x", "text": "y", **wrong}
            r = node.http("POST", "/api/v1/reports", body)
            assert r.status == 422 and r.json["code"] in ("H013", "H015"), (wrong, r)
            assert r.json["pointer" if "pointer" in r.json else "detail"].startswith("/" + list(wrong)[0]), r
        # A weakness that CWE does not like to be mapped to is kept, with a warning.
        out = do("weakness.set", cwe="CWE-20").json
        assert "discourages" in out["warning"], out
        assert do("weakness.set", check=(1, 2), cwe="20").error["code"] == "W081"
        assert "warning" not in do("weakness.set", cwe="CWE-79").json
        assert do("score.set", check=(1, 2), vector="CVSS:3.1/AV:X").error["code"].startswith("K")
        low = VECTOR.replace("C:H", "C:N").replace("I:H", "I:N")
        do("score.set", vector=low, note="only availability")
        do("score.set", vector=VECTOR, by="upstream")
        made = do("ssvc.decide", table="supplier", note="exploit seen",
                  points='{"exploitation":"active","automatable":"yes","value_density":"concentrated",'
                         '"technical_impact":"total","safety_impact":"negligible"}').json
        assert made["outcome"] == "immediate", made
        part = do("ssvc.decide", table="cisa", points='{"exploitation":"none"}').json
        assert part["outcome"] is None and part["possible"], part
        now = facts()
        assert now["cwe"] == "CWE-79" and now["cvss"] == low, now
        assert {"reporter", "us", "upstream"} == set(now["scores"]), now["scores"]
        assert set(now["ssvc"]) == {"supplier"} and now["ssvc"]["supplier"]["outcome"] == "immediate"
        assert do("track.move", check=(1, 2), track="cve", subject="CVE-26-1",
                  to="reserved").error["code"] == "W080"
        story = node.cli("case", "timeline", case, "--all", json=False, check=0).out
        assert "CWE-20 → CWE-79" in story and "none → immediate" in story, story
        told = [e.get("reason") for e in node.cli("audit", "log", "kind:case.assessed", check=0).json["items"]]
        assert told.count("score") == 1 and told.count("score-for-reference") == 1, told
        node.stop()
        node.cli("audit", "verify", node.data, check=0)


if __name__ == "__main__":
    t.need_binary()
    sys.exit(t.main())
