// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "bench/attention/cell_lane.h"
#include "statistics/bootstrap.h"
#include <math.h>

enum { SPEEDUP_SEED = 1 };

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *timing_json(const TimedCall *call) {
  if (call->count == 0) return json_null();
  TimingSummary summary = timing_summary(call->values_ns, call->count);
  json_t *values = json_array();
  for (int i = 0; i < call->count; i++)
    json_array_append_new(values, json_integer(call->values_ns[i]));
  return json_pack("{s:i, s:f, s:f, s:I, s:o, s:o}", "count", call->count, "med_ns", summary.median,
                   "mad_ns", summary.deviation, "min_ns", (json_int_t)summary.least, "noise",
                   number(summary.noise), "values_ns", values);
}

static double *as_doubles(const TimedCall *call) {
  double *values = memory_allocate((size_t)call->count * sizeof *values);
  for (int i = 0; i < call->count; i++) values[i] = (double)call->values_ns[i];
  return values;
}

// How many times as fast as this one flex is.
static void add_speedup(json_t *json, const TimedCall *own, const TimedCall *flex) {
  double *mine = as_doubles(own), *base = as_doubles(flex);
  Interval interval =
      bootstrap_ratio(mine, (size_t)own->count, base, (size_t)flex->count, SPEEDUP_SEED);
  double ratio = timing_summary(own->values_ns, own->count).median /
                 timing_summary(flex->values_ns, flex->count).median;
  json_object_set_new(json, "flex_speedup", number(ratio));
  json_object_set_new(json, "flex_speedup_ci95",
                      json_pack("[o, o]", number(interval.low), number(interval.high)));
  memory_free(mine);
  memory_free(base);
}

static json_t *cold_json(const TimedCall *cold, double bytes, const CellCeilings *ceilings) {
  json_t *json = timing_json(cold);
  if (json_is_null(json)) return json;
  double rate = bytes / (timing_summary(cold->values_ns, cold->count).median * 1e-9);
  json_object_set_new(json, "tb_per_s", number(rate * 1e-12));
  json_object_set_new(json, "share_of_read", number(rate * 1e-9 / ceilings->read_gb_per_s));
  return json;
}

static json_t *pass_json(const CellLane *lane, CellPass pass, const CellWork *work,
                         const CellCeilings *ceilings, const CellLane *flex) {
  const TimedCall *warm = &lane->warm[pass];
  if (!cell_lane_has(lane, pass) || warm->count == 0) return json_null();
  bool forward = pass == PASS_FORWARD;
  double flops = forward ? work->forward_flops : work->backward_flops;
  double bytes = forward ? work->forward_bytes : work->backward_bytes;
  double seconds = timing_summary(warm->values_ns, warm->count).median * 1e-9;
  json_t *json = json_pack(
      "{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:n}", "first_ns", (json_int_t)lane->first_ns[pass],
      "warm", timing_json(warm), "cold", cold_json(&lane->cold[pass], bytes, ceilings),
      "tflop_per_s", number(flops / seconds * 1e-12), "tb_per_s", number(bytes / seconds * 1e-12),
      "share_of_fma", number(flops / seconds * 1e-9 / ceilings->fma_gflop_per_s), "share_of_read",
      number(bytes / seconds * 1e-9 / ceilings->warm_read_gb_per_s), "flex_speedup",
      "flex_speedup_ci95");
  if (flex && flex != lane && cell_lane_has(flex, pass) && flex->warm[pass].count)
    add_speedup(json, warm, &flex->warm[pass]);
  return json;
}

json_t *cell_mask_json(const AttentionMaskFacts *mask) {
  if (!mask->present) return json_null();
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:I}", "rows", (json_int_t)mask->block_rows,
                   "columns", (json_int_t)mask->block_columns, "full", (json_int_t)mask->full,
                   "partial", (json_int_t)mask->partial, "empty", (json_int_t)mask->empty,
                   "sparsity", mask->sparsity, "build_ns", (json_int_t)mask->build_ns);
}

static json_t *failed_json(const CellLane *lane) {
  char reason[800];
  error_text(&lane->failed, reason, sizeof reason);
  json_t *text = json_string(reason);
  return json_pack("{s:s, s:s, s:o, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "name",
                   lane->backend->backend->name, "status", "failed", "reason",
                   text ? text : json_string("unreadable reason"), "prepare_ns", "mask", "code",
                   "tuning", "correctness", "forward", "backward");
}

static json_t *tuning_json(const FlexTuning *tuning) {
  if (!tuning->present) return json_null();
  json_t *json = tuning_record_json(&tuning->record);
  json_object_set_new(json, "cached", json_boolean(tuning->cached));
  return json;
}

json_t *cell_lane_json(const CellLane *lane, const SampleReference *reference, const CellWork *work,
                       const CellCeilings *ceilings, const CellLane *flex,
                       const CellCompiler *compiler) {
  if (lane->failed.code != ERROR_NONE) return failed_json(lane);
  return json_pack(
      "{s:s, s:s, s:n, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name", lane->backend->backend->name,
      "status", "measured", "reason", "prepare_ns", (json_int_t)lane->prepare_ns, "mask",
      cell_mask_json(&lane->mask), "code", cell_code_json(&lane->code, &lane->code_times, compiler),
      "tuning", tuning_json(&lane->tuning), "correctness", cell_check_json(&lane->check, reference),
      "forward", pass_json(lane, PASS_FORWARD, work, ceilings, flex), "backward",
      pass_json(lane, PASS_BACKWARD, work, ceilings, flex));
}
