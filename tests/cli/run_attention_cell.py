#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attometer attention --load … --save … from outside: what every back end of this build writes is
compared with attention computed here in float64, and everything that can be wrong with the files is
tried. Standard library only.

Usage: run_attention_cell.py PROGRAM
"""
import itertools
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
SHAPE = {"B": 2, "Hq": 4, "M": 5, "Hkv": 2, "N": 7, "D": 8}
BOUNDS = {"float32": 2e-6, "bfloat16": 2e-2, "float16": 2e-3}
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


class Array:
    """Elements in C order, indexed by a tuple."""

    def __init__(self, shape, items=None):
        self.shape = tuple(shape)
        self.items = items or [0.0] * math.prod(shape)

    def at(self, index):
        place = 0
        for extent, i in zip(self.shape, index):
            place = place * extent + i
        return place

    def __getitem__(self, index):
        return self.items[self.at(index)]

    def add(self, index, value):
        self.items[self.at(index)] += value


def write(path, array, descr="<f4"):
    code = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q"}[descr]
    shape = "(" + "".join(f"{extent}, " for extent in array.shape) + ")"
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack(f"<{len(array.items)}{code}", *array.items))


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + size])  # a dictionary of literals that this program wrote
    check(head["descr"] == "<f4" and not head["fortran_order"], f"{path} is float32")
    count = math.prod(head["shape"])
    return Array(head["shape"], list(struct.unpack(f"<{count}f", data[10 + size:])))


def rounded(value, dtype):
    if dtype == "float16":
        return struct.unpack("<e", struct.pack("<e", value))[0]
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    if dtype == "bfloat16":
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def draw(shape, generator):
    return Array(shape, [rounded(generator.gauss(0, 1), "float32") for _ in range(math.prod(shape))])


def inputs(shape, generator):
    rows = (shape["B"], shape["Hq"], shape["M"], shape["D"])
    keys = (shape["B"], shape["Hkv"], shape["N"], shape["D"])
    return {"q": draw(rows, generator), "k": draw(keys, generator), "v": draw(keys, generator),
            "dout": draw(rows, generator)}


def reference(tensors, dtype, score_mod, derivative, mask):
    """out, lse and gradients in float64 of inputs rounded to the dtype."""
    q, k, v, dout = (Array(t.shape, [rounded(x, dtype) for x in t.items])
                     for t in (tensors[name] for name in ("q", "k", "v", "dout")))
    batch, heads, queries, dim = q.shape
    group, keys = heads // k.shape[1], k.shape[2]
    out = {"out": Array(q.shape), "lse": Array(q.shape[:3]), "dq": Array(q.shape),
           "dk": Array(k.shape), "dv": Array(k.shape)}
    for b, h, m in itertools.product(range(batch), range(heads), range(queries)):
        seen = [n for n in range(keys) if mask(b, h, m, n)]
        plain = {n: sum(q[b, h, m, d] * k[b, h // group, n, d] for d in range(dim)) / math.sqrt(dim)
                 for n in seen}
        scores = {n: score_mod(plain[n], b, h, m, n) for n in seen}
        top = max(scores.values(), default=0.0)
        total = sum(math.exp(s - top) for s in scores.values())
        out["lse"].add((b, h, m), top + math.log(total) if seen else -math.inf)
        weights = {n: math.exp(scores[n] - top) / total for n in seen}
        dots = {n: sum(dout[b, h, m, d] * v[b, h // group, n, d] for d in range(dim)) for n in seen}
        mean = sum(weights[n] * dots[n] for n in seen)
        for n, d in itertools.product(seen, range(dim)):
            out["out"].add((b, h, m, d), weights[n] * v[b, h // group, n, d])
            out["dv"].add((b, h // group, n, d), weights[n] * dout[b, h, m, d])
            slope = weights[n] * (dots[n] - mean) * derivative(plain[n]) / math.sqrt(dim)
            out["dq"].add((b, h, m, d), slope * k[b, h // group, n, d])
            out["dk"].add((b, h // group, n, d), slope * q[b, h, m, d])
    return out


def distance(found, wanted):
    """||found - wanted|| / ||wanted||; infinities must stand in the same places."""
    difference = total = 0.0
    for a, b in zip(found.items, wanted.items):
        if math.isinf(b) or math.isinf(a):
            if a != b:
                return math.inf
            continue
        difference += (a - b) ** 2
        total += b ** 2
    return math.sqrt(difference / total) if total else math.sqrt(difference)


def run(arguments, **options):
    return subprocess.run([PROGRAM, "attention", *arguments], capture_output=True, text=True,
                          timeout=120, **options)


def save_inputs(folder, tensors, names=("q", "k", "v", "dout")):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        write(f"{folder}/{name}.npy", tensors[name])


# flags, score, its derivative, mask; the last has rows that see nothing
PATTERNS = [
    ([], lambda s, b, h, m, n: s, lambda s: 1.0, lambda b, h, m, n: True),
    (["--mods", "causal"], lambda s, b, h, m, n: s, lambda s: 1.0, lambda b, h, m, n: m >= n),
    (["-mods", "alibi"], lambda s, b, h, m, n: s + (n - m) * 2 ** (-8 * (h + 1) / 4),
     lambda s: 1.0, lambda b, h, m, n: m >= n),
    (["--mods", "softcap", "--param", "cap=2"], lambda s, b, h, m, n: 2 * math.tanh(s / 2),
     lambda s: 1 - math.tanh(s / 2) ** 2, lambda b, h, m, n: m >= n),
    (["--mask", "kv_idx > q_idx + after", "--param", "after=3"], lambda s, b, h, m, n: s,
     lambda s: 1.0, lambda b, h, m, n: n > m + 3),
    (["--score", "score * slope[h]", "--array", "slope={slope}"],
     lambda s, b, h, m, n: s * (0.5, 1.5, -1.0, 2.0)[h], None, lambda b, h, m, n: True),
    (["--mods", "document_mask"], lambda s, b, h, m, n: s, lambda s: 1.0,
     lambda b, h, m, n: m >= n and (m >= 3) == (n >= 3)),
]


def backends():
    lines = run(["--list-backends"]).stdout.splitlines()
    there = [line.split(None, 1) for line in lines]
    return [(name, "backward" in state) for name, state in there if state.startswith("forward")]


def compare(folder, backend, backward, dtype, pattern):
    flags, score_mod, derivative, mask = pattern
    flags = [flag.replace("{slope}", f"{folder}/slope.npy") for flag in flags]
    tensors = inputs(SHAPE, random.Random(f"{backend} {dtype} {flags}"))
    if backend == "fakv":
        tensors = inputs({**SHAPE, "M": 1}, random.Random(dtype))
    source, target = f"{folder}/in", f"{folder}/out"
    with_gradients = backward and derivative
    save_inputs(source, tensors, ("q", "k", "v", "dout") if with_gradients else ("q", "k", "v"))
    write(f"{source}/doc.npy", Array((SHAPE["N"],), [0, 0, 0, 1, 1, 1, 1]), "<i4")
    done = run(["--load", source, "--save", target, "--backend", backend, "--dtype", dtype, *flags])
    what = f"{backend} {dtype} {' '.join(flags)}"
    if done.returncode == 5:
        check(done.stderr.startswith("attometer: ") and done.stderr.count("\n") == 1, what)
        return False
    check(done.returncode == 0, f"{what}: {done.returncode} {done.stderr}")
    wanted = reference(tensors, dtype, score_mod, derivative or (lambda s: 0.0), mask)
    names = ("out", "lse", "dq", "dk", "dv") if with_gradients else ("out", "lse")
    for name in names:
        found = read(f"{target}/{name}.npy")
        check(found.shape == wanted[name].shape, f"{what}: shape of {name}")
        error = distance(found, wanted[name])
        check(error <= BOUNDS[dtype], f"{what}: {name} is off by {error:.3g}")
        os.remove(f"{target}/{name}.npy")
    check(os.listdir(target) == [], f"{what}: {os.listdir(target)} left")
    for name in ("q", "k", "v", "dout"):
        if os.path.exists(f"{source}/{name}.npy"):
            os.remove(f"{source}/{name}.npy")
    return True


def test_values(folder):
    write(f"{folder}/slope.npy", Array((4,), [0.5, 1.5, -1.0, 2.0]), "<f8")
    computed = 0
    for (backend, backward), dtype in itertools.product(backends(), BOUNDS):
        for pattern in PATTERNS:
            computed += compare(folder, backend, backward, dtype, pattern)
    check(computed > 0, "a back end computes something")


def test_decoding(folder):
    tensors = inputs({**SHAPE, "M": 1}, random.Random(3))
    save_inputs(f"{folder}/in", tensors, ("q", "k", "v"))
    offset = SHAPE["N"] // 2
    wanted = reference(tensors, "float32", lambda s, b, h, m, n: s, lambda s: 0.0,
                       lambda b, h, m, n: m + offset >= n)
    for backend, _ in backends():
        done = run(["--load", f"{folder}/in", "--save", f"{folder}/out", "--backend", backend,
                    "--mods", "causal", "--decoding", "--dtype", "float32"])
        check(done.returncode == 0, f"decoding with {backend}: {done.stderr}")
        error = distance(read(f"{folder}/out/out.npy"), wanted["out"])
        check(error <= BOUNDS["float32"], f"decoding with {backend} is off by {error:.3g}")


def refuse(folder, code, words, flags=()):
    name = backends()[0][0]
    done = run(["--load", f"{folder}/in", "--save", f"{folder}/out", "--backend", name, *flags])
    check(done.returncode == code and words in done.stderr and done.stdout == "",
          f"expected [{code}] … {words}, found [{done.returncode}] {done.stderr}")


def test_files(folder):
    tensors = inputs(SHAPE, random.Random(5))
    source = f"{folder}/in"
    refuse(folder, 3, "in/q.npy: cannot open")
    save_inputs(source, tensors, ("q", "k"))
    refuse(folder, 3, "in/v.npy: cannot open")
    save_inputs(source, tensors, ("v",))
    write(f"{source}/q.npy", Array((5, 8)))
    refuse(folder, 4, "in/q.npy: shape is [5, 8], expected [B, Hq, M, D]")
    write(f"{source}/q.npy", Array((2, 4, 0, 8)))
    refuse(folder, 4, "in/q.npy: shape is [2, 4, 0, 8], expected [B, Hq, M, D]")
    write(f"{source}/q.npy", tensors["q"], "<f8")
    refuse(folder, 4, "in/q.npy: is float64, expected float32")
    save_inputs(source, tensors, ("q",))
    write(f"{source}/v.npy", Array((2, 2, 6, 8)))
    refuse(folder, 4, "in/v.npy: shape is [2, 2, 6, 8], expected [2, 2, 7, 8]")
    write(f"{source}/v.npy", Array((2, 3, 7, 8)))
    write(f"{source}/k.npy", Array((2, 3, 7, 8)))
    refuse(folder, 4, "in/k.npy: 3 heads, expected a number that divides the 4 of q.npy")
    save_inputs(source, tensors, ("k", "v"))
    write(f"{source}/dout.npy", Array((2, 4, 5, 9)))
    refuse(folder, 4, "in/dout.npy: shape is [2, 4, 5, 9], expected [2, 4, 5, 8]")
    os.remove(f"{source}/dout.npy")
    with open(f"{source}/q.npy", "r+b") as file:
        file.truncate(200)
    refuse(folder, 4, "in/q.npy: ")
    for name in ("q", "k", "v"):
        write(f"{source}/{name}.npy", Array((1, 1, 2, 257)))
    refuse(folder, 5, "in/q.npy: head dimension is 257, expected at most 256")
    check(not os.path.exists(f"{folder}/out"), "nothing is written when something is wrong")


def test_flags(folder):
    save_inputs(f"{folder}/in", inputs(SHAPE, random.Random(6)), ("q", "k", "v"))
    refuse(folder, 2, "--backend: 2 given, expected one", ["--backend", "fav2"])
    refuse(folder, 2, "--s: has no place beside --load", ["-s", "4"])
    refuse(folder, 2, "--mods: 2 given, expected one", ["--mods", "causal", "alibi"])
    refuse(folder, 2, "--decoding: q.npy has 5 queries, expected 1", ["--decoding"])
    refuse(folder, 3, "in/doc.npy: document_mask needs", ["--mods", "document_mask"])
    refuse(folder, 2, "casual", ["--mods", "casual"])
    refuse(folder, 2, "--param: \"cap\" given, expected NAME=NUMBER",
           ["--mods", "softcap", "--param", "cap"])
    refuse(folder, 2, "--dtype: \"float64\" given", ["--dtype", "float64"])
    done = run(["--load", f"{folder}/in"])
    check(done.returncode == 2 and "--save: missing" in done.stderr, done.stderr)
    done = run(["--load", f"{folder}/in", "--save", f"{folder}/out", "--backend", "fav3"])
    check(done.returncode == 5 and "NVIDIA" in done.stderr, done.stderr)
    done = run(["--load", f"{folder}/in", "--save", "/proc/nowhere"])
    check(done.returncode in (3, 5, 6), f"a folder that cannot be made: {done.stderr}")


def test_not_finite(folder):
    """NaN and infinities are data: they reach the rows that see them, and no others."""
    tensors = inputs(SHAPE, random.Random(7))
    tensors["q"].items[tensors["q"].at((0, 0, 1, 0))] = math.nan
    save_inputs(f"{folder}/in", tensors, ("q", "k", "v"))
    for backend, _ in backends():
        if backend == "fakv":
            continue
        done = run(["--load", f"{folder}/in", "--save", f"{folder}/out", "--backend", backend,
                    "--dtype", "float32"])
        check(done.returncode == 0, f"NaN with {backend}: {done.stderr}")
        out = read(f"{folder}/out/out.npy")
        check(math.isnan(out[0, 0, 1, 0]), f"{backend}: a NaN comes out")
        check(sum(math.isnan(x) for x in out.items) == SHAPE["D"], f"{backend}: in its row alone")


def main():
    for test in (test_values, test_decoding, test_files, test_flags, test_not_finite):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
