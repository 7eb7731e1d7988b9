#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the vocabulary of a GGUF file into a tokenizer.json with the pipeline of its family, so that
the tokenizers library can be compared on real vocabularies. Needs the PyPI package `gguf`.

    tokenizers_from_gguf.py FILE.gguf FAMILY OUTPUT.json
FAMILY: gpt2 smollm2 llama3 qwen2 nemo o200k deepseek neox llama2 mistral3 gemma phi3
"""
import json
import sys

from gguf import GGUFReader

LETTERS_UP = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LETTERS_LOW = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n%s]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CL100K = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + TAIL % ""
EXPRESSIONS = {
    "llama3": CL100K,
    "qwen2": CL100K.replace(r"\p{N}{1,3}", r"\p{N}"),
    "nemo": (rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UP}*{LETTERS_LOW}+|"
             rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UP}+{LETTERS_LOW}*|\p{{N}}|" + TAIL % "/"),
    "o200k": (rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UP}*{LETTERS_LOW}+{SHORT}?|"
              rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UP}+{LETTERS_LOW}*{SHORT}?|\p{{N}}{{1,3}}|" +
              TAIL % "/"),
}
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


def byte_level(use_regex, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
            "use_regex": use_regex}


def split(expression):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated",
            "invert": False}


def sequence(key, parts):
    return {"type": "Sequence", key: parts}


def pipeline(family):
    """normalizer, pre_tokenizer, decoder, fields of the model"""
    if family in ("llama2", "phi3", "mistral3", "gemma"):
        space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        parts = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                 {"type": "ByteFallback"}, {"type": "Fuse"}]
        model = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
        if family == "gemma":
            return space, {"type": "Split", "pattern": {"String": " "},
                           "behavior": "MergedWithPrevious", "invert": False}, sequence(
                               "decoders", parts), model
        parts.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
        if family == "mistral3":
            return None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
                          "split": False}, sequence("decoders", parts), model
        return sequence("normalizers", [{"type": "Prepend", "prepend": "▁"}, space]), None, sequence(
            "decoders", parts), model
    model = {"ignore_merges": family in ("llama3", "nemo")}
    decoder = byte_level(True)
    normalizer = {"type": "NFC"} if family in ("qwen2", "neox") else None
    if family in ("gpt2", "neox"):
        return normalizer, byte_level(True), decoder, model
    if family == "smollm2":
        digits = {"type": "Digits", "individual_digits": True}
        return None, sequence("pretokenizers", [digits, byte_level(True)]), decoder, model
    if family == "deepseek":
        return None, sequence("pretokenizers", [split(e) for e in DEEPSEEK] + [byte_level(False)]), \
            decoder, model
    return normalizer, sequence("pretokenizers", [split(EXPRESSIONS[family]), byte_level(False)]), \
        decoder, model


def merges_from_scores(tokens, scores):
    """All ways to split a token in two tokens, best result first: what converters write."""
    ids = {t: i for i, t in enumerate(tokens)}
    merges = []
    for i, token in enumerate(tokens):
        local = [(ids[token[:k]], ids[token[k:]], token[:k], token[k:]) for k in
                 range(1, len(token)) if token[:k] in ids and token[k:] in ids]
        merges += [(-scores[i], a, b, left, right) for a, b, left, right in sorted(local)]
    merges.sort(key=lambda m: m[0])
    return [[left, right] for _, _, _, left, right in merges]


def main():
    path, family, output = sys.argv[1:]
    reader = GGUFReader(path)
    get = lambda key: reader.get_field(key)
    field = get("tokenizer.ggml.tokens")
    tokens = [bytes(field.parts[i]).decode("utf-8") for i in field.data]
    field = get("tokenizer.ggml.token_type")
    types = [int(field.parts[i][0]) for i in field.data]
    field = get("tokenizer.ggml.merges")
    if field:
        merges = [bytes(field.parts[i]).decode("utf-8") for i in field.data]
        merges = [m.split(" ", 1) if m[0] != " " else [m[0], m[2:]] for m in merges]
    else:
        field = get("tokenizer.ggml.scores")
        merges = merges_from_scores(tokens, [float(field.parts[i][0]) for i in field.data])
    normalizer, pre_tokenizer, decoder, fields = pipeline(family)
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": types[i] in (2, 3)}
             for i, t in enumerate(tokens) if types[i] in (2, 3, 4) and t]
    bos = get("tokenizer.ggml.bos_token_id")
    post = None
    if bos and family not in ("gpt2", "smollm2", "qwen2"):
        name = tokens[int(bos.parts[bos.data[0]][0])]
        bos_id = int(bos.parts[bos.data[0]][0])
        post = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": name, "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {name: {"id": name, "ids": [bos_id], "tokens": [name]}}}
    seen = {}
    for i, t in enumerate(tokens):
        seen.setdefault(t, i)
    merges = [m for m in merges if m[0] in seen and m[1] in seen and m[0] + m[1] in seen]
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": False, "vocab": seen, "merges": merges}
    model.update(fields)
    if model["unk_token"] and model["unk_token"] not in seen:
        model["unk_token"] = None
    with open(output, "w", encoding="utf-8") as out:
        json.dump({"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
                   "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
                   "post_processor": post, "decoder": decoder, "model": model}, out,
                  ensure_ascii=False, indent=2)


main()
