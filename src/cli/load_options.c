// SPDX-License-Identifier: Apache-2.0
#include "cli/load_options.h"

static const Option rows[] = {
    {.flag = "--requests",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "a load of requests, one JSON object a line: {\"prompt\": text, \"ids\": [int] or "
             "\"prompt_tokens\": int, \"max_new_tokens\": int, \"arrival_s\": seconds}"},
    {.flag = "--arrivals",
     .kind = OPTION_TEXT,
     .placeholder = "PATTERN",
     .standard = "all",
     .help = "when requests arrive: all (at the start), rate:R or poisson:R (R a second), "
             "burst:N,T (N every T seconds), concurrency:C (C at once)"},
    {.flag = "--request-count",
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = LOAD_MOST_REQUESTS,
     .placeholder = "N",
     .standard_help = "the batch size",
     .help = "requests of --arrivals, each the scenario's prompt and new tokens"},
    {.flag = "--arrival-seed",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = 1e15,
     .placeholder = "N",
     .standard = "0",
     .help = "of the arrivals that are drawn"},
    {.flag = "--ttft-bound",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0,
     .most = 1e6,
     .standard = "0",
     .help = "goodput counts requests whose first token comes within this time; 0: any"},
    {.flag = "--itl-bound",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0,
     .most = 1e6,
     .standard = "0",
     .help = "goodput counts requests whose tokens follow each other within this time, on the "
             "mean; 0: any"},
    {.flag = "--scheduler",
     .kind = OPTION_CHOICE,
     .choices = "fifo|prefill_first",
     .standard = "fifo",
     .help = "what a step takes first: tokens of requests that decode, or prompts"},
    {.flag = "--token-budget",
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = 1 << 20,
     .standard = "512",
     .help = "most tokens of one step"},
    {.flag = "--max-sequences",
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = LOAD_MOST_SEQUENCES,
     .standard = "256",
     .help = "most requests that run at once"},
    {.flag = "--block-size",
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = 1 << 16,
     .standard = "256",
     .help = "tokens of a block of the paged cache"},
    {.flag = "--cache-blocks",
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = 1 << 24,
     .placeholder = "N",
     .standard_help = "enough for all that run at once",
     .help = "blocks of the paged cache; with too few, requests are computed anew"},
    {.flag = "--share-prefixes",
     .kind = OPTION_SWITCH,
     .help = "requests that begin alike hold the blocks of their beginning together"},
};

const OptionTable load_options = OPTION_TABLE("Continuous batching", rows);

bool load_options_given(const Arguments *arguments) {
  return arguments_given(arguments, "--requests") || arguments_given(arguments, "--arrivals") ||
         arguments_given(arguments, "--request-count");
}

static bool check_source(const Arguments *arguments, Error *error) {
  if (!arguments_given(arguments, "--requests")) return true;
  const char *const others[] = {"--arrivals", "--request-count"};
  for (size_t i = 0; i < COUNT_OF(others); i++)
    if (arguments_given(arguments, others[i]))
      return error_set(error, ERROR_ARGUMENT, "--requests",
                       "given together with %s, expected one or the other: the file says how many "
                       "there are and when they arrive",
                       others[i]);
  return true;
}

bool load_options_plan(const Arguments *arguments, const LoadPrompts *prompts, Arena *arena,
                       LoadPlan *plan, Error *error) {
  const char *file = arguments_text(arguments, "--requests");
  *plan = (LoadPlan){.seed = (uint64_t)arguments_integer(arguments, "--arrival-seed"),
                     .count = arguments_integer(arguments, "--request-count"),
                     .scheduler = arguments_text(arguments, "--scheduler"),
                     .token_budget = arguments_integer(arguments, "--token-budget"),
                     .block_size = arguments_integer(arguments, "--block-size"),
                     .blocks = arguments_integer(arguments, "--cache-blocks"),
                     .max_sequences = arguments_integer(arguments, "--max-sequences"),
                     .share_prefixes = arguments_switch(arguments, "--share-prefixes"),
                     .ttft_bound = arguments_real(arguments, "--ttft-bound"),
                     .itl_bound = arguments_real(arguments, "--itl-bound")};
  if (!check_source(arguments, error)) return false;
  if (file) return load_file_read(file, prompts, arena, plan, error);
  return arrivals_parse(arguments_text(arguments, "--arrivals"), false, &plan->arrivals, error);
}
