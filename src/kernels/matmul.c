// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"
#include "kernels/kernels.h"
#include <assert.h>
#include <string.h>

// B is turned into panels a sliver at a time (one tile's width x BLOCK_DEPTH), which then meets all
// rows of A as they lie. Few rows meet B as it lies.
enum {
  BLOCK_DEPTH = 256,
  BLOCK_ROWS = 96,
  DIRECT_KEYS = 64, // columns of a unit that is done directly
  DIRECT_VALUES = 32,
  MOST_TILE_ROWS = 16,
  MOST_TILE_COLUMNS = 64
};

typedef struct {
  _Alignas(64) float sliver[BLOCK_DEPTH * MOST_TILE_COLUMNS];
  float edge[MOST_TILE_ROWS * MOST_TILE_COLUMNS];
  float initial[MOST_TILE_ROWS * MOST_TILE_COLUMNS];
} Workspace;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t ceiling_divide(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static const void *element(const Matmul *matmul, int64_t row, int64_t column) {
  int64_t index = row * matmul->b_row + column;
  return (const char *)matmul->b + index * dtype_facts(matmul->dtype)->block_bytes;
}

// Panel `panel` of the sliver from rows of B that are columns of C (keys).
static void make_transposed(const Kernels *kernels, const Matmul *matmul, int64_t column,
                            int64_t begin, int64_t depth, Tile *tile, int panel) {
  const void *source[MATRIX_PANEL];
  for (int i = 0; i < MATRIX_PANEL; i++) {
    int64_t row = column + panel * MATRIX_PANEL + i;
    source[i] = row < matmul->columns ? element(matmul, row, begin) : NULL;
  }
  char *out = (char *)tile->b + panel * tile->panel_bytes;
  if (tile->dtype == DTYPE_BF16)
    kernels->transpose_panel(DTYPE_BF16, depth, source, out);
  else
    kernels->gather_panel(matmul->dtype, depth, source, (float *)out);
}

// The same from rows of B that are steps of the sum (values).
static void make_plain(const Kernels *kernels, const Matmul *matmul, int64_t column, int64_t begin,
                       int64_t depth, Tile *tile, int panel) {
  int64_t first = column + panel * MATRIX_PANEL;
  int64_t count = smaller(MATRIX_PANEL, matmul->columns - first);
  float *out = (float *)((char *)tile->b + panel * tile->panel_bytes);
  if (count == MATRIX_PANEL) {
    kernels->widen_rows(matmul->dtype, depth, element(matmul, begin, first), matmul->b_row, out);
    return;
  }
  memset(out, 0, (size_t)(depth * MATRIX_PANEL) * sizeof *out);
  for (int64_t k = 0; k < depth; k++)
    kernels->widen(matmul->dtype, count, element(matmul, begin + k, first), out + k * MATRIX_PANEL);
}

// One tile's width of B, `depth` steps of the sum from `begin` on.
static Tile make_sliver(const Kernels *kernels, const Matmul *matmul, int64_t column, int64_t begin,
                        Workspace *workspace) {
  int64_t depth = smaller(BLOCK_DEPTH, matmul->depth - begin);
  int64_t panels = ceiling_divide(matmul->columns - column, MATRIX_PANEL);
  bool pairs = matmul->transposed && matmul->dtype == DTYPE_BF16 && kernels->tile_takes_bf16;
  Tile tile = {.depth = depth,
               .panels = (int)smaller(kernels->tile_panels, panels),
               .dtype = pairs ? DTYPE_BF16 : DTYPE_F32,
               .b = workspace->sliver,
               .a_stride = matmul->a_transposed ? 0 : matmul->a_row,
               .a_step = matmul->a_transposed ? matmul->a_row : 0,
               .c_stride = matmul->c_row};
  tile.panel_bytes = matrix_panel_bytes(tile.dtype, depth);
  for (int panel = 0; panel < tile.panels; panel++)
    (matmul->transposed ? make_transposed : make_plain)(kernels, matmul, column, begin, depth,
                                                        &tile, panel);
  return tile;
}

static void copy_rows(int rows, int64_t count, const float *from, int64_t from_stride, float *to,
                      int64_t to_stride) {
  for (int row = 0; row < rows; row++)
    memcpy(to + row * to_stride, from + row * from_stride, (size_t)count * sizeof *to);
}

static void run_edge(const Kernels *kernels, Tile tile, int64_t count, Workspace *workspace) {
  int64_t width = tile.panels * MATRIX_PANEL, stride = tile.c_stride;
  float *c = tile.c;
  assert(c);
  if (tile.initial) {
    memset(workspace->initial, 0, sizeof workspace->initial);
    copy_rows(tile.rows, count, tile.initial, stride, workspace->initial, width);
    tile.initial = workspace->initial;
    tile.initial_stride = width;
  }
  tile.c = workspace->edge;
  tile.c_stride = width;
  kernels->tile(&tile);
  copy_rows(tile.rows, count, tile.c, width, c, stride);
}

// The sliver against rows [begin, end) of A.
static void run_rows(const Kernels *kernels, const Matmul *matmul, Tile tile, int64_t row_begin,
                     int64_t row_end, int64_t column, int64_t begin, Workspace *workspace) {
  int64_t rows = row_end - row_begin, tiles = ceiling_divide(rows, kernels->tile_rows);
  int64_t width = tile.panels * MATRIX_PANEL, count = smaller(width, matmul->columns - column);
  for (int64_t t = 0, row = row_begin; t < tiles; t++, row += tile.rows) {
    tile.rows = (int)(rows / tiles + (t < rows % tiles));
    tile.a = matmul->a +
             (matmul->a_transposed ? begin * matmul->a_row + row : row * matmul->a_row + begin);
    tile.c = matmul->c + row * matmul->c_row + column;
    tile.initial = begin || matmul->added ? tile.c : NULL;
    tile.initial_stride = tile.c_stride;
    if (count < width)
      run_edge(kernels, tile, count, workspace);
    else
      kernels->tile(&tile);
  }
}

// One product: batch and head already chosen.
static void run_product(const Kernels *kernels, const Matmul *matmul, int64_t row_begin,
                        int64_t row_end, int64_t column_begin, int64_t column_end,
                        Workspace *workspace) {
  int64_t width = (int64_t)kernels->tile_panels * MATRIX_PANEL;
  for (int64_t column = column_begin; column < column_end; column += width)
    for (int64_t begin = 0; begin < matmul->depth; begin += BLOCK_DEPTH) {
      Tile tile = make_sliver(kernels, matmul, column, begin, workspace);
      run_rows(kernels, matmul, tile, row_begin, row_end, column, begin, workspace);
    }
}

// With one row, the heads of a group become its rows: B is then read once for all of them.
static Matmul with_groups_as_rows(const Matmul *matmul) {
  Matmul grouped = *matmul;
  if (matmul->rows != 1 || matmul->group == 1 || matmul->a_transposed) return grouped;
  grouped.rows = matmul->group;
  grouped.heads = matmul->heads / matmul->group;
  grouped.group = 1;
  grouped.a_row = matmul->a_head;
  grouped.a_head = matmul->a_head * matmul->group;
  grouped.c_row = matmul->c_head;
  grouped.c_head = matmul->c_head * matmul->group;
  return grouped;
}

static Matmul product_at(const Matmul *matmul, int64_t batch, int64_t head) {
  Matmul product = *matmul;
  int64_t b_offset = batch * matmul->b_batch + head / matmul->group * matmul->b_head;
  product.a += batch * matmul->a_batch + head * matmul->a_head;
  product.b = (const char *)matmul->b + b_offset * dtype_facts(matmul->dtype)->block_bytes;
  product.c += batch * matmul->c_batch + head * matmul->c_head;
  return product;
}

// How a product is cut into units: a head, a block of rows, a block of columns.
typedef struct {
  int64_t row_step, column_step, row_blocks, column_blocks;
} Cut;

static bool goes_direct(const Kernels *kernels, const Matmul *matmul) {
  if (matmul->rows > 2 * kernels->direct_rows || matmul->a_transposed) return false;
  int64_t bytes = matmul->depth * dtype_facts(matmul->dtype)->block_bytes;
  return !matmul->transposed || (bytes % DIRECT_BYTES == 0 && matmul->depth <= DIRECT_DEPTH);
}

// Some rows at a time: what they meet stays in the cache between.
static void run_direct(const Kernels *kernels, Matmul product, int64_t column_begin,
                       int64_t column_end) {
  int64_t rows = product.rows;
  for (int64_t row = 0; row < rows; row += product.rows) {
    product.rows = smaller(kernels->direct_rows, rows - row);
    (product.transposed ? kernels->scores_direct : kernels->values_direct)(&product, column_begin,
                                                                           column_end);
    product.a += product.rows * product.a_row;
    product.c += product.rows * product.c_row;
  }
}

// Many rows make many units; few rows with a long cache are cut by columns.
static Cut cut_of(const Kernels *kernels, const Matmul *matmul) {
  Cut cut = {.row_step = BLOCK_ROWS, .column_step = matmul->columns};
  if (goes_direct(kernels, matmul))
    cut.column_step = matmul->transposed ? DIRECT_KEYS : DIRECT_VALUES;
  else if (matmul->rows <= BLOCK_ROWS)
    cut.column_step = (int64_t)kernels->tile_panels * MATRIX_PANEL;
  cut.row_blocks = ceiling_divide(matmul->rows, cut.row_step);
  cut.column_blocks = ceiling_divide(matmul->columns, cut.column_step);
  return cut;
}

void matmul_run_part(const Kernels *kernels, const Matmul *whole, int thread, int threads) {
  Matmul matmul = with_groups_as_rows(whole);
  if (matmul.rows == 0 || matmul.columns == 0) return;
  Workspace *workspace = (Workspace *)matmul.scratch + thread;
  Cut cut = cut_of(kernels, &matmul);
  bool direct = goes_direct(kernels, &matmul);
  int64_t unit, end;
  team_share(matmul.batches * matmul.heads * cut.row_blocks * cut.column_blocks, 1, thread, threads,
             &unit, &end);
  while (unit < end) {
    // Neighbouring columns of one head are done as one.
    int64_t count = smaller(end - unit, cut.column_blocks - unit % cut.column_blocks);
    int64_t column = unit % cut.column_blocks * cut.column_step;
    int64_t column_end = smaller(column + count * cut.column_step, matmul.columns);
    int64_t row = unit / cut.column_blocks % cut.row_blocks * cut.row_step;
    int64_t head = unit / cut.column_blocks / cut.row_blocks;
    Matmul product = product_at(&matmul, head / matmul.heads, head % matmul.heads);
    if (direct)
      run_direct(kernels, product, column, column_end);
    else
      run_product(kernels, &product, row, smaller(row + cut.row_step, matmul.rows), column,
                  column_end, workspace);
    unit += count;
  }
}

int64_t matmul_scratch_bytes(int threads) {
  return threads * (int64_t)sizeof(Workspace);
}

typedef struct {
  const Kernels *kernels;
  const Matmul *matmul;
} Job;

static void run_job(void *context, int thread, int threads) {
  const Job *job = context;
  matmul_run_part(job->kernels, job->matmul, thread, threads);
}

void matmul_run(const Kernels *kernels, Team *team, const Matmul *matmul) {
  Job job = {kernels, matmul};
  team_run(team, run_job, &job);
}
