#!/usr/bin/env python3
"""Writes src/advisory/csaf_tables.c anew: facts of two registries in packed form.

usage: make_tables.py CWE_DIR SUBTAG_DIR > src/advisory/csaf_tables.c

CWE_DIR holds cwe_*.csv (tab separated: id, status, name ...); SUBTAG_DIR the JSON files of the npm
package language-subtag-registry (CC0 copy of the IANA registry). Only identifiers and a 32-bit
hash of each name are kept, so the result answers "does this exist, and is this its name".
"""
import glob
import json
import os
import sys


def fnv(text):
    h = 2166136261
    for byte in text.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def rows(items, per, fmt):
    for i in range(0, len(items), per):
        print("    " + ", ".join(fmt(x) for x in items[i:i + per]) + ",")


def cwe(folder):
    """Versions in order, and sorted (id, hash of the name, bit for each version that has it)."""
    files = {os.path.basename(p).split("_")[1]: p for p in glob.glob(folder + "/cwe_*.csv")}
    versions = sorted(files, key=lambda v: [int(x) for x in v.split(".")])
    pairs = {}
    for bit, version in enumerate(versions):
        for line in open(files[version], encoding="utf-8"):
            cells = line.rstrip("\n").split("\t")
            if cells[0].isdigit():
                key = int(cells[0]), fnv(cells[2])
                pairs[key] = pairs.get(key, 0) | 1 << bit
    return versions, sorted((i, h, bits) for (i, h), bits in pairs.items())


def main():
    versions, pairs = cwe(sys.argv[1])

    def load(name):
        return sorted(json.load(open(f"{sys.argv[2]}/{name}.json")))

    langs, scripts, regions = load("language"), load("script"), load("region")
    bits = bytearray((27 * 26 * 26 + 7) // 8)

    def mark(code):
        a, b = ord(code[0]) - 97, ord(code[1]) - 97
        c = ord(code[2]) - 96 if len(code) == 3 else 0
        i = (a * 26 + b) * 27 + c
        bits[i >> 3] |= 1 << (i & 7)

    for code in langs:
        if ".." in code:  # qaa..qtz: private use
            for b in "abcdefghijklmnopqrst":
                for c in "abcdefghijklmnopqrstuvwxyz":
                    mark("q" + b + c)
        elif len(code) in (2, 3):
            mark(code)

    print("/* csaf_tables.c - facts of two registries, made by tests/unit/advisory/make_tables.py.")
    print(" *")
    print(" * CWE 4.9 to 4.20: id, the versions (bits) and FNV-1a hash of each name it has had. IANA language subtags: which")
    print(" * codes exist. Read-only; any thread. */")
    print('#include "advisory/csaf_tables.h"')
    print()
    print("/* clang-format off */")
    print("const char *const tsn_cwe_versions[] = {" +
          ", ".join('"%s"' % v for v in versions) + ", NULL};")
    print("const struct tsn_cwe_row tsn_cwe_rows[] = {")
    rows(pairs, 4, lambda p: "{%d,0x%x,0x%xu}" % (p[0], p[2], p[1]))
    print("};")
    print("const size_t tsn_cwe_nrows = sizeof tsn_cwe_rows / sizeof tsn_cwe_rows[0];")
    print()
    print("/* Bit (first * 26 + second) * 27 + third, letters from 0, third 0 = two letters. */")
    print("const uint8_t tsn_lang_bits[] = {")
    rows(list(bits), 24, lambda b: "%d" % b)
    print("};")
    print()

    def packed(name, codes):
        print("const char %s[] =" % name)
        text = [" ".join(codes[i:i + 17]) + " " for i in range(0, len(codes), 17)]
        print("\n".join('    "%s"' % t for t in text) + ";")

    packed("tsn_lang_scripts", [s for s in scripts if ".." not in s])
    packed("tsn_lang_regions", [r for r in regions if ".." not in r])
    print("/* clang-format on */")


main()
