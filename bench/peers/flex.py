# SPDX-License-Identifier: Apache-2.0
"""Compiled flex beside PyTorch's compiled flex_attention on the CPU: the nine patterns, the same
expressions as Python functions there, float32, forward (the peer has no backward pass on a CPU), in turn,
several rounds; our fav2 beside them, and what compiling took on both sides. Writes bench/results/flex.json
and flex.md; cells that are not measured this time keep the rows they have there, with their own date.

  flex.py [--rounds N] [--patterns NAME...] [--lengths N...] [--dims N...]
"""
import argparse
import glob
import json
import os
import random
import statistics
import struct
import subprocess
import tempfile
import time

import result_file
from attention import PyTorch, mean
from engines import ROOT
from generation import output_of
from tables import markdown

PATTERNS = ["noop", "causal", "rel", "head_bias", "alibi", "sliding_window", "document_mask", "prefix_lm",
            "softcap"]
HEADS, DOCUMENTS = 8, 8


def documents_of(length):
    """Some documents of different lengths, the same for both."""
    cuts = sorted(random.Random(length).sample(range(1, length), DOCUMENTS - 1))
    return [sum(cut <= token for cut in cuts) for token in range(length)]


def write_npy(path, values):
    head = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d,), }" % len(values)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack(f"<{len(values)}i", *values))


def attometer(cell, options):
    """One round of ours: flex and fav2 in seconds (fav2 None where it has no such pattern), the ceiling
    and the facts of the code."""
    command = [os.path.join(ROOT, "build", "attometer"), "attention", "--dtype", "float32", "-b", "1", "-nh",
               f"{HEADS},{HEADS}", "-s", str(cell["length"]), "-d", str(cell["dim"]), "--mods", cell["pattern"],
               "--backend", "fav2", "--flex", "compiled", "--threads", str(options.threads), "--no-cold",
               "--measure-time", str(options.seconds), "--output-format", "json"]
    with tempfile.TemporaryDirectory() as folder:
        if cell["pattern"] == "document_mask":
            write_npy(os.path.join(folder, "doc.npy"), documents_of(cell["length"]))
            command += ["--array", f"doc={folder}/doc.npy"]
        subprocess.run(command + ["--output-dir", folder], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        with open(glob.glob(os.path.join(folder, "attention", "*.json"))[0], encoding="utf-8") as file:
            (entry,) = [value for key, value in json.load(file).items() if key != "sweep"]
    rows = {row["name"]: row for row in entry["backends"]}
    for row in rows.values():
        if row["status"] == "measured" and row["correctness"]["verdict"] != "valid":
            raise SystemExit(f"{cell['name']}: {row['name']} is wrong")
    median = lambda row: row["forward"]["warm"]["med_ns"] * 1e-9 if row["status"] == "measured" else None
    return {"flex": median(rows["flex"]), "fav2": median(rows["fav2"]), "code": rows["flex"]["code"],
            "fma": entry["ceilings"]["fma_gflop_per_s"], "flops": entry["work"]["forward_flops"],
            "mask": rows["flex"]["mask"]}


def ask_peer(peer, cell, options):
    documents = documents_of(cell["length"]) if cell["pattern"] == "document_mask" else None
    shape = [1, HEADS, HEADS, cell["length"], cell["length"], cell["dim"]]
    ask = {"what": "pattern", "pattern": cell["pattern"], "documents": documents, "shape": shape,
           "seconds": options.seconds}
    peer.process.stdin.write(json.dumps(ask) + "\n")
    peer.process.stdin.flush()
    return peer.answer()


def measure(cell, peer, options):
    first = ask_peer(peer, cell, options)["compile"]
    rounds = []
    for number in range(options.rounds):
        ours = attometer(cell, options) if number % 2 else None
        other = statistics.median(ask_peer(peer, cell, options)["times"])
        ours = ours or attometer(cell, options)
        rounds.append({"ours": ours, "peer": other})
        print(f"{cell['name']} round {number + 1}/{options.rounds}: flex {ours['flex'] * 1e3:.2f} ms, PyTorch "
              f"{other * 1e3:.2f} ms", flush=True)
    return {"compile_peer": first, "rounds": rounds}


def row_of(result):
    rounds = result["rounds"]
    ours = statistics.median(r["ours"]["flex"] for r in rounds)
    peer = statistics.median(r["peer"] for r in rounds)
    fav2 = [r["ours"]["fav2"] for r in rounds if r["ours"]["fav2"]]
    fma = max(r["ours"]["fma"] for r in rounds)
    code = next((r["ours"]["code"] for r in rounds if r["ours"]["code"]), None)
    flops = rounds[0]["ours"]["flops"]
    return {"cell": result["name"], "pattern": result["pattern"], "flex": ours, "peer": peer, "ratio": peer / ours,
            "ratios": sorted(r["peer"] / r["ours"]["flex"] for r in rounds),
            "share": flops / ours / fma * 1e-9, "peer_share": flops / peer / fma * 1e-9,
            "to_fav2": statistics.median(r["ours"]["flex"] / r["ours"]["fav2"] for r in rounds) if fav2 else None,
            "cold": code and code["cold_ns"] * 1e-9, "cached": code and code["cached_ns"] and code["cached_ns"] * 1e-9,
            "peer_compile": result["compile_peer"]}


def summary(rows):
    yield (f"- flex: {mean([r['ratio'] for r in rows]):.2f} x compiled flex_attention, geometric mean of "
           f"{len(rows)} cells ({min(r['ratio'] for r in rows):.2f} to {max(r['ratio'] for r in rows):.2f})")
    for pattern in PATTERNS:
        ratios = [r["ratio"] for r in rows if r["pattern"] == pattern]
        if ratios:
            yield f"  - {pattern}: {mean(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
    beside = [r["to_fav2"] for r in rows if r["to_fav2"]]
    if beside:
        yield f"- flex takes {mean(beside):.3f} x the time of fav2, geometric mean of {len(beside)} cells"
    ours, theirs = [r["cold"] for r in rows if r["cold"]], [r["peer_compile"] for r in rows if r["peer_compile"]]
    if ours and theirs:
        yield (f"- compiling: {statistics.median(ours) * 1e3:.0f} ms ({max(ours) * 1e3:.0f} at most), from the cache "
               f"{statistics.median(r['cached'] for r in rows if r['cached']) * 1e3:.2f} ms; the peer's first call "
               f"{statistics.median(theirs):.1f} s ({max(theirs):.1f} at most)")


def table(results):
    rows = [row_of(result) for result in results]
    lines = list({f"Measured {r['date']} on {r['processor']}, {r['threads']} threads, {len(r['rounds'])} rounds, "
                  f"PyTorch {r['torch']} (`flex.py`, commit {r['commit'][:10]}).": None for r in results})
    lines += ["In turn with PyTorch; float32, batch 1, 8 heads, forward; medians over the rounds of each round's",
              "median, milliseconds; ranges of ratios over the rounds. Shares are of the FMA peak measured in the same",
              "runs, by exact visible pairs.", ""]
    heads = ["cell", "flex", "share", "PyTorch flex", "share", "ours is", "range", "flex / fav2"]
    body = [[r["cell"], f"{r['flex'] * 1e3:.2f}", f"{r['share']:.0%}", f"{r['peer'] * 1e3:.2f}",
             f"{r['peer_share']:.0%}", f"{r['ratio']:.2f} x", f"{r['ratios'][0]:.2f}-{r['ratios'][-1]:.2f}",
             f"{r['to_fav2']:.3f}" if r["to_fav2"] else ""] for r in rows]
    return "\n".join(lines + list(summary(rows)) + [""] + markdown(heads, body)) + "\n"


def merged(result):
    """The results of earlier runs with this one in place of its own cell. The peer keeps what it compiled in
    a cache of its own, so that the longest first call counts."""
    earlier = result_file.read("flex")
    for former in earlier:
        if former["name"] == result["name"]:
            result["compile_peer"] = max(result["compile_peer"], former["compile_peer"])
    both = [r for r in earlier if r["name"] != result["name"]] + [result]
    return sorted(both, key=lambda r: (PATTERNS.index(r["pattern"]), r["dim"], r["length"]))


def write(results):
    result_file.write("flex", [row_of(result) for result in results], results, table(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of timed calls in one round")
    parser.add_argument("--patterns", nargs="+", default=PATTERNS, choices=PATTERNS)
    parser.add_argument("--lengths", nargs="+", type=int, default=[1024, 4096])
    parser.add_argument("--dims", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    peer = PyTorch(options.threads)
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "threads": options.threads,
             "torch": peer.version, "commit": output_of("git", "-C", ROOT, "rev-parse", "HEAD")}
    for pattern in options.patterns:
        for dim in options.dims:
            for length in options.lengths:
                cell = {"name": f"{pattern} D {dim} N {length}", "pattern": pattern, "dim": dim, "length": length}
                results = merged({**cell, **facts, **measure(cell, peer, options)})
                write(results)
    peer.close()
    print(table(results))


if __name__ == "__main__":
    main()
