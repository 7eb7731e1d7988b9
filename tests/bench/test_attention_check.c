// SPDX-License-Identifier: Apache-2.0
// The float64 reference of a sample against the definition written out once more, the sampling, and
// that a wrong result cannot pass.
#include "bench/attention/cell_check.h"
#include "bench/attention/pattern.h"
#include "bench/attention/prediction.h"
#include "bench/attention/tensor_row.h"
#include "mods/evaluate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

// One cell with what it is compared with.
typedef struct {
  Team *team;
  AttentionSweep *sweep;
  SweepPattern *pattern;
  AttentionProblem problem;
  CellTensors tensors;
  SamplePlan plan;
  SampleReference reference;
} Bed;

static void must(bool done, const Error *error) {
  if (!done) print_error("%s: %s\n", error->where, error->message);
  assert_true(done);
}

static void bed_open(Bed *bed, const char *mod, Dtype dtype, bool backward, double work) {
  Error error;
  const SweepCell cell = {.shape = {2, 4, 2, 9, 11, 8, 0}};
  *bed = (Bed){.team = team_open(2, false, &error), .sweep = attention_sweep_open()};
  must(attention_sweep_set(bed->sweep, "mods", &mod, 1, "--mods", &error), &error);
  bed->sweep->dtype = dtype;
  bed->pattern = sweep_pattern_open(&bed->sweep->mods.items[0], &cell.shape, 1, &error);
  must(bed->pattern != NULL, &error);
  bed->problem = prediction_problem(bed->sweep, &cell, sweep_pattern_bound(bed->pattern));
  bed->plan = sample_plan_make(&bed->problem, backward, work, 1);
  must(cell_tensors_open(&bed->problem, backward, &bed->tensors, &error), &error);
  cell_tensors_fill_checked(&bed->tensors, &bed->plan, bed->team);
  must(sample_reference_make(&bed->problem, &bed->tensors.operands,
                             backward ? &bed->tensors.dout : NULL, &bed->plan, bed->team,
                             &bed->reference, &error),
       &error);
}

static void bed_close(Bed *bed) {
  sample_reference_free(&bed->reference);
  sample_plan_free(&bed->plan);
  cell_tensors_close(&bed->tensors);
  sweep_pattern_close(bed->pattern);
  attention_sweep_close(bed->sweep);
  team_close(bed->team);
}

static double element(const Tensor *tensor, int64_t b, int64_t h, int64_t s, int64_t d) {
  float row[ATTENTION_MOST_HEAD_DIM];
  tensor_row_widen(tensor, b, h, s, row);
  return (double)row[d];
}

// s of the definition, minus infinity where masked; *raw is that before the mod.
static double score_at(const Bed *bed, int64_t b, int64_t h, int64_t m, int64_t n, double *raw) {
  const AttentionProblem *p = &bed->problem;
  double sum = 0;
  for (int64_t d = 0; d < p->head_dim; d++)
    sum += element(&bed->tensors.operands.q, b, h, m, d) *
           element(&bed->tensors.operands.k, b, h * p->kv_heads / p->heads, n, d);
  *raw = sum * p->scale;
  ModPoint point = {b, h, m, n, *raw};
  return mod_visible_at(p->mod, &point) ? mod_score_at(p->mod, &point) : -INFINITY;
}

// The gradients of Σ out dout by the definition: everything in one place, nothing shared.
typedef struct {
  double out[2][4][9][8], lse[2][4][9], dq[2][4][9][8], dk[2][2][11][8], dv[2][2][11][8];
} Definition;

static void define_row(const Bed *bed, Definition *all, int64_t b, int64_t h, int64_t m) {
  const CellTensors *t = &bed->tensors;
  int64_t g = h / 2;
  double raw[11], p[11], sum = 0, delta = 0;
  for (int64_t n = 0; n < 11; n++) sum += p[n] = exp(score_at(bed, b, h, m, n, &raw[n]));
  all->lse[b][h][m] = log(sum);
  for (int64_t n = 0; n < 11; n++)
    for (int64_t d = 0; d < 8; d++)
      all->out[b][h][m][d] += (sum ? p[n] / sum : 0) * element(&t->operands.v, b, g, n, d);
  if (!t->dout.data || sum == 0) return;
  for (int64_t d = 0; d < 8; d++) delta += element(&t->dout, b, h, m, d) * all->out[b][h][m][d];
  for (int64_t n = 0; n < 11; n++) {
    double dp = 0, weight = p[n] / sum;
    ModPoint point = {b, h, m, n, raw[n]};
    for (int64_t d = 0; d < 8; d++)
      dp += element(&t->dout, b, h, m, d) * element(&t->operands.v, b, g, n, d);
    double ds =
        weight * (dp - delta) * mod_derivative_at(bed->problem.mod, &point) * bed->problem.scale;
    for (int64_t d = 0; d < 8; d++) {
      all->dv[b][g][n][d] += weight * element(&t->dout, b, h, m, d);
      all->dq[b][h][m][d] += ds * element(&t->operands.k, b, g, n, d);
      all->dk[b][g][n][d] += ds * element(&t->operands.q, b, h, m, d);
    }
  }
}

static Definition *define(const Bed *bed) {
  Definition *all = calloc(1, sizeof *all);
  for (int64_t b = 0; b < 2; b++)
    for (int64_t h = 0; h < 4; h++)
      for (int64_t m = 0; m < 9; m++) define_row(bed, all, b, h, m);
  return all;
}

static void put(const Tensor *tensor, const double *values) {
  for (int64_t b = 0; b < tensor->shape[0]; b++)
    for (int64_t h = 0; h < tensor->shape[1]; h++)
      for (int64_t s = 0; s < tensor->shape[2]; s++) {
        float row[8];
        for (int d = 0; d < 8; d++) row[d] = (float)*values++;
        narrow_row(tensor->dtype, row, tensor_row(tensor, b, h, s), 8);
      }
}

// Writes what a perfect back end would.
static void put_all(Bed *bed, const Definition *all) {
  put(&bed->tensors.result.out, &all->out[0][0][0][0]);
  for (int64_t i = 0; i < 2 * 4 * 9; i++)
    bed->tensors.result.lse[i] = (float)(&all->lse[0][0][0])[i];
  if (!bed->tensors.dout.data) return;
  put(&bed->tensors.gradients.dq, &all->dq[0][0][0][0]);
  put(&bed->tensors.gradients.dk, &all->dk[0][0][0][0]);
  put(&bed->tensors.gradients.dv, &all->dv[0][0][0][0]);
}

static bool passes(const Bed *bed) {
  return cell_check_make(&bed->problem, &bed->tensors, &bed->reference).passed;
}

static void the_reference_is_the_definition(void **state) {
  (void)state;
  static const char *const mods[] = {"noop",          "causal",         "rel",
                                     "head_bias",     "alibi",          "softcap",
                                     "document_mask", "sliding_window", "prefix_lm"};
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  for (size_t i = 0; i < COUNT_OF(mods); i++)
    for (size_t j = 0; j < COUNT_OF(dtypes); j++)
      for (int sampled = 0; sampled < 2; sampled++) {
        Bed bed;
        bed_open(&bed, mods[i], dtypes[j], true, sampled ? 1 : 1e9);
        assert_int_equal(bed.plan.full, !sampled);
        Definition *all = define(&bed);
        cell_tensors_poison(&bed.tensors, bed.team);
        assert_false(passes(&bed));
        put_all(&bed, all);
        CellCheck check = cell_check_make(&bed.problem, &bed.tensors, &bed.reference);
        assert_int_equal(check.compared, CHECK_PART_COUNT);
        for (int part = 0; part < check.compared; part++)
          if (!(check.parts[part].norm <= check.parts[part].bound))
            print_error("%s, %s, part %d: %g\n", mods[i], dtype_name(dtypes[j]), part,
                        check.parts[part].norm);
        assert_true(check.passed);
        // float32 holds what float64 says to its last place
        if (dtypes[j] == DTYPE_F32) assert_true(check.parts[CHECK_DK].norm < 1e-6);
        free(all);
        bed_close(&bed);
      }
}

static void spoil(const Tensor *tensor, int64_t b, int64_t h, int64_t s, float value) {
  float row[8];
  tensor_row_widen(tensor, b, h, s, row);
  row[3] = value;
  narrow_row(tensor->dtype, row, tensor_row(tensor, b, h, s), 8);
}

static void a_wrong_result_cannot_pass(void **state) {
  (void)state;
  static const float wrongs[] = {NAN, INFINITY, 30, -30};
  for (int part = 0; part < CHECK_PART_COUNT; part++)
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
      Bed bed;
      bed_open(&bed, "causal", DTYPE_BF16, true, 1e9);
      Definition *all = define(&bed);
      put_all(&bed, all);
      assert_true(passes(&bed));
      const Tensor *tensors[] = {&bed.tensors.result.out, NULL, &bed.tensors.gradients.dq,
                                 &bed.tensors.gradients.dk, &bed.tensors.gradients.dv};
      if (part == CHECK_LSE)
        bed.tensors.result.lse[17] = wrongs[i];
      else
        spoil(tensors[part], 1, 1, 4, wrongs[i]);
      CellCheck check = cell_check_make(&bed.problem, &bed.tensors, &bed.reference);
      assert_false(check.passed);
      assert_true(!(check.parts[part].largest <= check.parts[part].bound));
      free(all);
      bed_close(&bed);
    }
}

static void nothing_at_all_cannot_pass(void **state) {
  (void)state;
  for (int backward = 0; backward < 2; backward++) {
    Bed bed;
    bed_open(&bed, "noop", DTYPE_BF16, backward, 1e9);
    Definition *all = define(&bed);
    put_all(&bed, all);
    if (backward)
      memset(bed.tensors.gradients.dq.data, 0, 2 * 4 * 9 * 8 * 2);
    else
      memset(bed.tensors.result.out.data, 0, 2 * 4 * 9 * 8 * 2);
    assert_false(passes(&bed));
    free(all);
    bed_close(&bed);
  }
}

static void a_gradient_where_there_is_none_cannot_pass(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "noop", DTYPE_F32, true, 1);
  Definition *all = define(&bed);
  put_all(&bed, all);
  assert_true(passes(&bed));
  int64_t row = 0; // one that is not sampled
  while (sample_plan_has_row(&bed.plan, row)) row++;
  assert_true(row < 9);
  spoil(&bed.tensors.gradients.dq, 0, 2, row, 1e-3f);
  assert_false(passes(&bed));
  free(all);
  bed_close(&bed);
}

static void samples_hold_the_first_and_the_last(void **state) {
  (void)state;
  AttentionProblem problem = {.batch = 3,
                              .heads = 8,
                              .kv_heads = 4,
                              .queries = 5000,
                              .keys = 5000,
                              .head_dim = 64,
                              .dtype = DTYPE_F32};
  SamplePlan plan = sample_plan_make(&problem, true, SAMPLE_WORK, 3);
  assert_false(plan.full);
  assert_in_range(plan.group_count, 2, 4);
  assert_in_range(plan.row_count, 8, 512);
  assert_int_equal(plan.groups[0], 0);
  assert_int_equal(plan.groups[plan.group_count - 1], 11);
  assert_int_equal(plan.rows[0], 0);
  assert_int_equal(plan.rows[plan.row_count - 1], 4999);
  for (int64_t i = 1; i < plan.row_count; i++) assert_true(plan.rows[i] > plan.rows[i - 1]);
  SamplePlan again = sample_plan_make(&problem, true, SAMPLE_WORK, 3);
  assert_memory_equal(plan.rows, again.rows, (size_t)plan.row_count * sizeof *plan.rows);
  sample_plan_free(&again);
  sample_plan_free(&plan);
  problem.queries = 1;
  problem.batch = 1;
  plan = sample_plan_make(&problem, false, SAMPLE_WORK, 3);
  assert_true(plan.full);
  assert_int_equal(plan.row_count, 1);
  assert_int_equal(plan.group_count, 4);
  sample_plan_free(&plan);
}

static void bounds_follow_dtype_and_scores(void **state) {
  (void)state;
  assert_true(cell_check_bound(DTYPE_F32, CHECK_OUT, 0) == 1e-5);
  assert_true(cell_check_bound(DTYPE_BF16, CHECK_OUT, 0) == 0x1p-8);
  assert_true(cell_check_bound(DTYPE_F16, CHECK_DQ, 0) == 0x1p-10);
  assert_true(cell_check_bound(DTYPE_BF16, CHECK_LSE, 0) == 1e-5);
  assert_true(cell_check_bound(DTYPE_F32, CHECK_OUT, 0x1p22) == 1e-5 + 1);
}

static void inputs_are_drawn_alike_each_time(void **state) {
  (void)state;
  Error error;
  Team *one = team_open(1, false, &error), *two = team_open(2, false, &error);
  AttentionProblem problem = {.batch = 2,
                              .heads = 3,
                              .kv_heads = 1,
                              .queries = 40,
                              .keys = 50,
                              .head_dim = 5,
                              .dtype = DTYPE_F32};
  CellTensors a, b;
  must(cell_tensors_open(&problem, true, &a, &error), &error);
  must(cell_tensors_open(&problem, true, &b, &error), &error);
  cell_tensors_fill_timed(&a, one);
  cell_tensors_fill_timed(&b, two);
  assert_memory_equal(a.memory.data, b.memory.data, a.memory.size);
  double sum = 0;
  for (int64_t i = 0; i < 2; i++)
    for (int64_t h = 0; h < 3; h++)
      for (int64_t s = 0; s < 40; s++)
        for (int64_t d = 0; d < 5; d++) {
          double value = element(&a.operands.q, i, h, s, d);
          assert_true(value >= 0 && value < 1);
          sum += value;
        }
  assert_true(fabs(sum / 1200 - 0.5) < 0.05);
  // [B, S, H, D] seen as [B, H, S, D]
  assert_int_equal(a.operands.q.stride[1], 5);
  assert_int_equal(a.operands.q.stride[2], 15);
  assert_true((int64_t)a.memory.size >= cell_tensors_bytes(&problem, true));
  problem.keys = INT32_MAX;
  problem.batch = problem.kv_heads = INT32_MAX;
  assert_true(cell_tensors_bytes(&problem, true) == INT64_MAX);
  cell_tensors_close(&a);
  cell_tensors_close(&b);
  team_close(one);
  team_close(two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_reference_is_the_definition),
      cmocka_unit_test(a_wrong_result_cannot_pass),
      cmocka_unit_test(nothing_at_all_cannot_pass),
      cmocka_unit_test(a_gradient_where_there_is_none_cannot_pass),
      cmocka_unit_test(samples_hold_the_first_and_the_last),
      cmocka_unit_test(bounds_follow_dtype_and_scores),
      cmocka_unit_test(inputs_are_drawn_alike_each_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
