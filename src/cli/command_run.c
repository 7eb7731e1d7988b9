// SPDX-License-Identifier: Apache-2.0
#include "cli/command_run.h"
#include "base/interrupt.h"
#include "bench/generation/finished.h"
#include "bench/generation/runner.h"
#include "bench/trust.h"
#include "cli/engine_options.h"
#include "cli/load_options.h"
#include "cli/model_prompts.h"
#include "cli/report_output.h"
#include "cli/results_options.h"
#include "cli/run_list.h"
#include "cli/run_matrix.h"
#include "cli/run_options.h"
#include "cli/run_plan.h"
#include "model/weight_source.h"

// What a run holds open.
typedef struct {
  const Arguments *arguments;
  ScenarioMatrix matrix;
  ModelArgument model;
  ModelPrompts prompts;
  LoadPlan load;
  json_t *load_identity;
  Arena *arena; // of the load
  Results *results;
  json_t *trust;
  RunPlan plan;
  int interrupt;
  Progress progress;
} Run;

static bool try_prompts(Run *run, Error *error) {
  int64_t length = 1;
  for (size_t i = 0; i < run->matrix.cells.count; i++) {
    const Scenario *scenario = &run->matrix.cells.items[i].effective;
    int64_t wanted = scenario->depth + scenario->sequence_length;
    if (wanted > length) length = wanted;
  }
  return model_prompts_try(&run->prompts, run->model.path, length, error);
}

static bool encode_text(void *context, const char *text, size_t size, TokenIds *ids, Error *error) {
  Run *run = context;
  if (run->prompts.tokenizer) return model_prompts_encode(&run->prompts, text, size, ids, error);
  return error_set(error, ERROR_ARGUMENT, "--requests",
                   "holds a text, but the model has no tokenizer: expected ids or prompt_tokens");
}

static bool read_vocabulary(Run *run, int64_t *vocabulary, Error *error) {
  Arena *arena = arena_open(0);
  WeightSource source = {0};
  ModelConfig config;
  bool done = weight_source_open(&source, run->model.path, 0, arena, &config, error);
  if (done) *vocabulary = config.vocabulary;
  weight_source_close(&source);
  arena_close(arena);
  return done;
}

static bool encode_length(void *context, int64_t length, TokenIds *ids, Error *error) {
  Run *run = context;
  int64_t vocabulary = 0;
  return read_vocabulary(run, &vocabulary, error) &&
         model_prompts_make(&run->prompts, vocabulary, length, ids, error);
}

static bool open_load(Run *run, Error *error) {
  const LoadPrompts prompts = {encode_text, encode_length, run};
  run->arena = arena_open(0);
  bool batching = false;
  for (size_t i = 0; i < run->matrix.cells.count; i++)
    batching = batching || run->matrix.cells.items[i].effective.continuous_batching;
  if (!batching && load_options_given(run->arguments))
    return error_set(error, ERROR_ARGUMENT, "--requests and --arrivals",
                     "are served by continuous batching alone, but no scenario has it: expected "
                     "--continuous-batching on");
  if (!load_options_plan(run->arguments, &prompts, run->arena, &run->load, error)) return false;
  run->load_identity = load_plan_identity(&run->load);
  return true;
}

// Of a flag or a file of scenarios; 0: none asks for a number.
static bool check_threads(const Run *run, Error *error) {
  int64_t most = 0;
  for (size_t i = 0; i < run->matrix.cells.count; i++) {
    int64_t threads = run->matrix.cells.items[i].effective.threads;
    if (threads > most) most = threads;
  }
  const char *where = arguments_given(run->arguments, "--threads") ? "--threads" : "threads";
  return engine_options_check_threads(most, where,
                                      results_options_log_level(run->arguments) < LOG_ERROR, error);
}

// After what earlier files say is read, the run's own file is made.
static bool open_results(Run *run, Error *error) {
  const Arguments *arguments = run->arguments;
  progress_draw(&run->progress, 0, "planning");
  if (!run_plan_make(arguments, run->model.path, &run->matrix, &run->plan, NULL, error))
    return false;
  run->results = results_open(arguments_text(arguments, "--output-dir"),
                              arguments_text(arguments, "--model-id"),
                              arguments_switch(arguments, "--resume"), error);
  return run->results != NULL;
}

// Cheap mistakes first: flags, the model's name, the folder of the results, the tokenizer; then the
// hashes of the model's files.
static bool open_run(Run *run, const Repository *repository, Error *error) {
  const Arguments *arguments = run->arguments;
  const char *model = arguments_text(arguments, "--model-id");
  if (!run_matrix_make(arguments, &run->matrix, error) || !check_threads(run, error) ||
      !model_argument_resolve(model, &run->model, error))
    return false;
  if (!open_results(run, error) || !model_prompts_open(&run->model, &run->prompts, error) ||
      !try_prompts(run, error) || !open_load(run, error))
    return false;
  run->interrupt = interrupt_open(error);
  if (run->interrupt < 0) return false;
  progress_draw(&run->progress, 0, "reading the model's files");
  run->trust = trust_of_run(run->model.path, repository, error);
  return run->trust != NULL;
}

static void close_run(Run *run) {
  run_plan_free(&run->plan);
  interrupt_close(run->interrupt);
  arena_close(run->arena);
  json_decref(run->load_identity);
  json_decref(run->trust);
  results_close(run->results);
  model_prompts_close(&run->prompts);
  model_argument_free(&run->model);
  scenario_matrix_free(&run->matrix);
}

// Says what is planned, now that it is known what a resumed file has.
static void tell_plan(Run *run, const EntryFacts *facts) {
  for (size_t i = 0; i < run->plan.plan.count; i++) {
    PlanItem *item = &run->plan.plan.items[i];
    bool kept = finished_in(run->results, facts, &run->matrix.cells.items[i]);
    if (kept && item->fate != FATE_SKIPPED) item->fate = FATE_KEPT;
  }
  run_plan_tell(&run->plan, &run->matrix, &facts->goal, &run->progress);
}

static bool sweep(Run *run, const Repository *repository, RunnerSummary *summary, Error *error) {
  char *const worker[] = {"attometer", "worker", NULL};
  const Arguments *arguments = run->arguments;
  RunnerOptions options = {
      .matrix = &run->matrix,
      .plan = run->plan.known ? &run->plan.plan : NULL,
      .pacing = run_plan_pacing(arguments),
      .stock =
          {
              .model = run->model.path,
              .tier = cpu_best_tier(),
              .pin = arguments_switch(arguments, "--pin"),
              .command = {.program = "/proc/self/exe",
                          .arguments = worker,
                          .timeout_ns = (int64_t)(arguments_real(arguments, "--timeout") * 1e9),
                          .interrupt = run->interrupt},
              .prompt = model_prompts_make,
              .prompt_context = &run->prompts,
          },
      .facts = {.model_id = arguments_text(arguments, "--model-id"),
                .repository = *repository,
                .trust = run->trust,
                .pinned = arguments_switch(arguments, "--pin"),
                .load = run->load_identity,
                .goal = run_plan_goal(arguments),
                .decoder = run->prompts.tokenizer ? model_prompts_decode : NULL,
                .decoder_context = &run->prompts},
      .results = run->results,
      .progress = &run->progress,
      .load = &run->load,
      .dump_graph = arguments_text(arguments, "--dump-graph"),
      .dump_folder = arguments_text(arguments, "--dump-folder"),
  };
  tell_plan(run, &options.facts);
  bool done = runner_run(&options, summary, error);
  run_plan_compare(&run->plan, &run->matrix, run->results, &run->progress);
  return done;
}

static bool print_report(Run *run, Error *error) {
  const ReportForm form = {.format = arguments_text(run->arguments, "--output-format"),
                           .warnings = results_options_log_level(run->arguments) < LOG_ERROR};
  return report_output(results_document(run->results), results_path(run->results), &form, error);
}

// The run's exit code: something failed, something was wrong, nothing could be run.
static bool judge(const RunnerSummary *summary, Error *error) {
  if (summary->failed)
    return error_set(error, ERROR_CHILD, NULL, "%lld of the scenarios failed",
                     (long long)summary->failed);
  if (summary->invalid)
    return error_set(error, ERROR_MISMATCH, NULL, "%lld of the scenarios gave wrong results",
                     (long long)summary->invalid);
  if (summary->measured + summary->kept == 0 && summary->left)
    return error_set(error, ERROR_ARGUMENT, "--time-budget",
                     "too small: none of the scenarios could be started");
  if (summary->measured + summary->kept == 0)
    return error_set(error, ERROR_UNSUPPORTED, NULL, "none of the scenarios is in this build");
  return true;
}

static bool work(Run *run, Error *error) {
  Repository repository = results_options_repository(run->arguments);
  RunnerSummary summary;
  if (!open_run(run, &repository, error)) return false;
  bool whole = sweep(run, &repository, &summary, error);
  bool any = summary.measured + summary.kept + summary.failed + summary.skipped > 0;
  Error printing;
  bool printed = !any || print_report(run, &printing);
  if (!whole) return false;
  if (!printed) {
    *error = printing;
    return false;
  }
  return judge(&summary, error);
}

static bool run_command(const Arguments *arguments, Error *error) {
  if (arguments_switch(arguments, "--list")) return run_list(arguments, error);
  Run run = {.arguments = arguments, .interrupt = -1};
  run.progress = progress_open(results_options_log_level(arguments) < LOG_WARNING ? stderr : NULL);
  bool done = work(&run, error);
  progress_close(&run.progress);
  close_run(&run);
  return done;
}

const Command command_run = {
    .name = "run",
    .summary = "benchmark generation",
    .description =
        "Measures a model under every scenario of a matrix: lists of batch sizes, prompt lengths, "
        "new tokens, dtypes and attention implementations give their product. Each scenario runs "
        "in a process of its own, is compared with a float32 reference, and is recorded before "
        "the next begins; Ctrl-C leaves what was finished, --resume goes on. What is about to "
        "happen is told before it begins, with what it should cost, and compared with what it cost "
        "at the end.\n\n"
        "Results are one JSON file. The table shows medians; +- is half the 95 % confidence "
        "interval of the end-to-end time. \"of read\" is the share of the measured memory read "
        "bandwidth that decoding reaches, \"of peak\" the share of the measured peak of "
        "multiply-adds, "
        "or of products of bfloat16 pairs where the tier has them, that the prefill reaches.",
    .examples = "attometer run --model-id preset:smollm2-135m -s 128 512 -n 32\n"
                "attometer run --model-id ./SmolLM2-135M --dtype bfloat16 float32 --output-format "
                "markdown",
    .tables = {&model_options, &run_repetition_options, &run_scenario_options, &run_matrix_options,
               &run_plan_options, &load_options, &engine_options_lists, &run_output_options,
               &run_later_options},
    .run = run_command,
    .listing = "--list",
};
