#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the house rules over src/ and prints the size budgets.

  includes   a room includes only rooms above it in architecture.md, with the narrower rules
  headers    every header compiles alone (with $CC, default cc)
  sizes      prints medians, 90th percentiles and maxima of files and functions; the hard caps fail
  licence    every source file starts with its SPDX line

Usage: tools/check_house.py [includes|headers|sizes|licence]...   (default: all). Exit code 1 when
a rule is broken. Standard library only.
"""
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.join(ROOT, "src")
ROOMS = ["base", "statistics", "device", "tensor", "formats", "kernels", "mods", "attention", "graph",
         "compile", "quantize", "model", "tokenizer", "generate", "bench", "hub", "report", "cli"]
# Rooms that see less than everything above them.
NARROWER = {
    "hub": {"base"},
    "mods": {"base", "device", "tensor"},
    "tokenizer": {"base", "formats"},
    "report": {"base", "statistics"},
}
# Budgets of CONTRIBUTING.md.
FILE_MEDIAN, FILE_SOFT, FILE_HARD = 250, 600, 1000
FUNCTION_MEDIAN, FUNCTION_P90, FUNCTION_HARD = 12, 40, 100
WIDTH = 100


def sources(*endings):
    for folder, _, names in sorted(os.walk(SOURCE)):
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(folder, name), SOURCE)


def lines_of(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def may_include(room, other):
    if room == other:
        return True
    if room in NARROWER:
        return other in NARROWER[room]
    return ROOMS.index(other) < ROOMS.index(room)


def check_includes():
    broken = []
    for path in sources(".c", ".h"):
        room = path.split(os.sep)[0]
        if room not in ROOMS:
            broken.append(f"src/{path}: room {room} is not in architecture.md")
            continue
        for number, line in enumerate(lines_of(path), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            place = f"src/{path}:{number}: "
            other = match[1].split("/")[0]
            if not os.path.isfile(os.path.join(SOURCE, match[1])):
                broken.append(place + f'"{match[1]}" is not a path from src/')
            elif other not in ROOMS or not may_include(room, other):
                broken.append(place + f"{room} may not include {other}")
            elif match[1].endswith(".c"):
                broken.append(place + "a .c file is included")
    return broken


def check_headers():
    compiler = os.environ.get("CC", "cc").split()
    broken = []
    for path in sources(".h"):
        tier = {"avx2": ["-march=x86-64-v3"], "avx512": ["-march=x86-64-v4"],
                "avx512_bf16": ["-march=x86-64-v4", "-mavx512bf16"]}
        flags = next((tier[part] for part in path.split(os.sep) if part in tier), [])
        program = f'#include "{path}"\n#include "{path}"\n'
        command = compiler + flags + ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                                      "-I", SOURCE, "-fsyntax-only", "-x", "c", "-"]
        done = subprocess.run(command, input=program, text=True, capture_output=True)
        if done.returncode:
            broken.append(f"src/{path} does not compile alone:\n{done.stderr.strip()}")
    return broken


def functions_of(path):
    """Lengths of functions, by the formatter's layout: a body opens and closes in column 0."""
    start, name = None, ""
    for number, line in enumerate(lines_of(path), 1):
        if start is None and line.endswith(") {"):
            start, name = number, line
        elif start is not None and line == "}":
            yield number - start + 1, name.strip("{ ")
            start = None


def exempt(path):
    return path.endswith("_tables.c") or "/gen/" in path


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def check_sizes():
    broken, files, functions = [], [], []
    for path in sources(".c", ".h"):
        lines = lines_of(path)
        wide = [n for n, line in enumerate(lines, 1) if len(line) > WIDTH]
        if wide and not exempt(path):
            broken.append(f"src/{path}:{wide[0]}: wider than {WIDTH} columns")
        if exempt(path):
            continue
        files.append((len(lines), path))
        if len(lines) > FILE_HARD:
            broken.append(f"src/{path}: {len(lines)} lines, at most {FILE_HARD}")
        if path.endswith(".c"):
            functions += [(length, f"{path}: {name}") for length, name in functions_of(path)]
    for length, name in functions:
        if length > FUNCTION_HARD:
            broken.append(f"src/{name}: {length} lines, at most {FUNCTION_HARD}")
    sizes, lengths = [f[0] for f in files], [f[0] for f in functions]
    print(f"files      {len(files):6}   lines {sum(sizes)}   median {statistics.median(sizes or [0]):.0f}"
          f" (budget {FILE_MEDIAN})   max {max(files)[0]} {max(files)[1]} (soft {FILE_SOFT})")
    print(f"functions  {len(functions):6}   median {statistics.median(lengths or [0]):.0f} (budget "
          f"{FUNCTION_MEDIAN})   p90 {quantile(lengths, 0.9)} (budget {FUNCTION_P90})   max "
          f"{max(functions, default=(0, ''))[0]} (cap {FUNCTION_HARD})")
    for size, path in sorted(files, reverse=True):
        if size > FILE_SOFT:
            print(f"over the soft cap: src/{path}, {size} lines")
    return broken


def check_licence():
    spdx = "SPDX-License-Identifier: Apache-2.0"
    broken = []
    for path in sources(".c", ".h"):
        if spdx not in lines_of(path)[0]:
            broken.append(f"src/{path}: the first line is not '// {spdx}'")
    return broken


CHECKS = {"includes": check_includes, "headers": check_headers, "sizes": check_sizes,
          "licence": check_licence}


def main():
    broken = [line for name in (sys.argv[1:] or CHECKS) for line in CHECKS[name]()]
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
