// SPDX-License-Identifier: Apache-2.0
#include "cli/command_attention.h"
#include "cli/attention_lists.h"
#include "cli/attention_options.h"
#include "cli/attention_run.h"
#include "cli/attention_single.h"
#include "cli/output.h"
#include <string.h>

static bool print(Text *text) {
  output_write(text_span(text).data, text->size);
  text_free(text);
  return true;
}

// Lists that need no sweep. False: none was asked for.
static bool print_lists(const Arguments *arguments) {
  Text text = {0};
  if (arguments_switch(arguments, "--list-mods")) attention_lists_mods(&text);
  if (arguments_switch(arguments, "--list-backends")) attention_lists_backends(&text);
  return text.size > 0 && print(&text);
}

static bool print_config(const AttentionSweep *sweep, const char *form) {
  Text text = {0};
  attention_sweep_print(sweep, strcmp(form, "yaml") == 0, &text);
  return print(&text);
}

static bool print_cells(const AttentionSweep *sweep, const SweepCells *cells) {
  Text text = {0};
  attention_lists_cells(sweep, cells, &text);
  return print(&text);
}

static bool measure(const Arguments *arguments, const AttentionSweep *sweep, Error *error) {
  SweepCells cells;
  bool done = sweep_cells_expand(sweep, &cells, error);
  if (done && arguments_switch(arguments, "--dry-run"))
    print_cells(sweep, &cells);
  else if (done)
    done = attention_run(arguments, sweep, &cells, error);
  sweep_cells_free(&cells);
  return done;
}

static bool run(const Arguments *arguments, Error *error) {
  if (print_lists(arguments)) return true;
  AttentionSweep *sweep = attention_options_sweep(arguments, error);
  if (!sweep) return false;
  const char *form = arguments_text(arguments, "--print-config");
  bool done = form                                 ? print_config(sweep, form)
              : attention_single_wanted(arguments) ? attention_single_run(arguments, sweep, error)
                                                   : measure(arguments, sweep, error);
  attention_sweep_close(sweep);
  return done;
}

const Command command_attention = {
    .name = "attention",
    .summary = "benchmark attention itself",
    .description =
        "Measures implementations of attention over batches, heads, lengths, head dimensions and "
        "patterns: lists give their product. Patterns are expressions in the words of "
        "FlexAttention, named ones or your own. Every result is compared with a float64 "
        "reference before its time counts, and every time stands as a share of the machine's "
        "multiply-add peak and read bandwidth, measured beside it.\n\n"
        "Configuration files, flags and CSV columns are those of PyTorch's score_mod.py and "
        "attention-gym's flex_perf.py; docs/attention.md tells what each back end and each column "
        "is.\n\n"
        "With --load and --save it runs one case on tensors from files and writes what comes out, "
        "for anybody to check.",
    .examples = "attometer attention --config configs/attention/basic.yaml --max-seq 2048\n"
                "attometer attention -b 1 -nh 8,2 -s 512 1024 -d 64 -mods causal alibi \\\n"
                "  --backend fav2 math --calculate-bwd --plot attention.svg\n"
                "attometer attention -b 1 -s 1024 -d 64 --mask 'q_idx // 64 == kv_idx // 64'\n"
                "attometer attention --load case --save result --backend fav2 --mods causal",
    .tables = {&attention_sweep_options, &attention_pattern_options, &attention_measure_options,
               &attention_output_options, &attention_cell_options, &attention_list_options,
               &kernel_options},
    .run = run,
};
