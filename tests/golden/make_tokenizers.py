#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizers/: a trained toy tokenizer of each kind (NAME.json) and what the PyPI
package `tokenizers` makes of many strings (NAME.cases.json: text, ids with and without special tokens,
decoded text with and without skipping them).

    make_tokenizers.py [FOLDER]
"""
import json
import os
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n%s]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + TAIL % ""
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
NEMO = (rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*|\p{{N}}|" + TAIL % "/")
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+{SHORT}?|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*{SHORT}?|"
         rf"\p{{N}}{{1,3}}|" + TAIL % "/")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]

CORPUS = """The tokenizer cuts a text into tokens, and a token is a number. Don't you think it's fine? We'll see,
they've seen; I'm sure he'd say so. THE END OF THE WORLD'S FAIR. In 1984 there were 365 days, in 2024 there were 366.
for (int i = 0; i < 10; i++) {\n    total += values[i] * 2;\n\tif (total > 100) return "too much";\n}\r\n
Привет, мир! Как дела сегодня? Über die Straße gehen wir heute. Où est le café près de l'hôtel?
你好世界，今天天气很好。こんにちは、世界。カタカナとひらがな。안녕하세요 세계. مرحبا بالعالم नमस्ते दुनिया สวัสดี
https://example.org/path?query=value&other=1 <b>bold</b> 👍 👨‍👩‍👧 🇫🇷 1,234.56 €100 ½ ² № ™ … — “quoted” ‘text’
"""

STRINGS = [
    "", " ", "  ", "a", "Hello, world!", " Hello  world   again ", "Don't I'LL we'Ve THEY'RE it'ſ 's",
    "The tokenizer cuts a text", "1", "12", "123", "1234", "12345678 90", "1,234.56 ½ ² Ⅻ ① ٣٤٥ ०१२",
    "for (int i = 0; i < 10; i++) {\n    total += values[i];\n\t}\r\n\r\n", "\n", "\n\n\n", " \n ", "\r\n \r\n",
    "\t\ttabs\tand   spaces \t ", "trailing spaces   ", "   leading", "a\u00a0b\u2003c\u3000d\u200be\u2028f\u180eg\x85h",
    "Привет, мир! ПРИВЕТ", "Über die Straße", "café cafe\u0301 CAFÉ", "a\u0308\u0323 \u1100\u1161\u11a8 각 \u212b Å ﬁ ㎏ ｱ ǅ ŉ",
    "İstanbul ẞ ΣΑΣ ǆ", "你好世界，今天天气很好。", "こんにちは、世界。カタカナ", "안녕하세요 세계", "مرحبا بالعالم ١٢٣",
    "नमस्ते दुनिया क्षत्रिय", "สวัสดีชาวโลก", "שלום עולם", "👍", "👨‍👩‍👧‍👦 👍🏽 🇫🇷 ❤️‍🔥", "a👍b 👍 👍👍",
    "https://example.org/path?query=value&other=1#frag", "<b>bold</b> &amp; {\"key\": [1, 2]}",
    "!!!???...---===***///\\\\ /n\n/", "_under_score __init__ ▁ ▁▁x ▁a b▁", "\x00\x01\x1f\x7f\ufeff\ufffd\x80\x9f",
    "<s>", "</s>", "<s>text</s> more<s><s>", "a <mask> b", "  <mask>  ", "x<mask>y", "<pad><unk><s>", "word inword word-word word",
    "word", "a word.", "wordword", "İ Word WORD", "<|x|> <|x|>a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa aaaa",
    "the the the the the the the the the the", "thethethethethethethethethethethethethethethethethethe",
    "ꟲ ㋿ 𞤀𞤢 𑓗 ૿ \u1c89 ꠬", "𝒜𝓁𝑔 ＦＵＬＬ　ｗｉｄｔｈ", "e\u0301\u0301\u0323 \u0301start", "x" * 300, " " * 100, "日" * 60,
    "do not go . ok ? no ! a , b ' c n't 'm 's 've 're", "A-B--C-D", "a#b##c", "`` ''x''", "½x²y", "Ünïcödé ÑANDÚ",
]


def specials(*names):
    return [AddedToken(n, special=True, normalized=False) for n in names]


def train(tokenizer, alphabet=(), size=420, special=("<unk>", "<s>", "</s>"), **options):
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=specials(
        *special), initial_alphabet=list(alphabet), **options)
    tokenizer.train_from_iterator([CORPUS], trainer)
    return tokenizer


def add_variety(tokenizer):
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False,
                                     special=True),
                          AddedToken("word", single_word=True, normalized=True),
                          AddedToken("<|x|>", rstrip=True, normalized=False),
                          AddedToken("İ W", normalized=True)])
    return tokenizer


def frame(tokenizer, after=False):
    single = "<s> $A </s>" if after else "<s> $A"
    return processors.TemplateProcessing(single=single, pair="<s> $A $B", special_tokens=[
        ("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))])


def byte_level(pre, normalizer=None, ignore_merges=False, framed=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, pre_tokenizers.ByteLevel.alphabet(), 600)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if framed:
        tokenizer.post_processor = processors.Sequence([tokenizer.post_processor,
                                                        frame(tokenizer)])
    return add_variety(tokenizer)


def split_bytes(*expressions):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(e), "isolated") for e in expressions] + [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def pieces(normalizer, pre, decoder):
    """A SentencePiece-like BPE with byte fallback."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.Sequence(decoder)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    train(tokenizer, special=names, size=620, limit_alphabet=70)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.post_processor = frame(tokenizer)
    return add_variety(tokenizer)


def plain(normalizer=None, pre=None, decoder=None, after=True, train_options=(), **model):
    """A character BPE with whatever parts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **model))
    if pre:
        tokenizer.pre_tokenizer = pre
    train(tokenizer, **dict(train_options))
    if normalizer:
        tokenizer.normalizer = normalizer
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.post_processor = frame(tokenizer, after)
    return add_variety(tokenizer)


def roberta():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))
    return tokenizer


def tokenizers():
    n, p, d = normalizers, pre_tokenizers, decoders
    to_space = [d.Replace("▁", " "), d.ByteFallback(), d.Fuse()]
    stripped = to_space + [d.Strip(" ", 1, 0)]
    whole = p.ByteLevel(add_prefix_space=False)
    yield "gpt2", byte_level(whole)
    yield "smollm2", byte_level(p.Sequence([p.Digits(individual_digits=True), whole]))
    yield "llama3", byte_level(split_bytes(LLAMA3), ignore_merges=True, framed=True)
    yield "qwen2", byte_level(split_bytes(QWEN2), n.NFC())
    yield "nemo", byte_level(split_bytes(NEMO), ignore_merges=True, framed=True)
    yield "o200k", byte_level(split_bytes(O200K))
    yield "deepseek", byte_level(split_bytes(*DEEPSEEK), framed=True)
    yield "roberta", roberta()
    yield "nfkc-bytes", byte_level(p.ByteLevel(add_prefix_space=True), n.NFKC())
    yield "llama2", pieces(n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁")]), None, stripped)
    yield "mistral3", pieces(None, p.Metaspace("▁", "first", split=False), stripped)
    yield "gemma", pieces(n.Replace(" ", "▁"), p.Split(" ", "merged_with_previous"), to_space)
    yield "metaspace", plain(pre=p.Metaspace("▁", "always"), decoder=d.Metaspace("▁", "always"))
    yield "metaspace-first", plain(n.Strip(True, False), p.Sequence([
        p.WhitespaceSplit(), p.Metaspace("▁", "first")]), d.Metaspace("▁", "first"))
    yield "metaspace-never", plain(n.Nmt(), p.Metaspace("_", "never"), d.Metaspace("_", "never"))
    yield "suffix", plain(n.Sequence([n.NFD(), n.StripAccents(), n.Lowercase()]), p.Whitespace(),
                          d.BPEDecoder("</w>"), end_of_word_suffix="</w>", fuse_unk=True,
                          train_options={"end_of_word_suffix": "</w>"})
    yield "prefix", plain(n.Sequence([n.NFKD(), n.Lowercase(), n.Strip(True, True)]), p.Sequence([
        p.WhitespaceSplit(), p.Punctuation("isolated")]), d.WordPiece("##", True),
        continuing_subword_prefix="##", train_options={"continuing_subword_prefix": "##"})
    yield "replace", plain(n.Sequence([n.Replace("``", '"'), n.Replace(Regex(r"\s{2,}|[0-9]+"), "~"),
                                       n.Replace(Regex("a+"), "-"), n.StripAccents()]),
                           p.Split("e", "merged_with_next"))
    yield "digits", plain(None, p.Sequence([p.Digits(False), p.Punctuation("contiguous"),
                                            p.CharDelimiterSplit(" ")]), d.Fuse())
    yield "punctuation", plain(None, p.Sequence([p.Punctuation("merged_with_previous"),
                                                 p.FixedLength(4)]), d.Strip("a", 1, 0), fuse_unk=True)
    yield "inverted", plain(None, p.Sequence([
        p.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True),
        p.Split(Regex("[aeiou]*"), "contiguous", invert=True)]), d.Replace(Regex("[aeiou]+"), "<>"))
    yield "byte-normalizer", plain(n.Sequence([n.NFC(), n.ByteLevel()]), p.Split(
        Regex("Ġ"), "merged_with_next"), d.ByteLevel())


def case(tokenizer, text):
    ids = tokenizer.encode(text).ids
    return {"text": text, "ids": ids, "plain": tokenizer.encode(text, add_special_tokens=False).ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "skipped": tokenizer.decode(ids, skip_special_tokens=True)}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__),
                                                                "tokenizers")
    os.makedirs(folder, exist_ok=True)
    for name, tokenizer in tokenizers():
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as out:
            out.write(tokenizer.to_str())
        with open(os.path.join(folder, name + ".cases.json"), "w", encoding="utf-8") as out:
            json.dump([case(tokenizer, s) for s in STRINGS], out, ensure_ascii=True,
                      separators=(",", ":"))
        print(name, tokenizer.get_vocab_size())


main()
