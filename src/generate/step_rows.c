// SPDX-License-Identifier: Apache-2.0
#include "generate/step_rows.h"
#include "base/memory.h"
#include <string.h>

StepRows step_rows_open(int64_t most_rows, int64_t most_segments, int64_t blocks_row,
                        int64_t layers) {
  size_t rows = (size_t)most_rows, segments = (size_t)most_segments;
  return (StepRows){.most_rows = most_rows,
                    .most_segments = most_segments,
                    .blocks_row = blocks_row,
                    .ids = memory_allocate(rows * sizeof(int32_t)),
                    .past = memory_allocate(rows * sizeof(int64_t)),
                    .slots = memory_allocate(rows * sizeof(int64_t)),
                    .sampled = memory_allocate(rows * sizeof(int64_t)),
                    .segments = memory_allocate(segments * sizeof(PagedSegment)),
                    .blocks = memory_allocate(segments * (size_t)blocks_row * sizeof(int32_t)),
                    .layers = memory_allocate((size_t)layers * sizeof(KeyValues))};
}

void step_rows_free(StepRows *rows) {
  memory_free(rows->ids);
  memory_free(rows->past);
  memory_free(rows->slots);
  memory_free(rows->sampled);
  memory_free(rows->segments);
  memory_free(rows->blocks);
  memory_free(rows->layers);
  *rows = (StepRows){0};
}

void step_rows_clear(StepRows *rows) {
  rows->rows = rows->count = rows->samples = 0;
}

int64_t step_rows_add(StepRows *rows, const int32_t *ids, int64_t count, int64_t past,
                      const int32_t *blocks, int64_t block_size) {
  int64_t first = rows->rows, used = (past + count + block_size - 1) / block_size;
  memcpy(rows->ids + first, ids, (size_t)count * sizeof *ids);
  for (int64_t i = 0; i < count; i++) {
    int64_t position = past + i;
    rows->past[first + i] = position;
    rows->slots[first + i] = blocks[position / block_size] * block_size + position % block_size;
  }
  memcpy(rows->blocks + rows->count * rows->blocks_row, blocks, (size_t)used * sizeof *blocks);
  rows->segments[rows->count++] = (PagedSegment){first, count, past};
  rows->rows += count;
  return first;
}

void step_rows_sample(StepRows *rows, int64_t row) {
  rows->sampled[rows->samples++] = row;
}

void step_rows_pad(StepRows *rows, int64_t most, int64_t samples, const PagedCache *cache) {
  for (; rows->rows < most; rows->rows++) {
    rows->ids[rows->rows] = 0;
    rows->past[rows->rows] = 0;
    rows->slots[rows->rows] = paged_cache_padding(cache) + rows->rows;
  }
  while (rows->samples < samples || rows->samples == 0) rows->sampled[rows->samples++] = 0;
}

DecoderPass step_rows_pass(StepRows *rows, int64_t block_size, Positions positions,
                           PagedPlaces *places) {
  int64_t one = 1, segments[2] = {rows->most_segments, PAGED_SEGMENT_FIELDS};
  int64_t blocks[2] = {rows->most_segments, rows->blocks_row};
  *places = (PagedPlaces){.count = tensor_dense(DTYPE_I64, 1, &one, &rows->count),
                          .segments = tensor_dense(DTYPE_I64, 2, segments, rows->segments),
                          .blocks = tensor_dense(DTYPE_I32, 2, blocks, rows->blocks),
                          .block_size = block_size};
  positions.past = tensor_dense(DTYPE_I64, 1, &rows->rows, rows->past);
  positions.slots = tensor_dense(DTYPE_I64, 1, &rows->rows, rows->slots);
  return (DecoderPass){.batch = rows->rows,
                       .length = 1,
                       .ids = tensor_dense(DTYPE_I32, 1, &rows->rows, rows->ids),
                       .positions = positions,
                       .cache = rows->layers,
                       .wanted = rows->samples,
                       .places = places,
                       .sampled = tensor_dense(DTYPE_I64, 1, &rows->samples, rows->sampled)};
}
