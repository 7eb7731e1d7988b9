// SPDX-License-Identifier: Apache-2.0
// Evaluates a bound mod a tile of elements at a time. Made once for a bound mod, then read-only and
// safe for several threads, each with its own scratch. Arrays are read when a tile is evaluated:
// the caller may change their values between tiles, within the extremes that they had when the mod
// was bound.
#pragma once
#include "device/cpu.h"
#include "mods/mod.h"

typedef struct ModInterpreter ModInterpreter;

CHECKED ModInterpreter *mod_interpreter_open(const BoundMod *bound, CpuTier tier, Error *error);
void mod_interpreter_close(ModInterpreter *interpreter); // NULL is fine
// Of one thread, 64-byte aligned; for tiles of any size.
int64_t mod_interpreter_scratch_bytes(const ModInterpreter *interpreter);

// Elements (q_idx, kv_idx) of one head: rows x columns, row r of any array at r * stride.
typedef struct {
  int64_t batch, head;
  int64_t query, key; // of the first element; query counts from 0: the shape's offset is added here
  int64_t rows, columns, stride;
} ModTile;

// scores = score_mod(scores), in place.
void mod_interpret_score(const ModInterpreter *interpreter, const ModTile *tile, float *scores,
                         void *scratch);
// scores = -infinity where the mask is false.
void mod_interpret_mask(const ModInterpreter *interpreter, const ModTile *tile, float *scores,
                        void *scratch);
// gradients *= d score_mod / d score at the scores that score_mod was given.
void mod_interpret_derivative(const ModInterpreter *interpreter, const ModTile *tile,
                              const float *scores, float *gradients, void *scratch);
// visible[r * stride + c] = 1 where the mask is true, else 0.
void mod_interpret_visible(const ModInterpreter *interpreter, const ModTile *tile, uint8_t *visible,
                           void *scratch);
