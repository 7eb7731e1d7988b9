// SPDX-License-Identifier: Apache-2.0
// Every back end, and the double-precision reference itself, against what PyTorch gave
// (tests/golden/make_attention.py): the nine patterns and two more, grouped heads, M and N that
// differ, rows that see nothing; in every dtype, as the inputs are bfloat16 values. Built twice:
// with COMPILED, flex has its mods compiled.
#include "attention/backend.h"
#include "base/document.h"
#include "case.h"
#include "formats/npy.h"
#include "maker.h"
#include "mods/evaluate.h"
#include "mods/patterns.h"
#include "reference.h"

enum { MOST_ARRAY = 64, TEXT = 512 };
static Team *team;
static Maker maker;
static json_t *document;

// One entry of cases.json.
typedef struct {
  const char *name;
  AttentionProblem problem;
  Mod *mod;
  BoundMod *bound;
  int32_t doc[MOST_ARRAY];
  float slope[MOST_ARRAY];
  Tensor values;
  FileMap map;
} Golden;

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static int64_t read_array(const json_t *entry, const char *name, double *values) {
  const json_t *array = json_object_get(json_object_get(entry, "arrays"), name);
  int64_t count = (int64_t)json_array_size(array);
  assert_true(count <= MOST_ARRAY);
  for (int64_t i = 0; i < count; i++)
    values[i] = json_number_value(json_array_get(array, (size_t)i));
  return count;
}

static int read_arrays(Golden *golden, const json_t *entry, ModArray arrays[2]) {
  double values[MOST_ARRAY];
  int used = 0;
  int64_t count = read_array(entry, "doc", values);
  for (int64_t i = 0; i < count; i++) golden->doc[i] = (int32_t)values[i];
  if (count) arrays[used++] = (ModArray){"doc", tensor_dense(DTYPE_I32, 1, &count, golden->doc)};
  count = read_array(entry, "slope", values);
  for (int64_t i = 0; i < count; i++) golden->slope[i] = (float)values[i];
  if (count)
    arrays[used++] = (ModArray){"slope", tensor_dense(DTYPE_F32, 1, &count, golden->slope)};
  return used;
}

static void read_mod(Golden *golden, const json_t *entry) {
  Error error = {0};
  ModArray arrays[2];
  ModParameter parameter = {0};
  const char *name = json_string_value(json_object_get(entry, "mod"));
  const ModSource *pattern = pattern_by_name(name);
  ModSource source = pattern ? *pattern : (ModSource){.name = name};
  if (!pattern) {
    source.score = json_string_value(json_object_get(entry, "score"));
    source.mask = json_string_value(json_object_get(entry, "mask"));
  }
  source.array_count = read_arrays(golden, entry, arrays);
  source.arrays = arrays;
  if (source.parameter_count) {
    parameter = source.parameters[0];
    parameter.integer =
        json_integer_value(json_object_get(json_object_get(entry, "params"), parameter.name));
    source.parameters = &parameter;
  }
  golden->mod = mod_parse(&source, &error);
  must(golden->mod != NULL, &error);
  const AttentionProblem *p = &golden->problem;
  ModShape shape = {p->batch, p->heads, p->kv_heads, p->queries, p->keys, p->head_dim, 0, false};
  must(mod_bind(golden->mod, &shape, &golden->bound, &error), &error);
  golden->problem.mod = golden->bound;
}

static void read_golden(Golden *golden, size_t index) {
  Error error = {0};
  char path[TEXT];
  const json_t *entry = json_array_get(json_object_get(document, "cases"), index);
  const json_t *shape = json_object_get(entry, "shape");
  *golden = (Golden){.name = json_string_value(json_object_get(entry, "name"))};
  AttentionProblem *p = &golden->problem;
  int64_t *sizes[] = {&p->batch, &p->heads, &p->kv_heads, &p->queries, &p->keys, &p->head_dim};
  for (size_t i = 0; i < COUNT_OF(sizes); i++)
    *sizes[i] = json_integer_value(json_array_get(shape, i));
  p->scale = 1.0 / sqrt((double)p->head_dim);
  snprintf(path, sizeof path, "%s/%s.npy", GOLDEN_ATTENTION, golden->name);
  must(npy_open(&golden->map, path, &golden->values, &error), &error);
  read_mod(golden, entry);
}

static void free_golden(Golden *golden) {
  file_map_close(&golden->map);
  bound_mod_close(golden->bound);
  mod_close(golden->mod);
}

// The next `count` values of the file.
static const float *take(const Golden *golden, int64_t *at, int64_t count) {
  const float *values = (const float *)golden->values.data + *at;
  *at += count;
  assert_true(*at <= tensor_elements(&golden->values));
  return values;
}

static void set_operands(const Golden *golden, Case *c, int64_t *at) {
  for (int i = 0; i < 4; i++) {
    int64_t count = (int64_t)c->memory[i].size / dtype_facts(c->problem.dtype)->block_bytes;
    kernels_reference.narrow(c->problem.dtype, count, take(golden, at, count), c->memory[i].data);
  }
}

static void replace(const Golden *golden, int64_t *at, int64_t count, double *values,
                    const char *what) {
  const float *given = take(golden, at, count);
  double *expected = malloc((size_t)count * sizeof *expected);
  for (int64_t i = 0; i < count; i++) expected[i] = given[i];
  ReferenceError error = reference_error(count, values, expected);
  if (!(error.largest <= 1e-6)) fail_msg("%s: %s is off by %g", golden->name, what, error.largest);
  memcpy(values, expected, (size_t)count * sizeof *values);
  free(expected);
}

static double score_at(const void *bound, double score, int64_t b, int64_t h, int64_t q,
                       int64_t k) {
  return mod_score_at(bound, &(ModPoint){b, h, q, k, score});
}

static double derivative_at(const void *bound, double score, int64_t b, int64_t h, int64_t q,
                            int64_t k) {
  return mod_derivative_at(bound, &(ModPoint){b, h, q, k, score});
}

static bool visible_at(const void *bound, int64_t b, int64_t h, int64_t q, int64_t k) {
  return mod_visible_at(bound, &(ModPoint){b, h, q, k, 0.0});
}

// PyTorch's values, with the reference's estimate of what rounding is worth in them.
static Reference expect(const Golden *golden, const Case *c, int64_t at) {
  const AttentionProblem *p = &c->problem;
  ReferenceMod mod = {score_at, derivative_at, visible_at, golden->bound};
  Reference expected = reference_attention(p, &c->operands, &c->dout, &mod);
  int64_t rows = p->batch * p->heads * p->queries, keys = p->batch * p->kv_heads * p->keys;
  replace(golden, &at, rows * p->head_dim, expected.out, "out of the reference");
  replace(golden, &at, rows, expected.lse, "lse of the reference");
  replace(golden, &at, rows * p->head_dim, expected.dq, "dq of the reference");
  replace(golden, &at, keys * p->head_dim, expected.dk, "dk of the reference");
  replace(golden, &at, keys * p->head_dim, expected.dv, "dv of the reference");
  assert_int_equal(at, tensor_elements(&golden->values));
  return expected;
}

static bool check_backend(const AttentionBackend *backend, const Golden *golden, Case *c,
                          const Reference *expected) {
  char what[TEXT];
  Error error = {0};
  bool backward = backend->backward != NULL;
  const Kernels *kernels = kernels_for(cpu_best_tier());
  AttentionPlan *plan = NULL;
  snprintf(what, sizeof what, "%s %s %s", backend->name, golden->name,
           dtype_name(c->problem.dtype));
  if (attention_backend_supports(backend, &c->problem, backward, &error))
    plan = backend->prepare(&c->problem, backward,
                            &(AttentionSetup){.kernels = kernels,
                                              .team = team,
                                              .compiler = maker.scores,
                                              .compiler_needed = maker.scores != NULL},
                            &error);
  if (!plan) {
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    return false;
  }
  case_poison(c);
  backend->forward(plan, &c->operands, &c->result);
  reference_check_result(&c->result, expected, what);
  if (backward) backend->backward(plan, &c->operands, &c->result, &c->dout, &c->gradients);
  if (backward) reference_check_gradients(&c->gradients, expected, what);
  backend->release(plan);
  return true;
}

static void check_dtype(const Golden *golden, Dtype dtype, Random *random) {
  AttentionProblem problem = golden->problem;
  problem.dtype = dtype;
  Case c = case_make(&problem, false, random);
  int64_t at = 0, served = 0;
  set_operands(golden, &c, &at);
  Reference expected = expect(golden, &c, at);
  for (int i = 0; i < attention_backend_count(); i++)
    if (!attention_backend_at(i)->absent)
      served += check_backend(attention_backend_at(i), golden, &c, &expected);
  assert_true(served > 0);
  reference_free(&expected);
  case_free(&c);
}

static void test_against_pytorch(void **state) {
  (void)state;
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  Random random = random_seeded(1);
  size_t count = json_array_size(json_object_get(document, "cases"));
  assert_true(count > 0);
  for (size_t i = 0; i < count; i++) {
    Golden golden;
    read_golden(&golden, i);
    for (size_t j = 0; j < COUNT_OF(dtypes); j++) check_dtype(&golden, dtypes[j], &random);
    free_golden(&golden);
  }
}

int main(void) {
  Error error = {0};
  document = document_read(GOLDEN_ATTENTION "/cases.json", 1 << 20, &error);
  team = team_open(2, false, &error);
  if (!document || !team) {
    fprintf(stderr, "%s: %s\n", error.where, error.message);
    return 1;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_pytorch)};
  maker = maker_open(cpu_best_tier());
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  maker_close(&maker);
  team_close(team);
  json_decref(document);
  return failed;
}
