// SPDX-License-Identifier: Apache-2.0
// The rows of one step of continuous batching: a batch of variable length, in memory that does not
// move, so that recorded passes read it. Sequences stand side by side, a row for each token.
#pragma once
#include "attention/paged.h"
#include "generate/paged_cache.h"
#include "model/decoder.h"

typedef struct {
  int64_t most_rows, most_segments, blocks_row; // room
  int64_t rows, count, samples;                 // of this step: rows, segments, rows sampled
  int32_t *ids;                                 // [most_rows]
  int64_t *past, *slots;                        // [most_rows]: position, and slot of the cache
  int64_t *sampled;                             // [most_rows]: rows whose logits are wanted
  PagedSegment *segments;                       // [most_segments]
  int32_t *blocks;                              // [most_segments, blocks_row]
  KeyValues *layers;                            // [layers]: of the cache, for the rows
} StepRows;

StepRows step_rows_open(int64_t most_rows, int64_t most_segments, int64_t blocks_row,
                        int64_t layers);
void step_rows_free(StepRows *rows);
void step_rows_clear(StepRows *rows);
// `count` tokens of a sequence that has `past` in its blocks already; returns the first row.
int64_t step_rows_add(StepRows *rows, const int32_t *ids, int64_t count, int64_t past,
                      const int32_t *blocks, int64_t block_size);
void step_rows_sample(StepRows *rows, int64_t row);
// Adds rows of padding, which write behind the blocks, up to `most` rows and samples; what is
// sampled of them is of no use. At least one row is sampled then.
void step_rows_pad(StepRows *rows, int64_t most, int64_t samples, const PagedCache *cache);
// The pass over these rows. `places` is filled; the pass points at it and at the rows.
DecoderPass step_rows_pass(StepRows *rows, int64_t block_size, Positions positions,
                           PagedPlaces *places);
