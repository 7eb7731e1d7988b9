// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"
#include "base/array.h"
#include "bench/generation/support.h"
#include <string.h>

static const Option scenario_rows[] = {
    {.flag = "--warmup",
     .letter = 'w',
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = SCENARIO_MAX_ITERATIONS,
     .standard = "3",
     .help = "runs before the measured ones"},
    {.flag = "--iterations",
     .letter = 'i',
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = SCENARIO_MAX_ITERATIONS,
     .standard = "10",
     .help = "measured runs"},
    {.flag = "--batch-size",
     .letter = 'b',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = SCENARIO_MAX_BATCH,
     .standard = "1",
     .help = "sequences at once"},
    {.flag = "--sequence-length",
     .letter = 's',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = SCENARIO_MAX_TOKENS,
     .standard = "128",
     .help = "tokens of the prompt, exactly"},
    {.flag = "--num-tokens-to-generate",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 2,
     .most = SCENARIO_MAX_TOKENS,
     .standard = "128",
     .help =
         "new tokens of each sequence, exactly; at least 2, or there is no inter-token latency"},
    {.flag = "--config-file",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "scenarios from a .json or .jsonl file; flags given here override it, lists multiply"},
    {.flag = "--no-gpu-monitoring",
     .kind = OPTION_SWITCH,
     .help = "do not watch the GPU while it runs"},
    {.flag = "--timeout",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0.01,
     .most = 1e7,
     .standard = "3600",
     .help = "end a scenario that takes longer, and go on with the next"},
};

static const Option output_rows[] = {
    {.flag = "--output-dir",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .standard = "benchmark_results",
     .help = "results go to FOLDER/MODEL/MODEL_benchmark_TIME.json"},
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|markdown|csv|json|jsonl",
     .standard = "table",
     .help = "how to print the results"},
    {.flag = "--resume",
     .kind = OPTION_SWITCH,
     .help =
         "go on with the newest results of this model: what was measured is not measured again"},
    {.flag = "--log-level",
     .kind = OPTION_CHOICE,
     .choices = "DEBUG|INFO|WARNING|ERROR",
     .standard = "INFO",
     .help = "what to say beside the results: progress and warnings, warnings, or neither"},
    {.flag = "--branch-name",
     .kind = OPTION_TEXT,
     .placeholder = "NAME",
     .standard_help = "of the .git folder here",
     .help = "branch to record with the results"},
    {.flag = "--commit-id",
     .kind = OPTION_TEXT,
     .placeholder = "ID",
     .standard_help = "of the .git folder here",
     .help = "commit to record with the results"},
    {.flag = "--commit-message",
     .kind = OPTION_TEXT,
     .placeholder = "TEXT",
     .standard_help = "of the .git folder here",
     .help = "its message"},
};

static const Option later_rows[] = {
    {.flag = "--level", .kind = OPTION_INTEGER, .later = true, .help = "coverage of the matrix"},
    {.flag = "--compile-mode",
     .kind = OPTION_TEXT,
     .list = true,
     .later = true,
     .help = "compile the model's step"},
    {.flag = "--kernelize",
     .kind = OPTION_TEXT,
     .list = true,
     .later = true,
     .help = "swap layers for fused kernels"},
    {.flag = "--continuous-batching",
     .kind = OPTION_TEXT,
     .list = true,
     .later = true,
     .help = "paged cache and a scheduler"},
    {.flag = "--num-tokens-to-profile",
     .letter = 'p',
     .kind = OPTION_INTEGER,
     .later = true,
     .help = "write a profile of this many tokens"},
    {.flag = "--enable-tp", .kind = OPTION_SWITCH, .later = true, .help = "tensor parallel"},
    {.flag = "--push-result-to-dataset",
     .kind = OPTION_TEXT,
     .later = true,
     .help = "upload the results"},
};

const OptionTable run_scenario_options = OPTION_TABLE("Scenarios", scenario_rows);
const OptionTable run_output_options = OPTION_TABLE("Results", output_rows);
const OptionTable run_later_options = OPTION_TABLE("Later work", later_rows);

typedef ARRAY_OF(int64_t) Integers;
typedef ARRAY_OF(const char *) Texts;

// The values of a flag that was given, or, `always`, its default.
static Integers integers_of(const Arguments *arguments, const char *flag, bool always) {
  Integers values = {0};
  if (!always && !arguments_given(arguments, flag)) return values;
  for (size_t i = 0; i < arguments_count(arguments, flag); i++)
    ARRAY_APPEND(&values, arguments_integer_at(arguments, flag, i));
  return values;
}

static Texts texts_of(const Arguments *arguments, const char *flag) {
  Texts values = {0};
  for (size_t i = 0; arguments_given(arguments, flag) && i < arguments_count(arguments, flag); i++)
    ARRAY_APPEND(&values, arguments_text_at(arguments, flag, i));
  return values;
}

// The engine's flags that were given. Those that say what is the case anyway (all threads, the
// first device) do not count as different from the default, so that names stay the peer's.
static bool set_engine(const Arguments *arguments, Scenario *scenario, Error *error) {
  static const char *const flags[] = {"--cpu-mask", "--sdpa-backend"};
  bool sdpa = strcmp(scenario->attn_implementation, "sdpa") == 0;
  char *fields[] = {scenario->cpu_mask, scenario->sdpa_backend};
  if (arguments_given(arguments, "--threads"))
    scenario->threads = arguments_integer(arguments, "--threads");
  if (scenario->threads == engine_options_cores()) scenario->threads = 0;
  if (strcmp(scenario->device, "cpu") == 0) scenario->device[0] = '\0';
  for (size_t i = 0; i < COUNT_OF(flags); i++) {
    bool applies = arguments_given(arguments, flags[i]) && (i == 0 || sdpa);
    if (applies &&
        !scenario_set_word(fields[i], arguments_text(arguments, flags[i]), flags[i], error))
      return false;
  }
  return true;
}

// One scenario with one attention ("" leaves what it has).
static bool add_base(const Arguments *arguments, const Scenario *from, const char *attention,
                     Scenarios *bases, Error *error) {
  Scenario scenario = *from;
  if (attention[0]) {
    scenario.name[0] = '\0';
    if (!scenario_set_word(scenario.attn_implementation, attention, "--attn-implementation", error))
      return false;
  }
  if (!set_engine(arguments, &scenario, error)) return false;
  ARRAY_APPEND(bases, scenario);
  return true;
}

// Every attention that was given (or those of `standard`) with every scenario of `from`.
static bool add_bases(const Arguments *arguments, const Scenarios *from, const Texts *attentions,
                      Scenarios *bases, Error *error) {
  for (size_t i = 0; i < from->count; i++) {
    if (attentions->count == 0 && !add_base(arguments, &from->items[i], "", bases, error))
      return false;
    for (size_t j = 0; j < attentions->count; j++)
      if (!add_base(arguments, &from->items[i], attentions->items[j], bases, error)) return false;
  }
  return true;
}

// Without a file: one scenario of defaults and, while there are no levels, eager and sdpa.
static bool make_bases(const Arguments *arguments, Scenarios *bases, Error *error) {
  const char *path = arguments_text(arguments, "--config-file");
  Texts attentions = texts_of(arguments, "--attn-implementation");
  Scenarios from = {0};
  bool done = true;
  if (path) {
    done = scenario_file_read(path, &from, error);
  } else {
    ARRAY_APPEND(&from, scenario_standard());
    if (attentions.count == 0) {
      ARRAY_APPEND(&attentions, "eager");
      ARRAY_APPEND(&attentions, "sdpa");
    }
  }
  done = done && add_bases(arguments, &from, &attentions, bases, error);
  ARRAY_FREE(&from);
  ARRAY_FREE(&attentions);
  return done;
}

bool run_options_matrix(const Arguments *arguments, ScenarioMatrix *matrix, Error *error) {
  static const bool unmonitored[] = {false};
  bool always = !arguments_given(arguments, "--config-file");
  Integers lists[] = {integers_of(arguments, "--warmup", always),
                      integers_of(arguments, "--iterations", always),
                      integers_of(arguments, "--batch-size", always),
                      integers_of(arguments, "--sequence-length", always),
                      integers_of(arguments, "--num-tokens-to-generate", always)};
  Texts dtypes = texts_of(arguments, "--dtype");
  MatrixAxes axes = {
      .dtypes = dtypes.items,
      .dtype_count = dtypes.count,
      .warmups = lists[0].items,
      .warmup_count = lists[0].count,
      .iterations = lists[1].items,
      .iteration_count = lists[1].count,
      .batch_sizes = lists[2].items,
      .batch_size_count = lists[2].count,
      .sequence_lengths = lists[3].items,
      .sequence_length_count = lists[3].count,
      .tokens = lists[4].items,
      .token_count = lists[4].count,
      .monitoring = unmonitored,
      .monitoring_count = arguments_switch(arguments, "--no-gpu-monitoring") ? 1 : 0,
  };
  Scenarios bases = {0};
  RuleFacts facts = support_rule_facts();
  *matrix = (ScenarioMatrix){0};
  bool done = make_bases(arguments, &bases, error) &&
              scenario_matrix_build(&bases, &axes, RULES_ALL, &facts, matrix, error);
  for (size_t i = 0; i < COUNT_OF(lists); i++) ARRAY_FREE(&lists[i]);
  ARRAY_FREE(&dtypes);
  ARRAY_FREE(&bases);
  return done;
}
