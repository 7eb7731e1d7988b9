// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_check.h"
#include "bench/attention/tensor_row.h"
#include <math.h>

static const char *const names[] = {
#define X(PART, NAME) NAME,
    CHECK_PARTS(X)
#undef X
};

double cell_check_bound(Dtype dtype, CheckPart part, double largest_score) {
  double unit = dtype == DTYPE_BF16 ? 0x1p-8 : 0x1p-11;
  double bound = dtype == DTYPE_F32 || part == CHECK_LSE ? 1e-5
                 : part == CHECK_OUT                     ? unit
                                                         : 2 * unit;
  return bound + 4 * 0x1p-24 * largest_score;
}

// Sums of an error while the elements pass by.
typedef struct {
  double difference, largest, squares, norm;
} Sums;

static void compare(Sums *sums, double value, double expected, double size) {
  double off = value == expected ? 0 : value - expected; // minus infinity is minus infinity
  if (!(fabs(off) <= sums->difference)) sums->difference = isfinite(off) ? fabs(off) : INFINITY;
  if (isfinite(expected)) size = fmax(size, fabs(expected));
  sums->largest = fmax(sums->largest, size);
  sums->squares += off * off;
  sums->norm += size * size;
}

static CheckError error_of(const Sums *sums, double bound) {
  if (!isfinite(sums->difference)) return (CheckError){INFINITY, INFINITY, bound};
  if (sums->difference == 0) return (CheckError){0, 0, bound};
  return (CheckError){sums->difference / sums->largest, sqrt(sums->squares / sums->norm), bound};
}

// Where a sampled row lies.
typedef struct {
  int64_t batch, head, query;
} Place;

static Place place_of(const AttentionProblem *problem, const SamplePlan *plan, int64_t row) {
  int64_t share = problem->heads / problem->kv_heads;
  int64_t group = plan->groups[row / plan->row_count / share];
  return (Place){group / problem->kv_heads,
                 group % problem->kv_heads * share + row / plan->row_count % share,
                 plan->rows[row % plan->row_count]};
}

static int64_t row_count(const AttentionProblem *problem, const SamplePlan *plan) {
  return plan->group_count * (problem->heads / problem->kv_heads) * plan->row_count;
}

static void compare_row(Sums *sums, const Tensor *tensor, Place place, const double *expected,
                        const double *sizes) {
  float row[ATTENTION_MOST_HEAD_DIM];
  tensor_row_widen(tensor, place.batch, place.head, place.query, row);
  for (int64_t i = 0; i < tensor->shape[3]; i++)
    compare(sums, (double)row[i], expected[i], sizes ? sizes[i] : 0);
}

static Sums compare_rows(const AttentionProblem *problem, const Tensor *tensor,
                         const SampleReference *reference, const double *expected,
                         const double *sizes) {
  Sums sums = {0};
  int64_t d = problem->head_dim;
  for (int64_t i = 0; i < row_count(problem, &reference->plan); i++)
    compare_row(&sums, tensor, place_of(problem, &reference->plan, i), expected + i * d,
                sizes ? sizes + i * d : NULL);
  return sums;
}

static Sums compare_lse(const AttentionProblem *problem, const float *lse,
                        const SampleReference *reference) {
  Sums sums = {.largest = 1}; // an lse near 0 is no smaller error than one of 1
  for (int64_t i = 0; i < row_count(problem, &reference->plan); i++) {
    Place place = place_of(problem, &reference->plan, i);
    int64_t at = (place.batch * problem->heads + place.head) * problem->queries + place.query;
    compare(&sums, (double)lse[at], reference->lse[i], 1);
  }
  return sums;
}

static Sums compare_keys(const AttentionProblem *problem, const Tensor *tensor,
                         const SampleReference *reference, const double *expected,
                         const double *sizes) {
  Sums sums = {0};
  for (int64_t i = 0; i < reference->plan.group_count * problem->keys; i++) {
    int64_t group = reference->plan.groups[i / problem->keys], at = i * problem->head_dim;
    Place place = {group / problem->kv_heads, group % problem->kv_heads, i % problem->keys};
    compare_row(&sums, tensor, place, expected + at, sizes ? sizes + at : NULL);
  }
  return sums;
}

// Whether dq is zero in every row whose dout is zero.
static bool rest_is_zero(const Tensor *dq, const SamplePlan *plan) {
  float row[ATTENTION_MOST_HEAD_DIM];
  for (int64_t b = 0; b < dq->shape[0] && !plan->full; b++)
    for (int64_t m = 0; m < dq->shape[2]; m++) {
      if (sample_plan_has_row(plan, m)) continue;
      for (int64_t h = 0; h < dq->shape[1]; h++) {
        tensor_row_widen(dq, b, h, m, row);
        for (int64_t i = 0; i < dq->shape[3]; i++)
          if (row[i] != 0) return false; // a NaN too
      }
    }
  return true;
}

CellCheck cell_check_make(const AttentionProblem *problem, const CellTensors *tensors,
                          const SampleReference *reference) {
  CellCheck check = {.compared = reference->dq ? CHECK_PART_COUNT : CHECK_LSE + 1, .passed = true};
  Sums sums[CHECK_PART_COUNT] = {
      compare_rows(problem, &tensors->result.out, reference, reference->out, NULL),
      compare_lse(problem, tensors->result.lse, reference)};
  if (reference->dq) {
    const AttentionGradients *gradients = &tensors->gradients;
    sums[CHECK_DQ] =
        compare_rows(problem, &gradients->dq, reference, reference->dq, reference->dq_size);
    if (!rest_is_zero(&gradients->dq, &reference->plan)) sums[CHECK_DQ].difference = INFINITY;
    sums[CHECK_DK] =
        compare_keys(problem, &gradients->dk, reference, reference->dk, reference->dk_size);
    sums[CHECK_DV] = compare_keys(problem, &gradients->dv, reference, reference->dv, NULL);
  }
  for (int i = 0; i < check.compared; i++) {
    double bound = cell_check_bound(problem->dtype, i, reference->largest_score);
    check.parts[i] = error_of(&sums[i], bound);
    check.passed = check.passed && check.parts[i].largest <= bound && check.parts[i].norm <= bound;
  }
  return check;
}

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *cell_check_json(const CellCheck *check, const SampleReference *reference) {
  json_t *json =
      json_pack("{s:s, s:s, s:b, s:I, s:I, s:f}", "verdict", check->passed ? "valid" : "invalid",
                "reference", "float64 on the inputs rounded to the dtype", "full",
                reference->plan.full, "groups", (json_int_t)reference->plan.group_count, "rows",
                (json_int_t)reference->plan.row_count, "largest_score", reference->largest_score);
  for (int i = 0; i < CHECK_PART_COUNT; i++) {
    const CheckError *error = &check->parts[i];
    json_object_set_new(json, names[i],
                        i >= check->compared
                            ? json_null()
                            : json_pack("{s:o, s:o, s:f}", "error", number(error->norm),
                                        "max_error", number(error->largest), "bound",
                                        error->bound));
  }
  return json;
}
