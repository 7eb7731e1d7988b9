// SPDX-License-Identifier: Apache-2.0
#include "attention/native_stage.h"
#include <math.h>

static int64_t blocks_of(int64_t count, int64_t block) {
  return (count + block - 1) / block;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// Both ends moved to multiples of the block (or the end): outwards for what any row sees, inwards
// for what all see.
static RangeSpan widen_span(int64_t first, int64_t full_first, int64_t full_last, int64_t last,
                            int64_t keys, int64_t block) {
  if (first >= last) return (RangeSpan){0};
  int64_t end = least(blocks_of(last, block) * block, keys);
  int64_t begin_full = blocks_of(full_first, block) * block;
  int64_t end_full = full_last == keys ? keys : full_last / block * block;
  if (begin_full >= end_full) begin_full = end_full = end;
  return (RangeSpan){(int32_t)(first / block * block), (int32_t)begin_full, (int32_t)end_full,
                     (int32_t)end};
}

static RangeSpan span_of_rows(const RowRanges *ranges, int64_t at, int64_t rows, int64_t block) {
  int64_t first = ranges->keys, last = 0, full_first = 0, full_last = ranges->keys;
  for (int64_t r = at; r < at + rows; r++) {
    bool none = ranges->first[r] >= ranges->last[r];
    int64_t row_first = none ? ranges->keys : ranges->first[r];
    int64_t row_last = none ? 0 : ranges->last[r];
    if (row_first < first) first = row_first;
    if (row_first > full_first) full_first = row_first;
    if (row_last > last) last = row_last;
    if (row_last < full_last) full_last = row_last;
  }
  return widen_span(first, full_first, full_last, last, ranges->keys, block);
}

static const RangeSpan *spans_of(const ScoreStage *stage, int64_t batch, int64_t head) {
  const NativeStage *native = stage->data;
  int64_t b = native->ranges->batches > 1 ? batch : 0, h = native->ranges->heads > 1 ? head : 0;
  return native->spans +
         (b * native->ranges->heads + h) * blocks_of(stage->queries, stage->block_rows);
}

// The cursor is the key that the next run begins at.
static int runs_of_queries(const ScoreStage *stage, int64_t batch, int64_t head, int64_t query,
                           int64_t rows, int64_t *cursor, int most, ScoreRun *runs) {
  (void)rows;
  const RangeSpan *span = spans_of(stage, batch, head) + query / stage->block_rows;
  const int64_t ends[4] = {span->first, span->full_first, span->full_last, span->last};
  int count = 0;
  for (int i = 0; i < 3 && count < most; i++) {
    if (ends[i] == ends[i + 1] || ends[i] < *cursor) continue;
    runs[count++] = (ScoreRun){ends[i], ends[i + 1], i != 1};
    *cursor = ends[i + 1];
  }
  return count;
}

typedef enum { EMPTY, PARTIAL, FULL } Meeting;

static Meeting meeting(const RangeSpan *span, int64_t key, int64_t columns) {
  if (key + columns <= span->first || key >= span->last) return EMPTY;
  return key >= span->full_first && key + columns <= span->full_last ? FULL : PARTIAL;
}

// The cursor is the block of queries that the next run is looked for from.
static int runs_of_keys(const ScoreStage *stage, int64_t batch, int64_t head, int64_t key,
                        int64_t columns, int64_t *cursor, int most, ScoreRun *runs) {
  const RangeSpan *spans = spans_of(stage, batch, head);
  int64_t rows = stage->block_rows, blocks = blocks_of(stage->queries, rows), i = *cursor;
  int count = 0;
  while (i < blocks && count < most) {
    Meeting state = meeting(&spans[i], key, columns);
    int64_t from = i++;
    while (i < blocks && meeting(&spans[i], key, columns) == state) i++;
    if (state != EMPTY)
      runs[count++] = (ScoreRun){from * rows, least(i * rows, stage->queries), state == PARTIAL};
  }
  *cursor = i;
  return count;
}

static int64_t within(int64_t value, int64_t most) {
  return value < 0 ? 0 : least(value, most);
}

static void mask_tile(const ScoreStage *stage, const ScoreTile *tile, float *scores,
                      void *scratch) {
  (void)scratch;
  const RowRanges *ranges = ((const NativeStage *)stage->data)->ranges;
  int64_t at = row_ranges_at(ranges, tile->batch, tile->head, tile->query);
  for (int64_t r = 0; r < tile->rows; r++) {
    float *row = scores + r * tile->stride;
    int64_t first = within(ranges->first[at + r] - tile->key, tile->columns);
    int64_t last = within(ranges->last[at + r] - tile->key, tile->columns);
    for (int64_t c = 0; c < first; c++) row[c] = -INFINITY;
    for (int64_t c = last; c < tile->columns; c++) row[c] = -INFINITY;
  }
}

int64_t native_stage_spans(const RowRanges *ranges, int64_t block_rows) {
  return ranges->batches * ranges->heads * blocks_of(ranges->queries, block_rows);
}

void native_stage_start(NativeStage *native, const RowRanges *ranges, RangeSpan *spans,
                        int64_t block_rows, int64_t block_columns) {
  int64_t blocks = blocks_of(ranges->queries, block_rows);
  for (int64_t i = 0; i < native_stage_spans(ranges, block_rows); i++) {
    int64_t query = i % blocks * block_rows;
    spans[i] = span_of_rows(ranges, i / blocks * ranges->queries + query,
                            least(block_rows, ranges->queries - query), block_columns);
  }
  *native = (NativeStage){.stage = {.runs_of_queries = runs_of_queries,
                                    .runs_of_keys = runs_of_keys,
                                    .mask = mask_tile,
                                    .block_rows = block_rows,
                                    .block_columns = block_columns,
                                    .queries = ranges->queries,
                                    .keys = ranges->keys,
                                    .heads_alike = ranges->heads == 1,
                                    .data = native},
                          .ranges = ranges,
                          .spans = spans};
}
