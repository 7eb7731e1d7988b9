# SPDX-License-Identifier: Apache-2.0
"""Results of generation.py as rows and as tables in Markdown. Of several rounds the best stands, with
the range behind it; a share is the median over the rounds of the round's value over the ceiling that
attometer measured in that round."""
import statistics

from shapes import SHAPES, weights

BYTES = {"bfloat16": 2, "float32": 4}
PARTS = ("speed", "depth", "batch", "start")


def ceiling(result, number, key, index=None):
    """That of round `number`: the median over attometer's samples of it; index: of that entry."""
    samples = [rounds[number] for name, rounds in result["samples"].items()
               if name.startswith("attometer")]
    values = [row[key] for row in (s if index is None else s[index] for s in samples) if key in row]
    return statistics.median(values) if values else 0.0


def share(result, values, key, index=None):
    """The median over the rounds of value / ceiling of that round; None where there is no ceiling."""
    parts = [value / ceiling(result, i, key, index) for i, value in enumerate(values)
             if ceiling(result, i, key, index) > 0.0]
    return statistics.median(parts) if parts else None


def best_and_range(values):
    return {"best": max(values), "range": [min(values), max(values)]}


def speed_rows(result):
    count, narrow = weights(result["shape"]), result["dtype"] == "bfloat16"
    ours = {what: max(row[what] for name, rows in result["samples"].items()
                      if name.startswith("attometer") for row in rows) for what in ("prefill", "decode")}
    for name, samples in result["samples"].items():
        row = {"engine": name}
        for what in ("prefill", "decode"):
            row[what] = best_and_range([sample[what] for sample in samples])
            row["ours_over_" + what] = ours[what] / row[what]["best"]
        flops = [2e-9 * count * sample["prefill"] for sample in samples]
        row["prefill_share_fma"] = share(result, flops, "fma_gflop_per_s")
        row["prefill_share_dot"] = share(result, flops, "dot_gflop_per_s") if narrow else None
        row["decode_share"] = share(
            result, [1e-9 * count * BYTES[result["dtype"]] * sample["decode"] for sample in samples],
            "read_gb_per_s")
        row["compile_s"] = statistics.median(sample.get("compile_s", 0.0) for sample in samples)
        yield row


def cache_bytes(shape, dtype, tokens):
    """Keys and values of so many tokens of one sequence."""
    s = SHAPES[shape]
    return 2 * s["layers"] * s["kv_heads"] * s["head_dim"] * BYTES[dtype] * tokens


def series_rows(result, axis):
    """Rows of a part whose samples are lists, one entry for each depth or batch."""
    count = weights(result["shape"])
    for name, rounds in result["samples"].items():
        first = None
        for index, start in enumerate(rounds[0]):
            step = start[axis]
            speeds = [samples[index]["decode"] for samples in rounds]
            decode = best_and_range(speeds)
            sequences, depth = (step, 32) if axis == "batch" else (1, step + 32)
            size = count * BYTES[result["dtype"]] + sequences * cache_bytes(
                result["shape"], result["dtype"], depth)
            first = first or (decode["best"], size)
            row = {"engine": name, axis: step, "decode": decode, "bytes_a_step": size,
                   "read_share": share(result, [1e-9 * size * speed / sequences for speed in speeds],
                                       "read_gb_per_s", index)}
            if axis == "depth":
                row["of_first"] = decode["best"] / first[0]
                row["of_first_by_bytes"] = first[1] / size
            else:
                row["ms_a_token"] = 1e3 / decode["best"]
            yield row


def start_rows(result):
    for name, samples in result["samples"].items():
        yield {"engine": name, "seconds": {"best": min(samples), "median": statistics.median(samples),
                                           "worst": max(samples)}}


def rows_of(result):
    part = result["part"]
    rows = {"speed": speed_rows, "start": start_rows}.get(part, lambda r: series_rows(r, part))(result)
    return [{"part": part, "shape": result["shape"], "dtype": result["dtype"], **row} for row in rows]


def percent(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def speed(value):
    low, high = value["range"]
    return f"{value['best']:.1f} ({low:.1f}-{high:.1f})"


def line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def markdown(heads, rows):
    return [line(heads), "|" + "---|" * len(heads)] + [line(row) for row in rows]


def speed_table(rows):
    heads = ["shape", "dtype", "engine", "prefill 512 (range)", "of FMA", "of dot", "ours / it",
             "decode (range)", "of read", "ours / it", "compiling"]
    return markdown(heads, [
        [r["shape"], r["dtype"], r["engine"], speed(r["prefill"]), percent(r["prefill_share_fma"]),
         percent(r["prefill_share_dot"]), f"{r['ours_over_prefill']:.2f}", speed(r["decode"]),
         percent(r["decode_share"]), f"{r['ours_over_decode']:.2f}",
         f"{r['compile_s']:.2f} s" if r["compile_s"] else "-"] for r in rows])


def depth_table(rows):
    heads = ["shape", "dtype", "engine", "depth", "decode (range)", "MB a token", "of read", "of depth 0",
             "by bytes alone"]
    return markdown(heads, [
        [r["shape"], r["dtype"], r["engine"], r["depth"], speed(r["decode"]),
         f"{r['bytes_a_step'] / 1e6:.0f}", percent(r["read_share"]), percent(r["of_first"]),
         percent(r["of_first_by_bytes"])] for r in rows])


def batch_table(rows):
    heads = ["shape", "dtype", "engine", "batch", "decode, all sequences (range)", "ms a token", "of read"]
    return markdown(heads, [
        [r["shape"], r["dtype"], r["engine"], r["batch"], speed(r["decode"]), f"{r['ms_a_token']:.2f}",
         percent(r["read_share"])] for r in rows])


def start_table(rows):
    return markdown(["shape", "dtype", "engine", "best", "median", "worst"], [
        [r["shape"], r["dtype"], r["engine"]] + [f"{r['seconds'][k]:.2f} s" for k in r["seconds"]]
        for r in rows])


def heading(results):
    """What was measured when, where and how, a line for each distinct set of circumstances."""
    return list({f"Measured {r['date']} on {r['processor']}, {r['threads']} threads, {r['rounds']} rounds "
                 f"(`{r['command']}`, commit {r['versions']['commit'][:10]}).": None for r in results})


TITLES = {
    "speed": ("Prefill and decode", speed_table,
              "Prefill of 512 tokens; decode of 64 tokens after a short prompt (8; llama.cpp: none). "
              "\"of dot\": of the peak of bfloat16 pairs, where the processor has that product. "
              "\"compiled\": sdpa, fused layers and reduce-overhead, \"tuned\" with max-autotune; of "
              "transformers sdpa through torch.compile with a static cache. Compiling is a cold start's, of "
              "the programs of both columns; \"ours / it\": the best of ours."),
    "depth": ("Decode with a filled cache", depth_table,
              "64 tokens after a context of `depth`. A token reads the weights and the cache, here at "
              "its length after half the tokens; \"by bytes alone\" is what the growing cache would "
              "leave of the speed of depth 0 at an unchanged bandwidth."),
    "batch": ("Decode of several sequences in step", batch_table,
              "32 tokens after a prompt of 16, tokens per second of all sequences together."),
    "start": ("From a file to the first logits", start_table,
              "The whole process: a GGUF file in the page cache, its weights packed, three tokens computed."),
}


def document(results):
    lines = heading(results) + [
        "", "Engines in turn; tokens per second, each round the best of its repeats, and of the rounds",
        "the best, with their range. A share is the median over the rounds of the round's speed over the",
        "ceiling that attometer measured in that round."]
    for part in PARTS:
        rows = [row for result in results if result["part"] == part for row in rows_of(result)]
        if rows:
            title, table, text = TITLES[part]
            lines += ["", f"## {title}", "", text, ""] + table(rows)
    return "\n".join(lines) + "\n"


def readme_table(results):
    """The short form of the first table, with its circumstances."""
    results = [result for result in results if result["part"] == "speed"]
    rounds = " or ".join(map(str, sorted({r["rounds"] for r in results})))
    facts = {f"Measured {r['date']} on {r['processor']}, {r['threads']} threads, random weights, best of "
             f"{rounds} rounds, tokens per second." for r in results}
    heads = ["shape", "dtype", "engine", "prefill 512", "of FMA", "decode", "of read"]
    rows = [row for result in results for row in rows_of(result)]
    return "\n".join(sorted(facts) + [""] + markdown(heads, [
        [r["shape"], r["dtype"], r["engine"], f"{r['prefill']['best']:.0f}",
         percent(r["prefill_share_fma"]), f"{r['decode']['best']:.1f}", percent(r["decode_share"])]
        for r in rows])) + "\n"
