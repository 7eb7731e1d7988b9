// SPDX-License-Identifier: Apache-2.0
#include "case.h"

static Tensor view(const AttentionProblem *problem, int64_t heads, int64_t length, bool interleaved,
                   void *data) {
  int64_t d = problem->head_dim;
  Tensor tensor = {.dtype = problem->dtype,
                   .rank = 4,
                   .shape = {problem->batch, heads, length, d},
                   .stride = {heads * length * d, length * d, d, 1},
                   .data = data};
  if (interleaved) {
    tensor.stride[1] = d;
    tensor.stride[2] = heads * d;
  }
  return tensor;
}

static Tensor make(Case *c, int index, int64_t heads, int64_t length, bool interleaved) {
  int64_t count = c->problem.batch * heads * length * c->problem.head_dim;
  int bytes = dtype_facts(c->problem.dtype)->block_bytes;
  c->memory[index] = guarded_make((size_t)(count * bytes));
  return view(&c->problem, heads, length, interleaved, c->memory[index].data);
}

static void fill(const Guarded *memory, Dtype dtype, Random *random) {
  int64_t count = (int64_t)memory->size / dtype_facts(dtype)->block_bytes;
  for (int64_t i = 0; i < count; i++) {
    float value = (float)random_normal(random);
    char *at = (char *)memory->data + i * dtype_facts(dtype)->block_bytes;
    kernels_reference.narrow(dtype, 1, &value, at);
  }
}

Case case_make(const AttentionProblem *problem, bool interleaved, Random *random) {
  Case c = {.problem = *problem};
  int64_t heads = problem->heads, kv = problem->kv_heads, m = problem->queries, n = problem->keys;
  c.operands.q = make(&c, 0, heads, m, interleaved);
  c.operands.k = make(&c, 1, kv, n, interleaved);
  c.operands.v = make(&c, 2, kv, n, interleaved);
  c.dout = make(&c, 3, heads, m, interleaved);
  c.result.out = make(&c, 4, heads, m, interleaved);
  c.gradients.dq = make(&c, 5, heads, m, interleaved);
  c.gradients.dk = make(&c, 6, kv, n, interleaved);
  c.gradients.dv = make(&c, 7, kv, n, interleaved);
  c.memory[8] = guarded_make((size_t)(problem->batch * heads * m) * sizeof(float));
  c.result.lse = c.memory[8].data;
  for (int i = 0; i < 4; i++) fill(&c.memory[i], problem->dtype, random);
  case_poison(&c);
  return c;
}

// All bits set is a NaN in every float dtype.
void case_poison(Case *c) {
  for (int i = 4; i < 9; i++) memset(c->memory[i].data, 0xFF, c->memory[i].size);
}

void case_free(Case *c) {
  for (int i = 0; i < 9; i++) guarded_free(c->memory[i]);
}

char *case_text(const AttentionProblem *problem, char *buffer, size_t size) {
  snprintf(buffer, size, "%s B %lld H %lld/%lld M %lld N %lld D %lld", dtype_name(problem->dtype),
           (long long)problem->batch, (long long)problem->heads, (long long)problem->kv_heads,
           (long long)problem->queries, (long long)problem->keys, (long long)problem->head_dim);
  return buffer;
}
