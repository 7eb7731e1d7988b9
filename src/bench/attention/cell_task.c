// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_task.h"
#include "attention/block_mask.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bench/attention/cell_lane.h"
#include "bench/attention/flush.h"
#include "bench/attention/pattern.h"
#include "bench/process_usage.h"
#include "bench/worker_events.h"
#include "device/ceiling.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FMA_ROUNDS = 15, READ_ROUNDS = 5, WARM_ROUNDS = 11, TUNING_SHARE = 5 };
static const int64_t long_call_ns = 200000000; // to which it is all one what the caches hold

// Everything that the process of a cell holds.
typedef struct {
  const CellRequest *request;
  int output;
  Team *team;
  CpuTier tier;
  const Kernels *kernels;
  CellCompiler compiler;
  bool backward; // asked for
  SweepPattern *pattern;
  AttentionProblem problem;
  CellTensors tensors;
  SamplePlan plan;
  SampleReference reference;
  Flush flush;
  AttentionMaskFacts blocks; // at CELL_MASK_BLOCK
  double pairs;
  CellLane lanes[PREDICTION_MOST_BACKENDS];
  CellCeilings ceilings;
  ProcessUsage before;
  uint64_t allocations; // in the timed calls
} CellRun;

static void tell(const CellRun *run, const CellLane *lane, const char *phase) {
  char text[80];
  snprintf(text, sizeof text, "%s%s%s", lane ? lane->backend->backend->name : "", lane ? ": " : "",
           phase);
  worker_event_progress(run->output, text, 0, 1);
}

static double all_pairs(const AttentionProblem *problem) {
  return (double)problem->batch * (double)problem->heads * (double)problem->queries *
         (double)problem->keys;
}

// The mask in blocks of CELL_MASK_BLOCK: how sparse it is, and exactly how many pairs it leaves.
static bool look_at_mask(CellRun *run, Error *error) {
  const BoundMod *bound = sweep_pattern_bound(run->pattern);
  int64_t start = clock_now();
  BlockMask *mask =
      block_mask_build(bound, CELL_MASK_BLOCK, CELL_MASK_BLOCK, run->tier, run->team, error);
  int64_t build_ns = clock_now() - start;
  if (!mask) return error_within(error, "block mask");
  int64_t copies = run->problem.batch / mask->batches * (run->problem.heads / mask->heads);
  run->blocks = (AttentionMaskFacts){.present = true,
                                     .block_rows = CELL_MASK_BLOCK,
                                     .block_columns = CELL_MASK_BLOCK,
                                     .full = mask->full * copies,
                                     .partial = mask->partial * copies,
                                     .empty = mask->empty * copies,
                                     .build_ns = build_ns};
  run->blocks.sparsity = (double)mask->empty / (double)(mask->full + mask->partial + mask->empty);
  bool done = block_mask_pairs(mask, bound, run->tier, run->team, &run->pairs, error);
  block_mask_close(mask);
  return done;
}

static bool make_reference(CellRun *run, Error *error) {
  tell(run, NULL, "reference");
  run->plan = sample_plan_make(&run->problem, run->backward, SAMPLE_WORK, 0);
  if (!cell_tensors_open(&run->problem, run->backward, &run->tensors, error)) return false;
  cell_tensors_fill_checked(&run->tensors, &run->plan, run->team);
  return sample_reference_make(&run->problem, &run->tensors.operands,
                               run->backward ? &run->tensors.dout : NULL, &run->plan, run->team,
                               &run->reference, error);
}

static void open_lanes(CellRun *run) {
  for (int i = 0; i < run->request->count; i++)
    cell_lane_open(&run->lanes[i], &run->request->backends[i], &run->tensors);
}

// One code for all lengths, where the mod allows it; else the result says why not.
static void open_lengths(CellRun *run) {
  CellCompiler *compiler = &run->compiler;
  if (!run->request->sweep->dynamic || !compiler->maker) return;
  compiler->open = sweep_pattern_open_lengths(run->pattern, &compiler->closed);
  if (compiler->open) compiler->closed.code = ERROR_NONE;
}

static bool open_run(CellRun *run, Error *error) {
  const CellRequest *request = run->request;
  run->pattern = sweep_pattern_open(&request->sweep->mods.items[0], &request->cell.shape,
                                    request->cell.documents, error);
  if (!run->pattern) return false;
  run->problem =
      prediction_problem(request->sweep, &request->cell, sweep_pattern_bound(run->pattern));
  open_lengths(run);
  tell(run, NULL, "mask");
  return look_at_mask(run, error) && make_reference(run, error) &&
         flush_open(run->team, run->tier, &run->flush, error);
}

static void close_run(CellRun *run) {
  for (int i = 0; i < run->request->count; i++) cell_lane_close(&run->lanes[i]);
  cell_compiler_close(&run->compiler);
  flush_close(&run->flush);
  sample_reference_free(&run->reference);
  sample_plan_free(&run->plan);
  cell_tensors_close(&run->tensors);
  sweep_pattern_close(run->pattern);
}

static void lift(double *ceiling, double value) {
  if (value > *ceiling) *ceiling = value;
}

// Taken before and after each turn: other work on the machine only lowers them.
static void take_ceilings(CellRun *run) {
  const AttentionProblem *p = &run->problem;
  int64_t keys =
      2 * p->batch * p->kv_heads * p->keys * p->head_dim * dtype_facts(p->dtype)->block_bytes;
  lift(&run->ceilings.fma_gflop_per_s, ceiling_fma(run->team, run->tier, FMA_ROUNDS));
  lift(&run->ceilings.read_gb_per_s, flush_read(&run->flush, INT64_MAX, READ_ROUNDS));
  lift(&run->ceilings.warm_read_gb_per_s, flush_read(&run->flush, keys, WARM_ROUNDS));
}

static bool is_flex(const CellLane *lane) {
  return lane->backend->backend->code != NULL;
}

// What compiling takes, where that was done.
static void time_code(CellRun *run, CellLane *lane) {
  if (lane->code.state != ATTENTION_CODE_COMPILED) return;
  tell(run, lane, "compile");
  lane->code_times = cell_compiler_time(&run->compiler, run->problem.mod, lane->backend->backward);
}

// Everything that the times of the cell depend on, as text; caller frees.
static char *describe(const CellRequest *request) {
  Error ignored;
  json_t *mod = sweep_pattern_json(&request->sweep->mods.items[0], &ignored);
  json_t *json = sweep_cell_json(request->sweep, &request->cell, mod ? mod : json_null());
  char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(json);
  json_decref(mod);
  return text;
}

// Takes several times as long as measuring, at most.
static void tune(CellRun *run, CellLane *lane, AttentionSetup *setup) {
  const CellCompiler *compiler = &run->compiler;
  char *what = describe(run->request);
  FlexTunerOptions options = {.cache =
                                  compiler->compiler ? compiler_cache(compiler->compiler) : NULL,
                              .what = what ? what : "",
                              .seconds = TUNING_SHARE * run->request->sweep->measure_time};
  tell(run, lane, "tune");
  lane->tuning = flex_tuner_run(lane->backend, &run->tensors, &run->problem, setup, &options);
  setup->tiles = lane->tuning.tiles;
  free(what);
}

static void check_lane(CellRun *run, CellLane *lane) {
  const CellCompiler *compiler = &run->compiler;
  AttentionSetup setup = {.kernels = run->kernels,
                          .team = run->team,
                          .compiler = compiler->maker,
                          .compiler_needed = compiler->needed,
                          .compile_later = run->request->sweep->jit_async,
                          .open = compiler->open};
  if (is_flex(lane) && compiler->needed && !compiler->maker) lane->failed = compiler->failed;
  if (lane->failed.code != ERROR_NONE) return;
  if (is_flex(lane) && run->request->sweep->max_autotune) tune(run, lane, &setup);
  tell(run, lane, "prepare");
  cell_lane_prepare(lane, &run->problem, &setup);
  if (lane->failed.code != ERROR_NONE) return;
  tell(run, lane, "check");
  cell_lane_check(lane, &run->problem, &run->reference, &setup);
  time_code(run, lane);
}

// The calls of a pass of all lanes of a turn, warm or cold.
static int gather(CellRun *run, int turn, CellPass pass, bool cold, TimedCall **from,
                  TimedCall *calls) {
  int count = 0;
  for (int i = 0; i < run->request->count; i++) {
    CellLane *lane = &run->lanes[i];
    if (lane->backend->turn != turn || !cell_lane_has(lane, pass)) continue;
    if (cold && lane->warm[pass].cost_ns > long_call_ns) continue;
    from[count] = cold ? &lane->cold[pass] : &lane->warm[pass];
    if (cold) from[count]->cost_ns = lane->warm[pass].cost_ns;
    calls[count] = *from[count];
    count++;
  }
  return count;
}

static void time_calls(CellRun *run, int turn, CellPass pass, bool cold) {
  const AttentionSweep *sweep = run->request->sweep;
  TimingPlan plan = {.warmup = sweep->warmup,
                     .time_ns = (int64_t)(sweep->measure_time * 1e9),
                     .flush = cold ? flush_run : NULL,
                     .flush_context = &run->flush,
                     .now = clock_now};
  TimedCall *from[PREDICTION_MOST_BACKENDS], calls[PREDICTION_MOST_BACKENDS];
  int count = gather(run, turn, pass, cold, from, calls);
  for (int i = 0; i < count && !cold; i++) {
    tell(run, calls[i].context, "warmup");
    timing_warm_up(&plan, &calls[i]);
  }
  tell(run, NULL, pass == PASS_FORWARD ? "forward" : "backward");
  uint64_t allocations = memory_allocation_count();
  timing_run(&plan, calls, count);
  run->allocations += memory_allocation_count() - allocations;
  for (int i = 0; i < count; i++) *from[i] = calls[i];
}

static void take_turn(CellRun *run, int turn) {
  if (turn > 0) cell_tensors_fill_checked(&run->tensors, &run->plan, run->team);
  for (int i = 0; i < run->request->count; i++)
    if (run->lanes[i].backend->turn == turn) check_lane(run, &run->lanes[i]);
  cell_tensors_fill_timed(&run->tensors, run->team);
  take_ceilings(run);
  for (int pass = 0; pass < PASS_COUNT; pass++) {
    time_calls(run, turn, pass, false);
    if (run->request->sweep->cold) time_calls(run, turn, pass, true);
  }
  take_ceilings(run);
  for (int i = 0; i < run->request->count; i++)
    if (run->lanes[i].backend->turn == turn) cell_lane_release(&run->lanes[i]);
}

static const CellLane *flex_of(const CellRun *run) {
  for (int i = 0; i < run->request->count; i++)
    if (is_flex(&run->lanes[i])) return &run->lanes[i];
  return NULL;
}

static json_t *lanes_json(const CellRun *run, const CellWork *work) {
  json_t *array = json_array();
  for (int i = 0; i < run->request->count; i++)
    json_array_append_new(array, cell_lane_json(&run->lanes[i], &run->reference, work,
                                                &run->ceilings, flex_of(run), &run->compiler));
  return array;
}

static json_t *answer(const CellRun *run, const ProcessUsage *usage) {
  CellWork work = cell_work_of(&run->problem, run->pairs);
  double all = all_pairs(&run->problem);
  int64_t peak = process_peak_bytes("");
  return json_pack(
      "{s:{s:f, s:f, s:f}, s:o, s:{s:f, s:f, s:f, s:f}, s:{s:f, s:f, s:f, s:i}, s:o, s:o, s:I, "
      "s:o}",
      "pairs", "visible", run->pairs, "all", all, "sparsity", 1 - run->pairs / all, "blocks",
      cell_mask_json(&run->blocks), "work", "forward_flops", work.forward_flops, "forward_bytes",
      work.forward_bytes, "backward_flops", work.backward_flops, "backward_bytes",
      work.backward_bytes, "ceilings", "fma_gflop_per_s", run->ceilings.fma_gflop_per_s,
      "read_gb_per_s", run->ceilings.read_gb_per_s, "warm_read_gb_per_s",
      run->ceilings.warm_read_gb_per_s, "threads", team_size(run->team), "backends",
      lanes_json(run, &work), "usage", process_usage_json(usage), "allocations",
      (json_int_t)run->allocations, "peak_bytes", peak < 0 ? json_null() : json_integer(peak));
}

static json_t *measure(CellRun *run, Error *error) {
  open_lanes(run);
  cell_compiler_open(&run->compiler, run->request->sweep, run->tier);
  json_t *result = NULL;
  if (open_run(run, error)) {
    run->before = process_usage_now("");
    for (int turn = 0; turn < run->request->turns; turn++) take_turn(run, turn);
    ProcessUsage after = process_usage_now(""), usage = process_usage_between(&run->before, &after);
    result = answer(run, &usage);
  }
  close_run(run);
  return result;
}

json_t *cell_task_run(const Field *field, int output, Error *error) {
  CellRequest request;
  if (!cell_request_read(field, &request, error)) return NULL;
  Team *team = team_open((int)request.sweep->threads, request.sweep->pin, error);
  json_t *result = NULL;
  if (team) {
    CpuTier tier = cpu_chosen_tier(request.sweep->cpu_mask);
    CellRun run = {.request = &request,
                   .output = output,
                   .team = team,
                   .tier = tier,
                   .kernels = kernels_for(tier),
                   .backward = request.sweep->calculate_bwd};
    result = measure(&run, error);
  }
  team_close(team);
  cell_request_free(&request);
  return result;
}
