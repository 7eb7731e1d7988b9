#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attometer attention from outside: results, files beside them, resume, and everything that can go
wrong on the way. Standard library only.

Usage: run_attention_sweep.py PROGRAM
"""
import csv
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

PROGRAM = os.path.abspath(sys.argv[1])
CONFIGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../configs/attention")
QUICK = ["--measure-time", "0.002", "--warmup", "1", "--no-cold"]
SHORT = ["-b", "1", "2", "-nh", "4,2", "-s", "16", "48", "-d", "16", "-mods", "causal", "softcap",
         "--backend", "math", "fav3", *QUICK]
ENDLESS = ["-b", "1", "-nh", "4,4", "-s", "32", "64", "96", "128", "-d", "16", "-mods", "noop", "rel",
           "--backend", "math", "--measure-time", "1", "--warmup", "1"]
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def run(arguments, folder, **options):
    return subprocess.run([PROGRAM, "attention", *arguments, "--output-dir", folder],
                          capture_output=True, text=True, timeout=300, **options)


def results(folder):
    paths = sorted(glob.glob(f"{folder}/attention/attention_benchmark_*.json"))
    check(len(paths) == 1, f"one result file in {folder}, found {paths}")
    with open(paths[0], encoding="utf-8") as file:
        return json.load(file), paths[0]


def cells_of(document):
    return [document[key] for key in document["sweep"]["cells"] if key in document]


def check_pass(cell, backend, name):
    timed, work = backend[name], cell["work"]
    seconds = timed["warm"]["med_ns"] * 1e-9
    check(seconds > 0 and timed["warm"]["count"] == len(timed["warm"]["values_ns"]), "times")
    rate = work[f"{name}_flops"] / seconds * 1e-12
    check(abs(timed["tflop_per_s"] - rate) <= 1e-9 * rate, "TFLOP/s")
    rate = work[f"{name}_bytes"] / seconds * 1e-12
    check(abs(timed["tb_per_s"] - rate) <= 1e-9 * rate, "TB/s")


def check_cell(cell):
    batch, heads, queries, kv_heads, keys, dim = cell["shape"]
    causal = keys * (keys + 1) // 2
    check(cell["status"] == "measured", f"{cell['label']}: {cell['reason']}")
    check(cell["pairs"]["visible"] == batch * heads * causal, "visible pairs of a causal mask")
    sparsity = 1 - causal / keys / queries
    check(abs(cell["pairs"]["sparsity"] - sparsity) < 1e-12, "sparsity")
    flops = batch * heads * (4 * queries * keys * dim + 2 * queries * keys) * (1 - sparsity)
    check(abs(cell["work"]["forward_flops"] - flops) <= 1e-9 * flops, "FLOP")
    check(abs(cell["work"]["backward_flops"] - 2.5 * flops) <= 1e-9 * flops, "backward FLOP")
    size = 2 * (2 * batch * heads * queries * dim + 2 * batch * kv_heads * keys * dim)
    check(cell["work"]["forward_bytes"] == size, "bytes")
    names = [backend["name"] for backend in cell["backends"]]
    check(names == ["math", "fav3", "flex"], f"back ends {names}")
    for backend in cell["backends"]:
        if backend["name"] == "fav3":
            check(backend["status"] == "skipped" and "NVIDIA" in backend["reason"], "fav3")
            continue
        check(backend["correctness"]["verdict"] == "valid", f"{cell['label']}: {backend['name']}")
        check_pass(cell, backend, "forward")
        check_pass(cell, backend, "backward")


def test_results(folder):
    files = [f"{folder}/{name}" for name in ("a.csv", "a.json", "a.svg")]
    done = run([*SHORT, "--calculate-bwd", "--show-speedups", "--save-path", files[0],
                "--output-json-for-dashboard", files[1], "--plot", files[2]], folder)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    table = done.stdout.split("\nresults: ")[0]
    check(all(len(line) <= 80 for line in table.splitlines()), f"80 columns: {table}")
    check("\r" not in done.stderr and "\x1b" not in done.stderr, "plain lines in a pipe")
    check(done.stdout.count("[SKIP] fav3") == 1, "a skip is said once")
    document, path = results(folder)
    cells = cells_of(document)
    check(len(cells) == 8, f"{len(cells)} cells")
    for cell in cells:
        check_cell(cell)
    check_csv(files[0], cells)
    check_dashboard(files[1])
    check_picture(files[2])
    check_report(path, done.stdout)


def check_csv(path, cells):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = ("time", "TFlops", "mem_bw (TB/s)")
    columns = ["attn_type", "dtype", "shape(B,Hq,M,Hkv,N,D)"]
    columns += [f"{name}_{way}_{metric}" for name in ("math", "fav3", "flex_attn")
                for way in ("fwd", "bwd") for metric in metrics]
    columns += [f"{name}_{way}_speedup" for way in ("fwd", "bwd") for name in ("math", "fav3")]
    check(list(rows[0]) == columns, f"columns {list(rows[0])}")
    check(len(rows) == len(cells), "a row a cell")
    for row, cell in zip(rows, cells):
        check(row["shape(B,Hq,M,Hkv,N,D)"] == str(tuple(cell["shape"])), "shape")
        check(row["attn_type"] == cell["config"]["mod"]["name"], "attn_type")
        check(row["fav3_fwd_time"] == "nan" and row["fav3_bwd_speedup"] == "nan", "nan of a skip")
        flex = cell["backends"][-1]["forward"]["warm"]["med_ns"] / 1000
        math = cell["backends"][0]["forward"]["warm"]["med_ns"] / 1000
        check(abs(float(row["flex_attn_fwd_time"]) - flex) <= 1e-9 * flex, "microseconds")
        check(abs(float(row["math_fwd_speedup"]) - math / flex) <= 1e-9 * math / flex, "speedup")


def check_dashboard(path):
    with open(path, encoding="utf-8") as file:
        records = json.load(file)
    check(records and all(set(r) == {"benchmark", "model", "metric"} for r in records), "records")
    check({r["metric"]["name"] for r in records} >= {"forward latency", "backward latency"}, "metrics")


def check_picture(path):
    svg = xml.etree.ElementTree.parse(path).getroot()
    words = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    check("math" in words and "flex" in words and "fav3" not in words, "legend")
    check("causal, 4 query heads on 2 key heads of 16, bfloat16, batch 2: backward" in words, "head")
    check("48 queries x 48 keys" in words, "mask")


def check_report(path, printed):
    done = subprocess.run([PROGRAM, "report", path, "--show-speedups"], capture_output=True,
                          text=True, timeout=60)
    check(done.returncode == 0 and printed.startswith(done.stdout), "report prints the same")
    for form in ("markdown", "csv", "json", "jsonl"):
        done = subprocess.run([PROGRAM, "report", path, "--output-format", form],
                              capture_output=True, text=True, timeout=60)
        check(done.returncode == 0 and done.stdout, f"report as {form}")
    check(len(done.stdout.splitlines()) == 8, "a JSON line a cell")


def test_resume(folder):
    check(run(SHORT, folder).returncode == 0, "first run")
    first, path = results(folder)
    done = run([*SHORT, "--resume", "-b", "1", "2", "3"], folder)
    check(done.returncode == 0, done.stderr)
    second, same = results(folder)
    check(path == same and len(cells_of(second)) == 12, "the file goes on")
    for key in first["sweep"]["cells"]:
        check(first[key] == second[key], "what was measured is not measured again")


def test_interrupt(folder):
    for name in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([PROGRAM, "attention", *ENDLESS, "--output-dir", folder],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 120
        lines = []
        while time.time() < deadline and not any(line.startswith("[1/") for line in lines):
            lines.append(process.stderr.readline())
        process.send_signal(name)
        out, err = process.communicate(timeout=60)
        check(process.returncode == 130, f"exit code {process.returncode}: {err}")
        check("noop" in out and "results: " in out, f"what was measured is printed: {out}")
        document, path = results(folder)
        cells = cells_of(document)
        check(1 <= len(cells) < 8, f"{len(cells)} cells after an interrupt")
        check(all(cell["status"] == "measured" for cell in cells), "whole cells alone")
        os.remove(path)


def test_bounds(folder):
    done = run([*SHORT, "--time-budget", "0.000001"], f"{folder}/a")
    check(done.returncode == 5, f"nothing measured: {done.returncode} {done.stderr}")
    check("time_budget" in done.stdout, f"the reason is printed: {done.stdout}")
    done = run([*SHORT, "--max-seq", "16", "--max-batch", "1"], f"{folder}/b")
    check(done.returncode == 0 and "cut by max_seq 16" in done.stdout, done.stdout)
    check(len(cells_of(results(f"{folder}/b")[0])) == 2, "cut cells are not there")
    done = run([*SHORT, "--max-bytes", "1K"], f"{folder}/c")
    check(done.returncode == 5 and "GiB" in done.stdout, f"too large: {done.stdout}")


def test_files(folder):
    done = run([*SHORT, "--plot", f"{folder}/nowhere/p.svg"], folder)
    check(done.returncode == 3 and "nowhere/p.svg" in done.stderr, done.stderr)
    check(not os.path.exists(f"{folder}/attention"), "nothing is begun then")
    done = run([*SHORT, "--save-path", "/dev/null"], folder)
    check(done.returncode == 2 and "/dev/null" in done.stderr, done.stderr)
    done = run(SHORT, "/proc/nowhere")
    check(done.returncode in (3, 6), f"a folder that cannot be made: {done.stderr}")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PROGRAM, "attention", *SHORT, "--output-dir", folder], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    check(done.returncode == 6 and "cannot write" in done.stderr, f"full disk: {done.stderr}")
    check(len(cells_of(results(folder)[0])) == 8, "the results are on disk nevertheless")
    shutil.rmtree(f"{folder}/attention")


def test_report_errors(folder):
    wrong = f"{folder}/wrong.json"
    for text, code in (("", 4), ("[1]", 4), ('{"sweep": {"kind": "attention", "cells": [1]}}', 4),
                       ('{"sweep": {"kind": "attention", "cells": ["a"]}, "a": {"shape": [1]}}', 4)):
        with open(wrong, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([PROGRAM, "report", wrong], capture_output=True, text=True, timeout=60)
        check(done.returncode == code and "wrong.json" in done.stderr, f"{text}: {done.stderr}")
    done = subprocess.run([PROGRAM, "report", f"{folder}/none.json"], capture_output=True, text=True,
                          timeout=60)
    check(done.returncode == 3, done.stderr)


def test_configs(folder):
    """Every configuration runs to its end when it is cut."""
    cut = ["-b", "1", "-s", "32", "-d", "16", *QUICK]
    for path in sorted(glob.glob(f"{CONFIGS}/*.yaml")):
        name = os.path.basename(path)
        own = ["--kv-size", "1", "-nh", "16,16"] if "memory" in name else []
        few = ["-nh", "4,2"] if "custom" not in name and not own else []
        done = run(["--config", path, *cut, *few, *own], f"{folder}/{name}", cwd=folder)
        check(done.returncode == 0, f"{name}: {done.returncode} {done.stdout} {done.stderr}")
        saved = f"{folder}/attention_{name[:-5]}.csv"
        check(os.path.exists(saved) or name == "custom_mods.yaml", f"{saved} is there")


def main():
    for test in (test_results, test_resume, test_interrupt, test_bounds, test_files,
                 test_report_errors, test_configs):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
