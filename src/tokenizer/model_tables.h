// SPDX-License-Identifier: Apache-2.0
// The two large tables of a tokenizer.json, "vocab" and "merges" of its "model": found in the file
// and read straight into the hash tables; only what is left of the file becomes a document.
#pragma once
#include "tokenizer/bpe.h"

typedef struct {
  const char *name;   // of the file, for errors
  Text rest;          // the file without the tables; caller frees
  Span vocab, merges; // their text in the file; data NULL: absent
} ModelTables;

// Delimits the tables of the file `text` and fills `rest`. Needs .name.
CHECKED bool model_tables_find(ModelTables *tables, Span text, Error *error);
// Reads both into bpe->vocabulary and bpe->merges; bpe->prefix is set already.
CHECKED bool model_tables_read(const ModelTables *tables, Bpe *bpe, Error *error);
