// SPDX-License-Identifier: Apache-2.0
#include "reference.h"
#include "../kernels/guarded.h"

typedef struct {
  const AttentionProblem *problem;
  const ReferenceMod *mod;
  double *q, *k, *v, *dout; // dense
  double *raw, *p;          // [N] of one query: scaled scores before the mod, probabilities
} Work;

static double dot(int64_t count, const double *a, const double *b) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

// The deviation of a · b when each element of b is off by its own size.
static double dot_size(int64_t count, const double *a, const double *b) {
  double squares = 0.0;
  for (int64_t i = 0; i < count; i++) squares += a[i] * a[i] * b[i] * b[i];
  return sqrt(squares);
}

static void add_sizes(int64_t count, double factor, const double *x, double *y) {
  for (int64_t i = 0; i < count; i++) y[i] += fabs(factor * x[i]);
}

static void add_scaled(int64_t count, double factor, const double *x, double *y) {
  for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

static double element_of(const Tensor *tensor, int64_t index) {
  const char *at = (const char *)tensor->data + index * dtype_facts(tensor->dtype)->block_bytes;
  float value;
  kernels_reference.widen(tensor->dtype, 1, at, &value);
  return value;
}

double *reference_values(const Tensor *tensor) {
  int64_t count = tensor_elements(tensor);
  double *values = malloc((size_t)(count + !count) * sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, index = 0;
    for (int axis = tensor->rank - 1; axis >= 0; axis--) {
      index += rest % tensor->shape[axis] * tensor->stride[axis];
      rest /= tensor->shape[axis];
    }
    values[i] = element_of(tensor, index);
  }
  return values;
}

static bool visible(const ReferenceMod *mod, int64_t b, int64_t h, int64_t i, int64_t j) {
  return !mod || !mod->visible || mod->visible(mod->data, b, h, i, j);
}

static double modified(const ReferenceMod *mod, double score, int64_t b, int64_t h, int64_t i,
                       int64_t j) {
  return mod && mod->score ? mod->score(mod->data, score, b, h, i, j) : score;
}

// Fills raw and p of one query; returns its log-sum-exp.
static double softmax_row(const Work *work, int64_t b, int64_t h, int64_t i, const double *q,
                          const double *k) {
  const AttentionProblem *problem = work->problem;
  double largest = -INFINITY, sum = 0.0;
  for (int64_t j = 0; j < problem->keys; j++) {
    work->raw[j] = problem->scale * dot(problem->head_dim, q, k + j * problem->head_dim);
    bool seen = visible(work->mod, b, h, i, j);
    work->p[j] = seen ? modified(work->mod, work->raw[j], b, h, i, j) : -INFINITY;
    if (!(work->p[j] <= largest)) largest = work->p[j];
  }
  for (int64_t j = 0; j < problem->keys; j++) {
    work->p[j] = largest == -INFINITY ? 0.0 : exp(work->p[j] - largest);
    sum += work->p[j];
  }
  for (int64_t j = 0; j < problem->keys; j++) work->p[j] = sum == 0.0 ? 0.0 : work->p[j] / sum;
  return largest + log(sum);
}

// One query's part of all three gradients.
static void backward_row(const Work *work, Reference *result, int64_t b, int64_t h, int64_t i,
                         int64_t row, int64_t keys) {
  int64_t d = work->problem->head_dim;
  const double *dout = work->dout + row * d;
  double delta = dot(d, dout, result->out + row * d);
  double size = dot_size(d, dout, result->out + row * d);
  for (int64_t j = 0; j < work->problem->keys; j++) {
    if (work->p[j] == 0.0) continue;
    int64_t key = (keys + j) * d;
    double weight = work->p[j] * work->problem->scale;
    if (work->mod && work->mod->derivative)
      weight *= work->mod->derivative(work->mod->data, work->raw[j], b, h, i, j);
    double ds = weight * (dot(d, dout, work->v + key) - delta);
    add_scaled(d, work->p[j], dout, result->dv + key);
    add_scaled(d, ds, work->q + row * d, result->dk + key);
    add_scaled(d, ds, work->k + key, result->dq + row * d);
    add_sizes(d, weight * size, work->q + row * d, result->dk_delta + key);
    add_sizes(d, weight * size, work->k + key, result->dq_delta + row * d);
  }
}

static void attend_row(const Work *work, Reference *result, int64_t b, int64_t h, int64_t i) {
  const AttentionProblem *problem = work->problem;
  int64_t d = problem->head_dim, row = (b * problem->heads + h) * problem->queries + i;
  int64_t kv = h / (problem->heads / problem->kv_heads);
  int64_t keys = (b * problem->kv_heads + kv) * problem->keys;
  result->lse[row] = softmax_row(work, b, h, i, work->q + row * d, work->k + keys * d);
  if (isfinite(result->lse[row]))
    result->largest_lse = fmax(result->largest_lse, fabs(result->lse[row]));
  for (int64_t j = 0; j < problem->keys; j++)
    add_scaled(d, work->p[j], work->v + (keys + j) * d, result->out + row * d);
  if (work->dout) backward_row(work, result, b, h, i, row, keys);
}

static double *zeros(int64_t count) {
  return calloc((size_t)(count + !count), sizeof(double));
}

Reference reference_attention(const AttentionProblem *problem, const AttentionOperands *operands,
                              const Tensor *dout, const ReferenceMod *mod) {
  int64_t rows = problem->batch * problem->heads * problem->queries;
  int64_t keys = problem->batch * problem->kv_heads * problem->keys, d = problem->head_dim;
  Reference result = {.out = zeros(rows * d), .lse = zeros(rows)};
  if (dout) {
    result.dq = zeros(rows * d), result.dk = zeros(keys * d), result.dv = zeros(keys * d);
    result.dq_delta = zeros(rows * d), result.dk_delta = zeros(keys * d);
  }
  Work work = {problem,
               mod,
               reference_values(&operands->q),
               reference_values(&operands->k),
               reference_values(&operands->v),
               dout ? reference_values(dout) : NULL,
               zeros(problem->keys),
               zeros(problem->keys)};
  for (int64_t b = 0; b < problem->batch; b++)
    for (int64_t h = 0; h < problem->heads; h++)
      for (int64_t i = 0; i < problem->queries; i++) attend_row(&work, &result, b, h, i);
  double *all[] = {work.q, work.k, work.v, work.dout, work.raw, work.p};
  for (size_t i = 0; i < COUNT_OF(all); i++) free(all[i]);
  return result;
}

void reference_free(Reference *reference) {
  double *all[] = {reference->out, reference->lse,      reference->dq,      reference->dk,
                   reference->dv,  reference->dq_delta, reference->dk_delta};
  for (size_t i = 0; i < COUNT_OF(all); i++) free(all[i]);
  *reference = (Reference){0};
}

// `sizes` NULL: those of what is expected alone.
static ReferenceError error_against(int64_t count, const double *values, const double *expected,
                                    const double *sizes) {
  double difference = 0.0, largest = 0.0, squares = 0.0, norm = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (values[i] == expected[i] && isinf(values[i])) continue;
    double off = values[i] - expected[i];
    if (!isfinite(off)) return (ReferenceError){INFINITY, INFINITY};
    difference = fmax(difference, fabs(off));
    double size = fmax(fabs(expected[i]), sizes ? sizes[i] : 0.0);
    largest = fmax(largest, size);
    squares += off * off;
    norm += size * size;
  }
  if (squares == 0.0) return (ReferenceError){0.0, 0.0};
  return (ReferenceError){difference / largest, sqrt(squares / norm)};
}

ReferenceError reference_error(int64_t count, const double *values, const double *expected) {
  return error_against(count, values, expected, NULL);
}

ReferenceError reference_bound(Dtype dtype, ReferencePart part) {
  // lse stays float32; a gradient meets the rounding of out too, through rowsum(dout out).
  if (dtype == DTYPE_F32 || part == REFERENCE_LSE) return (ReferenceError){1e-5, 1e-5};
  double unit = dtype == DTYPE_BF16 ? 0x1p-8 : 0x1p-11;
  return part == REFERENCE_OUT ? (ReferenceError){unit, unit}
                               : (ReferenceError){2 * unit, 2 * unit};
}

static void check(ReferenceError error, ReferenceError bound, const char *what) {
  if (!(error.largest <= bound.largest) || !(error.norm <= bound.norm))
    fail_msg("%s: largest error %g (bound %g), norm %g (bound %g)", what, error.largest,
             bound.largest, error.norm, bound.norm);
}

void reference_check(const Tensor *values, const double *expected, ReferencePart part,
                     const char *what) {
  double *widened = reference_values(values);
  check(reference_error(tensor_elements(values), widened, expected),
        reference_bound(values->dtype, part), what);
  free(widened);
}

static void check_part(const Tensor *values, const double *expected, const double *sizes,
                       double largest_lse, ReferencePart part, const char *name, const char *what) {
  char text[320];
  double *widened = reference_values(values);
  ReferenceError bound = reference_bound(values->dtype, part);
  bound.largest += 0x1p-22 * largest_lse;
  bound.norm += 0x1p-22 * largest_lse;
  snprintf(text, sizeof text, "%s: %s", what, name);
  check(error_against(tensor_elements(values), widened, expected, sizes), bound, text);
  free(widened);
}

void reference_check_result(const AttentionResult *result, const Reference *expected,
                            const char *what) {
  const Tensor *out = &result->out;
  check_part(out, expected->out, NULL, expected->largest_lse, REFERENCE_OUT, "out", what);
  reference_check_lse(out->shape[0] * out->shape[1] * out->shape[2], result->lse, expected->lse,
                      what);
}

void reference_check_gradients(const AttentionGradients *gradients, const Reference *expected,
                               const char *what) {
  double lse = expected->largest_lse;
  const ReferencePart part = REFERENCE_GRADIENT;
  check_part(&gradients->dq, expected->dq, expected->dq_delta, lse, part, "dq", what);
  check_part(&gradients->dk, expected->dk, expected->dk_delta, lse, part, "dk", what);
  check_part(&gradients->dv, expected->dv, NULL, lse, part, "dv", what);
}

void reference_check_lse(int64_t count, const float *lse, const double *expected,
                         const char *what) {
  double *widened = malloc((size_t)(count + !count) * sizeof *widened);
  for (int64_t i = 0; i < count; i++) widened[i] = lse[i];
  check(reference_error(count, widened, expected), reference_bound(DTYPE_F32, REFERENCE_LSE), what);
  free(widened);
}
