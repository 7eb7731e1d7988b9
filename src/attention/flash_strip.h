// SPDX-License-Identifier: Apache-2.0
// A strip of queries of one head, as many as a register tile has rows, on its way over packed keys:
// what it has seen is a summary, into which that of each block of keys is merged.
//
// A score that the mask hides costs nothing and leaks nothing: where a hidden value is infinite or
// NaN, the products with it are left out one by one. What the mask shows follows IEEE arithmetic: a
// NaN reaches the rows that see it, and a score of +infinity makes its row NaN.
#pragma once
#include "attention/key_runs.h"
#include "attention/key_summary.h"
#include "attention/packed_heads.h"

enum { FLASH_STRIP_ROWS = 16 }; // at least the rows of any tile

// Of one thread.
typedef struct {
  const Kernels *kernels;
  const ScoreStage *stage;
  const PackedShape *shape;
  int64_t stride;  // of a row of scores
  float *scores;   // [FLASH_STRIP_ROWS][stride]
  float *hidden;   // as scores
  float *factor;   // [FLASH_STRIP_ROWS]
  float *found;    // [FLASH_STRIP_ROWS]: the new largest, where the stage's code tells it
  KeySummary part; // [FLASH_STRIP_ROWS][value_dim] and [FLASH_STRIP_ROWS]: of a block of keys
  void *scratch;   // of the stage
} FlashWorkspace;

typedef struct {
  int64_t batch, head, query;
  int rows;             // ≤ tile_rows, all in one block of the stage
  bool started;         // false: nothing is seen yet
  const float *queries; // [rows][head_dim], scaled
  KeySummary total;     // [rows][value_dim] and [rows]; written when it has started
} FlashStrip;

int64_t flash_workspace_bytes(int64_t stage_scratch, const PackedShape *shape); // a multiple of 64
FlashWorkspace flash_workspace_at(const Kernels *kernels, const ScoreStage *stage,
                                  const PackedShape *shape, void *memory);
// Takes in the keys of the stretch, which lie in one block of the packed head.
void flash_strip_attend(FlashStrip *strip, const FlashWorkspace *workspace, const PackedHead *head,
                        const KeyStretch *stretch);
// out: [rows] at `stride` elements, rounded to dtype; lse [rows] or NULL. Rows that saw nothing
// give 0 and -infinity. Overwrites the values.
void flash_strip_finish(FlashStrip *strip, const FlashWorkspace *workspace, Dtype dtype, void *out,
                        int64_t stride, float *lse);
