// SPDX-License-Identifier: Apache-2.0
// What a decoder's queries see of its cache, as a mask in the language of mods:
//
//   kv_idx <= past[b] + q_idx                                          or, where a window slides,
//   kv_idx <= past[b] + q_idx and kv_idx > past[b] + q_idx - window[b]
//
// Parsed and bound once for the largest pass. The expression names no extent and the proofs of the
// binding hold for every value that past and window may take, so that a pass, of any length up to
// the largest, only puts its own values into the arrays: nothing is allocated.
#pragma once
#include "attention/score_stage.h"
#include "base/error.h"
#include "device/cpu.h"
#include "tensor/tensor.h"

typedef struct PositionMod PositionMod;

CHECKED PositionMod *position_mod_open(int64_t most_batch, int64_t most_keys, CpuTier tier,
                                       Error *error);
void position_mod_close(PositionMod *mod); // NULL is fine
// Has its masks compiled: stages use the code from then on. The compiler outlives the mod. False:
// they stay interpreted.
CHECKED bool position_mod_compile(PositionMod *mod, ScoreCompiler *compiler, Error *error);

// One pass: queries past[b] … past[b] + queries - 1 of each sequence over `keys` positions.
typedef struct {
  int64_t batch, queries, keys;
  const int64_t *past; // [batch]
  int64_t window;      // 0: none
  int64_t block_rows, block_columns;
} PositionPass;

typedef struct {
  ScoreStage stage; // its data is this struct: it is not copied or moved. Forward alone.
  const PositionMod *mod;
  bool windowed;
  int64_t batch;
  struct PositionLine *lines; // [batch, blocks of queries]
} PositionStage;

// Scratch of the stage for one thread, and the memory of a pass's lines.
int64_t position_mod_scratch_bytes(const PositionMod *mod);
int64_t position_stage_bytes(const PositionPass *pass);
// false: the pass is larger than what the mod was opened for.
CHECKED bool position_mod_fits(const PositionMod *mod, int64_t batch, int64_t keys, Error *error);
// Of a pass that fits, queries ≤ keys. By one thread; one pass of a PositionMod at a time.
void position_stage_start(PositionStage *stage, PositionMod *mod, const PositionPass *pass,
                          void *memory);
