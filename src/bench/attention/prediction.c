// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/prediction.h"
#include "attention/block_mask.h"
#include "bench/attention/cell_tensors.h"
#include "bench/attention/cell_work.h"
#include "bench/attention/flush.h"
#include "bench/attention/sample_reference.h"
#include "device/host.h"
#include <math.h>
#include <string.h>

int64_t prediction_available(const AttentionSweep *sweep) {
  Host host;
  host_read("", &host);
  int64_t left = host_memory_left(&host);
  host_free(&host);
  bool capped = sweep->max_bytes > 0 && (left == 0 || sweep->max_bytes < left);
  return capped ? sweep->max_bytes : left;
}

AttentionProblem prediction_problem(const AttentionSweep *sweep, const SweepCell *cell,
                                    const BoundMod *mod) {
  const ModShape *shape = &cell->shape;
  return (AttentionProblem){.batch = shape->batch,
                            .heads = shape->heads,
                            .kv_heads = shape->kv_heads,
                            .queries = shape->queries,
                            .keys = shape->keys,
                            .head_dim = shape->head_dim,
                            .scale = 1 / sqrt((double)shape->head_dim),
                            .dtype = sweep->dtype,
                            .mod = mod};
}

static int64_t add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t shared_bytes(const AttentionSweep *sweep, const AttentionProblem *problem,
                            int threads) {
  SamplePlan plan = sample_plan_make(problem, sweep->calculate_bwd, SAMPLE_WORK, 0);
  int64_t reference = sample_reference_bytes(problem, sweep->calculate_bwd, &plan, threads);
  sample_plan_free(&plan);
  int64_t mask =
      problem->mod ? block_mask_bytes(problem->mod, CELL_MASK_BLOCK, CELL_MASK_BLOCK) : 0;
  int64_t bytes = add(cell_tensors_bytes(problem, sweep->calculate_bwd), flush_bytes());
  return add(add(bytes, reference), mask);
}

static double gibibytes(int64_t bytes) {
  return (double)bytes / 0x1p30;
}

static bool check_memory(const Prediction *prediction, int64_t bytes, Error *error) {
  int64_t needed = add(prediction->shared, bytes);
  if (prediction->available == 0 || needed <= prediction->available) return true;
  return error_set(error, ERROR_MEMORY, NULL, "needs %.2f GiB of memory, %.2f GiB are available",
                   gibibytes(needed), gibibytes(prediction->available));
}

// Asks for the backward pass too where it is wanted, and for the forward pass alone where only that
// can be had.
static bool ask(const PredictedBackend *predicted, const AttentionProblem *problem, bool backward,
                bool *both, Error *error) {
  Error ignored;
  *both = backward && predicted->backend->backward &&
          attention_backend_supports(predicted->backend, problem, true, &ignored);
  return *both || attention_backend_supports(predicted->backend, problem, false, error);
}

// The configuration lets only known names through.
static const AttentionBackend *backend_named(const char *name) {
  int index = 0;
  while (strcmp(attention_backend_at(index)->name, name) != 0) index++;
  return attention_backend_at(index);
}

static void predict(const char *name, const AttentionProblem *problem, bool backward, bool tuned,
                    int threads, Prediction *prediction) {
  PredictedBackend *predicted = &prediction->backend[prediction->count++];
  *predicted = (PredictedBackend){.turn = -1};
  Error *refused = &predicted->refused;
  predicted->backend = backend_named(name);
  if (predicted->backend->absent) {
    error_set(refused, ERROR_UNSUPPORTED, NULL, "%s", predicted->backend->absent);
    return;
  }
  if (!ask(predicted, problem, backward, &predicted->backward, refused)) return;
  predicted->bytes = predicted->backend->bytes(problem, predicted->backward, threads);
  if (tuned) predicted->bytes = add(predicted->bytes, predicted->bytes); // two plans side by side
  if (check_memory(prediction, predicted->bytes, refused)) refused->code = ERROR_NONE;
}

// Those that fit beside each other share a turn, in their order.
static void deal_turns(Prediction *prediction) {
  int64_t used = 0, most = 0;
  int turn = -1;
  for (int i = 0; i < prediction->count; i++) {
    PredictedBackend *predicted = &prediction->backend[i];
    Error ignored;
    if (predicted->refused.code != ERROR_NONE) continue;
    int64_t together = add(used, predicted->bytes);
    bool fits = turn >= 0 && check_memory(prediction, together, &ignored);
    used = fits ? together : predicted->bytes;
    turn += !fits;
    predicted->turn = turn;
    if (used > most) most = used;
  }
  prediction->turns = turn + 1;
  prediction->bytes = add(prediction->shared, most);
}

// Why nothing can run: the tensors alone are too large, or what the back ends say.
static bool refuse(const Prediction *prediction, Error *error) {
  if (!check_memory(prediction, 0, error)) return false;
  *error = prediction->backend[prediction->count - 1].refused;
  return error_within(error, prediction->count == 1 ? "flex" : "no back end can run it; flex");
}

bool prediction_make(const AttentionSweep *sweep, const SweepCell *cell, const BoundMod *mod,
                     int64_t available, int threads, Prediction *prediction, Error *error) {
  AttentionProblem problem = prediction_problem(sweep, cell, mod);
  *prediction = (Prediction){.available = available};
  prediction->shared = shared_bytes(sweep, &problem, threads);
  for (size_t i = 0; i < sweep->backend.count; i++)
    predict(sweep->backend.items[i], &problem, sweep->calculate_bwd, false, threads, prediction);
  predict("flex", &problem, sweep->calculate_bwd, sweep->max_autotune, threads, prediction);
  deal_turns(prediction);
  return prediction->turns > 0 || refuse(prediction, error);
}
