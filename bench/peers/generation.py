# SPDX-License-Identifier: Apache-2.0
"""Prefill and decode beside llama.cpp and transformers: same shapes, random weights, dtypes and
threads, engines in turn, several rounds, with the ceilings that attometer measures in each of its
own runs. Writes generation.json and generation.md in bench/results/MACHINE; what is not measured this time
keeps the rows that it has there, with their own date.

Parts: speed (prefill 512, decode), depth (decode with 0, 1024 and 4096 tokens in the cache), batch
(decode of 1, 2, 4, 8 and 16 sequences), start (from a file in the page cache to the first logits, ours
alone).

  generation.py [--parts speed depth batch start] [--shapes smollm2-135m llama-3.2-1b]
                [--dtypes bfloat16 float32] [--rounds N] [--repeats N] [--threads N]
  generation.py --readme      writes README.md's tables again, one for each machine, no more
"""
import argparse
import os
import subprocess
import sys
import time

import result_file
import tables
from engines import ROOT, Attometer, Llama, Transformers
from shapes import SHAPES

DEPTHS, BATCHES = (0, 1024, 4096), (1, 2, 4, 8, 16)
ASK = {"speed": lambda engine: engine.speed(), "depth": lambda engine: engine.decode_at(DEPTHS),
       "batch": lambda engine: engine.batches(BATCHES), "start": lambda engine: engine.start()}
ROUNDS = {"speed": 3, "depth": 1, "batch": 1, "start": 5}  # all of it takes about 20 quiet minutes
README_BEGIN, README_END = "<!-- from bench/results: generation.py --readme -->\n", "<!-- end -->\n"


def engines_for(part, shape, dtype, options):
    arguments = (shape, dtype, options.threads, options.repeats)
    if part == "start":
        return [Attometer(*arguments)]
    engines = [Attometer(*arguments), Llama(*arguments)]
    if part == "speed" and dtype == "float32":  # their bfloat16 is slower on most processors
        engines.append(Transformers(*arguments))
    return engines


def compare(part, shape, dtype, options, facts):
    rounds = options.rounds or ROUNDS[part]
    engines = engines_for(part, shape, dtype, options)
    samples = {name: [] for engine in engines for name in
               (engine.names if part == "speed" else engine.names[:1])}
    for number in range(rounds):
        turn = number % len(engines)
        for engine in engines[turn:] + engines[:turn]:
            for name, sample in ASK[part](engine):
                samples[name].append(sample)
                print(f"{part} {shape} {dtype} round {number + 1}/{rounds} {name}: {sample}",
                      flush=True)
    for engine in engines:
        engine.close()
    return {"part": part, "shape": shape, "dtype": dtype, "threads": options.threads, "rounds": rounds,
            **facts, "samples": samples}


def key(result):
    return (tables.PARTS.index(result["part"]), list(SHAPES).index(result["shape"]), result["dtype"])


def record(result):
    """Puts the result in place of an earlier one of its kind."""
    results = sorted([r for r in result_file.read("generation") if key(r) != key(result)] + [result], key=key)
    result_file.write("generation", [row for r in results for row in tables.rows_of(r)], results,
                      tables.document(results))


def write_readme():
    path = os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(README_BEGIN) != 1 or text.count(README_END) != 1:
        sys.exit(f"README.md: expected one line {README_BEGIN.strip()} and one {README_END.strip()}")
    before, rest = text.split(README_BEGIN)
    after = rest.split(README_END)[1]
    table = "\n" + "\n".join(tables.readme_table(results) for results in result_file.read_all("generation")) + "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + README_BEGIN + table + README_END + after)


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions():
    import torch
    import transformers
    return {"attometer": output_of(os.path.join(ROOT, "build", "attometer"), "--version"),
            "commit": output_of("git", "-C", ROOT, "rev-parse", "HEAD"), "torch": torch.__version__,
            "transformers": transformers.__version__, "llama_cpp_python": "0.3.36"}


def options_of():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=list(tables.PARTS), choices=tables.PARTS)
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}")
    parser.add_argument("--repeats", type=int, default=2, help="runs of a round, the best counts")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--dtypes", nargs="+", choices=list(tables.BYTES),
                        help="default: both, but bfloat16 alone for depth and batch")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--readme", action="store_true", help="write README.md's tables again, no more")
    return parser.parse_args()


def main():
    options = options_of()
    if options.readme:
        write_readme()
        return
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "versions": versions(),
             "command": " ".join(["bench/peers/generation.py"] + sys.argv[1:])}
    for part in options.parts:
        for shape in options.shapes:
            usual = ["bfloat16"] if part in ("depth", "batch") else list(tables.BYTES)
            for dtype in options.dtypes or usual:
                record(compare(part, shape, dtype, options, facts))
    print(tables.document(result_file.read("generation")))


if __name__ == "__main__":
    main()
