// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"
#include "bench/levels.h"
#include "bench/scenario.h"
#include "cli/results_options.h"

static const Option repetition_rows[] = {
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
};

static const Option scenario_rows[] = {
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
    {.flag = "--depth",
     .letter = 'd',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 0,
     .most = SCENARIO_MAX_TOKENS,
     .standard = "0",
     .help = "tokens that the cache holds before the prompt: filled once, every run begins behind "
             "them"},
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

static const Option matrix_rows[] = {
    {.flag = "--level",
     .kind = OPTION_INTEGER,
     .least = LEVEL_LEAST,
     .most = LEVEL_MOST,
     .placeholder = "N",
     .help = "coverage of the matrix, from one scenario (0) to every combination (4); not with the "
             "axes themselves"},
    {.flag = "--continuous-batching",
     .kind = OPTION_CHOICE,
     .list = true,
     .choices = "off|on",
     .implied = "on",
     .standard = "off",
     .help = "paged cache and a scheduler in place of a batch that runs as one"},
    {.flag = "--rules",
     .kind = OPTION_CHOICE,
     .list = true,
     .choices = "all|none|fa2-unavailable|fa2-compile|flex-batching|batching-mode",
     .standard = "all",
     .help = "validity rules that turn what is asked for into what the peer would run"},
    {.flag = "--list",
     .kind = OPTION_SWITCH,
     .help = "print the matrix with what each rule did and an estimate of time and memory, and run "
             "nothing"},
};

static const Option output_rows[] = {
    {.flag = "--output-dir",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .standard = "benchmark_results",
     .help = "results go to FOLDER/MODEL/MODEL_benchmark_TIME.json"},
    OUTPUT_FORMAT_ROW,
    {.flag = "--resume",
     .kind = OPTION_SWITCH,
     .help =
         "go on with the newest results of this model: what was measured is not measured again"},
    LOG_LEVEL_ROW,
    BRANCH_NAME_ROW,
    COMMIT_ID_ROW,
    COMMIT_MESSAGE_ROW,
};

static const Option later_rows[] = {
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

const OptionTable run_repetition_options = OPTION_TABLE("Repetitions", repetition_rows);
const OptionTable run_scenario_options = OPTION_TABLE("Scenarios", scenario_rows);
const OptionTable run_matrix_options = OPTION_TABLE("Matrix", matrix_rows);
const OptionTable run_output_options = OPTION_TABLE("Results", output_rows);
const OptionTable run_later_options = OPTION_TABLE("Later work", later_rows);
