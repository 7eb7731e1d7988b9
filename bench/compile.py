# SPDX-License-Identifier: Apache-2.0
"""What compile modes bring: {eager, default, reduce-overhead} x {plain, kernelized} x attention, all
of them in turn in each round, next to the ceilings that attometer measures in the same run. Writes
bench/results/MACHINE/compile.json and compile.md; shapes that are not measured this time keep their rows.

A ratio is that of a round to the plain eager form with the same attention in the same round; the
median over the rounds stands, with their range.

  compile.py [--shapes tiny smollm2-135m llama-3.2-1b] [--attention eager sdpa ...]
             [--part decode prefill] [--rounds N] [--repeats N] [--threads N] [--binary FILE]
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import result_file  # noqa: E402
import tables  # noqa: E402 (after its folder is known)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHAPES = ("tiny", "smollm2-135m", "llama-3.2-1b")
PARTS = {"decode": {"tiny": (8, 128), "smollm2-135m": (8, 64), "llama-3.2-1b": (8, 32)},
         "prefill": {"tiny": (64, 2), "smollm2-135m": (512, 2), "llama-3.2-1b": (512, 2)}}
REPEATS = {"tiny": 40, "smollm2-135m": 3, "llama-3.2-1b": 1}
ROUNDS = {"tiny": 7, "smollm2-135m": 3, "llama-3.2-1b": 2}
MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
ATTENTION = ("eager", "sdpa", "flex_attention")  # a rule keeps flash_attention_2 from being compiled
METRIC = {"decode": "inter_token_latency", "prefill": "time_to_first_token"}
SHARE = {"decode": "decode_share", "prefill": "prefill_share_fma"}
CEILINGS = ("read_gb_per_s", "fma_gflop_per_s", "dot_gflop_per_s")


def scenario(shape, part, attention, mode, kernelize, options):
    prompt, tokens = PARTS[part][shape]
    return {"attn_implementation": attention, "compile_mode": mode, "kernelize": kernelize,
            "dtype": "bfloat16", "batch_size": 1, "sequence_length": prompt,
            "num_tokens_to_generate": tokens, "warmup_iterations": 1,
            "measurement_iterations": options.repeats or REPEATS[shape]}


def entries_of(shape, scenarios, options):
    """One process of attometer for all of them; its entries, by (attention, mode, kernelize)."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scenarios.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for row in scenarios:
                print(json.dumps(row), file=file)
        subprocess.run([options.binary, "run", "--model-id", f"preset:{shape}", "--threads",
                        str(options.threads), "--config-file", path, "--output-dir", folder],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (result,) = glob.glob(os.path.join(folder, "*", "*.json"))
        with open(result, encoding="utf-8") as file:
            entries = list(json.load(file).values())
    found = {}
    for entry in entries:
        run = entry["attometer"]["effective"]
        mode = (run["compile_kwargs"] or {}).get("mode")
        if entry["attometer"]["correctness"]["verdict"] != "valid":
            sys.exit(f"{shape} {run['attn_implementation']} {mode}: the result is not valid")
        found[run["attn_implementation"], mode, run["kernelize"]] = entry
    return found


def measure(shape, part, number, options):
    """One round: every form once, beginning with another one each time."""
    forms = [(attention, mode, kernelize) for attention in options.attention
             for kernelize in (False, True) for mode in options.modes]
    turn = number * 5 % len(forms)
    forms = forms[turn:] + forms[:turn]
    entries = entries_of(shape, [scenario(shape, part, *form, options) for form in forms], options)
    return [{"attention": attention, "mode": mode, "kernelize": kernelize,
             "seconds": statistics.median(entries[attention, mode, kernelize]["measurements"]
                                          [METRIC[part]]),
             "share": entries[attention, mode, kernelize]["attometer"]["roofline"][SHARE[part]],
             **{key: entries[attention, mode, kernelize]["attometer"]["roofline"].get(key)
                for key in CEILINGS}}
            for attention, mode, kernelize in forms]


def rows_of(result):
    """A row for each form: its time, share and ratio to the plain eager form of its round."""
    rows = []
    for attention, mode, kernelize in form_order(result):
        samples = [find(round_, attention, mode, kernelize) for round_ in result["samples"]]
        plain = [find(round_, attention, None, False) for round_ in result["samples"]]
        ratios = [base["seconds"] / sample["seconds"] for base, sample in zip(plain, samples)]
        rows.append({"shape": result["shape"], "part": result["part"], "attention": attention,
                     "mode": mode, "kernelize": kernelize,
                     "seconds": statistics.median(sample["seconds"] for sample in samples),
                     "share": statistics.median(sample["share"] for sample in samples),
                     "ratio": statistics.median(ratios), "range": [min(ratios), max(ratios)]})
    return rows


def find(round_, attention, mode, kernelize):
    for sample in round_:
        if (sample["attention"], sample["mode"], sample["kernelize"]) == (attention, mode, kernelize):
            return sample
    raise KeyError((attention, mode, kernelize))


def form_order(result):
    present = {(s["attention"], s["mode"], s["kernelize"]) for s in result["samples"][0]}
    return [(attention, mode, kernelize) for attention in ATTENTION for kernelize in (False, True)
            for mode in MODES if (attention, mode, kernelize) in present]


def ceiling(result, key):
    values = [sample[key] for round_ in result["samples"] for sample in round_ if sample[key]]
    return statistics.median(values) if values else 0.0


def table(result):
    unit = "us a token" if result["part"] == "decode" else "ms a prompt"
    factor = 1e6 if result["part"] == "decode" else 1e3
    heads = ["attention", "layers", "mode", unit,
             "of read" if result["part"] == "decode" else "of FMA", "eager / it (range)"]
    return tables.markdown(heads, [
        [row["attention"], "kernelized" if row["kernelize"] else "plain", row["mode"] or "eager",
         f"{factor * row['seconds']:.2f}", tables.percent(row["share"]),
         f"{row['ratio']:.2f} ({row['range'][0]:.2f}-{row['range'][1]:.2f})"]
        for row in rows_of(result)])


def document(results):
    lines = ["What compile modes bring. Forms in turn, medians over the rounds; \"eager / it\" is how",
             "many times as fast a form is as the plain eager one with the same attention."]
    for result in results:
        prompt, tokens = PARTS[result["part"]][result["shape"]]
        lines += ["", f"## {result['shape']}, bfloat16, {result['part']}", "",
                  f"Prompt of {prompt}, {tokens} new tokens. Measured {result['date']} on "
                  f"{result['processor']}, {result['threads']} threads, {len(result['samples'])} rounds "
                  f"(commit {result['commit'][:10]}): read {ceiling(result, 'read_gb_per_s'):.1f} GB/s, "
                  f"FMA {ceiling(result, 'fma_gflop_per_s'):.0f} GFLOP/s.", ""] + table(result)
    return "\n".join(lines) + "\n"


def key(result):
    return (SHAPES.index(result["shape"]), list(PARTS).index(result["part"]))


def record(result):
    """Puts the result in place of an earlier one of its kind."""
    results = sorted([r for r in result_file.read("compile") if key(r) != key(result)] + [result], key=key)
    result_file.write("compile", [row for r in results for row in rows_of(r)], results, document(results))


def options_of():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--part", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--attention", nargs="+", default=list(ATTENTION), choices=ATTENTION)
    parser.add_argument("--modes", nargs="+", default=["default", "reduce-overhead"],
                        choices=MODES[1:], help="beside eager")
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}")
    parser.add_argument("--repeats", type=int, help=f"runs of a form in a round; default: {REPEATS}")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "attometer"))
    options = parser.parse_args()
    options.modes = [None] + options.modes
    return options


def main():
    from generation import output_of
    options = options_of()
    facts = {"date": time.strftime("%Y-%m-%d"), "processor": result_file.processor(), "threads": options.threads,
             "commit": output_of("git", "-C", ROOT, "rev-parse", "HEAD"),
             "command": " ".join(["bench/compile.py"] + sys.argv[1:])}
    for shape in options.shapes:
        for part in options.part:
            rounds = options.rounds or ROUNDS[shape]
            samples = [measure(shape, part, number, options) for number in range(rounds)]
            result = {"shape": shape, "part": part, **facts, "samples": samples}
            record(result)
            print("\n".join(table(result)), flush=True)


if __name__ == "__main__":
    main()
