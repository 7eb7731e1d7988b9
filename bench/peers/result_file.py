# SPDX-License-Identifier: Apache-2.0
"""The two files of a bench in bench/results/MACHINE/: NAME.json, which later runs read, and NAME.md made from it.
What processors of different kinds gave never stands in one table."""
import glob
import json
import os
import platform
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULTS = os.path.join(ROOT, "bench", "results")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def tier():
    """The one that attometer takes on this processor."""
    command = [os.path.join(ROOT, "build", "attometer"), "info", "--output-format", "json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["tier"]


def machine():
    """The folder's name: "amd-epyc-avx512_bf16"."""
    words = re.sub(r"\((r|tm)\)|\bprocessor\b|\bcpu\b|@.*", " ", processor().lower())
    return "-".join(re.findall("[a-z0-9]+", words) + [tier()])


def folder():
    path = os.path.join(RESULTS, machine())
    os.makedirs(path, exist_ok=True)
    return path


def results_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)["results"]


def read(name):
    """The results of earlier runs on this machine."""
    return results_of(os.path.join(RESULTS, machine(), f"{name}.json"))


def read_all(name):
    """Those of every machine that has some."""
    all_results = (results_of(path) for path in sorted(glob.glob(os.path.join(RESULTS, "*", f"{name}.json"))))
    return [results for results in all_results if results]


def replace(path, text):
    """A run that is cut leaves a file whole."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


def write(name, rows, results, text):
    """rows: what the results come to; text: of the table."""
    path = os.path.join(folder(), name)
    replace(path + ".json", json.dumps({"rows": rows, "results": results}, indent=1))
    replace(path + ".md", text)
