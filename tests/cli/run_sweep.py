#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attometer run from outside: results, hashes, resume, and everything that can go wrong.

Usage: run_sweep.py PROGRAM
"""
import glob
import hashlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(sys.argv[1])
SHORT = ["--model-id", "preset:tiny", "-w", "0", "-i", "3", "-s", "16", "-n", "4"]
ENDLESS = ["--model-id", "preset:tiny", "-w", "0", "-i", "100000", "-s", "16", "-n", "128"]
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def run(arguments, folder, **options):
    return subprocess.run([PROGRAM, "run", *arguments, "--output-dir", folder],
                          capture_output=True, text=True, timeout=300, **options)


def results(folder):
    paths = sorted(glob.glob(f"{folder}/*/*.json"))
    check(len(paths) == 1, f"one result file in {folder}, found {paths}")
    with open(paths[0], encoding="utf-8") as file:
        return json.load(file)


def check_entry(key, entry):
    check(hashlib.sha256(json.dumps(entry["config"]).encode()).hexdigest() == key, "hash")
    check(set(entry) == {"metadata", "measurements", "config", "attometer"}, "keys of an entry")
    ours = entry["attometer"]
    measured = entry["measurements"]
    count = entry["config"]["num_tokens_to_generate"]
    batch = entry["config"]["batch_size"]
    check(ours["correctness"]["verdict"] == "valid", "verdict")
    check(ours["correctness"]["error"] <= ours["correctness"]["bound"], "bound")
    check(ours["trust"]["heap_allocations"] == 0, "a measured run allocates nothing")
    for index, sequences in enumerate(ours["times_ns"]):
        check(len(sequences) == batch and all(len(row) == count for row in sequences), "shape")
        itl = sum((row[-1] - row[0]) / (count - 1) for row in sequences) / batch * 1e-9
        check(abs(measured["inter_token_latency"][index] - itl) <= 1e-9 * itl, "ITL")
        check(measured["time_to_first_token"][index] == min(row[0] for row in sequences) / 1e9,
              "TTFT")
        check(measured["e2e_latency"][index] == ours["ends_ns"][index] / 1e9, "e2e")
        check(measured["shape_and_decoded_outputs"][index].startswith(f"({batch}, {count}) | "),
              "shape and output")
    sample = ours["statistics"]["e2e_latency"]
    check(abs(sample["med"] - statistics.median(measured["e2e_latency"])) < 1e-12, "median")
    check(abs(sample["std"] - statistics.pstdev(measured["e2e_latency"])) < 1e-9, "std")
    check(sample["count"] == entry["config"]["measurement_iterations"], "sample count")
    roofline, work = ours["roofline"], ours["model"]["weights"] * 2
    share = work / min(measured["inter_token_latency"]) / roofline["read_gb_per_s"] / 1e9
    check(abs(roofline["decode_share"] - share) <= 1e-9 * share, "decode share")


def test_results(folder):
    done = run(SHORT + ["-b", "1", "3"], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    check(all(len(line) <= 80 for line in done.stdout.splitlines()[:-1]), "80 columns")
    check("\r" not in done.stderr and "\x1b" not in done.stderr, "plain lines in a pipe")
    entries = results(folder)
    check(len(entries) == 4, "eager and sdpa times two batches")
    for key, entry in entries.items():
        check_entry(key, entry)
    again = run(SHORT + ["-b", "1", "3", "5", "--resume"], folder)
    check(again.returncode == 0 and again.stderr.count("kept from") == 4, "resume keeps four")
    check(len(results(folder)) == 6, "resume adds two")


def test_formats(folder):
    for form in ["markdown", "csv", "json", "jsonl"]:
        done = run(SHORT + ["--output-format", form, "--log-level", "ERROR"], folder + form)
        check(done.returncode == 0 and done.stderr == "", f"{form}: {done.stderr}")
        if form == "json":
            check(json.loads(done.stdout) == results(folder + form), "json is the file")
        if form == "jsonl":
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            check({row["benchmark_config_hash"] for row in rows} == set(results(folder + form)),
                  "jsonl has every hash")


def test_one_iteration(folder):
    done = run(SHORT + ["-i", "1"], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    check("+- 0" not in done.stdout and " 0.0 %" not in done.stdout, "one run has no interval")
    for entry in results(folder).values():
        interval = entry["attometer"]["statistics"]["e2e_latency"]["med_ci95"]
        check(interval == [None, None], f"the interval of one run is {interval}")


def test_folder_without_a_name(folder):
    os.mkdir(folder)
    done = run(SHORT, "", cwd=folder)
    check(done.returncode == 0 and len(results(folder)) == 2, "no name is the folder here")


def test_skips(folder):
    environment = {**os.environ, "CC": "/no/such/compiler"}
    done = run(SHORT + ["--compile-mode", "none", "default"], folder, env=environment)
    check(done.returncode == 0 and '"/no/such/compiler" is no' in done.stdout,
          "a skip has its reason")
    check({entry["attometer"]["status"] for entry in results(folder).values()} ==
          {"measured", "skipped"}, "statuses")
    only = run(SHORT + ["--compile-mode", "default"], folder + "only", env=environment)
    check(only.returncode == 5, "nothing to run is an error")


def test_compiled(folder):
    os.mkdir(folder)
    environment = {**os.environ, "ATTOMETER_CACHE_DIR": f"{folder}/code"}
    arguments = ["--compile-mode", "none", "default", "reduce-overhead", "--attn-implementation", "eager",
                 "--kernelize", "off", "on", "--dump-graph", "all", "--dump-folder", f"{folder}/graphs"]
    done = run(SHORT + arguments, f"{folder}/results", env=environment)
    check(done.returncode == 0 and "times as fast" in done.stdout, "compiled scenarios have a table")
    for key, entry in results(f"{folder}/results").items():
        check_entry(key, entry)
        compiled, found = entry["config"]["compile_kwargs"], entry["attometer"]["compile"]
        check((compiled is None) == (found is None), "what compiling took stands with what compiles")
        if not found:
            continue
        cold, cached = found["cold"], found["cached"]
        check(found["mode"] == compiled["mode"] and cold["programs"] == 2, "mode and programs")
        # Hand-written layers leave nothing to fuse here: programs without generated code.
        codes = 0 if entry["config"]["kernelize"] else 2
        check(cold["built"] == codes and cold["cache_hits"] == 0 and (cold["build_ns"] > 0) == (codes > 0),
              "a cold start")
        check(cached["built"] == 0 and cached["cache_hits"] == codes and cached["build_ns"] == 0,
              "a cached one")
        check(found["all"]["recompiles"] >= 0 and found["graphs"]["problem"] is None, "graphs")
        folders = glob.glob(f"{folder}/graphs/*compiled_{compiled['mode']}-*")
        files = [name for at in folders for name in os.listdir(at)]
        check(len(folders) >= 1 and found["graphs"]["files"] > 0 and
              sum(name.endswith(".dot") for name in files) * 2 == len(files), "files of graphs")


def test_depth(folder):
    os.mkdir(folder)
    environment = {**os.environ, "ATTOMETER_CACHE_DIR": f"{folder}/code"}
    done = run(SHORT + ["--depth", "0,70,600", "--attn-implementation", "eager", "sdpa", "--compile-mode", "none",
                        "default", "-b", "2"], f"{folder}/results", env=environment)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    check(all(len(line) <= 80 for line in done.stdout.splitlines()[:-1]), "80 columns at a depth")
    entries = results(f"{folder}/results")
    check(len(entries) == 12, "a scenario for each depth")
    for key, entry in entries.items():
        check_entry(key, entry)
        ours, depth = entry["attometer"], entry["attometer"]["effective"]["depth"]
        check(("depth" in entry["config"]["name"]) == (depth > 0), "the name tells a depth that there is")
        check((ours["load"]["context_ns"] > 0) == (depth > 0), "the context is filled where there is one")
        check("depth" not in entry["config"], "config is the peer's")
        shallow = next(other for other in entries.values() if other["attometer"]["effective"]["depth"] == 0)
        check(depth == 0 or ours["memory"]["cache_bytes"] > shallow["attometer"]["memory"]["cache_bytes"],
              "a deeper cache is larger")
    check("at depth 600" in done.stderr and " d600" in done.stdout, "labels tell the depth")


def test_until(folder):
    done = run(SHORT + ["-i", "4", "--until", "1%", "--until-most", "60", "--attn-implementation", "sdpa"], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    entry = next(iter(results(folder).values()))
    sample, precision = entry["attometer"]["statistics"]["inter_token_latency"], entry["attometer"]["precision"]
    low, high = sample["med_ci95"]
    check(4 <= sample["count"] == precision["iterations"] == len(entry["attometer"]["times_ns"]) <= 60, "count")
    check(abs((high - low) / 2 / sample["med"] - precision["reached"]) < 1e-12, "the precision is the interval's")
    check(precision["within"] == (precision["reached"] <= 0.01) and precision["until"] == 0.01, "within")
    check(precision["within"] or precision["iterations"] == 60, "an end")
    check(f"after {sample['count']} runs" in done.stderr and "4+" in done.stdout, "runs are told")
    short = run(SHORT + ["-i", "3", "--until", "0.0001%", "--until-most", "5", "--attn-implementation", "sdpa"],
                folder + "short")
    check(short.returncode == 0 and "less than --until asks" in short.stdout, "a precision that is not reached")
    kept = run(SHORT + ["-i", "4", "--until", "1%", "--until-most", "60", "--attn-implementation", "sdpa", "--resume"],
               folder)
    check("kept from" in kept.stderr, "what was tried as often is kept")
    for wrong in ["0%", "101%", "2", "2%%", "%", "nan"]:
        check(run(SHORT + ["--until", wrong], folder).returncode == 2, f"--until {wrong}")


def test_plan(folder):
    arguments = ["-b", "1", "2", "--compile-mode", "none", "default", "--attn-implementation", "sdpa"]
    environment = {**os.environ, "CC": "/no/such/compiler"}
    done = run(SHORT + arguments, folder, env=environment)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    plan = [line for line in done.stderr.splitlines() if line.startswith("plan: ")]
    check(plan[0] == "plan: 4 scenarios: 2 to run, 2 skipped" and "2 by ceilings" in plan[1], "the plan is told")
    check("skipped 2: compile mode default" in plan[2], "and what is skipped")
    check("2 measured in" in plan[-1] and "estimated" in plan[-1], "and compared at the end")
    for entry in results(folder).values():
        if entry["attometer"]["status"] != "measured":
            continue
        cost = entry["attometer"]["plan"]
        check(cost["source"] == "ceilings" and cost["estimated_seconds"] > 0 and cost["actual_seconds"] > 0, "cost")
        check(cost["actual_bytes"] == entry["attometer"]["memory"]["peak_rss_bytes"], "peak")
    listed = run(SHORT + arguments + ["--list", "--output-format", "json"], folder, env=environment)
    rows = json.loads(listed.stdout)
    check([row["plan"]["fate"] for row in rows] == ["run", "skipped"] * 2, "fates are listed")
    check([row["plan"]["source"] for row in rows] == ["earlier", "ceilings"] * 2, "earlier results are known")
    shuffled = [row["hash"] for row in json.loads(
        run(SHORT + arguments + ["--list", "--output-format", "json", "--order", "shuffled", "--order-seed", "3"],
            folder, env=environment).stdout)]
    check(sorted(shuffled) == sorted(row["hash"] for row in rows), "shuffled is a permutation")


def test_time_budget(folder):
    slow = ["-b", "1", "2", "-i", "20", "--attn-implementation", "eager", "--cool-down", "0.1"]
    done = run(SHORT + slow + ["--time-budget", "0.02"], folder)
    check(done.returncode == 2 and "--time-budget: too small" in done.stderr, "nothing fits")
    check(done.stderr.count("left for --resume") == 2, "what is left is told")
    check(results(folder) == {}, "and not recorded")
    done = run(SHORT + slow + ["--time-budget", "1000", "--resume"], folder)
    check(done.returncode == 0 and len(results(folder)) == 2, "all fits")


def test_dump_to_nowhere(folder):
    done = run(SHORT + ["--compile-mode", "default", "--attn-implementation", "eager", "--dump-graph", "after",
                        "--dump-folder", "/proc/graphs"], folder)
    (entry,) = results(folder).values()
    check(done.returncode == 0 and "/proc/graphs" in entry["attometer"]["compile"]["graphs"]["problem"],
          "graphs that cannot be written cost no run")


def test_mistakes(folder):
    for arguments, code in [(["-n", "1"], 2), (["-s", "0"], 2), (["--level", "5"], 2),
                            (["--level", "1", "--kernelize"], 2), (["--enable-tp"], 5),
                            (["--rules", "none", "fa2-compile"], 2),
                            (["--no-correctness"], 2), (["--config-file", "/no/such.json"], 3)]:
        done = run(SHORT + arguments, folder)
        check(done.returncode == code, f"{arguments}: exit code {done.returncode}, not {code}")
        check(len(done.stderr.splitlines()) == 1, f"{arguments}: one line, not {done.stderr!r}")
        check(not os.path.exists(folder), f"{arguments}: no results")
    done = run(["--model-id", "/no/such/model"], folder)
    check(done.returncode == 3 and len(done.stderr.splitlines()) == 1, "a missing model")
    done = run(SHORT, "/dev/null/folder")
    check(done.returncode == 6 and len(done.stderr.splitlines()) == 1, "no folder for results")


def test_too_much(folder):
    """What the model or the machine has no room for is known before its process is started."""
    done = run(SHORT + ["--model-id", "preset:tiny-gpt2", "-s", "16", "1000000"], folder)
    check(done.returncode == 8, f"exit code {done.returncode}: {done.stderr}")
    check("--sequence-length 1000000 + --num-tokens-to-generate 4 is 1000004, but the model has"
          in done.stderr, f"positions: {done.stderr}")
    check(len([entry for entry in results(folder).values() if entry["metadata"]["success"]]) == 2,
          "the others are measured")
    done = run(SHORT + ["-b", "65536", "-s", "16777216"], folder + "memory")
    check(done.returncode == 8, f"exit code {done.returncode}: {done.stderr}")
    check(done.stderr.count("failed, needs about") == 2, f"memory: {done.stderr}")


def test_threads(folder):
    done = run(SHORT + ["-t", "1024"], folder) if len(os.sched_getaffinity(0)) < 32 else None
    check(done is None or (done.returncode == 2 and "threads asked for" in done.stderr), "refused")
    cores = len(os.sched_getaffinity(0))
    done = run(SHORT + ["-t", str(8 * cores)], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    check("warning: --threads: " in done.stderr, f"a warning of many threads: {done.stderr}")


def test_pin(folder):
    check(run(SHORT, folder).returncode == 0, "loose threads")
    done = run(SHORT + ["--pin", "--resume"], folder)
    check(done.returncode == 0 and "kept from" not in done.stderr, "pinned ones are measured anew")
    check(all(entry["attometer"]["effective"]["pin"] is True for entry in results(folder).values()),
          "pin is recorded")


def children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def is_running(process):
    """A dead process that nobody has waited for yet does not run."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_scenario(process, least_age=1.5):
    """The worker of a scenario that does not end: the first child that lives long enough."""
    seen = {}
    deadline = time.time() + 120
    while time.time() < deadline and process.poll() is None:
        for child in children(process.pid):
            seen.setdefault(child, time.time())
            if time.time() - seen[child] > least_age:
                return child
        time.sleep(0.05)
    sys.exit("FAILED: no scenario was started")


def start(arguments, folder):
    return subprocess.Popen([PROGRAM, "run", *arguments, "--output-dir", folder],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_kill(folder):
    process = start(ENDLESS, folder)
    for _ in range(2):  # both of its scenarios
        os.kill(wait_for_scenario(process), signal.SIGKILL)
    process.communicate(timeout=120)
    check(process.returncode == 8, f"exit code {process.returncode} after kill -9")
    entries = results(folder)
    check(len(entries) == 2, "both scenarios are recorded")
    check(all(not entry["metadata"]["success"] and "signal 9" in entry["attometer"]["reason"]
              for entry in entries.values()), "both say why")


def test_interrupt(folder):
    check(run(SHORT, folder).returncode == 0, "a first run")
    process = start(ENDLESS + ["--resume"], folder)
    worker = wait_for_scenario(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    check(process.returncode == 130, f"exit code {process.returncode} after Ctrl-C")
    check(not is_running(worker), "the worker is gone")
    for key, entry in results(folder).items():
        check_entry(key, entry)


def test_parent_killed(folder):
    process = start(ENDLESS, folder)
    worker = wait_for_scenario(process)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(1)
    check(not is_running(worker), "a worker does not outlive its parent")


def test_timeout(folder):
    done = run(ENDLESS + ["--timeout", "3", "--attn-implementation", "eager"], folder)
    check(done.returncode == 8 and "--timeout" in done.stdout, "a time-out is recorded")


def test_full_disk(folder):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))
    done = run(SHORT + ["-i", "200"], folder, preexec_fn=limit)
    check(done.returncode in (6, 8), f"exit code {done.returncode} on a full disk")
    results(folder)  # what is there is whole
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "run", *SHORT, "--output-dir", folder + "full"],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    check(done.returncode == 6 and "No space left" in done.stderr, "a full standard output")


def test_batching(folder):
    done = run(SHORT + ["-b", "3", "--continuous-batching", "off", "on", "--attn-implementation",
                        "sdpa", "eager", "--kernelize", "off", "on"], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    entries = results(folder)
    check(len(entries) == 8, "two attentions, fused or not, batched or not")
    for entry in entries.values():
        ours = entry["attometer"]
        check(ours["correctness"]["verdict"] == "valid", "verdict")
        check(ours["trust"]["heap_allocations"] == 0, "a measured run allocates nothing")
        batching = entry["config"]["continuous_batching"]
        check((ours["requests"] is not None) == batching, "requests are of continuous batching")
        if batching:
            check(len(ours["requests"]) == 3, "one request for each sequence")
            check(len(entry["measurements"]["timestamps"][0]) == 3, "one list a request")


def test_batching_at_depth(folder):
    load = ["--arrivals", "concurrency:3", "--request-count", "7", "--block-size", "16"]
    done = run(SHORT + ["-d", "0,70", "-b", "2", "--continuous-batching", "off", "on", "--attn-implementation",
                        "sdpa"] + load, folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    texts, made = {0: set(), 70: set()}, {0: [], 70: []}
    for entry in results(folder).values():
        ours, depth = entry["attometer"], entry["attometer"]["effective"]["depth"]
        check(ours["correctness"]["verdict"] == "valid", "verdict")
        check(ours["trust"]["heap_allocations"] == 0, "a measured run allocates nothing")
        check((ours["load"]["context_ns"] > 0) == (depth > 0), "contexts are computed once")
        texts[depth].update(entry["measurements"]["shape_and_decoded_outputs"])
        made[depth] += [request["ids"] for request in ours["requests"] or []]
    check(all(len(found) == 1 for found in texts.values()), "the same tokens, batched and not")
    check(all(len(found) == 7 and found.count(found[0]) == 7 for found in made.values()), "in every request")
    check(texts[0] != texts[70] and made[0][0] != made[70][0], "behind a context they are others")


def test_requests(folder):
    os.makedirs(folder)
    path = os.path.join(folder, "requests.jsonl")
    lines = [{"prompt_tokens": 9, "max_new_tokens": 5, "arrival_s": 0.02},
             {"ids": [3, 1, 4], "max_new_tokens": 7},
             {"ids": [3, 10**6], "max_new_tokens": 7},
             {"ids": [3, 1, 4], "max_new_tokens": 10**6}]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    load = ["--requests", path, "--block-size", "4", "--cache-blocks", "16"]
    for output, more in [("pages", load), ("alone", load + ["--max-sequences", "1"])]:
        done = run(SHORT + ["--attn-implementation", "sdpa"] + more, os.path.join(folder, output))
        check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    first, alone = (next(iter(results(os.path.join(folder, name)).values()))["attometer"]
                    for name in ("pages", "alone"))
    requests = first["requests"]
    check([len(request.get("ids", [])) for request in requests] == [5, 7, 0, 0], "tokens made")
    check(all("refused" in request for request in requests[2:]), "two are refused")
    check(first["batching"]["refused"] == 2 and first["batching"]["requests"] == 4, "counts")
    check(requests[0]["arrival_s"] == 0.02 and len(requests[1]["itl_s"]) == 6, "times")
    check([request.get("ids") for request in alone["requests"]] ==
          [request.get("ids") for request in requests], "the same tokens alone")
    again = run(SHORT + ["--attn-implementation", "sdpa", "--resume"] + load,
                os.path.join(folder, "pages"))
    check("kept" in again.stderr, "the same load is kept")
    again = run(SHORT + ["--attn-implementation", "sdpa", "--resume"] + load +
                ["--token-budget", "5"], os.path.join(folder, "pages"))
    check("kept" not in again.stderr, "another load is measured")
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"ids": [1], "speed": 3}\n')
    done = run(SHORT + load, os.path.join(folder, "wrong"))
    check(done.returncode == 4 and "line 5" in done.stderr, f"a wrong line: {done.stderr}")
    done = run(SHORT + ["--arrivals", "rarely"], os.path.join(folder, "wrong"))
    check(done.returncode == 2 and "poisson:R" in done.stderr, f"a wrong pattern: {done.stderr}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(os.path.join(folder, name))
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
