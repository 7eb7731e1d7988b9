# SPDX-License-Identifier: Apache-2.0
"""Prefill and decode beside llama.cpp and transformers: same shapes, random weights, dtypes and
threads, engines in turn, several rounds, with the ceilings that attometer measures in each of its
own runs. Writes bench/results/generation.json and generation.md; shapes and dtypes that are not measured
this time keep the rows they have there, with their own date.

  generation.py [--rounds N] [--shapes smollm2-135m llama-3.2-1b] [--threads N]
"""
import argparse
import glob
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from shapes import SHAPES, gguf_file, weights

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOME = os.environ.get("ATTOMETER_PEERS", os.path.expanduser("~/.cache/attometer/peers"))
BYTES = {"bfloat16": 2, "float32": 4}
PREFILL, DECODE = 512, 64


class Attometer:
    """The prompt of a decode row is short, as in llama-bench's tg; prefill rows make two tokens."""
    def __init__(self, shape, dtype, attention, threads):
        self.name = f"attometer {attention}"
        self.command = [os.path.join(ROOT, "build", "attometer"), "run", "--model-id",
                        f"preset:{shape}", "--dtype", dtype, "--attn-implementation", attention,
                        "--threads", str(threads), "--warmup", "1", "--iterations", "3"]

    def scenario(self, prompt, tokens):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(self.command + ["-b", "1", "-s", str(prompt), "-n", str(tokens),
                                           "--output-dir", folder], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            path = glob.glob(os.path.join(folder, "*", "*.json"))[0]
            with open(path, encoding="utf-8") as file:
                (entry,) = json.load(file).values()
        facts = entry["attometer"]
        if facts["correctness"]["verdict"] != "valid":
            sys.exit(f"{self.name}: the verdict is {facts['correctness']['verdict']}")
        return entry["measurements"], facts["roofline"]

    def measure(self):
        prefill, roofline = self.scenario(PREFILL, 2)
        decode, decode_roofline = self.scenario(8, DECODE)
        return {"prefill": PREFILL / min(prefill["time_to_first_token"]),
                "decode": 1 / min(decode["inter_token_latency"]),
                "fma_gflop_per_s": roofline["fma_gflop_per_s"],
                "read_gb_per_s": decode_roofline["read_gb_per_s"]}


class LlamaBench:
    def __init__(self, shape, dtype, threads):
        self.name = "llama.cpp"
        self.command = [os.path.join(HOME, "llama-build", "bin", "llama-bench"), "-m",
                        gguf_file(HOME, shape, dtype), "-t", str(threads), "-p", str(PREFILL),
                        "-n", str(DECODE), "-r", "3", "-o", "json"]

    def measure(self):
        done = subprocess.run(self.command, check=True, capture_output=True, text=True)
        best = {}
        for row in json.loads(done.stdout):
            best["decode" if row["n_gen"] else "prefill"] = max(row["samples_ts"])
        return best


class Transformers:
    def __init__(self, shape, dtype, attention, threads):
        self.name = f"transformers {attention}"
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "transformers_worker.py"), shape, dtype, attention,
             str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, cwd=HERE)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: the worker ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, prompt, tokens):
        self.process.stdin.write(json.dumps({"prompt": prompt, "tokens": tokens}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self):
        prefill = min(self.ask(PREFILL, 1)["prefill_s"] for _ in range(3))
        decode = min(self.ask(8, DECODE // 2)["decode_s"] for _ in range(3))
        return {"prefill": PREFILL / prefill, "decode": 1 / decode}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def engines_for(shape, dtype, threads):
    engines = [Attometer(shape, dtype, "sdpa", threads), Attometer(shape, dtype, "eager", threads),
               LlamaBench(shape, dtype, threads)]
    if dtype == "float32":  # the peer's bfloat16 is slower than its float32 on most processors
        engines += [Transformers(shape, dtype, name, threads) for name in ("eager", "sdpa")]
    return engines


def compare(shape, dtype, threads, rounds, facts):
    engines = engines_for(shape, dtype, threads)
    samples = {engine.name: [] for engine in engines}
    for number in range(rounds):
        for engine in engines[number % len(engines):] + engines[:number % len(engines)]:
            samples[engine.name].append(engine.measure())
            print(f"{shape} {dtype} round {number + 1}/{rounds} {engine.name}: "
                  f"{samples[engine.name][-1]}", flush=True)
    for engine in engines:
        if isinstance(engine, Transformers):
            engine.close()
    return {"shape": shape, "dtype": dtype, "threads": threads, **facts, "samples": samples}


def rows_of(result):
    ours = [row for rows in result["samples"].values() for row in rows if "read_gb_per_s" in row]
    read = statistics.median(row["read_gb_per_s"] for row in ours)
    fma = statistics.median(row["fma_gflop_per_s"] for row in ours)
    count = weights(result["shape"])
    best = {what: max(statistics.median(row[what] for row in rows)
                      for name, rows in result["samples"].items() if name.startswith("attometer"))
            for what in ("prefill", "decode")}
    for name, rows in result["samples"].items():
        row = {"shape": result["shape"], "dtype": result["dtype"], "engine": name}
        for what in ("prefill", "decode"):
            values = sorted(r[what] for r in rows)
            row[what] = statistics.median(values)
            row[what + "_range"] = [values[0], values[-1]]
            row["ours_over_" + what] = best[what] / row[what]
        row["prefill_share"] = 2 * count * row["prefill"] / (fma * 1e9)
        row["decode_share"] = count * BYTES[result["dtype"]] * row["decode"] / (read * 1e9)
        yield row


def heading(results):
    """What was measured when, where and how, a line for each distinct set of circumstances."""
    lines = {f"Measured {r['date']} on {r['processor']}, {r['threads']} threads, {r['rounds']} rounds "
             f"(`{r['command']}`, commit {r['versions']['commit'][:10]}).": None for r in results}
    return list(lines)


def table(results):
    lines = heading(results) + [
        "Engines in turn; medians over the rounds of each round's best of three, tokens per second.",
        "Prefill of 512 tokens; decode of 64 tokens after a short prompt. Shares are of the FMA peak and",
        "the read bandwidth measured in the same runs.", "",
        "| shape | dtype | engine | prefill (range) | of FMA | ours / it | decode (range) | of read "
        "| ours / it |", "|---|---|---|---|---|---|---|---|---|"]
    for result in results:
        for row in rows_of(result):
            cells = [row["shape"], row["dtype"], row["engine"]]
            for what in ("prefill", "decode"):
                low, high = row[what + "_range"]
                cells += [f"{row[what]:.1f} ({low:.1f}-{high:.1f})", f"{row[what + '_share']:.0%}",
                          f"{row['ours_over_' + what]:.2f}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def merged(path, results):
    """The results of earlier runs with these in place of their own shape and dtype."""
    earlier = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            earlier = json.load(file)["results"]
    measured = {(r["shape"], r["dtype"]) for r in results}
    both = [r for r in earlier if (r["shape"], r["dtype"]) not in measured] + results
    return sorted(both, key=lambda r: (list(SHAPES).index(r["shape"]), r["dtype"]))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def versions():
    import torch
    import transformers
    ours = subprocess.run([os.path.join(ROOT, "build", "attometer"), "--version"],
                          capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True,
                            check=True).stdout.strip()
    return {"attometer": ours, "commit": commit, "torch": torch.__version__,
            "transformers": transformers.__version__, "llama_cpp_python": "0.3.36"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--dtypes", nargs="+", default=list(BYTES), choices=list(BYTES))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": processor(),
             "rounds": options.rounds, "versions": versions(),
             "command": " ".join(["bench/peers/generation.py"] + sys.argv[1:])}
    folder = os.path.join(ROOT, "bench", "results")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "generation.json")
    for shape in options.shapes:
        for dtype in options.dtypes:
            results = merged(path, [compare(shape, dtype, options.threads, options.rounds, facts)])
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"rows": [row for result in results for row in rows_of(result)],
                           "results": results}, file, indent=1)
            with open(os.path.join(folder, "generation.md"), "w", encoding="utf-8") as file:
                file.write(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
