// SPDX-License-Identifier: Apache-2.0
// Random mods for random shapes, with what they mean element by element: what block masks, row
// ranges and stages are compared with.
#pragma once
#include "../kernels/guarded.h"
#include "attention/problem.h"

enum { RANDOM_MASK_ARRAYS = 4 };

typedef struct {
  char text[1024]; // of the mask
  const char *score;
  ModShape shape;
  ModArray arrays[RANDOM_MASK_ARRAYS]; // doc (sorted), any (unsorted), length [B], reach [Hq]
  Guarded memory[RANDOM_MASK_ARRAYS];
  Mod *mod;
  BoundMod *bound;
  uint8_t *visible; // [B, Hq, M, N]
} RandomMask;

// A shape with at most so many queries and keys, sometimes with an offset of the queries.
ModShape random_mask_shape(Random *random, int64_t most);
// A random mask over the shape, by the depth of its tree (0: one comparison). `score` NULL: none.
RandomMask random_mask_make(Random *random, const ModShape *shape, int depth, const char *score);
// The given mask.
RandomMask random_mask_of(Random *random, const ModShape *shape, const char *mask,
                          const char *score);
void random_mask_free(RandomMask *mod);
// Of one head: [M, N].
const uint8_t *random_mask_head(const RandomMask *mod, int64_t batch, int64_t head);
// The problem of this mod: float32, one key head per head, head_dim of the shape.
AttentionProblem random_mask_problem(const RandomMask *mod);
