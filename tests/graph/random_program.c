// SPDX-License-Identifier: Apache-2.0
#include "random_program.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  MOST_ROWS = RANDOM_PROGRAM_MOST_ROWS,
  MOST_DRAWN_ROWS = 4,
  MOST_COLUMNS = 48,
  HEADS = 2,
  CAPACITY = 8,
  INPUTS = 3,
  MATRICES = 3,
  MOST_POOL = 64,
  CACHE_FLOATS = CAPACITY * MOST_COLUMNS
};

struct RandomProgram {
  uint64_t seed;
  int64_t rows, columns, head_dim;
  float inputs[INPUTS][MOST_ROWS * MOST_COLUMNS], saved[INPUTS][MOST_ROWS * MOST_COLUMNS];
  float weight[MOST_COLUMNS], bias[MOST_COLUMNS], table[CAPACITY * MOST_COLUMNS];
  float cosine[CAPACITY * MOST_COLUMNS], sine[CAPACITY * MOST_COLUMNS], cache[CACHE_FLOATS];
  int64_t past[1];
  Matrix matrices[MATRICES], wide; // wide: twice as many rows
};

// [rows, columns] tensors that calls may take.
typedef struct {
  RandomProgram *program;
  Ops *ops;
  Random random;
  Tensor pool[MOST_POOL];
  int count;
} Making;

static void fill(Random *random, float *values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = (float)random_normal(random);
}

static Matrix make_matrix(Random *random, int64_t rows, int64_t columns, const float *bias) {
  float row[MATRIX_PANEL][MOST_COLUMNS];
  const float *source[MATRIX_PANEL];
  int64_t panel_bytes = matrix_panel_bytes(DTYPE_F32, columns);
  char *panels = aligned_alloc(MATRIX_ALIGNMENT, (size_t)matrix_bytes(DTYPE_F32, rows, columns));
  for (int64_t panel = 0; panel < matrix_panels(rows); panel++) {
    for (int64_t i = 0; i < MATRIX_PANEL; i++) {
      fill(random, row[i], (size_t)columns);
      for (int64_t c = 0; c < columns; c++) row[i][c] /= 6.0f;
      source[i] = panel * MATRIX_PANEL + i < rows ? row[i] : NULL;
    }
    matrix_pack_panel(DTYPE_F32, columns, source, panels + panel * panel_bytes);
  }
  return (Matrix){DTYPE_F32, rows, columns, panels, bias};
}

static void make_rotation(RandomProgram *program, Random *random) {
  for (int i = 0; i < CAPACITY * MOST_COLUMNS; i++) {
    double angle = random_normal(random);
    program->cosine[i] = (float)cos(angle);
    program->sine[i] = (float)sin(angle);
  }
}

RandomProgram *random_program_open(uint64_t seed) {
  static const int64_t widths[] = {32, 40, 48, 36};
  RandomProgram *program = memory_allocate(sizeof *program);
  Random random = random_seeded(seed);
  program->seed = seed;
  program->rows = 1 + (int64_t)random_below(&random, MOST_DRAWN_ROWS);
  program->columns = widths[random_below(&random, COUNT_OF(widths))];
  program->head_dim = program->columns / HEADS;
  fill(&random, program->saved[0], COUNT_OF(program->saved) * COUNT_OF(program->saved[0]));
  fill(&random, program->weight, MOST_COLUMNS);
  fill(&random, program->bias, MOST_COLUMNS);
  fill(&random, program->table, CAPACITY * MOST_COLUMNS);
  make_rotation(program, &random);
  for (int i = 0; i < MATRICES; i++)
    program->matrices[i] =
        make_matrix(&random, program->columns, program->columns, i ? NULL : program->bias);
  program->wide = make_matrix(&random, 2 * program->columns, program->columns, NULL);
  program->past[0] = (int64_t)random_below(&random, (uint64_t)(CAPACITY - program->rows + 1));
  return program;
}

void random_program_close(RandomProgram *program) {
  for (int i = 0; i < MATRICES; i++) free((void *)program->matrices[i].panels);
  free((void *)program->wide.panels);
  memory_free(program);
}

void random_program_set_rows(RandomProgram *program, int64_t rows) {
  program->rows = rows;
  if (program->past[0] > CAPACITY - rows) program->past[0] = CAPACITY - rows;
}

void random_program_reset(RandomProgram *program) {
  memcpy(program->inputs, program->saved, sizeof program->inputs);
  for (int i = 0; i < CACHE_FLOATS; i++) program->cache[i] = (float)(i % 7) / 7.0f - 0.4f;
}

static int draw(Making *making, int limit) {
  return (int)random_below(&making->random, (uint64_t)limit);
}

static const Tensor *any(Making *making) {
  return &making->pool[draw(making, making->count)];
}

static Activation any_activation(Making *making) {
  static const Activation some[] = {ACTIVATION_SILU,       ACTIVATION_GELU, ACTIVATION_GELU_TANH,
                                    ACTIVATION_QUICK_GELU, ACTIVATION_RELU, ACTIVATION_MISH};
  return some[draw(making, COUNT_OF(some))];
}

static Tensor any_norm(Making *making, const Tensor *x) {
  RandomProgram *program = making->program;
  if (draw(making, 2)) return ops_rms_norm(making->ops, x, program->weight, 1e-5);
  return ops_layer_norm(making->ops, x, program->weight, draw(making, 2) ? program->bias : NULL,
                        1e-5);
}

static Tensor past_of(Making *making) {
  return tensor_dense(DTYPE_I64, 1, (int64_t[]){1}, making->program->past);
}

// Heads of a tensor of the pool, normalised and rotated or not.
static Tensor any_heads(Making *making) {
  RandomProgram *program = making->program;
  Tensor x = ops_split_heads(making->ops, any(making), 1, HEADS), past = past_of(making);
  int64_t shape[2] = {CAPACITY, program->head_dim / 2 - draw(making, 2)};
  Tensor cosine = tensor_dense(DTYPE_F32, 2, shape, program->cosine);
  Tensor sine = tensor_dense(DTYPE_F32, 2, shape, program->sine);
  if (draw(making, 2)) x = any_norm(making, &x);
  if (draw(making, 2)) x = ops_rope(making->ops, &x, &cosine, &sine, &past);
  return x;
}

// Queries against the cache, which this call first writes.
static Tensor attend(Making *making) {
  RandomProgram *program = making->program;
  int64_t shape[4] = {1, HEADS, CAPACITY, program->head_dim};
  Tensor cache = tensor_dense(DTYPE_F32, 4, shape, program->cache);
  Tensor past = past_of(making), x = any_heads(making), q = any_heads(making);
  cache = ops_cache_write(making->ops, &x, &cache, &past);
  Tensor scores = ops_matmul_scores(making->ops, &q, &cache);
  scores = ops_scale(making->ops, &scores, 0.25);
  scores = ops_mask(making->ops, &scores, &past, draw(making, 2) ? 3 : 0);
  Tensor probabilities = ops_softmax(making->ops, &scores);
  return ops_matmul_values(making->ops, &probabilities, &cache);
}

// Half of a tensor's columns against the other half of another, and the product of that doubled.
static Tensor cut(Making *making) {
  int64_t half = making->program->columns / 2;
  Tensor left = ops_columns(making->ops, any(making), 0, half);
  Tensor right = ops_columns(making->ops, any(making), half, half);
  Tensor activated = ops_activation(making->ops, &left, any_activation(making));
  Tensor product = ops_multiply(making->ops, &activated, &right);
  Tensor sum = ops_add(making->ops, &product, &right);
  Tensor y = ops_add(making->ops, any(making), any(making));
  Tensor part = ops_columns(making->ops, &y, draw(making, 2) * half, half);
  Tensor mixed = ops_multiply(making->ops, &part, &sum);
  (void)mixed; // sometimes nobody uses what was computed
  return y;
}

// The perceptron of a layer: gated, or an activation alone; with its residual.
static Tensor perceptron(Making *making) {
  Ops *ops = making->ops;
  RandomProgram *program = making->program;
  int64_t columns = program->columns;
  const Tensor *h = any(making);
  Tensor x = any_norm(making, h), inner;
  if (draw(making, 2)) {
    Tensor both = ops_linear(ops, &x, &program->wide);
    Tensor gate = ops_columns(ops, &both, 0, columns),
           up = ops_columns(ops, &both, columns, columns);
    Tensor active = ops_activation(ops, draw(making, 4) ? &gate : &up, any_activation(making));
    inner = draw(making, 2) ? ops_multiply(ops, &active, &up) : ops_multiply(ops, &up, &active);
  } else {
    Tensor up = ops_linear(ops, &x, &program->matrices[0]);
    inner = ops_activation(ops, &up, any_activation(making));
  }
  Tensor down = ops_linear(ops, &inner, &program->matrices[1]);
  return draw(making, 2) ? ops_add_residual(ops, h, &down) : ops_add(ops, &down, any(making));
}

static Tensor positions(Making *making) {
  int64_t shape[2] = {CAPACITY, making->program->columns};
  Tensor table = tensor_dense(DTYPE_F32, 2, shape, making->program->table), past = past_of(making);
  return ops_add_positions(making->ops, any(making), &table, &past);
}

static Tensor call(Making *making) {
  Ops *ops = making->ops;
  switch (draw(making, 11)) {
  case 0: return ops_linear(ops, any(making), &making->program->matrices[draw(making, MATRICES)]);
  case 1: return ops_activation(ops, any(making), any_activation(making));
  case 2: return ops_multiply(ops, any(making), any(making));
  case 3: return ops_add(ops, any(making), any(making));
  case 4: return ops_add_residual(ops, any(making), any(making));
  case 5: return any_norm(making, any(making));
  case 6: return attend(making);
  case 7: return ops_scale(ops, any(making), draw(making, 2) ? 0.5 : 1.0);
  case 8: return perceptron(making);
  case 9: return positions(making);
  default: return cut(making);
  }
}

int random_program_run(RandomProgram *program, Ops *ops,
                       Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS]) {
  Making making = {.program = program, .ops = ops, .random = random_seeded(program->seed + 1)};
  int calls = 4 + draw(&making, MOST_POOL - INPUTS - 4), count = 0;
  int64_t shape[2] = {program->rows, program->columns};
  for (; making.count < INPUTS; making.count++)
    making.pool[making.count] = tensor_dense(DTYPE_F32, 2, shape, program->inputs[making.count]);
  for (int i = 0; i < calls; i++) {
    Tensor y = call(&making);
    // Norms keep what grows by repeated products in range.
    making.pool[making.count++] = ops_rms_norm(ops, &y, program->weight, 1e-3);
  }
  while (count < RANDOM_PROGRAM_MOST_OUTPUTS) outputs[count++] = *any(&making);
  return count;
}

const float *random_program_cache(const RandomProgram *program, int64_t *count) {
  *count = HEADS * CAPACITY * program->head_dim;
  return program->cache;
}
