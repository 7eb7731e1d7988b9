#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares ids, decoded text, load time and speed with the PyPI package `tokenizers`, on the
tokenizer.json files given. Strings are drawn and mutated from a seed that is printed.

    tokenizers_compare.py --command 'BINARY tokenize --jsonl --model-id' FILE.json…

FILE.json@OTHER.gguf runs ours on the tokenizer of a GGUF file and theirs on FILE.json.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402

SCRIPTS = ["The quick brown fox jumps over the lazy dog's back, doesn't it? I'LL see we've 'em.",
           "Größe, naïve café — “quotes” … №5 ½ ¾ ² Ⅳ ①", "Привет, как дела? Ёжик 2024 года",
           "你好，世界！今天天气很好。我们去公园吧", "こんにちは世界、カタカナ ﾊﾝｶｸ テスト",
           "안녕하세요 세계 각종 한글 가각힣", "مرحبا بالعالم كيف حالك ١٢٣", "שלום עולם מה שלומך",
           "नमस्ते दुनिया क्षत्रिय ०१२३", "สวัสดีชาวโลก ภาษาไทย", "Γειά σου Κόσμε ΣΑΣ",
           "Xin chào thế giới Tiếng Việt", "İstanbul ıspanak ſtraße ﬁne ﬀ K Å",
           "def f(x):\n    return x ** 2  # comment\n\n\tif x != 0:\r\n\t\tprint(f\"{x:>10}\")\n",
           "<html><body class=\"a\">&nbsp;</body></html>", "{\"a\": [1, 2.5e-3, null, true]}",
           "👨‍👩‍👧‍👦 👍🏽 🇩🇪 ☺️ ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿 😀😃", "e\u0301 a\u0308\u0323 \u1100\u1161\u11a8 o\u0302\u0323",
           "   leading and trailing   ", "\t\t tabs \t\n\n\n newlines \r\n \r", "a b c\u3000d\u2003e\u200bf",
           "1234567890 3.14159 1,000,000 0x1F 12:34:56 ١٢٣٤", "http://www.example.com/?q=a&b=c#d",
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
           "!!!???...---===***///\\\\\\", "\x00\x01\x07\x1b[0m\x7f\x85\xad\ufeff\ufffd", "▁under ▁▁score ▁",
           "𝒜𝓁𝑔𝑒𝒷𝓇𝒶 𝕳𝖊𝖑𝖑𝖔 ＦＵＬＬ ｗｉｄｔｈ ㎏ ㍿", "ꜱ ꟲ ㋿ 𞤀𞤢 𑓗 ૿ ꠬ Ᲊ"]


def special_strings(path):
    data = json.load(open(path, encoding="utf-8"))
    return [t["content"] for t in data.get("added_tokens") or []][:400]


def random_character(rng):
    while True:
        kind = rng.random()
        c = rng.choice([rng.randrange(0x20, 0x7F), rng.randrange(0x250), rng.randrange(0x3000),
                        rng.randrange(0x11000), rng.randrange(0x110000)]) if kind < 0.9 else \
            rng.choice([0x20, 0x0A, 0x0D, 0x09, 0x301, 0x200D, 0x27, 0xA0, 0x2028, 0x180E])
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def draw(rng, specials, real):
    parts = []
    for _ in range(rng.randrange(1, 6)):
        kind = rng.random()
        if kind < 0.5:
            text = rng.choice(SCRIPTS)
            begin = rng.randrange(len(text))
            parts.append(text[begin:begin + rng.randrange(1, 60)])
        elif kind < 0.6:
            parts.append(" " * rng.randrange(1, 9))
        elif kind < 0.7 and specials:
            parts.append(rng.choice(specials))
        elif kind < 0.8:
            parts.append("".join(random_character(rng) for _ in range(rng.randrange(1, 12))))
        elif kind < 0.9 and real:
            begin = rng.randrange(len(real))
            parts.append(real[begin:begin + rng.randrange(1, 300)])
        else:
            text = list(rng.choice(SCRIPTS))
            rng.shuffle(text)
            parts.append("".join(text[:30]))
    text = "".join(parts)
    if rng.random() < 0.3:
        text = rng.choice([str.upper, str.title, str.swapcase])(text)
    return "".join(c for c in text if not 0xD800 <= ord(c) < 0xE000)


def run(command, path, arguments, lines):
    folder = path
    result = subprocess.run(command + [folder] + arguments, input="\n".join(lines) + "\n",
                            capture_output=True, encoding="utf-8")
    if result.returncode:
        raise SystemExit(f"{path}: {result.stderr.strip()}")
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def compare(name, texts, ours, theirs, show):
    wrong = [i for i in range(len(theirs)) if ours[i] != theirs[i]]
    for i in wrong[:show]:
        print(f"  {name} {texts[i]!r}\n    ours   {ours[i]}\n    theirs {theirs[i]}")
    return len(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", required=True, help="what to run before the path")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("--text", help="a file of text for strings and for timing")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    real = open(arguments.text, encoding="utf-8").read() if arguments.text else ""
    print(f"tokenizers {tokenizers.__version__}, seed {seed}, {arguments.count} strings a file")
    failures = 0
    for name in arguments.files:
        path, _, ours = name.partition("@")
        rng = random.Random(seed)
        begin = time.perf_counter()
        reference = tokenizers.Tokenizer.from_file(path)
        load = time.perf_counter() - begin
        reference.no_truncation()
        reference.no_padding()
        specials = special_strings(path)
        texts = [draw(rng, specials, real) for _ in range(arguments.count)]
        lines = [json.dumps(t) for t in texts]
        command = arguments.command.split()
        counts = []
        with_special = [reference.encode(t).ids for t in texts]
        counts.append(compare("with specials", texts, run(command, ours or path, [], lines), with_special,
                              arguments.show))
        plain = [reference.encode(t, add_special_tokens=False).ids for t in texts]
        counts.append(compare("without", texts,
                              run(command, ours or path, ["--no-special-tokens"], lines), plain,
                              arguments.show))
        size = reference.get_vocab_size()
        sequences = with_special + [[rng.randrange(size) for _ in range(rng.randrange(1, 20))]
                                    for _ in range(arguments.count // 2)]
        lines = [json.dumps(s) for s in sequences]
        for flags, skip in (["--decode"], False), (["--decode", "--no-special-tokens"], True):
            theirs = [reference.decode(s, skip_special_tokens=skip) for s in sequences]
            counts.append(compare("decode", sequences, run(command, ours or path, flags, lines), theirs,
                                  arguments.show))
        speed = ""
        if real:
            best = 0
            chunks = [real[i:i + 10000] for i in range(0, len(real), 10000)]
            for _ in range(2):
                begin = time.perf_counter()
                for chunk in chunks:
                    reference.encode(chunk)
                best = max(best, len(real.encode()) / (time.perf_counter() - begin) * 1e-6)
            out = subprocess.run(command + [ours or path, "--time"], input=real, capture_output=True,
                                 encoding="utf-8").stdout
            speed = f"; theirs load {load * 1e3:.0f} ms, {best:.2f} MB/s; ours {out.strip()}"
        print(f"{os.path.basename(name)}: differences with/without/decode/skip {counts}{speed}", flush=True)
        failures += sum(counts)
    sys.exit(failures != 0)


main()
