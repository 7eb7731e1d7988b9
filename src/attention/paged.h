// SPDX-License-Identifier: Apache-2.0
// Attention over the pages of a paged cache: one pass over a batch of variable length, in which
// each sequence has a segment of neighbouring rows of queries and a table of the blocks that hold
// its keys and values (Kwon et al. 2023, arXiv:2309.06180).
//
// Keys and values of a layer are [kv_heads, slots, D], a slot for each token; block b is the slots
// b * block_size … of every head, so that blocks that follow each other in memory are one run of
// keys. Where segments and tables lie is read when the pass runs: a recorded pass serves every
// batch of as many rows.
#pragma once
#include "attention/attention.h"

typedef struct {
  int64_t first, rows; // of the queries of the pass; segments follow each other from row 0
  int64_t past;        // tokens of the sequence before them: query i sees past + i + 1 keys
} PagedSegment;

enum { PAGED_SEGMENT_FIELDS = sizeof(PagedSegment) / sizeof(int64_t) };

// Rows after those of the last segment are padding; attention gives them zeros.
typedef struct {
  Tensor count;    // int64 [1]: segments
  Tensor segments; // int64 [most, PAGED_SEGMENT_FIELDS]
  Tensor blocks;   // int32 [most, blocks of a sequence]: of a segment, its blocks in order
  int64_t block_size;
} PagedPlaces;

typedef struct {
  Tensor queries;      // float32 [rows, heads, 1, D]
  Tensor keys, values; // [any, kv_heads, slots, D] of the cache's dtype; the first is read
  PagedPlaces places;
  void *prepared; // by attention_open for the implementation behind it
} PagedInputs;

typedef struct {
  const char *name;           // "paged|eager", …
  const Attention *attention; // what serves the keys that were gathered
  bool in_place;              // one query of a sequence reads the pages as they lie
} PagedAttention;

// By the name of the implementation behind it, with "paged|" or without. Errors: attention_find.
CHECKED bool paged_attention_find(const char *name, const char *backend, PagedAttention *paged,
                                  Error *error);
// → float32 [rows, heads * D], heads side by side.
Tensor paged_attention(Ops *ops, const PagedAttention *paged, const AttentionSpec *spec,
                       const PagedInputs *inputs);
