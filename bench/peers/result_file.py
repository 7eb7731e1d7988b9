# SPDX-License-Identifier: Apache-2.0
"""The two files of a bench in bench/results/: NAME.json, which later runs read, and NAME.md made from it."""
import json
import os

RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results")


def read(name):
    """The results of earlier runs."""
    path = os.path.join(RESULTS, f"{name}.json")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)["results"]


def write(name, rows, results, text):
    """rows: what the results come to; text: of the table. A run that is cut leaves a file whole."""
    os.makedirs(RESULTS, exist_ok=True)
    path = os.path.join(RESULTS, f"{name}.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump({"rows": rows, "results": results}, file, indent=1)
    os.replace(path + ".part", path)
    with open(os.path.join(RESULTS, f"{name}.md"), "w", encoding="utf-8") as file:
        file.write(text)
