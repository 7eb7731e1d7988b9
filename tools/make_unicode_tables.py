#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/tokenizer/unicode_tables.c: the character classes that tokenizers are trained with.

They are asked of the PyPI package `tokenizers`, class by class, because its parts use Unicode
tables of several ages (regex classes 16 or later, punctuation 8.0, marks and normalization 9.0),
and identical ids need identical classes.   usage: make_unicode_tables.py OUTPUT.c
"""
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp "
              "Cc Cf Co").split()
LAST = 0x110000


def plane(begin, end):
    return [c for c in range(begin, end) if not 0xD800 <= c <= 0xDFFF]


CODES = plane(0, LAST)
TEXT = "".join(map(chr, CODES))


def runs(pre_tokenizer, is_member):
    """Ranges [first, last] of the pieces of all characters for which is_member(piece)."""
    found = []
    for piece, (begin, end) in pre_tokenizer.pre_tokenize_str(TEXT):
        if is_member(begin, end):
            found += [CODES[i] for i in range(begin, end)]
    return found


def members(expression):
    """Code points that match a regular expression, through an inverted removal of the others."""
    split = pre_tokenizers.Split(Regex(expression + "+"), "removed", invert=True)
    return runs(split, lambda begin, end: True)


def isolated(pre_tokenizer_of_one):
    """Code points that a splitting pre-tokenizer removes: those missing from its pieces."""
    kept = set(runs(pre_tokenizer_of_one, lambda begin, end: True))
    return [c for c in CODES if c not in kept]


def ranges(codes, kinds=None):
    """Runs of neighbours, of one kind each where kinds are given."""
    result = []
    for c in sorted(codes):
        if result and result[-1][1] == c - 1 and (not kinds or kinds[c] == kinds[c - 1]):
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def category_starts():
    table = ["Cn"] * LAST
    for name in CATEGORIES[1:]:
        for c in members(r"\p{%s}" % name):
            table[c] = name
    for c in range(0xD800, 0xE000):
        table[c] = "Cn"
    starts = []
    for c in range(LAST):
        if c == 0 or table[c] != table[c - 1]:
            starts.append(c << 8 | CATEGORIES.index(table[c]))
    return starts


def marks():
    return [c for c in CODES if normalizers.StripAccents().normalize_str(chr(c)) == ""]


def lowercase():
    """Characters whose lower case differs, as (character, lower case); two of them for U+0130."""
    result = []
    for c in CODES:
        low = normalizers.Lowercase().normalize_str(chr(c))
        if low != chr(c):
            result.append((c, low))
    assert [c for c, low in result if len(low) > 1] == [0x130]
    return [(c, ord(low)) for c, low in result if len(low) == 1]


def foreign_to_normalization():
    """Characters that have a decomposition, a combining class or a composition today, and had
    none in the tables of the reference: they stay as they are."""
    nfkd, nfc = normalizers.NFKD(), normalizers.NFC()
    found = []
    for c in CODES:
        s = chr(c)
        if unicodedata.normalize("NFKD", s) != nfkd.normalize_str(s):
            found.append(c)
        elif unicodedata.combining(s):
            low = "\u0334" + s if unicodedata.combining(s) == 1 else s + "\u0334"
            if unicodedata.combining(s) == 1:
                low = "\u0323" + s
            if unicodedata.normalize("NFD", low) != normalizers.NFD().normalize_str(low):
                found.append(c)
        elif unicodedata.normalize("NFC", unicodedata.normalize("NFD", s)) != nfc.normalize_str(
                unicodedata.normalize("NFD", s)):
            found.append(c)
    return found


def write_ranges(out, name, comment, codes, kinds=None):
    pairs = ranges(codes, kinds)
    out.write(f"\n// {comment}\nconst UnicodeRange {name}[] = {{\n")
    line = "   "
    for a, b in pairs:
        item = f" {{0x{a:X}, 0x{b:X}}},"
        if len(line) + len(item) > 98:
            out.write(line + "\n")
            line = "   "
        line += item
    out.write(line + f"\n}};\nconst size_t {name}_count = {len(pairs)};\n")


def main():
    with open(sys.argv[1], "w") as out:
        out.write("// SPDX-License-Identifier: Apache-2.0\n"
                  "// Made by tools/make_unicode_tables.py with tokenizers "
                  f"{tokenizers.__version__}; do not edit.\n"
                  '#include "tokenizer/unicode_tables.h"\n')
        starts = category_starts()
        out.write("\n// First character of each run << 8 | its category.\n"
                  "const uint32_t unicode_category_starts[] = {\n")
        for i in range(0, len(starts), 9):
            out.write("    " + ", ".join(f"0x{s:X}" for s in starts[i:i + 9]) + ",\n")
        out.write(f"}};\nconst size_t unicode_category_starts_count = {len(starts)};\n")
        write_ranges(out, "unicode_spaces", "White_Space",
                     isolated(pre_tokenizers.WhitespaceSplit()))
        write_ranges(out, "unicode_words", "Alphabetic, M, Nd, Pc, join controls",
                     words())
        write_ranges(out, "unicode_punctuation", "ASCII punctuation and category P of Unicode 8.0",
                     isolated(pre_tokenizers.Punctuation("removed")))
        write_ranges(out, "unicode_marks", "category M of Unicode 9.0", marks())
        write_ranges(out, "unicode_unnormalized",
                     "What normalization by the tables of Unicode 9.0 leaves alone",
                     foreign_to_normalization())
        old = [c for c in CODES if unicodedata.category(chr(c)) == "Cn"]
        assert unicodedata.unidata_version == "14.0.0", "Python 3.11 knows Unicode 14.0"
        known = {}
        for i, start in enumerate(starts):
            end = starts[i + 1] >> 8 if i + 1 < len(starts) else LAST
            known.update((c, start & 255) for c in range(start >> 8, end))
        write_ranges(out, "unicode_recent", "Assigned after Unicode 14.0, by category",
                     [c for c in old if known[c] != 0], known)
        pairs = lowercase()
        out.write("\n// Character and its lower case, in order.\n"
                  "const UnicodeRange unicode_lowercase[] = {\n")
        for i in range(0, len(pairs), 5):
            out.write("    " + ", ".join(f"{{0x{a:X}, 0x{b:X}}}" for a, b in pairs[i:i + 5]) +
                      ",\n")
        out.write(f"}};\nconst size_t unicode_lowercase_count = {len(pairs)};\n")


def words():
    """\\w of the Whitespace pre-tokenizer: pieces of a character between two letters stay one."""
    found = []
    split = pre_tokenizers.Whitespace()
    joined = "\n".join("a%sa" % chr(c) for c in CODES)
    starts = {i * 4 + (0) for i in range(len(CODES))}
    for _, (begin, end) in split.pre_tokenize_str(joined):
        if end - begin == 3 and begin in starts:
            found.append(CODES[begin // 4])
    return found


main()
