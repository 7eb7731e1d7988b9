// SPDX-License-Identifier: Apache-2.0
// Reads that a condition guards, as in
//
//   where(q_idx >= kv_idx, bias[q_idx - kv_idx], 0)      q_idx >= kv_idx and doc[q_idx - kv_idx] >
//   0
//
// Every element is evaluated whole, so that such a read must stay inside its array also where its
// value is not used: the index is clamped. That happens only where the conditions on every way from
// the root to the read prove the index to be in its extent, so that the clamp changes no value.
#pragma once
#include "mods/mod.h"

// Clamps the guarded reads of *tree, which may be replaced. `mask`, if its count is not 0, is
// another condition: of a score, that its value is used only where the mask is true. Reads that are
// not guarded stay as they are. Fails where the tree becomes too long.
CHECKED bool mod_guard(ModTree *tree, const ModTree *mask, const ModArray *arrays,
                       const ModShape *shape, Error *error);
