// SPDX-License-Identifier: Apache-2.0
#include "attention/block_elements.h"
#include "attention/block_mask.h"

typedef struct {
  const BlockMask *mask;
  BlockElements elements;
  int64_t *counts; // of each thread
} Count;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static bool add_strip(void *context, const ModTile *tile, const uint8_t *visible) {
  *(int64_t *)context += block_elements_count(tile, visible);
  return true;
}

static int64_t count_run(const Count *count, int thread, int64_t line, const BlockRun *run) {
  const BlockMask *mask = count->mask;
  int64_t plane = line / mask->by_query.lines;
  int64_t query = line % mask->by_query.lines * mask->block_rows;
  ModTile tile = {.batch = plane / mask->heads,
                  .head = plane % mask->heads,
                  .query = query,
                  .key = run->first * mask->block_columns,
                  .rows = least(mask->block_rows, mask->queries - query)};
  tile.columns = least(run->last * mask->block_columns, mask->keys) - tile.key;
  if (run->full) return tile.rows * tile.columns;
  int64_t visible = 0;
  block_elements_visit(&count->elements, thread, &tile, add_strip, &visible);
  return visible;
}

// Every threads-th line, so that what grows along the matrix is spread.
static void count_task(void *context, int thread, int threads) {
  Count *count = context;
  const BlockLines *lines = &count->mask->by_query;
  int64_t all = count->mask->batches * count->mask->heads * lines->lines, sum = 0;
  for (int64_t line = thread; line < all; line += threads)
    for (int64_t i = lines->start[line]; i < lines->start[line + 1]; i++)
      sum += count_run(count, thread, line, &lines->runs[i]);
  count->counts[thread] = sum;
}

bool block_mask_pairs(const BlockMask *mask, const BoundMod *bound, CpuTier tier, Team *team,
                      double *pairs, Error *error) {
  int threads = team_size(team);
  Count count = {.mask = mask};
  if (!block_elements_open(&count.elements, bound, tier, threads, error)) return false;
  count.counts = memory_allocate((size_t)threads * sizeof *count.counts);
  team_run(team, count_task, &count);
  int64_t sum = 0;
  for (int t = 0; t < threads; t++) sum += count.counts[t];
  int64_t same = bound->shape.batch / mask->batches * (bound->shape.heads / mask->heads);
  *pairs = (double)sum * (double)same;
  memory_free(count.counts);
  block_elements_close(&count.elements);
  return true;
}
