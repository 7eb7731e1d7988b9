// SPDX-License-Identifier: Apache-2.0
// Fills the block of a weight plan from a source: every entry is read, widened, rounded and packed
// into panels by all threads together, and the pages of the file are given back on the way, so that
// the peak of memory is the block and little more.
#pragma once
#include "device/team.h"
#include "kernels/kernels.h"
#include "model/weight_source.h"

// The tensors that entries are made of, found and checked before any memory is taken.
typedef struct {
  const WeightPlan *plan;
  SourceTensor (*parts)[WEIGHT_MAX_PARTS]; // [plan->count]
} PackList;

// Finds every part of every entry; the list lives in `arena`.
CHECKED bool pack_list_build(PackList *list, const WeightPlan *plan, WeightSource *source,
                             Arena *arena, Error *error);
// Writes the block at `base`. Values are rounded to `rounding`, then to the plan's dtype.
CHECKED bool pack_run(const PackList *list, const WeightSource *source, Dtype rounding, void *base,
                      Team *team, CpuTier tier, Error *error);
