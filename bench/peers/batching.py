# SPDX-License-Identifier: Apache-2.0
"""Sixteen sequences at once beside llama.cpp (llama-batched-bench) and transformers' continuous
batching (generate_batch, paged sdpa, float32): random weights, the same lengths, dtypes and threads,
engines in turn, several rounds. Writes bench/results/MACHINE/batching.json and batching.md.

  batching.py [--shapes smollm2-135m] [--dtypes bfloat16 float32] [--batches 16]
              [--prompt 128] [--tokens 32] [--rounds N] [--repeats N] [--threads N]
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import result_file
import tables
from engines import HERE, HOME, ROOT
from generation import versions
from shapes import SHAPES, gguf_file, weights

# What each engine is timed for: prompts until the last first token, tokens after that, and both.
RATES = ("prefill", "decode", "total")


def attometer(case):
    """Regular generation, and continuous batching with fused layers: two rows of one process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [os.path.join(ROOT, "build", "attometer"), "run", "--model-id",
                   f"preset:{case['shape']}", "--threads", str(case["threads"]), "-b",
                   str(case["batch"]), "-s", str(case["prompt"]), "-n", str(case["tokens"]),
                   "--dtype", case["dtype"], "-w", "1", "-i", str(case["repeats"]),
                   "--attn-implementation", "flash_attention_2", "--kernelize", "on",
                   "--continuous-batching", "off", "on", "--output-dir", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (path,) = glob.glob(os.path.join(folder, "*", "*.json"))
        with open(path, encoding="utf-8") as file:
            entries = json.load(file).values()
    for entry in entries:
        ours = entry["attometer"]
        if ours["correctness"]["verdict"] != "valid":
            sys.exit("attometer: the result is not valid")
        best = {rate: ours["statistics"][metric]["max"] for rate, metric in
                zip(RATES, ("prefill_throughput", "decode_throughput", "throughput"))}
        name = "continuous batching" if entry["config"]["continuous_batching"] else "static batch"
        yield f"attometer, {name}", {**best, "fma_gflop_per_s": ours["roofline"]["fma_gflop_per_s"]}


def llama(case):
    """The total counts prompt tokens there; here it is new tokens over the whole time."""
    best = None
    for _ in range(case["repeats"]):
        room = case["batch"] * (case["prompt"] + case["tokens"]) + 64
        out = subprocess.run(
            [os.path.join(HOME, "llama-build", "bin", "llama-batched-bench"), "-m",
             gguf_file(HOME, case["shape"], case["dtype"]), "-t", str(case["threads"]), "-c",
             str(room), "-npp", str(case["prompt"]), "-ntg", str(case["tokens"]), "-npl",
             str(case["batch"]), "--output-format", "jsonl"],
            check=True, capture_output=True, text=True).stdout
        row = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
        total = case["batch"] * case["tokens"] / (row["t_pp"] + row["t_tg"])
        now = {"prefill": row["speed_pp"], "decode": row["speed_tg"], "total": total}
        best = now if best is None or now["total"] > best["total"] else best
    yield "llama.cpp", best


def transformers(case):
    """In a process of its own, which loads the model first (transformers_batching)."""
    if case["dtype"] != "float32":  # their bfloat16 is slower on most processors
        return
    out = subprocess.run([sys.executable, os.path.join(HERE, "batching.py"), "--worker",
                          json.dumps(case)], check=True, capture_output=True, text=True, cwd=HERE)
    yield "transformers, generate_batch", json.loads(out.stdout.splitlines()[-1])


def rates_of(times, seconds, case):
    """times: of each sequence, the seconds of its tokens on one clock; the call took `seconds`."""
    first, last = max(row[0] for row in times), max(row[-1] for row in times)
    after = sum(time > first for row in times for time in row)
    return {"decode": after / (last - first), "total": case["batch"] * case["tokens"] / seconds}


def transformers_batching(case):
    """The worker: prints the rates of the best of the repeats. Blocks are as many as the sequences need
    twice, where it would take most of the memory; they are not shared."""
    import torch
    from transformers import (ContinuousBatchingConfig, GenerationConfig, LlamaConfig,
                              LlamaForCausalLM)
    shape = SHAPES[case["shape"]]
    torch.set_num_threads(case["threads"])
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=shape["vocabulary"], hidden_size=shape["hidden"],
        intermediate_size=shape["intermediate"], num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"], num_key_value_heads=shape["kv_heads"],
        head_dim=shape["head_dim"], max_position_embeddings=shape["positions"],
        rope_theta=shape["theta"], tie_word_embeddings=True)
    config._attn_implementation = "sdpa"
    model = LlamaForCausalLM(config).eval()
    generation = GenerationConfig(max_new_tokens=case["tokens"], do_sample=False, eos_token_id=-1,
                                  pad_token_id=0)
    blocks = case["batch"] * -(-(case["prompt"] + case["tokens"]) // 256)
    batching = ContinuousBatchingConfig(num_blocks=2 * blocks, max_batch_tokens=512,
                                        allow_block_sharing=False)
    ids = torch.randint(0, shape["vocabulary"], (case["prompt"],)).tolist()
    best = None
    for _ in range(1 + case["repeats"]):  # the first warms up
        start = time.perf_counter()
        made = model.generate_batch(inputs=[ids] * case["batch"], generation_config=generation,
                                    continuous_batching_config=batching, record_timestamps=True)
        seconds = time.perf_counter() - start
        lengths = [len(request.generated_tokens) for request in made.values()]
        if lengths != [case["tokens"]] * case["batch"]:
            sys.exit(f"transformers made {lengths} tokens")
        now = rates_of([request.timestamps for request in made.values()], seconds, case)
        best = now if best is None or now["total"] > best["total"] else best
    print(json.dumps(best))


def measure(case, rounds):
    samples, engines = {}, [attometer, llama, transformers]
    for number in range(rounds):
        turn = number % len(engines)
        for engine in engines[turn:] + engines[:turn]:
            for name, sample in engine(case):
                samples.setdefault(name, []).append(sample)
                print(f"{case['shape']} {case['dtype']} batch {case['batch']} round {number + 1}/"
                      f"{rounds} {name}: {sample}", flush=True)
    return samples


def row_of(result, name, samples):
    """The best of the rounds, with their range; decode as a share of the round's FMA ceiling."""
    row = {"shape": result["shape"], "dtype": result["dtype"], "batch": result["batch"],
           "engine": name}
    for rate in RATES:
        values = [sample[rate] for sample in samples if rate in sample]
        row[rate] = tables.best_and_range(values) if values else None
    ceilings = [sample["fma_gflop_per_s"] for sample in
                result["samples"]["attometer, continuous batching"]]
    flops = 2e-9 * weights(result["shape"])
    shares = [flops * sample["decode"] / ceiling for sample, ceiling in zip(samples, ceilings)
              if "decode" in sample]
    row["decode_share_fma"] = statistics.median(shares) if shares else None
    return row


def rows_of(results):
    return [row_of(result, name, samples) for result in results
            for name, samples in result["samples"].items()]


def document(results):
    def cell(value):
        return "-" if value is None else tables.speed(value)
    rows = rows_of(results)
    heads = ["shape", "dtype", "batch", "engine", "prefill (range)", "decode (range)", "of FMA",
             "new tokens, whole run (range)"]
    text = tables.heading(results) + [
        "", f"Prompts of {results[0]['prompt']} tokens, {results[0]['tokens']} new tokens each, all at "
        "the start; tokens per second of all sequences together.",
        "Prefill ends with the last first token, decode is what comes after it. \"of FMA\": 2 x weights "
        "x tokens of the decode phase, of the ceiling that attometer measured in the same round.", ""]
    return "\n".join(text + tables.markdown(heads, [
        [r["shape"], r["dtype"], r["batch"], r["engine"], cell(r["prefill"]), cell(r["decode"]),
         tables.percent(r["decode_share_fma"]), cell(r["total"])] for r in rows])) + "\n"


def options_of():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["smollm2-135m"], choices=list(SHAPES))
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"],
                        choices=list(tables.BYTES))
    parser.add_argument("--batches", nargs="+", type=int, default=[16])
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3, help="runs of a round, the best counts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = options_of()
    if options.worker:
        transformers_batching(json.loads(options.worker))
        return
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "versions": versions(),
             "rounds": options.rounds, "command": " ".join(["bench/peers/batching.py"] + sys.argv[1:])}
    results = []
    for shape in options.shapes:
        for dtype in options.dtypes:
            for batch in options.batches:
                case = {"shape": shape, "dtype": dtype, "batch": batch, "prompt": options.prompt,
                        "tokens": options.tokens, "repeats": options.repeats,
                        "threads": options.threads}
                results.append({**facts, **case, "samples": measure(case, options.rounds)})
    result_file.write("batching", rows_of(results), results, document(results))
    print(document(results))


if __name__ == "__main__":
    main()
