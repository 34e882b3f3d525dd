#!/usr/bin/env python3
"""Writes src/core/cwe_table.c anew: facts about the weaknesses of CWE in packed form.

usage: make_cwe.py CWE_DIR > src/core/cwe_table.c

CWE_DIR holds cwe_VERSION_DATE.csv (tab separated: id, status, name, ?, mapping usage). Kept are
identifiers, the versions that list each, status, mapping usage and a 32-bit hash of the name; so
the result answers "does this exist, may it be mapped to, is this its name", and holds no text of
CWE. Usage is stated since 4.12: older versions get that of the oldest version that says one.
"""
import glob
import os
import sys

STATUS = ["Deprecated", "Incomplete", "Draft", "Stable"]
USAGE = ["", "Allowed", "Allowed-with-Review", "Discouraged", "Prohibited"]


def fnv(text):
    h = 2166136261
    for byte in text.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def main():
    files = {os.path.basename(p).split("_")[1]: p for p in glob.glob(sys.argv[1] + "/cwe_*.csv")}
    versions = sorted(files, key=lambda v: [int(x) for x in v.split(".")])
    seen = {}
    for bit, version in enumerate(versions):
        for line in open(files[version], encoding="utf-8"):
            cells = line.rstrip("\n").split("\t")
            if cells[0].isdigit():
                usage = cells[4] if len(cells) > 4 else ""
                seen.setdefault(int(cells[0]), {})[bit] = (cells[1], usage, cells[2])
    out = {}
    for number, has in seen.items():
        first = next((u for _, (_, u, _) in sorted(has.items()) if u), "")
        for bit, (status, usage, name) in has.items():
            key = number, STATUS.index(status), USAGE.index(usage or first), fnv(name)
            out[key] = out.get(key, 0) | 1 << bit
    rows = sorted(out.items(), key=lambda r: (r[0][0], r[1] & -r[1]))
    print("/* cwe_table.c - facts about weaknesses, made by tests/unit/core/make_cwe.py.")
    print(" *")
    print(" * CWE %s to %s (MITRE): id, versions (bits), status and usage, FNV-1a of the name."
          % (versions[0], versions[-1]))
    print(" * Read-only; any thread. */")
    print('#include "core/cwe.h"')
    print()
    print("/* clang-format off */")
    print("const char *const tsn_cwe_versions[] = {")
    print("    " + ", ".join('"%s"' % v for v in versions) + ", NULL};")
    print("const struct tsn_cwe_row tsn_cwe_rows[] = {")
    for i in range(0, len(rows), 4):
        print("    " + ", ".join("{%d,0x%x,%d,%d,0x%xu}" % (k[0], bits, k[1], k[2], k[3])
                                 for k, bits in rows[i:i + 4]) + ",")
    print("};")
    print("const size_t tsn_cwe_nrows = sizeof tsn_cwe_rows / sizeof tsn_cwe_rows[0];")
    print("/* clang-format on */")


main()
