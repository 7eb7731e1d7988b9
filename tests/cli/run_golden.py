#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of golden files and compares what they print.

A golden file holds commands, each line of it beginning with "$ ", and below each what it prints:
standard output and standard error as they come, then "[N]" when the exit code is not 0. A line
that ends in " (glob)" may hold * and ?. Other lines before the first command are comments.

  run_golden.py [--refresh] PROGRAM FILE...

Commands run in this folder with PROGRAM as `attometer`, an empty HOME, and $TMP a fresh folder.
--refresh writes what was printed into the files (glob lines that still match stay).
"""
import fnmatch
import os
import subprocess
import sys
import tempfile

SHOWN = 4  # failures of a file


def read_cases(path):
    """The comment lines, and [command, expected lines] pairs."""
    head, cases = [], []
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if line.startswith("$ "):
                cases.append([line[2:], []])
            elif cases:
                cases[-1][1].append(line)
            else:
                head.append(line)
    for case in cases:
        while case[1] and case[1][-1] == "":
            case[1].pop()
    return head, cases


def run(command, environment, folder):
    result = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=60, check=False)
    text = result.stdout.decode("utf-8", "backslashreplace")
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n") + ["[no line end]"]
    lines = [] if text == "" else lines
    if result.returncode != 0:
        lines.append(f"[{result.returncode}]")
    return lines


def line_matches(expected, line):
    if expected.endswith(" (glob)"):
        pattern = expected[:-len(" (glob)")].replace("[", "[[]")
        return fnmatch.fnmatchcase(line, pattern)
    return expected == line


def same(expected, found):
    return len(expected) == len(found) and all(map(line_matches, expected, found))


def check_file(path, program, refresh):
    head, cases = read_cases(path)
    folder = os.path.dirname(os.path.abspath(__file__))
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        environment = {"PATH": os.path.dirname(os.path.abspath(program)) + ":/usr/bin:/bin",
                       "HOME": temporary, "TMP": temporary, "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        for case in cases:
            found = run(case[0], environment, folder)
            if same(case[1], found):
                continue
            failures += 1
            if not refresh and failures <= SHOWN:
                print(f"{path}: $ {case[0]}")
                print("".join(f"  expected: {line}\n" for line in case[1]), end="")
                print("".join(f"  found:    {line}\n" for line in found), end="")
            case[1] = found
    if failures > SHOWN and not refresh:
        print(f"{path}: and {failures - SHOWN} more of {len(cases)}")
    if refresh and failures:
        with open(path, "w", encoding="utf-8") as file:
            for command, lines in cases:
                head += ["$ " + command] + lines
            file.write("\n".join(head) + "\n")
        print(f"wrote {path}")
    return bool(cases) and (refresh or failures == 0)


def main(words):
    refresh = words[:1] == ["--refresh"]
    program, *files = words[1:] if refresh else words
    if not os.access(program, os.X_OK):
        print(f"{program} is no program")
        return 1
    results = [check_file(path, program, refresh) for path in files]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
