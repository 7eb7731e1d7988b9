// SPDX-License-Identifier: Apache-2.0
#include "random_program.h"
#include <stdlib.h>
#include <string.h>

enum {
  ROWS = 3,
  COLUMNS = 32,
  HEADS = 2,
  HEAD_DIM = COLUMNS / HEADS,
  CAPACITY = 8,
  INPUTS = 3,
  MATRICES = 3,
  MOST_POOL = 64,
  CACHE_FLOATS = HEADS * CAPACITY * HEAD_DIM
};

struct RandomProgram {
  uint64_t seed;
  float inputs[INPUTS][ROWS * COLUMNS], saved[INPUTS][ROWS * COLUMNS];
  float weight[COLUMNS], cache[CACHE_FLOATS];
  int64_t past[1];
  Matrix matrices[MATRICES];
};

// [ROWS, COLUMNS] tensors that calls may take.
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

static Matrix make_matrix(Random *random) {
  float rows[MATRIX_PANEL][COLUMNS];
  const float *source[MATRIX_PANEL];
  int64_t panel_bytes = matrix_panel_bytes(DTYPE_F32, COLUMNS);
  char *panels = aligned_alloc(MATRIX_ALIGNMENT, (size_t)matrix_bytes(DTYPE_F32, COLUMNS, COLUMNS));
  for (int panel = 0; panel < COLUMNS / MATRIX_PANEL; panel++) {
    for (int i = 0; i < MATRIX_PANEL; i++) {
      fill(random, rows[i], COLUMNS);
      for (int c = 0; c < COLUMNS; c++) rows[i][c] /= 6.0f;
      source[i] = rows[i];
    }
    matrix_pack_panel(DTYPE_F32, COLUMNS, source, panels + panel * panel_bytes);
  }
  return (Matrix){DTYPE_F32, COLUMNS, COLUMNS, panels, NULL};
}

RandomProgram *random_program_open(uint64_t seed) {
  RandomProgram *program = memory_allocate(sizeof *program);
  Random random = random_seeded(seed);
  program->seed = seed;
  fill(&random, program->saved[0], INPUTS * ROWS * COLUMNS);
  fill(&random, program->weight, COLUMNS);
  for (int i = 0; i < MATRICES; i++) program->matrices[i] = make_matrix(&random);
  program->past[0] = (int64_t)random_below(&random, CAPACITY - ROWS + 1);
  return program;
}

void random_program_close(RandomProgram *program) {
  for (int i = 0; i < MATRICES; i++) free((void *)program->matrices[i].panels);
  memory_free(program);
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

// q of the pool against the cache, which this call first writes.
static Tensor attend(Making *making) {
  RandomProgram *program = making->program;
  Tensor cache =
      tensor_dense(DTYPE_F32, 4, (int64_t[]){1, HEADS, CAPACITY, HEAD_DIM}, program->cache);
  Tensor past = tensor_dense(DTYPE_I64, 1, (int64_t[]){1}, program->past);
  Tensor x = ops_split_heads(making->ops, any(making), 1, HEADS);
  Tensor q = ops_split_heads(making->ops, any(making), 1, HEADS);
  cache = ops_cache_write(making->ops, &x, &cache, &past);
  Tensor scores = ops_matmul_scores(making->ops, &q, &cache);
  scores = ops_scale(making->ops, &scores, 0.25);
  scores = ops_mask(making->ops, &scores, &past, draw(making, 2) ? 3 : 0);
  Tensor probabilities = ops_softmax(making->ops, &scores);
  return ops_matmul_values(making->ops, &probabilities, &cache);
}

// Half of a tensor's columns against the other half of another, and the product of that doubled.
static Tensor gate(Making *making) {
  Tensor left = ops_columns(making->ops, any(making), 0, COLUMNS / 2);
  Tensor right = ops_columns(making->ops, any(making), COLUMNS / 2, COLUMNS / 2);
  Tensor activated = ops_activation(making->ops, &left, ACTIVATION_SILU);
  Tensor product = ops_multiply(making->ops, &activated, &right);
  Tensor sum = ops_add(making->ops, &product, &right);
  Tensor y = ops_add(making->ops, any(making), any(making));
  Tensor half = ops_columns(making->ops, &y, draw(making, 2) * COLUMNS / 2, COLUMNS / 2);
  Tensor mixed = ops_multiply(making->ops, &half, &sum);
  (void)mixed; // sometimes nobody uses what was computed
  return y;
}

static Tensor call(Making *making) {
  Ops *ops = making->ops;
  Activation activation = draw(making, 2) ? ACTIVATION_SILU : ACTIVATION_GELU;
  switch (draw(making, 9)) {
  case 0: return ops_linear(ops, any(making), &making->program->matrices[draw(making, MATRICES)]);
  case 1: return ops_activation(ops, any(making), activation);
  case 2: return ops_multiply(ops, any(making), any(making));
  case 3: return ops_add(ops, any(making), any(making));
  case 4: return ops_add_residual(ops, any(making), any(making));
  case 5: return ops_rms_norm(ops, any(making), making->program->weight, 1e-5);
  case 6: return attend(making);
  case 7: return ops_scale(ops, any(making), draw(making, 2) ? 0.5 : 1.0);
  default: return gate(making);
  }
}

int random_program_run(RandomProgram *program, Ops *ops,
                       Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS]) {
  Making making = {.program = program, .ops = ops, .random = random_seeded(program->seed + 1)};
  int calls = 4 + draw(&making, MOST_POOL - INPUTS - 4), count = 0;
  for (; making.count < INPUTS; making.count++)
    making.pool[making.count] =
        tensor_dense(DTYPE_F32, 2, (int64_t[]){ROWS, COLUMNS}, program->inputs[making.count]);
  for (int i = 0; i < calls; i++) {
    Tensor y = call(&making);
    // Norms keep what grows by repeated products in range.
    making.pool[making.count++] = ops_rms_norm(ops, &y, program->weight, 1e-3);
  }
  while (count < RANDOM_PROGRAM_MOST_OUTPUTS) outputs[count++] = *any(&making);
  return count;
}

const float *random_program_cache(const RandomProgram *program, int64_t *count) {
  *count = CACHE_FLOATS;
  return program->cache;
}
