// SPDX-License-Identifier: Apache-2.0
// What a cell computes and moves, by the peer's formulas with the exact share of visible pairs in
// place of its guesses: s = 1 - visible / (B Hq M N), e = bytes of an element.
//
//   forward FLOP   B Hq (4 M N D + 2 M N) (1 - s)
//   backward FLOP  2.5 x forward
//   forward bytes  e (2 B Hq M D + 2 B Hkv N D (1 - s where M = 1))
//   backward bytes e times the sum of
//     delta        2 B Hq M D read, B Hq M written
//     dQ           2 B Hq M D + B Hq M + 2 B Hkv N D (1 - s where M = 1) read
//     dK, dV       the same read again
//     gradients    B Hq M D + 2 B Hkv N D written
#pragma once
#include "attention/problem.h"

enum { CELL_MASK_BLOCK = 128 }; // side of the blocks that sparsity is told of, as in the peer

typedef struct {
  double forward_flops, forward_bytes, backward_flops, backward_bytes;
} CellWork;

CellWork cell_work_of(const AttentionProblem *problem, double visible_pairs);
