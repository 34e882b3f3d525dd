"""`tocsin cvss`: three outputs, arguments and standard input, bad lines among good ones, exit codes."""
import json
import subprocess

import tocsin_test as t

t.need_binary()

B31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
B40 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"
B20 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"


def feed(argv, data, code):
    """Bytes in; stdout and stderr as text."""
    p = subprocess.run([t.BINARY, "cvss"] + argv, input=data, capture_output=True, timeout=60,
                       check=False)
    assert p.returncode == code, p
    return p.stdout.decode(), p.stderr.decode()


def test_table():
    r = t.run_cli(["cvss", B31, B31 + "/E:U/MAV:L", B40 + "/E:U/MAV:P", B20 + "/E:X"])
    assert r.code == 3, r
    rows = [line.split() for line in r.out.splitlines()]
    assert rows[1] == ["3.1", "9.8", "-", "-", "9.8", "critical", B31], rows
    assert rows[2] == ["3.1", "9.8", "9.0", "7.7", "7.7", "high", B31 + "/E:U/MAV:L"], rows
    assert rows[3] == ["4.0", "10.0", "9.1", "8.6", "5.6", "medium", B40 + "/E:U/MAV:P"], rows
    assert len(rows) == 4 and "error K103" in r.err and "argument:4:30" in r.err, r


def test_exit_codes():
    assert t.run_cli(["cvss", B31], check=0).err == ""
    assert t.run_cli(["cvss", B31, "x"]).code == 3
    nothing = t.run_cli(["cvss", "x"])
    assert nothing.code == 1 and nothing.out == "", nothing
    assert feed([], b"", 0) == ("", "")
    assert t.run_cli(["cvss"] + [B31] * 64, check=0)
    assert t.run_cli(["cvss"] + [B31] * 4097).code == 2


def test_lines_go_on_after_a_bad_one():
    text = "\n".join(["# a comment", B31 + "/E:Q", "", B31 + "\r", B20, "A" * 5000, B40]) + "\n"
    for argv in (["--tsv"], ["--tsv", "-"]):
        out, err = feed(argv, text.encode(), 3)
        rows = [line.split("\t") for line in out.splitlines()]
        assert rows[0][:3] == ["line", "version", "vector"], rows
        assert all(len(r) == len(rows[0]) for r in rows), rows
        assert [(r[0], r[1], r[6], r[8], r[9]) for r in rows[1:]] == [
            ("2", "-", "-", "K103", "48"), ("4", "3.1", "9.8", "-", "-"),
            ("5", "2.0", "7.5", "-", "-"), ("6", "-", "-", "K101", "512"),
            ("7", "4.0", "10.0", "-", "-")], rows
        assert "standard input:2:48" in err and err.count("error ") == 2, err


def test_json():
    text = b"S:U/AV:N\n\xff\x00\x1b[31m\n" + ("CVSS:3.0/S:U/AV:N/AC:L/PR:N/UI:N/C:H/I:H/A:H/E:X\n"
                                                + B40 + "/E:P\n").encode()
    out, err = feed(["--json"], text, 3)
    lines = [json.loads(line) for line in out.splitlines()]
    assert err == "" and len(lines) == 4, (out, err)
    assert [v["ok"] for v in lines] == [False, False, True, True]
    assert lines[0]["code"] == "K104" and lines[0]["column"] == 1, lines[0]
    assert lines[1]["vector"] is None and lines[1]["line"] == 2, lines[1]
    third = lines[2]
    assert third["canonical"] == "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", third
    assert (third["base"], third["temporal"], third["overall"], third["severity"]) == (
        9.8, None, 9.8, "CRITICAL"), third
    assert lines[3]["name"] == "CVSS-BT" and lines[3]["threat"] is not None, lines[3]
    assert lines[3]["environmental"] is None and lines[3]["line"] == 4, lines[3]


def test_terminal_sequences_never_reach_the_terminal():
    _, err = feed([], b"\x1b]0;x\x07\n", 1)
    assert "\x1b" not in err and "\x07" not in err, err


if __name__ == "__main__":
    t.main()
