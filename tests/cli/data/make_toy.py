#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes toy/tokenizer.json: byte-level BPE of 288 tokens, <s> before and </s> after each text.

Needs the tokenizers package. The text it learns from is below.
"""
import os

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEXT = ["the sea is the sea and the sand is the sand", "the hand and the land and the island"]

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(
    vocab_size=288, special_tokens=["<s>", "</s>"], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
assert tokenizer.get_vocab_size() <= 288
tokenizer.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "toy", "tokenizer.json"))
