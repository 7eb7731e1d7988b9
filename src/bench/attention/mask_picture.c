// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/mask_picture.h"
#include "attention/block_mask.h"
#include "bench/attention/pattern.h"
#include <string.h>

enum { ENOUGH_KEYS = 1024 }; // a length that shows windows and documents

static int64_t keys_of(const SweepCell *cell) {
  return cell->shape.keys;
}

// Whether the cell shows the mask better than the best so far.
static bool is_better(const SweepCell *cell, const SweepCell *best) {
  if (!best) return true;
  bool enough = keys_of(cell) >= ENOUGH_KEYS, had = keys_of(best) >= ENOUGH_KEYS;
  if (enough != had) return enough;
  return enough ? keys_of(cell) < keys_of(best) : keys_of(cell) > keys_of(best);
}

static const SweepCell *cell_of(const SweepCells *cells, size_t mod) {
  const SweepCell *best = NULL;
  for (size_t i = 0; i < cells->cells.count; i++) {
    const SweepCell *cell = &cells->cells.items[i];
    if (cell->mod == mod && is_better(cell, best)) best = cell;
  }
  return best;
}

static int64_t block_of(const ModShape *shape) {
  int64_t longest = shape->keys > shape->queries ? shape->keys : shape->queries;
  return (longest + MASK_PICTURE_SQUARES - 1) / MASK_PICTURE_SQUARES;
}

static json_t *row_of(const BlockMask *mask, int64_t head, int64_t row) {
  char codes[MASK_PICTURE_SQUARES + 1];
  int64_t columns = (mask->keys + mask->block_columns - 1) / mask->block_columns;
  int64_t line = block_mask_line(mask, &mask->by_query, 0, head, row);
  memset(codes, '.', (size_t)columns);
  codes[columns] = '\0';
  for (int64_t i = mask->by_query.start[line]; i < mask->by_query.start[line + 1]; i++) {
    const BlockRun *run = &mask->by_query.runs[i];
    memset(codes + run->first, run->full ? 'f' : 'p', (size_t)(run->last - run->first));
  }
  return json_string(codes);
}

static json_t *picture_of(const BlockMask *mask, const char *name, int64_t head) {
  json_t *rows = json_array();
  for (int64_t row = 0; row < mask->by_query.lines; row++)
    json_array_append_new(rows, row_of(mask, head, row));
  const char *format = mask->heads > 1 ? "%s, head %lld" : "%s";
  return json_pack("{s:o, s:I, s:I, s:I, s:o}", "name", json_sprintf(format, name, (long long)head),
                   "queries", (json_int_t)mask->queries, "keys", (json_int_t)mask->keys, "block",
                   (json_int_t)mask->block_rows, "rows", rows);
}

static void add_mask(json_t *pictures, const char *name, const BlockMask *mask) {
  json_array_append_new(pictures, picture_of(mask, name, 0));
  if (mask->heads > 1) json_array_append_new(pictures, picture_of(mask, name, mask->heads - 1));
}

// What cannot be pictured was told where the cell was to be measured.
static void add(json_t *pictures, const SweepMod *mod, const SweepCell *cell, CpuTier tier,
                Team *team) {
  Error told;
  SweepPattern *pattern = sweep_pattern_open(mod, &cell->shape, cell->documents, &told);
  if (!pattern) return;
  const BoundMod *bound = sweep_pattern_bound(pattern);
  int64_t block = block_of(&cell->shape);
  BlockMask *mask =
      bound->mask.count ? block_mask_build(bound, block, block, tier, team, &told) : NULL;
  if (mask) add_mask(pictures, mod->name, mask);
  block_mask_close(mask);
  sweep_pattern_close(pattern);
}

json_t *mask_pictures(const AttentionSweep *sweep, const SweepCells *cells, CpuTier tier,
                      Team *team) {
  json_t *pictures = json_array();
  for (size_t i = 0; i < sweep->mods.count; i++) {
    const SweepCell *cell = cell_of(cells, i);
    if (cell) add(pictures, &sweep->mods.items[i], cell, tier, team);
  }
  return pictures;
}
