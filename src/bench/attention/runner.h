// SPDX-License-Identifier: Apache-2.0
// Runs the cells of a sweep, each in a process of its own, and records each on disk before the
// next begins. A back end whose process crashes, runs out of memory or of time is recorded as
// failed and the cell is run again without it.
//
// The results are one document (bench/results.h), a cell under its hash, and under "sweep":
//
//   {"schema": 1, "kind": "attention", "timestamp", "config": every key, "notes": [lines],
//    "cells": [hashes in running order], "trust": trust_of_run}
//
// A cell:
//
//   status      "measured", "failed", "skipped"; reason: text or null
//   label       "causal, B 2, …"
//   config      sweep_cell_json
//   shape       [B, Hq, M, Hkv, N, D] as run
//   memory      {predicted_bytes, available_bytes, peak_rss_bytes}
//   pairs       {visible, all, sparsity}: exact (query, key) pairs over batches and heads
//   blocks      {rows, columns, full, partial, empty, sparsity, build_ns}: of the mask at 128 x 128
//   work        {forward_flops, forward_bytes, backward_flops, backward_bytes} (cell_work.h)
//   ceilings    {fma_gflop_per_s, read_gb_per_s, warm_read_gb_per_s, threads}: of memory, and of as
//               many bytes as k and v have, read again and again
//   backends    [one each, in the order asked, "flex" last]:
//     name, status, reason as above
//     prepare_ns          everything that depends on shape and mod alone
//     mask                {rows, columns, full, partial, empty, sparsity, build_ns} or null
//     code                null, {state "interpreted", reason} or {state "compiled", reason of a
//                         cache that keeps nothing, compiler, dynamic, not_dynamic, cached,
//                         text_bytes, text_ns, make_ns, load_ns, cold_ns, cached_ns,
//                         interpreted_calls} (cell_compiler.h)
//     tuning              null or {label, created, tuning_ns, winner, candidates: [{name,
//                         median_ns, count, ratio, low, high}], cached} (flex_tuner.h)
//     correctness         {verdict "valid"|"invalid", reference, rows, groups, full, bound,
//                          out, lse, dq, dk, dv: {error, max_error}} (cell_check.h)
//     forward, backward   null or {first_ns, warm: T, cold: T or null, tflop_per_s, tb_per_s,
//                          share_of_fma, share_of_read, flex_speedup, flex_speedup_ci95}; rates
//                          are of the warm median, share_of_read of warm_read_gb_per_s;
//                          flex_speedup: this time / that of flex; cold is null where it is off
//                          and where a call takes over 0.2 s
//     T                   {count, med_ns, mad_ns, min_ns, noise, values_ns: [int64]}; cold has
//                          tb_per_s and share_of_read (of read_gb_per_s) too
//   usage       process_usage_json of the timed calls; allocations: heap allocations in them
//   trust       {before, after}: trust_of_moment
#pragma once
#include "base/progress.h"
#include "bench/attention/sweep.h"
#include "bench/repository.h"
#include "bench/results.h"
#include "bench/worker_process.h"

typedef struct {
  const AttentionSweep *sweep;
  const SweepCells *cells;
  const Repository *repository;
  Results *results; // results_open(output_dir, "attention", resume, …)
  Progress *progress;
  WorkerCommand command; // its timeout_ns is set from the sweep
} SweepRunnerOptions;

typedef struct {
  int64_t measured, invalid; // invalid: cells with a wrong back end, among the measured
  int64_t failed, skipped;
  int64_t kept; // taken from the resumed file
} SweepSummary;

// False: the sweep was ended (Ctrl-C, results that cannot be written); what was finished is on
// disk.
CHECKED bool sweep_runner_run(const SweepRunnerOptions *options, SweepSummary *summary,
                              Error *error);
