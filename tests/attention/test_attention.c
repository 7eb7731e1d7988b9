// SPDX-License-Identifier: Apache-2.0
// Every implementation of this build against softmax(scale q kᵀ + mask) v in double precision, over
// random shapes: group ratios, odd head sizes, windows, chunks over a cache that holds earlier
// tokens, sequences of different lengths, rows that see nothing.
#include "../kernels/guarded.h"
#include "attention/attention.h"
#include "kernels/eager.h"

enum { MOST_THREADS = 3, MOST_HEAD_DIM = 41, CASES = 60 };
static const double bound = 5e-6;
static Team *teams[MOST_THREADS + 1];

typedef struct {
  AttentionSpec spec;
  int64_t capacity;
  AttentionInputs inputs;
  Guarded qkv, keys, values, past;
  double *expected; // [batch * M, heads * D]
} Case;

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

static AttentionSpec random_spec(Random *random) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  AttentionSpec spec = {.batch = between(random, 1, 3),
                        .kv_heads = between(random, 1, 3),
                        .head_dim = between(random, 1, 5) * 8 + between(random, -1, 1),
                        .queries = random_below(random, 3) ? between(random, 1, 300) : 1,
                        .window = random_below(random, 2) ? between(random, 1, 200) : 0,
                        .scale = 0.05 + random_unit(random) * 0.3,
                        .dtype = dtypes[random_below(random, 3)]};
  spec.heads = spec.kv_heads * between(random, 1, 4);
  return spec;
}

static Guarded random_cache(Random *random, const Case *c, Tensor *tensor) {
  const AttentionSpec *spec = &c->spec;
  int64_t shape[4] = {spec->batch, spec->kv_heads, c->capacity, spec->head_dim};
  *tensor = tensor_dense(spec->dtype, 4, shape, NULL);
  int64_t count = tensor_elements(tensor);
  Guarded floats = guarded_normal(random, count);
  Guarded cache = guarded_make((size_t)(count * dtype_facts(spec->dtype)->block_bytes));
  kernels_reference.narrow(spec->dtype, count, floats.data, cache.data);
  guarded_free(floats);
  tensor->data = cache.data;
  tensor->shape[2] = spec->keys;
  return cache;
}

static void cache_row(const Tensor *cache, int64_t b, int64_t h, int64_t n, float *row) {
  int64_t index = b * cache->stride[0] + h * cache->stride[1] + n * cache->stride[2];
  const char *at = (const char *)cache->data + index * dtype_facts(cache->dtype)->block_bytes;
  kernels_reference.widen(cache->dtype, cache->shape[3], at, row);
}

static void expect_row(Case *c, int64_t b, int64_t h, int64_t i, double *weights) {
  const AttentionSpec *spec = &c->spec;
  const Tensor *q = &c->inputs.queries;
  int64_t position = ((int64_t *)c->past.data)[b] + i, kv = h / (spec->heads / spec->kv_heads);
  const float *query = (float *)q->data + b * q->stride[0] + h * q->stride[1] + i * q->stride[2];
  double largest = -INFINITY, total = 0.0;
  float cached[MOST_HEAD_DIM];
  for (int64_t j = 0; j < spec->keys; j++) {
    bool seen = j <= position && (spec->window == 0 || j > position - spec->window);
    double sum = 0.0;
    cache_row(&c->inputs.keys, b, kv, j, cached);
    for (int64_t d = 0; d < spec->head_dim; d++) sum += (double)query[d] * (double)cached[d];
    weights[j] = seen ? sum * spec->scale : -INFINITY;
    largest = fmax(largest, weights[j]);
  }
  for (int64_t j = 0; j < spec->keys; j++)
    total += weights[j] = largest == -INFINITY ? 0.0 : exp(weights[j] - largest);
  double *row = c->expected + ((b * spec->queries + i) * spec->heads + h) * spec->head_dim;
  for (int64_t j = 0; j < spec->keys; j++) {
    if (weights[j] == 0.0) continue;
    cache_row(&c->inputs.values, b, kv, j, cached);
    for (int64_t d = 0; d < spec->head_dim; d++) row[d] += weights[j] / total * (double)cached[d];
  }
}

static Case make_case(Random *random) {
  Case c = {.spec = random_spec(random)};
  AttentionSpec *spec = &c.spec;
  int64_t most_past = random_below(random, 2) ? between(random, 0, 150) : 0;
  spec->keys = most_past + spec->queries + between(random, 0, 3);
  c.capacity = spec->keys + between(random, 0, 40);
  c.past = guarded_make((size_t)spec->batch * sizeof(int64_t));
  // A sequence that begins before position 0 has rows that see nothing.
  for (int64_t b = 0; b < spec->batch; b++)
    ((int64_t *)c.past.data)[b] =
        random_below(random, 6) ? between(random, 0, most_past) : -between(random, 1, 5);
  c.inputs.past = tensor_dense(DTYPE_I64, 1, &spec->batch, c.past.data);
  // Queries as a model has them: columns of a wider row of each token.
  int64_t width = (spec->heads + 2) * spec->head_dim;
  c.qkv = guarded_normal(random, spec->batch * spec->queries * width);
  c.inputs.queries = (Tensor){.dtype = DTYPE_F32,
                              .rank = 4,
                              .shape = {spec->batch, spec->heads, spec->queries, spec->head_dim},
                              .stride = {spec->queries * width, spec->head_dim, width, 1},
                              .data = c.qkv.data};
  c.keys = random_cache(random, &c, &c.inputs.keys);
  c.values = random_cache(random, &c, &c.inputs.values);
  c.expected =
      calloc((size_t)(spec->batch * spec->queries * spec->heads * spec->head_dim), sizeof(double));
  double *weights = calloc((size_t)spec->keys, sizeof(double));
  for (int64_t b = 0; b < spec->batch; b++)
    for (int64_t h = 0; h < spec->heads; h++)
      for (int64_t i = 0; i < spec->queries; i++) expect_row(&c, b, h, i, weights);
  free(weights);
  return c;
}

static void free_case(Case *c) {
  guarded_free(c->qkv);
  guarded_free(c->keys);
  guarded_free(c->values);
  guarded_free(c->past);
  free(c->expected);
}

// The inputs of a case, prepared for the implementation.
static AttentionInputs prepared_inputs(const Attention *attention, const Case *c, CpuTier tier) {
  Error error = {0};
  AttentionInputs inputs = c->inputs;
  AttentionLimits limits = {.batch = c->spec.batch, .keys = c->spec.keys, .tier = tier};
  if (!attention_open(attention, &limits, &inputs.prepared, &error))
    fail_msg("%s: %s", error.where, error.message);
  return inputs;
}

static void check(const Attention *attention, Ops *ops, const Case *c, CpuTier tier, int threads) {
  const AttentionSpec *spec = &c->spec;
  char what[256];
  snprintf(what, sizeof what,
           "%s/%s %s threads %d: batch %lld heads %lld/%lld D %lld M %lld N %lld window %lld",
           attention->name, attention->backend ? attention->backend : "-", dtype_name(spec->dtype),
           threads, (long long)spec->batch, (long long)spec->heads, (long long)spec->kv_heads,
           (long long)spec->head_dim, (long long)spec->queries, (long long)spec->keys,
           (long long)spec->window);
  Error error = {0};
  assert_true(attention_supports(attention, spec, &error));
  AttentionInputs inputs = prepared_inputs(attention, c, tier);
  ops_scope_begin(ops);
  Tensor out = attention->forward(ops, spec, &inputs);
  if (!ops_finish(ops, &error)) fail_msg("%s: %s: %s", what, error.where, error.message);
  assert_int_equal(out.rank, 2);
  assert_int_equal(out.shape[0], spec->batch * spec->queries);
  assert_int_equal(out.shape[1], spec->heads * spec->head_dim);
  assert_true(tensor_is_dense(&out));
  assert_close(tensor_elements(&out), out.data, c->expected, bound, what);
  ops_scope_end(ops);
  attention_close(attention, inputs.prepared);
}

static void test_against_double(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels) {
    for (int i = 0; i < CASES; i++) {
      Case c = make_case(&random);
      int threads = 1 + i % MOST_THREADS;
      Ops *ops = eager_open(kernels, teams[threads]);
      for (int a = 0; a < attention_count(); a++)
        if (!attention_at(a)->absent) check(attention_at(a), ops, &c, kernels->tier, threads);
      eager_close(ops);
      free_case(&c);
    }
  }
}

static void test_threads_do_not_matter(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 20; i++) {
    Case c = make_case(&random);
    for (int a = 0; a < attention_count(); a++) {
      if (attention_at(a)->absent) continue;
      AttentionInputs inputs = prepared_inputs(attention_at(a), &c, cpu_best_tier());
      Tensor out[MOST_THREADS + 1];
      Ops *ops[MOST_THREADS + 1];
      for (int t = 1; t <= MOST_THREADS; t++) {
        ops[t] = eager_open(kernels_for(cpu_best_tier()), teams[t]);
        out[t] = attention_at(a)->forward(ops[t], &c.spec, &inputs);
        size_t bytes = (size_t)tensor_elements(&out[t]) * sizeof(float);
        if (t > 1) assert_memory_equal(out[1].data, out[t].data, bytes);
      }
      for (int t = 1; t <= MOST_THREADS; t++) eager_close(ops[t]);
      attention_close(attention_at(a), inputs.prepared);
    }
    free_case(&c);
  }
}

static void expect_error(const char *name, const char *backend, ErrorCode code, const char *words) {
  Error error = {0};
  assert_null(attention_find(name, backend, &error));
  assert_int_equal(error.code, code);
  if (!strstr(error.message, words)) fail_msg("\"%s\" lacks \"%s\"", error.message, words);
}

static void test_names(void **state) {
  (void)state;
  Error error = {0};
  const Attention *found = attention_find("sdpa", NULL, &error);
  assert_non_null(found);
  assert_string_equal(found->backend, "flash_attention");
  assert_ptr_equal(found, attention_find("sdpa", "flash_attention", &error));
  assert_non_null(attention_find("sdpa", "math", &error));
  assert_non_null(attention_find("eager", NULL, &error));
  expect_error("flash_attention_3", NULL, ERROR_UNSUPPORTED, "not in this build");
  expect_error("sdpa", "cudnn", ERROR_UNSUPPORTED, "sdpa with back end cudnn: not in this build");
  expect_error("paged|sdpa", NULL, ERROR_UNSUPPORTED,
               "serves the pages of continuous batching alone");
  expect_error("sdpa", "nonsense", ERROR_ARGUMENT, "math");
  expect_error("eager", "math", ERROR_ARGUMENT, "has no back end");
  expect_error("ragged", NULL, ERROR_ARGUMENT, "flex_attention");
}

static void test_refuses(void **state) {
  (void)state;
  Error error = {0};
  AttentionSpec spec = {.batch = 1,
                        .heads = 4,
                        .kv_heads = 3,
                        .head_dim = 8,
                        .queries = 1,
                        .keys = 1,
                        .scale = 1.0,
                        .dtype = DTYPE_F32};
  const Attention *attention = attention_find("eager", NULL, &error);
  assert_false(attention_supports(attention, &spec, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  spec.kv_heads = 2;
  assert_true(attention_supports(attention, &spec, &error));
  spec.dtype = DTYPE_I8;
  assert_false(attention_supports(attention, &spec, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
}

int main(void) {
  Error error;
  for (int t = 1; t <= MOST_THREADS; t++)
    if (!(teams[t] = team_open(t, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_double),
      cmocka_unit_test(test_threads_do_not_matter),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_refuses),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int t = 1; t <= MOST_THREADS; t++) team_close(teams[t]);
  return failed;
}
