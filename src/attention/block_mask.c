// SPDX-License-Identifier: Apache-2.0
#include "attention/block_mask.h"
#include "attention/block_boxes.h"
#include "attention/block_elements.h"
#include "attention/block_lines.h"
#include <inttypes.h>

static int64_t blocks_of(int64_t count, int64_t block) {
  return (count + block - 1) / block;
}

static BlockGrid grid_of(const BoundMod *bound, int64_t block_rows, int64_t block_columns) {
  return (BlockGrid){.bound = bound,
                     .block_rows = block_rows,
                     .block_columns = block_columns,
                     .rows = blocks_of(bound->shape.queries, block_rows),
                     .columns = blocks_of(bound->shape.keys, block_columns),
                     .heads = mod_tree_uses(&bound->mask, MOD_HEAD) ? bound->shape.heads : 1};
}

static int64_t batches_of(const BoundMod *bound) {
  return mod_tree_uses(&bound->mask, MOD_BATCH) ? bound->shape.batch : 1;
}

// Counts of planes, lines and blocks; false: more than 32 bits for the first two, 64 for the last.
static bool counts_fit(const BlockGrid *grid, int64_t *blocks) {
  int64_t extents[3] = {batches_of(grid->bound) * grid->heads, grid->rows, grid->columns};
  for (int i = 0; i < 3; i++)
    if (extents[i] > INT32_MAX) return false;
  return tensor_shape_elements(3, extents, blocks);
}

int64_t block_mask_bytes(const BoundMod *bound, int64_t block_rows, int64_t block_columns) {
  BlockGrid grid = grid_of(bound, block_rows, block_columns);
  enum {
    BYTES = 2 * sizeof(BlockRun) + sizeof(BlockDetail) + 3 * sizeof(BlockBox) + sizeof(int64_t),
    LINE_BYTES = 80
  };
  int64_t blocks;
  if (!counts_fit(&grid, &blocks) || blocks > (INT64_MAX >> 8)) return INT64_MAX;
  int64_t lines = batches_of(bound) * grid.heads * (grid.rows + grid.columns);
  return blocks * BYTES + lines * LINE_BYTES;
}

// The work of a build: planes are decided side by side, then single blocks are evaluated.
typedef struct {
  BlockGrid grid;
  int64_t planes;
  BlockBoxes *parts; // of each thread
  Error *errors;     // of each thread
  BlockBoxes all;
  BlockElements elements;
  int64_t *undecided; // indices into `all`
  int64_t undecided_count;
} Build;

static void decide_task(void *context, int thread, int threads) {
  Build *build = context;
  int64_t first, last;
  team_share(build->planes, 1, thread, threads, &first, &last);
  if (!block_boxes_decide(&build->parts[thread], &build->grid, first, last, &build->errors[thread]))
    block_boxes_close(&build->parts[thread]);
}

static bool join_parts(Build *build, int threads, Error *error) {
  for (int t = 0; t < threads; t++) {
    if (build->errors[t].code != ERROR_NONE) {
      *error = build->errors[t];
      return false;
    }
    if (!block_boxes_append(&build->all, build->parts[t].boxes, build->parts[t].count, error))
      return false;
  }
  return true;
}

static bool decide_all(Build *build, Team *team, Error *error) {
  int threads = team_size(team);
  build->parts = memory_allocate((size_t)threads * sizeof *build->parts);
  build->errors = memory_allocate((size_t)threads * sizeof *build->errors);
  team_run(team, decide_task, build);
  bool joined = join_parts(build, threads, error);
  for (int t = 0; t < threads; t++) block_boxes_close(&build->parts[t]);
  memory_free(build->parts);
  memory_free(build->errors);
  return joined;
}

typedef struct {
  bool seen, hidden;
} Findings;

static bool find(void *context, const ModTile *tile, const uint8_t *visible) {
  Findings *findings = context;
  int64_t count = block_elements_count(tile, visible);
  findings->seen |= count > 0;
  findings->hidden |= count < tile->rows * tile->columns;
  return !(findings->seen && findings->hidden);
}

static ModTile tile_of(const BlockGrid *grid, const BlockBox *box) {
  ModBox elements = block_grid_elements(grid, box);
  return (ModTile){.batch = elements.batch,
                   .head = elements.head,
                   .query = elements.first_query - grid->bound->shape.query_offset,
                   .key = elements.first_key,
                   .rows = elements.last_query - elements.first_query,
                   .columns = elements.last_key - elements.first_key};
}

static void evaluate_task(void *context, int thread, int threads) {
  Build *build = context;
  int64_t first, last;
  team_share(build->undecided_count, 1, thread, threads, &first, &last);
  for (int64_t i = first; i < last; i++) {
    BlockBox *box = &build->all.boxes[build->undecided[i]];
    ModTile tile = tile_of(&build->grid, box);
    Findings findings = {false, false};
    block_elements_visit(&build->elements, thread, &tile, find, &findings);
    box->state = !findings.seen ? BLOCK_EMPTY : findings.hidden ? BLOCK_PARTIAL : BLOCK_FULL;
  }
}

static void detail_task(void *context, int thread, int threads) {
  Build *build = context;
  int64_t first, last;
  team_share(build->all.count, 1, thread, threads, &first, &last);
  for (int64_t i = first; i < last; i++) {
    BlockBox *box = &build->all.boxes[i];
    if (box->state != BLOCK_PARTIAL) continue;
    ModBox elements = block_grid_elements(&build->grid, box);
    box->detail = block_detail_of(build->grid.intervals, &elements, build->grid.block_rows,
                                  build->grid.block_columns);
  }
}

static void list_undecided(Build *build) {
  for (int64_t i = 0; i < build->all.count; i++)
    if (build->all.boxes[i].state == BLOCK_UNDECIDED)
      build->undecided[build->undecided_count++] = i;
}

static int64_t count_undecided(const BlockBoxes *boxes) {
  int64_t count = 0;
  for (int64_t i = 0; i < boxes->count; i++) count += boxes->boxes[i].state == BLOCK_UNDECIDED;
  return count;
}

static bool evaluate_all(Build *build, CpuTier tier, Team *team, Error *error) {
  int64_t count = count_undecided(&build->all);
  if (count == 0) return true;
  Region indices;
  if (!region_map(&indices, (size_t)count * sizeof(int64_t), error)) return false;
  build->undecided = indices.data;
  list_undecided(build);
  bool opened =
      block_elements_open(&build->elements, build->grid.bound, tier, team_size(team), error);
  if (opened) team_run(team, evaluate_task, build);
  block_elements_close(&build->elements);
  region_unmap(&indices);
  return opened;
}

static BlockMask *mask_of(const Build *build, Error *error) {
  const BlockGrid *grid = &build->grid;
  BlockMask *mask = memory_allocate(sizeof *mask);
  *mask = (BlockMask){.queries = grid->bound->shape.queries,
                      .keys = grid->bound->shape.keys,
                      .block_rows = grid->block_rows,
                      .block_columns = grid->block_columns,
                      .batches = build->planes / grid->heads,
                      .heads = grid->heads,
                      .by_query.lines = grid->rows,
                      .by_key.lines = grid->columns,
                      .evaluated = build->undecided_count};
  if (block_lines_fill(mask, &build->all, error)) return mask;
  block_mask_close(mask);
  return NULL;
}

static bool check_counts(const BlockGrid *grid, Error *error) {
  int64_t blocks;
  if (counts_fit(grid, &blocks)) return true;
  return error_set(error, ERROR_UNSUPPORTED, "block mask",
                   "%" PRId64 " x %" PRId64 " blocks for %" PRId64
                   " heads are more than can be counted; larger blocks are fewer",
                   grid->rows, grid->columns, batches_of(grid->bound) * grid->heads);
}

BlockMask *block_mask_build(const BoundMod *bound, int64_t block_rows, int64_t block_columns,
                            CpuTier tier, Team *team, Error *error) {
  Build build = {.grid = grid_of(bound, block_rows, block_columns)};
  if (!check_counts(&build.grid, error)) return NULL;
  build.planes = batches_of(bound) * build.grid.heads;
  ModIntervals *intervals = mod_intervals_open(bound, error);
  if (!intervals) return NULL;
  build.grid.intervals = intervals;
  BlockMask *mask = NULL;
  if (decide_all(&build, team, error) && evaluate_all(&build, tier, team, error)) {
    team_run(team, detail_task, &build);
    mask = mask_of(&build, error);
  }
  block_boxes_close(&build.all);
  mod_intervals_close(intervals);
  return mask;
}

void block_mask_close(BlockMask *mask) {
  if (!mask) return;
  region_unmap(&mask->memory);
  memory_free(mask);
}

int64_t block_mask_line(const BlockMask *mask, const BlockLines *lines, int64_t batch, int64_t head,
                        int64_t block) {
  int64_t b = mask->batches > 1 ? batch : 0, h = mask->heads > 1 ? head : 0;
  return (b * mask->heads + h) * lines->lines + block;
}
