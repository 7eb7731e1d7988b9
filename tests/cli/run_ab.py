#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attometer ab from outside: sides, verdicts, exit codes, results.

Usage: run_ab.py PROGRAM
"""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
TINY = ["--model-id", "preset:tiny", "-s", "16", "-n", "4", "-i", "2", "-w", "0"]
METRICS = ["inter_token_latency", "time_to_first_token", "throughput", "e2e_latency"]
SDPA, EAGER = "--attn-implementation sdpa", "--attn-implementation eager"
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def run(sides, arguments, folder, **options):
    return subprocess.run([PROGRAM, "ab", *sides, *arguments, "--output-dir", folder], capture_output=True,
                          text=True, timeout=300, **options)


def result(folder):
    paths = glob.glob(f"{folder}/*/*_ab_*.json")
    check(len(paths) == 1, f"one result file in {folder}, found {paths}")
    with open(paths[0], encoding="utf-8") as file:
        return paths[0], json.load(file)


def check_result(found, rounds):
    check(found["kind"] == "ab" and found["schema"] == 1 and found["valid"], "what it is")
    check(found["rounds"] == len(found["order"]) <= rounds and set(found["order"]) <= {"AB", "BA"}, "rounds")
    for side in "ab":
        check(found[side]["correctness"]["verdict"] == "valid" and len(found[side]["hash"]) == 64, f"side {side}")
    check(list(found["metrics"]) == METRICS, "metrics")
    for metric in found["metrics"].values():
        pairs = metric["pairs"]
        medians = [statistics.median(metric[side]["values"][:pairs]) for side in "ab"]
        check(len(metric["a"]["values"]) == len(metric["b"]["values"]) == found["rounds"], "a value a round")
        check(abs(metric["ratio"] - medians[1] / medians[0]) < 1e-9, "the ratio is of medians")
        check(metric["interval"][0] <= metric["interval"][1] and metric["confidence"] >= 0.95, "interval")
        check(metric["verdict"] == "cannot tell" or metric["p"] <= metric["level"] <= 0.05 / 4, "a verdict has its p")


def test_slower_work(folder):
    arguments = TINY + ["--rounds-max", "30", "--attn-implementation", "sdpa"]
    done = run(["-s 16", "-s 1500"], arguments, folder + "worse")
    check(done.returncode == 1 and "B is worse than A" in done.stderr, f"worse: {done.returncode} {done.stderr}")
    check(all(len(line) <= 80 for line in done.stdout.splitlines()[:-1]), "80 columns")
    path, found = result(folder + "worse")
    check_result(found, 30)
    check(found["verdict"] == "worse" and found["metrics"]["time_to_first_token"]["ratio"] > 1.5, "a longer prompt")
    again = subprocess.run([PROGRAM, "report", path], capture_output=True, text=True, timeout=60)
    check(again.returncode == 0 and again.stdout == done.stdout, "report prints the file")
    for form, code in [("json", 0), ("csv", 5)]:
        printed = subprocess.run([PROGRAM, "report", path, "--output-format", form], capture_output=True, text=True,
                                 timeout=60)
        check(printed.returncode == code, f"report --output-format {form}")
        check(form != "json" or json.loads(printed.stdout) == found, "json is the file")
    gated = run(["-s 16", "-s 1500"], arguments + ["--gate"], folder + "gate")
    check(gated.returncode == 1, "a gate holds what is worse")


def test_cannot_tell(folder):
    arguments = TINY + ["--rounds-max", "4", "--output-format", "json", "--log-level", "ERROR", "--seed", "5"]
    done = run([SDPA, SDPA], arguments, folder)
    check(done.returncode == 10, f"too few rounds to tell anything: {done.returncode} {done.stderr}")
    found = result(folder)[1]
    check(json.loads(done.stdout) == found and found["design"]["seed"] == 5, "json is printed")
    check_result(found, 4)
    check(found["end"] == "rounds" and found["verdict"] == "cannot tell", "verdict")
    check(found["a"]["hash"] == found["b"]["hash"], "A against itself")
    check(run([SDPA, SDPA], arguments + ["--gate"], folder + "gate").returncode == 0, "a gate lets pass")


def test_sides(folder):
    os.mkdir(folder)
    path, two = f"{folder}/one.json", f"{folder}/two.json"
    one = {"attn_implementation": "sdpa", "sequence_length": 20, "num_tokens_to_generate": 3, "warmup_iterations": 0,
           "measurement_iterations": 1, "dtype": "float32"}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(one, file)
    with open(two, "w", encoding="utf-8") as file:
        json.dump([one, {**one, "batch_size": 2}], file)
    common = ["--model-id", "preset:tiny", "--rounds-max", "2", "-n", "5"]
    done = run([path, "--attn-implementation 'eager' --dtype bfloat16 -b 2 -d 30"], common, f"{folder}/results")
    check(done.returncode == 10, f"a file and flags: {done.stderr}")
    found = result(f"{folder}/results")[1]
    a, b = found["a"]["effective"], found["b"]["effective"]
    check((a["sequence_length"], a["dtype"], a["measurement_iterations"]) == (20, "float32", 1), "A is the file's")
    check((b["batch_size"], b["depth"], b["dtype"], b["measurement_iterations"]) == (2, 30, "bfloat16", 3),
          "B is the flags'")
    check(a["num_tokens_to_generate"] == b["num_tokens_to_generate"] == 5, "common flags are both's")
    for sides, message in [
            ([two, EAGER], "A: names 2 scenarios"),
            ([EAGER, "--attn-implementation eager sdpa"], "B: names 2 scenarios"),
            ([EAGER], "1 sides given"),
            ([EAGER, EAGER, EAGER], "3 sides given"),
            ([EAGER, "--attn-implementation 'sdpa"], "B: a quote has no end"),
            ([EAGER + " --output-dir x", SDPA], "A: --output-dir: given for one side"),
            ([EAGER, SDPA + " --pin"], "B: --pin: given for one side"),
            ([EAGER, "--no-such flag"], "B: --no-such: no such flag"),
            ([f"{folder}/absent.json", SDPA], "A: ")]:
        done = run(sides, common, f"{folder}/none")
        check(done.returncode in (2, 3) and message in done.stderr, f"{sides}: {done.returncode} {done.stderr}")
    done = run([SDPA, SDPA + " --device cuda"], common, f"{folder}/none")
    check(done.returncode == 5 and "B: " in done.stderr, "what is not in this build")


def test_binary(folder):
    os.mkdir(folder)
    other = shutil.copy(PROGRAM, f"{folder}/other")
    done = run([SDPA], TINY + ["--rounds-max", "2", "--binary-b", other], f"{folder}/results")
    check(done.returncode == 10, f"two programs: {done.stderr}")
    check(result(f"{folder}/results")[1]["b"]["program"] == os.path.realpath(other), "the other program")
    for path, code in [(f"{folder}/absent", 3), (folder, 2)]:
        done = run([SDPA], TINY + ["--binary-b", path], f"{folder}/none")
        check(done.returncode == code and "--binary-b" in done.stderr, f"--binary-b {path}: {done.stderr}")
    done = run([SDPA], TINY + ["--binary-b", "/bin/true"], f"{folder}/none")
    check(done.returncode == 8 and "B: " in done.stderr, f"a program that is none of ours: {done.stderr}")


def test_budget(folder):
    done = run([EAGER, SDPA], TINY + ["--time-budget", "0.5", "--rounds-max", "500"], folder)
    check(done.returncode in (0, 1, 10), f"exit code {done.returncode}: {done.stderr}")
    found = result(folder)[1]
    check_result(found, 500)
    check(found["end"] in ("time", "decided") and found["rounds"] < 500, "a budget ends it")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(os.path.join(folder, name))
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
