#!/usr/bin/env python3
"""Writes src/advisory/csaf_tables.c anew: facts of a registry in packed form.

usage: make_tables.py SUBTAG_DIR > src/advisory/csaf_tables.c

SUBTAG_DIR holds the JSON files of the npm package language-subtag-registry (CC0 copy of the IANA
registry). Only identifiers are kept, so the result answers "does this exist".
"""
import json
import sys


def rows(items, per, fmt):
    for i in range(0, len(items), per):
        print("    " + ", ".join(fmt(x) for x in items[i:i + per]) + ",")


def main():
    def load(name):
        return sorted(json.load(open(f"{sys.argv[1]}/{name}.json")))

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

    print("/* csaf_tables.c - facts of a registry, made by tests/unit/advisory/make_tables.py.")
    print(" *")
    print(" * IANA language subtags: which codes exist. Read-only; any thread. */")
    print('#include "advisory/csaf_tables.h"')
    print()
    print("/* clang-format off */")
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
