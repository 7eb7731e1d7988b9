// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/sample_reference.h"
#include "bench/attention/tensor_row.h"
#include "mods/evaluate.h"
#include <math.h>
#include <string.h>

// One group being computed; rows are dealt to the threads in turn.
typedef struct {
  const AttentionProblem *problem;
  const AttentionOperands *operands;
  const Tensor *dout;
  SampleReference *reference;
  int64_t group, batch, kv_head, share; // share: query heads of the group
  float *k, *v;                         // [N, D] of the group
  double *scratch;                      // of each thread, scratch_doubles each
  double *largest;                      // [threads]
} GroupWork;

// What one thread works in.
typedef struct {
  double *raw, *p;            // [N]: scaled scores before the mod, probabilities
  double *dk, *dv, *dk_size;  // [N, D]: its part of the sums
  float *q, *dout;            // [D]
  double *q_wide, *dout_wide; // [D]
} RowScratch;

static int64_t scratch_doubles(const AttentionProblem *problem, bool backward) {
  int64_t sums = backward ? 3 * problem->keys * problem->head_dim : 0;
  return 2 * problem->keys + sums + 3 * problem->head_dim;
}

static RowScratch scratch_of(const GroupWork *work, int thread) {
  int64_t n = work->problem->keys, d = work->problem->head_dim;
  double *at = work->scratch + thread * scratch_doubles(work->problem, work->dout != NULL);
  RowScratch scratch = {.raw = at, .p = at + n};
  at += 2 * n;
  if (work->dout) {
    scratch.dk = at, scratch.dv = at + n * d, scratch.dk_size = at + 2 * n * d;
    at += 3 * n * d;
  }
  scratch.q_wide = at, scratch.dout_wide = at + d;
  scratch.q = (float *)(at + 2 * d);
  scratch.dout = scratch.q + d;
  return scratch;
}

// Eight sums, so that they need not wait for each other.
static double dot(int64_t count, const double *a, const float *b) {
  double sums[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; j++) sums[j] += a[i + j] * (double)b[i + j];
  double sum = 0;
  for (; i < count; i++) sum += a[i] * (double)b[i];
  for (int j = 0; j < 8; j++) sum += sums[j];
  return sum;
}

static void add_scaled(int64_t count, double factor, const float *x, double *y) {
  for (int64_t i = 0; i < count; i++) y[i] += factor * (double)x[i];
}

static void add_sizes(int64_t count, double factor, const float *x, double *y) {
  for (int64_t i = 0; i < count; i++) y[i] += fabs(factor * (double)x[i]);
}

static double modified(const GroupWork *work, ModPoint *point) {
  const BoundMod *mod = work->problem->mod;
  if (!mod) return point->score;
  return mod_visible_at(mod, point) ? mod_score_at(mod, point) : -INFINITY;
}

// Fills raw and p of one query; returns its log-sum-exp.
static double softmax_row(const GroupWork *work, const RowScratch *scratch, int64_t head,
                          int64_t query, double *largest_score) {
  int64_t n = work->problem->keys, d = work->problem->head_dim;
  double largest = -INFINITY, sum = 0;
  for (int64_t j = 0; j < n; j++) {
    scratch->raw[j] = work->problem->scale * dot(d, scratch->q_wide, work->k + j * d);
    ModPoint point = {work->batch, head, query, j, scratch->raw[j]};
    double score = scratch->p[j] = modified(work, &point);
    if (!(score <= largest)) largest = score;
    if (isfinite(score) && fabs(score) > *largest_score) *largest_score = fabs(score);
  }
  for (int64_t j = 0; j < n; j++) {
    scratch->p[j] = largest == -INFINITY ? 0 : exp(scratch->p[j] - largest);
    sum += scratch->p[j];
  }
  for (int64_t j = 0; j < n; j++) scratch->p[j] = sum == 0 ? 0 : scratch->p[j] / sum;
  return largest + log(sum);
}

// rowsum(dout out) and how far it is off when each element of out is off by its own size.
static double delta_of(int64_t d, const double *dout, const double *out, double *size) {
  double delta = 0, squares = 0;
  for (int64_t i = 0; i < d; i++) {
    delta += dout[i] * out[i];
    squares += dout[i] * out[i] * dout[i] * out[i];
  }
  *size = sqrt(squares);
  return delta;
}

static double derivative_at(const GroupWork *work, int64_t head, int64_t query, int64_t key,
                            double score) {
  ModPoint point = {work->batch, head, query, key, score};
  return work->problem->mod ? mod_derivative_at(work->problem->mod, &point) : 1;
}

static void backward_row(const GroupWork *work, const RowScratch *scratch, int64_t head,
                         int64_t query, int64_t row) {
  int64_t d = work->problem->head_dim;
  SampleReference *reference = work->reference;
  double size, *dq = reference->dq + row * d, *dq_size = reference->dq_size + row * d;
  double delta = delta_of(d, scratch->dout_wide, reference->out + row * d, &size);
  for (int64_t j = 0; j < work->problem->keys; j++) {
    if (scratch->p[j] == 0) continue;
    double weight =
        scratch->p[j] * work->problem->scale * derivative_at(work, head, query, j, scratch->raw[j]);
    double ds = weight * (dot(d, scratch->dout_wide, work->v + j * d) - delta);
    add_scaled(d, scratch->p[j], scratch->dout, scratch->dv + j * d);
    add_scaled(d, ds, scratch->q, scratch->dk + j * d);
    add_scaled(d, ds, work->k + j * d, dq);
    add_sizes(d, weight * size, scratch->q, scratch->dk_size + j * d);
    add_sizes(d, weight * size, work->k + j * d, dq_size);
  }
}

static void load_row(const Tensor *tensor, const GroupWork *work, int64_t head, int64_t query,
                     float *narrow, double *wide) {
  tensor_row_widen(tensor, work->batch, head, query, narrow);
  for (int64_t i = 0; i < work->problem->head_dim; i++) wide[i] = (double)narrow[i];
}

static void compute_row(const GroupWork *work, const RowScratch *scratch, int64_t index,
                        double *largest_score) {
  const SamplePlan *plan = &work->reference->plan;
  int64_t d = work->problem->head_dim, head = work->kv_head * work->share + index / plan->row_count;
  int64_t query = plan->rows[index % plan->row_count];
  int64_t row = work->group * work->share * plan->row_count + index;
  load_row(&work->operands->q, work, head, query, scratch->q, scratch->q_wide);
  work->reference->lse[row] = softmax_row(work, scratch, head, query, largest_score);
  for (int64_t j = 0; j < work->problem->keys; j++)
    add_scaled(d, scratch->p[j], work->v + j * d, work->reference->out + row * d);
  if (!work->dout) return;
  load_row(work->dout, work, head, query, scratch->dout, scratch->dout_wide);
  backward_row(work, scratch, head, query, row);
}

static void group_task(void *context, int thread, int threads) {
  GroupWork *work = context;
  RowScratch scratch = scratch_of(work, thread);
  int64_t sums = work->dout ? 3 * work->problem->keys * work->problem->head_dim : 0;
  if (sums) memset(scratch.dk, 0, (size_t)sums * sizeof *scratch.dk);
  for (int64_t i = thread; i < work->share * work->reference->plan.row_count; i += threads)
    compute_row(work, &scratch, i, &work->largest[thread]);
}

static void add_sums(GroupWork *work, int threads) {
  int64_t count = work->problem->keys * work->problem->head_dim, first = work->group * count;
  SampleReference *reference = work->reference;
  for (int thread = 0; thread < threads; thread++) {
    RowScratch scratch = scratch_of(work, thread);
    for (int64_t i = 0; i < count; i++) {
      reference->dk[first + i] += scratch.dk[i];
      reference->dv[first + i] += scratch.dv[i];
      reference->dk_size[first + i] += scratch.dk_size[i];
    }
  }
}

static void compute_group(GroupWork *work, int64_t group, Team *team) {
  const AttentionProblem *problem = work->problem;
  int64_t id = work->reference->plan.groups[group];
  work->group = group;
  work->batch = id / problem->kv_heads;
  work->kv_head = id % problem->kv_heads;
  for (int64_t j = 0; j < problem->keys; j++) {
    int64_t at = j * problem->head_dim;
    tensor_row_widen(&work->operands->k, work->batch, work->kv_head, j, work->k + at);
    tensor_row_widen(&work->operands->v, work->batch, work->kv_head, j, work->v + at);
  }
  team_run(team, group_task, work);
  if (work->dout) add_sums(work, team_size(team));
}

// Doubles of the results that stay.
static int64_t kept_doubles(const AttentionProblem *problem, bool backward,
                            const SamplePlan *plan) {
  int64_t rows = plan->group_count * (problem->heads / problem->kv_heads) * plan->row_count;
  int64_t keys = plan->group_count * problem->keys;
  return rows * (problem->head_dim + 1) +
         (backward ? 2 * rows * problem->head_dim + 3 * keys * problem->head_dim : 0);
}

int64_t sample_reference_bytes(const AttentionProblem *problem, bool backward,
                               const SamplePlan *plan, int threads) {
  int64_t inputs = problem->keys * problem->head_dim; // two arrays of float32
  return 8 * (kept_doubles(problem, backward, plan) + inputs +
              threads * (scratch_doubles(problem, backward) + 1));
}

// Lays the arrays out in the reference's memory; returns what is behind them.
static double *lay_out(const AttentionProblem *problem, bool backward, SampleReference *reference) {
  const SamplePlan *plan = &reference->plan;
  int64_t rows = plan->group_count * (problem->heads / problem->kv_heads) * plan->row_count;
  int64_t wide = rows * problem->head_dim,
          keys = plan->group_count * problem->keys * problem->head_dim;
  double *at = reference->memory.data;
  reference->out = at, at += wide;
  reference->lse = at, at += rows;
  if (!backward) return at;
  reference->dq = at, at += wide;
  reference->dq_size = at, at += wide;
  reference->dk = at, at += keys;
  reference->dv = at, at += keys;
  reference->dk_size = at, at += keys;
  return at;
}

bool sample_reference_make(const AttentionProblem *problem, const AttentionOperands *operands,
                           const Tensor *dout, const SamplePlan *plan, Team *team,
                           SampleReference *reference, Error *error) {
  int threads = team_size(team);
  int64_t bytes = sample_reference_bytes(problem, dout != NULL, plan, threads);
  *reference = (SampleReference){.plan = *plan};
  if (!region_map(&reference->memory, (size_t)bytes, error))
    return error_within(error, "the float64 reference");
  double *rest = lay_out(problem, dout != NULL, reference);
  GroupWork work = {problem, operands, dout, reference,
                    .share = problem->heads / problem->kv_heads};
  work.k = (float *)rest;
  work.v = work.k + problem->keys * problem->head_dim;
  work.scratch = rest + problem->keys * problem->head_dim;
  work.largest = work.scratch + threads * scratch_doubles(problem, dout != NULL);
  for (int64_t i = 0; i < plan->group_count; i++) compute_group(&work, i, team);
  for (int i = 0; i < threads; i++)
    if (work.largest[i] > reference->largest_score) reference->largest_score = work.largest[i];
  return true;
}

void sample_reference_free(SampleReference *reference) {
  region_unmap(&reference->memory);
  *reference = (SampleReference){0};
}
