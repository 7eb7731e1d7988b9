#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often `attometer ab` is wrong: real comparisons of a scenario with itself, and of one with a known difference.

Usage: bench/ab_rates.py [PROGRAM [COMPARISONS]]

Writes bench/results/MACHINE/ab_rates.json and .md. A verdict of a comparison with itself is a false alarm; at most 5 % of them
may raise one. Runs for a few minutes; nothing else should run beside it, but noise may make it slower only, not wrong.
"""
import json
import math
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench", "peers"))
import result_file  # noqa: E402 (after its folder is known)

METRICS = ["inter_token_latency", "time_to_first_token", "throughput", "e2e_latency"]
SCENARIO = ["--model-id", "preset:tiny", "-n", "16", "--attn-implementation", "sdpa", "--rounds-max", "60"]
# name, A, B, least effect, share of COMPARISONS, verdict of time_to_first_token that is right
GROUPS = [
    ("A against itself", "-s 64", "-s 64", "0%", 1.0, "cannot tell"),
    ("A against itself", "-s 64", "-s 64", "1%", 0.5, "cannot tell"),
    ("a prompt of 96 tokens for one of 64", "-s 64", "-s 96", "1%", 0.2, "worse"),
]


def compare(program, a, b, effect, seed, folder):
    done = subprocess.run([program, "ab", a, b, *SCENARIO, "--minimum-effect", effect, "--seed", str(seed), "--output-dir",
                           folder, "--output-format", "json", "--log-level", "ERROR"], capture_output=True, text=True,
                          timeout=600)
    if done.returncode not in (0, 1, 10):
        sys.exit(f"attometer ab ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def summary(found):
    return {"seed": found["design"]["seed"], "rounds": found["rounds"], "seconds": found["seconds"], "end": found["end"],
            "verdict": found["verdict"],
            "metrics": {tag: {key: found["metrics"][tag][key] for key in ("verdict", "negligible", "ratio", "interval",
                                                                          "p", "level", "pairs")}
                        for tag in METRICS}}


def bound(alarms, count):
    """Upper end of the 95 % Clopper-Pearson interval, by bisection."""
    def at_most(share):
        return sum(math.comb(count, i) * share ** i * (1 - share) ** (count - i) for i in range(alarms + 1))
    low, high = alarms / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 0.025 else (low, middle)
    return high


def rate_group(program, name, a, b, effect, count, right, folder):
    runs = [summary(compare(program, a, b, effect, seed, folder)) for seed in range(1, count + 1)]
    spoke = [run for run in runs if any(metric["verdict"] != "cannot tell" for metric in run["metrics"].values())]
    ratios = sorted(abs(math.log(run["metrics"]["time_to_first_token"]["ratio"])) for run in runs)
    return {"name": name, "a": a, "b": b, "minimum_effect": effect, "comparisons": count, "with_a_verdict": len(spoke),
            "right_ttft": sum(run["metrics"]["time_to_first_token"]["verdict"] == right for run in runs),
            "upper_95": bound(len(spoke), count) if len(spoke) < count else 1.0,
            "by_metric": {tag: sum(run["metrics"][tag]["verdict"] != "cannot tell" for run in runs) for tag in METRICS},
            "median_rounds": sorted(run["rounds"] for run in runs)[count // 2],
            "median_ttft_ratio_off": math.expm1(ratios[count // 2]), "seconds": sum(run["seconds"] for run in runs),
            "runs": runs}


def write_json(document):
    """A line for each comparison."""
    head = {key: value for key, value in document.items() if key != "groups"}
    with open(os.path.join(result_file.folder(), "ab_rates.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "groups": [')
        for index, group in enumerate(document["groups"]):
            facts = {key: value for key, value in group.items() if key != "runs"}
            runs = ",\n".join(json.dumps(run) for run in group["runs"])
            file.write((",\n" if index else "\n") + json.dumps(facts)[:-1] + ', "runs": [\n' + runs + "]}")
        file.write("]}\n")


def write(document):
    write_json(document)
    lines = ["# How often `attometer ab` is wrong", "",
             f"Made by `bench/ab_rates.py` at {document['timestamp']}, {document['seconds']:.0f} s, on {document['machine']}:",
             f"`preset:tiny`, {' '.join(SCENARIO[2:])}, defaults else.", "",
             "| comparison | comparisons | with any verdict | 95 % bound of that rate | median rounds |",
             "|---|---|---|---|---|"]
    for group in document["groups"]:
        same = group["a"] == group["b"]
        limit = f"at most {100 * group['upper_95']:.1f} %" if same else "-"
        lines.append(f"| {group['name']} (least effect {group['minimum_effect']}) | {group['comparisons']} | "
                     f"{group['with_a_verdict']} | {limit} | {group['median_rounds']} |")
    lines += ["", "A scenario against itself may have any verdict in at most 5 % of comparisons. A longer prompt must show: "
              f"its time to first token was found worse in {document['groups'][-1]['right_ttft']} of "
              f"{document['groups'][-1]['comparisons']}, a ratio off by "
              f"{100 * document['groups'][-1]['median_ttft_ratio_off']:.0f} % in the median. The ratio of a scenario to itself "
              f"was off by {100 * document['groups'][0]['median_ttft_ratio_off']:.1f} % in the median.", ""]
    with open(os.path.join(result_file.folder(), "ab_rates.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def main():
    program = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "attometer")
    comparisons = int(sys.argv[2]) if len(sys.argv) > 2 else 120
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        groups = [rate_group(program, name, a, b, effect, max(1, round(share * comparisons)), right, folder)
                  for name, a, b, effect, share, right in GROUPS]
    document = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": f"{result_file.processor()}, {len(os.sched_getaffinity(0))} cores",
                "seconds": time.monotonic() - start, "groups": groups}
    write(document)
    for group in groups:
        print(f"{group['name']}: {group['with_a_verdict']} of {group['comparisons']} with a verdict")
    itself = groups[0]
    if itself["with_a_verdict"] > 0.05 * itself["comparisons"] + 3 * math.sqrt(0.05 * 0.95 * itself["comparisons"]):
        sys.exit("more false alarms than promised")


if __name__ == "__main__":
    main()
