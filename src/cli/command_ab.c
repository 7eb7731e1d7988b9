// SPDX-License-Identifier: Apache-2.0
#include "cli/command_ab.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "bench/generation/ab_document.h"
#include "bench/trust.h"
#include "cli/ab_side.h"
#include "cli/engine_options.h"
#include "cli/model_prompts.h"
#include "cli/output.h"
#include "cli/report_output.h"
#include "cli/results_options.h"
#include "cli/run_options.h"
#include "statistics/signed_rank.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 5 };
static const double alpha = 0.05;

static const Option repetition_rows[] = {
    {.flag = "--warmup",
     .letter = 'w',
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = SCENARIO_MAX_ITERATIONS,
     .standard = "1",
     .help = "runs of a side before its measured ones, in every round"},
    {.flag = "--iterations",
     .letter = 'i',
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = SCENARIO_MAX_ITERATIONS,
     .standard = "3",
     .help = "measured runs of a side in every round, whose median is the round's value"},
    {.flag = "--rounds-max",
     .kind = OPTION_INTEGER,
     .least = 2,
     .most = SIGNED_RANK_MOST,
     .standard = "60",
     .help = "rounds at the most; they are looked at 5 times on the way"},
    {.flag = "--time-budget",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0.01,
     .most = 1e9,
     .help = "start no round that is not expected to end within so long"},
    {.flag = "--minimum-effect",
     .kind = OPTION_SHARE,
     .least = 0,
     .most = 0.5,
     .standard = "1%",
     .help = "a smaller difference is none"},
    {.flag = "--binary-b",
     .kind = OPTION_TEXT,
     .placeholder = "PATH",
     .help = "another attometer that runs side B; B may then be left out, and is A"},
    {.flag = "--gate",
     .kind = OPTION_SWITCH,
     .help = "end with 0 also where it cannot be told whether B is worse"},
    {.flag = "--seed",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = INFINITY,
     .standard_help = "drawn",
     .help = "of the coin that decides the order in each round"},
};
static const OptionTable repetition_options = OPTION_TABLE("Rounds", repetition_rows);

static const Option output_rows[] = {
    {.flag = "--output-dir",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .standard = "benchmark_results",
     .help = "the result goes to FOLDER/MODEL/MODEL_ab_TIME.json"},
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .standard = "table",
     .help = "how to print the result"},
    LOG_LEVEL_ROW,
    BRANCH_NAME_ROW,
    COMMIT_ID_ROW,
    COMMIT_MESSAGE_ROW,
};
static const OptionTable output_options = OPTION_TABLE("Results", output_rows);

typedef struct {
  const Arguments *arguments;
  AbOptions options;
  AbOutcome outcome;
  ModelArgument model;
  ModelPrompts prompts;
  json_t *trust;
  char *binary; // of side B; NULL: the same
  int interrupt;
  Progress progress;
} Comparing;

static bool read_sides(Comparing *comparing, Error *error) {
  const Arguments *arguments = comparing->arguments;
  size_t count = arguments_rest_count(arguments);
  bool other = arguments_given(arguments, "--binary-b");
  if (count > 2 || count < (other ? 0 : 2))
    return error_set(error, ERROR_ARGUMENT, "ab",
                     other ? "%zu sides given, expected at most two: A and B"
                           : "%zu sides given, expected two: A and B, or --binary-b",
                     count);
  const char *a = count > 0 ? arguments_rest(arguments, 0) : "";
  const char *b = count > 1 ? arguments_rest(arguments, 1) : a;
  return ab_side_read(arguments, a, "A", &comparing->options.cells[AB_A], error) &&
         ab_side_read(arguments, b, "B", &comparing->options.cells[AB_B], error);
}

static bool read_binary(Comparing *comparing, Error *error) {
  const char *path = arguments_text(comparing->arguments, "--binary-b");
  if (!path) return true;
  comparing->binary = realpath(path, NULL);
  if (!comparing->binary) return error_set_errno(error, "--binary-b", path);
  if (access(comparing->binary, X_OK) == 0 && file_exists(comparing->binary)) return true;
  return error_set(error, ERROR_ARGUMENT, "--binary-b", "%s is no program", path);
}

static uint64_t seed_of(const Arguments *arguments) {
  if (arguments_given(arguments, "--seed")) return (uint64_t)arguments_integer(arguments, "--seed");
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return random_at((uint64_t)now.tv_nsec, (uint64_t)now.tv_sec) >> 11;
}

static void set_options(Comparing *comparing, char *const *worker) {
  const Arguments *arguments = comparing->arguments;
  AbOptions *options = &comparing->options;
  WorkerCommand command = {.program = "/proc/self/exe",
                           .arguments = worker,
                           .timeout_ns = (int64_t)(arguments_real(arguments, "--timeout") * 1e9),
                           .interrupt = comparing->interrupt};
  options->commands[AB_A] = options->commands[AB_B] = command;
  if (comparing->binary) options->commands[AB_B].program = comparing->binary;
  options->stock = (StockOptions){.model = comparing->model.path,
                                  .tier = cpu_best_tier(),
                                  .pin = arguments_switch(arguments, "--pin"),
                                  .command = command,
                                  .prompt = model_prompts_make,
                                  .prompt_context = &comparing->prompts};
  options->rounds_most = (size_t)arguments_integer(arguments, "--rounds-max");
  options->looks = options->rounds_most < LOOKS ? options->rounds_most : LOOKS;
  options->alpha = alpha;
  options->least_effect = arguments_real(arguments, "--minimum-effect");
  options->budget = arguments_real(arguments, "--time-budget");
  options->seed = seed_of(arguments);
  options->progress = &comparing->progress;
}

static bool open_model(Comparing *comparing, Error *error) {
  const char *model = arguments_text(comparing->arguments, "--model-id");
  int64_t length = 1;
  if (!model_argument_resolve(model, &comparing->model, error) ||
      !model_prompts_open(&comparing->model, &comparing->prompts, error))
    return false;
  for (int side = 0; side < AB_SIDES; side++) {
    const Scenario *scenario = &comparing->options.cells[side].effective;
    int64_t wanted = scenario->depth + scenario->sequence_length;
    if (wanted > length) length = wanted;
    if (!engine_options_check_threads(scenario->threads, "--threads", true, error)) return false;
  }
  return model_prompts_try(&comparing->prompts, comparing->model.path, length, error);
}

static bool print(const Comparing *comparing, const json_t *document, const char *path,
                  Error *error) {
  const ReportForm form = {.format = arguments_text(comparing->arguments, "--output-format")};
  return report_output(document, path, &form, error);
}

// The verdict as the exit code of the program.
static bool judge(const Comparing *comparing, Error *error) {
  const AbOutcome *outcome = &comparing->outcome;
  for (int side = 0; side < AB_SIDES; side++)
    if (!outcome->valid[side])
      return error_set(error, ERROR_MISMATCH, side == AB_A ? "A" : "B",
                       "its results are wrong, so that it has no time to compare");
  switch (ab_verdict(outcome)) {
  case AB_WORSE: return error_set(error, ERROR_WORSE, NULL, "B is worse than A");
  case AB_CANNOT_TELL:
    return arguments_switch(comparing->arguments, "--gate") ||
           error_set(error, ERROR_UNDECIDED, NULL, "A and B cannot be told apart");
  default: return true;
  }
}

static bool finish(Comparing *comparing, const EntryFacts *facts, const json_t *before,
                   Error *error) {
  json_t *after = trust_of_moment("");
  json_t *document = ab_document(&comparing->options, &comparing->outcome, facts, before, after);
  char *path = ab_document_write(document, arguments_text(comparing->arguments, "--output-dir"),
                                 facts->model_id, error);
  bool done = path && print(comparing, document, path, error) && judge(comparing, error);
  memory_free(path);
  json_decref(document);
  json_decref(after);
  return done;
}

static bool compare(Comparing *comparing, Error *error) {
  char *const worker[] = {"attometer", "worker", NULL};
  Repository repository = results_options_repository(comparing->arguments);
  if (!read_sides(comparing, error) || !read_binary(comparing, error) ||
      !open_model(comparing, error))
    return false;
  comparing->interrupt = interrupt_open(error);
  if (comparing->interrupt < 0) return false;
  set_options(comparing, worker);
  comparing->trust = trust_of_run(comparing->model.path, &repository, error);
  if (!comparing->trust) return false;
  EntryFacts facts = {.model_id = arguments_text(comparing->arguments, "--model-id"),
                      .repository = repository,
                      .trust = comparing->trust,
                      .pinned = comparing->options.stock.pin};
  json_t *before = trust_of_moment("");
  bool done = ab_run(&comparing->options, &comparing->outcome, error) &&
              finish(comparing, &facts, before, error);
  json_decref(before);
  return done;
}

static bool run(const Arguments *arguments, Error *error) {
  Comparing comparing = {.arguments = arguments, .interrupt = -1};
  comparing.progress =
      progress_open(results_options_log_level(arguments) < LOG_WARNING ? stderr : NULL);
  bool done = compare(&comparing, error);
  progress_close(&comparing.progress);
  interrupt_close(comparing.interrupt);
  ab_free(&comparing.outcome);
  json_decref(comparing.trust);
  model_prompts_close(&comparing.prompts);
  model_argument_free(&comparing.model);
  free(comparing.binary);
  return done;
}

const Command command_ab = {
    .name = "ab",
    .summary = "tell which of two scenarios is better, and how surely",
    .arguments = "A B",
    .description =
        "Runs two scenarios against each other on this machine now. A and B are each a file with "
        "one scenario (.json) or flags of attometer run in one text; flags that both share stand "
        "beside them once, and a side's own override them. Every round runs both in random order, "
        "each in a process of its own, until better or worse is certain enough, a difference is "
        "too small to matter, or a budget is spent. Both must give right results.\n\n"
        "Where A and B do not differ, any verdict at all has a chance of at most 5 %, however "
        "noisy the machine is; docs/comparing.md says why. The exit code is 0 where B is better "
        "or the same, 1 where it is worse in any metric, 10 where that cannot be told (0 with "
        "--gate), 9 where a side's results are wrong.",
    .examples =
        "attometer ab \"--attn-implementation eager\" \"--attn-implementation sdpa\" --model-id "
        "preset:smollm2-135m -s 128 -n 32\n"
        "attometer ab \"--attn-implementation sdpa\" --binary-b ./attometer-new --model-id "
        "preset:smollm2-135m --gate",
    .tables = {&model_options, &repetition_options, &run_scenario_options, &engine_options_lists,
               &output_options},
    .run = run,
};
