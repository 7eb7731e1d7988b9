// SPDX-License-Identifier: Apache-2.0
#include "bench/levels.h"
#include <stdio.h>

const char *const level_attentions[4] = {"flash_attention_2", "eager", "sdpa", "flex_attention"};

// The compile modes of the product, the order of running; NULL: not compiled. Level 3 takes the
// first two.
static const char *const modes[] = {NULL, "default", "reduce-overhead", "max-autotune",
                                    "max-autotune-no-cudagraphs"};

// What the levels below the products add. Compiled ones are in the peer's default mode.
static const struct {
  int level;
  const char *attention;
  bool compiled, kernelize, batching;
} additions[] = {
    {0, "flex_attention", true, false, false},
    {1, "flash_attention_2", false, false, false},
    {1, "eager", true, false, false},
    {1, "flash_attention_2", false, false, true},
    {2, "sdpa", true, false, false},
    {2, "flex_attention", true, true, false},
    {2, "flash_attention_2", false, true, false},
    {2, "sdpa", false, false, true},
};

static void append(Scenarios *scenarios, const char *attention, CompileKwargs compile,
                   bool kernelize, bool batching) {
  Scenario scenario = scenario_standard();
  snprintf(scenario.attn_implementation, sizeof scenario.attn_implementation, "%s", attention);
  scenario.compile = compile;
  scenario.kernelize = kernelize;
  scenario.continuous_batching = batching;
  ARRAY_APPEND(scenarios, scenario);
}

static void append_product(size_t mode_count, Scenarios *scenarios) {
  for (size_t attention = 0; attention < COUNT_OF(level_attentions); attention++)
    for (size_t mode = 0; mode < mode_count; mode++)
      for (int choice = 0; choice < 4; choice++)
        append(scenarios, level_attentions[attention],
               modes[mode] ? compile_kwargs_mode(modes[mode]) : compile_kwargs_none(), choice & 2,
               choice & 1);
}

void levels_append(int64_t level, Scenarios *scenarios) {
  if (level >= 3) {
    append_product(level == 3 ? 2 : COUNT_OF(modes), scenarios);
    return;
  }
  for (size_t i = 0; i < COUNT_OF(additions); i++)
    if (additions[i].level <= level)
      append(scenarios, additions[i].attention,
             additions[i].compiled ? compile_kwargs_mode(NULL) : compile_kwargs_none(),
             additions[i].kernelize, additions[i].batching);
}
