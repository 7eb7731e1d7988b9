// SPDX-License-Identifier: Apache-2.0
// The tokenizer that a GGUF file carries: its whole tokenizer.json where there is one, else the
// tables of tokenizer.ggml.*, of the models `gpt2` (byte-level BPE, splitting rule by name) and
// `llama` (SentencePiece BPE: the merges follow from the scores). Other models are refused by name.
#pragma once
#include "formats/gguf.h"
#include "tokenizer/tokenizer.h"

// NULL on failure. The file may be closed afterwards.
CHECKED Tokenizer *tokenizer_open_gguf(const Gguf *gguf, Error *error);
