# SPDX-License-Identifier: Apache-2.0
"""The engines that are measured beside each other. Each has a name and answers `speed`, and where it
can `decode_at` and `batches`, with lists of samples: the best of `repeats` runs each."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

from shapes import gguf_file

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOME = os.environ.get("ATTOMETER_PEERS", os.path.expanduser("~/.cache/attometer/peers"))
PREFILL, DECODE, BATCH_PROMPT, BATCH_TOKENS = 512, 64, 16, 32


# Forms of ours: attention, compile mode, fused layers.
FORMS = {"sdpa": ("sdpa", None, False), "eager": ("eager", None, False),
         "compiled": ("sdpa", "reduce-overhead", True), "tuned": ("sdpa", "max-autotune", True)}


class Attometer:
    """The prompt of a decode row is short, as in llama-bench's tg; prefill rows make two tokens."""
    def __init__(self, shape, dtype, threads, repeats, forms=tuple(FORMS)):
        self.names = [f"attometer {form}" for form in forms]
        self.dtype, self.forms, self.repeats = dtype, forms, repeats
        self.file = gguf_file(HOME, shape, dtype)
        self.command = [os.path.join(ROOT, "build", "attometer"), "run", "--model-id",
                        f"preset:{shape}", "--threads", str(threads)]

    def scenarios(self, cases):
        """One process for cases (form, batch, prompt, tokens); entries in their order."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "cases.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                for form, batch, prompt, tokens in cases:
                    attention, mode, kernelize = FORMS[form]
                    print(json.dumps({"attn_implementation": attention, "compile_mode": mode,
                                      "kernelize": kernelize, "batch_size": batch,
                                      "sequence_length": prompt, "num_tokens_to_generate": tokens,
                                      "dtype": self.dtype, "warmup_iterations": 1,
                                      "measurement_iterations": self.repeats}), file=file)
            subprocess.run(self.command + ["--config-file", path, "--output-dir", folder],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            (result,) = glob.glob(os.path.join(folder, "*", "*.json"))
            with open(result, encoding="utf-8") as file:
                entries = list(json.load(file).values())
        return [self.entry_of(entries, *case) for case in cases]

    @staticmethod
    def entry_of(entries, form, batch, prompt, tokens):
        for entry in entries:
            run, compiled = entry["config"], entry["config"]["compile_kwargs"]
            if (run["attn_implementation"], compiled and compiled["mode"], run["kernelize"], run["batch_size"],
                    run["sequence_length"],
                    run["num_tokens_to_generate"]) == (*FORMS[form], batch, prompt, tokens):
                if entry["attometer"]["correctness"]["verdict"] != "valid":
                    sys.exit(f"attometer {form}: the result is not valid")
                return entry
        sys.exit(f"attometer {form}: no result for batch {batch}, {prompt} + {tokens} tokens")

    @staticmethod
    def ceilings(entry):
        roofline = entry["attometer"]["roofline"]
        return {key: roofline[key] for key in ("fma_gflop_per_s", "dot_gflop_per_s", "read_gb_per_s")
                if key in roofline}

    @staticmethod
    def compile_seconds(entry):
        """A cold start's."""
        compiled = entry["attometer"]["compile"]
        return compiled["cold"]["total_ns"] / 1e9 if compiled else 0.0

    def speed(self):
        cases = [(name, 1, *size) for name in self.forms for size in ((PREFILL, 2), (8, DECODE))]
        entries = self.scenarios(cases)
        for name, prefill, decode in zip(self.names, entries[::2], entries[1::2]):
            yield name, {"prefill": PREFILL / min(prefill["measurements"]["time_to_first_token"]),
                         "decode": 1 / min(decode["measurements"]["inter_token_latency"]),
                         "tier": decode["attometer"]["effective"]["tier"],
                         "prefill_ceiling": prefill["attometer"]["roofline"]["prefill_ceiling"],
                         "compile_s": self.compile_seconds(prefill) + self.compile_seconds(decode),
                         **self.ceilings(prefill), "read_gb_per_s": self.ceilings(decode)["read_gb_per_s"]}

    def decode_at(self, depths):
        entries = self.scenarios([("sdpa", 1, max(depth, 8), DECODE) for depth in depths])
        yield "attometer sdpa", [
            {"depth": depth, "decode": 1 / min(entry["measurements"]["inter_token_latency"]),
             **self.ceilings(entry)} for depth, entry in zip(depths, entries)]

    def batches(self, sizes):
        entries = self.scenarios([("sdpa", size, BATCH_PROMPT, BATCH_TOKENS) for size in sizes])
        yield "attometer sdpa", [
            {"batch": size, "decode": size / min(entry["measurements"]["inter_token_latency"]),
             **self.ceilings(entry)} for size, entry in zip(sizes, entries)]

    def start(self):
        """Seconds from nothing to the logits of three tokens, the file being in the page cache."""
        with open(self.file, "rb") as file:
            while file.read(1 << 24):
                pass
        began = time.perf_counter()
        subprocess.run([self.command[0], "logits", "--model-id", self.file, "--dtype", self.dtype,
                        "--ids", "1 2 3", "--top", "1"] + self.command[-2:], check=True,
                       stdout=subprocess.DEVNULL)
        yield self.names[0], time.perf_counter() - began

    def close(self):
        pass


class Llama:
    """llama-bench, and llama-batched-bench for batches."""
    def __init__(self, shape, dtype, threads, repeats):
        self.names, self.repeats = ["llama.cpp"], repeats
        self.model = ["-m", gguf_file(HOME, shape, dtype), "-t", str(threads)]

    @staticmethod
    def run(program, arguments):
        path = os.path.join(HOME, "llama-build", "bin", program)
        return subprocess.run([path] + arguments, check=True, capture_output=True, text=True).stdout

    def bench(self, arguments):
        return json.loads(self.run("llama-bench", self.model + ["-r", str(self.repeats), "-o", "json"]
                                   + arguments))

    def speed(self):
        best = {}
        for row in self.bench(["-p", str(PREFILL), "-n", str(DECODE)]):
            best["decode" if row["n_gen"] else "prefill"] = max(row["samples_ts"])
        yield "llama.cpp", best

    def decode_at(self, depths):
        rows = self.bench(["-p", "0", "-n", str(DECODE), "-d", ",".join(map(str, depths))])
        yield "llama.cpp", [{"depth": row["n_depth"], "decode": max(row["samples_ts"])}
                            for row in rows]

    def batches(self, sizes):
        best = dict.fromkeys(sizes, 0.0)
        for _ in range(self.repeats):
            out = self.run("llama-batched-bench", self.model + [
                "-c", str(max(sizes) * (BATCH_PROMPT + BATCH_TOKENS) + 64), "-npp", str(BATCH_PROMPT),
                "-ntg", str(BATCH_TOKENS), "-npl", ",".join(map(str, sizes)), "--output-format", "jsonl"])
            for line in out.splitlines():
                if line.startswith("{"):
                    row = json.loads(line)
                    best[row["pl"]] = max(best[row["pl"]], row["speed_tg"])
        yield "llama.cpp", [{"batch": size, "decode": best[size]} for size in sizes]

    def close(self):
        pass


class Transformers:
    """A worker that keeps one model for eager, sdpa, and sdpa through torch.compile with a static cache."""
    def __init__(self, shape, dtype, threads, repeats, attentions=("sdpa", "eager", "compiled")):
        self.names = [f"transformers {attention}" for attention in attentions]
        self.attentions, self.repeats = attentions, repeats
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "transformers_worker.py"), shape, dtype, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"transformers: the worker ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, attention, prompt, tokens):
        request = {"attention": attention, "prompt": prompt, "tokens": tokens}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def speed(self):
        for attention, name in zip(self.attentions, self.names):
            prefills = [self.ask(attention, PREFILL, 1) for _ in range(self.repeats)]
            decodes = [self.ask(attention, 8, DECODE // 2) for _ in range(self.repeats)]
            yield name, {"prefill": PREFILL / min(answer["prefill_s"] for answer in prefills),
                         "decode": 1 / min(answer["decode_s"] for answer in decodes),
                         "compile_s": prefills[0].get("compile_s", 0.0) + decodes[0].get("compile_s", 0.0)}

    def close(self):
        self.process.stdin.close()
        self.process.wait()
