// SPDX-License-Identifier: Apache-2.0
// Attention over a cache shown whole, as compiled passes compute it, against its composition over
// the keys that queries see: every tier, teams of 1 to 8, and NaN in all that must not be read.
#include "guarded.h"
#include "kernels/eager.h"
#include "kernels/operators/operators.h"

enum { MOST_THREADS = 8, MOST_BATCH = 3, ROUNDS = 60 };

static Team *teams[MOST_THREADS + 1];

typedef struct {
  int64_t batch, heads, kv_heads, queries, capacity, head_dim, window;
  int64_t past[MOST_BATCH], seen; // seen: by any query of any sequence
  Dtype dtype;
  double factor;
  Guarded q, k, v;
} Case;

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

// Rows of the cache, NaN from `seen` on.
static Guarded draw_cache(const Case *c, Random *random) {
  int64_t rows = c->batch * c->kv_heads * c->capacity, bytes;
  assert_true(dtype_bytes(c->dtype, rows * c->head_dim, &bytes));
  Guarded cache = guarded_make((size_t)bytes);
  for (int64_t i = 0; i < rows * c->head_dim; i++) {
    bool seen = i / c->head_dim % c->capacity < c->seen;
    float value = seen ? (float)random_normal(random) : NAN;
    int64_t at = i * dtype_facts(c->dtype)->block_bytes;
    kernels_reference.narrow(c->dtype, 1, &value, (char *)cache.data + at);
  }
  return cache;
}

static Case case_open(Random *random) {
  Case c = {.batch = between(random, 1, MOST_BATCH),
            .kv_heads = between(random, 1, 3),
            .queries = random_below(random, 2) ? 1 : between(random, 2, 20),
            .head_dim = between(random, 1, 40),
            .window = random_below(random, 2) ? between(random, 1, 30) : 0,
            .dtype = (Dtype[]){DTYPE_F32, DTYPE_BF16, DTYPE_F16}[random_below(random, 3)],
            .factor = 0.1 + 0.01 * (double)random_below(random, 30)};
  c.heads = c.kv_heads * between(random, 1, 4);
  for (int64_t b = 0; b < c.batch; b++) {
    c.past[b] = between(random, 0, 150);
    if (c.past[b] + c.queries > c.seen) c.seen = c.past[b] + c.queries;
  }
  c.capacity = c.seen + between(random, 0, 200);
  c.q = guarded_normal(random, c.batch * c.heads * c.queries * c.head_dim);
  c.k = draw_cache(&c, random);
  c.v = draw_cache(&c, random);
  return c;
}

static void case_close(Case *c) {
  guarded_free(c->q), guarded_free(c->k), guarded_free(c->v);
}

static Tensor cache_of(const Case *c, const Guarded *memory, int64_t shown) {
  int64_t shape[4] = {c->batch, c->kv_heads, c->capacity, c->head_dim};
  Tensor cache = tensor_dense(c->dtype, 4, shape, memory->data);
  cache.shape[2] = shown;
  return cache;
}

static Tensor composed(Ops *ops, const Case *c, const Tensor *q, const Tensor *past) {
  Tensor k = cache_of(c, &c->k, c->seen), v = cache_of(c, &c->v, c->seen);
  Tensor scores = ops_matmul_scores(ops, q, &k);
  Tensor scaled = ops_scale(ops, &scores, c->factor);
  Tensor masked = ops_mask(ops, &scaled, past, c->window);
  Tensor p = ops_softmax(ops, &masked);
  return ops_matmul_values(ops, &p, &v);
}

static Tensor limited(Ops *ops, const Case *c, const Tensor *q, const Tensor *past) {
  Tensor k = cache_of(c, &c->k, c->capacity), v = cache_of(c, &c->v, c->capacity);
  MaskedSoftmaxAttributes attributes = {c->window, c->factor};
  Tensor scores = ops_apply(ops, &matmul_scores_operator, (Tensor[]){*q, k, *past}, 3, NULL);
  Tensor p = ops_apply(ops, &masked_softmax_operator, (Tensor[]){scores, *past}, 2, &attributes);
  return ops_apply(ops, &matmul_values_operator, (Tensor[]){p, v, *past}, 3, NULL);
}

static void check(const Kernels *kernels, Team *team, Case *c) {
  Error error;
  int64_t shape[4] = {c->batch, c->heads, c->queries, c->head_dim};
  Tensor q = tensor_dense(DTYPE_F32, 4, shape, c->q.data);
  Tensor past = tensor_dense(DTYPE_I64, 1, &c->batch, c->past);
  Ops *ops = eager_open(kernels, team);
  Tensor expected = composed(ops, c, &q, &past), found = limited(ops, c, &q, &past);
  if (!ops_finish(ops, &error)) fail_msg("%s: %s", error.where, error.message);
  int64_t count = tensor_elements(&expected);
  assert_int_equal(tensor_elements(&found), count);
  double *values = malloc((size_t)count * sizeof *values);
  for (int64_t i = 0; i < count; i++) values[i] = (double)((const float *)expected.data)[i];
  assert_close(count, found.data, values, 4e-6, "attention over the keys that are seen");
  free(values);
  eager_close(ops);
}

static void test_visible_keys(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int i = 0; i < ROUNDS; i++) {
    Case c = case_open(&random);
    check(kernels, teams[between(&random, 1, MOST_THREADS)], &c);
    case_close(&c);
  }
}

int main(void) {
  Error error;
  for (int i = 1; i <= MOST_THREADS; i++)
    if (!(teams[i] = team_open(i, false, &error))) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_visible_keys)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int i = 1; i <= MOST_THREADS; i++) team_close(teams[i]);
  return failed;
}
