# SPDX-License-Identifier: Apache-2.0
"""The matrix-matrix products of the presets' shapes at 512 rows, by the best tier of this processor and,
where it is installed, by OpenBLAS. Writes bench/results/MACHINE/kernels.json and kernels.md.

  kernels.py [--rounds N] [--seconds X]
"""
import argparse
import json
import os
import statistics
import subprocess
import time

from engines import ROOT
import result_file
from generation import output_of
from tables import markdown

PRESETS = ("smollm2-135m", "llama-3.2-1b", "qwen3-0.6b", "gpt2")
ROWS = 512


def measure(preset, seconds):
    command = [os.path.join(ROOT, "build", "attometer"), "bench-kernels", "linear", "--shape", preset,
               "--rows", str(ROWS), "--seconds", str(seconds), "--output-format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def collect(rounds, seconds):
    """(preset, dtype, n, k, tier) -> the rows of all rounds."""
    found = {}
    for _ in range(rounds):
        for preset in PRESETS:
            for row in measure(preset, seconds)["results"]:
                place = (preset, row["dtype"], row["n"], row["k"], row["tier"])
                found.setdefault(place, []).append(row)
    return found


def best_tiers(found):
    """Of the tiers of one product the last, which is the best, and OpenBLAS."""
    tiers = {}
    for *product, tier in found:
        if tier != "openblas":
            tiers[tuple(product)] = tier
    return {place: rows for place, rows in found.items()
            if place[-1] in ("openblas", tiers[place[:-1]])}


def table(found, facts):
    rows = []
    for (preset, dtype, n, k, tier), samples in sorted(found.items()):
        shares = sorted(sample["share"] for sample in samples)
        rows.append([preset, dtype, f"{n} x {k}", tier,
                     f"{statistics.median(s['gflop_per_s'] for s in samples):.0f}",
                     f"{100 * statistics.median(shares):.0f} % of {samples[0]['share_of']}",
                     f"{100 * shares[0]:.0f}-{100 * shares[-1]:.0f} %"])
    heads = ["shape", "dtype", "N x K", "by", "GFLOP/s", "share", "range"]
    return "\n".join([f"Measured {facts['date']} on {facts['processor']}, {facts['rounds']} rounds, medians "
                      f"(commit {facts['commit'][:10]}); {ROWS} rows. Ceilings are measured in each run: "
                      "FMA, and dot, the product of bfloat16 pairs.", ""] + markdown(heads, rows)) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "rounds": options.rounds,
             "commit": output_of("git", "-C", ROOT, "rev-parse", "HEAD")}
    found = best_tiers(collect(options.rounds, options.seconds))
    results = [{"shape": place[0], **row} for place, rows in found.items() for row in rows]
    text = table(found, facts)
    path = os.path.join(result_file.folder(), "kernels")
    result_file.replace(path + ".json", json.dumps({**facts, "results": results}, indent=1))
    result_file.replace(path + ".md", text)
    print(text)


if __name__ == "__main__":
    main()
