// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear.h"
#include "kernels/kernels.h"
#include "kernels/linear_blas.h"
#include <assert.h>
#include <string.h>

// The blocking: a sliver of B (one tile's width) stays in the caches next to the processor while it
// meets a block of A, some columns of y long, and a chunk of rows is packed at a time. Where few
// tiles have all rows, W is streamed instead, panel by panel from its first column to its last. How
// long each of these is, is the plan's; of the results none of it decides a bit.
enum {
  SMALL_PACKED_BYTES = 256 * 1024, // below it all of A stays in the second-level cache
  STREAM_AHEAD = 2048,             // bytes
  MANY_TILES = 8,                  // of a sliver
  MOST_TILE_ROWS = 32,
  DOT_COLUMNS = 32, // a block of a product of pairs has whole ones, but the last
  MOST_TILE_COLUMNS = 64
};

// What one thread needs beside the packed rows.
typedef struct {
  _Alignas(64) float edge[MOST_TILE_ROWS * MOST_TILE_COLUMNS]; // a tile past the last row of W
  float initial[MOST_TILE_ROWS * MOST_TILE_COLUMNS];
  _Alignas(64) float sliver[]; // sliver_bytes of the plan
} Workspace;

// One chunk of rows of x, cut up.
typedef struct {
  const Kernels *kernels;
  const Linear *linear;
  const LinearPlan *plan;
  int64_t first_row, rows;
  int64_t blocks; // of rows
  int64_t tiles;  // of all blocks
  int64_t column_blocks;
  int64_t groups;       // tile widths over the rows of W
  int64_t tile_columns; // a tile's width
  int64_t panel_bytes;
  bool dot;      // x is packed as pairs of bfloat16
  bool streamed; // W is read once, as it lies
  float *packed;
} Chunk;

typedef struct {
  int64_t begin, end;
} Range;

static int64_t ceiling_divide(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// Part `index` of `count` things cut into `parts` nearly equal ones.
static Range even_part(int64_t count, int64_t parts, int64_t index) {
  int64_t each = count / parts, more = count % parts;
  int64_t begin = index * each + smaller(index, more);
  return (Range){begin, begin + each + (index < more)};
}

static Range block_rows(const Chunk *chunk, int64_t block) {
  return even_part(chunk->rows, chunk->blocks, block);
}

static int64_t tiles_of(const Chunk *chunk, int64_t rows) {
  return ceiling_divide(rows, linear_tile_rows(chunk->kernels, chunk->linear->matrix->dtype));
}

// What `columns` columns take in a packed row; blocks and tiles begin at even columns.
static int64_t packed_columns(const Chunk *chunk, int64_t columns) {
  return chunk->dot ? ceiling_divide(columns, 2) : columns;
}

// Packed order: block of rows, block of columns, tile, column, row.
static float *packed_tile(const Chunk *chunk, Range rows, Range columns, Range tile) {
  return chunk->packed + rows.begin * packed_columns(chunk, chunk->linear->matrix->columns) +
         packed_columns(chunk, columns.begin) * (rows.end - rows.begin) +
         tile.begin * packed_columns(chunk, columns.end - columns.begin);
}

// Columns that are not parted between blocks.
static int64_t column_step(const Chunk *chunk) {
  return chunk->dot ? DOT_COLUMNS : 2;
}

// Nearly equal blocks of whole steps.
static Range block_columns(const Chunk *chunk, int64_t block) {
  int64_t columns = chunk->linear->matrix->columns, step = column_step(chunk);
  Range steps = even_part(ceiling_divide(columns, step), chunk->column_blocks, block);
  return (Range){step * steps.begin, smaller(step * steps.end, columns)};
}

// The tiles [tiles.begin, tiles.end) of one block of rows, all columns.
static void pack_tiles(const Chunk *chunk, Range rows, Range tiles) {
  const Linear *linear = chunk->linear;
  int64_t height = rows.end - rows.begin;
  const Kernels *kernels = chunk->kernels;
  void (*pack)(int, int64_t, const float *, int64_t, float *) =
      chunk->dot ? kernels->pack_row_pairs : kernels->pack_rows;
  for (int64_t block = 0; block < chunk->column_blocks; block++)
    for (int64_t t = tiles.begin; t < tiles.end; t++) {
      Range columns = block_columns(chunk, block);
      Range tile = even_part(height, tiles_of(chunk, height), t);
      int64_t row = chunk->first_row + rows.begin + tile.begin;
      pack((int)(tile.end - tile.begin), columns.end - columns.begin,
           linear->x + row * linear->x_stride + columns.begin, linear->x_stride,
           packed_tile(chunk, rows, columns, tile));
    }
}

// Of the tiles of a block, those within [all.begin, all.end) of the chunk's tiles.
static Range tiles_within(const Chunk *chunk, int64_t block, Range all) {
  int64_t before = 0;
  for (int64_t i = 0; i < block; i++) {
    Range rows = block_rows(chunk, i);
    before += tiles_of(chunk, rows.end - rows.begin);
  }
  Range rows = block_rows(chunk, block);
  int64_t count = tiles_of(chunk, rows.end - rows.begin);
  Range within = {all.begin - before, smaller(all.end - before, count)};
  if (within.begin < 0) within.begin = 0;
  return within;
}

static void pack_chunk(const Chunk *chunk, int thread, int threads) {
  Range share = even_part(chunk->tiles, threads, thread);
  for (int64_t block = 0; block < chunk->blocks; block++)
    pack_tiles(chunk, block_rows(chunk, block), tiles_within(chunk, block, share));
}

// Where the sums of the first block of columns start. The residual can be among them when nothing
// comes between; then the bias, if there is one, is added at the end.
static const float *initial_of(const Linear *linear, int64_t row, int64_t column, int64_t *stride) {
  const Epilogue *epilogue = &linear->epilogue;
  if (epilogue->residual && epilogue->activation == ACTIVATION_NONE) {
    *stride = epilogue->residual_stride;
    return epilogue->residual + row * *stride + column;
  }
  *stride = 0;
  return linear->matrix->bias ? linear->matrix->bias + column : NULL;
}

static void finish_tile(const Chunk *chunk, const Tile *tile, int64_t row, int64_t column,
                        int64_t count) {
  const Kernels *kernels = chunk->kernels;
  const Epilogue *epilogue = &chunk->linear->epilogue;
  const float *bias = chunk->linear->matrix->bias;
  bool plain = epilogue->activation == ACTIVATION_NONE;
  if (plain && !(epilogue->residual && bias)) return;
  for (int i = 0; i < tile->rows; i++) {
    float *c = tile->c + i * tile->c_stride;
    const float *residual = epilogue->residual + (row + i) * epilogue->residual_stride + column;
    if (plain) {
      kernels->add(count, c, bias + column, c);
      continue;
    }
    kernels->activate(epilogue->activation, count, c, c);
    if (epilogue->residual) kernels->add(count, c, residual, c);
  }
}

// `rows` rows of `count` floats each.
static void copy_rows(int rows, int64_t count, const float *from, int64_t from_stride, float *to,
                      int64_t to_stride) {
  for (int row = 0; row < rows; row++)
    memcpy(to + row * to_stride, from + row * from_stride, (size_t)count * sizeof *to);
}

static void multiply_tile(const Chunk *chunk, const Tile *tile) {
  (chunk->dot ? chunk->kernels->tile_dot : chunk->kernels->tile)(tile);
}

// A tile whose last panel is not full: by way of a whole one.
static void run_edge(const Chunk *chunk, Tile tile, int64_t count, Workspace *workspace) {
  int64_t width = tile.panels * MATRIX_PANEL, stride = tile.c_stride;
  float *c = tile.c;
  assert(c);
  memset(workspace->initial, 0, sizeof workspace->initial);
  if (tile.initial) {
    copy_rows(tile.rows, count, tile.initial, tile.initial_stride, workspace->initial, width);
    tile.initial = workspace->initial;
    tile.initial_stride = width;
  }
  tile.c = workspace->edge;
  tile.c_stride = width;
  multiply_tile(chunk, &tile);
  copy_rows(tile.rows, count, tile.c, width, c, stride);
}

// So that memory is never idle. A stream's only tile fetches what is a little further on. Else tile
// t fetches its part of the sliver that comes next: of many tiles its lines before it
// begins, of few as it goes from column to column.
static void fetch_ahead(const Chunk *chunk, Tile *tile, const Tile *ahead, int64_t t,
                        int64_t tiles) {
  int64_t bytes = tile->depth * ahead->next_column_bytes;
  bool alone = chunk->streamed && tiles == 1;
  tile->next = alone ? (const char *)tile->b + STREAM_AHEAD : NULL;
  if (alone || !ahead->next) return;
  if (tiles < MANY_TILES) {
    tile->next = ahead->next + t * bytes / tiles;
    tile->next_column_bytes = ceiling_divide(ahead->next_column_bytes, tiles);
    return;
  }
  for (int panel = 0; panel < tile->panels; panel++)
    for (int64_t at = t * bytes / tiles; at < (t + 1) * bytes / tiles; at += MATRIX_ALIGNMENT)
      __builtin_prefetch(ahead->next + panel * ahead->next_panel_bytes + at);
}

// One sliver of B against the tiles of one block of rows.
static void run_tiles(const Chunk *chunk, Tile tile, Range rows, Range columns, Range tiles,
                      int64_t column, Workspace *workspace) {
  const Linear *linear = chunk->linear;
  int64_t height = rows.end - rows.begin, width = tile.panels * MATRIX_PANEL;
  int64_t count = smaller(width, linear->matrix->rows - column);
  const Tile ahead = tile;
  for (int64_t t = tiles.begin; t < tiles.end; t++) {
    Range part = even_part(height, tiles_of(chunk, height), t);
    int64_t row = chunk->first_row + rows.begin + part.begin;
    tile.rows = (int)(part.end - part.begin);
    tile.a = packed_tile(chunk, rows, columns, part);
    tile.c = linear->y + row * linear->y_stride + column;
    tile.initial = tile.c;
    tile.initial_stride = tile.c_stride;
    fetch_ahead(chunk, &tile, &ahead, t - tiles.begin, tiles.end - tiles.begin);
    if (columns.begin == 0) tile.initial = initial_of(linear, row, column, &tile.initial_stride);
    if (count < width)
      run_edge(chunk, tile, count, workspace);
    else
      multiply_tile(chunk, &tile);
    if (columns.end == linear->matrix->columns) finish_tile(chunk, &tile, row, column, count);
  }
}

// Where the columns of a group begin in W.
static const char *group_data(const Chunk *chunk, int64_t group, int64_t column) {
  const Matrix *matrix = chunk->linear->matrix;
  return (const char *)matrix->panels + group * chunk->kernels->tile_panels * chunk->panel_bytes +
         column * MATRIX_PANEL * dtype_facts(matrix->dtype)->block_bytes;
}

// A stream of bfloat16 is widened as it is read, sooner than it is written for all tiles.
static bool widens(const Chunk *chunk) {
  Dtype dtype = chunk->linear->matrix->dtype;
  return dtype != DTYPE_F32 && !chunk->dot && !chunk->streamed;
}

// The sliver of a group: where it lies in W, or widened into the workspace.
static Tile sliver_of(const Chunk *chunk, int64_t group, Range columns, Workspace *workspace) {
  const Kernels *kernels = chunk->kernels;
  const Matrix *matrix = chunk->linear->matrix;
  int64_t depth = columns.end - columns.begin, first = group * kernels->tile_panels;
  int64_t panels = smaller(kernels->tile_panels, matrix_panels(matrix->rows) - first);
  const char *source = group_data(chunk, group, columns.begin);
  Tile tile = {.depth = depth,
               .panels = (int)panels,
               .dtype = matrix->dtype,
               .b = source,
               .panel_bytes = chunk->panel_bytes,
               .next_panel_bytes = chunk->panel_bytes,
               .next_column_bytes = MATRIX_PANEL * dtype_facts(matrix->dtype)->block_bytes,
               .c_stride = chunk->linear->y_stride};
  if (!widens(chunk)) return tile;
  for (int64_t i = 0; i < panels; i++)
    kernels->widen_panel(matrix->dtype, depth, source + i * chunk->panel_bytes,
                         workspace->sliver + i * depth * MATRIX_PANEL);
  tile.dtype = DTYPE_F32;
  tile.b = workspace->sliver;
  tile.panel_bytes = depth * MATRIX_PANEL * (int64_t)sizeof(float);
  return tile;
}

// The sliver after this one, so that its memory is on the way while this one is worked on.
static void announce_next(const Chunk *chunk, Range groups, int64_t group, int64_t block,
                          Tile *tile) {
  bool last = group + 1 == groups.end;
  int64_t next_block = last ? (block + 1) % chunk->column_blocks : block;
  int64_t next_group = !last ? group + 1 : next_block ? groups.begin : groups.end;
  if (next_group >= chunk->groups) return;
  tile->next = group_data(chunk, next_group, block_columns(chunk, next_block).begin);
}

static void run_groups(const Chunk *chunk, Range groups, Range all_tiles, Workspace *workspace) {
  for (int64_t block = 0; block < chunk->blocks; block++) {
    Range rows = block_rows(chunk, block), tiles = tiles_within(chunk, block, all_tiles);
    if (tiles.begin >= tiles.end) continue;
    for (int64_t k = 0; k < chunk->column_blocks; k++)
      for (int64_t group = groups.begin; group < groups.end; group++) {
        Range columns = block_columns(chunk, k);
        Tile tile = sliver_of(chunk, group, columns, workspace);
        announce_next(chunk, groups, group, k, &tile);
        run_tiles(chunk, tile, rows, columns, tiles, group * chunk->tile_columns, workspace);
      }
  }
}

// Threads in a grid, the columns of y first: the cut that leaves the busiest thread least to do.
static int64_t balanced_width(const Chunk *chunk, int threads) {
  int64_t best = 1, least = INT64_MAX;
  for (int64_t wide = smaller(threads, chunk->groups); wide >= 1; wide--) {
    int64_t high = smaller(threads / wide, chunk->tiles);
    assert(high >= 1);
    int64_t work = ceiling_divide(chunk->groups, wide) * ceiling_divide(chunk->tiles, high);
    if (work >= least) continue;
    best = wide;
    least = work;
  }
  return best;
}

static int64_t grid_width(const Chunk *chunk, int threads) {
  int64_t high = smaller(threads, chunk->tiles);
  assert(high >= 1);
  switch (chunk->plan->cut) {
  case LINEAR_BY_COLUMNS: return smaller(threads, chunk->groups);
  case LINEAR_BY_ROWS: return smaller(threads / high, chunk->groups);
  default: return balanced_width(chunk, threads);
  }
}

static void run_chunk(const Chunk *chunk, int thread, int team, Workspace *workspace) {
  int threads = linear_threads(chunk->linear, team);
  int64_t wide = grid_width(chunk, threads);
  assert(wide >= 1 && wide <= threads);
  int64_t high = smaller(threads / wide, chunk->tiles);
  assert(high >= 1); // a chunk has rows, so it has tiles
  if (thread >= wide * high) return;
  Range tiles = even_part(chunk->tiles, high, thread / wide);
  Range groups = even_part(chunk->groups, wide, thread % wide);
  int64_t packed = chunk->rows * packed_columns(chunk, chunk->linear->matrix->columns);
  int64_t width = chunk->plan->block_width / chunk->tile_columns;
  int64_t step = packed * (int64_t)sizeof(float) <= SMALL_PACKED_BYTES ? 1 : width;
  for (int64_t group = groups.begin; group < groups.end; group += step) {
    Range some = {group, smaller(group + step, groups.end)};
    run_groups(chunk, some, tiles, workspace);
  }
}

// Where few tiles have all rows; only weights that a tile reads as they are.
bool linear_streams(const Kernels *kernels, Dtype dtype, const LinearPlan *plan, int64_t tiles) {
  bool few = tiles <= plan->streamed_tiles;
  if (dtype == DTYPE_BF16) return kernels->tile_takes_bf16 && (few || kernels->dot_streams);
  return dtype == DTYPE_F32 && few;
}

static const LinearPlan *plan_of(const Linear *linear) {
  bool serves = linear_plan_serves(linear->plan, linear->rows);
  return serves ? linear->plan : linear_plan_standard(linear->matrix->dtype);
}

static Chunk chunk_at(const Kernels *kernels, const Linear *linear, int64_t first_row) {
  const LinearPlan *plan = plan_of(linear);
  Chunk chunk = {.kernels = kernels,
                 .linear = linear,
                 .plan = plan,
                 .first_row = first_row,
                 .dot = linear_rounds(kernels, linear->matrix->dtype)};
  chunk.rows = smaller(linear->rows - first_row, LINEAR_CHUNK_ROWS);
  chunk.blocks = ceiling_divide(chunk.rows, plan->block_rows);
  for (int64_t block = 0; block < chunk.blocks; block++) {
    Range rows = block_rows(&chunk, block);
    chunk.tiles += tiles_of(&chunk, rows.end - rows.begin);
  }
  chunk.streamed = linear_streams(kernels, linear->matrix->dtype, plan, chunk.tiles);
  chunk.tile_columns = (int64_t)kernels->tile_panels * MATRIX_PANEL;
  int64_t step = column_step(&chunk), columns = linear->matrix->columns;
  int64_t most = plan->sliver_bytes / (int64_t)sizeof(float) / chunk.tile_columns / step * step;
  if (most < step) most = step;
  chunk.column_blocks = chunk.streamed ? 1 : ceiling_divide(columns, most);
  chunk.groups = ceiling_divide(matrix_panels(linear->matrix->rows), kernels->tile_panels);
  chunk.panel_bytes = matrix_panel_bytes(linear->matrix->dtype, linear->matrix->columns);
  return chunk;
}

static int64_t workspace_bytes(const LinearPlan *plan) {
  int64_t bytes = (int64_t)sizeof(Workspace) + plan->sliver_bytes;
  return ceiling_divide(bytes, MATRIX_ALIGNMENT) * MATRIX_ALIGNMENT;
}

static Workspace *workspace_at(const Linear *linear, int thread) {
  return (Workspace *)((char *)linear->scratch + thread * workspace_bytes(plan_of(linear)));
}

static void run_blocked(const Kernels *kernels, Team *team, const Linear *linear, int thread,
                        int threads) {
  for (int64_t row = 0; row < linear->rows; row += LINEAR_CHUNK_ROWS) {
    Chunk chunk = chunk_at(kernels, linear, row);
    chunk.packed = (float *)workspace_at(linear, threads);
    if (row && threads > 1)
      team_barrier(team); // the packed rows of the last chunk are still being read
    pack_chunk(&chunk, thread, threads);
    if (threads > 1) team_barrier(team);
    run_chunk(&chunk, thread, threads, workspace_at(linear, thread));
  }
}

bool linear_rounds(const Kernels *kernels, Dtype dtype) {
  return kernels->tile_dot && dtype == DTYPE_BF16;
}

int linear_tile_rows(const Kernels *kernels, Dtype dtype) {
  return linear_rounds(kernels, dtype) ? kernels->dot_rows : kernels->tile_rows;
}

int linear_threads(const Linear *linear, int threads) {
  int64_t most = plan_of(linear)->threads;
  return most ? (int)smaller(most, threads) : threads;
}

int64_t linear_plan_scratch_bytes(const LinearPlan *plan, int64_t most_rows, int64_t most_columns,
                                  int threads) {
  int64_t packed = smaller(most_rows, LINEAR_CHUNK_ROWS) * most_columns * (int64_t)sizeof(float);
  int64_t each = workspace_bytes(linear_plan_standard(DTYPE_F32)); // the same for all dtypes
  if (plan && workspace_bytes(plan) > each) each = workspace_bytes(plan);
  return threads * each + packed;
}

int64_t linear_scratch_bytes(int64_t most_rows, int64_t most_columns, int threads) {
  return linear_plan_scratch_bytes(NULL, most_rows, most_columns, threads);
}

// NULL: by our own kernels.
static const LinearBlas *blas_of(const Linear *linear) {
  const LinearBlas *blas = plan_of(linear)->blas;
  return blas && linear_blas_serves(linear) ? blas : NULL;
}

void linear_run_part(const Kernels *kernels, Team *team, const Linear *linear, int thread,
                     int threads) {
  if (blas_of(linear)) {
    linear_blas_run_part(kernels, blas_of(linear), linear, thread, threads);
    return;
  }
  if (linear->rows > kernels->streamed_rows) {
    run_blocked(kernels, team, linear, thread, threads);
    return;
  }
  threads = linear_threads(linear, threads);
  if (linear->rows == 0 || thread >= threads) return;
  Range panels = even_part(matrix_panels(linear->matrix->rows), threads, thread);
  kernels->linear_direct(linear, panels.begin, panels.end);
}

typedef struct {
  const Kernels *kernels;
  const Linear *linear;
  int64_t first_row;
} Job;

static void direct_job(void *context, int thread, int threads) {
  const Job *job = context;
  linear_run_part(job->kernels, NULL, job->linear, thread, threads);
}

static Chunk chunk_of(const Job *job, int threads) {
  Chunk chunk = chunk_at(job->kernels, job->linear, job->first_row);
  chunk.packed = (float *)workspace_at(job->linear, threads);
  return chunk;
}

static void pack_job(void *context, int thread, int threads) {
  Chunk chunk = chunk_of(context, threads);
  pack_chunk(&chunk, thread, threads);
}

static void chunk_job(void *context, int thread, int threads) {
  const Job *job = context;
  Chunk chunk = chunk_of(job, threads);
  run_chunk(&chunk, thread, threads, workspace_at(job->linear, thread));
}

// Tasks without barriers, whose shares the caller can take over from a worker that has no core.
void linear_run(const Kernels *kernels, Team *team, const Linear *linear) {
  Job job = {kernels, linear, 0};
  if (linear->rows <= kernels->streamed_rows || blas_of(linear)) {
    team_run(team, direct_job, &job);
    return;
  }
  for (; job.first_row < linear->rows; job.first_row += LINEAR_CHUNK_ROWS) {
    team_run(team, pack_job, &job);
    team_run(team, chunk_job, &job);
  }
}
