// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_run.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "bench/attention/dashboard.h"
#include "bench/attention/mask_picture.h"
#include "bench/attention/runner.h"
#include "cli/attention_plan.h"
#include "cli/engine_options.h"
#include "cli/output.h"
#include "cli/report_output.h"
#include "cli/results_options.h"
#include "report/attention/plot.h"
#include <string.h>
#include <unistd.h>

// What a sweep holds open.
typedef struct {
  const Arguments *arguments;
  const AttentionSweep *sweep;
  const SweepCells *cells;
  Results *results;
  int interrupt;
  Progress progress;
  SweepSummary summary;
} Run;

static AttentionPrintOptions print_options(const AttentionSweep *sweep) {
  return (AttentionPrintOptions){.throughput = sweep->throughput, .speedups = sweep->show_speedups};
}

static bool check_file(const char *path, Error *error) {
  const char *end = strrchr(path, '/');
  size_t size = end ? (size_t)(end - path) : 0;
  Text folder = {0};
  text_append(&folder, size ? path : end ? "/" : ".", size ? size : 1);
  bool writable = access(folder.data, W_OK) == 0;
  if (!writable) error_set_errno(error, path, "cannot write");
  text_free(&folder);
  return writable && file_may_be_replaced(path, error);
}

// A file that cannot be written is told before anything is measured.
static bool check_files(const Run *run, Error *error) {
  const char *paths[] = {run->sweep->save_path, run->sweep->output_json_for_dashboard,
                         arguments_text(run->arguments, "--plot")};
  for (size_t i = 0; i < COUNT_OF(paths); i++)
    if (paths[i] && !check_file(paths[i], error)) return false;
  return true;
}

static bool open_run(Run *run, Error *error) {
  const Arguments *arguments = run->arguments;
  LogLevel level = results_options_log_level(arguments);
  CpuTier tier;
  if (!engine_options_check_threads(run->sweep->threads, "threads", level < LOG_ERROR, error) ||
      !engine_options_cap(run->sweep->cpu_mask, &tier, error) || !check_files(run, error))
    return false;
  run->results = results_open(arguments_text(arguments, "--output-dir"), "attention",
                              arguments_switch(arguments, "--resume"), error);
  if (!run->results) return false;
  run->interrupt = interrupt_open(error);
  if (run->interrupt < 0) return false;
  run->progress = progress_open(level < LOG_WARNING ? stderr : NULL);
  attention_plan_tell(run->sweep, run->cells, &run->progress);
  return true;
}

static void close_run(Run *run) {
  progress_close(&run->progress);
  interrupt_close(run->interrupt);
  results_close(run->results);
}

static bool measure(Run *run, Error *error) {
  char *const worker[] = {"attometer", "worker", NULL};
  Repository repository = results_options_repository(run->arguments);
  const SweepRunnerOptions options = {
      .sweep = run->sweep,
      .cells = run->cells,
      .repository = &repository,
      .results = run->results,
      .progress = &run->progress,
      .command = {.program = "/proc/self/exe", .arguments = worker, .interrupt = run->interrupt},
  };
  return sweep_runner_run(&options, &run->summary, error);
}

// Beside the cells, what each mask leaves: a report can draw it from the file alone.
static bool add_masks(Run *run, Error *error) {
  CpuTier tier;
  Team *team = team_open((int)run->sweep->threads, false, error);
  if (!team || !engine_options_cap(run->sweep->cpu_mask, &tier, error)) return false;
  json_t *sweep = json_copy(json_object_get(results_document(run->results), "sweep"));
  json_object_set_new(sweep, "masks", mask_pictures(run->sweep, run->cells, tier, team));
  team_close(team);
  return results_put(run->results, "sweep", sweep, error);
}

static bool write_plot(const AttentionResults *results, const char *path, Error *error) {
  Text svg = {0};
  attention_plot(results, &svg);
  bool done = file_write_atomically(path, svg.data, svg.size, error);
  text_free(&svg);
  return done;
}

static bool write_csv(const AttentionResults *results, const AttentionSweep *sweep, Error *error) {
  Text csv = {0};
  AttentionPrintOptions options = print_options(sweep);
  attention_print_csv(results, &options, &csv);
  bool done = file_write_atomically(sweep->save_path, csv.data, csv.size, error);
  text_free(&csv);
  return done;
}

static bool write_files(const Run *run, Error *error) {
  const AttentionSweep *sweep = run->sweep;
  const char *plot = arguments_text(run->arguments, "--plot");
  const json_t *document = results_document(run->results);
  AttentionResults results;
  if (!attention_results_make(document, results_path(run->results), &results, error)) return false;
  bool done = (!sweep->save_path || write_csv(&results, sweep, error)) &&
              (!plot || write_plot(&results, plot, error)) &&
              (!sweep->output_json_for_dashboard ||
               dashboard_write(document, sweep->output_json_for_dashboard, error));
  attention_results_free(&results);
  return done;
}

static void tell_files(const Run *run) {
  const struct {
    const char *name, *path;
  } files[] = {{"csv", run->sweep->save_path},
               {"picture", arguments_text(run->arguments, "--plot")},
               {"dashboard", run->sweep->output_json_for_dashboard}};
  for (size_t i = 0; i < COUNT_OF(files); i++)
    if (files[i].path) output_format("%s: %s\n", files[i].name, files[i].path);
}

static bool print(const Run *run, bool written, Error *error) {
  const ReportForm form = {
      .format = arguments_text(run->arguments, "--output-format"),
      .warnings = results_options_log_level(run->arguments) < LOG_ERROR,
      .attention = print_options(run->sweep),
  };
  bool done =
      report_output(results_document(run->results), results_path(run->results), &form, error);
  if (done && written && strcmp(form.format, "table") == 0) tell_files(run);
  return done;
}

// What was measured is printed even if a file cannot be written.
static bool report(Run *run, Error *error) {
  Error writing, printing;
  progress_close(&run->progress);
  bool drawn = add_masks(run, error), written = write_files(run, &writing);
  if (drawn && !written) *error = writing;
  if (print(run, written, &printing)) return drawn && written;
  *error = printing;
  return false;
}

// The exit code of the sweep. A back end that is not there is a skip and no failure.
static bool judge(const SweepSummary *summary, Error *error) {
  if (summary->failed)
    return error_set(error, ERROR_CHILD, NULL, "%lld of the cells failed",
                     (long long)summary->failed);
  if (summary->invalid)
    return error_set(error, ERROR_MISMATCH, NULL, "%lld of the cells have wrong results",
                     (long long)summary->invalid);
  if (summary->measured + summary->kept == 0)
    return error_set(error, ERROR_UNSUPPORTED, NULL, "none of the cells could be measured");
  return true;
}

static bool work(Run *run, Error *error) {
  if (!open_run(run, error)) return false;
  bool whole = measure(run, error);
  const SweepSummary *summary = &run->summary;
  bool any = summary->measured + summary->kept + summary->failed + summary->skipped > 0;
  Error reporting;
  bool reported = !any || report(run, &reporting);
  if (!whole) return false;
  if (!reported) {
    *error = reporting;
    return false;
  }
  return judge(summary, error);
}

bool attention_run(const Arguments *arguments, const AttentionSweep *sweep, const SweepCells *cells,
                   Error *error) {
  Run run = {.arguments = arguments, .sweep = sweep, .cells = cells, .interrupt = -1};
  bool done = work(&run, error);
  close_run(&run);
  return done;
}
