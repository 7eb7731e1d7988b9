#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes expressions.json beside it: expressions of the mods language and what Python makes of them.

Some are written here, for each rule of precedence and typing; the others are strung together at
random without parentheses, so that precedence decides what they mean. An expression that Python
refuses at some point (a division by zero, a complex power) or whose value is huge is left out.
Standard library only; the same file every time.
"""
import ast
import json
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
VARIABLES = ["q_idx", "kv_idx", "h", "b", "score"]
DOC = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 4, -7, 4, 5, 9]
SLOPES = [0.5, -0.25, 2.0, 0.0]
BIAS = [[round(math.sin(1.7 * r + 0.3 * c) * 4) / 8 for c in range(16)] for r in range(4)]
PARAMETERS = {"window": 5, "negative": -3, "half": 0.5, "cap": 30.0, "on": 1}

WRITTEN = """
1 + 2 * 3
(1 + 2) * 3
2 ** 3 ** 2
(2 ** 3) ** 2
-2 ** 2
(-2) ** 2
2 ** -1
2 ** -2 ** 2
-q_idx ** 2
- - q_idx
-+-q_idx
+True
-True
2 - 3 - 4
2 - (3 - 4)
100 // 7 // 2
100 / 8 / 2
7 // 2 * 2
7 % 4 * 2
2 * 7 % 4
7 // -2
-7 // 2
-7 // -2
7 % -3
-7 % 3
-7 % -3
7.5 // 2
-7.5 // 2
7.5 // -2
7.5 % 2
-7.5 % 2
7.5 % -2
1.0 // 0.1
1.0 % 0.1
-1.0 // 0.1
-1.0 % 0.1
6.0 // 2.0
-6.0 % 2.0
1e-20 % 3
-1e-20 % 3
5 // 1e300
-5 // 1e300
1 / 3
6 / 3
7 / -2
1 < 2
1 < 2 < 3
1 < 3 < 2
3 > 2 > 1
1 < 2 == True
1 < 2 == 2
(1 < 2) == True
1 == 1.0
0 <= q_idx - kv_idx < window
q_idx > kv_idx > h > -1
q_idx == kv_idx == 3
q_idx != kv_idx != h
1 <= h <= 2 != b
not q_idx
not q_idx == 3
not q_idx > kv_idx
not not q_idx
not (q_idx and kv_idx)
not q_idx and kv_idx
not q_idx or kv_idx
not score > 0
not score == 0.5
q_idx and kv_idx
q_idx or kv_idx
q_idx and kv_idx or h
q_idx or kv_idx and h
q_idx and kv_idx and h
q_idx or kv_idx or h
(q_idx or kv_idx) and h
0 and 1
0 or 7
3 and 0.5
0.0 or 2
h or 0.5
h and 0.5
(h or 0.5) + 1
(h and score) * 2
q_idx > 3 and 5
q_idx > 3 or 5
(q_idx > 3) + (kv_idx > 3)
(q_idx > 3) * score
True + True
True * 3
True and False or True
True == 1
True < 2
False ** 0
(q_idx > 3) == (kv_idx > 3)
(q_idx > 3) != (kv_idx > 3)
(q_idx > 3) & (kv_idx > 3)
(q_idx > 3) | (kv_idx > 3)
(q_idx > 3) ^ (kv_idx > 3)
(q_idx > 3) & (kv_idx > 3) | (h == 1)
(q_idx > 3) | (kv_idx > 3) & (h == 1)
(q_idx > 3) ^ (kv_idx > 3) & (h == 1)
(q_idx > 3) | (kv_idx > 3) ^ (h == 1)
(q_idx > 3) & (kv_idx > 3) == (h == 1)
not (q_idx > 3) & (kv_idx > 3)
1 if q_idx else 2
1 if q_idx > 3 else 2 if kv_idx > 3 else 3
(1 if q_idx > 3 else 2) if kv_idx > 3 else 3
1 if (2 if h else 0) else 3
q_idx + 1 if h else kv_idx + 2
1 + (q_idx if h else kv_idx)
q_idx or kv_idx if h else b
1 if h or b else 0
1 if not h else 0
0.5 if h else 1
(0.5 if h else 1) // 1
where(q_idx >= kv_idx, score, -1)
where(h, 1, 2.5)
where(score, True, False)
where(q_idx > kv_idx, q_idx, kv_idx) - max(q_idx, kv_idx)
min(q_idx, kv_idx)
max(q_idx, kv_idx)
min(q_idx, kv_idx, h, b)
max(q_idx, 3.5, h)
min(q_idx, 3.5)
max(True, 0)
abs(q_idx - kv_idx)
abs(score)
abs(-True)
exp(score)
exp(0)
exp2(h)
exp2(-8 * (h + 1) / 4)
log(q_idx + 1)
log(abs(score) + 0.25)
tanh(score / cap) * cap
tanh(True)
sqrt(q_idx)
sqrt(abs(score))
pow(q_idx, 2)
pow(2, h)
pow(2, -h)
pow(score, 2)
pow(abs(score), half)
float(q_idx) / 4
int(score)
int(-score)
int(-2.9)
int(2.9)
int(q_idx / 4)
int(q_idx > 3)
float(q_idx > 3)
bool(q_idx)
bool(score) + 1
math.sqrt(q_idx)
math.pi * 2
int(math.exp(h))
doc[q_idx]
doc[q_idx] == doc[kv_idx]
doc[q_idx] == doc[kv_idx] and q_idx >= kv_idx
doc[-1]
doc[-4] ** 2
doc[q_idx // 2 + kv_idx // 2]
doc[max(q_idx - kv_idx, 0)]
doc[min(q_idx + kv_idx, 15)]
doc[int(q_idx / 2)]
doc[abs(doc[3])]
slopes[h] * (kv_idx - q_idx)
score + slopes[h] * (kv_idx - q_idx)
bias[h][kv_idx]
bias[h, kv_idx]
bias[h][kv_idx] + bias[3 - h][15 - kv_idx]
bias[-1][q_idx] * 2
score + bias[h][abs(q_idx - kv_idx)]
2 ** h
2 ** h // 3
q_idx // 2 ** h
(q_idx - kv_idx) % 2 ** h == 0
q_idx % (2 ** h) == kv_idx % (2 ** h)
2 ** (q_idx - kv_idx)
2 ** (h - 2) * 8
(-1) ** q_idx
(-2) ** h
(-1) ** (q_idx + kv_idx)
h ** 3
(q_idx - 7) ** 3
(q_idx - 7) ** 5
(q_idx - 7) ** 0
0 ** h
1 ** q_idx
3 ** min(h, 2)
2.0 ** h
2.0 ** -h
score ** 2
score ** 3
score ** 0
score ** 1
half ** q_idx
h ** 0.5
q_idx * 0 + 1
q_idx + 0
q_idx * 1
q_idx - q_idx
q_idx // 1
q_idx % 1
q_idx % -1
q_idx // -1
0 // (q_idx + 1)
0 % (q_idx + 1)
score * 1
score / 1
score / -1
score * -1
score - 0
0 - score
--score
score - -score
score + -score
-(q_idx - kv_idx)
abs(abs(score))
abs(-score)
q_idx >= q_idx
q_idx < q_idx
score >= score
q_idx <= 2.5
q_idx < 2.5
q_idx > 2.5
q_idx >= 2.5
q_idx == 2.5
q_idx != 2.5
q_idx <= 3.0
q_idx < 3.0
q_idx == 3.0
q_idx != 3.0
-q_idx <= -2.5
-q_idx < -2.5
-q_idx > -2.5
-q_idx >= -2.5
2.5 < q_idx
2.5 >= q_idx
q_idx - kv_idx <= window / 2
q_idx * half > kv_idx
negative // 2 + negative % 2
q_idx + negative
on and q_idx
not on
window if on else negative
(q_idx > 3) == 1
(q_idx > 3) == 0
(q_idx > 3) != 0
(q_idx > 3) != 1
(q_idx > 3) == 2
0x10 + 0b101 + 0o17
1_000 + 0xf_f
0xFF
00
1e3
1.5e-3
1_0.2_5
.5 + 5.
1E2
1e+2
007.5
0.1 + 0.2
3.0 // 2 + 3 // 2.0
1 if 1 < 2 < 3 else 0
not 1 < 2 < 3
1 - 1 if h else 2 * 3
  q_idx   +
  kv_idx
"""

LITERALS = ["0", "1", "2", "3", "7", "0.5", "2.5", "0.25", "1e1", "True", "False"]
FUNCTIONS = [("min", 2), ("max", 2), ("max", 3), ("where", 3), ("abs", 1), ("tanh", 1), ("int", 1),
             ("float", 1), ("exp2", 1), ("sqrt", 1), ("bool", 1)]
OPERATORS = [" + ", " - ", " * ", " / ", " // ", " % ", " ** ", " == ", " != ", " < ", " <= ", " > ",
             " >= ", " and ", " or "]


def small_power(base, exponent):
    """base ** exponent; Python's integers would grow without bound."""
    if abs(exponent) > 64 or abs(base) > 1e6:
        raise OverflowError
    return base ** exponent


def where(condition, a, b):
    return a if condition else b


class Table(list):
    """A list of lists that also takes table[row, column]."""

    def __getitem__(self, index):
        if isinstance(index, tuple):
            return list.__getitem__(self, index[0])[index[1]]
        return list.__getitem__(self, index)


LIBRARY = {"where": where, "min": min, "max": max, "abs": abs, "exp": math.exp, "exp2": lambda x: small_power(2.0, x),
           "log": math.log, "tanh": math.tanh, "sqrt": math.sqrt, "pow": small_power, "float": float,
           "int": int, "bool": bool, "math": math, "small_power": small_power, "doc": DOC,
           "slopes": SLOPES, "bias": Table(BIAS), **PARAMETERS}


def make_points(source):
    points = [{"q_idx": 0, "kv_idx": 0, "h": 0, "b": 0, "score": 0.0},
              {"q_idx": 15, "kv_idx": 15, "h": 3, "b": 1, "score": -1.0},
              {"q_idx": 3, "kv_idx": 3, "h": 1, "b": 0, "score": 0.5}]
    for _ in range(9):
        points.append({"q_idx": source.randrange(16), "kv_idx": source.randrange(16),
                       "h": source.randrange(4), "b": source.randrange(2),
                       "score": round(source.gauss(0, 3) * 64) / 64})
    return points


def atom(source, depth):
    choice = source.random()
    if depth > 0 and choice < 0.2:
        name, count = source.choice(FUNCTIONS)
        return f"{name}({', '.join(chain(source, depth - 1) for _ in range(count))})"
    if depth > 0 and choice < 0.35:
        return f"({chain(source, depth - 1)})"
    if choice < 0.4:
        return source.choice(["doc[q_idx]", "doc[kv_idx]", "slopes[h]", "bias[h][kv_idx]"])
    return source.choice(LITERALS if choice < 0.6 else VARIABLES + list(PARAMETERS))


def prefixed(source, depth):
    return source.choice(["", "", "", "-", "+"]) + atom(source, depth)


def chain(source, depth):
    """Operands and operators in a row, now and then with `not` or a conditional."""
    text = ""
    for i in range(source.randrange(1, 5)):
        operator = source.choice(OPERATORS) if i else ""
        negated = operator in ("", " and ", " or ") and source.random() < 0.15
        text += operator + ("not " if negated else "") + prefixed(source, depth)
    if source.random() < 0.12:
        text += f" if {prefixed(source, depth)} else {prefixed(source, depth)}"
    return text


class Powers(ast.NodeTransformer):
    def visit_BinOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        name = ast.Name(id="small_power", ctx=ast.Load())
        return ast.Call(func=name, args=[node.left, node.right], keywords=[])


def compiled(text):
    """Code for the expression, and for every divisor in it, those of branches not taken too."""
    tree = ast.fix_missing_locations(Powers().visit(ast.parse(f"({text}\n)", mode="eval")))
    divisors = [compile(ast.Expression(node.right), text, "eval") for node in ast.walk(tree)
                if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.FloorDiv, ast.Mod))]
    return compile(tree, text, "eval"), divisors


def evaluated(code, point):
    return eval(code, {"__builtins__": {}}, {**LIBRARY, **point})


def value_at(code, point):
    value = evaluated(code, point)
    if isinstance(value, complex) or not abs(value) < 2 ** 31:
        raise OverflowError
    return value


def case(text, points):
    """None where Python has no value, or where rounding decides it."""
    try:
        code, divisors = compiled(text)
        if any(evaluated(divisor, point) == 0 for divisor in divisors for point in points):
            return None
        values = [value_at(code, point) for point in points]
    except (ArithmeticError, TypeError, ValueError):
        return None
    return {"text": text, "values": values}


def main():
    source = random.Random(7)
    points = make_points(source)
    cases = []
    pieces = WRITTEN.strip("\n").split("\n")
    written = [line for line in pieces[:-2]] + ["\n".join(pieces[-2:])]
    for text in written:
        made = case(text, points)
        assert made, text
        cases.append(made)
    while len(cases) < len(written) + 600:
        made = case(chain(source, 2), points)
        interesting = made and len(set(map(float, made["values"]))) > 2 and len(made["text"]) > 12
        if interesting and "**" in made["text"] and source.random() < 0.5:
            continue  # half of those are enough
        if interesting:
            cases.append(made)
    document = {"points": points, "parameters": PARAMETERS, "doc": DOC, "slopes": SLOPES, "bias": BIAS,
                "cases": cases}
    with open(os.path.join(HERE, "expressions.json"), "w", encoding="utf-8") as file:
        head = {key: value for key, value in document.items() if key != "cases"}
        file.write(json.dumps(head)[:-1] + ', "cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
