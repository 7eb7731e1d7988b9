// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/runner.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "bench/attention/cell_entry.h"
#include "bench/attention/cell_request.h"
#include "bench/attention/pattern.h"
#include "bench/trust.h"
#include "device/host.h"
#include <stdio.h>
#include <string.h>

typedef struct {
  const SweepRunnerOptions *options;
  SweepSummary *summary;
  size_t index; // of the cell being run
  int64_t start;
  int threads;
  char phase[80]; // what its process said last
  json_t *told;   // object of the skip lines that were said
} Sweep;

// One cell while it runs.
typedef struct {
  Sweep *sweep;
  Prediction prediction;
  bool crashed[PREDICTION_MOST_BACKENDS];
  EntryCell entry;
} Attempt;

static const SweepCell *cell_of(const Sweep *sweep) {
  return &sweep->options->cells->cells.items[sweep->index];
}

static size_t cell_count(const Sweep *sweep) {
  return sweep->options->cells->cells.count;
}

static const char *label_of(const Sweep *sweep, char buffer[160]) {
  return sweep_cell_label(sweep->options->sweep, cell_of(sweep), buffer, 160);
}

static void follow(void *context, const char *phase, int64_t done, int64_t total) {
  (void)done, (void)total;
  Sweep *sweep = context;
  char label[160];
  snprintf(sweep->phase, sizeof sweep->phase, "%s", phase);
  progress_draw(sweep->options->progress, (double)sweep->index / (double)cell_count(sweep),
                "%zu of %zu, %s: %s", sweep->index + 1, cell_count(sweep), phase,
                label_of(sweep, label));
}

static void announce(Sweep *sweep, const char *text) {
  char label[160];
  progress_line(sweep->options->progress, "[%zu/%zu] %s: %s", sweep->index + 1, cell_count(sweep),
                label_of(sweep, label), text);
}

static bool record(Sweep *sweep, json_t *entry, Error *error) {
  return results_put(sweep->options->results, cell_of(sweep)->hash, entry, error);
}

static bool record_absence(Attempt *attempt, const char *status, const Error *cause, Error *error) {
  char reason[800], line[900];
  Sweep *sweep = attempt->sweep;
  bool skipped = strcmp(status, "skipped") == 0;
  *(skipped ? &sweep->summary->skipped : &sweep->summary->failed) += 1;
  error_text(cause, reason, sizeof reason);
  snprintf(line, sizeof line, "%s: %s", skipped ? "[SKIP]" : "failed", reason);
  announce(sweep, line);
  return record(sweep, cell_entry_absent(&attempt->entry, status, reason), error);
}

// A back end and its reason are said once a sweep.
static void tell_refused(Sweep *sweep, const PredictedBackend *predicted) {
  char reason[800], line[900];
  error_text(&predicted->refused, reason, sizeof reason);
  snprintf(line, sizeof line, "[SKIP] %s: %s", predicted->backend->name, reason);
  if (json_object_get(sweep->told, line)) return;
  json_object_set_new(sweep->told, line, json_true());
  progress_line(sweep->options->progress, "%s", line);
}

static void tell_all_refused(Sweep *sweep, const Prediction *prediction) {
  for (int i = 0; i < prediction->count; i++)
    if (prediction->backend[i].refused.code != ERROR_NONE)
      tell_refused(sweep, &prediction->backend[i]);
}

static bool record_measured(Attempt *attempt, const json_t *answer, const json_t *before,
                            const json_t *after, Error *error) {
  Error cause;
  Sweep *sweep = attempt->sweep;
  json_t *entry = cell_entry_measured(&attempt->entry, answer, before, after, &cause);
  if (!entry) return record_absence(attempt, "failed", &cause, error);
  Text line = {0};
  sweep->summary->measured++;
  sweep->summary->invalid += cell_entry_invalid(entry);
  cell_entry_tell(entry, &line);
  announce(sweep, text_span(&line).data);
  text_free(&line);
  return record(sweep, entry, error);
}

// The back end that the process was at work on alone when it ended; -1: none.
static int culprit(const Sweep *sweep, const Prediction *prediction) {
  const char *colon = strchr(sweep->phase, ':');
  size_t size = colon ? (size_t)(colon - sweep->phase) : 0;
  for (int i = 0; colon && i < prediction->count; i++) {
    const char *name = prediction->backend[i].backend->name;
    if (strlen(name) == size && strncmp(name, sweep->phase, size) == 0) return i;
  }
  return -1;
}

static bool any_left(const Prediction *prediction) {
  for (int i = 0; i < prediction->count; i++)
    if (prediction->backend[i].refused.code == ERROR_NONE) return true;
  return false;
}

// Leaves out the back end that brought the process down. False: none did by itself, or no other is
// left.
static bool leave_out(Attempt *attempt, const Error *cause) {
  Sweep *sweep = attempt->sweep;
  int at = culprit(sweep, &attempt->prediction);
  if (at < 0) return false;
  attempt->prediction.backend[at].refused = *cause;
  attempt->crashed[at] = true;
  tell_refused(sweep, &attempt->prediction.backend[at]);
  return any_left(&attempt->prediction);
}

static WorkerOutcome run_worker(Attempt *attempt) {
  const SweepRunnerOptions *options = attempt->sweep->options;
  WorkerCommand command = options->command;
  double timeout = options->sweep->timeout;
  command.timeout_ns = timeout > 0 ? (int64_t)(timeout * 1e9) : INT64_MAX / 4;
  attempt->sweep->phase[0] = '\0';
  json_t *request =
      cell_request_json(options->sweep, cell_of(attempt->sweep), &attempt->prediction);
  return worker_process_run(&command, request, NULL, 0, follow, attempt->sweep);
}

// One process; *again: the cell is to be run without the back end that ended it.
static bool try_once(Attempt *attempt, bool *again, Error *error) {
  json_t *before = trust_of_moment("");
  WorkerOutcome outcome = run_worker(attempt);
  json_t *after = trust_of_moment("");
  bool done = true, ended = outcome.status == WORKER_FAILED || outcome.status == WORKER_TIMED_OUT;
  *again = ended && leave_out(attempt, &outcome.error);
  if (outcome.status == WORKER_DONE) {
    done = record_measured(attempt, outcome.result, before, after, error);
  } else if (outcome.status == WORKER_INTERRUPTED) {
    *error = outcome.error;
    done = false;
  } else if (!*again) {
    done = record_absence(attempt, "failed", &outcome.error, error);
  }
  json_decref(outcome.result);
  json_decref(before);
  json_decref(after);
  return done;
}

static bool measure(Attempt *attempt, Error *error) {
  bool again = true, done = true;
  while (done && again) done = try_once(attempt, &again, error);
  return done;
}

static bool predict(Attempt *attempt, Error *cause) {
  const AttentionSweep *sweep = attempt->sweep->options->sweep;
  const SweepCell *cell = cell_of(attempt->sweep);
  SweepPattern *pattern =
      sweep_pattern_open(&sweep->mods.items[cell->mod], &cell->shape, cell->documents, cause);
  if (!pattern) return false;
  bool fits =
      prediction_make(sweep, cell, sweep_pattern_bound(pattern), prediction_available(sweep),
                      attempt->sweep->threads, &attempt->prediction, cause);
  attempt->entry.prediction = &attempt->prediction;
  sweep_pattern_close(pattern);
  return fits;
}

static bool run_cell(Sweep *sweep, Error *error) {
  Error cause;
  const json_t *kept = results_find(sweep->options->results, cell_of(sweep)->hash);
  const char *status = json_string_value(json_object_get(kept, "status"));
  if (status && strcmp(status, "measured") == 0) {
    sweep->summary->kept++;
    announce(sweep, "kept from the resumed file");
    return true;
  }
  Attempt attempt = {.sweep = sweep};
  attempt.entry = (EntryCell){.sweep = sweep->options->sweep,
                              .cell = cell_of(sweep),
                              .index = sweep->index,
                              .crashed = attempt.crashed};
  bool fits = predict(&attempt, &cause);
  if (!fits) return record_absence(&attempt, "skipped", &cause, error);
  tell_all_refused(sweep, &attempt.prediction);
  return measure(&attempt, error);
}

// The rest of the cells, which the time is not enough for.
static bool record_rest(Sweep *sweep, Error *error) {
  size_t left = cell_count(sweep) - sweep->index;
  char reason[100];
  snprintf(reason, sizeof reason, "time_budget %.6g s is spent",
           sweep->options->sweep->time_budget);
  progress_line(sweep->options->progress,
                "cut by time_budget %.6g s: %zu of %zu cells are left out",
                sweep->options->sweep->time_budget, left, cell_count(sweep));
  for (; sweep->index < cell_count(sweep); sweep->index++) {
    EntryCell entry = {
        .sweep = sweep->options->sweep, .cell = cell_of(sweep), .index = sweep->index};
    const char *hash = entry.cell->hash;
    sweep->summary->skipped++;
    results_set(sweep->options->results, hash, cell_entry_absent(&entry, "skipped", reason));
  }
  json_t *header = json_copy((json_t *)results_find(sweep->options->results, "sweep"));
  json_t *note = json_sprintf("cut by %s: %zu cells are left out", reason, left);
  json_array_append_new(json_object_get(header, "notes"), note);
  return results_put(sweep->options->results, "sweep", header, error);
}

static bool is_spent(const Sweep *sweep) {
  double budget = sweep->options->sweep->time_budget;
  return budget > 0 && clock_seconds(clock_now() - sweep->start) >= budget;
}

static bool run_cells(Sweep *sweep, Error *error) {
  int interrupt = sweep->options->command.interrupt;
  for (; sweep->index < cell_count(sweep); sweep->index++) {
    if (interrupt >= 0 && interrupt_arrived(interrupt))
      return error_set(error, ERROR_INTERRUPTED, NULL, "interrupted");
    if (is_spent(sweep)) return record_rest(sweep, error);
    if (!run_cell(sweep, error)) return false;
  }
  return true;
}

static json_t *notes_json(const SweepCells *cells) {
  json_t *notes = json_array();
  for (size_t i = 0; i < cells->notes.count; i++)
    json_array_append_new(notes, json_string(cells->notes.items[i]));
  return notes;
}

static json_t *order_json(const SweepCells *cells) {
  json_t *order = json_array();
  for (size_t i = 0; i < cells->cells.count; i++)
    json_array_append_new(order, json_string(cells->cells.items[i].hash));
  return order;
}

static bool record_header(const Sweep *sweep, Error *error) {
  const SweepRunnerOptions *options = sweep->options;
  char timestamp[40];
  json_t *trust = trust_of_run("", options->repository, error);
  if (!trust) return false;
  clock_iso8601(timestamp, sizeof timestamp);
  json_t *header =
      json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "schema", 1, "kind", "attention",
                "timestamp", timestamp, "config", attention_sweep_json(options->sweep), "notes",
                notes_json(options->cells), "cells", order_json(options->cells), "trust", trust);
  return results_put(options->results, "sweep", header, error);
}

static int thread_count(const AttentionSweep *sweep) {
  if (sweep->threads > 0) return (int)sweep->threads;
  Host host;
  host_read("", &host);
  int cores = host.cores_allowed;
  host_free(&host);
  return cores > 0 ? cores : 1;
}

bool sweep_runner_run(const SweepRunnerOptions *options, SweepSummary *summary, Error *error) {
  *summary = (SweepSummary){0};
  Sweep sweep = {.options = options,
                 .summary = summary,
                 .start = clock_now(),
                 .threads = thread_count(options->sweep),
                 .told = json_object()};
  bool done = record_header(&sweep, error) && run_cells(&sweep, error);
  json_decref(sweep.told);
  progress_close(options->progress);
  return done;
}
