#!/usr/bin/env python3
"""Writes src/casework/ssvc_table.c anew: the decision tables of SSVC in packed form.

usage: make_ssvc.py SSVC_JSON_DIR > src/casework/ssvc_table.c

SSVC_JSON_DIR holds the decision tables (CERTCC/SSVC, JSON). Kept are names and keys of points and
values and the outcome of every row; the definitions in prose stay where they are.
"""
import glob
import itertools
import json
import sys

IDS = {"DT_SP": "supplier", "DT_DP": "deployer", "DT_COORD_TRIAGE": "coordinator",
       "DT_COORD_PUBLISH": "coordinator-publish", "DT_CO": "cisa", "DT_BOD2604": "bod-26-04",
       "DT_U": "utility", "DT_HI": "human-impact", "DT_PSI": "public-safety-impact",
       "DT_CVSS_QSR": "cvss4-severity", "DT_CVSS4_EQ1": "cvss4-eq1", "DT_CVSS4_EQ2": "cvss4-eq2",
       "DT_CVSS4_EQ3": "cvss4-eq3", "DT_CVSS4_EQ4": "cvss4-eq4", "DT_CVSS_EQ5": "cvss4-eq5",
       "DT_CVSS4_EQ6": "cvss4-eq6"}


def main():
    tables = [json.load(open(p)) for p in glob.glob(sys.argv[1] + "/**/*.json", recursive=True)]
    tables.sort(key=lambda t: list(IDS).index(t["key"]))
    points = {}
    for t in tables:
        points.update(t["decision_points"])
    ids = sorted(points)
    print("/* ssvc_table.c - decision tables of SSVC, made by tests/unit/casework/make_ssvc.py.")
    print(" *")
    print(" * Source: CERTCC/SSVC, July 2026 (Carnegie Mellon University). Keys, names and outcomes.")
    print(" * Read-only; any thread. */")
    print('#include "casework/ssvc.h"')
    print()
    print("/* clang-format off */")
    print("const struct tsn_ssvc_point tsn_ssvc_points[] = {")
    for i in ids:
        p = points[i]
        print('    {"%s", "%s", "%s", "%s", %d,\n     {%s}},' % (
            p["namespace"], p["key"], p["version"], p["name"], len(p["values"]),
            ", ".join('{"%s", "%s"}' % (v["key"], v["name"]) for v in p["values"])))
    print("};")
    print("const struct tsn_ssvc_table tsn_ssvc_tables[] = {")
    for t in tables:
        ins = [i for i in t["decision_points"] if i != t["outcome"]]
        keys = {i: [v["key"] for v in points[i]["values"]] for i in t["decision_points"]}
        rows = {tuple(m[i] for i in ins): m[t["outcome"]] for m in t["mapping"]}
        digits = "".join(str(keys[t["outcome"]].index(rows[c]))
                         for c in itertools.product(*(keys[i] for i in ins)))
        print('    {"%s", "%s", "%s", "%s", "%s", %d, {%s}, %d,' % (
            IDS[t["key"]], t["namespace"], t["key"], t["version"], t["name"], len(ins),
            ", ".join(str(ids.index(i)) for i in ins), ids.index(t["outcome"])))
        lines = ['     "%s"' % digits[i:i + 80] for i in range(0, len(digits), 80)]
        print("\n".join(lines) + "},")
    print("};")
    print("const size_t tsn_ssvc_ntables = sizeof tsn_ssvc_tables / sizeof tsn_ssvc_tables[0];")
    print("/* clang-format on */")


main()
