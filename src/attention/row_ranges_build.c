// SPDX-License-Identifier: Apache-2.0
#include "attention/block_elements.h"
#include "attention/row_ranges.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
  const BlockMask *mask;
  BlockElements elements;
  RowRanges *ranges;
  int64_t *gaps; // of each thread: the first of its rows that has one, else INT64_MAX
} Search;

// One line of blocks, whose runs are walked from left to right.
typedef struct {
  RowRanges *ranges;
  int64_t rows_before; // in the arrays, of the planes before this one
  int64_t gap;
} Walk;

static void extend_row(Walk *walk, int64_t query, int64_t first, int64_t last, bool whole) {
  int64_t at = walk->rows_before + query;
  int32_t *row_first = &walk->ranges->first[at], *row_last = &walk->ranges->last[at];
  bool none = *row_first == *row_last;
  if (none) *row_first = (int32_t)first;
  if ((!whole || (!none && *row_last != first)) && at < walk->gap) walk->gap = at;
  *row_last = (int32_t)last;
}

static bool extend_strip(void *context, const ModTile *tile, const uint8_t *visible) {
  for (int64_t r = 0; r < tile->rows; r++) {
    const uint8_t *row = visible + r * tile->stride;
    const uint8_t *first = memchr(row, 1, (size_t)tile->columns);
    if (!first) continue;
    const uint8_t *last = (const uint8_t *)memrchr(row, 1, (size_t)tile->columns) + 1;
    bool whole = !memchr(first, 0, (size_t)(last - first));
    extend_row(context, tile->query + r, tile->key + (first - row), tile->key + (last - row),
               whole);
  }
  return true;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void walk_run(const Search *search, int thread, Walk *walk, ModTile *tile,
                     const BlockRun *run) {
  const BlockMask *mask = search->mask;
  tile->key = run->first * mask->block_columns;
  tile->columns = least(run->last * mask->block_columns, mask->keys) - tile->key;
  if (!run->full) {
    block_elements_visit(&search->elements, thread, tile, extend_strip, walk);
    return;
  }
  for (int64_t r = 0; r < tile->rows; r++)
    extend_row(walk, tile->query + r, tile->key, tile->key + tile->columns, true);
}

// Every threads-th line, so that what grows along the matrix is spread.
static void search_task(void *context, int thread, int threads) {
  Search *search = context;
  const BlockMask *mask = search->mask;
  const BlockLines *lines = &mask->by_query;
  Walk walk = {.ranges = search->ranges, .gap = INT64_MAX};
  for (int64_t line = thread; line < mask->batches * mask->heads * lines->lines; line += threads) {
    int64_t plane = line / lines->lines, query = line % lines->lines * mask->block_rows;
    ModTile tile = {.batch = plane / mask->heads,
                    .head = plane % mask->heads,
                    .query = query,
                    .rows = least(mask->block_rows, mask->queries - query)};
    walk.rows_before = plane * mask->queries;
    for (int64_t i = lines->start[line]; i < lines->start[line + 1]; i++)
      walk_run(search, thread, &walk, &tile, &lines->runs[i]);
  }
  search->gaps[thread] = walk.gap;
}

static bool check_gaps(const RowRanges *ranges, const int64_t *gaps, int threads, Error *error) {
  int64_t gap = INT64_MAX;
  for (int t = 0; t < threads; t++) gap = least(gap, gaps[t]);
  if (gap == INT64_MAX) return true;
  int64_t plane = gap / ranges->queries;
  return error_set(error, ERROR_UNSUPPORTED, NULL,
                   "the mask is not one range of keys for each query: query %" PRId64
                   " of batch %" PRId64 ", head %" PRId64 " sees keys with a gap",
                   gap % ranges->queries, plane / ranges->heads, plane % ranges->heads);
}

static bool search_all(const BlockMask *mask, const BoundMod *bound, RowRanges *ranges,
                       CpuTier tier, Team *team, Error *error) {
  int threads = team_size(team);
  Search search = {.mask = mask, .ranges = ranges};
  if (!block_elements_open(&search.elements, bound, tier, threads, error)) return false;
  search.gaps = memory_allocate((size_t)threads * sizeof *search.gaps);
  team_run(team, search_task, &search);
  bool whole = check_gaps(ranges, search.gaps, threads, error);
  memory_free(search.gaps);
  block_elements_close(&search.elements);
  return whole;
}

RowRanges *row_ranges_build(const BlockMask *mask, const BoundMod *bound, CpuTier tier, Team *team,
                            Error *error) {
  if (mask->keys > INT32_MAX) {
    error_set(error, ERROR_UNSUPPORTED, NULL, "%" PRId64 " keys, expected at most %d", mask->keys,
              INT32_MAX);
    return NULL;
  }
  RowRanges *ranges = memory_allocate(sizeof *ranges);
  *ranges = (RowRanges){
      .batches = mask->batches, .heads = mask->heads, .queries = mask->queries, .keys = mask->keys};
  size_t rows = (size_t)(ranges->batches * ranges->heads * ranges->queries);
  if (region_map(&ranges->memory, 2 * rows * sizeof(int32_t), error)) {
    ranges->first = ranges->memory.data;
    ranges->last = ranges->first + rows;
    if (search_all(mask, bound, ranges, tier, team, error)) return ranges;
  }
  row_ranges_close(ranges);
  return NULL;
}

void row_ranges_close(RowRanges *ranges) {
  if (!ranges) return;
  region_unmap(&ranges->memory);
  memory_free(ranges);
}
