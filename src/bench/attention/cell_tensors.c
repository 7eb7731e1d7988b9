// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_tensors.h"
#include "base/random.h"
#include "bench/attention/tensor_row.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 4096 };

// The extents of a cell's tensors.
typedef struct {
  int64_t query[4], key[4]; // [B, H, S, D]
  int64_t bytes;            // of an element
} Extents;

static Extents extents_of(const AttentionProblem *p) {
  return (Extents){.query = {p->batch, p->heads, p->queries, p->head_dim},
                   .key = {p->batch, p->kv_heads, p->keys, p->head_dim},
                   .bytes = dtype_facts(p->dtype)->block_bytes};
}

// Bytes of a tensor, whole pages; negative: more than 64 bits hold.
static int64_t tensor_bytes(const int64_t shape[4], int64_t element) {
  int64_t bytes = element;
  for (int i = 0; i < 4; i++)
    if (__builtin_mul_overflow(bytes, shape[i], &bytes)) return -1;
  if (bytes > INT64_MAX / 16) return -1;
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int64_t cell_tensors_bytes(const AttentionProblem *problem, bool backward) {
  Extents extents = extents_of(problem);
  const int64_t rows[4] = {problem->batch, problem->heads, problem->queries, 1};
  int64_t query = tensor_bytes(extents.query, extents.bytes),
          key = tensor_bytes(extents.key, extents.bytes), lse = tensor_bytes(rows, 4);
  if (query < 0 || key < 0 || lse < 0) return INT64_MAX;
  return query * (backward ? 4 : 2) + key * (backward ? 4 : 2) + lse;
}

// The next tensor of the memory at *at.
static Tensor take(Dtype dtype, const int64_t shape[4], char **at) {
  int64_t h = shape[1], s = shape[2], d = shape[3];
  Tensor tensor = {.dtype = dtype,
                   .rank = 4,
                   .shape = {shape[0], h, s, d},
                   .stride = {s * h * d, d, h * d, 1},
                   .data = *at};
  *at += tensor_bytes(shape, dtype_facts(dtype)->block_bytes);
  return tensor;
}

bool cell_tensors_open(const AttentionProblem *problem, bool backward, CellTensors *tensors,
                       Error *error) {
  Extents extents = extents_of(problem);
  int64_t bytes = cell_tensors_bytes(problem, backward);
  *tensors = (CellTensors){0};
  if (bytes == INT64_MAX || !region_map(&tensors->memory, (size_t)bytes, error))
    return error_set(error, ERROR_MEMORY, NULL, "no memory for tensors of %lld bytes",
                     (long long)bytes);
  char *at = tensors->memory.data;
  Dtype dtype = problem->dtype;
  tensors->operands.q = take(dtype, extents.query, &at);
  tensors->operands.k = take(dtype, extents.key, &at);
  tensors->operands.v = take(dtype, extents.key, &at);
  tensors->result.out = take(dtype, extents.query, &at);
  if (backward) {
    tensors->dout = take(dtype, extents.query, &at);
    tensors->gradients.dq = take(dtype, extents.query, &at);
    tensors->gradients.dk = take(dtype, extents.key, &at);
    tensors->gradients.dv = take(dtype, extents.key, &at);
  }
  tensors->result.lse = (float *)(void *)at;
  return true;
}

void cell_tensors_close(CellTensors *tensors) {
  region_unmap(&tensors->memory);
  *tensors = (CellTensors){0};
}

typedef enum { DRAW_UNIT, DRAW_CENTRED, DRAW_NORMAL, DRAW_NAN } Draw;

typedef struct {
  Tensor *tensor;
  Draw draw;
  uint64_t seed;
  const SamplePlan *plan; // rows outside it become zero; NULL: none do
} Fill;

static double unit_at(uint64_t seed, uint64_t counter) {
  return (double)(random_at(seed, counter) >> 11) * 0x1p-53;
}

// Nearly normal, and quick: the sum of the four quarters of 64 bits, of mean 0 and deviation 1.
static float normal_at(uint64_t seed, uint64_t counter) {
  uint64_t bits = random_at(seed, counter);
  int64_t sum = (int64_t)(bits & 0xFFFF) + (int64_t)(bits >> 16 & 0xFFFF) +
                (int64_t)(bits >> 32 & 0xFFFF) + (int64_t)(bits >> 48);
  return (float)((double)(sum - 2 * 0xFFFF) * (1.7320508075688772 / 0x1p16));
}

static float draw_at(const Fill *fill, uint64_t counter) {
  double unit = unit_at(fill->seed, counter);
  switch (fill->draw) {
  // float32 rounds the last values below 1 up to it: the interval stays open.
  case DRAW_UNIT: return fminf((float)unit, 1 - 0x1p-24f);
  case DRAW_CENTRED: return (float)(2 * unit - 1);
  case DRAW_NORMAL: return normal_at(fill->seed, counter);
  case DRAW_NAN: break;
  }
  return NAN;
}

// Rows of D elements, in the order that they lie in memory.
static void fill_task(void *context, int thread, int threads) {
  const Fill *fill = context;
  const Tensor *tensor = fill->tensor;
  int64_t h = tensor->shape[1], s = tensor->shape[2], d = tensor->shape[3], begin, end;
  float row[ATTENTION_MOST_HEAD_DIM];
  team_share(tensor->shape[0] * s * h, 1, thread, threads, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t at = i / h % s;
    bool zero = fill->plan && !sample_plan_has_row(fill->plan, at);
    for (int64_t j = 0; j < d; j++) row[j] = zero ? 0 : draw_at(fill, (uint64_t)(i * d + j));
    narrow_row(tensor->dtype, row, tensor_row(tensor, i / h / s, i % h, at), d);
  }
}

static void fill(Tensor *tensor, Draw draw, uint64_t seed, const SamplePlan *plan, Team *team) {
  Fill job = {tensor, draw, seed, plan};
  if (tensor->data) team_run(team, fill_task, &job);
}

// Which tensor is which seed's: q, k, v and dout are not the same numbers.
enum { SEED_STEP = 1 << 20, CHECK_SEED = 7 };

void cell_tensors_fill_timed(CellTensors *tensors, Team *team) {
  fill(&tensors->operands.q, DRAW_UNIT, 0, NULL, team);
  fill(&tensors->operands.k, DRAW_UNIT, 1 * SEED_STEP, NULL, team);
  fill(&tensors->operands.v, DRAW_UNIT, 2 * SEED_STEP, NULL, team);
  fill(&tensors->dout, DRAW_CENTRED, 3 * SEED_STEP, NULL, team);
}

void cell_tensors_fill_checked(CellTensors *tensors, const SamplePlan *plan, Team *team) {
  fill(&tensors->operands.q, DRAW_NORMAL, CHECK_SEED, NULL, team);
  fill(&tensors->operands.k, DRAW_NORMAL, CHECK_SEED + 1 * SEED_STEP, NULL, team);
  fill(&tensors->operands.v, DRAW_NORMAL, CHECK_SEED + 2 * SEED_STEP, NULL, team);
  fill(&tensors->dout, DRAW_NORMAL, CHECK_SEED + 3 * SEED_STEP, plan, team);
}

void cell_tensors_poison(CellTensors *tensors, Team *team) {
  const Tensor *out = &tensors->result.out;
  fill(&tensors->result.out, DRAW_NAN, 0, NULL, team);
  fill(&tensors->gradients.dq, DRAW_NAN, 0, NULL, team);
  fill(&tensors->gradients.dk, DRAW_NAN, 0, NULL, team);
  fill(&tensors->gradients.dv, DRAW_NAN, 0, NULL, team);
  for (int64_t i = 0; i < out->shape[0] * out->shape[1] * out->shape[2]; i++)
    tensors->result.lse[i] = NAN;
}
