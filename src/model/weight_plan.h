// SPDX-License-Identifier: Apache-2.0
// Where every weight of a model lies in its one block of memory, and which tensors of the files it
// is made of. The maker of a block and those that map it build the same plan from the same
// configuration.
//
//   | header page | matrix | matrix | … | vector vector … |     matrices page-aligned, vectors 64 B
#pragma once
#include "model/family.h"
#include "model/weights.h"

enum { WEIGHT_PAGE = 4096, WEIGHT_MAX_PARTS = 3 };

// Rows of an entry that come from one tensor.
typedef struct {
  TensorRole role;
  int64_t layer; // -1: outside the layers
  bool bias;     // its ".bias", else its ".weight"
  int64_t rows;
  int64_t heads; // of q and k: how many heads the rows are (adjacent-pair files), else 0
} WeightPart;

typedef struct {
  Matrix *matrix;        // what the entry fills: either this
  const float **vector;  // or this
  int64_t rows, columns; // of a vector [rows]: 1 column; positions: [rows, columns]
  int64_t offset, bytes; // in the block
  int part_count;
  WeightPart parts[WEIGHT_MAX_PARTS]; // one below the other
} WeightEntry;

typedef struct {
  Weights weights;      // sizes are set, pointers are NULL until weight_plan_bind
  WeightEntry *entries; // [count]
  int64_t count, bytes; // of the block, header page included
  bool separate_head;   // the head has panels of its own
  uint64_t signature;   // of everything above: differs when two plans do
} WeightPlan;

// Plans in `arena`. `separate_head`: the logits do not use the embedding's panels.
void weight_plan_build(WeightPlan *plan, const ModelConfig *config, Dtype dtype, bool separate_head,
                       Arena *arena);
// Points plan->weights into the block at `base` (WEIGHT_PAGE-aligned, plan->bytes long).
void weight_plan_bind(WeightPlan *plan, const void *base);
