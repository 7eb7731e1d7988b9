// SPDX-License-Identifier: Apache-2.0
// A sweep as the list of its cells: b (or kv_size) x nh x s x d x mods, the last fastest, as the
// peer orders them; what the bounds and the rules leave out is said in notes.
//
//   kv_size   B = floor(MiB * 2^20 / (Hkv * N * D * bytes * 2)); B = 0 is dropped
//   decoding  M = 1, N = s, the query stands at N/2
//   document_mask  B documents over B * N tokens, the batch flattened: B = 1, M and N times B
#pragma once
#include "base/sha256.h"
#include "bench/attention/config.h"
#include "mods/mod.h"

enum { SWEEP_MOST_CELLS = 20000, SWEEP_MOST_EXTENT = 1 << 24 };

typedef struct {
  ModShape shape;             // as run
  int64_t documents;          // of document_mask; else 0
  int64_t batch;              // as asked (b, or from kv_size)
  int64_t kv_size;            // MiB as asked; 0: none
  size_t mod;                 // index into the sweep's mods
  char hash[SHA256_HEX_SIZE]; // key of its result
} SweepCell;

typedef struct {
  ARRAY_OF(SweepCell) cells; // in running order, each hash once
  ARRAY_OF(char *) notes;    // whole lines: what was cut or dropped
} SweepCells;

// Checks the sweep first. Nothing left is an error that says what cut it.
CHECKED bool sweep_cells_expand(const AttentionSweep *sweep, SweepCells *cells, Error *error);
void sweep_cells_free(SweepCells *cells); // a zero one is fine
// "causal, B 2, Hq 16, M 1024, Hkv 16, N 1024, D 64"
char *sweep_cell_label(const AttentionSweep *sweep, const SweepCell *cell, char *buffer,
                       size_t size);
// What the hash is made of: mod (sweep_pattern_json), dtype, shape, passes, back ends, threads. New
// reference.
json_t *sweep_cell_json(const AttentionSweep *sweep, const SweepCell *cell, const json_t *mod);
