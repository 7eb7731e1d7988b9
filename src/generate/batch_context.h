// SPDX-License-Identifier: Apache-2.0
// Contexts that requests stand behind: computed once, in blocks that stay.
#pragma once
#include "generate/batch_state.h"

// Puts the next context, or context `which`, at the beginning of a sequence's blocks: full ones are
// held together, the last is copied if it is not full. Returns how many tokens they hold: fewer
// than the context has where no block was free for the copy. Without contexts: 0.
int64_t batch_context_take(Batch *batch, int64_t which, int32_t *blocks, int64_t *block_count);
int64_t batch_context_next(Batch *batch);         // whose turn it is
int64_t batch_context_blocks(const Batch *batch); // of all of them
const int32_t *batch_context_ids(const Batch *batch, int64_t which);
void batch_context_free(Batch *batch); // gives their blocks back
