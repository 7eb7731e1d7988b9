# SPDX-License-Identifier: Apache-2.0
"""Attention by itself beside PyTorch's on the CPU: scaled_dot_product_attention (forward, backward,
decode) and compiled flex_attention (forward), float32, in turn, several rounds, with the multiply-add
peak and the read bandwidth that attometer measures beside each of its own cells; and ours in bfloat16.
Writes bench/results/MACHINE/attention.json and attention.md; cells that are not measured this time keep the rows
they have there, with their own date.

  attention.py [--rounds N] [--lengths N...] [--dims N...] [--parts prefill bfloat16 decode]
"""
import argparse
import glob
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import result_file
from engines import ROOT
from generation import output_of
from tables import markdown

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = {"forward": "scaled_dot_product_attention", "backward": "its backward", "flex": "compiled flex_attention",
        "decode": "scaled_dot_product_attention"}


class PyTorch:
    def __init__(self, threads):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "attention_worker.py"), str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, cwd=HERE)
        self.version = self.answer()["torch"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"PyTorch: the worker ended with {self.process.wait()}")
        return json.loads(line)

    def measure(self, cell, what, seconds):
        """The median of one round, in seconds."""
        ask = {"what": what, "shape": cell["shape"], "causal": cell["causal"], "seconds": seconds}
        self.process.stdin.write(json.dumps(ask) + "\n")
        self.process.stdin.flush()
        return statistics.median(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def attometer(cell, threads, seconds):
    """One round of ours: {what: seconds} and the ceilings measured with them."""
    _, heads, kv, m, n, d = cell["shape"]
    command = [os.path.join(ROOT, "build", "attometer"), "attention", "--dtype", cell["dtype"], "-b", "1",
               "-nh", f"{heads},{kv}", "-s", str(n), "-d", str(d), "--mods", "causal" if cell["causal"] else "noop",
               "--threads", str(threads), "--no-cold", "--measure-time", str(seconds), "--output-format", "json"]
    command += ["--decoding", "--backend", "fakv"] if m == 1 else ["--calculate-bwd", "--backend", "fav2"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command + ["--output-dir", folder], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        with open(glob.glob(os.path.join(folder, "attention", "*.json"))[0], encoding="utf-8") as file:
            (entry,) = [value for key, value in json.load(file).items() if key != "sweep"]
    return times_of(cell, entry), entry["ceilings"]


def times_of(cell, entry):
    rows = {row["name"]: row for row in entry["backends"]}
    for row in rows.values():
        if row["status"] != "measured" or row["correctness"]["verdict"] != "valid":
            sys.exit(f"{cell['name']}: {row['name']} is {row['status']}, {row['reason']}")
    median = lambda name, part: rows[name][part]["warm"]["med_ns"] * 1e-9
    if cell["shape"][3] == 1:
        return {"decode": median("fakv", "forward")}
    return {"forward": median("fav2", "forward"), "backward": median("fav2", "backward"),
            "flex": median("flex", "forward")}


def cell_of(shape, causal, dtype, peers):
    b, heads, kv, m, n, d = shape
    kind = "decode" if m == 1 else "causal" if causal else "full"
    return {"name": f"{kind} {dtype} Hq {heads} Hkv {kv} D {d} N {n}", "shape": list(shape), "causal": causal,
            "dtype": dtype, "peers": peers}


def cells_of(options):
    grid = [(n, d, causal) for d in options.dims for n in options.lengths for causal in (True, False)]
    if "prefill" in options.parts:
        for n, d, causal in grid:
            yield cell_of((1, 8, 8, n, n, d), causal, "float32", ["forward", "backward", "flex"])
    if "bfloat16" in options.parts:
        for n, d, causal in grid:
            yield cell_of((1, 8, 8, n, n, d), causal, "bfloat16", [])
    if "decode" in options.parts:
        for n in (4096, 16384):
            yield cell_of((1, 32, 8, 1, n, 128), False, "float32", ["decode"])


def measure(cell, peer, options):
    rounds = {"ours": [], "peer": [], "ceilings": []}
    for number in range(options.rounds):
        for who in ("ours", "peer") if number % 2 else ("peer", "ours"):
            if who == "ours":
                times, ceilings = attometer(cell, options.threads, options.seconds)
                rounds["ours"].append(times)
                rounds["ceilings"].append(ceilings)
            else:
                rounds["peer"].append({what: peer.measure(cell, what, options.seconds) for what in cell["peers"]})
        print(f"{cell['name']} round {number + 1}/{options.rounds}: ours "
              f"{rounds['ours'][-1]}, PyTorch {rounds['peer'][-1]}", flush=True)
    return rounds


def work(cell, what):
    """FLOP; of a decode, bytes of the cache."""
    b, heads, kv, m, n, d = cell["shape"]
    if what == "decode":
        return 2 * b * kv * n * d * 4
    return 4 * b * heads * m * n * d * (0.5 if cell["causal"] else 1) * (2.5 if what == "backward" else 1)


def ceiling(cell, what, rounds):
    """Of the cell's own runs; a cache that fits the last-level cache is served from there."""
    best = lambda key: max(c[key] for c in rounds["ceilings"])
    if what != "decode":
        return best("fma_gflop_per_s") * 1e9
    return max(best("read_gb_per_s"), best("warm_read_gb_per_s")) * 1e9


def rows_of(result):
    rounds = result["rounds"]
    for what in rounds["ours"][0]:
        row = {"cell": result["name"], "what": what}
        for who in ("ours", "peer"):
            values = sorted(r[what] for r in rounds[who] if what in r)
            if not values:
                continue
            row[who] = statistics.median(values)
            row[who + "_range"] = [values[0], values[-1]]
            row[who + "_share"] = work(result, what) / row[who] / ceiling(result, what, rounds)
        if "peer" in row:
            row["ratio"] = row["peer"] / row["ours"]
        yield row


def mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def summary(results):
    rows = [row for result in results for row in rows_of(result)]
    for what in PEER:
        ratios = [row["ratio"] for row in rows if row["what"] == what and "ratio" in row]
        if ratios:
            yield (f"- {what}: {mean(ratios):.2f} x {PEER[what]}, geometric mean of {len(ratios)} cells "
                   f"({min(ratios):.2f} to {max(ratios):.2f})")
    pairs = {}
    for result in results:
        for row in rows_of(result):
            if row["what"] != "decode":
                key = (tuple(result["shape"]), result["causal"], row["what"])
                pairs.setdefault(key, {})[result["dtype"]] = row["ours"]
    ratios = [p["bfloat16"] / p["float32"] for p in pairs.values() if len(p) == 2]
    if ratios:
        yield (f"- bfloat16 takes {mean(ratios):.2f} x the time of float32, geometric mean of {len(ratios)} "
               f"({min(ratios):.2f} to {max(ratios):.2f})")


def table(results):
    lines = list({f"Measured {r['date']} on {r['processor']}, {r['threads']} threads, {len(r['rounds']['ours'])} "
                  f"rounds, PyTorch {r['torch']} (`{r['command']}`, commit {r['commit'][:10]}).": None
                  for r in results})
    lines += ["In turn with PyTorch; medians over the rounds of each round's median, milliseconds. Ours are",
              "`fav2`, `flex` (compiled) and `fakv`. Shares are of the FMA peak measured in the same runs",
              "(4 B H M N D, half for causal, 2.5 x for backward), for decode of the bandwidth of reading as many",
              "bytes again and again.", ""]
    rows = [row for result in results for row in rows_of(result)]
    heads = ["cell", "pass", "ours (range)", "share", "PyTorch (range)", "share", "ours is"]
    return "\n".join(lines + list(summary(results)) + [""] + markdown(heads, [cells_in(row) for row in rows])) + "\n"


def cells_in(row):
    cells = [row["cell"], row["what"]]
    for who in ("ours", "peer"):
        low, high = row.get(who + "_range", (0, 0))
        cells += [f"{row[who] * 1e3:.2f} ({low * 1e3:.2f}-{high * 1e3:.2f})",
                  f"{row[who + '_share']:.0%}"] if who in row else ["", ""]
    return cells + [f"{row['ratio']:.2f} x" if "ratio" in row else ""]


def merged(result):
    """The results of earlier runs with this one in place of its own cell."""
    both = [r for r in result_file.read("attention") if r["name"] != result["name"]] + [result]
    return sorted(both, key=lambda r: (r["shape"][3] == 1, r["dtype"] != "float32", r["shape"][5], r["shape"][4],
                                       not r["causal"]))


def write(results):
    result_file.write("attention", [row for result in results for row in rows_of(result)], results, table(results))


def facts_of(options, peer):
    return {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "threads": options.threads,
            "torch": peer.version, "commit": output_of("git", "-C", ROOT, "rev-parse", "HEAD"),
            "command": " ".join(["bench/peers/attention.py"] + sys.argv[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of timed calls in one round")
    parser.add_argument("--lengths", nargs="+", type=int, default=[1024, 2048, 4096, 8192])
    parser.add_argument("--dims", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--parts", nargs="+", default=["prefill", "bfloat16", "decode"],
                        choices=["prefill", "bfloat16", "decode"])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    peer = PyTorch(options.threads)
    facts = facts_of(options, peer)
    results = []
    for cell in cells_of(options):
        results = merged({**cell, **facts, "rounds": measure(cell, peer, options)})
        write(results)
    peer.close()
    print(table(results))


if __name__ == "__main__":
    main()
